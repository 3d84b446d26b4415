"""Folders of images: single, paired, unpaired, for super-resolution, and with captions.

Every file is read before training begins; whatever cannot be used is named then, all of it at once.
"""

import concurrent.futures
import csv
import json
import math
import os
import pathlib
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import _pipeline
from kerasgan.data.resize import bicubic_resize

_FORMATS = ("PNG", "JPEG", "WEBP")
_EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp")
# Pictures that a user would miss if they were passed over in silence.
_OTHER_EXTENSIONS = (".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".ppm", ".pgm", ".tga")
# A file of a few bytes can declare any size; nothing that trains a GAN needs more than this.
_MAX_PIXELS = 80_000_000
_ON_ERROR = ("raise", "skip")


class _Refused(Exception):
    """Why one file cannot be used."""


def _decode(path, channels=3):
    """Reads one image file as uint8 `(height, width, channels)`: transparency on white, 16 bits rounded to 8."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = pathlib.Path(path)
    if path.suffix.lower() in _OTHER_EXTENSIONS:
        raise _Refused(f"{path.suffix} is not read; convert it to PNG, JPEG or WebP")
    try:
        if path.stat().st_size == 0:
            raise _Refused("the file is empty")
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise _Refused(
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
    except _Refused:
        raise
    except UnidentifiedImageError:
        raise _Refused("not a PNG, JPEG or WebP image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Refused(f"it declares too many pixels ({error})") from None
    except Exception as error:  # Pillow's decoders raise many kinds; each means that this file is unusable
        raise _Refused(f"{type(error).__name__}: {error}") from None


def _square(image, image_size):
    """Crops the centre square of a uint8 image and resizes it, bicubic with antialiasing."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return _stretch(image[top : top + side, left : left + side], image_size)


def _stretch(image, image_size):
    """Resizes a uint8 image to a square, bicubic with antialiasing."""
    from PIL import Image

    if image.shape[:2] == (image_size, image_size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
    resized = picture.resize((image_size, image_size), Image.Resampling.BICUBIC)
    return np.asarray(resized).reshape(image_size, image_size, image.shape[-1])


def _folder(path):
    path = pathlib.Path(path).expanduser()
    if not path.is_dir():
        raise ValueError(f"`path` must be an existing folder. Received: {str(path)!r}")
    return path


def _find(path):
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


def _read_all(items, read, path, on_error, keep, limit=math.inf):
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
        except _Refused as refusal:
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


def _again(read, source):
    """Reads a file that was usable when the dataset was made."""
    try:
        return read(source)
    except _Refused as refusal:
        raise ValueError(f"The data have changed while they were in use: {source} cannot be read: {refusal}") from None


def _store(items, read, shape, path, on_error):
    """Reads uint8 arrays of one shape; returns the usable items' indices, `fetch` by index, and whether it streams.

    `fetch` gathers from memory, or reads the files again every epoch when all of them together are too large.
    """
    stream = len(items) * math.prod(shape) > _pipeline.MEMORY_LIMIT
    usable, arrays = _read_all(items, read, path, on_error, keep=not stream)
    if not stream:
        stored = _pipeline.on_cpu(np.stack(arrays))
        return usable, (lambda index: tf.gather(stored, index)), False
    sources = [items[i][1] for i in usable]

    def fetch(index):
        image = tf.numpy_function(lambda i: _again(read, sources[i]), [index], tf.uint8, stateful=False)
        return tf.ensure_shape(image, shape)

    return usable, fetch, True


def _store_squares(files, path, image_size, channels, on_error):
    _check_sizes(image_size, channels)
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    read = lambda file: _square(_decode(file, channels), image_size)  # noqa: E731
    return _store(items, read, (image_size, image_size, channels), path, on_error)


def _check_sizes(image_size, channels):
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < 1:
        raise ValueError(f"`image_size` must be a positive integer. Received: {image_size!r}")
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")


def image_folder(
    path,
    image_size,
    channels=3,
    *,
    labels=False,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """PNG, JPEG and WebP images of a folder and its sub-folders.

    Images of any size, grey, palette, transparent (shown on white), CMYK and 16-bit ones are converted; the camera's
    rotation mark is obeyed. Every file is read before the first step: empty, truncated and foreign ones, and those
    that declare absurd sizes, are listed by name.

    Args:
        path: The folder.
        image_size: Int; the centre square of each image is resized to this side, bicubic with antialiasing.
        channels: 3 (default) or 1.
        labels: Bool, default False; True: each sub-folder is a class, numbered by the sorted names.
        batch_size: Int, default 64.
        shuffle: Bool, default True: the whole set, in a new order every epoch.
        seed: Int, default 0.
        num_images: Int, how many of the first files (sorted by path) to use; default all.
        drop_remainder: Bool; default as `shuffle`.
        on_error: "raise" (default) or "skip", which warns with a count and leaves unusable files out.

    Returns:
        A dataset of float32 images in [-1, 1], `(batch, image_size, image_size, channels)`, or of `(images, int32
        labels)`; with labels, `dataset.class_names` holds the names of the classes.

    Raises:
        ValueError: Unusable files, by name, or a folder without images.

    Example:

    >>> dataset = image_folder("photos", image_size=64)  # doctest: +SKIP
    """
    path = _folder(path)
    files = _find(path)[:num_images]
    class_names = None
    if labels:
        loose = [file.name for file in files if file.parent == path]
        if loose:
            raise ValueError(
                f"With `labels=True` every image must lie in the sub-folder of its class. {len(loose)} lie directly in "
                f"{str(path)!r}: {loose[:5]}"
            )
        classes = [file.relative_to(path).parts[0] for file in files]
        class_names = sorted(set(classes))
    usable, fetch_image, stream = _store_squares(files, path, image_size, channels, on_error)
    if labels:
        numbers = _pipeline.on_cpu(np.array([class_names.index(classes[i]) for i in usable], "int32"))
        fetch = lambda index: (fetch_image(index), tf.gather(numbers, index))  # noqa: E731
    else:
        fetch = fetch_image
    dataset = _pipeline.make_dataset(
        len(usable),
        fetch,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        stream=stream,
    )
    if class_names:
        dataset.class_names = class_names
    return dataset


_DIRECTIONS = ("a_to_b", "b_to_a")


def _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder):
    """Pairs that are stored as one image of twice the channels -> (source, target)."""
    usable, fetch, stream = stored

    def finish(both):
        a, b = _pipeline.to_float(both[..., :channels]), _pipeline.to_float(both[..., channels:])
        return (a, b) if direction == "a_to_b" else (b, a)

    return _pipeline.make_dataset(
        len(usable),
        fetch,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        augment=_pipeline.jitter if jitter else None,
        finish=finish,
        stream=stream,
    )


def _check_direction(direction):
    if direction not in _DIRECTIONS:
        raise ValueError(f"`direction` must be one of {_DIRECTIONS}. Received: {direction!r}")


def paired_folder(
    path,
    image_size=256,
    channels=3,
    *,
    direction="b_to_a",
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Pairs that lie side by side in one file, A left and B right: the layout of pix2pix (Isola et al. 2017).

    Args:
        path: The folder. Every file must be exactly twice as wide as high.
        image_size: Int, default 256, the paper's; each half is resized to this side.
        channels: 3 (default) or 1.
        direction: "b_to_a" (default: the right half is the source) or "a_to_b".
        jitter: Bool, default False; True enlarges by 286/256, crops a random part and mirrors half of the pairs, both
            halves alike, anew every epoch (section 6.2 of the paper). For training only.
        batch_size: Int, default 1, the paper's.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(source, target)`, both float32 in [-1, 1], `(batch, image_size, image_size, channels)`.

    Raises:
        ValueError: Unusable files, by name.

    Example:

    >>> dataset = paired_folder("edges2shoes/train", 256, jitter=True)  # doctest: +SKIP
    """
    _check_direction(direction)
    _check_sizes(image_size, channels)
    path = _folder(path)

    def read(file):
        image = _decode(file, channels)
        height, width = image.shape[:2]
        if width != 2 * height:
            raise _Refused(f"{width}x{height} pixels are not two squares side by side")
        halves = [_stretch(half, image_size) for half in (image[:, :height], image[:, height:])]
        return np.concatenate(halves, axis=-1)

    items = [(file.relative_to(path).as_posix(), file) for file in _find(path)[:num_images]]
    stored = _store(items, read, (image_size, image_size, 2 * channels), path, on_error)
    return _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder)


def paired_folders(
    path_a,
    path_b,
    image_size=256,
    channels=3,
    *,
    direction="b_to_a",
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Pairs in two folders, matched by file name (the ending may differ: `a/001.jpg` goes with `b/001.png`).

    Args:
        path_a: The folder of domain A.
        path_b: The folder of domain B. Partners must have the same size in pixels.
        image_size, channels, direction, jitter, batch_size: As in `paired_folder`.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(source, target)`, both float32 in [-1, 1], `(batch, image_size, image_size, channels)`.

    Raises:
        ValueError: Missing partners, partners of different sizes and unusable files, by name.

    Example:

    >>> dataset = paired_folders("maps/photos", "maps/drawings", 256)  # doctest: +SKIP
    """
    _check_direction(direction)
    _check_sizes(image_size, channels)
    path_a, path_b = _folder(path_a), _folder(path_b)
    sides = []
    for path in (path_a, path_b):
        named = {}
        for file in _find(path):
            stem = file.relative_to(path).with_suffix("").as_posix()
            if stem in named:
                raise ValueError(f"Two files in {str(path)!r} have the name {stem!r}, so its partner is not known.")
            named[stem] = file
        sides.append(named)
    stems = sorted(set(sides[0]) | set(sides[1]))[:num_images]

    def read(stem):
        for side, path in zip(sides, (path_a, path_b)):
            if stem not in side:
                raise _Refused(f"no partner in {str(path)!r}")
        a, b = (_decode(side[stem], channels) for side in sides)
        if a.shape != b.shape:
            sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (a, b)]
            raise _Refused(f"the partners have different sizes, {sizes[0]} and {sizes[1]}")
        return np.concatenate([_square(a, image_size), _square(b, image_size)], axis=-1)

    items = [((sides[0].get(stem) or sides[1][stem]).name, stem) for stem in stems]
    stored = _store(items, read, (image_size, image_size, 2 * channels), path_a, on_error)
    return _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder)


def unpaired_folders(
    path_a,
    path_b,
    image_size=256,
    channels=3,
    *,
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Two domains without partners: the layout of CycleGAN (Zhu et al. 2017), e.g. folders `trainA` and `trainB`.

    Each domain is shuffled on its own. An epoch is as long as the larger domain; the smaller one starts again.

    Args:
        path_a: The folder of domain A.
        path_b: The folder of domain B.
        image_size: Int, default 256; the centre square of each image is resized to this side.
        channels: 3 (default) or 1.
        jitter: Bool, default False; True enlarges by 286/256, crops a random part and mirrors half of the images, anew
            every epoch. For training only.
        batch_size: Int, default 1, the paper's.
        shuffle, seed, num_images (of each domain), drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(domain_a, domain_b)`, both float32 in [-1, 1], `(batch, image_size, image_size, channels)`.

    Raises:
        ValueError: Unusable files, by name.

    Example:

    >>> dataset = unpaired_folders("shoes2bags/trainA", "shoes2bags/trainB", 128)  # doctest: +SKIP
    """
    domains = []
    for i, path in enumerate((path_a, path_b)):
        path = _folder(path)
        usable, fetch, stream = _store_squares(_find(path)[:num_images], path, image_size, channels, on_error)
        domains.append(
            _pipeline.make_dataset(
                len(usable),
                fetch,
                batch_size=batch_size,
                shuffle=shuffle,
                seed=2 * seed + i,
                drop_remainder=drop_remainder,
                augment=_pipeline.jitter if jitter else None,
                stream=stream,
            )
        )
    return _pipeline.zip_unpaired(*domains)


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
    """Images and their copies shrunk by `scale`, bicubic with antialiasing as MATLAB's imresize (see `bicubic_resize`).

    Ledig et al. 2017, section 3.2: random 96x96 parts of the images for training. For evaluation `crop=None` gives
    the full images, cut to a multiple of `scale` as the literature does.

    Args:
        path: The folder.
        scale: Int, default 4, the paper's.
        crop: Int, default 96, the paper's: the side of the large part, a multiple of `scale`. `None`: full images, one
            a batch (their sizes differ).
        channels: 3 (default) or 1.
        batch_size: Int, default 16, the paper's. Not used when `crop` is None.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(low, high)`, float32 in [-1, 1]: `(batch, crop / scale, crop / scale, channels)` and
        `(batch, crop, crop, channels)`.

    Raises:
        ValueError: Unusable files and, by name, images smaller than `crop`.

    Example:

    >>> training = super_resolution("photos", scale=4, crop=96)  # doctest: +SKIP
    >>> evaluation = super_resolution("Set5", scale=4, crop=None, shuffle=False)  # doctest: +SKIP
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 2:
        raise ValueError(f"`scale` must be an integer of at least 2. Received: {scale!r}")
    if crop is not None and (not isinstance(crop, int) or crop < scale or crop % scale):
        raise ValueError(f"`crop` must be a multiple of `scale`={scale}, or None for full images. Received: {crop!r}")
    _check_sizes(crop or 1, channels)
    path = _folder(path)
    least = crop or scale

    def read(file):
        image = _decode(file, channels)
        height, width = image.shape[:2]
        if min(height, width) < least:
            raise _Refused(f"{width}x{height} pixels are smaller than {least}x{least}")
        return image if crop else image[: height // scale * scale, : width // scale * scale]

    files = _find(path)[:num_images]
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    usable, images = _read_all(items, read, path, on_error, keep=True, limit=_pipeline.MEMORY_LIMIT)
    sources = [files[i] for i in usable]
    if images is None:

        def fetch(index):
            image = tf.numpy_function(lambda i: _again(read, sources[i]), [index], tf.uint8, stateful=False)
            return tf.ensure_shape(image, (None, None, channels))

    else:
        # Images of different sizes lie behind one another in one vector.
        shapes = _pipeline.on_cpu(np.array([image.shape for image in images], "int64"))
        ends = np.cumsum([image.size for image in images])
        starts = _pipeline.on_cpu(np.concatenate([[0], ends]).astype("int64"))
        pixels = _pipeline.on_cpu(np.concatenate([image.ravel() for image in images]))

        def fetch(index):
            image = tf.reshape(pixels[starts[index] : starts[index + 1]], shapes[index])
            return tf.ensure_shape(image, (None, None, channels))

    common = dict(shuffle=shuffle, seed=seed, stream=True)
    if crop:

        def augment(image, draw):
            return tf.ensure_shape(_pipeline.crop_pair(image, draw, crop), (crop, crop, channels))

        return _pipeline.make_dataset(
            len(usable),
            fetch,
            batch_size=batch_size,
            drop_remainder=drop_remainder,
            augment=augment,
            finish=lambda high: _pipeline.low_and_high(high, crop, scale),
            **common,
        )

    def shrink(high):
        low = tf.numpy_function(lambda image: bicubic_resize(image, 1 / scale), [high], tf.uint8, stateful=False)
        low = tf.ensure_shape(low, (1, None, None, channels))
        return _pipeline.to_float(low), _pipeline.to_float(high)

    return _pipeline.make_dataset(len(usable), fetch, batch_size=1, finish=shrink, **common)


def _records(path):
    """The rows of `metadata.jsonl` or `metadata.csv` as dicts that hold at least `file_name`."""
    file = next((path / name for name in ("metadata.jsonl", "metadata.csv") if (path / name).is_file()), None)
    if file is None:
        raise ValueError(f"{str(path)!r} must hold a metadata.jsonl or metadata.csv with a `file_name` in every row.")
    with open(file, encoding="utf-8-sig", newline="") as stream:
        if file.suffix == ".csv":
            rows = list(csv.DictReader(stream))
        else:
            rows = []
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise ValueError(f"{file.name}, line {number}, is not JSON: {error}") from None
    for number, row in enumerate(rows, 1):
        name = row.get("file_name") if isinstance(row, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f"{file.name}, row {number}, has no `file_name`. Received: {row!r}")
        if not (path / name).resolve().is_relative_to(path.resolve()):
            raise ValueError(f"{file.name}, row {number}, points outside of the folder: {name!r}")
    if not rows:
        raise ValueError(f"{file.name} in {str(path)!r} has no rows.")
    return rows


def _captions(path, rows):
    """All captions, and for every row the indices of its own: given in the row, or by its class."""
    captions, own = [], []
    by_class = path / "class_captions.json"
    if by_class.is_file() and not any("caption" in row or "captions" in row for row in rows):
        places = {}
        for name, sentences in json.loads(by_class.read_text(encoding="utf-8")).items():
            places[name] = list(range(len(captions), len(captions) + len(sentences)))
            captions.extend(sentences)
        for row in rows:
            own.append(places.get(row.get("name"), []))
    else:
        for row in rows:
            texts = row.get("captions", row.get("caption"))
            texts = [texts] if isinstance(texts, str) else texts or []
            own.append(list(range(len(captions), len(captions) + len(texts))))
            captions.extend(texts)
    bare = [row["file_name"] for row, indices in zip(rows, own) if not indices]
    if bare:
        raise ValueError(
            f"{len(bare)} images in {str(path)!r} have no caption (`caption`, `captions`, or a `name` that "
            f"class_captions.json knows): {bare[:5]}"
        )
    if not all(isinstance(text, str) and text.strip() for text in captions):
        raise ValueError(f"Some captions in {str(path)!r} are empty or not strings.")
    return captions, own


def _stored_embeddings(path, embeddings, captions):
    """Rows of an .npz file in the order of the captions; other kinds of embeddings as they are."""
    if embeddings is None:
        found = sorted(path.glob("*.npz"))
        if len(found) != 1:
            return None
        embeddings = found[0]
    if not isinstance(embeddings, str | os.PathLike):
        return embeddings
    with np.load(embeddings, allow_pickle=False) as arrays:
        if "embeddings" not in arrays:
            raise ValueError(f"{str(embeddings)!r} must hold an array `embeddings`. It holds: {list(arrays)}")
        vectors = arrays["embeddings"]
        if "class_index" in arrays and "class_names" in arrays:
            # Rows are grouped by classes of their own order; bring them into that of class_captions.json.
            names, numbers = arrays["class_names"].tolist(), arrays["class_index"]
            order = json.loads((path / "class_captions.json").read_text(encoding="utf-8"))
            rows = [np.flatnonzero(numbers == names.index(name)) for name in order if name in names]
            if [len(r) for r in rows] != [len(sentences) for sentences in order.values()]:
                raise ValueError(f"{str(embeddings)!r} does not have a row for each sentence of class_captions.json.")
            vectors = vectors[np.concatenate(rows)]
    return vectors.astype("float32")


def captioned_folder(
    path,
    image_size=64,
    channels=3,
    *,
    embeddings=None,
    text=None,
    labels=False,
    split=None,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Images with captions: the imagefolder convention, `metadata.jsonl` (or `.csv`) beside the images.

    Every row has `file_name` and `caption` (a string) or `captions` (a list). Where rows have a `name` (the class)
    instead, `class_captions.json` gives each class its list of sentences. An image with several captions shows one of
    them, drawn anew every epoch.

    Args:
        path: The folder.
        image_size: Int, default 64, as in Reed et al. 2016.
        channels: 3 (default) or 1.
        embeddings: What turns captions into vectors: an array with a row for each caption in reading order, an `.npz`
            file with an array `embeddings`, or a callable from a list of strings to such an array. Default: the only
            `.npz` file of the folder, if there is one.
        text: "embeddings", "strings" or "both"; default: embeddings where there are any, else strings.
        labels: Bool, default False; True adds the rows' `label` as int32, last.
        split: String or None (all rows): use the rows whose `split` is this.
        batch_size: Int, default 64.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(images, text_embeddings)`: float32 in [-1, 1] `(batch, image_size, image_size, channels)` and
        float32 `(batch, dim)`; with `text="strings"` strings `(batch,)` in the place of the vectors, with
        `text="both"` after them.

    Raises:
        ValueError: Unusable or missing files by name, rows without a caption, vectors that do not match the captions.

    Example:

    >>> dataset = captioned_folder("flowers102", 64, split="train", text="both")  # doctest: +SKIP
    """
    _check_sizes(image_size, channels)
    path = _folder(path)
    rows = _records(path)
    captions, own = _captions(path, rows)
    text, strings, vectors = _pipeline.text_tables(captions, _stored_embeddings(path, embeddings, captions), text)
    chosen = range(len(rows))
    if split is not None:
        chosen = [i for i in chosen if rows[i].get("split") == split]
        if not chosen:
            known = sorted({str(row.get("split")) for row in rows})
            raise ValueError(f"`split` must be one of {known}. Received: {split!r}")
    chosen = list(chosen)[:num_images]
    if labels:
        missing = [rows[i]["file_name"] for i in chosen if not str(rows[i].get("label", "")).isdigit()]
        if missing:
            raise ValueError(f"`labels=True` needs an integer `label` in every row. It lacks in: {missing[:5]}")

    def read(name):
        if not (path / name).is_file():
            raise _Refused("the file is missing")
        return _square(_decode(path / name, channels), image_size)

    items = [(rows[i]["file_name"],) * 2 for i in chosen]
    usable, fetch_image, stream = _store(items, read, (image_size, image_size, channels), path, on_error)
    chosen = [chosen[i] for i in usable]
    flat = _pipeline.on_cpu(np.concatenate([own[i] for i in chosen]).astype("int64"))
    counts = np.array([len(own[i]) for i in chosen], "int64")
    first = _pipeline.on_cpu(np.cumsum(counts) - counts)
    counts = _pipeline.on_cpu(counts)
    numbers = _pipeline.on_cpu(np.array([int(rows[i]["label"]) for i in chosen], "int32")) if labels else None

    def draw_caption(element, draw):
        image, index = element
        pick = tf.random.stateless_uniform((), draw, maxval=counts[index], dtype=tf.int64)
        others = () if numbers is None else (numbers[index],)
        return (image, flat[first[index] + pick], *others)

    return _pipeline.make_dataset(
        len(chosen),
        lambda index: (fetch_image(index), index),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        augment=draw_caption,
        finish=lambda *batch: _pipeline.text_elements(batch, strings, vectors, text),
        stream=stream,
    )
