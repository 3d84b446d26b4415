"""Report of a run as one self-contained HTML page: options, curves, pictures, scores, and warnings."""

import base64
import csv
import html
import io
import json
import math
import time
from pathlib import Path

import numpy as np

from kerasgan import plots
from kerasgan.callbacks.sample_grid import frames
from kerasgan.callbacks.score_monitor import read_scores
from kerasgan.files import read_json, reading, replacing
from kerasgan.plots.curves import number
from kerasgan.version import __version__

# A page that a mail still carries.
LARGEST_ANIMATION = 15_000_000
MOST_PICTURES = 4
# From these values on, D separates real and generated images so well that G cannot learn (see tutorial 11).
SURE = 0.95

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; }
.scroll { overflow-x: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; } figcaption { font-size: .85rem; opacity: .75; }
img { max-width: 100%; background: #fff; }
.pictures img { width: 14rem; image-rendering: pixelated; border: 1px solid var(--line); }
.warning { border-left: .3rem solid #d55e00; background: var(--soft); padding: .4rem .8rem; margin: .5rem 0; }
.fine { border-left: .3rem solid #009e73; background: var(--soft); padding: .4rem .8rem; }
.soft { opacity: .75; } code { overflow-wrap: anywhere; }
""".strip()


def write(run, path=None):
    """Writes a page about a run as a single HTML file without scripts.

    The page shows the following files of the folder, if they exist: `log.csv` (`keras.callbacks.CSVLogger`) with its
    curves, `options.json`, `score.json`, `samples/` (`SampleGrid`), `scores.jsonl` (`ScoreMonitor`). All text from
    these files is escaped. Of an epoch that was repeated after an interruption, the last row counts.

    Args:
        run: folder of the run, for example of `kerasgan train`.
        path: path of the page. Defaults to `report.html` in that folder.

    Returns:
        The path of the page.

    Raises:
        ValueError: if the folder is not that of a run, or a file in it is damaged. The message names the file.
            Incomplete lines of a killed process are left out, with a note on the page.

    Example:

    >>> import pathlib
    >>> pathlib.Path("log.csv").write_text("epoch,d_loss,g_loss,d_real,d_fake\\n0,1.4,0.7,0.5,0.5\\n")
    52
    >>> write(".")
    'report.html'
    """
    run = Path(run)
    path = run / "report.html" if path is None else Path(path)
    log = run / "log.csv"
    options, score = (read_json(file) if file.exists() else None for file in (run / "options.json", run / "score.json"))
    if not log.exists() and options is None:
        raise ValueError(f"`run` must be the folder of a run, with log.csv or options.json. Received: {str(run)!r}")
    epochs, curves = _curves(log)
    model, data = (options or {}).get("model"), (options or {}).get("data")
    title = f"{model} on {data}" if model else run.resolve().name
    evaluations, left_out = _evaluations(run)
    sections = [
        ("What looks wrong", _warnings(findings(epochs, curves, run, evaluations) + left_out + _cut(log))),
        ("Scores", _scores(score, evaluations)),
        ("Curves", _curve_picture(log) if any(np.isfinite(curve).any() for curve in curves.values()) else ""),
        ("Samples", _samples(run / "samples")),
        ("Options", _table(options.items()) if options else ""),
        ("Log", _log(log)),
    ]
    body = "".join(f"<h2>{name}</h2>\n{content}\n" for name, content in sections if content)
    files = [file for file in (log, run / "options.json", run / "model.keras") if file.exists()]
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(file.stat().st_mtime for file in files)))
    epochs_done = f"{int(epochs[-1])} epochs, " if len(epochs) else ""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{_escape(title)}</h1>
<p class="soft">{epochs_done}last changed {changed}, folder <code>{_escape(run.resolve().name)}</code>, \
kerasgan {__version__}</p>
{body}</body>
</html>
"""
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return str(path)


def findings(epochs, curves, run=None, evaluations=()):
    """Finds symptoms of failing trainings in the logs.

    Args:
        epochs: numbers of the epochs.
        curves: dict of name -> array with a logged value per epoch, NaN for epochs without a value.
        run: folder of the run, or None.
        evaluations: list of dicts with "epoch" and "scores", as recorded by `ScoreMonitor`.

    Returns:
        list of sentences with symptoms and remedies.

    Example:

    >>> findings([1, 2, 3], {"d_real": np.array([0.9, 0.99, 1.0]), "d_fake": np.array([0.1, 0.01, 0.0])})[0][:60]
    'D separates real and generated images almost perfectly in th'
    """
    found = []
    # For a run from Python, the folder does not show whether it has ended.
    if run is not None and (Path(run) / "options.json").exists() and not (Path(run) / "model.keras").exists():
        found.append(
            "The run has not ended: there is no model.keras. To continue it, run the same command with --resume."
        )
    for name in ("d_loss", "g_loss"):
        values = curves.get(name)
        broken = [] if values is None else [int(e) for e, value in zip(epochs, values) if not math.isfinite(value)]
        if broken:
            found.append(
                f"{name} is not finite in epoch {broken[0]}: the training diverged. Lower the learning rates, or use "
                "mixed_bfloat16 or float32 instead of mixed_float16."
            )
    last = max(1, len(epochs) // 3)
    if len(epochs) >= 3 and "d_real" in curves and "d_fake" in curves:
        real, fake = curves["d_real"][-last:].mean(), curves["d_fake"][-last:].mean()
        if real > SURE and fake < 1 - SURE:
            found.append(
                "D separates real and generated images almost perfectly in the last third of the epochs "
                f"(D(x) = {real:.3f}, D(G(z)) = {fake:.3f}), so G can hardly learn. Use penalty='r1', "
                "augment='diffaugment' with few images, or a smaller rate for D."
            )
    alarms = curves.get("collapse")
    if alarms is not None and (alarms > 0).any():
        first = next(int(epoch) for epoch, value in zip(epochs, alarms) if value > 0)
        found.append(
            f"Samples became similar from epoch {first} on (see CollapseMonitor): look at the grids. Use a penalty, a "
            "smaller rate, or loss='wasserstein' with a gradient penalty."
        )
    found += _best_is_not_last(evaluations)
    return found


def _best_is_not_last(evaluations):
    distances = [(e["scores"].get("frechet_distance", math.nan), e["epoch"]) for e in evaluations]
    distances = [pair for pair in distances if math.isfinite(pair[0])]
    if not distances or min(distances)[0] > 0.9 * distances[-1][0]:
        return []
    (best, epoch), (now, _) = min(distances), distances[-1]
    return [f"The Fréchet distance was best in epoch {epoch} ({best:.4g}; now {now:.4g}): use best.weights.h5."]


def _curves(log):
    """Returns the epochs, from 1, and the logged columns, including NaN."""
    head, rows = _epochs(log)
    if not rows:
        return [], {}
    columns = {name: np.array([number(row[i]) for row in rows]) for i, name in enumerate(head)}
    epochs = columns.pop("epoch", np.arange(len(rows))) + 1
    if not np.isfinite(epochs).all():
        raise ValueError(f"{log} must have a number in the column `epoch` of each row. Received: another value")
    return epochs, columns


def _epochs(log):
    """Returns the header, and the last row of each epoch: an epoch repeated after an interruption has several."""
    head, *rows = _rows(log) or [[]]
    if "epoch" in head:
        epochs = [number(row[head.index("epoch")]) for row in rows]
        rows = list(dict(zip(epochs, rows)).values())
    return head, rows


def _rows(log):
    """Returns the rows with the header first, without an incomplete last row."""
    rows = _all_rows(log)
    if len(rows) > 2 and len(rows[-1]) < len(rows[0]):
        rows = rows[:-1]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{log} must be a file of `keras.callbacks.CSVLogger`. Received: rows of several lengths")
    return rows


def _all_rows(log):
    if not log.exists():
        return []
    with reading(log, "a file of `keras.callbacks.CSVLogger`"), open(log, newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row]


def _cut(log):
    cut = len(_all_rows(log)) - len(_rows(log))
    return ["The last row of log.csv is incomplete, as the process was killed. It is left out."] if cut else []


def _evaluations(run):
    """Returns the records of a `ScoreMonitor` in the folder of the run or below, and a warning about invalid lines."""
    for path in sorted([run / "scores.jsonl", *run.glob("*/scores.jsonl")]):
        if path.exists():
            records, left_out = read_scores(path)
            words = (
                f"{left_out} of the lines of {path.relative_to(run)} are invalid, for example incomplete lines of a "
                "killed process. They are left out."
            )
            last = {record["epoch"]: record for record in records}
            return [last[epoch] for epoch in sorted(last)], [words] if left_out else []
    return [], []


def _escape(value):
    return html.escape(str(value), quote=True)


def _table(rows, head=None):
    top = "<tr>" + "".join(f"<th>{_escape(cell)}</th>" for cell in head) + "</tr>\n" if head else ""
    lines = []
    for name, *values in rows:
        cells = "".join(f"<td>{_escape(_short(value))}</td>" for value in values)
        lines.append(f'<tr><th scope="row">{_escape(name)}</th>{cells}</tr>\n')
    return f'<div class="scroll"><table>\n{top}{"".join(lines)}</table></div>'


def _short(value):
    if isinstance(value, float):
        return f"{value:.5g}"
    return "" if value is None else json.dumps(value) if isinstance(value, (dict, list)) else value


def _warnings(sentences):
    if not sentences:
        return '<p class="fine">No symptoms found in the logs.</p>'
    return "\n".join(f'<p class="warning">{_escape(sentence)}</p>' for sentence in sentences)


def _scores(score, evaluations):
    parts = []
    for each in (score or {"scores": []}).get("scores", [score]):
        first = {name: each[name] for name in ("metric", "value", "floor") if name in each}
        known = {name: value for name, value in (first | each).items() if value not in (None, {}, [])}
        parts.append(_table(known.items()))
    if evaluations:
        names = list(dict.fromkeys(name for record in evaluations for name in record["scores"]))
        rows = [(record["epoch"], *(record["scores"].get(name) for name in names)) for record in evaluations]
        parts.append(_table(rows, head=["epoch", *names]))
    return "\n".join(parts)


def _curve_picture(log):
    drawn = io.BytesIO()
    plots.history(log).savefig(drawn, format="svg")
    return f'<img src="{_data(drawn.getvalue(), "svg+xml")}" alt="Curves of the values in the log by epoch">'


def _samples(folder):
    """Shows real images, some epochs from the first to the last, and the animation."""
    if not folder.is_dir():
        return ""
    drawn = [(path, f"epoch {number}") for number, path in frames(folder).items()]
    places = sorted({round(i * (len(drawn) - 1) / (MOST_PICTURES - 1)) for i in range(MOST_PICTURES)})
    shown = [drawn[place] for place in places] if drawn else []
    shown = [(folder / "real.png", "real images"), *shown, (folder / "training.gif", "all epochs")]
    figures = []
    for path, caption in shown:
        if path.exists() and path.stat().st_size <= LARGEST_ANIMATION:
            source = _data(path.read_bytes(), path.suffix[1:])
            described = _description(path)
            words = f"<figcaption>{caption}{described and f' ({_escape(described)})'}</figcaption>"
            figures.append(f'<figure><img src="{source}" alt="Grid of images: {caption}">{words}</figure>')
    return f'<div class="pictures">\n{"".join(figures)}\n</div>' if figures else ""


def _description(path):
    """Returns the description stored in an image file."""
    from PIL import Image

    with Image.open(path) as picture:
        return str(picture.info.get("Description", ""))


def _log(log):
    head, rows = _epochs(log)
    if not rows:
        return ""
    head, *rows = zip(*(column for column in zip(head, *rows) if set(column[1:]) != {"NA"}))
    cells = [[row[0], *(_short(number(value)) for value in row[1:])] for row in rows]
    summary = f"<summary>{len(cells)} epochs (the first is 0)</summary>"
    return f"<details>{summary}\n{_table(cells, head=head)}\n</details>"


def _data(content, kind):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
