// The menu of operations and their forms, made from the registry.
import { debounced, field, make, makeSelect } from "./dom.js";
import { controlOf } from "./forms.js";

const GROUPS = { signal: "Signals", image: "Images", atoms: "Atoms", eels: "EELS", eds: "EDS", diffraction: "Diffraction", spm: "Probe microscopy", crystal: "Crystals", simulate: "Simulations" };

export class OperationsPanel {
  constructor(app) {
    this.app = app;
    this.search = make("input", { type: "search", placeholder: "Search operations… ( / )", "aria-label": "Search operations", "data-test": "operations-search" });
    this.search.oninput = () => this.fill();
    this.list = make("div.operations", { "data-test": "operations" });
    this.el = make("div.panel-body", {}, this.search, this.list);
  }

  async shown() {
    if (!this.entries) {
      this.list.replaceChildren(make("p.hint", {}, "Reading the list…"));
      try {
        this.entries = (await this.app.link.ask({ kind: "operations" })).header.operations;
      } catch (error) {
        this.app.fail(error);
        return;
      }
    }
    this.fill();
  }

  fill() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = (this.entries || []).filter((e) => words.every((w) => `${e.name} ${e.summary}`.toLowerCase().includes(w)));
    const made = [];
    for (const [group, title] of Object.entries(GROUPS)) {
      const own = found.filter((e) => e.group === group);
      if (!own.length) continue;
      const rows = own.map((e) => make("li", {}, make("button.plain", { onclick: () => this.form(e.name), title: e.summary, "data-op": e.name }, make("b", {}, e.name.split(".")[1].replaceAll("_", " ")), make("small", {}, e.summary))));
      made.push(make("details", { open: words.length > 0 && found.length < 60 }, make("summary", {}, title, make("span.count", {}, String(own.length))), make("ul", {}, ...rows)));
    }
    this.list.replaceChildren(...(made.length ? made : [make("p.hint", {}, "No operation has all of these words.")]));
  }

  async form(name) {
    let header;
    try {
      ({ header } = await this.app.link.ask({ kind: "form", name }));
    } catch (error) {
      this.app.fail(error);
      return;
    }
    const controls = {};
    const inputs = {};
    const items = [...this.app.items.values()].map((i) => [i.id, `${i.title}${i.step && i.step !== i.title ? ` (${i.step})` : ""} ${i.axes.map((a) => a.size).join("×")}`]);
    const rows = header.inputs.map((key, i) => {
      const needed = header.required_inputs.includes(key);
      const value = i === 0 ? this.app.state.item : needed ? items[items.length - 1]?.[0] : "";
      inputs[key] = value;
      return field(key, makeSelect(needed ? items : [["", "–"], ...items], value, (v) => { inputs[key] = v; }), header.about[key]);
    });
    for (const [key, schema] of Object.entries(header.schema.properties)) {
      const needed = header.schema.required.includes(key);
      controls[key] = controlOf(schema, this.suggested(key) ?? schema.default ?? (needed ? header.example[key] : undefined));
      controls[key].el.dataset.parameter = key;
      rows.push(field(needed ? `${key} *` : key, controls[key].el, header.about[key]));
    }
    const problem = make("p.bad", { "data-test": "form-error" });
    const needs = make("p.hint", { "data-test": "needs" });
    const go = make("button.primary", { type: "submit", "data-test": "run" }, "Run");
    const back = make("button.plain", { type: "button", onclick: () => this.fill() }, "‹ All operations");
    const form = make("form.form", { "data-test": "form" }, back, make("h3", {}, header.name), make("p.summary", {}, header.summary), ...rows, problem, needs, go,
      make("details", {}, make("summary", {}, "About"), make("pre.about", {}, header.text)));
    const told = { needs, problem, go, large: false };
    const look = debounced(() => this.estimate(header, inputs, controls, told), 300);
    form.onchange = look;
    form.oninput = look;
    look();
    form.onsubmit = (e) => {
      e.preventDefault();
      problem.textContent = "";
      // Much memory is asked for twice.
      if (told.large && go.textContent === "Run") go.textContent = "Run anyway";
      else this.run(header, inputs, controls, problem, go);
    };
    this.list.replaceChildren(form);
    form.querySelector("input,select,textarea")?.focus();
  }

  /** Say what it will need, as soon as the form is filled in. */
  estimate(header, inputs, controls, told) {
    const { needs, go } = told;
    let parameters;
    try {
      parameters = this.parametersIn(controls);
    } catch {
      needs.textContent = "";
      return;
    }
    const say = (text, large) => {
      needs.textContent = text;
      needs.classList.toggle("bad", large);
      Object.assign(told, { large });
      go.textContent = "Run";
    };
    const given = Object.fromEntries(Object.entries(inputs).filter(([, v]) => v));
    this.app.link.askFor("estimate", { kind: "estimate", name: header.name, inputs: given, parameters }, (said) => needs.isConnected && say(said.words, said.large), () => say("", false));
  }

  parametersIn(controls) {
    const found = {};
    for (const [key, control] of Object.entries(controls)) {
      const value = control.get();
      if (value !== undefined) found[key] = value;
    }
    return found;
  }

  suggested(key) {
    const { window: chosen } = this.app.state;
    return key === "window" && chosen ? chosen.map((v) => Number(v.toPrecision(6))) : undefined;
  }

  async run(header, inputs, controls, problem, go) {
    const parameters = {};
    for (const [key, control] of Object.entries(controls)) {
      try {
        const value = control.get();
        if (value !== undefined) parameters[key] = value;
      } catch (error) {
        problem.textContent = `${key}: ${error.message}`;
        control.el.focus?.();
        return;
      }
    }
    go.disabled = true;
    try {
      const given = Object.fromEntries(Object.entries(inputs).filter(([, v]) => v));
      const { header: made } = await this.app.work(header.name, { kind: "run", name: header.name, inputs: given, parameters });
      this.app.made(made.items, header.name);
    } catch (error) {
      problem.textContent = error.message;
    }
    go.disabled = false;
  }
}
