// The explorer: one module for a page and for notebooks.
import { Explorer } from "./explorer.js";

/**
 * Show the explorer in an element.
 * @param {{model: object, el: HTMLElement}} host what anywidget gives to `render`: `model` has
 *   `send(message, callbacks, buffers)` and `on("msg:custom", f)`
 * @returns {() => void} what takes it away again
 */
export function render({ model, el }) {
  const explorer = new Explorer(model, el);
  return () => explorer.close();
}

export default { render };
