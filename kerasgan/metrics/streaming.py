"""Base classes of the streaming metrics."""

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import KnowsItsArguments
from kerasgan.metrics.checks import TOLERANCE
from kerasgan.metrics.features import Extractor, get_extractor
from kerasgan.metrics.score import Score, size_in_words


class StampedMetric(KnowsItsArguments, keras.metrics.Metric):
    """A metric that states the protocol of its results."""

    extractor = None
    sizes = (frozenset(),)  # (height, width) of the generated images, and of the real ones

    @property
    def settings(self):
        """Returns a dict of the settings that a score states besides the extractor."""
        return {}

    def stamps(self, numbers, **about):
        """Converts a dict of results to a dict of `Score`s. `about` holds further fields of `Score`."""
        if self.extractor is not None:
            about |= self.extractor.protocol
        about |= {"image_size": size_in_words(*self.sizes)}
        return {name: Score(value, name, settings=self.settings, **about) for name, value in numbers.items()}


class ImageMetric(StampedMetric):
    """Base of streaming metrics of images. It counts invalid images, which `result()` reports.

    Within a `tf.function`, `result()` returns NaN, which means "not computed yet". Keras calls it after every batch,
    and with 2,048 features a call takes seconds. `evaluate()` reads the value once, outside the graph, at the end.
    """

    # the keys of `result()`, if it is a dict
    parts = ()

    def __init__(self, name):
        super().__init__(name=name)
        # real not finite, fake not finite, real outside [-1, 1], real with negatives, real that varies within [0, 1]
        self.faults = self.add_variable((5,), "zeros", dtype="float64", name="faults")
        # Hidden from Keras's tracking, which does not support sets.
        object.__setattr__(self, "sizes", (set(), set()))
        self._traced = False

    def reset_state(self):
        super().reset_state()
        if not self._traced:  # a graph shows the sizes only once, while it is traced
            for sizes in self.sizes:
                sizes.clear()

    def result(self):
        if not tf.executing_eagerly():
            nan = tf.constant(np.nan, tf.float64)
            return {part: nan for part in self.parts} or nan
        faults = keras.ops.convert_to_numpy(self.faults)
        for index, name in enumerate(("real_images", "generated_images")):
            if faults[index]:
                raise ValueError(f"`{name}` must be finite. Received NaN or infinity in {int(faults[index])} images")
        if faults[2]:
            raise ValueError(
                f"`real_images` must be in [-1, 1]. Received {int(faults[2])} images outside; "
                "use images / 127.5 - 1 for [0, 255]"
            )
        if faults[4] and not faults[3]:
            raise ValueError(
                "`real_images` must be in [-1, 1]. Received no negative value, which looks like [0, 1]: "
                "use images * 2 - 1"
            )
        return self._result()

    def _checked(self, real_images, generated_images, sample_weight):
        """Returns both batches as float32 in [-1, 1]. Invalid images are counted."""
        if sample_weight is not None:
            raise ValueError(f"`sample_weight` must be None: it is not supported. Received: {sample_weight!r}")
        self._traced |= not tf.executing_eagerly()
        for sizes, images in zip(self.sizes, (generated_images, real_images)):
            sizes.add(tuple(images.shape[1:3]))
        return self._check(real_images, 0), self._check(generated_images, 1)

    def _check(self, images, which):
        dtype = tf.as_dtype(images.dtype)
        if not dtype.is_floating:
            raise ValueError(f"Images must be floats in [-1, 1]. Received: {dtype.name}; use images / 127.5 - 1")
        images = tf.cast(images, tf.float32)
        flat = tf.reshape(images, [tf.shape(images)[0], -1])
        low, high = tf.reduce_min(flat, axis=1), tf.reduce_max(flat, axis=1)
        finite = tf.reduce_all(tf.math.is_finite(flat), axis=1)
        flags = [~finite, tf.zeros_like(finite)] if which == 0 else [tf.zeros_like(finite), ~finite]
        if which == 0:
            flags += [
                finite & ((low < -1.0 - TOLERANCE) | (high > 1.0 + TOLERANCE)),
                low < 0.0,
                (low >= 0.0) & (high > low),
            ]
        else:
            flags += [tf.zeros_like(finite)] * 3
        self.faults.assign_add(tf.reduce_sum(tf.cast(tf.stack(flags), tf.float64), axis=1))
        return tf.clip_by_value(images, -1.0, 1.0)


class FeatureMetric(ImageMetric):
    """Base of streaming metrics of features, with the extractor and the config. Subclasses add their state."""

    _argument, _resolve = "extractor", staticmethod(get_extractor)

    def __init__(self, extractor, name):
        super().__init__(name)
        self._spec = extractor
        self.extractor = self._resolve(extractor)
        self._ready = False
        if self.extractor.num_features is not None:
            self._build(self.extractor.num_features)
            self._ready = True

    def update_state(self, real_images, generated_images, sample_weight=None):
        """Adds a batch.

        Args:
            real_images: float tensor (n, height, width, channels) in [-1, 1].
            generated_images: float tensor (m, height, width, channels). Values outside [-1, 1] are clipped.
            sample_weight: not supported.
        """
        features = [self.extractor(images) for images in self._checked(real_images, generated_images, sample_weight)]
        if not self._ready:
            with tf.init_scope():
                self._build(features[0].shape[-1])
            self._ready = True
        self._add(*features)

    def result(self):
        if tf.executing_eagerly() and not self._ready:
            raise ValueError(f"`{self.name}` needs images: call update_state(real_images, generated_images) first.")
        return super().result()

    def get_config(self):
        config = super().get_config()
        config.pop("dtype", None)
        if isinstance(self._spec, str):
            config[self._argument] = self._spec
            return config
        config[self._argument] = {
            "function": keras.saving.serialize_keras_object(self.extractor.function),
            "weights_hash": self.extractor.weights_hash,
            "options": {
                "name": self.extractor.name,
                "size": self.extractor.size,
                "method": self.extractor.method,
                "antialias": self.extractor.antialias,
                "num_features": self.extractor.num_features,
                "rule": self.extractor.rule,
                "preprocess": keras.saving.serialize_keras_object(self.extractor.preprocess),
            },
        }
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        stored = config[cls._argument]
        if isinstance(stored, dict):
            function = keras.saving.deserialize_keras_object(stored["function"])
            options = {name: keras.saving.deserialize_keras_object(value) for name, value in stored["options"].items()}
            extractor = Extractor(function, **options)
            if extractor.weights_hash != stored["weights_hash"]:
                raise ValueError(
                    f"`{config.get('name')}` cannot be restored: the config does not contain the weights of its "
                    f"extractor {extractor.name!r}. Load with compile=False and compile again with the extractor, or "
                    "use a named one."
                )
            config[cls._argument] = extractor
        return cls(**config)


class FeatureBuffer(FeatureMetric):
    """Base of metrics that compare each image with all others. It keeps all features."""

    def __init__(self, extractor, name, max_images):
        if max_images < 2:
            raise ValueError(f"`max_images` must be at least 2. Received: {max_images!r}")
        self.max_images = max_images
        super().__init__(extractor, name)

    def _build(self, width):
        def zeros(shape, dtype, name):
            return self.add_variable(shape, "zeros", dtype=dtype, name=name)

        # in the extractor's dtype: float64 would double the memory without more precision
        outputs = getattr(self.extractor.model, "outputs", None)
        dtype = "float32" if outputs and outputs[0].dtype != "float64" else "float64"
        self.counts = [zeros((), "float64", f"{which}_count") for which in ("real", "fake")]
        self.filled = [zeros((self.max_images,), "float32", f"{which}_filled") for which in ("real", "fake")]
        self.stored = [zeros((self.max_images, width), dtype, f"{which}_features") for which in ("real", "fake")]

    def _add(self, real, fake):
        context = tf.distribute.get_replica_context()
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        replica = context.replica_id_in_sync_group if context else 0
        for which, features in enumerate((real, fake)):
            size = tf.shape(features)[0]
            # each replica writes to its own rows, so the sum over replicas joins the sets
            first = tf.cast(tf.convert_to_tensor(self.counts[which]), tf.int32)
            rows = (first + tf.range(size)) * replicas + replica
            room = tf.debugging.assert_less(
                rows,
                self.max_images,
                f"`{self.name}` keeps the features of `max_images` images and received more: raise `max_images` "
                f"(now {self.max_images}).",
            )
            with tf.control_dependencies([room] if room is not None else []):
                index = rows[:, None]
                self.filled[which].assign_add(tf.scatter_nd(index, tf.ones([size]), [self.max_images]))
                values = tf.cast(features, self.stored[which].dtype)
                shape = [self.max_images, values.shape[-1]]
                self.stored[which].assign_add(tf.scatter_nd(index, values, shape))
            self.counts[which].assign_add(tf.cast(size, tf.float64))

    def features(self):
        """Returns (real, fake), arrays (n, d) of the features added since the last reset."""
        filled = [keras.ops.convert_to_numpy(value) > 0 for value in self.filled]
        for count, rows in zip(self.counts, filled):
            received = int(keras.ops.convert_to_numpy(count))
            if received > rows.sum():  # XLA leaves out assertions
                raise ValueError(
                    f"`{self.name}` keeps the features of `max_images` images and received {received}: raise "
                    f"`max_images` (now {self.max_images})."
                )
        return [keras.ops.convert_to_numpy(value)[rows] for value, rows in zip(self.stored, filled)]

    def get_config(self):
        return {**super().get_config(), "max_images": self.max_images}
