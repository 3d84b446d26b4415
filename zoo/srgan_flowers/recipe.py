"""SRGAN on flowers, four times as large: 16 to 64 pixels in training, any size afterwards.

Paper:     Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.srgan_flowers.recipe runs
"""

import os
import sys
from pathlib import Path

import keras

import kerasgan
from kerasgan.zoo import recipes

DATA = "flowers102"
SEED = 0
EPOCHS = {"srresnet": 10, "srgan": 5}


def model():
    """Returns the model compiled for the first phase, SRResNet."""
    model = kerasgan.SRGAN(image_size=64, width=32, blocks=8, seed=SEED)
    model.compile(adversarial_weight=0, ema_decay=0.999, steps_per_execution=5)
    return model


def dataset():
    """Returns the images, (low, high)."""
    if "KERASGAN_DATA_DIR" not in os.environ:
        raise ValueError(f"KERASGAN_DATA_DIR must name the folder that holds {DATA}/. Received: nothing")
    folder = Path(os.environ["KERASGAN_DATA_DIR"]) / DATA / "images"
    return kerasgan.data.super_resolution(folder, scale=4, crop=64, batch_size=16, seed=SEED)


def train(directory, data=None, epochs=None, steps_per_epoch=None, perceptual=None):
    """Trains SRResNet, then SRGAN from it; returns both. `perceptual`: see `SRGAN.compile`."""
    keras.utils.set_random_seed(SEED)
    epochs = EPOCHS | (epochs or {})
    data = dataset() if data is None else data
    first = recipes.train(Path(directory) / "srresnet", model(), data, epochs["srresnet"], steps_per_epoch)
    second = kerasgan.SRGAN(image_size=64, width=32, blocks=8, seed=SEED)
    second.generator.set_weights(first.sampler().get_weights())
    second.compile(perceptual=perceptual, ema_decay=0.999, steps_per_execution=5)
    return first, recipes.train(Path(directory) / "srgan", second, data, epochs["srgan"], steps_per_epoch)


if __name__ == "__main__":
    for name, network in zip(("srresnet", "srgan"), train(sys.argv[1])):
        network.save(Path(sys.argv[1]) / f"{name}_flowers.keras")
