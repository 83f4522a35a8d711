"""Counts of every line in every spectrum."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_spectra
from omniscopy.eds.calibrations import calibration_of
from omniscopy.eds.design import (
    Scale,
    Setting,
    of_x_rays,
    pile_up,
    refine,
    shapes,
    total_of,
    variance_of,
)
from omniscopy.eds.detector_models import Detector, require_detector
from omniscopy.eds.line_tables import line_coordinate
from omniscopy.eds.pivots import pivot_rows
from omniscopy.eds.spectra import families_in, require_spectra, voltage_of
from omniscopy.model import Status, operation, require_choice, result
from omniscopy.physics import xray
from omniscopy.physics.xray.bremsstrahlung import MODELS
from omniscopy.signal.simplex import solve_rows


@operation(example={"data": "eds_map", "elements": ["Fe", "Pt_La", "Ti_Ka"], "calibration": None})
def fit_lines(  # noqa: PLR0913 - options are keywords
    data: xr.DataArray,
    elements: Sequence[str],
    *,
    calibration: xr.Dataset | Literal["fit"] | None = "fit",
    background: Literal["lifshin", "kramers", "small"] | None = "lifshin",
    detector: Detector | None = None,
    voltage: float | None = None,
    escape: bool = True,
    sum_peaks: bool = False,
    dim: str = "energy",
) -> xr.Dataset:
    r"""Fit the X-ray lines of elements and the continuum to every spectrum at once.

    Parameters
    ----------
    data : DataArray, shape (..., energy), counts
        Lazy or in memory. Channels that are NaN in all spectra are left out.
    elements : sequence of str
        Elements, with all of their families of lines that the axis and the voltage allow
        (`"Pt"`), or single families (`"Pt_La"`).
    calibration : Dataset, "fit" or None
        Result of `eds.calibrate`; or fitted to the sum of all spectra; or the energies of the
        axis and the resolution of the detector as they are.
    background : {"lifshin", "kramers", "small"}, optional
        Model of the continuum, seen through the detector; none where `None`.
    detector : Detector
        How it is built: what it counts, how wide peaks are, and how much of their charge is
        collected incompletely. 0.45 mm of silicon behind 50 nm of dead silicon otherwise.
    voltage : float, V
        Of the electrons; that of the metadata otherwise.
    escape : bool
        Let lines above the K edge of the crystal lose one of its X-rays.
    sum_peaks : bool
        Add the pulses that are counted as one: the sum of all spectra, folded with itself.
    dim : str
        Dimension of the energy, in keV or units that convert to it.

    Returns
    -------
    Dataset, shape (...)
        ``intensity`` and ``intensity_std`` (..., line): counts of the alpha line of each family,
        never negative; ``intensity_covariance`` (..., line, other_line); ``background``, the
        counts of the continuum; ``reduced_chi_square``; ``status``, 4 (no data) where a value is
        not finite or there is not a count, 2 (singular) where families cannot be told apart:
        both NaN. For all spectra together ``gain``, ``offset`` and ``width`` of the axis. On the
        lines, their ``energy`` in keV, ``element``, and ``alpha``: the part of the X-rays of the
        family that are of the line.

    Raises
    ------
    DataError
        The axis is no energy, the values are no counts, the voltage is not known, or an element
        has no line.

    Notes
    -----
    The model is linear in the counts of the families, whose lines have fixed ratios, and of the
    continuum. All spectra share the weights :math:`1 / \mu` with the model :math:`\mu` of their
    sum, which do not depend on the noise of the spectrum, so that all are solved by one product
    of matrices, :math:`c = H y`, and counts stay unbiased where there are few. Those held at 0
    are found by an active set. The covariance is :math:`H\, \mathrm{diag}(A c)\, H^T`, that of
    Poisson noise, as if nothing was held at 0.

    The active set is that of [1]_.

    References
    ----------
    .. [1] C. L. Lawson, R. J. Hanson, *Solving Least Squares Problems*, Prentice-Hall (1974),
       chapter 23.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eds.fit_lines(om.samples.eds_map(), ["Fe", "Pt_La"])
    >>> found["line"].values.tolist()
    ['Fe_Ka', 'Fe_La', 'Pt_La']
    """
    energy = require_spectra(data, dim)
    if background is not None:
        require_choice("background", background, MODELS)
    detected = require_detector(detector)
    volts = voltage_of(data, voltage)
    families = families_in(energy, elements, volts)
    setting = Setting(families, detected, volts, background, escape, sum_peaks)
    task, lines = Task(setting, energy, calibration_of(calibration, detected)), len(families)
    made = map_signal(task.prepare, total_of(data, dim), dim=dim, output_dims=task.output_dims(dim))
    found = map_signal(
        _solve, data, dim=dim, also=made[:3], whole=("line", "other_line", "column"),
        output_dims=({"line": lines}, {"line": lines, "other_line": lines}, {}, {}, {}),
        dtypes=(np.float64, np.float64, np.float64, np.float64, np.uint8),
    )  # fmt: skip
    counts, covariance, continuum, squares, status = found
    own = xr.DataArray(np.arange(lines), dims="line")
    variance = covariance.isel(line=own, other_line=own)
    numbers = [made[3].isel(number=place, drop=True) for place in range(6)]
    fitted = result(
        intensity=(counts, "counts"),
        intensity_std=(variance**0.5, "counts"),
        intensity_covariance=(covariance, "counts^2"),
        background=(continuum, "counts"),
        reduced_chi_square=(squares, "1"),
        status=(status, "1"),
        gain=(numbers[0], "1"), offset=(numbers[1], "keV"), width=(numbers[2], "keV"),
        gain_std=(numbers[3], "1"), offset_std=(numbers[4], "keV"), width_std=(numbers[5], "keV"),
    )  # fmt: skip
    return fitted.assign_coords(_line_coordinates(families))


def _line_coordinates(families: Sequence[xray.Family]) -> dict[str, Any]:
    """Return what is known of the line that each family is called by."""
    names = [family.name for family in families]
    attrs = {"units": "keV", "quantity": "energy"}
    return {
        "line": line_coordinate(names),
        "other_line": line_coordinate(names, dim="other_line"),
        "element": ("line", [family.element for family in families]),
        "line_energy": ("line", [family.energy for family in families], attrs),
        "alpha": ("line", [family.alpha for family in families], {"units": "1"}),
    }


class Task:
    """A model of spectra on an axis, to be prepared for the sum of all."""

    def __init__(self, setting: Setting, energy: np.ndarray, scale: Scale | None) -> None:
        self.setting, self.energy, self.scale = setting, energy, scale
        further = 0 if setting.background is None else len(
            xray.bremsstrahlung(np.ones(1), setting.voltage, setting.background)
        )  # fmt: skip
        self.columns = len(setting.families) + further + int(setting.sum_peaks)

    def output_dims(self, dim: str) -> tuple[dict[str, int], ...]:
        """Return the dimensions of what `prepare` returns."""
        channels, lines = len(self.energy), len(self.setting.families)
        return (
            {dim: channels, "column": self.columns},
            {dim: channels},
            {"line": lines, "other_line": lines, "column": self.columns},
            {"number": 6},
        )

    def prepare(self, total: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, weights of channels, covariances for each column, and the scale."""
        sizes = [tuple(each.values()) for each in self.output_dims("energy")]
        if total.ndim != 1 or not np.nansum(total) > 0:
            return tuple(np.zeros((*total.shape[:-1], *size)) for size in sizes)
        none = Scale(0.0, 0.0, 0.0)
        total = of_x_rays(total, self.energy)
        scale, std = (
            refine(total, self.energy, self.setting) if self.scale is None else (self.scale, none)
        )
        columns = shapes(self.energy, self.setting, scale)
        if self.setting.sum_peaks:
            folded = pile_up(total, self.energy, scale)
            columns = np.concatenate([columns, folded[:, None]], axis=1)
        weight = 1.0 / variance_of(total, columns)
        weight /= weight.max()
        gram, size = products_of(columns, weight)
        inverse = np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
        lines = len(self.setting.families)
        solving = ((columns * weight[:, None]) @ (inverse / size / size[:, None]))[:, :lines]
        spread = np.einsum("ja,jb,jc->abc", solving, solving, columns, optimize=True)
        return columns, weight, spread, np.array([*scale, *std])


def products_of(columns: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted products of columns brought to the length 1, and the lengths."""
    gram = columns.T @ (columns * weight[:, None])
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    return gram / size / size[:, None], size


def _solve(
    values: np.ndarray, columns: np.ndarray, weight: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return counts of lines, their covariance, of the continuum, reduced chi-square, status."""
    lines, size = spread.shape[0], columns.shape[1]
    amplitudes, squares, counts = _amplitudes(values, columns, weight)
    status = np.full(counts.shape, Status.CONVERGED, np.uint8)
    status[np.isnan(amplitudes).any(axis=-1)] = Status.SINGULAR
    status[~(np.isfinite(counts) & (counts != 0))] = Status.NO_DATA
    amplitudes[status != Status.CONVERGED] = np.nan
    squares = np.where(status == Status.CONVERGED, squares, np.nan)
    covariance = amplitudes @ spread.reshape(-1, size).T
    continuum = amplitudes[..., lines:].sum(axis=-1) * len(columns)
    return (amplitudes[..., :lines], covariance.reshape(*counts.shape, lines, lines), continuum,
            squares, status)  # fmt: skip


def _amplitudes(
    values: np.ndarray, columns: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the amplitudes of all columns, reduced chi-square, and the counts of all channels."""
    dead, number = weight == 0.0, columns.shape[1]
    gram, size = products_of(columns, weight)
    weighted = columns * weight[:, None] / size
    # Counts of all channels and their weighted sum are two further products.
    together = np.concatenate([weighted, (~dead)[:, None].astype(float)], axis=1)
    regular = np.linalg.cond(gram) < 1e10 if np.isfinite(gram).all() and gram.any() else False
    inverse = np.linalg.inv(gram) if regular else np.full_like(gram, np.nan)
    expected = columns.T @ weight / size

    def work(rows: np.ndarray) -> np.ndarray:
        alive = np.where(dead, 0.0, rows) if dead.any() else rows
        right = alive @ together
        found = np.empty((len(rows), number + 2))
        found[:, :number] = nonnegative(gram, inverse, right[:, :number])
        found[:, number + 1] = right[:, -1]
        square = (alive * alive) @ weight
        fitted = found[:, :number]
        square += ((fitted @ gram - 2.0 * right[:, :number]) * fitted).sum(axis=1)
        free = max(len(columns) - int(dead.sum()) - number, 1)
        with np.errstate(all="ignore"):
            found[:, number] = square / (fitted @ expected) * (free + number) / free
        return found

    with native_threads_held():
        made = share_spectra(work, values, size=number + 2, dtype=np.float64)
    return made[..., :number] / size, made[..., number], made[..., -1]


def nonnegative(gram: np.ndarray, inverse: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the solutions of `gram @ c = right` for rows of `right` that are not negative."""
    found = right @ inverse
    wrong = np.flatnonzero((found < 0).any(axis=1) & np.isfinite(right).all(axis=1))
    if len(wrong):
        parts, done = found[wrong], np.empty(len(wrong), np.bool_)
        pivot_rows(gram, right[wrong], parts, done)
        found[wrong] = parts
        # Sets that change sides for ever: one at a time then.
        wrong = wrong[~done]
        room = np.empty((len(wrong), 2 * len(gram) + 1))
        energy = np.zeros(len(wrong))
        solve_rows(gram, right[wrong], energy, True, False, len(gram) + 1, room)  # noqa: FBT003
        found[wrong] = room[:, : len(gram)]
    return found
