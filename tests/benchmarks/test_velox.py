"""What counting the events of an EDS stream costs, against NumPy."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.velox import VeloxStream, encode_velox_eds, write_velox

pytestmark = pytest.mark.benchmark


def test_events_are_counted_faster_than_by_numpy(measured, best_time, tmp_path):
    rng = np.random.default_rng(0)
    counts = np.zeros((4, 64, 64, 2048), np.int64)
    np.add.at(counts.reshape(-1), rng.integers(0, counts.size, 3_000_000), 1)
    stream = VeloxStream(counts=counts, metadata=encode_velox_eds())
    path = write_velox(tmp_path / "a.emd", [], streams=[stream])
    data = om.open_signal(path, sum_frames=True)

    def plain():
        import h5py

        with h5py.File(path) as file:
            (group,) = file["Data/SpectrumStream"].values()
            events = group["Data"][:, 0]
        marks = events == 65535
        pixel = np.cumsum(marks)[~marks] % (64 * 64)
        return np.bincount(pixel * 2048 + events[~marks], minlength=64 * 64 * 2048)

    found = data.compute()
    np.testing.assert_array_equal(found.values.ravel(), plain())
    ratio = best_time(plain) / best_time(data.compute)
    measured("Velox EDS stream, times faster than NumPy's bincount", ratio, "> 1")
    assert ratio > 1
