"""From images to features: extractors, batched extraction, stored statistics, and what all feature metrics share."""

import hashlib
import os
import re
import zipfile
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.files import replacing


class Statistics(NamedTuple):
    """The Gaussian fitted to a feature set: `mean` (d,), `cov` (d, d), and the number of images `count`."""

    mean: np.ndarray
    cov: np.ndarray
    count: int


class Extractor:
    """A feature extractor with the facts that a score must state: its name, its weights, its resize rule.

    Args:
        function: a keras.Model or a callable, images (n, height, width, channels) in [-1, 1] -> features (n, d).
            Outputs with four axes are averaged over height and width.
        name: str, stated in scores. Default: the model's or function's own name.
        size: (height, width) that images are resized to. Default None: the model's fixed input size, else no resizing.
        method: a `tf.image.resize` method. Default "bilinear".
        antialias: bool, for `tf.image.resize`. Default False.
        num_features: int; needed only for callables that are compiled under a distribution strategy.
        rule: str, the resize rule in words where `function` resizes by itself.

    Raises:
        ValueError: when `function` is not callable.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import Extractor
    >>> Extractor(lambda images: images, name="mean colour")(np.zeros((2, 8, 8, 3), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(
        self, function, name=None, size=None, method="bilinear", antialias=False, num_features=None, rule=None
    ):
        if not callable(function):
            raise ValueError(
                f"`extractor` must be one of {sorted(NAMED)}, a keras.Model or a callable. Received: {function!r}"
            )
        self.function = function
        self.model = function if isinstance(function, keras.Model) else None
        self.name = name or getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
        # subclassed and unbuilt models have no fixed shapes
        shape = self.model.input_shape if getattr(self.model, "inputs", None) else (None,) * 4
        self.channels = shape[-1]
        self.size = tuple(size) if size else (tuple(shape[1:3]) if None not in shape[1:3] else None)
        self.method = method
        self.antialias = antialias
        self.num_features = num_features
        if num_features is None and getattr(self.model, "outputs", None):
            self.num_features = self.model.output_shape[-1]
        self.rule = rule
        self._hash = None
        self._graph = tf.function(self.__call__, reduce_retracing=True)

    @property
    def resize(self):
        """The resize rule in words, e.g. "bilinear 224x224"."""
        if self.size is None or self.rule:
            return self.rule or "none"
        return f"{self.method}{' antialias' if self.antialias else ''} {self.size[0]}x{self.size[1]}"

    @property
    def weights_hash(self):
        """SHA-256 of the model's weights, or None for a plain callable, whose weights cannot be seen."""
        if self._hash is None and self.model is not None:
            self._hash = weights_hash(self.model)
        return self._hash

    @property
    def precision(self):
        """The dtype policy of the model's computation."""
        return self.model.dtype_policy.name if self.model is not None else keras.config.floatx()

    def __call__(self, images):
        images = tf.cast(images, tf.float32)
        if self.channels == 3 and images.shape[-1] == 1:
            images = tf.image.grayscale_to_rgb(images)
        elif self.channels == 1 and images.shape[-1] == 3:
            images = tf.image.rgb_to_grayscale(images)
        if self.size is not None and tuple(images.shape[1:3]) != self.size:
            images = tf.image.resize(images, self.size, method=self.method, antialias=self.antialias)
        features = self.function(images) if self.model is None else self.model(images, training=False)
        features = tf.convert_to_tensor(features)
        if features.shape.rank == 4:
            features = tf.reduce_mean(features, axis=[1, 2])
        # class probabilities come in float64, where sure images do not tie at 1
        return features if features.dtype == tf.float64 else tf.cast(features, tf.float32)


def get_extractor(extractor):
    """The `Extractor` for a name, a keras.Model, a callable, or an `Extractor`.

    Args:
        extractor: "mnist", "fashion_mnist" or "glyphs" (penultimate features of the zoo's classifiers),
            "efficientnet_lite0" (1,280 features, ImageNet), "inception_v3_2015" (2,048 features, that of published
            FIDs), a keras.Model, a callable, or an `Extractor`.

    Returns:
        An `Extractor`.

    Raises:
        ValueError: for an unknown name.

    Example:

    >>> from kerasgan.metrics import get_extractor
    >>> get_extractor(lambda images: images[:, 0, 0]).resize
    'none'
    """
    return _resolve(extractor, 0)


def get_classifier(classifier):
    """The same as `get_extractor` for class probabilities: names give the probabilities of that classifier.

    Args:
        classifier: a name of `get_extractor`, or a keras.Model, callable or `Extractor` that returns probabilities.

    Returns:
        An `Extractor` whose features are class probabilities.

    Raises:
        ValueError: for an unknown name.

    Example:

    >>> import tensorflow as tf
    >>> from kerasgan.metrics import get_classifier
    >>> get_classifier(lambda images: tf.nn.softmax(images[:, 0, 0])).resize
    'none'
    """
    return _resolve(classifier, 1)


def _resolve(spec, part):
    if isinstance(spec, Extractor):
        return spec
    if isinstance(spec, str):
        if spec not in NAMED:
            raise ValueError(
                f"`extractor` must be one of {sorted(NAMED)}, a keras.Model or a callable. Received: {spec!r}"
            )
        return NAMED[spec](spec)[part]
    return Extractor(spec)


def _zoo_classifier(name):
    from kerasgan import zoo

    return _parts(zoo.classifier(name), f"{name} classifier")


def _efficientnet(name):
    from kerasgan.metrics.efficientnet import efficientnet_lite0

    # photographs are shrunk: without antialiasing the features see ringing (Parmar et al. 2022)
    return _parts(efficientnet_lite0(), name, antialias=True)


def _inception(name):
    from kerasgan.metrics.inception import inception_v3

    model = inception_v3()
    rule = "8 bits, TensorFlow 1 bilinear 299x299"
    features = keras.Model(model.inputs, model.output["2048"])
    # the Inception Score is defined on the logits without the bias (Salimans et al. 2016, the authors' code)
    probabilities = keras.Model(model.inputs, keras.layers.Softmax(dtype="float64")(model.output["logits_unbiased"]))
    return Extractor(features, f"{name} 2048", rule=rule), Extractor(probabilities, name, rule=rule)


def _parts(model, name, **options):
    """The extractors of a classifier's layer "features" and of its probabilities."""
    features = keras.Model(model.inputs, model.get_layer("features").output)
    # float64: sure images must not tie at 1
    probabilities = keras.Model(model.inputs, keras.layers.Softmax(dtype="float64")(model.outputs[0]))
    return Extractor(features, f"{name} features", **options), Extractor(probabilities, name, **options)


# name -> a function that builds (feature extractor, classifier) when asked
NAMED = {
    "mnist": _zoo_classifier,
    "fashion_mnist": _zoo_classifier,
    "glyphs": _zoo_classifier,
    "efficientnet_lite0": _efficientnet,
    "inception_v3_2015": _inception,
}


def extract_features(images, extractor, batch_size=64, verbose=0):
    """Features of many images, batch by batch.

    Args:
        images: float array (n, height, width, channels) in [-1, 1], or an iterable of such batches (a
            `tf.data.Dataset`; of tuples the first entry is taken).
        extractor: anything `get_extractor` takes.
        batch_size: int, for arrays. Default 64.
        verbose: 1 shows a progress bar. Default 0.

    Returns:
        Array (n, d), float32 (float64 for class probabilities).

    Raises:
        ValueError: for integer images, values that are not finite or outside [-1, 1], sets that look like [0, 1], or no
            images.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import extract_features
    >>> extract_features(np.zeros((3, 4, 4, 1), "float32"), lambda images: images[:, 0, 0]).shape
    (3, 1)
    """
    extractor = get_extractor(extractor)
    batches, total = _batches(images, batch_size)
    bar = keras.utils.Progbar(total, unit_name="batch") if verbose else None
    features, low, high = [], np.inf, -np.inf
    for batch in batches:
        batch = check_images(batch, "images")
        low, high = min(low, float(tf.reduce_min(batch))), max(high, float(tf.reduce_max(batch)))
        features.append(extractor._graph(batch).numpy())
        if bar:
            bar.add(1)
    if not features:
        raise ValueError("`images` must hold at least one image. Received none: check the path or the split.")
    if 0.0 <= low < high:
        raise ValueError(
            f"`images` must be in [-1, 1]. Received values from {low:.3g} to {high:.3g}, which look like [0, 1]: "
            "use images * 2 - 1"
        )
    return np.concatenate(features)


def _batches(images, batch_size):
    if hasattr(images, "shape"):
        starts = range(0, len(images), batch_size)
        return (images[start : start + batch_size] for start in starts), len(starts)
    total = int(images.cardinality()) if isinstance(images, tf.data.Dataset) else None
    return (batch[0] if isinstance(batch, (tuple, list)) else batch for batch in images), total if (
        total is not None and total > 0
    ) else None


def weights_hash(model):
    """SHA-256 over names, shapes, dtypes and bytes of a model's weights.

    The numbers that Keras appends to make names unique in a process are left out, so loading a model twice gives one
    hash.

    Args:
        model: a built keras.Model.

    Returns:
        A hexadecimal str of 64 characters.

    Example:

    >>> import keras
    >>> from kerasgan.metrics import weights_hash
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> len(weights_hash(model))
    64
    """
    digest = hashlib.sha256()
    for weight in model.weights:
        name = re.sub(r"_\d+(?=/|$)", "", weight.path)
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{name} {value.shape} {value.dtype}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def images_hash(images, batch_size=64):
    """SHA-256 over the shape, dtype and bytes of a set of images, in order; the same for every batch size.

    Args:
        images: array (n, height, width, channels), or an iterable of batches.
        batch_size: int, images read at a time from an array. Default 64.

    Returns:
        A hexadecimal str of 64 characters.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import images_hash
    >>> images_hash(np.zeros((2, 4, 4, 1))) == images_hash(np.ones((2, 4, 4, 1)))
    False
    """
    digest, header = hashlib.sha256(), None
    for batch in _batches(images, batch_size)[0]:
        batch = np.ascontiguousarray(batch)
        if header != (batch.shape[1:], batch.dtype):
            header = (batch.shape[1:], batch.dtype)
            digest.update(repr((header[0], header[1].name)).encode())
        digest.update(batch.tobytes())
    return digest.hexdigest()


def reference_statistics(images, extractor, batch_size=64, cache_dir=None, verbose=0):
    """Mean and covariance of the features of a set, kept on disk when `cache_dir` is given.

    The file's name holds the hash of the images and that of the extractor's weights and resize rule: another image or
    another weight gives another file.

    Args:
        images: as in `extract_features`; an iterable is read twice when cached.
        extractor: anything `get_extractor` takes; to be cached it must be a keras.Model or a name.
        batch_size: int, default 64.
        cache_dir: path of a folder, made when absent. Default None: nothing is kept.
        verbose: 1 shows a progress bar. Default 0.

    Returns:
        `Statistics(mean, cov, count)`, float64.

    Raises:
        ValueError: as `extract_features`, for fewer than two images, or a plain callable with `cache_dir`.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import reference_statistics
    >>> images = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 2, 2, 1)
    >>> reference_statistics(images, lambda images: images).count
    2
    """
    extractor = get_extractor(extractor)
    path = None
    if cache_dir is not None:
        if extractor.weights_hash is None:
            raise ValueError(
                "`cache_dir` needs an extractor whose weights can be hashed: a keras.Model or a name. "
                f"Received: the callable {extractor.name!r}"
            )
        key = f"{images_hash(images)} {extractor.weights_hash} {extractor.resize} {extractor.precision}"
        path = os.path.join(cache_dir, hashlib.sha256(key.encode()).hexdigest() + ".npz")
        try:
            # opened here: np.load leaves a damaged file open
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                return Statistics(stored["mu"], stored["sigma"], int(stored["count"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # absent, or damaged and written anew below
    features = check_features(extract_features(images, extractor, batch_size, verbose), "features")
    statistics = Statistics(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)), len(features))
    if path is not None:
        _write_arrays(path, mu=statistics.mean, sigma=statistics.cov, count=statistics.count)
    return statistics


def read_statistics(path):
    """Read stored statistics in the customary `.npz` form with `mu` and `sigma`.

    Args:
        path: the file's path.

    Returns:
        `(mean, cov)`, float64 arrays (d,) and (d, d), for `frechet_distance`.

    Raises:
        ValueError: when the file lacks `mu` or `sigma`, or holds objects instead of numbers.
    """
    with np.load(path, allow_pickle=False) as stored:
        missing = {"mu", "sigma"} - set(stored.files)
        if missing:
            raise ValueError(
                f"A statistics file must hold `mu` and `sigma`. Received: {os.path.basename(path)} with {stored.files}"
            )
        return np.asarray(stored["mu"], np.float64), np.asarray(stored["sigma"], np.float64)


def write_statistics(path, mean, cov):
    """Write statistics in the customary `.npz` form (`mu`, `sigma`); an existing file is replaced whole or not at all.

    Args:
        path: the file's path, ending in ".npz".
        mean: array (d,).
        cov: array (d, d).

    Raises:
        ValueError: for another ending.
    """
    if not os.fspath(path).endswith(".npz"):
        raise ValueError(f"`path` must end in '.npz'. Received: {os.fspath(path)!r}")
    _write_arrays(path, mu=mean, sigma=cov)


def _write_arrays(path, **arrays):
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def check_images(images, name, clip=False):
    """Float32 tensor (n, height, width, channels) in [-1, 1]; `clip` clips instead of refusing what lies outside."""
    if not tf.is_tensor(images):
        images = np.asarray(images)
    dtype = tf.as_dtype(images.dtype)
    if not dtype.is_floating:
        raise ValueError(
            f"`{name}` must be float images in [-1, 1]. Received: {dtype.name}; use images / 127.5 - 1 for uint8"
        )
    if len(images.shape) != 4:
        raise ValueError(f"`{name}` must have shape (n, height, width, channels). Received: {tuple(images.shape)}")
    images = tf.cast(images, tf.float32)
    # values are known only outside a graph; streaming metrics count them instead
    if tf.executing_eagerly() and tf.size(images) > 0:
        low, high = float(tf.reduce_min(images)), float(tf.reduce_max(images))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"`{name}` must be finite. Received NaN or infinity in images of shape {images.shape}")
        if not clip and (low < -1.0 - TOLERANCE or high > 1.0 + TOLERANCE):
            raise ValueError(
                f"`{name}` must be in [-1, 1]. Received values from {low:.4g} to {high:.4g}; "
                "use images / 127.5 - 1 for [0, 255]"
            )
    return tf.clip_by_value(images, -1.0, 1.0) if clip else images


TOLERANCE = 1e-3


def check_features(features, name, minimum=2):
    """Float64 array (n, d) with n >= minimum, finite."""
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise ValueError(
            f"`{name}` must be numbers of shape (n, features). Received: {features.dtype} of shape {features.shape}; "
            "use extract_features for images"
        )
    if len(features) < minimum or features.shape[1] < 1:
        raise ValueError(f"`{name}` must hold at least {minimum} rows of features. Received: shape {features.shape}")
    features = features.astype(np.float64)
    bad = len(features) - int(np.isfinite(features).all(axis=1).sum())
    if bad:
        raise ValueError(f"`{name}` must be finite. Received NaN or infinity in {bad} of {len(features)} rows")
    return features


def check_same_width(real, fake):
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"`real` and `fake` must have the same number of features: use one extractor for both. "
            f"Received: {real.shape[1]} and {fake.shape[1]}"
        )
    return real, fake


def check_probabilities(probabilities, name, minimum=2, ranks=(2,)):
    """Float64 array (n, classes) whose rows sum to 1."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim not in ranks or probabilities.dtype.kind not in "fiu" or len(probabilities) < minimum:
        raise ValueError(
            f"`{name}` must be probabilities of shape (n, classes) with n >= {minimum}. "
            f"Received: {probabilities.dtype} of shape {probabilities.shape}"
        )
    probabilities = probabilities.astype(np.float64)
    sums = probabilities.sum(axis=-1)
    if not (probabilities.min() >= 0.0 and np.abs(sums - 1.0).max() < 1e-3):
        raise ValueError(
            f"`{name}` must be >= 0 and sum to 1 in each row: apply a softmax to logits. Received: minimum "
            f"{probabilities.min():.4g}, sums from {sums.min():.4g} to {sums.max():.4g}"
        )
    return probabilities


class FeatureMetric(keras.metrics.Metric):
    """What streaming feature metrics share: the extractor, the image checks, the config. Subclasses add sums.

    Within a `tf.function`, `result()` is NaN, "not computed yet": Keras asks for it after every batch, and at 2,048
    features one answer takes seconds. `evaluate()` reads the value once, outside the graph, when all images are seen.
    """

    _argument, _resolve = "extractor", staticmethod(get_extractor)

    def __init__(self, extractor, name):
        super().__init__(name=name)
        self._spec = extractor
        self.extractor = self._resolve(extractor)
        # real not finite, fake not finite, real outside [-1, 1], real with negatives, real that varies within [0, 1]
        self.faults = self.add_variable((5,), "zeros", dtype="float64", name="faults")
        self._ready = False
        if self.extractor.num_features is not None:
            self._build(self.extractor.num_features)
            self._ready = True

    def update_state(self, real_images, generated_images, sample_weight=None):
        """Add a batch.

        Args:
            real_images: float tensor (n, height, width, channels) in [-1, 1].
            generated_images: float tensor (m, height, width, channels); values outside [-1, 1] are clipped.
            sample_weight: not supported.
        """
        if sample_weight is not None:
            raise ValueError(f"`sample_weight` must be None: a set has no weights. Received: {sample_weight!r}")
        real, fake = self._check(real_images, 0), self._check(generated_images, 1)
        features = [self.extractor(images) for images in (real, fake)]
        if not self._ready:
            with tf.init_scope():
                self._build(features[0].shape[-1])
            self._ready = True
        self._add(*features)

    def result(self):
        if not tf.executing_eagerly():
            return tf.constant(np.nan, tf.float64)
        faults = keras.ops.convert_to_numpy(self.faults)
        for index, name in enumerate(("real_images", "generated_images")):
            if faults[index]:
                raise ValueError(f"`{name}` must be finite. Received NaN or infinity in {int(faults[index])} images")
        if faults[2]:
            raise ValueError(
                f"`real_images` must be in [-1, 1]. Received {int(faults[2])} images outside; "
                "use images / 127.5 - 1 for [0, 255]"
            )
        if faults[4] and not faults[3]:
            raise ValueError(
                "`real_images` must be in [-1, 1]. Received no negative value, which looks like [0, 1]: "
                "use images * 2 - 1"
            )
        if not self._ready:
            raise ValueError(f"`{self.name}` needs images: call update_state(real_images, generated_images) first.")
        return self._result()

    def _check(self, images, which):
        dtype = tf.as_dtype(images.dtype)
        if not dtype.is_floating:
            raise ValueError(f"Images must be floats in [-1, 1]. Received: {dtype.name}; use images / 127.5 - 1")
        images = tf.cast(images, tf.float32)
        flat = tf.reshape(images, [tf.shape(images)[0], -1])
        low, high = tf.reduce_min(flat, axis=1), tf.reduce_max(flat, axis=1)
        finite = tf.reduce_all(tf.math.is_finite(flat), axis=1)
        flags = [~finite, tf.zeros_like(finite)] if which == 0 else [tf.zeros_like(finite), ~finite]
        if which == 0:
            flags += [
                finite & ((low < -1.0 - TOLERANCE) | (high > 1.0 + TOLERANCE)),
                low < 0.0,
                (low >= 0.0) & (high > low),
            ]
        else:
            flags += [tf.zeros_like(finite)] * 3
        self.faults.assign_add(tf.reduce_sum(tf.cast(tf.stack(flags), tf.float64), axis=1))
        return tf.clip_by_value(images, -1.0, 1.0)

    def get_config(self):
        config = super().get_config()
        config.pop("dtype", None)
        if isinstance(self._spec, str):
            config[self._argument] = self._spec
            return config
        config[self._argument] = {
            "function": keras.saving.serialize_keras_object(self.extractor.function),
            "weights_hash": self.extractor.weights_hash,
            "options": {
                "name": self.extractor.name,
                "size": self.extractor.size,
                "method": self.extractor.method,
                "antialias": self.extractor.antialias,
                "num_features": self.extractor.num_features,
                "rule": self.extractor.rule,
            },
        }
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        stored = config[cls._argument]
        if isinstance(stored, dict):
            function = keras.saving.deserialize_keras_object(stored["function"])
            extractor = Extractor(function, **stored["options"])
            if extractor.weights_hash != stored["weights_hash"]:
                raise ValueError(
                    f"`{config.get('name')}` cannot be restored: a config holds no weights, and those of its extractor "
                    f"{extractor.name!r} are not the ones it scored with. Load with compile=False and compile again "
                    "with the extractor, or use a named one."
                )
            config[cls._argument] = extractor
        return cls(**config)


class FeatureBuffer(FeatureMetric):
    """Keeps every feature: for metrics that compare each image with all others."""

    def __init__(self, extractor, name, max_images):
        if max_images < 2:
            raise ValueError(f"`max_images` must be at least 2. Received: {max_images!r}")
        self.max_images = max_images
        super().__init__(extractor, name)

    def _build(self, width):
        def zeros(shape, dtype, name):
            return self.add_variable(shape, "zeros", dtype=dtype, name=name)

        self.counts = [zeros((), "float64", f"{which}_count") for which in ("real", "fake")]
        self.filled = [zeros((self.max_images,), "float32", f"{which}_filled") for which in ("real", "fake")]
        self.stored = [zeros((self.max_images, width), "float32", f"{which}_features") for which in ("real", "fake")]

    def _add(self, real, fake):
        context = tf.distribute.get_replica_context()
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        replica = context.replica_id_in_sync_group if context else 0
        for which, features in enumerate((real, fake)):
            size = tf.shape(features)[0]
            # replicas write to rows of their own, so that the sum over replicas puts the sets together
            first = tf.cast(tf.convert_to_tensor(self.counts[which]), tf.int32)
            rows = (first + tf.range(size)) * replicas + replica
            room = tf.debugging.assert_less(
                rows,
                self.max_images,
                f"`{self.name}` keeps the features of `max_images` images and received more: raise `max_images` "
                f"(now {self.max_images}).",
            )
            with tf.control_dependencies([room] if room is not None else []):
                index = rows[:, None]
                self.filled[which].assign_add(tf.scatter_nd(index, tf.ones([size]), [self.max_images]))
                values = tf.cast(features, tf.float32)
                shape = [self.max_images, values.shape[-1]]
                self.stored[which].assign_add(tf.scatter_nd(index, values, shape))
            self.counts[which].assign_add(tf.cast(size, tf.float64))

    def features(self):
        """(real, fake): arrays (n, d) of what was added since the last reset."""
        filled = [keras.ops.convert_to_numpy(value) > 0 for value in self.filled]
        return [keras.ops.convert_to_numpy(value)[rows] for value, rows in zip(self.stored, filled)]

    def get_config(self):
        return {**super().get_config(), "max_images": self.max_images}
