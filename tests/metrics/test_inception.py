import hashlib
import os
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.metrics import (
    frechet_distance_from_features,
    get_extractor,
    inception,
    inception_score,
    kernel_distance,
    precision_recall,
)

LAYERS = ["64", "192", "768", "2048", "logits_unbiased"]


def photographs():
    """Pieces of two photographs that scikit-learn ships: landscapes as the real set, a flower as the other."""
    from sklearn.datasets import load_sample_images

    landscape, flower = load_sample_images().images
    random = np.random.default_rng(0)

    def pieces(image, count, size):
        corners = random.integers(0, [image.shape[0] - size, image.shape[1] - size], size=(count, 2))
        return np.stack([image[y : y + size, x : x + size] for y, x in corners])

    sizes = {"a": landscape[None, :299, :299], "b": flower[None], "c": pieces(flower, 2, 32)}
    return {"real": pieces(landscape, 48, 64), "fake": pieces(flower, 48, 64), **sizes}


@pytest.mark.oracle
@pytest.mark.slow
def test_equals_torch_fidelity(tmp_path):
    python = os.environ.get("KERASGAN_ORACLE_PYTHON")
    if not python:
        pytest.skip("set KERASGAN_ORACLE_PYTHON to a Python that has torch and torch-fidelity")
    images = photographs()
    np.savez(tmp_path / "images.npz", **images)
    subprocess.run([python, Path(__file__).with_name("oracle_fidelity.py"), tmp_path], check=True)
    answers = np.load(tmp_path / "answers.npz")
    model = inception.inception_v3(weights=tmp_path / "weights.pth")
    ours = {}
    for key, values in images.items():
        ours[key] = model.predict(values.astype("float32") / 127.5 - 1, batch_size=16, verbose=0)
        for layer in LAYERS:
            expected = answers[f"{key} {layer}"]
            assert ours[key][layer].shape == expected.shape and expected.std() > 0
            assert np.abs(ours[key][layer] - expected).max() < 1e-4 * np.abs(expected).max(), (key, layer)
    real, fake = ours["real"], ours["fake"]
    # 48 images leave no full rank for 64 or 2,048 features: both evaluations must cope
    for layer, expected in zip(("64", "2048"), answers["fid"], strict=True):
        assert frechet_distance_from_features(real[layer], fake[layer]) == pytest.approx(expected, rel=1e-5), layer
    value = kernel_distance(real["2048"], fake["2048"], subsets=10, subset_size=20, seed=2020)
    assert value == pytest.approx(tuple(answers["kid"]), rel=1e-5)
    probabilities = keras.ops.convert_to_numpy(tf.nn.softmax(tf.cast(fake["logits_unbiased"], tf.float64)))
    assert inception_score(probabilities, splits=4) == pytest.approx(tuple(answers["isc"]), rel=1e-4)
    # equal counts of images: the other implementation divides in float32
    found = np.array(precision_recall(real["2048"], fake["2048"])) * 48
    np.testing.assert_array_equal(np.round(found, 9), np.round(answers["prc"] * 48, 4))
    assert 0 < found.min() and found.max() < 48


def test_the_architecture():
    model = inception.inception_v3(weights=None)
    # Szegedy et al.'s network without the auxiliary head has 23,834,568 weights, 2,049,000 of them for 1,000 classes
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == 23_834_568 - 2_049_000 + 2048 * 1008
    assert {name: value.shape[1] for name, value in model.output.items()} == {
        "64": 64, "192": 192, "768": 768, "2048": 2048, "logits_unbiased": 1008,
    }  # fmt: skip


def test_images_are_resized_as_tensorflow_1_did():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(1, 5, 3, 2)).astype("float32")
    resized = inception.LegacyResize(7, 8)(pixels / 127.5 - 1)
    expected = np.zeros((7, 8, 2))
    for row in range(7):
        for column in range(8):
            y, x = row * 5 / 7, column * 3 / 8
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 4), min(left + 1, 2)
            upper = pixels[0, top, left] * (1 - x + left) + pixels[0, top, right] * (x - left)
            lower = pixels[0, bottom, left] * (1 - x + left) + pixels[0, bottom, right] * (x - left)
            expected[row, column] = upper * (1 - y + top) + lower * (y - top)
    np.testing.assert_allclose(resized[0], (expected - 128) / 128, atol=1e-5)
    # as saved to a file: 8 bits, clipped
    np.testing.assert_array_equal(
        inception.LegacyResize(1, 1)(np.full((1, 1, 1, 1), 0.3011)) * 128 + 128, [[[[round(1.3011 * 127.5)]]]]
    )
    assert float(tf.reduce_max(inception.LegacyResize(2, 2)(np.full((1, 2, 2, 1), 3.0)))) == 127 / 128


def test_a_missing_weight_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(inception.WEIGHTS_VARIABLE, str(tmp_path / "none.pth"))
    with pytest.raises(ValueError, match="KERASGAN_INCEPTION_WEIGHTS must name the Inception weight file"):
        get_extractor("inception_v3_2015")


def test_downloads_are_checked_and_whole(tmp_path):
    source, target = tmp_path / "source.pth", tmp_path / "cache" / "weights.pth"
    source.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    inception._download(source.as_uri(), str(target), digest[:8])
    assert target.read_bytes() == b"weights"
    with pytest.raises(ValueError, match=f"begins with 00000000. Received: {digest}"):
        inception._download(source.as_uri(), str(target), "00000000")
    with pytest.raises(ValueError, match="could not be downloaded.*KERASGAN_INCEPTION_WEIGHTS.*efficientnet_lite0"):
        inception._download((tmp_path / "absent").as_uri(), str(target), digest[:8])
    assert target.read_bytes() == b"weights" and len(list(target.parent.iterdir())) == 1
