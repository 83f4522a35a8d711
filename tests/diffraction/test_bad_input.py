"""Every public function on data without an answer: refused in words, or nothing with a status."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy import diffraction
from omniscopy.model import DataError, coordinate

RADIUS, STEP = 1.6, 0.7


def labelled(values):
    """Return a block of patterns in counts, all of it calibrated."""
    dims = ("y", "x", "ky", "kx")[-values.ndim :]
    coords = {
        dim: coordinate(dim, STEP * (np.arange(size) - size // 2), "1/nm")
        if dim.startswith("k")
        else coordinate(dim, 0.3 * np.arange(size), "nm")
        for dim, size in zip(dims, values.shape, strict=True)
    }
    beam = {"voltage": 200e3, "convergence_angle": 4.0}
    return xr.DataArray(
        values, coords, dims=dims, attrs={"units": "counts", "metadata": {"beam": beam}}
    )


@pytest.fixture(scope="module")
def patterns():
    return labelled(om.simulate.diffraction_4d((4, 5), (24, 26), pixel=STEP).values)


@pytest.fixture(scope="module")
def tools(patterns):
    """Return what calls need beside the data, made from good ones."""
    d = diffraction
    template = d.make_template(patterns, radius=RADIUS)
    lattice = d.fit_lattice(d.find_discs(patterns, template, max_discs=9))
    return {
        "template": template,
        "lattice": lattice,
        "strain": d.measure_strain(lattice),
        "dead": d.find_dead_pixels(patterns),
        "library": om.samples.pattern_library(),
    }


def discs(data, tools, **options):
    return diffraction.find_discs(data, tools["template"], max_discs=9, **options)


def frames_of(data):
    there = isinstance(data, xr.DataArray)
    return iter(data.values.reshape(-1, *data.shape[-2:]) if there else ())


d = diffraction
# What is found of each pattern: nothing, where there is nothing in it.
FINDING = {
    "find_centre": lambda data, tools: d.find_centre(data),
    "find_centre by com": lambda data, tools: d.find_centre(data, method="com"),
    "find_centre by symmetry": lambda data, tools: d.find_centre(data, method="symmetry"),
    "find_discs": discs,
    "find_discs of a lattice": lambda data, tools: discs(data, tools, search="lattice"),
    "fit_cepstrum": lambda data, tools: d.fit_cepstrum(data),
    "fit_descan": lambda data, tools: d.fit_descan(d.find_centre(data)),
    "fit_dpc": lambda data, tools: d.fit_dpc(d.measure_com(data)),
    "fit_lattice": lambda data, tools: d.fit_lattice(discs(data, tools)),
    "fit_patterns": lambda data, tools: d.fit_patterns(data, tools["lattice"], radius=RADIUS),
    "match_orientation": lambda data, tools: d.match_orientation(data, tools["library"]),
    "match_phases": lambda data, tools: d.match_phases(data, [tools["library"]]),
    "measure_strain": lambda data, tools: d.measure_strain(d.fit_lattice(discs(data, tools))),
    "find_grains": lambda data, tools: d.find_grains(
        d.match_orientation(data, tools["library"]), "gold"
    ),
    "index_spots": lambda data, tools: d.index_spots(d.fit_lattice(discs(data, tools)), "gold"),
    "reconstruct_dpc": lambda data, tools: d.reconstruct_dpc(d.measure_com(data), voltage=2e5),
    "reconstruct_idpc": lambda data, tools: d.reconstruct_idpc(d.measure_com(data), voltage=2e5),
    "reconstruct_parallax": lambda data, tools: d.reconstruct_parallax(data),
    "single side bands": lambda data, tools: d.reconstruct_ptychography(data),
    "Wigner": lambda data, tools: d.reconstruct_ptychography(data, method="wdd"),
    "iterations": lambda data, tools: d.reconstruct_ptychography(data, method="lsqml", max_steps=2),
}
# What is summed or moved: as the values are, of any pattern.
SUMMING = {
    "bragg_vector_map": lambda data, tools: d.bragg_vector_map(discs(data, tools)),
    "bright_field_image": lambda data, tools: d.bright_field_image(data),
    "dark_field_image": lambda data, tools: d.dark_field_image(data, 8.0),
    "calibrate": lambda data, tools: d.calibrate(data, scale=1.1),
    "centre_patterns": lambda data, tools: d.centre_patterns(data, d.find_centre(data)),
    "correct_detector": lambda data, tools: d.correct_detector(data, dark=d.mean_pattern(data)),
    "count_electrons": lambda data, tools: d.count_electrons(data),
    "find_dead_pixels": lambda data, tools: d.find_dead_pixels(data),
    "find_events": lambda data, tools: d.find_events(data),
    "make_events": lambda data, tools: d.make_events([0, 0], [3, 3], data),
    "fill_patterns": lambda data, tools: d.fill_patterns(d.find_events(data)),
    "make_template": lambda data, tools: d.make_template(data),
    "make_template of a vacuum": lambda data, tools: d.make_template(
        data, vacuum=d.mean_pattern(data)
    ),
    "max_pattern": lambda data, tools: d.max_pattern(data),
    "mean_pattern": lambda data, tools: d.mean_pattern(data),
    "measure_angular_correlation": lambda data, tools: d.measure_angular_correlation(data),
    "measure_com": lambda data, tools: d.measure_com(data),
    "measure_fluctuations": lambda data, tools: d.measure_fluctuations(data),
    "measure_time_correlation": lambda data, tools: d.measure_time_correlation(data, dim="x"),
    "mend_pixels": lambda data, tools: d.mend_pixels(data, tools["dead"]),
    "pair_distribution": lambda data, tools: d.pair_distribution(d.radial_profile(data), {"Si": 1}),
    "profile_strain": lambda data, tools: d.profile_strain(tools["strain"], data),
    "radial_profile": lambda data, tools: d.radial_profile(data),
    "rebin": lambda data, tools: d.rebin(data, pattern=2),
    "reduce": lambda data, tools: d.reduce(
        data, ["sum", "com", "mean", "max", "variance", "radial_profile", d.Disk(2.0)]
    ),
    "reduce_events": lambda data, tools: d.reduce_events(d.find_events(data), ["sum", "com"]),
    "stream": lambda data, tools: list(d.stream(frames_of(data), ["sum", "com"], data)),
    "to_disc_list": lambda data, tools: d.to_disc_list(discs(data, tools)),
    "transform_polar": lambda data, tools: d.transform_polar(data),
    "virtual_image": lambda data, tools: d.virtual_image(data, d.Disk(2.0)),
}
CALLS = {**FINDING, **SUMMING}

EMPTY = {
    "dark": lambda data: data.copy(data=np.zeros_like(data.values)),
    "saturated": lambda data: data.copy(data=np.full_like(data.values, 65535)),
    "the same everywhere": lambda data: data.copy(data=np.full(data.shape, 3.7)),
    "not known": lambda data: data.copy(data=np.full(data.shape, np.nan)),
}
WRONG = {
    "an array": lambda data: data.values,
    "nothing": lambda data: None,
    "a Dataset": lambda data: data.to_dataset(name="patterns"),
    "no coordinates": lambda data: xr.DataArray(data.values, dims=data.dims),
    "complex": lambda data: data.astype(np.complex64),
    "an image": lambda data: data[:, :, 3, 4],
}
ODD = {
    "one pixel of a scan": lambda data: data[:1, :1],
    "one row": lambda data: data[:1],
    "one pattern": lambda data: data[0, 0],
    "no pattern": lambda data: data[:0],
    "patterns of one pixel": lambda data: data[:, :, :1, :1],
    "coordinates without units": lambda data: data.assign_coords(
        {dim: data[dim].drop_attrs() for dim in data.dims}
    ),
    "infinite": lambda data: data.astype(float).where(data < data.max(), np.inf),
    "negative": lambda data: data.astype(float) - 1e4,
    "a dead row and what is not known": lambda data: data.astype(float).where(
        (data.ky != data.ky[3]) & (data.x != data.x[2])
    ),
    "big-endian": lambda data: data.astype(">u2"),
    "half precision": lambda data: data.astype(np.float16),
    "true or not": lambda data: data > 40,
    "lazy in parts of patterns": lambda data: data.chunk({"y": 2, "ky": 9}),
    "a list of points": lambda data: (
        data.stack(point=("y", "x"))
        .drop_vars(["point", "y", "x"])
        .assign_coords(point=np.arange(20))
        .transpose("point", "ky", "kx")
    ),
}


def answer(call, data, tools):
    """Return what a call gives in memory, or the error in words."""
    try:
        found = call(data, tools)
        return found.compute() if hasattr(found, "compute") else found
    except DataError as error:
        if len(str(error)) < 20:
            raise
        return None


@pytest.mark.parametrize("name", FINDING)
@pytest.mark.parametrize("case", EMPTY)
def test_nothing_is_found_where_there_is_nothing(patterns, tools, case, name):
    found = answer(FINDING[name], EMPTY[case](patterns), tools)
    if found is None:
        return
    assert (found["status"].values != 0).all()
    known = [
        key
        for key, values in found.items()
        if values.dtype.kind in "fc" and np.isfinite(values.values).any()
    ]
    assert known == []


@pytest.mark.parametrize("case", [*EMPTY, *ODD])
def test_sums_of_anything_are_sums_or_refused(patterns, tools, case):
    data = {**EMPTY, **ODD}[case](patterns)
    for call in SUMMING.values():
        answer(call, data, tools)


@pytest.mark.parametrize("case", ODD)
def test_odd_data_are_answered_or_refused(patterns, tools, case):
    data = ODD[case](patterns)
    for call in FINDING.values():
        answer(call, data, tools)


@pytest.mark.parametrize("case", WRONG)
def test_what_are_no_patterns_is_refused_in_words(patterns, tools, case):
    data = WRONG[case](patterns)
    as_they_are = {"calibrate", "rebin", "make_events"} if case == "complex" else set()
    for name, call in CALLS.items():
        if name in as_they_are or (name, case) == ("profile_strain", "an image"):
            continue
        with pytest.raises(DataError, match=r".{20}"):
            call(data, tools)


def test_a_frame_that_is_no_scan_is_no_stream(patterns):
    with pytest.raises(DataError, match="in the order of a scan"):
        diffraction.stream(iter(()), ["sum"], patterns[0, 0])


def test_all_public_functions_are_tried():
    apart = {
        "Annulus", "CentreOfMass", "Disk", "Mask", "Polygon", "RadialProfile", "Segment",
        # Of files, sockets, lists and rings, which are tried where they are tested.
        "file_frames", "socket_frames", "from_disc_list", "index_rings", "correct_ellipse",
    }  # fmt: skip
    tried = {name.split()[0] for name in CALLS} | {"reconstruct_ptychography"}
    assert set(diffraction.__all__) - apart - tried == set()


def test_libraries_with_one_reflection_or_none_of_them_match_without_a_warning():
    patterns = om.samples.orientation_4d().isel(y=slice(0, 1), x=slice(0, 1))
    library = om.samples.pattern_library()
    with pytest.raises(DataError, match="a library has 0 reflections"):
        diffraction.match_phases(patterns, [library.isel(reflection=slice(0, 0))])
    one = library.isel(reflection=slice(0, 1))
    found = diffraction.match_phases(patterns, [one, one], names=["a", "b"])
    assert found["margin"].isnull().all()
