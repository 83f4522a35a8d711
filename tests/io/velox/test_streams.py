"""Counting events: what the kernels do with streams that are not as they should be."""

import numpy as np
import pytest

from omniscopy.io.velox import streams
from omniscopy.io.velox.events import Events
from omniscopy.io.velox.streams import NEXT_PIXEL, count_frames, find_rows, rows_in


def table(channels):
    """Return where each number that an event can be is counted: channels as they are."""
    found = np.full(NEXT_PIXEL + 1, -1, np.int32)
    found[:channels] = np.arange(channels)
    return found


def scattered(events, block):
    """Return events in blocks that lie in the opposite order, with others between them."""
    blocks = [events[at : at + block] for at in range(0, len(events), block)]
    full = np.full((2 * len(blocks), block), NEXT_PIXEL, np.uint16)
    for number, each in enumerate(blocks):
        full[2 * (len(blocks) - 1 - number), : len(each)] = each
    places = 2 * block * np.arange(len(blocks))[::-1]
    return Events(full.ravel(), places, block)


def test_events_after_the_last_row_of_a_frame_are_counted_nowhere():
    # A frame of 2 x 2 pixels, with an event in each, and two marks and an event too many.
    events = np.array([1, NEXT_PIXEL] * 4 + [0, NEXT_PIXEL, 2, NEXT_PIXEL], np.uint16)
    size, events = len(events), Events.of(events)
    rows = rows_in([events], 0, size, (2, 2))[np.newaxis]
    rows[0, -1] = 8
    places = (np.arange(2), table(3))
    counts = np.full((1, 2, 2, 3), 7, np.uint32)
    count_frames(events, (rows[:, :-1], rows[:, 1:]), places, counts)
    np.testing.assert_array_equal(counts[0], np.tile([0, 1, 0], (2, 2, 1)))
    # The last row takes what comes before the end of the frame, and no more than its columns.
    rows[0, -1] = size
    count_frames(events, (rows[:, :-1], rows[:, 1:]), places, counts)
    np.testing.assert_array_equal(counts[0], np.tile([0, 1, 0], (2, 2, 1)))


@pytest.mark.parametrize("columns", [1, 3, 50, 700])
@pytest.mark.parametrize("share", [0.01, 0.4, 1.0])
def test_rows_start_after_so_many_marks(columns, share):
    rng = np.random.default_rng(3)
    events = np.where(rng.random(3000) < share, NEXT_PIXEL, 5).astype(np.uint16)
    marks = np.flatnonzero(events == NEXT_PIXEL)
    rows = np.full(len(marks) // columns + 3, -1, np.int64)
    half = find_rows(Events.of(events[:1111], 10), 10, 3010, 0, columns, rows)
    rest = Events.of(events[1111:], 1121)
    assert find_rows(rest, 1121, 3010, half, columns, rows) == len(marks)
    starts = marks[columns - 1 :: columns] + 11
    np.testing.assert_array_equal(rows[1 : len(starts) + 1], starts)
    np.testing.assert_array_equal(rows[len(starts) + 1 :], -1)
    again = np.full_like(rows, -1)
    find_rows(scattered(events, 70), 0, 3000, 0, columns, again)
    np.testing.assert_array_equal(again[1 : len(starts) + 1], starts - 10)


@pytest.mark.parametrize("block", [1, 5, 10_000])
@pytest.mark.parametrize("shared", [1, 4])
def test_every_thread_counts_rows_of_its_own(monkeypatch, shared, block):
    monkeypatch.setattr(streams, "BLOCK_BYTES", 100)
    rng = np.random.default_rng(4)
    truth = rng.poisson(0.4, (4, 7, 3, 9))
    lines = [[*np.repeat(np.arange(9), spectrum), NEXT_PIXEL] for spectrum in truth.reshape(-1, 9)]
    events = np.array([event for line in lines for event in line], np.uint16)
    ends = np.cumsum([len(line) for line in lines])[2::3].reshape(4, 7)
    starts = np.append(0, ends.ravel()[:-1]).reshape(4, 7)
    events, places = scattered(events, block), (np.arange(3), table(9))
    into = np.full((4 // shared, 7, 3, 9), 99, np.uint16)
    count_frames(events, (starts, ends), places, into)
    expected = truth.reshape(4 // shared, shared, 7, 3, 9).sum(axis=1)
    np.testing.assert_array_equal(into, expected)
    if shared == 4:
        count_frames(events, (starts, ends), places, into, further=True)
        np.testing.assert_array_equal(into, 2 * expected)
