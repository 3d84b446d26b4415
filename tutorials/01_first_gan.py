# %% [markdown]
# # A first GAN, and what D(x) = 1/2 means
#
# A generative adversarial network is a game of two networks. The *generator* G turns random numbers z into images. The
# *discriminator* D looks at one image and says how probable it finds it that the image is real. D is trained to tell
# real images from generated ones, G is trained to be mistaken for the data.
#
# Goodfellow et al. (2014, https://arxiv.org/abs/1406.2661) proved what the best D says when G stands still:
#
# $$D^*(x) = \frac{p_{data}(x)}{p_{data}(x) + p_g(x)}$$
#
# If G has learned the data's distribution, $p_g = p_{data}$ and $D^* = 1/2$ everywhere: D can only guess. This tutorial
# shows it on a distribution so simple that both sides can be drawn.

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
# ## Data that can be drawn
#
# The "images" have a single pixel: its brightness is drawn from a mixture of two bumps. A real image set is the same
# thing in more dimensions.

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
# `kerasgan.GAN` brings the paper's networks for 28x28 images. For one pixel we hand it our own: any two Keras models
# will do, as long as G ends in images and D in one logit (the number before the sigmoid).

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
# G stands still until D has had its head start.
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
# The log shows two losses, and what says more: `d_real`, the mean of D(x) over real images, and `d_fake`, the mean of
# D(G(z)) over generated ones. For the first 300 steps G's learning rate is 0, so G stands still, as in the theorem. Its
# pixels are all near 0, the real ones are at -0.7 and 0.7: where one of the two densities is, the other is not, so D*
# is 1 or 0. D finds that out: `d_real` goes to 1 and `d_fake` to 0. Then G moves too, and both go to 1/2.
#
# In the game the players chase each other: G overshoots, D follows, and the samples swing around the data. Two remedies
# are used here. A small penalty on D's slope at real images, R1, damps the swing (Mescheder et al. 2018 prove it); and
# the samples come from an average of G's weights over time (`ema_decay`). Take both out and watch the bumps wander.

# %%
history = model.fit(dataset, epochs=max(1, STEPS // 20), steps_per_epoch=20, verbose=0).history

# %% [markdown]
# ## What came out
#
# Above: D's mean probabilities, step by step. In the middle: the distribution of real and generated pixels. Below: D's
# probability for every brightness.

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
# After its head start D says about 0.9 to real pixels and 0.1 to generated ones. R1 keeps it from certainty. As soon as
# G moves the two come together, and at the end D says 1/2 wherever there are pixels, though the generated bumps are not
# quite the real ones: "D can only guess" tells what this D can see, not that the distributions are equal. That is why
# samples are also looked at, and scored by something that did not take part in the game. Where neither real nor
# generated pixels lie D may say anything: nothing was ever learned there. A GAN's losses do not fall like a
# classifier's; the two probabilities are what to watch, and `kerasgan.callbacks.EquilibriumStopping` can watch them for
# you.
