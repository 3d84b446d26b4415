"""`kerasgan.testing.contract`: it passes what keeps the contract, and names what does not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import testing

IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")


class Small(kerasgan.GAN):
    def __init__(self, **kwargs):
        super().__init__(**({"image_size": 8, "latent_dim": 4, "seed": 3} | kwargs))


@keras.saving.register_keras_serializable("tests")
class Forgetful(Small):
    """Its gain is an argument of `__init__` that no file keeps."""

    def __init__(self, gain=1.0, **kwargs):
        super().__init__(**kwargs)
        self.gain = gain

    def generate(self, num_images, seed=None, **kwargs):
        return self.gain * super().generate(num_images, seed=seed, **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("gain")
        return config


class Idle(Small):
    """Its generator never learns."""

    def descend(self, tape, loss, variables, optimizer):
        if optimizer is self.d_optimizer:
            super().descend(tape, loss, variables, optimizer)


class Credulous(Small):
    """Takes whatever comes."""

    def check_batch(self, batch, check_range=True):
        pass


class Unrepeatable(Small):
    def generate(self, num_images, seed=None, **kwargs):
        return super().generate(num_images, seed=None, **kwargs)


class Talkative(Small):
    def train_step(self, data):
        return super().train_step(data) | {"extra": tf.constant(1.0)}


@pytest.mark.parametrize(
    ("model", "check", "message"),
    [
        (Idle, "training_reaches_every_weight", "has not changed"),
        (Credulous, "refusal", "accepted images with the fault"),
        (Unrepeatable, "samples", "Arrays are not equal"),
        (Talkative, "logs", "extra"),
    ],
)
def test_a_model_that_breaks_the_contract_is_told_how(model, check, message):
    with pytest.raises((AssertionError, KeyError), match=message):
        testing.contract(model, IMAGES, checks=[check])


def test_what_a_file_loses_is_found():
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        testing.contract(lambda: Forgetful(gain=0.5), IMAGES, checks=["saving"])


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="at least 32 rows. Received: 8"):
        testing.contract(Small, IMAGES[:8])
    with pytest.raises(ValueError, match=r"'savin'. Did you mean 'saving'\?"):
        testing.contract(Small, IMAGES, checks=["savin"])


@pytest.mark.slow
def test_a_model_from_another_package_keeps_the_whole_contract():
    assert testing.contract(Small, IMAGES, compile={"ema_decay": 0.9}) == list(testing.CHECKS)
