"""Standing statistics: batch normalisations that draw images by the moments of many batches."""

import keras
import numpy as np
import pytest

import kerasgan


def linear(ema_decay=0.0, **norm):
    """A GAN whose G is z -> norm(2 z + 1), as an image of two pixels."""
    x = latents = keras.Input((2,), name="latents")
    x = keras.layers.Dense(2, name="dense")(x)
    x = kerasgan.layers.BatchNormalization(epsilon=1e-3, name="norm", **norm)(x)
    generator = keras.Model(latents, keras.layers.Reshape((1, 2, 1))(x))
    generator.get_layer("dense").set_weights([2 * np.eye(2), np.ones(2)])
    x = images = keras.Input((1, 2, 1))
    discriminator = keras.Model(images, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    networks = {"generator": generator, "discriminator": discriminator}
    model = kerasgan.GAN((1, 2), latent_dim=2, prior="normal", **networks)
    model.compile(ema_decay=ema_decay)
    return model


def moments(model, passes, batch_size, seed):
    z = 2 * model.sample_latents(passes * batch_size, seed).reshape(passes, batch_size, 2) + 1
    return z.mean(axis=1).mean(axis=0), z.var(axis=1).mean(axis=0)


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_statistics_are_means_over_the_batches_by_hand(ema_decay):
    model = linear(ema_decay)
    sampler = model.sampler()
    before = [np.array(w) for w in model.weights]
    flags = [w.trainable for w in model.weights]
    model.standing_statistics(passes=5, batch_size=8, seed=3)
    norm = sampler.get_layer("norm")
    mean, variance = moments(model, 5, 8, 3)
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)
    z = model.sample_latents(4, seed=9)
    expected = (2 * z + 1 - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(model.generate(4, seed=9)[:, 0, :, 0], expected, atol=1e-5)
    # Nothing else is another one: no weight, and nothing of how the layers train.
    statistics = {id(norm.moving_mean), id(norm.moving_variance)}
    for old, weight in zip(before, model.weights, strict=True):
        assert np.array_equal(old, weight) != (id(weight) in statistics), weight.path
    assert flags == [w.trainable for w in model.weights]
    assert norm.momentum == 0.99 and norm.trainable == (not ema_decay)


def test_many_batches_give_the_moments_of_the_distribution():
    """Of 2 z + 1: mean 1, variance 4, less a hundredth in batches of 100; 10,000 draws are within 4 standard errors."""
    model = linear()
    model.standing_statistics(batch_size=100, seed=0)
    norm = model.generator.get_layer("norm")
    np.testing.assert_allclose(norm.moving_mean, 1, atol=0.08)
    np.testing.assert_allclose(norm.moving_variance, 4 * 0.99, atol=0.23)
    model.standing_statistics(batch_size=100, seed=0, truncation=0.5)
    assert np.max(norm.moving_variance) < 0.5


def test_spectral_norms_and_labels_are_those_of_drawing():
    """With a batch in whose statistics images are normalised anyway, training mode and drawing then agree."""
    model = kerasgan.SAGAN(image_size=16, channels=1, latent_dim=4, num_classes=3, width=2, seed=0)
    model.compile(ema_decay=0.5)
    before = {w.path: np.array(w) for w in model.ema_generator.weights}
    model.standing_statistics(passes=1, batch_size=16, seed=5)
    inputs = model.sampling_inputs(16, seed=5)
    assert sorted(set(inputs[1])) == [0, 1, 2]
    changed = {w.path for w in model.ema_generator.weights if not np.array_equal(before[w.path], w)}
    assert changed and all("moving" in path for path in changed)
    drawn = model.generate(16, seed=5)
    in_training = np.asarray(model.generator(inputs, training=True))
    np.testing.assert_allclose(drawn, in_training, atol=1e-4)


def test_frozen_norms_keep_their_statistics():
    stage1 = kerasgan.StackGANStage1(image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, condition_dim=3)
    model = kerasgan.StackGANStage2(stage1, image_size=32, width=6, condition_dim=3, blocks=1, seed=0)
    model.compile(ema_decay=0.5)
    frozen = [w for w in stage1.generator.weights if "moving" in w.path]
    before = [np.array(w) for w in frozen]
    own = [w for w in model.ema_generator.weights if "moving" in w.path]
    start = [np.array(w) for w in own]
    model.standing_statistics(np.eye(5, dtype="float32"), passes=2, batch_size=4, seed=0)
    assert len(frozen) > 0 and all(np.array_equal(old, w) for old, w in zip(before, frozen))
    same = [np.array_equal(old, w) for old, w in zip(start, own)]
    assert same.count(True) == len(frozen) and False in same


def test_statistics_are_saved_and_move_on(tmp_path):
    model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=3, seed=0)
    model.compile()
    model.standing_statistics(passes=3, batch_size=8, seed=0)
    drawn = model.generate(2, seed=1)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras").generate(2, seed=1), drawn)
    model.fit(-np.ones((8, 16, 16, 1), "float32"), batch_size=8, verbose=0)
    assert not np.array_equal(model.generate(2, seed=1), drawn)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="not frozen. Received: that of R3GAN, which has none"):
        kerasgan.R3GAN(image_size=16, channels=1, width=4, blocks=1, group_width=4).standing_statistics()
    with pytest.raises(ValueError, match="must be ints of at least 1. Received: 0, 64"):
        linear().standing_statistics(passes=0)


def test_on_two_devices(two_devices):
    keras.utils.set_random_seed(0)
    with two_devices.scope():
        model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=3, seed=0)
        model.compile(ema_decay=0.5)
    keras.utils.set_random_seed(0)
    alone = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=3, seed=0)
    alone.compile(ema_decay=0.5)
    for each in (model, alone):
        each.standing_statistics(passes=2, batch_size=8, seed=0)
    np.testing.assert_allclose(model.generate(2, seed=1), alone.generate(2, seed=1), atol=1e-5)
