"""DCGAN on Fashion-MNIST.

Paper:     Radford, Metz, Chintala (2016), Unsupervised Representation Learning with Deep Convolutional GANs
Command:   python -m kerasgan.zoo.dcgan_fashion_mnist.recipe runs
Expected:  recognizability at least 0.60
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "fashion_mnist"
SEED = 0
EPOCHS = 12
ABOUT = {
    "description": "DCGAN on clothes.",
    "paper": {
        "title": "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        "authors": "Radford, Metz, Chintala",
        "year": 2016,
        "url": "https://arxiv.org/abs/1511.06434",
    },
    "data": DATA,
    "headline": "recognizability",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.DCGAN(image_size=28, channels=1, width=48, seed=SEED)
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
