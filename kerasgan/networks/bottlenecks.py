"""R3GAN's residual stages of inverted bottlenecks without normalization."""

import math

import keras
from keras import layers

from kerasgan.convolutions import GroupedConv2D
from kerasgan.layers import LeakyReLU
from kerasgan.networks.parts import pyramid


def scaled_normal(gain=1.0):
    """He et al. (2015): N(0, gain^2 / fan_in)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal") if gain else "zeros"


def linear_change(x, filters):
    """A 1x1 convolution if the number of channels changes."""
    if x.shape[-1] == filters:
        return x
    return layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=scaled_normal())(x)


def embedded_classes(num_classes, dim, gain=1.0):
    """Returns a `keras.Input` of labels, and their embedding (batch, dim), initialized by N(0, gain^2 / num_classes).

    A linear layer without bias is applied to one-hot vectors, as in the authors' class-conditional networks. Float32.
    """
    labels = keras.Input((), dtype="int32", name="labels")
    linear = layers.Dense(dim, use_bias=False, kernel_initializer=scaled_normal(gain), dtype="float32")
    return labels, linear(keras.ops.one_hot(labels, num_classes))


def inverted_bottleneck(x, group_width, total_blocks):
    """Inverted bottleneck (section 3.5, config E): 1x1 to twice the channels, grouped 3x3, 1x1 back, added to x.

    Without normalization, the variance would grow with depth. As in Fixup (Zhang et al. 2019), the last layer of a
    branch starts at 0, and the others are scaled by L^(-1 / (2 m - 2)), for m = 3 layers per branch and L branches.
    """
    channels = x.shape[-1]
    gain = math.sqrt(2 / (1 + 0.2**2)) * total_blocks ** (-1 / 4)
    groups = max(1, 2 * channels // group_width)
    y = LeakyReLU(0.2)(layers.Conv2D(2 * channels, 1, kernel_initializer=scaled_normal(gain))(x))
    y = GroupedConv2D(2 * channels, 3, padding="same", groups=groups, kernel_initializer=scaled_normal(gain))(y)
    y = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=scaled_normal(0))(LeakyReLU(0.2)(y))
    return layers.Add()([x, y])


def r3gan_stages(image_size, width, wide_until, group_width):
    """Splits an image size into the sizes of the stages and their channels.

    Returns:
        Two lists from the smallest stage to the image: sizes (height, width), and channels.

    Raises:
        ValueError: if the size does not fit, or the channels of a stage cannot be grouped.
    """
    base, levels = pyramid(image_size, 1)
    sizes = [tuple(side * 2**level for side in base) for level in range(len(levels) + 1)]
    full = max(0, round(math.log2(wide_until / max(base))))  # so that 28 counts as 32, and 56 as 64
    channels = [width // 2 ** max(0, level - full) for level in range(len(sizes))]
    wrong = [count for count in channels if not count or (2 * count) % min(group_width, 2 * count)]
    if wrong:
        raise ValueError(
            f"Twice the channels of each stage must be a multiple of `group_width={group_width}`. Received: "
            f"`width={width}`, which gives stages of {channels} channels."
        )
    return sizes, channels
