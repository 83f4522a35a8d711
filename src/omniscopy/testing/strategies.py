"""Hypothesis strategies for labelled data that keep the contract.

They need the package `hypothesis`, which is not installed with this one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from omniscopy.model import coordinate, kind_of_dim, labelled, signal_type_of
from omniscopy.model.vocabulary import DIMENSIONS

# What coordinates of each kind are measured in.
UNITS = {
    "spatial": ("nm", "µm", "m", "Å", "px", None),
    "reciprocal": ("1/nm", "1/Å", "1/m", "mrad", None),
    "spectral": ("eV", "keV", "Hz", "V", "nm", "1/cm", None),
    "temporal": ("s", "ms", "1", None),
}
VALUE_UNITS = ("counts", "V", "pm/V", "nm", "A", "deg", "1", None)
DTYPES = ("uint8", "uint16", "int32", "int64", "float32", "float64", "complex64", "complex128")

_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


def dimension_names(
    *, min_dims: int = 1, max_dims: int = 4, kinds: Sequence[str] | None = None
) -> st.SearchStrategy[tuple[str, ...]]:
    """Return a strategy for different dimensions of the vocabulary, of some kinds."""
    names = [name for name, known in DIMENSIONS.items() if kinds is None or known.kind in kinds]
    drawn = st.lists(st.sampled_from(names), min_size=min_dims, max_size=max_dims, unique=True)
    return drawn.map(tuple)


def nested_metadata(*, max_leaves: int = 12) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for nested dictionaries of what JSON can hold."""
    leaves = (
        st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | _WORDS
    )
    keys = _WORDS.filter(lambda word: bool(word) and "/" not in word)
    trees = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=max_leaves,
    )
    return st.dictionaries(keys, trees, max_size=4)


@st.composite
def coordinates(draw: Callable[..., Any], dim: str, size: int) -> xr.Variable:
    """Draw a uniform coordinate of `dim`, ascending or descending, with units that suit it."""
    kind = DIMENSIONS[dim].kind
    if kind in ("point", "parameter", "channel"):
        return coordinate(dim, np.arange(size), "1")
    start = draw(st.floats(-1e3, 1e3))
    step = draw(st.floats(1e-3, 1e2)) * draw(st.sampled_from([1.0, 1.0, 1.0, -1.0]))
    return coordinate(dim, start + step * np.arange(size), draw(st.sampled_from(UNITS[kind])))


@st.composite
def labelled_arrays(
    draw: Callable[..., Any],
    *,
    dims: st.SearchStrategy[tuple[str, ...]] | tuple[str, ...] | None = None,
    dtypes: Sequence[str] = DTYPES,
    min_side: int = 1,
    max_side: int = 5,
    missing: bool = True,
) -> xr.DataArray:
    """Draw labelled data: any dimensions, type, units and metadata.

    Parameters
    ----------
    dims : tuple of str, or a strategy for one, optional
        The dimensions; up to 4 of the vocabulary otherwise.
    dtypes : sequence of str
        Types of the values.
    min_side, max_side : int
        Lengths of the dimensions.
    missing : bool
        Whether some of the values may be NaN or infinite, where their type can be.
    """
    chosen = dims if isinstance(dims, tuple) else draw(dims or dimension_names())
    shape = tuple(draw(st.integers(min_side, max_side)) for _ in chosen)
    dtype = np.dtype(draw(st.sampled_from(list(dtypes))))
    values = draw(npst.arrays(dtype, shape, elements=_elements(dtype, missing=missing)))
    coords = {dim: draw(coordinates(dim, size)) for dim, size in zip(chosen, shape, strict=True)}
    data = xr.DataArray(values, coords, dims=chosen)
    attrs = {
        "long_name": draw(_WORDS.filter(bool)),
        "quantity": draw(st.sampled_from(["intensity", "height", "phase", "current"])),
        "signal_type": signal_type_of([kind_of_dim(data, dim) for dim in chosen]),
        "metadata": draw(nested_metadata()),
    }
    return labelled(data, units=draw(st.sampled_from(VALUE_UNITS)), **attrs)


def _elements(dtype: np.dtype, *, missing: bool) -> st.SearchStrategy[Any] | None:
    if dtype.kind not in "fc":
        return None
    width = dtype.itemsize * 8
    options = {"allow_nan": missing, "allow_infinity": missing}
    if dtype.kind == "c":
        return st.complex_numbers(width=width, max_magnitude=None if missing else 1e6, **options)  # type: ignore[arg-type]
    bound = None if missing else 2.0**20
    return st.floats(None if bound is None else -bound, bound, width=width, **options)  # type: ignore[arg-type]
