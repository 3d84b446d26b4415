"""Training."""

import functools
import json
import shlex
import traceback
import warnings
from pathlib import Path

import click

from kerasgan_cli import options as run_options
from kerasgan_cli.building import (
    START,
    build,
    data_shape,
    make_encoder,
    rebuilt_start,
    set_rate,
    starting_model,
    training,
    write_start,
)
from kerasgan_cli.common import PREVIOUS, errors_without_traceback, in_options, is_folder, library, load_model, say
from kerasgan_cli.conditions import write_facts
from kerasgan_cli.names import MODELS, ModelName
from kerasgan_cli.scoring import as_json, score_task, table

DEVICES = ("auto", "default", "mirrored", "multi_worker")
# Batch sizes of the papers, if they differ from 64.
BATCH_SIZES = {"films": 1, "pairs": 1, "label_maps": 1, "domains": 1, "super_resolution": 16}


@click.command("train", epilog=f"MODEL is {', '.join(MODELS)}; cgan and dtn for short.")
@click.argument("model", metavar="MODEL", type=ModelName(), required=False)
@click.option(
    "--data", default="glyphs", show_default=True, help="glyphs[:LETTERS], a tensorflow-datasets name, or a folder."
)
@click.option("--from", "source", metavar="SOURCE", help="Start from a trained model.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/MODEL_DATA]")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(1), help="Images per update of D.  [default: 64, or the paper's]")
@click.option(
    "--image-size", type=run_options.Size(), metavar="SIZE", help="64, or HEIGHTxWIDTH.  [default: the data's]"
)
@click.option(
    "--resize",
    type=click.Choice(["crop", "pad", "stretch"]),
    help="How images of another aspect ratio are resized: crop cuts the longer side, pad adds black bars, stretch "
    "distorts.  [default: crop]",
)
@click.option("--channels", type=click.IntRange(1), help="1 for grey, 3 for colour.  [default: the data's]")
@click.option("--width", type=click.IntRange(1), help="Channels of the layers next to the image.  [default: 32]")
@click.option(
    "--ema-decay",
    type=click.FloatRange(0, 1, max_open=True),
    help="Of the moving average of weights.  [default: 0.995]",
)
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "mixed_bfloat16", "mixed_float16"]),
)
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--loss", help="minimax, non_saturating, least_squares, wasserstein, hinge, ...  [default: the paper's]")
@click.option(
    "--penalty", help="r1, gradient_penalty, bcr, lecam, ...; several joined by commas.  [default: the paper's]"
)
@click.option("--augment", help="diffaugment, adaptive, apa, ...: augmentation of D's inputs.")
@click.option(
    "--learning-rate", type=click.FloatRange(0, min_open=True), help="Rate of all optimizers.  [default: the paper's]"
)
@click.option("--d-steps", type=click.IntRange(1), help="Updates of D per step.  [default: the paper's]")
@click.option(
    "--steps-per-execution",
    type=click.IntRange(1),
    help="Steps per call.  [default: 10; 1 on several devices]",
)
@click.option("--skip-broken", is_flag=True, help="Leave out images that cannot be read.")
@click.option(
    "--set",
    multiple=True,
    metavar="NAME=VALUE",
    callback=run_options.parse_assignments,
    help="Any other argument of the model or of its compile(). Repeatable.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Reads options from JSON or YAML, such as a run's options.json. Flags override them.",
)
@click.option(
    "--devices", default="auto", show_default=True, type=click.Choice(DEVICES), help="See tutorials/scaling.md."
)
@click.option("--resume", is_flag=True, help="Continue the run in --out where it stopped, with its own options.")
@click.option("--dry-run", is_flag=True, help="Print the options and the sizes of the networks; train nothing.")
@click.pass_context
@errors_without_traceback
def command(context, out, devices, resume, dry_run, config, **_):
    """Train MODEL and write a run folder: options, log, curves, sample grids, a log for TensorBoard, checkpoints,
    weights, score, SavedModel and a report.

    The layout of a data folder depends on the model: images; a sub-folder for each class; pairs side by side; trainA
    and trainB; photos in images and label maps in labels; train_A with the label maps and train_B with the frames, both
    with a sub-folder for each film; images and a metadata.jsonl with captions. adda, dann and semisupervisedgan need
    two data sets: the first with classes, the second without.

    --from starts from a trained model and keeps its sizes. SOURCE is the folder of a finished run or a preset, a .keras
    file, or the name of a model of the zoo (kerasgan zoo list). stackganstage2 and adda are trained in two parts: pass
    the result of the first part as --from.

    \b
    Examples:
        kerasgan train dcgan --data mnist --epochs 20 --width 48 --out runs/digits
        kerasgan train cgan --data glyphs:ABC --channels 1 --set networks=conv
        kerasgan train pix2pix --data ./pairs --image-size 128 --set l1_weight=50
        kerasgan train pix2pixhd --data ./streets --image-size 192x256 --set phase=global --out runs/half
        kerasgan train pix2pixhd --data ./streets --image-size 192x256 --from runs/half --out runs/streets
        kerasgan train dcgan --data ./wide --image-size 48x64 --resize pad
        kerasgan train dcgan --data ./photos --image-size 64 --augment diffaugment --dry-run
        kerasgan train dcgan --from dcgan_mnist --data ./signs --channels 1 --augment diffaugment --out runs/signs
        kerasgan train adda --data svhn_cropped,mnist --image-size 28 --channels 1 --set phase=source --out runs/svhn
        kerasgan train adda --data svhn_cropped,mnist --image-size 28 --channels 1 --from runs/svhn --out runs/adapted
        kerasgan train stackganstage2 --data ./flowers --from runs/stage1 --image-size 128 --set blocks=2
        kerasgan train --resume --out runs/digits
    """
    found = run_options.read_run(out) if out else None
    if resume and not found:
        raise ValueError(f"--resume needs --out with the folder of a run (with an options.json). Received: {out}")
    options = run_options.merge(context, config, found if resume else None)
    if options["model"] is None:
        raise click.UsageError("Missing argument 'MODEL': give MODEL, or --config, or --resume with --out.")
    out = out or run_options.default_folder(options["model"], options["data"])
    if not resume and not dry_run and run_options.read_run(out):
        raise ValueError(f"{out} already holds a run: continue it with --resume, or name another folder with --out.")
    kerasgan = library()
    if resume:
        _refuse_lost_checkpoints(kerasgan, out)
    planned = found.get("epochs") if resume else None
    gan, dataset, load = _prepare(
        kerasgan, options, "default" if dry_run else devices, planned, out if resume else None
    )
    if dry_run:
        click.echo(json.dumps(options, indent=2))
        return
    # Only one of several workers writes files. The callbacks of kerasgan check this themselves.
    if not kerasgan.callbacks.checkpoint.is_chief(gan):
        _fit(kerasgan, gan, dataset, out, options, resume, writes=False)
        return
    with kerasgan.locks.FolderLock(out):  # two runs in one folder would mix their files
        if not resume and run_options.read_run(out):
            raise ValueError(f"{out} holds the run of a process that started earlier: name another folder with --out.")
        _fit(kerasgan, gan, dataset, out, options, resume, writes=True)
        _finish(kerasgan, gan, load, out, options)


def _refuse_lost_checkpoints(kerasgan, out):
    """Raises an error if a finished run has no checkpoints, as a training from the start would replace its model."""
    for name in ("model.keras", PREVIOUS):
        if (out / name).exists() and kerasgan.callbacks.Checkpoint.latest(out / "checkpoints") is None:
            raise ValueError(
                f"--resume needs checkpoints. Received: {out} with a {name} but without checkpoints. Remedy: a new run "
                f"with --from {shlex.quote(str(out / name))} and another --out"
            )


def _prepare(kerasgan, options, devices, planned=None, resumed=None):
    """Returns the compiled model, its training data, and the function that reads data. Prints their sizes.

    `planned` and `resumed` are the number of epochs and the folder of a run that is resumed. The schedules of its model
    keep their length.
    """
    import keras

    keras.utils.set_random_seed(options["seed"])
    keras.config.set_dtype_policy(options["precision"])
    strategy = kerasgan.distribute.strategy(devices)
    with strategy.scope():
        rebuilt = rebuilt_start(kerasgan, resumed) if resumed and options["source"] else None
        start = rebuilt or starting_model(kerasgan, options)
    encoder = make_encoder(kerasgan, options | {"source": resumed} if rebuilt else options)
    load = _loader(kerasgan, options, encoder, data_shape(kerasgan, start, options))
    dataset = _read(kerasgan, load, options)
    with strategy.scope():
        gan = build(kerasgan, dataset, options, encoder, start)
    batches = int(dataset.cardinality())
    with strategy.scope():
        together = strategy.num_replicas_in_sync > 1
        asked = options | {"epochs": planned or options["epochs"]}
        settings = training(
            gan, asked, batches, several_devices=together, trained=gan is start and start is not rebuilt
        )
        if asked["epochs"] != options["epochs"] and "total_steps" in settings:
            options["set"] = options["set"] | {"total_steps": settings["total_steps"]}
            say(f"The schedules keep the length of the run, {settings['total_steps']} steps, with --epochs, too.")
        gan.compile(**settings)
        if options["learning_rate"] is not None:
            set_rate(gan, options["learning_rate"])
    parts = {name: getattr(gan, name) for name in gan.network_names}
    sizes = ", ".join(f"{name} of {part.count_params():,} parameters" for name, part in parts.items())
    steps = max(1, batches // gan.batches_per_step)
    height, width = kerasgan.shapes.as_size(gan.image_size)
    size = f"{height}x{width}" if height == width else f"{height}x{width} (height x width)"
    click.echo(f"images of {size} pixels and {gan.channels} channel{'s' * (gan.channels > 1)}")
    click.echo(f"{type(gan).__name__}: {sizes}, {steps} steps per epoch")
    return gan, dataset, load


def _read(kerasgan, load, options):
    """Returns the training data and prints their description."""
    data, seed = options["data"], options["seed"]
    if MODELS[options["model"]] == "some_labels":
        dataset = load(seed=seed)
        for name, part in zip(data.split(","), dataset.parts):
            click.echo(f"{name}: {_found(part)}")
        return dataset
    if not is_folder(data):
        dataset = load(seed=seed)
        click.echo(f"{data}: {_found(dataset)}")
        return dataset
    click.echo(f"{data}: {kerasgan.data.find_layout(data)}")
    return load(seed=seed)


def _found(dataset):
    """Describes a data set that is not a folder."""
    spec = dataset.element_spec[0] if isinstance(dataset.element_spec, tuple) else dataset.element_spec
    classes = f" of {len(dataset.class_names)} classes" if hasattr(dataset, "class_names") else ""
    count = int(dataset.cardinality()) * (spec.shape[0] or 1)
    if len(spec.shape) == 4 and spec.dtype.is_integer:  # the label maps of films
        return f"{count:,} films of {spec.shape[1]} frames per epoch, {spec.shape[3]}x{spec.shape[2]} pixels"
    return f"{count:,} images per epoch{classes}, {spec.shape[2]}x{spec.shape[1]} pixels"


def _loader(kerasgan, options, encoder, shape):
    """Returns the function that reads the data of a run with the size and the channels of `shape`."""
    task, names = MODELS[options["model"]], options["data"].split(",")
    if options["skip_broken"] and not any(is_folder(name.strip()) for name in names):
        raise ValueError(
            f"--skip-broken is for folders of images. Received: --data {options['data']}. Remedy: leave it out"
        )
    if options["resize"] and (
        task == "super_resolution" or names[0].partition(":")[0] in ("glyphs", "chairs", "moving_glyphs")
    ):
        raise ValueError(f"--resize is for photos only, with a fixed image size. Received: {options['resize']}")
    read = functools.partial(
        kerasgan.data.load_for,
        task,
        options["data"],
        **shape,
        resize=options["resize"],
        batch_size=options["batch_size"] or BATCH_SIZES.get(task, 64),
        embeddings=encoder,
        on_error="skip" if options["skip_broken"] else None,
    )

    def load(**changes):
        with warnings.catch_warnings():
            # The description by `find_layout` already lists the files that are left out.
            warnings.filterwarnings("ignore", message=".* are left out, as their endings")
            return read(**changes)

    return load


def _fit(kerasgan, gan, dataset, out, options, resume, writes):
    guard = kerasgan.callbacks.StopOnNonFinite()
    callbacks = [
        kerasgan.callbacks.Checkpoint(out / "checkpoints"),
        kerasgan.callbacks.SampleGrid(out / "samples", log_dir=out / "tensorboard"),
        *(_records(out, options, resume, dataset, getattr(gan, "encoder", None)) if writes else ()),
        guard,
    ]
    try:
        gan.fit(dataset, epochs=options["epochs"], callbacks=callbacks, verbose="auto" if writes else 0)
    except OSError:
        click.echo()  # ends the line of the progress bar
        raise
    except SystemExit:  # the state is saved
        if writes:
            click.echo(f"Continue with: kerasgan train --resume --out {shlex.quote(str(out))}", err=True)
        raise
    if guard.stopped_on:
        state = kerasgan.callbacks.Checkpoint.latest(out / "checkpoints")
        kept = f" The last finite state is {state}." if state else ""
        page = f" See the report {kerasgan.report.write(out)}." if writes else ""
        where = "step {step} (epoch {epoch}): `{name}` is {value}".format(**guard.stopped_on)
        raise ValueError(f"Training stopped at {where}.{kept}{page}")


def _records(out, options, resume, dataset, encoder):
    """Returns the callbacks that write the options and the log, and print the time left."""
    import keras

    from kerasgan.callbacks import CSVLogger
    from kerasgan.files import replacing
    from kerasgan_cli.timing import TimeLeft

    def begin(logs):  # after the data have been checked, so that a run with unsuitable data leaves no folder
        with replacing(out / "options.json") as temporary:
            temporary.write_text(json.dumps(options, indent=2))
        write_facts(out, dataset, encoder)
        if options["source"] and not (out / START).exists():
            write_start(out, writes.model)

    def begin_epoch(epoch, logs):  # a finished run that goes on is not finished any more
        if (out / "model.keras").exists():
            (out / "model.keras").replace(out / PREVIOUS)
        (out / "score.json").unlink(missing_ok=True)

    writes = keras.callbacks.LambdaCallback(on_train_begin=begin, on_epoch_begin=begin_epoch)
    return [writes, TimeLeft(options["epochs"]), CSVLogger(out / "log.csv", append=resume)]


def _finish(kerasgan, gan, load, out, options):
    """Writes the model, curves, export, scores and report, and prints their paths."""
    from kerasgan.files import replacing

    if getattr(gan, "style_dim", 0) and hasattr(gan, "find_styles"):
        gan.find_styles(load(shuffle=False))
    with replacing(out / "model.keras") as temporary:
        gan.save(temporary)
    (out / PREVIOUS).unlink(missing_ok=True)
    gan = load_model(kerasgan, out)  # on one device, as the other workers have ended
    try:
        kerasgan.plots.history(out / "log.csv", out / "curves.png")
    except (OSError, ValueError) as error:  # a log that was removed
        say(f"Warning: the run has no curves. {error}")
    served = gan.export(out / "export")
    scores = _score(kerasgan, gan, load, out, options)
    page = kerasgan.report.write(out)
    grids = kerasgan.callbacks.sample_grid.frames(out / "samples")
    if grids:
        click.echo(f"sample grid:  {[*grids.values()][-1]}")
    if (out / "curves.png").exists():
        click.echo(f"curves:       {out / 'curves.png'}")
    for line in table(scores):
        click.echo(f"score:        {line}")
    click.echo(f"model:        {out / 'model.keras'}")
    click.echo(f"SavedModel:   {served}")
    click.echo(f"report:       {page}")
    click.echo(f"TensorBoard:  tensorboard --logdir {out / 'tensorboard'}")


def _score(kerasgan, gan, load, out, options):
    """Scores the model, writes the scores and returns them. If this fails, a warning names the remedy."""
    from kerasgan.files import replacing

    task, context = MODELS[options["model"]], click.get_current_context()
    (out / "score.json").unlink(missing_ok=True)  # of an earlier state
    try:
        scores = score_task(kerasgan, gan, load, task, options["data"])
    except Exception as error:  # of any library: the run is complete without scores
        if context.find_root().params.get("debug"):
            traceback.print_exc()
        remedy = f"mend the data, then kerasgan train --resume --out {shlex.quote(str(out))}"
        if task in ("images", "labels") and not hasattr(gan, "reconstruct"):
            remedy = f"kerasgan evaluate {shlex.quote(str(out))} --against DATA, with at least 2 images to compare with"
        say(f"Warning: the run has no score. {in_options(str(error), context)}\nRemedy: {remedy}")
        return []
    if scores:
        with replacing(out / "score.json") as temporary:
            temporary.write_text(json.dumps({"scores": as_json(scores)}, indent=2))
    return scores
