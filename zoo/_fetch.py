"""Finds the files of entries: beside the card, in the folder `KERASGAN_ZOO_DIR`, or downloaded once into the cache."""

import contextlib
import os
import re
import threading
import time
from importlib import metadata
from pathlib import Path

from tqdm import tqdm

from kerasgan.downloads import SCHEMES, FetchError, cache_folder, is_offline, make_cache_folder, stream
from kerasgan.files import flush_to_disk, sha256_of
from kerasgan.locks import FolderLock
from kerasgan.zoo._weights import WeightFileError, read_checked

URL_VARIABLE, FOLDER_VARIABLE = "KERASGAN_ZOO_URL", "KERASGAN_ZOO_DIR"
RELEASE = "releases/download/zoo"  # below the URL of the project's repository
SUFFIX = ".weights.h5"
CUTS = 3  # number of broken connections after which a download fails; received bytes are kept

_url = None
# If several threads need the same file, one of them downloads it.
_fetching = threading.Lock()


def set_url(url):
    """Sets the URL from which weights are downloaded that are not part of the package, for this process.

    Args:
        url: str, the URL of the folder with the files of the release: http, https or file. None, the default, uses the
            environment variable `KERASGAN_ZOO_URL`, or if it is not set, the release `zoo` of the source repository in
            the metadata of the package.

    Raises:
        ValueError: for another scheme.

    Example:

    >>> kerasgan.zoo.set_url("https://example.org/weights")
    >>> kerasgan.zoo.set_url(None)
    """
    global _url
    if url is not None and not str(url).startswith(SCHEMES):
        raise ValueError(f"`url` must begin with one of {SCHEMES}, or be None. Received: {url!r}")
    _url = url


def base_url():
    """Returns the URL of the weights, see `set_url`, or None if there is none."""
    if _url or os.environ.get(URL_VARIABLE):
        return _url or os.environ[URL_VARIABLE]
    try:
        links = metadata.metadata("kerasgan").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    source = dict(link.split(", ", 1) for link in links).get("Source")
    return f"{source.rstrip('/')}/{RELEASE}" if source else None


def released_name(entry, filename, record):
    """Returns the name of an entry's weights in the release and in the cache.

    It contains the first digits of the SHA-256, so retrained weights have another name, and each version of the package
    finds its own weights.

    Raises:
        ValueError: unless the parts are plain names and a hash, as the name must not leave its folder.

    Example:

    >>> from kerasgan.zoo._fetch import released_name
    >>> released_name("dcgan_mnist", "generator.weights.h5", {"sha256": "5a126e80" + 56 * "0"})
    'dcgan_mnist-generator-5a126e80.weights.h5'
    """
    stem, digest = filename.removesuffix(SUFFIX), str(record["sha256"])
    if not (
        filename.endswith(SUFFIX)
        and all(re.fullmatch(r"\w+", part, re.ASCII) for part in (entry, stem))
        and re.fullmatch("[0-9a-f]{64}", digest)
    ):
        raise ValueError(
            f"Weights must be named by letters, digits and '_', with a SHA-256 of 64 digits. "
            f"Received: {filename!r} of {entry!r}, {digest!r}"
        )
    return f"{entry}-{stem}-{digest[:8]}{SUFFIX}"


def locate(folder, filename, record):
    """Finds a file of a zoo entry, downloads it if necessary, and checks its size and hash.

    Args:
        folder: the folder of the entry with its card.
        filename: str, a name in "files" of the card.
        record: dict with "size" and "sha256".

    Returns:
        pathlib.Path.

    Raises:
        WeightFileError: if the file does not match the record. It is then removed from the cache, but not elsewhere.
        FileNotFoundError: if the file is missing and cannot be downloaded. The message says where to put it.
        PermissionError: if the cache belongs to another user, or others may write to it.
    """
    folder = Path(folder)
    if Path(filename).name != filename:
        raise ValueError(f"`filename` must be a name without folders. Received: {filename!r}")
    for place in (folder / filename, *_elsewhere(folder.name, filename)):
        if place.exists():
            read_checked(place, record["size"], record["sha256"])
            return place
    if not filename.endswith(SUFFIX):
        raise FileNotFoundError(f"{folder / filename} is missing, but is part of the package. Install kerasgan again")
    cached = cache_folder("zoo") / released_name(folder.name, filename, record)
    with _fetching:
        if not cached.exists():
            _fetch(cached, record)
            return cached
    try:
        read_checked(cached, record["size"], record["sha256"])
    except WeightFileError as error:
        cached.unlink(missing_ok=True)
        raise WeightFileError(f"{error}. It was removed from the cache; the next call downloads it again") from error
    return cached


def _elsewhere(entry, filename):
    """Returns the path of the file in the folder `KERASGAN_ZOO_DIR`, if it is set."""
    root = os.environ.get(FOLDER_VARIABLE)
    if not root:
        return []
    if not Path(root).is_dir():
        raise FileNotFoundError(f"{FOLDER_VARIABLE} must name a folder with a folder per entry. Received: {root!r}")
    return [Path(root) / entry / filename]


def _fetch(target, record):
    """Downloads a file to `target`. It appears there after it is complete and checked."""
    base = base_url()
    if base is None:
        raise FileNotFoundError(
            f"{target.name} is not part of the package, and no URL to download it from is known. Set {URL_VARIABLE} to "
            f"the URL of the folder that holds it, or {FOLDER_VARIABLE} to the folder `zoo` of a clone. To install it "
            f"by hand: {target.name} as {target}"
        )
    url = f"{base.rstrip('/')}/{target.name}"
    by_hand = f"To install it by hand: {url} as {target}"
    if is_offline():
        raise FileNotFoundError(f"{target} is not in the cache and KERASGAN_OFFLINE is set. {by_hand}")
    try:
        with _part_of(target) as part:
            if not target.exists():  # another process may have downloaded it
                _download(url, part, record)
                os.replace(part, target)
                flush_to_disk(target.parent)
    except FetchError as error:
        raise FileNotFoundError(f"{url} could not be downloaded ({error}). {by_hand}") from error
    except OSError as error:
        reason = f"A downloaded file cannot be stored ({error.strerror}). Set KERASGAN_HOME to a writable folder"
        raise OSError(error.errno, reason, str(target)) from error


@contextlib.contextmanager
def _part_of(target):
    """Returns the exclusively locked file with the received bytes of `target`. Waits for other processes."""
    while True:
        folder = make_cache_folder("zoo", f"{target.name}.part")
        try:
            lock = FolderLock(folder)
            break
        except BlockingIOError:
            time.sleep(0.1)
        except FileNotFoundError:  # the previous process has just removed the folder
            pass
    part = folder / "content"
    try:
        yield part
    finally:
        if part.exists() and not part.stat().st_size:
            part.unlink()
        lock.release()
        with contextlib.suppress(OSError):  # not empty: it holds received bytes
            folder.rmdir()


def _download(url, part, record):
    """Completes the file `part`. Removes it if it does not match the record."""
    size, sha256 = record["size"], record["sha256"]
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with (
        os.fdopen(os.open(part, flags, 0o600), "r+b") as file,
        tqdm(total=size, desc=part.parent.stem, unit="B", unit_scale=True, mininterval=0.5) as bar,
    ):
        cuts = 0
        while True:
            held = _held(file, size)
            try:
                _receive(url, file, size, bar)
            except FetchError as error:
                cuts, kept = cuts + 1, file.tell()
                if cuts < CUTS and kept > held:
                    continue
                reason = f"{error}; the next call continues at byte {kept:,} of {size:,}" if kept else error
                raise FetchError(reason) from error
            file.flush()
            found, digest = file.tell(), sha256_of(part)
            if (found, digest) == (size, sha256):
                flush_to_disk(part)
                return
            file.truncate(0)
            if not held:  # not caused by earlier bytes
                raise WeightFileError(
                    f"{url} must give {size} bytes with the SHA-256 {sha256}. Received: {found} bytes"
                    f"{' or more' if found > size else ''}, SHA-256 {digest}; nothing was kept"
                )


def _held(file, size):
    """Returns the number of stored bytes, and seeks to their end. Drops them if they are too many."""
    if file.seek(0, os.SEEK_END) > size:
        file.truncate(0)
    return file.seek(0, os.SEEK_END)


def _receive(url, file, size, bar):
    """Writes the missing bytes of a file. If the file is too long, one byte more is written."""
    bar.update(file.tell() - bar.n)
    if file.tell() == size:
        return
    with contextlib.closing(stream(url, file.tell(), size)) as pieces:
        for position, piece in pieces:
            if position != file.tell():
                file.seek(position)
                file.truncate()
            file.write(piece)
            bar.update(file.tell() - bar.n)
