// The look of an image: contrast by its histogram, colour map, scale; all of it in the page.
import { field, fitCanvas, make, makeSelect, themeColour } from "./dom.js";
import { COLOUR_MAPS, histogramOf, limitsOf } from "./colours.js";
import { withUnits } from "./numbers.js";

const SCALES = [["linear", "linear"], ["log", "log"], ["asinh", "asinh"], ["gamma", "gamma"]];
const AUTO = [["always", "always"], ["next", "once"], ["never", "never"]];
const PARTS = [["magnitude", "magnitude"], ["phase", "phase"], ["real", "real"], ["imaginary", "imaginary"], ["hue", "phase as hue"]];

export class DisplayPanel {
  constructor(app, pane, title) {
    this.app = app;
    this.pane = pane;
    this.histogram = make("canvas.histogram", { title: "Drag the ends to set the contrast" });
    this.ends = make("div.ends");
    this.controls = make("div.form.compact");
    this.el = make("div.display", {}, make("h3", {}, title), this.histogram, this.ends, this.controls);
    this.listen();
    pane.on.painted = () => this.draw();
    this.show();
  }

  set(changes, label) {
    Object.assign(this.pane.look, changes);
    this.pane.refresh();
    this.show();
    if (label) this.app.commit(label);
  }

  show() {
    const { look } = this.pane;
    const row = (label, key, options) => field(label, makeSelect(options, look[key], (v) => this.set({ [key]: v }, `${label.toLowerCase()} ${v}`), { "data-test": `look-${key}` }));
    const complex = this.pane.parts && this.pane.parts.length > 1;
    const gamma = make("input", { type: "range", min: 0.1, max: 2, step: 0.05, value: look.gamma, oninput: (e) => this.set({ gamma: Number(e.target.value) }) });
    const percent = make("input", { type: "number", min: 0, max: 20, step: 0.1, value: look.percent, onchange: (e) => this.set({ percent: Number(e.target.value), auto: look.auto === "never" ? "next" : look.auto }, "percentiles") });
    this.controls.replaceChildren(...[
      complex ? row("Part", "part", PARTS) : null,
      row("Colours", "map", COLOUR_MAPS.map((m) => [m, m])),
      row("Scale", "scale", SCALES),
      look.scale === "gamma" ? field(`γ ${look.gamma}`, gamma) : null,
      row("Autoscale", "auto", AUTO),
      field("Clip (%)", percent, "This share of the values lies outside of the colours, at each end"),
      field("Inverted", make("input", { type: "checkbox", checked: look.inverted, onchange: (e) => this.set({ inverted: e.target.checked }, "inverted colours") })),
    ].filter(Boolean));
    this.draw();
  }

  draw() {
    const { pane } = this;
    if (!pane.values || !this.histogram.clientWidth) return;
    const { context: c, width, height } = fitCanvas(this.histogram);
    const [low, high] = limitsOf(pane.values, 0, 100);
    this.range = [low, high];
    const counts = histogramOf(pane.values, low, high, Math.min(120, Math.floor(width / 2)));
    const most = Math.max(...counts, 1);
    c.fillStyle = themeColour(this.histogram, "--soft");
    counts.forEach((n, i) => {
      const h = (Math.log1p(n) / Math.log1p(most)) * (height - 4);
      c.fillRect((i / counts.length) * width, height - h, width / counts.length - 0.5, h);
    });
    const x = (v) => ((v - low) / (high - low || 1)) * width;
    c.fillStyle = themeColour(this.histogram, "--accent");
    c.globalAlpha = 0.14;
    c.fillRect(x(pane.look.low), 0, x(pane.look.high) - x(pane.look.low), height);
    c.globalAlpha = 1;
    for (const v of [pane.look.low, pane.look.high]) c.fillRect(Math.max(0, Math.min(width - 2, x(v) - 1)), 0, 2, height);
    this.ends.replaceChildren(...[pane.look.low, pane.look.high].map((v) => make("span", {}, withUnits(v, pane.header.units))));
  }

  listen() {
    const value = (e) => {
      const box = this.histogram.getBoundingClientRect();
      return this.range[0] + ((e.clientX - box.left) / box.width) * (this.range[1] - this.range[0]);
    };
    this.histogram.onpointerdown = (e) => {
      this.histogram.setPointerCapture(e.pointerId);
      const v = value(e);
      const { low, high } = this.pane.look;
      this.end = Math.abs(v - low) < Math.abs(v - high) ? "low" : "high";
      this.set({ [this.end]: v, auto: "never" });
    };
    this.histogram.onpointermove = (e) => this.end && this.set({ [this.end]: value(e), auto: "never" });
    this.histogram.onpointerup = () => {
      if (this.end) this.app.commit("contrast");
      this.end = null;
    };
  }
}
