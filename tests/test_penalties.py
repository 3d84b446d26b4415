"""The penalties, held to numbers worked out by hand."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import penalties, random


def half_square(images):
    """D(x) = |x|^2 / 2, whose gradient at x is x."""
    return tf.reduce_sum(images**2, axis=(1, 2, 3))[:, None] / 2


def seed():
    return keras.random.SeedGenerator(0)


def test_gradient_penalty_interpolates_uniformly():
    """Between 0 and a unit vector, D = |x|^2 / 2 has gradients of norm 1 - a: the mean of (1 - a - 1)^2 is 1/3.

    The sd of a^2 is sqrt(4/45) = 0.298: over 200,000 images the mean lies within 0.0027 (four standard errors). Normal
    draws of `a` would give 1, draws from [0, 1/2) 1/12.
    """
    n = 200_000
    real = tf.zeros((n, 1, 2, 1))
    fake = tf.tile(tf.reshape(tf.constant([0.6, -0.8]), (1, 1, 2, 1)), (n, 1, 1, 1))
    value = float(penalties.GradientPenalty(weight=1.0)(half_square, real, fake, seed()))
    assert value == pytest.approx(1 / 3, abs=0.0027)


def test_gradient_penalty_weighs_and_aims():
    """A linear D has the same gradient, of norm 5, everywhere: 10 (5 - 1)^2 = 160 and 2 (5 - 3)^2 = 8."""
    linear = lambda x: tf.tensordot(x, tf.constant([3.0, 4.0]), [[2], [0]])  # noqa: E731
    real, fake = tf.random.stateless_normal((2, 4, 1, 2), seed=(0, 0))[..., None]
    assert float(penalties.GradientPenalty()(linear, real, fake, seed())) == pytest.approx(160, rel=1e-5)
    assert float(penalties.GradientPenalty(2.0, target=3.0)(linear, real, fake, seed())) == pytest.approx(8, rel=1e-5)


def test_r1_is_at_real_and_r2_at_fake_images():
    """gamma / 2 E |grad D|^2 with |grad D|^2 = |x|^2: 5 (1 + 4) / 2 = 12.5 on the real, 5 (9 + 16) / 2 = 62.5 on the
    fake."""
    real = tf.reshape(tf.constant([[0.6, 0.8], [0.0, 2.0]]), (2, 1, 2, 1))
    fake = tf.reshape(tf.constant([[3.0, 0.0], [0.0, 4.0]]), (2, 1, 2, 1))
    assert float(penalties.R1()(half_square, real, fake, seed())) == pytest.approx(12.5, rel=1e-6)
    assert float(penalties.R2()(half_square, real, fake, seed())) == pytest.approx(62.5, rel=1e-6)
    assert float(penalties.R1(1.0)(half_square, real, fake, seed())) == pytest.approx(1.25, rel=1e-6)


@pytest.mark.parametrize(("pixel", "expected"), [(1.0, 1 / 36), (0.5, 1 / 4 + 1 / 144)])
def test_dragan_moves_the_data_by_half_its_deviation(pixel, expected):
    """Images of one pixel, +p and -p (deviation p): the gradient's norm is p +- p s u / 2 with s, u uniform, so the
    penalty averages (p - 1)^2 + p^2 E (s u / 2)^2, where E (s u / 2)^2 = 1/36. The sd is 0.1 at most: over 200,000
    images the mean lies within 0.0005."""
    real = tf.reshape(tf.tile([pixel, -pixel], [100_000]), (-1, 1, 1, 1))
    value = float(penalties.DRAGAN(weight=1.0)(half_square, real, real, seed()))
    assert value == pytest.approx(expected, abs=0.0005)


def test_squared_gradient_norms_are_per_image_and_summed_over_outputs():
    images = tf.reshape(tf.constant([[0.6, 0.8], [0.0, 2.0]]), (2, 1, 2, 1))
    norms = penalties.squared_gradient_norms(lambda x: [half_square(x), half_square(x)], images)
    np.testing.assert_allclose(norms, [4.0, 16.0], rtol=1e-6)  # the gradient of the sum is 2x


def test_float32_in_half_precision():
    """A judge in bfloat16: the gradient's square is summed in float32, and 3 is exact in both."""
    judge = lambda x: 3 * tf.cast(x, tf.bfloat16)  # noqa: E731
    real = tf.ones((2, 1, 1, 1), tf.bfloat16)
    value = penalties.R1(weight=2.0)(judge, real, real, seed())
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(9, rel=1e-6)


@pytest.mark.parametrize("name", ["gradient_penalty", "dragan"])
def test_the_penalty_trains_the_weights(name):
    """D(x) = w x: the penalty is 10 (|w| - 1)^2, and its derivative at w = 3 is 40."""
    weight = tf.Variable(3.0)
    images = tf.random.stateless_normal((8, 1, 1, 1), seed=(0, 0))
    with tf.GradientTape() as tape:
        value = penalties.get(name)[0](lambda x: weight * x, images, -images, seed())
    assert float(value) == pytest.approx(40, rel=1e-5)
    assert float(tape.gradient(value, weight)) == pytest.approx(40, rel=1e-5)


@pytest.mark.parametrize("name", ["gradient_penalty", "r1", "r2", "dragan", "cr", "bcr"])
def test_a_flat_discriminator_gives_finite_gradients(name):
    weight = tf.Variable(0.0)
    images = tf.zeros((4, 1, 1, 1))
    with tf.GradientTape() as tape:
        value = penalties.get(name)[0](lambda x: weight * x, images, images, seed())
    assert np.isfinite(value) and np.isfinite(tape.gradient(value, weight))


@pytest.mark.parametrize("name", penalties.NAMES)
def test_config_round_trip(name):
    penalty = type(penalties.get(name)[0])(weight=3.0)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(penalty)))
    (clone,) = penalties.get(config)
    assert type(clone) is type(penalty) and clone.get_config() == penalty.get_config()
    assert clone.weight == 3.0


def test_get():
    own = lambda judge, real, fake, seed: 0.0  # noqa: E731
    assert penalties.get(None) == []
    assert [type(p) for p in penalties.get(["r1", "r2"])] == [penalties.R1, penalties.R2]
    assert penalties.get([own]) == [own]
    with pytest.raises(ValueError, match="`penalty` must be None, one of .*'r1'.*Received: 'r3'"):
        penalties.get("r3")
    with pytest.raises(ValueError, match="`weight` of a penalty must be at least 0. Received: -1"):
        penalties.R1(weight=-1)


def test_path_length_of_a_linear_generator():
    """x = A z: J^T y = A^T y / sqrt(pixels), whose mean square is |A|_F^2 / pixels."""
    matrix = np.random.default_rng(0).normal(size=(5, 4 * 4 * 2)).astype("float32")
    paint = lambda z: tf.reshape(tf.matmul(z, matrix), (-1, 4, 4, 2))  # noqa: E731
    lengths = penalties.path_lengths(paint, tf.zeros((40_000, 5)), seed()).numpy()
    expected = (matrix**2).sum() / 16
    error = float(np.std(lengths**2)) / 200
    assert (lengths**2).mean() == pytest.approx(expected, abs=4 * error) and error < 0.01 * expected


def test_path_length_is_the_root_of_the_mean_over_layers():
    """x = sum over layers of a_l w_l: by layer a_l |y| / 2, together sqrt(mean a_l^2) |y| / 2 on 4 pixels."""
    factors = np.float32([1.0, 3.0])
    paint = lambda w: tf.reshape(tf.einsum("bld,l->bd", w, factors), (-1, 2, 2, 1))  # noqa: E731
    points = tf.zeros((3, 2, 4))
    state = seed()
    noise = np.array(random.normal((3, 2, 2, 1), state)).reshape((3, 4))
    expected = np.sqrt(5) * np.linalg.norm(noise, axis=1) / 2
    np.testing.assert_allclose(penalties.path_lengths(paint, points, seed()), expected, rtol=1e-5)


def test_path_length_penalises_deviations_from_its_moving_mean(monkeypatch):
    """Of lengths 2 and 4 the mean 0 moves to 1.5, then to 2.25. Every 2 with weight 3: 3 * 2 * (0.5^2 + 2.5^2) / 2."""
    penalty = penalties.PathLength(weight=3.0, decay=0.5, every=2, share=1.0)
    points = tf.zeros((2, 1))

    monkeypatch.setattr(penalties.generators, "path_lengths", lambda *_: tf.constant([2.0, 4.0]))
    found = []
    for step in range(3):
        found.append((float(penalty.penalize(None, points, seed(), step, [])), float(penalty.mean.numpy())))
    expected = [(3 * 2 * (0.25 + 6.25) / 2, 1.5), (0, 1.5), (3 * 2 * (0.0625 + 3.0625) / 2, 2.25)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert [penalties.PathLength().rows(n) for n in (1, 2, 7, 8)] == [1, 1, 3, 4]


def test_a_lazy_penalty_counts_so_many_times_in_one_step_of_so_many():
    """The step of plain descent by 3 R1 where it is due, by no R1 where it is not."""
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype("float32"))

    def model(penalty):
        # No dropout in D: a step that is due draws it anew.
        keras.utils.set_random_seed(0)
        hidden = [keras.layers.Flatten(), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
        judge = keras.Sequential([keras.Input((8, 8, 1)), *hidden])
        model = kerasgan.GAN(image_size=8, latent_dim=4, discriminator=judge, seed=0)
        model.compile(penalty=penalty, **{name: keras.optimizers.SGD(1.0) for name in ("g_optimizer", "d_optimizer")})
        return model

    models = [model(penalty) for penalty in (penalties.R1(0.5, every=3), penalties.R1(1.5), [])]
    steps = [tf.function(model.train_step) for model in models]
    start, states = models[0].get_weights(), [np.array(v) for v in models[0]._random_states()]
    for number, expected in ((0, 1), (1, 2), (2, 2), (3, 1)):
        moved = []
        for i in (0, expected):
            models[i].set_weights(start)
            models[i].step.assign(number)
            for variable, state in zip(models[i]._random_states(), states, strict=True):
                variable.assign(state)
            steps[i](images)
            moved.append([np.array(v) for v in models[i].d_variables])
        for a, b in zip(*moved):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert not np.allclose(*(m.d_variables[0] for m in models[1:]), atol=1e-4)  # the penalty matters
    with pytest.raises(ValueError, match="`every` of a penalty must be an int of at least 1. Received: 0"):
        penalties.R1(every=0)


def test_lazy_penalties_refuse_layers_that_combine_devices(two_devices):
    with two_devices.scope():
        model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=4)
        model.compile(penalty=penalties.R1(every=2))
    with pytest.raises(ValueError, match="without synchronized layers, .* Received: every=2. Remedy: every=1"):
        model.fit(np.full((8, 16, 16, 1), -1, "float32"), batch_size=4, verbose=0)


def test_a_model_that_is_compiled_again_keeps_only_its_penalties(tmp_path):
    images = np.full((16, 8, 8, 1), -1, "float32")
    model = kerasgan.GAN(image_size=8, latent_dim=4)
    names = ["lecam", "historical_averaging"]
    model.compile(penalty=names)
    count = len(model.weights)
    model.fit(images, batch_size=4, verbose=0)
    for steps in (1, 3):
        model.compile(penalty=names)
        assert len(model.weights) == count
        model.fit(images, batch_size=4, steps_per_epoch=steps, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.penalty[0].updates) == float(model.penalty[0].updates) == 3
    fresh = kerasgan.GAN(image_size=8, latent_dim=4)
    fresh.compile(penalty=names)
    fresh.set_weights(model.get_weights())
    model.compile(penalty=None)
    assert len(model.weights) < count


def test_classes_are_not_objects():
    with pytest.raises(ValueError, match=r"`penalty` must hold objects. Received: the class R1. Remedy: R1\(\)"):
        penalties.get([penalties.R1])
    with pytest.raises(ValueError, match=r"`loss` must be an object. Received: the class Hinge. Remedy: Hinge\(\)"):
        kerasgan.losses.get(kerasgan.losses.Hinge)


def test_what_is_computed_lazily_has_its_gradients():
    """(w x)^2 / 2 at w = 3, x = 2 is 18; by w it is w x^2 = 12, by x w^2 x = 18; the upstream gradient is 5."""
    weight, points = tf.Variable(3.0), tf.constant(2.0)

    @tf.function(jit_compile=True)
    def results(step, scale):
        with tf.GradientTape() as tape:
            tape.watch(points)
            compute = lambda x: ((weight * x) ** 2 / 2, 7 * weight)  # noqa: E731
            loss, other = penalties.lazily(step, 4, compute, [weight], points, outputs=2, scale=scale)
            total = 5 * loss + other  # of which only the loss has gradients
        return loss, other, *tape.gradient(total, [weight, points])

    for scale in (1.0, 1024.0):
        np.testing.assert_allclose(results(8, scale), [18, 21, 60, 90], rtol=1e-6)
        np.testing.assert_allclose(results(9, scale), [0, 0, 0, 0])


def test_path_length_needs_latents():
    with pytest.raises(ValueError, match="`PathLength` needs a model that draws images from latents"):
        kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16).compile(penalty="path_length")


def test_orthogonal_regularization_by_hand():
    """Columns (1, 2), (3, -1) and (0, 1): products 1, 2 and -1, each twice: 2 (1 + 4 + 1) = 12. Lengths are free."""
    assert float(penalties.overlap(tf.constant([[1.0, 3.0, 0.0], [2.0, -1.0, 1.0]]))) == 12
    assert float(penalties.overlap(tf.constant([[7.0, 0.0], [0.0, 0.5]]))) == 0


def test_orthogonal_regularization_is_of_the_kernels_of_the_generator():
    """Of a dense layer, a convolution, in which filters are over rows, columns and channels, and a transposed one."""
    x = inputs = keras.Input((2,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(4)(x))
    x = keras.layers.Reshape((2, 2, 1))(x)
    x = kerasgan.layers.SpectralNormalization(keras.layers.Conv2D(3, 2, padding="same"))(x)
    x = keras.layers.Conv2DTranspose(2, 2, 2)(x)
    classes = keras.layers.Embedding(5, 2)(keras.Input((), dtype="int32", name="labels"))
    del classes
    network = keras.Model(inputs, x)
    dense, convolution, transposed = [v for v in network.trainable_variables if v.name == "kernel"]
    rng = np.random.default_rng(0)
    for kernel in (dense, convolution, transposed):
        kernel.assign(rng.normal(size=kernel.shape))

    def by_loops(filters):
        pairs = [(a, b) for i, a in enumerate(filters) for j, b in enumerate(filters) if i != j]
        return sum(float(np.sum(a * b)) ** 2 for a, b in pairs)

    expected = by_loops([np.asarray(dense)[:, i] for i in range(4)])
    expected += by_loops([np.asarray(convolution)[..., i] for i in range(3)])
    expected += by_loops([np.asarray(transposed)[:, :, i] for i in range(2)])
    assert float(penalties.Orthogonal()([network])) == pytest.approx(1e-4 * expected, rel=1e-5)
    assert float(penalties.Orthogonal(3.0)([network, network])) == pytest.approx(6 * expected, rel=1e-5)
    network.layers[1].trainable = False
    assert len(penalties.filters_of(network)) == 2


def conditional(cls, **options):
    return cls(image_size=16, channels=1, width=2, **options)


@pytest.mark.parametrize(
    "make, data",
    [
        (lambda: conditional(kerasgan.DCGAN), 1),
        (lambda: conditional(kerasgan.Pix2Pix, receptive_field=16), 2),
        (lambda: conditional(kerasgan.CycleGAN, receptive_field=16, blocks=1, pool_size=2), 2),
        (lambda: conditional(kerasgan.SRGAN, blocks=1), "small"),
        (lambda: conditional(kerasgan.GANCLS, text_dim=3), "text"),
    ],
    ids=["DCGAN", "Pix2Pix", "CycleGAN", "SRGAN", "GANCLS"],
)
def test_orthogonal_regularization_joins_g_s_loss_of_every_model(make, data):
    """A huge weight: the loss of G is the penalty, of the weights before the step, and D's is as ever."""
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32")
    other = {2: images, "small": images[:, ::4, ::4], "text": np.eye(4, 3, dtype="float32")}.get(data)
    batch = {1: images, "small": (other, images)}.get(data, (images, other))
    model = make()
    model.compile(penalty=penalties.Orthogonal(1e6), run_eagerly=True)
    expected = float(model.generator_penalties())
    logs = model.train_on_batch(batch, return_dict=True)
    assert expected > 1e3 and logs["g_loss"] == pytest.approx(expected, rel=0.1)
    assert logs["d_loss"] < 50
    assert json.dumps(model.get_compile_config())
    clone = penalties.get(keras.saving.serialize_keras_object(model.penalty[0]))
    assert clone[0].weight == 1e6 and penalties.get("orthogonal")[0].weight == 1e-4
