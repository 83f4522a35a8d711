// The toolbar and the keys.
import { make } from "./dom.js";
import { keysDialog } from "./dialogs.js";

const TOOLS = [
  ["select", "V", "Select, move, pan", "M6 3l12 9-5 1 3 6-2 1-3-6-4 4z"],
  ["point", "P", "Point", "M12 3v6M12 15v6M3 12h6M15 12h6M12 11v2"],
  ["box", "B", "Box", "M5 7h14v10H5z"],
  ["ellipse", "E", "Ellipse", "M4 12a8 5 0 1 0 16 0a8 5 0 1 0-16 0"],
  ["line", "L", "Line", "M5 19L19 5"],
  ["polygon", "G", "Polygon (double-click ends it)", "M12 4l8 6-3 9H7l-3-9z"],
  ["disc", "C", "Disc: virtual detector", "M12 5a7 7 0 1 0 .01 0z"],
  ["annulus", "R", "Ring: virtual detector", "M12 4a8 8 0 1 0 .01 0zM12 9a3 3 0 1 0 .01 0z"],
  ["segment", "S", "Segment: virtual detector", "M12 12l7-7a10 10 0 0 1 0 14z"],
  ["profile", "F", "Profile with width", "M3 17l5-9 4 6 3-8 6 11"],
  ["distance", "D", "Distance", "M4 20L20 4M4 20l-1-4M4 20l4 1M20 4l1 4M20 4l-4-1"],
  ["angle", "A", "Angle", "M20 19H4L15 5M9 12a9 9 0 0 1 4 7"],
];
const DETECTORS = new Set(["disc", "annulus", "segment"]);
const KEYS = [
  ["V P B E L G", "select, point, box, ellipse, line, polygon"], ["C R S", "disc, ring, segment on a pattern"], ["F D A", "profile, distance, angle"],
  ["← → ↑ ↓", "move the region by a pixel (with Shift by 10); the detector, when the pattern was clicked last"], ["Shift click", "the region jumps there"], ["Enter", "a region of the chosen tool in the middle"], ["< >", "smaller, larger region"], ["W , .", "window on the spectrum: put, move down, move up"], ["Tab", "next region"], ["Delete", "remove the region"],
  ["+ −", "wider, narrower line or profile"], ["[ ]", "step the first slider"], ["wheel", "zoom"], ["Alt drag", "pan"], ["0", "whole image"],
  ["drag", "on a spectrum: window of the map"], ["Shift drag", "on a spectrum: window of the background"],
  ["M", "mean, sum, maximum over regions"], ["K", "keep the map"], ["X", "Fourier spectrum"], ["N", "next colour map"], ["I", "log, asinh, gamma, linear"],
  ["1 2 3 4", "view, steps, metadata, operations"], ["/", "search operations"], ["\\", "show or hide files"], ["O", "open a path"],
  ["Ctrl Z", "undo"], ["Ctrl Shift Z", "redo"], ["Ctrl P", "copy as Python"], ["Ctrl E", "export"], ["Ctrl S", "save the session"], ["?", "these keys"], ["Escape", "close, select"],
];

/** The toolbar of an explorer. */
export function makeToolbar(app) {
  const buttons = new Map();
  const el = make("div.tools", { role: "toolbar", "aria-label": "Tools" });
  const choose = (name) => {
    const detector = DETECTORS.has(name);
    if (app.nav && app.nav.regions) app.nav.tool = detector ? "select" : name;
    if (app.signal && app.signal.regions) app.signal.tool = detector || ["select", "polygon", "distance", "angle", "box", "ellipse"].includes(name) ? name : "select";
    for (const [own, button] of buttons) {
      button.classList.toggle("current", own === name);
      button.setAttribute("aria-pressed", own === name);
    }
    app.tool = name;
    for (const pane of [app.nav, app.signal]) if (pane?.canvas) pane.canvas.style.cursor = name === "select" ? "default" : "crosshair";
  };
  for (const [name, key, title, path] of TOOLS) {
    const button = make("button.tool", { title: `${title} (${key})`, "aria-label": title, "data-tool": name, onclick: () => choose(name) });
    button.append(iconOf(path));
    buttons.set(name, button);
    el.append(button);
  }
  el.append(make("span.gap"), make("button", { title: "Fourier spectrum of the image (X)", onclick: () => app.fourier(), "data-test": "fourier" }, "FFT"));
  const fit = () => {
    const image = app.navKind === "image" || app.navKind === "points";
    for (const [name, button] of buttons) {
      button.hidden = DETECTORS.has(name) ? app.signalKind !== "image" || !app.navKind : name !== "select" && !image && app.signalKind !== "image";
    }
    el.querySelector("[data-test=fourier]").hidden = app.navKind !== "image";
    choose("select");
  };
  return { el, choose, fit, showKeys: () => keysDialog(app, KEYS), close: () => app.unlisten?.() };
}

function iconOf(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Let keys do things while the explorer, or nothing else, has the focus. */
export function listenToKeys(app) {
  const press = (e) => {
    const inside = app.el.contains(document.activeElement) || document.activeElement === document.body;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName) && document.activeElement.type !== "checkbox";
    if (!inside || app.el.querySelector("dialog[open]")) return;
    if (document.activeElement === document.body && !app.el.classList.contains("whole-page")) return;
    if (typing && !(e.ctrlKey || e.metaKey)) {
      if (e.key === "Escape") document.activeElement.blur();
      return;
    }
    if (obey(app, e)) e.preventDefault();
  };
  document.addEventListener("keydown", press);
  app.unlisten = () => document.removeEventListener("keydown", press);
}

function obey(app, e) {
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
  if (e.ctrlKey || e.metaKey) return obeyControl(app, key, e.shiftKey);
  const tool = TOOLS.find(([, k]) => k.toLowerCase() === key);
  if (tool) {
    app.tools.choose(tool[0]);
    return true;
  }
  const by = e.shiftKey ? 10 : 1;
  const moves = { ArrowLeft: [0, -by], ArrowRight: [0, by], ArrowUp: [-by, 0], ArrowDown: [by, 0] };
  if (moves[key]) {
    app.nudge(...moves[key]);
    return true;
  }
  const act = ACTS[key];
  if (!act || (!app.item && !"?\\o".includes(key))) return false;
  act(app);
  return true;
}

function obeyControl(app, key, shift) {
  const acts = { z: () => (shift ? app.redo() : app.undo()), y: () => app.redo(), p: () => app.copyPython(), e: () => app.export(), s: () => app.item && app.saveSession() };
  if (!acts[key]) return false;
  acts[key]();
  return true;
}

const STATISTIC_ORDER = ["mean", "sum", "max"];
const nextOf = (list, now) => list[(list.indexOf(now) + 1) % list.length];
const ACTS = {
  "?": (app) => app.tools.showKeys(),
  "/": (app) => {
    app.openTab("operations");
    app.operationsPanel.search.focus();
  },
  "\\": (app) => app.toggleFiles(),
  o: (app) => app.files.path.focus(),
  Escape: (app) => app.tools.choose("select"),
  Enter: (app) => app.place(),
  ">": (app) => app.resize(1.15),
  "<": (app) => app.resize(1 / 1.15),
  w: (app) => app.slideWindow(0),
  ",": (app) => app.slideWindow(-1),
  ".": (app) => app.slideWindow(1),
  Delete: (app) => removeChosen(app),
  Backspace: (app) => removeChosen(app),
  Tab: (app) => {
    const all = [...app.state.regions, ...app.state.marks].map((r) => r.id);
    if (all.length) app.pick(nextOf(all, app.state.active));
  },
  "+": (app) => app.widen(1.5),
  "=": (app) => app.widen(1.5),
  "-": (app) => app.widen(1 / 1.5),
  "[": (app) => stepSlider(app, -1),
  "]": (app) => stepSlider(app, 1),
  0: (app) => [app.nav, app.signal].forEach((pane) => {
    if (!pane) return;
    pane.view = null;
    pane.draw();
  }),
  m: (app) => app.change({ statistic: nextOf(STATISTIC_ORDER, app.state.statistic) }, "statistic"),
  k: (app) => app.nav && app.keepMap(),
  x: (app) => app.navKind === "image" && app.fourier(),
  n: (app) => app.displays[0]?.set({ map: nextOf(["grey", "viridis", "magma", "cividis", "diverging", "cyclic"], app.displays[0].pane.look.map) }, "colours"),
  i: (app) => app.displays[0]?.set({ scale: nextOf(["linear", "log", "asinh", "gamma"], app.displays[0].pane.look.scale) }, "scale"),
  1: (app) => app.openTab("view"),
  2: (app) => app.openTab("steps"),
  3: (app) => app.openTab("metadata"),
  4: (app) => app.openTab("operations"),
};

function removeChosen(app) {
  const { active } = app.detectors;
  if (app.onSignal() && active) app.detectors.remove(active.id);
  else app.removeRegion(app.state.active);
}

function stepSlider(app, by) {
  const range = app.sliders.querySelector("input[type=range]");
  if (!range) return;
  range.value = Number(range.value) + by;
  range.dispatchEvent(new Event("input"));
  range.dispatchEvent(new Event("change"));
}
