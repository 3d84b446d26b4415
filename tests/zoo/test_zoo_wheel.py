"""What the wheel holds, what a release of the weights holds, and that the two together are the zoo."""

import configparser
import functools
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest

from kerasgan import zoo
from kerasgan.zoo import release

ROOT = pathlib.Path(__file__).parents[2]
WHEEL_BYTES, TREE_BYTES = 25_000_000, 130_000_000
LEFT_OUT = ("build", "dist", "runs", "__pycache__", "*.egg-info", ".git", ".venv", "venv", ".*_cache")


def shipped():
    """Returns {name in the wheel: file} by what setup.cfg says."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = dict(line.split(" = ") for line in config["options"]["package_dir"].split("\n") if line)
    data = {package: patterns.split() for package, patterns in config["options.package_data"].items()}
    files = {}
    for package in config["options"]["packages"].split():
        base = next(base for base in sorted(folders, reverse=True) if f"{package}.".startswith(f"{base}."))
        folder = ROOT.joinpath(folders[base], *package.removeprefix(base).strip(".").split("."))
        for pattern in ("*.py", *data.get(package, ())):
            for path in folder.glob(pattern):
                files["/".join([*package.split("."), *path.relative_to(folder).parts])] = path
    return files


def test_the_wheel_is_small():
    """By what its files have before they are compressed."""
    sizes = {name: path.stat().st_size for name, path in shipped().items()}
    assert sizes["kerasgan/zoo/dcgan_mnist/generator.weights.h5"] > 1_000_000
    assert sizes["kerasgan/models/dcgan.py"] > 1_000 and sizes["kerasgan_cli/zoo.py"] > 1_000
    assert sum(sizes.values()) <= WHEEL_BYTES, sorted(sizes.items(), key=lambda item: -item[1])[:10]


def test_the_tree_is_small():
    left_out = shutil.ignore_patterns(*LEFT_OUT)
    size = 0
    for top in ("kerasgan", "tests", "tutorials", "zoo"):
        for folder, folders, files in os.walk(ROOT / top):
            skipped = left_out(folder, folders + files)
            folders[:] = set(folders) - skipped
            size += sum(os.stat(os.path.join(folder, name)).st_size for name in set(files) - skipped)
    assert 1_000_000 < size <= TREE_BYTES


def test_what_the_pages_load_comes_with_the_wheel():
    names = set(shipped())
    entries = {name.split("/")[2] for name in names if name.endswith(".weights.h5")}
    # One network without the others would be fetched.
    for entry in zoo.list_models():
        files = {f"kerasgan/zoo/{entry}/{file}" for file in zoo.card(entry)["files"]}
        needed = files if entry in entries else {file for file in files if not file.endswith(".weights.h5")}
        assert needed <= names and f"kerasgan/zoo/{entry}/card.json" in names, entry
    pages = [ROOT / "README.md", *sorted((ROOT / "tutorials").glob("*.py")), *sorted((ROOT / "tutorials").glob("*.md"))]
    calls = r"^[^#\n]*(?:zoo\.load\(\"|kerasgan generate |zoo verify )(\w+)"
    loaded = {name for page in pages for name in re.findall(calls, page.read_text(), re.MULTILINE)}
    assert {"dcgan_mnist", "cyclegan_glyphs"} <= loaded & entries
    assert (loaded & set(zoo.list_models())) - entries == set()
    assert set(zoo.list_models("classifier_*")) <= entries  # by which others are scored
    assert not any(name.endswith(".png") for name in names)


def test_a_release_holds_all_weights_once(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_names", lambda: ["classifier_mnist", "dcgan_mnist"])
    made = release.prepare(tmp_path / "release")
    records = {name: zoo.card(name)["files"] for name in ("classifier_mnist", "dcgan_mnist")}
    assert sorted(path.name for path in made) == [
        f"classifier_mnist-network-{records['classifier_mnist']['network.weights.h5']['sha256'][:8]}.weights.h5",
        f"dcgan_mnist-discriminator-{records['dcgan_mnist']['discriminator.weights.h5']['sha256'][:8]}.weights.h5",
        f"dcgan_mnist-generator-{records['dcgan_mnist']['generator.weights.h5']['sha256'][:8]}.weights.h5",
    ]
    source = zoo.FOLDER / "dcgan_mnist" / "generator.weights.h5"
    assert made[-1].read_bytes() == source.read_bytes()
    made[0].unlink()
    assert release.prepare(tmp_path / "release") == made[:1]


@pytest.fixture
def mirror(tmp_path):
    """A server of a release."""
    release.prepare(tmp_path / "release")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "release")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


SCRIPT = """
import sys
import kerasgan
print(kerasgan.__file__, kerasgan.zoo.__file__, sep="\\n")
print(kerasgan.zoo.load("dcgan_mnist").generate(2, seed=1).shape)
try:
    kerasgan.zoo.load("lsgan_mnist")
except FileNotFoundError as error:
    print(error)
kerasgan.zoo.set_url(sys.argv[1])
print(kerasgan.zoo.load("lsgan_mnist").generate(2, seed=1).shape)
print(kerasgan.zoo.verify("lsgan_mnist")["holds"])
"""


@pytest.mark.slow
def test_a_fresh_environment_with_only_the_wheel_fetches_and_draws(tmp_path, mirror):
    """The wheel is built and installed as a user does it; what kerasgan needs is borrowed from this environment."""
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*LEFT_OUT))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path / "wheels", source], check=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert wheel.stat().st_size <= WHEEL_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(shipped())

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    # Folders that are named here are searched after the environment's own, and their own .pth files are not read.
    (folder,) = (tmp_path / "fresh" / "lib").glob("python*/site-packages")
    (folder / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")) + "\n")

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KERASGAN_", "PYTHON"))}
    environment |= {"KERASGAN_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run([python, "-c", SCRIPT, mirror], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    package, entries, drawn, missing, fetched, holds = done.stdout.splitlines()
    assert package.startswith(str(folder)) and entries.startswith(str(folder))
    assert drawn == fetched == "(2, 28, 28, 1)" and holds == "True"
    assert "KERASGAN_ZOO_URL" in missing and str(tmp_path / "home" / "zoo" / "lsgan_mnist-") in missing
    kept = sorted(path.name.split("-")[1] for path in (tmp_path / "home" / "zoo").iterdir())
    assert kept == ["discriminator", "generator"]
