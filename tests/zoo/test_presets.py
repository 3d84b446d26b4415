import json
import subprocess
import sys

import numpy as np
import pytest

import kerasgan
from kerasgan import files, zoo


@pytest.fixture(scope="module")
def trained():
    images = np.random.default_rng(0).uniform(-1, 1, (16, 16, 16, 1)).astype("float32")
    model = kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3)
    model.compile(ema_decay=0.9, penalty="r1")
    model.fit(images, batch_size=8, epochs=2, verbose=0)
    return model, images


@pytest.fixture
def folder(trained, tmp_path):
    trained[0].save_to_preset(tmp_path / "mine")
    return tmp_path / "mine"


def test_a_preset_holds_networks_configuration_and_card_only(folder, trained):
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "config.json",
        "discriminator.weights.h5",
        "generator.weights.h5",
    ]
    assert not list(folder.parent.glob(".tmp-*"))
    card = json.loads((folder / "card.json").read_text())
    assert card["class"] == "DCGAN" and card["training"]["steps"] == 4
    assert card["parameters"]["generator"] == trained[0].generator.count_params()


def test_a_preset_comes_back_with_the_averaged_networks_and_trains_on(folder, trained):
    model, images = trained
    loaded = kerasgan.DCGAN.from_preset(str(folder))
    assert type(loaded) is kerasgan.DCGAN
    assert loaded.get_config() == model.get_config()
    assert loaded.get_compile_config() == model.get_compile_config()
    for network, saved in (("generator", model.ema_generator), ("discriminator", model.discriminator)):
        for ours, theirs in zip(getattr(loaded, network).weights, saved.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert int(loaded.step) == 0 and int(loaded.g_optimizer.iterations) == 0
    np.testing.assert_array_equal(loaded.generate(2, seed=1), model.generate(2, seed=1))
    loaded.fit(images, batch_size=8, verbose=0)
    assert int(loaded.step) == 2
    assert not np.array_equal(loaded.generate(2, seed=1), model.generate(2, seed=1))


def test_a_new_process_loads_it(folder, trained):
    code = "import sys, kerasgan; print(kerasgan.load_preset(sys.argv[1]).generate(1, seed=1).sum())"
    answer = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert float(answer.stdout.split()[-1]) == pytest.approx(trained[0].generate(1, seed=1).sum(), rel=1e-4)


def test_another_class_an_unknown_name_and_a_full_folder_are_refused(folder, trained):
    with pytest.raises(ValueError, match=r"must be a WGAN.*a DCGAN\. Remedy: `kerasgan.load_preset"):
        kerasgan.WGAN.from_preset(folder)
    assert isinstance(kerasgan.GAN.from_preset(folder), kerasgan.DCGAN)
    with pytest.raises(ValueError, match="such as dcgan_mnist"):
        kerasgan.load_preset("dcgan_mnits")
    before = (folder / "card.json").read_text()
    with pytest.raises(ValueError, match="new or empty"):
        trained[0].save_to_preset(folder)
    assert (folder / "card.json").read_text() == before


def test_what_is_not_trained_or_finite_leaves_no_folder(tmp_path):
    model = kerasgan.DCGAN(image_size=16, channels=1, width=2)
    with pytest.raises(ValueError, match="model.compile"):
        model.save_to_preset(tmp_path / "a")
    model.compile()
    model.generator.trainable_variables[0].assign(np.nan * model.generator.trainable_variables[0])
    with pytest.raises(ValueError, match="not finite"):
        model.save_to_preset(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", ["weights", "config", "class", "card", "missing", "outside"])
def test_an_altered_preset_is_refused_by_the_files_name(folder, spoil):
    path = {"weights": folder / "generator.weights.h5", "config": folder / "config.json"}.get(spoil)
    if path:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    if spoil == "class":
        config = json.loads((folder / "config.json").read_text())
        config["config"]["generator"] = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
        (folder / "config.json").write_text(json.dumps(config))
        card["files"]["config.json"] = {
            "size": (folder / "config.json").stat().st_size,
            "sha256": files.sha256_of(folder / "config.json"),
        }
    if spoil == "missing":
        del card["files"]["generator.weights.h5"]
    if spoil == "outside":
        card["files"]["../generator.weights.h5"] = card["files"].pop("generator.weights.h5")
    (folder / "card.json").write_text("null" if spoil == "card" else json.dumps(card))
    with pytest.raises(zoo.WeightFileError, match=str(folder)):
        kerasgan.load_preset(folder)


def test_presets_lists_the_zoos_models_of_a_class_and_of_its_subclasses():
    assert kerasgan.DCGAN.presets["dcgan_mnist"] == zoo.card("dcgan_mnist")["description"]
    assert {"dcgan_mnist", "lsgan_mnist", "r3gan_mnist"} <= set(kerasgan.GAN.presets)
    assert "lsgan_mnist" not in kerasgan.DCGAN.presets and "pix2pix_facades" not in kerasgan.GAN.presets


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_class_on_a_card_is_that_of_the_recipe(name):
    source = (zoo.FOLDER / name / "recipe.py").read_text()
    expected = zoo.card(name)["class"]
    assert expected == "Functional" if name.startswith("classifier_") else f"kerasgan.{expected}(" in source
