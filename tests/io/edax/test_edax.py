"""EDS maps and spectra of EDAX.

No file of these instruments is at hand: the files are made by the published layouts.
"""

import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.edax.reader import read
from omniscopy.io.errors import FormatError
from omniscopy.testing.files.edax import write_ipr, write_line_table, write_spc, write_spd
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage, check_reader

rng = np.random.default_rng(8)
COUNTS = rng.poisson(3, (4, 5, 64)).astype(np.uint16)
SPECTRUM = COUNTS.sum((0, 1))


def write(folder, counts=COUNTS, **options):
    write_spc(folder / "map.spc", SPECTRUM)
    write_ipr(folder / "map_Img.ipr", (0.5, 0.25))
    return write_spd(folder / "map.spd", counts, **options)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_a_map_has_its_counts_energies_and_places(tmp_path, dtype):
    found = om.signals(om.open(write(tmp_path, COUNTS.astype(dtype))))
    assert list(found) == ["map", "map_spectrum"]
    data = found["map"]
    assert data.dims == ("y", "x", "energy")
    assert data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_array_equal(data[1::2, 3, 5:40:7], COUNTS[1::2, 3, 5:40:7])
    np.testing.assert_allclose(data["energy"], 0.01 * np.arange(64))
    np.testing.assert_allclose(data["x"], 0.5 * np.arange(5))
    np.testing.assert_allclose(data["y"], 0.25 * np.arange(4))
    assert [data[dim].attrs["units"] for dim in data.dims] == ["µm", "µm", "keV"]
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")
    np.testing.assert_array_equal(found["map_spectrum"], SPECTRUM)


def test_metadata_are_in_common_units(tmp_path):
    data = om.signals(om.open(write(tmp_path)))["map"]
    assert data.attrs["metadata"] == {
        "technique": "EDS",
        "started": "2014-09-17T12:41:33",
        "comment": "Steel",
        "instrument": {"vendor": "EDAX"},
        "beam": {"voltage": 20e3, "magnification": 1500.0},
        "detector": {
            "live_time": 30.5,
            "dispersion": pytest.approx(10.0),
            "energy_resolution": pytest.approx(129.5),
        },
        "stage": {"alpha": 5.0},
    }
    original = data.attrs["original_metadata"]
    assert original["spd"]["frames"] == 16
    assert original["spc"]["take_off"] == 35.0
    assert original["ipr"]["label"] == "SEI"


def test_a_line_has_its_distances(tmp_path):
    # Planned were six points, four were taken.
    path = tmp_path / "line.lsd"
    write_spd(path, COUNTS.reshape(1, 20, 64)[:, :6].astype("u4"), spectra=4)
    write_spc(tmp_path / "line.spc", SPECTRUM)
    write_line_table(tmp_path / "line.csv", [0.0, 1.5, 3.0, 5.0])
    data = om.signals(om.open(path))["line"]
    assert (data.dims, data.dtype) == (("x", "energy"), np.dtype("u4"))
    np.testing.assert_array_equal(data, COUNTS[0, :4])
    np.testing.assert_array_equal(data["x"], [0.0, 1.5, 3.0, 5.0])
    assert (data["x"].attrs["units"], data["energy"].attrs["units"]) == ("nm", "keV")
    assert data.attrs["original_metadata"]["csv"]["Amp Time"] == "7.68"


@pytest.mark.parametrize("distances", [None, [0.0, 1.0], [0.0, 1.0, "?", 2.0]])
def test_a_line_without_a_table_that_fits_has_no_distances(tmp_path, distances):
    write_spd(tmp_path / "line.lsd", COUNTS[:1, :4])
    if distances is not None:
        write_line_table(tmp_path / "line.csv", distances)
    data = om.open_signal(tmp_path / "line.lsd")
    np.testing.assert_array_equal(data, COUNTS[0, :4])
    assert "units" not in data["x"].attrs


def test_the_header_of_the_image_may_have_the_name_in_the_map(tmp_path):
    write_ipr(tmp_path / "picture.ipr", (0.5, 0.25))
    path = write_spd(tmp_path / "map.spd", COUNTS, image="C:\\x\\picture.bmp")
    np.testing.assert_allclose(om.open_signal(path)["x"], 0.5 * np.arange(5))


def test_a_spectrum_is_read_alone(tmp_path):
    path = write_spc(tmp_path / "a.spc", SPECTRUM, start=-0.2, ev_per_channel=5)
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, SPECTRUM)
    np.testing.assert_allclose(data["energy"], -0.2 + 0.005 * np.arange(64), atol=1e-7)


def test_the_width_of_channels_may_have_to_be_found_by_the_ends(tmp_path):
    path = write_spc(tmp_path / "a.spc", SPECTRUM, ev_per_channel=0, end=1.28)
    data = om.open_signal(path)
    np.testing.assert_allclose(data["energy"], 0.02 * np.arange(64), rtol=1e-6)


def test_a_map_alone_has_no_scales(tmp_path):
    (channel,) = read(write_spd(tmp_path / "map.spd", COUNTS)).channels
    assert [axis.units for axis in channel.axes] == [None, None, None]
    np.testing.assert_array_equal(channel.data[:, :, :], COUNTS)


def test_damaged_files_beside_a_map_do_not_stop_it(tmp_path):
    path = write(tmp_path)
    (tmp_path / "map.spc").write_bytes(b"short")
    write_ipr(tmp_path / "map_Img.ipr", (0.5, 0.25), version=9)
    (channel,) = read(path).channels
    assert [axis.units for axis in channel.axes] == [None, None, None]


def test_odd_dates_and_sizes_are_left_out(tmp_path):
    path = write(tmp_path)
    write_spc(tmp_path / "map.spc", SPECTRUM, month=19, kilovolts=np.nan)
    write_ipr(tmp_path / "map_Img.ipr", (np.nan, -1.0))
    channel = read(path).channels[0]
    assert "started" not in channel.metadata
    assert channel.metadata["beam"] == {"magnification": 1500.0}
    assert [axis.units for axis in channel.axes] == [None, None, "keV"]


def test_capitals_in_names_are_known(tmp_path):
    path = write(tmp_path)
    (tmp_path / "map.spc").rename(tmp_path / "map.SPC")
    (tmp_path / "map_Img.ipr").rename(tmp_path / "map.IPR")
    channel = read(path).channels[0]
    assert [axis.units for axis in channel.axes] == ["µm", "µm", "keV"]


def test_channels_can_be_taken_together(tmp_path):
    handle = read(write(tmp_path), rebin_energy=6).channels[0].data
    expected = COUNTS[..., :60].reshape(4, 5, 10, 6).sum(axis=-1)
    again = pickle.loads(pickle.dumps(handle))
    np.testing.assert_array_equal(again[:, :, :], expected)
    np.testing.assert_array_equal(again[1:, 2, 1:9:3], expected[1:, 2, 1:9:3])
    np.testing.assert_array_equal(again[1, :, 4], expected[1, :, 4])
    assert again[:, :, 5:5].shape == (4, 5, 0)
    data = om.signals(om.open(tmp_path / "map.spd", rebin_energy=6))["map"]
    assert float(data["energy"][0]) == pytest.approx(0.025)
    assert float(data["energy"][1] - data["energy"][0]) == pytest.approx(0.06)
    with pytest.raises(FormatError, match="64 channels cannot be taken together by 100"):
        om.open(tmp_path / "map.spd", rebin_energy=100)


def test_a_map_that_is_cut_is_refused_or_read_when_asked(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[: -3 * 128 - 5])
    with pytest.raises(FormatError, match=r"map\.spd.*4 x 5 spectra of 64 channels need"):
        om.open(path)
    data = om.signals(om.open(path, partial=True))["map"]
    assert data.attrs["incomplete"]["missing_from"] == 16
    flat = data.values.reshape(20, 64)
    np.testing.assert_array_equal(flat[:16], COUNTS.reshape(20, 64)[:16])
    assert not flat[16:].any()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count_bytes": 3}, "64 channels of 3 bytes make no sense"),
        ({"channels": 2**31}, "channels of 2 bytes make no sense"),
        ({"lines": 2**31, "points": 2**31}, "spectra of 64 channels need"),
        ({"points": 0}, "spectra of 64 channels need 0 bytes"),
    ],
)
def test_sizes_that_make_no_sense_are_named(tmp_path, fields, message):
    for partial in (False, True):
        with pytest.raises(FormatError, match=rf"map\.spd.*{message}"):
            om.open(write(tmp_path, **fields), partial=partial)


def test_spectra_that_are_cut_are_refused(tmp_path):
    path = write_spc(tmp_path / "a.spc", SPECTRUM)
    content = path.read_bytes()
    path.write_bytes(content[:3900])
    with pytest.raises(FormatError, match=r"a\.spc.*needs 256 bytes"):
        om.open(path)
    path.write_bytes(content[:300])
    with pytest.raises(FormatError, match="a spectrum starts with 540 bytes"):
        om.open(path)
    with pytest.raises(FormatError, match="a spectrum of -1 points"):
        read(write_spc(tmp_path / "a.spc", SPECTRUM, points=-1))


def test_spectra_keep_the_contract_of_readers(tmp_path):
    path = write_spc(tmp_path / "a.spc", SPECTRUM)
    check_reader("edax", path)
    content = path.read_bytes()
    seeded = np.random.default_rng(2)
    for each in [*bit_flips(content, 60, seeded), *absurd_sizes(content, 60, seeded)]:
        check_damage(path, each, folder=tmp_path)
