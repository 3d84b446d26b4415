"""SRResNet on flowers, four times as large: 16 to 64 pixels in training, any size afterwards.

Paper:     Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.srresnet_flowers.recipe runs
Expected:  set5_psnr and set14_psnr above those of bicubic interpolation
Time:      see card.json
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan.zoo import recipes, score_enlargements

DATA = "flowers102"
SETS = ("Set5", "Set14", "BSD68")
SEED = 0
EPOCHS = 30
NETWORKS = ["generator"]  # D is not trained
ABOUT = {
    "description": "SRResNet, the generator of SRGAN trained with a pixel loss, on flowers.",
    "paper": {
        "title": "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
        "authors": "Ledig et al.",
        "year": 2017,
        "url": "https://arxiv.org/abs/1609.04802",
    },
    "data": DATA,
    "headline": "set5_psnr",
    "picture": "Columns: bicubic interpolation, the model, the original. Parts of photos of Set14.",
}


def model():
    """Returns the compiled model: the paper's generator, 16 blocks of width 64."""
    model = kerasgan.SRGAN(image_size=64, seed=SEED)
    half = EPOCHS * 512 // 2  # an epoch has 508 steps, so the last rate is a 60th of the first
    rate = kerasgan.schedules.LinearDecay(5e-4, half, half)
    model.compile(
        g_optimizer=kerasgan.optimizers.Adam(rate), adversarial_weight=0, ema_decay=0.999, steps_per_execution=4
    )
    return model


def dataset():
    """Returns the images, (low, high)."""
    folder = recipes.data_folder(DATA) / "images"
    return kerasgan.data.super_resolution(folder, scale=4, crop=64, batch_size=16, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    return recipes.train(directory, model(), dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of three sets of photos, with those of the paper's SRResNet (table 2)."""
    published = {"set5_psnr": 32.05, "set5_ssim": 0.9019, "set14_psnr": 28.49, "set14_ssim": 0.8184}
    folders = [recipes.data_folder("superres") / name for name in SETS]
    return score_enlargements(model.upscale, folders, published)


def examples():
    """Returns parts of photos of Set14 for the picture: enlarged by bicubic interpolation | by the model | truth."""
    folder = recipes.data_folder("superres") / "Set14"
    return next(kerasgan.data.super_resolution(folder, crop=96, batch_size=12, shuffle=False).as_numpy_iterator())


def sample(model):
    """Returns the call with the recorded output."""
    return {"method": "upscale", "arguments": {"images": np.asarray(examples()[0][:1])}}


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
