"""Of nine losses and penalties: how much of the difference is the loss, and how much the seed?

The question is that of Lucic, Kurach, Michalski, Gelly, Bousquet (2018), "Are GANs Created Equal?".

Command:   python -m kerasgan.zoo.experiments.losses_or_seeds runs
Time:      about half an hour of one core
"""

import sys

import numpy as np

import kerasgan
from kerasgan import penalties, plots
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "steps": 400,
    "batch_size": 32,
    "latent_dim": 64,
    "width": 16,
    "learning_rate": 1e-3,
    "ema_decay": 0.99,
    "num_samples": 2_000,
}
SEEDS = 5
SETS = ("mnist", "fashion_mnist")
# The loss, the penalties, and the class whose game it is. All have one network, one rate, one update of D a step.
LOSSES = {
    "minimax": (kerasgan.GAN, "minimax", []),
    "non_saturating": (kerasgan.GAN, "non_saturating", []),
    "least_squares": (kerasgan.GAN, "least_squares", []),
    "hinge": (kerasgan.GAN, "hinge", []),
    "wasserstein_clip": (kerasgan.WGAN, "wasserstein", []),
    "wasserstein_GP": (kerasgan.WGANGP, "wasserstein", [penalties.GradientPenalty(10.0)]),
    "non_saturating_R1": (kerasgan.GAN, "non_saturating", [penalties.R1(1.0)]),
    "non_saturating_DRAGAN": (kerasgan.GAN, "non_saturating", [penalties.DRAGAN()]),
    "relativistic_R1_R2": (kerasgan.GAN, "relativistic", [penalties.R1(1.0), penalties.R2(1.0)]),
}
RUNS = [f"{data} {loss} {seed}" for data in SETS for seed in range(SEEDS) for loss in LOSSES]


def build(loss, seed):
    """Returns a compiled model: one network, rate and average for all losses."""
    cls, name, penalty = LOSSES[loss]
    options = {"loss": name, "penalty": penalty, "d_steps": 1, "steps_per_execution": min(50, SETTINGS["steps"])}
    return small_images.model(SETTINGS, seed, cls=cls, **options)


def run(name):
    """Trains one loss on one data set, and scores samples of the averaged weights."""
    data, loss, seed = name.split()
    model = small_images.started(build, loss, seed=int(seed))
    dataset = small_images.batches(data, SETTINGS["batch_size"], int(seed))
    model.fit(dataset, epochs=1, steps_per_epoch=SETTINGS["steps"], verbose=0)
    return small_images.scores(model.generate(SETTINGS["num_samples"], seed=int(seed)), data)


def shares_of_variance(results, data):
    """Returns the shares of the variance of log distances that lie between losses and within them, between seeds.

    Returns:
        (between, within), which sum to 1, of the losses that have results of two seeds and more; or None where no two
        losses have.
    """
    groups = [np.log(runs.of(results, f"{data} {loss}", "distance")) for loss in LOSSES]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < 2:
        return None
    everything = np.concatenate(groups)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    within /= ((everything - everything.mean()) ** 2).sum()
    return 1 - within, within


def table(results):
    header = ["loss"]
    for data in SETS:
        header += [f"{data}: seeds", "distance", "best seed", "recognised, %"]
    rows = []
    for loss in LOSSES:
        row = [loss.replace("_", " ")]
        for data in SETS:
            distance, recognised = (runs.of(results, f"{data} {loss}", key) for key in ("distance", "recognised"))
            best = f"{min(distance):.1f}" if distance else "–"
            row += [len(distance), runs.mean_sd(distance), best, runs.mean_sd(recognised, 0, 100)]
        rows.append(row)
    found = [(data, shares_of_variance(results, data)) for data in SETS]
    rest = [[data, f"{100 * shares[0]:.0f}", f"{100 * shares[1]:.0f}"] for data, shares in found if shares]
    second = runs.markdown(["variance of the log of the distance", "between losses, %", "between seeds, %"], rest)
    return f"{runs.markdown(header, rows)}\n\n{second}"


def picture(results):
    figure = plots.figure_class()(figsize=(9, 3.6), layout="constrained")
    for axes, data in zip(figure.subplots(1, 2, sharey=True), SETS):
        for row, loss in enumerate(LOSSES):
            values = runs.of(results, f"{data} {loss}", "distance")
            axes.plot(values, [row] * len(values), "o", ms=4, color="tab:blue")
        axes.set(xscale="log", title=data, xlabel="Fréchet distance, each seed")
        axes.set(yticks=range(len(LOSSES)), yticklabels=[loss.replace("_", " ") for loss in LOSSES])
        ticks = (250, 350, 500, 700, 1000)
        axes.set_xticks(ticks, ticks)
        axes.set_xticks([], minor=True)
        axes.grid(axis="y", alpha=0.3)
    axes.invert_yaxis()
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
