"""Stores of HyperSpy: laid out by hand, what `save` writes, what peers say of it, real files."""

import hashlib
import json
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.zspy import ZspyLayout, write_zspy
from omniscopy.testing.formats import check_reader

VALUES = np.arange(60.0).reshape(3, 4, 5)
PEERS = Path(__file__).resolve().parents[3] / ".venv-peers" / "bin" / "python"
AXES = (
    {"name": "y", "units": "nm", "scale": 0.5, "offset": -1.0, "navigate": True},
    {"name": "x", "units": "nm", "scale": 0.25, "offset": 2.0, "navigate": True},
    {"name": "Energy loss", "units": "eV", "scale": 2.0, "offset": 10.0, "navigate": False},
)
METADATA = {
    "General": {"title": "A map", "_bs_": "pickled", "nothing": "_None_"},
    "Signal": {"signal_type": "EELS", "quantity": "Electrons (Counts)"},
    "Acquisition_instrument": {},
    "Acquisition_instrument/TEM": {"beam_energy": 300.0},
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("separator", [".", "/"])
def test_axes_values_and_metadata_are_those_of_the_store(tmp_path, packed, separator):
    path = write_zspy(
        tmp_path / "a.zspy", VALUES, AXES, metadata=METADATA,
        layout=ZspyLayout(packed=packed, separator=separator, chunks=(2, 3, 5)),
    )  # fmt: skip
    check_reader("zspy", path)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(data, VALUES)
    np.testing.assert_array_equal(data["y"], [-1, -0.5, 0])
    np.testing.assert_array_equal(data["energy_loss"], 10 + 2 * np.arange(5))
    assert (data.name, data.attrs["units"], data.attrs["modality"]) == ("A_map", "counts", "EELS")
    assert data.attrs["metadata"]["beam"] == {"voltage": 300e3}
    general = data.attrs["original_metadata"]["metadata"]["General"]
    assert general == {"title": "A map", "nothing": None}


def test_members_may_be_deflated_and_chunks_missing(tmp_path):
    path = write_zspy(
        tmp_path / "a.zspy", VALUES, array={"fill_value": 7},
        layout=ZspyLayout(chunks=(2, 2, 5), without=["1.1.0"], deflate=True),
    )  # fmt: skip
    data = om.open_signal(path)
    np.testing.assert_array_equal(data[2:, 2:], 7)
    np.testing.assert_array_equal(data[:2], VALUES[:2])
    np.testing.assert_array_equal(data[2, :2], VALUES[2, :2])


@pytest.mark.parametrize("name", ["blosc", "zstd", "lz4", "gzip", None])
def test_chunks_may_be_packed_in_the_ways_of_zarr(tmp_path, name):
    codecs = pytest.importorskip("numcodecs")
    path = write_zspy(tmp_path / "a", VALUES, layout=ZspyLayout(packed=False))
    folder = path / "Experiments/__unnamed__/data"
    said = json.loads((folder / ".zarray").read_bytes())
    codec = None if name is None else codecs.get_codec({"id": name})
    said["compressor"] = None if codec is None else codec.get_config()
    (folder / ".zarray").write_text(json.dumps(said))
    content = VALUES.tobytes() if codec is None else codec.encode(VALUES)
    (folder / "0.0.0").write_bytes(content)
    np.testing.assert_array_equal(om.open_signal(path), VALUES)
    (folder / "0.0.0").write_bytes(bytes(content)[:-9])
    with pytest.raises(om.FormatError, match="chunk"):
        om.open_signal(path).compute()


class Trap:
    def __reduce__(self):
        return (os.mkdir, (self.place,))


def test_python_objects_are_never_unpickled(tmp_path):
    trap = Trap()
    trap.place = str(tmp_path / "sprung")
    path = write_zspy(tmp_path / "a", VALUES, layout=ZspyLayout(packed=False))
    folder = path / "Experiments/__unnamed__/data"
    said = json.loads((folder / ".zarray").read_bytes())
    (folder / "0.0.0").write_bytes(pickle.dumps(trap))
    for entry in ({"compressor": {"id": "pickle"}}, {"filters": [{"id": "pickle"}]}):
        (folder / ".zarray").write_text(json.dumps({**said, **entry}))
        with pytest.raises(UnsupportedFormatError, match="pickle"):
            om.open(path)
    (folder / ".zarray").write_text(json.dumps({**said, "dtype": "|O"}))
    with pytest.raises(om.FormatError, match="holds no numbers"):
        om.open(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"shape": [3, -4, 5]}, "cannot be"),
        ({"chunks": [3, 4]}, "cannot be"),
        ({"chunks": [2**20, 2**20, 5]}, "cannot be"),
        ({"order": "Z"}, "not known"),
        ({"compressor": {"id": "zorks"}}, "packed by"),
    ],
)
def test_sizes_and_codecs_are_looked_at_first(tmp_path, entry, words):
    path = write_zspy(tmp_path / "a.zspy", VALUES, array=entry)
    with pytest.raises(om.FormatError, match=words):
        om.open(path)


def test_chunks_that_cannot_be_are_refused(tmp_path):
    path = write_zspy(tmp_path / "a.zspy", VALUES, array={"chunks": [300, 400, 500]})
    with pytest.raises(om.FormatError, match="bytes is claimed"):
        om.open_signal(path).compute()
    path = write_zspy(tmp_path / "b.zspy", VALUES, array={"chunks": [3, 4, 6]})
    with pytest.raises(om.FormatError, match="were expected"):
        om.open_signal(path).compute()


def test_what_is_no_signal_is_refused(tmp_path):
    folder = write_zspy(tmp_path / "a", VALUES, layout=ZspyLayout(packed=False))
    (folder / "Experiments/__unnamed__/data/.zarray").unlink()
    with pytest.raises(om.FormatError, match="no signal under"):
        om.open(folder)
    (folder / "zarr.json").write_text('{"attributes": {"file_format": "ZSpy"}}')
    with pytest.raises(UnsupportedFormatError, match="version 3 of Zarr"):
        om.open(folder)
    texts = xr.DataArray(["a", "b"], dims="x", name="a")
    with pytest.raises(UnsupportedFormatError, match="holds numbers"):
        om.save(texts, tmp_path / "b.zspy")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("sample", ["spectrum_image", "atom_image", "diffraction_4d", "spectrum"])
def test_an_array_comes_back_as_it_was_with_its_history(tmp_path, sample, packed):
    data = getattr(om.samples, sample)().chunk()
    path = om.save(data, tmp_path / "a.zspy", packed=packed)
    assert path.is_file() == packed
    assert [each.name for each in tmp_path.iterdir()] == ["a.zspy"]
    back = om.open_signal(path)
    xr.testing.assert_equal(back, data)
    assert back.dtype == data.dtype
    assert om.history(back)[0].operation == om.history(data)[0].operation


def test_a_written_store_says_the_same_to_hyperspy(tmp_path):
    data = om.samples.spectrum_image()
    path = om.save(data, tmp_path / "a.zspy")
    (notes,) = path.glob("Experiments/*/original_metadata/.zattrs")
    notes.unlink()
    back = om.open_signal(path)
    assert back.dims == data.dims
    for dim in data.dims:
        np.testing.assert_allclose(back[dim], data[dim])
        assert back[dim].attrs["units"] == data[dim].attrs["units"]


CHECK = """
import sys, json
from rsciio.zspy import file_reader
(read,) = file_reader(sys.argv[1])
print(json.dumps([list(read["data"].shape), [axis["name"] for axis in read["axes"]],
                  [axis["units"] for axis in read["axes"]], float(read["data"].sum())]))
"""


@pytest.mark.peer
@pytest.mark.parametrize("packed", [True, False])
def test_rosettasciio_reads_what_is_written(tmp_path, packed):
    if not PEERS.exists():
        pytest.skip("the environment .venv-peers is not there")
    data = om.samples.spectrum_image()
    path = om.save(data, tmp_path / "a.zspy", packed=packed)
    command = [PEERS, "-W", "ignore", "-c", CHECK, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "No module named 'rsciio'" in run.stderr:
        pytest.skip("rosettasciio is not in .venv-peers")
    assert run.returncode == 0, run.stderr
    shape, names, units, total = json.loads(run.stdout.splitlines()[-1])
    assert shape == list(data.shape)
    assert names == list(data.dims)
    assert units == [data[dim].attrs["units"] for dim in data.dims]
    assert total == float(data.sum())


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("zspy")
    assert len(rows) == 2
    for row in rows:
        path = row["path"]
        assert om.io.identify(path) == "zspy"
        data = om.open_signal(path)
        (said,) = row["signals"]
        assert list(data.shape) == said["shape"]
        assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        for dim, axis in zip(data.dims, said["axes"], strict=True):
            assert float(data[dim][0]) == axis["offset"]
            assert float(data[dim][1] - data[dim][0]) == axis["scale"]
            assert data[dim].attrs.get("units") == axis["units"]


def test_arrays_of_any_length_are_filled_up(tmp_path):
    lists = [np.arange(2.0), np.arange(0.0), np.arange(3.0), np.arange(1.0)]
    said = {"dtype": "|O", "filters": [{"id": "vlen-array", "dtype": "<f8"}], "compressor": None}
    axes = [{"scale": 0.5, "offset": 1.0, "units": "nm", "navigate": True}] * 2
    path = write_zspy(
        tmp_path / "a.zspy", np.zeros((2, 2)), axes, array=said, layout=ZspyLayout(packed=False)
    )
    chunk = np.uint32(4).tobytes()
    chunk += b"".join(np.uint32(one.nbytes).tobytes() + one.tobytes() for one in lists)
    (path / "Experiments/__unnamed__/data/0.0").write_bytes(chunk)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "sample")
    np.testing.assert_array_equal(data[1, 0], [0, 1, 2])
    np.testing.assert_array_equal(data[0, 0], [0, 1, np.nan])
    np.testing.assert_array_equal(data["x"], [1, 1.5])
    (path / "Experiments/__unnamed__/data/0.0").write_bytes(chunk[:-4])
    with pytest.raises(om.FormatError, match="does not fit"):
        om.open(path)


def test_the_places_of_a_formula_are_worked_out(tmp_path):
    about = {"name": "Energy", "units": "eV", "navigate": False, "expression": "a/x", "a": 1200.0}
    path = write_zspy(tmp_path / "a.zspy", np.arange(4.0), [about], layout=ZspyLayout(packed=False))
    inner = path / "Experiments/__unnamed__/axis-0/x"
    inner.mkdir()
    (inner / ".zattrs").write_text(json.dumps({"scale": 100.0, "offset": 200.0}))
    np.testing.assert_allclose(om.open_signal(path)["energy"], [6, 4, 3, 2.4])
