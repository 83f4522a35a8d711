"""The page in a real browser: everything a user does first."""

import io
import runpy

import numpy as np
import pytest
from PIL import Image

import omniscopy as om

pytestmark = pytest.mark.xdist_group("browser")


def test_a_spectrum_image_is_opened_explored_and_copied_as_python(  # noqa: PLR0915 - as a user does
    explore, folder, tmp_path
):
    seen = explore(folder)
    seen.page.wait_for_selector('[data-path="core_loss.zarr"]')
    assert seen.page.locator("[data-test=files] li").count() >= 7
    seen.open("core_loss.zarr")
    seen.until("app.signal.curves.size === 1")

    # A region, and its spectrum.
    seen.page.keyboard.press("b")
    seen.drag("nav", (0.2, 0.2), (0.6, 0.7))
    seen.until("app.state.regions.length === 2 && app.signal.curves.size === 2")
    region = seen.get("app.state.regions[1]")
    assert region["kind"] == "box"
    data = om.open_signal(folder / "core_loss.zarr")
    low, high = (sorted(ends) for ends in zip(region["from"], region["to"], strict=True))
    expected = data.sel(y=slice(*low), x=slice(*high)).astype(float).mean(("y", "x")).values
    seen.settled()
    shown = seen.get("Array.from(app.signal.curves.get(app.state.regions[1].id).values)")
    np.testing.assert_allclose(shown, expected, rtol=1e-5)

    # It is moved by keys, and it jumps.
    before = seen.get("app.state.regions[1].from")
    seen.page.keyboard.press("ArrowRight")
    seen.until(f"Math.abs(app.state.regions[1].from[1] - {before[1]} - 0.5) < 1e-9")
    seen.page.keyboard.press("Shift+ArrowDown")
    seen.page.keyboard.press("ArrowUp")
    seen.page.keyboard.down("Shift")
    seen.page.mouse.click(*seen.spot("nav", 0.5, 0.5))
    seen.page.keyboard.up("Shift")
    seen.until(
        "Math.abs((app.state.regions[1].from[1] + app.state.regions[1].to[1]) / 2 - 4.75) < 0.3"
    )

    # A window over the spectrum makes a map; with Shift, above its background.
    frame = seen.get("app.signal.frame()")
    ends = [(energy - frame["x"][0]) / (frame["x"][1] - frame["x"][0]) for energy in (455, 470)]
    seen.drag("signal", (ends[0], 0.5), (ends[1], 0.5))
    seen.until("app.state.window && app.nav.note.textContent.startsWith('sum of window')")
    seen.settled()
    window = seen.get("app.state.window")
    assert window == pytest.approx([455, 470], abs=1.0)
    part = data.sel(energy_loss=slice(*window)).astype(float).sum("energy_loss").values
    np.testing.assert_allclose(seen.get("Array.from(app.nav.values)"), part.ravel(), rtol=1e-5)

    # Undone and done again.
    seen.page.keyboard.press("Control+z")
    seen.until(
        "app.state.window === null && app.nav.note.textContent.includes('all of the spectrum')"
    )
    seen.page.keyboard.press("Control+Shift+z")
    seen.until("app.state.window !== null")
    seen.settled()

    # Copied as Python, which runs and gives what is seen.
    shown = seen.get("Array.from(app.nav.values)")
    seen.page.click("[data-test=python-top]")
    seen.page.wait_for_selector("dialog textarea")
    text = seen.page.input_value("dialog textarea")
    (tmp_path / "copied.py").write_text(
        text.replace("savefig(", "savefig(r'" + str(tmp_path) + "/' + ")
    )
    names = runpy.run_path(str(tmp_path / "copied.py"))
    images = [each for each in names.values() if getattr(each, "dims", None) == ("y", "x")]
    assert any(each.dtype.kind == "f" and np.allclose(each.values.ravel(), shown, rtol=1e-5)
               for each in images)  # fmt: skip
    assert seen.wrong == []


def test_a_slider_shows_another_image(explore, folder):
    seen = explore(folder)
    seen.page.wait_for_selector('[data-path="stack.nxs"]')
    seen.open("stack.nxs")
    data = om.open_signal(folder / "stack.nxs")
    seen.page.evaluate(
        "() => { const s = document.querySelector('[data-test=slider-frame]'); s.value = 2;"
        "s.dispatchEvent(new Event('input')); s.dispatchEvent(new Event('change')) }"
    )
    seen.until("app.state.at.frame === 2")
    seen.settled()
    shown = seen.get("Array.from(app.nav.values)")
    np.testing.assert_allclose(shown, data.isel(frame=2).values.ravel(), rtol=1e-5)
    assert seen.wrong == []


def test_a_virtual_detector_and_the_centre_of_mass(explore, folder):
    seen = explore(folder)
    seen.page.wait_for_selector('[data-path="scan.nxs"]')
    seen.open("scan.nxs")
    seen.until("app.signal.parts")
    data = om.open_signal(folder / "scan.nxs")
    seen.page.keyboard.press("c")
    seen.drag("signal", (0.5, 0.5), (0.7, 0.5))
    seen.until("app.detectors.active && app.nav.note.textContent.includes('disc')")
    seen.settled()
    disc = seen.get("app.detectors.active")
    expected = om.diffraction.virtual_image(
        data, om.diffraction.Disk(disc["outer"], centre=tuple(disc["centre"]))
    )
    shown = seen.get("Array.from(app.nav.values)")
    np.testing.assert_allclose(shown, expected.values.ravel(), rtol=1e-5)

    # A second one: side by side, in colours, and both in the script.
    seen.page.keyboard.press("r")
    seen.drag("signal", (0.5, 0.5), (0.85, 0.5))
    seen.until("app.state.detectors.length === 2 && app.nav.note.textContent.includes('ring')")
    seen.page.select_option("[data-test=together]", "side")
    beside = f"app.detectors.panes.get('{disc['id']}')"
    seen.until(f"{beside}.header.exact && app.nav.header.exact")
    found = seen.get(f"Array.from({beside}.values)")
    np.testing.assert_allclose(found, expected.values.ravel(), rtol=1e-5)
    ring = seen.get("app.detectors.active")
    around = om.diffraction.Annulus(ring["inner"], ring["outer"], centre=tuple(ring["centre"]))
    shown = seen.get("Array.from(app.nav.values)")
    np.testing.assert_allclose(
        shown, om.diffraction.virtual_image(data, around).values.ravel(), rtol=1e-5
    )
    seen.page.select_option("[data-test=together]", "colours")
    seen.until("app.nav.layers.length === 2 && app.detectors.panes.size === 0")
    seen.page.click("[data-test=python-top]")
    seen.page.wait_for_selector("dialog textarea")
    text = seen.page.input_value("dialog textarea")
    assert "Disk(" in text
    assert "Annulus(" in text
    seen.page.keyboard.press("Escape")
    seen.until("!app.el.querySelector('dialog')")
    seen.page.select_option("[data-test=detector-mode]", "centre")
    seen.until("app.nav.parts.length === 2 && app.nav.header.exact")
    assert seen.wrong == []


def test_an_operation_is_run_from_its_form(explore, folder):
    seen = explore(folder / "surface.gsf")
    seen.until("app.item && app.nav.parts")
    seen.page.click("[data-test=tab-operations]")
    seen.page.fill("[data-test=operations-search]", "level")
    seen.page.click('[data-op="image.level"]')
    seen.page.wait_for_selector("[data-test=form]")
    seen.page.select_option('[data-parameter="method"]', "plane")
    seen.page.click("[data-test=run]")
    seen.until("app.item.step === 'image.level' && app.nav.header.data === app.item.id")
    seen.settled()
    expected = om.image.level(om.open_signal(folder / "surface.gsf"), method="plane")
    shown = seen.get("Array.from(app.nav.values)")
    np.testing.assert_allclose(shown, expected.values.ravel(), rtol=1e-4, atol=1e-12)
    seen.page.click("[data-test=tab-metadata]")
    seen.page.fill("[data-test=metadata-search]", "no such thing at all")
    seen.until("app.metadataPanel.note.textContent.startsWith('Nothing')")
    seen.page.click("[data-test=undo]")
    seen.until("app.item.step === ''")
    assert seen.wrong == []


def test_a_figure_is_exported(explore, folder):
    seen = explore(folder / "surface.gsf")
    seen.until("app.item && app.nav.parts")
    seen.page.click("[data-test=export-open]")
    with seen.page.expect_download() as download:
        seen.page.click("[data-test=export]")
    with open(download.value.path(), "rb") as file:  # noqa: PTH123
        picture = Image.open(io.BytesIO(file.read()))
    # 85 mm at 300 points per inch.
    assert picture.width == pytest.approx(85 / 25.4 * 300, abs=3)
    assert seen.wrong == []


def test_a_file_is_dropped_on_the_page(explore, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    seen = explore(tmp_path)
    seen.until("app.files.crumbs.textContent")
    content = list((folder / "surface.gsf").read_bytes())
    seen.page.evaluate(
        """(bytes) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], "dropped.gsf"));
          const over = { bubbles: true, cancelable: true, dataTransfer: carried };
          document.querySelector("#explorer").dispatchEvent(new DragEvent("drop", over));
        }""",
        content,
    )
    seen.until("app.item && app.item.file === 'dropped/dropped.gsf' && app.nav.parts")
    data = om.open_signal(folder / "surface.gsf")
    np.testing.assert_allclose(
        seen.get("Array.from(app.nav.values)"), data.values.ravel(), rtol=1e-5
    )
    assert seen.wrong == []


def test_damaged_and_unknown_files_are_explained(explore, folder):
    seen = explore(folder)
    seen.page.click('[data-path="broken.gsf"]')
    seen.page.wait_for_selector("[data-test=file-error]")
    assert "at byte 48" in seen.page.text_content("[data-test=file-error]")
    seen.page.keyboard.press("Escape")
    seen.page.click('[data-path="notes.xyz"]')
    seen.page.wait_for_selector(".formats li")
    assert seen.page.locator(".formats li").count() > 50
    seen.page.keyboard.press("Escape")
    seen.until("!app.el.querySelector('dialog')")
    # 24 numbers of 16 bits.
    seen.page.click('[data-path="numbers.dat"]')
    seen.page.click("dialog summary")
    seen.page.click("[data-test=raw-fits] button")
    assert seen.page.input_value("dialog [aria-label=Shape]") == "24"
    seen.page.get_by_role("button", name="Open as numbers").click()
    seen.until("app.item && app.item.axes[0].size === 24")
    assert seen.wrong == []


def test_fits_are_looked_through_pixel_by_pixel(explore):
    seen = explore([om.samples.spectrum_image(), om.samples.line_fit()])
    seen.until("app.items.size > 5")
    seen.get("app.show([...app.items.values()].find((i) => i.name === 'gaussian_centre').id)")
    seen.until("app.signal && app.signal.curves.size === 3")
    seen.until("app.fitTable.textContent.includes('gaussian amplitude')")
    seen.page.select_option("[data-test=variable]", label="gaussian_sigma")
    seen.until("app.item.name === 'gaussian_sigma' && app.nav.parts")
    assert seen.wrong == []


def test_points_and_complex_data_are_drawn(explore):
    seen = explore([om.samples.point_cloud(), om.samples.exit_wave()])
    seen.until("app.nav && app.nav.points && app.nav.values.length > 100")
    seen.get("app.show('d2')")
    seen.until("app.nav.parts && app.nav.parts.length === 2")
    seen.settled()
    wave = om.samples.exit_wave()
    seen.page.select_option("[data-test=look-part]", "phase")
    shown = seen.get("Array.from(app.nav.values)")
    np.testing.assert_allclose(shown, np.angle(wave.values).ravel(), atol=1e-4)
    seen.page.select_option("[data-test=look-part]", "hue")
    assert seen.wrong == []


def test_keys_are_listed_and_the_page_says_when_the_server_has_gone(explore, folder):
    seen = explore(folder / "surface.gsf")
    seen.until("app.item && app.nav.parts")
    seen.page.keyboard.press("?")
    seen.page.wait_for_selector("table.keys")
    assert seen.page.locator("table.keys tr").count() > 20
    seen.page.keyboard.press("Escape")
    seen.until("!app.el.querySelector('dialog')")
    seen.page.keyboard.press("i")
    seen.until("app.nav.look.scale === 'log'")
    seen.page.keyboard.press("d")
    seen.drag("nav", (0.2, 0.2), (0.8, 0.8))
    seen.until("app.state.marks.length === 1")
    seen.page.keyboard.press("f")
    seen.drag("nav", (0.1, 0.5), (0.9, 0.5))
    seen.until("app.profile && app.profile.curves.size === 1")
    assert seen.wrong == []


def test_another_host_is_refused(context, served):
    page = context.new_page()
    answer = page.goto(served.address.replace("127.0.0.1", "localhost"))
    assert answer.status == 200
    page.goto("about:blank")
    outcome = page.evaluate(
        """(address) => new Promise((done) => {
          const socket = new WebSocket(address);
          socket.onopen = () => done("open");
          socket.onclose = () => done("refused");
        })""",
        served.address.replace("http:", "ws:").replace("/?", "/socket?"),
    )
    page.close()
    assert outcome == "refused"


def test_a_large_image_gets_finer_where_it_is_looked_at(explore, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (3000, 2500)).astype(np.float32)
    np.save(tmp_path / "large.npy", values)
    seen = explore(tmp_path / "large.npy")
    seen.until("app.nav.parts && app.nav.header.exact && app.nav.header.step[0] === 2")
    seen.page.mouse.move(*seen.spot("nav", 0.25, 0.75))
    for _ in range(4):
        seen.page.mouse.wheel(0, -300)
    seen.until("app.nav.tile && app.nav.tile.header.step[0] === 1")
    for row, column in ((2250, 625), (2262, 618)):
        found = seen.get(f"app.nav.valueAt([{row}, {column}])")
        assert found["index"] == [row, column]
        assert found["value"] == pytest.approx(values[row, column], rel=1e-6)
    assert seen.wrong == []


def test_a_session_is_saved_and_opened_as_it_was(explore, tmp_path):
    om.save(om.samples.surface(), tmp_path / "surface.gsf")
    seen = explore(tmp_path)
    seen.page.wait_for_selector('[data-path="surface.gsf"]')
    seen.open("surface.gsf")
    seen.page.keyboard.press("b")
    seen.drag("nav", (0.2, 0.2), (0.6, 0.7))
    seen.until("app.state.regions.length === 1")
    region = seen.get("app.state.regions[0]")
    seen.page.click("[data-test=tab-operations]")
    seen.page.fill("[data-test=operations-search]", "level")
    seen.page.click('[data-op="image.level"]')
    seen.until("document.querySelector('[data-test=needs]').textContent.includes('of memory')")
    seen.page.click("[data-test=run]")
    seen.until("app.item.step === 'image.level' && app.nav.header.data === app.item.id")
    seen.page.click("[data-test=undo]")
    seen.until("app.item.step === '' && app.nav.header.data === app.item.id")
    seen.page.keyboard.press("Control+s")
    seen.page.fill("[data-test=session-name]", "mine.omniscopy")
    seen.page.click("[data-test=session-save]")
    seen.page.wait_for_selector('[data-path="mine.omniscopy"]')
    steps = seen.get("app.log.past.map((step) => step.label)")
    assert seen.wrong == []

    again = explore(tmp_path / "mine.omniscopy")
    again.until("app.items.size === 2 && app.nav && app.nav.parts && app.nav.header.exact")
    assert again.get("app.state.regions[0]") == region
    assert again.get("app.log.past.map((step) => step.label)") == steps
    again.page.click("[data-test=redo]")
    again.until("app.item.step === 'image.level' && app.nav.header.data === app.item.id")
    assert again.wrong == []


def test_what_was_undone_stays_beside_what_was_done_instead(explore, folder, tmp_path):
    om.save(om.samples.surface(), tmp_path / "surface.gsf")
    seen = explore(tmp_path)
    seen.page.wait_for_selector('[data-path="surface.gsf"]')
    seen.open("surface.gsf")

    def draw(key, number):
        seen.page.keyboard.press(key)
        seen.drag("nav", (0.2 * number, 0.15), (0.2 * number + 0.1, 0.7))
        seen.until(f"app.log.past.length === {number} && app.log.at === {number - 1}")

    draw("b", 2)
    draw("e", 3)
    seen.page.keyboard.press("Control+z")
    seen.page.keyboard.press("Control+z")
    seen.until("app.log.at === 0 && app.state.regions.length === 0")
    draw("l", 4)  # instead of the box
    assert seen.get("app.log.past.map((step) => step.from)") == [-1, 0, 1, 0]
    kinds = "app.state.regions.map((r) => r.kind).join()"
    seen.page.click("[data-test=tab-steps]")
    assert seen.page.locator("[data-test=steps] li.undone").count() == 2
    assert "after" in seen.page.locator("[data-test=steps] li.branch").inner_text()

    seen.page.locator("[data-test=steps] li").nth(2).click()  # the way that was left
    seen.until(f"{kinds} === 'box,ellipse'")
    seen.page.keyboard.press("Control+z")
    seen.page.keyboard.press("Control+z")
    seen.page.keyboard.press("Control+Shift+z")
    seen.until(f"app.log.at === 1 && {kinds} === 'box'")
    seen.page.keyboard.press("Control+s")
    seen.page.fill("[data-test=session-name]", "branches.omniscopy")
    seen.page.click("[data-test=session-save]")
    seen.page.wait_for_selector('[data-path="branches.omniscopy"]')
    assert seen.wrong == []

    again = explore(tmp_path / "branches.omniscopy")
    again.until("app.nav && app.nav.parts && app.log.at === 1")
    assert again.get("app.log.past.map((step) => step.from)") == [-1, 0, 1, 0]
    again.page.keyboard.press("Control+Shift+z")
    again.until(f"{kinds} === 'box,ellipse'")
    assert again.wrong == []


def test_rulers_tell_their_numbers_apart(explore, folder):
    seen = explore(folder / "surface.gsf")
    seen.until("app.item && app.nav.parts")
    texts = seen.page.evaluate(
        """async () => {
          const { tickTexts } = await import("./static/numbers.js");
          const far = [-106020, -106015, -106010];
          return [far, [0, 0.5, 1], [635.02, 635.04], [0.0001, 0.0002]].map(tickTexts);
        }"""
    )
    assert texts[0] == ["−106020", "−106015", "−106010"]
    assert texts[1] == ["0", "0.5", "1"]
    assert texts[2] == ["635.02", "635.04"]
    assert texts[3] == ["1×10⁻⁴", "2×10⁻⁴"]

    # Both axes of a plane are written in the same multiple of their units.
    metres = "{ axes: [{ units: 'm' }, { units: 'm' }] }"
    view = "{ view: { y: [-4e-7, 6e-8], x: [1.126e-5, 1.176e-5] } }"
    units = seen.get(f"app.nav.axisScales.call({metres}, {view}).map((s) => s.unit).join()")
    assert units == "µm,µm"
    assert seen.wrong == []


def test_five_dimensions_are_looked_along_in_turn(explore):
    data = om.samples.switching_spectroscopy()
    seen = explore(data)
    seen.until("app.signal && app.signal.curves.size === 1")
    seen.settled()
    seen.page.select_option("[data-test=curve-part]", "phase")
    seen.settled()
    at = {"bias": data.sizes["bias"] // 2, "y": 1, "x": 2}
    shown = seen.get("Array.from([...app.signal.curves.values()][0].values)")
    np.testing.assert_allclose(shown, np.angle(data.isel(at).values), atol=1e-4)
    seen.page.select_option("[data-test=signal-axis]", "bias")
    seen.until("app.signalAxes[0].name === 'bias' && app.signal.curves.size === 1")
    seen.settled()
    # The voltage is cycled: the axis holds all of it.
    bias = data["bias"].values
    assert seen.get("app.signal.full()") == pytest.approx([bias.min(), bias.max()])
    del at["bias"]
    at["frequency"] = data.sizes["frequency"] // 2
    shown = seen.get("Array.from([...app.signal.curves.values()][0].values)")
    np.testing.assert_allclose(shown, np.angle(data.isel(at).values), atol=1e-4)
    assert seen.wrong == []


def test_a_narrow_page_shows_files_over_the_panes(explore, folder):
    seen = explore(folder)
    seen.page.set_viewport_size({"width": 700, "height": 700})
    seen.page.wait_for_selector('[data-path="surface.gsf"]')
    seen.open("surface.gsf")
    assert not seen.page.locator("[data-test=files]").is_visible()
    seen.page.keyboard.press("\\")
    seen.page.wait_for_selector("[data-test=files]")
    box = seen.page.locator("canvas.image").bounding_box()
    assert box["width"] > 350
    assert seen.get("document.documentElement.scrollWidth <= innerWidth")
    assert seen.wrong == []


def test_a_sample_is_opened_from_the_first_page(explore, tmp_path):
    seen = explore(tmp_path)
    seen.page.click('[data-sample="exit_wave"]')
    seen.until("app.item && app.nav.parts.length === 2")
    assert seen.wrong == []


def test_results_have_a_band_of_their_standard_deviation(explore):
    data = om.samples.spectrum_image()
    found = om.signal.measure_regions(data, om.samples.regions()).isel(region=0)
    seen = explore(found)
    seen.until("app.items.size > 2")
    seen.get("app.show([...app.items.values()].find((i) => i.name === 'mean').id)")
    seen.until("[...app.signal.curves.values()][0].spread")
    band = seen.get("Array.from([...app.signal.curves.values()][0].spread)")
    np.testing.assert_allclose(band, found["mean_std"].values, rtol=1e-5)
    assert seen.wrong == []
