"""Image files: found, decoded, brought to one shape, and kept in memory or read again."""

import concurrent.futures
import math
import os
import pathlib
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import _pipeline

_FORMATS = ("PNG", "JPEG", "WEBP")
_EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp")
# Pictures that a user would miss if they were passed over in silence.
_OTHER_EXTENSIONS = (".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".ppm", ".pgm", ".tga")
# A file of a few bytes can declare any size; nothing that trains a GAN needs more than this.
_MAX_PIXELS = 80_000_000
_ON_ERROR = ("raise", "skip")


class Refused(Exception):
    """Why one file cannot be used."""


def decode(path, channels=3):
    """Reads one image file as uint8 `(height, width, channels)`: transparency on white, 16 bits rounded to 8."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = pathlib.Path(path)
    if path.suffix.lower() in _OTHER_EXTENSIONS:
        raise Refused(f"{path.suffix} is not read; convert it to PNG, JPEG or WebP")
    try:
        if path.stat().st_size == 0:
            raise Refused("the file is empty")
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise Refused(
                    f"it declares {image.width}x{image.height} pixels, more than {_MAX_PIXELS // 10**6} million"
                )
            image.load()
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):
                deep = np.asarray(image).astype("float32")
                image = Image.fromarray(np.rint(np.clip(deep, 0, 65535) / 257).astype(np.uint8))
            if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("RGB" if channels == 3 else "L")).reshape(
                image.height, image.width, channels
            )
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused("not a PNG, JPEG or WebP image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"it declares too many pixels ({error})") from None
    except Exception as error:  # Pillow's decoders raise many kinds; each means that this file is unusable
        raise Refused(f"{type(error).__name__}: {error}") from None


def square(image, image_size):
    """Crops the centre square of a uint8 image and resizes it, bicubic with antialiasing."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return stretch(image[top : top + side, left : left + side], image_size)


def stretch(image, image_size):
    """Resizes a uint8 image to a square, bicubic with antialiasing."""
    from PIL import Image

    if image.shape[:2] == (image_size, image_size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
    resized = picture.resize((image_size, image_size), Image.Resampling.BICUBIC)
    return np.asarray(resized).reshape(image_size, image_size, image.shape[-1])


def existing_folder(path):
    path = pathlib.Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"`path` must be an existing folder. Received: {str(path)!r}")
    return path


def image_files(path):
    """All image files below a folder, sorted by name; hidden files and folders are left out."""
    files = [
        entry
        for entry in sorted(path.rglob("*"))
        if entry.suffix.lower() in _EXTENSIONS + _OTHER_EXTENSIONS
        and not any(part.startswith(".") for part in entry.relative_to(path).parts)
        and entry.is_file()
    ]
    if not files:
        raise ValueError(f"No PNG, JPEG or WebP image lies in {str(path)!r}.")
    return files


def _report(problems, path, on_error, remaining):
    """Raises, or warns, about unusable files: `problems` is a list of (name, reason)."""
    if on_error not in _ON_ERROR:
        raise ValueError(f"`on_error` must be one of {_ON_ERROR}. Received: {on_error!r}")
    if not problems:
        return
    listed = "\n".join(f"  {name}: {reason}" for name, reason in problems[:20])
    if len(problems) > 20:
        listed += f"\n  ... and {len(problems) - 20} more"
    message = f"{len(problems)} of {len(problems) + remaining} images in {str(path)!r} cannot be used:\n{listed}"
    if on_error == "raise":
        raise ValueError(f"{message}\nRemedy: repair or remove them, or pass `on_error='skip'`.")
    if not remaining:
        raise ValueError(f"{message}\nNone is left.")
    warnings.warn(f"{message}\nThey are skipped.", stacklevel=4)


def read_all(items, read, path, on_error, keep, limit=math.inf):
    """Reads every item in threads; returns (indices of the usable ones, their arrays).

    The arrays are None without `keep`, or when they take more than `limit` bytes together.

    Args:
        items: List of (name, argument of `read`).
        read: Function to an array or a tuple of arrays; raises `_Refused`.
    """
    from PIL import Image

    def attempt(item):
        try:
            result = read(item[1])
            return (result if keep else True), None
        except Refused as refusal:
            return None, str(refusal)

    usable, results, problems, size = [], [], [], 0
    progress = keras.utils.Progbar(len(items), unit_name="image") if len(items) > 5000 else None
    # The bomb warning becomes an error here, in the calling thread, because filters are shared by all threads.
    with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i, (result, reason) in enumerate(pool.map(attempt, items)):
            if reason is None:
                usable.append(i)
                if keep:
                    results.append(result)
                    size += result.nbytes
                    if size > limit:
                        keep, results = False, []
            else:
                problems.append((items[i][0], reason))
            if progress and (i % 500 == 499 or i + 1 == len(items)):
                progress.update(i + 1)
    _report(problems, path, on_error, len(usable))
    return usable, results if keep else None


def read_again(read, source):
    """Reads a file that was usable when the dataset was made."""
    try:
        return read(source)
    except Refused as refusal:
        raise ValueError(f"The data have changed while they were in use: {source} cannot be read: {refusal}") from None


def store(items, read, shape, path, on_error):
    """Reads uint8 arrays of one shape; returns the usable items' indices, `fetch` by index, and whether it streams.

    `fetch` gathers from memory, or reads the files again every epoch when all of them together are too large.
    """
    stream = len(items) * math.prod(shape) > _pipeline.MEMORY_LIMIT
    usable, arrays = read_all(items, read, path, on_error, keep=not stream)
    if not stream:
        stored = _pipeline.on_cpu(np.stack(arrays))
        return usable, (lambda index: tf.gather(stored, index)), False
    sources = [items[i][1] for i in usable]

    def fetch(index):
        image = tf.numpy_function(lambda i: read_again(read, sources[i]), [index], tf.uint8, stateful=False)
        return tf.ensure_shape(image, shape)

    return usable, fetch, True


def store_squares(files, path, image_size, channels, on_error):
    check_sizes(image_size, channels)
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    read = lambda file: square(decode(file, channels), image_size)  # noqa: E731
    return store(items, read, (image_size, image_size, channels), path, on_error)


def check_sizes(image_size, channels):
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < 1:
        raise ValueError(f"`image_size` must be a positive integer. Received: {image_size!r}")
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
