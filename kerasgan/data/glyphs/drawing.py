"""Rendering of glyphs."""

import functools
import math
import os

import numpy as np

from kerasgan.data.glyphs.table import BACKGROUNDS, CHARACTERS, COLORS, FAMILIES, LUMA

# The (regular, bold) files of every face of a family.
_FACES = {
    "sans": (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),),
    "serif": (("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"), ("STIXGeneral.ttf", "STIXGeneralBol.ttf")),
    "mono": (("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),),
}


@functools.lru_cache(maxsize=16)
def _font(file, cap_height):
    """Returns the font at the size where capitals are `cap_height` pixels high."""
    import matplotlib
    from PIL import ImageFont

    path = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", file)
    trial = ImageFont.truetype(path, 1000)
    _, top, _, bottom = trial.getbbox("H")
    return ImageFont.truetype(path, 1000 * cap_height / (bottom - top))


@functools.lru_cache(maxsize=2048)
def _mask(file, character, cap_height, outline):
    """Returns a glyph (or its outline) as an 8-bit mask with a margin, and the width and height of its ink."""
    from PIL import Image, ImageChops, ImageDraw

    font = _font(file, cap_height)
    stroke = max(1, round(0.06 * cap_height))
    left, top, right, bottom = font.getbbox(character)
    margin = 2 * stroke + 2
    width, height = right - left, bottom - top
    place = (margin - left, margin - top)

    def draw(stroke_width):
        image = Image.new("L", (width + 2 * margin, height + 2 * margin))
        ImageDraw.Draw(image).text(place, character, fill=255, font=font, stroke_width=stroke_width)
        return image

    return (ImageChops.subtract(draw(stroke), draw(0)) if outline else draw(0)), width, height


def _draw(mask, letter, family, face, bold, slant, size, x, y, outline):
    """Draws one glyph into `mask`, a square image with the coverage of each pixel from 0 to 255."""
    from PIL import Image

    image_size = len(mask)
    # Supersampling gives smooth edges. Larger images need a smaller factor.
    factor = 4 if image_size <= 64 else 3 if image_size <= 128 else 2
    canvas = factor * image_size
    cap_height = round(0.7 * canvas)
    faces = _FACES[FAMILIES[family]]
    glyph, width, height = _mask(faces[face % len(faces)][bold], CHARACTERS[letter], cap_height, outline)
    shear = math.tan(math.radians(slant))
    wide = width + abs(shear) * height
    # The widest letters are scaled down to fit into the image.
    scale = min(size * canvas / cap_height, 0.84 * canvas / max(wide, height))
    free_x, free_y = 0.46 - scale * wide / canvas / 2, 0.46 - scale * height / canvas / 2
    center_x = (0.5 + x * min(0.1, free_x)) * canvas
    center_y = (0.5 + y * min(0.1, free_y)) * canvas
    # Only cells with ink are drawn, about a third of all.
    reach_x, reach_y = (scale * side / 2 + 0.1 * scale * cap_height for side in (wide, height))
    left, top = (
        max(0, int((center - reach) // factor)) for center, reach in ((center_x, reach_x), (center_y, reach_y))
    )
    right = min(image_size, math.ceil((center_x + reach_x) / factor))
    bottom = min(image_size, math.ceil((center_y + reach_y) / factor))
    from_x, from_y = left * factor - center_x, top * factor - center_y
    inverse = 1 / scale
    to_glyph = (
        inverse,
        shear * inverse,
        glyph.width / 2 + inverse * (from_x + shear * from_y),
        0.0,
        inverse,
        glyph.height / 2 + inverse * from_y,
    )
    cells = ((right - left) * factor, (bottom - top) * factor)
    drawn = glyph.transform(cells, Image.Transform.AFFINE, to_glyph, Image.Resampling.NEAREST)
    mask[top:bottom, left:right] = np.asarray(drawn.reduce(factor))


def render(attributes, image_size=32, channels=3, *, outline=False):
    """Draws glyphs, antialiased.

    Args:
        attributes: A dict as returned by `attributes()`. Its arrays may be replaced.
        image_size: Int, the side in pixels, default 32. The same attributes give the same picture at any size.
        channels: 3 (default) or 1. Grey is the luma of the colours.
        outline: Bool. True draws the outline of each glyph instead of filling it.

    Returns:
        uint8 array `(n, image_size, image_size, channels)`.

    Example:

    >>> from kerasgan.data import glyphs
    >>> images = glyphs.render(glyphs.attributes(16), image_size=64)
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    if not isinstance(image_size, int) or image_size < 8:
        raise ValueError(
            f"`image_size` must be an int of at least 8 pixels: glyphs are squares. Received: {image_size!r}"
        )
    masks = np.zeros((len(attributes["letter"]), image_size, image_size), np.uint8)
    columns = [attributes[name].tolist() for name in ("letter", "family", "face", "bold", "slant", "size", "x", "y")]
    for mask, values in zip(masks, zip(*columns)):
        _draw(mask, *values, bool(outline))
    foreground = np.array(list(COLORS.values()), "float32")[attributes["color"]]
    background = np.array(list(BACKGROUNDS.values()), "float32")[attributes["background"]]
    if channels == 1:
        foreground, background = ((rgb @ LUMA.astype("float32"))[:, None] for rgb in (foreground, background))
    images = np.empty((*masks.shape, channels), np.uint8)
    for first in range(0, len(masks), 1024):  # limits the memory of the float images
        part = slice(first, first + 1024)
        share = masks[part, :, :, None].astype("float32") / 255
        below, above = background[part, None, None], foreground[part, None, None]
        images[part] = np.rint(below + (above - below) * share)
    return images
