"""The files of the original packages, every row of their tables."""

import hashlib

import numpy as np
import pytest

import omniscopy as om

pytestmark = pytest.mark.shared


@pytest.fixture
def opened(shared):
    return lambda name: om.open(shared / "data/nsid" / f"{name}.hf5")


def grid(*shape):
    return np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")


def check_axis(data, dim, values, *said):
    axis = data[dim]
    quantity, units, kind = said
    np.testing.assert_allclose(axis.values, values, rtol=1e-12, atol=1e-15)
    assert axis.dtype == np.float64
    assert axis.attrs.get("quantity") == quantity
    assert axis.attrs.get("units") == units
    assert axis.attrs.get("kind") == kind


def check_values(data, dtype, expected, *words):
    assert data.dtype == dtype
    assert data.chunks is not None
    np.testing.assert_array_equal(data.values, expected.astype(dtype))
    assert tuple(data.attrs.get(key) for key in ("quantity", "units", "signal_type")) == words


def test_spectrum_1d(opened):
    data = opened("spectrum_1d")["EELS_spectrum/signal"]
    energy = 100 + 0.5 * np.arange(128)
    check_axis(data, "energy_loss", energy, "energy-loss", "eV", "spectral")
    expected = 1000 * np.exp(-(energy - 100) / 20) + 50 * np.exp(-(((energy - 132) / 2) ** 2))
    np.testing.assert_allclose(data.values, expected, rtol=1e-12)
    assert data.dtype == np.float64
    assert data.attrs["long_name"] == "EELS spectrum"
    assert (data.attrs["modality"], data.attrs["source"]) == ("EELS", "synthetic")
    assert (data.attrs["quantity"], data.attrs["units"]) == ("intensity", "counts")
    assert data.attrs["signal_type"] == "spectrum"
    metadata = data.attrs["metadata"]
    assert metadata["experiment"] == {
        "acceleration_voltage": 200000.0,
        "convergence_angle": 10.5,
        "detector": "CCD",
    }
    assert metadata["beam"] == {"voltage": 200000.0, "convergence_angle": 10.5}
    assert metadata["detector"] == {"name": "CCD"}


def test_image_2d_int16(opened):
    data = opened("image_2d_int16")["height_image/signal"]
    assert data.dims == ("y", "x")
    check_axis(data, "y", 0.25 * np.arange(32), "length", "µm", "spatial")
    check_axis(data, "x", 1 + 0.5 * np.arange(48), "length", "µm", "spatial")
    i, j = grid(32, 48)
    check_values(data, np.int16, 100 * i - 7 * j, "height", "nm", "image")


def test_spectral_image_with_metadata(opened):
    data = opened("spectral_image_metadata")["spectral_image/signal"]
    assert data.dims == ("x", "y", "frequency")
    check_axis(data, "x", 2.0 * np.arange(12), "distance", "nm", "spatial")
    check_axis(data, "y", -3 + 1.5 * np.arange(10), "distance", "nm", "spatial")
    frequency = 300 + np.linspace(0, 20, 64)
    check_axis(data, "frequency", frequency, "frequency", "kHz", "spectral")
    i, j, k = grid(12, 10, 64)
    assert data.dtype == np.float32
    expected = (i + 0.1 * j + 10 * np.sin(2 * np.pi * k / 64)).astype(np.float32)
    np.testing.assert_allclose(data.values, expected, rtol=1e-6, atol=1e-6)
    assert data.attrs["signal_type"] == "spectral_image"
    assert data.attrs["metadata"] == {
        "a_str": "héllo µm",
        "an_int": 3,
        "a_float": 2.5,
        "a_bool": True,
        "a_list_num": [1, 2, 3.5],
        "a_list_str": ["one", "two", "three"],
        "an_array": [[0, 1, 2], [3, 4, 5]],
        "nested": {"level2": {"level3": "deep", "value": 42}},
        "list_of_dicts": [{"k": 1}, {"k": 2, "s": "x"}],
        "empty_dict": {},
    }
    assert data.attrs["metadata"]["a_bool"] is True
    vendor = {"Vendor": {"Software": "v1.2", "Stage": {"X": 1e-6, "Y": -2e-6}}}
    assert data.attrs["original_metadata"] == vendor
    steps = data.attrs["file_provenance"]
    made = next(step for name, step in steps.items() if name.startswith("denoise_"))
    assert made == {"package": "mypkg", "version": "1.0", "linked_data": "raw.dat"}
    assert "sidpy" in steps


def test_image_4d_uint16(opened):
    data = opened("image_4d_uint16")["4D_STEM/signal"]
    assert data.dims == ("scan_y", "scan_x", "v", "u")
    check_axis(data, "scan_y", 0.5 * np.arange(6), "distance", "nm", "spatial")
    check_axis(data, "scan_x", 0.5 * np.arange(7), "distance", "nm", "spatial")
    check_axis(data, "v", 0.02 * (np.arange(16) - 8), "reciprocal_length", "1/nm", "reciprocal")
    check_axis(data, "u", 0.02 * (np.arange(18) - 9), "reciprocal_length", "1/nm", "reciprocal")
    i, j, k, m = grid(6, 7, 16, 18)
    expected = 1000 * i + 100 * j + 10 * k + m
    check_values(data, np.uint16, expected, "intensity", "counts", "image_4d")


def test_complex_spectra_sho(opened):
    data = opened("complex_spectra_sho")["SHO_response/signal"]
    assert data.dims == ("y", "x", "Frequency")
    check_axis(data, "y", 1e-8 * np.arange(8), "distance", "m", "spatial")
    check_axis(data, "x", 1e-8 * np.arange(9), "distance", "m", "spatial")
    w = np.linspace(310, 330, 40)
    check_axis(data, "Frequency", w, "Frequency", "kHz", "spectral")
    i, j, k = grid(8, 9, 40)
    w0, w = 318 + 0.5 * j, w[k.astype(int)]
    expected = 1e-3 * (1 + i) * np.exp(1j * 0.3 * i / 8) * w0**2
    expected = expected / (w**2 - 1j * w * w0 / 100 - w0**2)
    assert data.dtype == np.complex64
    np.testing.assert_allclose(data.values, expected.astype(np.complex64), rtol=1e-5)
    assert (data.attrs["quantity"], data.attrs["units"]) == ("response", "V")


def test_multichannel_with_results(opened):
    tree = opened("multichannel_with_results")
    i, j = grid(16, 20)
    raw, phase = tree["raw/signal"], tree["phase/signal"]
    check_values(raw, np.float64, j + 100 * i, "height", "nm", "image")
    check_values(phase, np.float32, j - i, "phase", "deg", "image")
    for data in (raw, phase):
        check_axis(data, "y", np.arange(16), "distance", "nm", "spatial")
        check_axis(data, "x", np.arange(20), "distance", "nm", "spatial")
    for name, factor, number in (("doubled", 2.0, 0), ("tripled", 3.0, 1)):
        result = tree[f"results/Log_Scale_00{number}/{name}/signal"]
        check_values(result, np.float64, factor * (j + 100 * i), "height", "nm", "image")
        process = result.attrs["process"]
        assert process["tool"] == "Scale"
        assert process["parameters"] == {"factor": factor, "method": "multiply"}
        assert result.attrs["file_provenance"]["sidpy"]["parent_data"]["title"] == "raw"


def test_image_with_structure(opened):
    tree = opened("image_with_structure")
    i, j = grid(10, 11)
    data = tree["HAADF/signal"]
    check_values(data, np.float64, i + j, "intensity", "counts", "image")
    check_axis(data, "y", 0.1 * np.arange(10), "distance", "nm", "spatial")
    structure = tree["structures/STO"]
    expected = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    np.testing.assert_allclose(structure["scaled_positions"], expected, rtol=1e-15)
    np.testing.assert_allclose(structure["cell"], 3.905 * np.eye(3))
    assert structure["cell"].attrs["units"] == "Å"
    assert structure["numbers"].values.tolist() == [8, 8, 8, 38, 22]
    assert structure.attrs["order_is_certain"] is False
    assert "may be wrong" in structure["numbers"].attrs["comment"]


def test_point_cloud(opened):
    data = opened("point_cloud")["spiral_cloud/signal"]
    assert data.dims == ("point", "b")
    n, k = grid(25, 30)
    check_axis(data, "point", np.arange(25), "point", None, "point")
    check_axis(data, "b", np.arange(30), None, None, "spectral")
    np.testing.assert_allclose(data.values, (n + 1) * np.sin(k / 5), atol=1e-14)
    n = np.arange(25)
    np.testing.assert_allclose(data["x"], 0.1 * n * np.cos(n), atol=1e-15)
    np.testing.assert_allclose(data["y"], 0.1 * n * np.sin(n), atol=1e-15)
    assert data["x"].dims == ("point",)
    assert data["y"].attrs["units"] == "nm"
    assert data.attrs["signal_type"] == "point_cloud"


def test_nonuniform_axis_stack(opened):
    data = opened("nonuniform_axis_stack")["time_series/signal"]
    check_axis(data, "time", [0, 1, 2.5, 7, 20], "time", "s", "temporal")
    check_axis(data, "y", 0.2 * np.arange(6), "distance", "nm", "spatial")
    check_axis(data, "x", 0.2 * np.arange(7), "distance", "nm", "spatial")
    i, j, k = grid(5, 6, 7)
    check_values(data, np.float32, 42 * i + 7 * j + k, "intensity", "counts", "image_stack")


def test_compound_fit_map(opened):
    found = opened("compound_fit_map")["SHO_fit"]
    i, j = grid(5, 6)
    expected = {
        "Amplitude": i + 1,
        "Frequency": 300 + j,
        "Q": 100 + i * j,
        "Phase": 0.1 * i - 0.2 * j,
    }
    assert set(found.data_vars) == set(expected)
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        assert found[name].dims == ("y", "x")
        np.testing.assert_allclose(found[name].values, values, atol=1e-6)
    assert found.attrs["quantity"] == "fit"


def test_the_vendor_file_has_the_values_of_its_manifest(real_files):
    entries = real_files("nsid_hf5")
    assert entries
    for entry in entries:
        found = om.signals(om.open(entry["path"]))
        assert len(found) == entry["n_signals"]
        for data, said in zip(found.values(), entry["signals"], strict=True):
            values = data.values
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
            assert digest[:32] == said["sha256"]
            assert (values.shape, str(values.dtype)) == (tuple(said["shape"]), said["dtype"])
            assert (data.attrs["quantity"], data.attrs["units"]) == (said["quantity"], "a.u.")
            for dim, axis in zip(data.dims, said["axes"], strict=True):
                assert (dim, data[dim].attrs["units"]) == (axis["name"], axis["units"])
                line = axis["offset"] + axis["scale"] * np.arange(axis["size"])
                np.testing.assert_allclose(data[dim], line, rtol=1e-9)


@pytest.mark.parametrize("folder", ["nsid", "vendor/nsid_hf5"])
def test_every_real_file_comes_back_from_saving_as_it_was(shared, folder, tmp_path):
    for path in sorted((shared / "data" / folder).glob("*.hf5")):
        tree = om.open(path)
        back = om.open(om.save(tree, tmp_path / path.name))
        del back.attrs["saved_as"]
        assert back.identical(tree), path.name
        for name, data in om.signals(tree).items():
            assert om.signals(back)[name].dtype == data.dtype
