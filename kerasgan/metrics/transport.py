"""Exact Wasserstein-1 distances: by sorting in one dimension, by optimal transport in several."""

from typing import NamedTuple

import numpy as np

from kerasgan.metrics.checks import check_features, check_same_width

LARGEST_PLAN = 4_000_000  # entries of a plan, for which the solver needs some GB of memory


class Transport(NamedTuple):
    """`cost`: the earth mover's distance; `plan` (n, m): the mass moved from point i of `real` to point j of `fake`."""

    cost: float
    plan: np.ndarray


def wasserstein_1d(real, fake, real_weights=None, fake_weights=None):
    """Returns the Wasserstein-1 distance of two sets of numbers: the area between their distribution functions.

    In one dimension, W(P, Q) = integral |F(t) - G(t)| dt (Vallender 1974). The critic of a WGAN estimates this distance
    (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 2).

    Args:
        real: array (n,), n >= 1.
        fake: array (m,), m >= 1.
        real_weights: array (n,), the mass at each number, at least 0; only their ratios count. Default None: equal.
        fake_weights: array (m,), as `real_weights`.

    Returns:
        A float >= 0, in the unit of the numbers.

    Raises:
        ValueError: for arrays of another shape, values that are not finite, or invalid weights.

    Example:

    >>> from kerasgan.metrics import wasserstein_1d
    >>> wasserstein_1d([0.0, 1.0], [3.0, 4.0])
    3.0
    """
    points = [_numbers(real, "real"), _numbers(fake, "fake")]
    weights = [_masses(real_weights, points[0], "real_weights"), _masses(fake_weights, points[1], "fake_weights")]
    ends = np.concatenate(points)
    order = np.argsort(ends, kind="stable")
    gap = np.cumsum(np.concatenate([weights[0], -weights[1]])[order])[:-1]  # F - G between neighbours
    return float(np.sum(np.abs(gap) * np.diff(ends[order])))


def earth_movers_distance(real, fake, real_weights=None, fake_weights=None):
    """Returns the earth mover's distance of two small sets of points, and an optimal transport plan.

    W(P, Q) = min over plans gamma of sum_ij gamma_ij |x_i - y_j|, where row i of a plan sums to the mass at x_i and
    column j to the mass at y_j (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 1; distances are
    Euclidean). SciPy solves the problem exactly: as an assignment if both sets have the same number of points with
    equal masses, otherwise as a linear programme. The time grows faster than the square of the number of points: sets
    of 500 take about a second as an assignment, and some tens of seconds as a linear programme.

    Args:
        real: array (n, d), n >= 1, points or features.
        fake: array (m, d), m >= 1; n m is at most four million.
        real_weights: array (n,), the mass at each point, at least 0. Only the ratios matter. Default None: equal.
        fake_weights: array (m,), as `real_weights`.

    Returns:
        `Transport(cost, plan)`. The cost is in the unit of the points; the plan sums to 1.

    Raises:
        ValueError: for points of different width, values that are not finite, invalid weights, or sets that are too
            large.
        ImportError: if SciPy is not installed.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import earth_movers_distance
    >>> earth_movers_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]])).cost
    2.5
    """
    try:
        from scipy import optimize, spatial
    except ImportError as error:
        raise ImportError("`earth_movers_distance` needs SciPy: pip install scipy") from error
    real, fake = check_same_width(check_features(real, "real", 1), check_features(fake, "fake", 1))
    sources, targets = _masses(real_weights, real, "real_weights"), _masses(fake_weights, fake, "fake_weights")
    if len(real) * len(fake) > LARGEST_PLAN:
        raise ValueError(
            f"`real` and `fake` must have at most {LARGEST_PLAN:,} pairs of points. Received: {len(real):,} x "
            f"{len(fake):,}. Remedy: draw fewer of them, or use `frechet_distance_from_features`"
        )
    costs = spatial.distance.cdist(real, fake)
    plan = np.zeros(costs.shape)
    if len(real) == len(fake) and np.ptp(sources) == 0 and np.ptp(targets) == 0:
        plan[optimize.linear_sum_assignment(costs)] = 1 / len(real)
    else:
        plan[:] = _programme(optimize, costs, sources, targets)
    return Transport(float(np.sum(plan * costs)), plan)


def _programme(optimize, costs, sources, targets):
    """Returns the optimal plan for arbitrary masses, found by a linear programme."""
    from scipy import sparse

    n, m = costs.shape
    rows = sparse.kron(sparse.eye_array(n), np.ones((1, m)))  # sum over j of plan[i, j]
    columns = sparse.kron(np.ones((1, n)), sparse.eye_array(m))
    sums = sparse.vstack([rows, columns], format="csr")
    solved = optimize.linprog(costs.ravel(), A_eq=sums, b_eq=np.concatenate([sources, targets]), method="highs")
    if not solved.success:
        raise ValueError(f"SciPy found no optimal plan. Received: {solved.message}")
    return np.maximum(solved.x, 0.0).reshape(n, m)


def _numbers(values, name):
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "fiu" or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must be finite numbers of shape (n,), n >= 1. Received: {values.dtype} of shape {values.shape}"
        )
    return values.astype(np.float64)


def _masses(weights, points, name):
    """Returns a float64 array with a mass for each of `points`. The masses sum to 1."""
    weights = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (len(points),) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum()):
        raise ValueError(
            f"`{name}` must hold a mass of at least 0 for each of {len(points)} points, not all of them 0. "
            f"Received: shape {weights.shape}, minimum {weights.min(initial=np.inf)}"
        )
    return weights / weights.sum()
