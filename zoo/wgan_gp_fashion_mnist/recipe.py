"""Wasserstein GAN with gradient penalty on clothes.

Paper:     Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017), Improved Training of Wasserstein GANs
Command:   python -m kerasgan.zoo.wgan_gp_fashion_mnist.recipe runs
Expected:  recognizability at least 0.60
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "fashion_mnist"
SEED = 0
EPOCHS = 60
ABOUT = {
    "description": "Wasserstein GAN with gradient penalty on clothes.",
    "paper": {
        "title": "Improved Training of Wasserstein GANs",
        "authors": "Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville",
        "year": 2017,
        "url": "https://arxiv.org/abs/1704.00028",
    },
    "data": DATA,
    "headline": "recognizability",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.WGANGP(image_size=28, channels=1, width=40, seed=SEED)
    # Five updates of the critic per step, with 32 images each.
    model.compile(ema_decay=0.999, steps_per_execution=5)
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load(DATA, split="train", batch_size=32, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
