"""Regularisers of a game, by hand: consistency, LeCam, historical averaging, pseudo augmentation, replay, top-k."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import augment, losses, penalties
from kerasgan.models.tasks import join_inputs


def seed():
    return keras.random.SeedGenerator(7)


def images(*values):
    """One image of one pixel a value."""
    return tf.reshape(tf.constant(values, "float32"), (-1, 1, 1, 1))


def judge(x):
    return tf.reshape(x, (-1, 1))


# Consistency ---------------------------------------------------------------------------------------------------------


def test_mirroring_and_shifting_are_drawn_for_each_image():
    picture = np.arange(16, dtype="float32").reshape(1, 4, 4, 1) * np.ones((200, 1, 1, 1), "float32")
    mirrored = augment.flipped(tf.constant(picture), seed()).numpy()
    kept = (mirrored == picture).all(axis=(1, 2, 3))
    assert (mirrored[~kept] == picture[~kept][:, :, ::-1]).all() and 70 < kept.sum() < 130
    picture = np.zeros((400, 8, 8, 1), "float32")
    picture[:, 4, 4] = 1
    _, rows, columns, _ = np.nonzero(augment.translated(tf.constant(picture), seed()).numpy())
    assert set(rows) == set(columns) == {3, 4, 5} and len(rows) == 400


def test_consistency_is_the_squared_change_of_the_logits():
    """D sees the left pixel: mirrored, an image of (a, b) has the logit b. Images of 2 pixels are not shifted."""
    real = tf.reshape(tf.constant([[1.0, 4.0]] * 400), (400, 1, 2, 1))
    fake = tf.reshape(tf.constant([[0.0, 1.0]] * 400), (400, 1, 2, 1))
    left = lambda x: x[:, 0, :1, 0]  # noqa: E731
    generator = seed()
    share = np.mean(augment.flipped(real, generator)[:, 0, 0, 0].numpy() == 4)  # the draw that the penalty makes, too
    value = penalties.Consistency(10.0)(left, real, fake, seed())
    assert float(value) == pytest.approx(10 * 9 * share, rel=1e-5) and 0.4 < share < 0.6
    # Of the fakes the change is 1, at other draws: 10 times a share near one half besides.
    both = penalties.get("bcr")[0](left, real, fake, seed())
    assert 4 < float(both - value) < 6
    assert (penalties.get("cr")[0].weight, penalties.get("cr")[0].fake_weight) == (10, 0)
    assert float(penalties.Consistency(10.0)(lambda x: tf.reduce_sum(x, [1, 2]), real, fake, seed())) == 0


def test_latent_consistency_of_a_linear_generator():
    """G(z) = 3 z and D the identity: steps of N(0, s^2) change both by 3 s, so that E change^2 = 9 s^2."""
    z = tf.random.stateless_normal((20_000, 1), seed=(0, 1))
    paint = lambda z: tf.reshape(3 * z, (-1, 1, 1, 1))  # noqa: E731
    penalty = penalties.LatentConsistency(weight=20.0, g_weight=0.5, stddev=0.1)
    assert float(penalty.on_discriminator(judge, paint, z, seed())) == pytest.approx(20 * 0.09, rel=0.03)
    assert float(penalty.on_generator(paint, z, seed())) == pytest.approx(-0.5 * 0.09, rel=0.03)
    default = penalties.get("zcr")[0]
    assert (default.weight, default.g_weight, default.stddev) == (20, 0.5, 0.05)


def test_latent_consistency_moves_both_players():
    weights = {}
    for name, penalty in (("without", None), ("d", penalties.LatentConsistency(1e3, 0.0, 1.0))):
        weights[name] = trained(penalty)
    weights["g"] = trained(penalties.LatentConsistency(0.0, 1e3, 1.0))
    changed = {
        name: [any(not np.array_equal(a, b) for a, b in zip(x, y)) for x, y in zip(weights[name], weights["without"])]
        for name in ("d", "g")
    }
    assert changed["d"][0] and changed["g"] == [False, True]


def trained(penalty=None, **options):
    """The weights of D and of G after one step of plain descent."""
    keras.utils.set_random_seed(0)
    model = kerasgan.GAN(image_size=4, latent_dim=2, seed=1)
    optimizers = {f"{player}_optimizer": keras.optimizers.SGD(0.01) for player in "dg"}
    model.compile(penalty=penalty, run_eagerly=True, **optimizers, **options)
    model.train_on_batch(np.random.default_rng(0).uniform(-1, 1, (4, 4, 4, 1)).astype("float32"))
    return model.discriminator.get_weights(), model.generator.get_weights()


# LeCam ---------------------------------------------------------------------------------------------------------------


def test_lecam_pulls_each_side_to_the_mean_of_the_other():
    penalty = penalties.LeCam(weight=2.0, decay=0.5, start=1)
    first = penalty(judge, images(1.0, 3.0), images(-1.0, -1.0), seed())
    assert float(first) == 0  # before `start`; the means are 2 and -1
    assert [float(x) for x in (penalty.real, penalty.fake)] == [2, -1]
    # The means move to 3 = (2 + 4) / 2 and 0 = (-1 + 1) / 2. Real logits of 4 and 4 are 4 above 0; of the fakes -1 is
    # 4 below 3, and 3 is not.
    second = penalty(judge, images(4.0, 4.0), images(-1.0, 3.0), seed())
    assert [float(x) for x in (penalty.real, penalty.fake)] == [3, 0]
    assert float(second) == pytest.approx(2 * (16 + (16 + 0) / 2))
    # A real logit below the mean of the fakes costs nothing.
    penalty.fake.assign(10.0)
    third = penalty(judge, images(3.0, 3.0), images(3.0, 3.0), seed())
    assert float(third) == 0
    assert [penalties.LeCam().get_config()[name] for name in ("weight", "decay", "start")] == [0.3, 0.99, 1000]


def test_lecam_differentiates_by_the_logits_and_not_by_the_means():
    weight = tf.Variable(1.0)
    penalty = penalties.LeCam(weight=1.0, decay=0.5, start=0)
    with tf.GradientTape() as tape:
        value = penalty(lambda x: weight * judge(x), images(2.0), images(-2.0), seed())
    # The means are 1 and -1: (2 w + 1)^2 + (1 + 2 w)^2 with the derivative 8 (2 w + 1).
    assert float(value) == pytest.approx(18) and float(tape.gradient(value, weight)) == pytest.approx(24)


@pytest.mark.parametrize("parts", [1, 3])
def test_lecam_counts_updates_and_not_the_batches_of_one(parts):
    """With accumulation the averages decay by 0.5 per update, and the penalty starts after 2 updates."""
    model = kerasgan.DCGAN(image_size=16, channels=1, width=2, latent_dim=4)
    model.compile(penalty=penalties.LeCam(weight=1.0, decay=0.5, start=2), accumulate=parts)
    (penalty,) = model.penalty
    judge = lambda x: tf.reduce_mean(x, axis=(1, 2))  # noqa: E731
    ones = tf.ones((2, 4, 4, 1))
    found = [float(penalty(judge, ones, -ones, None)) for _ in range(2 * parts)]
    assert found == [0.0] * (2 * parts) and float(penalty.updates) == pytest.approx(2)
    # Both logits are 2 from the average of the other side. Then the averages decay towards logits of 0.
    assert float(penalty(judge, ones, -ones, None)) == pytest.approx(8)
    for _ in range(parts):
        penalty(judge, 0 * ones, 0 * ones, None)
    assert float(penalty.real) == pytest.approx(0.5) and float(penalty.fake) == pytest.approx(-0.5)


# Historical averaging ------------------------------------------------------------------------------------------------


def test_historical_averaging_by_hand():
    d, g = tf.Variable([0.0, 4.0]), tf.Variable(1.0)
    penalty = penalties.HistoricalAveraging(3.0)
    penalty.remember(d=[d], g=[g])
    assert float(penalty.penalize("d", [d])) == 0  # the mean of one is itself
    d.assign([2.0, 0.0])
    with tf.GradientTape() as tape:
        value = penalty.penalize("d", [d])  # the mean is (1, 2), the distance (1, -2)
    assert float(value) == 15
    np.testing.assert_allclose(tape.gradient(value, d), [6, -12])
    d.assign([4.0, 2.0])
    assert float(penalty.penalize("d", [d])) == 3 * (2**2 + 0)  # the mean of three is (2, 2)
    assert float(penalty.penalize("g", [g])) == 0
    with pytest.raises(ValueError, match="must belong to one model"):
        penalty.remember(d=[g])


def test_historical_averaging_holds_both_players_back():
    keras.utils.set_random_seed(0)
    model = kerasgan.GAN(image_size=4, latent_dim=2, seed=1)
    model.compile(penalty=penalties.HistoricalAveraging(0.5), run_eagerly=True)
    data = np.random.default_rng(0).uniform(-1, 1, (4, 4, 4, 1)).astype("float32")
    before = {player: [v.numpy() for v in getattr(model, f"{player}_variables")] for player in "dg"}
    model.train_on_batch(data)
    after = {player: [v.numpy() for v in getattr(model, f"{player}_variables")] for player in "dg"}
    model.train_on_batch(data)
    for player in "dg":
        count, means = model.penalty[0].means[player]
        assert float(count) == 2
        for mean, a, b in zip(means, before[player], after[player]):
            np.testing.assert_allclose(mean, (a + b) / 2, atol=1e-6)
    assert not np.array_equal(before["g"][0], after["g"][0])


# What D is shown -----------------------------------------------------------------------------------------------------


def test_pseudo_augmentation_replaces_real_images_by_fakes():
    layer = augment.PseudoAugment(ramp=8, interval=1, seed=3)
    real, fake = tf.ones((400, 2, 2, 1)), tf.zeros((400, 2, 2, 1))
    np.testing.assert_array_equal(layer.show(real, fake, seed())[0], real)  # p is 0 at first
    layer.p.assign(0.25)
    shown, fakes = layer.show(real, fake, seed())
    each = shown.numpy().reshape(400, -1)
    assert (each == each[:, :1]).all() and 70 < (each[:, 0] == 0).sum() < 130
    np.testing.assert_array_equal(fakes, fake)
    np.testing.assert_array_equal(layer(real), real)
    layer.observe(1.0, 4)  # r_t above the target: p rises by 4 of the 8 images of the ramp
    assert float(layer.p) == 0.75
    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config() and "policy" not in layer.get_config()


@pytest.mark.parametrize("name", ["apa", "pool"])
def test_d_is_trained_on_what_is_shown(name, monkeypatch):
    layer = augment.get(name)[0]
    seen = []

    class Recorder(kerasgan.GAN):
        def judge(self, x, condition, training=True):
            seen.append(np.array(x))
            return super().judge(x, condition, training)

    keras.utils.set_random_seed(0)
    model = Recorder(image_size=4, latent_dim=2, seed=1)
    model.compile(augment=layer, run_eagerly=True)
    given = np.full((4, 4, 4, 1), -1.0, "float32")
    if name == "apa":
        layer.p.assign(1.0)
    else:
        layer.images.assign(tf.fill((50, 4, 4, 1), 0.5))
        layer.count.assign(50)
        # Of 4 fakes some change places with images of the pool: draws of 0 make all of them.
        monkeypatch.setattr(
            augment.pool.random, "unit", lambda shape, seed: tf.zeros(shape) + tf.range(4.0)[:, None] / 50
        )
    logs = model.train_on_batch(given, return_dict=True)
    real, fake, again = seen
    if name == "apa":
        np.testing.assert_array_equal(real, fake)
        assert logs["augment_p"] == pytest.approx(1)
    else:
        np.testing.assert_array_equal(real, given)
        assert (fake == 0.5).all()
        np.testing.assert_array_equal(layer.images[:4], again)  # G learns from its own, which the pool now holds
    assert not np.array_equal(fake, again) or name == "apa"


def test_a_pool_takes_the_shape_of_the_images():
    model = kerasgan.GAN(image_size=(4, 6), channels=1)
    model.compile(augment=augment.ImagePool(size=3))
    assert model.augment[0].images.shape == (3, 4, 6, 1)
    assert augment.ImagePool.from_config(model.augment[0].get_config()).image_shape == (4, 6, 1)


# Who cannot take what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"penalty": "zcr"}, {"augment": "apa"}, {"augment": "pool"}])
def test_models_that_draw_from_no_latents_refuse(options):
    with pytest.raises(ValueError, match="needs a model that draws images from latents"):
        kerasgan.Pix2Pix(image_size=16, width=2, receptive_field=16).compile(**options)


@pytest.mark.parametrize("name", ["lecam", "historical_averaging"])
def test_models_of_two_discriminators_refuse(name):
    model = kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16)
    with pytest.raises(ValueError, match="needs a model of one discriminator"):
        model.compile(penalty=name)


def test_replayed_images_have_no_labels():
    model = kerasgan.ConditionalGAN(image_size=4, latent_dim=2, num_classes=3)
    model.compile(augment="pool", run_eagerly=True)
    data = np.zeros((3, 4, 4, 1), "float32"), np.arange(3, dtype="int32")
    with pytest.raises(ValueError, match="it needs a model without a condition"):
        model.train_on_batch(data)


def test_keras_norms_are_no_matter_where_nothing_is_differentiated_twice(recwarn):
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.BatchNormalization()])
    penalties.warn_of_inexact_norms(penalties.get(["bcr", "lecam"]), network)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="gradient penalty wrong"):
        penalties.warn_of_inexact_norms(penalties.get(["bcr", "r1"]), network)


# Top-k ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "non_saturating", "least_squares"])
def test_top_k_is_the_loss_of_the_best(name):
    loss = losses.TopK(name, share=0.5, decay=0.5, steps=10)
    step = tf.Variable(0, dtype="int64")
    loss.count_by(step)
    logits = tf.constant([[0.3], [-2.0], [1.5], [0.1]])
    plain = losses.get(name)
    assert float(loss.generator_loss(logits)) == pytest.approx(float(plain.generator_loss(logits)), rel=1e-5)
    step.assign(10)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss.generator_loss(logits)
    with tf.GradientTape() as other:
        best = tf.constant([[0.3], [1.5]])
        other.watch(best)
        expected = plain.generator_loss(best)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    gradient = tape.gradient(value, logits).numpy()
    np.testing.assert_allclose(gradient[[0, 2]], other.gradient(expected, best), rtol=1e-5)
    np.testing.assert_array_equal(gradient[[1, 3]], 0)
    compiled = tf.function(lambda x: loss.generator_loss(x), jit_compile=True)  # one program for every k
    assert float(compiled(logits)) == pytest.approx(float(expected), rel=1e-5)
    step.assign(1000)  # no less than the share
    assert float(loss.generator_loss(logits)) == pytest.approx(float(expected), rel=1e-5)
    assert float(loss.discriminator_loss(logits, logits)) == float(plain.discriminator_loss(logits, logits))


def test_top_k_ranks_images_by_the_mean_of_their_logits():
    loss = losses.TopK("hinge", share=0.5, decay=0.5, steps=1)
    loss.count_by(tf.Variable(1, dtype="int64"))
    maps = tf.constant([[[5.0, -9.0]], [[1.0, 1.0]]])  # means -2 and 1
    assert float(loss.generator_loss(maps)) == -1
    assert float(loss.generator_loss([maps, tf.constant([[9.0], [1.0]])])) == pytest.approx((2 - 9) / 2)


def test_top_k_needs_a_loss_of_single_images():
    with pytest.raises(ValueError, match="must not compare images with each other. Received: Relativistic"):
        losses.TopK("relativistic")
    for wrong in ({"share": 0.0}, {"decay": 1.5}, {"steps": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
            losses.TopK(**wrong)


def test_the_step_of_the_model_lowers_k():
    model = kerasgan.GAN(image_size=4, latent_dim=2)
    model.compile(loss=losses.LabelFlipping(losses.TopK("hinge", decay=0.5, steps=2)))
    assert model.loss.adversarial.step is model.step


def test_paths_and_latents_go_together():
    """What `LatentConsistency` paints is what the generator makes of the latents."""
    model = kerasgan.GAN(image_size=4, latent_dim=2)
    latents, paint = model.paths(3, ())
    np.testing.assert_allclose(paint(latents), model.generator(join_inputs(latents, ())), atol=1e-6)
