"""Random draws that do not depend on how many replicas share a batch.

A `keras.random.SeedGenerator` keeps one state per replica, and all replicas hold the same one: drawn naively,
every replica of a `tf.distribute` strategy would see the same noise. Here the numbers of the whole global batch are
drawn everywhere and each replica keeps its own slice. Two devices with half a batch each therefore train on exactly
the numbers that one device with the whole batch would have drawn.

They are made from Philox's bits, which TensorFlow draws alike everywhere. Its floats it makes from other bits where XLA
compiles the step.
"""

import tensorflow as tf


def unit(shape, seed):
    """Uniform numbers in (0, 1), the same on all replicas: 23 random bits each, the ends excluded.

    Args:
        shape: tuple.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor of `shape`.
    """
    bits = tf.random.stateless_uniform(shape, seed.next(), None, None, dtype=tf.uint32, alg="philox")
    return (tf.cast(tf.cast(tf.bitwise.right_shift(bits, 9), tf.int32), tf.float32) + 0.5) * 2.0**-23


def _share(shape, seed):
    """Draws for the global batch and returns this replica's rows."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    if replicas == 1:
        return unit(shape, seed)
    rows = shape[0]
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
    return unit((replicas * rows, *shape[1:]), seed)[first : first + rows]


def normal(shape, seed):
    """Standard normal numbers for one replica's part of the batch, by inversion of the distribution function.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.

    Returns:
        float32 tensor of `shape`.
    """
    return tf.math.ndtri(_share(shape, seed))


def uniform(shape, seed, minval=0.0, maxval=1.0):
    """Uniform numbers between `minval` and `maxval` for one replica's part of the batch.

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
    """Evenly drawn integers from `minval` to `maxval - 1` for one replica's part of the batch.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.
        minval: int.
        maxval: int, less than 2^20 above `minval`.

    Returns:
        int32 tensor of `shape`.
    """
    return minval + tf.cast(tf.floor(_share(shape, seed) * float(maxval - minval)), tf.int32)
