"""Sums and means of latents."""

import numpy as np


def group_means(latents, groups):
    """Averages the latents of each group, which keeps what its images have in common.

    Latent arithmetic works with averages of three latents, but not with single ones (Radford et al. 2016, section
    6.3.2).

    Args:
        latents: (n, latent_dim).
        groups: (n,), the group of each latent, such as labels or an attribute.

    Returns:
        dict of group -> float32 array (latent_dim,). To plot them:
        `plots.labelled_grid(decode(model, [[*it.values()]]), columns=[*it])`.

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
        plus, minus: lists of latents (latent_dim,), preferably averages by `group_means`.
        length: float. The sum is scaled to this length. Averages are short, while the latents of training have a length
            of about `sqrt(latent_dim)` (normal) or `sqrt(latent_dim / 3)` (uniform). Defaults to no scaling.

    Returns:
        float32 array (latent_dim,). To plot it: `plots.labelled_grid(decode(model, [[*plus, *minus, it]]))`.

    Raises:
        ValueError: if `plus` or `minus` is not a list of latents, or `plus` is empty.

    Example:

    >>> arithmetic([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0]]).tolist()
    [1.0, 1.0]
    """
    plus, minus = np.asarray(plus, "float64"), np.asarray(minus, "float64")
    for name, terms in (("plus", plus), ("minus", minus)):
        listed = terms.ndim == 2 and terms.size and terms.shape[1:] == plus.shape[1:]
        if not listed and (terms.size or name == "plus"):
            raise ValueError(
                f"`{name}` must be a list of latents, (n, latent_dim). Received: shape {terms.shape}. "
                "Remedy for one latent: `[latent]`"
            )
    total = plus.sum(axis=0)
    if minus.size:
        total = total - minus.sum(axis=0)
    if length is not None:
        norm = np.linalg.norm(total)
        if norm == 0:
            raise ValueError("`length` cannot be given to a sum of 0. Received: terms that cancel")
        total = total * (length / norm)
    return total.astype("float32")
