"""Following links of HDF5 files."""

import h5py
import numpy as np

from omniscopy.io.storage.hdf5 import linked, open_hdf5


def test_what_is_not_linked_or_lies_elsewhere_is_none(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["group/values"] = np.arange(3)
        file["soft"] = h5py.SoftLink("/group")
        file["far"] = h5py.ExternalLink("b.h5", "/group")
    with open_hdf5(path) as file:
        for name in ("absent", "soft", "far"):
            assert linked(file, name) is None
            assert linked(file, name) is None  # as it was kept
        group = linked(file, "group")
        assert linked(file, "group") is group
        np.testing.assert_array_equal(linked(group, "values"), np.arange(3))
    with h5py.File(path, "r") as file:
        assert linked(file, "absent") is None
