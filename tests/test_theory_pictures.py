"""The numbers behind the pictures of tutorial 18, held against those computed by hand."""

import pathlib

import numpy as np
import pytest

from kerasgan import plots

TUTORIAL = pathlib.Path(__file__).parents[1] / "tutorials" / "18_theory_in_pictures.py"


@pytest.mark.slow
def test_the_numbers_are_those_of_the_theory(tmp_path, monkeypatch):
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    drawn = {}
    monkeypatch.setattr(plots.figure_class(), "savefig", lambda figure, name, **kwargs: drawn.update({name: figure}))
    found = {"__name__": "__main__"}
    exec(compile(TUTORIAL.read_text(), TUTORIAL, "exec"), found)
    assert len(drawn) == 9

    first, best, moved, last = found["stages"]
    assert first["error"] > 0.1 and best["error"] < 0.02 and moved["error"] > 0.1 and last["error"] < 0.02
    assert last["value"] == pytest.approx(-np.log(4), abs=1e-3) and best["value"] > -1.0
    assert last["g"] == pytest.approx(found["DATA"], abs=0.02)

    np.testing.assert_allclose(found["values"], found["by_divergence"], atol=0.005)
    middle = len(found["means"]) // 2
    assert found["means"][middle] == pytest.approx(0.8) and np.argmin(found["values"]) == middle
    assert found["values"][middle] == pytest.approx(-np.log(4), abs=1e-6)
    assert -0.5 < found["values"][0] < 0  # far apart the value nears 0

    logits = np.linspace(-7, 7, 141)
    sigmoid = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(found["saturating"], -sigmoid, atol=1e-5)
    np.testing.assert_allclose(found["steep"], sigmoid - 1, atol=1e-5)
    np.testing.assert_allclose(found["sigma_slope"], sigmoid * (1 - sigmoid), atol=1e-6)

    lengths = {name: np.linalg.norm(push, axis=1) for name, push in found["pushes"].items()}
    assert lengths["cross entropy"].max() < 0.1 < 0.5 < lengths["least squares"].min()

    np.testing.assert_allclose(found["plan"].sum(axis=1), found["pile"], atol=1e-9)
    np.testing.assert_allclose(found["plan"].sum(axis=0), found["target"], atol=1e-9)
    # mean place 31 / 8 less mean place 5 / 8: all earth moves to the right
    for name in ("work", "area", "on_the_line"):
        assert found[name] == pytest.approx(3.25)

    fakes = found["apart"]["fake"].numpy()
    np.testing.assert_allclose(found["norms"]["critic"], 1.0, rtol=1e-5)
    np.testing.assert_allclose(found["norms"]["D, log(1 - D)"], 8 / (1 + np.exp(-8 * fakes)), rtol=1e-3)
    np.testing.assert_allclose(found["norms"]["D, -log D"], 8 / (1 + np.exp(8 * fakes)), rtol=1e-3)
    assert found["estimate"] == pytest.approx(2.0, abs=1e-5) and found["exact"] == pytest.approx(2.0, abs=1e-5)

    assert np.linalg.norm(found["in_images"][4]) == pytest.approx(np.cos(0.35 * np.pi))
    np.testing.assert_allclose(np.linalg.norm(found["in_latents"], axis=1), 1.0)
    assert found["lengths"]["lerp"][4] == pytest.approx(np.sqrt(50), abs=0.15)
    assert found["lengths"]["slerp"][4] == pytest.approx(10.0, abs=0.15)

    alone, averaged = (np.linalg.norm(path, axis=1) for path in found["paths"].values())
    np.testing.assert_allclose(alone, 1.01 ** (np.arange(len(alone)) / 2), rtol=1e-3)
    assert averaged[-1] < 0.1
