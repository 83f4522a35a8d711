"""Figures of decompositions, clusters and mixtures."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from tests.plot.test_signals import drawn, pictures, texts

from omniscopy import plot, samples, simulate
from omniscopy.plot.style import COLOURS
from omniscopy.signal import cluster, decompose, unmix


@pytest.fixture(scope="module")
def counts():
    return samples.spectrum_image()


def test_the_scree_shows_what_is_more_than_noise(counts):
    figure = drawn(plot.signal(decompose(counts, 6, noise="poisson")))
    words = " ".join(texts(figure))
    assert "2 above noise (dashed); bend after 2" in words
    assert "4 of 6 components" in words
    scree = next(ax for ax in figure.axes if ax.get_ylabel() == "Explained variance")
    filled, hollow = scree.collections
    assert len(filled.get_offsets()) == 2
    assert len(hollow.get_offsets()) == 4
    level = scree.lines[1].get_ydata()[0]
    assert filled.get_offsets()[:, 1].min() > level > hollow.get_offsets()[:, 1].max()


def test_components_that_overlap_are_not_added_up(counts):
    words = " ".join(texts(drawn(plot.signal(decompose(counts, 2, method="nmf")))))
    assert "parts overlap" in words
    assert "by all;" not in words
    assert "above noise" not in words


def test_samples_without_data_and_what_is_left_are_said(counts):
    damaged = counts.astype(float)
    damaged[3, 4] = np.nan
    words = " ".join(texts(drawn(plot.signal(decompose(damaged, 2, method="ica")))))
    assert "1 of 320 samples without data" in words
    assert "left by all" in words


@pytest.mark.parametrize("method", ["nfindr", "kernel_pca", "nonnegative_cp", "tucker"])
def test_every_method_has_a_figure(counts, method):
    dim = ("x", "energy_loss") if method in ("nonnegative_cp", "tucker") else None
    found = decompose(counts.isel(energy_loss=slice(None, None, 5)), 2, method=method, dim=dim)
    assert {"loading 1", "component 2"} <= set(texts(drawn(plot.signal(found))))


def test_clusters_are_a_map_beside_centres_in_the_same_colours(counts):
    found = cluster(counts, 2)
    figure = drawn(plot.signal(found))
    (picture,) = pictures(figure)
    shown = picture.images[0].to_rgba(picture.images[0].get_array()[:1, :1])[0, 0]
    number = int(found["label"][0, 0])
    np.testing.assert_allclose(shown, to_rgba(COLOURS[number]), atol=0.01)
    centres = next(ax for ax in figure.axes if len(ax.lines) == 2)
    assert centres.lines[number].get_color() == COLOURS[number]
    np.testing.assert_allclose(centres.lines[0].get_ydata(), found["centre"][0])
    sizes = found["size"].values
    assert {f"0 ({sizes[0]})", f"1 ({sizes[1]})", "cluster (samples)"} <= set(texts(figure))
    assert any("silhouette 0." in text for text in texts(figure))


def test_clusters_of_images_points_and_values_are_drawn(counts):
    stack = samples.image_stack()
    assert "centre of 1" in texts(drawn(plot.signal(cluster(stack, 2, dim=("y", "x")))))
    flat = counts.stack(point=("y", "x")).drop_vars(["point", "y", "x"])
    assert "centres" in texts(drawn(plot.signal(cluster(flat, 2))))
    assert "label" in texts(drawn(plot.signal(cluster(counts[..., 0], 9))))
    lazy = cluster(counts.chunk(y=4), method="kmeans").compute()
    assert "cluster (samples)" in texts(drawn(plot.signal(lazy)))


def test_nothing_in_clusters_is_drawn(counts):
    found = cluster((counts * np.nan).chunk(y=4), 2).compute()
    assert any("320 of 320 samples without data" in t for t in texts(drawn(plot.signal(found))))


def test_mixtures_are_a_map_for_each_spectrum(counts):
    phases = simulate.phase_spectra()
    figure = drawn(plot.signal(unmix(counts, phases)))
    assert len(pictures(figure)) == 3
    assert {"abundance of 1", "abundance of 2", "residual (root mean square)"} <= set(texts(figure))
    named = phases.rename(component="phase").assign_coords(phase=["Ti4+", "Ti3+"])
    assert "abundance of Ti4+" in texts(drawn(plot.signal(unmix(counts, named))))
    many = xr.concat([counts[n // 16, n % 16] for n in range(14)], "phase", coords="minimal",
                     compat="override")  # fmt: skip
    many = many.drop_vars(["y", "x"], errors="ignore")
    assert any("11 of 14" in text for text in texts(drawn(plot.signal(unmix(counts, many)))))
