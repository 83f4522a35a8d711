// Forms made from JSON schemas: one control for each parameter, with its type.
import { make, makeSelect } from "./dom.js";

/**
 * Make a control of a schema.
 * @param {object} schema
 * @param {*} value what it shows at first
 * @returns {{el: HTMLElement, get: () => *}} `get` gives undefined where nothing was entered, and
 *   throws an Error in words where what was entered cannot be
 */
export function controlOf(schema, value) {
  const kinds = (schema.anyOf || [schema]).filter((s) => s.type !== "null");
  const first = kinds.find((s) => s.enum || s.type) || {};
  if (kinds.length > 1 && !kinds.every((s) => s.type === "number" || s.type === "integer")) return mixedControl(kinds, value);
  if (first.enum) return choiceControl(first.enum, value, schema.anyOf);
  switch (first.type) {
    case "boolean": return booleanControl(value);
    case "integer": case "number": return numberControl(first.type, value);
    case "string": return textControl(value);
    case "array": return first.prefixItems && first.prefixItems.every((s) => s.type === "number" || s.type === "integer")
      ? tupleControl(first.prefixItems.length, value)
      : listControl(value, first.items || {});
    default: return jsonControl(value);
  }
}

function choiceControl(options, value, optional) {
  const all = optional ? [["", "–"], ...options.map((o) => [String(o), o])] : options.map((o) => [String(o), o]);
  const el = makeSelect(all, String(value ?? (optional ? "" : options[0])), () => {});
  return { el, get: () => (el.value === "" ? undefined : options.find((o) => String(o) === el.value)) };
}

function booleanControl(value) {
  const el = make("input", { type: "checkbox", checked: !!value });
  return { el, get: () => el.checked };
}

function numberControl(type, value) {
  const el = make("input", { type: "text", inputMode: "decimal", value: value ?? "", placeholder: type });
  return { el, get: () => numberIn(el.value, type) };
}

function numberIn(text, type = "number") {
  if (text.trim() === "") return undefined;
  const n = Number(text.replace("−", "-").replace(",", "."));
  if (!Number.isFinite(n)) throw new Error(`“${text}” is not a number`);
  if (type === "integer" && !Number.isInteger(n)) throw new Error(`“${text}” is not a whole number`);
  return n;
}

function textControl(value) {
  const el = make("input", { type: "text", value: value ?? "" });
  return { el, get: () => (el.value === "" ? undefined : el.value) };
}

function tupleControl(count, value) {
  const inputs = Array.from({ length: count }, (_, i) => make("input", { type: "text", inputMode: "decimal", value: Array.isArray(value) ? value[i] : "" }));
  const get = () => {
    const found = inputs.map((i) => numberIn(i.value));
    if (found.every((v) => v === undefined)) return undefined;
    if (found.some((v) => v === undefined)) throw new Error(`${count} numbers are needed`);
    return found;
  };
  return { el: make("span.tuple", {}, ...inputs), get };
}

function listControl(value, items) {
  const el = make("input", { type: "text", value: Array.isArray(value) ? value.map((v) => (typeof v === "object" ? JSON.stringify(v) : v)).join(", ") : value ?? "", placeholder: "a, b, …" });
  const get = () => {
    const text = el.value.trim();
    if (!text) return undefined;
    if (text.startsWith("[") || text.startsWith("{")) return parsed(text.startsWith("{") ? `[${text}]` : text);
    const parts = text.split(",").map((p) => p.trim()).filter(Boolean);
    return items.type === "number" || items.type === "integer" ? parts.map((p) => numberIn(p, items.type)) : parts;
  };
  return { el, get };
}

function mixedControl(kinds, value) {
  const shown = value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const words = kinds.flatMap((s) => s.enum || []);
  const el = make("input", { type: "text", value: shown, placeholder: words.join(" | ") || "number, text, [list] or {…}" });
  const texts = kinds.some((s) => s.type === "string" || s.enum);
  const get = () => {
    const text = el.value.trim();
    if (!text) return undefined;
    if (/^[[{"]|^(true|false|null)$|^[-+.\d]/.test(text)) {
      try {
        return JSON.parse(text);
      } catch (error) {
        if (!texts) throw new Error(`“${text}” is not JSON: ${error.message}`);
      }
    }
    return text;
  };
  return { el, get };
}

function jsonControl(value) {
  const shown = value === null || value === undefined ? "" : JSON.stringify(value);
  const el = make("textarea", { rows: Math.min(6, 1 + Math.floor(shown.length / 38)), value: shown, spellcheck: false });
  return { el, get: () => (el.value.trim() ? parsed(el.value) : undefined) };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`this is not JSON: ${error.message}`);
  }
}
