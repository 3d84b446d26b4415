"""Files that version 0.1.0 wrote load today: whole models, weights, networks among the arguments, a checkpoint.

`files/0_1_0.zip` was written by that version's code, with what its models answered (`expected.npz`).
"""

import json
import pathlib
import zipfile

import keras
import numpy as np
import pytest

import kerasgan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    with zipfile.ZipFile(pathlib.Path(__file__).with_name("files") / "0_1_0.zip") as archive:
        for name in archive.namelist():
            if not name.endswith("/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(archive.read(name))
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    with np.load(folder / "expected.npz") as file:
        return dict(file)


@pytest.mark.parametrize("load", [keras.models.load_model, kerasgan.zoo.load_archive])
def test_a_translator_of_pairs(folder, expected, load):
    """Its U-Net was an argument, so that the file names each layer of it."""
    model = load(folder / "pix2pix.keras")
    assert int(model.step) == 1 and int(model.g_optimizer.iterations) == 1
    np.testing.assert_allclose(model.translate(expected["pix2pix_source"], seed=3), expected["pix2pix"], atol=1e-5)


@pytest.mark.parametrize("load", [keras.models.load_model, kerasgan.zoo.load_archive])
def test_a_translator_between_domains(folder, expected, load):
    model = load(folder / "cyclegan.keras")
    answer = model.translate(expected["cyclegan_source"], to="A")
    np.testing.assert_allclose(answer, expected["cyclegan"], atol=1e-5)
    np.testing.assert_array_equal(model.pool_a.images, expected["cyclegan_pool"])


def test_a_model_of_texts_in_two_stages(folder, expected):
    model = keras.models.load_model(folder / "stackgan.keras")
    small, large = model.generate(np.eye(2, dtype="float32"), seed=3)
    np.testing.assert_allclose(small, expected["stackgan_small"], atol=1e-5)
    np.testing.assert_allclose(large, expected["stackgan_large"], atol=1e-5)
    with pytest.raises(ValueError, match="BagOfWords sha256:"):
        model.set_encoder(kerasgan.text.BagOfWords(["red", "green"]))


def test_weights_alone_and_networks_among_the_arguments(folder, expected):
    model = keras.saving.deserialize_keras_object(json.loads((folder / "r3gan.json").read_text()))
    assert isinstance(model, kerasgan.R3GAN)
    model.generator.load_weights(folder / "r3gan.weights.h5")
    np.testing.assert_allclose(model.generate(2, seed=3), expected["r3gan"], atol=1e-5)


def test_a_checkpoint_goes_on(folder, expected):
    with np.load(folder / "conditional_data.npz") as file:
        dataset = kerasgan.data.from_arrays((file["images"], file["labels"]), 2, seed=1)
    model = kerasgan.ConditionalGAN(image_size=16, latent_dim=2, num_classes=3, networks="conv", width=1, seed=1)
    model.compile(ema_decay=0.5)
    checkpoint = kerasgan.callbacks.Checkpoint(folder / "checkpoints")
    assert checkpoint.restore_into(model) is not None
    assert int(model.step) == 2
    np.testing.assert_allclose(model.generate(labels=[0, 1, 2], seed=3), expected["conditional"], atol=1e-5)
    model.fit(dataset, epochs=2, verbose=0, callbacks=[checkpoint])
    assert int(model.step) == 4
