"""Sums and norms in full precision, for all layers."""

import keras
import tensorflow as tf


def wide(x):
    """Casts `x` to the precision of sums and norms: float32, or float64 if `x` is float64."""
    return tf.cast(x, keras.backend.result_type(x.dtype, "float32"))


def moments(x, axes):
    """Returns mean and variance over `axes`, which are kept. Gradients of any order are exact.

    `tf.nn.moments`, which Keras's normalizations use, stops the gradient of the mean within the variance. The first
    gradient is still correct, but the second one, which a gradient penalty needs, lacks a term.
    """
    mean = tf.reduce_mean(x, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.square(x - mean), axes, keepdims=True)


def normalize(x, axes, gamma, beta, epsilon):
    """Returns gamma (x - mean) / sqrt(variance + epsilon) + beta, with moments over `axes`. `beta` may be None."""
    mean, variance = moments(x, axes)
    gamma, beta = (None if weight is None else tf.cast(weight, x.dtype) for weight in (gamma, beta))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def output_axis(layer, kernel):
    """Returns the output axis of a layer's kernel: the last one, or the last but one of transposed layers."""
    transposed = isinstance(layer, (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose))
    return len(kernel.shape) - (2 if transposed else 1)
