import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.metrics import (
    Extractor,
    FrechetDistance,
    GeneratorScore,
    ImageQuality,
    Score,
    extract_features,
    frechet_distance_from_features,
    inception_score,
    precision_recall,
    score_images,
    scoring,
    weights_hash,
)

PROTOCOL = {
    "metric": "frechet_distance",
    "extractor": "mnist classifier features",
    "weights_hash": "ab" * 32,
    "resize": "bilinear 28x28",
    "num_real": 10000,
    "num_generated": 5000,
    "dataset": "mnist",
    "split": "test",
    "truncation": 0.7,
    "settings": {"k": 3},
    "image_size": "64x64",
}


def test_one_protocol_can_be_compared():
    low, high = Score(1.5, **PROTOCOL, seed=1), Score(4.0, **PROTOCOL, seed=2)
    assert high - low == 2.5 and low - high == -2.5
    assert low < high and high > low and low <= low and not high <= low
    assert low == Score(1.5, **PROTOCOL) and low != high
    assert sorted([high, low]) == [low, high] and min(high, low) is low
    assert float(low) == 1.5


@pytest.mark.parametrize("field", [*PROTOCOL, "precision"])
def test_another_protocol_cannot(field):
    other = {"num_real": 1, "num_generated": 1, "truncation": 0.5, "settings": {"k": 4}}.get(field, "other")
    a, b = Score(1.0, **PROTOCOL), Score(1.0, **{**PROTOCOL, field: other})
    for operation in (lambda: a - b, lambda: a < b, lambda: a == b, lambda: a >= b, lambda: sorted([a, b])):
        with pytest.raises(ValueError, match=f"They differ in {field}: [^;]*$"):
            operation()


def test_all_differing_fields_are_named():
    with pytest.raises(ValueError, match="num_real: 10000 != 1; dataset: 'mnist' != 'svhn'"):
        Score(1.0, **PROTOCOL) - Score(1.0, **{**PROTOCOL, "num_real": 1, "dataset": "svhn"})
    with pytest.raises(TypeError):
        Score(1.0, **PROTOCOL) - 1.0
    with pytest.raises(TypeError):
        Score(1.0, **PROTOCOL) < 2.0  # noqa: B015


def test_prints_as_one_line():
    line = str(Score(12.34567, **PROTOCOL, seed=7, sd=0.25))
    assert "\n" not in line
    for part in (
        "frechet_distance 12.3457 +/- 0.25",
        "mnist classifier features (ababab",
        "bilinear 28x28",
        "10000 real / 5000 generated",
        "data mnist/test",
        "seed 7",
        "truncation 0.7",
        "float32",
        "k 3",
        f"keras {keras.__version__}",
    ):
        assert part in line


def test_json_round_trip():
    score = Score(0.1 + 0.2, **PROTOCOL, seed=7, sd=0.25)
    text = score.to_json()
    assert "\n" not in text and json.loads(text)["value"] == 0.1 + 0.2
    copy = Score.from_json(text)
    assert copy.to_json() == text and copy - score == 0.0
    with pytest.raises(ValueError, match="must hold the fields"):
        Score.from_json('{"value": 1.0}')
    with pytest.raises(ValueError, match="Received: list"):
        Score.from_json("[]")


def test_a_score_of_before_the_size_was_stated_is_read():
    fields = json.loads(Score(1.0, **PROTOCOL).to_json())
    del fields["image_size"]
    old = Score.from_json(json.dumps(fields))
    assert old.image_size is None and old.value == 1.0
    with pytest.raises(ValueError, match="They differ in image_size: None != '64x64'"):
        old < Score(2.0, **PROTOCOL)  # noqa: B015


def sized(size, count=24):
    return np.random.default_rng(size).uniform(-1, 1, (count, size, size, 1)).astype("float32")


def test_scores_of_models_of_two_sizes_are_not_compared():
    """The extractor brings both to one size, so that nothing else differs."""
    extractor = Extractor(lambda images: images[:, :2, 0, 0], name="pixels", size=(4, 4))
    classifier = Extractor(lambda images: keras.ops.softmax(images[:, 0, :3, 0]), name="classes", size=(4, 4))

    def score(size, real, metrics=("fd", "is")):
        return score_images(real, sized(size), metrics, extractor, classifier)

    large, small = score(8, sized(8)), score(6, sized(6))
    for name in ("frechet_distance", "inception_score"):
        with pytest.raises(ValueError, match="They differ in image_size: '8x8' != '6x6'$"):
            large[name] < small[name]  # noqa: B015
        assert "images 8x8" in str(large[name])
        assert large[name] - score(8, sized(8))[name] == 0
    # Real images of another size are stated, too; batches of several sizes as well.
    assert score(6, sized(8), ["fd"])["frechet_distance"].image_size == "6x6 (real 8x8)"
    mixed = [sized(6), sized(8)]
    assert score_images(sized(8), mixed, ["fd"], extractor)["frechet_distance"].image_size == "6x6, 8x8 (real 8x8)"


def test_metrics_that_stream_state_the_size():
    metric = FrechetDistance(Extractor(lambda images: images[:, :2, 0, 0], name="pixels", num_features=2))
    metric.update_state(sized(8), sized(6))
    assert metric.stamps({"frechet_distance": 1.0})["frechet_distance"].image_size == "6x6 (real 8x8)"
    metric.reset_state()
    metric.update_state(sized(6), sized(6))
    assert metric.stamps({"frechet_distance": 1.0})["frechet_distance"].image_size == "6x6"
    metric = ImageQuality("psnr")
    update = tf.function(metric.update_state)
    update(sized(8), sized(8))
    metric.reset_state()
    update(sized(8), sized(8))
    assert metric.stamps({"psnr": 1.0})["psnr"].image_size == "8x8"
    assert GeneratorScore(lambda: 1.0, "length").stamps({"length": 1.0})["length"].image_size is None


def test_score_images_stamps_what_it_did():
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, size=(30, 4, 4, 1)).astype("float32")
    fake = random.uniform(-2, 1, size=(25, 4, 4, 1)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)], name="tiny")
    classifier = keras.Sequential([*model.layers, keras.layers.Softmax(dtype="float64")], name="judge")
    classifier.build((None, 4, 4, 1))
    scores = score_images(
        real, fake, ["fd", "kd", "pr", "dc", "is"], model, classifier, dataset="noise", split="test", seed=3
    )
    a, b = extract_features(real, model), extract_features(np.clip(fake, -1, 1), model)
    assert float(scores["frechet_distance"]) == pytest.approx(frechet_distance_from_features(a, b), rel=1e-6)
    assert (scores["precision"].value, scores["recall"].value) == precision_recall(a, b)
    probabilities = extract_features(np.clip(fake, -1, 1), classifier)
    assert scores["inception_score"].value == pytest.approx(inception_score(probabilities).mean, rel=1e-6)
    assert set(scores) == {
        "frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "inception_score",
    }  # fmt: skip
    stamp = scores["frechet_distance"]
    assert (stamp.extractor, stamp.weights_hash, stamp.resize) == ("tiny", weights_hash(model), "bilinear 4x4")
    assert (stamp.num_real, stamp.num_generated, stamp.dataset, stamp.split, stamp.seed) == (30, 25, "noise", "test", 3)
    assert scores["inception_score"].num_real == 0 and scores["inception_score"].extractor == "judge"
    # fewer than a subset's 1,000 images: the sets whole, once
    assert scores["kernel_distance"].settings == {"subsets": 1} and scores["kernel_distance"].sd is None
    assert set(scores["kernel_distance"].versions) == {"python", "kerasgan", "tensorflow", "keras", "numpy"}
    with pytest.raises(ValueError, match="differ in metric: 'precision' != 'recall'"):
        scores["precision"] - scores["recall"]


def test_recognizability_and_label_accuracy_are_those_of_the_classifier():
    real = 1 - 2 * np.linspace(0.5, 0.99, 20, dtype="float32").reshape((20, 1, 1, 1))
    fake = 1 - 2 * np.array([0.95, 0.1, 0.55, 0.005], "float32").reshape((4, 1, 1, 1))

    def judge(images):
        sure = (1 - tf.cast(images[:, 0, 0], tf.float64)) / 2  # the probability of class 1
        return tf.concat([1 - sure, sure], axis=1)

    scores = score_images(real, fake, ["rec", "acc"], classifier=judge, labels=[1, 0, 0, 0], dataset="d", split="test")
    # the second least sure of 20 real images is the threshold, 0.526: all four top probabilities pass it
    assert scores["recognizability"].value == 1.0 and scores["recognizability"].settings == {"level": 0.95}
    assert scores["recognizability"].num_real == 20 and scores["recognizability"].num_generated == 4
    assert scores["label_accuracy"].value == 0.75 and scores["label_accuracy"].num_real == 0
    assert scores["label_accuracy"].sd == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    half = 1 - 2 * np.array([0.51, 0.95], "float32").reshape((2, 1, 1, 1))
    assert score_images(real, half, ["rec"], classifier=judge)["recognizability"].value == 0.5
    with pytest.raises(ValueError, match="`labels` must hold a class for each of 4 images for 'acc'. Received: none"):
        score_images(real, fake, ["acc"], classifier=judge)
    with pytest.raises(ValueError, match=r"Received: \(3,\)"):
        score_images(real, fake, ["acc"], classifier=judge, labels=[1, 0, 0])


def test_subsets_are_stated(monkeypatch):
    monkeypatch.setattr(scoring, "SUBSET", 10)
    random = np.random.default_rng(0)
    real, fake = random.uniform(-1, 1, size=(2, 11, 1, 1, 2)).astype("float32")
    score = score_images(real, fake, ["kd"], lambda x: x)["kernel_distance"]
    assert score.settings == {"subsets": 100, "subset_size": 10, "subset_seed": 0} and score.sd > 0


def test_progress_is_told(capsys):
    images = np.random.default_rng(0).uniform(-1, 1, size=(8, 4, 4, 1)).astype("float32")
    score_images(images, images, ["fd"], lambda x: x)
    assert capsys.readouterr().out == ""
    score_images(images, images, ["fd"], lambda x: x, verbose=1)
    told = capsys.readouterr().out
    assert "Features of the real images" in told and "1/1" in told and "Fréchet distance ..." in told


def test_all_networks_look_at_the_images_in_one_pass(capsys):
    """A model that draws the batches when they are read draws each image once."""

    class Batches:
        def __init__(self, seed):
            self.images, self.passes = np.random.default_rng(seed).uniform(-1, 1, (3, 8, 1, 1, 3)).astype("float32"), 0

        def __iter__(self):
            self.passes += 1
            return iter(self.images)

    def judge(images):
        return tf.nn.softmax(3 * images[:, 0, 0])

    real, fake, labels = Batches(0), Batches(1), np.zeros(24, int)
    scores = score_images(real, fake, ["fd", "rec", "acc"], lambda x: x, judge, labels=labels, verbose=1)
    assert real.passes == fake.passes == 1
    assert capsys.readouterr().out.count("by <lambda> and judge:") == 2
    arrays = [batches.images.reshape(24, 1, 1, 3) for batches in (real, fake)]
    assert scores == {
        **score_images(*arrays, ["fd"], lambda x: x),
        **score_images(*arrays, ["rec", "acc"], classifier=judge, labels=labels),
    }


def test_refusals():
    images = np.random.default_rng(0).uniform(-1, 1, size=(8, 4, 4, 1))
    with pytest.raises(ValueError, match="`metrics` must be among .*Received: .'fid'."):
        score_images(images, images, ["fid"], "mnist")
    with pytest.raises(ValueError, match="`extractor` must be a name"):
        score_images(images, images, ["fd"])
    with pytest.raises(ValueError, match="`classifier` must be a name"):
        score_images(images, images, ["is"], lambda x: x)
    for metric, least in (("is", 20), ("dc", 6), ("pr", 4), ("fd", 2)):
        few = images.repeat(3, axis=0)[: least - 1]
        with pytest.raises(ValueError, match=f"`fake` must hold at least {least} images for '{metric}'. Received: "):
            score_images(images, few, [metric], lambda x: x, lambda x: x)
    with pytest.raises(ValueError, match="`real` must hold at least 2 images for 'kd'. Received: 1"):
        score_images(images[:1], images, ["kd"], lambda x: x)
