"""Sums and means of latents, and truncation."""

import numpy as np
import tensorflow as tf


def group_means(latents, groups):
    """Averages the latents of each group: a direction that is common to its images remains, the rest cancels.

    Single latents do not add up to anything; averages of three already do (Radford et al. 2016, section 6.3.2).

    Args:
        latents: (n, latent_dim).
        groups: (n,), the group of each: labels, or a yes or no of an attribute, by a classifier or by eye.

    Returns:
        dict of group -> float32 array (latent_dim,).
        `plots.labelled_grid(decode(model, [[*it.values()]]), columns=[*it])` is the picture.

    Example:

    >>> means = group_means([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]], ["seven", "seven", "one"])
    >>> means["seven"].tolist()
    [1.0, 2.0]
    """
    latents, groups = np.asarray(latents, "float64"), np.asarray(groups)
    if latents.ndim != 2 or groups.shape != latents.shape[:1]:
        raise ValueError(
            f"`latents` must have shape (n, latent_dim) and `groups` (n,). Received: {latents.shape} and {groups.shape}"
        )
    return {group.item(): latents[groups == group].mean(axis=0).astype("float32") for group in np.unique(groups)}


def arithmetic(plus, minus=(), length=None):
    """Adds and subtracts latents: smiling woman - woman + man = smiling man (Radford et al. 2016, section 6.3.2).

    Args:
        plus, minus: lists of latents (latent_dim,), best averages by `group_means`.
        length: float. The sum is stretched to it: averages are short, and a generator knows latents of about
            `sqrt(latent_dim)` (normal) or `sqrt(latent_dim / 3)` (uniform). Defaults to leaving the sum as it is.

    Returns:
        float32 array (latent_dim,). `plots.labelled_grid(decode(model, [[*plus, *minus, it]]))` is the picture.

    Example:

    >>> arithmetic([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0]]).tolist()
    [1.0, 1.0]
    """
    total = np.sum(np.asarray(plus, "float64"), axis=0)
    if len(minus):
        total = total - np.sum(np.asarray(minus, "float64"), axis=0)
    if length is not None:
        norm = np.linalg.norm(total)
        if norm == 0:
            raise ValueError("`length` cannot be given to a sum of 0. Received: terms that cancel")
        total = total * (length / norm)
    return total.astype("float32")


def truncate(latents, threshold, prior="normal"):
    """Draws latents towards the middle: samples become more typical and less diverse.

    The truncation trick (Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3.1) samples from a normal
    distribution cut off at +-`threshold`. They draw again what lies outside; here every value goes to the same quantile
    of the truncated distribution, which gives that distribution exactly, and keeps each image recognisable as the
    threshold moves. Not every generator takes it, as they found: one that was never near 0 may draw nothing there.

    Args:
        latents: float array, from the model's prior.
        threshold: float from 0 on. 0 gives zeros; 2 hardly changes anything of a normal prior.
        prior: `"normal"`, or `"uniform"` on [-1, 1), which becomes uniform on [-threshold, threshold). See
            `model.prior`. Defaults to `"normal"`.

    Returns:
        float32 array of the same shape. With a row for each threshold,
        `plots.labelled_grid(decode(model, [truncate(latents, t) for t in rows]), rows=rows)` is the picture.

    Raises:
        ValueError: if an argument is out of its range.

    Example:

    >>> truncate([-0.5, 0.0, 3.0], 1.0).round(2)
    array([-0.33,  0.  ,  1.  ], dtype=float32)
    """
    latents = np.asarray(latents, "float64")
    if threshold < 0:
        raise ValueError(f"`threshold` must be at least 0. Received: {threshold!r}")
    if prior == "uniform":
        return np.asarray(latents * min(threshold, 1.0), "float32")
    if prior != "normal":
        raise ValueError(f"`prior` must be 'normal' or 'uniform'. Received: {prior!r}")
    inside = tf.math.erf(np.float64(threshold) / np.sqrt(2))  # the probability within the threshold
    moved = tf.math.erfinv(inside * tf.math.erf(latents / np.sqrt(2))) * np.sqrt(2)
    return np.clip(moved, -threshold, threshold).astype("float32")
