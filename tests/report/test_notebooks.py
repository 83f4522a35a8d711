"""Notebooks of results."""

import importlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model.digests import digest_array
from omniscopy.report import NotebookError, to_notebook
from omniscopy.report.notebooks import run_notebook


def code_of(path):
    book = json.loads(path.read_text("utf-8"))
    assert book["nbformat"] == 4
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def outputs_of(book):
    return [out for cell in book["cells"] for out in cell.get("outputs", [])]


def test_a_notebook_opens_the_file_and_explains_and_draws_every_step(spectra, tmp_path):
    raw = om.open_signal(spectra[0])
    made = om.signal.sum_over(raw, dims=["energy_loss"])
    place = to_notebook(made, tmp_path / "sum.ipynb")
    code = code_of(place)
    assert code[0] == "import omniscopy as om"
    assert "om.open_signal(" in code[1]
    assert code[2] == "om.plot.signal(plasmons)"
    assert code[3].startswith("sum_over = om.signal.sum_over(plasmons")
    text = place.read_text("utf-8")
    assert om.model.find_operation("signal.sum_over").summary in text
    assert not outputs_of(json.loads(text))


@pytest.mark.slow
def test_a_notebook_that_was_run_holds_its_figures_and_gives_the_same_numbers(spectra, tmp_path):
    raw = om.open_signal(spectra[0])
    made = om.image.level(om.signal.sum_over(raw, dims=["energy_loss"])).compute()
    place = to_notebook(made, tmp_path / "level.ipynb", execute=True)
    book = json.loads(place.read_text("utf-8"))
    figures = [out for out in outputs_of(book) if "image/png" in out.get("data", {})]
    assert len(figures) == 3
    assert not [out for out in outputs_of(book) if out["output_type"] == "error"]
    assert outputs_of(book)[-1]["data"]["text/plain"] == ["True"]
    asked = "from omniscopy.model.digests import digest_array\ndigest_array(level.values)"
    book["cells"].append({
        "cell_type": "code", "id": "digest", "metadata": {}, "outputs": [],
        "execution_count": None, "source": asked,
    })  # fmt: skip
    again = json.loads(run_notebook(json.dumps(book), folder=tmp_path))
    told = "".join(outputs_of(again)[-1]["data"]["text/plain"])
    assert told == repr(digest_array(np.asarray(made.values)))


def test_of_a_measurement_the_default_analyses_are_written_down(spectra):
    place = to_notebook(spectra[0])
    assert place == spectra[0].with_suffix(".ipynb")
    assert any("om.signal.decompose(" in cell for cell in code_of(place))
    with pytest.raises(FileExistsError, match="is there already"):
        to_notebook(spectra[0])


def test_saved_results_have_their_own_notebook(spectra, tmp_path):
    raw = om.open_signal(spectra[0])
    om.save(om.signal.sum_over(raw, dims=["energy_loss"]), tmp_path / "sum.nxs")
    place = to_notebook(tmp_path / "sum.nxs")
    assert any("om.signal.sum_over(" in cell for cell in code_of(place))


def test_what_cannot_be_run_again_is_said(tmp_path):
    image = om.samples.surface()
    del image.attrs["provenance"]
    made = om.image.level(image)
    place = tmp_path / "level.ipynb"
    with pytest.raises(om.DataError, match="give the `path`"):
        to_notebook(made)
    with pytest.raises(om.DataError, match="array that was in memory"):
        to_notebook(made, place, execute=True)
    with pytest.raises(om.DataError, match="no history"):
        to_notebook(image, place)
    assert not place.exists()


def test_without_the_packages_the_extra_is_named(spectra, tmp_path, monkeypatch):
    real = importlib.import_module

    def absent(name, *args):
        if name.partition(".")[0] == "nbclient":
            raise ModuleNotFoundError(name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    made = om.open_signal(spectra[0])
    with pytest.raises(om.model.MissingDependencyError, match=r"omniscopy\[notebook\]"):
        to_notebook(made, tmp_path / "a.ipynb", execute=True)
    assert not (tmp_path / "a.ipynb").exists()


@pytest.mark.slow
def test_a_cell_that_fails_is_named_and_nothing_is_written(spectra, tmp_path):
    made = om.signal.sum_over(om.open_signal(spectra[0]), dims=["energy_loss"])
    spectra[0].unlink()
    with pytest.raises(NotebookError, match="cannot be run"):
        to_notebook(made, tmp_path / "a.ipynb", execute=True)
    assert not (tmp_path / "a.ipynb").exists()
