"""Least squares GAN on handwritten digits.

Paper:     Mao et al. (2017), Least Squares Generative Adversarial Networks
Command:   python -m kerasgan.zoo.lsgan_mnist.recipe runs
Expected:  recognizability at least 0.60
Time:      see card.json
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
EPOCHS = 24
ABOUT = {
    "description": "Least squares GAN on handwritten digits.",
    "paper": {
        "title": "Least Squares Generative Adversarial Networks",
        "authors": "Mao et al.",
        "year": 2017,
        "url": "https://arxiv.org/abs/1611.04076",
    },
    "data": DATA,
    "headline": "recognizability",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.LSGAN(image_size=28, channels=1, latent_dim=100, width=32, seed=SEED)
    # 2e-4 is also the paper's rate for small images (section 4).
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
