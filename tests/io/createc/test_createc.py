"""Createc files."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.createc.arrays import Images
from omniscopy.testing.files.createc import write_createc, write_vert
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(11)
IMAGES = [RNG.integers(1, 3000, (6, 5)).astype(np.float32) for _ in range(4)]


@pytest.mark.parametrize("kind", ["Parameter", "Paramet32", "Paramco32"])
def test_images_are_in_metres_and_amperes_without_the_number_before_them(tmp_path, kind):
    path = write_createc(tmp_path / "a.dat", IMAGES, kind=kind)
    check_reader("createc", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == [
        "Topography_forward", "Current_forward", "Topography_backward", "Current_backward",
    ]  # fmt: skip
    height, current = found["Topography_forward"], found["Current_backward"]
    # Å a count, amplified threefold; 20 V in 2^20 counts over 1 V/nA.
    np.testing.assert_allclose(height, IMAGES[0] * 1.5e-4 * 3 * 1e-10, rtol=1e-6)
    np.testing.assert_allclose(current, IMAGES[3] * 20 / 2**20 * 1e-9, rtol=1e-6)
    assert (height.attrs["units"], current.attrs["units"]) == ("m", "A")
    np.testing.assert_allclose(height["x"], 40.0 * np.arange(5))
    np.testing.assert_allclose(height["y"], 25.0 * np.arange(6))
    assert height["x"].attrs["units"] == "Å"
    said = tree.attrs["metadata"]
    assert said["probe"]["bias"] == -0.05
    assert said["feedback"]["setpoint"] == "1e-10 A"
    assert said["scan"] == {"rotation": 15.0, "frame_time": 120.0}
    assert (said["title"], said["comment"]) == ("Cu(111)", "CO")


def test_images_that_are_packed_together_are_unpacked_once(tmp_path, monkeypatch):
    path = write_createc(tmp_path / "a.dat", IMAGES, kind="Paramco32")
    unpack, calls = Images._unpacked, []

    def counted(self, stored):
        calls.append(self.index)
        return unpack(self, stored)

    monkeypatch.setattr(Images, "_unpacked", counted)
    found = om.signals(om.open(path, chunks=None))
    assert len(found) == 4
    assert len(calls) == 1
    np.testing.assert_allclose(found["Current_backward"] / found["Current_backward"][0, 0],
                                  IMAGES[3].astype(float) / IMAGES[3][0, 0])  # fmt: skip
    write_createc(path, [2 * image for image in IMAGES], kind="Paramco32")
    anew = om.open_signal(path, "Current_backward", chunks=None)
    np.testing.assert_allclose(anew, 2 * found["Current_backward"])


def test_without_a_stated_step_it_follows_from_the_piezo(tmp_path):
    settings = {"Dacto[A]z": None, "DAC-Type": None}
    path = write_createc(tmp_path / "a.dat", IMAGES[:1], kind="Parameter",
                         settings={**settings, "Channelselectval": 1})  # fmt: skip
    height = om.open_signal(path)
    np.testing.assert_allclose(height, IMAGES[0] * 20 / 2**16 * 7.5 * 3 * 1e-10, rtol=1e-6)


def test_lines_that_were_not_scanned_are_nan(tmp_path):
    images = [image.copy() for image in IMAGES]
    for image in images:
        image[4:] = 0
    images[1][:] = 0  # a current that is 0 everywhere was measured
    found = om.signals(om.open(write_createc(tmp_path / "a.dat", images)))
    assert np.isnan(found["Topography_forward"][4:]).all()
    assert np.isfinite(found["Topography_forward"][:4]).all()
    np.testing.assert_array_equal(found["Current_forward"][:4], 0.0)


def test_inputs_that_are_not_known_stay_counts(tmp_path):
    path = write_createc(tmp_path / "a.dat", IMAGES[:2], settings={"Channelselectval": 5})
    found = om.signals(om.open(path))
    assert list(found) == ["Topography_forward", "Input_2_forward"]
    np.testing.assert_array_equal(found["Input_2_forward"], IMAGES[1])
    assert "units" not in found["Input_2_forward"].attrs
    path = write_createc(tmp_path / "b.dat", IMAGES[:3])
    assert list(om.signals(om.open(path))) == ["Image_1", "Image_2", "Image_3"]


TABLE = np.column_stack([np.linspace(-500, 500, 7), np.full(7, 2000.0), RNG.normal(size=(7, 2))])


def test_a_spectrum_has_bias_and_height_beside_it(tmp_path):
    path = write_vert(tmp_path / "a.VERT", TABLE, code=3)
    assert om.io.identify(path) == "createc"
    found = om.signals(om.open(path))
    assert list(found) == ["Height", "Current", "dI_dV"]
    current = found["Current"]
    np.testing.assert_allclose(current, TABLE[:, 2] * 20 / 2**20 * 1e-9, rtol=1e-6)
    np.testing.assert_allclose(current["bias"], TABLE[:, 0] / 1000)
    np.testing.assert_allclose(current["z"], 2000 * 1.5e-4 * 3 * 1e-10)
    assert current["bias"].attrs["units"] == "V"
    np.testing.assert_allclose(found["dI_dV"], TABLE[:, 3], rtol=1e-6)


def test_files_that_are_cut_short_are_refused_or_filled(tmp_path):
    for kind in ("Paramet32", "Paramco32"):
        path = write_createc(tmp_path / "a.dat", IMAGES, kind=kind)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(om.FormatError, match="cut short"):
            om.open(path, chunks=None)["Current_backward"].load()
    path = write_createc(tmp_path / "a.dat", IMAGES, kind="Paramet32")
    path.write_bytes(path.read_bytes()[: -4 * 5 * 2])
    last = om.open_signal(path, "Current_backward", partial=True)
    assert np.isnan(last[4:]).all()
    np.testing.assert_allclose(last[:4], IMAGES[3][:4] * 20 / 2**20 * 1e-9, rtol=1e-6)
    assert last.attrs["incomplete"]["missing_from"] == 4
    path = write_vert(tmp_path / "a.VERT", TABLE, code=3)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(om.FormatError, match="7 rows of 5 numbers were expected"):
        om.open(path)
    assert om.open(path, partial=True)["Current"].sizes["sample"] == 5


def test_damage_is_refused_or_harmless(tmp_path):
    for kind in ("Parameter", "Paramco32"):
        path = write_createc(tmp_path / "a.dat", IMAGES, kind=kind)
        content = path.read_bytes()
        for damaged in (
            *truncations(content, 3000),
            *bit_flips(content, 40, np.random.default_rng(1)),
        ):
            check_damage(path, damaged, folder=tmp_path)
