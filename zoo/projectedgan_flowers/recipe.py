"""Projected GAN on the Oxford flowers, 64 pixels.

Paper:     Sauer, Chitta, Mueller, Geiger (2021), Projected GANs Converge Faster
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.projectedgan_flowers.recipe runs
Expected:  Fréchet distance 49 from unseen flowers, by EfficientNet-Lite1
Time:      75 minutes on one core of an AMD EPYC, beside other work

The generator has a quarter of the paper's channels, and images are resized to 128 instead of 224 pixels for their
features. The discriminators, the projections and the rates are the paper's. The batch size and the half-life of the
averaged generator in images are half of the authors'. The scores use another network than the features.

By the same protocol (`rival.py`), `sagan_flowers` has a distance of 42.7. It is trained with classes, on 24 times
as many images.
"""

import sys

import keras

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "flowers102"
SEED = 0
EPOCHS = 8
BATCH_SIZE = 32
PRECISION = "mixed_bfloat16"
# The model is trained with EfficientNet-Lite0.
EXTRACTOR = "efficientnet_lite1"
ABOUT = {
    "description": "Projected GAN on flowers, 64 pixels, with features of EfficientNet-Lite0. "
    "Scored by EfficientNet-Lite1. Needs the extra `natural`.",
    "paper": {
        "title": "Projected GANs Converge Faster",
        "authors": "Sauer, Chitta, Müller, Geiger",
        "year": 2021,
        "url": "https://arxiv.org/abs/2111.01007",
    },
    "data": DATA,
    "headline": "frechet_distance",
}
NETWORKS = ["generator"]  # D has 21 MB, and its feature network is in a package


def model():
    """Returns the compiled model."""
    model = kerasgan.ProjectedGAN(image_size=64, width=32, feature_size=128, seed=SEED)
    model.compile(
        augment=[keras.layers.RandomFlip("horizontal", seed=SEED), kerasgan.augment.DiffAugment()],
        ema_decay=kerasgan.schedules.HalfLife(10_000, BATCH_SIZE, ramp=0.05),
        steps_per_execution=4,
    )
    return model


def dataset(split="train", batch_size=BATCH_SIZE):
    """Returns flowers."""
    folder = recipes.data_folder(DATA)
    options = {"shuffle": split == "train", "seed": SEED, "batch_size": batch_size}
    return kerasgan.data.captioned_folder(folder, 64, split=split, **options).map(_without_text)


def _without_text(images, text):
    return images


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(), data, epochs, steps_per_epoch, every_n_steps=52)


def score(model):
    """Returns the distances of generated flowers from as many test images."""
    images = next(dataset("test", 2000).as_numpy_iterator())
    others = next(dataset("train", 2000).as_numpy_iterator())[: len(images)]
    fake = model.generate(len(images), seed=1)
    return score_translations(fake, images, others, DATA, paired=False, seed=1, extractor=EXTRACTOR)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
