"""The discriminator of Projected GAN: random projections of a frozen network's features."""

import math

import keras
import numpy as np
from keras import layers

from kerasgan.convolutions import Conv2D
from kerasgan.layers import AlignedUpSampling2D, LeakyReLU, SpectralNormalization
from kerasgan.networks.fastgan import torch_uniform
from kerasgan.networks.parts import batch_norm
from kerasgan.shapes import as_size

LEAST = 4  # least side of the deepest map: the kernel size of the last convolution of its discriminator


def frozen_features(network, image_size, channels):
    """A network with frozen weights, for images of any size. They are resized bilinearly to its input size.

    Args:
        network: `keras.Model`, images in [-1, 1] -> feature maps, each of half the size of the one before. It is
            called in inference mode, and its `trainable` becomes False.
        image_size, channels: size and channels of the images. A grey image is copied to all input channels.

    Returns:
        A `keras.Model`, images -> the list of feature maps.

    Raises:
        ValueError: if the maps are not halved, the last has less than 4 pixels a side, or the channels do not fit.
    """
    _, height, width, depth = network.input_shape
    network.trainable = False
    if depth not in (None, channels) and channels != 1:
        raise ValueError(f"`features` must take images of {channels} channels. Received: a network for {depth}")
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    if depth not in (None, channels):
        x = layers.Concatenate(dtype="float32")([x] * depth)  # grey
    if None not in (height, width):
        x = layers.Resizing(height, width, dtype="float32")(x)
    maps = keras.tree.flatten(network(x, training=False))
    sizes = [x.shape[1:3] if len(x.shape) == 4 else x.shape[1:] for x in maps]
    halves = all(tuple(side // 2 for side in a) == tuple(b) for a, b in zip(sizes, sizes[1:]))
    halves = halves and all(side % 2 == 0 for size in sizes[:-1] for side in size)
    if any(len(size) != 2 for size in sizes) or not halves or min(sizes[-1]) < LEAST:
        raise ValueError(
            "`features` must output maps with half the sides of the map before, and at least "
            f"{LEAST} pixels a side. Received: maps of {[tuple(size) for size in sizes]}. Remedy: images of a multiple "
            f"of {LEAST * 2 ** (len(sizes) - 1)} pixels, or fewer maps"
        )
    return keras.Model(images, maps, name="features")


def random_projections(maps, width, seed=None):
    """Mixes feature maps by fixed random weights (Sauer et al. 2021, https://arxiv.org/abs/2111.01007, section 3.2).

    Cross-channel mixing is a 1x1 convolution of each map. Cross-scale mixing starts at the deepest map: it adds the
    result of the next deeper map to each map, applies a 1x1 convolution, and doubles the size. Both are linear, so that
    the features keep their information.

    Args:
        maps: list of Keras tensors (batch, height, width, channels), the shallowest first. The network takes inputs of
            these shapes.
        width: int. Channels of the shallowest map, doubled at each further one.
        seed: int. Decides the weights. Defaults to a random one.

    Returns:
        A `keras.Model`, list of maps -> list of mixed maps of twice their sizes.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(4 * len(maps)).tolist())

    def mix(x, filters):
        bound = 1 / math.sqrt(x.shape[-1])
        bias = keras.initializers.RandomUniform(-bound, bound, seed=next(seeds))
        start = torch_uniform(next(seeds))
        return layers.Conv2D(filters, 1, kernel_initializer=start, bias_initializer=bias)(x)

    inputs = [keras.Input(x.shape[1:]) for x in maps]
    mixed = [mix(x, width * 2**level) for level, x in enumerate(inputs)]
    for level in reversed(range(len(mixed))):
        below = mixed[level + 1 : level + 2]
        x = layers.Add()([*below, mixed[level]]) if below else mixed[level]
        # The authors interpolate before the convolution, which gives the same result at four times the cost.
        mixed[level] = AlignedUpSampling2D()(mix(x, width * 2 ** max(level - 1, 0)))
    return keras.Model(inputs, mixed, name="projections")


def projected_discriminator(maps, width):
    """A discriminator for each mixed map, with more convolutions for larger maps (Sauer et al. 2021, section 3.2).

    Args:
        maps: list of Keras tensors (batch, height, width, channels), the largest first. The network takes inputs of
            these shapes.
        width: int. Channels of the larger maps. Maps of a quarter, an eighth and a 16th have 2, 4 and 8 times as many.

    Returns:
        A `keras.Model`, list of maps -> (batch, n) logits of all maps and positions.
    """
    inputs = [keras.Input(x.shape[1:]) for x in maps]
    logits = []
    for level, x in enumerate(inputs):
        for left in reversed(range(len(inputs) - level)):
            x = _convolution(width * 2 ** max(3 - left, 0), 2, "same")(x)
            x = LeakyReLU(0.2)(batch_norm()(x))
        logits.append(layers.Flatten(dtype="float32")(_convolution(1, 1, "valid", dtype="float32")(x)))
    logits = layers.Concatenate(dtype="float32")(logits) if len(logits) > 1 else logits[0]
    return keras.Model(inputs, logits, name="discriminator")


def _convolution(filters, strides, padding, **options):
    start = torch_uniform()
    layer = Conv2D(filters, 4, strides, padding, use_bias=False, kernel_initializer=start, **options)
    return SpectralNormalization(layer, **options)
