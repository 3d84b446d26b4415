"""Two trainings and one folder; full disks."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasgan import locks
from kerasgan_cli import main

HOLD = """
import importlib.util, sys
specification = importlib.util.spec_from_file_location("locks", sys.argv[1])  # without TensorFlow
locks = importlib.util.module_from_spec(specification)
specification.loader.exec_module(locks)
with locks.FolderLock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The arguments of a training of a second, in a folder that holds its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (16, 8, 8), dtype="uint8")):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    options = {"--data": "./photos", "--image-size": "8", "--channels": "1", "--batch-size": "8", "--out": "run"}
    return ["train", "gan", "--epochs", "1", *[part for pair in options.items() for part in pair]]


@pytest.mark.parametrize("resume", [False, True], ids=["anew", "--resume"])
def test_a_folder_that_another_process_trains_into_is_refused(tmp_path, command, resume):
    if resume:
        told = CliRunner().invoke(main, [*command, "--dry-run"]).output
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "options.json").write_text(told[told.index("{") :])
    before = sorted(path for path in tmp_path.rglob("*"))
    script = [sys.executable, "-c", HOLD, locks.__file__, "run"]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        result = CliRunner().invoke(main, [*command, *(["--resume"] if resume else [])])
        assert result.exit_code == 1
        message = result.output.splitlines()[-1]
        assert message.startswith("Error: ") and message.endswith("'run'")
        assert f"Another training writes into this folder: process {other.pid} on " in message
        assert set(tmp_path.rglob("*")) - set(before) <= {tmp_path / "run", tmp_path / "run" / ".lock"}
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_folder_that_another_process_has_filled_meanwhile_is_refused(tmp_path, command, monkeypatch):
    """Both began at once; this one read its data until the other had ended."""

    class Late(locks.FolderLock):
        def __init__(self, folder):
            folder.mkdir()
            (folder / "options.json").write_text('{"model": "gan"}')
            super().__init__(folder)

    monkeypatch.setattr(locks, "FolderLock", Late)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "Error: run holds the run of a process that started earlier" in result.output
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["options.json"]


def test_a_full_disk_under_the_log_is_one_line_with_its_name(tmp_path, command):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.csv").symlink_to("/dev/full")
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Error: [Errno 28] No space left on device: 'run/log.csv'"
    assert not (tmp_path / "run" / ".lock").exists()
