"""The stream of a map, decoded in compiled code.

Every row is a number of pixels, then the pixels: a head of 22 bytes (column u32, two channels u16,
u32, kind of packing u16, u16, pulses u16, bytes of the counts u16, u16), then the counts. Kind 1
is the channel of each pulse in 12 bits. In the others an instruction (width u8, channels u8) says
how the next channels are packed: none of them counted anything (width 0), or what they have above
a first number of `width` bytes, in half as many bytes each. Further pulses may follow, in 16 bits.
"""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled

HEAD = 22
# What is wrong with a stream.
SOUND, TOO_LONG, OUTSIDE, BROKEN = 0, 1, 2, 3


def _little(data: np.ndarray, at: int, width: int) -> Any:
    value = np.int64(0)
    for number in range(width):
        value |= np.int64(data[at + number]) << (8 * number)
    return value


little = numba.njit(_little)


def _pixel_bytes(data: np.ndarray, at: int) -> int:
    """Return the bytes of the pixel at a place, 0 where its end is not in `data`."""
    if at + HEAD > data.size:
        return 0
    end = at + HEAD + little(data, at + 18, 2)
    if little(data, at + 12, 2) != 1 and little(data, at + 16, 2) > 0:
        if end + 4 > data.size:
            return 0
        end += 4 + little(data, end, 4)
    return end - at if end <= data.size else 0


pixel_bytes = numba.njit(_pixel_bytes)


def _find_rows(data: np.ndarray, at: int, columns: int, rows: np.ndarray, state: np.ndarray) -> int:
    """Fill in where rows start in bytes that begin `at`; return how many bytes were passed.

    `state` is how many rows were met, the pixels that are left of the last, and what is wrong.
    """
    place = 0
    while True:
        if state[1] == 0:
            if state[0] == rows.size - 1:
                rows[state[0]] = at + place
                return place
            if place + 4 > data.size:
                return place
            rows[state[0]] = at + place
            state[0] += 1
            state[1] = little(data, place, 4)
            place += 4
            if state[1] > columns:
                state[2] = TOO_LONG
                return place
            continue
        size = pixel_bytes(data, place)
        if size == 0:
            return place
        place += size
        state[1] -= 1


find_rows = keep_compiled(numba.njit, _find_rows, nogil=True)


def _count_pulses(
    data: np.ndarray, at: int, pulses: int, places: np.ndarray, counts: np.ndarray
) -> None:
    """Add pulses of 12 bits, which follow each other in little-endian words of 16."""
    for number in range(pulses):
        bit = 12 * number
        word = at + (bit >> 4) * 2
        both = little(data, word, 2) << 16
        if bit % 16 > 4:
            both |= little(data, word + 2, 2)
        channel = (both >> (20 - bit % 16)) & 0xFFF
        if channel < places.size and places[channel] >= 0:
            counts[places[channel]] += 1


count_pulses = numba.njit(_count_pulses)


def _add_channels(
    data: np.ndarray, at: int, end: int, places: np.ndarray, counts: np.ndarray
) -> int:
    """Add counts that are packed by instructions."""
    channel = np.int64(0)
    while at + 2 <= end:
        width, size = data[at], np.int64(data[at + 1])
        at += 2
        if width == 0:
            channel += size
            continue
        if width not in (1, 2, 4, 8):
            return BROKEN
        half = (size * width + 1) // 2
        if at + width + half > end:
            return BROKEN
        first = little(data, at, width)
        at += width
        for number in range(size):
            above = little(data, at + number * (width // 2), width // 2)
            if width == 1:
                above = np.int64(data[at + number // 2]) >> (4 * (number % 2)) & 15
            if channel < places.size and places[channel] >= 0:
                counts[places[channel]] += np.uint32(first + above)
            channel += 1
        at += half
    return SOUND


add_channels = numba.njit(_add_channels)


def _count_row(
    data: np.ndarray, columns: np.ndarray, places: np.ndarray, counts: np.ndarray
) -> int:
    """Add the counts of one row; return what is wrong with it.

    `columns` and `places` say for each column and channel where it is in `counts`, -1 for nowhere.
    """
    at = 4
    for _ in range(little(data, 0, 4)):
        size = pixel_bytes(data, at)
        if size == 0:
            return OUTSIDE
        column = little(data, at, 4)
        if column >= columns.size:
            return OUTSIDE
        if columns[column] >= 0:
            pulses, packed = little(data, at + 16, 2), little(data, at + 18, 2)
            here, end = counts[columns[column]], at + HEAD + packed
            if little(data, at + 12, 2) == 1:
                # The last word may be cut where no pulse reaches into it.
                if 12 * pulses > 8 * packed or packed % 2:
                    return BROKEN
                count_pulses(data, at + HEAD, pulses, places, here)
            else:
                if add_channels(data, at + HEAD, end, places, here) != SOUND:
                    return BROKEN
                if pulses and end + 4 + 2 * pulses > at + size:
                    return BROKEN
                for number in range(pulses):
                    channel = little(data, end + 4 + 2 * number, 2)
                    if channel < places.size and places[channel] >= 0:
                        here[places[channel]] += 1
        at += size
    return SOUND


count_row = keep_compiled(numba.njit, _count_row, nogil=True)
