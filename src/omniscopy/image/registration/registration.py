"""Stacks of images that drift: how far each frame is shifted, and the frames without it."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.threads import share_work
from omniscopy.image.registration.affine_fits import COLUMNS as AFFINE
from omniscopy.image.registration.affine_fits import affine_registration
from omniscopy.image.registration.correlation_shifts import (
    Correlation,
    Reference,
    kept_shape,
    refined_shifts,
    rough_shifts,
    spectra_of,
)
from omniscopy.image.registration.deformations import demons_registration, flow_registration
from omniscopy.image.registration.resampling import shifted_back
from omniscopy.image.registration.stacks import require_frames
from omniscopy.image.topography import like, require_image, used_points
from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_uniform,
    result,
    units_of,
)
from omniscopy.signal.precision import single_or_double

Method = Literal["rigid", "affine", "demons", "optical_flow"]
_ORDERS = (0, 1, 3)
# Frames of so many pixels along each side.
_LARGE = 128
# Inner dimensions of what is passed from one step to the next.
_AXIS, _KY, _KX, _EDGE = "_axis", "_ky", "_kx", "_edge"


@operation(example={"stack": "image_stack"})
def register(  # noqa: PLR0913
    stack: xr.DataArray,
    *,
    method: Method = "rigid",
    reference: Reference = "all_pairs",
    correlation: Correlation = "likelihood",
    max_shift: float | None = None,
    smoothing: float | None = None,
    order: Literal[0, 1, 3] = 3,
    mask: xr.DataArray | None = None,
    dim: str | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find how far the frames of a stack are shifted, to a small part of a pixel, and undo it.

    Parameters
    ----------
    stack : DataArray, shape (..., frame, y, x), any units
        Lazy or in memory, on a uniform grid. Pixels that are not finite are left out.
    method : {"rigid", "affine", "demons", "optical_flow"}
        Shifts alone; or then also how each frame is stretched, sheared and turned against the
        mean ("affine"), or where every pixel lies against it ("demons", "optical_flow").
    reference : {"all_pairs", "mean", "first"}
        All pairs of frames, whose shifts are made one position for each frame by least squares
        without outliers; each frame against the mean of all others; or against the first one.
    correlation : {"likelihood", "cross", "phase"}
        How waves are weighted: by their signal over their noise; by their power; or all alike.
    max_shift : float, units of the coordinates
        Between two frames, at most; half of the field of view otherwise.
    smoothing : float, units of the coordinates
        Deformations are smooth over that distance (standard deviation of a Gaussian); a
        thirtieth of the field of view otherwise.
    order : {0, 1, 3}
        The frames are resampled by the nearest pixel, lines or cubic splines.
    mask : DataArray of bool, shape (y, x) or (..., frame, y, x)
        Pixels that have no part in finding shifts.
    dim : str
        The dimension of the frames: "frame", "time", "cycle", "z" or the only other one.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., frame) and (..., frame, y, x)
        ``shift_y``, ``shift_x`` with ``_std``, in units of the coordinates: positive where what
        a frame shows lies at larger coordinates than in the first frame. ``correlation`` with
        the other frames, from -1 to 1; ``residual`` (rms, units of the coordinates), by which
        the shifts of pairs disagree with those of the frames, NaN without "all_pairs".
        ``registered``, in units of `stack`: the frames shifted back, NaN where they do not
        reach. "affine" adds ``matrix_yy``, ``matrix_yx``, ``matrix_xy``, ``matrix_xx`` with
        ``_std``: what a distance between two places of the mean is multiplied by in the frame.
        The deformations add ``displacement_y``, ``displacement_x`` with ``_std``, shape
        (..., frame, y, x): what the frame shows further away than its shift says. Deviations are
        what as much white noise again changes, averaged over four widths of `smoothing`.
        ``status``: 3 (at bound) for shifts of `max_shift` or more, 5 (invalid) for frames that
        show nothing that others show; these are NaN.

    Raises
    ------
    DataError
        There are no frames or less than two, no two spatial dimensions of at least 8 pixels, a
        step is not uniform, the mask leaves nothing, or `max_shift` is not within the image.

    Notes
    -----
    Each frame is weighted by a window that moves with what it shows, so that all windows hold
    the same and do not draw shifts towards zero. Whole pixels come from the correlations of
    pairs. Of lattices, which look alike after each cell, several peaks of each correlation are
    kept; those that agree with all other pairs are taken. Then the phases of all pairs give what
    is left, by Newton's method. ``shift_std`` follows from what differs between the registered
    frames: noise of all kinds; that of a frame and of the first one. With many frames of little
    signal all pairs are better than a chain of neighbours, whose errors add up [1]_.

    References
    ----------
    .. [1] B. H. Savitzky et al., *Ultramicroscopy* 191, 56 (2018).

    Examples
    --------
    >>> import omniscopy as om
    >>> stack = om.samples.image_stack()
    >>> found = om.image.register(stack)
    >>> truth = stack.attrs["metadata"]["truth"]["shift_y"]
    >>> bool(abs(found["shift_y"] - truth).max() < 0.05)
    True
    """
    dims = require_image(stack, dims, at_least=8)
    for name, choice, known in (
        ("method", method, get_args(Method)), ("reference", reference, get_args(Reference)),
        ("correlation", correlation, get_args(Correlation)), ("order", order, _ORDERS),
    ):  # fmt: skip
        require_choice(name, choice, known)
    frame = require_frames(stack, dims, dim)
    steps = (require_uniform(stack, dims[0]), require_uniform(stack, dims[1]))
    reach = _reach(stack, dims, steps, max_shift)
    used = used_points(stack, mask, "exclude", dims)
    compared = stack if used is None else stack.where(used)
    found = _rigid(compared, frame, dims, reach, reference, correlation)
    shift = found["shift"]
    placed = _placed(read_again(stack, shift), shift, dims, order)
    units, values = [units_of(stack, each) for each in dims], stack.attrs.get("units")
    variables: dict[str, tuple[xr.DataArray, str | None]] = {}
    for axis, each in enumerate(("y", "x")):
        part = {_AXIS: axis}
        variables[f"shift_{each}"] = (shift.isel(part) * steps[axis], units[axis])
        variables[f"shift_{each}_std"] = (found["std"].isel(part) * abs(steps[axis]), units[axis])
    variables["correlation"] = (found["correlation"], "1")
    variables["residual"] = (found["residual"] * abs(steps[0]), units[0])
    variables["registered"] = (placed, values)
    variables["status"] = (found["status"], "1")
    if method != "rigid":
        width = _smoothing(stack, dims, steps, smoothing)
        variables |= _further(method, stack, placed, shift, frame, dims, steps, width)
    made = result(None, **variables)
    return made.assign(registered=like(made["registered"], stack))


def _reach(
    stack: xr.DataArray, dims: tuple[str, str], steps: tuple[float, float], most: float | None
) -> tuple[float, float]:
    """Return the largest shifts in pixels."""
    half = (stack.sizes[dims[0]] / 2, stack.sizes[dims[1]] / 2)
    if most is None:
        return half
    if units_of(stack, dims[0]) != units_of(stack, dims[1]):
        message = f"max_shift needs coordinates {dims} in the same units; convert one of them"
        raise DataError(message)
    rows, columns = (abs(most / step) for step in steps)
    if not (most > 0 and rows >= 1 and columns >= 1):
        message = f"max_shift must be a pixel or more, got {most!r}"
        raise DataError(message)
    return min(rows, half[0]), min(columns, half[1])


def _smoothing(
    stack: xr.DataArray, dims: tuple[str, str], steps: tuple[float, float], given: float | None
) -> tuple[float, float]:
    """Return the width over which deformations are smooth, in pixels."""
    if given is None:
        width = min(stack.sizes[each] for each in dims) / 30
        return max(width, 1.0), max(width, 1.0)
    if not given > 0:
        message = f"smoothing must be above 0, in units of the coordinates, got {given!r}"
        raise DataError(message)
    return abs(given / steps[0]), abs(given / steps[1])


def _rigid(  # noqa: PLR0917
    stack: xr.DataArray,
    frame: str,
    dims: tuple[str, str],
    reach: tuple[float, float],
    reference: Reference,
    correlation: Correlation,
) -> dict[str, xr.DataArray]:
    """Return shifts in pixels along y and x with what is known of them."""
    shape = (stack.sizes[dims[0]], stack.sizes[dims[1]])
    count = stack.sizes[frame]
    rows, columns = kept_shape(shape)
    kept = {_KY: rows, _KX: columns}
    (spectra,) = map_signal(
        spectra_of, stack, dim=dims, output_dims=[kept], dtypes=[np.complex64]
    )  # fmt: skip
    along = [frame, _KY, _KX]
    rough, edges = map_signal(
        _each_stack(rough_shifts), spectra, dim=along,
        output_dims=[{frame: count, _AXIS: 2}, {_EDGE: 4}],
        parameters={"shape": shape, "reach": reach},
    )  # fmt: skip
    names = ("shift", "std", "correlation", "residual", "status")
    shift = rough
    # Once a window has moved with what it shows, what is left is much less; of the more so, the
    # more pixels the window has.
    for left in reversed(range(2 if min(shape) >= _LARGE else 3)):
        (moved,) = map_signal(
            spectra_of, read_again(stack, shift), dim=dims, also=[shift, edges],
            whole=[_AXIS, _EDGE], output_dims=[kept], dtypes=[np.complex64],
        )  # fmt: skip
        found = map_signal(
            _each_stack(refined_shifts), moved, dim=along, also=[shift, edges],
            whole=[_AXIS, _EDGE],
            output_dims=[{frame: count, _AXIS: 2}] * 2 + [{frame: count}] * 3,
            dtypes=[np.float64] * 4 + [np.uint8],
            parameters={
                "shape": shape, "reference": reference, "correlation": correlation,
                "reach": reach, "final": not left,
            },
        )  # fmt: skip
        shift = found[0]
    place = {frame: stack.coords[frame]} if frame in stack.coords else {}
    return {name: each.assign_coords(place) for name, each in zip(names, found, strict=True)}


def _each_stack(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` of one stack as one of blocks of stacks."""

    def run(block: np.ndarray, *others: np.ndarray, **parameters: Any) -> tuple[np.ndarray, ...]:
        outer = block.shape[:-3]
        wide = [
            np.broadcast_to(other, (*outer, *other.shape[other.ndim - inner :]))
            for other, inner in zip(others, (2, 1), strict=False)
        ]
        made = [
            function(block[place], *(other[place] for other in wide), **parameters)
            for place in np.ndindex(*outer)
        ]
        return tuple(
            np.stack([np.asarray(each[number]) for each in made]).reshape(
                *outer, *np.shape(made[0][number])
            )
            for number in range(len(made[0]))
        )

    return run


def _placed(
    stack: xr.DataArray, shift: xr.DataArray, dims: tuple[str, str], order: int
) -> xr.DataArray:
    """Return frames that are shifted back."""
    kind = single_or_double(stack.dtype)

    def run(block: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        outer = np.broadcast_shapes(block.shape[:-2], shifts.shape[:-1])
        frames = np.broadcast_to(block, (*outer, *block.shape[-2:]))
        wide = np.broadcast_to(shifts, (*outer, 2))
        made = np.empty(frames.shape, dtype=kind)
        places = list(np.ndindex(*outer))

        def work(number: int) -> None:
            place = places[number]
            made[place] = shifted_back(frames[place], wide[place], order)

        share_work(work, range(len(places)))
        return made

    sizes = {dim: stack.sizes[dim] for dim in dims}
    (made,) = map_signal(
        run, stack, dim=dims, also=[shift], whole=[_AXIS], output_dims=[sizes], dtypes=[kind]
    )  # fmt: skip
    return made.assign_coords({dim: stack.coords[dim] for dim in dims})


def _further(  # noqa: PLR0917
    method: Method,
    stack: xr.DataArray,
    placed: xr.DataArray,
    shift: xr.DataArray,
    frame: str,
    dims: tuple[str, str],
    steps: tuple[float, float],
    width: tuple[float, float],
) -> dict[str, tuple[xr.DataArray, str | None]]:
    """Return what describes frames beyond their shifts, and the frames without it."""
    kind = single_or_double(stack.dtype)
    count, units = stack.sizes[frame], [units_of(stack, each) for each in dims]
    sizes = {frame: count, **{each: stack.sizes[each] for each in dims}}
    coords = {each: stack.coords[each] for each in sizes if each in stack.coords}
    along, values = [frame, *dims], stack.attrs.get("units")
    again = read_again(stack, placed)
    if method == "affine":
        *columns, registered = map_signal(
            _each_stack(affine_registration), again, dim=along, also=[shift], whole=[_AXIS],
            output_dims=[{frame: count}] * len(AFFINE) + [sizes],
            dtypes=[np.float64] * len(AFFINE) + [kind],
            parameters={"aspect": steps[1] / steps[0]},
        )  # fmt: skip
        found = dict(zip(AFFINE, columns, strict=True))
        made: dict[str, tuple[xr.DataArray, str | None]] = {
            name: (each.assign_coords({frame: coords[frame]} if frame in coords else {}), "1")
            for name, each in found.items()
        }
        return made | {"registered": (registered.assign_coords(coords), values)}
    function = demons_registration if method == "demons" else flow_registration
    down, right, down_std, right_std, registered = map_signal(
        _each_stack(function), again, dim=along, also=[shift], whole=[_AXIS],
        output_dims=[sizes] * 5, dtypes=[kind] * 5, parameters={"width": width},
    )  # fmt: skip
    return {
        "displacement_y": (down.assign_coords(coords) * steps[0], units[0]),
        "displacement_x": (right.assign_coords(coords) * steps[1], units[1]),
        "displacement_y_std": (down_std.assign_coords(coords) * abs(steps[0]), units[0]),
        "displacement_x_std": (right_std.assign_coords(coords) * abs(steps[1]), units[1]),
        "registered": (registered.assign_coords(coords), values),
    }
