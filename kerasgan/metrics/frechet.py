"""Fréchet distance between Gaussians fitted to two sets of features (Heusel et al. 2017)."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.metrics.checks import check_features, check_same_width
from kerasgan.metrics.streaming import FeatureMetric

EPSILON = np.finfo(np.float64).eps


def frechet_distance(mean1, cov1, mean2, cov2):
    """Returns the squared Fréchet distance of two Gaussians.

    This is `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)` in float64: eq. 6 of Heusel et al. 2017, eq. 4 of
    Dowson and Landau 1982. Only symmetric matrices are decomposed, so the result is real and finite also for singular
    covariances.

    Args:
        mean1: array (d,), the mean of the first Gaussian.
        cov1: array (d, d), its covariance (symmetric, positive semi-definite).
        mean2: array (d,), the mean of the second Gaussian.
        cov2: array (d, d), its covariance.

    Returns:
        A float >= 0.

    Raises:
        ValueError: if the shapes do not match, a value is not finite, or a covariance is not symmetric and positive
            semi-definite.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import frechet_distance
    >>> round(frechet_distance(np.zeros(2), np.eye(2), np.array([3.0, 4.0]), np.eye(2)), 6)
    25.0
    """
    mean1, cov1 = _check_gaussian(mean1, cov1, "1")
    mean2, cov2 = _check_gaussian(mean2, cov2, "2")
    if mean1.shape != mean2.shape:
        raise ValueError(
            f"Both Gaussians must have the same dimension: use one extractor for both sets. "
            f"Received: {mean1.size} and {mean2.size}"
        )
    offset = float(np.sum((mean1 - mean2) ** 2))
    if np.array_equal(cov1, cov2):
        return offset
    cross = _trace_of_root(_factor(cov1, "cov1"), _factor(cov2, "cov2"))
    return max(offset + float(np.trace(cov1) + np.trace(cov2)) - 2.0 * cross, 0.0)


def frechet_distance_from_features(real, fake):
    """Returns the squared Fréchet distance of the Gaussians fitted to two sets of features.

    Covariances are unbiased, as in `np.cov`. If there are fewer samples than dimensions, the centred features are used
    as the factor of the covariance, which avoids the decomposition of a singular matrix. The estimate is biased upwards
    for small sets (Chong and Forsyth 2020), so compare only distances of sets of equal size.

    Args:
        real: array (n, d), n >= 2, the features of real images.
        fake: array (m, d), m >= 2, the features of generated images.

    Returns:
        A float >= 0.

    Raises:
        ValueError: for fewer than two rows, values that are not finite, or different widths.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import frechet_distance_from_features
    >>> x = np.random.default_rng(0).normal(size=(100, 4))
    >>> round(frechet_distance_from_features(x, x + 1.0), 6)
    4.0
    """
    real, fake = check_same_width(check_features(real, "real"), check_features(fake, "fake"))
    mean1, variance1, factor1 = _moments_of(real, "real")
    mean2, variance2, factor2 = _moments_of(fake, "fake")
    distance = float(np.sum((mean1 - mean2) ** 2)) + variance1 + variance2 - 2.0 * _trace_of_root(factor1, factor2)
    return max(distance, 0.0)


def _moments_of(features, name):
    count, width = features.shape
    mean = features.mean(axis=0)
    scaled = (features - mean) / np.sqrt(count - 1.0)
    variance = float(np.sum(scaled**2))
    return mean, variance, scaled.T if count <= width else _factor(scaled.T @ scaled, name)


def _check_gaussian(mean, cov, which):
    mean = np.asarray(mean, np.float64)
    cov = np.asarray(cov, np.float64)
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size):
        raise ValueError(
            f"`mean{which}` must have shape (d,) and `cov{which}` shape (d, d). Received: {mean.shape} and {cov.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        raise ValueError(
            f"`mean{which}` and `cov{which}` must be finite. Received NaN or infinity: check their features."
        )
    if np.abs(cov - cov.T).max(initial=0.0) > 1e-4 * np.abs(cov).max(initial=0.0):
        raise ValueError(f"`cov{which}` must be symmetric. Received a matrix that is not.")
    return mean, (cov + cov.T) / 2.0


def _factor(cov, name):
    """Returns a matrix A with A A^T = cov. Its number of columns is the rank of the covariance."""
    largest = np.diagonal(cov).max(initial=0.0)
    floor = len(cov) * EPSILON * largest
    try:
        factor = np.linalg.cholesky(cov)
        if np.diagonal(factor).min(initial=np.inf) ** 2 > floor:
            return factor
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(cov)
    top = values.max(initial=0.0)
    # 1e-4: statistics accumulated in float32 can have negative eigenvalues of this relative size
    if values.min(initial=0.0) < -1e-4 * top or top < 0.0:
        raise ValueError(
            f"`{name}` must be positive semi-definite. Received eigenvalues from {values.min():.3g} to {top:.3g}"
        )
    kept = values > len(cov) * EPSILON * top
    return vectors[:, kept] * np.sqrt(values[kept])


def _trace_of_root(factor1, factor2):
    """Returns tr (C1^1/2 C2 C1^1/2)^1/2, the sum of the singular values of A1^T A2 for C = A A^T."""
    product = factor1.T @ factor2
    if product.size == 0:
        return 0.0
    if product.shape[0] > product.shape[1]:
        product = product.T
    squares = np.linalg.eigvalsh(product @ product.T)
    noise = EPSILON * squares[-1]
    if squares[0] > noise:
        roots = np.sqrt(squares)
        if noise * np.sum(1.0 / roots) < 1e-9 * np.sum(roots):
            return float(np.sum(roots))
    # an SVD is slower than the eigenvalues of the squared matrix, but keeps small singular values
    return float(np.sum(np.linalg.svd(product, compute_uv=False)))


@keras.saving.register_keras_serializable("kerasgan")
class FrechetDistance(FeatureMetric):
    """Streaming Fréchet distance, eq. 6 of Heusel et al. 2017.

    The metric stores counts, sums and sums of outer products in float64, so its memory does not grow with the number
    of images. The features of a mid-grey image are subtracted first, which keeps precision if features are far from 0.

    Args:
        extractor: anything that `get_extractor` accepts.
        name: str, default "frechet_distance".

    Raises:
        ValueError: from `result()`, for sets of fewer than two images, or images that are not finite or not in [-1, 1].

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import FrechetDistance
    >>> metric = FrechetDistance(extractor=lambda images: images)
    >>> images = np.random.default_rng(0).uniform(-1, 0, (8, 2, 2, 1)).astype("float32")
    >>> metric.update_state(images, images + 0.5)
    >>> round(float(metric.result()), 6)
    0.25
    """

    def __init__(self, extractor, name="frechet_distance"):
        super().__init__(extractor, name)

    def _build(self, width):
        self.counts = self.add_variable((2,), "zeros", dtype="float64", name="counts")
        self.sums = self.add_variable((2, width), "zeros", dtype="float64", name="sums")
        self.products = self.add_variable((2, width, width), "zeros", dtype="float64", name="products")
        self._shift = np.zeros(width)
        size, channels = self.extractor.size, self.extractor.channels
        if size and channels:
            with tf.init_scope():
                grey = self.extractor(tf.zeros((1, *size, channels)))[0].numpy().astype(np.float64)
            self._shift = np.where(np.isfinite(grey), grey, 0.0)

    def _add(self, real, fake):
        shifted = [tf.cast(features, tf.float64) - self._shift for features in (real, fake)]
        self.counts.assign_add(tf.stack([tf.cast(tf.shape(x)[0], tf.float64) for x in shifted]))
        self.sums.assign_add(tf.stack([tf.reduce_sum(x, axis=0) for x in shifted]))
        self.products.assign_add(tf.stack([tf.matmul(x, x, transpose_a=True) for x in shifted]))

    def _result(self):
        counts, sums, products = (keras.ops.convert_to_numpy(v) for v in (self.counts, self.sums, self.products))
        gaussians = []
        for which, count, total, product in zip(("real", "generated"), counts, sums, products):
            if count < 2:
                raise ValueError(f"`{self.name}` needs at least 2 {which} images. Received: {int(count)}")
            mean = total / count
            cov = (product - np.outer(total, mean)) / (count - 1.0)
            # a variance below the rounding error of its sums is taken as 0
            constant = np.diagonal(cov) <= 64.0 * EPSILON * np.diagonal(product) / count
            cov[constant, :] = cov[:, constant] = 0.0
            gaussians += [mean, cov]
        return frechet_distance(*gaussians)
