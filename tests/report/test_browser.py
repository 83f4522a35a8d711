"""The page of a report in a real browser."""

from pathlib import Path

import numpy as np
import pytest
from tests.report.conftest import make_spectra

import omniscopy as om

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Write one report up for all of these tests; return its path and the values of the map."""
    path, values = make_spectra(tmp_path_factory.mktemp("report"))
    return om.report(path, copy=None), values


@pytest.fixture
def open_page(browser):
    """Open a page in a browser that may not use the network; complain of its errors."""
    errors, contexts = [], []

    def opened(path: Path, **options):
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(300_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: line.type == "error" and errors.append(line.text))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def shown(page):
    """Return how many points of the drawn spectrum have the colour of the chosen place."""
    return page.evaluate(
        """() => {
          const made = document.querySelector('.preview canvas:nth-child(2)');
          const {data} = made.getContext('2d').getImageData(0, 0, made.width, made.height);
          let sum = 0;
          for (let i = 0; i < data.length; i += 4) sum += data[i] * (i % 9973);
          return sum;
        }"""
    )


def test_a_pixel_is_clicked_and_moved_by_keys_and_its_spectrum_is_drawn(report, open_page):
    page = open_page(report[0])
    told = page.locator(".preview .told")
    preview = page.locator(".preview canvas").first
    before = shown(page)
    box = preview.bounding_box()
    preview.click(position={"x": box["width"] * 6.5 / 8, "y": box["height"] * 1.5 / 6})
    assert told.text_content() == "y = 2 nm, x = 12 nm"
    clicked = shown(page)
    assert clicked != before
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert told.text_content() == "y = 4 nm, x = 10 nm"
    assert shown(page) != clicked


def test_the_embedded_numbers_are_decoded_as_they_were_measured(report, open_page):
    page = open_page(report[0])
    found = page.evaluate(
        """() => {
          const text = document.querySelector('.preview').dataset.preview;
          const {low, high, data, curve} = JSON.parse(text);
          const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
          const least = new Float32Array(bytes(low)), most = new Float32Array(bytes(high));
          const coded = new Uint16Array(bytes(data));
          return Array.from(coded, (v, i) => {
            const pixel = Math.floor(i / curve.count);
            return least[pixel] + (most[pixel] - least[pixel]) * v / 65534;
          });
        }"""
    )  # fmt: skip
    values = report[1]
    np.testing.assert_allclose(np.reshape(found, values.shape), values, atol=0.05)


def test_a_figure_is_enlarged_by_a_key_and_metadata_are_searched(report, open_page):
    page = open_page(report[0], color_scheme="dark")
    page.locator("[data-enlarge]").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog[open]").is_visible()
    tree = page.locator("[data-tree]").last
    tree.locator("summary").first.click()
    tree.locator("input").fill("voltage")
    assert "entries" in tree.locator("[data-told]").text_content()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="map.dm4.ipynb").click()
    assert waiting.value.suggested_filename == "map.dm4.ipynb"
