"""What every layer of the library keeps: the shape that it promises, and exact gradients for a gradient penalty."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import augment, convolutions, corruptions, layers
from kerasgan.networks.codes import Bias
from kerasgan.networks.text import ConditioningAugmentation
from kerasgan.networks.unet import ImageBatchNormalization, NoiseDropout

IMAGE, LARGE, VECTOR = (4, 6, 6, 4), (2, 5, 8, 4), (4, 6)
LABELS = ((4,), "int32")

# Layer -> how it is made, and the shapes that it is called on; a list of shapes is one call on several inputs.
CASES = {
    "AdaptiveAugment": (augment.AdaptiveAugment, [IMAGE, LARGE]),
    "AlignedUpSampling2D": (layers.AlignedUpSampling2D, [IMAGE, LARGE]),
    "AugmentPipe": (augment.AugmentPipe, [(4, 6, 6, 3)]),
    "BatchNormalization": (layers.BatchNormalization, [IMAGE, LARGE, VECTOR]),
    "BiasedRectifier": (layers.BiasedRectifier, [IMAGE, LARGE]),
    "ClippedSamples": (layers.ClippedSamples, [IMAGE]),
    "ConditionalBatchNormalization": (lambda **o: layers.ConditionalBatchNormalization(3, **o), [[IMAGE, LABELS]]),
    "ConditioningAugmentation": (lambda **o: ConditioningAugmentation(5, **o), [[VECTOR, (4, 5)]]),
    "Bias": (Bias, [VECTOR, IMAGE]),
    "Conv2D": (lambda **o: convolutions.Conv2D(3, 3, 2, "same", **o), [IMAGE, LARGE]),
    "Conv2DTranspose": (lambda **o: convolutions.Conv2DTranspose(3, 3, 2, "same", **o), [IMAGE, LARGE]),
    "DiffAugment": (augment.DiffAugment, [IMAGE, LARGE]),
    "Dropout": (lambda **o: layers.Dropout(0.5, **o), [IMAGE, VECTOR, (2, 3, 4)]),
    "EqualizedConv2D": (lambda **o: layers.EqualizedConv2D(3, down=2, **o), [IMAGE, (2, 4, 8, 4)]),
    "EqualizedDense": (lambda **o: layers.EqualizedDense(3, rate=0.5, **o), [VECTOR]),
    "GaussianCorruption": (corruptions.GaussianCorruption, [IMAGE, VECTOR]),
    "GroupNormalization": (lambda **o: layers.GroupNormalization(2, **o), [IMAGE, LARGE, VECTOR, (2, 3, 4)]),
    "GroupedConv2D": (lambda **o: convolutions.GroupedConv2D(6, 3, padding="same", groups=2, **o), [IMAGE, LARGE]),
    "ImageBatchNormalization": (ImageBatchNormalization, [IMAGE, LARGE]),
    "InstanceMean": (layers.InstanceMean, [[IMAGE, ((4, 6, 6), "int32")]]),
    "InstanceNoise": (augment.InstanceNoise, [IMAGE]),
    "InstanceNormalization": (layers.InstanceNormalization, [IMAGE, LARGE]),
    "LayerNormalization": (layers.LayerNormalization, [IMAGE, VECTOR, (2, 3, 4)]),
    "LeakyReLU": (lambda **o: layers.LeakyReLU(0.2, **o), [IMAGE, VECTOR]),
    "LearnedBasis": (lambda **o: layers.LearnedBasis(3, **o), [VECTOR]),
    "LearnedConstant": (lambda **o: layers.LearnedConstant(3, 2, **o), [VECTOR]),
    "MaskingCorruption": (corruptions.MaskingCorruption, [IMAGE, VECTOR]),
    "MaxPoolingWithIndices": (layers.MaxPoolingWithIndices, [IMAGE, (2, 4, 8, 4)]),
    "Maxout": (lambda **o: layers.Maxout(3, **o), [VECTOR, (2, 3, 4), IMAGE]),
    "MinibatchDiscrimination": (lambda **o: layers.MinibatchDiscrimination(3, 2, **o), [VECTOR]),
    "MinibatchStdDev": (layers.MinibatchStdDev, [IMAGE, VECTOR]),
    "ModulatedConv2D": (lambda **o: layers.ModulatedConv2D(3, up=2, noise=False, **o), [[IMAGE, VECTOR]]),
    "Noise": (layers.Noise, [IMAGE, LARGE]),
    "OccasionalAugment": (augment.OccasionalAugment, [IMAGE]),
    "NoiseDropout": (NoiseDropout, [[IMAGE, (4, 144)]]),
    "PseudoAugment": (augment.PseudoAugment, [IMAGE]),
    "Pack": (layers.Pack, [IMAGE, LARGE]),
    "PixelNormalization": (layers.PixelNormalization, [VECTOR, IMAGE]),
    "PixelShuffle": (layers.PixelShuffle, [IMAGE, LARGE]),
    "ReflectionPadding2D": (layers.ReflectionPadding2D, [IMAGE, LARGE]),
    "Resample": (lambda **o: layers.Resample(up=2, **o), [IMAGE, LARGE]),
    "SaltAndPepperCorruption": (corruptions.SaltAndPepperCorruption, [IMAGE, VECTOR]),
    "SelfAttention": (lambda **o: layers.SelfAttention(value_reduction=2, pool=2, **o), [IMAGE, LARGE]),
    "SmoothDownSampling2D": (layers.SmoothDownSampling2D, [IMAGE, (2, 4, 8, 4)]),
    "SmoothUpSampling2D": (layers.SmoothUpSampling2D, [IMAGE, LARGE]),
    "SpatialDropout2D": (lambda **o: layers.SpatialDropout2D(0.5, **o), [IMAGE, LARGE]),
    "SpectralNormalization": (
        lambda **o: layers.SpectralNormalization(keras.layers.Conv2D(3, 3, **o), **o),
        [IMAGE, LARGE],
    ),
    "StyleModulation": (layers.StyleModulation, [[IMAGE, VECTOR]]),
    "TrackedMean": (layers.TrackedMean, [VECTOR]),
    "Unpooling": (layers.Unpooling, [IMAGE, LARGE, [IMAGE, (IMAGE, "int32")]]),
    "DropReference": (lambda **o: layers.DropReference(2, **o), [IMAGE, VECTOR]),
    "ReferenceBatch": (lambda **o: layers.ReferenceBatch(3, **o), [VECTOR]),
    "VirtualBatchNormalization": (lambda **o: layers.VirtualBatchNormalization(2, **o), [IMAGE, VECTOR]),
    "WeightNormalization": (lambda **o: layers.WeightNormalization(keras.layers.Dense(3, **o), **o), [IMAGE, VECTOR]),
}
# These draw random numbers, stand in G and compute in float32, or have no gradient in float64 on CPUs.
NOT_PENALISED = ("AdaptiveAugment", "AugmentPipe", "DiffAugment", "Dropout", "InstanceNoise", "OccasionalAugment")
NOT_PENALISED += ("LearnedConstant", "Noise")
NOT_PENALISED += ("ConditioningAugmentation", "GroupedConv2D", "SpatialDropout2D")
NOT_PENALISED += ("GaussianCorruption", "MaskingCorruption", "SaltAndPepperCorruption")


def test_every_layer_has_a_case():
    known = keras.saving.get_custom_objects()
    ours = {
        name.partition(">")[2]
        for name, value in known.items()
        if isinstance(value, type) and value.__module__.startswith("kerasgan.")
        if issubclass(value, keras.layers.Layer) and not issubclass(value, keras.Model)
    }
    # State that is not called; of the Inception network; penalties.
    assert ours - {"ImagePool", "LegacyResize", "HistoricalAveraging", "LeCam", "PathLength"} == set(CASES)


def calls():
    return [pytest.param(name, i, id=f"{name} {i}") for name, (_, shapes) in CASES.items() for i in range(len(shapes))]


def parts(case):
    """The shapes and dtypes of the inputs of one call."""
    several = case if isinstance(case, list) else [case]
    return [each if isinstance(each[1], str) else (each, None) for each in map(tuple, several)]


def inputs_of(case, dtype="float32"):
    rng = np.random.default_rng(0)
    values = [
        tf.constant(rng.integers(0, 3, shape) if kind else rng.normal(size=shape), kind or dtype)
        for shape, kind in parts(case)
    ]
    return values if isinstance(case, list) else values[0]


def first(outputs):
    """The output of a layer, of several the first: of `MaxPoolingWithIndices` the maxima."""
    several = isinstance(outputs, list) and not isinstance(outputs[0], int | None)  # a shape may be a list, too
    return outputs[0] if several else outputs


@pytest.mark.parametrize(("name", "i"), calls())
def test_a_layer_has_the_shape_that_it_promises(name, i):
    """For sizes that are known, for any number of images, and, where it can be built so, for images of any size."""
    make, shapes = CASES[name]
    case = shapes[i]
    several = isinstance(case, list)

    def promised(change):
        changed = [change(shape) for shape, _ in parts(case)]
        return tuple(first(layer.compute_output_shape(changed if several else changed[0])))

    layer = make()
    found = tuple(first(layer(inputs_of(case))).shape)
    assert promised(lambda shape: shape) == found
    assert promised(lambda shape: (None, *shape[1:])) == (None, *found[1:])
    unknown = [keras.Input((None, *shape[1:])[1:], dtype=kind) for shape, kind in parts(case)]
    assert tuple(first(make()(unknown if several else unknown[0])).shape) == (None, *found[1:])
    if name in ("NoiseDropout", "Pack", "LearnedBasis") or len(parts(case)[0][0]) != 4:
        return
    free = promised(lambda shape: (None, None, None, shape[-1]) if len(shape) == 4 else (None, *shape[1:]))
    assert free == (None, None, None, found[-1])


def penalty(layer, x, others, kernel, weight, training):
    """The squared gradient, at `x`, of a function of what `layer` makes of a product of `x`.

    No two entries of `x` count the same, as in a network behind convolutions: gradients that sum to 0 over a channel
    would hide a term that is missing.
    """
    scales = tf.constant(np.random.default_rng(2).normal(1, 0.5, x.shape), x.dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        inputs = tf.tensordot(x * scales, kernel, 1)
        outputs = first(layer([inputs, *others] if others else inputs, **training))
        logits = tf.reduce_sum(tf.nn.softplus(1.3 * outputs) * weight)
    return tf.reduce_sum(tape.gradient(logits, x) ** 2)


def error_of_penalty(layer, case, training):
    """How far the gradient of a penalty is from central differences, in float64, by the kernel and by the images."""
    rng = np.random.default_rng(1)
    values = inputs_of(case, "float64")
    x, *others = values if isinstance(case, list) else [values]
    kernel = tf.constant(rng.normal(size=(x.shape[-1],) * 2))
    outputs = first(layer(values, **training))
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(1, 0.3, variable.shape))
    if isinstance(layer, (layers.SpectralNormalization, layers.SelfAttention)):
        iterate = tf.function(lambda: layer(values, training=True))
        for _ in range(300):  # its gradient takes the singular vectors for constants, which they are at the end
            iterate()
    weight = tf.constant(rng.normal(size=outputs.shape))
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        value = penalty(layer, x, others, kernel, weight, training)
    gradients = tape.gradient(value, [x, kernel])
    found, expected = [], []
    for source, gradient in zip((x, kernel), gradients):
        for _ in range(3):
            way = tf.constant(rng.normal(size=source.shape))

            def at(step):
                moved = [x + step * way, kernel] if source is x else [x, kernel + step * way]  # noqa: B023
                return float(penalty(layer, moved[0], others, moved[1], weight, training))

            expected.append((at(1e-5) - at(-1e-5)) / 2e-5)
            found.append(float(tf.reduce_sum(gradient * way)))
    return np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected)


@pytest.mark.parametrize(("name", "i"), [call for call in calls() if call.values[0] not in NOT_PENALISED])
def test_the_gradient_of_a_penalty_is_exact(name, i):
    make, shapes = CASES[name]
    layer = make(dtype="float64")
    accepts = "training" in layer._call_signature.parameters if hasattr(layer, "_call_signature") else False
    spectral = isinstance(layer, (layers.SpectralNormalization, layers.SelfAttention))
    for training in [{"training": not spectral}, {"training": False}] if accepts else [{}]:
        assert error_of_penalty(layer, shapes[i], training) < 1e-6


@pytest.mark.parametrize("axis", [[1, 2, 3], [1], -1])
def test_layer_normalization_over_any_axes(axis):
    ours, theirs = (
        kind(axis=axis, dtype="float64") for kind in (layers.LayerNormalization, keras.layers.LayerNormalization)
    )
    x = inputs_of(IMAGE, "float64")
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in ours.weights])
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-9, atol=1e-12)
    assert error_of_penalty(ours, IMAGE, {}) < 1e-6


@pytest.mark.parametrize("groups", [1, 2, -1])
@pytest.mark.parametrize("axis", [-1, 1])
def test_group_normalization_is_keras_s(groups, axis):
    kinds = (layers.GroupNormalization, keras.layers.GroupNormalization)
    ours, theirs = (kind(groups, axis=axis, dtype="float64") for kind in kinds)
    x = inputs_of(IMAGE, "float64")
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in ours.weights])
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-9, atol=1e-12)


# What `penalties.warn_of_inexact_norms` warns of, and what it need not: measured.
KERAS = {
    "BatchNormalization": (lambda **o: keras.layers.BatchNormalization(**o), True),
    "BatchNormalization, synchronized": (lambda **o: keras.layers.BatchNormalization(synchronized=True, **o), False),
    "BatchNormalization, frozen": (lambda **o: keras.layers.BatchNormalization(trainable=False, **o), False),
    "GroupNormalization": (lambda **o: keras.layers.GroupNormalization(2, **o), True),
    "LayerNormalization": (lambda **o: keras.layers.LayerNormalization(**o), True),
    "RMSNormalization": (lambda **o: keras.layers.RMSNormalization(**o), False),
    "UnitNormalization": (lambda **o: keras.layers.UnitNormalization(**o), False),
}


@pytest.mark.parametrize("name", KERAS)
def test_a_warning_names_what_gives_wrong_gradients_and_nothing_else(name):
    make, wrong = KERAS[name]
    layer = make(dtype="float64")
    training = {"training": True} if name.startswith("Batch") else {}
    error = error_of_penalty(layer, (3, 2, 2, 4), training)
    assert (error > 1e-3) if wrong else (error < 1e-6)

    images = keras.Input((4, 4, 4))
    x = keras.Sequential([make(), keras.layers.Flatten()])(images)  # inside another model
    judge = keras.Model(images, keras.layers.Dense(1)(x))
    model = kerasgan.GAN(image_size=4, channels=4, discriminator=judge)
    model.compile()  # without a penalty nothing is amiss
    model.compile(penalty=kerasgan.penalties.R1(0.0))
    if wrong:
        with pytest.warns(UserWarning, match=f"a `keras.layers.{name}`.* Use `kerasgan.layers.{name}`"):
            model.compile(penalty="r1")
    else:
        model.compile(penalty="r1")


STATISTICS = [
    "BatchNormalization",
    "GroupNormalization",
    "ImageBatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
]


@pytest.mark.parametrize(
    ("name", "dtype", "way"),
    [(name, dtype, "eager") for name in STATISTICS for dtype in ("float32", "mixed_bfloat16")]
    + [(name, "mixed_bfloat16", "xla") for name in STATISTICS[:2]],
)
def test_in_any_precision_and_compiled_by_xla(name, dtype, way):
    """Against float64, whose gradients are exact; in bfloat16 within its 8 bits."""
    make, training = CASES[name][0], {"training": True} if "Batch" in name else {}

    def gradients(dtype, way):
        keras.config.set_dtype_policy(dtype)
        layer, x = make(), inputs_of(IMAGE, dtype if dtype == "float64" else "float32")
        layer.build(x.shape)
        weight = tf.constant(np.random.default_rng(1).normal(size=x.shape), x.dtype)
        kernel = tf.constant(np.random.default_rng(2).normal(size=(4, 4)), x.dtype)

        def run(x, kernel):
            def wide(*arguments, **options):
                return tf.cast(layer(*arguments, **options), x.dtype)

            with tf.GradientTape() as tape:
                tape.watch(kernel)
                value = penalty(wide, x, [], kernel, weight, training)
            return tape.gradient(value, kernel)

        run = tf.function(run, jit_compile=True) if way == "xla" else run
        return run(x, kernel).numpy()

    expected = gradients("float64", "eager")
    error = np.linalg.norm(gradients(dtype, way) - expected) / np.linalg.norm(expected)
    assert error < (1e-4 if dtype == "float32" else 0.05)
