"""Files of RHK Technology."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.rhk import RhkPage, write_sm2, write_sm3, write_sm4
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(8)
COUNTS = RNG.integers(-(10**6), 10**6, (6, 5)).astype(np.int32)
TEXTS = {
    "label": "Topography", "x_units": "m", "y_units": "m", "z_units": "m", "date": "10/24/19",
    "time": "16:05:09", "user_text": "Au(111)", "system_text": "XPMPro 2.0",
}  # fmt: skip


def test_an_image_is_turned_by_the_signs_of_its_steps_and_lies_about_its_offset(tmp_path):
    pages = [
        RhkPage(COUNTS, texts=TEXTS),
        RhkPage(
            COUNTS, header={"x_scale": 1e-10, "y_scale": 2e-10, "scan_direction": 1}, texts=TEXTS
        ),
    ]  # fmt: skip
    path = write_sm4(tmp_path / "a.sm4", pages, notes="<1322>\tScan size::1e-8 m")
    check_reader("rhk_sm4", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Topography_forward", "Topography_backward"]
    forward = found["Topography_forward"]
    # x_scale < 0: from right to left; y_scale < 0: from the top down.
    np.testing.assert_allclose(forward, 1e-10 + 1e-12 * COUNTS[:, ::-1], rtol=1e-6)
    np.testing.assert_allclose(
        found["Topography_backward"], 1e-10 + 1e-12 * COUNTS[::-1], rtol=1e-6
    )
    assert (forward.dims, forward.attrs["units"], forward.attrs["quantity"]) == (
        ("y", "x"), "m", "height",
    )  # fmt: skip
    # 5 by 0.1 nm about 5 nm; 6 by 0.2 nm about -3 nm, downwards.
    np.testing.assert_allclose(forward["x"], 4.75e-9 + 1e-10 * np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(forward["y"], -3.6e-9 + 2e-10 * np.arange(6)[::-1], rtol=1e-6)
    said = tree.attrs["metadata"]
    assert said["started"] == "2019-10-24T16:05:09"
    assert said["comment"] == "Au(111)"
    assert said["instrument"] == {"vendor": "RHK Technology", "software": "XPMPro 2.0"}
    assert said["probe"]["bias"] == -0.5
    assert said["scan"]["rotation"] == 30.0
    assert said["scan"]["dwell_time"] == pytest.approx(1e-3)
    assert said["feedback"]["setpoint"] == "1e-10 A"
    assert "Scan size" in tree.attrs["original_metadata"]["notes"]


def test_spectra_have_their_sweep_and_places(tmp_path):
    places = RNG.normal(size=(6, 2)) * 1e-9
    header = {"line_type": 7, "x_scale": -0.1, "x_offset": 0.3, "z_scale": 2e-12, "z_offset": 0.0}
    texts = {**TEXTS, "label": "Current", "x_units": "V", "z_units": "A", "x_label": "Bias"}
    path = write_sm4(tmp_path / "a.sm4", [RhkPage(COUNTS, 1, header, texts, places)])
    check_reader("rhk_sm4", path)
    current = om.open_signal(path)
    assert (current.dims, current.attrs["units"]) == (("point", "bias"), "A")
    np.testing.assert_allclose(current, 2e-12 * COUNTS, rtol=1e-6)
    np.testing.assert_allclose(current["bias"], 0.3 - 0.1 * np.arange(5), atol=1e-7)
    np.testing.assert_allclose(current["x"], places[:, 0], rtol=1e-6)
    np.testing.assert_allclose(current["y"], places[:, 1], rtol=1e-6)


def test_discrete_spectra_are_columns_after_their_abscissa(tmp_path):
    table = RNG.normal(size=(5, 4)).astype(np.float32)
    header = {"line_type": 22, "rows": 3, "columns": 5, "z_scale": 1.0, "z_offset": 0.0}
    texts = {"label": "dI/dV", "x_units": "V", "z_units": "V"}
    path = write_sm4(tmp_path / "a.sm4", [RhkPage(table, 1, header, texts)])
    check_reader("rhk_sm4", path)
    found = om.open_signal(path)
    assert found.dims == ("point", "sample")
    np.testing.assert_allclose(found, table[:, 1:].T)
    np.testing.assert_allclose(found["bias"], table[:, 0])


def test_spectra_of_noise_are_floats(tmp_path):
    values = RNG.normal(size=(2, 7)).astype(np.float32)
    header = {"line_type": 6, "x_scale": 2.5, "x_offset": 0.0, "z_scale": 1.0, "z_offset": 0.0}
    texts = {"label": "Noise", "x_units": "Hz"}
    path = write_sm4(tmp_path / "a.sm4", [RhkPage(values, 1, header, texts)])
    noise = om.open_signal(path)
    np.testing.assert_array_equal(noise, values)
    np.testing.assert_allclose(noise["frequency"], 2.5 * np.arange(7))


def test_pages_of_other_kinds_are_named(tmp_path):
    path = write_sm4(tmp_path / "a.sm4", [RhkPage(COUNTS, texts=TEXTS), RhkPage(COUNTS, 6)])
    assert om.open(path).attrs["not_read"] == "page 1, of type 6"


def test_a_page_without_all_its_numbers_is_refused_or_left_out(tmp_path):
    pages = [RhkPage(COUNTS, texts=TEXTS), RhkPage(COUNTS, header={"rows": 7}, texts=TEXTS)]
    path = write_sm4(tmp_path / "a.sm4", pages)
    with pytest.raises(om.FormatError, match=r"page 1 of \(7, 5\) numbers has 120 bytes"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert list(om.signals(tree)) == ["Topography_forward"]
    assert tree.attrs["not_read"] == "page 1, which is not whole"


def test_damage_is_refused_or_harmless(tmp_path):
    places = RNG.normal(size=(6, 2)) * 1e-9
    spectra = RhkPage(COUNTS, 1, {"line_type": 7}, {"x_units": "V"}, places)
    path = write_sm4(tmp_path / "a.sm4", [RhkPage(COUNTS, texts=TEXTS), spectra], notes="note")
    content = path.read_bytes()
    for damaged in (*truncations(content, 100), *bit_flips(content, 100, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)


def oldest(numbers, kind=0, header=(), texts=(), places=None):
    """Return a page of a .sm2 file, whose lines are short."""
    said = {"label": "Topography", "x_units": "m", "y_units": "m", "z_units": "m",
            "date": "10/24/99", "time": "16:05:09", "user_text": "Au(111)"}  # fmt: skip
    return RhkPage(numbers, kind, dict(header), {**said, **dict(texts)}, places)


@pytest.mark.parametrize("form", ["sm3", "first sm3", "sm2"])
def test_older_files_have_images_as_the_newer_ones_do(tmp_path, form):
    counts = COUNTS.astype(np.int16) if form == "sm2" else COUNTS
    upwards = {"x_scale": 1e-10, "y_scale": 2e-10, "scan_direction": 1}
    pages = [oldest(counts), oldest(counts, header=upwards)]
    if form == "sm2":
        path = write_sm2(tmp_path / "a.sm2", pages)
    else:
        path = write_sm3(tmp_path / "a.sm3", pages, version=1 if form == "first sm3" else 2)
    check_reader("rhk_sm4", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Topography_forward", "Topography_backward"]
    forward, backward = found.values()
    np.testing.assert_allclose(forward, 1e-10 + 1e-12 * counts[:, ::-1], rtol=1e-6)
    np.testing.assert_allclose(backward, 1e-10 + 1e-12 * counts[::-1], rtol=1e-6)
    np.testing.assert_allclose(forward["x"], 4.75e-9 + 1e-10 * np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(forward["y"], -3.6e-9 + 2e-10 * np.arange(6)[::-1], rtol=1e-6)
    assert forward.attrs["units"] == "m"
    said = tree.attrs["metadata"]
    assert said["started"] == "1999-10-24T16:05:09"
    assert said["comment"] == "Au(111)"
    assert (said["probe"]["bias"], said["scan"]["rotation"]) == (-0.5, 30.0)
    assert said["feedback"]["setpoint"] == "1e-10 A"


@pytest.mark.parametrize(("form", "dtype"), [("sm3", "i4"), ("sm2", "i2"), ("sm2", "f4")])
def test_spectra_of_older_files_have_their_sweep_and_places(tmp_path, form, dtype):
    counts, places = (COUNTS % 1000).astype(dtype), RNG.normal(size=(6, 2)) * 1e-9
    header = {"line_type": 7, "x_scale": -0.1, "x_offset": 0.3, "z_scale": 2e-12, "z_offset": 0.0}
    texts = {"label": "Current", "x_units": "V", "z_units": "A"}
    kinds = (1,) if form == "sm3" else (3, 1)
    pages = [oldest(counts, kind, header, texts, None if kind == 1 and form == "sm2" else places)
             for kind in kinds]  # fmt: skip
    path = {"sm3": write_sm3, "sm2": write_sm2}[form](tmp_path / f"a.{form}", pages)
    check_reader("rhk_sm4", path)
    found = om.signals(om.open(path))
    assert len(found) == len(kinds)
    for current in found.values():
        assert (current.dims, current.attrs["units"]) == (("point", "bias"), "A")
        np.testing.assert_allclose(current, 2e-12 * counts, rtol=1e-6)
        np.testing.assert_allclose(current["bias"], 0.3 - 0.1 * np.arange(5), atol=1e-7)
    current = next(iter(found.values()))
    np.testing.assert_allclose(current["x"], places[:, 0], rtol=1e-6)
    np.testing.assert_allclose(current["y"], places[:, 1], rtol=1e-6)


def test_damage_of_older_files_is_refused_or_harmless(tmp_path):
    places = RNG.normal(size=(6, 2)) * 1e-9
    for write, dtype, kind in ((write_sm3, "i4", 1), (write_sm2, "i2", 3)):
        counts = (COUNTS % 1000).astype(dtype)
        lines = oldest(counts, kind, {"line_type": 7}, {"x_units": "V"}, places)
        path = write(tmp_path / "a.sm3", [oldest(counts), lines])
        content = path.read_bytes()
        path.write_bytes(content[:-20])
        with pytest.raises(om.FormatError, match="page 1 needs"):
            om.open(path)
        tree = om.open(path, partial=True)
        assert list(om.signals(tree)) == ["Topography_forward"]
        assert tree.attrs["not_read"] == "page 1, which is not whole"
        for damaged in (
            *truncations(content, 100),
            *bit_flips(content, 100, np.random.default_rng(1)),
        ):
            check_damage(path, damaged, folder=tmp_path)
