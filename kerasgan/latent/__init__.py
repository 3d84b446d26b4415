"""Moving in the space of latents: ways between points, arithmetic, truncation, neighbours, and the way back."""

from kerasgan.latent.drawing import decode, of_seeds
from kerasgan.latent.search import Neighbours, Projection, nearest_neighbours, project
from kerasgan.latent.sums import arithmetic, group_means
from kerasgan.latent.ways import lerp, plane, slerp, walk
from kerasgan.models.tasks import truncate

__all__ = [
    "Neighbours",
    "Projection",
    "arithmetic",
    "decode",
    "group_means",
    "lerp",
    "nearest_neighbours",
    "of_seeds",
    "plane",
    "project",
    "slerp",
    "truncate",
    "walk",
]
