"""Counting events: what the kernel does with streams that are not as they should be."""

import numpy as np

from omniscopy.io.velox.streams import NEXT_PIXEL, count_events


def test_events_after_the_last_row_of_a_frame_are_counted_nowhere():
    # A frame of 2 x 2 pixels, with an event in each, and two marks and an event too many.
    events = np.array([1, NEXT_PIXEL] * 4 + [0, NEXT_PIXEL, 2, NEXT_PIXEL], np.uint16)
    counts = np.zeros((2, 2, 3), np.uint32)
    count_events(events, np.array([0, 0]), np.arange(2), np.arange(2), np.arange(3), counts)
    np.testing.assert_array_equal(counts, np.tile([0, 1, 0], (2, 2, 1)))
