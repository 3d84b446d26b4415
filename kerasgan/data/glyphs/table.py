"""Attributes of glyphs, drawn from `(seed, split, index)`, and captions."""

import numpy as np

from kerasgan.arguments import positive_int, whole

# Digits are first, so that the label of a digit is the digit.
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

SPLITS = ("train", "test")
NUM_IMAGES = {"train": 10_000, "test": 2_000}
LUMA = np.array([0.299, 0.587, 0.114])
# With a smaller difference of luma (of 255), a letter is hard to read, and disappears in grey.
_MIN_CONTRAST = 60
LABELS = ("letter", "family", "bold", "color", "background", "slant")


def _mix(values):
    """The SplitMix64 finaliser (Steele, Lea and Flood 2014): a hash of 64-bit integers."""
    values = np.atleast_1d(values).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _uniform(key, field, index):
    """Returns uniform draws in [0, 1) that depend only on (key, field, index)."""
    return (_mix(_mix(key + _mix(field)) + _mix(index)) >> np.uint64(11)) * 2.0**-53


def choose(names, known, argument):
    names = tuple(known) if names is None else tuple([names] if isinstance(names, str) and names in known else names)
    unknown = [name for name in names if name not in known]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(f"`{argument}` must be distinct names among {tuple(known)}. Received: {names!r}")
    return names


def _color_pairs(colors, backgrounds):
    """Returns all (color, background) with enough contrast, as indices into COLORS and BACKGROUNDS."""
    luma = {name: float(LUMA @ rgb) for table in (COLORS, BACKGROUNDS) for name, rgb in table.items()}
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
    """Draws the attributes of the images `start` to `start + num_images` of a split.

    Args:
        num_images: Int. Default 10,000 for "train", 2,000 for "test".
        split: "train" or "test": different images of the same kind.
        seed: Int, default 0.
        start: Int, the index of the first image. An image depends only on (seed, split, index).
        characters: String, the characters to draw. Default all 36.
        colors: Names from `COLORS`. Default all.
        backgrounds: Names from `BACKGROUNDS`. Default all. Combinations with too little contrast are not used.
        families: Names from `FAMILIES`. Default all.
        held_out: Float in [0, 1). This share of the combinations (character, colour, background) occurs only in "test",
            and "test" has only these. Default 0: both splits have every combination.

    Returns:
        A dict of arrays `(num_images,)`: int32 `letter` (index into `CHARACTERS`), `family` (into `FAMILIES`), `face`,
        `bold`, `color` (into `COLORS`), `background` (into `BACKGROUNDS`); float32 `slant` (degrees, positive leans
        right), `size` (height of a capital, as a share of the image), `x`, `y` (position, in [-1, 1] of the allowed
        shift).

    Example:

    >>> from kerasgan.data import glyphs
    >>> table = glyphs.attributes(3, seed=1)
    >>> images = glyphs.render(table, image_size=32)
    """
    if split not in SPLITS:
        raise ValueError(
            f"`split` of the glyphs must be one of {SPLITS} (use `num_images` for fewer images). Received: {split!r}"
        )
    num_images = positive_int("num_images", NUM_IMAGES[split] if num_images is None else num_images)
    if whole(seed, least=-(2**63)) is None:
        raise ValueError(f"`seed` must be an integer. Received: {seed!r}. Remedy: 0, the default")
    if not 0 <= held_out < 1:
        raise ValueError(f"`held_out` must be a share in [0, 1). Received: {held_out!r}")
    characters = choose(tuple(characters), CHARACTERS, "characters")
    families = choose(families, FAMILIES, "families")
    pairs = _color_pairs(choose(colors, COLORS, "colors"), choose(backgrounds, BACKGROUNDS, "backgrounds"))
    index = np.arange(start, start + num_images)
    key = _mix(_mix(np.array([seed], np.int64)) + np.uint64(SPLITS.index(split)))

    def pick(field, values):
        values = np.asarray(values)
        return values[(_uniform(key, field, index) * len(values)).astype(int)]

    letter = pick(0, [CHARACTERS.index(character) for character in characters]).astype("int32")
    pair = pick(1, pairs)
    if held_out:
        pair = _redrawn(pair, letter, split, held_out, lambda attempt: pick(1000 + attempt, pairs))
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


def _redrawn(pair, letter, split, held_out, draw):
    """Redraws combinations that belong to the other split."""

    def misplaced():
        return _is_held_out(letter, pair, held_out) != (split == "test")

    for attempt in range(1000):
        wrong = misplaced()
        if not wrong.any():
            return pair
        pair[wrong] = draw(attempt)[wrong]
    letters = sorted({CHARACTERS[i] for i in letter[misplaced()]})
    if letters:
        raise ValueError(
            f"`held_out`={held_out} leaves no combination of colours of {letters} for the {split!r} split. "
            "Remedy: another share, or more `colors` and `backgrounds`."
        )
    return pair


def _is_held_out(letter, pair, share):
    # Independent of the seed, as train and test may have different seeds.
    code = (letter.astype(np.uint64) * np.uint64(64) + pair[:, 0].astype(np.uint64)) * np.uint64(64)
    return (_mix(code + pair[:, 1].astype(np.uint64)) >> np.uint64(11)) * 2.0**-53 < share


def captions(attributes):
    """Describes glyphs: "a bold serif letter R in red on a white background".

    Args:
        attributes: A dict as returned by `attributes()`.

    Returns:
        A list of strings.

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


def label_arrays(table, names, characters=CHARACTERS, colors=None, backgrounds=None, families=None):
    """Returns attributes as labels: int32 indices into the chosen names, and `slant` as float32 over `MAX_SLANT`."""
    chosen = {
        "letter": (CHARACTERS, tuple(characters)),
        "family": (FAMILIES, choose(families, FAMILIES, "families")),
        "color": (tuple(COLORS), choose(colors, COLORS, "colors")),
        "background": (tuple(BACKGROUNDS), choose(backgrounds, BACKGROUNDS, "backgrounds")),
    }
    labels = {}
    for name in names:
        if name not in LABELS:
            raise ValueError(f"`labels` of the glyphs must be names among {LABELS}. Received: {name!r}")
        labels[name] = table[name] / np.float32(MAX_SLANT) if name == "slant" else table[name]
        if name in chosen:
            known, subset = chosen[name]
            position = np.array([subset.index(entry) if entry in subset else -1 for entry in known], "int32")
            labels[name] = position[table[name]]
    return labels
