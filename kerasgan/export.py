"""Files that others open: SavedModel for model servers, ONNX, and LiteRT (the `.tflite` file)."""

import logging
import math
import os
import pathlib
import shutil
import tempfile

import keras
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kerasgan.files import replacing, sweep, temporary_for, tensorflow_naming
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
    # A name stands for one value in ONNX, where a SavedModel's translators have `images` on both sides.
    output = "output_images" if any(spec.name == "images" for spec in specs) else "images"

    def renamed(*inputs):
        return {output: function(*inputs)["images"]}

    graph = tf.function(renamed, input_signature=specs, autograph=False)
    proto, _ = tf2onnx.convert.from_function(graph, input_signature=specs, opset=OPSET)
    _squeeze_output(proto, 4)
    for value in proto.graph.input:  # rather than unk__12
        for name, dim in zip(("batch", "height", "width"), value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_param = name
    proto.producer_name, proto.producer_version = f"kerasgan {type(model).__name__}", __version__
    return proto.SerializeToString()


def _squeeze_output(proto, rank):
    """Drops leading ones of the output's shape, down to `rank` dimensions, in place.

    tf2onnx 1.17 writes the last transposition of images of one channel and any size as a `Reshape` to (1, batch,
    height, width, 1) and a `Squeeze`, and as it works in no fixed order, it loses the `Squeeze` in some runs.
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
                "LiteRT cannot tell the shapes inside this model for any number of images. Remedy: `batch_size=1`."
            ) from error


# Opening what others exported ----------------------------------------------------------------------------------------

# Operations that compute from their inputs and the weights, and do nothing else. A list of what is allowed: TensorFlow
# has many that read files, write them, or call out, and gets more.
COMPUTES = frozenset(
    """
    Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Assert Atan Atan2 Atanh AvgPool
    AvgPool3D BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd Bitcast BitwiseAnd BitwiseOr BitwiseXor
    BroadcastArgs BroadcastTo Bucketize Cast Ceil CheckNumerics ClipByValue Complex ComplexAbs Concat ConcatV2 Const
    Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D Cos Cosh CropAndResize Cumprod Cumsum DepthToSpace
    DepthwiseConv2dNative Diag Digamma DisableCopyOnRead Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Erfinv Exp
    ExpandDims Expm1 ExtractImagePatches Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN If InTopKV2 Inv InvertPermutation IsFinite IsInf
    IsNan L2Loss LRN LeakyRelu LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot
    LogicalOr MatMul MatrixBandPart MatrixDiagV3 Max MaxPool MaxPoolV2 Maximum Mean Merge Min Minimum MirrorPad Mod Mul
    MulNoNan Multinomial Ndtri Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 ParallelDynamicStitch
    PartitionedCall Polygamma Pow PreventGradient Prod Qr RandomStandardNormal
    RandomUniform RandomUniformInt Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeArea
    ResizeBicubic ResizeBilinear ResizeNearestNeighbor ResourceGather ReverseV2 RightShift Rint Roll Round Rsqrt
    ScatterNd Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign
    SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StatelessIf
    StatelessMultinomial StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
    StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal
    StatelessTruncatedNormalV2 StatelessWhile StopGradient StridedSlice Sub Sum Switch Tan Tanh TensorScatterUpdate
    Tile TopKV2 Transpose TruncateDiv TruncateMod TruncatedNormal Unpack VariableShape Where While Xdivy Xlog1py
    Xlogy ZerosLike
    """.split()
)
# What a SavedModel has besides, to save and restore itself: in functions that none of the others may call, and in a
# graph of its own, which programs of TensorFlow 1 run.
SAVES = frozenset(
    "AssignVariableOp MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename StaticRegexFullMatch StringJoin".split()
)
OUTSIDE = frozenset("AssignVariableOp Placeholder VarHandleOp VarIsInitializedOp".split())
MEMBERS = {
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
}
KINDS = {"user_object", "function", "bare_concrete_function", "variable", "constant", "captured_tensor"}
LARGEST = 1 << 26  # bytes, of the graph's file and of a constant in it


def load(folder):
    """Opens a SavedModel from somebody else, such as `model.export` writes, if all that it does is to compute.

    A SavedModel is a program, which `tf.saved_model.load` opens whatever it holds. Here its operations are looked at
    first: those that read or write files or call out are refused wherever they stand, and with them whatever is not
    known to compute only; so are files besides the model's own, links, tables and other resources, constants and
    variables that are larger than the files which should hold them.

    Args:
        folder: the version's folder, the one that holds `saved_model.pb`.

    Returns:
        dict of endpoint -> function of named tensors that returns a dict of tensors.

    Raises:
        ValueError: if the SavedModel is refused; it lists everything that it is refused for.

    Example:

    >>> served = kerasgan.export.load("served/letters/1")  # doctest: +SKIP
    >>> served["generate"](num_images=tf.constant(16), seed=tf.constant(1))["images"]  # doctest: +SKIP
    """
    folder = pathlib.Path(folder)
    refused = sorted(set(_refused(folder)))
    if refused:
        raise ValueError(
            f"The SavedModel {str(folder)!r} must do nothing but compute. Refused, because of:\n  "
            + "\n  ".join(refused)
        )
    return dict(tf.saved_model.load(str(folder)).signatures)


def _refused(folder):
    """Yields what speaks against opening a SavedModel."""
    for path in [folder, *folder.rglob("*")]:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"a link: {name}"
        elif path != folder and not path.is_dir() and name not in MEMBERS:
            yield f"a file that is no part of it: {name}"
    file = folder / "saved_model.pb"
    size = file.stat().st_size if file.is_file() else 0
    if not 0 < size <= LARGEST:
        yield f"saved_model.pb: {size} bytes, of at most {LARGEST}"
        return
    try:
        graphs = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    except DecodeError:
        yield "saved_model.pb: not a SavedModel"
        return
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        yield "saved_model.pb: not of the second version"
        return
    yield from _refused_objects(graphs[0], folder)
    yield from _refused_operations(graphs[0])


def _refused_objects(graph, folder):
    for asset in graph.asset_file_def:
        yield f"a file that it reads: {asset.filename}"
    declared = 0
    for item in graph.object_graph_def.nodes:
        kind = item.WhichOneof("kind")
        if kind not in KINDS or item.registered_name:
            yield f"an object of the kind {item.registered_name or kind}"
        if kind == "variable":
            declared += _size(item.variable.dtype, item.variable.shape)
    data = folder / "variables" / "variables.data-00000-of-00001"
    if declared > (data.stat().st_size if data.is_file() else 0):
        yield f"variables of {declared} bytes, more than are there"


def _refused_operations(graph):
    library = graph.graph_def.library
    functions = {function.signature.name: function.node_def for function in library.function}
    called = {name for nodes in functions.values() for name in _mentioned(nodes)}
    called |= {*graph.object_graph_def.concrete_functions}
    called |= {gradient.gradient_func for gradient in (*library.gradient, *library.registered_gradients)}
    for name, nodes in [(None, graph.graph_def.node), *functions.items()]:
        besides = OUTSIDE if name is None else set() if name in called else SAVES
        allowed = COMPUTES | besides | functions.keys()
        for node in nodes:
            if node.op not in allowed:
                yield f"the operation {node.op}"
            for value in node.attr.values():
                if _size(value.tensor.dtype, value.tensor.tensor_shape) > LARGEST:
                    yield f"a constant of more than {LARGEST} bytes"


def _mentioned(nodes):
    """Yields the names of the functions that nodes call, and more."""
    for node in nodes:
        yield node.op
        for value in node.attr.values():
            yield value.func.name
            yield from (function.name for function in value.list.func)


def _size(dtype, shape):
    """Returns the bytes that a tensor is declared to have: none without a type, infinitely many where they are open."""
    try:
        width = tf.as_dtype(dtype).size if dtype else 0
    except TypeError:
        return math.inf
    if shape.unknown_rank or any(dim.size < 0 for dim in shape.dim):
        return math.inf if dtype else 0
    return width * math.prod(dim.size for dim in shape.dim)


FORMATS = {"saved_model": None, "onnx": (".onnx", _onnx), "litert": (".tflite", _litert)}
