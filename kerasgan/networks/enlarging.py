"""Networks of super-resolution."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import LeakyReLU, PixelShuffle
from kerasgan.networks.parts import batch_norm
from kerasgan.shapes import as_size


def srgan_generator(channels, scale, width=64, blocks=16):
    """SRResNet (figure 4): residual blocks at the low resolution, then one sub-pixel convolution per doubling.

    Returns:
        A `keras.Model`, images of any size -> images `scale` times as large, around [-1, 1].
    """
    doublings = scale.bit_length() - 1
    if scale != 2**doublings or doublings < 1:
        raise ValueError(f"`scale` must be 2, 4 or 8. Received: {scale!r}")

    def prelu():
        return layers.PReLU(shared_axes=[1, 2])  # one slope per channel, for images of any size

    def normed(x):
        return batch_norm()(Conv2D(width, 3, padding="same", use_bias=False)(x))

    images = keras.Input((None, None, channels), name="images")
    x = first = prelu()(Conv2D(width, 9, padding="same")(images))
    for _ in range(blocks):
        x = layers.Add()([x, normed(prelu()(normed(x)))])
    x = layers.Add()([first, normed(x)])
    for _ in range(doublings):
        x = prelu()(PixelShuffle(2)(Conv2D(4 * width, 3, padding="same")(x)))
    outputs = Conv2D(channels, 9, padding="same", dtype="float32")(x)
    return keras.Model(images, outputs, name="generator")


def srgan_discriminator(image_size, channels, width=64):
    """Eight convolutions of 64 to 512 channels, every second with stride 2, and a dense layer of 1,024 (figure 4).

    Returns:
        A `keras.Model`, images -> (batch, 1) logits.
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for level in range(8):
        filters, first = width * 2 ** (level // 2), level == 0
        x = Conv2D(filters, 3, 1 + level % 2, "same", use_bias=first)(x)
        x = LeakyReLU(0.2)(x if first else batch_norm()(x))
    x = LeakyReLU(0.2)(layers.Dense(16 * width)(layers.Flatten()(x)))
    return keras.Model(images, layers.Dense(1, dtype="float32")(x), name="discriminator")
