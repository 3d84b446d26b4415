"""Downloads within limits, the cache folder, and the offline mode."""

import contextlib
import contextvars
import errno
import http.client
import os
import stat
import urllib.error
import urllib.request
from pathlib import Path

SCHEMES = ("https://", "http://", "file://")
TIMEOUT = 30  # seconds without a byte
PIECE = 1 << 18  # bytes
_forbidden_by = contextvars.ContextVar("forbidden_by", default=None)


@contextlib.contextmanager
def no_downloads(reason):
    """Forbids downloads of this library within the block, so that reading a file cannot cause a request.

    Args:
        reason: str, the file or function that must not cause downloads, for the error message.
    """
    token = _forbidden_by.set(reason)
    try:
        yield
    finally:
        _forbidden_by.reset(token)


def check_allowed(what):
    """Raises a ValueError within `no_downloads`. `what` is the file to download."""
    reason = _forbidden_by.get()
    if reason is not None:
        raise ValueError(f"{reason} must not cause a download. Received: it needs {what}")


def is_offline():
    """Returns whether the environment variable KERASGAN_OFFLINE forbids downloads."""
    return os.environ.get("KERASGAN_OFFLINE", "0") not in ("", "0")


def fetch(url, largest):
    """Fetches a file into memory.

    Args:
        url: str, http, https or file.
        largest: int, bytes. If the file is longer, `largest` + 1 bytes are returned.

    Returns:
        bytes, at most `largest` + 1.

    Raises:
        ValueError: for another scheme, or if downloads are forbidden.
        OSError: if the file cannot be fetched, for any reason.
    """
    _check_url(url)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return response.read(largest + 1)
    except (http.client.HTTPException, ValueError) as error:  # an invalid or incomplete response, or an invalid port
        raise OSError(_reason(error)) from error


class FetchError(OSError):
    """A download failed or is incomplete."""


def stream(url, start, largest):
    """Fetches a file, or the rest of it, in pieces.

    Args:
        url: str, http, https or file.
        start: int, the number of bytes already downloaded. If the server does not support ranges, it starts at 0.
        largest: int, bytes. If the file is longer, one byte more is yielded.

    Yields:
        (int, bytes): the position of a piece in the file, and the piece. The first one is at `start` or at 0.

    Raises:
        FetchError: if the file cannot be fetched, or the connection ends early.
        ValueError: for another scheme, or if downloads are forbidden.
    """
    _check_url(url)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            position = _first_byte(response, start)
            while position <= largest and (piece := response.read(min(PIECE, largest + 1 - position))):
                yield position, piece
                position += len(piece)
            # If the connection ends early, reading ends without an error.
            lacking = 0 if position > largest else getattr(response, "length", None)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            yield from stream(url, 0, largest)
            return
        raise FetchError(_reason(error)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(_reason(error)) from error
    if lacking:
        raise FetchError(f"the connection ended {lacking:,} bytes early")


def _first_byte(response, start):
    """Returns the position in the file at which a response starts."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    given = response.headers.get("Content-Range", "nothing")
    if not given.startswith(f"bytes {start}-"):
        raise ValueError(f"expected bytes from {start} on, received {given}")
    return start


def _check_url(url):
    if not url.startswith(SCHEMES):
        raise ValueError(f"`url` must begin with one of {SCHEMES}. Received: {url!r}")
    if not url.startswith("file://"):
        check_allowed(url)


def _reason(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"  # may be long text of the server


def cache_folder(*parts):
    """Returns the cache folder, `KERASGAN_HOME` or `~/.cache/kerasgan`, or a folder below it. It is not created.

    If the folder exists, it must belong to the user, and no other user may write to it.

    Raises:
        PermissionError: if another user owns it or may write to it. The message gives the remedy.
    """
    folder = Path(os.environ.get("KERASGAN_HOME") or Path.home() / ".cache" / "kerasgan")
    _check_owner(folder)
    for part in parts:
        folder = folder / part
        _check_owner(folder)
    return folder


def make_cache_folder(*parts):
    """Returns a folder of the cache. It and its parents are created with permissions for this user only."""
    cache_folder(*parts)  # checks existing folders before anything is created
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
        reason = "The cache must be a folder, not a file. Remedy: set KERASGAN_HOME to a folder of your own"
        raise OSError(errno.ENOTDIR, reason, str(folder)) from error
    if not hasattr(os, "getuid"):
        return
    if about.st_uid != os.getuid():
        problem = f"it belongs to the user {about.st_uid}"
    elif about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = f"others may write to it (`chmod go-w {folder}` forbids it)"
    else:
        return
    message = f"The cache must belong to you alone, but {problem}. Remedy: set KERASGAN_HOME to a folder of your own"
    raise PermissionError(errno.EACCES, message, str(folder))
