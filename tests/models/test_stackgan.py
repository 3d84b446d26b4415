"""StackGAN: conditioning augmentation against closed forms, both stages, and the object that joins them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.networks import stage1_generator, stage2_refiner
from kerasgan.networks.text import ConditioningAugmentation

TEXT = np.array([[2.0, 0.0], [1.0, -1.0]], "float32")  # the first has the root mean square sqrt(2)


def conditioning():
    """mu = (t_0, 0.5), log sigma = (0, t_1 log 2), of texts whose root mean square is 1."""
    layer = ConditioningAugmentation(2)
    layer([TEXT, np.zeros((2, 2), "float32")])
    layer.linear.set_weights([np.array([[1, 0, 0, 0], [0, 0, 0, np.log(2)]]), np.array([0, 0.5, 0, 0])])
    return layer


def test_condition_is_the_mean_plus_sigma_times_noise():
    noise = np.array([[0.3, -1.0], [2.0, 4.0]], "float32")
    root = np.sqrt(2)
    expected = [[root + 0.3, 0.5 - 1.0], [1.0 + 2.0, 0.5 + 0.5 * 4.0]]
    np.testing.assert_allclose(conditioning()([TEXT, noise]), expected, rtol=1e-5)


def test_divergence_is_the_closed_form():
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s, summed over the dimensions."""
    first = (2 + 1 - 1) / 2 + (0.25 + 1 - 1) / 2
    second = (1 + 1 - 1) / 2 + ((0.25 + 0.25 - 1) / 2 + np.log(2))
    np.testing.assert_allclose(conditioning().divergence(TEXT), [first, second], rtol=1e-5)


def test_divergence_agrees_with_an_integral():
    grid = np.linspace(-12, 12, 200_001)
    layer = conditioning()
    mean, log_sigma = (np.asarray(x, "float64")[1] for x in layer.statistics(TEXT))
    total = 0.0
    for m, s in zip(mean, np.exp(log_sigma)):
        log_p = -((grid - m) ** 2) / (2 * s * s) - np.log(s * np.sqrt(2 * np.pi))
        log_q = -(grid**2) / 2 - np.log(np.sqrt(2 * np.pi))
        total += np.sum(np.exp(log_p) * (log_p - log_q)) * (grid[1] - grid[0])
    assert float(layer.divergence(TEXT)[1]) == pytest.approx(total, rel=1e-5)


def test_divergence_is_zero_only_at_the_standard_normal():
    layer = conditioning()
    layer.linear.set_weights([np.zeros((2, 4)), np.zeros(4)])
    np.testing.assert_allclose(layer.divergence(TEXT), [0, 0], atol=1e-7)
    layer.linear.set_weights([np.zeros((2, 4)), np.array([0, 0, 0, -0.1])])
    assert np.all(np.asarray(layer.divergence(TEXT)) > 0.005)


def small_stage1(**options):
    options = {
        "image_size": 16,
        "channels": 1,
        "latent_dim": 3,
        "text_dim": 2,
        "width": 2,
        "condition_dim": 2,
    } | options
    return kerasgan.StackGANStage1(**options)


def small_stage2(stage1=None, **options):
    return kerasgan.StackGANStage2(
        stage1 or small_stage1(), image_size=32, width=2, condition_dim=2, blocks=1, **options
    )


def test_logged_divergence_is_the_weighted_mean_and_enters_the_step():
    """With D's part of the gradient switched off, G's step is that of the divergence alone."""
    model = small_stage1(kl_weight=0.25)
    still = keras.optimizers.SGD(0.0)
    model.compile(g_optimizer=keras.optimizers.SGD(0.1), d_optimizer=still)
    model.discriminator.layers[-1].set_weights([w * 0 for w in model.discriminator.layers[-1].get_weights()])
    layer = model.generator.get_layer("conditioning")
    layer.linear.set_weights([np.zeros((2, 4)), np.array([1.0, 0.0, 0.0, np.log(2)])])
    logs = model.train_step((tf.zeros((2, 16, 16, 1)), tf.constant(TEXT)))
    kl = 0.25 * (0.5 + (4 - 1) / 2 - np.log(2))
    assert float(logs["kl_loss"]) == pytest.approx(kl, rel=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(np.log(2), rel=1e-5)
    # d KL / d mu = mu, d KL / d log sigma = sigma^2 - 1
    expected = np.array([1.0, 0.0, 0.0, np.log(2)]) - 0.1 * 0.25 * np.array([1.0, 0.0, 0.0, 3.0])
    np.testing.assert_allclose(layer.linear.bias, expected, atol=1e-6)


def test_stage2_trains_its_own_condition_and_leaves_stage1_as_it_is():
    stage1 = small_stage1()
    stage2 = small_stage2(stage1)
    stage2.compile()
    sketcher = stage2.generator.get_layer("sketcher")
    before = sketcher.get_weights()
    for a, b in zip(before, stage1.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not sketcher.trainable_variables
    refiner = stage2.generator.get_layer("refiner")
    own = refiner.get_layer("conditioning")
    stage2.train_step((tf.zeros((4, 32, 32, 1)), tf.concat([TEXT, -TEXT], axis=0)))
    for a, b in zip(before, sketcher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    expected = float(np.mean(own.divergence(TEXT)))
    stage2.means["kl_loss"].reset_state()
    logs = stage2.test_step((tf.zeros((2, 32, 32, 1)), tf.constant(TEXT)))
    assert float(logs["kl_loss"]) == pytest.approx(expected, rel=1e-5)


def test_stage2_copies_stage1():
    stage1 = small_stage1()
    stage2 = small_stage2(stage1)
    before = stage2.generate(TEXT, seed=0)
    stage1.generator.set_weights([w * 0 for w in stage1.generator.get_weights()])
    np.testing.assert_array_equal(before, stage2.generate(TEXT, seed=0))


def test_networks_are_those_of_the_paper():
    generator = stage1_generator(64, 3, 100, 1024, 64, 128)
    convolutions = [x.output.shape[1:] for x in generator.layers if isinstance(x, keras.layers.Conv2D)]
    assert convolutions == [(8, 8, 512), (16, 16, 256), (32, 32, 128), (64, 64, 64), (64, 64, 3)]
    refiner = stage2_refiner(64, 256, 3, 1024, 128, 128, 4)
    maps = [x.output.shape[1:] for x in refiner.layers if isinstance(x, keras.layers.Conv2D)]
    assert maps[:4] == [(64, 64, 128), (32, 32, 256), (16, 16, 512), (16, 16, 512)]
    assert maps[4:12] == [(16, 16, 512)] * 8  # four residual blocks
    assert maps[12:] == [(32, 32, 256), (64, 64, 128), (128, 128, 64), (256, 256, 32), (256, 256, 3)]
    # Three of the encoder, one where text and image are joined, two a block, four of the enlarging.
    assert sum(isinstance(x, keras.layers.ReLU) for x in refiner.layers) == 3 + 1 + 2 * 4 + 4


def test_both_stages_give_their_images_and_are_saved_together(tmp_path):
    stage1 = small_stage1(encoder=kerasgan.text.BagOfWords(["red", "blue"]))
    stage1.compile()
    stage2 = small_stage2(stage1)
    stage2.compile(ema_decay=0.9)
    model = kerasgan.StackGAN(stage1, stage2)
    small, large = model.generate("red blue", num_images=3, seed=4)
    assert small.shape == (3, 16, 16, 1) and large.shape == (3, 32, 32, 1)
    np.testing.assert_allclose(small, stage1.generate("red blue", num_images=3, seed=4), atol=1e-6)
    np.testing.assert_allclose(large, stage2.generate("red blue", num_images=3, seed=4), atol=1e-6)

    text = np.eye(2, dtype="float32")[[0, 1, 0, 1, 1]]
    small, large = model.generate(text[:4], seed=6)
    grid = model.preview((None, text), num_images=20, seed=6)  # two pairs a row: the fifth text has no row
    assert grid.shape == (2, 4, 32, 32, 1)
    np.testing.assert_allclose(grid[1, 1], large[2], atol=1e-6)
    np.testing.assert_allclose(grid[1, 2, ::2, 1::2], small[3], atol=1e-6)
    assert model.step == 0

    small, large = model.generate("red blue", num_images=3, seed=4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="BagOfWords sha256:"):
        loaded.set_encoder(kerasgan.text.BagOfWords(["red", "green"]))
    loaded.set_encoder(kerasgan.text.BagOfWords(["red", "blue"]))
    again = loaded.generate("red blue", num_images=3, seed=4)
    np.testing.assert_array_equal(small, again[0])
    np.testing.assert_array_equal(large, again[1])
    assert loaded.stage1.g_optimizer.built and loaded.stage2.ema_decay == 0.9


def test_an_encoder_unlike_that_of_stage1_is_refused():
    stage1 = small_stage1(encoder=kerasgan.text.BagOfWords(["red", "blue"]))
    with pytest.raises(ValueError, match="BagOfWords sha256:.*BagOfWords sha256:"):
        small_stage2(stage1, encoder=kerasgan.text.BagOfWords(["red", "green"]))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`kl_weight` must be at least 0"):
        small_stage1(kl_weight=-1)
    with pytest.raises(ValueError, match="`image_size` must be 2, 4, 8"):
        kerasgan.StackGANStage2(small_stage1(), image_size=48)
    with pytest.raises(ValueError, match="`stage2` must be a `StackGANStage2`"):
        stage1 = small_stage1()
        kerasgan.StackGAN(stage1, stage1)


def test_both_stages_match_by_projection_if_asked():
    options = {"condition_dim": 3, "width": 2, "matching": "projection"}
    stage1 = kerasgan.StackGANStage1(image_size=16, channels=1, latent_dim=4, text_dim=5, **options)
    stage2 = kerasgan.StackGANStage2(stage1, image_size=32, blocks=1, **options)
    loaded = [type(stage).from_config(stage.get_config()) for stage in (stage1, stage2)]
    for stage in (stage1, stage2, *loaded):
        (product,) = [layer for layer in stage.discriminator.layers if isinstance(layer, keras.layers.Dot)]
        assert [x.shape[-1] for x in product.input] == [3, 3]
        assert stage.get_config()["matching"] == "projection"


@pytest.mark.slow
def test_both_stages_are_exported_and_described_as_other_models_are(tmp_path):
    stage1 = small_stage1(encoder=kerasgan.text.BagOfWords(["red", "blue"]))
    model = kerasgan.StackGAN(stage1, small_stage2(stage1))
    _, large = model.generate("red blue", num_images=3, seed=4)
    served = kerasgan.export.load(model.export(tmp_path / "served"))
    text = tf.constant(model.embed("red blue"))
    images = served["generate"](num_images=tf.constant(3), seed=tf.constant(4), text=text)["images"]
    np.testing.assert_allclose(images, large, atol=1e-5)
    latents, text, noise, refiner_noise = (tf.constant(x) for x in model.sampling_inputs("red blue", 3, seed=4))
    images = served["serving_default"](latents=latents, text=text, noise=noise, refiner_noise=refiner_noise)["images"]
    np.testing.assert_allclose(images, large, atol=1e-5)
    page = kerasgan.playground.describe(model, texts=["red", "blue"])
    assert [(about["name"], about["role"]) for about in page["inputs"]] == [
        ("latents", "latents"),
        ("text", "text"),
        ("noise", "noise"),
        ("refiner_noise", "noise"),
    ]
    drawn = kerasgan.latent.decode(model, model.sample_latents(2, seed=4), condition="red")
    assert drawn.shape == (2, 32, 32, 1)
