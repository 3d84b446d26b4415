"""The task of drawing images from noise and labels or attributes."""

import math
import numbers

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data import checks
from kerasgan.models.tasks.noise import FromNoise


def condition_inputs(num_classes, attributes):
    """Makes a network's inputs for the conditions, and concatenates them to one vector per image.

    Args:
        num_classes: dict of numbers of classes by name: int32 inputs, turned into one-hot vectors.
        attributes: dict of dimensions by name: float32 inputs.

    Returns:
        The list of `keras.Input`s, and a tensor (batch, sum of all classes and dimensions).
    """
    labels = [keras.Input((), dtype="int32", name=name) for name in num_classes]
    vectors = [keras.Input((dim,), name=name) for name, dim in attributes.items()]
    parts = [keras.ops.one_hot(label, count) for label, count in zip(labels, num_classes.values())] + vectors
    return labels + vectors, parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def name_conditions(num_classes, attributes=None):
    """Returns numbers of classes and dimensions of attributes, both as dicts by name.

    Args:
        num_classes: int for one set of classes, named `"labels"`; a dict of numbers of classes by name; or None.
        attributes: dict of dimensions by name, or None.

    Raises:
        ValueError: if an argument is something else, a number is not a positive int, a name is used twice, or there
            is no condition.
    """
    classes = {"labels": num_classes} if isinstance(num_classes, numbers.Real) else num_classes or {}
    dims = attributes or {}
    for argument, sizes in (("num_classes", classes), ("attributes", dims)):
        if not hasattr(sizes, "items"):
            raise ValueError(f"`{argument}` must be a dict of sizes by name. Received: {sizes!r}")
        if None in map(whole, sizes.values()):
            raise ValueError(f"`{argument}` must hold positive ints. Received: {sizes}")
    classes, dims = ({name: int(size) for name, size in sizes.items()} for sizes in (classes, dims))
    names = [*classes, *dims]
    if not names or len(set(names) - {"latents", "images"}) != len(names):
        raise ValueError(
            "`num_classes` and `attributes` must name at least one condition. Names must be unique, and not "
            f"'latents' or 'images'. Received: {names}"
        )
    return classes, dims


def _as_int32(labels):
    """Converts integers to int32. The checks refuse everything else."""
    if tf.is_tensor(labels):
        return tf.cast(labels, "int32") if labels.dtype.is_integer else labels
    labels = np.asarray(labels)
    return labels.astype("int32") if labels.dtype.kind in "iu" else labels


class FromLabels(FromNoise):
    """Mixin for models that draw images from noise and labels or attributes. The constructor calls `set_conditions`.

    `fit` takes `(images, labels)`. Without conditions, the task is the same as `FromNoise`.
    """

    def set_conditions(self, label_sets, attribute_sets):
        """Sets the conditions' names and sizes: dicts of numbers of classes and of dimensions."""
        self.label_sets, self.attribute_sets = label_sets, attribute_sets

    @property
    def condition_names(self):
        """The names of the conditions in the order of the networks' inputs."""
        return [*self.label_sets, *self.attribute_sets]

    def _as_condition(self, labels):
        """Converts a user's labels to a tuple in the order of the networks' inputs."""
        names = self.condition_names
        if not isinstance(labels, dict):
            if len(names) > 1:
                raise ValueError(f"Labels must be a dict with the names {names}. Received: {type(labels).__name__}")
            labels = {names[0]: labels}
        if set(labels) != set(names):
            raise ValueError(f"Labels must be a dict with the names {names}. Received: {sorted(labels)}")
        return tuple(labels[name] for name in names)

    def unpack(self, data):
        """Splits a dataset element `(images, labels)` into (real images, condition)."""
        if not self.condition_names:
            return super().unpack(data)
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            got = f"{len(data)} parts" if isinstance(data, (tuple, list)) else type(data).__name__
            raise ValueError(
                f"{type(self).__name__} expected batches of `(images, labels)`; weights of samples cannot be given. "
                f"Received: {got}"
            )
        images, labels = data
        return images, self._flat_or_wide(self._as_condition(labels))

    def _flat_or_wide(self, condition):
        """Converts labels of any integer type to int32 (batch,), and attributes of one dimension to (batch, 1)."""
        first = len(self.label_sets)
        vectors = [value[:, None] if len(value.shape) == 1 else value for value in condition[first:]]
        return (*map(_as_int32, condition[:first]), *vectors)

    def check_batch(self, batch, check_range=True):
        super().check_batch(batch, check_range)
        if self.condition_names:
            self._check_condition(self._as_condition(batch[1]))

    def _check_condition(self, condition):
        sizes = {**self.label_sets, **self.attribute_sets}
        for (name, size), values in zip(sizes.items(), condition):
            if name in self.label_sets:
                checks.check_labels(values, num_classes=size, name=name)
            else:
                checks.check_vectors(values, dim=size, name=name)

    def generate(self, num_images=None, seed=None, labels=None, batch_size=64, truncation=None):
        """Draws images, from the averaged generator if there is one.

        Args:
            num_images: int. Required unless `labels` has one row per image.
            seed: int. The same seed and labels give the same images for all batch sizes. Defaults to a random one.
            labels: int array (num_images,), or one int for all images; with several conditions a dict of these by
                name, attributes as floats (num_images,) or (num_images, dim). Defaults to uniformly random classes, and
                attributes uniform in [-1, 1).
            batch_size: int. Defaults to 64.
            truncation: float. Less gives more typical and less diverse images: see `kerasgan.latent.truncate`.
                Defaults to none.

        Returns:
            float32 array (num_images, height, width, channels) in [-1, 1].

        Raises:
            ValueError: if a label is out of range, a name is missing or unknown, or the numbers of rows differ.
        """
        condition = self.sampling_condition(num_images, seed, labels)
        latents = self.sample_latents(len(condition[0]) if condition else num_images, seed, truncation)
        return self.decode(latents, condition, batch_size)

    def sampling_inputs(self, num_images, seed=None, truncation=None):
        """Returns the generator's inputs for `generate` with the same arguments, as a list."""
        condition = self.sampling_condition(num_images, seed, None)
        return [self.sample_latents(num_images, seed, truncation), *condition]

    def sampling_condition(self, num_images, seed, labels):
        """Returns the networks' inputs besides latents for the arguments of `generate`: a tuple of arrays."""
        if not self.condition_names:
            if labels is not None:
                raise ValueError(f"`labels` must be None: this {type(self).__name__} has no classes. Received: labels")
            return ()
        if labels is None:
            return self._draw_condition(num_images, seed)
        types = [None] * len(self.label_sets) + ["float32"] * len(self.attribute_sets)
        condition = [np.asarray(values, dtype) for values, dtype in zip(self._as_condition(labels), types)]
        rows = {len(values) for values in condition if values.ndim} | ({num_images} if num_images else set())
        if len(rows) > 1:
            raise ValueError(f"`labels` and `num_images` must agree on the number of rows. Received: {sorted(rows)}")
        count = rows.pop() if rows else 1
        condition = [values if values.ndim else np.repeat(values, count) for values in condition]
        condition = self._flat_or_wide(condition)
        self._check_condition(condition)
        return condition

    def _draw_condition(self, num_images, seed):
        if num_images is None:
            raise ValueError("`generate` needs `labels`, or `num_images` to draw as many. Received: neither")
        draw = np.random.default_rng(seed)
        classes = [draw.integers(count, size=num_images, dtype="int32") for count in self.label_sets.values()]
        dims = self.attribute_sets.values()
        return (*classes, *[draw.uniform(-1, 1, (num_images, dim)).astype("float32") for dim in dims])

    def preview(self, batch, num_images=64, seed=0):
        """Returns a sample grid with a row for each class of the first label set.

        If there are too many classes for two samples each, the grid is a square with evenly spaced classes. The samples
        of a column share their latents, and their other conditions, which come from an image of `batch`.

        Returns:
            float32 array (rows, columns, height, width, channels).
        """
        if not self.condition_names:
            return super().preview(batch, num_images, seed)
        _, condition = self.unpack(tf.nest.map_structure(np.asarray, batch))
        first = next(iter(self.label_sets.values()), 8)
        rows = first if 2 * first <= num_images else min(first, math.isqrt(num_images))
        columns = min(num_images // rows, len(condition[0]))
        condition = [np.tile(values[:columns], (rows, *[1] * (values.ndim - 1))) for values in condition]
        if self.label_sets:
            condition[0] = np.repeat(np.linspace(0, first - 1, rows).astype("int32"), columns)
        latents = np.tile(self.sample_latents(columns, seed), (rows, 1))
        images = self.decode(latents, tuple(condition))
        return images.reshape((rows, columns, *images.shape[1:]))

    def condition_specs(self):
        labels = [tf.TensorSpec((None,), tf.int32, name) for name in self.label_sets]
        return labels + [tf.TensorSpec((None, dim), tf.float32, name) for name, dim in self.attribute_sets.items()]

    def refuse_unknown(self, condition):
        """Adds an error for labels out of range to a graph. Their one-hot vectors would be all zeros."""
        for (name, count), labels in zip(self.label_sets.items(), condition):
            known = tf.reduce_all((labels >= 0) & (labels < count))
            tf.debugging.Assert(known, [f"`{name}` must be ints from 0 to {count - 1}. Received:", labels])
