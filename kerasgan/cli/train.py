"""Training."""

import functools
import json
import math
import time
from pathlib import Path

import click

from kerasgan_cli.common import (
    default_extractor,
    errors_without_traceback,
    library,
    load_model,
    scoring_split,
    stated_split,
)

SCORED_IMAGES = 2_000
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


@click.command("train")
@click.argument("model", metavar="MODEL", type=click.Choice(MODELS, case_sensitive=False))
@click.option("--data", default="glyphs", show_default=True, help="glyphs, a tensorflow-datasets name, or a folder.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/MODEL_DATA]")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(1), help="Images an update of D.  [default: 64]")
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
def command(model, data, out, devices, resume, dry_run, **options):
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
    _check_run(out, options, resume, dry_run)
    kerasgan = library()
    import keras

    keras.utils.set_random_seed(options["seed"])
    keras.config.set_dtype_policy(options["precision"])
    load = _loader(kerasgan, options)
    gan, dataset = _prepare(kerasgan, load, options, "default" if dry_run else devices)
    sizes = (f"{part.name} of {part.count_params():,} parameters" for part in (gan.generator, gan.discriminator))
    steps = max(1, int(dataset.cardinality()) // gan.batches_per_step)
    click.echo(f"{type(gan).__name__}: {', '.join(sizes)}, {steps} steps an epoch")
    if dry_run:
        click.echo(json.dumps(options, indent=2))
        return
    # Of several workers one writes; the callbacks of kerasgan know by themselves.
    writes = kerasgan.callbacks.checkpoint.is_chief(gan)
    if not writes:
        _fit(kerasgan, gan, dataset, out, options, resume, writes)
        return
    with kerasgan.locks.FolderLock(out):  # two runs in one folder would mix their files
        if not resume and _read_options(out):
            raise ValueError(f"{out} holds a run by now, of a process that began before this one: name another --out.")
        _fit(kerasgan, gan, dataset, out, options, resume, writes)
        _finish(kerasgan, gan, load, out, data)


def _check_run(out, options, resume, dry_run):
    """Refuses to write over a run, and to resume one with other options."""
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


def _loader(kerasgan, options):
    """Returns the function that reads the data of a run."""
    return functools.partial(
        kerasgan.data.load,
        options["data"],
        image_size=options["image_size"],
        channels=options["channels"] and int(options["channels"]),
        batch_size=options["batch_size"] or 64,
        labels="num_classes" in _arguments(_classes(kerasgan)[options["model"]]),
    )


def _prepare(kerasgan, load, options, devices):
    """Returns the compiled model and its training data."""
    strategy = kerasgan.distribute.strategy(devices)
    dataset = load(seed=options["seed"])
    with strategy.scope():
        gan = _build(_classes(kerasgan)[options["model"]], dataset, options)
    steps = max(1, int(dataset.cardinality()) // gan.defaults().get("d_steps", 1))
    at_once = 1 if strategy.cluster_resolver else min(10, steps)
    with strategy.scope():
        gan.compile(ema_decay=options["ema_decay"], steps_per_execution=at_once)
    return gan, dataset


def _fit(kerasgan, gan, dataset, out, options, resume, writes):
    guard = kerasgan.callbacks.StopOnNonFinite()
    callbacks = [
        kerasgan.callbacks.Checkpoint(out / "checkpoints"),
        kerasgan.callbacks.SampleGrid(out / "samples", log_dir=out / "tensorboard"),
        *(_records(out, options, resume) if writes else ()),
        guard,
    ]
    try:
        gan.fit(dataset, epochs=options["epochs"], callbacks=callbacks)
    except OSError:
        click.echo()  # the line of the progress bar has no end yet
        raise
    if guard.stopped_on:
        state = kerasgan.callbacks.Checkpoint.latest(out / "checkpoints")
        kept = f" The last finite state is {state}." if state else ""
        page = f" {kerasgan.report.write(out)} shows the way there." if writes else ""
        where = "step {step} (epoch {epoch}): `{name}` is {value}".format(**guard.stopped_on)
        raise ValueError(f"Training stopped at {where}.{kept}{page}")


def _records(out, options, resume):
    """Returns the callbacks that write the options and the log, and tell the time left."""
    import keras

    from kerasgan.callbacks import CSVLogger
    from kerasgan.files import replacing

    def begin(logs):  # once the data have been found fit, so that a refused run leaves no folder in the way
        with replacing(out / "options.json") as temporary:
            temporary.write_text(json.dumps(options, indent=2))

    shows = {"on_train_begin": begin, "on_epoch_begin": _TimeLeft(options["epochs"])}
    return [keras.callbacks.LambdaCallback(**shows), CSVLogger(out / "log.csv", append=resume)]


def _finish(kerasgan, gan, load, out, data):
    """Writes the model, curves, score, export and page, and names them."""
    from kerasgan.files import replacing

    with replacing(out / "model.keras") as temporary:
        gan.save(temporary)
    gan = load_model(kerasgan, out)  # on one device: the other workers are gone
    kerasgan.plots.history(out / "log.csv", out / "curves.png")
    score = _score(kerasgan, gan, load(split=scoring_split(data), shuffle=False), data)
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


def _score(kerasgan, model, real, data):
    """The Fréchet distance of as many samples as there are test images, 2,000 at most."""
    import numpy as np

    batches = [batch[0] if isinstance(batch, tuple) else batch for batch in real.as_numpy_iterator()]
    images = np.concatenate(batches)[:SCORED_IMAGES]
    scores = kerasgan.metrics.score_images(
        images,
        model.generate(len(images), seed=1),
        metrics=["fd"],
        extractor=default_extractor(data),
        dataset=data,
        split=stated_split(data),
        seed=1,
    )
    return scores["frechet_distance"]
