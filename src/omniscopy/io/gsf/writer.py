"""Writing one image as a Gwyddion Simple Field."""

from pathlib import Path

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.regular import in_plain_units, require_even, require_real
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream


def write(tree: xr.DataTree, path: Path) -> None:
    """Write the one image of a tree as a Gwyddion Simple Field, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        One image of real numbers on an even grid. Its values become 4-byte floating point and
        its units lose their prefixes: nm becomes m. Metadata and history are not kept.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it is no image of real numbers on an even grid.
    """
    found = [
        (node.path, name, values)
        for node in tree.subtree
        for name, values in node.to_dataset(inherit=False).data_vars.items()
    ]
    if len(found) != 1 or found[0][2].ndim != 2:
        held = ", ".join(f"{path}: {dict(values.sizes)}" for path, _, values in found) or "nothing"
        message = f"a .gsf file holds one image, but there is {held}; save to .gwy instead"
        raise UnsupportedFormatError(message)
    _, name, image = found[0]
    what = "a .gsf file"
    require_real(image, what=what)
    image = in_plain_units(image)
    y, x = (require_even(image, str(dim), what=what) for dim in image.dims)
    entries = {
        "XRes": x.size,
        "YRes": y.size,
        "XReal": repr(x.length),
        "YReal": repr(y.length),
        "XOffset": repr(x.offset),
        "YOffset": repr(y.offset),
        "XYUnits": x.units if x.units == y.units else None,
        "ZUnits": image.attrs.get("units"),
        "Title": " ".join(str(image.attrs.get("long_name") or name).split()),
    }
    lines = [f"{key} = {value}\n" for key, value in entries.items() if value not in (None, "", "1")]
    header = ("Gwyddion Simple Field 1.0\n" + "".join(lines)).encode("utf-8", "replace")
    header += b"\0" * (4 - len(header) % 4)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * image.size)
    target = np.memmap(path, "<f4", mode="r+", offset=len(header), shape=image.shape)
    values, _ = native_chunks(image.astype(np.float32).data)
    stream([(values, ChunkedTarget(target, image.shape))])
    target.flush()
