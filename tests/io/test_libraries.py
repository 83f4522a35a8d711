"""Other packages read what we do not: through stand-ins of them, and on real files."""

import gc
import json
import pickle
import subprocess
import sys
from datetime import date
from functools import partial as bound
from types import ModuleType, SimpleNamespace

import dask.array as da
import numpy as np
import pytest

import omniscopy as om
from omniscopy import io
from omniscopy.io.errors import FormatError, MissingDependencyError, UnsupportedFormatError
from omniscopy.io.libraries import LibraryArray, ask, import_library, plain_tree
from omniscopy.io.manifests import all_formats
from omniscopy.io.reading import read_measurement

rng = np.random.default_rng(5)
IMAGE = rng.normal(size=(3, 4))
BRIDGES = sorted(form.name for form in all_formats().values() if form.bridge)
SAMPLES = {
    # a bridge: the name of a file that only it reads, and how that starts
    "rosettasciio": ("cube.mrcz", b"no signature"),
    "surfacetopography": ("surface.mnt", bytes.fromhex("d0cf11e0a1b11ae1")),
    "afmformats": ("curve.tab", b"# BEGIN METADATA\n"),
    "access2thematrix": ("scan--1_1.Z_mtrx", b"ONTMATRX0101"),
}


@pytest.fixture(autouse=True)
def files_that_others_leave_open_are_closed_here():
    """Let no later test be blamed for files that another package did not close."""
    yield
    gc.collect()


@pytest.fixture
def installed(monkeypatch):
    """Return a function that installs a stand-in of a package."""

    def install(name, **content):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return install


def sample(folder, name):
    file, start = SAMPLES[name]
    path = folder / file
    path.write_bytes(start + bytes(100))
    return path


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@pytest.mark.parametrize("name", BRIDGES)
def test_a_library_that_is_not_there_breaks_its_own_formats_only(name, tmp_path, monkeypatch):
    library = all_formats()[name].requires
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.{library}", None)
    path = sample(tmp_path, name)
    assert io.identify(path) == name
    with pytest.raises(MissingDependencyError, match=rf"{library}.*omniscopy\[vendor\]"):
        io.open(path)
    np.save(tmp_path / "other.npy", IMAGE)
    assert io.open_signal(tmp_path / "other.npy").shape == IMAGE.shape


@pytest.mark.parametrize("name", [name for name in BRIDGES if all_formats()[name].magic])
def test_files_of_bridges_are_known_without_their_extension(name, tmp_path):
    path = sample(tmp_path, name)
    assert io.identify(path.rename(tmp_path / "no_extension")) == name


def test_no_library_is_imported_to_know_a_file(tmp_path):
    paths = [str(sample(tmp_path, name)) for name in BRIDGES]
    libraries = [all_formats()[name].requires for name in BRIDGES]
    code = (
        "import sys, omniscopy.io as io\n"
        f"for path in {paths!r}: io.identify(path)\n"
        f"print([name for name in {libraries!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_our_own_readers_come_first(tmp_path):
    path = tmp_path / "spectrum.mrcz"
    np.save(tmp_path / "a.npy", IMAGE)
    path.write_bytes((tmp_path / "a.npy").read_bytes())
    assert io.identify(path) == "npy"


def test_an_extension_of_ours_is_no_sign_of_a_bridge(tmp_path):
    path = tmp_path / "name.dm4"
    path.write_bytes(b"neither this nor that" * 9)
    with pytest.raises(UnsupportedFormatError, match="extension is that of Gatan"):
        io.identify(path)


@pytest.mark.parametrize("name", ["rosettasciio", "surfacetopography", "afmformats"])
def test_bridges_read_no_part_of_a_file(name, tmp_path):
    with pytest.raises(UnsupportedFormatError, match="does not open files that are cut short"):
        io.open(sample(tmp_path, name), partial=True)


def test_whatever_a_library_raises_names_the_file():
    class StrangeError(Exception):
        pass

    def fail(word):
        raise StrangeError(word)

    with pytest.raises(FormatError, match=r"a\.x: lib cannot read this file \(StrangeError: odd"):
        ask("lib", "a.x", fail, "odd")


def test_a_package_that_lacks_one_of_its_own_is_not_called_absent(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import not_there_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        import_library("half_there", purpose="a test")


def lazily(path):
    return da.from_array(np.load(path), chunks=2)


def test_an_array_of_a_library_is_read_anew_and_can_be_pickled(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, IMAGE.astype(">f4"))
    handle = LibraryArray("lib", str(path), lazily, IMAGE.shape, np.dtype("f4"), (2, 2))
    copy = pickle.loads(pickle.dumps(handle))
    np.testing.assert_array_equal(copy[slice(1, None), 2], IMAGE.astype("f4")[1:, 2])
    path.unlink()
    with pytest.raises(FormatError, match="lib cannot read this file"):
        copy[0, 0]


def test_metadata_become_plain():
    said = {
        1: np.float32(2), "list": (1, b"\xb5m"), "array": np.arange(2), "day": date(2026, 1, 2),
        "none": None, "long": np.zeros(10**5), "other": {"of": {3}}, "kind": float,
    }  # fmt: skip
    assert plain_tree(said) == {
        "1": 2.0, "list": [1, "µm"], "array": [0, 1], "day": "2026-01-02", "none": None,
        "long": "array (100000,)", "other": {"of": [3]}, "kind": "<class 'float'>",
    }  # fmt: skip


# RosettaSciIO

COUNTS = rng.integers(0, 100, (3, 4, 5)).astype("u2")
AXES = [
    {"size": 3, "name": "y", "units": "nm", "scale": 2.0, "offset": 1.0, "navigate": True},
    {"size": 4, "name": "x", "units": "nm", "scale": 2.0, "offset": 0.0, "navigate": True},
    {"size": 5, "name": "Energy", "units": "keV", "scale": 0.01, "offset": -0.1},
]
SAID = {
    "General": {"title": "EDX", "date": "2026-01-02"},
    "Signal": {"signal_type": "EDS_TEM", "quantity": "X-rays (Counts)"},
    "Acquisition_instrument": {"TEM": {"beam_energy": 200.0}},
}


@pytest.fixture
def rosetta(installed):
    """Return a function that installs RosettaSciIO with plugins of these functions."""

    def install(**plugins):
        specs = []
        for name, function in plugins.items():
            installed(f"rsciio.{name}", file_reader=function)
            specs.append(
                {"name": name, "api": f"rsciio.{name}", "file_extensions": ["mrcz", "MRCZ"]}
            )
        installed("rsciio", IO_PLUGINS=specs)

    return install


def signal(data, axes=(), metadata=None):
    return {"data": data, "axes": list(axes), "metadata": metadata or {}, "original_metadata": {}}


def test_signals_of_rosettasciio_become_lazy_channels(tmp_path, rosetta):
    def file_reader(path, *, lazy, **options):
        return [signal(da.from_array(COUNTS, chunks=2) if lazy else COUNTS, AXES, SAID)]

    rosetta(bruker=file_reader)
    _, measurement = read_measurement(sample(tmp_path, "rosettasciio"))
    (channel,) = measurement.channels
    assert isinstance(channel.data, LibraryArray)
    np.testing.assert_array_equal(load(channel.data), COUNTS)
    assert [(axis.name, axis.scale, axis.offset, axis.units) for axis in channel.axes] == [
        ("y", 2.0, 1.0, "nm"), ("x", 2.0, 0.0, "nm"), ("energy", 0.01, -0.1, "keV"),
    ]  # fmt: skip
    assert (channel.title, channel.quantity, channel.units) == ("EDX", "x-rays", "counts")
    assert channel.metadata == {"beam": {"voltage": 200e3}, "started": "2026-01-02"}
    assert (channel.modality, channel.source) == ("EDS", "RosettaSciIO, bruker")
    assert om.validate(om.open(sample(tmp_path, "rosettasciio"))) == []


def test_a_plugin_that_is_not_lazy_is_asked_again(tmp_path, rosetta):
    def file_reader(path, *, lazy, **options):
        if lazy:
            raise NotImplementedError
        return [signal(COUNTS.astype(">u2"))]

    rosetta(phenom=file_reader)
    (channel,) = read_measurement(sample(tmp_path, "rosettasciio"))[1].channels
    np.testing.assert_array_equal(channel.data, COUNTS)
    assert channel.data.dtype == np.uint16
    assert [axis.size for axis in channel.axes] == [3, 4, 5]


@pytest.mark.parametrize("is_lazy", [True, False])
def test_colours_of_rosettasciio_are_a_dimension(tmp_path, rosetta, is_lazy):
    records = np.zeros((2, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    records["G"] = 7

    def file_reader(path, *, lazy, **options):
        return [signal(da.from_array(records) if is_lazy else records)]

    rosetta(tiff=file_reader)
    (channel,) = read_measurement(sample(tmp_path, "rosettasciio"))[1].channels
    assert load(channel.data).tolist() == [[[0, 7, 0]] * 3] * 2
    assert channel.axes[-1].values.tolist() == ["red", "green", "blue"]


def test_plugins_are_tried_in_turn_or_named(tmp_path, rosetta):
    def refuse(path, **options):
        raise KeyError("strange")  # noqa: EM101

    rosetta(first=refuse, empty=lambda path, **_: [], second=lambda path, **_: [signal(IMAGE)])
    path = sample(tmp_path, "rosettasciio")
    assert io.open_signal(path).shape == IMAGE.shape
    with pytest.raises(FormatError, match=r"first: RosettaSciIO cannot read .*KeyError"):
        io.open(path, plugin="First")
    with pytest.raises(FormatError, match="empty: it holds no signal"):
        io.open(path, plugin="empty")
    with pytest.raises(UnsupportedFormatError, match="has no plugin 'third'"):
        io.open(path, plugin="third")
    with pytest.raises(UnsupportedFormatError, match="has no plugin for files ending in 'xyz'"):
        io.open(path.rename(tmp_path / "a.xyz"), reader="rosettasciio")


# SurfaceTopography


class Reader:
    """What SurfaceTopography returns: channels of a map, a profile, and an uneven profile."""

    heights = np.ma.masked_invalid([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    places = np.array([0.0, 1.0, 5.0])

    def __init__(self):
        kind = SimpleNamespace(value="height")
        told = {
            "name": "Map", "nb_grid_pts": (3, 2), "physical_sizes": (6.0, 8.0), "unit": "µm",
            "data_kind": kind, "data_unit": "µm", "is_uniform": True, "info": {}, "index": 0,
        }  # fmt: skip
        instrument = {"instrument": {"vendor": "V", "name": "M"}, "raw_metadata": {"a": b"1"}}
        line = {"name": "Line", "nb_grid_pts": (3,), "physical_sizes": None, "index": 1}
        uneven = {"name": "Uneven", "nb_grid_pts": (3,), "is_uniform": False, "index": 2}
        self.channels = [
            SimpleNamespace(**told | {"info": instrument}),
            SimpleNamespace(**told | line),
            SimpleNamespace(**told | uneven | {"physical_sizes": (5.0,)}),
        ]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def topography(self, *, channel_index, physical_sizes=None):
        assert (physical_sizes is not None) == (channel_index == 1)
        values = self.heights if channel_index == 0 else self.heights[:, 0]
        return SimpleNamespace(
            heights=lambda: values, positions_and_heights=lambda: (self.places, values)
        )


def test_topographies_have_row_0_on_top_and_nan_where_nothing_is(tmp_path, installed):
    installed("SurfaceTopography", open_topography=lambda path, format: Reader())
    path = sample(tmp_path, "surfacetopography")
    image, line, uneven = read_measurement(path)[1].channels
    np.testing.assert_array_equal(load(image.data), [[1, 3, 5], [2, np.nan, 6]])
    assert [(axis.name, axis.scale, axis.units) for axis in image.axes] == [
        ("y", 4.0, "µm"), ("x", 2.0, "µm"),
    ]  # fmt: skip
    assert (image.quantity, image.units, image.title) == ("height", "µm", "Map")
    assert image.metadata == {"instrument": {"vendor": "V", "model": "M"}}
    assert image.original_metadata == {"a": "1"}
    assert (line.axes[0].scale, line.axes[0].units) == (1.0, None)
    assert load(line.data).tolist() == [1, 3, 5]
    assert uneven.axes[0].coordinate().tolist() == [0, 1, 5]
    assert om.validate(om.open(path)) == []


# afmformats


def test_curves_have_a_channel_for_each_column(tmp_path, installed):
    class Curve(dict):
        columns = ("force", "height (measured)", "segment", "time")
        metadata = {"date": "2026-01-02", "time": "03:04:05", "spring constant": 0.1}  # noqa: RUF012

    seen = {}

    def load_data(path, meta_override):
        seen.update(meta_override)
        return [Curve({name: np.arange(4.0) for name in Curve.columns})] * 2

    units = SimpleNamespace(column_units={"force": "N", "height (measured)": "m", "segment": ""})
    installed("afmformats", load_data=load_data, afm_data=units)
    path = sample(tmp_path, "afmformats")
    tree = om.open(path, spring_constant=0.1)
    assert seen == {"spring constant": 0.1}
    assert om.validate(tree) == []
    force = om.signals(tree)["curve_1/force"]
    assert (force.dims, force.attrs["units"], force.attrs["quantity"]) == (("time",), "N", "force")
    assert force.coords["z"].attrs["units"] == "m"
    assert force.attrs["metadata"]["started"] == "2026-01-02T03:04:05"
    assert force.attrs["metadata"]["probe"] == {"spring_constant": 0.1}


# access2thematrix


class Matrix:
    """What access2thematrix has for a file: an image, a curve, or spectra on a grid."""

    object_type = "image"
    channel_name_and_unit = ("Z", "m")
    z_data_name_and_unit = ("Spectroscopy Device 1", "Volt")
    creation_comment, sample_name = "a comment", "Au(111)"
    traces = {0: "forward/up", 1: "backward/up"}  # noqa: RUF012
    scan = np.array([[-1.0, 0.0, 1.0]])
    volume_scan = {"forward/up": {"trace": np.arange(18.0).reshape(3, 2, 3)}}  # noqa: RUF012
    param = {  # noqa: RUF012
        "EEPA::XYScanner.Width": [2e-9, "m"],
        "EEPA::XYScanner.Height": [6e-9, "m"],
        "EEPA::XYScanner.X_Offset": [0.0, "m"],
        "EEPA::XYScanner.Y_Offset": [1e-9, "m"],
    }

    def open(self, path):
        return self.traces, "said."

    def select_image(self, trace):
        return SimpleNamespace(
            data=np.arange(6.0).reshape(3, 2), width=2e-9, height=6e-9, x_offset=0.0,
            y_offset=1e-9, angle=30.0,
        ), ""  # fmt: skip

    def select_curve(self, trace):
        named = ("Spectroscopy Device 1", "Volt")
        data = [np.array([-1.0, 1.0]), np.array([3.0, 4.0])]
        return SimpleNamespace(data=data, x_data_name_and_unit=named), ""


@pytest.fixture
def matrix(installed, tmp_path):
    def install(**attributes):
        kind = type("MtrxData", (Matrix,), attributes)
        installed("access2thematrix")
        installed("access2thematrix.access2thematrix", MtrxData=kind)
        return sample(tmp_path, "access2thematrix")

    return install


def test_matrix_images_are_turned_to_have_the_last_line_on_top(matrix):
    path = matrix()
    _, measurement = read_measurement(path)
    forward, backward = measurement.channels
    assert forward.data.tolist() == [[4, 5], [2, 3], [0, 1]]
    y, x = forward.axes
    np.testing.assert_allclose(y.coordinate(), [2e-9, 0, -2e-9], atol=1e-20)
    np.testing.assert_allclose(x.coordinate(), [-1e-9, 0], atol=1e-20)
    assert (forward.title, forward.quantity, forward.units) == ("Z forward/up", "height", "m")
    assert backward.metadata == {"scan": {"direction": "backward/up", "rotation": 30.0}}
    assert measurement.metadata["sample"] == {"name": "Au(111)"}
    assert om.validate(om.open(path)) == []


def test_matrix_curves_and_spectra_are_along_bias(matrix):
    path = matrix(object_type="curve", channel_name_and_unit=("Aux1(V)", "V"))
    curve = om.signals(om.open(path))["Aux1_V_forward_up"]
    assert (curve.dims, curve.values.tolist()) == (("bias",), [3, 4])
    assert curve.bias.values.tolist() == [-1, 1]
    path = matrix(object_type="volume CITS")
    spectra = om.signals(om.open(path))["Z_forward_up_trace"]
    assert spectra.dims == ("y", "x", "bias")
    assert spectra.values[-1, 0].tolist() == [0, 1, 2]
    assert om.validate(om.open(path)) == []


def test_matrix_results_without_their_chain_are_refused(matrix):
    path = matrix(open=lambda self, path: ({}, "Error in opening."))
    with pytest.raises(FormatError, match=r"Error in opening\. A chain of parameters"):
        io.open(path)
    path = matrix(object_type=None)
    with pytest.raises(UnsupportedFormatError, match="results of the kind None are not read"):
        io.open(path)


# Real files


def entries(shared, reference):
    manifest = json.loads((shared / "data/vendor/MANIFEST.json").read_text())
    found = [
        entry for entry in manifest["files"] if reference in str(entry.get("reference_reader"))
    ]
    return [(entry, shared / "data/vendor" / entry["file"]) for entry in found]


# What RosettaSciIO of this version has no plugin for, or needs further packages for.
_NEEDS_MORE = {"signal2d_20x10x10-ragged_markers.zspy", "emd_type1_stringDims.h5",
               "py4DSTEM_size2x3x4x5.h5"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")
def test_real_files_are_read_through_rosettasciio(shared):
    wrong = {}
    for entry, path in entries(shared, "rosettasciio"):
        if path.name in _NEEDS_MORE:
            continue
        _, measurement = read_measurement(path, reader="rosettasciio")
        shapes = sorted(_without_colours(channel) for channel in measurement.channels)
        if shapes != sorted(tuple(signal["shape"]) for signal in entry["signals"]):
            wrong[entry["file"]] = shapes
    assert wrong == {}


def _without_colours(channel):
    """Return the shape that the manifest gives: it counts records of colours as one value."""
    last = channel.axes[-1].name == "channel" and channel.axes[-1].values is not None
    return tuple(channel.data.shape[:-1] if last else channel.data.shape)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")
def test_real_topographies_are_read_through_surfacetopography(shared, digest):
    for entry, path in entries(shared, "SurfaceTopography"):
        channels = read_measurement(path, reader="surfacetopography")[1].channels
        for channel, signal in zip(channels, entry["signals"], strict=True):
            values = load(channel.data)
            assert digest(values.T) == signal["sha256"], entry["file"]
            assert [axis.scale for axis in channel.axes[::-1]] == pytest.approx(
                [axis["scale"] for axis in signal["axes"]]
            )
            assert {axis.units for axis in channel.axes} == {
                axis["units"] for axis in signal["axes"]
            }


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")
def test_a_real_mnt_file_is_known_and_read(shared, tmp_path):
    path = shared / "data/vendor/mnt/mnt-2.mnt"
    assert io.identify(path) == "surfacetopography"
    (tmp_path / "noextension").write_bytes(path.read_bytes())
    assert io.identify(tmp_path / "noextension") == "surfacetopography"
    data = io.open_signal(path)
    assert (data.shape, data.attrs["units"]) == ((960, 1280), "µm")
    assert np.isnan(data.values).sum() == 45405
    assert om.validate(om.open(path)) == []


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")
def test_real_curves_are_read_through_afmformats(shared, digest):
    # The manifest's forces were made with these values, which the files do not hold.
    options = {"sensitivity": 5e-8, "spring_constant": 0.05}
    for entry, path in entries(shared, "afmformats"):
        said = options if "workshop" in path.name else {}
        channels = read_measurement(path, reader="afmformats", **said)[1].channels
        # Of a map the manifest has the first curve; `time` is a coordinate here.
        found = {channel.title: channel for channel in reversed(channels)}
        for signal in entry["signals"]:
            curve, _, column = signal["title"].partition("/")
            if curve == "curve0" and column != "time":
                assert digest(load(found[column].data)) == signal["sha256"], entry["file"]


@pytest.fixture
def digest():
    import hashlib

    return lambda values: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:32]


def test_a_bound_function_is_the_same_array_again(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, IMAGE)
    made = [LibraryArray("lib", str(path), bound(lazily), (3, 4), IMAGE.dtype) for _ in "ab"]
    np.testing.assert_array_equal(load(made[0]), load(made[1]))


def test_readers_load_no_library_that_only_labelled_data_need():
    names = [
        f"{form.package}.reader"
        for form in all_formats().values()
        if form.reads and not form.bridge and form.package.startswith("omniscopy.")
    ]
    assert "omniscopy.io.nexus.reader" in names
    heavy = ("xarray", "dask", "pandas", "matplotlib")
    check = (
        f"import importlib, sys; [importlib.import_module(name) for name in {names!r}]; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
