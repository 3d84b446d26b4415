"""Bicubic resizing with antialiasing as MATLAB's imresize, which the super-resolution literature uses."""

import functools
import math

import numpy as np


def _cubic(x):
    """The cubic convolution kernel with a = -1/2 (Keys 1981, eq. 15)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@functools.lru_cache(maxsize=256)
def resize_matrix(size, scale):
    """Returns the matrix `(ceil(size * scale), size)` that resizes one axis. Each row has the weights of one pixel.

    For scales below 1, the kernel is stretched by 1/scale for antialiasing. The image is padded by reflection (with the
    edge pixel repeated).
    """
    new_size = math.ceil(size * scale)
    stretch = min(scale, 1.0)
    width = 4 / stretch
    # Pixel centres: output pixel i (from 0) is at (i + 1/2) / scale - 1/2 of the input.
    centers = (np.arange(new_size) + 0.5) / scale - 0.5
    taps = np.floor(centers - width / 2).astype(int)[:, None] + np.arange(math.ceil(width) + 2)
    weights = stretch * _cubic(stretch * (centers[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    reflected = np.mod(taps, 2 * size)
    reflected = np.where(reflected < size, reflected, 2 * size - 1 - reflected)
    matrix = np.zeros((new_size, size))
    np.add.at(matrix, (np.arange(new_size)[:, None], reflected), weights)
    matrix.flags.writeable = False
    return matrix


def bicubic_resize(images, scale):
    """Resizes images by a factor with antialiasing, as MATLAB's `imresize(image, scale)` with its default method.

    The method is bicubic interpolation (Keys 1981, "Cubic convolution interpolation for digital image processing") with
    a = -1/2. For scales below 1, the kernel is stretched by 1/scale.

    Args:
        images: Array `(height, width, channels)` or `(n, height, width, channels)`, uint8 or floating point.
        scale: Float, the factor for both axes, e.g. 1/4 or 4. The new size is rounded up.

    Returns:
        Array of the same rank and type. uint8 is rounded and clipped, floats are not.

    Example:

    >>> small = bicubic_resize(np.zeros((96, 96, 3), "uint8"), 1 / 4)  # (24, 24, 3)
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise ValueError(f"`images` must have rank 3 or 4 (channels last). Received: shape {images.shape}")
    if not scale > 0:
        raise ValueError(f"`scale` must be positive. Received: {scale!r}")
    height, width = images.shape[-3:-1]
    rows, columns = resize_matrix(height, float(scale)), resize_matrix(width, float(scale))
    exact = images if images.dtype == np.float64 else images.astype("float32")
    rows, columns = rows.astype(exact.dtype), columns.astype(exact.dtype)
    resized = np.einsum("oh,...hwc->...owc", rows, exact, optimize=True)
    resized = np.einsum("pw,...owc->...opc", columns, resized, optimize=True)
    if images.dtype == np.uint8:
        # Rounds half up, as in MATLAB (np.rint rounds half to even).
        return np.clip(np.floor(resized + 0.5), 0, 255).astype(np.uint8)
    return resized.astype(images.dtype)
