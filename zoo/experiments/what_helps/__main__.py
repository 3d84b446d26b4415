"""Which of the usual remedies helps a small GAN first: averaged weights, augmentation, a penalty, a norm, two rates?

One change at a time to one base, on all 60,000 images of Fashion-MNIST and on the first 1,000.

Command:   python -m kerasgan.zoo.experiments.what_helps runs
Time:      about half an hour of one core
"""

import sys

from kerasgan import penalties, plots
from kerasgan.optimizers import Adam
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "steps": 1_000,
    "batch_size": 32,
    "latent_dim": 64,
    "width": 16,
    "learning_rate": 1e-3,
    "ema_decay": 0.995,
    "num_samples": 2_000,
    "shown": 10,
}
SEEDS = 3
DATA, SETS = "fashion_mnist", {"all": 60_000, "1000": 1_000}
# What is changed in the base: D's normalisation, how many times faster D's rate is than G's, arguments of `compile`.
CHANGES = {
    "base": ("none", 1, {}),
    "R1": ("none", 1, {"penalty": [penalties.R1(1.0)]}),
    "DiffAugment": ("none", 1, {"augment": "diffaugment"}),
    "spectral": ("spectral", 1, {}),
    "TTUR": ("none", 4, {}),
    "batch": ("batch", 1, {}),
}
WORDS = {
    "base": "base: last weights",
    "average": "averaged weights",
    "R1": "R1 penalty, gamma 1",
    "DiffAugment": "DiffAugment",
    "spectral": "spectral norm in D",
    "TTUR": "D's rate four times G's",
    "batch": "batch norm in D",
}
RUNS = [f"{size} {change} {seed}" for seed in range(SEEDS) for size in SETS for change in CHANGES]


def build(change, seed):
    """Returns the base with one change, compiled. All are averaged too; the last weights are scored beside."""
    norm, faster, options = CHANGES[change]
    rate, steps = SETTINGS["learning_rate"], min(50, SETTINGS["steps"])
    # Their product stays, so that two rates are no faster training.
    rates = {"g_optimizer": rate / faster**0.5, "d_optimizer": rate * faster**0.5}
    options = {name: Adam(value, beta_1=0.5) for name, value in rates.items()} | options
    return small_images.model(SETTINGS, seed, norm, steps_per_execution=steps, **options)


def run(name):
    """Trains the base with one change, and scores samples of the last and of the averaged weights."""
    size, change, seed = name.split()
    model = small_images.started(build, change, seed=int(seed))
    data = small_images.batches(DATA, SETTINGS["batch_size"], int(seed), count=SETS[size])
    model.fit(data, epochs=1, steps_per_epoch=SETTINGS["steps"], verbose=0)
    last, averaged = small_images.samples(model, SETTINGS["num_samples"], int(seed))
    found = small_images.scores(last, DATA)
    found |= {f"averaged_{key}": value for key, value in small_images.scores(averaged, DATA).items()}
    return found | ({} if int(seed) else {"samples": small_images.as_png(last[: SETTINGS["shown"]])})


def distances(results, size, change):
    """Returns the Fréchet distances of a change, one a seed; "average" is the base by its averaged weights."""
    base, key = ("base", "averaged_distance") if change == "average" else (change, "distance")
    return runs.of(results, f"{size} {base}", key)


def table(results):
    header = ["change"]
    for size in SETS:
        header += [f"distance, {'all images' if size == 'all' else '1,000 images'}", "averaged too", "recognised, %"]
    rows = []
    for change, words in WORDS.items():
        row = [words]
        for size in SETS:
            row.append(runs.mean_sd(distances(results, size, change)))
            row.append(runs.mean_sd(runs.of(results, f"{size} {change}", "averaged_distance")))
            key = ("base", "averaged_recognised") if change == "average" else (change, "recognised")
            row.append(runs.mean_sd(runs.of(results, f"{size} {key[0]}", key[1]), 0, 100))
        rows.append(row)
    return runs.markdown([*header, "seeds"], [[*row, seeds(results, change)] for row, change in zip(rows, WORDS)])


def seeds(results, change):
    """Returns how many seeds of a change there are: of all images and of 1,000."""
    counts = [len(distances(results, size, change)) for size in SETS]
    return counts[0] if counts[0] == counts[1] else f"{counts[0]} and {counts[1]}"


def picture(results):
    figure = plots.figure_class()(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    axes = left.subplots()
    for row, change in enumerate(WORDS):
        for size, color, shift in zip(SETS, ("tab:blue", "tab:orange"), (-0.12, 0.12)):
            values = distances(results, size, change)
            axes.plot(values, [row + shift] * len(values), "o", ms=4, color=color)
    axes.plot([], [], "o", ms=4, color="tab:blue", label="all images")
    axes.plot([], [], "o", ms=4, color="tab:orange", label="1,000 images")
    axes.set(yticks=range(len(WORDS)), yticklabels=WORDS.values(), xlabel="Fréchet distance, each seed")
    axes.invert_yaxis()
    axes.legend(fontsize=7)
    for axes, change in zip(right.subplots(len(CHANGES), 1), CHANGES):
        small_images.draw_row(axes, results.get(f"all {change} 0", {}), f"{WORDS[change]}, all images")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
