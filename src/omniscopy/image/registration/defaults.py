"""What is done with stacks of images when nobody says what to do."""

import xarray as xr

from omniscopy.image.registration.registration import register
from omniscopy.image.registration.stacks import require_frames
from omniscopy.model import (
    DataError,
    analysis,
    dims_of_kind,
    require_uniform,
)
from omniscopy.model.analyses import Results
from omniscopy.signal.sums import mean_over

# More pixels are not registered unasked, nor more frames.
_MOST_PIXELS, _MOST_FRAMES = 2**26, 256
# Frames that are less like the others than this do not show the same.
_ALIKE = 0.2


def _is_stack(data: xr.DataArray) -> bool:
    """Return whether there is one stack of images of real numbers on a uniform grid."""
    dims = dims_of_kind(data, "spatial")
    if len(dims) != 2 or data.ndim != 3 or data.dtype.kind not in "iuf":
        return False
    try:
        frame = require_frames(data, (dims[0], dims[1]), None)
        for dim in dims:
            require_uniform(data, dim)
    except DataError:
        return False
    if frame not in ("frame", "time"):
        return False
    small = data.size <= _MOST_PIXELS and data.sizes[frame] <= _MOST_FRAMES
    return small and all(data.sizes[dim] >= 16 for dim in dims)


@analysis("Registration", "image_stack", applies=_is_stack)
def registered_stack(data: xr.DataArray) -> Results:
    """Find the drift of a stack of images, and average the frames without it."""
    dims = dims_of_kind(data, "spatial")
    frame = require_frames(data, (dims[0], dims[1]), None)
    found = register(data)
    if not bool((found["correlation"] > _ALIKE).mean() > 0.5):
        return {}
    names = ["shift_y", "shift_y_std", "shift_x", "shift_x_std", "correlation", "status"]
    mean = mean_over(found["registered"], frame)
    return {"Registered mean": mean, "Shifts": found[names]}
