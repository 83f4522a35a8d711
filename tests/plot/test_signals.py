"""The figure that each kind of data gets."""

from itertools import pairwise

import dask.array as da
import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure
from tests.plot import measurements as make

import omniscopy as om
from omniscopy import plot
from omniscopy.model import DataError, coordinate


def texts(figure):
    """Return everything that is written on a figure."""
    found = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    return [text for text in found if text]


def drawn(figure):
    """Draw a figure, so that nothing is left to fail, and return it."""
    figure.draw_without_rendering()
    return figure


def pictures(figure):
    return [ax for ax in figure.axes if ax.images]


def test_a_spectrum_is_a_line_with_the_units_of_its_axes():
    figure = drawn(plot.signal(make.spectrum()))
    (ax,) = figure.axes
    assert ax.get_xlabel() == "Energy loss (eV)"
    assert ax.get_ylabel() == "Intensity (counts)"
    assert "Core loss" in texts(figure)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, make.spectrum().energy_loss)
    np.testing.assert_allclose(y, make.spectrum())


def test_a_spectrum_with_its_uncertainty_has_a_band():
    data = make.spectrum()
    figure = drawn(plot.signal(data, std=data * 0.1))
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1.1 * float(data.max()))
    assert "± 1 standard deviation" in texts(figure)


def test_an_image_has_row_0_on_top_and_its_true_extent():
    data = make.image(24, 32)
    figure = drawn(plot.signal(data))
    ax = pictures(figure)[0]
    assert ax.images[0].get_extent() == [-0.25, 15.75, 11.75, -0.25]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert ax.get_aspect() == 1.0
    np.testing.assert_array_equal(ax.images[0].get_array(), data.values)
    assert {"x (nm)", "y (nm)", "Intensity (counts)", "2 nm"} <= set(texts(figure))


def test_pixels_that_are_not_square_keep_their_shape():
    data = make.image(10, 10).assign_coords(y=("y", np.arange(10) * 2.0, {"units": "nm"}))
    left, right, bottom, top = pictures(plot.signal(data))[0].images[0].get_extent()
    assert (bottom - top) / (right - left) == pytest.approx(4)


def test_sides_in_different_prefixes_are_shown_in_one():
    data = make.image(10, 10).assign_coords(y=("y", np.arange(10) * 5e-4, {"units": "µm"}))
    figure = plot.signal(data)
    left, right, bottom, top = pictures(figure)[0].images[0].get_extent()
    assert (bottom - top) / (right - left) == pytest.approx(1)
    assert {"x (nm)", "y (nm)"} <= set(texts(figure))


def test_an_image_without_calibration_has_no_brackets_and_no_scale_bar():
    data = make.labelled(np.eye(8), make.axis("y", 8), make.axis("x", 8), long_name="Plain")
    figure = drawn(plot.signal(data))
    ax = pictures(figure)[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert not ax.artists


def test_missing_pixels_have_a_colour_of_their_own_and_are_explained():
    data = make.image()
    data[:4] = np.nan
    figure = drawn(plot.signal(data))
    shown = pictures(figure)[0].images[0]
    bad = tuple(shown.cmap.get_bad())
    assert not any(np.allclose(bad, shown.cmap(i)) for i in range(256))
    assert "no data" in texts(figure)


def test_one_hot_pixel_does_not_take_all_the_contrast():
    data = make.image(100, 100)
    data[5, 5] = 1e9
    shown = pictures(plot.signal(data))[0].images[0]
    assert shown.norm.vmax < 1e4


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_of_one_value_is_drawn(value):
    shown = pictures(drawn(plot.signal(make.image() * 0 + value)))[0].images[0]
    low, high = shown.get_clim()
    assert low < high
    assert np.isnan(value) or low <= value <= high


def test_strain_is_shown_symmetric_about_zero():
    data = make.image(quantity="strain", units="1") / 1000 - 0.1
    norm = pictures(plot.signal(data))[0].images[0].norm
    assert norm.vmin == pytest.approx(-norm.vmax)


def test_drift_is_shown_symmetric_about_zero():
    data = make.image(quantity="drift", units="nm") / 1000 - 0.1
    norm = pictures(plot.signal(data.assign_attrs(quantity="drift", units="nm")))[0].images[0].norm
    assert norm.vmin == pytest.approx(-norm.vmax)


def test_orders_are_stems_and_nothing_is_drawn_between_them():
    orders = make.labelled(np.array([0.2, -0.5, 0.9]), ("order", np.array([2, 3, 6])))
    (ax,) = drawn(plot.signal(orders)).axes
    assert ax.lines[0].get_linestyle() == "None"
    stems = ax.collections[0].get_segments()
    np.testing.assert_allclose([stem[:, 0].tolist() for stem in stems], [[2, 2], [3, 3], [6, 6]])
    np.testing.assert_allclose([stem[1, 1] for stem in stems], orders)


def test_uncertain_orders_have_bars_and_no_band_between_them():
    orders = make.labelled(np.array([0.2, -0.5, 0.9]), ("order", np.array([2, 3, 6])))
    (ax,) = drawn(plot.signal(orders, std=abs(orders) * 0.1)).axes
    bars = ax.collections[-1].get_segments()
    np.testing.assert_allclose([bar[:, 0].tolist() for bar in bars], [[2, 2], [3, 3], [6, 6]])
    np.testing.assert_allclose([np.ptp(bar[:, 1]) for bar in bars], 0.2 * abs(orders))


def test_a_variable_is_called_by_its_title_or_its_symbol():
    maps = make.fitted_maps()
    thickness = maps.amplitude.assign_attrs(units="1")
    titled = thickness.assign_attrs(long_name="Relative thickness")
    figure = drawn(plot.signal(xr.Dataset({"t_over_lambda": thickness, "ratio": titled})))
    assert {"t/λ", "Relative thickness"} <= set(texts(figure))


def test_a_colour_image_is_shown_in_its_colours():
    ax = drawn(plot.signal(make.colour_image())).axes[0]
    assert tuple(ax.images[0].get_array()[0, 0]) == (255, 0, 0)


def test_a_stack_is_a_grid_of_evenly_spaced_frames_with_their_labels():
    figure = drawn(plot.signal(make.stack(30), frames=4))
    assert len(pictures(figure)) == 4
    assert {"frame 0", "frame 10", "frame 19", "frame 29", "4 of 30 images"} <= set(texts(figure))
    limits = {ax.images[0].get_clim() for ax in pictures(figure)}
    assert len(limits) == 1


def test_a_spectral_image_is_a_map_beside_its_mean_spectrum():
    data = make.spectral_image()
    figure = drawn(plot.signal(data.chunk(y=2)))
    left, right = figure.axes[0], figure.axes[1]
    np.testing.assert_allclose(left.images[0].get_array(), data.mean("energy_loss"))
    np.testing.assert_allclose(right.lines[0].get_ydata(), data.mean(["y", "x"]))
    assert right.get_xlabel() == "Energy loss (eV)"


def test_a_4d_scan_is_a_map_beside_its_mean_pattern_on_a_compressed_scale():
    data = make.scan_4d()
    figure = drawn(plot.signal(data.chunk(y=2)))
    left, right = figure.axes[0], figure.axes[1]
    np.testing.assert_allclose(left.images[0].get_array(), data.mean(["ky", "kx"]))
    np.testing.assert_allclose(right.images[0].get_array(), data.mean(["y", "x"]))
    assert isinstance(right.images[0].norm, AsinhNorm)
    assert right.get_xlabel() == "kx (nm⁻¹)"


def test_a_pattern_has_a_reciprocal_scale_bar():
    assert "0.2 nm⁻¹" in texts(drawn(plot.signal(make.scan_4d()[0, 0])))


def test_complex_data_are_magnitude_and_phase():
    data = make.image() * np.exp(0.5j)
    figure = drawn(plot.signal(data))
    assert [len(ax.images) for ax in figure.axes[:2]] == [1, 1]
    np.testing.assert_allclose(figure.axes[1].images[0].get_array()[1:], 0.5, rtol=1e-5)
    assert "Phase (rad)" in texts(figure)
    drawn(plot.signal(make.spectrum() * 1j))


def test_points_are_scattered_in_readable_units():
    figure = drawn(plot.signal(make.points()))
    assert {"x (µm)", "y (µm)", "Current (pA)"} <= set(texts(figure))
    offsets = figure.axes[0].collections[1].get_offsets()
    np.testing.assert_allclose(offsets[:, 0], make.points().x * 1e6)


def test_a_fit_has_a_map_for_each_variable_with_its_uncertainty():
    results = make.fitted_maps()
    assert "amplitude (± 30 pm typically; 79 of 80 fits converged)" in texts(plot.signal(results))
    figure = drawn(plot.signal(results.assign(phase=results.amplitude * 1e9)))
    assert len(pictures(figure)) == 2
    assert {"amplitude (± 30 pm typically)", "79 of 80 fits converged"} <= set(texts(figure))


def test_a_decomposition_shows_loadings_components_and_what_they_explain():
    found = texts(drawn(plot.signal(make.decomposition())))
    assert {"loading 1", "component 3", "Explained variance"} <= set(found)


def test_a_table_of_peaks_is_drawn_as_stems_and_as_a_table():
    found = texts(drawn(plot.signal(make.peaks())))
    assert {"Position (eV)", "Height (counts)", "532 eV", "position"} <= set(found)


def test_no_peaks_at_all_is_said():
    found = texts(drawn(plot.signal(make.peaks().isel(peak=slice(0)))))
    assert any("nothing was found" in text for text in found)


def test_single_numbers_are_a_table():
    results = xr.Dataset(
        {"sq": ((), 1.5e-9, {"units": "m"}), "sq_std": ((), 1e-11, {"units": "m"})}
    )
    assert {"sq", "1.5 nm", "10 pm"} <= set(texts(drawn(plot.signal(results))))


@pytest.mark.parametrize(
    "sizes",
    [
        {"y": 4, "x": 5, "cycle": 2, "bias": 6, "frequency": 12},
        {"x": 6, "energy_loss": 40}, {"energy_loss": 40, "frame": 3}, {"time": 50},
        {"frame": 3, "ky": 8, "kx": 8}, {"x": 4, "ky": 8, "kx": 8},
        {"strange": 5, "other": 30, "third": 3},
        {"cycle": 12, "y": 6, "x": 5}, {"z": 4, "y": 6, "x": 5}, {"y": 1, "x": 9}, {"y": 1, "x": 1},
        {"frequency": 8, "bias": 9, "time": 20}, {"channel": 2, "y": 8, "x": 8},
        {"point": 9, "bias": 30},
        {"y": 3, "x": 400}, {"frame": 2, "y": 4, "x": 4, "ky": 8, "kx": 8},
        {"sample": 30, "bias": 30},
    ],
    ids="-".join,
)  # fmt: skip
@pytest.mark.parametrize("lazy", [True, False])
def test_data_of_any_dimensions_are_drawn(sizes, lazy):
    values = np.random.default_rng(0).normal(size=tuple(sizes.values()))
    data = make.labelled(values, *(make.axis(dim, size) for dim, size in sizes.items()))
    drawn(plot.signal(data.chunk() if lazy else data))
    drawn(plot.signal(data.drop_vars(list(sizes))))


def test_a_waveform_that_comes_and_goes_is_numbered_in_pictures_and_followed_in_curves():
    bias = np.concatenate([np.linspace(0, 5, 10), np.linspace(5, 0, 10)])
    data = make.labelled(np.ones((30, 20)), make.axis("time", 30, 1e-3, "s"), make.axis("bias", 20))
    data = data.assign_coords(bias=("bias", bias, {"units": "V"}))
    assert "Bias, point number" in texts(drawn(plot.signal(data)))
    np.testing.assert_allclose(plot.signal(data[0]).axes[0].lines[0].get_xdata(), bias)


def test_a_decomposition_of_one_spectrum_is_drawn():
    drawn(plot.signal(make.decomposition().isel(y=[0], x=[0], component=[0])))


def test_blank_rows_at_the_end_of_a_table_are_no_points():
    spots = xr.Dataset(
        {
            name: ("peak", np.array([1.0, -1.0, np.nan]), {"units": units})
            for name, units in (("ky", "1/nm"), ("kx", "1/nm"), ("intensity", "1"))
        },
        coords={"peak": np.arange(3)},
    )
    assert "2 points" in texts(drawn(plot.signal(spots)))
    blank = spots * np.nan
    assert any("nothing was found" in text for text in texts(drawn(plot.signal(blank))))


def test_nothing_on_a_figure_is_clipped():
    for data in (make.image(64, 64), make.spectral_image(), make.scan_4d(), make.fitted_maps()):
        figure = drawn(plot.signal(data, title=""))
        width, height = figure.get_size_inches()
        box = figure.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height


def test_the_name_of_a_graph_is_no_title():
    lazy = da.ones((8, 8), chunks=4) + 1
    data = xr.DataArray(lazy, dims=("y", "x"))
    assert not any(text.startswith("add-") for text in texts(drawn(plot.signal(data))))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "complex64"])
def test_values_of_any_number_type_are_drawn(dtype):
    drawn(plot.signal(make.image().astype(dtype)))
    drawn(plot.signal(make.spectral_image().astype(dtype)))


def test_text_from_a_file_is_never_read_as_mathematics():
    title = r"$\frac{1$ and _x^ 測定 \n"
    drawn(plot.signal(make.image(long_name=title, quantity=title, units=title)))
    drawn(plot.signal(make.spectrum(long_name=title, quantity=title, units="$$")))


def test_a_very_large_image_is_drawn_from_a_part_of_it():
    touched = []

    def block(block_info=None):
        place = block_info[None]["array-location"]
        touched.append(np.prod([stop - start for start, stop in place]))
        return np.ones(block_info[None]["chunk-shape"], np.float32)

    lazy = da.map_blocks(block, chunks=((2048,) * 4, (2048,) * 4), dtype=np.float32)
    data = make.labelled(lazy, make.axis("y", 8192, 1, "nm"), make.axis("x", 8192, 1, "nm"))
    figure = plot.signal(data)
    assert pictures(figure)[0].images[0].get_array().shape == (1024, 1024)
    assert "averaged over 8 y × 8 x" in texts(figure)


def test_means_of_more_than_can_be_read_are_made_of_evenly_taken_spectra(monkeypatch):
    monkeypatch.setattr("omniscopy.plot.sampling.READ_BYTES", 2000)
    figure = plot.signal(make.spectral_image().chunk(y=2))
    assert any(text.startswith("every ") for text in texts(figure))


def test_a_long_trace_keeps_its_highest_and_lowest_point():
    values = np.zeros(300_000)
    values[123_456], values[234_567] = 9.0, -4.0
    figure = plot.signal(make.labelled(values, make.axis("time", values.size, 1e-6, "s")))
    y = figure.axes[0].lines[0].get_ydata()
    assert y.size <= 20_000
    assert (y.max(), y.min()) == (9.0, -4.0)


def test_drawing_leaves_matplotlib_and_the_data_as_they_were():
    data = make.spectral_image()
    drawn(plot.signal(data))  # the first figure lets matplotlib choose its backend
    before = matplotlib.rcParams.copy()
    copy = data.copy(deep=True)
    plot.signal(data)
    assert {**matplotlib.rcParams, "backend": None} == {**before, "backend": None}
    xr.testing.assert_identical(data, copy)
    assert "matplotlib.pyplot" not in plot.signal.__globals__


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(3), "expected a labelled array"),
        (xr.DataArray(["a"]), "expected numbers to draw"),
        (xr.DataArray(np.zeros((0, 3))), "nothing to draw: the data are empty"),
        (xr.Dataset(), "nothing to draw: the Dataset has no variables"),
    ],
)
def test_what_cannot_be_drawn_is_refused(data, message):
    with pytest.raises(DataError, match=message):
        plot.signal(data)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_small_uncertainties_of_reciprocal_lengths_keep_the_units_of_their_values(shape):
    dims = ("y",)[: len(shape)]
    found = xr.Dataset(
        {
            "ky": (dims, np.full(shape, 3.6), {"units": "1/nm"}),
            "ky_std": (dims, np.full(shape, 4e-4), {"units": "1/nm"}),
        }
    )
    said = " ".join(texts(plot.signal(found)))
    assert "0.0004 nm⁻¹" in said
    assert "mm" not in said


def test_an_image_and_a_curve_are_drawn_into_axes_of_another_figure():
    page = Figure()
    left, right = page.add_subfigure(page.add_gridspec(1, 1)[0]).subplots(1, 2)
    image, spectrum = om.samples.surface(), om.samples.spectrum()
    assert om.plot.signal(image, ax=left, title="a") is page
    om.plot.signal(spectrum, ax=right, std=spectrum**0.5)
    assert (left.get_xlabel(), left.get_ylabel()) == ("x (nm)", "y (nm)")
    assert left.get_title(loc="left") == "a"
    assert right.get_xlabel() == "Energy (eV)"
    assert len(right.lines) == len(right.collections) == 1
    # Row 0 is on top.
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert [child.get_ylabel() for child in left.child_axes] == ["Height (nm)"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (om.samples.spectrum_image, "one real image or a few real curves"),
        (lambda: om.samples.surface() * 1j, "one real image or a few real curves"),
        (om.samples.fourier_spots, "only one variable is drawn into ax="),
    ],
)
def test_what_needs_a_figure_of_its_own_is_refused_in_axes(made, message):
    with pytest.raises(DataError, match=message):
        om.plot.signal(made(), ax=Figure().subplots())


@pytest.mark.parametrize("level", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("width", [2.0, 7.0])
def test_numbers_of_a_compressed_scale_do_not_overlap(level, width):
    values = np.random.default_rng(3).exponential(level, (32, 32))
    values[0, 0], values[16, 16] = 0.0, 3e4
    coords = {dim: coordinate(dim, 0.1 * np.arange(-16, 16), "1/nm") for dim in ("ky", "kx")}
    pattern = xr.DataArray(values, coords, ("ky", "kx"), attrs={"units": "counts"})
    figure = drawn(plot.signal(pattern, width=width))
    (bar,) = pictures(figure)[0].child_axes
    shown = [label for label in bar.get_yticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in shown]
    assert len(boxes) >= 3
    assert any("{0}" in label.get_text() for label in shown)
    for below, above in pairwise(boxes):
        assert above.y0 >= below.y1


def test_a_long_label_of_a_colour_bar_goes_on_in_a_second_line_with_its_units():
    words = "Virtual image, ring from 2.2 to 6.5 1/nm"
    image = make.image().assign_attrs(long_name=words)
    image.attrs.pop("quantity", None)
    figure = drawn(plot.signal(image, title="dark field"))
    assert f"{words}\n(counts)" in texts(figure)
