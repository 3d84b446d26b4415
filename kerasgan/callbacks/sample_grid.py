"""Sample grids written during training."""

import math
import re
import sys
import warnings
import weakref
from pathlib import Path

import keras
import tensorflow as tf

from kerasgan import plots
from kerasgan.arguments import KnowsItsArguments, positive_int
from kerasgan.callbacks.checkpoint import is_chief
from kerasgan.files import put_aside, tensorflow_naming

FRAME = re.compile(r"epoch_(\d+)\.png")
# Maximum number of frames of the animation. Longer runs are thinned evenly.
MOST_FRAMES = 200


class SampleGrid(KnowsItsArguments, keras.callbacks.Callback):
    """Draws samples from the same latents after every epoch, to show how each of them develops.

    Writes `epoch_0000.png` before training, `epoch_0001.png` ... after the epochs, `real.png` with images of the data,
    and at the end `training.gif` from all frames in the folder, including those of an interrupted run; it stays as it
    is if nothing is left to train. If training ends with an exception, the animation is written when this callback is
    deleted, at the latest when Python exits. A new training (from step 0) renames the frames and the animation of an
    older one in the folder: `old_1_epoch_0000.png` and so on. The animation leaves out frames of another size than the
    newest, with a warning: those of an interrupted run with another `num_images`. With several workers only the chief
    writes. For images with neither one nor three channels, the first three channels, or the first, are drawn; the
    file's description says so.

    Args:
        directory: folder of the pictures.
        num_images: int, samples in the grid. Default 64. The model's `preview` method decides what a grid shows.
        every_n_epochs: int. Default 1.
        seed: int, seed of the latents. Default 0.
        log_dir: folder of a TensorBoard log, or None (default) for none. It gets the grids, and the values of the logs
            after every epoch; `tensorboard --logdir` shows it, and is not needed to write it.

    Example:

    >>> model.fit(dataset, epochs=5, callbacks=[SampleGrid("samples")])  # doctest: +SKIP
    """

    def __init__(self, directory, num_images=64, every_n_epochs=1, seed=0, log_dir=None):
        super().__init__()
        for name, value in (("num_images", num_images), ("every_n_epochs", every_n_epochs)):
            positive_int(name, value)
        self.directory = Path(directory)
        self.num_images = num_images
        self.every_n_epochs = every_n_epochs
        self.seed = seed
        self.log_dir = log_dir
        self._board = None
        self._animate = None

    def on_train_begin(self, logs=None):
        if is_chief(self.model):
            if self._animate is None:
                self._last_epoch = []
                # Runs when training ends or, after an exception, when this object is deleted or Python exits.
                self._animate = weakref.finalize(self, _animate_at_last, self.directory.absolute(), self._last_epoch)
            if self.log_dir is not None and self._board is None:
                with tensorflow_naming(self.log_dir):
                    self._board = tf.summary.create_file_writer(str(self.log_dir))
            # A dataset that is already distributed has no first batch.
            if self.model.first_batch is not None:
                real = self.model.real_images(self.model.first_batch)
                self._write("real", real[: self.num_images], step=0)
        if int(self.model.step.numpy()) == 0:
            if is_chief(self.model):
                self._put_aside()
            self._draw(0)

    def _put_aside(self):
        """Renames the pictures of an older training, so that they are in no animation or report of this one."""
        names = put_aside([*frames(self.directory).values(), self.directory / "training.gif"])
        if names:
            warnings.warn(
                f"{self.directory} holds the pictures of another training. They are now {names[0]} to {names[-1]}.",
                stacklevel=3,
            )

    def on_epoch_begin(self, epoch, logs=None):
        if self._animate is not None and not self._last_epoch:
            self._last_epoch.append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        if self._board is not None:
            for name, value in (logs or {}).items():
                self._record(name, "scalars", tf.constant(value, tf.float32), step=epoch + 1)
            self._flush()
        if (epoch + 1) % self.every_n_epochs == 0:
            self._draw(epoch + 1)

    def on_train_end(self, logs=None):
        if self._animate is not None:
            self._animate.detach()
            self._animate = None
            _animate(self.directory, self._last_epoch)
        if self._board is not None:
            with tensorflow_naming(self.log_dir):
                self._board.close()
            self._board = None

    def _draw(self, epoch):
        # All workers draw, as reading the state of a distributed model can need all of them. One writes.
        grid = self.model.preview(self.model.first_batch, self.num_images, self.seed)
        if is_chief(self.model):
            self._write(f"epoch_{epoch:04d}", grid, step=epoch)
            self._last_epoch[:] = [epoch]

    def _write(self, name, images, step):
        grid = plots.image_grid(images)
        plots.save_png(self.directory / f"{name}.png", grid, caption=plots.shown_channels(images.shape[-1]))
        if self._board is not None:
            height, width, _ = grid.shape
            image = tf.stack([str(width), str(height), tf.io.encode_png(grid)])
            self._record("real" if name == "real" else "samples", "images", image, step)
            self._flush()

    def _record(self, tag, plugin, value, step):
        """Writes the same as `tf.summary.scalar` and `image`, which need TensorBoard to be installed."""
        metadata = tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = plugin
        with tensorflow_naming(self.log_dir), self._board.as_default():
            tf.summary.write(tag, value, step=step, metadata=metadata)

    def _flush(self):
        with tensorflow_naming(self.log_dir):
            self._board.flush()


def frames(directory):
    """Returns the frames in a folder, sorted: a dict of the number of the epoch -> path."""
    paths = directory.iterdir() if directory.is_dir() else ()
    return dict(sorted((int(match[1]), path) for path in paths if (match := FRAME.fullmatch(path.name))))


def _animate(directory, last_epoch):
    """Joins the frames on disk up to the last epoch drawn. Later frames belong to an older, longer run.

    Args:
        directory: folder of the frames.
        last_epoch: list with the number of this epoch; empty if there was nothing to train.
    """
    if not last_epoch:
        return
    sizes = {path: _size(path) for number, path in frames(directory).items() if number <= last_epoch[0]}
    if not sizes:
        return
    *_, newest = sizes.values()
    pictures = [path for path in sizes if sizes[path] == newest]
    left_out = [path.name for path in sizes if sizes[path] != newest]
    if left_out:
        warnings.warn(
            f"{directory / 'training.gif'} leaves out {len(left_out)} of {len(sizes)} frames, {left_out[0]} to "
            f"{left_out[-1]}, as they have another size than the newest.",
            stacklevel=3,
        )
    stride = math.ceil(len(pictures) / MOST_FRAMES)
    plots.animation(pictures[:-1:stride] + pictures[-1:], directory / "training.gif")


def _size(path):
    from PIL import Image

    with Image.open(path) as picture:
        return picture.size


def _animate_at_last(directory, last_epoch):
    """Animates after an exception. Nothing can catch another exception here, for example of a full disk."""
    try:
        _animate(directory, last_epoch)
    except OSError as error:
        print(f"No animation of the samples: {error}", file=sys.stderr)
