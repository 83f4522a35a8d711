"""The xarray backend: ``xarray.open_datatree(path, engine="omniscopy")``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from omniscopy.io.errors import FormatError
from omniscopy.io.identification import find_reader
from omniscopy.io.opening import open
from omniscopy.model.errors import DataError


class OmniscopyBackend(BackendEntrypoint):
    """Open any file that Omniscopy reads through xarray's own functions."""

    description = "Open files of microscopes and spectrometers with Omniscopy"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "channel", "reader", "partial")
    supports_groups = True

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        channel: str | None = None,
        reader: str | None = None,
        partial: bool = False,
    ) -> xr.Dataset:
        """Open one channel as a Dataset."""
        tree = open(filename_or_obj, reader=reader, partial=partial)
        nodes = {node.path.strip("/"): node for node in tree.subtree if node.data_vars}
        if channel is None and len(nodes) == 1:
            channel = next(iter(nodes))
        if channel not in nodes:
            message = f"{filename_or_obj} holds {sorted(nodes)}; name one with `channel=`"
            raise DataError(message)
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables or []
        return nodes[channel].to_dataset().drop_vars(dropped, errors="ignore")

    def open_datatree(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        reader: str | None = None,
        partial: bool = False,
    ) -> xr.DataTree:
        """Open a file as a tree, one node a channel."""
        tree = open(filename_or_obj, reader=reader, partial=partial)
        if drop_variables is None:
            return tree
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
        return tree.map_over_datasets(lambda ds: ds.drop_vars(dropped, errors="ignore"))

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether the content is of a known format, leaving netCDF and Zarr to xarray."""
        try:
            form = find_reader(Path(filename_or_obj))
        except (FormatError, TypeError):
            return False
        return form.name not in ("netcdf", "zarr")
