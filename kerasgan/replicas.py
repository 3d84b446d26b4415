"""Communication between the replicas of a `tf.distribute` strategy."""

import keras
import tensorflow as tf


def count():
    """Returns the number of replicas."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(x):
    """Returns the mean of `x` over all replicas, on each of them. It is differentiable."""
    if count() == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, x)


def first_row(rows):
    """Returns the position of this replica's first row in the global batch, if each replica has `rows` rows."""
    if count() == 1:
        return 0
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32) * rows


def gather(x):
    """Returns the rows of `x` of all replicas, in order, on each of them. It is differentiable.

    Each replica pads its rows with zeros, and the results are summed. The `all_gather` of TensorFlow 2.21 fails on
    inputs of a step, which have no device, returns no static shape, and cannot run eagerly.

    Args:
        x: tensor, of the same shape on all replicas.
    """
    if count() == 1:
        return x
    rows, *shape = keras.ops.shape(x)  # ints if they are static, else tensors
    first, total = first_row(rows), count() * rows
    # Collectives do not support small integer types.
    summed = tf.cast(x, tf.int64) if x.dtype.is_integer else x
    padded = tf.pad(summed, [[first, total - rows - first]] + [[0, 0]] * len(shape))
    everyone = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, padded)
    return tf.cast(tf.reshape(everyone, (total, *shape)), x.dtype)
