"""Which of several crystals a pattern is of, and how much of each is in it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.orientation.matching import (
    Grid,
    about_z,
    match_one,
    nearest_of,
    polar_grid,
    require_library,
    templates_of,
)
from omniscopy.diffraction.orientation.matching_kernel import Templates
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_plane,
    require_real,
    require_uniform,
    require_units,
    result,
)

Floats = npt.NDArray[np.float64]
_COLUMNS = ("ky", "kx", "intensity", "matrix")


class Phase(NamedTuple):
    """The spots of a library in units of the patterns, and what they are compared by."""

    ky: Floats
    kx: Floats
    intensity: Floats
    matrix: Floats
    templates: Templates
    nearest: float


@operation(example={"data": "orientation_4d", "libraries": ["pattern_library", "pattern_library"]})
def match_phases(  # noqa: PLR0913 - those of a match, names and the width
    data: xr.DataArray,
    libraries: Sequence[xr.Dataset],
    *,
    names: Sequence[str] | None = None,
    width: float | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
    power: float = 0.3,
    angle_step: float = 1.0,
    inner: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find which crystals every pattern is of, and how much of its spots each makes.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid of reciprocal lengths; ky downwards.
    libraries : sequence of Dataset
        One of each crystal, as of `simulate.pattern_library`.
    names : sequence of str, optional
        Of the crystals; numbers otherwise.
    width : float, units of the coordinates, optional
        Standard deviation of a spot; a pixel otherwise. It need not be exact: it is the same for
        all crystals.
    centre : (ky, kx), units of the coordinates
        Middle of the patterns.
    power : float
        To which intensities are raised on both sides in the match, not in the fit of weights.
    angle_step : float, degrees
        Between the turns about the beam that are tried.
    inner : float, units of the coordinates, optional
        What is nearer to the middle is left out; 0.7 of the shortest vector of each library
        otherwise.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``phase``, the number of the crystal whose spots match best (-1 for none); ``matrix`` of
        it (along `row` and `column`), as of `match_orientation`; ``correlation`` and ``weight``
        along `phase_number`: how well each matches alone, and which part of the intensity in
        spots it makes when all are fitted together, not below 0 and with a sum of 1; ``margin``,
        by which part the best match is ahead of the second; ``status``, 4 (no data) and NaN where
        a pattern has nothing in it or is not finite.

    Raises
    ------
    DataError
        As of `match_orientation`; there are no libraries, or not as many names, or a width is
        not positive.

    Notes
    -----
    Each crystal is matched alone, in its best orientation [1]_. Then patterns of Gaussian spots
    in these orientations, each with a sum of 1, and a level are fitted to the pattern beyond the
    innermost spots by least squares with no part below 0. Intensities of libraries are those of
    single scattering: in thick crystals weights are estimates, and how many spots are shared
    says how good they can be.

    References
    ----------
    .. [1] C. Ophus et al., *Microscopy and Microanalysis* 28, 390 (2022).

    Examples
    --------
    >>> import omniscopy as om
    >>> library = om.samples.pattern_library()
    >>> found = om.diffraction.match_phases(om.samples.orientation_4d(), [library, library])
    >>> found.weight.dims
    ('y', 'x', 'phase_number')
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=4)
    require_real(data)
    if not libraries:
        message = "there is no library; `simulate.pattern_library` makes one of each crystal"
        raise DataError(message)
    called = [str(n) for n in range(len(libraries))] if names is None else [*map(str, names)]
    if len(called) != len(libraries) or len(set(called)) != len(called):
        message = f"{len(libraries)} libraries need as many different names, got {called}"
        raise DataError(message)
    for library in libraries:
        require_library(library)
    for name, value, most in (("power", power, 4.0), ("angle_step", angle_step, 30.0)):
        if not 0.0 < value <= most:
            message = f"{name} must be above 0 and at most {most:g}, got {value!r}"
            raise DataError(message)
    grid = polar_grid(data, plane, centre, angle_step, inner)
    spread = max(abs(require_uniform(data, dim)) for dim in plane) if width is None else width
    if not spread > 0:
        message = f"the width of a spot must be positive, got {width!r}"
        raise DataError(message)
    units = str(data[plane[1]].attrs.get("units"))
    scales = [require_units(library["kx"], units, what="spots") for library in libraries]
    axes = [
        np.asarray(data[dim].values, np.float64) - middle
        for dim, middle in zip(plane, centre, strict=True)
    ]
    number = len(libraries)
    also: list[xr.DataArray] = []
    whole: list[str] = []
    for n, library in enumerate(libraries):
        # Libraries have different sizes.
        own = {"orientation": f"orientation_{n}", "spot": f"spot_{n}"}
        bare = library[[*_COLUMNS]].reset_coords(drop=True).drop_vars([*own], errors="ignore")
        spots = bare.rename_dims(own)
        also += [spots[name].transpose(*own.values(), ...) for name in _COLUMNS[:3]]
        also.append(spots["matrix"].transpose(own["orientation"], "row", "column"))
        whole += own.values()
    best, matrix, correlation, weight, margin = map_signal(
        _match, data, dim=plane, also=also, whole=[*whole, "row", "column"],
        output_dims=({}, {"row": 3, "column": 3}, {"phase_number": number},
                     {"phase_number": number}, {}),
        parameters={"scales": scales, "grid": grid, "power": power, "axes": axes,
                    "width": spread},
    )  # fmt: skip
    named = coordinate("phase_number", np.array(called), kind="parameter", quantity="crystal")
    frame = np.array(["x", "y", "z"])
    status = margin.isnull() & (best < 0)
    return result(
        phase=(best.astype(np.int16), "1"),
        matrix=(matrix, "1"),
        correlation=(correlation, "1"),
        weight=(weight, "1"),
        margin=(margin, "1"),
        status=(status * int(Status.NO_DATA), None),
    ).assign_coords(
        phase_number=named,
        row=coordinate("row", frame, kind="parameter", quantity="axis of the microscope"),
        column=coordinate("column", frame, kind="parameter", quantity="axis of the crystal"),
    )


def _match(
    patterns: np.ndarray, *spots: Floats, scales: list[float], grid: Grid, power: float,
    axes: list[Floats], width: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return the best phase, its matrix, correlations, weights and the margin of patterns."""
    phases = []
    for n, scale in enumerate(scales):
        ky, kx, intensity, turns = spots[4 * n : 4 * n + 4]
        ky, kx = scale * ky, scale * kx
        templates = templates_of(ky, kx, intensity, grid, power)
        nearest = nearest_of(np.hypot(ky, kx), grid)
        phases.append(Phase(ky, kx, intensity, turns, templates, nearest))
    shape, count = patterns.shape[:-2], len(phases)
    flat = patterns.reshape(-1, *patterns.shape[-2:])
    best, margin = np.full(len(flat), -1.0), np.full(len(flat), np.nan)
    matrix = np.full((len(flat), 3, 3), np.nan)
    scores, weights = np.full((2, len(flat), count), np.nan)

    def work(n: int) -> None:
        found = [
            match_one(flat[n], each.templates, each.matrix[:, 2], (grid, power, each.nearest))
            for each in phases
        ]
        if all(each is None for each in found):
            return
        scores[n] = [0.0 if each is None else each[2] for each in found]
        first = int(scores[n].argmax())
        best[n] = first
        rest = np.delete(scores[n], first)
        margin[n] = 1.0 - rest.max() / scores[n, first] if count > 1 else np.nan
        images = []
        for phase, each in zip(phases, found, strict=True):
            entry, turn = (0, 0.0) if each is None else (int(each[0]), each[1])
            if each is not None and phase is phases[first]:
                # As in `match_orientation`: rows are counted downwards and y goes up.
                matrix[n] = about_z(turn) @ phase.matrix[entry]
            images.append(picture_of(phase, entry, turn, axes, width))
        nearest = max(each.nearest for each in phases)
        weights[n] = shares(flat[n], images, np.hypot(axes[0][:, None], axes[1]) >= nearest)

    share_work(work, range(len(flat)))
    return (
        best.reshape(shape), matrix.reshape(*shape, 3, 3), scores.reshape(*shape, count),
        weights.reshape(*shape, count), margin.reshape(shape),
    )  # fmt: skip


def picture_of(
    phase: Phase, entry: int, turn: float, axes: list[Floats], width: float
) -> Floats:  # fmt: skip
    """Return Gaussian spots of an entry turned about the beam, as bright as in the library."""
    there = np.isfinite(phase.intensity[entry])
    ky, kx = phase.ky[entry, there], phase.kx[entry, there]
    bright = phase.intensity[entry, there]
    radius, angle = np.hypot(ky, kx), np.arctan2(ky, kx) - np.deg2rad(turn)
    kept = radius >= phase.nearest
    down, right = (
        np.exp(-0.5 * ((axis[:, None] - place[kept]) / width) ** 2)
        for axis, place in zip(axes, (radius * np.sin(angle), radius * np.cos(angle)), strict=True)
    )
    picture: Floats = (down * bright[kept]) @ right.T
    whole = picture.sum()
    return picture / whole if whole > 0 else picture


def shares(pattern: np.ndarray, pictures: list[Floats], inside: np.ndarray) -> Floats:
    """Return which part of the spots of a pattern each picture makes, NaN where there are none."""
    from scipy.optimize import nnls

    values = np.asarray(pattern, np.float64)[inside]
    columns = np.stack(
        [each[inside] for each in pictures] + [np.full(values.size, 1 / values.size)]
    )
    found = nnls(columns.T, values)[0][:-1]
    whole = found.sum()
    return np.asarray(found / whole if whole > 0 else found * np.nan)
