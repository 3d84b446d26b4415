import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasgan_cli import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two tiny epochs on a folder of images."""
    root = tmp_path_factory.mktemp("cli")
    (root / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16), dtype="uint8")
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(root / "photos" / f"{number}.png")
    result = run("train", "dcgan", *options(root), "--epochs", 2)
    assert result.exit_code == 0, result.output
    return root, result.output


def options(root):
    wanted = {"--data": root / "photos", "--image-size": 16, "--channels": 1, "--width": 2, "--batch-size": 8}
    return [part for pair in wanted.items() for part in pair] + ["--out", root / "run"]


def test_a_run_folder_holds_everything_and_the_output_names_it(folder):
    root, output = folder
    run_folder = root / "run"
    assert json.loads((run_folder / "options.json").read_text())["width"] == 2
    assert len((run_folder / "log.csv").read_text().splitlines()) == 3
    for name in ("samples/epoch_0002.png", "samples/real.png", "curves.png", "model.keras", "export/1/saved_model.pb"):
        assert (run_folder / name).stat().st_size > 0
        if name != "samples/real.png":
            assert str(run_folder / name).removesuffix("/saved_model.pb") in output
    assert list((run_folder / "checkpoints").glob("step_*"))
    assert "frechet_distance" in output and json.loads((run_folder / "score.json").read_text())["value"] > 0


def test_generate_and_export_use_the_run(folder, tmp_path):
    root, _ = folder
    assert run("generate", root / "run", "--num-images", 4, "--out", tmp_path / "grid.png").exit_code == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size[0] > 2 * 16
    assert run("export", root / "run", "--out", tmp_path / "served").exit_code == 0
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()


def test_a_run_is_never_overwritten_and_resumes_only_with_its_own_options(folder):
    root, _ = folder
    before = (root / "run" / "model.keras").read_bytes()
    refused = run("train", "dcgan", *options(root), "--epochs", 3)
    assert refused.exit_code == 1 and "--resume" in refused.output
    changed = run("train", "dcgan", *options(root), "--epochs", 3, "--resume", "--seed", 5)
    assert changed.exit_code == 1 and "seed: 0 in the run, 5 asked for" in changed.output
    assert (root / "run" / "model.keras").read_bytes() == before
    resumed = run("train", "dcgan", *options(root), "--epochs", 3, "--resume")
    assert resumed.exit_code == 0, resumed.output
    rows = (root / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "resnet"], "MODEL must be one of"),
        (["train", "dcgan", "--data", "no_such_set"], "no_such_set"),
        (["generate"], "--zoo"),
        (["generate", "--zoo", "no_such_model"], "no_such_model"),
        (["generate", "nowhere"], "model.keras"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_1(arguments, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert expected in result.output and "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_help_and_version_do_not_import_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; from kerasgan_cli import main; "
        "r = [CliRunner().invoke(main, [o]) for o in ('--help', '--version')]; "
        "assert all(x.exit_code == 0 for x in r); assert 'tensorflow' not in sys.modules; print(r[1].output)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kerasgan ")
