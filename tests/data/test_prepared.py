"""Data sets that are written once: the same elements, in shards, continued, and refused where damaged."""

import json

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from kerasgan import data
from kerasgan.data import _decoding, _files, _pipeline, preparing
from kerasgan_cli import main


def picture(path, size=(16, 16), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), "uint8")).save(path)


@pytest.fixture
def photos(tmp_path):
    for number in range(7):
        picture(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png", seed=number)
    return tmp_path / "photos"


def elements(dataset):
    batches = list(dataset.as_numpy_iterator())
    return [np.concatenate(leaves) for leaves in zip(*(tf.nest.flatten(batch) for batch in batches))]


IN_ORDER = {"shuffle": False, "drop_remainder": False, "batch_size": 3}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_elements_are_those_of_the_folder(photos, tmp_path, channels):
    asked = {"image_size": (8, 12), "channels": channels}
    folder = data.prepare(photos, tmp_path / "out", "labels", shard_size=3, verbose=False, **asked)
    assert sorted(path.name for path in folder.glob("*.array_record")) == [f"{i:05d}.array_record" for i in range(3)]
    expected = elements(data.load(photos, labels=True, **asked, **IN_ORDER))
    found = data.load(tmp_path / "out", labels=True, **IN_ORDER)
    assert found.class_names == ["a", "b"] and found.num_images == 7
    assert found.element_spec[0].shape.as_list() == [None, 8, 12, channels] and found.element_spec[1].dtype == "int32"
    for one, other in zip(elements(found), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    (images,) = elements(data.load(tmp_path / "out", **IN_ORDER))  # without their labels
    np.testing.assert_array_equal(images, expected[0])
    assert len(elements(data.load(tmp_path / "out", num_images=2, **IN_ORDER))[0]) == 2


def test_shuffled_epochs_are_those_of_the_folder_for_a_seed(photos, tmp_path):
    data.prepare(photos, tmp_path / "out", image_size=8, verbose=False)
    same = [data.load(path, image_size=8, batch_size=2, seed=5).repeat(2) for path in (photos, tmp_path / "out")]
    for one, other in zip(*map(elements, same), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pairs_and_enlargements(tmp_path):
    for number in range(3):
        picture(tmp_path / "pairs" / f"{number}.png", (32, 16), seed=number)
    data.prepare(tmp_path / "pairs", tmp_path / "out", image_size=8, verbose=False)  # by the layout
    found = data.load_for("pairs", tmp_path / "out", **IN_ORDER)
    expected = data.load_for("pairs", tmp_path / "pairs", image_size=8, **IN_ORDER)
    for one, other in zip(elements(found), elements(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="prepared for 'pairs'. Received: task 'images'"):
        data.load(tmp_path / "out")


def test_an_interrupted_call_continues_behind_the_last_whole_file(photos, tmp_path, monkeypatch):
    asked = {"task": "labels", "image_size": 8, "shard_size": 2, "verbose": False}
    written, write = [], preparing._write

    def dies(path, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        return write(path, *rest)

    monkeypatch.setattr(preparing, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        data.prepare(photos, tmp_path / "out", **asked)
    with pytest.raises(ValueError, match="holds 4 of 7 images: it was interrupted"):
        data.load(tmp_path / "out")
    # A file that was changed since is written again, and those behind it.
    (tmp_path / "out" / "train" / "00001.array_record").write_bytes(b"x")
    written.clear()
    monkeypatch.setattr(preparing, "_write", lambda path, *rest: written.append(path.name) or write(path, *rest))
    data.prepare(photos, tmp_path / "out", **asked)
    assert written == ["00001.array_record", "00002.array_record", "00003.array_record"]
    expected = elements(data.load(photos, labels=True, image_size=8, **IN_ORDER))
    for one, other in zip(elements(data.load(tmp_path / "out", labels=True, **IN_ORDER)), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    written.clear()
    data.prepare(photos, tmp_path / "out", **asked)
    assert written == []
    with pytest.raises(ValueError, match="options: {'image_size': '8'}, now {'image_size': '4'}"):
        data.prepare(photos, tmp_path / "out", **asked | {"image_size": 4})


def test_what_is_damaged_is_named(photos, tmp_path):
    folder = data.prepare(photos, tmp_path / "out", image_size=8, shard_size=4, verbose=False)
    manifest, shard = folder / "prepared.json", folder / "00001.array_record"
    content, about = shard.read_bytes(), json.loads(manifest.read_text())
    shard.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="00001.array_record has .* bytes, not"):
        data.load(tmp_path / "out")
    shard.write_bytes(bytes(len(content)))  # as long, and empty
    with pytest.raises(Exception, match="00001.array_record is damaged"):
        elements(data.load(tmp_path / "out", **IN_ORDER))
    shard.unlink()
    with pytest.raises(ValueError, match="00001.array_record is missing"):
        data.load(tmp_path / "out")
    for change in (
        {"version": 2},
        {"shards": [{"file": "../x", "records": 7, "bytes": 1}]},
        {"element": [{"kind": "array", "shape": [1], "dtype": "string"}]},
        {"shards": 3},
    ):
        manifest.write_text(json.dumps(about | change))
        with pytest.raises(ValueError, match="prepared.json"):
            data.load(tmp_path / "out")


def test_other_sizes_and_tasks_are_refused(photos, tmp_path):
    data.prepare(photos, tmp_path / "out", image_size=(8, 12), verbose=False)
    data.load(tmp_path / "out", image_size=(8, 12), channels=3, batch_size=2)
    with pytest.raises(ValueError, match=r"`image_size` must be \(8, 12\), as in the prepared data. Received: 8"):
        data.load(tmp_path / "out", image_size=8)
    with pytest.raises(ValueError, match="`channels` must be 3, as in the prepared data. Received: 1"):
        data.load(tmp_path / "out", channels=1)
    with pytest.raises(ValueError, match="`task` must be one of"):
        data.prepare(photos, tmp_path / "other", task="captions")
    with pytest.raises(ValueError, match="1, 3 or 4 channels to be prepared. Received: 2"):
        preparing._leaf(tf.TensorSpec((None, 8, 8, 2)))
    with pytest.raises(ValueError, match="images and numbers to be prepared. Received: string"):
        preparing._leaf(tf.TensorSpec((None,), tf.string))


def test_the_command_prepares_and_train_reads(photos, tmp_path):
    out = tmp_path / "small"
    run = lambda *arguments: CliRunner().invoke(main, [str(each) for each in arguments])  # noqa: E731
    result = run("prepare", photos, "--image-size", 16, "--out", out)
    assert result.exit_code == 0, result.output
    assert "7 elements prepared for labels, 16x16 pixels in" in result.output
    told = run("train", "cgan", "--data", out, "--batch-size", 2, "--set", "networks=conv", "--width", 2, "--dry-run")
    assert told.exit_code == 0, told.output
    assert f"{out}: 7 elements prepared for labels" in told.output and "3 steps per epoch" in told.output


def test_files_that_outgrow_memory_are_checked_by_their_headers(photos, monkeypatch):
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 100)
    decoded, decode = [], _decoding.decode
    monkeypatch.setattr(_files, "decode", lambda path, channels: decoded.append(path) or decode(path, channels))
    broken = photos / "a" / "2.png"
    broken.write_bytes(broken.read_bytes()[:-200])  # the header is whole
    dataset = data.image_folder(photos, 16, **IN_ORDER)
    assert decoded == [] and dataset.num_images == 7
    with pytest.raises(tf.errors.InvalidArgumentError, match="file has changed since.*2.png"):
        elements(dataset)
    _files._told.clear()
    with pytest.warns(UserWarning, match="2.png cannot be read and is replaced by the next image"):
        (found,) = elements(data.image_folder(photos, 16, on_error="skip", **IN_ORDER))
    np.testing.assert_array_equal(found[1], found[2])
    assert len(found) == 7


def test_options_that_the_data_were_not_prepared_with_are_refused(photos, tmp_path):
    for number in range(3):
        picture(tmp_path / "pairs" / f"{number}.png", (32, 16), seed=number)
    data.prepare(photos, tmp_path / "photos8", image_size=8, resize="pad", verbose=False)
    data.prepare(tmp_path / "pairs", tmp_path / "pairs8", image_size=8, verbose=False)
    data.prepare(tmp_path / "pairs", tmp_path / "turned", image_size=8, direction="a_to_b", verbose=False)
    data.load(tmp_path / "photos8", resize="pad", on_error="skip", batch_size=2)
    data.load(tmp_path / "photos8", batch_size=2)
    data.load_for("labels", tmp_path / "photos8", batch_size=2)
    data.load_for("pairs", tmp_path / "pairs8", direction="b_to_a", jitter=False, batch_size=2)
    data.load_for("pairs", tmp_path / "turned", direction="a_to_b", batch_size=2)
    for task, name, asked, message in (
        ("pairs", "pairs8", {"direction": "a_to_b"}, "`direction` must be b_to_a, .* Remedy: `prepare` the data anew"),
        ("pairs", "turned", {"direction": "b_to_a"}, "`direction` must be a_to_b"),
        ("pairs", "pairs8", {"jitter": True}, "`jitter` must be False, as in the prepared data. Received: True"),
        ("images", "photos8", {"resize": "crop"}, "`resize` must be pad"),
        ("images", "photos8", {"bacth_size": 3}, "no option 'bacth_size'. Did you mean 'batch_size'?"),
    ):
        with pytest.raises(ValueError, match=message):
            data.load_for(task, tmp_path / name, **asked)
    with pytest.raises(ValueError, match="Did you mean 'batch_size'?"):
        data.load(tmp_path / "photos8", bacth_size=3)


def test_fewer_prepared_images_are_spread_over_all_classes(tmp_path):
    for number in range(8):
        picture(tmp_path / "photos" / "abcd"[number // 2] / f"{number}.png", seed=number)
    data.prepare(tmp_path / "photos", tmp_path / "out", image_size=8, shard_size=3, verbose=False)
    labels = elements(data.load(tmp_path / "out", labels=True, num_images=4, **IN_ORDER))[1]
    assert labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="`num_images` must be an integer of at least 1. Received: -3"):
        data.load(tmp_path / "out", num_images=-3)


def test_files_that_have_changed_are_not_taken_for_the_prepared_ones(photos, tmp_path):
    asked = {"image_size": 8, "shard_size": 4, "verbose": False}
    folder = data.prepare(photos, tmp_path / "out", **asked)
    about = json.loads((folder / "prepared.json").read_text())
    assert about["files"]["number"] == 7
    data.prepare(photos, tmp_path / "out", **asked)  # the same files
    old = (photos / "a" / "0.png").read_bytes()
    picture(photos / "a" / "0.png", seed=9)
    with pytest.raises(ValueError, match="must hold the files that .*: 7 files .* Received: 7 files .* Remedy: "):
        data.prepare(photos, tmp_path / "out", **asked)
    (photos / "a" / "0.png").write_bytes(old)
    with pytest.raises(ValueError, match="names or times"):
        data.prepare(photos, tmp_path / "out", **asked)  # at another time
    picture(photos / "b" / "9.png", seed=9)
    with pytest.raises(ValueError, match="Received: 8 files"):
        data.prepare(photos, tmp_path / "out", **asked)
    assert data.prepare(photos, tmp_path / "new", **asked) == tmp_path / "new" / "train"
    # A manifest without this entry is of the same data.
    (photos / "b" / "9.png").unlink()
    (folder / "prepared.json").write_text(json.dumps({key: value for key, value in about.items() if key != "files"}))
    data.prepare(photos, tmp_path / "out", **asked)
