import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.callbacks import CollapseMonitor


class Sampler:
    """What the monitor uses of a model, with samples that are given."""

    def __init__(self, real, fake):
        self.first_batch, self.fake = real, fake
        self.step = tf.constant(0)
        self.stop_training = False

    def real_images(self, batch):
        return np.asarray(batch)

    def unpack(self, batch):
        return np.asarray(batch), ()

    def condition_specs(self):
        return []

    def sample_latents(self, count, seed):
        return np.arange(count)

    def decode(self, latents, condition):
        return self.fake[latents]


def noise(count, seed):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 4, 4, 1)).astype("float32")


def watch(fake, real=None, epochs=3, **options):
    monitor = CollapseMonitor(**options)
    model = Sampler(noise(32, 0) if real is None else real, fake)
    monitor.set_model(model)
    monitor.on_train_begin()
    logs = []
    for epoch in range(epochs):
        logs.append({})
        monitor.on_epoch_end(epoch, logs[-1])
    return monitor, model, logs


def test_silent_on_a_healthy_generator():
    monitor, model, logs = watch(noise(32, 1))
    assert monitor.alarms == []
    assert logs[-1]["sample_diversity"] == pytest.approx(1, abs=0.1)
    assert logs[-1]["duplicate_share"] == 0
    assert logs[-1]["collapse"] == 0


@pytest.mark.parametrize("classifier", [None, lambda images: images[:, 0, 0]])
def test_epochs_without_an_evaluation_have_the_same_names(classifier):
    _, _, logs = watch(noise(32, 1), epochs=4, every_n_epochs=2, classifier=classifier)
    assert len(logs[1]) == (3 if classifier is None else 4)
    for i, log in enumerate(logs):
        assert log.keys() == logs[1].keys()
        assert all(np.isfinite(value) == (i % 2 == 1) for value in log.values())


def test_one_image():
    fake = np.repeat(noise(1, 1), 32, axis=0)
    with pytest.warns(UserWarning, match=r"collapsed \(epoch 3\): sample_diversity is .*duplicate_share is 1, above"):
        monitor, model, logs = watch(fake, stop=True)
    assert [alarm["epoch"] for alarm in monitor.alarms] == [3]
    assert len(monitor.alarms[0]["reasons"]) == 2
    assert logs[0]["sample_diversity"] == pytest.approx(0, abs=1e-6)
    assert [log["collapse"] for log in logs] == [0, 1, 1]
    assert model.stop_training


def test_a_few_images_that_repeat_are_duplicates():
    """Four modes are diverse enough by their distances: 3/4 of the pairs differ."""
    fake = np.tile(noise(4, 1), (8, 1, 1, 1))
    with pytest.warns(UserWarning, match=r"collapsed \(epoch 2\): duplicate_share is 1, above 0.2"):
        monitor, model, logs = watch(fake, patience=1, epochs=2)
    assert logs[0]["sample_diversity"] > 0.6
    assert not model.stop_training


def test_hand_computed_diversity():
    """Two real images 2 apart in each of 16 pixels, two samples 1 apart: the ratio is 1/2."""
    real = np.stack([-np.ones((4, 4, 1)), np.ones((4, 4, 1))]).astype("float32")
    fake = np.stack([np.zeros((4, 4, 1)), np.ones((4, 4, 1))]).astype("float32")
    _, _, logs = watch(fake, real, epochs=1)
    assert logs[0]["sample_diversity"] == pytest.approx(0.5)
    # The neighbour at distance 4 is beyond a quarter of the data's 8.
    assert logs[0]["duplicate_share"] == 0
    _, _, logs = watch(fake * 0.49, real, epochs=1)
    assert logs[0]["duplicate_share"] == 1


def test_duplicates_of_the_data_are_no_alarm():
    real = np.tile(noise(4, 0), (8, 1, 1, 1))
    monitor, _, logs = watch(np.tile(noise(4, 1), (8, 1, 1, 1)), real)
    assert logs[0]["duplicate_share"] == 1
    assert monitor.alarms == []


def by_brightness(images):
    """Four classes by the mean of an image."""
    means = tf.reduce_mean(images, axis=[1, 2, 3])
    return -tf.abs(means[:, None] - tf.constant([-0.9, -0.3, 0.3, 0.9]))


def bright(classes, seed):
    levels = np.array([-0.9, -0.3, 0.3, 0.9])[classes][:, None, None, None]
    return (levels + noise(len(classes), seed) * 0.09).astype("float32")


def test_class_coverage():
    real = bright(np.arange(32) % 4, 0)
    _, _, logs = watch(bright(np.arange(32) % 2, 1), real, classifier=by_brightness, epochs=1)
    assert logs[0]["class_coverage"] == pytest.approx(0.5)
    # Three quarters of one class and a quarter of another: exp(H) = 1.755, of 4.
    with pytest.warns(UserWarning, match="class_coverage is 0.439, below 0.5"):
        watch(bright((np.arange(32) % 4 == 0) * 3, 1), real, classifier=by_brightness, patience=1, min_diversity=0)
    monitor, _, _ = watch(bright(np.arange(32) % 4, 1), real, classifier=by_brightness)
    assert monitor.alarms == []


def test_patience_and_state():
    bad, good = np.repeat(noise(1, 1), 32, axis=0), noise(32, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor, model, _ = watch(good, epochs=1)
        for epoch, fake in enumerate((bad, good, bad), start=1):
            model.fake = fake
            monitor.on_epoch_end(epoch, {})
    assert monitor.alarms == []
    other = CollapseMonitor()
    other.set_model(model)
    other.on_train_begin()
    other.set_state(monitor.get_state())
    with pytest.warns(UserWarning, match="epoch 5"):
        other.on_epoch_end(4, {})


def test_a_young_generator_is_no_collapsed_one():
    """Its samples are far too much alike, but less so every time; then they come to rest, still too much alike."""
    monitor, model, _ = watch(noise(32, 1) * 0.1, epochs=1, max_duplicates=1)
    collapse = []
    for epoch, scale in enumerate((0.2, 0.3, 0.4, 0.41), start=1):
        model.fake = noise(32, 1) * np.float32(scale)
        logs = {}
        monitor.on_epoch_end(epoch, logs)
        collapse.append(logs["collapse"])
    assert collapse == [0, 0, 0, 1]


def test_nan_samples_are_no_health():
    with pytest.warns(UserWarning, match="sample_diversity is nan"):
        watch(np.full((32, 4, 4, 1), np.nan, "float32"), patience=1, epochs=2)


def test_own_features_and_dataset():
    real = tf.data.Dataset.from_tensor_slices(noise(64, 0)).batch(16).repeat()
    monitor = CollapseMonitor(real, num_images=40, features=lambda images: images[:, :1, :1])
    model = Sampler(None, noise(64, 1))
    monitor.set_model(model)
    monitor.on_train_begin()
    logs = {}
    monitor.on_epoch_end(0, logs)
    assert monitor._real["distances"].shape == (40, 40)
    assert 0.5 < logs["sample_diversity"] < 2


def collapsing_run(make_model, make_dataset, scale):
    """Trains; a callback of the test shrinks what the generator makes of its latents by `scale`, step by step."""
    model = make_model()
    first = [layer for layer in model.generator.layers if layer.weights][0]
    shrink = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: [
            network.get_layer(first.name).kernel.assign(network.get_layer(first.name).kernel * scale)
            for network in (model.generator, model.ema_generator)
        ]
    )
    monitor = CollapseMonitor(min_diversity=0.1, max_duplicates=0.9)
    log = model.fit(make_dataset(), epochs=4, verbose=0, callbacks=[shrink, monitor]).history
    return monitor, log


def test_on_trainings(make_model, make_dataset):
    monitor, log = collapsing_run(make_model, make_dataset, scale=1.0)
    assert monitor.alarms == []
    assert all(0.2 < value < 1.5 for value in log["sample_diversity"])
    with pytest.warns(UserWarning, match="The generator has collapsed"):
        monitor, log = collapsing_run(make_model, make_dataset, scale=0.7)
    assert len(monitor.alarms) == 1
    assert log["sample_diversity"] == sorted(log["sample_diversity"], reverse=True)


def trained_against(d_optimizer, g_rate, make_model):
    """A game of linear networks: the data are images that the generator can make, as it can from the start."""
    model = make_model()
    pixels = keras.Input((8, 8, 1))
    judge = keras.Model(pixels, keras.layers.Dense(1)(keras.layers.Flatten()(pixels)))
    game = kerasgan.GAN(image_size=8, latent_dim=4, generator=model.generator, discriminator=judge, seed=0)
    game.compile(keras.optimizers.Adam(g_rate), d_optimizer)
    data = tf.data.Dataset.from_tensor_slices(model.generate(40, seed=0)).batch(8)
    monitor = CollapseMonitor(data)
    log = game.fit(data, epochs=8, check_inputs=False, verbose=0, callbacks=[monitor]).history
    return monitor, log


def test_silent_where_both_players_learn(make_model):
    monitor, log = trained_against(keras.optimizers.SGD(0.01), 1e-3, make_model)
    assert monitor.alarms == []
    assert all(0.8 < value < 1.2 for value in log["sample_diversity"])
    assert max(log["duplicate_share"]) == 0


def test_fires_where_the_discriminator_stands_still(make_model):
    """Against a D that does not answer, G's best is one image: the one that D likes best."""
    with pytest.warns(UserWarning, match="The generator has collapsed"):
        monitor, log = trained_against(keras.optimizers.SGD(0.0), 0.4, make_model)
    assert len(monitor.alarms) == 1
    assert log["sample_diversity"][-1] < 0.5


def test_too_few_real_images_are_refused_before_the_first_step(make_model, images):
    model, single = make_model(), tf.data.Dataset.from_tensor_slices(images).batch(1)
    for data, count in ((None, 1), (single.take(0), 0)):
        with pytest.raises(ValueError, match=f"at least 2 real images. Received: {count}. Remedy: a `dataset`"):
            model.fit(single, steps_per_epoch=3, verbose=0, callbacks=[CollapseMonitor(data)])
    assert int(model.step) == 0
    model.fit(single, steps_per_epoch=3, verbose=0, callbacks=[CollapseMonitor(single.take(2))])
    assert int(model.step) == 3
    monitor = CollapseMonitor()
    monitor.set_model(Sampler(None, noise(8, 1)))  # a dataset that is already distributed has no first batch
    with pytest.raises(ValueError, match="at least 2 real images. Received: 0. Remedy: a `dataset`"):
        monitor.on_train_begin()


def test_refuses():
    with pytest.raises(ValueError, match="`num_images`.*at least 2. Received: 1"):
        CollapseMonitor(num_images=1)
