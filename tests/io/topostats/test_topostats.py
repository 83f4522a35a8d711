"""Files of TopoStats."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.topostats import write_topostats

IMAGE = np.random.default_rng(5).normal(size=(6, 4))
MASKS = np.stack([IMAGE < 0.5, IMAGE >= 0.5], axis=-1)


def test_images_are_in_nm_with_their_masks_and_maps(tmp_path):
    further = {
        "image_original": IMAGE + 20, "full_mask_tensor": MASKS,
        "full_image_plots/pruned_skeleton": IMAGE.round(),
        "grain_crops/0/image": IMAGE[:2, :2], "image_statistics/grains": 3,
    }  # fmt: skip
    path = write_topostats(tmp_path / "a.topostats", IMAGE, further=further)
    assert om.io.identify(path) == "topostats"
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Height", "Height_as_measured", "Grain_masks", "Pruned_skeleton"]
    height = found["Height"]
    np.testing.assert_array_equal(height, IMAGE)
    assert (height.dims, height.attrs["units"]) == (("y", "x"), "nm")
    np.testing.assert_allclose(height["y"], 1.5 * np.arange(6))
    assert height["x"].attrs["units"] == "nm"
    np.testing.assert_array_equal(found["Height_as_measured"], IMAGE + 20)
    np.testing.assert_array_equal(found["Grain_masks"], MASKS)
    assert found["Grain_masks"].dims == ("y", "x", "channel")
    assert tree.attrs["not_read"] == ["grain_crops"]
    assert tree.attrs["metadata"]["title"] == "minicircle"
    assert tree.attrs["metadata"]["instrument"]["software"] == "TopoStats 2.4"
    assert tree.attrs["original_metadata"]["image_statistics"]["grains"] == 3


def test_earlier_versions_have_masks_by_direction(tmp_path):
    path = write_topostats(
        tmp_path / "a.topostats", IMAGE, version=("topostats_file_version", 0.1),
        further={"grain_masks/above": (IMAGE > 0).astype(np.int64)},
    )  # fmt: skip
    found = om.signals(om.open(path))
    np.testing.assert_array_equal(found["Grain_mask_above"], IMAGE > 0)


def test_without_the_size_of_a_pixel_axes_count(tmp_path):
    path = write_topostats(tmp_path / "a.topostats", IMAGE, pixel=-1.0)
    assert "units" not in om.open_signal(path)["x"].attrs


def test_a_file_without_an_image_is_refused(tmp_path):
    path = write_topostats(tmp_path / "a.topostats", IMAGE)
    with h5py.File(path, "r+") as file:
        del file["image"]
    with pytest.raises(om.FormatError, match=r"a\.topostats.*holds no image"):
        om.open(path)


@pytest.mark.shared
def test_a_real_file_has_its_images_in_nm(shared):
    path = shared / "data/spm/minicircle_small.topostats"
    found = om.signals(om.open(path))
    assert len(found) == 15
    with h5py.File(path) as file:
        np.testing.assert_array_equal(found["Height"], file["image"][()])
        np.testing.assert_array_equal(found["Height_as_measured"], file["image_original"][()])
    assert float(found["Height"]["x"][1]) == pytest.approx(1.97601171875)
    assert found["Grain_masks"].shape == (64, 64, 2)
