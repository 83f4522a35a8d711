"""A fit as it is judged: what was measured, what was fitted, what is left, how well it is known."""

import numpy as np
import pytest
import xarray as xr
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError
from omniscopy.signal import Gaussian, Gaussian2D, Offset, fit_model

MODEL = Gaussian() + Offset()


def spectra():
    """Return peaks of height 1 ... 6 on 0.5, along energies in eV; one spectrum is missing."""
    energy = np.arange(60) * 0.1
    heights = np.arange(1.0, 7.0).reshape(2, 3, 1)
    values = 0.5 + heights * np.exp(-0.5 * ((energy - 3.0) / 0.4) ** 2)
    values[1, 0] = np.nan
    return make.labelled(
        values, make.axis("y", 2, 5.0, "nm"), make.axis("x", 3, 2.0, "nm"),
        make.axis("energy", 60, 0.1, "eV"), long_name="Peaks", quantity="intensity", units="counts",
    )  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return fit_model(spectra(), MODEL)


def lines(ax):
    return {line.get_label(): line.get_data() for line in ax.lines}


def test_data_model_and_components_of_the_nearest_pixel_are_drawn(found):
    figure = plot.fit_overlay(spectra().chunk(), found, MODEL, at={"y": 0.4, "x": 3.6})
    figure.draw_without_rendering()
    above, below = figure.axes
    assert above.get_title(loc="left") == "y 0 nm, x 4 nm"
    drawn, wanted = lines(above), spectra()[0, 2]
    np.testing.assert_allclose(drawn["data"][0], wanted.energy)
    np.testing.assert_allclose(drawn["data"][1], wanted)
    np.testing.assert_allclose(drawn["model"][1], wanted, atol=1e-6)
    np.testing.assert_allclose(drawn["gaussian"][1], wanted - 0.5, atol=1e-6)
    np.testing.assert_allclose(drawn["offset"][1], 0.5, atol=1e-6)
    np.testing.assert_allclose(below.lines[1].get_ydata(), 0.0, atol=1e-6)
    assert (below.get_xlabel(), above.get_ylabel()) == ("Energy (eV)", "Intensity (counts)")


def test_the_residual_is_data_minus_model(found):
    more = spectra() + 0.25
    figure = plot.fit_overlay(more, found, MODEL, at={"y": 0, "x": 0}, components=False)
    above, below = figure.axes
    np.testing.assert_allclose(below.lines[1].get_ydata(), 0.25, atol=1e-6)
    assert set(lines(above)) == {"data", "model"}


def test_the_middle_is_drawn_unasked_and_a_missing_spectrum_is_said(found):
    figure = plot.fit_overlay(spectra(), found, MODEL)
    assert figure.axes[0].get_title(loc="left") == "y 5 nm, x 2 nm"
    figure = plot.fit_overlay(spectra(), found, MODEL, at={"x": 0})
    figure.draw_without_rendering()
    assert "no data" in figure.get_supxlabel()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda d: d, {"at": {"z": 1}}, "at must name some of"),
        (lambda d: d, {"at": {"x": 400}}, r"at 'x' must lie between 0 and 4, got 400"),
        (lambda d: d[:, :2], {}, "are not of the pixels of data"),
        (lambda d: d.rename(energy="bias"), {}, "must be fits of spectra along a dimension"),
    ],
)
def test_an_overlay_of_something_else_is_refused(found, change, options, message):
    with pytest.raises(DataError, match=message):
        plot.fit_overlay(change(spectra()), found, MODEL, **options)


def test_an_overlay_of_images_is_refused(found):
    y, x = np.mgrid[:12, :12]
    image = make.image(12, 12).copy(data=np.exp(-((y - 5.0) ** 2 + (x - 6.0) ** 2) / 8))
    results = fit_model(image, Gaussian2D())
    with pytest.raises(DataError, match="must be fits of spectra"):
        plot.fit_overlay(image, results, Gaussian2D())
    with pytest.raises(DataError, match="does not hold"):
        plot.fit_overlay(spectra(), found, Gaussian() + Gaussian())


def test_a_parameter_is_beside_its_standard_deviation_with_units():
    maps = make.fitted_maps()
    figure = plot.parameter_map(maps, "amplitude")
    figure.draw_without_rendering()
    left, right = figure.axes
    np.testing.assert_allclose(left.images[0].get_array(), 2.0)
    np.testing.assert_allclose(right.images[0].get_array(), 30.0)
    assert [ax.child_axes[0].get_ylabel() for ax in (left, right)] == ["nm", "pm"]
    assert right.get_title(loc="left") == "± 1 σ"
    assert "79 of 80 fits converged" in figure.get_supxlabel()
    assert len(plot.signal(maps).axes) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [("status", r"\['amplitude'\]"), ("phase", "got 'phase'")],
)
def test_a_parameter_without_standard_deviation_is_refused(name, message):
    with pytest.raises(DataError, match=message):
        plot.parameter_map(make.fitted_maps(), name)


def test_a_parameter_that_is_no_map_is_refused():
    with pytest.raises(DataError, match="must be a map"):
        plot.parameter_map(make.fitted_maps().isel(y=0), "amplitude")


def test_spectra_of_steps_are_a_map_a_picture_and_two_curves():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 5, 2, 6, 12)) + 1j * rng.normal(size=(4, 5, 2, 6, 12))
    data = xr.DataArray(
        values, dims=("y", "x", "cycle", "bias", "frequency"),
        coords={"bias": ("bias", [0.0, 1, 2, 1, 0, -1], {"units": "V"})},
    )  # fmt: skip
    figure = plot.signal(data.chunk(y=2))
    figure.draw_without_rendering()
    where, both, steps, curve = figure.axes
    size = np.abs(values)
    np.testing.assert_allclose(where.images[0].get_array(), size.mean((2, 3, 4)))
    np.testing.assert_allclose(both.images[0].get_array(), size.mean((0, 1, 2)))
    np.testing.assert_allclose(steps.lines[0].get_ydata(), size.mean((0, 1, 2, 4)))
    np.testing.assert_allclose(steps.lines[0].get_xdata(), data.bias)
    np.testing.assert_allclose(curve.lines[0].get_ydata(), size.mean((0, 1, 2, 3)))
