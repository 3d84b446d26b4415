"""Conditional GAN on handwritten digits.

Paper:     Mirza, Osindero (2014), Conditional Generative Adversarial Nets
Command:   python -m kerasgan.zoo.cgan_mnist.recipe runs
Expected:  label_accuracy at least 0.98
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
EPOCHS = 5
ABOUT = {
    "description": "Conditional GAN on handwritten digits.",
    "paper": {
        "title": "Conditional Generative Adversarial Nets",
        "authors": "Mirza, Osindero",
        "year": 2014,
        "url": "https://arxiv.org/abs/1411.1784",
    },
    "data": DATA,
    "headline": "label_accuracy",
    "picture": "Rows: the digits 0 to 9. Columns: six latents, the same in each row.",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.ConditionalGAN(networks="conv", width=48, seed=SEED)
    model.compile(ema_decay=0.999, steps_per_execution=10)
    return model


def dataset():
    """Returns the training images and their labels."""
    return kerasgan.data.load(DATA, split="train", labels=True, batch_size=64, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA, conditional=True)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
