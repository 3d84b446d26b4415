"""Options for the condition of samples: classes, texts, attributes, seeds."""

import json
import shutil
from pathlib import Path

import click

CLASSES, ENCODER = "classes.json", "encoder.json"  # files of a run


def condition_options(command):
    """Adds the options --class, --text and --attributes."""
    for option in (
        click.option("--attributes", multiple=True, metavar="NAME=NUMBER", help="An attribute, such as slant=0.5."),
        click.option("--text", "texts", multiple=True, help="A text, for text-to-image models. Repeatable."),
        click.option(
            "--class",
            "classes",
            multiple=True,
            help="A class by name or number; NAME=CLASS if there are several sets. Repeatable.",
        ),
    ):
        command = option(command)
    return command


def parse_seeds(context, parameter, value):
    """Parses 0-99, or 1,5,9, or a mixture of both."""
    if value is None:
        return None
    seeds = []
    try:
        for part in value.split(","):
            first, dash, last = part.partition("-")
            found = range(int(first), int(last) + 1) if dash else [int(first)]
            if not found:
                raise ValueError(part)
            seeds += found
    except ValueError:
        seeds = []
    if not seeds:
        raise click.BadParameter(f"must be like 0-99 or 1,5,9. Received: {value!r}")
    return seeds


def find_condition(kerasgan, model, source, classes, texts, attributes, count):
    """Returns the condition of `count` images for `kerasgan.latent.decode`, or None."""
    import numpy as np

    if hasattr(model, "embed"):
        _refuse(model, classes=classes, attributes=attributes)
        if not texts:
            raise ValueError(f"A {type(model).__name__} needs --text. Received: no text")
        if model.encoder is None:
            model.set_encoder(encoder_of(kerasgan, source))
        _refuse_fewer(count, "--text", texts)
        return list(texts)
    if not getattr(model, "condition_names", ()):
        _refuse(model, classes=classes, texts=texts, attributes=attributes)
        return None
    _refuse(model, texts=texts)
    given = _by_set(model, classes, source) | _by_attribute(model, attributes)
    condition = {}
    for name, size in {**model.label_sets, **model.attribute_sets}.items():
        kind = "int32" if name in model.label_sets else "float32"
        if name in given:  # nearly equal shares of the images
            _refuse_fewer(count, "--class" if kind == "int32" else "--attributes", given[name])
            condition[name] = np.asarray(given[name], kind)[np.arange(count) * len(given[name]) // count]
        else:
            values = range(size) if kind == "int32" else [0.0]
            condition[name] = np.repeat(np.asarray(values, kind), -(-count // len(values)))[:count]
    return condition


def _refuse_fewer(count, option, values):
    """Raises an error if there are fewer images than values of an option, as some would not be drawn."""
    if count < len(values):
        raise ValueError(
            f"{option} must be given at most as often as there are images. Received: {len(values)} times {option} for "
            f"{count} image{'s' * (count > 1)}. Remedy: more images, or {option} less often"
        )


def _refuse(model, **given):
    names = {"classes": "--class", "texts": "--text", "attributes": "--attributes"}
    for name, values in given.items():
        if values:
            raise ValueError(f"A {type(model).__name__} takes no {names[name]}. Received: {', '.join(values)}")


def facts_of(source):
    """Returns the folder with the files of `write_facts`: a run or a preset, or the folder of a .keras file."""
    path = Path(source)
    return path.parent if path.suffix == ".keras" and path.is_file() else path


def class_names(source):
    """Returns the names of the classes of a run, or an empty list if the source is not a run."""
    known = facts_of(source) / CLASSES
    return json.loads(known.read_text()) if known.exists() else []


def _by_set(model, classes, source):
    names = class_names(source)
    chosen = {}
    for text in classes:
        label_set, equals, value = text.rpartition("=")
        label_set = label_set if equals else next(iter(model.label_sets), "")
        if label_set not in model.label_sets:
            raise ValueError(f"--class must name one of the sets {list(model.label_sets)}. Received: {text!r}")
        if value in names:
            number = names.index(value)
        elif value.isdecimal() and int(value) < model.label_sets[label_set]:
            number = int(value)
        else:
            expected = f"one of {names}" if names else f"a number below {model.label_sets[label_set]}"
            raise ValueError(f"--class must be {expected}. Received: {value!r}")
        chosen.setdefault(label_set, []).append(number)
    return chosen


def _by_attribute(model, attributes):
    chosen = {}
    for text in attributes:
        name, _, value = text.partition("=")
        if name not in model.attribute_sets:
            raise ValueError(f"--attributes must name one of {list(model.attribute_sets)}. Received: {text!r}")
        try:
            chosen.setdefault(name, []).append(float(value))
        except ValueError:
            raise ValueError(f"--attributes must be like {name}=0.5. Received: {text!r}") from None
    return chosen


def find_views(kerasgan, model, source, classes, azimuths, elevation):
    """Returns the classes and the views for a `FromViews` model: each class from all azimuths."""
    import numpy as np

    names = class_names(source) or [str(number) for number in range(model.num_classes)]
    for name in classes:
        if name not in names:
            raise ValueError(f"--class must be one of {names[0]} to {names[-1]}. Received: {name!r}")
    numbers = [names.index(name) for name in classes or names]
    turned = np.tile(azimuths, len(numbers))
    return np.repeat(np.array(numbers, "int32"), len(azimuths)), kerasgan.data.view_vectors(turned, elevation)


def write_facts(out, dataset, encoder):
    """Writes the files that `generate` needs: the names of the classes and the text encoder."""
    from kerasgan.files import replacing

    facts = {}
    if hasattr(dataset, "class_names"):
        facts[CLASSES] = dataset.class_names
    if encoder is not None:
        facts[ENCODER] = {"vocabulary": getattr(encoder, "vocabulary", None)}
    for name, content in facts.items():
        with replacing(out / name) as temporary:
            temporary.write_text(json.dumps(content))


def copy_facts(kerasgan, model, source, out):
    """Writes the files of `write_facts` that are known for a model into its preset."""
    for name in (CLASSES, ENCODER):
        if (facts_of(source) / name).is_file():
            shutil.copyfile(facts_of(source) / name, out / name)
    if hasattr(model, "embed") and not Path(source).exists():  # of the zoo
        (out / ENCODER).write_text(json.dumps({"vocabulary": _vocabulary(kerasgan, source)}))


def encoder_of(kerasgan, source):
    """Returns the text encoder of the model of a run or of the zoo."""
    vocabulary = _vocabulary(kerasgan, source)
    return kerasgan.text.BagOfWords(vocabulary) if vocabulary else kerasgan.text.SentenceEncoder()


def _vocabulary(kerasgan, source):
    """Returns the words of the text encoder of a run or of the zoo, or None for the pretrained encoder of sentences."""
    path = facts_of(source) / ENCODER
    if path.exists():
        return json.loads(path.read_text())["vocabulary"]
    if not Path(source).exists():
        recipe = kerasgan.zoo.recipe(source)
        return recipe.encoder().vocabulary if hasattr(recipe, "encoder") else None
    raise ValueError(f"{source} has no text encoder: expected the file {path}.")
