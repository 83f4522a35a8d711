"""Files that are written for other programs, opened by them."""

import json
import subprocess

import numpy as np
import pytest
import xarray as xr
from tests.benchmarks.peers.races import HERE, python_of

import omniscopy as om
from omniscopy.testing.files import band_excitation as encoder

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]


def test_bglib_opens_what_is_saved(tmp_path):
    python = python_of("bglib")
    if not python.exists():
        pytest.skip("the environment of BGlib was not asked for")
    maps = om.simulate.switching_spectroscopy((4, 5), noise=2e-3)
    values = maps.transpose("y", "x", "bias", "frequency").values
    steps, bins = values.shape[2:]
    parameters = encoder.encode_parameters(
        (4, 5), steps=steps, bins=bins, fields="in and out-of-field"
    )
    encoder.write_odf(tmp_path / "s_parms.txt", {"read": values, "write": 0.7 * values}, parameters)
    tree = om.open(tmp_path)
    data = om.signals(tree)["Band_excitation"]
    resonances = om.spm.fit_oscillator(data)
    loops = om.spm.project_loops(resonances)
    found = om.spm.fit_loops(loops)
    made = {
        "resonances": resonances, "projected": loops, "loops": found,
        "measures": om.spm.measure_loops(loops), "switching": om.spm.switching_parameters(found),
    }  # fmt: skip
    for name, each in made.items():
        tree[f"results/{name}"] = xr.DataTree(each)
    path = om.save(tree, tmp_path / "a.h5", format="usid")
    done = subprocess.run(
        [python, HERE / "bglib_files.py", path], capture_output=True, text=True, check=True,
        timeout=400, cwd=tmp_path,
    )  # fmt: skip
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    failed = {name: each for name, each in answers.items() if isinstance(each, str)}
    assert not failed
    assert answers["labels"] == ["Frequency", "DC_Offset", "Field"]
    assert answers["steps"] == [*range(2 * steps)]
    assert answers["simple"] is True
    np.testing.assert_allclose(answers["frequencies"], data["frequency"])
    assert answers["fit of resonances"] == [20, 2 * steps]
    assert answers["fit of loops"] == [20, 2]
