"""Feature inversion: images with given features at a layer of a network."""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.data import checks
from kerasgan.progress import progress_bar

# Rates and numbers of steps (figure 6, in the authors' experiment_cnn.m).
STAGES = ((0.004, 100), (0.0004, 200), (0.00004, 100))
MOMENTUM = 0.9
GREY_LEVELS = 127.5  # the paper's constants are for pixels from -127.5 to 127.5


class Inversion(NamedTuple):
    """Images found for given features. In each row, the best image is first.

    Attributes:
        images: float32 array (n, restarts, height, width, channels), approximately in [-1, 1]. They are not clipped.
        errors: float32 array (n, restarts), |Phi(x) - Phi_0| / |Phi_0| of these images.
        history: float32 array (steps, n, restarts), the errors before each step.
    """

    images: np.ndarray
    errors: np.ndarray
    history: np.ndarray


def total_variation(images, power=2.0):
    """Returns the total variation of each image (Mahendran & Vedaldi 2015, section 3.2).

    https://arxiv.org/abs/1412.0035. It is the sum over pixels and channels of
    ((x[i, j+1] - x[i, j])^2 + (x[i+1, j] - x[i, j])^2)^(power / 2), with the last row and the last column repeated.

    Args:
        images: float (n, height, width, channels).
        power: float above 0, beta. 1 is the usual total variation. 2, which the paper uses for inversion, blurs edges
            more and gives fewer spikes. Default 2.

    Returns:
        float tensor (n,).

    Example:

    >>> ramp = np.arange(4, dtype="float32").reshape((1, 1, 4, 1))
    >>> total_variation(ramp).numpy().tolist()
    [3.0]
    """
    images = tf.convert_to_tensor(images)
    right = tf.pad(images[:, :, 1:] - images[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    down = tf.pad(images[:, 1:] - images[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    squares = tf.square(right) + tf.square(down)
    if power != 2:
        even = squares == 0  # the power has no gradient at 0
        squares = tf.where(even, tf.zeros_like(squares), tf.where(even, tf.ones_like(squares), squares) ** (power / 2))
    return tf.reduce_sum(squares, axis=(1, 2, 3))


def invert(
    network,
    images=None,
    layer=None,
    *,
    features=None,
    region=None,
    tv_weight=1.0,
    tv_power=2.0,
    alpha_weight=8e-10,
    alpha=6.0,
    contrast=0.5,
    stages=STAGES,
    restarts=4,
    seed=0,
    verbose=1,
):
    """Finds images with given features at a layer (Mahendran & Vedaldi 2015, https://arxiv.org/abs/1412.0035).

    Differences between the images found for the same features show what the layer does not encode. Gradient descent
    with momentum starts from noise and minimises

        |Phi(x) - Phi_0|^2 / |Phi_0|^2 + (alpha_weight / 2 |x|_alpha^alpha + tv_weight / 2 TV(x)) / sigma^2

    (equation 1 with the terms of sections 3.1 and 3.2), where pixels x are from -127.5 to 127.5 and sigma is the norm
    of an image with the given contrast. The gradient is that of sigma^2 times this objective. The momentum of 0.9 is
    reset in each stage.

    The default weights are those of the paper for the first layers of a network with images of 227 pixels. The paper
    uses `tv_weight=10` for the middle layers and 100 for the last ones. Neighbouring pixels of small images differ
    more, so smaller weights are needed: 0.001 to 0.1 for 28 pixels.

    Args:
        network: `keras.Model` of images in [-1, 1]. For another range, put a `keras.layers.Rescaling` before it.
        images: (n, height, width, channels) in [-1, 1]. Their features are inverted.
        layer: the name or the index of a layer of a functional or sequential network. Default: the network's output.
        features: (n, ...) float, the features to invert, instead of `images`.
        region: the neurons to match: an int k for the central k x k (figure 9 uses 5), or a bool array that broadcasts
            to the shape of an image's features. Default: all.
        tv_weight: float, lambda_TV. Default 1.
        tv_power: float above 0, beta. Default 2.
        alpha_weight: float, lambda_alpha. Default 8e-10.
        alpha: float above 1. Default 6, which bounds the range of pixels rather than pulling them to 0.
        contrast: float, the root mean square of a typical image in [-1, 1], and of the noise. Default 0.5, as in
            photographs.
        stages: list of (rate, steps). Default ((0.004, 100), (0.0004, 200), (0.00004, 100)), as in figure 6.
        restarts: int, the number of images for each row, each from its own noise. Default 4.
        seed: int, the seed of the noise. Default 0.
        verbose: 1 (default) shows a progress bar, 0 none.

    Returns:
        `Inversion`. To plot it: `plots.image_grid(found.images)`.

    Raises:
        ValueError: if the network has no such layer, `features` or `images` do not fit, the features are all 0, or the
            descent diverges.

    Example:

    >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, name="edges")])
    >>> photo = np.linspace(-1, 1, 64, dtype="float32").reshape((1, 8, 8, 1))
    >>> invert(network, photo, "edges", restarts=2, verbose=0).images.shape
    (1, 2, 8, 8, 1)
    """
    for name, value in (("tv_weight", tv_weight), ("alpha_weight", alpha_weight)):
        if not value >= 0:
            raise ValueError(f"`{name}` must be at least 0. Received: {value!r}")
    if not (tv_power > 0 and alpha > 1 and contrast > 0):
        raise ValueError(
            "`tv_power` and `contrast` must be above 0, `alpha` above 1. "
            f"Received: tv_power={tv_power!r}, contrast={contrast!r}, alpha={alpha!r}"
        )
    stages, restarts = _checked_stages(stages), positive_int("restarts", restarts)
    describe = _features_of(network, layer)
    shape, wanted = _target(network, describe, images, features)
    mask = _mask(region, wanted.shape[1:])
    wanted = np.repeat(wanted * mask, restarts, axis=0)
    norms = np.linalg.norm(wanted.reshape((len(wanted), -1)), axis=1)
    if not norms.min() > 0:
        raise ValueError("The features are all 0, so every image matches. Remedy: another `layer` or `region`.")

    sigma = contrast * GREY_LEVELS * math.sqrt(math.prod(shape))
    noise = np.random.default_rng(seed).normal(size=(len(wanted), *shape)).astype("float32")
    noise *= sigma / np.linalg.norm(noise.reshape((len(noise), -1)), axis=1).reshape((-1, 1, 1, 1))

    def errors(x):
        found = tf.cast(describe(x / GREY_LEVELS), tf.float32)
        rest = tf.reshape((found - wanted) * mask, (len(wanted), -1))
        return tf.reduce_sum(tf.square(rest), axis=1) / tf.constant(norms**2, tf.float32)

    def penalty(x):
        powers = tf.reduce_sum(tf.pow(tf.abs(x), alpha), axis=(1, 2, 3)) if alpha_weight else 0.0
        return (alpha_weight * powers + tv_weight * total_variation(x, tv_power)) / 2

    found, history = _descend(noise, lambda x: (errors(x), penalty(x)), sigma**2, stages, verbose)
    last = np.sqrt(errors(found).numpy()).reshape((-1, restarts))
    order = last.argsort(axis=1)
    found = (found.numpy() / GREY_LEVELS).reshape((-1, restarts, *shape))
    best = np.arange(len(last))[:, None], order
    return Inversion(found[best], last[best], np.sqrt(history).reshape((-1, *last.shape))[:, best[0], order])


def _descend(start, terms, scale, stages, verbose):
    """Gradient descent with momentum from `start`. `terms` returns the squared error and the penalty of each image.

    Returns:
        A tensor of images, and the squared errors before each step, (steps, images).
    """
    x, velocity = tf.Variable(start), tf.Variable(tf.zeros_like(start))

    @tf.function
    def step(rate):
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(x)
            errors, penalty = terms(x)
            total_error, total_penalty = tf.reduce_sum(errors), tf.reduce_sum(penalty)  # so that images are independent
        # The scale is large, and the gradient of a scaled error would overflow in float16.
        slope, pull = tape.gradient(total_error, x), tape.gradient(total_penalty, x)
        velocity.assign(MOMENTUM * velocity - rate * (scale * slope + pull))
        x.assign_add(velocity)
        # ReLU turns NaN into 0, so the errors may stay finite.
        return tf.where(tf.reduce_all(tf.math.is_finite(x), axis=(1, 2, 3)), errors, float("nan"))

    history, bar = [], progress_bar(sum(steps for _, steps in stages), "step", verbose)
    for rate, steps in stages:
        velocity.assign(tf.zeros_like(velocity))
        for _ in range(steps):
            history.append(step(tf.constant(rate, tf.float32)).numpy())
            if not np.isfinite(history[-1]).all():
                raise ValueError(
                    f"The descent diverged at step {len(history)}, at a rate of {rate}. "
                    "Remedy: smaller rates in `stages`, or a smaller `tv_weight`."
                )
            bar.update(len(history), [("error", float(np.sqrt(history[-1]).mean()))] if verbose else None)
    return tf.convert_to_tensor(x), np.stack(history)


def _checked_stages(stages):
    try:
        checked = [(float(rate), positive_int("steps", steps)) for rate, steps in stages]
    except (TypeError, ValueError):
        checked = []
    if not checked or not all(rate > 0 for rate, _ in checked):
        raise ValueError(
            "`stages` must be a list of (rate, steps), rates above 0 and steps of at least 1, such as "
            f"{list(STAGES)}. Received: {stages!r}"
        )
    return checked


def _features_of(network, layer):
    """Returns a function from images to the features at a layer."""
    if not isinstance(network, keras.Model):
        raise ValueError(f"`network` must be a `keras.Model`. Received: {network!r}")
    if layer is not None:
        if not getattr(network, "inputs", None):
            raise ValueError(
                f"Layers of a subclassed model ({type(network).__name__}) cannot be inspected. Remedy: pass one of the "
                "functional networks inside it, such as `model.encoder`, or omit `layer`."
            )
        names = [each.name for each in network.layers]
        if layer not in names and layer not in range(-len(names), len(names)):
            raise ValueError(f"`layer` must be the name or the index of one of {names}. Received: {layer!r}")
        found = network.get_layer(layer) if isinstance(layer, str) else network.layers[layer]
        network = keras.Model(network.inputs, found.output)
    if getattr(network, "inputs", None):
        inputs, outputs = network.inputs, network.outputs
        if len(inputs) > 1 or len(outputs) > 1:
            raise ValueError(f"`network` must have one input and `layer` one output. Received: {inputs} and {outputs}")
        network = keras.Model(inputs[0], outputs[0])  # independent of the structure of its inputs and outputs
    return lambda images: network(images, training=False)


def _target(network, describe, images, features):
    """Returns the shape of an image, and the target features."""
    if (images is None) == (features is None):
        raise ValueError("Exactly one of `images` and `features` must be given.")
    shape = tuple(getattr(network, "input_shape", (None,) * 4)[1:])
    if images is not None:
        images = np.asarray(images)
        checks.check_images(images, check_range=False)
        if len(shape) != 3 or any(None not in pair and pair[0] != pair[1] for pair in zip(shape, images.shape[1:])):
            raise ValueError(f"`images` must have the shape (n, *{shape}), as the network. Received: {images.shape}")
        return images.shape[1:], np.asarray(tf.cast(describe(images), tf.float32))
    if len(shape) != 3 or None in shape:
        raise ValueError(
            f"`features` need a network with a fixed image size. Received: a network of images {shape}. Remedy: build "
            "it with an `Input` of fixed size, or pass `images`."
        )
    features = np.asarray(features, "float32")
    expected = tuple(describe(np.zeros((1, *shape), "float32")).shape[1:])
    if features.shape[1:] != expected or len(features) == 0:
        raise ValueError(f"`features` must have the shape (n, *{expected}), as the layer. Received: {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("`features` must be finite. Received: NaN or infinite values")
    return shape, features


def _mask(region, shape):
    """Returns the mask of the features to match, as floats that broadcast to `shape`."""
    if region is None:
        return np.ones((1,) * len(shape), "float32")
    if isinstance(region, np.ndarray) or isinstance(region, (list, tuple)):
        mask = np.asarray(region)
        try:
            np.broadcast_to(mask, shape)
        except ValueError:
            mask = np.zeros(1)
        if mask.dtype != bool:
            raise ValueError(
                f"`region` must be an int, or a bool array that broadcasts to the features' {shape}. "
                f"Received: {np.asarray(region).dtype} of shape {np.shape(region)}"
            )
        return mask.astype("float32")
    side = positive_int("region", region)
    if len(shape) != 3 or side > min(shape[:2]):
        raise ValueError(f"`region={side}` needs feature maps of at least this size. Received: features of {shape}")
    mask = np.zeros((*shape[:2], 1), "float32")
    top, left = ((whole - side) // 2 for whole in shape[:2])
    mask[top : top + side, left : left + side] = 1
    return mask
