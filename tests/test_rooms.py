"""The rooms of the house and the directions of the arrows between them, read from the imports."""

import ast
import configparser
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# From the ground up. A room imports from the floors below, never from its own floor or from above.
FLOORS = (
    "arguments clusters downloads files locks progress random replicas settings shapes version",
    "augment convolutions corruptions distribute layers losses optimizers "
    "plots reconstruction regularizers saved_models schedules tiles",
    "data export networks penalties",
    "text",
    "models",
    "callbacks",
    "metrics",
    "comparison latent report testing",
    "zoo",
    "playground",
    "__init__",
    "cli",
    "__main__",
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
# Imports inside functions that run upwards, and the reason of each.
UPWARDS = {
    ("metrics", "zoo"): "an extractor may be a classifier of the zoo, by name",
    ("models", "zoo"): "`from_preset` and `save_to_preset` are the zoo's `load_preset` and `save_preset`",
}


def modules():
    """Yields (room, dotted name, path) of all modules but the zoo's entries, which are users of the library."""
    for path in sorted((ROOT / "kerasgan").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield parts[1], ".".join(parts), path
    for path in sorted((ROOT / "zoo").glob("*.py")):
        yield "zoo", f"kerasgan.zoo.{path.stem}", path


ROOMS = {room for room, _, _ in modules()}


def imported_rooms(node):
    """Returns the rooms that an import statement reads from; `__init__` is the package's root."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == "kerasgan":
        names = [f"kerasgan.{alias.name}" if alias.name in ROOMS else "kerasgan" for alias in node.names]
    else:
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
    paths = [name.replace("kerasgan_cli", "kerasgan.cli").split(".") for name in names]
    return {path[1] if len(path) > 1 else "__init__" for path in paths if path[0] == "kerasgan"}


def arrows(tree, inside=False):
    """Yields (room imported, whether inside a function) of a module."""
    for node in ast.iter_child_nodes(tree):
        for room in imported_rooms(node):
            yield room, inside
        yield from arrows(node, inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))


def test_every_room_has_a_floor():
    assert ROOMS == FLOOR.keys()


def test_every_package_is_shipped():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    shipped = parser["options"]["packages"].split()
    found = {name.removesuffix(".__init__") for _, name, _ in modules() if name.endswith("__init__")}
    assert sorted(shipped) == sorted(name.replace("kerasgan.cli", "kerasgan_cli") for name in found)


def upward_imports():
    return {
        (room, target, name, inside)
        for room, name, path in modules()
        for target, inside in arrows(ast.parse(path.read_text()))
        if room != target and FLOOR[target] >= FLOOR[room]
    }


def test_imports_run_downwards():
    assert sorted(found for found in upward_imports() if not found[3]) == []


def test_imports_inside_functions_run_downwards_but_for_those_with_a_reason():
    assert {(room, target) for room, target, _, inside in upward_imports() if inside} == UPWARDS.keys()


@pytest.mark.parametrize(
    "source, expected",
    [
        ("from kerasgan import export, ACGAN", [("export", False), ("__init__", False)]),
        ("import kerasgan", [("__init__", False)]),
        ("from kerasgan_cli.common import say", [("cli", False)]),
        ("from kerasgan.zoo._weights import x\nimport keras, kerasgan.plots", [("zoo", False), ("plots", False)]),
        (
            "class A:\n    import kerasgan.data\n    def f():\n        if x:\n            from kerasgan import zoo",
            [("data", False), ("zoo", True)],
        ),
    ],
)
def test_imports_are_read_as_python_reads_them(source, expected):
    assert sorted(arrows(ast.parse(source))) == sorted(expected)
