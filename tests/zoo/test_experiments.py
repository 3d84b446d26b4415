"""The experiments: each runs in small, goes on where it stopped, and its pages are those of its numbers."""

import importlib
import json
import os
import re
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasgan.zoo import FOLDER
from kerasgan.zoo.experiments import runs

NAMES = sorted(path.parent.name for path in (FOLDER / "experiments").glob("*/__main__.py"))
SMALL = {"steps": 2, "points": 16, "batch_size": 8, "num_samples": 200, "shown": 5, "width": 4}
SMALL |= {"few_steps": 2, "label_steps": 2, "denoising_steps": 2, "layers": [6, 5, 4], "units": 8, "num_chairs": 12}
SMALL |= {"seconds": 0, "images": 16, "num_faces": 2, "project_steps": 2, "num_training": 32, "num_paths": 4}
SMALL |= {
    "updates": 2,
    "long_steps": 2,
    "mixture_steps": 2,
    "mixture_batch_size": 8,
    "segmenter_epochs": 1,
    "segmenter_width": 4,
}


def experiment(name):
    return importlib.import_module(f"kerasgan.zoo.experiments.{name}.__main__")


def toy(calls, settings=None):
    """An experiment whose runs say when they are made."""

    def run(name):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"value": float(name[-1])}

    from kerasgan.plots import figure_class

    return types.SimpleNamespace(
        SETTINGS=settings or {"steps": 3},
        RUNS=["a 0", "a 1", "b 0"],
        run=run,
        table=lambda results: f"{runs.mean_sd(runs.of(results, 'a', 'value'))} | {len(results)}",
        picture=lambda results: figure_class()(figsize=(1, 1)),
    )


def test_finished_runs_are_kept_and_not_made_again(tmp_path):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        runs.complete(toy(calls), tmp_path)
    assert calls == ["a 0", "a 1"] and [path.name for path in tmp_path.iterdir()] == ["results.json"]
    (tmp_path / "README.md").write_text(f"before\n{runs.BEGIN}\nold\n{runs.END}\nafter\n")
    found = runs.complete(toy(calls), tmp_path)
    assert calls == ["a 0", "a 1", "a 1", "b 0"] and found["a 1"]["value"] == 1.0 and found["a 1"]["seconds"] >= 0
    assert (tmp_path / "README.md").read_text() == f"before\n{runs.BEGIN}\n0.5 ± 0.7 | 3\n{runs.END}\nafter\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "picture.png", "results.json"]
    assert json.loads((tmp_path / "results.json").read_text())["settings"] == {"steps": 3}


def test_results_of_other_settings_are_refused(tmp_path):
    runs.complete(toy([None, None]), tmp_path)
    with pytest.raises(ValueError, match=r"must hold results of the settings {'steps': 4}.*'steps': 3.*another folder"):
        runs.complete(toy([], {"steps": 4}), tmp_path)


def test_the_command_line_says_what_an_experiment_does(monkeypatch, capsys):
    module = types.SimpleNamespace(__file__="x/toy/__main__.py", __doc__="A toy.")
    for arguments in ([], ["--help"], ["runs", "-h"]):
        monkeypatch.setattr(sys, "argv", ["x", *arguments])
        runs.main(module)
        said = capsys.readouterr().out
        assert said.startswith("A toy.\n") and "python -m kerasgan.zoo.experiments.toy FOLDER" in said
    monkeypatch.setattr(sys, "argv", ["x", "--fast"])
    with pytest.raises(SystemExit, match="Received:  --fast"):
        runs.main(module)


def test_tables():
    assert runs.mean_sd([]) == "–" and runs.mean_sd([0.5], 0, 100) == "50"
    assert runs.mean_sd([1.0, 2.0, 4.0], 2) == "2.33 ± 1.53"  # sqrt((16 + 1 + 25) / 9 / 2)
    assert runs.markdown(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


@pytest.mark.parametrize("name", [name for name in NAMES if (FOLDER / "experiments" / name / "results.json").exists()])
def test_pages_are_those_of_the_committed_results(name):
    module, folder = experiment(name), FOLDER / "experiments" / name
    record = runs.read(module, folder)
    assert record["runs"] and set(record["runs"]) <= set(module.RUNS)
    text = (folder / "README.md").read_text()
    assert text.split(runs.BEGIN)[1].split(runs.END)[0].strip() == module.table(record["runs"])
    assert (folder / "picture.png").stat().st_size < 200_000
    assert (folder / "results.json").read_text() == runs.as_text(record)
    assert re.search(r"^## What to believe$", text, re.MULTILINE) and "![" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs_in_small(name, tmp_path, monkeypatch):
    module = experiment(name)
    needs = getattr(module, "NEEDS", ".")
    if not Path(os.environ.get("KERASGAN_DATA_DIR", "."), needs).exists():
        pytest.skip(f"set KERASGAN_DATA_DIR to a folder that holds {needs}")
    assert f"python -m kerasgan.zoo.experiments.{name} runs" in module.__doc__ and "Time:" in module.__doc__
    assert f"]({name}/README.md)" in (FOLDER / "experiments" / "README.md").read_text()
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | {k: v for k, v in SMALL.items() if k in module.SETTINGS})
    first = [run for run in module.RUNS if run.endswith(" 0")]
    monkeypatch.setattr(module, "RUNS", getattr(module, "SMOKE", first[:1] + first[-1:]))
    found = runs.complete(module, tmp_path)
    numbers = [v for each in found.values() for v in each.values() if isinstance(v, float)]
    assert len(found) == len(module.RUNS) and np.isfinite(numbers).all()
    assert (tmp_path / "picture.png").stat().st_size > 1_000 and (tmp_path / "table.md").read_text().startswith("| ")


def test_methods_of_adaptation_see_the_labels_they_should(monkeypatch):
    adaptation, seen = experiment("adaptation"), []
    monkeypatch.setattr(adaptation, "train", lambda *arguments: seen.append(arguments))
    monkeypatch.setattr(
        adaptation.domains, "accuracy", lambda model, name, channels: {"usps": 0.25, "mnist": 0.5}[name]
    )
    for run in ("mnist to usps source only 0", "usps to mnist target labels 2"):
        found = adaptation.run(run)
    assert seen == [("source only", "mnist", "usps", 1, 0), ("target labels", "mnist", "mnist", 1, 2)]
    assert found == {"target": 0.5, "source": 0.25}
    models = []
    monkeypatch.undo()
    monkeypatch.setattr(adaptation, "fit", lambda model, data, steps, **options: models.append((model, steps, options)))
    monkeypatch.setattr(adaptation, "batches", lambda *arguments: None)
    for method in ("source only", "DANN", "ADDA"):
        adaptation.train(method, "mnist", "usps", 1, 0)
    names = [type(model).__name__ for model, *_ in models]
    assert names == ["DANN", "DANN", "ADDA", "ADDA"]
    steps = adaptation.SETTINGS["steps"]
    assert [options for *_, options in models] == [
        {"total_steps": steps, "domain_weight": 0.0},
        {"total_steps": steps, "domain_weight": 1.0},
        {"phase": "source"},
        {},
    ]


def test_modes_are_counted_by_hand():
    mixtures = experiment("mixtures")
    centres, deviation = mixtures.modes_of("ring")
    assert centres.shape == (8, 2) and deviation == 0.01
    np.testing.assert_allclose(centres[2], [0, 1], atol=1e-12)
    grid, spread = mixtures.modes_of("grid")
    assert len(grid) == 25 and spread == 0.0125 and sorted(set(grid[:, 0])) == [-1, -0.5, 0, 0.5, 1]
    points = np.array([[1.0, 0.0], [1.029, 0.0], [1.031, 0.0], [0.0, -1.0], [0.0, 0.0]])
    assert mixtures.count_modes(points, centres, deviation) == (2, 0.6, 0.0)
    drawn = mixtures.draw("grid", 20_000, seed=0).reshape(-1, 2)
    modes, quality, least = mixtures.count_modes(drawn, grid, spread)
    # 1 - exp(-9 / 2) of a Gaussian of the plane lies within three deviations
    assert modes == 25 and quality == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert least == pytest.approx(0.04, abs=0.006)


@pytest.mark.slow
def test_a_model_starts_alike_whatever_was_trained_before(monkeypatch):
    mixtures = experiment("mixtures")
    monkeypatch.setattr(mixtures, "SETTINGS", mixtures.SETTINGS | SMALL)
    first = mixtures.run("ring GAN 1")
    between = mixtures.run("grid GAN 0")
    assert mixtures.run("ring GAN 1") == first and between["points"] != first.get("points")
    model = mixtures.started("GAN", 1)
    assert int(model.step) == 0 and int(model.g_optimizer.iterations) == 0


def test_variance_is_split_into_losses_and_seeds_by_hand():
    module = experiment("losses_or_seeds")
    # Logarithms 0 and 2, 4 and 6: around the means 1 and 5 the squares sum to 4, around 3 to 20.
    logs = {"minimax": (0, 2), "hinge": (4, 6), "least_squares": (9,)}
    found = {f"mnist {loss} {n}": {"distance": np.exp(x)} for loss, xs in logs.items() for n, x in enumerate(xs)}
    np.testing.assert_allclose(module.shares_of_variance(found, "mnist"), (0.8, 0.2), atol=1e-12)
    assert module.shares_of_variance(found, "fashion_mnist") is None


def test_a_run_beyond_one_limit_is_told():
    beyond, good = experiment("lsgan_stability").beyond, (0.9, 0.1, 0.9)
    names = ("sample_diversity", "duplicate_share", "class_coverage")
    assert not beyond(dict(zip(names, good)))
    for name, bad in zip(names, (0.59, 0.21, 0.49)):
        assert beyond(dict(zip(names, good)) | {name: bad})


@pytest.mark.slow
def test_small_models_start_alike_whatever_was_trained_before(monkeypatch):
    module = experiment("lsgan_stability")
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | SMALL)
    first = module.run("G Adam regular 1")
    between = module.run("G Adam regular 0")
    assert module.run("G Adam regular 1") == first and between["sample_diversity"] != first["sample_diversity"]


@pytest.mark.slow
def test_updates_of_both_players_are_counted(monkeypatch):
    module = experiment("loss_thresholds")
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | SMALL | {"updates": 6})
    monkeypatch.setattr(module, "ROUND", 1)
    monkeypatch.setitem(module.RULES, "nobody", (100.0, 100.0))
    found = {rule: module.run(f"{rule} 1") for rule in ("k=1", "k=2", "nobody")}
    counts = {rule: (each["steps"], each["d_updates"], each["g_updates"]) for rule, each in found.items()}
    assert counts == {"k=1": (3, 3, 3), "k=2": (2, 4, 2), "nobody": (6, 0, 0)}


@pytest.mark.slow
def test_digits_are_read_from_their_channels():
    from kerasgan.data import load

    images, labels = next(load("mnist", "test", labels=True, batch_size=300, shuffle=False).as_numpy_iterator())
    stacked = experiment("stacked_mnist")
    read = stacked.probabilities(images.reshape(100, 3, 28, 28).transpose(0, 2, 3, 1)).argmax(axis=-1)
    assert read.shape == (100, 3) and (read == labels.reshape(100, 3)).mean() > 0.95
    shares = stacked.shares().reshape(10, 10, 10)
    assert shares.sum() == pytest.approx(1) and shares.sum(axis=(1, 2))[1] == pytest.approx(0.1124, abs=0.002)


def test_what_learned_to_denoise_becomes_the_hidden_layers_of_a_classifier(monkeypatch):
    stacking = experiment("stacked_autoencoders")
    small = {"layers": [5, 3], "corruptions": [0.1, 0.2], "denoising_steps": 50, "batch_size": 10}
    monkeypatch.setattr(stacking, "SETTINGS", stacking.SETTINGS | small)
    images = np.random.default_rng(0).integers(256, size=(500, 28, 28, 1)).astype("uint8")
    monkeypatch.setattr(stacking.domains, "digits", lambda name, split="train": (images, np.arange(500) % 10))
    weights = stacking.stack.__wrapped__(0)
    for start, trained in weights.items():
        hidden = images.reshape((500, 784)) / 255
        for kernel, bias in trained:
            hidden = 1 / (1 + np.exp(-(hidden @ kernel + bias)))
        network = stacking.classifier(trained)
        seen = keras.Model(network.inputs, network.layers[-2].output).predict(images / 127.5 - 1, verbose=0)
        np.testing.assert_allclose(seen, hidden, atol=1e-4, err_msg=start)
    before, after = ([kernel for kernel, _ in weights[start]] for start in stacking.STARTS)
    assert all(np.abs(old - new).max() > 1e-4 for old, new in zip(before, after, strict=True))
    rows = stacking.chosen(np.arange(500) % 10, 100, seed=0)
    assert len(set(rows)) == 100 and np.bincount(rows % 10).tolist() == [10] * 10
