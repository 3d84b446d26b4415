"""Pix2Pix from edges to shoes at 64 pixels.

Paper:     Isola, Zhu, Zhou, Efros (2017), Image-to-Image Translation with Conditional Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.pix2pix_edges2shoes.recipe runs
"""

import os
import sys
from pathlib import Path

import keras

import kerasgan
from kerasgan.zoo import recipes

DATA = "edges2shoes"
SEED = 0
EPOCHS = 60
SIZE = 64


def model(**options):
    """Returns the compiled model; `options` of `compile` give the ablation of table 1.

    `adversarial_weight=0` is "L1" there, and `l1_weight=0` is "cGAN".
    """
    model = kerasgan.Pix2Pix(
        image_size=SIZE, width=32, receptive_field=34, sampling_statistics="moving", seed=SEED
    )  # a field of 70 pixels would be larger than the image
    model.compile(**({"ema_decay": 0.999, "steps_per_execution": 5} | options))
    return model


def dataset(split="train"):
    """Returns the pairs, (edges, photo): shuffled and jittered for training, else in order."""
    if "KERASGAN_DATA_DIR" not in os.environ:
        raise ValueError(f"KERASGAN_DATA_DIR must name the folder that holds {DATA}/. Received: nothing")
    training = split == "train"
    return kerasgan.data.paired_folder(
        Path(os.environ["KERASGAN_DATA_DIR"]) / DATA / split,
        SIZE,
        direction="b_to_a",
        jitter=training,
        shuffle=training,
        batch_size=8,
        seed=SEED,
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, **options):
    """Trains, interruptible, and returns the model."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(**options), data, epochs, steps_per_epoch)


if __name__ == "__main__":
    train(sys.argv[1]).save(Path(sys.argv[1]) / "pix2pix_edges2shoes.keras")
