import json

import numpy as np
import pytest
from PIL import Image

from kerasgan.data import find_layout, glyphs, load, load_for, read_images, splits, turntable_folder
from kerasgan.data.layouts import NEEDS


def picture(path, size=(8, 8), value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), value, "uint8")).save(path)


@pytest.fixture
def layouts(tmp_path):
    """A folder of every layout, each with two images or pairs."""
    for number in range(2):
        picture(tmp_path / "images" / f"{number}.png", (8 + number, 6))
        picture(tmp_path / "classes" / "train" / f"class{number}" / f"{number}.png")
        picture(tmp_path / "pairs" / f"{number}.png", (16, 8))
        for side in "ab":
            picture(tmp_path / "paired folders" / side / f"{number}.png", value=100 * (side == "b"))
        for letter in "AB":
            picture(tmp_path / "domains" / f"train{letter}" / f"{number}.png")
        picture(tmp_path / "captions" / f"{number}.png")
    rows = [{"file_name": f"{number}.png", "caption": word} for number, word in enumerate(("red", "blue"))]
    (tmp_path / "captions" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_each_layout_is_found(layouts):
    kinds = ("images", "classes", "pairs", "paired folders", "domains", "captions")
    assert [find_layout(layouts / kind).kind for kind in kinds] == list(kinds)
    assert find_layout(layouts / "classes").parts == ("class0", "class1")
    assert find_layout(layouts / "domains").parts == ("trainA", "trainB")
    assert find_layout(layouts / "domains").num_images == 4


def test_what_was_found_is_said_with_sizes_and_with_what_was_left_out_by_ending(layouts):
    for name in ("a.txt", "b.txt", "c.xyz", "noending", ".hidden"):
        (layouts / "images" / name).write_text("")
    found = str(find_layout(layouts / "images"))
    assert found == "2 images, 8x6 to 9x6 pixels; left out: 2 .txt, 1 .xyz, 1 without an ending"
    assert str(find_layout(layouts / "classes")) == "2 images of 2 classes, 8x8 pixels"
    assert str(find_layout(layouts / "paired folders")).startswith("4 images of 2 classes or 2 pairs by name (a, b)")
    assert "left out" not in str(find_layout(layouts / "captions"))


def test_layouts_follow_the_cameras_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    (tmp_path / "turned").mkdir()
    for ending in ("jpg", "tif"):
        Image.new("RGB", (8, 16)).save(tmp_path / "turned" / f"0.{ending}", exif=exif)
    assert str(find_layout(tmp_path / "turned")) == "2 pairs, side by side, 16x8 pixels"


def test_a_task_reads_its_layout_and_refuses_another(layouts):
    common = {"image_size": 8, "batch_size": 2, "shuffle": False}
    images, labels = next(iter(load_for("labels", layouts / "classes", **common)))
    assert images.shape == (2, 8, 8, 3) and labels.numpy().tolist() == [0, 1]
    for kind in ("pairs", "paired folders"):
        source, target = next(iter(load_for("pairs", layouts / kind, **common)))
        assert source.shape == target.shape == (2, 8, 8, 3)
    assert (abs(source.numpy() - (100 / 127.5 - 1)) < 1e-6).all() and (target.numpy() == -1).all()  # b to a
    a, b = next(iter(load_for("domains", layouts / "domains", **common)))
    assert a.shape == b.shape == (2, 8, 8, 3)
    images, words = next(iter(load_for("captions", layouts / "captions", **common)))
    assert words.numpy().tolist() == [b"red", b"blue"]
    low, high = next(iter(load_for("super_resolution", layouts / "classes", **common)))
    assert low.shape == (2, 2, 2, 3) and high.shape == (2, 8, 8, 3)
    for task, kind in (("labels", "images"), ("pairs", "images"), ("domains", "classes"), ("captions", "pairs")):
        with pytest.raises(ValueError, match="It holds 2 ") as refused:
            load_for(task, layouts / kind, **common)
        assert NEEDS[task][1] in str(refused.value)


def test_a_source_and_a_target_are_joined(layouts):
    names = f"{layouts / 'classes'},{layouts / 'images'}"
    dataset = load_for("some_labels", names, image_size=8, batch_size=1, on_error="skip")
    assert dataset.class_names == ["class0", "class1"] and len(dataset.parts) == 2 and int(dataset.cardinality()) == 2
    (images, labels), others = next(iter(dataset))
    assert images.shape == others.shape == (1, 8, 8, 3) and labels.shape == (1,)
    first, again = ([int(x[0]) for (_, x), _ in dataset.repeat(2)] for _ in range(2))
    assert sorted(first[:2]) == sorted(first[2:]) == [0, 1] and first == again
    (digits, _), letters = next(iter(load_for("some_labels", "glyphs:AB, glyphs:CD", num_images=8, batch_size=4)))
    assert digits.shape == letters.shape == (4, 32, 32, 3)
    for wrong in ("mnist", "mnist,", "a,b,c"):
        with pytest.raises(ValueError, match="joined by a comma"):
            load_for("some_labels", wrong)


def test_the_glyphs_serve_every_task_with_the_letters_that_are_named():
    shapes = {
        task: [part.shape for part in next(iter(load_for(task, "glyphs:AB", num_images=8, batch_size=4, channels=1)))]
        for task in ("labels", "pairs", "domains", "super_resolution")
    }
    assert shapes["labels"] == [(4, 32, 32, 1), (4,)] and shapes["pairs"] == [(4, 64, 64, 1)] * 2
    assert shapes["domains"] == [(4, 64, 64, 1)] * 2
    assert shapes["super_resolution"] == [(4, 24, 24, 1), (4, 96, 96, 1)]
    with pytest.raises(ValueError, match="'glyphs' or a folder"):
        load_for("pairs", "mnist")
    with pytest.raises(ValueError, match="`task` must be one of"):
        load_for("dreams", "glyphs")


def test_a_name_chooses_letters_as_the_option_does():
    named = load("glyphs:RK", channels=1, labels=True, num_images=16, shuffle=False)
    chosen = load("glyphs", channels=1, labels=True, num_images=16, shuffle=False, characters="RK")
    assert named.class_names == ["R", "K"]
    for one, other in zip(next(iter(named)), next(iter(chosen))):
        np.testing.assert_array_equal(one, other)
    letters = glyphs.attributes(16, characters="RK")["letter"]
    np.testing.assert_array_equal(np.array(["RK".index(glyphs.CHARACTERS[i]) for i in letters]), next(iter(named))[1])
    with pytest.raises(ValueError, match="`characters` must be distinct names"):
        load("glyphs:aa")


def test_pictures_are_read_as_they_are_or_to_one_size(layouts):
    picture(layouts / "wide.png", (12, 6), value=255)
    (path, image), *others = read_images([layouts / "wide.png", layouts / "images"])
    assert path.name == "wide.png" and image.shape == (6, 12, 3) and (image == 1).all() and len(others) == 2
    ((_, small),) = read_images(layouts / "wide.png", image_size=4, channels=1)
    assert small.shape == (4, 4, 1)
    (layouts / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match="empty.png cannot be read: the file is empty"):
        read_images(layouts / "empty.png")


def test_images_are_those_of_the_split(tmp_path):
    """Of domains, of films, and of rows of metadata, as well as of sub-folders."""
    for i in range(3):
        for j, part in enumerate(("trainA", "trainB", "testA", "testB")):
            picture(tmp_path / "domains" / part / f"{i}.png", value=j)
        for part in ("train", "test"):
            picture(tmp_path / "folders" / part / f"{i}.png", value=2 * (part == "test"))
    for i in range(4):
        picture(tmp_path / "rows" / f"{i}.png", value=2 * (i % 2))
    rows = [{"file_name": f"{i}.png", "caption": "x", "split": ("train", "test")[i % 2]} for i in range(4)]
    (tmp_path / "rows" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    common = {"image_size": 8, "batch_size": 20, "drop_remainder": False, "shuffle": False}
    for name, count in (("domains", 6), ("folders", 3), ("rows", 2)):
        for split, values in (("train", {0, 1}), ("test", {2, 3})):
            for task in ("images", "super_resolution"):
                dataset = load_for(task, tmp_path / name, split, **common)
                (batch,) = dataset.as_numpy_iterator()
                images = batch[1] if task == "super_resolution" else batch
                assert dataset.num_images == count == len(images)
                assert set(np.rint((images + 1) * 127.5).ravel().astype(int)) <= values, (name, split)
        assert load_for("images", tmp_path / name, **common | {"num_images": 2}).num_images == 2
    assert [splits.splits_of(tmp_path / name) for name in ("domains", "folders", "rows")] == [["test", "train"]] * 3
    assert splits.splits_of(tmp_path / "folders" / "train") == []
    assert load(tmp_path / "folders", "other", **common).num_images == 6  # no such split


def test_captions_of_sub_folders_belong_to_their_split(tmp_path):
    """The metadata name no split, and lie beside train/ and test/."""
    rows = []
    for part, count in (("train", 3), ("test", 2)):
        for i in range(count):
            picture(tmp_path / part / f"{i}.png", value=i)
            rows.append({"file_name": f"{part}/{i}.png", "caption": f"{part} {i}"})
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    common = {"image_size": 8, "batch_size": 20, "drop_remainder": False, "shuffle": False}
    for split, count in (("train", 3), ("test", 2)):
        ((images, texts),) = load_for("captions", tmp_path, split, **common).as_numpy_iterator()
        assert texts.tolist() == [f"{split} {i}".encode() for i in range(count)] and len(images) == count
        assert load_for("images", tmp_path, split, **common).num_images == count
    assert load_for("captions", tmp_path, "valid", **common).num_images == 5  # no such split
    assert splits.splits_of(tmp_path) == ["test", "train"]


def test_a_set_of_another_task_is_refused():
    with pytest.raises(ValueError, match="Received: 'chairs', which is for the task 'views'"):
        load_for("images", "chairs")
    with pytest.raises(ValueError, match="Received: 'moving_glyphs', which is for the task 'films'"):
        load_for("labels", "moving_glyphs")
    assert load_for("views", "chairs", num_chairs=1, image_size=16, azimuths=[0, 9], batch_size=2).num_classes == 1


def test_views_are_those_of_the_split(tmp_path):
    for i in range(6):
        picture(tmp_path / f"{i}.png", value=200)
    rows = [{"file_name": f"{i}.png", "label": i // 2, "angle": 90 * (i % 2)} for i in range(6)]
    common = {"image_size": 8, "batch_size": 9, "drop_remainder": False}
    for splits_, counts in ((None, (6, 6)), (("train", "test", "train", "train", "test", "train"), (4, 2))):
        if splits_:
            rows = [row | {"split": split} for row, split in zip(rows, splits_)]
        (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
        found = [load_for("views", tmp_path, split, **common) for split in ("train", "test")]
        assert tuple(len(next(iter(each))[0][0]) for each in found) == counts
        assert [each.num_classes for each in found] == [3, 3]
    with pytest.raises(ValueError, match=r"`split` must be one of \['test', 'train'\]. Received: 'val'"):
        turntable_folder(tmp_path, 16, split="val")
