"""What the experiments on images of 28x28 pixels share: the data, networks of DCGAN's shape, training and scores."""

import base64
import contextlib
import functools
import io

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import kerasgan
from kerasgan import plots, zoo
from kerasgan.callbacks import CollapseMonitor
from kerasgan.convolutions import Conv2D, Conv2DTranspose
from kerasgan.data import from_arrays, load
from kerasgan.layers import GroupNormalization, LeakyReLU, Pack, SpectralNormalization
from kerasgan.metrics import (
    extract_features,
    frechet_distance_from_features,
    get_classifier,
    get_extractor,
    recognizability,
)
from kerasgan.networks import batch_norm
from kerasgan.optimizers import Adam

SIZE = 28
NORMS = {
    "none": keras.layers.Identity,
    "batch": batch_norm,
    "layer": lambda: GroupNormalization(groups=1, epsilon=1e-5),  # that of WGAN-GP's critic
    "spectral": keras.layers.Identity,  # of the kernels themselves
}
COMPILED = {}
he_normal = keras.initializers.HeNormal  # learns sooner than DCGAN's N(0, 0.02), and steps are few here


@functools.cache
def images_of(data, split="train"):
    """Returns the images of "mnist" or "fashion_mnist" in their fixed order: float32 (n, 28, 28, 1) in [-1, 1]."""
    return np.concatenate(list(load(data, split, batch_size=1000, shuffle=False).as_numpy_iterator()))


def batches(data, batch_size, seed, count=None):
    """Returns a dataset of the first `count` training images (default: all), in an order that `seed` draws."""
    pixels = np.rint((images_of(data)[:count] + 1) * 127.5).astype("uint8")  # a quarter of the memory
    return from_arrays(pixels, batch_size, seed=seed).map(lambda batch: tf.cast(batch, tf.float32) / 127.5 - 1)


def generator(latent_dim, width, channels=1, norm="batch", start=he_normal):
    """Returns G of DCGAN's shape: 7x7 of 2 `width` channels, doubled twice by 4x4 transposed convolutions."""
    x = latents = keras.Input((latent_dim,))
    x = keras.layers.Dense(7 * 7 * 2 * width, kernel_initializer=start())(x)
    x = keras.layers.ReLU()(NORMS[norm]()(keras.layers.Reshape((7, 7, 2 * width))(x)))
    x = Conv2DTranspose(width, 4, 2, "same", kernel_initializer=start())(x)
    x = keras.layers.ReLU()(NORMS[norm]()(x))
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=start())(x)
    return keras.Model(latents, keras.layers.Activation("tanh", dtype="float32")(x))


def discriminator(width, channels=1, norm="batch", pack=1, start=he_normal):
    """Returns D of DCGAN's shape: two 4x4 convolutions of stride 2; with `pack` above 1 it judges so many at once."""
    spectral = SpectralNormalization if norm == "spectral" else lambda layer, **_: layer
    x = images = keras.Input((SIZE, SIZE, channels))
    x = Pack(pack)(x) if pack > 1 else x
    for level, count in enumerate((width, 2 * width)):
        x = spectral(Conv2D(count, 4, 2, "same", kernel_initializer=start()))(x)
        x = LeakyReLU(0.2)(NORMS[norm]()(x) if level else x)  # no norm next to the images
    head = keras.layers.Dense(1, kernel_initializer=start(), dtype="float32")
    return keras.Model(images, spectral(head, dtype="float32")(keras.layers.Flatten()(x)))


def model(settings, seed, norm="none", cls=kerasgan.DCGAN, **options):
    """Returns a compiled model of grey images whose weights `seed` draws.

    Args:
        settings: dict with "latent_dim", "width", "learning_rate" and "ema_decay".
        seed: int.
        norm: D's normalisation, a key of `NORMS`.
        cls: the class of the model.
        options: arguments of `compile`, in addition to Adam at the learning rate and the average of weights.
    """
    keras.utils.set_random_seed(seed)
    latent_dim, width = settings["latent_dim"], settings["width"]
    made = cls(
        image_size=SIZE,
        channels=1,
        latent_dim=latent_dim,
        prior="normal",
        generator=generator(latent_dim, width),
        discriminator=discriminator(width, norm=norm),
        seed=seed,
    )
    optimizers = {name: Adam(settings["learning_rate"], beta_1=0.5) for name in ("g_optimizer", "d_optimizer")}
    made.compile(**(optimizers | {"ema_decay": settings["ema_decay"], "jit_compile": False} | options))
    return made


@contextlib.contextmanager
def half_precision():
    """Models that are built inside compute in `mixed_bfloat16`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def started(build, *arguments, seed):
    """Returns `build(*arguments, seed)`, untrained and in half precision; its graph is made once for all seeds."""
    with half_precision():
        fresh = build(*arguments, seed)
    model = COMPILED.setdefault((build, *arguments), fresh)
    states = [(each, each.g_optimizer, each.d_optimizer) for each in (model, fresh)]
    for mine, new in zip(*states):
        for variable, value in zip(mine.variables, new.variables, strict=True):
            variable.assign(value)
    return model


def collapse_monitor(data, seed):
    """Returns a `CollapseMonitor` of 256 images, with the data set's classifier: its numbers, but no alarm."""
    return CollapseMonitor(batches(data, 256, seed), classifier=zoo.classifier(data), patience=1_000)


def samples(model, count, seed):
    """Returns images of the same latents by the last weights of G and by the averaged ones."""
    latents = model.sample_latents(count, seed=seed)
    return [network(latents).numpy() for network in (model.generator, model.sampler())]


@functools.cache
def _judges(data):
    return get_extractor(data), get_classifier(data)


@functools.cache
def _real(data):
    return [extract_features(images_of(data, "test"), judge, 500) for judge in _judges(data)]


def scores(images, data):
    """Compares generated images with the test images of a data set, by its classifier.

    Returns:
        {"distance": Fréchet distance of the 128 features, "recognised": share of images as sure as 95 % of the real
        ones, "least": smallest share of a class}.
    """
    features, probabilities = (extract_features(images, judge, 500) for judge in _judges(data))
    real_features, real_probabilities = _real(data)
    found = recognizability(real_probabilities, probabilities)
    distance = frechet_distance_from_features(real_features, features)
    return {"distance": distance, "recognised": found.share, "least": float(found.class_shares.min())}


def as_png(images, columns=None, colors=None):
    """Returns a grid of images (default: one row) as the text of a PNG, which JSON can hold.

    Photos in only `colors` colours need a third of the space.
    """
    buffer = io.BytesIO()
    grid = Image.fromarray(plots.image_grid(images, columns=columns or len(images)).squeeze())
    (grid.quantize(colors) if colors else grid).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def as_pixels(text):
    """Returns the pixels, uint8, of a PNG that `as_png` made."""
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    return np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)


def draw_row(axes, found, title):
    """Draws the images that a run keeps as "samples" (`as_png`); without a run, the title alone."""
    if "samples" in found:
        axes.imshow(as_pixels(found["samples"]), cmap="gray", interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.axis("off")
