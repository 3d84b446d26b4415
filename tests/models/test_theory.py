"""The theory of section 4 of Goodfellow et al. (2014), met by the library's own training on densities that are known.

Images have one pixel. G is an affine map of normal noise and stays fixed (its optimizer's rate is 0), so that p_g is a
known normal density; the discriminator is a small network trained by `fit`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan

GRID = np.linspace(-2.5, 2.5, 2001)


def normal(x, mean, deviation):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


def p_data(x):
    return 0.5 * normal(x, -0.6, 0.3) + 0.5 * normal(x, 0.7, 0.25)


def draw_data(count, seed):
    draw = np.random.default_rng(seed)
    left = draw.random(count) < 0.5
    return np.where(left, draw.normal(-0.6, 0.3, count), draw.normal(0.7, 0.25, count)).astype("float32")


def trained_model(pixels, mean, deviation, steps, batch_size=1024):
    """A GAN whose generator draws from N(mean, deviation^2) and whose discriminator has been trained on `pixels`."""
    keras.utils.set_random_seed(1)
    latents, images = keras.Input((1,), name="latents"), keras.Input((1, 1, 1), name="images")
    scale, offset = keras.initializers.Constant(deviation), keras.initializers.Constant(mean)
    x = layers.Dense(1, kernel_initializer=scale, bias_initializer=offset)(latents)
    generator = keras.Model(latents, layers.Reshape((1, 1, 1))(x))
    x = layers.Flatten()(images)
    for _ in range(2):
        x = layers.Dense(32, activation="silu")(x)
    discriminator = keras.Model(images, layers.Dense(1)(x))
    model = kerasgan.GAN(
        image_size=1, latent_dim=1, prior="normal", generator=generator, discriminator=discriminator, seed=1
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, steps)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(rate), loss="minimax", steps_per_execution=100)
    dataset = kerasgan.data.from_arrays(pixels.reshape(-1, 1, 1, 1), batch_size, seed=1)
    model.fit(dataset, epochs=1, steps_per_epoch=steps, check_inputs=False, verbose=0)
    return model


def value(model, real, seed=5):
    """V(G, D) of equation 1, over `real` and as many samples."""
    fake = model.generate(len(real), seed=seed, batch_size=len(real))
    logits = model.discriminator(real.reshape(-1, 1, 1, 1)), model.discriminator(fake)
    return -float(model.loss.discriminator_loss(*logits))


@pytest.mark.slow
def test_the_discriminator_approaches_the_optimal_one():
    """Proposition 1: D*(x) = p_data / (p_data + p_g), within 0.04 wherever p_data + p_g exceeds 2 % of its maximum.

    Equation 5: then V = -log 4 + 2 JSD(p_data, p_g), here by numerical integration, within 0.02.
    """
    model = trained_model(draw_data(400_000, seed=0), mean=0.1, deviation=0.6, steps=1500)
    data, model_density = p_data(GRID), normal(GRID, 0.1, 0.6)
    optimal = data / (data + model_density)
    found = tf.sigmoid(model.discriminator(GRID.astype("float32").reshape(-1, 1, 1, 1))).numpy()[:, 0]
    support = data + model_density > 0.02 * (data + model_density).max()
    assert 1000 < support.sum() < 2000
    assert optimal[support].min() < 0.2 and optimal[support].max() > 0.65  # far from a constant
    assert np.abs(found - optimal)[support].max() < 0.04

    integrand = data * np.log(optimal) + model_density * np.log(1 - optimal)
    best = np.trapezoid(integrand, GRID)
    assert best > -np.log(4) + 0.05
    assert value(model, draw_data(200_000, seed=9)) == pytest.approx(best, abs=0.02)


def test_the_value_of_the_game_is_minus_log_four_at_the_fixed_point():
    """Theorem 1: where p_g = p_data, D* is 1/2 everywhere and V(G, D*) = -log 4."""
    pixels = np.random.default_rng(0).normal(0.2, 0.5, 400_000).astype("float32")
    model = trained_model(pixels, mean=0.2, deviation=0.5, steps=500)
    inside = np.linspace(-0.8, 1.2, 201, dtype="float32").reshape(-1, 1, 1, 1)  # two deviations
    found = tf.sigmoid(model.discriminator(inside)).numpy()
    assert np.abs(found - 0.5).max() < 0.04
    fresh = np.random.default_rng(9).normal(0.2, 0.5, 200_000).astype("float32")
    assert value(model, fresh) == pytest.approx(-np.log(4), abs=0.005)
