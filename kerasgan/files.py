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
# The limit of a compressed array, as a small file could unpack to any size.
LARGEST_UNPACKED = 64 << 20
DEEPEST = 100  # levels of lists and objects in a JSON file
# Several machines may share a folder, and process ids are valid only on their own machine.
MACHINE = f"{zlib.crc32(socket.gethostname().encode()):08x}"
TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r"(\d+)@([0-9a-f]{8})-.")
ASIDE = re.compile(r"old_(\d+)_")  # the prefix of the files of an older training
OLD = 24 * 60 * 60  # seconds after which an unchanged temporary file of another machine is removed

_swept, _sweeping = set(), threading.Lock()  # folders that this process has cleaned


def temporary_for(path):
    """Returns a new unpredictable path in the folder of `path`. Its name identifies this process."""
    path = Path(path)
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}@{MACHINE}-{secrets.token_hex(8)}-{path.name}")


def sweep(folder):
    """Removes temporary files of dead processes from a folder.

    Files of a running process of this machine are kept, and files of other machines unless they are a day old. Each
    process cleans a folder once, before it first writes there: call this before `temporary_for`.
    """
    folder = os.path.realpath(folder)
    with _sweeping:
        if folder in _swept:
            return
        _swept.add(folder)
        for path in Path(folder).glob(f"{TEMPORARY_PREFIX}*"):
            with contextlib.suppress(OSError):  # another process may remove it at the same time
                if _is_left_behind(path):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _is_left_behind(path):
    match = TEMPORARY.match(path.name)
    if match is None:
        return False
    process, machine = int(match[1]), match[2]
    if machine != MACHINE:
        return path.lstat().st_mtime < time.time() - OLD
    # This process has not written there yet, and containers reuse ids.
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
    """Flushes a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path):
    """Replaces a file atomically. Temporary files of dead processes in its folder are removed.

    Args:
        path: the final path of the file. Missing folders are created.

    Yields:
        A temporary `Path` in the same folder with the same ending: a new empty file with an unpredictable name. Write
        to it. If the block succeeds, it is flushed to disk and renamed to `path`. If the block raises, it is removed,
        and the old file is kept.

    Raises:
        OSError: if the folder cannot be created or the disk is full. The message names the file.

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


def put_aside(files):
    """Renames files of one folder, so that none of them counts for a new training.

    Args:
        files: list of `Path`s. Missing ones are left out.

    Returns:
        list of the new names: the old ones after `old_1_`, or the next number that no name in the folder begins with.

    Example:

    >>> _ = Path("best.txt").write_text("7")
    >>> put_aside([Path("best.txt"), Path("missing.txt")])
    ['old_1_best.txt']
    """
    files = [file for file in files if file.exists()]
    if not files:
        return []
    numbers = [int(match[1]) for each in files[0].parent.iterdir() if (match := ASIDE.match(each.name))]
    prefix = f"old_{max(numbers, default=0) + 1}_"
    return [file.rename(file.with_name(prefix + file.name)).name for file in files]


@contextlib.contextmanager
def naming(path):
    """Adds the file name to an OSError of the block. The error of a full disk does not have one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def tensorflow_naming(path):
    """Converts write errors of TensorFlow to an OSError that names the file."""
    try:
        yield
    except tf.errors.OpError as error:
        message = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", error.message).splitlines()[0]
        raise OSError(errno.EIO, f"TensorFlow could not write ({message})", str(path)) from error


# Reading untrusted files ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(path, expected, error=ValueError):
    """Converts all errors of reading a damaged or malicious file to one error that names the file.

    Args:
        path: the file.
        expected: str, a description of a valid file, such as "a whole .npz file".
        error: class of the error, `ValueError` (default) or a subclass. An OSError is not converted.

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
    except Exception as fault:  # readers raise many kinds of errors, and that of ZIP files even RuntimeError
        if isinstance(fault, ValueError) and str(fault).startswith(str(path)):  # already names the file
            raise fault if isinstance(fault, error) else error(str(fault)) from fault
        reason = str(fault).strip().partition("\n")[0][:500]
        raise error(f"{path} must be {expected}. Received: {type(fault).__name__}: {reason}") from fault


def open_plain(path):
    """Opens a plain file for reading bytes. Raises an OSError for a link, a device, a pipe or a folder."""
    # `open` would block on a pipe without a writer.
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
        kind: the expected type of the content. Defaults to dict, a JSON object.
        largest: int, the maximum number of bytes. Defaults to 64 MB.

    Returns:
        The content of the file, of type `kind`.

    Raises:
        ValueError: if the file is too large, is not JSON, or has another type. The message names the file.
        OSError: if the file cannot be read.

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
    """Parses JSON text from the file `path`, see `read_json`. `path` may include a line number."""
    with reading(path, "JSON"):
        value = json.loads(content)
        _check_depth(value, path)
        if not isinstance(value, kind):
            found = "null" if value is None else type(value).__name__
            raise ValueError(f"{path} must hold {JSON_KINDS.get(kind, kind.__name__)}. Received: {found}")
        return value


JSON_KINDS = {dict: "a JSON object", list: "a JSON list", str: "a JSON string"}


def _check_depth(value, path):
    """Limits the depth of a value, as later code is recursive."""
    level, depth = [[value]], 0
    while level := [each for item in level for each in _inside(item) if isinstance(each, (dict, list))]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"{path} must hold at most {DEEPEST} levels of lists and objects. Received: more")


def _inside(value):
    return value.values() if isinstance(value, dict) else value


def read_records(path, **kinds):
    """Reads a file with one JSON object per line. Invalid lines, such as incomplete ones, are left out.

    Args:
        path: the file.
        **kinds: the type of the value for each key that a record must have.

    Returns:
        `(records, left_out)`: list of dicts, and the number of invalid lines.

    Raises:
        OSError: if the file cannot be read.

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
    """Reads named arrays of an `.npz` file. Sizes are checked before memory is allocated.

    Args:
        path: the file.
        **kinds: the allowed values of NumPy's `dtype.kind` for each array: "f" for floats, "iu" for integers, "U" for
            text.

    Returns:
        dict of name -> array, with the requested arrays that exist.

    Raises:
        ValueError: if the file is damaged or encrypted, or an array has another kind, or is compressed and larger than
            64 MB. The message names the file.
        OSError: if the file cannot be read.

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
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others allocate the declared size
        raise ValueError(f"{path} must be written by `np.savez`. Received: {info.filename} is compressed another way")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    # A text dtype may declare any width, so the size includes `itemsize`.
    if dtype.kind not in kinds or dtype.hasobject:
        raise ValueError(
            f"{path} must hold numbers or text of the kind {kinds!r} in {info.filename}, no objects "
            f"(allow_pickle=False). Received: {dtype}"
        )
    declared = math.prod(shape) * dtype.itemsize
    # At least 8 bytes per entry, as users may convert the array to float64.
    unpacked = 0 if info.compress_type == zipfile.ZIP_STORED else math.prod(shape) * max(8, dtype.itemsize)
    if declared > min(info.file_size, max(size, unpacked)) or unpacked > LARGEST_UNPACKED:
        raise ValueError(
            f"{path} must hold all of {info.filename}, and no more than {LARGEST_UNPACKED} bytes if it is compressed: "
            f"store larger arrays by `np.savez`. Received: {declared} bytes declared, {info.file_size} there"
        )
    with archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
