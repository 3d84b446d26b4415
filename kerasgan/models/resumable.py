"""The base of all models: exact resuming, averaged networks, logged means, saving and export."""

import numbers

import keras
import tensorflow as tf

from kerasgan import arguments, settings
from kerasgan.models.accumulation import held_gradients
from kerasgan.models.averaging import AveragesAndFreezes, frozen_layers, settle_trainable
from kerasgan.models.evaluating import Evaluates
from kerasgan.models.exporting import Exports
from kerasgan.models.fitting import Fits
from kerasgan.models.saving import SavesEverything
from kerasgan.models.summaries import Summarises


class ResumableModel(
    Exports,
    Fits,
    Evaluates,
    AveragesAndFreezes,
    Summarises,
    SavesEverything,
    keras.Model,
    metaclass=arguments.TakesNumPyInts,
):
    """Base of all models, adversarial or not: exact resuming, averaged networks, logged means, saving, export.

    Models that are not adversarial derive from this class. They call `start_compiling` in `compile`, and their
    `train_step` uses three methods:

    - `self.descend(tape, loss, variables, optimizer)` makes one step of one optimizer;
    - `self.track(**values)` logs means and returns them; a `test_step` gives it the images first;
    - `self.update_ema()` updates the averaged networks and increments `self.step`.

    Class attributes that a paper may set:

    - `loss_names`: the entries of the logs.
    - `training_names`: entries of the logs that `evaluate` does not have.
    - `sampling_networks`: names of the attributes with networks to average. Each gets an attribute `ema_<name>`.
    - `fixed_networks`: names of further networks that an exported model needs.
    - `evaluation_names`: entries of the logs that only `evaluate` has.
    - `feature_networks`: names of pretrained networks that are used in training, so that scores must not use them.
    - `optimizer_names`: names of the attributes, and arguments of `compile`, that hold optimizers.

    Args:
        networks: `keras.Model`s by attribute name, such as `encoder=...`.
        seed: int. Seed of the training's noise. Defaults to a random one.
        name, dtype: as in `keras.Model`.
    """

    loss_names = ("loss",)
    training_names = ()
    sampling_networks = ()
    fixed_networks = ()
    feature_networks = ()
    optimizer_names = ("optimizer",)
    evaluation_names = ()

    def __new__(cls, *args, **kwargs):
        settings.check_keras()
        names, others = arguments.named_arguments(cls)
        # The constructor of this class accepts networks of any name.
        if not others and cls.__init__ is not ResumableModel.__init__:
            arguments.refuse_unknown(kwargs, [*names, *cls._declared_networks()], cls.__name__)
        model = super().__new__(cls, *args, **kwargs)
        object.__setattr__(model, "_given", set(kwargs))
        return model

    def __init__(self, *, seed=None, name=None, dtype=None, trainable=True, **networks):
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        self._refuse_unknown(networks)
        for attribute, network in networks.items():
            if not isinstance(network, keras.Model):
                raise ValueError(f"`{attribute}` must be a `keras.Model`. Received: {network!r}")
            if not network.built:
                raise ValueError(f"`{attribute}` has no weights yet: call it once, or give it an `Input`, first.")
            settle_trainable(network)
            setattr(self, attribute, network)
        object.__setattr__(self, "network_names", tuple(networks))
        object.__setattr__(self, "_made_frozen", any(frozen_layers(network) for network in networks.values()))
        self.ema_decay = 0.0
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.step = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self.means = {name: keras.metrics.Mean(name=name) for name in (*self.log_names(), *self.evaluation_names)}
        self.first_batch = None
        object.__setattr__(self, "_evaluated", None)
        self.built = True

    def log_names(self):
        """Returns the names of all entries of the logs, in their order."""
        return self.loss_names

    @classmethod
    def _declared_networks(cls):
        return {*cls.sampling_networks, *cls.fixed_networks}

    def _refuse_unknown(self, given):
        """Raises an error for arguments that no constructor has, unless they can be networks of a custom class.

        All arguments that classes pass on with `**kwargs` arrive here.
        """
        names = arguments.all_named_arguments(type(self))
        networks = self._declared_networks()
        strict = not networks.isdisjoint(names)  # the networks have names
        for name in given.keys() & self._given - {*names, *networks}:
            if strict or not isinstance(given[name], keras.Model):
                arguments.refuse_unknown([name], [*names, *networks], type(self).__name__)

    @property
    def weights(self):
        """The weights of all networks, for `get_weights` and `set_weights`.

        They do not include `step`, or the `iterations` of optimizers. A callback that sets weights during `fit`, such
        as `keras.callbacks.EarlyStopping`, changes the networks, but not the step.
        """
        return [weight for weight in super().weights if weight is not getattr(self, "step", None)]

    # Compiling -------------------------------------------------------------------------------------------------------

    def start_compiling(self, ema_decay=None, metrics=(), **execution):
        """Checks and stores the arguments of `compile` that every model has. Creates the averaged networks.

        Compiling changes the training but not the model: weights, averages and `step` are kept.

        Args:
            ema_decay: float in [0, 1), or a `kerasgan.schedules.HalfLife`. Per-step decay of the averaged copies of
                `sampling_networks`. Defaults to that of existing averages, or none. 0 drops them.
            metrics: list of `keras.metrics.Metric`s over (real images, generated images), for `evaluate`.
            **execution: `run_eagerly`, `steps_per_execution` and `jit_compile` of `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        ema_decay = self.ema_decay if ema_decay is None else ema_decay
        if not callable(ema_decay) and not (isinstance(ema_decay, numbers.Real) and 0 <= ema_decay < 1):
            raise ValueError(f"`ema_decay` must be in [0, 1), or a `HalfLife`. Received: {ema_decay!r}")
        if execution.get("steps_per_execution") != "auto":
            arguments.positive_int("steps_per_execution", execution.get("steps_per_execution", 1))
        # Without `optimizer=None`, Keras would create and save an RMSprop.
        super().compile(optimizer=None, **execution)
        for name in self.loss_names:
            if name not in self.means:
                self.means[name] = keras.metrics.Mean(name=name)
        object.__setattr__(self, "_execution", execution)  # the arguments, as Keras replaces "auto"
        object.__setattr__(self, "_compiled_for", self._trained_variables())
        for metric in metrics:
            if not isinstance(metric, keras.metrics.Metric):
                raise ValueError(
                    "`metrics` must be a list of `keras.metrics.Metric`s that compare real with generated images, such "
                    f"as `kerasgan.metrics.FrechetDistance('mnist')`. Received: {metric!r}"
                )
        self.refuse_own_features(metrics)
        # Hidden from Keras's tracking: their results are needed once per evaluation, not for each training batch.
        object.__setattr__(self, "sample_metrics", list(metrics))
        object.__setattr__(self, "_evaluated", None)
        self._keep_average(ema_decay)

    def _optimizer(self, identifier, variables):
        optimizer = keras.optimizers.get(identifier)
        if optimizer.built:
            raise ValueError(
                f"{type(optimizer).__name__} was built for other variables. Pass a new optimizer to each `compile()` "
                "and another one to each of `g_optimizer` and `d_optimizer`."
            )
        if self.dtype_policy.name == "mixed_float16" and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(variables)
        return optimizer

    @property
    def optimizers(self):
        """The optimizers of the model."""
        found = (getattr(self, name, None) for name in self.optimizer_names)
        return [optimizer for optimizer in found if optimizer is not None]

    # The verbs of a train_step; `update_ema` is that of `AveragesAndFreezes` -----------------------------------------

    def descend(self, tape, loss, variables, optimizer):
        """Makes one step of `optimizer` down the gradient of `loss`, a mean over this replica's part of the batch.

        Optimizers sum gradients over replicas, so each replica computes its share. Under `mixed_float16` the loss is
        scaled. Both factors are applied to the loss.
        """
        share = optimizer.scale_loss(tf.ones_like(loss)) / tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(loss, variables, output_gradients=share)
        held = held_gradients()
        if held is not None:
            gradients = held.add(gradients)
        if gradients is not None:
            optimizer.apply(gradients, variables)

    def track(self, images=None, /, **values):
        """Adds `values` to the logged means, and returns the means for Keras's `fit`.

        A name in `log_names()` that is not in `values` is not logged.

        Args:
            images: the batch that `values` are means over, for `test_step`: each value counts once per row. Defaults to
                None: each value counts once.
            **values: scalars by name.
        """
        rows = None if images is None else tf.shape(images)[0]
        for name, value in values.items():
            self.means[name].update_state(value, sample_weight=rows)
        return self._logs({name: self.means[name].result() for name in self.log_names() if name in values})

    def _logs(self, logs):
        # With several workers, Keras's `fit` reduces every log over its first axis, which a scalar does not have.
        if tf.distribute.get_strategy().extended._in_multi_worker_mode():
            return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs
