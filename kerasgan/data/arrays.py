"""Datasets from arrays in memory."""

import numpy as np
import tensorflow as tf

from kerasgan.data._pipeline import make_dataset, on_cpu


def from_arrays(arrays, batch_size=64, *, shuffle=True, seed=0, drop_remainder=None):
    """Creates a dataset from arrays in memory.

    Its order depends only on `seed`, so a resumed run sees the same batches.

    Args:
        arrays: An array with one row per example, or a tuple or dict of such arrays. Values are not changed.
        batch_size: Int, default 64.
        shuffle: Bool, default True: shuffles the whole set in every epoch.
        seed: Int, default 0.
        drop_remainder: Bool. Defaults to `shuffle`, so that training batches have one size.

    Returns:
        A finite `tf.data.Dataset` of batches in the structure of `arrays`.

    Raises:
        ValueError: Arrays of different lengths, or fewer rows than one full batch.

    Example:

    >>> images = np.random.uniform(-1, 1, (100, 28, 28, 1)).astype("float32")
    >>> int(from_arrays(images, batch_size=32).cardinality())
    3
    """
    arrays = tf.nest.map_structure(np.asarray, arrays)
    sizes = sorted({len(array) for array in tf.nest.flatten(arrays)})
    if len(sizes) != 1:
        raise ValueError(f"`arrays` must all have the same number of rows. Received: {sizes}")
    tensors = tf.nest.map_structure(on_cpu, arrays)
    return make_dataset(
        sizes[0],
        lambda rows: tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), tensors),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        finish=lambda *batch: batch[0] if len(batch) == 1 else batch,
    )
