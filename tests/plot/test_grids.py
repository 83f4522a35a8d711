"""Curves at several places, courses of loops, and the numbers of figures."""

import csv

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection

import omniscopy as om


def drawn(figure):
    figure.canvas.draw()
    return figure


def numbered(rows=5, columns=7, points=11):
    """Return spectra of which each value says where it is from."""
    y, x, e = np.mgrid[:rows, :columns, :points]
    coords = {
        "y": ("y", 2.0 * np.arange(rows), {"units": "nm"}),
        "x": ("x", 3.0 * np.arange(columns), {"units": "nm"}),
        "energy_loss": ("energy_loss", 100.0 + np.arange(points), {"units": "eV"}),
    }
    values = 100.0 * y + 10.0 * x + 0.1 * e
    return xr.DataArray(values, coords, ("y", "x", "energy_loss"), attrs={"units": "counts"})


def test_each_panel_shows_the_curve_of_the_place_it_names():
    data = numbered()
    figure = drawn(om.plot.curve_grid(data, curves=6))
    panels = [ax for ax in figure.axes if ax.lines]
    assert len(panels) == 6
    for ax in panels:
        words = dict(part.split(" = ") for part in ax.get_title(loc="left").split(", "))
        place = {dim: float(text.removesuffix(" nm")) for dim, text in words.items()}
        expected = data.sel(place, method="nearest")
        np.testing.assert_allclose(ax.lines[0].get_ydata(), expected)
        np.testing.assert_allclose(ax.lines[0].get_xdata(), data["energy_loss"])
    rows = {ax.get_title(loc="left").split(",")[0] for ax in panels}
    columns = {ax.get_title(loc="left").split(",")[1] for ax in panels}
    assert (len(rows), len(columns)) == (2, 3)


def test_complex_curves_are_two_lines_and_fits_lie_over_points():
    data = om.samples.band_excitation()
    figure = drawn(om.plot.curve_grid(data, curves=4))
    lines = figure.axes[0].lines
    assert len(lines) == 2
    both = lines[0].get_ydata() + 1j * lines[1].get_ydata()
    assert np.isclose(np.abs(both).max(), float(abs(data).max()), rtol=0.9)
    real = numbered()
    fitted = drawn(om.plot.curve_grid(real, curves=4, over=real + 1))
    points, line = fitted.axes[0].lines
    assert (points.get_linestyle(), line.get_linestyle()) == ("None", "-")
    np.testing.assert_allclose(line.get_ydata() - points.get_ydata(), 1)


def test_only_the_curves_that_are_drawn_are_read():
    import dask.array as da

    read = []

    def block(block_info=None):
        read.append(1)
        return np.ones((1, 1, 30))

    lazy = da.map_blocks(block, chunks=((1,) * 20, (1,) * 20, (30,)), meta=np.ones((0, 0, 0)))
    drawn(om.plot.curve_grid(xr.DataArray(lazy, dims=("y", "x", "energy_loss")), curves=9))
    assert len(read) == 9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: om.plot.curve_grid(om.samples.spectrum()), "along a curve and at places"),
        (lambda: om.plot.curve_grid(numbered(), curves=99), "curves must be from 1 to 36"),
        (lambda: om.plot.curve_grid(numbered(), dim="z"), "dim must be one of"),
        (lambda: om.plot.course(numbered()), "along one dimension"),
        (lambda: om.plot.course(numbered()[0, 0], by="y"), "by must be a coordinate along"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, words):
    with pytest.raises(om.DataError, match=words):
        call()


def loop():
    angle = np.linspace(0, 2 * np.pi, 50)
    coords = {
        "bias": ("bias", 8 * np.sin(angle), {"units": "V"}),
        "time": ("bias", np.linspace(0, 1e-3, 50), {"units": "s", "quantity": "time"}),
    }
    return xr.DataArray(np.cos(angle), coords, dims="bias", attrs={"units": "V"})


def test_a_course_is_coloured_from_its_beginning_to_its_end():
    figure = drawn(om.plot.course(loop(), by="time"))
    (lines,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    assert len(lines.get_segments()) == 49
    np.testing.assert_allclose(lines.get_segments()[0][0], [0, 1], atol=1e-12)
    first, last = lines.get_colors()[[0, -1]]
    assert first[2] > first[0]
    assert last[0] > last[2]
    labels = [ax.get_ylabel() for ax in (figure.axes[0], *figure.axes[0].child_axes, *figure.axes)]
    assert "Time (ms)" in labels


def tables_of(path):
    found, rows = {}, None
    for row in csv.reader(path.read_text("utf-8").splitlines()):
        if row[0].startswith("#"):
            rows = found.setdefault(",".join(row), [])
        else:
            rows.append(row)
    return found


def test_the_numbers_of_a_figure_are_those_that_are_drawn(tmp_path):
    spectrum = numbered()[1, 2]
    place = om.plot.export_numbers(om.plot.signal(spectrum), tmp_path / "a.csv")
    (rows,) = tables_of(place).values()
    assert rows[0][0] == "Energy loss (eV)"
    np.testing.assert_allclose(
        np.array(rows[1:], float), np.column_stack([spectrum.energy_loss, spectrum])
    )
    with pytest.raises(FileExistsError, match="is there already"):
        om.plot.export_numbers(om.plot.signal(spectrum), place)


def test_images_and_loops_are_exported_whole(tmp_path):
    image = numbered()[:, :, 0]
    place = om.plot.export_numbers(om.plot.signal(image), tmp_path / "image.csv")
    (rows,) = [rows for words, rows in tables_of(place).items() if "image" in words]
    np.testing.assert_allclose(np.array(rows[1:], float), image)
    place = om.plot.export_numbers(om.plot.course(loop()), tmp_path / "loop.csv")
    (rows,) = [rows for words, rows in tables_of(place).items() if "line" in words]
    np.testing.assert_allclose(np.array(rows[1:], float)[:, 1], loop(), atol=1e-8)


def test_an_empty_figure_has_no_numbers(tmp_path):
    from matplotlib.figure import Figure

    with pytest.raises(om.DataError, match="no numbers on this figure"):
        om.plot.export_numbers(Figure(), tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()
