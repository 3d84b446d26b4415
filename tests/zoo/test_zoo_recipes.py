"""A recipe's main guard: train, take the best weights, publish; and again after an interruption."""

import ast
import importlib.util
import json
import types

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import callbacks
from kerasgan.data import from_arrays, glyphs
from kerasgan.zoo import FOLDER, recipes
from kerasgan.zoo._card import machine
from kerasgan.zoo._data_sets import DATA_SETS
from kerasgan.zoo.gan_cls_glyphs import matching

RECIPE = '''"""A toy."""

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan.metrics import FrechetDistance, Score
from kerasgan.zoo import FOLDER, recipes

SEED = 7
ABOUT = {
    "description": "A toy.",
    "paper": {"title": "A Paper", "authors": "A. Author", "year": 2014, "url": "https://example.org"},
    "data": "glyphs",
    "headline": "mean",
}


def model():
    model = kerasgan.DCGAN(image_size=28, channels=1, width=4, latent_dim=3, seed=SEED)
    model.compile(ema_decay=0.5)
    return model


def dataset():
    images = np.random.default_rng(0).uniform(-1, 1, (16, 28, 28, 1)).astype("float32")
    return tf.data.Dataset.from_tensor_slices(images).batch(8)


def train(directory, data=None, epochs=2, steps_per_epoch=None):
    keras.utils.set_random_seed(SEED)
    metric = FrechetDistance(lambda images: images[:, :2, :2])
    return recipes.train(directory, model(), dataset(), epochs, steps_per_epoch, [metric], num_images=16)


def score(model):
    return [Score(float(model.generate(8, seed=0).mean()), "mean", num_generated=8)]
'''


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "dcgan_toy" / "recipe.py"
    path.parent.mkdir()
    path.write_text(RECIPE)
    spec = importlib.util.spec_from_file_location("dcgan_toy_recipe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reproduce_publishes_the_best_weights(recipe, tmp_path):
    card = recipes.reproduce(recipe, tmp_path / "out")
    run = tmp_path / "out" / "run"
    records = [json.loads(line) for line in (run / "scores" / "scores.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [2, 4]
    best = min(records, key=lambda record: record["scores"]["frechet_distance"])
    assert card["name"] == "dcgan_toy"
    assert card["training"]["steps"] == best["step"]
    assert card["training"]["images_seen"] == 8 * best["step"]
    assert card["training"]["seed"] == 7
    # The score is that of the weights in the folder: of the best step, and in half precision.
    assert sorted(p.name for p in (tmp_path / "out" / "dcgan_toy").glob("*.h5")) == [
        "discriminator.weights.h5",
        "generator.weights.h5",
    ]
    model = recipe.model()
    model.load_weights(run / "scores" / "best.weights.h5")
    assert int(model.step) == best["step"]
    assert card["scores"][0]["value"] == pytest.approx(recipe.score(model)[0].value, rel=1e-2, abs=1e-5)
    with np.load(tmp_path / "out" / "dcgan_toy" / "sample.npz") as sample:
        np.testing.assert_allclose(sample["output"], model.generate(1, seed=1), atol=1e-3)


@pytest.mark.slow
def test_a_recipe_may_train_in_another_precision(recipe, tmp_path, monkeypatch):
    """The training is in the recipe's precision; what is scored and recorded computes as the user's model will."""
    recipe.PRECISION = "mixed_bfloat16"
    recipe.pictures = lambda model: np.zeros((1, 5, 7, 1))  # and draw another picture
    policies, score = [], recipe.score
    monkeypatch.setattr(recipe, "train", lambda *a, train=recipe.train, **k: _note(train(*a, **k), policies))
    monkeypatch.setattr(recipe, "score", lambda model: score(_note(model, policies)))
    card = recipes.reproduce(recipe, tmp_path / "out")
    assert policies == ["mixed_bfloat16", "float32"]
    assert keras.config.dtype_policy().name == "float32"
    assert card["training"]["precision"] == "mixed_bfloat16"
    assert plt.imread(tmp_path / "out" / "dcgan_toy" / "samples.png").shape[:2] == (5 + 4, 7 + 4)
    best = recipe.model()
    best.load_weights(tmp_path / "out" / "run" / "scores" / "best.weights.h5")
    assert card["training"]["steps"] == int(best.step) > 0
    with np.load(tmp_path / "out" / "dcgan_toy" / "sample.npz") as sample:
        np.testing.assert_allclose(sample["output"], best.generate(1, seed=1), atol=1e-3)
    recipe.EPOCHS = 10
    recipes.score_a_tenth(recipe, tmp_path / "tenth", tmp_path / "out" / "dcgan_toy")
    assert policies == 2 * ["mixed_bfloat16", "float32"]

    def fail(directory):
        raise RuntimeError(keras.config.dtype_policy().name)

    monkeypatch.setattr(recipe, "train", fail)
    with pytest.raises(RuntimeError, match="mixed_bfloat16"):
        recipes.reproduce(recipe, tmp_path / "other")
    assert keras.config.dtype_policy().name == "float32"


def _note(model, policies):
    policies.append(model.dtype_policy.name)
    return model


def test_a_recipe_without_a_folder_says_what_it_does(recipe, monkeypatch, capsys):
    asked = []

    def main(*arguments):
        monkeypatch.setattr("sys.argv", ["recipe.py", *arguments])
        recipes.main(recipe, lambda module, folder: asked.append((module, folder)))
        return capsys.readouterr().out

    for arguments in ((), ("--help",), ("runs", "-h")):
        said = main(*arguments)
        assert said.startswith("A toy.\n") and "python -m kerasgan.zoo.dcgan_toy.recipe FOLDER" in said
    assert not asked
    with pytest.raises(SystemExit, match="FOLDER\nReceived:  runs more"):
        main("runs", "more")
    with pytest.raises(SystemExit, match="Received:  --epochs"):
        main("--epochs")
    assert main("runs") == "" and asked == [(recipe, "runs")]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/recipe.py")), ids=lambda path: path.parent.name)
def test_every_recipe_says_paper_command_and_score_and_ends_in_main(path):
    module = ast.parse(path.read_text())
    about = ast.get_docstring(module)
    assert all(f"\n{part}:" in about for part in ("Command", "Expected", "Time"))
    assert f"python -m kerasgan.zoo.{path.parent.name}.recipe" in about
    assert ast.unparse(module.body[-1].body[0]).startswith("recipes.main(sys.modules[__name__]")


@pytest.mark.slow
def test_an_interrupted_run_continues_and_counts_all_its_time(recipe, tmp_path):
    first = recipe.train(tmp_path, epochs=1)
    assert int(first.step) == 2
    clock = json.loads((tmp_path / "clock.json").read_text())
    assert clock["seconds"] < 60 and clock["machines"] == [machine()]
    (tmp_path / "clock.json").write_text(json.dumps({"seconds": 3600.0, "machines": ["an abacus"]}))
    recipe.train(tmp_path, epochs=3)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + 3
    assert 3600 < json.loads((tmp_path / "clock.json").read_text())["seconds"] < 3660
    assert json.loads((tmp_path / "clock.json").read_text())["machines"] == ["an abacus", machine()]
    steps = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert steps == ["step_00000004", "step_00000006"]
    assert callbacks.Checkpoint(tmp_path / "checkpoints").restore_into(recipe.model()) is not None


def test_of_several_workers_only_the_chief_writes_the_clock(tmp_path):
    clocks = [recipes._Clock(tmp_path / name) for name in ("other", "chief")]
    for clock in clocks:
        extended = types.SimpleNamespace(should_checkpoint=clock.path.name == "chief")
        clock.set_model(types.SimpleNamespace(step=0, distribute_strategy=types.SimpleNamespace(extended=extended)))
        clock.on_train_begin()
        clock.on_epoch_end(0)
    assert [path.name for path in tmp_path.iterdir()] == ["chief"]


def test_an_ablation_trains_scores_and_draws_its_variants(tmp_path):
    def train(directory, level=0.0):
        directory.mkdir(exist_ok=True)
        (directory / "clock.json").write_text(json.dumps({"seconds": 1.0, "machines": ["an abacus"]}))
        return types.SimpleNamespace(translate=lambda images, seed: images * 0 + level)

    recipe = types.SimpleNamespace(
        EPOCHS=3,
        SEED=5,
        train=train,
        examples=lambda: (np.full((2, 4, 4, 1), -1.0), np.ones((2, 4, 4, 1))),
        score=lambda model: [{"metric": "level", "value": float(model.translate(np.zeros(1), seed=0)[0])}],
        sample=lambda model: {"method": "translate", "arguments": {"images": None, "seed": 1}},
    )
    recipes.ablate(recipe, {"plain": {}, "half a level": {"level": 0.5}}, tmp_path)
    assert json.loads((tmp_path / "ablation.json").read_text()) == {
        "epochs": 3,
        "seed": 5,
        "machines": ["an abacus"],
        "scores": {"plain": {"level": 0.0}, "half a level": {"level": 0.5}},
    }
    assert (tmp_path / "halfalevel").is_dir()
    picture = plt.imread(tmp_path / "ablation.png")
    assert {0, 128, 191, 255} == set(np.round(np.unique(picture) * 255).astype(int))  # -1, 0, 0.5 and 1


@pytest.mark.slow
def test_a_tenth_of_the_training_stands_beside_the_scores(recipe, tmp_path):
    card = recipes.reproduce(recipe, tmp_path / "out")
    entry = tmp_path / "out" / "dcgan_toy"
    recipe.EPOCHS = 10
    recipes.score_a_tenth(recipe, tmp_path / "tenth", entry)
    model = recipe.train(tmp_path / "again", epochs=1)
    tenth = json.loads((entry / "card.json").read_text())["tenth"]
    expected = recipe.score(model)[0].value
    assert tenth == {
        "steps": 2,
        "machine": machine(),
        "scores": {"mean": pytest.approx(expected, rel=1e-5)},
    }
    assert json.loads((entry / "card.json").read_text()) == card | {"tenth": tenth}
    recipe.EPOCHS = {"first": 10, "second": 8}
    with pytest.raises(ValueError, match="multiple of 10.*8"):
        recipes.score_a_tenth(recipe, tmp_path / "tenth", entry)
    row = next(line for line in (entry / "README.md").read_text().splitlines() if line.startswith("| mean "))
    assert row.endswith(f"| {expected:.4g} |") and f"{card['scores'][0]['value']:.4g}" in row


@pytest.mark.slow
def test_the_features_of_the_domain_transfer_are_trained_and_scaled(monkeypatch):
    from kerasgan.zoo.dtn_glyphs_mnist import recipe

    monkeypatch.setattr(recipe, "NUM_IMAGES", 1000)
    model = recipe.model()
    before = [weight.numpy() for weight in model.features.weights]
    data = recipe.glyphs(labels=True)
    recipe.train_features(model.features, data, steps_per_epoch=2)
    for old, new in zip(before, model.features.weights, strict=True):
        assert not np.array_equal(old, new), new.path
    described = model.features(next(recipe.glyphs(batch_size=1000, labels=True).as_numpy_iterator())[0])
    assert float(np.mean(np.square(described))) == pytest.approx(1.0, rel=1e-3)
    assert not model.features.trainable_variables  # the transfer leaves f as it is


def test_accelerators_are_part_of_the_machine(monkeypatch):
    plain = machine()
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: ["a", "b"])
    monkeypatch.setattr("tensorflow.config.experimental.get_device_details", lambda device: {"device_name": "Z1"})
    assert machine() == f"2 x Z1, {plain}"


def test_letters_are_read_by_the_logits_of_right_and_wrong_captions(monkeypatch):
    """Who prefers the right captions reads all letters, who prefers wrong ones none, who knows nothing half of them."""
    words = matching.recipe.encoder()
    monkeypatch.setattr(matching, "NUM_PAIRS", 100)
    table = glyphs.attributes(100, "test", seed=0, held_out=matching.recipe.HELD_OUT)
    right = words(glyphs.captions(table))

    def knows(pairs, training):
        return tf.cast(tf.reduce_all(pairs[1] == right, axis=1, keepdims=True), tf.float32)

    assert matching.read(knows, words) == 1
    assert matching.read(lambda pairs, training: -knows(pairs, training), words) == 0
    assert matching.read(lambda pairs, training: tf.zeros((100, 1)), words) == 0.5


@pytest.mark.slow
def test_the_three_phases_of_label_maps_go_on_where_they_stopped(tmp_path):
    from kerasgan.zoo.pix2pixhd_camvid import recipe

    labels = np.random.default_rng(0).integers(0, recipe.CLASSES, (4, 48, 64)).astype("int32")
    photos = np.random.default_rng(1).uniform(-1, 1, (4, 48, 64, 3)).astype("float32")
    data = from_arrays((labels, photos), batch_size=1, seed=0)
    options = {"perceptual": None, "run_eagerly": True, "steps_per_execution": 1}

    def run(folder, epochs):
        return recipe.train(
            folder, data, epochs, steps_per_epoch=1, network=recipe.model((48, 64), 4, **options), **options
        )

    straight = run(tmp_path / "a", {"global": 1, "enhancer": 1, "both": 2})
    run(tmp_path / "b", {"global": 1, "enhancer": 1, "both": 1})
    resumed = run(tmp_path / "b", {"global": 1, "enhancer": 1, "both": 2})
    assert int(straight.step) == int(resumed.step) == 4
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_the_recorded_sample_has_a_class_only_if_the_model_draws_classes():
    semi = kerasgan.SemiSupervisedGAN(image_size=8, num_classes=3, latent_dim=2)  # reads classes, but draws none
    conditional = kerasgan.ConditionalGAN(image_size=8, channels=1, num_classes=3, latent_dim=2, width=2)
    for model, labels in ((semi, {}), (conditional, {"labels": [0]})):
        call = recipes._first_image(model)
        assert call == {"method": "generate", "arguments": {"num_images": 1, "seed": 1} | labels}
        assert model.generate(**call["arguments"]).shape == (1, 8, 8, 1)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDER.glob("*/recipe.py")))
def test_what_a_recipe_says_of_its_data_is_known_before_it_trains(name):
    """An unknown name would fail only after the training, when the card is written."""
    about = getattr(importlib.import_module(f"kerasgan.zoo.{name}.recipe"), "ABOUT", None)
    if about is not None:
        data = about["data"]
        assert set(DATA_SETS[data] if isinstance(data, str) else data) >= {"title", "url", "licence"}
        assert set(about["paper"]) == {"title", "authors", "year", "url"} and about["description"] and about["headline"]
