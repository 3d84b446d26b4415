"""Folders of images: single, paired and unpaired.

Every file is read before training starts. All unusable files are reported at once.
"""

import collections
import math

import numpy as np
import tensorflow as tf

from kerasgan.data import _decoding, _files, _pipeline
from kerasgan.shapes import as_size


def image_folder(
    path,
    image_size,
    channels=3,
    *,
    resize="crop",
    labels=False,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads PNG, JPEG, WebP, GIF (first frame), BMP and TIFF images of a folder and its sub-folders.

    Links are followed. Images of any size and mode are converted: grey, palette, transparent (on white), CMYK and
    16-bit images. EXIF rotation is applied. Every file is read before the first step. Empty, truncated and invalid
    images, and images of excessive size, are reported by name. Files with other endings are counted in a warning. Files
    without an ending are recognised by their first bytes.

    Args:
        path: The folder.
        image_size: Int or (height, width), to which each image is resized, bicubic with antialiasing. None keeps the
            size of the images, which must be the same for all.
        channels: 3 (default), 1, or 4, which keeps transparency.
        resize: How images with another aspect ratio than `image_size` are resized: "crop" (default) cuts off the longer
            side, "pad" adds black bars, "stretch" distorts.
        labels: Bool, default False. With True, each sub-folder is a class. Classes are numbered by their sorted names.
        batch_size: Int, default 64.
        shuffle: Bool, default True: shuffles the whole set in every epoch.
        seed: Int, default 0.
        num_images: Int, the number of files to use, evenly spaced over all in the order of paths, so that classes keep
            their share. Default all.
        drop_remainder: Bool. Defaults to `shuffle`.
        on_error: "raise" (default) or "skip", which leaves out unusable files with a warning.

    Returns:
        A dataset of float32 images in [-1, 1], `(batch, height, width, channels)`, or of `(images, int32 labels)`. With
        labels, `dataset.class_names` lists the names of the classes. `dataset.summary` describes the folder: numbers of
        images, classes and files left out, and sizes. `print` shows it as a sentence.

    Raises:
        ValueError: Unusable files, by name, or a folder without images.

    Example:

    >>> dataset = image_folder("photos", image_size=64)  # doctest: +SKIP
    """
    path = _files.existing_folder(path)
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    return image_dataset(
        path, _files.image_files(path), image_size, channels, resize, labels, num_images, on_error, **options
    )


def image_dataset(
    path, found, image_size, channels=3, resize="crop", labels=False, num_images=None, on_error="raise", **options
):
    """As `image_folder`, for the files `found` below `path`, a `Found`. `options` are those of `make_dataset`."""
    files = _files.spread(found, num_images)
    class_names = None
    if labels:
        loose = [file.name for file in found if file.parent == path]
        if loose:
            raise ValueError(
                f"With `labels=True` every image must be in the sub-folder of its class. {len(loose)} are directly in "
                f"{str(path)!r}: {loose[:5]}"
            )
        classes = [file.relative_to(path).parts[0] for file in files]
        class_names = sorted({file.relative_to(path).parts[0] for file in found})
    _files.check_sizes(image_size, channels, resize, options["batch_size"])
    size = as_size(image_size) if image_size is not None else _files.own_size(files, path)
    usable, fetch_stored, stream, sizes = _files.store_fitted(files, path, size, channels, resize, on_error)
    if labels:
        numbers = _pipeline.on_cpu(np.array([class_names.index(classes[i]) for i in usable], "int32"))

    def fetch(index):
        image, index = fetch_stored(index)
        return (image, tf.gather(numbers, index)) if labels else image

    dataset = _pipeline.make_dataset(len(usable), fetch, stream=stream, **options)
    if class_names:
        dataset.class_names = class_names
    counts = collections.Counter(classes[i] for i in usable) if labels else {}
    skipped = found.skipped | ({"unusable": len(files) - len(usable)} if len(files) > len(usable) else {})
    dataset.summary = _files.Summary(
        len(usable),
        {name: counts[name] for name in class_names or ()},
        min(sizes.values(), key=math.prod),
        max(sizes.values(), key=math.prod),
        skipped,
    )
    return dataset


_DIRECTIONS = ("a_to_b", "b_to_a")


def _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder):
    """Makes a dataset of (source, target) from pairs stored as one image with twice the channels."""
    usable, fetch, stream = stored

    def finish(both):
        a, b = _pipeline.to_float(both[..., :channels]), _pipeline.to_float(both[..., channels:])
        return (a, b) if direction == "a_to_b" else (b, a)

    return _pipeline.make_dataset(
        len(usable),
        lambda index: fetch(index)[0],
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
    resize="crop",
    direction="b_to_a",
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads pairs side by side in one file, A left and B right: the layout of pix2pix (Isola et al. 2017).

    Args:
        path: The folder. Every file is cut into two equal halves.
        image_size: Int or (height, width), to which each half is resized. Default 256, as in the paper. None keeps the
            size of the halves, which must be the same for all.
        channels: 3 (default), 1, or 4, which keeps transparency.
        resize: As in `image_folder`, for each half.
        direction: "b_to_a" (default: the right half is the source) or "a_to_b".
        jitter: Bool, default False. True enlarges by 286/256, crops a random part and mirrors half of the pairs, in
            the same way for both halves (section 6.2 of the paper). For training only.
        batch_size: Int, default 1, as in the paper.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(source, target)`, both float32 in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: Unusable files, by name.

    Example:

    >>> dataset = paired_folder("edges2shoes/train", 256, jitter=True)  # doctest: +SKIP
    """
    _check_direction(direction)
    _files.check_sizes(image_size, channels, resize, batch_size)
    path = _files.existing_folder(path)
    files = _files.spread(_files.image_files(path), num_images)
    size = as_size(image_size) if image_size is not None else _files.own_size(files, path, halved=True)

    def read(file):
        image = _decoding.decode(file, channels)
        height, width = image.shape[:2]
        if width % 2:
            raise _decoding.Refused(f"{width}x{height} pixels are not two images of equal width side by side")
        halves = image[:, : width // 2], image[:, width // 2 :]
        return np.concatenate([_decoding.fit(half, size, resize) for half in halves], axis=-1)

    items = [(file.relative_to(path).as_posix(), file) for file in files]
    stored = _files.store(items, read, (*size, 2 * channels), path, on_error)
    return _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder)


def paired_folders(
    path_a,
    path_b,
    image_size=256,
    channels=3,
    *,
    resize="crop",
    direction="b_to_a",
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads pairs from two folders, matched by file name without ending: `a/001.jpg` belongs to `b/001.png`.

    Args:
        path_a: The folder of domain A.
        path_b: The folder of domain B. Partners must have the same size in pixels.
        image_size, channels, resize, direction, jitter, batch_size: As in `paired_folder`.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(source, target)`, both float32 in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: Missing partners, partners of different sizes and unusable files, by name.

    Example:

    >>> dataset = paired_folders("maps/photos", "maps/drawings", 256)  # doctest: +SKIP
    """
    _check_direction(direction)
    _files.check_sizes(image_size, channels, resize, batch_size)
    path_a, path_b = _files.existing_folder(path_a), _files.existing_folder(path_b)
    sides = [_files.by_stem(path) for path in (path_a, path_b)]
    stems = _files.spread(sorted(set(sides[0]) | set(sides[1])), num_images)
    files = [side[stem] for side in sides for stem in stems if stem in side]
    size = as_size(image_size) if image_size is not None else _files.own_size(files, path_a)

    def read(stem):
        for side, path in zip(sides, (path_a, path_b)):
            if stem not in side:
                raise _decoding.Refused(f"no partner in {str(path)!r}")
        a, b = (_decoding.decode(side[stem], channels) for side in sides)
        if a.shape != b.shape:
            sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (a, b)]
            raise _decoding.Refused(f"the partners have different sizes, {sizes[0]} and {sizes[1]}")
        return np.concatenate([_decoding.fit(image, size, resize) for image in (a, b)], axis=-1)

    items = [((sides[0].get(stem) or sides[1][stem]).name, stem) for stem in stems]
    stored = _files.store(items, read, (*size, 2 * channels), path_a, on_error)
    return _pair_dataset(stored, channels, direction, jitter, batch_size, shuffle, seed, drop_remainder)


def unpaired_folders(
    path_a,
    path_b,
    image_size=256,
    channels=3,
    *,
    resize="crop",
    jitter=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads two unpaired domains: the layout of CycleGAN (Zhu et al. 2017), e.g. folders `trainA` and `trainB`.

    Each domain is shuffled separately. An epoch is as long as the larger domain. The smaller one is repeated.

    Args:
        path_a: The folder of domain A.
        path_b: The folder of domain B.
        image_size: Int or (height, width), default 256, to which each image is resized. None keeps the size of the
            images, which must be the same in both folders.
        channels: 3 (default), 1, or 4, which keeps transparency.
        resize: As in `image_folder`.
        jitter: Bool, default False. True enlarges by 286/256, crops a random part and mirrors half of the images. For
            training only.
        batch_size: Int, default 1, as in the paper.
        shuffle, seed, num_images (of each domain), drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(domain_a, domain_b)`, both float32 in [-1, 1], `(batch, height, width, channels)`.

    Raises:
        ValueError: Unusable files, by name.

    Example:

    >>> dataset = unpaired_folders("shoes2bags/trainA", "shoes2bags/trainB", 128)  # doctest: +SKIP
    """
    _files.check_sizes(image_size, channels, resize, batch_size)
    paths, domains = [_files.existing_folder(path) for path in (path_a, path_b)], []
    files = [_files.spread(_files.image_files(path), num_images) for path in paths]
    size = as_size(image_size) if image_size is not None else _files.own_size(files[0] + files[1], path_a)
    for i, path in enumerate(paths):
        usable, fetch, stream, _ = _files.store_fitted(files[i], path, size, channels, resize, on_error)
        domains.append(
            _pipeline.make_dataset(
                len(usable),
                lambda index, fetch=fetch: fetch(index)[0],
                batch_size=batch_size,
                shuffle=shuffle,
                seed=2 * _pipeline.whole_seed(seed) + i,
                drop_remainder=drop_remainder,
                augment=_pipeline.jitter if jitter else None,
                stream=stream,
            )
        )
    return _pipeline.zip_unpaired(*domains)
