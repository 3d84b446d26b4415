"""Two trainings and one folder; full disks."""

import json
import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

import kerasgan
from kerasgan import callbacks, locks
from kerasgan.data import tfds_sets
from kerasgan_cli import main, scoring
from kerasgan_cli import options as run_options

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
    monkeypatch.setattr(scoring, "IMAGENET", ())  # a small network scores as well
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


def test_a_score_that_fails_is_a_warning_and_the_run_is_complete(tmp_path, command):
    (tmp_path / "photos" / "train").mkdir()
    (tmp_path / "photos" / "test").mkdir()
    for number in range(16):
        split = "test" if number == 0 else "train"
        (tmp_path / "photos" / f"{number}.png").rename(tmp_path / "photos" / split / f"{number}.png")
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "Warning: the run has no score. `real` must hold at least 2 images" in result.stderr
    assert "Remedy: kerasgan evaluate run --against DATA" in result.stderr
    assert (tmp_path / "run" / "report.html").exists() and (tmp_path / "run" / "export" / "1").is_dir()
    assert not (tmp_path / "run" / "score.json").exists() and "score:" not in result.output
    (tmp_path / "photos" / "test" / "more.png").write_bytes((tmp_path / "photos" / "train" / "1.png").read_bytes())
    again = CliRunner().invoke(main, ["train", "--resume", "--out", "run"])
    assert again.exit_code == 0 and "Warning" not in again.output, again.output
    (score,) = json.loads((tmp_path / "run" / "score.json").read_text())["scores"]
    assert score["split"] == "test" and score["num_real"] == 2 and score["floor"] is not None


def test_a_finished_run_that_goes_on_is_unfinished_until_its_new_end(tmp_path, command, monkeypatch):
    run = lambda *arguments: CliRunner().invoke(main, list(arguments))  # noqa: E731
    assert run(*command).exit_code == 0
    model = (tmp_path / "run" / "model.keras").read_bytes()
    names = {path.name for path in (tmp_path / "run").iterdir()}

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise SystemExit(130)

    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "CSVLogger", lambda *_, **__: Interrupt())
        assert run("train", "--resume", "--epochs", "3", "--out", "run").exit_code == 130
    assert (tmp_path / "run" / "previous.keras").read_bytes() == model
    assert not (tmp_path / "run" / "score.json").exists()
    for words in (["generate", "run"], ["evaluate", "run", "--against", "./photos"]):
        said = " ".join(run(*words).output.split())
        assert "run holds a run that is not finished." in said and "is run/previous.keras" in said
    assert run("report", "run").exit_code == 0 and "has not ended" in (tmp_path / "run" / "report.html").read_text()
    assert run("generate", "run/previous.keras", "--out", "drawn.png").exit_code == 0
    assert run("train", "--resume", "--out", "run").exit_code == 0
    assert (tmp_path / "run" / "model.keras").read_bytes() != model
    assert {path.name for path in (tmp_path / "run").iterdir()} == names
    samples = tmp_path / "run" / "samples"
    for number in (9999, 10000):
        (samples / f"epoch_{number}.png").write_bytes((samples / "epoch_0003.png").read_bytes())
    finished = run("train", "--resume", "--out", "run")  # nothing is left to train
    assert finished.exit_code == 0 and "sample grid:  run/samples/epoch_10000.png" in finished.output, finished.output


def test_a_run_of_several_workers_is_resumed_on_one_machine(tmp_path, command, monkeypatch):
    """There, an execution is one step. Here, it is four by default, the steps of an epoch."""
    run = lambda *arguments: CliRunner().invoke(main, list(arguments))  # noqa: E731

    class Terminate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step) == 2:
                os.kill(os.getpid(), signal.SIGTERM)  # and `Checkpoint` saves after the next step

    command[command.index("--batch-size") + 1] = "4"
    with monkeypatch.context() as patched:
        patched.setattr(callbacks, "CSVLogger", lambda *_, **__: Terminate())
        assert run(*command, "--steps-per-execution", "1", "--set", "latent_dim=3").exit_code == 143
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step_00000003"]
    options = json.loads((tmp_path / "run" / "options.json").read_text())
    (tmp_path / "run" / "options.json").write_text(json.dumps(options | {"steps_per_execution": None}))

    for change, said in (("--seed=5", "seed: 0 in"), ("--set=latent_dim=4", "set: {'latent_dim': 3} in the run, {'la")):
        refused = run("train", "--resume", "--steps-per-execution", "2", change, "--out", "run")
        assert refused.exit_code == 1 and said in refused.output, refused.output
        assert "cannot change options other than --epochs and --steps-per-execution:" in refused.output
    resumed = run("train", "--resume", "--out", "run")
    assert resumed.exit_code == 0, resumed.output
    assert "Each execution has 1 instead of 4 steps" in resumed.output
    changes = ["--epochs", "2", "--steps-per-execution", "2", "--set", "jit_compile=false"]
    longer = run("train", "--resume", *changes, "--out", "run")
    assert longer.exit_code == 0 and "Each execution" not in longer.output, longer.output
    steps = [path.name for path in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    assert steps == ["step_00000003", "step_00000004", "step_00000008"]
    stored = json.loads((tmp_path / "run" / "options.json").read_text())
    expected = {"epochs": 2, "steps_per_execution": 2, "set": {"latent_dim": 3, "jit_compile": False}}
    assert stored == options | expected
    assert run_options.EXECUTION == callbacks.identity.EXECUTION


def test_a_fine_tuned_run_is_resumed_without_its_source(tmp_path, command):
    """Also with arguments of its own, and after its source has been trained further or has gone."""
    base = CliRunner().invoke(main, command)
    assert base.exit_code == 0, base.output
    tuned = [*command[:-1], "tuned", "--from", "run"]
    assert CliRunner().invoke(main, [*tuned, "--set", "loss=hinge"]).exit_code == 0
    # The step goes on from that of SOURCE.
    assert [path.name for path in (tmp_path / "tuned" / "checkpoints").iterdir()] == ["step_00000004"]
    shutil.rmtree(tmp_path / "run")
    again = CliRunner().invoke(main, ["train", "--resume", "--out", "tuned", "--epochs", "2"])
    assert again.exit_code == 0, again.output
    assert callbacks.Checkpoint.latest(tmp_path / "tuned" / "checkpoints").name == "step_00000006"
    # As if it had not been interrupted.
    assert CliRunner().invoke(main, [*command, "--resume"]).exit_code == 1
    assert CliRunner().invoke(main, command).exit_code == 0
    whole = [*tuned, "--set", "loss=hinge", "--epochs", "2"]
    whole[whole.index("tuned")] = "whole"
    assert CliRunner().invoke(main, whole).exit_code == 0
    ends = [kerasgan.zoo.load_archive(tmp_path / name / "model.keras").get_weights() for name in ("tuned", "whole")]
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_finished_run_without_its_checkpoints_or_side_files(tmp_path, command):
    assert CliRunner().invoke(main, command).exit_code == 0
    shutil.rmtree(tmp_path / "run" / "samples")
    for name in ("log.csv", "curves.png"):
        (tmp_path / "run" / name).unlink()
    resume = ["train", "--resume", "--out", "run"]
    told = CliRunner().invoke(main, resume)
    assert told.exit_code == 0 and "Warning: the run has no curves." in told.output, told.output
    assert (tmp_path / "run" / "report.html").exists() and "model:        run/model.keras" in told.output
    kept = (tmp_path / "run" / "model.keras").read_bytes()
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    for name in ("model.keras", "previous.keras"):
        refused = CliRunner().invoke(main, [*resume, "--epochs", "2"])
        assert refused.exit_code == 1
        assert f"--resume needs checkpoints. Received: run with a {name} but without checkpoints." in refused.output
        assert f"Remedy: a new run with --from run/{name} and another --out" in refused.output
        assert (tmp_path / "run" / name).read_bytes() == kept
        (tmp_path / "run" / name).rename(tmp_path / "run" / "previous.keras")


def test_a_set_with_one_split_is_scored_against_it(tmp_path, command, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype="uint8")
    info = SimpleNamespace(
        features={"image": SimpleNamespace(shape=(8, 8, 1))}, splits={"train": SimpleNamespace(num_examples=16)}
    )
    read = lambda **_: tf.data.Dataset.from_tensor_slices({"image": images})  # noqa: E731
    builder = SimpleNamespace(info=info, data_path=tmp_path, as_dataset=read)
    monkeypatch.setattr(tfds_sets, "builder_of", lambda name: builder)
    command[command.index("./photos")] = "cats"
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "cats has no split but train: scores are against its images of the training." in result.stderr
    (score,) = json.loads((tmp_path / "run" / "score.json").read_text())["scores"]
    assert (score["split"], score["num_real"], score["floor"]) == ("train", 16, None)
    evaluated = CliRunner().invoke(main, ["evaluate", "run", "--against", "cats", "--metrics", "fd"])
    assert evaluated.exit_code == 0 and "data cats/train" in evaluated.stdout, evaluated.output


def test_the_split_to_score_against_is_one_that_exists(tmp_path):
    for name in ("both/train/0.png", "both/val/0.png", "domains/trainA/0.png", "domains/trainB/0.png", "plain/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    splits = [scoring.stated_split(str(tmp_path / name)) for name in ("both", "domains", "plain")]
    assert splits == ["val", "train", None] and scoring.stated_split("glyphs:AB") == "test"
    assert [scoring.has_floor(name) for name in (str(tmp_path / "both"), str(tmp_path / "domains"))] == [True, False]
