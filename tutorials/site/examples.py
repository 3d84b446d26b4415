"""Lets the reference show the examples of docstrings as code: its reader wants the plural, and an indented section."""

import textwrap

import griffe

HEADING = "\nExample:\n"


class Examples(griffe.Extension):
    def on_instance(self, *, obj, **kwargs):
        if obj.docstring and HEADING in obj.docstring.value:
            text, example = obj.docstring.value.split(HEADING, 1)
            obj.docstring.value = f"{text}\nExamples:\n{textwrap.indent(example.strip(), '    ')}"
