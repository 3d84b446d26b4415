"""SNGAN: every layer of D has norm 1, by singular values, however training moves the weights."""

import keras
import numpy as np

import kerasgan
from kerasgan.layers import SpectralNormalization


def test_singular_values_stay_at_one_in_training():
    model = kerasgan.SNGAN(image_size=16, channels=1, latent_dim=4, width=4, seed=0)
    model.compile(d_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.9), d_steps=1)
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
