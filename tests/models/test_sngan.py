"""SNGAN: every layer of D has norm 1, by singular values, however training moves the weights."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.layers import SpectralNormalization


def test_singular_values_stay_at_one_in_training():
    model = kerasgan.SNGAN(image_size=16, channels=1, latent_dim=4, width=4, seed=0)
    # At a rate of 2e-3 the singular vectors turn faster than one iteration a step follows.
    model.compile(d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9), d_steps=1)
    data = np.random.default_rng(0).uniform(-1, 1, (64, 16, 16, 1)).astype("float32")
    normalized = [layer for layer in model.discriminator.layers if isinstance(layer, SpectralNormalization)]
    assert len(normalized) == 6  # two stages of two, one more, and the head: all that have weights
    assert len(model.discriminator.trainable_variables) == 2 * len(normalized)
    before = [np.array(layer.kernel) for layer in normalized]
    model.fit(data, batch_size=8, epochs=10, verbose=0)
    assert all(np.abs(np.asarray(layer.kernel) - old).max() > 0.02 for layer, old in zip(normalized, before))
    for layer in normalized:
        kernel = np.asarray(layer.effective_kernel())
        sigma = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        assert 0.95 <= sigma <= 1.05, layer.layer.name


def test_the_networks_are_those_of_table_3():
    model = kerasgan.SNGAN()
    layers = [layer.layer for layer in model.discriminator.layers if isinstance(layer, SpectralNormalization)]
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64, 64, 128, 128, 256, 256, 512]
    assert [(layer.kernel_size[0], layer.strides[0]) for layer in convolutions] == [(3, 1), (4, 2)] * 3 + [(3, 1)]
    assert model.discriminator.layers[-2].output.shape == (None, 4 * 4 * 512)
    slopes = {layer.negative_slope for layer in model.discriminator.layers if isinstance(layer, keras.layers.LeakyReLU)}
    assert slopes == {0.1}
    made = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert [layer.output.shape[1:] for layer in made] == [(8, 8, 256), (16, 16, 128), (32, 32, 64)]
    assert model.generator.layers[1].units == 4 * 4 * 512 and model.latent_dim == 128


def test_the_training_is_setting_d_of_table_1():
    model = kerasgan.SNGAN(image_size=16, channels=1, latent_dim=4, width=2)
    model.compile()
    assert model.d_steps == 5 and type(model.loss).__name__ == "Hinge"
    for optimizer in (model.g_optimizer, model.d_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(1e-3)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.9)
