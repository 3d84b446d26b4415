"""BigGAN: its sizes, what steers each block, truncation, and the training of the paper."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.layers import BatchNormalization, SelfAttention, SpectralNormalization
from kerasgan.networks.blocks import biggan_stages

CIFAR = {"image_size": 32, "num_classes": 10, "width": 64, "latent_dim": 128, "initializer": "normal"}
CIFAR |= {"shared_dim": 0, "hierarchical": False, "attention_size": 0}


def small(**options):
    options = {
        "image_size": 16,
        "channels": 1,
        "num_classes": 3,
        "latent_dim": 6,
        "width": 2,
        "shared_dim": 4,
    } | options
    return kerasgan.BigGAN(**options, seed=0)


def count(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def test_parameters_at_128_pixels_are_those_of_the_authors(monkeypatch):
    """`compare_gan` asserts these numbers. An orthogonal start, of which none depends, would take a minute."""
    zeros = keras.initializers.Zeros()
    monkeypatch.setattr(keras.initializers.Orthogonal, "__call__", lambda self, *a, **k: zeros(*a, **k))
    model = kerasgan.BigGAN(image_size=128, num_classes=1000)
    assert (count(model.generator), count(model.discriminator)) == (70_433_988, 87_982_370)


def test_parameters_of_the_cifar_script():
    model = kerasgan.BigGAN(**CIFAR)
    assert (count(model.generator), count(model.discriminator)) == (4_304_387, 4_207_361)


@pytest.mark.parametrize(
    "image_size, up, down, attends",
    [
        (16, [4, 4, 4], [4, 4, 4], 8),
        (32, [4, 4, 4, 4], [4, 4, 4, 4], 16),
        (28, [4, 4, 4], [4, 4, 4], 14),
        (64, [16, 16, 8, 4, 2], [1, 2, 4, 8, 16], 32),
        (128, [16, 16, 8, 4, 2, 1], [1, 2, 4, 8, 16, 16], 64),
        (256, [16, 16, 8, 8, 4, 2, 1], [1, 2, 4, 8, 8, 16, 16], 64),
        (512, [16, 16, 8, 8, 4, 2, 1, 1], [1, 1, 2, 4, 8, 8, 16, 16], 64),
    ],
)
def test_channels_and_attention_of_each_size(image_size, up, down, attends):
    base, widths, blocks, attention_size = biggan_stages(image_size, 1, None)
    assert base == ((7, 7) if image_size == 28 else (4, 4))
    assert widths == up and [width for width, _ in blocks] == down and attention_size == attends
    kept = [not halves for _, halves in blocks]
    assert kept == [False] * (len(down) - (1 if image_size > 32 else 2)) + [True] * (1 if image_size > 32 else 2)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiple of 4 at 32 pixels.*Remedy: `latent_dim=4`"):
        small(image_size=32)
    with pytest.raises(ValueError, match=r"`attention_size` must be 0 or one of \[8\]. Received: 16"):
        small(attention_size=16)
    with pytest.raises(ValueError, match="must be below 1024 pixels. Received: 1024"):
        small(image_size=1024, hierarchical=False)
    with pytest.raises(ValueError, match=r"one of \['normal', 'orthogonal'\]. Received: 'uniform'"):
        small(initializer="uniform")
    with pytest.raises(ValueError, match="`num_classes` must be an int"):
        small(num_classes={"a": 3})


def test_both_networks_attend_once_and_are_normalised():
    model = small()
    for network in (model.generator, model.discriminator):
        attention = [layer for layer in network.layers if isinstance(layer, SelfAttention)]
        assert [layer.output.shape[1:3] for layer in attention] == [(8, 8)]
        assert (attention[0].pool, attention[0].value_reduction, float(attention[0].gamma)) == (2, 2, 0)
        assert not any(isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)) for layer in network.layers)
    # The shared embedding of G is not normalised, that of D is.
    embeddings = [[type(x).__name__ for x in n.layers if "embedding" in x.name.lower()] for n in (model.generator,)]
    assert embeddings == [["Embedding"]]
    wrapped = [x.layer for x in model.discriminator.layers if isinstance(x, SpectralNormalization)]
    assert sum(isinstance(layer, keras.layers.Embedding) for layer in wrapped) == 1


def test_kernels_start_orthogonal_or_normal():
    for layer in small().generator._flatten_layers():
        if isinstance(layer, (keras.layers.Dense, keras.layers.Conv2D)):
            matrix = np.asarray(layer.kernel).reshape(-1, layer.kernel.shape[-1])
            products = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
            np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-5, err_msg=layer.name)
    kernels = [x.kernel for x in kerasgan.BigGAN(**CIFAR).generator._flatten_layers() if type(x).__name__ == "Conv2D"]
    assert np.std(np.concatenate([np.ravel(kernel) for kernel in kernels])) == pytest.approx(0.02, rel=0.01)


def blocks_inputs(model, latents, labels):
    """Returns what enters each of the generator's batch norms with learned gains, and the image."""
    norms = [layer for layer in model.generator.layers if isinstance(layer, BatchNormalization) and not layer.scale]
    views = keras.Model(model.generator.inputs, [norm.input for norm in norms] + [model.generator.output])
    return [np.asarray(x) for x in views([np.asarray(latents, "float32"), np.asarray(labels, "int32")])]


def first_change(a, b):
    return [bool(np.abs(x - y).max() > 1e-6) for x, y in zip(a, b)].index(True)


def test_each_piece_of_z_enters_at_its_own_block():
    """Of three pieces the first makes the first map, the second steers the first block's norms, the third the next."""
    model = small()
    latents = np.random.default_rng(0).normal(size=(1, 6))
    before = blocks_inputs(model, latents, [1])
    for piece, changed in ((0, 0), (1, 1), (2, 3)):
        moved = latents.copy()
        moved[0, 2 * piece : 2 * piece + 2] += 1
        assert first_change(before, blocks_inputs(model, moved, [1])) == changed
    assert first_change(before, blocks_inputs(model, latents, [2])) == 1  # the class, at each norm


def test_without_a_hierarchy_all_of_z_enters_the_first_layer():
    model = small(hierarchical=False, latent_dim=5)
    before = blocks_inputs(model, np.zeros((1, 5)), [1])
    for i in range(5):
        assert first_change(before, blocks_inputs(model, np.eye(5)[i : i + 1], [1])) == 0


def test_a_norm_by_hand():
    """Gains 1 + W c and shifts V c of c = (embedding of the class, piece of z), on normalised features."""
    model = small()
    network = model.generator
    norm = next(layer for layer in network.layers if isinstance(layer, BatchNormalization))
    sums = [layer for layer in network.layers if isinstance(layer, keras.layers.ReLU)]
    dense = [x for x in network.layers if isinstance(x, SpectralNormalization) and type(x.layer) is keras.layers.Dense]
    embedding = next(layer for layer in network.layers if type(layer) is keras.layers.Embedding)
    views = keras.Model(network.inputs, [norm.input, sums[0].output])
    latents = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    norm.moving_mean.assign(np.full(8, 0.1))
    norm.moving_variance.assign(np.full(8, 2.0))
    x, found = (np.asarray(value) for value in views([latents, np.array([2, 0], "int32")]))
    condition = np.concatenate([np.asarray(embedding.embeddings)[[2, 0]], latents[:, 2:4]], axis=1)
    gains, shifts = (condition @ np.asarray(layer.effective_kernel()) for layer in dense[1:3])
    expected = (x - 0.1) / np.sqrt(2 + 1e-5) * (1 + gains[:, None, None]) + shifts[:, None, None]
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-5)


def test_truncated_images_are_those_of_truncated_latents():
    model = small()
    model.compile()
    latents = model.sample_latents(200, seed=3, truncation=0.4)
    assert 0.39 < np.abs(latents).max() <= 0.4
    # A normal variable that lies within 0.4 has the deviation 0.2277.
    assert latents.std() == pytest.approx(0.2277, abs=0.01)
    np.testing.assert_array_equal(latents, kerasgan.latent.truncate(model.sample_latents(200, seed=3), 0.4))
    found = model.generate(labels=[0, 1, 2], seed=3, truncation=0.4)
    np.testing.assert_allclose(found, model.decode(latents[:3], (np.arange(3, dtype="int32"),)), atol=1e-6)
    assert np.abs(found - model.generate(labels=[0, 1, 2], seed=3)).max() > 1e-3
    with pytest.raises(ValueError, match="at least 0. Received: -1"):
        model.generate(3, truncation=-1)


def test_the_paper_s_training():
    model = small()
    model.compile()
    assert [float(o.learning_rate) for o in (model.g_optimizer, model.d_optimizer)] == pytest.approx([5e-5, 2e-4])
    assert [(o.beta_1, o.beta_2, o.epsilon) for o in (model.g_optimizer, model.d_optimizer)] == [(0, 0.999, 1e-6)] * 2
    assert isinstance(model.loss, kerasgan.losses.Hinge)
    assert (model.d_steps, model.ema_decay) == (2, 0.9999)
