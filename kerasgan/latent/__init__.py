"""Tools for the latent space: interpolation, arithmetic, truncation, nearest neighbours, projection.

`project` and `project_to_styles` find latents of given images. `invert` finds images with given features of any
network.
"""

from kerasgan.latent.directions import directions
from kerasgan.latent.drawing import decode, of_seeds
from kerasgan.latent.inversion import Inversion, invert
from kerasgan.latent.search import Neighbours, Projection, nearest_neighbours, project
from kerasgan.latent.styles import mixing_grid, project_to_styles
from kerasgan.latent.sums import arithmetic, group_means
from kerasgan.latent.ways import lerp, plane, slerp, walk
from kerasgan.models.tasks import truncate

__all__ = [
    "Inversion",
    "Neighbours",
    "Projection",
    "arithmetic",
    "decode",
    "directions",
    "group_means",
    "invert",
    "lerp",
    "mixing_grid",
    "nearest_neighbours",
    "of_seeds",
    "plane",
    "project",
    "project_to_styles",
    "slerp",
    "truncate",
    "walk",
]
