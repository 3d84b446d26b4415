"""Objects seen from known views: view vectors, transformations, and turntable folders."""

import numpy as np
import tensorflow as tf

from kerasgan.data import _files, _pipeline, metadata
from kerasgan.shapes import as_size

# What a transformation of 1 does: degrees of rotation and hue, shares of the image for shifts, factors of zoom and
# stretch; and for saturation and value of the pixels, an exponent, a factor and a summand.
TRANSFORMS = {
    "rotation": 15.0,
    "right": 0.1,
    "down": 0.1,
    "zoom": 1.2,
    "stretch": 1.15,
    "hue": 30.0,
    "saturation_power": 1.5,
    "saturation": 1.5,
    "saturation_shift": 0.1,
    "brightness_power": 1.5,
    "brightness": 1.3,
    "brightness_shift": 0.1,
}


def view_vectors(azimuth, elevation=0.0):
    """Returns view vectors for `kerasgan.TwoStreamGenerator` (Dosovitskiy et al. 2015, section 3).

    Args:
        azimuth: float or (n,), degrees around the object.
        elevation: float or (n,), degrees above it. Default 0.

    Returns:
        float32 array (n, 4): sine and cosine of the azimuth, and of the elevation.

    Example:

    >>> view_vectors(30).round(3)
    array([[0.5  , 0.866, 0.   , 1.   ]], dtype=float32)
    """
    azimuth, elevation = np.broadcast_arrays(*(np.atleast_1d(np.deg2rad(x)) for x in (azimuth, elevation)))
    return np.stack([f(x) for x in (azimuth, elevation) for f in (np.sin, np.cos)], axis=1).astype("float32")


def transform(images, masks, amounts):
    """Transforms images and their masks by given amounts, T of Dosovitskiy et al. (2015, section 3).

    Images are rotated, shifted, zoomed and stretched together with their masks. Then the hue, the saturation and the
    brightness (the value of HSV) of the object are changed. Saturation and brightness x become
    `factor * x**exponent + summand`, as in Dosovitskiy et al. (2014), "Discriminative Unsupervised Feature Learning
    with Convolutional Neural Networks". Pixels from outside the image are black and not masked.

    Args:
        images: float (n, height, width, 1 or 3) in [0, 1], with black background.
        masks: float (n, height, width, 1) in [0, 1].
        amounts: float (n, 12) in [-1, 1], in the order of `kerasgan.data.turntable.TRANSFORMS`, which holds the effect
            of 1: 15 degrees counter-clockwise; a tenth of the image to the right; a tenth down; 1.2 times as large;
            1.15 times as wide relative to the height; 30 degrees of hue; the exponent 1.5, the factor 1.5 and the
            summand 0.1 for the saturation; the exponent 1.5, the factor 1.3 and the summand 0.1 for the brightness.
            -1 does the opposite. 0 changes nothing.

    Returns:
        Tensors of images and masks, of the same shapes.
    """
    amounts = tf.convert_to_tensor(amounts, tf.float32)
    turn, right, down, zoom, stretch = tf.unstack(amounts[:, :5], axis=1)
    height, width = (tf.cast(side, tf.float32) for side in images.shape[1:3])
    angle = turn * np.deg2rad(TRANSFORMS["rotation"])
    broad = TRANSFORMS["stretch"] ** (stretch / 2)
    large = TRANSFORMS["zoom"] ** zoom
    # From the position of a pixel in the result to its position in the image: centre, undo shift, rotation and zoom.
    cos, sin = tf.cos(angle), tf.sin(angle)
    rows = [cos / (large * broad), -sin / (large * broad)], [sin * broad / large, cos * broad / large]
    centre = (width - 1) / 2, (height - 1) / 2
    shifted = centre[0] + right * TRANSFORMS["right"] * width, centre[1] + down * TRANSFORMS["down"] * height
    offsets = [own - a * shifted[0] - b * shifted[1] for own, (a, b) in zip(centre, rows)]
    zeros = tf.zeros_like(turn)
    matrix = tf.stack([*rows[0], offsets[0], *rows[1], offsets[1], zeros, zeros], axis=1)
    both = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.concat([images, masks], axis=-1),
        transforms=matrix,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    images, masks = both[..., :-1], both[..., -1:]
    return _recoloured(images, masks, amounts[:, 5:]), masks


def _recoloured(images, masks, amounts):
    """Changes the colours of objects by the last seven of the amounts of `transform`."""
    hue, *scalings = tf.unstack(amounts[:, :, None, None, None], axis=1)
    value = images
    if images.shape[-1] == 3:
        angle, saturation, value = tf.split(tf.image.rgb_to_hsv(images), 3, axis=-1)
        angle = (angle + hue * TRANSFORMS["hue"] / 360) % 1
        saturation = _scaled(saturation, "saturation", *scalings[:3])
    value = _scaled(value, "brightness", *scalings[3:5], masks * scalings[5])  # the background stays black
    return tf.image.hsv_to_rgb(tf.concat([angle, saturation, value], axis=-1)) if images.shape[-1] == 3 else value


def _scaled(x, name, power, factor, shift):
    power, factor = TRANSFORMS[f"{name}_power"] ** power, TRANSFORMS[name] ** factor
    return tf.clip_by_value(factor * x**power + TRANSFORMS[f"{name}_shift"] * shift, 0.0, 1.0)


def views_dataset(images, masks, classes, views, transforms, batch_size, shuffle, seed, drop_remainder):
    """Makes a dataset of ((classes, views, transforms), (images, masks)) from arrays.

    Args:
        images: uint8 (n, height, width, channels), with black background.
        masks: uint8 (n, height, width, 1), 255 for pixels of the object.
        classes: int32 (n,).
        views: float32 (n, 4).
        transforms: bool. True draws random amounts for each image in each epoch. Otherwise all amounts are 0.
        batch_size, shuffle, seed, drop_remainder: as in `kerasgan.data.load`.
    """
    stored = [_pipeline.on_cpu(x) for x in (images, masks, classes, views)]

    def element(index, draw=None):
        picture, mask, number, view = (tf.gather(x, index) for x in stored)
        picture, mask = (tf.cast(x, tf.float32) / 255.0 for x in (picture, mask))
        amounts = tf.zeros((len(TRANSFORMS),))
        if draw is not None:
            amounts = tf.random.stateless_uniform((len(TRANSFORMS),), draw, -1.0, 1.0)
            picture, mask = (x[0] for x in transform(picture[None], mask[None], amounts[None]))
        return (number, view, amounts), (2 * picture - 1, mask)

    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    return _pipeline.make_dataset(
        len(images),
        (lambda index: index) if transforms else element,
        augment=element if transforms else None,
        finish=lambda *batch: batch,
        stream=not transforms,
        **options,
    )


def turntable_folder(
    path,
    image_size=64,
    channels=3,
    *,
    resize="crop",
    split=None,
    angles=None,
    threshold=0.18,
    transforms=False,
    batch_size=64,
    shuffle=True,
    seed=0,
    drop_remainder=None,
    on_error="raise",
):
    """Reads photos of objects on a turntable before a black background, for `kerasgan.TwoStreamGenerator`.

    COIL-100 is such a data set. `metadata.jsonl` or `metadata.csv` gives the `file_name` of each image, its `label`
    (0, 1, ...) and its `angle` in degrees. The mask covers everything except dark pixels connected to the border.

    Args:
        path: the folder.
        image_size: int or (height, width), to which images are resized. Default 64.
        channels: 3 (default) or 1.
        resize: as in `image_folder`.
        split: str, the split of the images to use, as in `captioned_folder`. Default: all images.
        angles: list of the angles to use. Default: all.
        threshold: float in (0, 1), the brightness below which a pixel is dark. Default 0.18, above the grey of the
            background in COIL-100.
        transforms: bool. True applies a random `transform` of this module to each image in each epoch. Default False.
        batch_size, shuffle, seed, drop_remainder: as in `kerasgan.data.load`.
        on_error: as in `image_folder`.

    Returns:
        A dataset of `((classes, views, transforms), (images, masks))`: int32 (batch,), float32 (batch, 4) as in
        `view_vectors`, float32 (batch, 12), float32 images in [-1, 1] with background -1, and masks
        (batch, height, width, 1) of 0 and 1. `dataset.num_classes` is the number of objects.

    Raises:
        ValueError: if the metadata is missing, for unusable files, or for angles without an image.

    Example:

    >>> dataset = turntable_folder("coil100", angles=range(0, 360, 10))  # doctest: +SKIP
    """
    _files.check_sizes(image_size, channels, resize, batch_size)
    path = _files.existing_folder(path)
    if not 0 < threshold < 1:
        raise ValueError(f"`threshold` must be in (0, 1). Received: {threshold!r}")
    records = metadata.rows(path)
    num_classes = 1 + max(_label_and_angle(path, row)[0] for row in records)
    records = [records[i] for i in metadata.in_split(records, split)]
    rows = [(row["file_name"], *_label_and_angle(path, row)) for row in records]
    known = sorted({angle for _, _, angle in rows})
    wanted = known if angles is None else [float(angle) for angle in angles]
    if not wanted or not set(wanted) <= set(known):
        raise ValueError(f"`angles` must be among the angles of the images, {known}. Received: {list(wanted)}")
    rows = [row for row in rows if row[2] in wanted]
    files = [path / name for name, *_ in rows]
    usable, fetch, *_ = _files.store_fitted(files, path, as_size(image_size), channels, resize, on_error)
    images, used = (np.stack(each) for each in zip(*map(fetch, range(len(usable)))))
    rows = [rows[usable[i]] for i in used]
    masks = np.where(around_objects((images <= 255 * threshold).all(-1)), 0, 255).astype("uint8")[..., None]
    images = images * (masks > 0)
    classes = np.array([label for _, label, _ in rows], "int32")
    views = view_vectors([angle for *_, angle in rows])
    dataset = views_dataset(images, masks, classes, views, transforms, batch_size, shuffle, seed, drop_remainder)
    dataset.num_classes = num_classes
    return dataset


def around_objects(dark):
    """Returns the dark pixels that are connected to the border through dark pixels, bools (n, height, width)."""
    found = np.zeros_like(dark)
    for border in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        found[border] = dark[border]
    while True:
        grown = found.copy()
        grown[:, 1:] |= found[:, :-1]
        grown[:, :-1] |= found[:, 1:]
        grown[:, :, 1:] |= found[:, :, :-1]
        grown[:, :, :-1] |= found[:, :, 1:]
        grown &= dark
        if (grown == found).all():
            return found
        found = grown


def _label_and_angle(path, row):
    try:
        label, angle = int(row["label"]), float(row["angle"])
    except (KeyError, TypeError, ValueError):
        label = angle = -1
    if not (label >= 0 and np.isfinite(angle)) or isinstance(row.get("label"), bool):
        raise ValueError(
            f"The metadata in {str(path)!r} must give each image a `label` (0, 1, ...) and an `angle` in degrees. "
            f"Received for {row['file_name']!r}: label {row.get('label')!r}, angle {row.get('angle')!r}"
        )
    return label, angle
