"""A web page that runs a generator in the browser. Its files are static and load nothing from elsewhere."""

import base64
import hashlib
import importlib.resources
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import numpy as np

from kerasgan import export, latent
from kerasgan.data import checks
from kerasgan.downloads import cache_folder, is_offline, make_cache_folder
from kerasgan.files import sha256_of
from kerasgan.models.tasks.views import FromViews
from kerasgan.plots import color_labels, save_png, visible
from kerasgan.shapes import as_size

RUNTIME = "onnxruntime-web@1.30.0"
# SHA-256 of the files of that package which the page loads.
RUNTIME_FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
# The size and the hash of the whole package, from npm's registry.
RUNTIME_BYTES = 33106585
RUNTIME_SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
PAGE = ("index.html", "app.js", "random.js", "style.css")


DIRECTIONS, TRUNCATION = 3, 0.7  # the paper's psi
WIDEST = 24  # pixels, the largest width of the pen
SHARE = 64  # the width of the canvas relative to the pen, if the example has no lines


def write(model, folder, title=None, class_names=None, texts=None, runtime=None, seed=1, labels=None, example=None):
    """Writes a web page that draws with `model` in the browser. It holds the weights and everything else it needs.

    The controls depend on the inputs of the model:

    - latents: a plane to drag a point in, a slider for each latent, saved points to blend and to calculate with, and
      sliders for the first directions of `kerasgan.latent.directions`, in standard deviations;
    - styles: truncation, 0.7 at first;
    - classes, attributes or texts: a choice;
    - images: a canvas to draw on or to load an image into;
    - label maps: a canvas to paint classes on. Regions that touch are one instance.

    A seed gives the same image as in `model.generate`, with `truncation=0.7` for models with styles.

    Args:
        model: an `AdversarialModel` that exports to ONNX (needs the extra `kerasgan[export]`).
        folder: a new or empty folder. It is written completely or not at all.
        title: str. Defaults to the model's class.
        class_names: list of str by class, or a dict of these by label set. Defaults to the numbers.
        texts: list of str to choose from, for text models with an encoder. The first one is selected at the start.
        runtime: the folder `dist` of the npm package `RUNTIME`. Defaults to the cache, into which `npm pack` downloads
            it if necessary.
        seed: int, the seed at the start. Defaults to 1.
        labels: classes and attributes at the start, as in `model.generate(1, labels=labels)`. Defaults to the first
            classes, and attributes of 0.
        example: the content of the canvas at the start: an image (height, width, channels) in [-1, 1], or a label map,
            int (height, width). Use one of the training data, as the pen gets the width of its lines, and the canvas
            the colour of its background. Defaults to a circle on a line, or to four regions for label maps, with a pen
            of a 64th of the canvas.

    Returns:
        The folder, as a `pathlib.Path`. Browsers load the page only from a server, such as
        `python -m http.server --directory FOLDER`.

    Raises:
        ValueError: if the folder is not empty, `texts` are missing, the model does not use `class_names`, `texts` or
            `example`, or it cannot be exported.
        FileNotFoundError: if the runtime cannot be found. The message says how to provide it.

    Example:

    >>> kerasgan.playground.write(kerasgan.zoo.load("dcgan_mnist"), "page")  # doctest: +SKIP
    """
    folder = pathlib.Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"`folder` must be new or empty, so that nothing is overwritten. Received: {str(folder)!r}")
    about = describe(model, title, class_names, texts, seed, labels, example)
    picture = about.pop("example", None)
    runtime = _runtime(runtime)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".playground-", dir=folder.parent) as temporary:
        page = pathlib.Path(temporary, "page")
        page.mkdir()
        for name in PAGE:
            (page / name).write_bytes(importlib.resources.files(__package__).joinpath(name).read_bytes())
        for name in RUNTIME_FILES:
            shutil.copyfile(runtime / name, page / name)
        model.export(page / "model.onnx", format="onnx", endpoint=_endpoint(model))
        if picture is not None:
            save_png(page / "example.png", picture)
        (page / "model.json").write_text(json.dumps(about))
        if folder.exists():
            folder.rmdir()
        os.replace(page, folder)
    return folder


def describe(model, title=None, class_names=None, texts=None, seed=1, labels=None, example=None):
    """Describes a model for the page: its inputs and their roles.

    Args:
        model, title, class_names, texts, seed, labels, example: as in `write`.

    Returns:
        dict of "title", "channels", "output", "seed", "directions" or None, and "inputs", a list of {"name", "role",
        ...} in the order of the network. If the model takes images, also "example", uint8 (height, width, channels).
    """
    if not hasattr(model, "preview") or hasattr(model, "translate_video") or isinstance(model, FromViews):
        raise ValueError(
            "`model` must be one that draws images from noise, classes, texts or images. Received: "
            f"{type(model).__name__} {model.name!r}"
        )
    _, specs = export.portable_functions(model)[_endpoint(model)]
    label_sets, attributes = getattr(model, "label_sets", {}), getattr(model, "attribute_sets", {})
    start = _start(model, labels)
    inputs, noises, picture = [], 0, None
    for spec in specs:
        about = {"name": spec.name}
        if spec.shape.rank == 4:
            height, width = _canvas(model, example) if None in spec.shape[1:3] else spec.shape[1:3]
            picture = _example(example, height, width, spec.shape[3])
            about |= {"role": "image", "height": height, "width": width, "channels": spec.shape[3]}
            about |= _pen(picture, lines=example is not None)
        elif spec.shape.rank == 3:
            about |= _map(model, spec.name, class_names)
            if about["role"] == "labels":
                picture = _example_map(model, example, about["height"], about["width"])
        elif spec.name == "text":
            about |= {"role": "text", "choices": _choices(model, texts)}
        elif spec.name in label_sets:
            names = class_names.get(spec.name) if isinstance(class_names, dict) else class_names
            names = [str(name) for name in names or range(label_sets[spec.name])]
            if len(names) != label_sets[spec.name]:
                raise ValueError(
                    f"`class_names` must name {label_sets[spec.name]} classes of {spec.name!r}. Received: {len(names)}"
                )
            about |= {"role": "label", "names": names, "value": int(start.get(spec.name, 0))}
        elif spec.name in attributes:
            values = np.zeros(spec.shape[1]) if spec.name not in start else start[spec.name]
            about |= {"role": "attribute", "size": spec.shape[1], "values": [float(value) for value in values]}
        elif spec.name == "truncation":
            about |= {"role": "truncation", "value": TRUNCATION}
        elif spec.name == "shift":
            about |= {"role": "shift", "size": spec.shape[1]}
        elif spec.name == "latents":
            about |= {"role": "latents", "size": spec.shape[1], "prior": model.prior}
        else:  # further noise is drawn from the same seed: the first of a translator's like latents
            noises += any(known["role"] in ("latents", "noise") for known in inputs)
            about |= {"role": "noise", "prior": model.prior, "stream": noises}
            about["size"] = spec.shape[1] or model.latent_dim
        inputs.append(about)
    _refuse_unused(model, inputs, class_names, texts, example)
    about = {
        "title": title or type(model).__name__,
        "channels": model.channels,
        "seed": int(seed),
        "inputs": inputs,
        "directions": _directions(model, [about["role"] for about in inputs]),
        "output": "output_images" if any(about["name"] == "images" for about in inputs) else "images",
        "kind": "noise" if picture is None else "image",
    }
    return about if picture is None else about | {"example": picture}


def _refuse_unused(model, inputs, class_names, texts, example):
    """Raises an error if the model has no input for one of these, as it would be dropped."""
    roles = {about["role"] for about in inputs}
    for name, value, wanted in (
        ("class_names", class_names, {"label", "labels"}),
        ("texts", texts, {"text"}),
        ("example", example, {"image", "labels"}),
    ):
        if value is not None and len(value) and not roles & wanted:
            raise ValueError(
                f"`{name}` must not be given for a {type(model).__name__}, whose inputs are {sorted(roles)}. Remedy: "
                f"leave out `{name}`"
            )
    if isinstance(class_names, dict) and set(class_names) - set(getattr(model, "label_sets", ())):
        raise ValueError(
            f"`class_names` must have the label sets {list(getattr(model, 'label_sets', ()))}. Received: "
            f"{list(class_names)}"
        )


def _endpoint(model):
    return "styled" if hasattr(model, "synthesize") else "serving_default"


def _start(model, labels):
    """Returns the conditions at the start, by name."""
    if labels is None:
        return {}
    condition = model.sampling_condition(1, 0, labels)
    return {name: values[0] for name, values in zip(model.condition_names, condition)}


def _directions(model, roles):
    """Returns the first directions, scaled to a standard deviation per 1 of a slider, or None without latents.

    None as well where the latents meet no weights first: there SeFa has nothing to say.
    """
    if "latents" not in roles:
        return None
    try:
        vectors = latent.directions(model, min(DIRECTIONS, model.latent_dim))
    except ValueError:
        return None
    if "shift" in roles:
        w = model.map(model.sample_latents(1000, 0), model.sampling_condition(1000, 0, None))
        spread = (w @ vectors.T).std(axis=0)
    else:
        spread = np.full(len(vectors), 1.0 if model.prior == "normal" else 3**-0.5)
    vectors = np.asarray(vectors * spread[:, None], "<f4")
    return {"of": "shift" if "shift" in roles else "latents", "vectors": [_as_text(row) for row in vectors]}


def _map(model, name, class_names):
    """Describes an image input for the page. For a label map, with names and colours of the classes."""
    if name == "instances":
        return {"role": "instances"}
    names = [str(each) for each in class_names or range(model.num_classes)]
    if len(names) != model.num_classes:
        raise ValueError(f"`class_names` must name {model.num_classes} classes. Received: {len(names)}")
    colors = color_labels(np.arange(model.num_classes)[None, None])[0, 0]
    colors = np.rint((colors + 1) * 127.5).astype(int).tolist()
    height, width = as_size(model.image_size)
    return {
        "role": "labels",
        "height": height,
        "width": width,
        "names": names,
        "colors": colors,
        "pen": min(height, width) // 8,
    }


def _canvas(model, example):
    """Returns the size of the canvas if the model takes any size: that of the training, or of the example."""
    if model.scale == 1:
        return as_size(model.image_size)
    return (48, 48) if example is None else np.shape(example)[:2]


def _example(example, height, width, channels):
    """Returns the content of the canvas at the start, uint8: the example, or a circle on a line."""
    if example is not None:
        checks.check_images(np.asarray(example)[None], channels=channels, name="example")
        return np.rint((visible(np.asarray(example)[None])[0] + 1) * 127.5).astype("uint8")
    y, x = np.mgrid[:height, :width] + 0.5
    side = min(height, width)
    pen = max(1.0, side / SHARE)
    circle = np.abs(np.hypot(y - 0.45 * height, x - 0.5 * width) - 0.25 * side) < pen / 2
    line = (np.abs(y - 0.45 * height - 0.25 * side) < pen / 2) & (np.abs(x - 0.5 * width) < 0.4 * side)
    return np.where((circle | line)[..., None], 0, 255).astype("uint8").repeat(3, axis=2)


def _example_map(model, example, height, width):
    """Returns the content of the canvas in the colours of the classes: the example, or four regions."""
    if example is None:
        y, x = np.mgrid[:height, :width] + 0.5
        example = (y > 0.6 * height).astype("int32")
        example[np.hypot(y - 0.3 * height, x - 0.7 * width) < 0.15 * min(height, width)] = 2
        example[(np.abs(y - 0.6 * height) < 0.2 * height) & (np.abs(x - 0.3 * width) < 0.15 * width)] = 3
        example %= model.num_classes
    checks.check_label_maps(np.asarray(example)[None], num_classes=model.num_classes, name="example")
    return np.rint((color_labels(np.asarray(example)[None])[0] + 1) * 127.5).astype("uint8")


def _pen(picture, lines=True):
    """Returns the pen for drawings like `picture`: {"ground": black or white, "pen": width in pixels}.

    The width is that of the lines, or a 64th of the side for photos and without `lines`. Lines of width w and length l
    hold the ink w l. Their outline crosses 4 / pi 2 l sides of pixels, on average over all directions.
    """
    grey = picture.mean(axis=2) / 255
    ground = float(np.median(grey) > 0.5)
    ink = np.abs(grey - ground)
    marked = ink > 0.05
    crossed = sum(np.count_nonzero(np.diff(marked, axis=axis)) for axis in (0, 1))
    width = 8 / np.pi * ink.sum() / max(crossed, 1)
    side = min(grey.shape)
    if not lines or np.mean(marked) > 0.5 or not 0 < width < side / 8:  # more than half is marked: a photo
        width = max(1.0, side / SHARE)
    return {"ground": "#ffffff" if ground else "#000000", "pen": float(np.clip(np.rint(2 * width) / 2, 0.5, WIDEST))}


def _choices(model, texts):
    encoder = getattr(model, "encoder", None)
    if not texts or encoder is None:
        raise ValueError(
            "A page of a model of texts needs `texts` to choose from, and the model an encoder (`set_encoder`). "
            f"Received: texts={texts!r}, encoder={encoder!r}"
        )
    vectors = np.asarray(encoder(list(texts)), "<f4")
    return [{"text": text, "vector": _as_text(row)} for text, row in zip(texts, vectors)]


def _as_text(numbers):
    return base64.b64encode(numbers.tobytes()).decode()


def _runtime(folder):
    """Returns a folder with the checked files of the runtime."""
    given = folder is not None
    folder = pathlib.Path(folder) if given else cache_folder(RUNTIME.replace("@", "-"))
    advice = (
        f"Remedy: unpack the npm package {RUNTIME} anywhere and pass its folder `dist` as `runtime` (--runtime on the "
        f"command line), or put these files into {folder}: {sorted(RUNTIME_FILES)}."
    )
    if not given and not folder.exists():
        _fetch(folder, advice)
    for name, expected in RUNTIME_FILES.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing. {advice}")
        found = sha256_of(folder / name)
        if found != expected:
            raise ValueError(f"{folder / name} must have the SHA-256 {expected}. Received: {found}. {advice}")
    return folder


def _fetch(folder, advice):
    if is_offline():
        raise FileNotFoundError(f"KERASGAN_OFFLINE is set. {advice}")
    with tempfile.TemporaryDirectory(prefix=".runtime-", dir=make_cache_folder()) as temporary:
        command = ["npm", "pack", RUNTIME, "--silent", "--pack-destination", temporary]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise FileNotFoundError(f"`npm pack {RUNTIME}` failed: {error}. {advice}") from error
        # An archive can expand to any size, so only the known one is opened.
        package = next(pathlib.Path(temporary).glob("*.tgz"))
        content = package.read_bytes() if package.stat().st_size == RUNTIME_BYTES else b""
        if hashlib.sha512(content).hexdigest() != RUNTIME_SHA512:
            raise ValueError(f"`npm pack {RUNTIME}` must give the package of the SHA-512 {RUNTIME_SHA512}. {advice}")
        unpacked = pathlib.Path(temporary, "files")
        unpacked.mkdir(mode=0o700)
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for name in RUNTIME_FILES:
                with archive.extractfile(f"package/dist/{name}") as source:
                    (unpacked / name).write_bytes(source.read())
        if not folder.exists():  # another process may have been faster
            os.replace(unpacked, folder)
