"""The figure of a baseline: over its spectrum, with what is left."""

import numpy as np
import pytest

from omniscopy import plot, samples
from omniscopy.signal import estimate_baseline


def test_a_baseline_is_drawn_over_its_spectrum_with_the_difference_below():
    data = samples.spectrum()
    baseline = estimate_baseline(data, method="snip")
    figure = plot.signal(baseline, over=data, title="Baseline")
    figure.draw_without_rendering()
    above, below = figure.axes
    np.testing.assert_allclose(above.lines[0].get_ydata(), data)
    np.testing.assert_allclose(above.lines[1].get_ydata(), baseline)
    np.testing.assert_allclose(below.lines[0].get_ydata(), data - baseline, atol=1e-3)
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["spectrum", "baseline"]
    assert above.get_ylabel() == below.get_ylabel() == "Intensity (counts)"
    assert (above.get_xlabel(), below.get_xlabel()) == ("", "Energy (eV)")


@pytest.mark.parametrize("chunks", [None, {"y": 5}])
def test_of_many_spectra_the_mean_is_drawn(chunks):
    data = samples.spectrum_image()
    data = data if chunks is None else data.chunk(chunks)
    baseline = estimate_baseline(data)
    figure = plot.signal(baseline, over=data)
    mean = data.mean(["y", "x"])
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), mean, rtol=1e-5)
    notes = [text.get_text() for text in figure.texts]
    assert "mean over y, x" in notes


def test_a_baseline_alone_is_a_curve():
    figure = plot.signal(estimate_baseline(samples.spectrum()))
    (ax,) = figure.axes
    assert ax.get_ylabel() == "Baseline (counts)"


def test_over_other_data_a_baseline_is_a_curve():
    baseline = estimate_baseline(samples.spectrum())
    assert len(plot.signal(baseline, over=samples.spectrum()[:100]).axes) == 1
