import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kerasgan import plots
from kerasgan.callbacks import Checkpoint, CollapseMonitor, CSVLogger, ScoreMonitor
from kerasgan.metrics import (
    FrechetDistance,
    GeneratorScore,
    PrecisionRecall,
    Score,
    perceptual_path_length,
    score_images,
    weights_hash,
)


class Distance(keras.metrics.Metric):
    """|mean of the real images - mean of the generated ones|, and how often it was shown how many."""

    def __init__(self, name="distance"):
        super().__init__(name=name)
        self.shown = []
        self.reset_state()

    def reset_state(self):
        self.real, self.fake = [], []

    def update_state(self, real, fake):
        assert real.shape == fake.shape
        self.real.append(np.array(real))
        self.fake.append(np.array(fake))

    def result(self):
        real, fake = np.concatenate(self.real), np.concatenate(self.fake)
        self.shown.append(len(real))
        return float(abs(real.mean() - fake.mean()))


class Script(keras.metrics.Metric):
    """Gives results, or raises errors, as told."""

    def __init__(self, results, name="script"):
        super().__init__(name=name)
        self.results = iter(results)

    def reset_state(self):
        pass

    def update_state(self, real, fake):
        pass

    def result(self):
        result = next(self.results)
        if isinstance(result, Exception):
            raise result
        return result


def lines(directory):
    return [json.loads(line) for line in (directory / "scores.jsonl").read_text().splitlines()]


def test_pandas_reads_the_scores_by_the_line_of_the_guide(tmp_path, monkeypatch, make_model, make_dataset):
    pandas = pytest.importorskip("pandas", reason="pandas is missing: pip install pandas")
    monkeypatch.chdir(tmp_path)
    monitor = ScoreMonitor([Distance()], make_dataset(), num_images=8, verbose=0)
    log = make_model().fit(make_dataset(), epochs=2, verbose=0, callbacks=[monitor]).history
    guide = (Path(__file__).parents[2] / "tutorials" / "training.md").read_text()
    (line,) = re.findall(r"`(pandas\.\S*\(.*scores\.jsonl.*\))`", guide)
    table = eval(line, {"pandas": pandas})  # noqa: S307
    assert list(table.columns) == ["distance"]
    np.testing.assert_allclose(table["distance"], log["distance"], rtol=1e-9)


def test_scores_are_of_the_averaged_samples(tmp_path, make_model, make_dataset):
    model = make_model()
    metric = Distance()
    monitor = ScoreMonitor([metric], make_dataset(), num_images=20, directory=tmp_path, seed=5, verbose=0)
    log = model.fit(make_dataset(), verbose=0, callbacks=[monitor]).history
    assert metric.shown == [20]
    fake = np.concatenate([model.generate(8, seed=5 + start) for start in (0, 8, 16)])[:20]
    np.testing.assert_allclose(np.concatenate(metric.fake), fake, atol=1e-6)
    assert np.abs(model.generator.predict(model.sample_latents(8, 5), verbose=0) - fake[:8]).max() > 1e-4
    expected = abs(np.concatenate(metric.real).mean() - fake.mean())
    assert log["distance"] == [pytest.approx(expected, abs=1e-6)]
    (record,) = lines(tmp_path)
    assert record["scores"] == {"distance": log["distance"][0]}
    assert (record["epoch"], record["step"], record["num_real"], record["errors"]) == (1, 5, 20, {})
    with Image.open(tmp_path / "scores.png") as picture:
        assert picture.size[0] > 300


def weights_of(model):
    return [np.array(weight) for weight in model.weights]


@pytest.mark.parametrize("name, mode, best_epoch", [("x", None, 2), ("x", "max", 4), ("recall", None, 4)])
def test_the_best_weights_are_kept(tmp_path, make_model, make_dataset, name, mode, best_epoch):
    model = make_model()
    metric = Script([5.0, 1.0, 3.0, 9.0, 4.0], name)
    monitor = ScoreMonitor([metric], make_dataset(), num_images=8, mode=mode, directory=tmp_path, verbose=0)
    seen = []
    see = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(weights_of(model)))
    model.fit(make_dataset(), epochs=5, verbose=0, callbacks=[monitor, see])
    assert monitor.best["epoch"] == best_epoch
    other = make_model(seed=1)
    other.load_weights(tmp_path / "best.weights.h5")
    assert int(other.step) == 5 * best_epoch
    for a, b in zip(weights_of(other), seen[best_epoch - 1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_n_epochs_and_several_scores(tmp_path, make_model, make_dataset):
    metrics = [Distance(), Script([{"precision": 0.5, "recall": 0.25}])]
    monitor = ScoreMonitor(metrics, make_dataset(), 2, 8, monitor="recall", directory=tmp_path, verbose=0)
    csv = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    log = make_model().fit(make_dataset(), epochs=3, verbose=0, callbacks=[monitor, csv]).history
    assert np.isnan(log["distance"]).tolist() == [True, False, True]
    np.testing.assert_array_equal(log["recall"], [np.nan, 0.25, np.nan])
    assert [record["epoch"] for record in lines(tmp_path)] == [2]
    assert "distance" in (tmp_path / "log.csv").read_text().splitlines()[0]
    assert monitor.best["scores"]["recall"] == 0.25


def precision_and_recall(epochs):
    return Script([{"precision": each / 8, "recall": each / 4} for each in range(1, epochs + 1)], "pr")


@pytest.mark.parametrize("parts", [(), ("precision", "recall")])
def test_scores_of_every_second_epoch_have_a_value_per_epoch_in_every_log(tmp_path, make_model, make_dataset, parts):
    metric = precision_and_recall(2)
    metric.parts = parts
    monitor = ScoreMonitor([metric], make_dataset(), 2, 8, directory=tmp_path, verbose=0)
    log = CSVLogger(tmp_path / "log.csv")
    history = make_model().fit(make_dataset(), epochs=4, verbose=0, callbacks=[monitor, log])
    assert "pr" not in history.history
    for epochs, curves in (plots.read_log(history), plots.read_log(tmp_path / "log.csv")):
        assert epochs.tolist() == [1, 2, 3, 4] and len(set(curves) - {"precision", "recall"}) == 4
        np.testing.assert_array_equal(curves["precision"], [np.nan, 0.125, np.nan, 0.25])
        np.testing.assert_array_equal(curves["recall"], [np.nan, 0.25, np.nan, 0.5])
    assert ",pr," not in (tmp_path / "log.csv").read_text()


def test_a_resumed_log_keeps_its_columns(tmp_path, make_model, make_dataset):
    for epochs in (1, 3):
        monitor = ScoreMonitor([precision_and_recall(2)], make_dataset(), 1, 8, directory=tmp_path, verbose=0)
        log = CSVLogger(tmp_path / "log.csv", append=True)
        callbacks = [Checkpoint(tmp_path / "c"), monitor, log]
        make_model().fit(make_dataset(), epochs=epochs, verbose=0, callbacks=callbacks)
    epochs, curves = plots.read_log(tmp_path / "log.csv")
    assert epochs.tolist() == [1, 2, 3] and len(curves) == 6
    assert curves["precision"].tolist() == [0.125, 0.125, 0.25] and curves["recall"].tolist() == [0.25, 0.25, 0.5]


def test_scores_carry_their_protocol(tmp_path, make_model, make_dataset, images):
    model = make_model()
    pixels = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()], name="pixels")

    def path_length():
        return perceptual_path_length(model.decode, 4, lambda a, b: ((a - b) ** 2).mean(axis=(1, 2, 3)), 4, 0.1)

    metrics = [FrechetDistance(pixels), PrecisionRecall(pixels, k=2, max_images=40), Distance()]
    metrics.append(GeneratorScore(path_length, "path_length", {"epsilon": 0.1}))
    monitor = ScoreMonitor(
        metrics, make_dataset(), num_images=20, directory=tmp_path, verbose=0, data="noise", split="test", seed=3
    )
    model.fit(make_dataset(), verbose=0, callbacks=[monitor])
    (record,) = lines(tmp_path)
    assert record["errors"] == {}
    assert list(record["stamps"]) == ["frechet_distance", "precision", "recall", "distance", "path_length"]
    assert record["scores"] == {name: stamp["value"] for name, stamp in record["stamps"].items()}
    distance, recall = (Score(**record["stamps"][name]) for name in ("frechet_distance", "recall"))
    assert (distance.extractor, distance.resize) == ("pixels", "bilinear 8x8")
    assert distance.weights_hash == weights_hash(pixels)
    assert (distance.num_real, distance.num_generated, distance.dataset, distance.split, distance.seed) == (
        20, 20, "noise", "test", 3,
    )  # fmt: skip
    assert recall.settings == {"k": 2} and record["stamps"]["path_length"]["settings"] == {"epsilon": 0.1}
    # one protocol with `score_images` on as many images
    other = score_images(images[:20], images[20:], ["fd"], pixels, dataset="noise", split="test")["frechet_distance"]
    assert distance - other == distance.value - other.value


def test_progress_is_shown(tmp_path, make_model, make_dataset, capsys):
    for verbose, shown in ((1, True), (0, False)):
        monitor = ScoreMonitor(
            [Distance()], make_dataset(), num_images=16, directory=tmp_path / str(verbose), verbose=verbose
        )
        make_model().fit(make_dataset(), verbose=0, callbacks=[monitor])
        assert ("16/16" in capsys.readouterr().out) == shown


def test_a_metric_that_fails_is_recorded_and_training_goes_on(tmp_path, make_model, make_dataset):
    metrics = [Script([1.0, 2.0, 3.0], "good"), Script([RuntimeError("no memory"), float("nan"), 7.0], "bad")]
    monitor = ScoreMonitor(metrics, make_dataset(), num_images=8, monitor="bad", directory=tmp_path, verbose=0)
    model = make_model()
    with pytest.warns(UserWarning) as caught:
        log = model.fit(make_dataset(), epochs=3, verbose=0, callbacks=[monitor, Checkpoint(tmp_path / "c")]).history
    messages = [str(warning.message) for warning in caught if "Training continues" in str(warning.message)]
    assert messages == [
        "Epoch 1: no bad, because of RuntimeError: no memory. Training continues.",
        "Epoch 2: no bad, because of ValueError: bad is nan. Training continues.",
    ]
    assert int(model.step) == 15
    assert log["good"] == [1.0, 2.0, 3.0]
    assert [record["errors"] for record in lines(tmp_path)] == [
        {"bad": "RuntimeError: no memory"},
        {"bad": "ValueError: bad is nan"},
        {},
    ]
    assert monitor.best["epoch"] == 3
    # A score that is missing is no reason to save no state.
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_data_that_fail(tmp_path, make_model, make_dataset):
    monitor = ScoreMonitor([Distance()], make_dataset().map(lambda x: x[..., :0]), directory=tmp_path, verbose=0)
    model = make_model()
    with pytest.warns(UserWarning, match="no distance"):
        model.fit(make_dataset(), verbose=0, callbacks=[monitor])
    assert int(model.step) == 5
    assert monitor.best is None
    assert not (tmp_path / "best.weights.h5").exists()


@pytest.mark.parametrize("empty_from", [1, 2])
def test_an_evaluation_without_images_has_no_score(tmp_path, make_model, make_dataset, empty_from):
    class Emptied:
        reads = 0

        def __iter__(self):
            self.reads += 1
            return iter(make_dataset().take(0 if self.reads >= empty_from else 1))

    monitor = ScoreMonitor([Script([0.5], "m")], Emptied(), num_images=16, directory=tmp_path, verbose=0)
    with pytest.warns(UserWarning) as caught:
        log = make_model().fit(make_dataset(), epochs=2, verbose=0, callbacks=[monitor]).history
    said = "no samples, because of ValueError: `dataset` must hold at least one image. Received: none. Training"
    messages = [str(each.message) for each in caught if "Epoch" in str(each.message)]
    assert messages == [f"Epoch {epoch}: {said} continues." for epoch in range(empty_from, 3)]
    scored = empty_from - 1
    np.testing.assert_array_equal(log["m"], [0.5] * scored + [np.nan] * (2 - scored))
    assert [(line["num_real"], line["scores"], list(line["errors"])) for line in lines(tmp_path)] == [
        *[(8, {"m": 0.5}, [])] * scored,
        *[(0, {}, ["samples"])] * (2 - scored),
    ]
    assert (monitor.best and monitor.best["epoch"]) == (1 if scored else None)
    assert (tmp_path / "best.weights.h5").exists() == bool(scored)


def test_another_number_of_images_is_a_warning_once(tmp_path, make_model, make_dataset):
    class Changing:
        counts = iter([2, 2, 0, 2, 1, 2])  # batches

        def __iter__(self):
            return iter(make_dataset().take(next(self.counts)))

    def fit(epochs, num_images):
        results = [RuntimeError("no memory"), *[1.0] * 5] if epochs == 6 else [1.0]
        monitor = ScoreMonitor(
            [Script(results, "m")], Changing() if epochs == 6 else make_dataset(), num_images=num_images,
            directory=tmp_path / "s", verbose=0,
        )  # fmt: skip
        with pytest.warns(UserWarning) as caught:
            make_model().fit(make_dataset(), epochs=epochs, verbose=0, callbacks=[Checkpoint(tmp_path / "c"), monitor])
        return [str(each.message) for each in caught if "equally many images" in str(each.message)]

    (first,) = fit(6, 40)
    assert "equally many images: 16 before. Received: 8 in epoch 5. Remedy: the same `num_images`" in first
    (resumed,) = fit(7, 24)
    assert "equally many images: 16 before. Received: 24 in epoch 7. Remedy" in resumed


def test_an_unknown_monitor_is_said(tmp_path, make_model, make_dataset):
    monitor = ScoreMonitor([Script([1.0])], make_dataset(), num_images=8, monitor="fid", directory=tmp_path, verbose=0)
    with pytest.warns(UserWarning, match=r"one of \['script'\]. Received: 'fid'"):
        make_model().fit(make_dataset(), verbose=0, callbacks=[monitor])


def test_scoring_does_not_touch_the_training(tmp_path, make_model, make_dataset):
    plain, scored = make_model(), make_model()
    plain.fit(make_dataset(), epochs=2, verbose=0)
    monitor = ScoreMonitor([Distance()], make_dataset(), num_images=16, directory=tmp_path, verbose=0)
    scored.fit(make_dataset(), epochs=2, verbose=0, callbacks=[monitor])
    for a, b in zip(weights_of(plain), weights_of(scored), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_continued_run_remembers_its_best(tmp_path, make_model, make_dataset):
    options = dict(num_images=8, directory=tmp_path / "scores", verbose=0)
    first = ScoreMonitor([Script([3.0, 2.0])], make_dataset(), **options)
    model = make_model()
    model.fit(make_dataset(), epochs=2, verbose=0, callbacks=[Checkpoint(tmp_path / "c"), first])
    with open(tmp_path / "scores" / "scores.jsonl", "a") as file:
        # Scored beyond the newest checkpoint, and killed while writing the next line.
        file.write(json.dumps(first.best | {"epoch": 3, "step": 15, "scores": {"script": 1.0}}) + '\n{"epo')
    second = ScoreMonitor([Script([2.5, 1.5])], make_dataset(), **options)
    callbacks = [Checkpoint(tmp_path / "c"), second]
    seen = []
    callbacks.append(keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(second.best["step"])))
    resumed = make_model()
    resumed.fit(make_dataset(), epochs=4, verbose=0, callbacks=callbacks)
    assert seen == [10]
    assert [record["scores"]["script"] for record in second.records] == [3.0, 2.0, 2.5, 1.5]
    assert second.best["epoch"] == 4
    text = (tmp_path / "scores" / "scores.jsonl").read_text().splitlines()
    assert text[3] == '{"epo'
    assert [json.loads(line)["epoch"] for line in text[4:]] == [3, 4]


def contents(folder, pattern="*"):
    return {path.name: path.read_bytes() for path in folder.glob(pattern)}


def test_a_new_training_puts_the_scores_of_an_older_one_aside(tmp_path, make_model, make_dataset):
    scores = tmp_path / "scores"

    def train(steps, epochs, results, run):
        monitor = ScoreMonitor([Script(results, "m")], make_dataset(), num_images=8, directory=scores, verbose=0)
        callbacks = [Checkpoint(tmp_path / run), monitor]
        make_model().fit(make_dataset(), epochs=epochs, steps_per_epoch=steps, verbose=0, callbacks=callbacks)
        return monitor

    train(1, 1, [0.5], "old")
    old = contents(scores)
    with pytest.warns(UserWarning, match="holds the scores of another training.*old_1_best.weights.h5"):
        train(2, 1, [2.0], "new")
    resumed = train(2, 2, [1.0], "new")
    assert (
        [record["scores"]["m"] for record in resumed.records]
        == [2.0, 1.0]
        == [line["scores"]["m"] for line in lines(scores)]
    )
    assert resumed.best["step"] == 4
    other = make_model(seed=1)
    other.load_weights(scores / "best.weights.h5")
    assert int(other.step) == 4
    assert contents(scores, "old_1_*") == {f"old_1_{name}": content for name, content in old.items()}
    with pytest.warns(UserWarning, match="old_2_scores.jsonl"):
        train(1, 1, [7.0], "newest")
    assert len(contents(scores, "old_1_*")) == len(contents(scores, "old_2_*")) == 4


def test_the_default_monitor_is_of_the_first_metric_even_if_it_fails_at_first(tmp_path, make_model, make_dataset):
    metrics = [Script([RuntimeError("no memory"), 5.0, 3.0], "first"), Script([1.0, 2.0, 3.0], "second")]
    monitor = ScoreMonitor(metrics, make_dataset(), num_images=8, directory=tmp_path, verbose=0)
    with pytest.warns(UserWarning, match="no first, because of RuntimeError"):
        make_model().fit(make_dataset(), epochs=3, verbose=0, callbacks=[monitor])
    assert (monitor.monitor, monitor.best["epoch"]) == ("first", 3)
    assert json.loads((tmp_path / "best.json").read_text()) == {"monitor": "first", "mode": "min", "step": 15}


@pytest.mark.parametrize("change", [{"monitor": "b"}, {"mode": "max"}])
def test_a_run_resumed_with_another_monitor_seeks_the_best_anew(tmp_path, make_model, make_dataset, change):
    scores = tmp_path / "scores"

    def train(epochs, a, b, **options):
        metrics = [Script(a, "a"), Script(b, "b")]
        monitor = ScoreMonitor(metrics, make_dataset(), num_images=8, directory=scores, verbose=0, **options)
        callbacks = [Checkpoint(tmp_path / "c"), monitor]
        make_model().fit(make_dataset(), epochs=epochs, verbose=0, callbacks=callbacks)
        return monitor

    def step_of(name):
        model = make_model(seed=1)
        model.load_weights(scores / name)
        return int(model.step)

    assert train(2, [2.0, 1.0], [1.0, 2.0]).best["epoch"] == 2
    with pytest.warns(UserWarning, match="'step': 5}. Received: {'monitor': 'a', 'mode': 'min', .* in old_1_best"):
        monitor = train(3, [9.0], [9.0], **change)
    assert monitor.best["epoch"] == 3 and len(monitor.records) == 3
    assert (step_of("best.weights.h5"), step_of("old_1_best.weights.h5")) == (15, 10)


def test_refuses(make_dataset):
    with pytest.raises(ValueError, match="`mode`.*Received: 'auto'"):
        ScoreMonitor([Distance()], make_dataset(), mode="auto")
    with pytest.raises(ValueError, match="at least one"):
        ScoreMonitor([], make_dataset())
    batches = list(make_dataset())
    for once in (iter(make_dataset()), make_dataset().as_numpy_iterator(), (batch for batch in batches), iter(batches)):
        said = "iterator can be read only once. Remedy: a `tf.data.Dataset`, such as `kerasgan.data.from_arrays"
        for make in (lambda data: ScoreMonitor([Distance()], data), CollapseMonitor):
            with pytest.raises(ValueError, match=rf"{said}.*Received: {type(once).__name__}"):
                make(once)
    assert len(ScoreMonitor([Distance()], batches).dataset) == 5
