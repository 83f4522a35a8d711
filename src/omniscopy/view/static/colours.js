// Colour maps that are even to the eye and safe for colour-blind people, as tables of 256 colours.

const ANCHORS = {
  grey: ["#000000", "#ffffff"],
  viridis: ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"],
  magma: ["#000004", "#140e36", "#3b0f70", "#641a80", "#8c2981", "#b73779", "#de4968", "#f7705c", "#fe9f6d", "#fecf92", "#fcfdbf"],
  cividis: ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"],
  diverging: ["#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"],
  cyclic: ["#e2d9e2", "#9ebbc9", "#6785be", "#5e43a5", "#421257", "#2f1436", "#57163f", "#8d2a4f", "#b75b55", "#cca389", "#e2d9e2"],
};

export const COLOUR_MAPS = ["grey", "viridis", "magma", "cividis", "diverging", "cyclic"];
// Of regions and their spectra (Okabe and Ito, safe for colour-blind people).
export const REGION_COLOURS = ["#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2"];

const TABLES = new Map();

/** The 256 colours of a map as numbers 0xAABBGGRR, as canvases want them. */
export function colourTable(name, inverted = false) {
  const key = `${name}${inverted}`;
  if (!TABLES.has(key)) TABLES.set(key, makeTable(ANCHORS[name] || ANCHORS.grey, inverted));
  return TABLES.get(key);
}

function makeTable(anchors, inverted) {
  const rgb = anchors.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = ((inverted ? 255 - i : i) / 255) * (rgb.length - 1);
    const low = Math.min(Math.floor(at), rgb.length - 2);
    const [r, g, b] = [0, 1, 2].map((k) => Math.round(rgb[low][k] + (rgb[low + 1][k] - rgb[low][k]) * (at - low)));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

/** What stretches values from 0 to 1 onto colours. */
export function stretchOf(scale, gamma) {
  if (scale === "log") return (t) => Math.log1p(999 * t) / Math.log(1000);
  if (scale === "asinh") return (t) => Math.asinh(10 * t) / Math.asinh(10);
  if (scale === "gamma") return (t) => t ** gamma;
  return (t) => t;
}

/**
 * Paint values into pixels.
 * @param {Float32Array} values
 * @param {Uint32Array} pixels
 * @param {{map: string, inverted: boolean, scale: string, gamma: number, low: number, high: number}} look
 */
export function paint(values, pixels, look) {
  const table = colourTable(look.map, look.inverted);
  const stretch = stretchOf(look.scale, look.gamma);
  const fine = new Uint32Array(1025);
  for (let i = 0; i <= 1024; i++) fine[i] = table[Math.round(255 * stretch(i / 1024))];
  const { low } = look;
  const factor = 1024 / (look.high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const t = (values[i] - low) * factor;
    pixels[i] = t >= 1024 ? fine[1024] : t > 0 ? fine[t | 0] : t <= 0 ? fine[0] : 0;
  }
}

/** Paint complex values: the phase as hue, the magnitude as brightness. */
export function paintComplex(re, im, pixels, look) {
  const stretch = stretchOf(look.scale, look.gamma);
  const span = look.high - look.low || 1;
  for (let i = 0; i < re.length; i++) {
    const size = Math.hypot(re[i], im[i]);
    if (Number.isNaN(size)) {
      pixels[i] = 0;
      continue;
    }
    const t = stretch(Math.min(1, Math.max(0, (size - look.low) / span)));
    pixels[i] = hueColour(Math.atan2(im[i], re[i]), t);
  }
}

/** A colour of even lightness: angle in radians, brightness 0 to 1 (Oklab). */
export function hueColour(angle, t) {
  const lightness = 0.78 * t;
  const chroma = 0.125 * t;
  const [a, b] = [chroma * Math.cos(angle + 0.5), chroma * Math.sin(angle + 0.5)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const [r, g, bl] = linear.map((v) => Math.round(255 * Math.min(1, Math.max(0, v)) ** (1 / 2.2)));
  return ((255 << 24) | (bl << 16) | (g << 8) | r) >>> 0;
}

/** Least and greatest value between two percentiles, of at most about 50 000 values. */
export function limitsOf(values, lowPercent, highPercent) {
  const step = Math.max(1, Math.floor(values.length / 50000));
  const sample = [];
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) sample.push(values[i]);
  if (!sample.length) return [0, 1];
  const sorted = Float64Array.from(sample).sort();
  const at = (p) => sorted[Math.round((p / 100) * (sorted.length - 1))];
  const [low, high] = [at(lowPercent), at(highPercent)];
  return low === high ? [low - (Math.abs(low) || 1) * 0.5, high + (Math.abs(high) || 1) * 0.5] : [low, high];
}

/** Counts of values in even bins between two ends. */
export function histogramOf(values, low, high, bins) {
  const counts = new Uint32Array(bins);
  const factor = bins / (high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const at = (values[i] - low) * factor;
    if (at >= 0 && at <= bins) counts[Math.min(bins - 1, at | 0)] += 1;
  }
  return counts;
}

/** Paint images over each other: each in its colour, from its own darkest to its brightest. */
export function paintLayers(layers, pixels, look) {
  const stretch = stretchOf(look.scale, look.gamma);
  const light = layers.map(({ values, colour }) => {
    const [low, high] = limitsOf(values, look.percent, 100 - look.percent);
    return { values, low, span: high - low || 1, rgb: [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)) };
  });
  for (let i = 0; i < pixels.length; i++) {
    let [r, g, b] = [0, 0, 0];
    for (const { values, low, span, rgb } of light) {
      const t = stretch(Math.max(0, Math.min(1, (values[i] - low) / span))) || 0;
      r += rgb[0] * t;
      g += rgb[1] * t;
      b += rgb[2] * t;
    }
    pixels[i] = (255 << 24) | (Math.min(255, b) << 16) | (Math.min(255, g) << 8) | Math.min(255, r);
  }
}
