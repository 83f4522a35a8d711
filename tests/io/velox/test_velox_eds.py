"""Spectra in Velox files: of EDS, of EELS, and streams of events as spectrum images."""

import json

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.velox import events, streams
from omniscopy.testing.files.velox import (
    VeloxImage,
    VeloxLosses,
    VeloxStream,
    encode_velox_eds,
    encode_velox_metadata,
    write_velox,
)

COUNTS = np.random.default_rng(2).poisson(0.05, (3, 4, 5, 64))


def write(path, counts=COUNTS, *, table=True, images=(), **options):
    stream = VeloxStream(counts=counts, metadata=encode_velox_eds(**options), table=table)
    return write_velox(path, images, streams=[stream])


@pytest.mark.parametrize("table", [True, False])
def test_events_are_counted_at_their_frame_pixel_and_energy(tmp_path, table):
    data = om.open_signal(write(tmp_path / "a.emd", table=table))
    assert data.dims == ("time", "y", "x", "energy")
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_array_equal(data[1, 3, ::2, 10:50:3], COUNTS[1, 3, ::2, 10:50:3])
    np.testing.assert_array_equal(data[:, 1:3, 4], COUNTS[:, 1:3, 4])
    np.testing.assert_allclose(data["energy"], -0.25 + 0.005 * np.arange(64))
    assert data["energy"].attrs["units"] == "keV"
    np.testing.assert_allclose(data["time"], 0.8 * np.arange(3))
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")


def test_frames_can_be_chosen_and_counted_together(tmp_path):
    path = write(tmp_path / "a.emd")
    data = om.open_signal(path, sum_frames=True)
    assert data.dims == ("y", "x", "energy")
    assert data.dtype == np.uint32
    np.testing.assert_array_equal(data, COUNTS.sum(axis=0))
    np.testing.assert_array_equal(data[2:, 1], COUNTS.sum(axis=0)[2:, 1])
    chosen = om.open_signal(path, frames=(1, 3), sum_frames=True)
    np.testing.assert_array_equal(chosen, COUNTS[1:3].sum(axis=0))
    one = om.open_signal(path, frames=(2, 3))
    assert one.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(one, COUNTS[2])


def test_channels_can_be_taken_together(tmp_path):
    data = om.open_signal(write(tmp_path / "a.emd"), rebin_energy=4)
    np.testing.assert_array_equal(data, COUNTS.reshape(3, 4, 5, 16, 4).sum(axis=-1))
    # The middle of the first four channels.
    assert float(data["energy"][0]) == pytest.approx(-0.25 + 1.5 * 0.005)
    assert float(data["energy"][1] - data["energy"][0]) == pytest.approx(0.02)


def test_a_scan_has_the_axes_of_its_image(tmp_path):
    tree = encode_velox_metadata(pixel_size=(2e-9, 3e-9))
    image = VeloxImage(data=np.ones((4, 5), np.uint16), metadata=tree)
    tree = om.open(write(tmp_path / "a.emd", images=[image]))
    data = om.signals(tree)["EDS_SuperXG21"]
    np.testing.assert_allclose(data["y"], 2 * np.arange(4))
    np.testing.assert_allclose(data["x"], 3 * np.arange(5))
    assert data["x"].attrs["units"] == "nm"


def test_every_detector_is_a_channel_and_the_last_frame_may_be_cut(tmp_path):
    streams = [
        VeloxStream(counts=COUNTS + k, metadata=encode_velox_eds(detector=f"D{k}"))
        for k in range(2)
    ]
    path = write_velox(tmp_path / "a.emd", [], streams=streams)
    found = om.signals(om.open(path))
    assert list(found) == ["EDS_D0", "EDS_D1"]
    np.testing.assert_array_equal(found["EDS_D1"], COUNTS + 1)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("raster", [(16, 16), (128, 128), (4, 10)])
def test_pixels_are_those_of_the_scanned_part_of_the_raster(tmp_path, raster, table):
    stream = VeloxStream(counts=COUNTS, metadata=encode_velox_eds(), table=table, raster=raster)
    tree = encode_velox_metadata(pixel_size=(2e-9, 3e-9))
    overview = VeloxImage(data=np.ones((8, 8), np.uint16), metadata=tree)
    path = write_velox(tmp_path / "a.emd", [overview], streams=[stream])
    np.testing.assert_array_equal(om.signals(om.open(path))["EDS_SuperXG21"], COUNTS)


def test_an_image_of_the_scan_says_how_many_pixels_it_has(tmp_path):
    stream = VeloxStream(counts=COUNTS, metadata=encode_velox_eds(), raster=(128, 128))
    images = [VeloxImage(data=np.ones((4, 5), np.uint16), metadata=encode_velox_metadata())]
    path = write_velox(tmp_path / "a.emd", images, streams=[stream])
    with h5py.File(path, "r+") as file:
        (group,) = file["Data/SpectrumStream"].values()
        raw = group["Metadata"][:, 0].tobytes().replace(b"ScanArea", b"Scanned_")
        group["Metadata"][:, 0] = np.frombuffer(raw, np.uint8)
    np.testing.assert_array_equal(om.signals(om.open(path))["EDS_SuperXG21"], COUNTS)


def test_what_follows_the_last_pixel_is_no_frame_and_a_cut_one_is_marked(tmp_path):
    made = {"metadata": encode_velox_eds(), "table": False}
    stream = VeloxStream(counts=COUNTS, trailing=[3, 5, 60], **made)
    data = om.open_signal(write_velox(tmp_path / "a.emd", [], streams=[stream]))
    np.testing.assert_array_equal(data, COUNTS)
    assert "incomplete" not in data.attrs
    # Events of the last pixel may not be followed by a mark.
    last = np.flatnonzero(COUNTS[0, 3, 4]).repeat(COUNTS[0, 3, 4][COUNTS[0, 3, 4] > 0])
    stream = VeloxStream(counts=COUNTS[:1], last_pixels=19, trailing=[*last, 7], **made)
    data = om.open_signal(write_velox(tmp_path / "c.emd", [], streams=[stream]))
    expected = COUNTS[0].copy()
    expected[3, 4, 7] += 1
    np.testing.assert_array_equal(data, expected)
    assert "incomplete" not in data.attrs
    stream = VeloxStream(counts=COUNTS, last_pixels=13, **made)
    data = om.open_signal(write_velox(tmp_path / "b.emd", [], streams=[stream]))
    expected = COUNTS.copy().reshape(3, 20, 64)
    expected[2, 13:] = 0
    np.testing.assert_array_equal(data, expected.reshape(COUNTS.shape))
    assert data.attrs["incomplete"]["reason"] == "the last frame lacks 7 of 20 pixels"


def test_an_image_of_losses_has_its_energies_and_the_axes_of_its_image(tmp_path):
    counts = np.random.default_rng(4).integers(0, 999, (4, 5, 12)).astype(np.uint16)
    tree = encode_velox_metadata(detector="EELS Strip Detector")
    del tree["BinaryResult"]["PixelSize"]
    angle = "EnergyFilter.CollectionAngleRange.End"
    tree["CustomProperties"] = {angle: {"type": "double", "value": "0.025"}}
    shown = encode_velox_metadata(pixel_size=(2e-9, 3e-9))
    path = write_velox(
        tmp_path / "a.emd",
        [VeloxImage(data=np.ones((4, 5), np.uint16), metadata=shown)],
        losses=[VeloxLosses(counts=counts, metadata=tree)],
    )
    data = om.signals(om.open(path))["EELS_Strip_Detector"]
    assert data.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(data, counts)
    np.testing.assert_array_equal(data[1:3, ::2, 4], counts[1:3, ::2, 4])
    np.testing.assert_allclose(data["energy_loss"], -20 + 0.25 * np.arange(12))
    np.testing.assert_allclose(data["y"], 2 * np.arange(4))
    assert data["energy_loss"].attrs["units"] == "eV"
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EELS")
    detector = data.attrs["metadata"]["detector"]
    assert detector["collection_angle"] == pytest.approx(25)
    assert (detector["dispersion"], detector["exposure_time"]) == (0.25, 0.002)
    assert "not_read" not in om.open(path).attrs
    assert om.validate(om.open(path)) == []


def test_a_spectrum_has_its_energies(tmp_path):
    counts = np.arange(100)
    path = write_velox(
        tmp_path / "a.emd", [], spectra=[counts], spectrum_metadata=encode_velox_eds()
    )
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, counts)
    np.testing.assert_allclose(data["energy"], -0.25 + 0.005 * counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rebin_energy": 0}, "rebin_energy must be"),
        ({"frames": (2, 2)}, "0 <= first < stop"),
        ({"frames": (7, 9)}, "not among those"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path, options, message):
    with pytest.raises(om.FormatError, match=message):
        om.open(write(tmp_path / "a.emd"), **options)


def test_a_part_does_not_read_the_whole_stream(tmp_path, monkeypatch):
    data = om.open_signal(write(tmp_path / "a.emd"))
    data[0, 0, 0].compute()  # finds where the rows of the first frame are
    searched, counted = [], []
    find, count = streams.find_rows, streams.count_rows

    def found(*given):
        searched.append(given[2] - given[1])
        return find(*given)

    def noted(*given):
        counted.append((given[2] - given[1]).sum())
        count(*given)

    monkeypatch.setattr(streams, "find_rows", found)
    monkeypatch.setattr(streams, "count_rows", noted)
    np.testing.assert_array_equal(data[0, 2].compute(), COUNTS[0, 2])
    assert sum(searched) == 0
    assert sum(counted) == COUNTS[0, 2].sum() + 5
    counted.clear()
    whole = om.open_signal(write(tmp_path / "b.emd"), chunks=None)
    np.testing.assert_array_equal(whole, COUNTS)
    assert sum(searched) == sum(counted) == COUNTS.sum() + 3 * 4 * 5


def test_a_packed_stream_is_unpacked_where_it_is_asked_for(tmp_path, monkeypatch):
    path = write(tmp_path / "a.emd")
    stored_as(path, chunks=(16, 1), compression="gzip")
    data = om.open_signal(path)
    data[0, 0, 0].compute()
    read = []
    real = events.Events.of

    def noted(values, *first):
        read.append(len(values))
        return real(values, *first)

    monkeypatch.setattr(events.Events, "of", noted)
    monkeypatch.setattr(streams.Events, "of", noted)
    np.testing.assert_array_equal(data[0, 2].compute(), COUNTS[0, 2])
    assert read[0] == COUNTS[0, 2].sum() + 5


def stored_as(path, **layout):
    """Store the events of a file anew, in another layout."""
    with h5py.File(path, "r+") as file:
        (group,) = file["Data/SpectrumStream"].values()
        stored = group["Data"][()]
        del group["Data"]
        data = group.create_dataset("Data", stored.shape, "u2", **layout)
        # Blocks lie in the order in which they are written.
        for begin in reversed(range(0, len(stored), 16)):
            data[begin : begin + 16] = stored[begin : begin + 16]


@pytest.mark.parametrize("block", [1, 100, 10_000])
@pytest.mark.parametrize("table", [True, False], ids=["with a table", "without"])
def test_frames_are_unpacked_a_few_at_a_time(tmp_path, monkeypatch, block, table):
    monkeypatch.setattr(streams, "BLOCK_EVENTS", block)
    monkeypatch.setattr(events, "BLOCK_EVENTS", block)
    path = write(tmp_path / "a.emd", table=table)
    stored_as(path, chunks=(16, 1), compression="gzip")
    np.testing.assert_array_equal(om.open_signal(path, chunks=None), COUNTS)
    summed = om.open_signal(path, chunks=None, sum_frames=True)
    np.testing.assert_array_equal(summed, COUNTS.sum(axis=0))
    handle = om.open_signal(path)
    np.testing.assert_array_equal(handle[::2, 1:, ::3, 5:9].compute(), COUNTS[::2, 1:, ::3, 5:9])
    np.testing.assert_array_equal(handle[::-1, ::-1].compute(), COUNTS[::-1, ::-1])


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"chunks": (16, 1)},
        {"chunks": (16, 1), "compression": "gzip"},
        {"chunks": (16, 1), "compression": "gzip", "shuffle": True},
        {"chunks": (247, 1)},
    ],
    ids=["in one piece", "in blocks", "packed", "shuffled", "in one block"],
)
def test_events_are_found_wherever_the_file_has_them(tmp_path, layout):
    path = write(tmp_path / "a.emd")
    stored_as(path, **layout)
    np.testing.assert_array_equal(om.open_signal(path, chunks=None), COUNTS)
    part = om.open_signal(path)[1:, 2, 1:, ::3]
    np.testing.assert_array_equal(part.compute(), COUNTS[1:, 2, 1:, ::3])


@pytest.mark.parametrize("odd", [[0, 1, 2], [1]], ids=["every block", "one block"])
def test_blocks_may_begin_at_odd_bytes(tmp_path, monkeypatch, odd):
    path, real = tmp_path / "events", np.arange(12, dtype="<u2").reshape(3, 4)
    places = np.array([16 * number + (number in odd) for number in range(3)])
    content = bytearray(60)
    for place, block in zip(places, real, strict=True):
        content[place : place + 8] = block.tobytes()
    path.write_bytes(content)
    assert events.of_one_array(places) == (len(odd) == 3)
    if len(odd) == 3:
        found = events._mapped(str(path), places, 4)
        blocks = [found.values[place : place + 4] for place in found.places]
        np.testing.assert_array_equal(blocks, real)


def test_a_stream_of_which_the_end_is_gone_by_now_is_refused_by_name(tmp_path):
    path = write(tmp_path / "a.emd")
    data = om.open_signal(path)
    with path.open("r+b") as file:
        file.truncate(3000)
    with pytest.raises(om.FormatError, match=r"cut short|cannot be read"):
        data.compute()
    with pytest.raises(om.FormatError, match="the events end too early; the file is cut short"):
        events._mapped(str(path), np.array([2990]), 64)


@pytest.mark.parametrize("layout", [{}, {"compression": "gzip"}], ids=["mapped", "packed"])
def test_a_stream_that_is_shorter_by_now_is_refused_by_name(tmp_path, layout):
    path = write(tmp_path / "a.emd")
    stored_as(path, chunks=(16, 1), **layout)
    data = om.open_signal(path)
    write(path, COUNTS[:1])
    stored_as(path, chunks=(16, 1), **layout)
    with pytest.raises(om.FormatError, match=r"cut short or replaced|was changed or replaced"):
        data.compute()


@pytest.mark.shared
def test_real_spectra_are_as_described(shared):
    tree = om.open(shared / "data/tem/EDS-STO.emd")
    found = om.signals(tree)
    assert len(found) == 5
    for data in found.values():
        assert data.dims == ("energy",)
        assert data.size == 4096
        assert float(data["energy"][0]) == pytest.approx(-0.25)
        assert float(data["energy"][1] - data["energy"][0]) == pytest.approx(0.005)
        assert data.attrs["metadata"]["beam"]["voltage"] == 200e3
    assert json.dumps(tree.attrs["not_read"]).count("SpectrumStream") == 4
