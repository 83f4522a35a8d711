"""What is said of a channel, before a page is made of it."""

import pytest

import omniscopy as om
from omniscopy.model.analyses import Analysis
from omniscopy.report import contents
from omniscopy.report.metadata import conditions


class Album:
    """Figures that are not made: what each was to be drawn over, by title of the result."""

    def __init__(self):
        self.over = []

    def draw(self, data, *, title="", over=None):
        self.over.append((data, over))

    def draw_small(self, data):
        return ""

    def embed(self, data):
        return None


@pytest.fixture
def analyses(monkeypatch):
    """Replace the default analyses by those of a test, for any data."""

    def replace(**functions):
        found = [Analysis(n, (), f, lambda data: True) for n, f in functions.items()]
        monkeypatch.setattr(contents, "analyses_for", lambda data: found)

    return replace


def describe(data):
    album = Album()
    page = contents.describe_channel(
        "image", data, number=1, own={}, album=album, said=lambda words: None
    )
    return page, album


def test_points_are_drawn_over_what_was_made_before_them(analyses):
    image = om.samples.atom_image()
    points, total, later = om.image.find_fourier_spots(image), image * 2, image * 3
    made = {"Sum": total, "Points": points, "Map": later, "More": points}
    analyses(Spots=lambda data: made)
    _, album = describe(image)
    over = [background for _, background in album.over if background is not None]
    # Curves and images are compared with the data themselves.
    times = [float((each / image).mean()) for each in over]
    assert times == pytest.approx([1.0, 2.0, 1.0, 3.0])


def test_analyses_that_say_nothing_have_no_section(analyses):
    analyses(Nothing=lambda data: {}, Whole=lambda data: {"Mean": data.mean()}, Bad=lambda d: 1 / 0)
    page, _ = describe(om.samples.atom_image())
    assert [section.title for section in page.sections] == ["Whole", "Bad"]
    assert page.sections[1].failure is not None


@pytest.mark.parametrize(
    ("made", "whether"),
    [
        (om.samples.core_loss, True),
        (lambda: om.signal.crop(om.samples.surface(), {"x": (0.0, 90.0)}), True),
        (lambda: om.image.level(om.samples.surface()), True),
        (lambda: om.samples.spectrum_image().isel(y=0), True),
        (lambda: om.eels.measure_windows(om.samples.spectrum_image(), {"Ti": (455.0, 480.0)},
                                         background=(425.0, 450.0))["intensity"], False),
        (lambda: om.image.power_spectrum(om.samples.atom_image()), False),
        (lambda: om.image.autocorrelation(om.image.level(om.samples.surface())), False),
    ],
)  # fmt: skip
def test_what_was_only_prepared_is_analysed_and_results_are_not(made, whether):
    assert contents.is_measurement(made()) is whether


def test_conditions_are_a_line_with_units():
    metadata = {
        "beam": {"voltage": 200e3, "convergence_angle": 25.0, "mode": "STEM"},
        "detector": {"camera_length": 0.098, "exposure_time": None},
        "scan": {"dwell_time": 2e-5},
    }
    assert conditions(metadata) == ("200 kV, convergence 25 mrad, camera length 98 mm, dwell 20 µs")
    assert conditions({}) == ""
