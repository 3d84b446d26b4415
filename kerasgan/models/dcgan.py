"""Deep convolutional GANs: the networks that made GANs train, for any image size from 28 to 256."""

import math

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import LeakyReLU
from kerasgan.models.gan import GAN
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.shapes import as_size


def dcgan_generator(image_size, channels, latent_dim, width):
    """Projects z and doubles its size by strided transposed convolutions (figure 1 of the paper).

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    x = latents = keras.Input((latent_dim,), name="latents")
    x = layers.Dense(math.prod(base) * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.Reshape((*base, filters[-1]))(x)
    x = layers.ReLU()(batch_norm()(x))
    for count in reversed(filters[:-1]):
        x = Conv2DTranspose(count, 5, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 5, 2, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latents, images, name="generator")


def dcgan_discriminator(image_size, channels, width, norm=batch_norm, use_bias=True):
    """Halves the image's size by strided convolutions; no norm next to the image.

    Args:
        norm: callable without arguments that makes the layer after each further convolution. Defaults to batch norm.
        use_bias: bool. Whether the output has a bias. Defaults to True.

    Returns:
        A `keras.Model`, (batch, height, width, channels) -> (batch, 1) logits.
    """
    _, filters = pyramid(image_size, width)
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for level, count in enumerate(filters):
        x = Conv2D(count, 5, 2, "same", use_bias=level == 0, kernel_initializer=normal())(x)
        x = LeakyReLU(0.2)(norm()(x) if level else x)
    head = layers.Dense(1, use_bias=use_bias, kernel_initializer=normal(), dtype="float32")
    return keras.Model(images, head(layers.Flatten()(x)), name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class DCGAN(GAN):
    """Deep convolutional GAN (Radford et al. 2016, https://arxiv.org/abs/1511.06434).

    The game and the step are those of `GAN`; the networks follow the paper's five guidelines (section 3): strided
    convolutions instead of pooling; batch norm in both networks, but not at G's output and D's input; no hidden fully
    connected layers; ReLU in G with tanh at the end; LeakyReLU(0.2) in D. Weights start from N(0, 0.02), and
    `compile()` trains with Adam(2e-4, beta_1=0.5) (section 4). The noise is normal; `prior="uniform"` is the
    paper's. `fit` takes images.

    Pretrained: `kerasgan.zoo.load("dcgan_fashion_mnist")`. Its recipe trains it:

        python -m kerasgan.zoo.dcgan_fashion_mnist.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both, such as
            28, 32, 64, 96, 128, (96, 64). Defaults to 64.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 100.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 128, the paper's figure 1.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Example:

    >>> model = kerasgan.DCGAN(image_size=28, channels=1, width=16)
    >>> model.compile(ema_decay=0.999)
    >>> model.generate(2, seed=0).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        image_size=64,
        channels=3,
        latent_dim=100,
        width=128,
        prior="normal",
        generator=None,
        discriminator=None,
        **kwargs,
    ):
        super().__init__(
            image_size=image_size,
            channels=channels,
            latent_dim=latent_dim,
            prior=prior,
            generator=generator or dcgan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or dcgan_discriminator(image_size, channels, width),
            **kwargs,
        )
