"""Cards: written by code, checked against the schema, and turned into pages."""

import copy
import csv
import io
import json

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import zoo
from kerasgan.metrics import Score
from kerasgan.zoo import _card, _pages, _schema, classifiers

PAPER = {"title": "A Paper", "authors": "A. Author", "year": 2014, "url": "https://example.org"}
SCORES = [
    zoo.card_score(Score(0.83123, "recognizability", sd=0.0075, num_generated=100), floor=0.95, paper=0.5),
    Score(5.25, "frechet_distance", extractor="features"),
    zoo.card_score(Score(7.0, "hidden"), table=False),
]


class Sampler(keras.Model):
    """The part of a model's interface that the zoo relies on, with weights that half precision rounds."""

    sampling_networks = ("generator",)
    network_names = ("generator", "discriminator")

    def __init__(self, averaged=True):
        super().__init__()
        self.generator, self.discriminator = self.network("generator", 4, 9), self.network("discriminator", 9, 1)
        self.ema_generator = self.network("average", 4, 9) if averaged else None
        self.built = True

    @staticmethod
    def network(name, inputs, outputs):
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs, activation="tanh")], name=name)

    def sampler(self, name="generator"):
        average = getattr(self, f"ema_{name}", None)
        return getattr(self, name) if average is None else average

    def generate(self, num_images, seed=None, shift=0.0):
        latents = np.random.default_rng(seed).normal(size=(num_images, 4)).astype("float32") + shift
        return self.sampler()(latents).numpy().reshape(-1, 3, 3, 1)


def write(folder, model, **changes):
    arguments = {
        "description": "A toy.",
        "paper": PAPER,
        "data": "mnist",
        "training": zoo.training_record(steps=10, batch_size=64, seed=3, hours=0.5),
        "scores": SCORES,
        "headline": "recognizability",
        "pictures": model.generate(4, seed=0),
        "sample": {"method": "generate", "arguments": {"num_images": 2, "seed": 1}},
    }
    return zoo.write_entry(folder, model, **(arguments | changes))


def test_an_entry_holds_the_averaged_weights_and_its_sample(tmp_path):
    model = Sampler()
    average = model.ema_generator.get_weights()
    card = write(tmp_path / "toy_mnist", model)
    assert sorted(p.name for p in (tmp_path / "toy_mnist").iterdir()) == [
        "README.md",
        "card.json",
        "discriminator.weights.h5",
        "generator.weights.h5",
        "sample.npz",
        "samples.png",
    ]
    loaded = Sampler()
    _card.load_networks(
        loaded,
        {
            f"{stem}.weights.h5": tmp_path / "toy_mnist" / f"{stem}.weights.h5"
            for stem in ("generator", "discriminator")
        },
    )
    for expected, generator, ema in zip(average, loaded.generator.get_weights(), loaded.ema_generator.get_weights()):
        np.testing.assert_allclose(generator, expected, rtol=2**-11, atol=1e-7)
        np.testing.assert_array_equal(generator, ema)
    assert _card.sample_error(loaded, tmp_path / "toy_mnist" / "sample.npz", card["sample"]) < 1e-6
    loaded.ema_generator.layers[0].bias.assign([0.1] * 9)
    assert _card.sample_error(loaded, tmp_path / "toy_mnist" / "sample.npz", card["sample"]) > 1e-2


def test_the_card_records_what_was_given_and_what_is(tmp_path):
    model = Sampler(averaged=False)
    card = write(tmp_path / "toy_mnist", model)
    assert card == json.loads((tmp_path / "toy_mnist" / "card.json").read_text())
    assert card["name"] == "toy_mnist"
    assert card["data"]["licence"] == "CC BY-SA 3.0"
    assert card["parameters"] == {"generator": 4 * 9 + 9, "discriminator": 9 + 1}
    assert card["training"]["images_seen"] == 640
    assert card["training"]["versions"]["keras"] == keras.__version__
    assert "cores" in card["training"]["machine"]
    assert card["scores"][0]["floor"] == 0.95 and card["scores"][0]["num_generated"] == 100
    distance = card["scores"][1]
    assert (distance["metric"], distance["value"], distance["extractor"]) == ("frechet_distance", 5.25, "features")
    assert (distance["floor"], distance["paper"], distance["table"]) == (None, None, True)
    for name, about in card["files"].items():
        path = tmp_path / "toy_mnist" / name
        assert about == {"size": path.stat().st_size, "sha256": _card.sha256_of(path)}


def test_networks_that_are_not_trained_are_stored_too():
    model = kerasgan.DomainTransferNetwork(image_size=16, width=2)
    assert set(_card.networks_of(model)) == {"generator", "discriminator", "features"}


def test_an_entry_may_leave_networks_out(tmp_path):
    card = write(tmp_path / "toy_mnist", Sampler(), networks=["generator"])
    assert set(card["files"]) == {"generator.weights.h5", "sample.npz"} and set(card["parameters"]) == {"generator"}
    assert not (tmp_path / "toy_mnist" / "discriminator.weights.h5").exists()


def test_the_first_stages_generator_is_the_one_that_the_second_holds(tmp_path):
    def stacked(seed):
        keras.utils.set_random_seed(seed)
        stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=4, width=2, condition_dim=4)
        stage1.compile(ema_decay=0.5)
        return kerasgan.StackGAN(
            stage1, kerasgan.StackGANStage2(stage1, image_size=32, width=2, blocks=1, condition_dim=4)
        )

    def save(name, model):
        return zoo.save_weights(_card.networks_of(model)[name], tmp_path / f"{name}.weights.h5", half=False)

    first, second = stacked(1), stacked(2)
    stored = [save("stage2_generator", first), save("stage1_generator", second)]
    sketcher = first.stage2.generator.get_layer("sketcher").get_weights()
    own = second.stage1.generator.get_weights()
    assert any(np.any(ours != theirs) for ours, theirs in zip(own, sketcher))
    _card.load_networks(second, {path.name: path for path in stored[:1]})
    for network in (second.stage1.generator, second.stage1.sampler()):
        for ours, theirs in zip(network.get_weights(), sketcher):
            np.testing.assert_array_equal(ours, theirs)
    assert second.stage1.sampler() is not second.stage1.generator
    # Where its own file is given, that is taken.
    _card.load_networks(first, {path.name: path for path in stored})
    for ours, theirs in zip(first.stage1.sampler().get_weights(), own):
        np.testing.assert_array_equal(ours, theirs)


def test_arrays_of_the_sample_are_stored_beside_its_output(tmp_path):
    model = Sampler()
    arguments = {"num_images": 2, "seed": 1, "shift": np.full(4, 3.0, "float32")}
    card = write(tmp_path / "toy_mnist", model, sample={"method": "generate", "arguments": arguments})
    assert card["sample"]["arguments"] == {"num_images": 2, "seed": 1}
    assert _card.sample_error(model, tmp_path / "toy_mnist" / "sample.npz", card["sample"]) == 0


def test_the_readme_of_an_entry_says_what_the_card_says(tmp_path):
    card = write(tmp_path / "toy_mnist", Sampler())
    page = (tmp_path / "toy_mnist" / "README.md").read_text()
    assert page == _pages.readme(card)
    assert "| recognizability | 0.8312 | 0.0075 | 0.95 | 0.5 |" in page
    assert 'zoo.load("toy_mnist")' in page
    assert "licence: CC BY-SA 3.0" in page
    assert "| images seen | 640 |" in page
    assert card["files"]["generator.weights.h5"]["sha256"] in page


def test_the_table_stands_between_its_markers_and_nothing_else_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(_pages, "SHOWN", ("toy_mnist", "a_mnist"))
    card = write(tmp_path / "toy_mnist", Sampler())
    other = dict(card, name="a_mnist")
    hidden = dict(card, name="b_mnist")
    text = f"before\n{_pages.BEGIN}\nold\n{_pages.END}\nafter\n"
    once = _pages.with_table(text, [card, other, hidden])
    row = (
        "| [toy_mnist](zoo/toy_mnist/README.md) | mnist | recognizability 0.8312 (0.95) "
        f"| 10 steps, 30 minutes | {_pages.size_of(card) / 1e6:.1f} MB |"
    )
    assert row in once.splitlines()
    assert once.index("[a_mnist]") < once.index("[toy_mnist]")
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "old" not in once and "b_mnist" not in once
    assert _pages.with_table(once, [card, other]) == once
    with pytest.raises(ValueError, match="markers"):
        _pages.with_table("no table here", [card])


def test_the_page_of_results_has_a_row_for_each_score(tmp_path):
    card = write(tmp_path / "toy_mnist", Sampler())
    other = dict(card, name="a_mnist", scores=card["scores"][:1])
    lines = _pages.results_page([card, other]).splitlines()
    first = "| Sampler | mnist | recognizability | 0.8312 | 0.0075 | 0.95 | 100 generated"
    about = f"| 0.50 | {_pages.size_of(card) / 1e6:.1f} |"
    assert lines[-4:] == [
        f"| [a_mnist](a_mnist/README.md) {first} {about}",
        f"| [toy_mnist](toy_mnist/README.md) {first} {about}",
        f"| [toy_mnist](toy_mnist/README.md) | Sampler | mnist | frechet_distance | 5.25 |  |  | features {about}",
        f"| [toy_mnist](toy_mnist/README.md) | Sampler | mnist | hidden | 7 |  |  |  {about}",
    ]
    assert lines[-6].count("|") == lines[-5].count("|") == lines[-1].count("|") == 11
    rows = list(csv.DictReader(io.StringIO(_pages.results_csv([card, other]))))
    assert [(row["entry"], row["score"]) for row in rows] == [
        ("a_mnist", "recognizability"),
        ("toy_mnist", "recognizability"),
        ("toy_mnist", "frechet_distance"),
        ("toy_mnist", "hidden"),
    ]
    assert rows[1] == {
        "entry": "toy_mnist",
        "model": "Sampler",
        "data": "mnist",
        "score": "recognizability",
        "value": "0.83123",
        "sd": "0.0075",
        "floor": "0.95",
        "protocol": "100 generated",
        "hours": "0.5",
        "bytes": str(_pages.size_of(card)),
    }
    assert (rows[2]["floor"], rows[2]["sd"]) == ("", "")


def test_a_protocol_says_what_was_compared_and_how():
    assert _pages.protocol(zoo.card("dcgan_mnist")["scores"][0]) == (
        "10,000 generated, 10,000 real; mnist test; mnist classifier; bilinear 28x28; level 0.95, seed 1"
    )
    assert _pages.protocol(zoo.card("srresnet_flowers")["scores"][0]) == (
        "5 generated, 5 real; Set5; scale 4, channel y, border 4"
    )
    score = {"num_generated": 9, "extractor": "vgg16_33", "resize": "none", "truncation": 0.5, "seed": 0}
    assert _pages.protocol(score) == "9 generated; vgg16_33; truncation 0.5, seed 0"


def drop(*keys):
    return lambda card: _at(card, keys).pop(keys[-1])


def put(value, *keys):
    return lambda card: _at(card, keys).__setitem__(keys[-1], value)


def _at(card, keys):
    for key in keys[:-1]:
        card = card[key]
    return card


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (drop("paper", "authors"), "card.paper. must have 'authors'"),
        (drop("training"), "must have 'training'"),
        (put("2014", "paper", "year"), "card.paper.year"),
        (put(True, "training", "steps"), "card.training.steps"),
        (put(float("nan"), "scores", 0, "value"), "finite"),
        (put("0.9", "scores", 0, "value"), r"card.scores\[0\].value"),
        (put({}, "scores"), "must be a list"),
        (put({"size": 3}, "files", "x.weights.h5"), "must have 'sha256'"),
        (put({"size": 3, "sha256": "../../etc"}, "files", "x.weights.h5"), "sha256. must be 64 digits"),
        (put("accuracy", "headline"), "metric of a score"),
        (put({"steps": 1, "machine": "an abacus"}, "tenth"), "card.tenth. must have 'scores'"),
        (put({"steps": 1, "machine": "an abacus", "scores": {"a": "1"}}, "tenth"), "card.tenth.scores.a"),
        (put([], "data"), "card.data. must be an object"),
    ],
)
def test_a_card_that_is_not_whole_is_refused(tmp_path, change, match):
    card = write(tmp_path / "toy_mnist", Sampler())
    before = (tmp_path / "toy_mnist" / "card.json").read_text()
    broken = copy.deepcopy(card)
    change(broken)
    with pytest.raises(ValueError, match=match):
        zoo.write_card(tmp_path / "toy_mnist", broken)
    assert (tmp_path / "toy_mnist" / "card.json").read_text() == before


def test_samples_that_are_not_finite_are_not_published(tmp_path):
    model = Sampler()
    with pytest.raises(ValueError, match="finite"):
        sample = {"method": "generate", "arguments": {"num_images": 1, "seed": 1, "shift": float("nan")}}
        write(tmp_path / "toy_mnist", model, sample=sample)
    assert not (tmp_path / "toy_mnist" / "card.json").exists()


def test_images_by_predicted_class():
    images = np.arange(5, dtype="float32").reshape(5, 1, 1, 1) / 10
    grid = classifiers.by_prediction(images, np.array([2, 0, 2, 2, 0]), num_classes=3, columns=2)
    expected = [[0.1, 0.4], [1, 1], [0, 0.2]]  # no image of class 1; the third of class 2 has no room
    np.testing.assert_allclose(grid, np.reshape(expected, (3, 2, 1, 1, 1)), rtol=1e-6)


def test_the_page_says_what_the_picture_shows():
    card = zoo.card("pix2pix_facades")
    legend = "*Columns: label map, translation, photo, twice. Test images.*"
    assert f"samples.png)\n\n{legend}\n\n```python" in _pages.readme(card)
    bare = {key: value for key, value in card.items() if key != "picture"}
    assert "samples.png)\n\n```python" in _pages.readme(bare)
    with pytest.raises(ValueError, match="`card.picture` must be .*str.* Received: 3"):
        _schema.validate(card | {"picture": 3})
