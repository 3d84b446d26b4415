import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import metrics
from kerasgan.metrics import (
    DensityCoverage,
    Extractor,
    FrechetDistance,
    GeneratorScore,
    ImageQuality,
    InceptionScore,
    KernelDistance,
    ModeCount,
    PrecisionRecall,
    density_coverage,
    extract_features,
    frechet_distance_from_features,
    inception_score,
    kernel_distance,
    mode_count,
    perceptual_path_length,
    precision_recall,
    psnr,
    ssim,
)


def extractor_model(width=6, activation="tanh"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(width, activation=activation, name="features"),
        ]
    )


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, size=(40, 8, 8, 1)).astype("float32")
    return real, np.clip(random.normal(size=(40, 8, 8, 1)) * 0.4, -1, 1).astype("float32")


def build(cls, model):
    if cls in (InceptionScore, ModeCount):
        return cls(classifier=keras.Sequential([keras.Input((8, 8, 1)), *model.layers, keras.layers.Softmax()]))
    return cls(extractor=model, **({} if cls is FrechetDistance else {"max_images": 64}))


CLASSES = [FrechetDistance, KernelDistance, PrecisionRecall, DensityCoverage, InceptionScore, ModeCount]


def expected_of(cls, model, real, fake):
    a, b = extract_features(real, model), extract_features(fake, model)
    if cls is FrechetDistance:
        return frechet_distance_from_features(a, b)
    if cls is KernelDistance:
        return kernel_distance(a, b).mean
    if cls is PrecisionRecall:
        return precision_recall(a, b)._asdict()
    if cls is DensityCoverage:
        return density_coverage(a, b)._asdict()
    exponents = np.exp(b.astype("float64"))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    if cls is ModeCount:
        found = mode_count(probabilities)
        assert 1 < found.modes < 6 or found.kl > 0
        return {"modes": found.modes, "mode_kl": found.kl}
    return inception_score(probabilities, splits=1).mean


@pytest.mark.parametrize("cls", CLASSES)
def test_equals_the_function_for_any_batch_size_and_order(cls, images):
    model = extractor_model()
    metric = build(cls, model)
    update = tf.function(metric.update_state)
    expected = expected_of(cls, model, *images)
    order = np.random.default_rng(1).permutation(40)
    for step, index in ((40, slice(None)), (7, slice(None)), (1, order), (16, order)):
        metric.reset_state()
        real, fake = images[0][index], images[1][index]
        for start in range(0, 40, step):
            update(real[start : start + step], fake[start : start + step])
        assert metric.result() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cls", CLASSES)
def test_state_and_config(cls, images):
    metric = build(cls, extractor_model())
    metric.update_state(*images)
    first = metric.result()
    metric.update_state(images[0][:5], images[0][:5])
    assert metric.result() != first
    metric.reset_state()
    with pytest.raises(ValueError, match="at least"):
        metric.result()
    copy = cls.from_config(metric.get_config()) if metric.extractor.model is None else metric
    assert copy.name == metric.name


@pytest.mark.parametrize(
    ("cls", "numbers"),
    # faults and: counts, means and products of 6 features; 64 rows of both sets and which are filled; wrong outputs and
    # one a class
    [
        (FrechetDistance, 2 * (1 + 6 + 36)),
        (KernelDistance, 2 * (1 + 64 + 64 * 6)),
        (PrecisionRecall, 2 * (1 + 64 + 64 * 6)),
        (DensityCoverage, 2 * (1 + 64 + 64 * 6)),
        (InceptionScore, 1 + 1 + 1 + 6),
        (ModeCount, 6 + 1),
    ],
)
def test_memory_does_not_grow_with_the_images(cls, numbers, images):
    metric = build(cls, extractor_model())
    for start in range(0, 40, 20):
        assert sum(np.prod(v.shape) for v in metric.variables) == numbers + 5
        metric.update_state(images[0][start : start + 20], images[1][start : start + 20])
    assert sum(np.prod(v.shape) for v in metric.variables) == numbers + 5
    # sums are float64; features are kept as the extractor gives them
    stored = {v.dtype for v in metric.variables if "features" in v.path or "filled" in v.path}
    assert {v.dtype for v in metric.variables} - stored == {"float64"} and stored <= {"float32"}


def test_features_in_float64_are_kept_so():
    def tiny_steps(images):
        return tf.cast(tf.reshape(images, [-1, 16]), tf.float64) * 1e-9 + 1.0

    real, fake = np.random.default_rng(0).uniform(-1, 1, size=(2, 30, 4, 4, 1)).astype("float32")
    metric = PrecisionRecall(extractor=tiny_steps, k=1, max_images=30)
    metric.update_state(real, fake)
    expected = precision_recall(tiny_steps(real).numpy(), tiny_steps(fake).numpy(), k=1)
    # in float32 all features would be 1
    assert metric.result() == expected._asdict() and 0 < expected.recall < 1


def test_modes_of_stacked_digits():
    digits = np.array([[0, 0, 1], [1, 0, 0], [1, 0, 0], [1, 1, 1]])
    images = np.eye(2, dtype="float32")[digits][:, None]
    metric = ModeCount(classifier=lambda images: images[:, 0], digits=3, minimum=2)
    for batch in (images[:1], images[1:]):
        metric.update_state(batch - 1, batch)
    expected = mode_count(np.eye(2)[digits], minimum=2)
    assert metric.result() == {"modes": 1.0, "mode_kl": pytest.approx(expected.kl)}
    with pytest.raises(ValueError, match="probabilities of 1 digits"):
        ModeCount(classifier=lambda images: images[:, 0]).update_state(images - 1, images)
    with pytest.raises(ValueError, match="positive share for each of 8 modes. Received: shape .3,."):
        ModeCount(classifier=lambda images: images[:, 0], digits=3, reference=[1, 2, 1]).update_state(images, images)
    bad = ModeCount(classifier=lambda images: images[:, 0] / 0.0, digits=3)
    bad.update_state(images - 1, images)
    with pytest.raises(ValueError, match="finite numbers. Received NaN or infinity for 4 images"):
        bad.result()


def test_image_quality_is_the_mean_over_pairs():
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, size=(7, 16, 16, 3)).astype("float32")
    fake = np.clip(real + random.normal(size=real.shape) * 0.2, -1, 1).astype("float32")
    order = random.permutation(7)
    for metric, expected in (
        (ImageQuality("psnr", channel="y", border=2), psnr(real, fake, channel="y", border=2)),
        (ImageQuality("ssim", name="likeness"), ssim(real, fake)),
        (ImageQuality("l1"), np.abs(real - fake).mean(axis=(1, 2, 3))),
    ):
        update = tf.function(metric.update_state)
        for step, index in ((7, slice(None)), (2, order)):
            metric.reset_state()
            for start in range(0, 7, step):
                update(real[index][start : start + step], fake[index][start : start + step])
            assert metric.result() == pytest.approx(np.mean(expected, dtype="float64"), rel=1e-6)
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert (copy.name, copy.measure, copy.settings) == (metric.name, metric.measure, metric.settings)
        metric.reset_state()
        update(real, np.where(np.arange(7)[:, None, None, None] == 2, np.nan, fake).astype("float32"))
        with pytest.raises(ValueError, match="`generated_images` must be finite.*1 images"):
            metric.result()
    with pytest.raises(ValueError, match="`measure` must be one of .*Received: 'lpips'"):
        ImageQuality("lpips")
    with pytest.raises(ValueError, match="needs images"):
        ImageQuality("l1").result()


def test_scores_of_the_generator_are_computed_when_asked_for():
    seen = []
    metric = GeneratorScore(lambda: seen.append(1) or 2.5, "path_length", {"epsilon": 1e-4})
    metric.update_state(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)))
    assert np.isnan(tf.function(metric.result)()) and not seen
    assert metric.result() == 2.5 and len(seen) == 1
    stamp = metric.stamps({"path_length": 2.5}, seed=1)["path_length"]
    assert (stamp.value, stamp.settings, stamp.extractor) == (2.5, {"epsilon": 1e-4}, None)
    with pytest.raises(ValueError, match="must be finite. Received: nan"):
        GeneratorScore(lambda: np.nan, "bad").result()
    with pytest.raises(ValueError, match="callable without arguments. Received: 3.0"):
        GeneratorScore(3.0, "bad")


def test_features_far_from_zero_keep_their_digits():
    images = np.random.default_rng(0).uniform(-1, 1, size=(64, 4, 4, 1)).astype("float32")
    far = Extractor(lambda x: tf.cast(tf.reshape(x, [-1, 16]), tf.float64) + 1e6, num_features=16)
    near = Extractor(lambda x: tf.reshape(x, [-1, 16]))
    values = []
    for extractor in (far, near):
        metric = FrechetDistance(extractor=extractor)
        metric.update_state(images, images[::-1] * 0.5)
        values.append(metric.result())
    assert values[0] == pytest.approx(values[1], rel=1e-3)
    # about the features of a grey image nothing is lost
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, keras.layers.Rescaling(1.0, 1e6, dtype="float64")(keras.layers.Flatten()(inputs)))
    metric = FrechetDistance(extractor=model)
    metric.update_state(images, images[::-1] * 0.5)
    assert metric.result() == pytest.approx(values[1], rel=1e-8)


def test_constant_and_identical_images(images):
    metric = FrechetDistance(extractor=extractor_model())
    metric.update_state(images[0], images[0])
    assert abs(metric.result()) < 1e-6
    metric.reset_state()
    constant = np.full((10, 8, 8, 1), 0.3, "float32")
    metric.update_state(constant, constant)
    assert abs(metric.result()) < 1e-6
    metric.reset_state()
    metric.update_state(images[0], constant)
    assert np.isfinite(metric.result()) and metric.result() > 0


def test_faulty_images_are_named(images):
    real, fake = images
    metric = FrechetDistance(extractor=extractor_model())
    for bad, match in (
        ((real * np.nan, fake), "`real_images` must be finite.*40 images"),
        ((real, np.where(np.arange(40)[:, None, None, None] == 3, np.inf, fake)), "`generated_images`.*1 images"),
        ((real * 100, fake), "`real_images` must be in .*127.5"),
        (((real + 1) / 2, fake), "looks like .0, 1."),
    ):
        metric.reset_state()
        tf.function(metric.update_state)(*[np.asarray(x, "float32") for x in bad])
        with pytest.raises(ValueError, match=match):
            metric.result()
    with pytest.raises(ValueError, match="uint8"):
        metric.update_state(real.astype("uint8"), fake)
    with pytest.raises(ValueError, match="sample_weight"):
        metric.update_state(real, fake, np.ones(40))
    metric.reset_state()
    metric.update_state(real[:1], fake)
    with pytest.raises(ValueError, match="at least 2 real images. Received: 1"):
        metric.result()
    # a generator without a final tanh may overshoot: a viewer clips, so does the score
    metric.reset_state()
    metric.update_state(real, fake * 5)
    clipped = metric.result()
    metric.reset_state()
    metric.update_state(real, np.clip(fake * 5, -1, 1))
    assert metric.result() == clipped


def test_a_full_buffer_says_what_to_raise(images):
    metric = KernelDistance(extractor=extractor_model(), max_images=30)
    with pytest.raises(tf.errors.InvalidArgumentError, match="raise `max_images`"):
        metric.update_state(*images)


def test_a_full_buffer_is_noticed_under_xla(images):
    metric = KernelDistance(extractor=extractor_model(), max_images=30)
    tf.function(metric.update_state, jit_compile=True)(*images)
    with pytest.raises(ValueError, match=r"received 40: raise `max_images` \(now 30\)"):
        metric.result()


@pytest.mark.parametrize("rows", [[[1.2, -0.2], [-0.2, 1.2]], [[1.8, 0.0], [0.0, 0.2]], [[float("nan"), 1.0]] * 2])
def test_outputs_that_are_not_probabilities_have_no_inception_score(rows):
    metric = InceptionScore(classifier=lambda images: images[:, 0, 0])
    images = np.zeros((2, 1, 1, 2), "float32")
    metric.extractor.function = lambda images: tf.constant(rows)
    metric.update_state(images, images)
    with pytest.raises(ValueError, match="must be probabilities, which add up to 1. Received others for 2 of 2"):
        metric.result()


def test_sums_are_put_together_over_replicas(images, two_devices):
    model, strategy = extractor_model(), two_devices
    for cls in (FrechetDistance, KernelDistance):
        with strategy.scope():
            metric = build(cls, model)
        halves = tf.data.Dataset.from_tensor_slices(images).batch(20)
        distributed = strategy.experimental_distribute_dataset(halves)

        @tf.function
        def step(batch, metric=metric):
            strategy.run(metric.update_state, args=batch)

        for batch in distributed:
            step(batch)
        assert metric.result() == pytest.approx(expected_of(cls, model, *images), rel=1e-6)


def test_configs_round_trip_and_guard_the_weights():
    model = extractor_model()
    config = KernelDistance(extractor=model, max_images=12, name="kd").get_config()
    assert config["max_images"] == 12 and config["name"] == "kd"
    # a config holds no weights: fresh random ones would score differently without a word
    with pytest.raises(ValueError, match="the config does not contain the weights.*compile=False"):
        KernelDistance.from_config(config)
    pooling = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    metric = PrecisionRecall(extractor=Extractor(pooling, size=(8, 8), method="area"), k=2, max_images=9)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(copy, PrecisionRecall) and (copy.k, copy.max_images) == (2, 9)
    assert copy.extractor.resize == "area 8x8"
    assert set(InceptionScore(classifier=pooling).get_config()) == {"name", "classifier"}
    assert isinstance(InceptionScore.from_config(InceptionScore(classifier=pooling).get_config()), InceptionScore)


# density and coverage keep their features as precision and recall do
@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not DensityCoverage])
def test_compiles_with_xla(cls, images):
    model = extractor_model()
    metric = build(cls, model)
    tf.function(metric.update_state, jit_compile=True)(*images)
    assert metric.result() == pytest.approx(expected_of(cls, model, *images), rel=1e-4)


def test_within_a_graph_the_value_is_not_computed_yet(images):
    metric = FrechetDistance(extractor=extractor_model())
    metric.update_state(*images)
    assert np.isnan(tf.function(metric.result)())
    assert np.isfinite(metric.result())


def test_compiled_into_a_model(images):
    from kerasgan import DCGAN

    model = DCGAN(image_size=28, channels=1, latent_dim=8)
    pixels = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])

    def path_length():
        return perceptual_path_length(model.decode, 8, lambda a, b: np.mean((a - b) ** 2, axis=(1, 2, 3)), 4, 0.1)

    lengths = GeneratorScore(path_length, "path_length")
    kernel = KernelDistance(extractor=pixels, max_images=16)
    model.compile(metrics=[FrechetDistance(extractor=pixels), kernel, ImageQuality("l1"), lengths])
    real = np.random.default_rng(0).uniform(-1, 1, size=(8, 28, 28, 1)).astype("float32")
    logs = model.evaluate(tf.data.Dataset.from_tensor_slices(real).batch(4), return_dict=True, verbose=0)
    assert logs["frechet_distance"] > 0 and np.isfinite(logs["kernel_distance"]) and 0 < logs["l1"] < 2
    assert logs["path_length"] == pytest.approx(path_length()) and logs["path_length"] > 0


def test_every_public_name_is_documented_with_an_example():
    for name in metrics.__all__:
        assert getattr(metrics, name).__doc__, name
