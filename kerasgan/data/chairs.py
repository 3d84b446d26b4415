"""Chairs, a built-in data set: chairs made of boxes, seen from any side, with exact masks. Nothing is downloaded."""

import functools

import numpy as np

from kerasgan.arguments import positive_int
from kerasgan.data.turntable import view_vectors, views_dataset
from kerasgan.shapes import as_size

# As in the paper: 31 azimuths around the chair at two elevations (Dosovitskiy et al. 2015, section 4).
AZIMUTHS, ELEVATIONS = 31, (20.0, 30.0)
BACKS = ("board", "slats", "rungs")
LIGHT = np.array([0.35, -0.5, 0.8]) / np.linalg.norm([0.35, -0.5, 0.8])
FINER = 2  # supersampling factor of each side
HEIGHT = 1.0  # of the chair; its measures are relative to this
REACH = 0.85  # half of the width of the view


def chair(number):
    """Returns the measures of a chair, which depend only on its number.

    Args:
        number: int.

    Returns:
        dict of floats `width`, `depth`, `seat` (its height), `thickness`, `leg`, `back` (its height above the seat),
        `splay` (how far the feet stand out), of str `kind`, one of `BACKS`, and of `color`, (3,) in [0, 1].
    """
    rng = np.random.default_rng([2411, number])
    ranges = {"width": (0.4, 0.75), "depth": (0.4, 0.7), "seat": (0.3, 0.55), "thickness": (0.03, 0.1)}
    ranges |= {"leg": (0.03, 0.08), "back": (0.25, 0.6), "splay": (0.0, 0.08)}
    measures = {name: float(rng.uniform(*limits)) for name, limits in ranges.items()}
    return measures | {"kind": BACKS[rng.integers(len(BACKS))], "color": rng.uniform(0.25, 1.0, 3)}


def _boxes(measures):
    """Returns the boxes of a chair as parallelepipeds: corners (k, 3), edges (k, 3, 3). x is right, y back, z up."""
    m, boxes = measures, []

    def add(x, y, z, wide, deep, high, lean=(0.0, 0.0)):
        boxes.append(((x, y, z), ((wide, 0, 0), (0, deep, 0), (*lean, high))))

    half_width, half_depth, leg = m["width"] / 2, m["depth"] / 2, m["leg"]
    add(-half_width, -half_depth, m["seat"] - m["thickness"], m["width"], m["depth"], m["thickness"])
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            x = side_x * (half_width - leg / 2) - leg / 2
            y = side_y * (half_depth - leg / 2) - leg / 2
            lean = -side_x * m["splay"], -side_y * m["splay"]
            add(x - lean[0], y - lean[1], 0.0, leg, leg, m["seat"] - m["thickness"], lean)
    back_y, deep = half_depth - leg, leg
    if m["kind"] == "board":
        add(-half_width, back_y, m["seat"], m["width"], deep, m["back"])
        return boxes
    for x in (-half_width, half_width - leg):
        add(x, back_y, m["seat"], leg, deep, m["back"])
    rail = 0.06
    add(-half_width, back_y, m["seat"] + m["back"] - rail, m["width"], deep, rail)
    inside = m["width"] - 2 * leg
    if m["kind"] == "slats":
        for i in range(3):
            x = -half_width + leg + inside * (i + 1) / 4 - leg / 2
            add(x, back_y + deep / 4, m["seat"], leg, deep / 2, m["back"] - rail)
    else:
        for i in range(2):
            z = m["seat"] + (m["back"] - rail) * (i + 1) / 3
            add(-half_width + leg, back_y + deep / 4, z, inside, deep / 2, rail)
    return boxes


def render_chair(measures, azimuth, elevation, image_size=64):
    """Draws a chair in parallel projection.

    Args:
        measures: dict, as returned by `chair`.
        azimuth: float, degrees by which the chair is turned counter-clockwise, seen from above. 0 shows its front.
        elevation: float in [0, 90), degrees of the viewpoint above the floor.
        image_size: int or (height, width). Default 64.

    Returns:
        float64 image (height, width, 3) in [0, 1] with black background, and mask (height, width, 1), the share of each
        pixel that the chair covers.

    Example:

    >>> image, mask = render_chair(chair(3), azimuth=30, elevation=20)
    >>> image.shape, mask.shape
    ((64, 64, 3), (64, 64, 1))
    """
    height, width = as_size(image_size)
    around, up = np.deg2rad(azimuth), np.deg2rad(elevation)
    turn = np.array([[np.cos(around), -np.sin(around), 0], [np.sin(around), np.cos(around), 0], [0, 0, 1]])
    # Rows: right and up in the image, and towards the viewer.
    eye = np.array([[1, 0, 0], [0, np.sin(up), np.cos(up)], [0, -np.cos(up), np.sin(up)]])
    fine = FINER * height, FINER * width
    scale = min(fine) / (2 * REACH)
    colors, depths = np.zeros((*fine, 3)), np.full(fine, -np.inf)
    for corner, edges in _boxes(measures):
        corner = turn @ (np.array(corner) - [0, 0, HEIGHT / 2])
        edges = np.array(edges) @ turn.T
        for i in range(3):
            first, second = edges[(i + 1) % 3], edges[(i + 2) % 3]
            normal = np.cross(first, second)
            normal *= np.sign(normal @ edges[i]) / np.linalg.norm(normal)
            for start, outward in ((corner, -normal), (corner + edges[i], normal)):
                if outward @ eye[2] > 1e-9:  # other faces point away from the viewer
                    shade = 0.4 + 0.6 * max(0.0, outward @ LIGHT)
                    face = (eye @ np.stack([start, first, second], axis=1)).T
                    _draw(face, shade * measures["color"], scale, colors, depths)
    covered = np.isfinite(depths)[..., None]
    blocks = [x.reshape((height, FINER, width, FINER, -1)).mean((1, 3)) for x in (colors * covered, covered)]
    return blocks[0], blocks[1]


def _draw(face, color, scale, colors, depths):
    """Draws a parallelogram into the image with a depth test.

    `face` holds a corner and two edges, each as (right, up, towards the viewer).
    """
    height, width = depths.shape
    corners = face[0] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ face[1:]
    columns = corners[:, 0] * scale + width / 2
    rows = height / 2 - corners[:, 1] * scale
    left, right = max(0, int(columns.min())), min(width, int(columns.max()) + 1)
    top, bottom = max(0, int(rows.min())), min(height, int(rows.max()) + 1)
    if left >= right or top >= bottom:
        return
    x = (np.arange(left, right) + 0.5 - width / 2) / scale - face[0, 0]
    y = (height / 2 - np.arange(top, bottom) - 0.5) / scale - face[0, 1]
    inverse = np.linalg.inv(face[1:, :2])  # from (right, up) to coordinates along the edges
    a = x[None] * inverse[0, 0] + y[:, None] * inverse[1, 0]
    b = x[None] * inverse[0, 1] + y[:, None] * inverse[1, 1]
    depth = face[0, 2] + a * face[1, 2] + b * face[2, 2]
    part = np.s_[top:bottom, left:right]
    nearer = (a >= 0) & (a < 1) & (b >= 0) & (b < 1) & (depth > depths[part])
    depths[part][nearer] = depth[nearer]
    colors[part][nearer] = color


@functools.lru_cache(maxsize=2)
def _rendered(image_size, channels, numbers, azimuths, elevations):
    views = [(k, a, e) for k in range(len(numbers)) for e in elevations for a in azimuths]
    drawn = [render_chair(chair(numbers[k]), a, e, image_size) for k, a, e in views]
    images, masks = (np.rint(255 * np.stack(x)).astype("uint8") for x in zip(*drawn))
    if channels == 1:
        images = np.rint(images @ np.array([[0.299], [0.587], [0.114]])).astype("uint8")
    for array in (images, masks):
        array.flags.writeable = False
    return images, masks, np.array(views)


def load(
    split="train",
    *,
    image_size=None,
    channels=None,
    num_chairs=20,
    azimuths=None,
    elevations=ELEVATIONS,
    transforms=False,
    batch_size=64,
    shuffle=True,
    seed=0,
    drop_remainder=None,
):
    """Loads chairs from all sides, for `kerasgan.TwoStreamGenerator`. `kerasgan.data.load("chairs", ...)` calls it.

    Args:
        split: "train" (default), or "test": views half-way between those of "train".
        image_size: int or (height, width). Default 64.
        channels: 3 (default) or 1.
        num_chairs: int, the number of classes. Default 20.
        azimuths: list of floats, degrees. Default: 31 all around, starting at 0 for "train" and half-way between for
            "test".
        elevations: list of floats in [0, 90), degrees. Default (20, 30).
        transforms: bool. True applies a random `kerasgan.data.turntable.transform` to each image in each epoch. Default
            False.
        batch_size, shuffle, seed, drop_remainder: as in `kerasgan.data.load`.

    Returns:
        A dataset of `((classes, views, transforms), (images, masks))`, as in `kerasgan.data.turntable_folder`.

    Raises:
        ValueError: for an unknown split or an argument out of its range.
    """
    if split not in ("train", "test"):
        raise ValueError(f"`split` must be 'train' or 'test'. Received: {split!r}")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    count, batch_size = positive_int("num_chairs", num_chairs), positive_int("batch_size", batch_size)
    if azimuths is None:
        azimuths = (np.arange(AZIMUTHS) + (0.5 if split == "test" else 0)) * 360 / AZIMUTHS
    azimuths, elevations = (tuple(float(x) for x in np.ravel(angles)) for angles in (azimuths, elevations))
    if not azimuths or not elevations or not all(0 <= x < 90 for x in elevations) or not np.isfinite(azimuths).all():
        raise ValueError(
            "`azimuths` and `elevations` must be lists of degrees, elevations in [0, 90). "
            f"Received: {azimuths} and {elevations}"
        )
    images, masks, table = _rendered(
        as_size(image_size or 64), channels or 3, tuple(range(count)), azimuths, elevations
    )
    classes, views = table[:, 0].astype("int32"), view_vectors(table[:, 1], table[:, 2])
    dataset = views_dataset(images, masks, classes, views, transforms, batch_size, shuffle, seed, drop_remainder)
    dataset.num_classes = count
    return dataset
