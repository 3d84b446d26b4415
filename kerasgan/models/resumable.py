"""What every model shares: training that resumes exactly, averaged networks, logged means, saving and export."""

import collections.abc
import contextlib
import inspect
import io
import warnings
import zipfile

import keras
import numpy as np
import tensorflow as tf

from kerasgan import arguments, distribute, settings
from kerasgan.data import inputs
from kerasgan.models.exporting import Exports
from kerasgan.models.keras_callbacks import prepare_callbacks
from kerasgan.models.saving import SavesEverything, policy

# Of the random numbers of `evaluate`.
EVALUATION_SEED = 1406_2661


def _first(dataset):
    """Returns the first element as arrays, or None."""
    return next((tf.nest.map_structure(lambda t: t.numpy(), batch) for batch in dataset.take(1)), None)


def _refuse_weights(method, given):
    """Raises for the arguments of `keras.Model.fit` or `evaluate` that no model here can obey, or that do not exist."""
    for name in ("class_weight", "sample_weight"):
        if given.get(name) is not None:
            raise ValueError(
                f"`{name}` cannot be given: adversarial losses compare sets of images, and weigh no image by itself. "
                f"Remedy: put images that shall count more into the data more often. Received: {name}="
                f"{type(given[name]).__name__}"
            )
    known = {*inspect.signature(getattr(keras.Model, method)).parameters, "check_inputs"} - {"kwargs"}
    arguments.refuse_unknown(given.keys() - {"_use_cached_eval_dataset"}, known, f"`{method}`")


class ResumableModel(Exports, SavesEverything, keras.Model, metaclass=arguments.TakesNumPyInts):
    """Base of all models, adversarial or not: exact resuming, averaged networks, logged means, saving, export.

    A model that is no game derives from this class. It compiles by `start_compiling`, and its `train_step` is written
    in three verbs:

    - `self.descend(tape, loss, variables, optimizer)` makes one step of one optimizer;
    - `self.track(**values)` logs means and returns them;
    - `self.update_ema()` moves the averaged networks, and `self.step`, on by one.

    Class attributes a paper may set:

    - `loss_names`: the entries of the logs.
    - `training_names`: those of them that an evaluation does not have.
    - `sampling_networks`: names of the attributes that hold networks to average; each gets a twin `ema_<name>`.
    - `fixed_networks`: names of further networks that an exported model needs.
    - `evaluation_names`: the entries of the logs that `evaluate` alone has.
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
    optimizer_names = ("optimizer",)
    evaluation_names = ()

    def __new__(cls, *args, **kwargs):
        settings.check_keras()
        names, others = arguments.named_arguments(cls)
        # This class's own constructor takes networks of any name.
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
            _settle_trainable(network)
            setattr(self, attribute, network)
        object.__setattr__(self, "network_names", tuple(networks))
        object.__setattr__(self, "_made_frozen", any(_frozen(network) for network in networks.values()))
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
        """Raises for what a caller wrote and no constructor names, unless it can be a network of a class of one's own.

        Here all that classes pass on with `**kwargs` arrives.
        """
        names = arguments.all_named_arguments(type(self))
        networks = self._declared_networks()
        strict = not networks.isdisjoint(names)  # the networks have names
        for name in given.keys() & self._given - {*names, *networks}:
            if strict or not isinstance(given[name], keras.Model):
                arguments.refuse_unknown([name], [*names, *networks], type(self).__name__)

    @property
    def weights(self):
        """The weights of all networks, what `get_weights` and `set_weights` handle.

        `step` is not among them, as an optimizer's `iterations` are not: a callback that sets weights during `fit`,
        such as `keras.callbacks.EarlyStopping`, changes what the networks compute, not how long was trained.
        """
        return [weight for weight in super().weights if weight is not getattr(self, "step", None)]

    # Freezing --------------------------------------------------------------------------------------------------------

    def freeze(self, network, layers=None):
        """Holds the first layers of a network fixed in training. Call `compile` afterwards.

        Freezing the first layers of the discriminator is FreezeD (Mo et al. 2020, https://arxiv.org/abs/2002.10964),
        which fine-tunes a trained model on few images. What is frozen is saved with the model and belongs to the
        identity of a training that `kerasgan.callbacks.Checkpoint` continues. It is Keras's `trainable`: setting that
        of a layer yourself does the same.

        Args:
            network: str, the name of the attribute, such as `"discriminator"`.
            layers: int, how many of the layers that have weights, counted from the network's input; a normalization is
                one. A frozen batch normalization uses its moving statistics in training. Defaults to all layers.

        Raises:
            ValueError: if there is no such network, or it has fewer layers with weights.

        Example:

        >>> model = kerasgan.DCGAN(image_size=16, width=4)
        >>> model.freeze("discriminator", layers=1)
        >>> model.compile()
        """
        found = list(_layers_with_weights(self._network(network)))
        count = len(found) if layers is None else layers
        if not isinstance(count, (int, np.integer)) or not 1 <= count <= len(found):
            raise ValueError(f"`layers` must be an int from 1 to {len(found)}, or None for all. Received: {layers!r}")
        for layer in found[:count]:
            layer.trainable = False

    def unfreeze(self, network):
        """Lets all layers of a network train again, which takes a new `compile`.

        Args:
            network: str, the name of the attribute, such as `"discriminator"`.
        """
        # One by one: TensorFlow drops `network.trainable = True` where the network as a whole was not frozen.
        for layer in self._network(network)._flatten_layers():
            layer.trainable = True

    def _network(self, name):
        if name not in self.network_names:
            raise ValueError(f"`network` must be one of {list(self.network_names)}. Received: {name!r}")
        return getattr(self, name)

    def changes(self):
        frozen = {name: _frozen(getattr(self, name)) for name in self.network_names}
        frozen = {name: numbers for name, numbers in frozen.items() if numbers}
        changes = {"frozen": frozen} if frozen or self._made_frozen else {}
        return changes | ({"ema_decay": self.ema_decay} if self.ema_decay else {})

    def repeat_changes(self, changes):
        for name in self.network_names if "frozen" in changes else ():
            numbers = changes["frozen"].get(name, [])
            for i, layer in enumerate(getattr(self, name)._flatten_layers()):  # each before its own parts
                layer.trainable = i not in numbers
        self._keep_average(changes.get("ema_decay", 0.0))

    def _trained_variables(self):
        return {id(v) for name in self.network_names for v in getattr(self, name).trainable_variables}

    def _assert_compile_called(self, method_name=None):
        super()._assert_compile_called(method_name)
        if method_name in ("fit", "train_on_batch") and self._trained_variables() != self._compiled_for:
            raise ValueError(
                "Which layers are trainable has changed since `compile()`. Call `compile()` again, so that the "
                "optimizers hold what is to be trained."
            )

    def get_compile_config(self):
        if self.compiled and self._trained_variables() != self._compiled_for:
            warnings.warn(
                "Which layers are trainable has changed since `compile()`: the model is saved without its `compile()`.",
                stacklevel=2,
            )
            return {}
        return super().get_compile_config()

    # Compiling -------------------------------------------------------------------------------------------------------

    def start_compiling(self, ema_decay=None, metrics=(), **execution):
        """Checks and keeps the arguments of `compile` that every model has. Builds the averaged networks.

        Compiling changes the training, never the model: weights, averages and `step` stay.

        Args:
            ema_decay: float in [0, 1). Per-step decay of the averaged copies of `sampling_networks`. Defaults to that
                of the averages there are, or none. 0 drops them.
            metrics: list of `keras.metrics.Metric`s over (real images, generated images), for `evaluate`.
            **execution: `run_eagerly`, `steps_per_execution` and `jit_compile` of `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of its range.
        """
        ema_decay = self.ema_decay if ema_decay is None else ema_decay
        if not 0 <= ema_decay < 1:
            raise ValueError(f"`ema_decay` must be in [0, 1). Received: {ema_decay!r}")
        # Keras would install, and save, an RMSprop without `optimizer=None`.
        super().compile(optimizer=None, **execution)
        for name in self.loss_names:
            if name not in self.means:
                self.means[name] = keras.metrics.Mean(name=name)
        object.__setattr__(self, "_execution", execution)  # as given: Keras replaces "auto"
        object.__setattr__(self, "_compiled_for", self._trained_variables())
        for metric in metrics:
            if not isinstance(metric, keras.metrics.Metric):
                raise ValueError(
                    "`metrics` must be a list of `keras.metrics.Metric`s that compare real with generated images, such "
                    f"as `kerasgan.metrics.FrechetDistance('mnist')`. Received: {metric!r}"
                )
        # Kept from Keras's tracking: their results are wanted once an evaluation, not at each training batch.
        object.__setattr__(self, "sample_metrics", list(metrics))
        object.__setattr__(self, "_evaluated", None)
        self._keep_average(ema_decay)

    def _keep_average(self, decay):
        """Makes the averages that are missing, of the networks as they are; `decay=0` removes those there are."""
        for name in self.sampling_networks:
            average = getattr(self, f"ema_{name}", None)
            if decay and average is None:
                average = self._average_of(getattr(self, name))
            # Behind all other parts, whichever were made first: `get_weights` and files go by the order.
            self._replace(f"ema_{name}", average if decay else None)
        self.ema_decay = float(decay)

    def _replace(self, attribute, value):
        """Sets an attribute that may hold layers. Keras would go on counting the former ones as parts of the model."""
        for former in keras.tree.flatten(getattr(self, attribute, None)):
            self._tracker.untrack(former)
        setattr(self, attribute, value)

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

    @staticmethod
    def _average_of(network):
        with policy(network.dtype_policy):  # of a clone's layers Keras keeps it, of the whole it does not
            average = keras.models.clone_model(network)
        if not average.built:
            average.build(network.input_shape)
        average.set_weights(network.get_weights())
        average.trainable = False
        # Inside layers that were frozen when they were cloned, Keras 3.15 leaves weights trainable.
        for weight in average.weights:
            weight.trainable = False
        return average

    def sampler(self, name="generator"):
        """Returns the network to sample from: the averaged copy where `compile` asked for one, else `name` itself."""
        average = getattr(self, f"ema_{name}", None)
        return average if average is not None else getattr(self, name)

    @property
    def optimizers(self):
        """The optimizers that the model was compiled with."""
        found = (getattr(self, name, None) for name in self.optimizer_names)
        return [optimizer for optimizer in found if optimizer is not None]

    # The verbs of a train_step ---------------------------------------------------------------------------------------

    def descend(self, tape, loss, variables, optimizer):
        """Makes one step of `optimizer` down the gradient of `loss`, a mean over this replica's part of the batch.

        The optimizers sum gradients over replicas, so each replica gives its share; under `mixed_float16` the
        gradient is that of the scaled loss. Both factors enter the chain rule at its start.
        """
        share = optimizer.scale_loss(tf.ones_like(loss)) / tf.distribute.get_strategy().num_replicas_in_sync
        optimizer.apply(tape.gradient(loss, variables, output_gradients=share), variables)

    def track(self, **values):
        """Adds `values` to the logged means and returns the means so far, as Keras's `fit` wants them.

        A name of `log_names()` that is not among `values` is not logged.
        """
        for name, value in values.items():
            self.means[name].update_state(value)
        return self._logs({name: self.means[name].result() for name in self.log_names() if name in values})

    def _logs(self, logs):
        # With several workers Keras's `fit` reduces every log over its first axis, which a scalar lacks.
        if tf.distribute.get_strategy().extended._in_multi_worker_mode():
            return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    def update_ema(self):
        """Counts the step and moves the averaged networks: average <- decay average + (1 - decay) weight.

        Whole numbers, such as the count of `keras.layers.Normalization`, are copied.
        """
        self.step.assign_add(1)
        if not self.ema_decay:
            return
        decay = self.ema_decay_now()
        for name in self.sampling_networks:
            for average, weight in zip(getattr(self, f"ema_{name}").weights, getattr(self, name).weights, strict=True):
                is_float = keras.backend.is_float_dtype(average.dtype)
                average.assign(weight + decay * (average - weight) if is_float else weight)

    def ema_decay_now(self):
        """Returns the decay: `ema_decay`, but at step t at most (1 + t) / (10 + t).

        So the random first weights do not linger. An average that is begun later begins from trained weights and needs
        no such ramp; re-compiling restarts none.
        """
        step = tf.cast(self.step, tf.float32)
        return tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))

    # Training and evaluating -----------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        """Raises a ValueError if `batch`, one dataset element, is not what this model trains on."""
        raise NotImplementedError(f"{type(self).__name__} must define `check_batch(batch, check_range)`.")

    @property
    def batches_per_step(self):
        """How many of the dataset's batches `fit` joins for one step: as many as a step has updates on fresh data."""
        return 1

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        check_inputs=True,
        **kwargs,
    ):
        """Trains, as `keras.Model.fit` does, on one continuous stream of batches.

        The first batch is looked at before step 0, kept as `model.first_batch`, and refused where the model could not
        learn from it. A finite dataset is repeated, so that the steps made tell the position in the data: a callback
        with a method `restore_into(model, callbacks)`, such as `kerasgan.callbacks.Checkpoint`, continues at the next
        batch, in the middle of an epoch too. Then `initial_epoch` is that of the training's beginning, callbacks hear
        of the steps that this process makes, and the logs of a begun epoch are means over these.

        When training ends, such callbacks come first: what other callbacks then do to the weights is not saved by
        them. With `keras.callbacks.EarlyStopping(restore_best_weights=True)` the model holds the weights of the best
        epoch, averages included, while `step`, optimizers and random states, and the last checkpoint, are those of the
        real end.

        Each batch is what one update of the discriminator sees. With `d_steps=k` a step joins k batches, so that an
        epoch has a k-th of the steps, but at least one. Keras's callbacks that change `learning_rate` change that of
        both optimizers.

        A generator cannot be rewound: to resume, start it anew and the batches that were trained on are drawn and
        passed over. Where its first batch is another one than that of the interrupted run, `Checkpoint` refuses.

        Args:
            x: `tf.data.Dataset` of batches, generator, `keras.utils.PyDataset`, torch's `DataLoader`, or arrays, in
                the structure that the model's class states.
            y: array. `fit(images, labels)` means `fit((images, labels))`. Only with arrays.
            batch_size: int. Only with arrays. Defaults to 32.
            epochs, verbose, callbacks, initial_epoch: as in `keras.Model.fit`.
            validation_split: float in [0, 1). Only with arrays: the share of the rows, the last ones, that is held out.
            validation_data: as `x`, or a tuple of arrays.
            shuffle: bool. Only with arrays: a new order in each epoch. Defaults to True.
            steps_per_epoch: int. Defaults to the length of the dataset; a generator needs it. Rounded down to a
                multiple of `steps_per_execution`; the rest is trained on in the next epoch.
            check_inputs: bool. False turns off the checks of the images' range; shapes, dtypes and NaNs always are
                checked.
            **kwargs: the other arguments of `keras.Model.fit`, but for `class_weight` and `sample_weight`: the losses
                compare two sets of images, and have no weight of a single one.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: if the data are empty or not what the model expects, or a callback cannot work.
            TypeError: if there is no such argument.
        """
        self._assert_compile_called("fit")
        _refuse_weights("fit", kwargs)
        callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        prepare_callbacks(self, callbacks)
        if validation_split:
            if inputs.yields_batches(x) or validation_data is not None:
                raise ValueError(
                    "`validation_split` goes with arrays, and without `validation_data`. "
                    f"Received: validation_split={validation_split!r} with {type(x).__name__}"
                )
            x, validation_data = inputs.split(x if y is None else (x, y), validation_split)
            y = None
        if isinstance(x, collections.abc.Iterator) and steps_per_epoch is None:
            raise ValueError("A generator does not tell its length: `fit` needs `steps_per_epoch`. Received: None")
        validation_batch_size = kwargs.pop("validation_batch_size", None) or batch_size
        validation_data = self._validation(validation_data, validation_batch_size, check_inputs)
        x = inputs.as_dataset(x, y, batch_size, shuffle)
        if verbose and getattr(x, "left_out", 0):
            print(f"{x.left_out} of {x.num_images} images make no full batch: each epoch leaves out others.")

        length = None
        if isinstance(x, tf.data.Dataset):
            length = int(x.cardinality())
            x = self._stream(x, length, check_inputs)
            length = max(1, length // self.batches_per_step) if length > 0 else length
        steps = self._epoch_length(length, steps_per_epoch)
        if length is not None:
            x = distribute.share(x, self.distribute_strategy, self.steps_per_execution)

        restored = [c.restore_into(self, callbacks) for c in callbacks if hasattr(c, "restore_into")]
        restored = next((manifest for manifest in restored if manifest is not None), None)
        offset = 0
        if restored is not None:
            initial_epoch, offset, done = self._position(restored, steps)
            x = x.skip(done)
            if initial_epoch >= epochs and verbose:
                print(f"Nothing is left to train: {initial_epoch} of {epochs} epochs are done.")
            elif offset and initial_epoch < epochs:
                self._pass_over(offset)
        callbacks = _Callbacks(
            callbacks,
            passed_over=offset,
            model=self,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )
        run = dict(kwargs, shuffle=False, verbose=verbose, callbacks=callbacks, validation_data=validation_data)
        with distribute.naming_the_dead(self.distribute_strategy):
            return super().fit(x, epochs=epochs, initial_epoch=initial_epoch, steps_per_epoch=steps, **run)

    def _position(self, restored, steps):
        """Returns where a restored training stands: its epoch, the steps made in it, and those made in all."""
        if steps is None:
            raise ValueError("To resume, `fit` needs `steps_per_epoch`, as the dataset does not tell its length.")
        began = restored.get("began", {"step": 0, "epoch": 0})
        done = int(self.step.numpy()) - began["step"]
        epochs, offset = divmod(done, steps)
        if offset % self.steps_per_execution:
            raise ValueError(
                f"The checkpoint stands {offset} steps into an epoch: `steps_per_execution` must divide that. "
                f"Received: {self.steps_per_execution}"
            )
        return began["epoch"] + epochs, offset, done

    def _stream(self, x, length, check_range):
        """Repeats a dataset, joins its batches for the updates of a step, and checks and keeps the first of them."""
        # Of the repeated data, as they are trained on: one pass alone can depend on TensorFlow's global seed.
        stream = x.repeat() if length > 0 else x
        self.first_batch = _first(stream)
        if self.first_batch is None:
            raise ValueError(
                "The dataset is empty: expected at least one batch (fewer images than `batch_size` with "
                "`drop_remainder=True` give none)."
            )
        self.check_batch(self.first_batch, check_range=check_range)
        if self.batches_per_step > 1:
            rows = len(tf.nest.flatten(self.first_batch)[0])
            stream = stream.rebatch(self.batches_per_step * rows, drop_remainder=True)
            joined = _first(stream)
            if joined is None:
                raise ValueError(
                    f"A step takes {self.batches_per_step} batches of {rows} images, one for each update of the "
                    "discriminator. Received: fewer"
                )
            self.first_batch = joined
        return stream

    def _validation(self, x, batch_size, check_range):
        """Makes a dataset of `validation_data`, and checks its first batch."""
        if x is None:
            return None
        if isinstance(x, collections.abc.Iterator):
            raise ValueError(
                "`validation_data` is read in every epoch, and a generator can be read once. Remedy: a dataset, or "
                f"arrays. Received: {type(x).__name__}"
            )
        dataset = inputs.as_dataset(x, batch_size=None if inputs.yields_batches(x) else batch_size)
        first = _first(dataset) if isinstance(dataset, tf.data.Dataset) else None
        if first is not None:
            try:
                self.check_batch(first, check_range=check_range)
            except ValueError as error:
                raise ValueError(f"In `validation_data`: {error}") from error
        return dataset

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing, as the networks are built.

        Keras would draw a batch for this under a distribution strategy, and where a dataset is shuffled anew for each
        iterator, a resumed run would then see another order than the uninterrupted one.
        """

    def _pass_over(self, steps):
        """Lets Keras count, and do nothing in, the first steps of its next `fit`: an earlier run has made them.

        One `fit`, and so one iterator, must serve the begun epoch and the others: a second iterator over a dataset
        that is shuffled would see yet another order.
        """
        self.make_train_function()
        train = self.train_function

        def pass_or_train(iterator):
            nonlocal steps
            if not steps:
                self.train_function = train
                return train(iterator)
            steps -= self.steps_per_execution
            return {}

        self.train_function = pass_or_train

    def _epoch_length(self, length, steps_per_epoch):
        steps = steps_per_epoch or (length if length is not None and length >= 0 else None)
        if steps is None and length == tf.data.INFINITE_CARDINALITY:
            raise ValueError("The dataset is endless: `fit` needs `steps_per_epoch`.")
        if steps is None:
            return None
        if steps < self.steps_per_execution:
            raise ValueError(
                f"`steps_per_execution={self.steps_per_execution}` must not exceed the {steps} steps of an epoch. "
                "Compile with a smaller one, or give `steps_per_epoch` (the dataset is repeated)."
            )
        return steps - steps % self.steps_per_execution

    def evaluate(self, x=None, y=None, batch_size=None, return_dict=False, **kwargs):
        """Returns the mean losses on `x`, without training, and the compiled metrics over (real, generated) images.

        Evaluation leaves no trace in the training: its random numbers come from a fixed seed, the same for every model,
        so that a second evaluation gives the same numbers; random states and the means logged so far are put back.

        Args:
            x, y, batch_size: as in `fit`.
            return_dict: bool. A dict by name instead of a list in the order of `metrics_names`. Defaults to False.
            **kwargs: the other arguments of `keras.Model.evaluate`.
        """
        self._assert_compile_called("evaluate")
        _refuse_weights("evaluate", kwargs)
        if isinstance(x, collections.abc.Iterator) and kwargs.get("steps") is None:
            raise ValueError("A generator does not tell its length: `evaluate` needs `steps`. Received: None")
        x = inputs.as_dataset(x, y, batch_size)
        for metric in self.sample_metrics:
            metric.reset_state()
        with distribute.naming_the_dead(self.distribute_strategy), self._untouched():
            logs = super().evaluate(x, return_dict=True, **kwargs)
        for metric in self.sample_metrics:
            result = metric.result()
            results = result if isinstance(result, dict) else {metric.name: result}
            logs |= {name: float(value) for name, value in results.items()}
        # TensorFlow's functions return dicts in the order of the alphabet.
        order = [name for name in self.log_names() if name in logs]
        logs = {name: logs[name] for name in [*order, *(name for name in logs if name not in order)]}
        object.__setattr__(self, "_evaluated", list(logs))
        return logs if return_dict else list(logs.values())

    @property
    def metrics_names(self):
        """The names of the values in the list that `evaluate` returns, in its order.

        `train_on_batch` and `test_on_batch` return the first of them, those that a single batch has.
        """
        if self._evaluated is not None:
            return list(self._evaluated)
        names = [name for name in self.log_names() if name not in self.training_names]
        return names + [metric.name for metric in getattr(self, "sample_metrics", ())]

    def train_on_batch(self, x, y=None, return_dict=False):
        """Makes one step on a batch of what `fit` takes, of `batches_per_step` times the images of an update.

        Returns:
            The values of this batch: a list in the order of `metrics_names`, or a dict with all logs by name.
        """
        self._assert_compile_called("train_on_batch")
        self.make_train_function()
        return self._on_batch(self.train_function, x, y, return_dict)

    def test_on_batch(self, x, y=None, return_dict=False):
        """Returns the losses on a batch without training, as `train_on_batch` does."""
        self._assert_compile_called("test_on_batch")
        self.make_test_function()
        with self._untouched():
            return self._on_batch(self.test_function, x, y, return_dict)

    def _on_batch(self, function, x, y, return_dict):
        self.reset_metrics()
        logs = function(iter([tf.nest.map_structure(tf.convert_to_tensor, x if y is None else (x, y))]))
        logs = {name: float(np.mean(value)) for name, value in logs.items()}
        return logs if return_dict else [logs[name] for name in self.metrics_names if name in logs]

    @contextlib.contextmanager
    def _untouched(self):
        """Lends the model to an evaluation: random states start from `EVALUATION_SEED`, and are put back afterwards."""
        seeds = self._random_states()
        means = [variable for metric in self.metrics for variable in metric.variables]
        before = [(state, state.numpy()) for state in (*seeds, *means)]
        for i, seed in enumerate(seeds):
            seed.assign([EVALUATION_SEED + i, 0])  # each its own: two layers of one shape draw different numbers
        try:
            yield
        finally:
            for state, value in before:
                state.assign(value)

    def compare(self, real, fake):
        """Shows a batch of real and one of generated images to the compiled metrics; for `test_step`."""
        for metric in self.sample_metrics:
            metric.update_state(tf.cast(real, tf.float32), tf.cast(fake, tf.float32))

    # Loading ---------------------------------------------------------------------------------------------------------

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads what `save_weights` wrote, `step`, random states and a compiled model's optimizers included.

        Averages that the file lacks begin from the loaded weights.

        Args:
            filepath, skip_mismatch: as in `keras.Model.load_weights`.

        Raises:
            ValueError: if the file holds averages and this model none: they would be lost.
        """
        held = _attributes_in(filepath)
        averages = {name: getattr(self, f"ema_{name}", None) for name in self.sampling_networks}
        begun = {}
        if held is not None:
            lost = [f"ema_{name}" for name, average in averages.items() if average is None and f"ema_{name}" in held]
            if lost and not skip_mismatch:
                raise ValueError(
                    f"{str(filepath)!r} holds {lost}, for which this model has no place: they would be lost. Compile "
                    "with the `ema_decay` of the run that wrote the file; `compile(ema_decay=0)`, later, drops them."
                )
            begun = {n: a for n, a in averages.items() if a is not None and f"ema_{n}" not in held}
        for name in begun:
            self._replace(f"ema_{name}", None)
        try:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        finally:
            for name, average in begun.items():
                setattr(self, f"ema_{name}", average)
        for name, average in begun.items():
            average.set_weights(getattr(self, name).get_weights())


class _Callbacks(keras.callbacks.CallbackList):
    """The callbacks of a `fit`: they hear of no step that another process made; who saves comes first at the end.

    Args:
        passed_over: int, the steps of the first epoch that an earlier process made.
    """

    def __init__(self, callbacks, passed_over, **kwargs):
        super().__init__(callbacks, **kwargs)
        self.passed_over = passed_over

    def on_train_batch_begin(self, batch, logs=None):
        if batch >= self.passed_over:
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if batch >= self.passed_over:
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.passed_over = 0
        super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        self.callbacks.sort(key=lambda callback: not hasattr(callback, "restore_into"))
        super().on_train_end(logs)


def _layers_with_weights(network):
    """Yields the layers that have weights from the input on, those of nested models one by one."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def _frozen(network):
    """Returns the numbers of the layers that are not trainable, in the order of all that the network is made of."""
    return [i for i, layer in enumerate(network._flatten_layers()) if not layer.trainable]


def _settle_trainable(network):
    """Holds the weights of layers that are not trainable: of layers made so, Keras 3.15 leaves them trainable."""
    for layer in network._flatten_layers():
        if not layer.trainable:
            for weight in layer.weights:  # those of its parts too
                weight.trainable = False


def _attributes_in(filepath):
    """Returns the names of the attributes that a weights file has weights of; None where that cannot be told."""
    import h5py

    name = str(filepath)
    if name.endswith(".keras"):
        with zipfile.ZipFile(filepath) as archive:
            filepath = io.BytesIO(archive.read("model.weights.h5"))
    elif not name.endswith("weights.h5") or "://" in name:
        return None
    with h5py.File(filepath, "r") as file:
        return set(file)
