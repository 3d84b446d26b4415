"""Which model learns photos first on one processor core?

Six models are trained on the Oxford flowers at 64 pixels, each for the same processor time. Fréchet distances are
measured on the way, so that the models can be compared by time and by the number of images.

Command:   KERASGAN_DATA_DIR=... TF_NUM_INTRAOP_THREADS=1 python -m kerasgan.zoo.experiments.which_model runs
Time:      12 to 15 minutes of processor time per run
"""

import sys
import time

import keras
import numpy as np

import kerasgan
from kerasgan import metrics, plots
from kerasgan.zoo.experiments import runs, small_images
from kerasgan.zoo.projectedgan_flowers import recipe

SETTINGS = {"batch_size": 32, "seconds": 600, "images": 5_120, "num_samples": 819, "shown": 8}
PARTS = (1 / 4, 1 / 2, 1)  # of the seconds, at which a model is scored
SIZE = 64
NEEDS = recipe.DATA
SEEDS = 3
# Widths at which a step takes from a fifth of a second to two seconds.
MODELS = {
    "ProjectedGAN": {"width": 32, "feature_size": 128},
    "StyleGAN2": {"latent_dim": 256, "style_dim": 256, "mapping_layers": 2, "channel_base": 1024, "channel_max": 256},
    "DCGAN": {"width": 32},
    "R3GAN": {"width": 128, "blocks": 1, "wide_until": 8},
    "WGANGP": {"width": 32},
    "SNGAN": {"width": 32},
}
RUNS = [f"{name} {seed}" for seed in range(SEEDS) for name in MODELS]


def build(name, seed):
    """Returns a model compiled with its defaults, the same averaged generator, and mirrored images."""
    model = getattr(kerasgan, name)(image_size=SIZE, seed=seed, **MODELS[name])
    options = {}
    if name == "StyleGAN2":  # the rule of thumb for gamma in the authors' code
        gamma = 0.0002 * SIZE**2 / SETTINGS["batch_size"]
        options["penalty"] = [kerasgan.penalties.R1(gamma, every=16), kerasgan.penalties.PathLength(every=4)]
    average = kerasgan.schedules.HalfLife(10_000, SETTINGS["batch_size"], ramp=0.05)
    model.compile(augment=keras.layers.RandomFlip("horizontal", seed=seed), ema_decay=average, **options)
    return model


class Scores(keras.callbacks.Callback):
    """Scores the averaged generator at given times and at a given number of images, and ends the training.

    Times are processor times since the end of the first step, without the scores. Images are real ones that D has seen.
    """

    def __init__(self, score):
        super().__init__()
        self.score, self.found, self.start = score, [], None
        self.marks = [("seconds", part * SETTINGS["seconds"]) for part in PARTS] + [("images", SETTINGS["images"])]

    def on_train_batch_end(self, batch, logs=None):
        now = time.process_time()
        if self.start is None:
            self.start = now
        images = (batch + 1) * self.model.batches_per_step * SETTINGS["batch_size"]
        state = {"seconds": now - self.start, "images": images}
        reached = [mark for mark in self.marks if state[mark[0]] >= mark[1]]
        if reached:
            self.marks = [mark for mark in self.marks if mark not in reached]
            self.found.append(state | {"by": [by for by, _ in reached], "distance": self.score(self.model)})
            self.start += time.process_time() - now
        self.model.stop_training = not self.marks


def run(name):
    """Trains one model, and returns its scores on the way, the floor, and samples of the last generator."""
    kind, seed = name.split()
    keras.utils.set_random_seed(int(seed))
    count = SETTINGS["num_samples"]
    extractor = metrics.get_extractor(recipe.EXTRACTOR)
    test, train = (next(recipe.dataset(split, count).as_numpy_iterator()) for split in ("test", "train"))
    real, other = (metrics.extract_features(images, extractor) for images in (test, train))

    def score(model):
        fake = metrics.extract_features(model.generate(count, seed=1), extractor)
        return metrics.frechet_distance_from_features(real, fake)

    with small_images.half_precision():
        model = build(kind, int(seed))
    scores = Scores(score)
    data = recipe.dataset(batch_size=SETTINGS["batch_size"]).repeat()
    model.fit(data, epochs=1, steps_per_epoch=1_000_000, callbacks=[scores], verbose=0)
    shown = small_images.as_png(model.generate(SETTINGS["shown"], seed=2)) if int(seed) == 0 else None
    floor = metrics.frechet_distance_from_features(real, other)
    keras.backend.clear_session()
    return {"scores": scores.found, "floor": floor} | ({"samples": shown} if shown else {})


def last(found, by):
    """Returns the last score of a run that was measured at a mark of `by`."""
    return [score for score in found["scores"] if by in score["by"]][-1]


def table(results):
    rows = []
    for name in MODELS:
        found = [results[f"{name} {seed}"] for seed in range(SEEDS) if f"{name} {seed}" in results]
        by_time, by_images = ([last(each, by) for each in found] for by in ("seconds", "images"))
        rows.append(
            [
                name,
                len(found),
                runs.mean_sd([score["distance"] for score in by_time]),
                runs.mean_sd([score["images"] for score in by_time], 0),
                runs.mean_sd([score["distance"] for score in by_images]),
                runs.mean_sd([score["seconds"] for score in by_images], 0),
            ]
        )
    minutes, images = SETTINGS["seconds"] / 60, SETTINGS["images"]
    header = ["model", "seeds", f"distance after {minutes:g} minutes", "images seen by then"]
    header += [f"distance after {images:,} images", "seconds until then"]
    return runs.markdown(header, rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1))
    by_time, by_images = left.subplots(2, 1, sharey=True)
    for number, name in enumerate(MODELS):
        for seed in range(SEEDS):
            scores = results.get(f"{name} {seed}", {"scores": []})["scores"]
            for axes, key in ((by_time, "seconds"), (by_images, "images")):
                points = sorted((score[key], score["distance"]) for score in scores)
                label = name if seed == 0 else None
                axes.plot(*np.reshape(points, (-1, 2)).T, "o-", color=f"C{number}", ms=3, label=label)
    for axes, words, ticks in (
        (by_time, "seconds of processor time", (37, 75, 150, 300, 600)),
        (by_images, "images seen by D", (2_000, 5_000, 20_000, 100_000)),
    ):
        axes.set(xscale="log", ylim=(0, None), xlabel=words, ylabel="Fréchet distance")
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set_xticks([], minor=True)
    by_time.legend(fontsize=6)
    drawn = [name for name in MODELS if f"{name} 0" in results]
    for axes, name in zip(right.subplots(max(1, len(drawn)), 1, squeeze=False)[:, 0], drawn):
        small_images.draw_row(axes, results[f"{name} 0"], name)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
