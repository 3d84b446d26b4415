"""Projected GAN: shapes and counts of its networks, random projections by hand, and the refusal of own features."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.models.network_checks import share_kernels
from kerasgan.networks import fastgan_generator, frozen_features, projected_discriminator, random_projections


def eye(size=(16, 16), channels=3, maps=2):
    """A small network of feature maps, each of half the size of the one before."""
    x, outputs = keras.Input((*size, channels)), []
    inputs = x
    for level in range(maps):
        x = keras.layers.Conv2D(3 + level, 3, 2, "same", activation="tanh")(x)
        outputs.append(x)
    return keras.Model(inputs, outputs if maps > 1 else x, name="eye")


def small(**options):
    return kerasgan.ProjectedGAN(**{"image_size": 16, "width": 2, "features": eye(), "projection_width": 2} | options)


def lite0_maps(size):
    """What the paper's network gives for images of `size` pixels."""
    return [keras.Input((size // 4 >> i, size // 4 >> i, filters)) for i, filters in enumerate((24, 40, 112, 320))]


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def count_of_generator(width, latent_dim, levels):
    """By hand: kernels, a scale and a shift for each channel before its gate, one strength a noise, the last bias."""
    filters = [int(width * m) for m in (16, 8, 4, 2, 2, 1, 0.5, 0.25)][: levels + 1]
    total = latent_dim * 4 * 4 * 2 * filters[0] + 4 * filters[0]
    for before, after in zip(filters, filters[1:]):
        total += 9 * before * 2 * after + 9 * after * 2 * after + 2 * (4 * after + 1)
    for large, small in zip(filters[4:], filters):
        total += 4 * 4 * small * large + large * large
    return total + 9 * filters[-1] * 3 + 3


@pytest.mark.parametrize("image_size, levels", [(32, 3), (64, 4), (256, 6)])
def test_the_generator_has_the_layers_of_the_authors_code(image_size, levels):
    network = fastgan_generator(image_size, 3, latent_dim=16, width=8)
    assert count(network) == count_of_generator(8, 16, levels)
    gates = [layer for layer in network.layers if isinstance(layer, keras.layers.Multiply)]
    assert [layer.output.shape[1] for layer in gates] == [64, 128, 256][: max(0, levels - 3)]
    # The gates of a map come from one of a 16th of its sides, brought to 4x4.
    looks = [x for x in network.layers if getattr(getattr(x, "layer", None), "kernel_size", None) == (4, 4)]
    sources = [x.input.shape[-1] for x in looks if x.layer.__class__.__name__ == "Conv2D"]
    assert sources == [128, 64, 32][: max(0, levels - 3)]


@pytest.mark.slow
def test_the_counts_at_the_papers_size():
    assert count(fastgan_generator(256, 3, 256, 128)) == count_of_generator(128, 256, 6) == 105_684_175


def test_the_latent_s_length_does_not_matter():
    network = fastgan_generator(16, 3, latent_dim=8, width=2)
    z = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    np.testing.assert_allclose(network(z), network(5 * z), atol=1e-6)


def test_the_discriminators_have_the_layers_of_the_authors_code():
    projections = random_projections(lite0_maps(224), 64, seed=0)
    assert [x.shape[1:] for x in projections.outputs] == [(112, 112, 64), (56, 56, 64), (28, 28, 128), (14, 14, 256)]
    mixing = sum(a * b + b for a, b in ((24, 64), (40, 128), (112, 256), (320, 512)))
    scales = sum(a * b + b for a, b in ((64, 64), (128, 64), (256, 128), (512, 256)))
    assert count(projections) == mixing + scales == 376_768
    network = projected_discriminator(projections.outputs, 64)
    # 128 -> 64 -> 32 -> 16 -> 8 nominal pixels, from the first, second, third, last on
    chains = [(64, 64, 128, 256, 512), (64, 128, 256, 512), (128, 256, 512), (256, 512)]
    kernels = sum(16 * a * b for chain in chains for a, b in zip(chain, chain[1:]))
    norms = sum(2 * b for chain in chains for b in chain[1:])
    assert count(network) == kernels + norms + len(chains) * 16 * 512
    assert network.output_shape == (None, 4 * 16)  # maps of 7 pixels have 4x4 places for a kernel of 4x4
    halves = [layer for layer in network.layers if getattr(getattr(layer, "layer", None), "strides", None) == (2, 2)]
    assert len(halves) == 4 + 3 + 2 + 1


def doubled(maps):
    """Bilinear interpolation whose corners stay, by `numpy.interp` along each axis."""
    for axis in (1, 2):
        old = np.arange(maps.shape[axis])
        new = np.linspace(0, old[-1], 2 * len(old))
        maps = np.apply_along_axis(lambda line, old=old, new=new: np.interp(new, old, line), axis, maps)
    return maps


def test_projections_mix_channels_and_scales():
    """As the authors compute it: first interpolated, then convolved."""
    network = random_projections([keras.Input((8, 8, 3)), keras.Input((4, 4, 5))], width=2, seed=1)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    by_shape = {layer.kernel.shape[2:]: layer for layer in convolutions}
    assert by_shape.keys() == {(3, 2), (5, 4), (4, 2), (2, 2)}

    def mix(x, shape):
        layer = by_shape[shape]
        return x @ layer.kernel.numpy()[0, 0] + layer.bias.numpy()

    large, small = (np.random.default_rng(i).normal(size=(2, 8 >> i, 8 >> i, n)) for i, n in enumerate((3, 5)))
    deep = mix(doubled(mix(small, (5, 4))), (4, 2))
    shallow = mix(doubled(mix(large, (3, 2)) + deep), (2, 2))
    found = network([large.astype("float32"), small.astype("float32")])
    np.testing.assert_allclose(found[1], deep, atol=1e-5)
    np.testing.assert_allclose(found[0], shallow, atol=1e-5)


def test_projections_are_drawn_by_the_seed_once():
    first, again, other = (small(seed=seed).projections.get_weights() for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    bounds = [1 / np.sqrt(w.shape[2]) for w in first if w.ndim == 4]
    for bound, kernel in zip(bounds, [w for w in first if w.ndim == 4]):
        assert np.abs(kernel).max() <= bound
    kernels = random_projections(lite0_maps(128), 64, seed=1).layers[-2].kernel.numpy()
    assert kernels.std() == pytest.approx(1 / np.sqrt(3 * kernels.shape[2]), rel=0.05)


def test_training_leaves_features_and_projections_as_they_are():
    model = small(features=keras.Sequential([eye(maps=1), keras.layers.BatchNormalization()]))
    before = [*model.features.get_weights(), *model.projections.get_weights()]
    judged = model.discriminator.get_weights()
    model.compile(run_eagerly=True)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype("float32")
    model.train_on_batch(images)
    for old, new in zip(before, [*model.features.get_weights(), *model.projections.get_weights()], strict=True):
        np.testing.assert_array_equal(old, new)
    assert any(not np.array_equal(old, new) for old, new in zip(judged, model.discriminator.get_weights()))
    assert not model.features.trainable_variables + model.projections.trainable_variables


def test_images_are_brought_to_what_the_features_take():
    seen = frozen_features(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Identity()]), 4, 1)
    images = np.arange(32, dtype="float32").reshape(2, 4, 4, 1)
    found = seen(images)
    assert found.shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    # Between the middles of two pixels lie two new ones, at a quarter and at three quarters of the way.
    np.testing.assert_allclose(found[0, 0, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)


@pytest.mark.parametrize(
    "features, message",
    [
        ("resnet", r"`features` must be one of .*'efficientnet_lite0'.*Received: 'resnet'"),
        (eye((12, 12)), r"at least 4 pixels a side\. Received: maps of \[\(6, 6\), \(3, 3\)\]"),
        (keras.Model((x := eye()).input, x.outputs[::-1]), r"half the sides.*Received: maps of \[\(4, 4\), \(8, 8\)\]"),
        (keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten()]), r"Received: maps of \[\(768,\)\]"),
    ],
)
def test_features_that_cannot_be_judged_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        small(features=features)


def test_a_discriminator_of_other_maps_is_refused():
    other = projected_discriminator([keras.Input((16, 16, 7)), keras.Input((8, 8, 2))], 2)
    with pytest.raises(ValueError, match=r"`discriminator` must take images of .*\(16, 16, 2\)"):
        small(discriminator=other).compile()


def test_no_score_goes_by_the_features_of_the_training(tmp_path):
    network = eye()
    model = small(features=network)
    own = kerasgan.metrics.Extractor(keras.Model(network.input, network.outputs[0]), name="mine")
    other = kerasgan.metrics.Extractor(keras.Model((another := eye()).input, another.outputs[0]))
    own, other = (kerasgan.metrics.FrechetDistance(extractor) for extractor in (own, other))
    with pytest.raises(ValueError, match=r"another network than the training\. Received: the extractor 'mine'"):
        model.compile(metrics=[other, own])
    model.compile(metrics=[other])
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype("float32")
    data = kerasgan.data.from_arrays(images, 4)
    monitor = kerasgan.callbacks.ScoreMonitor([own], data, directory=tmp_path)
    with pytest.raises(ValueError, match="Remedy: another extractor, such as 'efficientnet_lite1'"):
        model.fit(data, callbacks=[monitor], verbose=0)
    assert int(model.step) == 0
    dcgan = kerasgan.DCGAN(image_size=16, width=2)
    dcgan.compile(metrics=[own])  # which has not seen by it


def test_networks_that_share_a_kernel_see_alike():
    first, second = eye(), eye()
    assert share_kernels(first, keras.Model(first.input, first.outputs[0]))
    assert not share_kernels(first, second)
    copied = keras.models.clone_model(first)
    copied.set_weights(first.get_weights())
    assert share_kernels(copied, first)
