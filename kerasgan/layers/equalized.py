"""Layers with an equalized learning rate."""

import math

import keras
import tensorflow as tf

from kerasgan.layers.activations import LeakyReLU
from kerasgan.layers.filters import BINOMIAL, resized, upfirdn


class Equalized(keras.layers.Layer):
    """Base of layers with an equalized learning rate (Karras et al. 2018, section 4.1).

    https://arxiv.org/abs/1710.10196. Weights start at N(0, 1) and are divided by sqrt(fan_in) in each call, so a step
    of Adam changes the outputs of all layers equally. The scaling is computed in float32.

    Args:
        activate: bool. Whether to apply sqrt(2) LeakyReLU(0.2). Defaults to True.
        gain: float. Factor of the outputs. Defaults to 1.
        use_bias: bool. Defaults to True.
        bias_start: float. Defaults to 0.
        rate: float. Factor of the layer's learning rate. Defaults to 1.
    """

    arguments = ("activate", "gain", "use_bias", "bias_start", "rate")

    def __init__(self, activate=True, gain=1.0, use_bias=True, bias_start=0.0, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        self.activate, self.gain, self.use_bias = activate, gain, use_bias
        self.bias_start, self.rate = bias_start, rate
        self.rectify = LeakyReLU(0.2, dtype=self.dtype_policy, name="rectifier") if activate else None
        # LeakyReLU is positively homogeneous, so the factor can be applied before it.
        self.factor = gain * (math.sqrt(2) if activate else 1.0)

    def add_weights(self, shape, units):
        start = keras.initializers.RandomNormal(stddev=1 / self.rate)
        self.kernel = self.add_weight(shape=shape, initializer=start, autocast=False, name="kernel")
        self.scale = self.rate / math.sqrt(math.prod(shape[:-1]))
        self.bias = None
        if self.use_bias:
            start = keras.initializers.Constant(self.bias_start / self.rate)
            self.bias = self.add_weight(shape=(units,), initializer=start, autocast=False, name="bias")

    def scaled_kernel(self, factor=1.0):
        return tf.convert_to_tensor(self.kernel) * (self.scale * factor)

    def finish(self, outputs, training):
        """Adds the bias and applies the activation. `outputs` already include the factor, the bias does not."""
        if self.use_bias:
            bias = tf.convert_to_tensor(self.bias) * (self.rate * self.factor)
            outputs = tf.nn.bias_add(outputs, tf.cast(bias, outputs.dtype))
        return self.rectify(outputs, training=training) if self.activate else outputs

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedDense(Equalized):
    """A dense layer with an equalized learning rate.

    Args:
        units: int. Length of the output.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Input (batch, n), output (batch, units).
    """

    arguments = ("units", *Equalized.arguments)

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.add_weights((input_shape[-1], self.units), self.units)
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.scaled_kernel(self.factor), inputs.dtype)
        return self.finish(tf.matmul(inputs, kernel), training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable("kerasgan")
class EqualizedConv2D(Equalized):
    """A convolution with an equalized learning rate and optional downsampling with a binomial filter.

    Args:
        filters: int. Channels of the output.
        kernel_size: int, odd. Defaults to 3.
        down: int, 1 or 2. Defaults to 1.
        activate, gain, use_bias, bias_start, rate: see `Equalized`.

    Input (batch, height, width, channels), output (batch, height / down, width / down, filters).
    """

    arguments = ("filters", "kernel_size", "down", *Equalized.arguments)

    def __init__(self, filters, kernel_size=3, down=1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.down = filters, kernel_size, down

    def build(self, input_shape):
        self.add_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.filters), self.filters)
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.scaled_kernel(self.factor), inputs.dtype)
        if self.down == 1:
            return self.finish(tf.nn.conv2d(inputs, kernel, 1, "SAME"), training)
        if self.kernel_size == 1:
            x = upfirdn(inputs, BINOMIAL, down=self.down, padding=(1, 1), training=training)
            return self.finish(tf.nn.conv2d(x, kernel, 1, "SAME"), training)
        pad = self.kernel_size // 2
        x = upfirdn(inputs, BINOMIAL, padding=(pad + 1, pad + 1), training=training)
        return self.finish(tf.nn.conv2d(x, kernel, self.down, "VALID"), training)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, resized(height, 1, self.down), resized(width, 1, self.down), self.filters)


@keras.saving.register_keras_serializable("kerasgan")
class BiasedRectifier(keras.layers.Layer):
    """Adds a bias to each channel, starting at 0, and applies LeakyReLU(0.2).

    Input and output (batch, height, width, channels).
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rectify = LeakyReLU(0.2, dtype=self.dtype_policy, name="rectifier")

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs, training=False):
        return self.rectify(tf.nn.bias_add(inputs, tf.cast(self.bias, inputs.dtype)), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape
