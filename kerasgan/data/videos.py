"""Folders of video frames with label maps."""

import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.data import _decoding, _files, _pipeline
from kerasgan.shapes import as_size

LEAST, MOST = 8, 16  # frames of a part, unless the user says so


def video_folders(
    path_a,
    path_b,
    image_size=None,
    channels=3,
    *,
    num_frames=None,
    num_classes=None,
    resize="crop",
    batch_size=1,
    shuffle=True,
    seed=0,
    drop_remainder=None,
):
    """Reads label maps and frames of videos: the layout of vid2vid (Wang et al. 2018), a sub-folder for each sequence.

    `train_A/walk/00001.png` is the label map of `train_B/walk/00001.jpg`. Frames are in the order of their names, with
    numbers in numerical order. An element of the dataset is a clip of `num_frames` consecutive frames. An epoch has one
    clip for each possible first frame. Every file is read before the first step.

    Args:
        path_a: the folder of the label maps: palette, grey or 1-bit PNG files with one number per pixel.
        path_b: the folder of the frames, with the same names (the ending may differ).
        image_size: int or (height, width), to which frames are resized, and label maps by nearest neighbours. None
            keeps the size of the frames, which must be the same for all.
        channels: 3 (default) or 1, the channels of the frames.
        num_frames: int. Default: the length of the shortest sequence, at least 8 and at most 16. `Vid2Vid` needs 8 by
            default.
        num_classes: int. Label maps must have numbers from 0 to num_classes - 1. Default: one more than the largest
            number found.
        resize: as in `image_folder`.
        batch_size: int. Default 1, as in the paper.
        shuffle, seed, drop_remainder: as in `image_folder`.

    Returns:
        A dataset of `(labels, frames)`, int32 (batch, num_frames, height, width) and float32 in [-1, 1]
        (batch, num_frames, height, width, channels), for `kerasgan.Vid2Vid(with_flow=False)`.
        `dataset.num_classes` is the number of classes, `dataset.sequences` the list of the names of the sequences.

    Raises:
        ValueError: by name, for sequences and frames without a partner, sequences shorter than `num_frames`, unusable
            files, partners of different sizes, and label maps with numbers out of range.

    Example:

    >>> dataset = video_folders("davis/train_A", "davis/train_B", (72, 128))  # doctest: +SKIP
    """
    _files.check_sizes(image_size, channels, resize, batch_size)
    num_frames = None if num_frames is None else positive_int("num_frames", num_frames)
    paths = [_files.existing_folder(path) for path in (path_a, path_b)]
    sides = [_sequences(path) for path in paths]
    if num_frames is None:
        shortest = min(len({*frames, *sides[1].get(name, ())}) for name, frames in sides[0].items())
        num_frames = min(max(shortest, LEAST), MOST)
    _check_sequences(paths, sides, num_frames)
    items = [(name, stem) for name in sorted(sides[0]) for stem in _files.in_order({*sides[0][name], *sides[1][name]})]
    size = as_size(image_size) if image_size is not None else None
    size = size or _files.own_size([file for frames in sides[1].values() for file in frames.values()], paths[1])
    highest = [0]

    def read(item):
        labels, frame = _pair(item, sides, paths, channels)
        highest[0] = max(highest[0], int(labels.max()))
        if num_classes is not None and labels.max() >= num_classes:
            raise _decoding.Refused(f"class {labels.max()}, but `num_classes` is {num_classes}")
        return np.concatenate(
            [_decoding.fit(frame, size, resize), _decoding.fit(labels, size, resize, nearest=True)], axis=-1
        )

    named = [(f"{name}/{stem}", (name, stem)) for name, stem in items]
    _, fetch, stream = _files.store(named, read, (*size, channels + 1), paths[0], on_error=None)
    starts = _pipeline.on_cpu(_starts([name for name, _ in items], num_frames))

    def part(index):
        places = tf.gather(starts, index) + tf.range(num_frames)
        frames = lambda place: fetch(place)[0]  # noqa: E731
        both = tf.map_fn(frames, places, fn_output_signature=tf.uint8) if stream else frames(places)
        return tf.cast(both[..., -1], tf.int32), _pipeline.to_float(both[..., :-1])

    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "drop_remainder": drop_remainder}
    dataset = _pipeline.make_dataset(len(starts), part, finish=lambda *batch: batch, stream=True, **options)
    dataset.num_classes = highest[0] + 1 if num_classes is None else num_classes
    dataset.sequences = sorted(sides[0])
    return dataset


def _sequences(path):
    """Returns {name of a sub-folder: {name of a frame without its ending: file}}."""
    found = {}
    for place, file in _files.by_stem(path).items():
        name, _, stem = place.partition("/")
        if not stem:
            raise ValueError(
                f"Frames must be in a sub-folder for each sequence. Received: {file.name!r} directly in {str(path)!r}"
            )
        found.setdefault(name, {})[stem] = file
    return found


def _check_sequences(paths, sides, num_frames):
    """Raises an error that names all sequences that are in one folder only, or too short."""
    problems = [
        f"  {name}: no sequence of this name in {str(path)!r}"
        for path, side, other in zip(paths[::-1], sides, sides[::-1])
        for name in sorted(side.keys() - other.keys())
    ]
    for name in sorted(sides[0].keys() & sides[1].keys()):
        count = len(sides[0][name].keys() | sides[1][name].keys())
        if count < num_frames:
            problems.append(f"  {name}: {count} frames, fewer than `num_frames`={num_frames}")
    if problems:
        listed = "\n".join(problems)
        raise ValueError(
            f"{len(problems)} sequences in {str(paths[0])!r} cannot be used:\n{listed}\nRemedy: add or remove them, or "
            "a smaller `num_frames`."
        )


def _starts(names, num_frames):
    """Returns the first frames of the clips of one sequence, as positions in the list of all frames."""
    return np.array([i for i in range(len(names) - num_frames + 1) if names[i] == names[i + num_frames - 1]], "int32")


def _pair(item, sides, paths, channels):
    """Reads a label map (height, width, 1) and its frame."""
    name, stem = item
    for side, path in zip(sides, paths):
        if stem not in side[name]:
            raise _decoding.Refused(f"no partner in {str(path / name)!r}")
    labels, frame = _decoding.decode_indices(sides[0][name][stem]), _decoding.decode(sides[1][name][stem], channels)
    if labels.shape[:2] != frame.shape[:2]:
        sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (labels, frame)]
        raise _decoding.Refused(f"the partners have different sizes, {sizes[0]} and {sizes[1]}")
    if not 0 <= labels.min() <= labels.max() <= 255:
        raise _decoding.Refused(f"classes must be numbers from 0 to 255; this map has {labels.min()} to {labels.max()}")
    return labels.astype("uint8")[..., None], frame
