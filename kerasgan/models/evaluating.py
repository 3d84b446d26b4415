"""`evaluate` and single batches."""

import collections.abc
import contextlib

import numpy as np
import tensorflow as tf

from kerasgan import distribute
from kerasgan.data import inputs
from kerasgan.models.fitting import refuse_weights
from kerasgan.models.network_checks import share_kernels

# The seed of `evaluate`.
EVALUATION_SEED = 1406_2661


class Evaluates:
    """Mixin for `evaluate`, which does not affect training, and for steps on single batches."""

    def evaluate(self, x=None, y=None, batch_size=None, return_dict=False, check_inputs=True, **kwargs):
        """Returns the mean losses on `x`, without training, and the compiled metrics over (real, generated) images.

        Evaluation does not affect training. Its random numbers come from a fixed seed, the same for every model, so
        that a second evaluation gives the same numbers; random states and logged means are restored afterwards.

        Args:
            x, y, batch_size: as in `fit`, in the structure that the model's class states for `evaluate`. On several
                devices, their number must divide each batch, the last one included.
            return_dict: bool. A dict by name instead of a list in the order of `metrics_names`. Defaults to False.
            check_inputs: as in `fit`.
            **kwargs: the other arguments of `keras.Model.evaluate`.

        Raises:
            ValueError: if the data are empty, or the first batch is invalid for the model.
            TypeError: if there is no such argument.
        """
        self._assert_compile_called("evaluate")
        refuse_weights("evaluate", kwargs)
        if isinstance(x, collections.abc.Iterator) and kwargs.get("steps") is None:
            raise ValueError("`evaluate` needs `steps`, as a generator has no length. Received: None")
        x = inputs.as_dataset(x, y, batch_size)
        if not kwargs.get("_use_cached_eval_dataset"):  # Keras's `fit` passes data that are checked
            x = self._to_evaluate(x, check_inputs)
        for metric in self.sample_metrics:
            metric.reset_state()
        with distribute.naming_the_dead(self.distribute_strategy), self._untouched():
            logs = super().evaluate(x, return_dict=True, **kwargs)
        for metric in self.sample_metrics:
            result = metric.result()
            results = result if isinstance(result, dict) else {metric.name: result}
            logs |= {name: float(value) for name, value in results.items()}
        # TensorFlow's functions return dicts in alphabetical order.
        order = [name for name in self.log_names() if name in logs]
        logs = {name: logs[name] for name in [*order, *(name for name in logs if name not in order)]}
        object.__setattr__(self, "_evaluated", list(logs))
        return logs if return_dict else list(logs.values())

    @property
    def metrics_names(self):
        """The names of the values in the list returned by `evaluate`, in order."""
        if self._evaluated is not None:
            return list(self._evaluated)
        names = self.evaluation_names or [name for name in self.log_names() if name not in self.training_names]
        return [*names] + [metric.name for metric in getattr(self, "sample_metrics", ())]

    def train_on_batch(self, x, y=None, return_dict=False):
        """Makes one training step on a batch as for `fit`, with `batches_per_step` times the images of an update.

        Returns:
            The values of this batch: a list in the order of the logs of `fit`, without `training_names`, or a dict with
                all by name.
        """
        self._assert_compile_called("train_on_batch")
        self.make_train_function()
        return self._on_batch(self.train_function, x, y, return_dict)

    def test_on_batch(self, x, y=None, return_dict=False):
        """Returns the losses on a batch without training, in the format of `train_on_batch`."""
        self._assert_compile_called("test_on_batch")
        self.make_test_function()
        with self._untouched():
            return self._on_batch(self.test_function, x, y, return_dict)

    def _on_batch(self, function, x, y, return_dict):
        self.reset_metrics()
        logs = function(iter([tf.nest.map_structure(tf.convert_to_tensor, x if y is None else (x, y))]))
        logs = {name: float(np.mean(value)) for name, value in logs.items()}
        order = [name for name in (*self.log_names(), *self.evaluation_names) if name not in self.training_names]
        return logs if return_dict else [logs[name] for name in order if name in logs]

    @contextlib.contextmanager
    def _untouched(self):
        """A context for evaluations: random states are set from `EVALUATION_SEED`, and restored afterwards."""
        seeds = self._random_states()
        means = [variable for metric in self.metrics for variable in metric.variables]
        before = [(state, state.numpy()) for state in (*seeds, *means)]
        for i, seed in enumerate(seeds):
            seed.assign([EVALUATION_SEED + i, 0])  # different, so that layers of the same shape draw different numbers
        try:
            yield
        finally:
            for state, value in before:
                state.assign(value)

    def was_trained_by(self, extractor):
        """Returns whether this model was trained with the features of an extractor's network.

        Args:
            extractor: `kerasgan.metrics.Extractor`, or None.
        """
        network = getattr(extractor, "model", None)
        if network is None:
            return False
        return any(share_kernels(network, getattr(self, name)) for name in self.feature_networks)

    def refuse_own_features(self, metrics):
        """Raises an error if a metric or an extractor uses a network that this model was trained with."""
        for metric in metrics:
            extractor = getattr(metric, "extractor", metric)
            if self.was_trained_by(extractor):
                raise ValueError(
                    "A score must use another network than the training. Received: the extractor "
                    f"{extractor.name!r}, which is the feature network of this {type(self).__name__}, so the score "
                    "would be biased. Remedy: another extractor, such as 'efficientnet_lite1'"
                )

    def compare(self, real, fake):
        """Updates the compiled metrics with a batch of real and a batch of generated images, for `test_step`."""
        for metric in self.sample_metrics:
            metric.update_state(tf.cast(real, tf.float32), tf.cast(fake, tf.float32))
