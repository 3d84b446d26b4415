import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

import kerasgan
from kerasgan.callbacks import Checkpoint, EquilibriumStopping, StopOnNonFinite
from kerasgan_cli import main


def poisoned(images, bad_batch):
    """Eight-image batches, one of which turns every loss into NaN."""
    images = images.copy()
    images[8 * bad_batch] = np.nan
    return tf.data.Dataset.from_tensor_slices(images).batch(8)


@pytest.mark.parametrize("steps_per_execution, stopped_step", [(1, 3), (2, 4)])
def test_stops_at_the_first_non_finite_value(make_model, images, capsys, steps_per_execution, stopped_step):
    model = make_model(steps_per_execution=steps_per_execution)
    stop = StopOnNonFinite()
    model.fit(poisoned(images, bad_batch=2), epochs=3, steps_per_epoch=4, verbose=0, callbacks=[stop])
    assert int(model.step) == stopped_step
    assert stop.stopped_on["step"] == stopped_step
    assert stop.stopped_on["epoch"] == 1
    assert stop.stopped_on["name"] in ("d_loss", "g_loss", "d_real", "d_fake")
    assert np.isnan(stop.stopped_on["value"])
    assert f"at step {stopped_step} (epoch 1): `{stop.stopped_on['name']}` is nan" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_line_names_it_and_ends_with_1(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype="uint8")):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    steep = {name: keras.optimizers.SGD(1e38) for name in ("g_optimizer", "d_optimizer")}
    monkeypatch.setattr(kerasgan.GAN, "defaults", lambda self: steep)
    options = {"--data": "./photos", "--image-size": "8", "--channels": "1", "--batch-size": "8", "--out": "run"}
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", "gan", *[part for pair in options.items() for part in pair]])
    assert result.exit_code == 1, result.output
    # No state was finite, so none is promised; the page that it names is there.
    message = r"Error: Training stopped at step \d+ \(epoch 1\): `[\w/]+` is (nan|-?inf)\. See the report run/"
    assert re.search(message, result.output), result.output
    assert not list((tmp_path / "run").glob("checkpoints/*")) and "finite state" not in result.output
    assert "<h2>What looks wrong</h2>" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("part", ["averaged weight", "statistic of batches"])
def test_stops_at_what_is_not_trained(tmp_path, make_model, dataset, part):
    """While the losses and the trained weights are finite."""
    model = make_model()
    average, statistic = model.ema_generator.weights[1], model.discriminator.get_layer(index=2).moving_mean
    variable, name = {
        "averaged weight": (average, f"ema_generator: {average.path}"),
        "statistic of batches": (statistic, statistic.path),
    }[part]
    poison = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: batch == 2 and variable.assign(np.full(variable.shape, np.nan))
    )
    stop = StopOnNonFinite()
    log = model.fit(dataset, epochs=3, verbose=0, callbacks=[poison, stop]).history
    assert int(model.step) == 3
    assert stop.stopped_on["name"] == name and np.isnan(stop.stopped_on["value"])
    assert all(np.isfinite(values).all() for values in log.values())
    assert all(np.isfinite(weight).all() for weight in model.trainable_weights)


def test_a_finite_run_goes_to_its_end(make_model, dataset):
    model = make_model()
    stop = StopOnNonFinite()
    model.fit(dataset, epochs=2, verbose=0, callbacks=[stop])
    assert int(model.step) == 10
    assert stop.stopped_on is None


def test_a_callback_that_is_used_again_forgets_the_stop_before(make_model, images, dataset):
    non_finite, rest = StopOnNonFinite(), EquilibriumStopping(eps=0.499, patience=1)
    make_model().fit(poisoned(images, 2), verbose=0, callbacks=[non_finite])
    make_model().fit(dataset, verbose=0, callbacks=[rest])
    assert non_finite.stopped_on and rest.stopped_epoch == 1
    rest.patience = 2
    make_model().fit(dataset, verbose=0, callbacks=[non_finite, rest])  # of one epoch
    assert non_finite.stopped_on is None and rest.stopped_epoch is None


@keras.saving.register_keras_serializable("tests")
class Root(keras.layers.Layer):
    """Adds the root of 0, of which the value is 0 and the derivative, times 0, NaN."""

    def call(self, inputs):
        return inputs + tf.sqrt(0 * inputs)


@pytest.mark.parametrize("devices", ["one device", pytest.param("two devices", marks=pytest.mark.slow)])
def test_stops_at_a_gradient_that_is_not_finite_while_the_losses_are(tmp_path, devices, two_devices, images):
    strategy = two_devices if devices == "two devices" else tf.distribute.get_strategy()
    with strategy.scope():
        latents = keras.Input((4,))
        x = Root()(keras.layers.Dense(64, activation="tanh", name="painted")(latents))
        generator = keras.Model(latents, keras.layers.Reshape((8, 8, 1))(x))
        model = kerasgan.GAN(image_size=8, latent_dim=4, generator=generator, seed=0)
        model.compile()
    stop = StopOnNonFinite()
    callbacks = [Checkpoint(tmp_path, every_n_steps=1), stop]
    with pytest.warns(UserWarning, match="No checkpoint at step 1: .* is not finite"):
        log = model.fit(images, batch_size=8, epochs=3, verbose=0, callbacks=callbacks).history
    assert all(np.isfinite(values).all() for values in log.values())
    assert stop.stopped_on["step"] == 1 and np.isnan(stop.stopped_on["value"])
    assert stop.stopped_on["name"] == "painted/kernel"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinities_of_any_log_and_shape(make_model, value):
    stop = StopOnNonFinite()
    model = make_model()
    stop.set_model(model)
    stop.on_train_batch_end(0, {"d_loss": 1.0, "g_loss": np.array([1.0])})
    assert not model.stop_training
    stop.on_train_batch_end(1, {"d_loss": 1.0, "g_loss": np.array([value])})
    assert model.stop_training
    assert stop.stopped_on["name"] == "g_loss"
    assert stop.stopped_on["value"] == pytest.approx(value, nan_ok=True)


def feed(stop, model, epochs):
    stop.set_model(model)
    model.stop_training = False
    for epoch, (d_real, d_fake) in enumerate(epochs):
        stop.on_epoch_end(epoch, {"d_real": d_real, "d_fake": d_fake})
        if model.stop_training:
            return epoch + 1
    return None


def test_equilibrium(make_model):
    model = make_model()
    rest, real_off, fake_off = (0.54, 0.46), (0.56, 0.5), (0.5, 0.44)
    assert feed(EquilibriumStopping(patience=2), model, [rest, rest]) == 2
    assert feed(EquilibriumStopping(patience=2), model, [rest, real_off, rest, fake_off, rest]) is None
    assert feed(EquilibriumStopping(patience=1, eps=0.07), model, [real_off]) == 1


def test_equilibrium_continues_from_its_state(make_model):
    model, rest = make_model(), (0.5, 0.5)
    first = EquilibriumStopping(patience=3)
    assert feed(first, model, [rest, rest]) is None
    second = EquilibriumStopping(patience=3)
    second.set_state(first.get_state())
    assert feed(second, model, [rest]) == 1


def test_equilibrium_refuses(make_model):
    with pytest.raises(ValueError, match="Received: 0.5"):
        EquilibriumStopping(eps=0.5)
    with pytest.raises(ValueError, match="`patience`"):
        EquilibriumStopping(patience=0)
    with pytest.raises(ValueError, match=r"Received: \['critic_loss'\]"):
        EquilibriumStopping().on_epoch_end(0, {"critic_loss": 1.0})
    model = kerasgan.Autoencoder(image_size=8, channels=1, networks="conv", width=2, code=2)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"logs 'd_real' and 'd_fake'. Received: \['loss', 'reconstruction'\]"):
        model.fit(np.full((8, 8, 8, 1), -0.5, "float32"), batch_size=2, verbose=0, callbacks=[EquilibriumStopping()])
    assert int(model.step) == 1  # of four
