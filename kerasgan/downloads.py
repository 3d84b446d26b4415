"""What is fetched over the network: where it is kept, when it is forbidden, and how much is taken."""

import contextlib
import contextvars
import errno
import http.client
import os
import stat
import urllib.request
from pathlib import Path

SCHEMES = ("https://", "http://", "file://")
_forbidden_by = contextvars.ContextVar("forbidden_by", default=None)


@contextlib.contextmanager
def no_downloads(reason):
    """Forbids whatever this library would fetch within the block, so that a file cannot cause a request.

    Args:
        reason: str, who forbids it, for the error's message.
    """
    token = _forbidden_by.set(reason)
    try:
        yield
    finally:
        _forbidden_by.reset(token)


def check_allowed(what):
    """Raises a ValueError within `no_downloads`; `what` would be fetched."""
    reason = _forbidden_by.get()
    if reason is not None:
        raise ValueError(f"{reason} must not cause a download. Received: it needs {what}")


def is_offline():
    """Tells whether the environment variable KERASGAN_OFFLINE forbids every download."""
    return os.environ.get("KERASGAN_OFFLINE", "0") not in ("", "0")


def fetch(url, largest):
    """Fetches a file into memory.

    Args:
        url: str, http, https or file.
        largest: int, bytes. Of a longer answer one byte more is returned, which is enough to know.

    Returns:
        bytes, at most `largest` + 1.

    Raises:
        ValueError: for another scheme, or where downloads are forbidden.
        OSError: when the file cannot be fetched, whatever the server did.
    """
    if not url.startswith(SCHEMES):
        raise ValueError(f"`url` must begin with one of {SCHEMES}. Received: {url!r}")
    if not url.startswith("file://"):
        check_allowed(url)
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.read(largest + 1)
    except (http.client.HTTPException, ValueError) as error:  # an answer that is none, or ends early; a bad port
        reason = " ".join(str(error).split())[:200]  # it may be what the server said
        raise OSError(f"{type(error).__name__}: {reason}") from error


def cache_folder(*parts):
    """Returns the folder of fetched files, or one below it: `KERASGAN_HOME`, or `~/.cache/kerasgan`.

    Nothing is made. Where it exists it must be the user's own, and nobody else may write to it.

    Raises:
        PermissionError: when another user owns it or may write to it; it names the folder and the remedy.
    """
    folder = Path(os.environ.get("KERASGAN_HOME") or Path.home() / ".cache" / "kerasgan")
    _check_owner(folder)
    for part in parts:
        folder = folder / part
        _check_owner(folder)
    return folder


def make_cache_folder(*parts):
    """Returns a folder of the cache, and makes it and those above it for this user alone."""
    cache_folder(*parts)  # whatever of it exists is looked at before anything is made in it
    root = cache_folder()
    root.parent.mkdir(parents=True, exist_ok=True)
    for each in [root, *(root.joinpath(*parts[: i + 1]) for i in range(len(parts)))]:
        each.mkdir(mode=0o700, exist_ok=True)
    return cache_folder(*parts)


def _check_owner(folder):
    try:
        about = os.stat(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        reason = "The cache needs folders where a file is. Remedy: set KERASGAN_HOME to a folder of your own"
        raise OSError(errno.ENOTDIR, reason, str(folder)) from error
    if not hasattr(os, "getuid"):
        return
    if about.st_uid != os.getuid():
        problem = f"it belongs to the user {about.st_uid}"
    elif about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = f"others may write to it; `chmod go-w {folder}` ends that"
    else:
        return
    message = f"The cache must be yours alone, and {problem}. Remedy: set KERASGAN_HOME to a folder of your own"
    raise PermissionError(errno.EACCES, message, str(folder))
