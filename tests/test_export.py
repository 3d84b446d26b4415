"""What is written is read by programs that know nothing of Keras, and gives the same images."""

import json
import pathlib
import re
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import export
from kerasgan.networks.unet import noise_length
from kerasgan.zoo import classifiers

TOLERANCE = 1e-4


def dcgan():
    return kerasgan.DCGAN(image_size=16, channels=1, latent_dim=4, width=4, seed=3)


# Each with another layer that a converter could stumble over: conditions are ints, Pix2Pix has
# noise and statistics of the single image, SRGAN sub-pixel convolutions and any size, SNGAN and SAGAN spectral norms.
MODELS = {
    "GAN": lambda: kerasgan.GAN(image_size=8, latent_dim=4, seed=3),
    "DCGAN": dcgan,
    "ConditionalGAN": lambda: kerasgan.ConditionalGAN(
        image_size=16, latent_dim=4, num_classes=3, attributes={"slant": 1}, networks="conv", width=2, seed=3
    ),
    "WGANGP": lambda: kerasgan.WGANGP(image_size=16, channels=1, latent_dim=4, width=4, seed=3),
    "Pix2Pix": lambda: kerasgan.Pix2Pix(image_size=16, channels=1, width=2, receptive_field=16, seed=3),
    "CycleGAN": lambda: kerasgan.CycleGAN(image_size=8, channels=1, width=2, blocks=1, receptive_field=1, seed=3),
    "SRGAN": lambda: kerasgan.SRGAN(image_size=16, channels=1, width=2, blocks=1, seed=3),
    "SNGAN": lambda: kerasgan.SNGAN(image_size=16, channels=1, latent_dim=4, width=2, seed=3),
    "SAGAN": lambda: kerasgan.SAGAN(image_size=16, channels=1, latent_dim=4, num_classes=3, width=2, seed=3),
    "R3GAN": lambda: kerasgan.R3GAN(
        image_size=16, channels=1, latent_dim=4, width=4, blocks=1, wide_until=4, group_width=4, seed=3
    ),
    "GANCLS": lambda: kerasgan.GANCLS(image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, seed=3),
    "StackGANStage1": lambda: kerasgan.StackGANStage1(
        image_size=16, channels=1, latent_dim=4, text_dim=5, width=2, condition_dim=3, seed=3
    ),
    "DomainTransferNetwork": lambda: kerasgan.DomainTransferNetwork(image_size=16, width=2, seed=3),
}
QUICK = ("DCGAN", "SRGAN")
BATCH_ONE = {"StackGANStage1"}  # upsampling by repetition: see `batch_size`


def cases(quick):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in MODELS]


def trained_looking(model):
    """Moves the weights, so that images are far from 0 and batch statistics from (0, 1)."""
    rng = np.random.default_rng(0)
    for name in model.sampling_networks:
        for weight in getattr(model, name).weights:
            if weight.dtype == "float32":
                value = weight.numpy()
                weight.assign(
                    np.abs(value) + 0.3 if "variance" in weight.path else value + rng.normal(0, 0.2, value.shape)
                )
    return model


def inputs_for(specs, rows=3, noise=None):
    """Values by name for the inputs of an endpoint; a free size is 6, or 16 beside `noise` numbers of a U-Net."""
    rng = np.random.default_rng(1)
    values = {}
    for spec in specs:
        free = 6 if noise is None else noise if spec.name == "noise" else 16
        shape = [rows, *(size or free for size in spec.shape[1:])]
        floats = spec.dtype == tf.float32
        values[spec.name] = rng.uniform(-1, 1, shape).astype("float32") if floats else np.arange(rows, dtype="int32")
    return values


def expected(model, endpoint, rows=3):
    """Inputs, and the images that Keras makes of them."""
    function, specs = export.portable_functions(model)[endpoint]
    noise = noise_length(model.sampler(), 16) if isinstance(model, kerasgan.Pix2Pix) else None
    inputs = inputs_for(specs, rows, noise)
    images = function(*(tf.constant(inputs[spec.name]) for spec in specs))["images"].numpy()
    assert images.std() > 1e-3
    return inputs, images


@pytest.mark.parametrize("name", cases(QUICK))
def test_onnx_runtime_makes_the_same_images(name, tmp_path):
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    model = trained_looking(MODELS[name]())
    for endpoint in export.portable_functions(model):
        path = model.export(tmp_path / "new" / "model.onnx", format="onnx", endpoint=endpoint)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs, images = expected(model, endpoint)
        assert {value.name: value.shape[0] for value in session.get_inputs()} == dict.fromkeys(inputs, "batch")
        (output,) = session.get_outputs()
        assert output.name == ("output_images" if "images" in inputs else "images")
        np.testing.assert_allclose(session.run([output.name], inputs)[0], images, atol=TOLERANCE)
        # Another number of images from the same file.
        inputs, images = expected(model, endpoint, rows=1)
        np.testing.assert_allclose(session.run([output.name], inputs)[0], images, atol=TOLERANCE)


def semi_supervised():
    return kerasgan.SemiSupervisedGAN(image_size=16, channels=1, num_classes=3, latent_dim=4, seed=3)


# What answers with no image, the endpoint, and the name of its answer.
NUMBERS = {
    "Classifier": (lambda: classifiers.network(4, image_size=(8, 12)), "serving_default", "logits", (3, 4)),
    "SemiSupervisedGAN": (semi_supervised, "classify", "probabilities", (3, 3)),
    "DANN": (lambda: kerasgan.DANN(28, 1, num_classes=3, seed=3), "serving_default", "probabilities", (3, 3)),
    "Autoencoder": (lambda: kerasgan.Autoencoder(16, 1, code=5, seed=3), "encode", "code", (3, 5)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_onnx_runtime_computes_the_same_numbers(name, tmp_path):
    """Classes and codes go to ONNX by the names that a SavedModel answers with."""
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    build, endpoint, answer, shape = NUMBERS[name]
    model = build()
    function, specs = model.serving_functions()[endpoint]
    path = model.export(tmp_path / "model.onnx", format="onnx", endpoint=endpoint)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = inputs_for(specs)
    numbers = function(tf.constant(inputs["images"]))[answer].numpy()
    assert numbers.shape == shape and np.ptp(numbers, axis=0).min() > 1e-6
    assert [output.name for output in session.get_outputs()] == [answer]
    np.testing.assert_allclose(session.run(None, inputs)[0], numbers, atol=1e-5)


def test_styles_are_served_with_truncation_and_a_shift_of_w(tmp_path):
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    model = kerasgan.StyleGAN2(image_size=16, latent_dim=4, style_dim=5, channel_base=128, num_classes=3, seed=3)
    average = model.generator.get_layer("mapping").get_layer("average").mean
    average.assign(np.linspace(-1, 1, 5))
    shift = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    inputs = {"latents": model.sample_latents(2, seed=1), "labels": np.array([0, 2], "int32")}
    inputs |= {"truncation": np.array(0.6, "float32"), "shift": shift}
    w = model.map(inputs["latents"], (inputs["labels"],))
    images = model.synthesize(model.truncate(w, 0.6) + shift[:, None])
    assert np.abs(images - model.synthesize(w)).max() > 0.1
    served = export.load(model.export(tmp_path / "served"))["styled"]
    found = served(**{name: tf.constant(value) for name, value in inputs.items()})["images"]
    np.testing.assert_allclose(found, images, atol=TOLERANCE)
    for batch_size in (None, 2):
        path = model.export(tmp_path / "m.onnx", format="onnx", endpoint="styled", batch_size=batch_size)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        np.testing.assert_allclose(session.run(["images"], inputs)[0], images, atol=TOLERANCE)
        shapes = {value.name: value.shape for value in session.get_inputs()}
        assert shapes["truncation"] == [] and shapes["shift"] == [batch_size or "batch", 5]


@pytest.mark.parametrize("dimensions", [4, 5])
def test_an_output_that_the_converter_left_with_a_leading_one_is_squeezed(dimensions):
    onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install 'kerasgan[export]'")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    value, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    shape = [1, "a", 4, 5, 1][-dimensions:]
    target = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [dimensions], [1, -1, 4, 5, 1][-dimensions:])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["x", "shape"], ["images"])],
        "as tf2onnx writes it",
        [value("x", number, ["batch", 1, 4, 5])],
        [value("images", number, shape)],
        [target],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", export.OPSET)], ir_version=9)
    export._squeeze_output(proto, 4)
    onnx.checker.check_model(proto, full_check=True)
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.get_outputs()[0].shape == ["a", 4, 5, 1]
    images = np.arange(60, dtype="float32").reshape(3, 1, 4, 5)
    np.testing.assert_array_equal(session.run(["images"], {"x": images})[0], images.transpose(0, 2, 3, 1))


def interpreter(path):
    """LiteRT's own package where it is there, else the copy within TensorFlow."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # TensorFlow announces that its copy will go
        return Interpreter(model_path=path)


@pytest.mark.parametrize("name", cases(quick=("SRGAN",)))  # DCGAN: see the averaged weights below
def test_litert_makes_the_same_images(name, tmp_path):
    model = trained_looking(MODELS[name]())
    rows = 1 if name in BATCH_ONE else 3
    for endpoint in export.portable_functions(model):
        batch_size = rows if name in BATCH_ONE else None
        path = model.export(tmp_path / "model.tflite", format="litert", endpoint=endpoint, batch_size=batch_size)
        inputs, images = expected(model, endpoint, rows)
        run = interpreter(path).get_signature_runner("serving_default")
        assert set(run.get_input_details()) == set(inputs)
        np.testing.assert_allclose(run(**inputs)["images"], images, atol=TOLERANCE)


@pytest.mark.parametrize("name", cases(QUICK))
def test_openvino_reads_the_saved_model(name, tmp_path):
    openvino = pytest.importorskip("openvino", reason="openvino is missing: pip install openvino")
    model = MODELS[name]()
    if name == "Pix2Pix":  # OpenVINO knows no Philox numbers: it opens the translator that draws none
        model = kerasgan.Pix2Pix(image_size=16, channels=1, width=2, receptive_field=16, dropout=False, seed=3)
    trained_looking(model)
    core, exact = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16 where processors have it
    compiled = core.compile_model(core.read_model(model.export(tmp_path)), "CPU", exact)
    function, specs = model.serving_functions()["serving_default"]
    inputs = inputs_for(specs)
    images = function(*(tf.constant(inputs[spec.name]) for spec in specs))["images"].numpy()
    np.testing.assert_allclose(list(compiled(inputs).values())[0], images, atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DCGAN", "ConditionalGAN", "GANCLS"])
def test_saved_model_cli_shows_and_runs_it(name, tmp_path):
    """TensorFlow's own command, which knows nothing of Keras or of kerasgan."""
    program = pathlib.Path(sys.executable).parent / "saved_model_cli"

    def command(verb, *arguments):
        what = ["--dir", path, "--tag_set", "serve", "--signature_def", "serving_default"]
        done = subprocess.run([program, verb, *what, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    model = trained_looking(MODELS[name]())
    path = model.export(tmp_path / "served")
    function, specs = model.serving_functions()["serving_default"]
    shown = command("show")
    assert sorted(re.findall(r"inputs\['(\w+)'\]", shown)) == sorted(spec.name for spec in specs)
    assert re.findall(r"outputs\['(\w+)'\]", shown) == ["images"]
    inputs = inputs_for(specs)
    for key, value in inputs.items():
        np.save(tmp_path / f"{key}.npy", value)
    command("run", "--inputs", ";".join(f"{key}={tmp_path / key}.npy" for key in inputs), "--outdir", tmp_path / "out")
    images = function(*(tf.constant(inputs[spec.name]) for spec in specs))["images"].numpy()
    np.testing.assert_allclose(np.load(tmp_path / "out" / "images.npy"), images, atol=TOLERANCE)


def test_the_guide_tells_the_layout_and_a_request_that_the_signature_understands(tmp_path):
    text = (pathlib.Path(__file__).parents[1] / "tutorials" / "serving.md").read_text()
    layout, answer = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[:2]
    request = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    model = dcgan()
    path = pathlib.Path(model.export(tmp_path / "letters"))
    files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    lines = {line.strip() for line in layout.splitlines()}
    assert {name.rpartition("/")[2] for name in files} == {line for line in lines if not line.endswith("/")}
    signature = tf.saved_model.load(str(path)).signatures[request["signature_name"]]
    specs = signature.structured_input_signature[1]
    assert set(specs) == set(request["inputs"])
    found = signature(**{key: tf.constant(value, specs[key].dtype) for key, value in request["inputs"].items()})
    np.testing.assert_allclose(found["images"], model.generate(2, seed=1), atol=1e-6)
    # A signature with one output answers with its value alone, not with a dict of names.
    assert len(found) == 1 and answer.startswith('{"outputs": [[[[')
    for word in ("signature_name", *request["inputs"]):
        assert word in (pathlib.Path(__file__).parents[1] / "tutorials" / "10_export_and_serving.py").read_text()


def test_a_served_model_refuses_labels_that_it_does_not_know(tmp_path):
    model = MODELS["ConditionalGAN"]()
    served = tf.saved_model.load(model.export(tmp_path / "letters")).signatures
    known = {"labels": tf.constant([0, 2]), "slant": tf.zeros((2, 1))}
    numbers, z = {"num_images": tf.constant(2), "seed": tf.constant(1)}, {"latents": tf.zeros((2, 4))}
    drawn = served["generate"](**numbers, **known)["images"]
    labels = {name: value.numpy() for name, value in known.items()}
    np.testing.assert_allclose(drawn, model.generate(2, seed=1, labels=labels), atol=TOLERANCE)
    for wrong in ([0, 3], [-1, 0]):
        for name, inputs in (("generate", numbers), ("serving_default", z)):
            with pytest.raises(tf.errors.InvalidArgumentError, match="must be ints from 0 to 2"):
                served[name](**inputs, **known | {"labels": tf.constant(wrong)})


@pytest.mark.slow
def test_pix2pix_takes_its_noise_as_an_input_where_a_format_cannot_draw():
    functions = export.portable_functions(MODELS["Pix2Pix"]())
    assert list(functions) == ["serving_default"]
    assert [spec.name for spec in functions["serving_default"][1]] == ["images", "noise"]
    assert list(export.portable_functions(dcgan())) == ["serving_default"]
    assert list(export.portable_functions(MODELS["CycleGAN"]())) == ["serving_default", "to_a"]


def test_the_averaged_weights_are_exported(tmp_path):
    model = dcgan()
    model.compile(ema_decay=0.9)
    for weight in model.generator.trainable_variables:
        weight.assign(weight + 1.0)
    run = interpreter(model.export(tmp_path / "m.tflite", format="litert")).get_signature_runner()
    latents = model.sample_latents(2, seed=0)
    np.testing.assert_allclose(run(latents=latents)["images"], model.decode(latents), atol=TOLERANCE)
    assert np.abs(model.decode(latents) - model.generator(latents).numpy()).max() > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "torchscript"}, r"`format` must be one of \['saved_model', 'onnx', 'litert'\].*torchscript"),
        ({"format": "onnx"}, "must end in '.onnx'"),
        ({"format": "litert"}, "must end in '.tflite'"),
        ({"format": "litert", "version": 2}, "`version` must be None for format 'litert'"),
        ({"format": "saved_model", "endpoint": "generate"}, "`endpoint` must be None for format 'saved_model'"),
        ({"batch_size": 2}, "`batch_size` must be None for format 'saved_model'"),
        ({"version": -3}, "`version` must be an integer of at least 1. Received: -3"),
        ({"version": 2.7}, "`version` must be an integer of at least 1. Received: 2.7"),
        ({"version": "x"}, "`version` must be an integer of at least 1. Received: 'x'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_written(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        dcgan().export(tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


def test_the_ending_names_the_format(tmp_path, monkeypatch):
    for name, (ending, _) in export.FORMATS.items():
        monkeypatch.setitem(export.FORMATS, name, (ending, lambda *_, name=name: name.encode()))
    model = dcgan()
    for path, content in {"a.onnx": b"onnx", "a.ONNX": b"onnx", "a.tflite": b"litert"}.items():
        assert pathlib.Path(model.export(tmp_path / path)).read_bytes() == content
    for path, options in {"a": {}, "v1.5": {}, "b.onnx": {"format": "saved_model"}}.items():
        (tmp_path / path / "²").mkdir(parents=True)  # no version
        assert model.export(tmp_path / path, **options) == str(tmp_path / path / "1")
    assert model.export(tmp_path / "a", version=np.int64(4)) == str(tmp_path / "a" / "4")
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1. Received: 0"):
        model.export(tmp_path / "c.onnx", batch_size=0)


def test_a_fixed_batch_leaves_height_and_width_their_names(tmp_path):
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    import onnx

    model = kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16)
    path = model.export(tmp_path / "m.ONNX", format="onnx", batch_size=1)
    (images,) = onnx.load(path).graph.input
    sides = [side.dim_param or side.dim_value for side in images.type.tensor_type.shape.dim]
    assert sides == [1, "height", "width", 3]


def test_an_endpoint_that_draws_numbers_is_refused_for_litert(tmp_path):
    with pytest.raises(ValueError, match=r"`endpoint` must be one of \['serving_default'\].*'generate'"):
        dcgan().export(tmp_path / "m.tflite", format="litert", endpoint="generate")


def test_mixed_precision_is_refused_with_the_remedy(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(ValueError, match="mixed_bfloat16.*set_dtype_policy"):
        dcgan().export(tmp_path / "m.tflite", format="litert")


@pytest.mark.slow
def test_a_failed_conversion_leaves_the_older_file(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"older")
    with pytest.raises(ValueError, match="batch_size=1"):
        MODELS["StackGANStage1"]().export(tmp_path / "m.tflite", format="litert")
    assert (tmp_path / "m.tflite").read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["m.tflite"]
