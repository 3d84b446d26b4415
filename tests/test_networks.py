"""Discriminators made of others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan import networks

RNG = np.random.default_rng(0)


def linear(size, channels=1, labels=0):
    """One linear map of the pixels, and of labels."""
    images = keras.Input((size, size, channels), name="images")
    x, inputs = layers.Flatten()(images), images
    if labels:
        condition = keras.Input((labels,), name="condition")
        x, inputs = layers.Concatenate()([x, condition]), [images, condition]
    return keras.Model(inputs, layers.Dense(1, name="head")(x), name="discriminator")


def kernels(network):
    return [np.asarray(v) for v in network.trainable_variables if v.path.endswith("kernel")]


def test_at_scales_shows_means_of_pixels():
    judge = networks.at_scales(linear, 8, scales=3)
    x = RNG.normal(size=(2, 8, 8, 1)).astype("float32")
    found, means = judge(x), x
    assert len(found) == len(kernels(judge)) == 3
    for logits, kernel in zip(found, kernels(judge)):
        np.testing.assert_allclose(logits, means.reshape(2, -1) @ kernel, rtol=1e-4, atol=1e-5)
        half = means.shape[1] // 2
        means = means.reshape(2, half, 2, half, 2, 1).mean(axis=(2, 4))


def test_at_scales_passes_on_what_is_no_image():
    judge = networks.at_scales(lambda size: linear(size, labels=2), 4, scales=2)
    x, y = RNG.normal(size=(3, 4, 4, 1)).astype("float32"), RNG.normal(size=(3, 2)).astype("float32")
    _, small = judge([x, y])
    means = x.reshape(3, 2, 2, 2, 2, 1).mean(axis=(2, 4)).reshape(3, -1)
    np.testing.assert_allclose(small, np.hstack([means, y]) @ kernels(judge)[1], rtol=1e-4, atol=1e-5)


def test_at_regions_shows_crops():
    judge = networks.at_regions(linear, 8, [(0, 0, 8), (1, 3, 4)])
    x = RNG.normal(size=(2, 8, 8, 1)).astype("float32")
    for logits, kernel, seen in zip(judge(x), kernels(judge), (x, x[:, 1:5, 3:7])):
        np.testing.assert_allclose(logits, seen.reshape(2, -1) @ kernel, rtol=1e-4, atol=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="`image_size` must be a multiple of .*Received: 6 and scales=3"):
        networks.at_scales(linear, 6)
    with pytest.raises(ValueError, match="must be inside 8 pixels. Received: \\(0, 5, 4\\)"):
        networks.at_regions(linear, 8, [(0, 5, 4)])
    with pytest.raises(ValueError, match="at least one region"):
        networks.at_regions(linear, 8, [])
    with pytest.raises(ValueError, match="must be a functional"):
        networks.with_features(kerasgan.callbacks)


def test_with_features_shares_weights():
    plain = linear(2)
    judge = networks.with_features(plain)
    x = RNG.normal(size=(3, 2, 2, 1)).astype("float32")
    found = judge(x)
    np.testing.assert_array_equal(found["features"], x.reshape(3, 4))
    np.testing.assert_allclose(found["logits"], plain(x))
    assert judge.trainable_variables[0] is plain.trainable_variables[0]
    np.testing.assert_array_equal(networks.with_features(plain, "head")(x)["features"], plain(x))


def test_with_features_of_several_layers():
    judge = networks.with_features(linear(2), [1, "head"])
    x = RNG.normal(size=(3, 2, 2, 1)).astype("float32")
    flat, logits = judge(x)["features"]
    np.testing.assert_array_equal(flat, x.reshape(3, 4))
    np.testing.assert_array_equal(logits, judge(x)["logits"])


def test_smaller_scales_are_those_behind_the_first_with_their_weights():
    judge = networks.at_scales(lambda size: networks.with_features(linear(size)), 8, scales=3)
    small = networks.at_smaller_scales(judge)
    x = RNG.normal(size=(2, 8, 8, 1)).astype("float32")
    half = x.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    for found, expected in zip(small(half), judge(x)[1:], strict=True):
        np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-5, atol=1e-6)
    assert {id(v) for v in small.weights} == {id(v) for v in judge.weights[2:]}
    with pytest.raises(ValueError, match="with 2 or more scales. Received: 1"):
        networks.at_smaller_scales(networks.at_scales(linear, 8, scales=1))


def constant_generator(inputs):
    images = layers.Reshape((4, 4, 1))(layers.Dense(16, kernel_initializer="zeros")(inputs[0]))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], images)


def test_feature_matching_pulls_the_samples_to_the_mean_of_the_data():
    """With the pixels as features, G minimises the distance of the mean images, whatever D says."""
    generator = constant_generator([keras.Input((2,), name="latents")])
    judge = networks.with_features(linear(4))
    model = kerasgan.GAN(image_size=4, latent_dim=2, generator=generator, discriminator=judge, seed=0)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.0), kerasgan.losses.FeatureMatching(), "r1")
    data = RNG.uniform(-1, 1, (32, 4, 4, 1)).astype("float32")
    log = model.fit(data, batch_size=32, epochs=30, verbose=0).history
    samples = model.generate(8, seed=0)
    np.testing.assert_allclose(samples.mean(axis=0), data.mean(axis=0), atol=0.02)
    # G starts at the grey image: the first loss is the square of the data's mean image.
    assert log["g_loss"][0] == pytest.approx(float((data.mean(axis=0) ** 2).sum()), rel=1e-4)
    assert log["g_loss"][-1] < 1e-3 * log["g_loss"][0]


def test_feature_matching_of_acgan():
    """The last two layers are its heads; the class enters G's loss as ever."""
    latents, labels = keras.Input((2,), name="latents"), keras.Input((), dtype="int32", name="labels")
    images = keras.Input((4, 4, 1), name="images")
    x = layers.Flatten()(images)
    heads = [layers.Dense(1)(x), layers.Dense(2, kernel_initializer="zeros")(x)]
    model = kerasgan.ACGAN(
        image_size=4,
        channels=1,
        num_classes=2,
        latent_dim=2,
        generator=constant_generator([latents, labels]),
        discriminator=networks.with_features(keras.Model(images, heads), -3),
        seed=0,
    )
    model.compile(loss=kerasgan.losses.FeatureMatching(), penalty="r1", run_eagerly=True)
    data = RNG.uniform(-1, 1, (8, 4, 4, 1)).astype("float32")
    logs = model.test_step((tf.constant(data), tf.constant([0, 1] * 4)))
    expected = (data.mean(axis=0) ** 2).sum() + np.log(2)
    assert float(logs["g_loss"]) == pytest.approx(float(expected), rel=1e-4)
    model.reset_metrics()
    assert np.isfinite(float(model.train_step((tf.constant(data), tf.constant([0, 1] * 4)))["d_loss"]))


@pytest.mark.parametrize("model", [kerasgan.GAN, kerasgan.WGAN], ids=lambda model: model.__name__)
def test_a_game_with_several_discriminators_at_once(model):
    """Each of two discriminators says 0 to everything at first: D's loss is that of one."""
    judge = networks.at_scales(linear, 4, scales=2)
    judge.set_weights([np.zeros_like(w) for w in judge.get_weights()])
    generator = constant_generator([keras.Input((2,), name="latents")])
    game = model(image_size=4, channels=1, latent_dim=2, generator=generator, discriminator=judge, seed=0)
    game.compile(d_steps=1, run_eagerly=True)
    logs = game.train_step(tf.constant(RNG.uniform(0.2, 1, (8, 4, 4, 1)).astype("float32")))
    assert float(logs["d_loss"]) == pytest.approx(0 if model is kerasgan.WGAN else 2 * np.log(2), abs=1e-6)
    assert all(np.abs(kernel).max() > 0 for kernel in kernels(judge))


def test_norms_have_the_constants_of_the_first_papers_code():
    """DCGAN's and pix2pix's programs: momentum 0.9 (their 0.1 of the new value), epsilon 1e-5; Ulyanov's 1e-5."""
    norm = networks.batch_norm()
    assert (norm.momentum, norm.epsilon, norm.synchronized) == (0.9, 1e-5, True)
    norm = networks.instance_norm()
    assert (norm.epsilon, norm.scale, norm.center) == (1e-5, False, True)
    norm = kerasgan.layers.ConditionalBatchNormalization(2)
    assert (norm.norm.momentum, norm.norm.epsilon, norm.norm.scale) == (0.9, 1e-5, False)


def test_every_norm_of_a_default_network_has_them():
    models = [
        kerasgan.DCGAN(image_size=16, width=2),
        kerasgan.SNGAN(image_size=16, width=2),
        kerasgan.WGANGP(image_size=16, width=2),
        kerasgan.ACGAN(image_size=16, width=6),
        kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16),
        kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16),
        kerasgan.GANCLS(image_size=16, text_dim=2, width=2),
    ]
    found = {}
    for layer in [layer for model in models for layer in model._flatten_layers()]:
        if isinstance(layer, (keras.layers.BatchNormalization, keras.layers.GroupNormalization)):
            found.setdefault(type(layer).__name__, set()).add((getattr(layer, "momentum", None), layer.epsilon))
        elif isinstance(layer, kerasgan.layers.InstanceNormalization):
            found.setdefault("InstanceNormalization", set()).add((None, layer.epsilon))
    assert found == {
        "BatchNormalization": {(0.9, 1e-5)},
        "ImageBatchNormalization": {(0.9, 1e-5)},
        "GroupNormalization": {(None, 1e-5)},
        "InstanceNormalization": {(None, 1e-5)},
    }


def test_batch_norm_moves_its_statistics_by_a_tenth():
    norm = networks.batch_norm()
    norm(np.full((2, 3), 5.0, "float32"), training=True)
    np.testing.assert_allclose(norm.moving_mean, np.full(3, 0.5), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, np.full(3, 0.9), rtol=1e-5)
