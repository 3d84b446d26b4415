"""Glyphs, the built-in images: digits and capitals from the fonts that matplotlib ships, so nothing is downloaded.

Every image is a function of `(seed, split, index)` alone, and everything that made it is kept: its attributes give
labels, real-valued conditions, captions, pairs (outline and filled), domains (serif and sans) and any image size.
"""

import functools
import math
import os

import numpy as np
import tensorflow as tf

from kerasgan.data import _pipeline

# Digits come first, so that the label of a digit is the digit.
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FAMILIES = ("sans", "serif", "mono")
COLORS = {
    "red": (214, 40, 40),
    "orange": (245, 130, 30),
    "yellow": (250, 210, 50),
    "green": (40, 160, 70),
    "blue": (40, 90, 220),
    "purple": (140, 60, 190),
    "pink": (240, 120, 180),
    "black": (20, 20, 20),
    "white": (245, 245, 245),
}
BACKGROUNDS = {
    "white": (255, 255, 255),
    "cream": (250, 232, 190),
    "sky": (175, 215, 245),
    "grey": (115, 115, 115),
    "navy": (25, 35, 85),
    "black": (0, 0, 0),
}
MAX_SLANT = 20.0  # degrees, to either side

_SPLITS = ("train", "test")
_NUM_IMAGES = {"train": 10_000, "test": 2_000}
_LUMA = np.array([0.299, 0.587, 0.114])
# Below this difference of luma (of 255) a letter is hard to read, and vanishes in grey.
_MIN_CONTRAST = 60
# (regular, bold) files of every face of a family.
_FACES = {
    "sans": (("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),),
    "serif": (("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"), ("STIXGeneral.ttf", "STIXGeneralBol.ttf")),
    "mono": (("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),),
}
_LABELS = ("letter", "family", "bold", "color", "background", "slant")


def _mix(values):
    """The SplitMix64 finaliser (Steele, Lea and Flood 2014): a hash of 64-bit integers."""
    values = np.atleast_1d(values).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _uniform(key, field, index):
    """Uniform draws in [0, 1) that depend on (key, field, index) and on nothing else."""
    return (_mix(_mix(key + _mix(field)) + _mix(index)) >> np.uint64(11)) * 2.0**-53


def _choose(names, known, argument):
    names = tuple(known) if names is None else tuple([names] if isinstance(names, str) and names in known else names)
    unknown = [name for name in names if name not in known]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(f"`{argument}` must be different names out of {tuple(known)}. Received: {names!r}")
    return names


def _color_pairs(colors, backgrounds):
    """All (color, background) of enough contrast, as indices into COLORS and BACKGROUNDS."""
    luma = {name: float(_LUMA @ rgb) for table in (COLORS, BACKGROUNDS) for name, rgb in table.items()}
    color_names, background_names = list(COLORS), list(BACKGROUNDS)
    pairs = [
        (color_names.index(color), background_names.index(background))
        for color in colors
        for background in backgrounds
        if abs(luma[color] - luma[background]) >= _MIN_CONTRAST and color != background
    ]
    if not pairs:
        raise ValueError(
            "`colors` and `backgrounds` must allow at least one legible combination. Received: "
            f"colors={tuple(colors)!r}, backgrounds={tuple(backgrounds)!r}"
        )
    return np.array(pairs, "int32")


def attributes(
    num_images=None,
    split="train",
    *,
    seed=0,
    start=0,
    characters=CHARACTERS,
    colors=None,
    backgrounds=None,
    families=None,
    held_out=0.0,
):
    """Draws what the images `start` to `start + num_images` of a split look like.

    Args:
        num_images: Int; default 10,000 of "train", 2,000 of "test".
        split: "train" or "test": different images of the same kind.
        seed: Int, default 0.
        start: Int, the index of the first image. An image depends on (seed, split, index) only.
        characters: String, the characters to draw; default all 36.
        colors: Names out of `COLORS`; default all.
        backgrounds: Names out of `BACKGROUNDS`; default all. Combinations of too little contrast are never drawn.
        families: Names out of `FAMILIES`; default all.
        held_out: Float in [0, 1). This share of the combinations (character, colour, background) never occurs in
            "train", and "test" then consists of them alone. Default 0: both splits hold every combination.

    Returns:
        A dict of arrays `(num_images,)`: int32 `letter` (into `CHARACTERS`), `family` (into `FAMILIES`), `face`,
        `bold`, `color` (into `COLORS`), `background` (into `BACKGROUNDS`); float32 `slant` (degrees, positive leans
        right), `size` (height of a capital, of the image's), `x`, `y` (place, in [-1, 1] of the allowed shift).

    Example:

    >>> table = attributes(3, seed=1)
    >>> images = render(table, image_size=32)
    """
    if split not in _SPLITS:
        raise ValueError(
            f"`split` of the glyphs must be one of {_SPLITS} (take fewer with `num_images`). Received: {split!r}"
        )
    num_images = _NUM_IMAGES[split] if num_images is None else num_images
    if num_images < 1:
        raise ValueError(f"`num_images` must be at least 1. Received: {num_images!r}")
    if not 0 <= held_out < 1:
        raise ValueError(f"`held_out` must be a share in [0, 1). Received: {held_out!r}")
    characters = _choose(tuple(characters), CHARACTERS, "characters")
    families = _choose(families, FAMILIES, "families")
    pairs = _color_pairs(_choose(colors, COLORS, "colors"), _choose(backgrounds, BACKGROUNDS, "backgrounds"))
    index = np.arange(start, start + num_images)
    key = _mix(_mix(np.array([seed], np.int64)) + np.uint64(_SPLITS.index(split)))

    def pick(field, values):
        values = np.asarray(values)
        return values[(_uniform(key, field, index) * len(values)).astype(int)]

    letter = pick(0, [CHARACTERS.index(character) for character in characters]).astype("int32")
    pair = pick(1, pairs)
    if held_out:
        wrong = _is_held_out(letter, pair, held_out) != (split == "test")
        for attempt in range(1000):
            if not wrong.any():
                break
            pair[wrong] = pick(1000 + attempt, pairs)[wrong]
            wrong = _is_held_out(letter, pair, held_out) != (split == "test")
        else:
            letters = sorted({CHARACTERS[i] for i in letter[wrong]})
            raise ValueError(
                f"`held_out`={held_out} leaves {letters} without a combination of colours for the {split!r} split. "
                "Remedy: another share, or more `colors` and `backgrounds`."
            )
    return {
        "letter": letter,
        "family": pick(2, [FAMILIES.index(family) for family in families]).astype("int32"),
        "face": pick(3, [0, 1]).astype("int32"),
        "bold": pick(4, [0, 1]).astype("int32"),
        "color": pair[:, 0].copy(),
        "background": pair[:, 1].copy(),
        "slant": (MAX_SLANT * (2 * _uniform(key, 5, index) - 1)).astype("float32"),
        "size": (0.5 + 0.2 * _uniform(key, 6, index)).astype("float32"),
        "x": (2 * _uniform(key, 7, index) - 1).astype("float32"),
        "y": (2 * _uniform(key, 8, index) - 1).astype("float32"),
    }


def _is_held_out(letter, pair, share):
    # No seed: train and test must agree whatever seeds they are drawn with.
    code = (letter.astype(np.uint64) * np.uint64(64) + pair[:, 0].astype(np.uint64)) * np.uint64(64)
    return (_mix(code + pair[:, 1].astype(np.uint64)) >> np.uint64(11)) * 2.0**-53 < share


@functools.lru_cache(maxsize=16)
def _font(file, cap_height):
    """The font whose capitals are `cap_height` pixels high."""
    import matplotlib
    from PIL import ImageFont

    path = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", file)
    trial = ImageFont.truetype(path, 1000)
    _, top, _, bottom = trial.getbbox("H")
    return ImageFont.truetype(path, 1000 * cap_height / (bottom - top))


@functools.lru_cache(maxsize=2048)
def _mask(file, character, cap_height, outline):
    """The glyph (or a line around it) as an 8-bit mask with a margin, and the width and height of its ink."""
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


def render(attributes, image_size=32, channels=3, *, outline=False):
    """Draws glyphs, antialiased.

    Args:
        attributes: A dict as returned by `attributes()`; any of its arrays may be replaced.
        image_size: Int, the side in pixels, default 32. The same attributes give the same picture at any size.
        channels: 3 (default) or 1; grey is the luma of the colours.
        outline: Bool; True draws a line around each glyph instead of filling it.

    Returns:
        uint8 array `(n, image_size, image_size, channels)`.

    Example:

    >>> images = render(attributes(16), image_size=64)
    """
    from PIL import Image

    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    if not isinstance(image_size, int) or image_size < 8:
        raise ValueError(
            f"`image_size` must be an int of at least 8 pixels: glyphs are squares. Received: {image_size!r}"
        )
    # Drawing several times larger and averaging gives clean edges; the larger the image, the less it takes.
    factor = 4 if image_size <= 64 else 3 if image_size <= 128 else 2
    canvas = factor * image_size
    cap_height = round(0.7 * canvas)
    count = len(attributes["letter"])
    masks = np.zeros((count, image_size, image_size), np.uint8)
    columns = [attributes[name].tolist() for name in ("letter", "family", "face", "bold", "slant", "size", "x", "y")]
    for i, (letter, family, face, bold, slant, size, x, y) in enumerate(zip(*columns)):
        faces = _FACES[FAMILIES[family]]
        mask, width, height = _mask(faces[face % len(faces)][bold], CHARACTERS[letter], cap_height, bool(outline))
        shear = math.tan(math.radians(slant))
        wide = width + abs(shear) * height
        # The widest letters shrink, so that none leaves the image.
        scale = min(size * canvas / cap_height, 0.84 * canvas / max(wide, height))
        free_x, free_y = 0.46 - scale * wide / canvas / 2, 0.46 - scale * height / canvas / 2
        center_x = (0.5 + x * min(0.1, free_x)) * canvas
        center_y = (0.5 + y * min(0.1, free_y)) * canvas
        inverse = 1 / scale
        # Only the cells that hold ink are drawn: a third of the work.
        reach_x, reach_y = (scale * side / 2 + 0.1 * scale * cap_height for side in (wide, height))
        left, top = (
            max(0, int((center - reach) // factor)) for center, reach in ((center_x, reach_x), (center_y, reach_y))
        )
        right = min(image_size, math.ceil((center_x + reach_x) / factor))
        bottom = min(image_size, math.ceil((center_y + reach_y) / factor))
        from_x, from_y = left * factor - center_x, top * factor - center_y
        coefficients = (
            inverse,
            shear * inverse,
            mask.width / 2 + inverse * (from_x + shear * from_y),
            0.0,
            inverse,
            mask.height / 2 + inverse * from_y,
        )
        cells = ((right - left) * factor, (bottom - top) * factor)
        drawn = mask.transform(cells, Image.Transform.AFFINE, coefficients, Image.Resampling.NEAREST)
        masks[i, top:bottom, left:right] = np.asarray(drawn.reduce(factor))
    foreground = np.array(list(COLORS.values()), "float32")[attributes["color"]]
    background = np.array(list(BACKGROUNDS.values()), "float32")[attributes["background"]]
    if channels == 1:
        foreground, background = ((rgb @ _LUMA.astype("float32"))[:, None] for rgb in (foreground, background))
    images = np.empty((count, image_size, image_size, channels), np.uint8)
    for first in range(0, count, 1024):  # bounds the memory that the float images take
        part = slice(first, first + 1024)
        share = masks[part, :, :, None].astype("float32") / 255
        below, above = background[part, None, None], foreground[part, None, None]
        images[part] = np.rint(below + (above - below) * share)
    return images


def captions(attributes):
    """Describes glyphs: "a bold serif letter R in red on a white background".

    Args:
        attributes: A dict as returned by `attributes()`.

    Returns:
        A list of strings. Everything said in them can be checked against the attributes.

    Example:

    >>> texts = captions(attributes(2))
    """
    kinds = {"sans": "sans", "serif": "serif", "mono": "monospaced"}
    colors, backgrounds = list(COLORS), list(BACKGROUNDS)
    columns = [attributes[name].tolist() for name in ("letter", "family", "bold", "color", "background")]
    return [
        f"a {'bold ' if bold else ''}{kinds[FAMILIES[family]]} {'digit' if letter < 10 else 'letter'} "
        f"{CHARACTERS[letter]} in {colors[color]} on a {backgrounds[background]} background"
        for letter, family, bold, color, background in zip(*columns)
    ]


@functools.lru_cache(maxsize=4)
def _rendered(image_size, channels, outline, fixed, options):
    """Attributes and read-only images for hashable options; the last few sets stay in memory."""
    table = attributes(**dict(options))
    table.update({name: np.full_like(table[name], value) for name, value in fixed})
    images = render(table, image_size, channels, outline=outline)
    images.flags.writeable = False
    return table, images


def _load(image_size, channels, options, outline=False, **fixed):
    hashable = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return _rendered(image_size, channels, outline, tuple(fixed.items()), tuple(sorted(hashable.items())))


def _label_arrays(table, names, characters=CHARACTERS, colors=None, backgrounds=None, families=None):
    """Attributes as labels: int32 positions in the chosen names; `slant` as float32 in [-1, 1] of `MAX_SLANT`."""
    chosen = {
        "letter": (CHARACTERS, tuple(characters)),
        "family": (FAMILIES, _choose(families, FAMILIES, "families")),
        "color": (tuple(COLORS), _choose(colors, COLORS, "colors")),
        "background": (tuple(BACKGROUNDS), _choose(backgrounds, BACKGROUNDS, "backgrounds")),
    }
    labels = {}
    for name in names:
        if name not in _LABELS:
            raise ValueError(f"`labels` of the glyphs must be names out of {_LABELS}. Received: {name!r}")
        labels[name] = table[name] / np.float32(MAX_SLANT) if name == "slant" else table[name]
        if name in chosen:
            known, subset = chosen[name]
            position = np.array([subset.index(entry) if entry in subset else -1 for entry in known], "int32")
            labels[name] = position[table[name]]
    return labels


def load(
    split="train",
    *,
    image_size=None,
    channels=None,
    labels=False,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """The glyphs as a dataset: what `kerasgan.data.load("glyphs", ...)` calls; the arguments are described there."""
    image_size, channels = image_size or 32, channels or 3
    table, images = _load(image_size, channels, {"split": split, "num_images": num_images, "seed": seed, **options})
    stored = _pipeline.on_cpu(images)
    targets = None
    if labels is not False:
        single = "letter" if labels is True else labels if isinstance(labels, str) else None
        subsets = {name: options[name] for name in options if name != "held_out"}
        arrays = _label_arrays(table, [single] if single else labels, **subsets)
        targets = tf.nest.map_structure(_pipeline.on_cpu, arrays[single] if single else arrays)

    def fetch(index):
        gathered = tf.gather(stored, index)
        return (
            gathered if targets is None else (gathered, tf.nest.map_structure(lambda t: tf.gather(t, index), targets))
        )

    dataset = _pipeline.make_dataset(
        len(images), fetch, batch_size=batch_size, shuffle=shuffle, seed=seed, drop_remainder=drop_remainder
    )
    if labels is True:
        dataset.class_names = list(options.get("characters", CHARACTERS))
    return dataset


def pairs(
    split="train",
    *,
    image_size=64,
    channels=3,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """Pairs for image-to-image models: a glyph's outline -> the filled glyph, same place and colours.

    Args:
        split: "train" (default) or "test".
        image_size: Int, default 64.
        channels: 3 (default) or 1.
        batch_size: Int, default 1.
        shuffle, seed, num_images, drop_remainder: As in `kerasgan.data.load`.
        **options: `characters`, `colors`, `backgrounds`, `families`, `held_out` of `attributes`.

    Returns:
        A dataset of `(outline, filled)`, both float32 in [-1, 1], `(batch, image_size, image_size, channels)`.

    Example:

    >>> source, target = next(iter(pairs(num_images=8)))
    """
    options = {"split": split, "num_images": num_images, "seed": seed, **options}
    stored = [_pipeline.on_cpu(_load(image_size, channels, options, outline=outline)[1]) for outline in (True, False)]
    return _aligned(stored, batch_size, shuffle, seed, drop_remainder)


def _aligned(stored, batch_size, shuffle, seed, drop_remainder):
    return _pipeline.make_dataset(
        len(stored[0]),
        lambda index: tuple(tf.gather(images, index) for images in stored),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        finish=lambda *batch: tuple(_pipeline.to_float(images) for images in batch),
    )


def domains(
    split="train",
    *,
    paired=False,
    image_size=64,
    channels=3,
    batch_size=1,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """Two domains for unpaired translation: serif (A) and sans (B), whose true partners are known.

    Args:
        split: "train" (default) or "test".
        paired: Bool. False (default): the domains hold different glyphs, so no image has its partner among the other
            domain's. True: `(serif, sans)` of the same glyph, to score a translation.
        image_size: Int, default 64.
        channels: 3 (default) or 1.
        batch_size: Int, default 1.
        shuffle, seed, num_images (of each domain), drop_remainder: As in `kerasgan.data.load`.
        **options: `characters`, `colors`, `backgrounds`, `held_out` of `attributes`.

    Returns:
        A dataset of `(serif, sans)`, both float32 in [-1, 1], `(batch, image_size, image_size, channels)`.

    Example:

    >>> serif, sans = next(iter(domains(paired=True, num_images=8)))
    """
    count = _NUM_IMAGES.get(split) if num_images is None else num_images
    options = {"split": split, "num_images": count, "seed": seed, **options}
    stored = []
    for i, family in enumerate(("serif", "sans")):
        start = 0 if paired else i * (count or 0)
        # One face a family, so that the partner of a sans glyph is one serif glyph.
        _, images = _load(image_size, channels, {**options, "start": start}, family=FAMILIES.index(family), face=0)
        stored.append(_pipeline.on_cpu(images))
    if paired:
        return _aligned(stored, batch_size, shuffle, seed, drop_remainder)
    return _pipeline.zip_unpaired(
        *(
            _pipeline.make_dataset(
                len(images),
                lambda index, images=images: tf.gather(images, index),
                batch_size=batch_size,
                shuffle=shuffle,
                seed=2 * seed + i,
                drop_remainder=drop_remainder,
            )
            for i, images in enumerate(stored)
        )
    )


def super_resolution(
    split="train",
    *,
    scale=4,
    image_size=96,
    channels=3,
    batch_size=16,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """Glyphs and their copies shrunk by `scale`, as `kerasgan.data.super_resolution` makes them of photos.

    Args:
        split: "train" (default) or "test".
        scale: Int, default 4.
        image_size: Int, default 96: the side of the large image, a multiple of `scale`.
        channels: 3 (default) or 1.
        batch_size: Int, default 16.
        shuffle, seed, num_images, drop_remainder: As in `kerasgan.data.load`.
        **options: `characters`, `colors`, `backgrounds`, `families`, `held_out` of `attributes`.

    Returns:
        A dataset of `(low, high)`, float32 in [-1, 1].

    Example:

    >>> low, high = next(iter(super_resolution(num_images=16)))  # (16, 24, 24, 3), (16, 96, 96, 3)
    """
    if image_size % scale:
        raise ValueError(f"`image_size` must be a multiple of `scale`={scale}. Received: {image_size!r}")
    options = {"split": split, "num_images": num_images, "seed": seed, **options}
    stored = _pipeline.on_cpu(_load(image_size, channels, options)[1])
    return _pipeline.make_dataset(
        len(stored),
        lambda index: tf.gather(stored, index),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        finish=lambda images: _pipeline.low_and_high(images, image_size, scale),
    )


def captioned(
    split="train",
    *,
    embeddings=None,
    text=None,
    labels=False,
    image_size=32,
    channels=3,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """Glyphs with captions such as "a bold serif letter R in red on a white background".

    Args:
        split: "train" (default) or "test".
        embeddings: Callable from a list of strings to an array `(n, dim)`; it is called once, with every different
            caption. Default None: no vectors.
        text: "embeddings", "strings" or "both"; default: embeddings where there are any, else strings.
        labels: Bool, default False; True adds the int32 letter, last.
        image_size: Int, default 32.
        channels: 3 (default) or 1.
        batch_size: Int, default 64.
        shuffle, seed, num_images, drop_remainder: As in `kerasgan.data.load`.
        **options: `characters`, `colors`, `backgrounds`, `families`, `held_out` of `attributes`. With `held_out` the
            combinations of character and colours in "test" never occur in "train".

    Returns:
        A dataset of `(images, text_embeddings)`, float32 in [-1, 1] and float32 `(batch, dim)`; or with strings
        `(batch,)` in the place of the vectors, or after them.

    Example:

    >>> images, texts = next(iter(captioned(num_images=64)))
    """
    all_options = {"split": split, "num_images": num_images, "seed": seed, **options}
    table, images = _load(image_size, channels, all_options)
    unique, ids = np.unique(captions(table), return_inverse=True)
    text, strings, vectors = _pipeline.text_tables(unique.tolist(), embeddings, text)
    columns = [images, ids.astype("int64")]
    if labels:
        columns.append(_label_arrays(table, ["letter"], options.get("characters", CHARACTERS))["letter"])
    columns = [_pipeline.on_cpu(column) for column in columns]
    return _pipeline.make_dataset(
        len(images),
        lambda index: tuple(tf.gather(column, index) for column in columns),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        finish=lambda *batch: _pipeline.text_elements(batch, strings, vectors, text),
    )
