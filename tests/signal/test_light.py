"""Spectra of light on other axes, against numbers of textbooks and integrals in closed form."""

import numpy as np
import pytest
import xarray as xr
from scipy import constants

from omniscopy import model, signal
from omniscopy.model import DataError, coordinate

HC = constants.Planck * constants.speed_of_light / constants.elementary_charge * 1e9


def spectrum(values, places, dim="wavelength", units="nm", **attrs):
    coord = coordinate(dim, places, units, **attrs)
    return model.labelled(xr.DataArray(values, {dim: coord}), units="counts")


def lines(places, dim="wavelength", units="nm", **attrs):
    return spectrum(np.arange(1.0, len(places) + 1), places, dim, units, **attrs)


def test_lines_of_sodium_and_mercury_have_the_energies_of_tables():
    # Wavelengths in air and wavenumbers in vacuum: NIST Atomic Spectra Database.
    made = signal.convert_light(
        lines([435.8335, 546.0750, 588.9950]), "wavenumber", values="unchanged"
    )
    np.testing.assert_allclose(made["wavenumber"], [16973.366, 18307.415, 22938.095], atol=0.05)
    energy = signal.convert_light(made, "energy", values="unchanged")
    np.testing.assert_allclose(energy["energy"], [2.104429, 2.269830, 2.843969], atol=1e-5)
    np.testing.assert_array_equal(energy, [3.0, 2.0, 1.0])


def test_vacuum_has_no_index():
    made = signal.convert_light(
        lines([400.0, 620.0]), "energy", medium="vacuum", values="unchanged"
    )
    np.testing.assert_allclose(made["energy"], [HC / 620.0, HC / 400.0], rtol=1e-12)


def test_the_line_of_silicon_is_where_raman_has_it():
    # 520.7 1/cm below a line of 532.0 nm in vacuum: 547.15 nm.
    wavelength = 1e7 / (1e7 / 532.0 - 520.7)
    data = lines([530.0, 532.0, wavelength])
    made = signal.convert_light(data, "raman_shift", laser=532.0, medium="vacuum")
    assert made["wavenumber"].attrs["quantity"] == "Raman shift"
    np.testing.assert_allclose(made["wavenumber"][1:], [0.0, 520.7], atol=1e-9)
    assert made["wavenumber"][0] == pytest.approx(1e7 / 532.0 - 1e7 / 530.0)
    back = signal.convert_light(made, "wavelength", laser=532.0, medium="vacuum", values="density")
    np.testing.assert_allclose(back["wavelength"], data["wavelength"], rtol=1e-12)


def test_shifts_in_air_are_those_in_vacuum_of_the_same_light():
    data = lines([546.0750, 588.9950])
    made = signal.convert_light(data, "raman_shift", laser=435.8335, values="unchanged")
    np.testing.assert_allclose(made["wavenumber"], 22938.095 - np.array([18307.415, 16973.366]),
                               atol=0.05)  # fmt: skip


def test_the_laser_of_the_metadata_is_known():
    data = lines([540.0, 550.0]).assign_attrs(metadata={"laser": {"wavelength": 532.0}})
    given = signal.convert_light(data, "raman_shift", laser=532.0)
    xr.testing.assert_identical(
        signal.convert_light(data, "raman_shift")["wavenumber"], given["wavenumber"]
    )


def test_counts_become_a_density_whose_integral_is_all_of_them():
    places = np.linspace(500.0, 900.0, 801)
    counts = 1e4 * np.exp(-0.5 * ((places - 700.0) / 30.0) ** 2)
    made = signal.convert_light(spectrum(counts, places), "energy")
    assert made.attrs["units"] == "counts/eV"
    total = np.trapezoid(made, made["energy"])
    assert total == pytest.approx(counts.sum(), rel=1e-6)
    # A line that is broad in wavelengths has its maximum elsewhere in energies.
    derivative = HC / made["energy"] ** 2
    expected = 1e4 * np.exp(-0.5 * ((HC / made["energy"] - 700.2) / 30.0) ** 2) * derivative / 0.5
    np.testing.assert_allclose(made, expected, rtol=0.03, atol=1e-3 * float(made.max()))


def test_a_density_is_multiplied_by_the_derivative():
    data = lines([400.0, 500.0, 620.0]).assign_attrs(units="W/nm")
    made = signal.convert_light(data, "energy", medium="vacuum", values="density")
    assert made.attrs["units"] == "W/eV"
    wavelengths = HC / made["energy"].values
    np.testing.assert_allclose(made, [3.0, 2.0, 1.0] * wavelengths**2 / HC, rtol=1e-7)


def test_uncertainties_and_masks_of_a_dataset_go_along():
    data = lines([400.0, 500.0, 620.0])
    whole = xr.Dataset({
        "signal": data, "signal_std": data / 10, "variance": (data / 10) ** 2, "mask": data > 2,
    })  # fmt: skip
    whole["signal_std"].attrs["units"] = "counts"
    whole["variance"].attrs["units"] = "counts^2"
    made = signal.convert_light(whole, "energy")
    np.testing.assert_allclose(made["signal_std"], made["signal"] / 10)
    np.testing.assert_allclose(made["variance"], made["signal_std"] ** 2)
    assert made["variance"].attrs["units"] == "counts^2/eV^2"
    np.testing.assert_array_equal(made["mask"], [True, False, False])


def test_units_and_directions_of_the_axis_are_minded():
    data = lines(np.linspace(400.0, 620.0, 30))
    large = data.assign_coords(wavelength=coordinate("wavelength", data["wavelength"] / 1e3, "µm"))
    falling = large.isel(wavelength=slice(None, None, -1))
    made = signal.convert_light(falling, "energy")
    expected = signal.convert_light(data, "energy")
    assert made.attrs["units"] == "counts/eV"
    np.testing.assert_allclose(made["energy"], expected["energy"])
    np.testing.assert_allclose(made, expected)


def test_the_type_of_values_is_kept():
    data = lines(np.linspace(400.0, 620.0, 30))
    assert signal.convert_light(data.astype("float32"), "energy").dtype == np.float32
    assert signal.convert_light(data.astype("uint16"), "energy").dtype == np.float64
    plain = signal.convert_light(data.astype("uint16"), "energy", values="unchanged")
    assert plain.dtype == np.uint16


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (lines([1.0, 2.0], "time", "s"), {}, "'wavelength', 'energy' or 'wavenumber'"),
        (lines([0.0, 2.0]), {}, "above 0"),
        (lines([150.0, 200.0]), {}, 'medium="vacuum"'),
        (lines([500.0]), {}, "width of a channel"),
        (lines([500.0, 510.0], units=None), {}, "has no units"),
        (lines([500.0, 510.0]), {"to": "raman_shift"}, "laser=532.0"),
        (lines([500.0, 510.0]), {"to": "raman_shift", "laser": -1.0}, "laser"),
        (lines([0.0, 3e4], "wavenumber", "1/cm", quantity="Raman shift"), {"laser": 500.0},
         "below that of the laser"),
        (lines([500.0, 510.0]), {"to": "colour"}, "wavelength"),
    ],
)  # fmt: skip
def test_what_is_no_light_is_refused(data, options, said):
    with pytest.raises(DataError, match=said):
        signal.convert_light(data, **{"to": "energy", **options})
