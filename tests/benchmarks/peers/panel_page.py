"""The same look at a spectrum image with Panel and HoloViews, measured beside the explorer.

Not one of the races: it needs a browser, and an environment of its own with `panel`, `holoviews`
and `zarr`. Measured once, by hand; the numbers stand in docs/explorer.md.

    python tests/benchmarks/peers/panel_page.py PYTHON_OF_PANEL

In both pages a region of 20 × 20 spectra of 256 × 256 × 1024 follows the mouse. The time is that
from the movement of the mouse to the new spectrum: for Panel to its arrival in the page, before it
is painted; here to the end of painting. The two take turns, ten steps each.
"""

import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIDE, STEPS, TURNS = 20, 10, 6


def serve(store: str, port: int) -> None:
    """Serve the page of Panel; runs in its environment."""
    import holoviews
    import numpy as np
    import panel
    import zarr
    from holoviews import streams

    holoviews.extension("bokeh")
    block = zarr.open(store, mode="r")["EELS/signal"]
    energy = np.arange(block.shape[-1]) * 0.5 + 300

    def page() -> Any:
        mean = block[:, :, ::64].mean(axis=-1)
        image = holoviews.Image(mean[::-1], bounds=(0, 0, 256, 256)).opts(width=500, height=500)
        pointer = streams.PointerXY(x=128, y=128, source=image)

        def spectrum(x: float | None, y: float | None) -> Any:
            left, top = (int(min(max((v or 0) - SIDE / 2, 0), 256 - SIDE)) for v in (x, y))
            part = block[top : top + SIDE, left : left + SIDE]
            return holoviews.Curve((energy, part.mean(axis=(0, 1))))

        curve = holoviews.DynamicMap(spectrum, streams=[pointer])
        return panel.Row(image, curve.opts(width=600, height=500))

    panel.serve(page, port=port, show=False, address="127.0.0.1", verbose=False)


def make_store(place: Path) -> Path:
    """Write the spectrum image of the benchmarks."""
    import numpy as np
    import xarray as xr

    import omniscopy as om

    rng = np.random.default_rng(0)
    values = rng.poisson(50, (256, 256, 1024)).astype(np.uint16)
    axes = {"y": ("nm", 0.5), "x": ("nm", 0.5), "energy_loss": ("eV", 0.5)}
    coords = {
        name: om.model.coordinate(name, np.arange(size) * step, units=units)
        for (name, (units, step)), size in zip(axes.items(), values.shape, strict=True)
    }
    data = xr.DataArray(values, coords, [*coords], name="EELS", attrs={"units": "counts"})
    om.save(data.chunk(y=32, x=32), place / "si.zarr")
    return place / "si.zarr"


@contextlib.contextmanager
def started(*words: str, told: bool) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server; give its process and the first line that it prints."""
    out = subprocess.PIPE if told else None
    with subprocess.Popen(words, stdout=out, text=True) as process:
        try:
            yield process, process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def memory_of(process: subprocess.Popen[str]) -> float:
    """Return the memory of a process in MiB."""
    words = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").split()
    return int(words[words.index("VmRSS:") + 1]) / 1024


LISTEN = """() => {
  window.arrived = [];
  const lines = [];
  for (const model of Bokeh.documents[0]._all_models.values())
    if (model.type === "GlyphRenderer" && model.glyph.type === "Line") lines.push(model);
  const source = lines[0].data_source;
  source.properties.data.change.connect(() => window.arrived.push(performance.now()));
  document.addEventListener("mousemove", () => { window.moved = performance.now(); }, true);
}"""
THERE = """() => Bokeh.documents[0] && [...Bokeh.documents[0]._all_models.values()].some(
  (m) => m.type === "GlyphRenderer" && m.glyph.type === "Line" && m.data_source.length > 100)"""
APP = "document.querySelector('#explorer').explorer"


def places(turn: int) -> Iterator[tuple[float, float]]:
    """Yield places of a walk, as parts of the image."""
    for step in range(STEPS):
        n = turn * STEPS + step
        yield 0.15 + 0.7 * ((3 * n) % 60) / 60, 0.15 + 0.7 * ((7 * n) % 59) / 59


def walk_theirs(page: Any, turn: int) -> list[float]:
    """Move the mouse over the image of Panel; return the times in ms."""
    box = page.locator(".bk-Canvas, canvas").first.bounding_box()
    found = []
    for across, down in places(turn):
        page.evaluate("() => { window.arrived.length = 0; }")
        page.mouse.move(box["x"] + 70 + across * 340, box["y"] + 40 + down * 380)
        page.wait_for_timeout(600)
        found += page.evaluate("() => window.arrived.slice(0, 1).map((t) => t - window.moved)")
    return found


def walk_ours(page: Any, turn: int) -> list[float]:
    """Drag the region of the explorer; return the times in ms."""
    frame = page.evaluate(f"() => {APP}.nav.frame()")
    box = page.locator("canvas.image").first.bounding_box()
    page.evaluate(f"() => {{ {APP}.link.timings.length = 0; }}")
    for across, down in places(turn):
        page.mouse.move(box["x"] + frame["left"] + across * frame["width"],
                        box["y"] + frame["top"] + down * frame["height"])  # fmt: skip
        page.wait_for_timeout(600)
    return page.evaluate(
        f"() => {APP}.link.timings.filter((t) => t.view.startsWith('signal')).map((t) => t.ms)"
    )


def take_hold(ours: Any) -> None:
    """Show one box of as many pixels, and take hold of its middle."""
    half = SIDE / 4
    ours.evaluate(
        f"() => {{ {APP}.state.regions = []; {APP}.drawn({{ kind: 'box', "
        f"from: [64 - {half}, 64 - {half}], to: [64 + {half}, 64 + {half}] }}); }}"
    )
    frame = ours.evaluate(f"() => {APP}.nav.frame()")
    box = ours.locator("canvas.image").first.bounding_box()
    ours.bring_to_front()
    ours.mouse.move(box["x"] + frame["left"] + frame["width"] / 2,
                    box["y"] + frame["top"] + frame["height"] / 2)  # fmt: skip
    ours.mouse.down()


def say(words: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{words}\n")


def measure(python: str) -> None:
    """Print the times of both."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chromium = shutil.which("chromium")
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = str(make_store(place))
        words = [sys.executable, "-m", "omniscopy", "view", store, "--no-browser"]
        here, address = stack.enter_context(started(*words, told=True))
        there, _ = stack.enter_context(started(python, __file__, store, str(port), told=False))
        play = stack.enter_context(sync_playwright())
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = {"width": 1440, "height": 860}
        ours, theirs = browser.new_page(viewport=view), browser.new_page(viewport=view)
        for page in (ours, theirs):
            page.set_default_timeout(120_000)
        ours.goto(address)
        ready = f"() => {APP}.signal?.curves.size && {APP}.nav.header?.exact"
        ours.wait_for_function(ready)
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        for page, url, shown in (
            (ours, address, ready),
            (theirs, f"http://127.0.0.1:{port}/", THERE),
        ):
            begun = time.perf_counter()
            page.goto(url)
            page.wait_for_function(shown)
            say(f"{url[:24]}: first spectrum {time.perf_counter() - begun:.1f} s after the page")
        theirs.evaluate(LISTEN)
        take_hold(ours)
        took: dict[str, list[float]] = {"explorer": [], "Panel": []}
        for turn in range(TURNS):
            ours.bring_to_front()
            took["explorer"] += walk_ours(ours, turn)
            theirs.bring_to_front()
            took["Panel"] += walk_theirs(theirs, turn)
        for (name, times), process in zip(took.items(), (here, there), strict=True):
            times.sort()
            say(
                f"{name}: p50 {statistics.median(times):.1f} ms, "
                f"p95 {times[int(0.95 * len(times)) - 1]:.1f} ms of {len(times)}, "
                f"server {memory_of(process):.0f} MiB"
            )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        measure(sys.argv[1])
