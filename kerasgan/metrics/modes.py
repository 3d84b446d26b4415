"""Scores from class probabilities: mode count, class histogram, and recognizability."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.metrics.checks import check_probabilities
from kerasgan.metrics.features import get_classifier
from kerasgan.metrics.streaming import FeatureMetric


class Modes(NamedTuple):
    """`modes`: number of modes found; `kl`: KL(generated || reference) in nats; `shares`: share of images per mode."""

    modes: int
    kl: float
    shares: np.ndarray


class Recognizability(NamedTuple):
    """`share`: recognised images; `threshold`: minimum probability; `class_shares`: share of images per class."""

    share: float
    threshold: float
    class_shares: np.ndarray


def mode_count(probabilities, reference=None, minimum=1):
    """Counts the modes found, and computes the KL divergence of the histogram of modes.

    See section 3.3.1 of Metz et al. 2017 (stacked MNIST).

    Args:
        probabilities: array (n, classes), class probabilities of generated images; or (n, digits, classes) if an image
            shows several digits (stacked MNIST: three channels, 10^3 modes).
        reference: array (modes,), positive shares or counts of the modes among real images. Default None: uniform.
        minimum: int, the number of images for a mode to count as found. Default 1, as in the paper.

    Returns:
        `Modes(modes, kl, shares)`; `kl` is 0 if the shares equal the reference.

    Raises:
        ValueError: for rows that are not probabilities, or a reference of another length or with empty modes.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import mode_count
    >>> mode_count(np.eye(10)).modes
    10
    """
    probabilities = check_probabilities(probabilities, "probabilities", minimum=1, ranks=(2, 3))
    classes = probabilities.shape[-1]
    labels = probabilities.argmax(axis=-1).reshape(len(probabilities), -1)
    digits = labels.shape[1]
    modes = labels @ classes ** np.arange(digits - 1, -1, -1)
    counts = np.bincount(modes, minlength=classes**digits)
    return _modes(counts, _reference(reference, len(counts)), minimum)


def _reference(reference, modes):
    """Returns the counts of the reference, one per mode."""
    reference = np.ones(modes) if reference is None else np.asarray(reference, np.float64)
    if reference.shape != (modes,) or not (np.isfinite(reference).all() and (reference > 0.0).all()):
        raise ValueError(
            f"`reference` must hold a positive share for each of {modes} modes. "
            f"Received: shape {reference.shape}, minimum {reference.min(initial=np.inf)}"
        )
    return reference


def _modes(counts, reference, minimum):
    shares = counts / counts.sum()
    expected = reference / reference.sum()
    found = counts > 0
    kl = float(np.sum(shares[found] * np.log(shares[found] / expected[found])))
    return Modes(int((counts >= minimum).sum()), max(kl, 0.0), shares)


@keras.saving.register_keras_serializable("kerasgan")
class ModeCount(FeatureMetric):
    """Streaming `mode_count` of the generated images, section 3.3.1 of Metz et al. 2017.

    The metric keeps one count per mode. The result is a dict of "modes" and "mode_kl".

    Args:
        classifier: anything that `get_classifier` accepts. It returns class probabilities (n, classes), or
            (n, digits, classes).
        digits: int, the number of digits in an image. Default 1; stacked MNIST has 3.
        reference: array (classes ** digits,), positive shares or counts of the modes among real images. Default None:
            uniform.
        minimum: int, the number of images for a mode to count as found. Default 1, as in the paper.
        name: str, default "mode_count".

    Raises:
        ValueError: from `result()`, for no images, images or outputs that are not finite, or a reference of another
            length or with empty modes.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import ModeCount
    >>> metric = ModeCount(classifier=lambda images: images[:, 0, 0])
    >>> images = np.eye(4, dtype="float32")[:, None, None, :]
    >>> metric.update_state(images - 1, images)
    >>> metric.result()
    {'modes': 4.0, 'mode_kl': 0.0}
    """

    _argument, _resolve = "classifier", staticmethod(get_classifier)
    parts = ("modes", "mode_kl")

    def __init__(self, classifier, digits=1, reference=None, minimum=1, name="mode_count"):
        if digits < 1:
            raise ValueError(f"`digits` must be at least 1. Received: {digits!r}")
        self.digits = digits
        self.reference = None if reference is None else np.asarray(reference, np.float64).tolist()
        self.minimum = minimum
        super().__init__(classifier, name)

    @property
    def settings(self):
        return {"minimum": self.minimum, "reference": self.reference or "uniform"}

    def _build(self, width):
        modes = width**self.digits
        _reference(self.reference, modes)
        self.counts = self.add_variable((modes,), "zeros", dtype="float64", name="counts")
        self.undecided = self.add_variable((), "zeros", dtype="float64", name="undecided")

    def _add(self, real, fake):
        classes = fake.shape[-1]
        if (fake.shape[1] if fake.shape.rank == 3 else 1) != self.digits:
            raise ValueError(
                f"`classifier` must return probabilities of {self.digits} digits, (n, {self.digits}, classes). "
                f"Received: {fake.shape}"
            )
        labels = tf.reshape(tf.argmax(fake, axis=-1), [-1, self.digits])
        modes = tf.reduce_sum(labels * [classes**power for power in range(self.digits - 1, -1, -1)], axis=1)
        self.counts.assign_add(tf.reduce_sum(tf.one_hot(modes, classes**self.digits, dtype=tf.float64), axis=0))
        finite = tf.reduce_all(tf.math.is_finite(tf.reshape(fake, [tf.shape(fake)[0], -1])), axis=1)
        self.undecided.assign_add(tf.reduce_sum(tf.cast(~finite, tf.float64)))

    def _result(self):
        counts, undecided = (keras.ops.convert_to_numpy(v) for v in (self.counts, self.undecided))
        if not counts.sum():
            raise ValueError(f"`{self.name}` needs at least 1 generated image. Received: 0")
        if undecided:
            raise ValueError(
                f"`classifier` must return finite numbers. Received NaN or infinity for {int(undecided)} images"
            )
        found = _modes(counts, _reference(self.reference, len(counts)), self.minimum)
        return {"modes": float(found.modes), "mode_kl": found.kl}

    def get_config(self):
        own = {"digits": self.digits, "reference": self.reference, "minimum": self.minimum}
        return {**super().get_config(), **own}


def recognizability(real_probabilities, fake_probabilities, level=0.95):
    """Returns the share of generated images with a top class probability at or above a threshold.

    The threshold is the top probability that a share `level` of the real test images reaches, so real data scores
    `level` by construction. Compute the probabilities in float64, as in float32 many of them round to 1.

    Args:
        real_probabilities: array (n, classes), probabilities of real images that the classifier was not trained on.
        fake_probabilities: array (m, classes), probabilities of generated images.
        level: float in (0, 1], the share of real images above the threshold. Default 0.95.

    Returns:
        `Recognizability(share, threshold, class_shares)`; `class_shares` covers all generated images and sums to 1.

    Raises:
        ValueError: for rows that are not probabilities, different numbers of classes, or a level outside (0, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import recognizability
    >>> real = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> recognizability(real, np.array([[0.85, 0.15], [0.6, 0.4]]), level=1.0).share
    0.5
    """
    real = check_probabilities(real_probabilities, "real_probabilities", minimum=1)
    fake = check_probabilities(fake_probabilities, "fake_probabilities", minimum=1)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"Both sets must come from one classifier. Received: {real.shape[1]} and {fake.shape[1]} classes"
        )
    if not 0.0 < level <= 1.0:
        raise ValueError(f"`level` must be in (0, 1]. Received: {level!r}")
    sureness = np.sort(real.max(axis=1))
    # at least `level` of the real images are at or above this one; the rounding avoids 1 - 0.95 = 0.05000...4
    threshold = sureness[int(np.floor(round((1.0 - level) * len(sureness), 9)))]
    shares = np.bincount(fake.argmax(axis=1), minlength=fake.shape[1]) / len(fake)
    return Recognizability(float((fake.max(axis=1) >= threshold).mean()), float(threshold), shares)
