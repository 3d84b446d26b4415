"""R3GAN on handwritten digits, with small networks of its own.

Paper:     Huang, Gokaslan, Kuleshov, Tompkin (2024), The GAN is dead; long live the GAN!
Command:   python -m kerasgan.zoo.r3gan_mnist.recipe runs
Expected:  recognizability 0.835 (real digits 0.95), frechet_distance 1.8 (real digits 0.91)
Time:      see card.json
"""

import sys

import keras

import kerasgan
from kerasgan import penalties
from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import LeakyReLU
from kerasgan.networks import batch_norm
from kerasgan.optimizers import Adam
from kerasgan.schedules import LinearDecay
from kerasgan.zoo import recipes, score_generator

DATA = "mnist"
SEED = 0
PRECISION = "mixed_bfloat16"
NETWORKS = ["generator"]
EPOCHS = 50
BATCH_SIZE = 64
LATENT_DIM = 16
ABOUT = {
    "description": "R3GAN on handwritten digits, with small networks of its own.",
    "paper": {
        "title": "The GAN is dead; long live the GAN! A Modern GAN Baseline",
        "authors": "Huang, Gokaslan, Kuleshov, Tompkin",
        "year": 2024,
        "url": "https://arxiv.org/abs/2501.05441",
    },
    "data": DATA,
    "headline": "recognizability",
}


def generator():
    """Returns G, latents (batch, 16) -> images (batch, 28, 28, 1): a hidden layer, then 7x7, 14x14 and 28x28."""
    start = keras.initializers.HeNormal
    x = latents = keras.Input((LATENT_DIM,))
    x = keras.layers.Dense(512, use_bias=False, kernel_initializer=start())(x)
    x = keras.layers.ReLU()(batch_norm()(x))
    x = keras.layers.Dense(7 * 7 * 64, use_bias=False, kernel_initializer=start())(x)
    x = keras.layers.ReLU()(batch_norm()(keras.layers.Reshape((7, 7, 64))(x)))
    x = Conv2DTranspose(64, 4, 2, "same", use_bias=False, kernel_initializer=start())(x)
    x = keras.layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(1, 4, 2, "same", kernel_initializer=start())(x)
    return keras.Model(latents, keras.layers.Activation("tanh", dtype="float32")(x), name="generator")


def discriminator():
    """Returns D, images (batch, 28, 28, 1) -> logits (batch, 1): 14x14, 7x7 and a hidden layer, without norms."""
    start = keras.initializers.HeNormal
    x = images = keras.Input((28, 28, 1))
    for count in (32, 64):
        x = LeakyReLU(0.2)(Conv2D(count, 4, 2, "same", kernel_initializer=start())(x))
    x = LeakyReLU(0.2)(keras.layers.Dense(256, kernel_initializer=start())(keras.layers.Flatten()(x)))
    # No bias, as the relativistic loss uses only differences of logits.
    x = keras.layers.Dense(1, use_bias=False, kernel_initializer=start(), dtype="float32")(x)
    return keras.Model(images, x, name="discriminator")


def model():
    """Returns the compiled model.

    gamma = 0.1 suits small images (the paper has 0.05 for CIFAR-10). The rate is constant for half of the training and
    falls to 0 after that.
    """
    model = kerasgan.R3GAN(
        image_size=28,
        channels=1,
        latent_dim=LATENT_DIM,
        generator=generator(),
        discriminator=discriminator(),
        seed=SEED,
    )
    half = EPOCHS * (60_000 // BATCH_SIZE) // 2
    model.compile(
        g_optimizer=Adam(LinearDecay(1e-3, half, half), beta_1=0.5, beta_2=0.99),
        d_optimizer=Adam(LinearDecay(1e-3, half, half), beta_1=0.5, beta_2=0.99),
        penalty=[penalties.R1(0.1), penalties.R2(0.1)],
        ema_decay=0.999,
        jit_compile=False,
        steps_per_execution=20,
    )
    return model


def dataset():
    """Returns the training images."""
    return kerasgan.data.load(DATA, split="train", batch_size=BATCH_SIZE, seed=SEED)
    return kerasgan.data.load(DATA, split="train", batch_size=128, seed=SEED)


def train(directory, data=None, epochs=EPOCHS, steps_per_epoch=None):
    """Trains on the training images and keeps the best weights, or trains on `data` without scores."""
    return recipes.train_by_distance(sys.modules[__name__], directory, data, epochs, steps_per_epoch)


def score(model):
    """Recomputes the scores of the card."""
    return score_generator(model.generate, DATA)


if __name__ == "__main__":
    recipes.main(sys.modules[__name__])
