"""Pix2Pix from label maps to photos of facades, 256 pixels.

Paper:     Isola, Zhu, Zhou, Efros (2017), Image-to-Image Translation with Conditional Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_facades.recipe runs
Expected:  facades with windows, doors and balconies where the labels have them
Time:      see card.json

The networks are the paper's with 24 channels next to the image instead of 64, so G has 15 MB.
"""

import sys

import keras

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "facades"
SEED = 0
PRECISION = "mixed_bfloat16"
EPOCHS = 100
SIZE = 256
NETWORKS = ["generator"]
ABOUT = {
    "description": "Pix2Pix from label maps to photos of facades, 256 pixels.",
    "paper": {
        "title": "Image-to-Image Translation with Conditional Adversarial Networks",
        "authors": "Isola, Zhu, Zhou, Efros",
        "year": 2017,
        "url": "https://arxiv.org/abs/1611.07004",
    },
    "data": DATA,
    "headline": "frechet_distance",
    "picture": "Columns: label map, translation, photo, twice. Test images.",
}


def model(**options):
    """Returns the compiled model; `options` override arguments of `compile`."""
    model = kerasgan.Pix2Pix(image_size=SIZE, width=24, seed=SEED)
    model.compile(**({"ema_decay": 0.999, "steps_per_execution": 10} | options))
    return model


def dataset(split="train", batch_size=1):
    """Returns the pairs, (labels, photo): shuffled and jittered for training, else in order."""
    training = split == "train" and batch_size == 1
    return kerasgan.data.paired_folder(
        recipes.data_folder(DATA) / split,
        SIZE,
        direction="b_to_a",
        jitter=training,
        shuffle=training,
        batch_size=batch_size,
        seed=SEED,
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, **options):
    """Trains with checkpoints, and returns the model with its last weights."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(**options), data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores on the 106 test pairs."""
    labels, photos = next(dataset("test", 106).as_numpy_iterator())
    others = next(dataset("train", 106).as_numpy_iterator())[1]
    return score_translations(model.translate(labels, seed=1), photos, others, DATA, paired=True, seed=1)


def pictures(model):
    """Returns eight test pairs, two in a row: labels | translation | photo."""
    rows = model.preview(next(dataset("test", 8).as_numpy_iterator()), num_images=24)
    return rows.reshape((4, 6, *rows.shape[2:]))


def sample(model):
    """Returns the call with the recorded output."""
    labels, _ = next(dataset("test", 8).as_numpy_iterator())
    return {"method": "translate", "arguments": {"images": labels[:1], "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
