"""Conversion of what `fit` and `evaluate` receive to a `tf.data.Dataset` of batches."""

import collections.abc
import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data.arrays import from_arrays

DATASETS = (tf.data.Dataset, tf.distribute.DistributedDataset)


def yields_batches(x):
    """Tells whether `x` brings its own batches: a dataset, a generator, a `PyDataset`, or torch's `DataLoader`."""
    if isinstance(x, (*DATASETS, keras.utils.PyDataset, collections.abc.Iterator)):
        return True
    return hasattr(x, "__iter__") and not hasattr(x, "__array__") and not isinstance(x, (list, tuple, dict, str))


def as_dataset(x, y=None, batch_size=None, shuffle=False):
    """Makes a dataset of batches of anything that yields batches, or of arrays.

    Args:
        x: what `yields_batches`, or arrays.
        y: array, beside arrays only.
        batch_size: int, for arrays only. Defaults to 32.
        shuffle: bool, for arrays only.

    Returns:
        A dataset. Of an iterator it can be read once, and its length is unknown.

    Raises:
        ValueError: if there is no batch, or `y` and `batch_size` come with what yields batches.
    """
    if x is None:
        raise ValueError("`x` must be a dataset or arrays. Received: None")
    if not yields_batches(x):
        return _of_arrays(x if y is None else (x, y), 32 if batch_size is None else batch_size, shuffle)
    if y is not None or batch_size is not None:
        raise ValueError(
            f"`y` and `batch_size` go with arrays; a {type(x).__name__} brings its own. "
            f"Received: {'y' if y is not None else f'batch_size={batch_size}'}"
        )
    return x if isinstance(x, DATASETS) else _of_batches(x)


def _of_arrays(arrays, batch_size, shuffle):
    rows = min((len(array) for array in tf.nest.flatten(tf.nest.map_structure(np.asarray, arrays))), default=0)
    if not rows:
        raise ValueError("The arrays are empty: expected at least one image. Received: none")
    if shuffle and whole(batch_size) and batch_size > rows:
        raise ValueError(
            f"`batch_size` must be at most {rows}, the number of images. Received: {batch_size}. "
            f"Remedy: `batch_size={rows}`, or fewer."
        )
    # A batch of another size than the others compiles a second step: only where images would be missed for good.
    whole_batches = bool(whole(batch_size)) and rows % batch_size == 0
    return from_arrays(arrays, batch_size, shuffle=shuffle, drop_remainder=shuffle or whole_batches)


def _of_batches(source):
    """A dataset of what a Python object yields, batch after batch, with the shapes and types of the first one."""
    if isinstance(source, collections.abc.Iterator):
        first = next(source, None)

        def once():
            yield first
            yield from source

        return _generated(once, first, tf.data.UNKNOWN_CARDINALITY)
    if isinstance(source, keras.utils.PyDataset):
        length = source.num_batches
        if length is None:
            return _generated(
                lambda: map(source.__getitem__, itertools.count()), source[0], tf.data.INFINITE_CARDINALITY
            )

        def one_pass():
            source.on_epoch_begin()
            yield from map(source.__getitem__, range(length))
            source.on_epoch_end()

        return _generated(one_pass, source[0] if length else None, length)
    length = len(source) if hasattr(source, "__len__") else tf.data.UNKNOWN_CARDINALITY
    return _generated(lambda: iter(source), next(iter(source), None), length)


def _generated(batches, first, length):
    if first is None:
        raise ValueError("The data are empty: expected at least one batch. Received: none")
    signature = tf.nest.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype)), _arrays(first)
    )
    dataset = tf.data.Dataset.from_generator(lambda: map(_arrays, batches()), output_signature=signature)
    if length == tf.data.UNKNOWN_CARDINALITY:
        return dataset  # not prefetched: whoever looks at one batch must not use up others
    return dataset.apply(tf.data.experimental.assert_cardinality(length)).prefetch(tf.data.AUTOTUNE)


def _arrays(batch):
    """Tensors of any library to arrays; a list of them, as torch's loaders make it, to a tuple."""
    if isinstance(batch, dict):
        return {name: _arrays(part) for name, part in batch.items()}
    if isinstance(batch, (list, tuple)) and not all(np.isscalar(part) for part in batch):
        return tuple(_arrays(part) for part in batch)
    return np.asarray(batch)


def split(arrays, share):
    """Splits arrays as Keras's `validation_split` does: the last `share` of the rows, as they come, is the second part.

    Raises:
        ValueError: if `share` is out of range, or leaves one part without a row.
    """
    rows = len(np.asarray(tf.nest.flatten(arrays)[0]))
    first = math.floor(rows * (1 - share)) if 0 < share < 1 else 0
    if not 0 < first < rows:
        raise ValueError(
            f"`validation_split` must leave images to train on and to validate with: a share in (0, 1) of {rows} "
            f"images. Received: {share!r}"
        )
    part = lambda rows: tf.nest.map_structure(lambda array: np.asarray(array)[rows], arrays)  # noqa: E731
    return part(slice(None, first)), part(slice(first, None))
