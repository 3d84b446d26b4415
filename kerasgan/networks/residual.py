"""The residual translator."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import ReflectionPadding2D
from kerasgan.networks.parts import instance_norm, normal
from kerasgan.shapes import as_size


def residual_generator(image_size, channels, source_channels=None, width=64, blocks=None):
    """The translator of Johnson et al. (2016) as CycleGAN has it (Zhu et al. 2017, appendix 7.2).

    c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-3, with reflection padding and instance normalization.

    Args:
        image_size: int or (height, width) of the images in training, multiples of 4; it takes images of any such size.
        channels: int. Of the images that come out.
        source_channels: int. Of the images that go in. Defaults to `channels`.
        width: int. Channels of the first layer. Defaults to 64.
        blocks: int. Residual blocks. Defaults to 9 from 256 pixels on and to 6 below, as in the paper.

    Returns:
        A `keras.Model`, (batch, height, width, source_channels) -> (..., channels) in [-1, 1].
    """
    if any(side < 8 or side % 4 for side in as_size(image_size)):
        raise ValueError(f"`image_size` must be a multiple of 4, at least 8. Received: {image_size!r}")
    blocks = (9 if min(as_size(image_size)) >= 256 else 6) if blocks is None else blocks

    def convolution(x, filters, kernel, stride=1):
        x = Conv2D(filters, kernel, stride, "same" if stride > 1 else "valid", **plain())(x)
        return instance_norm()(x)

    def plain():
        return {"use_bias": False, "kernel_initializer": normal()}

    x = images = keras.Input((None, None, source_channels or channels), name="images")
    x = layers.ReLU()(convolution(ReflectionPadding2D(3)(x), width, 7))
    x = layers.ReLU()(convolution(x, 2 * width, 3, stride=2))
    x = layers.ReLU()(convolution(x, 4 * width, 3, stride=2))
    for _ in range(blocks):
        y = layers.ReLU()(convolution(ReflectionPadding2D()(x), 4 * width, 3))
        x = layers.Add()([x, convolution(ReflectionPadding2D()(y), 4 * width, 3)])
    for filters in (2 * width, width):
        x = Conv2DTranspose(filters, 3, 2, "same", **plain())(x)
        x = layers.ReLU()(instance_norm()(x))
    x = Conv2D(channels, 7, kernel_initializer=normal())(ReflectionPadding2D(3)(x))
    return keras.Model(images, layers.Activation("tanh", dtype="float32")(x), name="generator")
