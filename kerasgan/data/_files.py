"""Finds image files, and keeps their images in memory or reads them again."""

import collections
import concurrent.futures
import dataclasses
import math
import os
import pathlib
import re
import warnings

import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.data import _pipeline
from kerasgan.data._decoding import OTHER_EXTENSIONS, READ, RESIZE, Refused, declared_size, decode, fit, read_header
from kerasgan.progress import progress_bar
from kerasgan.shapes import as_size

_EXTENSIONS = tuple(".png .apng .jpg .jpeg .jfif .jpe .webp .gif .bmp .dib .tif .tiff".split())
# The first bytes of these formats. In WebP, the size is between the two words.
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_ON_ERROR = ("raise", "skip")


_told = set()  # broken files that were reported in a warning


class Found(list):
    """The image files below a folder, sorted by name. `skipped` counts the other files by ending."""

    def __init__(self, files, skipped):
        super().__init__(files)
        self.skipped = skipped


@dataclasses.dataclass
class Summary:
    """A summary of the files of a folder. `str()` of it is a short description.

    Attributes:
        images: int, the number of images that are used.
        classes: dict, class -> number of images, in the order of the labels; empty without labels.
        smallest, largest: (width, height) of the files with the fewest and the most pixels, or None if unknown.
        skipped: dict, ending -> number of files that are not images ("" for no ending). "unusable" counts images that
            cannot be used.
    """

    images: int
    classes: dict
    smallest: tuple = None
    largest: tuple = None
    skipped: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        text = f"{self.images} images"
        if self.smallest:
            sizes = ["x".join(map(str, size)) for size in (self.smallest, self.largest)]
            text += f" of {sizes[0]}" + (f" to {sizes[1]}" if sizes[0] != sizes[1] else "") + " pixels"
        if self.classes:
            text += f", {len(self.classes)} classes: " + ", ".join(f"{k} {v}" for k, v in self.classes.items())
        return text + "." + (f" Left out: {by_ending(self.skipped)}." if self.skipped else "")


def by_ending(counts):
    """Lists the numbers of files by ending."""
    return ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in sorted(counts.items()))


def own_size(files, path, halved=False):
    """Returns the common size (height, width) of all readable images. With `halved`, the width is halved.

    Raises:
        ValueError: if they have several sizes, which it lists.
    """
    found = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, size in zip(files, pool.map(declared_size, files)):
            if size is not None:
                found.setdefault(size, []).append(file.name)
    if len(found) > 1:
        often = sorted(found.items(), key=lambda item: -len(item[1]))
        listed = "\n".join(
            f"  {width}x{height}: {len(names)}, such as {names[0]}" for (height, width), names in often[:10]
        )
        listed += f"\n  ... and {len(often) - 10} more sizes" if len(often) > 10 else ""
        raise ValueError(
            f"Without `image_size` all images in {str(path)!r} must have the same size. Received (width x height):\n"
            f"{listed}\nRemedy: give `image_size` to resize them (see `resize`)."
        )
    if not found:
        raise ValueError(f"No image in {str(path)!r} can be read, so `image_size` must be given. Received: None")
    ((height, width),) = found
    return height, width // 2 if halved else width


def existing_folder(path):
    path = pathlib.Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"`path` must be an existing folder. Received: {str(path)!r}")
    return path


def image_files(path):
    """Finds all image files below a folder, sorted by name. Hidden files and folders are left out.

    Links are followed, except links to a folder above them. Files without an ending are recognised by their first
    bytes. Other files are counted, and a warning lists their numbers by ending.

    Returns:
        A `Found`.
    """
    files, skipped = [], collections.Counter()
    for entry in sorted(_walk(path, ())):
        ending = entry.suffix.lower()
        if ending in _EXTENSIONS + OTHER_EXTENSIONS or (not ending and _begins_as_image(entry)):
            files.append(entry)
        else:
            skipped[ending] += 1
    counted = f"{sum(skipped.values())} files in {str(path)!r} are left out, as their endings are not those of "
    counted += f"supported images: {by_ending(skipped)}."
    if not files:
        raise ValueError(f"No {READ} image found in {str(path)!r}." + (f" {counted}" if skipped else ""))
    if skipped:
        warnings.warn(counted, stacklevel=3)
    return Found(files, dict(skipped))


def spread(items, num_images):
    """Returns `num_images` items, evenly spaced over the list, or all for None. So all classes keep their share.

    Raises:
        ValueError: if `num_images` is not an integer of at least 1.
    """
    if num_images is None:
        return items
    count = min(positive_int("num_images", num_images), len(items))
    return [items[i * len(items) // count] for i in range(count)]


def in_order(names):
    """Sorts names with numbers in numerical order: frame 9 comes before frame 10."""

    def key(name):
        parts = re.split("([0-9]+)", str(name))
        parts[1::2] = map(int, parts[1::2])
        return parts

    return sorted(names, key=key)


def by_stem(path):
    """Returns the image files below a folder as a dict by name without ending.

    Raises:
        ValueError: if two files have the same name.
    """
    named = {}
    for file in image_files(path):
        stem = file.relative_to(path).with_suffix("").as_posix()
        if stem in named:
            raise ValueError(f"Two files in {str(path)!r} have the name {stem!r}, so its partner is ambiguous.")
        named[stem] = file
    return named


def _walk(folder, above):
    """Yields the files below a folder, and links to nothing, as their loss is an error. Links to one of the folders
    `above` it are skipped.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, (*above, real))
        elif entry.is_file() or not entry.exists():
            yield entry


def _begins_as_image(file):
    try:
        with open(file, "rb") as stream:
            head = stream.read(12)
    except OSError:
        return True  # reading it reports the error
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def _report(problems, path, on_error, remaining):
    """Raises an error or warns about unusable files: `problems` is a list of (name, reason).

    `on_error` is None if the caller cannot leave out files. It also raises.
    """
    if on_error not in (*_ON_ERROR, None):
        raise ValueError(f"`on_error` must be one of {_ON_ERROR}. Received: {on_error!r}")
    if not problems:
        return
    listed = "\n".join(_grouped(problems))
    message = f"{len(problems)} of {len(problems) + remaining} images in {str(path)!r} cannot be used:\n{listed}"
    if on_error != "skip":
        other = ", or pass `on_error='skip'`" if on_error else ""
        raise ValueError(f"{message}\nRemedy: repair or remove them{other}.")
    if not remaining:
        raise ValueError(f"{message}\nNone is left.")
    warnings.warn(f"{message}\nThey are skipped.", stacklevel=4)


def _grouped(problems):
    """Yields a line per file. If more than five files have the same ending, yields their number and the first three."""
    groups = {}
    for name, reason in problems:
        groups.setdefault(pathlib.Path(name).suffix.lower(), []).append(f"{name}: {reason}")
    for ending, lines in groups.items():
        if len(lines) > 5:
            yield f"  {by_ending({ending: len(lines)})}:"
            lines = [*lines[:3], f"... and {len(lines) - 3} more of this ending"]
        yield from (f"  {line}" for line in lines)


def read_all(items, read, path, on_error, keep, limit=math.inf):
    """Reads all items in threads. Returns (indices of the usable items, their arrays).

    The arrays are None without `keep`, or if they take more than `limit` bytes together.

    Args:
        items: List of (name, argument of `read`).
        read: Function that returns an array or a tuple of arrays, or raises `Refused`.
    """
    from PIL import Image

    def attempt(item):
        try:
            result = read(item[1])
            return (result if keep else True), None
        except Refused as refusal:
            return None, str(refusal)

    usable, results, problems, size = [], [], [], 0
    progress = progress_bar(len(items), "image") if len(items) > 5000 else None
    # Decompression-bomb warnings become errors. This is set in the calling thread, as all threads share the filters.
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
    """Reads a file that was usable when the dataset was created."""
    try:
        return read(source)
    except Refused as refusal:
        raise ValueError(f"A file has changed since the dataset was created: {source}: {refusal}") from None


def read_or_next(read, sources, i):
    """Reads a file, or the next usable file if it is broken. Returns its content and its index."""
    for place in (*range(i, len(sources)), *range(i)):
        source = sources[place]
        try:
            return read(source), place
        except Refused as refusal:
            if source not in _told:
                _told.add(source)
                warnings.warn(f"{source} cannot be read and is replaced by the next image: {refusal}", stacklevel=2)
    raise ValueError(f"None of {len(sources)} images can be read.")


def store(items, read, shape, path, on_error, check=None):
    """Reads uint8 arrays of one shape.

    Returns the indices of the usable items, a function `fetch` of an index, and whether it streams. `fetch` returns an
    array and its index. If the data fit in memory, it gathers from memory. Otherwise it reads the files again in every
    epoch, and at first only `check` is called. A file that then turns out to be broken ends the training. With
    `on_error="skip"`, the next file replaces it, with another index, and a warning names it.

    Args:
        items, read, path, on_error: as in `read_all`.
        shape: the shape of the arrays.
        check: as `read`, but reads only the header. Defaults to `read`.
    """
    stream = len(items) * math.prod(shape) > _pipeline.MEMORY_LIMIT
    usable, arrays = read_all(items, (check or read) if stream else read, path, on_error, keep=not stream)
    if not stream:
        stored = _pipeline.on_cpu(np.stack(arrays))
        return usable, (lambda index: (tf.gather(stored, index), index)), False
    sources = [items[i][1] for i in usable]

    def one(i):
        return read_or_next(read, sources, i) if on_error == "skip" else (read_again(read, sources[i]), int(i))

    def fetch(index):
        image, used = tf.numpy_function(one, [index], (tf.uint8, tf.int64), stateful=False)
        return tf.ensure_shape(image, shape), tf.ensure_shape(used, ())

    return usable, fetch, True


def store_fitted(files, path, size, channels, resize, on_error):
    """As `store`, for files resized to `size`. Also returns a dict of the sizes (width, height) of the files."""
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    sizes = {}

    def read(file):
        image = decode(file, channels)
        sizes[file] = image.shape[1::-1]
        return fit(image, size, resize)

    def check(file):
        sizes[file] = read_header(file)[::-1]

    return *store(items, read, (*size, channels), path, on_error, check), sizes


def check_sizes(image_size, channels, resize="crop", batch_size=1):
    """Checks arguments of a reader before it reads. An `image_size` of None means the size of the files."""
    positive_int("batch_size", batch_size)
    if image_size is not None:
        as_size(image_size)
    if resize not in RESIZE:
        raise ValueError(f"`resize` must be one of {RESIZE}. Received: {resize!r}")
    if channels not in (1, 3, 4):
        raise ValueError(
            "`channels` must be 1 (grey), 3 (colour) or 4 (colour and transparency). "
            f"Received: {channels!r}. Remedy: pass images with other channels as arrays to `kerasgan.data.from_arrays`"
        )
