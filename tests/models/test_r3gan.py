"""R3GAN: its networks, its initialisation, and its discriminator loss against numbers worked out apart from it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.convolutions import GroupedConv2D
from kerasgan.models.r3gan import r3gan_stages
from kerasgan.schedules import R3GANSchedule


def small(**options):
    return kerasgan.R3GAN(
        image_size=16, channels=1, latent_dim=4, width=8, blocks=1, wide_until=4, group_width=4, **options
    )


@pytest.mark.parametrize(
    "image_size, wide_until, sizes, channels",
    [
        (32, 32, [4, 8, 16, 32], [768, 768, 768, 768]),
        (64, 32, [4, 8, 16, 32, 64], [768, 768, 768, 768, 384]),
        (256, 32, [4, 8, 16, 32, 64, 128, 256], [768, 768, 768, 768, 384, 192, 96]),
        (28, 7, [7, 14, 28], [768, 384, 192]),
        (28, 32, [7, 14, 28], [768, 768, 768]),
    ],
)
def test_stages_are_the_papers(image_size, wide_until, sizes, channels):
    assert r3gan_stages(image_size, 768, wide_until, 16) == ([(size, size) for size in sizes], channels)


def test_channels_that_cannot_be_grouped_are_refused():
    with pytest.raises(ValueError, match="multiple of `group_width=16`"):
        kerasgan.R3GAN(image_size=28, width=36, wide_until=28)


def test_every_branch_starts_as_the_identity():
    """Zero last layers: before training, D is its linear layers alone, so it is linear in the image."""
    model = small(seed=0)
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, 3, 16, 16, 1)).astype("float32")
    judge = model.discriminator
    np.testing.assert_allclose(judge(a) + judge(b), judge(a + b), atol=1e-5)


def test_kernels_start_with_the_papers_variance():
    model = kerasgan.R3GAN(image_size=16, channels=3, width=64, blocks=2, group_width=16)
    convolutions = [
        layer for layer in model.discriminator.layers if type(layer) in (keras.layers.Conv2D, GroupedConv2D)
    ]
    grouped = [layer for layer in convolutions if layer.groups > 1]
    assert len(grouped) == 6  # three stages of two blocks
    for layer in grouped:
        assert layer.groups == 2 * 64 // 16 and layer.kernel.shape == (3, 3, 16, 128)
        # gain sqrt(2 / 1.04), fan-in 9 * 16, six branches: 6^(-1/4)
        assert np.std(layer.kernel) == pytest.approx(np.sqrt(2 / 1.04 / 144) * 6**-0.25, rel=0.03)
    assert sum(not np.any(layer.kernel) for layer in convolutions) == 6


def test_bases():
    model = small(seed=0)
    basis = next(layer for layer in model.generator.layers if "basis" in layer.name)
    x = np.array([[1, -2, 0, 0, 0, 0, 0, 0]], "float32")
    spread = np.asarray(basis(x))
    np.testing.assert_allclose(spread[0, :, :, 1], -2 * np.asarray(basis.pictures)[:, :, 1], rtol=1e-6)
    assert spread.shape == (1, 4, 4, 8) and not spread[0, :, :, 2:].any()


def test_samples_are_clipped_and_training_images_are_not():
    model = small(seed=0)
    latents = 50 * np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    assert np.abs(model.generator(latents, training=True)).max() > 1
    assert np.abs(model.generator(latents, training=False)).max() == 1


def test_discriminator_loss_by_hand():
    """D(x) = sum of w x: gradients are w at every image, so R1 = R2 = gamma / 2 |w|^2, exactly."""
    images = keras.Input((16, 16, 1))
    logits = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(images))
    model = small(discriminator=keras.Model(images, logits), seed=0)
    model.compile(
        penalty=[kerasgan.penalties.R1(3.0), kerasgan.penalties.R2(5.0)], d_optimizer=keras.optimizers.SGD(0.1)
    )
    real, fake = np.random.default_rng(0).uniform(-1, 1, (2, 6, 16, 16, 1)).astype("float32")
    w = np.asarray(model.d_variables[0])[:, 0]
    difference = real.reshape(6, -1) @ w - fake.reshape(6, -1) @ w
    expected = np.mean(np.log1p(np.exp(-difference))) + (1.5 + 2.5) * np.sum(w**2)
    logs = model.update_discriminator(tf.constant(real), tf.constant(fake), ())
    assert float(logs["d_loss"]) == pytest.approx(expected, rel=1e-5)
    # d/dw: -sigmoid(-difference) (x - G(z)), averaged, and gamma w from each penalty
    weights = 1 / (1 + np.exp(difference))
    gradient = -np.mean(weights[:, None] * (real - fake).reshape(6, -1), axis=0) + 8 * w
    np.testing.assert_allclose(np.asarray(model.d_variables[0])[:, 0], w - 0.1 * gradient, atol=1e-5)


def test_penalties_reuse_the_pass_of_the_loss():
    """Two passes of D in its update, one on the real and one on the generated images, whatever R1 and R2 need."""
    model = small(seed=0)
    model.compile()
    seen = []
    judge = model.judge
    model.judge = lambda images, *args, **kwargs: seen.append(1) or judge(images, *args, **kwargs)
    real = tf.random.uniform((4, 16, 16, 1))
    model.update_discriminator(real, tf.random.uniform((4, 16, 16, 1)), ())
    assert len(seen) == 2


def test_grouped_convolution_is_one_of_each_group():
    layer = GroupedConv2D(6, 3, padding="same", groups=2)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    layer(x)
    kernel = np.asarray(layer.kernel)
    halves = [tf.nn.conv2d(x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3], 1, "SAME") for g in (0, 1)]
    np.testing.assert_allclose(layer(x), tf.concat(halves, -1), atol=1e-5)


@pytest.mark.slow
def test_the_schedule_moves_the_training(tmp_path):
    """At steps 0 to 3 of a burn-in of 2: the penalty's weight, the average and p are those of the schedule."""
    schedule = R3GANSchedule(2, gamma=4.0, half_life=3, augment_p=0.5)
    model = small(seed=0)
    model.compile(schedule=schedule, jit_compile=False)
    real = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32")
    linear = lambda x: tf.tensordot(tf.reshape(x, (4, -1)), tf.ones((256, 1)), 1)  # noqa: E731
    assert [p.weight for p in model.penalty] == [4.0, 4.0] and float(model.augment[0].p) == 0
    assert (model.g_optimizer.beta_1, model.g_optimizer.epsilon) == (0.0, 1e-8)
    halves = [0.0, 1.5, 3.0, 3.0]
    for step, gamma in enumerate([4.0, 2.2, 0.4, 0.4]):
        # The squared gradient is 256 at each image: gamma / 2 of it from R1, and as much from R2.
        assert float(model.penalties(linear, tf.constant(real), tf.constant(real))) == pytest.approx(
            256 * gamma, rel=1e-5
        )
        assert float(model.augment[0].p) == pytest.approx([0.0, 0.25, 0.5, 0.5][step])
        before = [np.array(w) for w in model.ema_generator.weights]
        model.train_step(tf.constant(real))
        decay = 0.5 ** (1 / halves[step]) if halves[step] else 0.0
        for old, average, weight in zip(before, model.ema_generator.weights, model.generator.weights):
            np.testing.assert_allclose(average, decay * old + (1 - decay) * np.asarray(weight), rtol=1e-4, atol=1e-6)
    assert float(model.d_optimizer.learning_rate) == pytest.approx(5e-5)
    assert float(model.d_optimizer.beta_2(model.d_optimizer.iterations)) == pytest.approx(0.99)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.schedule.get_config() == schedule.get_config() and int(loaded.step) == 4
    assert float(loaded.augment[0].p) == 0.5
    assert float(loaded.penalties(linear, tf.constant(real), tf.constant(real))) == pytest.approx(256 * 0.4, rel=1e-5)


def test_the_schedule_goes_on_at_the_step_of_the_model_if_it_is_compiled_again(tmp_path):
    """Half of a burn-in of 4: 5e-5 + 1.5e-4 / 2, and 0.9 + 0.09 / 2, also for D with two updates per step."""
    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    for d_steps in (1, 2):
        model = small(seed=0)
        model.compile(schedule=R3GANSchedule(burn_in=4), d_steps=d_steps, jit_compile=False)
        model.fit(images, batch_size=4 // d_steps, verbose=0)
        for again in (False, True):
            if again:
                model.compile(schedule=R3GANSchedule(burn_in=4), d_steps=d_steps)
            assert int(model.step) == 2
            for optimizer in model.optimizers:
                assert float(optimizer.learning_rate) == pytest.approx(1.25e-4)
                assert float(optimizer.beta_2(optimizer.iterations)) == pytest.approx(0.945)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.d_optimizer.learning_rate) == pytest.approx(1.25e-4)


def test_a_given_augmentation_keeps_its_p_without_one_in_the_schedule():
    model = small(seed=0)
    for scheduled, p in ((0.0, 0.5), (0.25, 0.0)):
        given = kerasgan.augment.OccasionalAugment(p=0.5)
        model.compile(schedule=R3GANSchedule(2, augment_p=scheduled), augment=given)
        assert float(model.augment[0].p) == p


def test_bad_schedules():
    with pytest.raises(ValueError, match="`burn_in` must be an int of at least 1. Received: 0"):
        R3GANSchedule(0)
    with pytest.raises(ValueError, match="`learning_rate` must be a pair.*Received: 0.0001"):
        R3GANSchedule(2, learning_rate=1e-4)
    with pytest.raises(ValueError, match="`begin` must be an int of at least 0. Received: -1"):
        kerasgan.schedules.FromStep(R3GANSchedule(2).beta_2, -1)


def test_what_compile_is_given_goes_before_the_schedule():
    model = small(seed=0)
    model.compile(schedule=R3GANSchedule(2), penalty="r1", d_optimizer=keras.optimizers.SGD(0.1))
    assert [type(p).__name__ for p in model.penalty] == ["R1"] and not model.augment
    assert isinstance(model.d_optimizer, keras.optimizers.SGD)
    with pytest.raises(ValueError, match="`schedule` must be a `kerasgan.schedules.R3GANSchedule`"):
        model.compile(schedule="cosine")
    model.compile()
    assert model.schedule is None and [p.weight for p in model.penalty] == [1.0, 1.0]
    assert float(model.g_optimizer.learning_rate) == pytest.approx(2e-4)
    assert (model.g_optimizer.beta_1, model.g_optimizer.beta_2, model.ema_decay) == (0.0, 0.99, 0.999)


@pytest.mark.parametrize("shape", [(16, 16), (28, 28)])
def test_resampling_is_smooth_in_both_networks(shape):
    model = kerasgan.R3GAN(image_size=shape[0], channels=1, width=8, blocks=1, group_width=4, wide_until=7)
    kinds = [[type(layer).__name__ for layer in network.layers] for network in (model.generator, model.discriminator)]
    assert [kind.count(name) for kind, name in zip(kinds, ("SmoothUpSampling2D", "SmoothDownSampling2D"))] == [2, 2]
    assert not {"UpSampling2D", "AveragePooling2D"} & set(kinds[0] + kinds[1])


def test_the_penalty_of_a_grouped_convolution_has_the_gradient_of_plain_ones():
    """In float32, as there are none in float64 on CPUs: beside a convolution of each group."""
    layer = GroupedConv2D(6, 3, padding="same", groups=2)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 5, 4)), tf.float32)
    layer(x)
    kernel = tf.Variable(np.random.default_rng(1).normal(size=(3, 3, 2, 6)), dtype=tf.float32)

    def gradient(convolve):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                goal = tf.reduce_sum(tf.nn.softplus(convolve(x)))
            penalty = tf.reduce_sum(inner.gradient(goal, x) ** 2)
        return outer.gradient(penalty, kernel)

    def apart(x):
        halves = [tf.nn.conv2d(x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3], 1, "SAME") for g in (0, 1)]
        return tf.concat(halves, -1)

    np.testing.assert_allclose(
        gradient(lambda x: layer.convolution_op(x, kernel)), gradient(apart), rtol=1e-3, atol=1e-3
    )


def test_with_labels_an_embedding_joins_z_and_d_projects_on_another():
    """Embeddings as long as z and as the last stage is wide; they start as N(0, 1 / classes) and a width-th of that."""
    model = kerasgan.R3GAN(
        image_size=16, channels=1, num_classes=400, latent_dim=6, width=8, blocks=1, wide_until=8, group_width=4, seed=0
    )
    of_g, basis = [layer.kernel for layer in model.generator.layers if isinstance(layer, keras.layers.Dense)]
    features, of_d = [layer.kernel for layer in model.discriminator.layers if isinstance(layer, keras.layers.Dense)]
    assert of_g.shape == (400, 6) and basis.shape == (12, 8)
    assert features.shape == (8, 8) and of_d.shape == (400, 8)
    assert np.std(of_g) == pytest.approx(400**-0.5, rel=0.06)  # 2,400 draws: 4 standard errors
    assert np.std(of_d) == pytest.approx((400 * 8) ** -0.5, rel=0.05)

    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype("float32")
    dense = [layer for layer in model.discriminator.layers if isinstance(layer, keras.layers.Dense)]
    phi = np.asarray(keras.Model(model.discriminator.inputs, dense[0].output)([images, np.zeros(3, "int32")]))
    labels = np.array([399, 0, 7], "int32")
    expected = np.sum(phi * np.asarray(of_d)[labels], axis=1)
    np.testing.assert_allclose(np.ravel(model.discriminator([images, labels])), expected, rtol=1e-4, atol=1e-6)

    joined = next(layer for layer in model.generator.layers if isinstance(layer, keras.layers.Concatenate))
    latents = model.sample_latents(3, seed=0)
    found = keras.Model(model.generator.inputs, joined.output)([latents, labels])
    np.testing.assert_allclose(found, np.concatenate([latents, np.asarray(of_g)[labels]], axis=1), rtol=1e-6)


def test_labels_are_needed_with_classes_and_refused_without():
    model = small(num_classes=3, seed=0)
    model.compile(run_eagerly=True)
    assert model.generate(labels=[2, 0], seed=0).shape == (2, 16, 16, 1)
    with pytest.raises(ValueError, match=r"expected batches of `\(images, labels\)`"):
        model.fit(-np.ones((4, 16, 16, 1), "float32"), batch_size=4, verbose=0)
    with pytest.raises(ValueError, match="this R3GAN has no classes"):
        small(seed=0).generate(labels=[2, 0])
