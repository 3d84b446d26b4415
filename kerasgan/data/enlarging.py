"""Folders of images with small copies, for super-resolution."""

import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data import _decoding, _files, _pipeline
from kerasgan.data.resize import bicubic_resize
from kerasgan.shapes import as_size


def super_resolution(
    path,
    scale=4,
    crop=96,
    channels=3,
    *,
    batch_size=16,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads images, and returns them with copies shrunk by `scale`.

    The copies are bicubic with antialiasing, as by MATLAB's imresize (see `bicubic_resize`). Training uses random 96x96
    crops (Ledig et al. 2017, section 3.2). For evaluation, `crop=None` gives full images, cut to a multiple of `scale`
    as in the literature.

    Args:
        path: The folder.
        scale: Int, default 4, as in the paper.
        crop: Int or (height, width), multiples of `scale`: the size of the large crop. Default 96, as in the paper.
            `None` gives full images in batches of 1, as their sizes differ.
        channels: 3 (default), 1, or 4, which keeps transparency.
        batch_size: Int, default 16, as in the paper. Not used if `crop` is None.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(low, high)`, float32 in [-1, 1]: `(batch, height / scale, width / scale, channels)` and
        `(batch, height, width, channels)`.

    Raises:
        ValueError: Unusable files and, by name, images smaller than `crop`.

    Example:

    >>> training = super_resolution("photos", scale=4, crop=96)  # doctest: +SKIP
    >>> evaluation = super_resolution("Set5", scale=4, crop=None, shuffle=False)  # doctest: +SKIP
    """
    path = _files.existing_folder(path)
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    return enlarging_dataset(path, _files.image_files(path), scale, crop, channels, num_images, on_error, **options)


def enlarging_dataset(
    path,
    found,
    scale=4,
    crop=96,
    channels=3,
    num_images=None,
    on_error="raise",
    batch_size=16,
    drop_remainder=None,
    **order,
):
    """As `super_resolution`, for the files `found` below `path`, a `Found`. `order` is `shuffle` and `seed`."""
    if whole(scale, least=2) is None:
        raise ValueError(f"`scale` must be an integer of at least 2. Received: {scale!r}")
    size = None if crop is None else as_size(crop, "crop")
    if size and (size[0] % scale or size[1] % scale):
        raise ValueError(f"`crop` must be a multiple of `scale`={scale}, or None for full images. Received: {crop!r}")
    _files.check_sizes(None, channels, batch_size=batch_size)
    least = size or (scale, scale)

    def read(file):
        image = _decoding.decode(file, channels)
        height, width = image.shape[:2]
        if height < least[0] or width < least[1]:
            raise _decoding.Refused(f"{width}x{height} pixels are smaller than {least[1]}x{least[0]}")
        return image if crop else image[: height // scale * scale, : width // scale * scale]

    files = _files.spread(found, num_images)
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    usable, images = _files.read_all(items, read, path, on_error, keep=True, limit=_pipeline.MEMORY_LIMIT)
    sources = [files[i] for i in usable]
    fetch = _fetch(images, sources, read, channels)
    common = {"shuffle": True, "seed": 0, "stream": True} | order
    if crop:

        def augment(image, draw):
            return tf.ensure_shape(_pipeline.crop_pair(image, draw, size), (*size, channels))

        return _pipeline.make_dataset(
            len(usable),
            fetch,
            batch_size=batch_size,
            drop_remainder=drop_remainder,
            augment=augment,
            finish=lambda high: _pipeline.low_and_high(high, size, scale),
            **common,
        )

    def shrink(high):
        low = tf.numpy_function(lambda image: bicubic_resize(image, 1 / scale), [high], tf.uint8, stateful=False)
        low = tf.ensure_shape(low, (1, None, None, channels))
        return _pipeline.to_float(low), _pipeline.to_float(high)

    return _pipeline.make_dataset(len(usable), fetch, batch_size=1, finish=shrink, **common)


def _fetch(images, sources, read, channels):
    """Returns a function from an index to an image, from memory or, if `images` is None, from its file."""
    if images is None:

        def fetch(index):
            image = tf.numpy_function(lambda i: _files.read_again(read, sources[i]), [index], tf.uint8, stateful=False)
            return tf.ensure_shape(image, (None, None, channels))

    else:
        # Images of different sizes are concatenated in one vector.
        shapes = _pipeline.on_cpu(np.array([image.shape for image in images], "int64"))
        ends = np.cumsum([image.size for image in images])
        starts = _pipeline.on_cpu(np.concatenate([[0], ends]).astype("int64"))
        pixels = _pipeline.on_cpu(np.concatenate([image.ravel() for image in images]))

        def fetch(index):
            image = tf.reshape(pixels[starts[index] : starts[index + 1]], shapes[index])
            return tf.ensure_shape(image, (None, None, channels))

    return fetch
