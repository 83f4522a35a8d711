"""Projects of Phenom microscopes."""

import bz2
import hashlib
import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.phenom.reader import read
from omniscopy.testing.files.phenom import (
    encode_dataset,
    encode_image_text,
    encode_project,
    encode_tiff,
    write_elid,
)
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage

rng = np.random.default_rng(6)
IMAGE = rng.integers(0, 255, (8, 10)).astype(np.uint8)
SPECTRUM = rng.poisson(0.5, 64)
SPECTRUM[[3, 4, 5]] = [127, 128, 3_000_000]
MAP = rng.poisson(0.3, (3, 4, 64))
MAP[1, 2, 7] = 70_000
LINE = rng.poisson(0.3, (5, 64))
PLACE = (-0.3, -0.2, 0.1, 0.1)


def content(version=4):
    first = [
        encode_dataset("Spot", 1, SPECTRUM, place=(0.1, -0.2), version=version),
        encode_dataset("Region", 2, SPECTRUM + 1, place=PLACE, version=version),
        encode_dataset("Map", 3, MAP, place=PLACE, version=version),
        encode_dataset("Line", 4, LINE, place=(-0.2, 0.4, 0.1, 0.0), version=version),
        encode_dataset("Difference", 7, SPECTRUM, place=(3, 4), version=version),
    ]
    second = [encode_dataset("MSA", 1, SPECTRUM, version=version)]
    colours = np.stack([IMAGE] * 4, axis=-1)
    images = [
        ("Image 1", encode_tiff(IMAGE, encode_image_text()), first),
        ("385", encode_tiff(colours), second),
    ]
    return encode_project(images, version=version)


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_images_and_what_was_measured_on_them_are_channels(tmp_path, version):
    raw = content(4 if version in {3, 5} else version)
    raw = raw[:4] + bytes([version]) + raw[5:]  # versions of which no file was met
    tree = om.open(write_elid(tmp_path / "a.elid", raw))
    found = om.signals(tree)
    assert list(found) == [
        "Image_1", "Image_1_Spot_1", "Image_1_Region_2", "Image_1_Map_3", "Image_1_Line_4",
        "Image_1_Difference_3_4", "385", "385_MSA_1",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["Image_1"], IMAGE)
    np.testing.assert_array_equal(found["Image_1_Spot_1"], SPECTRUM)
    np.testing.assert_array_equal(found["Image_1_Region_2"], SPECTRUM + 1)
    np.testing.assert_array_equal(found["Image_1_Map_3"], MAP)
    np.testing.assert_array_equal(found["Image_1_Map_3"][1:, ::2, 5:9], MAP[1:, ::2, 5:9])
    np.testing.assert_array_equal(found["Image_1_Line_4"], LINE)
    np.testing.assert_array_equal(found["385_MSA_1"], SPECTRUM)
    assert found["385"].dims == ("y", "x", "channel")
    assert found["385"]["channel"].values.tolist() == ["red", "green", "blue", "alpha"]
    assert "not_read" not in tree.attrs


def test_energies_and_places_have_units(tmp_path):
    found = om.signals(om.open(write_elid(tmp_path / "a.elid", content())))
    image, data, line = (found[f"Image_1{name}"] for name in ("", "_Map_3", "_Line_4"))
    np.testing.assert_allclose(image["x"], 0.5 * np.arange(10))
    np.testing.assert_allclose(data["energy"], -0.036 + 0.01 * np.arange(64))
    # The field is 5 µm wide, the image 4 µm high; places are from its middle.
    np.testing.assert_allclose(data["x"], (0.5 - 0.3) * 5 + 0.4 * 5 / 4 * np.arange(4))
    np.testing.assert_allclose(data["y"], 2 - 0.2 * 5 + 0.3 * 5 / 3 * np.arange(3))
    np.testing.assert_allclose(line["x"], 0.5 * 5 / 5 * np.arange(5))
    assert line.dims == ("x", "energy")
    units = [data[dim].attrs["units"] for dim in data.dims]
    assert units == ["µm", "µm", "keV"]
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")


def test_metadata_are_in_common_units(tmp_path):
    found = om.signals(om.open(write_elid(tmp_path / "a.elid", content())))
    assert found["Image_1"].attrs["metadata"] == {
        "started": "2019-08-07T09:37:31",
        "instrument": {
            "vendor": "Thermo Fisher Scientific (Phenom-World)",
            "model": "PhenomXL",
            "software": "5.4.5",
        },
        "beam": {"voltage": 15e3},
        "scan": {"dwell_time": pytest.approx(2e-7), "rotation": 0.0},
        "stage": {"x": -0.0025, "y": 0.001},
    }
    spot = found["Image_1_Spot_1"].attrs
    assert spot["metadata"]["detector"] == {
        "live_time": 5.5,
        "real_time": 10.5,
        "dispersion": pytest.approx(10.0),
        "energy_resolution": 126.0,
        "elevation_angle": pytest.approx(np.degrees(0.5)),
        "azimuth_angle": 0.0,
    }
    assert spot["original_metadata"]["elements"] == [13]
    assert spot["original_metadata"]["place"] == [0.1, -0.2]


def test_channels_of_maps_can_be_taken_together(tmp_path):
    path = write_elid(tmp_path / "a.elid", content())
    found = om.signals(om.open(path, rebin_energy=5))
    data = found["Image_1_Map_3"]
    np.testing.assert_array_equal(data, MAP[..., :60].reshape(3, 4, 12, 5).sum(axis=-1))
    assert float(data["energy"][0]) == pytest.approx(-0.036 + 2 * 0.01)
    assert found["Image_1_Spot_1"].size == 64
    with pytest.raises(FormatError, match="rebin_energy must be"):
        om.open(path, rebin_energy=-1)


def test_handles_survive_pickling(tmp_path):
    for channel in read(write_elid(tmp_path / "a.elid", content())).channels:
        whole = channel.data[tuple(slice(None) for _ in channel.axes)]
        again = pickle.loads(pickle.dumps(channel.data))
        np.testing.assert_array_equal(again[1:], whole[1:])


def test_an_image_without_a_text_has_no_scale(tmp_path):
    data = encode_dataset("Map", 1, MAP, place=PLACE)
    raw = encode_project([("A", encode_tiff(IMAGE, "<no xml"), [data])])
    image, counts = read(write_elid(tmp_path / "a.elid", raw)).channels
    assert [axis.units for axis in image.axes] == [None, None]
    assert [axis.units for axis in counts.axes] == [None, None, "keV"]


def test_a_file_that_is_cut_is_refused_or_read_when_asked(tmp_path):
    noise = rng.integers(0, 2**16, (40, 40, 200))  # so that it is more than one block
    datasets = [
        encode_dataset("Spot", 1, SPECTRUM, place=(0, 0)),
        encode_dataset("Map", 2, noise, place=PLACE),
    ]
    raw = encode_project([("A", encode_tiff(IMAGE), datasets)])
    path = tmp_path / "a.elid"
    path.write_bytes(bz2.compress(raw, 1)[:-9000])
    with pytest.raises(FormatError, match=r"a\.elid.*ends too early"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert list(om.signals(tree)) == ["A", "A_Spot_1"]
    assert tree.attrs["not_read"] == "the end of the project"


@pytest.mark.parametrize(
    ("raw", "kind", "message"),
    [
        (b"other", UnsupportedFormatError, "starts with b'othe', not with"),
        (b"EID2\x09\0\0\0\1\0\0\0", UnsupportedFormatError, "version 9 of the project"),
        (content()[:900], FormatError, "bytes are needed|counts cannot be in"),
        (content().replace(bytes(64), b"\xff" * 64, 1), FormatError, "a.elid"),
        (b"EID2" + b"\4\0\0\0" + b"\xff" * 40, FormatError, "bytes are needed"),
    ],
)
def test_damage_is_named(tmp_path, raw, kind, message):
    with pytest.raises(kind, match=message):
        om.open(write_elid(tmp_path / "a.elid", raw))


def test_bombs_are_refused(tmp_path, monkeypatch):
    from omniscopy.io.phenom import content as contents

    monkeypatch.setattr(contents, "_AT_LEAST", 1 << 20)
    path = write_elid(tmp_path / "bomb.elid", bytes(1 << 24))
    with pytest.raises(FormatError, match=r"bomb\.elid.*unpacks to more than"):
        om.open(path)


@pytest.mark.parametrize("damage", [bit_flips, absurd_sizes])
def test_damage_below_the_packing_is_bounded(tmp_path, damage):
    path = write_elid(tmp_path / "a.elid", content())
    for each in damage(content(), 60, np.random.default_rng(3)):
        check_damage(path, bz2.compress(each), folder=tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("version", [1, 2, 4])
def test_real_files_have_the_values_of_the_manifest(real_files, version):
    entries = {e["file"]: e for e in real_files("phenom_elid")}
    assert len(entries) == 3
    entry = entries[f"phenom_elid/Elid2Version{version}.elid"]
    found = list(om.signals(om.open(entry["path"])).values())
    for data, expected in zip(found, entry["signals"], strict=True):
        digest = hashlib.sha256(data.values.tobytes()).hexdigest()[:32]
        assert digest == expected["sha256"], data.name
        shape = expected["shape"]
        if expected["dtype"].startswith("["):
            shape = [*shape, 4]  # the reference keeps colours as records
        assert list(data.shape) == shape
        for dim, axis in zip(data.dims, expected["axes"], strict=False):
            if axis["units"] == "points":
                continue  # the reference has lines in points, here they have a length
            steps = data[dim].values
            if dim == "energy" or "Map" not in str(data.name):
                assert steps[0] == pytest.approx(axis["offset"])
                assert steps[1] - steps[0] == pytest.approx(axis["scale"])
            assert data[dim].attrs["units"] == axis["units"]


@pytest.mark.shared
def test_maps_of_a_real_file_are_squares_where_they_are_on_the_image(shared):
    # The reference stretches every map over the width of the whole image. The file has the
    # sides of each; those of the maps of this file are as long in x as in y.
    found = om.signals(om.open(shared / "data/vendor/phenom_elid/Elid2Version4.elid"))
    data = found["Image_1_Map_3"]
    step = 0.9757792598920122 * 20 * (0.19491525423728812 + 0.3016949152542373) / 16
    for dim in ("y", "x"):
        assert float(data[dim][1] - data[dim][0]) == pytest.approx(step)
    whole = found["Image_1_Map_1"]
    assert float(whole["x"][1] - whole["x"][0]) == pytest.approx(2.0301055702162967)
