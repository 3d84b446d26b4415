"""Where an entry's files are: beside its card, or fetched once into the user's cache folder."""

import hashlib
import threading
from pathlib import Path

from kerasgan.downloads import cache_folder, fetch, is_offline, make_cache_folder
from kerasgan.files import replacing
from kerasgan.zoo._weights import WeightFileError, read_checked

# Of threads that want the same file one fetches it.
_fetching = threading.Lock()


def locate(folder, filename, record):
    """Finds a file of a zoo entry, fetching it if it must; what is returned has the size and hash of the record.

    Args:
        folder: the entry's folder, which holds its card.
        filename: str, a name in the card's "files".
        record: dict with "size", "sha256" and, for files that do not ship with the package, "url".

    Returns:
        pathlib.Path.

    Raises:
        WeightFileError: the file is not what the record says. In the cache it is removed, in the package it is kept.
        FileNotFoundError: it is nowhere and cannot be fetched; the message says where to put it by hand.
        PermissionError: the cache belongs to another user, or others may write to it.
    """
    shipped = Path(folder) / filename
    if shipped.exists() or "url" not in record:
        if not shipped.exists():
            raise FileNotFoundError(f"{shipped} must be there: it ships with the package. Install kerasgan again")
        read_checked(shipped, record["size"], record["sha256"])
        return shipped
    cached = cache_folder("zoo", Path(folder).name) / filename
    with _fetching:
        if not cached.exists():
            _fetch(record, cached)
            return cached
    try:
        read_checked(cached, record["size"], record["sha256"])
    except WeightFileError as error:
        cached.unlink(missing_ok=True)
        raise WeightFileError(f"{error}. It was removed from the cache; the next call fetches it again") from error
    return cached


def _fetch(record, target):
    """Downloads into memory up to the stated size, checks, then names the file in one step."""
    by_hand = f"To put it there by hand: {record['url']} as {target}"
    if is_offline():
        raise FileNotFoundError(f"{target} is not in the cache and KERASGAN_OFFLINE is set. {by_hand}")
    try:
        content = fetch(record["url"], record["size"])
    except OSError as error:
        raise FileNotFoundError(f"{record['url']} could not be fetched ({error}). {by_hand}") from error
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != record["size"] or digest != record["sha256"]:
        raise WeightFileError(
            f"{record['url']} must give {record['size']} bytes with the SHA-256 {record['sha256']}. "
            f"Received: {len(content)} bytes or more, SHA-256 {digest}; nothing was kept"
        )
    try:
        make_cache_folder("zoo", target.parent.name)
        with replacing(target) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        reason = f"A fetched file cannot be kept ({error.strerror}). Set KERASGAN_HOME to a folder you may write to"
        raise OSError(error.errno, reason, str(target)) from error
