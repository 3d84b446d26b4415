"""Writes data sets at the size used for training, for random access."""

import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.data import _files, layouts
from kerasgan.data.prepared import DTYPES, MANIFEST, VERSION, read_manifest
from kerasgan.files import replacing, sha256_of
from kerasgan.locks import FolderLock
from kerasgan.progress import progress_bar

TASKS = ("images", "labels", "pairs", "super_resolution")


def prepare(name, directory, task=None, split="train", shard_size=4096, verbose=True, **options):
    """Writes a data set at the size used for training. `kerasgan.data.load(directory)` then reads it in random order.

    Use it for folders of photos that do not fit in memory: training then decodes small PNGs instead of large photos.
    Files are written atomically. If the function is interrupted, call it again with the same arguments to continue.

    Args:
        name: as in `load_for`.
        directory: the folder to write to. Each split gets a sub-folder.
        task: the kind of elements: "images", "labels", "pairs" or "super_resolution", see `load_for`. Default: as
            detected from the layout of a folder, or "images" for other data.
        split: "train" (default) or "test".
        shard_size: int, the number of elements per file. Default 4096.
        verbose: bool. Whether to show a progress bar. Default True.
        **options: options of the function that reads the data, such as `image_size`, `channels`, `resize`, `on_error`.

    Returns:
        `pathlib.Path` of the folder of the split.

    Raises:
        ValueError: if the data cannot be prepared, or the directory holds other prepared data, or data of files that
            have changed since.

    Example:

    >>> path = prepare("glyphs", "prepared", image_size=16, num_images=64, verbose=False)
    >>> kerasgan.data.load("./prepared", batch_size=32).element_spec.shape
    TensorShape([32, 16, 16, 3])
    """
    shard_size = positive_int("shard_size", shard_size)
    task = _task_of(name, split) if task is None else task
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {TASKS}. Received: {task!r}")
    dataset = layouts.load_for(task, name, split, shuffle=False, batch_size=16, drop_remainder=False, **options)
    spec = [_leaf(each) for each in tf.nest.flatten(dataset.element_spec)]
    asked = {key: str(value) for key, value in sorted(options.items())}
    about = {"version": VERSION, "task": task, "source": str(name), "options": asked, "shard_size": shard_size}
    about |= {"num_images": dataset.num_images, "element": spec, "class_names": getattr(dataset, "class_names", None)}
    about |= {"files": _files_of(name, split, directory)}
    folder = pathlib.Path(directory).expanduser() / split
    folder.mkdir(parents=True, exist_ok=True)
    with FolderLock(folder):
        shards = _shards_so_far(folder, about)
        starts = range(len(shards) * shard_size, dataset.num_images, shard_size)
        progress = progress_bar(dataset.num_images, "image") if verbose else None
        for start in starts:
            stop = min(start + shard_size, dataset.num_images)
            shards.append(_write(folder / f"{len(shards):05d}.array_record", dataset.part(start, stop), progress))
            _write_manifest(folder, about, shards)
    return folder


def _task_of(name, split):
    if not layouts.catalog.is_folder(name):
        return "images"
    kind = layouts.find_layout(name, split).kind
    return {"classes": "labels", "pairs": "pairs", "paired folders": "pairs"}.get(kind, "images")


def _leaf(spec):
    """Returns the description of one tensor of an element for the manifest."""
    if spec.dtype == tf.float32 and len(spec.shape) == 4:
        if spec.shape[3] not in (1, 3, 4):
            raise ValueError(f"Images must have 1, 3 or 4 channels to be prepared. Received: {spec.shape[3]}")
        return {"kind": "image", "shape": spec.shape[1:].as_list()}
    if spec.dtype.name not in DTYPES:
        raise ValueError(f"Elements must consist of images and numbers to be prepared. Received: {spec.dtype.name}")
    return {"kind": "array", "shape": spec.shape[1:].as_list(), "dtype": spec.dtype.name}


def _files_of(name, split, directory):
    """Returns the number of the files of a folder, their bytes, and a hash of names, sizes and times; else None."""
    if not layouts.catalog.is_folder(name):
        return None
    root = layouts.part_of(pathlib.Path(name).expanduser(), split)
    written = pathlib.Path(directory).expanduser().resolve()
    count, size, listed = 0, 0, hashlib.sha256()
    for file in _files._walk(root, ()):
        if not file.resolve().is_relative_to(written):
            about = file.stat()
            count, size = count + 1, size + about.st_size
            listed.update(f"{file.relative_to(root).as_posix()}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return {"number": count, "bytes": size, "sha256": listed.hexdigest()}


def _refuse_changed(folder, found, about):
    """Raises an error if the files of the source have changed since they were prepared."""
    before, now = found.get("files"), about["files"]
    if before and now and before != now:
        before, now = (f"{each['number']:,} files of {each['bytes']:,} bytes" for each in (before, now))
        raise ValueError(
            f"{about['source']!r} must hold the files that {str(folder)!r} was prepared from: {before}. Received: "
            f"{now}, or of other names or times. Remedy: prepare into a new folder, or remove {str(folder)!r} first"
        )


def _shards_so_far(folder, about):
    """Returns the complete files of an earlier call. Raises an error if they hold other data."""
    if not (folder / MANIFEST).exists():
        return []
    found = read_manifest(folder)
    if found["task"] == about["task"] and found.get("source") == about["source"]:
        _refuse_changed(folder, found, about)
    differing = [name for name, value in about.items() if name != "files" and found.get(name) != value]
    if differing:
        listed = "; ".join(f"{name}: {found.get(name)!r}, now {about[name]!r}" for name in differing)
        raise ValueError(f"`directory` must be new, or hold the same data. {str(folder)!r} holds other data: {listed}")
    whole = []
    for shard in found["shards"]:
        path = folder / shard["file"]
        if not path.is_file() or sha256_of(path) != shard["sha256"]:
            break
        whole.append(shard)
    return whole


def _write(path, elements, progress):
    """Writes a file of elements, and returns its description for the manifest."""
    from array_record.python.array_record_module import ArrayRecordWriter

    count = 0
    with replacing(path) as temporary:
        writer = ArrayRecordWriter(str(temporary), "group_size:1")
        for batch in elements.prefetch(tf.data.AUTOTUNE):
            leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(batch)]
            for values in zip(*leaves):
                writer.write(_record(values))
            count += len(leaves[0])
            if progress:
                progress.add(len(leaves[0]))
        writer.close()
    return {"file": path.name, "records": count, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _record(values):
    features = {str(i): tf.train.Feature(bytes_list=_bytes(value)) for i, value in enumerate(values)}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _bytes(value):
    if value.ndim == 3:  # an 8-bit image, scaled to [-1, 1]
        pixels = np.rint((value + 1) * 127.5).astype("uint8")
        return tf.train.BytesList(value=[tf.io.encode_png(pixels).numpy()])
    return tf.train.BytesList(value=[np.ascontiguousarray(value).tobytes()])


def _write_manifest(folder, about, shards):
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(about | {"shards": shards}, indent=1) + "\n")
