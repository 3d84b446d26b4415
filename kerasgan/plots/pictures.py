"""Image grids and image files."""

import collections
import math
from pathlib import Path

import numpy as np

from kerasgan.files import replacing
from kerasgan.plots.figures import figure_class


def visible(images):
    """Returns the channels that can be shown: all of 1 or 3, the first of 2, or the first three of more.

    Example:

    >>> visible(np.zeros((2, 8, 8, 4))).shape, visible(np.zeros((2, 8, 8, 2))).shape
    ((2, 8, 8, 3), (2, 8, 8, 1))
    """
    return images[..., : 3 if images.shape[-1] >= 3 else 1]


def shown_channels(channels):
    """Returns a caption if `visible` leaves out channels, else "".

    Example:

    >>> shown_channels(4), shown_channels(3)
    ('channels 1 to 3 of 4', '')
    """
    return {1: "", 2: "channel 1 of 2", 3: ""}.get(channels, f"channels 1 to 3 of {channels}")


def color_labels(labels):
    """Colours label maps with the palette of PASCAL VOC, where class 0 is black.

    Args:
        labels: int array (n, height, width), classes from 0 to 255.

    Returns:
        float32 array (n, height, width, 3) in [-1, 1], for `image_grid`.

    Example:

    >>> import numpy as np
    >>> ((color_labels(np.array([[[0, 1, 2]]])) + 1) * 127.5).astype(int)[0, 0].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    # Bits 0, 3 and 6 of a class are the highest bits of red, bits 1, 4 and 7 of green, and bits 2, 5 and 8 of blue.
    bits = [[(np.arange(256) >> 3 * i + channel & 1) << 7 - i for i in range(3)] for channel in range(3)]
    palette = np.array(bits).sum(axis=1).T
    return (palette[np.asarray(labels)] / 127.5 - 1).astype("float32")


def image_grid(images, columns=None, padding=2):
    """Arranges images in a grid.

    Args:
        images: float array in [-1, 1], (n, height, width, channels), arranged row by row, or
            (rows, columns, height, width, channels). With other than 1 or 3 channels, those of `visible` are drawn.
            Values outside are clipped, NaN is grey.
        columns: int, the number of images in a row. Default: the smallest square that holds all. Not allowed with a
            5-D array.
        padding: int, the number of white pixels around each image. Default 2.

    Returns:
        uint8 array (height of the grid, width of the grid, 1 or 3).

    Raises:
        ValueError: for another rank or an integer dtype.

    Example:

    >>> import numpy as np
    >>> image_grid(np.zeros((5, 8, 8, 1)), padding=1).shape
    (19, 28, 1)
    """
    images = np.asarray(images)
    if images.ndim not in (4, 5) or 0 in images.shape:
        raise ValueError(
            "`images` must have shape (n, height, width, channels) or (rows, columns, height, width, channels). "
            f"Received: shape {images.shape}"
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            f"`images` must be floats in [-1, 1]. Received: dtype {images.dtype}. For [0, 255] use images / 127.5 - 1."
        )
    images = visible(images)
    if images.ndim == 5:
        if columns is not None:
            raise ValueError(f"`columns` must be None for a 5-D array. Received: columns={columns!r}")
        columns = images.shape[1]
        images = images.reshape(-1, *images.shape[2:])
    n, height, width, channels = images.shape
    columns = min(n, math.ceil(math.sqrt(n))) if columns is None else columns
    if columns < 1:
        raise ValueError(f"`columns` must be at least 1. Received: {columns!r}")
    rows = math.ceil(n / columns)

    pixels = np.nan_to_num(images.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    pixels = np.rint((np.clip(pixels, -1, 1) + 1) * 127.5).astype(np.uint8)
    grid = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, channels), 255, np.uint8
    )
    for index, image in enumerate(pixels):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid


def save_png(path, array, caption=""):
    """Writes a uint8 array as a PNG. An existing file is replaced atomically.

    Args:
        path: path of the file. Missing folders are created.
        array: uint8 array (height, width, 1 or 3), as returned by `image_grid`.
        caption: str, stored in the file as its description. Default: none.

    Raises:
        ValueError: if `array` is anything else. For a figure, such as that of `labelled_grid`, use its `savefig`.

    Example:

    >>> import numpy as np
    >>> save_png("grid.png", image_grid(np.zeros((4, 8, 8, 1))))
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        raise ValueError(
            "`array` must be a uint8 array, as returned by `image_grid` (a figure has `savefig`). Received: "
            f"{array.dtype if isinstance(array, np.ndarray) else type(array).__name__}"
        )
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    if caption:
        about.add_text("Description", caption)
    with replacing(path) as temporary:
        as_picture(array).save(temporary, format="PNG", pnginfo=about)


FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def save_images(images, path, names=None, columns=None):
    """Writes images as separate PNGs into a folder, or as a grid into one file.

    Args:
        images: float array in [-1, 1], as in `image_grid`. For a folder, (n, height, width, channels), or a list of
            images of different sizes.
        path: a folder (no ending), which is created, or a file that ends in .png, .jpg, .jpeg or .webp.
        names: list of names of the files in the folder, without ending. Default: 0000, 0001 ...
        columns: int, the number of images in a row of the grid. Default as in `image_grid`.

    Returns:
        list of the paths of the files.

    Raises:
        ValueError: if the path has another ending, the numbers of names and images differ, two names are the same, or
            the images of a grid have different sizes.

    Example:

    >>> import numpy as np
    >>> [str(path) for path in save_images(np.zeros((2, 8, 8, 1)), "drawn", names=["a", "b"])]
    ['drawn/a.png', 'drawn/b.png']
    """
    path = Path(path)
    refuse_path(path, images)
    paths = image_paths(path, len(images), names)
    if is_folder(path):
        for each, image in zip(paths, images):
            save_png(each, image_grid(image[None], padding=0))
        return paths
    with replacing(path) as temporary:
        as_picture(image_grid(images, columns)).save(temporary, format=FORMATS[path.suffix.lower()], quality=95)
    return paths


def image_paths(path, count, names=None):
    """Returns the paths of the files that `save_images` writes for `count` images."""
    path = Path(path)
    if not is_folder(path):
        return [path]
    names = [f"{number:04d}" for number in range(count)] if names is None else names
    if len(names) != count:
        raise ValueError(f"`names` must hold a name for each of {count} images. Received: {len(names)}")
    for name, times in collections.Counter(names).items():
        if times > 1:
            raise ValueError(
                f"Each image in {str(path)!r} must have its own name. Received: {name!r} twice. Remedy: give it once"
            )
    return [path / f"{name}.png" for name in names]


def refuse_path(path, images):
    """Raises an error if `save_images` cannot write images of these sizes to `path`."""
    path = Path(path)
    if is_folder(path):
        return
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"`path` must be a folder, or end in one of {list(FORMATS)}. Received: {str(path)!r}")
    sizes = sorted({np.shape(image)[:2] for image in images})
    if len(sizes) > 1:
        listed = ", ".join(f"{height}x{width}" for height, width in sizes[:5]) + (", ..." if len(sizes) > 5 else "")
        raise ValueError(
            f"`images` must have one size to be a grid in one file, {str(path)!r}. Received: {listed} (height x width)."
            " Remedy: a folder as `path`, which gets a file for each image"
        )


def is_folder(path):
    """Returns whether `save_images` writes separate files into `path`."""
    return path.suffix == "" or path.is_dir()


def labelled_grid(images, rows=None, columns=None, captions=None, path=None):
    """Draws a grid of images with captions for rows and columns.

    Args:
        images: float array in [-1, 1], (rows, columns, height, width, channels), as in `image_grid`.
        rows, columns: lists of labels beside each row and above each column. Default: none.
        captions: list of rows of captions below the images. Default: none.
        path: path of the figure (PNG, SVG or PDF by its ending), or None to write no file.

    Returns:
        The `matplotlib.figure.Figure`. It has no window and need not be closed.

    Raises:
        ValueError: if the labels or captions do not match the grid.

    Example:

    >>> labelled_grid(np.zeros((1, 3, 8, 8, 1)), rows=["1"], columns=["a", "- b", "+ c"])  # doctest: +ELLIPSIS
    <Figure ...>
    """
    images = np.asarray(images)
    if images.ndim != 5:
        raise ValueError(f"`images` must have shape (rows, columns, height, ...). Received: {images.shape}")
    height, width = images.shape[:2]
    for name, words, count in (("rows", rows, height), ("columns", columns, width), ("captions", captions, height)):
        if words is not None and len(words) != count:
            raise ValueError(f"`{name}` must have {count} entries for these images. Received: {len(words)}")
    wrong = [len(line) for line in captions or () if len(line) != width]
    if wrong:
        raise ValueError(f"Each row of `captions` must have {width} entries for these images. Received: {wrong[0]}")
    figure = figure_class()(
        figsize=(1.1 * width + 0.8, 1.1 * height * (1.15 if captions else 1) + 0.4), layout="constrained"
    )
    for i, line in enumerate(figure.subplots(height, width, squeeze=False)):
        for j, axes in enumerate(line):
            picture = image_grid(images[i, j][None], padding=0)
            axes.imshow(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if columns is not None and i == 0:
                axes.set_title(columns[j], fontsize=9)
            if rows is not None and j == 0:
                axes.set_ylabel(rows[i], fontsize=9, rotation=0, ha="right", va="center")
            if captions is not None:
                axes.set_xlabel(captions[i][j], fontsize=8)
    if shown_channels(images.shape[-1]):
        figure.supxlabel(shown_channels(images.shape[-1]), fontsize=8)
    if path is not None:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=110)
    return figure


def as_picture(frame):
    """Returns a Pillow image of a uint8 array (as returned by `image_grid`) or of an image file."""
    from PIL import Image

    if isinstance(frame, np.ndarray):
        return Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    with Image.open(frame) as picture:
        return picture.copy()
