"""Reading a whole file, against NumPy or h5py on the same bytes."""

import time
import tracemalloc

import h5py
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files.andor import AndorArea, AndorSection, write_sif
from omniscopy.testing.files.blockfile import write_blockfile
from omniscopy.testing.files.dm import DmImage, write_dm3, write_dm4
from omniscopy.testing.files.empad import write_empad
from omniscopy.testing.files.gwyddion import write_gsf
from omniscopy.testing.files.hamamatsu import StreakImage, write_img
from omniscopy.testing.files.igor import write_ibw
from omniscopy.testing.files.merlin import write_merlin
from omniscopy.testing.files.mrc import write_mrc
from omniscopy.testing.files.nion import item_properties, write_ndata
from omniscopy.testing.files.pantarhei import write_prz
from omniscopy.testing.files.princeton import SpeRegion, write_spe
from omniscopy.testing.files.renishaw import write_wdf
from omniscopy.testing.files.ripple import write_ripple
from omniscopy.testing.files.tia import write_ser
from omniscopy.testing.files.tiff import write_tiff
from omniscopy.testing.files.tvips import write_tvips

pytestmark = pytest.mark.benchmark
COUNT, SIZE, NONE = 128, 256, (0.0, 1.0, "")
EDGES = (1, SIZE, SIZE, 1)


def by(write, name, make=lambda values: values):
    """Return a function that writes a file of a format, of values that are made from frames."""
    return lambda folder, values: write(folder / name, make(values)) or folder / name


PLAIN = {
    "mrc": by(write_mrc, "a.mrc", lambda v: v.astype(np.int16)),
    "dm3": by(write_dm3, "a.dm3", lambda v: DmImage(data=v)),
    "dm4": by(write_dm4, "a.dm4", lambda v: DmImage(data=v)),
    "tia": lambda folder, v: write_ser(folder / "a.ser", v, calibration=((0.0, 1e-9, 0),) * 2),
    "blockfile": by(write_blockfile, "a.blo", lambda v: v.astype("u1").reshape(-1, 32, SIZE, SIZE)),
    "merlin": lambda folder, v: write_merlin(folder / "a.mib", v, depth=12),
    "tvips": by(write_tvips, "a_000.tvips"),
    "empad": by(write_empad, "a.xml", lambda v: np.tile(v[:, :128, :128], (2, 1, 1)).astype("f4")),
    "ripple": lambda folder, v: write_ripple(folder / "a.rpl", v, record_by="image"),
    "princeton": by(write_spe, "a.spe", lambda v: [SpeRegion(v)]),
    "igor": by(write_ibw, "a.ibw", lambda v: v.T),
    "numpy_files": lambda folder, v: np.save(folder / "a.npy", v) or folder / "a.npy",
    "andor": by(write_sif, "a.sif", lambda v: AndorSection([AndorArea(v[:, ::-1], EDGES)])),
    "renishaw": lambda folder, v: write_wdf(folder / "a.wdf", v.reshape(-1, SIZE), range(SIZE)),
    "tiff": by(write_tiff, "a.tif"),
    "gsf": lambda folder, v: write_gsf(folder / "a.gsf", v[:, ::4].reshape(-1, 2048), {}),
    "pantarhei": by(write_prz, "a.prz"),
    "hamamatsu": by(write_img, "a.img", lambda v: [StreakImage(v[:, ::4].reshape(-1, 2048))]),
    "nion": lambda folder, v: write_ndata(folder / "a.ndata", v, item_properties([NONE] * 3)),
}  # fmt: skip
# Those whose numbers are stored in the order of this machine, so that they need no turning.
NATIVE = set(PLAIN) - {"merlin"}
SAVED = {"nsid": ".hf5", "hspy": ".hspy", "emd_berkeley": ".emd", "nexus": ".nxs"}


def frames():
    return np.random.default_rng(0).integers(0, 200, (COUNT, SIZE, SIZE)).astype(np.uint16)


def mapping_of(path, values):
    """Return a function that maps the frames of a file, by where the first two are found in it."""
    content = path.read_bytes()
    turned = values[:, ::-1]
    for shown, turn in ((values, 1), (turned, -1)):
        for dtype in (values.dtype.newbyteorder("<"), values.dtype.newbyteorder(">")):
            first, second = (shown[number].astype(dtype).tobytes() for number in range(2))
            start = content.find(first)
            if start >= 0:
                strides = (
                    content.find(second, start + len(first)) - start,
                    *shown[0].astype(dtype).strides,
                )

                def mapped(form=(dtype, start, strides, turn)):
                    dtype, start, strides, turn = form
                    memory = np.memmap(path, np.uint8, "r")
                    return np.ndarray(values.shape, dtype, memory, start, strides)[:, ::turn]

                return mapped
    message = f"{path.name} does not hold its frames as they are"
    raise AssertionError(message)


def whole_of(path):
    """Return a function that reads the largest array of a file."""
    arrays = [channel.data for channel in read_measurement(path)[1].channels]
    largest = max(arrays, key=lambda array: np.prod(array.shape))
    return lambda: largest[tuple(slice(None) for _ in largest.shape)]


def ratio_of(ours, theirs, repeats=8):
    """Return how many times the work of the processor one takes of the other, by turns.

    Each comes first as often as the other: who comes after it may be given its memory.
    """
    took = {ours: [], theirs: []}
    for read in (ours, theirs, theirs, ours) * repeats:
        begin = time.process_time()
        read()
        took[read].append(time.process_time() - begin)
    return min(took[ours]) / min(took[theirs])


@pytest.mark.parametrize("form", PLAIN)
def test_plain_files_are_read_as_fast_as_by_numpy(form, tmp_path, measured):
    path = PLAIN[form](tmp_path, frames())
    read = whole_of(path)
    values = read()
    shape = values.shape[-2:] if values.ndim > 2 else (SIZE, values.shape[-1])
    values = values.reshape(-1, *shape)
    raw = path.with_suffix(".raw")
    stored = mapping_of(raw if raw.exists() else path, values)
    np.testing.assert_array_equal(values, stored())
    ratio = ratio_of(read, lambda: np.array(stored(), values.dtype))
    measured(f"reading all of a file, {form}: times the work of NumPy on its bytes", ratio, "< 1.2")
    assert ratio < 1.2


@pytest.mark.parametrize("form", sorted(NATIVE))
def test_labelled_frames_are_copied_from_their_file_once(form, tmp_path, measured):
    """What dask gives out is a copy: handles give it memory that is mapped, and none of their own.

    The peak of memory tells how often values were copied, however busy the machine is.
    """
    path = PLAIN[form](tmp_path, frames())
    data = max(om.signals(om.open(path)).values(), key=lambda each: each.size)
    data[..., :2].compute()  # imports what it needs
    tracemalloc.start()
    found = data.compute()
    copies = tracemalloc.get_traced_memory()[1] / found.nbytes
    tracemalloc.stop()
    measured(f"all of a file as labelled data, {form}: copies in memory", copies, "< 1.2")
    assert copies < 1.2


@pytest.mark.parametrize("form", SAVED)
def test_hdf5_files_are_read_as_fast_as_by_h5py(form, tmp_path, measured):
    units = {"frame": "1", "y": "nm", "x": "nm"}
    coords = {
        name: (name, np.arange(float(size)), {"units": units[name]})
        for name, size in zip(units, frames().shape, strict=True)
    }
    given = xr.DataArray(frames(), dims=tuple(units), coords=coords, name="signal")
    path = om.save(given, tmp_path / f"a{SAVED[form]}", format=form)
    read = whole_of(path)
    with h5py.File(path) as file:
        names: list[str] = []
        file.visititems(lambda name, found: names.append(name) if is_large(found) else None)
        assert len(names) == 1

    def plain():
        with h5py.File(path) as file:
            return file[names[0]][()]

    np.testing.assert_array_equal(read().ravel(), plain().ravel())
    ratio = ratio_of(read, plain)
    measured(f"reading all of a file, {form}: times the work of h5py", ratio, "< 1.2")
    assert ratio < 1.2


def is_large(found):
    return isinstance(found, h5py.Dataset) and found.size == frames().size
