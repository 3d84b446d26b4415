"""Fits, caches, reads and writes the mean and covariance of features."""

import hashlib
import os
import re
from typing import NamedTuple

import numpy as np

from kerasgan.files import read_arrays, replacing
from kerasgan.metrics.checks import check_features
from kerasgan.metrics.features import batches_of, extract_features, get_extractor, has_name


class Statistics(NamedTuple):
    """The Gaussian fitted to a set of features: `mean` (d,), `cov` (d, d), and the number of images `count`."""

    mean: np.ndarray
    cov: np.ndarray
    count: int


def images_hash(images, batch_size=64):
    """Returns the SHA-256 of the shape, dtype and bytes of a set of images. It does not depend on the batch size.

    Args:
        images: array (n, height, width, channels), or an iterable of batches.
        batch_size: int, the number of images read from an array at a time. Default 64.

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
    """Returns the mean and covariance of the features of a set of images. With `cache_dir`, they are kept on disk.

    The name of the cache file contains the hash of the images and the hash of the extractor's weights, architecture and
    resize rule, so different images or weights give different files.

    Args:
        images: as in `extract_features`. With a cache, an iterable is read twice.
        extractor: anything that `get_extractor` accepts. With a cache, it must be a keras.Model or a name.
        batch_size: int, default 64.
        cache_dir: path of a folder, which is created if it is missing. Default None: no cache.
        verbose: 1 shows a progress bar. Default 0.

    Returns:
        `Statistics(mean, cov, count)`, float64.

    Raises:
        ValueError: as `extract_features`, for fewer than two images, or with `cache_dir` for a plain callable or a
            `preprocess` without a name.

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
                "`cache_dir` needs an extractor with known weights: a keras.Model or a name. "
                f"Received: the callable {extractor.name!r}"
            )
        if extractor.preprocess is not None and not has_name(extractor.preprocess):
            raise ValueError(
                "`cache_dir` needs a `preprocess` with a name. Received: a lambda, a local function or an object. "
                "Remedy: a function at the top level of a module"
            )
        model = f"{extractor.weights_hash} {_architecture(extractor.model)}"
        key = f"{images_hash(images)} {model} {extractor.resize} {extractor.precision}"
        path = os.path.join(cache_dir, hashlib.sha256(key.encode()).hexdigest() + ".npz")
        try:
            return _read(path, with_count=True)
        except (OSError, ValueError):
            pass  # missing or damaged; it is written below
    features = check_features(extract_features(images, extractor, batch_size, verbose), "features")
    statistics = Statistics(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)), len(features))
    if path is not None:
        _write_arrays(path, mu=statistics.mean, sigma=statistics.cov, count=statistics.count)
    return statistics


def _architecture(model):
    """Returns a description of the model's architecture that does not depend on the process."""
    try:
        text = model.to_json()
    except (NotImplementedError, TypeError, ValueError):
        text = f"{type(model).__module__}.{type(model).__qualname__}"  # a subclassed model is described by its class
    # removes the numbers that make names unique
    return re.sub(r"_\d+(?=\")", "", text)


def read_statistics(path):
    """Reads statistics from an `.npz` file with `mu` and `sigma`, the usual format of FID statistics.

    Args:
        path: the path of the file.

    Returns:
        `(mean, cov)`, float64 arrays (d,) and (d, d), for `frechet_distance`.

    Raises:
        ValueError: if `mu` or `sigma` is missing, has a wrong shape or is not finite, or if the file is truncated. The
            message names the file.
        OSError: if the file cannot be read.
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
        raise ValueError(f"{path} must hold finite statistics of at least two images")
    return Statistics(np.asarray(mean, np.float64), np.asarray(cov, np.float64), int(count))


def write_statistics(path, mean, cov):
    """Writes statistics to an `.npz` file with `mu` and `sigma`. An existing file is replaced atomically.

    Args:
        path: the path of the file, ending in ".npz".
        mean: array (d,).
        cov: array (d, d).

    Raises:
        ValueError: if the path has another ending.
    """
    if not os.fspath(path).endswith(".npz"):
        raise ValueError(f"`path` must end in '.npz'. Received: {os.fspath(path)!r}")
    _write_arrays(path, mu=mean, sigma=cov)


def _write_arrays(path, **arrays):
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
