"""The pages of the site: what they show runs, and they build without a warning."""

import ast
import base64
import functools
import importlib.util
import inspect
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

SITE = pathlib.Path(__file__).parents[1] / "tutorials" / "site"
TUTORIALS = sorted(SITE.parent.glob("[0-9][0-9]_*.py"))


@pytest.fixture(scope="module")
def hooks():
    for package in ("jupytext", "mkdocs", "latex2mathml"):
        pytest.importorskip(package, reason="extra `docs`")
    spec = importlib.util.spec_from_file_location("hooks", SITE / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_tutorial_becomes_a_notebook_with_its_pictures(hooks):
    assert len({path.stem[:2] for path in TUTORIALS}) == len(TUTORIALS) >= 14  # a number is one tutorial's
    for path in TUTORIALS:
        notebook = json.loads(hooks.notebook(path))
        code = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
        assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(path.read_text()))
        text = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        pictures = re.findall(r"\(pictures/(\S+)\)", path.read_text())
        assert pictures, f"{path.name} shows no picture"
        assert re.findall(r"\(attachment:(\S+)\)", text) == pictures and "(pictures/" not in text
        for name in pictures:
            attached = [cell["attachments"][name] for cell in notebook["cells"] if name in cell.get("attachments", {})]
            assert base64.b64decode(attached[0]["image/png"]) == (SITE.parent / "pictures" / name).read_bytes()
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        heading = path.read_text().splitlines()[1].removeprefix("# ")
        download = f'<a href="../{path.stem}.ipynb" download>As a notebook</a>'
        assert hooks.page(path).startswith(f"{heading}\n\n{download}\n\n")


def test_links_lead_to_where_the_site_has_their_targets(hooks):
    text = "![a](pictures/02_samples.png) [b](01_first_gan.py) [c](scores.md#x) [d](../LICENSE) [e](https://e.org)"
    guide = hooks.with_links(text, SITE.parent / "training.md")
    assert guide == (
        "![a](../tutorials/pictures/02_samples.png) [b](../tutorials/01_first_gan.md) [c](scores.md#x) d [e](https://e.org)"
    )
    home = hooks.with_links((SITE.parents[1] / "README.md").read_text(), SITE.parents[1] / "README.md")
    assert home.count("](zoo/projectedgan_flowers/samples.png)") == 1 and "](tutorials/index.md)" in home
    assert "](results.md)" in home and "](zoo/sagan_flowers/index.md)" in home and "(CONTRIBUTING.md)" not in home


def test_every_page_has_its_place_in_the_navigation(hooks):
    nav = json.dumps(hooks.on_config({})["nav"])
    experiments = SITE.parents[1] / "zoo" / "experiments" / "README.md"
    for path in [*SITE.parent.glob("*.md"), *SITE.glob("pages/*.md"), *TUTORIALS, experiments]:
        assert f'"{hooks.place(path)}"' in nav, path.name
    course = (SITE.parent / "README.md").read_text()
    for path in [*SITE.parent.glob("*.md"), *TUTORIALS]:
        assert path.name == "README.md" or f"]({path.name})" in course, f"tutorials/README.md lacks {path.name}"


def test_the_page_of_the_experiments_leads_to_each(hooks):
    folder = SITE.parents[1] / "zoo" / "experiments"
    page = hooks.with_links((folder / "README.md").read_text(), folder / "README.md")
    for path in folder.glob("*/README.md"):
        name = path.parent.name
        assert f"]({name}/index.md)" in page and path in hooks.PAGES
        assert hooks.place(path) == f"zoo/experiments/{name}/index.md"
        picture = path.with_name("picture.png")
        assert ("](picture.png)" in hooks.with_links(path.read_text(), path)) == picture.exists()
        assert hooks.place(picture) == f"zoo/experiments/{name}/picture.png"


def test_no_picture_lies_about():
    shown = re.findall(r"\(pictures/(\S+)\)", "".join(path.read_text() for path in TUTORIALS))
    found = [path.name for path in (SITE.parent / "pictures").iterdir()]
    assert sorted(shown) == sorted(found)
    assert sum((SITE.parent / "pictures" / name).stat().st_size for name in found) < 1_500_000


def test_the_helps_of_all_commands_are_a_page(hooks):
    page = hooks.command_line()
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings[0] == "kerasgan" and {"kerasgan train", "kerasgan zoo verify"} <= set(headings)
    assert "--image-size" in page and "130 or 143" in page


def test_the_reference_has_every_public_module_and_name(hooks):
    import kerasgan

    modules = {name for name, value in vars(kerasgan).items() if type(value) is type(kerasgan) and name[0] != "_"}
    found = {name: set(hooks.public_names(module)) for name, (module, _) in hooks.REFERENCE.items()}
    # What is not named in `kerasgan/__init__.py` is there because others import it.
    tree = ast.parse(pathlib.Path(kerasgan.__file__).read_text())
    imports = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    named = {alias.name for alias in imports if not alias.asname} - {"load_preset"}  # on the page of the zoo
    assert found.keys() - {"models"} == modules & named
    assert named - modules - {"__version__"} == found["models"]
    assert found["zoo"] == set(kerasgan.zoo.__all__) and {"slerp", "project"} <= found["latent"]
    for page, names in found.items():
        assert all(hasattr(getattr(kerasgan, page), name) for name in names), page


# A table of two columns, and what a click on the second head makes of it, once and again.
SORT = """
const cell = (textContent) => ({textContent, attributes: {},
  getAttribute(name) { return this.attributes[name] ?? null; },
  setAttribute(name, value) { this.attributes[name] = value; },
  removeAttribute(name) { delete this.attributes[name]; },
  replaceChildren(child) { this.child = child; }});
const row = (...texts) => ({cells: texts.map(cell)});
const body = {rows: [row("a", "10,000"), row("b", ""), row("c", "9.5"), row("d", "-0.2"), row("e", "1e-05")],
  append(...rows) { this.rows = rows; }};
const table = {tHead: {rows: [row("entry", "value")]}, tBodies: [body]};
const document = {querySelectorAll: () => [table],
  createElement: () => ({addEventListener(name, call) { this[name] = call; }})};
new Function("document", require("fs").readFileSync(process.argv[1], "utf8"))(document);
const [entry, value] = table.tHead.rows[0].cells;
const shown = [];
for (const head of [value, value, value, entry]) {
  head.child.click();
  shown.push([body.rows.map((each) => each.cells[0].textContent).join(""), entry.attributes, value.attributes]);
  shown[shown.length - 1] = JSON.parse(JSON.stringify(shown[shown.length - 1]));
}
console.log(JSON.stringify(shown));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is missing")
def test_a_click_on_a_column_sorts_a_table():
    script = SITE / "pages" / "sort.js"
    done = subprocess.run(["node", "-e", SORT, script], capture_output=True, text=True, check=True)
    up, down = {"aria-sort": "ascending"}, {"aria-sort": "descending"}
    assert json.loads(done.stdout) == [["decab", {}, up], ["acedb", {}, down], ["decab", {}, up], ["abcde", up, {}]]


@pytest.mark.slow
def test_a_notebook_runs_and_shows_its_figures(hooks, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    path = next(path for path in TUTORIALS if path.stem.startswith("02"))
    notebook = (
        hooks.notebook(path).replace("NUM_IMAGES = 10_000", "NUM_IMAGES = 640").replace("EPOCHS = 12", "EPOCHS = 1")
    )
    notebook = nbformat.reads(notebook, as_version=4)
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert [output for output in outputs if "image/png" in output.get("data", {})]


def test_names_in_the_page_for_newcomers_exist():
    import kerasgan

    text = (SITE / "pages" / "coming_from.md").read_text()
    names = set(re.findall(r"kerasgan((?:\.\w+)+)", text))
    assert {".DCGAN", ".callbacks.Checkpoint", ".metrics.score_images"} <= names
    for name in names:
        found = kerasgan
        for part in name.split(".")[1:]:
            found = getattr(found, part)
    for kind, name in re.findall(r'compile\((loss|penalty)="(\w+)"\)', text):
        assert {"loss": kerasgan.losses, "penalty": kerasgan.penalties}[kind].get(name)
    # Keywords of every call that is shown, and the parts of models.
    calls = re.findall(r"(kerasgan(?:\.\w+)+|compile)\((\w+)=", text)
    assert ("kerasgan.GAN", "generator") in calls and ("compile", "l1_weight") in calls
    for function, keyword in calls:
        if function == "compile":
            functions = [kerasgan.AdversarialModel.compile, kerasgan.Pix2Pix.compile]
        else:
            functions = [functools.reduce(getattr, function.split(".")[1:], kerasgan)]
        assert any(keyword in inspect.signature(each).parameters for each in functions), (function, keyword)
    model = kerasgan.CycleGAN(image_size=16, width=2, blocks=1, receptive_field=16)
    for part in re.findall(r"`((?:generator|discriminator)_\w+)`", text.partition("## TF-GAN")[0]):
        if part not in ("generator_loss", "discriminator_loss"):  # of the tutorials
            assert hasattr(model, part), part


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("mkdocs", path=str(pathlib.Path(sys.executable).parent)) is None, reason="extra `docs`"
)
def test_the_site_builds_without_a_warning(tmp_path):
    command = [
        pathlib.Path(sys.executable).parent / "mkdocs",
        "build",
        "--strict",
        "--config-file",
        SITE / "mkdocs.yml",
    ]
    result = subprocess.run([*command, "--site-dir", tmp_path / "site"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "DCGAN" in (tmp_path / "site" / "reference" / "models" / "index.html").read_text()
    assert 'id="kerasgan.zoo.load"' in (tmp_path / "site" / "reference" / "zoo" / "index.html").read_text()
    results = (tmp_path / "site" / "results" / "index.html").read_text()
    table = (SITE.parents[1] / "zoo" / "results.md").read_text()
    assert results.count("<tr>") == table.count("\n|") - 1 and 'src="../sort.js"' in results
    assert 'href="../results.csv"' in results and (tmp_path / "site" / "results.csv").exists()
    home = (tmp_path / "site" / "index.html").read_text()
    for name in ("projectedgan_flowers/samples.png", "pix2pix_facades/samples.png", "stylegan2_celeba/samples.png"):
        assert f'src="zoo/{name}"' in home and (tmp_path / "site" / "zoo" / name).exists()
    models = (tmp_path / "site" / "reference" / "models" / "index.html").read_text()
    assert "<em>required</em>" not in models and "latent_dim" in models
    for path in TUTORIALS:
        page = (tmp_path / "site" / "tutorials" / path.stem / "index.html").read_text()
        assert f'href="../{path.stem}.ipynb"' in page and 'src="../pictures/' in page
        assert (tmp_path / "site" / "tutorials" / f"{path.stem}.ipynb").exists()
