// A pane with an image: axes, scale and colour bars, zoom, regions that are drawn and moved.
import { debounced, fitCanvas, make, themeColour } from "./dom.js";
import { colourTable, hueColour, limitsOf, paint, paintComplex, paintLayers } from "./colours.js";
import { axisScale, axisTitle, niceLength, short, tickTexts, ticksBetween, unitText, valueScale, withUnits } from "./numbers.js";
import { drawnRegion, handlesOf, holdsPlace, measureText, middleOf, shifted, traceRegion, withHandle } from "./shapes.js";

const MARGIN = { left: 66, right: 76, top: 10, bottom: 42 };
const GRIP = 8;
const FINEST = 1536; // points along each side of an image that comes at once

/** How an image is shown when nothing was chosen. */
export const DEFAULT_LOOK = { map: "grey", inverted: false, scale: "linear", gamma: 0.5, percent: 0.5, auto: "always", low: 0, high: 1, part: "magnitude" };

export class ImagePane {
  /**
   * @param {object} on what to call: `change(regions, id, final)`, `draw(region)`, `pick(id)`, `hover(text)`, `zoom()`
   */
  constructor(title, on) {
    this.on = on;
    this.canvas = make("canvas.image", { tabIndex: 0, role: "img", "aria-label": title });
    this.title = make("span.pane-title", {}, title);
    this.note = make("span.pane-note");
    this.bar = make("div.progress", { hidden: true }, make("i"));
    this.el = make("section.pane.image-pane", {}, make("header", {}, this.title, this.note), this.bar, this.canvas);
    this.axes = null;
    this.values = null;
    this.look = { ...DEFAULT_LOOK };
    this.regions = [];
    this.active = null;
    this.tool = "select";
    this.view = null; // {y: [top, bottom], x: [left, right]} in units
    this.pixels = document.createElement("canvas");
    this.layers = null; // images in colours over each other: [{values, colour, name}]
    this.tile = null; // a part of the image, finer: {header, parts, pixels}
    this.lookCloser = debounced(() => this.askFiner(), 120);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Show values over two axes (y, x); `parts` are real and imaginary for complex ones. */
  setImage(header, parts, axes) {
    const changed = !this.axes || this.axes.some((a, i) => a.name !== axes[i].name || a.size !== axes[i].size || a.first !== axes[i].first || a.step !== axes[i].step);
    this.axes = axes;
    this.header = header;
    this.parts = parts;
    this.points = null;
    if (changed) this.view = null;
    this.tile = null;
    this.lookCloser();
    this.shape = header.shape;
    this.bar.hidden = header.exact !== false;
    this.bar.firstChild.style.width = `${100 * (header.progress || 0)}%`;
    this.refresh();
  }

  /** Show a part of the image, in which a pixel is finer. */
  setTile(header, parts) {
    this.tile = { header, parts, pixels: document.createElement("canvas") };
    this.refresh();
  }

  /** Ask for the part that is seen, where the image has more pixels than came at once. */
  askFiner() {
    const part = this.finerPart();
    if (part && this.on.finer && !this.layers) this.on.finer(part);
  }

  /** The part that is seen, as [[first, end], [first, end]], or null where it is fine enough. */
  finerPart() {
    const { view, header } = this;
    if (!view || this.points || !header?.step || header.step.every((s) => s === 1)) return null;
    const part = ["y", "x"].map((key, k) => {
      const axis = this.axes[k];
      const ends = view[key].map((v) => (axis.step === undefined ? v : (v - axis.first) / axis.step)).sort((a, b) => a - b);
      return ends.map((v, end) => Math.max(0, Math.min(axis.size, end ? Math.ceil(v) + 2 : Math.floor(v) - 1)));
    });
    const steps = part.map(([a, b]) => Math.ceil((b - a) / FINEST));
    if (part.some(([a, b]) => b <= a) || steps.every((s, k) => s >= header.step[k])) return null;
    const has = this.tile?.header;
    if (has && part.every(([a, b], k) => has.part[k][0] <= a && has.part[k][1] >= b && has.step[k] <= steps[k])) return null;
    return part;
  }

  /** Show values at scattered places. */
  setPoints(header, values, places, axes) {
    this.axes = axes;
    this.header = header;
    this.parts = [values];
    this.points = places;
    this.shape = [values.length, 1];
    this.bar.hidden = true;
    this.refresh();
  }

  /** Work out what is painted from the values and the look. */
  refresh() {
    if (!this.parts) return;
    const [re, im] = this.parts;
    const hue = im && (this.look.part === "hue");
    this.values = im ? partOf(re, im, this.look.part) : re;
    if (this.look.auto === "always" || this.look.auto === "next") {
      const p = this.look.percent;
      [this.look.low, this.look.high] = limitsOf(this.values, p, 100 - p);
      if (this.look.map === "diverging") {
        const most = Math.max(Math.abs(this.look.low), Math.abs(this.look.high));
        [this.look.low, this.look.high] = [-most, most];
      }
      if (hue) this.look.low = 0;
      if (this.look.auto === "next") this.look.auto = "never";
    }
    if (!this.points) this.paintInto(this.pixels, this.shape, this.parts, this.values);
    if (this.layers) this.tile = null;
    if (this.tile) {
      const [a, b] = this.tile.parts;
      this.tile.values = b ? partOf(a, b, this.look.part) : a;
      this.paintInto(this.tile.pixels, this.tile.header.shape, this.tile.parts, this.tile.values);
    }
    this.draw();
    if (this.on.painted) this.on.painted();
  }

  paintInto(canvas, [h, w], [re, im], values) {
    canvas.width = w;
    canvas.height = h;
    const context = canvas.getContext("2d");
    const image = context.createImageData(w, h);
    const words = new Uint32Array(image.data.buffer);
    if (im && this.look.part === "hue") paintComplex(re, im, words, this.look);
    else if (this.layers && canvas === this.pixels) paintLayers(this.layers, words, this.look);
    else paint(values, words, this.look);
    context.putImageData(image, 0, 0);
  }

  extent() {
    if (this.points) {
      const ends = (v) => {
        const [low, high] = limitsOf(v, 0, 100);
        const pad = (high - low) * 0.04;
        return [low - pad, high + pad];
      };
      return { y: ends(this.points.y), x: ends(this.points.x) };
    }
    const of = (axis) => (axis.step === undefined ? [-0.5, axis.size - 0.5] : [axis.first - axis.step / 2, axis.first + axis.step * (axis.size - 0.5)]);
    return { y: of(this.axes[0]), x: of(this.axes[1]) };
  }

  /** Where pixels lie that came: a block at the end may reach beyond the image. */
  extentOf(header) {
    const ends = (axis, k) => {
      const [first, step] = axis.step === undefined ? [0, 1] : [axis.first, axis.step];
      const start = header.part ? header.part[k][0] : 0;
      const end = header.part ? start + header.shape[k] * header.step[k] : axis.size;
      return [first + step * (start - 0.5), first + step * (end - 0.5)];
    };
    return { y: ends(this.axes[0], 0), x: ends(this.axes[1], 1) };
  }

  /** The part of the canvas that the image fills, with square pixels where units agree. */
  frame() {
    const width = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
    const height = this.canvas.clientHeight - MARGIN.top - MARGIN.bottom;
    const view = this.view || this.extent();
    const [spanY, spanX] = [Math.abs(view.y[1] - view.y[0]), Math.abs(view.x[1] - view.x[0])];
    let [w, h] = [Math.max(width, 20), Math.max(height, 20)];
    if (this.axes[0].units === this.axes[1].units && spanX > 0 && spanY > 0) {
      const ratio = spanX / spanY;
      if (ratio > 0.1 && ratio < 10) [w, h] = w / h > ratio ? [h * ratio, h] : [w, w / ratio];
    }
    return { left: MARGIN.left + (width - w) / 2, top: MARGIN.top + (height - h) / 2, width: w, height: h, view };
  }

  project([y, x], f = this.frame()) {
    return [
      f.left + ((x - f.view.x[0]) / (f.view.x[1] - f.view.x[0])) * f.width,
      f.top + ((y - f.view.y[0]) / (f.view.y[1] - f.view.y[0])) * f.height,
    ];
  }

  place(px, py, f = this.frame()) {
    return [
      f.view.y[0] + ((py - f.top) / f.height) * (f.view.y[1] - f.view.y[0]),
      f.view.x[0] + ((px - f.left) / f.width) * (f.view.x[1] - f.view.x[0]),
    ];
  }

  draw() {
    if (!this.parts || !this.canvas.clientWidth) return;
    const { context: c } = fitCanvas(this.canvas);
    const f = this.frame();
    c.save();
    c.beginPath();
    c.rect(f.left, f.top, f.width, f.height);
    c.clip();
    c.fillStyle = themeColour(this.canvas, "--empty");
    c.fillRect(f.left, f.top, f.width, f.height);
    if (this.points) this.drawPoints(c, f);
    else {
      // What lies beyond the image is not drawn.
      c.save();
      const whole = this.extent();
      const [[left, top], [right, bottom]] = [0, 1].map((k) => this.project([whole.y[k], whole.x[k]], f));
      c.beginPath();
      c.rect(Math.min(left, right), Math.min(top, bottom), Math.abs(right - left), Math.abs(bottom - top));
      c.clip();
      this.drawPixels(c, f, this.header, this.pixels);
      if (this.tile) this.drawPixels(c, f, this.tile.header, this.tile.pixels);
      c.restore();
    }
    this.drawScaleBar(c, f);
    this.drawRegions(c, f);
    c.restore();
    this.drawAxes(c, f);
    this.drawColourBar(c, f);
  }

  drawPixels(c, f, header, pixels) {
    const extent = this.extentOf(header);
    const [x0, y0] = this.project([extent.y[0], extent.x[0]], f);
    const [x1, y1] = this.project([extent.y[1], extent.x[1]], f);
    c.imageSmoothingEnabled = Math.abs(x1 - x0) / header.shape[1] < 1;
    c.drawImage(pixels, x0, y0, x1 - x0, y1 - y0);
  }

  drawPoints(c, f) {
    const table = colourTable(this.look.map, this.look.inverted);
    const span = this.look.high - this.look.low || 1;
    const size = Math.max(3, Math.min(9, 0.6 * Math.sqrt((f.width * f.height) / this.values.length)));
    for (let i = 0; i < this.values.length; i++) {
      if (Number.isNaN(this.values[i])) continue;
      const t = Math.max(0, Math.min(255, Math.round((255 * (this.values[i] - this.look.low)) / span)));
      const [x, y] = this.project([this.points.y[i], this.points.x[i]], f);
      c.fillStyle = cssColour(table[t]);
      c.beginPath();
      c.arc(x, y, size / 2, 0, 7);
      c.fill();
    }
  }

  drawScaleBar(c, f) {
    const axis = this.axes[1];
    if (!unitText(axis.units) || (axis.step === undefined && !this.points) || f.height < 80) return;
    const span = Math.abs(f.view.x[1] - f.view.x[0]);
    const size = niceLength(span * 0.3);
    const px = (size / span) * f.width;
    const text = withUnits(size, axis.units, 3);
    const [x, y] = [f.left + 12, f.top + f.height - 14];
    c.font = "600 12px system-ui, sans-serif";
    const wide = Math.max(px, c.measureText(text).width);
    c.fillStyle = "rgba(0,0,0,.55)";
    c.beginPath();
    c.roundRect(x - 7, y - 22, wide + 14, 31, 4);
    c.fill();
    c.fillStyle = "#fff";
    c.fillRect(x, y, px, 4);
    c.textAlign = "left";
    c.textBaseline = "alphabetic";
    c.fillText(text, x, y - 6);
  }

  drawRegions(c, f) {
    for (const r of this.regions) {
      const active = r.id === this.active;
      traceRegion(c, r, (p) => this.project(p, f));
      c.lineJoin = "round";
      c.strokeStyle = "rgba(0,0,0,.75)";
      c.lineWidth = active ? 5 : 4.2;
      c.stroke();
      c.strokeStyle = r.colour;
      c.lineWidth = active ? 2.4 : 2;
      c.stroke();
      if (r.label) this.drawLabel(c, f, r);
      if (!active) continue;
      for (const [, at] of handlesOf(r)) {
        const [x, y] = this.project(at, f);
        c.fillStyle = "#fff";
        c.strokeStyle = "#000";
        c.lineWidth = 1;
        c.beginPath();
        c.rect(x - 3.5, y - 3.5, 7, 7);
        c.fill();
        c.stroke();
      }
    }
  }

  drawLabel(c, f, r) {
    const text = measureText(r, (v, u) => withUnits(v, u), this.axes[1].units) || r.label;
    const [px, py] = this.project(r.kind === "angle" ? r.corner : middleOf(r), f);
    c.font = "600 12px system-ui, sans-serif";
    c.textAlign = "left";
    c.textBaseline = "middle";
    const wide = c.measureText(text).width;
    // Within the frame, as far as there is room.
    const x = Math.max(f.left - 6, Math.min(px, f.left + f.width - wide - 20));
    const y = Math.max(f.top + 10, Math.min(py, f.top + f.height - 10));
    c.fillStyle = "rgba(0,0,0,.65)";
    c.beginPath();
    c.roundRect(x + 8, y - 9, wide + 10, 18, 4);
    c.fill();
    c.fillStyle = r.colour;
    c.fillText(text, x + 13, y + 0.5);
  }

  drawAxes(c, f) {
    c.strokeStyle = themeColour(this.canvas, "--line");
    c.fillStyle = themeColour(this.canvas, "--soft");
    c.lineWidth = 1;
    c.strokeRect(f.left - 0.5, f.top - 0.5, f.width + 1, f.height + 1);
    c.font = "11px system-ui, sans-serif";
    const [ay, ax] = this.axes;
    const [scaleY, scaleX] = this.axisScales(f);
    for (const t of this.ticksOf(ax, f.view.x, f.width / 70, scaleX)) {
      const [x] = this.project([0, t.at], f);
      c.fillRect(x - 0.5, f.top + f.height, 1, 4);
      c.textAlign = "center";
      c.textBaseline = "top";
      c.fillText(t.text, x, f.top + f.height + 6);
    }
    let widest = 0;
    for (const t of this.ticksOf(ay, f.view.y, f.height / 45, scaleY)) {
      widest = Math.max(widest, c.measureText(t.text).width);
      const [, y] = this.project([t.at, 0], f);
      c.fillRect(f.left - 4, y - 0.5, 4, 1);
      c.textAlign = "right";
      c.textBaseline = "middle";
      c.fillText(t.text, f.left - 7, y);
    }
    c.fillStyle = themeColour(this.canvas, "--text");
    c.textAlign = "center";
    c.textBaseline = "bottom";
    c.fillText(axisTitle(ax, scaleX.unit), f.left + f.width / 2, f.top + f.height + 36);
    c.save();
    c.translate(Math.max(8, f.left - 17 - Math.max(widest, 24)), f.top + f.height / 2);
    c.rotate(-Math.PI / 2);
    c.textBaseline = "middle";
    c.fillText(axisTitle(ay, scaleY.unit), 0, 0);
    c.restore();
  }

  /** The multiples of their units in which y and x are written: one for both where units agree. */
  axisScales(f) {
    const [ay, ax] = this.axes;
    if (ay.units !== ax.units) return [axisScale(ay, f.view.y), axisScale(ax, f.view.x)];
    const both = axisScale(ax, [...f.view.y, ...f.view.x]);
    return [both, both];
  }

  ticksOf(axis, [low, high], count, { factor }) {
    if (axis.labels && !this.points)
      return axis.labels.map((text, at) => ({ at, text })).filter((_, i) => i % Math.ceil(axis.size / count) === 0);
    const found = ticksBetween(low / factor, high / factor, Math.max(2, count));
    const texts = tickTexts(found);
    return found.map((at, i) => ({ at: at * factor, text: texts[i] }));
  }

  drawColourBar(c, f) {
    const [x, width] = [f.left + f.width + 12, 12];
    if (this.parts.length > 1 && this.look.part === "hue") {
      this.drawHueWheel(c, x + 16, f.top + 20);
      return;
    }
    if (this.layers) {
      this.drawLayerNames(c, x, f);
      return;
    }
    const table = colourTable(this.look.map, this.look.inverted);
    for (let i = 0; i < f.height; i++) {
      c.fillStyle = cssColour(table[Math.round(255 * (1 - i / f.height))]);
      c.fillRect(x, f.top + i, width, 1.5);
    }
    c.strokeStyle = themeColour(this.canvas, "--line");
    c.strokeRect(x - 0.5, f.top - 0.5, width + 1, f.height + 1);
    c.fillStyle = themeColour(this.canvas, "--soft");
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "left";
    c.textBaseline = "top";
    const units = this.look.part === "phase" && this.parts.length > 1 ? "rad" : this.header.units;
    const scaled = valueScale(units, [this.look.low, this.look.high]);
    const ends = [this.look.high, this.look.low].map((v) => short(v / scaled.factor, 3));
    c.fillText(ends[0], x + width + 4, f.top - 1);
    c.textBaseline = "bottom";
    c.fillText(ends[1], x + width + 4, f.top + f.height + 1);
    const note = [scaled.unit, this.look.scale === "linear" ? "" : this.look.scale].filter(Boolean).join(" · ");
    // Between the two numbers; beside them where there is no room.
    const beside = c.measureText(note).width > f.height - 32 ? Math.max(...ends.map((text) => c.measureText(text).width)) : 0;
    c.save();
    c.translate(x + width + 12 + beside, f.top + f.height / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillText(note, 0, 0);
    c.restore();
  }

  drawLayerNames(c, x, f) {
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "left";
    c.textBaseline = "middle";
    this.layers.forEach(({ colour, name }, i) => {
      c.fillStyle = colour;
      c.fillRect(x, f.top + 4 + i * 20, 12, 12);
      c.fillStyle = themeColour(this.canvas, "--soft");
      c.fillText(name, x + 17, f.top + 10.5 + i * 20, MARGIN.right - 30);
    });
  }

  drawHueWheel(c, x, y) {
    for (let i = 0; i < 72; i++) {
      const a = (i / 72) * 2 * Math.PI;
      c.strokeStyle = cssColour(hueColour(a, 1));
      c.lineWidth = 6;
      c.beginPath();
      c.arc(x, y, 14, a, a + 0.12);
      c.stroke();
    }
    c.fillStyle = themeColour(this.canvas, "--soft");
    c.font = "10px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "top";
    c.fillText("phase", x, y + 22);
  }

  /** The value at a place, and its indices. */
  valueAt([y, x]) {
    if (this.points) {
      let best = 0;
      let least = Infinity;
      for (let i = 0; i < this.values.length; i++) {
        const away = (this.points.y[i] - y) ** 2 + (this.points.x[i] - x) ** 2;
        if (away < least) [best, least] = [i, away];
      }
      return { value: this.values[best], index: [best] };
    }
    const e = this.extent();
    const index = [y, x].map((v, k) => {
      const [low, high] = k ? e.x : e.y;
      return Math.floor(((v - low) / (high - low)) * this.axes[k].size);
    });
    if (index.some((n, k) => n < 0 || n >= this.axes[k].size)) return null;
    const held = ({ part }) => !part || index.every((n, k) => n >= part[k][0] && n < part[k][1]);
    const from = this.tile && held(this.tile.header) ? this.tile : { header: this.header, values: this.values };
    const { part, step, shape } = from.header;
    const [row, column] = index.map((n, k) => (part ? Math.floor((n - part[k][0]) / step[k]) : n));
    return { value: from.values[row * shape[1] + column], index };
  }

  pixelSize() {
    if (this.points) return Math.abs(this.extent().x[1] - this.extent().x[0]) / 50;
    return Math.abs(this.axes[1].step || 1);
  }

  listen() {
    const at = (e) => {
      const box = this.canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    this.canvas.addEventListener("pointerdown", (e) => this.press(e, ...at(e)));
    this.canvas.addEventListener("pointermove", (e) => this.move(e, ...at(e)));
    this.canvas.addEventListener("pointerup", (e) => this.lift(e, ...at(e)));
    this.canvas.addEventListener("pointerleave", () => this.on.hover && this.on.hover(""));
    this.canvas.addEventListener("dblclick", () => this.doubleClick());
    this.canvas.addEventListener("wheel", (e) => this.wheel(e, ...at(e)), { passive: false });
  }

  press(e, px, py) {
    if (!this.parts || e.button > 1) return;
    this.canvas.setPointerCapture(e.pointerId);
    const place = this.place(px, py);
    const slack = this.slack();
    const active = this.regions.find((r) => r.id === this.active);
    if (e.shiftKey && active && this.tool !== "polygon") {
      // Shift and click: the region jumps here.
      const m = middleOf(active);
      this.drag = { mode: "move", last: place, id: active.id };
      this.change(shifted(active, [place[0] - m[0], place[1] - m[1]]), false);
      return;
    }
    if (e.button === 1 || e.altKey || this.tool === "pan") {
      this.drag = { mode: "pan", from: [px, py], view: this.view || this.extent() };
      return;
    }
    if (this.tool === "polygon") return this.addCorner(place, slack);
    const held = this.findHold(place, slack, active);
    if (held) {
      this.drag = held;
      this.active = held.id;
      this.on.pick(held.id);
      this.draw();
      return;
    }
    if (this.tool === "select") {
      if (active && ["point", "box", "ellipse", "disc", "annulus", "segment", "polygon", "line"].includes(active.kind) && this.on.clickMoves) {
        const m = middleOf(active);
        this.drag = { mode: "move", last: place, id: active.id };
        this.change(shifted(active, [place[0] - m[0], place[1] - m[1]]), false);
      } else this.drag = { mode: "pan", from: [px, py], view: this.view || this.extent() };
      return;
    }
    this.drag = { mode: "draw", from: place, kind: this.tool };
    if (this.tool === "point") this.makeRegion(place);
  }

  findHold(place, slack, active) {
    if (active) {
      for (const [name, at] of handlesOf(active))
        if (Math.hypot(at[0] - place[0], at[1] - place[1]) < slack) return { mode: "handle", name, id: active.id };
    }
    // A tool that draws begins within other regions, too: a ring about a disc.
    if (this.tool !== "select") return null;
    const under = [...this.regions].reverse().find((r) => holdsPlace(r, place, slack * 0.8));
    return under ? { mode: "move", last: place, id: under.id } : null;
  }

  slack() {
    const f = this.frame();
    return (GRIP / f.width) * Math.abs(f.view.x[1] - f.view.x[0]);
  }

  move(e, px, py) {
    if (!this.parts) return;
    const place = this.place(px, py);
    this.sayHover(place);
    const d = this.drag;
    if (!d) return;
    if (d.mode === "pan") {
      const f = this.frame();
      const dy = ((py - d.from[1]) / f.height) * (d.view.y[1] - d.view.y[0]);
      const dx = ((px - d.from[0]) / f.width) * (d.view.x[1] - d.view.x[0]);
      this.view = { y: d.view.y.map((v) => v - dy), x: d.view.x.map((v) => v - dx) };
      this.draw();
      this.lookCloser();
      return;
    }
    if (d.mode === "draw") {
      d.moved = true;
      this.makeRegion(place);
      return;
    }
    const r = this.regions.find((each) => each.id === d.id);
    if (!r) return;
    if (d.mode === "handle") this.change(withHandle(r, d.name, place), false);
    else {
      this.change(shifted(r, [place[0] - d.last[0], place[1] - d.last[1]]), false);
      d.last = place;
    }
    d.moved = true;
  }

  lift() {
    const d = this.drag;
    this.drag = null;
    if (!d || d.mode === "pan") return;
    const id = d.mode === "draw" ? d.id : d.id;
    const r = this.regions.find((each) => each.id === id);
    if (r) this.change(r, true);
    if (d.mode === "draw" && this.on.drawn) this.on.drawn();
  }

  makeRegion(place) {
    const old = this.regions.find((r) => r.id === this.drag.id);
    const shape = drawnRegion(this.drag.kind, this.drag.from, place, this.pixelSize(), old);
    if (old) this.change({ ...old, ...shape }, false);
    else this.drag.id = this.on.draw(shape);
  }

  addCorner(place, slack) {
    const open = this.regions.find((r) => r.id === this.polygon);
    if (open) {
      const first = open.corners[0];
      if (open.corners.length > 2 && Math.hypot(first[0] - place[0], first[1] - place[1]) < slack * 1.5) return this.doubleClick();
      return this.change({ ...open, corners: [...open.corners, place] }, false);
    }
    this.polygon = this.on.draw({ kind: "polygon", corners: [place] });
    return undefined;
  }

  doubleClick() {
    const open = this.regions.find((r) => r.id === this.polygon);
    this.polygon = null;
    if (open) {
      this.change(open, true);
      if (this.on.drawn) this.on.drawn();
    } else {
      this.view = null;
      this.draw();
    }
  }

  change(r, final) {
    this.regions = this.regions.map((each) => (each.id === r.id ? r : each));
    this.draw();
    this.on.change(r, final);
  }

  wheel(e, px, py) {
    if (!this.parts) return;
    e.preventDefault();
    const f = this.frame();
    const place = this.place(px, py, f);
    const factor = Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300)));
    const scaled = (ends, at) => ends.map((v) => at + (v - at) * factor);
    this.view = { y: scaled(f.view.y, place[0]), x: scaled(f.view.x, place[1]) };
    this.draw();
    this.lookCloser();
  }

  sayHover(place) {
    if (!this.on.hover) return;
    const found = this.valueAt(place);
    const [ay, ax] = this.axes;
    const where = `${ax.name} ${withUnits(place[1], ax.units)} · ${ay.name} ${withUnits(place[0], ay.units)}`;
    this.on.hover(found ? `${where}   [${found.index.join(", ")}]   ${withUnits(found.value, this.header.units)}` : where);
  }
}

function cssColour(word) {
  return `rgb(${word & 255},${(word >> 8) & 255},${(word >> 16) & 255})`;
}

/** A part of complex values. */
export function partOf(re, im, part) {
  if (part === "real") return re;
  if (part === "imaginary") return im;
  const f = part === "phase" ? (a, b) => Math.atan2(b, a) : Math.hypot;
  const made = new Float32Array(re.length);
  for (let i = 0; i < re.length; i++) made[i] = f(re[i], im[i]);
  return made;
}
