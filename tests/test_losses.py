"""The adversarial losses, held to numbers worked out by hand."""

import json
from math import log

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import losses

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
    assert losses.get(mine) is mine


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
