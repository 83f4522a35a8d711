"""All real files at once: known by their content, opened or refused with a reason, described."""

import gc
import json
import math
import shutil
from collections import Counter

import pytest

from omniscopy import io
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.manifests import all_formats
from omniscopy.io.reading import read_measurement
from omniscopy.model.vocabulary import METADATA

# Other packages that read for us may warn of what they like.
pytestmark = [pytest.mark.shared, pytest.mark.filterwarnings("ignore")]

# Files that no reader takes for its own.
UNKNOWN = {"random_csv_file.csv"}
# Files that are refused, and what is said of them.
REFUSED = {
    "random_csv_file.csv": "the content is not",
    "di_corrupted.di": "Fast Scan list",  # damaged on purpose
    "file2.dens": "sample",  # headings that are not over their columns
    "map4x4.xml": "the frames are in 'scan_x4_y4.raw'",  # of which there is no public copy
    "stack_images.xml": "the frames are in 'series_x10.raw'",
    "au_145mm_68kx_microprobe_01_master.h5": "_data_",
    "G-GrainBoundary-4nm-coord.npy": "Python",  # objects, which would have to be unpickled
}


@pytest.fixture(autouse=True)
def files_that_others_leave_open_are_closed_here():
    """Let no later test be blamed for files that another package did not close."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def files(shared):
    """Return the real files of the manifest, with the groups that they are in."""
    folder = shared / "data" / "vendor"
    rows = json.loads((folder / "MANIFEST.json").read_text())["files"]
    return [(folder / row["file"], row["format"]) for row in rows]


def known_as(path):
    try:
        return io.identify(path)
    except UnsupportedFormatError:
        return None


def test_real_files_are_known_by_their_content_alone(files, tmp_path):
    wrong = []
    for path, _ in files:
        known = known_as(path)
        assert (known is None) == (path.name in UNKNOWN), path
        for name in ("no_extension", "wrong.tif", "wrong.h5"):
            renamed = tmp_path / name
            shutil.copyfile(path, renamed)
            if known_as(renamed) != known:
                wrong.append((path.name, name, known, known_as(renamed)))
    assert wrong == []


def test_files_of_a_group_are_of_one_format(files):
    formats = {}
    for path, group in files:
        if path.name not in UNKNOWN:
            formats.setdefault(group, set()).add(known_as(path))
    assert {group: found for group, found in formats.items() if len(found) > 1} == {}


def test_every_real_file_is_opened_or_refused_for_the_reason_that_is_listed(files):
    unexpected = []
    for path, _ in files:
        try:
            read_measurement(path)
        except FormatError as error:
            if REFUSED.get(path.name, "not listed") not in str(error):
                unexpected.append((path.name, str(error)))
        else:
            assert path.name not in REFUSED
    assert unexpected == []


def test_manifests_say_on_how_many_real_files_a_format_was_tried(files):
    opened = Counter(known_as(path) for path, _ in files if path.name not in REFUSED)
    said = {name: form.real_files for name, form in all_formats().items()}
    assert said == {name: opened[name] for name in said}


# What formats have too, in kinds of files of which none is real here; tests of those make them.
MADE = {"tiff": {"feedback", "probe", "technique"}}


def test_manifests_say_what_common_metadata_there_are(files):
    found = {name: set(groups) for name, groups in MADE.items()}
    for path, _ in files:
        if path.name not in REFUSED:
            form, measurement = read_measurement(path)
            for tree in (measurement.metadata, *(each.metadata for each in measurement.channels)):
                found.setdefault(form.name, set()).update(tree)
    said = all_formats()
    assert {name: sorted(tree) for name, tree in found.items() if tree} == {
        name: sorted(said[name].metadata) for name, tree in found.items() if tree
    }


def leaves(tree, path=()):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield ".".join((*path, name)), value


def test_common_metadata_are_in_common_words_and_plain_numbers(files):
    for path, _ in files:
        try:
            _, measurement = read_measurement(path)
        except FormatError:
            continue
        for tree in (measurement.metadata, *(each.metadata for each in measurement.channels)):
            for name, value in leaves(tree):
                assert name in METADATA, (path.name, name)
                if METADATA[name] is not None:
                    assert isinstance(value, int | float), (path.name, name, value)
                    assert math.isfinite(value), (path.name, name, value)
