"""The step that all noise models share, and DCGAN's architecture."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan


def constant_generator(value=0.5):
    """G(z) = value everywhere, trainable through its bias."""
    latents = keras.Input((2,), name="latents")
    x = layers.Dense(4, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(value))(latents)
    return keras.Model(latents, layers.Reshape((2, 2, 1))(x), name="generator")


def normed_discriminator():
    images = keras.Input((2, 2, 1), name="images")
    x = layers.BatchNormalization(momentum=0.9)(layers.Flatten()(images))
    return keras.Model(images, layers.Dense(1)(x), name="discriminator")


def small_gan(**options):
    model = kerasgan.GAN(
        image_size=2, latent_dim=2, generator=constant_generator(), discriminator=normed_discriminator(), seed=0
    )
    model.compile(run_eagerly=True, **options)
    return model


def images(n=12, low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, (n, 2, 2, 1)).astype("float32")


def test_real_and_fake_pass_batch_norm_apart():
    """One step moves the averages by the real batch, then the fake one, then the fake one again for G's loss.

    A variance over a mixed batch would hold the distance of the two means; the fakes' own is 0.
    """
    model = small_gan(g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    real = images()
    model.train_step(tf.constant(real))
    norm = next(layer for layer in model.discriminator.layers if isinstance(layer, layers.BatchNormalization))
    flat = real.reshape(12, 4)
    mean = 0.9 * (0.9 * (0.1 * flat.mean(0)) + 0.1 * 0.5) + 0.1 * 0.5
    variance = 0.9 * (0.9 * (0.9 * 1 + 0.1 * flat.var(0)))
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)


def test_every_update_of_the_discriminator_sees_new_data():
    model = small_gan(d_steps=3)
    seen, update = [], model.update_discriminator

    def watched(real, fake, condition):
        seen.append((real.numpy(), fake.numpy()))
        return update(real, fake, condition)

    model.update_discriminator = watched
    batch = images(12)
    model.train_step(tf.constant(batch))
    assert [len(real) for real, _ in seen] == [len(fake) for _, fake in seen] == [4, 4, 4]
    for i, (real, _) in enumerate(seen):
        np.testing.assert_array_equal(real, batch[i::3])
    assert int(model.d_optimizer.iterations) == 3 and int(model.g_optimizer.iterations) == 1
    assert int(model.step) == 1


class Blank(layers.Layer):
    """An augmentation that nobody overlooks: nothing is left of an image."""

    def call(self, images, training=True):
        return 0 * images if training else images


def test_evaluation_sees_images_as_they_are():
    batch = images(4)
    plain, blank = small_gan(), small_gan(augment=Blank())
    blank.discriminator.set_weights(plain.discriminator.get_weights())
    logs = {name: float(value) for name, value in plain.test_step(tf.constant(batch)).items()}
    assert {name: float(value) for name, value in blank.test_step(tf.constant(batch)).items()} == logs
    real, fake = (np.asarray(plain.discriminator(x, training=False)) for x in (batch, np.full_like(batch, 0.5)))
    assert logs["d_loss"] == pytest.approx(np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake)), rel=1e-5)
    assert logs["g_loss"] == pytest.approx(np.mean(np.logaddexp(0, -fake)), rel=1e-5)
    blank.reset_metrics()
    seen = float(blank.train_step(tf.constant(batch))["d_loss"])
    assert seen == pytest.approx(2 * np.log(2), rel=1e-5)  # in training it sees nothing


@pytest.mark.parametrize(("slope", "p"), [(9.0, 0.5), (-9.0, 0.0)])
def test_adaptive_augmentation_follows_the_real_images(slope, p):
    """Real images of 1, fakes of -1: D, the sum of pixels times `slope`, has all real ones right or all wrong."""
    inputs = keras.Input((2, 2, 1))
    start = keras.initializers.Constant(slope)
    judge = keras.Model(inputs, layers.Dense(1, kernel_initializer=start)(layers.Flatten()(inputs)))
    model = kerasgan.GAN(image_size=2, latent_dim=2, generator=constant_generator(-1.0), discriminator=judge, seed=0)
    model.compile(run_eagerly=True, augment=kerasgan.augment.AdaptiveAugment("color", ramp=8, interval=1))
    logs = model.train_step(tf.ones((4, 2, 2, 1)))
    assert float(logs["augment_p"]) == float(model.augment[0].p) == p


def test_a_batch_that_does_not_divide_is_refused():
    model = small_gan(d_steps=5)
    with pytest.raises(ValueError, match="multiple of 5. Received: 12"):
        model.train_step(tf.constant(images(12)))


def test_the_average_moves_as_computed_by_hand():
    """average <- 0.1 average + 0.9 weight, statistics of batch norm included."""
    model = kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=0)
    model.compile(ema_decay=0.1, run_eagerly=True)
    before = [np.array(w) for w in model.generator.weights]
    model.train_step(tf.random.stateless_uniform((4, 16, 16, 1), (0, 0), -1, 1))
    for average, old, new in zip(model.ema_generator.weights, before, model.generator.weights, strict=True):
        assert not np.array_equal(old, new), new.path
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * np.array(new), rtol=1e-5, atol=1e-7, err_msg=new.path)
    assert sum("moving_" in weight.path for weight in model.ema_generator.weights) == 4


def test_one_descent_by_hand():
    """D(x) = w x + b on one pixel, w = b = 0: D(x) = 1/2 everywhere.

    dL_D/dw = -mean(x) / 2 + mean(G) / 2 = -0.5 / 2 + 0.25 / 2 = -0.125, and b's terms cancel. With rate 1, w = 0.125.
    Then D(G) = sigmoid(0.125 * 0.25), and G's bias rises by w (1 - D(G)) = 0.125 * 0.4921880 = 0.0615235.
    """
    latents, pixel = keras.Input((1,), name="latents"), keras.Input((1, 1, 1), name="images")
    bias = keras.initializers.Constant(0.25)
    image = layers.Dense(1, kernel_initializer="zeros", bias_initializer=bias)(latents)
    generator = keras.Model(latents, layers.Reshape((1, 1, 1))(image))
    logits = layers.Dense(1, kernel_initializer="zeros")(layers.Flatten()(pixel))
    model = kerasgan.GAN(
        image_size=1, latent_dim=1, generator=generator, discriminator=keras.Model(pixel, logits), seed=0
    )
    model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0), run_eagerly=True)
    logs = model.train_step(tf.reshape(tf.constant([0.0, 1.0]), (2, 1, 1, 1)))
    kernel, offset = (float(w.numpy().squeeze()) for w in model.discriminator.weights)
    assert kernel == pytest.approx(0.125, abs=1e-7) and offset == pytest.approx(0, abs=1e-7)
    assert float(model.generator.weights[1].numpy()[0]) == pytest.approx(0.25 + 0.0615235, abs=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(2 * np.log(2), abs=1e-6)
    assert float(logs["g_loss"]) == pytest.approx(np.log1p(np.exp(-0.03125)), abs=1e-6)
    assert float(logs["d_real"]) == float(logs["d_fake"]) == 0.5


def test_label_smoothing_moves_the_target_of_the_real_images_alone():
    """At D = 1/2 the gradient in a real logit is D - (1 - smoothing) = -0.4, in a fake one D = 0.5."""
    model = small_gan(loss=kerasgan.losses.NonSaturating(label_smoothing=0.1))
    real, fake = tf.zeros((1, 1)), tf.zeros((1, 1))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = model.loss.discriminator_loss(real, fake)
    assert [g.numpy().item() for g in tape.gradient(loss, [real, fake])] == pytest.approx([-0.4, 0.5], abs=1e-6)


def test_latents_follow_the_prior():
    uniform = kerasgan.GAN(image_size=8, seed=0).latents(2000).numpy()
    assert -1 <= uniform.min() < -0.999 and 0.999 < uniform.max() < 1
    assert uniform.var() == pytest.approx(1 / 3, abs=0.003)
    normal = kerasgan.GAN(image_size=8, prior="normal", seed=0).latents(2000).numpy()
    assert normal.mean() == pytest.approx(0, abs=0.01) and normal.std() == pytest.approx(1, abs=0.01)
    with pytest.raises(ValueError, match="`prior` must be 'uniform' or 'normal'. Received: 'gaussian'"):
        kerasgan.GAN(image_size=8, prior="gaussian")


# DCGAN ----------------------------------------------------------------------------------------------------------------


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_dcgan_keeps_the_five_guidelines():
    model = kerasgan.DCGAN(image_size=64, width=4)
    generator, discriminator = kinds(model.generator), kinds(model.discriminator)
    # Strided convolutions instead of pooling and of resizing.
    assert not [kind for kind in generator + discriminator if "Pool" in kind or "UpSampling" in kind]
    convolutions = [layer for layer in model.generator.layers if isinstance(layer, layers.Conv2DTranspose)]
    convolutions += [layer for layer in model.discriminator.layers if isinstance(layer, layers.Conv2D)]
    assert len(convolutions) == 8
    assert all(layer.strides == (2, 2) and layer.kernel_size == (5, 5) for layer in convolutions)
    # Batch norm in both, but not at G's output and D's input; no hidden dense layer; ReLU, tanh and LeakyReLU.
    block = ["Conv2DTranspose", "BatchNormalization", "ReLU"]
    projection = ["InputLayer", "Dense", "Reshape", "BatchNormalization", "ReLU"]
    assert generator == [*projection, *block * 3, "Conv2DTranspose", "Activation"]
    assert model.generator.layers[-1].activation is keras.activations.tanh
    block = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert discriminator == ["InputLayer", "Conv2D", "LeakyReLU", *block * 3, "Flatten", "Dense"]
    slopes = [layer.negative_slope for layer in model.discriminator.layers if isinstance(layer, layers.LeakyReLU)]
    assert slopes == [0.2] * 4


def test_dcgan_at_the_papers_size_has_figure_1s_shapes():
    model = kerasgan.DCGAN()
    shapes = [layer.output.shape[1:] for layer in model.generator.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert model.generator.layers[2].output.shape[1:] == (4, 4, 1024)
    assert shapes == [(8, 8, 512), (16, 16, 256), (32, 32, 128), (64, 64, 3)]
    model.compile()
    for optimizer in (model.g_optimizer, model.d_optimizer):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(2e-4) and optimizer.beta_1 == 0.5


def test_dcgan_weights_start_from_a_normal_of_deviation_two_hundredths():
    model = kerasgan.DCGAN(image_size=32, width=16)
    kernels = [w for w in model.trainable_variables if w.path.endswith("kernel")]
    assert len(kernels) == 8
    for kernel in kernels:
        # Four standard errors of a mean and of a deviation.
        error = 4 * 0.02 / np.sqrt(np.prod(kernel.shape))
        assert np.mean(kernel) == pytest.approx(0, abs=error), kernel.path
        assert np.std(kernel) == pytest.approx(0.02, abs=error), kernel.path
    same_shape = {tuple(kernel.shape): [] for kernel in kernels}
    for kernel in kernels:
        same_shape[tuple(kernel.shape)].append(np.array(kernel))
    for drawn in same_shape.values():
        assert all(not np.array_equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


@pytest.mark.parametrize("size", [28, 32, 64, 96, 128, 256])
def test_dcgan_builds_at(size):
    model = kerasgan.DCGAN(image_size=size, channels=1, latent_dim=4, width=1)
    assert model.generator.output_shape == (None, size, size, 1)
    assert model.discriminator.input_shape == (None, size, size, 1)
    assert model.discriminator.output_shape == (None, 1)


@pytest.mark.parametrize("size", [8, 30, 33, 100, 66])
def test_dcgan_refuses(size):
    with pytest.raises(ValueError, match=f"times a power of two.*Received: {size}"):
        kerasgan.DCGAN(image_size=size)
