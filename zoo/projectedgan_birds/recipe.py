"""Projected GAN on the birds of CUB-200, 64 pixels.

Paper:     Sauer, Chitta, Mueller, Geiger (2021), Projected GANs Converge Faster
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.projectedgan_birds.recipe runs
Expected:  recognizable birds
Time:      see card.json

Model, training and extractor are those of projectedgan_flowers. Every eighth image is held out for the scores.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_translations
from kerasgan.zoo.projectedgan_flowers import recipe as flowers

DATA = "birds64"
SEED = 0
EPOCHS = 8
HELD_OUT = 8
PRECISION = flowers.PRECISION
ABOUT = {
    "description": "Projected GAN on birds, 64 pixels, with features of EfficientNet-Lite0. "
    "Scored by EfficientNet-Lite1. Needs the extra `natural`. For non-commercial research only, as the data are.",
    "paper": flowers.ABOUT["paper"],
    "data": DATA,
    "headline": "frechet_distance",
}
NETWORKS = flowers.NETWORKS
model = flowers.model


def images():
    """Returns all birds, in the order of their files."""
    return next(
        kerasgan.data.image_folder(
            recipes.data_folder(DATA) / "images", 64, batch_size=10_000, shuffle=False
        ).as_numpy_iterator()
    )


def dataset():
    """Returns the training images."""
    birds = images()
    return kerasgan.data.from_arrays(birds[np.arange(len(birds)) % HELD_OUT > 0], flowers.BATCH_SIZE, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(), data, epochs, steps_per_epoch, every_n_steps=52)


def score(model):
    """Returns the distances between generated birds and as many held-out birds."""
    birds = images()
    unseen, seen = birds[::HELD_OUT], birds[1::HELD_OUT]
    fake = model.generate(len(unseen), seed=1)
    others = seen[: len(unseen)]
    return score_translations(fake, unseen, others, DATA, paired=False, seed=1, extractor=flowers.EXTRACTOR)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
