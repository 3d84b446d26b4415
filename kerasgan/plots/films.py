"""Animations and videos."""

import fractions
import importlib.util
import itertools
from pathlib import Path

import numpy as np

from kerasgan.files import replacing
from kerasgan.plots.pictures import as_picture, image_grid

FORMATS = (".gif", ".webp", ".mp4")


def animation(frames, path, seconds_per_frame=0.2, rest=8):
    """Writes frames as a looping animation or as a video, with a pause at the last frame.

    Args:
        frames: sequence of uint8 arrays (height, width, 1 or 3), or of image files, all of the same size.
        path: path of the file. The ending `.gif`, `.webp` or `.mp4` selects the format. An .mp4 is H.264, which needs
            even sides: odd sides are extended by repeating the edge. An .mp4 does not loop by itself.
        seconds_per_frame: float. Default 0.2.
        rest: float, the duration of the last frame in frames (rounded for .mp4). Default 8. Use 1 for films that loop
            smoothly.

    Raises:
        ValueError: if there are no frames, or they are floats or of different sizes, or the path has another ending.
        ImportError: for an .mp4 without PyAV: `pip install 'kerasgan[film]'`.

    Example:

    >>> import numpy as np
    >>> animation([np.full((8, 8, 1), v, "uint8") for v in (0, 128, 255)], "fade.gif")
    """
    path = Path(path)
    refuse_path(path)
    frames = list(frames)
    kind = path.suffix.lower()
    if not frames:
        raise ValueError("`frames` must hold at least one frame. Received: none")
    pictures = _of_one_size(frames)
    if kind == ".mp4":
        _video(pictures, path, seconds_per_frame, max(1, round(rest)))
        return
    duration = [round(1000 * seconds_per_frame)] * (len(frames) - 1) + [round(1000 * rest * seconds_per_frame)]
    with replacing(path) as temporary:
        next(pictures).save(
            temporary,
            format=kind[1:].upper(),
            save_all=True,
            append_images=pictures,
            duration=duration if len(frames) > 1 else duration[0],
            loop=0,
        )


def refuse_path(path):
    """Raises an error if `animation` cannot write to `path`: for another ending, or for .mp4 without PyAV."""
    kind = Path(path).suffix.lower()
    if kind not in FORMATS:
        raise ValueError(f"`path` must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}. Received: {str(path)!r}")
    if kind == ".mp4" and importlib.util.find_spec("av") is None:
        raise ImportError("An .mp4 needs PyAV: pip install 'kerasgan[film]'. .gif and .webp need nothing.")


def _of_one_size(frames):
    """Yields the frames as pictures, so that those of a long run are not in memory at the same time."""
    size = None
    for number, frame in enumerate(frames):
        if isinstance(frame, np.ndarray) and frame.dtype != np.uint8:
            raise ValueError(
                f"`frames` must be uint8 arrays or image files. Received: {frame.dtype}. "
                "Remedy: `plots.image_grid`, which makes such arrays of images in [-1, 1]"
            )
        picture = as_picture(frame)
        size = size or picture.size
        if picture.size != size:
            first, other = (f"{height}x{width}" for width, height in (size, picture.size))
            raise ValueError(
                f"`frames` must have one size, that of the first, {first}. Received: {other} (frame {number})"
            )
        yield picture


def _video(pictures, path, seconds_per_frame, rest):
    """Writes images as H.264, the last one `rest` times."""
    import av

    first = next(pictures)
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as video:
        rate = fractions.Fraction(1 / seconds_per_frame).limit_denominator(1000)
        stream = video.add_stream("libx264", rate=rate, options={"crf": "16"})
        stream.width, stream.height = (side + side % 2 for side in first.size)
        stream.pix_fmt = "yuv420p"  # the only format that all browsers play

        for picture in itertools.chain([first], pictures):
            pixels = np.asarray(picture.convert("RGB"))
            pixels = np.pad(pixels, [(0, side % 2) for side in pixels.shape[:2]] + [(0, 0)], mode="edge")
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            video.mux(stream.encode(frame))
        for _ in range(rest - 1):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        video.mux(stream.encode(None))  # flushes the encoder


def film(images, path, seconds_per_frame=0.05, scale=1):
    """Writes images as an animation or a video without a pause, for example the images of a `latent.walk`.

    Args:
        images: float array in [-1, 1], (n, height, width, channels), or (n, rows, columns, height, width, channels) for
            frames with grids.
        path: path of the file. The ending selects the format, as in `animation`.
        seconds_per_frame: float. Default 0.05. Browsers show GIFs no faster than 0.02.
        scale: int, the factor by which images are enlarged. Default 1.

    Example:

    >>> film(np.linspace(-1, 1, 4).reshape((4, 1, 1, 1)), "fade.gif", scale=16)
    """
    padding = 0 if np.ndim(images) == 4 else 2
    frames = (image_grid(image if padding else image[None], padding=padding) for image in images)
    frames = [frame.repeat(scale, axis=0).repeat(scale, axis=1) for frame in frames]
    animation(frames, path, seconds_per_frame, rest=1)
