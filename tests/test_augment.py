"""Augmentations of what the discriminator sees."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import augment


def batch(n=64, size=16, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, size, size, channels)).astype("float32")


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout"])
def test_diffaugment_keeps_shape_and_passes_gradients(policy):
    images = tf.constant(batch(8))
    layer = augment.DiffAugment(policy, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        changed = layer(images)
        total = tf.reduce_sum(changed**2)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    gradient = tape.gradient(total, images).numpy()
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).sum(axis=(1, 2, 3)) > 0).all()
    assert not np.array_equal(changed, images)
    np.testing.assert_array_equal(layer(images, training=False), images)


def shifted(image, dy, dx):
    """The image moved down by dy and right by dx, zeros coming in."""
    size, moved = len(image), np.zeros_like(image)
    target = lambda d: slice(max(d, 0), size + min(d, 0))  # noqa: E731
    moved[target(dy), target(dx)] = image[target(-dy), target(-dx)]
    return moved


def test_translation_is_an_exact_shift_by_up_to_an_eighth():
    images = batch(256)
    changed = augment.DiffAugment("translation", seed=0)(images).numpy()
    found = set()
    for image, moved in zip(images, changed):
        shifts = [s for s in itertools.product(range(-3, 4), repeat=2) if np.array_equal(shifted(image, *s), moved)]
        assert len(shifts) == 1
        found |= set(shifts)
    assert found == set(itertools.product(range(-2, 3), repeat=2))  # 16 / 8 = 2, and each of the 25 occurs


def test_cutout_is_a_rectangle_around_a_centre_in_the_image():
    """Half the side: 8 rows and columns where it lies inside the image, at least 4 where it hangs over the edge."""
    changed = augment.DiffAugment("cutout", seed=0)(np.ones((512, 16, 16, 1), "float32")).numpy()[..., 0]
    assert set(np.unique(changed)) == {0.0, 1.0}
    heights = (changed.min(axis=2) == 0).sum(axis=1)
    widths = (changed.min(axis=1) == 0).sum(axis=1)
    np.testing.assert_array_equal((changed == 0).sum(axis=(1, 2)), heights * widths)
    assert (heights.min(), heights.max(), widths.min(), widths.max()) == (4, 8, 4, 8)
    # Tops are uniform on -4 .. 12. Nine leave 8 rows, the others 4, 5, 6, 7, 7, 6, 5 and 4: a mean of 116 / 17 = 6.82
    # and a deviation of 1.46, so that the mean of 512 lies within 0.26 (four standard errors).
    assert heights.mean() == pytest.approx(116 / 17, abs=0.26)
    assert widths.mean() == pytest.approx(116 / 17, abs=0.26)


def drawn_places(policy, size):
    """The ranges of rows, and of columns, that are black in images of ones."""
    changed = augment.DiffAugment(policy, seed=0)(np.ones((1500, size, size, 1), "float32")).numpy()[..., 0]
    found = []
    for axis in (2, 1):
        black = changed.max(axis=axis) == 0 if policy == "translation" else changed.min(axis=axis) == 0
        found.append({(int(np.argmax(row)), int(row.sum())) for row in black})
    return found


@pytest.mark.parametrize(("size", "shift"), [(16, 2), (20, 3), (28, 4), (36, 5), (52, 7), (12, 2), (10, 1)])
def test_shifts_are_rounded_as_the_authors_do(size, shift):
    """int(size / 8 + 0.5): 2.5 pixels become 3, where Python's `round` says 2. Black comes in at either side."""
    expected = {(0, i) for i in range(shift + 1)} | {(size - i, i) for i in range(1, shift + 1)}
    assert drawn_places("translation", size) == [expected] * 2


@pytest.mark.parametrize("size", [16, 10, 7, 28])
def test_cut_outs_lie_where_the_authors_have_them(size):
    """The authors draw an offset in [0, size + (1 - cut % 2)) and take cut // 2 from it."""
    cut = int(size * 0.5 + 0.5)
    tops = np.arange(size + (1 - cut % 2)) - cut // 2
    expected = {(max(top, 0), min(top + cut, size) - max(top, 0)) for top in tops}
    assert drawn_places("cutout", size) == [expected] * 2


def test_color_shifts_brightness_by_up_to_a_half():
    """A grey, even image has no saturation and no contrast to change: only the brightness moves it."""
    changed = augment.DiffAugment("color", seed=0)(np.zeros((2000, 4, 4, 3), "float32")).numpy()
    shifts = changed[:, 0, 0, 0]
    np.testing.assert_allclose(changed, np.broadcast_to(shifts[:, None, None, None], changed.shape), atol=1e-6)
    assert -0.5 <= shifts.min() < -0.49 and 0.49 < shifts.max() <= 0.5
    assert shifts.mean() == pytest.approx(0, abs=0.026)  # four standard errors of 1 / sqrt(12 * 2000)


def test_color_scales_saturation_and_contrast():
    images = batch(2000, size=4)
    changed = augment.DiffAugment("color", seed=0)(images).numpy()

    def spread(x, axes):
        return np.sqrt(((x - x.mean(axis=axes, keepdims=True)) ** 2).sum(axis=(1, 2, 3)))

    grey = images.mean(axis=3, keepdims=True)
    contrast = spread(changed.mean(axis=3, keepdims=True), (1, 2, 3)) / spread(grey, (1, 2, 3))  # only by contrast
    assert 0.5 <= contrast.min() < 0.51 and 1.49 < contrast.max() <= 1.5 + 1e-4
    saturation = spread(changed, (3,)) / spread(images, (3,)) / contrast
    assert 0 <= saturation.min() < 0.02 and 1.98 < saturation.max() <= 2 + 1e-3


def test_instance_noise_has_its_deviation_and_decays():
    layer = augment.InstanceNoise(stddev=0.5, decay_steps=4, seed=0)
    images = np.zeros((64, 16, 16, 3), "float32")
    measured = [float(tf.math.reduce_std(layer(images))) for _ in range(6)]
    assert measured == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0, 0.0], rel=0.02, abs=1e-6)
    np.testing.assert_array_equal(layer(images, training=False), images)


@pytest.mark.parametrize("steps", [0, -2, 1.5])
def test_instance_noise_refuses_to_grow(steps):
    with pytest.raises(ValueError, match=f"`decay_steps` must be an integer of at least 1. Received: {steps}"):
        augment.InstanceNoise(decay_steps=steps)


def test_instance_noise_without_decay_stays_and_is_drawn_anew():
    layer = augment.InstanceNoise(stddev=0.2, seed=0)
    images = np.zeros((64, 16, 16, 3), "float32")
    first, second = layer(images).numpy(), layer(images).numpy()
    assert first.std() == pytest.approx(0.2, rel=0.02) and second.std() == pytest.approx(0.2, rel=0.02)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_instance_noise_counts_in_full_precision():
    """bfloat16 has no 257."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = augment.InstanceNoise(stddev=0.5, decay_steps=512)
    layer.passes.assign(256.0)
    images = tf.zeros((64, 16, 16, 3), tf.bfloat16)
    noisy = layer(images)
    assert float(layer.passes.numpy()) == 257 and noisy.dtype == tf.bfloat16
    assert float(tf.math.reduce_std(tf.cast(noisy, tf.float32))) == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_adaptive_augment_changes_a_share_p_of_the_images(p):
    """The share of 4,000 images lies within 0.03 of 0.3 (four standard errors); what is changed, is as by DiffAugment:
    an even grey image moves by up to a half."""
    layer = augment.AdaptiveAugment("color", seed=0)
    layer.p.assign(p)
    images = np.zeros((4000, 2, 2, 1), "float32")
    changed = layer(images).numpy()
    shifts = changed[:, 0, 0, 0]
    assert (shifts != 0).mean() == pytest.approx(p, abs=0.03 if 0 < p < 1 else 0.002)
    assert np.abs(shifts).max() <= 0.5
    np.testing.assert_array_equal(layer(images, training=False), images)


def test_adaptive_augment_draws_each_transformation_apart():
    """With p = 1/2, half of the images get a hole, half get colours, and a quarter neither."""
    layer = augment.AdaptiveAugment("cutout,color", seed=0)
    layer.p.assign(0.5)
    changed = layer(np.ones((4000, 4, 4, 1), "float32")).numpy()
    holed = np.ptp(changed, axis=(1, 2, 3)) > 1e-3
    moved = changed.max(axis=(1, 2, 3)) != 1
    assert holed.mean() == pytest.approx(0.5, abs=0.032)
    assert (moved & ~holed).mean() == pytest.approx(0.25, abs=0.028)
    assert (~moved & ~holed).mean() == pytest.approx(0.25, abs=0.028)


def test_adaptive_augment_follows_the_certainty():
    """2 updates of 10 images move p by 20 / 100; it stays in [0, 1]."""
    layer = augment.AdaptiveAugment(target=0.6, ramp=100, interval=2)
    found = []
    for certainty in (0.9, 0.5, 0.6, 0.8, 0.0, 1.0, -1.0, -1.0, 0.0, 0.0) + (1.0,) * 12:
        layer.observe(tf.constant(certainty), 10)
        found.append(float(layer.p.numpy()))
    expected = [0, 0.2, 0.2, 0.4, 0.4, 0.2, 0.2, 0, 0, 0, 0, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8, 1, 1, 1]
    assert found == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="`target` must be in .*Received: 1"):
        augment.AdaptiveAugment(target=1)
    with pytest.raises(ValueError, match="`ramp` must be an int of at least 1. Received: 0"):
        augment.AdaptiveAugment(ramp=0)


@pytest.mark.parametrize(
    "layer",
    [
        augment.DiffAugment("color,cutout"),
        augment.AdaptiveAugment("cutout", target=0.5, ramp=10, interval=3),
        augment.InstanceNoise(0.3, decay_steps=7),
    ],
)
def test_config_round_trip(layer):
    (clone,) = augment.get(keras.saving.serialize_keras_object(layer))
    assert type(clone) is type(layer) and clone.get_config() == layer.get_config()


def test_get():
    assert augment.get(None) == []
    assert [type(x) for x in augment.get(["diffaugment", "instance_noise"])] == [
        augment.DiffAugment,
        augment.InstanceNoise,
    ]
    with pytest.raises(ValueError, match="`augment` must be None, one of .*'diffaugment'.*Received: 'flip'"):
        augment.get("flip")
    with pytest.raises(ValueError, match="`policy` must be a comma-separated choice of .*Received: 'colour'"):
        augment.DiffAugment("colour")


def test_occasional_augment_starts_at_its_p_and_keeps_it():
    """Of 4,000 images a share of 0.3, within 0.03 (four standard errors), is changed by each transformation."""
    layer = augment.OccasionalAugment.from_config(augment.OccasionalAugment("translation", p=0.3, seed=0).get_config())
    images = batch(4000, size=16, channels=1)
    for p in (0.3, 1.0, 0.0):
        layer.p.assign(p)
        changed = np.any(layer(images).numpy() != images, axis=(1, 2, 3)).mean()
        assert changed == pytest.approx(p * 24 / 25, abs=0.03)  # a shift by nothing is one of 25
    with pytest.raises(ValueError, match="`p` must be in"):
        augment.OccasionalAugment(p=1.5)
    assert "p" not in augment.AdaptiveAugment().get_config()
