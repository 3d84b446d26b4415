"""Writing files so that a reader never meets a half-written one."""

import contextlib
import errno
import os
import re
import shutil
import socket
import threading
import time
import zlib
from pathlib import Path

import tensorflow as tf

TEMPORARY_PREFIX = ".tmp-"
# Machines may share a folder, and a process is known by its id on its own machine only.
MACHINE = f"{zlib.crc32(socket.gethostname().encode()):08x}"
TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r"(\d+)@([0-9a-f]{8})-.")
OLD = 24 * 60 * 60  # seconds after which what another machine's process has not touched is taken for left behind

_swept, _sweeping = set(), threading.Lock()  # folders that this process has looked through


def temporary_for(path):
    """Gives the temporary name that stands for `path` in the same folder; it tells which process writes there."""
    path = Path(path)
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}@{MACHINE}-{path.name}")


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
        A temporary `Path` in the same folder, with the same ending. Write there. When the block succeeds it is
        flushed to disk and takes the final name; when the block raises it is removed and the old file stands.

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
