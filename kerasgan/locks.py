"""Locks: one training per folder."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import warnings
import weakref
from pathlib import Path

NAME = ".lock"
# Errors of file systems without locks, such as some network and container file systems.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

# Locks of this process: real path of a folder -> [descriptor or None, whether it was created, number of holders].
_held = {}


class FolderLock:
    """Locks a folder against other processes, until `release()` or the end of this process.

    It is a system lock on the file `.lock` in the folder. The system releases it when the process ends in any way, so a
    killed training can be continued at once. The file names the holder, and is removed with the lock. Locks of the same
    process do not exclude each other, so a notebook cell can be run again.

    If the file system has no locks, a warning is given. A folder without write permission is not locked.

    Args:
        folder: the folder. It is created if it is missing.

    Raises:
        BlockingIOError: if another process holds the lock. The message gives the process, its machine, and the time.
        OSError: if the folder cannot be created.

    Example:

    >>> with FolderLock("runs/letters"):
    ...     pass  # no other process writes there meanwhile
    """

    def __init__(self, folder):
        key = os.path.realpath(folder)
        descriptor, _, holders = _held.get(key, (None, False, 0))
        if not _stands(key, descriptor):
            made = not os.path.exists(key)
            _held[key] = [_acquire(Path(folder)), made, holders]
            if descriptor is not None:
                os.close(descriptor)
        _held[key][-1] += 1
        self.release = weakref.finalize(self, _release, key, os.getpid())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.release()


def _acquire(folder):
    """Returns the descriptor of the locked file, or None if locking is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
                return None
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The previous holder may have removed the file between the calls. Another process can then lock a new one.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        except BlockingIOError:
            holder = _holder(path)
            os.close(descriptor)
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                f"Another training writes into this folder: {holder}. End it, or use another folder",
                str(folder),
            ) from None
        except OSError as error:
            os.close(descriptor)
            if error.errno not in NO_LOCKS:
                raise
            warnings.warn(
                f"The file system of {str(folder)!r} has no locks ({error.strerror}), so a second training could write "
                "there, too.",
                stacklevel=4,
            )
            return None
        os.close(descriptor)
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": now}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)
    return descriptor


def _holder(path):
    """Describes the holder of a lock."""
    try:
        holder = json.loads(path.read_bytes()[:1000])
        words = "process {process} on {host}, since {since}".format(**holder)
        elsewhere = holder["host"] != socket.gethostname()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"a process that has not yet written its name into {str(path)!r}"
    return words + (f" (if that machine is gone, remove {str(path)!r})" if elsewhere else "")


def _stands(key, descriptor):
    """Returns whether a lock is on the current file in the folder, which may have been removed and created again."""
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), os.stat(os.path.join(key, NAME)))
    except FileNotFoundError:
        return False


def _release(key, process):
    if process != os.getpid() or key not in _held:
        return  # in a fork, the parent owns the lock
    _held[key][-1] -= 1
    if _held[key][-1] > 0:
        return
    descriptor, made, _ = _held.pop(key)
    if descriptor is None:
        return
    if _stands(key, descriptor):
        os.unlink(os.path.join(key, NAME))
        if made:
            with contextlib.suppress(OSError):  # it is of use by now
                os.rmdir(key)
    os.close(descriptor)


def _leave_to_parent():
    """Drops the locks of the parent in a fork. Otherwise they would last until the fork ends."""
    for descriptor, *_ in _held.values():
        if descriptor is not None:
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
