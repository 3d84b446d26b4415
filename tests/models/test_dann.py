import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.layers import SpatialDropout2D, reverse_gradient


def batch(count=16, channels=3, size=28, seed=0):
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(-1, 1, (2, count, size, size, channels)).astype("float32")
    return (source, rng.integers(0, 10, count).astype("int32")), target


def test_gradient_reversal_is_the_identity_forward_and_minus_lambda_backward():
    x = tf.Variable([[1.0, -2.0], [0.5, 3.0]])
    with tf.GradientTape() as tape:
        y = reverse_gradient(x, tf.constant(0.25))
        loss = tf.reduce_sum(y * [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(y, x)
    np.testing.assert_allclose(tape.gradient(loss, x), -0.25 * np.array([[1.0, 2.0], [3.0, 4.0]]), rtol=1e-7)


def test_default_networks_have_the_parameters_of_the_papers_architecture():
    model = kerasgan.DANN()
    # Convolutions 2,432 and 38,448; dense layers 235,300, 10,100 and 1,010.
    assert model.features.count_params() + model.classifier.count_params() == 287_290
    assert model.domain_classifier.count_params() == 2352 * 100 + 100 + 100 + 1


def test_strength_and_rate_follow_the_schedules_of_section_5():
    model = kerasgan.DANN()
    model.compile(total_steps=100)
    for step in (0, 10, 50, 100, 250):
        model.step.assign(step)
        p = min(step / 100, 1.0)
        assert float(model.reversal_strength()) == pytest.approx(2 / (1 + np.exp(-10 * p)) - 1, abs=1e-6)
        model.optimizer.iterations.assign(step)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / (1 + 10 * p) ** 0.75, rel=1e-6)
    assert model.optimizer.momentum == 0.9


def test_the_rate_goes_on_at_the_step_of_the_model_if_it_is_compiled_again():
    model = kerasgan.DANN()
    model.step.assign(50)
    model.compile(total_steps=100)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / (1 + 10 * 0.5) ** 0.75, rel=1e-6)
    model.optimizer.iterations.assign(25)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01 / (1 + 10 * 0.75) ** 0.75, rel=1e-6)


def test_single_batches_return_the_logs_before_and_after_an_evaluation():
    model = kerasgan.DANN()
    model.compile(total_steps=10)
    (source, labels), target = batch(4)
    for _ in range(2):
        assert len(model.train_on_batch(((source, labels), target))) == len(model.loss_names)
        (accuracy,) = model.test_on_batch((source, labels))
        assert model.evaluate((source, labels), verbose=0) == pytest.approx([accuracy])


def test_a_step_descends_the_label_loss_and_ascends_the_domain_loss_in_the_features():
    """Against the gradients of both losses by themselves, at strength 2 / (1 + e^-5) - 1."""
    model = kerasgan.DANN(seed=0)
    model.compile(optimizer=keras.optimizers.SGD(1.0), domain_weight=0.5, total_steps=100, run_eagerly=True)
    model.step.assign(50)
    (source, labels), target = data = batch()
    kernel, head = model.features.trainable_variables[0], model.domain_classifier.trainable_variables[0]
    with tf.GradientTape(persistent=True) as tape:
        features = model.features(np.concatenate([source, target]), training=True)
        logits = model.classifier(features[:16])
        label_loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
        z = model.domain_classifier(features)[:, 0]
        domain_loss = tf.reduce_mean(tf.concat([tf.nn.softplus(z[:16]), tf.nn.softplus(-z[16:])], 0))
    strength = 2 / (1 + np.exp(-5)) - 1
    by_label, by_domain = tape.gradient(label_loss, kernel), tape.gradient(domain_loss, kernel)
    expected = kernel - (by_label - strength * 0.5 * by_domain)
    expected_head = head - 0.5 * tape.gradient(domain_loss, head)
    logs = model.train_step(tf.nest.map_structure(tf.constant, data))
    np.testing.assert_allclose(kernel, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head, expected_head, rtol=1e-4, atol=1e-6)
    assert float(logs["loss"]) == pytest.approx(float(label_loss + 0.5 * domain_loss), rel=1e-5)


def test_labels_of_the_target_are_never_looked_at_and_evaluate_counts_them():
    model = kerasgan.DANN(seed=0)
    model.compile(total_steps=10)
    _, target = batch()
    labels = model.predict(target, verbose=0).argmax(1).astype("int32")
    assert model.evaluate((target, labels), return_dict=True, verbose=0) == {"target_accuracy": 1.0}
    labels[:4] = (labels[:4] + 1) % 10
    assert model.evaluate((target, labels), return_dict=True, verbose=0) == {"target_accuracy": 0.75}
    with pytest.raises(ValueError, match="expected batches of"):
        model.fit((target, labels), batch_size=16, verbose=0)


def test_a_mixed_up_structure_and_wrong_labels_are_refused():
    model = kerasgan.DANN()
    model.compile()
    (source, labels), target = batch()
    with pytest.raises(ValueError, match="source_labels"):
        model.fit(((source, labels + 10), target), batch_size=16, verbose=0)
    dataset = tf.data.Dataset.from_tensors(((source, labels), target[:8]))
    with pytest.raises(ValueError, match="16, 16 and 8"):
        model.fit(dataset, verbose=0)


def test_spatial_dropout_drops_whole_channels():
    y = np.asarray(SpatialDropout2D(0.5, seed=1)(tf.ones((50, 3, 4, 20)), training=True))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1, :1]).all()
    assert abs((y[:, 0, 0] == 0).mean() - 0.5) < 3 * 0.5 / np.sqrt(1000)
