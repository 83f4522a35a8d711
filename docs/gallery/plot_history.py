"""
A result and how it was made
============================

A result is saved with its history, read, and made again from what the history says.
"""

from pathlib import Path
from tempfile import mkdtemp

import xarray as xr

import omniscopy as om

folder = Path(mkdtemp())
source = om.save(om.samples.surface(), folder / "height.gsf")
data = om.open_signal(source)
flat = om.image.align_rows(om.image.level(data), "median")
path = om.save(flat, folder / "flat.zarr")

# %%
# The saved result knows its steps, as a table and as Python.

again = om.open_signal(path)
print(om.history(again))
print(om.script(again))

# %%

replayed = om.replay(again)
xr.testing.assert_allclose(
    again.load().drop_attrs(), replayed.load().drop_attrs().rename(again.name)
)
figure = om.plot.signal(replayed, title="Levelled, and made again by its history")
figure
