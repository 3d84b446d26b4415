"""Latents of models of styles, and directions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import latent
from kerasgan.latent import styles
from kerasgan.layers import Noise


@pytest.fixture(scope="module")
def model():
    return kerasgan.StyleGAN2(16, 1, latent_dim=4, style_dim=4, channel_max=6)


def affine_of(model, name):
    return model.generator.get_layer("synthesis").get_layer(name).affine.kernel


def test_directions_are_the_axes_of_a_diagonal_map_by_hand():
    gan = kerasgan.GAN(image_size=4, channels=1, latent_dim=3, seed=0)
    dense = next(layer for layer in gan.generator._flatten_layers() if isinstance(layer, keras.layers.Dense))
    kernel = np.zeros(dense.kernel.shape, "float32")
    kernel[[0, 1, 2], [0, 1, 2]] = [2.0, -5.0, 3.0]
    dense.kernel.assign(kernel)
    np.testing.assert_allclose(latent.directions(gan, 3), np.eye(3)[[1, 2, 0]], atol=1e-6)
    # Mixed: the longest answer of a unit vector is the largest singular value.
    kernel = np.random.default_rng(0).normal(size=kernel.shape).astype("float32")
    dense.kernel.assign(kernel)
    first = latent.directions(gan, 1)[0]
    assert np.linalg.norm(first @ kernel) == pytest.approx(np.linalg.svd(kernel, compute_uv=False)[0], rel=1e-5)
    assert np.abs(first).max() == first.max()


@pytest.mark.parametrize(
    "make",
    [
        lambda: kerasgan.DCGAN(image_size=16, width=2, latent_dim=4),
        lambda: kerasgan.SNGAN(image_size=16, width=2, latent_dim=4),
        lambda: kerasgan.ConditionalGAN(image_size=8, num_classes=3, latent_dim=4),
        lambda: kerasgan.ProjectedGAN(image_size=16, width=2, latent_dim=4, features=_eye()),
    ],
    ids=["DCGAN", "SNGAN", "ConditionalGAN", "ProjectedGAN"],
)
def test_directions_of_a_model_move_its_images_most(make):
    gan = make()
    found = latent.directions(gan, 4)
    np.testing.assert_allclose(found @ found.T, np.eye(4), atol=1e-5)


def _eye():
    inputs = keras.Input((None, None, 3))
    large = keras.layers.Conv2D(3, 3, 2, "same")(inputs)
    return keras.Model(inputs, [large, keras.layers.Conv2D(3, 3, 2, "same")(large)])


def test_directions_of_styles_are_those_of_the_chosen_layers_by_hand(model):
    names = ["convolution_4", "to_image_4", "double_8", "convolution_8"]  # of the layers 0, 1, 1 and 2
    kept = {}
    for layer in model.generator.get_layer("synthesis").layers:
        if hasattr(layer, "affine"):
            kept[layer.name] = np.array(layer.affine.kernel)
            layer.affine.kernel.assign(np.zeros_like(kept[layer.name]))
    for name, axis, size in zip(names, (0, 1, 2, 3), (1.0, 2.0, 3.0, 4.0)):
        kernel = np.zeros(affine_of(model, name).shape, "float32")
        kernel[axis, 0] = size
        affine_of(model, name).assign(kernel)
    np.testing.assert_allclose(latent.directions(model, 4), np.eye(4)[[3, 2, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(latent.directions(model, 1, layers=[0]), np.eye(4)[:1], atol=1e-6)
    np.testing.assert_allclose(latent.directions(model, 2, layers=[0, 1]), np.eye(4)[[2, 1]], atol=1e-6)
    for name, kernel in kept.items():
        affine_of(model, name).assign(kernel)


def test_directions_refuse(model):
    with pytest.raises(ValueError, match="`count` must be from 1 to 4. Received: 5"):
        latent.directions(model, 5)
    with pytest.raises(ValueError, match="`layers` must be among 0 to 5"):
        latent.directions(model, 2, layers=[6])
    gan = kerasgan.GAN(image_size=4, latent_dim=4)
    with pytest.raises(ValueError, match="`layers` is for style-based models"):
        latent.directions(gan, 2, layers=[0])
    with pytest.raises(ValueError, match="draw images from latents"):
        latent.directions(kerasgan.CycleGAN(image_size=8, channels=1, width=2, blocks=1, receptive_field=1))


def test_a_mixing_grid_takes_the_chosen_layers_from_the_sources(model):
    w = model.map(model.sample_latents(5, seed=0))
    grid = latent.mixing_grid(model, w[:2], w[2:], layers=[0, 2])
    assert grid.shape == (4, 3, 16, 16, 1)
    np.testing.assert_array_equal(grid[0, 0], np.full((16, 16, 1), -1))
    np.testing.assert_allclose(grid[0, 1:], model.synthesize(w[:2]), atol=1e-6)
    np.testing.assert_allclose(grid[1:, 0], model.synthesize(w[2:]), atol=1e-6)
    mixed = np.repeat(w[3][None, None], model.num_layers, axis=1)
    mixed[0, [0, 2]] = w[1]
    np.testing.assert_allclose(grid[2, 2], model.synthesize(mixed)[0], atol=1e-6)
    with pytest.raises(ValueError, match="`layers` must be among 0 to 5"):
        latent.mixing_grid(model, w, w, [6])
    with pytest.raises(ValueError, match="must be style-based"):
        latent.mixing_grid(kerasgan.GAN(image_size=4), w, w, [0])


def test_the_noise_regulariser_by_hand():
    small = np.float32([[1, -1], [2, 0]])[..., None]
    # Products with the neighbour below, around the border: 2, 0, 2, 0; with the one to the right: -1, -1, 0, 0.
    assert float(styles.noise_correlation(small)) == pytest.approx(1.0**2 + 0.5**2, rel=1e-6)
    # A constant picture of 16 pixels counts at 16 and, twice as large, at 8 pixels: 2 (1 + 4^2).
    assert float(styles.noise_correlation(np.ones((16, 16, 1), "float32"))) == pytest.approx(34, rel=1e-6)
    white = np.random.default_rng(0).normal(size=(128, 128, 1)).astype("float32")
    assert float(styles.noise_correlation(white)) < 0.05


def test_rates_and_exploration_are_those_of_the_appendix():
    rates, exploration = styles._rates(1000, 0.1), styles._exploration(1000, 1.0)
    assert rates[24] == pytest.approx(0.05, rel=1e-5) and rates[49] == pytest.approx(0.1, rel=1e-5)
    assert rates[500] == pytest.approx(0.1) and rates[874] == pytest.approx(0.05, rel=1e-4)
    assert rates[-1] == pytest.approx(0, abs=1e-6)
    assert exploration[0] == 1 and exploration[375] == pytest.approx(0.25) and not exploration[750:].any()


def test_projection_to_styles_finds_an_image_and_leaves_the_model_as_it_was(model):
    before = [np.array(weight) for weight in model.weights]
    images = model.generate(1, seed=3)  # strengths of noise are 0
    found = latent.project_to_styles(model, images, steps=150, seed=1)
    w = model.map(model.sample_latents(1000, seed=1)).mean(axis=0)
    start = np.square(model.synthesize(w[None]) - images).mean()
    assert found.latents.shape == (1, 4) and found.images.shape == images.shape
    assert found.errors[0] == pytest.approx(np.square(found.images - images).mean(), rel=1e-4)
    assert found.errors[0] < 0.2 * start
    np.testing.assert_allclose(model.synthesize(found.latents), found.images, atol=1e-6)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="The size is"):
        latent.project_to_styles(model, images[:, :8], steps=1)


@pytest.mark.slow
def test_the_noise_takes_in_less_of_an_image_where_it_is_regularised(model):
    strengths = [x.strength for x in model.generator.get_layer("synthesis")._flatten_layers() if isinstance(x, Noise)]
    for strength in strengths:
        strength.assign(0.3)
    images = np.tile(np.float32([-0.5, 0.5])[None, None, :, None], (1, 16, 8, 1))  # stripes, which no w draws
    errors = [latent.project_to_styles(model, images, steps=60, noise_weight=x).errors[0] for x in (0.0, 1e5)]
    for strength in strengths:
        strength.assign(0.0)
    assert errors[0] < 0.5 * errors[1]


def test_path_length_in_w_is_that_of_straight_lines_by_hand():
    """With w = 3 z and an identity for a network, a step of epsilon is 3 epsilon |z2 - z1|."""
    squares = lambda a, b: tf.reduce_sum((a - b) ** 2, axis=-1)  # noqa: E731
    value = kerasgan.metrics.perceptual_path_length(
        lambda w: w, 64, squares, num_samples=400, epsilon=1e-2, trim=0.0, mapping=lambda z: 3 * z
    )
    assert value == pytest.approx(9 * 2 * 64, rel=0.03)  # |z2 - z1|^2 is 2 * 64 on average


def test_directions_of_a_generator_that_splits_its_latents():
    """BigGAN gives each block a part of z, and only the first part enters the first layer."""
    gan = kerasgan.BigGAN(image_size=16, num_classes=2, latent_dim=6, width=2)
    found = latent.directions(gan, 1)
    assert found.shape == (1, 6) and np.isclose(np.linalg.norm(found), 1)
    moved = np.flatnonzero(found[0])
    assert 0 < len(moved) < 6 and moved[0] == 0
    latent.decode(gan, np.zeros((1, 6), "float32") + found, 0)
    with pytest.raises(ValueError, match=f"`count` must be from 1 to {len(moved)}. Received: 6"):
        latent.directions(gan, 6)
