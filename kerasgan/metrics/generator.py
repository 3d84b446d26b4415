"""Scores of a generator: perceptual path length and classification accuracy score."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.metrics.checks import check_images
from kerasgan.metrics.streaming import StampedMetric


def perceptual_path_length(
    generate, latent_dim, distance, num_samples=1000, epsilon=1e-4, batch_size=50, trim=0.01, seed=0, mapping=None
):
    """Returns the perceptual path length, section 4.1 of Karras et al. 2019.

    It measures how much the image changes per step in the latent space. Both ends of a path are random points on the
    sphere of radius sqrt(latent_dim), and the path is the great circle between them. The result is the mean distance
    between images that are a step of `epsilon` apart, divided by epsilon squared (equation 2). With a `mapping`, the
    path is the straight line between the w of both ends (equation 3).

    Args:
        generate: callable, latents (n, latent_dim) or w (n, style_dim) -> images (n, height, width, channels) in
            [-1, 1].
        latent_dim: int.
        distance: callable, (images, images) -> (n,) squared perceptual distances (the paper: LPIPS).
        num_samples: int, the number of paths. Default 1000 (the paper: 100,000).
        epsilon: float, the step. Default 1e-4, as in the paper.
        batch_size: int, default 50.
        trim: float in [0, 0.5), the share of the lowest and of the highest values that is dropped. Default 0.01, as in
            the authors' code.
        seed: int, the seed of the paths.
        mapping: callable, latents (n, latent_dim) -> w (n, style_dim). For a StyleGAN, use `mapping=model.map` and
            `generate=model.synthesize`. Default None: the path is in z.

    Returns:
        A float >= 0.

    Raises:
        ValueError: if a distance is not finite or has a wrong shape, or an argument is out of range.

    Example:

    >>> import keras
    >>> from kerasgan.metrics import perceptual_path_length
    >>> squares = lambda a, b: keras.ops.sum((a - b) ** 2, axis=-1)
    >>> perceptual_path_length(lambda z: z, 8, squares, num_samples=10) > 0
    True
    """
    for name, value, holds, wanted in (
        ("latent_dim", latent_dim, latent_dim >= 2, "at least 2"),
        ("num_samples", num_samples, num_samples >= 1, "at least 1"),
        ("epsilon", epsilon, 0.0 < epsilon <= 1.0, "in (0, 1]"),
        ("trim", trim, 0.0 <= trim < 0.5, "in [0, 0.5)"),
    ):
        if not holds:
            raise ValueError(f"`{name}` must be {wanted}. Received: {value!r}")
    random, places = (np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2))
    values = []
    for start in range(0, num_samples, batch_size):
        count = min(batch_size, num_samples - start)
        # drawn path by path, so that the paths do not depend on the batch size
        ends = random.normal(size=(count, 2, latent_dim)).transpose(1, 0, 2)
        ends = ends / np.linalg.norm(ends, axis=-1, keepdims=True)
        place = places.uniform(size=(count, 1))
        points = _on_paths(ends, (place, place + epsilon), latent_dim, mapping)
        images = [generate(point.astype("float32")) for point in points]
        value = keras.ops.convert_to_numpy(distance(*images)).astype(np.float64)
        if value.shape != (count,) or not np.isfinite(value).all():
            raise ValueError(
                f"`distance` must return one finite number per image. Received: shape {value.shape} for {count} images"
            )
        values.append(value / epsilon**2)
    values = np.sort(np.concatenate(values))
    drop = int(trim * len(values))
    return float(values[drop : len(values) - drop].mean())


def _on_paths(ends, shares, latent_dim, mapping):
    """Returns the points at `shares` of the way between two directions `ends`."""
    if mapping is not None:
        first, last = (np.asarray(mapping((end * np.sqrt(latent_dim)).astype("float32")), "float64") for end in ends)
        return [(1.0 - share) * first + share * last for share in shares]
    angle = np.arccos(np.clip(np.sum(ends[0] * ends[1], axis=-1, keepdims=True), -1.0, 1.0))
    slerp = lambda t: (np.sin((1.0 - t) * angle) * ends[0] + np.sin(t * angle) * ends[1]) / np.sin(angle)  # noqa: E731
    return [slerp(share) * np.sqrt(latent_dim) for share in shares]


def classification_accuracy_score(
    fake_images, fake_labels, real_images, real_labels, num_classes, classifier=None, epochs=5, batch_size=64, seed=0
):
    """Returns the accuracy on real images of a classifier trained on generated images (Ravuri and Vinyals 2019).

    Args:
        fake_images: float array (n, height, width, channels) in [-1, 1], generated images.
        fake_labels: int array (n,), the labels they were generated for.
        real_images: float array (m, height, width, channels) in [-1, 1], real test images.
        real_labels: int array (m,).
        num_classes: int.
        classifier: an untrained keras.Model, images -> logits (n, num_classes). Default None: a small convolutional
            network, built here (the paper: ResNet-50).
        epochs: int, default 5.
        batch_size: int, default 64.
        seed: int, the seed of the default network's weights and of the order of the images.

    Returns:
        A float in [0, 1].

    Raises:
        ValueError: for images that are not floats in [-1, 1], or labels outside [0, num_classes).

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import classification_accuracy_score
    >>> labels = np.arange(64) % 2
    >>> images = np.where(labels == 1, 1.0, -1.0)[:, None, None, None] * np.ones((64, 8, 8, 1))
    >>> classification_accuracy_score(images, labels, images, labels, 2, batch_size=8)
    1.0
    """
    sets = []
    for name, images, labels in (("fake", fake_images, fake_labels), ("real", real_images, real_labels)):
        images = check_images(images, f"{name}_images")
        labels = np.asarray(labels)
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"`{name}_labels` must be one integer per image. Received: shape {labels.shape}, {labels.dtype}"
            )
        if labels.min() < 0 or labels.max() >= num_classes:
            raise ValueError(
                f"`{name}_labels` must be in [0, {num_classes}). Received: {labels.min()} to {labels.max()}"
            )
        sets.append((np.asarray(images, "float32"), labels))
    if classifier is None:
        classifier = _small_classifier(sets[0][0].shape[1:], num_classes, seed)
    classifier.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # a seeded order, as the shuffling of `fit` depends on the global seed
    order = np.random.default_rng(seed)
    images, labels = sets[0]
    for _ in range(epochs):
        index = order.permutation(len(images))
        classifier.fit(images[index], labels[index], batch_size=batch_size, shuffle=False, verbose=0)
    predicted = classifier.predict(sets[1][0], batch_size=256, verbose=0).argmax(axis=-1)
    return float((predicted == sets[1][1]).mean())


def _small_classifier(shape, num_classes, seed):
    def start(offset):
        return keras.initializers.GlorotUniform(seed=seed * 10 + offset)

    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(32, 3, 2, "same", activation="relu", kernel_initializer=start(0))(inputs)
    x = keras.layers.Conv2D(64, 3, 2, "same", activation="relu", kernel_initializer=start(1))(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(128, activation="relu", kernel_initializer=start(2))(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, kernel_initializer=start(3))(x))


@keras.saving.register_keras_serializable("kerasgan")
class GeneratorScore(StampedMetric):
    """A metric that calls a function, for scores that do not depend on the images of the batch.

    It can be used in `compile` and in `ScoreMonitor`. The function is called outside any graph, once per `evaluate`.

    Args:
        function: callable without arguments that returns a number, such as the `perceptual_path_length` or the
            `classification_accuracy_score` of a model.
        name: str.
        settings: dict, settings that a score states, e.g. {"epsilon": 1e-4}. Default: none.

    Raises:
        ValueError: if `function` is not callable; from `result()`, if the number is not finite.

    Example:

    >>> import keras
    >>> from kerasgan.metrics import GeneratorScore, perceptual_path_length
    >>> squares = lambda a, b: keras.ops.sum((a - b) ** 2, axis=-1)
    >>> metric = GeneratorScore(lambda: perceptual_path_length(lambda z: 0 * z, 8, squares, 10), "path_length")
    >>> metric.result()
    0.0
    """

    def __init__(self, function, name, settings=None):
        if not callable(function):
            raise ValueError(f"`function` must be a callable without arguments. Received: {function!r}")
        super().__init__(name=name)
        self.function = function
        self._settings = dict(settings or {})

    @property
    def settings(self):
        return self._settings

    def update_state(self, real_images, generated_images, sample_weight=None):
        """Does nothing, as the score does not depend on these images."""

    def reset_state(self):
        """Does nothing, as the metric has no state."""

    def result(self):
        if not tf.executing_eagerly():
            return tf.constant(np.nan, tf.float64)
        value = float(self.function())
        if not np.isfinite(value):
            raise ValueError(f"`{self.name}` must be finite. Received: {value}")
        return value

    def get_config(self):
        config = super().get_config()
        config.pop("dtype", None)
        function = keras.saving.serialize_keras_object(self.function)
        return {**config, "function": function, "settings": self._settings}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
