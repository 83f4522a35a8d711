"""Files that long computations are written to, chunk by chunk (see `omniscopy.compute.run`).

Until all is done the values are in a Zarr store beside the file, whatever its format: each chunk
is a file of its own there, so that processes can write at the same time and nothing that is
killed leaves more than that chunk half done.
"""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from omniscopy.compute.units import Target
from omniscopy.io.atomic import atomic_target, put_in_place
from omniscopy.io.journals import Journal
from omniscopy.io.manifests import find_format
from omniscopy.io.opening import open
from omniscopy.io.remote import is_url
from omniscopy.io.saving import as_tree, format_for, from_tree, refuse_own_source
from omniscopy.io.storage.stored import stream
from omniscopy.io.tree import to_tree
from omniscopy.io.zarr_store.reader import read
from omniscopy.io.zarr_store.writer import lay_out
from omniscopy.model.digests import digest_json
from omniscopy.model.errors import DataError
from omniscopy.model.provenance import PROVENANCE, environment, records, reference_of

PARTIAL = ".partial"
# Versions that numbers may depend on.
_VERSIONS = ("omniscopy", "numpy", "scipy", "numba")


class FileRun:
    """The place of a run that ends in a file."""

    def __init__(
        self, path: str | Path, *, overwrite: bool = False, options: Mapping[str, Any] | None = None
    ) -> None:
        if is_url(path):
            message = f"a run needs a folder of this machine or network, not {path}; save it later"
            raise DataError(message)
        self._path = Path(path).absolute()
        self._options = dict(options or {})
        named = self._options.pop("format", None)
        self._format = find_format(named) if named else format_for(self._path)
        self._overwrite = overwrite
        self._folder = self._path.with_name(self._path.name + PARTIAL)
        self._journal: Journal | None = None
        self._in_memory: xr.DataTree | None = None
        self.name = self._path.name

    @property
    def place(self) -> Path:
        """Return the folder in which the run is until it is complete."""
        return self._folder

    def find_finished(self, obj: Any) -> Any | None:
        """Return the result of the same computation, if it is there complete."""
        if not self._path.exists():
            return None
        found = from_tree(open(self._path))
        if type(found) is not type(obj) or not records(obj) or _form(found) != _form(obj):
            return None
        versions = [records(each)[-1]["version"] for each in (found, obj) if records(each)]
        same = _made(found) == _made(obj) and len(set(versions)) == 1
        return found if same else None

    def begin(self, obj: Any, *, resume: bool) -> list[Target]:
        """Make room for `obj`, write all of it that is in memory, and return the rest."""
        refuse_own_source(obj, self._path)
        self._require_free()
        if not any(each.chunks or not each._in_memory for each in _variables(obj).values()):
            self._in_memory = as_tree(obj)
            return []
        about = {"made": _made(obj), "chunks": _chunks(obj), "versions": _versions()}
        self._folder.mkdir(parents=True, exist_ok=True)
        self._journal = journal = Journal(self._folder / "journal")
        again = resume and journal.about is not None and self._values.is_dir()
        if again and not (journal.done or self._kept.is_dir()):
            again = journal.about == about
        if again and journal.about is not None:
            self._require_same(journal.about, about, len(journal.done))
        else:
            journal.clear()
            shutil.rmtree(self._values, ignore_errors=True)
            shutil.rmtree(self._kept, ignore_errors=True)
        own = self._options if self._is_zarr else {}
        laid = lay_out(as_tree(obj), str(self._values), again=again, **own)
        if not again:
            lazy = {id(each) for each in laid if isinstance(each.values, da.Array)}
            stream([(each.values, each.target) for each in laid if id(each) not in lazy])
            journal.begin(about)
        many = isinstance(obj, xr.DataTree)
        return [
            Target(each.name, each.dims, each.values, each.target, each.node if many else "")
            for each in laid
            if isinstance(each.values, da.Array)
        ]

    def finished(self) -> frozenset[str]:
        """Return the places of the units that are written."""
        return frozenset(self._journal.done if self._journal else ())

    def mark(self, place: str) -> None:
        """Remember that a unit is written."""
        if self._journal:
            self._journal.mark(place)

    def keep(self, name: str, value: Any) -> None:
        """Remember a value that many units need: an array, a tuple of these, or `None`."""
        self._kept.mkdir(exist_ok=True)
        several = value if isinstance(value, tuple) else () if value is None else {"value": value}
        arrays = (
            several if isinstance(several, dict) else {str(n): v for n, v in enumerate(several)}
        )
        with atomic_target(self._kept / f"{name}.npz", overwrite=True) as temporary:
            np.savez(temporary, **arrays)

    def kept(self, name: str) -> tuple[Any] | None:
        """Return a value that was kept, `None` where there is none."""
        try:
            with np.load(self._kept / f"{name}.npz", allow_pickle=False) as file:
                arrays = dict(file)
        except (OSError, ValueError, zipfile.BadZipFile):
            return None
        if not arrays:
            return (None,)
        return (arrays["value"] if "value" in arrays else tuple(arrays.values()),)

    def finish(self) -> Any:
        """Put the complete result in its place, and return it as a lazy object."""
        if self._is_zarr and self._in_memory is None:
            self._require_free()
            put_in_place(self._values, self._path)
        else:
            write = self._format.writer()
            tree = self._in_memory
            if tree is None:
                tree = to_tree(read(self._values))
            with atomic_target(self._path, overwrite=self._overwrite) as temporary:
                write(tree, temporary, **self._options)
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return from_tree(open(self._path))

    def close(self) -> None:
        """Let others use the place."""
        if self._journal:
            self._journal.close()
            self._journal = None

    @property
    def _is_zarr(self) -> bool:
        return self._format.name == "zarr"

    @property
    def _values(self) -> Path:
        return self._folder / "values.zarr"

    @property
    def _kept(self) -> Path:
        return self._folder / "kept"

    def _require_free(self) -> None:
        if self._path.exists() and not self._overwrite:
            message = (
                f"{self._path} is there already and is not this result; give `overwrite=True` to "
                "replace it"
            )
            raise FileExistsError(message)

    def _require_same(self, before: dict[str, Any], now: dict[str, Any], done: int) -> None:
        """Raise unless the run that was begun here is this one; say in what they differ."""
        words = {
            "made": "other data, operations or parameters",
            "chunks": "other shapes or chunks",
            "versions": f"other versions of packages ({before.get('versions')})",
        }
        differing = [words[key] for key in words if before.get(key) != now[key]]
        if differing:
            message = (
                f"{self._folder} holds a run that was begun with {' and '.join(differing)} "
                f"({done} chunks are done); delete it or give `resume=False` to begin anew, or "
                "write to another file"
            )
            raise DataError(message)


def _made(obj: Any) -> dict[str, Any]:
    """Return how each part of `obj` was made: its operations, parameters and inputs."""
    if isinstance(obj, xr.DataTree):
        nodes = {node.path: _made(node.to_dataset(inherit=False)) for node in obj.subtree}
        return {path: made for path, made in nodes.items() if made}
    if isinstance(obj, xr.DataArray) or PROVENANCE in obj.attrs:
        return {"": digest_json(reference_of(obj))}
    return {str(name): digest_json(reference_of(each)) for name, each in obj.data_vars.items()}


def _form(obj: Any) -> dict[str, Any]:
    """Return dimensions, shapes and types of all variables, by name."""
    return {
        name: [[str(dim) for dim in each.dims], list(each.shape), str(each.dtype)]
        for name, each in _variables(obj).items()
    }


def _chunks(obj: Any) -> str:
    """Return the digest of the form of `obj`, and of how it is cut."""
    chunks = {
        name: None if each.chunks is None else [list(cut) for cut in each.chunks]
        for name, each in _variables(obj).items()
    }
    return digest_json([_form(obj), chunks])


def _variables(obj: Any) -> dict[str, xr.Variable]:
    if isinstance(obj, xr.DataTree):
        return {
            f"{node.path}:{name}": each
            for node in obj.subtree
            for name, each in node.to_dataset(inherit=False).variables.items()
        }
    if isinstance(obj, xr.DataArray):
        own = {str(name): each.variable for name, each in obj.coords.items()}
        return {**own, f"={obj.name}": obj.variable}
    return {str(name): each for name, each in obj.variables.items()}


def _versions() -> dict[str, str]:
    return {key: value for key, value in environment().items() if key in _VERSIONS}
