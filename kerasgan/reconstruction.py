"""Reconstruction terms of losses, in float32."""

import tensorflow as tf


def mean_absolute(x, y):
    """The mean absolute difference of two tensors."""
    return tf.reduce_mean(tf.abs(tf.cast(x, tf.float32) - tf.cast(y, tf.float32)))


def mean_square(x, y):
    """The mean squared difference of two tensors."""
    return tf.reduce_mean(tf.square(tf.cast(x, tf.float32) - tf.cast(y, tf.float32)))


def total_variation(images):
    """The mean absolute difference of neighbouring pixels in rows, plus that in columns."""
    images = tf.cast(images, tf.float32)
    rows = tf.reduce_mean(tf.abs(images[:, :, 1:] - images[:, :, :-1]))
    return rows + tf.reduce_mean(tf.abs(images[:, 1:] - images[:, :-1]))


def mean_gradient(images):
    """The mean length of the gradient of the images: isotropic total variation."""
    images = tf.cast(images, tf.float32)
    right = images[:, :-1, 1:] - images[:, :-1, :-1]
    down = images[:, 1:, :-1] - images[:, :-1, :-1]
    return tf.reduce_mean(tf.sqrt(tf.square(right) + tf.square(down) + 1e-12))
