"""Which models find all 1,000 modes of stacked MNIST: three digits, one in each colour channel?

The protocol is that of Metz et al. (2017), section 3.3.1, and of PacGAN: Lin, Khetan, Fanti, Oh (2018), section 4.2.

Command:   python -m kerasgan.zoo.experiments.stacked_mnist runs
Time:      about half an hour of two cores
"""

import functools
import sys

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import penalties, plots
from kerasgan.metrics import extract_features, get_classifier, mode_count
from kerasgan.optimizers import Adam
from kerasgan.schedules import LinearDecay
from kerasgan.zoo.experiments import runs, small_images

SETTINGS = {
    "steps": 1_000,
    "long_steps": 30_000,
    "batch_size": 64,
    "latent_dim": 100,
    "width": 32,
    "learning_rate": 1e-3,
    "ema_decay": 0.995,
    "num_samples": 26_000,
    "shown": 10,
}
SEEDS = 3
# What the models differ in: the class, D's normalisation, images that D sees at once, arguments of `compile`.
RELATIVISTIC = {"penalty": [penalties.R1(0.1), penalties.R2(0.1)]}
MODELS = {
    "DCGAN": (kerasgan.DCGAN, "batch", 1, {}),
    "PacDCGAN2": (kerasgan.DCGAN, "batch", 2, {}),
    "SNGAN": (kerasgan.SNGAN, "spectral", 1, {"d_steps": 1}),
    "WGANGP": (kerasgan.WGANGP, "layer", 1, {"d_steps": 1}),
    "R3GAN": (kerasgan.R3GAN, "none", 1, RELATIVISTIC),
    "R3GAN_long": (kerasgan.R3GAN, "none", 1, RELATIVISTIC),
}
RUNS = [f"{model} {seed}" for seed in range(SEEDS) for model in MODELS if not seed or model != "R3GAN_long"]
FLOOR = 999 / (2 * SETTINGS["num_samples"])  # mean KL of so many draws from the modes' own shares, (modes - 1) / 2n
PUBLISHED = [
    ["DCGAN (Srivastava et al. 2017)", "99.0", "3.40"],
    ["WGAN-GP (Huang et al. 2024)", "959", "0.73"],
    ["PacDCGAN2 (Lin et al. 2018)", "1,000", "0.06"],
    ["MEG (Kumar et al. 2019)", "1,000", "0.0313"],
    ["R3GAN (Huang et al. 2024)", "1,000", "–"],
]


def data(seed):
    """Returns a dataset of stacked digits (batch, 28, 28, 3): a shuffled set for each channel."""
    channels = [small_images.batches("mnist", SETTINGS["batch_size"], 3 * seed + channel) for channel in range(3)]
    return tf.data.Dataset.zip(*channels).map(lambda *parts: tf.concat(parts, axis=-1)).prefetch(2)


@functools.cache
def judge():
    return get_classifier("mnist")


def probabilities(images):
    """Returns the class probabilities (n, 3, 10) of the digits of (n, 28, 28, 3)."""
    single = images.transpose(0, 3, 1, 2).reshape(-1, small_images.SIZE, small_images.SIZE, 1)
    return extract_features(single, judge(), 500).reshape(-1, 3, 10)


@functools.cache
def shares():
    """Returns the shares (1000,) of the modes among the training images, those of independent channels."""
    classes = mode_count(extract_features(small_images.images_of("mnist"), judge(), 500)).shares
    return np.einsum("i,j,k->ijk", classes, classes, classes).ravel()


def steps_of(name):
    return SETTINGS["long_steps" if name.endswith("long") else "steps"]


def build(name, seed):
    """Returns a compiled model: its paper's loss and penalty; networks, rates and average are the same for all."""
    cls, norm, pack, options = MODELS[name]
    keras.utils.set_random_seed(seed)
    sizes = {"width": SETTINGS["width"], "channels": 3}
    model = cls(
        image_size=small_images.SIZE,
        channels=3,
        latent_dim=SETTINGS["latent_dim"],
        generator=small_images.generator(SETTINGS["latent_dim"], **sizes),
        discriminator=small_images.discriminator(norm=norm, pack=pack, **sizes),
        seed=seed,
    )
    half = steps_of(name) // 2
    g_rate, d_rate = (LinearDecay(SETTINGS["learning_rate"], half, half) for _ in range(2))
    model.compile(
        g_optimizer=Adam(g_rate, beta_1=0.5, beta_2=0.99),
        d_optimizer=Adam(d_rate, beta_1=0.5, beta_2=0.99),
        ema_decay=SETTINGS["ema_decay"],
        steps_per_execution=min(100, steps_of(name)),
        jit_compile=False,
        **options,
    )
    return model


def run(name):
    """Trains one model, and counts the modes of its samples."""
    model_name, seed = name.split()
    model = small_images.started(build, model_name, seed=int(seed))
    model.fit(data(int(seed)), epochs=1, steps_per_epoch=steps_of(model_name), verbose=0)
    images = model.generate(SETTINGS["num_samples"], seed=int(seed))
    sure = probabilities(images)
    found = mode_count(sure, shares())
    record = {"modes": found.modes, "kl": found.kl, "sure": float((sure.max(axis=-1) > 0.95).mean())}
    return record | ({} if int(seed) else {"samples": small_images.as_png(images[: SETTINGS["shown"]])})


def table(results):
    header = ["model", "steps", "seeds", "modes of 1,000", "seeds with 999 or more", "KL", "sure digits, %"]
    rows = []
    for model in [model for model in MODELS if runs.of(results, model, "kl")]:
        modes, kl, sure = (runs.of(results, model, key) for key in ("modes", "kl", "sure"))
        whole = f"{sum(count >= 999 for count in modes)} of {len(modes)}"
        row = [model.replace("_long", ""), f"{steps_of(model):,}", len(modes)]
        rows.append([*row, runs.mean_sd(modes), whole, runs.mean_sd(kl, 3), runs.mean_sd(sure, 1, 100)])
    return f"{runs.markdown(header, rows)}\n\n{runs.markdown(['published', 'modes of 1,000', 'KL'], PUBLISHED)}"


def picture(results):
    figure = plots.figure_class()(figsize=(9, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.3))
    axes, trained = left.subplots(), [model for model in MODELS if f"{model} 0" in results]
    labels = [f"{model.replace('_long', '')}, {steps_of(model):,} steps" for model in trained]
    for row, model in enumerate(trained):
        values = runs.of(results, model, "kl")
        axes.plot(values, [row] * len(values), "o", ms=5, color="tab:blue")
    axes.axvline(FLOOR, color="black", ls=":", label="as many samples of the data")
    axes.axvline(0.06, color="gray", ls="--", label="PacDCGAN2, published")
    axes.set(xscale="log", xlabel="KL in nats, each seed", yticks=range(len(trained)), yticklabels=labels)
    axes.invert_yaxis()
    left.legend(loc="outside lower center", ncols=2, fontsize=7)
    for axes, model, label in zip(right.subplots(len(trained), 1), trained, labels):
        small_images.draw_row(axes, results[f"{model} 0"], label)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
