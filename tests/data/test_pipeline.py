"""The order of the data: complete, new every epoch, and the same for every iterator over the repeated stream."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasgan.data import _pipeline

PIXELS = np.arange(10, dtype="uint8").reshape(10, 1, 1, 1)


def make(**options):
    stored = tf.constant(PIXELS)
    options = {"batch_size": 4, "shuffle": True, "seed": 3, **options}
    return _pipeline.make_dataset(10, lambda index: tf.gather(stored, index), **options)


def values(dataset, count=None):
    batches = itertools.islice(dataset.as_numpy_iterator(), count)
    return [np.rint((batch.reshape(-1) + 1) * 127.5).astype(int).tolist() for batch in batches]


def test_every_byte_becomes_exactly_x_over_127_5_minus_1():
    bytes_ = np.arange(256, dtype="uint8")
    floats = next(iter(tf.data.Dataset.from_tensors(bytes_).map(_pipeline.to_float))).numpy()
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, bytes_.astype("float32") / np.float32(127.5) - np.float32(1))
    assert floats.min() == -1 and floats.max() == 1


def test_shuffled_epochs_differ_and_are_complete():
    dataset = make(drop_remainder=False)
    epochs = [sum(values(dataset), []) for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert values(make(seed=4)) != values(make())


def test_unshuffled_is_in_order_with_the_remainder():
    assert values(make(shuffle=False)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert int(make(shuffle=False).cardinality()) == 3 and int(make().cardinality()) == 2


def test_repeat_depends_on_the_seed_alone():
    dataset = make()
    stream = dataset.repeat()
    whole = values(stream, 8)
    values(dataset)  # somebody looks at the data in between
    assert values(stream, 8) == whole
    assert values(make().repeat().skip(3), 5) == whole[3:]
    assert values(make().repeat().skip(3).skip(2), 3) == whole[5:]
    assert whole[:2] != whole[2:4]
    assert int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY
    assert values(dataset.repeat(2)) == whole[:4] and int(dataset.repeat(2).cardinality()) == 4


def test_iterators_end_at_once_as_the_tuner_is_off():
    """TensorFlow's tuner delays the end of an iterator, by up to a minute."""
    datasets = [make(shuffle=False), make(), make().repeat(), make().repeat(2)]
    assert [dataset.options().autotune.enabled for dataset in datasets] == [False] * 4


def test_the_tuner_stays_on_if_a_user_turned_it_on():
    options = tf.data.Options()
    options.autotune.enabled = True
    plain = tf.data.Dataset.range(3)
    assert _pipeline.without_tuner(plain).options().autotune.enabled is False
    assert _pipeline.without_tuner(plain.with_options(options)).options().autotune.enabled is True


def test_augmentation_draws_anew_every_epoch_and_repeats_exactly():
    def augment(element, draw):
        return tf.cast(element, tf.float32) * 0 + tf.floor(tf.random.stateless_uniform((), draw) * 255)

    stream = make(augment=augment).repeat()
    drawn = sum(values(stream, 6), [])
    assert len(set(drawn)) > 15
    assert sum(values(stream, 6), []) == drawn
    still = make(augment=augment, shuffle=False)
    assert values(still) == values(still)


def test_a_strategy_gets_the_same_stream(two_devices):
    strategy = two_devices
    stream = make().repeat()
    distributed = iter(strategy.experimental_distribute_dataset(stream))
    for expected in values(stream, 5):
        parts = strategy.experimental_local_results(next(distributed))
        assert [len(part) for part in parts] == [2, 2]
        got = np.concatenate([part.numpy().reshape(-1) for part in parts])
        assert np.rint((got + 1) * 127.5).astype(int).tolist() == expected


def test_impossible_batches_are_refused():
    with pytest.raises(ValueError, match="at most 10, the number of images"):
        make(batch_size=11)
    assert len(values(make(batch_size=11, drop_remainder=False))) == 1
    with pytest.raises(ValueError, match="an integer of at least 1"):
        make(batch_size=0)


def test_unpaired_domains_are_shuffled_apart():
    long, short = make(batch_size=1), make(batch_size=1, seed=9).take(4)
    zipped = _pipeline.zip_unpaired(short, long)
    assert int(zipped.cardinality()) == 10
    rows = [
        (int(round((a.item() + 1) * 127.5)), int(round((b.item() + 1) * 127.5))) for a, b in zipped.as_numpy_iterator()
    ]
    assert sorted(b for _, b in rows) == list(range(10))
    assert any(a != b for a, b in rows)


def test_jitter_is_a_crop_of_the_enlarged_image_and_mirrors_half():
    ramp = np.tile(np.arange(64, dtype="float32")[None, :, None], (64, 1, 2))
    slopes, edges = [], []
    for i in range(40):
        out = _pipeline.jitter(tf.constant(ramp), tf.constant([i, 7], tf.int32)).numpy()
        assert out.shape == (64, 64, 2)
        np.testing.assert_array_equal(out[..., 0], out[..., 1])
        slopes.append(out[10, 40, 0] - out[10, 20, 0])
        edges.append(out[10].min())
    # 64 * 286 / 256 = 71.5 rounds to 72: the ramp rises by 64 / 72 a pixel.
    np.testing.assert_allclose(np.abs(slopes), 20 * 64 / 72, rtol=1e-4)
    assert 10 <= sum(slope < 0 for slope in slopes) <= 30
    assert 0 <= min(edges) < 1.5 and 5.5 < max(edges) <= 8
