"""`kerasgan train`: names, options, layouts, and what a run tells."""

import json

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasgan_cli import building, main, names, train
from kerasgan_cli import options as run_options
from kerasgan_cli.common import in_options


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def picture(path, size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), "uint8")).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Small folders, of the layout that each task asks for."""
    root = tmp_path_factory.mktemp("data")
    for number in range(4):
        picture(root / "images" / f"{number}.png")
        picture(root / "labels" / f"class{number % 2}" / f"{number}.png")
        picture(root / "pairs" / f"{number}.png", (32, 16))
        picture(root / "domains" / f"train{'AB'[number % 2]}" / f"{number}.png")
        picture(root / "captions" / f"{number}.png")
    rows = [{"file_name": f"{number}.png", "caption": f"number {'abcd'[number]}"} for number in range(4)]
    (root / "captions" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    rows = [{"file_name": f"{i}.png", "label": i % 2, "angle": 90 * (i // 2)} for i in range(4)]
    for row in rows:
        picture(root / "views" / row["file_name"])
    (root / "views" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


def options_of(output):
    return json.loads(output[output.index("{\n") : output.rindex("}") + 1])


@pytest.mark.parametrize(
    ("given", "meant"),
    [("cgan", "conditionalgan"), ("WGAN_GP", "wgangp"), ("wgan-gp", "wgangp"), ("DTN", "domaintransfernetwork")],
)
def test_the_spellings_of_papers_and_of_the_zoo_are_models(given, meant):
    assert names.ModelName().convert(given, None, None) == meant


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["trian", "dcgan"], "'train'"),
        (["zoo", "lst"], "'list'"),
        (["train", "dcgn"], "'dcgan'"),
        (["generate", "dcgan_mnst"], "'dcgan_mnist'"),
        (["zoo", "show", "dcgan_mnst"], "'dcgan_mnist'"),
        (["train", "dcgan", "--data", "mnits"], "'mnist'"),
        (["train", "dcgan", "--data", "glyhps"], "'glyphs'"),
        (["train", "dcgan", "--set", "latent_dims=9", "--image-size", "16", "--dry-run"], "'latent_dim'"),
    ],
)
def test_a_misspelt_name_gets_the_one_that_was_meant(arguments, meant):
    result = run(*arguments)
    assert result.exit_code in (1, 2) and f"Did you mean {meant}?" in result.output, result.output


def test_a_file_gives_options_and_flags_win(data, tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is missing: pip install pyyaml")
    (tmp_path / "run.yaml").write_text(
        f"model: dcgan\ndata: {data / 'images'}\nimage_size: 16\nwidth: 2\nbatch_size: 2\nseed: 5\n"
        "set: {latent_dim: 7}\n"
    )
    result = run("train", "--config", tmp_path / "run.yaml", "--seed", 6, "--dry-run")
    assert result.exit_code == 0, result.output
    options = options_of(result.output)
    assert (options["seed"], options["width"], options["set"]) == (6, 2, {"latent_dim": 7})
    assert "2 steps per epoch" in result.output
    refused = run("train", "dcgan", "--data", data / "images", "--image-size", 16, "--dry-run")
    assert "Remedy: a smaller `--batch-size`.\n" in refused.output  # the library's second remedy is Python's
    assert f"{data / 'images'}: 4 images, 16x16 pixels" in result.output
    for text, expected in (("widht: 3", "Did you mean 'width'?"), ("[1]", "must hold options"), ("width: x", "'x'")):
        (tmp_path / "run.yaml").write_text(text)
        assert expected in run("train", "dcgan", "--config", tmp_path / "run.yaml").output
    (tmp_path / "run.json").write_text("{")
    assert "run.json is not a JSON file" in run("train", "dcgan", "--config", tmp_path / "run.json").output


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"set": ["a=1"]}, "--config must have NAME: VALUE pairs as 'set'. Received: ['a=1']"),
        ({"set": "l=1"}, "--config must have NAME: VALUE pairs as 'set'. Received: 'l=1'"),
        ({"epochs": 2.7}, "--config must have an integer as 'epochs'. Received: 2.7"),
        ({"epochs": True}, "--config must have an integer as 'epochs'. Received: True"),
        ({"data": {"a": 1}}, "--config must have a single value as 'data'. Received: {'a': 1}"),
        ({"image_size": 8.5}, "--config must have a size, such as 64 or [48, 64] as 'image_size'. Received: 8.5"),
        ({"skip_broken": "no"}, "--config must have true or false as 'skip_broken'. Received: 'no'"),
        (
            {"loss": "hinge", "set": {"loss": "minimax"}},
            "--loss and --set loss must not both be given. Received: 'hinge'",
        ),
    ],
)
def test_values_of_a_file_are_checked(found, told, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(found))
    result = run("train", "dcgan", "--config", tmp_path / "run.json", "--dry-run")
    assert result.exit_code == 1 and f"Error: {told}" in result.output


def test_null_in_a_file_is_the_default(data, tmp_path):
    nothing = {"set": None, "epochs": None, "loss": None, "skip_broken": None}
    (tmp_path / "run.json").write_text(json.dumps(nothing))
    arguments = ["train", "dcgan", "--data", data / "images", "--batch-size", 2, "--dry-run"]
    assert options_of(run(*arguments, "--config", tmp_path / "run.json").output) == options_of(run(*arguments).output)


def test_a_file_cannot_change_a_run_that_is_resumed(tmp_path):
    (tmp_path / "options.json").write_text('{"model": "gan", "data": "nothing", "epochs": 2, "loss": null}')
    (tmp_path / "more.json").write_text('{"epochs": 5, "learning_rate": 0.5}')
    resume = ["train", "--resume", "--out", tmp_path, "--config", tmp_path / "more.json"]
    told = run(*resume)
    assert told.exit_code == 1
    assert "--resume cannot change options other than --epochs and --steps-per-execution:" in told.output
    assert "\n  learning_rate: None in the run, 0.5 received" in told.output
    (tmp_path / "more.json").write_text('{"epochs": 5}')
    with click.Context(train.command) as context:
        train.command.parse_args(context, list(map(str, resume[1:])))
        found = run_options.merge(context, tmp_path / "more.json", run_options.read_run(tmp_path))
    assert found["epochs"] == 5
    told = run("train", "--resume", "--out", tmp_path, "--loss", "hinge")
    assert "  loss: None in the run, 'hinge' received" in told.output


def test_width_needs_convolutions(data):
    arguments = ["train", "cgan", "--data", data / "labels", "--batch-size", 2, "--width", 2, "--dry-run"]
    told = run(*arguments)
    assert told.exit_code == 1
    assert "--width needs convolutions. Received: 2 for a ConditionalGAN of dense layers. Remedy: --set" in told.output
    assert run(*arguments, "--set", "networks=conv").exit_code == 0


@pytest.mark.parametrize(
    ("text", "value"), [("a=1", 1), ("a=1e-3", 0.001), ("a=null", None), ("a=conv", "conv"), ("a=[1, 2]", [1, 2])]
)
def test_set_reads_json_and_words(text, value):
    assert run_options.parse_assignments(None, None, [text]) == {"a": value}


def test_set_needs_a_name_and_a_value():
    assert "must be NAME=VALUE" in run("train", "dcgan", "--set", "latent_dim").output


def test_options_become_arguments_of_compile():
    import kerasgan

    model = kerasgan.WGANGP(image_size=16, width=2)
    chosen = {"ema_decay": 0.9, "loss": "hinge", "augment": None, "d_steps": 2, "steps_per_execution": None}
    chosen |= {"penalty": "r1,r2", "set": {"latent_dim": 5, "jit_compile": False}, "epochs": 1}
    found = building.training(model, chosen, batches=14)
    expected = {"ema_decay": 0.9, "loss": "hinge", "d_steps": 2, "penalty": ["r1", "r2"], "jit_compile": False}
    assert found == expected | {"steps_per_execution": 7}
    model.compile(**found)  # and `compile` takes them
    assert building.training(model, chosen | {"ema_decay": None}, batches=14)["ema_decay"] == 0.995


@pytest.mark.parametrize(
    ("model", "layout", "settings", "expected"),
    [
        ("pix2pix", "pairs", ["--set", "receptive_field=16"], "Pix2Pix: generator of"),
        ("cyclegan", "domains", ["--set", "blocks=1", "--set", "receptive_field=16"], "CycleGAN: "),
        ("srgan", "images", ["--set", "blocks=1"], "SRGAN: generator of"),
        ("dtn", "domains", [], "DomainTransferNetwork: features of"),
        ("gancls", "captions", [], "GANCLS: generator of"),
        ("cgan", "labels", ["--set", "networks=conv"], "ConditionalGAN: generator of"),
        ("twostream", "views", ["--set", "units=4"], "TwoStreamGenerator: generator of"),
        ("autoencoder", "images", ["--set", "networks=conv", "--set", "code=3"], "Autoencoder: encoder of"),
    ],
)
def test_models_of_pairs_domains_and_texts_are_made_for_their_data(model, layout, settings, expected, data):
    common = ["--image-size", 16, "--width", 2, "--batch-size", 2, *settings, "--dry-run"]
    result = run("train", model, "--data", data / layout, *common)
    assert result.exit_code == 0, result.output
    assert expected in result.output and f"{data / layout}: 4 " in result.output


@pytest.mark.slow
def test_a_model_of_views_is_trained_scored_and_drawn(data, tmp_path):
    out = tmp_path / "run"
    common = ["--image-size", 16, "--width", 2, "--set", "units=4", "--batch-size", 2, "--epochs", 1]
    result = run("train", "twostream", "--data", data / "views", *common, "--out", out)
    assert result.exit_code == 0, result.output
    assert "4 images of objects from known angles" in result.output
    scores = json.loads((out / "score.json").read_text())["scores"]
    assert [(score["metric"], score["num_real"]) for score in scores] == [("l1", 4), ("ssim", 4)]
    drawn = run("generate", out, "--class", 1, "--azimuth", 0, "--azimuth", 45.5, "--out", tmp_path / "drawn")
    assert drawn.exit_code == 0, drawn.output
    assert sorted(p.name for p in (tmp_path / "drawn").iterdir()) == ["class_1_0.png", "class_1_45.5.png"]
    with Image.open(tmp_path / "drawn" / "class_1_0.png") as image:
        assert image.size == (16, 16)
    assert "--class must be one of 0 to 1. Received: '2'" in run("generate", out, "--class", 2).output
    assert "takes no --text" in run("generate", out, "--text", "a chair").output
    for option in ("--seed", "--truncation"):
        assert f"takes no {option}" in run("generate", out, option, 0).output
    twice = run("generate", out, "--class", 1, "--azimuth", 0, "--azimuth", 0, "--out", tmp_path / "twice")
    assert twice.exit_code == 1 and "Received: 'class_1_0' twice" in twice.output


def test_other_models_draw_no_views(saved):
    assert "takes no --azimuth" in run("generate", saved / "dcgan", "--azimuth", 3).output


@pytest.mark.parametrize(("model", "words"), [("dann", "DANN: features of"), ("adda", "discriminator of")])
def test_models_of_adaptation_learn_from_two_data_sets(model, words, data):
    both = f"{data / 'labels'},{data / 'images'}"
    common = ["train", model, "--image-size", 20, "--channels", 1, "--batch-size", 2, "--dry-run"]
    result = run(*common, "--data", both)
    assert result.exit_code == 0, result.output
    assert f"{data / 'labels'}: 4 images per epoch of 2 classes, 20x20 pixels" in result.output
    assert f"{data / 'images'}: 4 images per epoch, 20x20 pixels" in result.output
    assert words in result.output and "2 steps per epoch" in result.output
    assert "two data sets, joined by a comma" in run(*common, "--data", data / "labels").output
    for option, value in (("--width", 4), ("--ema-decay", 0.9), ("--augment", "diffaugment")):
        refused = run(*common, "--data", both, option, value)
        assert refused.exit_code == 1 and f"takes no {option}. Received: {value}" in refused.output
    if model == "dann":
        assert "learning rate schedule" in run(*common, "--data", both, "--learning-rate", 0.1).output


def test_the_length_of_a_training_decides_where_falling_rates_end(data):
    import kerasgan

    model = kerasgan.DANN(image_size=20, num_classes=2)
    options = dict.fromkeys(("ema_decay", "loss", "augment", "d_steps", "steps_per_execution", "penalty"))
    options |= {"epochs": 3, "set": {}}
    assert building.training(model, options, 25) == {"total_steps": 75, "steps_per_execution": 10}
    assert building.training(model, options, 4, several_devices=True) == {"total_steps": 12, "steps_per_execution": 1}


def test_a_resumed_run_of_falling_rates_takes_more_epochs(data, tmp_path):
    both, chosen = f"{data / 'labels'},{data / 'images'}", ["--set", "domain_weight=0.5"]
    common = ["--data", both, "--image-size", 20, "--channels", 1, "--batch-size", 2, *chosen]
    first = run("train", "dann", *common, "--epochs", 1, "--out", tmp_path / "run")
    assert first.exit_code == 0, first.output
    assert json.loads((tmp_path / "run" / "options.json").read_text())["set"] == {"domain_weight": 0.5}
    for epochs in (2, 3):
        more = run("train", "--resume", "--epochs", epochs, "--out", tmp_path / "run")
        assert more.exit_code == 0, more.output
        stored = json.loads((tmp_path / "run" / "options.json").read_text())["set"]
        assert stored == {"domain_weight": 0.5, "total_steps": 2}
        assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 1 + epochs
    again = run("train", "--resume", *chosen, "--out", tmp_path / "run")
    assert again.exit_code == 0 and "belongs to another" not in again.output, again.output


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Compiled models in files: a DCGAN of 16 pixels, and a first stage of texts of two words."""
    import kerasgan

    root = tmp_path_factory.mktemp("saved")
    words = kerasgan.text.BagOfWords(["a", "b", "c", "d", "number"])
    stage1 = kerasgan.StackGANStage1(image_size=16, text_dim=5, width=2, latent_dim=3, condition_dim=3, encoder=words)
    for name, model in (("dcgan", kerasgan.DCGAN(image_size=16, width=2)), ("stage1", stage1)):
        model.compile()
        (root / name).mkdir()
        model.save(root / name / "model.keras")
    (root / "stage1" / "encoder.json").write_text(json.dumps({"vocabulary": words.vocabulary}))
    return root


def test_a_training_begins_with_a_trained_model(data, saved):
    common = ["train", "dcgan", "--data", data / "images", "--batch-size", 2, "--from", saved / "dcgan", "--dry-run"]
    result = run(*common, "--learning-rate", 0.5, "--set", "jit_compile=false")
    assert result.exit_code == 0, result.output
    assert "images of 16x16 pixels and 3 channels" in result.output
    assert options_of(result.output)["source"] == str(saved / "dcgan")
    for more, message in (
        (["--image-size", 32], "`--image-size` must be 16, as in"),
        (["--width", 4], "--width cannot be changed with --from"),
        (["--set", "latent_dim=4"], "argument of its compile(). Received: 'latent_dim'"),
        (["--precision", "mixed_bfloat16"], "--precision must be float32, as in"),
    ):
        refused = run(*common, *more)
        assert refused.exit_code == 1 and message in refused.output, refused.output
    other = run("train", "wgan", "--data", data / "images", "--from", saved / "dcgan", "--dry-run")
    assert other.exit_code == 1 and "--from must name a WGAN. Received: " in other.output and "a DCGAN" in other.output


@pytest.mark.slow
def test_the_second_stage_begins_with_the_first(data, saved):
    small = ["--data", data / "captions", "--width", 2, "--batch-size", 2, "--dry-run"]
    settings = ["--set", "blocks=1", "--set", "condition_dim=3"]
    common = ["train", "stackganstage2", *small, *settings]
    result = run(*common, "--from", saved / "stage1", "--image-size", 32)
    assert result.exit_code == 0, result.output
    assert "images of 32x32 pixels and 3 channels" in result.output and "StackGANStage2: generator of" in result.output
    assert "images of 64x64 pixels" in run(*common, "--from", saved / "stage1").output  # four times the first's
    assert "needs a trained StackGANStage1: name its run with --from" in run(*common).output
    assert "must name a StackGANStage2" in run(*common, "--from", saved / "dcgan").output
    assert "two stages: first stackganstage1, then stackganstage2 with --from" in run("train", "stackgan").output


def test_a_rate_is_that_of_every_optimizer():
    import kerasgan

    for model in (kerasgan.WGANGP(image_size=16, width=2), kerasgan.Autoencoder(8, networks="conv", width=2, code=2)):
        model.compile()
        building.set_rate(model, 3e-4)
        assert [float(optimizer.learning_rate) for optimizer in model.optimizers] == pytest.approx(
            [3e-4] * len(model.optimizers)
        )


def test_a_folder_of_another_layout_is_refused_with_the_one_that_is_needed(data, tmp_path):
    result = run("train", "pix2pix", "--data", data / "labels", "--out", tmp_path / "run")
    assert result.exit_code == 1 and "must hold pairs" in result.output
    assert "It holds 4 images of 2 classes" in result.output and not (tmp_path / "run").exists()


def test_a_size_is_a_side_or_height_and_width(data, tmp_path):
    size = run_options.Size()
    assert [size.convert(text, None, None) for text in ("64", "48x64", "64X64", [48, 64], 8)] == [
        64,
        (48, 64),
        64,
        (48, 64),
        8,
    ]
    for wrong in ("48x", "axb", "1x2x3", "0", "-4x8", "4.5"):
        with pytest.raises(click.BadParameter, match="HEIGHTxWIDTH, such as 48x64"):
            size.convert(wrong, None, None)
    common = ["train", "dcgan", "--data", data / "pairs", "--width", 2, "--batch-size", 2, "--dry-run"]
    result = run(*common, "--image-size", "16x28", "--resize", "pad")
    assert result.exit_code == 0, result.output
    assert "images of 16x28 (height x width) pixels and 3 channels" in result.output
    stored = options_of(result.output)
    assert stored["image_size"] == [16, 28] and stored["resize"] == "pad"
    (tmp_path / "options.json").write_text(json.dumps(stored))
    again = run("train", "--config", tmp_path / "options.json", "--dry-run")
    assert again.exit_code == 0 and options_of(again.output) == stored
    assert "--resize is for photos" in run(*common, "--resize", "pad", "--data", "glyphs").output


def test_messages_name_the_options(data):
    result = run("train", "dcgan", "--data", data / "images", "--dry-run")
    assert result.exit_code == 1 and "`--batch-size` must be at most 4" in result.output
    context = click.Context(train.command, info_name="train")
    context.meta["settable"] = {"latent_dim", "l1_weight"}
    told = in_options("`image_size` and `latent_dim`; pass `on_error='skip'`, `l1_weight=0`; see `fit`", context)
    assert told == "`--image-size` and `--set latent_dim=VALUE`; pass `--skip-broken`, `--set l1_weight=0`; see `fit`"


def test_broken_images_are_left_out_on_request(data, tmp_path):
    for number in range(3):
        picture(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "broken.png").write_bytes(b"")
    common = ["train", "dcgan", "--data", tmp_path / "photos", "--image-size", 16, "--width", 2, "--batch-size", 3]
    refused = run(*common, "--dry-run")
    assert refused.exit_code == 1 and "broken.png" in refused.output and "`--skip-broken`" in refused.output
    with pytest.warns(UserWarning, match="broken.png"):
        skipped = run(*common, "--skip-broken", "--dry-run")
    assert skipped.exit_code == 0 and "1 steps per epoch" in skipped.output


def test_an_interrupted_run_prints_the_line_that_goes_on(tmp_path):
    class Model:
        def fit(self, *args, **kwargs):
            raise SystemExit(130)

    import kerasgan

    options = {"epochs": 1}
    out = tmp_path / "my run"

    @click.command()
    def interrupted():
        train._fit(kerasgan, Model(), None, out, options, resume=False, writes=True)

    result = CliRunner().invoke(interrupted, [])
    assert result.exit_code == 130
    assert f"Continue with: kerasgan train --resume --out '{out}'" in result.output


def test_resume_needs_a_run(tmp_path):
    result = run("train", "--resume", "--out", tmp_path)
    assert result.exit_code == 1 and "options.json" in result.output
    assert run("train", "--resume").exit_code == 1
    assert run("train").exit_code == 2


@pytest.mark.slow
def test_films_of_a_folder_are_trained_on_and_painted(tmp_path):
    """Films of nine frames, in which a square moves over a ground."""
    for name in ("one", "two"):
        for i in range(9):
            labels = np.zeros((16, 16), "uint8")
            labels[4:10, i : i + 6] = 1
            for side, array in (("A", labels), ("B", np.stack([80 + 100 * labels] * 3, axis=-1))):
                path = tmp_path / "films" / f"train_{side}" / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    options = ["--width", 2, "--epochs", 1, "--set", "blocks=1", "--set", "scales=1", "--set", "receptive_field=16"]
    options += ["--set", "downsamplings=2"]
    trained = run("train", "vid2vid", "--data", tmp_path / "films", *options, "--out", tmp_path / "run")
    assert trained.exit_code == 0, trained.output
    assert "18 frames of 2 films with label maps, 16x16 pixels" in trained.output and "score:" in trained.output
    film = tmp_path / "films" / "train_A" / "one"
    first = tmp_path / "films" / "train_B" / "one"
    done = run("translate", tmp_path / "run", film, "--first", first, "--out", tmp_path / "out")
    assert done.exit_code == 0 and len(list((tmp_path / "out").glob("*.png"))) == 9, done.output
    (film / "8.png").unlink(), (film / "7.png").unlink(), (first / "8.png").unlink(), (first / "7.png").unlink()
    refused = run("train", "vid2vid", "--data", tmp_path / "films", *options, "--out", tmp_path / "other")
    assert refused.exit_code == 1 and "one: 7 frames, fewer than 8" in refused.output, refused.output
    assert "num_frames" not in refused.output and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "glyphs", "--skip-broken"], "--skip-broken is for folders of images. Received: --data glyphs"),
        (["--data", "mnist", "--skip-broken"], "--skip-broken is for folders of images. Received: --data mnist"),
        (["--data", "chairs", "--image-size", 32], "'chairs', which is for the task 'views'"),
        (["--data", "chairs", "--resize", "pad"], "--resize is for photos"),
        (["--learning-rate", 0], "--learning-rate"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(arguments, message):
    result = run("train", "dcgan", *arguments, "--width", 2, "--dry-run")
    assert result.exit_code in (1, 2) and message in result.output and "bug" not in result.output, result.output
