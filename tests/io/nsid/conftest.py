"""NSID files made with plain h5py, from the layout alone."""

from pathlib import Path

import h5py
import numpy as np
import pytest

NO_SCALES = object()


def add_main(parent, name, values, dims, *, scales=True, **attrs):
    """Write a main dataset with scales `dims` = {name: (values, quantity, units, kind)}."""
    group = parent.create_group(name)
    group.attrs["pyNSID_version"] = "0.0.7.2"
    main = group.create_dataset(name, data=values)
    said = {
        "quantity": "intensity", "units": "counts", "main_data_name": name, "data_type": "UNKNOWN",
        "modality": "generic", "source": "generic", "pyNSID_version": "0.0.7.2",
    }  # fmt: skip
    main.attrs.update(said | attrs)
    for number, (label, (axis, quantity, units, kind)) in enumerate(dims.items()):
        main.dims[number].label = label
        if not scales:
            continue
        scale = group.create_dataset(label, data=np.asarray(axis, float))
        scale.attrs.update(
            {"name": label, "quantity": quantity, "units": units, "dimension_type": kind}
        )
        scale.make_scale(label)
        main.dims[number].attach_scale(scale)
    return main


@pytest.fixture
def nsid_file(tmp_path):
    """Return a function that gives an open, empty NSID file and its channel group."""
    opened = []

    def make(name="made.hf5"):
        file = h5py.File(Path(tmp_path) / name, "w")
        opened.append(file)
        return file, file.create_group("Measurement_000/Channel_000")

    yield make
    for file in opened:
        file.close()


@pytest.fixture
def add():
    return add_main


@pytest.fixture
def yx():
    return {
        "y": (0.5 * np.arange(4), "length", "um", "SPATIAL"),
        "x": (1 + 0.25 * np.arange(5), "length", "um", "SPATIAL"),
    }
