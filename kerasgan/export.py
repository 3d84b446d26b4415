"""Export to SavedModel, ONNX and LiteRT (`.tflite` files)."""

import logging
import os
import pathlib
import shutil
import tempfile

import keras
import tensorflow as tf

from kerasgan.arguments import positive_int
from kerasgan.files import replacing, sweep, temporary_for, tensorflow_naming
from kerasgan.saved_models import load as load
from kerasgan.version import __version__

# The newest operator set that tf2onnx 1.17 supports completely. ONNX Runtime reads it since 1.14.
OPSET = 18
# Random operations of `generate`. ONNX has no such operations, and LiteRT only with TensorFlow's kernels.
RANDOM = "StatelessRandom"


def export(model, filepath, format=None, version=None, endpoint=None, batch_size=None):
    """Implements `model.export`."""
    if format is None:
        written = (name for name, (ending, _) in FORMATS.items() if ending and str(filepath).lower().endswith(ending))
        format = next(written, "saved_model")
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {list(FORMATS)}. Received: {format!r}")
    if format == "saved_model":
        given = {"endpoint": endpoint, "batch_size": batch_size}
    else:
        given = {"version": version}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"`{name}` must be None for format {format!r}. Received: {value!r}")
    batch_size = None if batch_size is None else positive_int("batch_size", batch_size)
    if format == "saved_model":
        return _saved_model(model, filepath, version)
    ending, write = FORMATS[format]
    if not str(filepath).lower().endswith(ending):
        raise ValueError(f"`filepath` must end in {ending!r} for format {format!r}. Received: {str(filepath)!r}")
    if model.dtype_policy.compute_dtype != "float32":
        raise ValueError(
            f"Format {format!r} needs a float32 model. Received: {model.dtype_policy.name!r}. Remedy: create the model "
            "again under `keras.config.set_dtype_policy('float32')` and `load_weights` into it."
        )
    functions = portable_functions(model)
    endpoint = endpoint or "serving_default"
    if endpoint not in functions:
        raise ValueError(f"`endpoint` must be one of {list(functions)} for format {format!r}. Received: {endpoint!r}")
    function, specs = functions[endpoint]
    if batch_size is not None:
        fixed = [(batch_size, *spec.shape[1:]) if spec.shape.rank else () for spec in specs]
        specs = [tf.TensorSpec(shape, spec.dtype, spec.name) for shape, spec in zip(fixed, specs)]
    content = write(model, function, specs)
    with replacing(filepath) as temporary:
        temporary.write_bytes(content)
    return str(filepath)


def portable_functions(model):
    """Returns the endpoints of `model.serving_functions()` that use no random numbers of TensorFlow.

    If `serving_default` itself draws noise, as in Pix2Pix, it is replaced by the sampling network, which has the noise
    as an input.

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
    version = None if version is None else positive_int("version", version)
    folder = pathlib.Path(filepath)
    folder.mkdir(parents=True, exist_ok=True)
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    version = max(versions, default=0) + 1 if version is None else version
    if version in versions:
        raise ValueError(f"`version` must be a new one. Received: {version}, and {folder / str(version)} exists.")
    sweep(folder)
    temporary = temporary_for(folder / str(version))
    with tensorflow_naming(folder):
        try:
            _archive(model, model.serving_functions()).write_out(str(temporary), verbose=False)
            os.rename(temporary, folder / str(version))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return str(folder / str(version))


def _onnx(model, function, specs):
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError("Format 'onnx' needs tf2onnx: pip install 'kerasgan[export]'. Received: no tf2onnx") from error
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # ONNX names must be unique, while translators have `images` as input and output.
    taken = {spec.name for spec in specs}

    def renamed(*inputs):
        return {f"output_{name}" if name in taken else name: value for name, value in function(*inputs).items()}

    graph = tf.function(renamed, input_signature=specs, autograph=False)
    proto, _ = tf2onnx.convert.from_function(graph, input_signature=specs, opset=OPSET)
    outputs = graph.get_concrete_function().structured_outputs
    if len(outputs) == 1:
        (output,) = outputs.values()
        _squeeze_output(proto, output.shape.rank)
    for value in proto.graph.input:  # instead of unk__12
        for name, dim in zip(("batch", "height", "width"), value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_param = name
    proto.producer_name, proto.producer_version = f"kerasgan {type(model).__name__}", __version__
    return proto.SerializeToString()


def _squeeze_output(proto, rank):
    """Removes leading dimensions of size 1 from the output, down to `rank` dimensions, in place.

    tf2onnx 1.17 writes the last transposition of images with one channel and dynamic size as a `Reshape` to (1, batch,
    height, width, 1) and a `Squeeze`. Its order is not deterministic, and in some runs it loses the `Squeeze`.
    """
    from onnx import TensorProto, helper

    (output,) = proto.graph.output
    shape = output.type.tensor_type.shape.dim
    surplus = len(shape) - rank
    if surplus > 0 and all(dimension.dim_value == 1 for dimension in shape[:surplus]):
        (last,) = (node for node in proto.graph.node if output.name in node.output)
        before, axes = f"{output.name}_before_squeeze", f"{output.name}_axes"
        last.output[list(last.output).index(output.name)] = before
        proto.graph.initializer.append(helper.make_tensor(axes, TensorProto.INT64, [surplus], range(surplus)))
        proto.graph.node.append(helper.make_node("Squeeze", [before, axes], [output.name]))
        del shape[:surplus]


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
                "LiteRT cannot infer the shapes in this model for a dynamic batch size. Remedy: `batch_size=1`."
            ) from error


FORMATS = {"saved_model": (None, None), "onnx": (".onnx", _onnx), "litert": (".tflite", _litert)}
