"""Callbacks that stop training."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import KnowsItsArguments, positive_int


class StopOnNonFinite(KnowsItsArguments, keras.callbacks.Callback):
    """Stops training when a logged value or a weight becomes NaN or infinite, and names it.

    `keras.callbacks.TerminateOnNaN` reads only `logs["loss"]`, which a GAN does not log. A non-finite gradient makes
    its weight non-finite in the same step, even if the losses of that step are still finite. Averaged weights and
    batch statistics are checked too. With `steps_per_execution=n` the check runs every n steps. `Checkpoint` never
    saves a state with a non-finite log or weight, so it keeps the last finite state.

    Attributes:
        stopped_on: None, or a dict with "name" (of the log, or the path of the weight), "value", "step" (training steps
            done) and "epoch" (the first is 1).

    Example:

    >>> stop = StopOnNonFinite()
    >>> model.fit(dataset, callbacks=[stop, Checkpoint("checkpoints")])  # doctest: +SKIP
    >>> stop.stopped_on
    """

    def __init__(self):
        super().__init__()
        self.stopped_on = None
        self._epoch = 0
        self._weights = []  # and the names to tell
        self._are_finite = None

    def set_model(self, model):
        super().set_model(model)
        averages = {
            id(weight): f"ema_{name}: {weight.path}"
            for name in getattr(model, "sampling_networks", ())
            if getattr(model, f"ema_{name}", None) is not None
            for weight in getattr(model, f"ema_{name}").weights
        }
        # Trained weights first, as at the end of a step their NaN is in the averages, too.
        weights = [*model.trainable_weights, *model.non_trainable_weights]
        floats = [weight for weight in weights if tf.as_dtype(weight.dtype).is_floating]
        self._weights = [(averages.get(id(weight), weight.path), weight) for weight in floats]
        self._are_finite = tf.function(
            lambda: tf.stack([tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(weight))) for weight in floats])
        )

    def on_train_begin(self, logs=None):
        self.stopped_on = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        name = first_non_finite(logs)
        if name is not None:
            values = logs[name]
        else:
            finite = self._are_finite().numpy()
            if finite.all():
                return
            name, values = self._weights[int(np.argmin(finite))]
        values = np.ravel(np.asarray(values, float))
        self.stopped_on = {
            "name": name,
            "value": float(values[~np.isfinite(values)][0]),
            "step": int(self.model.step.numpy()),
            "epoch": self._epoch + 1,
        }
        self.model.stop_training = True
        print("\nTraining stopped at step {step} (epoch {epoch}): `{name}` is {value}.".format(**self.stopped_on))


class EquilibriumStopping(KnowsItsArguments, keras.callbacks.Callback):
    """Stops training when D can no longer tell real from generated images: D(x) and D(G(z)) stay near 1/2.

    At equilibrium the generator's distribution equals that of the data and D is 1/2 everywhere (Goodfellow et al.
    2014, proposition 1 and theorem 1). An untrained D is also near 1/2, hence the patience.

    Args:
        eps: float in (0, 1/2), the maximum distance of an epoch's means `d_real` and `d_fake` from 1/2. Default 0.05.
        patience: int, the number of consecutive epochs in which both must hold. Default 3.

    Attributes:
        stopped_epoch: None, or the epoch (the first is 1) after which training was ended.

    Raises:
        ValueError: after the first step of a model that does not log `d_real` and `d_fake`.

    Example:

    >>> model.fit(dataset, epochs=100, callbacks=[EquilibriumStopping(eps=0.03)])  # doctest: +SKIP
    """

    def __init__(self, eps=0.05, patience=3):
        super().__init__()
        if not 0 < eps < 0.5:
            raise ValueError(f"`eps` must lie between 0 and 1/2. Received: {eps!r}")
        self.eps = eps
        self.patience = positive_int("patience", patience)
        self.stopped_epoch = None
        self._epochs_at_rest = 0

    def get_state(self):
        return {"epochs_at_rest": self._epochs_at_rest}

    def set_state(self, state):
        self._epochs_at_rest = state["epochs_at_rest"]

    def on_train_begin(self, logs=None):
        self.stopped_epoch = None
        if int(self.model.step.numpy()) == 0:
            self._epochs_at_rest = 0

    def on_train_batch_end(self, batch, logs=None):
        missing = [name for name in ("d_real", "d_fake") if name not in (logs or {})]
        if missing:
            raise ValueError(
                f"`EquilibriumStopping` needs a model that logs 'd_real' and 'd_fake'. Received: {sorted(logs or {})}"
            )

    def on_epoch_end(self, epoch, logs=None):
        self.on_train_batch_end(None, logs)
        at_rest = all(abs(float(np.mean(logs[name])) - 0.5) <= self.eps for name in ("d_real", "d_fake"))
        self._epochs_at_rest = self._epochs_at_rest + 1 if at_rest else 0
        if self._epochs_at_rest >= self.patience:
            self.stopped_epoch = epoch + 1
            self.model.stop_training = True


def first_non_finite(logs):
    """Returns the name of the first logged value that is NaN or infinite, or None."""
    for name, value in (logs or {}).items():
        if not np.isfinite(np.asarray(value, float)).all():
            return name
    return None
