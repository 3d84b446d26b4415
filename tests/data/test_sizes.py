"""Sizes of images from folders: their own, rectangles, and what is cut off, added or distorted on the way."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from kerasgan import data
from kerasgan.data import _decoding, tfds_sets


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, "uint8")).save(path, **options)


def pixels(images):
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


def stripes(height, width):
    """Rows 0, 1, 2 ... in red, columns in green."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, 0 * x], axis=-1).astype("uint8")


def test_crop_pad_and_stretch_by_hand():
    image = stripes(4, 10)
    cropped = _decoding.fit(image, (4, 4), "crop")
    np.testing.assert_array_equal(cropped, image[:, 3:7])
    tall = _decoding.fit(image, (4, 2), "crop")
    np.testing.assert_array_equal(tall, image[:, 4:6])
    padded = _decoding.fit(image, (8, 12), "pad")  # 4x10 in 8x12: five times 12 by two times 12, 4.8 rounds to 5
    assert padded.shape == (8, 12, 3)
    assert [bool(row.any()) for row in padded] == [False] + [True] * 5 + [False] * 2
    padded = _decoding.fit(image, (12, 10), "pad")
    np.testing.assert_array_equal(padded[4:8], image)
    assert not padded[:4].any() and not padded[8:].any()
    stretched = _decoding.fit(image, (4, 5), "stretch")
    expected = np.asarray(Image.fromarray(image).resize((5, 4), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(stretched, expected)
    for resize in _decoding.RESIZE:
        np.testing.assert_array_equal(_decoding.fit(image, (4, 10), resize), image)


@pytest.mark.parametrize("resize", _decoding.RESIZE)
@pytest.mark.parametrize("size", [(4, 4), (6, 4), (12, 10)])
def test_sets_of_the_catalog_are_fitted_as_folders_are(resize, size):
    """Two programs resize, Pillow and TensorFlow; both place the image alike."""
    image = np.full((4, 10, 3), 200, "uint8")
    image[:, :2] = 50
    ours, other = _decoding.fit(image, size, resize), np.asarray(tfds_sets._fit(image, size, 3, resize))
    assert np.abs(ours.astype(int) - other).max() <= 12
    np.testing.assert_array_equal(ours.max(axis=(1, 2)) == 0, other.max(axis=(1, 2)) == 0)


def test_a_folder_keeps_its_own_size(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", stripes(6, 9) + i)
    images = next(iter(data.image_folder(tmp_path, None, batch_size=3, shuffle=False)))
    np.testing.assert_array_equal(pixels(images), [stripes(6, 9) + i for i in range(3)])
    assert next(iter(data.load(tmp_path, batch_size=3))).shape == (3, 6, 9, 3)
    save(tmp_path / "more" / "large.png", stripes(8, 9))
    with pytest.raises(ValueError, match=r"the same size.*\n  9x6: 3, such as 0.png\n  9x8: 1, such as large.png"):
        data.image_folder(tmp_path, None)


def test_the_own_size_is_that_after_the_cameras_rotation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    save(tmp_path / "turned.jpg", stripes(6, 9), exif=exif, quality=100)
    save(tmp_path / "upright.jpg", np.rot90(stripes(6, 9), -1), quality=100)
    images = next(iter(data.image_folder(tmp_path, None, batch_size=2, shuffle=False)))
    assert images.shape == (2, 9, 6, 3)
    assert np.abs(pixels(images[0]) - pixels(images[1])).max() <= 8


def move_behind_the_pixels(path, kind):
    """Moves the chunk `kind` of a PNG file behind its pixels, as ImageMagick writes it."""
    content, chunks, start = path.read_bytes(), [], 8
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4])
        chunks.append(content[start:end])
        start = end
    (moved,) = [chunk for chunk in chunks if chunk[4:8] == kind]
    chunks.remove(moved)
    path.write_bytes(content[:8] + b"".join([*chunks[:-1], moved, chunks[-1]]))


def xmp(orientation):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", f'<rdf:Description tiff:Orientation="{orientation}"/>')
    return info


@pytest.mark.parametrize("orientation", range(1, 10))  # 9 means nothing
@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif", "a.png", "late.png", "xmp.png", "late_xmp.png"])
def test_a_header_tells_the_size_of_the_decoded_image(name, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    about = {"pnginfo": xmp(orientation)} if "xmp" in name else {"exif": exif}
    save(tmp_path / name, stripes(6, 9), **about)
    if name.startswith("late"):
        move_behind_the_pixels(tmp_path / name, b"iTXt" if "xmp" in name else b"eXIf")
    expected = (9, 6) if orientation in (5, 6, 7, 8) else (6, 9)
    assert _decoding.decode(tmp_path / name).shape[:2] == expected
    assert _decoding.read_header(tmp_path / name) == expected


@pytest.mark.parametrize("size", [(6, 9), (9, 6)])  # as stored, or already turned by Pillow
def test_the_size_of_a_tiff_does_not_depend_on_the_version_of_pillow(size, tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.tif", stripes(6, 9), exif=exif)
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "size", size[::-1])
    assert _decoding.read_header(tmp_path / "a.tif") == (9, 6)


def test_the_header_of_a_png_is_read_without_its_pixels(tmp_path, monkeypatch):
    save(tmp_path / "a.png", stripes(6, 9), pnginfo=xmp(6))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)
    assert _decoding.read_header(tmp_path / "a.png") == (9, 6)


def test_rectangles_from_every_folder(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png", "c/1.png", "c/2.png"):
        save(tmp_path / name, stripes(20, 30))
    rows = [{"file_name": f"{i}.png", "caption": "stripes"} for i in (1, 2)]
    (tmp_path / "c" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    a, b, c, size = tmp_path / "a", tmp_path / "b", tmp_path / "c", (8, 16)
    options = {"image_size": size, "batch_size": 2, "resize": "pad"}
    assert next(iter(data.image_folder(a, **options))).shape == (2, 8, 16, 3)
    assert next(iter(data.captioned_folder(c, text="strings", **options)))[0].shape == (2, 8, 16, 3)
    for both in (data.paired_folders, data.unpaired_folders):
        source, target = next(iter(both(a, b, jitter=True, **options)))
        assert source.shape == target.shape == (2, 8, 16, 3)
    assert next(iter(data.captioned_folder(c, None, text="strings", batch_size=2)))[0].shape == (2, 20, 30, 3)
    for both in (data.paired_folders, data.unpaired_folders):
        assert next(iter(both(a, b, None, batch_size=2)))[1].shape == (2, 20, 30, 3)
    low, high = next(iter(data.super_resolution(a, scale=2, crop=(8, 16), batch_size=2)))
    assert low.shape == (2, 4, 8, 3) and high.shape == (2, 8, 16, 3)
    with pytest.raises(ValueError, match="`resize` must be one of.*Received: 'squeeze'"):
        data.image_folder(a, size, resize="squeeze")
    with pytest.raises(ValueError, match="`crop` must be a multiple of `scale`=2"):
        data.super_resolution(a, scale=2, crop=(8, 15))


def test_pairs_need_not_be_squares(tmp_path):
    """Each half of a file that is twice as wide as CamVid's 256x192 pictures, scaled down."""
    a, b = stripes(12, 16), 100 + stripes(12, 16)
    for i in range(2):
        save(tmp_path / f"{i}.png", np.concatenate([a, b], axis=1))
    source, target = next(iter(data.paired_folder(tmp_path, None, direction="a_to_b", batch_size=2)))
    np.testing.assert_array_equal(pixels(source), [a, a])
    np.testing.assert_array_equal(pixels(target), [b, b])
    source, _ = next(iter(data.paired_folder(tmp_path, 12, direction="a_to_b", batch_size=2)))
    np.testing.assert_array_equal(pixels(source)[0], a[:, 2:14])
    source, target = next(iter(data.paired_folder(tmp_path, (24, 32), batch_size=2, jitter=True)))
    assert source.shape == target.shape == (2, 24, 32, 3)


@pytest.mark.skipif(not pathlib.Path(tfds_sets._data_dir(), "mnist").is_dir(), reason="set TFDS_DATA_DIR")
def test_a_set_of_the_catalog_at_a_rectangle():
    images = next(iter(data.load("mnist", "train[:4]", image_size=(28, 20), resize="pad", batch_size=4)))
    assert images.shape == (4, 28, 20, 1)
    assert not pixels(images)[:, :4].any() and not pixels(images)[:, -4:].any() and pixels(images).any()


def test_glyphs_are_squares():
    with pytest.raises(ValueError, match="glyphs are squares. Received: .16, 24."):
        data.load("glyphs", image_size=(16, 24), num_images=4)
