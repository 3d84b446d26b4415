"""Which models find all modes of a mixture of Gaussians in the plane, and how many of their samples lie on one?

The protocol is that of VEEGAN: Srivastava, Valkov, Russell, Gutmann, Sutton (2017), section 4.1.

Command:   python -m kerasgan.zoo.experiments.mixtures runs
Time:      see the seconds in results.json
"""

import functools
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import penalties, plots
from kerasgan.layers import Pack
from kerasgan.optimizers import Adam
from kerasgan.schedules import LinearDecay
from kerasgan.zoo.experiments import runs

SETTINGS = {
    "steps": 50_000,
    "batch_size": 128,
    "latent_dim": 16,
    "width": 64,
    "hidden_layers": 3,
    "learning_rate": 1e-3,
    "ema_decay": 0.999,
    "num_samples": 2_500,
    "shown": 300,
}
SEEDS = 5
MIXTURES = ("ring", "grid")
# The class, its arguments of `compile` if they are not its paper's, and its betas.
MODELS = {
    "GAN": (kerasgan.GAN, {}, (0.5, 0.999)),
    "PacGAN2": (kerasgan.GAN, {}, (0.5, 0.999)),
    "R3GAN": (kerasgan.R3GAN, {"penalty": [penalties.R1(0.1), penalties.R2(0.1)]}, (0.0, 0.99)),
    "LSGAN": (kerasgan.LSGAN, {}, (0.5, 0.999)),
    "WGANGP": (kerasgan.WGANGP, {}, (0.0, 0.9)),
}
RUNS = [f"{mixture} {model} {seed}" for model in MODELS for seed in range(SEEDS) for mixture in MIXTURES]
SMOKE = ["ring GAN 0"]  # what a test trains for two steps
PUBLISHED = [
    ["GAN, in VEEGAN's paper", "1.0", "99.3", "3.3", "0.5"],
    ["VEEGAN (Srivastava et al. 2017)", "8", "52.9", "24.6", "40.0"],
    ["PacGAN2 (Lin et al. 2018)", "7.9", "95.6", "23.8", "91.3"],
]


def modes_of(mixture):
    """Returns the centres (modes, 2) of a mixture, within [-1, 1], and the standard deviation of each mode.

    The ring has radius 1 and standard deviation 0.01. The grid has spacing 2 and standard deviation 0.05, divided by 4.
    """
    if mixture == "ring":
        angles = np.arange(8) * np.pi / 4
        return np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01
    side = np.arange(-4, 5, 2) / 4
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2), 0.05 / 4


def draw(mixture, count, seed):
    """Returns points of a mixture as images of one pixel: float32 (count, 1, 1, 2)."""
    rng, (centres, deviation) = np.random.default_rng(seed), modes_of(mixture)
    points = centres[rng.integers(len(centres), size=count)] + rng.normal(0, deviation, (count, 2))
    return points.astype("float32").reshape(count, 1, 1, 2)


def count_modes(points, centres, deviation):
    """Returns (modes found, share of points of high quality, smallest share of a mode) of points (n, 2).

    A point is of high quality within three standard deviations of the nearest centre. A mode is found if at least one
    such point is nearest to it.
    """
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    good = distances.min(axis=1) <= 3 * deviation
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centres))
    return int((counts > 0).sum()), float(good.mean()), float(counts.min() / len(points))


def networks(pack):
    """Returns G and D, the same dense networks for all models. D judges `pack` points at once."""
    latents, images = keras.Input((SETTINGS["latent_dim"],)), keras.Input((1, 1, 2))
    x, y = latents, keras.layers.Flatten()(Pack(pack)(images) if pack > 1 else images)
    for _ in range(SETTINGS["hidden_layers"]):
        x = keras.layers.Dense(SETTINGS["width"], activation="relu")(x)
        y = keras.layers.LeakyReLU(0.2)(keras.layers.Dense(SETTINGS["width"])(y))
    made = keras.layers.Reshape((1, 1, 2))(keras.layers.Dense(2)(x))
    return keras.Model(latents, made), keras.Model(images, keras.layers.Dense(1)(y))


def build(name, seed):
    """Returns a compiled model: its paper's loss, penalty, betas and updates of D; one rate and average for all."""
    cls, options, (beta_1, beta_2) = MODELS[name]
    keras.utils.set_random_seed(seed)
    generator, discriminator = networks(pack=2 if name == "PacGAN2" else 1)
    latent_dim = SETTINGS["latent_dim"]
    own = {"generator": generator, "discriminator": discriminator, "seed": seed}
    model = cls(image_size=1, channels=2, latent_dim=latent_dim, prior="normal", **own)
    half = max(1, SETTINGS["steps"] // 2)
    rate = SETTINGS["learning_rate"]
    d_steps = model.defaults().get("d_steps", 1)
    g_rate, d_rate = LinearDecay(rate, half, half), LinearDecay(rate, half * d_steps, half * d_steps)
    model.compile(
        g_optimizer=Adam(g_rate, beta_1=beta_1, beta_2=beta_2),
        d_optimizer=Adam(d_rate, beta_1=beta_1, beta_2=beta_2),
        ema_decay=SETTINGS["ema_decay"],
        steps_per_execution=min(250, SETTINGS["steps"]),
        jit_compile=False,
        **options,
    )
    return model


compiled = functools.cache(build)


def started(name, seed):
    """Returns the same as `build`. The graph of the step is built once for all seeds."""
    model, fresh = compiled(name, 0), build(name, seed)
    for player in ("g_optimizer", "d_optimizer"):
        for variable, value in zip(getattr(model, player).variables, getattr(fresh, player).variables):
            variable.assign(value)
    for variable, value in zip(model.variables, fresh.variables):
        variable.assign(value)
    return model


def run(name):
    """Trains one model on one mixture, and counts the modes of samples by the averaged and by the last weights."""
    mixture, model_name, seed = name.split()
    seed, steps = int(seed), SETTINGS["steps"]
    model = started(model_name, seed)
    dataset = kerasgan.data.from_arrays(draw(mixture, 100_000, seed), SETTINGS["batch_size"], seed=seed)
    model.fit(dataset, epochs=1, steps_per_epoch=steps, check_inputs=False, verbose=0)
    latents, found = model.sample_latents(SETTINGS["num_samples"], seed=seed), {}
    for weights, network in (("", model.sampler()), ("last_", model.generator)):
        points = network(latents).numpy().reshape(-1, 2)
        modes, quality, least = count_modes(points, *modes_of(mixture))
        found |= {f"{weights}modes": modes, f"{weights}quality": quality, f"{weights}least": least}
        if not weights and not seed:
            found["points"] = points[: SETTINGS["shown"]].round(3).tolist()
    return found


def table(results):
    header = ["model"]
    for mixture in MIXTURES:
        whole = len(modes_of(mixture)[0])
        header += [f"{mixture}: modes of {whole}", "seeds with all", "high quality, %", "of the last weights, %"]
    rows = []
    for model in MODELS:
        row = [model]
        for mixture in MIXTURES:
            prefix, whole = f"{mixture} {model}", len(modes_of(mixture)[0])
            modes = runs.of(results, prefix, "modes")
            row += [runs.mean_sd(modes), f"{sum(count == whole for count in modes)} of {len(modes)}"]
            row += [runs.mean_sd(runs.of(results, prefix, key), scale=100) for key in ("quality", "last_quality")]
        rows.append(row)
    published = ["published", "ring: modes of 8", "high quality, %", "grid: modes of 25", "high quality, %"]
    return f"{runs.markdown(header, rows)}\n\n{runs.markdown(published, PUBLISHED)}"


def picture(results):
    figure = plots.figure_class()(figsize=(2.4 * len(MODELS), 5.2), layout="constrained")
    for axes, (mixture, model) in zip(figure.subplots(2, len(MODELS)).flat, [(m, n) for m in MIXTURES for n in MODELS]):
        axes.scatter(*modes_of(mixture)[0].T, s=90, facecolors="none", edgecolors="tab:orange", linewidths=0.8)
        axes.scatter(*np.array(results.get(f"{mixture} {model} 0", {}).get("points", [])).reshape(-1, 2).T, s=2)
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), xticks=[], yticks=[], aspect="equal", title=f"{model}, {mixture}")
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
