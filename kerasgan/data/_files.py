"""Image files: found, decoded, brought to one shape, and kept in memory or read again."""

import collections
import concurrent.futures
import dataclasses
import math
import os
import pathlib
import re
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import _pipeline
from kerasgan.shapes import as_size

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_READ = "PNG, JPEG, WebP, GIF, BMP or TIFF"
_EXTENSIONS = tuple(".png .apng .jpg .jpeg .jfif .jpe .webp .gif .bmp .dib .tif .tiff".split())
# Pictures that a user would miss if they were passed over in silence.
_OTHER_EXTENSIONS = tuple(".heic .heif .avif .jp2 .ppm .pgm .tga .jxl .psd .svg".split())
# How files of these formats begin; WebP has its size between the two words.
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
# A file of a few bytes can declare any size; nothing that trains a GAN needs more than this.
_MAX_PIXELS = 50_000_000
_STRIP = 1 << 20  # pixels that are brought from one mode to another at a time
_ON_ERROR = ("raise", "skip")
# How an image becomes as oblong as it shall be: its sides are cut off, black bars are added, or it is distorted.
RESIZE = ("crop", "pad", "stretch")


_told = set()  # broken files that a warning has named


class Refused(Exception):
    """Why one file cannot be used."""


class Found(list):
    """The image files below a folder, sorted by name, and in `skipped` how many others there are, by ending."""

    def __init__(self, files, skipped):
        super().__init__(files)
        self.skipped = skipped


@dataclasses.dataclass
class Summary:
    """What was found in a folder; its string is a sentence or two.

    Attributes:
        images: int, how many are used.
        classes: dict of numbers of images by class, in the order of the labels; empty without labels.
        smallest, largest: (width, height) of the files with the fewest and the most pixels, or None where not known.
        skipped: dict of numbers of files that are no images, by ending ("" for none), and of unusable ones under
            "unusable".
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
    """Says how many files of which ending there are."""
    return ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in sorted(counts.items()))


def decode(path, channels=3):
    """Reads one image file as uint8 `(height, width, channels)`; of several frames the first, 16 bits rounded to 8.

    Transparency is kept where there are 4 channels, and shown on white where there are fewer.
    """
    return _read(path, lambda image: _to_bytes(image, channels))


def decode_indices(path):
    """Reads one file whose pixels are numbers, a palette or a grey image, as int32 `(height, width)`."""
    return _read(path, _to_indices)


def _read_header(path):
    """Returns the size (height, width) of an image file, turned as its rotation mark says, by its header alone."""
    return _read(path, lambda image: image.size if _is_turned(image) else image.size[::-1], load=False)


def _is_turned(image):
    """Whether the rotation mark of an image exchanges height and width."""
    if image.format == "PNG" and "exif" not in image.info:
        return False  # to look behind the pixels, Pillow would decode them
    return image.getexif().get(274, 1) >= 5  # the tag of orientation


def _read(path, convert, load=True):
    """Opens an image file and returns what `convert` makes of Pillow's image, or of its header without `load`."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = pathlib.Path(path)
    if path.suffix.lower() in _OTHER_EXTENSIONS:
        raise Refused(f"{path.suffix.lower()} is not read; convert it to PNG, JPEG or WebP")
    try:
        if path.stat().st_size == 0:
            raise Refused("the file is empty")
        with Image.open(path, formats=_FORMATS) as image:
            most = _MAX_PIXELS // (2 if image.format == "WEBP" else 1)  # whose decoder takes twice the memory
            if image.width * image.height > most:
                raise Refused(f"it declares {image.width}x{image.height} pixels, more than {most // 10**6} million")
            if image.mode == "F":
                raise Refused("its pixels are floating-point numbers, whose range is not known")
            if load:
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
            return convert(image)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused(f"not a {_READ} image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"it declares too many pixels ({error})") from None
    except Exception as error:  # Pillow's decoders raise many kinds; each means that this file is unusable
        raise Refused(f"{type(error).__name__}: {error}") from None


def _to_indices(image):
    if image.format in ("JPEG", "WEBP"):
        raise Refused(f"{image.format} changes pixels, which must be exact numbers; a PNG keeps them")
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise Refused(f"its pixels are colours ({image.mode}), not one number each, as in a palette or a grey PNG")
    return np.asarray(image).astype("int32")


def _to_bytes(image, channels):
    """Brings an image to uint8 in strips: in one piece, other modes would take five times the memory."""
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _strip_to_bytes(strip, channels).reshape(-1, image.width, channels)
    return pixels


def _strip_to_bytes(image, channels):
    from PIL import Image

    if image.mode.startswith("I"):
        deep = np.asarray(image).astype("float32")
        image = Image.fromarray(np.rint(np.clip(deep, 0, 65535) / 257).astype(np.uint8))
    if channels == 4:
        return np.asarray(image.convert("RGBA"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB" if channels == 3 else "L"))


def fit(image, size, resize="crop", nearest=False):
    """Brings a uint8 image to `size`, (height, width), by one of `RESIZE`, as `stretch` does; bars are 0."""
    height, width = inside(image.shape[:2], size) if resize == "crop" else image.shape[:2]
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    made = inside(size, image.shape[:2]) if resize == "pad" else tuple(size)
    image = stretch(image[top : top + height, left : left + width], made, nearest)
    if made == tuple(size):
        return image
    before = [(most - side) // 2 for most, side in zip(size, made)]
    after = [most - side - first for most, side, first in zip(size, made, before)]
    return np.pad(image, [*zip(before, after), (0, 0)])


def inside(size, shape):
    """Returns the largest size within `size` that is as oblong as `shape`."""
    height, width = size
    return (
        min(height, max(1, round(width * shape[0] / shape[1]))),
        min(width, max(1, round(height * shape[1] / shape[0]))),
    )


def stretch(image, size, nearest=False):
    """Resizes a uint8 image to `size`, (height, width), bicubic with antialiasing, or by nearest neighbours."""
    from PIL import Image

    if image.shape[:2] == tuple(size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
    sampling = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    resized = picture.resize((size[1], size[0]), sampling)
    return np.asarray(resized).reshape(*size, image.shape[-1])


def own_size(files, path, halved=False):
    """Returns the size (height, width) that all images have which can be read; of halves, half the width.

    Raises:
        ValueError: if they have several; it lists how many have which.
    """
    found = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, size in zip(files, pool.map(_declared_size, files)):
            if size is not None:
                found.setdefault(size, []).append(file.name)
    if len(found) > 1:
        often = sorted(found.items(), key=lambda item: -len(item[1]))
        listed = "\n".join(
            f"  {width}x{height}: {len(names)}, such as {names[0]}" for (height, width), names in often[:10]
        )
        listed += f"\n  ... and {len(often) - 10} more sizes" if len(often) > 10 else ""
        raise ValueError(
            f"Without `image_size` all images in {str(path)!r} must have one size. Received (width x height):\n"
            f"{listed}\nRemedy: give `image_size`, to which they are brought (see `resize`)."
        )
    if not found:
        raise ValueError(f"No image in {str(path)!r} can be read, so `image_size` must be given. Received: None")
    ((height, width),) = found
    return height, width // 2 if halved else width


def _declared_size(file):
    """Returns the size (height, width) that a file declares, or None: whoever decodes it says why."""
    try:
        return _read_header(file)
    except Refused:
        return None


def existing_folder(path):
    path = pathlib.Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"`path` must be an existing folder. Received: {str(path)!r}")
    return path


def image_files(path):
    """Finds all image files below a folder, sorted by name; hidden files and folders are left out.

    Linked files and folders are followed, but not a link to a folder that holds it. Files without an ending are looked
    into. Others are counted, and a warning says how many there are of which ending.

    Returns:
        A `Found`.
    """
    files, skipped = [], collections.Counter()
    for entry in sorted(_walk(path, ())):
        ending = entry.suffix.lower()
        if ending in _EXTENSIONS + _OTHER_EXTENSIONS or (not ending and _begins_as_image(entry)):
            files.append(entry)
        else:
            skipped[ending] += 1
    counted = f"{sum(skipped.values())} files in {str(path)!r} are left out, as their endings are of no image that is "
    counted += f"read: {by_ending(skipped)}."
    if not files:
        raise ValueError(f"No {_READ} image lies in {str(path)!r}." + (f" {counted}" if skipped else ""))
    if skipped:
        warnings.warn(counted, stacklevel=3)
    return Found(files, dict(skipped))


def in_order(names):
    """Sorts names, of which numbers count as numbers: frame 9 comes before frame 10."""
    return sorted(names, key=lambda name: [int(x) if x.isdigit() else x for x in re.split("([0-9]+)", str(name))])


def by_stem(path):
    """Returns the image files below a folder by their names without the ending.

    Raises:
        ValueError: if two have one name.
    """
    named = {}
    for file in image_files(path):
        stem = file.relative_to(path).with_suffix("").as_posix()
        if stem in named:
            raise ValueError(f"Two files in {str(path)!r} have the name {stem!r}, so its partner is not known.")
        named[stem] = file
    return named


def _walk(folder, above):
    """Yields the files below a folder; a link back to one of the folders `above` it is passed over."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, (*above, real))
        elif entry.is_file():
            yield entry


def _begins_as_image(file):
    try:
        with open(file, "rb") as stream:
            head = stream.read(12)
    except OSError:
        return True  # it is named when it is read
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def _report(problems, path, on_error, remaining):
    """Raises, or warns, about unusable files: `problems` is a list of (name, reason).

    An `on_error` of None raises, too, where the caller can leave out none.
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
    """Yields a line a file, and where more than five have one ending their number besides, and the first three."""
    groups = {}
    for name, reason in problems:
        groups.setdefault(pathlib.Path(name).suffix.lower(), []).append(f"{name}: {reason}")
    for ending, lines in groups.items():
        if len(lines) > 5:
            yield f"  {by_ending({ending: len(lines)})}:"
            lines = [*lines[:3], f"... and {len(lines) - 3} more of this ending"]
        yield from (f"  {line}" for line in lines)


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


def read_or_next(read, sources, i):
    """Reads a file, or the next one that is not broken."""
    for offset in range(len(sources)):
        source = sources[(i + offset) % len(sources)]
        try:
            return read(source)
        except Refused as refusal:
            if source not in _told:
                _told.add(source)
                warnings.warn(f"{source} cannot be read, and the next image takes its place: {refusal}", stacklevel=2)
    raise ValueError(f"None of {len(sources)} images can be read.")


def store(items, read, shape, path, on_error, check=None):
    """Reads uint8 arrays of one shape; returns the usable items' indices, `fetch` by index, and whether it streams.

    `fetch` gathers from memory, or reads the files again every epoch when all of them together are too large. Of these
    only the headers are read at first, where `check` reads them. A file that then turns out to be broken ends the
    training; with `on_error="skip"` the next one takes its place, and a warning names it.

    Args:
        items, read, path, on_error: as of `read_all`.
        shape: of the arrays.
        check: as `read`, but of headers alone. Defaults to `read`.
    """
    stream = len(items) * math.prod(shape) > _pipeline.MEMORY_LIMIT
    usable, arrays = read_all(items, (check or read) if stream else read, path, on_error, keep=not stream)
    if not stream:
        stored = _pipeline.on_cpu(np.stack(arrays))
        return usable, (lambda index: tf.gather(stored, index)), False
    sources = [items[i][1] for i in usable]

    def one(i):
        return read_or_next(read, sources, i) if on_error == "skip" else read_again(read, sources[i])

    def fetch(index):
        image = tf.numpy_function(one, [index], tf.uint8, stateful=False)
        return tf.ensure_shape(image, shape)

    return usable, fetch, True


def store_fitted(files, path, size, channels, resize, on_error):
    """As `store`, of files brought to `size`, and a dict of the sizes (width, height) of the files in it."""
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    sizes = {}

    def read(file):
        image = decode(file, channels)
        sizes[file] = image.shape[1::-1]
        return fit(image, size, resize)

    def check(file):
        sizes[file] = _read_header(file)[::-1]

    return *store(items, read, (*size, channels), path, on_error, check), sizes


def check_sizes(image_size, channels, resize="crop"):
    """Checks how images are to come; an `image_size` of None stands for their own."""
    if image_size is not None:
        as_size(image_size)
    if resize not in RESIZE:
        raise ValueError(f"`resize` must be one of {RESIZE}. Received: {resize!r}")
    if channels not in (1, 3, 4):
        raise ValueError(
            "`channels` must be 1 (grey), 3 (colour) or 4 (colour and transparency): files hold no other images. "
            f"Received: {channels!r}. Remedy: images of other channels as arrays, `kerasgan.data.from_arrays`"
        )
