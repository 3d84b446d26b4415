"""Measures the attributes of glyphs from their pixels, and scores whether they match the requested ones."""

import numpy as np

from kerasgan.data import glyphs
from kerasgan.metrics import Score, extract_features, get_classifier
from kerasgan.metrics.score import size_in_words
from kerasgan.zoo._card import card_score


def read_ink(images):
    """Measures the colours and the slant of glyphs.

    The background is the median colour of the image's edge, and the glyph's colour is that of the pixels furthest from
    it. Both are rounded to the nearest colour of their list. The ink of a pixel is its distance from the background,
    relative to the furthest pixel.

    Args:
        images: float array (n, size, size, 3) in [-1, 1].

    Returns:
        A dict of arrays (n,): int `color` (into `glyphs.COLORS`) and `background` (into `glyphs.BACKGROUNDS`), and
        float `shear`, the shift of the ink in columns to the right from each row to the row above, by least squares.

    Example:

    >>> from kerasgan.data import glyphs
    >>> table = glyphs.attributes(3)
    >>> read_ink(glyphs.render(table) / 127.5 - 1)["color"] == table["color"]
    array([ True,  True,  True])
    """
    pixels = (np.asarray(images, "float64") + 1) * 127.5
    edge = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)
    background = np.median(edge, axis=1)
    flat = pixels.reshape(len(pixels), -1, 3)
    distance = np.linalg.norm(flat - background[:, None], axis=-1)
    furthest = np.argsort(distance, axis=1)[:, -max(4, flat.shape[1] // 50) :]
    color = np.median(np.take_along_axis(flat, furthest[..., None], axis=1), axis=1)

    def nearest(values, names):
        return np.linalg.norm(values[:, None] - np.array(list(names.values()), "float64"), axis=-1).argmin(axis=1)

    size = pixels.shape[1]
    ink = distance.reshape(-1, size, size) / np.maximum(distance.max(axis=1), 1e-9)[:, None, None]
    weight = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    up, right = np.arange(size)[::-1, None], np.arange(size)[None]

    def mean(values):
        return (ink * values).sum(axis=(1, 2)) / weight

    lean = mean(up * right) - mean(up) * mean(right)
    return {
        "color": nearest(color, glyphs.COLORS),
        "background": nearest(background, glyphs.BACKGROUNDS),
        "shear": lean / np.maximum(mean(up**2) - mean(up) ** 2, 1e-9),
    }


def score_glyphs(images, table, conditions, seed, split="test", **settings):
    """Scores whether glyphs match the requested attributes. The floor is the same score of real images.

    - "letter_right": the share of images with the requested letter, according to the classifier of glyphs.
    - "color_right": the share with the requested colour of the ink. "colors_right": also of the background.
    - "slant_correlation": the correlation between the requested slant and the measured shear. The mean shear of each
      letter is subtracted, as it depends on the shape of the letter.

    Args:
        images: float array (n, 32, 32, 3) in [-1, 1].
        table: the requested attributes, as in `glyphs.attributes`.
        conditions: the names of the scores to compute, in order.
        seed: int, the seed of the generated images.
        split: str, the split of the attributes. Default "test".
        **settings: further settings that the scores state.

    Returns:
        list of scores in the format of a card, see `kerasgan.zoo.card_score`.
    """
    real = glyphs.render(table, image_size=images.shape[1]) / np.float32(127.5) - 1
    judge = get_classifier("glyphs")
    by = {"extractor": judge.name, "weights_hash": judge.weights_hash, "resize": judge.resize}

    def letter_right(shown, ink):
        return extract_features(shown, judge).argmax(axis=-1) == table["letter"]

    def color_right(shown, ink):
        return ink["color"] == table["color"]

    def colors_right(shown, ink):
        return color_right(shown, ink) & (ink["background"] == table["background"])

    def slant_correlation(shown, ink):
        shear, asked = ink["shear"].copy(), np.array(table["slant"], "float64")
        for letter in np.unique(table["letter"]):
            rows = table["letter"] == letter
            shear[rows] -= shear[rows].mean()
            asked[rows] -= asked[rows].mean()
        return np.corrcoef(asked, shear)[0, 1]

    tests = {test.__name__: test for test in (letter_right, color_right, colors_right, slant_correlation)}
    seen = [(shown, read_ink(shown)) for shown in (images, real)]
    scores = []
    for name in conditions:
        value, floor = (np.mean(tests[name](*shown)) for shown in seen)
        spread = 1 - value**2 if name == "slant_correlation" else np.sqrt(value * (1 - value))
        stamp = {"num_generated": len(images), "dataset": "glyphs", "split": split, "seed": seed, "settings": settings}
        stamp |= {"image_size": size_in_words({images.shape[1:3]})}
        stamp |= by if name == "letter_right" else {}
        scores.append(card_score(Score(float(value), name, sd=float(spread / np.sqrt(len(images))), **stamp), floor))
    return scores
