"""Kernel distance (KID): the unbiased squared maximum mean discrepancy of features (Bińkowski et al. 2018)."""

from typing import NamedTuple

import keras
import numpy as np

from kerasgan.metrics.checks import check_features, check_same_width
from kerasgan.metrics.streaming import FeatureBuffer

BLOCK = 1024


class Estimate(NamedTuple):
    """The mean and the standard deviation over subsets or splits."""

    mean: float
    sd: float


def kernel_distance(real, fake, subsets=100, subset_size=1000, seed=0):
    """Returns the kernel distance (KID): unbiased MMD^2 with kernel (x.y/d + 1)^3, section 4 of Bińkowski et al. 2018.

    Subsets are drawn without replacement with NumPy's legacy generator, first of the generated images, then of the real
    ones. The authors' code does the same, so implementations that follow it give the same value.

    Args:
        real: array (n, d), n >= 2, the features of real images.
        fake: array (m, d), m >= 2, the features of generated images.
        subsets: int, the number of pairs of subsets. Default 100, as in the authors' code.
        subset_size: int >= 2, the number of images in a subset. Default 1000, as in the authors' code. A smaller set is
            used whole. If both sets are used whole, there is one estimate and `sd` is 0.
        seed: int, the seed of the subsets.

    Returns:
        `Estimate(mean, sd)`: the average over the subsets and their standard deviation. The mean is unbiased, so it
        may be slightly negative.

    Raises:
        ValueError: for fewer than two rows, values that are not finite, different widths, or bad counts.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import kernel_distance
    >>> kernel_distance(np.array([[1.0], [-1.0]]), np.array([[1.0], [2.0]])).mean
    10.0
    """
    real, fake = check_same_width(check_features(real, "real"), check_features(fake, "fake"))
    if subsets < 1:
        raise ValueError(f"`subsets` must be at least 1. Received: {subsets!r}")
    if subset_size < 2:
        raise ValueError(f"`subset_size` must be at least 2. Received: {subset_size!r}")
    if subset_size >= max(len(real), len(fake)):
        return Estimate(_unbiased(real, fake), 0.0)
    random = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        chosen_fake = random.choice(len(fake), min(subset_size, len(fake)), replace=False)
        chosen_real = random.choice(len(real), min(subset_size, len(real)), replace=False)
        values.append(_unbiased(real[chosen_real], fake[chosen_fake]))
    return Estimate(float(np.mean(values)), float(np.std(values)))


def _unbiased(x, y):
    within = sum(_kernel_sum(a, a, diagonal=False) / (len(a) * (len(a) - 1.0)) for a in (x, y))
    return float(within - 2.0 * _kernel_sum(x, y) / (len(x) * float(len(y))))


def _kernel_sum(x, y, diagonal=True):
    total = 0.0
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        kernel = rows @ y.T / x.shape[1] + 1.0
        kernel *= kernel * kernel  # much faster than a power
        if not diagonal:
            index = np.arange(len(rows))
            kernel[index, start + index] = 0.0
        total += float(kernel.sum())
    return total


@keras.saving.register_keras_serializable("kerasgan")
class KernelDistance(FeatureBuffer):
    """Streaming `kernel_distance`, section 4 of Bińkowski et al. 2018.

    The features of all images are kept. Each set is used whole, so the order of the images does not matter.

    Args:
        extractor: anything that `get_extractor` accepts.
        max_images: int, the maximum number of images of a set. Default 10,000.
        name: str, default "kernel_distance".

    Raises:
        ValueError: from `result()`, for sets of fewer than two images, or images that are not finite or not in [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import KernelDistance
    >>> metric = KernelDistance(extractor=lambda images: images[:, 0, 0], max_images=100)
    >>> images = np.random.default_rng(0).uniform(-1, 1, (8, 2, 2, 1)).astype("float32")
    >>> metric.update_state(images, -images)
    >>> bool(np.isfinite(float(metric.result())))
    True
    """

    def __init__(self, extractor, max_images=10_000, name="kernel_distance"):
        super().__init__(extractor, name, max_images)

    @property
    def settings(self):
        return {"subsets": 1}

    def _result(self):
        real, fake = self.features()
        return kernel_distance(real, fake, subset_size=max(len(real), len(fake), 2)).mean
