"""SAGAN on the Oxford flowers, 64 pixels, 102 classes.

Paper:     Zhang, Goodfellow, Metaxas, Odena (2019), Self-Attention Generative Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.sagan_flowers.recipe runs
Expected:  recognizable flowers
Time:      see card.json

The networks are the paper's with 32 channels next to the image. The 6,552 images are augmented.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "flowers102"
SEED = 0
EPOCHS = 200
NUM_CLASSES = 102
ABOUT = {
    "description": "SAGAN on flowers of 102 classes, 64 pixels.",
    "paper": {
        "title": "Self-Attention Generative Adversarial Networks",
        "authors": "Zhang, Goodfellow, Metaxas, Odena",
        "year": 2019,
        "url": "https://arxiv.org/abs/1805.08318",
    },
    "data": DATA,
    "headline": "frechet_distance",
    "picture": "Rows: eight of the 102 classes. Columns: eight latents, the same in each row.",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.SAGAN(image_size=64, num_classes=NUM_CLASSES, width=32, seed=SEED)
    model.compile(augment="diffaugment", ema_decay=0.999, steps_per_execution=5)
    return model


def dataset(split="train", batch_size=64):
    """Returns flowers and their classes."""
    folder = recipes.data_folder(DATA)
    options = {"labels": True, "shuffle": split == "train", "seed": SEED, "batch_size": batch_size}
    return kerasgan.data.captioned_folder(folder, 64, split=split, **options).map(_without_text)


def _without_text(images, text, labels):
    return images, labels


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the distances between generated flowers and the test images of the same classes."""
    images, labels = next(dataset("test", 2000).as_numpy_iterator())
    others = next(dataset("train", 2000).as_numpy_iterator())[0][: len(images)]
    fake = model.generate(len(labels), labels=labels, seed=1)
    return score_translations(fake, images, others, DATA, paired=False, seed=1)


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "generate", "arguments": {"num_images": 1, "labels": np.full(1, 50, "int32"), "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
