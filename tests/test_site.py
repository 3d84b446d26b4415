"""The pages of the site: what they show runs, and they build without a warning."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

SITE = pathlib.Path(__file__).parents[1] / "tutorials" / "site"
MKDOCS = shutil.which("mkdocs", path=str(pathlib.Path(sys.executable).parent))


def test_the_page_on_adding_a_paper_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (SITE / "pages" / "adding_a_paper.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    names = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "adding_a_paper.md", "exec"), names)
    assert (tmp_path / "mine.keras").exists()


def test_names_in_the_page_for_newcomers_exist():
    import kerasgan

    text = (SITE / "pages" / "coming_from.md").read_text()
    names = set(re.findall(r"kerasgan((?:\.\w+)+)", text))
    assert {".DCGAN", ".callbacks.Checkpoint", ".metrics.score_images"} <= names
    for name in names:
        found = kerasgan
        for part in name.split(".")[1:]:
            found = getattr(found, part)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("mkdocs", path=str(pathlib.Path(sys.executable).parent)) is None, reason="extra `docs`"
)
def test_the_site_builds_without_a_warning(tmp_path):
    command = [
        pathlib.Path(sys.executable).parent / "mkdocs",
        "build",
        "--strict",
        "--config-file",
        SITE / "mkdocs.yml",
    ]
    result = subprocess.run([*command, "--site-dir", tmp_path / "site"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "DCGAN" in (tmp_path / "site" / "reference" / "models" / "index.html").read_text()
