"""The release notes: every change stands there once, where one looks for it."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def releases():
    return runpy.run_path(str(DOCS / "pages" / "releases.py"))


def test_every_change_is_listed_once(releases):
    page = releases["page"](DOCS)
    lines = [line.removeprefix("* ") for line in page.splitlines() if line.startswith("* ")]
    for kind in releases["KINDS"]:
        for change in releases["changes"](DOCS.parent / "changes", kind):
            assert lines.count(change) == 1, change


@pytest.mark.parametrize(
    ("line", "area"),
    [
        ("`diffraction.profile_strain` measures distances.", "Diffraction and 4D-STEM"),
        ("`omniscopy.eels`: zero-loss alignment.", "Energy losses"),
        ("Read DM3 and DM4.", "Files"),
        ("The explorer keeps what was undone.", "Explorer, reports, command line"),
        ("Nothing of the kind.", "All of it"),
    ],
)
def test_a_change_is_listed_under_what_it_is_of(releases, line, area):
    assert releases["area_of"](line) == area
