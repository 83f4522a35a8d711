"""Recipes on folders of files."""

import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.cli.application import run
from omniscopy.cli.outcomes import INTERRUPTED
from omniscopy.io.runs import FileRun
from omniscopy.testing.files.mrc import write_mrc

RECIPE = '[[step]]\noperation = "signal.sum_over"\n[step.parameters]\ndims = ["y"]\n'


@pytest.fixture
def folder(tmp_path):
    """Make a folder of two images, a note, a hidden file and a recipe beside it."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(2):
        write_mrc(images / f"image-{number}.mrc", np.full((4, 5), number + 1, np.int16))
    (images / "notes.txt").write_text("nothing to read here")
    (images / ".hidden").write_text("")
    (tmp_path / "sum.toml").write_text(RECIPE)
    return images


def call(folder, *words):
    output = folder.parent / "results"
    return run(["run", str(folder.parent / "sum.toml"), str(folder), "-o", str(output), *words])


def test_a_recipe_runs_on_all_files_of_a_folder(folder, capsys):
    assert call(folder) == 0
    results = sorted((folder.parent / "results").iterdir())
    assert [p.name for p in results] == ["image-0-sum.hf5", "image-1-sum.hf5"]
    saved = next(iter(om.signals(om.open(results[1])).values()))
    np.testing.assert_array_equal(saved, [8] * 5)
    out = capsys.readouterr().out
    assert "2 done, 1 skipped, 0 failed" in out
    assert "notes.txt" in out


def test_what_was_made_is_not_made_again(folder, capsys):
    call(folder)
    before = {p: p.stat().st_mtime_ns for p in (folder.parent / "results").iterdir()}
    capsys.readouterr()
    assert call(folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["done"] == []
    assert sum("has it already" in entry["reason"] for entry in said["skipped"]) == 2
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_a_raw_file_that_changed_is_not_taken_for_done(folder, capsys):
    call(folder)
    write_mrc(folder / "image-0.mrc", np.full((4, 5), 9, np.int16))
    assert call(folder) == 1
    assert "is something else; use --overwrite" in capsys.readouterr().err
    assert call(folder, "--overwrite") == 0


def test_a_result_that_was_interrupted_is_gone_on_with(folder, capsys, monkeypatch):
    mark, marked = FileRun.mark, []

    def stop(store, place):
        mark(store, place)
        marked.append((store.name, place))
        if len(marked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(FileRun, "mark", stop)
    (folder.parent / "sum.toml").write_text(
        f"[input]\noptions = {{ chunks = {{ x = 1 }} }}\n{RECIPE}"
    )
    assert call(folder) == INTERRUPTED
    assert call(folder) == 0
    assert "2 done" in capsys.readouterr().out
    assert len(marked) == len(set(marked)) == 2 * 5


def test_files_that_fail_are_summed_up_at_the_end(folder, capsys):
    (folder / "image-2.mrc").write_bytes((folder / "image-1.mrc").read_bytes()[:1030])
    assert call(folder) == 1
    said = capsys.readouterr()
    assert "2 done, 1 skipped, 1 failed" in said.out
    assert said.err.startswith("omniscopy: image-2.mrc: ")


def test_a_recipe_that_is_wrong_stops_before_any_file(folder, capsys):
    (folder.parent / "sum.toml").write_text(RECIPE.replace("sum_over", "sum_ovr"))
    assert call(folder) == 2
    assert "did you mean 'signal.sum_over'" in capsys.readouterr().err
    assert not (folder.parent / "results").exists()


def test_a_folder_without_files_is_said(folder, capsys):
    empty = folder / "empty"
    empty.mkdir()
    assert run(["run", str(folder.parent / "sum.toml"), str(empty)]) == 2
    assert "no file that can be read" in capsys.readouterr().err


def test_a_saved_result_serves_as_a_recipe(folder, capsys):
    call(folder)
    result = folder.parent / "results" / "image-0-sum.hf5"
    output = folder.parent / "more"
    assert run(["run", str(result), str(folder / "image-1.mrc"), "-o", str(output)]) == 0
    assert [p.name for p in output.iterdir()] == ["image-1-image-0-sum.hf5"]


def test_a_network_is_trained_by_a_recipe_without_files(tmp_path, capsys):
    pytest.importorskip("torch")
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        'title = "Small"\nkind = "lattices"\nlicence = "MIT"\n'
        "[settings]\nfilters = 2\n[training]\nexamples = 12\nscored = 12\nepochs = 1\n"
    )
    call = ["run", str(recipe), "-o", str(tmp_path / "models"), "--seed", "3", "--json"]
    assert run(call) == 0
    said = json.loads(capsys.readouterr().out)
    assert "accuracy" in said["scores"]
    model = om.learn.load(said["result"])
    assert model.about_["seed"] == 3
    assert run(call) == 2
    assert "use --overwrite" in capsys.readouterr().err
    assert run(["run", "no-such-recipe"]) == 2
    assert "there is no recipe" in capsys.readouterr().err


def test_a_recipe_for_files_asks_for_some(folder, capsys):
    assert run(["run", str(folder.parent / "sum.toml")]) == 2
    assert "name some" in capsys.readouterr().err
