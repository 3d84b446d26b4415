"""SavedModels from somebody else: opened only where all that they do is to compute."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from kerasgan import export, saved_models

EMPTY = "saved_model.pb: not a plain file of at least one byte and at most 67108864"


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
    with pytest.raises(ValueError, match="must only compute") as error:
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
        "a file that is not part of it: assets/words",
        "a file that it reads: words",
        "an object of the kind tf.StaticHashTable",
        "the operation InitializeTableFromTextFileV2",
    ):
        assert f"  {reason}\n" in f"{error.value}\n"


def functions(graph, part):
    return [function for function in graph.graph_def.library.function if part in function.signature.name]


def test_a_function_that_saves_may_not_be_called(plain):
    """It is not opened, so that whoever calls it calls nothing."""
    graph = saved_model_pb2.SavedModel.FromString((plain / saved_models.GRAPH).read_bytes()).meta_graphs[0]
    (restore,) = functions(graph, "traced_restore")

    def change(graph):
        node = functions(graph, "signature_wrapper")[0].node_def.add(name="evil", op="StatefulPartitionedCall")
        node.attr["f"].func.name = restore.signature.name

    refused(altered(plain, change), f"a function that is not there: {restore.signature.name}")


def add_a_function_that_writes(graph, target, **attributes):
    """Adds a function that nothing names: as the served one, but it saves its weight under a path."""
    (serve,) = functions(graph, "__inference_serve")
    evil = graph.graph_def.library.function.add()
    evil.CopyFrom(serve)
    evil.signature.name = "__evil"
    (read,) = [node for node in evil.node_def if node.op == "ReadVariableOp"]
    for name, text in (("prefix", target), ("names", "w"), ("slices", "")):
        node = evil.node_def.add(name=name, op="Const")
        node.attr["dtype"].type = node.attr["value"].tensor.dtype = tf.string.as_datatype_enum
        node.attr["value"].tensor.string_val.append(text.encode())
        if name == "prefix":
            node.attr["value"].tensor.tensor_shape.SetInParent()
        else:
            node.attr["value"].tensor.tensor_shape.dim.add(size=1)
    inputs = ["prefix:output:0", "names:output:0", "slices:output:0", f"{read.name}:value:0"]
    save = evil.node_def.add(name="save", op="SaveV2", input=inputs)
    save.attr["dtypes"].list.type.append(tf.float32.as_datatype_enum)
    evil.node_def.add(name="merge", op="MergeV2Checkpoints", input=["names:output:0", "prefix:output:0", "^save"])
    for function, device in ((serve, "GPU"), (evil, "CPU")):
        for name, value in attributes.items():
            function.attr[name].s = value
        if attributes:
            function.attr["api_preferred_device"].s = device.encode()
    evil.control_ret["save"] = "save"
    evil.signature.control_output.append("save")


def test_a_function_that_nothing_calls_is_looked_at(plain, tmp_path):
    refused(
        altered(plain, lambda graph: add_a_function_that_writes(graph, str(tmp_path / "written"))),
        "the operation MergeV2Checkpoints",
        "the operation SaveV2",
    )


def test_a_function_that_is_put_in_anothers_place_is_refused(plain, tmp_path):
    """TensorFlow's optimizer swaps functions that implement the same, by an attribute that it believes."""
    target = tmp_path / "written"
    altered(plain, lambda graph: add_a_function_that_writes(graph, str(target), api_implements=b"same"))
    refused(
        plain,
        "the attribute api_implements of a function",
        "the attribute api_preferred_device of a function",
        "the operation MergeV2Checkpoints",
        "the operation SaveV2",
    )
    latents = tf.ones((2, 4))
    assert not list(tmp_path.glob("written*"))
    tf.saved_model.load(str(plain)).signatures["serving_default"](latents=latents)  # the attack is real
    assert [path.suffix for path in sorted(tmp_path.glob("written*"))] == [".data-00000-of-00001", ".index"]


@pytest.mark.parametrize("attribute", ["api_implements", "_implements", "_XlaCompile"])
def test_attributes_that_are_not_known_are_refused(plain, attribute):
    def change(graph):
        (serve,) = functions(graph, "__inference_serve")
        serve.attr[attribute].s = serve.node_def[0].attr[attribute].s = b"x"

    refused(
        altered(plain, change),
        f"the attribute {attribute} of a function",
        f"the attribute {attribute} of an operation",
    )


def test_gradients_twins_and_handles_are_refused(plain):
    def change(graph):
        library, (serve,) = graph.graph_def.library, functions(graph, "__inference_serve")
        library.registered_gradients.add(gradient_func=serve.signature.name, registered_op_type="MatMul")
        library.function.add().CopyFrom(serve)
        tensor = serve.node_def.add(name="handle", op="Const").attr["value"].tensor
        tensor.dtype = tf.resource.as_datatype_enum
        graph.object_graph_def.nodes[0].user_object.identifier = "_tf_keras_model"

    refused(
        altered(plain, change),
        "a constant that is neither numbers nor text",
        "a gradient of its own",
        "an object of the kind _tf_keras_model",
        "constants of inf bytes, of at most 67108864",
        "two functions of one name",
    )


def test_what_was_checked_is_what_is_opened(plain, tmp_path, monkeypatch):
    """Another process changes the folder after the check, before TensorFlow reads it."""
    hostile = write(tmp_path / "hostile", written)
    load, opened = tf.saved_model.load, []

    def swapped(folder, *arguments, **options):
        shutil.rmtree(plain)
        shutil.copytree(hostile, plain)
        opened.append(folder)
        return load(folder, *arguments, **options)

    monkeypatch.setattr(tf.saved_model, "load", swapped)
    served = export.load(plain)
    images = served["serving_default"](latents=tf.ones((2, 4)))["images"]
    np.testing.assert_array_equal(images, np.full((2, 3), 4.0))
    assert not pathlib.Path("/tmp/evil").exists()
    assert opened != [str(plain)] and not pathlib.Path(opened[0]).exists()


def test_constants_and_variables_that_only_declare_are_refused(plain):
    def change(graph):
        for item in graph.object_graph_def.nodes:
            if item.WhichOneof("kind") == "variable":
                item.variable.shape.dim[0].size = 1 << 40
        (function,) = functions(graph, "__inference_serve")
        for i in range(2):  # each alone would pass
            tensor = function.node_def.add(name=f"bomb{i}", op="Const").attr["value"].tensor
            tensor.dtype = 1
            tensor.tensor_shape.dim.add(size=1 << 24)
            tensor.float_val.append(1.0)

    refused(
        altered(plain, change),
        f"constants of {(1 << 27) + saved_models.STRING} bytes, of at most 67108864",
        f"variables of {3 * 4 * (1 << 40)} bytes, more than are there",
    )


def test_an_index_that_declares_more_variables_than_there_are_is_refused(plain, tmp_path):
    large = tf.Module()
    large.weight = tf.Variable(tf.zeros((1 << 10, 3)), name="weight")
    tf.saved_model.save(large, str(tmp_path / "large"))
    shutil.copy(tmp_path / "large" / saved_models.INDEX, plain / saved_models.INDEX)
    refused(plain, f"an index of variables of {3 * 4 * (1 << 10) + saved_models.STRING} bytes, more than are there")


def test_links_and_other_files_are_refused(plain):
    data = plain / "variables" / "variables.data-00000-of-00001"
    data.rename(plain.parent / "data")
    data.symlink_to(plain.parent / "data")
    (plain / "assets.extra").mkdir()
    (plain / "assets.extra" / "evil.so").write_bytes(b"evil")
    refused(
        plain,
        "a file that is not part of it: assets.extra/evil.so",
        f"a link: {data.relative_to(plain)}",
        "variables of 48 bytes, more than are there",
    )


@pytest.mark.parametrize("name", [saved_models.GRAPH, saved_models.INDEX, saved_models.DATA])
def test_pipes_are_not_waited_for(plain, name):
    (plain / name).unlink()
    os.mkfifo(plain / name)
    reason = f"{name}: not a plain file of at least one byte and at most {saved_models.LARGEST}"
    refused(plain, "variables of 48 bytes, more than are there" if name == saved_models.DATA else reason)


@pytest.mark.parametrize("content", [b"\xff" * 100, json.dumps({"a": 1}).encode(), None, b""])
def test_what_is_no_saved_model_is_refused(plain, content):
    path = plain / "saved_model.pb"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(plain, "saved_model.pb: not a SavedModel" if content else EMPTY)


def test_a_saved_model_of_the_first_version_is_refused(plain):
    refused(
        altered(plain, lambda graph: graph.ClearField("object_graph_def")), "saved_model.pb: not of the second version"
    )
    shutil.rmtree(plain)
    refused(plain, EMPTY)
