"""What tests of several formats share."""

import json

import pytest


@pytest.fixture(scope="session")
def real_files(shared):
    """Return a function that finds the rows of the manifest for formats, each with its path."""
    folder = shared / "data/vendor"
    rows = json.loads((folder / "MANIFEST.json").read_text("utf-8"))["files"]
    rows = [row | {"path": folder / row["file"]} for row in rows]

    def of_formats(*names):
        return [row for row in rows if not names or row["format"] in names]

    return of_formats
