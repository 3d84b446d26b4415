"""Random numbers that do not depend on the number of replicas.

A `keras.random.SeedGenerator` has the same state on all replicas of a `tf.distribute` strategy, so all of them would
draw the same noise. Here, each replica draws the numbers of the whole global batch and keeps its own slice. Two devices
with half a batch each then train on the same numbers as one device with the whole batch.

The numbers are computed from the bits of Philox, which are the same on all devices and with XLA. TensorFlow's own
floats differ with XLA.
"""

import tensorflow as tf


def unit(shape, seed):
    """Draws uniform numbers in (0, 1), the same on all replicas: 23 random bits each, the ends excluded.

    Args:
        shape: tuple.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor of `shape`.
    """
    bits = tf.random.stateless_uniform(shape, seed.next(), None, None, dtype=tf.uint32, alg="philox")
    return (tf.cast(tf.cast(tf.bitwise.right_shift(bits, 9), tf.int32), tf.float32) + 0.5) * 2.0**-23


def _share(shape, seed):
    """Draws for the global batch and returns the rows of this replica."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    if replicas == 1:
        return unit(shape, seed)
    rows = shape[0]
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
    return unit((replicas * rows, *shape[1:]), seed)[first : first + rows]


def normal(shape, seed):
    """Draws standard normal numbers for one replica's part of the batch, by inversion of the distribution function.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor of `shape`.
    """
    return tf.math.ndtri(_share(shape, seed))


def uniform(shape, seed, minval=0.0, maxval=1.0):
    """Draws uniform numbers between `minval` and `maxval` for one replica's part of the batch.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.
        minval: float. Defaults to 0.
        maxval: float. Defaults to 1.

    Returns:
        float32 tensor of `shape`.
    """
    return minval + (maxval - minval) * _share(shape, seed)


def integers(shape, seed, minval, maxval):
    """Draws uniform integers from `minval` to `maxval - 1` for one replica's part of the batch.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.
        minval: int.
        maxval: int, less than 2^20 above `minval`.

    Returns:
        int32 tensor of `shape`.
    """
    return minval + tf.cast(tf.floor(_share(shape, seed) * float(maxval - minval)), tf.int32)
