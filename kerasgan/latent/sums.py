"""Sums and means of latents."""

import numpy as np


def group_means(latents, groups):
    """Averages the latents of each group, which leaves what its images have in common.

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
