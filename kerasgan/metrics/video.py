"""How films hold together in time: errors of frames moved by flow, and changes of features from frame to frame."""

import numpy as np

from kerasgan.layers import warp
from kerasgan.metrics.checks import check_images
from kerasgan.metrics.features import extract_features


def warping_error(films, flow, visible=None):
    """Mean absolute difference of each frame to the one before, moved by known flow: what flickers has a large one.

    As the temporal error of Lai et al. (2018, https://arxiv.org/abs/1808.00449, section 4.2), but of absolute instead
    of squared differences, and by the flow of the data instead of an estimated one.

    Args:
        films: float array (n, frames, height, width, channels) in [-1, 1], of at least 2 frames.
        flow: float array (n, frames, height, width, 2), backward flow as of `kerasgan.layers.warp`; that of the first
            frame is not looked at.
        visible: bool array (n, frames, height, width), which points are in the frame before, too; others do not count.
            Default: all.

    Returns:
        float64 array (n,), from 0 to 2; NaN of a film in which nothing is visible.

    Raises:
        ValueError: for shapes that do not fit, integer frames, or values outside [-1, 1].

    Example:

    >>> films, still = np.zeros((1, 3, 4, 4, 1)), np.zeros((1, 3, 4, 4, 2))
    >>> films[0, 1] = 0.5  # a flash
    >>> warping_error(films, still)
    array([0.5])
    """
    films = _films(films, "films")
    flow, counts = np.asarray(flow, "float32"), np.ones(films.shape[:-1], bool) if visible is None else visible
    for name, array, shape in (("flow", flow, (*films.shape[:-1], 2)), ("visible", counts, films.shape[:-1])):
        if np.shape(array) != shape:
            raise ValueError(f"`{name}` must have the shape {shape}, that of the films. Received: {np.shape(array)}")
    errors = np.stack([np.abs(warp(film[:-1], of[1:]) - film[1:]).mean(-1) for film, of in zip(films, flow)])
    counts = np.asarray(counts, bool)[:, 1:]
    with np.errstate(invalid="ignore"):
        return (errors * counts).sum((1, 2, 3), dtype="float64") / counts.sum((1, 2, 3))


def temporal_difference(real, fake, extractor):
    """How much more, or less, features change from frame to frame in generated films than in real ones.

    As tLP (Chu et al. 2020, https://arxiv.org/abs/1811.09393, section 5), |d(y_{t-1}, y_t) - d(x_{t-1}, x_t)|, the mean
    over frames; d is the Euclidean distance of the features of two frames, over their mean length in the real film,
    where tLP has the distance LPIPS. What moves as the real film does has 0; flicker has more, and so has a still.

    Args:
        real: float array (n, frames, height, width, channels) in [-1, 1], of at least 2 frames.
        fake: the same shape.
        extractor: as of `kerasgan.metrics.extract_features`.

    Returns:
        float64 array (n,).

    Raises:
        ValueError: for shapes that differ, integer frames, or values outside [-1, 1].
    """
    real, fake = _films(real, "real"), _films(fake, "fake")
    if real.shape != fake.shape:
        raise ValueError(f"`real` and `fake` must have the same shape. Received: {real.shape} and {fake.shape}")

    def features(films):
        flat = extract_features(films.reshape(-1, *films.shape[2:]), extractor)
        return flat.astype("float64").reshape(*films.shape[:2], -1)

    of_real, of_fake = features(real), features(fake)
    changes = [np.linalg.norm(np.diff(x, axis=1), axis=-1) for x in (of_real, of_fake)]
    length = np.linalg.norm(of_real, axis=-1).mean(1, keepdims=True)
    return (np.abs(changes[0] - changes[1]) / length).mean(1)


def _films(films, name):
    films = np.asarray(films)
    if films.ndim != 5 or films.shape[1] < 2:
        raise ValueError(
            f"`{name}` must have the shape (n, frames, height, width, channels), of at least 2 frames. "
            f"Received: {films.shape}"
        )
    return np.asarray(check_images(films.reshape(-1, *films.shape[2:]), name)).reshape(films.shape)
