"""Files of HyperSpy: laid out by hand with h5py, what `save` writes, and real files."""

import hashlib

import h5py
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError

VALUES = np.arange(24.0).reshape(2, 3, 4)


def write(path, values=VALUES, axes=(), metadata=None, title="A map", **attrs):
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.1", **attrs})
        group = file.create_group(f"Experiments/{title}")
        group["data"] = values
        for number, said in enumerate(axes):
            axis = group.create_group(f"axis-{number}")
            places = said.get("axis")
            axis.attrs.update({key: value for key, value in said.items() if key != "axis"})
            if places is not None:
                axis["axis"] = places
        for place, said in {"General": {"title": title}, **(metadata or {})}.items():
            group.require_group(f"metadata/{place}").attrs.update(said)
    return path


AXES = (
    {"name": "y", "units": "nm", "scale": 0.5, "offset": -1.0, "size": 2, "navigate": True},
    {"name": "x", "units": "nm", "scale": 0.25, "offset": 2.0, "size": 3, "navigate": True},
    {"name": "Energy loss", "units": "eV", "axis": np.array([1.0, 2, 4, 8]), "navigate": False},
)
METADATA = {
    "Signal": {"signal_type": "EELS", "quantity": "Electrons (Counts)"},
    "Acquisition_instrument/TEM": {"beam_energy": 300.0, "beam_current": 0.5},
    "Acquisition_instrument/TEM/Detector/EELS": {"collection_angle": 13.6},
}


def test_axes_values_and_metadata_are_those_of_the_file(tmp_path):
    data = om.open_signal(write(tmp_path / "a.hspy", axes=AXES, metadata=METADATA))
    assert data.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(data, VALUES)
    np.testing.assert_array_equal(data["y"], [-1, -0.5])
    np.testing.assert_array_equal(data["x"], [2, 2.25, 2.5])
    np.testing.assert_array_equal(data["energy_loss"], [1, 2, 4, 8])
    assert data["energy_loss"].attrs["units"] == "eV"
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EELS")
    assert data.attrs["metadata"]["beam"] == {"voltage": 300e3, "current": 0.5e-9}
    assert data.attrs["metadata"]["detector"] == {"collection_angle": 13.6}


def test_unnamed_axes_are_told_apart(tmp_path):
    plain = {"scale": 1.0, "offset": 0.0}
    axes = [{**plain, "navigate": n < 1} for n in range(3)]
    assert om.open_signal(write(tmp_path / "a.hspy", axes=axes)).dims == ("frame", "y", "x")


def test_colours_are_a_dimension(tmp_path):
    pixels = np.zeros((3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    pixels["G"] = np.arange(12).reshape(3, 4)
    data = om.open_signal(write(tmp_path / "a.hspy", pixels))
    assert data.dims[-1] == "channel"
    assert data["channel"].values.tolist() == ["red", "green", "blue"]
    np.testing.assert_array_equal(data.sel(channel="green"), pixels["G"])


def test_what_was_pickled_into_metadata_is_left_out(tmp_path):
    path = write(tmp_path / "a.hspy", axes=AXES)
    with h5py.File(path, "r+") as file:
        group = file["Experiments/A map/metadata"]
        group.attrs["_bs_function"] = np.void(b"\x80\x03cos\nsystem\n.")
        group.create_dataset("_list_3_elements", data=[1, 2, 3])
        group.attrs["nothing"] = "_None_"
    found = om.open_signal(path).attrs["original_metadata"]["metadata"]
    assert found["elements"] == [1, 2, 3]
    assert found["nothing"] is None
    assert not any("function" in key for key in found)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("sample", ["spectrum_image", "atom_image", "diffraction_4d", "spectrum"])
def test_an_array_comes_back_as_it_was_with_its_history(tmp_path, sample, lazy):
    data = getattr(om.samples, sample)()
    data = data.chunk() if lazy else data
    back = om.open_signal(om.save(data, tmp_path / "a.hspy"))
    xr.testing.assert_equal(back, data)
    assert back.dtype == data.dtype
    assert back.attrs["units"] == data.attrs["units"]
    assert om.history(back)[0].operation == om.history(data)[0].operation


def test_a_written_file_says_the_same_to_hyperspy(tmp_path):
    data = om.samples.spectrum_image()
    path = om.save(data, tmp_path / "a.hspy")
    with h5py.File(path, "r+") as file:
        (group,) = file["Experiments"].values()
        del group["original_metadata/omniscopy"]
        assert [bool(group[f"axis-{n}"].attrs["navigate"]) for n in range(3)] == [True, True, False]
        assert group["metadata/Signal"].attrs["record_by"] == "spectrum"
    back = om.open_signal(path)
    assert back.dims == data.dims
    for dim in data.dims:
        np.testing.assert_allclose(back[dim], data[dim])
        assert back[dim].attrs["units"] == data[dim].attrs["units"]


def test_what_is_no_signal_is_refused(tmp_path):
    path = tmp_path / "a.hspy"
    with h5py.File(path, "w") as file:
        file.attrs["file_format"] = "HyperSpy"
    with pytest.raises(om.FormatError, match="no signal under"):
        om.open(path)
    texts = xr.DataArray(["a", "b"], dims="x", name="a")
    with pytest.raises(UnsupportedFormatError, match="holds numbers"):
        om.save(texts, path, overwrite=True)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("hspy")
    assert len(rows) == 7
    for row in rows:
        data = om.open_signal(row["path"])
        (said,) = row["signals"]
        if "channel" in data.dims:
            assert list(data.shape) == [*said["shape"], 4]
        else:
            assert list(data.shape) == said["shape"]
            assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        for dim, axis in zip(data.dims, said["axes"], strict=False):
            assert float(data[dim][0]) == pytest.approx(axis["offset"])
            assert float(data[dim][1] - data[dim][0]) == pytest.approx(axis["scale"])
            assert data[dim].attrs.get("units") == axis["units"]


def test_further_metadata_are_in_units_of_the_vocabulary(tmp_path):
    metadata = {
        "General": {"date": "2020-01-02", "time": "03:04:05", "time_zone": "+09:00",
                    "authors": "Jane", "notes": "a note"},
        "Sample": {"description": "STO"},
        "Acquisition_instrument/TEM": {"microscope": "A microscope", "camera_length": 320.0},
        "Acquisition_instrument/TEM/Stage": {
            "tilt_alpha": 3.0, "tilt_beta": -1.0, "x": 0.25, "z": 0.5,
        },
        "Acquisition_instrument/TEM/Detector/EELS": {
            "exposure": 0.02, "dwell_time": 50.0, "dwell_time_units": "ms", "frame_number": 4,
        },
        "Acquisition_instrument/TEM/Detector/EDS": {"live_time": 9.0, "real_time": 10.0},
    }  # fmt: skip
    found = om.open_signal(write(tmp_path / "a.hspy", axes=AXES, metadata=metadata))
    found = found.attrs["metadata"]
    assert found["started"] == "2020-01-02T03:04:05+09:00"
    assert (found["operator"], found["comment"]) == ("Jane", "a note")
    assert found["sample"] == {"name": "STO"}
    assert found["instrument"] == {"model": "A microscope"}
    assert found["stage"] == {"alpha": 3.0, "beta": -1.0, "x": 2.5e-4, "z": 5e-4}
    assert found["detector"] == {
        "exposure_time": 0.02, "live_time": 9.0, "real_time": 10.0, "camera_length": 0.32,
        "accumulations": 4,
    }  # fmt: skip
    assert found["scan"] == {"dwell_time": 0.05}


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("UTC", "+00:00"), ("Europe/London", "+01:00"), ("-0500", "-0500"), ("Nowhere/At all", "")],
)
def test_the_name_of_a_zone_gives_its_offset_on_that_day(tmp_path, zone, offset):
    general = {"date": "2020-07-02", "time": "03:04:05", "time_zone": zone}
    path = write(tmp_path / "a.hspy", axes=AXES, metadata={"General": general})
    assert om.open_signal(path).attrs["metadata"]["started"] == "2020-07-02T03:04:05" + offset


@pytest.mark.parametrize("place", ["mapped_parameters", "metadata/General"])
def test_the_first_files_say_title_date_and_units_in_their_own_way(tmp_path, place):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("Experiments/a")
        group["data"] = VALUES[0, 0]
        group.create_group("axis-0").attrs.update({"name": b"Energy", "scale": 0.5, "size": 4})
        group.create_group(place).attrs.update(
            {
                "title": b"NIO EELS",
                "_datetime_date": "datetime.date(1991, 10, 1)",
                "_datetime_time": "datetime.time(12, 5)",
                "record_by": "spectrum",
            }
        )
        root = place.partition("/")[0]
        tem = "TEM" if root == "mapped_parameters" else "Acquisition_instrument/TEM"
        group.create_group(f"{root}/{tem}").attrs.update(
            {
                "beam_energy": 120.0,
                "beam_energy_units": "kV",
                "convergence_angle": 1.5,
                "convergence_angle_units": "mR",
                "dwell_time": 100.0,
                "dwell_time_units": "ms",
                "tilt_stage": 2.0,
            }
        )
    data = om.open_signal(path)
    found = data.attrs["metadata"]
    assert data.attrs["long_name"] == "NIO EELS"
    assert found["started"] == "1991-10-01T12:05"
    assert found["beam"] == {"voltage": 120e3, "convergence_angle": 1.5}
    assert found["scan"]["dwell_time"] == 0.1
    assert found["stage"]["alpha"] == 2
