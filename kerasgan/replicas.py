"""Communication between the replicas of a `tf.distribute` strategy."""

import keras
import tensorflow as tf


def count():
    """Returns how many replicas share a batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(x):
    """Returns the mean of `x` over all replicas, to each of them; gradients pass."""
    if count() == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, x)


def first_row(rows):
    """Returns where the rows of this replica begin among those of all, of `rows` each: 0 if there is one only."""
    if count() == 1:
        return 0
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32) * rows


def gather(x):
    """Returns the rows of `x` of all replicas, in their order, to each of them; gradients pass.

    A sum of what each replica has put among rows of zeros. The `all_gather` of TensorFlow 2.21 fails on inputs of a
    step, which have no device, returns no static shape, and cannot run eagerly.

    Args:
        x: tensor, of the same shape on all replicas.
    """
    if count() == 1:
        return x
    rows, *shape = keras.ops.shape(x)  # numbers where they are known, else tensors
    first, total = first_row(rows), count() * rows
    # Collectives know no small integers.
    summed = tf.cast(x, tf.int64) if x.dtype.is_integer else x
    padded = tf.pad(summed, [[first, total - rows - first]] + [[0, 0]] * len(shape))
    everyone = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, padded)
    return tf.cast(tf.reshape(everyone, (total, *shape)), x.dtype)
