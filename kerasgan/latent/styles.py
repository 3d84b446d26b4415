"""Latents of style-based generators: style mixing, and projection of images to w."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.data import checks
from kerasgan.latent.drawing import map_to_styles
from kerasgan.latent.search import SCALE, Projection
from kerasgan.layers import Noise


def mixing_grid(model, sources, destinations, layers):
    """Draws every destination with the styles of some layers taken from every source (Karras et al. 2019, figure 3).

    https://arxiv.org/abs/1812.04948. The first layers determine pose and shape, the last ones colours.

    Args:
        model: a style-based model, such as `kerasgan.StyleGAN2`.
        sources: float (n, style_dim), w as returned by `model.map`.
        destinations: float (m, style_dim).
        layers: the layers that get the styles of the source: a range or a list of ints.

    Returns:
        float32 array (m + 1, n + 1, height, width, channels) in [-1, 1]: the sources in the first row, the destinations
        in the first column, and black in the corner. To plot it: `plots.image_grid(it)`.

    Raises:
        ValueError: if the model is not style-based, or a layer does not exist.

    Example:

    >>> model = kerasgan.StyleGAN2(image_size=16, latent_dim=8, style_dim=8, channel_base=128)
    >>> w = model.map(model.sample_latents(5, seed=0))
    >>> mixing_grid(model, w[:2], w[2:], layers=range(3)).shape
    (4, 3, 16, 16, 3)
    """
    check_has_styles(model)
    layers = list(layers)
    if not set(layers) <= set(range(model.num_layers)):
        raise ValueError(f"`layers` must be among 0 to {model.num_layers - 1}. Received: {layers}")
    sources, destinations = (np.asarray(w, "float32") for w in (sources, destinations))
    rows = [np.repeat(w[:, None], model.num_layers, axis=1) for w in (sources, destinations)]
    mixed = np.repeat(rows[1][:, None], len(sources), axis=1)
    mixed[:, :, layers] = sources[None, :, None]
    images = model.synthesize(mixed.reshape((-1, *mixed.shape[2:])))
    images = images.reshape((*mixed.shape[:2], *images.shape[1:]))
    top, left = model.synthesize(rows[0]), model.synthesize(rows[1])
    top = np.concatenate([np.full_like(top[:1], -1), top])
    return np.concatenate([top[None], np.concatenate([left[:, None], images], axis=1)])


def project_to_styles(
    model, images, features=None, steps=1000, learning_rate=0.1, noise_weight=1e5, condition=None, seed=0
):
    """Finds w and noise from which a style-based generator draws given images (Karras et al. 2020).

    https://arxiv.org/abs/1912.04958, appendix D. Adam minimises the mean squared error of features, starting at the
    mean w. Its rate rises over the first twentieth of the steps and falls over the last quarter. In the first three
    quarters, random numbers are added to w to explore its neighbourhood. A regularizer prevents the noise maps from
    encoding the image: the squared correlations of each map with itself, shifted by a pixel, at every resolution.

    Args:
        model: a style-based model, such as `kerasgan.StyleGAN2`.
        images: (n, height, width, channels) in [-1, 1].
        features: images -> features to compare, a `keras.Model` or a callable made of TensorFlow operations. The paper
            uses LPIPS. Defaults to the pixels.
        steps: int. Defaults to 1000.
        learning_rate: float, the maximum rate. Defaults to 0.1.
        noise_weight: float. Weight of the regularizer. Defaults to 1e5.
        condition: as in `decode`, the same for all images.
        seed: int. Defaults to 0.

    Returns:
        `Projection` with w, (n, style_dim), as latents. Its images are drawn with the noise that was found. To plot it:
        `plots.labelled_grid(np.stack([images, found.images], axis=1))`.

    Raises:
        ValueError: if the model is not style-based, or the images do not have its shape.

    Example:

    >>> model = kerasgan.StyleGAN2(image_size=16, latent_dim=8, style_dim=8, channel_base=128)
    >>> project_to_styles(model, model.generate(2, seed=1), steps=3).latents.shape
    (2, 8)
    """
    check_has_styles(model)
    checks.check_images(images, image_size=model.image_size, channels=model.channels, check_range=False)
    images = np.asarray(images, "float32")
    rng = np.random.default_rng(seed)
    many = model.sample_latents(1000, seed)
    w = map_to_styles(model, many, condition)
    mean, spread = w.mean(axis=0), float(np.sqrt(w.var(axis=0).sum()))
    synthesis = model.sampler().get_layer("synthesis")
    noise = [layer.fixed for layer in synthesis._flatten_layers() if isinstance(layer, Noise)]
    kept = [np.array(picture) for picture in noise]
    describe = features if features is not None else tf.identity
    found = []
    try:
        for image in images:
            for picture in noise:
                picture.assign(rng.normal(size=picture.shape))
            point = tf.Variable(mean[None])
            explore = rng.normal(size=(steps, *point.shape)).astype("float32")
            schedule = _rates(steps, learning_rate), _exploration(steps, 0.05 * spread)
            _descend(synthesis, model.num_layers, point, noise, image[None], describe, schedule, explore, noise_weight)
            made = model.synthesize(point.numpy())[0]
            found.append((point.numpy()[0], made, np.mean(np.square(made - image))))
    finally:  # restores the model's noise
        for picture, value in zip(noise, kept):
            picture.assign(value)
    return Projection(*(np.stack(part).astype("float32") for part in zip(*found)))


def _descend(synthesis, num_layers, point, noise, image, describe, schedule, explore, noise_weight):
    """Optimizes `point` and the noise maps, which keep mean 0 and variance 1."""
    variables = [point, *(picture.value if hasattr(picture, "value") else picture for picture in noise)]
    wanted = tf.cast(describe(tf.constant(image)), tf.float32)
    optimizer = keras.optimizers.Adam(1.0)
    optimizer.build(variables)

    @tf.function
    def step(rate, added):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            styles = tf.repeat((point + added)[:, None], num_layers, axis=1)
            made = tf.cast(describe(synthesis(styles, training=False)), tf.float32)
            loss = tf.reduce_mean(tf.square(made - wanted))
            loss = SCALE * (loss + noise_weight * sum(map(noise_correlation, variables[1:])))
        optimizer.learning_rate.assign(rate)
        optimizer.apply([gradient / SCALE for gradient in tape.gradient(loss, variables)], variables)
        for picture in variables[1:]:
            picture.assign(tf.math.divide_no_nan(picture - tf.reduce_mean(picture), tf.math.reduce_std(picture)))

    for rate, amount, added in zip(*schedule, explore):
        step(tf.constant(rate), tf.constant(amount * added))


def noise_correlation(picture):
    """Returns the noise regularizer (Karras et al. 2020, appendix D).

    It is the squared mean of the products of a noise map with itself, shifted by one pixel down and right, summed over
    resolutions down to 8 pixels. Each resolution is the average of 2x2 pixels times 2, which keeps the variance of
    white noise.

    Args:
        picture: float tensor (height, width, 1).

    Returns:
        A scalar, about 0 for white noise.
    """
    x, total = tf.convert_to_tensor(picture)[None], 0.0
    while True:
        total += sum(tf.reduce_mean(x * tf.roll(x, 1, axis)) ** 2 for axis in (1, 2))
        if min(x.shape[1:3]) <= 8:
            return total
        x = 2 * tf.nn.avg_pool2d(x, 2, 2, "VALID")


def _rates(steps, highest):
    share = (np.arange(steps, dtype="float32") + 1) / steps
    down = np.minimum(1, (1 - share) / 0.25)
    return highest * (0.5 - 0.5 * np.cos(np.pi * down)) * np.minimum(1, share / 0.05)


def _exploration(steps, amount):
    share = np.arange(steps, dtype="float32") / steps
    return amount * np.maximum(0, 1 - share / 0.75) ** 2


def check_has_styles(model):
    if not hasattr(model, "synthesize"):
        raise ValueError(
            f"`model` must be style-based, such as StyleGAN or StyleGAN2. Received: {type(model).__name__}"
        )
