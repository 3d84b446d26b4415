"""The task of translating films of label maps, frame by frame."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan import plots, random
from kerasgan.data import checks
from kerasgan.layers import follow

HISTORY = 2  # previous frames that a frame is drawn from
RATES = (1, 3)  # frames from one to the next of those that are judged as they move


def per_frame(x):
    """Reshapes a batch of films to a batch of frames: (batch, frames, ...) -> (batch * frames, ...)."""
    return tf.reshape(x, (-1, *keras.ops.shape(x)[2:]))


def triples(x, step=1):
    """Concatenates, along channels, each frame t with the frames t - `step` and t - 2 `step`.

    Args:
        x: (batch, frames, height, width, channels).
        step: int. Defaults to 1.

    Returns:
        A tensor (batch * (frames - 2 step), height, width, 3 channels), the oldest frame first.
    """
    count = x.shape[1] - 2 * step
    return per_frame(tf.concat([x[:, i * step : i * step + count] for i in range(3)], axis=-1))


def moves(flow, step):
    """Concatenates, along channels, the flow from each frame of `triples` to the previous frame of the triple.

    Args:
        flow: (batch, frames, height, width, 2), backward flow from each frame to the one before.
        step: int, as in `triples`.

    Returns:
        A tensor (batch * (frames - 2 step), height, width, 4), the flow from the last frame first.
    """
    total, count = flow, flow.shape[1] - 2 * step
    for i in range(1, step):
        part = flow[:, i:]
        total = tf.reshape(follow(per_frame(part), per_frame(total[:, :-1])), keras.ops.shape(part))
    return per_frame(tf.concat([total[:, step + 1 :][:, :count], total[:, 1 : 1 + count]], axis=-1))


class FromLabelFilms:
    """Mixin for models that translate films of label maps.

    `fit` takes `(labels, frames, flow)`, or `(labels, frames)` if `with_flow` is False. The constructor sets
    `image_size`, `channels`, `num_classes`, `with_flow` and `multiple`: the sides of frames are multiples of it.
    `compile` sets `window`, the number of consecutive frames that a step trains on; `length`, the number of frames of a
    film that a step may draw (None, an int or a function of the step); and `shortest`, the least frames of a film. A
    paper defines `draw(generator, labels, previous, training)`, which returns a dict with the next frames, `"frames"`.
    """

    shortest = HISTORY + 1

    # Data ------------------------------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        names = ("labels", "frames", "flow")[: 2 + self.with_flow]
        if not isinstance(batch, (tuple, list)) or len(batch) != len(names):
            got = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
            raise ValueError(
                f"{type(self).__name__} with `with_flow={self.with_flow}` expected batches of ({', '.join(names)}). "
                f"Received: {got}"
            )
        labels, frames, *flows = (np.asarray(part) for part in batch)
        size = self.image_size
        self.check_films(labels, "labels", 4, "(batch, frames, height, width)", checks.check_label_maps, size)
        self.check_frames(frames, "frames", size, check_range)
        for flow in flows:
            of_two = {"image_size": size, "channels": 2, "check_range": False}
            self.check_films(flow, "flow", 5, "(batch, frames, height, width, 2)", checks.check_images, **of_two)
        counts = [part.shape[:2] for part in (labels, frames, *flows)]
        if len(set(counts)) > 1:
            raise ValueError(f"{', '.join(names)} must have as many films and frames. Received: {counts}")
        if counts[0][1] < self.shortest:
            raise ValueError(
                f"Films must have at least {self.shortest} frames for this training. Received: {counts[0][1]}. "
                "Remedy: longer films, by `num_frames` or `frames` of the data, or a smaller `window`"
            )

    def check_frames(self, frames, name, size=None, check_range=True):
        """Raises unless `frames` are float32 films (batch, frames, height, width, channels) in [-1, 1]."""
        shape = "(batch, frames, height, width, channels)"
        options = {"channels": self.channels, "check_range": check_range}
        self.check_films(frames, name, 5, shape, checks.check_images, size, **options)

    def check_films(self, films, name, rank, shape, check, image_size, **options):
        """Raises unless `films` are of this rank, and all frames together pass `check`."""
        if films.ndim != rank:
            raise ValueError(f"`{name}` must have the shape {shape}. The rank is {films.ndim}. Received: {films.shape}")
        if rank == 4:
            options["num_classes"] = self.num_classes
        check(films.reshape(-1, *films.shape[2:]), image_size=image_size, name=name, **options)

    def real_images(self, batch):
        """Returns all frames of a dataset element."""
        frames = np.asarray(batch[1])
        return frames.reshape(-1, *frames.shape[2:])

    def part(self, data, generator, training=False):
        """Draws a film up to a random frame, and returns the data for a step on the frames that follow.

        The first frame and that frame are uniformly random. Without training, both are frame 0.

        Returns:
            dict of `"labels"`, `"film"` and `"flow"` (with_flow), window + 2 consecutive frames of the data; `"own"`,
            the generated versions of the first window + 1 of them (the film's first two frames are real); `"frames"`,
            the last window frames of `"film"` (batch * window, ...); `"known"`, their label maps, one channel per
            class; and `"moves"` (with_flow), the output of `moves` for each of `RATES`.
        """
        labels, frames, *flow = data
        count, total = self.window + HISTORY, frames.shape[1]
        begin = passed = tf.constant(0)
        if training:
            length = total if self.length is None else self.length(self.step) if callable(self.length) else self.length
            length = tf.clip_by_value(tf.cast(length, tf.int32), count, total)
            draws = random.unit((2,), self.seed_generator)
            rooms = tf.stack([total - length, length - count])
            begin, passed = tf.unstack(tf.cast(tf.floor(draws * tf.cast(rooms + 1, tf.float32)), tf.int32))
        places = begin + passed + tf.range(count)
        labels_here, film, *flow = (tf.gather(x, places, axis=1) for x in (labels, frames, *flow))
        first = tf.gather(frames, begin + tf.range(HISTORY), axis=1)
        own = self.continued(generator, labels, first, begin, passed + self.window - 1, self.window + 1, training)
        part = {"labels": labels_here, "film": film, "own": own, "frames": per_frame(film[:, HISTORY:])}
        part["known"] = tf.one_hot(per_frame(labels_here[:, HISTORY:]), self.num_classes)
        if self.with_flow:
            part |= {"flow": flow[0], "moves": [moves(flow[0], step) for step in RATES]}
        return part

    # Drawing ---------------------------------------------------------------------------------------------------------

    def continued(self, generator, labels, frames, begin, count, keep, training=False):
        """Draws frames one after the other, each from the frames drawn before it.

        Args:
            generator: the network.
            labels: int tensor (batch, frames, height, width).
            frames: float32 tensor (batch, 2, height, width, channels), the two first frames.
            begin: int or scalar tensor, the position in `labels` of the first of `frames`.
            count: int or scalar tensor, the number of frames to draw.
            keep: int, the number of last frames to return. Missing frames before the first are black.
            training: bool.

        Returns:
            float32 tensor (batch, keep, height, width, channels).
        """
        own = tf.pad(frames, [[0, 0], [keep - HISTORY, 0], [0, 0], [0, 0], [0, 0]], constant_values=-1.0)

        def draw_next(i, own):
            known = tf.gather(labels, begin + i + tf.range(HISTORY + 1), axis=1)
            new = self.draw(generator, known, own[:, -HISTORY:], training)["frames"]
            return i + 1, tf.concat([own[:, 1:], new[:, None]], axis=1)

        return tf.while_loop(lambda i, own: i < count, draw_next, (tf.constant(0), own))[1]

    def translate_video(self, labels, first_frames):
        """Translates label maps to films of any length and size, with the averaged generator if there is one.

        Args:
            labels: int (n, frames, height, width), classes in [0, num_classes). The sides are multiples of `multiple`.
            first_frames: the first two frames: float32 (n, 2, height, width, channels) in [-1, 1], such as real frames;
                or a function from label maps (n, height, width) to frames (n, height, width, channels), such as
                `translate` of a `kerasgan.Pix2PixHD`.

        Returns:
            float32 array (n, frames, height, width, channels) in [-1, 1], which begins with `first_frames`.

        Raises:
            ValueError: if an argument is invalid.
        """
        labels = np.asarray(labels)
        self.check_films(labels, "labels", 4, "(n, frames, height, width)", checks.check_label_maps, None)
        size, count = labels.shape[2:], labels.shape[1]
        if any(side % self.multiple for side in size) or count < HISTORY:
            raise ValueError(
                f"`labels` must have sides that are multiples of {self.multiple}, and at least {HISTORY} frames. "
                f"Received: {count} frames of {size[0]}x{size[1]}"
            )
        if callable(first_frames):
            first_frames = np.stack([first_frames(labels[:, i]) for i in range(HISTORY)], axis=1)
        first_frames = np.asarray(first_frames)
        self.check_frames(first_frames, "first_frames", size, check_range=False)
        if first_frames.shape[:2] != (len(labels), HISTORY):
            raise ValueError(
                f"`first_frames` must be {HISTORY} frames of each of {len(labels)} films. "
                f"Received: {first_frames.shape}"
            )
        labels, first_frames = (tf.constant(x) for x in (labels.astype("int32"), first_frames.astype("float32")))
        return self.continued(self.sampler(), labels, first_frames, 0, count - HISTORY, count).numpy()

    def call(self, inputs, training=False):
        """Draws the next frame of three label maps (batch, 3, height, width) and two frames (batch, 2, ...)."""
        return self.draw(self.sampler(), *inputs, training)["frames"]

    def preview(self, batch, num_images=64, seed=0):
        """Returns three rows of the first film: label maps, generated frames after the first two, and real frames."""
        labels, frames = (np.asarray(part)[:1] for part in batch[:2])
        drawn = self.translate_video(labels, frames[:, :HISTORY])
        chosen = np.linspace(HISTORY, labels.shape[1] - 1, max(1, num_images // 3)).round().astype(int)
        rows = [plots.color_labels(labels[0]), plots.visible(drawn[0]), plots.visible(frames[0])]
        deepest = max(row.shape[-1] for row in rows)
        return np.stack([np.broadcast_to(row, (*row.shape[:-1], deepest))[chosen] for row in rows]).astype("float32")

    # Serving ---------------------------------------------------------------------------------------------------------

    def serving_functions(self):
        """Returns the endpoint of a SavedModel, which draws one frame from the previous frames.

        `serving_default` takes `labels`, int32 (n, 3, height, width), the label maps of the two previous frames and of
        the frame, and `previous`, float32 (n, 2, height, width, channels), the two previous frames. It returns the
        frame as `images`. The caller keeps the last two frames for the next call.
        """

        def draw_next(labels, previous):
            return {"images": self.draw(self.sampler(), labels, previous, False)["frames"]}

        return {
            "serving_default": (
                draw_next,
                [
                    tf.TensorSpec((None, HISTORY + 1, None, None), tf.int32, "labels"),
                    tf.TensorSpec((None, HISTORY, None, None, self.channels), tf.float32, "previous"),
                ],
            )
        }
