"""Gradient accumulation: several small batches train as one large batch does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.models.accumulation import HeldGradients, held_gradients, update_once
from kerasgan.zoo.experiments import small_images

IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 4, 4, 1)).astype("float32")


def networks():
    keras.utils.set_random_seed(1)
    generator = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Reshape((4, 4, 1)),
        ]
    )
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    return {"generator": generator, "discriminator": keras.Sequential(layers)}


def trained(batch_size, steps=3, strategy=None, kind=kerasgan.GAN, **options):
    """A model trained on the images in their order, whose latents follow from the images."""
    with (strategy or tf.distribute.get_strategy()).scope():
        model = kind(image_size=4, channels=1, latent_dim=5, seed=0, **networks())
        optimizers = {name: keras.optimizers.Adam(0.01) for name in ("g_optimizer", "d_optimizer")}
        model.compile(**({"penalty": kerasgan.penalties.R1(1.0)} | optimizers | options))

    def draw(real, condition, generator=None, training=True):
        return model.generator(3 * tf.reshape(real, (-1, 16))[:, 3:8], training=training)

    object.__setattr__(model, "draw", draw)
    data = kerasgan.data.from_arrays(IMAGES, batch_size, shuffle=False).repeat()
    history = model.fit(data, epochs=1, steps_per_epoch=steps, verbose=0).history
    return model, history


def assert_equal_training(one, other):
    for left, right in zip(one[0].weights, other[0].weights, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    assert one[1].keys() == other[1].keys()
    for name, values in one[1].items():
        np.testing.assert_allclose(values, other[1][name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "options", [{}, {"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 3}], ids=str
)
def test_four_small_batches_train_as_one_large_batch(options):
    large, small = trained(32), trained(8, accumulate=4, **options)
    assert_equal_training(large, small)
    assert int(small[0].step) == 3 and int(small[0].d_optimizer.iterations) == 3
    start = networks()["discriminator"].get_weights()  # or equality would say nothing
    assert max(np.abs(a - b).max() for a, b in zip(start, small[0].discriminator.get_weights())) > 0.01


def test_each_of_several_updates_of_d_accumulates():
    assert_equal_training(trained(16, d_steps=2), trained(8, d_steps=2, accumulate=2))
    model = trained(8, d_steps=2, accumulate=2)[0]
    assert model.batches_per_step == 4 and int(model.d_optimizer.iterations) == 6
    assert int(model.g_optimizer.iterations) == 3


def test_two_devices_accumulate_as_one(two_devices):
    assert_equal_training(trained(32), trained(8, accumulate=4, strategy=two_devices))


@pytest.mark.parametrize("tool", ["batch norm", "adaptive", "lecam"])
def test_devices_that_are_combined_within_an_update_accumulate(two_devices, tool):
    """At these places, TensorFlow changes from the thread of one device to that of the other."""
    pairs = []
    for strategy in (tf.distribute.get_strategy(), two_devices):
        with strategy.scope():
            keras.utils.set_random_seed(1)
            plain = {} if tool == "batch norm" else {"norm": "none"}
            made = small_images.generator(4, 2, **plain), small_images.discriminator(2, **plain)
            model = kerasgan.DCGAN(28, 1, latent_dim=4, generator=made[0], discriminator=made[1], seed=0)
            tools = {
                "batch norm": {},
                "adaptive": {"augment": kerasgan.augment.AdaptiveAugment("translation", ramp=100, seed=1)},
                "lecam": {"penalty": kerasgan.penalties.LeCam(start=0)},
            }
            rates = {name: keras.optimizers.SGD(0.01) for name in ("g_optimizer", "d_optimizer")}
            model.compile(accumulate=2, **tools[tool], **rates)
        images = np.random.default_rng(0).uniform(-1, 1, (32, 28, 28, 1)).astype("float32")
        data = kerasgan.data.from_arrays(images, 8, shuffle=False).repeat()
        pairs.append((model, model.fit(data, epochs=1, steps_per_epoch=2, verbose=0).history))
    assert_equal_training(*pairs)


def test_adaptive_augmentation_counts_updates():
    """p moves after every fourth update of D, by all of its images: 4 x 32 of 1,000."""
    for batch_size, accumulate in ((32, 1), (8, 4)):
        layer = kerasgan.augment.AdaptiveAugment("translation", target=-0.99, ramp=1000)
        options = {"accumulate": accumulate, "augment": layer}
        model = trained(batch_size, steps=3, **options)[0]
        assert float(layer.p) == 0
        model.fit(IMAGES, batch_size=batch_size, epochs=1, steps_per_epoch=1, verbose=0)
        assert float(layer.p) == pytest.approx(0.128)


def test_weights_are_clipped_after_the_step():
    model = trained(8, accumulate=4, steps=5, kind=kerasgan.WGAN, penalty=[], d_steps=1)[0]
    largest = max(np.abs(weight).max() for weight in model.discriminator.get_weights())
    assert largest == pytest.approx(0.01, rel=1e-6)


def test_held_gradients_by_hand():
    held = HeldGradients(2)
    assert held.add([tf.constant([1.0, 2.0]), None, None]) is None
    rows = tf.IndexedSlices(tf.constant([[8.0]]), tf.constant([1]), tf.constant([2, 1]))
    mean = held.add([tf.constant([3.0, 6.0]), None, rows])
    np.testing.assert_array_equal(mean[0], [2, 4])
    assert mean[1] is None
    np.testing.assert_array_equal(mean[2], [[0], [4]])


def test_logs_are_means_and_an_error_leaves_nothing_behind():
    seen = []

    def update(batch):
        seen.append(held_gradients().count)
        return {"d_loss": tf.reduce_sum(batch)}

    logs = update_once(update, [tf.constant([1.0, 2.0]), tf.constant([5.0, 6.0])])
    assert float(logs["d_loss"]) == 7 and seen == [2, 2] and held_gradients() is None

    def fails(batch):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        update_once(fails, [tf.zeros(1)])
    assert held_gradients() is None


def test_what_cannot_accumulate_says_so():
    for wrong in (0, 1.5, "two"):
        with pytest.raises(ValueError, match="`accumulate` must be an int of at least 1. Received: "):
            kerasgan.GAN().compile(accumulate=wrong)
    with pytest.raises(ValueError, match="must be 1 for CycleGAN"):
        kerasgan.CycleGAN(image_size=8, width=2, blocks=1, receptive_field=16).compile(accumulate=2)
    with pytest.raises(ValueError, match="with a `LossThreshold`"):
        kerasgan.GAN().compile(accumulate=2, d_steps=kerasgan.schedules.LossThreshold(1.0, 1.0, at_most=2))


def test_accumulation_is_saved(tmp_path):
    model = trained(8, accumulate=2, steps=1)[0]
    assert kerasgan.GAN.__name__ == type(model).__name__
    config = model.get_compile_config()
    fresh = kerasgan.GAN(image_size=4, latent_dim=5, **networks())
    fresh.compile_from_config(config)
    assert fresh.accumulate == 2 and fresh.batches_per_step == 2


def test_a_checkpoint_is_not_continued_with_another_accumulation(tmp_path):
    data = kerasgan.data.from_arrays(IMAGES, 8, shuffle=False)
    first = kerasgan.GAN(image_size=4, channels=1, latent_dim=5, seed=0, **networks())
    first.compile()
    first.fit(data, epochs=1, verbose=0, callbacks=[kerasgan.callbacks.Checkpoint(tmp_path / "run")])
    other = kerasgan.GAN(image_size=4, channels=1, latent_dim=5, seed=0, **networks())
    other.compile(accumulate=2)
    with pytest.raises(ValueError, match="compile_config.accumulate: expected 2, found None"):
        other.fit(data, epochs=2, verbose=0, callbacks=[kerasgan.callbacks.Checkpoint(tmp_path / "run")])
