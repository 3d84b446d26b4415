"""Shared code of the experiments: saved runs, and the table and the picture made from them.

An experiment is a folder `<name>` with `__main__.py`, `results.json`, `picture.png` and `README.md`. Its module has a
docstring (the question, the command, the time) and defines

    SETTINGS                  dict, the shared settings of the runs: sizes, steps, rates
    RUNS                      list of str, the names of the runs, in order
    run(name)                 makes one run from its own seed; returns a dict of JSON values
    table(results)            Markdown; `results` is {name: result of `run`}
    picture(results)          a `matplotlib` figure
    NEEDS                     str, the file or folder of `KERASGAN_DATA_DIR` that all runs need (optional)

and ends with

    if __name__ == "__main__":
        runs.main(sys.modules[__name__])
"""

import io
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from kerasgan.files import read_json, replacing
from kerasgan.metrics.score import library_versions
from kerasgan.zoo import recipes
from kerasgan.zoo._card import machine
from kerasgan.zoo._pages import between

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
ABOUT_FOLDER = """Results are written to FOLDER: results.json with all finished runs, table.md and picture.png.
If FOLDER has a README.md, its table is updated. If the command is interrupted, run it again to make the
missing runs."""


def main(experiment):
    """The command line of an experiment. Without a folder, or with --help, it prints the help text.

    Args:
        experiment: the module, `sys.modules[__name__]`.
    """
    name = f"kerasgan.zoo.experiments.{Path(experiment.__file__).parent.name}"
    recipes.answer(experiment, name, ABOUT_FOLDER, complete)


def complete(experiment, folder):
    """Makes the runs that are missing in `folder`, saves each finished run, and updates the table and the picture.

    Args:
        experiment: the module of an experiment.
        folder: folder of the results.

    Returns:
        {name of a run: its result}, for all runs.

    Raises:
        ValueError: if the folder has results of other settings.
    """
    folder = Path(folder)
    record = read(experiment, folder)
    for number, name in enumerate(experiment.RUNS, 1):
        if name in record["runs"]:
            continue
        print(f"{number} of {len(experiment.RUNS)}: {name}", flush=True)
        start = time.monotonic()
        found = experiment.run(name)
        record["runs"][name] = found | {"seconds": round(time.monotonic() - start, 1)}
        record["machines"] = list(dict.fromkeys([*record["machines"], machine()]))
        record["versions"] = library_versions()
        with replacing(folder / "results.json") as temporary:
            temporary.write_text(as_text(record))
    write_pages(experiment, folder)
    return record["runs"]


def read(experiment, folder):
    """Returns the content of `results.json` of a folder, or a record without runs.

    Raises:
        ValueError: if it has results of other settings, or is not a file of results.
    """
    path = Path(folder) / "results.json"
    if not path.exists():
        return {"settings": experiment.SETTINGS, "machines": [], "versions": {}, "runs": {}}
    record = read_json(path)
    if record.get("settings") != json.loads(json.dumps(experiment.SETTINGS)) or "runs" not in record:
        raise ValueError(
            f"{path} must hold results of the settings {experiment.SETTINGS}. Received: {record.get('settings')}. "
            "Remedy: another folder, or remove the file to repeat all runs"
        )
    return record


def as_text(record):
    """Returns a record as JSON, with one line per run."""
    head = json.dumps({key: value for key, value in record.items() if key != "runs"}, indent=1)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(found)}" for name, found in record["runs"].items())
    return f'{head[:-2]},\n "runs": {{\n{lines}\n }}\n}}\n'


def write_pages(experiment, folder):
    """Writes the table and the picture of the runs in a folder, and the table into its README.md."""
    folder = Path(folder)
    results = read(experiment, folder)["runs"]
    table, page = experiment.table(results), folder / "README.md"
    text = between(page.read_text(), BEGIN, END, table) if page.exists() else table + "\n"
    with replacing(page if page.exists() else folder / "table.md") as temporary:
        temporary.write_text(text)
    drawn = io.BytesIO()
    experiment.picture(results).savefig(drawn, dpi=100)
    with replacing(folder / "picture.png") as temporary:
        # 96 colours show curves and digits, and the file is half as large.
        Image.open(drawn).convert("RGB").quantize(96).save(temporary, "PNG", optimize=True)


def of(results, prefix, key):
    """Returns the values `key` of the runs named by `prefix` and a seed, such as "ring GAN 0" for "ring GAN"."""
    return [found[key] for name, found in results.items() if name.rpartition(" ")[0] == prefix]


def mean_sd(values, digits=1, scale=1.0):
    """Returns "mean ± standard deviation" (of a sample, n - 1) of a list of numbers, or a dash if it is empty.

    Example:

    >>> mean_sd([1.0, 2.0, 3.0])
    '2.0 ± 1.0'
    """
    if not values:
        return "–"
    values = scale * np.asarray(values, np.float64)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def markdown(header, rows):
    """Returns a Markdown table: `header` and each row are lists of cells."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)
