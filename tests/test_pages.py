"""The README and the pages: their code runs as it is printed, with fewer epochs.

Every block of Python runs, those of a page one after the other, and so does every `kerasgan` command. A block that does
not run has a comment above it, `<!-- not run: the reason -->`, or `<!-- needs: a package -->` that may be missing.
"""

import importlib.util
import json
import re
import shlex
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import kerasgan
from kerasgan_cli import main

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDES = ROOT / "tutorials"
PAGES = [README, *sorted(GUIDES.glob("*.md")), *sorted((GUIDES / "site" / "pages").glob("*.md"))]
BLOCK = re.compile(r"^(?:<!-- (.*?) -->\n)?```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LANGUAGES = {"python", "sh", "text", "json", "yaml"}
# The others build networks or start programs for longer.
QUICK = {"README.md", "models.md"}


def blocks(path):
    """The blocks of a page as (comment, language, text)."""
    return BLOCK.findall(path.read_text())


def run_block(comment, language, text, names):
    if comment.startswith("not run: ") or language not in ("python", "sh"):
        return
    if comment.startswith("needs: ") and importlib.util.find_spec(comment.removeprefix("needs: ")) is None:
        pytest.skip(f"{comment}: pip install it to run the rest of the page")
    if language == "python":
        text = re.sub(r"epochs=\d+", "epochs=1, steps_per_epoch=2", text)
        with warnings.catch_warnings():
            if comment:  # other libraries warn of each other
                warnings.simplefilter("ignore")
            exec(compile(text, "page", "exec"), names)  # the page's own code
    for line in text.splitlines() if language == "sh" else ():
        command = shlex.split(re.sub(r"--epochs \d+", "--epochs 1", line), comments=True)
        if not command:
            continue
        assert command.pop(0) == "kerasgan", f"a command that no test can run: {line}"
        if command[0] == "train" and "./" not in line:
            command.append("--dry-run")  # trains for minutes
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, f"{line}\n{result.output}"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with what a reader has: photos, the same in classes, and pairs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder, width in (("photos", 40), ("classes/cat", 40), ("classes/dog", 40), ("pairs", 64)):
        Path(folder).mkdir(parents=True)
        for index in range(32):
            image = rng.integers(0, 256, (8, width // 5, 3), dtype="uint8")
            Image.fromarray(image).resize((width, 40 if width == 40 else 32)).save(f"{folder}/{index:02}.png")
    Image.open("photos/00.png").resize((32, 32)).save("photo.png")
    return tmp_path


def cases():
    for path in PAGES:
        if any(language in ("python", "sh") for _, language, _ in blocks(path)) and path.name != "first_hour.md":
            yield pytest.param(path, id=path.stem, marks=() if path.name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("path", list(cases()))
def test_the_code_of_a_page_runs_from_top_to_bottom(path, desk):
    names = {"__name__": "page"}
    for block in blocks(path):
        run_block(*block, names)
    if "mlflow" in names:  # what the tracker holds, read back
        (run,) = names["mlflow"].search_runs(search_all_experiments=True, output_format="list")
        assert np.isfinite(run.data.metrics["d_loss"]) and run.data.params["ema_decay"] == "0.99"
        names["mlflow"].artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="letters.keras")
    if path == README:
        assert Path("runs/letters/samples/epoch_0001.png").exists()
        assert Path("served/letters/1").is_dir()
        assert kerasgan.zoo.load_archive("letters.keras").num_classes == 10


JOBS = re.split(r"^## ", (GUIDES / "first_hour.md").read_text(), flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(
    "job",
    [pytest.param(job, id=job.splitlines()[0], marks=() if i == 3 else pytest.mark.slow) for i, job in enumerate(JOBS)],
)
def test_a_job_is_done_by_its_snippet_alone(job, desk):
    found = BLOCK.findall(job)
    assert len(JOBS) == 10 and len(found) == 1 and not found[0][0]
    before = set(desk.rglob("*"))
    names = {"__name__": "page"}
    run_block(*found[0], names)
    made = {str(path.relative_to(desk)) for path in set(desk.rglob("*")) - before}
    wanted = {
        "1": "photos.keras",
        "2": "grid.png",
        "4": "drawn",
        "5": "run/state",
        "6": "run/scores/scores.jsonl",
        "10": "served/digits/1/saved_model.pb",
    }.get(job.partition(".")[0])
    assert wanted is None or wanted in made, made
    if "images" in names:
        assert -1 <= np.min(names["images"]) < np.max(names["images"]) <= 1


def test_what_does_not_run_says_why():
    for path in PAGES:
        assert len(blocks(path)) == len(re.findall("^```", path.read_text(), re.MULTILINE)) / 2, path.name
        for comment, language, text in blocks(path):
            assert language in LANGUAGES, (path.name, text)
            assert not comment or re.fullmatch(r"not run: .{10,}|needs: \w+", comment), (path.name, comment)
            if language == "json":
                json.loads(text)


def test_the_readme_is_read_on_a_few_screens():
    text = README.read_text()
    assert len(text.splitlines()) <= 160
    assert text.count("![") == 3 and text.index("![") < text.index("## Two commands") < text.index("## Which model?")


def test_the_page_of_models_has_every_model():
    text = (GUIDES / "models.md").read_text()
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `")))
    models = {name for name, value in vars(kerasgan.models).items() if isinstance(value, type)}
    assert set(named) == models - {"AdversarialModel", "ResumableModel"}
    advice = README.read_text().partition("## Which model?")[2].partition("## Trained")[0]
    used = set(re.findall(r"`([A-Z]\w+)`", advice))
    assert len(used) > 15 and used <= models


def test_links_between_pages_lead_somewhere():
    for path in PAGES:
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), (path.name, target)
