"""Blind source separation: components turned so that they, or their loadings, say more."""

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, Status, coordinate, operation, require_real, result
from omniscopy.signal.decomposition.decomposing import seed_of
from omniscopy.signal.decomposition.independent import Turn, turn_loadings
from omniscopy.signal.decomposition.lazily import once
from omniscopy.signal.decomposition.reconstruction import (
    KEPT,
    require_decomposition,
    wanted_components,
)
from omniscopy.signal.decomposition.signs import signs_of


@operation(example={"ds": "decomposition", "components": 2})
def rotate_components(
    ds: xr.Dataset,
    components: int | Sequence[int] | None = None,
    *,
    method: Turn = "ica",
    on: Literal["components", "loadings"] = "components",
    derivative: int = 0,
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Turn components into ones that are independent, or have few large values.

    Parameters
    ----------
    ds : Dataset
        What `decompose` returned.
    components : int or sequence of int
        How many of the components, from the first, or which are turned; all otherwise. The others
        are left out.
    method : {"ica", "varimax"}
        Independence (FastICA [1]_), or the largest variance of the squares [2]_.
    on : {"components", "loadings"}
        Whether the components or the loadings become so.
    derivative : int
        Order of the differences along each of their dimensions that are made so, instead of the
        values: lines and edges are more independent than what they stand on.
    rng : int or Generator
        Seed of the start of "ica"; 0 otherwise.

    Returns
    -------
    Dataset
        ``components`` and ``loadings`` with the same product as those that were turned, in the
        order of what they explain; components have unit length, and their largest value is
        positive. ``explained_variance_ratio``, ``steps``, ``mean`` and ``status`` where `ds` has
        them.

    Raises
    ------
    DataError
        `ds` holds no real components and loadings, one of `components` is not there, or too few
        values are left to turn them by.

    References
    ----------
    .. [1] A. Hyvärinen, *IEEE Trans. Neural Netw.* 10, 626 (1999).
    .. [2] H. F. Kaiser, *Psychometrika* 23, 187 (1958).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.rotate_components(om.samples.decomposition(), 2, on="loadings").sizes["component"]
    2
    """
    require_decomposition(ds, "status")
    require_real(ds["components"])
    require_real(ds["loadings"])
    if method not in ("ica", "varimax") or on not in ("components", "loadings"):
        message = (
            "method must be 'ica' or 'varimax' and on 'components' or 'loadings', got "
            f"{method!r} and {on!r}"
        )
        raise DataError(message)
    if derivative < 0:
        message = f"derivative must be 0 or more, got {derivative}"
        raise DataError(message)
    wanted = wanted_components(ds, components)
    samples = [str(dim) for dim in ds["loadings"].dims if dim != "component"]
    channels = [str(dim) for dim in ds["components"].dims if dim != "component"]
    shared = [dim for dim in samples if dim in channels]
    if shared:
        message = f"dimensions {shared} are of samples and of components; turn each part alone"
        raise DataError(message)
    values = ds["loadings"].isel(component=wanted).transpose(*samples, "component")
    basis = ds["components"].isel(component=wanted).transpose("component", *channels)
    sides = channels if on == "components" else samples
    points = int(np.prod([ds.sizes[dim] - derivative for dim in sides]))
    if points < len(wanted):
        message = (
            f"{points} values are left of each of {len(wanted)} signals along {sides} with "
            f"derivative={derivative}; at least {len(wanted)} are needed"
        )
        raise DataError(message)
    turn = functools.partial(
        _turned, method=method, on=on, derivative=derivative, seed=seed_of(rng)
    )
    forms = [
        (values.shape, np.float64), (basis.shape, np.float64), ((len(wanted),), np.float64),
        ((), np.int64), ((), np.bool_),
    ]  # fmt: skip
    loadings, turned, shares, steps, done = once(turn, values.data, basis.data, forms=forms)
    left_out = ds["status"].drop_attrs(deep=False) == Status.NO_DATA
    stopped = xr.DataArray(1 - done) * int(Status.MAX_STEPS)
    stated = {
        "components": (basis.copy(data=turned), ds["components"].attrs.get("units")),
        "loadings": (values.copy(data=loadings), ds["loadings"].attrs.get("units")),
        "steps": (xr.DataArray(steps), "1"),
        "status": (left_out * int(Status.NO_DATA) + ~left_out * stopped, "1"),
    }
    if "explained_variance_ratio" in ds:
        before = ds["explained_variance_ratio"].drop_attrs(deep=False).isel(component=wanted).sum()
        stated["explained_variance_ratio"] = (xr.DataArray(shares, dims="component") * before, "1")
    if "mean" in ds:
        stated["mean"] = (ds["mean"], ds["mean"].attrs.get("units"))
    attrs = {"method": method, **{key: ds.attrs[key] for key in ("noise",) if key in ds.attrs}}
    made = result(attrs, **stated)
    made = made.assign_coords(component=coordinate("component", np.arange(len(wanted)), "1"))
    for name in ("components", "loadings"):
        described = {key: ds[name].attrs[key] for key in KEPT if key in ds[name].attrs}
        made[name].attrs |= described
    return made


def _turned(
    loadings: np.ndarray, components: np.ndarray, *, method: Turn, on: str, derivative: int,
    seed: int,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return turned loadings and components, the share of each, steps and whether it ended."""
    rows = loadings.reshape(-1, loadings.shape[-1]).astype(np.float64)
    basis = components.reshape(len(components), -1).astype(np.float64)
    known = np.isfinite(rows).all(axis=1)
    if known.sum() < len(basis) or not np.isfinite(basis).all():
        nothing = np.full(len(basis), np.nan)
        return loadings * np.nan, components * np.nan, nothing, np.zeros(()), np.ones(())
    before = np.sum(np.nansum(rows**2, axis=0) * np.sum(basis**2, axis=1))
    if on == "loadings":
        found = turn_loadings(rows, basis, _signals(loadings, derivative), method, seed)
        rows, basis = found.loadings, found.components
    else:
        signals = _signals(np.moveaxis(components, 0, -1), derivative)
        found = turn_loadings(basis.T, rows.T, signals, method, seed)
        rows, basis = found.components.T, found.loadings.T
    lengths = np.linalg.norm(basis, axis=1)
    factor = np.where(lengths > 0, lengths, 1.0) * signs_of(basis)
    rows, basis = rows * factor, basis / factor[:, None]
    shares = np.nansum(rows**2, axis=0) / (before if before > 0 else 1.0)
    order = np.argsort(-shares, kind="stable")
    return (
        rows[:, order].reshape(loadings.shape), basis[order].reshape(components.shape),
        shares[order], np.asarray(found.steps), np.asarray(found.done),
    )  # fmt: skip


def _signals(values: np.ndarray, derivative: int) -> np.ndarray:
    """Return values, or their differences along each axis but the last, as columns of signals."""
    if not derivative:
        parts = [values]
    else:
        parts = [np.diff(values, derivative, axis=axis) for axis in range(values.ndim - 1)]
    columns = np.concatenate([part.reshape(-1, values.shape[-1]) for part in parts])
    return columns[np.isfinite(columns).all(axis=1)]
