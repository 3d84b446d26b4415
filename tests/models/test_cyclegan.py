"""CycleGAN: the published sizes, the pool against a plain simulation, the objective by hand, the decaying rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import random
from kerasgan.augment import ImagePool
from kerasgan.layers import InstanceNormalization, ReflectionPadding2D


def images(count, size, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def small(**options):
    options = {"image_size": 8, "channels": 1, "width": 2, "blocks": 1, "receptive_field": 16, "seed": 3} | options
    return kerasgan.CycleGAN(**options)


def test_parameters_are_those_of_the_authors():
    """Weights and biases of each convolution; the biases before a norm are counted as the norm's shifts."""

    def count(layers):
        return sum(kernel**2 * a * b + b for kernel, a, b in layers)

    blocks = [(3, 256, 256)] * 2
    ends = [(7, 3, 64), (3, 64, 128), (3, 128, 256), (3, 256, 128), (3, 128, 64), (7, 64, 3)]
    judge = [(4, 3, 64), (4, 64, 128), (4, 128, 256), (4, 256, 512), (4, 512, 1)]
    assert count(ends + 9 * blocks) == 11_378_179
    assert count(judge) == 2_764_737
    model = kerasgan.CycleGAN()
    assert model.generator_ab.count_params() == model.generator_ba.count_params() == 11_378_179
    assert model.discriminator_a.count_params() == model.discriminator_b.count_params() == 2_764_737
    assert kerasgan.CycleGAN(image_size=128).generator_ab.count_params() == count(ends + 6 * blocks)


def test_instance_normalization_by_hand():
    x = images(2, 4, 3)
    expected = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(InstanceNormalization()(x), expected, atol=1e-5)
    layer = InstanceNormalization(scale=False)
    layer.build(x.shape)
    layer.set_weights([np.array([1, 2, 3], "float32")])
    np.testing.assert_allclose(layer(x), expected + [1, 2, 3], atol=1e-5)


def test_reflection_padding_does_not_repeat_the_edge():
    x = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    padded = np.asarray(ReflectionPadding2D(1)(x))[0, ..., 0]
    np.testing.assert_array_equal(padded[0], [4, 3, 4, 5, 4])
    np.testing.assert_array_equal(padded[:, 0], [4, 1, 4, 7, 4])
    assert ReflectionPadding2D(3)(keras.Input((8, 9, 2))).shape == (None, 14, 15, 2)


def simulate(batches, size, seed):
    """The authors' rule, image by image, on the same random numbers."""
    generator = keras.random.SeedGenerator(seed)
    held, returned = [], []
    for batch in batches:
        draws = random.unit((len(batch), 2), generator).numpy()
        swaps, places = draws[:, 0] < 0.5, (draws[:, 1] * size).astype(int)
        for image, swap, place in zip(batch, swaps, places):
            if len(held) < size:
                held.append(image)
                returned.append(image)
            elif swap:
                returned.append(held[place])
                held[place] = image
            else:
                returned.append(image)
    return returned, held


@pytest.mark.parametrize("batch, size", [(1, 3), (4, 3), (4, 50), (7, 5)])
def test_the_pool_exchanges_as_the_authors_do(batch, size):
    numbers = np.arange(1, 10 * batch + 1, dtype="float32").reshape(10, batch, 1, 1, 1)
    pool, seed = ImagePool((1, 1, 1), size), keras.random.SeedGenerator(5)
    exchange = tf.function(lambda fakes: pool.exchange(fakes, seed))
    ours = np.concatenate([exchange(tf.constant(fakes)) for fakes in numbers]).ravel()
    returned, held = simulate(numbers, size, 5)
    np.testing.assert_array_equal(ours, np.ravel(returned))
    np.testing.assert_array_equal(np.asarray(pool.images).ravel()[: len(held)], np.ravel(held))
    assert int(pool.count.numpy()) == min(size, 10 * batch)
    full = np.ravel(returned)[size:] != numbers.ravel()[size:]
    if size == 3 and batch == 4:
        assert 0.2 < full.mean() < 0.8  # about half are old ones


def test_an_empty_pool_passes_everything_on():
    x = images(4, 2, 1)
    pool = ImagePool((2, 2, 1), 0)
    np.testing.assert_array_equal(pool.exchange(tf.constant(x), keras.random.SeedGenerator(0)), x)


def test_replicas_share_one_pool(two_devices):
    strategy = two_devices
    with strategy.scope():
        pool, seed = ImagePool((1, 1, 1), 3), keras.random.SeedGenerator(5)
    numbers = np.arange(1, 41, dtype="float32").reshape(10, 4, 1, 1, 1)
    returned, held = simulate(numbers, 3, 5)

    @tf.function
    def exchange(fakes):
        return strategy.run(lambda x: pool.exchange(x, seed), (fakes,))

    ours = []
    for batch in strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(numbers)):
        ours += [np.asarray(part) for part in strategy.experimental_local_results(exchange(batch))]
    np.testing.assert_array_equal(np.ravel(ours), np.ravel(returned))
    for copy in strategy.experimental_local_results(pool.images.value):
        np.testing.assert_array_equal(np.ravel(copy), np.ravel(held))


def test_objective_by_hand():
    model = small(pool_size=0)
    penalty = lambda judge, real, fake, seed: 0.1 * tf.reduce_mean(real - 2 * fake)  # noqa: E731
    model.compile(cycle_weight=3.0, identity_weight=0.25, penalty=penalty, jit_compile=False)
    a, b = images(4, 8, 1), images(4, 8, 1, seed=1)
    g, f = model.generator_ab, model.generator_ba
    fake_b, fake_a = np.asarray(g(a)), np.asarray(f(b))
    cycle = np.abs(f(fake_b) - a).mean() + np.abs(g(fake_a) - b).mean()
    identity = np.abs(g(b) - b).mean() + np.abs(f(a) - a).mean()
    d_a, d_b = model.discriminator_a, model.discriminator_b
    adversarial = np.mean((d_a(fake_a) - 1.0) ** 2) + np.mean((d_b(fake_b) - 1.0) ** 2)  # section 3.4: not halved
    d_loss = sum(
        (np.mean((d(real) - 1.0) ** 2) + np.mean(np.square(d(fake)))) / 2 + 0.1 * np.mean(real - 2 * fake)
        for d, real, fake in ((d_a, a, fake_a), (d_b, b, fake_b))
    )
    logs = {k: float(v) for k, v in model.train_step((tf.constant(a), tf.constant(b))).items()}
    assert logs["cycle_loss"] == pytest.approx(cycle, rel=1e-4)
    assert logs["identity_loss"] == pytest.approx(identity, rel=1e-4)
    assert logs["g_loss"] == pytest.approx(adversarial + 3 * (cycle + 0.25 * identity), rel=1e-4)
    assert logs["d_loss"] == pytest.approx(d_loss, rel=1e-4)


def test_discriminators_see_what_their_pools_give():
    """Full pools of other images: D's loss is that of what they give back, and they keep fakes of their own domain."""
    model = small(pool_size=4)
    model.compile(jit_compile=False)
    a, b, fake_a, fake_b = (tf.constant(images(4, 8, 1, seed=i)) for i in range(4))
    model.update_discriminators(a, b, fake_a, fake_b)
    np.testing.assert_array_equal(model.pool_a.images, fake_a)
    np.testing.assert_array_equal(model.pool_b.images, fake_b)
    returned = {}
    for name in "ab":
        pool = getattr(model, f"pool_{name}")
        pool.exchange = lambda fakes, seed, name=name: returned.setdefault(name, fakes * 0 + 0.5)
    d_a, d_b = model.discriminator_a, model.discriminator_b
    half = np.full_like(a, 0.5)
    expected = sum((np.mean((d(x) - 1.0) ** 2) + np.mean(np.square(d(half)))) / 2 for d, x in ((d_a, a), (d_b, b)))
    logs = model.update_discriminators(a, b, fake_a, fake_b)
    assert set(returned) == {"a", "b"} and float(logs["d_loss"]) == pytest.approx(expected, rel=1e-4)


def test_directions():
    model = small()
    model.compile(ema_decay=0.5)
    a = images(3, 8, 1)
    np.testing.assert_allclose(model.translate(a), model.generator_ab(a), atol=1e-6)
    np.testing.assert_allclose(model.translate(a, to="A"), model.generator_ba(a), atol=1e-6)
    np.testing.assert_allclose(model(a), model.generator_ab(a), atol=1e-6)
    with pytest.raises(ValueError, match="`to` must be 'A' or 'B'. Received: 'C'"):
        model.translate(a, to="C")
    grid = model.preview((a, a), num_images=12)
    assert grid.shape == (2, 6, 8, 8, 1)
    np.testing.assert_allclose(grid[:, 2], model.translate(model.translate(a[:2]), to="A"), atol=1e-5)


def test_linear_decay():
    rate = kerasgan.schedules.LinearDecay(2e-4, constant_steps=100, decay_steps=50)
    steps = [0, 99, 100, 110, 125, 149, 150, 1000]
    expected = np.array([1, 1, 1, 0.8, 0.5, 0.02, 0, 0]) * 2e-4
    np.testing.assert_allclose([float(rate(tf.constant(step))) for step in steps], expected, atol=1e-10)
    optimizer = keras.optimizers.Adam(rate, beta_1=0.5)
    clone = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert clone.get_config() == optimizer.get_config()
    with pytest.raises(ValueError, match="`decay_steps` must be above 0. Received: 0"):
        kerasgan.schedules.LinearDecay(1.0, 10, 0)


def test_unpaired_batches_are_checked():
    with pytest.raises(ValueError, match="`domain_b` must be float32 images"):
        small().check_batch((images(2, 8, 1), images(2, 4, 1)))
    with pytest.raises(ValueError, match="same number of rows"):
        small().check_batch((images(2, 8, 1), images(3, 8, 1)))


def reader():
    """A classifier of two classes with weights of its own."""
    inputs = keras.Input((8, 8, 1))
    logits = keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=1))(
        keras.layers.Flatten()(inputs)
    )
    return keras.Model(inputs, logits)


def test_semantic_loss_by_hand():
    """Hoffman et al. (2018), equation 5: cross-entropies with the classes that the classifier sees in the sources."""
    a, b, classifier = images(4, 8, 1, 1), images(4, 8, 1, 2), reader()
    model = small()

    def losses():
        networks = model.generator_ab, model.generator_ba
        return model.translation_losses(tf.constant(a), tf.constant(b), *networks, training=True)

    model.compile()
    without = losses()[2]
    model.compile(classifier=classifier, semantic_weight=0.3)
    fake_a, fake_b, logs = losses()
    expected = 0
    for source, translated in ((a, fake_b), (b, fake_a)):
        labels = np.asarray(classifier(source)).argmax(axis=1)
        logits = np.asarray(classifier(translated), np.float64)
        expected += np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4), labels])
    assert len(set(np.asarray(classifier(a)).argmax(axis=1))) == 2  # or any label would do
    assert float(logs["semantic_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(logs["g_loss"] - without["g_loss"]) == pytest.approx(0.3 * expected, rel=1e-3)
    assert "semantic_loss" not in without


def test_a_classifier_stays_fixed_and_is_saved(tmp_path):
    model, classifier = small(), reader()
    before = [weight.copy() for weight in classifier.get_weights()]
    model.compile(classifier=classifier, g_optimizer=keras.optimizers.SGD(0.1), steps_per_execution=1)
    data = kerasgan.data.from_arrays((images(4, 8, 1, 1), images(4, 8, 1, 2)), 2, seed=0)
    history = model.fit(data, epochs=1, verbose=0).history
    assert np.isfinite(history["semantic_loss"]).all()
    for weight, old in zip(classifier.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = images(3, 8, 1, 5)
    np.testing.assert_allclose(loaded.classifier(x), classifier(x), rtol=1e-6)
    assert loaded.semantic_weight == 1
    other = small()
    other.compile()
    assert "semantic_loss" not in other.fit(data, epochs=1, verbose=0).history


def test_a_classifier_needs_equal_channels():
    with pytest.raises(ValueError, match="`classifier` must be None if the channels differ"):
        small(source_channels=3).compile(classifier=reader())
