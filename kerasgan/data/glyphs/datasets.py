"""Datasets of glyphs: with labels, pairs, two domains, super-resolution, and captions."""

import functools

import numpy as np
import tensorflow as tf

from kerasgan.data import _pipeline
from kerasgan.data.glyphs.drawing import render
from kerasgan.data.glyphs.table import CHARACTERS, FAMILIES, NUM_IMAGES, attributes, captions, label_arrays


@functools.lru_cache(maxsize=4)
def _rendered(image_size, channels, outline, fixed, options):
    """Returns attributes and read-only images for hashable options. The last few sets are cached."""
    table = attributes(**dict(options))
    table.update({name: np.full_like(table[name], value) for name, value in fixed})
    images = render(table, image_size, channels, outline=outline)
    images.flags.writeable = False
    return table, images


def _load(image_size, channels, options, outline=False, **fixed):
    hashable = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return _rendered(image_size, channels, outline, tuple(fixed.items()), tuple(sorted(hashable.items())))


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
    """Loads glyphs as a dataset. `kerasgan.data.load("glyphs", ...)` calls it and describes the arguments."""
    image_size, channels = image_size or 32, channels or 3
    table, images = _load(image_size, channels, {"split": split, "num_images": num_images, "seed": seed, **options})
    stored = _pipeline.on_cpu(images)
    targets = None
    if labels is not False:
        single = "letter" if labels is True else labels if isinstance(labels, str) else None
        subsets = {name: options[name] for name in options if name != "held_out"}
        arrays = label_arrays(table, [single] if single else labels, **subsets)
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
    """Loads pairs for image-to-image models: the outline of a glyph and the filled glyph.

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
    """Loads two domains for unpaired translation: serif (A) and sans (B).

    Args:
        split: "train" (default) or "test".
        paired: Bool. False (default): the domains hold different glyphs, so no image has a partner in the other domain.
            True: `(serif, sans)` of the same glyph, to score translations.
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
    count = NUM_IMAGES.get(split) if num_images is None else num_images
    options = {"split": split, "num_images": count, "seed": seed, **options}
    stored = []
    for i, family in enumerate(("serif", "sans")):
        start = 0 if paired else i * (count or 0)
        # One face per family, so that each sans glyph has exactly one serif partner.
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
    """Loads glyphs with copies shrunk by `scale`, as `kerasgan.data.super_resolution` does for photos.

    Args:
        split: "train" (default) or "test".
        scale: Int, default 4.
        image_size: Int, the side of the large image, a multiple of `scale`. Default 96.
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
    """Loads glyphs with captions such as "a bold serif letter R in red on a white background".

    Args:
        split: "train" (default) or "test".
        embeddings: Callable from a list of strings to an array `(n, dim)`. It is called once, with all different
            captions. Default None: no vectors.
        text: "embeddings", "strings" or "both". Default: embeddings if there are any, else strings.
        labels: Bool, default False. True appends the letter as int32.
        image_size: Int, default 32.
        channels: 3 (default) or 1.
        batch_size: Int, default 64.
        shuffle, seed, num_images, drop_remainder: As in `kerasgan.data.load`.
        **options: `characters`, `colors`, `backgrounds`, `families`, `held_out` of `attributes`. With `held_out`, the
            combinations of character and colours in "test" do not occur in "train".

    Returns:
        A dataset of `(images, text_embeddings)`, float32 in [-1, 1] and float32 `(batch, dim)`. With `text`, strings
        `(batch,)` replace the vectors or follow them.

    Example:

    >>> images, texts = next(iter(captioned(num_images=64)))
    """
    all_options = {"split": split, "num_images": num_images, "seed": seed, **options}
    table, images = _load(image_size, channels, all_options)
    unique, ids = np.unique(captions(table), return_inverse=True)
    text, strings, vectors = _pipeline.text_tables(unique.tolist(), embeddings, text)
    columns = [images, ids.astype("int64")]
    if labels:
        columns.append(label_arrays(table, ["letter"], options.get("characters", CHARACTERS))["letter"])
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
