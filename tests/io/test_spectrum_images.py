"""Parts of spectrum images that are counted when they are read."""

from pathlib import Path

import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.spectrum_images import (
    Rebinned,
    Window,
    energy_axis,
    require_frames,
    require_rebin,
)

CUBE = np.random.default_rng(9).integers(0, 99, (4, 5, 12))
KEYS = [
    (slice(None), slice(None), slice(None)),
    (2, slice(1, 4), slice(None, None, 2)),
    (slice(0, 0), 3, 1),
    (slice(1, 4, 2), -1, slice(2, 5)),
]


@pytest.mark.parametrize("key", KEYS)
def test_a_window_says_where_each_position_falls(key):
    window = Window.of(key, CUBE.shape)
    places = [window.places(axis, size) for axis, size in enumerate(CUBE.shape)]
    found = np.zeros(window.shape, int)
    for position, value in np.ndenumerate(CUBE):
        at = tuple(int(place[i]) for place, i in zip(places, position, strict=True))
        if min(at) >= 0:
            found[at] += value
    np.testing.assert_array_equal(found[window.kept], CUBE[key])


def test_positions_that_are_taken_together_fall_on_one_place():
    window = Window.of((slice(None), slice(None), slice(1, 3)), (4, 5, 4))
    assert window.places(2, 13, rebin=3).tolist() == [-1] * 3 + [0] * 3 + [1] * 3 + [-1] * 4


@pytest.mark.parametrize("key", KEYS)
def test_channels_are_taken_together_where_a_part_is_read(key):
    whole = CUBE[..., :10].reshape(4, 5, 5, 2).sum(axis=-1)
    handle = Rebinned(CUBE[..., :11], 2)
    assert handle.shape == whole.shape
    np.testing.assert_array_equal(handle[key], whole[key])


def test_energies_of_channels_taken_together_are_their_middle():
    line = energy_axis(10, (0.01, -0.2), 4)
    assert (line.size, line.units) == (2, "keV")
    np.testing.assert_allclose(line.coordinate(), [-0.185, -0.145])
    assert energy_axis(10, None).units is None


def test_options_that_make_no_sense_are_refused():
    for rebin in (0, 2.0, 5000):
        with pytest.raises(FormatError, match="rebin_energy must be"):
            require_rebin(Path("a"), rebin)
    for frames in ((1, 1), (-1, 2), (1,)):
        with pytest.raises(FormatError, match="frames must be"):
            require_frames(Path("a"), frames)
