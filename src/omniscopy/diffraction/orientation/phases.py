"""Which of several crystals a pattern is of, and how much of each is in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.orientation.matching import (
    Grid,
    about_z,
    best_entries,
    match_one,
    nearest_of,
    polar_grid,
    require_library,
    templates_of,
)
from omniscopy.diffraction.orientation.matching_kernel import Templates
from omniscopy.diffraction.orientation.pictures import (
    Found,
    Frame,
    changes,
    likeness,
    picture_of,
    seen,
    settled,
)
from omniscopy.diffraction.orientation.refining import NEEDED, Crystal, refine
from omniscopy.diffraction.orientation.rivals import (
    SURE,
    Symmetry,
    lead_of,
    symmetry_of,
    told_apart,
    weights_of,
)
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
_REFLECTIONS = ("g", "extinction_distance")
# Entries of a library that an orientation is looked for around, and how often all are gone over.
_STARTS, _ROUNDS = 5, 2
# Crystals so well matched alone, over the best one, may be the strongest of a mixture.
_LIKELY = 0.6
# Orientations whose likeness is behind the best one by less than this.
_NEARLY = 0.05


class Phase(NamedTuple):
    """The spots of a library in units of the patterns, and what they are compared by."""

    ky: Floats
    kx: Floats
    intensity: Floats
    matrix: Floats
    templates: Templates
    nearest: float
    crystal: Crystal | None
    symmetry: Symmetry | None


@operation(example={"data": "orientation_4d", "libraries": ["pattern_library", "pattern_library"]})
def match_phases(  # noqa: PLR0913, PLR0915 - those of a match, names and the width
    data: xr.DataArray,
    libraries: Sequence[xr.Dataset],
    *,
    names: Sequence[str] | None = None,
    width: float | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
    power: float = 0.3,
    angle_step: float = 1.0,
    inner: float | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find which crystals every pattern is of, and how much of its spots each makes.

    Libraries that hold their reflections, as those of `simulate.pattern_library` do, are looked
    up between their entries too: without that, weights are worth little in general orientations.

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
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``phase``, the number of the crystal with the largest weight (-1 for none); ``matrix`` of
        it (along `row` and `column`), as of `match_orientation`, but between entries;
        ``correlation`` along `phase_number`, how well each matches alone (1 for all of a pattern);
        ``weight`` and ``weight_std`` along it, which part of the intensity in spots it makes when
        all are fitted together, not below 0 and with a sum of 1; ``margin``, by which part the
        largest weight is ahead of the second; ``unexplained``, which part of the variance beyond
        the innermost spots no crystal explains; ``second_matrix``, the orientation of the same
        crystal that is next best and more than 2 degrees away (NaN without any that is nearly as
        alike), ``lead``, by how many standard deviations the best one is ahead of it, and
        ``ambiguous``, whether these are fewer than 3: then either may be right. ``status``, 4 (no
        data) and NaN where a pattern has nothing in it; pixels that are NaN are left out. Of
        libraries without reflections orientations are those of
        entries, ``correlation`` is as of `match_orientation`, and tells ``phase`` and ``margin``;
        there is no second one.

    Raises
    ------
    DataError
        As of `match_orientation`; there are no libraries, or not as many names, or a width is
        not positive.

    Notes
    -----
    Each crystal is matched alone [1]_, and then at tilts between the entries of its library
    around the best five: intensities change within a fraction of a degree, while entries are
    degrees apart. From the best crystal on, each is looked for in what the others leave of the
    pattern, twice; so it is from others that match nearly as well, and what leaves least counts,
    squares being weighted as of counts. Where they do not tell, that is taken whose strongest
    crystal leaves least alone.
    Patterns of Gaussian spots in these orientations, each with a sum of 1, are
    fitted to the pattern beyond the innermost spots, less the median of each ring, by least
    squares with no part below 0.

    ``weight_std`` is that of the fit with the residuals that there are, and with these correlated
    over the width of a spot, so that spots which are brighter or fainter than expected count. An
    orientation that is wrong altogether is not in it: mind ``unexplained``. Where all spots are of
    one zone, a crystal turned by half about the axis of the zone has the same ones: of cubic
    crystals orientations that are 60 (about 111), 36.9 (210) or 50.5 degrees (311) apart can only
    be told by weak spots of other zones. Such orientations are tried for each crystal. That which
    leaves least is taken, squares being weighted as of counts, so that weak spots count as much as
    strong ones; ``lead`` is the difference of these sums over its standard deviation, from the
    residuals that there are, correlated as above.
    Intensities are those of single scattering: in thick crystals weights are estimates.

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
    data = without_dead(data, dead, plane)
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
    known = []
    for n, library in enumerate(libraries):
        # Libraries have different sizes.
        own = {"orientation": f"orientation_{n}", "spot": f"spot_{n}"}
        known.append(_settings_of(library, units))
        if known[-1] is not None:
            also += _reflections_of(library, f"reflection_{n}")
            whole.append(f"reflection_{n}")
        bare = library[[*_COLUMNS]].reset_coords(drop=True).drop_vars([*own], errors="ignore")
        spots = bare.rename_dims(own)
        also += [spots[name].transpose(*own.values(), ...) for name in _COLUMNS[:3]]
        also.append(spots["matrix"].transpose(own["orientation"], "row", "column"))
        whole += own.values()
    best, matrix, correlation, weight, std, margin, left, second, lead, other = map_signal(
        _match, data, dim=plane, also=also, whole=[*whole, "row", "column"],
        output_dims=({}, {"row": 3, "column": 3}, *(3 * [{"phase_number": number}]), {}, {},
                     {"row": 3, "column": 3}, {}, {}),
        parameters={"scales": scales, "grid": grid, "power": power, "axes": axes,
                    "width": spread, "settings": known},
    )  # fmt: skip
    named = coordinate("phase_number", np.array(called), kind="parameter", quantity="crystal")
    frame = np.array(["x", "y", "z"])
    status = margin.isnull() & (best < 0)
    return result(
        phase=(best.astype(np.int16), "1"),
        matrix=(matrix, "1"),
        correlation=(correlation, "1"),
        weight=(weight, "1"),
        weight_std=(std, "1"),
        margin=(margin, "1"),
        unexplained=(left, "1"),
        second_matrix=(second, "1"),
        lead=(lead, "1"),
        phase_lead=(other, "1"),
        ambiguous=((lead < SURE) | (other < SURE), "1"),
        status=(status * int(Status.NO_DATA), None),
    ).assign_coords(
        phase_number=named,
        row=coordinate("row", frame, kind="parameter", quantity="axis of the microscope"),
        column=coordinate("column", frame, kind="parameter", quantity="axis of the crystal"),
    )


def _settings_of(library: xr.Dataset, units: str) -> dict[str, Any] | None:
    """Return what intensities of a library follow from, beside its reflections, if it is there."""
    if not all(name in library for name in _REFLECTIONS) or "reflection" not in library["g"].dims:
        return None
    if not all(name in library.attrs for name in NEEDED):
        return None
    if not library.sizes["reflection"]:
        message = "a library has 0 reflections; `simulate.pattern_library` makes one with some"
        raise DataError(message)
    scale = require_units(library["g"], units, what="reflections")
    return {"scale": scale, **{name: library.attrs[name] for name in NEEDED}}


def _reflections_of(library: xr.Dataset, name: str) -> list[xr.DataArray]:
    """Return reciprocal lattice vectors and extinction distances along a dimension of this name."""
    there = library[[*_REFLECTIONS]].reset_coords(drop=True)
    there = there.drop_vars(["reflection", "column"], errors="ignore").rename_dims(reflection=name)
    return [there["g"].transpose(..., "column"), there["extinction_distance"]]


def _match(  # noqa: PLR0915 - patterns one by one
    patterns: np.ndarray, *arrays: Floats, scales: list[float], grid: Grid, power: float,
    axes: list[Floats], width: float, settings: list[dict[str, Any] | None],
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return the best phase, its matrix, correlations, weights, their errors and the margin."""
    phases, left = [], iter(arrays)
    for scale, own in zip(scales, settings, strict=True):
        crystal = None if own is None else Crystal(next(left), next(left), **own)
        ky, kx, intensity, turns = scale * next(left), scale * next(left), next(left), next(left)
        templates = templates_of(ky, kx, intensity, grid, power)
        nearest = nearest_of(np.hypot(ky, kx), grid)
        symmetry = None if crystal is None else symmetry_of(crystal)
        phases.append(Phase(ky, kx, intensity, turns, templates, nearest, crystal, symmetry))
    away = np.hypot(axes[0][:, None], axes[1])
    nearest = max(each.nearest for each in phases)
    whole = Frame(
        grid, power, axes, width, nearest, away >= nearest,
        np.round(away / grid.step).astype(np.int64),
    )  # fmt: skip
    shape, count = patterns.shape[:-2], len(phases)
    refined = all(phase.crystal is not None for phase in phases)
    flat = patterns.reshape(-1, *patterns.shape[-2:])
    best = np.full(len(flat), -1.0)
    margin, unexplained, lead, other = np.full((4, len(flat)), np.nan)
    matrix, second = np.full((2, len(flat), 3, 3), np.nan)
    scores, weights, errors = np.full((3, len(flat), count), np.nan)

    def work(n: int) -> None:
        raw = np.asarray(flat[n], np.float64)
        alone = [match_one(raw, each.templates, each.matrix[:, 2], (grid, power, each.nearest))
                 for each in phases]  # fmt: skip
        if all(each is None for each in alone):
            return
        known = np.isfinite(raw)
        frame = whole if known.all() else whole._replace(inside=whole.inside & known)
        image = without_rings(raw, frame)
        score, found, other[n] = _mixture(image, raw, phases, alone, frame)
        if not any(found):
            return
        found, rivals = _sorted_out(image, raw, phases, found, frame)
        pictures = [np.zeros_like(image) if each is None else each.picture for each in found]
        slopes = [
            change
            for phase, each in zip(phases, found, strict=True)
            if phase.crystal is not None and each is not None
            for change in changes(phase.crystal, each, frame)
        ]
        weights[n], errors[n] = shares(image, pictures, slopes, frame)
        # Alone, a wrong crystal may be more alike than the right one; beside it, it is not.
        told = weights[n] if refined and np.isfinite(weights[n]).all() else score
        first = int(told.argmax())
        kept = found[first]
        if kept is None:
            return
        best[n], scores[n], matrix[n] = first, score, kept.matrix
        rival, lead[n] = rivals[first]
        if rival is not None:
            second[n] = rival.matrix
        if count > 1 and told[first] > 0:
            margin[n] = 1.0 - np.delete(told, first).max() / told[first]
        unexplained[n] = _left(image, found, frame) / np.square(image[frame.inside]).sum()

    with native_threads_held():
        share_work(work, range(len(flat)), title="Phases of patterns")
    return (
        best.reshape(shape), matrix.reshape(*shape, 3, 3), scores.reshape(*shape, count),
        weights.reshape(*shape, count), errors.reshape(*shape, count), margin.reshape(shape),
        unexplained.reshape(shape), second.reshape(*shape, 3, 3), lead.reshape(shape),
        other.reshape(shape),
    )  # fmt: skip


def _mixture(
    image: Floats, raw: Floats, phases: list[Phase], alone: list[Any], frame: Frame
) -> tuple[Floats, list[Found | None], float]:
    """Return how well each phase matches alone, all of them together, and how sure the first is."""
    if any(phase.crystal is None for phase in phases):
        entries = [
            None if each is None else _entry(image, phase, int(each[0]), each[1], frame)
            for phase, each in zip(phases, alone, strict=True)
        ]
        return np.array([0.0 if each is None else each[2] for each in alone]), entries, np.nan
    found = [_alone(image, phase, frame) for phase in phases]
    score = np.array([0.0 if each is None else each.alike for each in found])
    if len(phases) == 1 or not score.max() > 0.0:
        return score, found, np.nan
    likely = np.flatnonzero(score >= _LIKELY * score.max())
    # Phases are compared in the orientations that are right for each: a half turn about a zone
    # leaves its strong spots, not the weak ones which tell one crystal from another.
    for n in likely:
        found[n] = _turned_right(image, raw, phases[n], found[n], frame)
    tries = [_together(image, phases, found, int(m), frame) for m in likely]
    return score, *_likeliest(image, weights_of(raw, frame), found, tries, frame)


def _turned_right(
    image: Floats, raw: Floats, phase: Phase, own: Found | None, frame: Frame
) -> Found | None:
    """Return the best of an orientation and those that share most of its spots."""
    if own is None or phase.symmetry is None:
        return own
    best, _, _ = told_apart(image, raw, phase.crystal, [own, *own.others], phase.symmetry, frame)
    left = tuple(each for each in (own, *own.others) if each is not best)
    return best._replace(others=tuple(each._replace(others=()) for each in left))


def _likeliest(
    image: Floats, weights: Floats, alone: list[Found | None], tries: list[list[Found | None]],
    frame: Frame,
) -> tuple[list[Found | None], float]:  # fmt: skip
    """Return the mixture that a pattern is of, and by how much one of another crystal is behind.

    Squares are weighted as of counts. Where they do not tell, that is taken whose strongest crystal
    leaves least alone: with a second one, a wrong crystal is mended.
    """
    made = [_weighted(image, weights, each, frame) for each in tries]
    squares = [float((weights * (image - model) ** 2).sum()) for model, _ in made]
    order = np.argsort(squares, kind="stable")
    first = int(order[0])
    strongest = [int(parts.argmax()) for _, parts in made]
    others = [int(n) for n in order if strongest[n] != strongest[first]]
    if not others:
        return tries[first], np.nan
    other = others[0]
    lead = lead_of(image, made[first][0], made[other][0], weights, frame)
    if lead < SURE:
        lone = []
        for n in (first, other):
            model, _ = _weighted(image, weights, [alone[strongest[n]]], frame)
            lone.append(float((weights * (image - model) ** 2).sum()))
        if lone[1] < lone[0]:
            return tries[other], lead
    return tries[first], lead


def _weighted(
    image: Floats, weights: Floats, found: list[Found | None], frame: Frame
) -> tuple[Floats, Floats]:
    """Return what pictures are of an image by weighted least squares, and how much of each."""
    from scipy.optimize import nnls

    root = np.sqrt(weights[frame.inside])
    blank = np.zeros_like(image)
    pictures = [blank if each is None else each.picture for each in found]
    columns = np.stack([root * each[frame.inside] for each in pictures], axis=1)
    parts = np.asarray(nnls(columns, root * image[frame.inside])[0], np.float64)
    model = sum((a * each for a, each in zip(parts, pictures, strict=True)), blank)
    return model, parts


def without_rings(image: Floats, frame: Frame) -> Floats:
    """Return a pattern less the median of each ring: what is scattered diffusely."""
    made, rings = image.copy(), frame.rings
    order = np.argsort(rings, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(rings.ravel()))
    flat = made.reshape(-1)
    known = np.isfinite(flat)
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        where = order[begin:end]
        where = where[known[where]]
        if where.size:
            flat[where] -= np.median(flat[where])
    # What is not known is in no spot, and outside of the frame.
    flat[~known] = 0.0
    return made


def _sorted_out(
    image: Floats, raw: Floats, phases: list[Phase], found: list[Found | None], frame: Frame
) -> tuple[list[Found | None], list[tuple[Found | None, float]]]:
    """Return which of its orientations each phase has, the next best and how far it is behind."""
    chosen = [*found]
    made: list[tuple[Found | None, float]] = [(None, np.nan)] * len(found)
    for n, (phase, own) in enumerate(zip(phases, found, strict=True)):
        if own is None or phase.crystal is None or phase.symmetry is None:
            continue
        others = [each for m, each in enumerate(chosen) if m != n and each is not None]
        rest = image
        if others:
            sums = _fit(image, [each.picture for each in (own, *others)], frame)[1:]
            rest = image - sum(a * each.picture for a, each in zip(sums, others, strict=True))
        chosen[n], second, lead = told_apart(
            rest, raw, phase.crystal, [own, *own.others], phase.symmetry, frame
        )
        made[n] = (second, lead)
    return chosen, made


def _alone(image: Floats, phase: Phase, frame: Frame, before: Found | None = None) -> Found | None:
    """Return the orientation in which a phase is most like an image, perhaps the one before."""
    found = before
    if found is not None:
        found = found._replace(alike=likeness(image, found.picture, frame))
    starts = best_entries(
        np.maximum(image, 0.0), phase.templates, (frame.grid, frame.power, phase.nearest), _STARTS
    )  # fmt: skip
    tried = [_entry(image, phase, entry, turn, frame) for entry, turn in starts]
    if found is not None:
        tried.append(found)
    if not tried:
        return None
    best = max(tried, key=_likeness)
    if phase.crystal is None:
        return best
    # Some orientations, such as those of twins, differ by little: each is settled, then compared.
    tried = [
        settled(image, phase.crystal, each, frame)
        if each.alike > best.alike - _NEARLY else each for each in tried
    ]  # fmt: skip
    first, *others = sorted(tried, key=_likeness, reverse=True)
    return first._replace(others=tuple(each._replace(others=()) for each in others))


def _entry(image: Floats, phase: Phase, entry: int, turn: float, frame: Frame) -> Found:
    """Return an entry turned about the beam, or an orientation around it that is more alike."""
    # As in `match_orientation`: rows are counted downwards and y goes up.
    matrix = about_z(turn) @ phase.matrix[entry]
    if phase.crystal is None:
        picture = picture_of(*_spots_of(phase, entry, turn), frame)
        return Found(matrix, picture, likeness(image, picture, frame))
    tilts = refine(image, phase.crystal, matrix, frame.axes, frame.nearest, frame.width)
    return max((seen(image, phase.crystal, each, frame) for each in tilts), key=_likeness)


def _likeness(found: Found) -> float:
    return found.alike


def _together(
    image: Floats, phases: list[Phase], found: list[Found | None], first: int, frame: Frame
) -> list[Found | None]:  # fmt: skip
    """Return orientations of phases, each as it is found in what all others leave.

    The first round finds each in what those before it leave: alone, a weak one would be turned
    until it has spots of a strong one.
    """
    known: list[Found | None] = [None] * len(phases)
    known[first] = found[first]
    order = sorted(range(len(phases)), key=lambda n: n != first)
    for turn in range(_ROUNDS):
        for n in order:
            if turn == 0 and n == first:
                continue
            others = [each for m, each in enumerate(known) if m != n and each is not None]
            if others:
                own = known[n]
                sums = _fit(image, [each.picture for each in (own, *others) if each is not None],
                            frame)[0 if own is None else 1 :]  # fmt: skip
                rest = image - sum(
                    a * each.picture for a, each in zip(sums, others, strict=True)
                )  # fmt: skip
            else:
                rest = image
            known[n] = _alone(rest, phases[n], frame, known[n])
    return known


def _left(image: Floats, found: list[Found | None], frame: Frame) -> float:
    """Return the sum of squares that pictures leave of an image."""
    pictures = [each.picture for each in found if each is not None]
    sums = _fit(image, pictures, frame)
    rest = image - sum(a * each for a, each in zip(sums, pictures, strict=True))
    return float(np.square(rest[frame.inside]).sum())


def _spots_of(phase: Phase, entry: int, turn: float) -> tuple[Floats, Floats, Floats]:
    """Return ky, kx and intensity of an entry turned about the beam."""
    there = np.isfinite(phase.intensity[entry])
    ky, kx = phase.ky[entry, there], phase.kx[entry, there]
    radius, angle = np.hypot(ky, kx), np.arctan2(ky, kx) - np.deg2rad(turn)
    return radius * np.sin(angle), radius * np.cos(angle), phase.intensity[entry, there]


def _fit(image: Floats, pictures: list[Floats], frame: Frame) -> Floats:
    """Return how much of each picture is in an image, not below 0."""
    from scipy.optimize import nnls

    columns = np.stack([each[frame.inside] for each in pictures], axis=1)
    return np.asarray(nnls(columns, image[frame.inside])[0], np.float64)


def shares(
    image: Floats, pictures: list[Floats], changes: list[Floats], frame: Frame
) -> tuple[Floats, Floats]:  # fmt: skip
    r"""Return which part of the spots of a pattern each picture makes, and standard deviations.

    NaN where there are none. With A the pictures, and what they change by where orientations
    do, and r the residuals, the covariance is that of :math:`(A^T A)^{-1} A^T r`, its middle
    :math:`\sum_{ij} A_i r_i G_{ij} r_j A_j` with G the correlation of two spots that far apart.
    """
    from scipy.ndimage import gaussian_filter

    found = _fit(image, pictures, frame)
    whole = found.sum()
    if not whole > 0:
        return found * np.nan, found * np.nan
    rest = image - sum(a * each for a, each in zip(found, pictures, strict=True))
    rest = np.where(frame.inside, rest, 0.0)
    norms = [float(np.sqrt(np.square(each).sum())) for each in changes]
    scaled = [each / norm for each, norm in zip(changes, norms, strict=True) if norm > 0.0]
    number = len(pictures)
    columns = np.array([*pictures, *scaled])
    steps = [abs(float(axis[1] - axis[0])) for axis in frame.axes]
    # Two Gaussians of the width of a spot overlap as one that is wider by the root of 2.
    sigma = [np.sqrt(2.0) * frame.width / step for step in steps]
    area = 2.0 * np.pi * sigma[0] * sigma[1]
    moments = rest * columns
    near = area * gaussian_filter(moments, (0.0, *sigma), mode="constant")
    flat, also, own = (each.reshape(len(columns), -1) for each in (moments, near, columns))
    inverse = np.linalg.pinv(own @ own.T)[:number]
    share = found / whole
    change = (np.eye(number) - share[:, None]) / whole
    covariance = change @ inverse @ (flat @ also.T) @ inverse.T @ change.T
    return share, np.sqrt(np.maximum(np.diag(covariance), 0.0))
