"""The README's first command as it is printed; test_pages.py runs its lines of Python."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerasgan_cli import main

README = (Path(__file__).parents[1] / "README.md").read_text()


def first_command():
    (line,) = re.findall(r"^python3 -m venv .*bin/kerasgan (train .*)$", README, re.MULTILINE)
    return shlex.split(line)


def test_the_first_command_is_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*first_command(), "--dry-run"])
    assert result.exit_code == 0, result.output
    options = json.loads(result.output[result.output.index("{") :])
    assert options["model"] == "conditionalgan" and options["set"] == {"networks": "conv"}
    assert "glyphs:ABCDEFGHKR: 9,984 images per epoch of 10 classes, 28x28 pixels" in result.output
    assert "156 steps per epoch" in result.output and not list(tmp_path.iterdir())


def test_the_lines_of_python_do_the_same():
    code = README.partition("## The same in Python")[2].partition("```python\n")[2].partition("```")[0]
    command = first_command()
    for option in ("data", "image-size", "epochs", "learning-rate", "ema-decay"):
        assert command[command.index(f"--{option}") + 1] in code


@pytest.mark.slow
def test_the_first_command_draws_letters_that_anyone_can_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, first_command())
    assert result.exit_code == 0, result.output
    scores = {s["metric"]: s for s in json.loads(Path("runs/letters/score.json").read_text())["scores"]}
    assert scores["recognizability"]["value"] >= 0.80 and scores["label_accuracy"]["value"] >= 0.95
    assert scores["recognizability"]["floor"] == pytest.approx(0.95, abs=0.01)
