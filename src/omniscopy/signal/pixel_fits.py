"""Fits of every pixel of labelled data, lazily: once, or again from other starts."""

from dataclasses import dataclass, replace
from typing import Any

import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.passes import read_again
from omniscopy.signal.block_fits import DTYPES, BlockFit, Found, Scatter, is_better

PARAMETER = "parameter"


@dataclass(frozen=True)
class PixelFit:
    """A fit of all pixels of some data.

    `dims` are those of the model. `starts` are those of every pixel, if there are any.
    """

    fit: BlockFit
    data: xr.DataArray
    dims: tuple[str, ...]
    weights: xr.DataArray | None
    starts: xr.DataArray | None

    @property
    def pixel_dims(self) -> list[str]:
        """Return the dimensions along which there are pixels."""
        return [str(dim) for dim in self.data.dims if dim not in self.dims]

    def first(self) -> Found:
        """Return what is found from the starts that are given or estimated."""
        return self._found(self.fit, self.data, self.starts, {})

    @property
    def weights_are_shared(self) -> bool:
        """Return whether all pixels have the same weights."""
        return self.weights is not None and set(self.weights.dims) == set(self.dims)

    def again(self, starts: xr.DataArray, before: Found, data: xr.DataArray | None = None) -> Found:
        """Return what is found from other starts, where that is better than before.

        Pixels whose starts are NaN are left as they are. Lazy data are read again, unless they
        are given.
        """
        fit = replace(self.fit, started=True, restarts=0)
        starts = self.cut(starts)
        data = read_again(self.data, starts) if data is None else data
        other = self._found(fit, data, starts, {"only_started": True})
        better = xr.apply_ufunc(
            is_better, before.cost, other.cost, dask="parallelized", output_dtypes=[bool]
        )
        return Found(*(a.where(~better, b) for a, b in zip(before, other, strict=True)))

    def cut(self, maps: xr.DataArray) -> xr.DataArray:
        """Return lazy maps in the chunks of the data.

        What is read again must wait for its part of a map, not for the map: tasks that cut it
        would come last, and all chunks be in memory by then.
        """
        if self.data.chunks is None or maps.chunks is None:
            return maps
        chunks = {dim: sizes for dim, sizes in self.data.chunksizes.items() if dim in maps.dims}
        return maps.chunk({**chunks, PARAMETER: -1})

    def bootstrap(self, found: Found, resamples: int, seed: int) -> Scatter:
        """Return the scatter of the parameters of resampled pixels."""
        count = len(self.fit.layout.names)
        fit = replace(self.fit, started=True)
        parameters = self.cut(found.parameters)
        return Scatter(*map_signal(
            fit.bootstrap, read_again(self.data, parameters), dim=self.dims,
            also=self._also(parameters), whole=[PARAMETER],
            output_dims=[{PARAMETER: count}] * len(Scatter._fields),
            parameters={"resamples": resamples, "seed": seed},
        ))  # fmt: skip

    def _found(
        self,
        fit: BlockFit,
        data: xr.DataArray,
        starts: xr.DataArray | None,
        options: dict[str, Any],
    ) -> Found:
        count = len(fit.layout.names)
        made = map_signal(
            fit.run, data, dim=self.dims, also=self._also(starts), whole=[PARAMETER],
            output_dims=[{PARAMETER: count}] * 2 + [{}] * (len(Found._fields) - 2),
            dtypes=list(DTYPES), parameters=options,
        )  # fmt: skip
        return Found(*made)

    def _also(self, starts: xr.DataArray | None) -> list[xr.DataArray]:
        return [each for each in (self.weights, starts) if each is not None]
