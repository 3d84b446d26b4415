"""Fidelity and diversity from nearest neighbours of features: precision and recall, density and coverage."""

from typing import NamedTuple

import keras
import numpy as np

from kerasgan.metrics.checks import check_features, check_same_width
from kerasgan.metrics.streaming import FeatureBuffer

BLOCK = 1024


class PrecisionAndRecall(NamedTuple):
    """Shares in [0, 1]."""

    precision: float
    recall: float


class DensityAndCoverage(NamedTuple):
    """Density (>= 0, about 1 for equal distributions) and coverage (a share in [0, 1])."""

    density: float
    coverage: float


def precision_recall(real, fake, k=3):
    """Returns improved precision and recall, eqs. 1 and 2 of Kynkäänniemi et al. 2019.

    Args:
        real: array (n, d), n > k, the features of real images.
        fake: array (m, d), m > k, the features of generated images.
        k: int. The radius of a sample is the distance to its k-th nearest neighbour. Default 3, as in the paper.

    Returns:
        `PrecisionAndRecall(precision, recall)`: the share of generated images within the real manifold, and the share
        of real images within the generated one.

    Raises:
        ValueError: for too few rows, values that are not finite, or different widths.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import precision_recall
    >>> x = np.arange(10.0)[:, None]
    >>> precision_recall(x, x[:5] + 0.1)
    PrecisionAndRecall(precision=1.0, recall=0.8)
    """
    real, fake = _check(real, fake, k)
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    in_real = np.zeros(len(fake), bool)
    in_fake = np.zeros(len(real), bool)
    for start, squares in _blocks(real, fake):
        rows = slice(start, start + len(squares))
        in_real |= (squares <= real_radii[rows, None]).any(axis=0)
        in_fake[rows] = (squares <= fake_radii[None, :]).any(axis=1)
    return PrecisionAndRecall(float(in_real.mean()), float(in_fake.mean()))


def density_coverage(real, fake, k=5):
    """Returns density and coverage, eqs. 5 and 6 of Naeem et al. 2020, with open balls as in the authors' code.

    Args:
        real: array (n, d), n > k, the features of real images, not all equal.
        fake: array (m, d), the features of generated images.
        k: int. The radius of a real sample is the distance to its k-th nearest neighbour. Default 5, as in the paper.

    Returns:
        `DensityAndCoverage(density, coverage)`.

    Raises:
        ValueError: for too few rows, values that are not finite, different widths, or real features that are all equal.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import density_coverage
    >>> x = np.arange(10.0)[:, None]
    >>> density_coverage(x, x, k=1)
    DensityAndCoverage(density=1.0, coverage=1.0)
    """
    real, fake = _check(real, fake, k)
    radii = _squared_radii(real, k)
    if not radii.any():
        raise ValueError(
            f"`real` must hold different features. Received {len(real)} rows that equal their {k} nearest neighbours: "
            "check that the images are not constant."
        )
    inside = covered = 0
    for start, squares in _blocks(real, fake):
        balls = squares < radii[start : start + len(squares), None]
        inside += int(balls.sum())
        covered += int(balls.any(axis=1).sum())
    return DensityAndCoverage(inside / (k * float(len(fake))), covered / float(len(real)))


def _check(real, fake, k):
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k!r}")
    return check_same_width(check_features(real, "real", k + 1), check_features(fake, "fake", k + 1))


def _blocks(x, y):
    """Yields the squared distances of blocks of rows of x to all rows of y. Equal rows have distance exactly 0."""
    centre = x.mean(axis=0)
    x, y = x - centre, y - centre
    norms = np.einsum("nd,nd->n", y, y)
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        sums = np.einsum("nd,nd->n", rows, rows)[:, None] + norms[None, :]
        squares = sums - 2.0 * (rows @ y.T)
        # distances below the rounding error of the three terms are 0
        squares[squares < 16.0 * np.finfo(np.float64).eps * sums] = 0.0
        yield start, squares


def _squared_radii(features, k):
    """Returns the squared distance of each row to its k-th nearest other row."""
    return np.concatenate([np.partition(squares, k, axis=1)[:, k] for _, squares in _blocks(features, features)])


class _NearestNeighbors(FeatureBuffer):
    """Base of metrics that compare all features with nearest neighbours. `compare` computes the result."""

    def __init__(self, extractor, k, max_images, name):
        self.k = k
        super().__init__(extractor, name, max_images)

    @property
    def settings(self):
        return {"k": self.k}

    def _result(self):
        return self.compare(*self.features(), k=self.k)._asdict()

    def get_config(self):
        return {**super().get_config(), "k": self.k}


@keras.saving.register_keras_serializable("kerasgan")
class PrecisionRecall(_NearestNeighbors):
    """Streaming `precision_recall`. The features of all images are kept and compared at the end.

    Args:
        extractor: anything that `get_extractor` accepts.
        k: int, default 3, as in Kynkäänniemi et al. 2019.
        max_images: int, the maximum number of images of a set. Default 10,000.
        name: str, default "precision_recall".

    Raises:
        ValueError: from `result()`, for too few images, or images that are not finite or not in [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import PrecisionRecall
    >>> metric = PrecisionRecall(extractor=lambda images: images[:, 0, 0], max_images=100)
    >>> images = np.random.default_rng(0).uniform(-1, 1, (8, 2, 2, 1)).astype("float32")
    >>> metric.update_state(images, images)
    >>> metric.result()
    {'precision': 1.0, 'recall': 1.0}
    """

    parts = PrecisionAndRecall._fields
    compare = staticmethod(precision_recall)

    def __init__(self, extractor, k=3, max_images=10_000, name="precision_recall"):
        super().__init__(extractor, k, max_images, name)


@keras.saving.register_keras_serializable("kerasgan")
class DensityCoverage(_NearestNeighbors):
    """Streaming `density_coverage`. The features of all images are kept and compared at the end.

    Args:
        extractor: anything that `get_extractor` accepts.
        k: int, default 5, as in Naeem et al. 2020.
        max_images: int, the maximum number of images of a set. Default 10,000.
        name: str, default "density_coverage".

    Raises:
        ValueError: from `result()`, for too few images, real images that are all equal, or images that are not finite
            or not in [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import DensityCoverage
    >>> metric = DensityCoverage(extractor=lambda images: images[:, 0, 0], k=1, max_images=100)
    >>> images = np.linspace(-1, 1, 9, dtype="float32")[:, None, None, None]
    >>> metric.update_state(images, images)
    >>> metric.result()
    {'density': 1.0, 'coverage': 1.0}
    """

    parts = DensityAndCoverage._fields
    compare = staticmethod(density_coverage)

    def __init__(self, extractor, k=5, max_images=10_000, name="density_coverage"):
        super().__init__(extractor, k, max_images, name)
