"""FastGAN's generator, in which small feature maps gate large ones."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import ClippedSamples, Noise, PixelNormalization, SpectralNormalization
from kerasgan.networks.parts import batch_norm, pyramid

# Multiples of the width, from the smallest map on. Each map is twice as large as the one before.
MULTIPLIERS = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)
# A map gates the one that is 2^4 times as large.
REACH = 4


def torch_uniform(seed=None):
    """PyTorch's default kernel initializer, uniform in +-1 / sqrt(inputs). Each layer needs a new one, see `normal`."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)


def fastgan_generator(image_size, channels, latent_dim, width):
    """The generator of FastGAN (Liu et al. 2021, https://arxiv.org/abs/2101.04775), as in the code of Projected GAN.

    A latent on a sphere is mapped to the smallest map. Each block doubles the size and has two convolutions, noise,
    batch normalization and gated linear units. With skip-layer excitation (section 3.1), a small map scales the
    channels of a map of 16 times its size. All convolutions are spectrally normalized.

    Args:
        image_size: int or (height, width), sides of 4 to 7 times a power of two.
        channels: int.
        latent_dim: int.
        width: int. The smallest map has 16 `width` channels, and the map of 16 times its sides 2 `width`.

    Returns:
        A `keras.Model`, (batch, latent_dim) -> (batch, height, width, channels), in [-1, 1] when sampling.
    """
    base, levels = pyramid(image_size, 1)
    if len(levels) >= len(MULTIPLIERS):
        raise ValueError(f"`image_size` must be at most 256 times 4 to 7. Received: {image_size!r}")
    filters = [max(1, int(width * multiplier)) for multiplier in MULTIPLIERS[: len(levels) + 1]]
    latents = keras.Input((latent_dim,), name="latents")
    x = layers.Reshape((1, 1, latent_dim))(PixelNormalization(dtype="float32")(latents))
    first = Conv2DTranspose(2 * filters[0], base, use_bias=False, kernel_initializer=torch_uniform())
    maps = [keras.ops.glu(batch_norm()(SpectralNormalization(first)(x)))]
    for level, count in enumerate(filters[1:], 1):
        x = layers.UpSampling2D()(maps[-1])
        for _ in range(2):
            x = Noise()(_convolution(2 * count, 3)(x))
            x = keras.ops.glu(batch_norm()(x))
        if level >= REACH:
            x = layers.Multiply()([x, _gates(maps[level - REACH], 2 ** (level - REACH), base, count)])
        maps.append(x)
    x = _convolution(channels, 3, use_bias=True)(maps[-1])
    images = ClippedSamples(dtype="float32")(x)
    return keras.Model(latents, images, name="generator")


def _convolution(filters, kernel_size, padding="same", use_bias=False):
    start = torch_uniform()
    layer = Conv2D(filters, kernel_size, padding=padding, use_bias=use_bias, kernel_initializer=start)
    return SpectralNormalization(layer)


def _gates(x, shrink, base, count):
    """Returns the factors in (0, 1) by which a small map scales `count` channels (section 3.1)."""
    x = layers.AveragePooling2D(shrink)(x) if shrink > 1 else x
    x = layers.Activation("silu")(_convolution(count, base, padding="valid")(x))
    return layers.Activation("sigmoid")(_convolution(count, 1)(x))
