"""What the replicas of a `tf.distribute` strategy must know of each other."""

import tensorflow as tf


def count():
    """Returns how many replicas share a batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def mean(x):
    """Returns the mean of `x` over all replicas, to each of them; gradients pass."""
    if count() == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, x)


def gather(x):
    """Returns the rows of `x` of all replicas, in their order, to each of them; gradients pass."""
    if count() == 1:
        return x
    return tf.distribute.get_replica_context().all_gather(x, axis=0)
