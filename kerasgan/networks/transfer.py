"""Networks of domain transfer: images to features, features to images, and a discriminator with three classes."""

import keras
from keras import layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import LeakyReLU
from kerasgan.networks.parts import batch_norm
from kerasgan.shapes import as_size


def dtn_features(image_size, channels, width=64):
    """The feature function f of digits (Taigman et al. 2017, section 5.1): 64, 128, 256 and 128 channels.

    The weights are random: see `DomainTransferNetwork`.

    Returns:
        A `keras.Model`, images -> features (batch, 2 width).
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for filters in (width, 2 * width, 4 * width):
        x = Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = Conv2D(2 * width, [side // 8 for side in as_size(image_size)], activation="relu")(x)
    return keras.Model(images, layers.Flatten()(x), name="features")


def dtn_generator(features, image_size, channels, width=64):
    """Maps `features` features to images by transposed convolutions (section 5.1)."""
    base = [side // 8 for side in as_size(image_size)]
    x = inputs = keras.Input((features,), name="features")
    x = layers.Reshape((1, 1, features))(x)
    x = layers.ReLU()(batch_norm()(Conv2DTranspose(8 * width, base, use_bias=False)(x)))
    for filters in (4 * width, 2 * width):
        x = Conv2DTranspose(filters, 4, 2, "same", use_bias=False)(x)
        x = layers.ReLU()(batch_norm()(x))
    x = Conv2DTranspose(channels, 4, 2, "same")(x)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32")(x), name="generator")


def dtn_discriminator(image_size, channels, width=64):
    """Four strided convolutions, three with batch normalization, and logits of three classes (section 5.1).

    Returns:
        A `keras.Model`, images -> (batch, 3) logits.
    """
    x = images = keras.Input((*as_size(image_size), channels), name="images")
    for level in range(4):
        x = Conv2D(width * 2**level, 3, 2, "same", use_bias=not level)(x)
        x = LeakyReLU(0.2)(batch_norm()(x) if level else x)
    return keras.Model(images, layers.Dense(3, dtype="float32")(layers.Flatten()(x)), name="discriminator")
