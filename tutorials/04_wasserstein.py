# %% [markdown]
# # Wasserstein GANs, and why gradients vanish
#
# In the first tutorial, real and generated pixels overlap from the beginning. For images this is not so: they lie on
# thin surfaces in a space of thousands of dimensions, and two such surfaces hardly ever meet. Arjovsky & Bottou
# (2017, https://arxiv.org/abs/1701.04862) prove the consequence: a perfect discriminator exists, its gradient is zero
# almost everywhere on both surfaces, and G learns nothing. This tutorial shows it with images of four equal pixels.

# %%
import keras
import matplotlib.figure
import numpy as np
import tensorflow as tf

import kerasgan

STEPS = 900
BATCH_SIZE = 64
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)


def flat_images(brightness, count):
    """Nearly equal images: a sheet of (almost) no thickness."""
    return rng.normal(brightness, 0.01, (count, 2, 2, 1)).astype("float32")


# %% [markdown]
# ## What a good discriminator tells G
#
# Real images have the brightness 0.6, and generated ones are darker. A network is trained to distinguish them. Then
# we compute the slope of G's loss at the generated images, which G would follow. `kerasgan.losses` has the losses of
# all papers as objects with `discriminator_loss` and `generator_loss`.


# %%
def network():
    layers = [keras.Input((2, 2, 1)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(64, activation="tanh") for _ in range(2)]
    return keras.Sequential([*layers, keras.layers.Dense(1)])


def slope_for_generator(loss, distance, penalty=None):
    """Trains a discriminator on two standing piles of images, and returns the mean slope that G would see."""
    loss, judge, optimizer = kerasgan.losses.get(loss), network(), keras.optimizers.Adam(1e-3, beta_1=0.5)
    penalties, seed = kerasgan.penalties.get(penalty), keras.random.SeedGenerator(0)
    real, fake = tf.constant(flat_images(0.6, BATCH_SIZE)), tf.constant(flat_images(0.6 - distance, BATCH_SIZE))

    @tf.function
    def improve():
        with tf.GradientTape() as tape:
            d_loss = loss.discriminator_loss(judge(real), judge(fake))
            d_loss += sum((p(judge, real, fake, seed) for p in penalties), start=tf.zeros(()))
        optimizer.apply_gradients(zip(tape.gradient(d_loss, judge.trainable_variables), judge.trainable_variables))

    for _ in range(STEPS // 2):
        improve()
    with tf.GradientTape() as tape:
        tape.watch(fake)
        g_loss = loss.generator_loss(judge(fake))
    return float(tf.reduce_sum(tf.norm(tf.reshape(tape.gradient(g_loss, fake), (-1, 4)), axis=1)))


distances = np.linspace(0.1, 1.4, 6)
kinds = {
    "minimax, log(1 - D)": ("minimax", None),
    "non-saturating, -log D": ("non_saturating", None),
    "Wasserstein with gradient penalty": ("wasserstein", kerasgan.penalties.GradientPenalty(10.0)),
}
slopes = {name: [slope_for_generator(loss, d, penalty) for d in distances] for name, (loss, penalty) in kinds.items()}

figure = matplotlib.figure.Figure(figsize=(6, 3.5), layout="constrained")
axes = figure.subplots()
for name, values in slopes.items():
    axes.semilogy(distances, values, marker="o", label=name)
    print(f"{name:36}", " ".join(f"{value:8.1e}" for value in values))
axes.set(xlabel="difference of brightness, real and generated", ylabel="slope that G sees")
axes.legend()
figure.savefig("slopes.png")

# %% [markdown]
# ![The slope that G sees, by the distance of the two brightnesses](pictures/04_slopes.png)
#
# The slope of the minimax loss falls to a hundredth and less: the better D is, the less G learns. The non-saturating
# loss keeps a slope, but it varies from four to sixty between distances, so training is unstable. The critic of a
# Wasserstein GAN (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875) does not output probabilities. With a bound
# on its slope, its mean score of real images minus that of generated images is the distance by which one distribution
# must be moved to become the other. The gradient penalty (Gulrajani et al. 2017) keeps the slope near 1, so G gets a
# gradient of about 1 everywhere.
#
# ## The same in a training
#
# G starts at a brightness of -0.6. In each step, D is updated five times before G. This gives a better critic, as the
# theory requires, but it is the worst case for the minimax game.


# %%
def generator():
    start = keras.initializers.Constant(-0.7)  # tanh(-0.7) = -0.6
    last = keras.layers.Dense(4, activation="tanh", bias_initializer=start, kernel_initializer="zeros")
    return keras.Sequential([keras.Input((4,)), last, keras.layers.Reshape((2, 2, 1))])


dataset = kerasgan.data.from_arrays(flat_images(0.6, 50 * 5 * BATCH_SIZE), batch_size=BATCH_SIZE)
options = {"image_size": 2, "channels": 1, "latent_dim": 4, "seed": 0}
for name, cls, loss in (("minimax", kerasgan.GAN, "minimax"), ("Wasserstein", kerasgan.WGANGP, None)):
    model = cls(generator=generator(), discriminator=network(), **options)
    model.compile(
        g_optimizer=keras.optimizers.SGD(1e-2),
        d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        loss=loss,
        d_steps=5,
        steps_per_execution=10,
    )
    history = model.fit(dataset, epochs=max(1, STEPS // 50), steps_per_epoch=50, verbose=0).history
    print(f"{name:12} brightness -0.60 at first, {model.generate(100, seed=1).mean():.2f} at last; the data's is 0.60")
    print(f"{'':12} d_loss at the end of the first epochs:", [round(value, 3) for value in history["d_loss"][:5]])

# %% [markdown]
# The `d_loss` of the minimax game falls to 0 and stays there: D has won, and G does not change any more. In a
# Wasserstein GAN, -d_loss is the remaining distance (up to the penalty), so it decreases while the images improve.
# For images, use `kerasgan.WGANGP(image_size=28, channels=1)`. Its `compile()` has the paper's settings.
