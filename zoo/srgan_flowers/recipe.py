"""SRGAN on flowers: the second phase, with features and a discriminator, starting from the zoo's SRResNet.

Paper:     Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network
Command:   KERASGAN_DATA_DIR=... python -m kerasgan.zoo.srgan_flowers.recipe runs
Expected:  set14_perceptual and bsd68_perceptual below those of srresnet_flowers, with less PSNR
Time:      see card.json
"""

import sys

import keras

import kerasgan
from kerasgan import zoo
from kerasgan.zoo import recipes
from kerasgan.zoo.srresnet_flowers import recipe as first

DATA = first.DATA
SEED = 0
EPOCHS = 8
NETWORKS = ["generator"]  # D has 26 MB
PERCEPTUAL = "vgg16_33"  # from the extra `natural`; the paper's are VGG19's
ABOUT = {
    "description": "SRGAN on flowers, after SRResNet.",
    "paper": {
        "title": "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
        "authors": "Ledig et al.",
        "year": 2017,
        "url": "https://arxiv.org/abs/1609.04802",
    },
    "data": DATA,
    "headline": "set5_perceptual",
    "picture": "Columns: bicubic interpolation, the model, the original. Parts of photos of Set14.",
}
dataset, examples, sample = first.dataset, first.examples, first.sample


def model(perceptual=None):
    """Returns the compiled model. The features are needed only for training."""
    model = kerasgan.SRGAN(image_size=64, seed=SEED)
    model.compile(perceptual=perceptual, ema_decay=0.99, steps_per_execution=4)
    return model


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None, perceptual=PERCEPTUAL):
    """Trains, starting with the generator of srresnet_flowers, and keeps the last weights."""
    keras.utils.set_random_seed(SEED)
    network = model(perceptual)
    network.generator.set_weights(zoo.load("srresnet_flowers").sampler().get_weights())
    network.ema_generator.set_weights(network.generator.get_weights())
    return recipes.train(directory, network, dataset() if data is None else data, epochs, steps_per_epoch)


def score(model):
    """Returns the scores of three sets of photos, with those of the paper's SRGAN (table 2)."""
    published = {"set5_psnr": 29.40, "set5_ssim": 0.8472, "set14_psnr": 26.02, "set14_ssim": 0.7397}
    folders = [recipes.data_folder("superres") / name for name in first.SETS]
    return zoo.score_enlargements(model.upscale, folders, published)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
