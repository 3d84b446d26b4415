"""What belongs to the model, whatever its paper: averages, frozen layers, precision, arguments, evaluation."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan

IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")


def gan(**options):
    """Four layers with weights in D, two in G."""
    keras.utils.set_random_seed(0)
    latents = keras.Input((4,), name="latents")
    x = layers.BatchNormalization()(layers.Dense(8)(latents))
    generator = keras.Model(latents, layers.Reshape((8, 8, 1))(layers.Dense(64, activation="tanh")(x)))
    x = images = keras.Input((8, 8, 1), name="images")
    for units in (8, 7, 6):
        x = layers.Dense(units, activation="relu")(layers.Flatten()(x))
    discriminator = keras.Model(images, layers.Dense(1)(x))
    networks = {"generator": generator, "discriminator": discriminator}
    return kerasgan.GAN(image_size=8, latent_dim=4, seed=0, **networks, **options)


def arrays(network):
    return [np.array(weight) for weight in network.weights]


def assert_equal(a, b):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """A trained GAN with an average, and its files; `step` is 4."""
    folder = tmp_path_factory.mktemp("averaged")
    model = gan()
    model.compile(ema_decay=0.99, augment="diffaugment")
    model.fit(IMAGES, batch_size=4, verbose=0)
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    return model, folder


# Averages --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compiling_again_keeps_average_and_step(averaged):
    model = copy.deepcopy(averaged[0])
    average, values = model.ema_generator, arrays(averaged[0].ema_generator)
    assert np.any(values[0] != model.generator.weights[0])
    sample = averaged[0].generate(2, seed=0)
    for options, decay in (({"metrics": []}, 0.99), ({"penalty": "r1", "ema_decay": 0.5}, 0.5), ({}, 0.5)):
        model.compile(**options)
        assert model.ema_generator is average and model.ema_decay == decay and int(model.step) == 4
        assert_equal(arrays(average), values)
        np.testing.assert_array_equal(model.generate(2, seed=0), sample)
    model.compile(ema_decay=0)
    assert model.ema_generator is None and model.sampler() is model.generator
    fresh = gan()
    fresh.compile()
    assert [v.shape for v in model.variables] == [v.shape for v in fresh.variables]  # nothing of it lingers


@pytest.mark.parametrize("compiled", [True, False])
def test_a_loaded_model_has_its_average(averaged, compiled):
    model, folder = averaged
    loaded = keras.models.load_model(folder / "model.keras", compile=compiled)
    np.testing.assert_array_equal(loaded.generate(2, seed=0), model.generate(2, seed=0))
    loaded.compile(penalty="r1")
    assert loaded.ema_decay == 0.99
    assert_equal(arrays(loaded.ema_generator), arrays(model.ema_generator))


def test_weights_of_an_averaged_run(averaged, tmp_path):
    model, folder = averaged
    other = gan()
    other.compile(augment="diffaugment")
    with pytest.raises(ValueError, match="ema_generator.*would be lost. Compile with the `ema_decay`"):
        other.load_weights(folder / "model.weights.h5")
    other.compile(augment="diffaugment", ema_decay=0.9)
    other.load_weights(folder / "model.weights.h5")
    assert_equal(arrays(other.ema_generator), arrays(model.ema_generator))

    plain = gan()
    plain.compile()
    plain.save_weights(tmp_path / "plain.weights.h5")
    plain.save(tmp_path / "plain.keras")
    for file in ("plain.weights.h5", "plain.keras"):
        begun = gan()
        begun.compile(ema_decay=0.9)
        begun.generator.set_weights(arrays(model.generator))
        begun.load_weights(tmp_path / file)
        assert_equal(arrays(begun.ema_generator), arrays(plain.generator))


def test_an_average_begun_late_begins_from_the_weights_at_hand():
    model = gan()
    model.compile()
    model.fit(IMAGES, batch_size=4, verbose=0)
    model.compile(ema_decay=0.5)
    assert int(model.step) == 4
    before = arrays(model.generator)
    assert_equal(arrays(model.ema_generator), before)
    model.fit(IMAGES[:4], batch_size=4, verbose=0)
    # No step below 5 bounds the decay by less than 0.4: the ramp goes by the steps of the model.
    for average, old, new in zip(arrays(model.ema_generator), before, arrays(model.generator)):
        decay = min(0.5, 6 / 15)
        np.testing.assert_allclose(average, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("step", "decay"), [(1, 2 / 11), (9, 10 / 19), (70, 71 / 80), (90, 0.9), (10_000, 0.9)], ids=str
)
def test_the_average_forgets_the_first_weights_by_a_ramp(step, decay):
    """At step t the decay is min(ema_decay, (1 + t) / (10 + t)); `update_ema` counts the step before."""
    model = gan()
    model.compile(ema_decay=0.9)
    model.step.assign(step - 1)
    for average, weight in zip(model.ema_generator.weights, model.generator.weights):
        average.assign(average * 0 + 1.0)
        weight.assign(weight * 0 + 3.0)
    model.update_ema()
    assert int(model.step) == step and float(model.ema_decay_now()) == pytest.approx(decay, rel=1e-6)
    for average in model.ema_generator.weights:
        np.testing.assert_allclose(average, 3 - 2 * decay, rtol=1e-5)


def test_a_descent_in_half_precision_scales_the_loss_before_the_chain_rule():
    """A gradient of 2^-30 is 0 in float16; that of the scaled loss, 2^15 times as large, is 2^-15, which is not."""
    model = kerasgan.GAN(image_size=8, dtype="mixed_float16")
    weight = keras.Variable(1.0, dtype="float32")
    optimizer = model._optimizer(keras.optimizers.SGD(2.0**20), [weight])
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) and optimizer.initial_scale == 2**15
    with tf.GradientTape() as tape:
        loss = tf.cast(2.0**-15 * tf.cast(2.0**-15 * tf.cast(weight.value, tf.float16), tf.float16), tf.float32)
    model.descend(tape, loss, [weight], optimizer)
    assert float(weight) == 1 - 2.0**-10


def test_whole_numbers_are_copied_into_the_average():
    latents = keras.Input((4,), name="latents")
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(2, 3, (100, 4)))
    generator = keras.Model(latents, layers.Reshape((8, 8, 1))(layers.Dense(64, activation="tanh")(norm(latents))))
    model = kerasgan.GAN(image_size=8, latent_dim=4, generator=generator)
    model.compile(ema_decay=0.5)
    norm.count.assign(7)
    model.fit(IMAGES, batch_size=8, verbose=0)
    counts = [w for w in model.ema_generator.weights if w.name == "count"]
    assert [int(count) for count in counts] == [7]


def test_what_was_compiled_before_leaves_nothing_in_the_file(tmp_path):
    """A stale augmentation would shift the random states that a file holds by number."""
    model = gan()
    model.compile(augment="diffaugment")
    model.compile()
    model.seed_generator.state.assign([5, 6])
    loaded = copy.deepcopy(model)
    assert [v.shape for v in loaded.variables] == [v.shape for v in model.variables]
    assert np.array(loaded.seed_generator.state).tolist() == [5, 6]


def test_weights_have_one_order_however_they_came_about():
    first, second = gan(), gan()
    first.compile(augment=kerasgan.augment.AdaptiveAugment(), ema_decay=0.9)
    second.compile(ema_decay=0.9)
    second.compile(augment=kerasgan.augment.AdaptiveAugment())
    shapes = [v.shape for v in first.variables]
    for model in (second, copy.deepcopy(first), copy.deepcopy(second)):
        assert [v.shape for v in model.variables] == shapes
        assert [v.shape for v in model.get_weights()] == [v.shape for v in first.get_weights()]


def test_setting_weights_leaves_the_step():
    model = gan()
    model.compile(ema_decay=0.9)
    weights = model.get_weights()
    model.fit(IMAGES, batch_size=4, verbose=0)
    model.set_weights(weights)
    assert int(model.step) == 4
    assert_equal(model.get_weights(), weights)


# Frozen layers ---------------------------------------------------------------------------------------------------


def test_freeze_counts_layers_with_weights():
    model = gan()
    model.freeze("discriminator", layers=np.int64(3))
    assert [v.shape for v in model.d_variables] == [(6, 1), (1,)]
    model.freeze("discriminator", layers=1)  # frees none
    assert len(model.d_variables) == 2
    model.unfreeze("discriminator")
    assert len(model.d_variables) == 8
    for network, count, message in (
        ("judge", 1, r"must be one of \['generator', 'discriminator'\]. Received: 'judge'"),
        ("discriminator", 5, "must be an int from 1 to 4, or None for all. Received: 5"),
        ("discriminator", 0, "Received: 0"),
        ("discriminator", 1.0, "Received: 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            model.freeze(network, layers=count)


def test_a_network_may_be_frozen_whole():
    model = gan()
    model.freeze("discriminator")
    model.compile()
    before = arrays(model.discriminator)
    model.fit(IMAGES, batch_size=8, verbose=0)
    assert_equal(arrays(model.discriminator), before)


def test_freezing_after_compiling_asks_to_compile_again(tmp_path):
    model = gan()
    model.compile()
    model.discriminator.layers[2].trainable = False
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=r"changed since `compile\(\)`. Call `compile\(\)` again"):
            train(IMAGES)
    with pytest.warns(UserWarning, match=r"saved without its `compile\(\)`"):
        model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert not loaded.compiled and len(loaded.d_variables) == 6
    model.compile()
    model.fit(IMAGES, batch_size=8, verbose=0)


def test_a_network_that_was_made_with_frozen_layers(tmp_path):
    x = images = keras.Input((8, 8, 1), name="images")
    x = layers.Dense(3, trainable=False)(layers.Flatten()(x))
    model = kerasgan.GAN(image_size=8, discriminator=keras.Model(images, layers.Dense(1)(x)))
    model.compile()
    assert len(model.d_variables) == 2
    loaded = copy.deepcopy(model)
    assert len(loaded.d_variables) == len(loaded.discriminator.trainable_variables) == 2


# Arguments -------------------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
class Open(kerasgan.GAN):
    """Its catch-alls have names of their own; None means something to `extra` and is not its default."""

    def __init__(self, *args, extra=3, **options):
        super().__init__(*args, **options)
        self.extra = extra

    def compile(self, extra_weight=1.0, **more):
        self.extra_weight = extra_weight
        super().compile(**more)


@keras.saving.register_keras_serializable("tests")
class Closed(kerasgan.GAN):
    """Passes nothing on, not even a name."""

    def __init__(self, side, /, depth=1):
        super().__init__(image_size=side, latent_dim=4, channels=depth)


def test_arguments_of_subclasses_are_saved(tmp_path):
    model = Open(8, 1, extra=None, latent_dim=4, name="mine", dtype="mixed_bfloat16")
    model.compile(extra_weight=2.0, ema_decay=0.5)
    model.save(tmp_path / "open.keras")
    loaded = keras.models.load_model(tmp_path / "open.keras")
    assert (loaded.extra, loaded.latent_dim, loaded.name, loaded.extra_weight) == (None, 4, "mine", 2.0)
    assert loaded.get_config() == model.get_config() and loaded.ema_decay == 0.5

    keras.config.set_dtype_policy("mixed_bfloat16")
    model = Closed(8, depth=2)
    keras.config.set_dtype_policy("float32")
    model.name = "renamed"
    model.save(tmp_path / "closed.keras")
    loaded = keras.models.load_model(tmp_path / "closed.keras")
    assert (loaded.name, loaded.channels, loaded.dtype_policy.name) == ("renamed", 2, "mixed_bfloat16")
    assert loaded.generator.layers[1].dtype_policy.name == "mixed_bfloat16"


def test_none_that_is_not_the_default_is_saved(tmp_path):
    options = {"image_size": 16, "width": 2, "latent_dim": 4, "networks": "conv"}
    model = kerasgan.ConditionalGAN(num_classes=None, attributes={"slant": 1}, **options)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.num_classes is None and loaded.get_config()["num_classes"] is None


def test_an_argument_of_compile_that_is_not_kept_is_named():
    class Forgetful(kerasgan.GAN):
        def compile(self, lost=1, **kwargs):
            super().compile(**kwargs)

    model = Forgetful(image_size=8, latent_dim=4)
    model.compile()
    with pytest.raises(ValueError, match="`Forgetful.compile` must keep its argument `lost`.*`self.lost = lost`"):
        model.get_compile_config()


def test_how_to_execute_is_saved_as_it_was_given():
    model = gan()
    for value in ("auto", False):
        model.compile(jit_compile=value, steps_per_execution=2)
        config = model.get_compile_config()
        assert config["jit_compile"] is value or config["jit_compile"] == value == "auto"
        assert config["steps_per_execution"] == 2


def test_what_compile_makes_has_the_model_s_precision():
    model = kerasgan.SRGAN(image_size=16, width=2, blocks=1, dtype="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.generator.layers[1:-1]} >= {"bfloat16"}
    model.compile(augment="diffaugment")
    assert [layer.dtype_policy.name for layer in model.augment] == ["mixed_bfloat16"]
    own = keras.Sequential([keras.Input((4,)), layers.Dense(64), layers.Reshape((8, 8, 1))])
    model = kerasgan.GAN(image_size=8, latent_dim=4, generator=own, dtype="mixed_bfloat16")
    assert model.generator.layers[0].dtype_policy.name == "float32"  # made before, it keeps its own


# Evaluation ------------------------------------------------------------------------------------------------------


def test_validation_does_not_change_training():
    runs = []
    for options in ({}, {"validation_data": kerasgan.data.from_arrays(IMAGES, 8, seed=2)}):
        model = gan()
        model.compile(augment="diffaugment", loss=kerasgan.losses.LabelFlipping())
        history = model.fit(IMAGES, batch_size=8, epochs=2, verbose=0, **options).history
        runs.append((model, history))
    assert_equal([np.array(v) for v in runs[0][0].variables], [np.array(v) for v in runs[1][0].variables])
    assert runs[0][1]["d_loss"] == runs[1][1]["d_loss"]
    assert "val_d_loss" in runs[1][1]


@pytest.mark.slow
def test_evaluation_within_an_epoch_leaves_its_logs(averaged):
    model = copy.deepcopy(averaged[0])
    ask = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: model.evaluate(IMAGES, verbose=0))
    dataset = kerasgan.data.from_arrays(IMAGES, 4, seed=1)
    logs = model.fit(dataset, verbose=0, callbacks=[ask]).history
    alone = copy.deepcopy(averaged[0])
    assert logs == alone.fit(dataset, verbose=0).history
    before = np.array(model.seed_generator.state)
    assert model.test_on_batch(IMAGES[:4]) == model.test_on_batch(IMAGES[:4])
    np.testing.assert_array_equal(model.seed_generator.state, before)
