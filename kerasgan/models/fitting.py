"""`fit` on one continuous stream of batches, with exact resuming."""

import collections.abc
import contextlib
import inspect
import math

import keras
import tensorflow as tf

from kerasgan import arguments, distribute
from kerasgan.data import inputs
from kerasgan.data._pipeline import without_tuner
from kerasgan.models.keras_callbacks import prepare_callbacks


def _first(dataset):
    """Returns the first element as arrays, or None."""
    return next((tf.nest.map_structure(lambda t: t.numpy(), batch) for batch in dataset.take(1)), None)


def _first_of(dataset):
    """Returns the first element as arrays.

    Raises:
        ValueError: if there is none.
    """
    first = _first(dataset)
    if first is None:
        raise ValueError(
            "The dataset is empty: expected at least one batch (fewer images than `batch_size` with "
            "`drop_remainder=True` give none)."
        )
    return first


def refuse_weights(method, given):
    """Raises an error for unknown arguments, and for arguments of `keras.Model` that are not supported."""
    for name in ("class_weight", "sample_weight"):
        if given.get(name) is not None:
            raise ValueError(
                f"`{name}` is not supported, as adversarial losses compare sets of images and do not weight single "
                f"images. Remedy: repeat images in the data to give them more weight. Received: {name}="
                f"{type(given[name]).__name__}"
            )
    known = {*inspect.signature(getattr(keras.Model, method)).parameters, "check_inputs"} - {"kwargs"}
    arguments.refuse_unknown(given.keys() - {"_use_cached_eval_dataset"}, known, f"`{method}`")


class Fits:
    """Mixin for `fit`, which checks its inputs and continues from a checkpoint."""

    def check_batch(self, batch, check_range=True):
        """Raises a ValueError if `batch`, one dataset element, is not valid for this model."""
        raise NotImplementedError(f"{type(self).__name__} must define `check_batch(batch, check_range)`.")

    def check_evaluation_batch(self, batch, check_range=True):
        """Raises a ValueError if `batch` is not valid for `evaluate`, which by default takes what `fit` takes."""
        self.check_batch(batch, check_range=check_range)

    @property
    def batches_per_step(self):
        """The number of batches of the dataset that `fit` joins for one step: one per update on new data."""
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
        """Trains, like `keras.Model.fit`, on one continuous stream of batches.

        The first batch is checked before step 0 and kept as `model.first_batch`. A finite dataset is repeated, so the
        number of steps gives the position in the data. A callback with a method `restore_into(model, callbacks)`, such
        as `kerasgan.callbacks.Checkpoint`, therefore continues at the next batch, even in the middle of an epoch.
        After resuming, `initial_epoch` is that of the original start, callbacks are called only for the steps of this
        process, and the logs of the interrupted epoch are means over these steps. If `steps_per_execution` is another
        one, the epochs keep their length. It is reduced to a divisor of that and of the steps that are done.

        At the end of training, such callbacks run first, so they do not save what other callbacks then do to the
        weights. With `keras.callbacks.EarlyStopping(restore_best_weights=True)` the model holds the weights of the best
        epoch, averages included; `step`, optimizers, random states and the last checkpoint are those of the actual end.

        Each batch is used for one update of the discriminator. With `d_steps=k` a step joins k batches, so an epoch has
        a k-th of the steps, but at least one. Keras's callbacks that change `learning_rate` change that of both
        optimizers.

        A Python generator cannot be rewound. To resume, create it again: the batches already trained on are drawn and
        skipped. `Checkpoint` refuses to continue if its first batch differs from that of the interrupted run.

        Args:
            x: `tf.data.Dataset` of batches, generator, `keras.utils.PyDataset`, torch's `DataLoader`, or arrays, in
                the structure that the model's class states.
            y: array. `fit(images, labels)` means `fit((images, labels))`. Only with arrays.
            batch_size: int. Only with arrays. Defaults to 32.
            epochs, verbose, callbacks, initial_epoch: as in `keras.Model.fit`.
            validation_split: float in [0, 1). Only with arrays: the share of the rows, the last ones, that is held out.
            validation_data: what `evaluate` takes as `x`: a dataset, or arrays.
            shuffle: bool. Only with arrays: a new order in each epoch. Defaults to True.
            steps_per_epoch: int. Defaults to the length of the dataset; a generator needs it. Rounded down to a
                multiple of `steps_per_execution`; the rest is trained on in the next epoch.
            check_inputs: bool. False turns off the checks of the images' range; shapes, dtypes and NaNs always are
                checked.
            **kwargs: the other arguments of `keras.Model.fit`, except `class_weight` and `sample_weight`: the losses
                compare two sets of images and cannot weight a single one.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: if the data are empty or invalid for the model, or a callback is not supported.
            TypeError: if there is no such argument.
        """
        self._assert_compile_called("fit")
        refuse_weights("fit", kwargs)
        callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        prepare_callbacks(self, callbacks)
        if validation_split:
            x, y, validation_data = self._split(x, y, validation_split, validation_data)
        if isinstance(x, collections.abc.Iterator) and steps_per_epoch is None:
            raise ValueError("`fit` needs `steps_per_epoch`, as a generator has no length. Received: None")
        validation_batch_size = kwargs.pop("validation_batch_size", None) or batch_size
        validation_data = self._validation(validation_data, validation_batch_size, check_inputs)
        x = inputs.as_dataset(x, y, batch_size, shuffle)
        if verbose and getattr(x, "left_out", 0):
            print(f"{x.left_out} of {x.num_images} images do not fill a batch. Each epoch leaves out different ones.")
        x, steps = self._endless(x, steps_per_epoch, check_inputs)

        restored = [c.restore_into(self, callbacks) for c in callbacks if hasattr(c, "restore_into")]
        restored = next((manifest for manifest in restored if manifest is not None), None)
        steps = self._whole_executions(steps, restored)
        offset = 0
        if restored is not None:
            initial_epoch, offset, done = self._position(restored, steps)
            x = x.skip(done)
            if initial_epoch >= epochs and verbose:
                print(f"Nothing is left to train: {initial_epoch} of {epochs} epochs are done.")
        progress = {"add_progbar": verbose != 0, "verbose": verbose, "epochs": epochs, "steps": steps}
        callbacks = _Callbacks(callbacks, passed_over=offset, model=self, add_history=True, **progress)
        run = dict(kwargs, shuffle=False, verbose=verbose, callbacks=callbacks, validation_data=validation_data)
        goes_on = initial_epoch < epochs
        at_once = math.gcd(self.steps_per_execution, offset, steps or 0)
        try:
            with (
                self._executing(at_once, verbose and goes_on),
                distribute.naming_the_dead(self.distribute_strategy),
            ):
                if offset and goes_on:
                    self._pass_over(offset)
                return super().fit(x, epochs=epochs, initial_epoch=initial_epoch, steps_per_epoch=steps, **run)
        except ConnectionError:
            for callback in callbacks.callbacks:
                if hasattr(callback, "on_lost_workers"):
                    callback.on_lost_workers()
            raise

    def _split(self, x, y, share, validation_data):
        """Returns the training arrays, None, and the arrays held out by `validation_split`."""
        if inputs.yields_batches(x) or validation_data is not None:
            raise ValueError(
                "`validation_split` needs arrays, and no `validation_data`. "
                f"Received: validation_split={share!r} with {type(x).__name__}"
            )
        x, held_out = inputs.split(x if y is None else (x, y), share)
        return x, None, held_out

    def _endless(self, x, steps_per_epoch, check_range):
        """Returns an infinite stream of batches of the dataset, and the number of steps per epoch."""
        if not isinstance(x, tf.data.Dataset):
            return x, self._epoch_length(None, steps_per_epoch)
        length = int(x.cardinality())
        x = self._stream(x, length, check_range)
        length = max(1, length // self.batches_per_step) if length > 0 else length
        steps = self._epoch_length(length, steps_per_epoch)
        return distribute.share(x, self.distribute_strategy, self.steps_per_execution), steps

    def _position(self, restored, steps):
        """Returns the position of a restored training: its epoch, the steps made in it, and all steps made."""
        if steps is None:
            raise ValueError("To resume, `fit` needs `steps_per_epoch`, as the length of the dataset is unknown.")
        began = restored.get("began", {"step": 0, "epoch": 0})
        done = int(self.step.numpy()) - began["step"]
        epochs, offset = divmod(done, steps)
        return began["epoch"] + epochs, offset, done

    def _stream(self, x, length, check_range):
        """Repeats a dataset, joins its batches for the updates of a step, and checks and stores the first one."""
        # From the repeated data, as in training, since a single pass can depend on TensorFlow's global seed.
        stream = without_tuner(x.repeat() if length > 0 else x)
        self.first_batch = _first_of(stream)
        self.check_batch(self.first_batch, check_range=check_range)
        if self.batches_per_step > 1:
            counts = [len(part) for part in tf.nest.flatten(self.first_batch)]
            rows = counts[0]
            if set(counts) != {rows}:
                raise ValueError(
                    f"With {self.batches_per_step} batches per step, all parts of a batch must have the same number of "
                    f"rows. Received: {counts}"
                )
            stream = stream.rebatch(self.batches_per_step * rows, drop_remainder=True)
            if (
                length != tf.data.UNKNOWN_CARDINALITY
            ):  # `rebatch` forgets it, and workers then expect a last small batch
                stream = stream.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
            joined = _first(stream)
            if joined is None:
                raise ValueError(
                    f"A step needs {self.batches_per_step} batches of {rows} images: `accumulate` for each update of "
                    "the discriminator. Received: fewer"
                )
            self.first_batch = joined
        return stream

    def _validation(self, x, batch_size, check_range):
        """Makes a checked dataset of `validation_data`."""
        if x is None:
            return None
        if isinstance(x, collections.abc.Iterator):
            raise ValueError(
                "`validation_data` is read in every epoch, but a generator can be read only once. Remedy: a dataset "
                f"or arrays. Received: {type(x).__name__}"
            )
        try:
            dataset = inputs.as_dataset(x, batch_size=None if inputs.yields_batches(x) else batch_size)
            return self._to_evaluate(dataset, check_range)
        except ValueError as error:
            raise ValueError(f"In `validation_data`: {error}") from error

    def _to_evaluate(self, dataset, check_range):
        """Distributes a dataset for `evaluate`, and checks its first batch."""
        if not isinstance(dataset, tf.data.Dataset):
            return dataset
        dataset = distribute.share(without_tuner(dataset), self.distribute_strategy)
        self.check_evaluation_batch(_first_of(dataset), check_range=check_range)
        return dataset

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing, as the networks are built.

        Keras would draw a batch for this under a distribution strategy. If a dataset is reshuffled for each iterator, a
        resumed run would then see another order than the uninterrupted one.
        """

    def _pass_over(self, steps):
        """Makes Keras's next `fit` skip the first steps, which were made by an earlier run.

        The started epoch and the following ones must share one `fit` and one iterator, as a second iterator over a
        shuffled dataset would see another order.
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
            raise ValueError("The dataset is infinite: `fit` needs `steps_per_epoch`.")
        if steps is None:
            return None
        if steps < self.steps_per_execution:
            raise ValueError(
                f"`steps_per_execution={self.steps_per_execution}` must not exceed the {steps} steps of an epoch. "
                "Compile with a smaller one, or give `steps_per_epoch` (the dataset is repeated)."
            )
        return steps

    def _whole_executions(self, steps, restored):
        """Rounds the steps per epoch down to a multiple of `steps_per_execution`: that of the start of the training."""
        if steps is None:
            return None
        at_once = (restored or {}).get("began", {}).get("steps_per_execution", self.steps_per_execution)
        return steps - steps % (at_once if at_once <= steps else self.steps_per_execution)

    @contextlib.contextmanager
    def _executing(self, at_once, verbose):
        """Sets `steps_per_execution` to a divisor of it within the block."""
        own = self.steps_per_execution
        if at_once == own:
            yield
            return
        if verbose:
            print(f"Each execution has {at_once} instead of {own} steps, to fit into the epochs of the training.")
        try:
            self.steps_per_execution, self.train_function, self.test_function = at_once, None, None
            yield
        finally:
            self.steps_per_execution, self.train_function, self.test_function = own, None, None


class _Callbacks(keras.callbacks.CallbackList):
    """The callbacks of a `fit`. They are not called for skipped steps. At the end, those that save are called first.

    Args:
        passed_over: int, the number of steps of the first epoch that an earlier process made.
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
