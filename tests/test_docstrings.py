"""The examples in the docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan

GLOBALS = {"kerasgan": kerasgan, "keras": keras, "np": np, "tf": tf}
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


DEAR = {"kerasgan.models.wgan.WGAN", "kerasgan.metrics.inception.inception_v3"}


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(kerasgan.__path__[:1], "kerasgan."):
        if info.name.startswith(("kerasgan.zoo.", "kerasgan.cli", "kerasgan.__main__")):
            continue
        module = importlib.import_module(info.name)
        for test in finder.find(module, info.name, globs=vars(module) | GLOBALS):
            if test.examples:
                yield pytest.param(test, id=test.name, marks=pytest.mark.slow if test.name in DEAR else ())


@pytest.mark.parametrize("example", list(examples()))
def test_example(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append)
    assert not failed, "".join(report)
