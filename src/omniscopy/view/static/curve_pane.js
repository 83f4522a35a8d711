// A pane with curves: axes, read-out, zoom, and windows that are dragged over the spectrum.
import { fitCanvas, make, themeColour } from "./dom.js";
import { axisScale, axisTitle, coordinateAt, indexAt, short, tickTexts, ticksBetween, valueScale, withUnits } from "./numbers.js";

const EDGES = { left: 66, right: 16, top: 14, bottom: 44 };

export class CurvePane {
  /** @param {object} on `window(name, ends, final)`, `hover(text)` */
  constructor(title, on) {
    this.on = on;
    this.canvas = make("canvas.curve", { tabIndex: 0, role: "img", "aria-label": title });
    this.title = make("span.pane-title", {}, title);
    this.note = make("span.pane-note");
    this.legend = make("div.legend");
    this.bar = make("div.progress", { hidden: true }, make("i"));
    this.el = make("section.pane.curve-pane", {}, make("header", {}, this.title, this.note, this.legend), this.bar, this.canvas);
    this.curves = new Map();
    this.windows = {}; // by name: {ends: [low, high], colour, label}
    this.axis = null;
    this.logY = false;
    this.normalise = false;
    this.view = null;
    this.takes = true; // whether windows can be drawn
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Set one curve; null takes it away. */
  setCurve(id, curve) {
    if (curve) this.curves.set(id, curve);
    else this.curves.delete(id);
    this.draw();
  }

  setAxis(axis, units) {
    const changed = !this.axis || this.axis.name !== axis.name || this.axis.size !== axis.size || this.axis.first !== axis.first;
    this.axis = axis;
    this.units = units;
    if (changed) this.view = null;
  }

  full() {
    if (turns(this.axis)) return [Math.min(...this.axis.values), Math.max(...this.axis.values)];
    return [coordinateAt(this.axis, 0), coordinateAt(this.axis, this.axis.size - 1)];
  }

  frame() {
    return {
      left: EDGES.left, top: EDGES.top,
      width: Math.max(10, this.canvas.clientWidth - EDGES.left - EDGES.right),
      height: Math.max(10, this.canvas.clientHeight - EDGES.top - EDGES.bottom),
      x: this.view || this.full(),
    };
  }

  toX(value, f) {
    return f.left + ((value - f.x[0]) / (f.x[1] - f.x[0] || 1)) * f.width;
  }

  fromX(px, f = this.frame()) {
    return f.x[0] + ((px - f.left) / f.width) * (f.x[1] - f.x[0]);
  }

  range(f) {
    let [low, high] = [Infinity, -Infinity];
    for (const curve of this.curves.values()) {
      const [a, b] = this.span(curve, f);
      const scale = this.scaleOf(curve);
      for (let i = a; i <= b; i++) {
        const v = curve.values[i] * scale;
        if (!Number.isFinite(v) || (this.logY && v <= 0)) continue;
        const wide = this.logY ? 0 : (curve.spread?.[i] || 0) * scale;
        if (v - wide < low) low = v - wide;
        if (v + wide > high) high = v + wide;
      }
    }
    if (!(high >= low)) return [0, 1];
    if (this.logY) return [low, high === low ? low * 10 : high * 1.2];
    if (low > 0 && low < high * 0.6) low = 0;
    if (low === high) return [low - 0.5, high + 0.5];
    const pad = (high - low) * 0.06;
    return [low === 0 ? 0 : low - pad, high + pad];
  }

  scaleOf(curve) {
    if (!this.normalise) return 1;
    let most = 0;
    for (const v of curve.values) if (Math.abs(v) > most) most = Math.abs(v);
    return most ? 1 / most : 1;
  }

  span(curve, f) {
    const last = curve.values.length - 1;
    if (turns(this.axis)) return [0, last];
    const scale = last / Math.max(1, this.axis.size - 1);
    const ends = f.x.map((v) => indexAt(this.axis, v) * scale).sort((a, b) => a - b);
    return [Math.max(0, Math.floor(ends[0])), Math.min(last, Math.ceil(ends[1]))];
  }

  draw() {
    if (!this.axis || !this.canvas.clientWidth) return;
    const { context: c } = fitCanvas(this.canvas);
    const f = this.frame();
    const [low, high] = this.range(f);
    const level = this.logY ? Math.log10 : (v) => v;
    const toY = (v) => f.top + f.height - ((level(v) - level(low)) / (level(high) - level(low) || 1)) * f.height;
    this.drawRuler(c, f, low, high, toY);
    c.save();
    c.beginPath();
    c.rect(f.left, f.top, f.width, f.height);
    c.clip();
    this.drawWindows(c, f);
    for (const curve of this.curves.values()) this.drawSpread(c, f, curve, toY);
    for (const curve of this.curves.values()) this.drawCurve(c, f, curve, toY);
    c.restore();
    this.drawLegend();
  }

  /** A band of a standard deviation about a curve. */
  drawSpread(c, f, curve, toY) {
    if (!curve.spread || this.logY) return;
    const [a, b] = this.span(curve, f);
    const scale = this.scaleOf(curve);
    const ratio = (this.axis.size - 1) / Math.max(1, curve.values.length - 1);
    const to = (i, sign) => c.lineTo(this.toX(coordinateAt(this.axis, i * ratio), f), toY((curve.values[i] + sign * (curve.spread[i] || 0)) * scale));
    c.beginPath();
    for (let i = a; i <= b; i++) to(i, 1);
    for (let i = b; i >= a; i--) to(i, -1);
    c.globalAlpha = 0.22;
    c.fillStyle = curve.colour;
    c.fill();
    c.globalAlpha = 1;
  }

  drawCurve(c, f, curve, toY) {
    const [a, b] = this.span(curve, f);
    const scale = this.scaleOf(curve);
    const ratio = (this.axis.size - 1) / Math.max(1, curve.values.length - 1);
    const perPixel = (b - a) / f.width;
    c.beginPath();
    c.strokeStyle = curve.colour;
    c.lineWidth = curve.thin ? 1 : 1.6;
    c.setLineDash(curve.dashed ? [5, 4] : []);
    const x = (i) => this.toX(coordinateAt(this.axis, i * ratio), f);
    if (curve.dots) {
      c.fillStyle = curve.colour;
      for (let i = a; i <= b; i++) c.fillRect(x(i) - 1.5, toY(curve.values[i] * scale) - 1.5, 3, 3);
      return;
    }
    let down = false;
    const to = (px, v) => {
      if (!Number.isFinite(v) || (this.logY && v <= 0)) {
        down = false;
        return;
      }
      c[down ? "lineTo" : "moveTo"](px, toY(v));
      down = true;
    };
    if (perPixel <= 2 || this.axis.step === undefined) for (let i = a; i <= b; i++) to(x(i), curve.values[i] * scale);
    else
      for (let p = 0; p < f.width; p++) {
        let [least, most] = [Infinity, -Infinity];
        const end = Math.min(b, Math.floor(a + (p + 1) * perPixel));
        for (let i = Math.floor(a + p * perPixel); i <= end; i++) {
          const v = curve.values[i] * scale;
          if (v < least) least = v;
          if (v > most) most = v;
        }
        to(f.left + p, least);
        to(f.left + p, most);
      }
    c.stroke();
    c.setLineDash([]);
  }

  drawWindows(c, f) {
    for (const [number, { ends, colour, label }] of Object.values(this.windows).entries()) {
      const [a, b] = ends.map((v) => this.toX(v, f)).sort((p, q) => p - q);
      c.globalAlpha = 0.16;
      c.fillStyle = colour;
      c.fillRect(a, f.top, Math.max(b - a, 1), f.height);
      c.globalAlpha = 1;
      c.fillRect(a - 1, f.top, 2, f.height);
      c.fillRect(b - 1, f.top, 2, f.height);
      c.font = "600 11px system-ui, sans-serif";
      c.textAlign = "left";
      c.textBaseline = "top";
      c.fillStyle = themeColour(this.canvas, "--text");
      c.fillText(label, Math.max(a, f.left) + 5, f.top + 3 + 14 * number);
    }
  }

  drawRuler(c, f, low, high, toY) {
    c.font = "11px system-ui, sans-serif";
    c.strokeStyle = themeColour(this.canvas, "--line");
    c.lineWidth = 1;
    const soft = themeColour(this.canvas, "--soft");
    const grid = themeColour(this.canvas, "--grid");
    const { factor, unit } = axisScale(this.axis, f.x);
    const marks = this.axis.labels
      ? this.axis.labels.map((text, at) => [at, text]).filter((_, i) => i % Math.ceil(this.axis.size / (f.width / 70)) === 0)
      : withTexts(ticksBetween(f.x[0] / factor, f.x[1] / factor, Math.max(2, f.width / 80)), factor);
    for (const [at, text] of marks) {
      const x = this.toX(at, f);
      c.fillStyle = grid;
      c.fillRect(x - 0.5, f.top, 1, f.height);
      c.fillStyle = soft;
      c.textAlign = "center";
      c.textBaseline = "top";
      c.fillText(text, x, f.top + f.height + 6);
    }
    const own = this.normalise ? { factor: 1, unit: "" } : valueScale(this.units, [low, high]);
    const levels = this.logY ? decades(low, high).map((v) => [v, short(v / own.factor)]) : withTexts(ticksBetween(low / own.factor, high / own.factor, Math.max(2, f.height / 45)), own.factor);
    for (const [v, text] of levels) {
      const y = toY(v);
      c.fillStyle = grid;
      c.fillRect(f.left, y - 0.5, f.width, 1);
      c.fillStyle = soft;
      c.textAlign = "right";
      c.textBaseline = "middle";
      c.fillText(text, f.left - 6, y);
    }
    c.strokeRect(f.left - 0.5, f.top - 0.5, f.width + 1, f.height + 1);
    c.fillStyle = themeColour(this.canvas, "--text");
    c.textAlign = "center";
    c.textBaseline = "bottom";
    c.fillText(axisTitle(this.axis, unit), f.left + f.width / 2, f.top + f.height + 38);
    c.save();
    c.translate(11, f.top + f.height / 2);
    c.rotate(-Math.PI / 2);
    c.textBaseline = "middle";
    c.fillText(this.normalise ? "of the maximum" : own.unit || "value", 0, 0);
    c.restore();
  }

  drawLegend() {
    const named = [...this.curves.values()].filter((curve) => curve.label);
    const key = named.map((curve) => curve.label + curve.colour).join();
    if (key === this.legendKey) return;
    this.legendKey = key;
    this.legend.replaceChildren(...named.map((curve) => {
      const swatch = make("i");
      swatch.style.background = curve.colour;
      return make("span", {}, swatch, curve.label);
    }));
  }

  listen() {
    const at = (e) => e.clientX - this.canvas.getBoundingClientRect().left;
    this.canvas.addEventListener("pointerdown", (e) => this.press(e, at(e)));
    this.canvas.addEventListener("pointermove", (e) => this.move(e, at(e)));
    this.canvas.addEventListener("pointerup", () => this.lift());
    this.canvas.addEventListener("pointerleave", () => this.on.hover && this.on.hover(""));
    this.canvas.addEventListener("dblclick", () => {
      this.view = null;
      this.draw();
    });
    this.canvas.addEventListener("wheel", (e) => this.wheel(e, at(e)), { passive: false });
  }

  press(e, px) {
    if (!this.axis || e.button > 1) return;
    this.canvas.setPointerCapture(e.pointerId);
    const f = this.frame();
    if (e.altKey || e.button === 1 || !this.takes) {
      this.drag = { mode: "pan", px, x: [...f.x] };
      return;
    }
    for (const [name, w] of Object.entries(this.windows)) {
      const [a, b] = w.ends.map((v) => this.toX(v, f));
      const near = Math.abs(px - a) < 6 ? 0 : Math.abs(px - b) < 6 ? 1 : -1;
      if (near >= 0) {
        this.drag = { mode: "edge", name, near };
        return;
      }
      if (px > Math.min(a, b) && px < Math.max(a, b)) {
        this.drag = { mode: "slide", name, value: this.fromX(px, f), ends: [...w.ends] };
        return;
      }
    }
    this.drag = { mode: "new", name: e.shiftKey ? "background" : "window", value: this.fromX(px, f), px };
  }

  move(e, px) {
    if (!this.axis) return;
    const value = this.fromX(px);
    this.sayHover(value);
    const d = this.drag;
    if (!d) return;
    if (d.mode === "pan") {
      const f = this.frame();
      const by = ((px - d.px) / f.width) * (d.x[1] - d.x[0]);
      this.view = d.x.map((v) => v - by);
      this.draw();
      return;
    }
    let ends = null;
    if (d.mode === "new") {
      if (Math.abs(px - d.px) < 4) return;
      ends = [d.value, value];
    } else if (d.mode === "edge") ends = this.windows[d.name].ends.map((v, i) => (i === d.near ? value : v));
    else ends = d.ends.map((v) => v + value - d.value);
    d.moved = true;
    d.last = ends;
    this.on.window(d.name, ends, false);
  }

  lift() {
    const d = this.drag;
    this.drag = null;
    if (d && d.moved) this.on.window(d.name, d.last, true);
  }

  wheel(e, px) {
    if (!this.axis) return;
    e.preventDefault();
    const f = this.frame();
    const at = this.fromX(px, f);
    const factor = Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300)));
    const full = this.full();
    const made = f.x.map((v) => at + (v - at) * factor);
    this.view = Math.abs(made[1] - made[0]) >= Math.abs(full[1] - full[0]) ? null : made;
    this.draw();
  }

  sayHover(value) {
    if (!this.on.hover) return;
    if (turns(this.axis)) {
      this.on.hover(`${this.axis.name} ${withUnits(value, this.axis.units)}`);
      return;
    }
    const index = Math.round(indexAt(this.axis, value));
    const said = [...this.curves.values()].slice(0, 3).map((curve) => {
      const scale = (curve.values.length - 1) / Math.max(1, this.axis.size - 1);
      return withUnits(curve.values[Math.round(index * scale)], this.units);
    });
    this.on.hover(`${this.axis.name} ${withUnits(value, this.axis.units)}   [${index}]   ${said.join("  ·  ")}`);
  }
}

/** Whether an axis goes back and forth, as a voltage that is cycled. */
function turns(axis) {
  if (axis.course === undefined) {
    const steps = (axis.values || []).slice(1).map((v, i) => Math.sign(v - axis.values[i])).filter((s) => s !== 0);
    axis.course = steps.some((s) => s !== steps[0]);
  }
  return axis.course;
}

function decades(low, high) {
  const found = [];
  for (let p = Math.ceil(Math.log10(low)); p <= Math.log10(high); p++) found.push(10 ** p);
  return found.length > 1 ? found : ticksBetween(low, high, 4);
}

/** Numbers of a ruler, in units without prefix, with their words. */
function withTexts(values, factor) {
  const texts = tickTexts(values);
  return values.map((v, i) => [v * factor, texts[i]]);
}
