"""StyleGAN2 on MNIST.

Paper:     Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN
Command:   python -m kerasgan.zoo.stylegan2_mnist.recipe runs
Expected:  recognizability at least 0.80
Time:      see card.json

The networks are small: 18 channels at 28 pixels, 36 at 14 and 73 at 7, and two mapping layers. As in the settings of
StyleGAN2-ADA for CIFAR-10, there is no style mixing and no path length regularization.
"""

import sys

import kerasgan
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
BATCH_SIZE = 32
EPOCHS = 16
PRECISION = "mixed_bfloat16"
ABOUT = {
    "description": "StyleGAN2 on handwritten digits.",
    "paper": {
        "title": "Analyzing and Improving the Image Quality of StyleGAN",
        "authors": "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila",
        "year": 2020,
        "url": "https://arxiv.org/abs/1912.04958",
    },
    "data": DATA,
    "headline": "recognizability",
}
NETWORKS = ["generator"]


def model():
    """Returns the compiled model."""
    model = kerasgan.StyleGAN2(
        image_size=28,
        channels=1,
        latent_dim=128,
        style_dim=128,
        mapping_layers=2,
        channel_base=512,
        channel_max=96,
        seed=SEED,
    )
    model.compile(
        g_optimizer=kerasgan.optimizers.Adam(0.0025, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
        d_optimizer=kerasgan.optimizers.lazy_adam(0.0025, every=16),
        penalty=kerasgan.penalties.R1(0.05, every=16),
        style_mixing=0,
        ema_decay=kerasgan.schedules.HalfLife(20_000, BATCH_SIZE, ramp=0.05),
        steps_per_execution=5,
    )
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load(DATA, split="train", batch_size=BATCH_SIZE, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
