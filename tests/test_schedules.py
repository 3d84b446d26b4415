"""Schedules against plain Python."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan.schedules import Cosine, LinearDecay, LossThreshold, R3GANSchedule

A, B, AT_MOST, RATE, MOMENTUM = 1.26, 0.65, 3, 0.25, 0.5


def one_pixel_gan():
    """G(z) = g, whatever z is, and D(x) = w x + b."""
    latents, pixel = keras.Input((1,), name="latents"), keras.Input((1, 1, 1), name="images")
    image = layers.Dense(1, bias_initializer=keras.initializers.Constant(-0.5))(layers.Rescaling(0.0)(latents))
    logits = layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.1))(layers.Flatten()(pixel))
    networks = {"generator": keras.Model(latents, layers.Reshape((1, 1, 1))(image))}
    networks |= {"discriminator": keras.Model(pixel, logits)}
    return kerasgan.GAN(image_size=1, latent_dim=1, seed=0, **networks)


def pixels():
    return np.random.default_rng(0).normal(0.6, 0.3, (12 * 14, 1, 1, 1)).astype("float32")


def simulation(batches):
    """While loss_D > A: train D; while loss_G > B: train G; in NumPy, by gradients worked out by hand."""
    softplus, sigmoid = lambda t: np.log1p(np.exp(t)), lambda t: 1 / (1 + np.exp(-t))
    w, b, g = 0.1, 0.0, -0.5
    speed = {"w": 0.0, "b": 0.0, "g": 0.0}
    counts = []
    for batch in batches:
        parts = [batch[i::AT_MOST].astype("float64") for i in range(AT_MOST)]
        d_updates = g_updates = 0
        while d_updates < AT_MOST:
            x = parts[d_updates]
            if not softplus(-(w * x + b)).mean() + softplus(w * g + b) > A:
                break
            for_real, for_fake = -sigmoid(-(w * x + b)), sigmoid(w * g + b)
            speed["w"] = MOMENTUM * speed["w"] - RATE * ((for_real * x).mean() + for_fake * g)
            speed["b"] = MOMENTUM * speed["b"] - RATE * (for_real.mean() + for_fake)
            w, b = w + speed["w"], b + speed["b"]
            d_updates += 1
        while g_updates < AT_MOST and softplus(-(w * g + b)) > B:
            speed["g"] = MOMENTUM * speed["g"] + RATE * sigmoid(-(w * g + b)) * w
            g += speed["g"]
            g_updates += 1
        counts.append((d_updates, g_updates))
    return counts, (w, b, g)


SLOW = [pytest.param(mode, marks=pytest.mark.slow) for mode in ("eager", "jit")]


@pytest.mark.parametrize("mode", ["graph", "two devices", *SLOW])
def test_updates_are_those_of_the_simulation(mode, two_devices):
    data = pixels()
    counts, (w, b, g) = simulation(data.reshape(14, 12))
    # Both players train any number of times, from not at all to the most they may.
    assert {d for d, _ in counts} == {n for _, n in counts} == {0, 1, 2, 3}

    with (two_devices if mode == "two devices" else tf.distribute.get_strategy()).scope():
        model = one_pixel_gan()
        model.compile(
            keras.optimizers.SGD(RATE, momentum=MOMENTUM),
            keras.optimizers.SGD(RATE, momentum=MOMENTUM),
            d_steps=LossThreshold(A, B, at_most=AT_MOST),
            run_eagerly=mode == "eager",
            jit_compile=mode == "jit",
        )
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(12 // AT_MOST, drop_remainder=True)
    log = model.fit(dataset, epochs=14, steps_per_epoch=1, check_inputs=False, verbose=0).history
    assert list(zip(log["d_updates"], log["g_updates"])) == counts
    assert int(tf.convert_to_tensor(model.d_optimizer.iterations)) == sum(d for d, _ in counts)
    assert int(tf.convert_to_tensor(model.g_optimizer.iterations)) == sum(n for _, n in counts)
    found = [
        float(np.ravel(tf.convert_to_tensor(v))[0]) for v in (*model.discriminator.weights, model.generator.weights[1])
    ]
    assert found == pytest.approx([w, b, g], abs=1e-4)
    assert int(tf.convert_to_tensor(model.step)) == 14


def tiny_gan(**options):
    """With batch norm in both networks and dropout: with statistics and random states that an update moves."""
    latents, inputs = keras.Input((2,), name="latents"), keras.Input((4, 4, 1), name="images")
    x = layers.Dense(16, activation="tanh")(layers.BatchNormalization()(latents))
    generator = keras.Model(latents, layers.Reshape((4, 4, 1))(x))
    x = kerasgan.layers.Dropout(0.2)(layers.BatchNormalization()(layers.Flatten()(inputs)))
    discriminator = keras.Model(inputs, layers.Dense(1)(x))
    model = kerasgan.GAN(image_size=4, latent_dim=2, generator=generator, discriminator=discriminator, seed=0)
    model.compile(**options)
    return model


def state(model):
    kept = [*model.discriminator.variables, *model.generator.variables, *model.augment[0].variables]
    kept.append(model.seed_generator.state)
    kept += model.d_optimizer.variables + model.g_optimizer.variables
    return [np.asarray(v) for v in kept]


def images(count=8):
    return np.random.default_rng(0).uniform(-1, 1, (count, 4, 4, 1)).astype("float32")


def test_what_is_not_trained_keeps_no_trace():
    """Weights, moments, batch statistics and the random state stay, where every loss is low enough."""
    model = tiny_gan(d_steps=LossThreshold(1e9, 1e9, at_most=2), augment="instance_noise")
    before = state(model)
    log = model.fit(images(), batch_size=8, verbose=0).history
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert log["d_updates"] == log["g_updates"] == [0]
    assert 0 < log["d_loss"][0] < 9 and 0 < log["g_loss"][0] < 9
    assert 0 < log["d_real"][0] < 1
    assert int(model.step) == 1


def test_a_loss_that_is_nan_trains_nothing():
    model = tiny_gan(d_steps=LossThreshold(-1e9, -1e9, at_most=2))
    spoiled = images()
    before = [np.asarray(v) for v in model.discriminator.trainable_variables]
    logs = model.train_step(tf.constant(np.where(spoiled > 0.9, np.float32("nan"), spoiled)))
    assert math.isnan(logs["d_loss"]) and float(logs["d_updates"]) == 0
    for old, new in zip(before, model.discriminator.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_compile_again_without_a_schedule():
    model = tiny_gan(d_steps=LossThreshold(1e9, 1e9, at_most=2))
    assert model.loss_names == ("d_loss", "g_loss", "d_updates", "g_updates")
    model.compile()
    assert set(model.fit(images(), batch_size=8, verbose=0).history) == {"d_loss", "g_loss", "d_real", "d_fake"}


def test_refusals():
    schedule = LossThreshold(1.0, 1.0, at_most=3)
    with pytest.raises(ValueError, match="must be an int for Pix2Pix, .*Received: LossThreshold"):
        kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16).compile(d_steps=schedule)
    with pytest.raises(ValueError, match="multiple of 3. Received: 8"):
        tiny_gan(d_steps=schedule).train_step(tf.constant(images()))
    with pytest.raises(ValueError, match="`d_below` must be a number.*Received: 'low'"):
        LossThreshold("low", 1.0)
    with pytest.raises(ValueError, match="`at_most` must be an int of at least 1. Received: 0"):
        LossThreshold(1.0, 1.0, at_most=0)
    with pytest.raises(ValueError, match="`d_steps` must be an int of at least 1, or a `LossThreshold`. Received: 'k'"):
        tiny_gan(d_steps="k")


def test_config_round_trip():
    schedule = LossThreshold(1.0, 2.0, at_most=4)
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert clone.get_config() == schedule.get_config() == {"d_below": 1.0, "g_below": 2.0, "at_most": 4}


def test_linear_decay():
    rate = LinearDecay(0.2, constant_steps=10, decay_steps=4)
    found = [float(rate(step)) for step in (0, 10, 11, 13, 14, 99)]
    assert found == pytest.approx([0.2, 0.2, 0.15, 0.05, 0.0, 0.0], abs=1e-7)
    with pytest.raises(ValueError, match="`initial` must be above 0. Received: 0"):
        LinearDecay(0, 1, 1)


@pytest.mark.parametrize(("initial", "final"), [(2e-4, 5e-5), (0.0, 500.0), (0.9, 0.99)])
def test_cosine_goes_from_one_value_to_the_other(initial, final):
    schedule = Cosine.from_config(Cosine(initial, final, 40).get_config())
    for step in (0, 1, 13, 20, 39, 40, 1000):
        share = (1 + math.cos(math.pi * min(step, 40) / 40)) / 2
        expected = share * initial + (1 - share) * final
        assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(expected, abs=1e-6 * max(initial, final))
    with pytest.raises(ValueError, match="`steps` must be an int of at least 1. Received: 0"):
        Cosine(initial, final, 0)


def test_the_schedule_of_r3gan_has_the_authors_ends():
    schedule = R3GANSchedule.from_config(R3GANSchedule(1000, gamma=2.0, augment_p=0.3).get_config())
    ends = {
        "learning_rate": (2e-4, 5e-5),
        "beta_2": (0.9, 0.99),
        "gamma": (2.0, 0.2),
        "half_life": (0.0, 25.0),
        "augment_p": (0.0, 0.3),
    }
    for name, values in ends.items():
        found = [float(getattr(schedule, name)(step)) for step in (0, 500, 1000, 9000)]
        assert found == pytest.approx([values[0], sum(values) / 2, values[1], values[1]], rel=1e-5)
    assert float(schedule.ema_decay(0)) == 0 and float(schedule.ema_decay(1000)) == pytest.approx(0.5 ** (1 / 25))
    for name, value in (("gamma", 0), ("half_life", -1), ("augment_p", 1.0)):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            R3GANSchedule(10, **{name: value})
