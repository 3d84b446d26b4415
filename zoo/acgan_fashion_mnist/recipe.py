"""Auxiliary classifier GAN on clothes.

Paper:     Odena, Olah, Shlens (2017), Conditional Image Synthesis with Auxiliary Classifier GANs
Command:   python -m kerasgan.zoo.acgan_fashion_mnist.recipe runs
Expected:  label_accuracy at least 0.92
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "fashion_mnist"
SEED = 0
EPOCHS = 5
ABOUT = {
    "description": "Auxiliary classifier GAN on clothes.",
    "paper": {
        "title": "Conditional Image Synthesis with Auxiliary Classifier GANs",
        "authors": "Odena, Olah, Shlens",
        "year": 2017,
        "url": "https://arxiv.org/abs/1610.09585",
    },
    "data": DATA,
    "headline": "label_accuracy",
    "picture": "Rows: the ten classes. Columns: six latents, the same in each row.",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.ACGAN(image_size=28, channels=1, width=72, seed=SEED)
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
