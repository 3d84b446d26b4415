"""Support for Keras's callbacks: two optimizers, other log names, and alternatives to unsupported callbacks."""

import keras

# Words in the names of logs where lower is better, and where higher is better.
LESS = {"loss", "wasserstein", "distance"}
MORE = {"accuracy", "precision", "recall", "density", "coverage", "psnr", "ssim", "inception"}
INSTEAD = {
    "TerminateOnNaN": "it reads `logs['loss']`, which these models do not log: use "
    "`kerasgan.callbacks.StopOnNonFinite()`",
    "SwapEMAWeights": "it supports only one optimizer: use `model.compile(ema_decay=0.999)`, which gives an averaged "
    "generator for `generate`, `evaluate` and `export`",
}


class BothOptimizers:
    """A stand-in for `model.optimizer`, so that callbacks can change the learning rates of both optimizers."""

    built = True

    def __init__(self, g_optimizer, d_optimizer):
        self.optimizers = [_Rate("g", g_optimizer), _Rate("d", d_optimizer)]

    @property
    def variables(self):
        return [variable for rate in self.optimizers for variable in rate.optimizer.variables]


class _Rate:
    """One optimizer, with its rate logged as `learning_rate_<name>`."""

    def __init__(self, name, optimizer):
        self.name, self.optimizer = name, optimizer

    @property
    def learning_rate(self):
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        if isinstance(inner._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                f"A callback cannot change the rate of `{self.name}_optimizer`, which is a "
                f"{type(inner._learning_rate).__name__}. Remedy: compile with a number, or remove the callback"
            )
        self.optimizer.learning_rate = value


def prepare_callbacks(model, callbacks):
    """Raises an error for unsupported callbacks of Keras, and sets the modes of the others.

    Args:
        model: a compiled model.
        callbacks: list of `keras.callbacks.Callback`s.

    Raises:
        ValueError: if a callback is not supported. The message gives an alternative.
    """
    for callback in callbacks:
        name = type(callback).__name__
        if name in INSTEAD and isinstance(callback, getattr(keras.callbacks, name)):
            raise ValueError(f"`keras.callbacks.{name}` is not supported, as {INSTEAD[name]}.")
        follows = isinstance(callback, (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau))
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            follows = callback.save_best_only
        if follows:
            _choose_direction(model, callback, name)


def _choose_direction(model, callback, name):
    plain = callback.monitor.removeprefix("val_")
    known = list(dict.fromkeys([*model.log_names(), *model.metrics_names]))
    if plain in ("loss", "accuracy") and plain not in known:
        raise ValueError(
            f"`monitor` of `{name}` must be one of the logs: {known}, with 'val_' before it for those of "
            f"`validation_data`. Received: {callback.monitor!r}"
        )
    if callback.mode != "auto" or callback.monitor_op is not None:
        return
    words = set(plain.split("_"))
    if not words & (LESS | MORE):
        raise ValueError(
            f"`{name}` cannot infer whether higher {callback.monitor!r} is better. Remedy: `mode='min'` or "
            "`mode='max'`; at the equilibrium `d_real` and `d_fake` are 1/2: `kerasgan.callbacks.EquilibriumStopping()`"
        )
    callback.mode = "max" if words & MORE else "min"
