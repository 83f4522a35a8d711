"""Reading NSID files made with plain h5py."""

import pickle

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.nsid.reader import read
from omniscopy.io.nsid.structures import expand_formula

IMAGE = np.arange(20, dtype=np.int32).reshape(4, 5)


@pytest.fixture
def made(nsid_file, tmp_path):
    """Return a function that fills a file and opens it as a tree."""

    def make(fill):
        file, channel = nsid_file()
        fill(channel)
        file.close()
        return om.open(tmp_path / "made.hf5")

    return make


def test_every_pixel_is_at_its_place(made, add, yx):
    data = made(lambda channel: add(channel, "topo", IMAGE, yx))["topo/signal"]
    assert data.dims == ("y", "x")
    assert data.sel(y=1.5, x=1.25).values == IMAGE[3, 1]
    assert data.sel(y=0.0, x=2.0).values == IMAGE[0, 4]
    assert data["x"].attrs["units"] == "µm"


@pytest.mark.parametrize("dtype", ["i1", "u2", ">i4", "u8", "f2", "f4", ">f8", "c8", "c16", "bool"])
def test_values_keep_their_type(made, add, yx, dtype):
    values = (IMAGE % 3).astype(dtype)
    data = made(lambda channel: add(channel, "a", values, yx))["a/signal"]
    assert data.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(data.values, values)


def test_the_title_is_preferred_to_the_main_data_name_and_to_the_path(made, add, yx):
    def fill(channel):
        add(channel, "one", IMAGE, yx, title="A title", main_data_name="name")
        add(channel, "two", IMAGE, yx, main_data_name="A name")
        add(channel, "three", IMAGE, yx, main_data_name="")

    tree = made(fill)
    assert list(tree.children) == ["A_title", "three", "A_name"]
    assert tree["three/signal"].attrs["long_name"] == "three"


def test_generic_and_empty_words_mean_unknown(made, add):
    dims = {"a": (np.arange(3.0), "generic", "generic", "UNKNOWN")}
    data = made(
        lambda channel: add(channel, "s", np.arange(3.0), dims, units="", quantity="generic")
    )["s/signal"]
    assert "units" not in data.attrs
    assert "quantity" not in data.attrs
    assert "source" not in data.attrs
    assert data["a"].attrs == {}


def test_several_datasets_are_several_channels(made, add, yx):
    def fill(channel):
        add(channel, "a", IMAGE, yx)
        add(channel, "b", IMAGE + 1, yx)
        add(channel.parent.create_group("Channel_001"), "a", IMAGE + 2, yx)

    tree = made(fill)
    assert {name: int(node["signal"][0, 0]) for name, node in tree.children.items()} == {
        "a": 0,
        "b": 1,
        "a_1": 2,
    }


def test_a_result_beside_the_main_dataset_does_not_hide_either(made, add, yx):
    def fill(channel):
        add(channel, "raw", IMAGE, yx)
        log = channel["raw"].create_group("Log_Fit_000")
        log.attrs["steps"] = 7
        add(log, "fitted", IMAGE * 2, yx)

    tree = made(fill)
    np.testing.assert_array_equal(tree["raw/signal"], IMAGE)
    fitted = tree["results/Log_Fit_000/fitted/signal"]
    np.testing.assert_array_equal(fitted, 2 * IMAGE)
    assert fitted.attrs["process"]["parameters"] == {"steps": 7}


def test_results_groups_of_the_same_name_are_told_apart(made, add, yx):
    def fill(channel):
        second = channel.parent.create_group("Channel_001")
        for number, parent in enumerate((channel, second)):
            add(parent, "raw", IMAGE, yx)
            add(parent.create_group("Log_Fit_000"), "fitted", IMAGE + number, yx)

    tree = made(fill)
    assert int(tree["results/Log_Fit_000/fitted/signal"][0, 0]) == 0
    assert int(tree["results/Channel_001-Log_Fit_000/fitted/signal"][0, 0]) == 1


def test_private_groups_of_old_files_are_left_out(made, add, yx):
    def fill(channel):
        add(channel, "old", IMAGE, yx, pyNSID_version="0.0.2")
        for name in ("__dict__", "_axes"):
            channel["old"].create_group(name).attrs["0"] = np.arange(4.0)
        channel["old"].create_group("view").attrs["text"] = "kept"

    attrs = made(fill)["old/signal"].attrs
    assert not {"__dict__", "_axes"} & set(attrs)
    assert attrs["view"] == {"text": "kept"}


def test_dimensions_without_scales_have_indices(made, add, yx):
    tree = made(lambda channel: add(channel, "bare", IMAGE, yx, scales=False))
    data = tree["bare/signal"]
    assert data.dims == ("y", "x")
    assert data["x"].values.tolist() == [0, 1, 2, 3, 4]
    assert "units" not in data["x"].attrs


def test_names_of_dimensions_are_unique_and_never_that_of_the_values(nsid_file, tmp_path):
    file, channel = nsid_file()
    group = channel.create_group("odd")
    main = group.create_dataset("odd", data=np.zeros((2, 2, 3)))
    main.attrs["main_data_name"] = "odd"
    for number, label in enumerate(("a", "a", "signal")):
        main.dims[number].label = label
    file.close()
    assert om.open_signal(tmp_path / "made.hf5").dims == ("a", "a_1", "signal_axis")


def test_a_scale_of_another_length_is_damage(nsid_file, tmp_path, add, yx):
    file, channel = nsid_file()
    yx["x"] = (np.arange(7.0), *yx["x"][1:])
    add(channel, "bad", IMAGE, yx)
    file.close()
    with pytest.raises(om.FormatError, match="axis 'x' has 5 points, but its scale"):
        om.open(tmp_path / "made.hf5")


def test_compound_records_are_one_variable_a_field(made, add, yx):
    kind = np.dtype([("Amplitude [V]", "f4"), ("R2 Criterion", ">f8")])
    values = np.zeros((4, 5), kind)
    values["Amplitude [V]"], values["R2 Criterion"] = IMAGE, -IMAGE
    node = made(lambda channel: add(channel, "fit", values, yx, units="compound"))["fit"]
    np.testing.assert_array_equal(node["Amplitude"], IMAGE)
    assert node["Amplitude"].attrs == {
        "long_name": "Amplitude", "quantity": "amplitude", "units": "V",
        "provenance": node["Amplitude"].attrs["provenance"],
    }  # fmt: skip
    np.testing.assert_array_equal(node["R2_Criterion"][1:3, 2], -IMAGE[1:3, 2])
    assert node["R2_Criterion"].dtype == np.float64


def test_structures_keep_the_order_of_atoms_where_the_file_has_it(made, add, yx):
    def fill(channel):
        add(channel, "haadf", IMAGE, yx)
        crystal = channel["haadf"].create_group("Structure_000/crystal")
        crystal.attrs["unit_cell"] = np.eye(3)
        crystal.attrs["base"] = np.zeros((3, 3))
        crystal.attrs["elements"] = np.array([b"Sr", b"Ti", b"O"])

    structure = made(fill)["structures/crystal"]
    assert structure["numbers"].values.tolist() == [38, 22, 8]
    assert structure.attrs["order_is_certain"] is True
    assert "comment" not in structure["numbers"].attrs


@pytest.mark.parametrize(
    ("formula", "numbers"),
    [("O3SrTi", [8, 8, 8, 38, 22]), ("C", [6]), ("Xx2", None), ("2O", None), ("O999999999", None)],
)
def test_formulas_are_expanded_in_their_order(formula, numbers):
    assert expand_formula(formula) == numbers


def test_a_thumbnail_is_an_attribute_of_the_whole_file(made, add, yx):
    picture = np.arange(64, dtype=np.uint8).reshape(4, 4, 4)

    def fill(channel):
        add(channel, "a", IMAGE, yx)
        channel.file.create_dataset("Thumbnail/Thumbnail", data=picture)

    tree = made(fill)
    np.testing.assert_array_equal(tree.attrs["thumbnail"], picture)
    assert list(tree.children) == ["a"]


def test_attributes_of_the_groups_above_are_kept(made, add, yx):
    def fill(channel):
        add(channel, "a", IMAGE, yx)
        channel.attrs["operator"] = "Jane"
        channel.file.attrs["lab"] = "L1"

    original = made(fill).attrs["original_metadata"]
    assert original == {"lab": "L1", "Measurement_000": {"Channel_000": {"operator": "Jane"}}}


def test_odd_metadata_does_not_stop_the_data(made, add, yx):
    def fill(channel):
        main = add(channel, "a", IMAGE, yx)
        group = channel["a"].create_group("metadata")
        group.attrs["empty"] = h5py.Empty("f4")
        group.attrs["bytes"] = np.bytes_(b"caf\xe9")
        group.attrs["reference"] = main.ref
        group.attrs["opaque"] = np.void(b"\x01\x02")
        group.attrs["complex"] = 1 + 2j
        group.create_dataset("inside", data=[1.0, 2.0])

    metadata = made(fill)["a/signal"].attrs["metadata"]
    assert metadata["inside"] == [1.0, 2.0]
    assert metadata["reference"] == "/Measurement_000/Channel_000/a/a"
    assert metadata["complex"] == 1 + 2j
    assert metadata["bytes"] == "caf\ufffd"
    assert metadata["empty"] is None


def test_links_to_other_files_are_not_followed(made, add, yx, tmp_path):
    with h5py.File(tmp_path / "other.hf5", "w") as other:
        add(other, "secret", IMAGE, yx)

    def fill(channel):
        add(channel, "a", IMAGE, yx)
        channel["outside"] = h5py.ExternalLink("other.hf5", "/secret")
        channel["again"] = h5py.SoftLink("/Measurement_000/Channel_000/a")
        channel["a"]["loop"] = channel

    assert list(made(fill).children) == ["a"]


def test_values_kept_in_other_files_are_refused(nsid_file, tmp_path):
    (tmp_path / "values.bin").write_bytes(bytes(160))
    file, channel = nsid_file()
    main = channel.create_dataset(
        "a", shape=(20,), dtype="f8", external=[(str(tmp_path / "values.bin"), 0, 160)]
    )
    main.attrs["main_data_name"] = "a"
    file.close()
    with pytest.raises(om.FormatError, match="kept in other files"):
        om.open(tmp_path / "made.hf5")


def test_reading_a_pixel_reads_a_pixel(nsid_file, tmp_path, add):
    file, channel = nsid_file()
    dims = {name: (np.arange(n, dtype=float), "q", "nm", "SPATIAL")
            for name, n in (("z", 64), ("y", 256), ("x", 256))}  # fmt: skip
    add(channel, "large", np.zeros((64, 256, 256), "f4"), dims)
    file.close()
    handle = read(tmp_path / "made.hf5").channels[0].data
    assert not isinstance(handle, np.ndarray)
    assert len(pickle.dumps(handle)) < 1000
    assert pickle.loads(pickle.dumps(handle))[3, 4, 5] == 0
    assert handle[1, 2, 3].shape == ()


def test_a_file_without_nsid_data_is_not_taken_for_one(tmp_path):
    path = tmp_path / "plain.hf5"
    with h5py.File(path, "w") as file:
        file["values"] = np.zeros(5)
    assert om.io.identify(path) == "hdf5_arrays"
    with pytest.raises(om.FormatError, match="holds no NSID dataset"):
        om.open(path, reader="nsid")
