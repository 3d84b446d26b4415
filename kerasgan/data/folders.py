"""Folders of images: single, paired, unpaired, and for super-resolution.

Every file is read before training starts. All unusable files are reported at once.
"""

import collections
import math

import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data import _decoding, _files, _pipeline
from kerasgan.data.resize import bicubic_resize
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
        num_images: Int, the number of files to use, from the first one in the order of paths. Default all.
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
    found = _files.image_files(path)
    files = found[:num_images]
    class_names = None
    if labels:
        loose = [file.name for file in files if file.parent == path]
        if loose:
            raise ValueError(
                f"With `labels=True` every image must be in the sub-folder of its class. {len(loose)} are directly in "
                f"{str(path)!r}: {loose[:5]}"
            )
        classes = [file.relative_to(path).parts[0] for file in files]
        class_names = sorted(set(classes))
    _files.check_sizes(image_size, channels, resize)
    size = as_size(image_size) if image_size is not None else _files.own_size(files, path)
    usable, fetch_image, stream, sizes = _files.store_fitted(files, path, size, channels, resize, on_error)
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
    _files.check_sizes(image_size, channels, resize)
    path = _files.existing_folder(path)
    files = _files.image_files(path)[:num_images]
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
    _files.check_sizes(image_size, channels, resize)
    path_a, path_b = _files.existing_folder(path_a), _files.existing_folder(path_b)
    sides = [_files.by_stem(path) for path in (path_a, path_b)]
    stems = sorted(set(sides[0]) | set(sides[1]))[:num_images]
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
    _files.check_sizes(image_size, channels, resize)
    paths, domains = [_files.existing_folder(path) for path in (path_a, path_b)], []
    files = [_files.image_files(path)[:num_images] for path in paths]
    size = as_size(image_size) if image_size is not None else _files.own_size(files[0] + files[1], path_a)
    for i, path in enumerate(paths):
        usable, fetch, stream, _ = _files.store_fitted(files[i], path, size, channels, resize, on_error)
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
    if whole(scale, least=2) is None:
        raise ValueError(f"`scale` must be an integer of at least 2. Received: {scale!r}")
    size = None if crop is None else as_size(crop, "crop")
    if size and (size[0] % scale or size[1] % scale):
        raise ValueError(f"`crop` must be a multiple of `scale`={scale}, or None for full images. Received: {crop!r}")
    _files.check_sizes(None, channels)
    path = _files.existing_folder(path)
    least = size or (scale, scale)

    def read(file):
        image = _decoding.decode(file, channels)
        height, width = image.shape[:2]
        if height < least[0] or width < least[1]:
            raise _decoding.Refused(f"{width}x{height} pixels are smaller than {least[1]}x{least[0]}")
        return image if crop else image[: height // scale * scale, : width // scale * scale]

    files = _files.image_files(path)[:num_images]
    items = [(file.relative_to(path).as_posix(), file) for file in files]
    usable, images = _files.read_all(items, read, path, on_error, keep=True, limit=_pipeline.MEMORY_LIMIT)
    sources = [files[i] for i in usable]
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

    common = dict(shuffle=shuffle, seed=seed, stream=True)
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
