import base64
import html.parser
import json
import os
import pathlib
import re

import numpy as np
import pytest

from kerasgan import plots, report

EVIL = "<script>alert('x')</script>\" onload=\"x"


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes and the visible text, and checks that tags close in order."""

    VOID = {"meta", "img", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(pathlib.Path(path).read_text(encoding="utf-8"))
    assert not reader.open
    return reader


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "options.json").write_text(json.dumps({"model": "dcgan", "data": EVIL, "width": 48}))
    rows = [f"{epoch},{1.4 - 0.1 * epoch},0.75,0.6,0.4,NA" for epoch in range(5)]
    (folder / "log.csv").write_text("\n".join(["epoch,d_loss,g_loss,d_real,d_fake,val_d_loss", *rows]) + "\n")
    score = {"value": 12.5, "metric": "frechet_distance", "extractor": "mnist features", "versions": {"keras": "3"}}
    (folder / "score.json").write_text(json.dumps(score))
    (folder / "model.keras").write_bytes(b"")
    for epoch in range(9):
        plots.save_png(folder / "samples" / f"epoch_{epoch:04d}.png", np.full((4, 4, 1), 20 * epoch, "uint8"))
    return folder


def test_a_page_shows_the_run_and_needs_nothing_else(run):
    path = report.write(run)
    assert path == str(run / "report.html")
    page = read(path)
    text = " ".join(page.text)
    for words in ("No symptoms found in the logs", "frechet_distance", "12.5", "width", "48", "5 epochs"):
        assert words in text
    assert "val_d_loss" not in text  # never evaluated
    assert text.index("metric") < text.index("12.5") < text.index("extractor")
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert all(source.startswith("data:image/") for source in sources)
    # Of nine frames the first, the last, and two between; and the curves before them.
    assert len(sources) == 5 and sources[0].startswith("data:image/svg+xml")
    frames = [base64.b64decode(source.partition(",")[2]) for source in sources[1:]]
    assert frames == [(run / "samples" / f"epoch_{epoch:04d}.png").read_bytes() for epoch in (0, 3, 5, 8)]
    assert not [attributes for _, attributes in page.tags if "href" in attributes]
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_a_repeated_epoch_counts_once(run):
    """A run that is killed after its last checkpoint repeats the epochs since then."""
    log = run / "log.csv"
    log.write_text(log.read_text() + "4,0.3125,0.75,0.6,0.4,NA\n5,0.4375,0.75,0.6,0.4,NA\n")
    lines = [{"epoch": epoch, "scores": {"fd": value}} for epoch, value in ((1, 9.0), (2, 8.0), (2, 7.5), (3, 6.5))]
    (run / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = read(report.write(run)).text
    assert "6 epochs (the first is 0)" in text and text.count("4") == 1
    assert "0.3125" in text and "1" in text and text.count("7.5") == 1 and "8" not in text
    assert plots.read_log(log)[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert plots.read_log(log)[1]["d_loss"][4:].tolist() == [0.3125, 0.4375]


def test_the_date_is_the_runs_own(run):
    for name in ("log.csv", "options.json", "model.keras"):
        os.utime(run / name, (0, 86_400 * 365))
    report.write(run)
    page = report.write(run)  # beside an older report
    assert any("last changed 1971-01-01" in text for text in read(page).text)


def test_what_a_run_says_is_escaped(run):
    (run / "log.csv").write_text(f'epoch,"<b>{EVIL.replace(chr(34), "")}",d_loss\n0,1,2\n1,1,2\n')
    (run / "scores.jsonl").write_text(json.dumps({"epoch": 1, "scores": {EVIL: 2.0}}) + "\n")
    page = read(report.write(run))
    assert "script" not in {tag for tag, _ in page.tags} and "b" not in {tag for tag, _ in page.tags}
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert any(EVIL in text for text in page.text)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_an_unfinished_run_with_little_in_it(tmp_path):
    (tmp_path / "options.json").write_text('{"model": "gan"}')
    page = read(report.write(tmp_path, tmp_path / "elsewhere" / "page.html"))
    assert any("has not ended" in text and "--resume" in text for text in page.text)
    assert not any(tag == "img" for tag, _ in page.tags)


def test_a_run_from_python_is_not_told_to_go_on(run):
    (run / "options.json").unlink()
    (run / "model.keras").unlink()
    assert any("No symptoms found in the logs" in text for text in read(report.write(run)).text)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="log.csv or options.json"):
        report.write(tmp_path)
    (tmp_path / "options.json").write_text("[1]")
    with pytest.raises(ValueError, match="JSON object"):
        report.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["options.json"]


def curves(**values):
    return {name: np.array(value, float) for name, value in values.items()}


@pytest.mark.parametrize(
    ("logged", "symptom"),
    [
        (curves(d_loss=[1, np.nan, 1], g_loss=[1, 1, 1]), "d_loss is not finite in epoch 2"),
        (
            curves(d_real=[0.5, 0.9, 0.99], d_fake=[0.5, 0.1, 0.01]),
            r"almost perfectly.*D\(x\) = 0.990, D\(G\(z\)\) = 0.010",
        ),
        (curves(collapse=[0, 1, 1]), "similar from epoch 2"),
    ],
)
def test_symptoms_are_named_with_a_remedy(logged, symptom):
    (sentence,) = report.findings([1, 2, 3], logged)
    assert re.search(symptom, sentence)


@pytest.mark.parametrize(
    "logged",
    [
        curves(d_loss=[1.4, 1.3, 1.38], g_loss=[0.7, 0.8, 0.7], d_real=[0.6, 0.55, 0.5], d_fake=[0.4, 0.45, 0.5]),
        curves(d_real=[0.99, 0.9, 0.7], d_fake=[0.01, 0.1, 0.3]),  # the first epochs may be sure
        curves(collapse=[0, 0, np.nan]),
    ],
)
def test_a_healthy_run_has_no_findings(logged):
    assert report.findings([1, 2, 3], logged) == []


def test_a_best_score_long_ago_is_told():
    evaluations = [
        {"epoch": epoch, "scores": {"frechet_distance": value}} for epoch, value in ((1, 30.0), (2, 10.0), (3, 20.0))
    ]
    (sentence,) = report.findings([], {}, evaluations=evaluations)
    assert "epoch 2 (10; now 20)" in sentence
    evaluations[2]["scores"]["frechet_distance"] = 10.5
    assert report.findings([], {}, evaluations=evaluations) == []
