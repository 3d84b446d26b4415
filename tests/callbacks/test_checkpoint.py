import json
import os
import re
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import files
from kerasgan.callbacks import Checkpoint, EquilibriumStopping, StopOnNonFinite, checkpoint_files


class StopAt(keras.callbacks.Callback):
    """Dies at a step, as a killed process does: no other callback hears of it."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == self.step:
            raise InterruptedError


def folders(directory):
    return sorted(path.name for path in directory.iterdir())


def state_of(model):
    networks = (model.generator, model.discriminator, model.ema_generator)
    variables = [variable for network in networks for variable in network.weights]
    variables += model.g_optimizer.variables + model.d_optimizer.variables + [model.seed_generator.state, model.step]
    return [np.array(variable) for variable in variables]


def assert_equal_states(model, state):
    for a, b in zip(state_of(model), state, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(autouse=True, scope="module")
def determinism():
    tf.config.experimental.enable_op_determinism()
    yield
    from tensorflow.python.framework import config

    config.disable_op_determinism()


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory, make_model, make_dataset):
    directory = tmp_path_factory.mktemp("trained")
    model = make_model()
    model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(directory)])
    return directory, state_of(model)


@pytest.fixture
def trained(tmp_path, trained_once):
    """Puts checkpoints of the steps 5 and 10 into `tmp_path`; gives the state of the latter."""
    shutil.copytree(trained_once[0], tmp_path, dirs_exist_ok=True)
    return trained_once[1]


@pytest.fixture(scope="module")
def uninterrupted(make_model, make_dataset):
    """The state after three epochs, and the last epoch's d_loss."""
    model = make_model()
    log = model.fit(make_dataset(), epochs=3, verbose=0).history
    return state_of(model), log["d_loss"][-1]


@pytest.mark.parametrize("killed_at, resumed_at", [(6, 5), (8, 8)], ids=["between epochs", "within an epoch"])
def test_resumed_equals_uninterrupted(tmp_path, make_model, make_dataset, uninterrupted, killed_at, resumed_at):
    callbacks = [Checkpoint(tmp_path, every_n_steps=4), StopAt(killed_at)]
    with pytest.raises(InterruptedError):
        make_model().fit(make_dataset(), epochs=3, verbose=0, callbacks=callbacks)
    resumed = make_model()
    seen = []
    see = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(int(resumed.step)))
    callbacks = [Checkpoint(tmp_path, every_n_steps=4), see]
    log = resumed.fit(make_dataset(), epochs=3, verbose=0, callbacks=callbacks).history
    assert seen == [resumed_at]
    assert_equal_states(resumed, uninterrupted[0])
    assert log["d_loss"][-1] == uninterrupted[1]
    assert Checkpoint.latest(tmp_path) == tmp_path / "step_00000015"


@pytest.fixture(scope="module")
def begun(tmp_path_factory, make_model, make_dataset):
    """A file of a model after seven steps of another training."""
    path = tmp_path_factory.mktemp("begun") / "model.keras"
    model = make_model()
    model.fit(make_dataset(), steps_per_epoch=7, verbose=0)
    model.save(path)
    return path


@pytest.mark.parametrize(
    "every, killed_at, resumed_at, at_once, options",
    [
        (3, 8, 7, 1, {}),
        (2, 14, 14, 1, {"initial_epoch": 1}),
        (2, 17, 17, 2, {"initial_epoch": 2, "steps_per_epoch": 8}),
    ],
    ids=["before the first checkpoint", "in the second epoch", "steps_per_execution"],
)
def test_a_loaded_model_s_training_resumes(
    tmp_path, make_dataset, begun, every, killed_at, resumed_at, at_once, options
):
    """`epochs` counts from the beginning of this training, whatever `step` the model had."""

    def fit(callbacks):
        model = keras.models.load_model(begun)
        model.compile(steps_per_execution=at_once)
        history = model.fit(make_dataset(), epochs=5, verbose=0, callbacks=callbacks, **options)
        return model, history

    straight, history = fit([])
    assert int(straight.step) == 7 + len(history.epoch) * options.get("steps_per_epoch", 5)
    with pytest.raises(InterruptedError):
        fit([Checkpoint(tmp_path, every), StopAt(killed_at)])
    newest = Checkpoint.latest(tmp_path)
    assert resumed_at == (7 if newest is None else int(newest.name[5:]))
    resumed, rest = fit([Checkpoint(tmp_path, every)])
    assert_equal_states(resumed, state_of(straight))
    assert rest.epoch == history.epoch[-len(rest.epoch) :]
    assert rest.history["g_loss"][-1] == history.history["g_loss"][-1]
    if every == 3:
        return
    finished, nothing = fit([Checkpoint(tmp_path)])
    assert nothing.epoch == [] and int(finished.step) == int(straight.step)
    with pytest.raises(ValueError, match="differs in:\n  first_batch_sha256"):
        keras.models.load_model(begun).fit(
            make_dataset().map(lambda x: -x), verbose=0, callbacks=[Checkpoint(tmp_path)]
        )


def test_a_second_fit_resumes(tmp_path, make_model, make_dataset):
    def fit(*more):
        model = make_model()
        model.fit(make_dataset(), verbose=0, callbacks=[Checkpoint(tmp_path / "first")])
        model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path / "second", 1), *more])
        return state_of(model)

    with pytest.raises(InterruptedError):
        fit(StopAt(8))
    resumed = fit()
    for folder in ("first", "second"):
        shutil.rmtree(tmp_path / folder)
    for a, b in zip(resumed, fit(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_left_to_train_is_said(make_model, make_dataset, trained, tmp_path, capsys):
    make_model().fit(make_dataset(), epochs=2, verbose=2, callbacks=[Checkpoint(tmp_path)])
    assert "Nothing is left to train: 2 of 2 epochs are done." in capsys.readouterr().out


class Listener(keras.callbacks.Callback):
    """Notes the batches of which it hears, and that there is something in the logs."""

    def __init__(self):
        super().__init__()
        self.begun, self.ended, self.at = [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        assert np.isfinite(logs["g_loss"])
        self.ended.append(batch)
        self.at.append(int(self.model.step))


@pytest.mark.parametrize("at_once", [1, 2])
def test_callbacks_hear_of_no_step_of_another_process(tmp_path, make_model, make_dataset, at_once):
    data = make_dataset().repeat()
    with pytest.raises(InterruptedError):
        model = make_model(steps_per_execution=at_once)
        model.fit(data, epochs=2, steps_per_epoch=6, verbose=0, callbacks=[Checkpoint(tmp_path, 2), StopAt(10)])
    listener = Listener()
    resumed = make_model(steps_per_execution=at_once)
    resumed.fit(
        make_dataset().repeat(), epochs=3, steps_per_epoch=6, verbose=1, callbacks=[Checkpoint(tmp_path, 2), listener]
    )
    begins = [*range(4, 6), *range(6)] if at_once == 1 else [4, 0, 2, 4]
    assert listener.begun == begins
    assert listener.ended == [batch + at_once - 1 for batch in begins]
    assert listener.at == list(range(10 + at_once, 19, at_once))


@pytest.mark.parametrize(
    "steps, before, killed_at, after, fitting",
    [
        (5, 1, 8, 5, 1),
        (5, 1, 6, 2, 1),  # otherwise, epochs would have four steps
        (5, 2, 6, 1, 1),
        (8, 2, 10, 4, 2),
        (8, 4, 12, 8, 4),
    ],
)
def test_another_number_of_steps_per_execution_continues(
    tmp_path, make_model, make_dataset, capsys, steps, before, killed_at, after, fitting
):
    def fit(model, epochs, *callbacks, verbose=0):
        callbacks = [Checkpoint(tmp_path, every_n_steps=1), *callbacks]
        model.fit(make_dataset(), epochs=epochs, steps_per_epoch=steps, verbose=verbose, callbacks=callbacks)
        return model

    epoch = steps - steps % before
    straight = make_model(steps_per_execution=before)
    straight.fit(make_dataset(), epochs=4, steps_per_epoch=steps, verbose=0)
    with pytest.raises(InterruptedError):
        fit(make_model(steps_per_execution=before), 3, StopAt(killed_at))
    assert Checkpoint.latest(tmp_path).name == f"step_{killed_at:08d}"
    listener = Listener()
    resumed = fit(make_model(steps_per_execution=after), 3, listener, verbose=2)
    said = f"Each execution has {fitting} instead of {after} steps, to fit into the epochs of the training."
    assert (said in capsys.readouterr().out) == (fitting != after)
    assert listener.at == list(range(killed_at + fitting, 3 * epoch + 1, fitting))
    assert resumed.steps_per_execution == after
    fit(resumed, 3, verbose=2)  # nothing is left
    assert "Each execution" not in capsys.readouterr().out
    assert resumed.evaluate(make_dataset(), verbose=0, return_dict=True).keys() >= {"d_loss"}
    again = fit(make_model(steps_per_execution=after), 4)  # the epochs keep their length
    assert_equal_states(again, state_of(straight))


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_that_restores_weights(tmp_path, make_model, make_dataset, first):
    """The checkpoint holds the real end, not the best weights beside the optimizers of the end."""

    def stopping():
        return keras.callbacks.EarlyStopping("d_real", mode="max", baseline=9, restore_best_weights=True, patience=2)

    saver = Checkpoint(tmp_path)
    model = make_model()
    best = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: best.append((logs["d_real"], state_of(model)))
    )
    others = [note, stopping()]
    model.fit(make_dataset(), epochs=9, verbose=0, callbacks=[saver, *others] if first else [*others, saver])
    step = int(model.step)
    assert step == 5 * len(best) < 45 and Checkpoint.latest(tmp_path).name == f"step_{step:08d}"
    score, state = max(best, key=lambda pair: pair[0])
    networks = len(model.generator.weights + model.discriminator.weights + model.ema_generator.weights)
    for a, b in zip(state_of(model)[:networks], state[:networks], strict=True):
        np.testing.assert_array_equal(a, b)  # the model holds the best weights
    for a, b in zip(state_of(model)[networks:], best[-1][1][networks:], strict=True):
        np.testing.assert_array_equal(a, b)  # and all else of the end
    restored = make_model()
    Checkpoint(tmp_path).restore_into(restored)
    assert_equal_states(restored, best[-1][1])
    straight = make_model()
    straight.fit(make_dataset(), epochs=len(best) + 1, verbose=0)
    restored = make_model()
    restored.fit(make_dataset(), epochs=len(best) + 1, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert_equal_states(restored, state_of(straight))


def test_weights_set_within_a_training_resume(tmp_path, make_model, make_dataset):
    """A callback that goes back to earlier weights goes on with the data and the optimizers."""

    class Back(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.set_weights([0.5 * weight for weight in self.model.get_weights()])

    straight = make_model()
    straight.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Back()])
    with pytest.raises(InterruptedError):
        make_model().fit(make_dataset(), epochs=2, verbose=0, callbacks=[Back(), Checkpoint(tmp_path), StopAt(7)])
    resumed = make_model()
    resumed.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Back(), Checkpoint(tmp_path)])
    assert int(resumed.step) == 10
    assert_equal_states(resumed, state_of(straight))


def test_refuses_other_frozen_layers(tmp_path, make_model, make_dataset, trained):
    model = make_model()
    model.freeze("discriminator", layers=1)
    model.compile(ema_decay=0.9)
    with pytest.raises(ValueError, match=r"config.after_init: expected \{'frozen': .*, found None"):
        model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert int(model.step) == 0


@pytest.mark.slow
def test_resumed_equals_uninterrupted_on_two_devices(tmp_path, make_dataset, make_model, two_devices):
    def fit(callbacks):
        with two_devices.scope():
            model = make_model()
        model.fit(make_dataset(), epochs=2, verbose=0, callbacks=callbacks)
        return [variable.numpy() for variable in model.variables]

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step.numpy()) == 7:
                raise InterruptedError

    uninterrupted = fit([])
    with pytest.raises(InterruptedError):
        fit([Checkpoint(tmp_path, every_n_steps=2), Stop()])
    assert Checkpoint.latest(tmp_path) == tmp_path / "step_00000006"
    for a, b in zip(fit([Checkpoint(tmp_path)]), uninterrupted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_manifest_and_keep(tmp_path, make_model, make_dataset):
    model = make_model()
    model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path, every_n_steps=2, keep=2)])
    assert folders(tmp_path) == ["step_00000008", "step_00000010"]
    folder = tmp_path / "step_00000010"
    assert folders(folder) == ["manifest.json", "state.weights.h5"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["step"], manifest["epoch"]) == (10, 2)
    assert manifest["file"]["bytes"] == (folder / "state.weights.h5").stat().st_size
    assert manifest["identity"]["model"] == "GAN"
    assert manifest["identity"]["config"]["latent_dim"] == 4
    assert manifest["identity"]["compile_config"]["ema_decay"] == 0.9
    assert manifest["versions"]["keras"] == keras.__version__


def test_the_end_is_saved_whatever_the_interval(tmp_path, make_model, make_dataset):
    make_model().fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path, every_n_epochs=2)])
    assert folders(tmp_path) == ["step_00000010", "step_00000015"]


def test_steps_per_execution(tmp_path, make_model, make_dataset):
    model = make_model(steps_per_execution=2)
    model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path, 3, None, keep=9)])
    assert folders(tmp_path) == [f"step_{step:08d}" for step in (4, 6, 10, 12)]


def test_a_fresh_folder_restores_nothing(tmp_path, make_model):
    assert Checkpoint.latest(tmp_path / "none") is None
    assert Checkpoint(tmp_path / "none").restore_into(make_model()) is None


def truncate(share):
    def damage(path):
        os.truncate(path, int(share * path.stat().st_size))

    damage.__name__ = f"truncated to {share}"
    return damage


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("file", ["state.weights.h5", "manifest.json"])
@pytest.mark.parametrize(
    "damage", [truncate(0), truncate(0.3), truncate(0.9), flip_a_bit, remove], ids=lambda damage: damage.__name__
)
def test_a_damaged_newest_falls_back(tmp_path, make_model, trained, file, damage):
    damage(tmp_path / "step_00000010" / file)
    with pytest.warns(UserWarning, match="step_00000010.*is damaged; trying the previous one"):
        assert Checkpoint.latest(tmp_path) == tmp_path / "step_00000005"
    model = make_model()
    with pytest.warns(UserWarning, match="step_00000010.*is damaged"):
        manifest = Checkpoint(tmp_path, keep=1).restore_into(model)
    assert manifest["step"] == int(model.step) == 5
    assert folders(tmp_path) == ["step_00000005", "step_00000010.damaged"]


def test_goes_on_after_a_fall_back(tmp_path, make_model, make_dataset, trained):
    flip_a_bit(tmp_path / "step_00000010" / "state.weights.h5")
    model = make_model()
    with pytest.warns(UserWarning, match="step_00000010.*is damaged"):
        model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path, keep=1)])
    assert folders(tmp_path) == ["step_00000010", "step_00000010.damaged"]
    assert Checkpoint.latest(tmp_path) == tmp_path / "step_00000010"
    assert_equal_states(model, trained)


def test_all_damaged_is_an_error(tmp_path, make_model, trained):
    for step in ("05", "10"):
        truncate(0.5)(tmp_path / f"step_000000{step}" / "state.weights.h5")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(OSError, match="(?s)step_00000010.*step_00000005"):
        Checkpoint(tmp_path).restore_into(make_model())


def test_refuses_other_options(tmp_path, make_model, make_dataset, trained):
    other = make_model(ema_decay=0.99, loss="hinge", steps_per_execution=2)
    with pytest.raises(ValueError) as error:
        other.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert "compile_config.ema_decay: expected 0.99, found 0.9" in str(error.value)
    assert "compile_config.loss" in str(error.value)
    assert "steps_per_execution" not in str(error.value)
    assert int(other.step) == 0
    other = make_model(g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5))
    with pytest.raises(
        ValueError, match="in:\n  compile_config.g_optimizer.config.learning_rate: expected 0.001.*\nCont"
    ):
        Checkpoint(tmp_path).restore_into(other)


@pytest.mark.parametrize("change", ["batch size", "rate"])
def test_the_refusal_names_a_way_that_works(tmp_path, make_model, make_dataset, trained, change):
    dataset = make_dataset().unbatch().batch(4, drop_remainder=True) if change == "batch size" else make_dataset()
    options = {"g_optimizer": keras.optimizers.Adam(1e-3)} if change == "rate" else {}
    with pytest.raises(ValueError) as error:
        make_model(**options).fit(dataset, verbose=0, steps_per_epoch=5, callbacks=[Checkpoint(tmp_path)])
    lines = re.findall(r"(?m)^  (model\..*)$", str(error.value))
    file = tmp_path / "step_00000010" / "state.weights.h5"
    assert [line.partition("  #")[0] for line in lines] == [
        "model.compile(...)",
        f"model.load_weights({str(file)!r})",
        "model.compile(...)",
    ]
    model = make_model(seed=7)
    model.load_weights(file)
    model.compile(**({"g_optimizer": keras.optimizers.Adam(1e-3)} if change == "rate" else {}))
    networks = model.generator.weights + model.discriminator.weights + model.ema_generator.weights
    for ours, saved in zip(networks, trained):
        np.testing.assert_array_equal(ours, saved)
    assert float(model.g_optimizer.learning_rate) == pytest.approx(1e-3 if change == "rate" else 2e-4)
    model.fit(dataset, verbose=0, steps_per_epoch=5, callbacks=[Checkpoint(tmp_path / "of its own")])
    assert Checkpoint.latest(tmp_path / "of its own").name == "step_00000015"


def test_adam_of_keras_and_of_kerasgan_continue_each_other(tmp_path, make_model, trained):
    other = make_model(**{name: keras.optimizers.Adam(2e-4, beta_1=0.5) for name in ("g_optimizer", "d_optimizer")})
    assert type(other.g_optimizer) is not type(make_model().g_optimizer)
    Checkpoint(tmp_path).restore_into(other)
    assert_equal_states(other, trained)


def test_layers_of_keras_and_of_kerasgan_continue_each_other(tmp_path):
    def model(convolution, rectifier):
        images = keras.Input((8, 8, 1), name="images")
        x = keras.layers.Flatten()(rectifier(0.2)(convolution(2, 3, 2, "same")(images)))
        judge = keras.Model(images, keras.layers.Dense(1, dtype="float32")(x))
        model = kerasgan.GAN(image_size=8, latent_dim=4, discriminator=judge, seed=3)
        model.compile(ema_decay=0.9)
        return model

    trained = model(kerasgan.convolutions.Conv2D, kerasgan.layers.LeakyReLU)
    data = kerasgan.data.from_arrays(np.linspace(-1, 1, 16 * 64, dtype="float32").reshape(16, 8, 8, 1), 8, seed=1)
    trained.fit(data, verbose=0, callbacks=[Checkpoint(tmp_path)])
    other = model(keras.layers.Conv2D, keras.layers.LeakyReLU)
    Checkpoint(tmp_path).restore_into(other)
    assert_equal_states(other, state_of(trained))
    with pytest.raises(ValueError, match="(?s)belongs to another training.*LeakyReLU"):
        Checkpoint(tmp_path).restore_into(model(keras.layers.Conv2D, keras.layers.ReLU))


@pytest.mark.parametrize("change", [{"module": "kerasgan.former"}, {"registered_name": "kerasgan>Former"}])
def test_a_class_goes_by_its_registered_name_wherever_it_lives(tmp_path, change):
    def model():
        images = keras.Input((4, 4, 1), name="images")
        x = kerasgan.layers.Dropout(0.5)(keras.layers.Flatten()(images))
        judge = keras.Model(images, keras.layers.Dense(1, dtype="float32")(x))
        model = kerasgan.GAN(image_size=4, latent_dim=2, discriminator=judge, seed=3)
        model.compile()
        return model

    def moved(value):
        if isinstance(value, dict):
            value = {key: moved(item) for key, item in value.items()}
            return value | (change if value.get("registered_name") == "kerasgan>Dropout" else {})
        return [moved(item) for item in value] if isinstance(value, list) else value

    data = kerasgan.data.from_arrays(np.full((4, 4, 4, 1), -0.5, "float32"), 4, seed=1)
    model().fit(data, verbose=0, callbacks=[Checkpoint(tmp_path)])
    path = Checkpoint.latest(tmp_path) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    changed = manifest | {"identity": moved(manifest["identity"])}
    assert changed != manifest
    path.write_text(json.dumps(changed | {"sha256": checkpoint_files.hash_of_json(changed)}))
    if "module" in change:
        assert Checkpoint(tmp_path).restore_into(model()) is not None
    else:
        with pytest.raises(ValueError, match="(?s)belongs to another training.*Former"):
            Checkpoint(tmp_path).restore_into(model())


def test_other_data(tmp_path, make_model, make_dataset, trained):
    with pytest.raises(ValueError, match="first_batch: expected"):
        make_model().fit(make_dataset().unbatch().batch(4), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    others, model = make_dataset().map(lambda x: -x), make_model()
    with pytest.raises(
        ValueError, match="(?s)differs in:\n  first_batch_sha256: expected '[0-9a-f]{64}', found '[0-9a-f]{64}'\n"
    ):
        model.fit(others, epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert int(model.step) == 0
    model.fit(others, epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path, same_data=False)])
    assert int(model.step) == 15


def test_fit_goes_on_in_the_same_process(tmp_path, make_model, make_dataset):
    """A schedule has moved the learning rate meanwhile: that is no changed option."""
    model = make_model()
    halve = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.g_optimizer.learning_rate.assign(model.g_optimizer.learning_rate / 2)
    )
    model.fit(make_dataset(), epochs=1, verbose=0, callbacks=[Checkpoint(tmp_path), halve])
    model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path), halve])
    assert int(model.step) == 10
    assert float(model.g_optimizer.learning_rate) == pytest.approx(2e-4 / 4)
    resumed = make_model()
    assert Checkpoint(tmp_path).restore_into(resumed)["step"] == 10
    assert float(resumed.g_optimizer.learning_rate) == pytest.approx(2e-4 / 4)


def test_never_goes_back_behind_the_model(tmp_path, make_model, trained):
    model = make_model()
    model.step.assign(15)
    with pytest.raises(ValueError, match="The model is at step 15, after the newest checkpoint"):
        Checkpoint(tmp_path).restore_into(model)


def test_non_finite_logs_are_never_saved(tmp_path, make_model, images):
    images[8 * 3] = np.nan
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(8)
    stop = StopOnNonFinite()
    callbacks = [Checkpoint(tmp_path, every_n_steps=1, keep=9), stop]
    make_model().fit(dataset, epochs=3, verbose=0, callbacks=callbacks)
    assert stop.stopped_on["step"] == 4
    assert folders(tmp_path) == [f"step_{step:08d}" for step in (1, 2, 3)]


def test_non_finite_weights_are_never_saved(tmp_path, make_model, make_dataset):
    model = make_model()
    poison = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: epoch == 1 and model.generator.weights[0].assign(np.full((4, 64), np.inf))
    )
    with pytest.warns(UserWarning, match="No checkpoint at step 10: .*generator.* is not finite"):
        model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path), poison])
    assert folders(tmp_path) == ["step_00000005"]


def test_other_callbacks_state(tmp_path, make_model, make_dataset):
    # Listed behind the checkpoint: its count must be saved as it is after the epoch.
    callbacks = [Checkpoint(tmp_path), EquilibriumStopping(eps=0.499, patience=9)]
    make_model().fit(make_dataset(), epochs=2, verbose=0, callbacks=callbacks)
    resting = EquilibriumStopping(eps=0.499, patience=9)
    checkpoint = Checkpoint(tmp_path)
    manifest = checkpoint.restore_into(make_model(), [checkpoint, resting])
    assert manifest["state"] == {"EquilibriumStopping": {"epochs_at_rest": 2}}
    assert resting.get_state() == {"epochs_at_rest": 2}


def test_debris_of_dead_processes_is_removed(tmp_path, make_model, trained):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".tmp-{dead.pid}@{files.MACHINE}-step_00000012"
    left.mkdir()
    (left / "state.weights.h5").write_bytes(b"half")
    alive = tmp_path / f".tmp-{os.getppid()}@{files.MACHINE}-step_00000013"
    alive.mkdir()
    Checkpoint(tmp_path).restore_into(make_model())
    assert folders(tmp_path) == [alive.name, "step_00000005", "step_00000010"]


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_full_disk(tmp_path, make_model, make_dataset, trained):
    """The system refuses to let files grow beyond a limit: to h5py, a disk that is full."""
    import resource

    before = contents(tmp_path)
    model = make_model()
    Checkpoint(tmp_path).restore_into(model)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(
            OSError, match="Could not write a checkpoint.*earlier checkpoints are unchanged.*step_00000015"
        ):
            model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == before
    Checkpoint(tmp_path).restore_into(make_model())
    assert folders(tmp_path) == ["step_00000005", "step_00000010"]


def test_a_folder_that_cannot_be_made(tmp_path, make_model, make_dataset):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file/run"):
        make_model().fit(make_dataset(), verbose=0, callbacks=[Checkpoint(tmp_path / "file" / "run")])


def test_signals_in_this_process(tmp_path, make_model, make_dataset, uninterrupted):
    old = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    class Send(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.step) == 7:
                signal.raise_signal(signal.SIGTERM)

    model = make_model()
    with pytest.raises(SystemExit) as status:
        model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path), Send()])
    assert status.value.code == 143
    assert folders(tmp_path) == ["step_00000005", "step_00000008"]
    assert {number: signal.getsignal(number) for number in old} == old

    resumed = make_model()
    resumed.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert_equal_states(resumed, uninterrupted[0])
    assert {number: signal.getsignal(number) for number in old} == old


def test_a_signal_in_the_last_step_of_an_epoch_lets_the_epoch_end(tmp_path, make_model, make_dataset):
    ended = []

    class Send(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.step) == 4:
                signal.raise_signal(signal.SIGINT)

        def on_epoch_end(self, epoch, logs=None):
            ended.append(epoch)

    with pytest.raises(SystemExit) as status:
        make_model().fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path), Send()])
    assert status.value.code == 130
    assert ended == [0]
    assert folders(tmp_path) == ["step_00000005"]


def test_a_second_signal_ends_at_once(tmp_path, make_model, make_dataset):
    class Send(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.step) == 7:
                signal.raise_signal(signal.SIGINT)
                self.model.asked = True
                signal.raise_signal(signal.SIGINT)

    model = make_model()
    old = signal.signal(signal.SIGINT, signal.default_int_handler)  # the workers of a parallel test run ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path), Send()])
    finally:
        signal.signal(signal.SIGINT, old)
    assert model.asked and int(model.step) == 7
    assert folders(tmp_path) == ["step_00000005"]


def test_a_signal_after_a_failed_fit_acts_as_before(tmp_path, make_model, make_dataset):
    """Keras calls no `on_train_end` after an exception: the handler must find out by itself."""
    caught = []
    old = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
    try:
        with pytest.raises(InterruptedError):
            make_model().fit(make_dataset(), verbose=0, callbacks=[Checkpoint(tmp_path), StopAt(2)])
        signal.raise_signal(signal.SIGTERM)
        assert caught == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, old)


SCRIPT = """
import pathlib
import sys
import time
sys.path.insert(0, {tests!r})
import keras
import numpy as np
from conftest import tiny_gan
from kerasgan.callbacks import Checkpoint

model = tiny_gan()
model.compile()
print("training", flush=True)
images = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")


def in_step(batch, logs):
    pathlib.Path({directory!r}, "in step").touch()
    {during_step}


model.fit(images, batch_size=8, epochs=100000, verbose=0,
          callbacks=[Checkpoint({directory!r} + "/run", every_n_steps=20, every_n_epochs=None, keep=2),
                     keras.callbacks.LambdaCallback(on_train_batch_begin=in_step)])
"""


@pytest.fixture
def process(tmp_path):
    running = []

    def start(during_step="pass"):
        script = SCRIPT.format(tests=os.path.dirname(__file__), directory=str(tmp_path), during_step=during_step)
        running.append(
            subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        assert running[-1].stdout.readline() == "training\n"
        return running[-1]

    yield start
    for each in running:
        each.kill()
        each.communicate()


def wait_for(process, condition):
    import time

    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_on_a_process(tmp_path, process, number, status):
    run = process()
    wait_for(run, lambda: (tmp_path / "run").exists() and Checkpoint.latest(tmp_path / "run") is not None)
    run.send_signal(number)
    _, errors = run.communicate(timeout=300)
    assert run.returncode == status, errors
    assert f"{number.name}: saving after this step" in errors
    assert Checkpoint.latest(tmp_path / "run") is not None


def test_a_second_process_is_refused_and_harms_nothing(tmp_path, process, make_model, make_dataset):
    """Restoring and training beside a living run; once it is killed, both work at once."""
    run, directory = process(), tmp_path / "run"
    wait_for(run, lambda: directory.exists() and Checkpoint.latest(directory) is not None)
    model = make_model(ema_decay=0.0)
    named = f"Another training writes into this folder: process {run.pid} on .*'{directory}'"
    with pytest.raises(BlockingIOError, match=named):
        Checkpoint(directory, keep=1).restore_into(model)
    with pytest.raises(BlockingIOError, match=named):
        model.fit(make_dataset(), verbose=0, callbacks=[Checkpoint(directory, keep=1)])
    assert int(model.step) == 0
    seen = Checkpoint.latest(directory)
    wait_for(run, lambda: Checkpoint.latest(directory) != seen)  # it goes on, undisturbed
    run.kill()
    run.wait()
    assert (directory / ".lock").exists()
    assert Checkpoint(directory).restore_into(make_model(ema_decay=0.0)) is not None
    assert not (directory / ".lock").exists()


def test_a_folder_is_free_after_the_training(tmp_path, make_model, make_dataset):
    checkpoint = Checkpoint(tmp_path)
    held = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: held_at.append((tmp_path / ".lock").exists()))
    held_at = []
    make_model().fit(make_dataset(), epochs=2, verbose=0, callbacks=[checkpoint, held])
    assert held_at == [True, True] and folders(tmp_path) == ["step_00000005", "step_00000010"]


@pytest.mark.slow
def test_a_second_signal_on_a_process(tmp_path, process):
    """The step that the first signal waits for takes an hour; the second does not wait."""
    run = process(during_step="time.sleep(3600)")
    wait_for(run, lambda: (tmp_path / "in step").exists())
    run.send_signal(signal.SIGTERM)
    assert any("SIGTERM: saving after this step" in line for line in run.stderr)  # behind TensorFlow's own lines
    run.send_signal(signal.SIGTERM)
    assert run.wait(300) == -signal.SIGTERM
    assert folders(tmp_path / "run") == [".lock"]


@pytest.mark.slow
def test_sigkill_at_random_moments(tmp_path, process):
    import random
    import time

    moments = random.Random(0)
    directory = tmp_path / "run"
    newest = 0
    for _ in range(20):
        run = process()
        # Not before the run has gone beyond the one before: then it is sure to be saving.
        before = set(directory.glob("step_*"))
        wait_for(run, lambda before=before: set(directory.glob("step_*")) - before)
        time.sleep(moments.uniform(0, 0.5))
        run.kill()
        run.communicate()
        folder = Checkpoint.latest(directory)  # warns, hence fails, where the newest is damaged
        assert int(folder.name[5:]) > newest
        newest = int(folder.name[5:])
        # `keep`, and what lay half-written or half-removed
        assert len(set(directory.iterdir()) - {directory / ".lock"}) <= 2 + 2
