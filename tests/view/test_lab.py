"""The explorer in a real JupyterLab: in a cell, through its server and a kernel, in a browser."""

import json

import numpy as np
import pytest
from tests.view.lab import Lab, run_cell

import omniscopy as om

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
APP = "document.querySelector('.omniscopy').explorer"
SOURCE = "import omniscopy as om\nom.view(om.samples.spectrum_image())"
CHOOSE = "import omniscopy as om\nchooser = om.choose({!r})\nchooser"
MEAN = "float(chooser.selected.mean())"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    with Lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def notebook(lab, context, folder):
    """Return a page with a notebook; all of its pages share a kernel."""
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.address = lab.write("map.ipynb", SOURCE, CHOOSE.format(str(folder)), MEAN)
    yield page
    page.close()
    assert errors == []


def drag(page, steps=0):
    """Draw a box on the navigator of the explorer, and move it so many steps."""
    box = page.locator(".omniscopy canvas.image").first.bounding_box()
    frame = page.evaluate(f"() => {APP}.nav.frame()")

    def spot(across, down):
        return (box["x"] + frame["left"] + across * frame["width"],
                box["y"] + frame["top"] + down * frame["height"])  # fmt: skip

    page.locator(".omniscopy [data-tool=box]").click()
    page.mouse.move(*spot(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*spot(0.3, 0.3))
    page.mouse.move(*spot(0.4, 0.4))
    page.mouse.up()
    page.wait_for_function(f"() => {APP}.state.regions.length === 2")
    page.mouse.move(*spot(0.3, 0.3))
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(*spot(0.3 + 0.4 * (step % 13) / 13, 0.3 + 0.4 * (step % 7) / 7))
        page.wait_for_timeout(15)
    page.mouse.up()


def test_a_region_gives_its_spectrum_in_a_cell(notebook):
    notebook.goto(notebook.address)
    run_cell(notebook, ".omniscopy canvas.image")
    notebook.wait_for_function(f"() => {APP}.signal?.curves.size === 1")
    drag(notebook, steps=40)
    view = f"{APP}.link.views.get('signal:' + {APP}.state.regions[1].id)"
    notebook.wait_for_function(f"() => {APP}.signal.curves.size === 2 && {view}.busy === null")
    region = notebook.evaluate(f"() => {APP}.state.regions[1]")
    shown = notebook.evaluate(f"() => Array.from({APP}.signal.curves.get('{region['id']}').values)")
    ends = (slice(*sorted(each)) for each in zip(region["from"], region["to"], strict=True))
    part = om.samples.spectrum_image().sel(dict(zip("yx", ends, strict=True)))
    np.testing.assert_allclose(shown, part.mean(("y", "x")).values, rtol=1e-5)


def test_a_channel_is_chosen_and_is_there_in_the_kernel(notebook, folder):
    notebook.goto(notebook.address)
    run_cell(notebook, "button", 1)
    notebook.get_by_role("button", name="surface.gsf").click()
    channel = notebook.locator("[data-channel]").first
    channel.locator("img").wait_for()
    channel.click()
    notebook.get_by_text("Chosen: surface.gsf").wait_for()
    assert channel.get_attribute("aria-pressed") == "true"
    told = run_cell(notebook, "pre", 2).inner_text()
    expected = float(om.open_signal(folder / "surface.gsf").mean())
    np.testing.assert_allclose(float(told), expected)
    notebook.get_by_role("button", name="below folder").click()
    notebook.get_by_text("This folder is empty").wait_for()


def test_a_notebook_that_was_saved_shows_a_picture_elsewhere(notebook, lab):
    notebook.goto(notebook.address)
    run_cell(notebook, ".omniscopy canvas.image")
    notebook.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    cell, *_ = json.loads((lab.notebooks / "map.ipynb").read_text())["cells"]
    (output,) = cell["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in output["data"]
    assert "data:image/png;base64," in "".join(output["data"]["text/html"])


def test_where_no_widgets_are_shown_there_is_a_picture_with_a_sentence(notebook, lab):
    lab.without_widgets()
    try:
        notebook.goto(notebook.address)
        picture = run_cell(notebook, "img[alt='Picture of the data']")
        notebook.wait_for_function("(img) => img.naturalWidth > 100", arg=picture.element_handle())
        assert "no front-end for widgets" in notebook.locator(".jp-OutputArea p").inner_text()
        assert notebook.locator(".omniscopy").count() == 0
    finally:
        lab.without_widgets(off=False)
