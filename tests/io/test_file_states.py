"""Files that change between opening and reading."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.arrays import Flipped, Mapped, Scaled, mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.file_states import states_of

VALUES = np.arange(3000.0).reshape(50, 60)


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "Höhe 1.npy"
    np.save(place, VALUES)
    os.utime(place, ns=(10**9, 10**9))
    return place


def test_a_file_that_was_removed_is_missed_by_name(path):
    data = om.open_signal(path)
    path.unlink()
    with pytest.raises(FormatError, match=r"Höhe 1\.npy: the file cannot be read any more"):
        data.compute()
    path.mkdir()
    with pytest.raises(FormatError, match="this is no file any more"):
        data.compute()


def test_a_file_that_was_cut_short_does_not_end_the_process(path):
    code = (
        "import os, sys, omniscopy as om\n"
        "data = om.open_signal(sys.argv[1])\n"
        "os.truncate(sys.argv[1], 4096)\n"
        "try: data.sum().compute()\n"
        "except om.FormatError as error: print(ascii(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    size = 128 + VALUES.nbytes
    assert f"has 4096 bytes, but had {size} when it was opened" in done.stdout.decode(), done


@pytest.mark.parametrize("size", [50, 60])
def test_a_file_that_was_replaced_gives_no_values_of_the_other(path, size):
    data = om.open_signal(path)
    np.save(path, np.ones((size, 60)))
    with pytest.raises(FormatError, match="changed or replaced after it was opened; open it again"):
        data.compute()
    assert (om.open_signal(path) == 1).all()


@pytest.mark.parametrize("ending", [".zarr", ".hf5", ".nc"])
def test_a_store_that_was_saved_anew_gives_no_values_of_the_other(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    image = om.samples.surface()
    lazy = om.open_signal(om.save(image, path))
    om.save(image * 2, path, overwrite=True)
    with pytest.raises(FormatError, match=r"changed or replaced after it was|was cut short"):
        lazy.compute()


def test_a_file_may_grow_at_its_end(path):
    """Instruments add to files while what there is already is looked at."""
    data = om.open_signal(path)
    with path.open("ab") as file:
        file.write(b"further frames")
    np.testing.assert_array_equal(data, VALUES)


def test_values_in_memory_outlive_their_file(path):
    data = om.open_signal(path).compute()
    os.truncate(path, 0)
    np.testing.assert_array_equal(data, VALUES)


def test_times_of_change_are_compared_on_one_machine_only(path):
    (here,) = states_of(Mapped(str(path), 128, VALUES.shape, VALUES.dtype))
    os.utime(path, ns=(2 * 10**9, 2 * 10**9))
    with pytest.raises(FormatError, match="changed or replaced"):
        here.require()
    there = pickle.loads(pickle.dumps(replace(here, host="another machine")))
    there.require()
    os.truncate(path, 200)
    with pytest.raises(FormatError, match="has 200 bytes, but had 24128"):
        there.require()


def test_the_files_of_a_handle_are_found_wherever_they_stand(path, tmp_path):
    inner = Mapped(str(path), 128, VALUES.shape, VALUES.dtype)
    (found,) = states_of(Scaled(Flipped(inner, (0,)), 2.0))
    assert found.path == str(path)
    assert states_of(VALUES) == ()
    assert states_of(replace(inner, path=str(path))) == (found,)


def test_what_is_mapped_beyond_the_end_is_refused(path):
    with pytest.raises(FormatError, match="needs 24000 bytes, but the file"):
        mapped(path, VALUES.dtype, 200, VALUES.shape)
