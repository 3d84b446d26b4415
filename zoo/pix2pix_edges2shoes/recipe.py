"""Pix2Pix from edges to shoes at 128 pixels.

Paper:     Isola, Zhu, Zhou, Efros (2017), Image-to-Image Translation with Conditional Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_edges2shoes.recipe runs
Expected:  L1 0.179 and SSIM 0.680 on 200 validation pairs: shoes of the right outline, with muddy colours
Time:      4 minutes on an NVIDIA H100; no weights are published

The networks are the paper's with 24 channels next to the image instead of 64, and batches of 8.
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_translations

DATA = "edges2shoes"
SEED = 0
EPOCHS = 60
SIZE = 128
ABOUT = {
    "description": "Pix2Pix from edges to photos of shoes, 128 pixels.",
    "paper": {
        "title": "Image-to-Image Translation with Conditional Adversarial Networks",
        "authors": "Isola, Zhu, Zhou, Efros",
        "year": 2017,
        "url": "https://arxiv.org/abs/1611.07004",
    },
    "data": DATA,
    "headline": "frechet_distance",
    "picture": "Columns: edges, translation, photo. Validation images.",
}


def model(**options):
    """Returns the compiled model; `options` override arguments of `compile`."""
    model = kerasgan.Pix2Pix(image_size=SIZE, width=24, sampling_statistics="moving", seed=SEED)
    model.compile(**({"ema_decay": 0.999, "steps_per_execution": 5} | options))
    return model


def dataset(split="train", batch_size=8):
    """Returns the pairs, (edges, photo): shuffled and jittered for "train", in order for "val"."""
    training = split == "train"
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
    """Returns the scores on the 200 validation pairs."""
    edges, photos = next(dataset("val", 200).as_numpy_iterator())
    others = next(dataset("train", 200).as_numpy_iterator())[1]
    return score_translations(model.translate(edges, seed=1), photos, others, DATA, paired=True, seed=1)


def examples():
    """Returns validation pairs for the picture: edges | translation | photo."""
    return next(dataset("val", 8).as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "translate", "arguments": {"images": np.asarray(examples()[0][:1]), "seed": 1}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
