"""Random draws that do not depend on how many replicas share a batch.

A `keras.random.SeedGenerator` keeps one state per replica, and all replicas hold the same one: drawn naively,
every replica of a `tf.distribute` strategy would see the same noise. Here the numbers of the whole global batch are
drawn everywhere and each replica keeps its own slice. Two devices with half a batch each therefore train on exactly
the numbers that one device with the whole batch would have drawn.
"""

import keras
import tensorflow as tf


def _share(draw, shape):
    """Calls `draw(global_shape)` and returns this replica's rows."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    if replicas == 1:
        return draw(shape)
    rows = shape[0]
    everything = draw((replicas * rows, *shape[1:]))
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
    return everything[first : first + rows]


def normal(shape, seed, dtype="float32"):
    """Standard normal numbers for one replica's part of the batch.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.
        dtype: float dtype. Defaults to `"float32"`.

    Returns:
        A tensor of `shape`.
    """
    return _share(lambda s: keras.random.normal(s, dtype=dtype, seed=seed), shape)


def uniform(shape, seed, minval=0.0, maxval=1.0, dtype="float32"):
    """Uniform numbers in `[minval, maxval)` for one replica's part of the batch.

    Args:
        shape: tuple. The first entry is the batch of this replica.
        seed: `keras.random.SeedGenerator`.
        minval: float. Defaults to 0.
        maxval: float. Defaults to 1.
        dtype: float or int dtype; integers are drawn from `minval` to `maxval - 1`. Defaults to `"float32"`.

    Returns:
        A tensor of `shape`.
    """
    if dtype.startswith("int"):
        return _share(lambda s: keras.random.randint(s, minval, maxval, dtype=dtype, seed=seed), shape)
    return _share(lambda s: keras.random.uniform(s, minval, maxval, dtype=dtype, seed=seed), shape)
