"""`load` by name: prepared tensorflow-datasets sets, folders, and quick failures."""

import json
import os
import pathlib
import socket
import threading

import numpy as np
import pytest
from PIL import Image

from kerasgan import data
from kerasgan.data import _pipeline, tfds_sets


@pytest.fixture
def mnist():
    if not pathlib.Path(os.environ.get("TFDS_DATA_DIR", "nowhere"), "mnist").is_dir():
        pytest.skip("set TFDS_DATA_DIR to a folder that holds the prepared set mnist")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_prepared_set_without_network(mnist, no_network):
    dataset = data.load("mnist", "test[:300]", labels=True, shuffle=False, batch_size=128)
    batches = list(dataset.as_numpy_iterator())
    assert [len(images) for images, _ in batches] == [128, 128, 44]
    assert dataset.class_names == [str(digit) for digit in range(10)]
    import tensorflow_datasets as tfds

    expected = tfds.load("mnist", split="test[:300]", shuffle_files=False)
    for i, example in enumerate(expected.take(5).as_numpy_iterator()):
        np.testing.assert_array_equal(batches[0][0][i], example["image"].astype("float32") / np.float32(127.5) - 1)
        assert batches[0][1][i] == example["label"]


def test_sizes_channels_and_counts(mnist):
    images = next(iter(data.load("mnist", "test[:100]", image_size=32, channels=3, num_images=70)))
    assert images.shape == (64, 32, 32, 3) and images.dtype == "float32"
    assert (images[..., 0].numpy() == images[..., 2].numpy()).all()
    data.check_images(images, image_size=32, channels=3)
    with pytest.raises(ValueError, match=r"`split` of 'mnist' must be one of \['test', 'train'\].*'trian'"):
        data.load("mnist", "trian")
    with pytest.raises(ValueError, match="no further options"):
        data.load("mnist", characters="A")
    with pytest.raises(ValueError, match="labels"):
        data.load("mnist", labels="color")


def test_unprepared_set_fails_within_seconds_and_says_what_to_do(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        data.load("cifar10")
    for fragment in ("'cifar10'", str(tmp_path), "TFDS_DATA_DIR", "load('glyphs')"):
        assert fragment in str(error.value)


def test_a_network_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(tfds_sets, "_PROBE_SECONDS", 0.05)
    hung_up = threading.Event()

    def never_answers(*args, **kwargs):
        hung_up.wait(60)
        raise TimeoutError

    monkeypatch.setattr(tfds_sets.urllib.request, "urlopen", never_answers)
    try:
        assert tfds_sets._reachable() is False
    finally:
        hung_up.set()  # the asking thread ends with the test


def test_unknown_names(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(ValueError, match="'glyphs'.*'mnist'.*Received: 'nonsense'"):
        data.load("nonsense")
    with pytest.raises(ValueError, match="holiday.*For the folder of that name write './holiday'"):
        data.load("holiday")
    with pytest.raises(ValueError, match="existing folder"):
        data.load("./missing", image_size=8)


def test_versions_and_configs_are_found(tmp_path):
    for name in ("set/1.0.0", "set/1.10.0", "set/1.9.0", "many/small/1.0.0", "many/large/1.0.0", "set/²"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "dataset_info.json").write_text(json.dumps({}))
    assert tfds_sets._prepared_folder("set", tmp_path).name == "1.10.0"
    assert tfds_sets._prepared_folder("set:1.9.0", tmp_path).name == "1.9.0"
    assert tfds_sets._prepared_folder("set:2.0.0", tmp_path) is None
    assert tfds_sets._prepared_folder("many/large", tmp_path) == tmp_path / "many" / "large" / "1.0.0"
    assert tfds_sets._prepared_folder("other", tmp_path) is None
    with pytest.raises(ValueError, match="several prepared configs"):
        tfds_sets._prepared_folder("many", tmp_path)


def test_folder_by_path_reads_the_split(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        (tmp_path / split).mkdir()
        for i in range(count):
            Image.new("RGB", (9, 9), (i, 0, 0)).save(tmp_path / split / f"{i}.png")
    for split, count in (("train", 3), ("test", 2), ("other", 5)):
        dataset = data.load(str(tmp_path), split, image_size=8, batch_size=8, shuffle=False)
        assert next(iter(dataset)).shape == (count, 8, 8, 3)
    assert next(iter(data.load(tmp_path, image_size=8, batch_size=3))).shape == (3, 8, 8, 3)
    assert next(iter(data.load(tmp_path, batch_size=3))).shape == (3, 9, 9, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_images": 0}, "`num_images` must be an integer of at least 1. Received: 0"),
        ({"num_images": -3}, "`num_images` must be an integer of at least 1. Received: -3"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1. Received: 0"),
        ({"seed": None}, "`seed` must be an integer. Received: None"),
        ({"resize": "bogus"}, "`resize` must be one of .* Received: 'bogus'"),
    ],
)
@pytest.mark.parametrize("name", ["glyphs", "folder", "mnist", "chairs"])
def test_unsuitable_numbers_are_refused_by_every_set(name, wrong, message, tmp_path, mnist):
    if name == "chairs" and "num_images" in wrong:
        message = "Use `num_chairs`|" + message
    for i in range(4):
        Image.new("RGB", (9, 9), (i, 0, 0)).save(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match=message):
        data.load(str(tmp_path) if name == "folder" else name, **wrong)


def test_the_batch_size_is_checked_before_files_are_read(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    readers = {data.load: (), data.image_folder: (8,), data.super_resolution: (2, 8)}
    for read, arguments in (readers | {data.captioned_folder: (), data.turntable_folder: ()}).items():
        if read is data.captioned_folder:
            row = {"file_name": "broken.png", "caption": "x", "label": 0, "angle": 0}
            (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
        with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1. Received: 'many'"):
            read(tmp_path, *arguments, batch_size="many")


def test_numbers_of_numpy_and_a_known_resize_are_accepted(tmp_path):
    dataset = data.load("glyphs", num_images=np.int64(4), batch_size=np.int64(2), seed=np.int64(3), resize="pad")
    assert dataset.num_images == 4 and dataset.element_spec.shape[0] == 2


@pytest.mark.parametrize("name", ["glyphs", "chairs", "moving_glyphs"])
def test_unknown_options_of_built_in_sets_are_named(name):
    with pytest.raises(ValueError, match=rf"'{name}' takes no further options than .* Received: \['on_error'\]"):
        data.load(name, on_error="skip")


def test_a_set_beyond_memory_is_streamed_with_its_numbers(mnist, monkeypatch, tmp_path):
    asked = {"split": "test[:70]", "labels": True, "batch_size": 32}
    whole = data.load("mnist", shuffle=False, **asked)
    kept = list(whole.as_numpy_iterator())
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 1000)
    dataset = data.load("mnist", shuffle=False, **asked)
    assert (dataset.num_images, dataset.left_out) == (70, 0)
    for one, other in zip(dataset.as_numpy_iterator(), kept, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    part, expected = (next(each.part(10, 20).as_numpy_iterator()) for each in (dataset, whole))
    np.testing.assert_array_equal(part[0], expected[0])
    np.testing.assert_array_equal(part[1], expected[1])
    assert data.load("mnist", **asked).left_out == 6
    with pytest.raises(ValueError, match="`batch_size` must be at most 70"):
        data.load("mnist", **asked | {"batch_size": 71})
    folder = data.prepare("mnist", tmp_path, num_images=20, shard_size=8, verbose=False)
    assert data.load(folder, batch_size=20).num_images == 20
