"""Detection of mode collapse."""

import math
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasgan.arguments import KnowsItsArguments, positive_int
from kerasgan.callbacks.score_monitor import check_draws_images, refuse_iterator, samples_like

# The side of thumbnails. Their distances are not affected by noise of single pixels.
THUMBNAIL = 16
# Relative to the median distance between a real image and its nearest real image.
DUPLICATE_DISTANCE = 0.25
# Relative to the best value so far. Faster rises are normal in early training.
RISING = 1.05


class CollapseMonitor(KnowsItsArguments, keras.callbacks.Callback):
    """Warns when the samples are much less diverse than the data.

    It adds to the logs, as NaN in epochs without an evaluation: `sample_diversity`, the mean pairwise distance of
    samples' features divided by that of the data; `duplicate_share`, the share of samples with another sample nearer
    than a quarter of the data's median distance to the nearest neighbour; with a classifier, `class_coverage`, the
    effective number of classes among the samples (the exponential of the histogram's entropy) divided by that of the
    data; and `collapse`, which is 1 if any of them is beyond its limit and has not improved by 5 %, else 0. (The
    samples of an untrained generator are poor, but become more diverse.) An alarm is a warning, an entry in `alarms`,
    and optionally the end of training.

    Pixel distances detect a generator that draws one or few images. To detect a generator that draws one class of many,
    use a classifier or trained features: digits of a single USPS class have a `sample_diversity` of 0.35 ("1") to 0.98
    ("2") by thumbnails.

    Args:
        dataset: `tf.data.Dataset` of batches as `fit` takes them, which is read in each evaluation. Default: the first
            batch of the training.
        num_images: int, how many images to compare, at most. Default 256.
        every_n_epochs: int. Default 1.
        features: images (n, height, width, channels) in [-1, 1] -> (n, ...), a `keras.Model` or callable. Default:
            thumbnails of 16x16 pixels.
        classifier: images -> (n, classes) probabilities or logits, or None (default) for no `class_coverage`.
        min_diversity: float, below it `sample_diversity` is too low. Default 0.6; real batches of 32 USPS digits lie
            between 0.92 and 1.06.
        max_duplicates: float, how far `duplicate_share` may exceed that of the data. Default 0.2.
        min_coverage: float, below it `class_coverage` is too low. Default 0.5.
        patience: int, evaluations in a row that must be bad before the alarm. Default 2.
        stop: bool, whether an alarm ends the training. Default False.
        seed: int, seed of the latents. Default 0.

    Attributes:
        alarms: list of dicts with "epoch", "step" and "reasons" (a list of sentences).

    Raises:
        ValueError: before the first step, if there are fewer than 2 real images.

    Example:

    >>> model.fit(dataset, epochs=20, callbacks=[CollapseMonitor(stop=True)])  # doctest: +SKIP
    """

    def __init__(
        self,
        dataset=None,
        num_images=256,
        every_n_epochs=1,
        features=None,
        classifier=None,
        min_diversity=0.6,
        max_duplicates=0.2,
        min_coverage=0.5,
        patience=2,
        stop=False,
        seed=0,
    ):
        super().__init__()
        for name, value, least in (
            ("num_images", num_images, 2),
            ("every_n_epochs", every_n_epochs, 1),
            ("patience", patience, 1),
        ):
            positive_int(name, value, least)
        refuse_iterator(dataset)
        self.dataset = dataset
        self.num_images = num_images
        self.every_n_epochs = every_n_epochs
        self.features = _thumbnails if features is None else features
        self.classifier = classifier
        self.min_diversity = min_diversity
        self.max_duplicates = max_duplicates
        self.min_coverage = min_coverage
        self.patience = patience
        self.stop = stop
        self.seed = seed
        self.alarms = []
        self._bad_in_a_row = 0
        self._best = {}
        self._real = None

    def get_state(self):
        return {"bad_in_a_row": self._bad_in_a_row, "best": self._best, "alarms": self.alarms}

    def set_state(self, state):
        self._bad_in_a_row, self._best, self.alarms = state["bad_in_a_row"], state["best"], state["alarms"]

    def on_train_begin(self, logs=None):
        check_draws_images(self.model, self)
        images = [np.asarray(self.model.real_images(batch)) for batch in self._batches()]
        real = np.concatenate(images)[: self.num_images] if images else ()
        if len(real) < 2:
            raise ValueError(
                f"`CollapseMonitor` needs at least 2 real images. Received: {len(real)}. "
                "Remedy: a `dataset` with more of them, or a larger batch size"
            )
        self._real = self._describe(real)

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        if (epoch + 1) % self.every_n_epochs:
            coverage = ("class_coverage",) if self.classifier is not None else ()
            logs |= dict.fromkeys(("sample_diversity", "duplicate_share", *coverage, "collapse"), math.nan)
            return
        batches = list(self._batches())
        seeds = range(self.seed, self.seed + len(batches))
        fake = np.concatenate([samples_like(self.model, batch, seed) for batch, seed in zip(batches, seeds)])
        fake = self._describe(fake[: self.num_images])

        usual_distance = max(_mean(self._real["distances"]), 1e-12)
        diversity = _mean(fake["distances"]) / usual_distance
        # At least the rounding error between equal images, as the data may contain duplicates.
        radius = max(DUPLICATE_DISTANCE * np.median(self._real["distances"].min(axis=1)), 1e-6 * usual_distance)
        duplicates, usual = ((each["distances"].min(axis=1) <= radius).mean() for each in (fake, self._real))
        values = {"sample_diversity": diversity, "duplicate_share": duplicates}
        reasons = []
        if self._is_bad("sample_diversity", diversity, self.min_diversity):
            reasons.append(f"sample_diversity is {diversity:.3g}, below {self.min_diversity:g}")
        limit = usual + self.max_duplicates
        if self._is_bad("duplicate_share", 1 - duplicates, 1 - limit):
            reasons.append(f"duplicate_share is {duplicates:.3g}, above {limit:.3g} (the data's is {usual:.3g})")
        if self.classifier is not None:
            coverage = values["class_coverage"] = fake["classes"] / self._real["classes"]
            if self._is_bad("class_coverage", coverage, self.min_coverage):
                reasons.append(f"class_coverage is {coverage:.3g}, below {self.min_coverage:g}")
        logs |= {name: float(value) for name, value in values.items()} | {"collapse": float(bool(reasons))}

        self._bad_in_a_row = self._bad_in_a_row + 1 if reasons else 0
        if self._bad_in_a_row == self.patience:
            self.alarms.append({"epoch": epoch + 1, "step": int(self.model.step.numpy()), "reasons": reasons})
            warnings.warn(f"The generator has collapsed (epoch {epoch + 1}): {'; '.join(reasons)}.", stacklevel=2)
            if self.stop:
                self.model.stop_training = True

    def _is_bad(self, name, value, limit):
        """Returns whether a value (higher is better) is too low and no longer rising."""
        best = self._best.get(name)
        if best is None or value > best:
            self._best[name] = float(value)
        # `not (a >= b)` instead of `a < b`, so that NaN is bad.
        return best is not None and not value >= limit and not value > RISING * best

    def _batches(self):
        if self.dataset is None:
            if self.model.first_batch is not None:  # None for a dataset that is already distributed
                yield self.model.first_batch
            return
        count = 0
        for batch in self.dataset:
            yield batch
            count += len(self.model.real_images(batch))
            if count >= self.num_images:
                return

    def _describe(self, images):
        features = np.asarray(self.features(tf.constant(images)), np.float64).reshape(len(images), -1)
        squares = (features**2).sum(axis=1)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0))
        # An image is not its own neighbour.
        np.fill_diagonal(distances, np.inf)
        described = {"distances": distances}
        if self.classifier is not None:
            labels = np.asarray(self.classifier(tf.constant(images))).argmax(axis=-1)
            shares = np.unique(labels, return_counts=True)[1] / len(labels)
            described["classes"] = math.exp(-(shares * np.log(shares)).sum())
        return described


def _thumbnails(images):
    return tf.image.resize(images, [min(THUMBNAIL, size) for size in images.shape[1:3]], method="area")


def _mean(distances):
    return distances[~np.eye(len(distances), dtype=bool)].mean()
