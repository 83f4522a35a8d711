"""Measurements in files, as reports are made of them."""

import numpy as np
import pytest

from omniscopy.testing.files.dm import DmImage, gatan_tags, write_dm4


@pytest.fixture
def spectra(tmp_path):
    """Make a spectrum image of 6 by 8 places as a DM4 file; return its path and its values."""
    return make_spectra(tmp_path)


def make_spectra(folder):
    """Write the file of `spectra` into a folder."""
    y, x, energy = np.mgrid[:6, :8, :50].astype(np.float32)
    values = 100 + 10 * y + x + 1000 * np.exp(-(((energy - 10 - 3 * x) / 2) ** 2))
    image = DmImage(
        data=np.ascontiguousarray(values.transpose(2, 0, 1)), name="Plasmons",
        calibrations=[(0.0, 2.0, "nm"), (0.0, 2.0, "nm"), (-20.0, 0.5, "eV")], tags=gatan_tags(),
    )  # fmt: skip
    path = folder / "map.dm4"
    write_dm4(path, image, thumbnail=False)
    return path, values
