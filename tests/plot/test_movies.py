"""Movies: one contrast, labels with units, and files that hold every frame."""

import dask.array as da
import matplotlib.animation
import numpy as np
import pytest
from PIL import Image
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError


def shown(movie, number):
    """Return the axes of a movie, with the frame of this number drawn."""
    movie._draw_was_started = True
    movie._func(number)
    return movie._fig.axes[0]


def series(frames=5):
    """Return images of 1e-3, 2e-3 ... nm over time in ms."""
    values = (1e-3 * np.arange(1, frames + 1))[:, None, None] * np.ones((frames, 6, 8))
    return make.labelled(
        values, make.axis("time", frames, 2e-3, "s"), make.axis("y", 6, 1, "nm"),
        make.axis("x", 8, 1, "nm"), long_name="Growth", quantity="height", units="nm",
    )  # fmt: skip


def test_every_frame_is_in_the_file(tmp_path):
    path = tmp_path / "series.gif"
    plot.animate(series(), path, frame_rate=5.0, resolution=50)
    with Image.open(path) as movie:
        assert movie.n_frames == 5
        assert movie.info["duration"] == 200
        assert movie.size[0] > movie.size[1] / 2


def test_all_frames_have_one_contrast_and_their_own_label():
    movie = plot.animate(series(), percentiles=(0, 100))
    for number, time in ((0, "time 0 s"), (3, "time 6 ms")):
        ax = shown(movie, number)
        (image,) = ax.images
        # The largest is 5 pm: all are shown in pm.
        np.testing.assert_allclose(image.get_array(), number + 1)
        assert image.get_clim() == pytest.approx((1, 5))
        assert ax.get_title(loc="left") == time
    assert "Height (pm)" in [ax.get_ylabel() for ax in movie._fig.axes[0].child_axes]
    assert ax.artists  # the scale bar


def test_dark_frames_of_a_stack_keep_the_units_of_the_others():
    data = series() * np.array([1, 1, 1, 1, 1e4])[:, None, None]
    figure = plot.signal(data.assign_attrs(series().attrs), percentiles=(0, 100))
    images = [ax.images[0] for ax in figure.axes if ax.images]
    assert images[0].get_clim() == pytest.approx((1e-3, 50))
    np.testing.assert_allclose(images[0].get_array(), 1e-3)


def test_patterns_run_over_the_scan_unless_asked_otherwise():
    data = make.scan_4d()
    ax = shown(plot.animate(data), 7)
    assert ax.get_title(loc="left") == "y 1 nm, x 1 nm"
    np.testing.assert_array_equal(ax.images[0].get_array(), data[1, 1])
    ax = shown(plot.animate(data, dim=("ky", "kx")), 3)
    np.testing.assert_array_equal(ax.images[0].get_array(), data[:, :, 0, 3])


def test_spectra_of_a_series_keep_their_axes():
    data = make.spectral_image()[0]
    movie = plot.animate(data.astype(complex) * 1j)
    ax = shown(movie, 4)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), data[4])
    assert ax.get_ylim()[1] > data.max()
    assert ax.get_title(loc="left") == "x 4 nm"


def test_only_the_frames_that_are_drawn_are_read():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["array-location"][0][0])
        return np.ones((1, 4, 4))

    lazy = da.map_blocks(block, chunks=((1,) * 1000, (4,), (4,)), dtype=float, meta=np.ones(()))
    data = make.labelled(lazy, make.axis("frame", 1000), make.axis("y", 4), make.axis("x", 4))
    movie = plot.animate(data, frames=10)
    assert len(set(read)) == 10
    assert "10 of 1000 frames" in movie._fig.get_supxlabel()
    shown(movie, 9)


def test_missing_values_are_drawn_as_such():
    data = series()
    data[2, 1] = np.nan
    image = shown(plot.animate(data), 2).images[0].get_array()
    assert image.mask[1].all()
    assert not image.mask[0].any()


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (make.spectrum(), {}, "needs a dimension for time"),
        (make.image(), {"dim": "time"}, "dim must name dimensions"),
        (make.scan_4d(), {"dim": "y"}, "one or two that are drawn"),
        (make.stack(2), {"frame_rate": 0.0}, "frame_rate must be above 0"),
        (make.stack(2), {"frames": 0}, "frames must be above 0"),
        (make.stack(2), {"path": "movie.docx"}, "movies are written as .gif"),
        (make.stack(2)[:0], {}, "expected numbers to animate"),
        (make.stack(2).astype(str), {}, "expected numbers to animate"),
    ],
)
def test_what_cannot_be_animated_is_refused(data, options, message):
    with pytest.raises(DataError, match=message):
        plot.animate(data, **options)


def test_a_movie_that_needs_ffmpeg_says_so(monkeypatch):
    monkeypatch.setattr(matplotlib.animation.FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(DataError, match=r"needs the program ffmpeg.*write \.gif"):
        plot.animate(make.stack(2), "movie.mp4")
