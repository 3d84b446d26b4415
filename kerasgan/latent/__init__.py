"""Moving in the space of latents: ways between points, arithmetic, truncation, neighbours, and the way back.

The way back leads from images to latents (`project`), or from the features of any network to images (`invert`).
"""

from kerasgan.latent.drawing import decode, of_seeds
from kerasgan.latent.inversion import Inversion, invert
from kerasgan.latent.search import Neighbours, Projection, nearest_neighbours, project
from kerasgan.latent.sums import arithmetic, group_means
from kerasgan.latent.ways import lerp, plane, slerp, walk
from kerasgan.models.tasks import truncate

__all__ = [
    "Inversion",
    "Neighbours",
    "Projection",
    "arithmetic",
    "decode",
    "group_means",
    "invert",
    "lerp",
    "nearest_neighbours",
    "of_seeds",
    "plane",
    "project",
    "slerp",
    "truncate",
    "walk",
]
