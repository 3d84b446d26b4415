"""WGAN and WGAN-GP: clipping, the logged estimate, the critic's norm, the papers' training."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan.layers import GroupNormalization
from kerasgan.models.wgan import critic


def images(count=40, size=16):
    return np.random.default_rng(0).uniform(-1, 1, (count, size, size, 1)).astype("float32")


def tiny(cls, **options):
    return cls(image_size=16, channels=1, latent_dim=4, width=2, seed=0, **options)


@pytest.mark.parametrize("clip", [0.01, 0.003])
def test_no_weight_of_the_critic_is_beyond_the_bound_after_any_step(clip):
    model = tiny(kerasgan.WGAN, clip=clip)
    model.compile(d_optimizer=keras.optimizers.RMSprop(0.1), d_steps=5)
    largest = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: largest.append(
            max(np.abs(w).max() for w in model.discriminator.trainable_variables)
        )
    )
    model.fit(images(), batch_size=2, epochs=1, callbacks=[callback], verbose=0)
    # At this rate a step would move a weight by far more than the bound, so some weight stands at it.
    assert largest == [np.float32(clip)] * 4
    assert max(np.abs(w).max() for w in model.generator.trainable_variables) > clip


def test_every_update_of_the_critic_is_clipped():
    model = tiny(kerasgan.WGAN)
    model.compile(run_eagerly=True, d_steps=5)
    bounds, update = [], model.update_discriminator

    def watched(*arguments):
        logs = update(*arguments)
        weights = [np.array(w) for w in model.discriminator.trainable_variables]
        bounds.append((min(w.min() for w in weights), max(w.max() for w in weights)))
        return logs

    model.update_discriminator = watched
    model.train_step(tf.constant(images(10)))
    assert bounds == [(np.float32(-0.01), np.float32(0.01))] * 5  # the first weights, of deviation 0.02, are cut
    assert int(model.d_optimizer.iterations) == 5 and int(model.g_optimizer.iterations) == 1


def pixel_critic(cls, slope, **options):
    """f(x) = slope x on images of one pixel, G(z) = 0.25; optimizers that stand still."""
    latents, pixel = keras.Input((1,), name="latents"), keras.Input((1, 1, 1), name="images")
    bias, kernel = keras.initializers.Constant(0.25), keras.initializers.Constant(slope)
    image = layers.Dense(1, kernel_initializer="zeros", bias_initializer=bias)(latents)
    scores = layers.Dense(1, kernel_initializer=kernel)(layers.Flatten()(pixel))
    model = cls(
        image_size=1,
        channels=1,
        latent_dim=1,
        generator=keras.Model(latents, layers.Reshape((1, 1, 1))(image)),
        discriminator=keras.Model(pixel, scores),
        seed=0,
        **options,
    )
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), d_steps=1, run_eagerly=True)
    return model


REAL = np.array([0.0, 0.5, 1.0, 0.9], "float32").reshape(4, 1, 1, 1)  # mean 0.6; three of four above 0.25


def test_wgan_logs_its_estimate():
    """W = 3 (0.6 - 0.25) = 1.05; the critic's loss is -W; G's, by the critic clipped to 2, is -2 * 0.25."""
    logs = pixel_critic(kerasgan.WGAN, 3.0, clip=2.0).train_step(tf.constant(REAL))
    assert float(logs["wasserstein"]) == pytest.approx(1.05, abs=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(-1.05, abs=1e-6)
    assert float(logs["g_loss"]) == pytest.approx(-0.5, abs=1e-6)
    assert float(logs["d_real"]) == 0.75 and float(logs["d_fake"]) == 0.25


def test_wgan_gp_logs_its_estimate_without_the_penalty():
    """The gradient's norm is 3 everywhere: d_loss = -1.05 + 10 (3 - 1)^2."""
    model = pixel_critic(kerasgan.WGANGP, 3.0)
    logs = model.train_step(tf.constant(REAL))
    assert float(logs["wasserstein"]) == pytest.approx(1.05, abs=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(38.95, abs=1e-4)
    assert float(logs["g_loss"]) == pytest.approx(-0.75, abs=1e-6)
    for mean in model.means.values():
        mean.reset_state()
    assert float(model.test_step(tf.constant(REAL))["wasserstein"]) == pytest.approx(1.05, abs=1e-6)


def test_the_critic_of_wgan_gp_has_layer_norm_instead_of_batch_norm():
    model = tiny(kerasgan.WGANGP)
    names = [type(layer).__name__ for layer in model.discriminator.layers]
    assert "BatchNormalization" not in names and names.count("GroupNormalization") == 1
    assert "BatchNormalization" in [type(layer).__name__ for layer in model.generator.layers]
    # Each image is scored by itself, and the norm is over all of one image.
    batch = images(6)
    together, alone = model.discriminator(batch), model.discriminator(batch[:1])
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-7)
    norm = next(layer for layer in model.discriminator.layers if type(layer) is GroupNormalization)
    x = np.random.default_rng(0).normal(2, 3, (5, *norm.input.shape[1:])).astype("float32")
    centred = x - x.mean(axis=(1, 2, 3), keepdims=True)
    expected = centred / np.sqrt(x.var(axis=(1, 2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(norm(x), expected, atol=1e-4)


def test_the_papers_training():
    model = tiny(kerasgan.WGAN)
    model.compile()
    assert model.d_steps == 5 and not model.penalty and model.clip == 0.01
    for optimizer in (model.g_optimizer, model.d_optimizer):
        assert type(optimizer) is kerasgan.optimizers.RMSprop
        assert float(optimizer.learning_rate) == pytest.approx(5e-5)
        assert (optimizer.rho, optimizer.epsilon, optimizer.momentum) == (0.99, 1e-8, 0.0)
        assert not optimizer.centered
    model = tiny(kerasgan.WGANGP)
    model.compile()
    assert model.d_steps == 5 and [(p.weight, p.target) for p in model.penalty] == [(10.0, 1.0)]
    for optimizer in (model.g_optimizer, model.d_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)


def test_a_bound_must_be_positive():
    with pytest.raises(ValueError, match="`clip`.*must be above 0. Received: 0"):
        tiny(kerasgan.WGAN, clip=0)


def test_a_critic_of_keras_s_layers_takes_the_weights_of_ours_and_warns(tmp_path):
    """Files of critics with Keras's group norm stay readable: names and weights are the same."""
    old = tiny(kerasgan.WGANGP, discriminator=critic(16, 1, 2, norm=lambda: layers.GroupNormalization(1, epsilon=1e-5)))
    new = tiny(kerasgan.WGANGP)
    paths = [[re.sub(r"_\d+/", "/", w.path) for w in model.discriminator.weights] for model in (old, new)]
    assert paths[0] == paths[1]
    old.save_weights(tmp_path / "old.weights.h5")
    new.load_weights(tmp_path / "old.weights.h5")
    np.testing.assert_allclose(old.discriminator(images(4)), new.discriminator(images(4)), rtol=1e-4, atol=1e-6)
    with pytest.warns(UserWarning, match="'group_normalization.*kerasgan.layers.GroupNormalization"):
        old.compile()
    new.compile()  # every warning is an error here
