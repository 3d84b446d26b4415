import os
import subprocess
import sys
import time

import pytest

from kerasgan import files
from kerasgan.files import replacing, sweep, temporary_for


@pytest.fixture
def dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_temporary_name_tells_the_process_and_keeps_the_ending(tmp_path):
    name = temporary_for(tmp_path / "grid.png")
    assert name.parent == tmp_path and name.suffix == ".png"
    match = files.TEMPORARY.match(name.name)
    assert (int(match[1]), match[2]) == (os.getpid(), files.MACHINE)


def test_the_next_writer_sweeps_what_dead_processes_left_and_nothing_else(tmp_path, dead):
    ours, elsewhere = files.MACHINE, "0" * 8 if files.MACHINE != "0" * 8 else "1" * 8
    left = [
        f".tmp-{dead}@{ours}-a.png",
        f".tmp-{os.getpid()}@{ours}-earlier process of this id",
        f".tmp-1@{elsewhere}-old",
    ]
    others = [
        f".tmp-{os.getppid()}@{ours}-of a living process",
        f".tmp-{dead}@{elsewhere}-of another machine",
        f".tmp-{dead}-of another program",
        ".tmp-notes",
        f"tmp-{dead}@{ours}-a.png",
    ]
    for name in left + others:
        (tmp_path / name).write_text("half")
    os.utime(tmp_path / left[2], (time.time() - files.OLD - 60,) * 2)
    (tmp_path / f".tmp-{dead}@{ours}-1" / "variables").mkdir(parents=True)  # of a folder, such as a SavedModel
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / f".tmp-{dead}@{ours}-link").symlink_to(precious)
    with replacing(tmp_path / "grid.png") as temporary:
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "grid.png", "precious"])


def test_a_folder_is_swept_once_and_before_the_first_write(tmp_path):
    """What this process writes there later is under its own id, and stays."""
    sweep(tmp_path)
    temporary_for(tmp_path / "being written").write_text("half")
    with replacing(tmp_path / "other") as temporary:
        temporary.write_text("whole")
    assert len(os.listdir(tmp_path)) == 2
