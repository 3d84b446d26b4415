"""The adversarial losses, held to numbers worked out by hand."""

import json
from math import log

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import losses, random

L3 = log(3)  # sigmoid(log 3) = 3/4: softplus(0) = log 2, softplus(log 3) = log 4, softplus(-log 3) = log 4/3
SIGMOID_REAL, SIGMOID_FAKE = [0.0, L3], [L3, L3]
SMOOTHED = 0.9 * (log(2) + log(4 / 3)) / 2 + 0.1 * (log(2) + log(4)) / 2 + log(4)

HAND = {  # loss: real logits, fake logits, D's loss, G's loss
    "minimax": (losses.Minimax(), SIGMOID_REAL, SIGMOID_FAKE, log(8 / 3) / 2 + log(4), -log(4)),
    "non_saturating": (losses.NonSaturating(), SIGMOID_REAL, SIGMOID_FAKE, log(8 / 3) / 2 + log(4), log(4 / 3)),
    "minimax smoothed": (losses.Minimax(0.1), SIGMOID_REAL, SIGMOID_FAKE, SMOOTHED, -log(4)),
    "non_saturating smoothed": (losses.NonSaturating(0.1), SIGMOID_REAL, SIGMOID_FAKE, SMOOTHED, log(4 / 3)),
    # (1 + 1) / 2 / 2 + (1 + 9) / 2 / 2 and (0 + 4) / 2 / 2
    "least_squares": (losses.LeastSquares(), [0.0, 2.0], [1.0, 3.0], 3.0, 1.0),
    # (1 + 1) / 2 / 2 + (4 + 16) / 2 / 2 and (1 + 9) / 2 / 2
    "pearson": (losses.LeastSquares(a=-1, b=1, c=0), [0.0, 2.0], [1.0, 3.0], 5.5, 2.5),
    "wasserstein": (losses.Wasserstein(), [0.0, 2.0], [1.0, 3.0], 1.0, -2.0),
    # (1 + 0) / 2 + (0 + 2) / 2 and -(-3 + 1) / 2
    "hinge": (losses.Hinge(), [0.0, 2.0], [-3.0, 1.0], 1.5, 1.0),
    "relativistic": (losses.Relativistic(), [0.0, L3], [0.0, 0.0], (log(2) + log(4 / 3)) / 2, (log(2) + log(4)) / 2),
}


def column(values):
    return tf.constant(values, tf.float32)[:, None]


@pytest.mark.parametrize("name", HAND)
def test_by_hand(name):
    loss, real, fake, d_loss, g_loss = HAND[name]
    assert float(loss.discriminator_loss(column(real), column(fake))) == pytest.approx(d_loss, abs=1e-6)
    assert float(loss.generator_loss(column(fake), column(real))) == pytest.approx(g_loss, abs=1e-6)


@pytest.mark.parametrize("name", HAND)
def test_several_outputs_count_equally(name):
    """A list of logits: means over each entry, whatever its shape, then over the list."""
    loss, real, fake, d_loss, g_loss = HAND[name]
    map_of = lambda values: tf.reshape(tf.repeat(column(values), 3), (1, 2, 3, 1))  # noqa: E731
    other = column([0.0, 0.0])
    alone_d, alone_g = loss.discriminator_loss(other, other), loss.generator_loss(other, other)
    both = [map_of(real), other], [map_of(fake), other]
    assert float(loss.discriminator_loss(*both)) == pytest.approx((d_loss + float(alone_d)) / 2, abs=1e-6)
    assert float(loss.generator_loss(both[1], both[0])) == pytest.approx((g_loss + float(alone_g)) / 2, abs=1e-6)


@pytest.mark.parametrize("name", HAND)
def test_float32_whatever_the_logits_are(name):
    loss, real, fake, d_loss, _ = HAND[name]
    value = loss.discriminator_loss(tf.cast(column(real), tf.bfloat16), tf.cast(column(fake), tf.bfloat16))
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(d_loss, abs=0.02)


@pytest.mark.parametrize(
    ("loss", "real", "fake", "d_real", "d_fake"),
    [
        ("non_saturating", [0.0, L3], [0.0, -L3], 0.625, 0.375),
        ("minimax", [0.0, L3], [0.0, -L3], 0.625, 0.375),
        ("least_squares", [0.25, 3.0], [-1.0, 0.5], 0.625, 0.25),  # clipped to [0, 1]
        (losses.LeastSquares(a=-1, b=1, c=0), [0.0, 3.0], [-1.0, 0.0], 0.75, 0.25),
        ("wasserstein", [1.0, 2.0, 5.0], [2.0, 2.0, 2.0], 0.5, 0.5),  # lost, drawn and won
        ("wasserstein", [3.0, 4.0, 5.0], [2.0, 2.0, 2.0], 1.0, 0.0),
        ("relativistic", [L3, L3], [0.0, 0.0], 0.75, 0.25),
    ],
)
def test_probabilities(loss, real, fake, d_real, d_fake):
    found = losses.get(loss).probabilities(column(real), column(fake))
    assert [float(p) for p in found] == pytest.approx([d_real, d_fake], abs=1e-6)


def test_non_saturating_generator_learns_where_minimax_has_given_up():
    """D rejects with sigmoid(-10): G's gradient is -(1 - D) = -0.99995 against -D = -0.00005 (end of section 3)."""
    gradients = {}
    for name in ("non_saturating", "minimax"):
        logits = tf.constant(-10.0)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = losses.get(name).generator_loss(logits)
        gradients[name] = float(tape.gradient(loss, logits))
    assert gradients["non_saturating"] == pytest.approx(-0.9999546, abs=1e-6)
    assert gradients["minimax"] == pytest.approx(-4.5398e-5, rel=1e-3)


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
@pytest.mark.parametrize("name", losses.NAMES)
def test_finite_at_extreme_logits(name, extreme):
    loss, logits = losses.get(name), column([extreme, -extreme])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = loss.discriminator_loss(logits, -logits) + loss.generator_loss(logits, -logits)
    assert np.isfinite(total)
    assert np.isfinite(tape.gradient(total, logits)).all()


@pytest.mark.parametrize("name", HAND)
def test_config_round_trip(name):
    loss = HAND[name][0]
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(loss)))
    clone = losses.get(config)
    assert type(clone) is type(loss) and clone.get_config() == loss.get_config()


def test_own_objects_pass():
    class Mine:
        def discriminator_loss(self, real_logits, fake_logits):
            return 0.0

        def generator_loss(self, fake_logits, real_logits=None):
            return 0.0

    mine = Mine()
    assert losses.get(mine).loss is mine and losses.get(mine).needs_real_logits
    complete = losses.Hinge()
    assert losses.get(complete) is complete


def test_what_an_own_loss_lacks_has_a_default_and_what_it_has_goes_first():
    class Mine:
        needs_real_logits = False

        def discriminator_loss(self, real_logits, fake_logits):
            return tf.reduce_mean(fake_logits - real_logits)

        def generator_loss(self, fake_logits, real_logits):
            assert real_logits is None
            return -tf.reduce_mean(fake_logits)

    loss = losses.get(Mine())
    assert float(loss.discriminator_loss(column([2.0]), column([5.0]))) == 3.0
    assert float(loss.generator_loss(column([2.0]))) == -2.0 and not loss.needs_real_logits
    d_real, d_fake = loss.probabilities(column([0.0]), column([np.log(3.0)]))
    assert (float(d_real), float(d_fake)) == (pytest.approx(0.5), pytest.approx(0.75))
    assert float(loss.certainty(column([3.0, -1.0, 2.0, 1.0]), column([0.0] * 4))) == 0.5


@pytest.mark.parametrize("wrong", ["least-squares", None, 3, object()])
def test_unknown_losses_are_refused(wrong):
    with pytest.raises(ValueError, match="`loss` must be one of .*'hinge'.*Received"):
        losses.get(wrong)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`label_smoothing` must be in .*Received: 0.5"):
        losses.NonSaturating(label_smoothing=0.5)
    with pytest.raises(ValueError, match="must differ. Received: 1"):
        losses.LeastSquares(a=1, b=1)
    with pytest.raises(ValueError, match="needs `real_logits`"):
        losses.Relativistic().generator_loss(column([0.0]))


@pytest.mark.parametrize(
    ("loss", "real", "fake", "certainty"),
    [
        ("non_saturating", [1.0, 2.0, -3.0, 0.0], [9.0] * 4, 0.25),
        ("hinge", [0.1, 0.2, 0.3, -9.0], [9.0] * 4, 0.5),
        (losses.LeastSquares(a=0, b=1, c=1), [0.6, 0.4, 0.9, 2.0], [9.0] * 4, 0.5),
        ("wasserstein", [5.0, 6.0, 7.0, 8.0], [6.0, 6.0, 6.0, 6.0], 0.25),
        (losses.LabelFlipping("hinge"), [1.0, 2.0, 3.0, 4.0], [9.0] * 4, 1.0),
    ],
)
def test_certainty_is_the_mean_sign(loss, real, fake, certainty):
    assert float(losses.get(loss).certainty(column(real), column(fake))) == pytest.approx(certainty, abs=1e-6)


@pytest.mark.parametrize("name", HAND)
def test_logits_among_other_outputs(name):
    """What a discriminator outputs beside its logits does not enter the losses."""
    loss, real, fake, d_loss, g_loss = HAND[name]
    with_more = lambda x: {"logits": column(x), "features": column([7.0, 8.0])}  # noqa: E731
    assert float(loss.discriminator_loss(with_more(real), with_more(fake))) == pytest.approx(d_loss, abs=1e-6)
    assert float(loss.generator_loss(with_more(fake), with_more(real))) == pytest.approx(g_loss, abs=1e-6)
    listed = [with_more(real), with_more(real)], [with_more(fake), with_more(fake)]
    assert float(loss.discriminator_loss(*listed)) == pytest.approx(d_loss, abs=1e-6)


def outputs(logits, features):
    return {"logits": column(logits), "features": tf.constant(features, tf.float32)}


def test_feature_matching_by_hand():
    """Means (1, 2) and (0, 5): 1 + 9 = 10. D's loss, and what G is told of it, are those of the hinge: 1.5 and 1."""
    real, fake = outputs([0.0, 2.0], [[0, 4], [0, 6]]), outputs([-3.0, 1.0], [[0, 0], [2, 4]])
    alone = losses.FeatureMatching("hinge")
    assert float(alone.generator_loss(fake, real)) == pytest.approx(10, abs=1e-5)
    assert float(alone.discriminator_loss(real, fake)) == pytest.approx(1.5, abs=1e-6)
    both = losses.FeatureMatching("hinge", weight=0.5, adversarial_weight=2.0)
    assert float(both.generator_loss(fake, real)) == pytest.approx(5 + 2 * 1, abs=1e-5)
    several = [real, outputs([0.0, 2.0], [[1, 2], [1, 2]])], [fake, fake]  # the second discriminator's agree
    assert float(alone.generator_loss(several[1], several[0])) == pytest.approx(5, abs=1e-5)
    with pytest.raises(ValueError, match="must output a dict with the entry 'features'.*with_features"):
        alone.generator_loss(column([1.0]), column([1.0]))
    with pytest.raises(ValueError, match="needs `real_logits`"):
        alone.generator_loss(fake)


def test_feature_matching_of_each_image_by_hand():
    """Rows differ by (0, 4) and (2, 2): mean 2, where the means of the two rows differ by (1, 3). The second layer's
    features differ by 1: of two layers the mean is 1.5, and with a second discriminator that is right 0.75."""
    real = outputs([0.0, 2.0], [[0, 4], [0, 6]]) | {"features": [tf.constant([[0.0, 4], [0, 6]]), tf.ones((2, 1))]}
    fake = outputs([-3.0, 1.0], [[0, 0], [2, 4]]) | {"features": [tf.constant([[0.0, 0], [2, 4]]), tf.zeros((2, 1))]}
    loss = losses.FeatureMatching("hinge", weight=10.0, per_image=True)
    assert float(loss.distance(fake, real)) == pytest.approx(1.5, abs=1e-6)
    assert float(loss.generator_loss(fake, real)) == pytest.approx(15, abs=1e-5)
    assert float(loss.distance([fake, real], [real, real])) == pytest.approx(0.75, abs=1e-6)
    moved = tf.Variable([[1.0]])
    with tf.GradientTape() as tape:
        value = loss.distance({"features": 0 * moved}, {"features": moved})
    assert (
        float(value) == 1 and float(tape.gradient(value, moved)[0, 0]) == 0
    )  # the real image's features are constants


def test_label_flipping_exchanges_the_logits_of_a_share_of_the_pairs():
    """Under the Wasserstein loss, with all real logits 0 and all fake ones 1, the loss is 1 - 2 s for a share s. Over
    40,000 pairs s lies within 0.008 of 0.2 (four standard errors). G's loss knows of no labels."""
    loss = losses.LabelFlipping("wasserstein", flip_probability=0.2)
    loss.draw_from(keras.random.SeedGenerator(0))
    zeros, ones = tf.zeros((40_000, 1)), tf.ones((40_000, 1))
    first, second = (float(loss.discriminator_loss(zeros, ones)) for _ in range(2))
    assert first == pytest.approx(0.6, abs=0.016) and second == pytest.approx(0.6, abs=0.016)
    assert first != second
    assert float(loss.generator_loss(ones)) == -1


def test_label_flipping_flips_an_image_for_all_outputs():
    real, fake = tf.random.stateless_normal((2, 64, 2, 3), seed=(0, 0))[..., None]
    loss = losses.LabelFlipping(flip_probability=0.4)
    loss.draw_from(keras.random.SeedGenerator(5))
    found = float(loss.discriminator_loss([real, {"logits": real[:, 0, 0]}], [fake, {"logits": fake[:, 0, 0]}]))
    flips = random.uniform((64,), keras.random.SeedGenerator(5)).numpy() < 0.4
    assert 10 < flips.sum() < 40
    softplus = lambda x: np.log1p(np.exp(x))  # noqa: E731
    r, f = real.numpy().astype("float64"), fake.numpy().astype("float64")
    told_real, told_fake = np.where(flips[:, None, None, None], f, r), np.where(flips[:, None, None, None], r, f)
    maps = softplus(-told_real).mean() + softplus(told_fake).mean()
    numbers = softplus(-told_real[:, 0, 0]).mean() + softplus(told_fake[:, 0, 0]).mean()
    assert found == pytest.approx((maps + numbers) / 2, abs=1e-5)


def test_losses_around_others_round_trip_and_refuse():
    loss = losses.FeatureMatching(losses.LabelFlipping("hinge", 0.1), weight=3.0, adversarial_weight=0.5)
    clone = losses.get(json.loads(json.dumps(keras.saving.serialize_keras_object(loss))))
    assert clone.get_config() == loss.get_config()
    assert type(clone.adversarial.adversarial) is losses.Hinge and clone.adversarial.flip_probability == 0.1
    assert losses.LabelFlipping("relativistic").needs_real_logits and not losses.LabelFlipping().needs_real_logits
    seed = keras.random.SeedGenerator(0)
    loss.draw_from(seed)
    assert loss.adversarial.seed_generator is seed
    with pytest.raises(ValueError, match="`flip_probability` must be in .*Received: 0.5"):
        losses.LabelFlipping(flip_probability=0.5)
    with pytest.raises(ValueError, match="`weight` must be at least 0. Received: -1"):
        losses.FeatureMatching(weight=-1)
