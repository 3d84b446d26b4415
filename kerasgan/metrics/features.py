"""Feature extractors and batched feature extraction."""

import functools
import hashlib
import re

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import did_you_mean
from kerasgan.metrics.checks import check_images
from kerasgan.progress import progress_bar


class Extractor:
    """A feature extractor, with the facts that a score states: its name, its weights and its resize rule.

    Args:
        function: a keras.Model or a callable, images (n, height, width, channels) in [-1, 1] -> features (n, d).
            Outputs with four axes are averaged over height and width.
        name: str, stated in scores. Default: the model's or function's own name.
        size: (height, width) that images are resized to. Default None: the model's fixed input size, else no resizing.
        method: a `tf.image.resize` method. Default "bilinear".
        antialias: bool, for `tf.image.resize`. Default False.
        num_features: int, needed only for callables that are compiled under a distribution strategy.
        rule: str, a description of the resize rule, if `function` itself resizes.
        preprocess: callable, applied after resizing to images in [0, 255], such as
            `keras.applications.resnet50.preprocess_input`. Scores state its name. Default None: `function` takes images
            in [-1, 1].

    Raises:
        ValueError: if `function` or `preprocess` is not callable.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import Extractor
    >>> Extractor(lambda images: images, name="mean colour")(np.zeros((2, 8, 8, 3), "float32")).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        function,
        name=None,
        size=None,
        method="bilinear",
        antialias=False,
        num_features=None,
        rule=None,
        preprocess=None,
    ):
        if preprocess is not None and not callable(preprocess):
            raise ValueError(f"`preprocess` must be a callable or None. Received: {preprocess!r}")
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
        self.preprocess = preprocess
        self._graphs = {}

    def graph(self, images):
        """Returns the features of a batch, by a compiled function."""
        # One for each number of channels: a function of any number would not know whether to convert them.
        channels = images.shape[-1]
        if channels not in self._graphs:
            self._graphs[channels] = tf.function(self.__call__, reduce_retracing=True)
        return self._graphs[channels](images)

    @property
    def resize(self):
        """A description of the resizing and the preprocessing, e.g. "bilinear 224x224"."""
        rule = self.rule or "none"
        if self.size is not None and not self.rule:
            rule = f"{self.method}{' antialias' if self.antialias else ''} {self.size[0]}x{self.size[1]}"
        return rule if self.preprocess is None else f"{rule}, {_in_words(self.preprocess)}"

    @property
    def weights_hash(self):
        """SHA-256 of the model's current weights, or None for a plain callable."""
        return None if self.model is None else weights_hash(self.model)

    @property
    def precision(self):
        """The dtype policy of the model's computation."""
        return self.model.dtype_policy.name if self.model is not None else keras.config.floatx()

    @property
    def protocol(self):
        """Returns the arguments of a `Score` that describe the extractor."""
        return {
            "extractor": self.name,
            "weights_hash": self.weights_hash,
            "resize": self.resize,
            "precision": self.precision,
        }

    def __call__(self, images):
        images = tf.cast(images, tf.float32)
        if self.channels == 3 and images.shape[-1] == 1:
            images = tf.image.grayscale_to_rgb(images)
        elif self.channels == 1 and images.shape[-1] == 3:
            images = tf.image.rgb_to_grayscale(images)
        if self.size is not None and tuple(images.shape[1:3]) != self.size:
            images = tf.image.resize(images, self.size, method=self.method, antialias=self.antialias)
        if self.preprocess is not None:
            images = self.preprocess((images + 1.0) * 127.5)
        features = self.function(images) if self.model is None else self.model(images, training=False)
        features = tf.convert_to_tensor(features)
        if features.shape.rank == 4:
            features = tf.reduce_mean(features, axis=[1, 2])
        # class probabilities are float64, as in float32 many confident ones round to 1
        return features if features.dtype == tf.float64 else tf.cast(features, tf.float32)


def has_name(function):
    """Returns whether a function is defined at the top level of a module, so that its name identifies it."""
    if isinstance(function, functools.partial):
        return has_name(function.func)
    return "<" not in getattr(function, "__qualname__", "<")  # not "<lambda>", "f.<locals>.g", or an object


def _in_words(function):
    """Returns the module, the name and the fixed arguments of a function. Unnamed ones are told apart by their code."""
    if isinstance(function, functools.partial):
        arguments = [*map(repr, function.args), *(f"{key}={value!r}" for key, value in function.keywords.items())]
        return f"{_in_words(function.func)}({', '.join(arguments)})"
    name = getattr(function, "__name__", type(function).__name__)
    if not has_name(function) and hasattr(function, "__code__"):
        code = function.__code__
        name += f" {hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()[:8]}"
    # the functions of keras.applications share one name
    return f"{function.__module__.rpartition('.')[2]}.{name}"


def get_extractor(extractor):
    """Returns the `Extractor` for a name, a keras.Model, a callable, or an `Extractor`.

    Args:
        extractor: "mnist", "fashion_mnist" or "glyphs" (penultimate features of the zoo's classifiers),
            "efficientnet_lite0" and "efficientnet_lite1" (1,280 features, ImageNet), "inception_v3_2015" (2,048
            features, used by published FIDs), a keras.Model, a callable, or an `Extractor`. For a network of
            keras.applications, use `Extractor(network, preprocess=...)` with its `preprocess_input`.

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
    """Returns an `Extractor` of class probabilities. A name selects the probabilities of that classifier.

    Args:
        classifier: a name of `get_extractor`, or a keras.Model, callable or `Extractor` that returns probabilities.

    Returns:
        An `Extractor` that returns class probabilities.

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
        check_name(spec)
        return NAMED[spec](spec)[part]
    return Extractor(spec)


def check_name(name):
    """Raises an error if `get_extractor` does not know the name. Loads nothing."""
    if name not in NAMED:
        raise ValueError(
            f"`extractor` must be one of {sorted(NAMED)}, a keras.Model or a callable. Received: {name!r}."
            f"{did_you_mean(name, NAMED)}"
        )


def _zoo_classifier(name):
    from kerasgan import zoo

    return _parts(zoo.classifier(name), f"{name} classifier")


def _efficientnet(name):
    from kerasgan.networks.efficientnet import efficientnet_lite

    # with antialias, as otherwise the downsampling of photographs causes artifacts (Parmar et al. 2022)
    return _parts(efficientnet_lite(name), name, antialias=True)


def _inception(name):
    from kerasgan.metrics.inception import inception_v3

    model = inception_v3()
    rule = "8 bits, TensorFlow 1 bilinear 299x299"
    features = keras.Model(model.inputs, model.output["2048"])
    # the Inception Score uses the logits without the bias (Salimans et al. 2016, the authors' code)
    probabilities = keras.Model(model.inputs, keras.layers.Softmax(dtype="float64")(model.output["logits_unbiased"]))
    return Extractor(features, f"{name} 2048", rule=rule), Extractor(probabilities, name, rule=rule)


def _parts(model, name, **options):
    """Returns the extractors of a classifier's layer "features" and of its probabilities."""
    features = keras.Model(model.inputs, model.get_layer("features").output)
    # float64: in float32, many confident probabilities round to 1
    probabilities = keras.Model(model.inputs, keras.layers.Softmax(dtype="float64")(model.outputs[0]))
    return Extractor(features, f"{name} features", **options), Extractor(probabilities, name, **options)


# name -> a function that builds (feature extractor, classifier)
NAMED = {
    "mnist": _zoo_classifier,
    "fashion_mnist": _zoo_classifier,
    "glyphs": _zoo_classifier,
    "efficientnet_lite0": _efficientnet,
    "efficientnet_lite1": _efficientnet,
    "inception_v3_2015": _inception,
}


def extract_features(images, extractor, batch_size=64, verbose=0):
    """Extracts the features of images, batch by batch.

    Args:
        images: float array (n, height, width, channels) in [-1, 1], or an iterable of such batches (a
            `tf.data.Dataset`; if its elements are tuples, the first entry is used).
        extractor: anything that `get_extractor` accepts.
        batch_size: int, for arrays. Default 64.
        verbose: 1 shows a progress bar. Default 0.

    Returns:
        Array (n, d), float32 (float64 for class probabilities).

    Raises:
        ValueError: for integer images, values that are not finite or outside [-1, 1], images that seem to be in [0, 1],
            or no images.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import extract_features
    >>> extract_features(np.zeros((3, 4, 4, 1), "float32"), lambda images: images[:, 0, 0]).shape
    (3, 1)
    """
    (features,), _ = features_and_sizes(images, [get_extractor(extractor)], batch_size, verbose)
    return features


def features_and_sizes(images, extractors, batch_size=64, verbose=0):
    """Extracts the features of several networks in one pass.

    Args:
        images, batch_size, verbose: as in `extract_features`.
        extractors: list of `Extractor`.

    Returns:
        The list of their features, and the set of (height, width) of the images.
    """
    batches, total = batches_of(images, batch_size)
    bar = progress_bar(total, "batch") if verbose else None
    features, sizes, low, high = [[] for _ in extractors], set(), np.inf, -np.inf
    for batch in batches:
        batch = check_images(batch, "images")
        sizes.add(tuple(batch.shape[1:3]))
        low, high = min(low, float(tf.reduce_min(batch))), max(high, float(tf.reduce_max(batch)))
        for found, extractor in zip(features, extractors):
            found.append(extractor.graph(batch).numpy())
        if bar:
            bar.add(1)
    if not sizes:
        raise ValueError("`images` must hold at least one image. Received none: check the path or the split.")
    if 0.0 <= low < high:
        raise ValueError(
            f"`images` must be in [-1, 1]. Received values from {low:.3g} to {high:.3g}, which look like [0, 1]: "
            "use images * 2 - 1"
        )
    return [np.concatenate(found) for found in features], sizes


def batches_of(images, batch_size):
    """Returns the batches of an array or an iterable, and their number if it is known, otherwise None."""
    if hasattr(images, "shape"):
        starts = range(0, len(images), batch_size)
        return (images[start : start + batch_size] for start in starts), len(starts)
    total = int(images.cardinality()) if isinstance(images, tf.data.Dataset) else getattr(images, "__len__", int)()
    batches = (batch[0] if isinstance(batch, (tuple, list)) else batch for batch in images)
    return batches, total if total > 0 else None


def weights_hash(model):
    """Returns the SHA-256 of the names, shapes, dtypes and bytes of a model's weights.

    The numbers that Keras appends to make names unique in a process are ignored, so the hash is the same each time the
    model is loaded.

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
