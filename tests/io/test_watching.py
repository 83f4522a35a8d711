"""Measurements that are being taken, line by line."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.fast_free import SETTINGS, write_fast_free

QUICK = {"interval": 0.01, "timeout": 0.5}
LINES = np.random.default_rng(5).standard_normal((3, 4, 20)).astype(np.float32)


def settings():
    said = {name: dict(section) for name, section in SETTINGS.items()}
    for section in said.values():
        if "lines_per_image" in section:
            section["lines_per_image"] = 3
        if "n_pixels" in section:
            section["n_pixels"] = 4
    return said


def test_each_new_line_opens_the_image_again_until_it_is_whole(tmp_path):
    write_fast_free(tmp_path / "a.cfg", LINES[:1], settings())
    seen = []
    for number, tree in enumerate(om.io.watch(tmp_path, **QUICK)):
        data = om.signals(tree)["Transients"]
        taken = np.isfinite(data).all(["x", "time"]).values
        seen.append(taken.tolist())
        np.testing.assert_array_equal(data[: number + 1], LINES[: number + 1])
        write_fast_free(tmp_path / "a.cfg", LINES[: number + 2], settings())
    assert seen == [[True, False, False], [True, True, False], [True, True, True]]


def test_what_is_not_readable_yet_is_waited_for(tmp_path):
    looks = om.io.watch(tmp_path / "later", **QUICK)
    (tmp_path / "later").mkdir()
    write_fast_free(tmp_path / "later" / "a.cfg", LINES, settings())
    assert len(list(looks)) == 1
    (tmp_path / "a.txt").write_text("settings without lines")
    with pytest.raises(om.FormatError):
        list(om.io.watch(tmp_path / "a.txt", **QUICK))


def test_a_measurement_that_stops_is_left_after_a_while(tmp_path):
    write_fast_free(tmp_path / "a.cfg", LINES[:2], settings())
    (tree,) = om.io.watch(tmp_path, interval=0.01, timeout=0.05)
    assert om.signals(tree)["Transients"].attrs["incomplete"]["missing_from"] == 2
    with pytest.raises(om.FormatError, match=r"nothing was written in 0\.05 s"):
        list(om.io.watch(tmp_path / "nowhere", interval=0.01, timeout=0.05))


def test_times_must_be_above_zero(tmp_path):
    with pytest.raises(om.DataError, match="interval and timeout must be above 0"):
        om.io.watch(tmp_path, interval=0.0)
