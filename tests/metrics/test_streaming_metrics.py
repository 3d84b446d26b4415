import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasgan import metrics
from kerasgan.metrics import (
    Extractor,
    FrechetDistance,
    InceptionScore,
    KernelDistance,
    PrecisionRecall,
    extract_features,
    frechet_distance_from_features,
    inception_score,
    kernel_distance,
    precision_recall,
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
    if cls is InceptionScore:
        return cls(classifier=keras.Sequential([keras.Input((8, 8, 1)), *model.layers, keras.layers.Softmax()]))
    return cls(extractor=model, **({} if cls is FrechetDistance else {"max_images": 64}))


CLASSES = [FrechetDistance, KernelDistance, PrecisionRecall, InceptionScore]


def expected_of(cls, model, real, fake):
    a, b = extract_features(real, model), extract_features(fake, model)
    if cls is FrechetDistance:
        return frechet_distance_from_features(a, b)
    if cls is KernelDistance:
        return kernel_distance(a, b).mean
    if cls is PrecisionRecall:
        return precision_recall(a, b)._asdict()
    exponents = np.exp(b.astype("float64"))
    return inception_score(exponents / exponents.sum(axis=1, keepdims=True), splits=1).mean


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


def test_memory_of_the_frechet_distance_does_not_grow(images):
    metric = FrechetDistance(extractor=extractor_model())
    before = sum(np.prod(v.shape) for v in metric.variables)
    for _ in range(3):
        metric.update_state(*images)
    assert sum(np.prod(v.shape) for v in metric.variables) == before == 2 * (1 + 6 + 36) + 5
    assert all(v.dtype == "float64" for v in metric.variables)


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


def test_sums_are_put_together_over_replicas(images):
    model = extractor_model()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
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
    with pytest.raises(ValueError, match="a config holds no weights.*compile=False"):
        KernelDistance.from_config(config)
    pooling = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    metric = PrecisionRecall(extractor=Extractor(pooling, size=(8, 8), method="area"), k=2, max_images=9)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(copy, PrecisionRecall) and (copy.k, copy.max_images) == (2, 9)
    assert copy.extractor.resize == "area 8x8"
    assert set(InceptionScore(classifier=pooling).get_config()) == {"name", "classifier"}
    assert isinstance(InceptionScore.from_config(InceptionScore(classifier=pooling).get_config()), InceptionScore)


@pytest.mark.parametrize("cls", CLASSES)
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
    model.compile(metrics=[FrechetDistance(extractor=pixels), KernelDistance(extractor=pixels, max_images=16)])
    real = np.random.default_rng(0).uniform(-1, 1, size=(8, 28, 28, 1)).astype("float32")
    logs = model.evaluate(tf.data.Dataset.from_tensor_slices(real).batch(4), return_dict=True, verbose=0)
    assert logs["frechet_distance"] > 0 and np.isfinite(logs["kernel_distance"])


def test_every_public_name_is_documented_with_an_example():
    for name in metrics.__all__:
        assert getattr(metrics, name).__doc__, name
