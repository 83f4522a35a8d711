// Files of sessions: what was opened, made and looked at, to go on with later.
import { field, make, saveFile } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { stepsFrom } from "./step_log.js";

export const SESSION_END = ".omniscopy";

/** Put a session together, as the text of a file. */
async function sessionText(app) {
  const { header } = await app.link.ask({ kind: "session" });
  return JSON.stringify({ ...header.session, shown: { past: app.log.past, at: app.log.at, count: app.count } });
}

/** Ask where a session is kept. */
export function sessionDialog(app) {
  const name = make("input", { type: "text", value: `${(app.item?.title || "session").replace(/[^\p{L}\p{N} _-]+/gu, "_")}${SESSION_END}`, "data-test": "session-name" });
  const told = make("p.hint", {}, "It holds what is open, the regions and all steps, and where the files are; not the data. Data that were made are made again when it is opened.");
  const go = make("button.primary", { "data-test": "session-save" }, app.writes ? "Save in the folder" : "Save");
  const load = make("button", {}, "Download");
  const { close } = openDialog(app, "Save the session", make("div.form", {}, field("Name", name), told), app.writes ? [load, go] : [go]);
  const doing = (act) => async () => {
    try {
      app.say(`saved ${await act(await sessionText(app))}`);
      close();
    } catch (error) {
      told.textContent = error.message;
      told.classList.add("bad");
    }
  };
  const download = doing((text) => {
    saveFile(name.value, "application/json", text);
    return name.value;
  });
  load.onclick = download;
  go.onclick = app.writes ? doing(async (text) => {
    const path = app.files.here && app.files.here !== "." ? `${app.files.here}/${name.value}` : name.value;
    const { header } = await app.link.ask({ kind: "save_session", path }, { buffers: [new TextEncoder().encode(text)] });
    app.files.openFolder(app.files.here || ".");
    return header.path;
  }) : download;
}

/** Open what a session held, and show what it showed. */
export async function openSession(app, path) {
  try {
    const { header } = await app.work(`opening ${path}`, { kind: "open_session", path });
    header.items.forEach((item) => app.items.set(item.id, item));
    showAgain(app, header);
    app.say(header.missing.length ? "" : `${path}: as it was`);
    if (header.missing.length) {
      openDialog(app, "Not all could be opened again", make("ul.outcomes", { "data-test": "missing" }, ...header.missing.map((m) => make("li.bad", {}, m))));
    }
  } catch (error) {
    app.fail(error);
  }
}

function showAgain(app, { items, names, shown }) {
  const kept = (Array.isArray(shown?.past) ? shown.past : []).map((step) => ({ ...step, state: withNames(step?.state, names) }));
  const { log, places } = stepsFrom(kept, ({ state }) => app.items.has(state.item));
  const [first] = items;
  if (!log.past.length) {
    if (first) app.show(first.id);
    return;
  }
  app.count = Math.max(app.count, Number(shown.count) || 0);
  app.log = log;
  try {
    app.goTo(Math.max(0, places.get(Number(shown.at)) ?? log.at));
  } catch {
    app.log = { past: [], at: -1 };
    if (first) app.show(first.id);
  }
}

/** A state in which data have their new names. */
function withNames(state, names) {
  const { item, navigator } = state || {};
  return { ...state, item: names[item] || item, navigator: navigator ? names[navigator] || null : null };
}
