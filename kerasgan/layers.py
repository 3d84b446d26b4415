"""Layers that papers on adversarial networks introduced or rely on and that Keras lacks."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class Maxout(keras.layers.Layer):
    """Maxout (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389, equation 1): the largest of several linear maps.

    Args:
        units: int. Length of the output.
        pieces: int. Linear maps per unit. Defaults to 5.

    Input (batch, n), output (batch, units).
    """

    def __init__(self, units, pieces=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.linear = keras.layers.Dense(units * pieces, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.linear.build(input_shape)
        self.built = True

    def call(self, inputs):
        return keras.ops.max(keras.ops.reshape(self.linear(inputs), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


@keras.saving.register_keras_serializable("kerasgan")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image by its own mean and variance (Ulyanov et al. 2016).

    https://arxiv.org/abs/1607.08022, equation 7. The arithmetic is in float32 whatever the dtype policy.

    Args:
        epsilon: float, added to the variance. Defaults to 1e-5, the paper's.
        center: bool. Adds a learned shift per channel. Defaults to True.
        scale: bool. Multiplies by a learned factor per channel. Defaults to True.

    Input and output (batch, height, width, channels).
    """

    def __init__(self, epsilon=1e-5, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.center, self.scale = epsilon, center, scale

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma") if self.scale else None
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta") if self.center else None
        self.built = True

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        gamma = tf.cast(self.gamma, tf.float32) if self.scale else None
        beta = tf.cast(self.beta, tf.float32) if self.center else None
        return tf.cast(tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center, "scale": self.scale}


@keras.saving.register_keras_serializable("kerasgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width with their mirror image; the edge itself is not repeated.

    Args:
        padding: int, pixels on each side, less than the image's. Defaults to 1.

    Input (batch, height, width, channels), output (batch, height + 2 padding, width + 2 padding, channels).
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        p = self.padding
        return tf.pad(inputs, [[0, 0], [p, p], [p, p], [0, 0]], mode="REFLECT")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        grow = lambda size: None if size is None else size + 2 * self.padding  # noqa: E731
        return (batch, grow(height), grow(width), channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("kerasgan")
class PixelShuffle(keras.layers.Layer):
    """Turns channels into pixels, the sub-pixel convolution's second half (Shi et al. 2016).

    https://arxiv.org/abs/1609.05158, equation 4.

    Args:
        scale: int, by which height and width grow. Defaults to 2.

    Input (batch, height, width, scale^2 channels), output (batch, scale height, scale width, channels).
    """

    def __init__(self, scale=2, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return tf.nn.depth_to_space(inputs, self.scale)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        grow = lambda size: None if size is None else size * self.scale  # noqa: E731
        return (batch, grow(height), grow(width), channels // self.scale**2)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
