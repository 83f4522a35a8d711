// A folder's files, the channels of a file, and the choice of one of them.

const STYLE_CLASS = "omniscopy-chooser";

function make(tag, options = {}, ...children) {
  const { className, text, ...rest } = options;
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text !== undefined) el.textContent = text;
  for (const [name, value] of Object.entries(rest)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  for (const [least, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (bytes >= least) return `${(bytes / least).toPrecision(3)} ${name}`;
  }
  return `${bytes} bytes`;
}

function render({ model, el }) {
  const tab = Math.random().toString(36).slice(2);
  let seq = 0;
  const waiting = new Map();
  const heard = (header, buffers) => {
    if (header.tab !== tab) return;
    const done = waiting.get(header.seq);
    waiting.delete(header.seq);
    if (done) done(header, buffers || []);
  };
  model.on("msg:custom", heard);
  const ask = (message, done) => {
    seq += 1;
    waiting.set(seq, done);
    model.send({ ...message, seq, tab }, undefined, []);
  };

  const words = make("p", { className: "told", role: "status" });
  const list = make("ul", { "aria-label": "Files and channels" });
  const root = make("div", { className: STYLE_CLASS }, list, words);
  el.append(root);

  const fail = (header) => { words.textContent = header.message; words.classList.add("bad"); };
  const told = (text) => { words.textContent = text; words.classList.remove("bad"); };

  const mark = () => {
    const { path, channel } = model.get("choice") || {};
    for (const each of root.querySelectorAll("[data-channel]")) {
      const chosen = each.dataset.path === (path ?? "") && each.dataset.channel === channel;
      each.setAttribute("aria-pressed", String(chosen));
    }
    if (channel) told(`Chosen: ${path ? `${path}, ` : ""}${channel}`);
  };

  const thumbnail = (holder, path, channel) => ask({ kind: "thumbnail", path, channel }, (header, buffers) => {
    if (header.kind !== "thumbnail" || !buffers.length) return;
    const image = make("img", { alt: "", src: URL.createObjectURL(new Blob([buffers[0]], { type: "image/png" })) });
    image.onload = () => URL.revokeObjectURL(image.src);
    holder.replaceChildren(image);
  });

  const channels = (into, path, found) => {
    const rows = found.map((channel) => {
      const holder = make("span", { className: "small", "aria-hidden": "true" });
      const row = make("button", { type: "button", "data-path": path, "data-channel": channel.name, "aria-pressed": "false" },
        holder, make("span", { className: "words" }, make("b", { text: channel.title }), make("small", { text: channel.words })));
      row.addEventListener("click", () => ask({ kind: "choose", path, channel: channel.name }, (header) => {
        if (header.kind === "error") return fail(header);
        model.set("choice", { path, channel: channel.name });
        model.save_changes();
        mark();
      }));
      thumbnail(holder, path, channel.name);
      return make("li", {}, row);
    });
    into.replaceChildren(...rows);
    mark();
  };

  const fill = (into, entries) => into.replaceChildren(...(entries.length ? entries.map(entry) : [make("li", { className: "none", text: "This folder is empty." })]));

  const entry = (item) => {
    const into = make("ul");
    const row = make("button", { type: "button", "aria-expanded": "false" },
      make("span", { className: "mark", text: item.folder || item.format ? "▸" : "", "aria-hidden": "true" }),
      make("span", { className: "words" }, make("b", { text: item.name }), make("small", { text: item.folder ? "folder" : [item.format || "not known", size(item.bytes)].filter(Boolean).join(", ") })));
    row.disabled = !item.folder && !item.format;
    row.addEventListener("click", () => {
      if (row.getAttribute("aria-expanded") === "true") {
        into.replaceChildren();
        row.setAttribute("aria-expanded", "false");
        return;
      }
      row.setAttribute("aria-expanded", "true");
      ask({ kind: item.folder ? "list" : "open", path: item.path }, (header) => {
        if (header.kind === "error") return fail(header);
        if (item.folder) fill(into, header.entries);
        else channels(into, item.path, header.channels);
      });
    });
    return make("li", {}, row, into);
  };

  ask({ kind: "hello" }, (header) => {
    if (header.kind === "error") return fail(header);
    if (header.entries) fill(list, header.entries);
    else channels(list, header.path, header.channels);
  });
  model.on("change:choice", mark);
  return () => {
    model.off("msg:custom", heard);
    model.off("change:choice", mark);
    model.send({ kind: "bye", tab }, undefined, []);
  };
}

export default { render };
