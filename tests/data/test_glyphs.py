"""Glyphs: what an image shows is what its attributes say, whoever draws how many of them."""

import numpy as np
import pytest

from kerasgan import data
from kerasgan.data import glyphs


def columns(table, index):
    return {name: values[index] for name, values in table.items()}


def test_an_image_depends_on_seed_split_and_index_only():
    many, few, late = glyphs.attributes(50, seed=5), glyphs.attributes(7, seed=5), glyphs.attributes(5, seed=5, start=2)
    for name in many:
        np.testing.assert_array_equal(many[name][:7], few[name])
        np.testing.assert_array_equal(many[name][2:7], late[name])
    np.testing.assert_array_equal(glyphs.render(many, 16)[:7], glyphs.render(few, 16))
    for other in (glyphs.attributes(50, seed=6), glyphs.attributes(50, "test", seed=5)):
        assert (other["slant"] != many["slant"]).all()


def test_every_attribute_takes_all_its_values_evenly():
    table = glyphs.attributes(20_000)
    for name, count in [("letter", 36), ("family", 3), ("bold", 2), ("face", 2)]:
        shares = np.bincount(table[name], minlength=count) * count / 20_000
        assert len(shares) == count and (abs(shares - 1) < 0.2).all()
    assert set(table["color"]) == set(range(len(glyphs.COLORS)))
    assert set(table["background"]) == set(range(len(glyphs.BACKGROUNDS)))
    assert -20 <= table["slant"].min() < -19.9 and 19.9 < table["slant"].max() <= 20
    assert abs(np.corrcoef(table["letter"], table["slant"])[0, 1]) < 0.03


def test_colours_are_exactly_the_named_ones():
    table = glyphs.attributes(300)
    images = glyphs.render(table, 48)
    fore, back = np.array(list(glyphs.COLORS.values())), np.array(list(glyphs.BACKGROUNDS.values()))
    for i, image in enumerate(images):
        assert (image[0] == back[table["background"][i]]).all()  # no glyph touches the border
        assert (image == fore[table["color"][i]]).all(-1).sum() >= 5
    grey = glyphs.render(table, 48, channels=1)[..., 0]
    luma = images @ np.array([0.299, 0.587, 0.114])
    assert abs(grey - luma).max() <= 1.01
    assert (np.ptp(grey.astype(int), axis=(1, 2)) >= 58).all()  # legible in grey


def test_slant_is_in_degrees_and_positive_leans_right():
    for degrees in (-18.0, 0.0, 12.0):
        table = glyphs.attributes(1, characters="I", families="sans", colors="white", backgrounds="black")
        table.update(slant=np.array([degrees], "float32"), size=np.array([0.7], "float32"))
        ink = glyphs.render(table, 128, channels=1)[0, ..., 0].astype("float64")
        rows = np.flatnonzero(ink.sum(1) > ink.sum(1).max() * 0.9)
        centers = ink[rows] @ np.arange(128) / ink[rows].sum(1)
        slope = np.polyfit(-rows.astype(float), centers, 1)[0]  # rows count downwards
        assert np.degrees(np.arctan(slope)) == pytest.approx(degrees, abs=0.5)


def test_one_picture_at_every_size():
    table = glyphs.attributes(20)
    large, small = glyphs.render(table, 96).astype(float), glyphs.render(table, 24).astype(float)
    averaged = large.reshape(20, 24, 4, 24, 4, 3).mean((2, 4))
    assert abs(averaged - small).mean() < 3
    assert abs(averaged - np.roll(small, 1, 0)).mean() > 30


def test_bold_has_more_ink_and_an_outline_is_hollow():
    table = glyphs.attributes(60, characters="BEHIL", colors="white", backgrounds="black")
    ink = [glyphs.render({**table, "bold": np.full(60, b)}, 48, 1).astype(float).sum((1, 2, 3)) for b in (0, 1)]
    assert (ink[1] > 1.1 * ink[0]).all()
    filled, outline = (glyphs.render(table, 64, 1, outline=line)[..., 0].astype(float) / 235 for line in (False, True))
    assert (filled * outline).sum() < 0.2 * filled.sum()
    assert (outline.sum((1, 2)) > 50).all()


def test_captions_say_what_is_drawn():
    table = glyphs.attributes(200)
    for i, text in enumerate(glyphs.captions(table)):
        words = text.split()
        assert ("bold" in words) == bool(table["bold"][i])
        assert words[words.index("in") - 1] == glyphs.CHARACTERS[table["letter"][i]]
        assert words[words.index("in") + 1] == list(glyphs.COLORS)[table["color"][i]]
        assert words[-2] == list(glyphs.BACKGROUNDS)[table["background"][i]]
    one = {name: np.array([value]) for name, value in dict(letter=27, family=1, bold=1, color=0, background=0).items()}
    assert glyphs.captions(one) == ["a bold serif letter R in red on a white background"]


def test_held_out_combinations_never_meet():
    sets = []
    for split in ("train", "test"):
        table = glyphs.attributes(6000, split, seed=3, held_out=0.2)
        sets.append(set(zip(*(table[name].tolist() for name in ("letter", "color", "background")))))
    assert len(sets[0]) > 700 and len(sets[1]) > 150
    assert not sets[0] & sets[1]
    with pytest.raises(ValueError, match="held_out"):
        glyphs.attributes(500, held_out=0.5, colors="white", backgrounds="black")


def test_load_gives_labels_as_positions_in_what_was_chosen():
    options = dict(num_images=64, shuffle=False, image_size=16)
    table = glyphs.attributes(64)
    images, labels = next(iter(data.load("glyphs", labels=True, **options)))
    assert images.shape == (64, 16, 16, 3) and images.dtype == "float32" and labels.dtype == "int32"
    np.testing.assert_array_equal(labels, table["letter"])
    np.testing.assert_array_equal(images, glyphs.render(table, 16).astype("float32") / np.float32(127.5) - 1)
    _, several = next(iter(data.load("glyphs", labels=("letter", "color", "slant"), **options)))
    assert {name: (v.dtype.name, tuple(v.shape)) for name, v in several.items()} == {
        "letter": ("int32", (64,)),
        "color": ("int32", (64,)),
        "slant": ("float32", (64,)),
    }
    np.testing.assert_allclose(several["slant"], table["slant"] / 20)
    chosen = dict(characters="XYZ", colors=["white", "yellow"], backgrounds=["black"], families=["mono"])
    dataset = data.load("glyphs", labels=["letter", "color", "background", "family"], channels=1, **chosen, **options)
    images, labels = next(iter(dataset))
    assert images.shape == (64, 16, 16, 1)
    assert [sorted(set(labels[name].numpy())) for name in labels] == [[0, 1, 2], [0, 1], [0], [0]]
    drawn = glyphs.attributes(64, **chosen)
    assert ["XYZ"[i] for i in labels["letter"]] == [glyphs.CHARACTERS[i] for i in drawn["letter"]]
    assert data.load("glyphs", labels=True, characters="AB", **options).class_names == ["A", "B"]
    _, colors = next(iter(data.load("glyphs", labels="color", **options)))
    np.testing.assert_array_equal(colors, table["color"])


def test_pairs_and_domains_and_sizes():
    options = dict(num_images=12, batch_size=12, shuffle=False, image_size=32)
    table = glyphs.attributes(12)
    outline, filled = next(iter(glyphs.pairs(**options)))
    to_float = lambda images: images.astype("float32") / np.float32(127.5) - 1  # noqa: E731
    np.testing.assert_array_equal(outline, to_float(glyphs.render(table, 32, outline=True)))
    np.testing.assert_array_equal(filled, to_float(glyphs.render(table, 32)))
    serif, sans = next(iter(glyphs.domains(paired=True, **options)))
    np.testing.assert_array_equal(
        serif, to_float(glyphs.render({**table, "family": np.ones(12, int), "face": np.zeros(12, int)}, 32))
    )
    np.testing.assert_array_equal(sans, to_float(glyphs.render({**table, "family": np.zeros(12, int)}, 32)))
    alone_a, alone_b = next(iter(glyphs.domains(**options)))
    np.testing.assert_array_equal(alone_a, serif)
    assert min(abs(a - b).mean() for a in sans.numpy() for b in alone_b.numpy()) > 0.02
    low, high = next(iter(glyphs.super_resolution(scale=2, **options)))
    np.testing.assert_array_equal(high, filled)
    small = data.bicubic_resize(glyphs.render(table, 32), 1 / 2)
    np.testing.assert_allclose(low, to_float(small), atol=1.01 / 127.5)
    assert (low.numpy() == to_float(small)).mean() > 0.999


def test_captioned_glyphs():
    calls = []

    def encode(texts):
        calls.append(texts)
        return np.array([[len(text), hash_of(text)] for text in texts])

    def hash_of(text):
        return sum(map(ord, text)) % 1000

    dataset = glyphs.captioned(num_images=40, batch_size=8, embeddings=encode, text="both", labels=True, image_size=16)
    for images, vectors, texts, labels in dataset:
        assert images.shape == (8, 16, 16, 3) and vectors.dtype == "float32"
        for vector, text, label in zip(vectors.numpy(), texts.numpy(), labels.numpy()):
            assert vector.tolist() == [len(text), hash_of(text.decode())]
            assert text.decode().split(" in ")[0][-1] == glyphs.CHARACTERS[label]
    assert len(calls) == 1 and len(set(calls[0])) == len(calls[0])
    images, texts = next(iter(glyphs.captioned(num_images=8, batch_size=8)))
    assert texts.dtype == "string"
    with pytest.raises(ValueError, match="needs `embeddings`"):
        glyphs.captioned(num_images=8, text="embeddings")


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(split="train[:10]"), "num_images"),
        (dict(characters="abc"), "characters"),
        (dict(colors=["crimson"]), "colors"),
        (dict(colors="black", backgrounds="black"), "legible"),
        (dict(labels=["font"]), "labels"),
        (dict(channels=2), "channels"),
        (dict(image_size=4), "image_size"),
        (dict(num_images=0), "num_images"),
        (dict(num_images=10), "at most 10"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        data.load("glyphs", **{"num_images": 64, **options})
