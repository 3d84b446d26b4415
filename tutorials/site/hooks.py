"""Generates the site's pages from the README, guides, tutorials, results and public names."""

import ast
import base64
import html
import importlib.util
import pathlib
import posixpath
import re
import sys

import click
import jupytext
import latex2mathml.converter
from mkdocs.structure.files import File

TUTORIALS = pathlib.Path(__file__).parents[1]
ROOT = TUTORIALS.parent
PICTURE = re.compile(r"\(pictures/([\w.]+)\)")
# A relative link, as [label](target#anchor), or a picture, with an exclamation mark before it.
LINK = re.compile(r"(!?)\[([^]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")
PAGES = [
    ROOT / "README.md",
    *sorted(TUTORIALS.glob("*.md")),
    ROOT / "zoo" / "results.md",
    *sorted(ROOT.glob("zoo/*/README.md")),
    *sorted(ROOT.glob("zoo/experiments/*/README.md")),
]
# Pages of the reference: the module of each, and what stands above its names.
REFERENCE = {
    "models": ("kerasgan.models", "Each paper is a `keras.Model`; `compile()` without arguments is its training."),
    "losses": ("kerasgan.losses", "Objects for `compile(loss=...)`."),
    "penalties": ("kerasgan.penalties", "Objects for `compile(penalty=...)`."),
    "augment": ("kerasgan.augment", "Augmentation of what the discriminator sees, for `compile(augment=...)`."),
    "corruptions": ("kerasgan.corruptions", "Corruptions of a denoising autoencoder's input."),
    "regularizers": ("kerasgan.regularizers", "Terms of an autoencoder's loss."),
    "optimizers": ("kerasgan.optimizers", "Keras's Adam and RMSprop with faster or original updates."),
    "schedules": ("kerasgan.schedules", "Schedules of learning rates, averages and discriminator updates."),
    "layers": ("kerasgan.layers", "Layers that several papers use."),
    "convolutions": ("kerasgan.convolutions", "Keras's convolutions with faster gradients."),
    "networks": (
        "kerasgan.networks",
        "Networks that several papers use, and discriminators built from other networks.",
    ),
    "text": ("kerasgan.text", "Encoders that turn strings into vectors."),
    "data": ("kerasgan.data", "Loading and checking data in the structure that a model trains on."),
    "callbacks": ("kerasgan.callbacks", "Callbacks for training GANs."),
    "metrics": ("kerasgan.metrics", "Scores: plain functions, streaming metrics, and their protocol."),
    "zoo": ("kerasgan.zoo", "Pretrained models and their cards."),
    "plots": ("kerasgan.plots", "Image grids, curves and animations."),
    "latent": ("kerasgan.latent", "Tools for the latent space: interpolation, arithmetic, truncation, projection."),
    "export": ("kerasgan.export", "Export to SavedModel, ONNX and LiteRT."),
    "report": ("kerasgan.report", "A report of a run as one HTML page."),
    "comparison": ("kerasgan.comparison", "Comparison of runs."),
    "playground": ("kerasgan.playground", "A page in which a model draws in the browser."),
    "testing": ("kerasgan.testing", "The contract of all models, for models of your own."),
    "distribute": ("kerasgan.distribute", "Training on several devices and machines."),
}


GUIDES = """
    models training troubles command_line pretrained scores trackers latents serving scaling speed security
""".split()


def on_config(config):
    """Sets the order of the pages: first steps, the course, guides, reference."""
    course = ["tutorials/index.md", *(place(path) for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.py")))]
    guides = [f"guides/{name}.md" for name in GUIDES]
    papers = ["adding_a_paper.md", "coming_from.md", "defaults.md", "results.md", "zoo/experiments/index.md"]
    reference = [f"reference/{name}.md" for name in (*REFERENCE, "command_line")]
    config["nav"] = [
        {"Home": "index.md"},
        "guides/first_hour.md",
        {"Tutorials": course},
        {"Guides": guides + papers},
        {"Reference": reference},
    ]
    return config


def on_files(files, config):
    """Adds the generated pages, and the pictures that they show."""

    def add(path, content):
        files.append(File.generated(config, path, content=content))

    texts = {path: path.read_text() for path in PAGES}
    for path, text in texts.items():
        add(place(path), with_links(text, path))
    for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.py")):
        add(place(path), with_links(page(path), path))
        add(f"tutorials/{path.stem}.ipynb", notebook(path))
    add("results.csv", (ROOT / "zoo" / "results.csv").read_text())
    for path in [*TUTORIALS.glob("pictures/*"), *ROOT.glob("zoo/*/*.png"), *ROOT.glob("zoo/experiments/*/*.png")]:
        add(place(path), path.read_bytes())
    for name, (module, about) in REFERENCE.items():
        blocks = [f"::: {module}.{member}" for member in public_names(module)]
        add(f"reference/{name}.md", "\n\n".join([f"# {module}", about, *blocks]) + "\n")
    add("reference/command_line.md", command_line())
    return files


def place(path):
    """Returns where the site has a file of the repository, or None."""
    parts = path.relative_to(ROOT).parts
    if path == ROOT / "README.md":
        return "index.md"
    if parts[:3] == ("tutorials", "site", "pages"):
        return "/".join(parts[3:])
    if parts[0] == "tutorials" and len(parts) == 2 and path.suffix == ".md":
        return "tutorials/index.md" if path.name == "README.md" else f"guides/{path.name}"
    if parts[0] == "tutorials" and len(parts) == 2 and path.suffix == ".py":
        return f"tutorials/{path.stem}.md"
    if parts[:2] == ("tutorials", "pictures"):
        return "/".join(parts)
    if parts[0] == "zoo" and len(parts) == 2 and path.suffix in (".md", ".csv"):
        return path.name
    if parts[0] == "zoo" and path.suffix == ".png":
        return "/".join(parts)
    if parts[0] == "zoo" and path.name == "README.md":
        return "/".join([*parts[:-1], "index.md"])
    return None


def with_links(text, path):
    """Leads the relative links of a page to where the site has their targets; the others become plain text."""
    here = pathlib.PurePosixPath(place(path)).parent

    def link(match):
        picture, label, target, anchor = match.groups()
        found = (path.parent / target).resolve()
        where = place(found) if found.is_relative_to(ROOT) and found.is_file() else None
        if where is None:
            return "" if picture else label
        return f"{picture}[{label}]({posixpath.relpath(where, here)}{anchor or ''})"

    return LINK.sub(link, text)


def page(path):
    """Returns a tutorial as Markdown, with a link to its notebook below the heading."""
    cells = jupytext.reads(path.read_text(), fmt="py:percent")
    text = jupytext.writes(cells, fmt="md")
    heading, rest = text[text.index("# ") :].split("\n", 1)  # after jupytext's own header
    return f'{heading}\n\n<a href="../{path.stem}.ipynb" download>As a notebook</a>\n{rest}'


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
