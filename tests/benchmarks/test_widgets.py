"""The explorer in a notebook: from a region to its spectrum, through a real kernel."""

import os
import shutil

import numpy as np
import pytest
import xarray as xr

import omniscopy as om

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
_CHROMIUM = os.environ.get("OMNISCOPY_CHROMIUM") or shutil.which("chromium")


def drag_a_box(page, *, pixels=20, of=256, steps=80):
    """Draw a box on the navigator, and move it step by step."""
    box = page.get_by_label("Navigator", exact=True).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    side = box["width"] * pixels / of
    page.get_by_role("button", name="Box", exact=True).click()
    page.mouse.move(x - 3 * side, y - side)
    page.mouse.down()
    page.mouse.move(x - 2.5 * side, y - 0.5 * side)
    page.mouse.move(x - 2 * side, y)
    page.mouse.up()
    page.get_by_role("button", name="Select, move, pan").click()
    page.evaluate("window.timings = []")
    page.mouse.move(x - 2.5 * side, y - 0.5 * side)
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(x - 2.5 * side + step, y - 0.5 * side + step / 2)
        page.wait_for_timeout(15)
    page.mouse.up()
    page.wait_for_timeout(1500)


@pytest.mark.skipif(_CHROMIUM is None, reason="there is no Chromium")
def test_a_region_gives_its_spectrum_while_it_is_dragged(tmp_path, measured):
    from omniscopy.testing.kernels import HostPage, Kernel

    driver = pytest.importorskip("playwright.sync_api")
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4000, (256, 256, 1024), dtype=np.uint16)
    data = xr.DataArray(values, dims=("y", "x", "energy_loss"))
    om.save(data.chunk(y=32, x=32), tmp_path / "map.zarr")
    del data, values
    with Kernel() as kernel, driver.sync_playwright() as play:
        out = kernel.run(f"import omniscopy as om\nom.view({str(tmp_path / 'map.zarr')!r})")
        comm = out[0]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
        browser = play.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        host = HostPage(kernel, comm)
        host.show(page)
        page.wait_for_function(
            "window.timings.some((t) => (t.view || '').startsWith('signal'))", timeout=60_000
        )
        drag_a_box(page)
        if os.environ.get("OMNISCOPY_SCREENSHOT"):
            page.screenshot(path=os.environ["OMNISCOPY_SCREENSHOT"])
        told = page.evaluate("window.timings.filter((t) => (t.view || '').startsWith('signal'))")
        host.close()
        browser.close()
    took = [each["ms"] for each in told if each["region"]["kind"] == "box"]
    assert len(took) >= 10
    region = told[-1]["region"]
    sides = np.abs(np.subtract(region["from"], region["to"]))
    assert np.all((sides > 8) & (sides < 60)), region
    half, most = np.percentile(took, [50, 95])
    measured("explorer in a notebook: region to spectrum, ms, p50", half, "≤ 150")
    measured("explorer in a notebook: region to spectrum, ms, p95", most, "")
