"""`.npz` files with Python objects, and text with markup."""

import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from kerasgan import data
from kerasgan.metrics import read_statistics
from kerasgan.zoo import _card, _pages, _schema


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def trap(tmp_path):
    marker = tmp_path / "sprung"
    yield np.array([Trap(marker)], dtype=object)
    assert not marker.exists()


def test_the_trap_works(tmp_path, trap):
    np.savez(tmp_path / "a.npz", mu=trap)
    with pytest.raises(ValueError, match="allow_pickle"), np.load(tmp_path / "a.npz") as stored:
        stored["mu"]


def test_statistics_with_objects_are_refused(tmp_path, trap):
    np.savez(tmp_path / "statistics.npz", mu=trap, sigma=np.eye(1))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_statistics(tmp_path / "statistics.npz")


def test_embeddings_with_objects_are_refused(tmp_path, trap):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "caption": "a square"}))
    np.savez(folder / "embeddings.npz", embeddings=trap)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        data.captioned_folder(folder, 8)


def test_samples_of_an_entry_with_objects_are_refused(tmp_path, trap):
    np.savez(tmp_path / "sample.npz", output=trap)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        _card.sample_error(None, tmp_path / "sample.npz", {"method": "generate", "arguments": {}})


MARKUP = '<script>alert("1")</script> | `x` [y](javascript:z)\n\n# heading'


def card(**changes):
    card = {
        "name": "toy_mnist",
        "class": "DCGAN",
        "description": MARKUP,
        "paper": {"title": MARKUP, "authors": MARKUP, "year": 2014, "url": "https://example.org/a"},
        "data": {"name": MARKUP, "title": MARKUP, "url": "https://example.org/b", "licence": MARKUP},
        "parameters": {MARKUP: 3},
        "training": {
            "steps": 1,
            "images_seen": 2,
            "seed": 3,
            "precision": MARKUP,
            "hours": 1.0,
            "machine": MARKUP,
            "versions": {"keras": MARKUP},
            "commit": MARKUP,
            "date": MARKUP,
        },
        "files": {"generator.weights.h5": {"size": 1, "sha256": "0" * 64}},
        "sample": {"method": "generate", "arguments": {}},
        "headline": MARKUP,
        "scores": [{"metric": MARKUP, "value": 1.0, "sd": None, "floor": None, "paper": None, "table": True}],
    }
    return card | changes


PAGES = {
    "readme": _pages.readme,
    "table": lambda card: _pages.results_table([card]),
    "results": lambda card: _pages.results_page([card]),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_markup_in_a_card_stays_text(page):
    _schema.validate(card())
    text = page(card())
    assert "<script" not in text and "&lt;script&gt;" in text
    assert not re.search(r"(?<!\\)\[y", text)  # no link
    assert "\n# heading" not in text
    for line in text.splitlines():
        if line.startswith("|") and "script" in line:
            cells = len(re.findall(r"(?<!\\)\|", line))
            assert cells in (3, 6, 11)  # those of the page's own tables


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a.org/) [x](https://b.org", "file:///etc/passwd", "https://a.org/<b>", ""]
)
@pytest.mark.parametrize("part", ["paper", "data"])
def test_addresses_must_be_addresses(part, url):
    broken = card()
    broken[part]["url"] = url
    with pytest.raises(ValueError, match=f"card.{part}.url"):
        _schema.validate(broken)


@pytest.mark.parametrize("name", ["../evil.weights.h5", "/etc/passwd", "a/b.weights.h5", "", ".."])
def test_files_of_an_entry_stay_in_its_folder(name):
    with pytest.raises(ValueError, match="card.files"):
        _schema.validate(card(files={name: {"size": 1, "sha256": "0" * 64}}))
