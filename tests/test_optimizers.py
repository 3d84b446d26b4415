"""Adam and RMSprop against their arithmetic in NumPy, and against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.optimizers import Adam, RMSprop

SHAPES = [(3, 4), (5,)]
STEPS = 4
# Neither 0.75 nor 1 - 0.75 is rounded in float32. Of 0.999 the kernel subtracts the rounded value, Keras the exact one.
EXACT = {"beta_1": 0.5, "beta_2": 0.75}


def gradients(step, replica=0):
    draw = np.random.default_rng([step, replica])
    return [draw.normal(size=shape).astype("float32") for shape in SHAPES]


def by_hand(rate, beta_1, beta_2, epsilon, sums, shapes=SHAPES):
    """The formula before section 2.1: theta -= alpha sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt v + epsilon)."""
    theta = [np.ones(shape) for shape in shapes]
    m, v = ([np.zeros(shape) for shape in shapes] for _ in range(2))
    for t, g in enumerate(sums, 1):
        for i in range(len(shapes)):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g[i]
            v[i] = beta_2 * v[i] + (1 - beta_2) * g[i].astype("float64") ** 2
            step_size = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            theta[i] -= step_size * m[i] / (np.sqrt(v[i]) + epsilon)
    return theta, m, v


def ones():
    return [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]


def values(variables):
    return [np.asarray(tf.convert_to_tensor(v.value)) for v in variables]


@pytest.mark.parametrize("mode", ["eager", "graph", "jit", "two devices"])
def test_steps_are_the_papers(mode, two_devices):
    strategy = two_devices if mode == "two devices" else tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        optimizer, variables = Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.01), ones()
        optimizer.build(variables)

    def apply(*stacked):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.gather(each, replica) for each in stacked], variables)

    def run(*stacked):
        strategy.run(apply, stacked)

    if mode != "eager":
        run = tf.function(run, jit_compile=mode == "jit")
    sums = []
    for step in range(STEPS):
        each = [gradients(step, replica) for replica in range(replicas)]
        run(*[tf.stack(both) for both in zip(*each)])
        sums.append([sum(both) for both in zip(*each)])

    theta, m, v = by_hand(0.1, 0.5, 0.9, 0.01, sums)
    for found, expected in zip(values(variables), theta, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for name, expected in (("momentum", m), ("velocity", v)):
        found = [state for state in optimizer.variables if name in state.path]
        for one, other in zip(values(found), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    for variable in variables if mode == "two devices" else ():
        copies = [copy.numpy() for copy in strategy.experimental_local_results(variable.value)]
        np.testing.assert_array_equal(*copies)


@pytest.mark.parametrize(
    "options",
    [
        {"beta_1": 0.9, "beta_2": 0.75},
        {"amsgrad": True},
        {"weight_decay": 0.1},
        {"clipnorm": 0.5},
        {"global_clipnorm": 0.5},
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_options_are_those_of_keras(options):
    found, steps = [], []
    for cls in (Adam, keras.optimizers.Adam):
        variables = ones()
        optimizer = cls(**{"learning_rate": 0.1} | EXACT | options)
        optimizer.build(variables)
        for step in range(STEPS):
            optimizer.apply([tf.constant(g) for g in gradients(step)], variables)
        found.append(values(variables))
        steps.append(int(optimizer.iterations))
    for ours, keras_own in zip(*found, strict=True):
        assert np.abs(keras_own - 1).max() > 0.01
        np.testing.assert_allclose(ours, keras_own, rtol=1e-6, atol=1e-6)
    assert steps[0] == steps[1]


def test_rounding_beside_keras_is_that_of_the_second_beta():
    """With the default 0.999: v differs by 1.3e-5 of its size, so a step by half of that."""
    found = []
    for cls in (Adam, keras.optimizers.Adam):
        variables = ones()
        optimizer = cls(0.1)
        for step in range(STEPS):
            optimizer.apply([tf.constant(g) for g in gradients(step)], variables)
        found.append(values(variables))
    for ours, keras_own in zip(*found, strict=True):
        np.testing.assert_allclose(ours - 1, keras_own - 1, rtol=2e-5, atol=1e-6)


def test_scaled_losses_and_double_precision():
    for scale, dtype in ((1, "float64"), (4, "float32")):
        variables = [keras.Variable(np.ones(shape), dtype=dtype) for shape in SHAPES]
        optimizer = Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.01)
        if scale > 1:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
        sums = [gradients(step) for step in range(STEPS)]
        for each in sums:
            optimizer.apply([scale * tf.constant(g, dtype) for g in each], variables)
        for variable, expected in zip(variables, by_hand(0.1, 0.5, 0.9, 0.01, sums)[0], strict=True):
            np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)


def test_rows_of_an_embedding_are_trained():
    """A row that was looked up twice has the sum of two gradients, of which Keras sums the squares."""
    tables = [keras.Variable(np.ones((4, 2), "float32")) for _ in range(2)]
    optimizers = [cls(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.01) for cls in (Adam, keras.optimizers.Adam)]
    sums = []
    for rows in ([0, 2, 2], [0, 1, 1]):
        sums.append([2 * np.bincount(rows, minlength=4)[:, None] * tables[0].numpy()])
        for table, optimizer in zip(tables, optimizers):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table.value, rows) ** 2)
            gradient = tape.gradient(loss, [table.value])
            assert isinstance(gradient[0], tf.IndexedSlices)
            optimizer.apply(gradient, [table])
    theta, _, _ = by_hand(0.1, 0.5, 0.9, 0.01, sums, [(4, 2)])
    np.testing.assert_allclose(tables[0].numpy(), theta[0], rtol=1e-5)
    np.testing.assert_allclose(tables[1].numpy()[0], theta[0][0], rtol=1e-5)
    assert np.abs(tables[1].numpy() - theta[0])[1:3].min() > 0.01


def test_it_is_saved_by_name_and_takes_the_state_of_keras(tmp_path):
    optimizer = keras.optimizers.get(keras.optimizers.serialize(Adam(3e-4, beta_1=0.25)))
    assert type(optimizer) is Adam
    assert (float(optimizer.learning_rate), optimizer.beta_1) == (pytest.approx(3e-4), 0.25)

    models = []
    for cls in (keras.optimizers.Adam, Adam):
        model = kerasgan.DCGAN(image_size=16, channels=1, width=4, latent_dim=2, seed=0)
        model.compile(cls(1e-3), cls(1e-3))
        models.append(model)
    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    models[0].fit(images, batch_size=8, verbose=0)
    models[0].save_weights(tmp_path / "state.weights.h5")
    models[1].load_weights(tmp_path / "state.weights.h5")
    for old, new in zip(models[0].g_optimizer.variables, models[1].g_optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(models[1].g_optimizer.iterations) == 1


def rmsprop_by_hand(grads, rate=5e-5, rho=0.99, epsilon=1e-8, momentum=0.0, centered=False):
    """What the framework of WGAN's authors does: the root first, then + epsilon. In float64, from a weight of 0."""
    weight = square = mean = velocity = np.zeros_like(grads[0], "float64")
    for g in np.float64(grads):
        square = rho * square + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        root = np.sqrt(square - mean**2 if centered else square)
        velocity = momentum * velocity + rate * g / (root + epsilon)
        weight = weight - velocity
    return weight


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"centered": True}], ids=str)
def test_rmsprop_steps_as_the_authors_of_wgan_at_small_gradients(options, jit):
    scales = np.array([1e-3, 1e-4, 1e-5, 1e-6])
    grads = (np.random.default_rng(0).normal(size=(5, 4)) * scales).astype("float32")
    weight = keras.Variable(np.zeros(4, "float32"))
    optimizer = RMSprop(**options)
    optimizer.build([weight])
    apply = tf.function(lambda g: optimizer.apply([g], [weight]), jit_compile=jit)
    for g in grads:
        apply(tf.constant(g))
    np.testing.assert_allclose(
        weight, rmsprop_by_hand(grads, **options), rtol=2e-3 if options.get("centered") else 1e-5
    )


def test_keras_s_rmsprop_hardly_moves_where_gradients_are_small():
    """The reason for ours: 30, 3.2, 0.32 and 0.035 % of the first step, at gradients of 1e-3 to 1e-6."""
    grads = np.array([1e-3, 1e-4, 1e-5, 1e-6], "float32")
    steps = []
    for optimizer in (RMSprop(), keras.optimizers.RMSprop(5e-5, rho=0.99)):
        weight = keras.Variable(np.zeros(4, "float32"))
        optimizer.apply([tf.constant(grads)], [weight])
        steps.append(-np.asarray(weight))
    np.testing.assert_allclose(steps[0], 5e-4 / (1 + 1e-7 / grads), rtol=1e-5)  # rate / sqrt(1 - rho), but for epsilon
    np.testing.assert_allclose(steps[1] / steps[0], [0.3015, 0.03164, 0.003194, 0.0003479], rtol=1e-3)


def test_rmsprop_is_saved_takes_keras_s_state_and_trains_embeddings(tmp_path):
    optimizer = keras.optimizers.get(keras.optimizers.serialize(RMSprop(3e-4, rho=0.9, epsilon=1e-6)))
    assert type(optimizer) is RMSprop
    assert (float(optimizer.learning_rate), optimizer.rho, optimizer.epsilon) == (pytest.approx(3e-4), 0.9, 1e-6)
    models = []
    for cls in (keras.optimizers.RMSprop, RMSprop):
        model = kerasgan.WGAN(image_size=16, channels=1, width=2, latent_dim=2, seed=0)
        model.compile(cls(1e-3), cls(1e-3), d_steps=1)
        models.append(model)
    models[0].fit(np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32"), batch_size=8, verbose=0)
    models[0].save_weights(tmp_path / "state.weights.h5")
    models[1].load_weights(tmp_path / "state.weights.h5")
    for old, new in zip(models[0].d_optimizer.variables, models[1].d_optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert any(np.any(variable) for variable in models[1].d_optimizer.variables[2:])

    table = keras.Variable(np.zeros((3, 1), "float32"))
    gradient = tf.IndexedSlices(tf.constant([[1e-4], [1e-4]]), tf.constant([2, 2]), (3, 1))
    RMSprop().apply([gradient], [table])
    np.testing.assert_allclose(np.ravel(table), rmsprop_by_hand([[0, 0, 2e-4]]), rtol=1e-5)


def test_beta_2_may_follow_a_schedule():
    """Bias is corrected by the present beta_2, as where a framework reads it anew at each step."""
    schedule = kerasgan.schedules.Cosine(0.5, 0.9, 3)
    optimizer = keras.optimizers.get(keras.optimizers.serialize(Adam(0.1, beta_1=0.0, beta_2=schedule, epsilon=0.01)))
    assert optimizer.beta_2.get_config() == schedule.get_config()
    weight = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([weight])
    apply = tf.function(lambda g: optimizer.apply([g], [weight]))
    expected, v = np.zeros(2), np.zeros(2)
    for t in range(5):
        g = np.random.default_rng(t).normal(size=2)
        apply(tf.constant(g, tf.float32))
        beta_2 = 0.9 - 0.4 * 0.5 * (1 + np.cos(np.pi * min(t / 3, 1)))
        v = beta_2 * v + (1 - beta_2) * g**2
        expected -= 0.1 * np.sqrt(1 - beta_2 ** (t + 1)) * g / (np.sqrt(v) + 0.01)
        np.testing.assert_allclose(weight, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="`beta_2` must be a float with `amsgrad`"):
        Adam(beta_2=schedule, amsgrad=True).apply([tf.ones(2)], [weight])


def test_a_constant_gradient_does_not_make_the_centred_variance_negative():
    """Rounding would, after about a thousand steps."""
    weight, optimizer = keras.Variable([0.0] * 4), RMSprop(1e-4, centered=True)
    gradient = tf.constant([0.1, 0.2, 0.05, 0.01])
    optimizer.build([weight])
    train = tf.function(lambda: optimizer.apply([gradient], [weight]))
    for _ in range(3000):
        train()
    assert np.isfinite(weight.numpy()).all() and (weight.numpy() < 0).all()


def test_a_partial_config_takes_the_defaults():
    optimizer = Adam.from_config({"learning_rate": 0.5})
    assert type(optimizer) is Adam and float(optimizer.learning_rate) == 0.5
    assert optimizer.beta_2 == keras.optimizers.Adam().beta_2
