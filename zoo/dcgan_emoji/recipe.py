"""DCGAN on emoji, 64 pixels, in colour.

Paper:     Radford, Metz, Chintala (2016), Unsupervised Representation Learning with Deep Convolutional GANs
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.dcgan_emoji.recipe runs
Expected:  recognizable people, couples and faces; rarer emoji are distorted
Time:      see card.json

The model is trained on all 3,569 emoji, with augmentation, so the scores use training images. The networks have 32
channels next to the image.
"""

import sys

import keras

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "noto_emoji"
SEED = 0
EPOCHS = 110
ABOUT = {
    "description": "DCGAN on emoji, 64 pixels: people and faces.",
    "paper": {
        "title": "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        "authors": "Radford, Metz, Chintala",
        "year": 2016,
        "url": "https://arxiv.org/abs/1511.06434",
    },
    "data": DATA,
    "headline": "frechet_distance",
}


def model():
    """Returns the compiled model."""
    model = kerasgan.DCGAN(image_size=64, width=32, seed=SEED)
    model.compile(*recipes.falling_adams(EPOCHS * 55), augment="diffaugment", ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(batch_size=64):
    """Returns the emoji on white."""
    return kerasgan.data.image_folder(recipes.data_folder(DATA) / "images", 64, batch_size=batch_size, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the distances of 1,700 generated emoji from as many real ones."""
    images = next(dataset(batch_size=3400).as_numpy_iterator())
    half = len(images) // 2
    fake = model.generate(half, seed=1)
    return score_translations(fake, images[:half], images[half:], DATA, paired=False, seed=1, split="train")


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
