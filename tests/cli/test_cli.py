import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import kerasgan
from kerasgan_cli import building, generate, main, names, timing


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
    names = ("samples/epoch_0002.png", "samples/real.png", "curves.png", "model.keras", "report.html")
    for name in (*names, "export/1/saved_model.pb"):
        assert (run_folder / name).stat().st_size > 0
        if name != "samples/real.png":
            assert str(run_folder / name).removesuffix("/saved_model.pb") in output
    assert list((run_folder / "checkpoints").glob("step_*"))
    (score,) = json.loads((run_folder / "score.json").read_text())["scores"]
    assert score["metric"] == "frechet_distance" and score["value"] > 0 and score["floor"] is None
    assert re.search(rf"score: +frechet_distance +{score['value']:.4g}\n", output)


def test_the_run_tells_how_long_it_will_take(folder):
    _, output = folder
    assert re.search(r"about (\d+ s|\d+ min) left", output)
    told = [timing.duration(seconds) for seconds in (0.2, 29, 61, 3599, 9000)]
    assert told == ["1 s", "29 s", "1 min", "1 h 0 min", "2 h 30 min"]


def test_an_epochs_time_is_told_after_the_first_steps(monkeypatch, capsys):
    clock = iter([0.0, 50.0, 50.5, 52.0, 53.0, 90.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    shown = timing.TimeLeft(epochs=5)
    shown.set_params({"steps": 60})
    shown.on_epoch_begin(2)  # resumed: three epochs are left
    for step in (9, 19, 29, 39):  # from 9 on 20 steps take 2 seconds
        shown.on_train_batch_end(step)
    assert capsys.readouterr().out == "\nabout 6 s an epoch, 18 s in all\n"
    shown.on_epoch_begin(3)
    assert capsys.readouterr().out == "about 3 min left\n"


@pytest.mark.slow
def test_the_run_writes_a_log_for_tensorboard(folder):
    from tensorflow.python.summary.summary_iterator import summary_iterator

    root, output = folder
    assert f"tensorboard --logdir {root / 'run' / 'tensorboard'}" in output
    (file,) = (root / "run" / "tensorboard").iterdir()
    tags = {value.tag for event in summary_iterator(str(file)) for value in event.summary.value}
    assert {"samples", "real", "d_loss", "g_loss", "d_real", "d_fake"} <= tags


@pytest.mark.slow
def test_pandas_reads_the_logs_in_one_line(folder, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is missing: pip install pandas")
    root, _ = folder
    log = pandas.read_csv(root / "run" / "log.csv", index_col="epoch")
    assert list(log.index) == [0, 1] and np.isfinite(log[["d_loss", "g_loss", "d_real", "d_fake"]].to_numpy()).all()
    common = ["--against", root / "photos", "--metrics", "fd", "--num-images", 24, "--image-size", 16]
    assert run("evaluate", root / "photos", *common, "--out", tmp_path / "scores.jsonl").exit_code == 0
    scores = pandas.read_json(tmp_path / "scores.jsonl", lines=True)
    assert list(scores["metric"]) == ["frechet_distance"] and abs(scores["value"][0]) < 1e-3


def test_generate_and_export_use_the_run(folder, tmp_path):
    root, _ = folder
    assert run("generate", root / "run", "--num-images", 4, "--out", tmp_path / "grid.png").exit_code == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size[0] > 2 * 16
    assert run("export", root / "run", "--out", tmp_path / "served").exit_code == 0
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()
    assert run("export", root / "run", "--out", tmp_path / "model.tflite").exit_code == 0
    assert (tmp_path / "model.tflite").read_bytes()[4:8] == b"TFL3"
    assert run("export", root / "run", "--out", tmp_path / "preset", "--format", "preset").exit_code == 0
    assert (tmp_path / "preset" / "card.json").exists()
    refused = run("export", root / "run", "--out", tmp_path / "model.tflite", "--format", "onnx")
    assert refused.exit_code == 1 and "must end in '.onnx'" in refused.output
    assert run("export", root / "run", "--out", tmp_path / "model.TFLITE").exit_code == 0
    assert (tmp_path / "model.TFLITE").read_bytes()[4:8] == b"TFL3"


@pytest.mark.parametrize("more", [["--endpoint", "nonsense"], ["--batch-size", 3]])
@pytest.mark.parametrize("format", ["preset", "saved_model"])
def test_export_refuses_what_its_format_does_not_use(tmp_path, format, more):
    refused = run("export", "no_such_model", "--out", tmp_path / "x", "--format", format, *more)
    said = " ".join(refused.output.split())
    assert refused.exit_code == 1 and not list(tmp_path.iterdir())
    assert f"{more[0]} is for the formats onnx and litert. Received: {more[1]!r} for the format {format}" in said
    assert f"Remedy: leave out {more[0]}" in said
    other = run("export", "no_such_model", "--out", tmp_path / "x.onnx", *more).output
    assert "SOURCE must be" in other and more[0] not in other


def test_export_of_mixed_precision_names_the_options_that_work(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = kerasgan.GAN(image_size=8, latent_dim=4)
    model.compile()
    model.save(tmp_path / "m.keras")
    refused = run("export", tmp_path / "m.keras", "--out", tmp_path / "m.onnx")
    said = " ".join(refused.output.split())
    assert refused.exit_code == 1 and "float32 model for the format onnx. Received: 'mixed_bfloat16'" in said
    assert "Remedy: --format saved_model, or train with --precision float32" in said
    assert run("export", tmp_path / "m.keras", "--out", tmp_path / "served").exit_code == 0


def test_evaluate_compares_a_run_and_a_folder_with_a_folder(folder, tmp_path):
    root, _ = folder
    common = ["--against", root / "photos", "--metrics", "fd,pr", "--num-images", 24, "--extractor", "mnist"]
    planned = run("evaluate", root / "run", *common, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "up to 24 images of DCGAN, seed 0" in planned.output and "16x16x1" in planned.output
    assert "|" not in planned.output
    scored = run("evaluate", root / "run", *common, "--out", tmp_path / "scores.jsonl")
    assert scored.exit_code == 0, scored.output
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [line["metric"] for line in lines] == ["frechet_distance", "precision", "recall"]
    assert lines[0]["num_generated"] == 24 and lines[0]["value"] > 0 and lines[0]["seed"] == 0

    itself = run("evaluate", root / "photos", *common, "--image-size", 16, "--out", tmp_path / "same.jsonl")
    assert itself.exit_code == 0, itself.output
    distance, precision, recall = [json.loads(line) for line in (tmp_path / "same.jsonl").read_text().splitlines()]
    assert distance["value"] < 1e-3 and precision["value"] == recall["value"] == 1 and distance["seed"] is None
    assert "Reading" in itself.stderr and itself.stdout.count("\n") == 3
    # a folder's test images are those below test/, where there are any
    (root / "split" / "test").mkdir(parents=True)
    for number in range(3):
        os.link(root / "photos" / f"{number}.png", root / "split" / "test" / f"{number}.png")
    split = run(
        "evaluate",
        root / "run",
        "--against",
        root / "split",
        "--metrics",
        "fd",
        "--num-images",
        9,
        "--extractor",
        "mnist",
    )
    assert "| 3 real / 9 generated |" in split.stdout and f"data {root / 'split'}/test" in split.stdout
    refused = run("evaluate", root / "run", *common, "--image-size", 32)
    assert refused.exit_code == 1 and "must be that of the model, 16. Received: 32" in refused.output


def test_a_dry_run_tells_what_a_training_would_be_and_writes_nothing(folder, tmp_path):
    root, _ = folder
    result = run("train", "dcgan", *options(root)[:-1], tmp_path / "new", "--dry-run")
    assert result.exit_code == 0, result.output
    import kerasgan

    model = kerasgan.DCGAN(image_size=16, channels=1, width=2)
    sizes = [f"{network.count_params():,} parameters" for network in (model.generator, model.discriminator)]
    assert f"DCGAN: generator of {sizes[0]}, discriminator of {sizes[1]}, 3 steps per epoch" in result.output
    assert '"width": 2' in result.output and not list(tmp_path.iterdir())


def test_each_update_of_d_has_64_images_by_default(tmp_path):
    for model, steps in (("dcgan", 10_000 // 64), ("wgan", 10_000 // (5 * 64))):
        result = run("train", model, "--image-size", 16, "--width", 2, "--dry-run")
        assert f"{steps} steps per epoch" in result.output, result.output
    asked = run("train", "wgan", "--image-size", 16, "--width", 2, "--batch-size", 32, "--dry-run")
    assert f"{10_000 // 32 // 5} steps per epoch" in asked.output


def test_the_page_of_a_run(folder, tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx", reason="tf2onnx is missing: pip install 'kerasgan[export]'")
    from kerasgan import playground

    root, _ = folder
    (tmp_path / "dist").mkdir()
    for name in playground.RUNTIME_FILES:
        (tmp_path / "dist" / name).write_text(name)
    monkeypatch.setattr(playground, "_runtime", lambda given: given)  # whose hashes another test checks
    arguments = ["playground", root / "run", "--out", tmp_path / "page", "--runtime", tmp_path / "dist"]
    result = run(*arguments, "--title", "My photos")
    assert result.exit_code == 0, result.output
    assert f"python -m http.server --directory {tmp_path / 'page'}" in result.output
    files = {path.name for path in (tmp_path / "page").iterdir()}
    assert files == {*playground.PAGE, *playground.RUNTIME_FILES, "model.onnx", "model.json"}
    assert json.loads((tmp_path / "page" / "model.json").read_text())["title"] == "My photos"
    again = run(*arguments)
    assert again.exit_code == 1 and "must be new or empty" in again.output


def test_report_of_a_run(folder, tmp_path):
    root, _ = folder
    result = run("report", root / "run", "--out", tmp_path / "page.html")
    assert result.exit_code == 0 and str(tmp_path / "page.html") in result.output
    page = (tmp_path / "page.html").read_text()
    assert "dcgan on" in page and page.count("data:image/") >= 4


@pytest.mark.slow
def test_a_run_is_never_overwritten_and_resumes_only_with_its_own_options(folder):
    root, _ = folder
    before = (root / "run" / "model.keras").read_bytes()
    refused = run("train", "dcgan", *options(root), "--epochs", 3)
    assert refused.exit_code == 1 and "--resume" in refused.output
    changed = run("train", "dcgan", *options(root), "--epochs", 3, "--resume", "--seed", 5)
    assert changed.exit_code == 1 and "seed: 0 in the run, 5 received" in changed.output
    assert (root / "run" / "model.keras").read_bytes() == before
    told = json.loads((root / "run" / "options.json").read_text())
    resumed = run("train", "--resume", "--out", root / "run", "--epochs", 3)  # the others are the run's own
    assert resumed.exit_code == 0, resumed.output
    assert json.loads((root / "run" / "options.json").read_text()) == told | {"epochs": 3}
    rows = (root / "run" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["train", "resnet"], 2, "'resnet' is not one of"),
        (["train", "dcgan", "--data", "no_such_set"], 1, "no_such_set"),
        (["generate"], 2, "SOURCE"),
        (["generate", "no_such_model"], 1, "no_such_model"),
        (["generate", "."], 1, "model.keras"),
        (["generate", "classifier_mnist"], 1, "must draw images"),
        (["evaluate", ".", "--against", "glyphs"], 1, "No PNG"),
        (["evaluate", ".", "--against", "./"], 1, "Two folders need --image-size"),
        (["evaluate", ".", "--against", "glyphs", "--metrics", "fid"], 2, "among fd, kd, is, pr, dc"),
        (["evaluate", ".", "--against", "glyphs", "--metrics", "is", "--num-images", "9"], 1, "at least 20 for is"),
        (["evaluate", ".", "--against", "glyphs", "--extractor", "resnet"], 1, "'efficientnet_lite0'"),
        (["evaluate", ".", "--against", "glyphs", "--out", "."], 2, "is a directory"),
        (["compare", ".", ".", "--csv", "."], 2, "is a directory"),
        (["report", ".", "--out", "."], 2, "is a directory"),
        (["export", "classifier_mnist", "--format", "preset", "--out", "x"], 1, "--format saved_model, onnx or litert"),
        (["zoo", "list", "dcgan"], 1, "matches none. Remedy: kerasgan zoo list '*dcgan*'"),
        (["zoo", "list", "resnet152"], 1, "matches none. Remedy: kerasgan zoo list\n"),
        (["zoo", "verify", "no_such_model", "--dry-run"], 1, "no_such_model"),
        (["report", "nowhere"], 2, "nowhere"),
        (["report", "."], 1, "log.csv"),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments, code, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert expected in result.output and "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_verify_says_what_it_would_check():
    result = run("zoo", "verify", "dcgan_mnist", "--scores", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "generator.weights.h5" in result.output and "recognizability, frechet_distance" in result.output


def test_debug_shows_where_an_error_was():
    assert isinstance(run("--debug", "generate", "no_such_model").exception, ValueError)


def test_an_unexpected_error_is_named_and_points_to_debug(monkeypatch):
    def broken():
        raise ZeroDivisionError("by 0")

    monkeypatch.setattr(generate, "library", broken)
    result = run("generate", "dcgan_mnist")
    assert result.exit_code == 1 and "ZeroDivisionError: by 0" in result.output and "--debug" in result.output


@pytest.mark.parametrize(("words", "expected"), [("kerasgan train dc", "dcgan"), ("kerasgan export x --f", "--format")])
def test_the_shell_completes_without_tensorflow(words, expected):
    code = "import sys, kerasgan_cli\ntry: kerasgan_cli.main(prog_name='kerasgan')\n"
    code += "finally: assert 'tensorflow' not in sys.modules"
    about = {"_KERASGAN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | about)
    assert done.stdout.split(",")[-1].strip() == expected, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_help_has_the_line_for_each_shell(shell):
    (line,) = re.findall(rf"^.*_KERASGAN_COMPLETE={shell}_source kerasgan.*$", run("--help").output, re.MULTILINE)
    assert {"fish": "| source", "bash": "eval", "zsh": "eval"}[shell] in line
    program = Path(sys.executable).parent / "kerasgan"
    if not program.exists():
        pytest.skip("needs the command kerasgan beside the interpreter")
    told = os.environ | {"_KERASGAN_COMPLETE": f"{shell}_source"}
    script = subprocess.run([program], env=told, capture_output=True, text=True, check=True).stdout
    assert f"_KERASGAN_COMPLETE={shell}_complete" in script


def test_the_models_are_those_of_the_library():
    import kerasgan

    classes = {key.lower(): value for key, value in vars(kerasgan).items() if isinstance(value, type)}
    models = {name for name, value in classes.items() if issubclass(value, kerasgan.ResumableModel)}
    assert set(names.MODELS) == models - {"adversarialmodel", "resumablemodel"}
    assert all(name in run("train", "--help").output for name in names.MODELS)
    for name, task in names.MODELS.items():
        taken = building.arguments(classes[name], "__init__")
        optional = name in ("r3gan", "stylegan", "stylegan2")  # labels or none
        of_classes = ("labels", "some_labels", "views", "label_maps", "films")
        assert ("num_classes" in taken and not optional) == (task in of_classes)
        assert ("text_dim" in taken) == (task == "captions")
        assert ("scale" in taken) == (task == "super_resolution")


def commands(group=main, path=()):
    for name, command in group.commands.items():
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_an_example_that_it_understands(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/digits", "runs/wide", "sans", "maps", "objects", "test_A/walk", "test_B/walk"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("photo.png", "digit.png"):
        (tmp_path / name).touch()
    text = run(*path, "--help").output
    lines = [line.partition("&&")[0] for line in text.splitlines() if line.strip().startswith("kerasgan ")]
    examples = [shlex.split(line) for line in lines]
    assert examples
    for example in examples:
        assert tuple(example[1 : 1 + len(path)]) == path
        command = main
        for name in path:
            command = command.commands[name]
        arguments = example[1 + len(path) :]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {part for part in arguments if part.startswith("--")} <= known
        command.make_context(" ".join(path), arguments)


def test_doctor_tells_what_is_there_and_what_is_missing(tmp_path, monkeypatch):
    from kerasgan_cli import machine

    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").write_text("{}")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    well = run("doctor")
    assert well.exit_code == 0, well.output
    for words in (
        "tensorflow",
        "mixed_bfloat16",
        "intra_op threads",
        "npm",
        "nothing that kerasgan needs",
        str(tmp_path),
    ):
        assert words in well.output
    assert any(line.split()[:4] == ["prepared", "data", "sets", "mnist"] for line in well.output.splitlines())

    monkeypatch.setattr(machine, "NEEDED", ("tensorflow", "no-such-package"))
    monkeypatch.setattr(machine.importlib, "import_module", broken_import)
    ill = run("doctor")
    assert ill.exit_code == 1
    assert "pip install no-such-package" in ill.output and "does not import: OSError: libcuda" in ill.output


def broken_import(name):
    raise OSError("libcuda")


@pytest.mark.parametrize("arguments", [["zoo", "show", "dcgan_mnist"], ["doctor"]], ids=" ".join)
def test_tensorflow_does_not_speak_before_the_command(arguments):
    code = f"import kerasgan_cli; kerasgan_cli.main({arguments})"
    quiet = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=quiet, check=True)
    assert done.stdout and "absl::InitializeLog" not in done.stderr and "oneDNN" not in done.stderr


def test_an_error_of_the_import_is_not_lost(capfd, monkeypatch):
    from kerasgan_cli.machine import silence

    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    with silence():
        os.write(2, b"asked for, ")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with pytest.raises(ImportError, match="broken"), silence():
        os.write(2, b"unheard")
        raise ImportError("broken")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "asked for, heard"


def test_help_and_version_do_not_import_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; from kerasgan_cli import main; "
        "r = [CliRunner().invoke(main, [o]) for o in ('--help', '--version')]; "
        "assert all(x.exit_code == 0 for x in r); assert 'tensorflow' not in sys.modules; print(r[1].output)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kerasgan ")


def test_drawn_batches_are_the_images_of_generate():
    import kerasgan
    from kerasgan_cli.scoring import Drawn

    options = {"image_size": 16, "width": 2, "latent_dim": 3, "seed": 0}
    plain = kerasgan.DCGAN(**options)
    conditional = kerasgan.ConditionalGAN(num_classes=3, attributes={"bold": 1}, networks="conv", **options)
    labelled = kerasgan.ConditionalGAN(num_classes=3, networks="conv", **options)
    for model in (plain, conditional, labelled):
        model.compile()
        drawn = Drawn(model, 7, seed=5, batch_size=3)
        asked = {"labels": [0, 1, 2, 0, 1, 2, 0]} if model is labelled else {}
        whole = model.generate(7, seed=5, **asked)
        assert len(drawn) == 3 and (drawn.labels is None) == (not asked)
        for _ in range(2):  # read for features, and again for classes
            batches = list(drawn)
            assert [len(batch) for batch in batches] == [3, 3, 1]
            np.testing.assert_allclose(np.concatenate(batches), whole, atol=1e-5)


def test_drawn_images_out_of_range_are_clipped():
    import keras

    import kerasgan
    from kerasgan_cli.scoring import Drawn

    latents = keras.Input((4,))
    loud = keras.Model(latents, keras.layers.Reshape((2, 2, 1))(keras.layers.Rescaling(9.0)(latents)))
    judge = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model = kerasgan.GAN(image_size=2, channels=1, latent_dim=4, generator=loud, discriminator=judge, seed=0)
    model.compile()
    whole = model.generate(6, seed=2)
    assert np.abs(whole).max() > 1
    np.testing.assert_allclose(np.concatenate([*Drawn(model, 6, seed=2)]), np.clip(whole, -1, 1), atol=1e-5)


def test_evaluate_draws_as_many_images_as_there_are_real_ones(folder, tmp_path):
    root, _ = folder
    common = ["--against", root / "photos", "--metrics", "fd", "--extractor", "mnist"]
    scored = run("evaluate", root / "run", *common)
    count = len(list((root / "photos").glob("*.png")))
    assert f"| {count} real / {count} generated |" in scored.stdout and scored.stdout.count("\n") == 1
    assert f"Drawing {count} images" in scored.stderr and f"{count // 64 + 1}/{count // 64 + 1}" in scored.stderr
    assert f"up to {count} images of DCGAN" in run("evaluate", root / "run", *common, "--dry-run").stdout


def test_folders_of_the_same_images_in_other_classes_have_no_distance(tmp_path):
    """Half of the images are taken from all classes, not from the first ones."""
    for number in range(16):
        shade = np.random.default_rng(number).integers(0, 60, (16, 16), dtype="uint8") + 150 * (number % 2)
        for root, classes in (("one", "ab"), ("other", "ba")):
            path = tmp_path / root / classes[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shade.astype("uint8")).save(path)
    common = ["--against", tmp_path / "other", "--metrics", "fd", "--image-size", 16, "--extractor", "mnist"]
    values = []
    for count in (8, 16):
        result = run("evaluate", tmp_path / "one", *common, "--num-images", count, "--out", tmp_path / "fd.jsonl")
        assert result.exit_code == 0, result.output
        values.append(json.loads((tmp_path / "fd.jsonl").read_text())["value"])
    assert max(values) < 1
