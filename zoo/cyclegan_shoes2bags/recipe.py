"""CycleGAN between shoes and handbags at 64 pixels.

Paper:     Zhu, Park, Isola, Efros (2017), Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.cyclegan_shoes2bags.recipe runs
"""  # noqa: E501

import os
import sys
from pathlib import Path

import keras

import kerasgan
from kerasgan.zoo import recipes

DATA = "shoes2bags"
SEED = 0
EPOCHS = 40
SIZE = 64
BATCH = 4
STEPS = 1000 // BATCH  # of an epoch: there are 1,000 images of each domain


def model(**options):
    """Returns the compiled model; `options` of `compile`: `cycle_weight=0` trains without the cycle."""
    model = kerasgan.CycleGAN(image_size=SIZE, width=24, blocks=4, receptive_field=34, seed=SEED)
    half = EPOCHS * STEPS // 2

    def adam():
        return keras.optimizers.Adam(kerasgan.schedules.LinearDecay(2e-4, half, half), beta_1=0.5)

    defaults = {"g_optimizer": adam(), "d_optimizer": adam(), "ema_decay": 0.999, "steps_per_execution": 5}
    model.compile(**(defaults | options))
    return model


def dataset(split="train"):
    """Returns the two domains, (shoes, bags): shuffled and jittered for training, else in order."""
    if "KERASGAN_DATA_DIR" not in os.environ:
        raise ValueError(f"KERASGAN_DATA_DIR must name the folder that holds {DATA}/. Received: nothing")
    folder, training = Path(os.environ["KERASGAN_DATA_DIR"]) / DATA, split == "train"
    return kerasgan.data.unpaired_folders(
        folder / f"{split}A",
        folder / f"{split}B",
        SIZE,
        jitter=training,
        shuffle=training,
        batch_size=BATCH,
        seed=SEED,
    )


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, **options):
    """Trains, interruptible, and returns the model."""
    keras.utils.set_random_seed(SEED)
    data = dataset() if data is None else data
    return recipes.train(directory, model(**options), data, epochs, steps_per_epoch)


if __name__ == "__main__":
    train(sys.argv[1]).save(Path(sys.argv[1]) / "cyclegan_shoes2bags.keras")
