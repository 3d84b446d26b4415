"""Glyphs, a built-in data set: digits and capitals in the fonts of matplotlib. Nothing is downloaded.

Every image depends only on `(seed, split, index)`. Its attributes are known, so they can be used as labels, real-valued
conditions and captions. Glyphs also come as pairs (outline and filled) and domains (serif and sans), at any image size.
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
