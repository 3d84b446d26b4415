"""Folders of photos with label maps and optional instance maps."""

import json
import pathlib

import numpy as np
import tensorflow as tf

from kerasgan.arguments import whole
from kerasgan.data import _decoding, _files, _pipeline
from kerasgan.shapes import as_size

CLASSES = "classes.json"
PARTS = ("images", "labels", "instances")  # the sub-folders; the last one is optional


def label_folder(
    path,
    image_size=256,
    channels=3,
    *,
    num_classes=None,
    instances=None,
    resize="crop",
    mirror=False,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads photos and label maps from the sub-folders `images` and `labels`, for `kerasgan.Pix2PixHD`.

    Photos and maps are matched by file name. A label map is a palette or grey PNG with class numbers as pixels. The
    optional sub-folder `instances` holds maps with a different number for each object. A file `classes.json` in the
    folder or above it names the classes: {"names": ["Sky", "Building", ...]}.

    Args:
        path: The folder.
        image_size: Int or (height, width), default 256, to which photos and maps are resized, maps by nearest
            neighbours. None keeps the size of the files, which must be the same for all.
        channels: 3 (default) or 1, the channels of the photos.
        num_classes: Int. Default: the number of names in `classes.json`, or 1 + the highest label without this file.
        instances: Bool, whether to read instance maps. Default: whether there is a sub-folder `instances`.
        resize: "crop" (default) or "stretch", as in `image_folder`.
        mirror: Bool, default False. True mirrors half of the images. For training only.
        batch_size: Int, default 1, as in pix2pixHD.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `((labels, instances), images)`, or `(labels, images)` without instances. Both maps are int32
        `(batch, height, width)`, images are float32 in [-1, 1]. Instances are renumbered from 0 in each image.
        `dataset.num_classes` is the number of classes, `dataset.class_names` is the list of their names, or None.

    Raises:
        ValueError: Label maps with unknown classes, photos or maps without a partner or of another size, and unusable
            files, by name.

    Example:

    >>> dataset = label_folder("camvid/train", (192, 256))  # doctest: +SKIP
    """
    path = _files.existing_folder(path)
    _files.check_sizes(image_size, channels, resize, batch_size)
    if resize == "pad":
        raise ValueError("`resize` must be 'crop' or 'stretch', as black bars have no class. Received: 'pad'")
    instances = (path / PARTS[2]).is_dir() if instances is None else bool(instances)
    parts = PARTS if instances else PARTS[:2]
    sides = [_files.by_stem(_files.existing_folder(path / part)) for part in parts]
    stems = _files.spread(sorted(set().union(*sides)), num_images)
    names = _class_names(path)
    if num_classes is not None and not 1 <= (whole(num_classes) or 0) <= 256:
        raise ValueError(f"`num_classes` must be an int from 1 to 256. Received: {num_classes!r}")
    num_classes = len(names) if num_classes is None and names else num_classes
    size = as_size(image_size) if image_size is not None else _files.own_size(list(sides[0].values()), path)
    highest = [0]

    def read(stem):
        photo, labels, numbers = _maps_of(stem, sides, parts, channels, num_classes or 256)
        highest[0] = max(highest[0], int(labels.max()))
        packed = [labels] if numbers is None else [labels, numbers % 256, numbers // 256]
        packed = [_decoding.fit(each.astype("uint8")[..., None], size, resize, nearest=True) for each in packed]
        return np.concatenate([_decoding.fit(photo, size, resize), *packed], axis=-1)

    items = [(next(side[stem] for side in sides if stem in side).relative_to(path).as_posix(), stem) for stem in stems]
    depth = channels + 1 + 2 * instances
    usable, fetch, stream = _files.store(items, read, (*size, depth), path, on_error)
    dataset = _pipeline.make_dataset(
        len(usable),
        lambda index: fetch(index)[0],
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        augment=_mirror if mirror else None,
        finish=lambda stored: _unpack(stored, channels),
        stream=stream,
    )
    dataset.num_classes, dataset.class_names = num_classes or 1 + highest[0], names
    return dataset


def _class_names(path):
    """Returns the names in `classes.json` of the folder or of its parent, or None without such a file."""
    file = next((place / CLASSES for place in (path, path.resolve().parent) if (place / CLASSES).is_file()), None)
    if file is None:
        return None
    try:
        names = json.loads(file.read_text("utf-8"))["names"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{file} must be {{"names": [...]}}. Received: {type(error).__name__}') from None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{file} must be {{"names": [...]}}, of strings. Received: {type(names).__name__}')
    return names


def _maps_of(stem, sides, parts, channels, num_classes):
    """Reads a photo, its labels, and its instances (numbered from 0, or None)."""
    for side, part in zip(sides, parts):
        if stem not in side:
            raise _decoding.Refused(f"no partner in {part!r}")
    photo = _decoding.decode(sides[0][stem], channels)
    labels, *instances = (_decoding.decode_indices(side[stem]) for side in sides[1:])
    for part, found in zip(parts[1:], (labels, *instances)):
        if found.shape != photo.shape[:2]:
            pixels = [f"{shape[1]}x{shape[0]}" for shape in (photo.shape, found.shape)]
            raise _decoding.Refused(f"the photo has {pixels[0]} pixels, but its map in {part!r} has {pixels[1]}")
    _refuse_unknown(labels, num_classes)
    if not instances:
        return photo, labels, None
    numbers = np.unique(instances[0], return_inverse=True)[1].reshape(labels.shape)
    if numbers.max() >= 2**16:
        raise _decoding.Refused(f"there are {numbers.max() + 1} instances, more than {2**16}")
    return photo, labels, numbers


def _refuse_unknown(labels, num_classes):
    wrong = np.unique(labels[(labels < 0) | (labels >= num_classes)])
    if wrong.size:
        raise _decoding.Refused(
            f"labels {wrong[:5].tolist()} are not in the range of the {num_classes} classes, 0 to {num_classes - 1}"
        )


def read_label_maps(paths, num_classes=None):
    """Reads label maps or instance maps as arrays.

    Args:
        paths: a path or a list of paths of PNG files, grey or with a palette, or of folders. Files of a folder are read
            in the order of their names, with numbers in numerical order.
        num_classes: int, the number of classes. Defaults to None, which allows any numbers, as in instance maps.

    Returns:
        list of pairs (path of the file, int32 array (height, width)).

    Raises:
        ValueError: if a file cannot be read, or a label is out of range. The message names the file.

    Example:

    >>> from PIL import Image
    >>> Image.fromarray(np.array([[0, 2], [1, 0]], "uint8")).save("map.png")
    >>> [(path.name, labels.tolist()) for path, labels in read_label_maps("map.png", num_classes=3)]
    [('map.png', [[0, 2], [1, 0]])]
    """
    found = []
    for path in map(pathlib.Path, paths if isinstance(paths, list | tuple) else [paths]):
        for file in _files.in_order(_files.image_files(path)) if path.is_dir() else [path]:
            try:
                labels = _decoding.decode_indices(file)
                if num_classes is not None:
                    _refuse_unknown(labels, num_classes)
            except _decoding.Refused as refusal:
                raise ValueError(f"{file} cannot be read as a label map: {refusal}") from None
            found.append((file, labels.astype("int32")))
    return found


def _mirror(stored, draw):
    return tf.where(tf.random.stateless_uniform((), draw) < 0.5, stored[:, ::-1], stored)


def _unpack(stored, channels):
    """Converts a batch of packed arrays to the elements of the dataset."""
    images, maps = _pipeline.to_float(stored[..., :channels]), tf.cast(stored[..., channels:], tf.int32)
    if maps.shape[-1] == 1:
        return maps[..., 0], images
    return (maps[..., 0], maps[..., 1] + 256 * maps[..., 2]), images
