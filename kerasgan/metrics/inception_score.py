"""Inception Score of class probabilities (Salimans et al. 2016)."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.metrics.checks import check_probabilities
from kerasgan.metrics.features import get_classifier
from kerasgan.metrics.kernel import Estimate
from kerasgan.metrics.streaming import FeatureMetric


def inception_score(probabilities, splits=10):
    """Returns the Inception Score, exp of the mean KL(p(y|x) || p(y)), section 4 of Salimans et al. 2016.

    Args:
        probabilities: array (n, classes), class probabilities of generated images. Each row sums to 1.
        splits: int, the number of equal parts that are scored separately. Default 10, as in the paper.

    Returns:
        `Estimate(mean, sd)` over the splits; each between 1 and the number of classes.

    Raises:
        ValueError: for rows that are not probabilities, or fewer than two images in a split.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import inception_score
    >>> inception_score(np.eye(4), splits=1).mean
    4.0
    """
    probabilities = check_probabilities(probabilities, "probabilities")
    count = len(probabilities)
    if splits < 1 or count < 2 * splits:
        raise ValueError(
            f"`splits` must leave at least 2 images in a part: give more images or fewer splits. "
            f"Received: {splits!r} splits of {count} images"
        )
    bounds = [count * index // splits for index in range(splits + 1)]
    scores = [_score(probabilities[start:stop]) for start, stop in zip(bounds[:-1], bounds[1:])]
    return Estimate(float(np.mean(scores)), float(np.std(scores)))


def negative_entropy(probabilities):
    """Returns the sum of p log p over the last axis, with 0 log 0 = 0."""
    return np.sum(probabilities * np.log(np.where(probabilities > 0.0, probabilities, 1.0)), axis=-1)


def _score(probabilities):
    marginal = probabilities.mean(axis=0)
    return np.exp(max(negative_entropy(probabilities).mean() - negative_entropy(marginal), 0.0))


@keras.saving.register_keras_serializable("kerasgan")
class InceptionScore(FeatureMetric):
    """Streaming Inception Score of the generated images. It uses one split, so the order of the images does not matter.

    Args:
        classifier: anything that `get_classifier` accepts. It returns class probabilities.
        name: str, default "inception_score".

    Raises:
        ValueError: from `result()`, for fewer than two images, outputs that are not probabilities, or images that are
            not finite.

    Example:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from kerasgan.metrics import InceptionScore
    >>> metric = InceptionScore(classifier=lambda images: tf.nn.softmax(50 * images[:, 0, 0]))
    >>> images = np.eye(4, dtype="float32")[:, None, None, :]
    >>> metric.update_state(images - 1, images)
    >>> round(float(metric.result()), 4)
    4.0
    """

    _argument, _resolve = "classifier", staticmethod(get_classifier)

    def __init__(self, classifier, name="inception_score"):
        super().__init__(classifier, name)

    @property
    def settings(self):
        return {"splits": 1}

    def _build(self, width):
        self.count = self.add_variable((), "zeros", dtype="float64", name="count")
        self.wrong = self.add_variable((), "zeros", dtype="float64", name="wrong")
        self.entropy = self.add_variable((), "zeros", dtype="float64", name="negative_entropy")
        self.total = self.add_variable((width,), "zeros", dtype="float64", name="total")

    def _add(self, real, fake):
        fake = tf.cast(fake, tf.float64)
        right = tf.reduce_all(fake >= 0, axis=1) & (tf.abs(tf.reduce_sum(fake, axis=1) - 1) < 1e-3)  # False for NaN
        self.wrong.assign_add(tf.reduce_sum(tf.cast(~right, tf.float64)))
        self.count.assign_add(tf.cast(tf.shape(fake)[0], tf.float64))
        self.entropy.assign_add(tf.reduce_sum(tf.math.xlogy(fake, fake)))
        self.total.assign_add(tf.reduce_sum(fake, axis=0))

    def _result(self):
        state = (self.count, self.wrong, self.entropy, self.total)
        count, wrong, entropy, total = map(keras.ops.convert_to_numpy, state)
        if count < 2:
            raise ValueError(f"`{self.name}` needs at least 2 generated images. Received: {int(count)}")
        if wrong:
            raise ValueError(
                "The classifier's outputs must be probabilities, which add up to 1. Received others for "
                f"{int(wrong)} of {int(count)} images. Remedy: a softmax after the logits"
            )
        return float(np.exp(max(float(entropy / count) - float(negative_entropy(total / count)), 0.0)))
