"""Generates pages from cards: the page of each entry, the table in the main README, and the page of results."""

import csv
import html
import io
import re

BEGIN, END = "<!-- zoo:begin -->", "<!-- zoo:end -->"
# The entries in the table of the main README.
SHOWN = (
    "acgan_mnist",
    "cgan_fashion_mnist",
    "cgan_glyphs",
    "cyclegan_glyphs",
    "dcgan_celeba",
    "gan_cls_glyphs",
    "pix2pix_facades",
    "projectedgan_flowers",
    "r3gan_mnist",
    "sagan_flowers",
    "srresnet_flowers",
    "stylegan2_celeba",
    "vid2vid_glyphs",
)


def readme(card):
    """Returns the README.md of an entry as text."""
    card = _without_markup(card)
    training, data, paper, tenth = card["training"], card["data"], card["paper"], card.get("tenth")
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    lines = [
        f"# {card['name']}",
        "",
        f"{card['description']} [`recipe.py`](recipe.py) trains it. "
        "This page is generated from [`card.json`](card.json).",
        "",
        "![samples](samples.png)",
        "",
        *([f"*{card['picture']}*", ""] if "picture" in card else []),
        "```python",
        "from kerasgan import zoo",
        "",
        f'model = zoo.load("{card["name"]}")',
        "```",
        "",
        f"Paper: {paper['authors']} ({paper['year']}), [{paper['title']}]({paper['url']}).",
        f"Data: [{data['title']}]({data['url']}); licence: {data['licence']}.",
        "",
        "| score | value | standard deviation | real data | paper |" + " after a tenth of the training |" * bool(tenth),
        "|---|---|---|---|---|" + "---|" * bool(tenth),
    ]
    for score in card["scores"]:
        cells = [_number(score[key]) for key in ("value", "sd", "floor", "paper")]
        cells += [_number(tenth["scores"].get(score["metric"]))] if tenth else []
        lines.append(f"| {score['metric']} | " + " | ".join(cells) + " |")
    if tenth:
        lines += ["", f"The first tenth of the training: {tenth['steps']:,} steps on {tenth['machine']}."]
    lines += ["", "| training | |", "|---|---|"]
    lines += [
        f"| steps | {training['steps']:,} |",
        f"| images seen | {training['images_seen']:,} |",
        f"| time | {_duration(training['hours'])} on {training['machine']} |",
        f"| seed, precision | {training['seed']}, {training['precision']} |",
        f"| versions | {versions} |",
        f"| commit, date | {training['commit'] or 'not recorded'}, {training['date']} |",
        "",
        "| file | bytes | SHA-256 |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {record['size']:,} | `{record['sha256']}` |" for name, record in card["files"].items()]
    parameters = ", ".join(f"{name} {count:,}" for name, count in card["parameters"].items())
    return "\n".join([*lines, "", f"Parameters: {parameters}.", ""])


def results_table(cards):
    """Returns a Markdown table with one row per entry and its main score, sorted by name."""
    lines = ["| entry | data | main score (real data) | training | weights |", "|---|---|---|---|---|"]
    for card in sorted(map(_without_markup, cards), key=lambda card: card["name"]):
        score = next(score for score in card["scores"] if score["table"])
        floor = f" ({_number(score['floor'])})" if score["floor"] is not None else ""
        training = card["training"]
        lines.append(
            f"| [{card['name']}](zoo/{card['name']}/README.md) | {card['data']['name']} "
            f"| {score['metric']} {_number(score['value'])}{floor} "
            f"| {training['steps']:,} steps, {_duration(training['hours'])} | {size_of(card) / 1e6:.1f} MB |"
        )
    return "\n".join(lines)


RESULTS = """# Results of the zoo

All scores of all entries, generated from the cards. [results.csv](results.csv) has the same table with all digits.

`floor` is the score of real data, such as the distance between training and test images. `sd` is the standard deviation
of the value over random sets of images. `hours` is the training time on the machine that the entry's page names, and
`MB` is the size of all weights of the entry. Compare scores only if data and protocol are the same.

| entry | model | data | score | value | sd | floor | protocol | hours | MB |
|---|---|---|---|--:|--:|--:|---|--:|--:|
"""


def results_page(cards):
    """Returns the page of results as Markdown, with one row per score."""
    rows = []
    for card in sorted(map(_without_markup, cards), key=lambda card: card["name"]):
        for score in card["scores"]:
            cells = [
                f"[{card['name']}]({card['name']}/README.md)",
                card["class"],
                card["data"]["name"],
                score["metric"],
            ]
            cells += [_number(score[key]) for key in ("value", "sd", "floor")]
            cells += [protocol(score), f"{card['training']['hours']:.2f}", f"{size_of(card) / 1e6:.1f}"]
            rows.append(f"| {' | '.join(cells)} |\n")
    return RESULTS + "".join(rows)


def results_csv(cards):
    """Returns the table of `results_page` as CSV, with all digits."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["entry", "model", "data", "score", "value", "sd", "floor", "protocol", "hours", "bytes"])
    for card in sorted(cards, key=lambda card: card["name"]):
        for score in card["scores"]:
            values = [score[key] for key in ("metric", "value", "sd", "floor")]
            about = [card["name"], card["class"], card["data"]["name"]]
            table.writerow([*about, *values, protocol(score), card["training"]["hours"], size_of(card)])
    return file.getvalue()


def protocol(score):
    """Describes the protocol of a score: images, data, features, and settings.

    Example:

    >>> from kerasgan.zoo._pages import protocol
    >>> protocol({"num_generated": 5000, "num_real": 0, "dataset": "mnist", "split": "test", "seed": 1})
    '5,000 generated; mnist test; seed 1'
    """
    counts = [f"{score[f'num_{kind}']:,} {kind}" for kind in ("generated", "real") if score.get(f"num_{kind}")]
    data = [score[key] for key in ("dataset", "split") if score.get(key)]
    settings = [f"{name} {value}" for name, value in (score.get("settings") or {}).items()]
    settings += [f"{key} {score[key]}" for key in ("truncation", "seed") if score.get(key) is not None]
    features = [score[key] for key in ("extractor", "resize") if score.get(key) not in (None, "none")]
    return "; ".join(part for part in (", ".join(counts), " ".join(data), *features, ", ".join(settings)) if part)


def _without_markup(value):
    """Returns a card with strings escaped for Markdown: no tags, links, cells or new lines."""
    if isinstance(value, dict):
        return {_without_markup(key): _without_markup(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_markup(item) for item in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"([\[\]`|\\])", r"\\\1", " ".join(html.escape(value, quote=False).split()))


def with_table(text, cards):
    """Returns `text` with the table of `cards` between the two markers.

    Raises:
        ValueError: if the text has no markers.
    """
    return between(text, BEGIN, END, results_table([card for card in cards if card["name"] in SHOWN]))


def between(text, begin, end, table):
    """Returns `text` with `table` between the markers `begin` and `end`.

    Raises:
        ValueError: if the text has no markers.
    """
    if begin not in text or end not in text:
        raise ValueError(f"The text must hold the markers {begin} and {end}. Received: neither or one of them")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end, 1)[1]}"


def size_of(card):
    """Returns the number of bytes of the weights of an entry."""
    return sum(record["size"] for name, record in card["files"].items() if name.endswith(".weights.h5"))


def _number(value):
    return "" if value is None else f"{value:.4g}"


def _duration(hours):
    if hours >= 1:
        return f"{hours:.1f} hours"
    minutes = f"{hours * 60:.0f}"
    return f"{minutes} minute" + "s" * (minutes != "1")
