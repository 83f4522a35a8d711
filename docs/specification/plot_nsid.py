"""
NSID files
==========

A labelled measurement is written as NSID: an array with a dimension scale for each axis.
"""

from pathlib import Path
from tempfile import mkdtemp

import h5py
import xarray as xr

import omniscopy as om

data = om.samples.spectrum_image()
path = om.save(data, Path(mkdtemp()) / "spectrum_image.hf5", format="nsid")

# %%
# What is inside: the values, and a scale for each of their dimensions.


def list_datasets(file: h5py.File) -> list[str]:
    """Return a line for each dataset of a file."""
    lines: list[str] = []

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            lines.append(f"{name}: {item.shape} {item.dtype}")

    file.visititems(add)
    return lines


with h5py.File(path) as file:
    datasets = list_datasets(file)
    main = next(item for item in map(file.get, [line.split(":")[0] for line in datasets])
                if "main_data_name" in item.attrs)  # fmt: skip
    words = {name: main.attrs[name] for name in ("quantity", "units", "data_type")}
    labels = [dimension.label for dimension in main.dims]
print("\n".join(datasets), words, labels, sep="\n")

# %%
# It comes back as it was, with units and history.

again = om.open_signal(path)
xr.testing.assert_identical(again.load().drop_attrs(), data.drop_attrs().rename(again.name))
assert again.attrs["units"] == data.attrs["units"]
figure = om.plot.signal(again)
figure
