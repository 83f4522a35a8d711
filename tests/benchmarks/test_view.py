"""How quickly the explorer answers in a real browser, and how much memory its server takes."""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import omniscopy as om

pytestmark = [pytest.mark.benchmark, pytest.mark.xdist_group("browser")]
# An answer takes at most so many times a round trip without work, made between the movements. To
# read all of the data would take hundreds.
MOST_TRIPS = 40
# The first picture of large data takes at most so many times that of small ones; to read them, 50.
MOST_PICTURES = 15
ECHO = """async () => {
  const sent = performance.now();
  await document.querySelector("#explorer").explorer.link.ask({ kind: "forget", data: "none" });
  return performance.now() - sent;
}"""


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context(viewport={"width": 1440, "height": 860})
    found.set_default_timeout(120_000)
    yield found
    found.close()


class Seen:
    """A page that shows a file, and the process that serves it."""

    def __init__(self, page: Any, process: subprocess.Popen[str]) -> None:
        self.page, self.process, self.most = page, process, 0
        self.trips: list[float] = []

    def get(self, expression: str) -> Any:
        start = "() => { const app = document.querySelector('#explorer').explorer; return "
        return self.page.evaluate(f"{start}{expression} }}")

    def until(self, expression: str, seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not self.get(f"!!({expression})"):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(10)
            self.look_at_memory()

    def look_at_memory(self) -> None:
        """Keep the largest memory of the server that was seen; pages of files are shared."""
        said = Path(f"/proc/{self.process.pid}/status")
        if said.exists():
            words = said.read_text().split()
            anonymous = int(words[words.index("RssAnon:") + 1])
            self.most = max(self.most, anonymous // 1024)

    def spot(self, pane: str, across: float, down: float) -> tuple[float, float]:
        frame = self.get(f"app.{pane}.frame()")
        box = self.get(f"app.{pane}.canvas.getBoundingClientRect().toJSON()")
        return (box["x"] + frame["left"] + across * frame["width"],
                box["y"] + frame["top"] + down * frame["height"])  # fmt: skip

    def ask_for_nothing(self) -> None:
        """Take the time in ms of a request that needs no work."""
        self.trips.append(self.page.evaluate(ECHO))

    def times(self, view: str) -> list[float]:
        found = self.get(
            f"app.link.timings.filter((t) => t.view.startsWith({view!r})).map((t) => t.ms)"
        )
        return sorted(found)


@contextlib.contextmanager
def explored(context: Any, path: Path) -> Iterator[Seen]:
    command = [sys.executable, "-m", "omniscopy", "view", str(path), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        page = context.new_page()
        try:
            page.goto(address)
            yield Seen(page, process)
        finally:
            page.close()
            process.terminate()


@pytest.fixture(scope="module")
def spectrum_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Zarr store of 256 × 256 spectra of 1024 channels."""
    rng = np.random.default_rng(0)
    loss = np.arange(1024) * 0.5 + 300
    spectrum = 4e9 * loss**-3 + 60 * (loss > 532) * np.exp(-(loss - 532) / 200)
    values = np.stack([rng.poisson(spectrum, (256, 1024)).astype(np.uint16) for _ in range(256)])
    coords = {
        "y": om.model.coordinate("y", np.arange(256) * 0.5, units="nm"),
        "x": om.model.coordinate("x", np.arange(256) * 0.5, units="nm"),
        "energy_loss": om.model.coordinate("energy_loss", loss, units="eV"),
    }
    attrs = {"units": "counts", "long_name": "EELS"}
    data = xr.DataArray(values, coords, [*coords], name="EELS", attrs=attrs)
    path = tmp_path_factory.mktemp("large") / "si.zarr"
    om.save(data.chunk(y=32, x=32), path)
    return path


def test_a_region_is_dragged(context, spectrum_image, measured: Callable[..., None]):
    with explored(context, spectrum_image) as seen:
        seen.until("app.nav && app.nav.parts && app.nav.header.exact && app.signal.curves.size")
        seen.get("app.tools.choose('box')")
        seen.page.mouse.move(*seen.spot("nav", 0.1, 0.1))
        seen.page.mouse.down()
        seen.page.mouse.move(*seen.spot("nav", 0.18, 0.18))
        seen.page.mouse.up()
        seen.until("app.state.regions.length === 2")
        seen.get("app.link.timings.splice(0).length")
        seen.page.mouse.move(*seen.spot("nav", 0.14, 0.14))
        seen.page.mouse.down()
        for step in range(120):
            across, down = (
                0.1 + 0.8 * ((3 * step) % 120) / 120,
                0.1 + 0.8 * ((7 * step) % 113) / 113,
            )
            seen.page.mouse.move(*seen.spot("nav", across, down))
            seen.page.wait_for_timeout(15)
            if step % 6 == 0:
                seen.ask_for_nothing()
            seen.look_at_memory()
        seen.page.mouse.up()
        seen.page.wait_for_timeout(400)
        took = seen.times(f"signal:{seen.get('app.state.regions[1].id')}")
        memory, trip = seen.most, statistics.median(seen.trips)
    half, most = statistics.median(took), took[int(0.95 * len(took)) - 1]
    measured("explorer: a round trip without work (ms, p50)", trip, "")
    measured("explorer: region → spectrum drawn, 256×256×1024 (ms, p50)", half, "≤ 50")
    measured("explorer: region → spectrum drawn, 256×256×1024 (ms, p95)", most, "≤ 150")
    measured("explorer: memory of the server, 256×256×1024 (MiB)", memory, "≤ 400")
    assert len(took) > 60
    assert half < MOST_TRIPS * trip
    assert memory < 400


def test_a_virtual_detector_is_dragged(context, tmp_path, measured: Callable[..., None]):
    path = tmp_path / "scan.npy"
    rng = np.random.default_rng(0)
    pattern = 60 * np.exp(-((np.hypot(*np.mgrid[-64:64, -64:64]) / 22) ** 8)) + 3
    block = np.lib.format.open_memmap(path, "w+", np.uint16, (128, 128, 128, 128))
    patterns = rng.poisson(pattern, (64, 128, 128)).astype(np.uint16)
    for row in range(128):
        block[row] = patterns[(np.arange(128) * 7 + row) % 64]
    block.flush()
    del block
    with explored(context, path) as seen:
        seen.until("app.nav && app.nav.parts && app.nav.header.exact && app.signal.parts", 300)
        seen.get("app.tools.choose('disc')")
        seen.page.mouse.move(*seen.spot("signal", 0.5, 0.5))
        seen.page.mouse.down()
        seen.page.mouse.move(*seen.spot("signal", 0.65, 0.5))
        seen.page.mouse.up()
        seen.until("app.detectors.active && app.nav.header.exact", 120)
        seen.get("app.link.timings.splice(0).length")
        seen.page.mouse.move(*seen.spot("signal", 0.5, 0.5))
        seen.page.mouse.down()
        for step in range(80):
            across, down = 0.4 + 0.01 * ((3 * step) % 20), 0.4 + 0.01 * ((7 * step) % 20)
            seen.page.mouse.move(*seen.spot("signal", across, down))
            seen.page.wait_for_timeout(15)
            if step % 6 == 0:
                seen.ask_for_nothing()
            seen.look_at_memory()
        took = seen.times("navigator")
        seen.page.mouse.up()
        memory, trip = seen.most, statistics.median(seen.trips)
    half = statistics.median(took)
    measured("explorer: detector → virtual image drawn, 128⁴ (ms, p50)", half, "≤ 100")
    measured("explorer: memory of the server, 128⁴ (MiB)", memory, "≤ 400")
    assert len(took) > 30
    assert half < MOST_TRIPS * trip
    assert memory < 400


def test_ten_gigabytes_have_a_picture_at_once(context, tmp_path, measured: Callable[..., None]):
    path = tmp_path / "ten.npy"
    block = np.lib.format.open_memmap(path, "w+", np.uint16, (1024, 1024, 5120))
    block[500:520, 500:520, 2000:2010] = 7  # the rest takes no room on the disk
    del block
    small = tmp_path / "small.npy"
    np.save(small, np.zeros((16, 16, 64), np.uint16))
    took, memory = {}, 0
    for each in (small, path, small, path):
        with explored(context, each) as seen:
            seen.until("app.nav && app.nav.parts && app.signal && app.signal.curves.size")
            shown = seen.get("performance.now()") / 1000
            took[each] = min(took.get(each, shown), shown)
            seen.look_at_memory()
            memory = max(memory, seen.most)
    measured("explorer: first picture of 10 GB after the page opens (s)", took[path], "≤ 2")
    measured("explorer: first picture, 10 GB against 32 kB", took[path] / took[small], "about 1")
    measured("explorer: memory of the server, 10 GB (MiB)", memory, "≤ 400")
    assert took[path] < MOST_PICTURES * took[small]
    assert memory < 400
