"""Images from features, and receptive fields."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import latent
from kerasgan.latent import inversion
from kerasgan.latent.inversion import total_variation
from kerasgan.layers import MaxPoolingWithIndices
from kerasgan.networks import ReceptiveField, receptive_fields

FREE = {"tv_weight": 0.0, "alpha_weight": 0.0, "verbose": 0}


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, shape).astype("float32")


def linear(shape=(4, 4, 1)):
    """A network whose only layer is an orthogonal map of all pixels, so that the whole image is in its features."""
    pixels = int(np.prod(shape))
    network = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(pixels, use_bias=False)])
    network.layers[-1].set_weights([np.linalg.qr(np.random.default_rng(1).normal(size=(pixels, pixels)))[0]])
    return network


def convolutional():
    x = inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", name="conv")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(x)))


def test_total_variation_by_hand():
    ramp = np.broadcast_to(np.arange(5.0)[None, None, :, None], (2, 3, 5, 2)) * [[[[1.0]]], [[[2.0]]]]
    # Three rows of four steps of 1 in two channels, the last row and column repeated; of the second image, steps of 2.
    np.testing.assert_allclose(total_variation(ramp), [24, 24 * 4])
    np.testing.assert_allclose(total_variation(ramp, 1.0), [24, 24 * 2])
    np.testing.assert_allclose(total_variation(np.transpose(ramp, (0, 2, 1, 3)), 3.0), [24, 24 * 8])
    corner = np.float32([[0, 3], [4, 0]])[None, ..., None]
    # Upper left: 3 right and 4 down. Upper right: 3 down. Lower left: 4 right. Lower right: nothing.
    np.testing.assert_allclose(total_variation(corner), [25 + 9 + 16])
    np.testing.assert_allclose(total_variation(corner, 1.0), [5 + 3 + 4])


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_even_images_have_a_gradient_of_zero(power):
    x = tf.ones((1, 3, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total_variation(x, power)
    np.testing.assert_array_equal(tape.gradient(value, x), np.zeros((1, 3, 3, 1)))


def test_a_linear_map_is_inverted():
    photos = images(2, 4, 4, 1)
    found = latent.invert(linear(), photos, stages=[(0.1, 300)], restarts=3, **FREE)
    assert found.images.shape == (2, 3, 4, 4, 1) and found.errors.shape == (2, 3) and found.history.shape == (300, 2, 3)
    np.testing.assert_allclose(found.images, np.broadcast_to(photos[:, None], found.images.shape), atol=1e-4)
    assert found.errors.max() < 1e-4
    # From noise of the norm of contrast 0.5 in any direction: |start - photo|^2 is near the sum of both squares.
    expected = np.sqrt(1 + 16 * 0.5**2 / (photos**2).sum((1, 2, 3)))
    np.testing.assert_allclose(found.history[0].mean(1), expected, rtol=0.2)
    again = latent.invert(linear(), features=linear()(photos), stages=[(0.1, 300)], restarts=3, **FREE)
    np.testing.assert_allclose(again.images, found.images, atol=1e-5)


def test_the_penalties_pull_by_hand():
    """Of the identity, where |x|^2 is the alpha norm, the minimum is at a known fraction of the image."""
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Identity()])
    photo = np.full((1, 4, 4, 1), 0.8, "float32")
    # E = (x - t)^2 / t^2 + w/2 x^2 / (c^2 16), over 16 pixels of 127.5 t each: x = t / (1 + w t^2 / (2 c^2)).
    options = FREE | {"alpha": 2.0, "alpha_weight": 0.5, "contrast": 0.4}
    found = latent.invert(network, photo, stages=[(0.05, 400)], restarts=1, **options)
    np.testing.assert_allclose(
        found.images, 0.8 / (1 + 0.5 * 0.8**2 / (2 * 0.4**2)) + np.zeros((1, 1, 4, 4, 1)), rtol=1e-3
    )
    # Steps of (0, 1): of the pair the mean stays, and the difference d = 0.4 shrinks as e / 2 (d - 0.4) + ... = 0.
    pair = np.float32([0.2, 0.6]).reshape((1, 1, 2, 1))
    network = keras.Sequential([keras.Input((1, 2, 1)), keras.layers.Identity()])
    found = latent.invert(network, pair, stages=[(0.05, 400)], restarts=1, **FREE | {"tv_weight": 0.5})
    # sigma^2 E = s (d - 0.4)^2 / 2 + 0.5 / 2 d^2 with s = 2 * 0.5^2 / (0.2^2 + 0.6^2).
    s = 2 * 0.5**2 / (0.2**2 + 0.6**2)
    first, second = found.images.ravel()
    assert second - first == pytest.approx(0.4 * s / (s + 0.5), rel=1e-3)
    assert first + second == pytest.approx(0.8, rel=1e-3)


def test_restarts_are_sorted_and_differ_where_the_features_do_not_tell():
    network, options = convolutional(), {"stages": [(0.004, 60), (1e-7, 1)], "restarts": 4, "verbose": 0}
    found = latent.invert(network, images(2, 8, 8, 1), "logits", **options)
    assert (np.diff(found.errors, axis=1) >= 0).all() and np.diff(found.errors, axis=1).max() > 0
    assert found.errors.max() < found.history[0].min()
    assert np.abs(found.images[:, 0] - found.images[:, 1]).max() > 0.1
    np.testing.assert_allclose(found.history[-1], found.errors, rtol=1e-3)
    same, other = (latent.invert(network, images(2, 8, 8, 1), -1, seed=seed, **options) for seed in (0, 1))
    np.testing.assert_allclose(same.images, found.images, atol=1e-4)
    assert np.abs(other.images - found.images).max() > 0.1


def test_a_region_counts_alone():
    """Of the identity, the image is found there, and elsewhere the noise stays as it was."""
    network = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Identity()])
    photo, inside = images(1, 5, 5, 1), np.zeros((5, 5, 1), bool)
    inside[1:4, 1:4] = True
    options = {"stages": [(0.1, 200)], "restarts": 1, **FREE}
    found, same = (latent.invert(network, photo, region=region, **options) for region in (3, inside))
    np.testing.assert_array_equal(found.images, same.images)
    np.testing.assert_allclose(found.images[0, 0][inside], photo[0][inside], atol=1e-4)
    noise = np.random.default_rng(0).normal(size=(5, 5, 1))
    noise *= 0.5 * 5 / np.linalg.norm(noise)
    np.testing.assert_allclose(found.images[0, 0][~inside], noise[~inside], atol=1e-5)
    assert found.errors.max() < 1e-4


def test_defaults_are_the_papers():
    import inspect

    given = {name: p.default for name, p in inspect.signature(latent.invert).parameters.items()}
    assert given["alpha"] == 6 and given["tv_power"] == 2 and given["alpha_weight"] == 8e-10 and given["tv_weight"] == 1
    assert given["stages"] == ((0.004, 100), (0.0004, 200), (0.00004, 100)) and given["restarts"] == 4
    assert inversion.MOMENTUM == 0.9


def test_shallow_layers_of_the_shipped_classifier_know_more_of_the_image():
    network = kerasgan.zoo.load("classifier_mnist")
    digit = kerasgan.data.load("glyphs:3", image_size=28, channels=1, batch_size=1, seed=0)
    digit = np.asarray(next(iter(digit)))
    distances = []
    for layer in (1, 3, 4, "features"):  # both convolutions, the last pooling
        found = latent.invert(
            network,
            digit,
            layer,
            tv_weight=0.01,
            alpha_weight=8e-12,
            contrast=0.95,
            stages=[(0.02, 60)],
            restarts=1,
            verbose=0,
        )
        rest = found.images[:, 0] - digit
        distances.append(np.linalg.norm(rest) / np.linalg.norm(digit))
    assert (np.diff(distances) > 0.05).all(), distances
    assert distances[0] < 0.2 < 0.8 < distances[-1], distances


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": images(1, 8, 8, 1), "layer": "cnov"}, r"one of \[.*'conv', 'pool'.*Received: 'cnov'"),
        ({"images": images(1, 8, 8, 1), "layer": 9}, "Received: 9"),
        ({}, "Exactly one of `images` and `features`"),
        ({"images": images(1, 8, 8, 1), "features": images(1, 3)}, "Exactly one of"),
        ({"images": images(1, 8, 6, 1)}, r"shape \(n, \*\(8, 8, 1\)\).*Received: \(1, 8, 6, 1\)"),
        ({"features": images(1, 4)}, r"shape \(n, \*\(3,\)\).*Received: \(1, 4\)"),
        ({"features": np.full((1, 3), np.nan)}, "finite"),
        ({"features": np.zeros((1, 3))}, "all 0.*Remedy"),
        ({"images": images(1, 8, 8, 1), "region": 2}, r"feature maps of at least this size.*\(3,\)"),
        ({"images": images(1, 8, 8, 1), "layer": "pool", "region": 5}, r"`region=5` needs.*\(4, 4, 2\)"),
        ({"images": images(1, 8, 8, 1), "layer": "pool", "region": np.ones((3, 1, 1), bool)}, "bool of shape"),
        ({"images": images(1, 8, 8, 1), "stages": [(0.1, 0)]}, r"list of .rate, steps.*Received: \[\(0.1, 0\)\]"),
        ({"images": images(1, 8, 8, 1), "alpha": 1.0}, "`alpha` above 1"),
        ({"images": images(1, 8, 8, 1), "tv_weight": -1}, "`tv_weight` must be at least 0"),
        ({"images": images(1, 8, 8, 1), "restarts": 0}, "`restarts` must be"),
        ({"images": images(1, 8, 8, 1), "stages": [(1e4, 20)]}, "diverged at step.*smaller rates"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        latent.invert(convolutional(), **{"verbose": 0} | options)


def test_a_descent_that_runs_away_behind_a_rectifier_is_noticed():
    """A rectifier makes 0 of NaN: the features stay finite while the image is lost."""
    x = inputs = keras.Input((4, 4, 1))
    x = keras.layers.Lambda(lambda x: tf.where(tf.math.is_finite(x), x, 0.0))(x)
    network = keras.Model(inputs, keras.layers.Conv2D(2, 3, activation="relu", bias_initializer="ones")(x))
    with pytest.raises(ValueError, match="diverged at step"):
        latent.invert(network, images(1, 4, 4, 1), stages=[(1e6, 60)], verbose=0)


def test_networks_that_cannot_be_looked_into_are_refused():
    with pytest.raises(ValueError, match="must be a `keras.Model`"):
        latent.invert(lambda x: x, images(1, 8, 8, 1))
    model = kerasgan.Autoencoder(image_size=8, code=4)
    with pytest.raises(ValueError, match=r"Layers of a subclassed model \(Autoencoder\).*model.encoder"):
        latent.invert(model, images(1, 8, 8, 1), "code")
    free = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    with pytest.raises(ValueError, match="a fixed image size"):
        latent.invert(free, features=images(1, 4, 4, 1))
    assert latent.invert(free, images(1, 4, 4, 1), stages=[(0.001, 2)], verbose=0).images.shape == (1, 4, 4, 4, 1)


def test_progress_is_shown(capsys):
    latent.invert(linear(), images(1, 4, 4, 1), stages=[(0.001, 3)])
    assert "3/3" in capsys.readouterr().out
    latent.invert(linear(), images(1, 4, 4, 1), stages=[(0.001, 3)], verbose=0)
    assert capsys.readouterr().out == ""


# Receptive fields ----------------------------------------------------------------------------------------------------


def cnn_a(last):
    """CNN-A of Mahendran & Vedaldi (table 1): layers 1 to 16. Its sixth layer is a convolution, or a dense layer."""
    layers = keras.layers
    conv = lambda filters, size, stride=1, padding="same": layers.Conv2D(filters, size, stride, padding)  # noqa: E731
    kinds = [conv(1, 11, 4, "valid"), layers.ReLU(), layers.MaxPooling2D(3, 2), layers.Identity()]
    kinds += [conv(1, 5), layers.ReLU(), layers.MaxPooling2D(3, 2), layers.Identity()]
    for _ in range(3):
        kinds += [conv(1, 3), layers.ReLU()]
    kinds += [layers.MaxPooling2D(3, 2)]
    kinds += [conv(1, 6, 1, "valid")] if last == "conv" else [layers.Flatten(), layers.Dense(1)]
    return keras.Sequential([keras.Input((227, 227, 3)), *kinds])


@pytest.mark.parametrize("last", ["conv", "dense"])
def test_receptive_fields_of_cnn_a(last):
    network = cnn_a(last)
    fields = receptive_fields(network)
    found = [fields[layer.name].size for layer in network.layers if not isinstance(layer, keras.layers.Flatten)]
    table = [11, 11, 19, 19, 51, 51, 67, 67, 99, 99, 131, 131, 163, 163, 195, 355]
    assert found == [(size, size) for size in table]
    assert fields[network.layers[14].name].stride == (32, 32)


def test_fields_are_where_an_image_changes_the_neuron():
    """Against the pixels that a neuron's gradient reaches, of a network of positive weights."""
    x = inputs = keras.Input((40, 48, 1))
    x = keras.layers.Conv2D(2, (3, 5), (1, 2), activation="softplus")(x)
    way = keras.layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)(x)
    x = keras.layers.AveragePooling2D((2, 3))(keras.layers.Add()([x, way]))
    network = keras.Model(inputs, keras.layers.Conv2D(1, 2, name="last")(x))
    for variable in network.trainable_variables:
        variable.assign(tf.ones_like(variable))
    image = tf.zeros((1, 40, 48, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        neuron = network(image)[0, 8, 3, 0]
    reached = np.argwhere(tape.gradient(neuron, image).numpy()[0, ..., 0])
    size = tuple(int(side) for side in reached.max(0) - reached.min(0) + 1)
    assert receptive_fields(network)["last"] == ReceptiveField(size, (2, 6))


def test_whole_images_and_poolings_of_ours():
    x = inputs = keras.Input((8, 12, 1))
    x = MaxPoolingWithIndices(2, name="pool")(x)[0]
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    x = keras.layers.Dense(2, name="each")(x)
    flat = keras.layers.Dense(2, name="all")(keras.layers.Flatten(name="flat")(x))
    fields = receptive_fields(keras.Model(inputs, keras.layers.Concatenate(name="both")([mean, flat])))
    sizes = {name: fields[name].size for name in ("pool", "mean", "each", "flat", "all", "both")}
    small, whole = (2, 2), (8, 12)
    assert sizes == {"pool": small, "mean": whole, "each": small, "flat": small, "all": whole, "both": whole}


def test_unknown_layers_are_named():
    x = inputs = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match="layer 'up', a UpSampling2D"):
        receptive_fields(keras.Model(inputs, keras.layers.UpSampling2D(name="up")(x)))
    shared = keras.layers.Conv2D(1, 3, name="shared", padding="same")
    with pytest.raises(ValueError, match="'shared' is used several times"):
        receptive_fields(keras.Model(inputs, shared(shared(x))))
    with pytest.raises(ValueError, match="functional or sequential"):
        receptive_fields(kerasgan.Autoencoder(image_size=8, code=4))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_network_in_half_precision_is_inverted(policy):
    photo = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32")
    options = {"tv_weight": 0.01, "stages": [(4e-4, 20)], "restarts": 1, "verbose": 0}
    network = kerasgan.DCGAN(image_size=16, width=4, seed=0).discriminator
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        half = kerasgan.DCGAN(image_size=16, width=4, seed=0).discriminator
    finally:
        keras.config.set_dtype_policy(before)
    half.set_weights(network.get_weights())
    errors = [latent.invert(each, photo, **options).errors.item() for each in (network, half)]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)
