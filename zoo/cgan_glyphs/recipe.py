"""Conditional GAN on glyphs, with the letter, its colour and its slant as conditions.

Paper:     Mirza, Osindero (2014), Conditional Generative Adversarial Nets
Command:   python -m kerasgan.zoo.cgan_glyphs.recipe runs
Expected:  letter_right and color_right at least 0.90, slant_correlation at least 0.8, of 2,000 images
Time:      see card.json
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.data import glyphs
from kerasgan.zoo import recipes, score_glyphs

DATA = "glyphs"
SEED = 0
EPOCHS = 10
NUM_IMAGES = 40_000
CHARACTERS = "ABCDEFGHKR"
GLYPHS = {"characters": CHARACTERS, "backgrounds": ["black"], "families": ["sans"]}
ABOUT = {
    "description": "Conditional GAN on glyphs, by letter, colour and slant.",
    "paper": {
        "title": "Conditional Generative Adversarial Nets",
        "authors": "Mirza, Osindero",
        "year": 2014,
        "url": "https://arxiv.org/abs/1411.1784",
    },
    "data": DATA,
    "headline": "letter_right",
    "picture": "Rows: ten letters. Columns: six latents, with colour, slant and weight of a real image.",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.ConditionalGAN(
        image_size=32,
        channels=3,
        num_classes={"letter": len(CHARACTERS), "color": len(glyphs.COLORS)},
        attributes={"slant": 1},
        networks="conv",
        width=32,
        prior="normal",
        seed=SEED,
    )
    model.compile(ema_decay=0.999, steps_per_execution=5)
    return model


def dataset():
    """Returns glyphs with their labels. Weight and position are not labels."""
    labels = ("letter", "color", "slant")
    return kerasgan.data.load(
        DATA, image_size=32, labels=labels, batch_size=64, seed=SEED, num_images=NUM_IMAGES, **GLYPHS
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of 2,000 images with the letters, colours and slants of the test images."""
    table = glyphs.attributes(2000, "test", seed=SEED, **GLYPHS)
    labels = {
        "letter": np.array([CHARACTERS.index(glyphs.CHARACTERS[i]) for i in table["letter"]], "int32"),
        "color": table["color"],
        "slant": table["slant"] / np.float32(glyphs.MAX_SLANT),
    }
    images = model.generate(labels=labels, seed=1)
    return score_glyphs(images, table, ("letter_right", "color_right", "slant_correlation"), seed=1)


def sample(model):
    """Returns the call with the recorded output."""
    labels = {"letter": [CHARACTERS.index("R")], "color": [0], "slant": [0.5]}
    return {"method": "generate", "arguments": {"labels": labels, "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
