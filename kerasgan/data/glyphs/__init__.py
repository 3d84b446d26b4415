"""Glyphs, the built-in images: digits and capitals from the fonts that matplotlib ships, so nothing is downloaded.

Every image is a function of `(seed, split, index)` alone, and everything that made it is kept: its attributes give
labels, real-valued conditions, captions, pairs (outline and filled), domains (serif and sans) and any image size.
"""

from kerasgan.data.glyphs.datasets import captioned, domains, load, pairs, super_resolution
from kerasgan.data.glyphs.drawing import render
from kerasgan.data.glyphs.table import (
    BACKGROUNDS,
    CHARACTERS,
    COLORS,
    FAMILIES,
    MAX_SLANT,
    attributes,
    captions,
)

__all__ = [
    "BACKGROUNDS",
    "CHARACTERS",
    "COLORS",
    "FAMILIES",
    "MAX_SLANT",
    "attributes",
    "captioned",
    "captions",
    "domains",
    "load",
    "pairs",
    "render",
    "super_resolution",
]
