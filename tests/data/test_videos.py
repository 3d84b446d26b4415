"""Folders of videos: parts of sequences in order, and bad files by name before the first step."""

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan.data import _files, _pipeline, video_folders


def write(root, name, count, size=(8, 12), start=0, step=1):
    """A sequence: frame i is of level 10 i, and the label map has class 1 in column i."""
    for i in range(count):
        number = start + step * i
        labels = np.zeros(size, bool)
        labels[:, i] = True
        frame = np.full((*size, 3), 10 * i, "uint8")
        for side, image, ending in (("A", Image.fromarray(labels), "png"), ("B", Image.fromarray(frame), "webp")):
            path = root / f"train_{side}" / name
            path.mkdir(parents=True, exist_ok=True)
            options = {"lossless": True} if ending == "webp" else {}
            image.save(path / f"f{number}.{ending}", **options)
    return [root / "train_A", root / "train_B"]


@pytest.mark.parametrize("limit", [None, 0], ids=["in memory", "read again"])
def test_parts_follow_the_frames_and_stay_in_their_sequence(tmp_path, limit, monkeypatch):
    if limit is not None:
        monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", limit)
    write(tmp_path, "walk", 5, start=8)  # f8, f9, f10: numbers count as numbers
    paths = write(tmp_path, "run", 3)
    dataset = video_folders(*paths, num_frames=3, shuffle=False)
    assert dataset.sequences == ["run", "walk"] and dataset.num_classes == 2 and dataset.num_images == 4
    batches = list(dataset.as_numpy_iterator())
    assert [x.dtype.name for x in batches[0]] == ["int32", "float32"]
    assert batches[0][0].shape == (1, 3, 8, 12) and batches[0][1].shape == (1, 3, 8, 12, 3)
    for (labels, frames), first in zip(batches, (0, 0, 1, 2), strict=True):
        np.testing.assert_allclose((frames[0, :, 0, 0, 0] + 1) * 12.75, first + np.arange(3), atol=1e-5)
        assert labels[0].argmax(-1)[:, 0].tolist() == [first, first + 1, first + 2] and labels.sum() == 3 * 8


def test_frames_are_in_the_order_of_numbers_of_the_digits_0_to_9():
    ordered = ["2", "10", "x2", "x2²", "x2٣", "x10", "x10²", "x10٣", "xy", "²", "٣"]
    assert _files.in_order(ordered[::-1]) == ordered


def test_label_maps_are_resized_to_numbers_that_they_had(tmp_path):
    paths = write(tmp_path, "walk", 2)
    for number in range(2):
        palette = Image.fromarray(np.repeat(np.uint8([[3, 0, 7, 7]]), 6, 0).repeat(3, 1), mode="P")
        palette.putpalette([200, 10, 10] * 256)
        palette.resize((12, 8), Image.Resampling.NEAREST).save(paths[0] / "walk" / f"f{number}.png")
    dataset = video_folders(*paths, image_size=(4, 5), channels=1, num_frames=2)
    labels, frames = next(iter(dataset))
    assert labels.shape == (1, 2, 4, 5) and frames.shape == (1, 2, 4, 5, 1)
    assert set(np.unique(labels)) == {0, 3, 7} and dataset.num_classes == 8


def spoil(paths, what):
    frames, maps = paths[1] / "walk", paths[0] / "walk"
    if what == "partner":
        (frames / "f1.webp").unlink()
    elif what == "sequence":
        for file in frames.iterdir():
            file.unlink()
        frames.rmdir()
    elif what == "size":
        Image.new("RGB", (12, 9)).save(frames / "f2.webp")
    elif what == "colour":
        Image.new("RGB", (12, 8)).save(maps / "f2.png")
    elif what == "class":
        Image.new("L", (12, 8), 255).save(maps / "f2.png")
    elif what == "empty":
        (maps / "f2.png").write_bytes(b"")
    elif what == "loose":
        Image.new("RGB", (12, 8)).save(paths[1] / "loose.png")
    elif what == "twice":
        Image.new("RGB", (12, 8)).save(frames / "f2.png")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("partner", r"walk/f1: no partner in '.*train_B/walk'"),
        ("sequence", r"walk: no sequence of this name in '.*train_B'"),
        ("size", "walk/f2: the partners have different sizes, 12x8 and 12x9"),
        ("colour", "walk/f2: "),
        ("class", "walk/f2: class 255, but `num_classes` is 2"),
        ("empty", "walk/f2: the file is empty"),
        ("loose", "sub-folder for each sequence. Received: 'loose.png'"),
        ("twice", "Two files in '.*train_B' have the name 'walk/f2'"),
        ("", "run: 3 frames, fewer than `num_frames`=4"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, what, message):
    paths = write(tmp_path, "walk", 4)
    write(tmp_path, "run", 3 if what == "" else 4)
    spoil(paths, what)
    with pytest.raises(ValueError, match=message) as error:
        video_folders(*paths, image_size=8, num_frames=4, num_classes=2)
    assert "on_error" not in str(error.value)


def test_real_videos(davis):
    dataset = video_folders(davis / "test_A", davis / "test_B", num_frames=9, shuffle=False)
    labels, frames = next(iter(dataset))
    assert labels.shape == (1, 9, 144, 256) and frames.shape == (1, 9, 144, 256, 3)
    assert set(np.unique(labels)) == {0, 1} and dataset.num_images == 40 - 9 + 1
    kerasgan.data.check_images(frames[0], image_size=(144, 256), channels=3)


@pytest.fixture
def davis():
    folder = pathlib.Path(os.environ.get("KERASGAN_DATA_DIR", "nowhere"), "davis_video")
    if not folder.is_dir():
        pytest.skip("set KERASGAN_DATA_DIR to a folder that holds davis_video")
    return folder


@pytest.mark.parametrize(("counts", "frames", "parts"), [((9, 11), 9, 1 + 3), ((12, 12), 12, 2)])
def test_parts_have_as_many_frames_as_the_shortest_sequence(tmp_path, counts, frames, parts):
    for name, count in zip(("run", "walk"), counts):
        paths = write(tmp_path, name, count)
    dataset = video_folders(*paths)
    assert dataset.element_spec[0].shape[1] == frames and int(dataset.cardinality()) == parts


def test_parts_have_no_less_than_eight_frames_and_no_more_than_sixteen(tmp_path):
    paths = write(tmp_path, "walk", 20, size=(8, 20))
    assert video_folders(*paths).element_spec[0].shape[1] == 16
    write(tmp_path, "run", 5, size=(8, 20))
    with pytest.raises(ValueError, match="run: 5 frames, fewer than `num_frames`=8"):
        video_folders(*paths)
