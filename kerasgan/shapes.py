"""Sizes of images: an int for squares, or (height, width). `as_size` converts them to pairs."""

import operator

import tensorflow as tf


def as_size(image_size, name="image_size"):
    """Returns (height, width), ints, for an int or a pair.

    Args:
        image_size: int, the side of a square, or (height, width).
        name: the name of the argument in messages.

    Raises:
        ValueError: if it is neither, or a side is below 1.

    Example:

    >>> as_size(64), as_size((48, 64))
    ((64, 64), (48, 64))
    """
    pair = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    try:
        height, width = (operator.index(side) for side in pair)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1 or isinstance(image_size, bool):
        raise ValueError(f"`{name}` must be a positive int, or (height, width). Received: {image_size!r}")
    return height, width


def spelled(size):
    """Formats a size as an argument: an int for a square.

    Example:

    >>> spelled((64, 64)), spelled((48, 64))
    ('64', '(48, 64)')
    """
    height, width = as_size(size)
    return str(height) if height == width else str((height, width))


def padded(size, multiple):
    """Returns (height, width) rounded up to multiples of `multiple`, and to at least 8 pixels if `multiple` is not 1.

    Sides may be ints or scalar tensors.
    """
    if multiple == 1:
        return tuple(size)
    # Without division of negative numbers, as ONNX rounds their quotients in the other direction.
    least, *enlarged = [(side + multiple - 1) // multiple * multiple for side in (8, *size)]
    return tuple(max(least, side) if isinstance(side, int) else tf.maximum(least, side) for side in enlarged)


def reflect_to(images, size):
    """Pads images on all sides by reflection, repeatedly if necessary, up to `size`.

    Args:
        images: (batch, height, width, channels), an array or a tensor. The size may be dynamic.
        size: (height, width), ints or scalar tensors, at least the size of the images.

    Returns:
        The padded images, and (top, left), the position of the original images in them.

    Example:

    >>> images, corner = reflect_to(np.float32([1, 2, 3]).reshape(1, 1, 3, 1), (1, 8))
    >>> images[0, 0, :, 0].numpy().tolist(), corner
    ([3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0], (0, 2))
    """
    images, corner = tf.convert_to_tensor(images), []
    for axis, total in zip((1, 2), size):
        side = images.shape[axis] if images.shape[axis] is not None else tf.shape(images)[axis]
        before = (total - side) // 2
        period = tf.maximum(2 * side - 2, 1)
        place = tf.abs(tf.range(total) - before) % period
        images = tf.gather(images, tf.where(place < side, place, period - place), axis=axis)
        corner.append(before)
    return images, tuple(corner)


def to_channels(images, channels):
    """Converts grey images to RGB, or RGB images to grey (ITU-R BT.601), if they do not have `channels` already."""
    found = images.shape[-1]
    if found == channels:
        return images
    if found == 1:
        return tf.repeat(images, channels, axis=-1)
    if (found, channels) != (3, 1):
        raise ValueError(f"Images must have {channels} channels, or 1, or 3 for 1. Received: {found}")
    weights = tf.constant([0.299, 0.587, 0.114], images.dtype)
    return tf.reduce_sum(images * weights, axis=-1, keepdims=True)
