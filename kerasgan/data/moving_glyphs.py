"""Moving glyphs, a built-in data set: films of letters with exact label maps, instances and flow.

Nothing is downloaded.
"""

import colorsys
import functools
import math

import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.data import _pipeline
from kerasgan.data.glyphs.drawing import _mask
from kerasgan.data.glyphs.table import CHARACTERS, SPLITS, choose
from kerasgan.shapes import as_size

NUM_SEQUENCES = {"train": 100, "test": 20}
LETTERS = "ABCDE"
FONT = "DejaVuSans-Bold.ttf"
FINER = 2  # supersampling factor of each side
WAVES = 5  # number of waves in the background's texture


def scene(index, split="train", *, seed=0, characters=LETTERS):
    """Draws the description of one film, which depends only on (seed, split, index).

    Two to four letters move along straight lines, rotate, and rebound from the borders. Later letters cover earlier
    ones. Each class has its own hue. Stripes move with their letter. The background is still.

    Args:
        index: int.
        split: "train" or "test": different films of the same kind.
        seed: int. Default 0.
        characters: str, the classes. Default "ABCDE".

    Returns:
        dict of `waves`, (5, 3), the cycles of the background's waves to the right and down the image, and their phase;
        `tint`, (3,) in [0, 1], the colour of the background; and `letters`, a list of dicts. Each dict has `character`,
        `class` (1, 2, ...), `place` (shares of width and height), `size` (height of a capital) and `velocity` (right
        and down, per frame) in shares of the shorter side, `angle` (radians clockwise) and `spin` (radians per frame),
        `color`, (3,) in [0, 1], and `stripes`, (3,): cycles per height of a capital to the right and down, and the
        phase.
    """
    rng = np.random.default_rng([1808, seed, SPLITS.index(split), index])
    tint = np.array(colorsys.hsv_to_rgb(rng.uniform(), 0.25, 0.55))
    direction, cycles = rng.uniform(0, 2 * np.pi, WAVES), rng.uniform(1, 5, WAVES)
    waves = np.stack([cycles * np.cos(direction), cycles * np.sin(direction), rng.uniform(0, 2 * np.pi, WAVES)], 1)
    letters = []
    for _ in range(rng.integers(2, 5)):
        number = int(rng.integers(len(characters)))
        course, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.006, 0.025)
        across = rng.uniform(0, 2 * np.pi)
        letters.append(
            {
                "character": characters[number],
                "class": 1 + number,
                "size": rng.uniform(0.28, 0.42),
                "place": rng.uniform(0.2, 0.8, 2),
                "velocity": speed * np.array([np.cos(course), np.sin(course)]),
                "angle": rng.uniform(-0.5, 0.5),
                "spin": rng.uniform(-0.06, 0.06),
                "color": np.array(colorsys.hsv_to_rgb(number / len(characters), 0.8, 0.95)),
                "stripes": np.array([2 * np.cos(across), 2 * np.sin(across), rng.uniform(0, 2 * np.pi)]),
            }
        )
    return {"waves": waves, "tint": tint, "letters": letters}


def render(scene, frames=16, image_size=64):
    """Draws a film with its label maps, instances and flow.

    Args:
        scene: dict, as returned by `scene` of this module.
        frames: int. Default 16.
        image_size: int or (height, width). Default 64.

    Returns:
        dict of arrays with time as the first axis:
        - `frames`, uint8 (frames, height, width, 3);
        - `labels`, uint8 (frames, height, width): the class of the letter that covers most of the pixel, 0 for the
          background;
        - `instances`, uint8 of the same shape: the number of that letter in the scene, from 1, or 0 for the background;
        - `flow`, float32 (frames, height, width, 2), in pixels to the right and down: the position of a pixel's point
          in the previous frame, minus its position in this frame; 0 in the first frame. On outlines, pixels mix two
          colours, and the flow is that of the larger share;
        - `visible`, bool (frames, height, width): whether the previous frame shows the point, with the same instance in
          the four pixels around it; False in the first frame.

    Raises:
        ValueError: for an argument out of its range.

    Example:

    >>> film = render(scene(0), frames=2, image_size=32)
    >>> film["frames"].shape, film["flow"].shape
    ((2, 32, 32, 3), (2, 32, 32, 2))
    """
    frames, size = positive_int("frames", frames), as_size(image_size)
    ground = _ground(scene, size)
    found = {name: [] for name in ("frames", "labels", "instances", "flow", "visible")}
    classes = np.array([0] + [letter["class"] for letter in scene["letters"]], "uint8")
    for time in range(frames):
        picture, instances = _frame(scene, time, ground)
        flow = _flow(scene, time, instances) if time else np.zeros((*size, 2), "float32")
        before = found["instances"][-1] if time else None
        found["visible"].append(_seen_before(instances, before, flow) if time else np.zeros(size, bool))
        found["frames"].append(np.rint(255 * picture).astype("uint8"))
        found["labels"].append(classes[instances])
        found["instances"].append(instances)
        found["flow"].append(flow)
    return {name: np.stack(arrays) for name, arrays in found.items()}


def _places(size, step=1.0):
    """Returns x and y of pixels, or of 1 / `step` points per pixel along each axis."""
    axes = [(np.arange(round(side / step)) + 0.5) * step - 0.5 for side in size[::-1]]
    return np.broadcast_arrays(axes[0][None], axes[1][:, None])


def _ground(scene, size):
    x, y = (place / min(size) for place in _places(size))
    waves = sum(np.sin(2 * np.pi * (right * x + down * y) + phase) for right, down, phase in scene["waves"])
    return np.clip(scene["tint"] * (1 + 0.35 * waves[..., None] / math.sqrt(WAVES)), 0, 1)


def _pose(letter, time, size):
    """Returns the centre (x, y) in pixels of a letter that rebounds from the borders, and its angle."""
    shorter = min(size)
    centre = []
    for place, velocity, side in zip(letter["place"], letter["velocity"], size[::-1]):
        margin = letter["size"] / 2 * shorter
        room = max(side - 2 * margin, 1e-6)
        way = (place * side + velocity * time * shorter - margin) % (2 * room)
        centre.append(margin + (way if way <= room else 2 * room - way) - 0.5)
    return np.array(centre), letter["angle"] + letter["spin"] * time


def _frame(scene, time, ground):
    """Returns the image, float (height, width, 3) in [0, 1], and the instances of one frame."""
    size = ground.shape[:2]
    picture, instances = ground.copy(), np.zeros(size, "uint8")
    for number, letter in enumerate(scene["letters"], 1):
        (centre_x, centre_y), angle = _pose(letter, time, size)
        cap = letter["size"] * min(size)
        reach = math.ceil(0.9 * cap)  # half of the diagonal of the widest letter
        rows, columns = (
            slice(max(0, int(at) - reach), min(side, int(at) + reach + 2))
            for at, side in zip((centre_y, centre_x), size)
        )
        part = ground[rows, columns].shape[:2]
        x, y = _places(part, 1 / FINER)
        x, y = x + columns.start - centre_x, y + rows.start - centre_y
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = (cos * x + sin * y) / cap, (cos * y - sin * x) / cap
        cover = _letter(letter["character"], max(8, round(FINER * cap)), x, y)
        right, down, phase = letter["stripes"]
        shade = 0.8 + 0.2 * np.sin(2 * np.pi * (right * x + down * y) + phase)
        cover, shade = (fine.reshape(part[0], FINER, part[1], FINER).mean((1, 3)) for fine in (cover, cover * shade))
        picture[rows, columns] = picture[rows, columns] * (1 - cover[..., None]) + letter["color"] * shade[..., None]
        instances[rows, columns][cover >= 0.5] = number
    return picture, instances


def _letter(character, cap_height, x, y):
    """Returns the coverage of each point by a letter. x and y are in heights of a capital from the letter's centre."""
    glyph = np.asarray(_mask(FONT, character, cap_height, False)[0], "float32") / 255
    x, y = x * cap_height + (glyph.shape[1] - 1) / 2, y * cap_height + (glyph.shape[0] - 1) / 2
    inside = (x >= 0) & (x < glyph.shape[1] - 1) & (y >= 0) & (y < glyph.shape[0] - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    left, top = x.astype(int), y.astype(int)
    x, y = x - left, y - top
    upper = glyph[top, left] * (1 - x) + glyph[top, left + 1] * x
    lower = glyph[top + 1, left] * (1 - x) + glyph[top + 1, left + 1] * x
    return inside * (upper * (1 - y) + lower * y)


def _flow(scene, time, instances):
    """Returns the backward flow of a frame. Letters rotate about their centres and move; the background is still."""
    x, y = _places(instances.shape)
    flow = np.zeros((*instances.shape, 2), "float32")
    for number, letter in enumerate(scene["letters"], 1):
        here = instances == number
        (now, angle), (before, former) = (_pose(letter, when, instances.shape) for when in (time, time - 1))
        cos, sin = np.cos(former - angle), np.sin(former - angle)
        right, down = x[here] - now[0], y[here] - now[1]
        flow[here, 0] = cos * right - sin * down + before[0] - x[here]
        flow[here, 1] = sin * right + cos * down + before[1] - y[here]
    return flow


def _seen_before(instances, before, flow):
    """Returns whether the four pixels around a point's position in the previous frame show the same instance."""
    height, width = instances.shape
    x, y = _places(instances.shape)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    same = inside
    for column in (np.floor(x), np.ceil(x)):
        for row in (np.floor(y), np.ceil(y)):
            column, row = np.clip(column, 0, width - 1).astype(int), np.clip(row, 0, height - 1).astype(int)
            same = same & (before[row, column] == instances)
    return same


@functools.lru_cache(maxsize=4)
def _films(split, num_sequences, frames, image_size, characters, seed):
    films = [
        render(scene(i, split, seed=seed, characters=characters), frames, image_size) for i in range(num_sequences)
    ]
    arrays = [np.stack([film[name] for film in films]) for name in ("labels", "frames", "flow")]
    for array in arrays:
        array.flags.writeable = False
    return arrays


def load(
    split="train",
    *,
    image_size=None,
    channels=None,
    num_sequences=None,
    frames=16,
    characters=LETTERS,
    batch_size=1,
    shuffle=True,
    seed=0,
    drop_remainder=None,
):
    """Loads films of letters, for `kerasgan.Vid2Vid`. `kerasgan.data.load("moving_glyphs", ...)` calls it.

    Args:
        split: "train" (default) or "test".
        image_size: int or (height, width). Default 64.
        channels: must be 3 (default), as classes differ in hue.
        num_sequences: int. Default: 100 for "train", 20 for "test".
        frames: int, the number of frames of each film. Default 16.
        characters: str, the classes 1, 2, ...; 0 is the background. Default "ABCDE".
        batch_size: int. Default 1, as in the vid2vid paper.
        shuffle, seed, drop_remainder: as in `kerasgan.data.load`.

    Returns:
        A dataset of `(labels, frames, flow)`: int32 (batch, frames, height, width); float32 in [-1, 1]
        (batch, frames, height, width, 3); and float32 (batch, frames, height, width, 2), as in `render` of this module.
        `dataset.num_classes` includes the background.

    Raises:
        ValueError: for an unknown split or character, or an argument out of its range.
    """
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {SPLITS}. Received: {split!r}")
    if channels not in (None, 3):
        raise ValueError(f"`channels` of moving glyphs must be 3, as classes differ in hue. Received: {channels!r}")
    characters = "".join(choose(tuple(characters), CHARACTERS, "characters"))
    count = positive_int("num_sequences", NUM_SEQUENCES[split] if num_sequences is None else num_sequences)
    frames, batch_size = positive_int("frames", frames), positive_int("batch_size", batch_size)
    stored = [
        _pipeline.on_cpu(x) for x in _films(split, count, frames, as_size(image_size or 64), characters, int(seed))
    ]

    def fetch(index):
        labels, pictures, flow = (tf.gather(x, index) for x in stored)
        return tf.cast(labels, tf.int32), _pipeline.to_float(pictures), flow

    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    dataset = _pipeline.make_dataset(count, fetch, finish=lambda *batch: batch, **options)
    dataset.num_classes = 1 + len(characters)
    return dataset
