// The panels at the right: regions and windows, steps, and metadata.
import { debounced, field, make, makeSelect } from "./dom.js";
import { measureText } from "./shapes.js";
import { labelAt, short, withUnits } from "./numbers.js";
import { stepsBehind } from "./step_log.js";

const TOGETHER_WORDS = [["one", "the chosen one"], ["side", "side by side"], ["colours", "together, in colours"]];
const KIND_WORDS = { point: "Point", box: "Box", ellipse: "Ellipse", line: "Line", polygon: "Polygon", disc: "Disc", annulus: "Ring", segment: "Segment", distance: "Distance", angle: "Angle", profile: "Profile" };

/** What a region is called. */
export function regionTitle(r) {
  return r.name || KIND_WORDS[r.kind] || r.kind;
}

export class RegionsPanel {
  constructor(app) {
    this.app = app;
    this.el = make("div.regions", { "data-test": "regions" });
  }

  show() {
    const { app } = this;
    const { state, item } = app;
    if (!item) return;
    const rows = [...state.regions, ...state.marks].map((r) => this.row(r));
    const parts = [make("h3", {}, "Regions"), rows.length ? make("ul.region-list", {}, ...rows) : make("p.hint", {}, app.navKind ? "Draw a point, box, ellipse, line or polygon on the image." : app.signalKind === "image" ? "Measure on it: distance (D) and angle (A)." : "There is nothing to draw regions on: these data have one place.")];
    if (item.panes.signal.length && item.panes.navigation.length) parts.push(this.reduction());
    if (app.signalKind === "curve" && item.panes.navigation.length) parts.push(this.windows());
    if (app.signalKind === "image" && item.panes.navigation.length) parts.push(this.detectors());
    this.el.replaceChildren(...parts);
  }

  row(r) {
    const { app } = this;
    const swatch = make("input.swatch", { type: "color", value: r.colour, title: "Colour", oninput: (e) => app.patchRegion(r.id, { colour: e.target.value }) });
    const name = make("input.name", { value: regionTitle(r), "aria-label": "Name", onchange: (e) => app.patchRegion(r.id, { name: e.target.value }, "name of a region") });
    const axes = r.on === "signal" ? app.signalAxes : app.navAxes;
    const axis = axes?.[axes.length - 1];
    const measure = measureText(r, (v, u) => withUnits(v, u), axis?.units);
    const width = r.kind === "profile" || r.kind === "line"
      ? make("input.width", { type: "number", step: "any", min: 0, value: Number(short(r.width || 0)) || 0, title: "Width (+ and − keys)", onchange: (e) => app.patchRegion(r.id, { width: Number(e.target.value) }, "width") })
      : null;
    const keep = KIND_WORDS[r.kind] && app.item.panes.signal.length && !r.mark ? make("button.plain", { title: "Keep its spectrum or pattern as data", onclick: () => app.keepRegion(r) }, "⤓") : null;
    const row = make("li", { onclick: () => app.pick(r.id) }, swatch, name, make("small", {}, measure), width, keep,
      make("button.plain", { title: "Remove (Delete)", onclick: (e) => { e.stopPropagation(); app.removeRegion(r.id); } }, "✕"));
    row.classList.toggle("current", r.id === app.state.active);
    return row;
  }

  reduction() {
    const { app } = this;
    return make("div.form.compact", {}, field("Over a region", makeSelect(["mean", "sum", "max"], app.state.statistic, (v) => app.change({ statistic: v }, `${v} over regions`), { "data-test": "statistic" })));
  }

  windows() {
    const { app } = this;
    const { state } = app;
    const axis = app.signalAxes[0];
    const ends = (w) => w.map((v) => short(v)).join(" – ");
    const parts = [make("h3", {}, "Map of a window")];
    if (!state.window) {
      parts.push(make("p.hint", {}, "Drag over the spectrum: the map of that window is made as you drag. With Shift: a window in which a background is fitted."));
      parts.push(make("div.form.compact", {}, field("Without one", makeSelect(["mean", "sum", "max"], state.mapStatistic, (v) => app.change({ mapStatistic: v }, `${v} of spectra`)))));
      return make("div", {}, ...parts);
    }
    parts.push(make("div.window-row", {}, make("i.window"), `${ends(state.window)} ${axis.units || ""}`, make("button.plain", { title: "Remove the window", onclick: () => app.change({ window: null, background: null }, "window removed") }, "✕")));
    if (state.background) {
      const b = state.background;
      const set = (changes) => app.change({ background: { ...b, ...changes } }, "background");
      parts.push(make("div.window-row", {}, make("i.background"), `${ends(b.window)} ${axis.units || ""}`, make("button.plain", { title: "Remove the background", onclick: () => app.change({ background: null }, "background removed") }, "✕")));
      parts.push(make("div.form.compact", {}, field("Background", makeSelect([["power_law", "power law"], ["polynomial", "polynomial"]], b.model, (v) => set({ model: v }), { "data-test": "background" })),
        b.model === "polynomial" ? field("Degree", makeSelect([[0, 0], [1, 1], [2, 2], [3, 3]].map(([k, l]) => [String(k), l]), String(b.degree), (v) => set({ degree: Number(v) }))) : ""));
    } else {
      parts.push(make("div.form.compact", {}, field("Over the window", makeSelect(["sum", "mean", "max"], state.mapStatistic, (v) => app.change({ mapStatistic: v }, `${v} over the window`)))));
      parts.push(make("p.hint", {}, "Shift and drag to fit a background."));
    }
    parts.push(make("button", { onclick: () => app.keepMap(), "data-test": "keep-map" }, "Keep this map"));
    return make("div", {}, ...parts);
  }

  detectors() {
    const { app } = this;
    const { state, detectors } = app;
    const choice = makeSelect([["image", "image"], ["centre", "centre of mass"]], state.mode, (v) => app.change({ mode: v }, v === "image" ? "virtual image" : "centre of mass"), { "data-test": "detector-mode" });
    const parts = [make("h3", {}, "Virtual detectors"), make("div.form.compact", {}, field("Makes", choice))];
    if (state.detectors.length) parts.push(make("ul.region-list", { "data-test": "detectors" }, ...state.detectors.map((d) => this.detectorRow(d))));
    else parts.push(make("p.hint", {}, "Draw a disc, ring, segment or polygon on the pattern (keys C, R, S). Draw several to compare them."));
    if (state.detectors.length > 1 && state.mode === "image") {
      parts.push(make("div.form.compact", {}, field("Shown", makeSelect(TOGETHER_WORDS, state.together, (v) => app.change({ together: v }, "detectors together"), { "data-test": "together" }))));
    }
    parts.push(make("button", { onclick: () => app.keepMap() }, "Keep this map"));
    return make("div", {}, ...parts);
  }

  detectorRow(d) {
    const { app } = this;
    const change = (changes) => {
      app.detectors.changed({ ...d, ...changes }, true);
      app.change({}, "detector");
    };
    const row = make("li", { onclick: () => app.detectors.pick(d.id) },
      make("input.swatch", { type: "color", value: d.colour, title: "Colour", onchange: (e) => change({ colour: e.target.value }) }),
      make("input.name", { value: regionTitle(d), "aria-label": "Name", onchange: (e) => change({ name: e.target.value }) }),
      make("button.plain", { title: "Remove the detector", onclick: (e) => { e.stopPropagation(); app.detectors.remove(d.id); } }, "✕"));
    row.classList.toggle("current", d.id === app.detectors.active?.id);
    return row;
  }
}

export class StepsPanel {
  constructor(app) {
    this.app = app;
    this.steps = make("ol.steps", { "data-test": "steps" });
    this.records = make("ol.steps.records");
    const button = (words, act, test) => make("button", { onclick: act, "data-test": test }, words);
    this.el = make("div.panel-body", {},
      make("div.row", {}, button("Copy as Python", () => app.copyPython(), "python"), button("Save recipe", () => app.saveRecipe(), "recipe"), button("Apply to folder…", () => app.applyToFolder(), "batch"), button("Save session…", () => app.saveSession(), "session")),
      make("h3", {}, "In this explorer"), this.steps, make("h3", {}, "History of the data"), this.records);
  }

  show() {
    const { past, at } = this.app.log;
    const behind = stepsBehind(this.app.log);
    this.steps.replaceChildren(...past.map((step, i) => {
      const branch = step.from >= 0 && step.from !== i - 1;
      const row = make("li", { tabIndex: 0, onclick: () => this.app.goTo(i) }, step.label, branch ? make("small", {}, `after “${past[step.from].label}”`) : "");
      row.classList.toggle("current", i === at);
      row.classList.toggle("undone", !behind.has(i));
      row.classList.toggle("branch", branch);
      return row;
    }));
    this.steps.querySelector(".current")?.scrollIntoView({ block: "nearest" });
  }

  async shown() {
    this.show();
    if (!this.app.item) return;
    try {
      const { header } = await this.app.link.ask({ kind: "history", data: this.app.item.id });
      this.records.replaceChildren(...header.steps.map((s) => make("li", { title: s.time }, make("b", {}, s.operation),
        make("small", {}, Object.entries(s.parameters).map(([k, v]) => `${k}=${v}`).join(", ")))));
    } catch (error) {
      this.records.replaceChildren(make("li.bad", {}, error.message));
    }
  }
}

export class MetadataPanel {
  constructor(app) {
    this.app = app;
    this.search = make("input", { type: "search", placeholder: "Search names and values…", "data-test": "metadata-search" });
    this.search.oninput = debounced(() => this.shown(), 150);
    this.axes = make("table.facts");
    this.table = make("table.facts", { "data-test": "metadata" });
    this.note = make("p.hint");
    const scale = make("button", { onclick: () => app.askScale() }, "Set scale…");
    this.el = make("div.panel-body", {}, make("h3", {}, "Axes"), this.axes, make("div.row", {}, scale), make("h3", {}, "Metadata"), this.search, this.note, this.table);
  }

  async shown() {
    const { item, link } = this.app;
    if (!item) return;
    const range = (a) => (a.size > 1 ? `${labelAt(a, 0)} – ${labelAt(a, a.size - 1)}` : labelAt(a, 0));
    this.axes.replaceChildren(make("tbody", {}, ...item.axes.map((a) => make("tr", {}, make("td", {}, a.name), make("td", {}, `${a.size} points · ${range(a)}${a.step !== undefined ? ` · step ${withUnits(Math.abs(a.step), a.units)}` : ""}`)))));
    try {
      const { header } = await link.ask({ kind: "metadata", data: item.id, words: this.search.value });
      this.note.textContent = header.found ? `${header.found} entries` : "Nothing is called so.";
      this.table.replaceChildren(make("tbody", {}, ...header.entries.map((e) => {
        const row = make("tr", { title: "Click to copy the path", onclick: () => this.app.copy(e.name) }, make("td", {}, ...breakable(e.name)), make("td", { title: e.value }, e.number === undefined ? `${e.value}${e.units && e.units !== "1" ? ` ${e.units}` : ""}` : withUnits(e.number, e.units, 6)));
        row.classList.add(e.origin);
        return row;
      })));
    } catch (error) {
      this.app.fail(error);
    }
  }
}

/** A path whose lines are broken at its dots and underscores. */
function breakable(name) {
  return name.split(/(?<=[._])/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
}
