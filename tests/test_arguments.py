"""What is not known is named, with what was probably meant; numbers of NumPy are numbers."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.arguments import did_you_mean, whole


def test_the_nearest_name_is_offered_and_no_distant_one():
    assert did_you_mean("Genrator", ["generator", "discriminator"]) == " Did you mean 'generator'?"
    assert did_you_mean("xyz", ["generator"]) == ""


def test_whole_numbers_of_any_kind():
    assert [whole(x) for x in (3, np.int64(3), np.uint8(3), 3.0, np.float32(3))] == [3] * 5
    assert type(whole(np.int64(3))) is int
    assert [whole(x) for x in (True, 2.5, "3", None, 0, float("nan"), float("inf"))] == [None] * 7
    assert whole(0, least=0) == 0


@pytest.mark.parametrize(
    "make, wrong, meant",
    [
        (kerasgan.callbacks.SampleGrid, "directry", "directory"),
        (kerasgan.callbacks.ScoreMonitor, "num_image", "num_images"),
        (kerasgan.callbacks.CollapseMonitor, "patiense", "patience"),
        (kerasgan.callbacks.EquilibriumStopping, "epss", "eps"),
        (kerasgan.callbacks.Checkpoint, "every_n_step", "every_n_steps"),
        (kerasgan.losses.NonSaturating, "label_smoothin", "label_smoothing"),
        (kerasgan.penalties.R1, "wieght", "weight"),
        (kerasgan.augment.AdaptiveAugment, "polcy", "policy"),
        (kerasgan.augment.InstanceNoise, "std_dev", "stddev"),
        (kerasgan.metrics.FrechetDistance, "extracter", "extractor"),
        (kerasgan.schedules.LossThreshold, "at_mst", "at_most"),
    ],
)
def test_classes_name_an_unknown_argument(make, wrong, meant):
    with pytest.raises(TypeError, match=f"has no argument '{wrong}'. Did you mean '{meant}'?"):
        make(**{wrong: 1})


@pytest.mark.parametrize(
    "find, wrong, meant",
    [
        (kerasgan.losses.get, "hing", "hinge"),
        (kerasgan.penalties.get, "gradient_penality", "gradient_penalty"),
        (kerasgan.augment.get, "diffaugmnt", "diffaugment"),
        (kerasgan.zoo.card, "dcgan_mnst", "dcgan_mnist"),
        (kerasgan.zoo.classifier, "mnst", "mnist"),
        (kerasgan.data.load, "glyhs", "glyphs"),
        (kerasgan.data.load, "fashion_mnst", "fashion_mnist"),
        (kerasgan.distribute.strategy, "miror", "mirrored"),
        (kerasgan.metrics.features.check_name, "mnst", "mnist"),
    ],
)
def test_names_are_found(find, wrong, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'?"):
        find(wrong)


def test_a_class_of_ones_own_may_take_keywords_for_itself_but_not_lose_any():
    class Mine(kerasgan.GAN):
        def __init__(self, **options):
            self.extra = options.pop("extra", None)
            super().__init__(image_size=8, latent_dim=4, **options)

    assert Mine(extra=3).extra == 3
    with pytest.raises(TypeError, match="Mine has no argument 'genrator'. Did you mean 'generator'?"):
        Mine(genrator=kerasgan.GAN(image_size=8, latent_dim=4).generator)

    class Joined(kerasgan.ResumableModel):
        def __init__(self, **networks):
            super().__init__(**networks)

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert Joined(encoder=network).encoder is network


def test_callbacks_take_numpy_integers():
    assert kerasgan.callbacks.Checkpoint("x", every_n_steps=np.int64(2)).every_n_steps == 2
    assert kerasgan.callbacks.EquilibriumStopping(patience=np.int32(2)).patience == 2


@pytest.mark.parametrize("backend", ["torch", "jax", "openvino"])
def test_another_backend_is_refused_in_one_line(backend):
    answer = subprocess.run(
        [sys.executable, "-c", "import kerasgan"], env={"KERAS_BACKEND": backend}, capture_output=True, text=True
    )
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: kerasgan needs Keras on TensorFlow: unset KERAS_BACKEND") and backend in last


@pytest.mark.parametrize(
    "setting, value, usual",
    [("image_data_format", "channels_first", "channels_last"), ("floatx", "float64", "float32")],
)
def test_settings_of_keras_that_no_model_can_obey_are_refused(setting, value, usual):
    change = getattr(keras.config, f"set_{setting}")
    change(value)
    try:
        with pytest.raises(ValueError, match=rf"keras.config.set_{setting}\('{usual}'\)"):
            kerasgan.GAN(image_size=8)
    finally:
        change(usual)
