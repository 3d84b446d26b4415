"""Image grids, curves and animations."""

from kerasgan.plots.curves import history, read_log
from kerasgan.plots.figures import figure_class
from kerasgan.plots.films import animation, film
from kerasgan.plots.pictures import (
    color_labels,
    image_grid,
    labelled_grid,
    save_images,
    save_png,
    shown_channels,
    visible,
)

__all__ = [
    "animation",
    "color_labels",
    "figure_class",
    "film",
    "history",
    "image_grid",
    "labelled_grid",
    "read_log",
    "save_images",
    "save_png",
    "shown_channels",
    "visible",
]
