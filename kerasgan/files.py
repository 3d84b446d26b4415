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
