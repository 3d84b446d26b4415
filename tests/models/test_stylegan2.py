"""StyleGAN and StyleGAN2: parameter counts, styles, mixing, truncation, training."""

import types

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.networks import style_stages


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def small(cls=kerasgan.StyleGAN2, **options):
    options = {"image_size": 16, "channels": 1, "latent_dim": 4, "style_dim": 4, "channel_base": 64} | options
    return cls(mapping_layers=2, seed=3, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, g, d",
    [
        (lambda: kerasgan.StyleGAN(image_size=1024), 26_219_627, 23_087_249),
        (lambda: kerasgan.StyleGAN2(image_size=1024), 30_370_060, 29_012_513),
    ],
)
def test_parameters_at_the_papers_size(make, g, d):
    """The generator of StyleGAN as NVIDIA's program prints it; the others by their layers' formulas."""
    model = make()
    assert (count(model.generator), count(model.discriminator)) == (g, d)


def cifar(**options):
    return kerasgan.StyleGAN2(image_size=32, mapping_layers=2, residual=False, group_size=32, **options)


@pytest.mark.slow
def test_parameters_of_the_networks_for_cifar():
    model, conditional = cifar(), cifar(num_classes=10)
    assert (count(model.generator), count(model.discriminator)) == (19_947_539, 20_720_641)
    assert (count(conditional.generator), count(conditional.discriminator)) == (20_215_315, 23_089_664)


def dense(n, units):
    return n * units + units


def formula2(image_size, channels, base, most, dim, mapping_layers):
    """Parameters of StyleGAN2's generator and discriminator by the layers of the paper."""
    sides, filters = style_stages(image_size, base, most)
    g, before = mapping_layers * dense(dim, dim) + sides[0][0] * sides[0][1] * filters[0], filters[0]
    d = dense(channels, filters[-1])
    for level, n in enumerate(filters):
        convolution = lambda i, o: dense(dim, i) + dense(9 * i, o) + 1  # styles, kernel and bias, noise  # noqa: E731
        g += (convolution(before, n) if level else 0) + convolution(n, n) + dense(dim, n) + dense(n, channels)
        d += dense(9 * n, n) + dense(9 * n, before) + n * before if level else 0
        before = n
    n = filters[0]
    return g, d + dense(9 * (n + 1), n) + dense(sides[0][0] * sides[0][1] * n, n) + dense(n, 1)


def test_parameters_follow_the_formulas():
    """Which give the paper's numbers at the paper's size."""
    assert formula2(1024, 3, 32768, 512, 512, 8) == (30_370_060, 29_012_513)
    model = small()
    assert (count(model.generator), count(model.discriminator)) == formula2(16, 1, 64, 512, 4, 2)
    assert style_stages(1024, 32768, 512) == (
        [(side, side) for side in (4, 8, 16, 32, 64, 128, 256, 512, 1024)],
        [512, 512, 512, 512, 512, 256, 128, 64, 32],
    )
    assert style_stages(1024, 16384, 512)[1][-3:] == [64, 32, 16]
    with pytest.raises(ValueError, match="`channel_base` must be at least 16 for 16 pixels.*Received: 8"):
        small(channel_base=8)


@pytest.fixture(scope="module")
def model():
    model = small()
    model.compile(ema_decay=0)
    generator = model.generator
    for variable in generator.trainable_variables:
        if variable.name == "strength":
            variable.assign(0.1)
    generator.get_layer("mapping").get_layer("average").mean.assign([0.1, -0.2, 0.3, 0.0])
    return model


def test_truncation_0_is_the_mean_image_and_1_the_image(model):
    mean = model.synthesize(np.float32([[0.1, -0.2, 0.3, 0.0]]))
    images = model.generate(3, seed=0, truncation=0)
    np.testing.assert_allclose(images, np.repeat(mean, 3, axis=0), atol=1e-6)
    plain = model.generate(3, seed=0)
    np.testing.assert_allclose(plain, model.decode(model.sample_latents(3, 0)), atol=1e-5)
    assert np.abs(plain - images).max(axis=(1, 2, 3)).min() > 1e-2


def test_truncation_is_linear_in_w_and_stops_at_the_cutoff(model):
    w = model.map(model.sample_latents(2, 0))
    moved = model.truncate(w, 0.25, cutoff=2)
    mean = np.float32([0.1, -0.2, 0.3, 0.0])
    assert moved.shape == (2, model.num_layers, 4) and model.num_layers == 6
    np.testing.assert_allclose(moved[:, :2], np.repeat((mean + 0.25 * (w - mean))[:, None], 2, axis=1), atol=1e-6)
    np.testing.assert_array_equal(moved[:, 2:], np.repeat(w[:, None], 4, axis=1))
    with pytest.raises(ValueError, match=r"`w` must have shape \(n, 4\) or \(n, 6, 4\). Received: \(2, 3\)"):
        model.synthesize(np.zeros((2, 3)))


def test_mixed_styles_share_the_layers_before_the_crossover(model):
    """All features of the layers before the crossover are those of the one latent."""
    w = model.map(model.sample_latents(2, 0))
    both = np.repeat(w[:, None], 6, axis=1)
    mixed = np.array(kerasgan.networks.mix(both[:1], both[1:], 3))
    synthesis = model.generator.get_layer("synthesis")
    convolutions = [layer for layer in synthesis.layers if isinstance(layer, kerasgan.layers.ModulatedConv2D)]
    features = keras.Model(synthesis.input, [layer.output for layer in convolutions if layer.kernel_size == 3])
    for level, (one, cross) in enumerate(zip(features(both[:1]), features(mixed))):
        assert np.array_equal(one, cross) == (level < 3)  # a layer of 3x3 for each of w[0], w[1], w[2], ...


def test_training_mixes_a_share_of_the_images():
    model = small()
    model.compile(style_mixing=0.5)
    styles = model.draw_styles(2000, (), training=False).numpy()
    changes = (np.abs(np.diff(styles, axis=1)).max(axis=2) > 0).sum(axis=1)
    assert set(changes) == {0, 1}
    assert changes.mean() == pytest.approx(0.5, abs=0.045)  # four standard errors
    at = np.argmax(np.abs(np.diff(styles, axis=1)).max(axis=2) > 0, axis=1)[changes == 1]
    np.testing.assert_allclose(np.bincount(at) / len(at), np.full(5, 0.2), atol=0.055)
    with pytest.raises(ValueError, match=r"`style_mixing` must be in \[0, 1\]. Received: 2"):
        model.compile(style_mixing=2)


def test_training_keeps_the_mean_of_w():
    model = small()
    model.compile(style_mixing=1.0, ema_decay=0)
    mapping = model.generator.get_layer("mapping")
    state = np.array(model.seed_generator.state)
    model.draw_styles(8, (), training=True)
    model.seed_generator.state.assign(state)
    expected = 0.005 * mapping(model.latents(8)).numpy().mean(axis=0)
    np.testing.assert_allclose(mapping.get_layer("average").mean, expected, atol=1e-7)


def test_defaults_are_the_papers():
    model = small()
    model.compile()
    r1, path = model.penalty
    assert (r1.weight, r1.every, path.weight, path.decay, path.every, path.share) == (10, 16, 2, 0.01, 4, 0.5)
    g, d = model.g_optimizer, model.d_optimizer
    assert float(g.learning_rate) == pytest.approx(0.002 * 4 / 5) and g.beta_2 == pytest.approx(0.99**0.8)
    assert float(d.learning_rate) == pytest.approx(0.002 * 16 / 17) and d.beta_2 == pytest.approx(0.99 ** (16 / 17))
    assert (g.beta_1, d.beta_1, g.epsilon, model.style_mixing) == (0, 0, 1e-8, 0.9)
    assert model.ema_decay.get_config() == {"images": 10_000, "batch_size": 32, "ramp": None}
    old = small(kerasgan.StyleGAN)
    old.compile()
    assert [(p.weight, p.every) for p in old.penalty] == [(10, 1)]
    assert float(old.g_optimizer.learning_rate) == pytest.approx(0.001)
    at = [kerasgan.StyleGAN.defaults(types.SimpleNamespace(image_size=n)) for n in (64, 128, 256, 512, 1024)]
    np.testing.assert_allclose([float(d["g_optimizer"].learning_rate) for d in at], [1e-3, 1.5e-3, 2e-3, 3e-3, 3e-3])


@pytest.mark.parametrize("cls", [kerasgan.StyleGAN, kerasgan.StyleGAN2])
def test_classes_matter_to_both_networks(cls):
    model = small(cls, num_classes=3)
    model.compile()
    zeros, ones = (model.generate(2, seed=0, labels=label) for label in (0, 1))
    assert np.abs(zeros - ones).max() > 1e-3
    logits = [np.array(model.discriminator([zeros, np.full(2, label, "int32")])) for label in (0, 1)]
    assert np.abs(logits[0] - logits[1]).max() > 1e-4
    with pytest.raises(ValueError, match="expected batches of `\\(images, labels\\)`"):
        model.fit(np.zeros((8, 16, 16, 1), "float32"), batch_size=8, verbose=0)
    with pytest.raises(ValueError, match="`labels` must be None: this StyleGAN.* has no classes"):
        small(cls).generate(2, labels=1)


def test_the_generator_must_have_styles():
    with pytest.raises(ValueError, match="`generator` must be a `kerasgan.networks.style_generator`"):
        small(generator=kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=2).generator)
