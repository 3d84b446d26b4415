"""Boundaries and mean features of instances."""

import keras
import tensorflow as tf

from kerasgan.layers.arithmetic import wide


def instance_boundaries(instances):
    """Marks the pixels next to another instance (Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.3).

    Args:
        instances: int (batch, height, width), the number of the object that a pixel belongs to.

    Returns:
        float32 tensor (batch, height, width, 1): 1 where one of the four neighbours has another number, else 0.

    Example:

    >>> instance_boundaries(np.int32([[[7, 7, 7, 4]]]))[0, 0, :, 0].numpy().tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    instances = tf.convert_to_tensor(instances)
    down = tf.cast(instances[:, 1:] != instances[:, :-1], tf.float32)
    right = tf.cast(instances[:, :, 1:] != instances[:, :, :-1], tf.float32)
    edges = [tf.pad(down, [[0, 0], side, [0, 0]]) for side in ([0, 1], [1, 0])]
    edges += [tf.pad(right, [[0, 0], [0, 0], side]) for side in ([0, 1], [1, 0])]
    return tf.reduce_max(tf.stack(edges, axis=-1), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("kerasgan")
class InstanceMean(keras.layers.Layer):
    """Replaces the features of each pixel by their mean over its instance (Wang et al. 2018, section 3.4).

    https://arxiv.org/abs/1711.11585, which calls it instance-wise average pooling. Instances are separate for each
    image, even if their numbers are equal. The arithmetic is in float32, also under mixed precision.

    Call it on [features (batch, height, width, channels), instances int (batch, height, width)]. Instances may have any
    numbers. The output has the shape of the features.

    Example:

    >>> features, instances = np.float32([1, 3, 5]).reshape(1, 1, 3, 1), np.int32([[[26001, 26001, 8]]])
    >>> InstanceMean()([features, instances]).numpy().ravel().tolist()
    [2.0, 2.0, 5.0]
    """

    def call(self, inputs):
        features, instances = inputs
        shape = tf.shape(features)
        batch, pixels = shape[0], shape[1] * shape[2]
        segments = _numbered(tf.reshape(instances, (batch, pixels)))
        segments = tf.reshape(segments + tf.range(batch)[:, None] * pixels, (-1,))
        means = _segment_means(segments, batch * pixels)
        flat = tf.reshape(wide(features), (batch * pixels, features.shape[-1]))
        return tf.cast(tf.reshape(means(flat), shape), features.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)


def _numbered(instances):
    """Renumbers the instances of each row (batch, pixels) from 0. Sorting keeps all shapes static for XLA."""
    order = tf.argsort(instances, stable=True)
    ordered = tf.gather(instances, order, batch_dims=1)
    begins = tf.cast(ordered[:, 1:] != ordered[:, :-1], tf.int32)
    ranks = tf.cumsum(tf.pad(begins, [[0, 0], [1, 0]]), axis=1)
    return tf.gather(ranks, tf.argsort(order, stable=True), batch_dims=1)


def _segment_means(segments, count):
    """Returns the function that replaces each row of (rows, channels) by the mean of its segment."""
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(segments), segments, count)

    @tf.custom_gradient
    def means(rows):
        sums = tf.math.unsorted_segment_sum(rows, segments, count)
        averages = sums / tf.cast(tf.maximum(sizes, 1), rows.dtype)[:, None]
        return tf.gather(averages, segments), means  # the matrix of the means is symmetric, so it is its own gradient

    return means
