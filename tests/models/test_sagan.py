"""SAGAN: where attention stands, which layers are normalised, and the projection of the class."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.layers import ConditionalBatchNormalization, SelfAttention, SpectralNormalization
from kerasgan.models.sagan import _stages


def small(**options):
    return kerasgan.SAGAN(image_size=16, channels=1, latent_dim=4, num_classes=3, width=2, seed=0, **options)


@pytest.mark.parametrize("image_size, attends", [(128, 32), (64, 32), (32, 16), (28, 14), (16, 8)])
def test_attention_stands_at_32_pixels_or_the_largest_map_below(image_size, attends):
    assert _stages(image_size, 64, None)[2] == attends


def test_wrong_attention_size_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        small(attention_size=16)


def test_channels_double_up_to_sixteen_times():
    assert _stages(128, 64, None)[1] == [64, 128, 256, 512, 1024]
    assert _stages(256, 64, None)[1] == [64, 128, 256, 512, 1024, 1024]


def test_blocks_rectify_before_each_convolution_but_that_of_the_image():
    """Nothing else makes an image of -1 and one of -0.5 differ: a rectified image would be 0 for both."""
    model = small()
    rectified = [layer.input.shape[1:] for layer in model.discriminator.layers if isinstance(layer, keras.layers.ReLU)]
    # One in the first block, two in the second and in the last one, and one before the sum.
    assert rectified == [(16, 16, 2), (8, 8, 2), (8, 8, 4), (4, 4, 4), (4, 4, 4), (4, 4, 4)]
    assert sum(isinstance(layer, keras.layers.ReLU) for layer in model.generator.layers) == 2 * 2 + 1


def test_both_networks_attend_once_and_are_normalised():
    model = small()
    for network in (model.generator, model.discriminator):
        attention = [layer for layer in network.layers if isinstance(layer, SelfAttention)]
        assert len(attention) == 1 and float(attention[0].gamma) == 0
        assert attention[0].output.shape[1:3] == (8, 8)
        plain = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Embedding)
        assert not any(isinstance(layer, plain) for layer in network.layers)
        assert sum(isinstance(layer, SpectralNormalization) for layer in network.layers) >= 8


def test_two_timescales_and_hinge():
    model = small()
    model.compile()
    assert [float(o.learning_rate) for o in (model.g_optimizer, model.d_optimizer)] == pytest.approx([1e-4, 4e-4])
    assert (model.g_optimizer.beta_1, model.g_optimizer.beta_2) == (0.0, 0.9)
    assert isinstance(model.loss, kerasgan.losses.Hinge)


def test_logits_are_a_common_part_and_the_projection_of_the_class():
    model = small()
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype("float32")
    head = next(
        layer for layer in model.discriminator.layers if getattr(layer, "layer", None).__class__ is keras.layers.Dense
    )
    table = next(
        layer
        for layer in model.discriminator.layers
        if getattr(layer, "layer", None).__class__ is keras.layers.Embedding
    )
    phi = np.asarray(keras.Model(model.discriminator.inputs, head.input)([images, np.zeros(3, "int32")]))
    for label in range(3):
        logits = model.discriminator([images, np.full(3, label, "int32")])
        expected = np.asarray(head(phi))[:, 0] + phi @ np.asarray(table.effective_kernel())[label]
        np.testing.assert_allclose(np.ravel(logits), expected, rtol=1e-4, atol=1e-5)


def test_features_are_summed_over_positions():
    """Not their mean: of equal maps a larger one weighs more in the logit (Miyato & Koyama 2018's code)."""
    model = small()
    head = next(x for x in model.discriminator.layers if getattr(x, "layer", None).__class__ is keras.layers.Dense)
    rectified = [x for x in model.discriminator.layers if isinstance(x, keras.layers.ReLU)][-1]
    views = keras.Model(model.discriminator.inputs, [rectified.output, head.input])
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype("float32")
    maps, features = views([images, np.zeros(3, "int32")])
    assert maps.shape[1:3] == (4, 4) and np.abs(features).max() > 1e-3
    np.testing.assert_allclose(features, np.asarray(maps).sum(axis=(1, 2)), rtol=1e-5)


def test_the_generator_looks_at_its_label():
    """By conditional batch norm alone: with scales and shifts of a class as they start, classes look the same."""
    model = small()
    latents = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    labels = np.array([1, 1], "int32")

    def drawn(label):
        return np.asarray(model.generator([latents, np.full(2, label, "int32")]))

    np.testing.assert_array_equal(drawn(0), drawn(1))
    norms = [x for x in model.generator.layers if isinstance(x, ConditionalBatchNormalization)]
    assert len(norms) == 4  # two in each of two blocks
    for norm in norms:
        before = drawn(1), drawn(0)
        gamma = np.asarray(norm.gamma).copy()
        gamma[labels[0]] *= 3
        norm.gamma.assign(gamma)
        assert np.abs(drawn(1) - before[0]).max() > 1e-5
        np.testing.assert_array_equal(drawn(0), before[1])


def test_preview_of_many_classes_is_a_square_from_first_to_last():
    model = kerasgan.SAGAN(image_size=16, num_classes=100, latent_dim=4, width=4)
    batch = np.zeros((20, 16, 16, 3), "float32"), np.zeros(20, "int32")
    grid = model.preview(batch, num_images=16, seed=3)
    assert grid.shape == (4, 4, 16, 16, 3)
    for row, label in enumerate((0, 33, 66, 99)):
        np.testing.assert_allclose(grid[row], model.generate(4, labels=np.full(4, label), seed=3), atol=1e-6)
