# %% [markdown]
# # A first GAN, and what D(x) = 1/2 means
#
# A generative adversarial network (GAN) consists of two networks that are trained against each other. The *generator*
# G turns random numbers z into images. The *discriminator* D estimates the probability that an image is real. D is
# trained to tell real images from generated ones, and G is trained to make D fail.
#
# Goodfellow et al. (2014, https://arxiv.org/abs/1406.2661) derived the best D for a fixed G:
#
# $$D^*(x) = \frac{p_{data}(x)}{p_{data}(x) + p_g(x)}$$
#
# If G has learned the distribution of the data, $p_g = p_{data}$ and $D^* = 1/2$ everywhere: D can only guess. This
# tutorial shows this on a one-dimensional distribution, where everything can be plotted.

# %%
import keras
import matplotlib.figure
import numpy as np

import kerasgan

STEPS = 3000
HEAD_START = 300
BATCH_SIZE = 256
keras.utils.set_random_seed(0)

# %% [markdown]
# ## Data that can be plotted
#
# The "images" have a single pixel. Its brightness is drawn from a mixture of two narrow normal distributions. A real
# image set is a distribution, too, but in more dimensions.

# %%
rng = np.random.default_rng(0)


def real_pixels(count):
    """Brightness in [-1, 1]: two bumps, at -0.7 and at 0.7."""
    centres = rng.choice([-0.7, 0.7], size=count)
    return np.clip(rng.normal(centres, 0.08), -1, 1).astype("float32").reshape((count, 1, 1, 1))


dataset = kerasgan.data.from_arrays(real_pixels(100 * BATCH_SIZE), batch_size=BATCH_SIZE)

# %% [markdown]
# ## Two small networks
#
# `kerasgan.GAN` has the paper's networks for 28x28 images. For one pixel, we pass our own. Any two Keras models work,
# if G outputs images and D outputs one logit (the number before the sigmoid).

# %%
generator = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(1, activation="tanh"),
        keras.layers.Reshape((1, 1, 1)),
    ]
)
discriminator = keras.Sequential(
    [
        keras.Input((1, 1, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(1),
    ]
)
model = kerasgan.GAN(image_size=1, channels=1, latent_dim=4, generator=generator, discriminator=discriminator, seed=0)
# G is not trained during D's head start.
g_rate = keras.optimizers.schedules.PiecewiseConstantDecay([HEAD_START], [0.0, 5e-4])
model.compile(
    g_optimizer=keras.optimizers.Adam(g_rate, beta_1=0.5),
    d_optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5),
    penalty=kerasgan.penalties.R1(0.01),
    ema_decay=0.99,
    steps_per_execution=20,
)

# %% [markdown]
# ## Training
#
# The log shows two losses, and two values that tell more: `d_real`, the mean of D(x) over real images, and `d_fake`,
# the mean of D(G(z)) over generated ones. For the first 300 steps, G's learning rate is 0, so G is fixed, as in the
# theorem. All its pixels are near 0, and the real ones are at -0.7 and 0.7. The two densities do not overlap, so D* is
# 1 or 0. D learns this: `d_real` rises towards 1 and `d_fake` falls towards 0. Then G is trained, too, and both go to
# 1/2.
#
# In such a game, the networks chase each other: G overshoots, D follows, and the samples oscillate around the data. Two
# remedies are used here. A small penalty on D's gradient at real images, R1, damps the oscillation (Mescheder et al.
# 2018 prove it). The samples come from a moving average of G's weights (`ema_decay`). Remove both, and the generated
# distribution keeps moving.

# %%
history = model.fit(dataset, epochs=max(1, STEPS // 20), steps_per_epoch=20, verbose=0).history

# %% [markdown]
# ## Results
#
# The top panel shows D's mean probabilities by step, the middle panel the distributions of real and generated pixels,
# and the bottom panel D's probability for every brightness.

# %%
samples = model.generate(20_000, seed=1, batch_size=1000).ravel()
brightness = np.linspace(-1, 1, 201).astype("float32").reshape((-1, 1, 1, 1))
probability = keras.ops.sigmoid(discriminator(brightness)).numpy().ravel()

figure = matplotlib.figure.Figure(figsize=(6, 7.5), layout="constrained")
game, pixels, judged = figure.subplots(3)
steps = 20 * np.arange(1, 1 + len(history["d_real"]))
game.plot(steps, history["d_real"], label="D(x), real")
game.plot(steps, history["d_fake"], label="D(G(z)), generated")
game.axvline(HEAD_START, color="grey", linewidth=0.8)
game.axhline(0.5, color="grey", linestyle=":")
game.set(ylim=(0, 1), xlabel="step")
game.legend()
pixels.hist(real_pixels(20_000).ravel(), bins=100, density=True, alpha=0.6, label="real")
pixels.hist(samples, bins=100, density=True, alpha=0.6, label="generated")
pixels.set(xlim=(-1, 1), xlabel="brightness")
pixels.legend()
judged.plot(brightness.ravel(), probability)
judged.axhline(0.5, color="grey", linestyle=":")
judged.set(xlim=(-1, 1), ylim=(0, 1), xlabel="brightness", ylabel="D(x)")
figure.savefig("first_gan.png")

early = min(HEAD_START // 20, len(steps)) - 1
for when, place in (("after D's head start", early), ("at the end", -1)):
    print(f"{when}: D(x) {history['d_real'][place]:.2f}, D(G(z)) {history['d_fake'][place]:.2f}")

# %% [markdown]
# ![D's probabilities by step, real and generated brightness as histograms, and D(x)](pictures/01_first_gan.png)
#
# After its head start, D outputs about 0.9 for real pixels and 0.1 for generated ones. R1 prevents more extreme values.
# When G is trained, both values approach 1/2. At the end, D is 1/2 wherever there are pixels, although the generated
# distribution is not exactly the real one. So 1/2 means that this D sees no difference, not that the distributions are
# equal. Therefore, also look at samples, and score them with a network that is not part of the training. Where there
# are neither real nor generated pixels, D can have any value, as it was not trained there.
#
# The losses of a GAN do not fall like those of a classifier. Watch the two probabilities instead.
# `kerasgan.callbacks.EquilibriumStopping` can do this for you.
