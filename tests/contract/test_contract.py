"""The contract that every model keeps, whatever its paper. The cases are in `cases.py`."""

import copy
import json
import operator
import os
import pathlib
import re
import subprocess
import sys

import cases
import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import convolutions, testing
from kerasgan.callbacks import CollapseMonitor, ScoreMonitor, identity
from kerasgan.callbacks.score_monitor import samples_like
from kerasgan.testing import assert_same_state, assert_same_training, plain_descent, state, train


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in cases.CASES], scope="module"
)
def case(request):
    return cases.CASES[request.param]


@pytest.fixture(scope="module")
def untrained(case):
    """The model as `trained` began. Tests leave it as it is."""
    keras.utils.set_random_seed(0)
    return case.model()


@pytest.fixture(scope="module")
def trained(case):
    """Four steps of the paper's training."""
    return train(case)


@pytest.fixture(scope="module")
def reference(case):
    """Four steps of plain descent in graph mode on one device, to compare other ways of executing with."""
    return train(case, optimizers=plain_descent)


def test_default_model_is_built_compiled_and_described(case):
    model = case.default()
    model.compile()
    ours = (kerasgan.optimizers.Adam, kerasgan.optimizers.RMSprop, keras.optimizers.SGD)
    assert model.optimizers and all(optimizer.built for optimizer in model.optimizers)
    assert all(type(optimizer) in ours for optimizer in model.optimizers)
    assert len({type(optimizer) for optimizer in model.optimizers}) == 1
    json.dumps(model.get_config())
    json.dumps(model.get_compile_config())
    assert type(model).__doc__.count("arxiv.org/abs/") >= 1


def test_a_step_compiled_for_a_gpu_reaches_every_variable(untrained):
    """TensorFlow keeps int32 variables in the host's memory, whatever the device."""
    assert [v.path for v in untrained.variables if v.dtype == "int32"] == []


def test_logs_are_finite_and_named(case, trained):
    testing.check_logs(case, trained)
    model, history = trained
    assert set(model.loss_names) | ({"d_real", "d_fake"} if case.game else set()) == set(history)


def test_training_changes_every_trainable_weight(case, trained, untrained):
    testing.check_training_reaches_every_weight(case, trained, untrained)


def test_samples_are_images_repeatable_by_seed(case, trained):
    testing.check_samples(case, trained)


def test_preview_is_a_grid(case, trained):
    testing.check_preview(case, trained)


def test_monitors_draw_an_image_for_each_real_one_or_refuse_before_the_first_step(case, trained):
    model, _ = trained
    dataset = tf.data.Dataset.from_tensor_slices(case.arrays(8)).batch(4)
    batch = next(iter(dataset))
    metric = keras.metrics.MeanSquaredError("difference")
    for monitor in (ScoreMonitor([metric], dataset, directory="unused"), CollapseMonitor()):
        monitor.set_model(model)
        if type(model).__name__ in ("ADDA", "Autoencoder", "DANN", "Vid2Vid"):
            with pytest.raises(
                ValueError, match=rf"`{type(monitor).__name__}` .* Received: {type(model).__name__}. Re"
            ):
                monitor.on_train_begin()
        else:
            assert samples_like(model, batch, seed=1).shape == model.real_images(batch).shape


def test_evaluate_returns_losses_and_compiled_metrics_and_leaves_no_trace(case):
    class Distance(keras.metrics.MeanAbsoluteError):
        pass

    if not case.game or case.evaluated:
        pytest.skip("see the next test")
    model = case.model(metrics=[Distance(name="distance")], ema_decay=0.5)
    model.means["d_loss"].update_state(3.0)  # as in the middle of an epoch
    before = state(model)
    logs = model.evaluate(case.dataset(), return_dict=True, verbose=0)
    names = [name for name in model.log_names() if name not in model.training_names]
    assert list(logs) == model.metrics_names == [*names, "distance"]
    assert set(names) | set(model.training_names) >= {*model.loss_names, "d_real", "d_fake"}
    assert all(np.isfinite(value) for value in logs.values())
    assert logs["distance"] > 0
    for (name, old), new in zip(before.items(), state(model).values(), strict=True):
        np.testing.assert_array_equal(old, new, err_msg=name)
    assert float(model.means["d_loss"].result()) == 3
    # Threads may add up in another order.
    assert model.evaluate(case.dataset(), return_dict=True, verbose=0) == pytest.approx(logs, rel=1e-6)
    # What is judged, and drawn, is the average alone.
    logs.pop("kl_loss", None)  # of the condition that is being trained
    samples = case.sample(model, 1)
    change(model, "")
    found = model.evaluate(case.dataset(), return_dict=True, verbose=0)
    assert {name: found[name] for name in logs} == pytest.approx(logs, rel=1e-6)
    np.testing.assert_array_equal(case.sample(model, 1), samples)
    change(model, "ema_")
    assert model.evaluate(case.dataset(), return_dict=True, verbose=0)["distance"] != pytest.approx(logs["distance"])
    assert not np.array_equal(case.sample(model, 1), samples)


def test_evaluation_without_an_average_changes_no_statistics(case):
    """Averages are frozen, and so their batch norms: what networks in training do is not seen of them."""
    if not case.game:
        pytest.skip("a model that is no game has no average here")
    model = case.model(ema_decay=0.0)
    before = [np.array(weight) for weight in model.weights]
    model.test_step(tf.nest.map_structure(tf.constant, (case.evaluated or case.arrays)(8)))
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight, err_msg=weight.path)


def change(model, prefix):
    """Changes the weights, statistics of the batch included, of the networks that samples come from."""
    for name in model.sampling_networks:
        for weight in getattr(model, prefix + name).weights:
            weight.assign(1.5 * weight + 0.05)


def test_evaluate_of_what_is_no_game_or_needs_labels_leaves_no_trace(case):
    if case.game and not case.evaluated:
        pytest.skip("see the test before")
    model = case.model()
    model.means[model.loss_names[0]].update_state(3.0)  # as in the middle of an epoch
    before = state(model)
    arrays = (case.evaluated or case.arrays)(16)
    logs = model.evaluate(arrays, batch_size=8, return_dict=True, verbose=0)
    assert set(logs) == set(model.evaluation_names or model.loss_names)
    assert all(np.isfinite(value) for value in logs.values())
    for (name, old), new in zip(before.items(), state(model).values(), strict=True):
        np.testing.assert_array_equal(old, new, err_msg=name)
    again = model.evaluate(arrays, batch_size=8, verbose=0)
    assert dict(zip(model.metrics_names, again, strict=True)) == pytest.approx(logs, rel=1e-6)


def test_evaluation_counts_images_not_batches(case, monkeypatch):
    def constant(shape, seed):
        return tf.fill(shape, 0.4)

    monkeypatch.setattr(kerasgan.random, "unit", constant)  # the same noise for each batch
    model = case.model()
    model.set_weights([2 * weight for weight in model.get_weights()])  # so that batches differ
    arrays = (case.evaluated or case.arrays)(12)
    parts = slice(12), slice(8), slice(8, 12)
    both, of_large, of_small = (
        model.evaluate(part, batch_size=8, return_dict=True, verbose=0)
        for part in (tf.nest.map_structure(operator.itemgetter(rows), arrays) for rows in parts)
    )
    assert both == pytest.approx({name: (8 * of_large[name] + 4 * of_small[name]) / 12 for name in both}, rel=1e-5)
    assert both != pytest.approx({name: (of_large[name] + of_small[name]) / 2 for name in both}, rel=1e-5)


def test_validation_equals_evaluation(case):
    model = case.model()
    arrays = (case.evaluated or case.arrays)(16)
    options = {"epochs": 1, "steps_per_epoch": 1, "verbose": 0, "validation_batch_size": 8}
    history = model.fit(case.dataset(), validation_data=arrays, **options).history
    logs = model.evaluate(arrays, batch_size=8, return_dict=True, verbose=0)
    found = {name: value for name, (value,) in history.items() if name.startswith("val_")}
    assert found == pytest.approx({f"val_{name}": value for name, value in logs.items()}, rel=1e-6)
    if case.evaluated:
        with pytest.raises(ValueError, match=r"`validation_split` must be 0. Received: 0.5. Remedy: `validation_data"):
            model.fit(case.arrays(16), validation_split=0.5)
        with pytest.raises(ValueError, match=r"expected batches of `\(images, labels\)` for `evaluate`"):
            model.evaluate(case.arrays(16))


def test_evaluation_checks_the_first_batch(case, untrained):
    arrays = (case.evaluated or case.arrays)(8)
    broken = tf.nest.map_structure(lambda a: a * np.nan if a.dtype == "float32" else a, arrays)
    with pytest.raises(ValueError, match="NaN or infinite"):
        untrained.evaluate(broken, verbose=0)
    with pytest.raises(ValueError, match="The dataset is empty: expected at least one batch"):
        untrained.evaluate(tf.data.Dataset.from_tensor_slices(arrays).batch(16, drop_remainder=True), verbose=0)
    with pytest.raises(ValueError, match="In `validation_data`: The dataset is empty"):
        empty = tf.data.Dataset.from_tensor_slices(arrays).batch(16, drop_remainder=True)
        untrained.fit(case.dataset(), validation_data=empty, verbose=0)


def policies(model):
    networks = [getattr(model, name) for name in model.network_names]
    networks += [getattr(model, f"ema_{name}") for name in model.sampling_networks]
    return [layer.dtype_policy.name for network in networks for layer in network._flatten_layers()]


def test_precision_belongs_to_every_layer_and_to_the_file(case):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = case.make()
    averaged = {"ema_decay": 0.5} if model.sampling_networks else {}
    model.compile(**averaged)
    keras.config.set_dtype_policy("float32")
    clone = type(model).from_config(model.get_config())  # as `load_model` makes it
    assert policies(clone) == policies(model)
    assert clone.dtype_policy.name == "mixed_bfloat16"
    assert policies(model).count("mixed_bfloat16") > 5
    if not any(isinstance(value, keras.Model) for value in model._init_arguments.values()):
        given = type(model).from_config(case.make().get_config() | {"dtype": "mixed_bfloat16"})
        given.compile(**averaged)
        assert policies(given) == policies(model)
    assert keras.config.dtype_policy().name == "float32"


def test_frozen_layers_stay_as_they_are_and_are_remembered(case):
    model = case.make()
    judge = model.d_networks[0] if case.game else model.network_names[0]
    everything = getattr(model, judge).trainable_variables
    model.freeze(judge, layers=1)
    model.compile(**(case.compile | {"run_eagerly": True, "jit_compile": False}))
    frozen = [v for v in everything if not v.trainable]
    before = [np.array(v) for v in frozen]
    assert 1 <= len(frozen) < len(everything)
    for optimizer in model.optimizers:
        assert not {id(v) for v in frozen} & {id(v) for v in optimizer._trainable_variables}
    model.fit(case.dataset(), steps_per_epoch=1, verbose=0)
    for old, new in zip(before, frozen):
        np.testing.assert_array_equal(old, new)
    copied = copy.deepcopy(model)  # saves and loads
    copied.first_batch = model.first_batch  # which belongs to a `fit`
    shapes = [[v.shape for v in getattr(each, judge).trainable_variables] for each in (copied, model)]
    assert shapes[0] == shapes[1]
    assert_same_state(model, copied, rtol=0)
    assert list(identity.differences(identity.identity_of(model), identity.identity_of(copied))) == []
    copied.unfreeze(judge)
    copied.compile(**case.compile)
    assert len(getattr(copied, judge).trainable_variables) == len(everything)
    names = [name for name, *_ in identity.differences(identity.identity_of(model), identity.identity_of(copied))]
    assert any(name.startswith("config.after_init") for name in names)


def test_save_and_load_restore_everything(case, trained):
    testing.check_saving(case, trained)


def test_interrupted_training_equals_uninterrupted(case):
    testing.check_resuming(case)


def learn_by_products(monkeypatch):
    """Lets small kernels learn as large ones do, which must not matter."""
    monkeypatch.setattr(convolutions, "_product_is_faster", lambda *_: True)


@pytest.mark.parametrize(
    "mode",
    [
        {"run_eagerly": True, "jit_compile": False},
        {"jit_compile": True},
        {"steps_per_execution": 2},
    ],
    ids=lambda mode: next(iter(mode)),
)
def test_ways_of_executing_agree(case, reference, mode, monkeypatch):
    if "run_eagerly" not in mode:
        learn_by_products(monkeypatch)
    testing.check_executing(case, reference, **mode)


COMPILATIONS = """
import pathlib, sys
import cases, keras

case, dump = cases.CASES[sys.argv[1]], pathlib.Path(sys.argv[2])
keras.utils.set_random_seed(0)
model, data = case.model(jit_compile=True), case.dataset()
for _ in range(3):
    model.fit(data, epochs=1, steps_per_epoch=1, verbose=0)
    print("programs", len(list(dump.glob("*before_optimizations*"))))
"""


def test_xla_compiles_a_step_once(case, tmp_path):
    """What a step takes for a constant, such as a bound of a slice, must not change from step to step."""
    name = next(name for name, value in cases.CASES.items() if value is case)
    environment = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"}
    environment["PYTHONPATH"] = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    command = [sys.executable, "-c", COMPILATIONS, name, str(tmp_path)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert re.findall("programs ([0-9]+)", answer.stdout) == ["1"] * 3


@pytest.mark.parametrize("policy", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_mixed_precision_trains(case, policy):
    if policy == "mixed_float16" and case.no_float16 and not tf.config.list_physical_devices("GPU"):
        pytest.skip(case.no_float16)
    testing.check_mixed_precision(case, policy)


def test_two_devices_equal_one(case, reference, two_devices, monkeypatch):
    if case.differs_by_device:
        pytest.skip(case.differs_by_device)
    learn_by_products(monkeypatch)
    mirrored = train(case, strategy=two_devices, optimizers=plain_descent)
    assert_same_training(reference, mirrored, rtol=1e-4, atol=1e-5)


def test_export_serves_what_generate_gives(case, trained):
    testing.check_export(case, trained)


@pytest.mark.parametrize("fault", testing.FAULTS)
def test_bad_images_are_refused_before_step_0(case, untrained, fault):
    testing.check_refusal(case, fault, untrained)


def test_unknown_arguments_are_named_with_the_nearest_known_one(case):
    model = case.make()
    size = "stage1" if isinstance(model, kerasgan.StackGANStage2) else "image_size"
    with pytest.raises(TypeError, match=f"{type(model).__name__} has no argument '{size}_'. Did you mean '{size}'?"):
        type(model)(**{f"{size}_": 1})
    for known in ("d_steps", "ema_decay") if case.game else ():
        wrong = f"compile` of {type(model).__name__} has no argument '{known}x'. Did you mean '{known}'?"
        with pytest.raises(TypeError, match=wrong):
            model.compile(**{f"{known}x": 1})
    if case.game:
        allowed = "a list of" if model.compares_images else "None for"
        with pytest.raises(ValueError, match=f"`metrics` must be {allowed}"):
            model.compile(metrics=["accuracy"])
    with pytest.raises(ValueError, match="compile"):
        case.make().evaluate((case.evaluated or case.arrays)(8))


def test_penalties_of_weights_are_part_of_the_generator_s_loss(case, monkeypatch):
    """`penalty="orthogonal"` and its like. A step that leaves them out would train without them, and say nothing."""
    if not case.game or "penalty" not in case.model().get_compile_config():
        pytest.skip("takes no penalties")
    model = case.model(run_eagerly=True, jit_compile=False)
    asked, penalties = [], model.generator_penalties
    # Kept from Keras's tracking.
    object.__setattr__(model, "generator_penalties", lambda: asked.append(1) or penalties())
    model.fit(case.dataset(), epochs=1, steps_per_epoch=1, verbose=0)
    assert asked


def test_numpy_integers_are_integers(case):
    model = case.make()
    arguments = {
        name: keras.tree.map_structure(lambda x: np.int64(x) if type(x) is int else x, value)
        for name, value in model._init_arguments.items()
        if not isinstance(value, keras.Model)
    }
    given = {name: value for name, value in model._init_arguments.items() if isinstance(value, keras.Model)}
    same = type(model)(**arguments, **given)
    configs = [{k: v for k, v in each.get_config().items() if k in arguments} for each in (same, model)]
    assert json.dumps(configs[0]) == json.dumps(configs[1])
    if not case.game:
        return
    d_steps = case.compile.get("d_steps", 1)
    same.compile(**case.compile | {"d_steps": np.int64(d_steps) if isinstance(d_steps, int) else d_steps})
    assert same.batches_per_step == getattr(d_steps, "at_most", d_steps)


class TwoMethods:
    """All that the documentation asks of a loss."""

    def discriminator_loss(self, real_logits, fake_logits):
        return sum(
            tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
            for real, fake in self.pairs(real_logits, fake_logits)
        )

    def generator_loss(self, fake_logits, real_logits):
        return sum(tf.reduce_mean(tf.nn.softplus(real - fake)) for real, fake in self.pairs(real_logits, fake_logits))

    def pairs(self, real_logits, fake_logits):
        """The logits of each discriminator."""
        return zip(*(keras.tree.flatten(kerasgan.losses.entry(x, "logits")) for x in (real_logits, fake_logits)))


def test_a_loss_of_two_methods_is_enough(case):
    if not case.game or isinstance(case.make(), kerasgan.DomainTransferNetwork):
        pytest.skip("its loss is not chosen")
    model = case.make()
    model.compile(loss=TwoMethods(), augment="adaptive", run_eagerly=True)
    logs = model.train_on_batch(case.arrays(8), return_dict=True)
    assert {"d_loss", "g_loss", "d_real", "d_fake", "augment_p"} <= set(logs)
    assert all(np.isfinite(value) for value in logs.values())


def test_config_and_defaults_round_trip(case):
    testing.check_config_round_trip(case)
