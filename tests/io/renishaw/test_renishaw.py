"""WiRE files made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.renishaw.reader import read
from omniscopy.testing.files.renishaw import WdfArea, WdfOrigin, write_wdf

rng = np.random.default_rng(3)
SPECTRA = rng.normal(size=(6, 7)).astype("f4")
SHIFTS = np.array([1500, 1490, 1481, 1473, 1466, 1460, 1455], "f4")
GRID = WdfArea((10.0, -20.0, 5.0), (2.0, 0.5, 1.0), (3, 2, 1))
X = [10.0, 12, 14] * 2
Y = [-20.0] * 3 + [-19.5] * 3
TIMES = [1.0, 2.5, 4, 5.5, 7, 8.5]
WHERE = [WdfOrigin(3, X, "X"), WdfOrigin(4, Y, "Y"), WdfOrigin(11, TIMES, primary=False)]


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


def test_a_spectrum_keeps_its_uneven_labels_in_their_order(tmp_path):
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA[:1], SHIFTS))
    assert data.dims == ("wavenumber",)
    np.testing.assert_array_equal(data, SPECTRA[0])
    np.testing.assert_array_equal(data["wavenumber"], SHIFTS)
    assert (data.attrs["units"], data["wavenumber"].attrs["units"]) == ("counts", "1/cm")
    assert data["wavenumber"].attrs["quantity"] == "Raman shift"


@pytest.mark.parametrize(("units", "dim"), [(3, "wavelength"), (4, "energy"), (0, "sample")])
def test_the_dimension_is_that_of_the_labels(tmp_path, units, dim):
    data = only(
        write_wdf(tmp_path / "a.wdf", SPECTRA[:1], SHIFTS, header={"abscissa_units": units})
    )
    assert data.dims == (dim,)


def test_a_map_is_on_its_grid_with_the_times_of_its_spectra(tmp_path):
    path = write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=WHERE, area=GRID)
    data = only(path)
    assert data.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(data, SPECTRA.reshape(2, 3, 7))
    np.testing.assert_allclose(data["x"], [10, 12, 14])
    np.testing.assert_allclose(data["y"], [-20, -19.5])
    assert data["x"].attrs["units"] == "µm"
    np.testing.assert_allclose(data["time"], np.reshape(TIMES, (2, 3)))
    assert om.validate(om.open(path)) == []


def test_a_rapid_map_says_how_long_each_pixel_was_exposed(tmp_path):
    took = [98801.0, 100000.0, 97502.0, 99051.0, 101051.0, 101150.0]
    exposed = WdfOrigin(27, took, "act exp time", units=25, primary=False)
    data = only(
        write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=[*WHERE, exposed], area=GRID)
    )
    assert data["exposure_time"].dims == ("y", "x")
    np.testing.assert_array_equal(data["exposure_time"].values.ravel(), took)
    assert data["exposure_time"].attrs["units"] == "µs"


@pytest.mark.parametrize("way", [[0, 1, 2, 5, 4, 3], [0, 3, 1, 4, 2, 5]])
def test_a_map_scanned_another_way_is_put_in_order(tmp_path, way):
    where = [
        WdfOrigin(each.kind, np.take(each.values, way), each.label, primary=each.primary)
        for each in WHERE[:2]
    ]
    path = write_wdf(
        tmp_path / "a.wdf", SPECTRA[way], SHIFTS,
        origins=[*where, WdfOrigin(11, TIMES)], area=GRID, maps={"Peak": np.take(range(6), way)},
    )  # fmt: skip
    data, peak = signals(path)
    np.testing.assert_array_equal(data, SPECTRA.reshape(2, 3, 7))
    np.testing.assert_array_equal(peak, np.arange(6).reshape(2, 3))
    np.testing.assert_allclose(data["time"].values.ravel()[way], TIMES)


def test_a_volume_has_its_depth_first(tmp_path):
    grid = WdfArea((0.0, 0.0, -1.0), (1.0, 1.0, 0.5), (3, 1, 2))
    where = [
        WdfOrigin(3, [0, 1, 2] * 2),
        WdfOrigin(4, [0] * 6),
        WdfOrigin(5, [-1] * 3 + [-0.5] * 3),
    ]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where, area=grid))
    assert data.dims == ("z", "y", "x", "wavenumber")
    np.testing.assert_allclose(data["z"], [-1, -0.5])


def test_places_off_the_grid_are_points(tmp_path):
    where = [WdfOrigin(3, [*X[:-1], 14.7]), WHERE[1]]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where, area=GRID))
    assert data.dims == ("point", "wavenumber")
    assert data["x"].values[-1] == 14.7


def test_a_line_has_the_distance_along_it(tmp_path):
    line = WdfArea((0.0, 0.0, 0.0), (3.0, 4.0, 1.0), (6, 1, 1), flags=128)
    where = [WdfOrigin(3, np.arange(6) * 3.0), WdfOrigin(4, np.arange(6) * 4.0)]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where, area=line))
    assert data.dims == ("point", "wavenumber")
    np.testing.assert_allclose(data["distance"], np.arange(6) * 5.0)


def test_a_series_is_along_what_was_varied(tmp_path):
    depths = [-2.0, -1.5, -1, -0.5, 0, 0.5]
    where = [WdfOrigin(5, depths, "Z"), WHERE[2]]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where))
    np.testing.assert_array_equal(data["z"], depths)
    np.testing.assert_allclose(data["time"], TIMES)
    where = [WdfOrigin(11, TIMES), WdfOrigin(14, depths, "FocusTrack", primary=False)]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where))
    assert data.dims == ("time", "wavenumber")
    np.testing.assert_allclose(data["time"], TIMES)
    np.testing.assert_array_equal(data["focus"], depths)
    where = [WdfOrigin(9, depths, "Temperature", units=21)]
    data = only(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=where))
    assert data["parameter"].attrs["quantity"] == "temperature"
    np.testing.assert_allclose(data["parameter"], np.add(depths, 273.15))
    assert data["parameter"].attrs["units"] == "K"


def test_an_aborted_map_is_nan_where_nothing_was_collected(tmp_path):
    path = write_wdf(
        tmp_path / "a.wdf", SPECTRA, SHIFTS, origins=WHERE, area=GRID, header={"collected": 4}
    )
    data = only(path)
    np.testing.assert_array_equal(data.values.reshape(6, 7)[:4], SPECTRA[:4])
    assert np.isnan(data.values.reshape(6, 7)[4:]).all()
    assert data.attrs["incomplete"]["missing_from"] == 4
    assert "4 of 6 spectra" in data.attrs["incomplete"]["reason"]


def test_a_file_that_is_cut_short_is_refused_or_read_in_part(tmp_path):
    path = write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS)
    path.write_bytes(path.read_bytes()[: 512 + 16 + 3 * 28 + 5])
    with pytest.raises(FormatError, match=r"a\.wdf at byte 512: a block 'DATA' of 184 bytes"):
        om.open(path)
    data = only(path, partial=True)
    assert data.dims == ("frame", "sample")
    np.testing.assert_array_equal(data[:3], SPECTRA[:3])
    assert data.attrs["incomplete"]["missing_from"] == 3


def test_the_white_light_image_has_its_place(tmp_path):
    colours = np.zeros((16, 24, 3), np.uint8) + np.uint8([200, 90, 30])
    path = write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, picture=colours)
    _, image = signals(path)
    assert image.dims == ("y", "x", "channel")
    np.testing.assert_allclose(image.astype(int), colours, atol=3)
    assert float(image["x"][0]) == -20
    assert float(image["y"][1] - image["y"][0]) == pytest.approx(50 / 16)
    assert image.attrs["signal_type"] == "image"
    damaged = path.read_bytes().replace(b"\xff\xda", b"\xff\xd8")
    path.write_bytes(damaged)
    with pytest.raises(FormatError, match="white-light image cannot be decoded"):
        read(path).channels[1].data[:, :, :]


def test_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS))
    assert measurement.metadata == {
        "title": "Map 1",
        "started": "2023-03-10T15:43:45+00:00",
        "technique": "Raman spectroscopy",
        "operator": "optik",
        "instrument": {
            "vendor": "Renishaw", "model": "InVia", "software": "WiRE 5.5.0.25331",
        },
        "laser": {"wavelength": pytest.approx(532.0, abs=1e-3)},
        "detector": {
            "accumulations": 5, "exposure_time": 2.0, "name": "Centrus", "temperature": 215.15,
        },
        "scan": {"mode": "static"},
        "stage": {
            "x": pytest.approx(4960.25e-6), "y": pytest.approx(-105961.5e-6),
            "z": pytest.approx(8e-6),
        },
    }  # fmt: skip
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["instrument"]["range"] == [1.0, 2.0]
    # Keys may have other names within a set, or those of the set around it.
    assert tree["calibration"] == {
        "Lasers": {},
        "CCD": {"CCD": "Centrus", "Temperature": -58, "Revision": 7},
        "Revision": 2,
    }
    odd = read(write_wdf(tmp_path / "b.wdf", SPECTRA, SHIFTS, header={"started": 2**63}))
    assert "started" not in odd.metadata


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"spectra": 7}, "7 spectra of 7 points need 196 bytes, there are 168"),
        ({"points": 0}, "no data"),
        ({"points": 3, "x_list": 6}, "6 labels for spectra of 3 points"),
    ],
)
def test_headers_that_contradict_the_data_are_refused(tmp_path, header, message):
    path = write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS, header=header)
    with pytest.raises(FormatError, match=message) as caught:
        om.open(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("labels" in message)


def test_another_file_is_refused(tmp_path):
    path = write_wdf(tmp_path / "a.wdf", SPECTRA, SHIFTS)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    with pytest.raises(FormatError, match="does not start with 'WDF1'"):
        read(path)
    path = write_wdf(tmp_path / "b.wdf", SPECTRA, SHIFTS, header={"spectra": 1 << 40})
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(FormatError, match="cannot have 1099511627776 spectra"):
        read(path, partial=True)


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:32]


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("renishaw_wdf")
    assert len(rows) == 7
    for row in rows:
        found = signals(row["path"])
        data, said = found[0], row["signals"][0]
        values = data.values
        if "undefined" in row["file"]:
            # The file holds two spectra; the reference returns the first.
            assert values.shape == (2, 1015)
            values = values[0]
        assert list(values.shape) == said["shape"]
        # The reference turns the spectral axis about, so that it ascends.
        assert digest(values[..., ::-1]) == said["sha256"]
        spectral = data[data.dims[-1]]
        assert spectral.values[[-1, 0]].tolist() == [
            said["axes"][-1]["first"], said["axes"][-1]["last"],
        ]  # fmt: skip
        assert spectral.attrs.get("units", "") == said["axes"][-1]["units"]
        for axis in said["axes"][:-1]:
            if axis["scale"] is None:  # the focus is a coordinate of a series in time
                assert data.dims[0] == "time"
                assert "focus" in data.coords
                continue
            name = {"Abs. Distance": "distance"}.get(axis["name"], axis["name"].lower())
            along = data[name].values
            np.testing.assert_allclose(
                along, axis["offset"] + axis["scale"] * np.arange(len(along)), atol=1e-4
            )
            assert data[name].attrs["units"] == axis["units"]
        if len(row["signals"]) == 2:
            check_picture(found[-1], row["signals"][1])


def check_picture(image, said):
    assert list(image.shape) == [*said["shape"], 3]
    # Three bytes in a row are one value of the reference.
    assert digest(image.values) == said["sha256"]
    for dim, axis in zip("yx", said["axes"], strict=True):
        assert float(image[dim][0]) == pytest.approx(axis["offset"], abs=1e-3)
        step = float(image[dim][1] - image[dim][0])
        assert step == pytest.approx(axis["scale"], rel=1e-5)
