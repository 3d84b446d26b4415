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
# What systems answer where a file system has no locks: some network and container file systems.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

# What this process holds: real path of a folder -> [descriptor or None, whether the folder was made, how many hold it].
_held = {}


class FolderLock:
    """Keeps other processes from writing into a folder, until `release()` or the end of this process.

    The system holds the lock, on the file `.lock` in the folder, and lets go of it when the process dies, however that
    happens: a killed training can be continued at once. The file says who holds it, and goes with the release. Locks
    of one process do not exclude each other, so that a notebook's cell can be run again.

    Where a file system has no locks, a warning says so. A folder where this process may not write is not locked.

    Args:
        folder: the folder; it is made where it is missing.

    Raises:
        BlockingIOError: if another process holds the lock; it names the process, its machine, and since when.
        OSError: if the folder cannot be made.

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
    """Returns the descriptor of the locked file, or None where there can be no lock."""
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
            # The one before may have removed the file between the two calls: then another process can lock a new one.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        except BlockingIOError:
            holder = _holder(path)
            os.close(descriptor)
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                f"Another training writes into this folder: {holder}. End it, or give this training another folder",
                str(folder),
            ) from None
        except OSError as error:
            os.close(descriptor)
            if error.errno not in NO_LOCKS:
                raise
            warnings.warn(
                f"The file system of {str(folder)!r} has no locks ({error.strerror}): nothing keeps a second training "
                "from writing there, too.",
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
    """Says in words who holds a lock."""
    try:
        holder = json.loads(path.read_bytes()[:1000])
        words = "process {process} on {host}, since {since}".format(**holder)
        elsewhere = holder["host"] != socket.gethostname()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"a process that has not yet written its name into {str(path)!r}"
    return words + (f" (if that machine is gone, remove {str(path)!r})" if elsewhere else "")


def _stands(key, descriptor):
    """Tells whether a lock is on the file that is in the folder: the folder may have been removed, and made anew."""
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), os.stat(os.path.join(key, NAME)))
    except FileNotFoundError:
        return False


def _release(key, process):
    if process != os.getpid() or key not in _held:
        return  # a fork: the lock is its parent's
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
    """Lets a fork forget its parent's locks, which otherwise would last until the fork ends, too."""
    for descriptor, *_ in _held.values():
        if descriptor is not None:
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
