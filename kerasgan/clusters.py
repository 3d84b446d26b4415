"""Clustering by k-means."""

import numpy as np


def k_means(points, count, seed=0, steps=100):
    """Finds cluster centres by Lloyd's algorithm, initialized by k-means++ (Arthur & Vassilvitskii 2007).

    Args:
        points: float array (n, dim), at least one.
        count: int. Number of centres.
        seed: int, the seed of the first centres.
        steps: int. Maximum number of updates. It stops earlier if no point changes its cluster.

    Returns:
        float32 array (count, dim), sorted by the number of points, largest first. If there are fewer distinct points,
        they are repeated in turn.

    Example:

    >>> k_means([[0.0], [1.0], [5.0], [0.5]], 2).ravel().tolist()
    [0.5, 5.0]
    """
    points = np.asarray(points, "float64")
    distinct = len(np.unique(points, axis=0))
    centres = _first_centres(points, min(count, distinct), np.random.default_rng(seed))
    nearest = None
    for _ in range(steps):
        before, nearest = nearest, _squares(points, centres).argmin(axis=1)
        if before is not None and (before == nearest).all():
            break
        used = np.unique(nearest)  # a cluster without points keeps its centre
        centres[used] = [points[nearest == i].mean(axis=0) for i in used]
    sizes = np.bincount(_squares(points, centres).argmin(axis=1), minlength=len(centres))
    centres = centres[np.argsort(-sizes, kind="stable")]
    return np.resize(centres, (count, points.shape[1])).astype("float32")


def _first_centres(points, count, rng):
    """Draws points as centres, with probabilities proportional to the squared distance from the nearest centre."""
    centres = [points[rng.integers(len(points))]]
    while len(centres) < count:
        far = _squares(points, np.array(centres)).min(axis=1)
        centres.append(points[rng.choice(len(points), p=far / far.sum())])
    return np.array(centres)


def _squares(points, centres):
    return ((points[:, None] - centres[None]) ** 2).sum(axis=-1)
