"""Finds the nearest training images of samples, and the latents of given images."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.latent.drawing import check_has_latents, condition_inputs
from kerasgan.metrics import extract_features

SCALE = 1024.0  # of losses, since gradients of pixels vanish in float16; a power of two changes no other precision


class Neighbours(NamedTuple):
    """The nearest training images of samples, nearest first.

    Attributes:
        indices: int array (n, k), positions in the training set.
        distances: float64 array (n, k), Euclidean, of features.
        images: float32 array (n, k, height, width, channels).
    """

    indices: np.ndarray
    distances: np.ndarray
    images: np.ndarray

    @property
    def ratios(self):
        """Returns each sample's nearest distance divided by the mean of its k distances, (n,).

        A ratio near 0 is a copy. Near 1, no training image stands out.
        """
        mean = self.distances.mean(axis=1)
        return np.divide(self.distances[:, 0], mean, out=np.zeros_like(mean), where=mean > 0)


def nearest_neighbours(images, training, k=5, extractor=None, batch_size=64):
    """Finds the training images nearest to samples, to detect memorization.

    The training images are read in batches, and only the nearest ones are kept.

    Args:
        images: float array (n, height, width, channels) in [-1, 1].
        training: array of training images, or a dataset of batches of them (if elements are tuples, the first entry is
            used).
        k: int, the number of neighbours. Default 5.
        extractor: the features to compare, anything that `metrics.get_extractor` accepts. Default: the pixels, which
            find copies, but not shifted ones.
        batch_size: int. Default 64.

    Returns:
        `Neighbours`. To plot them: `plots.labelled_grid(np.concatenate([images[:, None], found.images], axis=1))`.

    Raises:
        ValueError: if there are fewer than k training images, or for images of other sizes, of integers, or not finite.

    Example:

    >>> training = np.linspace(-1, 1, 9, dtype="float32").reshape((9, 1, 1, 1))
    >>> nearest_neighbours(np.float32([[[[0.3]]]]), training, k=2).indices.tolist()
    [[5, 6]]
    """
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k!r}")
    checks.check_images(images, check_range=False)
    images = np.asarray(images, "float32")

    def features(batch):
        if extractor is None:
            return batch.reshape((len(batch), -1)).astype("float64")
        return extract_features(batch, extractor, batch_size).astype("float64")

    wanted, seen = features(images), 0
    size, channels = images.shape[1:3], images.shape[3]
    best = np.empty((len(images), 0)), np.empty((len(images), 0), int), np.empty((len(images), 0, *images.shape[1:]))
    if hasattr(training, "shape"):
        training = np.split(training, range(batch_size, len(training), batch_size))
    for batch in training:
        batch = batch[0] if isinstance(batch, (tuple, list)) else batch
        checks.check_images(batch, image_size=size, channels=channels, name="training", check_range=False)
        batch = np.asarray(batch, "float32")
        # Differences instead of |x|^2 - 2xy + |y|^2, so that the distance of a copy is exactly 0.
        distances = np.stack([np.linalg.norm(wanted - one, axis=1) for one in features(batch)], axis=1)
        near = np.argsort(distances, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(distances, near, axis=1), seen + near, batch[near]
        both = [np.concatenate(pair, axis=1) for pair in zip(best, found)]
        order = np.argsort(both[0], axis=1, kind="stable")[:, :k]
        best = [values[np.arange(len(images))[:, None], order] for values in both]
        seen += len(batch)
    if seen < k:
        raise ValueError(f"`training` must hold at least k = {k} images. Received: {seen}")
    distances, indices, nearest = best
    return Neighbours(indices, distances, nearest.astype("float32"))


class Projection(NamedTuple):
    """Latents found for images.

    Attributes:
        latents: float32 array (n, latent_dim).
        images: float32 array (n, height, width, channels), the images that the generator draws from them.
        errors: float32 array (n,), mean squared errors of the pixels.
    """

    latents: np.ndarray
    images: np.ndarray
    errors: np.ndarray


def project(
    model, images, steps=300, learning_rate=0.05, starts=4, prior_weight=1e-3, features=None, condition=None, seed=0
):
    """Finds latents from which the generator draws given images.

    Adam minimises the mean squared error of pixels or features from several random latents, and the best result is
    returned (Lipton & Tripathi 2017, https://arxiv.org/abs/1702.04782, with `starts` as their restarts). Generated
    images are usually recovered well. For real images, the error shows what the generator has not learned.

    Args:
        model: a model that draws images from latents.
        images: (n, height, width, channels) in [-1, 1].
        steps: int. Default 300.
        learning_rate: float, the rate of Adam. Default 0.05.
        starts: int, the number of random initial latents for each image. Default 4.
        prior_weight: float. Weight of |z|^2 / latent_dim, which keeps normal latents in the range of the prior. Default
            1e-3. Uniform latents are clipped to [-1, 1] instead.
        features: images -> features to compare instead of pixels, a `keras.Model` or a callable made of TensorFlow
            operations. Default: the pixels.
        condition: as in `decode`, the same for all images.
        seed: int, the seed of the initial latents. Default 0.

    Returns:
        `Projection`. To plot it: `plots.labelled_grid(np.stack([images, found.images], axis=1))`.

    Raises:
        ValueError: if the images do not have the model's shape.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    >>> project(model, model.generate(2, seed=1), steps=3).latents.shape
    (2, 4)
    """
    check_has_latents(model)
    if min(steps, starts) < 1:
        raise ValueError(f"`steps` and `starts` must be at least 1. Received: {steps} and {starts}")
    checks.check_images(images, image_size=model.image_size, channels=model.channels, check_range=False)
    images = np.asarray(images, "float32")
    count = len(images)
    network, uniform = model.sampler(), model.prior == "uniform"
    inputs = [tf.constant(rows) for rows in condition_inputs(model, condition, count * starts)]
    targets = tf.constant(np.repeat(images, starts, axis=0))
    latents = tf.Variable(model.sample_latents(count * starts, seed))

    def draw():
        return tf.cast(network([latents, *inputs] if inputs else latents, training=False), tf.float32)

    describe = features if features is not None else lambda pixels: pixels
    made, errors, compared = _descend(latents, draw, targets, describe, uniform, steps, learning_rate, prior_weight)
    best = np.arange(count) * starts + compared.reshape((count, starts)).argmin(axis=1)
    return Projection(latents.numpy()[best], made[best], errors[best])


def _descend(latents, draw, targets, describe, uniform, steps, learning_rate, prior_weight):
    """Optimizes `latents`. Returns the images drawn from them, their pixel errors, and their errors in the features."""
    wanted = tf.cast(describe(targets), tf.float32)
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build([latents])

    def error(found, target):
        return tf.reduce_mean(tf.square(tf.reshape(found - target, (len(targets), -1))), axis=1)

    @tf.function
    def descend():
        for _ in tf.range(steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(latents)
                # A sum, so that latents are independent.
                loss = tf.reduce_sum(error(tf.cast(describe(draw()), tf.float32), wanted))
                if not uniform:
                    loss += prior_weight * tf.reduce_sum(tf.reduce_mean(tf.square(latents), axis=1))
                loss *= SCALE
            optimizer.apply([tape.gradient(loss, latents) / SCALE], [latents])
            if uniform:
                latents.assign(tf.clip_by_value(latents, -1.0, 1.0))
        made = draw()
        return made, error(made, targets), error(tf.cast(describe(made), tf.float32), wanted)

    return (value.numpy() for value in descend())
