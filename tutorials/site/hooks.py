"""Makes the site's pages out of what the project holds already: the tutorials, the README, and the public names."""

import ast
import html
import pathlib
import re

import jupytext
import latex2mathml.converter
from mkdocs.structure.files import File

TUTORIALS = pathlib.Path(__file__).parents[1]
ROOT = TUTORIALS.parent
# Pages of the reference: the module of each, and what stands above its names.
REFERENCE = {
    "models": ("kerasgan.models", "Each paper is a `keras.Model`; `compile()` without arguments is its training."),
    "losses": ("kerasgan.losses", "Objects for `compile(loss=...)`."),
    "penalties": ("kerasgan.penalties", "Objects for `compile(penalty=...)`."),
    "augment": ("kerasgan.augment", "What `compile(augment=...)` shows the discriminator."),
    "schedules": ("kerasgan.schedules", "Schedules of rates and of updates."),
    "layers": ("kerasgan.layers", "Layers that the papers share."),
    "text": ("kerasgan.text", "What turns strings into vectors."),
    "data": ("kerasgan.data", "Datasets in the structure that the models train on."),
    "callbacks": ("kerasgan.callbacks", "For `fit(callbacks=[...])`."),
    "metrics": ("kerasgan.metrics", "Scores: plain functions, streaming metrics, and their stamp."),
    "plots": ("kerasgan.plots", "Pictures."),
    "latent": ("kerasgan.latent", "Ways through the latent space."),
    "export": ("kerasgan.export", "Files that others open."),
    "report": ("kerasgan.report", "One page about a run."),
    "playground": ("kerasgan.playground", "A model in the browser."),
    "distribute": ("kerasgan.distribute", "Several devices and machines."),
}


def on_files(files, config):
    """Adds the generated pages."""

    def add(path, text):
        files.append(File.generated(config, path, content=text))

    add("index.md", links_to_source((ROOT / "README.md").read_text(), config))
    for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.py")):
        notebook = jupytext.reads(path.read_text(), fmt="py:percent")
        notebook.metadata.clear()  # no header
        add(f"tutorials/{path.stem}.md", jupytext.writes(notebook, fmt="md"))
    for path in sorted(TUTORIALS.glob("*.md")):
        add(f"guides/{path.name}", links_to_source(path.read_text(), config))
    for name, (module, about) in REFERENCE.items():
        blocks = [f"::: {module}.{member}" for member in public_names(module)]
        add(f"reference/{name}.md", "\n\n".join([f"# {module}", about, *blocks]) + "\n")
    return files


def on_page_content(content, **kwargs):
    """Turns formulas into MathML, which browsers show without a script."""

    def mathml(match):
        display = "block" if match[1] == "[" else "inline"
        return latex2mathml.converter.convert(html.unescape(match[2]), display=display)

    return re.sub(r"\\([(\[])(.+?)\\[)\]](?=</(?:span|div)>)", mathml, content, flags=re.DOTALL)


def public_names(module):
    """Returns the public classes and functions of a module, read without importing it."""
    path = ROOT.joinpath(*module.split("."))
    package = path.is_dir()
    tree = ast.parse((path / "__init__.py" if package else path.with_suffix(".py")).read_text())
    names = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    if package:
        own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module.startswith(f"{module}.")]
        names += [alias.name for node in own for alias in node.names]
    return [name for name in names if not name.startswith("_")]


def links_to_source(text, config):
    """Shows links to files of the project, which the site does not hold, as plain text; pictures are left out."""
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^]]*)\]\((?!https?:|#)[^)]*\)", r"\1", text)
