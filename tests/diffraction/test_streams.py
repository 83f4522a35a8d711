"""Frames that arrive one by one."""

import socket
import threading
import time

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.diffraction import (
    Disk,
    RadialProfile,
    file_frames,
    find_centre,
    mean_pattern,
    reduce,
    socket_frames,
    stream,
)
from omniscopy.model import DataError, Status

CENTRE = (0.25, -0.4)
ASKED = {
    "all": "sum", "mean": "mean", "max": "max", "variance": "variance", "com": "com",
    "disc": Disk(2.0, centre=CENTRE), "profile": RadialProfile(0.5, centre=CENTRE),
}  # fmt: skip


@pytest.fixture
def data():
    return samples.diffraction_4d()


def frames_of(data):
    return data.values.reshape(-1, *data.shape[-2:])


def last_of(results):
    return list(results)[-1]


@pytest.mark.parametrize("every", [None, 1, 5, 100])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_the_last_result_is_that_of_the_whole(data, dtype, every):
    data = data.astype(dtype)
    found = last_of(stream(iter(frames_of(data)), ASKED, data, every=every))
    xr.testing.assert_allclose(found, reduce(data, ASKED))
    assert found.attrs["frames"] == 42


def test_running_results_are_of_the_frames_that_have_come(data):
    results = stream(iter(frames_of(data)), ASKED, data, every=10)
    first = next(results)
    assert first.attrs["frames"] == 10
    flat = first["all"].values.ravel()
    np.testing.assert_array_equal(flat[:10], frames_of(data)[:10].sum(axis=(1, 2)))
    assert np.isnan(flat[10:]).all()
    np.testing.assert_allclose(first["mean"], frames_of(data)[:10].mean(axis=0))
    np.testing.assert_array_equal(first["max"], frames_of(data)[:10].max(axis=0))
    assert (first["status"].values.ravel()[10:] == Status.NO_DATA).all()
    again = first.copy(deep=True)
    next(results)
    xr.testing.assert_identical(first, again)


def test_blocks_of_any_size_and_frames_that_are_too_many(data):
    frames = frames_of(data)
    blocks = [frames[:1], frames[1:20], frames[20], frames[21:], frames[:3], frames[:1]]
    found = last_of(stream(iter(blocks), ASKED, data, every=4))
    xr.testing.assert_allclose(found, reduce(data, ASKED))
    short = last_of(stream(iter(blocks[:2]), ASKED, data, every=4))
    assert short.attrs["frames"] == 20


def test_detectors_follow_centres_that_are_given(data):
    centres = find_centre(data)
    asked = [Disk(2.0), RadialProfile(0.5)]
    found = last_of(stream(iter(frames_of(data)), asked, data, centres=centres))
    xr.testing.assert_allclose(found, reduce(data, asked, centres=centres))
    one = find_centre(mean_pattern(data))
    found = last_of(stream(iter(frames_of(data)), asked, data, centres=one))
    xr.testing.assert_allclose(found, reduce(data, asked, centres=one))


@pytest.mark.parametrize("gap", [0, 24])
def test_a_file_is_read_while_it_grows(data, tmp_path, gap):
    path, frames = tmp_path / "scan.raw", frames_of(data).astype(">u2")

    def write():
        time.sleep(0.05)
        with path.open("wb") as file:
            file.write(b"x" * 100)
            for n, frame in enumerate(frames):
                file.write((b"h" * gap if n else b"") + frame.tobytes())
                file.flush()
                time.sleep(0.001 if n % 5 else 0.01)

    writer = threading.Thread(target=write)
    writer.start()
    source = file_frames(path, (48, 52), ">u2", offset=100, gap=gap, frames=42, timeout=300.0)
    found = last_of(stream(source, ASKED, data, every=6))
    writer.join()
    xr.testing.assert_allclose(found, reduce(data, ASKED))


def test_a_file_that_stops_growing_ends_the_stream(data, tmp_path):
    path = tmp_path / "scan.raw"
    path.write_bytes(frames_of(data)[:9].tobytes() + b"half a frame")
    found = last_of(stream(file_frames(path, (48, 52), "u2", timeout=0.1), ASKED, data))
    assert found.attrs["frames"] == 9


def test_frames_come_through_a_socket_of_this_machine(data):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def send():
        for _ in range(15_000):
            try:
                sender = socket.create_connection(("127.0.0.1", port), timeout=300)
            except ConnectionRefusedError:
                time.sleep(0.02)
                continue
            with sender:
                for frame in frames_of(data):
                    sender.sendall(frame.tobytes())
            return

    sender = threading.Thread(target=send)
    sender.start()
    source = socket_frames(("127.0.0.1", port), (48, 52), "u2", timeout=300.0)
    found = last_of(stream(source, ASKED, data))
    sender.join()
    xr.testing.assert_allclose(found, reduce(data, ASKED))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: next(socket_frames(("8.8.8.8", 1), (4, 4), "u2")), "from this machine only"),
        (lambda data: next(socket_frames(("host.example", 1), (4, 4), "u2")), "loopback"),
        (lambda data: next(file_frames("x", (4, 4), "O")), "planes of real numbers"),
        (lambda data: next(file_frames("x", (4, 4), "u2", gap=-1)), "must not be negative"),
        (lambda data: stream(iter(()), [Disk(1.0)], data), "give its centre as"),
        (lambda data: stream(iter(()), ["radial_profile"], data), "give its centre as"),
        (lambda data: stream(iter(()), ["sum"], data, every=0), "at least 1 frame"),
        (lambda data: stream(iter(()), ["sum"], data.transpose()), "in the order of a scan"),
        (lambda data: next(stream(iter([np.zeros((3, 4))]), ["sum"], data)), "has the shape"),
        (lambda data: next(stream(iter([np.zeros((48, 52))]), ["sum"], data)), "is of type"),
    ],
)
def test_says_what_cannot_be_streamed(data, call, match):
    with pytest.raises(DataError, match=match):
        call(data)
