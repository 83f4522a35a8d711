"""Aborted and masked scans go through every operation on signals, and only lose what is lost."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import all_operations, coordinate, dims_of_kind
from omniscopy.testing import contracts

# What all points of a scan are taken together for: a lost one changes the others.
POOLED = {
    "signal.align_signals": "all spectra have one mean",
    "signal.cluster": "all spectra make one set of clusters",
    "signal.decompose": "all spectra make one decomposition",
    "signal.estimate_rank": "all spectra have one rank",
    "signal.separate_outliers": "all spectra share their components",
}
SCAN = {
    "y": coordinate("y", 0.5 * np.arange(5), "nm"),
    "x": coordinate("x", 0.5 * np.arange(7), "nm"),
}
CYCLE = xr.Variable("cycle", [0, 1], coordinate("cycle", [0, 1], "1").attrs)


def scans():
    """Return the operations on signals that take arrays only, with scans of odd sizes for each."""
    found = {}
    for operation in all_operations():
        example = contracts.example_of(operation)
        given = {name: example[name] for name in operation.inputs if example.get(name) is not None}
        if operation.name.startswith("signal.") and given:
            made = {name: scan_of(value) for name, value in given.items()}
            if all(value is not None for value in made.values()):
                found[operation.name] = (operation, made)
    return found


def scan_of(value):
    """Return a scan of odd sizes with a further dimension in front; none of what cannot be one."""
    if not isinstance(value, xr.DataArray) or dims_of_kind(value, "point"):
        return None
    if {"y", "x"} <= {*value.dims}:
        part = value.isel(y=slice(0, 5), x=slice(0, 7))
    elif dims_of_kind(value, "spatial"):
        return None
    else:
        rise = xr.DataArray(1 + 0.01 * np.arange(35.0).reshape(5, 7), SCAN, dims=("y", "x"))
        part = (rise * value).assign_attrs(value.attrs)
    even = {dim: size for dim, size in part.sizes.items() if size % 2 == 0}
    part = part.isel({dim: slice(0, size - 1) for dim, size in even.items()})
    if value.dtype.kind in "iu":  # a map of numbers
        return xr.concat([part, part], CYCLE)
    return xr.concat([part, (0.5 * part).assign_attrs(value.attrs)], CYCLE)


OPERATIONS = scans()


def aborted(scan):
    """Return where a scan is of which the last rows were not reached."""
    return scan["y"] < scan["y"][-2]


def masked(scan):
    """Return where a scan is without points here and there, the first one among them."""
    chosen = np.random.default_rng(0).random((scan.sizes["y"], scan.sizes["x"])) > 0.3
    chosen[0, 0] = False
    return xr.DataArray(chosen, {dim: scan[dim] for dim in ("y", "x")}, dims=("y", "x"))


def spoiled(scan, there):
    if scan.dtype.kind not in "fc":
        return scan
    return scan.where(there).assign_attrs(scan.attrs)


def variables(made):
    return [made] if isinstance(made, xr.DataArray) else [made[name] for name in made.data_vars]


@pytest.mark.parametrize("lose", [aborted, masked])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_scan_that_is_not_whole(name, lose):
    operation, given = OPERATIONS[name]
    there = lose(next(iter(given.values())))
    whole = contracts.call_example(operation, **given).compute()
    lost = {key: spoiled(value, there) for key, value in given.items()}
    made = contracts.call_example(operation, **lost).compute()
    for one, other in zip(variables(made), variables(whole), strict=True):
        assert one.dims == other.dims
        if one.dtype.kind in "fc" and one.size:
            assert bool(one.notnull().any()) == bool(other.notnull().any()), one.name
        same_places = all(dim in one.dims and one[dim].equals(there[dim]) for dim in there.dims)
        if same_places and name not in POOLED:
            np.testing.assert_allclose(
                one.where(there, 0).transpose(*other.dims), other.where(there, 0),
                rtol=1e-6, atol=1e-9, err_msg=str(one.name),
            )  # fmt: skip


def test_spectra_and_maps_are_among_them():
    assert {
        "signal.fit_model", "signal.find_peaks", "signal.filter_fourier", "signal.measure_regions",
        "signal.subtract_baseline", "signal.rebin", "signal.fold",
    } <= set(OPERATIONS)  # fmt: skip
