"""LSGAN: targets and networks."""

import keras
import pytest
import tensorflow as tf
from keras import layers

import kerasgan


def pixel_gan(loss):
    """D(x) = x on images of one pixel, G(z) = 0.25; optimizers that stand still."""
    latents, pixel = keras.Input((1,), name="latents"), keras.Input((1, 1, 1), name="images")
    bias = keras.initializers.Constant(0.25)
    image = layers.Dense(1, kernel_initializer="zeros", bias_initializer=bias)(latents)
    logits = layers.Dense(1, kernel_initializer="ones")(layers.Flatten()(pixel))
    model = kerasgan.LSGAN(
        image_size=1,
        channels=1,
        latent_dim=1,
        generator=keras.Model(latents, layers.Reshape((1, 1, 1))(image)),
        discriminator=keras.Model(pixel, logits),
        seed=0,
    )
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), loss=loss, run_eagerly=True)
    return model


@pytest.mark.parametrize(
    ("loss", "d_loss", "g_loss", "d_real", "d_fake"),
    [
        # D: ((0 - 1)^2 + (0.5 - 1)^2) / 2 / 2 + 0.25^2 / 2; G: (0.25 - 1)^2 / 2
        (None, 0.3125 + 0.03125, 0.28125, 0.25, 0.25),
        # D: the same for b = 1, then (0.25 + 1)^2 / 2; G: 0.25^2 / 2; probabilities (D + 1) / 2
        (kerasgan.losses.LeastSquares(a=-1, b=1, c=0), 0.3125 + 0.78125, 0.03125, 0.625, 0.625),
    ],
    ids=["equation 9", "equation 8"],
)
def test_both_published_codings_by_hand(loss, d_loss, g_loss, d_real, d_fake):
    logs = pixel_gan(loss).train_step(tf.reshape(tf.constant([0.0, 0.5]), (2, 1, 1, 1)))
    found = [float(logs[name]) for name in ("d_loss", "g_loss", "d_real", "d_fake")]
    assert found == pytest.approx([d_loss, g_loss, d_real, d_fake], abs=1e-6)


def test_networks_are_those_of_figure_1():
    model = kerasgan.LSGAN(width=4, latent_dim=8)
    up = [layer for layer in model.generator.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.strides[0] for layer in up] == [2, 1, 2, 1, 2, 2, 1]
    assert [layer.filters for layer in up] == [16, 16, 16, 16, 8, 4, 3]
    assert {layer.kernel_size for layer in up} == {(3, 3)}
    assert model.generator.output_shape == (None, 112, 112, 3)
    down = [layer for layer in model.discriminator.layers if isinstance(layer, layers.Conv2D)]
    assert [(layer.filters, layer.strides[0], layer.kernel_size[0]) for layer in down] == [
        (4, 2, 5),
        (8, 2, 5),
        (16, 2, 5),
        (32, 2, 5),
    ]


@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_other_sizes_build(size):
    model = kerasgan.LSGAN(image_size=size, channels=1, latent_dim=4, width=1)
    assert model.generator.output_shape == model.discriminator.input_shape == (None, size, size, 1)
