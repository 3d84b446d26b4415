import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan


def batch(count=6, size=16, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(-1, 1, (2, count, size, size, channels)).astype("float32")
    return (source, np.arange(count, dtype="int32") % 10), target


def counts(model):
    return {name: getattr(model, name).count_params() for name in model.network_names}


def test_networks_by_hand():
    """At 28 pixels: D has 64, 128, 256 and 512 channels at 28, 14, 7 and 4 pixels; T has DANN's 287,290 parameters."""
    model = kerasgan.PixelDA()
    found = counts(model)
    assert found["source_stem"] == found["target_stem"] == 5 * 5 * 3 * 32 + 32
    assert found["source_stem"] + found["classifier"] == 287_290
    convolutions = 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    assert found["discriminator"] == convolutions + 64 + 4 * (128 + 256 + 512) + 4 * 4 * 512 + 1
    dense, blocks = 10 * 784 + 4 * 784, 6 * 2 * (9 * 64 * 64 + 4 * 64)
    assert found["generator"] == dense + 9 * 4 * 64 + 64 + blocks + 64 * 3 + 3
    kinds = {type(layer).__name__: layer for layer in model.discriminator.layers}
    assert (kinds["Dropout"].rate, kinds["GaussianCorruption"].stddev) == (0.1, 0.2)


def test_compiles_as_the_authors_program():
    model = kerasgan.PixelDA(image_size=16)
    model.compile()
    found = (model.domain_weight, model.style_weight, model.task_weight)
    assert found == pytest.approx((0.135603587834, 0.0113173311334, 0.0100959947002))
    for optimizer in model.optimizers:
        assert optimizer.beta_1 == 0.5
        for step, rate in ((0, 1e-3), (19_999, 1e-3), (20_000, 0.95e-3), (40_000, 0.9025e-3)):
            optimizer.iterations.assign(step)
            assert float(optimizer.learning_rate) == pytest.approx(rate)


def plain():
    """A PixelDA without dropout, noise and batch statistics."""
    image, noise = keras.Input((16, 16, 3)), keras.Input((4,))
    drawn = keras.layers.Reshape((16, 16, 1))(keras.layers.Dense(256)(noise))
    x = keras.layers.Conv2D(3, 1, activation="tanh")(keras.layers.Concatenate()([image, drawn]))
    judge = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    generator = keras.Model([image, noise], x)
    return kerasgan.PixelDA(16, latent_dim=4, generator=generator, discriminator=judge, seed=0)


def cross_entropy(labels, logits):
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def test_a_step_is_that_of_equations_2_and_3():
    model = plain()
    sgd = {"g_optimizer": keras.optimizers.SGD(1.0), "d_optimizer": keras.optimizers.SGD(1.0)}
    model.compile(domain_weight=0.3, style_weight=0.2, task_weight=0.7, run_eagerly=True, **sgd)
    (source, labels), target = data = tf.nest.map_structure(tf.constant, batch())
    noise = model.latents(6)
    model.latents = lambda rows: noise

    def t(stem, images):
        return model.classifier(stem(images))

    watched = [model.discriminator, model.source_stem, model.target_stem, model.classifier]
    before = [np.array(network.trainable_variables[0]) for network in watched]
    with tf.GradientTape() as tape:
        fake = model.generator([source, noise])
        real, made = model.discriminator(target), model.discriminator(fake)
        adversarial = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(made))
        task = cross_entropy(labels, t(model.source_stem, source)) + cross_entropy(labels, t(model.target_stem, fake))
        d_loss = 0.3 * adversarial + task
    gradients = tape.gradient(d_loss, [network.trainable_variables[0] for network in watched])
    g_before = [np.array(v) for v in model.generator.variables]
    logs = model.train_step(data)
    for network, old, gradient in zip(watched, before, gradients, strict=True):
        np.testing.assert_allclose(network.trainable_variables[0], old - gradient, rtol=1e-4, atol=1e-6)
    g_after = [np.array(v) for v in model.generator.variables]
    for variable, old in zip(model.generator.variables, g_before, strict=True):
        variable.assign(old)
    with tf.GradientTape() as tape:  # by the improved D and T
        fake = model.generator([source, noise])
        g_loss = 0.2 * tf.reduce_mean(tf.nn.softplus(-model.discriminator(fake)))
        g_loss += 0.7 * cross_entropy(labels, t(model.target_stem, fake))
    gradients = tape.gradient(g_loss, model.generator.trainable_variables)
    for after, old, gradient in zip(g_after, g_before, gradients, strict=True):
        np.testing.assert_allclose(after, old - gradient, rtol=1e-4, atol=1e-6)
    for name, expected in (("d_loss", d_loss), ("task_loss", task), ("g_loss", g_loss)):
        np.testing.assert_allclose(logs[name], expected, rtol=1e-5, err_msg=name)


def test_the_target_is_read_by_its_own_stem():
    model = plain()
    model.compile()
    (_, labels), target = batch()
    expected = tf.nn.softmax(model.classifier(model.target_stem(target)))
    found = model.predict(target, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    accuracy = model.evaluate(target, labels, verbose=0, return_dict=True)
    assert accuracy == {"target_accuracy": pytest.approx(np.mean(found.argmax(1) == labels))}


def test_translations_are_repeatable_and_shown_between_source_and_target():
    model = plain()
    (source, labels), target = batch()
    once, again, other = (model.translate(source, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-3
    np.testing.assert_allclose(model.translate(source[:2], seed=1), once[:2], rtol=1e-5, atol=1e-6)
    picture = model.preview(((source, labels), target), num_images=6, seed=1)
    assert picture.shape == (2, 3, 16, 16, 3)
    np.testing.assert_array_equal(picture[:, 0], source[:2])
    np.testing.assert_allclose(picture[:, 1], once[:2], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(picture[:, 2], target[:2])
    endpoints = model.serving_functions()
    served = endpoints["translate"][0](tf.constant(source), tf.constant(1))["images"]
    np.testing.assert_allclose(served, once, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"\(batch, 16, 16, 3\)"):
        model.translate(source[:, :8])


def test_penalties_of_the_weights_of_the_generator_are_in_its_loss():
    """Of two models that start alike, the losses of G differ by the penalty."""
    losses = []
    for penalty in ([], [kerasgan.penalties.Orthogonal(0.5)]):
        keras.utils.set_random_seed(0)
        model = plain()
        model.compile(penalty=penalty, run_eagerly=True)
        expected = sum(float(p([model.generator])) for p in model.penalty)
        losses.append((float(model.train_step(tf.nest.map_structure(tf.constant, batch()))["g_loss"]), expected))
    (without, _), (with_penalty, expected) = losses
    assert expected > 0.01
    np.testing.assert_allclose(with_penalty - without, expected, rtol=1e-4)
