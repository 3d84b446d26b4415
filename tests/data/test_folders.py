"""Folders: every kind of file is converted, or refused by name before training begins."""

import json
import os
import pathlib
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasgan import data
from kerasgan.data import _decoding, _files, _pipeline


def save(path, color, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)
    return path


def pixels(images):
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


def write_png(path, width, height, content=b"\0" * 100, depth=8, kind=2, **chunks):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    header += b"".join(chunk(name.encode(), body) for name, body in chunks.items())
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b""))


def declare_png(path, width, height):
    """A valid PNG header of any size without pixels: what a decompression bomb looks like."""
    write_png(path, width, height)


def test_every_mode_becomes_rgb(tmp_path):
    red = (200, 10, 30)
    save(tmp_path / "a_rgb.png", red)
    save(tmp_path / "b_grey.png", 90, mode="L")
    save(tmp_path / "c_clear.png", (*red, 0), mode="RGBA")
    save(tmp_path / "d_half.png", (0, 0, 0, 128), mode="RGBA")
    save(tmp_path / "e_cmyk.jpg", (0, 255, 255, 0), mode="CMYK", quality=100)
    Image.fromarray(np.full((8, 8), 51400, "uint16")).save(tmp_path / "f_sixteen.png")  # 51400 / 257 = 200
    save(tmp_path / "g_webp.webp", red, lossless=True)
    Image.new("RGB", (8, 8), red).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "h.png")
    save(tmp_path / "i_one_bit.png", 1, mode="1")
    save(tmp_path / "j_grey_alpha.png", (90, 0), mode="LA")
    save(tmp_path / "k_upper.PNG", red)
    (tmp_path / "notes.txt").write_text("not an image")
    save(tmp_path / ".hidden.png", 0)
    with pytest.warns(UserWarning, match=r"1 files in .* are left out.*: 1 \.txt\."):
        images = next(iter(data.image_folder(tmp_path, 8, shuffle=False)))
    (tmp_path / "notes.txt").unlink()
    data.check_images(images, image_size=8, channels=3, check_range=False)
    expected = [red, (90,) * 3, (255,) * 3, (127,) * 3, (255, 0, 0), (200,) * 3, red, red, (255,) * 3, (255,) * 3, red]
    assert abs(pixels(images)[:, 4, 4] - np.array(expected)).max() <= 2
    grey = next(iter(data.image_folder(tmp_path, 8, 1, shuffle=False)))
    assert grey.shape == (11, 8, 8, 1)
    assert abs(pixels(grey)[:, 4, 4, 0] - np.array(expected) @ [0.299, 0.587, 0.114]).max() <= 2


@pytest.mark.parametrize(
    "depth, kind, pixels",
    [
        (2, 0, [(1,), (0,), (2,), (1,)]),
        (4, 0, [(1,), (0,), (2,), (1,)]),
        (8, 0, [(1,), (0,), (2,), (1,)]),
        (16, 0, [(1000,), (1001,), (999,), (1000,)]),
        (8, 2, [(1, 2, 3), (1, 2, 4), (0, 2, 3), (1, 2, 3)]),
        (16, 2, [(1000, 2000, 3000), (1280, 2000, 3000), (1000, 0, 3000), (1000, 2000, 3000)]),
    ],
)
def test_the_transparent_colour_of_a_png_becomes_white_at_any_depth(tmp_path, depth, kind, pixels):
    bits = "".join(f"{value:0{depth}b}" for pixel in pixels for value in pixel)
    row = int(bits, 2).to_bytes(len(bits) // 8)
    clear = struct.pack(f">{len(pixels[0])}H", *pixels[0])
    write_png(tmp_path / "a.png", len(pixels), 1, b"\0" + row, depth, kind, tRNS=clear)
    write_png(tmp_path / "b.png", len(pixels), 1, b"\0" + row, depth, kind)
    four, solid = (_decoding.decode(tmp_path / name, 4) for name in ("a.png", "b.png"))
    np.testing.assert_array_equal(four[..., :3], solid[..., :3])
    assert four[0, :, 3].tolist() == [0, 255, 255, 0] and solid[0, :, 3].tolist() == [255] * 4
    reference = tf.io.decode_png((tmp_path / "a.png").read_bytes(), channels=4).numpy()
    np.testing.assert_array_equal(four[..., 3], reference[..., 3])
    for channels in (1, 3):
        found, solid = (_decoding.decode(tmp_path / name, channels) for name in ("a.png", "b.png"))
        assert (found[0, [0, 3]] == 255).all() and (solid < 255).all()
        np.testing.assert_array_equal(found[0, 1:3], solid[0, 1:3])


def test_sizes_are_cropped_at_the_centre_and_rotation_is_obeyed(tmp_path):
    wide = np.zeros((8, 24, 3), "uint8")
    wide[:, 8:16] = 250
    Image.fromarray(wide).save(tmp_path / "a.png")
    turned = np.zeros((16, 16, 3), "uint8")
    turned[:8] = 250  # bright on top; mark 3 turns it upside down
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(turned).save(tmp_path / "b.jpg", quality=100, exif=exif)
    a, b = pixels(next(iter(data.image_folder(tmp_path, 8, batch_size=2, shuffle=False))))
    assert (a == 250).all()
    assert b[:3].max() < 10 and b[5:].min() > 240


def test_unusable_files_are_all_named(tmp_path):
    for i in range(4):
        save(tmp_path / f"good{i}.png", (i, 0, 0))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:1500])
    Image.fromarray(noise).save(tmp_path / "sub.png")
    (tmp_path / "sub.png").write_bytes((tmp_path / "sub.png").read_bytes()[:3000])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpeg").write_text("hello")
    (tmp_path / "phone.heic").write_bytes(b"....ftypheic")
    declare_png(tmp_path / "bomb.png", 20_000, 20_000)
    declare_png(tmp_path / "large.png", 10_000, 8_500)
    bad = ["bomb.png", "cut.jpg", "empty.png", "large.png", "phone.heic", "sub.png", "text.jpeg"]
    with pytest.raises(ValueError, match="7 of 11 images") as error:
        data.image_folder(tmp_path, 8)
    message = str(error.value)
    assert all(name in message for name in bad) and "good" not in message
    for reason in ("the file is empty", "truncated", "pixels", "not a PNG, JPEG, WebP, GIF", "convert it", "skip"):
        assert reason in message
    with pytest.warns(UserWarning, match="7 of 11 images"):
        dataset = data.image_folder(tmp_path, 8, batch_size=4, shuffle=False, on_error="skip")
    assert pixels(next(iter(dataset)))[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="on_error"):
        data.image_folder(tmp_path, 8, on_error="ignore")


def test_nothing_usable(tmp_path):
    with pytest.raises(ValueError, match="No PNG, JPEG, WebP, GIF, BMP or TIFF"):
        data.image_folder(tmp_path, 8)
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match="None is left"):
        data.image_folder(tmp_path, 8, on_error="skip")
    with pytest.raises(ValueError, match="existing folder"):
        data.image_folder(tmp_path / "missing", 8)


def test_class_folders_give_labels(tmp_path):
    for i, name in enumerate(["zebra", "ant", "cat"]):
        for j in range(2):
            save(tmp_path / name / "deep" / f"{j}.png", (i, j, 0))
    dataset = data.image_folder(tmp_path, 8, labels=True, batch_size=6)
    assert dataset.class_names == ["ant", "cat", "zebra"]
    images, labels = next(iter(dataset))
    assert labels.dtype == "int32"
    for image, label in zip(pixels(images), labels.numpy()):
        assert ["zebra", "ant", "cat"][image[0, 0, 0]] == dataset.class_names[label]
    save(tmp_path / "loose.png", 0)
    with pytest.raises(ValueError, match="loose.png"):
        data.image_folder(tmp_path, 8, labels=True)


def test_linked_folders_all_endings_and_none_are_read_and_the_rest_is_counted(tmp_path):
    for i, name in enumerate(["a.jfif", "b.jpe", "c.bmp", "d.tif", "e.tiff", "f.gif"]):
        save(tmp_path / "store" / name, (40 * i,) * 3, format={"j": "JPEG"}.get(name[2]))
    save(tmp_path / "bare" / "x.png", (240,) * 3).rename(tmp_path / "bare" / "nothing")
    for i in range(35):
        (tmp_path / "bare" / f"{i}.csv").write_text("1")
    (tmp_path / "bare" / "README").write_text("no image")
    root = tmp_path / "root"
    root.mkdir()
    for name in ("store", "bare"):
        (root / name).symlink_to(tmp_path / name, target_is_directory=True)
    (tmp_path / "bare" / "loop").symlink_to(root, target_is_directory=True)
    with pytest.warns(UserWarning, match="36 files in .*: 1 without an ending, 35 .csv") as caught:
        dataset = data.image_folder(root, 8, labels=True, batch_size=7, shuffle=False)
    assert len(caught) == 1
    images, labels = next(iter(dataset))
    assert pixels(images)[:, 4, 4, 0].tolist() == [240, 0, 40, 80, 120, 160, 200]
    assert labels.numpy().tolist() == [0] + [1] * 6
    assert dataset.summary.images == 7 and dataset.summary.classes == {"bare": 1, "store": 6}
    text = "7 images of 8x8 pixels, 2 classes: bare 1, store 6. Left out: 1 without an ending, 35 .csv."
    assert str(dataset.summary) == text


def test_links_to_nothing_are_named_or_skipped_and_counted_as_broken_files_are(tmp_path):
    for i in range(3):
        save(tmp_path / "store" / f"{i}.png", (80 * i,) * 3)
        (tmp_path / "root").mkdir(exist_ok=True)
        (tmp_path / "root" / f"{i}.png").symlink_to(tmp_path / "store" / f"{i}.png")
    dataset = data.image_folder(tmp_path / "root", 8, batch_size=3)
    assert str(dataset.summary) == "3 images of 8x8 pixels."
    (tmp_path / "store" / "1.png").unlink()
    (tmp_path / "root" / "more").symlink_to(tmp_path / "gone", target_is_directory=True)
    (tmp_path / "root" / "self.png").symlink_to(tmp_path / "root" / "self.png")
    with pytest.raises(ValueError, match="3 of 5 images in .* cannot be used") as error:
        data.image_folder(tmp_path / "root", 8)
    for name, target in (("1.png", "store/1.png"), ("more", "gone"), ("self.png", "root/self.png")):
        assert f"{name}: a link to {tmp_path / target}, which does not exist" in str(error.value)
    with pytest.warns(UserWarning, match="1.png: a link to"):
        dataset = data.image_folder(tmp_path / "root", 8, batch_size=2, shuffle=False, on_error="skip")
    assert str(dataset.summary) == "2 images of 8x8 pixels. Left out: 3 unusable."
    assert pixels(next(iter(dataset)))[:, 4, 4, 0].tolist() == [0, 160]
    (tmp_path / "root" / "more").unlink()
    (tmp_path / "root" / "self.png").unlink()
    (tmp_path / "root" / "notes.txt").symlink_to(tmp_path / "gone")
    with pytest.warns(UserWarning, match="1 files in .*: 1 .txt"), pytest.raises(ValueError, match="1 of 3 images"):
        data.unpaired_folders(tmp_path / "store", tmp_path / "root", 8)


def test_many_unusable_files_are_grouped_by_ending(tmp_path):
    save(tmp_path / "good.png", 0)
    for i in range(35):
        (tmp_path / f"{i:02}.png").write_bytes(b"")
    (tmp_path / "phone.heic").write_bytes(b"")
    with pytest.raises(ValueError, match="36 of 37 images") as error:
        data.image_folder(tmp_path, 8)
    for fragment in ("35 .png:", "00.png: the file is empty", "and 32 more", "phone.heic: .heic is not read"):
        assert fragment in str(error.value)
    with pytest.warns(UserWarning, match="35 .png"):
        assert data.image_folder(tmp_path, 8, on_error="skip", batch_size=1).summary.skipped == {"unusable": 36}


def test_four_channels_keep_transparency_and_other_counts_are_refused(tmp_path):
    save(tmp_path / "a.png", (200, 10, 30, 128), mode="RGBA")
    save(tmp_path / "b.png", (7, 8, 9))
    images = next(iter(data.image_folder(tmp_path, 8, 4, batch_size=2, shuffle=False)))
    assert pixels(images)[:, 4, 4].tolist() == [[200, 10, 30, 128], [7, 8, 9, 255]]
    with pytest.raises(ValueError, match=r"`channels` must be 1 \(grey\), 3 .* or 4 .*Received: 2"):
        data.image_folder(tmp_path, 8, 2)


def test_more_than_fits_in_memory_is_read_from_the_files(tmp_path, monkeypatch):
    for i in range(6):
        save(tmp_path / f"{i}.png", (40 * i, 0, 0), size=(12 + i, 20))
    options = dict(batch_size=3, seed=1)
    kept = [x.numpy() for x in data.image_folder(tmp_path, 8, **options).repeat(2)]
    high = [y.numpy() for _, y in data.super_resolution(tmp_path, 2, 8, **options).repeat(2)]
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 100)
    np.testing.assert_array_equal([x.numpy() for x in data.image_folder(tmp_path, 8, **options).repeat(2)], kept)
    streamed = data.super_resolution(tmp_path, 2, 8, **options).repeat(2)
    np.testing.assert_array_equal([y.numpy() for _, y in streamed], high)


@pytest.fixture
def breaks_later(monkeypatch):
    """A function that breaks a file after its dataset has been made, of data that do not fit in memory."""
    monkeypatch.setattr(_pipeline, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(_files, "_told", set())
    return lambda path: path.write_bytes(path.read_bytes()[:40])


@pytest.mark.filterwarnings("ignore:.* is replaced by the next image")
def test_a_broken_file_is_replaced_together_with_its_label(tmp_path, breaks_later):
    for i in range(6):
        save(tmp_path / "abc"[i // 2] / f"{i}.png", (40 * i, 0, 0))
    dataset = data.image_folder(tmp_path, 8, labels=True, batch_size=6, on_error="skip")
    for i in (1, 4, 5):
        breaks_later(tmp_path / "abc"[i // 2] / f"{i}.png")
    images, labels = next(iter(dataset.repeat()))
    assert sorted(zip(pixels(images)[:, 0, 0, 0], labels.numpy())) == [(0, 0)] * 3 + [(80, 1)] * 2 + [(120, 1)]


@pytest.mark.filterwarnings("ignore:.* is replaced by the next image")
def test_a_broken_file_is_replaced_together_with_its_captions(tmp_path, breaks_later):
    rows = []
    for i in range(4):
        save(tmp_path / f"{i}.png", (40 * i, 0, 0))
        rows.append({"file_name": f"{i}.png", "captions": [f"{i} {j}" for j in range(i + 1)], "label": i})
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = data.captioned_folder(tmp_path, 8, labels=True, batch_size=4, on_error="skip")
    for i in (0, 3):
        breaks_later(tmp_path / f"{i}.png")
    seen = set()
    for images, texts, labels in dataset.repeat(20):
        for image, text, label in zip(pixels(images), texts.numpy(), labels.numpy()):
            assert image[0, 0, 0] == 40 * label and int(text.split()[0]) == label
            seen.add(text.decode())
    assert seen == {"1 0", "1 1", "2 0", "2 1", "2 2"}


@pytest.mark.filterwarnings("ignore:.* is replaced by the next image")
def test_a_broken_photo_of_a_turntable_is_replaced_together_with_its_view(tmp_path, breaks_later):
    rows = []
    for i in range(3):
        save(tmp_path / f"{i}.png", (60 + 60 * i,) * 3)
        rows.append({"file_name": f"{i}.png", "label": i, "angle": 90 * i})
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")
    Image.fromarray(noise).save(tmp_path / "1.png")
    content = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(content[:3000])  # its header is whole
    options = {"on_error": "skip", "batch_size": 3, "shuffle": False}
    (classes, views, _), (images, _) = next(iter(data.turntable_folder(tmp_path, 8, **options)))
    assert classes.numpy().tolist() == [0, 2, 2]
    np.testing.assert_array_equal(views, data.turntable.view_vectors([0, 180, 180]))
    assert pixels(images)[:, 4, 4, 0].tolist() == [60, 180, 180]


@pytest.mark.filterwarnings("ignore:.* is replaced by the next image")
def test_both_parts_of_a_broken_pair_are_replaced(tmp_path, breaks_later):
    for i in range(3):
        for side in "ab":
            save(tmp_path / side / f"{i}.png", (40 * i + (side == "b"), 0, 0))
    options = {"on_error": "skip", "batch_size": 3, "shuffle": False}
    pairs = data.paired_folders(tmp_path / "a", tmp_path / "b", 8, **options)
    apart = data.unpaired_folders(tmp_path / "a", tmp_path / "b", 8, **options)
    breaks_later(tmp_path / "a" / "1.png")
    source, target = (pixels(x)[:, 0, 0, 0].tolist() for x in next(iter(pairs)))
    assert target == [0, 80, 80] and source == [1, 81, 81]
    assert [pixels(x)[:, 0, 0, 0].tolist() for x in next(iter(apart))] == [[0, 80, 80], [1, 41, 81]]


def test_paired_folder_directions_and_shapes(tmp_path):
    for i in range(3):
        pair = np.zeros((16, 32, 3), "uint8")
        pair[:, :16, 0], pair[:, 16:, 2] = 50 + i, 150 + i
        Image.fromarray(pair).save(tmp_path / f"{i}.png")
    options = dict(image_size=8, batch_size=3, shuffle=False)
    source, target = next(iter(data.paired_folder(tmp_path, **options)))
    assert pixels(source)[:, 0, 0].tolist() == [[0, 0, 150], [0, 0, 151], [0, 0, 152]]
    assert pixels(target)[:, 0, 0].tolist() == [[50, 0, 0], [51, 0, 0], [52, 0, 0]]
    a, b = next(iter(data.paired_folder(tmp_path, direction="a_to_b", **options)))
    np.testing.assert_array_equal(a, target)
    np.testing.assert_array_equal(b, source)
    source, target = next(iter(data.paired_folder(tmp_path, 8, jitter=True, batch_size=3)))
    assert source.shape == target.shape == (3, 8, 8, 3) and source.dtype == "float32"
    assert (pixels(source)[:, 0, 0, 2] - pixels(target)[:, 0, 0, 0] == 100).all()
    save(tmp_path / "odd.png", 0, size=(31, 16))
    with pytest.raises(ValueError, match="odd.png: 31x16 pixels are not two images of equal width"):
        data.paired_folder(tmp_path, 8)
    with pytest.raises(ValueError, match="direction"):
        data.paired_folder(tmp_path, 8, direction="right")


def test_paired_folders_match_by_name(tmp_path):
    for i in range(3):
        save(tmp_path / "a" / f"{i}.png", (i, 0, 0))
        save(tmp_path / "b" / f"{i}.webp", (100 + i, 0, 0), lossless=True)
    folders = (tmp_path / "a", tmp_path / "b", 8)
    for source, target in data.paired_folders(*folders, direction="a_to_b"):
        assert pixels(target)[0, 0, 0, 0] - pixels(source)[0, 0, 0, 0] == 100
    save(tmp_path / "a" / "lone.png", 0)
    save(tmp_path / "b" / "other.png", 0)
    save(tmp_path / "a" / "big.png", 0, size=(9, 9))
    save(tmp_path / "b" / "big.png", 0)
    with pytest.raises(ValueError, match="3 of 6 images") as error:
        data.paired_folders(*folders)
    for fragment in (
        "lone.png: no partner",
        "other.png: no partner",
        "big.png: the partners have different sizes, 9x9",
    ):
        assert fragment in str(error.value)
    with pytest.warns(UserWarning, match="3 of 6"):
        assert int(data.paired_folders(*folders, on_error="skip").cardinality()) == 3


def test_unpaired_folders(tmp_path):
    for i in range(5):
        save(tmp_path / "a" / f"{i}.png", (i, 0, 0))
    for i in range(3):
        save(tmp_path / "b" / f"{i}.png", (100 + i, 0, 0), size=(9, 12))
    dataset = data.unpaired_folders(tmp_path / "a", tmp_path / "b", 8)
    rows = [(pixels(a)[0, 0, 0, 0], pixels(b)[0, 0, 0, 0]) for a, b in dataset]
    assert int(dataset.cardinality()) == 5
    assert sorted(a for a, _ in rows) == [0, 1, 2, 3, 4]
    assert {b for _, b in rows} == {100, 101, 102}
    stream = dataset.repeat()
    first, again = ([a.numpy().sum() + 2 * b.numpy().sum() for a, b in stream.take(12)] for _ in range(2))
    assert first == again
    a, b = next(iter(data.unpaired_folders(tmp_path / "a", tmp_path / "b", 8, jitter=True)))
    assert a.shape == b.shape == (1, 8, 8, 3)


def test_super_resolution_parts_and_full_images(tmp_path):
    rng = np.random.default_rng(0)
    originals = {}
    for name, size in (("a", (40, 30)), ("b", (33, 50))):
        smooth = rng.integers(0, 256, (4, 4, 3), dtype="uint8")
        picture = Image.fromarray(smooth).resize(size, Image.Resampling.BICUBIC)
        picture.save(tmp_path / f"{name}.png")
        originals[name] = np.asarray(picture)
    low, high = next(iter(data.super_resolution(tmp_path, 2, 12, batch_size=2, shuffle=False)))
    assert low.shape == (2, 6, 6, 3) and high.shape == (2, 12, 12, 3)
    for name, part, small in zip("ab", pixels(high), pixels(low)):
        windows = np.lib.stride_tricks.sliding_window_view(originals[name], (12, 12, 3))[:, :, 0]
        assert (windows == part).all((-1, -2, -3)).any()
        assert abs(data.bicubic_resize(part.astype("uint8"), 1 / 2).astype(int) - small).max() <= 1
    full = list(data.super_resolution(tmp_path, 4, crop=None, shuffle=False))
    assert [high.shape[1:3].as_list() for _, high in full] == [[28, 40], [48, 32]]
    for name, (low, high) in zip("ab", full):
        height, width = high.shape[1:3]
        np.testing.assert_array_equal(pixels(high)[0], originals[name][:height, :width])
        np.testing.assert_array_equal(pixels(low)[0], data.bicubic_resize(originals[name][:height, :width], 1 / 4))
    with pytest.raises(ValueError, match="a.png: 40x30 pixels are smaller than 32x32"):
        data.super_resolution(tmp_path, 4, 32)
    with pytest.raises(ValueError, match="multiple of `scale`=4"):
        data.super_resolution(tmp_path, 4, 30)


@pytest.fixture
def captioned(tmp_path):
    rows = []
    for i in range(4):
        save(tmp_path / "images" / f"{i}.png", (10 * i, 0, 0))
        texts = [f"picture {i} sentence {j}" for j in range(i + 1)]
        rows.append({"file_name": f"images/{i}.png", "captions": texts, "label": i, "split": "train" if i else "test"})
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_captions_follow_their_image_and_change_every_epoch(captioned):
    dataset = data.captioned_folder(
        captioned, 8, embeddings=lambda texts: [[float(t.split()[1]), float(t.split()[3])] for t in texts],
        text="both", labels=True, batch_size=4,
    )  # fmt: skip
    seen = set()
    for images, vectors, texts, labels in dataset.repeat(25):
        assert images.shape == (4, 8, 8, 3) and vectors.dtype == "float32" and labels.dtype == "int32"
        for image, vector, text, label in zip(pixels(images), vectors.numpy(), texts.numpy(), labels.numpy()):
            assert image[0, 0, 0] == 10 * label and text.decode() == f"picture {vector[0]:.0f} sentence {vector[1]:.0f}"
            assert vector[0] == label
            seen.add(text.decode())
    assert len(seen) == 1 + 2 + 3 + 4


def test_caption_options(captioned):
    images, texts = next(iter(data.captioned_folder(captioned, 8, batch_size=2, split="train")))
    assert texts.dtype == "string" and not any(b"picture 0" in text for text in texts.numpy())
    with pytest.raises(ValueError, match=r"split.*\['test', 'train'\]"):
        data.captioned_folder(captioned, 8, split="valid")
    with pytest.raises(ValueError, match=r"shape \(10, dim\).*\(4, 3\)"):
        data.captioned_folder(captioned, 8, embeddings=np.zeros((4, 3)))
    with pytest.raises(ValueError, match="text"):
        data.captioned_folder(captioned, 8, text="vectors")
    np.savez(captioned / "vectors.npz", embeddings=np.arange(20).reshape(10, 2).astype("float16"))
    _, vectors = next(iter(data.captioned_folder(captioned, 8, split="test", batch_size=1)))
    assert vectors.numpy().tolist() == [[0.0, 1.0]]
    (captioned / "images" / "2.png").unlink()
    with pytest.raises(ValueError, match="images/2.png: the file is missing"):
        data.captioned_folder(captioned, 8)


def test_csv_and_broken_metadata(tmp_path):
    save(tmp_path / "x.png", (9, 9, 9))
    (tmp_path / "metadata.csv").write_text('file_name,caption\nx.png,"a dark, plain square"\n')
    _, texts = next(iter(data.captioned_folder(tmp_path, 8, batch_size=1)))
    assert texts.numpy().tolist() == [b"a dark, plain square"]
    for content, message in [
        ("file_name,caption\nx.png,\n", "no caption|empty"),
        ("name,caption\nx.png,text\n", "no `file_name`"),
        ("file_name,caption\n../x.png,text\n", "outside of the folder"),
        ("file_name,caption\n", "no rows"),
    ]:
        (tmp_path / "metadata.csv").write_text(content)
        with pytest.raises(ValueError, match=message):
            data.captioned_folder(tmp_path, 8)
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "x.png", "caption": "a"}\n{broken\n')
    with pytest.raises(ValueError, match="line 2, must be JSON"):
        data.captioned_folder(tmp_path, 8)


def test_class_captions_with_vectors_in_another_order(tmp_path):
    rows = []
    for i, name in enumerate(["rose", "iris"]):
        save(tmp_path / f"{name}.png", (100 * i, 0, 0))
        rows.append(json.dumps({"file_name": f"{name}.png", "name": name, "label": i}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(rows))
    (tmp_path / "class_captions.json").write_text(json.dumps({"iris": ["an iris", "blue"], "rose": ["a rose", "red"]}))
    np.savez(
        tmp_path / "vectors.npz",
        embeddings=np.array([[1.0], [2.0], [3.0], [4.0]]),  # a rose, red, an iris, blue
        class_index=np.array([0, 0, 1, 1]),
        class_names=np.array(["rose", "iris"]),
    )
    meaning = {b"a rose": 1, b"red": 2, b"an iris": 3, b"blue": 4}
    seen = set()
    for images, vectors, texts in data.captioned_folder(tmp_path, 8, text="both", batch_size=2).repeat(20):
        for image, vector, text in zip(pixels(images), vectors.numpy(), texts.numpy()):
            assert meaning[text] == vector[0]
            assert (vector[0] <= 2) == (image[0, 0, 0] == 0)
            seen.add(text)
    assert len(seen) == 4


@pytest.mark.parametrize(
    "read",
    [
        lambda root: data.captioned_folder(root / "flowers102", 64, text="both", split="valid", num_images=64),
        lambda root: data.captioned_folder(root / "noto_emoji", 64, text="both", num_images=64),
        lambda root: data.paired_folder(root / "edges2shoes" / "val", 64, num_images=8, batch_size=8),
        lambda root: data.unpaired_folders(
            root / "shoes2bags" / "testA", root / "shoes2bags" / "testB", 64, num_images=9
        ),
    ],
)
def test_the_real_sets(read):
    root = pathlib.Path(os.environ.get("KERASGAN_DATA_DIR", ""))
    if "KERASGAN_DATA_DIR" not in os.environ or not (root / "flowers102").is_dir():
        pytest.skip("set KERASGAN_DATA_DIR to a folder that holds flowers102, noto_emoji, edges2shoes, shoes2bags")
    batch = next(iter(read(root)))
    data.check_images(batch[0], image_size=64, channels=3)
    if len(batch) == 3:
        data.check_vectors(batch[1], dim=384)
        np.testing.assert_allclose(tf.norm(batch[1], axis=-1), 1, atol=1e-2)  # MiniLM's are of unit length
    else:
        data.check_images(batch[1], image_size=64, channels=3)
        if batch[0].shape[0] == 8:  # edges are nearly black and white, photos are not
            middle = [np.mean(abs(x.numpy()) < 0.6) for x in batch]
            assert 0.01 < middle[0] < 0.1 and middle[1] > 0.2


def test_fewer_images_are_spread_over_all_classes(tmp_path):
    for i in range(8):
        save(tmp_path / "classes" / "abcd"[i // 2] / f"{i}.png", (i, 0, 0))
        save(tmp_path / "other" / f"{i}.png", (i, 0, 0))
    common = {"shuffle": False, "drop_remainder": False}
    dataset = data.image_folder(tmp_path / "classes", 8, labels=True, num_images=4, **common)
    images, labels = next(iter(dataset))
    assert dataset.class_names == list("abcd") and labels.numpy().tolist() == [0, 1, 2, 3]
    assert pixels(images)[:, 0, 0, 0].tolist() == [0, 2, 4, 6]
    assert data.load(tmp_path / "classes", labels=True, num_images=1, batch_size=1).class_names == list("abcd")
    for read in (
        lambda count: data.super_resolution(tmp_path / "classes", crop=8, num_images=count, **common),
        lambda count: data.unpaired_folders(tmp_path / "classes", tmp_path / "other", 8, num_images=count, **common),
        lambda count: data.paired_folders(tmp_path / "other", tmp_path / "other", 8, num_images=count, **common),
    ):
        found = [pixels(batch[1])[:, 0, 0, 0].tolist() for batch in read(4).as_numpy_iterator()]
        assert sum(found, []) == [0, 2, 4, 6]
        assert int(read(100).unbatch().reduce(0, lambda count, _: count + 1)) == 8
        for wrong in (0, -3, 2.5):
            with pytest.raises(ValueError, match=f"`num_images` must be an integer of at least 1. Received: {wrong}"):
                read(wrong)
