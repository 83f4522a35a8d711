"""SPMLab images."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.spmlab import write_spmlab
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(9)
COUNTS = RNG.integers(0, 1 << 16, (4, 5)).astype(np.uint16)


@pytest.mark.parametrize(("release", "title"), [(4, "Height"), (5, "Height"), (7, "Topo")])
def test_counts_of_every_release_are_scaled(tmp_path, release, title):
    path = write_spmlab(tmp_path / "a.zfr", COUNTS, release=release)
    check_reader("spmlab", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == [title]
    height = found[title]
    np.testing.assert_allclose(height, COUNTS * 0.25 - 100)
    assert (height.attrs["units"], height.attrs["quantity"]) == ("nm", "height")
    np.testing.assert_allclose(height["x"], 2.0 * np.arange(5))
    np.testing.assert_allclose(height["y"], 1.5 * np.arange(4))
    assert height["x"].attrs["units"] == "µm"
    assert tree.attrs["metadata"]["comment"] == "a grating"
    if release < 7:
        assert height.attrs["metadata"]["scan"]["direction"] == "backward"


def test_the_last_header_counts_from_release_5_on(tmp_path):
    first = b"#R5.0#".ljust(3000, b"\0")
    path = write_spmlab(tmp_path / "a.zfr", COUNTS, kind=1, units=("nA", "nm"), before=first)
    current = om.open_signal(path)
    np.testing.assert_allclose(current, COUNTS * 0.25 - 100)
    assert (current.name, current.attrs["units"]) == ("Current", "nA")


def test_layers_are_points_of_spectra(tmp_path):
    layers = RNG.integers(0, 1 << 16, (3, 4, 5)).astype(np.uint16)
    found = om.open_signal(write_spmlab(tmp_path / "a.1fr", layers, kind=3))
    assert found.dims == ("y", "x", "sample")
    np.testing.assert_allclose(found, layers.transpose(1, 2, 0) * 0.25 - 100)


def test_files_that_are_cut_short_are_refused_or_filled(tmp_path):
    path = write_spmlab(tmp_path / "a.zfr", COUNTS)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(om.FormatError, match="points were expected"):
        om.open(path)
    found = om.open_signal(path, partial=True)
    np.testing.assert_allclose(found[:2], COUNTS[:2] * 0.25 - 100)
    assert np.isnan(found[2:]).all()
    assert found.attrs["incomplete"]["missing_from"] == 2


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_spmlab(tmp_path / "a.zfr", COUNTS)
    content = path.read_bytes()
    for damaged in (*truncations(content, 200), *bit_flips(content, 60, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)
