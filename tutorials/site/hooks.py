"""Makes the site's pages out of what the project holds: the tutorials, the README, the results, the public names."""

import ast
import base64
import html
import importlib.util
import pathlib
import re
import sys

import click
import jupytext
import latex2mathml.converter
from mkdocs.structure.files import File

TUTORIALS = pathlib.Path(__file__).parents[1]
ROOT = TUTORIALS.parent
PICTURE = re.compile(r"\(pictures/([\w.]+)\)")
# Pages of the reference: the module of each, and what stands above its names.
REFERENCE = {
    "models": ("kerasgan.models", "Each paper is a `keras.Model`; `compile()` without arguments is its training."),
    "losses": ("kerasgan.losses", "Objects for `compile(loss=...)`."),
    "penalties": ("kerasgan.penalties", "Objects for `compile(penalty=...)`."),
    "augment": ("kerasgan.augment", "What `compile(augment=...)` shows the discriminator."),
    "corruptions": ("kerasgan.corruptions", "What spoils the input of a denoising autoencoder."),
    "regularizers": ("kerasgan.regularizers", "Terms of an autoencoder's loss."),
    "optimizers": ("kerasgan.optimizers", "Keras's Adam, faster."),
    "schedules": ("kerasgan.schedules", "Schedules of rates and of updates."),
    "layers": ("kerasgan.layers", "Layers that the papers share."),
    "convolutions": ("kerasgan.convolutions", "Keras's convolutions, faster."),
    "networks": ("kerasgan.networks", "Networks that the papers share, and discriminators made of others."),
    "text": ("kerasgan.text", "What turns strings into vectors."),
    "data": ("kerasgan.data", "Datasets in the structure that the models train on."),
    "callbacks": ("kerasgan.callbacks", "For `fit(callbacks=[...])`."),
    "metrics": ("kerasgan.metrics", "Scores: plain functions, streaming metrics, and their stamp."),
    "zoo": ("kerasgan.zoo", "Trained weights, with their cards."),
    "plots": ("kerasgan.plots", "Pictures."),
    "latent": ("kerasgan.latent", "Ways through the latent space."),
    "export": ("kerasgan.export", "Files that others open."),
    "report": ("kerasgan.report", "One page about a run."),
    "comparison": ("kerasgan.comparison", "Runs beside one another."),
    "playground": ("kerasgan.playground", "A model in the browser."),
    "distribute": ("kerasgan.distribute", "Several devices and machines."),
}


def on_files(files, config):
    """Adds the generated pages."""

    def add(path, text):
        files.append(File.generated(config, path, content=text))

    add("index.md", links_to_source((ROOT / "README.md").read_text(), config))
    add("results.md", re.sub(r"\[([^]]*)\]\(\w+/README\.md\)", r"\1", (ROOT / "zoo" / "results.md").read_text()))
    add("results.csv", (ROOT / "zoo" / "results.csv").read_text())
    for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.py")):
        add(f"tutorials/{path.stem}.md", page(path))
        add(f"tutorials/{path.stem}.ipynb", notebook(path))
    for path in sorted(TUTORIALS.glob("pictures/*")):
        add(f"tutorials/pictures/{path.name}", path.read_bytes())
    for path in sorted(TUTORIALS.glob("*.md")):
        add(f"guides/{path.name}", links_to_source(path.read_text(), config))
    for name, (module, about) in REFERENCE.items():
        blocks = [f"::: {module}.{member}" for member in public_names(module)]
        add(f"reference/{name}.md", "\n\n".join([f"# {module}", about, *blocks]) + "\n")
    add("reference/command_line.md", command_line())
    return files


def page(path):
    """Returns a tutorial as Markdown, with a link to its notebook below the heading."""
    cells = jupytext.reads(path.read_text(), fmt="py:percent")
    text = jupytext.writes(cells, fmt="md")
    heading, rest = text[text.index("# ") :].split("\n", 1)  # after jupytext's own header
    return f"{heading}\n\n[As a notebook]({path.stem}.ipynb)\n{links_from_tutorials(rest)}"


def notebook(path):
    """Returns a tutorial as a Jupyter notebook that carries its pictures."""
    cells = jupytext.reads(path.read_text(), fmt="py:percent")
    cells.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for cell in cells.cells:
        for name in PICTURE.findall(cell.source) if cell.cell_type == "markdown" else ():
            content = base64.b64encode((path.parent / "pictures" / name).read_bytes()).decode()
            cell.setdefault("attachments", {})[name] = {"image/png": content}
            cell.source = cell.source.replace(f"(pictures/{name})", f"(attachment:{name})")
    return jupytext.writes(cells, fmt="ipynb")


def links_from_tutorials(text):
    """Leads links to the guides from where the site has the tutorials to where it has the guides."""
    return re.sub(r"\]\((\w+\.md)\)", r"](../guides/\1)", text)


def command_line():
    """Returns the helps of all commands."""
    spec = importlib.util.spec_from_file_location("kerasgan_cli", ROOT / "kerasgan" / "cli" / "__init__.py")
    module = importlib.util.module_from_spec(spec)  # no package is installed here, nor TensorFlow needed
    module = sys.modules.setdefault("kerasgan_cli", module)  # so that its rooms find each other
    if not hasattr(module, "main"):
        spec.loader.exec_module(module)
    parts = ["# Command line"]

    def describe(command, context):
        parts.append(f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```")
        for name, below in sorted(getattr(command, "commands", {}).items()):
            describe(below, click.Context(below, info_name=name, parent=context))

    describe(module.main, click.Context(module.main, info_name="kerasgan", **module.main.context_settings))
    return "\n\n".join(parts) + "\n"


def on_page_content(content, **kwargs):
    """Turns formulas into MathML, which browsers show without a script."""

    def mathml(match):
        display = "block" if match[1] == "[" else "inline"
        return latex2mathml.converter.convert(html.unescape(match[2]), display=display)

    return re.sub(r"\\([(\[])(.+?)\\[)\]](?=</(?:span|div)>)", mathml, content, flags=re.DOTALL)


def public_names(module):
    """Returns the public classes and functions of a module, read without importing it."""
    path = ROOT / "zoo" if module == "kerasgan.zoo" else ROOT.joinpath(*module.split("."))  # as setup.cfg has it
    package = path.is_dir()
    tree = ast.parse((path / "__init__.py" if package else path.with_suffix(".py")).read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    names = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    if package:
        own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module.startswith(f"{module}.")]
        names += [alias.name for node in own for alias in node.names]
    return [name for name in names if not name.startswith("_")]


def links_to_source(text, config):
    """Shows links to files of the project, which the site does not hold, as plain text; pictures are left out."""
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^]]*)\]\((?!https?:|#)[^)]*\)", r"\1", text)
