// Numbers, units and rulers.

const PREFIXES = [
  [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"],
  [1e-9, "n"], [1e-12, "p"], [1e-15, "f"],
];
const PREFIXED = new Set(["m", "s", "V", "A", "Hz", "N", "W", "eV", "F", "J", "Pa"]);

/** A number with few digits. */
export function short(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text;
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) {
    const [head, power] = value.toExponential(Math.min(digits - 1, 3)).split("e");
    text = `${String(Number(head))}×10${superscript(Number(power))}`;
  } else text = String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

function superscript(n) {
  return String(n).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]));
}

/** Units as they are written: "1" is none. */
export function unitText(units) {
  return !units || units === "1" ? "" : units.replace(/\^(-?\d+)/g, (_, n) => superscript(n));
}

/** A number with its units, in a fitting multiple of them. */
export function withUnits(value, units, digits = 4) {
  const unit = unitText(units);
  if (PREFIXED.has(unit) && value) {
    const size = Math.abs(value);
    const found = PREFIXES.find(([factor]) => size >= factor * 0.9999);
    if (found) return `${short(value / found[0], digits)} ${found[1]}${unit}`;
  }
  return unit ? `${short(value, digits)} ${unit}` : short(value, digits);
}

/** The largest of 1, 2, 5 times a power of ten that is not above a value. */
export function niceLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return ([5, 2, 1].find((n) => n * power <= most * 1.0001) || 1) * power;
}

/** Round numbers between two ends, about so many. */
export function ticksBetween(low, high, count) {
  const span = Math.abs(high - low);
  if (!(span > 0) || !Number.isFinite(span)) return [];
  let step = niceLength(span / Math.max(count, 1));
  // The next of 1, 2, 5 times a power of ten.
  if (span / step > count * 1.5) step = niceLength(step * 2.5);
  const [a, b] = [Math.min(low, high), Math.max(low, high)];
  const found = [];
  for (let i = Math.ceil(a / step - 1e-9); i * step <= b + step * 1e-9; i++) found.push(i * step);
  return found;
}

/** Numbers of a ruler in words, with as many digits as tell them apart. */
export function tickTexts(values) {
  const most = Math.max(...values.map(Math.abs));
  const step = Math.abs(values[1] - values[0]);
  const digits = step > 0 && most > 0 ? Math.floor(Math.log10(most) + 1e-9) - Math.floor(Math.log10(step) + 1e-9) + 1 : 4;
  if (digits <= 4) return values.map((v) => short(v));
  return values.map((v) => String(Number(v.toPrecision(Math.min(digits, 15)))).replace("-", "−"));
}

/** Bytes in words. */
export function bytesText(n) {
  if (n === null || n === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = n;
  let at = 0;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${at ? size.toPrecision(3) : size} ${units[at]}`;
}

/** The coordinate of a point of an axis. */
export function coordinateAt(axis, index) {
  if (axis.step !== undefined) return axis.first + axis.step * index;
  if (axis.values) {
    const low = Math.max(0, Math.min(axis.size - 1, Math.floor(index)));
    const high = Math.min(axis.size - 1, low + 1);
    return axis.values[low] + (axis.values[high] - axis.values[low]) * (index - low);
  }
  return index;
}

/** The (fractional) index of a coordinate. */
export function indexAt(axis, value) {
  if (axis.step !== undefined) return (value - axis.first) / axis.step;
  if (!axis.values) return value;
  let best = 0;
  axis.values.forEach((v, i) => {
    if (Math.abs(v - value) < Math.abs(axis.values[best] - value)) best = i;
  });
  return best;
}

/** What stands at a point of an axis, in words. */
export function labelAt(axis, index) {
  if (axis.labels) return axis.labels[index];
  return withUnits(coordinateAt(axis, index), axis.units);
}

const SYMBOLS = {
  energy_loss: "Energy loss", energy: "Energy", frequency: "Frequency", time: "Time",
  bias: "Bias", wavelength: "Wavelength", frame: "Frame",
};

/** The multiple of its units in which the numbers of an axis are short: factor and unit. */
export function axisScale(axis, ends) {
  const unit = unitText(axis.units);
  const most = Math.max(...ends.map(Math.abs));
  if (!PREFIXED.has(unit) || !(most > 0) || (most >= 0.1 && most < 10000)) return { factor: 1, unit };
  const [factor, prefix] = PREFIXES.find(([f]) => most >= f * 0.9999) || [1, ""];
  return { factor, unit: prefix + unit };
}

/** As `axisScale`, for values from one number to another. */
export function valueScale(units, ends) {
  return axisScale({ units }, ends.filter(Number.isFinite).length ? ends.filter(Number.isFinite) : [0]);
}

/** The title of an axis with its units. */
export function axisTitle(axis, unit = unitText(axis.units)) {
  const name = SYMBOLS[axis.name] || axis.name;
  return unit ? `${name} (${unit})` : name;
}
