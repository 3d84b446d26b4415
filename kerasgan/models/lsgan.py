"""Least squares GANs: D's output is trained towards target values instead of passing a sigmoid."""

import math

import keras
from keras import layers

from kerasgan.convolutions import Conv2DTranspose
from kerasgan.losses import LeastSquares
from kerasgan.models.dcgan import dcgan_discriminator
from kerasgan.models.gan import GAN
from kerasgan.networks import batch_norm, normal, pyramid
from kerasgan.optimizers import Adam


def lsgan_generator(image_size, channels, latent_dim, width):
    """Figure 1: 3x3 transposed convolutions; the widest doublings are each followed by a layer of stride 1.

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    filters = [min(count, 4 * width) for count in filters]

    def transposed(x, count, stride):
        x = Conv2DTranspose(count, 3, stride, "same", use_bias=False, kernel_initializer=normal())(x)
        return layers.ReLU()(batch_norm()(x))

    x = latents = keras.Input((latent_dim,), name="latents")
    x = layers.Dense(math.prod(base) * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.ReLU()(batch_norm()(layers.Reshape((*base, filters[-1]))(x)))
    for count in reversed(filters):
        x = transposed(x, count, 2)
        if count == 4 * width:
            x = transposed(x, count, 1)
    x = Conv2DTranspose(channels, 3, 1, "same", kernel_initializer=normal())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(latents, images, name="generator")


@keras.saving.register_keras_serializable("kerasgan")
class LSGAN(GAN):
    """Least squares GAN (Mao et al. 2017, https://arxiv.org/abs/1611.04076).

    D minimises E (D(x) - b)^2 / 2 + E (D(G(z)) - a)^2 / 2 and G minimises E (D(G(z)) - c)^2 / 2 (equation 2). Samples
    on the right side of the boundary but far from the data are still pulled towards them. Two choices are published:

    - a = 0, b = c = 1 (equation 9), which `compile()` uses, as the paper's experiments did;
    - a = -1, b = 1, c = 0 (equation 8), with which G minimises the Pearson chi-squared divergence between
      p_data + p_g and 2 p_g: `compile(loss=kerasgan.losses.LeastSquares(a=-1, b=1, c=0))`.

    The step is that of `GAN`. `compile()` trains with Adam(1e-3, beta_1=0.5), the paper's rate for scenes; small
    images train better with the paper's other rate, 2e-4. `fit` takes images.

    Pretrained: `kerasgan.zoo.load("lsgan_mnist")`. Its recipe trains it:

        python -m kerasgan.zoo.lsgan_mnist.recipe runs

    Args:
        image_size: int or (height, width). Sides of 4 to 7 times a power of two, the same for both. Defaults to 112.
        channels: int. 1 for grey, 3 for colour. Defaults to 3.
        latent_dim: int. Length of z. Defaults to 1024.
        width: int. Channels of the layer next to the image, doubled at each halving of the size. Defaults to 64.
        prior: `"normal"` or `"uniform"` on [-1, 1). Defaults to `"normal"`.
        generator: `keras.Model`, (batch, latent_dim) -> images in [-1, 1]. Defaults to the paper's.
        discriminator: `keras.Model`, images -> outputs without a sigmoid. Defaults to the paper's.
        seed: int. Seed of the noise.

    Logs `d_real` and `d_fake` as the probabilities that D's outputs stand for: (D - a) / (b - a), the optimal D being
    (b p_data + a p_g) / (p_data + p_g) (equation 5).

    Example:

    >>> model = kerasgan.LSGAN(image_size=28, channels=1, latent_dim=100, width=8)
    >>> model.compile(loss=kerasgan.losses.LeastSquares(a=-1, b=1, c=0))
    >>> model.generate(2, seed=0).shape
    (2, 28, 28, 1)
    """

    def __init__(
        self,
        image_size=112,
        channels=3,
        latent_dim=1024,
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
            generator=generator or lsgan_generator(image_size, channels, latent_dim, width),
            discriminator=discriminator or dcgan_discriminator(image_size, channels, width),
            **kwargs,
        )

    def defaults(self):
        return {
            "g_optimizer": Adam(1e-3, beta_1=0.5),
            "d_optimizer": Adam(1e-3, beta_1=0.5),
            "loss": LeastSquares(a=0, b=1, c=1),
        }
