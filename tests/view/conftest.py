"""Files to look at, an explorer that serves them, and a browser where there is one."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import omniscopy as om
from omniscopy.view import recent
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.explorer import open_page
from omniscopy.view.making import bench_maker
from omniscopy.view.session import Session

ABSENT = "catch (error) { if (error instanceof TypeError) return undefined; throw error }"


@pytest.fixture(scope="session", autouse=True)
def lately(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the list of files that were opened lately away from that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("state") / "recent.json"
        patch.setattr(recent, "place_of_list", lambda: place)
        yield place


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a few files, of which one is damaged and one unknown."""
    place = tmp_path_factory.mktemp("explored")
    om.save(om.samples.spectrum_image(), place / "core_loss.zarr")
    om.save(om.samples.diffraction_4d(), place / "scan.nxs")
    om.save(om.samples.image_stack(), place / "stack.nxs")
    om.save(om.samples.surface(), place / "surface.gsf")
    om.save(om.samples.point_cloud(), place / "spiral.nxs")
    (place / "broken.gsf").write_bytes(
        b"Gwyddion Simple Field 1.0\nXRes = 400\nYRes = 300\n\0\0abc"
    )
    (place / "notes.xyz").write_text("nothing that is known")
    (place / "numbers.dat").write_bytes(np.arange(24, dtype="<u2").tobytes())
    (place / "below").mkdir()
    return place


class Asker:
    """Asks a session, as a page would."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.session = bench, Session(bench)

    def replies(self, kind: str, *buffers: bytes, **said: Any) -> list[tuple[dict, list]]:
        header = {"kind": kind, "seq": 1, **said}
        return list(self.session.answer(header, list(buffers), Turn()))

    def __call__(self, kind: str, *buffers: bytes, **said: Any) -> dict[str, Any]:
        return self.replies(kind, *buffers, **said)[-1][0]

    def values(self, kind: str, **said: Any) -> np.ndarray:
        header, buffers = self.replies(kind, **said)[-1]
        parts = [np.frombuffer(each, "<f4").reshape(header["shape"]) for each in buffers]
        return parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]


@pytest.fixture
def ask(folder: Path) -> Iterator[Asker]:
    asker = Asker(bench_maker(folder)())
    yield asker
    asker.session.close()


@pytest.fixture
def asking() -> Iterator[Callable[..., Asker]]:
    """Return a function that gives an asker of data in memory."""
    made: list[Asker] = []

    def of(*data: Any) -> Asker:
        bench = Bench()
        for each in data:
            bench.add(each)
        made.append(Asker(bench))
        return made[-1]

    yield of
    for each in made:
        each.session.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """Return a fresh profile of a browser, or skip where there is none."""
    found = browser.new_context(viewport={"width": 1280, "height": 760}, accept_downloads=True)
    found.set_default_timeout(300_000)  # a busy machine imports slowly
    yield found
    found.close()


class Explored:
    """A page with an explorer, and what tests ask of it."""

    def __init__(self, page: Any) -> None:
        self.page, self.wrong = page, []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))

    def get(self, expression: str) -> Any:
        """Return what JavaScript says; `app` is the explorer."""
        start = "() => { const app = document.querySelector('#explorer').explorer; return "
        return self.page.evaluate(f"{start}{expression} }}")

    def until(self, expression: str, seconds: float = 300.0) -> Any:
        """Wait until an expression is true. The page itself forbids to evaluate text.

        What is not there yet, as between two pictures, is not true yet.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.get(f"(() => {{ try {{ return {expression} }} {ABSENT} }})()")
            if found:
                return found
            self.page.wait_for_timeout(25)
        said = self.get("app.message.textContent")
        message = f"{expression} did not become true; the page says {said!r}"
        raise AssertionError(message)

    def settled(self) -> None:
        """Wait until all that was asked for is there and drawn."""
        self.until("app.link.waiting.size === 0 && (!app.nav || app.nav.parts || app.nav.curves)")

    def open(self, name: str) -> None:
        """Open a file of the list, and wait for its picture."""
        self.page.click(f'[data-path="{name}"]')
        self.until(
            f"app.title.textContent.includes('{name}') && app.nav.parts && app.nav.header.exact"
        )

    def spot(self, pane: str, across: float, down: float) -> tuple[float, float]:
        """Return where on the screen a place of a pane is, as parts of its frame."""
        frame = self.until(f"app.{pane}.frame()")
        box = self.get(f"app.{pane}.canvas.getBoundingClientRect().toJSON()")
        return (box["x"] + frame["left"] + across * frame["width"],
                box["y"] + frame["top"] + down * frame["height"])  # fmt: skip

    def drag(self, pane: str, start: tuple[float, float], stop: tuple[float, float]) -> None:
        self.page.mouse.move(*self.spot(pane, *start))
        self.page.mouse.down()
        middle = tuple((a + b) / 2 for a, b in zip(start, stop, strict=True))
        self.page.mouse.move(*self.spot(pane, *middle))
        self.page.mouse.move(*self.spot(pane, *stop))
        self.page.mouse.up()


@pytest.fixture
def explore(context: Any) -> Iterator[Callable[..., Explored]]:
    """Return a function that serves something and opens a page of it."""
    with contextlib.ExitStack() as stack:

        def opened(thing: Any) -> Explored:
            served = open_page(bench_maker(thing), browser=False)
            stack.callback(served.close)
            page = context.new_page()
            stack.callback(page.close)
            found = Explored(page)
            page.goto(served.address)
            return found

        yield opened


@pytest.fixture(scope="session")
def served(folder: Path) -> Iterator[Any]:
    """Return a page that is served, for tests of the server itself."""
    page = open_page(bench_maker(folder), browser=False)
    yield page
    page.close()
    assert not any(each.name == "explorer page" and each.is_alive() and each is page._thread
                   for each in threading.enumerate())  # fmt: skip
