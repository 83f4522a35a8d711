"""Headers that promise too much: no number in one decides how much memory or time a file takes.

Each format is tried on a small file of its own, whose headers are short enough to be tried whole:
`python3 dev.py fuzz` does so, the tests try some of it.
"""

import itertools
import time
import zlib

import numpy as np
import pytest
from tests.contracts.test_formats import FILES, make_sample
from tests.fuzz.test_real_files import FEWEST, stopped_when_it_hangs

from omniscopy.io.errors import FormatError
from omniscopy.io.reading import read_measurement
from omniscopy.testing.formats import absurd_numbers, bombs, check_damage, read_all

# Each takes a second to be packed.
MOST_BOMBS = 1


@pytest.mark.parametrize("name", FILES)
def test_no_number_in_a_header_decides_how_much_is_taken(name, tmp_path, pytestconfig):
    opened = make_sample(name, tmp_path)
    read_all(read_measurement(opened)[1], limit=2**28)  # what is imported or compiled first
    seconds = pytestconfig.getoption("--fuzz-seconds")
    rng = np.random.default_rng(pytestconfig.getoption("--fuzz-seed") + zlib.crc32(name.encode()))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    sound = {path: path.read_bytes() for path in files}
    until = time.monotonic() + seconds
    tried = [absurd_numbers(content, None, rng) for content in sound.values()]
    for count, (target, damaged) in enumerate(in_turn(files, tried)):
        if count >= FEWEST and time.monotonic() > until:
            break
        with stopped_when_it_hangs():
            check_damage(opened, damaged, folder=tmp_path, damaged_file=target, reader=name)
        target.write_bytes(sound[target])
    for target, content in sound.items():
        for damaged in bombs(content, MOST_BOMBS if seconds < 1 else None, rng):
            with stopped_when_it_hangs():
                check_damage(opened, damaged, folder=tmp_path, damaged_file=target, reader=name)
            target.write_bytes(content)


def test_places_of_far_more_pixels_than_a_file_has_bytes_are_refused(tmp_path):
    settings = make_sample("band_excitation", tmp_path)
    settings.write_bytes(settings.read_bytes().replace(b"# rows : 3", b"# rows : 999999999"))
    with pytest.raises(FormatError, match="an axis of 999999999 pixels is claimed"):
        read_measurement(settings)


def in_turn(files, kinds):
    """Yield damage to each file after the other, until there is none left for any."""
    for round_ in itertools.zip_longest(*kinds):
        for target, damaged in zip(files, round_, strict=True):
            if damaged is not None:
                yield target, damaged
