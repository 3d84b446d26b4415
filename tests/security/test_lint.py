"""The source itself: what could run code from a file is banned, by ruff and by what ruff has no rule for."""

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("kerasgan", "zoo", "tests", "tutorials")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "__pycache__" not in path.parts
]


def unsafe_arguments(source):
    """Yields the calls that turn a protection off."""
    for node in ast.walk(ast.parse(source)):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if (keyword.arg, value) in (("safe_mode", False), ("allow_pickle", True), ("shell", True)):
                yield f"line {node.lineno}: {keyword.arg}={value}"
        if isinstance(node, ast.Attribute) and node.attr in ("extractall", "enable_unsafe_deserialization"):
            yield f"line {node.lineno}: {node.attr}"


@pytest.mark.parametrize(
    "line",
    [
        "load_model(path, safe_mode=False)",
        "np.load(path, allow_pickle=True)",
        "run(command, shell=True)",
        "archive.extractall(path)",
        "keras.config.enable_unsafe_deserialization()",
    ],
)
def test_the_walk_finds(line):
    assert len(list(unsafe_arguments(line))) == 1


def test_no_protection_is_turned_off():
    found = {str(path.relative_to(ROOT)): list(unsafe_arguments(path.read_text())) for path in SOURCES}
    assert len(found) > 100
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import pickle\n\nprint(pickle)", "TID251"),
        ("import dill\n\nprint(dill)", "TID251"),
        ("from joblib import load\n\nload('x')", "TID251"),
        ("import pickle\n\npickle.loads(b'')", "S301"),
        ("import marshal\n\nmarshal.loads(b'')", "S302"),
        ("import shelve\n\nprint(shelve)", "TID251"),
        ("import torch\n\ntorch.load('x')", "TID251"),
        ("import yaml\n\nyaml.load('x')", "S506"),
        ("import subprocess\n\nsubprocess.run('ls', shell=True)", "S602"),
        ("import os\n\nos.system('ls ' + name)", "S605"),
        ("import keras\n\nkeras.config.enable_unsafe_deserialization()", "TID251"),
        ("print(eval('1'))", "S307"),
        ("exec('1')", "S102"),
        ("import tarfile\n\ntarfile.open('x').extractall('.')", "S202"),
    ],
)
def test_ruff_refuses(line, rule):
    if shutil.which("ruff") is None:
        pytest.skip("ruff is not on the path")
    command = ["ruff", "check", "--config", str(ROOT / ".ruff.toml"), "--stdin-filename", "kerasgan/some.py", "-"]
    result = subprocess.run(command, input=f"{line}\n", capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 1
    assert rule in result.stdout
