import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import corruptions, regularizers


def images(count=32, size=8, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, 1)).astype("float32")


def test_defaults_are_those_of_the_tutorial():
    model = kerasgan.Autoencoder()
    model.compile()
    assert model.encoder.count_params() == 784 * 500 + 500
    assert model.decoder.count_params() == 500 * 784 + 784
    assert isinstance(model.optimizer, keras.optimizers.SGD) and float(model.optimizer.learning_rate) == np.float32(0.1)
    assert model.loss == "cross_entropy" and model.corruption == [] and model.regularizer == []
    bound = 4 * np.sqrt(6 / (784 + 500))
    kernel = np.asarray(model.encoder.get_layer("code").kernel)
    assert 0.99 * bound < np.abs(kernel).max() <= bound


@pytest.mark.parametrize(
    "make", [lambda: kerasgan.Autoencoder(8, code=4), lambda: kerasgan.TwoStreamGenerator(16, width=2, units=8)]
)
def test_compiling_again_keeps_the_average(make):
    model = make()
    model.compile(ema_decay=0.9)
    name = f"ema_{model.sampling_networks[0]}"
    average = getattr(model, name)
    average.set_weights([x + 1 for x in average.get_weights()])
    model.compile()
    assert getattr(model, name) is average and model.ema_decay == 0.9
    model.compile(ema_decay=0)
    assert getattr(model, name) is None and model.ema_decay == 0


def test_errors_by_hand():
    model = kerasgan.Autoencoder(image_size=4, code=2)
    x = np.full((2, 1, 1, 2), [0.5, -1.0], "float32")
    y = np.full((2, 1, 1, 2), [0.0, -0.5], "float32")
    error = kerasgan.models.autoencoder.reconstruction_error
    assert float(error("squared_error", x, y)) == pytest.approx(0.25 + 0.25)
    assert float(error("absolute_error", x, y)) == pytest.approx(0.5 + 0.5)
    # Probabilities 3/4 and 0 of the truth, 1/2 and 1/4 of the output.
    assert float(error("cross_entropy", x, y)) == pytest.approx(np.log(2) - np.log(0.75), rel=1e-6)
    with pytest.raises(ValueError, match="loss"):
        model.compile(loss="mse")


def test_a_tied_decoder_is_the_transposed_encoder_and_trains_it_from_both_sides():
    model = kerasgan.Autoencoder(image_size=4, code=3, tied=True, seed=0)
    model.compile(keras.optimizers.SGD(1.0), loss="squared_error", run_eagerly=True)
    assert len(model.trainable_variables) == 3
    x = images(5, 4)
    kernel, bias, out = (v.numpy() for v in model.trainable_variables)
    pixels = (x.reshape(5, 16) + 1) / 2  # of [0, 1], as the sigmoids see them
    code = 1 / (1 + np.exp(-(pixels @ kernel + bias)))
    expected = np.tanh((code @ kernel.T + out) / 2).reshape(x.shape)
    np.testing.assert_allclose(model.reconstruct(x), expected, atol=1e-5)
    with tf.GradientTape() as tape:
        w = tf.constant(kernel)
        tape.watch(w)
        y = tf.tanh((tf.sigmoid(pixels @ w + bias) @ tf.transpose(w) + out) / 2)
        loss = tf.reduce_mean(tf.reduce_sum((y - x.reshape(5, 16)) ** 2, 1))
    model.train_step(tf.constant(x))
    np.testing.assert_allclose(model.trainable_variables[0], kernel - tape.gradient(loss, w), rtol=1e-4, atol=1e-5)


def test_a_linear_autoencoder_spans_the_principal_subspace():
    """Its loss is the sum of the discarded eigenvalues, and the angles between the subspaces are 0."""
    rng = np.random.default_rng(0)
    scales = np.array([1.0, 0.8, 0.5] + [0.2, 0.1] + [0.05] * 11)
    data = rng.normal(size=(400, 16)) * scales @ np.linalg.qr(rng.normal(size=(16, 16)))[0] / 4
    data -= data.mean(0)
    values, vectors = np.linalg.eigh(data.T @ data / len(data))
    x = data.reshape(-1, 4, 4, 1).astype("float32")
    model = kerasgan.Autoencoder(image_size=4, code=3, networks="linear", seed=0)
    model.compile(keras.optimizers.Adam(0.02), steps_per_execution=400)
    model.fit(x, batch_size=400, epochs=1, steps_per_epoch=1200, verbose=0)
    loss = model.evaluate(x, batch_size=400, return_dict=True, verbose=0)["loss"]
    assert loss == pytest.approx(values[:-3].sum(), rel=1e-3)
    span = np.linalg.qr(np.asarray(model.decoder.trainable_variables[0]).T)[0]
    cosines = np.linalg.svd(span.T @ vectors[:, -3:])[1]
    assert np.arccos(np.clip(cosines, -1, 1)).max() < 1e-2


def test_a_linear_denoiser_of_gaussian_data_shrinks_by_s2_over_s2_plus_sigma2():
    """E[x | x~] = x~ s^2 / (s^2 + sigma^2); one pixel for every image, so that the map is a number."""
    s, sigma = 0.3, 0.2
    x = np.random.default_rng(0).normal(0, s, (4096, 1, 1, 1)).astype("float32")
    inputs = keras.Input((1, 1, 1))
    encoder = keras.Model(inputs, keras.layers.Flatten()(inputs))
    codes = keras.Input((1,))
    decoder = keras.Model(codes, keras.layers.Reshape((1, 1, 1))(keras.layers.Dense(1, use_bias=False)(codes)))
    model = kerasgan.Autoencoder(image_size=1, encoder=encoder, decoder=decoder, seed=1)
    noise = corruptions.GaussianCorruption(sigma, seed=1)
    model.compile(keras.optimizers.SGD(0.5), "squared_error", noise, steps_per_execution=100, ema_decay=0.99)
    model.fit(x, batch_size=4096, epochs=1, steps_per_epoch=400, verbose=0, check_inputs=False)
    slope = float(model.ema_decoder.weights[0][0, 0])
    assert slope == pytest.approx(x.var() / (x.var() + sigma**2), rel=0.01)


def test_corruptions_act_in_training_only_at_their_rates():
    x = np.zeros((100, 10, 10, 1), "float32")
    for name in corruptions.NAMES:
        np.testing.assert_array_equal(corruptions.get(name)[0](x), x)
    count, rate = x.size, 0.3
    bound = 3 * np.sqrt(rate * (1 - rate) / count)
    masked = np.asarray(corruptions.MaskingCorruption(rate, seed=1)(x, training=True))
    assert set(np.unique(masked)) == {-1.0, 0.0} and abs((masked == -1).mean() - rate) < bound
    salted = np.asarray(corruptions.SaltAndPepperCorruption(rate, seed=1)(x, training=True))
    assert set(np.unique(salted)) == {-1.0, 0.0, 1.0}
    for value in (-1, 1):
        assert abs((salted == value).mean() - rate / 2) < bound
    noisy = np.asarray(corruptions.GaussianCorruption(0.5, mean=0.1, seed=1)(x, training=True))
    assert abs(noisy.mean() - 0.1) < 3 * 0.5 / np.sqrt(count) and abs(noisy.std() - 0.5) < 3 * 0.5 / np.sqrt(2 * count)
    with pytest.raises(ValueError, match="corruption"):
        corruptions.get("gauss")


def test_sparsity_by_hand():
    term = regularizers.Sparse(rate=0.05, weight=2.0)
    code = tf.constant([[0.1, 0.05], [0.3, 0.05]])
    by_hand = 0.05 * np.log(0.05 / 0.2) + 0.95 * np.log(0.95 / 0.8)
    assert float(term(None, code, None)) == pytest.approx(2 * by_hand, rel=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(code)
        value = term(None, code, None)
    slopes = tape.gradient(value, code).numpy()
    np.testing.assert_allclose(slopes[:, 0], 2 * (-0.05 / 0.2 + 0.95 / 0.8) / 2, rtol=1e-4)
    np.testing.assert_allclose(slopes[:, 1], 0.0, atol=1e-5)


def test_codes_keep_distances_that_embed_exactly():
    """Images on a plane in pixel space, so two numbers can hold all their distances."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(16, 2)))[0]
    x = (rng.uniform(-1, 1, (32, 2)) @ basis.T).reshape(-1, 4, 4, 1).astype("float32")
    model = kerasgan.Autoencoder(image_size=4, code=2, networks="linear", seed=0)
    term = regularizers.KeepsDistances(weight=10.0)
    model.compile(keras.optimizers.Adam(0.02), regularizer=term, steps_per_execution=500)
    model.fit(x, batch_size=32, epochs=1, steps_per_epoch=1500, verbose=0)
    code = model.encode(x)
    apart = np.linalg.norm(x.reshape(32, 16)[:, None] - x.reshape(32, 16)[None], axis=-1)
    found = np.linalg.norm(code[:, None] - code[None], axis=-1)
    assert np.sqrt(((found - apart) ** 2).sum() / (apart**2).sum()) < 1e-3
    assert float(regularizers.KeepsDistances()(x, code, None)) == pytest.approx(((found - apart) ** 2).mean(), abs=1e-6)


def test_pictures_leave_the_training_as_it_is_and_saving_keeps_it(tmp_path):
    model = kerasgan.Autoencoder(image_size=8, code=4, networks="conv", width=2, seed=0)
    model.compile(corruption=["masking", corruptions.GaussianCorruption(0.1)], regularizer="keeps_distances")
    model.fit(images(), batch_size=8, verbose=0)
    before = [v.numpy() for v in model.variables]
    assert model.preview(images(), num_images=6).shape == (2, 3, 8, 8, 1)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for old, new in zip(before, loaded.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    served = kerasgan.export.load(model.export(tmp_path / "served"))
    code = served["encode"](images=images(3))["code"]
    np.testing.assert_allclose(served["decode"](code=code)["images"], model.reconstruct(images(3)), atol=1e-5)


def test_remembered_places_belong_to_the_code(tmp_path):
    model = kerasgan.Autoencoder(image_size=8, code=4, networks="pooling", width=2, seed=0)
    model.compile(regularizer="keeps_distances")
    model.fit(images(), batch_size=8, verbose=0)
    x = images(3)
    code = model.encode(x)
    assert {name: (value.shape, value.dtype.name) for name, value in code.items()} == {
        "code": ((3, 4), "float32"),
        "places_1": ((3, 4, 4, 2), "int32"),
        "places_2": ((3, 2, 2, 4), "int32"),
    }
    found = model.reconstruct(x)
    np.testing.assert_allclose(model.decode(code, batch_size=2), found, atol=1e-6)
    np.testing.assert_allclose(model(x), found, atol=1e-5)
    elsewhere = model.decode(code | {"places_1": 3 - code["places_1"]})
    assert np.abs(elsewhere - found).max() > 0.01
    served = kerasgan.export.load(model.export(tmp_path / "served"))
    answer = served["encode"](images=x)
    np.testing.assert_array_equal(answer["places_2"], code["places_2"])
    np.testing.assert_allclose(served["decode"](**answer)["images"], found, atol=1e-5)


def test_codes_without_their_places_are_refused():
    pooling = kerasgan.Autoencoder(image_size=8, code=4, networks="pooling", width=2)
    with pytest.raises(ValueError, match=r"a dict of \['code', 'places_1', 'places_2'\].*shape \(3, 4\)"):
        pooling.decode(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"an array \(n, code\). Received: \['code'\]"):
        kerasgan.Autoencoder(image_size=8, code=4).decode({"code": np.zeros((3, 4))})
    for networks in ("conv", "pooling"):
        with pytest.raises(ValueError, match=f"multiple of 4 for `networks='{networks}'`. Received: 10"):
            kerasgan.Autoencoder(image_size=10, networks=networks)


def test_layers_of_the_pooling_networks():
    model = kerasgan.Autoencoder(networks="pooling", code=10)
    # 3x3 convolutions 1 -> 32 -> 64, a dense code of the 7x7x64, and back.
    assert model.encoder.count_params() == (9 + 1) * 32 + (9 * 32 + 1) * 64 + (49 * 64 + 1) * 10
    assert model.decoder.count_params() == (10 + 1) * 49 * 64 + (9 * 64 + 1) * 32 + (9 * 32 + 1)
    with pytest.raises(ValueError, match="`tied` needs the dense networks"):
        kerasgan.Autoencoder(networks="pooling", tied=True)


def test_an_autoencoder_that_is_compiled_again_is_resumed_exactly(tmp_path):
    """The random states of its corruption are those in the file."""
    images = np.random.default_rng(0).uniform(-1, 1, (16, 4, 4, 1)).astype("float32")
    model = kerasgan.Autoencoder(image_size=4, channels=1, code=3, seed=0)
    for _ in range(2):
        model.compile(corruption="gaussian")
        model.fit(images, batch_size=4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    losses = [one.fit(images, batch_size=4, shuffle=False, verbose=0).history["loss"] for one in (model, loaded)]
    assert losses[0] == losses[1]
