"""Trees written as Gwyddion files, read back, and their bytes."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.gwyddion.objects import Block, read_objects


def saved(data, tmp_path):
    return om.save(data, tmp_path / "a.gwy")


def reopened(data, tmp_path):
    (found,) = om.signals(om.open(saved(data, tmp_path))).values()
    return found


@pytest.mark.parametrize(
    ("sample", "length"),
    [
        (om.samples.surface, ("y", "x")),
        (om.samples.image_stack, ("y", "x")),
        (om.samples.spectrum_image, ("y", "x")),
        (om.samples.spectrum, ()),
        (om.samples.point_cloud, ("y", "x")),
    ],
)
def test_samples_come_back_in_units_without_prefixes(tmp_path, sample, length):
    data = sample()
    found = reopened(data, tmp_path)
    factor = 1e-9 if data.attrs["units"] == "nm" else 1
    assert found.dims == data.dims
    assert found.attrs["units"] == {"nm": "m"}.get(data.attrs["units"], data.attrs["units"])
    np.testing.assert_allclose(found.values, data.values * factor, rtol=1e-14)
    for name in (*data.dims, *length):
        factor = 1e-9 if name in length else 1
        np.testing.assert_allclose(found[name].values, data[name].values * factor, rtol=1e-9)
    assert found.attrs["metadata"] == data.attrs["metadata"]
    assert om.history(found)[0].id == om.history(data)[0].id
    assert om.validate(found) == []


def test_a_change_of_units_is_in_the_history(tmp_path):
    data = om.samples.surface()
    assert [step.operation for step in om.history(reopened(data, tmp_path))] == [
        "simulate.surface",
        "change",
    ]
    assert len(om.history(data)) == 1


def test_the_file_holds_what_gwyddion_expects(tmp_path):
    data = om.samples.surface()
    container, is_old = read_objects(saved(data, tmp_path))
    assert not is_old
    field = container.items["/0/data"]
    assert field.items["si_unit_xy"].items == {"unitstr": "m"}
    assert field.items["xres"] == 128
    assert field.items["xreal"] == pytest.approx(128 * float(data.x[1]) * 1e-9)
    block = field.get("data", Block)
    np.testing.assert_allclose(block.values(), data.values.ravel() * 1e-9)
    assert container.items["/0/data/title"] == "Height"
    assert container.items["/0/meta"].items["technique"] == "AFM"


def test_lazy_data_is_streamed(tmp_path):
    data = om.samples.spectrum_image()
    found = reopened(data.chunk({"y": 3, "energy_loss": 50}), tmp_path)
    np.testing.assert_array_equal(found.values, data.values)


def test_pixels_that_were_not_measured_are_masked(tmp_path):
    data = om.samples.surface().copy()
    data[2:4, 5] = np.nan
    path = saved(data, tmp_path)
    container, _ = read_objects(path)
    mask = container.items["/0/mask"].get("data", Block).values().reshape(128, 128)
    np.testing.assert_array_equal(mask > 0, np.isnan(data))
    assert np.isfinite(container.items["/0/data"].get("data", Block).values()).all()
    (found,) = om.signals(om.open(path)).values()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(data))


def test_masks_are_kept_beside_their_image(tmp_path):
    image = om.samples.atom_image()
    mask = (image > image.mean()).drop_attrs()
    tree = xr.DataTree.from_dict({"/HAADF": xr.Dataset({"signal": image, "mask": mask})})
    found = om.open(saved(tree, tmp_path))["HAADF"]
    np.testing.assert_array_equal(found["mask"].values > 0, mask.values)
    np.testing.assert_array_equal(found["signal"].values, image.values)


def test_point_spectra_come_back(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 10))
    data = xr.DataArray(
        values,
        dims=("point", "bias"),
        coords={
            "point": np.arange(4),
            "bias": ("bias", np.linspace(1, -0.8, 10), {"units": "V"}),
            "x": ("point", np.arange(4.0), {"units": "nm"}),
            "y": ("point", np.arange(4.0) * 2, {"units": "nm"}),
        },
        attrs={"units": "nA", "quantity": "current", "long_name": "I-V"},
    )
    found = reopened(data, tmp_path)
    np.testing.assert_allclose(found.values, values * 1e-9)
    np.testing.assert_allclose(found.bias, data.bias)  # descends
    np.testing.assert_allclose(found.y, data.y * 1e-9)
    assert found.y.attrs["units"] == "m"


def test_uneven_third_axes_are_calibrated(tmp_path):
    data = om.samples.spectrum_image()
    uneven = data.assign_coords(energy_loss=data.energy_loss**1.1).copy()
    uneven.energy_loss.attrs["units"] = "eV"
    found = reopened(uneven, tmp_path)
    np.testing.assert_allclose(found.energy_loss, uneven.energy_loss)
    np.testing.assert_array_equal(found.values, data.values)


def test_what_another_program_saved_since_has_no_history_of_ours(tmp_path):
    path = saved(om.samples.atom_image(), tmp_path)
    raw = path.read_bytes()
    size = int.from_bytes(raw[17:21], "little")
    key = b"/filename\0s/home/a.gwy\0"
    path.write_bytes(raw[:17] + (size + len(key)).to_bytes(4, "little") + raw[21:] + key)
    (found,) = om.signals(om.open(path)).values()
    assert [step.operation for step in om.history(found)] == ["io.open_signal"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (om.samples.band_excitation, "real numbers, not values of type complex"),
        (om.samples.diffraction_4d, "no values of 4 dimensions"),
        (lambda: om.samples.surface().assign_coords(x=np.arange(128.0) ** 2), "'x' is uneven"),
        (lambda: om.samples.spectrum() * np.inf, "finite numbers only"),
        (lambda: om.samples.surface() * np.inf, "no infinities"),
    ],
)
def test_what_gwyddion_cannot_hold_is_refused(tmp_path, data, message):
    with pytest.raises((om.FormatError, om.DataError), match=message):
        saved(data(), tmp_path)
    assert not list(tmp_path.iterdir())
