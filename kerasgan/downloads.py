"""Downloads: where files are cached, when downloads are forbidden, and how large they may be."""

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
    _check_url(url)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            return response.read(largest + 1)
    except (http.client.HTTPException, ValueError) as error:  # an answer that is none, or ends early; a bad port
        raise OSError(_reason(error)) from error


class FetchError(OSError):
    """A server did not give what was asked of it."""


def stream(url, start, largest):
    """Fetches a file, or what is missing of it, piece by piece.

    Args:
        url: str, http, https or file.
        start: int, bytes that are here already. A server that cannot go on from there begins anew.
        largest: int, bytes. Of a longer file one byte more is given, which is enough to know.

    Yields:
        (int, bytes): where in the file a piece belongs, and the piece. The first one is at `start` or at 0.

    Raises:
        FetchError: when the file cannot be fetched, or the connection ends before it does.
        ValueError: for another scheme, or where downloads are forbidden.
    """
    _check_url(url)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            position = _first_byte(response, start)
            while position <= largest and (piece := response.read(min(PIECE, largest + 1 - position))):
                yield position, piece
                position += len(piece)
            # A connection that ends early ends the reading of pieces without an error.
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
    """Returns where in the file an answer begins."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    given = response.headers.get("Content-Range", "nothing")
    if not given.startswith(f"bytes {start}-"):
        raise ValueError(f"bytes from {start} on were asked for, and it gave {given}")
    return start


def _check_url(url):
    if not url.startswith(SCHEMES):
        raise ValueError(f"`url` must begin with one of {SCHEMES}. Received: {url!r}")
    if not url.startswith("file://"):
        check_allowed(url)


def _reason(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"  # it may be what the server said


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
