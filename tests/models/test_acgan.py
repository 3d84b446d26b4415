"""ACGAN: both terms of its losses by hand, accuracies, networks."""

from math import log

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan.layers import Dropout


def stub(class_weight=1.0, loss=None):
    """D(x) = 1/2 and P(C = 0) = 2/3, P(C = 1) = 1/3, whatever the image; optimizers that stand still."""
    latents = keras.Input((2,), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    x = layers.Concatenate()([latents, keras.ops.one_hot(labels, 2)])
    generator = keras.Model([latents, labels], layers.Reshape((2, 2, 1))(layers.Dense(4)(x)))
    images = keras.Input((2, 2, 1), name="images")
    x = layers.Flatten()(images)
    classes = layers.Dense(2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant([log(2), 0.0]))
    heads = [layers.Dense(1, kernel_initializer="zeros")(x), classes(x)]
    model = kerasgan.ACGAN(
        image_size=2,
        channels=1,
        num_classes=2,
        latent_dim=2,
        class_weight=class_weight,
        generator=generator,
        discriminator=keras.Model(images, heads),
        seed=0,
    )
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), loss=loss, run_eagerly=True)
    return model


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("method", ["train_step", "test_step"])
def test_both_losses_by_hand(weight, method):
    """Labels 0, 0, 0, 1: -log P(C = c) averages (3 log 3/2 + log 3) / 4, once for the real and once for the fake."""
    data = tf.zeros((4, 2, 2, 1)), tf.constant([0, 0, 0, 1])
    logs = getattr(stub(weight), method)(data)
    likelihood = (3 * log(1.5) + log(3)) / 4
    assert float(logs["d_loss"]) == pytest.approx(2 * log(2) + weight * 2 * likelihood, abs=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(log(2) + weight * likelihood, abs=1e-5)
    assert float(logs["class_accuracy_real"]) == float(logs["class_accuracy_fake"]) == 0.75
    assert float(logs["d_real"]) == float(logs["d_fake"]) == 0.5


def test_other_adversarial_losses_keep_the_class_term():
    data = tf.zeros((4, 2, 2, 1)), tf.constant([0, 0, 0, 0])
    logs = stub(loss="hinge").train_step(data)
    assert float(logs["d_loss"]) == pytest.approx(2 + 2 * log(1.5), abs=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(log(1.5), abs=1e-5)
    logs = stub(loss="relativistic").train_step(data)
    assert float(logs["g_loss"]) == pytest.approx(log(2) + log(1.5), abs=1e-5)


def test_networks_are_the_papers_for_cifar10():
    """Appendix A: G 4x4x384 - 192 - 96 - 3; D 16 ... 512 by 3x3 convolutions of stride 2 and 1 in turn, 11 outputs."""
    model = kerasgan.ACGAN()
    up = [layer for layer in model.generator.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.output.shape[1:] for layer in up] == [(8, 8, 192), (16, 16, 96), (32, 32, 3)]
    dense = next(layer for layer in model.generator.layers if isinstance(layer, layers.Dense))
    assert dense.kernel.shape == (110, 4 * 4 * 384)
    down = [layer for layer in model.discriminator.layers if isinstance(layer, layers.Conv2D)]
    assert [layer.filters for layer in down] == [16, 32, 64, 128, 256, 512]
    assert [layer.strides[0] for layer in down] == [2, 1, 2, 1, 2, 1]
    assert [x.shape[1:] for x in model.discriminator.outputs] == [(1,), (10,)]
    rates = [layer.rate for layer in model.discriminator.layers if isinstance(layer, Dropout)]
    assert rates == [0.5] * 6


@pytest.mark.slow
def test_the_discriminator_learns_the_class_and_the_generator_is_told_it():
    """Bright and dark images: after 150 steps D names the class of nearly all real ones, and G's images obey."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 512).astype("int32")
    centres = np.array([-0.7, 0.7], "float32")[labels][:, None, None, None]
    images = np.clip(centres + draw.normal(0, 0.1, (512, 16, 16, 1)), -1, 1).astype("float32")
    model = kerasgan.ACGAN(image_size=16, channels=1, num_classes=2, width=24, latent_dim=4, seed=0)
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), keras.optimizers.Adam(2e-3, beta_1=0.5))
    history = model.fit(kerasgan.data.from_arrays((images, labels), 32), epochs=3, steps_per_epoch=50, verbose=0)
    assert history.history["class_accuracy_real"][-1] > 0.95
    assert history.history["class_accuracy_fake"][-1] > 0.9
    dark, bright = (model.generate(16, labels=label, seed=0).mean() for label in (0, 1))
    assert dark < -0.3 and bright > 0.3


def test_several_label_sets_are_refused():
    with pytest.raises(ValueError, match="`num_classes` must be an int.*Received: {'letter': 3}"):
        kerasgan.ACGAN(num_classes={"letter": 3})


def test_the_weight_of_the_classes_is_not_negative():
    with pytest.raises(ValueError, match="`class_weight` must be at least 0. Received: -1.0"):
        kerasgan.ACGAN(image_size=28, width=12, class_weight=-1.0)
    with pytest.raises(ValueError, match="`num_classes` must be an int above 0, as ACGAN has one set"):
        kerasgan.ACGAN(image_size=28, num_classes=0)


def test_a_decay_of_text_is_refused():
    with pytest.raises(ValueError, match="`ema_decay` must be in .0, 1., or a `HalfLife`. Received: '0.9'"):
        kerasgan.GAN(image_size=8).compile(ema_decay="0.9")
