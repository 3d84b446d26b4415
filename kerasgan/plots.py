"""Pictures of a training: grids of images, curves, animations."""

import functools
import io
import math
from pathlib import Path

import numpy as np

from kerasgan.files import reading, replacing

# Okabe and Ito's palette: its hues stay apart for colour-blind readers.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
PROBABILITIES = {"d_real": "D(x)", "d_fake": "D(G(z))"}


def visible(images):
    """Returns what a picture can show of images of any channels: all of 1 or 3, else the first, or the first three.

    Example:

    >>> visible(np.zeros((2, 8, 8, 4))).shape, visible(np.zeros((2, 8, 8, 2))).shape
    ((2, 8, 8, 3), (2, 8, 8, 1))
    """
    return images[..., : 3 if images.shape[-1] >= 3 else 1]


def shown_channels(channels):
    """Returns what a caption says where `visible` leaves channels out, else "".

    Example:

    >>> shown_channels(4), shown_channels(3)
    ('channels 1 to 3 of 4', '')
    """
    return {1: "", 2: "channel 1 of 2", 3: ""}.get(channels, f"channels 1 to 3 of {channels}")


def image_grid(images, columns=None, padding=2):
    """Lays images out as one picture.

    Args:
        images: float array in [-1, 1], (n, height, width, channels), filled row by row, or
            (rows, columns, height, width, channels). Of other channels than 1 or 3, those of `visible` are drawn.
            Values outside are clipped, NaN is drawn grey.
        columns: int, images in a row. Default: the smallest square that holds all; not allowed with a 5-D array.
        padding: int, white pixels around each image. Default 2.

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
            raise ValueError(f"`columns` comes from the shape of a 5-D array. Received: columns={columns!r}")
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
    """Writes a uint8 array as a PNG; an older file at `path` is replaced at once or stays whole.

    Args:
        path: where to write; missing folders are made.
        array: uint8 array (height, width, 1 or 3), as `image_grid` returns it.
        caption: str, kept in the file, where programs show it as its description. Default: none.

    Raises:
        ValueError: for anything else; a figure, as `labelled_grid` returns it, is written by its own `savefig`.

    Example:

    >>> import numpy as np
    >>> save_png("grid.png", image_grid(np.zeros((4, 8, 8, 1))))
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        raise ValueError(
            "`array` must be a uint8 array, as `image_grid` returns it (a figure has `savefig`). Received: "
            f"{array.dtype if isinstance(array, np.ndarray) else type(array).__name__}"
        )
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    if caption:
        about.add_text("Description", caption)
    with replacing(path) as temporary:
        _picture(array).save(temporary, format="PNG", pnginfo=about)


FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def save_images(images, path, names=None, columns=None):
    """Writes images where `path` says: each as a PNG of its own into a folder, or all as a grid into one file.

    Args:
        images: float array in [-1, 1], as for `image_grid`; of a folder (n, height, width, channels), or a list of
            images of different sizes.
        path: without an ending a folder, which is made; else a file that ends in .png, .jpg, .jpeg or .webp.
        names: list of the files' names in the folder, without an ending. Default: 0000, 0001 ...
        columns: int, images in a row of the grid. Default as in `image_grid`.

    Returns:
        list of the paths that were written.

    Raises:
        ValueError: for another ending, or another number of names than images.

    Example:

    >>> import numpy as np
    >>> [str(path) for path in save_images(np.zeros((2, 8, 8, 1)), "drawn", names=["a", "b"])]
    ['drawn/a.png', 'drawn/b.png']
    """
    path = Path(path)
    if path.suffix == "" or path.is_dir():
        names = [f"{number:04d}" for number in range(len(images))] if names is None else names
        if len(names) != len(images):
            raise ValueError(f"`names` must hold a name for each of {len(images)} images. Received: {len(names)}")
        paths = [path / f"{name}.png" for name in names]
        for each, image in zip(paths, images):
            save_png(each, image_grid(image[None], padding=0))
        return paths
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"`path` must be a folder, or end in one of {list(FORMATS)}. Received: {str(path)!r}")
    with replacing(path) as temporary:
        _picture(image_grid(images, columns)).save(temporary, format=FORMATS[path.suffix.lower()], quality=95)
    return [path]


def animation(frames, path, seconds_per_frame=0.2, rest=8):
    """Writes frames as an endless animation that rests on its last frame.

    Args:
        frames: sequence of uint8 arrays (height, width, 1 or 3), or of image files, all of one size.
        path: where to write; `.gif` or `.webp` decides the format.
        seconds_per_frame: float. Default 0.2.
        rest: float, how many times as long the last frame stays. Default 8; 1 for films that end where they begin.

    Raises:
        ValueError: for no frames or another ending.

    Example:

    >>> import numpy as np
    >>> animation([np.full((8, 8, 1), v, "uint8") for v in (0, 128, 255)], "fade.gif")
    """
    path = Path(path)
    frames = list(frames)
    if path.suffix.lower() not in (".gif", ".webp"):
        raise ValueError(f"`path` must end in .gif or .webp. Received: {str(path)!r}")
    if not frames:
        raise ValueError("`frames` must hold at least one frame. Received: none")
    duration = [round(1000 * seconds_per_frame)] * (len(frames) - 1) + [round(1000 * rest * seconds_per_frame)]
    # A generator: a long run's frames need not lie in memory together.
    pictures = (_picture(frame) for frame in frames)
    with replacing(path) as temporary:
        next(pictures).save(
            temporary,
            format=path.suffix[1:].upper(),
            save_all=True,
            append_images=pictures,
            duration=duration if len(frames) > 1 else duration[0],
            loop=0,
        )


def film(images, path, seconds_per_frame=0.05, scale=1):
    """Writes images one after the other, without a rest: of a `latent.walk` it has no beginning and no end.

    Args:
        images: float array in [-1, 1], (n, height, width, channels); or (n, rows, columns, height, width, channels),
            whose every frame is a grid.
        path: where to write; `.gif` or `.webp` decides the format.
        seconds_per_frame: float. Default 0.05. Browsers show GIFs no faster than 0.02.
        scale: int, the side of a pixel in the film. Default 1.

    Example:

    >>> film(np.linspace(-1, 1, 4).reshape((4, 1, 1, 1)), "fade.gif", scale=16)
    """
    padding = 0 if np.ndim(images) == 4 else 2
    frames = (image_grid(image if padding else image[None], padding=padding) for image in images)
    frames = [frame.repeat(scale, axis=0).repeat(scale, axis=1) for frame in frames]
    animation(frames, path, seconds_per_frame, rest=1)


def labelled_grid(images, rows=None, columns=None, captions=None, path=None):
    """Draws a grid of images with words beside it: thresholds, samples and neighbours, a - b + c.

    Args:
        images: float array in [-1, 1], (rows, columns, height, width, channels), as for `image_grid`.
        rows, columns: lists of what to write beside each row and above each column. Default: nothing.
        captions: lists of rows of what to write below each image. Default: nothing.
        path: where to write the picture (PNG, SVG or PDF by its ending), or None to write none.

    Returns:
        The `matplotlib.figure.Figure`; it belongs to no window and needs no closing.

    Raises:
        ValueError: when the words do not fit the grid.

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


@functools.cache
def figure_class():
    """Returns matplotlib's figure with what notebooks ask for: they know the plain one only after pyplot's import."""
    import matplotlib.figure

    class Figure(matplotlib.figure.Figure):
        def _repr_png_(self):
            drawn = io.BytesIO()
            self.savefig(drawn, format="png")
            return drawn.getvalue()

    return Figure


def _picture(frame):
    from PIL import Image

    if isinstance(frame, np.ndarray):
        return Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame)
    with Image.open(frame) as picture:
        return picture.copy()


def history(log, path=None):
    """Draws a training's curves: losses, probabilities, and a panel for every other logged value.

    The panel of D(x) and D(G(z)) carries a line at 1/2, where both end when the generator's distribution equals that
    of the data (Goodfellow et al. 2014, section 4.1). `val_` curves are dashed.

    Args:
        log: dict of name -> list with a value per epoch (`model.fit(...).history`; "epoch" may hold the epochs'
            numbers), the `History` itself, or the path of a file that `keras.callbacks.CSVLogger` wrote. NaN marks an
            epoch without a value.
        path: where to write the picture (PNG, SVG or PDF by its ending), or None to write none.

    Returns:
        The `matplotlib.figure.Figure`; it belongs to no window and needs no closing.

    Raises:
        ValueError: when there is nothing to draw.

    Example:

    >>> history({"d_loss": [1.3, 1.2], "g_loss": [0.8, 0.9], "d_real": [0.6, 0.5]}, "curves.png")  # doctest: +ELLIPSIS
    <Figure ...>
    """
    epochs, curves = read_log(log)
    panels = {"losses": [], "probabilities": []}
    for name in curves:
        plain = name.removeprefix("val_")
        if plain in PROBABILITIES:
            panels["probabilities"].append(name)
        elif plain.endswith("loss"):
            panels["losses"].append(name)
        else:
            panels.setdefault(plain, []).append(name)
    panels = {title: names for title, names in panels.items() if names}
    if not panels:
        raise ValueError(f"`log` must hold at least one finite value. Received: {log!r}")

    columns = 2 if len(panels) == 4 else min(len(panels), 3)
    rows = math.ceil(len(panels) / columns)
    figure = figure_class()(figsize=(4.4 * columns, 3.1 * rows), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, (title, names) in zip(grid.flat, panels.items()):
        if title == "probabilities":
            axes.axhline(0.5, color="#888888", linewidth=1, linestyle=":", label="1/2")
            axes.set_ylim(0, 1)
        plain_names = list(dict.fromkeys(name.removeprefix("val_") for name in names))
        for name in names:
            plain = name.removeprefix("val_")
            finite = np.isfinite(curves[name])
            axes.plot(
                epochs[finite],
                curves[name][finite],
                color=COLORS[plain_names.index(plain) % len(COLORS)],
                linestyle="-" if plain == name else "--",
                linewidth=1.6,
                marker="o" if finite.sum() <= 30 else None,
                markersize=3,
                label=("" if plain == name else "val ") + PROBABILITIES.get(plain, plain),
            )
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("epoch", fontsize=9)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.tick_params(labelsize=8)
        axes.grid(True, color="#e6e6e6", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if len(names) > 1 or title in ("probabilities", "losses"):
            axes.legend(fontsize=8, frameon=False)
    if path is not None:
        with replacing(path) as temporary:
            figure.savefig(temporary)
    return figure


def read_log(log):
    """Reads a training's log, as `history` takes it.

    Args:
        log: see `history`.

    Returns:
        float array of the epochs' numbers (the first is 1), and a dict of the curves that have a finite value: arrays
        with a value per epoch, NaN where there is none.
    """
    if isinstance(log, (str, Path)):
        import csv

        with reading(log, "what `keras.callbacks.CSVLogger` writes"):
            with open(log, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            if rows and None in rows[-1].values():  # the process was killed while it wrote it
                rows.pop()
            log = {name: [row[name] for row in rows] for name in (rows[0] if rows else ()) if name is not None}
            epochs = [float(epoch) + 1 for epoch in log.pop("epoch", range(len(rows)))]
    else:
        log = dict(getattr(log, "history", log))
        epochs = log.pop("epoch", None) or range(1, 1 + max((len(values) for values in log.values()), default=0))
    curves = {}
    for name, values in log.items():
        curve = np.full(len(epochs), np.nan)
        curve[: len(values)] = [_number(value) for value in values]
        if np.isfinite(curve).any():
            curves[name] = curve
    return np.asarray(epochs, float), curves


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
