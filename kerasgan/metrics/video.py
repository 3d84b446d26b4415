"""Temporal consistency of films: warping error, and changes of features between frames."""

import numpy as np

from kerasgan.layers import warp
from kerasgan.metrics.checks import check_images
from kerasgan.metrics.features import extract_features


def warping_error(films, flow, visible=None):
    """Returns the mean absolute difference between each frame and the previous frame moved by the flow.

    Flicker gives a large error. This is the temporal error of Lai et al. (2018, https://arxiv.org/abs/1808.00449,
    section 4.2), but with absolute instead of squared differences, and with the flow of the data instead of an
    estimate.

    Args:
        films: float array (n, frames, height, width, channels) in [-1, 1], with at least 2 frames.
        flow: float array (n, frames, height, width, 2), backward flow as in `kerasgan.layers.warp`. The flow of the
            first frame is ignored.
        visible: bool array (n, frames, height, width), True for points that the previous frame also shows. Other points
            are ignored. Default: all.

    Returns:
        float64 array (n,), from 0 to 2; NaN for a film without visible points.

    Raises:
        ValueError: for shapes that do not fit, integer frames, values outside [-1, 1], or flow that is not finite at a
            visible point.

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
            raise ValueError(f"`{name}` must have the shape {shape}, as the films. Received: {np.shape(array)}")
    counts = np.asarray(counts, bool)
    flow = np.where(counts[..., None], flow, 0)
    if not np.isfinite(flow[:, 1:]).all():
        raise ValueError("`flow` must be finite at visible points. Received: NaN or infinity")
    errors = np.stack([np.abs(warp(film[:-1], of[1:]) - film[1:]).mean(-1) for film, of in zip(films, flow)])
    counts = counts[:, 1:]
    with np.errstate(invalid="ignore"):
        return (errors * counts).sum((1, 2, 3), dtype="float64") / counts.sum((1, 2, 3))


def temporal_difference(real, fake, extractor):
    """Returns the difference between the change of features per frame in generated and in real films.

    It is the mean over frames of |d(y_{t-1}, y_t) - d(x_{t-1}, x_t)|, as tLP (Chu et al. 2020,
    https://arxiv.org/abs/1811.09393, section 5). tLP uses LPIPS as d. Here, d is the Euclidean distance between the
    features of two frames, divided by the mean length of the features of the real film. The result is 0 if a film
    changes as much as the real one. Flicker and stills both increase it.

    Args:
        real: float array (n, frames, height, width, channels) in [-1, 1], with at least 2 frames.
        fake: float array of the same shape.
        extractor: as in `kerasgan.metrics.extract_features`.

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
