"""Stacks brought to the same place by shifts that are known."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_work
from omniscopy.image.registration.resampling import Order, shifted_back
from omniscopy.image.registration.stacks import in_pixels
from omniscopy.image.topography import like, require_image
from omniscopy.model import DataError, operation, require_choice, require_uniform
from omniscopy.signal.positions import require_same_places
from omniscopy.signal.precision import single_or_double

_AXIS = "_axis"


@operation(example={"data": "image_stack", "shifts": "stack_shifts"})
def align_images(
    data: xr.DataArray,
    shifts: xr.Dataset,
    *,
    order: Order = 3,
    crop: bool = False,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Shift every image back by what `register` has found, for this channel or another one.

    Parameters
    ----------
    data : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; such as another channel, or spectra at each point.
    shifts : Dataset
        ``shift_y`` and ``shift_x``, in units that convert to those of the coordinates, with
        dimensions that `data` have, such as frame. Positive where what is seen lies at larger
        coordinates than it should.
    order : {0, 1, 3}
        By the nearest pixel, by lines or by cubic splines. 0 invents no value.
    crop : bool
        Return only the pixels that all images reach; then `shifts` must be in memory.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `data`
        NaN where an image does not reach, and all over where it has no shift.

    Raises
    ------
    DataError
        There are no shifts, their units do not convert, they have dimensions that `data` have
        not, or there is no pixel that all images reach.

    Notes
    -----
    :math:`z'(r) = z(r + s)` for the shift s.

    Examples
    --------
    >>> import omniscopy as om
    >>> stack = om.samples.image_stack()
    >>> aligned = om.image.align_images(stack, om.image.register(stack), crop=True)
    >>> bool(aligned.notnull().all()), aligned.sizes["y"] < stack.sizes["y"]
    (True, True)
    """
    dims = require_image(data, dims)
    require_choice("order", order, (0, 1, 3))
    names = ("shift_y", "shift_x")
    missing = [name for name in names if name not in shifts]
    if missing:
        message = f"expected shifts {names}, as `image.register` returns them; {missing} missing"
        raise DataError(message)
    parts = []
    for name, dim in zip(names, dims, strict=True):
        foreign = [str(each) for each in shifts[name].dims if each not in data.dims]
        if foreign:
            message = f"{name!r} has dimensions {foreign}, which the data have not"
            raise DataError(message)
        require_same_places(shifts[name], data, [str(d) for d in shifts[name].dims], repr(name))
        parts.append(in_pixels(shifts[name], name, data, dim, require_uniform(data, dim)))
    pixels = xr.concat(parts, _AXIS, coords="minimal", compat="override", join="override")
    pixels = pixels.drop_vars(list(pixels.coords))
    kind = data.dtype if order == 0 and data.dtype.kind == "f" else single_or_double(data.dtype)

    def run(block: np.ndarray, shift: np.ndarray) -> np.ndarray:
        wide = np.broadcast_to(shift, (*block.shape[:-2], 2))
        made = np.empty(block.shape, dtype=kind)
        places = list(np.ndindex(*block.shape[:-2]))

        def work(number: int) -> None:
            made[places[number]] = shifted_back(block[places[number]], wide[places[number]], order)

        share_work(work, range(len(places)))
        return made

    sizes = {dim: data.sizes[dim] for dim in dims}
    (made,) = map_signal(
        run, data, dim=dims, also=[pixels], whole=[_AXIS], output_dims=[sizes], dtypes=[kind]
    )  # fmt: skip
    kept = {name: each for name, each in data.coords.items() if {*each.dims} <= {*made.dims}}
    made = like(made.assign_coords(kept).transpose(*data.dims), data)
    return made.isel(_common_part(pixels, data, dims)) if crop else made


def _common_part(
    pixels: xr.DataArray, data: xr.DataArray, dims: tuple[str, str]
) -> dict[str, slice]:
    """Return the pixels that all images with a shift reach."""
    if pixels.chunks is not None:
        message = "to crop, shifts must be known; call `shifts.compute()` before"
        raise DataError(message)
    part = {}
    for axis, dim in enumerate(dims):
        own = pixels.isel({_AXIS: axis}).values
        own = own[np.isfinite(own)]
        first = int(np.ceil(max(0.0, -float(own.min(initial=0.0))) - 1e-9))
        last = data.sizes[dim] - int(np.ceil(max(0.0, float(own.max(initial=0.0))) - 1e-9))
        if last <= first:
            message = f"no pixel along {dim!r} is reached by all images; call it with crop=False"
            raise DataError(message)
        part[dim] = slice(first, last)
    return part
