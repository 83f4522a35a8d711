"""ARDF files of Asylum Research, made entry by entry."""

import itertools
import struct

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io import identify
from omniscopy.testing.files.asylum_ardf import encode_ardf
from omniscopy.testing.formats import (
    absurd_sizes,
    bit_flips,
    check_damage,
    check_reader,
    truncations,
)

CHANNELS = ("Raw", "Defl", "Phase")
UNITS = {"Phase": "°"}


def made(rows=3, columns=4, passes=1, points=None, seed=0):
    """Return curves [y][x][pass] of channel to values, and where each turns."""
    rng = np.random.default_rng(seed)
    sizes = np.full((rows, columns), 12) if points is None else points
    curves = [
        [
            [
                {name: rng.normal(size=sizes[y, x]).astype(np.float32) for name in CHANNELS}
                for _ in range(passes)
            ]
            for x in range(columns)
        ]
        for y in range(rows)
    ]
    return curves, sizes // 2


def written(path, **given):
    path.write_bytes(encode_ardf(units=UNITS, **given))
    return path


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("gap", [0, 8], ids=["at equal distances", "anywhere"])
def test_each_curve_is_at_its_pixel_with_its_channel(tmp_path, descending, gap):
    curves, turns = made()
    path = written(tmp_path / "a.ardf", curves=curves, turns=turns, descending=descending, gap=gap)
    tree = om.open(path)
    assert list(om.signals(tree)) == list(CHANNELS)
    for name, data in om.signals(tree).items():
        assert data.dims == ("y", "x", "time")
        expected = [[each[0][name] for each in row] for row in curves]
        np.testing.assert_array_equal(data, expected)
        np.testing.assert_array_equal(data[1, ::2, 3:7], np.array(expected)[1, ::2, 3:7])
        np.testing.assert_allclose(data["time"], (np.arange(12) - 6) * 1e-3)
        np.testing.assert_array_equal(
            data["z"], [[each[0]["Raw"] for each in row] for row in curves]
        )
        assert "incomplete" not in data.attrs
    assert float(data["x"][1]) == pytest.approx(6e-6 / 4)
    assert float(data["y"][1]) == pytest.approx(2e-6 / 3)
    assert (data.attrs["quantity"], data.attrs["units"]) == ("phase", "deg")
    np.testing.assert_array_equal(tree["Phase"]["end_of_ext"], 5)
    np.testing.assert_array_equal(tree["Phase"]["end_of_ret"], 11)
    assert tree.attrs["metadata"]["probe"]["spring_constant"] == 2.5
    assert tree.attrs["metadata"]["started"] == "2020-02-14T13:41:25"


@pytest.mark.parametrize("gap", [0, 8], ids=["at equal distances", "anywhere"])
def test_the_way_back_is_a_channel_of_its_own(tmp_path, gap):
    curves, turns = made(passes=2)
    found = om.signals(om.open(written(tmp_path / "a.ardf", curves=curves, turns=turns, gap=gap)))
    assert len(found) == 6
    for which, ending in enumerate(("Trace", "Retrace")):
        for name in CHANNELS:
            data = found[f"{name}{ending}"]
            np.testing.assert_array_equal(
                data, [[each[which][name] for each in row] for row in curves]
            )
            assert data.attrs["metadata"]["scan"]["direction"] == ending.lower()


def test_curves_of_any_length_turn_at_time_zero(tmp_path):
    points = np.array([[8, 12], [10, 14]])
    curves, turns = made(2, 2, points=points)
    turns = np.array([[3, 6], [5, 9]])
    data = om.open_signal(written(tmp_path / "a.ardf", curves=curves, turns=turns), "Defl")
    assert data.sizes["time"] == 9 - 6 + 12
    for y, x in np.ndindex(2, 2):
        begin = 9 - turns[y, x]
        curve = curves[y][x][0]["Defl"]
        np.testing.assert_array_equal(data[y, x, begin : begin + curve.size], curve)
        assert np.isnan(data[y, x, :begin]).all()
        assert np.isnan(data[y, x, begin + curve.size :]).all()
    assert float(data["time"][9]) == pytest.approx(0, abs=1e-12)


def test_lines_that_were_not_measured_are_nan_and_marked(tmp_path):
    curves, turns = made()
    curves[0] = None  # the scan went upwards and was stopped
    image = np.arange(12.0).reshape(3, 4)
    image[0] = np.nan
    found = om.signals(
        om.open(
            written(tmp_path / "a.ardf", curves=curves, turns=turns, images={"HeightTrace": image})
        )
    )
    data = found["Defl"]
    assert np.isnan(data[0]).all()
    np.testing.assert_array_equal(data[2, 1], curves[2][1][0]["Defl"])
    assert data.attrs["incomplete"]["reason"] == "4 of 12 curves were not measured"
    np.testing.assert_array_equal(found["HeightTrace"], image)
    assert found["HeightTrace"].attrs["incomplete"]["reason"] == "1 of 3 lines were not measured"


def test_images_have_their_top_row_first(tmp_path):
    image = np.arange(15.0, dtype=np.float32).reshape(5, 3)
    path = written(tmp_path / "a.ardf", images={"HeightRetrace": image, "Phase": -image})
    found = om.signals(om.open(path))
    np.testing.assert_array_equal(found["HeightRetrace"], image)
    np.testing.assert_array_equal(found["Phase"][1:3, ::2], -image[1:3, ::2])
    assert found["HeightRetrace"].attrs["units"] == "m"
    assert found["HeightRetrace"].attrs["metadata"]["scan"]["direction"] == "retrace"


def test_it_is_known_by_its_content(tmp_path):
    curves, turns = made()
    path = written(tmp_path / "a.dat", curves=curves, turns=turns)
    assert identify(path) == "asylum_ardf"
    check_reader("asylum_ardf", path)


def test_opening_does_not_look_at_each_curve_of_a_fast_map(tmp_path, monkeypatch):
    from omniscopy.io.asylum_ardf import entries

    taken = []
    real = entries.Bytes.take

    def noted(self, offset, count):
        taken.append(count)
        return real(self, offset, count)

    monkeypatch.setattr(entries.Bytes, "take", noted)

    def looks(side):
        path = written(
            tmp_path / f"{side}.ardf",
            **dict(zip(("curves", "turns"), made(side, side), strict=True)),
        )
        taken.clear()
        om.open(path)
        return len(taken)

    # A line more in the table of contents is all that a larger map costs.
    assert looks(12) - looks(4) <= 3 * 8


@pytest.mark.parametrize(
    ("place", "match"),
    [(100, "checksum"), (9, "ARDF"), (-300, "checksum")],
    ids=["a table", "the head", "a curve"],
)
def test_a_wrong_byte_is_found(tmp_path, place, match):
    curves, turns = made()
    content = bytearray(encode_ardf(curves=curves, turns=turns))
    content[place] ^= 1
    path = tmp_path / "a.ardf"
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match=match):
        om.signals(om.open(path, reader="asylum_ardf"))["Phase"].load()


def test_tables_that_name_what_is_not_there_are_refused(tmp_path):
    content = encode_ardf(images={"Height": np.zeros((4, 4))})
    path = tmp_path / "a.ardf"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(om.FormatError, match=r"cut short|was found"):
        om.open(path)
    path.write_bytes(struct.pack("<II4sI", 0, 16, b"ARDF", 0))
    with pytest.raises(om.FormatError, match="checksum"):
        om.open(path)


@pytest.mark.parametrize("gap", [0, 8], ids=["at equal distances", "anywhere"])
def test_damage_gives_an_error_of_ours_or_the_right_data(tmp_path, gap):
    curves, turns = made()
    image = np.arange(12.0).reshape(3, 4)
    given = {"curves": curves, "turns": turns, "images": {"Height": image}}
    path = written(tmp_path / "a.ardf", gap=gap, **given)
    content, rng = path.read_bytes(), np.random.default_rng(5)
    ways = (truncations(content), bit_flips(content, 60, rng), absurd_sizes(content, 60, rng))
    for each in itertools.chain(*ways):
        check_damage(path, each, folder=tmp_path)
