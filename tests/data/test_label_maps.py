"""Folders of photos with label maps: what comes of them, and what is refused by name."""

import json

import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan.data import _files, _pipeline, find_layout, label_folder, load_for, read_label_maps

SIZE = (4, 6)  # height, width


def write(path, array, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array, "uint16" if mode == "I" else "uint8"))
    if mode == "P":
        image.putpalette([200, 3, 9] * 256)  # colours that say nothing of the numbers
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    """Three photos of even grey; labels 0 left, 1 and 2 right; instances of large numbers, kept in 16 bits."""
    for i in range(3):
        write(tmp_path / "train" / "images" / f"{i}.png", np.full((*SIZE, 3), 100 * i))
        labels = np.repeat([[0, 0, 0, 1, 1, 2]], 4, axis=0)
        write(tmp_path / "train" / "labels" / f"{i}.png", labels, "P")
        write(tmp_path / "train" / "instances" / f"{i}.png", 26000 + 700 * labels, "I")
    (tmp_path / "classes.json").write_text(json.dumps({"names": ["sky", "road", "car", "void"]}))
    return tmp_path


def test_photos_come_with_their_maps(folder):
    dataset = label_folder(folder / "train", None, batch_size=2, shuffle=False)
    (labels, instances), images = next(iter(dataset))
    assert images.shape == (2, *SIZE, 3) and images.dtype == "float32"
    np.testing.assert_allclose(images[1], np.full((*SIZE, 3), 100 / 127.5 - 1), rtol=1e-6)
    assert labels.dtype == instances.dtype == "int32"
    np.testing.assert_array_equal(labels[0], np.repeat([[0, 0, 0, 1, 1, 2]], 4, axis=0))
    np.testing.assert_array_equal(instances, labels)  # numbered anew, in their order
    assert dataset.num_classes == 4 and dataset.class_names == ["sky", "road", "car", "void"]
    labels, images = next(iter(label_folder(folder / "train", None, num_classes=3, instances=False)))
    assert labels.shape == (1, *SIZE) and images.shape == (1, *SIZE, 3)
    (folder / "classes.json").unlink()
    assert label_folder(folder / "train", None).num_classes == 3


def test_maps_are_resized_by_nearest_pixels_where_the_photo_is_cut(folder):
    """Of 4x6 pixels 2x2 keep the middle 4x4, whose columns 1, 2 are of class 0 and 3, 4 of class 1."""
    (labels, _), images = next(iter(label_folder(folder / "train", 2, shuffle=False)))
    np.testing.assert_array_equal(labels[0], [[0, 1], [0, 1]])
    assert images.shape == (1, 2, 2, 3)
    (labels, _), _ = next(iter(label_folder(folder / "train", (4, 3), resize="stretch", shuffle=False)))
    np.testing.assert_array_equal(labels[0, 0], [0, 1, 2])
    with pytest.raises(ValueError, match="'crop' or 'stretch'"):
        label_folder(folder / "train", 2, resize="pad")


def test_mirrors_turn_photo_and_maps_together(folder):
    rng = np.random.default_rng(0)
    write(folder / "train" / "images" / "0.png", rng.integers(0, 255, (*SIZE, 3)))
    plain = label_folder(folder / "train", None, shuffle=False, num_images=1)
    (labels, instances), image = next(iter(plain))
    mirrored = label_folder(folder / "train", None, mirror=True, num_images=1)
    turned = set()
    for (new_labels, new_instances), new_image in mirrored.repeat(20):
        turn = slice(None, None, -1) if new_labels[0, 0, 0] == 2 else slice(None)
        turned.add(turn.step)
        for new, old in ((new_labels, labels), (new_instances, instances), (new_image, image)):
            np.testing.assert_array_equal(new[0], np.asarray(old)[0][:, turn])
    assert turned == {None, -1}


@pytest.mark.filterwarnings("ignore:.* is replaced by the next image")
def test_a_broken_photo_is_replaced_together_with_its_maps(folder, monkeypatch):
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(_files, "_told", set())
    for part, array in (("labels", np.full(SIZE, 3)), ("instances", np.full(SIZE, 5))):
        write(folder / "train" / part / "1.png", array)
    dataset = label_folder(folder / "train", None, batch_size=3, shuffle=False, on_error="skip")
    (folder / "train" / "images" / "1.png").write_bytes(b"")
    (labels, _), images = next(iter(dataset))
    assert np.rint(images.numpy()[:, 0, 0, 0] * 127.5 + 127.5).tolist() == [0, 200, 200]
    np.testing.assert_array_equal(labels, [np.repeat([[0, 0, 0, 1, 1, 2]], 4, axis=0)] * 3)


def test_what_cannot_be_used_is_named(folder):
    train = folder / "train"
    write(train / "labels" / "0.png", np.full(SIZE, 9))
    write(train / "labels" / "1.png", np.zeros((*SIZE, 3)))
    (train / "images" / "2.png").unlink()
    with pytest.raises(ValueError) as refused:
        label_folder(train, None)
    message = str(refused.value)
    assert "3 of 3 images" in message
    assert "images/0.png: labels [9] are not in the range of the 4 classes, 0 to 3" in message
    assert "images/1.png: its pixels are colours (RGB), not numbers" in message
    assert "labels/2.png: no partner in 'images'" in message


def test_maps_of_another_size_and_broken_names_are_refused(folder):
    train = folder / "train"
    write(train / "instances" / "1.png", np.zeros((4, 5)))
    with pytest.raises(ValueError, match="images/1.png: the photo has 6x4 pixels, but its map in 'instances' has 5x4"):
        label_folder(train, (4, 6))
    with pytest.warns(UserWarning, match="They are skipped"):
        assert label_folder(train, (4, 6), on_error="skip").num_images == 2
    with pytest.raises(ValueError, match="`num_classes` must be an int from 1 to 256. Received: 300"):
        label_folder(train, None, num_classes=300)
    for text, kind in (("{", "JSONDecodeError"), ('{"names": "sky"}', "str"), ("[]", "TypeError")):
        (folder / "classes.json").write_text(text)
        with pytest.raises(ValueError, match=f"classes.json must be .*Received: {kind}"):
            label_folder(train, None)
    Image.new("L", (6, 4)).save(train / "labels" / "1.jpg")
    with pytest.raises(ValueError, match="Two files in .* have the name '1'"):
        label_folder(train, None)


def test_the_layout_is_found_and_read(folder):
    assert find_layout(folder).kind == "label maps"
    assert str(find_layout(folder)) == "3 photos with label maps and instances, 6x4 pixels"
    dataset = load_for("label_maps", folder, image_size=SIZE, batch_size=3)
    model = kerasgan.Pix2PixHD((16, 24), num_classes=4, downsamplings=2, scales=1, width=2, receptive_field=16)
    assert next(iter(dataset))[1].shape == (3, *SIZE, 3) and dataset.num_classes == model.num_classes
    source, target = next(iter(load_for("pairs", folder, image_size=4)))  # the colours of the palette
    assert source.shape == target.shape == (1, 4, 4, 3)
    for name, message in ((folder / "train" / "images", "must hold label maps"), ("glyphs", "folder that holds label")):
        with pytest.raises(ValueError, match=message):
            load_for("label_maps", name)


def test_maps_are_read_in_the_order_of_their_numbers(tmp_path):
    for number, mode in ((10, "P"), (9, None), (2, "I")):
        write(tmp_path / f"f{number}.png", np.full(SIZE, number), mode)
    read = read_label_maps(tmp_path)
    assert [(path.name, labels.dtype.name, labels.shape, labels[0, 0]) for path, labels in read] == [
        (f"f{number}.png", "int32", SIZE, number) for number in (2, 9, 10)
    ]
    with pytest.raises(
        ValueError, match=r"f9.png cannot be read as a label map: labels \[9\] are not in the range of the 9 classes"
    ):
        read_label_maps(tmp_path, num_classes=9)
    assert len(read_label_maps([tmp_path / "f2.png", tmp_path / "f9.png"], num_classes=10)) == 2
