"""Scores computed during training, and the best weights by a score."""

import collections.abc
import dataclasses
import inspect
import json
import math
import os
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasgan import plots
from kerasgan.arguments import KnowsItsArguments, positive_int
from kerasgan.callbacks.checkpoint import is_chief, weights_in_memory
from kerasgan.files import naming, put_aside, read_json, read_records, replacing
from kerasgan.progress import progress_bar

# scores where higher is better; for all others lower is better
MORE_IS_BETTER = {
    "inception_score",
    "precision",
    "recall",
    "density",
    "coverage",
    "modes",
    "psnr",
    "ssim",
    "ms_ssim",
    "classification_accuracy_score",
}


class ScoreMonitor(KnowsItsArguments, keras.callbacks.Callback):
    """Scores the samples of the averaged generator during training and keeps the weights of the best score.

    The last epoch of a GAN is seldom its best. The callback writes to `directory`: `scores.jsonl`, one line per
    evaluation (an epoch repeated after an interruption has two; the later one counts); `scores.png`, the curves;
    `best.weights.h5`, for `model.load_weights`; and `best.json`, the monitor, mode and step of these weights. A line of
    scores holds the numbers under "scores" and each with its protocol under "stamps", which `metrics.Score(**stamp)`
    reads. The scores are added to the logs of the epoch, as NaN in epochs without an evaluation, so put this callback
    before those that read the logs, such as `keras.callbacks.CSVLogger`. The latents are the same in every evaluation,
    so a change of the score is a change of the generator, and the random numbers of training are not affected.

    A new training (from step 0) renames the files of an older one in `directory`: `old_1_scores.jsonl` and so on. A
    training that is resumed with another `monitor` or `mode` renames the best weights, and seeks the best anew.

    A metric that raises is skipped in this evaluation with a warning and an entry under "errors"; training continues.
    So is an evaluation without images. A number of images that differs from the previous evaluation's is a warning.
    A model that draws no images like those of a batch, such as a classifier, is refused before the first step.
    With several workers only the chief writes.

    Args:
        metrics: list of `keras.metrics.Metric`s with `update_state(real, generated)` over float32 images in [-1, 1],
            such as `kerasgan.metrics.FrechetDistance`; `kerasgan.metrics.GeneratorScore` makes one of a path length or
            a classification accuracy score. A result is a number or a dict of numbers; the attribute `parts` of a
            metric tells the names in the dict before the first evaluation.
        dataset: `tf.data.Dataset` of batches as `fit` takes them: real images, and the conditions of a conditional
            model's samples. It is read from its beginning each time, so a generator is refused.
        every_n_epochs: int. Default 1.
        num_images: int, how many real and how many generated images are compared, at most. Default 10,000.
        monitor: name of the score that decides which weights are best. Default: the first score of the first metric.
        mode: "min" or "max", whether lower or higher is better. Default None: "max" for precision, recall, density,
            coverage, modes, Inception Score, PSNR, SSIM and classification accuracy under their own names, "min" for
            all others.
        directory: folder of the files. Default "scores".
        seed: int, seed of the latents. Default 0.
        verbose: 1 (default) shows a progress bar, 0 none.
        data: str, the name of the real images' data set, for the stamps.
        split: str, their split, for the stamps.

    Attributes:
        records: list with a dict per evaluation, as in `scores.jsonl`.
        best: the record of the best score so far, or None.

    Example:

    >>> fd = kerasgan.metrics.FrechetDistance("mnist")  # doctest: +SKIP
    >>> monitor = ScoreMonitor([fd], test_images, every_n_epochs=2, directory="run/scores")  # doctest: +SKIP
    >>> model.fit(dataset, epochs=20, callbacks=[monitor])  # doctest: +SKIP
    >>> model.load_weights("run/scores/best.weights.h5")  # doctest: +SKIP
    """

    def __init__(
        self,
        metrics,
        dataset,
        every_n_epochs=1,
        num_images=10_000,
        monitor=None,
        mode=None,
        directory="scores",
        seed=0,
        verbose=1,
        data=None,
        split=None,
    ):
        super().__init__()
        self.metrics = list(metrics)
        if not self.metrics or not all(hasattr(metric, "update_state") for metric in self.metrics):
            raise ValueError(f"`metrics` must be a list of at least one `keras.metrics.Metric`. Received: {metrics!r}")
        if mode not in ("min", "max", None):
            raise ValueError(f"`mode` must be one of ('min', 'max', None). Received: {mode!r}")
        for name, value in (("every_n_epochs", every_n_epochs), ("num_images", num_images)):
            positive_int(name, value)
        refuse_iterator(dataset)
        self.dataset = dataset
        self.every_n_epochs = every_n_epochs
        self.num_images = num_images
        self.monitor = monitor
        self.mode = mode
        self.directory = Path(directory)
        self.seed = seed
        self.verbose = verbose
        self.data = data
        self.split = split
        self.records = []
        self.best = None
        self._parts = {}  # metric -> the names of its numbers, as far as they are known
        self._warned_of_count = False

    def on_train_begin(self, logs=None):
        check_draws_images(self.model, self)
        self.model.refuse_own_features(self.metrics)
        path = self.directory / "scores.jsonl"
        step = int(self.model.step.numpy())
        if step == 0 and is_chief(self.model):
            self._put_aside()
        records = read_scores(path)[0] if path.exists() and step > 0 else []
        by_step = {}
        for record in records:
            # A run that was killed after its last checkpoint repeats the evaluations since then.
            if isinstance(record.get("step"), int) and record["step"] <= step:
                by_step[record["step"]] = record
        self.records = [by_step[step] for step in sorted(by_step)]
        self.best = None
        for record in self.records:
            self._keep_if_best(record)
        if step > 0:
            self._compare_with_best_weights()

    def _put_aside(self):
        """Renames the files of an older training, so that none of them counts for this one."""
        files = ("scores.jsonl", "scores.png", "best.weights.h5", "best.json")
        names = put_aside([self.directory / name for name in files])
        if names:
            names = ", ".join(names)
            warnings.warn(
                f"{self.directory} holds the scores of another training. They are now in {names}.", stacklevel=3
            )

    def _compare_with_best_weights(self):
        """Forgets the best record, and puts the best weights aside, if they are those of another record or monitor."""
        about, weights = self.directory / "best.json", self.directory / "best.weights.h5"
        if not about.exists():  # written by an earlier version
            return
        expected, found = self._about_best(), read_json(about)
        if found == expected and weights.exists():
            return
        self.best = None
        # `best.json` stays until there are new weights, as other workers may read it later.
        for name in put_aside([weights]) if is_chief(self.model) else ():
            warnings.warn(
                f"{weights} must hold the best weights of this training: {expected or 'none so far'}. "
                f"Received: {found}. They are now in {name}, and the best is sought anew.",
                stacklevel=3,
            )

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        expected = self._names()
        if (epoch + 1) % self.every_n_epochs:
            logs |= expected
            return
        begin = time.monotonic()
        stamps, errors, count = self._evaluate()
        scores = {name: stamp["value"] for name, stamp in stamps.items()}
        logs |= self._names() | scores
        self._complete_history(scores, expected)
        record = {
            "epoch": epoch + 1,
            "step": int(self.model.step.numpy()),
            "scores": scores,
            "errors": errors,
            "num_real": count,
            "num_generated": count,
            "seed": self.seed,
            "stamps": stamps,
            "seconds": round(time.monotonic() - begin, 3),
        }
        for name, error in errors.items():
            warnings.warn(f"Epoch {epoch + 1}: no {name}, because of {error}. Training continues.", stacklevel=2)
        self._compare_counts(record)
        self.records.append(record)
        is_best = self._keep_if_best(record)
        weights = weights_in_memory(self.model) if is_best else None
        if is_chief(self.model):
            self._write(record, weights)

    def _compare_counts(self, record):
        """Warns once if the scores of an evaluation are of another number of images than those before."""
        counts = [each["num_real"] for each in [*self.records, record] if each["scores"] and "num_real" in each][-2:]
        if record["scores"] and len(set(counts)) > 1 and not self._warned_of_count:
            self._warned_of_count = True
            warnings.warn(
                f"Scores can be compared if they are of equally many images: {counts[0]} before. Received: {counts[1]} "
                f"in epoch {record['epoch']}. Remedy: the same `num_images`, and a `dataset` that always has as many.",
                stacklevel=3,
            )

    def _evaluate(self):
        """Returns the scores with their protocols, the errors by metric, and the number of images compared."""
        stamps, errors, count = {}, {}, 0
        active = list(self.metrics)

        def attempt(metric, function, *arguments):
            try:
                function(*arguments)
            except Exception as error:  # an error of a metric must not end the training
                errors[metric.name] = f"{type(error).__name__}: {error}"
                active.remove(metric)

        progress = progress_bar(self.num_images, "image", self.verbose)
        try:
            for metric in list(active):
                attempt(metric, metric.reset_state)
            for batch in self.dataset:
                real = np.asarray(self.model.real_images(batch), "float32")
                fake = samples_like(self.model, batch, self.seed + count)
                real, fake = real[: self.num_images - count], fake[: self.num_images - count]
                for metric in list(active):
                    attempt(metric, metric.update_state, tf.constant(real), tf.constant(fake))
                count += len(real)
                progress.update(count, finalize=count >= self.num_images)
                if count >= self.num_images or not active:
                    break
            if not count:
                raise ValueError("`dataset` must hold at least one image. Received: none")
            for metric in list(active):
                attempt(metric, lambda metric: stamps.update(self._stamps(metric, count)), metric)
        except Exception as error:
            errors["samples"] = f"{type(error).__name__}: {error}"
        return stamps, errors, count

    def _stamps(self, metric, count):
        """Returns a metric's scores, each as a dict with its protocol."""
        about = {"dataset": self.data, "split": self.split, "seed": self.seed}
        about |= {"num_real": count, "num_generated": count}
        numbers = _numbers(metric)
        self._parts[metric.name] = tuple(numbers)
        if hasattr(metric, "stamps"):
            return {name: dataclasses.asdict(score) for name, score in metric.stamps(numbers, **about).items()}
        return {name: {"value": value, "metric": name, **about} for name, value in numbers.items()}

    def _names(self):
        """Returns NaN for the name of each score. Without `parts`, a dict as result is known after an evaluation."""
        names = [name for record in self.records for name in record["scores"]]
        all_seen = any(record.get("errors") == {} for record in self.records)
        for metric in self.metrics:
            known = self._parts.get(metric.name) or getattr(metric, "parts", ())
            names += known or ([] if all_seen else [metric.name])
        return dict.fromkeys(names, math.nan)

    def _complete_history(self, scores, expected):
        """Adds NaN to the `History` for the epochs before the names of the scores were known."""
        history = getattr(self.model, "history", None)
        if history is None:
            return
        epochs = max(map(len, history.history.values()), default=0)
        for name in scores:
            history.history.setdefault(name, [math.nan] * epochs)
        for name in expected.keys() - self._names().keys() - scores.keys():
            history.history.pop(name, None)

    def _keep_if_best(self, record):
        """Updates the best record if this one is better. Returns whether it is."""
        if self.monitor is None:
            self.monitor = self._first_score(record)
        score = record["scores"].get(self.monitor)
        if score is None and not record["errors"]:
            names = sorted(record["scores"])
            warnings.warn(f"`monitor` must be one of {names}. Received: {self.monitor!r}; no best.", stacklevel=3)
        if score is None or not math.isfinite(score):
            return False
        if self.best is not None:
            best = self.best["scores"][self.monitor]
            if not (score < best if self._mode() == "min" else score > best):
                return False
        self.best = record
        return True

    def _first_score(self, record):
        """Returns the name of the first metric's first score, or None while it is unknown."""
        metric = self.metrics[0]
        names = self._parts.get(metric.name) or getattr(metric, "parts", ())
        if not names and record.get("errors", {}).keys() & {metric.name, "samples"}:
            return None
        return next(iter(names or record["scores"]), None)

    def _mode(self):
        return self.mode or ("max" if self.monitor in MORE_IS_BETTER else "min")

    def _about_best(self):
        """Returns the content of `best.json`, or None without a best record."""
        return self.best and {"monitor": self.monitor, "mode": self._mode(), "step": self.best["step"]}

    def _write(self, record, weights):
        if weights is not None:
            with replacing(self.directory / "best.weights.h5") as temporary:
                temporary.write_bytes(weights.getbuffer())
                # Before the weights are renamed: their description must never be that of older ones.
                with replacing(self.directory / "best.json") as description:
                    description.write_text(json.dumps(self._about_best()) + "\n")
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "scores.jsonl"
        with naming(path), open(path, "a+") as file:
            # A process that was killed while writing may have left an incomplete line.
            if file.tell() and not path.read_bytes().endswith(b"\n"):
                file.write("\n")
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
        curves = {name: [each["scores"].get(name, math.nan) for each in self.records] for name in self._names()}
        if any(np.isfinite(values).any() for values in curves.values()):
            curves["epoch"] = [each["epoch"] for each in self.records]
            plots.history(curves, self.directory / "scores.png")


def read_scores(path):
    """Reads the `scores.jsonl` of a `ScoreMonitor`.

    Args:
        path: the file.

    Returns:
        `(records, left_out)`: list of dicts with at least "epoch" and "scores", and the number of invalid lines, such
        as an incomplete line of a killed process.
    """
    records, left_out = read_records(path, epoch=int, scores=dict)
    good = [record for record in records if all(isinstance(value, (int, float)) for value in record["scores"].values())]
    return good, left_out + len(records) - len(good)


def check_draws_images(model, callback):
    """Raises an error, before the first step, if `samples_like` cannot draw images with this model."""
    if not any(hasattr(model, name) for name in ("embed", "translate", "view_dim", "sample_latents")):
        raise ValueError(
            f"`{type(callback).__name__}` needs a model that draws images like those of a batch. "
            f"Received: {type(model).__name__}. Remedy: `fit(validation_data=...)`, which logs what `evaluate` returns"
        )


def refuse_iterator(dataset):
    """Raises an error for a `dataset` that can be read only once."""
    if isinstance(dataset, collections.abc.Iterator):
        raise ValueError(
            "`dataset` is read in every evaluation, but an iterator can be read only once. Remedy: a "
            "`tf.data.Dataset`, such as `kerasgan.data.from_arrays(images, batch_size, shuffle=False)`. "
            f"Received: {type(dataset).__name__}"
        )


def samples_like(model, batch, seed):
    """Generates images like those of a dataset element, with its number and conditions, from the averaged weights.

    Args:
        model: a model that `check_draws_images` accepts.
        batch: an element of a dataset that the model trains on.
        seed: int, decides the latents.

    Returns:
        float32 array (n, height, width, channels) in [-1, 1].
    """
    if hasattr(model, "embed"):  # text to image: one image for each text
        return model.generate(batch[1], seed=seed)
    if hasattr(model, "maps"):  # label maps to images, in the styles of the real ones
        style = np.asarray(batch[1]) if model.style_dim else None
        return model.translate(*model.maps(batch[0]), style=style, seed=seed)
    if hasattr(model, "translate"):  # image to image
        source = batch[0][0] if isinstance(batch[0], (tuple, list)) else batch[0]  # without the labels
        seeded = {"seed": seed} if "seed" in inspect.signature(model.translate).parameters else {}
        return model.translate(np.asarray(source), **seeded)
    if hasattr(model, "view_dim"):  # known objects from known views
        return model.generate(*batch[0])
    condition = model.unpack(batch)[1] if model.condition_specs() else ()
    return model.decode(model.sample_latents(len(model.real_images(batch)), seed), condition)


def _numbers(metric):
    """Returns the result of a metric as a dict of floats. Raises an error if one is not finite."""
    result = metric.result()
    numbers = result if isinstance(result, dict) else {metric.name: result}
    numbers = {name: float(value) for name, value in numbers.items()}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
    return numbers
