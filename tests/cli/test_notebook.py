"""`omniscopy notebook`."""

import json

import pytest

import omniscopy as om
from omniscopy.cli.application import run


@pytest.fixture
def result(tmp_path):
    made = om.image.level(om.samples.surface())
    return om.save(made, tmp_path / "level.nxs")


def test_the_notebook_of_a_saved_result_is_written(result, capsys):
    assert run(["notebook", str(result)]) == 0
    place = result.with_suffix(".ipynb")
    assert str(place) in capsys.readouterr().out.replace("\n", "")
    text = place.read_text("utf-8")
    assert "om.image.level(" in text
    assert json.loads(text)["nbformat"] == 4


def test_a_notebook_that_is_there_is_kept(result, capsys):
    assert run(["notebook", str(result)]) == 0
    assert run(["notebook", str(result)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run(["notebook", str(result), "--overwrite"]) == 0


def test_of_several_files_those_that_fail_are_said(result, tmp_path, capsys):
    (tmp_path / "bad.mrc").write_bytes(b"nothing of use")
    assert run(["notebook", str(result), str(tmp_path / "bad.mrc")]) == 1
    assert "bad.mrc" in capsys.readouterr().err
    one = ["notebook", str(result), str(result), "-o", str(tmp_path / "one.ipynb")]
    assert run(one) == 2
