# %% [markdown]
# # Theory in pictures
#
# This tutorial computes the pictures that lectures on GANs show. Each picture uses the losses and metrics of the
# library, on distributions for which the right answer is known. Everything takes seconds.

# %%
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan import latent, losses, metrics, penalties, plots

STEPS = 300
GRID = np.linspace(-5, 6, 2201)
# Evenly spaced z in (0, 1), and the quantiles of N(0, 1) at them. Means over them approximate integrals.
z = (np.arange(400) + 0.5) / 400
standard = tf.math.ndtri(tf.constant(z, "float32"))
DATA = (0.8, 0.6)  # mean and standard deviation of the data


def density(x, mean, deviation):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


def descent(loss, variables, rate, momentum=0.9):
    """Returns a function that makes a given number of gradient descent steps on `loss()`."""

    @tf.function
    def descend(steps):
        speeds = [tf.zeros_like(variable) for variable in variables]
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                value = loss()
            gradients = tape.gradient(value, variables)
            speeds = [momentum * speed - rate * gradient for speed, gradient in zip(speeds, gradients)]
            for variable, speed in zip(variables, speeds):
                variable.assign_add(speed)

    return lambda steps: descend(tf.constant(steps))


def panels(columns, height=3.0, width=3.2):
    figure = plots.figure_class()(figsize=(width * columns, height), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(1, columns))


# %% [markdown]
# ## Four stages of the game
#
# This is figure 1 of Goodfellow et al. (2014, https://arxiv.org/abs/1406.2661). The data are normal. G maps z,
# uniform in (0, 1), to m + s q(z), where q is the quantile function of the normal distribution, so p_g is normal,
# too. D is the sigmoid of a quadratic function of x. This is sufficient: for two normal densities, the best D, D* =
# p_data / (p_data + p_g), has this form.

# %%
minimax = losses.get("minimax")
real = DATA[0] + DATA[1] * standard
g, d = tf.Variable([-0.7, 1.0]), tf.Variable([0.0, 0.0, 0.0])  # m and s; the coefficients of 1, x and x^2


def fake():
    return g[0] + g[1] * standard


def logits(x):
    return d[0] + d[1] * x + d[2] * x**2


def d_loss():
    return minimax.discriminator_loss(logits(real), logits(fake()))


def g_loss():
    return minimax.generator_loss(logits(fake()))


def stage(title):
    """Returns the densities and D for the picture, and prints the error of D."""
    mean, deviation = g.numpy()
    data, model = density(GRID, *DATA), density(GRID, mean, deviation)
    found = tf.sigmoid(logits(tf.constant(GRID, "float32"))).numpy()
    error = np.abs(found - data / (data + model))[data + model > 0.02].max()
    value = -float(d_loss())
    print(f"{title:28} G makes N({mean:5.2f}, {deviation:.2f}^2), D is off D* by {error:.3f}, V = {value:.3f}")
    shown = {"title": title, "data": data, "model": model, "d": found, "g": (mean, deviation)}
    return shown | {"error": error, "value": value}


improve_d = descent(d_loss, [d], 0.2)
follow_d = descent(g_loss, [g], 0.3, momentum=0.0)
improve_d(3)
stages = [stage("(a) D has begun to learn")]
improve_d(2 * STEPS)
stages.append(stage("(b) D is the best one"))
follow_d(2)
stages.append(stage("(c) G follows D's slope"))
for _ in range(STEPS // 2):
    improve_d(5)
    follow_d(1)
stages.append(stage("(d) nothing left to tell"))
print(f"-log 4 = {-np.log(4):.3f}")

figure, axes = panels(4, height=3.4)
for shown, axis in zip(stages, axes):
    axis.plot(GRID, shown["data"], "k:", label="p_data")
    axis.plot(GRID, shown["model"], "g-", label="p_g")
    axis.plot(GRID, shown["d"], "b--", label="D")
    for start in np.linspace(0.02, 0.98, 17):
        end = shown["g"][0] + shown["g"][1] * float(tf.math.ndtri(start))
        arrow = {"arrowstyle": "->", "linewidth": 0.6, "color": "gray"}
        axis.annotate("", xy=(end, -0.15), xytext=(6 * start - 3, -0.7), arrowprops=arrow)
    axis.hlines([-0.15, -0.7], -3, 3, "k", linewidth=0.8)
    axis.text(3.1, -0.2, "x")
    axis.text(3.1, -0.75, "z")
    axis.set(title=shown["title"], xlim=(-3.2, 3.5), ylim=(-0.8, 1.05), xticks=[], yticks=[0, 0.5, 1])
axes[0].legend(loc="upper left", fontsize=8)
figure.savefig("stages.png", dpi=80)

# %% [markdown]
# ![Four stages: D learns, is the best one, G moves, both are done](pictures/18_stages.png)
#
# Arrows connect evenly spaced z with G(z). Where they are dense, p_g is high. G moves them to where D is higher. At
# the end, the densities are equal, D is 1/2 everywhere, and the value of the game is -log 4.
#
# ## The best D, and -log 4
#
# Theorem 1 of the same paper: with the best D, the value of the game is V = -log 4 + 2 JSD(p_data, p_g), with the
# Jensen-Shannon divergence. Here p_g is N(m, 0.6^2), and m moves past the data.


# %%
def best_value(mean):
    """V(G, D*), by the library's loss: the logit of D* is log p_data - log p_g."""
    best = lambda x: ((x - mean) ** 2 - (x - DATA[0]) ** 2) / (2 * DATA[1] ** 2)  # noqa: E731
    return -float(minimax.discriminator_loss(best(real), best(mean + DATA[1] * standard)))


def divergence(mean):
    """JSD, by integration."""
    data, model = density(GRID, *DATA), density(GRID, mean, DATA[1])
    half = (data + model) / 2
    parts = [p * np.log(np.maximum(p, 1e-300) / half) for p in (data, model)]
    return float(np.trapezoid(sum(parts), GRID) / 2)


means = np.linspace(-1.2, 2.8, 21)
values = [best_value(mean) for mean in means]
by_divergence = [-np.log(4) + 2 * divergence(mean) for mean in means]
print(f"Largest difference of the two sides: {np.abs(np.subtract(values, by_divergence)).max():.4f}")

figure, axes = panels(2)
for mean, colour in ((-0.4, "tab:red"), (0.4, "tab:orange"), (0.8, "tab:green")):
    data, model = density(GRID, *DATA), density(GRID, mean, DATA[1])
    axes[0].plot(GRID, data / (data + model), color=colour, label=f"m = {mean}")
axes[0].set(title="D* = p_data / (p_data + p_g)", xlim=(-1.5, 2.5), xlabel="x")
axes[0].legend(fontsize=8)
axes[1].plot(means, by_divergence, "k-", label="-log 4 + 2 JSD")
axes[1].plot(means, values, "o", ms=4, label="V(G, D*) by the loss")
axes[1].axhline(-np.log(4), color="gray", linestyle=":")
axes[1].set(title="value of the game", xlabel="m; the data's is 0.8")
axes[1].legend(fontsize=8)
figure.savefig("value.png", dpi=80)

# %% [markdown]
# ![The best D for three generators, and the value of the game by the generator's mean](pictures/18_value.png)
#
# ## The loss of a bad G
#
# At the beginning, D rejects the samples, and D(G(z)) is near 0. There, the minimax loss log(1 - D) is flat, and -log
# D is steep. With D = sigmoid(a), both slopes follow from sigma' = sigma (1 - sigma). Their derivatives with respect
# to a are -D and -(1 - D).

# %%
a = tf.linspace(-7.0, 7.0, 141)


def slopes(loss):
    """Returns the derivative of G's loss of each sample with respect to its logit. The loss is their mean."""
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = loss.generator_loss(a)
    return tape.gradient(value, a).numpy() * len(a)


probability = tf.sigmoid(a).numpy()
saturating, steep = slopes(minimax), slopes(losses.get("non_saturating"))
with tf.GradientTape() as tape:
    tape.watch(a)
    sigma = tf.sigmoid(a)
sigma_slope = tape.gradient(sigma, a).numpy()
for i in (20, 70):
    print(f"D = {probability[i]:.3f}: slope of log(1 - D) {saturating[i]:.3f}, of -log D {steep[i]:.3f}")

figure, axes = panels(3)
axes[0].plot(probability, np.log(1 - probability), label="log(1 - D)")
axes[0].plot(probability, -np.log(probability), label="-log D")
axes[0].set(title="G's losses", xlabel="D(G(z))")
axes[1].plot(probability, np.abs(saturating), label="log(1 - D)")
axes[1].plot(probability, np.abs(steep), label="-log D")
axes[1].set(title="size of the slope by the logit", xlabel="D(G(z))")
axes[2].plot(a, probability, label="sigma")
axes[2].plot(a, sigma_slope, label="sigma' = sigma (1 - sigma)")
axes[2].set(title="the sigmoid", xlabel="logit a")
for axis, corner in zip(axes, ("upper right", "upper center", "upper left")):
    axis.legend(fontsize=8, loc=corner)
figure.savefig("saturation.png", dpi=80)

# %% [markdown]
# ![G's two losses, their slopes, and the sigmoid with its derivative](pictures/18_saturation.png)
#
# ## Least squares
#
# Figure 2 of Mao et al. (2017, https://arxiv.org/abs/1611.04076): the sigmoid cross entropy is flat for every sample
# that D accepts, however far it is from the data. Least squares is flat only at one point. Figure 1: samples that are
# on the right side of the boundary but far from the data are still pulled towards it.

# %%
output = tf.linspace(-4.0, 8.0, 25)
rng = np.random.default_rng(0)
turn = np.array([[0.8, -0.6], [0.6, 0.8]])
real_points = (rng.normal(size=(100, 2)) * [1.0, 0.25] + [0, 1.0]) @ turn
fake_points = (rng.normal(size=(100, 2)) * [1.0, 0.25] - [0, 1.0]) @ turn
far_points = (np.stack([np.linspace(-2, 2, 5), np.full(5, 5.0)], axis=1)) @ turn  # taken for real, far from the data


def boundary(loss):
    """Trains a linear D on real and generated points. Returns its weights, and the descent at far samples."""
    plane = tf.Variable([0.0, 0.0, 0.0])
    judge = lambda points: tf.cast(points, "float32") @ plane[:2, None] + plane[2]  # noqa: E731
    descent(lambda: loss.discriminator_loss(judge(real_points), judge(fake_points)), [plane], 0.05)(STEPS)
    points = tf.Variable(tf.cast(far_points, "float32"))
    with tf.GradientTape() as tape:
        value = loss.generator_loss(judge(points))
    return plane.numpy(), -tape.gradient(value, points).numpy() * len(far_points)


named = {"cross entropy": losses.get("non_saturating"), "least squares": losses.get("least_squares")}
figure, axes = panels(4, height=3.2)
for axis, name in zip(axes, named):
    axis.plot(output, [float(named[name].generator_loss(x)) for x in tf.reshape(output, (-1, 1))])
    axis.set(title=f"G's loss: {name}", xlabel="D's output")
pushes = {}
for axis, (name, loss) in zip(axes[2:], named.items()):
    plane, pushes[name] = boundary(loss)
    axis.scatter(*real_points.T, s=4, label="real")
    axis.scatter(*fake_points.T, s=4, label="fake")
    axis.scatter(*far_points.T, s=12, color="tab:red", label="far samples")
    level = 0.5 if name == "least squares" else 0.0
    line = np.array([-5.0, 5.0])
    axis.plot(line, (level - plane[2] - plane[0] * line) / plane[1], "k--", linewidth=0.8)
    axis.quiver(*far_points.T, *pushes[name].T, angles="xy", scale_units="xy", scale=1, width=0.008)
    axis.set(title=f"boundary: {name}", xlim=(-5, 5), ylim=(-4, 6.5), aspect="equal")
    print(f"{name}: far samples are pushed by {np.linalg.norm(pushes[name], axis=1).mean():.4f}")
axes[2].legend(fontsize=7, loc="lower left")
figure.savefig("least_squares.png", dpi=80)

# %% [markdown]
# ![G's losses, and the boundaries with what they do to samples far from the data](pictures/18_least_squares.png)
#
# Arrows show the negative gradient of G's loss at each far sample.
#
# ## Moving earth
#
# The distance of Wasserstein GANs (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875) is the least work (mass
# times distance) that turns one pile of earth into another. A plan is a table of how much earth moves from each place
# of the first pile to each place of the second. Its rows sum to the first pile, and its columns to the second.

# %%
places = np.arange(6.0)
pile, target = np.array([4, 3, 1, 0, 0, 0]) / 8, np.array([0, 0, 1, 2, 2, 3]) / 8
work, plan = metrics.earth_movers_distance(places[:, None], places[:, None], pile, target)
on_the_line = metrics.wasserstein_1d(places, places, pile, target)
area = np.abs(np.cumsum(pile) - np.cumsum(target))[:-1].sum()
print(f"Work of the plan {work:.4f}, area between the distribution functions {area:.4f} = {on_the_line:.4f}")

figure, axes = panels(3)
axes[0].bar(places - 0.2, pile, 0.4, label="from")
axes[0].bar(places + 0.2, target, 0.4, label="to")
axes[0].set(title="two piles")
axes[0].legend(fontsize=8)
axes[1].imshow(plan, cmap="Blues")
for i, j in np.argwhere(plan > 1e-9):
    colour = "white" if plan[i, j] > plan.max() / 2 else "black"
    axes[1].text(j, i, f"{plan[i, j]:.3g}", ha="center", va="center", fontsize=7, color=colour)
axes[1].set(title=f"a plan of least work: {work:.3g}", xlabel="to", ylabel="from")
axes[2].step(places, np.cumsum(pile), where="post", label="F")
axes[2].step(places, np.cumsum(target), where="post", label="G")
axes[2].fill_between(places, np.cumsum(pile), np.cumsum(target), step="post", alpha=0.2)
axes[2].set(title=f"area between F and G: {area:.3g}")
axes[2].legend(fontsize=8)
figure.savefig("earth.png", dpi=80)

# %% [markdown]
# ![Two piles, the table of a plan, and the two distribution functions](pictures/18_earth.png)
#
# ## A discriminator saturates, a critic does not
#
# This is figure 2 of the same paper. Real images are N(1, 0.5^2), generated ones N(-1, 0.5^2). The best D is
# sigmoid(8 x). The best critic of slope 1 is f(x) = x: the distributions differ by a shift, and the difference of the
# critic's means is the distance.

# %%
apart = {"real": 1 + 0.5 * standard, "fake": tf.Variable(-1 + 0.5 * standard)}


def push(loss, judge):
    """Returns the gradient of G's loss at each generated image."""
    with tf.GradientTape() as tape:
        value = loss.generator_loss(judge(apart["fake"]))
    return np.abs(tape.gradient(value, apart["fake"]).numpy()) * len(z)


norms = {
    "D, log(1 - D)": push(minimax, lambda x: 8 * x),
    "D, -log D": push(losses.get("non_saturating"), lambda x: 8 * x),
    "critic": push(losses.get("wasserstein"), lambda x: x),
}
estimate = float(tf.reduce_mean(apart["real"]) - tf.reduce_mean(apart["fake"]))
exact = metrics.wasserstein_1d(apart["real"].numpy(), apart["fake"].numpy())
print(f"The critic says {estimate:.4f}, the distance is {exact:.4f}")
for name, values_at_fakes in norms.items():
    middle, low, high = np.quantile(values_at_fakes, [0.5, 0.05, 0.95])
    print(f"{name:14} gradient at generated images: median {middle:.2g}, 5 % to 95 % {low:.2g} to {high:.2g}")

figure, axes = panels(2, width=4.2)
axes[0].plot(GRID, density(GRID, 1, 0.5), "tab:blue", label="real")
axes[0].plot(GRID, density(GRID, -1, 0.5), "tab:green", label="generated")
axes[0].plot(GRID, 1 / (1 + np.exp(-8 * GRID)), "tab:red", label="D")
axes[0].plot(GRID, GRID, "tab:cyan", label="critic")
axes[0].set(xlim=(-3, 3), ylim=(-1.6, 1.6), title="the best D and the best critic")
for name, values_at_fakes in norms.items():
    axes[1].semilogy(apart["fake"].numpy(), values_at_fakes, label=name)
axes[1].set(title="what G sees", xlabel="generated image", ylabel="size of the gradient")
for axis in axes:
    axis.legend(fontsize=8)
figure.savefig("critic.png", dpi=80)

# %% [markdown]
# ![D and critic between two densities, and their gradients at generated images](pictures/18_critic.png)
#
# Tutorial 4 trains both. `python -m kerasgan.zoo.experiments.wasserstein runs` compares trained critics with the
# exact distance.
#
# ## The penalty of a sparse autoencoder
#
# A sparse autoencoder has a penalty KL(rho || rho_hat) for each unit, with its mean activation rho_hat and the
# desired one rho.

# %%
activation = np.linspace(0.025, 0.975, 39)
figure, axes = panels(1, width=4.2)
for rate in (0.05, 0.2, 0.5):
    cost = kerasgan.regularizers.Sparse(rate=rate)
    price = [float(cost.value(None, tf.constant([[x]], tf.float32), None)) for x in activation]
    axes[0].plot(activation, price, label=f"rho = {rate}")
    print(f"rho = {rate}: least at {activation[np.argmin(price)]:.3f}, where it is {min(price):.1e}")
axes[0].set(title="KL(rho || rho_hat)", xlabel="rho_hat", ylim=(0, 2.5))
axes[0].legend(fontsize=8)
figure.savefig("sparsity.png", dpi=80)

# %% [markdown]
# ![The penalty by mean activation, for three desired ones](pictures/18_sparsity.png)
#
# ## Interpolation of latents
#
# Let the data be a half circle, and let G map z in (0, 1) to it. Halfway between two images there is no data: the
# mean of the images is not on the circle. Halfway between their latents is another image of the circle. Normal
# latents of 100 dimensions are near a sphere of radius 10. The straight line between two of them leaves the sphere,
# but `latent.slerp` does not.


# %%
def half_circle(t):
    return np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], axis=-1)


t = np.linspace(0, 1, 9)
in_images = half_circle(0.1) * (1 - t[:, None]) + half_circle(0.8) * t[:, None]
in_latents = half_circle(0.1 * (1 - t) + 0.8 * t)
ends = np.random.default_rng(0).normal(size=(2, 200, 100)).astype("float32")
ways = {"lerp": latent.lerp, "slerp": latent.slerp}
lengths = {name: [np.linalg.norm(way(*ends, s), axis=-1).mean() for s in t] for name, way in ways.items()}
radii = [np.linalg.norm(way[4]) for way in (in_images, in_latents)]
print(f"Halfway between the images the radius is {radii[0]:.3f}, halfway between the latents {radii[1]:.3f}")
print(f"Halfway the latents have the length {lengths['lerp'][4]:.2f} by lerp and {lengths['slerp'][4]:.2f} by slerp")

figure, axes = panels(2, width=4.2)
axes[0].plot(*half_circle(np.linspace(0, 1, 99)).T, "k:", label="data")
axes[0].plot(*in_images.T, "o-", ms=4, label="between images")
axes[0].plot(*in_latents.T, "o", ms=4, label="between latents")
axes[0].set(title="two ways from image to image", aspect="equal", ylim=(-0.2, 1.2))
for name, values_on_way in lengths.items():
    axes[1].plot(t, values_on_way, "o-", ms=4, label=name)
axes[1].set(title="length of z on the way, 100 dimensions", xlabel="t", ylim=(6, 11))
for axis in axes:
    axis.legend(fontsize=8)
figure.savefig("interpolation.png", dpi=80)

# %% [markdown]
# ![Ways between two images, and the length of latents on two ways](pictures/18_interpolation.png)
#
# ## A game that gradient steps do not solve
#
# min over x, max over y of x y has the solution (0, 0). Simultaneous gradient steps of both players circle around it
# and move away: each step multiplies the distance by sqrt(1 + rate^2). Historical averaging (Salimans et al. 2016,
# https://arxiv.org/abs/1606.03498, section 3.3) pulls each player to the mean of its past values.


# %%
def play(steps, weight, rate=0.1):
    x, y = tf.Variable([1.0]), tf.Variable([0.0])
    average = penalties.HistoricalAveraging(weight=weight)
    average.remember(x=[x], y=[y])

    @tf.function
    def step():
        with tf.GradientTape(persistent=True) as tape:
            x_loss = tf.reduce_sum(x * y) + average.penalize("x", [x])
            y_loss = -tf.reduce_sum(x * y) + average.penalize("y", [y])
        dx, dy = tape.gradient(x_loss, x), tape.gradient(y_loss, y)
        x.assign_sub(rate * dx)
        y.assign_sub(rate * dy)
        return tf.concat([x, y], axis=0)

    return np.array([[1.0, 0.0], *(step().numpy() for _ in range(steps))])


paths = {"steps alone": play(STEPS, weight=0.0), "with historical averaging": play(STEPS, weight=0.1)}
figure, axes = panels(2, height=3.4)
for axis, (name, path) in zip(axes, paths.items()):
    axis.plot(*path.T, linewidth=0.8)
    axis.plot(*path[0], "go")
    axis.plot(*path[-1], "rs")
    axis.plot(0, 0, "k+")
    axis.set(title=name, aspect="equal", xlabel="x", ylabel="y")
    print(f"{name}: from distance 1 to {np.linalg.norm(path[-1]):.3f} in {STEPS} steps")
figure.savefig("game.png", dpi=80)

# %% [markdown]
# ![Two courses of the game, outwards without and inwards with historical averaging](pictures/18_game.png)
