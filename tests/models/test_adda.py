import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.models.adda import lenet_classifier, lenet_encoder


def batch(count=16, seed=0):
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(-1, 1, (2, count, 28, 28, 1)).astype("float32")
    return (source, rng.integers(0, 10, count).astype("int32")), target


def weights(network):
    return [variable.numpy() for variable in network.weights]


def test_default_networks_have_the_parameters_of_lenet_and_of_the_critic():
    model = kerasgan.ADDA()
    # Convolutions 520 and 25,050; dense layers 400,500 and 5,010.
    assert model.source_encoder.count_params() + model.classifier.count_params() == 431_080
    assert model.discriminator.count_params() == 502_002


def test_defaults_of_both_phases():
    model = kerasgan.ADDA()
    model.compile(phase="source")
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.optimizer.beta_1 == 0.9 and model.d_optimizer is None
    model.compile()
    for optimizer in model.optimizers:
        assert float(optimizer.learning_rate) == pytest.approx(2e-4) and optimizer.beta_1 == 0.5
    assert len(model.optimizers) == 2
    with pytest.raises(ValueError, match="phase"):
        model.compile(phase="both")


def test_adaptation_before_the_source_is_refused():
    model = kerasgan.ADDA()
    model.compile()
    with pytest.raises(ValueError, match="has not been trained"):
        model.fit(batch(), batch_size=16, verbose=0)


def test_the_targets_encoder_follows_and_then_alone_moves():
    model = kerasgan.ADDA(seed=0)
    model.compile(phase="source")
    before = weights(model.source_encoder)
    history = model.fit(batch(), batch_size=16, verbose=0).history
    assert set(history) == {"loss", "source_accuracy"}
    trained, classifier = weights(model.source_encoder), weights(model.classifier)
    assert all((a != b).any() for a, b in zip(before, trained))
    for ours, theirs in zip(weights(model.target_encoder), trained, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    model.compile()
    history = model.fit(batch(), batch_size=16, verbose=0).history
    assert set(history) == {"loss", "d_loss", "domain_accuracy"}
    for old, new in zip(trained + classifier, weights(model.source_encoder) + weights(model.classifier), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all((a != b).any() for a, b in zip(trained, weights(model.target_encoder)))


def test_the_encoder_minimises_the_inverted_labels_of_the_improved_critic():
    encoder = lenet_encoder(28, 1)
    model = kerasgan.ADDA(encoder=encoder, classifier=lenet_classifier(500, 10), seed=0)
    model.compile(keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5), run_eagerly=True)
    (source, labels), target = data = batch()
    # Without dropout, which draws anew at each call; that of the source's encoder, which is fixed, is out of use.
    for layer in model.target_encoder.layers:
        if hasattr(layer, "rate"):
            layer.rate = 0.0
    critic, kernel = model.discriminator, model.target_encoder.trainable_variables[-2]
    ours = np.asarray(model.source_encoder(source)), np.asarray(model.target_encoder(target))
    logits = np.asarray(critic(np.concatenate(ours)))
    chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    d_loss = -np.log(np.concatenate([chance[:16, 0], chance[16:, 1]])).mean()
    before, all_before = kernel.numpy(), weights(model.target_encoder)
    logs = model.train_step(tf.nest.map_structure(tf.constant, data))
    assert float(logs["d_loss"]) == pytest.approx(d_loss, rel=1e-4)
    after = kernel.numpy()
    model.target_encoder.set_weights(all_before)
    with tf.GradientTape() as tape:
        improved = critic(model.target_encoder(target))
        loss = tf.reduce_mean(tf.nn.softplus(improved[:, 1] - improved[:, 0]))  # CE for the label "source"
    assert float(logs["loss"]) == pytest.approx(float(loss), rel=1e-4)
    np.testing.assert_allclose(after, before - 0.5 * tape.gradient(loss, kernel), rtol=1e-3, atol=1e-6)


def test_a_given_encoder_counts_as_trained_and_a_saved_model_goes_on(tmp_path):
    model = kerasgan.ADDA(encoder=lenet_encoder(28, 1), classifier=lenet_classifier(500, 10))
    model.compile()
    model.fit(batch(), batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.phase == "adaptation" and int(loaded.d_optimizer.iterations) == 1
    for a, b in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(a, b)
