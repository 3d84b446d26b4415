# %% [markdown]
# # When training fails
#
# A classifier that fails has a high loss. The losses of a GAN that fails can look normal, so you need to know the
# symptoms. This tutorial causes each failure, shows its symptoms, and fixes it. The data are points in the plane, eight
# small clusters on a ring. The last failure is shown on small images.

# %%
import keras
import matplotlib.figure
import numpy as np

import kerasgan

STEPS = 2000
BATCH_SIZE = 128
rng = np.random.default_rng(0)
angles = np.arange(8) * np.pi / 4
centres = 0.7 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
points = centres[rng.integers(8, size=100 * BATCH_SIZE)] + rng.normal(0, 0.02, (100 * BATCH_SIZE, 2))
dataset = kerasgan.data.from_arrays(points.astype("float32").reshape((-1, 1, 1, 2)), batch_size=BATCH_SIZE)
Adam = keras.optimizers.Adam


def networks(units):
    """Returns G, and a D with `units` units per layer."""
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(64, activation="relu") for _ in range(2)]
    g = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(2, "tanh"), keras.layers.Reshape((1, 1, 2))])
    hidden = [keras.layers.Dense(units, activation="relu") for _ in range(2)]
    d = keras.Sequential([keras.Input((1, 1, 2)), keras.layers.Flatten(), *hidden, keras.layers.Dense(1)])
    return {"generator": g, "discriminator": d}


def judge(samples):
    """Returns the number of clusters found (of 8), and the share of samples within any cluster."""
    distances = np.linalg.norm(samples[:, None] - centres, axis=-1)
    hit = distances.min(axis=1) < 0.1
    return len(set(distances.argmin(axis=1)[hit])), hit.mean()


figure = matplotlib.figure.Figure(figsize=(6.5, 5), layout="constrained")
panels = iter(figure.subplots(2, 3, sharex=True, sharey=True).T.flat)


def run(name, g_rate=1e-3, d_rate=1e-3, units=64, **options):
    """Trains, plots samples, and prints the log and the true quality. Returns the share of good samples by epoch."""
    model = kerasgan.GAN(image_size=1, channels=2, latent_dim=8, seed=0, **networks(units))
    optimizers = {"g_optimizer": Adam(g_rate, beta_1=0.5), "d_optimizer": Adam(d_rate, beta_1=0.5)}
    model.compile(**optimizers | options, steps_per_execution=20)
    shares = []

    def draw(*_):
        samples = model.generate(1000, seed=1, batch_size=1000).reshape((-1, 2))
        shares.append(judge(samples)[1])
        return samples

    watch = keras.callbacks.LambdaCallback(on_epoch_end=draw)
    log = model.fit(dataset, epochs=max(1, STEPS // 100), callbacks=[watch], verbose=0).history
    samples = draw()
    found, share = judge(samples)
    if panel := next(panels, None):
        panel.scatter(*centres.T, marker="+", color="grey")
        panel.scatter(*samples[:300].T, s=2)
        panel.set(title=name, xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    logged = "  ".join(f"{key} {log[key][-1]:6.2f}" for key in ("d_real", "d_fake", "g_loss"))
    print(f"{name:22} {logged}   clusters {found}  good samples {share:.0%}")
    return shares


# %% [markdown]
# ## G's gradient vanishes
#
# *Symptom:* D(x) is near 1, D(G(z)) is near 0, and the samples do not change. *Cause:* the minimax loss, and a D that
# learns much faster than G. *Remedy:* the non-saturating loss (the default) and equal rates. For images, also
# `penalty="r1"`, and `augment="diffaugment"` if D has memorized few images. Tutorial 04 explains why.

# %%
run("vanishing", loss="minimax", g_rate=1e-4, d_rate=1e-2)
run("mended: default loss")

# %% [markdown]
# ## D is too weak
#
# *Symptom:* D(x) and D(G(z)) are 1/2 from the beginning, which looks like success, but the samples are wrong. D guesses
# because it cannot see the difference. *Cause:* a D with two units. *Remedy:* a larger D, or more updates of D
# (`d_steps`). A value of 1/2 means success only if D was better before.

# %%
run("weak D", units=2)
run("mended: larger D", units=128)

# %% [markdown]
# ## Mode collapse
#
# *Symptom:* all samples are similar, while D(x) and D(G(z)) may look normal. The losses do not show it. Sample grids
# do, and also `metrics.precision_recall` (recall falls), `metrics.mode_count`, and `callbacks.CollapseMonitor`, which
# warns automatically. *Cause:* a G that learns ten times as fast as D. It moves all samples to the point where D is
# currently wrong, and moves on before D has learned. *Remedy:* a slower G, and a penalty on D's gradient.

# %%
shares = run("collapse", g_rate=1e-2)
mended = run("mended: slower G, R1", g_rate=1e-3, penalty=kerasgan.penalties.R1(0.1))
figure.savefig("failures.png")

# %% [markdown]
# ![Samples of the failing runs above, of the mended ones below](pictures/11_failures.png)
#
# ## The last epoch is not the best
#
# *Symptom:* the score goes up and down from epoch to epoch, as in the collapsed run below. Compare it with the mended
# run. *Remedy:* prevent the collapse, and measure during training. `callbacks.ScoreMonitor` keeps the weights with the
# best score, and `ema_decay` samples from a moving average of G.

# %%
for name, by_epoch in (("collapsed", shares), ("mended", mended)):
    print(f"share of good samples by epoch, {name} run:", " ".join(f"{share:.0%}" for share in by_epoch))

# %% [markdown]
# ## SGD for D
#
# Some practitioners train G with Adam and D with SGD (https://github.com/soumith/ganhacks). The steps of SGD shrink
# with the gradient, so a D that is almost sure slows down by itself, while the steps of Adam keep their size. The
# rate must be found by trial. Here, SGD with rate 0.3 gives 86 % good samples, and Adam 74 %. With rate 0.03, D is
# too weak (11 %), and with rate 3 the training fails.

# %%
run("Adam for D")
for rate in (0.03, 0.3, 3.0):
    run(f"SGD({rate}) for D", d_optimizer=keras.optimizers.SGD(rate))

# %% [markdown]
# ## Shapes are lost
#
# *Symptom:* all parts look right, but the whole does not: a dog with three ears, a ring that does not close. The log
# looks normal, but the samples are wrong and far from every image of the data. *Cause:* a D with a receptive field of 5
# pixels on images of 16 pixels, which averages its logits over all positions. It sees strokes, but not the letter.
# *Remedy:* a D that sees the whole image, such as that of `DCGAN` with its strides and its last layer. For large
# images, `kerasgan.SAGAN` adds attention, and `Pix2Pix(receptive_field=...)` sets the receptive field of D.

# %%
only = {"image_size": 16, "channels": 1, "characters": "O", "families": ["sans"]}
only |= {"colors": ["white"], "backgrounds": ["black"], "batch_size": 64}
letters = kerasgan.data.load("glyphs", num_images=3200, **only)
known = np.concatenate([*letters.as_numpy_iterator()])
unseen = next(kerasgan.data.load("glyphs", "test", num_images=64, **only).as_numpy_iterator())


def short_sighted():
    """Judges each position by the 5x5 pixels around it."""
    x = images = keras.Input((16, 16, 1))
    for stride in (1, 2):
        x = keras.layers.LeakyReLU(0.2)(keras.layers.Conv2D(32, 3, stride, "same")(x))
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(1, 1)(x)))


def to_nearest(images):
    """Returns the mean distance between each image and the nearest image of the data."""
    return np.mean([np.sqrt(((known - image) ** 2).mean(axis=(1, 2, 3)).min()) for image in images])


rows = {}
for name, d in (("short-sighted D", short_sighted), ("mended: a D of all pixels", None)):
    keras.utils.set_random_seed(0)
    model = kerasgan.DCGAN(image_size=16, channels=1, latent_dim=16, width=16, discriminator=d and d(), seed=0)
    model.compile(ema_decay=0.99, steps_per_execution=10)
    model.fit(letters, epochs=1, steps_per_epoch=max(10, STEPS * 4 // 5), verbose=0)
    rows[name] = model.generate(64, seed=1)
rows["unseen images of the data"] = unseen
for name, images in rows.items():
    print(f"{name:26} distance from the nearest of the data {to_nearest(images):.2f}")
shown = np.stack([images[:10] for images in rows.values()])
kerasgan.plots.labelled_grid(shown, rows=[*rows]).savefig("shapes.png")

# %% [markdown]
# ![Letters of a short-sighted D, of the mended one, and of the data](pictures/11_shapes.png)
#
# `kerasgan report RUN` checks the log of a run for the symptoms on this page.
