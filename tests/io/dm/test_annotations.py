"""What was drawn on images in DigitalMicrograph: where it lies, and that it is kept and drawn."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.dm import DmImage, write_dm

STEP_X, STEP_Y, ORIGIN_X = 0.5, 0.25, 4.0


def drawn(kind, rectangle, **more):
    sides = tuple(np.float32(side) for side in rectangle)
    return {"AnnotationType": np.int32(kind), "Rectangle": sides, **more}


@pytest.fixture(params=[3, 4])
def annotated(request, tmp_path):
    values = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    calibrations = ((ORIGIN_X, STEP_X, "nm"), (0.0, STEP_Y, "nm"))
    shown = {
        "AnnotationType": np.int32(20), "ImageSource": np.uint32(0),
        "AnnotationGroupList": [
            drawn(5, (2, 6, 5, 12), Label="grain"),
            drawn(6, (2, 6, 6, 16)),
            drawn(3, (1, 2, 9, 3)),
            drawn(13, (4, 8, 6, 20), Text="10 at.% Fe"),
            drawn(27, (2, 8, 2, 8), Name="Beam"),
            drawn(31, (18, 2, 19, 12)),  # a scale bar
            drawn(5, (np.nan, 0, 1, 1)),
        ],
    }  # fmt: skip
    path = tmp_path / f"annotated.dm{request.param}"
    image = DmImage(data=values, name="HAADF", calibrations=calibrations)
    write_dm(path, [image], version=request.param, tags={"DocumentObjectList": [shown]})
    return path


def test_places_are_those_of_corners_in_units_of_the_coordinates(annotated):
    image = om.open_signal(annotated)
    found = image.attrs["annotations"]
    assert [each["kind"] for each in found] == ["box", "ellipse", "line", "text", "point"]
    assert [each.get("text") for each in found] == ["grain", None, None, "10 at.% Fe", "Beam"]
    box, ellipse, line, text, _ = found
    # Rows 2 to 4 and columns 6 to 11 are inside, and no others.
    inside = [
        [value for value in image[dim].values if low < value < high]
        for dim, low, high in zip("yx", box["from"], box["to"], strict=True)
    ]
    np.testing.assert_allclose(inside[0], image["y"].values[2:5])
    np.testing.assert_allclose(inside[1], image["x"].values[6:12])
    assert ellipse["centre"] == pytest.approx([(4 - 0.5) * STEP_Y, (11 - 0.5 - ORIGIN_X) * STEP_X])
    assert ellipse["radii"] == pytest.approx([2 * STEP_Y, 5 * STEP_X])
    assert line["to"] == pytest.approx([(9 - 0.5) * STEP_Y, (3 - 0.5 - ORIGIN_X) * STEP_X])
    assert text["at"] == pytest.approx([(4 - 0.5) * STEP_Y, (8 - 0.5 - ORIGIN_X) * STEP_X])


@pytest.mark.parametrize("ending", ["zarr", "nxs", "hf5"])
def test_annotations_are_saved(annotated, tmp_path, ending):
    image = om.open_signal(annotated)
    om.save(image, tmp_path / f"kept.{ending}")
    again = om.open_signal(tmp_path / f"kept.{ending}")
    assert again.attrs["annotations"] == image.attrs["annotations"]


def test_annotations_are_drawn_where_they_are(annotated):
    figure = om.plot.signal(om.open_signal(annotated))
    ax = figure.axes[0]
    box, ellipse = ax.patches[:2]
    corner = np.array([(6 - 0.5 - ORIGIN_X) * STEP_X, (2 - 0.5) * STEP_Y])
    np.testing.assert_allclose(box.get_xy(), corner)
    assert (box.get_width(), box.get_height()) == pytest.approx((6 * STEP_X, 3 * STEP_Y))
    assert ellipse.width == pytest.approx(10 * STEP_X)
    assert {"grain", "10 at.% Fe", "Beam"} <= {text.get_text() for text in ax.texts}
    left, right = ax.get_xlim()
    assert right - left == pytest.approx(30 * STEP_X)


def test_images_without_annotations_have_no_such_attribute(tmp_path):
    write_dm(tmp_path / "plain.dm4", [DmImage(data=np.zeros((4, 5), np.float32), name="plain")])
    assert "annotations" not in om.open_signal(tmp_path / "plain.dm4").attrs


@pytest.mark.parametrize("source", [7, -1, "x"])
def test_displays_of_no_image_are_passed_over(tmp_path, source):
    shown = {"AnnotationType": np.int32(20), "AnnotationGroupList": [drawn(5, (0, 0, 1, 1))],
             "ImageSource": source if isinstance(source, str) else np.int32(source)}  # fmt: skip
    write_dm(tmp_path / "odd.dm4", [DmImage(data=np.zeros((4, 5), np.float32), name="odd")],
             tags={"DocumentObjectList": [shown]})  # fmt: skip
    assert "annotations" not in om.open_signal(tmp_path / "odd.dm4").attrs
