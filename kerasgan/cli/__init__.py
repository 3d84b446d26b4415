"""The command line: parses, calls the library, prints. TensorFlow is imported only by commands that need it."""

import functools
import json
import os
import sys
from pathlib import Path

import click

SCORED_IMAGES = 2_000


def errors_without_traceback(command):
    """Prints what a user can act on as one line and exits with 1; `--debug` shows the traceback."""

    @functools.wraps(command)
    def wrapper(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError) as error:
            if click.get_current_context().find_root().params["debug"]:
                raise
            raise click.ClickException(str(error)) from error

    return wrapper


def library():
    """Imports kerasgan with TensorFlow's start-up messages off."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
    """Train, sample, score and export generative adversarial networks."""


@main.command()
@click.argument("model")
@click.option("--data", default="glyphs", show_default=True, help="glyphs, a tensorflow-datasets name, or a folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/MODEL_DATA]")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1))
@click.option("--image-size", type=int, help="Side of the images.  [default: the data's]")
@click.option("--channels", type=click.Choice(["1", "3"]), help="Grey or colour.  [default: the data's]")
@click.option("--width", default=32, show_default=True, type=click.IntRange(1), help="Channels next to the image.")
@click.option("--ema-decay", default=0.995, show_default=True, type=click.FloatRange(0, 1, max_open=True))
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--resume", is_flag=True, help="Continue the run in --out where it stopped.")
@click.option("--dry-run", is_flag=True, help="Print the options and the sizes of the networks; train nothing.")
@errors_without_traceback
def train(model, data, out, resume, dry_run, **options):
    """Train MODEL and write a run folder: options, log, sample grids, checkpoints, weights, score and SavedModel.

    \b
    Example:
        kerasgan train dcgan --data mnist --epochs 20 --width 48 --out runs/digits
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

    keras.utils.set_random_seed(options["seed"])
    keras.config.set_dtype_policy(options["precision"])
    network = _model_class(kerasgan, model)
    labels = "num_classes" in _arguments(network)
    load = functools.partial(
        kerasgan.data.load,
        data,
        image_size=options["image_size"],
        channels=options["channels"] and int(options["channels"]),
        batch_size=options["batch_size"],
        labels=labels,
    )
    dataset = load(seed=options["seed"])
    gan = _build(network, dataset, options)
    gan.compile(ema_decay=options["ema_decay"], steps_per_execution=min(10, int(dataset.cardinality())))
    click.echo(f"{network.__name__}: {gan.count_params():,} parameters, {int(dataset.cardinality())} steps an epoch")
    if dry_run:
        click.echo(json.dumps(options, indent=2))
        return

    with replacing(out / "options.json") as temporary:
        temporary.write_text(json.dumps(options, indent=2))
    guard = kerasgan.callbacks.StopOnNonFinite()
    gan.fit(
        dataset,
        epochs=options["epochs"],
        callbacks=[
            kerasgan.callbacks.Checkpoint(out / "checkpoints"),
            kerasgan.callbacks.SampleGrid(out / "samples"),
            keras.callbacks.CSVLogger(out / "log.csv", append=resume),
            guard,
        ],
    )
    if guard.stopped_on:
        raise ValueError(f"Training stopped: {guard.stopped_on}. The last finite state is in {out / 'checkpoints'}.")
    with replacing(out / "model.keras") as temporary:
        gan.save(temporary)
    kerasgan.plots.history(out / "log.csv", out / "curves.png")
    score = _score(kerasgan, gan, load(split=_test_split(data), shuffle=False), data)
    with replacing(out / "score.json") as temporary:
        temporary.write_text(score.to_json())
    served = gan.export(out / "export")
    click.echo(f"sample grid:  {sorted((out / 'samples').glob('epoch_*.png'))[-1]}")
    click.echo(f"curves:       {out / 'curves.png'}")
    click.echo(f"score:        {score}")
    click.echo(f"model:        {out / 'model.keras'}")
    click.echo(f"SavedModel:   {served}")


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--zoo", "zoo_name", help="Sample a model of the zoo instead of a run.")
@click.option("--num-images", default=64, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--out", type=click.Path(path_type=Path), default="samples.png", show_default=True)
@errors_without_traceback
def generate(run, zoo_name, num_images, seed, out):
    """Draw a grid of samples of the model in the folder RUN, or of a zoo model.

    \b
    Example:
        kerasgan generate --zoo dcgan_mnist --num-images 100 --out digits.png
    """
    kerasgan, model = _model(run, zoo_name)
    images = model.generate(num_images, seed=seed)
    kerasgan.plots.save_png(out, kerasgan.plots.image_grid(images))
    click.echo(out)


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--zoo", "zoo_name", help="Score a model of the zoo instead of a run.")
@click.option("--against", required=True, help="glyphs, a tensorflow-datasets name, or a folder.")
@click.option("--metrics", default="fd,kd,pr", show_default=True, help="Among fd, kd, pr, dc, is.")
@click.option("--extractor", help="mnist, fashion_mnist, efficientnet_lite0, ...  [default: by the data]")
@click.option("--num-images", default=10_000, show_default=True, type=click.IntRange(2))
@click.option("--seed", default=0, show_default=True, type=int)
@errors_without_traceback
def evaluate(run, zoo_name, against, metrics, extractor, num_images, seed):
    """Score the model in the folder RUN, or a zoo model, against a data set's test images.

    \b
    Example:
        kerasgan evaluate --zoo dcgan_mnist --against mnist --metrics fd,pr
    """
    kerasgan, model = _model(run, zoo_name)
    split = _test_split(against)
    real = kerasgan.data.load(
        against,
        split=split,
        image_size=model.image_size,
        channels=model.channels,
        num_images=num_images,
        shuffle=False,
        drop_remainder=False,
    )
    scores = kerasgan.metrics.score_images(
        real,
        model.generate(num_images, seed=seed),
        metrics=metrics.split(","),
        extractor=extractor or _extractor(against),
        dataset=against,
        split=split,
        seed=seed,
        verbose=1,
    )
    for score in scores.values():
        click.echo(score)


@main.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--zoo", "zoo_name", help="Export a model of the zoo instead of a run.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder; a numbered version goes into it.")
@errors_without_traceback
def export(run, zoo_name, out):
    """Write a SavedModel of the model in the folder RUN, or of a zoo model, for model servers.

    \b
    Example:
        kerasgan export runs/digits --out served/digits
    """
    _, model = _model(run, zoo_name)
    click.echo(model.export(out))


@main.group()
def zoo():
    """List, show and verify the pretrained models."""


@zoo.command("list")
@click.argument("pattern", default="*")
@errors_without_traceback
def zoo_list(pattern):
    """List the models whose names match PATTERN."""
    for entry in library().zoo.list_models(pattern):
        size = f"{entry['size'] / 1e6:.1f} MB"
        click.echo(f"{entry['name']:28} {size:>8}  {entry['metric']} {entry['value']:.4g}  {entry['description']}")


@zoo.command("show")
@click.argument("name")
@errors_without_traceback
def zoo_show(name):
    """Print the card of the model NAME."""
    click.echo(json.dumps(library().zoo.card(name), indent=2))


@zoo.command("verify")
@click.argument("name")
@click.option("--scores", is_flag=True, help="Also compute the scores anew: needs the data, takes minutes.")
@errors_without_traceback
def zoo_verify(name, scores):
    """Check the files, the recorded sample and, with --scores, the scores of the model NAME."""
    report = library().zoo.verify(name, scores=scores)
    click.echo(json.dumps(report, indent=2))
    if not report["holds"]:
        sys.exit(1)


def _read_options(out):
    path = out / "options.json"
    return json.loads(path.read_text()) if path.exists() else None


def _arguments(network):
    import inspect

    return inspect.signature(network.__init__).parameters


def _model_class(kerasgan, name):
    """The model of that name that learns from images or labelled images; the others are trained from Python."""
    known = {
        attribute.lower(): value
        for attribute, value in vars(kerasgan).items()
        if isinstance(value, type) and issubclass(value, kerasgan.GAN) and not issubclass(value, kerasgan.GANCLS)
    }
    if name.lower() not in known:
        raise ValueError(f"MODEL must be one of {sorted(known)}. Received: {name!r}")
    return known[name.lower()]


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


def _model(run, zoo_name):
    """Loads the model of a run folder or of the zoo."""
    if (run is None) == (zoo_name is None):
        raise ValueError("Name either the folder of a run or a model of the zoo with --zoo.")
    kerasgan = library()
    if zoo_name:
        return kerasgan, kerasgan.zoo.load(zoo_name)
    import keras

    path = run / "model.keras"
    if not path.exists():
        raise ValueError(f"{path} does not exist: is {run} the folder of a finished run?")
    return kerasgan, keras.models.load_model(path)


def _test_split(data):
    return "train" if os.sep in data else "test"


def _extractor(data):
    """The shipped classifier of that data; MNIST's, which knows strokes, for everything else."""
    return "fashion_mnist" if data == "fashion_mnist" else "mnist"


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
        split=_test_split(data),
        seed=1,
    )
    return scores["frechet_distance"]


if __name__ == "__main__":
    main()
