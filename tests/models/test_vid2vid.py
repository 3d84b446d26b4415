"""Video-to-video: what a frame is made of, places in films, flow, and films that do not fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.models.tasks.films import moves, triples


def small(size=8, classes=3, **options):
    fixed = {"width": 2, "blocks": 2, "downsamplings": 1, "scales": 1, "receptive_field": 16, "seed": 0}
    return kerasgan.Vid2Vid(size, 1, classes, **fixed | options)


@pytest.fixture(scope="module")
def model():
    model = small()
    model.compile()
    return model


def counted(channels, classes, width, blocks, downsamplings, foreground):
    """The weights of the generator by its layers: kernels, and a shift for each of their channels."""
    deep = width * 2**downsamplings
    block = 2 * (9 * deep**2 + deep)
    levels = [width * 2**i for i in range(downsamplings + 1)]
    sides = sum(9 * a * b for a, b in zip(levels, levels[1:]))

    def encoder(inputs):
        return 49 * inputs * width + sides + sum(levels) + (blocks - blocks // 2) * block

    def branch(outputs):
        return blocks // 2 * block + sides + sum(levels[:-1]) + (49 * width + 1) * outputs

    known = encoder(3 * classes) + encoder(2 * channels) + branch(channels) + branch(3)
    return known + foreground * (encoder(3 * classes) + branch(channels))


@pytest.mark.parametrize("foreground", [False, True])
def test_the_generator_has_the_layers_of_the_authors(foreground):
    options = {"width": 2, "blocks": 5, "downsamplings": 2}
    network = kerasgan.networks.video_generator(16, 3, 4, foreground=foreground, **options)
    assert network.count_params() == counted(3, 4, foreground=foreground, **options)
    assert counted(3, 35, 128, 9, 3, False) == 365_287_558


def test_a_finer_generator_has_the_layers_of_the_authors():
    """c7s1 and a halving of both inputs, three residual blocks and a doubling for each branch, and the heads."""
    options = {"width": 8, "blocks": 2, "downsamplings": 1}
    coarse = kerasgan.networks.video_generator(8, 3, 4, **options).count_params()
    fine = kerasgan.networks.video_generator(16, 3, 4, enhancers=1, **options)
    finest = kerasgan.networks.video_generator(32, 3, 4, enhancers=2, **options)
    heads = {width: 49 * width * 6 + 6 for width in (8, 4, 2)}  # image 3, flow 2, mask 1

    def enhancer(width):
        inputs = 49 * (12 + 6) * width + 2 * width + 2 * (9 * width * 2 * width + 2 * width)
        deep = 2 * width
        branch = 3 * 2 * (9 * deep**2 + deep) + 9 * deep * width + width
        return inputs + 2 * branch

    assert fine.count_params() == coarse - heads[8] + enhancer(4) + heads[4]
    assert finest.count_params() == fine.count_params() - heads[4] + enhancer(2) + heads[2]
    assert [layer.scale for layer in finest.layers if "rescaling" in layer.name] == [80.0]
    with pytest.raises(ValueError, match="`width` must be a multiple of 4 for 2 enhancers. Received: 6"):
        kerasgan.networks.video_generator(32, 3, 4, enhancers=2, **options | {"width": 6})
    with pytest.raises(ValueError, match="`image_size` must be a multiple of 4, at least 8. Received: 6"):
        kerasgan.networks.video_generator(6, 3, 4, enhancers=1, **options)


@pytest.mark.parametrize("foreground", [False, True])
def test_a_finer_generator_adds_to_the_features_of_half_the_size(foreground):
    """Without its own first layers, it sees nothing but the means of 2x2 pixels."""
    options = {"width": 4, "blocks": 2, "downsamplings": 1, "foreground": foreground, "enhancers": 1}
    network = kerasgan.networks.video_generator(8, 1, 2, **options)
    rng = np.random.default_rng(0)
    first = [rng.uniform(-1, 1, (1, 8, 8, channels)).astype("float32") for channels in (6, 2)]
    # Within each 2x2 pixels, the values change places.
    second = [x.reshape(1, 4, 2, 4, 2, -1)[:, :, ::-1, :, ::-1].reshape(x.shape) for x in first]
    before = [network(x) for x in (first, second)]
    assert all(np.abs(before[0][name] - before[1][name]).max() > 1e-4 for name in before[0])
    halving = [layer for layer in network.layers if getattr(layer, "strides", None) == (2, 2)]
    own = [layer for layer in halving if type(layer).__name__ == "Conv2D"]
    assert len(own) == 2 + foreground
    for layer in own:
        layer.set_weights([0 * x for x in layer.get_weights()])
    after = [network(x) for x in (first, second)]
    assert set(after[0]) == {"image", "flow", "mask"} | ({"foreground"} if foreground else set())
    for name in after[0]:
        np.testing.assert_allclose(after[0][name], after[1][name], atol=1e-4)
        assert np.std(after[0][name]) > 1e-4


def test_a_finer_model_begins_from_a_coarser_one():
    coarse = small(16, scales=2, width=4)
    fine = small(32, scales=2, width=4, enhancers=1)
    for weight in coarse.weights:
        if str(weight.dtype) == "float32":
            weight.assign(weight + 0.1)
    fine.begin_from(coarse)
    rng = np.random.default_rng(0)
    known = [rng.uniform(-1, 1, (1, 32, 32, channels)).astype("float32") for channels in (9, 2)]
    means = [x.reshape(1, 16, 2, 16, 2, -1).mean((2, 4)) for x in known]
    features = fine.generator.get_layer("coarse")(means)
    expected = kerasgan.networks.video_features(coarse.generator)(means)
    assert set(features) == {"image", "flow"}
    for name in features:
        np.testing.assert_array_equal(features[name], expected[name])
    for name in fine.d_networks:
        mine = getattr(fine, name).get_layer("discriminator_1").get_weights()
        theirs = getattr(coarse, name).get_layer("discriminator_0").get_weights()
        assert all(np.array_equal(x, y) for x, y in zip(mine, theirs, strict=True))
        other = getattr(fine, name).get_layer("discriminator_0").get_weights()
        assert not all(np.array_equal(x, y) for x, y in zip(mine, other, strict=True))
    with pytest.raises(ValueError, match="the arguments of this model.*Received: coarse of other shapes"):
        small(32, scales=2, width=8, enhancers=1).begin_from(coarse)
    for other in (None, kerasgan.Pix2Pix(16, width=2, receptive_field=16)):
        with pytest.raises(ValueError, match=f"`coarse` must be a Vid2Vid. Received: {type(other).__name__}"):
            fine.begin_from(other)
    with pytest.raises(ValueError, match="`enhancers` must be an int of at least 0. Received: -1"):
        small(16, enhancers=-1)
    with pytest.raises(ValueError, match="Received: a model without enhancers"):
        coarse.begin_from(fine)
    fine.compile()
    with pytest.raises(ValueError, match="before `compile`. Received: a compiled model"):
        fine.begin_from(coarse)


@pytest.mark.slow
def test_a_finer_model_trains_both_parts_or_the_new_one_alone(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (1, 8, 16, 16)).astype("int32")
    films = labels, rng.uniform(-1, 1, (1, 8, 16, 16, 1)).astype("float32"), np.zeros((1, 8, 16, 16, 2), "float32")
    data = tf.data.Dataset.from_tensors(films)
    model = small(16, enhancers=1)
    for fixed in (True, False):
        coarse = model.generator.get_layer("coarse")
        coarse.trainable = not fixed
        model.compile()
        before = [x.numpy() for x in coarse.weights], [x.numpy() for x in model.generator.weights]
        model.fit(data, verbose=0)
        assert all(np.array_equal(x, y) for x, y in zip(before[0], coarse.weights)) == fixed
        assert not all(np.array_equal(x, y) for x, y in zip(before[1], model.generator.weights))
    drawn = model.translate_video(labels, films[1][:, :2])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.translate_video(labels, films[1][:, :2]), drawn, atol=1e-5)
    assert again.enhancers == 1 and again.multiple == 4
    with pytest.raises(ValueError, match="multiples of 4"):
        model.translate_video(labels[:, :, :14], films[1][:, :2, :14])


def test_a_frame_is_the_mask_of_the_image_and_of_the_moved_frame(model):
    """Equation 3: G says 0.5 at a share of a quarter, and that all goes a pixel to the right."""
    rng = np.random.default_rng(0)
    previous = rng.uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")  # for three frames
    labels = rng.integers(0, 3, (2, 5, 8, 8)).astype("int32")

    def generator(inputs, training):
        known, frames = (x.numpy().reshape(2, 3, 8, 8, -1) for x in inputs)
        one_hot = np.eye(3)[labels]
        for i in range(3):
            np.testing.assert_array_equal(known[:, i], np.concatenate([one_hot[:, i + j] for j in range(3)], -1))
            np.testing.assert_array_equal(frames[:, i], np.concatenate([previous[:, i], previous[:, i + 1]], -1))
        ones = np.ones((6, 8, 8, 1), "float32")
        heads = {"image": 0.5 * ones, "mask": 0.25 * ones, "foreground": -ones}
        return heads | {"flow": np.float32([-1, 0]) * np.ones((6, 8, 8, 2), "float32")}

    moved = previous[:, 1:][:, :, :, [0, 0, 1, 2, 3, 4, 5, 6]].reshape(6, 8, 8, 1)
    by_hand = 0.25 * 0.5 + 0.75 * moved
    made = model.draw(generator, labels, previous)
    np.testing.assert_allclose(made["frames"], by_hand, atol=1e-6)
    # Equation 12: the foreground is drawn where the frame's own label map has it.
    there = np.isin(labels[:, 2:], (0, 2)).reshape(6, 8, 8, 1)
    made = small(foreground=[0, 2]).draw(generator, labels, previous)
    np.testing.assert_allclose(made["frames"], np.where(there, -1, by_hand), atol=1e-6)
    np.testing.assert_allclose(made["image"], np.where(there, -1, 0.5), atol=1e-6)


def test_triples_and_the_flow_between_them():
    film = np.arange(16, dtype="float32").reshape(2, 8, 1, 1, 1)
    assert triples(film, 1)[:, 0, 0].numpy().astype(int).tolist()[:2] == [[0, 1, 2], [1, 2, 3]]
    assert triples(film, 3)[:, 0, 0].numpy().astype(int).tolist() == [[0, 3, 6], [1, 4, 7], [8, 11, 14], [9, 12, 15]]
    # Flow of t pixels to the right in frame t, the same everywhere.
    flow = np.tile(np.float32([1, 0]), (1, 8, 4, 4, 1)) * np.arange(8, dtype="float32").reshape(1, 8, 1, 1, 1)
    assert moves(flow, 1)[:, 0, 0].numpy().astype(int).tolist()[:2] == [[2, 0, 1, 0], [3, 0, 2, 0]]
    # From frame 6 to 3: 6 + 5 + 4; from 3 to 0: 3 + 2 + 1.
    assert moves(flow, 3)[:, 0, 0].numpy().astype(int).tolist() == [[15, 0, 6, 0], [18, 0, 9, 0]]
    assert moves(flow, 3).shape == (2, 4, 4, 4)


@pytest.mark.parametrize("scales", [1, 2])
def test_the_losses_are_sums_over_the_discriminators(scales):
    """Least squares: each D of each scale has half the mean of (real - 1)^2 and of fake^2; G has (fake - 1)^2 / 2."""
    model = small(16, scales=scales, with_flow=False)
    model.compile()
    rng = np.random.default_rng(0)
    film = rng.integers(0, 3, (2, 8, 16, 16)), rng.uniform(-1, 1, (2, 8, 16, 16, 1)).astype("float32")
    part = model.part(tuple(map(tf.constant, film)), model.generator)
    fake = model.draw(model.generator, part["labels"], part["own"], training=False)
    of_real, of_fake = model.judge_both(part, fake, False)
    assert [len(x) for x in (*of_real, *of_fake)] == 8 * [scales]
    logits = [[x["logits"].numpy() for outputs in both for x in outputs] for both in (of_real, of_fake)]
    d_loss = sum(np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2 for r, f in zip(*logits))
    assert float(model.discriminator_losses(part, fake, False)["d_loss"]) == pytest.approx(d_loss, rel=1e-5)
    logs = model.generator_losses(part, fake, False)
    adversarial = sum(np.mean((f - 1) ** 2) / 2 for f in logits[1])
    rest = 10 * float(logs["feature_loss"]) + 10 * float(logs["flow_loss"])
    assert float(logs["g_loss"]) - rest == pytest.approx(2 * adversarial, rel=1e-3)


def test_batches_of_unknown_size():
    rng = np.random.default_rng(0)
    films = rng.integers(0, 3, (3, 8, 8, 8)).astype("int32"), rng.uniform(-1, 1, (3, 8, 8, 8, 1)).astype("float32")
    model = small(with_flow=False)
    model.compile()
    data = tf.data.Dataset.from_tensor_slices(films).batch(2)  # the last batch has one film
    model.fit(data, verbose=0)
    assert int(model.step) == 2
    assert np.isfinite(model.evaluate(films[0], films[1], batch_size=2, verbose=0)).all()


class Counter:
    """A generator whose frames are those before, brighter by 0.01; films of such frames are right."""

    def __call__(self, inputs, training):
        image = inputs[1][..., -1:] + 0.01
        return {"image": image, "mask": tf.ones_like(image), "flow": tf.zeros((*image.shape[:-1], 2))}


@pytest.mark.slow
def test_a_step_learns_from_frames_at_any_place_of_a_film(model):
    times = np.arange(14, dtype="float32")
    frames = np.tile((times / 100).reshape(1, 14, 1, 1, 1), (2, 1, 8, 8, 1))
    labels = np.tile((times % 3).astype("int32").reshape(1, 14, 1, 1), (2, 1, 8, 8))
    flow = np.tile(times.reshape(1, 14, 1, 1, 1), (2, 1, 8, 8, 2))
    data = tuple(map(tf.constant, (labels, frames, flow)))
    for length in (3, 8, None, lambda step: tf.constant(11)):
        model.compile(length=length)
        draw = tf.function(lambda: model.part(data, Counter(), training=True))
        places, depths = [], []
        for _ in range(120):
            part = draw()
            place = round(100 * float(part["film"][0, 0, 0, 0, 0]))
            np.testing.assert_allclose(part["own"][..., 0, 0, 0], frames[:, place : place + 7, 0, 0, 0], atol=1e-5)
            np.testing.assert_array_equal(part["labels"], labels[:, place : place + 8])
            np.testing.assert_array_equal(part["flow"], flow[:, place : place + 8])
            np.testing.assert_array_equal(part["film"], frames[:, place : place + 8])
            # Whatever was drawn before the place carries rounding errors; what comes from the data has none.
            depths.append(bool(np.any(part["own"][:, :2] != frames[:, place : place + 2])))
            places.append(place)
        assert min(places) == 0 and max(places) == 6
        assert any(depths) == (length not in (8, 3))
    part = model.part(data, Counter())
    assert float(part["film"][0, 0, 0, 0, 0]) == 0 and part["known"].shape == (12, 8, 8, 3)


def test_flow_of_the_data_has_no_loss_on_a_static_ground():
    rng = np.random.default_rng(0)
    model = small()
    model.compile()
    film = np.tile(rng.uniform(-1, 1, (1, 1, 8, 8, 1)), (1, 8, 1, 1, 1)).astype("float32")
    part = {"film": film, "own": film[:, :7], "frames": film[0, 2:], "flow": np.zeros((1, 8, 8, 8, 2), "float32")}
    fake = {"frames": film[0, 2:], "flow": np.zeros((6, 8, 8, 2), "float32")}
    assert float(model.flow_losses(part, fake)) == 0
    # On an even film any flow fits the frames: 1 of 2 components is wrong by 1.
    part |= {"film": 0 * film, "own": 0 * film[:, :7], "frames": 0 * film[0, 2:]}
    fake = {"frames": part["frames"], "flow": np.float32([1, 0]) * np.ones((6, 8, 8, 2), "float32")}
    assert float(model.flow_losses(part, fake)) == pytest.approx(0.5)
    # Frames that are brighter than the one before by 0.5 flicker.
    assert float(model.flow_losses(part, fake | {"frames": part["frames"] + 0.5})) == pytest.approx(1.0)
    # Where the data's flow does not explain the real frames, only these teach: a flash of 0.2, whose square is 0.04.
    bright = part["film"].copy()
    bright[:, 2:] += 0.2
    part |= {"film": bright, "frames": bright[0, 2:]}
    # The first pair differs by 0.2 and its flow counts no more; five of six pairs are even.
    assert float(model.flow_losses(part, fake)) == pytest.approx(0.2 / 6 + 5 / 6 * 0.5)


def test_without_flow_the_frames_alone_teach():
    model = small(with_flow=False)
    model.compile()
    labels, frames = np.zeros((1, 9, 8, 8), "int32"), np.zeros((1, 9, 8, 8, 1), "float32")
    model.check_batch((labels, frames), check_range=False)
    assert model.video_discriminator.input_shape == (None, 8, 8, 3)
    part = {"film": frames[:, :8], "own": frames[:, :7], "frames": frames[0, 2:8] + 0.25}
    fake = {"frames": frames[0, 2:8], "flow": np.ones((6, 8, 8, 2), "float32")}
    assert float(model.flow_losses(part, fake)) == pytest.approx(0.25)


def test_films_begin_with_the_first_frames_and_each_frame_follows_from_those_before(model):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 5, 8, 12))  # another size than in training
    first = rng.uniform(-1, 1, (2, 2, 8, 12, 1)).astype("float32")
    film = model.translate_video(labels, first)
    assert film.shape == (2, 5, 8, 12, 1) and film.dtype == np.float32 and np.abs(film).max() <= 1
    np.testing.assert_array_equal(film[:, :2], first)
    for t in range(2, 5):
        frame = model((labels[:, t - 2 : t + 1], film[:, t - 2 : t]))
        np.testing.assert_allclose(film[:, t], frame, atol=1e-5)
    painted = model.translate_video(labels, lambda maps: np.float32(maps[..., None] / 4))
    np.testing.assert_allclose(painted[:, :2, ..., 0], labels[:, :2] / 4)
    np.testing.assert_array_equal(model.translate_video(labels[:, :2], first), first)


@pytest.mark.parametrize(
    ("labels", "first", "message"),
    [
        ((1, 5, 8, 8), (1, 1, 8, 8, 1), "`first_frames` must be 2 frames of each of 1 films"),
        (
            (1, 5, 8, 7),
            (1, 2, 8, 7, 1),
            "sides that are multiples of 2, and at least 2 frames. Received: 5 frames of 8x7",
        ),
        ((1, 1, 8, 8), (1, 2, 8, 8, 1), "at least 2 frames. Received: 1 frames"),
        ((5, 8, 8), (2, 8, 8, 1), r"`labels` must have the shape \(n, frames, height, width\)"),
        ((1, 5, 8, 8), (1, 2, 8, 6, 1), "The size is 8x6, not 8x8"),
    ],
)
def test_films_that_cannot_be_painted_are_refused(model, labels, first, message):
    with pytest.raises(ValueError, match=message):
        model.translate_video(np.zeros(labels, "int32"), np.zeros(first, "float32"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:2], r"with `with_flow=True` expected batches of \(labels, frames, flow\). Received: 2 parts"),
        (
            lambda x: tuple(part[:, :7] for part in x),
            "Films must have at least 8 frames for this training. Received: 7",
        ),
        (lambda x: (x[0] + 3, *x[1:]), "(?s)`labels` must be integers.*from 0 to 2"),
        (lambda x: (x[0][:, :8], *x[1:]), "labels, frames, flow must have as many films and frames"),
        (lambda x: (x[0], x[1], x[2][..., :1]), "`flow` must be float32.*1 channels, not 2"),
        (lambda x: (x[0], x[1][:, 0], x[2]), "`frames` must have the shape"),
    ],
)
def test_films_that_do_not_fit_are_refused_before_the_first_step(model, change, message):
    data = np.zeros((1, 9, 8, 8), "int32"), -np.ones((1, 9, 8, 8, 1), "float32"), np.zeros((1, 9, 8, 8, 2), "float32")
    model.compile()
    with pytest.raises(ValueError, match=message):
        model.fit(change(data), batch_size=1, verbose=0)
    assert int(model.step) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 4}, "`window`.*at least 5"),
        ({"length": 0}, "`length` must be None"),
        ({"flow_weight": -1}, "at least 0"),
    ],
)
def test_training_out_of_range_is_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        model.compile(**options)


def test_foreground_classes_are_classes():
    with pytest.raises(ValueError, match="`foreground` must be classes from 0 to 2. Received: "):
        small(foreground=[3])


def test_lengths_double():
    schedule = kerasgan.schedules.Doubling(6, steps=10)
    assert [int(schedule(step)) for step in (0, 9, 10, 29, 30, 10**6)] == [6, 6, 12, 24, 48, 6 * 2**20]
    for options in ({"initial": 0}, {"steps": 1.5}):
        with pytest.raises(ValueError, match="must be an int of at least 1"):
            kerasgan.schedules.Doubling(**options)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_an_exported_step_paints_the_film_with_its_state_as_input(model, format, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (1, 5, 8, 12)).astype("int32")
    film = model.translate_video(labels, rng.uniform(-1, 1, (1, 2, 8, 12, 1)).astype("float32"))
    if format == "onnx":
        runtime = pytest.importorskip("onnxruntime")
        pytest.importorskip("tf2onnx")
        session = runtime.InferenceSession(model.export(str(tmp_path / "step.onnx"), "onnx"))
        assert [[dim if isinstance(dim, str) else None for dim in x.shape][2:4] for x in session.get_inputs()] == [
            ["height", "width"]
        ] * 2
        step = lambda **inputs: session.run(None, inputs)[0]  # noqa: E731
    else:
        served = kerasgan.export.load(model.export(tmp_path / "served"))["serving_default"]
        step = lambda **inputs: served(**{k: tf.constant(x) for k, x in inputs.items()})["images"]  # noqa: E731
    state = film[:, :2]
    for t in range(2, 5):
        state = np.concatenate(
            [state[:, 1:], np.asarray(step(labels=labels[:, t - 2 : t + 1], previous=state))[:, None]], 1
        )
        np.testing.assert_allclose(state[:, 1], film[:, t], atol=1e-4)
