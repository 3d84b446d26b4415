"""Loads untrusted SavedModels, if they only compute."""

import math
import pathlib
import shutil
import tempfile

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kerasgan.files import open_plain, reading

# The allowed operations: they only compute from their inputs and the weights. Other operations of TensorFlow may read
# and write files or use the network.
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
# Further operations of the main graph (for TensorFlow 1), which creates the variables and calls the functions that save
# and restore them.
OUTSIDE = frozenset("AssignVariableOp Placeholder VarHandleOp VarIsInitializedOp".split())
# Attributes that do not affect the computation. Others can: with `api_implements`, TensorFlow's optimizer replaces a
# called function by another.
ATTRIBUTES = frozenset(
    """
    _class _collective_manager_ids _construction_context _has_manual_control_dependencies _input_shapes
    _lower_using_switch_merge _num_original_outputs _output_shapes _read_only_resource_inputs
    """.split()
)
# Attributes that control the execution of a function. They are removed, as they can name optimizers and executors.
SETTINGS = ("config", "config_proto", "executor_type")
GRAPH, INDEX, DATA = "saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"
MEMBERS = {GRAPH, INDEX, DATA, "fingerprint.pb"}
KINDS = {"user_object", "function", "bare_concrete_function", "variable", "constant", "captured_tensor"}
OBJECTS = {
    "_generic_user_object",
    "signature_map",
    "trackable_dict_wrapper",
    "trackable_list_wrapper",
    "trackable_tuple_wrapper",
}
LARGEST = 1 << 26  # bytes, limit of the graph's file, of the index of variables, and of all constants together
STRING = 24  # bytes of an empty string in TensorFlow


def load(folder):
    """Loads an untrusted SavedModel, such as one of `model.export`, if it only computes.

    A SavedModel is a program, and `tf.saved_model.load` does not check what it does. This function first checks every
    operation of every function, called or not. It refuses all operations that are not known to be pure computations,
    such as reading or writing files and network access. It also refuses attributes with which TensorFlow replaces
    functions, files that are not part of the model, links, tables and other resources, and constants and variables that
    are larger than their files. It loads a private copy of the checked files, without the functions that save and
    restore the SavedModel.

    Args:
        folder: the folder of the version, which holds `saved_model.pb`.

    Returns:
        dict of endpoint -> function of named tensors that returns a dict of tensors.

    Raises:
        ValueError: if the SavedModel is refused. The message lists all reasons.

    Example:

    >>> served = kerasgan.export.load("served/letters/1")  # doctest: +SKIP
    >>> served["generate"](num_images=tf.constant(16), seed=tf.constant(1))["images"]  # doctest: +SKIP
    """
    folder = pathlib.Path(folder)
    with tempfile.TemporaryDirectory(prefix="kerasgan-") as temporary:
        private = pathlib.Path(temporary)
        refused = sorted(set(_refused(folder, private)))
        if refused:
            raise ValueError(
                f"The SavedModel {str(folder)!r} must only compute. It is refused because of:\n  "
                + "\n  ".join(refused)
            )
        with reading(folder, "a whole SavedModel"):
            return dict(tf.saved_model.load(temporary).signatures)


def _refused(folder, private):
    """Copies the SavedModel into a private folder, and yields the reasons to refuse it."""
    for path in [folder, *folder.rglob("*")]:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"a link: {name}"
        elif path != folder and not path.is_dir() and name not in MEMBERS:
            yield f"a file that is not part of it: {name}"
    content = _content(folder / GRAPH)
    if content is None:
        return (yield f"{GRAPH}: not a plain file of at least one byte and at most {LARGEST}")
    try:
        model = saved_model_pb2.SavedModel.FromString(content)
    except DecodeError:
        return (yield f"{GRAPH}: not a SavedModel")
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].HasField("object_graph_def"):
        return (yield f"{GRAPH}: not of the second version")
    (private / "variables").mkdir()
    yield from _refused_variables(folder, private, model.meta_graphs[0])
    yield from _refused_objects(model.meta_graphs[0])
    yield from _refused_operations(model.meta_graphs[0].graph_def.node, OUTSIDE | {"StatefulPartitionedCall"})
    _leave_out_saving(model.meta_graphs[0])
    yield from _refused_functions(model.meta_graphs[0])
    (private / GRAPH).write_bytes(model.SerializeToString())


def _content(path):
    """Returns the bytes of a small plain file (not a link or a device), or None."""
    try:
        with open_plain(path) as file:
            content = file.read(LARGEST + 1)
    except OSError:
        return None
    return content if 0 < len(content) <= LARGEST else None


def _refused_variables(folder, private, graph):
    """Copies the variables. The sizes in the graph and in the index must fit into the file of the variables."""
    try:
        with open_plain(folder / DATA) as source, open(private / DATA, "xb") as target:
            shutil.copyfileobj(source, target)
            there = target.tell()
    except OSError:
        there = 0
    declared = sum(
        _size(item.variable.dtype, item.variable.shape)
        for item in graph.object_graph_def.nodes
        if item.WhichOneof("kind") == "variable"
    )
    if declared > there:
        return (yield f"variables of {declared} bytes, more than are there")
    index = _content(folder / INDEX)
    if index is None:
        return (yield f"{INDEX}: not a plain file of at least one byte and at most {LARGEST}")
    (private / INDEX).write_bytes(index)
    try:
        reader = tf.train.load_checkpoint(str(private / INDEX).removesuffix(".index"))
        types, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
        stored = sum((types[name].size or STRING) * math.prod(shape) for name, shape in shapes.items())
    except Exception:  # TensorFlow's reader raises many kinds of errors
        return (yield f"{INDEX}: not an index of variables")
    if stored > there + STRING:  # and the one string that describes the objects
        yield f"an index of variables of {stored} bytes, more than are there"


def _refused_objects(graph):
    for asset in graph.asset_file_def:
        yield f"a file that it reads: {asset.filename}"
    for item in graph.object_graph_def.nodes:
        kind = item.WhichOneof("kind")
        if kind not in KINDS or item.registered_name or item.registered_saver or item.saveable_objects:
            yield f"an object of the kind {item.registered_name or kind}"
        elif kind == "user_object" and item.user_object.identifier not in OBJECTS:
            yield f"an object of the kind {item.user_object.identifier}"


def _leave_out_saving(graph):
    """Removes the functions that save and restore, and the main graph except constants. Loading does not need them."""
    saver, main, library = graph.saver_def, graph.graph_def.node, graph.graph_def.library.function
    ends = {saver.save_tensor_name.partition(":")[0], saver.restore_op_name}
    own = {node.attr["f"].func.name for node in main if node.name in ends}
    kept = [function for function in library if function.signature.name not in own]
    constants = [node for node in main if node.op == "Const"]
    del library[:], main[:]
    library.extend(kept)
    main.extend(constants)
    graph.ClearField("saver_def")


def _refused_functions(graph):
    """Checks all remaining functions of the graph, called or not."""
    library = graph.graph_def.library
    names = [function.signature.name for function in library.function]
    if len({*names}) < len(names):
        yield "two functions of one name"
    if library.gradient or library.registered_gradients:
        yield "a gradient of its own"
    for name in {*graph.object_graph_def.concrete_functions} - {*names}:
        yield f"a function that is not there: {name}"
    constants = list(graph.graph_def.node)
    for function in library.function:
        for name in function.attr.keys() - ATTRIBUTES:
            yield f"the attribute {name} of a function"
        for name in _called(function.node_def) - {*names}:
            yield f"a function that is not there: {name}"
        yield from _refused_operations(function.node_def, names)
        for node in function.node_def:
            for setting in SETTINGS:
                node.attr.pop(setting, None)
        constants += function.node_def
    size = sum(_size(v.tensor.dtype, v.tensor.tensor_shape) for node in constants for v in node.attr.values())
    if size > LARGEST:
        yield f"constants of {size} bytes, of at most {LARGEST}"


def _refused_operations(nodes, others):
    allowed = COMPUTES.union(others)
    for node in nodes:
        if node.op not in allowed:
            yield f"the operation {node.op}"
        for name in node.attr:
            if name.startswith("_") and name not in ATTRIBUTES or name.startswith("api_"):
                yield f"the attribute {name} of an operation"
        for value in node.attr.values():
            if value.HasField("tensor") and not _is_plain(value.tensor.dtype):
                yield "a constant that is neither numbers nor text"


def _called(nodes):
    """Returns the names of the functions that are attributes of nodes."""
    values = [value for node in nodes for value in node.attr.values()]
    names = {value.func.name for value in values} | {f.name for value in values for f in value.list.func}
    return names - {""}


def _is_plain(dtype):
    """Returns whether a dtype is a number, bool or string, and not a resource or a variant."""
    try:
        dtype = tf.as_dtype(dtype)
    except TypeError:
        return False
    return dtype.is_floating or dtype.is_integer or dtype.is_bool or dtype.is_complex or dtype == tf.string


def _size(dtype, shape):
    """Returns the declared bytes of a tensor: 0 without a dtype, infinity for a dynamic shape."""
    if not dtype:
        return 0
    if not _is_plain(dtype) or shape.unknown_rank or any(dim.size < 0 for dim in shape.dim):
        return math.inf
    return (tf.as_dtype(dtype).size or STRING) * math.prod(dim.size for dim in shape.dim)
