// The side panel: data that are open, and the folder with pictures of its files.
import { make } from "./dom.js";
import { bytesText } from "./numbers.js";
import { colourTable, limitsOf } from "./colours.js";

export class FilesPanel {
  constructor(app) {
    this.app = app;
    this.open = make("ul.tree", { role: "tree", "aria-label": "Open data" });
    this.crumbs = make("nav.crumbs");
    this.list = make("ul.files", { "data-test": "files" });
    this.path = make("input", { type: "text", placeholder: "Open a path…", "aria-label": "Open a path", list: "" });
    this.path.removeAttribute("list");
    this.path.onkeydown = (e) => {
      if (e.key === "Enter" && this.path.value.trim()) app.openPath(this.path.value.trim());
    };
    const chosen = make("input", { type: "file", multiple: true, hidden: true });
    chosen.onchange = () => app.dropFiles([...chosen.files]);
    this.folder = make("div", {}, make("h3", {}, "Folder"), this.path, this.crumbs, this.list);
    this.el = make("aside.side", { "aria-label": "Files" },
      make("h3", {}, "Open data"), this.open, this.folder,
      make("button.drop-hint", { onclick: () => chosen.click() }, "Drop files here, or choose…"), chosen);
    this.seen = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && this.picture(e.target)));
  }

  showItems() {
    const { items, state } = this.app;
    const made = [];
    const shown = new Set();
    for (const item of items.values()) {
      if (item.group && shown.has(item.group)) continue;
      if (item.group) shown.add(item.group);
      made.push(this.itemRow(item, item.id === state.item || (item.group && item.group === this.app.item?.group)));
    }
    this.open.replaceChildren(...made);
    if (!made.length) this.open.append(make("li.hint", {}, "Nothing yet."));
  }

  itemRow(item, current) {
    const shape = item.axes.map((a) => a.size).join(" × ");
    const title = item.group ? `${item.step || "results"}` : item.title;
    const row = make("li.item", { role: "treeitem", tabIndex: 0, "aria-selected": current, title: `${item.file || ""} ${item.channel || ""}` },
      this.thumb({ data: item.id }),
      make("span.words", {}, make("b", {}, title), make("small", {}, `${shape} · ${item.dtype}`)));
    row.classList.toggle("current", !!current);
    row.classList.toggle("child", !!item.parent);
    const choose = () => this.app.show(item.id);
    row.onclick = choose;
    row.onkeydown = (e) => e.key === "Enter" && choose();
    if (item.panes.signal.length === 0 && this.app.item && this.app.item.id !== item.id && (!item.group || item.group !== this.app.item.group) && this.app.sameScan(item)) {
      row.append(make("button.plain", { title: "Use as navigator", onclick: (e) => { e.stopPropagation(); this.app.useNavigator(item.id); } }, "◎"));
    }
    return row;
  }

  async openFolder(path) {
    try {
      const { header } = await this.app.link.ask({ kind: "list", path });
      this.showFolder(header);
    } catch (error) {
      this.app.fail(error);
    }
  }

  showFolder({ path, entries }) {
    this.here = path;
    this.sizes = new Map(entries.map((entry) => [entry.path, entry.bytes]));
    const parts = path === "." ? [] : path.split("/");
    const crumb = (label, to) => make("button.plain", { onclick: () => this.openFolder(to) }, label);
    this.crumbs.replaceChildren(crumb(this.app.folder || "folder", "."), ...parts.map((p, i) => crumb(`/ ${p}`, parts.slice(0, i + 1).join("/"))));
    this.list.replaceChildren(...entries.map((entry) => this.fileRow(entry)));
    if (!entries.length) this.list.append(make("li.hint", {}, "This folder is empty."));
  }

  fileRow(entry) {
    const icon = entry.folder ? make("span.thumb.icon", {}, "▸") : entry.format === "session" ? make("span.thumb.icon", {}, "↺") : entry.format ? this.thumb({ path: entry.path }) : make("span.thumb.icon", {}, "?");
    const note = entry.folder ? "folder" : `${entry.format || "unknown"}${entry.bytes === null ? "" : ` · ${bytesText(entry.bytes)}`}`;
    const row = make("li.item", { tabIndex: 0, title: entry.path, "data-path": entry.path }, icon, make("span.words", {}, make("b", {}, entry.name), make("small", {}, note)));
    row.classList.toggle("faint", !entry.folder && !entry.format);
    const choose = () => (entry.folder ? this.openFolder(entry.path) : this.app.openPath(entry.path));
    row.onclick = choose;
    row.onkeydown = (e) => e.key === "Enter" && choose();
    return row;
  }

  thumb(of) {
    const key = of.data || of.path;
    this.thumbs = this.thumbs || new Map();
    const canvas = make("canvas.thumb", { width: 36, height: 36 });
    canvas.of = of;
    if (this.thumbs.has(key)) drawThumb(canvas, ...this.thumbs.get(key));
    else this.seen.observe(canvas);
    return canvas;
  }

  async picture(canvas) {
    this.seen.unobserve(canvas);
    try {
      const { header, values } = await this.app.link.ask({ kind: "thumbnail", ...canvas.of });
      this.thumbs.set(canvas.of.data || canvas.of.path, [header, values[0]]);
      drawThumb(canvas, header, values[0]);
    } catch {
      canvas.classList.add("none");
    }
  }
}

function drawThumb(canvas, header, values) {
  const context = canvas.getContext("2d");
  const side = canvas.width;
  if (header.form === "curve") {
    const [low, high] = limitsOf(values, 0, 100);
    context.strokeStyle = "#56B4E9";
    context.lineWidth = 1.5;
    context.beginPath();
    values.forEach((v, i) => context.lineTo((i / Math.max(1, values.length - 1)) * side, side - 3 - ((v - low) / (high - low)) * (side - 6)));
    context.stroke();
    return;
  }
  const [h, w] = header.shape;
  const [low, high] = limitsOf(values, 1, 99);
  const table = colourTable("grey");
  const image = new ImageData(w, h);
  const words = new Uint32Array(image.data.buffer);
  values.forEach((v, i) => { words[i] = table[Math.max(0, Math.min(255, Math.round((255 * (v - low)) / (high - low))))] || 0; });
  const small = document.createElement("canvas");
  small.width = w;
  small.height = h;
  small.getContext("2d").putImageData(image, 0, 0);
  const scale = Math.max(side / w, side / h);
  context.drawImage(small, (side - w * scale) / 2, (side - h * scale) / 2, w * scale, h * scale);
}
