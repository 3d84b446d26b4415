"""Detects the layout of a folder, and loads the dataset of a task."""

import collections
import concurrent.futures
import os
import pathlib
import warnings
from typing import NamedTuple

from kerasgan.data import (
    _files,
    _pipeline,
    captioned,
    catalog,
    enlarging,
    folders,
    glyphs,
    label_maps,
    metadata,
    prepared,
    splits,
    turntable,
    videos,
)

# For each task, the layouts that fit, and a description of what is needed.
NEEDS = {
    "images": (
        ("images", "classes", "pairs", "paired folders", "captions", "domains", "views"),
        "a folder of images, in sub-folders or not",
    ),
    "labels": (("classes", "paired folders"), "a sub-folder of images for each class: photos/cat, photos/dog"),
    "pairs": (
        ("pairs", "paired folders", "label maps"),
        "pairs: two squares side by side in each file, or two sub-folders with files of the same names",
    ),
    "domains": (("domains",), "two domains: the sub-folders trainA and trainB"),
    "super_resolution": (
        ("images", "classes", "pairs", "paired folders", "captions", "domains", "views"),
        "a folder of images, in sub-folders or not",
    ),
    "label_maps": (
        ("label maps",),
        "label maps: the sub-folders images and labels with files of the same names, and optionally instances",
    ),
    "captions": (("captions",), "images with captions: a metadata.jsonl or metadata.csv beside them"),
    "views": (
        ("views",),
        "objects from known views: a metadata.jsonl or metadata.csv with the `label` and the `angle` of each image",
    ),
    "films": (
        ("films",),
        "films: train_A and train_B with a sub-folder for each, the label maps and the frames, with files of the same "
        "names",
    ),
    "some_labels": ((), "two data sets, joined by a comma: one with classes, and one without"),
}
_OTHER_TASKS = {"chairs": "views", "moving_glyphs": "films"}  # of the sets that are built in
_NOT_IMAGES = (*metadata.NAMES, "class_captions.json", "labels.txt", label_maps.CLASSES)


class Layout(NamedTuple):
    """The result of `find_layout`.

    `kind`: "captions", "domains", "pairs" (side by side), "paired folders" (two folders with files of the same names:
    pairs or classes), "label maps", "classes", "views" (with their angles), "films" or "images"; `num_images`; `parts`:
    names of the classes, domains, films or paired folders; `smallest`, `largest`: (width, height) of the images with
    the smallest and the largest area; `skipped`: numbers of the other files by ending.
    """

    kind: str
    num_images: int
    parts: tuple
    smallest: tuple
    largest: tuple
    skipped: dict

    def __str__(self):
        count, names = f"{self.num_images:,}", ", ".join(self.parts)
        what = {
            "captions": f"{count} images with captions",
            "domains": f"{count} images of two domains ({names})",
            "pairs": f"{count} pairs, side by side",
            "paired folders": f"{count} images of 2 classes or {self.num_images // 2:,} pairs by name ({names})",
            "label maps": f"{count} photos with label maps" + " and instances" * ("instances" in self.parts),
            "classes": f"{count} images of {len(self.parts)} classes",
            "films": f"{count} frames of {len(self.parts)} films with label maps",
            "views": f"{count} images of objects from known angles",
            "images": f"{count} images",
            "prepared": f"{count} elements prepared for {names}",
        }[self.kind]
        sizes = list(dict.fromkeys("x".join(map(str, size)) for size in (self.smallest, self.largest) if size))
        pixels = f", {' to '.join(sizes)} pixels" if sizes else ""
        left_out = ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in self.skipped.items())
        return what + pixels + (f"; left out: {left_out}" if left_out else "")


def find_layout(path, split="train"):
    """Detects the layout of a folder from file names and image sizes. No image is decoded.

    Args:
        path: the folder.
        split: if the folder has a sub-folder of this name, the sub-folder is examined. Default "train".

    Returns:
        A `Layout`. `str()` of it is a short description.

    Raises:
        ValueError: for a folder without images.

    Example:

    >>> import numpy as np
    >>> from kerasgan import plots
    >>> for name in ("cat/1", "cat/2", "dog/3"):
    ...     plots.save_png(f"photos/{name}.png", np.zeros((8, 8, 3), "uint8"))
    >>> print(find_layout("photos"))
    3 images of 2 classes, 8x8 pixels
    """
    path = _files.existing_folder(path)
    if ready := prepared.folder_of(path, split):
        found = prepared.read_manifest(ready)
        *size, _ = found["element"][0]["shape"]
        return Layout("prepared", found["num_images"], (found["task"],), tuple(size[::-1]), tuple(size[::-1]), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about files that are left out, as the layout lists them
        return _find(path, split)


def _find(path, split):
    domains = [path / f"{split}{letter}" for letter in "AB"]
    if all(domain.is_dir() for domain in domains):
        files = [file for domain in domains for file in _files.image_files(domain)]
        return _layout("domains", path, files, tuple(domain.name for domain in domains), domains)
    maps, frames = (path / f"{split}_{letter}" for letter in "AB")
    if maps.is_dir() and frames.is_dir():
        files = _files.image_files(frames)
        names = {file.relative_to(frames).parts[0] for file in files if file.parent != frames}
        return _layout("films", path, files, tuple(sorted(names)), [frames])
    if metadata.is_in(path):
        kind = "views" if "angle" in metadata.rows(path)[0] else "captions"
        return _layout(kind, path, _files.image_files(path))
    path = part_of(path, split)
    parts = [path / part for part in label_maps.PARTS if (path / part).is_dir()]
    if [part.name for part in parts[:2]] == ["images", "labels"]:
        names = tuple(part.name for part in parts)
        return _layout("label maps", path, _files.image_files(parts[0]), names, parts[:1])
    files = _files.image_files(path)
    if all(file.parent != path for file in files):
        stems = collections.defaultdict(set)
        for file in files:
            part, *rest = file.relative_to(path).with_suffix("").parts
            stems[part].add(tuple(rest))
        parts = tuple(sorted(stems))
        kind = "paired folders" if len(parts) == 2 and stems[parts[0]] == stems[parts[1]] else "classes"
        return _layout(kind, path, files, parts)
    found = _layout("images", path, files)
    wide = all(size is not None and size[0] == 2 * size[1] for size in (found.smallest, found.largest))
    return found._replace(kind="pairs") if wide else found


def part_of(path, split):
    """Returns the sub-folder of a split if there is one, else the folder."""
    return path / split if (path / split).is_dir() else path


def _layout(kind, path, files, parts=(), roots=None):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes = sorted((size for size in pool.map(_size, files) if size), key=lambda size: size[0] * size[1])
    used, skipped = set(files), collections.Counter()
    for root in roots or [path]:
        for entry in root.rglob("*"):
            hidden = any(part.startswith(".") for part in entry.relative_to(root).parts)
            if entry not in used and entry.is_file() and not hidden and entry.name not in _NOT_IMAGES:
                skipped[entry.suffix.lower()] += 1
    ends = (sizes[0], sizes[-1]) if sizes else (None, None)
    skipped = dict(sorted(skipped.items(), key=lambda item: (-item[1], item[0] == "", item[0])))
    return Layout(
        kind,
        len(files),
        parts,
        *ends,
        dict(sorted(skipped.items(), key=lambda item: (-item[1], item[0] == "", item[0]))),
    )


def _size(file):
    """Returns the (width, height) that a file declares, or None. The loader reports damaged files."""
    size = _files.declared_size(file)
    return size and size[::-1]


def load_for(task, name, split="train", **options):
    """Reads the data for a task: a built-in set, a set by name, or a folder with the layout of the task.

    Args:
        task: "images", "labels" (images with the number of their class), "pairs" (source, target), "label_maps" (label
            maps, photos), "films" (label maps, frames, see `video_folders`), "domains" (two sets without partners),
            "super_resolution" (small, large), "captions" (images, text vectors), "views" (objects from known views, see
            `turntable_folder`) or "some_labels" ((images, labels), images without labels).
        name: "glyphs", or "glyphs:ABC" with letters; "chairs", for "views"; "moving_glyphs", for "films"; a
            tensorflow-datasets set, for "images" and "labels"; or the path of a folder. For "some_labels", two names
            for `load`, joined by a comma, such as "svhn_cropped,mnist". The first set gives labels. The smaller set is
            repeated until the larger one ends.
        split: "train" (default) or "test".
        **options: options of the function that reads the data: `load`, `paired_folder`, `paired_folders`,
            `unpaired_folders`, `label_folder`, `super_resolution`, `captioned_folder`, `turntable_folder`,
            `video_folders`, or `glyphs.pairs`, `domains`, `super_resolution`, `captioned`. Options that are None keep
            their default.

    Returns:
        A dataset for `fit` of a model of this task.

    Raises:
        ValueError: if the folder has another layout. The message describes the layout found and the layout needed.

    Example:

    >>> outline, filled = next(iter(load_for("pairs", "glyphs", num_images=8)))
    """
    if task not in NEEDS:
        raise ValueError(f"`task` must be one of {tuple(NEEDS)}. Received: {task!r}")
    options = {key: value for key, value in options.items() if value is not None}
    if task == "labels":
        options["labels"] = True
    if task == "some_labels":
        return _labelled_and_not(str(name), split, options)
    if task == "label_maps" and not catalog.is_folder(name):
        raise ValueError(f"`name` must be a folder that holds {NEEDS[task][1]}. Received: {name!r}")
    if catalog.is_glyphs(name) and task not in ("views", "films"):
        return _glyphs(task, name, split, options)
    if not catalog.is_folder(name):
        if task in ("images", "labels") and name in _OTHER_TASKS:
            raise ValueError(
                f"`name` must be 'glyphs', a tensorflow-datasets set, or {NEEDS[task][1]}. Received: {name!r}, which "
                f"is for the task {_OTHER_TASKS[name]!r}. Remedy: a model of this task, or the data 'glyphs'"
            )
        built_in = {"views": "chairs", "films": "moving_glyphs"}.get(task, "glyphs")
        if task not in ("images", "labels") and name != built_in:
            raise ValueError(f"`name` must be {built_in!r} or a folder that holds {NEEDS[task][1]}. Received: {name!r}")
        return catalog.load(name, split, **options)
    path = pathlib.Path(name).expanduser()
    if ready := prepared.folder_of(path, split):
        return prepared.load(ready, "labels" if options.pop("labels", False) else task, **options)
    layout = find_layout(path, split)
    if layout.kind not in NEEDS[task][0]:
        raise ValueError(f"{str(name)!r} must hold {NEEDS[task][1]}. It holds {layout}.")
    return _folder(task, path, split, layout, options)


def captions_of(name):
    """Returns the captions of a data set, for example to build a text encoder.

    Args:
        name: as in `load_for("captions", name)`.

    Returns:
        list of strings: all captions of a folder, or the captions of 5,000 glyphs.

    Example:

    >>> captions_of("glyphs:A")[0].split(" letter ")[1][:4]
    'A in'
    """
    if catalog.is_glyphs(name):
        return glyphs.captions(glyphs.attributes(5000, **catalog.glyph_options(name, {})))
    path = _files.existing_folder(name)
    return captioned._captions(path, metadata.rows(path))[0]


def _labelled_and_not(name, split, options):
    names = [each.strip() for each in name.split(",")]
    if len(names) != 2 or not all(names):
        raise ValueError(f"`name` must be {NEEDS['some_labels'][1]}, such as 'svhn_cropped,mnist'. Received: {name!r}")
    on_error = options.pop("on_error", None)
    seed = options.pop("seed", 0)
    parts = []
    for number, each in enumerate(names):
        more = {"on_error": on_error} if on_error and catalog.is_folder(each) else {}
        parts.append(catalog.load(each, split, labels=number == 0, seed=2 * seed + number, **options, **more))
    dataset = _pipeline.zip_unpaired(*parts)
    dataset.parts, dataset.class_names = parts, parts[0].class_names
    return dataset


def _glyphs(task, name, split, options):
    if task in ("images", "labels"):
        return catalog.load(name, split, **options)
    readers = {
        "pairs": glyphs.pairs,
        "domains": glyphs.domains,
        "super_resolution": glyphs.super_resolution,
        "captions": glyphs.captioned,
    }
    return readers[task](split, **catalog.glyph_options(name, options))


def _folder(task, path, split, layout, options):
    place = part_of(path, split)
    if task in ("images", "labels"):
        return catalog.load(path, split, **options)
    if task == "super_resolution":
        size = options.pop("image_size", None)
        found = splits.files_of(path, split)
        return enlarging.enlarging_dataset(*found, **options, **({} if size is None else {"crop": size}))
    if task == "domains":
        return folders.unpaired_folders(*(path / part for part in layout.parts), **options)
    if task in ("captions", "views"):
        in_rows = splits.rows_of(path, split)
        read = captioned.captioned_folder if task == "captions" else turntable.turntable_folder
        return read(path, **options, split=split if in_rows else None)
    if task == "label_maps":
        return label_maps.label_folder(place, **options)
    if task == "films":
        if options.pop("on_error", "raise") == "skip":
            raise ValueError("`on_error` must be 'raise' for films, as no frame may be missing. Received: 'skip'")
        return videos.video_folders(path / f"{split}_A", path / f"{split}_B", **options)
    if layout.kind in ("paired folders", "label maps"):
        return folders.paired_folders(*(place / part for part in layout.parts[:2]), **options)
    return folders.paired_folder(place, **options)
