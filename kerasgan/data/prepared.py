"""Reads data sets written by `kerasgan.data.prepare`.

Images are PNGs in ArrayRecord files, the format of tensorflow-datasets for random access. `prepared.json` lists the
files with their hashes.
"""

import pathlib
import threading

import numpy as np
import tensorflow as tf

from kerasgan.arguments import did_you_mean
from kerasgan.data import _files, _pipeline
from kerasgan.files import read_json

MANIFEST = "prepared.json"
VERSION = 1
DTYPES = ("float32", "int32", "int64", "uint8")
# Options of the readers of folders that change the elements, as strings, as `prepare` stores them.
_DEFAULTS = {
    "images": {"resize": "crop"},
    "labels": {"resize": "crop"},
    "pairs": {"resize": "crop", "direction": "b_to_a", "jitter": "False"},
    "super_resolution": {"scale": "4"},
}
_OWN = ("batch_size", "shuffle", "seed", "num_images", "drop_remainder")
_RANDOM_ACCESS = "readahead_buffer_size:0,max_parallelism:0"


def read_manifest(folder):
    """Returns the content of `prepared.json`. Raises an error if it has another format."""
    path = folder / MANIFEST
    found = read_json(path)
    if found.get("version") != VERSION:
        raise ValueError(f"{path} must be of version {VERSION}. Received: {found.get('version')!r}")
    try:
        whole = all(
            pathlib.PurePath(shard["file"]).name == shard["file"] and min(shard["records"], shard["bytes"]) >= 0
            for shard in found["shards"]
        )
        whole = whole and all(
            min(leaf["shape"], default=1) >= 1 and (leaf["kind"] == "image" or leaf["dtype"] in DTYPES)
            for leaf in found["element"]
        )
        whole = (
            whole and isinstance(found.get("options", {}), dict) and {"task", "num_images", "class_names"} <= set(found)
        )
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{path} is damaged. Remedy: remove its folder and call `prepare` again.")
    return found


def folder_of(path, split):
    """Returns the folder of a prepared split in `path`, or None if there is none."""
    for folder in (pathlib.Path(path).expanduser() / split, pathlib.Path(path).expanduser()):
        if (folder / MANIFEST).is_file():
            return folder
    return None


def load(folder, task, *, batch_size=64, shuffle=True, seed=0, num_images=None, drop_remainder=None, **asked):
    """Reads data written by `prepare`, with a shuffle over the whole set and parallel decoding.

    Args:
        folder: the folder of a split.
        task: the task of the data. "images" also reads data of "labels", without the labels.
        batch_size, shuffle, seed, num_images, drop_remainder: as in `kerasgan.data.load`.
        **asked: other options. They must be those that the data were prepared with. None means these, too.

    Raises:
        ValueError: if the data have another task, were prepared with other options, or if files are missing or damaged.
    """
    about = read_manifest(folder)
    _check_asked(folder, about, task, asked)
    shards = about["shards"]
    for shard in shards:
        path = folder / shard["file"]
        if not path.is_file() or path.stat().st_size != shard["bytes"]:
            state = "is missing" if not path.is_file() else f"has {path.stat().st_size} bytes, not {shard['bytes']}"
            raise ValueError(f"{path} {state}. Remedy: call `prepare` again, which rewrites incomplete files.")
    ready = sum(shard["records"] for shard in shards)
    if ready < about["num_images"]:
        raise ValueError(
            f"{str(folder)!r} holds {ready} of {about['num_images']} images: it was interrupted. "
            "Remedy: call `prepare` again, which continues."
        )
    leaves = about["element"][: 1 if task == "images" else None]
    chosen = _pipeline.on_cpu(np.array(_files.spread(range(ready), num_images), "int64"))
    fetch = _fetch(folder, shards, leaves)
    dataset = _pipeline.make_dataset(
        len(chosen),
        lambda index: fetch(chosen[index]),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        finish=lambda *batch: _finished(batch, leaves),
        stream=True,
    )
    if about["class_names"] and task == "labels":
        dataset.class_names = about["class_names"]
    return dataset


def _check_asked(folder, about, task, asked):
    if task != about["task"] and not (task == "images" and about["task"] == "labels"):
        raise ValueError(f"{str(folder)!r} holds data prepared for {about['task']!r}. Received: task {task!r}")
    *size, channels = about["element"][-1 if task == "super_resolution" else 0]["shape"]
    stored = _DEFAULTS.get(about["task"], {}) | about.get("options", {})  # strings
    stored |= {"image_size": tuple(size), "crop": tuple(size), "channels": channels}
    for name, value in asked.items():
        if value is None or name == "on_error":  # no file is broken
            continue
        if name not in stored:
            raise ValueError(
                f"Data prepared for {about['task']!r} take no option {name!r}.{did_you_mean(name, [*stored, *_OWN])} "
                f"Received: {name}={value!r}"
            )
        own = stored[name]
        plain = tuple(np.broadcast_to(value, 2).tolist()) if isinstance(own, tuple) else value
        if plain != own and str(plain) != own:
            raise ValueError(
                f"`{name}` must be {own}, as in the prepared data. Received: {value!r}. Remedy: `prepare` the data "
                f"anew with it, into a folder other than {str(folder)!r}."
            )


def _fetch(folder, shards, leaves):
    """Returns a function from an index to the stored element."""
    ends = np.cumsum([shard["records"] for shard in shards])
    local = threading.local()  # readers are not thread-safe

    def read(index):
        from array_record.python.array_record_module import ArrayRecordReader

        number = int(np.searchsorted(ends, index, side="right"))
        path = folder / shards[number]["file"]
        readers = local.__dict__.setdefault("readers", {})
        try:
            if number not in readers:
                readers[number] = ArrayRecordReader(str(path), _RANDOM_ACCESS)
            (record,) = readers[number].read([int(index - (ends[number] - shards[number]["records"]))])
        except Exception as error:  # the C++ reader raises many kinds of errors
            raise ValueError(f"{path} is damaged. Remedy: call `prepare` again. ({error})") from None
        return record

    def fetch(index):
        record = tf.numpy_function(read, [index], tf.string, stateful=False)
        wanted = {str(i): tf.io.FixedLenFeature((), tf.string) for i in range(len(leaves))}
        parsed = tf.io.parse_single_example(record, wanted)
        values = tuple(_decoded(parsed[str(i)], leaf) for i, leaf in enumerate(leaves))
        return values if len(values) > 1 else values[0]

    return fetch


def _decoded(stored, leaf):
    if leaf["kind"] == "image":
        return tf.ensure_shape(tf.io.decode_png(stored, channels=leaf["shape"][-1]), leaf["shape"])
    return tf.reshape(tf.io.decode_raw(stored, leaf["dtype"]), leaf["shape"])


def _finished(batch, leaves):
    values = [_pipeline.to_float(x) if leaf["kind"] == "image" else x for x, leaf in zip(batch, leaves)]
    return tuple(values) if len(values) > 1 else values[0]
