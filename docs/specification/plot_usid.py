"""
USID files
==========

A spectrum, an image, a stack, a video and a spectral image, each written as USID and read back.
"""

from pathlib import Path
from tempfile import mkdtemp

import h5py
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate

stack = om.samples.image_stack()
seconds = coordinate("time", 0.5 * np.arange(stack.sizes["frame"]), "s")
video = stack.rename(frame="time").assign_coords(time=seconds)
defocus = coordinate("z", 10.0 * np.arange(stack.sizes["frame"]), "nm")

measurements = {
    "spectrum": om.samples.spectrum(),
    "image": om.samples.surface(),
    "image stack": stack.rename(frame="z").assign_coords(z=defocus),
    "video": video,
    "spectral image": om.samples.spectrum_image(),
}

# %%
# Each becomes a table: a row for each position, a column for each step of the measurement there.

folder = Path(mkdtemp())
for name, data in measurements.items():
    path = om.save(data, folder / f"{name}.h5", format="usid")
    with h5py.File(path) as file:
        main = file["Measurement_000/Channel_000/Raw_Data"]
        positions = file[main.attrs["Position_Indices"]]
        steps = file[main.attrs["Spectroscopic_Indices"]]
        print(
            f"{name:15} {data.dims} {data.shape} -> {main.shape}:",
            b" * ".join(positions.attrs["labels"]).decode(),
            "|",
            b" * ".join(steps.attrs["labels"]).decode(),
        )

# %%
# And it comes back from the table with its own dimensions.

restored = {name: om.open_signal(folder / f"{name}.h5").load() for name in measurements}
for name, data in measurements.items():
    assert restored[name].dims == data.dims
    np.testing.assert_array_equal(restored[name], data)
    for dim in data.dims:
        xr.testing.assert_allclose(restored[name][dim].drop_attrs(), data[dim].drop_attrs())

# %%
# Points on no grid are a table too: here a potential along a spiral.

spiral = om.samples.point_cloud()
back = om.open_signal(om.save(spiral, folder / "spiral.h5", format="usid"))
assert set(back.coords) >= {"y", "x"}

# %%
# One frame of each of the images, and both spectra.

figure, axes = plt.subplots(2, 3, figsize=(9.0, 5.6), layout="constrained")
restored["spectrum"].plot(ax=axes[0, 0])
restored["image"].plot(ax=axes[0, 1], yincrease=False, cbar_kwargs={"label": "height (nm)"})
restored["image stack"].isel(z=0).plot(
    ax=axes[0, 2], yincrease=False, cbar_kwargs={"label": "counts"}
)
restored["video"].isel(time=-1).plot(
    ax=axes[1, 0], yincrease=False, cbar_kwargs={"label": "counts"}
)
restored["spectral image"].sum("energy_loss").plot(
    ax=axes[1, 1], yincrease=False, cbar_kwargs={"label": "counts"}
)
axes[1, 2].scatter(back["x"], back["y"], c=back, s=6)
for axis, name in zip(axes.flat, [*measurements, "points on no grid"], strict=True):
    axis.set(title=name, xlabel="x (nm)", ylabel="y (nm)")
axes[0, 0].set(xlabel="energy (eV)", ylabel="counts")
axes[1, 2].set_aspect("equal")
axes[1, 2].invert_yaxis()
