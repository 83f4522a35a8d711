// The explorer: one module for a page and for notebooks.

/**
 * Show the explorer in an element.
 * @param {{model: object, el: HTMLElement}} host what anywidget gives to `render`
 * @returns {() => void} what takes it away again
 */
export function render({ model, el }) {
  el.classList.add("omniscopy");
  el.textContent = "…";
  model.on("msg:custom", (header) => {
    if (header.kind === "welcome") el.textContent = `Omniscopy – ${header.folder || ""}`;
  });
  model.send({ kind: "hello", seq: 0 });
  return () => el.replaceChildren();
}

export default { render };
