"""Figures of distributions and correlations of grains."""

import numpy as np

from omniscopy import image, plot, samples


def test_a_histogram_has_a_bar_for_each_class_in_its_units():
    found = image.grain_distribution(samples.grain_table(), "area", bins=6)
    ax, right = plot.signal(found, title="Areas").axes
    assert [bar.get_height() for bar in ax.patches] == list(found["count"].values)
    assert ax.get_xlabel() == "Value (nm²)"
    assert right.lines[0].get_ydata()[-1] == 1.0


def test_one_quantity_is_drawn_against_the_other_with_its_line():
    found = image.correlate_grains(samples.grain_table(), "equivalent_radius", "height_max")
    (ax,) = plot.signal(found).axes
    drawn = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_allclose(drawn[:, 0], found["first"])
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, float(found["offset"]) + float(found["slope"]) * np.asarray(x))
    assert ax.get_xlabel() == "Equivalent radius (nm)"
