"""Sums and norms in full precision, for all layers."""

import keras
import tensorflow as tf


def wide(x):
    """Returns `x` in the precision of sums and norms: float32, or float64 where it is that already."""
    return tf.cast(x, keras.backend.result_type(x.dtype, "float32"))


def moments(x, axes):
    """Returns mean and variance over `axes`, which are kept; their gradients of any order are exact.

    `tf.nn.moments`, and with it Keras's normalisations, stops the gradient of the mean within the variance. The first
    gradient does not notice, but the second one, which a gradient penalty needs, lacks a term.
    """
    mean = tf.reduce_mean(x, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.square(x - mean), axes, keepdims=True)


def normalize(x, axes, gamma, beta, epsilon):
    """Returns (x - mean) / sqrt(variance + epsilon) over `axes`, times `gamma`, plus `beta`, which may be None."""
    mean, variance = moments(x, axes)
    gamma, beta = (None if weight is None else tf.cast(weight, x.dtype) for weight in (gamma, beta))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def output_axis(layer, kernel):
    """Returns the axis of a layer's kernel that counts its outputs: the last, of transposed layers the one before."""
    transposed = isinstance(layer, (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose))
    return len(kernel.shape) - (2 if transposed else 1)
