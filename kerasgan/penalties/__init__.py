"""Penalties: terms added to the loss of D, computed on real and fake images, or to that of G.

A penalty of D is called as `penalty(judge, real, fake, seed)`, where `judge` maps images to logits, and returns a
scalar that already holds its weight. The norms are computed in float32 whatever the networks' precision.
"""

import keras

from kerasgan.arguments import did_you_mean
from kerasgan.penalties.averaging import HistoricalAveraging
from kerasgan.penalties.consistency import Consistency, LatentConsistency, LeCam
from kerasgan.penalties.generators import OF_GENERATORS, Orthogonal, PathLength, filters_of, overlap, path_lengths
from kerasgan.penalties.gradients import (
    DRAGAN,
    R1,
    R2,
    GradientPenalty,
    Penalty,
    Recorded,
    lazily,
    squared_gradient_norms,
    warn_of_inexact_norms,
)

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "Consistency",
    "GradientPenalty",
    "HistoricalAveraging",
    "LatentConsistency",
    "LeCam",
    "Orthogonal",
    "PathLength",
    "Penalty",
    "Recorded",
    "filters_of",
    "get",
    "lazily",
    "overlap",
    "path_lengths",
    "squared_gradient_norms",
    "warn_of_inexact_norms",
]

# Penalties that are not functions of D and two batches of images.
OF_GAMES = (*OF_GENERATORS, LatentConsistency, HistoricalAveraging)
NAMES = {
    "gradient_penalty": GradientPenalty,
    "r1": R1,
    "r2": R2,
    "dragan": DRAGAN,
    "cr": Consistency,
    "bcr": lambda: Consistency(fake_weight=10.0),
    "zcr": LatentConsistency,
    "lecam": LeCam,
    "historical_averaging": HistoricalAveraging,
    "path_length": PathLength,
    "orthogonal": Orthogonal,
}


def get(penalty):
    """Returns the list of penalties that `penalty` names.

    Args:
        penalty: None, a name (`"gradient_penalty"`, `"r1"`, `"r2"`, `"dragan"`, `"cr"`, `"bcr"`, `"zcr"`, `"lecam"`,
            `"historical_averaging"`, `"path_length"`, `"orthogonal"`), a config, an object of a class here, a callable
            `(judge, real, fake, seed) -> scalar`, or a list.

    Returns:
        A list of callables, empty for None.

    Raises:
        ValueError: if an entry is none of these.

    Example:

    >>> kerasgan.penalties.get("r1")[0].weight
    10.0
    """
    if penalty is None:
        return []
    if isinstance(penalty, (list, tuple)):
        return [entry for item in penalty for entry in get(item)]
    if isinstance(penalty, dict):
        penalty = keras.saving.deserialize_keras_object(penalty)
    if isinstance(penalty, type):
        name = penalty.__name__
        raise ValueError(f"`penalty` must hold objects. Received: the class {name}. Remedy: {name}()")
    if isinstance(penalty, str) and penalty in NAMES:
        return [NAMES[penalty]()]
    if callable(penalty) or isinstance(penalty, tuple(OF_GAMES)):
        return [penalty]
    raise ValueError(
        f"`penalty` must be None, one of {sorted(NAMES)}, a callable, or a list of these. Received: {penalty!r}."
        f"{did_you_mean(penalty, NAMES)}"
    )
