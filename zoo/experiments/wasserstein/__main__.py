"""How near do trained critics come to the exact Wasserstein-1 distance, under clipping and under the gradient penalty?

Pairs of standing sets of points, whose earth mover's distance is computed exactly: Arjovsky, Chintala, Bottou (2017),
equation 2 and example 1 (parallel lines, W = |theta| and JSD = log 2), and Gulrajani et al. (2017), equation 3.

Command:   python -m kerasgan.zoo.experiments.wasserstein runs
Time:      about a minute of one core
"""

import functools
import sys

import keras
import numpy as np
import tensorflow as tf

from kerasgan import losses, plots
from kerasgan.metrics import earth_movers_distance
from kerasgan.optimizers import Adam
from kerasgan.penalties import GradientPenalty
from kerasgan.penalties.gradients import squared_gradient_norms
from kerasgan.zoo.experiments import runs

SETTINGS = {"points": 256, "steps": 400, "width": 64, "hidden_layers": 2, "learning_rate": 1e-3, "penalty_weight": 10.0}
SEEDS = 3
# Kinds of judges: the loss, the bound on the weights or None, and whether the gradient penalty holds the slope.
JUDGES = {
    "clip_0.01": ("wasserstein", 0.01, False),
    "clip_0.1": ("wasserstein", 0.1, False),
    "penalty": ("wasserstein", None, True),
    "discriminator": ("minimax", None, False),
}
PAIRS = ("shift", "split")
THETAS = (0.0, 0.25, 0.5, 1.0)
RUNS = [
    f"{name} {seed}"
    for seed in range(SEEDS)
    for name in (
        *(f"{pair} {judge}" for pair in PAIRS for judge in ("clip_0.01", "clip_0.1", "penalty")),
        *(f"lines_{theta} {judge}" for theta in THETAS for judge in ("penalty", "discriminator")),
    )
]


def draw(pair, seed):
    """Returns the points of a pair of sets, float32 (points, 2) each.

    "shift": N(0, 0.3^2 I) around (1, 0) and (-1, 0). "split": around (0, 0), and one half each around (1.5, 0) and
    (-1.5, 0). "lines_<theta>": two vertical lines of length 1 at the distance theta, at random heights.
    """
    rng, count = np.random.default_rng(seed), SETTINGS["points"]
    if pair.startswith("lines_"):
        real, fake = rng.uniform(size=(2, count, 2)) * [0, 1]
        fake[:, 0] = float(pair.removeprefix("lines_"))
    else:
        real, fake = rng.normal(0, 0.3, (2, count, 2))
        side = np.where(np.arange(count) < count // 2, 1.5, -1.5)
        real[:, 0] += 1 if pair == "shift" else 0
        fake[:, 0] += -1 if pair == "shift" else side
    return real.astype("float32"), fake.astype("float32")


def network():
    layers = [keras.Input((2,))]
    layers += [keras.layers.Dense(SETTINGS["width"], activation="relu") for _ in range(SETTINGS["hidden_layers"])]
    return keras.Sequential([*layers, keras.layers.Dense(1)])


@functools.cache
def trainer(kind):
    """Returns a judge, a function (real, fake, steps) -> loss that trains it, and one that starts it anew."""
    name, clip, penalised = JUDGES[kind]
    loss, judge, seed = losses.get(name), network(), keras.random.SeedGenerator(0)
    optimizer = Adam(SETTINGS["learning_rate"], beta_1=0.5, beta_2=0.9)
    optimizer.build(judge.trainable_variables)
    states = [*optimizer.variables, seed.state]
    before = [variable.numpy() for variable in states]
    penalty = GradientPenalty(SETTINGS["penalty_weight"])

    @tf.function
    def improve(real, fake, steps):
        value = tf.zeros(())
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                value = loss.discriminator_loss(judge(real), judge(fake))
                total = value + penalty(judge, real, fake, seed) if penalised else value
            gradients = tape.gradient(total, judge.trainable_variables)
            optimizer.apply_gradients(zip(gradients, judge.trainable_variables))
            for weight in judge.trainable_variables if clip else ():
                weight.assign(tf.clip_by_value(weight.value, -clip, clip))
        return value

    def start():
        for variable, value in zip([*judge.variables, *states], [*network().variables, *before]):
            variable.assign(value)

    return judge, improve, start


def run(name):
    """Trains one judge on one pair, and returns what it says beside the exact distance.

    `estimate` is E f(x) - E f(G(z)) of a critic, or (log 4 - loss) / 2 of a discriminator, its estimate of the
    Jensen-Shannon divergence. `slope` is the largest gradient norm of the critic between the sets: a critic divided by
    its largest slope is one of slope 1, whose estimate is at most W.
    """
    pair, kind, seed = name.split()
    keras.utils.set_random_seed(int(seed))
    judge, improve, start = trainer(kind)
    start()
    points = draw(pair, int(seed))
    real, fake = map(tf.constant, points)
    loss = improve(real, fake, tf.constant(SETTINGS["steps"]))
    shares = tf.reshape(tf.linspace(0.0, 1.0, 11), (-1, 1, 1))
    between = tf.reshape(shares * real + (1 - shares) * fake, (-1, 2))
    score = losses.get(JUDGES[kind][0]).discriminator_loss(judge(real), judge(fake))
    estimate = (np.log(4) - float(score)) / 2 if kind == "discriminator" else -float(score)
    slope = float(tf.sqrt(tf.reduce_max(squared_gradient_norms(judge, between))))
    exact = earth_movers_distance(*points).cost
    return {"exact": exact, "estimate": estimate, "slope": slope, "last_loss": float(loss)}


def table(results):
    header = ["pair", "judge", "seeds", "exact W", "estimate", "largest slope", "estimate / slope", "estimate / W"]
    rows = []
    for pair in (*PAIRS, *(f"lines_{theta}" for theta in THETAS)):
        for judge in JUDGES:
            exact, found, slopes = (runs.of(results, f"{pair} {judge}", k) for k in ("exact", "estimate", "slope"))
            if not exact:
                continue
            critic = judge != "discriminator"
            per_slope = [value / slope for value, slope in zip(found, slopes)] if critic else []
            share = [value / w for value, w in zip(found, exact)] if critic and min(exact) > 0.1 else []
            cells = [runs.mean_sd(exact, 3), runs.mean_sd(found, 4 if judge.startswith("clip") else 3)]
            cells += [runs.mean_sd(slopes, 4 if judge.startswith("clip") else 2) if critic else "–"]
            cells += [runs.mean_sd(per_slope, 3), runs.mean_sd(share, 3)]
            rows.append([pair.replace("_", ", theta = "), judge.replace("_", " "), len(exact), *cells])
    return runs.markdown(header, rows)


def picture(results):
    figure = plots.figure_class()(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    theta = np.linspace(0, max(THETAS), 101)
    exact = {"penalty": theta, "discriminator": np.where(theta > 0, np.log(2), 0.0)}
    titles = {"penalty": "W of parallel lines", "discriminator": "JSD of parallel lines"}
    for axis, (judge, title) in zip(axes, titles.items()):
        axis.plot(theta[1:], exact[judge][1:], "k-", label="exact, of the lines")
        points = [(t, value) for t in THETAS for value in runs.of(results, f"lines_{t} {judge}", "estimate")]
        axis.plot(*np.array(points).reshape(-1, 2).T, "o", ms=4, label=f"trained {judge.replace('penalty', 'critic')}")
        axis.plot(0, 0, "kx")
        axis.set(title=title, xlabel="theta", ylim=(-0.05, 1.15))
        axis.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    runs.main(sys.modules[__name__])
