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
    """Brightness in [-1, 1]: two bumps, at -0.4 and at 0.4."""
    centres = rng.choice([-0.4, 0.4], size=count)
    return np.clip(rng.normal(centres, 0.1), -1, 1).astype("float32").reshape((count, 1, 1, 1))


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
model.compile(
    g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
    d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
    penalty=kerasgan.penalties.R1(0.2),
    ema_decay=0.995,
    steps_per_execution=20,
)

# %% [markdown]
# ## Training
#
# The players chase each other: G overshoots, D follows, and the samples swing around the data. Two remedies are used
# here. A penalty on D's slope at real images, R1, damps the swing (Mescheder et al. 2018 prove it); and the samples
# come from an average of G's weights over time (`ema_decay`). Take both out and watch the two bumps wander.
#
# The log shows two losses, and what says more: `d_real`, the mean of D(x) over real images, and `d_fake`, the mean of
# D(G(z)) over generated ones. At first D has an easy time: one is near 1, the other near 0. Then they approach 1/2.

# %%
history = model.fit(dataset, epochs=max(1, STEPS // 100), steps_per_epoch=100, verbose=2)

# %% [markdown]
# ## What came out
#
# Above: the distribution of real and generated pixels. Below: D's probability for every brightness.

# %%
samples = model.generate(20_000, seed=1, batch_size=1000).ravel()
brightness = np.linspace(-1, 1, 201).astype("float32").reshape((-1, 1, 1, 1))
probability = keras.ops.sigmoid(discriminator(brightness)).numpy().ravel()

figure = matplotlib.figure.Figure(figsize=(6, 5), layout="constrained")
above, below = figure.subplots(2, sharex=True)
above.hist(real_pixels(20_000).ravel(), bins=100, density=True, alpha=0.6, label="real")
above.hist(samples, bins=100, density=True, alpha=0.6, label="generated")
above.legend()
below.plot(brightness.ravel(), probability)
below.axhline(0.5, color="grey", linestyle=":")
below.set(ylim=(0, 1), xlabel="brightness", ylabel="D(x)")
figure.savefig("first_gan.png")

print("D(x) over real images:", round(history.history["d_real"][-1], 3))
print("D(G(z)) over generated images:", round(history.history["d_fake"][-1], 3))

# %% [markdown]
# ![Above real and generated brightness as histograms, below D(x)](pictures/01_first_gan.png)
#
# D says about 1/2 everywhere, though the generated bumps are still narrower than the real ones: "D can only guess"
# tells what this D can see, not that the distributions are equal. That is why samples are also looked at, and scored
# by something that did not take part in the game. Where neither real nor generated pixels lie D may say anything:
# nothing was ever learned there. A GAN's losses do not fall like a classifier's; the two probabilities are what to
# watch, and `kerasgan.callbacks.EquilibriumStopping` can watch them for you.
