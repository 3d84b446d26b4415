"""Support for Keras's callbacks: two optimizers, other log names, and what to use instead of those that cannot work."""

import keras

# Of logs with one of these words in their names less is better, and of those with one of these more.
LESS = {"loss", "wasserstein", "distance"}
MORE = {"accuracy", "precision", "recall", "density", "coverage", "psnr", "ssim", "inception"}
INSTEAD = {
    "TerminateOnNaN": "it reads `logs['loss']`, which no model here has: `kerasgan.callbacks.StopOnNonFinite()`",
    "SwapEMAWeights": "it averages for one optimizer: `model.compile(ema_decay=0.999)`, whose averaged generator "
    "`generate`, `evaluate` and `export` use",
}


class BothOptimizers:
    """What callbacks that change `model.optimizer.learning_rate` find: the rates of G and of D, each by itself."""

    built = True

    def __init__(self, g_optimizer, d_optimizer):
        self.optimizers = [_Rate("g", g_optimizer), _Rate("d", d_optimizer)]

    @property
    def variables(self):
        return [variable for rate in self.optimizers for variable in rate.optimizer.variables]


class _Rate:
    """One optimizer by the name under which its rate is logged, `learning_rate_<name>`."""

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
                f"{type(inner._learning_rate).__name__}. Remedy: compile with a number, or leave out the callback"
            )
        self.optimizer.learning_rate = value


def prepare_callbacks(model, callbacks):
    """Raises for Keras's callbacks that cannot work with `model`, and tells the others which way a log is better.

    Args:
        model: a compiled model.
        callbacks: list of `keras.callbacks.Callback`s.

    Raises:
        ValueError: with the line to write instead.
    """
    for callback in callbacks:
        name = type(callback).__name__
        if name in INSTEAD and isinstance(callback, getattr(keras.callbacks, name)):
            raise ValueError(f"`keras.callbacks.{name}` cannot work here, as {INSTEAD[name]}.")
        follows = isinstance(callback, (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau))
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            follows = callback.save_best_only
        if follows:
            _choose_direction(model, callback, name)


def _choose_direction(model, callback, name):
    plain = callback.monitor.removeprefix("val_")
    known = model.metrics_names
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
            f"`{name}` does not know whether more of {callback.monitor!r} is better. Remedy: `mode='min'` or "
            "`mode='max'`; at the equilibrium `d_real` and `d_fake` are 1/2: `kerasgan.callbacks.EquilibriumStopping()`"
        )
    callback.mode = "max" if words & MORE else "min"
