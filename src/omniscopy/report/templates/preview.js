// Numbers in the page: a map that is clicked, and what was measured at its pixels beside it.
{
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const wide = (text) => new Uint16Array(bytes(text).buffer);
  const real = (text) => new Float32Array(bytes(text).buffer);
  const short = (value) => {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    return String(Number(value.toPrecision(5)));
  };

  const canvas = (width, height) => {
    const made = document.createElement("canvas");
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    made.width = Math.round(width * ratio);
    made.height = Math.round(height * ratio);
    made.style.width = `${width}px`;
    made.style.aspectRatio = `${width} / ${height}`;
    made.ratio = ratio;
    return made;
  };

  const picture = (shades, start, columns, rows) => {
    const made = document.createElement("canvas");
    made.width = columns;
    made.height = rows;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < columns * rows; i++) {
      image.data.fill(shades[start + i], 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    }
    made.getContext("2d").putImageData(image, 0, 0);
    return made;
  };

  const ticks = (low, high, most) => {
    const rough = (high - low) / most || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
    return found;
  };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const place = (axis, number) => {
    if (axis.names) return axis.names[number];
    return `${axis.name} = ${short(axis.positions[number])}${axis.units ? ` ${axis.units}` : ""}`;
  };

  class Spectra {
    constructor(content) {
      this.content = content;
      this.low = real(content.low);
      this.high = real(content.high);
      this.data = wide(content.data);
      this.count = content.curve.count;
      this.canvas = canvas(600, 300);
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", "Spectrum of the chosen place");
      this.mean = new Float64Array(this.count);
      const pixels = this.low.length;
      for (let i = 0; i < this.count; i++) {
        let sum = 0, used = 0;
        for (let pixel = 0; pixel < pixels; pixel++) {
          const value = this.value(pixel, i);
          if (!Number.isNaN(value)) { sum += value; used += 1; }
        }
        this.mean[i] = used ? sum / used : NaN;
      }
    }

    value(pixel, i) {
      const coded = this.data[pixel * this.count + i];
      return coded === 65535 ? NaN : this.low[pixel] + ((this.high[pixel] - this.low[pixel]) * coded) / 65534;
    }

    draw(pixel) {
      const pen = this.canvas.getContext("2d"), ratio = this.canvas.ratio;
      const width = 600, height = 300, left = 62, right = 12, top = 22, bottom = 42;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const chosen = Array.from({ length: this.count }, (_, i) => this.value(pixel, i));
      const all = [...chosen, ...this.mean].filter(Number.isFinite);
      let low = Math.min(...all), high = Math.max(...all);
      if (!(high > low)) { low -= 0.5; high += 0.5; }
      const spare = 0.05 * (high - low);
      low -= spare; high += spare;
      const axis = this.content.curve;
      const at = axis.positions ?? chosen.map((_, i) => i);
      const first = Math.min(...at), last = Math.max(...at);
      const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - right);
      const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
      pen.font = "11px system-ui, sans-serif";
      pen.lineWidth = 1;
      pen.strokeStyle = colour("--rule");
      pen.fillStyle = colour("--soft");
      pen.textAlign = "center";
      for (const tick of ticks(first, last, 7)) {
        pen.beginPath(); pen.moveTo(x(tick), top); pen.lineTo(x(tick), height - bottom); pen.stroke();
        pen.fillText(short(tick), Math.min(x(tick), width - 16), height - bottom + 15);
      }
      pen.textAlign = "right";
      for (const tick of ticks(low, high, 5)) {
        pen.beginPath(); pen.moveTo(left, y(tick)); pen.lineTo(width - right, y(tick)); pen.stroke();
        pen.fillText(short(tick), left - 6, y(tick) + 4);
      }
      pen.fillStyle = colour("--ink");
      pen.textAlign = "center";
      pen.fillText(axis.label, (left + width - right) / 2, height - 8);
      pen.textAlign = "left";
      pen.fillText(this.content.values.label, 4, 13);
      pen.textAlign = "right";
      pen.fillStyle = colour("--soft");
      pen.fillText("mean", width - right, 13);
      const mean = pen.measureText("mean").width;
      pen.fillStyle = colour("--accent");
      pen.fillText("here", width - right - mean - 12, 13);
      const line = (values, stroke, thick) => {
        pen.strokeStyle = stroke; pen.lineWidth = thick; pen.lineJoin = "round"; pen.beginPath();
        let lifted = true;
        values.forEach((value, i) => {
          if (!Number.isFinite(value)) { lifted = true; return; }
          if (lifted) pen.moveTo(x(at[i]), y(value)); else pen.lineTo(x(at[i]), y(value));
          lifted = false;
        });
        pen.stroke();
      };
      line(this.mean, colour("--soft"), 1);
      line(chosen, colour("--accent"), 1.5);
    }
  }

  class Pictures {
    constructor(content) {
      this.content = content;
      this.data = bytes(content.data);
      const aspect = content.picture_aspect;
      const width = Math.min(320, 320 / aspect);
      this.width = width; this.height = width * aspect;
      this.canvas = canvas(width, width * aspect);
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", content.frames ? "The chosen frame" : "Pattern of the chosen place");
    }

    draw(number) {
      const { width, height } = this.content;
      const pen = this.canvas.getContext("2d");
      pen.setTransform(this.canvas.ratio, 0, 0, this.canvas.ratio, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture(this.data, number * width * height, width, height), 0, 0, this.width, this.height);
    }
  }

  const explore = (box, content) => {
    const stage = box.querySelector(".stage"), told = box.querySelector(".told");
    const side = content.kind === "spectra" ? new Spectra(content) : new Pictures(content);
    const { rows, columns } = content;
    const width = Math.min(300, 300 / content.aspect), height = width * content.aspect;
    const map = canvas(width, height), shades = picture(bytes(content.map), 0, columns, rows);
    map.tabIndex = 0;
    map.setAttribute("role", "application");
    map.setAttribute("aria-label", "Map: choose a place with the arrow keys");
    let row = Math.floor(rows / 2), column = Math.floor(columns / 2);
    const draw = () => {
      const pen = map.getContext("2d");
      pen.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(shades, 0, 0, width, height);
      const x = ((column + 0.5) / columns) * width, y = ((row + 0.5) / rows) * height;
      const size = Math.max(5, (0.5 * width) / columns, (0.5 * height) / rows);
      for (const [stroke, thick] of [["#000", 4], ["#ffd33d", 2]]) {
        pen.strokeStyle = stroke; pen.lineWidth = thick;
        pen.strokeRect(x - size, y - size, 2 * size, 2 * size);
      }
      side.draw(row * columns + column);
      told.textContent = `${place(content.y, row)}, ${place(content.x, column)}`;
    };
    const choose = (event) => {
      const edge = map.getBoundingClientRect();
      column = Math.max(0, Math.min(columns - 1, Math.floor(((event.clientX - edge.left) / edge.width) * columns)));
      row = Math.max(0, Math.min(rows - 1, Math.floor(((event.clientY - edge.top) / edge.height) * rows)));
      draw();
    };
    map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); choose(event); });
    map.addEventListener("pointermove", (event) => { if (event.buttons) choose(event); });
    map.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      row = Math.max(0, Math.min(rows - 1, row + step[0]));
      column = Math.max(0, Math.min(columns - 1, column + step[1]));
      draw();
    });
    stage.append(map, side.canvas);
    return draw;
  };

  const leaf = (box, content) => {
    const stage = box.querySelector(".stage"), told = box.querySelector(".told");
    const side = new Pictures(content);
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: content.frames.count - 1, value: 0 });
    slider.setAttribute("aria-label", "Frame");
    const draw = () => {
      side.draw(Number(slider.value));
      told.textContent = place(content.frames, Number(slider.value));
    };
    slider.addEventListener("input", draw);
    stage.append(side.canvas, slider);
    return draw;
  };

  const drawn = [];
  for (const box of document.querySelectorAll("[data-preview]")) {
    const content = JSON.parse(box.dataset.preview);
    drawn.push((content.kind === "frames" ? leaf : explore)(box, content));
    box.hidden = false;
  }
  const again = () => { for (const draw of drawn) draw(); };
  again();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
