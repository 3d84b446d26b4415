"""Checks that a custom model fulfils the contract of kerasgan's models."""

import json
import pathlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from kerasgan import callbacks, data, export
from kerasgan.arguments import did_you_mean

__all__ = ["contract"]


def contract(make, arrays, compile=None, sample=None, deterministic=False, game=True, checks=None):
    """Trains a small model for a few steps in several ways, and checks the contract of kerasgan's models.

    The checks in `kerasgan.testing.CHECKS` cover logs, trained weights, seeded samples, previews, configuration,
    saving, exact resuming, eager mode and XLA, mixed precision, export, and refusal of invalid images. Use a small
    model, as about a dozen models are built and trained.

    Args:
        make: () -> model, not compiled. It must return the same model each time, for example with `seed=3`.
        arrays: array, tuple or dict of arrays with at least 32 rows, in the structure for `fit`.
        compile: dict, arguments of the model's `compile`. Defaults to none: the defaults of the model.
        sample: (model, seed) -> images, float32 (n, height, width, channels). Defaults to `model.generate(3, seed)`.
        deterministic: bool. True if samples do not depend on the seed. Defaults to False.
        game: bool. False for a `ResumableModel` without a discriminator. Defaults to True.
        checks: list of names in `CHECKS`. Defaults to all.

    Returns:
        list of the names of the checks that were run.

    Raises:
        AssertionError: from the first check that fails.
        ValueError: if a name is unknown, or `arrays` has fewer than 32 rows.

    Example:

    >>> images = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
    >>> kerasgan.testing.contract(lambda: kerasgan.GAN(8, latent_dim=4, seed=3), images, checks=["config_round_trip"])
    ['config_round_trip']
    """
    rows = min(len(array) for array in keras.tree.flatten(arrays))
    if rows < 32:
        raise ValueError(f"`arrays` must have at least 32 rows. Received: {rows}")
    names = list(CHECKS) if checks is None else list(checks)
    for name in names:
        if name not in CHECKS:
            raise ValueError(f"`checks` must be names of `CHECKS`. Received: {name!r}.{did_you_mean(name, CHECKS)}")
    options = {} if sample is None else {"sample": sample}
    case = Case(
        make=make,
        arrays=lambda count: keras.tree.map_structure(lambda array: np.asarray(array)[:count], arrays),
        compile=dict(compile or {}),
        deterministic=deterministic,
        game=game,
        optimizers=("g_optimizer", "d_optimizer") if game else ("optimizer",),
        **options,
    )
    for name in names:
        CHECKS[name](case)
    return names


@dataclass(kw_only=True)
class Case:
    """A small model with data.

    Attributes:
        make: () -> model, small enough for steps of milliseconds.
        arrays: (count) -> arrays in the structure for `fit`.
        compile: keyword arguments of `compile`.
        sample: (model, seed) -> images, with the model's sampling method.
        deterministic: whether sampling has no noise, so that all seeds give the same images.
        game: whether the model is adversarial. False for models with one objective.
        optimizers: names of the optimizers among the arguments of `compile`.
    """

    make: Callable
    arrays: Callable
    compile: dict = field(default_factory=dict)
    sample: Callable = lambda model, seed: model.generate(3, seed=seed)
    deterministic: bool = False
    game: bool = True
    optimizers: tuple = ("g_optimizer", "d_optimizer")

    def dataset(self, count=32, batch_size=8):
        """Returns a dataset that is shuffled in each epoch, in an order that depends only on the seed.

        `batch_size` is the number of images of a step. `fit` joins a batch for each update of the discriminator.
        """
        d_steps = self.compile.get("d_steps", 1)
        updates = getattr(d_steps, "at_most", d_steps)
        return data.from_arrays(self.arrays(count), batch_size // updates, seed=1)

    def model(self, **options):
        """Returns a new compiled model."""
        model = self.make()
        model.compile(**(self.compile | options))
        return model


def state(model):
    """Returns the complete state of a checkpoint: weights, averages, random states, step, both optimizers."""
    saved = list(model.variables) + [v for optimizer in model.optimizers for v in optimizer.variables]
    return {f"{i} {v.path}": np.asarray(v) for i, v in enumerate(saved)}


def train(case, steps=4, strategy=None, optimizers=lambda case: {}, **options):
    """Trains a new model for some steps. Returns the model and its history."""
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        model = case.model(**optimizers(case), **options)  # optimizers must be created in the scope
    history = model.fit(case.dataset(), epochs=1, steps_per_epoch=steps, verbose=0)
    return model, history.history


def plain_descent(case):
    """Returns SGD optimizers, whose steps are linear in the gradient. The first steps of Adam amplify rounding."""
    return {name: keras.optimizers.SGD(0.01) for name in case.optimizers}


def assert_same_state(a, b, **tolerance):
    """Raises an AssertionError that names the first variable in which two models differ."""
    a, b = state(a), state(b)
    assert len(a) == len(b)
    for (name, left), right in zip(a.items(), b.values()):
        np.testing.assert_allclose(left, right, err_msg=name, **tolerance)


def assert_same_training(a, b, **tolerance):
    """Raises an AssertionError if the weights or logs of two results of `train` differ."""
    assert_same_state(a[0], b[0], **tolerance)
    for name, values in a[1].items():
        np.testing.assert_allclose(b[1][name], values, err_msg=name, **tolerance)


# The checks. `trained` is the result of `train(case)`, so that several checks can share one training.


def check_logs(case, trained=None):
    """Logs are finite and have the names in `log_names`; `d_real` and `d_fake` are probabilities."""
    model, history = trained or train(case)
    names = set(model.log_names())
    assert names == set(history), f"expected the logs {sorted(names)}, received {sorted(history)}"
    for name, values in history.items():
        assert np.isfinite(values).all(), f"the log {name!r} is not finite: {values}"
    for name in names & {"d_real", "d_fake"}:
        assert 0 <= history[name][0] <= 1, f"{name} must be a probability, received {history[name][0]}"
    assert int(model.step) == 4


def check_training_reaches_every_weight(case, trained=None, untrained=None):
    """Every trainable weight belongs to an optimizer, and changes."""
    model, _ = trained or train(case)
    keras.utils.set_random_seed(0)
    untrained = untrained or case.model()
    trained_here = {id(v) for optimizer in model.optimizers for v in optimizer._trainable_variables}
    if case.game:
        left_out = [v.path for v in model.trainable_variables if id(v) not in trained_here]
        assert not left_out, f"no optimizer trains {left_out}"
        assert len(trained_here) == len(model.trainable_variables)
    for new, old in zip(model.trainable_variables, untrained.trainable_variables, strict=True):
        assert id(new) not in trained_here or not np.array_equal(new, old), f"{new.path} has not changed"


def check_samples(case, trained=None):
    """Samples are images in [-1, 1], and a seed repeats them."""
    model, _ = trained or train(case)
    first, again, other = case.sample(model, 1), case.sample(model, 1), case.sample(model, 2)
    assert first.dtype == np.float32 and first.ndim == 4, f"received {first.dtype} of shape {first.shape}"
    assert -1 <= first.min() <= first.max() <= 1, f"samples must be in [-1, 1], received {first.min()}, {first.max()}"
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == case.deterministic


def check_preview(case, trained=None):
    """`preview` is a grid of images, and `real_images` finds the images in a batch."""
    model, _ = trained or train(case)
    grid = model.preview(model.first_batch, num_images=4, seed=0)
    assert grid.ndim == 5 and -1 <= grid.min() <= grid.max() <= 1, f"received shape {grid.shape}"
    assert model.real_images(model.first_batch).ndim == 4


def check_config_round_trip(case):
    """`from_config(get_config())` makes the same model."""
    model = case.make()
    clone = type(model).from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert [v.shape for v in clone.variables] == [v.shape for v in model.variables]


def check_saving(case, trained=None):
    """`save` and `load_model` keep configuration, weights, averages, optimizers, random states, and samples."""
    model, _ = trained or train(case)
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    assert json.dumps(loaded.get_compile_config()) == json.dumps(model.get_compile_config())
    assert_same_state(model, loaded, rtol=0)
    np.testing.assert_array_equal(case.sample(model, 1), case.sample(loaded, 1))


def check_resuming(case):
    """A run that is interrupted in its second epoch and resumed gives bitwise the same result as one without."""

    def begin(seed):
        # As in a new process: TensorFlow adds gradients in the order of the layers' names.
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        return case.model()

    straight = begin(0)
    straight.fit(case.dataset(), epochs=2, verbose=0)

    class Death(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step) == 6:
                raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as temporary:
        saver = callbacks.Checkpoint(temporary, every_n_steps=3)
        try:
            begin(0).fit(case.dataset(), epochs=2, verbose=0, callbacks=[saver, Death()])
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("the run was not interrupted: two epochs must have at least six steps")
        resumed = begin(99)  # starts from other weights
        saver = callbacks.Checkpoint(temporary, every_n_steps=3)
        resumed.fit(case.dataset(), epochs=2, verbose=0, callbacks=[saver])
    assert int(resumed.step) == 8
    assert_same_state(straight, resumed, rtol=0)


def check_executing(case, reference=None, **mode):
    """Another execution mode gives the same training as graph mode up to rounding. `mode` is for `compile`."""
    reference = reference or train(case, optimizers=plain_descent)
    assert_same_training(reference, train(case, optimizers=plain_descent, **mode), rtol=1e-4, atol=1e-5)


def check_mixed_precision(case, policy="mixed_bfloat16"):
    """Mixed precision trains, keeps float32 weights, and draws float32 images."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, history = train(case, steps=2)
        assert all(np.isfinite(values).all() for values in history.values())
        assert all(v.dtype == "float32" for v in model.trainable_variables)
        assert case.sample(model, 1).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(before)
    scaled = [isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in model.optimizers]
    assert scaled == [policy == "mixed_float16"] * len(case.optimizers)


def check_export(case, trained=None):
    """The SavedModel can be loaded, and its `generate` draws the same images as the model."""
    model, _ = trained or train(case)
    with tempfile.TemporaryDirectory() as temporary:
        path = model.export(pathlib.Path(temporary) / "served")
        assert path.endswith("/1")
        serving = export.load(path)
        assert set(serving) >= {"serving_default"}
        if "generate" in serving and not model.serving_functions()["generate"][1][2:]:
            served = serving["generate"](num_images=tf.constant(3), seed=tf.constant(1))["images"]
            np.testing.assert_allclose(served, model.generate(3, seed=1), atol=1e-5)
        assert model.export(pathlib.Path(temporary) / "served").endswith("/2")


FAULTS = {
    "uint8": lambda a: (a * 127 + 127).astype("uint8"),
    "255": lambda a: (a + 1) * 127.5,
    "unit": lambda a: (a + 1) / 2,
    "nan": lambda a: np.where(a > 0.9, np.float32("nan"), a),
    "rank": lambda a: a[..., 0],
    "size": lambda a: a[..., :-1, :-1, :],
    "empty": lambda a: a,
}


def check_refusal(case, fault, untrained=None):
    """`fit` refuses images with one of `FAULTS` before the first step, with a ValueError about what it expects."""

    def spoil(array):
        images = array.dtype == np.float32 and array.ndim in (4, 5)  # including films
        return FAULTS[fault](array) if images else array

    arrays = tf.nest.map_structure(spoil, case.arrays(16))
    dataset = tf.data.Dataset.from_tensor_slices(arrays).batch(32 if fault == "empty" else 8, drop_remainder=True)
    model = untrained or case.model()
    try:
        model.fit(dataset, verbose=0)
    except ValueError as error:
        assert "xpected" in str(error) or "must" in str(error), f"the message does not say what is expected: {error}"
    else:
        raise AssertionError(f"`fit` accepted images with the fault {fault!r}")
    assert int(model.step) == 0


CHECKS = {
    "config_round_trip": check_config_round_trip,
    "logs": check_logs,
    "training_reaches_every_weight": check_training_reaches_every_weight,
    "samples": check_samples,
    "preview": check_preview,
    "saving": check_saving,
    "export": check_export,
    "resuming": check_resuming,
    "eager": lambda case: check_executing(case, run_eagerly=True, jit_compile=False),
    "xla": lambda case: check_executing(case, jit_compile=True),
    "steps_per_execution": lambda case: check_executing(case, steps_per_execution=2),
    "mixed_precision": check_mixed_precision,
    "refusal": lambda case: [check_refusal(case, fault, model) for model in [case.model()] for fault in FAULTS],
}
