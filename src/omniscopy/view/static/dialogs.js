// Dialogs: one at a time, closed with Escape.
import { copyText, field, make, makeSelect, saveFile } from "./dom.js";
import { bytesText } from "./numbers.js";

/** Show a dialog; returns its element and what closes it. */
export function openDialog(app, title, content, buttons = []) {
  const dialog = make("dialog.dialog", { "aria-label": title });
  const close = () => {
    dialog.close();
    dialog.remove();
  };
  dialog.append(
    make("header", {}, make("h2", {}, title), make("button.plain", { onclick: close, "aria-label": "Close" }, "✕")),
    make("div.dialog-body", {}, content),
    buttons.length ? make("footer", {}, ...buttons) : "",
  );
  dialog.addEventListener("close", () => dialog.remove());
  app.el.append(dialog);
  dialog.showModal();
  dialog.querySelector("button.primary")?.focus();
  return { dialog, close };
}

export function pythonDialog(app, text, title = "Python that makes this again", name = "omniscopy.py") {
  const area = make("textarea.code", { value: text, readOnly: true, rows: Math.min(24, text.split("\n").length + 1), spellcheck: false });
  const copy = make("button.primary", {}, "Copy");
  copy.onclick = async () => {
    if (!(await copyText(text))) {
      area.select();
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
  };
  const save = make("button", { onclick: () => saveFile(name, "text/plain", text) }, "Save file");
  return openDialog(app, title, area, [save, copy]);
}

export function keysDialog(app, keys) {
  const rows = keys.map(([key, words]) => make("tr", {}, make("td", {}, ...key.split(" ").map((k) => make("kbd", {}, k))), make("td", {}, words)));
  const half = Math.ceil(rows.length / 2);
  const table = (part) => make("table.keys", {}, make("tbody", {}, ...part));
  openDialog(app, "Keys", make("div.two", {}, table(rows.slice(0, half)), table(rows.slice(half))));
}

export function exportDialog(app, choices) {
  const said = { format: "png", what: choices[0][0], width_mm: 85, dpi: 300, font_size: 8 };
  const number = (key, label, hint) => field(label, make("input", { type: "number", value: said[key], oninput: (e) => { said[key] = Number(e.target.value); } }), hint);
  const state = make("p.hint");
  const figure = make("div.grid2", {}, number("width_mm", "Width (mm)", "A column of most journals is 85 mm wide"), number("dpi", "Points per inch"), number("font_size", "Letters (pt)"),
    field("Panel", make("input", { type: "text", maxLength: 4, placeholder: "a, b, …", oninput: (e) => { said.panel = e.target.value; } }), "The letter of the panel, at the top left"));
  const formats = [["png", "PNG figure"], ["svg", "SVG figure"], ["pdf", "PDF figure"], ["csv", "CSV numbers"], ["tiff", "TIFF numbers"]];
  const body = make("div.form", {},
    field("What", makeSelect(choices.map(([k, l]) => [k, l]), said.what, (v) => { said.what = v; })),
    field("Format", makeSelect(formats, said.format, (v) => { said.format = v; figure.hidden = v === "csv" || v === "tiff"; }, { "data-test": "format" })),
    figure, state);
  const go = make("button.primary", { "data-test": "export" }, "Export");
  const { close } = openDialog(app, "Export", body, [go]);
  go.onclick = async () => {
    go.disabled = true;
    state.textContent = "Drawing…";
    try {
      const results = choices.find(([key]) => key === said.what)[2];
      const { header, buffers } = await app.link.ask({ ...said, kind: "export", results });
      const [bytes] = buffers;
      saveFile(`omniscopy.${said.format === "tiff" ? "tif" : said.format}`, header.type, bytes);
      app.say(`exported ${bytesText(bytes.byteLength)}`);
      close();
    } catch (error) {
      state.textContent = error.message;
      state.classList.add("bad");
      go.disabled = false;
    }
  };
}

export function unknownFileDialog(app, path, message, formats, rawTypes) {
  const search = make("input", { type: "search", placeholder: `Search ${formats.length} formats…` });
  const list = make("ul.formats");
  const fill = () => {
    const words = search.value.toLowerCase();
    const found = formats.filter((f) => `${f.title} ${f.extensions.join(" ")} ${f.instrument || ""}`.toLowerCase().includes(words));
    list.replaceChildren(...found.map((f) => make("li", {}, make("b", {}, f.title), make("span", {}, f.extensions.join(" ")))));
  };
  search.oninput = fill;
  fill();
  const said = { dtype: "uint16", offset: 0, byte_order: "<" };
  const shape = make("input", { type: "text", placeholder: "256, 256, 1024", "aria-label": "Shape" });
  const problem = make("p.bad");
  const fits = make("p.hint", { "data-test": "raw-fits" });
  const guess = () => {
    const found = shapesOf(app.files.sizes?.get(path), said.dtype, said.offset);
    fits.replaceChildren(...(found.length ? ["It would hold: ", ...found.map((each) => make("button.plain", { onclick: () => { shape.value = each; } }, each))] : []));
  };
  const raw = make("details", { open: false }, make("summary", {}, "Open it as bare numbers…"),
    make("div.form", {},
      field("Shape", shape, "Slowest dimension first"),
      field("Numbers", makeSelect(rawTypes, said.dtype, (v) => { said.dtype = v; guess(); })),
      field("Header (bytes)", make("input", { type: "number", value: 0, oninput: (e) => { said.offset = Number(e.target.value); guess(); } })),
      field("Byte order", makeSelect([["<", "little-endian"], [">", "big-endian"]], "<", (v) => { said.byte_order = v; })), fits, problem));
  guess();
  const go = make("button.primary", {}, "Open as numbers");
  raw.append(go);
  const { close } = openDialog(app, formats.length ? "The format of this file is unknown" : "This file cannot be read", make("div", {}, make("p.bad", { "data-test": "file-error" }, message), raw, ...(formats.length ? [make("h3", {}, "Formats that are read"), search, list] : [])));
  go.onclick = async () => {
    try {
      const numbers = shape.value.split(",").map(Number);
      await app.openedBy(app.link.ask({ ...said, kind: "open_raw", path, shape: numbers }));
      close();
    } catch (error) {
      problem.textContent = error.message;
    }
  };
}

/** Shapes that fit the size of a file: squares, and squares of squares or of spectra. */
function shapesOf(bytes, dtype, offset) {
  const size = (Number(/\d+$/.exec(dtype)?.[0]) || 8) / 8;
  const count = (bytes - offset) / size;
  if (!bytes || !Number.isInteger(count) || count < 1) return [];
  const found = [];
  const root = Math.round(Math.sqrt(count));
  if (root * root === count) found.push(`${root}, ${root}`);
  for (const side of [32, 64, 100, 128, 256, 512, 1024, 2048, 4096]) {
    const rest = count / side ** 2;
    if (!Number.isInteger(rest) || rest < 2) continue;
    const inner = Math.round(Math.sqrt(rest));
    found.push(inner * inner === rest && inner > 8 ? `${side}, ${side}, ${inner}, ${inner}` : `${rest}, ${side}, ${side}`);
  }
  return found.length ? found.slice(0, 5) : [String(count)];
}

export function scaleDialog(app, axes, done) {
  const size = make("input", { type: "number", step: "any", value: Math.abs(axes[axes.length - 1].step || 1) });
  const units = make("input", { type: "text", value: axes[axes.length - 1].units || "nm" });
  const measured = app.measuredLength();
  const real = make("input", { type: "number", step: "any", placeholder: "its true length" });
  if (measured) real.oninput = () => { size.value = (Math.abs(axes[axes.length - 1].step || 1) * Number(real.value)) / measured; };
  const body = make("div.form", {}, field("Size of a pixel", size), field("Units", units),
    measured ? field("Measured line is", real, "The distance that was drawn has this length in truth") : make("p.hint", {}, "Draw a distance first to set the scale by it."));
  const go = make("button.primary", {}, "Set scale");
  const { close } = openDialog(app, "Set the scale", body, [go]);
  go.onclick = () => {
    done(Number(size.value), units.value);
    close();
  };
}
