"""What a classifier says of generated images: modes found, classes drawn, images it recognises."""

from typing import NamedTuple

import numpy as np

from kerasgan.metrics.features import check_probabilities


class ModeCount(NamedTuple):
    """`modes`: classes found; `kl`: KL(generated || reference) in nats; `shares`: share of the images per mode."""

    modes: int
    kl: float
    shares: np.ndarray


class Recognizability(NamedTuple):
    """`share`: recognised images; `threshold`: the probability needed; `class_shares`: all images, by class."""

    share: float
    threshold: float
    class_shares: np.ndarray


def mode_count(probabilities, reference=None, minimum=1):
    """Modes found and the KL divergence of the class histogram, section 3.3.1 of Metz et al. 2017 (stacked MNIST).

    Args:
        probabilities: array (n, classes), class probabilities of generated images; or (n, digits, classes), when an
            image shows several digits (stacked MNIST: three channels, 10^3 modes).
        reference: array (modes,), positive shares or counts of the modes among real images. Default None: uniform.
        minimum: int, images that make a mode count as found. Default 1, as in the paper.

    Returns:
        `ModeCount(modes, kl, shares)`; `kl` is 0 when the shares equal the reference.

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
    reference = np.ones(len(counts)) if reference is None else np.asarray(reference, np.float64)
    if reference.shape != counts.shape or not (np.isfinite(reference).all() and (reference > 0.0).all()):
        raise ValueError(
            f"`reference` must hold a positive share for each of {len(counts)} modes. "
            f"Received: shape {reference.shape}, minimum {reference.min(initial=np.inf)}"
        )
    shares = counts / counts.sum()
    expected = reference / reference.sum()
    found = counts > 0
    kl = float(np.sum(shares[found] * np.log(shares[found] / expected[found])))
    return ModeCount(int((counts >= minimum).sum()), max(kl, 0.0), shares)


def recognizability(real_probabilities, fake_probabilities, level=0.95):
    """The share of generated images that a classifier is as sure of as it is of `level` of the real ones.

    The threshold is the top probability that `level` of the real test images reach, so real data scores `level` by
    construction. Compute the probabilities in float64: in float32 many sure images tie at 1.

    Args:
        real_probabilities: array (n, classes), of real images that the classifier was not trained on.
        fake_probabilities: array (m, classes), of generated images.
        level: float in (0, 1], the share of real images that passes. Default 0.95.

    Returns:
        `Recognizability(share, threshold, class_shares)`; `class_shares` covers all generated images and sums to 1.

    Raises:
        ValueError: for rows that are not probabilities, different class counts, or a level outside (0, 1].

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
    # at least `level` of the real images are at or above this one; the rounding keeps 1 - 0.95 from being 0.05000...4
    threshold = sureness[int(np.floor(round((1.0 - level) * len(sureness), 9)))]
    shares = np.bincount(fake.argmax(axis=1), minlength=fake.shape[1]) / len(fake)
    return Recognizability(float((fake.max(axis=1) >= threshold).mean()), float(threshold), shares)
