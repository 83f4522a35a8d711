"""Writing one spectrum as an EMSA/MAS file."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.msa.keywords import NOTE, NUMBERS, SIGNAL_TYPES, TEXTS
from omniscopy.io.records import line_of
from omniscopy.io.regular import require_real
from omniscopy.io.single_arrays import describe_array, metadata_at, only_array

_COLUMNS = 5


def write(tree: xr.DataTree, path: Path) -> None:
    """Write the one spectrum of a tree as an EMSA/MAS file (ISO 22029).

    Parameters
    ----------
    tree : DataTree
        One real spectrum. Where its steps are even its values are listed, otherwise places and
        values. Attributes and history are kept under a keyword of our own.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it is no real spectrum.
    """
    what = "an MSA file"
    data = only_array(tree, what=what, ndims=[1])
    require_real(data, what=what)
    dim = str(data.dims[0])
    places = data.coords.get(dim, xr.DataArray(np.arange(float(data.size))))
    require_real(places, what=f"{what} along {dim!r}")
    x, y = np.asarray(places.values, np.float64), np.asarray(data.values)
    y = y.astype(np.uint8) if y.dtype.kind == "b" else y
    line = line_of(x)
    lines = [f"#{key:<12}: {value}" for key, value in _entries(data, places, line).items()]
    lines.append(f"#{NOTE:<12}: {describe_array(tree, data)}")
    lines.append("#SPECTRUM    : Spectral Data Starts Here")
    if line:
        numbers = [repr(number) for number in y.tolist()]
        rows = range(0, len(numbers), _COLUMNS)
        lines += [", ".join(numbers[row : row + _COLUMNS]) for row in rows]
    else:
        lines += [f"{a!r}, {b!r}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    lines.append("#ENDOFDATA   : End Of Data and File")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _entries(
    data: xr.DataArray, places: xr.DataArray, line: tuple[float, float] | None
) -> dict[str, str]:
    metadata = data.attrs.get("metadata", {})
    date, time = _moment(metadata.get("started"))
    x = np.asarray(places.values, np.float64)
    offset, scale = line or (x[0], (x[-1] - x[0]) / max(len(x) - 1, 1) or 1.0)
    entries = {
        "FORMAT": "EMSA/MAS Spectral Data File",
        "VERSION": "TC202v2.0",
        "TITLE": data.attrs.get("long_name") or data.name,
        "DATE": date,
        "TIME": time,
        "OWNER": metadata_at(metadata, "operator"),
        "NPOINTS": data.size,
        "NCOLUMNS": _COLUMNS if line else 1,
        "XUNITS": places.attrs.get("units"),
        "YUNITS": data.attrs.get("units"),
        "DATATYPE": "Y" if line else "XY",
        "XPERCHAN": repr(float(scale)),
        "OFFSET": repr(float(offset)),
        "XLABEL": places.attrs.get("quantity") or data.dims[0],
        "YLABEL": data.attrs.get("quantity"),
        "SIGNALTYPE": SIGNAL_TYPES.get(data.attrs.get("modality", "")),
    }
    for key, path in TEXTS.items():
        entries.setdefault(key, metadata_at(metadata, path))
    for key, (path, factor) in NUMBERS.items():
        value = metadata_at(metadata, path)
        entries[key] = None if value is None else repr(float(value) / factor)
    if entries["SIGNALTYPE"] != "EDS":
        entries.pop("EDSDET")
    if entries["SIGNALTYPE"] != "ELS":
        entries.pop("ELSDET")
    # A line is one entry: what has line ends would be taken for others.
    plain = {key: " ".join(str(value or "").split()) for key, value in entries.items()}
    required = {"TITLE", "DATE", "TIME", "OWNER", "XUNITS", "YUNITS"}
    return {key: value for key, value in plain.items() if value or key in required}


def _moment(started: Any) -> tuple[str, str]:
    """Return date and time as the standard spells them."""
    try:
        moment = datetime.fromisoformat(str(started))
    except ValueError:
        return "", ""
    return moment.strftime("%d-%b-%Y").upper(), moment.strftime("%H:%M:%S")
