"""Every tutorial runs from top to bottom, with its numbers made small."""

import pathlib
import re
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "tutorials"
SMALL = {"STEPS": 20, "EPOCHS": 1, "NUM_IMAGES": 640, "BATCH_SIZE": 64}

# The others build networks for minutes, however little they train.
QUICK = ("01", "02", "08", "10")
TUTORIALS = [
    pytest.param(path, id=path.stem, marks=() if path.stem[:2] in QUICK else pytest.mark.slow)
    for path in sorted(FOLDER.glob("[0-9]*.py"))
]


@pytest.mark.parametrize("path", TUTORIALS)
def test_tutorial_runs(path, tmp_path, monkeypatch):
    text, replaced = path.read_text(), 0
    for name, value in SMALL.items():
        text, count = re.subn(rf"^{name} = [\d_]+$", f"{name} = {value}", text, flags=re.MULTILINE)
        replaced += count
    assert replaced, f"{path.name} sets none of {sorted(SMALL)}: it would run at full length"
    monkeypatch.chdir(tmp_path)
    if "MirroredStrategy" in text:
        # Collective operations are numbered process by process: those of other tests must not stand between.
        (tmp_path / path.name).write_text(text)
        subprocess.run([sys.executable, path.name], check=True)
    else:
        exec(compile(text, path, "exec"), {"__name__": "__main__"})
    assert list(tmp_path.rglob("*.png"))
