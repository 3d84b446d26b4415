"""Mean and covariance of features: fitting, caching, reading and writing."""

import hashlib
import os
import re
from typing import NamedTuple

import numpy as np

from kerasgan.files import read_arrays, replacing
from kerasgan.metrics.checks import check_features
from kerasgan.metrics.features import batches_of, extract_features, get_extractor


class Statistics(NamedTuple):
    """The Gaussian fitted to a feature set: `mean` (d,), `cov` (d, d), and the number of images `count`."""

    mean: np.ndarray
    cov: np.ndarray
    count: int


def images_hash(images, batch_size=64):
    """SHA-256 over the shape, dtype and bytes of a set of images, in order; the same for every batch size.

    Args:
        images: array (n, height, width, channels), or an iterable of batches.
        batch_size: int, images read at a time from an array. Default 64.

    Returns:
        A hexadecimal str of 64 characters.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import images_hash
    >>> images_hash(np.zeros((2, 4, 4, 1))) == images_hash(np.ones((2, 4, 4, 1)))
    False
    """
    digest, header = hashlib.sha256(), None
    for batch in batches_of(images, batch_size)[0]:
        batch = np.ascontiguousarray(batch)
        if header != (batch.shape[1:], batch.dtype):
            header = (batch.shape[1:], batch.dtype)
            digest.update(repr((header[0], header[1].name)).encode())
        digest.update(batch.tobytes())
    return digest.hexdigest()


def reference_statistics(images, extractor, batch_size=64, cache_dir=None, verbose=0):
    """Mean and covariance of the features of a set, kept on disk when `cache_dir` is given.

    The file's name holds the hash of the images and that of the extractor's weights, architecture and resize rule:
    another image or another weight gives another file.

    Args:
        images: as in `extract_features`; an iterable is read twice when cached.
        extractor: anything `get_extractor` takes; to be cached it must be a keras.Model or a name.
        batch_size: int, default 64.
        cache_dir: path of a folder, made when absent. Default None: nothing is kept.
        verbose: 1 shows a progress bar. Default 0.

    Returns:
        `Statistics(mean, cov, count)`, float64.

    Raises:
        ValueError: as `extract_features`, for fewer than two images, or a plain callable with `cache_dir`.

    Example:

    >>> import numpy as np
    >>> from kerasgan.metrics import reference_statistics
    >>> images = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 2, 2, 1)
    >>> reference_statistics(images, lambda images: images).count
    2
    """
    extractor = get_extractor(extractor)
    path = None
    if cache_dir is not None:
        if extractor.model is None:
            raise ValueError(
                "`cache_dir` needs an extractor whose weights can be hashed: a keras.Model or a name. "
                f"Received: the callable {extractor.name!r}"
            )
        model = f"{extractor.weights_hash} {_architecture(extractor.model)}"
        key = f"{images_hash(images)} {model} {extractor.resize} {extractor.precision}"
        path = os.path.join(cache_dir, hashlib.sha256(key.encode()).hexdigest() + ".npz")
        try:
            return _read(path, with_count=True)
        except (OSError, ValueError):
            pass  # absent, or damaged and written anew below
    features = check_features(extract_features(images, extractor, batch_size, verbose), "features")
    statistics = Statistics(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)), len(features))
    if path is not None:
        _write_arrays(path, mu=statistics.mean, sigma=statistics.cov, count=statistics.count)
    return statistics


def _architecture(model):
    """What a model computes, in words that do not depend on the process: weights alone do not tell it."""
    try:
        text = model.to_json()
    except (NotImplementedError, TypeError, ValueError):
        text = f"{type(model).__module__}.{type(model).__qualname__}"  # written by hand: its class stands for it
    # the numbers that make names unique
    return re.sub(r"_\d+(?=\")", "", text)


def read_statistics(path):
    """Read stored statistics in the customary `.npz` form with `mu` and `sigma`.

    Args:
        path: the file's path.

    Returns:
        `(mean, cov)`, float64 arrays (d,) and (d, d), for `frechet_distance`.

    Raises:
        ValueError: when the file lacks `mu` or `sigma`, holds other shapes or numbers that are not finite, or declares
            more than it holds; it names the file.
        OSError: when the file cannot be read.
    """
    mean, cov, _ = _read(path)
    return mean, cov


def _read(path, with_count=False):
    stored = read_arrays(path, mu="f", sigma="f", count="iu")
    wanted = ("mu", "sigma", "count")[: 3 if with_count else 2]
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise ValueError(f"{path} must hold `mu` and `sigma`, floats. Received: no {missing[0]!r}")
    mean, cov, count = stored["mu"], stored["sigma"], stored.get("count", np.array(0))
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size) or count.shape != ():
        raise ValueError(f"{path} must hold `mu` (d,) and `sigma` (d, d). Received: {mean.shape} and {cov.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()) or with_count and count < 2:
        raise ValueError(f"{path} must hold finite statistics of at least two images. Received: others")
    return Statistics(np.asarray(mean, np.float64), np.asarray(cov, np.float64), int(count))


def write_statistics(path, mean, cov):
    """Write statistics in the customary `.npz` form (`mu`, `sigma`); an existing file is replaced whole or not at all.

    Args:
        path: the file's path, ending in ".npz".
        mean: array (d,).
        cov: array (d, d).

    Raises:
        ValueError: for another ending.
    """
    if not os.fspath(path).endswith(".npz"):
        raise ValueError(f"`path` must end in '.npz'. Received: {os.fspath(path)!r}")
    _write_arrays(path, mu=mean, sigma=cov)


def _write_arrays(path, **arrays):
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
