"""`model.summary()`: each network once, with what is averaged."""

import keras
import pytest
from keras import layers

import kerasgan


def lines(model, **options):
    printed = []
    model.summary(print_fn=lambda text, **_: printed.append(text), **options)
    return printed


@pytest.fixture
def model():
    """A generator of a dense layer of 3 x 4 + 4 weights and a normalization of 2 x 4, and 2 x 4 that do not train."""
    latents, images = keras.Input((3,)), keras.Input((2, 2, 1))
    x = layers.BatchNormalization()(layers.Dense(4)(latents))
    generator = keras.Model(latents, layers.Reshape((2, 2, 1))(x))
    discriminator = keras.Model(images, layers.Dense(1, use_bias=False)(layers.Flatten()(images)))
    return kerasgan.GAN(image_size=2, latent_dim=3, generator=generator, discriminator=discriminator, name="tiny")


def test_each_network_stands_once_with_its_counts_and_its_average(model):
    model.compile(ema_decay=0.75)
    title, head, generator, discriminator, total = lines(model)
    assert title == 'GAN "tiny"' and head.split() == "network input output parameters trainable averaged".split()
    assert generator.split() == ["generator", "3", "2x2x1", "32", "24", "by", "0.75"]
    assert discriminator.split() == ["discriminator", "2x2x1", "1", "4", "4", "-"]
    assert total == "36 parameters, and 32 of averages"


def test_without_an_average_none_is_named_and_frozen_layers_do_not_train(model):
    model.freeze("generator", layers=1)
    model.compile()
    _, _, generator, _, total = lines(model)
    assert generator.split()[3:] == ["32", "8", "-"] and total == "36 parameters"


def test_the_layers_are_shown_on_request(model):
    model.compile(ema_decay=kerasgan.schedules.HalfLife(1000, 8))
    printed = "\n".join(lines(model, expand_nested=True))
    assert "by HalfLife" in printed and printed.count("batch_normalization") == 1 and "flatten" in printed


def test_networks_of_any_size_say_so():
    model = kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16)
    model.compile()
    assert any("anyxanyx3" in line for line in lines(model))
