"""PicoView curves made by the independent encoder: places, ramps and their order."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.picoview.reader import read
from omniscopy.testing.files.picoview import write_mi_curves
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

rng = np.random.default_rng(1)
RAMPS = [(1e-6, -1e-8), (0.0, 1e-8)]


def curves(points, samples=(5, 4)):
    return [[rng.normal(size=n).astype(np.float32) for n in samples] for _ in range(points)]


def test_one_curve_has_a_channel_for_each_ramp(tmp_path):
    ramps = curves(1)
    places = [f"{'point':<14}0 1e-6 2e-6"]
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): ramps}, sweeps=[RAMPS],
                           places=places)  # fmt: skip
    check_reader("picoview", path)
    tree = om.signals(om.open(path))
    assert list(tree) == ["Deflection_extend", "Deflection_retract"]
    extend, retract = tree.values()
    np.testing.assert_array_equal(extend, ramps[0][0])
    np.testing.assert_array_equal(retract, ramps[0][1])
    np.testing.assert_allclose(extend["z"], 1e-6 - 1e-8 * np.arange(5))
    np.testing.assert_allclose(retract["z"], 1e-8 * np.arange(4))
    assert (extend["z"].attrs["units"], extend.attrs["units"]) == ("m", "V")
    assert (float(extend["x"]), float(extend["y"])) == (1e-6, 2e-6)
    metadata = extend.attrs["metadata"]
    assert metadata["probe"] == {"spring_constant": 0.2, "sensitivity": 1.5e-8}
    assert metadata["started"] == "2014-02-18T15:00:51"


@pytest.mark.parametrize("as_text", [False, True])
def test_signals_of_points_are_told_apart(tmp_path, as_text):
    signals = {("Deflection", "V"): curves(3, (5,)), ("Current", "nA"): curves(3, (5,))}
    places = [f"{'point':<14}{i} {i}e-6 {2 * i}e-6" for i in range(3)]
    path = write_mi_curves(tmp_path / "a.mi", signals, sweeps=[[(-1.0, 0.5)]] * 3, places=places,
                           swept=("Sample Bias", "V"), as_text=as_text)  # fmt: skip
    tree = om.signals(om.open(path))
    assert list(tree) == ["Deflection_forward", "Current_forward"]
    for data, points in zip(tree.values(), signals.values(), strict=True):
        assert data.dims == ("point", "bias")
        np.testing.assert_allclose(data, np.array(points)[:, 0], rtol=1e-7)
        np.testing.assert_allclose(data["bias"], [-1.0, -0.5, 0.0, 0.5, 1.0])
    assert data.attrs["units"] == "nA"
    np.testing.assert_allclose(data["x"], [0.0, 1e-6, 2e-6])
    np.testing.assert_allclose(data["y"], [0.0, 2e-6, 4e-6])


@pytest.mark.parametrize(
    ("up", "forth", "order"),
    [
        (0, 0, [[3, 4, 5], [0, 1, 2]]),
        (1, 0, [[0, 1, 2], [3, 4, 5]]),
        (0, 1, [[5, 4, 3], [2, 1, 0]]),
        (1, 1, [[2, 1, 0], [5, 4, 3]]),
    ],
)
def test_curves_of_a_grid_have_their_pixels(tmp_path, up, forth, order):
    points = curves(6)
    places = [f"{'grid':<14}0 4e-6 1e-6 3 2 1e-6 30 {up} {forth}"]
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): points}, sweeps=[RAMPS] * 6,
                           places=places)  # fmt: skip
    check_reader("picoview", path)
    extend, retract = om.signals(om.open(path)).values()
    assert extend.dims == ("y", "x", "z")
    for row in range(2):
        for column in range(3):
            np.testing.assert_array_equal(extend[row, column], points[order[row][column]][0])
            np.testing.assert_array_equal(retract[row, column], points[order[row][column]][1])
    np.testing.assert_allclose(extend["x"], [3e-6, 4e-6, 5e-6])
    np.testing.assert_allclose(extend["y"], [1.5e-6, 0.5e-6])
    assert extend.attrs["metadata"]["scan"]["rotation"] == 30.0
    assert extend.attrs["signal_type"] == "spectral_image"


def test_ramps_that_differ_keep_their_own_sweep_and_length(tmp_path):
    points = [[rng.normal(size=n).astype(np.float32)] for n in (5, 3, 3)]
    sweeps = [[(1.0, -0.1)], [(2.0, -0.2)], [(2.0, -0.2)]]
    places = [f"{'point':<14}{i} 0 {i}" for i in range(3)]
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): points}, sweeps=sweeps,
                           places=places, swept=("Distance", "um"),
                           labels=["Approach"])  # fmt: skip
    check_reader("picoview", path)
    data = om.open_signal(path)
    assert data.dims == ("point", "sample")
    assert data.attrs["long_name"] == "Deflection Approach"
    assert np.isnan(data[1:, 3:]).all()
    np.testing.assert_array_equal(data[2, :3], points[2][0])
    np.testing.assert_allclose(data["z"][1], 2.0 - 0.2 * np.arange(5))
    assert data["z"].attrs["units"] == "µm"
    assert data["y"].attrs["units"] == "µm"


def test_a_ramp_without_sweep_is_along_time(tmp_path):
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): curves(1, (4,))},
                           sweeps=[[(0.0, 0.0)]])  # fmt: skip
    data = om.open_signal(path)
    assert data.attrs["long_name"] == "Deflection pause"
    np.testing.assert_allclose(data["time"], 0.001 * np.arange(4))


def test_curves_that_are_cut_short_are_read_in_part(tmp_path):
    points = curves(3, (4,))
    places = [f"{'point':<14}{i} 0 {i}" for i in range(3)]
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): points},
                           sweeps=[RAMPS[:1]] * 3, places=places)  # fmt: skip
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="12 samples were expected, 7 are there"):
        read(path)
    data = om.open_signal(path, partial=True)
    assert data.attrs["incomplete"]["missing_from"] == 1
    np.testing.assert_array_equal(data[1, :3], points[1][0][:3])
    assert np.isnan(data[1:]).sum() == 5


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (
            "chunk         0 5 ",
            "chunk         0 x ",
            FormatError,
            "a chunk of samples was expected",
        ),
        ("FALSE 0 0 0", "FALSE 0 9 0", FormatError, "a chunk is of point 9, there are 1 points"),
        ("data          BINARY", "data          ODD", UnsupportedFormatError, "stored as 'ODD'"),
        ("point         0 0 0", "grid          0 0 0 0 1 1", FormatError, "a grid was expected"),
        ("chunk ", "chink ", FormatError, "names no chunk"),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, old, new, error, message):
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): curves(1)}, sweeps=[RAMPS],
                           places=[f"{'point':<14}0 0 0"])  # fmt: skip
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    with pytest.raises(error, match=message):
        read(path)


def test_damage_gives_an_error_of_ours_or_data(tmp_path):
    places = [f"{'grid':<14}0 4e-6 1e-6 3 2 1e-6 30 0 1"]
    path = write_mi_curves(tmp_path / "a.mi", {("Deflection", "V"): curves(6)},
                           sweeps=[RAMPS] * 6, places=places)  # fmt: skip
    content = path.read_bytes()
    for each in [*truncations(content, 64), *bit_flips(content, 200, np.random.default_rng(1))]:
        check_damage(path, each, folder=tmp_path)
