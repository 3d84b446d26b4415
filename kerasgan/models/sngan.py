"""Spectrally normalized GANs: a discriminator with a bounded Lipschitz constant."""

import math

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import LeakyReLU, SpectralNormalization
from kerasgan.models.gan import GAN
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.optimizers import Adam
from kerasgan.shapes import as_size


def sngan_generator(image_size, channels, latent_dim, width):
    """The paper's standard CNN (table 3a): a linear layer, 4x4 transposed convolutions, a 3x3 convolution.

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    x = latents = keras.Input((latent_dim,), name="latents")
    x = layers.Dense(math.prod(base) * 2 * filters[-1], kernel_initializer=normal())(x)
    x = layers.Reshape((*base, 2 * filters[-1]))(x)
    for count in reversed(filters):
        x = Conv2DTranspose(count, 4, 2, "same", use_bias=False, kernel_initializer=normal())(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2D(channels, 3, padding="same", kernel_initializer=normal())(x)
    return keras.Model(latents, layers.Activation("tanh", dtype="float32")(x), name="generator")


def sngan_discriminator(image_size, channels, width):
    """The paper's standard CNN (table 3b), spectrally normalized: convolutions 3x3, and 4x4 of stride 2, in turn.

    For images of 32 pixels and a width of 64 the layers have 64, 64, 128, 128, 256, 256 and 512 channels.

    Returns:
        A `keras.Model`, (batch, height, width, channels) -> (batch, 1) logits.
    """
    _, filters = pyramid(image_size, width)

    def convolution(x, count, kernel, stride):
        layer = Conv2D(count, kernel, stride, "same", kernel_initializer=normal())
        return LeakyReLU(0.1)(SpectralNormalization(layer)(x))

    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for count in filters:
        x = convolution(x, count, 3, 1)
        x = convolution(x, count, 4, 2)
    x = convolution(x, 2 * filters[-1], 3, 1)
    head = SpectralNormalization(layers.Dense(1, kernel_initializer=normal(), dtype="float32"), dtype="float32")
    return keras.Model(images, head(layers.Flatten()(x)), name="discriminator")


@keras.saving.register_keras_serializable("kerasgan")
class SNGAN(GAN):
    """Spectrally normalized GAN (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).

    Each layer of D uses W / sigma(W), where sigma is the largest singular value (equation 8), so the Lipschitz constant
    of D is at most 1 (equation 7). D and G have hinge losses

        V_D = E min(0, -1 + D(x)) + E min(0, -1 - D(G(z)))  (equation 16),  V_G = -E D(G(z))  (equation 17)

    and the step is that of `GAN`. `compile()` trains with Adam(1e-3, beta_1=0.5, beta_2=0.9) and `d_steps=5`, setting
    D of table 1, each update on its own batch. The paper uses batches of 64, and settings A to F with these networks;
    its residual networks use Adam(2e-4, beta_1=0, beta_2=0.9) (appendix B). `fit` takes images.

    A run of some minutes, after which garments become visible:

        kerasgan train sngan --data fashion_mnist --epochs 5 --width 16 --batch-size 32

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 32.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 128.
        width: int. Channels of the layer next to the image, doubled at each halving of the size, up to 8 times.
            Defaults to 64, as in the paper.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> logits. Defaults to the paper's.
        seed: int. Seed of the noise.

    Example:

    >>> model = kerasgan.SNGAN(image_size=28, channels=1, width=8)
    >>> model.compile(d_steps=1)
    >>> model.generate(2, seed=0).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        image_size=32,
        channels=3,
        latent_dim=128,
        width=64,
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
            generator=generator or sngan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or sngan_discriminator(image_size, channels, width),
            **kwargs,
        )

    def defaults(self):
        return {
            "g_optimizer": Adam(1e-3, beta_1=0.5, beta_2=0.9),
            "d_optimizer": Adam(1e-3, beta_1=0.5, beta_2=0.9),
            "loss": "hinge",
            "d_steps": 5,
        }
