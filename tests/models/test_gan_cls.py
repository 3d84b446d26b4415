"""GAN-CLS: Algorithm 1 by hand, wrong texts, interpolated texts, encoders."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.models.gan_cls import gan_cls_generator
from kerasgan.models.tasks import choose_rows, mismatched
from kerasgan.networks import matching_discriminator
from kerasgan.networks.text import even_text

TEXTS = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, -1.0]], "float32")


def linear_networks():
    """G(z, t) has every pixel w (t_0 + 2 t_1), D(x, t) = a mean(x) + b (t_0 + 3 t_1): all is computable by hand."""
    latents, text = keras.Input((2,), name="latents"), keras.Input((2,), name="text")
    pixels = keras.layers.Dense(1, use_bias=False)(text)
    images = keras.layers.Reshape((4, 4, 1))(keras.layers.RepeatVector(16)(pixels))
    generator = keras.Model([latents, text], images)
    generator.set_weights([np.array([[0.1], [0.2]], "float32")])

    x, text = keras.Input((4, 4, 1), name="images"), keras.Input((2,), name="text")
    brightness = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(1, use_bias=False)(keras.layers.Concatenate()([brightness, text]))
    discriminator = keras.Model([x, text], logits)
    discriminator.set_weights([np.array([[2.0], [0.5], [1.5]], "float32")])
    return {"generator": generator, "discriminator": discriminator}


def linear_model(**options):
    model = kerasgan.GANCLS(image_size=4, channels=1, latent_dim=2, text_dim=2, **linear_networks(), **options)
    # A rate of 0 leaves the networks as they are: the logs then are those of the given weights.
    model.compile(g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
    return model


def real_images(brightness):
    return np.broadcast_to(np.asarray(brightness, "float32")[:, None, None, None], (len(brightness), 4, 4, 1)).copy()


def score(brightness, text):
    """s of the linear D."""
    return 1 / (1 + np.exp(-(2 * np.asarray(brightness) + text @ [0.5, 1.5])))


BRIGHTNESS = [0.5, -0.5, 0.2, -0.9]


def test_losses_are_those_of_algorithm_1():
    model = linear_model()
    logs = {
        k: float(v) for k, v in model.train_step((tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS))).items()
    }
    wrong = TEXTS[[1, 2, 3, 0]]
    right, mismatch, fake = score(BRIGHTNESS, TEXTS), score(BRIGHTNESS, wrong), score(TEXTS @ [0.1, 0.2], TEXTS)
    expected = -np.mean(np.log(right) + (np.log(1 - mismatch) + np.log(1 - fake)) / 2)
    assert logs["d_loss"] == pytest.approx(expected, abs=1e-5)
    assert logs["g_loss"] == pytest.approx(-np.mean(np.log(fake)), abs=1e-5)
    assert logs["d_real"] == pytest.approx(np.mean(right), abs=1e-5)
    assert logs["d_wrong"] == pytest.approx(np.mean(mismatch), abs=1e-5)
    assert logs["d_fake"] == pytest.approx(np.mean(fake), abs=1e-5)


def test_penalties_join_the_loss_of_d():
    model = linear_model()
    data = tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS)
    plain = float(model.train_step(data)["d_loss"])
    model = linear_model()
    model.penalty = [kerasgan.penalties.R1(3.0)]
    # D(x) = 2 mean(x): the gradient is 2 / 16 at each of 16 pixels, its square in all 1 / 4.
    assert float(model.train_step(data)["d_loss"]) == pytest.approx(plain + 3 / 2 / 4, abs=1e-5)


def test_g_is_judged_by_the_improved_d_and_only_with_right_texts():
    model = linear_model()
    model.d_optimizer.learning_rate = 0.1
    logs = model.train_step((tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS)))
    a, b0, b1 = model.discriminator.get_weights()[0][:, 0]
    assert abs(a - 2.0) > 1e-3
    logits = a * (TEXTS @ [0.1, 0.2]) + TEXTS @ [b0, b1]
    assert float(logs["g_loss"]) == pytest.approx(np.mean(np.log1p(np.exp(-logits))), abs=1e-5)


def test_interpolation_adds_the_loss_of_texts_between():
    model = linear_model(interpolation=0.25)
    logs = model.train_step((tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS)))
    between = 0.25 * TEXTS + 0.75 * TEXTS[[1, 2, 3, 0]]
    expected = -np.mean(np.log(score(TEXTS @ [0.1, 0.2], TEXTS)))
    expected -= np.mean(np.log(score(between @ [0.1, 0.2], between)))
    assert float(logs["g_loss"]) == pytest.approx(expected, abs=1e-5)


def test_evaluation_has_the_term_of_texts_between():
    """G and D stand still and are the same in training and outside: so are the losses."""
    batch = (tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS))
    model = linear_model(interpolation=0.25)
    trained = {name: float(value) for name, value in model.train_step(batch).items()}
    for mean in model.means.values():
        mean.reset_state()
    assert {name: float(value) for name, value in model.test_step(batch).items()} == pytest.approx(trained, rel=1e-5)


OUTPUTS = {
    "a map": lambda x: keras.layers.Reshape((1, 1, 1))(x),
    "a list": lambda x: [x, keras.layers.Reshape((1, 1, 1))(x)],
    "a dict": lambda x: {"logits": x, "features": keras.layers.Rescaling(2.0)(x)},
    "vectors": lambda x: keras.layers.Flatten()(x),
}


@pytest.mark.parametrize("shape", OUTPUTS)
def test_logits_of_any_structure_give_the_losses_of_plain_ones(shape):
    """Three rows of four have a wrong text; of one class, the first and the last have theirs in the middle."""
    batch = (tf.constant(real_images(BRIGHTNESS)), tf.constant(TEXTS), tf.constant([0, 1, 0, 0]))
    lonely = (batch[0], tf.constant(TEXTS[[0, 0, 0, 0]]))
    networks = linear_networks()
    judge = networks["discriminator"]
    other = keras.Model(judge.inputs, OUTPUTS[shape](judge.output))
    for data in (batch, lonely):
        logs = []
        for discriminator in (judge, other):
            model = kerasgan.GANCLS(
                image_size=4,
                channels=1,
                latent_dim=2,
                text_dim=2,
                generator=networks["generator"],
                discriminator=discriminator,
            )
            model.compile(g_optimizer=keras.optimizers.SGD(0.0), d_optimizer=keras.optimizers.SGD(0.0))
            logs.append({name: float(value) for name, value in model.train_step(data).items()})
        assert logs[1] == pytest.approx(logs[0], rel=1e-5)


def test_rows_are_chosen_and_not_mixed():
    chosen = tf.constant([True, False, True])
    outputs = {"logits": tf.ones((3, 2, 2, 1)), "features": [tf.ones((3,)), tf.ones((3, 5))]}
    others = tf.nest.map_structure(tf.zeros_like, outputs)
    found = choose_rows(chosen, outputs, others)
    for x in tf.nest.flatten(found):
        assert [set(np.ravel(row)) for row in x.numpy()] == [{1.0}, {0.0}, {1.0}]


def test_without_any_wrong_text_the_game_is_the_conditional_one():
    model = linear_model()
    text = np.repeat(TEXTS[:1], 4, axis=0)
    logs = model.train_step((tf.constant(real_images(BRIGHTNESS)), tf.constant(text)))
    right, fake = score(BRIGHTNESS, text), score(text @ [0.1, 0.2], text)
    assert float(logs["d_loss"]) == pytest.approx(-np.mean(np.log(right) + np.log(1 - fake)), abs=1e-5)
    assert float(logs["d_wrong"]) == pytest.approx(np.mean(fake), abs=1e-5)


@pytest.mark.parametrize("distinct", [1, 2, 3, 8])
def test_no_pair_is_matched_by_accident(distinct):
    """Over batches with many equal captions: every wrong text is another one, and one of the batch."""
    rng = np.random.default_rng(distinct)
    for _ in range(20):
        text = rng.integers(0, distinct, 16)[:, None] * np.ones((1, 3)) + 0.5
        wrong, found = mismatched(tf.constant(text, tf.float32))
        wrong, found = wrong.numpy(), found.numpy()
        assert found.all() == (len(np.unique(text, axis=0)) > 1)
        assert (np.any(wrong != text, axis=1) == found).all()
        assert set(map(tuple, wrong)) <= set(map(tuple, text))


def test_the_wrong_text_is_that_of_the_nearest_following_row_that_differs():
    text = tf.constant([[1.0], [1.0], [2.0], [3.0], [1.0]])
    wrong, found = mismatched(text)
    assert wrong[:, 0].numpy().tolist() == [2, 2, 3, 1, 2]
    assert found.numpy().all()


def test_with_labels_the_wrong_text_is_of_another_class():
    text = tf.constant([[1.0], [2.0], [3.0], [4.0]])
    wrong, found = mismatched(text, tf.constant([0, 0, 1, 0]))
    assert wrong[:, 0].numpy().tolist() == [3, 3, 4, 3]
    assert found.numpy().all()
    _, found = mismatched(text, tf.constant([5, 5, 5, 5]))
    assert not found.numpy().any()


def test_replicas_draw_wrong_texts_from_the_whole_batch(two_devices):
    """Each replica's part holds one text only; the wrong one is the other replica's."""
    strategy = two_devices
    parts = strategy.experimental_distribute_values_from_function(
        lambda context: tf.fill((2, 1), 1.0 + context.replica_id_in_sync_group)
    )
    wrong, found = strategy.run(tf.function(mismatched), args=(parts,))
    assert [part.numpy().tolist() for part in wrong.values] == [[[2], [2]], [[1], [1]]]
    assert all(part.numpy().all() for part in found.values)


def test_networks_are_those_of_the_paper():
    generator = gan_cls_generator(64, 3, 100, 1024, 64, 128)
    maps = [layer.output.shape[1:] for layer in generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert maps == [(8, 8, 256), (16, 16, 128), (32, 32, 64), (64, 64, 3)]
    assert next(x for x in generator.layers if isinstance(x, keras.layers.Dense)).units == 128
    discriminator = matching_discriminator(64, 3, 1024, 64, 128)
    convolutions = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [c.output.shape[1:] for c in convolutions[:-1]] == [
        (32, 32, 64),
        (16, 16, 128),
        (8, 8, 256),
        (4, 4, 512),
    ]
    assert convolutions[-1].kernel.shape == (1, 1, 512 + 128, 512)


def test_the_text_is_the_same_at_every_place_of_the_map():
    network = matching_discriminator(16, 1, 5, 2, 3)
    joined = next(layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate)).output
    values = keras.Model(network.inputs, joined)([np.zeros((2, 16, 16, 1)), np.random.normal(size=(2, 5))])
    replicated = np.asarray(values)[..., -3:]
    np.testing.assert_array_equal(replicated, np.broadcast_to(replicated[:, :1, :1], replicated.shape))
    assert not np.array_equal(replicated[0], replicated[1])


def test_projection_adds_the_inner_product_of_text_and_features():
    """Equation 4 of Miyato & Koyama by hand, from the features in front of the last layers."""
    network = kerasgan.GANCLS(
        image_size=16, channels=1, text_dim=5, width=2, projection_dim=3, matching="projection"
    ).discriminator
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.2, 1, w.shape) for w in network.get_weights()])
    inputs = [random.normal(size=(4, 16, 16, 1)), random.normal(size=(4, 5))]
    of_text, psi = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)][1:]
    assert of_text.units == 3 and not of_text.use_bias
    features, logits = (np.asarray(x) for x in keras.Model(network.inputs, [psi.input, network.output])(inputs))
    text = inputs[1] / np.sqrt((inputs[1] ** 2).mean(axis=1, keepdims=True))
    projected = text @ of_text.get_weights()[0]
    expected = (projected * features).sum(axis=1) + features @ psi.get_weights()[0][:, 0] + psi.get_weights()[1]
    np.testing.assert_allclose(logits[:, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("matching, change", [("concatenation", True), ("projection", False)])
def test_whether_other_texts_change_how_a_pair_is_judged(matching, change):
    """In training they do in the paper's D, by batch normalisation behind the join; by projection they do not."""
    model = kerasgan.GANCLS(image_size=16, channels=1, text_dim=2, width=4, projection_dim=3, matching=matching, seed=0)
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype("float32")
    text = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], "float32")
    others = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], "float32")  # the first text alone is the same
    first, second = (float(model.discriminator([images, each], training=True)[0, 0]) for each in (text, others))
    assert (abs(first - second) > 1e-7) == change


def test_an_unknown_way_of_matching_is_an_error():
    with pytest.raises(ValueError, match=r"`matching` must be one of \('concatenation', 'projection'\).*'inner'"):
        kerasgan.GANCLS(image_size=16, matching="inner")


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0])
def test_texts_of_any_scale_are_made_even(scale):
    text = keras.Input((4,))
    values = keras.Model(text, even_text(text))(scale * np.array([[1.0, -1.0, 1.0, 1.0], [2.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(values, [[1, -1, 1, 1], [2, 0, 0, 0]], rtol=1e-5)


def test_texts_take_turns_and_latents_do_not_depend_on_them():
    model = kerasgan.GANCLS(image_size=16, channels=1, latent_dim=3, text_dim=2, width=2)
    both = model.generate(TEXTS[:2], num_images=4, seed=5)
    first, second = (model.generate(text, num_images=4, seed=5) for text in TEXTS[:2])
    np.testing.assert_allclose(both[[0, 2]], first[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(both[[1, 3]], second[[1, 3]], atol=1e-6)
    assert np.abs(first - second).max() > 1e-4
    assert model.generate(TEXTS, seed=0).shape == (4, 16, 16, 1)


def test_between_two_texts_images_change_gradually():
    """The same latents: each step towards the other text moves the image further from the first."""
    model = linear_model()
    share = np.linspace(0, 1, 5, dtype="float32")[:, None]
    images = model.decode(np.zeros((5, 2)), ((1 - share) * TEXTS[0] + share * TEXTS[1],))
    np.testing.assert_allclose(images[:, 0, 0, 0], [0.1, 0.125, 0.15, 0.175, 0.2], rtol=1e-5)


def words(texts):
    return np.array([["red" in text, "blue" in text] for text in texts], "float32")


def other_words(texts):
    return 2 * words(texts)


def test_strings_need_the_encoder_of_the_model(tmp_path):
    model = kerasgan.GANCLS(image_size=16, channels=1, latent_dim=3, text_dim=2, width=2, encoder=words)
    images = model.generate("red", num_images=2, seed=0)
    np.testing.assert_allclose(images, model.generate([1.0, 0.0], num_images=2, seed=0), atol=1e-6)
    assert model.generate(["red", "blue", "red and blue"], seed=0).shape[0] == 3

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"encoder.*words"):
        loaded.generate("red")
    with pytest.raises(ValueError, match=r"test_gan_cls\.words'.*test_gan_cls\.other_words'"):
        loaded.set_encoder(other_words)
    loaded.set_encoder(words)
    np.testing.assert_allclose(images, loaded.generate("red", num_images=2, seed=0), atol=1e-6)


def test_a_model_without_an_encoder_takes_one_and_remembers_it():
    model = kerasgan.GANCLS(image_size=16, channels=1, latent_dim=3, text_dim=2, width=2)
    with pytest.raises(ValueError, match="set_encoder"):
        model.generate("red")
    assert model.get_config()["encoder"] is None
    model.set_encoder(words)
    assert model.get_config()["encoder"].endswith("test_gan_cls.words")
    with pytest.raises(ValueError, match=r"(?s)length 3.*Received|3 entries"):
        model.generate(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (real_images([0.5, -0.5]), "images, text_embeddings"),
        ((real_images([0.5, -0.5]), np.array(["a", "b"])), "strings"),
        ((real_images([0.5, -0.5]), np.ones((2, 3), "float32")), "3 entries"),
        ((real_images([0.5, -0.5]), TEXTS[:2], np.ones(2, "float32")), "Labels must be integers"),
    ],
)
def test_bad_texts_are_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        linear_model().check_batch(batch)


def test_bad_interpolation_is_refused():
    with pytest.raises(ValueError, match=r"`interpolation` must be in \(0, 1\)"):
        kerasgan.GANCLS(interpolation=1.5)


def test_served_images_are_those_of_generate(tmp_path):
    model = kerasgan.GANCLS(image_size=16, channels=1, latent_dim=3, text_dim=2, width=2)
    serving = tf.saved_model.load(model.export(tmp_path)).signatures["generate"]
    served = serving(num_images=tf.constant(3), seed=tf.constant(7), text=tf.constant(TEXTS[:2]))["images"]
    np.testing.assert_allclose(served, model.generate(TEXTS[:2], num_images=3, seed=7), atol=1e-5)
