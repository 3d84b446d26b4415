"""Does path length regularization make the latent space of StyleGAN2 smoother?

The experiment trains a small StyleGAN2 on Fashion-MNIST, with and without the penalty. It measures the perceptual path
length in w: how much images change per step between two random w.

Command:   python -m kerasgan.zoo.experiments.path_length runs
Time:      10 to 20 minutes of one core per run
"""

import sys

import keras
import numpy as np

import kerasgan
from kerasgan import metrics, penalties, plots
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "steps": 3_000,
    "batch_size": 32,
    "latent_dim": 64,
    "channel_base": 512,
    "learning_rate": 2.5e-3,
    "gamma": 0.05,
    "num_samples": 2_000,
    "num_paths": 2_000,
    "epsilon": 0.01,
    "shown": 10,
}
SEEDS = 2
DATA = "fashion_mnist"
EVERY = 4  # steps between two path length penalties, as in the paper
WORDS = {"off": "without the penalty", "on": "with path length regularization"}
RUNS = [f"{penalty} {seed}" for seed in range(SEEDS) for penalty in WORDS]


def build(penalty, seed):
    """Returns a compiled StyleGAN2 of grey images, whose weights `seed` draws."""
    keras.utils.set_random_seed(seed)
    size, rate = SETTINGS["latent_dim"], SETTINGS["learning_rate"]
    model = kerasgan.StyleGAN2(
        image_size=small_images.SIZE,
        channels=1,
        latent_dim=size,
        style_dim=size,
        mapping_layers=2,
        channel_base=SETTINGS["channel_base"],
        channel_max=size,
        seed=seed,
    )
    on = penalty == "on"
    plain = kerasgan.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8)
    model.compile(
        g_optimizer=kerasgan.optimizers.lazy_adam(rate, every=EVERY) if on else plain,
        d_optimizer=kerasgan.optimizers.lazy_adam(rate, every=16),
        penalty=[penalties.R1(SETTINGS["gamma"], every=16)] + on * [penalties.PathLength(every=EVERY)],
        style_mixing=0,
        ema_decay=0.998,
        steps_per_execution=min(20, SETTINGS["steps"]),
        jit_compile=False,
    )
    return model


def in_float32(model, penalty, seed):
    """Returns the model in float32, as the rounding of bfloat16 is larger than the steps of a path."""
    exact = build(penalty, seed)
    for mine, trained in zip(exact.variables, model.variables, strict=True):
        mine.assign(trained)
    return exact


def path_length(model):
    """Returns the perceptual path length in w, by the features of the classifier."""
    judge = metrics.get_extractor(DATA)

    def distance(one, other):
        one, other = (metrics.extract_features(np.clip(images, -1, 1), judge) for images in (one, other))
        return np.mean(np.square(one - other), axis=1)

    options = {name: SETTINGS[setting] for name, setting in (("num_samples", "num_paths"), ("epsilon", "epsilon"))}
    paths = {"latent_dim": model.latent_dim, "mapping": model.map, "distance": distance, "batch_size": 200}
    return float(metrics.perceptual_path_length(model.synthesize, **paths, **options))


def between(model, seed, count):
    """Returns images at equal steps on the line between two random w."""
    first, last = model.map(model.sample_latents(2, seed=seed))
    shares = np.linspace(0, 1, count, dtype="float32")[:, None]
    return model.synthesize((1 - shares) * first + shares * last)


def run(name):
    """Trains one model. Returns its path length and its distance from the data, and rows of images for seed 0."""
    penalty, seed = name.split()
    seed = int(seed)
    with small_images.half_precision():
        model = build(penalty, seed)
    data = small_images.batches(DATA, SETTINGS["batch_size"], seed).repeat()
    model.fit(data, epochs=1, steps_per_epoch=SETTINGS["steps"], verbose=0)
    model = in_float32(model, penalty, seed)
    images = model.generate(SETTINGS["num_samples"], seed=1)
    found = {"path_length": path_length(model)} | small_images.scores(images, DATA)
    if seed:
        return found
    rows = [images[: SETTINGS["shown"]], *(between(model, start, SETTINGS["shown"]) for start in (2, 3, 4))]
    return found | {"samples": small_images.as_png(np.concatenate(rows), columns=SETTINGS["shown"])}


def table(results):
    rows = []
    for penalty, words in WORDS.items():
        columns = [runs.of(results, penalty, key) for key in ("path_length", "distance")]
        rows.append([words, len(columns[0]), *map(runs.mean_sd, columns)])
    return runs.markdown(["StyleGAN2", "seeds", "path length in w", "Fréchet distance"], rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 3.2), layout="constrained")
    points, *grids = figure.subplots(1, 3, width_ratios=(1, 1.5, 1.5))
    for number, (penalty, axes) in enumerate(zip(WORDS, grids)):
        lengths = runs.of(results, penalty, "path_length")
        points.plot([number] * len(lengths), lengths, "o", color=f"C{number}")
        small_images.draw_row(axes, results.get(f"{penalty} 0", {}), WORDS[penalty])
    points.set(xlim=(-0.5, 1.5), title="path length in w")
    points.set_ylim(0, 1.1 * points.get_ylim()[1])
    points.set_xticks(range(len(WORDS)), WORDS)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
