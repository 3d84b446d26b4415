import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan.metrics import (
    Extractor,
    extract_features,
    get_classifier,
    get_extractor,
    images_hash,
    read_statistics,
    reference_statistics,
    weights_hash,
    write_statistics,
)


def small_model(seed=0, channels=1, size=4):
    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.Sequential(
        [keras.Input((size, size, channels)), keras.layers.Flatten(), keras.layers.Dense(3, kernel_initializer=start)]
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, size=(11, 4, 4, 1)).astype("float32")


def test_batches_do_not_matter(images, capsys):
    model = small_model()
    expected = model.predict(images, verbose=0)
    for batch_size in (1, 4, 100):
        np.testing.assert_allclose(extract_features(images, model, batch_size), expected, rtol=1e-5, atol=1e-6)
    dataset = tf.data.Dataset.from_tensor_slices((images, np.arange(11))).batch(3)
    np.testing.assert_allclose(extract_features(dataset, model, verbose=1), expected, rtol=1e-5, atol=1e-6)
    assert "4/4" in capsys.readouterr().out


def test_the_resize_rule_and_grey_to_colour():
    extractor = Extractor(small_model(channels=3), name="tiny")
    assert (extractor.resize, extractor.num_features, extractor.name) == ("bilinear 4x4", 3, "tiny")
    grey = np.random.default_rng(0).uniform(-1, 1, size=(2, 8, 8, 1)).astype("float32")
    by_hand = extractor.model(np.repeat(grey.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4)), 3, axis=-1))
    np.testing.assert_allclose(extractor(grey), by_hand, rtol=1e-4, atol=1e-6)
    assert Extractor(lambda x: x, size=(9, 9), method="bicubic", antialias=True).resize == "bicubic antialias 9x9"
    assert Extractor(lambda x: x).resize == "none" and Extractor(lambda x: x).weights_hash is None


@pytest.mark.slow
def test_networks_of_keras_applications():
    mobilenet = keras.applications.mobilenet
    model = mobilenet.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None, pooling="avg", name="tiny")
    extractor = Extractor(model, preprocess=mobilenet.preprocess_input)
    assert (extractor.resize, extractor.num_features) == ("bilinear 32x32, mobilenet.preprocess_input", 256)
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, 32, 32, 3)).astype("float32")
    pixels = (images + 1) * 127.5
    np.testing.assert_allclose(
        extractor(images), model(mobilenet.preprocess_input(pixels.copy())), rtol=1e-3, atol=1e-6
    )
    with pytest.raises(ValueError, match="`preprocess` must be a callable or None. Received: 'caffe'"):
        Extractor(model, preprocess="caffe")


def test_preprocessing_of_keras_applications():
    images = np.random.default_rng(0).uniform(-1, 1, size=(2, 32, 32, 3)).astype("float32")
    pixels = (images + 1) * 127.5
    # BGR about the mean of ImageNet
    caffe = Extractor(lambda x: x[:, 0, 0], preprocess=keras.applications.resnet50.preprocess_input)
    expected = pixels[:, 0, 0, ::-1] - [103.939, 116.779, 123.68]
    np.testing.assert_allclose(extract_features(images, caffe), expected, rtol=1e-4, atol=1e-4)
    assert caffe.resize == "none, resnet.preprocess_input"


def test_maps_are_averaged(images):
    np.testing.assert_allclose(
        extract_features(images, lambda x: x)[:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-4, atol=1e-7
    )


def test_refused_sets(images):
    for bad, match in (
        (((images + 1) * 127).astype("uint8"), "uint8; use images / 127.5 - 1"),
        ((images + 1) / 2, "look like .0, 1.: use images . 2 - 1"),
        (images * 127, "127.5 - 1 for .0, 255."),
        (images * np.nan, "must be finite"),
        (images[0], "shape"),
        (images[:0], "at least one image"),
    ):
        with pytest.raises(ValueError, match=match):
            extract_features(bad, small_model())
    assert extract_features(np.full((2, 4, 4, 1), 0.5), small_model()).shape == (2, 3)
    with pytest.raises(ValueError, match="`extractor` must be one of .*'mnist'.* Received: 'resnet'"):
        get_extractor("resnet")
    with pytest.raises(ValueError, match="Received: 7"):
        get_extractor(7)


def test_weights_hash_sees_weights_and_not_the_process():
    first = weights_hash(small_model())
    assert first == weights_hash(small_model()) and len(first) == 64
    assert first != weights_hash(small_model(seed=1))
    model = small_model()
    kernel = model.weights[0].numpy()
    kernel[0, 0] = np.nextafter(kernel[0, 0], 1)
    model.weights[0].assign(kernel)
    assert weights_hash(model) != first


def test_images_hash_sees_every_byte(images):
    first = images_hash(images)
    assert first == images_hash(images, batch_size=3)
    assert first == images_hash(tf.data.Dataset.from_tensor_slices(images).batch(4).as_numpy_iterator())
    changed = images.copy()
    changed[10, 3, 3, 0] += 1e-6
    assert images_hash(changed) != first
    assert images_hash(images.reshape(11, 2, 8, 1)) != first
    assert images_hash(images.astype("float64")) != first


def test_reference_statistics_are_kept_by_content(images, tmp_path):
    model = small_model()
    features = extract_features(images, model).astype("float64")
    fresh = reference_statistics(images, model, cache_dir=tmp_path / "cache")
    np.testing.assert_allclose(fresh.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fresh.cov, np.cov(features, rowvar=False), rtol=1e-12)
    assert fresh.count == 11
    (path,) = (tmp_path / "cache").iterdir()

    def count():
        return len(list((tmp_path / "cache").iterdir()))

    # what is stored is used: a marked file shows it
    write_statistics(path, fresh.mean + 1, fresh.cov)
    with pytest.raises(KeyError):
        np.load(path)["count"]
    repaired = reference_statistics(images, model, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(repaired.mean, fresh.mean)
    np.savez(path, mu=fresh.mean + 1, sigma=fresh.cov, count=11)
    np.testing.assert_array_equal(
        reference_statistics(images, model, cache_dir=tmp_path / "cache").mean, fresh.mean + 1
    )
    path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(reference_statistics(images, model, cache_dir=tmp_path / "cache").mean, fresh.mean)

    changed = images.copy()
    changed[0, 0, 0, 0] *= 0.5
    assert count() == 1
    reference_statistics(changed, model, cache_dir=tmp_path / "cache")
    assert count() == 2
    reference_statistics(images, small_model(seed=1), cache_dir=tmp_path / "cache")
    assert count() == 3
    # models without weights differ by what they compute
    for layer in (keras.layers.Flatten(), keras.layers.GlobalMaxPooling2D(), keras.layers.Flatten()):
        network = keras.Sequential([keras.Input((4, 4, 1)), layer], name="network")
        found = reference_statistics(images, network, cache_dir=tmp_path / "cache").mean
        np.testing.assert_allclose(found, network.predict(images, verbose=0).mean(axis=0, dtype="float64"), rtol=1e-6)
    assert count() == 5
    before = weights_hash(model)
    model.weights[0].assign_add(0.1 * keras.ops.ones_like(model.weights[0]))
    assert get_extractor(model).weights_hash == weights_hash(model) != before
    reference_statistics(images, model, cache_dir=tmp_path / "cache")
    assert count() == 6
    with pytest.raises(ValueError, match="`cache_dir` needs an extractor with known weights"):
        reference_statistics(images, lambda x: x, cache_dir=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, arrays: path.write_bytes(b""),
        lambda path, arrays: path.write_bytes(path.read_bytes()[:-30]),
        lambda path, arrays: path.write_bytes(b"null"),
        lambda path, arrays: np.savez(path, **arrays | {"mu": arrays["mu"] * np.nan}),
        lambda path, arrays: np.savez(path, **arrays | {"sigma": arrays["sigma"] + np.inf}),
        lambda path, arrays: np.savez(path, **arrays | {"sigma": arrays["sigma"][:1]}),
        lambda path, arrays: np.savez(path, **arrays | {"count": 1}),
        lambda path, arrays: np.savez(path, mu=arrays["mu"], sigma=arrays["sigma"]),
    ],
    ids=["empty", "cut", "other", "nan", "infinity", "shape", "count", "missing"],
)
def test_a_damaged_cache_is_computed_and_written_anew(tmp_path, damage):
    images = np.random.default_rng(0).uniform(-1, 1, (5, 4, 4, 1)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.GlobalAveragePooling2D()])
    expected = reference_statistics(images, model)
    reference_statistics(images, model, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    with np.load(path) as stored:
        arrays = dict(stored)
    damage(path, arrays)
    for _ in range(2):
        found = reference_statistics(images, model, cache_dir=tmp_path)
        np.testing.assert_array_equal(found.mean, expected.mean)
        np.testing.assert_array_equal(found.cov, expected.cov)
        assert found.count == 5 and [*tmp_path.iterdir()] == [path]
        with np.load(path) as stored:
            assert {name: stored[name].tolist() for name in stored} == {k: v.tolist() for k, v in arrays.items()}


def test_statistics_files(tmp_path):
    mean, cov = np.arange(2.0), np.eye(2)
    write_statistics(tmp_path / "a.npz", mean, cov)
    for value, expected in zip(read_statistics(tmp_path / "a.npz"), (mean, cov)):
        np.testing.assert_array_equal(value, expected)
    np.savez(tmp_path / "b.npz", mu=mean)
    with pytest.raises(ValueError, match="b.npz must hold `mu` and `sigma`, floats. Received: no"):
        read_statistics(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", mu=np.array([{}], dtype=object), sigma=cov)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_statistics(tmp_path / "c.npz")
    with pytest.raises(ValueError, match="must end in '.npz'"):
        write_statistics(tmp_path / "d.txt", mean, cov)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz", "c.npz"]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_classifiers_of_the_zoo_by_name(name):
    from kerasgan import zoo

    if not (zoo.FOLDER / f"classifier_{name}" / "network.weights.h5").exists():
        pytest.skip(f"train it first: zoo/classifier_{name}/recipe.py")
    model = zoo.classifier(name)
    images = np.random.default_rng(0).uniform(-1, 1, size=(3, 28, 28, 1)).astype("float32")
    assert extract_features(images, name).shape == (3, model.get_layer("features").output.shape[-1])
    probabilities = extract_features(images, get_classifier(name))
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), model.predict(images, verbose=0).argmax(axis=1))
    assert get_extractor(name).resize == "bilinear 28x28"


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_images_are_converted_in_one_pass(channels):
    network = keras.Sequential([keras.Input((8, 8, channels)), keras.layers.Conv2D(6, 3), keras.layers.Flatten()])
    colour = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    grey = colour[..., :1]
    extractor = Extractor(network, "network")
    for images in (grey, grey[:3], colour, colour[:3], grey):  # two shapes of a kind, so that TensorFlow relaxes them
        np.testing.assert_allclose(
            extract_features(images, extractor), extract_features(images, Extractor(network, "network")), atol=1e-6
        )
    wanted = tf.image.rgb_to_grayscale(colour) if channels == 1 else colour
    np.testing.assert_allclose(extract_features(colour, extractor), network(wanted).numpy(), atol=1e-5)


def half(images):
    return images / 2


def scaled(images, by):
    return images * by


def test_statistics_of_another_preprocessing_are_not_taken_from_the_cache(images, tmp_path):
    one, two = (Extractor(small_model(), preprocess=functools.partial(scaled, by=by)) for by in (0.01, 0.02))
    assert one.resize != two.resize and "scaled(by=0.01)" in one.resize
    found = [reference_statistics(images, each, cache_dir=tmp_path).mean for each in (one, two)]
    np.testing.assert_array_equal(found[1], reference_statistics(images, two).mean)
    assert abs(found[0] - found[1]).max() > 1e-3 and len(list(tmp_path.iterdir())) == 2
    lambdas = [Extractor(small_model(), preprocess=each) for each in (lambda x: x / 3, lambda x: x / 4)]
    assert lambdas[0].resize != lambdas[1].resize
    for unnamed in (lambdas[0], Extractor(small_model(), preprocess=functools.partial(lambda x: x))):
        with pytest.raises(ValueError, match="`cache_dir` needs a `preprocess` with a name. Received: a lambda"):
            reference_statistics(images, unnamed, cache_dir=tmp_path)
    assert Extractor(small_model(), preprocess=half).resize.endswith("test_features.half")
