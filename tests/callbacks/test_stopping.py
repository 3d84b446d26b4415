import numpy as np
import pytest
import tensorflow as tf

from kerasgan.callbacks import EquilibriumStopping, StopOnNonFinite


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


def test_a_finite_run_goes_to_its_end(make_model, dataset):
    model = make_model()
    stop = StopOnNonFinite()
    model.fit(dataset, epochs=2, verbose=0, callbacks=[stop])
    assert int(model.step) == 10
    assert stop.stopped_on is None


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
