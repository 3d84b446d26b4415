"""Activations, and gradient reversal."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasgan")
class Maxout(keras.layers.Layer):
    """Maxout (Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389, equation 1): the largest of several linear maps.

    Args:
        units: int. Length of the output.
        pieces: int. Linear maps per unit. Defaults to 5.

    Input (..., n), output (..., units).
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
        x = self.linear(inputs)
        return keras.ops.max(keras.ops.reshape(x, (*keras.ops.shape(x)[:-1], self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


@keras.saving.register_keras_serializable("kerasgan")
class LeakyReLU(keras.layers.LeakyReLU):
    """Keras's `LeakyReLU` (Maas, Hannun, Ng 2013, section 2) that uses less memory in training.

    It computes its gradient from the outputs, which have the sign of the inputs, so a compiled step does not keep the
    inputs. On CPUs, TensorFlow fuses it with the preceding convolution.

    Arguments are those of `keras.layers.LeakyReLU`. Input and output of any shape.
    """

    def call(self, inputs, training=False):
        if not training:
            return super().call(inputs)
        slope = float(self.negative_slope)

        @tf.custom_gradient
        def rectify(x):
            outputs = tf.nn.leaky_relu(x, slope)
            sign = tf.stop_gradient(outputs)

            def gradient(upstream):
                return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=sign, alpha=slope)

            return outputs, gradient

        return rectify(inputs)


def reverse_gradient(x, strength=1.0):
    """The gradient reversal layer (Ganin et al. 2016, https://arxiv.org/abs/1505.07818, equations 18 and 19).

    Args:
        x: float tensor of any shape.
        strength: float or scalar tensor, lambda. Defaults to 1.

    Returns:
        `x`. Its gradient is that of the output times `-strength`.

    Example:

    >>> x = tf.Variable([1.0, 2.0])
    >>> with tf.GradientTape() as tape:
    ...     y = tf.reduce_sum(kerasgan.layers.reverse_gradient(x, 0.5) ** 2)
    >>> tape.gradient(y, x).numpy().tolist()
    [-1.0, -2.0]
    """

    @tf.custom_gradient
    def reverse(inputs):
        return tf.identity(inputs), lambda upstream: -tf.cast(strength, upstream.dtype) * upstream

    return reverse(x)
