"""StackGAN's networks, which draw an image from a text in two stages."""

import math

import keras
from keras import layers, ops

from kerasgan.convolutions import Conv2D
from kerasgan.networks.parts import batch_norm, normal, pyramid
from kerasgan.networks.text import ConditioningAugmentation
from kerasgan.shapes import as_size


def convolve(x, filters, kernel_size=3, strides=1):
    x = Conv2D(filters, kernel_size, strides, "same", use_bias=False, kernel_initializer=normal())(x)
    return batch_norm()(x)


def enlarge(x, filters):
    """Nearest neighbours, a convolution of 3x3, batch norm and ReLU (section 3.5)."""
    return layers.ReLU()(convolve(layers.UpSampling2D(2)(x), filters))


def paint(x, channels):
    x = Conv2D(channels, 3, 1, "same", kernel_initializer=normal())(x)
    return layers.Activation("tanh", dtype="float32")(x)


def text_inputs(text_dim, condition_dim):
    text, noise = keras.Input((text_dim,), name="text"), keras.Input((condition_dim,), name="noise")
    return text, noise, ConditioningAugmentation(condition_dim, name="conditioning")([text, noise])


def stage1_generator(image_size, channels, latent_dim, text_dim, width, condition_dim):
    """Concatenates the sampled condition and z, and doubles the size by upsampling blocks (section 3.3).

    Returns:
        A `keras.Model`, [latents, text, noise] -> (batch, height, width, channels) in [-1, 1].
    """
    base, filters = pyramid(image_size, width)
    latents = keras.Input((latent_dim,), name="latents")
    text, noise, condition = text_inputs(text_dim, condition_dim)
    x = layers.Concatenate()([latents, condition])
    x = layers.Dense(math.prod(base) * 2 * filters[-1], use_bias=False, kernel_initializer=normal())(x)
    x = layers.Reshape((*base, 2 * filters[-1]))(layers.ReLU()(batch_norm()(x)))
    for count in reversed(filters):
        x = enlarge(x, count)
    return keras.Model([latents, text, noise], paint(x, channels), name="generator")


def stage2_refiner(stage1_size, image_size, channels, text_dim, width, condition_dim, blocks):
    """Encodes the Stage-I image, concatenates a new condition, and enlarges after residual blocks (section 3.4).

    Returns:
        A `keras.Model`, [images of Stage-I, text, noise] -> (batch, height, width, channels) in [-1, 1].
    """
    small, large = as_size(stage1_size), as_size(image_size)
    factor = large[0] // small[0]
    fits = large == tuple(side * factor for side in small) and factor >= 2 and not factor & (factor - 1)
    if small[0] % 4 or small[1] % 4 or not fits:
        raise ValueError(
            "`image_size` must be 2, 4, 8 ... times the size of Stage-I, which must be a multiple of 4. Received: "
            f"{image_size!r} after {stage1_size!r}"
        )
    images = keras.Input((*small, channels), name="images")
    text, noise, condition = text_inputs(text_dim, condition_dim)
    x = layers.ReLU()(Conv2D(width, 3, 1, "same", kernel_initializer=normal())(images))
    x = layers.ReLU()(convolve(x, 2 * width, 4, 2))
    x = layers.ReLU()(convolve(x, 4 * width, 4, 2))
    places = small[0] // 4, small[1] // 4
    replicated = layers.Reshape((*places, condition_dim))(layers.RepeatVector(math.prod(places))(condition))
    x = layers.ReLU()(convolve(layers.Concatenate()([x, replicated]), 4 * width))
    for _ in range(blocks):
        y = layers.ReLU()(convolve(x, 4 * width))
        x = layers.ReLU()(layers.Add()([x, convolve(y, 4 * width)]))
    count = 2 * width
    while x.shape[1] < large[0]:
        x = enlarge(x, count)
        count = max(1, count // 2)
    return keras.Model([images, text, noise], paint(x, channels), name="refiner")


def stage2_generator(sketcher, refiner, latent_dim, condition_dim):
    """Joins both stages. Each has its own condition of the text.

    Returns:
        A `keras.Model`, [latents, text, noise, noise of Stage-II] -> images of Stage-II in [-1, 1].
    """
    latents = keras.Input((latent_dim,), name="latents")
    text = keras.Input((refiner.inputs[1].shape[-1],), name="text")
    noise = keras.Input((sketcher.inputs[2].shape[-1],), name="noise")
    refiner_noise = keras.Input((condition_dim,), name="refiner_noise")
    images = refiner([sketcher([latents, text, noise]), text, refiner_noise])
    return keras.Model([latents, text, noise, refiner_noise], images, name="generator")


def divergence(network, text):
    """Returns the mean divergence of the trainable conditioning layers."""
    total = 0.0
    for layer in network.layers:
        if isinstance(layer, ConditioningAugmentation):
            total += ops.mean(layer.divergence(text))
        elif isinstance(layer, keras.Model) and layer.trainable_variables:
            total += divergence(layer, text)
    return total
