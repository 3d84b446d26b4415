"""Processing of large images in overlapping tiles."""

import numpy as np

from kerasgan.shapes import as_size


def starts(side, tile, overlap):
    """Returns the first pixels of tiles along a side, as far apart as `overlap` allows. The last tile is at the end.

    Example:

    >>> starts(10, 4, 1)
    [0, 3, 6]
    """
    return [*range(0, side - tile, tile - overlap), side - tile]


def profile(tile, overlap, first, last):
    """Returns the weights of a tile's pixels along a side, (tile,): 1 inside, with a ramp towards other tiles.

    In the overlap of two tiles, the quarter next to a tile's edge has weight 0, as the edge affects these pixels.

    Example:

    >>> profile(8, 4, first=True, last=False).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.25, 0.0]
    """
    quarter = overlap // 4
    inwards = (np.arange(tile) + 0.5 - quarter) / max(overlap - 2 * quarter, 1)
    ramp = np.clip(inwards, 0.0, 1.0)
    return (1.0 if first else ramp) * (1.0 if last else ramp[::-1]) * np.ones(tile)


def by_tiles(change, images, tile=None, overlap=None, scale=1):
    """Processes images in overlapping tiles and blends the results.

    Args:
        change: callable, array (n, tile height, tile width, channels) -> (n, scale height, scale width, ...).
        images: (n, height, width, channels).
        tile: int or (height, width). Tiles are not larger than the image. None processes whole images.
        overlap: int or (height, width), pixels. Defaults to a quarter of the tile.
        scale: int, the factor by which `change` enlarges.

    Returns:
        float32 array (n, scale height, scale width, ...).
    """
    if tile is None:
        if overlap is not None:
            raise ValueError(f"`overlap` needs `tile`. Received: overlap={overlap!r} without a tile")
        return change(images)
    asked = as_size(tile, "tile")
    shared = tuple(side // 4 for side in asked) if overlap is None else as_size(overlap, "overlap")
    if any(pixels >= side for pixels, side in zip(shared, asked)):
        raise ValueError(f"`overlap` must be less than `tile`={tile!r}. Received: {overlap!r}")
    sides = images.shape[1:3]
    tile = [min(side, most) for side, most in zip(asked, sides)]
    rows, columns = (starts(*sizes) for sizes in zip(sides, tile, shared))
    total, weights = None, np.zeros([scale * side for side in sides] + [1], "float32")
    for top in rows:
        for left in columns:
            made = change(images[:, top : top + tile[0], left : left + tile[1]])
            down = profile(tile[0], shared[0], top == 0, top == rows[-1])
            right = profile(tile[1], shared[1], left == 0, left == columns[-1])
            weight = np.outer(down.repeat(scale), right.repeat(scale)).astype("float32")[..., None]
            if total is None:
                total = np.zeros((len(images), *weights.shape[:2], made.shape[-1]), "float32")
            place = slice(scale * top, scale * (top + tile[0])), slice(scale * left, scale * (left + tile[1]))
            total[(slice(None), *place)] += weight * made
            weights[place] += weight
    return total / weights
