"""LabSpec exports made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.labspec.reader import read
from omniscopy.testing.files.labspec import LabSpecAxis, write_labspec

rng = np.random.default_rng(6)
SPECTRA = rng.normal(size=(6, 5))
LABELS = [520.0, 515, 511, 508, 506]
X, Y = LabSpecAxis("X", [-2.0, 0, 2]), LabSpecAxis("Y", [-1.0, 1])


def only(path):
    (data,) = om.signals(om.open(path)).values()
    return data


def test_a_spectrum_keeps_its_uneven_labels_in_their_order(tmp_path):
    path = write_labspec(tmp_path / "a.xml", SPECTRA[:1], LABELS)
    data = only(path)
    assert data.dims == ("wavelength",)
    np.testing.assert_array_equal(data, SPECTRA[0])
    np.testing.assert_array_equal(data["wavelength"], LABELS)
    assert (data.attrs["units"], data["wavelength"].attrs["units"]) == ("counts/s", "nm")
    assert om.validate(om.open(path)) == []


def test_inverse_centimetres_are_raman_shifts(tmp_path):
    data = only(write_labspec(tmp_path / "a.xml", SPECTRA[:1], LABELS, units=("1/cm", "Cnt")))
    assert data.dims == ("wavenumber",)
    assert data["wavenumber"].attrs["quantity"] == "Raman shift"
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "Raman")


def test_a_map_has_its_rows_along_y(tmp_path):
    path = write_labspec(tmp_path / "a.xml", SPECTRA, LABELS, axes=[X, Y], rotation=-0.5)
    data = only(path)
    assert data.dims == ("y", "x", "wavelength")
    np.testing.assert_array_equal(data, SPECTRA.reshape(2, 3, 5))
    np.testing.assert_array_equal(data["x"], X.values)
    np.testing.assert_array_equal(data["y"], Y.values)
    assert data["x"].attrs["units"] == "µm"
    assert data.attrs["metadata"]["scan"]["rotation"] == pytest.approx(np.degrees(-0.5))


def test_a_line_has_its_other_place_as_a_coordinate(tmp_path):
    axes = [LabSpecAxis("YA", [0.0, 0.5, 1, 1.5, 2, 2.5]), LabSpecAxis("XA", [3.0])]
    data = only(write_labspec(tmp_path / "a.xml", SPECTRA, LABELS, axes=axes))
    assert data.dims == ("y", "wavelength")
    assert (float(data["x"]), data["x"].attrs["units"]) == (3.0, "µm")


def test_series_are_along_time_or_depth_even_or_not(tmp_path):
    uneven = [0.0, 1, 2, 4, 8, 16]
    axes = [LabSpecAxis("Time", uneven, "s")]
    data = only(write_labspec(tmp_path / "a.xml", SPECTRA, LABELS, axes=axes))
    assert data.dims == ("time", "wavelength")
    np.testing.assert_array_equal(data["time"], uneven)
    data = only(write_labspec(tmp_path / "b.xml", SPECTRA, LABELS, axes=[LabSpecAxis("W", uneven)]))
    assert data.dims == ("parameter", "wavelength")
    twice = [LabSpecAxis("X", [0.0, 1]), LabSpecAxis("XA", [0.0, 1, 2])]
    data = only(write_labspec(tmp_path / "c.xml", SPECTRA, LABELS, axes=twice))
    assert data.dims == ("x_2", "x", "wavelength")


def test_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write_labspec(tmp_path / "a.xml", SPECTRA[:1], LABELS))
    assert measurement.metadata == {
        "title": "map 1",
        "started": "2022-08-19T09:20:51",
        "comment": "PL",
        "sample": {"name": "test"},
        "instrument": {"vendor": "HORIBA", "model": "LabRAM"},
        "optics": {"objective": "x50"},
        "laser": {"wavelength": 632.817},
        "spectrometer": {"grating": "600 gr/mm", "centre_wavelength": 746.5},
        "detector": {
            "name": "Symphony", "exposure_time": 3.0, "accumulations": 2.0, "temperature": 143.65,
        },
        "stage": {"x": pytest.approx(-1.25e-3), "y": pytest.approx(2e-3)},
    }  # fmt: skip
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["parameters"]["Laser (nm)"] == "633"
    odd = {"Acq. time (s)": ("long", None), "Laser (nm)": ("", None)}
    found = read(write_labspec(tmp_path / "b.xml", SPECTRA[:1], LABELS, settings=odd)).metadata
    assert "laser" not in found
    without = {"0x6C62D4D9": "0x1", "19.08.2022": "8/19/2022"}
    found = read(write_labspec(tmp_path / "c.xml", SPECTRA[:1], LABELS, replaced=without)).metadata
    assert "started" not in found


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"</LSX_Data>": ""}, "damaged or cut short"),
        ({"LSX_Matrix": "LSX_Other"}, "holds no spectra"),
        ({"<LSX_Data>": "<!DOCTYPE a><LSX_Data>"}, "the content is not"),
        ({"0x7B697861": "0x1"}, "axes are not described"),
        ({"Index": "Number", "<LSX_Row": "<LSX_Rows", "</LSX_Row": "</LSX_Rows"}, "0 were found"),
        ({"520 515": "520"}, "4 numbers were expected, 5 were found"),
        ({"520 515": "520 1.5.5"}, "what should be numbers are none"),
        ({"520 515 511 508 506": ""}, "an axis without labels"),
        ({"520 515 511 508 506": "1 " * 500}, "rows of 500 numbers were expected"),
    ],
)
def test_damage_is_named(tmp_path, replaced, message):
    path = write_labspec(tmp_path / "a.xml", SPECTRA[:1], LABELS, replaced=replaced)
    with pytest.raises(FormatError, match=rf"a\.xml.*({message})"):
        om.open(path)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("jobinyvon_xml")
    assert len(rows) == 5
    for row in rows:
        data = only(row["path"])
        (said,) = row["signals"]
        assert list(data.shape) == said["shape"]
        # The reference turns the spectral axis about, so that it ascends.
        values = np.ascontiguousarray(data.values[..., ::-1])
        assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == said["sha256"]
        *places, spectral = said["axes"]
        labels = data[data.dims[-1]]
        assert labels.values[[-1, 0]].tolist() == [spectral["first"], spectral["last"]]
        assert labels.attrs["units"] == spectral["units"]
        for dim, axis in zip(data.dims, places, strict=False):
            assert dim == axis["name"][0].lower()
            expected = axis["offset"] + axis["scale"] * np.arange(axis["size"])
            np.testing.assert_allclose(data[dim], expected)
            assert data[dim].attrs["units"] == axis["units"]
        units = {"Intensity (Counts/s)": "counts/s", "Intensity (Counts)": "counts"}
        assert data.attrs["units"] == units[said["quantity"]]
