"""What every model shares: training that resumes exactly, averaged networks, logged means, saving and export."""

import keras
import tensorflow as tf

from kerasgan import data, distribute, export
from kerasgan.models.saving import SavesEverything


class ResumableModel(SavesEverything, keras.Model):
    """Base of all models, adversarial or not: exact resuming, averaged networks, logged means, saving, export.

    A model that is no game derives from this class. It compiles by `start_compiling`, and its `train_step` is written
    in three verbs:

    - `self.descend(tape, loss, variables, optimizer)` makes one step of one optimizer;
    - `self.track(**values)` logs means and returns them;
    - `self.update_ema()` moves the averaged networks, and `self.step`, on by one.

    Class attributes a paper may set:

    - `loss_names`: the entries of the logs.
    - `sampling_networks`: names of the attributes that hold networks to average; each gets a twin `ema_<name>`.
    - `fixed_networks`: names of further networks that an exported model needs.

    Args:
        networks: `keras.Model`s by attribute name, such as `encoder=...`.
        seed: int. Seed of the training's noise. Defaults to a random one.
        name, dtype: as in `keras.Model`.
    """

    loss_names = ("loss",)
    sampling_networks = ()
    fixed_networks = ()

    def __init__(self, *, seed=None, name=None, dtype=None, trainable=True, **networks):
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        for attribute, network in networks.items():
            if not isinstance(network, keras.Model):
                raise ValueError(f"`{attribute}` must be a `keras.Model`. Received: {network!r}")
            if not network.built:
                raise ValueError(f"`{attribute}` has no weights yet: call it once, or give it an `Input`, first.")
            setattr(self, attribute, network)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.step = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self.means = {name: keras.metrics.Mean(name=name) for name in self.log_names()}
        self.first_batch = None
        self.built = True

    def log_names(self):
        """Returns the names of all entries of the logs, in their order."""
        return self.loss_names

    # Compiling -------------------------------------------------------------------------------------------------------

    def start_compiling(self, ema_decay=0.0, metrics=(), **execution):
        """Checks and keeps the arguments of `compile` that every model has. Builds the averaged networks.

        Args:
            ema_decay: float in [0, 1). Per-step decay of the averaged copies of `sampling_networks`. 0 for none.
            metrics: list of `keras.metrics.Metric`s over (real images, generated images), for `evaluate`.
            **execution: `run_eagerly`, `steps_per_execution` and `jit_compile` of `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of its range.
        """
        if not 0 <= ema_decay < 1:
            raise ValueError(f"`ema_decay` must be in [0, 1). Received: {ema_decay!r}")
        # Keras would install, and save, an RMSprop without `optimizer=None`.
        super().compile(optimizer=None, **execution)
        for name in self.loss_names:
            if name not in self.means:
                self.means[name] = keras.metrics.Mean(name=name)
        self.ema_decay = float(ema_decay)
        # Kept from Keras's tracking: their results are wanted once an evaluation, not at each training batch.
        object.__setattr__(self, "sample_metrics", list(metrics))
        for name in self.sampling_networks:
            setattr(self, f"ema_{name}", self._average_of(getattr(self, name)) if self.ema_decay else None)

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

    # The verbs of a train_step ---------------------------------------------------------------------------------------

    def descend(self, tape, loss, variables, optimizer):
        """Makes one step of `optimizer` down the gradient of `loss`, a mean over this replica's part of the batch.

        The optimizers sum gradients over replicas, so each replica gives its share; under `mixed_float16` the
        gradient is that of the scaled loss. Both factors enter the chain rule at its start.
        """
        share = optimizer.scale_loss(tf.ones_like(loss)) / tf.distribute.get_strategy().num_replicas_in_sync
        optimizer.apply(tape.gradient(loss, variables, output_gradients=share), variables)

    def track(self, **values):
        """Adds `values` to the logged means and returns the means so far, as Keras's `fit` wants them."""
        for name, value in values.items():
            self.means[name].update_state(value)
        return self._logs({name: self.means[name].result() for name in self.log_names()})

    def _logs(self, logs):
        # With several workers Keras's `fit` reduces every log over its first axis, which a scalar lacks.
        if tf.distribute.get_strategy().extended._in_multi_worker_mode():
            return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    def update_ema(self):
        """Counts the step and moves the averaged networks: average <- decay average + (1 - decay) weight.

        At step t the decay is at most (1 + t) / (10 + t), so that the first weights do not linger.
        """
        self.step.assign_add(1)
        if not self.ema_decay:
            return
        step = tf.cast(self.step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for name in self.sampling_networks:
            for average, weight in zip(getattr(self, f"ema_{name}").weights, getattr(self, name).weights, strict=True):
                average.assign(weight + decay * (average - weight))

    # Training and evaluating -----------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        """Raises a ValueError if `batch`, one dataset element, is not what this model trains on."""
        raise NotImplementedError(f"{type(self).__name__} must define `check_batch(batch, check_range)`.")

    def check_batch_size(self, batch):
        """Raises a ValueError if the algorithm cannot be run on a batch of this size. By default any size does."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_data=None,
        initial_epoch=0,
        steps_per_epoch=None,
        check_inputs=True,
        **kwargs,
    ):
        """Trains, as `keras.Model.fit` does, on one continuous stream of batches.

        The first batch is looked at before step 0, kept as `model.first_batch`, and refused where the model could not
        learn from it. A finite dataset is repeated, so that the position in the data is `model.step`: a callback with
        a method `restore_into(model, callbacks)`, such as `kerasgan.callbacks.Checkpoint`, continues at the next
        batch, in the middle of an epoch too.

        Args:
            x: `tf.data.Dataset` of batches, or arrays, in the structure that the model's class states.
            y: array. `fit(images, labels)` means `fit((images, labels))`. Only with arrays.
            batch_size: int. Only with arrays, which are shuffled. Defaults to 32.
            epochs, verbose, callbacks, validation_data, initial_epoch: as in `keras.Model.fit`.
            steps_per_epoch: int. Defaults to the length of the dataset. Rounded down to a multiple of
                `steps_per_execution`; the rest is trained on in the next epoch.
            check_inputs: bool. False turns off the checks of the images' range; shapes, dtypes and NaNs always are
                checked.
            **kwargs: the other arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: if the data are empty or not what the model expects.
        """
        self._assert_compile_called("fit")
        if not isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            x = data.from_arrays(x if y is None else (x, y), batch_size or 32)
        elif y is not None or batch_size is not None:
            raise ValueError("`y` and `batch_size` go with arrays; a dataset brings its own. Received both.")
        length = None
        if isinstance(x, tf.data.Dataset):
            length = int(x.cardinality())
            # Of the repeated data, as they are trained on: one pass alone can depend on TensorFlow's global seed.
            for batch in (x.repeat() if length > 0 else x).take(1):
                self.first_batch = tf.nest.map_structure(lambda t: t.numpy(), batch)
            if self.first_batch is None:
                raise ValueError(
                    "The dataset is empty: expected at least one batch (fewer images than `batch_size` with "
                    "`drop_remainder=True` give none)."
                )
            self.check_batch(self.first_batch, check_range=check_inputs)
            self.check_batch_size(self.first_batch)
        steps = self._epoch_length(length, steps_per_epoch)
        if length is not None and length >= 0:
            x = x.repeat()
        if length is not None:
            x = distribute.share(x, self.distribute_strategy, self.steps_per_execution)

        callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        restored = any([c.restore_into(self, callbacks) is not None for c in callbacks if hasattr(c, "restore_into")])
        run = dict(kwargs, shuffle=False, verbose=verbose, callbacks=callbacks, validation_data=validation_data)
        if not restored:
            return super().fit(x, epochs=epochs, initial_epoch=initial_epoch, steps_per_epoch=steps, **run)

        if steps is None:
            raise ValueError("To resume, `fit` needs `steps_per_epoch`, as the dataset does not tell its length.")
        done = int(self.step.numpy())
        epoch, offset = divmod(done, steps)
        if offset % self.steps_per_execution:
            raise ValueError(
                f"The checkpoint stands {offset} steps into an epoch: `steps_per_execution` must divide that. "
                f"Received: {self.steps_per_execution}"
            )
        if offset and epoch < epochs:
            self._pass_over(offset)
        return super().fit(x.skip(done), epochs=epochs, initial_epoch=epoch, steps_per_epoch=steps, **run)

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

        Args:
            x, y, batch_size: as in `fit`.
            return_dict: bool. A dict by name instead of a list in the order of its names. Defaults to False.
            **kwargs: the other arguments of `keras.Model.evaluate`.
        """
        if not isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            x = data.from_arrays(x if y is None else (x, y), batch_size or 32, shuffle=False)
        for metric in self.sample_metrics:
            metric.reset_state()
        logs = super().evaluate(x, return_dict=True, **kwargs)
        for metric in self.sample_metrics:
            result = metric.result()
            results = result if isinstance(result, dict) else {metric.name: result}
            logs |= {name: float(value) for name, value in results.items()}
        return logs if return_dict else list(logs.values())

    def compare(self, real, fake):
        """Shows a batch of real and one of generated images to the compiled metrics; for `test_step`."""
        for metric in self.sample_metrics:
            metric.update_state(tf.cast(real, tf.float32), tf.cast(fake, tf.float32))

    # Exporting -------------------------------------------------------------------------------------------------------

    def export(self, filepath, format="saved_model", version=None, endpoint=None, batch_size=None):
        """Writes the sampling network, averaged weights where there are any, in a format that others open.

        - `"saved_model"`, for model servers: `serving_default`, from the generator's named inputs (`latents`, ...) to
          `images`, and `generate`, from `num_images` and `seed` to the images that `generate` of this class gives.
        - `"onnx"`, for ONNX Runtime and browsers (needs the extra `kerasgan[export]`), and `"litert"`, for phones: one
          endpoint a file. These formats have no random numbers of TensorFlow's, so latents and noise are inputs. In
          ONNX, where a name stands for one value, a network from `images` to images answers with `output_images`.

        Args:
            filepath: str. For a SavedModel the model's folder: it goes to the numbered folder `filepath/<version>`
                that model servers expect. For the others a file that ends in `.onnx` or `.tflite`. What is written
                appears complete or not at all.
            format: `"saved_model"` (default), `"onnx"` or `"litert"`.
            version: int, of a SavedModel. Defaults to one more than the highest there, or 1.
            endpoint: str, of ONNX and LiteRT: which of `serving_functions()`. Defaults to `"serving_default"`.
            batch_size: int, of ONNX and LiteRT: fixes the number of images. Defaults to any number.

        Returns:
            The path of what was written.

        Raises:
            ValueError: if the version exists, an argument does not go with the format, or a mixed-precision model is to
                become ONNX or LiteRT.
        """
        return export.export(self, filepath, format, version, endpoint, batch_size)
