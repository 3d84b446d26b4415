"""`load`: the built-in glyphs, any tensorflow-datasets image set, or a folder, by name."""

import inspect
import os
import pathlib

from kerasgan.arguments import did_you_mean, positive_int
from kerasgan.data import (
    _files,
    _pipeline,
    chairs,
    folders,
    glyphs,
    metadata,
    moving_glyphs,
    prepared,
    splits,
    tfds_sets,
)


def load(
    name,
    split="train",
    *,
    image_size=None,
    channels=None,
    resize=None,
    labels=False,
    batch_size=None,
    shuffle=True,
    seed=0,
    num_images=None,
    drop_remainder=None,
    **options,
):
    """Loads images by name, as a finite `tf.data.Dataset` for `fit`.

    Images are decoded once and kept as uint8. They are shuffled (the whole set, in every epoch), batched, and scaled to
    float32 as `x / 127.5 - 1`.

    Args:
        name: One of:

            - "glyphs" (built in), or "glyphs:ABCDEFGHKR", which is short for `characters="ABCDEFGHKR"`;
            - a tensorflow-datasets image set such as "mnist", "fashion_mnist", "cifar10", "celeb_a", with an optional
              config and version ("name/config:1.0.0");
            - the path of a folder of images, or of a folder written by `prepare`. It must contain a separator
              ("./photos");
            - "chairs" or "moving_glyphs" (built in), with the elements and options of `kerasgan.data.chairs.load` and
              `kerasgan.data.moving_glyphs.load`.
        split: "train" (default) or "test". Sets of tensorflow-datasets also accept slices such as "train[:1000]". If a
            folder has a sub-folder of this name, the sub-folder is read; likewise trainA with trainB, and the rows with
            this `split` of a metadata.jsonl or metadata.csv.
        image_size: Int or (height, width), to which images are resized with antialiasing. Default: 32 for glyphs, which
            are square. For other sets and folders, it defaults to the size of the images, which must be the same for
            all.
        channels: 1 or 3. Default: 3 for glyphs and folders, and the set's own for tensorflow-datasets. Grey glyphs are
            white on black, as MNIST's digits, unless `colors` or `backgrounds` are given.
        resize: As in `image_folder`, default "crop". Not used for data sets that are built in.
        labels: Bool, default False. True adds int32 labels. For glyphs, it may also be the name of an attribute or a
            sequence of names: "letter", "family", "bold", "color", "background" (int32) and "slant" (float32, in
            [-1, 1] for 20 degrees, positive leans right). A sequence gives a dict.
        batch_size: Int, default 64. For moving glyphs, the elements are films and the default is 1.
        shuffle: Bool, default True.
        seed: Int, default 0: the seed of the order and of the glyphs.
        num_images: Int, the number of images to use. Default all (glyphs: 10,000 train, 2,000 test). For folders, they
            are evenly spaced over all in the order of paths. For other sets, they are the first ones.
        drop_remainder: Bool. Defaults to `shuffle`, so that training batches have one size.
        **options: For glyphs: `characters`, `colors`, `backgrounds`, `families`, `held_out` of
            `kerasgan.data.glyphs.attributes`. For folders: `on_error`.

    Returns:
        A dataset of images `(batch, height, width, channels)`, float32 in [-1, 1], or of `(images, labels)`. With
        labels, `dataset.class_names` lists the names of the classes, if they are known.

    Raises:
        ValueError: An unknown name, split or option.
        FileNotFoundError: A tensorflow-datasets set that is not prepared and cannot be downloaded.

    Example:

    >>> dataset = load("glyphs", image_size=28, channels=1, num_images=128)
    >>> images = next(iter(dataset))  # (64, 28, 28, 1)
    """
    batch_size = (1 if name == "moving_glyphs" else 64) if batch_size is None else batch_size
    _files.check_sizes(None, 3, resize or "crop", batch_size)
    common = dict(
        image_size=image_size,
        channels=channels,
        labels=labels,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=_pipeline.whole_seed(seed),
        num_images=None if num_images is None else positive_int("num_images", num_images),
        drop_remainder=drop_remainder,
    )
    if name in ("chairs", "moving_glyphs"):
        if labels or num_images is not None:
            count = "num_chairs" if name == "chairs" else "num_sequences"
            raise ValueError(f"{name!r} always has labels. Use `{count}` for the number of classes.")
        common = {key: value for key, value in common.items() if key not in ("labels", "num_images")}
        reader = (chairs if name == "chairs" else moving_glyphs).load
        _refuse_further(name, options, reader)
        return reader(split, **common, **options)
    if is_glyphs(name):
        _refuse_further(name, options, glyphs.attributes)
        return glyphs.load(split, **glyph_options(name, common | options))
    path = pathlib.Path(name).expanduser()
    looks_like_path = _looks_like_path(name)
    if is_folder(name):
        if ready := prepared.folder_of(path, split):
            task = "labels" if common.pop("labels") else "images"
            return prepared.load(ready, task, resize=resize, **common, **options)
        common["channels"] = 3 if channels is None else channels
        if options.keys() - {"on_error"}:
            raise ValueError(_further(options, {*common, "on_error"}, "A folder takes no option but `on_error`"))
        return folders.image_dataset(*splits.files_of(path, split), resize=resize or "crop", **common, **options)
    if isinstance(name, os.PathLike) or (looks_like_path and (name.startswith((".", "~")) or path.is_absolute())):
        raise ValueError(f"`name` must be an existing folder. Received: {str(name)!r}")
    if options:
        raise ValueError(_further(options, common, "A tensorflow-datasets set takes no further options"))
    return tfds_sets.load(name, split, resize=resize or "crop", **common)


def _further(options, known, sentence):
    """Returns the message on unknown options."""
    unknown = sorted(set(options) - set(known))
    return f"{sentence}. Received: {unknown}.{did_you_mean(unknown[0], known)}"


def _refuse_further(name, options, reader):
    """Raises a ValueError for options that the reader of a built-in set does not have."""
    known = inspect.signature(reader).parameters
    if set(options) - set(known):
        raise ValueError(_further(options, known, f"{name!r} takes no further options than {', '.join(known)}"))


def is_glyphs(name):
    """Returns whether `name` is the built-in set: "glyphs", or "glyphs:ABC" with characters."""
    return isinstance(name, str) and name.partition(":")[0] == "glyphs"


def glyph_options(name, options):
    """Adds the characters in `name` to the options of a reader of glyphs. Grey glyphs are white on black."""
    characters = name.partition(":")[2]
    if characters:
        options = options | {"characters": characters}
    if options.get("channels") == 1 and not {"colors", "backgrounds"} & set(options):
        options = options | {"colors": ("white",), "backgrounds": ("black",)}
    return options


def splits_of(name):
    """Returns the splits of a data set, the one to score against first. A folder may have none."""
    if is_folder(name):
        return splits.splits_of(name)
    if str(name).startswith((".", "~", os.sep)):  # a folder that does not exist, which `load` refuses
        return []
    if is_glyphs(name) or name in ("chairs", "moving_glyphs"):
        return ["test", "train"]
    found = tfds_sets.builder_of(name).info.splits
    return [split for split in metadata.SPLITS if split in found] or sorted(found)


def _looks_like_path(name):
    return isinstance(name, os.PathLike) or os.sep in name or name.startswith((".", "~"))


def is_folder(name):
    """Returns whether `name` is an existing folder: a path, or a string with a separator."""
    return _looks_like_path(name) and pathlib.Path(name).expanduser().is_dir()
