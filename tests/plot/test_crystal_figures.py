"""Figures of crystals and their patterns: what is drawn, where, and in which units."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import Circle

from omniscopy import crystal, plot, simulate
from omniscopy.model import DataError, coordinate
from omniscopy.plot.crystals.indices import plane_label
from omniscopy.plot.crystals.rays import (
    conjugate_planes,
    kikuchi_profile,
    pattern_planes,
    trace_ray,
)

SETTING = {"zone": (0, 1, 1), "voltage": 200e3}


@pytest.fixture(scope="module")
def spots():
    return simulate.spot_pattern("Si", limit=1.2, **SETTING)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_indices_have_bars_and_four_of_them_in_hexagonal_cells():
    assert plane_label((1, -1, 0)) == r"$1\bar{1}0$"
    assert plane_label((1, 0, -12)) == r"$1\,0\,\bar{12}$"
    assert plane_label((1, 0, -1), hexagonal=True) == r"$10\bar{1}\bar{1}$"


def test_spots_are_where_the_table_has_them_with_ky_downwards(spots):
    figure = plot.spot_pattern(spots, labels=5)
    ax = figure.axes[0]
    low, high = ax.get_ylim()
    assert low > high
    allowed = spots.isel(reflection=spots.double_diffraction.values == 0)
    drawn = next(c for c in ax.collections if isinstance(c, PathCollection))
    np.testing.assert_allclose(
        drawn.get_offsets(), np.stack([allowed.kx.values, allowed.ky.values], axis=1)
    )
    assert "000" in texts(ax)
    assert plane_label(spots.hkl.values[0]) in texts(ax)
    assert len(texts(ax)) == 6
    assert ax.get_xlabel() == "kx (Å⁻¹)"
    assert "200 kV" in figure.get_suptitle()


def test_discs_have_the_size_of_the_aperture(spots):
    ax = plot.spot_pattern(spots, disc_radius=0.07).axes[0]
    radii = {patch.radius for patch in ax.patches if isinstance(patch, Circle)}
    assert radii == {0.07}


def test_lines_pass_at_their_distance_from_the_middle():
    lines = simulate.kikuchi_lines("Al", zone=(0, 0, 1), voltage=200e3, tilt=(0.2, 0.1))
    ax = plot.line_pattern(lines).axes[0]
    drawn = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert len(drawn) == 2
    for collection, name in zip(drawn, ("deficient", "excess"), strict=True):
        for (first, last), line in zip(collection.get_segments(), lines[name].values, strict=True):
            along = (last - first) / np.linalg.norm(last - first)
            away = abs(first[0] * along[1] - first[1] * along[0])
            assert away == pytest.approx(abs(line), abs=1e-9)


def test_holz_lines_end_at_the_rim_of_the_disc_and_lie_over_it():
    options = {"zone": (1, 1, 1), "voltage": 100e3, "convergence_mrad": 6.0}
    lines = simulate.holz_lines("Si", limit=4.0, **options)
    disc = simulate.cbed_discs("Si", thickness=500.0, pixels=15, limit=0.6, **options)
    over = disc.intensity.isel(thickness=0, beam=0)
    ax = plot.line_pattern(lines, over=over).axes[0]
    radius = lines.attrs["disc_radius"]
    for segment in ax.collections[0].get_segments():
        np.testing.assert_allclose(np.linalg.norm(segment, axis=1), radius, rtol=1e-9)
    left, right, bottom, top = ax.images[0].get_extent()
    assert right == -left > radius
    assert bottom == -top > radius


def test_rings_have_a_picture_and_a_labelled_profile():
    rings = simulate.ring_pattern("Al", voltage=200e3)
    measured = rings.profile * 40.0
    figure = plot.ring_pattern(rings, over=measured, labels=4)
    picture, profile = figure.axes
    assert len(picture.images) == 1
    assert texts(profile)[:2] == ["$111$", "$200$"]
    ours, theirs = profile.lines[:2]
    np.testing.assert_allclose(ours.get_ydata(), theirs.get_ydata(), rtol=1e-9)


def test_structures_have_a_ball_for_every_atom_on_the_cell():
    figure = plot.structure("SrTiO3", bonds=False)
    ax = figure.axes[0]
    # 8 Sr, 1 Ti and 6 O, each of four circles.
    assert len([patch for patch in ax.patches if isinstance(patch, Circle)]) == 4 * 15
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Sr", "Ti", "O"]
    # Only titanium and its six oxygens are nearest neighbours of each other.
    assert len(plot.structure("SrTiO3").axes[0].lines) == 12


def test_projections_show_columns_and_a_cell():
    ax = plot.projection("SrTiO3", (0, 0, 1), repeats=(2, 2)).axes[0]
    places = {tuple(np.round(c.get_offsets()[0], 3)) for c in ax.collections}
    assert len(places) == 4 * 4
    assert ax.get_ylabel() == "y (Å)"


def test_a_thin_lens_images_as_its_formula_says():
    lenses = ((100.0, 60.0),)
    ((place, times),) = conjugate_planes(lenses, 300.0)
    assert 1 / (place - 100.0) == pytest.approx(1 / 60 - 1 / 100)
    assert times == pytest.approx(-1.5)
    assert pattern_planes(lenses, 300.0) == pytest.approx([160.0])
    ends = [trace_ray(lenses, (), 5.0, angle, place)[1][-1] for angle in (-0.1, 0.0, 0.07)]
    np.testing.assert_allclose(ends, -7.5)
    meeting = [trace_ray(lenses, (), height, 0.05, 160.0)[1][-1] for height in (-5.0, 0.0, 2.0)]
    np.testing.assert_allclose(meeting, 60 * 0.05)


def test_an_aperture_ends_rays_that_meet_it():
    z, _ = trace_ray((), ((50.0, 2.0),), 0.0, 0.1, 100.0)
    assert z[-1] == 50.0
    z, _ = trace_ray((), ((50.0, 6.0),), 0.0, 0.1, 100.0)
    assert z[-1] == 100.0
    figure = plot.ray_diagram()
    assert any("image" in text for text in texts(figure.axes[0]))


def test_the_line_farther_from_the_beam_is_the_bright_one():
    angle = np.array([-4.0, 20.0])
    plain = kikuchi_profile(angle, (-4.0, 20.0), 25.0, 0.0)
    shown = kikuchi_profile(angle, (-4.0, 20.0), 25.0, 0.5)
    assert shown[0] < plain[0]
    assert shown[1] > plain[1]
    words = texts(plot.kikuchi_geometry(tilt=8.0).axes[0])
    assert {"excess", "deficient"} <= set(words)
    assert texts(plot.kikuchi_geometry(tilt=0.0).axes[0]).count("neither") == 2


def test_waves_of_a_higher_zone_end_on_the_sphere():
    ax = plot.holz_geometry(wave_number=10.0).axes[0]
    waves = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_ydata()[0] > 5]
    assert len(waves) == 3
    for wave in waves:
        length = np.hypot(np.diff(wave.get_xdata()), np.diff(wave.get_ydata()))
        assert length[0] == pytest.approx(10.0, rel=1e-9)


def test_a_ronchigram_is_drawn_with_its_phase_plate_and_the_rings():
    lens = {"voltage": 200e3, "aberrations": {"defocus": 500.0, "Cs": 1.2e7}}
    pattern = simulate.ronchigram(aperture=20.0, pixels=96, **lens)
    probe = simulate.probe(convergence_angle=8.0, size=10.0, sampling=0.5, **lens)["intensity"]
    plate, shadow, enlarged, spot = plot.ronchigram(pattern, probe=probe).axes
    # The phase of a round lens: (2 pi / wavelength) (C10 t^2 / 2 + C30 t^4 / 4), C10 = -defocus.
    theta = 1e-3 * np.hypot(pattern["ky"], pattern["kx"]).values
    length = 0.02507934
    chi = 2 * np.pi / length * (-500.0 * theta**2 / 2 + 1.2e7 * theta**4 / 4)
    drawn = plate.collections[0].get_array().reshape(96, 96)
    inside = theta <= 0.02
    np.testing.assert_allclose(drawn[inside], np.cos(chi[inside]), atol=1e-4)
    assert np.ma.getmaskarray(np.ma.masked_invalid(drawn))[~inside].all()
    # Rings of infinite magnification: where C10 + C30 t^2 or C10 + 3 C30 t^2 is nothing.
    (rings,) = [c for c in shadow.collections if len(c.get_paths()) and c is not
                shadow.collections[0]]  # fmt: skip
    radii = np.hypot(*np.concatenate([path.vertices for path in rings.get_paths()]).T)
    for known in (1e3 * np.sqrt(500.0 / 1.2e7), 1e3 * np.sqrt(500.0 / 3.6e7)):
        assert np.abs(radii - known).min() < 0.5
    assert radii.max() < 8.0
    assert enlarged.get_title() == "magnification"
    assert spot.collections[0].get_array().max() == pytest.approx(float(probe.max()))
    assert not plot.ronchigram(pattern).axes[3].collections
    with pytest.raises(DataError, match=r"expected a Ronchigram .*\['chi'\] are missing"):
        plot.ronchigram(pattern.drop_vars("chi"))
    with pytest.raises(DataError, match="a probe is an image along y and x"):
        plot.ronchigram(pattern, probe=probe.isel(x=0))


def test_what_is_no_table_or_lens_is_refused(spots):
    with pytest.raises(DataError, match="expected a table along 'line'"):
        plot.line_pattern(spots)
    with pytest.raises(DataError, match="expected a table along 'reflection'"):
        plot.spot_pattern(spots.drop_vars("intensity"))
    with pytest.raises(DataError, match="have no profile"):
        plot.ring_pattern(simulate.ring_pattern("Al", voltage=200e3).drop_vars("profile"))
    with pytest.raises(DataError, match=r"ase\.Atoms or a name"):
        plot.structure(5)
    with pytest.raises(DataError, match="between 0 and 460"):
        plot.ray_diagram(lenses=((100.0, -5.0),))
    with pytest.raises(DataError, match="above 0 and below 40"):
        plot.kikuchi_geometry(bragg_angle=0.0)
    with pytest.raises(DataError, match="twice the height"):
        plot.holz_geometry(wave_number=1.0)


def test_tables_of_patterns_are_drawn_as_such_by_default(spots):
    figure = plot.signal(spots)
    assert "000" in texts(figure.axes[0])
    rings = plot.signal(simulate.ring_pattern("Al", voltage=200e3))
    assert len(rings.axes) == 2
    lines = simulate.kikuchi_lines("Si", **SETTING)
    assert len(plot.signal(lines).axes[0].collections) == 2


def orientations(*matrices):
    """Return a map of orientations, one row."""
    coords = {
        "y": coordinate("y", [0.0], "nm"), "x": coordinate("x", np.arange(len(matrices)), "nm")
    }  # fmt: skip
    return xr.Dataset({"matrix": (("y", "x", "row", "column"), np.array([matrices]))}, coords)


def test_orientations_have_the_colours_of_what_lies_along_the_beam():
    atoms = crystal.structure("Al")
    turn = crystal.stage_rotation(20.0, 9.0) @ crystal.orientation_matrix(atoms, (1, 2, 4))
    found = orientations(
        crystal.orientation_matrix(atoms, (0, 1, 1)), turn, np.full((3, 3), np.nan)
    )
    figure = plot.orientation_map(found, "Al")
    left, right = figure.axes
    (shown,) = [np.asarray(image.get_array()) for image in left.images]
    np.testing.assert_allclose(shown[0, 0], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(shown[0, 1], crystal.direction_colours(atoms, turn[2]))
    assert len(set(shown[0, 2])) == 1
    assert texts(right) == ["001", "101", "111"]
    # The key shows the same colours where its dots are.
    (dots,) = [c for c in right.collections if isinstance(c, PathCollection)]
    (key,) = right.images
    left_, right_, bottom, top = key.get_extent()
    for place, colour in zip(dots.get_offsets(), shown[0], strict=False):
        pixels = np.asarray(key.get_array())
        row = int((place[1] - bottom) / (top - bottom) * (len(pixels) - 1) + 0.5)
        column = int((place[0] - left_) / (right_ - left_) * (pixels.shape[1] - 1) + 0.5)
        near = pixels[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        apart = np.abs(near[..., :3] - colour).max(axis=-1)
        assert apart[near[..., 3] > 0].min() < 0.05
    across = plot.orientation_map(found, "Al", direction="x").axes[0].images[0].get_array()
    np.testing.assert_allclose(across[0, 1], crystal.direction_colours(atoms, turn[0]))


def test_what_is_no_map_of_orientations_is_refused():
    found = orientations(np.eye(3))
    with pytest.raises(DataError, match="a map of matrices"):
        plot.orientation_map(found.isel(y=0), "Al")
    with pytest.raises(DataError, match="direction must be"):
        plot.orientation_map(found, "Al", direction="beam")
