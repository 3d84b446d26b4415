"""SavedModels from somebody else: opened only where all that they do is to compute."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from kerasgan import export


class Plain(tf.Module):
    def __init__(self, act=None):
        self.weight = tf.Variable(tf.ones((4, 3)), name="weight")
        self.act = act or (lambda x: x)

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "latents")])
    def serve(self, latents):
        return {"images": self.act(tf.matmul(latents, self.weight))}


def write(folder, act=None, module=None):
    module = module or Plain(act)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


@pytest.fixture
def plain(tmp_path):
    return write(tmp_path / "plain")


def altered(folder, change):
    """Changes the graph of a SavedModel by hand."""
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model.meta_graphs[0])
    path.write_bytes(model.SerializeToString())
    return folder


def refused(folder, *reasons):
    with pytest.raises(ValueError, match="must do nothing but compute") as error:
        export.load(folder)
    assert str(error.value).splitlines()[1:] == [f"  {reason}" for reason in reasons]


def test_what_computes_is_opened(plain):
    served = export.load(plain)
    assert list(served) == ["serving_default"]
    images = served["serving_default"](latents=tf.ones((2, 4)))["images"]
    np.testing.assert_array_equal(images, np.full((2, 3), 4.0))


def read(x):
    return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)


def listed(x):
    return x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def written(x):
    with tf.control_dependencies([tf.io.write_file("/tmp/evil", "evil")]):
        return tf.identity(x)


def restored(x):
    (value,) = tf.raw_ops.RestoreV2(prefix="/tmp/model", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])
    return x + tf.reshape(value, (1, 1))


def printed(x):
    with tf.control_dependencies([tf.print(x, output_stream="file:///tmp/evil")]):
        return tf.identity(x)


def called(x):
    return tf.ensure_shape(tf.py_function(lambda x: x, [x], tf.float32), (None, 3))


def hidden(x):
    """In a branch that is never taken, of a function in a function."""
    return tf.cond(tf.reduce_sum(x) > 1e30, tf.function(lambda: tf.function(read)(x)), lambda: x)


@pytest.mark.parametrize(
    ("act", "operations"),
    [
        (read, ["ReadFile", "StringLength"]),
        (listed, ["MatchingFiles"]),
        (written, ["WriteFile"]),
        (restored, ["RestoreV2"]),
        (printed, ["PrintV2", "StringFormat"]),
        (called, ["EagerPyFunc"]),
        (hidden, ["ReadFile", "StringLength"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_does_more_is_refused_and_listed(tmp_path, act, operations):
    refused(write(tmp_path / "hostile", act), *[f"the operation {name}" for name in operations])


def test_a_weight_that_would_be_changed_is_refused(tmp_path):
    class Changing(Plain):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "latents")])
        def serve(self, latents):
            self.weight.assign_add(tf.ones((4, 3)))
            return {"images": tf.matmul(latents, self.weight)}

    refused(write(tmp_path / "hostile", module=Changing()), "the operation AssignAddVariableOp")


def test_tables_and_the_files_that_they_read_are_refused(tmp_path):
    class Table(Plain):
        def __init__(self):
            super().__init__()
            (tmp_path / "words").write_text("a\nb\n")
            line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
            words = tf.lookup.TextFileInitializer(str(tmp_path / "words"), tf.string, line, tf.int64, number)
            self.table = tf.lookup.StaticHashTable(words, -1)

    folder = write(tmp_path / "hostile", module=Table())
    with pytest.raises(ValueError) as error:
        export.load(folder)
    for reason in (
        "a file that is no part of it: assets/words",
        "a file that it reads: words",
        "an object of the kind tf.StaticHashTable",
        "the operation InitializeTableFromTextFileV2",
    ):
        assert f"  {reason}\n" in f"{error.value}\n"


def test_a_function_that_saves_may_not_be_called(plain):
    def change(graph):
        functions = graph.graph_def.library.function
        (restore,) = [f.signature.name for f in functions if "traced_restore" in f.signature.name]
        (serve,) = [f for f in functions if "signature_wrapper" in f.signature.name]
        node = serve.node_def.add(name="evil", op="StatefulPartitionedCall")
        node.attr["f"].func.name = restore

    refused(altered(plain, change), "the operation AssignVariableOp", "the operation RestoreV2")


def test_constants_and_variables_that_only_declare_are_refused(plain):
    def change(graph):
        for item in graph.object_graph_def.nodes:
            if item.WhichOneof("kind") == "variable":
                item.variable.shape.dim[0].size = 1 << 40
        function = graph.graph_def.library.function[0]
        tensor = function.node_def.add(name="bomb", op="Const").attr["value"].tensor
        tensor.dtype = 1
        tensor.tensor_shape.dim.add(size=1 << 40)
        tensor.float_val.append(1.0)

    refused(
        altered(plain, change),
        "a constant of more than 67108864 bytes",
        f"variables of {3 * 4 * (1 << 40)} bytes, more than are there",
    )


def test_links_and_other_files_are_refused(plain):
    data = plain / "variables" / "variables.data-00000-of-00001"
    data.rename(plain.parent / "data")
    data.symlink_to(plain.parent / "data")
    (plain / "assets.extra").mkdir()
    (plain / "assets.extra" / "evil.so").write_bytes(b"evil")
    refused(plain, "a file that is no part of it: assets.extra/evil.so", f"a link: {data.relative_to(plain)}")


@pytest.mark.parametrize("content", [b"\xff" * 100, json.dumps({"a": 1}).encode(), None, b""])
def test_what_is_no_saved_model_is_refused(plain, content):
    path = plain / "saved_model.pb"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(plain, "saved_model.pb: not a SavedModel" if content else "saved_model.pb: 0 bytes, of at most 67108864")


def test_a_saved_model_of_the_first_version_is_refused(plain):
    refused(
        altered(plain, lambda graph: graph.ClearField("object_graph_def")), "saved_model.pb: not of the second version"
    )
    shutil.rmtree(plain)
    refused(plain, "saved_model.pb: 0 bytes, of at most 67108864")
