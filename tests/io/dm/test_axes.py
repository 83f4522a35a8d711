"""Dimensions of DigitalMicrograph files: names, order, calibration."""

from typing import Any

import numpy as np
import pytest

from omniscopy.io.dm.reader import read
from omniscopy.model.vocabulary import kind_of, signal_type_of
from omniscopy.testing.files.dm import DmImage, gatan_tags, write_dm4


def names_of(tmp_path, units, shape=None, tags: dict[str, Any] | None = None):
    """Return names and units of the axes of an image whose dimensions, fastest first, have them."""
    shape = shape or tuple(range(2, 2 + len(units)))
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape[::-1])
    calibrations = [(0, 1, unit) for unit in units]
    write_dm4(tmp_path / "a.dm4", DmImage(data=data, calibrations=calibrations, tags=tags or {}))
    (channel,) = read(tmp_path / "a.dm4").channels
    # Every dimension has another length, which tells where it went.
    sizes = [shape.index(axis.size) for axis in channel.axes]
    assert channel.data.shape == tuple(axis.size for axis in channel.axes)
    everything = channel.data[(slice(None),) * data.ndim]
    np.testing.assert_array_equal(
        everything, data.transpose([data.ndim - 1 - index for index in sizes])
    )
    return [axis.name for axis in channel.axes], sizes


def meta(data_format: str, signal: str | None = None, *, swapped: bool | None = None):
    tags: dict[str, Any] = {"Format": data_format}
    if signal is not None:
        tags["Signal"] = signal
    if swapped is not None:
        tags["Data Order Swapped"] = swapped
    return {"Meta Data": tags}


@pytest.mark.parametrize(
    ("units", "tags", "names", "order"),
    [
        (["eV"], {}, ["energy_loss"], [0]),
        (["eV"], meta("Spectrum", "EELS"), ["energy_loss"], [0]),
        (["keV"], meta("Spectrum", "X-ray"), ["energy"], [0]),
        (["eV"], meta("Spectrum", "X-ray"), ["energy"], [0]),
        (["keV"], {}, ["energy"], [0]),
        (["nm"], meta("Spectrum", "CL"), ["wavelength"], [0]),
        (["eV"], meta("Spectrum", "CL"), ["energy"], [0]),
        (["1/cm"], meta("Spectrum", "CL"), ["wavenumber"], [0]),
        ([""], meta("Spectrum", "EELS"), ["energy_loss"], [0]),
        ([""], meta("Spectrum", "X-ray"), ["energy"], [0]),
        (["nm"], {}, ["x"], [0]),
        ([""], {}, ["x"], [0]),
        (["eV", "nm"], meta("Spectrum image", "EELS"), ["x", "energy_loss"], [1, 0]),
        (["eV", ""], meta("Spectrum image", "EELS"), ["x", "energy_loss"], [1, 0]),
        (["nm", "µm"], meta("Spectrum image", "CL"), ["x", "wavelength"], [1, 0]),
        (["nm", "nm"], meta("Spectrum image", "EELS"), ["y", "x"], [1, 0]),
        (["nm", "nm", "eV"], {}, ["y", "x", "energy_loss"], [1, 0, 2]),
        (["eV", "nm", "nm"], {}, ["y", "x", "energy_loss"], [2, 1, 0]),
        (["", "", "keV"], meta("Spectrum image", "X-ray"), ["y", "x", "energy"], [1, 0, 2]),
        (["", "", ""], meta("Spectrum image", "EELS"), ["y", "x", "energy_loss"], [1, 0, 2]),
        (
            ["", "", ""],
            meta("Spectrum image", "EELS", swapped=True),
            ["y", "x", "energy_loss"],
            [2, 1, 0],
        ),
        (["µm", "µm", "nm"], meta("Spectrum image", "CL"), ["y", "x", "wavelength"], [1, 0, 2]),
        (["nm", "nm"], {}, ["y", "x"], [1, 0]),
        (["", ""], {}, ["y", "x"], [1, 0]),
        (["1/nm", "1/nm"], {}, ["ky", "kx"], [1, 0]),
        (["mrad", "mrad"], {}, ["ky", "kx"], [1, 0]),
        (["", ""], meta("Diffraction image"), ["ky", "kx"], [1, 0]),
        (["eV", "mrad"], {}, ["kx", "energy_loss"], [1, 0]),
        (["nm", "nm", ""], {}, ["frame", "y", "x"], [2, 1, 0]),
        (["nm", "nm", "s"], {}, ["time", "y", "x"], [2, 1, 0]),
        (["nm", "nm", "nm"], {}, ["z", "y", "x"], [2, 1, 0]),
        (["1/nm", "1/nm", ""], {}, ["frame", "ky", "kx"], [2, 1, 0]),
        (["1/nm", "1/nm", "nm"], {}, ["x", "ky", "kx"], [2, 1, 0]),
        (["nm", "nm", "eV", "s"], {}, ["time", "y", "x", "energy_loss"], [3, 1, 0, 2]),
        (["1/nm", "1/nm", "nm", "nm"], {}, ["y", "x", "ky", "kx"], [3, 2, 1, 0]),
        (["nm", "nm", "1/nm", "1/nm"], {}, ["y", "x", "ky", "kx"], [1, 0, 3, 2]),
        (["nm", "nm", "", ""], {}, ["y", "x", "ky", "kx"], [1, 0, 3, 2]),
        (["mrad", "mrad", "", ""], {}, ["y", "x", "ky", "kx"], [3, 2, 1, 0]),
        (["", "", "", ""], {}, ["y", "x", "ky", "kx"], [3, 2, 1, 0]),
        (
            ["", "", "", ""],
            meta("Diffraction image", swapped=True),
            ["y", "x", "ky", "kx"],
            [3, 2, 1, 0],
        ),
        (["", "", "", ""], meta("Diffraction image"), ["y", "x", "ky", "kx"], [1, 0, 3, 2]),
        (["nm", "nm", "s", "1/cm", ""], {}, ["time", "frame", "y", "x", "wavenumber"], None),
    ],
)
def test_dimensions_are_named_and_ordered(tmp_path, units, tags, names, order):
    found, sizes = names_of(tmp_path, units, tags=tags)
    if order is None:
        assert sorted(found) == sorted(names)
        return
    assert found == names
    assert sizes == order
    assert signal_type_of([kind_of(name) for name in found]) != "unknown"


def test_coordinates_follow_origin_and_scale(tmp_path):
    calibrations = [(10.0, 0.5, "nm"), (-3.0, 0.25, "nm"), (-400.0, 0.125, "eV")]
    image = DmImage(data=np.zeros((8, 6, 5)), calibrations=calibrations, tags=gatan_tags())
    write_dm4(tmp_path / "a.dm4", image)
    y, x, energy = read(tmp_path / "a.dm4").channels[0].axes
    np.testing.assert_array_equal(y.coordinate(), [0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
    np.testing.assert_array_equal(x.coordinate(), [-5.0, -4.5, -4.0, -3.5, -3.0])
    np.testing.assert_array_equal(energy.coordinate(), 50 + 0.125 * np.arange(8))
    assert (y.units, x.units, energy.units) == ("nm", "nm", "eV")


def test_row_0_is_the_first_row_of_the_file(tmp_path):
    rows = np.arange(12).reshape(3, 4).astype(np.int16)
    write_dm4(tmp_path / "a.dm4", DmImage(data=rows))
    data = read(tmp_path / "a.dm4").channels[0].data
    np.testing.assert_array_equal(data[0, slice(None)], [0, 1, 2, 3])
    np.testing.assert_array_equal(data[slice(None), 0], [0, 4, 8])


def test_a_dimension_without_calibration_counts_pixels(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros((2, 3))))
    for axis in read(tmp_path / "a.dm4").channels[0].axes:
        assert axis.units is None
        assert (axis.scale, axis.offset) == (1.0, 0.0)
        assert str(axis.offset) == "0.0"


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_scale_that_cannot_be_counts_pixels(tmp_path, bad):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(4), calibrations=[(2.0, bad, "eV")]))
    (axis,) = read(tmp_path / "a.dm4").channels[0].axes
    np.testing.assert_array_equal(axis.coordinate(), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("um", "µm"), ("A", "Å"), ("1/A", "1/Å"), ("A^-1", "1/Å"), ("Counts", "counts"), (" ", None)],
)
def test_units_are_spelled_the_usual_way(tmp_path, written, read_as):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(4), calibrations=[(0, 1, written)]))
    assert read(tmp_path / "a.dm4").channels[0].axes[0].units == read_as


def test_an_angle_is_not_called_a_reciprocal_length(tmp_path):
    image = DmImage(data=np.zeros((4, 5)), calibrations=[(2, 0.5, "mrad")] * 2)
    write_dm4(tmp_path / "a.dm4", image)
    assert [axis.quantity for axis in read(tmp_path / "a.dm4").channels[0].axes] == ["angle"] * 2


@pytest.mark.parametrize("absurd", ["km^999", "nm^-9999", "/", "\x00", "furlong"])
def test_units_that_are_none_do_not_stop_the_data(tmp_path, absurd):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(4), calibrations=[(0, 2.0, absurd)]))
    (axis,) = read(tmp_path / "a.dm4").channels[0].axes
    assert (axis.name, axis.scale) == ("x", 2.0)
