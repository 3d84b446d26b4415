"""The domain transfer network: its four losses by hand, and features that stay as they were."""

import numpy as np
import pytest
import tensorflow as tf

import kerasgan


def images(count, size, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def small(**options):
    return kerasgan.DomainTransferNetwork(**({"image_size": 16, "channels": 1, "width": 2, "seed": 3} | options))


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_networks_have_the_sizes_of_the_digits():
    model = kerasgan.DomainTransferNetwork()
    assert model.features.output_shape == (None, 128)
    assert model.generator.output_shape == (None, 32, 32, 1)
    assert model.discriminator.output_shape == (None, 3)


def test_losses_by_hand():
    model = small()
    model.compile(const_weight=3.0, tid_weight=5.0, total_variation_weight=7.0, jit_compile=False)
    source, target = images(4, 16, 1), images(4, 16, 1, seed=1)
    f, g, d = model.features, model.generator, model.discriminator
    f.set_weights([3 * w for w in f.get_weights()])
    made = np.asarray(g(tf.concat([f(source), f(target)], axis=0), training=True))
    logits = [d(x, training=True) for x in (made[:4], made[4:], target)]
    d_loss = -sum(log_softmax(z)[:, kind].mean() for kind, z in enumerate(logits))
    logs = {k: float(v) for k, v in model.train_step((tf.constant(source), tf.constant(target))).items()}
    assert logs["d_loss"] == pytest.approx(d_loss, rel=1e-4)
    assert logs["d_real"] == pytest.approx(np.exp(log_softmax(logits[2])[:, 2]).mean(), rel=1e-4)
    both = np.concatenate([logits[0], logits[1]])
    assert logs["d_fake"] == pytest.approx(np.exp(log_softmax(both)[:, 2]).mean(), rel=1e-4)

    const = np.mean((np.asarray(f(source)) - np.asarray(f(made[:4]))) ** 2)
    tid = np.mean((target - made[4:]) ** 2)
    assert const > 1e-5
    assert logs["const_loss"] == pytest.approx(const, rel=1e-3)
    assert logs["tid_loss"] == pytest.approx(tid, rel=1e-4)
    right, down = made[:, :-1, 1:] - made[:, :-1, :-1], made[:, 1:, :-1] - made[:, :-1, :-1]
    smooth = np.sqrt(right**2 + down**2).mean()
    gang = -sum(log_softmax(d(x, training=True))[:, 2].mean() for x in (made[:4], made[4:]))  # by the improved D
    assert logs["g_loss"] == pytest.approx(gang + 3 * const + 5 * tid + 7 * smooth, rel=1e-3)


def test_features_do_not_change():
    model = small()
    model.compile()
    before = model.features.get_weights()
    assert model.features.trainable_variables == []
    model.fit((images(8, 16, 1), images(8, 16, 1, seed=1)), batch_size=4, verbose=0)
    for a, b in zip(before, model.features.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_the_papers_weights_are_the_defaults():
    model = small()
    model.compile()
    assert (model.const_weight, model.tid_weight, model.total_variation_weight) == (15.0, 15.0, 0.0)


def test_translation_depends_on_the_features_only():
    model = small()
    model.compile(ema_decay=0.9)
    x = images(3, 16, 1)
    np.testing.assert_allclose(model.translate(x), model.ema_generator(model.features(x)), atol=1e-6)
    assert model.preview((x, x), num_images=8).shape == (2, 4, 16, 16, 1)


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(ValueError, match="`loss` is fixed.*Received: 'hinge'"):
        small().compile(loss="hinge")
    with pytest.raises(ValueError, match="`image_size` must be a multiple of 8 from 16 on. Received: 28"):
        small(image_size=28)
