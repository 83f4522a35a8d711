// Virtual detectors on the pattern: one or several, whose images are shown one at a time, side by
// side, or together in their colours.
import { REGION_COLOURS } from "./colours.js";
import { ImagePane } from "./image_pane.js";
import { regionTitle } from "./side_panels.js";

export class Detectors {
  constructor(app) {
    this.app = app;
    this.panes = new Map(); // by detector: panes beside the navigator
    this.maps = new Map(); // by detector: {header, values}
  }

  get all() {
    return this.app.state.detectors;
  }

  /** The one that is chosen, whose image the navigator is. */
  get active() {
    return this.all.find((d) => d.id === this.app.state.picked) || this.all[this.all.length - 1] || null;
  }

  get several() {
    const { app } = this;
    return app.signalKind === "image" && app.navKind === "image" && app.state.mode === "image" && this.all.length > 1 && !app.state.navigator;
  }

  /** A new detector of a shape. */
  draw(shape) {
    const { app } = this;
    app.count += 1;
    const taken = this.all.map((d) => d.colour);
    const colour = REGION_COLOURS.find((c) => !taken.includes(c)) || REGION_COLOURS[0];
    const made = { ...shape, id: `r${app.count}`, colour };
    app.state = { ...app.state, detectors: [...this.all, made], picked: made.id };
    this.sync();
    app.refreshNavigator();
    return made;
  }

  /** A detector was moved or changed; `final` when the mouse was lifted. */
  changed(r, final) {
    const { app } = this;
    app.state = { ...app.state, detectors: this.all.map((d) => (d.id === r.id ? r : d)), picked: r.id };
    if (r.kind !== "polygon" || r.corners.length > 2) app.refreshNavigator();
    if (!final) return;
    app.regionsPanel.show();
    app.commit(`detector: ${regionTitle(r).toLowerCase()}`);
  }

  pick(id) {
    const { app } = this;
    if (app.state.picked === id || !this.all.some((d) => d.id === id)) return;
    app.state = { ...app.state, picked: id };
    this.sync();
    app.regionsPanel.show();
    app.refreshNavigator();
  }

  remove(id) {
    this.maps.delete(id);
    this.app.change({ detectors: this.all.filter((d) => d.id !== id) }, "detector removed");
  }

  /** Draw the detectors, and what is measured, on the pattern. */
  sync() {
    const { signal, state } = this.app;
    if (!(signal instanceof ImagePane)) return;
    const marks = state.marks.filter((m) => m.on === "signal");
    signal.regions = [...this.all, ...marks];
    if (!signal.regions.some((r) => r.id === signal.active)) signal.active = this.active?.id || null;
    if (this.active && !marks.some((m) => m.id === signal.active)) signal.active = this.active.id;
    signal.draw();
  }

  /** Take in the image of the chosen detector, and ask for those of the others. */
  refresh(header, parts) {
    const { app } = this;
    const how = this.several ? app.state.together : "one";
    for (const id of [...this.maps.keys()]) if (!this.all.some((d) => d.id === id)) this.maps.delete(id);
    if (how === "one") {
      app.nav.layers = null;
      this.close();
      return;
    }
    if (header) this.maps.set(this.active.id, { header, values: parts[0] });
    if (how === "colours") this.close();
    const beside = how === "side" ? this.all.filter((d) => d !== this.active) : [];
    for (const [id, pane] of [...this.panes]) if (!beside.some((d) => d.id === id)) this.closeOne(id, pane);
    this.all.filter((d) => d !== this.active).forEach((d) => this.ask(d));
    if (how === "side") app.nav.layers = null;
    this.layers();
  }

  ask(detector) {
    const { app } = this;
    const axes = app.navAxes;
    const message = app.mapMessage(detector);
    app.link.askFor(`map:${detector.id}`, message, (header, parts) => {
      if (app.navAxes !== axes || !this.several || !this.all.some((d) => d.id === detector.id)) return;
      this.maps.set(detector.id, { header, values: parts[0] });
      if (app.state.together === "side" && detector.id !== this.active.id) this.pane(detector).setImage(header, parts, axes);
      else this.layers();
    }, (error) => app.fail(error));
  }

  /** The pane beside the navigator that shows the image of a detector. */
  pane(detector) {
    const { app } = this;
    if (!this.panes.has(detector.id)) {
      const made = new ImagePane(regionTitle(detector), { hover: (t) => app.setHover(t), pick: () => {}, change: () => {} });
      made.look = { ...app.nav.look, auto: "always" };
      made.title.style.color = detector.colour;
      made.el.addEventListener("pointerdown", () => this.pick(detector.id));
      this.panes.set(detector.id, made);
      app.panes.append(made.el);
      this.arrange();
    }
    return this.panes.get(detector.id);
  }

  /** Paint all images over each other where this is wanted. */
  layers() {
    const { app } = this;
    if (!this.several || app.state.together !== "colours") return;
    const shown = this.all.map((d) => ({ ...this.maps.get(d.id), colour: d.colour, name: regionTitle(d) })).filter((m) => m.values && m.values.length === app.nav.values?.length);
    app.nav.layers = shown.length > 1 ? shown : null;
    app.nav.refresh();
  }

  arrange() {
    this.app.panes.classList.toggle("many", this.panes.size > 0);
  }

  closeOne(id, pane) {
    pane.el.remove();
    this.panes.delete(id);
    this.arrange();
  }

  close() {
    for (const [id, pane] of [...this.panes]) this.closeOne(id, pane);
  }

  /** What makes the images of all detectors, as the server is asked for them. */
  messages() {
    const { app } = this;
    return this.several ? this.all.map((d) => app.mapMessage(d)) : [app.mapMessage()];
  }
}
