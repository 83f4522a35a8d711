"""The files of the original packages, every row of their tables."""

import hashlib

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.usid.reader import read

pytestmark = pytest.mark.shared


@pytest.fixture
def opened(shared):
    return lambda name: om.open(shared / "data/usid" / f"usid_{name}.h5")


def indices(*shape):
    return np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")


def check_axis(data, dim, values, units, kind):
    axis = data[dim]
    np.testing.assert_array_equal(axis.values, np.asarray(values, np.float32).astype(float))
    assert axis.dtype == np.float64
    assert (axis.attrs.get("units"), axis.attrs["kind"]) == (units, kind)


def check_values(data, dtype, expected, quantity, units):
    assert data.dtype == dtype
    assert data.chunks is not None
    np.testing.assert_allclose(data.values, expected.astype(dtype), rtol=1e-6)
    assert (data.attrs["quantity"], data.attrs.get("units")) == (quantity, units)


def test_spectrum(opened):
    data = opened("spectrum")["Raw_Data/signal"]
    assert data.dims == ("bias",)
    volts = np.linspace(-5, 5, 101)
    check_axis(data, "bias", volts, "V", "spectral")
    assert data["bias"].attrs["long_name"] == "Bias"
    np.testing.assert_allclose(data.values, 1e-9 * volts**3, atol=1e-20)
    assert (data.dtype, data.attrs["quantity"]) == (np.float64, "Current")
    assert (data.attrs["units"], data.attrs["signal_type"]) == ("nA", "spectrum")


def test_image_of_the_array_translator(opened):
    tree = opened("image_arraytranslator")
    data = tree["Raw_Data/signal"]
    assert data.dims == ("y", "x")
    check_axis(data, "y", 0.5 * np.arange(12), "µm", "spatial")
    check_axis(data, "x", 0.25 * np.arange(15), "µm", "spatial")
    i, j = indices(12, 15)
    check_values(data, np.float32, 10 * i + j, "Intensity", "a.u.")
    assert data.attrs["signal_type"] == "image"
    assert data.attrs["modality"] == "SEM image"
    assert data.attrs["metadata"] == {"operator": "Jane"}
    original = tree.attrs["original_metadata"]
    assert (original["data_type"], original["translator"]) == ("SEM image", "ExampleTranslator")
    assert original["Measurement_000"] == {"voltage": 5.0, "operator": "Jane"}
    np.testing.assert_array_equal(tree["Raw_Data/dark_reference"], np.arange(15.0))


def test_spectral_map_complex(opened):
    data = opened("spectral_map_complex")["Raw_Data/signal"]
    assert data.dims == ("y", "x", "frequency")
    check_axis(data, "y", 10 * np.arange(6), "nm", "spatial")
    check_axis(data, "x", 10 * np.arange(5), "nm", "spatial")
    check_axis(data, "frequency", np.linspace(300, 320, 32), "kHz", "spectral")
    i, j, k = indices(6, 5, 32)
    expected = (i + 1) * np.exp(1j * (0.1 * j + np.linspace(300, 320, 32)[k.astype(int)] / 50))
    assert data.dtype == np.complex64
    np.testing.assert_allclose(data.values, expected, rtol=1e-5)
    assert data.attrs["original_metadata"] == {"excitation": "chirp"}
    assert (data.attrs["quantity"], data.attrs["units"]) == ("Deflection", "V")


def test_beps_process_compound(opened):
    tree = opened("beps_process_compound")
    data = tree["Raw_Data/signal"]
    assert data.dims == ("y", "x", "cycle", "bias", "frequency")
    check_axis(data, "y", 0.1 * np.arange(3), "µm", "spatial")
    check_axis(data, "x", 0.1 * np.arange(4), "µm", "spatial")
    check_axis(data, "cycle", [0, 1], "1", "parameter")
    check_axis(data, "bias", [0, 1, 2, 1, 0, -1, -2, -1], "V", "spectral")
    check_axis(data, "frequency", 300 + np.arange(6), "kHz", "spectral")
    i, j, c, d, m = indices(3, 4, 2, 8, 6)
    expected = 1e4 * i + 1e3 * j + 1e2 * c + 10 * d + m
    check_values(data, np.float32, expected, "Cantilever Vertical Deflection", "V")
    assert data[1, 2, 1, 4, 3].values == 10000 + 2000 + 100 + 40 + 3

    fit = tree["results/Raw_Data-SHO_Fit_000/Fit"]
    i, j, c, d = indices(3, 4, 2, 8)
    p, s = 4 * i + j, 8 * c + d
    fields = {
        "amplitude": (p + 0.1 * s, "V"),
        "resonance_frequency": (3e5 + p + s, "Hz"),
        "quality_factor": (100 + s, "1"),
        "phase": (0.01 * p * s, "rad"),
        "r_squared": (0.5 + 0 * p, "1"),
    }
    assert set(fit.data_vars) == set(fields)
    for name, (values, units) in fields.items():
        assert fit[name].dims == ("y", "x", "cycle", "bias")
        assert fit[name].dtype == np.float32
        np.testing.assert_allclose(fit[name].values, values, rtol=1e-6)
        assert fit[name].attrs.get("units") == units
    assert fit.attrs["process"] == {
        "name": "Raw_Data-SHO_Fit_000",
        "tool": "SHO_Fit",
        "sources": ["/Measurement_000/Channel_000/Raw_Data"],
        "parameters": {"algorithm": "LM", "num_guess": 5},
    }
    mean = tree["results/Fit-Loop_Average_000/Mean_Amplitude/signal"]
    assert mean.dims == ("y", "x", "bias")
    i, j, d = indices(3, 4, 8)
    check_values(mean, np.float32, 4 * i + j + 0.1 * (d + 4), "Amplitude", "V")
    assert mean.attrs["process"]["tool"] == "Loop_Average"


def test_sparse_positions(opened):
    data = opened("sparse_positions")["Raw_Data/signal"]
    assert data.dims == ("point", "bias")
    theta = np.linspace(0, 6 * np.pi, 40)
    check_axis(data, "x", theta * np.cos(theta), "nm", "spatial")
    np.testing.assert_allclose(data["y"], theta * np.sin(theta), atol=1e-5)
    assert data["x"].dims == ("point",)
    assert "x_index" not in data.coords
    check_axis(data, "bias", np.linspace(-1, 1, 10), "V", "spectral")
    p, s = indices(40, 10)
    check_values(data, np.float32, p + 0.01 * s, "Current", "nA")
    assert data.attrs["signal_type"] == "point_cloud"


def test_no_ndim_form(opened):
    data = opened("no_ndim_form")["Raw_Data/signal"]
    assert data.dims == ("point", "sample")
    p = np.arange(10)
    check_axis(data, "y", 0.2 * (p // 4), "µm", "spatial")
    check_axis(data, "x", 0.1 * (p % 4), "µm", "spatial")
    assert data["y_index"].values.tolist() == (p // 4).tolist()
    assert data["x_index"].values.tolist() == (p % 4).tolist()
    lengths = (4, 6, 5)
    check_axis(data, "forc", np.repeat([0, 1, 2], lengths), "1", "parameter")
    bias = np.concatenate([np.arange(n) / (n - 1) for n in lengths])
    check_axis(data, "bias", bias, "V", "spectral")
    assert data["bias_index"].values.tolist() == [m for n in lengths for m in range(n)]
    p, s = indices(10, 15)
    check_values(data, np.int32, 100 * p + s, "Polarization", "µC/cm^2")


def test_legacy_order_and_shared_ancillaries(opened):
    tree = opened("legacy_order_shared_ancillary")
    i, j, c, b = indices(3, 4, 2, 5)
    expected = 100 * (4 * i + j) + 5 * c + b
    for name, dtype, sign, said in (
        ("Raw_Data", np.float32, 1, ("Current", "nA")),
        ("Raw_Data_1", np.float64, -1, ("Height", "m")),
    ):
        data = tree[f"{name}/signal"]
        assert data.dims == ("y", "x", "cycle", "bias")
        check_axis(data, "x", 1 + 0.1 * np.arange(4), "nm", "spatial")
        check_axis(data, "y", 2 + 0.5 * np.arange(3), "µm", "spatial")
        check_axis(data, "bias", -1 + 0.5 * np.arange(5), "V", "spectral")
        check_axis(data, "cycle", [0, 1], "1", "parameter")
        check_values(data, dtype, sign * expected, *said)
    region = tree["Raw_Data/signal"].attrs["original_metadata"]["even_rows"]
    assert region["dataset"] == "/Measurement_000/Channel_000/Raw_Data"
    assert region["blocks"] == [[[row, 0], [row + 1, 10]] for row in range(0, 12, 2)]


def test_complete_and_partial_processes(opened):
    tree = opened("process_complete_and_partial")
    i, j, k = indices(4, 5, 12)
    raw = tree["Raw_Data/signal"]
    assert raw.dims == ("y", "x", "time")
    check_axis(raw, "time", 0.1 * np.arange(12), "s", "temporal")
    check_values(raw, np.float32, 10 * i + j + 0.1 * k, "Voltage", "V")
    expected = (10 * i + j + 0.55)[..., 0]
    whole = tree["results/Raw_Data-Mean_Val_000/Mean"]
    np.testing.assert_allclose(whole["signal"].values, expected, rtol=1e-6)
    assert whole["completed_positions"].values.all()
    assert "incomplete" not in whole["signal"].attrs
    part = tree["results/Raw_Data-Mean_Val_001/Mean"]
    done = np.arange(20).reshape(4, 5) < 7
    np.testing.assert_array_equal(part["completed_positions"], done)
    marked = np.where(done, 2 * expected, np.nan)
    np.testing.assert_allclose(part["signal"].values, marked, rtol=1e-6)
    assert part["signal"].attrs["incomplete"]["missing_from"] == 7
    assert "13 of 20" in part["signal"].attrs["incomplete"]["reason"]
    assert part["signal"].attrs["process"]["parameters"] == {"scale": 2.0}


def test_the_vendor_file_has_the_values_of_its_manifest(real_files):
    (entry,) = real_files("usid_h5")
    raw = {each["title"]: each for each in entry["signals"]}
    channels = read(entry["path"]).channels
    found = {channel.attrs["path"].strip("/"): channel for channel in channels}
    mains = {t for t in raw if t.rpartition("/")[2] in ("Raw_Data", "Results", "Filtered_Data")}
    assert set(found) == mains
    for title, channel in found.items():
        said = raw[title]
        handle = channel.data
        assert channel.axes[0].name == "point"
        object.__setattr__(handle, "done", None)  # the values as they lie in the file
        table = handle[(slice(None),) * len(handle.shape)].reshape(said["shape"])
        digest = hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()[:32]
        assert digest == said["sha256"], title
        assert str(table.dtype) == said["dtype"]


def test_the_vendor_file_has_points_with_their_places(shared):
    tree = om.open(shared / "data/vendor/usid_h5/sparse_sampling.h5")
    for name in ("Raw_Data", "Raw_Data_1"):
        data = tree[f"{name}/signal"]
        assert data.dims == ("point", "frequency")
        assert data["x"].values.tolist() == [150, 200, 100, 100, 250, 0, 100, 300]
        assert data["y"].values.tolist() == [3.75, 0, 3.75, 1.25, 2.5, 2.5, 2.5, 5]
        assert (data["x"].attrs["units"], data["y"].attrs["units"]) == ("nm", "µm")
        assert data["frequency"].values.tolist() == [300, 315, 330]
    result = tree["results/Raw_Data-Simple_Process_009/Filtered_Data/signal"]
    assert np.isnan(result.values).all()  # no position was completed


@pytest.mark.parametrize("folder", ["usid", "vendor/usid_h5", "nsid"])
def test_every_real_file_comes_back_from_saving_as_it_was(shared, folder, tmp_path):
    for path in sorted((shared / "data" / folder).glob("*.h*5")):
        tree = om.open(path)
        back = om.open(om.save(tree, tmp_path / f"{path.stem}.h5"))
        del back.attrs["saved_as"]
        assert om.io.identify(tmp_path / f"{path.stem}.h5") == "usid"
        assert back.identical(tree), path.name
        for name, data in om.signals(tree).items():
            assert om.signals(back)[name].dtype == data.dtype
