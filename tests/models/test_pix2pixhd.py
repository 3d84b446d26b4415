"""Pix2PixHD: the authors' sizes, what the networks see, the losses by hand, phases, styles, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.models.coarse_to_fine import PHASES, halved

RNG = np.random.default_rng(0)
SMALL = {"width": 4, "blocks": 1, "enhancer_blocks": 1, "downsamplings": 2, "scales": 2, "receptive_field": 16}


def small(**options):
    return kerasgan.Pix2PixHD(**{"image_size": (24, 32), "num_classes": 3, "seed": 3} | SMALL | options)


def data(count=2, size=(24, 32), seed=0):
    """((labels, instances), images): three bands, each of one or two instances, in colours of their own."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3, dtype="int32"), size[0] // 3)[None, :, None] * np.ones((count, 1, size[1]), "int32")
    instances = 1000 * labels + (np.arange(size[1]) >= size[1] // 2)
    images = labels[..., None] / 2 - 0.5 + rng.uniform(-0.5, 0.5, (count, *size, 3))
    return (labels, instances.astype("int32")), images.astype("float32")


def snapshot(network):
    return [np.array(weight) for weight in network.weights]


def changed(before, network):
    return [not np.array_equal(old, new) for old, new in zip(before, network.weights, strict=True)]


@pytest.mark.slow
def test_parameters_of_the_default_model_are_those_of_the_authors():
    model = kerasgan.Pix2PixHD()
    count = lambda network: sum(int(np.prod(v.shape)) for v in network.trainable_variables)  # noqa: E731
    assert count(model.global_generator) == 182_546_755
    assert count(model.generator.get_layer("enhancer")) == 319_715
    assert [count(d) for d in model.discriminator.layers if isinstance(d, keras.Model)] == [2_801_601] * 3
    assert model.global_generator.inputs[0].shape[-1] == 36


def test_parameters_of_narrower_models_by_hand():
    """Weights and biases of each convolution; the biases before a norm are counted as the norm's shifts."""

    def count(*layers):
        return sum(kernel**2 * a * b + b for kernel, a, b in layers)

    model = kerasgan.Pix2PixHD((64, 128), width=4, style_dim=3, scales=2, receptive_field=34)
    downs = [(3, 4 * 2**i, 8 * 2**i) for i in range(4)]
    ups = [(3, b, a) for _, a, b in downs]
    ends = [(7, 39, 4), (7, 4, 3)]  # 35 classes, boundaries, three features of styles
    assert model.global_generator.count_params() == count(*ends, *downs, *ups, *[(3, 64, 64)] * 18)
    enhancer = [(7, 39, 2), (3, 2, 4), *[(3, 4, 4)] * 6, (3, 4, 2), (7, 2, 3)]
    assert model.generator.get_layer("enhancer").count_params() == count(*enhancer)
    judge = [(4, 39, 4), (4, 4, 8), (4, 8, 16), (4, 16, 1)]  # sees 36 channels of conditions and 3 of images
    assert model.discriminator.count_params() == 2 * count(*judge)
    encoder = [(7, 3, 1), *[(3, 2**i, 2 ** (i + 1)) for i in range(4)], *[(3, 2 ** (i + 1), 2**i) for i in range(4)]]
    assert model.encoder.count_params() == count(*encoder, (7, 1, 3))
    assert model.styles.count_params() == 35 * 10 * 3


def test_networks_see_one_channel_a_class_and_boundaries():
    labels = np.int32([[[0, 0, 2, 2]]])
    instances = np.int32([[[5, 5, 6, 7]]])
    found = small().conditions(tf.constant(labels), tf.constant(instances))
    expected = [[1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]]
    np.testing.assert_array_equal(found[0, 0], expected)
    assert small(instances=False).conditions(tf.constant(labels)).shape == (1, 1, 4, 3)


def test_g1_paints_half_the_size_and_g2_takes_its_features():
    model, conditions = small(), tf.constant(RNG.normal(size=(2, 24, 32, 4)).astype("float32"))
    means = conditions.numpy().reshape(2, 12, 2, 16, 2, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(halved(conditions), means, atol=1e-6)
    image, features = model.global_generator(means)
    assert image.shape == (2, 12, 16, 3)
    expected = model.generator.get_layer("enhancer")([conditions, features])
    np.testing.assert_allclose(model.generator(conditions), expected, atol=1e-5)
    model.compile(phase="global")
    np.testing.assert_allclose(model.draw(model.generator, conditions), image, atol=1e-5)
    enlarged = model.translate(data()[0][0], data()[0][1])
    assert enlarged.shape == (2, 24, 32, 3)  # what is painted at half the size is shown at the full one
    alone = small(enhancer=False)
    np.testing.assert_allclose(alone.generator(conditions), alone.global_generator(conditions)[0], atol=1e-6)


@pytest.mark.parametrize("phase", ["global", "both"])
def test_losses_by_hand(phase):
    """Least squares, summed over the discriminators; features, the mean over these and summed over the layers, as if
    there were four; the last of two given features counts 1, the one before 1/4."""
    inputs = keras.Input((None, None, 3))
    eyes = keras.Model(inputs, [inputs, keras.layers.AveragePooling2D(4)(inputs)])
    model = small()
    model.compile(phase=phase, perceptual=eyes)
    source, images = tf.nest.map_structure(tf.constant, data())
    known, real = model.at_phase(model.known(source), images)
    fake = tf.constant(RNG.uniform(-1, 1, real.shape).astype("float32"))
    judges = [d for d in model.discriminator.layers if isinstance(d, keras.Model)][phase == "global" :]
    adversarial = d_loss = features = 0
    r, f, k = real, fake, known
    for judge in judges:
        of_real, of_fake = judge([r, k]), judge([f, k])
        adversarial += np.mean((of_fake["logits"] - 1) ** 2)
        d_loss += (np.mean((of_real["logits"] - 1) ** 2) + np.mean(of_fake["logits"] ** 2)) / 2
        pairs = list(zip(of_real["features"], of_fake["features"], strict=True))
        assert len(pairs) == 2  # of the two convolutions before the last of a 16x16 PatchGAN
        features += 4 / len(pairs) * sum(np.mean(np.abs(a - b)) for a, b in pairs) / len(judges)
        r, f, k = halved(r), halved(f), halved(k)
    coarse = [np.asarray(x).reshape(2, x.shape[1] // 4, 4, x.shape[2] // 4, 4, 3).mean((2, 4)) for x in (real, fake)]
    perceptual = np.mean(np.abs(real - fake)) / 4 + np.mean(np.abs(coarse[0] - coarse[1]))
    logs = model.generator_losses(known, real, fake)
    assert len(judges) == 2 - (phase == "global")
    assert float(logs["feature_loss"]) == pytest.approx(float(features), rel=1e-4)
    assert float(logs["perceptual_loss"]) == pytest.approx(float(perceptual), rel=1e-4)
    assert float(logs["g_loss"]) == pytest.approx(float(adversarial + 10 * features + 10 * perceptual), rel=1e-4)
    assert float(model.discriminator_losses(known, real, fake)["d_loss"]) == pytest.approx(float(d_loss), rel=1e-4)


@pytest.mark.slow
def test_a_phase_trains_its_parts_and_no_others():
    model = small(style_dim=2)
    parts = {name: model.generator.get_layer(name) for name in ("global_generator", "enhancer")}
    parts |= {f"discriminator_{i}": model.discriminator.get_layer(f"discriminator_{i}") for i in range(2)}
    parts["encoder"] = model.encoder
    trained = {
        "global": {"global_generator", "discriminator_1", "encoder"},
        "enhancer": {"enhancer", "discriminator_0", "discriminator_1", "encoder"},
        "both": set(parts),
    }
    for phase in PHASES:
        model.compile(phase=phase, run_eagerly=True)
        before = {name: snapshot(part) for name, part in parts.items()}
        model.fit(data(), batch_size=2, verbose=0)
        moved = {name: changed(before[name], part) for name, part in parts.items()}
        assert {name for name, weights in moved.items() if any(weights)} == trained[phase]
        if phase == "both":  # the convolution that paints at half the size trains no more
            head = [id(weight) for weight in model.global_generator.layers[-2].weights]
            still = [id(w) for w, new in zip(model.global_generator.weights, moved["global_generator"]) if not new]
            assert still == head
    assert int(model.step) == 3


@pytest.mark.slow
def test_a_phase_is_saved_without_its_compile_and_ends_with_the_next_compile(tmp_path):
    whole = small()
    whole.compile()
    model = small()
    model.compile(phase="enhancer")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for copy in (loaded, kerasgan.Pix2PixHD.from_config(model.get_config())):
        assert copy.phase == "enhancer"
        copy.compile()
        assert len(copy.g_variables) == len(whole.g_variables) > len(model.g_variables)


def test_a_phase_is_saved_and_leaves_frozen_layers_alone(tmp_path):
    model = small()
    model.freeze("discriminator", layers=1)
    model.compile(phase="enhancer", run_eagerly=True)
    model.fit(data(), batch_size=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.phase == "enhancer" and not loaded.global_generator.trainable_variables
    shapes = [[v.shape for v in each.trainable_variables] for each in (loaded, model)]
    assert shapes[0] == shapes[1]
    loaded.compile()
    held = len(loaded.discriminator.weights) - len(loaded.discriminator.trainable_variables)
    head = len(loaded.global_generator.weights) - len(loaded.global_generator.trainable_variables)
    assert (held, head) == (2, 2)  # kernel and bias of D's first layer, and of what paints at half the size
    source, images = data()
    np.testing.assert_array_equal(loaded.translate(*source), model.translate(*source))


@pytest.mark.slow
def test_an_interrupted_first_phase_resumes_exactly(tmp_path):
    def run(folder, epochs):
        keras.utils.set_random_seed(1)
        model = small()
        model.compile(phase="global")
        saver = [kerasgan.callbacks.Checkpoint(folder)]
        model.fit(kerasgan.data.from_arrays(data(8), 2, seed=1), epochs=epochs, callbacks=saver, verbose=0)
        return model

    run(tmp_path / "a", 1)
    resumed, straight = run(tmp_path / "a", 2), run(tmp_path / "b", 2)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    model = small()
    model.compile()
    with pytest.raises(ValueError, match="phase"):
        model.fit(
            kerasgan.data.from_arrays(data(8), 2, seed=1),
            callbacks=[kerasgan.callbacks.Checkpoint(tmp_path / "a")],
            verbose=0,
        )


def test_maps_of_any_size_are_painted():
    model = small()
    (labels, instances), _ = data(3, (21, 37))
    whole = model.translate(labels, instances, batch_size=2)
    assert whole.shape == (3, 21, 37, 3)
    np.testing.assert_allclose(whole[1:2], model.translate(labels[1:2], instances[1:2]), atol=1e-5)
    (labels, instances), _ = data(1, (24, 32))
    direct = model.generator(model.conditions(tf.constant(labels), tf.constant(instances)))
    np.testing.assert_allclose(model.translate(labels.astype("uint8"), instances), direct, atol=1e-5)


def test_the_style_of_an_instance_is_the_mean_of_its_features():
    model = small(style_dim=2)
    (labels, instances), images = data()
    features, found = np.asarray(model.encoder(images)), np.asarray(model.encode(images, instances))
    for row in range(2):
        for instance in np.unique(instances):
            at = instances[row] == instance
            np.testing.assert_allclose(
                found[row][at], np.broadcast_to(features[row][at].mean(0), (at.sum(), 2)), atol=1e-5
            )


@pytest.mark.slow
def test_styles_are_found_drawn_and_kept(tmp_path):
    model = small(style_dim=2, num_styles=2, num_classes=4)
    model.compile()
    (labels, instances), images = data(4)
    with pytest.raises(ValueError, match="No styles have been found.*`model.find_styles"):
        model.translate(labels, instances)
    model.find_styles(((labels, instances), images))
    table = model.styles.get_weights()[0].reshape(4, 2, 2)
    features = np.asarray(model.encode(images, instances))
    points = np.concatenate([features[:, 0, 0], features[:, 0, -1]], axis=1).reshape(8, 2)  # two in each of four images
    np.testing.assert_allclose(table[0], kerasgan.clusters.k_means(points, 2), atol=1e-4)
    assert not table[3].any()  # no image shows class 3

    def painted(features):
        conditions = model.conditions(tf.constant(labels), tf.constant(instances))
        return model.generator(tf.concat([conditions, features], axis=-1))

    for style in (0, 1):
        expected = painted(table[labels, style])
        np.testing.assert_allclose(model.translate(labels, instances, style), expected, atol=1e-5)
    encoded = model.encode(images, instances)
    np.testing.assert_allclose(model.translate(labels, instances, images), painted(encoded), atol=1e-5)
    drawn = [model.translate(labels, instances, seed=seed, batch_size=size) for seed, size in ((1, 2), (1, 4), (2, 4))]
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-5)
    assert np.abs(drawn[1] - drawn[2]).max() > 1e-4
    model.save_to_preset(tmp_path / "preset")
    np.testing.assert_array_equal(
        kerasgan.load_preset(tmp_path / "preset").styles.get_weights()[0].ravel(), table.ravel()
    )


def test_bad_input_is_named():
    model = small()
    (labels, instances), images = data()
    model.check_batch(((labels, instances), images))
    for batch, message in [
        ((labels, images), r"must be \(labels, instances\).*Received: one map"),
        (((labels + 1, instances), images), r"`labels` must be integers .* from 0 to 2.*max 3.*`num_classes=4`"),
        (((labels[:, :-1], instances), images), "`labels` .*The size is 23x32, not 24x32"),
        (((labels, instances[:, :, 1:]), images), "`instances` .*The size is 24x31, not 24x32"),
        (((labels[..., None], instances), images), r"`tf.squeeze\(labels, -1\)`"),
        (((labels.astype("float32"), instances), images), "`labels` .*not an integer"),
        (((labels[:1], instances[:1]), images), "same number of rows. Received: 1 and 2"),
        (images, "must be a pair"),
    ]:
        with pytest.raises(ValueError, match=f"(?s){message}"):
            model.check_batch(batch)
    with pytest.raises(ValueError, match="must be labels.*Received: two maps"):
        small(instances=False).check_batch(((labels, instances), images))
    with pytest.raises(ValueError, match="needs maps of instances"):
        model.translate(labels)
    with pytest.raises(ValueError, match="`style` is for a model with `style_dim`"):
        model.translate(labels, instances, style=1)
    with pytest.raises(ValueError, match=r"`style` must be in \[0, 10\), or images. Received: 10"):
        small(style_dim=2).translate(labels, instances, style=10)
    with pytest.raises(ValueError, match="needs `instances=True`"):
        small(style_dim=2, instances=False)
    with pytest.raises(ValueError, match="`image_size` must be a multiple of 4"):
        small(image_size=(20, 32))


def test_a_model_without_an_enhancer_or_a_smaller_scale_has_fewer_phases():
    for options, phases in (({"enhancer": False}, PHASES[2:]), ({"scales": 1}, PHASES[1:]), ({}, PHASES)):
        model = small(**options)
        assert model.phases == phases
        with pytest.raises(ValueError, match="`phase` must be one of"):
            model.compile(phase="global" if phases is not PHASES else "all")


@pytest.mark.slow
@pytest.mark.parametrize("style_dim", [0, 2])
@pytest.mark.parametrize("phase", ["global", "both"])
def test_exported_models_paint_maps_of_any_size(style_dim, phase, tmp_path):
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    model = small(style_dim=style_dim)
    model.compile(phase=phase)
    if style_dim:
        model.styles.set_weights([RNG.normal(size=model.styles.weights[0].shape)])
    path = model.export(tmp_path / "model.onnx", format="onnx")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    served = kerasgan.export.load(model.export(tmp_path / "served"))
    for size in ((24, 32), (21, 37)):
        (labels, instances), _ = data(2, size)
        expected = model.translate(labels, instances, 0 if style_dim else None)
        (found,) = session.run(None, {"labels": labels, "instances": instances})
        np.testing.assert_allclose(found, expected, atol=1e-5)
        maps = {"labels": tf.constant(labels), "instances": tf.constant(instances)}
        np.testing.assert_allclose(served["serving_default"](**maps)["images"], expected, atol=1e-5)
        if style_dim:
            found = served["translate"](**maps, style=tf.constant(3))["images"]
            np.testing.assert_allclose(found, model.translate(labels, instances, 3), atol=1e-5)
