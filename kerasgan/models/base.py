"""The base of all adversarial models. The algorithms are in the papers' files."""

import functools
import inspect

import keras
import tensorflow as tf

from kerasgan import arguments, losses, penalties, random, replicas
from kerasgan.arguments import whole
from kerasgan.augment import AdaptiveAugment
from kerasgan.augment import get as get_augment
from kerasgan.models.accumulation import update_once
from kerasgan.models.keras_callbacks import BothOptimizers
from kerasgan.models.network_checks import bounded_activation, check_image_shape, input_shapes
from kerasgan.models.resumable import ResumableModel
from kerasgan.optimizers import Adam
from kerasgan.schedules import LossThreshold
from kerasgan.shapes import as_size

_COMPILE_ARGUMENTS = ("g_optimizer", "d_optimizer", "loss", "penalty", "augment", "d_steps", "ema_decay", "metrics")


class AdversarialModel(ResumableModel):
    """Base of the adversarial models: two optimizers, latents, losses, penalties, augmentation, sampling.

    A paper adds its networks, its `defaults()` and its `train_step`, which uses four methods:

    - `self.latents(batch_size)` draws z;
    - `self.descend(tape, loss, variables, optimizer)` makes one step of one optimizer;
    - `self.track(**values)` logs means and returns them;
    - `self.update_ema()` updates the averaged networks and increments `self.step`.

    Class attributes that a paper may set:

    - `loss_names`: the entries of the logs in addition to `d_real` and `d_fake`.
    - `sampling_networks`, `fixed_networks`: as in `ResumableModel`.
    - `g_networks`, `d_networks`: names of the networks that `g_optimizer` and `d_optimizer` train.

    Args:
        networks: `keras.Model`s by attribute name, such as `generator=...`.
        seed: int. Seed of the training's noise. Defaults to a random one.
        name, dtype: as in `keras.Model`.
    """

    loss_names = ("d_loss", "g_loss")
    sampling_networks = ("generator",)
    prior = "normal"
    g_networks = ("generator",)
    d_networks = ("discriminator",)
    optimizer_names = ("g_optimizer", "d_optimizer")

    training_names = ("d_updates", "g_updates", "augment_p")
    compares_images = True  # whether `evaluate` compares real with generated images by `metrics`

    @classmethod
    def _declared_networks(cls):
        return {*super()._declared_networks(), *cls.g_networks, *cls.d_networks}

    def log_names(self):
        return (*self.loss_names, "d_real", "d_fake")

    # Compiling -------------------------------------------------------------------------------------------------------

    def defaults(self):
        """Returns the paper's training as keyword arguments of `compile`. Each call creates new optimizers."""
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
        accumulate=1,
        ema_decay=None,
        metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        **kwargs,
    ):
        """Configures training. The defaults are the paper's, see the class.

        Compiling again changes the training but not the model: weights, averages and `step` are kept.

        Args:
            g_optimizer, d_optimizer: `keras.optimizers.Optimizer`, a name or a config, for the generators' and the
                discriminators' variables. Under `mixed_float16` both are wrapped for loss scaling.
            loss: see `kerasgan.losses.get`.
            penalty: see `kerasgan.penalties.get`. `[]` disables the paper's penalty.
            augment: see `kerasgan.augment.get`. It is applied to all inputs of the discriminator, real and fake.
            d_steps: int. Discriminator updates per step, each on its own batch: `fit` joins this number of batches for
                a step. Or a `kerasgan.schedules.LossThreshold`, which trains each network until its loss is low enough.
            accumulate: int. Number of batches whose gradients each update averages. `fit` joins them. Memory use is
                that of one batch. For models without batch statistics, the update equals the update
                for one large batch. Defaults to 1.
            ema_decay: float in [0, 1), or a `kerasgan.schedules.HalfLife`. Per-step decay of the averaged copy of the
                sampling networks, including batch statistics, which `generate` then uses. Defaults to that of the
                existing average, which compiling keeps, or to the paper's. 0 disables and drops the average.
            metrics: list of `keras.metrics.Metric`s over (real images, generated images), for `evaluate`.
            run_eagerly, steps_per_execution, jit_compile: as in `keras.Model.compile`.

        Raises:
            ValueError: if an argument is out of range.
        """
        given = {name: value for name, value in locals().items() if name in _COMPILE_ARGUMENTS and value is not None}
        self._refuse_unknown_to_compile(kwargs)
        options = {"loss": "non_saturating", "penalty": None, "augment": None, "d_steps": 1, "ema_decay": 0.0}
        kept = {"ema_decay": self.ema_decay} if self.ema_decay else {}
        options |= {"metrics": []} | self.defaults() | kept | given
        d_steps, scheduled = options["d_steps"], isinstance(options["d_steps"], LossThreshold)
        if not scheduled and whole(d_steps) is None:
            raise ValueError(f"`d_steps` must be an int of at least 1, or a `LossThreshold`. Received: {d_steps!r}")
        if scheduled and not hasattr(self, "generator_step"):
            raise ValueError(
                f"`d_steps` must be an int for {type(self).__name__}, which has no separate step of G. "
                f"Received: {type(d_steps).__name__}"
            )
        accumulate = self._checked_accumulation(accumulate, scheduled)
        if options["metrics"] and not self.compares_images:
            raise ValueError(
                f"`metrics` must be None for {type(self).__name__}, whose `evaluate` returns {self.evaluation_names}. "
                f"Received: {options['metrics']!r}"
            )
        self._check_networks()
        augment = get_augment(options["augment"])
        self.d_steps = d_steps if scheduled else int(d_steps)
        self.accumulate = accumulate
        adaptive = any(isinstance(layer, AdaptiveAugment) for layer in augment)
        extra = ("d_updates", "g_updates") * scheduled + ("augment_p",) * adaptive
        self.loss_names = type(self).loss_names + extra
        self.start_compiling(
            options["ema_decay"],
            options["metrics"],
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        # After the average, which a loaded model has before it is compiled, so that weights have a fixed order.
        self._replace("augment", augment)
        for layer in self.augment:
            if not layer.built:
                layer.build(self._judged_shape())
        self.loss = losses.get(options["loss"])
        if hasattr(self.loss, "draw_from"):
            self.loss.draw_from(self.seed_generator)
        if hasattr(self.loss, "count_by"):
            self.loss.count_by(self.step)
        self._replace("penalty", penalties.get(options["penalty"]))
        self._check_tools()
        for name in self.d_networks:
            penalties.warn_of_inexact_norms(self._penalties_of_d(), getattr(self, name))
        for penalty in self.penalty:
            if isinstance(penalty, penalties.HistoricalAveraging):
                penalty.remember(d=self.d_variables, g=self.g_variables)
        for tool in (*self.augment, *self.penalty):
            if hasattr(tool, "parts"):
                tool.parts = accumulate
        # An optimizer that is not built here loses its moments on resume and fails under MirroredStrategy.
        self.g_optimizer = self._optimizer(options["g_optimizer"], self.g_variables)
        self.d_optimizer = self._optimizer(options["d_optimizer"], self.d_variables)
        self.optimizer = BothOptimizers(self.g_optimizer, self.d_optimizer)

    def _checked_accumulation(self, accumulate, scheduled):
        if whole(accumulate) is None:
            raise ValueError(f"`accumulate` must be an int of at least 1. Received: {accumulate!r}")
        if accumulate > 1 and (scheduled or not hasattr(self, "generator_step")):
            with_what = "with a `LossThreshold`" if scheduled else f"for {type(self).__name__}"
            raise ValueError(
                f"`accumulate` must be 1 {with_what}: its updates of D and G cannot be divided. "
                f"Received: {accumulate}. Remedy: smaller batches, or `mixed_bfloat16`"
            )
        return int(accumulate)

    def _check_tools(self):
        """Raises an error if a penalty or an augmentation does not suit this model."""
        latent, single = (penalties.PathLength, penalties.LatentConsistency), (penalties.LeCam,)
        single += (penalties.HistoricalAveraging,)
        for tool in (*self.penalty, *self.augment):
            name = f"`{type(tool).__name__}`"
            if not hasattr(self, "paths") and (isinstance(tool, latent) or hasattr(tool, "show")):
                raise ValueError(f"{name} needs a model that draws images from latents. Received: {type(self)}")
            if isinstance(tool, single) and len(self.d_networks) > 1:
                raise ValueError(f"{name} needs a model of one discriminator. Received: {type(self)}")
            for variable in getattr(tool, "variables", ()):
                if not self.distribute_strategy.extended.variable_created_in_scope(variable.value):
                    raise ValueError(f"{name} must be created in the scope of the model's strategy. Received: outside")

    def _refuse_unknown_to_compile(self, given):
        """Raises an error for arguments of `compile` that no class accepts."""
        classes = type(self).__mro__[: type(self).__mro__.index(AdversarialModel) + 1]
        makers = [vars(cls)["compile"] for cls in classes if "compile" in vars(cls)]
        known = {name for make in makers for name in inspect.signature(make).parameters} - {"self", "kwargs"}
        arguments.refuse_unknown(given, known, f"`compile` of {type(self).__name__}")

    def _judged_shape(self):
        """The shape of the inputs of D, including the batch."""
        shape = input_shapes(getattr(self, self.d_networks[0]))[0]
        return shape or (None, *as_size(self.image_size), self.channels)

    def _channels_of(self, network):
        """The channels of the images of a network, or None for any."""
        return getattr(self, "channels", None)

    def _image_shape(self, network):
        """(height, width, channels) of the images of a network, or None for any."""
        size = getattr(self, "image_size", None)
        return (*((None, None) if size is None else as_size(size)), self._channels_of(network))

    def _check_networks(self):
        """Raises an error if a network does not fit the images, or a discriminator does not output logits."""
        for name in self.g_networks:
            made = getattr(getattr(self, name), "output_shape", None)
            check_image_shape(name, "make", made, self._image_shape(name))
        for name in self.d_networks:
            network = getattr(self, name)
            check_image_shape(name, "take", input_shapes(network)[0], self._image_shape(name))
            activation = bounded_activation(network)
            if activation:
                raise ValueError(
                    f"`{name}` must output unbounded logits, as the losses apply a sigmoid themselves. "
                    f"Received: a network that ends in {activation!r}. Remedy: `activation=None` in its last layer"
                )

    def weigh(self, **weights):
        """Stores the weights of loss terms, which are arguments of `compile`, as attributes.

        Raises:
            ValueError: if one is below 0.
        """
        for name, weight in weights.items():
            if weight < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {weight!r}")
            setattr(self, name, float(weight))

    @property
    def g_variables(self):
        """The trainable variables of the generators."""
        return [v for name in self.g_networks for v in getattr(self, name).trainable_variables]

    @property
    def d_variables(self):
        """The trainable variables of the discriminators."""
        return [v for name in self.d_networks for v in getattr(self, name).trainable_variables]

    # Verbs and pieces of adversarial algorithms ----------------------------------------------------------------------

    def latents(self, batch_size):
        """Draws z from the model's `prior` for this replica: (batch_size, latent_dim) float32."""
        if self.prior == "uniform":
            return random.uniform((batch_size, self.latent_dim), self.seed_generator, -1.0, 1.0)
        return random.normal((batch_size, self.latent_dim), self.seed_generator)

    @property
    def batches_per_step(self):
        """The number of batches of the dataset per step: `accumulate` for each update of the discriminator."""
        updates = self.d_steps.at_most if isinstance(self.d_steps, LossThreshold) else self.d_steps
        return updates * self.accumulate

    def fresh_batches(self, data):
        """Splits a dataset element into `batches_per_step` parts: fresh data for each update of the discriminator.

        With k parts, part i has every k-th row, starting at row i, so an update uses the same images on one and on
        several devices.
        """
        k = self.batches_per_step
        if k == 1:
            return [data]
        size = tf.nest.flatten(data)[0].shape[0]
        if size is None or size % k:
            raise ValueError(
                f"With {k} batches per step, the batch size must be fixed and a multiple of {k}. "
                f"Received: {size} (`fit` joins batches for that)"
            )
        parts = [[x[i::k] for i in range(k)] for x in tf.nest.flatten(data)]
        return [tf.nest.pack_sequence_as(data, part) for part in zip(*parts)]

    def train_by_accumulation(self, data):
        """The step with `accumulate`: each update averages the gradients of several batches.

        It uses `discriminator_step(batch)` and `generator_step(batch)` of the paper.
        """
        parts = self.fresh_batches(data)
        for update in range(self.d_steps):
            last = parts[update :: self.d_steps]  # together, the rows of an update without accumulation
            d_logs = update_once(self.discriminator_step, last)
        g_logs = update_once(self.generator_step, last)
        self.update_ema()
        return self.track(**d_logs, **g_logs)

    def train_to_thresholds(self, data):
        """The step with a `LossThreshold`: updates of D, then of G, each while its loss is too high.

        It uses `discriminator_step(batch)` and `generator_step(batch)` of the paper. Each makes one update and returns
        logs, including `d_loss` or `g_loss` before the update.
        """
        parts, bounds = self.fresh_batches(data), self.d_steps
        d_logs, d_updates = self._train_while(parts, self.discriminator_step, "d_loss", bounds.d_below)
        g_logs, g_updates = self._train_while(parts, self.generator_step, "g_loss", bounds.g_below)
        self.update_ema()
        return self.track(**d_logs, **g_logs, d_updates=d_updates, g_updates=g_updates)

    def _train_while(self, parts, update, name, below):
        """Calls `update(part)` while the loss `name` is above `below`. Returns the last logs and the count of calls."""
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
        """Returns `images` with the augmentations of the discriminator's inputs."""
        for layer in self.augment:
            images = layer(images, training=training)
        return images

    def adapt(self, real, real_logits, fake_logits):
        """Passes D's training outputs for real and generated images to adaptive augmentations.

        Returns:
            Logs: {"augment_p": p}, or {} without adaptive augmentation.
        """
        logs = {}
        for layer in self.augment:
            if isinstance(layer, AdaptiveAugment):
                layer.observe(self.loss.certainty(real_logits, fake_logits), keras.ops.shape(real)[0])
                logs["augment_p"] = tf.convert_to_tensor(layer.p)
        return logs

    def penalties(self, judge, real, fake):
        """Returns the sum of the compiled penalties of D, a float32 scalar. Lazy penalties are 0 in other steps."""

        def value(penalty):
            if getattr(penalty, "every", 1) == 1:
                return penalty(judge, real, fake, self.seed_generator)
            # Tensors recorded outside a branch of the graph have no gradients in it.
            anew = judge.judge if isinstance(judge, penalties.Recorded) else judge
            return penalties.lazily(
                self.step,
                penalty.every,
                lambda: (penalty.every * penalty(anew, real, fake, self.seed_generator),),
                self.d_variables,
                scale=self.d_optimizer.scale_loss(tf.ones(())),
            )[0]

        return sum(map(value, self._penalties_of_d()), start=self._averaging("d", self.d_variables))

    def _penalties_of_d(self):
        return [penalty for penalty in self.penalty if not isinstance(penalty, penalties.OF_GAMES)]

    def generator_penalties(self):
        """Returns the sum of the compiled penalties of the weights of G, a float32 scalar."""
        networks = [getattr(self, name) for name in self.g_networks]
        of_weights = [penalty for penalty in self.penalty if isinstance(penalty, penalties.Orthogonal)]
        return sum((penalty(networks) for penalty in of_weights), start=self._averaging("g", self.g_variables))

    def _averaging(self, player, variables):
        found = [penalty for penalty in self.penalty if isinstance(penalty, penalties.HistoricalAveraging)]
        return sum((penalty.penalize(player, variables) for penalty in found), start=tf.zeros(()))

    def latent_consistency(self, real, condition, judge=None):
        """Returns the `LatentConsistency` penalty of D, if `judge` is given, or that of G."""
        total = tf.zeros(())
        for penalty in self.penalty:
            if isinstance(penalty, penalties.LatentConsistency):
                latents, paint = self.paths(keras.ops.shape(real)[0], condition)
                asked = penalty.on_generator if judge is None else functools.partial(penalty.on_discriminator, judge)
                total += asked(paint, latents, self.seed_generator)
        return total

    def shown(self, real, fake, condition):
        """Returns the real and generated images for the training of D.

        Augmentations with a method `show(real, fake, seed)`, `PseudoAugment` and `ImagePool`, replace some of them.
        """
        for layer in self.augment:
            if condition and getattr(layer, "needs_no_condition", False):
                raise ValueError(
                    f"`{type(layer).__name__}` uses earlier images without their labels, so it needs a model without a "
                    f"condition. Received: {type(self).__name__} with one"
                )
            if hasattr(layer, "show"):
                real, fake = layer.show(real, fake, self.seed_generator)
        return real, fake

    def probabilities(self, real_logits, fake_logits):
        """Returns the mean probabilities D(x) and D(G(z)) by their names in the logs."""
        d_real, d_fake = self.loss.probabilities(real_logits, fake_logits)
        return {"d_real": d_real, "d_fake": d_fake}

    # Sampling --------------------------------------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Maps the generator's inputs to images, with the averaged weights if there are any."""
        return self.sampler()(inputs, training=training)
