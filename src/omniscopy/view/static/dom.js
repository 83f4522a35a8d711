// Elements in few words.

/**
 * Make an element: `make("button.primary", { onclick }, "Text", child)`.
 * @param {string} what tag and classes
 * @param {object} [props] properties; `data-*`, `aria-*`, `for` and `role` become attributes
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElement}
 */
export function make(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const el = document.createElement(tag || "div");
  if (classes.length) el.classList.add(...classes);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "for" || key === "role" || key === "list")
      el.setAttribute(key, String(value));
    else el[key] = value;
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** Make a drop-down of [value, label] or plain values. */
export function makeSelect(options, value, onchange, props = {}) {
  const select = make("select", props);
  for (const option of options) {
    const [key, label] = Array.isArray(option) ? option : [option, option];
    select.append(make("option", { value: key, selected: key === value }, String(label)));
  }
  select.onchange = () => onchange(select.value);
  return select;
}

/** Make a labelled row of a form. */
export function field(label, control, hint) {
  const text = make("span.label", { title: hint || "" }, label);
  return make("label.field", {}, text, control);
}

/** Call a function once things have been quiet for a while. */
export function debounced(f, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), ms);
  };
}

/** A canvas that is as large as its element and as fine as the screen. */
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** The value of a colour of the style sheet, such as `--text`. */
export function themeColour(el, name) {
  return getComputedStyle(el).getPropertyValue(name).trim() || "#888";
}

/** Save bytes as a file of the user. */
export function saveFile(name, type, bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Put text on the clipboard; return whether that was allowed. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
