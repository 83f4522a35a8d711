"""Histories as pictures."""

import xarray as xr

import omniscopy as om
from omniscopy.model.provenance import records
from omniscopy.report.graphs import draw_graph


def chain(length):
    made = om.samples.surface()
    for _ in range(length):
        made = om.image.level(made)
    return made


def test_an_arrow_leads_from_every_input_to_its_step():
    raw = om.samples.surface()
    level = om.image.level(raw)
    both = [om.image.power_spectrum(level), om.image.measure_roughness(level)]
    graph = draw_graph(records(both), {records(both[0])[-1]["id"]: "finding-1"})
    assert len(graph.boxes) == len(records(both))
    assert len(graph.arrows) == len(graph.boxes) - 1
    assert [box.anchor for box in graph.boxes].count("finding-1") == 1
    assert "Graph of 4 steps" in graph.words


def test_boxes_do_not_overlap_and_lie_on_the_sheet():
    for made in (chain(2), chain(7)):
        graph = draw_graph(records(made), {})
        boxes = graph.boxes
        for number, one in enumerate(boxes):
            assert one.x + graph.box_width <= graph.width
            assert one.y + one.height <= graph.height
            for other in boxes[number + 1 :]:
                beside = abs(one.x - other.x) >= graph.box_width
                above = max(one.y, other.y) >= min(one.y + one.height, other.y + other.height)
                assert beside or above


def test_long_chains_run_down_the_page():
    across, down = (draw_graph(records(chain(length)), {}) for length in (2, 7))
    assert across.width > across.height
    assert down.height > down.width


def test_a_single_step_and_no_steps_have_no_graph():
    assert draw_graph([], {}) is None
    assert draw_graph(records(xr.DataArray([1.0], dims="x")), {}) is None
