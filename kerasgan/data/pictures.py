"""Reads single image files."""

import pathlib

import numpy as np

from kerasgan.data import _decoding, _files
from kerasgan.shapes import as_size


def read_images(paths, image_size=None, channels=3):
    """Reads single image files, for example to translate, upscale or project them.

    Args:
        paths: a path or a list of paths of image files and of folders of images.
        image_size: int or (height, width), to which images are cropped at the centre and resized. Default None: images
            keep their size.
        channels: 3 (default) or 1.

    Returns:
        list of pairs (path of the file, float32 array (height, width, channels) in [-1, 1]).

    Raises:
        ValueError: if a file cannot be read. The message names it.

    Example:

    >>> from kerasgan import plots
    >>> plots.save_png("photo.png", np.zeros((6, 8, 3), "uint8"))
    >>> [(path.name, image.shape) for path, image in read_images("photo.png", image_size=4)]
    [('photo.png', (4, 4, 3))]
    """
    _files.check_sizes(image_size, channels)
    paths = paths if isinstance(paths, list | tuple) else [paths]
    files = []
    for path in map(pathlib.Path, paths):
        files += _files.image_files(path) if path.is_dir() else [path]
    found = []
    for file in files:
        try:
            image = _decoding.decode(file, channels)
        except _decoding.Refused as refusal:
            raise ValueError(f"{file} cannot be read: {refusal}") from None
        image = image if image_size is None else _decoding.fit(image, as_size(image_size))
        found.append((file, image.astype("float32") / np.float32(127.5) - 1))
    return found
