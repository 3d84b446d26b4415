"""Is the least squares loss more stable than the logarithmic one, when networks lack batch normalisation?

The comparisons are those of Mao, Li, Xie, Lau, Wang, Smolley (2017), section 4.2, on smaller data.

Command:   python -m kerasgan.zoo.experiments.lsgan_stability runs
Time:      about half an hour of one core
"""

import functools
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import losses, plots
from kerasgan.networks import normal
from kerasgan.optimizers import Adam, RMSprop
from kerasgan.zoo.experiments import runs, small_images
from kerasgan.zoo.experiments.mixtures.__main__ import count_modes, draw, modes_of

SETTINGS = {
    "steps": 1_000,
    "batch_size": 32,
    "latent_dim": 64,
    "width": 16,
    "learning_rate": 2e-4,
    "shown": 8,
    "mixture_steps": 35_000,
    "mixture_batch_size": 128,
    "mixture_latent_dim": 256,
    "mixture_width": 128,
    "mixture_rates": [1e-3, 1e-4],
}
SEEDS, REPEATS = 3, 10
LOSSES = {"regular": losses.NonSaturating, "least_squares": losses.LeastSquares}
WITHOUT = {"G": ("none", "batch"), "GD": ("none", "none")}  # the norms of G and D
OPTIMIZERS = {"Adam": functools.partial(Adam, beta_1=0.5), "RMSProp": RMSprop}
CELLS = [f"{without} {optimizer} {loss}" for without in WITHOUT for optimizer in OPTIMIZERS for loss in LOSSES]
RUNS = [f"{cell} {seed}" for seed in range(SEEDS) for cell in CELLS]
RUNS += [f"mixture {loss} {seed}" for seed in range(REPEATS) for loss in LOSSES]
SMOKE = ["G RMSProp least_squares 0", "mixture regular 0"]
PUBLISHED = {  # does it collapse?
    "G Adam": ("yes", "no"),
    "G RMSProp": ("no", "no"),
    "GD Adam": ("yes", "yes"),
    "GD RMSProp": ("yes", "no"),
}


def build(without, optimizer, loss, seed):
    """Returns a compiled model of images, without batch normalisation in G, or in G and D."""
    keras.utils.set_random_seed(seed)
    g_norm, d_norm = WITHOUT[without]
    latent_dim, width = SETTINGS["latent_dim"], SETTINGS["width"]
    model = kerasgan.GAN(
        latent_dim=latent_dim,
        generator=small_images.generator(latent_dim, width, norm=g_norm, start=normal),
        discriminator=small_images.discriminator(width, norm=d_norm, start=normal),
        seed=seed,
    )
    model.compile(
        g_optimizer=OPTIMIZERS[optimizer](SETTINGS["learning_rate"]),
        d_optimizer=OPTIMIZERS[optimizer](SETTINGS["learning_rate"]),
        loss=LOSSES[loss](),
        steps_per_execution=min(50, max(1, SETTINGS["steps"] // 4)),
        jit_compile=False,
    )
    return model


def build_mixture(loss, seed):
    """Returns a compiled model of points, the networks and rates of the authors' program."""
    keras.utils.set_random_seed(seed)
    latent_dim, width = SETTINGS["mixture_latent_dim"], SETTINGS["mixture_width"]
    start = functools.partial(keras.initializers.Orthogonal, gain=1.4)
    latents, images = keras.Input((latent_dim,)), keras.Input((1, 1, 2))
    x, y = latents, keras.layers.Flatten()(images)
    for _ in range(2):
        x = keras.layers.Dense(width, activation="tanh", kernel_initializer=start())(x)
        y = keras.layers.Dense(width, activation="tanh", kernel_initializer=start())(y)
    made = keras.layers.Dense(2, kernel_initializer=start(), dtype="float32")(x)
    judged = keras.layers.Dense(1, kernel_initializer=start(), dtype="float32")(y)
    model = kerasgan.GAN(
        image_size=1,
        channels=2,
        latent_dim=latent_dim,
        prior="normal",
        generator=keras.Model(latents, keras.layers.Reshape((1, 1, 2))(made)),
        discriminator=keras.Model(images, judged),
        seed=seed,
    )
    g_rate, d_rate = SETTINGS["mixture_rates"]
    model.compile(
        g_optimizer=Adam(g_rate, beta_1=0.5),
        d_optimizer=Adam(d_rate, beta_1=0.5),
        loss=LOSSES[loss](),
        steps_per_execution=min(250, SETTINGS["mixture_steps"]),
        jit_compile=False,
    )
    return model


def run(name):
    """Trains one cell, and returns what `CollapseMonitor` says at the end; of the mixture, the modes found."""
    *cell, seed = name.split()
    return run_mixture(cell[1], int(seed)) if cell[0] == "mixture" else run_images(cell, int(seed))


def run_images(cell, seed):
    model = small_images.started(build, *cell, seed=seed)
    monitor = small_images.collapse_monitor("mnist", seed)
    data, rounds = small_images.batches("mnist", SETTINGS["batch_size"], seed), min(4, SETTINGS["steps"])
    fitted = model.fit(data, epochs=rounds, steps_per_epoch=SETTINGS["steps"] // rounds, callbacks=[monitor], verbose=0)
    logs = fitted.history
    found = {key: float(logs[key][-1]) for key in ("sample_diversity", "duplicate_share", "class_coverage", "collapse")}
    return found | ({} if seed else {"samples": small_images.as_png(model.generate(SETTINGS["shown"], seed=0))})


def run_mixture(loss, seed):
    model = small_images.started(build_mixture, loss, seed=seed)
    data = kerasgan.data.from_arrays(draw("ring", 100_000, seed), SETTINGS["mixture_batch_size"], seed=seed)
    model.fit(data, epochs=1, steps_per_epoch=SETTINGS["mixture_steps"], check_inputs=False, verbose=0)
    points = np.asarray(model.generate(2_500, seed=seed)).reshape(-1, 2)
    modes, quality, _ = count_modes(points, *modes_of("ring"))
    return {"modes": modes, "quality": quality, "points": points[:300].round(3).tolist()}


def beyond(found):
    """Tells whether a run ended beyond a limit of `CollapseMonitor`: of diversity, duplicates, or classes."""
    return found["sample_diversity"] < 0.6 or found["duplicate_share"] > 0.2 or found["class_coverage"] < 0.5


def table(results):
    header = ["without batch norm", "optimizer", "loss", "beyond a limit", "and not improving", "collapse in the paper"]
    rows = []
    for cell in CELLS:
        without, optimizer, loss = cell.split()
        each = [found for name, found in results.items() if name.rpartition(" ")[0] == cell]
        row = ["G" if without == "G" else "G and D", optimizer, loss.replace("_", " ")]
        row += [f"{sum(map(beyond, each))} of {len(each)}", sum(int(found["collapse"]) for found in each)]
        row.append(PUBLISHED[f"{without} {optimizer}"][list(LOSSES).index(loss)])
        row.append(runs.mean_sd(runs.of(results, cell, "sample_diversity"), 2))
        row.append(runs.mean_sd(runs.of(results, cell, "duplicate_share"), 0, 100))
        rows.append([*row, runs.mean_sd(runs.of(results, cell, "class_coverage"), 2)])
    first = runs.markdown([*header, "diversity", "duplicates, %", "classes"], rows)
    mixture = []
    for loss in LOSSES:
        modes, quality = (runs.of(results, f"mixture {loss}", key) for key in ("modes", "quality"))
        counts = ", ".join(map(str, sorted(modes))) or "–"
        mixture.append([loss.replace("_", " "), len(modes), counts, runs.mean_sd(quality, 0, 100)])
    if not any(row[1] for row in mixture):
        return first
    second = runs.markdown(["mixture of 8", "runs", "modes found in each", "high quality, %"], mixture)
    return f"{first}\n\n{second}"


def picture(results):
    mixture = any(name.startswith("mixture") for name in results)
    figure = plots.figure_class()(figsize=(9, 5.2 if mixture else 2.8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.2, 1)) if mixture else (figure, None)
    for axes, cell in zip(upper.subplots(4, 2).flat, CELLS):
        without, optimizer, loss = cell.split()
        title = f"no norm in {without.replace('GD', 'G and D')}, {optimizer}, {loss.replace('_', ' ')}"
        small_images.draw_row(axes, results.get(f"{cell} 0", {}), title)
    for row, loss in zip(lower.subplots(len(LOSSES), REPEATS) if mixture else (), LOSSES):
        for seed, axes in enumerate(row):
            points = results.get(f"mixture {loss} {seed}", {}).get("points", [])
            axes.scatter(*modes_of("ring")[0].T, s=50, facecolors="none", edgecolors="tab:orange", linewidths=0.8)
            axes.scatter(*np.array(points).reshape(-1, 2).T, s=1)
            axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), xticks=[], yticks=[], aspect="equal")
        row[0].set_ylabel(loss.replace("_", " "), fontsize=8)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
