"""Sizes: an int or (height, width), padding by reflection, tiles that blend without seams."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import shapes, tiles
from kerasgan.networks import pyramid


def images(count, height, width, channels, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, height, width, channels)).astype("float32")


def test_a_size_is_an_int_or_a_pair():
    assert shapes.as_size(64) == shapes.as_size((64, 64)) == shapes.as_size(np.int64(64)) == (64, 64)
    assert shapes.as_size([48, 64]) == (48, 64)
    for wrong in (0, -4, 2.5, True, "64", (64,), (64, 64, 3), (0, 4), None):
        with pytest.raises(ValueError, match="`tile` must be a positive int, or .height, width."):
            shapes.as_size(wrong, "tile")


@pytest.mark.parametrize(
    "size, base, depth", [(28, (7, 7), 2), (64, (4, 4), 4), ((96, 64), (6, 4), 4), ((20, 28), (5, 7), 2)]
)
def test_a_pyramid_has_one_number_of_doublings(size, base, depth):
    assert pyramid(size, 3) == (base, [3 * min(2**level, 8) for level in range(depth)])


@pytest.mark.parametrize(
    "size, nearest", [(30, "28 and 32"), ((64, 60), "64 and 56"), ((128, 64), ".112, 64. and .96, 64.")]
)
def test_the_nearest_sizes_are_named(size, nearest):
    with pytest.raises(ValueError, match=f"times a power of two.*The nearest are {nearest}"):
        pyramid(size, 3)


@pytest.mark.parametrize("height, width, total", [(3, 5, (8, 8)), (1, 2, (4, 9)), (6, 6, (6, 7)), (4, 4, (4, 4))])
def test_reflection_is_that_of_numpy_however_often_it_takes(height, width, total):
    x = images(2, height, width, 3)
    before = [(large - side) // 2 for large, side in zip(total, (height, width))]
    after = [large - side - first for large, side, first in zip(total, (height, width), before)]
    expected = np.pad(x, [(0, 0), *zip(before, after), (0, 0)], mode="reflect")
    found, corner = shapes.reflect_to(x, total)
    np.testing.assert_array_equal(found, expected)
    assert corner == tuple(before)
    graph = tf.function(lambda x: shapes.reflect_to(x, total)[0], input_signature=[tf.TensorSpec((None,) * 3 + (3,))])
    np.testing.assert_array_equal(graph(x), expected)


def test_padded_sizes():
    assert shapes.padded((17, 32), 16) == (32, 32)
    assert shapes.padded((3, 9), 4) == (8, 12)
    assert shapes.padded((3, 9), 1) == (3, 9)
    sides = [int(side) for side in shapes.padded(tf.constant([17, 3]), 4)]
    assert sides == [20, 8]


def test_channels_by_hand():
    rgb = np.float32([[[[1.0, 0.0, -1.0]]]])
    np.testing.assert_allclose(shapes.to_channels(rgb, 1), [[[[0.299 - 0.114]]]], atol=1e-6)
    np.testing.assert_array_equal(shapes.to_channels(rgb[..., :1], 3), np.ones((1, 1, 1, 3)))
    with pytest.raises(ValueError, match="must have 4 channels, or 1.*Received: 3"):
        shapes.to_channels(rgb, 4)


@pytest.mark.parametrize("tile, overlap, scale", [(16, 8, 1), ((12, 20), None, 1), (16, 5, 2), (100, 8, 1)])
def test_tiles_of_what_does_not_look_around_are_the_whole(tile, overlap, scale):
    x = images(2, 30, 41, 2)
    change = lambda part: np.repeat(np.repeat(2 * part, scale, axis=1), scale, axis=2)  # noqa: E731
    np.testing.assert_allclose(tiles.by_tiles(change, x, tile, overlap, scale), change(x), atol=1e-6)


def looks_around(radius, channels=1):
    """A translator whose pixels depend on those up to `radius` away."""
    x = keras.Input((None, None, channels))
    y = keras.layers.Conv2D(channels, 2 * radius + 1, padding="same", activation="tanh")(x)
    return keras.Model(x, y)


def test_tiling_has_no_seams():
    """Pixels see 4 around them; tiles share 16: away from the borders tiling is exact, at them too."""
    keras.utils.set_random_seed(0)
    model = kerasgan.Pix2Pix(image_size=32, channels=1, width=2, receptive_field=16, generator=looks_around(4))
    x = images(2, 70, 90, 1)
    whole, tiled = model.translate(x), model.translate(x, tile=32, overlap=16)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    # Tiles that overlap by less than the receptive field show seams: the test can fail.
    assert np.abs(model.translate(x, tile=32, overlap=4) - whole).max() > 0.01
    with pytest.raises(ValueError, match="`overlap` must be less than `tile`=16"):
        model.translate(x, tile=16, overlap=16)
    with pytest.raises(ValueError, match="`overlap` needs `tile`"):
        model.translate(x, overlap=16)


TRANSLATORS = {
    "unet": lambda: kerasgan.Pix2Pix(image_size=16, channels=1, source_channels=3, width=2, receptive_field=16),
    "unet, rectangular": lambda: kerasgan.Pix2Pix((16, 24), 1, 3, width=2, receptive_field=16, dropout=False),
    "residual": lambda: kerasgan.Pix2Pix(16, 1, 3, width=2, receptive_field=16, generator="resnet"),
    "cyclegan": lambda: kerasgan.CycleGAN(16, 1, 3, width=2, blocks=1, receptive_field=16),
    "srgan": lambda: kerasgan.SRGAN(image_size=16, channels=3, width=2, blocks=1),
}


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_take_sizes_that_they_were_not_trained_on(name, tmp_path):
    model = TRANSLATORS[name]()
    model.compile()
    served = kerasgan.export.load(model.export(tmp_path))["serving_default"]
    for height, width in ((16, 40), (21, 50), (5, 3)):
        x = images(2, height, width, 3)
        made = model.translate(x, seed=0) if model.latent_dim else model.translate(x)
        shape = (2, model.scale * height, model.scale * width, model.channels)
        assert made.shape == shape and np.isfinite(made).all()
        np.testing.assert_allclose(served(images=tf.constant(x))["images"], made, atol=1e-4)


def test_a_translation_of_another_size_is_that_of_the_reflected_image():
    model = TRANSLATORS["residual"]()
    x = images(1, 13, 17, 3)
    whole = np.asarray(model.generator(np.pad(x, [(0, 0), (1, 2), (1, 2), (0, 0)], mode="reflect")))
    np.testing.assert_allclose(model.translate(x), whole[:, 1:14, 1:18], atol=1e-5)


def test_noise_of_a_larger_image_is_as_much_larger():
    """Each place of each layer with dropout has a number of its own."""
    model = TRANSLATORS["unet"]()
    assert model.latent_dim == 4 * 8  # 2x2 pixels of 8 channels
    inputs, corner = model.fitted(model.route(), images(3, 30, 60, 3), seed=0)
    assert corner == (1, 2) and inputs[0].shape == (3, 32, 64, 3)
    assert inputs[1].shape == (3, 2 * 4 * model.latent_dim)


def test_networks_of_a_fixed_input_say_so():
    x = keras.Input((16, 16, 1))
    y = keras.layers.Conv2D(1, 3, padding="same", activation="tanh")(x)
    model = kerasgan.Pix2Pix(image_size=16, channels=1, width=2, receptive_field=16, generator=keras.Model(x, y))
    with pytest.raises(ValueError, match="The size is 20x16, not 16x16"):
        model.translate(images(1, 20, 16, 1))


def test_identity_loss_needs_domains_of_one_kind():
    model = TRANSLATORS["cyclegan"]()
    model.compile()
    assert model.identity_weight == 0.0
    with pytest.raises(ValueError, match="`identity_weight` must be 0 if the channels differ. Received: 0.5"):
        model.compile(identity_weight=0.5)
    same = kerasgan.CycleGAN(16, 3, width=2, blocks=1, receptive_field=16)
    same.compile()
    assert same.identity_weight == 0.5


def test_a_size_stays_in_the_config_as_it_was_given():
    for size in (16, (16, 24)):
        model = kerasgan.DCGAN(image_size=size, channels=1, width=2)
        again = kerasgan.DCGAN.from_config(model.get_config())
        assert model.image_size == size and shapes.as_size(again.image_size) == shapes.as_size(size)
        assert again.get_config() == model.get_config()
        assert again.generate(1, seed=0).shape == (1, *shapes.as_size(size), 1)
