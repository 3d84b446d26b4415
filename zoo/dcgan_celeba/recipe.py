"""DCGAN on faces of CelebA, 64 pixels, in colour.

Paper:     Radford, Metz, Chintala (2016), Unsupervised Representation Learning with Deep Convolutional GANs
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.dcgan_celeba.recipe runs
Expected:  recognizable faces; one in five is distorted
Time:      see card.json

The networks have 32 channels next to the image. The model is trained on the first 8,000 images. As these are few, real
and generated images are randomly mirrored and adaptively augmented before the discriminator (Karras et al. 2020). The
entry has the weights after 70 of the 120 epochs, when the learning rate has started to fall.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "celeba64"
SEED = 0
EPOCHS = 120
NUM_TRAIN = 8_000
PRECISION = "mixed_bfloat16"
ABOUT = {
    "description": "DCGAN on faces of CelebA, 64 pixels. For non-commercial research only, as the data are.",
    "paper": {
        "title": "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        "authors": "Radford, Metz, Chintala",
        "year": 2016,
        "url": "https://arxiv.org/abs/1511.06434",
    },
    "data": DATA,
    "headline": "frechet_distance",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.DCGAN(image_size=64, width=32, seed=SEED)
    augment = [keras.layers.RandomFlip("horizontal", seed=SEED), kerasgan.augment.AdaptiveAugment(ramp=200_000)]
    adams = recipes.falling_adams(EPOCHS * (NUM_TRAIN // 64))
    model.compile(*adams, augment=augment, ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(batch_size=64, shuffle=True, num_images=NUM_TRAIN, image_size=64):
    """Returns the first faces."""
    folder = recipes.data_folder(DATA) / "images"
    faces = kerasgan.data.image_folder(folder, image_size, batch_size=9_000, shuffle=False)
    first = np.concatenate(list(faces.as_numpy_iterator()))[:num_images]
    return kerasgan.data.from_arrays(first, batch_size, shuffle=shuffle, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the distances of generated faces from the 1,000 held-out ones."""
    images = next(dataset(9_000, shuffle=False, num_images=None).as_numpy_iterator())
    unseen = images[NUM_TRAIN:]
    fake = model.generate(len(unseen), seed=1)
    return score_translations(fake, unseen, images[: len(unseen)], DATA, paired=False, seed=1)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
