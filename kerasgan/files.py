"""Writing files so that a reader never meets a half-written one."""

import contextlib
import os
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"


def temporary_for(path):
    """Gives the temporary name that stands for `path` in the same folder; it carries this process's id."""
    path = Path(path)
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")


def flush_to_disk(path):
    """Returns once what was written to a file or folder lies on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path):
    """Replaces a file at once, or not at all.

    Args:
        path: the file's final place. Missing folders are made.

    Yields:
        A temporary `Path` in the same folder, with the same ending. Write there. When the block succeeds it is
        flushed to disk and takes the final name; when the block raises it is removed and the old file stands.

    Example:

    >>> with replacing("notes.txt") as temporary:
    ...     _ = temporary.write_text("all of it, or nothing")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_for(path)
    try:
        yield temporary
        flush_to_disk(temporary)
        os.replace(temporary, path)
        flush_to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
