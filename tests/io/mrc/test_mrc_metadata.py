"""MRC: extended headers of Thermo Fisher, companions of Direct Electron, real files."""

import hashlib
import json
import struct

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.mrc.reader import read
from omniscopy.testing.files.mrc import (
    encode_fei_record,
    write_direct_electron_info,
    write_direct_electron_positions,
    write_mrc,
)

STEM_CAMERA = {
    "timestamp": 44900.5,
    "microscope": "Spectra",
    "application": "Velox",
    "application_version": "3.7.0",
    "voltage": 300e3,
    "alpha_tilt": 1.5,
    "beta_tilt": -2.5,
    "stage_x": 1e-6,
    "stage_y": -2e-6,
    "stage_z": 3e-9,
    "pixel_size_x": 2e8,
    "pixel_size_y": 1e8,
    "instrument_mode": 2,
    "camera_length": 0.115,
    "convergence_angle": 0.0125,
    "camera_name": "BM-Ceta",
    "stem_detector": "HAADF",
    "dwell_time": 0.01,
    "frame_time": 2.72,
    "scan_left": 0,
    "scan_top": 0,
    "scan_right": 3,
    "scan_bottom": 2,
    "scan_view_x": 9e-9,
    "scan_view_y": 4e-9,
}
# What a Direct Electron server writes for a raster scan; -1 is "unknown".
RASTER = {
    "Timestamp (seconds since Epoch)": 1745955900,
    "Server Software Version": "2.7.5.10756",
    "Camera Model": "Celeritas",
    "Camera Name": "DE-Celeritas",
    "Instrument Accelerating Voltage (V)": 300000,
    "Instrument Project Camera Length (centimeters)": 28.5,
    "Instrument Project Magnification": -1,
    "Frame Time (nanoseconds)": 250000,
    "Scan - Enable": "Enable",
    "Scan - Type": "Raster",
    "Scan - ROI Enable": "Disable",
    "Scan - Size X": 3,
    "Scan - Size Y": 2,
    "Scan - Camera Frames Per Point": 1,
    "Scan - Dwell Time (microseconds)": 250.5,
    "Scan - Rotation": 30,
}


def values_of(channel):
    return channel.data[tuple(slice(None) for _ in channel.data.shape)]


def write_fei(path, records, data, *, version=2, spare=0, **options):
    extended = b"".join(encode_fei_record(r, version=version) for r in records)
    extended += bytes(spare * {1: 768, 2: 888}[version])
    kind = f"FEI{version}".encode()
    return write_mrc(path, data, extended=extended, extended_type=kind, **options)


def patterns(count):
    return np.arange(count * 4 * 5, dtype=np.uint16).reshape(count, 4, 5)


@pytest.mark.parametrize("version", [1, 2])
def test_a_camera_that_followed_a_scan_is_four_dimensional(tmp_path, version):
    data = patterns(6)
    path = write_fei(tmp_path / "a.mrc", [STEM_CAMERA] * 6, data, version=version, spare=4)
    (channel,) = read(path).channels
    assert [(a.name, a.size, a.units) for a in channel.axes] == [
        ("y", 2, "Å"),
        ("x", 3, "Å"),
        ("ky", 4, "1/Å"),
        ("kx", 5, "1/Å"),
    ]
    np.testing.assert_allclose([a.scale for a in channel.axes], [20, 30, 0.01, 0.02])
    np.testing.assert_array_equal(values_of(channel), data.reshape(2, 3, 4, 5))
    assert channel.data[1, 0, 2, 4] == data[3, 2, 4]
    assert (channel.title, channel.modality, channel.source) == ("BM-Ceta", "STEM", "Spectra")


def test_sections_that_are_not_as_many_as_the_scan_needs_stay_frames(tmp_path):
    path = write_fei(tmp_path / "a.mrc", [STEM_CAMERA] * 5, patterns(5))
    (channel,) = read(path).channels
    assert [a.name for a in channel.axes] == ["frame", "ky", "kx"]
    np.testing.assert_array_equal(values_of(channel), patterns(5))


def test_a_scan_that_was_interrupted_is_filled_up_when_asked(tmp_path):
    path = write_fei(tmp_path / "a.mrc", [STEM_CAMERA] * 5, patterns(5))
    (channel,) = read(path, partial=True).channels
    assert [(a.name, a.size) for a in channel.axes] == [("y", 2), ("x", 3), ("ky", 4), ("kx", 5)]
    values = values_of(channel).reshape(6, 4, 5)
    np.testing.assert_array_equal(values[:5], patterns(5))
    assert not values[5].any()
    incomplete = channel.attrs["incomplete"]
    assert incomplete["missing_from"] == 5
    assert "1 of its positions have no pattern" in incomplete["reason"]


def test_a_part_of_a_scan_has_no_step_that_the_file_knows(tmp_path):
    part = {**STEM_CAMERA, "scan_left": 10, "scan_right": 13}
    path = write_fei(tmp_path / "a.mrc", [part] * 6, patterns(6))
    y, x, *_ = read(path).channels[0].axes
    assert (y.size, x.size, y.units, x.units) == (2, 3, None, None)


def test_fields_whose_bit_is_not_set_are_not_there(tmp_path):
    record = {"pixel_size_x": 5e-10, "pixel_size_y": 5e-10, "instrument_mode": 1}
    measurement = read(write_fei(tmp_path / "a.mrc", [record], patterns(1), cell=(25, 20, 0)))
    (channel,) = measurement.channels
    assert set(measurement.original_metadata["fei_first_record"]) == {
        "Metadata version",
        "Pixel size X",
        "Pixel size Y",
        "Instrument mode",
    }
    assert measurement.metadata == {"instrument": {"vendor": "Thermo Fisher Scientific"}}
    assert [(a.name, a.scale, a.units) for a in channel.axes] == [("y", 5.0, "Å"), ("x", 5.0, "Å")]
    assert (channel.title, channel.modality) == ("a", "TEM")


def test_metadata_of_the_microscope_are_in_common_units(tmp_path):
    metadata = read(write_fei(tmp_path / "a.mrc", [STEM_CAMERA] * 6, patterns(6))).metadata
    assert metadata["started"] == "2022-12-05T12:00:00"
    assert metadata["instrument"] == {
        "vendor": "Thermo Fisher Scientific",
        "model": "Spectra",
        "software": "Velox 3.7.0",
    }
    assert metadata["beam"] == {"voltage": 300e3, "convergence_angle": 12.5}
    assert metadata["detector"] == {"name": "BM-Ceta", "camera_length": 0.115}
    assert metadata["scan"] == {"dwell_time": 0.01, "frame_time": 2.72}
    assert metadata["stage"] == {"x": 1e-6, "y": -2e-6, "z": 3e-9, "alpha": 1.5, "beta": -2.5}


def test_a_tilt_series_has_the_tilt_of_every_frame(tmp_path):
    records = [{"alpha_tilt": 2.0 * n - 3, "instrument_mode": 1} for n in range(5)]
    (channel,) = read(write_fei(tmp_path / "a.mrc", records, patterns(5))).channels
    assert channel.axes[0].name == "frame"
    assert set(channel.coordinates) == {"alpha_tilt"}
    tilt = channel.coordinates["alpha_tilt"]
    assert tilt.dims == ("frame",)
    assert tilt.attrs["units"] == "deg"
    np.testing.assert_array_equal(tilt.data[:], [-3, -1, 1, 3, 5])
    assert tilt.data[3] == 3.0


def test_records_with_a_size_that_cannot_be_are_left_alone(tmp_path):
    path = write_mrc(
        tmp_path / "a.mrc", patterns(2), extended=b"\x07" * 2000, extended_type=b"FEI1"
    )
    measurement = read(path)
    assert "fei_first_record" not in measurement.original_metadata
    np.testing.assert_array_equal(values_of(measurement.channels[0]), patterns(2))


def write_movie(folder, frames, changes, name="20250429_06699"):
    write_direct_electron_info(folder / f"{name}_info.txt", {**RASTER, **changes})
    return write_mrc(folder / f"{name}_movie.mrc", patterns(frames), space_group=1)


def test_the_companion_of_a_movie_gives_the_scan(tmp_path):
    (channel,) = read(write_movie(tmp_path, 6, {})).channels
    assert [(a.name, a.size, a.units) for a in channel.axes] == [
        ("y", 2, None),
        ("x", 3, None),
        ("ky", 4, None),
        ("kx", 5, None),
    ]
    np.testing.assert_array_equal(values_of(channel), patterns(6).reshape(2, 3, 4, 5))
    assert (channel.modality, channel.source) == ("STEM", "DE-Celeritas")


def test_several_frames_of_each_position_are_kept(tmp_path):
    (channel,) = read(write_movie(tmp_path, 12, {"Scan - Camera Frames Per Point": 2})).channels
    assert [a.name for a in channel.axes] == ["y", "x", "frame", "ky", "kx"]
    assert channel.data.shape == (2, 3, 2, 4, 5)
    assert channel.data[1, 0, 1, 0, 0] == patterns(12)[7, 0, 0]


def test_a_region_of_interest_is_the_scan(tmp_path):
    region = {"Scan - ROI Enable": "Enable", "Scan - ROI Size X": 2, "Scan - ROI Size Y": 2}
    assert read(write_movie(tmp_path, 4, region)).channels[0].data.shape == (2, 2, 4, 5)


@pytest.mark.parametrize(
    ("frames", "changes"),
    [(5, {}), (6, {"Scan - Type": "XY File"}), (6, {"Scan - Size X": "many"})],
)
def test_a_movie_that_is_no_full_raster_stays_frames(tmp_path, frames, changes):
    (channel,) = read(write_movie(tmp_path, frames, changes)).channels
    assert [a.name for a in channel.axes] == ["frame", "ky", "kx"]


def scan_by_list(folder, places, frames, **changes):
    stem = "20250429_06699"
    write_direct_electron_info(folder / f"{stem}_info.txt", {**RASTER, **changes})
    write_direct_electron_positions(folder / f"{stem}_scan_coordinates.csv", places)
    write_mrc(folder / f"{stem}_movie.mrc", frames)
    return folder / f"{stem}_movie.mrc"


def test_frames_of_a_list_of_positions_are_at_their_places(tmp_path):
    frames = np.arange(4 * 2 * 5, dtype=np.uint16).reshape(4, 2, 5) + 1
    places = [(2, 0), (0, 1), (1, 1), (0, 0)]  # x, y
    path = scan_by_list(tmp_path, places, frames, **{"Scan - Type": "XY File"})
    (channel,) = read(path).channels
    assert [axis.name for axis in channel.axes] == ["y", "x", "ky", "kx"]
    expected = np.zeros((2, 3, 2, 5), np.uint16)
    for frame, (x, y) in zip(frames, places, strict=True):
        expected[y, x] = frame
    np.testing.assert_array_equal(values_of(channel), expected)
    np.testing.assert_array_equal(channel.data[1, slice(0, 3, 2), 1], expected[1, ::2, 1])
    assert channel.attrs["incomplete"]["reason"].startswith("2 positions were left out")


def test_positions_that_were_visited_again_have_a_frame_for_each_time(tmp_path):
    frames = np.arange(5 * 2 * 3, dtype=np.int16).reshape(5, 2, 3) + 1
    places = [(0, 0), (1, 0), (0, 0), (2, 1), (0, 0)]
    path = scan_by_list(tmp_path, places, frames, **{"Scan - Type": "XY File"})
    (channel,) = read(path).channels
    assert [axis.name for axis in channel.axes] == ["y", "x", "frame", "ky", "kx"]
    found = values_of(channel)
    assert found.shape == (2, 3, 3, 2, 3)
    np.testing.assert_array_equal(found[0, 0], frames[[0, 2, 4]])
    np.testing.assert_array_equal(found[0, 1, 0], frames[1])
    np.testing.assert_array_equal(found[1, 2, 0], frames[3])
    assert not found[0, 1, 1:].any()


def test_bytes_of_direct_electron_are_unsigned(tmp_path):
    # 0 to 127 and -128 to -1, by the convention of the format.
    counts = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    info = {**RASTER, "Scan - Enable": "Disable", "Autosave Counted Movie Pixel Format": "uint8"}
    write_direct_electron_info(tmp_path / "20250429_06699_info.txt", info)
    path = tmp_path / "20250429_06699_movie.mrc"
    write_mrc(path, counts.view(np.int8), space_group=1)
    (channel,) = read(path).channels
    assert channel.data.dtype == np.uint8
    np.testing.assert_array_equal(values_of(channel), counts)


@pytest.mark.parametrize(
    "places", [[(0, 0)] * 3, [(0, 0), (1, -1), (0, 1), (1, 1)], [("x", "y")] * 4, [(9**9, 0)] * 4]
)
def test_a_list_that_does_not_fit_leaves_frames(tmp_path, places):
    frames = np.arange(4 * 2 * 5, dtype=np.uint16).reshape(4, 2, 5)
    path = scan_by_list(tmp_path, places, frames, **{"Scan - Type": "XY File"})
    (channel,) = read(path).channels
    assert channel.data.shape == (4, 2, 5)


def test_metadata_of_the_companion_are_in_common_units(tmp_path):
    measurement = read(write_movie(tmp_path, 6, {}))
    assert measurement.metadata == {
        "started": "2025-04-29T19:45:00+00:00",
        "instrument": {
            "vendor": "Direct Electron",
            "model": "Celeritas",
            "software": "DE Server 2.7.5.10756",
        },
        "beam": {"voltage": 300e3},
        "detector": {"name": "DE-Celeritas", "camera_length": 0.285, "exposure_time": 250e-6},
        "scan": {"dwell_time": 250.5e-6, "rotation": 30.0},
    }
    assert measurement.original_metadata["direct_electron_info"]["Scan - Type"] == "Raster"


def test_a_virtual_image_finds_the_same_companion(tmp_path):
    write_direct_electron_info(tmp_path / "20250429_06699_info.txt", RASTER)
    path = tmp_path / "20250429_06699_0_Virt 0_sum.mrc"
    write_mrc(path, np.zeros((2, 3), np.float32), cell=(6, 8, 0))
    measurement = read(path)
    assert measurement.metadata["beam"] == {"voltage": 300e3}
    assert [(a.name, a.scale) for a in measurement.channels[0].axes] == [("y", 4.0), ("x", 2.0)]


REAL = {
    # file: dimensions, their scales and units after our convention
    "mrc/temp.mrc": [("frame", 1.0, None), ("y", 2.0, "Å"), ("x", 2.0, "Å")],
    "mrc/20241021_00405_0_Virt 0_sum.mrc": [("y", 1.0, None), ("x", 1.0, None)],
    "mrc/20241021_00405_final.mrc": [("y", 1.0, None), ("x", 1.0, None)],
    "mrc/Custom_movie/Custom_movie.mrc": [
        ("y", 1.0, None),
        ("x", 1.0, None),
        ("frame", 1.0, None),
        ("ky", 1.0, None),
        ("kx", 1.0, None),
    ],
    "mrc/HAADFscan.mrc": [("y", 56.79131317138672, "Å"), ("x", 56.79131317138672, "Å")],
}


def manifest(vendor):
    return json.loads((vendor / "MANIFEST.json").read_text(encoding="utf-8"))["files"]


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_values_of_the_manifest(shared, name):
    vendor = shared / "data/vendor"
    (entry,) = [e for e in manifest(vendor) if e["file"] == name]
    (expected,) = entry["signals"]
    (channel,) = read(vendor / name).channels
    values = values_of(channel)
    if "Custom" in name:
        # The scan went along y at every other x, twice.
        assert not values[:, 1::2].any()
        values = values.transpose(2, 1, 0, 3, 4)[:, ::2].reshape(30, 16, 16)
    assert list(values.shape) == expected["shape"]
    assert values.dtype == expected["dtype"]
    assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == expected["sha256"]
    assert [(a.name, a.units) for a in channel.axes] == [(n, u) for n, _, u in REAL[name]]
    np.testing.assert_allclose([a.scale for a in channel.axes], [s for _, s, _ in REAL[name]])
    assert all(a.offset == 0 for a in channel.axes)


@pytest.mark.shared
def test_every_real_mrc_file_is_tested(shared):
    entries = json.loads((shared / "data/vendor/MANIFEST.json").read_text(encoding="utf-8"))[
        "files"
    ]
    assert {e["file"] for e in entries if e["format"] == "mrc"} == set(REAL)


@pytest.mark.shared
def test_the_real_file_of_thermo_fisher_has_its_metadata(shared):
    measurement = read(shared / "data/vendor/mrc/HAADFscan.mrc")
    assert measurement.channels[0].title == "HAADF"
    assert measurement.metadata["started"] == "2022-12-05T12:13:07"
    assert measurement.metadata["beam"]["voltage"] == 300e3
    assert measurement.metadata["beam"]["convergence_angle"] == pytest.approx(14.3273, abs=1e-4)
    assert measurement.metadata["detector"]["camera_length"] == pytest.approx(0.0911)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_serial_em_has_tilt_and_stage_of_every_section(tmp_path, byte_order):
    # Tilt, place of a piece, stage and magnification: 1 + 2 + 4 + 8.
    rows = [[6000 - 3000 * n, 1, 2, 3, 25 * n, -50 * n, 300] for n in range(3)]
    path = write_mrc(
        tmp_path / "a.mrc", np.zeros((3, 4, 5), np.int16), byte_order=byte_order,
        extended=np.array(rows, f"{byte_order}i2").tobytes() + bytes(22), extended_type=b"SERI",
        header_changes={128: struct.pack(f"{byte_order}2h", 14, 15)},
    )  # fmt: skip
    found = read(path).channels[0].coordinates
    assert set(found) == {"alpha_tilt", "stage_x", "stage_y"}
    np.testing.assert_allclose(found["alpha_tilt"].data, [60, 30, 0])
    np.testing.assert_allclose(found["stage_x"].data, [0, 1, 2])
    np.testing.assert_allclose(found["stage_y"].data, [0, -2, -4])
    units = {name: one.attrs["units"] for name, one in found.items()}
    assert units == {"alpha_tilt": "deg", "stage_x": "µm", "stage_y": "µm"}
    assert om.open_signal(path)["alpha_tilt"].dims == ("frame",)


@pytest.mark.parametrize("kind", [b"AGAR", b"\0\0\0\0"])
@pytest.mark.parametrize("integers", [0, 2])
def test_real_numbers_of_a_section_begin_with_its_tilts(tmp_path, kind, integers):
    table = np.zeros((3, integers + 32), "<f4")
    table[:, integers] = [-10, 0.5, 11]
    path = write_mrc(
        tmp_path / "a.mrc", np.zeros((3, 4, 5), np.int16), extended=table.tobytes(),
        extended_type=kind, header_changes={128: struct.pack("<2h", integers, 32)},
    )  # fmt: skip
    found = read(path).channels[0].coordinates
    assert set(found) == {"alpha_tilt"}
    np.testing.assert_allclose(found["alpha_tilt"].data, [-10, 0.5, 11])


@pytest.mark.parametrize("numbers", [(14, 7), (6, 64), (0, 0), (-4, 32), (2, 1)])
def test_extended_headers_of_other_forms_say_nothing_of_tilts(tmp_path, numbers):
    path = write_mrc(
        tmp_path / "a.mrc", np.zeros((3, 4, 5), np.int16), extended=bytes([1]) * 5,
        header_changes={128: struct.pack("<2h", *numbers)},
    )  # fmt: skip
    assert read(path).channels[0].coordinates == {}
