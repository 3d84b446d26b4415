"""Image sets of tensorflow-datasets: found on disk or downloaded, decoded once, or streamed if they are large."""

import math
import os
import pathlib
import threading
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf

from kerasgan.arguments import did_you_mean
from kerasgan.data import _files, _pipeline
from kerasgan.shapes import as_size

_PROBE = "https://storage.googleapis.com"  # where tensorflow-datasets keeps its metadata
_PROBE_SECONDS = 5.0


def _data_dir():
    return os.path.expanduser(os.environ.get("TFDS_DATA_DIR") or os.path.join("~", "tensorflow_datasets"))


def _prepared_folder(name, data_dir):
    """Returns the folder of a prepared set, `data_dir/name[/config]/version`, or None."""
    name, _, version = name.partition(":")
    root = pathlib.Path(data_dir, name)
    found = [entry.parent for pattern in ("*", "*/*") for entry in root.glob(f"{pattern}/dataset_info.json")]
    if version:
        found = [folder for folder in found if folder.name == version]
    configs = sorted({folder.parent.name for folder in found if folder.parent != root})
    if len(configs) > 1:
        raise ValueError(f"{name!r} has several prepared configs: {configs}. Remedy: name one, {name}/{configs[0]!s}.")

    def order(folder):
        return [int(part) if part.isdecimal() else -1 for part in folder.name.split(".")]

    return max(found, key=order, default=None)


def _reachable():
    """Returns whether the network is reachable, with a timeout, as a look-up without a network can hang for minutes."""
    answers = []

    def ask():
        try:
            with urllib.request.urlopen(_PROBE, timeout=_PROBE_SECONDS):
                answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)  # an HTTP error is an answer, too
        except OSError:
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return bool(answers)


def builder_of(name):
    """Returns the builder of a set that is prepared, or that can be downloaded.

    Raises:
        ValueError: if there is no set of this name.
        FileNotFoundError: if the set is not prepared and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    data_dir = _data_dir()
    folder = _prepared_folder(name, data_dir)
    if folder is not None:
        return tfds.builder_from_directory(folder)  # does not use the network
    base = name.partition(":")[0].partition("/")[0]
    known = ["glyphs", "chairs", "moving_glyphs", *tfds.list_builders(with_community_datasets=False)]
    if base not in known[3:]:
        hint = f" For the folder of that name write {os.path.join('.', name)!r}." if os.path.isdir(name) else ""
        raise ValueError(
            f"`name` must be 'glyphs' (built in), a tensorflow-datasets image set ('mnist', 'cifar10', ...) or the "
            f"path of a folder of images. Received: {name!r}.{hint or did_you_mean(base, known)}"
        )
    advice = (
        "Remedy: set TFDS_DATA_DIR to a folder that holds it, connect to the network once to download it, or use the "
        "built-in set: load('glyphs')."
    )
    if not _reachable():
        raise FileNotFoundError(f"{name!r} is not prepared in {data_dir}, and the network is not reachable. {advice}")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        builder.download_and_prepare()
    except Exception as error:
        raise FileNotFoundError(
            f"{name!r} is not prepared in {data_dir}, and preparing it failed: {error} {advice}"
        ) from error
    return builder


def load(name, split, *, image_size, channels, resize, labels, batch_size, shuffle, seed, num_images, drop_remainder):
    """Returns batches of a set. The arguments are those of `kerasgan.data.load`, with none left out."""
    builder = builder_of(name)
    features, examples, image_size, channels = _asked_for(name, builder, split, image_size, channels, labels)
    _files.check_sizes(image_size, channels, resize)
    size = examples if num_images is None else min(num_images, examples)

    @tf.autograph.experimental.do_not_convert  # which takes tenths of a second at each start
    def prepare(example):
        image = _fit(example["image"], image_size, channels, resize)
        return (image, tf.cast(example["label"], tf.int32)) if labels else image

    def read(files_shuffled):
        import tensorflow_datasets as tfds

        config = tfds.ReadConfig(shuffle_seed=seed, try_autocache=False, enable_ordering_guard=False)
        wanted = tfds.decode.PartialDecoding({"image": True, "label": True} if labels else {"image": True})
        dataset = builder.as_dataset(
            split=split, shuffle_files=files_shuffled, read_config=config, decoders=wanted
        ).take(size)
        return _pipeline.without_tuner(dataset.map(prepare, num_parallel_calls=tf.data.AUTOTUNE))

    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    pixels = math.prod(image_size) * channels
    if size * pixels <= _pipeline.MEMORY_LIMIT:
        stored = _cached_arrays((str(builder.data_path), split, size, image_size, channels, resize, labels), read)
        fetch = lambda index: tf.nest.map_structure(lambda values: tf.gather(values, index), stored)  # noqa: E731
        dataset = _pipeline.make_dataset(size, fetch, **options)
    else:
        dataset = _streamed(read, size, size == examples, max(1, _pipeline.MEMORY_LIMIT // pixels), **options)
    class_names = getattr(features["label"], "names", None) if labels else None
    if class_names:
        dataset.class_names = list(class_names)
    return dataset


def _asked_for(name, builder, split, image_size, channels, labels):
    """Checks the arguments, and returns the features of the set, the examples of the split, the size and channels."""
    if labels not in (False, True):
        raise ValueError(f"`labels` of a tensorflow-datasets set must be True or False. Received: {labels!r}")
    features = builder.info.features
    if "image" not in features or (labels and "label" not in features):
        wanted = "'image' and 'label'" if labels else "'image'"
        raise ValueError(f"{name!r} has no feature {wanted}. It has: {sorted(features)}.")
    try:
        examples = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"`split` of {name!r} must be one of {sorted(builder.info.splits)}, or a slice such as "
            f"'train[:1000]'. Received: {split!r}"
        ) from error
    height, width, own_channels = features["image"].shape
    if image_size is None and None in (height, width):
        raise ValueError(f"`image_size` must be given for {name!r}, as its images have different sizes.")
    channels = channels or own_channels
    if channels not in (1, 3):
        raise ValueError(f"`channels` of a tensorflow-datasets set must be 1 or 3. Received: {channels!r}")
    return features, examples, (height, width) if image_size is None else as_size(image_size), channels


def _streamed(read, size, is_whole, buffer, batch_size, shuffle, seed, drop_remainder):
    """Returns batches of a set that is too large for the memory, shuffled in a buffer of so many images.

    It has the attributes of `make_dataset`. Only the files of a whole set are shuffled, as `size` images are the first.
    """
    drop_remainder = shuffle if drop_remainder is None else drop_remainder
    batch_size = _pipeline.checked_batch(size, batch_size, drop_remainder)

    def batches(elements, drop_remainder):
        elements = elements.batch(batch_size, drop_remainder=drop_remainder)
        return elements.map(_pipeline.images_to_float).prefetch(tf.data.AUTOTUNE)

    elements = read(files_shuffled=shuffle and is_whole)
    dataset = batches(elements.shuffle(buffer, seed=seed) if shuffle else elements, drop_remainder)
    dataset.num_images, dataset.left_out = size, size % batch_size if drop_remainder else 0
    dataset.part = lambda start, stop: batches(read(files_shuffled=False).skip(start).take(stop - start), False)
    return dataset


# Decoding MNIST takes seconds, so the last few sets stay in memory as uint8.
_arrays = {}


def _cached_arrays(key, read):
    if key not in _arrays:
        batches = list(read(files_shuffled=False).batch(1024).as_numpy_iterator())
        if isinstance(batches[0], tuple):
            stored = tuple(_pipeline.on_cpu(np.concatenate(parts)) for parts in zip(*batches))
        else:
            stored = _pipeline.on_cpu(np.concatenate(batches))
        while len(_arrays) >= 2:
            del _arrays[next(iter(_arrays))]
        _arrays[key] = stored
    return _arrays[key]


def _fit(image, size, channels, resize):
    """Resizes a uint8 image to `size` and `channels` by one of the methods `_decoding.RESIZE`, with antialiasing."""
    if image.dtype != tf.uint8:  # 16-bit sets
        image = tf.cast(tf.round(tf.cast(image, tf.float32) / 257), tf.uint8)
    if image.shape[-1] == 4:
        image = image[..., :3]
    if image.shape[-1] != channels:
        image = tf.image.rgb_to_grayscale(image) if channels == 1 else tf.image.grayscale_to_rgb(image)
    if image.shape[:2] != size:
        shape, made = tf.shape(image)[:2], tf.constant(size)
        if resize == "crop":
            part = _inside(shape, made)
            image = tf.image.crop_to_bounding_box(image, *tf.unstack((shape - part) // 2), *tf.unstack(part))
        if resize == "pad":
            made = _inside(made, shape)
        image = tf.image.resize(image, made, method="bicubic", antialias=True)
        image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
        image = tf.image.pad_to_bounding_box(image, *tf.unstack((tf.constant(size) - made) // 2), *size)
    return tf.ensure_shape(image, (*size, channels))


def _inside(size, shape):
    """As `_decoding.inside`, for int tensors (height, width)."""
    ratio = tf.cast(shape / shape[::-1], tf.float64)
    largest = tf.round(tf.cast(size[::-1], tf.float64) * ratio)
    return tf.minimum(size, tf.maximum(tf.cast(largest, tf.int32), 1))
