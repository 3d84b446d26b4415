"""Exports a model."""

from pathlib import Path

import click

from kerasgan_cli.common import errors_without_traceback, library, load_model
from kerasgan_cli.conditions import copy_facts


@click.command("export")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of a SavedModel, or file.")
@click.option(
    "--format",
    type=click.Choice(["saved_model", "onnx", "litert", "preset"]),
    help="[default: by the ending of --out: .onnx, .tflite, else saved_model]",
)
@click.option("--endpoint", help="The endpoint of an ONNX or LiteRT file.  [default: serving_default]")
@click.option("--batch-size", type=click.IntRange(1), help="Fixes the batch size of an ONNX or LiteRT file.")
@errors_without_traceback
def command(source, out, format, endpoint, batch_size):
    """Export a model: to a SavedModel for model servers, ONNX, LiteRT, or a preset.

    SOURCE is the folder of a finished run or a preset, a .keras file, or the name of a model of the zoo (kerasgan zoo
    list). A SavedModel goes into a numbered folder of --out, as model servers expect. A preset is a folder with
    configuration and weights. Every command accepts it as SOURCE, and kerasgan.load_preset loads it.

    \b
    Examples:
        kerasgan export runs/digits --out served/digits
        kerasgan export dcgan_mnist --out digits.onnx
        kerasgan export dcgan_mnist --out digits.tflite
        kerasgan export runs/digits --out presets/digits --format preset
    """
    endings = {".onnx": "onnx", ".tflite": "litert"}
    format = format or endings.get(out.suffix.lower(), "saved_model")
    if format in ("saved_model", "preset"):
        for option, value in (("--endpoint", endpoint), ("--batch-size", batch_size)):
            if value is not None:
                raise ValueError(
                    f"{option} is for the formats onnx and litert. Received: {value!r} for the format {format}. "
                    f"Remedy: leave out {option}, or name another --format"
                )
    kerasgan = library()
    model = load_model(kerasgan, source)
    if format in ("onnx", "litert") and model.dtype_policy.compute_dtype != "float32":
        raise ValueError(
            f"SOURCE must be a float32 model for the format {format}. Received: {model.dtype_policy.name!r}. "
            "Remedy: --format saved_model, or train with --precision float32"
        )
    if format == "preset":
        if not hasattr(model, "save_to_preset"):
            raise ValueError(
                f"--format preset is for models that are trained by kerasgan train. Received: {source!r}, a "
                f"{type(model).__name__}. Remedy: --format saved_model, onnx or litert"
            )
        model.save_to_preset(out)
        copy_facts(kerasgan, model, source, out)
        click.echo(out)
        return
    click.echo(model.export(out, format=format, endpoint=endpoint, batch_size=batch_size))
