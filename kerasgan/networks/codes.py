"""Encoders and decoders of autoencoders."""

import math

import keras
import tensorflow as tf
from keras import Input, Model, layers

from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.layers import MaxPoolingWithIndices, Unpooling
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
    """One dense layer for each direction (Vincent et al. 2008, section 2.1). With `activation=None`, both are linear.

    The initial weights are uniform in +-4 sqrt(6 / (n_in + n_out)) for a sigmoid, as in the authors' tutorial, else in
    a quarter of this range.

    Returns:
        Two `keras.Model`s: images -> code (batch, code), and code -> images in [-1, 1]. With `tied`, the second takes
        the code already multiplied by the encoder's transposed kernel.
    """
    shape = (*as_size(image_size), channels)
    pixels = math.prod(shape)

    def start():
        scale = 16.0 if activation else 1.0  # the variance is proportional to the square of the bound
        return keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")

    images = Input(shape, name="images")
    # As in the tutorial, sigmoids get pixels in [0, 1]. With black pixels at -1, they would saturate.
    x = layers.Flatten()(layers.Rescaling(0.5, 0.5)(images) if activation else images)
    codes = layers.Dense(code, activation, kernel_initializer=start(), name="code")(x)
    inputs = Input((pixels if tied else code,), name="code")
    # tanh(x / 2) is the sigmoid of x, rescaled to [-1, 1].
    x = layers.Identity()(inputs) if tied else layers.Dense(pixels, kernel_initializer=start())(inputs)
    x = Bias()(x) if tied else x
    x = layers.Activation("tanh", dtype="float32")(layers.Rescaling(0.5)(x)) if activation else x
    output = layers.Reshape(shape, dtype="float32")(x)
    return Model(images, codes, name="encoder"), Model(inputs, output, name="decoder")


def _quarter(image_size, networks):
    """Returns the size of images, and a quarter of it."""
    size = as_size(image_size)
    if size[0] % 4 or size[1] % 4:
        raise ValueError(f"`image_size` must be a multiple of 4 for `networks={networks!r}`. Received: {image_size!r}")
    return size, (size[0] // 4, size[1] // 4)


def _spread(code, small, channels):
    """A dense layer from a code to small feature maps."""
    x = layers.Dense(math.prod(small) * channels, activation="relu")(code)
    return layers.Reshape((*small, channels))(x)


def conv_networks(image_size, channels, code, width):
    """Strided convolutions down to a quarter of the size, a dense code, and transposed convolutions back.

    Returns:
        Two `keras.Model`s: images -> code (batch, code), and code -> images in [-1, 1].
    """
    size, small = _quarter(image_size, "conv")
    x = images = Input((*size, channels), name="images")
    for filters in (width, 2 * width):
        x = layers.ReLU()(Conv2D(filters, 3, 2, "same")(x))
    codes = layers.Dense(code, name="code")(layers.Flatten()(x))
    inputs = Input((code,), name="code")
    x = _spread(inputs, small, 2 * width)
    x = layers.ReLU()(Conv2DTranspose(width, 3, 2, "same")(x))
    x = Conv2DTranspose(channels, 3, 2, "same")(x)
    output = layers.Activation("tanh", dtype="float32")(x)
    return Model(images, codes, name="encoder"), Model(inputs, output, name="decoder")


def pooling_networks(image_size, channels, code, width):
    """Convolutions and max pooling down to a quarter of the size, a dense code, and unpooling and convolutions back.

    The decoder puts values at the positions of the encoder's maxima (Zhao et al. 2015,
    https://arxiv.org/abs/1506.02351, section 3).

    Returns:
        Two `keras.Model`s: images -> a dict of `"code"` (batch, code) and the int32 positions of both poolings,
        `"places_1"` (batch, height / 2, width / 2, width) and `"places_2"` (batch, height / 4, width / 4, 2 width); and
        this dict -> images in [-1, 1].
    """
    size, small = _quarter(image_size, "pooling")
    x = images = Input((*size, channels), name="images")
    codes, inputs = {}, {"code": Input((code,), name="code")}
    for stage in (1, 2):
        x = Conv2D(stage * width, 3, padding="same", activation="relu")(x)
        x, codes[f"places_{stage}"] = MaxPoolingWithIndices()(x)
        inputs[f"places_{stage}"] = Input(x.shape[1:], dtype="int32", name=f"places_{stage}")
    codes["code"] = layers.Dense(code, name="code")(layers.Flatten()(x))
    x = _spread(inputs["code"], small, 2 * width)
    for stage, filters in ((2, width), (1, channels)):
        x = Unpooling()([layers.ReLU()(x), inputs[f"places_{stage}"]])
        x = Conv2D(filters, 3, padding="same")(x)
    output = layers.Activation("tanh", dtype="float32")(x)
    return Model(images, codes, name="encoder"), Model(inputs, output, name="decoder")
