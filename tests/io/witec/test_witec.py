"""WITec projects."""

import struct

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.witec import write_witec
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(3)
MAP = RNG.integers(0, 4000, (3, 4, 5)).astype("u2")
HEIGHT = RNG.normal(size=(3, 4)).astype("f4")
VIDEO = RNG.integers(0, 256, (2, 3, 4)).astype("u1")
GUID = "{0a0B}"


def space(scale=(0.5, -0.25, 1.0), angle=0.0, turned=None, model=(0, 0, 0)):
    """Return a transformation of pixels; matrices are stored column by column."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    rotation = rotation if turned is None else np.asarray(turned, dtype=float)
    view = {
        "ModelOrigin": np.asarray(model, float), "WorldOrigin": np.array([10.0, 20.0, 3.0]),
        "Scale": np.diag(scale).T.ravel(), "Rotation": rotation.T.ravel(),
    }  # fmt: skip
    return ("TDSpaceTransformation", {"ViewPort3D": view})


def links(**numbers):
    return {name: np.int32(number) for name, number in numbers.items()}


LINKS = links(SpaceTransformationID=2, XTransformationID=3, XInterpretationID=4,
              ZInterpretationID=5)  # fmt: skip
POLYNOMIAL = ("TDSpectralTransformation", {
    "SpectralTransformationType": np.int32(0), "Polynom": np.array([540.0, 2.0, 0.01]),
})  # fmt: skip
WAVELENGTHS = 540 + 2 * np.arange(5) + 0.01 * np.arange(5) ** 2
COUNTS = ("TDZInterpretation", {"UnitName": "CCD cts"})


def shown(index, laser=532.0):
    return ("TDSpectralInterpretation", {"ExcitationWaveLength": np.float64(laser),
                                         "TDInterpretation": links(UnitIndex=index)})  # fmt: skip


def project(path, graph, *, place=None, bins=POLYNOMIAL, unit=3, others=()):
    data = [
        ("TDGraph", {"Caption": "Raman Data 1", "GUID": GUID, **LINKS, **graph}),
        place or space(), bins, shown(unit), COUNTS, *others,
    ]  # fmt: skip
    return write_witec(path, data)


def parameter(guid, **value):
    return {"ParamGuid": guid, **value}


def test_a_map_of_spectra_has_raman_shifts_and_labels_of_the_stage(tmp_path):
    path = project(tmp_path / "a.wip", {"values": MAP})
    check_reader("witec", path)
    spectra = om.open_signal(path)
    assert spectra.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(spectra, MAP)
    assert spectra.attrs["units"] == "counts"
    np.testing.assert_allclose(spectra["x"], 10 + 0.5 * np.arange(4))
    np.testing.assert_allclose(spectra["y"], 20 - 0.25 * np.arange(3))
    assert spectra["x"].attrs["units"] == "µm"
    shift = spectra["wavenumber"]
    np.testing.assert_allclose(shift, 1e7 * (1 / 532 - 1 / WAVELENGTHS))
    assert (shift.attrs["units"], shift.attrs["quantity"]) == ("1/cm", "Raman shift")
    assert spectra.attrs["metadata"]["laser"] == {"wavelength": 532.0}


@pytest.mark.parametrize(("unit", "name", "units", "labels"), [
    (0, "wavelength", "nm", WAVELENGTHS), (1, "wavelength", "µm", WAVELENGTHS / 1e3),
    (2, "wavenumber", "1/cm", 1e7 / WAVELENGTHS), (4, "energy", "eV", 1239.841984 / WAVELENGTHS),
    (5, "energy", "meV", 1239841.984 / WAVELENGTHS),
    (6, "energy", "eV", 1239.841984 * (1 / WAVELENGTHS - 1 / 532)),
])  # fmt: skip
def test_spectra_are_in_the_unit_in_which_they_were_shown(tmp_path, unit, name, units, labels):
    axis = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, unit=unit))[name]
    np.testing.assert_allclose(axis, labels, rtol=1e-12)
    assert axis.attrs["units"] == units


def test_a_grating_gives_its_centre_and_dispersion(tmp_path):
    # Littrow without tilt: sin α = m λ / 2d, and dλ/dx = d cos β / (m f).
    order, period, width, focal, included = 1.0, 1e6 / 600, 0.026, 300.0, 0.0
    said = {"nC": 2.0, "LambdaC": 600.0, "Gamma": included, "Delta": 0.0, "m": order,
            "d": period, "x": width, "f": focal}  # fmt: skip
    bins = ("TDSpectralTransformation", {
        "SpectralTransformationType": np.int32(1),
        **{key: np.float64(value) for key, value in said.items()},
    })  # fmt: skip
    axis = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, bins=bins, unit=0))[
        "wavelength"
    ]
    assert float(axis[2]) == pytest.approx(600, abs=1e-9)
    cosine = np.sqrt(1 - (600 / (2 * period)) ** 2)
    slope = float(axis[3] - axis[1]) / 2
    assert slope == pytest.approx(width / focal * period * cosine, rel=1e-6)


def test_bins_outside_of_a_bounded_polynomial_have_its_ends(tmp_path):
    bins = ("TDSpectralTransformation", {
        "SpectralTransformationType": np.int32(2), "FreePolynom": np.array([500.0, 3.0, 1.0, 9.0]),
        "FreePolynomOrder": np.int32(2), "FreePolynomStartBin": np.float64(1),
        "FreePolynomStopBin": np.float64(3)})  # fmt: skip
    found = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, bins=bins, unit=0))
    np.testing.assert_allclose(found["wavelength"], [504, 504, 510, 518, 518])


def test_tables_and_lines_of_other_quantities(tmp_path):
    table = ("TDLUTTransformation", {"LUTSize": np.int32(5), "LUT": 600.0 + np.arange(6) ** 2})
    found = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, bins=table, unit=0))
    np.testing.assert_allclose(found["wavelength"], 600 + np.arange(5) ** 2)
    line = ("TDLinearTransformation", {
        "ModelOrigin_D": np.float64(1), "WorldOrigin_D": np.float64(0.5),
        "Scale_D": np.float64(0.25), "Scale": np.float32(9)})  # fmt: skip
    data = [("TDGraph", {"values": MAP, **LINKS}), space(), line, ("TDTimeInterpretation", {})]
    found = om.open_signal(write_witec(tmp_path / "b.wid", data, magic=b"WIT_DATA"))
    np.testing.assert_allclose(found["time"], 0.25 + 0.25 * np.arange(5))
    assert found["time"].attrs["units"] == "s"


def test_rows_that_were_not_scanned_are_nan(tmp_path):
    flags = np.array([True, True, False])
    found = om.open_signal(project(tmp_path / "a.wip", {"values": MAP, "LineValid": flags}))
    np.testing.assert_array_equal(found[:2], MAP[:2])
    assert np.isnan(found[2]).all()
    assert found.attrs["incomplete"]["missing_from"] == 2


def test_depth_scans_turned_scans_lines_and_points(tmp_path):
    depth = space(turned=[[1, 0, 0], [0, 0, -1], [0, 1, 0]], scale=(0.5, 2.0, 1.0))
    found = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, place=depth))
    assert found.dims == ("z", "x", "wavenumber")
    np.testing.assert_allclose(found["z"], 3 + 2 * np.arange(3))

    place = space(scale=(0.5, 0.5, 1), angle=np.radians(30), model=(2, 0, 0))
    found = om.open_signal(project(tmp_path / "b.wip", {"values": MAP}, place=place))
    np.testing.assert_allclose(found["x"], 0.5 * np.arange(4))
    assert found.attrs["metadata"]["scan"]["rotation"] == pytest.approx(30)

    found = om.open_signal(project(tmp_path / "c.wip", {"values": MAP[:1]}, place=place))
    assert found.dims == ("point", "wavenumber")
    along = 0.5 * (np.arange(4) - 2)
    np.testing.assert_allclose(found["x"], 10 + along * np.cos(np.radians(30)))
    np.testing.assert_allclose(found["y"], 20 + along * np.sin(np.radians(30)))
    np.testing.assert_allclose(found["z"], 3)
    straight = om.open_signal(project(tmp_path / "d.wip", {"values": MAP[:, :1]}))
    np.testing.assert_allclose(straight["y"], 20 - 0.25 * np.arange(3))
    np.testing.assert_array_equal(straight, MAP[:, 0])

    found = om.open_signal(project(tmp_path / "e.wip", {"values": MAP[:1, :1]}))
    assert found.dims == ("wavenumber",)
    assert found.attrs["metadata"]["stage"] == pytest.approx({"x": 1e-5, "y": 2e-5, "z": 3e-6})
    np.testing.assert_array_equal(found, MAP[0, 0])


def test_images_video_images_texts_and_traces(tmp_path):
    rtf = (
        rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0\fs20 Integration Time [s]:\tab 0.5\par "
        rb"Size [\'b5m]: 3\par}"
    )
    others = [
        ("TDImage", {"Caption": "Height", "values": HEIGHT,
                     **links(PositionTransformationID=2, ZInterpretationID=7)}),
        ("TDZInterpretation", {"UnitName": "µm"}),
        ("TDBitmap", {"Caption": "Video", "values": VIDEO, **links(SpaceTransformationID=2)}),
        ("TDText", {"Caption": "Information",
                    "TDStream": {"StreamData": np.frombuffer(rtf, np.uint8)}}),
        ("TDBitmap", {"Caption": "Old video", "TDStream": {"StreamData": np.zeros(9, "u1")}}),
    ]  # fmt: skip
    path = project(tmp_path / "a.wip", {"values": MAP}, others=others)
    content = om.open(path)
    found = om.signals(content)
    assert list(found) == ["Raman_Data_1", "Height", "Video"]
    np.testing.assert_array_equal(found["Height"], HEIGHT)
    assert found["Height"].attrs["units"] == "µm"
    np.testing.assert_allclose(found["Height"]["y"], 20 - 0.25 * np.arange(3))
    np.testing.assert_array_equal(found["Video"], VIDEO[..., :3])
    assert "Old video" in content.attrs["not_read"]
    texts = content.attrs["original_metadata"]["texts"]
    assert texts == {"Information": "Integration Time [s]:\t0.5\nSize [µm]: 3"}

    trace = {
        "UserName": "Curie", "CreationUTCTime": "2021-03-04T05:06:07Z",
        "ParamSets": {"Element0": {"Params": {
            "Element0": parameter("{C7BF2E9E-4588-4FE7-A661-8BC5F9ABBEA9}", DoubleValue=0.5),
            "Element1": parameter("{09449ffd-F53F-48FE-A687-D17A866CDB64}", IntValue=np.int32(7)),
            "Element2": parameter("{16EDE678-FAF2-4B8D-B8E4-D7F8805438A0}", StringValue="100x"),
            "Element3": parameter("{DE90D5DF-6355-4003-8C30-69F4ECA394D6}", DoubleValue=5.0),
            "Element4": parameter("{499DAAD1-793E-45DC-AE0E-5010C2839F66}", DoubleValue=-60.0),
        }}},
        "Outputs": {"Element0": {"DataGuid": GUID.lower()}},
    }  # fmt: skip
    data = [("TDGraph", {"values": MAP, "GUID": GUID, **LINKS}), space(), POLYNOMIAL, shown(3)]
    path = write_witec(tmp_path / "b.wip", data, others={"Trace": {"Element0": trace}})
    said = om.open_signal(path).attrs["metadata"]
    assert said["operator"] == "Curie"
    assert said["started"] == "2021-03-04T05:06:07+00:00"
    assert said["detector"] == {"exposure_time": 0.5, "accumulations": 7, "temperature": 213.15}
    assert said["laser"] == {"power": 0.005, "wavelength": 532.0}
    assert said["optics"] == {"objective": "100x"}


@pytest.mark.parametrize("form", ["bottom up", "downwards", "with a gap"])
def test_video_images_of_older_projects_are_bitmaps(tmp_path, form):
    colours = RNG.integers(0, 256, (3, 5, 3)).astype("u1")
    bits = 32 if form == "with a gap" else 24
    stored = np.zeros((3, 5, bits // 8), "u1")
    stored[..., :3] = colours[..., ::-1]
    rows = stored if form == "downwards" else stored[::-1]
    raw = b"".join(row.tobytes().ljust((5 * bits + 31) // 32 * 4, b"\0") for row in rows)
    height = -3 if form == "downwards" else 3
    head = struct.pack("<2sI4xIIiiHHI20x", b"BM", 54 + len(raw), 54, 40, 5, height, 1, bits, 0)
    stream = {"StreamData": np.frombuffer(head + raw, "u1")}
    data = [("TDBitmap", {"TDStream": stream, **links(SpaceTransformationID=2)}), space()]
    path = write_witec(tmp_path / "a.wip", data, magic=b"WIT_PRCT")
    check_reader("witec", path)
    found = om.open_signal(path)
    np.testing.assert_array_equal(found, colours)
    np.testing.assert_allclose(found["y"], 20 - 0.25 * np.arange(3))
    content = path.read_bytes()
    for damaged in bit_flips(content, 60, np.random.default_rng(12)):
        check_damage(path, damaged, folder=tmp_path)


def test_a_file_that_is_cut_short_gives_the_columns_that_are_there(tmp_path):
    data = [space(), POLYNOMIAL, shown(3), ("TDGraph", {
        **links(SpaceTransformationID=1, XTransformationID=2, XInterpretationID=3),
        "values": MAP})]  # fmt: skip
    path = write_witec(tmp_path / "a.wip", data)
    raw = path.read_bytes()
    end = raw.index(MAP.swapaxes(0, 1).tobytes()) + 2 * 3 * 5 * 2
    path.write_bytes(raw[: end + 3])
    with pytest.raises(om.FormatError, match="was expected before byte"):
        om.open(path)
    found = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(found[:, :2], MAP[:, :2])
    assert np.isnan(found[:, 2:]).all()
    assert found.attrs["incomplete"]["missing_from"] == 2


def test_damage_is_refused_or_harmless(tmp_path):
    path = project(tmp_path / "a.wip", {"values": MAP})
    content = path.read_bytes()
    rng = np.random.default_rng(11)
    for damaged in (*truncations(content, 200), *bit_flips(content, 150, rng)):
        check_damage(path, damaged, folder=tmp_path)


def test_pixels_of_absurd_sizes_are_measured_or_refused(tmp_path):
    def placed(scale):
        place = space(scale=(scale, scale, 1.0), angle=0.3)
        return project(tmp_path / f"{scale}.wip", {"values": MAP}, place=place)

    np.testing.assert_array_equal(om.open_signal(placed(1e200)), MAP)
    with pytest.raises(om.FormatError, match="goes on to infinity, in steps of"):
        om.open(placed(1.5e308))


def test_wavelengths_next_to_zero_are_left_as_they_are(tmp_path):
    bins = ("TDSpectralTransformation", {
        "SpectralTransformationType": np.int32(0), "Polynom": np.array([1e-310, 0.0, 0.0]),
    })  # fmt: skip
    spectra = om.open_signal(project(tmp_path / "a.wip", {"values": MAP}, bins=bins))
    assert spectra["wavelength"].attrs["units"] == "nm"
