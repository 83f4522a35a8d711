// The explorer: what is shown, what was done, and who asks for what.
import { copyText, debounced, make, makeSelect } from "./dom.js";
import { REGION_COLOURS } from "./colours.js";
import { bytesText, labelAt, withUnits } from "./numbers.js";
import { Link } from "./link.js";
import { ImagePane, partOf } from "./image_pane.js";
import { CurvePane } from "./curve_pane.js";
import { FilesPanel } from "./files_panel.js";
import { DisplayPanel } from "./display_panel.js";
import { MetadataPanel, regionTitle, RegionsPanel, StepsPanel } from "./side_panels.js";
import { OperationsPanel } from "./operations_panel.js";
import { openSession, SESSION_END, sessionDialog } from "./sessions.js";
import { exportDialog, openDialog, pythonDialog, scaleDialog, unknownFileDialog } from "./dialogs.js";
import { makeToolbar, listenToKeys } from "./tools.js";
import { Detectors } from "./detectors.js";
import { bareRegion, drawnRegion, middleOf, scaledRegion, shifted } from "./shapes.js";
import { addStep, enterStep, stepAfter, stepBefore } from "./step_log.js";

const PIECE = 4 * 2 ** 20;
const MARKS = new Set(["distance", "angle", "profile"]);
const DETECTOR_KINDS = new Set(["disc", "annulus", "segment"]);
const ON_PATTERNS = new Set([...DETECTOR_KINDS, "polygon", "box", "ellipse", "point"]);

/** What is shown of data that were just opened. */
function freshState(item) {
  return { item: item ? item.id : null, navigator: null, regions: drawnBefore(item), marks: [], active: null, detectors: [], picked: null, together: "one", window: null, background: null, statistic: "mean", mapStatistic: item && item.panes.signal.length === 1 ? "mean" : "sum", mode: "image", at: {}, looks: {} };
}

/** What was drawn on an image where it was measured, as regions. */
function drawnBefore(item) {
  if (!item || item.panes.signal.length || item.panes.navigation.length !== 2) return [];
  const known = (item.annotations || []).map(({ text, ...r }) => ({ ...r, kind: r.kind === "text" ? "point" : r.kind, name: text }));
  return known.filter((r) => ["point", "box", "ellipse", "line"].includes(r.kind)).map((r, i) => ({ ...r, id: `annotation${i + 1}`, label: r.name || "", colour: REGION_COLOURS[i % REGION_COLOURS.length] }));
}

export class Explorer {
  constructor(model, el) {
    this.el = el;
    this.link = new Link(model);
    this.items = new Map();
    this.state = freshState(null);
    this.log = { past: [], at: -1 };
    this.count = 0;
    this.detectors = new Detectors(this);
    this.build();
    model.on("closed", (reason) => this.lost(reason));
    this.start();
  }

  build() {
    const { el } = this;
    el.replaceChildren();
    el.classList.add("omniscopy");
    this.title = make("div.title", { "data-test": "title" });
    this.files = new FilesPanel(this);
    this.regionsPanel = new RegionsPanel(this);
    this.stepsPanel = new StepsPanel(this);
    this.metadataPanel = new MetadataPanel(this);
    this.operationsPanel = new OperationsPanel(this);
    this.panes = make("div.panes");
    this.sliders = make("div.sliders", { hidden: true });
    this.hover = make("span.hover", { "data-test": "hover" });
    this.message = make("span.message", { role: "status", "data-test": "message" });
    this.job = make("span.job");
    this.tools = makeToolbar(this);
    const button = (text, title, act, test) => make("button.plain", { title, onclick: act, "data-test": test, "aria-label": title }, text);
    this.undoButton = button("↶", "Undo (Ctrl+Z)", () => this.undo(), "undo");
    this.redoButton = button("↷", "Redo (Ctrl+Shift+Z)", () => this.redo(), "redo");
    const top = make("header.top", {},
      button("☰", "Files (\\)", () => this.toggleFiles()), make("span.brand", {}, "Omniscopy"), this.title,
      this.undoButton, this.redoButton,
      make("button", { title: "Copy as Python (Ctrl+P)", onclick: () => this.copyPython(), "data-test": "python-top" }, "Python"),
      make("button", { title: "Export (Ctrl+E)", onclick: () => this.export(), "data-test": "export-open" }, "Export"),
      button("?", "Keys (?)", () => this.tools.showKeys(), "keys"));
    this.inspector = this.buildInspector();
    el.append(make("div.shell", {}, top, this.files.el, make("main.stage", {}, this.tools.el, this.panes, this.sliders), this.inspector, make("footer.status", {}, this.hover, this.job, this.message)));
    el.explorer = this;
    this.listenToDrops();
    listenToKeys(this);
  }

  buildInspector() {
    this.viewBody = make("div.panel-body");
    const tabs = [["view", "View", this.viewBody, null], ["steps", "Steps", this.stepsPanel.el, this.stepsPanel], ["metadata", "Metadata", this.metadataPanel.el, this.metadataPanel], ["operations", "Operations", this.operationsPanel.el, this.operationsPanel]];
    this.tabs = tabs.map(([key, label, body, panel]) => {
      const tab = make("button.tab", { role: "tab", "data-test": `tab-${key}`, onclick: () => this.openTab(key) }, label);
      return { key, tab, body, panel };
    });
    const el = make("aside.inspector", {}, make("nav.tabs", { role: "tablist" }, ...this.tabs.map((t) => t.tab)), ...this.tabs.map((t) => t.body));
    this.openTab("view");
    return el;
  }

  /** Show or hide the files: beside the panes, or over them where there is little room. */
  toggleFiles() {
    for (const name of ["no-side", "side-open"]) this.el.classList.toggle(name);
  }

  openTab(key) {
    this.tabKey = key;
    for (const { key: own, tab, body, panel } of this.tabs) {
      tab.classList.toggle("current", own === key);
      tab.setAttribute("aria-selected", own === key);
      body.hidden = own !== key;
      if (own === key && panel) panel.shown();
    }
  }

  async start() {
    this.welcomeScreen("Connecting…");
    this.afterStep();
    try {
      const { header } = await this.link.ask({ kind: "hello" });
      this.folder = header.folder;
      this.rawTypes = header.raw_types;
      this.writes = header.writes;
      this.files.folder.hidden = header.folder === null;
      header.items.forEach((item) => this.items.set(item.id, item));
      this.samples = header.samples;
      this.recent = header.recent;
      this.welcomeScreen(header.folder === null ? "Drop a file here." : "Open a file at the left, or drop one here.");
      if (this.items.size) this.show([...this.items.keys()][0]);
      for (const path of header.start) await this.openPath(path);
      this.files.showItems();
      if (header.folder !== null) this.files.openFolder(".");
    } catch (error) {
      this.fail(error);
    }
  }

  welcomeScreen(words) {
    if (this.item) return;
    this.panes.className = "panes empty";
    this.panes.replaceChildren(make("div.welcome", {}, make("div.mark"), make("p", {}, words), make("p.hint", {}, "Press ? for the keys."), this.recentOffered(), this.samplesOffered()));
  }

  recentOffered() {
    if (!this.recent?.length) return "";
    const offer = (path) => make("button", { "data-recent": path, title: path, onclick: () => this.openPath(path) }, path.split("/").pop());
    return make("div.offered", {}, make("p.hint", {}, "Opened lately:"), ...this.recent.map(offer));
  }

  samplesOffered() {
    if (!this.samples) return "";
    const offer = ([name, title]) => make("button", { "data-sample": name, onclick: () => this.openedBy(this.link.ask({ kind: "sample", name })).catch((error) => this.fail(error)) }, title);
    return make("div.offered", {}, make("p.hint", {}, "Or look around in measurements that are made up:"), ...Object.entries(this.samples).map(offer));
  }

  // Files

  async openPath(path) {
    if (path.endsWith(SESSION_END)) {
      await openSession(this, path);
      return;
    }
    this.say(`opening ${path}…`);
    try {
      await this.openedBy(this.link.ask({ kind: "open", path }));
    } catch (error) {
      this.say("");
      await this.failToOpen(path, error);
    }
  }

  async openedBy(asked) {
    const { header } = await asked;
    header.items.forEach((item) => this.items.set(item.id, item));
    const [first] = [...header.items].sort((a, b) => b.bytes - a.bytes);
    if (first) this.show(first.id);
    this.say(`${header.path}: ${header.items.length} ${header.items.length === 1 ? "channel" : "channels"}`);
  }

  async failToOpen(path, error) {
    const unknown = error.name === "UnsupportedFormatError";
    const formats = unknown ? (await this.link.ask({ kind: "formats" })).header.formats : [];
    unknownFileDialog(this, path, error.message, formats, this.rawTypes || []);
  }

  async dropFiles(files) {
    let last = null;
    try {
      for (const file of files) {
        for (let at = 0; at < Math.max(file.size, 1); at += PIECE) {
          const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
          const { header } = await this.link.ask({ kind: "drop", name: file.name, offset: at, total: file.size }, { buffers: [piece] });
          this.say(`${file.name}: ${bytesText(header.bytes)} of ${bytesText(file.size)}`);
          last = header.path;
        }
        await this.openPath(last);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  listenToDrops() {
    const { el } = this;
    const over = (on) => el.classList.toggle("dropping", on);
    el.addEventListener("dragover", (e) => {
      e.preventDefault();
      over(true);
    });
    el.addEventListener("dragleave", (e) => e.target === el && over(false));
    el.addEventListener("drop", (e) => {
      e.preventDefault();
      over(false);
      this.dropFiles([...e.dataTransfer.files]);
    });
  }

  // What is shown

  get item() {
    return this.items.get(this.state.item);
  }

  axesOf(dims, item = this.item) {
    return dims.map((dim) => item.axes.find((a) => a.name === dim));
  }

  show(id, label) {
    if (getComputedStyle(this.files.el).position === "absolute") this.el.classList.remove("side-open", "no-side");
    this.state = { ...freshState(this.items.get(id)), looks: this.state.looks };
    this.firstRegion();
    this.layOut();
    this.commit(label || `show ${this.item.title}`);
  }

  /** A point in the middle, so that there is a spectrum or pattern at once. */
  firstRegion() {
    const { item } = this;
    const { navigation, signal } = item.panes;
    if (!navigation.length || !signal.length) {
      if (!(item.fit && navigation.length === 2)) return;
    }
    const axes = this.axesOf(navigation);
    const middle = axes.map((a) => (a.step !== undefined ? a.first + a.step * Math.floor(a.size / 2) : a.values ? a.values[a.size >> 1] : a.size >> 1));
    if (navigation.length === 2) this.addRegion({ kind: "point", at: middle });
    else if (!item.positions.includes("x")) this.addRegion({ kind: "interval", from: middle, to: middle });
  }

  addRegion(shape) {
    this.count += 1;
    const colour = REGION_COLOURS[(this.state.regions.length + this.state.marks.length) % REGION_COLOURS.length];
    const r = { ...shape, id: `r${this.count}`, colour };
    if (MARKS.has(shape.kind)) {
      r.mark = true;
      r.label = regionTitle(r);
      this.state.marks = [...this.state.marks, r];
    } else this.state.regions = [...this.state.regions, r];
    this.state.active = r.id;
    return r;
  }

  layOut() {
    const { item } = this;
    this.navAxes = this.axesOf(item.panes.navigation);
    this.signalAxes = this.axesOf(item.panes.signal);
    const scattered = item.panes.navigation.length === 1 && item.positions.includes("x");
    this.navKind = scattered ? "points" : { 0: null, 1: "curve", 2: "image" }[item.panes.navigation.length];
    this.signalKind = { 0: null, 1: "curve", 2: "image" }[item.panes.signal.length];
    if (!this.signalKind && item.fit) this.signalKind = "fit";
    const panes = [];
    this.nav = this.navKind ? this.makeNavigator() : null;
    this.signal = this.signalKind ? this.makeSignal() : null;
    this.profile = null;
    if (this.nav) panes.push(this.nav.el);
    if (this.signal) panes.push(this.signal.el);
    this.panes.className = `panes panes-${panes.length}${this.signalKind === "curve" || this.signalKind === "fit" ? " wide-signal" : ""}`;
    this.panes.replaceChildren(...panes);
    this.detectors.close();
    this.buildViewBody();
    this.buildSliders();
    this.files.showItems();
    this.sayTitle();
    this.tools.fit();
    this.refresh();
    if (this.tabKey !== "view") this.openTab(this.tabKey);
  }

  makeNavigator() {
    if (this.navKind === "curve") {
      const pane = new CurvePane("Navigator", {
        hover: (t) => this.setHover(t),
        window: (_, ends, final) => {
          const r = this.state.regions[0];
          this.regionChanged({ ...r, from: [ends[0]], to: [ends[1]] }, final);
        },
      });
      return pane;
    }
    const pane = new ImagePane(this.navKind === "points" ? "Points" : this.signalKind ? "Navigator" : "Image", {
      hover: (t) => this.setHover(t),
      draw: (shape) => this.drawn(shape).id,
      drawn: () => this.tools.choose("select"),
      pick: (id) => this.pick(id),
      change: (r, final) => this.regionChanged(r, final),
      finer: (part) => this.askFiner("nav", part),
      clickMoves: !!this.signalKind,
    });
    pane.look = this.lookOf("navigation");
    return pane;
  }

  makeSignal() {
    if (this.signalKind !== "image") {
      const pane = new CurvePane(this.signalKind === "fit" ? "Fit of the pixel" : "Signal", { hover: (t) => this.setHover(t), window: (name, ends, final) => this.windowChanged(name, ends, final) });
      pane.part = this.curvePart || "magnitude";
      return pane;
    }
    const pane = new ImagePane("Signal", {
      hover: (t) => this.setHover(t),
      draw: (shape) => this.drawnOnSignal(shape).id,
      drawn: () => this.tools.choose("select"),
      pick: (id) => this.detectors.pick(id),
      change: (r, final) => this.changedOnSignal(r, final),
      finer: (part) => this.askFiner("signal", part),
      clickMoves: !!this.navKind,
    });
    pane.look = this.lookOf("signal", { scale: "log" });
    return pane;
  }

  lookOf(which, more = {}) {
    const key = `${which}-${this.item.quantity || this.item.signal_type}-${this.item.units}-${which === "navigation" ? this.item.title : ""}`;
    if (!this.state.looks[key]) {
      this.state.looks[key] = { map: "viridis", inverted: false, scale: "linear", gamma: 0.5, percent: 0.5, auto: "always", low: 0, high: 1, part: "magnitude", ...this.suggestedLook(which), ...more };
    }
    return this.state.looks[key];
  }

  suggestedLook(which) {
    const words = `${this.item.title} ${this.item.name}`.toLowerCase();
    if (/strain|rotation|shift|displacement|difference|com_/.test(words)) return { map: "diverging" };
    if (/^(rad|deg|°)/.test(this.item.units || "") && /phase|angle|orientation/.test(words)) return { map: "cyclic", percent: 0 };
    const plain = this.navKind === "image" && !this.item.panes.signal.length && !this.item.group;
    if (which === "navigation" && plain && !/map|height/.test(words)) return { map: "grey" };
    return {};
  }

  buildViewBody() {
    this.displays = [];
    const add = (pane, title) => {
      if (!(pane instanceof ImagePane)) return;
      const display = new DisplayPanel(this, pane, title);
      this.displays.push(display);
    };
    if (this.nav) add(this.nav, this.signalKind ? "Navigator display" : "Display");
    if (this.signal) add(this.signal, "Signal display");
    const curve = this.signalKind === "curve" ? this.signal : this.nav instanceof CurvePane ? this.nav : null;
    this.fitTable = make("table.facts", { "data-test": "fit-table" });
    const fitted = this.signalKind === "fit" ? make("div", {}, make("h3", {}, "This pixel"), this.fitTable) : "";
    this.viewBody.replaceChildren(this.groupPicker(), this.axisPicker(), fitted, this.regionsPanel.el, ...this.displays.map((d) => d.el), curve ? this.curveControls(curve) : "");
    this.regionsPanel.show();
    requestAnimationFrame(() => this.displays.forEach((d) => d.draw()));
  }

  groupPicker() {
    const { item } = this;
    if (!item.group) return "";
    const names = [...this.items.values()].filter((i) => i.group === item.group).map((i) => [i.id, i.name || i.title]);
    return make("div.form.compact", {}, make("h3", {}, "Results"), make("label.field", {}, make("span.label", {}, "Variable"), makeSelect(names, item.id, (id) => this.showVariable(id), { "data-test": "variable" })));
  }

  /** Which dimension the signal is drawn over, where there are others than those of the panes. */
  axisPicker() {
    const { item } = this;
    const { navigation, signal, extra } = item.panes;
    if (signal.length !== 1 || !extra.length || !navigation.length) return "";
    const choose = makeSelect([...signal, ...extra], signal[0], (dim) => this.arrange(navigation, [dim]), { "data-test": "signal-axis" });
    return make("div.form.compact", {}, make("h3", {}, "Axes"), make("label.field", {}, make("span.label", {}, "Signal along"), choose));
  }

  async arrange(navigation, signal) {
    try {
      const { header } = await this.link.ask({ kind: "arrange", data: this.item.id, navigation, signal });
      header.items.forEach((item) => this.items.set(item.id, item));
      this.show(this.item.id, `signal along ${signal.join(", ")}`);
    } catch (error) {
      this.fail(error);
    }
  }

  showVariable(id) {
    const old = this.state;
    this.state = { ...old, item: id };
    this.layOut();
    this.commit(`show ${this.item.name || this.item.title}`);
  }

  curveControls(pane) {
    const check = (label, key) => make("label.field", {}, make("span.label", {}, label), make("input", { type: "checkbox", checked: pane[key], "data-test": `curve-${key}`, onchange: (e) => { pane[key] = e.target.checked; pane.draw(); } }));
    const difference = make("label.field", {}, make("span.label", { title: "First region minus the second" }, "Difference"), make("input", { type: "checkbox", checked: !!this.difference, onchange: (e) => { this.difference = e.target.checked; this.refreshSignal(); } }));
    const part = this.item.complex ? make("label.field", {}, make("span.label", {}, "Part"), makeSelect(["magnitude", "phase", "real", "imaginary"], pane.part || "magnitude", (v) => { pane.part = v; this.curvePart = v; this.refresh(); }, { "data-test": "curve-part" })) : "";
    return make("div.form.compact", {}, make("h3", {}, "Curves"), part, check("Logarithmic", "logY"), check("Normalised", "normalise"), this.navKind ? difference : "");
  }

  buildSliders() {
    const rows = this.item.panes.extra.map((dim) => this.sliderOf(dim));
    this.sliders.replaceChildren(...rows);
    this.sliders.hidden = !rows.length;
  }

  sliderOf(dim) {
    const [axis] = this.axesOf([dim]);
    const at = this.state.at[dim] ?? Math.floor(axis.size / 2);
    const averages = !(this.navKind && this.signalKind);
    const value = make("output", {}, this.state.at[dim] === null ? "mean" : labelAt(axis, at));
    const range = make("input", { type: "range", min: 0, max: axis.size - 1, step: 1, value: at, "aria-label": dim, "data-test": `slider-${dim}` });
    const set = (n) => {
      value.textContent = `${labelAt(axis, n)}  [${n}]`;
      this.state = { ...this.state, at: { ...this.state.at, [dim]: n } };
      this.refresh();
    };
    range.oninput = () => set(Number(range.value));
    range.onchange = () => this.commit(`${dim} ${labelAt(axis, Number(range.value))}`);
    const mean = make("button.plain", { title: `Mean over ${dim}`, "aria-label": `Mean over ${dim}`, hidden: !averages, "data-test": `mean-${dim}` }, "x̄");
    mean.onclick = () => {
      const now = this.state.at[dim] === null ? Number(range.value) : null;
      this.change({ at: { ...this.state.at, [dim]: now } }, now === null ? `mean over ${dim}` : dim);
      this.buildSliders();
    };
    mean.classList.toggle("current", this.state.at[dim] === null);
    let timer = 0;
    const play = make("button.plain", { title: "Play", "aria-label": `Play ${dim}` }, "▶");
    play.onclick = () => {
      if (timer) {
        clearInterval(timer);
        timer = 0;
        play.textContent = "▶";
        return;
      }
      play.textContent = "❚❚";
      timer = setInterval(() => {
        if (!range.isConnected) clearInterval(timer);
        range.value = (Number(range.value) + 1) % axis.size;
        set(Number(range.value));
      }, 250);
    };
    return make("div.slider", {}, make("span", {}, dim), make("span.row", {}, play, mean), range, value);
  }

  sayTitle() {
    const { item } = this;
    const shape = item.axes.map((a) => `${a.name} ${a.size}`).join(" × ");
    this.title.replaceChildren(make("b", {}, item.title), make("small", {}, [item.file, shape, item.dtype, bytesText(item.bytes)].filter(Boolean).join("  ·  ")));
  }

  // Requests

  mapMessage(detector = this.detectors.active) {
    const { state } = this;
    const base = { data: state.navigator || state.item, target: "navigation", at: state.at };
    if (state.navigator) return { ...base, kind: "reduce", statistic: "mean", region: null };
    if (this.signalKind === "image") {
      const region = detector && bareRegion(detector);
      if (state.mode === "centre") return { ...base, kind: "centre", region };
      return { ...base, kind: "reduce", statistic: region ? "sum" : state.mapStatistic, region };
    }
    if (state.window && state.background) return { ...base, kind: "window_map", window: state.window, background: state.background, statistic: "sum" };
    const region = state.window ? { kind: "interval", from: [state.window[0]], to: [state.window[1]] } : null;
    return { ...base, kind: "reduce", statistic: state.mapStatistic, region };
  }

  signalMessage(region) {
    const { state } = this;
    return { kind: "reduce", data: state.item, target: "signal", at: state.at, statistic: state.statistic, region: region ? bareRegion(region) : null, name: region ? regionTitle(region) : undefined };
  }

  refresh() {
    this.refreshNavigator();
    this.refreshSignal();
    this.refreshProfile();
  }

  refreshNavigator() {
    if (!this.nav) return;
    const message = this.mapMessage();
    const axes = this.navAxes;
    this.link.askFor("navigator", message, (header, parts) => {
      if (!this.nav || this.navAxes !== axes) return;
      if (header.names) parts = centred(parts, header.names, this.nav);
      if (this.navKind === "image") {
        const shown = { ...header };
        if (header.names && this.nav.look.part === "magnitude" && !this.nav.centred) {
          this.nav.centred = true;
          this.nav.look.part = "hue";
        }
        this.nav.asked = message;
        this.nav.setImage(shown, parts, axes);
        this.detectors.refresh(header, parts);
        this.nav.note.textContent = this.mapTitle(header);
        this.syncRegions();
        this.displays.forEach((d) => d.pane === this.nav && parts.length !== d.parts && (d.parts = parts.length, d.show()));
      } else if (this.navKind === "points") this.showPoints(header, parts);
      else {
        this.nav.setAxis(axes[0], header.units);
        const r = this.state.regions[0];
        if (r && r.from) this.nav.windows = { window: { ends: [r.from[0], r.to[0]], colour: r.colour, label: "" } };
        this.nav.setCurve("navigator", { values: this.curveOf(parts, this.nav), colour: "#56B4E9", label: "" });
      }
    }, (error) => this.fail(error));
  }

  /** Ask for a part of the image of a pane, as it was asked for but finer. */
  askFiner(key, part) {
    const pane = this[key];
    const { asked } = pane || {};
    if (!asked) return;
    this.link.askFor(`finer:${key}`, { ...asked, part }, (header, parts) => {
      if (this[key] === pane && pane.asked === asked) pane.setTile(header, header.names ? lessMeans(parts, header.names, pane) : parts);
    }, (error) => this.fail(error));
  }

  async showPoints(header, parts) {
    const { item } = this;
    if (this.places?.id !== item.id) {
      const { header: said, values } = await this.link.ask({ kind: "positions", data: item.id });
      this.places = { id: item.id, y: values[said.names.indexOf("y")], x: values[said.names.indexOf("x")] };
    }
    const axis = (name) => ({ name, units: item.position_units?.[name] || null, size: parts[0].length });
    this.nav.setPoints(header, magnitude(parts), this.places, [axis("y"), axis("x")]);
    this.syncRegions();
  }

  mapTitle(header) {
    const { state } = this;
    const partly = header.exact === false && header.progress < 0.99 ? ` · ${Math.round(100 * header.progress)} %` : "";
    if (state.navigator) return this.items.get(state.navigator)?.title || "";
    if (!this.signalKind || this.signalKind === "fit") return partly;
    if (this.signalKind === "image" && state.mode === "centre") return `centre of mass, about its mean${partly}`;
    const what = this.signalKind === "image" ? (this.detectors.active ? regionTitle(this.detectors.active).toLowerCase() : "all of the pattern") : state.window ? (state.background ? "window above its background" : "window") : "all of the spectrum";
    return `${header.statistic} of ${what}${partly}`;
  }

  refreshSignal() {
    if (!this.signal) return;
    if (this.signalKind === "fit") {
      this.refreshFit();
      return;
    }
    const { state } = this;
    if (this.signalKind === "image") {
      const region = state.regions.find((r) => r.id === state.active) || state.regions[0] || null;
      this.askSignal(region, "pattern");
      return;
    }
    const wanted = state.regions.length ? state.regions : [null];
    const ids = new Set(wanted.map((r) => (r ? r.id : "all")));
    for (const id of [...this.signal.curves.keys()]) if (!ids.has(id) && id !== "difference") this.signal.setCurve(id, null);
    this.signal.takes = !!this.navKind;
    this.signal.windows = this.windowMarks();
    wanted.forEach((r) => this.askSignal(r, r ? r.id : "all"));
  }

  askSignal(region, id) {
    const axes = this.signalAxes;
    const message = this.signalMessage(region);
    this.link.askFor(`signal:${id}`, message, (header, parts) => {
      if (!this.signal || this.signalAxes !== axes) return;
      this.signal.bar.hidden = header.exact !== false;
      if (this.signalKind === "image") {
        this.signal.asked = message;
        this.signal.setImage(header, parts, axes);
        this.detectors.sync();
        this.signal.note.textContent = region ? `${header.statistic} of ${regionTitle(region).toLowerCase()}${header.pixels ? ` · ${header.pixels} px` : ""}` : "";
        this.displays.forEach((d) => d.pane === this.signal && parts.length !== d.parts && (d.parts = parts.length, d.show()));
        return;
      }
      if (region && !this.state.regions.some((r) => r.id === id)) return;
      this.signal.setAxis(axes[0], parts.length > 1 && this.signal.part === "phase" ? "rad" : header.units);
      const now = this.state.regions.find((r) => r.id === id);
      const label = this.state.regions.length > 1 && now ? regionTitle(now) : "";
      this.signal.setCurve(id, { values: this.curveOf(parts, this.signal), colour: now ? now.colour : "#56B4E9", label });
      this.askSpread(region, id);
      this.signal.note.textContent = this.navKind ? `${header.statistic}${header.pixels ? ` of ${header.pixels} px` : ""}` : "";
      this.drawDifference();
    }, (error) => this.fail(error));
  }

  /** Ask for the standard deviation of a curve of one place, where the results hold one. */
  askSpread(region, id) {
    const { item, signal } = this;
    const spread = item.group && [...this.items.values()].find((i) => i.group === item.group && i.name === `${item.name}_std`);
    if (!spread || (region && region.kind !== "point")) return;
    this.link.askFor(`spread:${id}`, { ...this.signalMessage(region), data: spread.id, statistic: "mean" }, (header, [values]) => {
      const curve = this.signal === signal && signal.curves.get(id);
      if (!curve || curve.values.length !== values.length) return;
      curve.spread = values;
      signal.draw();
    }, () => {});
  }

  /** The part of complex curves that is chosen. */
  curveOf(parts, pane) {
    return parts.length > 1 ? partOf(parts[0], parts[1], pane.part || "magnitude") : parts[0];
  }

  drawDifference() {
    const [a, b] = this.state.regions.map((r) => this.signal.curves.get(r.id));
    const both = this.difference && a && b;
    this.signal.setCurve("difference", both ? { values: a.values.map((v, i) => v - b.values[i]), colour: "#888", label: "difference", dashed: true } : null);
  }

  refreshFit() {
    const { state } = this;
    const region = state.regions.find((r) => r.id === state.active) || state.regions[0];
    if (!region) return;
    this.link.askFor("fit", { kind: "fit", data: state.item, region: bareRegion(region), at: state.at }, (header, [data, model, residual]) => {
      this.signal.takes = false;
      this.signal.setAxis(header.axis, header.units);
      this.signal.curves.clear();
      this.signal.setCurve("residual", { values: residual, colour: "#888", label: "residual", thin: true });
      this.signal.setCurve("data", { values: data, colour: "#56B4E9", label: "data", dots: true });
      this.signal.setCurve("model", { values: model, colour: "#D55E00", label: "model" });
      this.signal.note.textContent = Object.entries(header.index).map(([dim, n]) => `${dim} ${n}`).join(", ");
      const rows = header.parameters.filter((p) => p.value !== null).map((p) => make("tr", {}, make("td", {}, p.name.replaceAll("_", " ")), make("td", {}, `${withUnits(p.value, p.units)}${p.std ? ` ± ${withUnits(p.std, p.units, 2)}` : ""}`)));
      this.fitTable.replaceChildren(make("tbody", {}, ...rows));
    }, (error) => this.fail(error));
  }

  refreshProfile() {
    const mark = this.state.marks.find((m) => m.kind === "profile");
    if (!mark) {
      this.profile?.el.remove();
      this.profile = null;
      return;
    }
    if (!this.profile) {
      this.profile = new CurvePane("Profile", { hover: (t) => this.setHover(t), window: () => {} });
      this.profile.takes = false;
      this.panes.append(this.profile.el);
    }
    const message = { ...bareRegion(mark), kind: "profile", data: this.state.navigator || this.state.item, image: this.mapMessage(), at: this.state.at };
    this.link.askFor("profile", message, (header, [values, places]) => {
      if (!this.profile) return;
      const step = places.length > 1 ? places[1] - places[0] : 1;
      this.profile.setAxis({ name: "distance", units: header.place_units, size: header.count, first: places[0], step }, header.units);
      this.profile.setCurve("profile", { values, colour: mark.colour, label: "" });
    }, (error) => this.fail(error));
  }

  // Regions and windows

  drawn(shape) {
    const r = this.addRegion(shape);
    this.regionsPanel.show();
    this.syncRegions();
    if (r.mark) this.refreshProfile();
    else this.refreshSignal();
    return r;
  }

  regionChanged(r, final) {
    const key = r.mark ? "marks" : "regions";
    this.state = { ...this.state, [key]: this.state[key].map((each) => (each.id === r.id ? r : each)) };
    if (this.nav instanceof CurvePane) this.refreshNavigator();
    if (r.mark) {
      if (r.kind === "profile") this.refreshProfile();
    } else if (this.signalKind === "curve") this.askSignal(r, r.id);
    else this.refreshSignal();
    if (final) {
      this.regionsPanel.show();
      this.commit(`${regionTitle(r).toLowerCase()}`);
    }
  }

  patchRegion(id, changes, label) {
    const found = [...this.state.regions, ...this.state.marks].find((r) => r.id === id);
    if (!found) return;
    this.regionChanged({ ...found, ...changes }, !!label);
    this.syncRegions();
  }

  removeRegion(id) {
    this.change({ regions: this.state.regions.filter((r) => r.id !== id), marks: this.state.marks.filter((r) => r.id !== id), active: null, detectors: this.state.detectors.filter((d) => d.id !== id) }, "region removed");
  }

  pick(id) {
    if (this.state.active === id) return;
    this.state = { ...this.state, active: id };
    this.syncRegions();
    this.regionsPanel.show();
    if (this.signalKind !== "curve") this.refreshSignal();
  }

  syncRegions() {
    if (!(this.nav instanceof ImagePane)) return;
    this.nav.regions = [...this.state.regions, ...this.state.marks.filter((m) => m.on !== "signal")];
    this.nav.active = this.state.active;
    this.nav.draw();
  }

  drawnOnSignal(shape) {
    if (MARKS.has(shape.kind)) {
      const mark = this.addRegion({ ...shape, on: "signal" });
      this.signal.active = mark.id;
      this.detectors.sync();
      return mark;
    }
    return ON_PATTERNS.has(shape.kind) ? this.detectors.draw(shape) : { id: null };
  }

  changedOnSignal(r, final) {
    if (!r.mark) {
      this.detectors.changed(r, final);
      return;
    }
    this.state = { ...this.state, marks: this.state.marks.map((m) => (m.id === r.id ? r : m)) };
    if (final) {
      this.regionsPanel.show();
      this.commit(regionTitle(r).toLowerCase());
    }
  }

  windowChanged(name, ends, final) {
    const sorted = [...ends].sort((a, b) => a - b);
    if (name === "background") {
      const old = this.state.background || { model: "power_law", degree: 1 };
      this.state = { ...this.state, background: { ...old, window: sorted } };
    } else this.state = { ...this.state, window: sorted, mapStatistic: this.state.window ? this.state.mapStatistic : "sum" };
    this.signal.windows = this.windowMarks();
    this.signal.draw();
    if (this.state.window) this.refreshNavigator();
    if (final) {
      this.regionsPanel.show();
      this.commit(name === "background" ? "background window" : "window");
    }
  }

  windowMarks() {
    const { window: w, background: b } = this.state;
    return { ...(b ? { background: { ends: b.window, colour: "#0072B2", label: "background" } } : {}), ...(w ? { window: { ends: w, colour: "#E69F00", label: "map" } } : {}) };
  }

  /** A region of the chosen tool in the middle of the image: for who has no mouse. */
  place() {
    if (!(this.nav instanceof ImagePane) || this.tool === "select") return;
    const detector = DETECTOR_KINDS.has(this.tool);
    const pane = detector ? this.signal : this.nav;
    const { y, x } = pane.view || pane.extent();
    const at = (part) => [y[0] + (y[1] - y[0]) * part, x[0] + (x[1] - x[0]) * part];
    const round = detector || this.tool === "ellipse" || this.tool === "point";
    const shape = this.tool === "polygon" ? { kind: "polygon", corners: [at(0.4), [at(0.4)[0], at(0.6)[1]], at(0.6)] } : drawnRegion(this.tool, at(round ? 0.5 : 0.4), at(this.tool === "point" ? 0.5 : 0.6), pane.pixelSize());
    const made = detector ? this.drawnOnSignal(shape) : this.drawn(shape);
    this.tools.choose("select");
    this.regionsPanel.show();
    this.commit(regionTitle(made).toLowerCase());
  }

  /** Make the active region, or the detector, larger or smaller about its middle. */
  resize(factor) {
    const r = [...this.state.regions, ...this.state.marks].find((each) => each.id === this.state.active);
    const { active } = this.detectors;
    if (active && (this.onSignal() || !r || r.kind === "point")) this.detectors.changed(scaledRegion(active, factor), true);
    else if (r && r.kind !== "point") this.patchRegion(r.id, scaledRegion(r, factor), "size");
    this.detectors.sync();
  }

  /** Put a window on the spectrum, or move the one that is there by tenths of its width. */
  slideWindow(by) {
    if (this.signalKind !== "curve" || !this.navKind || !this.signal.axis) return;
    const [a, b] = this.signal.view || this.signal.full();
    const now = this.state.window || [a + (b - a) * 0.45, a + (b - a) * 0.55];
    const step = ((now[1] - now[0]) / 10) * by;
    this.windowChanged("window", now.map((v) => v + step), true);
  }

  /** Move the active region by pixels of the image: the arrow keys. */
  nudge(dy, dx) {
    const { state } = this;
    const { active } = this.detectors;
    if (active && this.onSignal()) {
      const [ky, kx] = this.signalAxes;
      this.detectors.changed(shifted(active, [(ky.step || 1) * dy, (kx.step || 1) * dx]), false);
      this.detectors.sync();
      this.commitSoon();
      return;
    }
    const r = [...state.regions, ...state.marks].find((each) => each.id === state.active) || state.regions[0];
    if (!r || !this.navAxes.length) return;
    if (this.navAxes.length === 1) {
      const step = (this.navAxes[0].step || 1) * (dx || dy);
      this.regionChanged({ ...r, from: [r.from[0] + step], to: [r.to[0] + step] }, false);
      return;
    }
    const [ay, ax] = this.navAxes;
    const to = [(ay.step || 1) * dy, (ax.step || 1) * dx];
    const middle = middleOf(r);
    const inside = [ay, ax].every((a, i) => a.step === undefined || between(middle[i] + to[i], a.first, a.first + a.step * (a.size - 1)));
    if (inside) this.regionChanged(shifted(r, to), false);
    this.syncRegions();
    this.commitSoon();
  }

  /** Whether the keys are for the pattern: it was clicked last. */
  onSignal() {
    return this.signal instanceof ImagePane && document.activeElement === this.signal.canvas;
  }

  commitSoon() {
    // As it is now: what is drawn meanwhile is a step of its own.
    this.pending = structuredClone(this.state);
    this.nudged = this.nudged || debounced(() => this.flush(), 400);
    this.nudged();
  }

  widen(factor) {
    const r = [...this.state.regions, ...this.state.marks].find((each) => each.id === this.state.active);
    if (r && r.width !== undefined) this.patchRegion(r.id, { width: Math.max(r.width || this.nav.pixelSize(), this.nav.pixelSize()) * factor }, "width");
  }

  // Steps

  commit(label) {
    this.flush();
    this.record(label, structuredClone(this.state));
  }

  /** Keep a movement that waits to be a step. */
  flush() {
    const { pending } = this;
    this.pending = null;
    if (pending) this.record("moved", pending);
  }

  record(label, state) {
    const { log } = this;
    const last = log.past[log.at];
    if (last && JSON.stringify(last.state) === JSON.stringify(state)) return;
    addStep(log, label, state);
    this.afterStep();
  }

  afterStep() {
    this.undoButton.disabled = stepBefore(this.log) < 0;
    this.redoButton.disabled = stepAfter(this.log) < 0;
    this.stepsPanel.show();
  }

  change(changes, label) {
    this.state = { ...this.state, ...changes };
    this.syncRegions();
    if (this.signal instanceof ImagePane) {
      this.detectors.sync();
    }
    this.regionsPanel.show();
    this.refresh();
    this.commit(label);
  }

  goTo(index) {
    const step = this.log.past[index];
    if (!step) return;
    this.pending = null;
    enterStep(this.log, index);
    this.state = structuredClone(step.state);
    this.layOut();
    this.afterStep();
  }

  undo() {
    this.flush();
    this.goTo(stepBefore(this.log));
  }

  redo() {
    this.goTo(stepAfter(this.log));
  }

  /** What is seen, as the server is asked for it: for Python, recipes and exports. */
  results(which = "all") {
    const { state, item } = this;
    const map = { data: state.navigator || state.item, shown: this.mapMessage() };
    const spectra = (state.regions.length ? state.regions : [null]).map((r) => ({ data: state.item, shown: this.signalMessage(r) }));
    const profiles = state.marks.filter((m) => m.kind === "profile").map((m) => ({ data: map.data, shown: { ...bareRegion(m), kind: "profile", image: this.mapMessage(), at: state.at } }));
    const whole = [{ data: state.item }];
    if (which === "map") return [map];
    if (which === "signal") return spectra.slice(0, 1);
    if (which === "data") return whole;
    if (which === "profile") return profiles;
    if (!item.panes.signal.length || !item.panes.navigation.length) return profiles.length ? profiles : whole;
    const mapped = state.window || state.detectors.length || state.mode === "centre" || state.navigator;
    const maps = this.detectors.messages().map((shown) => ({ ...map, shown }));
    return [...spectra, ...(mapped ? maps : []), ...profiles];
  }

  async copyPython() {
    try {
      const { header } = await this.link.ask({ kind: "python", results: this.results() });
      this.python = header.text;
      pythonDialog(this, header.text);
    } catch (error) {
      this.fail(error);
    }
  }

  saveSession() {
    sessionDialog(this);
  }

  async saveRecipe() {
    try {
      const { header } = await this.link.ask({ kind: "recipe", results: this.results().slice(-1) });
      pythonDialog(this, header.text, "Recipe: omniscopy run recipe.toml FILES", "recipe.toml");
    } catch (error) {
      this.fail(error);
    }
  }

  applyToFolder() {
    const folder = make("input", { type: "text", value: this.files.here || "." });
    const outcome = make("div");
    const go = make("button.primary", {}, "Apply");
    openDialog(this, "Apply to a folder", make("div.form", {}, make("p.hint", {}, "What is seen is made of every file in the folder that can be read, and saved in “omniscopy-results” in it."), make("label.field", {}, make("span.label", {}, "Folder"), folder), outcome), [go]);
    go.onclick = async () => {
      go.disabled = true;
      try {
        const { header } = await this.work("apply to folder", { kind: "batch", folder: folder.value, results: this.results().slice(-1) });
        outcome.replaceChildren(make("ul.outcomes", {}, ...header.outcomes.map((o) => make(o.error ? "li.bad" : "li", {}, `${o.file}: ${o.error || o.result}`))));
      } catch (error) {
        outcome.replaceChildren(make("p.bad", {}, error.message));
      }
      go.disabled = false;
    };
  }

  // Work that takes time

  async work(name, message) {
    const stop = make("button.plain", { title: "Stop", "data-test": "stop" }, "✕ stop");
    const words = make("span", {}, `${name}…`);
    const bar = make("progress", { max: 1, value: 0 });
    this.job.replaceChildren(words, bar, stop);
    const asked = this.link.ask(message, { onReply: (header) => {
      if (header.kind !== "progress") return;
      words.textContent = header.words;
      bar.value = header.done;
    } });
    stop.onclick = () => this.link.cancel(asked.seq);
    try {
      return await asked;
    } finally {
      this.job.replaceChildren();
    }
  }

  made(items, label) {
    items.forEach((item) => this.items.set(item.id, item));
    this.show(items[0].id, label);
    this.say(`${label}: done`);
  }

  async keep(shown, title) {
    try {
      const { header } = await this.work(title, { kind: "keep", data: this.state.item, shown, title });
      header.items.forEach((item) => this.items.set(item.id, item));
      this.files.showItems();
      this.say(`${title}: kept among the open data`);
    } catch (error) {
      this.fail(error);
    }
  }

  keepRegion(r) {
    return this.keep(this.signalMessage(r), `${this.state.statistic} of ${regionTitle(r).toLowerCase()}`);
  }

  keepMap() {
    return this.keep(this.mapMessage(), `map: ${this.nav.note.textContent || "image"}`);
  }

  async fourier() {
    const image = this.mapMessage();
    try {
      const { header } = await this.work("Fourier spectrum", { kind: "fourier", data: image.data, image });
      this.made(header.items, "Fourier spectrum");
    } catch (error) {
      this.fail(error);
    }
  }

  sameScan(other) {
    const a = this.navAxes || [];
    const b = this.axesOf(other.panes.navigation, other);
    return a.length === 2 && b.length === 2 && a.every((axis, i) => axis.size === b[i].size);
  }

  useNavigator(id) {
    this.change({ navigator: id }, `navigator: ${this.items.get(id).title}`);
  }

  measuredLength() {
    const mark = this.state.marks.find((m) => m.kind === "distance");
    return mark ? Math.hypot(mark.to[0] - mark.from[0], mark.to[1] - mark.from[1]) : null;
  }

  askScale() {
    const dims = this.item.panes.navigation.length === 2 ? this.item.panes.navigation : this.item.panes.signal;
    scaleDialog(this, this.axesOf(dims), async (size, units) => {
      try {
        const { header } = await this.link.ask({ kind: "set_scale", data: this.item.id, dims, size, units });
        this.made(header.items, `scale ${size} ${units}`);
      } catch (error) {
        this.fail(error);
      }
    });
  }

  export() {
    if (!this.item) return;
    const choices = [];
    const both = this.nav && this.signal;
    if (both) choices.push(["map", "The map that is shown", this.results("map")], ["signal", this.signalKind === "image" ? "The pattern that is shown" : "The spectrum of the first region", this.results("signal")]);
    choices.push(["data", `All of ${this.item.title}`, this.results("data")]);
    if (this.profile) choices.push(["profile", "The profile", this.results("profile")]);
    exportDialog(this, choices);
  }

  async copy(text) {
    this.say((await copyText(text)) ? `copied ${text}` : text);
  }

  // Words

  setHover(text) {
    this.hover.textContent = text;
  }

  say(text) {
    this.message.textContent = text;
    this.message.classList.remove("bad");
  }

  fail(error) {
    if (error && error.kind === "cancelled") return;
    this.message.textContent = error?.message || String(error);
    this.message.classList.add("bad");
  }

  lost(reason) {
    this.el.classList.add("lost");
    this.fail({ message: reason ? `closed: ${reason}` : "The explorer has stopped. Start it again and reload this page." });
  }

  close() {
    this.link.close();
    this.tools.close();
    this.el.replaceChildren();
  }
}

function magnitude(parts) {
  const [re, im] = parts;
  return im ? re.map((v, i) => Math.hypot(v, im[i])) : re;
}

function between(v, a, b) {
  return v >= Math.min(a, b) - 1e-9 && v <= Math.max(a, b) + 1e-9;
}

/** Centres of mass about their mean: x as the real part, y as the imaginary one. */
function centred(parts, names, pane) {
  pane.means = parts.map((values) => {
    let [sum, n] = [0, 0];
    for (const v of values) if (Number.isFinite(v)) [sum, n] = [sum + v, n + 1];
    return sum / Math.max(n, 1);
  });
  return lessMeans(parts, names, pane);
}

/** Centres of mass (x, y), or a part of them, less the means of all of them. */
function lessMeans(parts, names, { means }) {
  return ["com_x", "com_y"].map((name) => names.indexOf(name)).map((k) => parts[k].map((v) => v - means[k]));
}

