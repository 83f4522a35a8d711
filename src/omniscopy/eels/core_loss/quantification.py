"""Atoms in each nm², from all edges of a core-loss spectrum at once."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from scipy import ndimage
from scipy.interpolate import BSpline

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.eels.axes import DIM, LossAxis, loss_axis, require_zero
from omniscopy.eels.background.power_laws import PowerLawFit
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.eels.core_loss.convolution import FARTHEST, fold, reach
from omniscopy.eels.core_loss.cross_sections import Method, Sections
from omniscopy.model import (
    DataError,
    OmniscopyWarning,
    Status,
    coordinate,
    operation,
    require_array,
    require_choice,
    result,
)
from omniscopy.physics import steps
from omniscopy.physics.decays import power_law
from omniscopy.physics.energy_loss.shells import Shell, shells_of
from omniscopy.physics.formulas import Formula
from omniscopy.signal.gaps import bridge_gaps

FineStructure = Literal["exclude", "spline", "keep"]
Base = Literal["power_law", "power_law_sum"]
# 1 barn in nm².
PER_BARN = 1e-10
_LEVEL, _POWER = Formula(steps.scaled, 1), Formula(power_law, 2, constants=1)
_SUM_EXPONENTS = (1.0, 2.0, 3.0, 4.0, 5.0)
# Before an edge: eV that are left out, as a fine structure may begin early.
_EARLY = 5.0
# Channels before the first edge, and of an edge, at least; distance of splines' knots in eV.
_LEAST, _KNOTS = 8, 5.0
# The fit begins at this part of the first edge's energy, where no window is given.
_BEGIN = 0.75
_SMOOTH = 9


class NoElectronsWarning(OmniscopyWarning):
    """Nothing says how many electrons there were, and a composition is relative."""


@operation(
    example={"data": "core_loss", "elements": ["Ti", "O"], "low_loss": "core_low_loss"}
)  # fmt: skip
def quantify(  # noqa: PLR0913 - numbers of sample and microscope
    data: xr.DataArray,
    elements: Sequence[str],
    *,
    low_loss: xr.DataArray | None = None,
    zero_loss_intensity: float | xr.DataArray | None = None,
    exposure_ratio: float = 1.0,
    window: tuple[float, float] | None = None,
    background: Base = "power_law",
    fine_structure: FineStructure = "exclude",
    fine_structure_width: float = 30.0,
    shifts: Mapping[str, float] | None = None,
    nonnegative: bool = False,
    cross_sections: Method = "photoabsorption",
    tables: str | None = None,
    voltage: float | None = None,
    convergence_mrad: float | None = None,
    collection_mrad: float | None = None,
    dim: str = DIM,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Find how many atoms of each element there are in each nm².

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses with their background, on a uniform axis; lazy or in memory.
    elements : sequence of str
        Symbols. All edges of an element within the fit count, as one.
    low_loss : DataArray, shape (..., energy_loss)
        Low losses of the same points in the same steps, the zero loss at 0 eV: edges are folded
        with them, which accounts for plasmons and for the electrons that there are.
    zero_loss_intensity : float or DataArray, units of `data`
        In place of a low loss, for samples so thin that it does not matter.
    exposure_ratio : float
        How much longer core losses were exposed than low losses.
    window : (low, high), eV
        The part that is fitted; otherwise from 0.75 of the first edge's energy to the end.
    background : {"power_law", "power_law_sum"}
        One of any exponent, or a sum of those with exponents 1 to 5, none of it negative.
    fine_structure : {"exclude", "spline", "keep"}
        What is done from 5 eV before each edge on: channels are left out, or splines added that
        take what atoms' cross-sections do not know; or nothing.
    fine_structure_width : float, eV
        How far beyond the edge.
    shifts : mapping of element to number, eV
        By which edges lie above the energies in the tables.
    nonnegative : bool
        No density is below 0; deviations of those at 0 are NaN.
    cross_sections : {"photoabsorption", "hydrogenic", "tabulated"}
        See `cross_section`.
    tables : str
        Path of a file of oscillator strengths, for "tabulated".
    voltage : float, V
        Accelerating voltage; what the metadata say otherwise.
    convergence_mrad, collection_mrad : float, mrad
        Half angles; what the metadata say otherwise.
    dim : str
        Dimension of the energy loss.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (..., element)
        ``areal_density`` in 1/nm² and ``atomic_fraction``, each with ``_std``; ``correlation``
        (..., element, with_element) of the densities; ``background_exponent`` (...),
        ``reduced_chi_square`` and ``status``: ``no_data`` where there are too few finite values
        or no electrons, NaN; ``at_bound`` where a density or a part of the background is 0.
        Without `low_loss` and `zero_loss_intensity` nothing says how many electrons there were:
        there is no areal density then, and a `NoElectronsWarning`; fractions are those of a
        sample so thin that plasmons do not matter.

    Raises
    ------
    DataError
        Axes are not in eV or not uniform, or of other steps; an element has no edge that stands
        out within the fit; too few channels lie before the first edge; beam or angles are not
        known.

    Notes
    -----
    :math:`I(E) = A E^{-r} + \sum_i n_i\, \sigma_i \otimes J\, \Delta E`, all at once: for each
    exponent the rest is linear. Least squares with weights of one over a running mean of the
    counts; deviations follow from the residuals, and hold no error of cross-sections (5 to 20 %),
    which fractions share in part.

    To fit model and background at once is the method of [1]_; fine structure beside atoms'
    cross-sections is that of [2]_.

    References
    ----------
    .. [1] J. Verbeeck, S. Van Aert, *Ultramicroscopy* 101, 207 (2004).
    .. [2] J. Verbeeck, S. Van Aert, G. Bertoni, *Ultramicroscopy* 106, 976 (2006).

    Examples
    --------
    >>> import omniscopy as om
    >>> edges, low = om.samples.core_loss(), om.samples.core_low_loss()
    >>> found = om.eels.quantify(edges, ["Ti", "O"], low_loss=low)
    >>> bool(abs(found["atomic_fraction"].sel(element="O").median() - 2 / 3) < 0.2)
    True
    """
    require_choice("background", background, ("power_law", "power_law_sum"))
    require_choice("fine_structure", fine_structure, ("exclude", "spline", "keep"))
    sections = Sections(cross_sections, tables)
    sections.require("cross_sections")
    axis = loss_axis(data, dim, at_least=16, uniform=True)
    beam = beam_of(data, voltage, convergence_mrad, collection_mrad)
    symbols = (elements,) if isinstance(elements, str) else tuple(elements)
    fit = _fit_of(
        axis, symbols, dict(shifts or {}), window, background, fine_structure,
        fine_structure_width, beam, sections, nonnegative=nonnegative, max_steps=max_steps,
        threads=None if data.chunks is None else 1,
    )  # fmt: skip
    others, kernel = _electrons(low_loss, zero_loss_intensity, exposure_ratio, axis, dim)
    number = len(symbols)
    *values, exponent, chi, status = map_signal(
        fit.run, data, dim=dim, also=[*others], whole=["kernel"] if kernel is not None else [],
        output_dims=[{"element": number}] * 4 + [{"element": number, "with_element": number}]
        + [{}] * 3,
        dtypes=[np.float64] * 7 + [np.uint8],
        parameters={"kernel": kernel, "ratio": float(exposure_ratio)},
    )  # fmt: skip
    names = {
        each: coordinate(each, list(symbols), quantity="element", kind="parameter")
        for each in ("element", "with_element")
    }
    own = {"element": names["element"]}
    density, density_std, share, share_std = (each.assign_coords(own) for each in values[:4])
    absolute = {}
    if others:
        absolute = {
            "areal_density": (density, "1/nm^2"), "areal_density_std": (density_std, "1/nm^2"),
        }  # fmt: skip
    else:
        message = (
            "neither low_loss= nor zero_loss_intensity= says how many electrons there were: the "
            "composition is relative (atomic_fraction), without areal_density"
        )
        warnings.warn(message, NoElectronsWarning, stacklevel=3)
    return result(
        {}, **absolute,
        atomic_fraction=(share, "1"), atomic_fraction_std=(share_std, "1"),
        correlation=(values[4].assign_coords(names), "1"),
        background_exponent=(exponent, "1"),
        reduced_chi_square=(chi, data.attrs.get("units")), status=(status, "1"),
    )  # fmt: skip


def _electrons(
    low_loss: xr.DataArray | None,
    intensity: float | xr.DataArray | None,
    ratio: float,
    axis: LossAxis,
    dim: str,
) -> tuple[list[xr.DataArray], LossAxis | None]:
    """Return what says how many electrons there are, and the axis of a low loss."""
    if not (np.isfinite(ratio) and ratio > 0):
        message = f"exposure_ratio must be above 0, got {ratio!r}"
        raise DataError(message)
    if low_loss is not None and intensity is not None:
        message = "give low_loss= or zero_loss_intensity=, not both"
        raise DataError(message)
    if low_loss is not None:
        own = loss_axis(low_loss, dim, at_least=8, uniform=True)
        require_zero(own, dim, what="a low loss")
        if abs(own.step / axis.step - 1.0) > 1e-3:
            message = (
                f"the low loss has steps of {own.step:g} eV and the data of {axis.step:g} eV; "
                "bring it to the same with `signal.interpolate`"
            )
            raise DataError(message)
        return [low_loss.rename({dim: "kernel"})], own
    if intensity is None:
        return [], None
    if isinstance(intensity, xr.DataArray):
        require_array(intensity)
        return [intensity], None
    if not (np.isfinite(intensity) and intensity > 0):
        message = f"zero_loss_intensity must be above 0, got {intensity!r}"
        raise DataError(message)
    return [xr.DataArray(float(intensity))], None


def _fit_of(  # noqa: PLR0913, PLR0917
    axis: LossAxis, symbols: tuple[str, ...], shifts: Mapping[str, float],
    window: tuple[float, float] | None, background: Base, fine: FineStructure, width: float,
    beam: Beam, sections: Sections, *, nonnegative: bool, max_steps: int, threads: int | None,
) -> "QuantityFit":  # fmt: skip
    """Return how spectra are fitted; raise where the edges do not lie within."""
    if not symbols or len(set(symbols)) < len(symbols):
        message = f"elements must be one or more symbols, each once, got {list(symbols)}"
        raise DataError(message)
    strange = set(shifts) - set(symbols)
    if strange:
        message = f"shifts has {sorted(strange)}, which are not among elements={list(symbols)}"
        raise DataError(message)
    low, high = (axis.energy[0], axis.energy[-1]) if window is None else window
    known = {each: shells_of(each) for each in symbols}
    moved = {each: float(shifts.get(each, 0.0)) for each in symbols}
    margin = _LEAST * axis.step
    edges: dict[str, tuple[Shell, ...]] = {}
    for each, shells in known.items():
        sections.require_element(each, shells)
        inside = tuple(
            shell for shell in shells
            if max(low, 0.0) + margin < shell.energy + moved[each] < high
            and sections.knows(shell)
        )  # fmt: skip
        if not any(s.is_major and s.energy + moved[each] < high - margin for s in inside):
            names = ", ".join(f"{s.name} {s.energy:g}" for s in shells if s.is_major) or "none"
            message = (
                f"no edge of {each} that stands out lies between {max(low, 0) + margin:g} and "
                f"{high - margin:g} eV (it has {names}); give another window, or leave it out"
            )
            raise DataError(message)
        edges[each] = inside
    first = min(s.energy + moved[each] for each, inside in edges.items() for s in inside)
    if window is None:
        low = max(low, _BEGIN * first)
    part = axis.inside((low, high), at_least=16)
    energy = axis.energy[part]
    before = int(np.searchsorted(energy, first - _EARLY))
    if before < _LEAST or not energy[0] > 0:
        message = (
            f"{before} channels of the fit lie before the first edge at {first:g} eV; at least "
            f"{_LEAST} are needed for a background"
        )
        raise DataError(message)
    if not (np.isfinite(width) and width > 0):
        message = f"fine_structure_width must be above 0 eV, got {width!r}"
        raise DataError(message)
    return QuantityFit(
        energy, axis.step, part.start, before, tuple(edges.items()), moved, background, fine,
        width, beam, sections, nonnegative, max_steps, threads,
    )  # fmt: skip


@dataclass(frozen=True)
class QuantityFit:
    """How blocks of spectra are fitted, in channels from `begin` on."""

    energy: np.ndarray
    step: float
    begin: int
    before: int
    edges: tuple[tuple[str, tuple[Shell, ...]], ...]
    shifts: Mapping[str, float]
    background: Base
    fine: FineStructure
    width: float
    beam: Beam
    sections: Sections
    nonnegative: bool
    max_steps: int
    threads: int | None

    @property
    def onsets(self) -> list[float]:
        """Return where the edges begin that stand out."""
        return [
            shell.energy + self.shifts[each]
            for each, shells in self.edges for shell in shells if shell.is_major
        ]  # fmt: skip

    @property
    def used(self) -> np.ndarray:
        """Return which channels are fitted."""
        made = np.ones(len(self.energy), bool)
        if self.fine == "exclude":
            for onset in self.onsets:
                low, high = onset - _EARLY, onset + self.width
                made &= (self.energy < low) | (self.energy > high)
        return made

    def curves(self, energy: np.ndarray) -> np.ndarray:
        """Return cross-sections by elements, in nm² for each channel, and splines."""
        made = []
        for each, shells in self.edges:
            place = np.maximum(energy - self.shifts[each], 1e-3)
            sigma = self.sections.sum(shells, place, self.beam)
            made.append(PER_BARN * self.step * sigma)
        if self.fine == "spline":
            made += self.splines(energy, float(np.max(made)))
        return np.array(made)

    def splines(self, energy: np.ndarray, height: float) -> list[np.ndarray]:
        """Return cubic splines that are anything in the fine structures, and 0 beyond."""
        knots: list[float] = []
        found = []
        for onset in sorted(self.onsets):
            if knots and onset < knots[-1]:
                continue  # L2 within the fine structure of L3
            spacing = max(_KNOTS, 4.0 * self.step)
            count = max(int(np.ceil(self.width / spacing)), 4)
            knots = [onset + self.width * n / count for n in range(count + 1)]
            for n in range(count - 3):
                spline = BSpline.basis_element(knots[n : n + 5], extrapolate=False)
                found.append(height * np.nan_to_num(spline(energy)))
        return found

    def run(
        self, block: np.ndarray, *others: np.ndarray, kernel: LossAxis | None, ratio: float
    ) -> tuple[np.ndarray, ...]:
        """Return what is found in a block of spectra."""
        outer = block.shape[:-1]
        if others:
            own = others[0].shape if kernel is None else others[0].shape[:-1]
            outer = np.broadcast_shapes(outer, own)
        size, number = block.shape[-1], len(self.edges)
        rows = np.broadcast_to(block, (*outer, size)).reshape(-1, size)
        electrons = None
        if others:
            tail = others[0].shape[len(own) :]
            electrons = np.broadcast_to(others[0], (*outer, *tail)).reshape(len(rows), *tail)
        found = np.full((len(rows), 4 * number + number**2 + 3), np.nan)
        blocks = blocks_of(len(rows), size)
        curves = self.curves(self.energy if kernel is None else self.reached(kernel))

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            given = None if electrons is None else electrons[part].astype(np.float64) * ratio
            if given is not None and kernel is not None:
                given = given[:, : self.kept(kernel)]
            self.fit(rows[part], given, curves, found[part])

        share_work(work, blocks, self.threads)
        ends = np.cumsum([number] * 4 + [number**2])
        parts = np.split(found, ends, axis=1)
        shaped = [each.reshape(*outer, number) for each in parts[:4]]
        exponent, chi, status = parts[5].T
        return (
            *shaped, parts[4].reshape(*outer, number, number), exponent.reshape(outer),
            chi.reshape(outer), status.astype(np.uint8).reshape(outer),
        )  # fmt: skip

    def fit(
        self, rows: np.ndarray, electrons: np.ndarray | None, curves: np.ndarray, found: np.ndarray
    ) -> None:
        """Fill in what is found for some spectra."""
        y = rows[:, self.begin : self.begin + len(self.energy)].astype(np.float64)
        good = np.isfinite(y).sum(axis=1) > len(self.energy) // 2
        good &= np.where(np.isfinite(y), y, 0.0)[:, : self.before].sum(axis=1) > 0
        if electrons is not None:
            flat = electrons.reshape(len(rows), -1)
            good &= np.isfinite(flat).all(axis=1) & (np.nan_to_num(flat).sum(axis=1) > 0)
        found[:, -1] = Status.NO_DATA
        which = np.flatnonzero(good)
        if len(which) == 0:
            return
        y = y[which]
        filled = bridge_gaps(y)
        columns = self.columns(None if electrons is None else electrons[which], curves)
        expected = ndimage.uniform_filter1d(filled, _SMOOTH, axis=1, mode="nearest")
        floor = 1e-3 * expected.max(axis=1, keepdims=True)
        weights = np.where(self.used, 1.0 / np.maximum(expected, floor), 0.0)
        problem, first = self.problem(columns.shape[1])
        solved = least_squares(
            problem, y, self.starts(filled, len(problem.linear)), columns=columns,
            weights=weights, max_steps=self.max_steps, covariance=True, threads=1,
            separable=self.background == "power_law",
        )  # fmt: skip
        number = len(self.edges)
        own = slice(first, first + number)
        density = solved.parameters[:, own]
        covariance = solved.covariance[:, own, own]
        exponent = (
            solved.parameters[:, 1] if self.background == "power_law"
            else np.full(len(which), np.nan)
        )  # fmt: skip
        points = np.maximum(solved.points - len(problem.free), 1)
        with np.errstate(all="ignore"):
            std = np.sqrt(np.einsum("sii->si", covariance))
            correlation = covariance / (std[:, :, None] * std[:, None])
            share, share_std = fractions(density, covariance)
        known = np.ones(len(which)) if electrons is not None else np.full(len(which), np.nan)
        found[which] = np.column_stack([
            known[:, None] * density, known[:, None] * std, share, share_std,
            correlation.reshape(len(which), -1), exponent, solved.chi_square / points,
            solved.status,
        ])  # fmt: skip

    def kept(self, kernel: LossAxis) -> int:
        """Return how many channels of a low loss matter."""
        return int((kernel.energy <= max(FARTHEST, self.energy[-1] - min(self.onsets))).sum())

    def reached(self, kernel: LossAxis) -> np.ndarray:
        """Return the losses that edges are needed at, to be folded with a low loss."""
        return reach(self.energy, self.step, kernel.energy[0], self.kept(kernel))

    def columns(self, electrons: np.ndarray | None, curves: np.ndarray) -> np.ndarray:
        """Return what the terms of the model take: logarithms or powers, then the curves."""
        order = np.log(self.energy / self.energy[0])
        if self.background == "power_law":
            base = order[None]
        else:
            base = np.exp(-np.asarray(_SUM_EXPONENTS)[:, None] * order)
        if electrons is None:
            curves = curves[None]
        elif electrons.ndim == 1:
            curves = curves * electrons[:, None, None]
        else:
            curves = fold(curves, electrons)
        shape = (len(curves), *base.shape)
        return np.concatenate([np.broadcast_to(base, shape), curves], axis=1)

    def problem(self, rows: int) -> tuple[Problem, int]:
        """Return the model, and which of its parameters is the first density."""
        if self.background == "power_law":
            terms = [Term(_POWER, (0,), (0.0,))]
            first, begin = 2, 1
            lower = [0.0, -10.0]
        else:
            begin = first = len(_SUM_EXPONENTS)
            terms = [Term(_LEVEL, (n,)) for n in range(begin)]
            lower = [0.0] * begin
        terms += [Term(_LEVEL, (n,)) for n in range(begin, rows)]
        number = len(self.edges)
        lower += [0.0 if self.nonnegative else -np.inf] * number
        lower += [-np.inf] * (rows - begin - number)
        size = len(lower)
        upper, linear = np.full(size, np.inf), np.ones(size, bool)
        if self.background == "power_law":
            upper[1], linear[1] = 15.0, False
        problem = Problem(
            tuple(terms), np.array(lower), upper, np.zeros(size, bool), linear, np.arange(size),
            np.ones(size), np.zeros(size),
        )  # fmt: skip
        return problem, first

    def starts(self, filled: np.ndarray, size: int) -> np.ndarray:
        """Return the exponent before the first edge; all else is linear."""
        start = np.full((len(filled), size), np.nan)
        if self.background == "power_law":
            rule = PowerLawFit(self.energy[: self.before], 0, "two_area")
            exponent = rule.starts(np.ascontiguousarray(filled))[1]
            start[:, 1] = np.where(np.isfinite(exponent), exponent, 3.0)
        return start


def fractions(density: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of the sum, and their standard deviations."""
    total = density.sum(axis=-1, keepdims=True)
    share = density / total
    slope = (np.eye(density.shape[-1]) - share[:, :, None]) / total[:, :, None]
    variance = np.einsum("sij,sjk,sik->si", slope, covariance, slope)
    return share, np.sqrt(np.maximum(variance, 0.0))
