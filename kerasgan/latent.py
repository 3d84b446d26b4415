"""Moving in the space of latents: ways between points, arithmetic, truncation, neighbours, and the way back."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.metrics import extract_features


def lerp(start, end, t):
    """Goes from one point to another on a straight line.

    Args:
        start, end: float arrays of one shape, (..., latent_dim).
        t: float, or array (n,) of them. 0 is `start`, 1 is `end`.

    Returns:
        float32 array of the points' shape; for an array `t` with a first axis of n. Of that,
        `plots.image_grid(decode(model, it))` is the picture.

    Example:

    >>> lerp([0.0, 0.0], [4.0, 2.0], [0.0, 0.5]).tolist()
    [[0.0, 0.0], [2.0, 1.0]]
    """
    start, end, t = _ends(start, end, t)
    return np.asarray((1 - t) * start + t * end, "float32")


def slerp(start, end, t):
    """Goes from one point to another on a great circle (White 2016, https://arxiv.org/abs/1609.04468, section 2.1).

    Normal latents of many dimensions all have about the same length: sqrt(latent_dim), give or take 0.7. Half-way on
    the straight line between two of them the length is only sqrt(latent_dim / 2), where a generator has hardly ever
    been. On the arc the length goes evenly from one end's to the other's. Uniform latents fill a cube, which the arc
    leaves and the straight line does not: for them take `lerp`.

    Args:
        start, end: float arrays of one shape, (..., latent_dim).
        t: float, or array (n,) of them. 0 is `start`, 1 is `end`.

    Returns:
        float32 array of the points' shape; for an array `t` with a first axis of n. Of that,
        `plots.image_grid(decode(model, it))` is the picture.

    Raises:
        ValueError: for a point at 0, which has no direction, and for opposite points, between which no arc is shortest.

    Example:

    >>> slerp([3.0, 0.0], [0.0, 3.0], 0.5)
    array([2.1213202, 2.1213202], dtype=float32)
    """
    start, end, t = _ends(start, end, t)
    lengths = [np.linalg.norm(point, axis=-1, keepdims=True) for point in (start, end)]
    if any((length == 0).any() for length in lengths):
        raise ValueError("`start` and `end` must have a direction. Received: a point at 0")
    cosine = np.clip((start * end).sum(axis=-1, keepdims=True) / (lengths[0] * lengths[1]), -1, 1)
    angle = np.arccos(cosine)
    if (np.pi - angle < 1e-6).any():
        raise ValueError("`start` and `end` must not be opposite: no arc between them is shortest. Use `lerp`.")
    small = angle < 1e-6  # the limit is the straight line
    sine = np.where(small, 1, np.sin(angle))
    weights = [np.where(small, 1 - t, np.sin((1 - t) * angle) / sine), np.where(small, t, np.sin(t * angle) / sine)]
    direction = weights[0] * start / lengths[0] + weights[1] * end / lengths[1]
    return np.asarray(direction * ((1 - t) * lengths[0] + t * lengths[1]), "float32")


def _ends(start, end, t):
    start, end, t = (np.asarray(value, "float64") for value in (start, end, t))
    if start.shape != end.shape or start.ndim < 1:
        raise ValueError(f"`start` and `end` must have one shape. Received: {start.shape} and {end.shape}")
    if t.ndim > 1:
        raise ValueError(f"`t` must be a float or a row of floats. Received: shape {t.shape}")
    return start, end, t.reshape(t.shape + (1,) * start.ndim)


def decode(model, latents, condition=None, batch_size=64):
    """Turns latents into images, whatever else the model's generator wants.

    Args:
        model: a model that draws images from latents.
        latents: (..., latent_dim).
        condition: what a conditional model is to draw. Label models: a label, labels (n,), or a dict of these by name.
            Text models: a string, strings or text vectors, which take turns. Defaults to none.
        batch_size: int. Defaults to 64.

    Returns:
        float32 array (..., height, width, channels) in [-1, 1]. `plots.image_grid(it)` is the picture.

    Raises:
        ValueError: for a model of translation, a missing or superfluous condition, or latents of another length.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    >>> decode(model, np.zeros((2, 3, 4))).shape
    (2, 3, 16, 16, 3)
    """
    _check_has_latents(model)
    latents = np.asarray(latents, "float32")
    if latents.ndim < 1 or latents.shape[-1] != model.latent_dim:
        raise ValueError(f"`latents` must have shape (..., {model.latent_dim}). Received: {latents.shape}")
    rows = latents.reshape((-1, model.latent_dim))
    inputs = [rows, *_condition(model, condition, len(rows))]
    network = model.sampler()
    images = network.predict(inputs if len(inputs) > 1 else rows, batch_size=batch_size, verbose=0)
    return images.reshape((*latents.shape[:-1], *images.shape[1:]))


def _check_has_latents(model):
    if hasattr(model, "translate"):
        raise ValueError(
            f"`model` must draw images from latents. Received: {type(model).__name__}, which changes images"
        )


def _condition(model, condition, count):
    """Returns the generator's inputs after the latents, `count` rows each."""
    if hasattr(model, "embed"):
        if condition is None:
            raise ValueError(f"`condition` must be a text for {type(model).__name__}. Received: None")
        return model.sampling_inputs(condition, count, seed=0)[1:]
    if not hasattr(model, "condition_names"):
        if condition is not None:
            raise ValueError(f"`condition` must be None for {type(model).__name__}. Received: {condition!r}")
        return []
    if condition is None:
        raise ValueError(f"`condition` must give {model.condition_names}. Received: None")

    def rows(values):
        values = np.asarray(values)
        values = values.astype("int32" if values.dtype.kind in "iub" else "float32")
        return np.broadcast_to(values, (count, *values.shape[1:]))

    # `rows` has stretched single values; what has another number of rows than the latents does not stretch.
    _, condition = model.unpack((None, {k: rows(v) for k, v in _by_name(model, condition).items()}))
    model._check_condition(condition)
    return list(condition)


def _by_name(model, condition):
    return condition if isinstance(condition, dict) else dict.fromkeys(model.condition_names[:1], condition)


def of_seeds(model, seeds):
    """Returns the first latent of each seed: that of `model.generate(1, seed=seed)`.

    Args:
        model: a model that draws images from latents.
        seeds: list of ints.

    Returns:
        float32 array (len(seeds), latent_dim). `plots.image_grid(decode(model, it))` is the picture.
    """
    _check_has_latents(model)
    return np.concatenate([model.sample_latents(1, seed) for seed in seeds])


def plane(corners, rows=8, columns=8, way=slerp):
    """Spans a grid of latents between four corners.

    Args:
        corners: (4, latent_dim): top left, top right, bottom left, bottom right, such as
            `of_seeds(model, [1, 2, 3, 4])`.
        rows, columns: ints from 2 on. Default 8.
        way: `slerp` (default, for normal latents) or `lerp` (for uniform ones).

    Returns:
        float32 array (rows, columns, latent_dim). `plots.image_grid(decode(model, it))` is the picture.

    Example:

    >>> plane([[0.0], [1.0], [2.0], [3.0]], rows=2, columns=3, way=lerp)[..., 0].tolist()
    [[0.0, 0.5, 1.0], [2.0, 2.5, 3.0]]
    """
    corners = np.asarray(corners, "float32")
    if corners.ndim != 2 or len(corners) != 4:
        raise ValueError(f"`corners` must have shape (4, latent_dim). Received: {corners.shape}")
    if min(rows, columns) < 2:
        raise ValueError(f"`rows` and `columns` must be at least 2. Received: {rows} and {columns}")
    left, right = (way(corners[side], corners[side + 2], np.linspace(0, 1, rows)) for side in (0, 1))
    return np.stack([way(a, b, np.linspace(0, 1, columns)) for a, b in zip(left, right)])


def walk(points, steps=24, loop=True, way=slerp):
    """Goes from point to point, and from the last one back to the first, so that a film of it has no end.

    Args:
        points: (n, latent_dim), n from 2 on, such as `of_seeds(model, [1, 2, 3])`.
        steps: int, from each point to the next. Default 24.
        loop: bool. False ends at the last point. Default True, where no point is there twice.
        way: `slerp` (default, for normal latents) or `lerp` (for uniform ones).

    Returns:
        float32 array (n * steps, latent_dim), or ((n - 1) * steps + 1, latent_dim) without the loop.
        `plots.film(decode(model, it), "walk.gif")` is the picture.

    Example:

    >>> walk([[0.0], [1.0]], steps=2, way=lerp)[:, 0].tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    points = np.asarray(points, "float32")
    if points.ndim != 2 or len(points) < 2 or steps < 1:
        raise ValueError(
            "`points` must have shape (n, latent_dim) with n of at least 2, and `steps` must be at least 1. "
            f"Received: {points.shape} and {steps}"
        )
    t = np.arange(steps) / steps
    legs = [way(a, b, t) for a, b in zip(points, np.roll(points, -1, axis=0))]
    return np.concatenate(legs if loop else [*legs[:-1], points[-1:]])


def group_means(latents, groups):
    """Averages the latents of each group: a direction that is common to its images remains, the rest cancels.

    Single latents do not add up to anything; averages of three already do (Radford et al. 2016, section 6.3.2).

    Args:
        latents: (n, latent_dim).
        groups: (n,), the group of each: labels, or a yes or no of an attribute, by a classifier or by eye.

    Returns:
        dict of group -> float32 array (latent_dim,).
        `plots.labelled_grid(decode(model, [[*it.values()]]), columns=[*it])` is the picture.

    Example:

    >>> means = group_means([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]], ["seven", "seven", "one"])
    >>> means["seven"].tolist()
    [1.0, 2.0]
    """
    latents, groups = np.asarray(latents, "float64"), np.asarray(groups)
    if latents.ndim != 2 or groups.shape != latents.shape[:1]:
        raise ValueError(
            f"`latents` must have shape (n, latent_dim) and `groups` (n,). Received: {latents.shape} and {groups.shape}"
        )
    return {group.item(): latents[groups == group].mean(axis=0).astype("float32") for group in np.unique(groups)}


def arithmetic(plus, minus=(), length=None):
    """Adds and subtracts latents: smiling woman - woman + man = smiling man (Radford et al. 2016, section 6.3.2).

    Args:
        plus, minus: lists of latents (latent_dim,), best averages by `group_means`.
        length: float. The sum is stretched to it: averages are short, and a generator knows latents of about
            `sqrt(latent_dim)` (normal) or `sqrt(latent_dim / 3)` (uniform). Defaults to leaving the sum as it is.

    Returns:
        float32 array (latent_dim,). `plots.labelled_grid(decode(model, [[*plus, *minus, it]]))` is the picture.

    Example:

    >>> arithmetic([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0]]).tolist()
    [1.0, 1.0]
    """
    total = np.sum(np.asarray(plus, "float64"), axis=0)
    if len(minus):
        total = total - np.sum(np.asarray(minus, "float64"), axis=0)
    if length is not None:
        norm = np.linalg.norm(total)
        if norm == 0:
            raise ValueError("`length` cannot be given to a sum of 0. Received: terms that cancel")
        total = total * (length / norm)
    return total.astype("float32")


def truncate(latents, threshold, prior="normal"):
    """Draws latents towards the middle: samples become more typical and less diverse.

    The truncation trick (Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 3.1) samples from a normal
    distribution cut off at +-`threshold`. They draw again what lies outside; here every value goes to the same quantile
    of the truncated distribution, which gives that distribution exactly, and keeps each image recognisable as the
    threshold moves. Not every generator takes it, as they found: one that was never near 0 may draw nothing there.

    Args:
        latents: float array, from the model's prior.
        threshold: float from 0 on. 0 gives zeros; 2 hardly changes anything of a normal prior.
        prior: `"normal"`, or `"uniform"` on [-1, 1), which becomes uniform on [-threshold, threshold). See
            `model.prior`. Defaults to `"normal"`.

    Returns:
        float32 array of the same shape. With a row for each threshold,
        `plots.labelled_grid(decode(model, [truncate(latents, t) for t in rows]), rows=rows)` is the picture.

    Raises:
        ValueError: if an argument is out of its range.

    Example:

    >>> truncate([-0.5, 0.0, 3.0], 1.0).round(2)
    array([-0.33,  0.  ,  1.  ], dtype=float32)
    """
    latents = np.asarray(latents, "float64")
    if threshold < 0:
        raise ValueError(f"`threshold` must be at least 0. Received: {threshold!r}")
    if prior == "uniform":
        return np.asarray(latents * min(threshold, 1.0), "float32")
    if prior != "normal":
        raise ValueError(f"`prior` must be 'normal' or 'uniform'. Received: {prior!r}")
    inside = tf.math.erf(np.float64(threshold) / np.sqrt(2))  # the probability within the threshold
    moved = tf.math.erfinv(inside * tf.math.erf(latents / np.sqrt(2))) * np.sqrt(2)
    return np.clip(moved, -threshold, threshold).astype("float32")


class Neighbours(NamedTuple):
    """The nearest training images of samples, nearest first.

    Attributes:
        indices: int array (n, k), positions in the training set.
        distances: float64 array (n, k), Euclidean, of features.
        images: float32 array (n, k, height, width, channels).
    """

    indices: np.ndarray
    distances: np.ndarray
    images: np.ndarray

    @property
    def ratios(self):
        """Each sample's nearest distance over the mean of its k, (n,): near 1, no image stands out; near 0, a copy."""
        mean = self.distances.mean(axis=1)
        return np.divide(self.distances[:, 0], mean, out=np.zeros_like(mean), where=mean > 0)


def nearest_neighbours(images, training, k=5, extractor=None, batch_size=64):
    """Finds the training images that are nearest to samples: has the generator learned them by heart?

    The training images are read batch by batch and only the nearest are kept.

    Args:
        images: float array (n, height, width, channels) in [-1, 1].
        training: such an array of training images, or a dataset of batches of them (of tuples the first entry counts).
        k: int, how many. Default 5.
        extractor: what to compare: anything `metrics.get_extractor` takes. Default: the pixels, which find copies, but
            not shifted ones.
        batch_size: int. Default 64.

    Returns:
        `Neighbours`. `plots.labelled_grid(np.concatenate([images[:, None], found.images], axis=1))` is the picture.

    Raises:
        ValueError: if there are fewer than k training images.

    Example:

    >>> training = np.linspace(-1, 1, 9, dtype="float32").reshape((9, 1, 1, 1))
    >>> nearest_neighbours(np.float32([[[[0.3]]]]), training, k=2).indices.tolist()
    [[5, 6]]
    """
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: {k!r}")
    images = np.asarray(images, "float32")

    def features(batch):
        batch = np.asarray(batch, "float32")
        if extractor is None:
            return batch.reshape((len(batch), -1)).astype("float64")
        return extract_features(batch, extractor, batch_size).astype("float64")

    wanted, seen = features(images), 0
    best = np.empty((len(images), 0)), np.empty((len(images), 0), int), np.empty((len(images), 0, *images.shape[1:]))
    if hasattr(training, "shape"):
        training = np.split(training, range(batch_size, len(training), batch_size))
    for batch in training:
        batch = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch, "float32")
        # Differences, and not |x|^2 - 2xy + |y|^2: the distance of a copy must be 0.
        distances = np.stack([np.linalg.norm(wanted - one, axis=1) for one in features(batch)], axis=1)
        near = np.argsort(distances, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(distances, near, axis=1), seen + near, batch[near]
        both = [np.concatenate(pair, axis=1) for pair in zip(best, found)]
        order = np.argsort(both[0], axis=1, kind="stable")[:, :k]
        best = [values[np.arange(len(images))[:, None], order] for values in both]
        seen += len(batch)
    if seen < k:
        raise ValueError(f"`training` must hold at least k = {k} images. Received: {seen}")
    distances, indices, nearest = best
    return Neighbours(indices, distances, nearest.astype("float32"))


class Projection(NamedTuple):
    """Latents found for images.

    Attributes:
        latents: float32 array (n, latent_dim).
        images: float32 array (n, height, width, channels), what the generator makes of them.
        errors: float32 array (n,), mean squared errors of the pixels.
    """

    latents: np.ndarray
    images: np.ndarray
    errors: np.ndarray


def project(
    model, images, steps=300, learning_rate=0.05, starts=4, prior_weight=1e-3, features=None, condition=None, seed=0
):
    """Searches the latents from which the generator makes given images.

    Adam descends the mean squared error of the pixels, or of features, from several random latents at once, and the
    best one counts (Lipton & Tripathi 2017, https://arxiv.org/abs/1702.04782, with `starts` as their restarts).
    Images that a generator made are found again more or less closely; what of a real image it cannot make is what it
    has not learned.

    Args:
        model: a model that draws images from latents.
        images: (n, height, width, channels) in [-1, 1].
        steps: int. Default 300.
        learning_rate: float. Adam's. Default 0.05.
        starts: int, random latents to begin from, for each image. Default 4.
        prior_weight: float. Weight of |z|^2 / latent_dim, which keeps normal latents where the generator knows them.
            Default 1e-3. Uniform latents are clipped to [-1, 1] instead.
        features: images -> features to compare instead of pixels, a `keras.Model` or a callable made of TensorFlow
            operations. Default: the pixels.
        condition: as in `decode`, the same for all images.
        seed: int, of the first latents. Default 0.

    Returns:
        `Projection`. `plots.labelled_grid(np.stack([images, found.images], axis=1))` is the picture.

    Raises:
        ValueError: if the images are not the model's.

    Example:

    >>> model = kerasgan.DCGAN(image_size=16, width=2, latent_dim=4)
    >>> project(model, model.generate(2, seed=1), steps=3).latents.shape
    (2, 4)
    """
    _check_has_latents(model)
    if min(steps, starts) < 1:
        raise ValueError(f"`steps` and `starts` must be at least 1. Received: {steps} and {starts}")
    images = np.asarray(images, "float32")
    checks.check_images(images, image_size=model.image_size, channels=model.channels, check_range=False)
    count = len(images)
    network, uniform = model.sampler(), model.prior == "uniform"
    inputs = [tf.constant(rows) for rows in _condition(model, condition, count * starts)]
    targets = tf.constant(np.repeat(images, starts, axis=0))
    describe = features if features is not None else lambda pixels: pixels
    wanted = tf.cast(describe(targets), tf.float32)
    latents = tf.Variable(model.sample_latents(count * starts, seed))
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build([latents])

    def draw():
        return network([latents, *inputs] if inputs else latents, training=False)

    def error(found, target):
        return tf.reduce_mean(tf.square(tf.reshape(found - target, (count * starts, -1))), axis=1)

    @tf.function
    def descend():
        for _ in tf.range(steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(latents)
                # A sum: each latent has its own descent.
                loss = tf.reduce_sum(error(tf.cast(describe(draw()), tf.float32), wanted))
                if not uniform:
                    loss += prior_weight * tf.reduce_sum(tf.reduce_mean(tf.square(latents), axis=1))
            optimizer.apply([tape.gradient(loss, latents)], [latents])
            if uniform:
                latents.assign(tf.clip_by_value(latents, -1.0, 1.0))
        made = draw()
        return made, error(made, targets), error(tf.cast(describe(made), tf.float32), wanted)

    made, errors, compared = (value.numpy() for value in descend())
    best = np.arange(count) * starts + compared.reshape((count, starts)).argmin(axis=1)
    return Projection(latents.numpy()[best], made[best], errors[best])
