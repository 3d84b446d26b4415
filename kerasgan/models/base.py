"""What every adversarial model shares. No algorithm lives here: those are the papers' files."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from kerasgan import data, distribute, export, losses, penalties, random, replicas
from kerasgan.augment import AdaptiveAugment
from kerasgan.augment import get as get_augment
from kerasgan.optimizers import Adam
from kerasgan.schedules import LossThreshold


def join_inputs(x, condition):
    """Returns what a network with the main input `x` and a tuple of further inputs is called on."""
    return [x, *condition] if condition else x


def _stateless_latents(prior, num_images, latent_dim, seed):
    """Philox numbers: the same for a seed on every device and in an exported model."""
    draw = tf.random.stateless_uniform if prior == "uniform" else tf.random.stateless_normal
    span = {"minval": -1.0, "maxval": 1.0} if prior == "uniform" else {}
    return draw((num_images, latent_dim), seed=tf.stack([seed, 0]), alg="philox", **span)


_COMPILE_ARGUMENTS = ("g_optimizer", "d_optimizer", "loss", "penalty", "augment", "d_steps", "ema_decay", "metrics")


class AdversarialModel(keras.Model):
    """Base of the models: two optimizers, one way to descend, logged means, averaged generators, exact state.

    A paper adds its networks, its `defaults()` and its `train_step`, which is written in four verbs:

    - `self.latents(batch_size)` draws z;
    - `self.descend(tape, loss, variables, optimizer)` makes one step of one optimizer;
    - `self.track(**values)` logs means and returns them;
    - `self.update_ema()` moves the averaged networks, and `self.step`, on by one.

    Class attributes a paper may set:

    - `loss_names`: the entries of the logs besides `d_real` and `d_fake`.
    - `sampling_networks`: names of the attributes that hold networks to average; each gets a twin `ema_<name>`.
    - `fixed_networks`: names of further networks that an exported model needs.
    - `g_networks`, `d_networks`: names of the networks that `g_optimizer` and `d_optimizer` train.

    Args:
        networks: `keras.Model`s by attribute name, such as `generator=...`.
        seed: int. Seed of the training's noise. Defaults to a random one.
        name, dtype: as in `keras.Model`.
    """

    loss_names = ("d_loss", "g_loss")
    sampling_networks = ("generator",)
    fixed_networks = ()
    prior = "normal"
    g_networks = ("generator",)
    d_networks = ("discriminator",)

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls)
        # Kept aside from Keras's attribute tracking: networks among the arguments must not be saved twice.
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        arguments |= arguments.pop("kwargs", {})
        object.__setattr__(model, "_init_arguments", arguments)
        return model

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
        self.means = {name: keras.metrics.Mean(name=name) for name in (*self.loss_names, "d_real", "d_fake")}
        self.first_batch = None
        self.built = True

    # Compiling -------------------------------------------------------------------------------------------------------

    def defaults(self):
        """Returns the paper's training as keyword arguments of `compile`; optimizers are made anew at each call."""
        return {
            "g_optimizer": Adam(2e-4, beta_1=0.5),
            "d_optimizer": Adam(2e-4, beta_1=0.5),
        }

    def compile(
        self,
        g_optimizer=None,
        d_optimizer=None,
        loss=None,
        penalty=None,
        augment=None,
        d_steps=None,
        ema_decay=None,
        metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Chooses the training. Without arguments it is the paper's: see the class.

        Args:
            g_optimizer, d_optimizer: `keras.optimizers.Optimizer`, a name or a config, for the generators' and the
                discriminators' variables. Under `mixed_float16` both are wrapped for loss scaling.
            loss: see `kerasgan.losses.get`.
            penalty: see `kerasgan.penalties.get`. `[]` for none where the paper has one.
            augment: see `kerasgan.augment.get`: applied to whatever the discriminator sees, real and fake.
            d_steps: int. Discriminator updates per step, each on its own part of the batch, so that every update
                sees new data; the batch size must be a multiple of it. Or a `kerasgan.schedules.LossThreshold`, which
                trains each player until its loss is low enough.
            ema_decay: float in [0, 1). Per-step decay of the averaged copy of the sampling networks, batch
                statistics included, which `generate` then uses. 0 for none.
            metrics: list of `keras.metrics.Metric`s over (real images, generated images), for `evaluate`.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of its range.
        """
        given = {name: value for name, value in locals().items() if name in _COMPILE_ARGUMENTS and value is not None}
        options = {"loss": "non_saturating", "penalty": None, "augment": None, "d_steps": 1, "ema_decay": 0.0}
        options |= {"metrics": []} | self.defaults() | given
        d_steps, scheduled = options["d_steps"], isinstance(options["d_steps"], LossThreshold)
        if not scheduled and (not isinstance(d_steps, (int, float)) or d_steps != int(d_steps) or d_steps < 1):
            raise ValueError(f"`d_steps` must be an int of at least 1, or a `LossThreshold`. Received: {d_steps!r}")
        if scheduled and not hasattr(self, "generator_step"):
            raise ValueError(
                f"`d_steps` must be an int for {type(self).__name__}, which has no step of G apart from that of D. "
                f"Received: {type(d_steps).__name__}"
            )
        if not 0 <= options["ema_decay"] < 1:
            raise ValueError(f"`ema_decay` must be in [0, 1). Received: {options['ema_decay']!r}")

        super().compile(
            optimizer=None,  # Keras would install, and save, an RMSprop otherwise
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        self.loss = losses.get(options["loss"])
        if hasattr(self.loss, "draw_from"):
            self.loss.draw_from(self.seed_generator)
        self.penalty = penalties.get(options["penalty"])
        self.augment = get_augment(options["augment"])
        for layer in self.augment:
            if not layer.built:
                layer.build((None, self.image_size, self.image_size, self.channels))
        self.d_steps = d_steps if scheduled else int(d_steps)
        adaptive = any(isinstance(layer, AdaptiveAugment) for layer in self.augment)
        extra = ("d_updates", "g_updates") * scheduled + ("augment_p",) * adaptive
        self.loss_names = type(self).loss_names + extra
        for name in self.loss_names:
            if name not in self.means:
                self.means[name] = keras.metrics.Mean(name=name)
        self.ema_decay = float(options["ema_decay"])
        # Kept from Keras's tracking: their results are wanted once an evaluation, not at each training batch.
        object.__setattr__(self, "sample_metrics", list(options["metrics"]))
        # An optimizer that is not built here loses its moments on resume and fails under MirroredStrategy.
        self.g_optimizer = self._optimizer(options["g_optimizer"], self.g_variables)
        self.d_optimizer = self._optimizer(options["d_optimizer"], self.d_variables)
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

    @property
    def g_variables(self):
        """The trainable variables of the generating networks."""
        return [v for name in self.g_networks for v in getattr(self, name).trainable_variables]

    @property
    def d_variables(self):
        """The trainable variables of the judging networks."""
        return [v for name in self.d_networks for v in getattr(self, name).trainable_variables]

    def sampler(self, name="generator"):
        """Returns the network to sample from: the averaged copy where `compile` asked for one, else `name` itself."""
        average = getattr(self, f"ema_{name}", None)
        return average if average is not None else getattr(self, name)

    # The four verbs of a train_step ----------------------------------------------------------------------------------

    def latents(self, batch_size):
        """Draws z from the model's `prior` for this replica: (batch_size, latent_dim) float32."""
        if self.prior == "uniform":
            return random.uniform((batch_size, self.latent_dim), self.seed_generator, -1.0, 1.0)
        return random.normal((batch_size, self.latent_dim), self.seed_generator)

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
        return self._logs({name: self.means[name].result() for name in (*self.loss_names, "d_real", "d_fake")})

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

    # Pieces of adversarial algorithms --------------------------------------------------------------------------------

    def fresh_batches(self, data):
        """Splits a dataset element into `d_steps` parts: fresh data for each update of the discriminator.

        Part i holds every `d_steps`-th row from row i on, so that an update sees the same images whether one device
        holds the batch or several hold a share each.
        """
        k = self.d_steps.at_most if isinstance(self.d_steps, LossThreshold) else self.d_steps
        if k == 1:
            return [data]
        size = tf.nest.flatten(data)[0].shape[0]
        if size is None or size % k:
            raise ValueError(
                f"With {k} updates a step the batch size must be fixed and a multiple of {k}. "
                f"Received: {size} (use `.batch(n, drop_remainder=True)`)"
            )
        parts = [[x[i::k] for i in range(k)] for x in tf.nest.flatten(data)]
        return [tf.nest.pack_sequence_as(data, part) for part in zip(*parts)]

    def train_to_thresholds(self, data):
        """The step under a `LossThreshold`: updates of D, then of G, each while its loss is too high.

        Made of what a paper defines as `discriminator_step(batch)` and `generator_step(batch)`: one update each, which
        return what is to be logged, `d_loss` or `g_loss` of before the update among it.
        """
        parts, bounds = self.fresh_batches(data), self.d_steps
        d_logs, d_updates = self._train_while(parts, self.discriminator_step, "d_loss", bounds.d_below)
        g_logs, g_updates = self._train_while(parts, self.generator_step, "g_loss", bounds.g_below)
        self.update_ema()
        return self.track(**d_logs, **g_logs, d_updates=d_updates, g_updates=g_updates)

    def _train_while(self, parts, update, name, below):
        """Makes `update(part)` while the loss called `name` is above `below`: returns the last logs, and how many."""
        metrics = {id(variable) for metric in self.metrics for variable in metric.variables}
        state = [variable for variable in self.variables if id(variable) not in metrics]
        state += self.g_optimizer.variables + self.d_optimizer.variables
        looking, updates, logs = tf.constant(True), tf.zeros(()), None
        for part in parts:
            before = [tf.identity(tf.convert_to_tensor(variable)) for variable in state]
            new = update(part)
            logs = {key: tf.where(looking, value, logs[key]) if logs else value for key, value in new.items()}
            looking &= replicas.mean(new[name]) > below  # the same on all replicas; NaN ends the loop
            for variable, old in zip(state, before):
                variable.assign(tf.where(looking, tf.convert_to_tensor(variable), old))
            updates += tf.cast(looking, tf.float32)
        return logs, updates

    def augmented(self, images, training=True):
        """Returns `images` as the discriminator is to see them."""
        for layer in self.augment:
            images = layer(images, training=training)
        return images

    def adapt(self, real, real_logits, fake_logits):
        """Shows adaptive augmentations what D, in training, said of the images `real` and of as many generated ones."""
        for layer in self.augment:
            if isinstance(layer, AdaptiveAugment):
                layer.observe(self.loss.certainty(real_logits, fake_logits), keras.ops.shape(real)[0])
                self.means["augment_p"].update_state(layer.p)

    def penalties(self, judge, real, fake):
        """Returns the sum of the compiled penalties, a float32 scalar."""
        return sum((p(judge, real, fake, self.seed_generator) for p in self.penalty), start=tf.zeros(()))

    # Training and evaluating -----------------------------------------------------------------------------------------

    def check_batch(self, batch, check_range=True):
        """Raises a ValueError if `batch`, one dataset element, is not what this model trains on."""
        raise NotImplementedError(f"{type(self).__name__} must define `check_batch(batch, check_range)`.")

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
            self.fresh_batches(self.first_batch)  # refuses a size that `d_steps` does not divide
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

    # Sampling --------------------------------------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Maps the generator's inputs to images, with the averaged weights where there are any."""
        return self.sampler()(inputs, training=training)

    def sample_latents(self, num_images, seed=None):
        """Draws z for sampling, apart from the training's noise.

        Args:
            num_images: int.
            seed: int. The first rows do not depend on how many are drawn. Defaults to a random one.

        Returns:
            float32 array (num_images, latent_dim).
        """
        if num_images != int(num_images) or num_images < 1:
            raise ValueError(f"`num_images` must be an int of at least 1. Received: {num_images!r}")
        seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        return _stateless_latents(self.prior, int(num_images), self.latent_dim, seed).numpy()

    def decode(self, latents, condition=(), batch_size=64):
        """Turns latents into images with the sampling network.

        Args:
            latents: (n, latent_dim).
            condition: tuple of the further inputs of a conditional generator, n rows each. Defaults to none.
            batch_size: int. Defaults to 64.

        Returns:
            float32 array (n, image_size, image_size, channels) in [-1, 1].
        """
        inputs = join_inputs(np.asarray(latents, "float32"), condition)
        return self.sampler().predict(inputs, batch_size=batch_size, verbose=0)

    # Exporting -------------------------------------------------------------------------------------------------------

    def serving_functions(self):
        """Returns what a SavedModel offers, as {endpoint: (function, list of `tf.TensorSpec`)}."""
        network = self.sampler()

        def serve(latents):
            return {"images": network(latents, training=False)}

        def generate(num_images, seed):
            latents = _stateless_latents(self.prior, num_images, self.latent_dim, seed)
            return {"images": network(latents, training=False)}

        count, seed = tf.TensorSpec((), tf.int32, "num_images"), tf.TensorSpec((), tf.int32, "seed")
        return {
            "serving_default": (serve, [tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")]),
            "generate": (generate, [count, seed]),
        }

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

    # Saving ----------------------------------------------------------------------------------------------------------

    def get_config(self):
        config = {"name": self.name, "dtype": self.dtype_policy.name}
        for name, value in self._init_arguments.items():
            if name not in config and value is not None:
                config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    def get_compile_config(self):
        if not self.compiled:
            return {}
        names = set()
        for cls in type(self).__mro__[: type(self).__mro__.index(AdversarialModel) + 1]:
            if "compile" in vars(cls):
                names |= set(inspect.signature(cls.compile).parameters) - {"self", "kwargs", "metrics"}
        values = {name: getattr(self, name) for name in sorted(names)} | {"metrics": self.sample_metrics}
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    def _random_states(self):
        saved = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras saves no random state: without it a resumed run would draw its noise again from the start.
        for i, state in enumerate(self._random_states()):
            store[f"random_state_{i}"] = state

    def load_own_variables(self, store):
        states = {name: store[name] for name in store.keys() if name.startswith("random_state_")}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
        for i, state in enumerate(self._random_states()):
            if f"random_state_{i}" in states:
                state.assign(states[f"random_state_{i}"][()])
