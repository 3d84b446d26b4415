"""Files that others open: SavedModel for model servers, ONNX, and LiteRT (the `.tflite` file)."""

import logging
import os
import pathlib
import tempfile

import keras
import tensorflow as tf

from kerasgan.files import replacing
from kerasgan.version import __version__

# The newest operator set that tf2onnx 1.17 knows whole; ONNX Runtime reads it since 1.14.
OPSET = 18
# What draws the `generate` of a SavedModel: ONNX has no such numbers, LiteRT's interpreter none without TensorFlow's.
RANDOM = "StatelessRandom"


def export(model, filepath, format="saved_model", version=None, endpoint=None, batch_size=None):
    """Writes what `model.export` promises; see there."""
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {list(FORMATS)}. Received: {format!r}")
    if format == "saved_model":
        given = {"endpoint": endpoint, "batch_size": batch_size}
    else:
        given = {"version": version}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"`{name}` does not go with format {format!r}. Received: {value!r}")
    if format == "saved_model":
        return _saved_model(model, filepath, version)
    ending, write = FORMATS[format]
    if not str(filepath).endswith(ending):
        raise ValueError(f"`filepath` must end in {ending!r} for format {format!r}. Received: {str(filepath)!r}")
    if model.dtype_policy.compute_dtype != "float32":
        raise ValueError(
            f"Format {format!r} is written of float32 models. Received: {model.dtype_policy.name!r}. Remedy: make the "
            "model anew under `keras.config.set_dtype_policy('float32')` and `load_weights` into it."
        )
    functions = portable_functions(model)
    endpoint = endpoint or "serving_default"
    if endpoint not in functions:
        raise ValueError(f"`endpoint` must be one of {list(functions)} for format {format!r}. Received: {endpoint!r}")
    function, specs = functions[endpoint]
    if batch_size is not None:
        specs = [tf.TensorSpec((batch_size, *spec.shape[1:]), spec.dtype, spec.name) for spec in specs]
    content = write(model, function, specs)
    with replacing(filepath) as temporary:
        temporary.write_bytes(content)
    return str(filepath)


def portable_functions(model):
    """Returns the endpoints of `model.serving_functions()` that need no random numbers of TensorFlow's.

    Where `serving_default` draws noise itself, as Pix2Pix's does, its place takes the sampling network, for which the
    noise is an input.

    Args:
        model: an `AdversarialModel`.

    Returns:
        dict of endpoint -> (function, list of `tf.TensorSpec`).
    """
    functions = {}
    for endpoint, (function, specs) in model.serving_functions().items():
        if not _draws(function, specs):
            functions[endpoint] = function, specs
        elif endpoint == "serving_default":
            functions[endpoint] = _whole(model.sampler(model.sampling_networks[0]))
    return functions


def _whole(network):
    def serve(*inputs):
        return {"images": network(list(inputs), training=False)}

    return serve, [tf.TensorSpec(x.shape, x.dtype, x.name) for x in network.inputs]


def _draws(function, specs):
    graph = tf.function(function, input_signature=specs, autograph=False).get_concrete_function().graph
    return any(node.op.startswith(RANDOM) for node in graph.as_graph_def().node)


def _archive(model, functions):
    archive = keras.export.ExportArchive()
    for name in (*model.sampling_networks, *model.fixed_networks):
        archive.track(model.sampler(name))
    for name, (function, specs) in functions.items():
        archive.add_endpoint(name, function, input_signature=specs)
    return archive


def _saved_model(model, filepath, version):
    folder = pathlib.Path(filepath)
    folder.mkdir(parents=True, exist_ok=True)
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    version = max(versions, default=0) + 1 if version is None else int(version)
    if version in versions:
        raise ValueError(f"`version` must be a new one. Received: {version}, and {folder / str(version)} exists.")
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as temporary:
        _archive(model, model.serving_functions()).write_out(f"{temporary}/model", verbose=False)
        os.replace(f"{temporary}/model", folder / str(version))
    return str(folder / str(version))


def _onnx(model, function, specs):
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError("Format 'onnx' needs tf2onnx: pip install 'kerasgan[export]'. Received: no tf2onnx") from error
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # A name stands for one value in ONNX, where a SavedModel's translators have `images` on both sides.
    output = "output_images" if any(spec.name == "images" for spec in specs) else "images"

    def renamed(*inputs):
        return {output: function(*inputs)["images"]}

    graph = tf.function(renamed, input_signature=specs, autograph=False)
    proto, _ = tf2onnx.convert.from_function(graph, input_signature=specs, opset=OPSET)
    for value in proto.graph.input:  # rather than unk__12
        for name, dim in zip(("batch", "height", "width"), value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_param = name
    proto.producer_name, proto.producer_version = f"kerasgan {type(model).__name__}", __version__
    return proto.SerializeToString()


def _litert(model, function, specs):
    with tempfile.TemporaryDirectory(prefix="kerasgan-") as temporary:
        archive = _archive(model, {"serving_default": (function, specs)})
        archive.write_out(f"{temporary}/model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{temporary}/model", signature_keys=["serving_default"])
        try:
            return converter.convert()
        except Exception as error:  # the converter's own class is not public
            if "neither a custom op nor a flex op" not in str(error) or specs[0].shape[0] is not None:
                raise
            raise ValueError(
                "LiteRT cannot tell the shapes inside this model for any number of images. Remedy: `batch_size=1`."
            ) from error


FORMATS = {"saved_model": None, "onnx": (".onnx", _onnx), "litert": (".tflite", _litert)}
