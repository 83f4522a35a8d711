"""Where an EDS detector stands, which corrections of absorption need, in every format's words."""

import numpy as np
import pytest
from tests.conftest import SHARED

import omniscopy as om
from omniscopy.io.edax.reader import _metadata as metadata_of_edax
from omniscopy.io.reading import read_measurement
from omniscopy.io.velox.metadata import common_metadata
from omniscopy.samples import eds_map

VENDOR = SHARED / "data" / "vendor"


@pytest.mark.parametrize("form", ["msa", "ripple", "hspy"])
def test_the_place_of_the_detector_is_saved_and_found_in_the_formats_own_words(form, tmp_path):
    said = {"elevation_angle": 18.5, "azimuth_angle": 45.0}
    data = eds_map().isel(y=0, x=0) if form == "msa" else eds_map()
    data.attrs["metadata"] = {"detector": said}
    suffix = {"msa": ".msa", "ripple": ".rpl", "hspy": ".hspy"}[form]
    path = om.save(data, tmp_path / f"a{suffix}", format=form)
    content = path.read_bytes()
    words = {"msa": b"#ELEVANGLE", "ripple": b"elevation-angle", "hspy": b"elevation_angle"}
    assert words[form] in content
    found = next(iter(om.signals(om.open(path)).values())).attrs["metadata"]["detector"]
    assert {name: found[name] for name in said} == said


def test_angles_of_velox_are_in_radians():
    place = {"ElevationAngle": "0.3141592653589793", "AzimuthAngle": "2.356194490192345"}
    tree = {
        "BinaryResult": {"Detector": "SuperXG2", "DetectorIndex": "3"},
        "Detectors": {"Detector-3": {"DetectorName": "SuperXG21", **place}},
    }
    found = common_metadata(tree, None)["detector"]
    assert found["elevation_angle"] == pytest.approx(18.0)
    assert found["azimuth_angle"] == pytest.approx(135.0)


def test_angles_of_edax_that_are_no_numbers_are_left_out():
    found = metadata_of_edax({"elevation": 35.0, "azimuth": np.nan}, {})["detector"]
    assert found["elevation_angle"] == 35.0
    assert "azimuth_angle" not in found


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "elevation", "azimuth"),
    [
        ("bruker_spx/extracted_from_bcf.spx", 35.0, 45.0),
        ("bruker_bcf/test_TEM.bcf", 18.0, 45.0),
        ("dm3/test-EDS_spectrum.dm3", 18.0, 45.0),
        ("phenom_elid/Elid2Version1.elid", 28.5, 0.0),
        ("msa/example2_NCOLUMNS5.msa", 20.0, 90.0),
    ],
)
def test_the_place_of_the_detector_of_real_files(name, elevation, azimuth):
    if not (VENDOR / name).exists():
        pytest.skip("the corpus is not there")
    _, measurement = read_measurement(VENDOR / name)
    found = [
        channel.metadata["detector"]
        for channel in measurement.channels
        if "elevation_angle" in channel.metadata.get("detector", {})
    ]
    assert found
    assert found[0]["elevation_angle"] == pytest.approx(elevation, abs=0.01)
    assert found[0].get("azimuth_angle") == azimuth
