"""Layers against numbers worked out by hand or by NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.layers import (
    AlignedUpSampling2D,
    BatchNormalization,
    ConditionalBatchNormalization,
    LeakyReLU,
    MinibatchDiscrimination,
    MinibatchStdDev,
    Pack,
    SelfAttention,
    SmoothDownSampling2D,
    SmoothUpSampling2D,
    SpectralNormalization,
)

RNG = np.random.default_rng(0)


def largest_singular_value(kernel, output_axis=-1):
    kernel = np.moveaxis(np.asarray(kernel), output_axis, -1)
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


SPECTRAL = {
    "Dense": (lambda: keras.layers.Dense(4), RNG.normal(size=(2, 6)), -1),
    "Conv2D": (lambda: keras.layers.Conv2D(5, 3), RNG.normal(size=(2, 4, 4, 3)), -1),
    "Conv2DTranspose": (lambda: keras.layers.Conv2DTranspose(5, 4, 2), RNG.normal(size=(2, 4, 4, 3)), -2),
    "Embedding": (lambda: keras.layers.Embedding(7, 3), np.array([0, 6, 2]), -1),
}


@pytest.mark.parametrize("name", SPECTRAL)
def test_spectral_normalization_is_the_svd_after_many_iterations(name):
    make, x, axis = SPECTRAL[name]
    x = tf.constant(x, "int32" if name == "Embedding" else "float32")
    layer = SpectralNormalization(make())
    layer(x)
    for _ in range(100):
        layer(x, training=True)
    sigma = largest_singular_value(layer.kernel, axis)
    np.testing.assert_allclose(layer.effective_kernel(), np.asarray(layer.kernel) / sigma, rtol=1e-4, atol=1e-6)
    plain = make()
    plain(x)
    plain.set_weights([np.asarray(layer.kernel) / sigma, *plain.get_weights()[1:]])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)


def test_spectral_normalization_iterates_once_a_training_call_and_never_else():
    layer = SpectralNormalization(keras.layers.Dense(4))
    x = tf.constant(RNG.normal(size=(2, 6)), tf.float32)
    layer(x)
    u = np.asarray(layer.u)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.u, u)
    layer(x, training=True)
    w = np.asarray(layer.kernel).T
    v = w.T @ u / np.linalg.norm(w.T @ u)
    np.testing.assert_allclose(layer.u, w @ v / np.linalg.norm(w @ v), rtol=1e-5)


def test_spectral_normalization_has_the_gradient_of_equation_12():
    """d loss / d W = (A - lambda u v^T) / sigma, with A the gradient by W / sigma and lambda = <A, W / sigma>."""
    layer = SpectralNormalization(keras.layers.Dense(4, use_bias=False))
    x = tf.constant(RNG.normal(size=(3, 6)), tf.float32)
    for _ in range(100):
        layer(x, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 3)
    gradient = np.asarray(tape.gradient(loss, layer.trainable_variables[0]))
    left, s, right = np.linalg.svd(np.asarray(layer.kernel))
    bar = np.asarray(layer.kernel) / s[0]
    a = np.asarray(x).T @ (3 * (np.asarray(x) @ bar) ** 2)
    expected = (a - np.sum(a * bar) * np.outer(left[:, 0], right[0])) / s[0]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_spectral_normalization_has_that_gradient_before_u_has_converged():
    """With u and v of one power iteration, sigma = u^T W v and its gradient is u v^T."""
    layer = SpectralNormalization(keras.layers.Dense(4, use_bias=False))
    x = RNG.normal(size=(3, 6))
    layer(x)
    w = np.asarray(layer.kernel, "float64").T
    start = np.asarray(layer.u, "float64")
    for training in (False, True):
        v = w.T @ start / np.linalg.norm(w.T @ start)
        u = w @ v / np.linalg.norm(w @ v)
        sigma = u @ w @ v
        assert abs(sigma / np.linalg.svd(w)[1][0] - 1) > 1e-3
        bar = w.T / sigma
        a = x.T @ (3 * (x @ bar) ** 2)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=training) ** 3)
        gradient = tape.gradient(loss, layer.trainable_variables[0])
        np.testing.assert_allclose(gradient, (a - np.sum(a * bar) * np.outer(v, u)) / sigma, rtol=1e-3, atol=1e-4)


def test_spectral_normalization_in_mixed_precision_keeps_sigma_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = SpectralNormalization(keras.layers.Dense(4))
    x = tf.constant(RNG.normal(size=(2, 6)), tf.float32)
    for _ in range(100):
        y = layer(x, training=True)
    assert y.dtype == tf.bfloat16 and layer.u.dtype == "float32"
    assert largest_singular_value(layer.effective_kernel()) == pytest.approx(1, abs=1e-5)


def test_spectral_normalization_refuses_layers_without_kernel():
    with pytest.raises(ValueError, match="must have a `kernel`"):
        SpectralNormalization(keras.layers.LeakyReLU(0.2))(np.zeros((2, 3), "float32"))


def test_self_attention_starts_as_the_identity():
    x = RNG.normal(size=(2, 4, 4, 16)).astype("float32")
    np.testing.assert_array_equal(SelfAttention()(x), x)


def test_self_attention_by_hand_on_two_pixels():
    """C = 1: kernels are numbers, and spectral normalisation leaves their signs."""
    layer = SelfAttention()
    x = np.array([[[[1.0], [3.0]]]], "float32")
    layer.build(x.shape)
    for convolution, value in ((layer.f, 2.0), (layer.g, -0.5), (layer.h, 7.0), (layer.v, 4.0)):
        convolution.kernel.assign(np.full((1, 1, 1, 1), value, "float32"))
    layer.gamma.assign(0.5)
    # f(x) = x, g(x) = -x, h(x) = x: pixel 1 scores the pixels -1 and -3, pixel 2 scores them -3 and -9.
    first = (1 * np.exp(-1) + 3 * np.exp(-3)) / (np.exp(-1) + np.exp(-3))
    second = (1 * np.exp(-3) + 3 * np.exp(-9)) / (np.exp(-3) + np.exp(-9))
    expected = [1 + 0.5 * first, 3 + 0.5 * second]
    np.testing.assert_allclose(np.ravel(layer(x)), expected, rtol=1e-5)


def test_self_attention_pools_what_is_looked_at_by_hand():
    """C = 4: f and h have one and two channels, and the largest of each 2 x 2 pixels; each pixel looks by its own g."""
    layer = SelfAttention(reduction=4, value_reduction=2, pool=2)
    x = np.zeros((1, 2, 5, 4), "float32")  # the fifth column makes no square
    x[0, :, :, 0] = [[1, 2, 0, -1, 9], [0, -3, 0, 1, 9]]
    x[0, :, :, 1] = [[5, 6, 7, 8, 9], [4, 4, 4, 4, 9]]
    layer.build(x.shape)
    assert [each.kernel.shape[2:] for each in (layer.f, layer.g, layer.h, layer.v)] == [(4, 1), (4, 1), (4, 2), (2, 4)]
    for convolution, ones in ((layer.f, [(0, 0)]), (layer.g, [(0, 0)]), (layer.h, [(0, 0), (1, 1)])):
        kernel = np.zeros(convolution.kernel.shape[2:], "float32")
        kernel[tuple(zip(*ones))] = 1
        convolution.kernel.assign(kernel[None, None])
    layer.v.kernel.assign(np.eye(2, 4, dtype="float32")[None, None])
    layer.gamma.assign(1.0)
    for _ in range(50):  # equal singular values: any vector is their own
        y = np.asarray(layer(x, training=True))
    # Squares: f and the first of h have the maxima 2 and 1, the second of h 6 and 8.
    for row, column in ((0, 0), (1, 1), (0, 4)):
        weights = np.exp(np.array([2.0, 1.0]) * x[0, row, column, 0])
        weights /= weights.sum()
        seen = [weights @ [2, 1], weights @ [6, 8], 0, 0]
        np.testing.assert_allclose(y[0, row, column], x[0, row, column] + seen, rtol=1e-5)
    config = layer.get_config()
    assert (config["reduction"], config["value_reduction"], config["pool"]) == (4, 2, 2)
    assert SelfAttention(reduction=4).value_reduction == 4


def test_self_attention_scores_one_pixel_s_f_against_the_other_s_g():
    """Two channels in, one inside: f sees the first channel alone and g the second, which exchanged is another map."""
    layer = SelfAttention()
    x = np.array([[[[1.0, -2.0], [3.0, 0.5]]]], "float32")
    layer.build(x.shape)
    for convolution, kernel in ((layer.f, [1, 0]), (layer.g, [0, 1]), (layer.h, [1, 0])):
        convolution.kernel.assign(np.array(kernel, "float32").reshape((1, 1, 2, 1)))
    layer.v.kernel.assign(np.array([1, 0], "float32").reshape((1, 1, 1, 2)))
    layer.gamma.assign(1.0)
    # Pixel j scores pixel i by f(x_i) g(x_j): the first one -2 and -6, the second 0.5 and 1.5.
    first = (1 * np.exp(-2) + 3 * np.exp(-6)) / (np.exp(-2) + np.exp(-6))
    second = (1 * np.exp(0.5) + 3 * np.exp(1.5)) / (np.exp(0.5) + np.exp(1.5))
    np.testing.assert_allclose(np.ravel(layer(x)), [1 + first, -2, 3 + second, 0.5], rtol=1e-5)


@pytest.mark.parametrize("way", ["eager", "graph", "xla"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("slope", [0.2, 0.0])
def test_leaky_relu_has_the_outputs_and_gradients_of_keras_s(slope, dtype, way):
    x = tf.constant([-3.0, -1e-20, -0.0, 0.0, 1e-20, 2.0], dtype)
    upstream = tf.constant([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype)

    def gradients(layer, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = layer(x, training=True)
            first = tape.gradient(outputs, x, upstream * x)
        return outputs, first, outer.gradient(first, x)

    found = []
    for kind in (LeakyReLU, keras.layers.LeakyReLU):
        layer = kind(slope, dtype=dtype)
        run = gradients if way == "eager" else tf.function(gradients, jit_compile=way == "xla")
        found.append(run(layer, x))
    for value, expected in zip(*found, strict=True):
        assert value.dtype == dtype
        np.testing.assert_array_equal(np.float32(value), np.float32(expected))
    slopes = np.array([slope, slope, slope, slope, 1.0, 1.0])
    np.testing.assert_allclose(np.float32(found[0][2]), slopes * np.float32(upstream), rtol=0.01)


def test_leaky_relu_keeps_no_inputs_for_its_gradients():
    def step(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = LeakyReLU(0.2)(x, training=True)
            slopes = tape.gradient(outputs, x)
            penalty = tf.reduce_sum(slopes**2 * x)
        return outer.gradient(penalty, x)

    nodes = tf.function(step).get_concrete_function(tf.ones((2, 3))).graph.as_graph_def().node
    (forward,) = (node for node in nodes if node.op == "LeakyRelu")
    (signs,) = (node for node in nodes if node.op == "StopGradient" and forward.name in node.input)
    gradients = [node for node in nodes if node.op == "LeakyReluGrad"]
    assert gradients and all(node.input[1] == signs.name for node in gradients)


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 2, 5)], ids=["dense", "image"])
def test_batch_normalization_is_keras_s_in_training_and_outside(shape):
    """Outputs, first and second gradients, and moving statistics, from another start than the initial one."""
    values = np.random.default_rng(0).normal(2.0, 3.0, (2, *shape)).astype("float32")
    ours, theirs = (kind(momentum=0.7, epsilon=1e-5) for kind in (BatchNormalization, keras.layers.BatchNormalization))
    answers = []
    for layer in (ours, theirs):
        layer.build(shape)
        layer.set_weights([np.arange(1.0, 6) * sign for sign in (1, -1, 0.5, 2)])
        x, weight = tf.constant(values[0]), tf.constant(values[1])
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = layer(x, training=True)
                total = tf.reduce_sum(weight * y**2)
            gradients = inner.gradient(total, [x, layer.gamma, layer.beta])
            again = tf.reduce_sum(gradients[0] ** 2)
        answers.append([y, *gradients, outer.gradient(again, x), *layer.get_weights(), layer(x, training=False)])
    for mine, keras_s in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, keras_s, rtol=2e-4, atol=2e-4 * np.abs(keras_s).max())
    mean = values[0].reshape(-1, 5).mean(axis=0)
    np.testing.assert_allclose(ours.moving_mean, 0.7 * 0.5 * np.arange(1, 6) + 0.3 * mean, rtol=1e-5)


@pytest.mark.parametrize("replicas", [1, 2])
def test_batch_normalization_takes_the_fused_kernel_for_one_replica_only(replicas, two_devices):
    strategy = two_devices if replicas == 2 else tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        layer = BatchNormalization(synchronized=True)
        layer.build((None, 4))

    @tf.function
    def normalize(x):
        return strategy.run(layer, (x,), {"training": True})

    operations = normalize.get_concrete_function(tf.TensorSpec((3, 4))).graph.get_operations()
    assert any(operation.type.startswith("FusedBatchNorm") for operation in operations) == (replicas == 1)


@pytest.mark.parametrize("replicas", [1, 2])
def test_batch_normalization_keeps_a_small_variance_beside_a_large_mean(replicas, two_devices):
    x = (100 + 0.01 * np.random.default_rng(0).normal(size=(8, 4))).astype("float32")
    strategy = two_devices if replicas == 2 else tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        layer = BatchNormalization(synchronized=True, epsilon=1e-8)
        layer.build((None, 4))
    parts = np.split(x, replicas)
    shared = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )
    normalize = tf.function(lambda part: layer(part, training=True))
    y = strategy.experimental_local_results(strategy.run(normalize, (shared,)))
    exact = x.astype("float64")
    np.testing.assert_allclose(np.concatenate(y), (exact - exact.mean(0)) / exact.std(0), atol=0.01)


def test_conditional_batch_normalization_by_hand():
    layer = ConditionalBatchNormalization(2, epsilon=0.0)
    x = np.array([1.0, 3.0, 5.0, 7.0], "float32").reshape(4, 1, 1, 1)
    labels = np.array([0, 1, 1, 0])
    layer([x, labels])
    layer.gamma.assign([[2.0], [10.0]])
    layer.beta.assign([[1.0], [-1.0]])
    y = layer([x, labels], training=True)
    unit = np.array([-3, -1, 1, 3]) / np.sqrt(5)  # mean 4, variance 5
    np.testing.assert_allclose(np.ravel(y), unit * [2, 10, 10, 2] + [1, -1, -1, 1], rtol=1e-5)


def test_minibatch_stddev_by_hand():
    """Rows (0, 0) and (2, 4) deviate by 1 and 2, on average by 1.5; the two rows of the other group are equal."""
    x = np.array([[0, 0], [2, 4], [5, 5], [5, 5]], "float32").reshape(4, 1, 1, 2)
    y = MinibatchStdDev(group_size=2)(np.tile(x, (1, 3, 2, 1))).numpy()
    assert y.shape == (4, 3, 2, 3)
    np.testing.assert_array_equal(y[..., :2], np.tile(x, (1, 3, 2, 1)))
    expected = np.array([1.5, 1.5, 1e-4, 1e-4])[:, None, None]  # the root of 1e-8 where nothing differs
    np.testing.assert_allclose(y[..., 2], np.broadcast_to(expected, (4, 3, 2)), rtol=1e-5)
    np.testing.assert_allclose(MinibatchStdDev(2)(x[:, 0, 0]).numpy()[:, 2], expected[:, 0, 0], rtol=1e-5)


@pytest.mark.parametrize(("rows", "group"), [(8, 4), (6, 3), (3, 3), (7, 1), (10, 2)])
def test_minibatch_stddev_takes_the_largest_group_that_divides_the_batch(rows, group):
    x = RNG.normal(size=(rows, 2, 2, 3)).astype("float32")
    groups = x.reshape(-1, group, 12)
    expected = np.repeat(np.sqrt(groups.var(axis=1) + 1e-8).mean(axis=1), group)
    layer = MinibatchStdDev(group_size=4)
    unknown = tf.function(layer, input_signature=[tf.TensorSpec((None, 2, 2, 3))])
    for call in (layer, unknown):
        np.testing.assert_allclose(call(tf.constant(x))[:, 1, 1, 3], expected, rtol=1e-4)


def test_minibatch_discrimination_by_hand():
    """f = 0, 1, 3. Kernel 1 has rows of M (f, 2 f), at distances 3, 9, 6; kernel 2 has (0, -f), at 1, 3, 2."""
    layer = MinibatchDiscrimination(num_kernels=2, kernel_dim=2)
    x = np.array([[0.0], [1.0], [3.0]], "float32")
    layer.build(x.shape)
    layer.kernel.assign([[1.0, 2.0, 0.0, -1.0]])
    near = lambda *distances: 1 + sum(np.exp(-d) for d in distances)  # noqa: E731
    expected = [[0, near(3, 9), near(1, 3)], [1, near(3, 6), near(1, 2)], [3, near(9, 6), near(3, 2)]]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="use `Flatten` before. Received: \\(2, 3, 3, 1\\)"):
        MinibatchDiscrimination()(np.zeros((2, 3, 3, 1), "float32"))


def test_pack_joins_neighbours_along_channels():
    x = RNG.normal(size=(7, 2, 3, 2)).astype("float32")
    y = Pack(3)(x)
    assert y.shape == (2, 2, 3, 6)  # the seventh fills no pack
    np.testing.assert_array_equal(y[1], np.concatenate([x[3], x[4], x[5]], axis=-1))
    unknown = tf.function(Pack(3), input_signature=[tf.TensorSpec((None, 2, 3, 2))])
    np.testing.assert_array_equal(unknown(tf.constant(x)), y)
    assert Pack(3)(keras.Input((2, 3, 2))).shape == (None, 2, 3, 6)
    with pytest.raises(ValueError, match="must fill a pack of 3 images. Received: 2"):
        Pack(3)(x[:2])


@pytest.mark.parametrize("layer", [MinibatchStdDev(8), MinibatchDiscrimination(3, 2), Pack(4)])
def test_config_round_trip(layer):
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(clone) is type(layer) and clone.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", [MinibatchStdDev, MinibatchDiscrimination, Pack])
def test_sizes_below_one_are_refused(layer):
    with pytest.raises(ValueError, match="must be an int of at least 1. Received: 0"):
        layer(0)


KERNEL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64  # what [1, 2, 1] and [1, 1] make, normalised, as the authors do


def strided(x, kernel):
    """A convolution of stride 2 with a border of one zero, pixel by pixel: how R3GAN's authors halve an image."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    rows, columns = x.shape[1] // 2, x.shape[2] // 2
    found = np.zeros((len(x), rows, columns, x.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            found[:, i, j] = np.einsum("bkmc,km->bc", padded[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4], kernel)
    return found


def transposed(x, kernel):
    """The transposed convolution of stride 2 whose border of one pixel is cut: how they double it."""
    found = np.zeros((len(x), 2 * x.shape[1] + 2, 2 * x.shape[2] + 2, x.shape[-1]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            found[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum("bc,km->bkmc", x[:, i, j], kernel)
    return found[:, 1:-1, 1:-1]


def test_smooth_resampling_is_that_of_the_authors_of_r3gan():
    x = RNG.normal(size=(2, 6, 8, 3))
    np.testing.assert_allclose(SmoothDownSampling2D(dtype="float64")(x), strided(x, KERNEL), atol=1e-12)
    np.testing.assert_allclose(SmoothUpSampling2D(dtype="float64")(x), transposed(x, 4 * KERNEL), atol=1e-12)
    # Not what Keras has: the mean of 2x2 pixels, and interpolation that repeats the edges.
    assert np.abs(SmoothDownSampling2D()(x) - keras.layers.AveragePooling2D(2)(x)).max() > 0.1
    bilinear = keras.layers.UpSampling2D(interpolation="bilinear")(x)
    difference = np.abs(SmoothUpSampling2D()(x) - bilinear).max(axis=(0, 3))
    assert difference[1:-1, 1:-1].max() < 1e-6 and difference[[0, -1]].min() > 1e-3


def test_aligned_upsampling_keeps_the_corners():
    x = np.float32([[0, 3], [6, 9]]).reshape((1, 2, 2, 1))
    doubled = AlignedUpSampling2D()(x)[0, :, :, 0]
    np.testing.assert_allclose(doubled, [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]], atol=1e-6)


def test_smooth_resampling_in_half_precision_and_of_odd_sizes():
    x = np.round(RNG.normal(size=(2, 4, 6, 3)) * 8) / 8
    for layer in (SmoothDownSampling2D, SmoothUpSampling2D):
        half = layer(dtype="bfloat16")(x)
        assert half.dtype == tf.bfloat16
        np.testing.assert_allclose(np.float32(half), layer(dtype="float64")(x), atol=0.02)
    with pytest.raises(ValueError, match="must be even"):
        SmoothDownSampling2D()(x[:, :3])
