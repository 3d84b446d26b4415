"""The first GAN, fully connected, on handwritten digits.

Paper:     Goodfellow et al. (2014), Generative Adversarial Networks
Command:   python -m kerasgan.zoo.gan_mnist.recipe runs
Expected:  recognizability at least 0.60
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
EPOCHS = 50
ABOUT = {
    "description": "The first GAN, fully connected, on handwritten digits.",
    "paper": {
        "title": "Generative Adversarial Networks",
        "authors": "Goodfellow et al.",
        "year": 2014,
        "url": "https://arxiv.org/abs/1406.2661",
    },
    "data": DATA,
    "headline": "recognizability",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.GAN(seed=SEED)
    model.compile(*recipes.falling_adams(EPOCHS * 930), ema_decay=0.999, steps_per_execution=10)
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load(DATA, split="train", batch_size=64, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
