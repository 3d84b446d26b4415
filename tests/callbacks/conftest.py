import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan


def tiny_gan(seed=0):
    """A GAN for 8x8 grey images that compiles and trains within a second."""
    keras.utils.set_random_seed(seed)
    latents = keras.Input((4,), name="latents")
    images = layers.Reshape((8, 8, 1))(layers.Dense(64, activation="tanh")(latents))
    generator = keras.Model(latents, images, name="generator")
    images = keras.Input((8, 8, 1), name="images")
    logits = layers.Dense(1)(layers.BatchNormalization()(layers.Flatten()(images)))
    discriminator = keras.Model(images, logits, name="discriminator")
    return kerasgan.GAN(
        image_size=8, channels=1, latent_dim=4, generator=generator, discriminator=discriminator, seed=seed
    )


@pytest.fixture(scope="session")
def make_model():
    def make(seed=0, **arguments):
        model = tiny_gan(seed)
        model.compile(**({"ema_decay": 0.9} | arguments))
        return model

    return make


def random_images():
    return np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")


def shuffled_dataset():
    """Five batches of eight, in another order in every epoch. A new object, as in a new process, begins anew."""
    return tf.data.Dataset.from_tensor_slices(random_images()).shuffle(40, seed=1).batch(8, drop_remainder=True)


@pytest.fixture
def images():
    return random_images()


@pytest.fixture
def dataset():
    return shuffled_dataset()


@pytest.fixture(scope="session")
def make_dataset():
    return shuffled_dataset
