"""Phases of thin objects, by deconvolution or by iteration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.ptychography.arrays import NUMPY, Arrays
from omniscopy.diffraction.ptychography.engine import Constraints, Plan
from omniscopy.diffraction.ptychography.experiment import (
    Centre,
    Experiment,
    Turn,
    require_experiment,
)
from omniscopy.diffraction.ptychography.geometry import Geometry, geometry_of
from omniscopy.diffraction.ptychography.iterative import Iterations
from omniscopy.diffraction.ptychography.sidebands import mean_of, side_band
from omniscopy.diffraction.ptychography.updates import RULES
from omniscopy.diffraction.ptychography.wigner import deconvolve
from omniscopy.diffraction.reductions.wanted import COUNTS
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    labelled,
    operation,
    require_choice,
    result,
    units_of,
)

Method = Literal["ssb", "matched", "obf", "wdd", "epie", "lsqml", "gradient"]
Precision = Literal["single", "double"]
ObjectType = Literal["complex", "phase"]

# Of the largest value that is divided by, where nobody says how much noise there is.
_REGULARISATION = {"ssb": 1e-3, "matched": 1e-3, "obf": 0.0, "wdd": 1e-3}

_KEPT = ("object", "probe", "position_y", "position_x", "error")


@operation(
    example={"data": "ptychography_4d", "method": "lsqml", "max_steps": 3, "precision": "double"}
)
def reconstruct_ptychography(  # noqa: PLR0913 - each is a physical parameter, or of the iteration
    data: xr.DataArray,
    *,
    method: Method = "ssb",
    voltage: float | None = None,
    convergence_angle: float | None = None,
    aberrations: Mapping[str, float] | None = None,
    rotation: float = 0.0,
    flip: bool = False,
    centre: Centre = "auto",
    dead: xr.DataArray | None = None,
    regularisation: float | None = None,
    max_steps: int = 30,
    start: xr.Dataset | None = None,
    modes: int = 1,
    slices: int = 1,
    thickness: float | None = None,
    refine_probe: bool = True,
    refine_positions: bool = False,
    object_type: ObjectType = "complex",
    positive: bool = False,
    resolution: float | None = None,
    total_variation: float = 0.0,
    tolerance: float = 1e-4,
    precision: Precision = "single",
    dose: float | None = None,
    rng: int = 0,
    watch: Any = None,
    arrays: Arrays | None = None,
) -> xr.Dataset:
    r"""Reconstruct what an object does to the beam, from patterns that overlap.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory; a scan in lengths, patterns in reciprocal lengths or angles, all of
        their dark level taken off.
    method : {"ssb", "matched", "obf", "wdd", "epie", "lsqml", "gradient"}
        Closed forms, on the grid of the scan, which has to be as fine as the probe: single side
        bands for weak objects; the same with pixels where two side bands overlap, for a probe with
        aberrations ("matched"); these with the same noise in all frequencies, which is optimum
        bright field ("obf"); deconvolution of Wigner distributions. Iterations, on a grid as
        fine as the detector reaches, which also find the probe: position by position ("epie"),
        or groups of positions, with the best length of each step ("lsqml") or a fixed one
        ("gradient").
    voltage : float, V
        Accelerating voltage; that of the metadata otherwise.
    convergence_angle : float, mrad
        Radius of the aperture; that of the metadata otherwise.
    aberrations : mapping, Å and degrees
        Of the probe, as `physics.aberrations.terms_of` has them, such as ``{"defocus": 150.0}``;
        azimuths are from +kx to +ky of the patterns. Closed forms correct them, iterations start
        from them. `reconstruct_parallax` measures them.
    rotation, flip : float, degrees, and bool
        How deflections on the detector are turned to be those in the scan, from +x to +y and
        after ky is negated, as `fit_dpc` finds it.
    centre : (ky, kx) or "auto", units of the coordinates
        The middle of the patterns; that of the disc in the mean pattern otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    regularisation : float
        Of closed forms: what is added to what is divided by, as a part of its largest value;
        0.001 otherwise. More for fewer electrons; none of "obf".
    max_steps : int
        Iterations over all positions.
    start : Dataset
        An earlier result to go on from.
    modes : int
        Waves that make up the probe incoherently, for a source or a detector that blurs.
    slices : int
        Into how many slices a thick object is cut, the first of them where the beam enters. Beams
        resolve depths of about a wavelength over the square of the angle that they reach to.
    thickness : float, nm
        Of the object; a slice stands in the middle of each of its parts.
    refine_probe, refine_positions : bool
        Whether the probe changes, from the second step on, and the positions, from the fifth on.
        Their common shift is held.
    object_type : {"complex", "phase"}
        Whether an object may absorb, or has the amplitude 1.
    positive : bool
        Whether phases may not be negative.
    resolution : float, nm
        Finest period of the object that is kept; all that the grid holds otherwise.
    total_variation : float, rad
        By how much each step draws pixels to those around them while it keeps edges, such as
        0.003; 0 for not at all. For objects that are even but for edges: their noise is lower
        then, and so are, a little, steps at edges and the peaks of atoms.
    tolerance : float
        Relative change of the error at which iterations end.
    precision : {"single", "double"}
        Of the numbers that iterations calculate with.
    dose : float, electrons
        In a pattern, in the mean: how much noise there is. That of patterns of whole counts or
        electrons is their own otherwise, and other data count as without noise, as all do with
        ``dose=numpy.inf``.
    rng : int
        Seed of the order of positions.
    watch : callable
        Is told each step of an iteration and its error; iterations end where it returns true.
    arrays : Arrays
        The library that iterations calculate with; NumPy and SciPy otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``phase`` in rad; of "obf" its frequencies are multiplied by how well each is transferred,
        so that the noise is the same in all of them. ``amplitude`` but for side bands.
        ``status``: 4 (no data) where nothing is known or all is dark, 5 (invalid) where the disc
        was not found or leaves the detector, both with NaN; 1 (max steps) where iterations did
        not come to rest.
        From iterations also ``object`` (detector_y, detector_x), what waves are multiplied by, on
        its whole grid along the axes of the detector, with a dimension "slice" where there are
        several, of which ``slice_phase`` (slice, y, x) has the phases along the scan;
        ``probe`` (component, probe_y, probe_x), whose intensities sum to 1; ``position_y`` and
        ``position_x`` (scan_y, scan_x) in units of the scan; and ``error`` (step), the sum of
        squares that amplitudes lack, as a part of that of the measured ones; ``expected_error`` is
        what noise alone makes of it, NaN where that is not known. ``y`` and ``x`` are
        positions of the scan.

    Raises
    ------
    DataError
        There is no scan of at least 2 by 2 positions (3 by 3 for closed forms), an axis is not
        calibrated, the voltage or the angle is not known, the disc is larger than the detector or
        leaves it, the probe is larger than its window, positions do not overlap, or `start` is
        not of the same scan.

    Notes
    -----
    Patterns are :math:`|F[P(r - r_j) O(r)]|^2`, with the probe :math:`P = F^{-1}[A e^{-i\chi}]`.
    Once amplitudes lack no more than counting makes them lack (by a tenth of it more), "lsqml" and
    "gradient" go on with all positions together: groups of them would fit the noise of each. Steps
    are those of the likelihood of counts then, which roots of a few of them would draw aside, and
    frequencies of the object are held to the power that the object has there, over that of its
    errors [7]_, or, where there is a `total_variation`, by that alone [9]_. What amplitudes lack
    goes below what is expected by the share of what is fitted.

    Of "obf" a frequency Q of the phase is multiplied by :math:`(\sum_k |\Gamma(k, Q)|^2 / n)^{1/2}`
    of the n pixels in the disc, with :math:`\Gamma = A^*(k) A(k - Q) - A(k) A^*(k + Q)` [8]_. Its
    noise is white up to twice the aperture, :math:`1/\sqrt N` at most at a position for N electrons
    in a pattern.

    A constant phase cannot be told and is taken off: the mean of the phase, or the phase of the
    mean, is 0. Iterations also take off a ramp that object and probe share. NaN in patterns are
    left out by iterations; for closed forms they count as the mean of their pixel, and pixels that
    are never known are left out by side bands and are as those around them for "wdd".

    References
    ----------
    .. [1] T. J. Pennycook et al., *Ultramicroscopy* 151, 160 (2015).
    .. [2] J. M. Rodenburg and R. H. T. Bates, *Philosophical Transactions A* 339, 521 (1992).
    .. [3] A. M. Maiden and J. M. Rodenburg, *Ultramicroscopy* 109, 1256 (2009).
    .. [4] P. Thibault and A. Menzel, *Nature* 494, 68 (2013).
    .. [5] M. Odstrčil, A. Menzel, M. Guizar-Sicairos, *Optics Express* 26, 3108 (2018).
    .. [6] A. M. Maiden, M. J. Humphry, J. M. Rodenburg, *Journal of the Optical Society of America
       A* 29, 1606 (2012).
    .. [7] P. Thibault and M. Guizar-Sicairos, *New Journal of Physics* 14, 063004 (2012).
    .. [8] K. Ooe, T. Seki, Y. Ikuhara, N. Shibata, *Ultramicroscopy* 220, 113133 (2021).
    .. [9] A. Chambolle, *Journal of Mathematical Imaging and Vision* 20, 89 (2004).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.reconstruct_ptychography(om.samples.phase_grating_4d())
    >>> found["phase"].dims, found["phase"].attrs["units"]
    (('y', 'x'), 'rad')
    """
    require_choice("method", method, get_args(Method))
    require_choice("object_type", object_type, get_args(ObjectType))
    require_choice("precision", precision, get_args(Precision))
    closed = method not in RULES
    found = require_experiment(
        data, voltage=voltage, convergence_angle=convergence_angle, aberration=aberrations,
        centre=centre, at_least=3 if closed else 2,
    )  # fmt: skip
    data = without_dead(data, dead, found.plane)
    turn = Turn(rotation, flip)
    if closed:
        if start is not None or slices != 1:
            message = f"method={method!r} is a closed form, which takes no start= and no slices="
            raise DataError(message)
        return _closed(data, found, _Closed(found, turn, method, regularisation))
    if dose is not None and not dose > 0:
        message = f"dose must be a positive number of electrons in a pattern, got {dose!r}"
        raise DataError(message)
    geometry = geometry_of(found, turn)
    _require_overlap(found)
    _require_counts(max_steps=max_steps, modes=modes, slices=slices)
    earlier = _earlier(start, geometry, found, modes, slices)
    rule = RULES[method]
    plan = Plan(
        rule,
        Constraints(
            object_type == "phase",
            positive,
            _low_pass(geometry, resolution),
            variation=_flattening(total_variation),
        ),
        probe_from=1 if refine_probe else None,
        positions_from=4 if refine_positions else None,
        between=_between(geometry, found, slices, thickness),
    )
    done = earlier[-1].sizes["step"] if earlier else 0
    iterations = Iterations(
        found, geometry, plan, modes, slices, max_steps, done, tolerance, rng,
        precision == "single", arrays or NUMPY, watch, dose,
        data.attrs.get("units") in COUNTS,
    )  # fmt: skip
    return _iterated(data, iterations, earlier)


@dataclass(frozen=True)
class _Closed:
    """A closed form for one block of patterns."""

    found: Experiment
    turn: Turn
    method: str
    regularisation: float | None

    def __post_init__(self) -> None:
        if self.regularisation is not None and not self.regularisation > 0:
            message = f"regularisation must be positive, got {self.regularisation!r}"
            raise DataError(message)
        if self.regularisation is not None and self.method == "obf":
            message = 'method="obf" divides by nothing that is small, and takes no regularisation='
            raise DataError(message)

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return phase, amplitude and status for blocks of shape (..., y, x, ky, kx)."""
        outer, shape = block.shape[:-4], block.shape[-4:-2]
        phase, amplitude = np.full((2, *outer, *shape), np.nan)
        status = np.zeros(outer, dtype=np.uint8)
        for at in np.ndindex(*outer):
            status[at] = Status.NO_DATA
            each = np.asarray(block[at])
            mean = mean_of(each)
            if np.nansum(mean) > 0:
                status[at] = self.one(each, mean, phase[at], amplitude[at])
        return phase, amplitude, status

    def one(
        self, block: np.ndarray, mean: np.ndarray, phase: np.ndarray, amplitude: np.ndarray
    ) -> Status:
        """Fill in one scan."""
        middle = self.found.middle_of(mean)
        if middle is None:
            return Status.INVALID
        damping = self.regularisation or _REGULARISATION[self.method]
        if self.method == "wdd":
            wave = deconvolve(block, self.found, self.turn, middle, damping, mean=mean)
            phase[:], amplitude[:] = np.angle(wave), np.abs(wave)
        else:
            phase[:] = side_band(
                block, self.found, self.turn, middle, damping, mean=mean,
                both=self.method != "ssb", white=self.method == "obf",
            )  # fmt: skip
        return Status.CONVERGED if np.isfinite(phase).all() else Status.NO_DATA


def _closed(data: xr.DataArray, found: Experiment, solver: _Closed) -> xr.Dataset:
    _require_side_bands(found)
    image = {dim: data.sizes[dim] for dim in found.scan}
    phase, amplitude, status = map_signal(
        solver.run, data, dim=(*found.scan, *found.plane), output_dims=[image, image, {}],
        dtypes=[np.float64, np.float64, np.uint8],
    )  # fmt: skip
    coords = {dim: data.coords[dim] for dim in found.scan}
    variables: dict[str, tuple[xr.DataArray, str | None]] = {
        "phase": (phase.assign_coords(coords), "rad")
    }
    if solver.method == "wdd":
        variables["amplitude"] = (amplitude.assign_coords(coords), "1")
    return result(None, **variables, status=(status, "1"))


def _iterated(
    data: xr.DataArray, iterations: Iterations, earlier: list[xr.DataArray]
) -> xr.Dataset:
    found, geometry = iterations.found, iterations.geometry
    complex_ = np.complex64 if iterations.single else np.complex128
    scan = dict(zip(("scan_y", "scan_x"), (data.sizes[d] for d in found.scan), strict=True))
    image = dict(zip(found.scan, (len(geometry.image_y), len(geometry.image_x)), strict=True))
    several = {"slice": iterations.slices} if iterations.slices > 1 else {}
    grids = {**several, **dict(zip(("detector_y", "detector_x"), geometry.shape, strict=True))}
    probe = {
        "component": iterations.modes,
        **dict(zip(("probe_y", "probe_x"), geometry.window, strict=True)),
    }
    made = map_signal(
        iterations.run, data, dim=(*found.scan, *found.plane), also=earlier,
        whole=[*grids, *probe, *scan, "step"],
        output_dims=[
            grids, probe, image, scan, scan, {"step": iterations.earlier + iterations.max_steps},
            {}, {}, *([{**several, **image}] if several else []),
        ],
        dtypes=[
            complex_, complex_, complex_, *[np.float64] * 4, np.uint8, *[complex_] * len(several)
        ],
    )  # fmt: skip
    obj, waves, picture, y, x, error, expected, status, *seen = made
    units = units_of(data, found.scan[0])
    places = _coordinates(data, iterations)
    obj, waves, picture, y, x, error, *seen = (
        each.assign_coords({dim: places[dim] for dim in each.dims if dim in places})
        for each in (obj, waves, picture, y, x, error, *seen)
    )
    return result(
        None,
        phase=(_angles(picture), "rad"),
        **({"slice_phase": (_angles(seen[0]), "rad")} if seen else {}),
        amplitude=(abs(picture).astype(np.float64), "1"),
        object=(obj, "1"),
        probe=(waves, "1"),
        position_y=(y / found.per_scan, units),
        position_x=(x / found.per_scan, units),
        error=(error, "1"),
        expected_error=(expected, "1"),
        status=(status, "1"),
    )


def _angles(waves: xr.DataArray) -> xr.DataArray:
    found: xr.DataArray = xr.apply_ufunc(np.angle, waves, dask="allowed").astype(np.float64)
    return found


def _between(
    geometry: Geometry, found: Experiment, slices: int, thickness: float | None
) -> np.ndarray | None:
    r"""Return what is between slices, :math:`e^{-i\pi\lambda k^2 t}`; None for one slice."""
    if slices == 1:
        return None
    if thickness is None or not 0 < thickness < np.inf:
        message = f"{slices} slices need the thickness= of the object in nm, got {thickness!r}"
        raise DataError(message)
    k = [np.fft.fftfreq(n, step) for n, step in zip(geometry.window, geometry.pixel, strict=True)]
    square = k[0][:, None] ** 2 + k[1] ** 2
    return np.asarray(np.exp(-1j * np.pi * found.beam.wavelength * thickness / slices * square))


def _coordinates(data: xr.DataArray, iterations: Iterations) -> dict[str, xr.Variable]:
    """Return the coordinates of what iterations give, in units of the scan."""
    found, geometry = iterations.found, iterations.geometry
    units = units_of(data, found.scan[0])
    places: dict[str, xr.Variable] = {}

    def length(dim: str, values: np.ndarray) -> None:
        places[dim] = coordinate(
            dim, values / found.per_scan, units, kind="spatial", quantity="length"
        )

    for dim, values in zip(found.scan, (geometry.image_y, geometry.image_x), strict=True):
        length(dim, values)
    for dim, values in zip(("scan_y", "scan_x"), (found.y, found.x), strict=True):
        length(dim, values)
    for axis, dim in enumerate(("y", "x")):
        size, pixel = geometry.window[axis], geometry.pixel[axis]
        length(f"probe_{dim}", pixel * (np.arange(size) - size // 2))
        number = np.arange(geometry.shape[axis]) - geometry.first(axis)
        length(f"detector_{dim}", pixel * number + geometry.corner[axis])
    if iterations.slices > 1:
        middle = np.arange(iterations.slices) + 0.5
        places["slice"] = coordinate(
            "slice", middle / iterations.slices, "1", kind="parameter",
            quantity="depth over thickness",
        )  # fmt: skip
    places["component"] = coordinate("component", np.arange(iterations.modes), "1")
    places["step"] = coordinate(
        "step", 1 + np.arange(iterations.earlier + iterations.max_steps), "1",
        kind="parameter", quantity="step",
    )  # fmt: skip
    return places


def _require_side_bands(found: Experiment) -> None:
    """Raise where no frequency of the scan makes discs overlap."""
    lowest = min(1.0 / (len(axis) * abs(axis[1] - axis[0])) for axis in (found.y, found.x))
    if lowest >= 2 * found.beam.radius:
        message = (
            f"the scan is {1 / lowest:.3g} nm long, less than the {0.5 / found.beam.radius:.3g} nm "
            "that the aperture resolves: shifted discs do not overlap"
        )
        raise DataError(message)


def _require_overlap(found: Experiment) -> None:
    """Raise unless neighbouring positions share a part of the object, and the probe its window."""
    reach = found.beam.reach
    step = max(abs(each) for each in found.steps)
    if step >= 2 * reach:
        message = (
            f"positions are {step:.3g} nm apart and the probe is {2 * reach:.3g} nm across: they "
            "do not overlap. Scan in smaller steps, or state the aberrations= of a wider probe"
        )
        raise DataError(message)
    window = min(1.0 / abs(pixel) for pixel in found.pixels)
    if 2 * reach > window:
        message = (
            f"the probe is {2 * reach:.3g} nm across, more than the {window:.3g} nm that pixels of "
            "the patterns resolve. Bin patterns less, or focus"
        )
        raise DataError(message)


def _require_counts(**values: int) -> None:
    for name, value in values.items():
        if not (isinstance(value, int | np.integer) and value >= 1):
            message = f"{name} must be a whole number of at least 1, got {value!r}"
            raise DataError(message)


def _low_pass(geometry: Geometry, resolution: float | None) -> np.ndarray | None:
    """Return what transforms of the object are multiplied by: 0.5 at the finest period."""
    if resolution is None:
        return None
    if not resolution > 0:
        message = f"resolution must be a positive length in nm, got {resolution!r}"
        raise DataError(message)
    k = [np.fft.fftfreq(n, step) for n, step in zip(geometry.shape, geometry.pixel, strict=True)]
    square = (k[0][:, None] ** 2 + k[1] ** 2) * resolution**2
    return np.asarray(1.0 / (1.0 + square**8), dtype=np.float32)


def _flattening(total_variation: float) -> float:
    if not 0.0 <= total_variation < np.inf:
        message = f"total_variation must be an angle in rad, not negative, got {total_variation!r}"
        raise DataError(message)
    return float(total_variation)


def _earlier(
    start: xr.Dataset | None, geometry: Geometry, found: Experiment, modes: int, slices: int
) -> list[xr.DataArray]:
    """Return what an earlier result holds, positions in nm."""
    if start is None:
        return []
    if not isinstance(start, xr.Dataset) or not all(name in start for name in _KEPT):
        message = (
            "start must be the Dataset of an iterative `reconstruct_ptychography`, with "
            f"{', '.join(_KEPT)}"
        )
        raise DataError(message)
    sizes = {
        "detector_y": geometry.shape[0], "detector_x": geometry.shape[1], "component": modes,
        "probe_y": geometry.window[0], "probe_x": geometry.window[1],
        "scan_y": len(found.y), "scan_x": len(found.x), "slice": slices if slices > 1 else None,
    }  # fmt: skip
    wrong = {dim: start.sizes.get(dim) for dim in sizes if start.sizes.get(dim) != sizes[dim]}
    if wrong:
        wanted = {dim: sizes[dim] for dim in wrong}
        message = f"start is of another scan or detector: its sizes are {wrong}, not {wanted}"
        raise DataError(message)
    kept = [start[name].drop_vars(list(start[name].coords)) for name in _KEPT]
    return [
        labelled(each * found.per_scan if name.startswith("position") else each, units=None)
        for name, each in zip(_KEPT, kept, strict=True)
    ]
