import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.layers import WeightNormalization, initialize_by_data


def images(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 28, 28, 1)).astype("float32")


LABELS = np.arange(20, dtype="int32") % 10


def test_networks_have_the_parameters_of_the_authors_program():
    """Without the lengths of normalised weights, 784 in G and 2,260 in D, of which 10 are trained."""
    model = kerasgan.SemiSupervisedGAN()
    lengths = [sum(v.shape[0] for v in network.weights if v.path.endswith("lengths")) for network in networks(model)]
    assert lengths == [784, 2260]
    assert sum(np.prod(v.shape) for v in model.g_variables) == 693_784 + 784
    assert sum(np.prod(v.shape) for v in model.d_variables) == 1_538_760 + 10
    assert [layer.stddev for layer in model.discriminator.layers if hasattr(layer, "stddev")] == [0.3] + 5 * [0.5]


def networks(model):
    return model.generator, model.discriminator


def test_compiles_as_the_authors_program():
    model = kerasgan.SemiSupervisedGAN()
    model.compile()
    for optimizer in model.optimizers:
        assert (float(optimizer.learning_rate), optimizer.beta_1) == (pytest.approx(3e-3), 0.5)
        assert optimizer.epsilon == 1e-4
    directions = [layer.layer.kernel for layer in model.discriminator.layers if hasattr(layer, "lengths")]
    assert [float(np.std(kernel)) for kernel in directions[:5]] == pytest.approx([0.1] * 5, rel=0.02)
    assert float(np.std(directions[5])) == pytest.approx(0.1, rel=0.1)
    assert model.ema_decay == 0.9999 and (model.latent_dim, model.prior, model.unlabelled_weight) == (100, "uniform", 1)
    assert (model.loss.weight, model.loss.adversarial_weight) == (1 / 250, 0)


def test_losses_are_those_of_a_softmax_over_one_class_more():
    """Section 5: the logit of "generated" is 0. Against log_softmax of K + 1 logits."""
    x = keras.Input((28, 28, 1))
    features = keras.layers.Dense(6, "tanh")(keras.layers.Flatten()(x))
    judge = keras.Model(x, {"logits": keras.layers.Dense(10)(features), "features": features})
    model = kerasgan.SemiSupervisedGAN(discriminator=judge, unlabelled_weight=0.5, seed=0)
    model.compile(d_optimizer=keras.optimizers.SGD(1.0), run_eagerly=True, ema_decay=0)
    labelled, real, fake = (tf.constant(images(20, seed)) for seed in range(3))
    kernel = judge.trainable_variables[0]

    def extended(batch):
        return tf.nn.log_softmax(tf.concat([judge(batch)["logits"], tf.zeros((20, 1))], -1))

    with tf.GradientTape() as tape:
        known = extended(labelled)[:, :10]
        known -= tf.reduce_logsumexp(known, -1, keepdims=True)  # given that the image is real
        supervised = -tf.reduce_mean(tf.gather(known, LABELS, batch_dims=1))
        taken = 1 - tf.exp(extended(real)[:, 10]), tf.exp(extended(fake)[:, 10])  # D(x), 1 - D(G(z))
        unsupervised = -sum(tf.reduce_mean(tf.math.log(probability)) for probability in taken)
        loss = supervised + 0.5 * unsupervised / 2
    before, gradient = np.array(kernel), tape.gradient(loss, kernel)
    right = np.mean(np.argmax(judge(labelled)["logits"], -1) == LABELS)
    logs = model.update_discriminator(real, fake, (labelled, tf.constant(LABELS)))
    np.testing.assert_allclose(logs["d_loss"], loss, rtol=1e-6)
    np.testing.assert_allclose(logs["supervised_loss"], supervised, rtol=1e-6)
    np.testing.assert_allclose(logs["labelled_accuracy"], right, rtol=1e-6)
    np.testing.assert_allclose(logs["d_fake"], 1 - np.mean(taken[1]), rtol=1e-5)
    np.testing.assert_allclose(kernel, before - gradient, rtol=1e-4, atol=1e-7)

    expected = np.mean((np.mean(judge(fake)["features"], 0) - np.mean(judge(real)["features"], 0)) ** 2)
    g_loss = model.loss.generator_loss(model.judge(fake, ()), model.judge(real, ()))
    np.testing.assert_allclose(g_loss, expected, rtol=1e-5)


def test_initialization_makes_every_layer_put_out_mean_0_and_variance_1():
    model = kerasgan.SemiSupervisedGAN(seed=0)
    model.compile()
    model.initialize(images(500))
    for layer in (layer for layer in model.discriminator.layers if isinstance(layer, WeightNormalization)):
        seen = keras.Model(model.discriminator.input, layer.output)(images(500), training=True)
        np.testing.assert_allclose(np.mean(seen, 0), 0, atol=0.3)  # other noise than that of the initialization
        assert 0.8 < np.mean(np.var(seen, 0)) < 1.2
    for weight, average in zip(model.discriminator.weights, model.ema_discriminator.weights, strict=True):
        if "seed" not in weight.path:
            np.testing.assert_array_equal(weight, average)
    assert not any(layer._initializing for layer in model.discriminator.layers if hasattr(layer, "_initializing"))
    with pytest.raises(ValueError, match="must contain `WeightNormalization` layers. Received: 'generator', with none"):
        initialize_by_data(kerasgan.GAN(image_size=8).generator, np.zeros((2, 100)))


def test_predictions_and_evaluation_are_those_of_averaged_weights():
    model = kerasgan.SemiSupervisedGAN(seed=0)
    model.compile()
    x = images(20)
    model.discriminator.set_weights([0 * w for w in model.discriminator.get_weights()])
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    assert np.ptp(found) > 0.01  # the weights of D itself would make all classes equal
    expected = np.mean(found.argmax(1) == LABELS)
    assert model.evaluate(x, LABELS, verbose=0, return_dict=True) == {"accuracy": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((images(4), LABELS[:4]), r"expected batches of `\(\(labelled_images, labels\), images\)`"),
        (((images(4), LABELS[:3]), images(4)), "a label for each image. Received: 3 for 4"),
        (((images(4), LABELS[:4] + 9), images(4)), "`?labels`?.* 0 to 9"),
        (((images(4), LABELS[:4]), images(4)[:, :8]), r"`images` .*\(batch, 28, 28, 1\)"),
    ],
)
def test_other_batches_are_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        kerasgan.SemiSupervisedGAN().check_batch(batch)


def test_zip_unpaired_repeats_the_few_beside_the_many():
    few = kerasgan.data.from_arrays((images(2), LABELS[:2]), 2, shuffle=False)
    dataset = kerasgan.data.zip_unpaired(few, kerasgan.data.from_arrays(images(6, 1), 2, shuffle=False))
    batches = list(dataset.repeat(2).as_numpy_iterator())
    assert (len(dataset), len(batches)) == (3, 6)
    for i, ((labelled, labels), unlabelled) in enumerate(batches):
        np.testing.assert_array_equal(labelled, images(2))
        np.testing.assert_array_equal(labels, LABELS[:2])
        np.testing.assert_array_equal(unlabelled, images(6, 1)[2 * (i % 3) : 2 * (i % 3) + 2])


@pytest.mark.parametrize("options", [{"penalty": "path_length"}, {"penalty": "zcr"}, {"augment": "apa"}])
def test_labelled_images_are_no_condition_of_the_generator(options):
    model = kerasgan.SemiSupervisedGAN(image_size=8, num_classes=10, latent_dim=4, seed=0)
    model.compile(run_eagerly=True, **options)
    small = images(10)[:, :8, :8]
    logs = model.train_step(tf.nest.map_structure(tf.constant, ((small, LABELS[:10]), small)))
    assert all(np.isfinite(value) for value in logs.values())


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`unlabelled_weight` must be at least 0. Received: -1"):
        kerasgan.SemiSupervisedGAN(unlabelled_weight=-1)
    logits = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    with pytest.raises(ValueError, match='a dict of "logits", of the classes, and "features"'):
        kerasgan.SemiSupervisedGAN(discriminator=logits)
    kerasgan.SemiSupervisedGAN(unlabelled_weight=0)


@pytest.mark.parametrize("cls", [kerasgan.SemiSupervisedGAN, kerasgan.PixelDA])
def test_metrics_of_images_are_refused(cls):
    model = cls()
    with pytest.raises(ValueError, match="`metrics` must be None for .*, whose `evaluate` returns"):
        model.compile(metrics=[kerasgan.metrics.FrechetDistance(lambda x: x)])
    model.compile()
