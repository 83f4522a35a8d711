"""Movies of high-speed AFMs."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.high_speed_afm import write_asd
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(9)
MOVIE = RNG.integers(0, 4096, (3, 8, 5)).astype(np.int16)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_topography_and_phase_are_in_their_units(tmp_path, version):
    path = write_asd(tmp_path / "a.asd", {"TP": MOVIE, "PH": MOVIE[:, ::-1]}, version=version)
    check_reader("high_speed_afm", path)
    tree = om.open(path)
    found = om.signals(tree)
    height, phase = found["Topography"], found["Phase"]
    # ±5 V in 4096 steps, upside down: count 0 is 5 V, 4096 would be -5 V.
    volts = 5.0 - 10.0 * MOVIE / 4096
    np.testing.assert_allclose(height, volts * 10.5 * 2.0, rtol=1e-6)
    np.testing.assert_allclose(phase, -12.0 * volts[:, ::-1], rtol=1e-6)
    assert (height.dims, height.attrs["units"], phase.attrs["units"]) == (
        ("time", "y", "x"), "nm", "deg",
    )  # fmt: skip
    np.testing.assert_allclose(height["time"], 0.0667 * np.arange(3), rtol=1e-6)
    np.testing.assert_allclose(height["y"], 10.0 * np.arange(8))
    np.testing.assert_allclose(height["x"], 20.0 * np.arange(5))
    said = tree.attrs["metadata"]
    assert said["started"] == "2012-03-04T15:16:17"
    assert (said["operator"], said["comment"]) == ("ando", "myosin V")
    assert said["scan"]["frame_time"] == pytest.approx(0.0667)


@pytest.mark.parametrize(("code", "volts"), [(1, 1.0), (2, 2.5), (3, 9.99), (4, 5.0)])
def test_one_sided_converters_count_from_zero(tmp_path, code, volts):
    path = write_asd(tmp_path / "a.asd", {"ER": MOVIE}, adc_range=code, adc_bits=14)
    error = om.open_signal(path)
    assert (error.name, error.attrs["units"]) == ("Error", "nm")
    np.testing.assert_allclose(error, 30.0 * volts * MOVIE / 2**14, rtol=1e-6)


def test_an_unknown_range_leaves_counts(tmp_path):
    path = write_asd(tmp_path / "a.asd", {"TP": MOVIE}, adc_range=9, frame_time=0.0)
    height = om.open_signal(path)
    np.testing.assert_array_equal(height, MOVIE)
    assert height.dims == ("frame", "y", "x")
    assert "units" not in height.attrs


def test_a_comment_is_in_the_code_page_that_is_stated(tmp_path):
    text = "ミオシン"
    path = write_asd(
        tmp_path / "a.asd", {"TP": MOVIE}, encoding=932, comment=text.encode("shift_jis")
    )
    assert om.open(path).attrs["metadata"]["comment"] == text


def test_a_movie_that_is_cut_short_is_refused_or_filled(tmp_path):
    path = write_asd(tmp_path / "a.asd", {"TP": MOVIE, "ER": MOVIE})
    content = path.read_bytes()
    path.write_bytes(content[: -2 * (32 + 80)])
    with pytest.raises(om.FormatError, match="do not fit into the"):
        om.open(path)
    found = om.signals(om.open(path, partial=True))
    assert np.isfinite(found["Topography"]).all()
    assert np.isfinite(found["Error"][:1]).all()
    assert np.isnan(found["Error"][1:]).all()
    assert found["Error"].attrs["incomplete"]["missing_from"] == 1


def test_damage_is_refused_or_harmless(tmp_path):
    for version in (0, 2):
        path = write_asd(tmp_path / "a.asd", {"TP": MOVIE, "PH": MOVIE}, version=version)
        content = path.read_bytes()
        for damaged in (
            *truncations(content, 60),
            *bit_flips(content, 60, np.random.default_rng(1)),
        ):
            check_damage(path, damaged, folder=tmp_path)
