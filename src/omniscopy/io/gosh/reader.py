"""Read tables of generalised oscillator strengths: a channel for each subshell of each element."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.pieces import Squeezed
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_groups import read_group
from omniscopy.io.storage.hdf5_numbers import attribute, is_array, member, numbers_of, small_value
from omniscopy.io.storage.hdf5_values import load

_ENERGIES = ("free_energies", "free_energy")
_LONGEST = 2**20


def read(path: Path, *, partial: bool = False) -> Measurement:
    r"""Read a file of oscillator strengths.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Leave out tables that are damaged. Of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        For each subshell, in a group for its element: :math:`df/dE` of all its electrons in 1/eV,
        (q, energy), by wave number (:math:`2 \pi / \lambda`, 1/m) and energy of the ejected
        electron (eV); (variant, q, energy) where there are several variants. The onset as it was
        computed is in `original_metadata`; which table stands for which edge is in that of the
        file (``edges_info``).

    Raises
    ------
    FormatError
        A table does not fit its axes, or the file is damaged; `UnsupportedFormatError` where it
        holds no table.
    """
    left_out: list[str] = []
    channels: list[Channel] = []
    with open_hdf5(path) as file:
        about = member(file, "metadata")
        described = read_group(about) if hasattr(about, "keys") else {}
        for element, shell, group in _tables(file):
            try:
                channels.append(_channel(element, shell, group, path))
            except FormatError:
                if not partial:
                    raise
                left_out.append(f"{element}/{shell}")
        version = attribute(file, "file_format_version")
    if not channels:
        message = "the file holds no oscillator strengths"
        raise UnsupportedFormatError(message, path=path)
    title = described.get("name") if isinstance(described, dict) else None
    return Measurement(
        channels=channels,
        metadata=stated({"title": title if isinstance(title, str) else None}),
        original_metadata={"metadata": described, "file_format_version": version},
        attrs={"not_read": left_out} if left_out else {},
    )


def _tables(file: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield elements, subshells and groups of tables."""
    for element, shells in members(file):
        if element == "metadata" or not hasattr(shells, "keys"):
            continue
        for shell, group in members(shells):
            if hasattr(group, "keys") and member(group, "data") is not None:
                yield element, shell, group


def _channel(element: str, shell: str, group: Any, path: Path) -> Channel:
    data = member(group, "data")
    key = group.name
    if not is_array(data) or data.ndim not in (2, 3) or data.dtype.kind != "f":
        message = f"strengths of two or three dimensions were expected, not {data}"
        raise FormatError(message, path=path, key=key)
    wave = _axis(group, ("q",), path)
    energy = _axis(group, _ENERGIES, path)
    if data.shape[:2] != (len(wave), len(energy)):
        message = f"strengths of shape {data.shape} for {len(wave)} q and {len(energy)} energies"
        raise FormatError(message, path=path, key=key)
    axes = [
        Axis(name="q", size=len(wave), units="1/m", quantity="wave number", kind="reciprocal",
             role="navigation", values=wave),
        Axis(name="energy", size=len(energy), units="eV", values=energy,
             attrs={"long_name": "Energy of the ejected electron"}),
    ]  # fmt: skip
    several = data.ndim == 3 and data.shape[2] > 1
    if several:
        axes.insert(0, Axis(name="variant", size=data.shape[2], kind="parameter", units="1"))
    values = numbers_of(data)
    held = Transposed(values, (2, 0, 1)) if several else Squeezed(values, (0, 1))
    about = member(group, "metadata")
    original = {"onset": attribute(about, "onset")} if about is not None else {}
    variants = small_value(member(group, "variants"))
    return Channel(
        title=shell, data=held, axes=axes, quantity="oscillator strength", units="1/eV",
        modality="EELS", source="GOSH", group=element, signal_type="spectral_image",
        original_metadata=original | ({} if variants is None else {"variants": variants}),
    )  # fmt: skip


def _axis(group: Any, names: tuple[str, ...], path: Path) -> np.ndarray:
    """Return the numbers of an axis, which ascend."""
    found = next((each for name in names if (each := member(group, name)) is not None), None)
    known = found is not None and is_array(found) and found.dtype.kind in "fiu"
    if not known or found is None or found.ndim != 1 or len(found) > _LONGEST:
        message = f"a list of numbers was expected at {' or '.join(names)!r}"
        raise FormatError(message, path=path, key=group.name)
    numbers_of(found)
    values = np.asarray(load(found), dtype=np.float64)
    if not (np.isfinite(values).all() and (np.diff(values) > 0).all() and values[0] >= 0):
        message = f"numbers that ascend were expected at {found.name!r}"
        raise FormatError(message, path=path, key=group.name)
    return values
