"""Atomic writing of files, and reading of untrusted files within limits."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import socket
import stat
import threading
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

TEMPORARY_PREFIX = ".tmp-"
LARGEST_JSON = 64 << 20
# Of an array that is stored compressed, so that a small file could unpack to any size; a plain one is in the file.
LARGEST_UNPACKED = 64 << 20
DEEPEST = 100  # levels of lists and objects in a JSON file
# Machines may share a folder, and a process is known by its id on its own machine only.
MACHINE = f"{zlib.crc32(socket.gethostname().encode()):08x}"
TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r"(\d+)@([0-9a-f]{8})-.")
OLD = 24 * 60 * 60  # seconds after which what another machine's process has not touched is taken for left behind

_swept, _sweeping = set(), threading.Lock()  # folders that this process has looked through


def temporary_for(path):
    """Gives a new name in the same folder as `path`, which nobody can foresee; it tells which process writes there."""
    path = Path(path)
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}@{MACHINE}-{secrets.token_hex(8)}-{path.name}")


def sweep(folder):
    """Removes what dead processes left half-written in a folder, under names that `temporary_for` gave.

    What a living process of this machine writes stays, and what one of another machine writes unless it is a day old.
    A process looks through a folder once, before it first writes there: call this before `temporary_for`.
    """
    folder = os.path.realpath(folder)
    with _sweeping:
        if folder in _swept:
            return
        _swept.add(folder)
        for path in Path(folder).glob(f"{TEMPORARY_PREFIX}*"):
            with contextlib.suppress(OSError):  # another process may sweep, too
                if _is_left_behind(path):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _is_left_behind(path):
    match = TEMPORARY.match(path.name)
    if match is None:
        return False
    process, machine = int(match[1]), match[2]
    if machine != MACHINE:
        return path.lstat().st_mtime < time.time() - OLD
    # Nothing of ours is under way there yet, and containers repeat ids.
    return process == os.getpid() or not _is_alive(process)


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def sha256_of(path):
    """Returns the SHA-256 of the file at `path` as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(path):
    """Returns once what was written to a file or folder lies on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path):
    """Replaces a file at once, or not at all. What dead processes left half-written beside it is removed.

    Args:
        path: the file's final place. Missing folders are made.

    Yields:
        A temporary `Path` in the same folder, with the same ending: an empty new file of a name that nobody can
        foresee. Write there. When the block succeeds it is flushed to disk and takes the final name; when the block
        raises it is removed and the old file stands.

    Raises:
        OSError: when the folder cannot be made or the disk is full; it names the file.

    Example:

    >>> with replacing("notes.txt") as temporary:
    ...     _ = temporary.write_text("all of it, or nothing")
    """
    path = Path(path)
    temporary = temporary_for(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        os.close(os.open(temporary, flags, 0o666))
        try:
            yield temporary
            flush_to_disk(temporary)
            os.replace(temporary, path)
            flush_to_disk(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path):
    """Lets an OSError of the block tell which file it is about: that of a write to a full disk names none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def tensorflow_naming(path):
    """Lets TensorFlow's own errors of writing become an OSError that names the file."""
    try:
        yield
    except tf.errors.OpError as error:
        message = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", error.message).splitlines()[0]
        raise OSError(errno.EIO, f"TensorFlow could not write ({message})", str(path)) from error


# Reading what others wrote -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(path, expected, error=ValueError):
    """Lets whatever a damaged or hostile file makes a reader raise become one kind of error that names the file.

    Args:
        path: the file.
        expected: str, what the file must be, as in "a whole .npz file".
        error: class of the error, `ValueError` (default) or one below it. An OSError stays one.

    Example:

    >>> with reading("a.json", "a JSON file"):
    ...     {}["width"]
    Traceback (most recent call last):
    ValueError: a.json must be a JSON file. Received: KeyError: 'width'
    """
    try:
        with naming(path):
            yield
    except OSError as fault:
        if fault.filename is not None:
            raise
        raise error(f"{path} must be {expected}. Received: {fault}") from fault
    except Exception as fault:  # readers of formats raise many kinds, and of ZIP files even RuntimeError
        if isinstance(fault, ValueError) and str(fault).startswith(str(path)):  # it says all that there is to say
            raise fault if isinstance(fault, error) else error(str(fault)) from fault
        reason = str(fault).strip().partition("\n")[0][:500]
        raise error(f"{path} must be {expected}. Received: {type(fault).__name__}: {reason}") from fault


def open_plain(path):
    """Opens a file for reading bytes, unless it is a link, a device, a pipe or a folder: then an OSError names it."""
    # A pipe would let `open` wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a plain file", str(path))
    return os.fdopen(descriptor, "rb")


def read_json(path, kind=dict, largest=LARGEST_JSON):
    """Reads a JSON file within limits.

    Args:
        path: the file.
        kind: the type that it must hold. Defaults to dict, a JSON object.
        largest: int, bytes. Defaults to 64 MB.

    Returns:
        What the file holds, of type `kind`.

    Raises:
        ValueError: for a file that is too large, is no JSON, or holds something else; it names the file.
        OSError: when the file cannot be read.

    Example:

    >>> _ = Path("options.json").write_text('{"width": 48}')
    >>> read_json("options.json")
    {'width': 48}
    """
    with reading(path, "JSON"):
        with open(path, "rb") as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise ValueError(f"{path} must have at most {largest} bytes. Received: more")
        return parse_json(content, path, kind)


def parse_json(content, path, kind=dict):
    """Reads JSON text that stands in the file `path`; see `read_json`. A line number may follow the path."""
    with reading(path, "JSON"):
        value = json.loads(content)
        _check_depth(value, path)
        if not isinstance(value, kind):
            found = "null" if value is None else type(value).__name__
            raise ValueError(f"{path} must hold {JSON_KINDS.get(kind, kind.__name__)}. Received: {found}")
        return value


JSON_KINDS = {dict: "a JSON object", list: "a JSON list", str: "a JSON string"}


def _check_depth(value, path):
    """Whoever walks through a value later does so by recursion."""
    level, depth = [[value]], 0
    while level := [each for item in level for each in _inside(item) if isinstance(each, (dict, list))]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"{path} must hold at most {DEEPEST} levels of lists and objects. Received: more")


def _inside(value):
    return value.values() if isinstance(value, dict) else value


def read_records(path, **kinds):
    """Reads a file of a JSON object a line, of which a process that was killed may have left half a line.

    Args:
        path: the file.
        **kinds: for each key that a record must have the type of its value.

    Returns:
        `(records, left_out)`: list of dicts, and the number of lines that are no such records.

    Raises:
        OSError: when the file cannot be read.

    Example:

    >>> _ = Path("scores.jsonl").write_text('{"epoch": 1}\\n{"epo')
    >>> read_records("scores.jsonl", epoch=int)
    ([{'epoch': 1}], 1)
    """
    records, left_out = [], 0
    with open(path, "rb") as file:
        for line in filter(bytes.strip, file):
            try:
                record = parse_json(line, path)
            except ValueError:
                record = {}
            if all(isinstance(record.get(name), kind) for name, kind in kinds.items()) and record:
                records.append(record)
            else:
                left_out += 1
    return records, left_out


def read_arrays(path, **kinds):
    """Reads named arrays of an `.npz` file, whose sizes are checked before memory is taken for them.

    Args:
        path: the file.
        **kinds: for each array the kinds of types that it may have, as NumPy's `dtype.kind` says them: "f" for floats,
            "iu" for integers, "U" for text.

    Returns:
        dict of name -> array, of those of the asked arrays that are there.

    Raises:
        ValueError: for a file that is damaged or encrypted, an array of another kind, or a compressed one of more than
            64 MB; it names the file.
        OSError: when the file cannot be read.

    Example:

    >>> np.savez("points.npz", x=np.arange(3))
    >>> read_arrays("points.npz", x="i")["x"].tolist()
    [0, 1, 2]
    """
    with reading(path, "a whole .npz file"), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        found = {name: members[name] for name in kinds if name in members}
        return {name: _read_array(path, archive, info, kinds[name], size) for name, info in found.items()}


def _read_array(path, archive, info, kinds, size):
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others take memory for what is declared
        raise ValueError(f"{path} must be written by `np.savez`. Received: {info.filename} is compressed another way")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    # Text is wide, and a type may declare any width: `itemsize` is in the size.
    if dtype.kind not in kinds or dtype.hasobject:
        raise ValueError(
            f"{path} must hold numbers or text of the kind {kinds!r} in {info.filename}, no objects "
            f"(allow_pickle=False). Received: {dtype}"
        )
    declared = math.prod(shape) * dtype.itemsize
    # In float64, to which whoever uses the numbers may bring them.
    unpacked = 0 if info.compress_type == zipfile.ZIP_STORED else math.prod(shape) * max(8, dtype.itemsize)
    if declared > min(info.file_size, max(size, unpacked)) or unpacked > LARGEST_UNPACKED:
        raise ValueError(
            f"{path} must hold all of {info.filename}, and no more than {LARGEST_UNPACKED} bytes if it is compressed: "
            f"store larger arrays by `np.savez`. Received: {declared} bytes declared, {info.file_size} there"
        )
    with archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
