"""Intensities of columns, and how many atoms they hold."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import count_atoms, measure_intensities, measure_volumes
from omniscopy.model import DataError, Status, coordinate
from omniscopy.simulate import atom_image, fitted_columns, lattice_points


def test_the_intensity_of_a_cell_is_the_volume_of_its_column():
    sigma, counts = 0.04, 100.0
    image = atom_image((128, 100), sigma=sigma, counts=counts, second=0.0, background=7.0,
                       noise=False)  # fmt: skip
    points = lattice_points(extent=(5.0, 3.9))
    found = measure_intensities(image, points, background=7.0)
    inner = ~found["touches_edge"].values
    assert inner.sum() > 60
    volume = 2 * np.pi * counts * sigma**2
    np.testing.assert_allclose(found["intensity"].values[inner], volume, rtol=2e-3)
    assert found["area"].values[inner].mean() == pytest.approx(0.39**2, rel=0.01)
    assert found["intensity"].attrs["units"] == "counts nm^2"


def test_a_disc_counts_pixels_whose_middle_is_inside():
    coords = {
        "y": coordinate("y", 10.0 + np.arange(9.0), "nm"),
        "x": coordinate("x", 2.0 * np.arange(8.0), "nm"),
    }
    image = xr.DataArray(np.ones((9, 8)), coords, ("y", "x"), attrs={"units": "V"})
    found = measure_intensities(image, table([[14.0, 6.0]]), method="disc", radius=2.0)
    # (0, 0), four rows up and down to 2, one column to each side.
    assert float(found["area"][0]) == pytest.approx(2.0 * 7)
    assert float(found["intensity"][0]) == pytest.approx(14.0)
    assert "intensity_std" not in found


def test_the_scatter_of_counts_is_what_is_reported():
    points = lattice_points(extent=(2.3, 2.3))
    found = [
        measure_intensities(atom_image((64, 64), second=0.0, rng=seed), points)
        for seed in range(60)
    ]
    values = np.stack([each["intensity"].values for each in found])
    stds = np.stack([each["intensity_std"].values for each in found])
    assert np.mean(values.std(axis=0) / stds.mean(axis=0)) == pytest.approx(1.0, rel=0.05)


def test_columns_outside_or_of_nothing_are_nan_and_alone():
    image = atom_image((40, 40), noise=False)
    image[20:, :] = np.nan
    points = table([[0.3, 0.7], [5.0, 5.0], [1.2, 0.7], [np.nan, 1.0]])
    found = measure_intensities(image, points, method="disc", radius=0.1)
    assert found["status"].values.tolist() == [0, Status.NO_DATA, Status.NO_DATA, Status.NO_DATA]
    assert np.isfinite(found["intensity"].values).tolist() == [True, False, False, False]


def test_volumes_are_those_of_gaussians():
    made = fitted_columns(noise=0.0)
    found = measure_volumes(made)
    counts = np.array(made.attrs["metadata"]["truth"]["counts"])
    np.testing.assert_allclose(found["intensity"], 2 * np.pi * 100.0 * counts * 0.06**2)
    np.testing.assert_allclose(found["intensity_std"] / found["intensity"], 0.01 * np.sqrt(2))
    assert found["intensity"].attrs["units"] == "counts nm^2"


@pytest.mark.parametrize("most", [1, 3, 5])
def test_atoms_are_counted(most):
    made = fitted_columns(most=most, extent=(8.0, 8.0), noise=0.1, rng=most)
    found = count_atoms(measure_volumes(made)["intensity"], max_atoms=9)
    truth = np.array(made.attrs["metadata"]["truth"]["counts"])
    assert int(found["n_components"]) == most
    assert np.mean(found["count"].values == truth) > 0.99
    unit = 2 * np.pi * 100.0 * 0.06**2
    means = found["mean"].values[:most]
    error = np.abs(means - unit * np.arange(1, most + 1)) / found["mean_std"].values[:most]
    assert error.max() < 4.0
    assert float(found["width"]) == pytest.approx(0.1 * unit, rel=0.15)
    assert float(found["weight"].sum()) == pytest.approx(1.0)


def test_the_probability_is_how_often_the_count_is_right():
    right, said = [], []
    for seed in range(10):
        made = fitted_columns(most=2, extent=(8.0, 8.0), noise=0.35, rng=seed)
        found = count_atoms(measure_volumes(made)["intensity"], n_components=2)
        right.append(found["count"].values == np.array(made.attrs["metadata"]["truth"]["counts"]))
        said.append(found["probability"].values)
    assert np.mean(right) == pytest.approx(np.mean(said), abs=0.02)
    assert 0.85 < np.mean(right) < 0.97


def test_the_lowest_columns_may_have_more_than_one_atom():
    made = fitted_columns(most=2, noise=0.05)
    found = count_atoms(measure_volumes(made)["intensity"], max_atoms=4, first=7)
    assert sorted(np.unique(found["count"])) == [7.0, 8.0]


def test_missing_intensities_have_no_count():
    values = measure_volumes(fitted_columns())["intensity"]
    found = count_atoms(values.where(values["atom"] != 5), max_atoms=4)
    assert np.isnan(found["count"].values).sum() == 1
    nothing = count_atoms(values * np.nan, max_atoms=4)
    assert int(nothing["status"]) == Status.NO_DATA


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i, p: measure_intensities(i, p, radius=0.0), "radius must be above 0"),
        (lambda i, p: measure_intensities(i, p, method="sum"), "method must be one of"),
        (lambda i, p: measure_intensities(i["y"], p), "expected two spatial dimensions"),
        (lambda i, p: measure_volumes(p), r"must have the variables \['amplitude'"),
        (lambda i, p: count_atoms(p["y"], max_atoms=0), "max_atoms must be at least 1"),
        (lambda i, p: count_atoms(i), "expected a dimension 'atom'"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(atom_image((20, 20)), lattice_points(extent=(0.8, 0.8)))


def test_an_image_without_units_says_so():
    image = atom_image((20, 20))
    image["y"].attrs.pop("units")
    with pytest.raises(DataError, match="state both"):
        measure_intensities(image, lattice_points(extent=(0.8, 0.8)))


def table(points):
    y, x = np.asarray(points, dtype=float).T
    places = {"y": ("atom", y, {"units": "nm"}), "x": ("atom", x, {"units": "nm"})}
    return xr.Dataset(places, {"atom": np.arange(len(y))})
