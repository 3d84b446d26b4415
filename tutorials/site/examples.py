"""Helps the reader of docstrings, which wants examples in a section of another name, and a package in one folder."""

import pathlib
import textwrap

import griffe

HEADING = "\nExample:\n"
ZOO = pathlib.Path(__file__).parents[2] / "zoo"


class Examples(griffe.Extension):
    def on_instance(self, *, obj, **kwargs):
        if obj.docstring and HEADING in obj.docstring.value:
            text, example = obj.docstring.value.split(HEADING, 1)
            obj.docstring.value = f"{text}\nExamples:\n{textwrap.indent(example.strip(), '    ')}"

    def on_package(self, *, pkg, loader, **kwargs):
        if pkg.path == "kerasgan" and "zoo" not in pkg.members:
            pkg.set_member("zoo", loader.load(ZOO))
