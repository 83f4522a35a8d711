"""What operations on stacks share: which dimension counts the frames, shifts in its units."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, labelled, require_conversion, units_of

# Dimensions along which images are usually repeated, the likeliest first.
_FRAMES = ("frame", "time", "cycle", "z")


def require_frames(stack: xr.DataArray, dims: tuple[str, str], dim: str | None) -> str:
    """Return the dimension of the frames of a stack; raise where there is none."""
    others = [str(each) for each in stack.dims if each not in dims]
    if dim is not None:
        if dim not in others:
            message = f"expected a dimension of frames among {others}, got {dim!r}"
            raise DataError(message)
        found = dim
    else:
        known = [each for each in _FRAMES if each in others]
        if not known and len(others) != 1:
            message = (
                f"expected a stack of images, got dimensions {tuple(map(str, stack.dims))}; "
                "name the one of the frames with `dim=`"
            )
            raise DataError(message)
        found = known[0] if known else others[0]
    if stack.sizes[found] < 2:
        message = (
            f"dimension {found!r} has {stack.sizes[found]} frames; at least 2 are needed, one has "
            "nothing to be registered to"
        )
        raise DataError(message)
    return found


def in_pixels(
    shifts: xr.DataArray, name: str, stack: xr.DataArray, dim: str, step: float
) -> xr.DataArray:
    """Return shifts along `dim` in pixels, whatever their units."""
    own, wanted = shifts.attrs.get("units"), units_of(stack, dim)
    factor = require_conversion(own, wanted, what=repr(name), of=f"the coordinate {dim!r}")
    return labelled(shifts.astype(np.float64) * (factor / step), units="1")
