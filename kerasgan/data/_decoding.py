"""Decodes and resizes image files."""

import os
import pathlib

import numpy as np

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
READ = "PNG, JPEG, WebP, GIF, BMP or TIFF"
# Formats that are not read. They are reported, as a user may expect them to be read.
OTHER_EXTENSIONS = tuple(".heic .heif .avif .jp2 .ppm .pgm .tga .jxl .psd .svg".split())
# A small file can declare any size. This limit is far above the size of training images.
_MAX_PIXELS = 50_000_000
# The first bytes of the texts in PNG files that may state a rotation.
_METADATA = (b"Raw profile type exif", b"XML:com.adobe.xmp")
_STRIP = 1 << 20  # pixels that are converted to another mode at a time
# How an image gets another aspect ratio: its sides are cut off, black bars are added, or it is distorted.
RESIZE = ("crop", "pad", "stretch")


class Refused(Exception):
    """The reason why a file cannot be used."""


def decode(path, channels=3):
    """Reads one image file as uint8 `(height, width, channels)`.

    The first frame of an animation is read. 16 bits are rounded to 8. Transparency is kept with 4 channels, and
    replaced by white otherwise.
    """

    def convert(image):
        if image.format == "PNG" and "transparency" in image.info:
            _scale_transparency(image, path)
        return _to_bytes(image, channels)

    return _read(path, convert)


def decode_indices(path):
    """Reads a palette or grey image as int32 numbers `(height, width)`."""
    return _read(path, _to_indices)


def read_header(path):
    """Returns the size (height, width) of an image file from its header, with its EXIF rotation applied."""
    return _read(path, lambda image: _declared(image, path), load=False)


def _declared(image, path):
    """Returns the size (height, width) of an opened image after its EXIF rotation."""
    from PIL import Image

    if image.format != "PNG":
        exif = image.getexif()
    elif _has_late_metadata(path):
        image.load()
        exif = image.getexif()
    else:  # the `getexif` of PNG would decode the pixels to look for metadata behind them
        exif = Image.Image.getexif(image)
    # Of a TIFF, some versions of Pillow have already swapped `size`. The tags hold the stored width and height.
    width, height = (image.tag_v2[256], image.tag_v2[257]) if image.format == "TIFF" else image.size
    return (width, height) if exif.get(274) in (5, 6, 7, 8) else (height, width)  # the tag of orientation


def _has_late_metadata(path):
    """Returns whether a PNG file has metadata that may rotate it behind its pixels."""
    behind = False
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(32)) >= 12:
            behind |= head[4:8] == b"IDAT"
            if behind and (head[4:8] == b"eXIf" or head[8:].startswith(_METADATA)):
                return True
            file.seek(int.from_bytes(head[:4]) + 12 - len(head), os.SEEK_CUR)
    return False


def _read(path, convert, load=True):
    """Opens an image file and returns `convert(image)`. Without `load`, the pixels are not decoded."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = pathlib.Path(path)
    if path.suffix.lower() in OTHER_EXTENSIONS:
        raise Refused(f"{path.suffix.lower()} is not read; convert it to PNG, JPEG or WebP")
    try:
        if path.is_symlink() and not path.exists():
            raise Refused(f"a link to {os.readlink(path)}, which does not exist")
        if path.stat().st_size == 0:
            raise Refused("the file is empty")
        with Image.open(path, formats=_FORMATS) as image:
            most = _MAX_PIXELS // (2 if image.format == "WEBP" else 1)  # WebP's decoder takes twice the memory
            if image.width * image.height > most:
                raise Refused(f"it declares {image.width}x{image.height} pixels, more than {most // 10**6} million")
            if image.mode == "F":
                raise Refused("its pixels are floating-point numbers of unknown range")
            if load:
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
            return convert(image)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused(f"not a {READ} image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"it declares too many pixels ({error})") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors for unusable files
        raise Refused(f"{type(error).__name__}: {error}") from None


def _to_indices(image):
    if image.format in ("JPEG", "WEBP"):
        raise Refused(f"{image.format} changes the numbers of pixels; use a PNG")
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise Refused(f"its pixels are colours ({image.mode}), not numbers as in a palette or grey PNG")
    return np.asarray(image).astype("int32")


def _scale_transparency(image, path):
    """Scales the transparent colour of a PNG to 8 bits, as Pillow does with the pixels only."""
    with open(path, "rb") as file:
        depth = file.read(25)[24]
    color = image.info["transparency"]
    if image.mode == "L":
        image.info["transparency"] = color * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in color)


def _to_bytes(image, channels):
    """Converts an image to uint8 in strips, as a conversion at once can take five times the memory."""
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _strip_to_bytes(strip, channels).reshape(-1, image.width, channels)
    return pixels


def _strip_to_bytes(image, channels):
    from PIL import Image

    if image.mode.startswith("I"):
        deep, color = np.asarray(image), image.info.get("transparency")
        image = Image.fromarray(np.rint(np.clip(deep.astype("float32"), 0, 65535) / 257).astype(np.uint8))
        if color is not None:
            image.putalpha(Image.fromarray(np.where(deep == color, 0, 255).astype(np.uint8)))
    if channels == 4:
        return np.asarray(image.convert("RGBA"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB" if channels == 3 else "L"))


def fit(image, size, resize="crop", nearest=False):
    """Resizes a uint8 image to `size`, (height, width), by one of the methods `RESIZE`. Bars are black."""
    height, width = inside(image.shape[:2], size) if resize == "crop" else image.shape[:2]
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    made = inside(size, image.shape[:2]) if resize == "pad" else tuple(size)
    image = stretch(image[top : top + height, left : left + width], made, nearest)
    if made == tuple(size):
        return image
    before = [(most - side) // 2 for most, side in zip(size, made)]
    after = [most - side - first for most, side, first in zip(size, made, before)]
    return np.pad(image, [*zip(before, after), (0, 0)])


def inside(size, shape):
    """Returns the largest size within `size` with the aspect ratio of `shape`."""
    height, width = size
    return (
        min(height, max(1, round(width * shape[0] / shape[1]))),
        min(width, max(1, round(height * shape[1] / shape[0]))),
    )


def stretch(image, size, nearest=False):
    """Resizes a uint8 image to `size`, (height, width), bicubic with antialiasing, or by nearest neighbours."""
    from PIL import Image

    if image.shape[:2] == tuple(size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
    sampling = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    resized = picture.resize((size[1], size[0]), sampling)
    return np.asarray(resized).reshape(*size, image.shape[-1])


def declared_size(file):
    """Returns the size (height, width) that a file declares, or None. Decoding reports the reason."""
    try:
        return read_header(file)
    except Refused:
        return None
