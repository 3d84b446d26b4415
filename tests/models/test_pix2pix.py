"""Pix2Pix: the published sizes, the patch that D sees, the objective by hand, and what the noise is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import networks, reconstruction
from kerasgan.networks import unet


def images(count, size, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def small(**options):
    options = {"image_size": 16, "channels": 1, "width": 2, "receptive_field": 16, "seed": 3} | options
    return kerasgan.Pix2Pix(**options)


def test_parameters_at_256_are_those_of_the_tutorial():
    model = kerasgan.Pix2Pix()
    assert model.generator.count_params() == 54_425_859
    assert model.discriminator.count_params() == 2_770_433
    # CD512 at 2x2, 4x4 and 8x8 pixels (appendix 6.1.1).
    assert model.latent_dim == 512 * (4 + 16 + 64)
    assert model.discriminator.output_shape == (None, 30, 30, 1)


def receptive_field(network):
    """Side of the square of input pixels that change one logit, by moving pixels: independent of any formula.

    All-positive kernels without norms: every path from a pixel in the field to the logit then counts.
    """
    size = network.input_shape[0][1] if isinstance(network.input_shape, list) else network.input_shape[1]
    x = tf.Variable(tf.zeros((1, size, size, 1)))
    with tf.GradientTape() as tape:
        y = x
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D):
                y = tf.nn.conv2d(y, tf.ones((*layer.kernel_size, 1, 1)), layer.strides, layer.padding.upper())
            elif isinstance(layer, keras.layers.ZeroPadding2D):
                y = layer(y)
        middle = y.shape[1] // 2
        logit = y[0, middle, middle, 0]
    rows = np.flatnonzero(np.asarray(tape.gradient(logit, x))[0, ..., 0].sum(axis=1))
    return rows[-1] - rows[0] + 1, y.shape[1]


@pytest.mark.parametrize("field", [1, 16, 34, 70, 142])
def test_receptive_field(field):
    network = networks.patch_discriminator(256, 1, width=1, receptive_field=field)
    assert receptive_field(network) == (field, network.output_shape[1])


def test_the_largest_field():
    assert receptive_field(networks.patch_discriminator(512, 1, width=1, receptive_field=286))[0] == 286


def test_a_field_too_large_for_the_image_is_refused():
    with pytest.raises(ValueError, match="at least 24 pixels.*image_size=16"):
        small(receptive_field=70)
    with pytest.raises(ValueError, match=r"one of \[1, 16, 34, 70, 142, 286\]. Received: 71"):
        small(receptive_field=71)


@pytest.mark.parametrize("size, noisy", [(8, 0), (16, 1), (32, 2), (64, 3), (128, 3), (256, 3)])
def test_the_unet_goes_down_to_one_pixel_at_any_size(size, noisy):
    network = networks.unet_generator(size, 3, 1, width=1)
    down = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    encoder = keras.Model(network.inputs[0], [down[-1].output])
    assert encoder.compute_output_shape((1, size, size, 1))[0][1:3] == (1, 1)
    inputs = [tf.zeros((1, size, size, 1)), tf.zeros((1, unet.noise_length(network, size)))]
    assert network(inputs if noisy else inputs[0]).shape == (1, size, size, 3)
    assert sum(isinstance(layer, unet.NoiseDropout) for layer in network.layers) == noisy


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="multiples of 8.*Received: .48, 44."):
        kerasgan.Pix2Pix(image_size=(48, 44))
    with pytest.raises(ValueError, match="must be one of.*Received: 'vae'"):
        kerasgan.Pix2Pix(generator="vae")


def test_noise_dropout_by_hand():
    x = np.arange(1, 9, dtype="float32").reshape(1, 2, 2, 2)
    noise = np.array([[9, 9, -0.9, -0.6, -0.4, 0.2, -0.51, 0.9, -1.0, 0.5]], "float32")
    # rate 1/4 of [-1, 1) ends at -1/2; the survivors are divided by 3/4.
    expected = np.array([0, 0, 3, 4, 0, 6, 0, 8], "float32").reshape(1, 2, 2, 2) / 0.75
    np.testing.assert_allclose(unet.NoiseDropout(0.25, offset=2)([x, noise]), expected, rtol=1e-6)


def test_a_batch_of_one_is_translated_as_it_is_trained():
    """Section 3.3: the generator runs at test time as in training."""
    model = small(dropout=False, image_size=16)
    x = images(1, 16, 1)
    trained = model.generator(x, training=True)
    np.testing.assert_allclose(model.translate(x), trained, atol=1e-5)
    both = model.translate(np.concatenate([x, images(1, 16, 1, seed=1)]))
    np.testing.assert_allclose(both[:1], trained, atol=1e-5)
    moving = small(dropout=False, sampling_statistics="moving")
    moving.set_weights(model.get_weights())
    assert np.abs(moving.translate(x) - trained).max() > 1e-3


def loud(network):
    """Shifts and larger weights: an untrained network's output hardly depends on anything."""
    network.set_weights([10 * w + 0.1 for w in network.get_weights()])


def test_noise_decides_the_translation_image_by_image():
    model = small()
    x = images(4, 16, 1)
    loud(model.generator)
    a = model.translate(x, seed=0)
    np.testing.assert_allclose(model.translate(x, seed=0, batch_size=3), a, atol=1e-4)
    np.testing.assert_allclose(model.translate(x[:2], seed=0), a[:2], atol=1e-4)
    assert np.abs(model.translate(x, seed=1) - a).max() > 1e-2
    assert np.abs(a[0] - model.translate(np.repeat(x[:1], 2, axis=0), seed=0)[1]).max() > 1e-2
    still = small(dropout=False)
    assert still.latent_dim == 0
    np.testing.assert_array_equal(still.translate(x, seed=0), still.translate(x, seed=1))


class Constant(keras.losses.Loss):
    """An adversarial loss whose values are known beforehand."""

    needs_real_logits = False

    def discriminator_loss(self, real_logits, fake_logits):
        return tf.reduce_mean(real_logits) * 0 + 6.0

    def generator_loss(self, fake_logits, real_logits=None):
        return tf.reduce_mean(fake_logits) * 0 + 2.0

    def probabilities(self, real_logits, fake_logits):
        return tf.constant(0.25), tf.constant(0.75)


def test_objective_by_hand():
    model = small(dropout=False)
    penalty = lambda judge, real, fake, seed: tf.reduce_mean(real - fake)  # noqa: E731
    model.compile(loss=Constant(), l1_weight=7.0, adversarial_weight=3.0, penalty=penalty)
    source, target = images(8, 16, 1), images(8, 16, 1, seed=1)
    difference = target - np.asarray(model.generator(source, training=True))
    l1 = np.abs(difference).mean()
    logs = {k: float(v) for k, v in model.train_step((tf.constant(source), tf.constant(target))).items()}
    assert logs["l1_loss"] == pytest.approx(l1, rel=1e-5)
    assert logs["g_loss"] == pytest.approx(3 * 2 + 7 * l1, rel=1e-5)
    assert logs["d_loss"] == pytest.approx(3.0 + difference.mean(), abs=1e-5)  # halved, but for the penalty
    assert (logs["d_real"], logs["d_fake"]) == (0.25, 0.75)


def test_both_kinds_are_judged_beside_their_source():
    """D(y, x) = 2 mean(y) - 3 mean(x): the losses of a linear judge by hand."""
    inputs = [keras.Input((16, 16, 1), name=name) for name in ("images", "condition")]
    means = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(x) for x in inputs])
    judge = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(means))
    judge.set_weights([np.array([[2.0], [-3.0]], "float32")])
    model = small(dropout=False, discriminator=judge)
    model.compile(d_optimizer=keras.optimizers.SGD(0.0))
    source, target, fake = (tf.constant(images(8, 16, 1, seed=seed) + 0.3 * seed) for seed in range(3))
    real_logits, fake_logits = (
        2 * np.mean(x, axis=(1, 2, 3)) - 3 * np.mean(source, axis=(1, 2, 3)) for x in (target, fake)
    )
    d_loss = np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))
    assert float(model.update_discriminator(source, target, fake)["d_loss"]) == pytest.approx(d_loss / 2, rel=1e-5)


def test_l1_gradient_has_the_weight_asked_for_on_any_number_of_devices(two_devices):
    """One step of plain descent of the last bias moves by lr * lambda * mean(sign * tanh') / channels."""

    def moved(strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = small(image_size=8, dropout=False)
            model.compile(
                g_optimizer=keras.optimizers.SGD(0.01), adversarial_weight=0.0, l1_weight=50.0, jit_compile=False
            )
        before = [np.array(w) for w in model.discriminator.get_weights()]
        y = np.asarray(model.generator(source, training=True))
        expected = -0.01 * 50 * np.mean(np.sign(y - target) * (1 - y**2))
        old = float(model.generator.trainable_variables[-1][0])
        model.fit((source, target), batch_size=8, verbose=0)
        for a, b in zip(before, model.discriminator.get_weights()):
            np.testing.assert_array_equal(a, b)  # without an adversarial term D is left alone
        return float(model.generator.trainable_variables[-1][0]) - old, expected

    source, target = images(8, 8, 1), images(8, 8, 1, seed=1)
    one, expected = moved(tf.distribute.get_strategy())
    assert one == pytest.approx(expected, rel=1e-3)
    assert moved(two_devices)[0] == pytest.approx(expected, rel=1e-3)


def test_grey_to_colour_and_the_residual_generator():
    model = small(channels=3, source_channels=1, generator="resnet")
    model.compile()
    batch = images(4, 16, 1), images(4, 16, 3)
    model.check_batch(batch)
    assert model.preview(batch, num_images=9).shape == (3, 3, 16, 16, 3)
    with pytest.raises(ValueError, match="`source` must be.*3 channels, not 1"):
        model.check_batch(batch[::-1])
    with pytest.raises(ValueError, match=r"pair \(source, target\)"):
        model.check_batch(batch[0])


def test_served_model_translates_as_translate_does(tmp_path):
    model = small()
    loud(model.generator)
    model.compile()
    x = images(2, 16, 1)
    serving = tf.saved_model.load(model.export(tmp_path)).signatures
    served = serving["serving_default"](images=tf.constant(x))["images"]
    np.testing.assert_allclose(served, model.translate(x, seed=0), atol=1e-5)
    served = serving["translate"](images=tf.constant(x), seed=tf.constant(5))["images"]
    np.testing.assert_allclose(served, model.translate(x, seed=5), atol=1e-5)


def test_running_averages_of_single_images_are_refused():
    x = images(1, 16, 1)
    small().check_batch((x, x))
    with pytest.raises(ValueError, match="sampling_statistics='image'"):
        small(sampling_statistics="moving").check_batch((x, x))


def test_weights_below_zero_are_refused():
    with pytest.raises(ValueError, match="`l1_weight` must be at least 0. Received: -1"):
        small().compile(l1_weight=-1)


def test_preview_of_four_channels_to_three():
    model = kerasgan.Pix2Pix(image_size=16, channels=3, source_channels=4, width=2, receptive_field=16)
    batch = (np.full((1, 16, 16, 4), 0.5, "float32"), np.full((1, 16, 16, 3), -0.5, "float32"))
    grid = model.preview(batch, num_images=3)
    assert grid.shape == (1, 3, 16, 16, 3) and (grid[0, 0] == 0.5).all() and (grid[0, 2] == -0.5).all()


def test_networks_whose_outputs_are_in_half_precision():
    """A convolution with an activation has the compute dtype of its policy."""
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layers = [keras.Input((16, 16, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="tanh")]
        generator = keras.Sequential(layers)
        model = kerasgan.Pix2Pix(
            image_size=16,
            channels=1,
            source_channels=1,
            width=2,
            receptive_field=16,
            generator=generator,
        )
        model.compile()
        history = model.fit(images, images, batch_size=2, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert 0.1 < history["l1_loss"][0] < 2


def test_reconstruction_terms_are_in_float32():
    row = tf.constant([[[[0.0], [1.0], [258.0]]]], "bfloat16")  # in bfloat16, 258 - 1 is 256
    images = tf.repeat(row, 2, axis=1)
    assert float(reconstruction.mean_absolute(row, tf.constant(0.125))) == np.float32((0.125 + 0.875 + 257.875) / 3)
    assert float(reconstruction.mean_square(row, tf.constant(1.0))) == pytest.approx((1 + 257**2) / 3, rel=1e-6)
    assert float(reconstruction.total_variation(images)) == (1 + 257) / 2
    assert float(reconstruction.mean_gradient(images)) == pytest.approx((1 + 257) / 2, rel=1e-6)
