"""Interpolation between latents: lines, arcs, planes, walks."""

import numpy as np


def lerp(start, end, t):
    """Interpolates linearly between two points.

    Args:
        start, end: float arrays of one shape, (..., latent_dim).
        t: float, or array (n,) of them. 0 is `start`, 1 is `end`.

    Returns:
        float32 array of the shape of the points, or with a first axis of n for an array `t`. To plot the latter:
        `plots.image_grid(decode(model, it))`.

    Example:

    >>> lerp([0.0, 0.0], [4.0, 2.0], [0.0, 0.5]).tolist()
    [[0.0, 0.0], [2.0, 1.0]]
    """
    start, end, t = _ends(start, end, t)
    return np.asarray((1 - t) * start + t * end, "float32")


def slerp(start, end, t):
    """Interpolates between two points along a great circle (White 2016, https://arxiv.org/abs/1609.04468, section 2.1).

    Normal latents of many dimensions all have about the same length, sqrt(latent_dim) with a standard deviation of 0.7.
    Half-way on the straight line between two of them, the length is only sqrt(latent_dim / 2), which is rare in
    training. On the great circle, the length changes linearly between those of the end points. Uniform latents fill a
    cube, which the great circle leaves: use `lerp` for them.

    Args:
        start, end: float arrays of one shape, (..., latent_dim).
        t: float, or array (n,) of them. 0 is `start`, 1 is `end`.

    Returns:
        float32 array of the shape of the points, or with a first axis of n for an array `t`. To plot the latter:
        `plots.image_grid(decode(model, it))`.

    Raises:
        ValueError: for a point at 0, which has no direction, or opposite points, which have no unique shortest arc.

    Example:

    >>> slerp([3.0, 0.0], [0.0, 3.0], 0.5)
    array([2.1213202, 2.1213202], dtype=float32)
    """
    start, end, t = _ends(start, end, t)
    lengths = [np.linalg.norm(point, axis=-1, keepdims=True) for point in (start, end)]
    if any((length == 0).any() for length in lengths):
        raise ValueError("`start` and `end` must have a direction. Received: a point at 0")
    cosine = np.clip((start * end).sum(axis=-1, keepdims=True) / (lengths[0] * lengths[1]), -1, 1)
    angle = np.arccos(cosine)
    if (np.pi - angle < 1e-6).any():
        raise ValueError("`start` and `end` must not be opposite, as the arc is not unique. Remedy: use `lerp`.")
    small = angle < 1e-6  # the limit is the straight line
    sine = np.where(small, 1, np.sin(angle))
    weights = [np.where(small, 1 - t, np.sin((1 - t) * angle) / sine), np.where(small, t, np.sin(t * angle) / sine)]
    direction = weights[0] * start / lengths[0] + weights[1] * end / lengths[1]
    return np.asarray(direction * ((1 - t) * lengths[0] + t * lengths[1]), "float32")


def _ends(start, end, t):
    start, end, t = (np.asarray(value, "float64") for value in (start, end, t))
    if start.shape != end.shape or start.ndim < 1:
        raise ValueError(f"`start` and `end` must have the same shape. Received: {start.shape} and {end.shape}")
    if t.ndim > 1:
        raise ValueError(f"`t` must be a float or a row of floats. Received: shape {t.shape}")
    return start, end, t.reshape(t.shape + (1,) * start.ndim)


def plane(corners, rows=8, columns=8, way=slerp):
    """Interpolates a grid of latents between four corners.

    Args:
        corners: (4, latent_dim): top left, top right, bottom left, bottom right, such as
            `of_seeds(model, [1, 2, 3, 4])`.
        rows, columns: ints of at least 2. Default 8.
        way: `slerp` (default, for normal latents) or `lerp` (for uniform ones).

    Returns:
        float32 array (rows, columns, latent_dim). To plot it: `plots.image_grid(decode(model, it))`.

    Example:

    >>> plane([[0.0], [1.0], [2.0], [3.0]], rows=2, columns=3, way=lerp)[..., 0].tolist()
    [[0.0, 0.5, 1.0], [2.0, 2.5, 3.0]]
    """
    corners = np.asarray(corners, "float32")
    if corners.ndim != 2 or len(corners) != 4:
        raise ValueError(f"`corners` must have shape (4, latent_dim). Received: {corners.shape}")
    if min(rows, columns) < 2:
        raise ValueError(f"`rows` and `columns` must be at least 2. Received: {rows} and {columns}")
    left, right = (way(corners[side], corners[side + 2], np.linspace(0, 1, rows)) for side in (0, 1))
    return np.stack([way(a, b, np.linspace(0, 1, columns)) for a, b in zip(left, right)])


def walk(points, steps=24, loop=True, way=slerp):
    """Interpolates from point to point and back to the first, for a looping animation.

    Args:
        points: (n, latent_dim) with n of at least 2, such as `of_seeds(model, [1, 2, 3])`.
        steps: int, the number of steps from each point to the next. Default 24.
        loop: bool. Whether to return to the first point, which is not repeated. Default True.
        way: `slerp` (default, for normal latents) or `lerp` (for uniform ones).

    Returns:
        float32 array (n * steps, latent_dim), or ((n - 1) * steps + 1, latent_dim) without the loop. To write a film:
        `plots.film(decode(model, it), "walk.gif")`.

    Example:

    >>> walk([[0.0], [1.0]], steps=2, way=lerp)[:, 0].tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    points = np.asarray(points, "float32")
    if points.ndim != 2 or len(points) < 2 or steps < 1:
        raise ValueError(
            "`points` must have shape (n, latent_dim) with n of at least 2, and `steps` must be at least 1. "
            f"Received: {points.shape} and {steps}"
        )
    t = np.arange(steps) / steps
    legs = [way(a, b, t) for a, b in zip(points[:-1], points[1:])]
    return np.concatenate([*legs, way(points[-1], points[0], t) if loop else points[-1:]])
