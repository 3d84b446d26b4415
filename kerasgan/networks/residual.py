"""The residual translator, and the enhancer that refines its output."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import ReflectionPadding2D
from kerasgan.networks.parts import instance_norm, normal
from kerasgan.shapes import as_size


def residual_generator(image_size, channels, source_channels=None, width=64, blocks=None, downsamplings=2):
    """The translator of Johnson et al. (2016), as in CycleGAN (Zhu et al. 2017, appendix 7.2).

    c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-3, with reflection padding and instance normalization.

    Args:
        image_size: int or (height, width) of the images in training, multiples of 2^downsamplings. The network takes
            images of any such size.
        channels: int. Channels of the output images.
        source_channels: int. Channels of the input images. Defaults to `channels`.
        width: int. Channels of the first layer, doubled at each halving of the size. Defaults to 64.
        blocks: int. Residual blocks. Defaults to 9 from 256 pixels on and to 6 below, as in the paper.
        downsamplings: int. Number of halvings of the size. Defaults to 2, as in CycleGAN. pix2pixHD has 4.

    Returns:
        A `keras.Model`, (batch, height, width, source_channels) -> (..., channels) in [-1, 1].

    Raises:
        ValueError: if `image_size` is not a multiple of 2^downsamplings, or too small.
    """
    multiple = 2**downsamplings
    if any(side < 2 * multiple or side % multiple for side in as_size(image_size)):
        raise ValueError(
            f"`image_size` must be a multiple of {multiple}, at least {2 * multiple}. Received: {image_size!r}"
        )
    blocks = (9 if min(as_size(image_size)) >= 256 else 6) if blocks is None else blocks
    x = images = keras.Input((None, None, source_channels or channels), name="images")
    x = layers.ReLU()(_convolve(ReflectionPadding2D(3)(x), width, 7))
    for level in range(1, downsamplings + 1):
        x = layers.ReLU()(_convolve(x, width * 2**level, 3, stride=2))
    for _ in range(blocks):
        x = _residual_block(x)
    for level in reversed(range(downsamplings)):
        x = _enlarge(x, width * 2**level)
    return keras.Model(images, _paint(x, channels), name="generator")


def global_generator(image_size, channels, source_channels, width=64, blocks=9, downsamplings=4):
    """Pix2pixHD's global generator G1 (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2).

    `residual_generator` with four halvings, which also outputs the features before the last convolution.

    Args:
        image_size, channels, source_channels, width, blocks, downsamplings: as in `residual_generator`.

    Returns:
        A `keras.Model`, (batch, height, width, source_channels) -> [images (..., channels) in [-1, 1], features
        (..., width)].
    """
    whole = residual_generator(image_size, channels, source_channels, width, blocks, downsamplings)
    features = whole.layers[-4].output  # before padding, convolution and tanh
    return keras.Model(whole.input, [whole.output, features], name="global_generator")


def local_enhancer(channels, source_channels, features, blocks=3):
    """Pix2pixHD's local enhancer G2 (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2, figure 3).

    c7s1-32, d64, + G1's features, R64 x 3, u32, c7s1-3.

    Args:
        channels: int. Channels of the output images.
        source_channels: int. Channels of the input.
        features: int. Channels of G1's features. The first layer has half as many.
        blocks: int. Residual blocks. Defaults to 3, as in the paper.

    Returns:
        A `keras.Model`, [sources (batch, height, width, source_channels), features (batch, height / 2, width / 2,
        features)] -> (batch, height, width, channels) in [-1, 1].
    """
    sources = keras.Input((None, None, source_channels), name="images")
    known = keras.Input((None, None, features), name="features")
    x = layers.ReLU()(_convolve(ReflectionPadding2D(3)(sources), features // 2, 7))
    x = layers.Add()([layers.ReLU()(_convolve(x, features, 3, stride=2)), known])
    for _ in range(blocks):
        x = _residual_block(x)
    return keras.Model([sources, known], _paint(_enlarge(x, features // 2), channels), name="enhancer")


def enhanced_generator(global_generator, enhancer):
    """Joins G1 at half the size and G2, which draws the full size from the features of G1 (figure 3).

    Args:
        global_generator: the network of `global_generator`.
        enhancer: the network of `local_enhancer`, or None if G1 draws the full size.

    Returns:
        A `keras.Model`, conditions -> images in [-1, 1].
    """
    conditions = keras.Input(global_generator.inputs[0].shape[1:], name="conditions")
    if enhancer is None:
        images, _ = global_generator(conditions)
    else:
        _, features = global_generator(layers.AveragePooling2D(2)(conditions))
        images = enhancer([conditions, features])
    return keras.Model(conditions, images, name="generator")


def _plain():
    return {"use_bias": False, "kernel_initializer": normal()}


def _convolve(x, filters, kernel, stride=1):
    x = Conv2D(filters, kernel, stride, "same" if stride > 1 else "valid", **_plain())(x)
    return instance_norm()(x)


def _residual_block(x):
    filters = x.shape[-1]
    y = layers.ReLU()(_convolve(ReflectionPadding2D()(x), filters, 3))
    return layers.Add()([x, _convolve(ReflectionPadding2D()(y), filters, 3)])


def _enlarge(x, filters):
    x = Conv2DTranspose(filters, 3, 2, "same", **_plain())(x)
    return layers.ReLU()(instance_norm()(x))


def _paint(x, channels):
    return _painted(ReflectionPadding2D(3)(x), channels)


def _painted(padded, channels):
    x = Conv2D(channels, 7, kernel_initializer=normal())(padded)
    return layers.Activation("tanh", dtype="float32")(x)
