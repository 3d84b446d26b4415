"""ConditionalGAN: where conditions enter, what labels a user may give, and that they are obeyed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan


@pytest.fixture(scope="module")
def several():
    model = kerasgan.ConditionalGAN(
        image_size=16,
        num_classes={"letter": 3, "color": 2},
        attributes={"slant": 1, "place": 2},
        networks="conv",
        width=2,
        latent_dim=4,
        seed=0,
    )
    model.compile()
    return model


def test_the_mlp_is_the_papers():
    """Section 4.1, counted by hand for 28 x 28 pixels, 100 latents and 10 classes."""
    model = kerasgan.ConditionalGAN()
    hidden = (100 * 200 + 200) + (10 * 1000 + 1000)
    assert model.generator.count_params() == hidden + (1200 * 1200 + 1200) + (1200 * 784 + 784)
    x, y, joint = 784 * 240 * 5 + 240 * 5, 10 * 50 * 5 + 50 * 5, 290 * 240 * 4 + 240 * 4
    assert model.discriminator.count_params() == x + y + joint + 240 + 1
    dropouts = [
        layer.rate for n in (model.generator, model.discriminator) for layer in n.layers if "dropout" in layer.name
    ]
    assert dropouts == [0.5] * 4


def ancestors(tensor):
    """Names of the inputs that a tensor of a functional model depends on."""
    operation, _, _ = tensor._keras_history
    if isinstance(operation, layers.InputLayer):
        return {operation.name}
    return set().union(*(ancestors(x) for node in operation._inbound_nodes for x in node.input_tensors))


@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_conditions_join_after_layers_of_their_own(networks):
    """Figure 1: what is joined first are functions of z or x alone and of the conditions alone, each with weights."""
    model = kerasgan.ConditionalGAN(
        image_size=16, num_classes={"a": 3, "b": 2}, attributes={"c": 1}, networks=networks, width=2, latent_dim=4
    )
    for network, first in ((model.generator, "latents"), (model.discriminator, "images")):
        joins = [
            layer
            for layer in network.layers
            if isinstance(layer, layers.Concatenate) and first in ancestors(layer.output)
        ]
        own, conditions = joins[0]._inbound_nodes[0].input_tensors
        assert ancestors(own) == {first}
        assert ancestors(conditions) == {"a", "b", "c"}
        for tensor in (own, conditions):
            inputs = network.inputs[:1] if tensor is own else network.inputs[1:]
            assert keras.Model(inputs, tensor).trainable_variables


def test_networks_take_the_conditions_by_name(several):
    assert [x.name for x in several.generator.inputs] == ["latents", "letter", "color", "slant", "place"]
    assert [x.name for x in several.discriminator.inputs] == ["images", "letter", "color", "slant", "place"]


def conditions(**changes):
    given = {
        "place": [[0.0, 1.0], [1.0, 0.0]],
        "letter": [0, 2],
        "slant": [0.5, -0.5],
        "color": [1, 0],
    }
    return {
        name: np.asarray(value, "float32" if name in ("slant", "place") else "int32") for name, value in given.items()
    } | changes


def test_generate_gives_each_row_its_condition(several):
    both = several.generate(labels=conditions(), seed=1)
    assert both.shape == (2, 16, 16, 1)
    wide = several.generate(num_images=2, labels=conditions(slant=np.array([[0.5], [-0.5]], "float32")), seed=1)
    np.testing.assert_array_equal(both, wide)
    # One row is summed in another order than two on some processors.
    one_by_one = several.generate(2, labels=conditions(), seed=1, batch_size=1)
    np.testing.assert_allclose(one_by_one, both, rtol=1e-4, atol=1e-4 * np.abs(both).max())
    for name, other in {"letter": 1, "color": 1, "slant": 0.9}.items():  # one value for all rows
        changed = several.generate(labels=conditions(**{name: np.asarray(other, conditions()[name].dtype)}), seed=1)
        assert not np.allclose(changed[1], both[1], atol=1e-6), name


def test_generate_draws_conditions_where_none_are_given(several):
    first, again, other = (several.generate(5, seed=seed) for seed in (1, 1, 2))
    assert first.shape == (5, 16, 16, 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (conditions(letter=np.array([0, 3])), "`letter` must be integers .* from 0 to 2"),
        (conditions(color=np.array([-1, 0])), "`color` must be integers .* from 0 to 1"),
        (conditions(letter=np.array([0.0, 1.0])), "`letter` must be integers"),
        (conditions(place=np.zeros((2, 3), "float32")), "`place` must be finite float32 vectors of shape .*2"),
        (conditions(letter=np.array([0, 1, 2])), r"must agree on the number of rows. Received: \[2, 3\]"),
        ({"letter": np.array([0])}, "must be a dict with the names .*'color'.*Received: \\['letter'\\]"),
        (np.array([0, 1]), "must be a dict with the names .*Received: ndarray"),
    ],
)
def test_wrong_labels_are_refused(several, labels, message):
    with pytest.raises(ValueError, match=message):
        several.generate(labels=labels)


def test_wrong_data_are_refused_before_step_0(several):
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype("float32")
    with pytest.raises(ValueError, match="expected batches of `\\(images, labels\\)`"):
        several.fit(images, batch_size=2, verbose=0)
    with pytest.raises(ValueError, match="`letter` must be integers .* from 0 to 2"):
        several.fit((images, conditions(letter=np.array([0, 3]))), batch_size=2, verbose=0)
    assert int(several.step) == 0
    with pytest.raises(ValueError, match="needs `labels`, or `num_images`"):
        several.generate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must hold positive ints"),
        ({"num_classes": {"a": 2.5}}, "`num_classes` must hold positive ints"),
        ({"attributes": {"slant": 0}}, "`attributes` must hold positive ints"),
        ({"num_classes": None}, "must name at least one condition"),
        ({"attributes": ("slant",)}, r"`attributes` must be a dict of sizes by name. Received: \('slant',\)"),
        ({"num_classes": "ten"}, "`num_classes` must be a dict of sizes by name. Received: 'ten'"),
        ({"num_classes": {"a": 2}, "attributes": {"a": 1}}, "Names must be unique"),
        ({"num_classes": {"images": 2}}, "not 'latents' or 'images'"),
        ({"networks": "resnet"}, "`networks` must be one of .*'conv', 'mlp'.*Received: 'resnet'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerasgan.ConditionalGAN(image_size=16, **arguments)


def test_preview_has_a_row_a_class(several):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32")
    batch = (images, {name: np.concatenate([value, value]) for name, value in conditions().items()})
    grid = several.preview(batch, num_images=6, seed=3)
    assert grid.shape == (3, 2, 16, 16, 1)
    # Row 1, column 1: class 1, with the batch's second colour, slant and place, and the second latents.
    second = {name: value[1:2] for name, value in batch[1].items()} | {"letter": np.array([1], "int32")}
    condition = tuple(
        second[name].reshape(1, -1) if second[name].dtype == "float32" else second[name]
        for name in several.condition_names
    )
    alone = several.decode(several.sample_latents(2, 3)[1:], condition)
    np.testing.assert_allclose(grid[1, 1], alone[0], atol=1e-6)


def test_export_takes_labels_by_name(several, tmp_path):
    served = tf.saved_model.load(several.export(tmp_path)).signatures
    arrays = {
        name: tf.constant(value) for name, value in conditions(slant=np.array([[0.5], [-0.5]], "float32")).items()
    }
    images = served["generate"](num_images=tf.constant(2), seed=tf.constant(1), **arrays)["images"]
    np.testing.assert_allclose(images, several.generate(labels=conditions(), seed=1), atol=1e-5)
    latents = tf.constant(several.sample_latents(2, 1))
    np.testing.assert_allclose(served["serving_default"](latents=latents, **arrays)["images"], images, atol=1e-6)


def test_conditions_are_obeyed_after_training():
    """Images of one pixel, whose value is the class's, plus the attribute: each is told apart by the trained G."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 4096).astype("int32")
    slant = draw.uniform(-0.3, 0.3, 4096).astype("float32")
    pixels = (np.array([-0.5, 0.5], "float32")[labels] + slant + draw.normal(0, 0.03, 4096)).astype("float32")

    def network(inputs, output):
        one_hot = keras.ops.one_hot(inputs[1], 2)
        x = layers.Concatenate()([layers.Flatten()(inputs[0]), one_hot, inputs[2]])
        x = layers.Dense(32, activation="silu")(x)
        return keras.Model(inputs, output(layers.Dense(1)(layers.Dense(32, activation="silu")(x))))

    def inputs(main):
        return [main, keras.Input((), dtype="int32", name="side"), keras.Input((1,), name="slant")]

    keras.utils.set_random_seed(0)
    model = kerasgan.ConditionalGAN(
        image_size=1,
        num_classes={"side": 2},
        attributes={"slant": 1},
        latent_dim=1,
        generator=network(inputs(keras.Input((1,), name="latents")), layers.Reshape((1, 1, 1))),
        discriminator=network(inputs(keras.Input((1, 1, 1), name="images")), lambda x: x),
        seed=0,
    )
    model.compile(
        keras.optimizers.Adam(2e-3, beta_1=0.5),
        keras.optimizers.Adam(2e-3, beta_1=0.5),
        penalty=kerasgan.penalties.R1(0.1),
        ema_decay=0.99,
        steps_per_execution=50,
    )
    data = (pixels.reshape(-1, 1, 1, 1), {"side": labels, "slant": slant})
    model.fit(kerasgan.data.from_arrays(data, 256), epochs=1, steps_per_epoch=600, verbose=0)
    for side, centre in enumerate((-0.5, 0.5)):
        for value in (-0.3, 0.0, 0.3):
            asked = {"side": np.full(64, side), "slant": np.full(64, value, "float32")}
            found = model.generate(labels=asked, seed=0)
            assert found.mean() == pytest.approx(centre + value, abs=0.1), (side, value)
