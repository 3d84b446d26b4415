"""Shared code of the recipes: training that keeps the best weights, and publishing of an entry.

A recipe defines `SEED`, `ABOUT` (the description, paper, data and headline of its card, and what the rows and columns
of its picture show), `model()`, `dataset()`, `train(directory, dataset=None, ...)` and `score(model)`. It may also
define

- `examples()`, the batch for the picture of its entry (default: the first batch of `dataset()`), or `pictures(model)`,
  the images of the picture;
- `sample(model)`, the call with the recorded output (default: `generate` one image with seed 1, and class 0 if there
  are classes);
- `NETWORKS`, the names of the networks that the entry stores (default: all);
- `PRECISION`, the dtype policy of the training (default: the current one).

It ends with

    if __name__ == "__main__":
        recipes.main(sys.modules[__name__])
"""

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from kerasgan import plots
from kerasgan.callbacks import Checkpoint, CSVLogger, SampleGrid, ScoreMonitor, StopOnNonFinite
from kerasgan.callbacks.checkpoint import is_chief
from kerasgan.files import replacing
from kerasgan.metrics import FrechetDistance
from kerasgan.optimizers import Adam
from kerasgan.schedules import LinearDecay
from kerasgan.zoo._card import card_score, machine, training_record, write_card, write_entry

ABOUT_FOLDER = """All results are written to FOLDER. If the run is interrupted, run it again to continue.
Data sets are read from TFDS_DATA_DIR, and data that may not be redistributed from KERASGAN_DATA_DIR."""


def data_folder(name):
    """Returns the folder or file `name` of `KERASGAN_DATA_DIR`, for data that may not be redistributed.

    Raises:
        ValueError: if the variable is not set.
    """
    if "KERASGAN_DATA_DIR" not in os.environ:
        raise ValueError(f"KERASGAN_DATA_DIR must name the folder that holds {name}. Received: nothing")
    return Path(os.environ["KERASGAN_DATA_DIR"]) / name


def train(
    directory,
    model,
    dataset,
    epochs,
    steps_per_epoch=None,
    metrics=(),
    every_n_epochs=None,
    num_images=5_000,
    data=None,
    every_n_steps=None,
):
    """Trains a compiled model, and loads the weights with the best score. The training can be interrupted.

    If it is called again with the same directory, it continues. It writes `log.csv`, `checkpoints/`, `samples/`,
    `scores/` and `clock.json` (the time spent and the machines) to `directory`. With 100 epochs and more, samples are
    drawn and checkpoints are written only every few epochs.

    Args:
        directory: folder of the run.
        model: the model of a recipe.
        dataset: tf.data.Dataset, the training data.
        epochs: int.
        steps_per_epoch: int or None. None is one pass over the data.
        metrics: list of metrics for `kerasgan.callbacks.ScoreMonitor`. The first one selects the weights (lower is
            better). They use training images, so the test images stay unseen. None keeps the last weights.
        every_n_epochs: int, epochs between scores. Default: 1, or more if at least twenty scores remain.
        num_images: int, the number of images of a score.
        data: str, name of the data set, stated in the scores.
        every_n_steps: int, steps between checkpoints within an epoch. Default: no such checkpoints.

    Returns:
        The model.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    callbacks = [
        StopOnNonFinite(),
        Checkpoint(directory / "checkpoints", every_n_steps, every_n_epochs=max(1, epochs // 50), keep=2),
        SampleGrid(directory / "samples", every_n_epochs=max(1, epochs // 50)),
        _Clock(directory / "clock.json"),
    ]
    if metrics:
        monitor = ScoreMonitor(
            metrics,
            dataset,
            every_n_epochs or max(1, epochs // 20),
            num_images=num_images,
            directory=directory / "scores",
            verbose=0,
            data=data,
            split="train",
        )
        callbacks.insert(0, monitor)
    log = CSVLogger(directory / "log.csv", append=True)
    model.fit(dataset, epochs=epochs, steps_per_epoch=steps_per_epoch, callbacks=[*callbacks, log], verbose=2)
    if metrics:
        model.load_weights(directory / "scores" / "best.weights.h5")
    return model


def falling_adams(steps, rate=2e-4):
    """Returns optimizers as in DCGAN, with a constant rate for half of `steps` and a linear decay to 0 after that."""
    half = steps // 2
    rates = [LinearDecay(rate, half, half) for _ in range(2)]
    return [Adam(rate, beta_1=0.5) for rate in rates]


def train_by_distance(recipe, directory, data, epochs, steps_per_epoch):
    """Trains a recipe and keeps the weights with the best Fréchet distance. Its `DATA` must have a shipped classifier.

    Args:
        recipe: the module of the recipe.
        directory, epochs, steps_per_epoch: as in `train`.
        data: tf.data.Dataset to train on without scores, or None to use `recipe.dataset()`.

    Returns:
        The model.
    """
    keras.utils.set_random_seed(recipe.SEED)
    metrics = [FrechetDistance(recipe.DATA)] if data is None else []
    data = recipe.dataset() if data is None else data
    return train(directory, recipe.model(), data, epochs, steps_per_epoch, metrics, data=recipe.DATA)


def publish(folder, model, recipe, clocks):
    """Writes the entry of a trained model.

    Args:
        folder: the folder of the entry. Its name is the name of the entry.
        model: the trained model. `model.step` is the number of steps.
        recipe: the module of the recipe.
        clocks: list of the contents of `clock.json`, one for each stage of the training.

    Returns:
        dict, the card.
    """
    hours = sum(clock["seconds"] for clock in clocks) / 3600
    machines = " and ".join(_machines(clocks))
    precision = getattr(recipe, "PRECISION", model.dtype_policy.name)
    batch = next(recipe.dataset().as_numpy_iterator())
    batch_size = len(model.real_images(batch)) * getattr(model, "batches_per_step", 1)
    if hasattr(recipe, "examples"):
        batch = recipe.examples()
    return write_entry(
        folder,
        model,
        **recipe.ABOUT,
        training=training_record(model.step, batch_size, recipe.SEED, hours, precision, machines),
        # Scores of the stored weights (in half precision), which users load.
        scores=recipe.score,
        pictures=getattr(recipe, "pictures", lambda model: model.preview(batch, num_images=64, seed=0)),
        sample=getattr(recipe, "sample", _first_image)(model),
        networks=getattr(recipe, "NETWORKS", None),
    )


def _first_image(model):
    labels = {"labels": np.zeros(1, "int32")} if getattr(model, "label_sets", None) else {}
    return {"method": "generate", "arguments": {"num_images": 1, "seed": 1} | labels}


def _trained(recipe, directory, **options):
    """Trains a recipe with its `PRECISION`, and returns a model with the current dtype policy."""
    if not hasattr(recipe, "PRECISION"):
        return recipe.train(directory, **options)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.PRECISION)
    try:
        trained = recipe.train(directory, **options)
    finally:
        keras.config.set_dtype_policy(before)
    model = recipe.model()
    model.set_weights(trained.get_weights())
    model.step.assign(trained.step)
    return model


def reproduce(recipe, directory):
    """Runs a recipe and writes its entry into `directory/<name>`."""
    directory = Path(directory)
    model = _trained(recipe, directory / "run")
    return publish(directory / Path(recipe.__file__).parent.name, model, recipe, _clocks(directory / "run"))


def main(recipe, act=reproduce):
    """The command line of a recipe. Without a folder, or with --help, it prints the help text.

    Args:
        recipe: the module, `sys.modules[__name__]`. Its docstring gives the paper, the command, the expected score and
            the time.
        act: function of the module and a folder. Default `reproduce`.
    """
    path = Path(recipe.__file__)
    answer(recipe, f"kerasgan.zoo.{path.parent.name}.{path.stem}", ABOUT_FOLDER, act)


def answer(module, name, about_folder, act):
    """Calls `act(module, FOLDER)`; without a folder, or with --help, prints the module's docstring and the usage.

    Args:
        module: the module that is run.
        name: str, its name for `python -m`.
        about_folder: str, the description of the folder.
        act: function of the module and a folder.
    """
    given = sys.argv[1:]
    usage = f"Usage:     python -m {name} FOLDER"
    if not given or {"-h", "--help"} & set(given):
        print(f"{module.__doc__}\n{usage}\n\n{about_folder}")
    elif len(given) > 1 or given[0].startswith("-"):
        raise SystemExit(f"{usage}\nReceived:  {' '.join(given)}")
    else:
        act(module, given[0])


def ablate(recipe, variants, directory):
    """Trains, scores and draws variants of a translation recipe. If it is interrupted, call it again to continue.

    It writes to `directory`: the runs, `ablation.json` with the scores of each variant, and `ablation.png` with
    examples as input | one column per variant | target.

    Args:
        recipe: the module of the recipe. Its `train` accepts options of `compile`, and `examples()` returns (inputs,
            targets).
        variants: dict, name -> options of `compile`.
        directory: folder of the runs.
    """
    directory = Path(directory)
    inputs, truths = recipe.examples()
    scores, columns, clocks = {}, [inputs], []
    for name, options in variants.items():
        folder = directory / name.replace(" ", "")
        model = _trained(recipe, folder, **options)
        clocks += _clocks(folder)
        scores[name] = {score["metric"]: score["value"] for score in recipe.score(model)}
        print(name, scores[name], flush=True)
        call = recipe.sample(model)
        columns.append(getattr(model, call["method"])(**call["arguments"] | {"images": inputs}))
    about = {"epochs": recipe.EPOCHS, "seed": recipe.SEED, "machines": _machines(clocks)}
    with replacing(directory / "ablation.json") as temporary:
        temporary.write_text(json.dumps(about | {"scores": scores}, indent=2) + "\n")
    rows = np.stack([*columns, truths], axis=1)
    plots.save_png(directory / "ablation.png", plots.image_grid(rows))


def score_a_tenth(recipe, directory, folder):
    """Trains for the first tenth of a recipe's epochs, and adds the scores to the card of its entry.

    The decay of the learning rate has not started by then. If it is interrupted, call it again to continue.

    Args:
        recipe: the module of the recipe. Its `EPOCHS` is an int, or a dict of ints for each stage.
        directory: folder of the run.
        folder: folder of the entry.

    Raises:
        ValueError: if a tenth is not a whole number of epochs.
    """
    if any(count % 10 for count in keras.tree.flatten(recipe.EPOCHS)):
        raise ValueError(f"`EPOCHS` must be a multiple of 10 to score a tenth. Received: {recipe.EPOCHS}")
    model = _trained(recipe, directory, epochs=keras.tree.map_structure(lambda count: count // 10, recipe.EPOCHS))
    tenth = {
        "steps": int(model.step),
        "machine": " and ".join(_machines(_clocks(directory))),
        "scores": {score["metric"]: score["value"] for score in map(card_score, recipe.score(model))},
    }
    write_card(folder, json.loads((Path(folder) / "card.json").read_text()) | {"tenth": tenth})


def _clocks(directory):
    """Returns the contents of `clock.json`, one for each stage of a training."""
    return [json.loads(path.read_text()) for path in sorted(Path(directory).rglob("clock.json"))]


def _machines(clocks):
    return list(dict.fromkeys(machine for clock in clocks for machine in clock["machines"]))


class _Clock(keras.callbacks.Callback):
    """Records the seconds of a training, including those before an interruption, and its machines."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs=None):
        goes_on = self.path.exists() and int(self.model.step)
        earlier = json.loads(self.path.read_text()) if goes_on else {"seconds": 0.0, "machines": []}
        self.start = time.monotonic() - earlier["seconds"]
        self.machines = list(dict.fromkeys([*earlier["machines"], machine()]))

    def on_epoch_end(self, epoch, logs=None):
        if not is_chief(self.model):
            return
        with replacing(self.path) as temporary:
            seconds = round(time.monotonic() - self.start, 1)
            temporary.write_text(json.dumps({"seconds": seconds, "machines": self.machines}))
