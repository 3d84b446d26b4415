"""Does it help to train each player until its loss is low enough, instead of D k times for each update of G?

"while loss_D > A: train D; while loss_G > B: train G" of practitioners, against k updates of D a step.

Command:   python -m kerasgan.zoo.experiments.loss_thresholds runs
Time:      about a quarter of an hour of one core
"""

import sys

import keras

from kerasgan import plots
from kerasgan.schedules import LossThreshold
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "updates": 1_200,  # of D and of G together
    "batch_size": 32,
    "latent_dim": 64,
    "width": 16,
    "learning_rate": 1e-3,
    "ema_decay": 0.99,
    "num_samples": 2_000,
    "shown": 10,
    "at_most": 3,
}
SEEDS = 3
DATA = "fashion_mnist"
# Updates of D a step; or the losses (d_below, g_below) at which the turns of D and of G end. Both losses can be below
# their bounds at once, so that nobody is trained, where exp(-d_below) + exp(-g_below) < 1: in the first three pairs.
RULES = {
    "k=1": 1,
    "k=2": 2,
    "k=5": 5,
    "D>1.3,G>0.7": (1.3, 0.7),  # near 2 log 2 and log 2, those of a D that knows nothing
    "D>1.0,G>1.0": (1.0, 1.0),
    "D>0.6,G>2.0": (0.6, 2.0),
    "D>0.9,G>0.5": (0.9, 0.5),
    "D>0.5,G>0.9": (0.5, 0.9),
}
WORDS = {
    rule: f"{bounds} of D for 1 of G" if isinstance(bounds, int) else "while D > {} and G > {}".format(*bounds)
    for rule, bounds in RULES.items()
}
RUNS = [f"{rule} {seed}" for seed in range(SEEDS) for rule in RULES]
ROUND = 25  # steps after which the updates made are counted


class Budget(keras.callbacks.Callback):
    """Ends the training when D and G together have made so many updates."""

    def __init__(self, updates):
        super().__init__()
        self.updates = updates

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = sum(updates(self.model)) >= self.updates


def updates(model):
    """Returns how many updates D and G have made; those that a threshold took back do not count."""
    return int(model.d_optimizer.iterations), int(model.g_optimizer.iterations)


def build(rule, seed):
    """Returns a compiled model: one network and rate for all rules."""
    bounds = RULES[rule]
    d_steps = bounds if isinstance(bounds, int) else LossThreshold(*bounds, at_most=SETTINGS["at_most"])
    return small_images.model(SETTINGS, seed, d_steps=d_steps, steps_per_execution=min(ROUND, SETTINGS["updates"]))


def run(name):
    """Trains by one rule until the budget of updates is spent, and scores samples of the averaged weights."""
    rule, seed = name.split()
    model, budget = small_images.started(build, rule, seed=int(seed)), SETTINGS["updates"]
    size = min(ROUND, budget)
    # A rule that trains nobody spends nothing: it ends after as many steps as there are updates.
    data = small_images.batches(DATA, SETTINGS["batch_size"], int(seed))
    model.fit(data, epochs=budget // size, steps_per_epoch=size, callbacks=[Budget(budget)], verbose=0)
    images, (of_d, of_g) = model.generate(SETTINGS["num_samples"], seed=int(seed)), updates(model)
    found = {"steps": int(model.step), "d_updates": of_d, "g_updates": of_g, **small_images.scores(images, DATA)}
    return found | ({} if int(seed) else {"samples": small_images.as_png(images[: SETTINGS["shown"]])})


def table(results):
    header = ["rule", "seeds", "steps", "updates of D", "of G", "distance", "recognised, %"]
    rows = []
    for rule, words in WORDS.items():
        row = [words, len(runs.of(results, rule, "steps"))]
        row += [runs.mean_sd(runs.of(results, rule, key), 0) for key in ("steps", "d_updates", "g_updates")]
        row.append(runs.mean_sd(runs.of(results, rule, "distance")))
        rows.append([*row, runs.mean_sd(runs.of(results, rule, "recognised"), 0, 100)])
    return runs.markdown(header, rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    axes = left.subplots()
    for row, rule in enumerate(RULES):
        values = runs.of(results, rule, "distance")
        axes.plot(values, [row] * len(values), "o", ms=5, color="tab:blue")
    axes.set(yticks=range(len(RULES)), yticklabels=WORDS.values(), xlabel="Fréchet distance, each seed")
    axes.invert_yaxis()
    for axes, rule in zip(right.subplots(len(RULES), 1), RULES):
        small_images.draw_row(axes, results.get(f"{rule} 0", {}), WORDS[rule])
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
