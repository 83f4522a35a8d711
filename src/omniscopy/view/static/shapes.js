// Regions of an image: where they are, how they are taken hold of, moved and drawn.
// Places are [y, x] in the units of the coordinates.

const sub = (a, b) => [a[0] - b[0], a[1] - b[1]];
const add = (a, b) => [a[0] + b[0], a[1] + b[1]];
const length = (a) => Math.hypot(a[0], a[1]);
const degrees = (d) => (Math.atan2(d[0], d[1]) * 180) / Math.PI;

/** The middle of a region. */
export function middleOf(r) {
  if (r.at) return r.at;
  if (r.centre) return r.centre;
  if (r.corners) {
    const sum = r.corners.reduce(add, [0, 0]);
    return [sum[0] / r.corners.length, sum[1] / r.corners.length];
  }
  return [(r.from[0] + r.to[0]) / 2, (r.from[1] + r.to[1]) / 2];
}

/** A region moved by [dy, dx]. */
export function shifted(r, by) {
  const moved = { ...r };
  for (const key of ["at", "centre", "from", "to"]) if (r[key]) moved[key] = add(r[key], by);
  if (r.corners) moved.corners = r.corners.map((c) => add(c, by));
  return moved;
}

/** A region of another size about the same middle. */
export function scaledRegion(r, factor) {
  const [my, mx] = middleOf(r);
  const scaled = ([y, x]) => [my + (y - my) * factor, mx + (x - mx) * factor];
  const made = { ...r };
  for (const key of ["from", "to"]) if (r[key]) made[key] = scaled(r[key]);
  if (r.corners) made.corners = r.corners.map(scaled);
  if (r.radii) made.radii = r.radii.map((v) => v * factor);
  for (const key of ["inner", "outer"]) if (r[key] !== undefined) made[key] = r[key] * factor;
  return made;
}

/** Where a region can be taken hold of: name and place. */
export function handlesOf(r) {
  const polar = (radius, angle) => add(r.centre, [radius * Math.sin((angle * Math.PI) / 180), radius * Math.cos((angle * Math.PI) / 180)]);
  switch (r.kind) {
    case "box":
      return [["from", r.from], ["to", r.to], ["a", [r.from[0], r.to[1]]], ["b", [r.to[0], r.from[1]]]];
    case "ellipse":
      return [["ry", add(r.centre, [r.radii[0], 0])], ["rx", add(r.centre, [0, r.radii[1]])]];
    case "line": case "distance": case "profile":
      return [["from", r.from], ["to", r.to]];
    case "angle":
      return [["from", r.from], ["corner", r.corner], ["to", r.to]];
    case "polygon":
      return r.corners.map((c, i) => [i, c]);
    case "disc":
      return [["outer", add(r.centre, [0, r.outer])]];
    case "annulus":
      return [["inner", add(r.centre, [0, r.inner])], ["outer", add(r.centre, [0, r.outer])]];
    case "segment":
      return [["inner", polar(r.inner, (r.start + r.stop) / 2)], ["outer", polar(r.outer, (r.start + r.stop) / 2)],
        ["start", polar(r.outer, r.start)], ["stop", polar(r.outer, r.stop)]];
    default:
      return [];
  }
}

/** A region whose handle was moved to a place. */
export function withHandle(r, name, to) {
  switch (r.kind) {
    case "box":
      if (name === "a") return { ...r, from: [to[0], r.from[1]], to: [r.to[0], to[1]] };
      if (name === "b") return { ...r, from: [r.from[0], to[1]], to: [to[0], r.to[1]] };
      return { ...r, [name]: to };
    case "ellipse": {
      const d = sub(to, r.centre).map(Math.abs);
      return { ...r, radii: name === "ry" ? [d[0], r.radii[1]] : [r.radii[0], d[1]] };
    }
    case "polygon":
      return { ...r, corners: r.corners.map((c, i) => (i === name ? to : c)) };
    case "disc": case "annulus": case "segment":
      return movedDetector(r, name, sub(to, r.centre));
    default:
      return { ...r, [name]: to };
  }
}

function movedDetector(r, name, d) {
  if (name === "outer") return { ...r, outer: Math.max(length(d), (r.inner || 0) * 1.02 + 1e-12) };
  if (name === "inner") return { ...r, inner: Math.min(length(d), r.outer * 0.98) };
  let angle = degrees(d);
  if (name === "start") {
    while (angle >= r.stop) angle -= 360;
    while (angle < r.stop - 360) angle += 360;
    return { ...r, start: angle };
  }
  while (angle <= r.start) angle += 360;
  while (angle > r.start + 360) angle -= 360;
  return { ...r, stop: angle };
}

/** A new region of a kind, drawn from one place to another; `pixel` is the size of one. */
export function drawnRegion(kind, from, to, pixel, old) {
  const d = sub(to, from);
  switch (kind) {
    case "point": return { kind, at: to };
    case "box": return { kind, from, to };
    case "ellipse": return { kind, centre: from, radii: [Math.max(Math.abs(d[0]), pixel), Math.max(Math.abs(d[1]), pixel)] };
    case "line": case "profile": return { kind, from, to, width: (old && old.width) || (kind === "line" ? pixel : 0) };
    case "distance": return { kind, from, to };
    case "angle": return { kind, from, corner: to, to: add(to, [-d[1], d[0]]) };
    case "disc": return { kind, centre: from, outer: Math.max(length(d), pixel) };
    case "annulus": return { kind, centre: from, inner: Math.max(length(d), pixel) * 0.6, outer: Math.max(length(d), pixel) };
    case "segment": {
      const angle = degrees(d);
      return { kind, centre: from, inner: Math.max(length(d), pixel) * 0.3, outer: Math.max(length(d), pixel), start: angle - 45, stop: angle + 45 };
    }
    default: return { kind: "point", at: to };
  }
}

/** Whether a place is on or in a region; `slack` is a few pixels of the screen. */
export function holdsPlace(r, place, slack) {
  switch (r.kind) {
    case "point": return length(sub(place, r.at)) < slack * 1.6;
    case "box": {
      const inside = (k) => place[k] >= Math.min(r.from[k], r.to[k]) - slack && place[k] <= Math.max(r.from[k], r.to[k]) + slack;
      return inside(0) && inside(1);
    }
    case "ellipse": {
      const d = sub(place, r.centre);
      return (d[0] / (r.radii[0] + slack)) ** 2 + (d[1] / (r.radii[1] + slack)) ** 2 <= 1;
    }
    case "polygon": return insidePolygon(r.corners, place) || r.corners.some((c) => length(sub(place, c)) < slack);
    case "disc": case "annulus": case "segment": return length(sub(place, r.centre)) <= r.outer + slack;
    case "angle": return nearSegment(r.from, r.corner, place) < slack || nearSegment(r.corner, r.to, place) < slack;
    default: return nearSegment(r.from, r.to, place) < Math.max(slack, (r.width || 0) / 2);
  }
}

function nearSegment(a, b, p) {
  const d = sub(b, a);
  const t = Math.max(0, Math.min(1, ((p[0] - a[0]) * d[0] + (p[1] - a[1]) * d[1]) / (d[0] ** 2 + d[1] ** 2 || 1)));
  return length(sub(p, add(a, [d[0] * t, d[1] * t])));
}

function insidePolygon(corners, [y, x]) {
  let inside = false;
  corners.forEach(([yi, xi], i) => {
    const [yj, xj] = corners[(i + corners.length - 1) % corners.length];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  });
  return inside;
}

/**
 * Trace the outline of a region.
 * @param {CanvasRenderingContext2D} context
 * @param {object} r
 * @param {(place: number[]) => number[]} project place [y, x] to the screen [x, y]
 */
export function traceRegion(context, r, project) {
  const to = (place, first) => context[first ? "moveTo" : "lineTo"](...project(place));
  context.beginPath();
  switch (r.kind) {
    case "point": {
      const [x, y] = project(r.at);
      context.moveTo(x - 9, y); context.lineTo(x - 3, y); context.moveTo(x + 3, y); context.lineTo(x + 9, y);
      context.moveTo(x, y - 9); context.lineTo(x, y - 3); context.moveTo(x, y + 3); context.lineTo(x, y + 9);
      context.moveTo(x + 3, y); context.arc(x, y, 3, 0, 7);
      break;
    }
    case "box": [r.from, [r.from[0], r.to[1]], r.to, [r.to[0], r.from[1]]].forEach((c, i) => to(c, !i)); context.closePath(); break;
    case "polygon": r.corners.forEach((c, i) => to(c, !i)); if (r.corners.length > 2) context.closePath(); break;
    case "ellipse": traceArc(r.centre, r.radii, 0, 360, to); context.closePath(); break;
    case "disc": traceArc(r.centre, [r.outer, r.outer], 0, 360, to); context.closePath(); break;
    case "annulus":
      traceArc(r.centre, [r.outer, r.outer], 0, 360, to); context.closePath();
      traceArc(r.centre, [r.inner, r.inner], 360, 0, to); context.closePath(); break;
    case "segment":
      traceArc(r.centre, [r.outer, r.outer], r.start, r.stop, to);
      traceArc(r.centre, [r.inner, r.inner], r.stop, r.start, to, true); context.closePath(); break;
    case "angle": to(r.from, true); to(r.corner); to(r.to); break;
    default: traceBand(r, to, context);
  }
}

function traceArc(centre, radii, start, stop, to, joined = false) {
  const steps = 64;
  for (let i = 0; i <= steps; i++) {
    const turn = ((start + ((stop - start) * i) / steps) * Math.PI) / 180;
    to([centre[0] + radii[0] * Math.sin(turn), centre[1] + radii[1] * Math.cos(turn)], i === 0 && !joined);
  }
}

function traceBand(r, to, context) {
  to(r.from, true);
  to(r.to);
  if (!r.width) return;
  const d = sub(r.to, r.from);
  const size = length(d) || 1;
  const across = [(d[1] / size) * (r.width / 2), (-d[0] / size) * (r.width / 2)];
  to(add(r.from, across), true);
  to(add(r.to, across));
  to(sub(r.to, across));
  to(sub(r.from, across));
  context.closePath();
}

/** What a measuring region says, in units. */
export function measureText(r, format, units) {
  if (r.kind === "distance" || r.kind === "profile" || r.kind === "line") {
    const size = length(sub(r.to, r.from));
    // Of a reciprocal length the period, too: the distance of spots is what is measured there.
    const period = /^1\/\w+$/.test(units || "") && size > 0 ? ` (${format(1 / size, units.slice(2))})` : "";
    return `${format(size, units)}${period}`;
  }
  if (r.kind === "angle") {
    const [a, b] = [degrees(sub(r.from, r.corner)), degrees(sub(r.to, r.corner))];
    const turn = Math.abs(a - b) % 360;
    return `${(turn > 180 ? 360 - turn : turn).toFixed(1)}°`;
  }
  return "";
}

/** A region without what is only shown. */
export function bareRegion(r) {
  const { id, colour, name, label, mark, on, ...rest } = r;
  return rest;
}
