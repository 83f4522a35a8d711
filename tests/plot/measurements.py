"""Small labelled data of every kind that is drawn."""

from typing import Any

import numpy as np
import xarray as xr


def axis(
    dim: str, size: int, step: float = 1.0, units: str | None = None, offset: float = 0.0
) -> tuple[str, np.ndarray, dict[str, Any]]:
    attrs = {} if units is None else {"units": units}
    return dim, offset + step * np.arange(size), attrs


def labelled(values: Any, *axes: Any, **attrs: Any) -> xr.DataArray:
    return xr.DataArray(
        values, dims=[one[0] for one in axes], coords={one[0]: one for one in axes}, attrs=attrs
    )


def image(rows: int = 24, columns: int = 32, **attrs: Any) -> xr.DataArray:
    values = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    said = {"long_name": "HAADF", "quantity": "intensity", "units": "counts"} | attrs
    return labelled(values, axis("y", rows, 0.5, "nm"), axis("x", columns, 0.5, "nm"), **said)


def spectrum(size: int = 200, **attrs: Any) -> xr.DataArray:
    values = 1000.0 / (1 + np.arange(size))
    said = {"long_name": "Core loss", "quantity": "intensity", "units": "counts"} | attrs
    return labelled(values, axis("energy_loss", size, 0.5, "eV", 200), **said)


def spectral_image() -> xr.DataArray:
    values = np.random.default_rng(1).poisson(20, (8, 10, 64)).astype(np.uint16)
    return labelled(
        values, axis("y", 8, 1, "nm"), axis("x", 10, 1, "nm"), axis("energy_loss", 64, 1, "eV"),
        long_name="EELS", quantity="intensity", units="counts",
    )  # fmt: skip


def scan_4d() -> xr.DataArray:
    values = np.random.default_rng(2).poisson(5, (5, 6, 16, 16)).astype(np.uint16)
    values[..., 8, 8] = 5000
    return labelled(
        values, axis("y", 5, 1, "nm"), axis("x", 6, 1, "nm"),
        axis("ky", 16, 0.1, "1/nm", -0.8), axis("kx", 16, 0.1, "1/nm", -0.8),
        long_name="4D-STEM", quantity="intensity", units="counts",
    )  # fmt: skip


def stack(frames: int = 30) -> xr.DataArray:
    values = np.random.default_rng(3).normal(size=(frames, 12, 16))
    return labelled(
        values, axis("frame", frames), axis("y", 12, 1, "nm"), axis("x", 16, 1, "nm"),
        long_name="Series", quantity="intensity",
    )  # fmt: skip


def points() -> xr.DataArray:
    rng = np.random.default_rng(4)
    coords = {
        "y": ("point", rng.uniform(0, 2e-6, 50), {"units": "m"}),
        "x": ("point", rng.uniform(0, 4e-6, 50), {"units": "m"}),
    }
    attrs = {"long_name": "Sparse", "quantity": "current", "units": "pA"}
    return xr.DataArray(rng.normal(size=50), dims="point", coords=coords, attrs=attrs)


def colour_image() -> xr.DataArray:
    values = np.zeros((6, 8, 3), np.uint8)
    values[..., 0] = 255
    return labelled(
        values, axis("y", 6, 1, "µm"), axis("x", 8, 1, "µm"),
        ("channel", ["red", "green", "blue"]), long_name="Optical",
    )  # fmt: skip


def decomposition() -> xr.Dataset:
    component = axis("component", 3)
    loadings = labelled(
        np.random.default_rng(5).normal(size=(3, 8, 10)),
        component, axis("y", 8, 1, "nm"), axis("x", 10, 1, "nm"),
    )  # fmt: skip
    components = labelled(np.ones((3, 64)), component, axis("energy_loss", 64, 1, "eV"))
    ratio = labelled(np.array([0.9, 0.05, 0.001]), component, units="1")
    return xr.Dataset(
        {"components": components, "loadings": loadings, "explained_variance_ratio": ratio}
    )


def peaks() -> xr.Dataset:
    columns = {
        "position": ([532.0, 640.0], "eV"),
        "height": ([1e4, 5e3], "counts"),
        "fwhm": ([10.0, 4.0], "eV"),
    }
    return xr.Dataset(
        {name: ("peak", np.array(v), {"units": u}) for name, (v, u) in columns.items()},
        coords={"peak": np.arange(2)},
    )


def fitted_maps() -> xr.Dataset:
    rows, columns = axis("y", 8, 1, "nm"), axis("x", 10, 1, "nm")
    amplitude = labelled(np.ones((8, 10)) * 2e-9, rows, columns, units="m")
    std = labelled(np.ones((8, 10)) * 3e-11, rows, columns, units="m")
    status = labelled(np.zeros((8, 10), np.uint8), rows, columns)
    status[0, 0] = 1
    return xr.Dataset({"amplitude": amplitude, "amplitude_std": std, "status": status})
