import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.layers import DropReference, ReferenceBatch, VirtualBatchNormalization


def test_statistics_by_hand():
    """The reference (0, 4) has mean 2 and mean square 8. With x = 5: 2/3 2 + 1/3 5 = 3 and 2/3 8 + 1/3 25 = 41/3."""
    layer = VirtualBatchNormalization(2, epsilon=0)
    found = layer(np.array([[0.0], [4.0], [5.0]], "float32"))[:, 0]
    np.testing.assert_allclose(found, [-1, 1, 2 / np.sqrt(41 / 3 - 9)], rtol=1e-6)
    layer.gamma.assign([2.0])
    layer.beta.assign([0.5])
    np.testing.assert_allclose(layer(np.array([[0.0], [4.0], [5.0]], "float32"))[:2, 0], [-1.5, 2.5], rtol=1e-6)


def test_statistics_of_images_are_over_pixels_too():
    x = np.random.default_rng(0).normal(2, 3, (5, 4, 6, 2)).astype("float32")
    found = VirtualBatchNormalization(3)(x)
    for row in range(3, 5):
        mean, square = (0.75 * v[:3].mean((0, 1, 2)) + 0.25 * v[row].mean((0, 1)) for v in (x, x**2))
        expected = (x[row] - mean) / np.sqrt(square - mean**2 + 1e-5)
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-5)
    mean, variance = x[:3].mean((0, 1, 2)), x[:3].var((0, 1, 2))
    np.testing.assert_allclose(found[:3], (x[:3] - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)


def generator():
    x = latents = keras.Input((4,))
    x = keras.layers.Dense(16)(ReferenceBatch(8, seed=0)(x))
    x = keras.layers.ReLU()(VirtualBatchNormalization(8)(x))
    x = keras.layers.Dense(64, activation="tanh")(x)
    return keras.Model(latents, keras.layers.Reshape((8, 8, 1))(DropReference(8)(x)))


def test_no_image_depends_on_the_others_of_its_batch():
    network, latents = generator(), np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
    together = network(latents, training=True)
    np.testing.assert_allclose(together[2:3], network(latents[2:3], training=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together, network(latents, training=False), rtol=1e-5, atol=1e-6)


def test_a_gan_trains_with_it_and_its_reference_stays(tmp_path):
    model = kerasgan.GAN(image_size=8, latent_dim=4, generator=generator(), seed=0)
    model.compile()
    reference = next(v for v in model.generator.weights if v.path.endswith("reference"))
    before = np.array(reference)
    assert 0.5 < before.std() < 1.5 and before.shape == (8, 4)
    model.fit(-np.ones((8, 8, 8, 1), "float32"), batch_size=4, verbose=0)
    np.testing.assert_array_equal(reference, before)
    model.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(loaded.generate(3, seed=0), model.generate(3, seed=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [ReferenceBatch, VirtualBatchNormalization, DropReference])
def test_rows_and_prior_are_checked(layer):
    with pytest.raises(ValueError, match="`rows` must be an int of at least 1. Received: 0"):
        layer(0)
    with pytest.raises(ValueError, match="`prior` must be 'normal' or 'uniform'. Received: 'gauss'"):
        ReferenceBatch(prior="gauss")
