"""Writes checkpoint folders atomically, finds them, and verifies them before they are read."""

import hashlib
import io
import json
import os
import re
import shutil
import warnings

import numpy as np

from kerasgan.files import flush_to_disk, read_json, replacing, temporary_for

STATE = "state.weights.h5"
MANIFEST = "manifest.json"
FOLDER = re.compile(r"step_\d+")


class _Memory(io.BytesIO):
    """A file in memory with the ending that Keras requires for weights files."""

    def __str__(self):
        return STATE


def weights_in_memory(model):
    """Returns the file of `model.save_weights` in memory.

    If the disk is full, HDF5 crashes the process (h5py 3.14), while Python's own writing raises an OSError. With
    several workers, each must call this function, as reading the state can need all of them.
    """
    memory = _Memory()
    model.save_weights(memory)
    return memory


def write(folder, state, manifest):
    """Writes a checkpoint atomically: the weights `state`, and the dict `manifest`, to which their hash is added."""
    temporary = temporary_for(folder)
    try:
        temporary.mkdir(parents=True)
        with open(temporary / STATE, "xb") as file:
            file.write(state.getbuffer())
        flush_to_disk(temporary / STATE)
        digest = hashlib.sha256(state.getbuffer()).hexdigest()
        manifest = manifest | {"file": {"name": STATE, "bytes": len(state.getbuffer()), "sha256": digest}}
        manifest["sha256"] = hash_of_json(manifest)
        with replacing(temporary / MANIFEST) as file:
            file.write_text(json.dumps(manifest, indent=1))
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary, folder):
    flush_to_disk(temporary)
    if folder.exists():
        old = temporary_for(folder.with_name(f"old-{folder.name}"))
        os.rename(folder, old)
        os.rename(temporary, folder)
        shutil.rmtree(old)
    else:
        os.rename(temporary, folder)
    flush_to_disk(folder.parent)


def prune(directory, newest, keep):
    """Removes the oldest checkpoints until `keep` are left, including `newest`."""
    others = [folder for folder in folders(directory) if folder != newest]
    for folder in others[: max(0, len(others) - (keep - 1))]:
        # Renamed first, so that an interruption leaves no incomplete checkpoint.
        doomed = temporary_for(folder)
        os.rename(folder, doomed)
        shutil.rmtree(doomed)


def folders(directory):
    """Returns the checkpoints' folders, oldest first."""
    if not directory.is_dir():
        return []
    found = [path for path in directory.iterdir() if FOLDER.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step_")))


def newest(directory, move_damaged):
    """Returns the folder and the manifest of the newest undamaged checkpoint, or (None, None) without checkpoints."""
    damaged = []
    for folder in reversed(folders(directory)):
        try:
            return folder, _verified_manifest(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            damaged.append(f"{str(folder)!r} ({error})")
            if move_damaged:
                # Renamed, so that a later pruning does not treat it as the newest and remove good ones.
                aside = folder.with_name(f"{folder.name}.damaged")
                shutil.rmtree(aside, ignore_errors=True)
                os.rename(folder, aside)
            warnings.warn(f"The checkpoint {damaged[-1]} is damaged; trying the previous one.", stacklevel=3)
    if damaged:
        raise OSError(f"Every checkpoint is damaged: {', '.join(damaged)}. To start again, use an empty folder.")
    return None, None


def _verified_manifest(folder):
    manifest = read_json(folder / MANIFEST)
    expected = manifest.pop("sha256", None)
    if hash_of_json(manifest) != expected:
        raise ValueError(f"{MANIFEST}: wrong SHA-256")
    file = manifest["file"]
    size, digest = _size_and_hash(folder / file["name"])
    if size != file["bytes"]:
        raise ValueError(f"{file['name']}: {size} bytes instead of {file['bytes']}")
    if digest != file["sha256"]:
        raise ValueError(f"{file['name']}: wrong SHA-256")
    return manifest


def _size_and_hash(path):
    with open(path, "rb") as file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_json(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def first_non_finite_weight(state):
    """Returns the name of the first array in the file that holds NaN or infinity, or None."""
    import h5py

    def check(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and not np.isfinite(item[()]).all():
            return name

    with h5py.File(state) as file:
        return file.visititems(check)
