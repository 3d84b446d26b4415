"""Encoders and decoders of autoencoders."""

import math

import keras
import tensorflow as tf
from keras import Input, Model, layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.shapes import as_size


@keras.saving.register_keras_serializable("kerasgan")
class Bias(layers.Layer):
    """Adds a learned number to each feature."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs):
        return inputs + tf.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def dense_networks(image_size, channels, code, activation="sigmoid", tied=False):
    """One layer each way (Vincent et al. 2008, section 2.1); `activation=None` makes both linear.

    Weights start uniform in +-4 sqrt(6 / (n_in + n_out)) for a sigmoid, as in the authors' tutorial, else in a quarter
    of that.

    Returns:
        Two `keras.Model`s: images -> code (batch, code), and code -> images in [-1, 1]. With `tied`, the second takes
        the code already multiplied by the encoder's transposed kernel.
    """
    shape = (*as_size(image_size), channels)
    pixels = math.prod(shape)

    def start():
        scale = 16.0 if activation else 1.0  # the variance of a uniform number goes with the square of its bound
        return keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")

    images = Input(shape, name="images")
    codes = layers.Dense(code, activation, kernel_initializer=start(), name="code")(layers.Flatten()(images))
    inputs = Input((pixels if tied else code,), name="code")
    # tanh(x / 2) is the sigmoid of x, of images in [-1, 1].
    x = layers.Identity()(inputs) if tied else layers.Dense(pixels, kernel_initializer=start())(inputs)
    x = Bias()(x) if tied else x
    x = layers.Activation("tanh", dtype="float32")(layers.Rescaling(0.5)(x)) if activation else x
    output = layers.Reshape(shape, dtype="float32")(x)
    return Model(images, codes, name="encoder"), Model(inputs, output, name="decoder")


def conv_networks(image_size, channels, code, width):
    """Strided convolutions down to a quarter of the size, a dense code, and transposed convolutions back.

    Returns:
        Two `keras.Model`s: images -> code (batch, code), and code -> images in [-1, 1].
    """
    size = as_size(image_size)
    if size[0] % 4 or size[1] % 4:
        raise ValueError(f"`image_size` must be a multiple of 4 for `networks='conv'`. Received: {image_size!r}")
    small = size[0] // 4, size[1] // 4
    x = images = Input((*size, channels), name="images")
    for filters in (width, 2 * width):
        x = layers.ReLU()(Conv2D(filters, 3, 2, "same")(x))
    codes = layers.Dense(code, name="code")(layers.Flatten()(x))
    inputs = Input((code,), name="code")
    x = layers.Dense(math.prod(small) * 2 * width, activation="relu")(inputs)
    x = layers.Reshape((*small, 2 * width))(x)
    x = layers.ReLU()(Conv2DTranspose(width, 3, 2, "same")(x))
    x = Conv2DTranspose(channels, 3, 2, "same")(x)
    output = layers.Activation("tanh", dtype="float32")(x)
    return Model(images, codes, name="encoder"), Model(inputs, output, name="decoder")
