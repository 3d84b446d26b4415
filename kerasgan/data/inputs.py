"""Converts the inputs of `fit` and `evaluate` to a `tf.data.Dataset` of batches."""

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
    """Returns whether `x` yields batches: a dataset, a generator, a `PyDataset`, or torch's `DataLoader`."""
    if isinstance(x, (*DATASETS, keras.utils.PyDataset, collections.abc.Iterator)):
        return True
    return hasattr(x, "__iter__") and not hasattr(x, "__array__") and not isinstance(x, (list, tuple, dict, str))


def as_dataset(x, y=None, batch_size=None, shuffle=False):
    """Makes a dataset of batches from arrays or an iterable of batches.

    Args:
        x: arrays, or an iterable of batches (see `yields_batches`).
        y: array, only if `x` is an array.
        batch_size: int, only for arrays. Defaults to 32.
        shuffle: bool, only for arrays.

    Returns:
        A dataset. If `x` is an iterator, it can be read once, and its length is unknown.

    Raises:
        ValueError: if there are no batches, or if `y` or `batch_size` is given with an iterable of batches.
    """
    if x is None:
        raise ValueError("`x` must be a dataset or arrays. Received: None")
    if not yields_batches(x):
        return _of_arrays(x if y is None else (x, y), 32 if batch_size is None else batch_size, shuffle)
    if y is not None or batch_size is not None:
        raise ValueError(
            f"`y` and `batch_size` must be None for a {type(x).__name__}, which yields whole batches. "
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
    # A smaller last batch compiles a second step, so it is used only if its images would never be seen otherwise.
    whole_batches = bool(whole(batch_size)) and rows % batch_size == 0
    return from_arrays(arrays, batch_size, shuffle=shuffle, drop_remainder=shuffle or whole_batches)


def _of_batches(source):
    """Makes a dataset of the batches that a Python object yields, with the shapes and types of the first one."""
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
        return dataset  # no prefetch, as reading one batch must not consume others
    return dataset.apply(tf.data.experimental.assert_cardinality(length)).prefetch(tf.data.AUTOTUNE)


def _arrays(batch):
    """Converts tensors of any library to arrays, and a list, as from torch's loaders, to a tuple."""
    if isinstance(batch, dict):
        return {name: _arrays(part) for name, part in batch.items()}
    if isinstance(batch, (list, tuple)) and not all(np.isscalar(part) for part in batch):
        return tuple(_arrays(part) for part in batch)
    return np.asarray(batch)


def split(arrays, share):
    """Splits arrays as Keras's `validation_split` does: the last `share` of the rows is the second part.

    Raises:
        ValueError: if `share` is out of range, or one part would be empty.
    """
    rows = len(np.asarray(tf.nest.flatten(arrays)[0]))
    first = math.floor(rows * (1 - share)) if 0 < share < 1 else 0
    if not 0 < first < rows:
        raise ValueError(
            f"`validation_split` must be a share in (0, 1) that leaves both parts of {rows} images non-empty. "
            f"Received: {share!r}"
        )
    part = lambda rows: tf.nest.map_structure(lambda array: np.asarray(array)[rows], arrays)  # noqa: E731
    return part(slice(None, first)), part(slice(first, None))
