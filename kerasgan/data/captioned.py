"""Folders of images with captions."""

import os

import numpy as np
import tensorflow as tf

from kerasgan.data import _decoding, _files, _pipeline, metadata
from kerasgan.files import read_arrays, read_json
from kerasgan.shapes import as_size


def _captions(path, rows):
    """Returns all captions, and the indices of the captions of each row, from the row itself or from its class."""
    captions, own = [], []
    by_class = path / "class_captions.json"
    if by_class.is_file() and not any("caption" in row or "captions" in row for row in rows):
        places = {}
        for name, sentences in _class_captions(path).items():
            places[name] = list(range(len(captions), len(captions) + len(sentences)))
            captions.extend(sentences)
        for row in rows:
            name = row.get("name")
            own.append(places.get(name, []) if isinstance(name, str) else [])
    else:
        for row in rows:
            texts = row.get("captions", row.get("caption"))
            texts = [texts] if isinstance(texts, str) else texts or []
            if not isinstance(texts, list):
                raise ValueError(
                    f"The captions of {row['file_name']!r} in {str(path)!r} must be a string or a list of strings. "
                    f"Received: {type(texts).__name__}"
                )
            own.append(list(range(len(captions), len(captions) + len(texts))))
            captions.extend(texts)
    bare = [row["file_name"] for row, indices in zip(rows, own) if not indices]
    if bare:
        raise ValueError(
            f"{len(bare)} images in {str(path)!r} have no caption (`caption`, `captions`, or a `name` that "
            f"class_captions.json knows): {bare[:5]}"
        )
    if not all(isinstance(text, str) and text.strip() for text in captions):
        raise ValueError(f"Some captions in {str(path)!r} are empty or not strings.")
    return captions, own


def _class_captions(path):
    path = path / "class_captions.json"
    classes = read_json(path)
    for name, sentences in classes.items():
        if not isinstance(sentences, list):
            raise ValueError(f"{path} must hold a list of sentences for {name!r}. Received: {type(sentences).__name__}")
    return classes


def _is_label(value):
    return str(value).isdecimal() and len(str(value)) < 10  # fits into int32


def _stored_embeddings(path, embeddings, captions):
    """Reads the rows of an .npz file in the order of the captions. Other kinds of embeddings are returned unchanged."""
    if embeddings is None:
        found = sorted(path.glob("*.npz"))
        if len(found) != 1:
            return None
        embeddings = found[0]
    if not isinstance(embeddings, str | os.PathLike):
        return embeddings
    arrays = read_arrays(embeddings, embeddings="fiu", class_index="iu", class_names="U")
    if "embeddings" not in arrays:
        raise ValueError(f"{embeddings} must hold an array `embeddings`. Received: {sorted(arrays)}")
    vectors = arrays["embeddings"]
    if vectors.ndim != 2:
        raise ValueError(f"{embeddings} must hold `embeddings` of shape (captions, dim). Received: {vectors.shape}")
    if "class_index" in arrays and "class_names" in arrays:
        # The file may have another order of classes than class_captions.json.
        names, numbers = arrays["class_names"].ravel().tolist(), arrays["class_index"].ravel()
        order = _class_captions(path)
        rows = [np.flatnonzero(numbers == names.index(name)) for name in order if name in names]
        if len(numbers) != len(vectors) or [len(r) for r in rows] != [len(sentences) for sentences in order.values()]:
            raise ValueError(f"{embeddings} does not have a row for each sentence of class_captions.json.")
        vectors = vectors[np.concatenate(rows)] if rows else vectors[:0]
    return vectors.astype("float32")


def captioned_folder(
    path,
    image_size=64,
    channels=3,
    *,
    resize="crop",
    embeddings=None,
    text=None,
    labels=False,
    split=None,
    batch_size=64,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    on_error="raise",
):
    """Reads images with captions in the imagefolder convention: `metadata.jsonl` or `metadata.csv` beside the images.

    Every row has `file_name` and `caption` (a string) or `captions` (a list). Alternatively, rows have a `name` (the
    class), and `class_captions.json` has a list of captions for each class. If an image has several captions, one of
    them is drawn in every epoch.

    Args:
        path: The folder.
        image_size: Int or (height, width), default 64, as in Reed et al. 2016. None keeps the size of the images, which
            must be the same for all.
        channels: 3 (default), 1, or 4, which keeps transparency.
        resize: As in `image_folder`.
        embeddings: The vectors of the captions: an array with one row per caption in reading order, an `.npz` file with
            an array `embeddings`, or a callable from a list of strings to such an array. Default: the `.npz` file of
            the folder, if there is exactly one.
        text: "embeddings", "strings" or "both". Default: embeddings if there are any, else strings.
        labels: Bool, default False. True appends the `label` of each row as int32.
        split: String or None. Only rows with this `split` are used, or if they have none, rows whose images are in a
            sub-folder of this name, such as "train" or "test". None uses all rows.
        batch_size: Int, default 64.
        shuffle, seed, num_images, drop_remainder, on_error: As in `image_folder`.

    Returns:
        A dataset of `(images, text_embeddings)`: float32 in [-1, 1] `(batch, height, width, channels)` and
        float32 `(batch, dim)`. With `text="strings"`, strings `(batch,)` replace the vectors. With `text="both"`, they
        follow the vectors.

    Raises:
        ValueError: Unusable or missing files by name, rows without a caption, vectors that do not match the captions.

    Example:

    >>> dataset = captioned_folder("flowers102", 64, split="train", text="both")  # doctest: +SKIP
    """
    _files.check_sizes(image_size, channels, resize, batch_size)
    path = _files.existing_folder(path)
    rows = metadata.rows(path)
    captions, own = _captions(path, rows)
    text, strings, vectors = _pipeline.text_tables(captions, _stored_embeddings(path, embeddings, captions), text)
    chosen = _files.spread(metadata.in_split(rows, split), num_images)
    if labels:
        missing = [rows[i]["file_name"] for i in chosen if not _is_label(rows[i].get("label"))]
        if missing:
            raise ValueError(
                f"`labels=True` needs an integer `label` in every row of {str(path)!r}. It is missing in: {missing[:5]}"
            )

    there = [path / rows[i]["file_name"] for i in chosen]
    size = as_size(image_size) if image_size is not None else _files.own_size(there, path)

    def read(name):
        if not (path / name).is_file():
            raise _decoding.Refused("the file is missing")
        return _decoding.fit(_decoding.decode(path / name, channels), size, resize)

    items = [(rows[i]["file_name"],) * 2 for i in chosen]
    usable, fetch, stream = _files.store(items, read, (*size, channels), path, on_error)
    chosen = [chosen[i] for i in usable]
    flat = _pipeline.on_cpu(np.concatenate([own[i] for i in chosen]).astype("int64"))
    counts = np.array([len(own[i]) for i in chosen], "int64")
    first = _pipeline.on_cpu(np.cumsum(counts) - counts)
    counts = _pipeline.on_cpu(counts)
    numbers = _pipeline.on_cpu(np.array([int(rows[i]["label"]) for i in chosen], "int32")) if labels else None

    def draw_caption(element, draw):
        image, index = element
        pick = tf.random.stateless_uniform((), draw, maxval=counts[index], dtype=tf.int64)
        others = () if numbers is None else (numbers[index],)
        return (image, flat[first[index] + pick], *others)

    return _pipeline.make_dataset(
        len(chosen),
        fetch,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        augment=draw_caption,
        finish=lambda *batch: _pipeline.text_elements(batch, strings, vectors, text),
        stream=stream,
    )
