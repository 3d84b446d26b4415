// Runs the model of this folder in the browser. model.json describes its inputs.
import * as ort from "./ort.wasm.min.mjs";
import { draw } from "./random.js";

const $ = (id) => document.getElementById(id);
ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;
ort.env.wasm.numThreads = 1; // several threads would need headers that simple servers do not send

const BARS = 8;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const state = {
  latents: null, // the point shown
  center: null, // the point in the middle of the plane
  directions: [],
  position: [0, 0], // in the plane, in [-1, 1]
  amounts: [], // of the directions
  firstBar: 0,
  turns: 0,
  conditions: {},
  points: [],
  map: null, // the class of each pixel, for models of label maps
};
let about, session, latentInput, imageInput, running, again;

function say(text, error = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", error);
}

// Latents -------------------------------------------------------------------------------------------------------------

const norm = (x) => Math.hypot(...x);
const normal = () => latentInput.prior === "normal";

function fit(z) {
  // Uniform latents are bounded. Normal ones lie near a sphere, and images far from it are poor.
  return normal() ? z : z.map((v) => Math.min(1, Math.max(-1, v)));
}

function slerp(a, b, t) {
  if (!normal()) return a.map((v, i) => v + t * (b[i] - v));
  const cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / (norm(a) * norm(b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (angle < 1e-4) return a.map((v, i) => v + t * (b[i] - v));
  const [p, q] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return a.map((v, i) => p * v + q * b[i]);
}

function restart() {
  state.center = Float32Array.from(draw(latentInput.prior, latentInput.size, seed(), 0));
  place(0, 0);
}

function newDirections() {
  state.directions = [1, 2].map((i) => draw(latentInput.prior, latentInput.size, 7 + state.turns, i));
}

function place(x, y) {
  state.position = [Math.min(1, Math.max(-1, x)), Math.min(1, Math.max(-1, y))];
  const [u, v] = state.directions;
  const moved = state.center.map((c, i) => c + state.position[0] * u[i] + state.position[1] * v[i]);
  const scale = normal() ? norm(state.center) / norm(moved) : 1;
  show(Float32Array.from(fit(moved.map((value) => value * scale))));
}

function show(z) {
  state.latents = z;
  drawPad();
  drawBars();
  run();
}

function jump({ z, amounts }) {
  state.amounts = [...amounts];
  drawDirections();
  state.center = Float32Array.from(fit(z));
  place(0, 0);
}

// Returns the sum of the directions, weighted by their amounts.
function shift(size) {
  const sum = new Float32Array(size);
  about.directions?.vectors.forEach((v, k) => v.forEach((value, i) => (sum[i] += state.amounts[k] * value)));
  return sum;
}

// Running the model ---------------------------------------------------------------------------------------------------

const seed = () => Math.max(0, Math.min(2147483647, Math.trunc(Number($("seed").value)) || 0));

function feeds() {
  const values = {};
  for (const input of about.inputs) {
    if (input.role === "latents") {
      const moved = about.directions?.of === "latents" ? shift(input.size).map((v, i) => v + state.latents[i]) : state.latents;
      values[input.name] = new ort.Tensor("float32", Float32Array.from(fit(moved)), [1, input.size]);
    } else if (input.role === "shift") {
      values[input.name] = new ort.Tensor("float32", shift(input.size), [1, input.size]);
    } else if (input.role === "truncation") {
      values[input.name] = new ort.Tensor("float32", Float32Array.of(Number($("psi").value)), []);
    } else if (input.role === "noise") {
      const noise = Float32Array.from(draw(input.prior, input.size, seed(), input.stream));
      values[input.name] = new ort.Tensor("float32", noise, [1, input.size]);
    } else if (input.role === "label") {
      values[input.name] = new ort.Tensor("int32", Int32Array.of(state.conditions[input.name]), [1]);
    } else if (input.role === "image") {
      values[input.name] = readInput(input);
    } else if (input.role === "labels") {
      values[input.name] = new ort.Tensor("int32", state.map, [1, input.height, input.width]);
    } else if (input.role === "instances") {
      const { height, width } = imageInput;
      values[input.name] = new ort.Tensor("int32", regions(state.map, height, width), [1, height, width]);
    } else {
      values[input.name] = new ort.Tensor("float32", state.conditions[input.name], [1, state.conditions[input.name].length]);
    }
  }
  return values;
}

async function run() {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) {
      again = false;
      const start = performance.now();
      const result = (await session.run(feeds()))[about.output];
      paint($("output"), result);
      $("output").dataset.runs = Number($("output").dataset.runs || 0) + 1;
      say(`Ready. The last image took ${Math.round(performance.now() - start)} ms.`);
    }
  } catch (error) {
    say(`The model did not run: ${error.message}`, true);
  } finally {
    running = false;
  }
}

function paint(canvas, tensor) {
  const [, height, width, channels] = tensor.dims;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      const value = tensor.data[i * channels + (channels < 3 ? 0 : c)];
      pixels.data[4 * i + c] = Math.round((value + 1) * 127.5);
    }
    pixels.data[4 * i + 3] = 255;
  }
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

// Controls ------------------------------------------------------------------------------------------------------------

function drawPad() {
  const pad = $("pad"), pen = pad.getContext("2d"), half = pad.width / 2;
  pen.clearRect(0, 0, pad.width, pad.height);
  pen.strokeStyle = "#8888";
  pen.strokeRect(half, 0, 0, pad.height);
  pen.strokeRect(0, half, pad.width, 0);
  pen.fillStyle = "#2a7de1";
  pen.beginPath();
  pen.arc(half * (1 + state.position[0]), half * (1 - state.position[1]), 7, 0, 2 * Math.PI);
  pen.fill();
}

function bindPad() {
  const pad = $("pad");
  const follow = (event) => {
    const box = pad.getBoundingClientRect();
    place(2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height);
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => event.buttons && follow(event));
  pad.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key], size = event.shiftKey ? 0.25 : 0.05;
    place(state.position[0] + size * dx, state.position[1] + size * dy);
  });
  $("turn").addEventListener("click", () => {
    state.turns += 1;
    newDirections();
    jump({ z: state.latents, amounts: state.amounts });
  });
}

// Returns a row with a label, a slider and its value.
function slider(name, id, range, use) {
  const row = document.createElement("label"), text = document.createElement("span");
  const bar = document.createElement("input"), number = document.createElement("output");
  text.textContent = name;
  Object.assign(bar, { type: "range", id, ...range });
  bar.addEventListener("input", () => {
    number.value = bar.value;
    use(Number(bar.value));
  });
  row.className = "slider";
  row.append(text, bar, number);
  return row;
}

function set(row, value) {
  row.children[1].value = value;
  row.children[2].value = Number(value).toFixed(2).replace(/\.?0+$/, "");
}

function drawDirections() {
  for (const [k, row] of [...$("amounts").children].entries()) set(row, state.amounts[k]);
}

function bindDirections() {
  const { directions } = about;
  $("directions").hidden = !directions;
  if (!directions) return;
  directions.vectors = directions.vectors.map((text) => new Float32Array(bytes(text)));
  state.amounts = directions.vectors.map(() => 0);
  const range = { min: -4, max: 4, step: 0.1 };
  for (const k of state.amounts.keys()) {
    $("amounts").append(
      slider(`Direction ${k + 1}`, `direction-${k}`, range, (value) => {
        state.amounts[k] = value;
        run();
      }),
    );
  }
  drawDirections();
  $("straight").addEventListener("click", () => {
    state.amounts.fill(0);
    drawDirections();
    run();
  });
}

function bindTruncation() {
  const input = about.inputs.find(({ role }) => role === "truncation");
  if (!input) return;
  const row = slider("Truncation", "psi", { min: 0, max: 1, step: 0.05 }, run);
  $("noise").append(row);
  set(row, input.value);
}

function drawBars() {
  const count = Math.min(BARS, latentInput.size);
  const bars = $("bars");
  const range = { min: normal() ? -4 : -1, max: normal() ? 4 : 1, step: 0.01 };
  while (bars.children.length < count) {
    const index = bars.children.length;
    const row = slider("", `bar-${index}`, range, (value) => {
      const z = Float32Array.from(state.latents);
      z[(state.firstBar + index) % latentInput.size] = value;
      state.center = z;
      state.position = [0, 0];
      show(z);
    });
    bars.append(row);
  }
  for (const [i, row] of [...bars.children].entries()) {
    const place = (state.firstBar + i) % latentInput.size;
    row.children[0].textContent = `z${place}`;
    set(row, state.latents[place]);
  }
  $("range").textContent = `of ${latentInput.size}`;
}

function savePoint() {
  const picture = document.createElement("canvas"), button = document.createElement("button");
  [picture.width, picture.height] = [$("output").width, $("output").height];
  picture.getContext("2d").drawImage($("output"), 0, 0);
  const point = { z: Float32Array.from(state.latents), amounts: [...state.amounts] };
  state.points.push(point);
  const name = String(state.points.length);
  button.type = "button";
  button.title = `Go to point ${name}`;
  button.setAttribute("aria-label", button.title);
  button.addEventListener("click", () => jump(point));
  button.append(picture, name);
  $("saved").append(button);
  for (const id of ["from", "to", "plus", "minus", "also"]) $(id).add(new Option(name, state.points.length - 1));
  $("blend").hidden = false;
  if (state.points.length === 2) $("to").value = "1";
}

function bindPoints() {
  const point = (id) => state.points[Number($(id).value)];
  $("save").addEventListener("click", savePoint);
  for (const id of ["from", "to", "share"]) {
    $(id).addEventListener("input", () => {
      const [a, b, t] = [point("from"), point("to"), Number($("share").value)];
      jump({ z: slerp(a.z, b.z, t), amounts: a.amounts.map((v, k) => v + t * (b.amounts[k] - v)) });
    });
  }
  $("calculate").addEventListener("click", () => {
    const [a, b, c] = ["plus", "minus", "also"].map(point);
    const sum = (p, q, r) => p.map((v, i) => v - q[i] + r[i]);
    jump({ z: sum(a.z, b.z, c.z), amounts: sum(a.amounts, b.amounts, c.amounts) });
  });
}

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}

function addCondition(input) {
  $("conditions").hidden = false;
  if (input.role === "attribute") {
    state.conditions[input.name] = Float32Array.from(input.values);
    for (const [i, value] of input.values.entries()) {
      const name = input.size > 1 ? `${input.name} ${i}` : input.name;
      const row = slider(name, `${input.name}-${i}`, { min: -1, max: 1, step: 0.02 }, (chosen) => {
        state.conditions[input.name][i] = chosen;
        run();
      });
      set(row, value);
      $("conditions").append(row);
    }
    return;
  }
  const row = document.createElement("p"), label = document.createElement("label");
  label.textContent = `${input.name} `;
  row.append(label);
  $("conditions").append(row);
  const choices = input.role === "text" ? input.choices.map((choice) => choice.text) : input.names;
  const select = document.createElement("select");
  select.id = `condition-${input.name}`;
  label.htmlFor = select.id;
  for (const [i, name] of choices.entries()) select.add(new Option(name, i));
  select.value = String(input.value ?? 0);
  const choose = () => {
    const i = Number(select.value);
    state.conditions[input.name] = input.role === "text" ? new Float32Array(bytes(input.choices[i].vector)) : i;
  };
  choose();
  select.addEventListener("input", () => {
    choose();
    run();
  });
  row.append(select);
}

// Models of images ----------------------------------------------------------------------------------------------------

function readInput(input) {
  const canvas = $("input"), { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const values = new Float32Array(width * height * input.channels);
  for (let i = 0; i < width * height; i++) {
    const rgb = [0, 1, 2].map((c) => pixels[4 * i + c]);
    const grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    for (let c = 0; c < input.channels; c++) {
      values[i * input.channels + c] = (input.channels === 1 ? grey : rgb[c] ?? 255) / 127.5 - 1;
    }
  }
  return new ort.Tensor("float32", values, [1, height, width, input.channels]);
}

// The canvas: the network gets the pixels of an image, and the classes of a label map.
function pictureSurface(canvas, pen, { ground }) {
  if (ground === "#000000") $("brush").value = "#ffffff";
  return {
    clear() {
      pen.fillStyle = ground;
      pen.fillRect(0, 0, canvas.width, canvas.height);
    },
    line(from, to) {
      Object.assign(pen, { strokeStyle: $("brush").value, lineWidth: Number($("thickness").value), lineCap: "round" });
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    },
    loaded() {},
  };
}

function mapSurface(canvas, pen, { height, width, names, colors }) {
  const brush = $("brush");
  brush.replaceChildren(...names.map((name, i) => new Option(name, i)));
  brush.value = String(Math.min(1, names.length - 1));
  state.map = new Int32Array(height * width);
  const shown = () => {
    const pixels = new ImageData(width, height);
    state.map.forEach((name, i) => pixels.data.set([...colors[name], 255], 4 * i));
    pen.putImageData(pixels, 0, 0);
  };
  return {
    clear() {
      state.map = new Int32Array(height * width);
      shown();
    },
    line(from, to) {
      const radius = Number($("thickness").value) / 2, steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]));
      for (let step = 0; step <= steps; step++) {
        const [x, y] = [0, 1].map((i) => from[i] + (to[i] - from[i]) * (steps ? step / steps : 1));
        for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(height, y + radius); row++) {
          for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(width, x + radius); column++) {
            const near = Math.hypot(column + 0.5 - x, row + 0.5 - y) <= Math.max(radius, 0.75);
            if (near) state.map[row * width + column] = Number(brush.value);
          }
        }
      }
      shown();
    },
    loaded() {
      const { data } = pen.getImageData(0, 0, width, height);
      state.map = state.map.map((_, i) => {
        const far = colors.map((color) => Math.hypot(...color.map((value, c) => value - data[4 * i + c])));
        return far.indexOf(Math.min(...far));
      });
      shown();
    },
  };
}

// Numbers the regions of a map. Pixels of one class that touch are one instance.
function regions(map, height, width) {
  const numbers = new Int32Array(map.length).fill(-1);
  let count = 0;
  for (let start = 0; start < map.length; start++) {
    if (numbers[start] >= 0) continue;
    const open = [start];
    numbers[start] = count;
    while (open.length) {
      const i = open.pop(), column = i % width;
      const sides = [i - width, i + width, column ? i - 1 : -1, column < width - 1 ? i + 1 : -1];
      for (const j of sides) {
        if (j < 0 || j >= map.length || numbers[j] >= 0 || map[j] !== map[i]) continue;
        numbers[j] = count;
        open.push(j);
      }
    }
    count += 1;
  }
  return numbers;
}

function bindDrawing(input) {
  $("drawing").hidden = $("tools").hidden = false;
  const canvas = $("input");
  [canvas.width, canvas.height] = [input.width, input.height];
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const surface = input.role === "labels" ? mapSurface(canvas, pen, input) : pictureSurface(canvas, pen, input);
  surface.clear();
  const thick = $("thickness"), written = () => ($("pixels").value = `${thick.value} px`);
  thick.max = Math.max(24, input.pen);
  thick.value = input.pen;
  thick.addEventListener("input", written);
  written();
  let tip = [canvas.width / 2, canvas.height / 2]; // of the pen
  const stroke = (to) => {
    surface.line(tip, to);
    tip = to;
    run();
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    tip = at(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons && canvas.hasPointerCapture(event.pointerId)) stroke(at(event));
  });
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key], step = canvas.width / 32;
    const to = [tip[0] + step * dx, tip[1] - step * dy].map((x) => Math.min(canvas.width, Math.max(0, x)));
    if (!event.shiftKey) return stroke(to);
    tip = to;
    say(`The pen is at ${tip.map(Math.round).join(", ")} of ${canvas.width}, ${canvas.height}.`);
  });
  $("clear").addEventListener("click", () => {
    surface.clear();
    run();
  });
  const put = async (file) => {
    const picture = await createImageBitmap(file);
    const scale = Math.min(picture.width / canvas.width, picture.height / canvas.height);
    const [width, height] = [scale * canvas.width, scale * canvas.height];
    const [x, y] = [(picture.width - width) / 2, (picture.height - height) / 2];
    pen.imageSmoothingEnabled = input.role === "image"; // two classes have no mean
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
    surface.loaded();
  };
  const example = async () => put(await (await fetch("example.png")).blob());
  $("example").addEventListener("click", async () => {
    await example();
    run();
  });
  $("file").addEventListener("change", async () => {
    const file = $("file").files[0];
    if (!file) return;
    try {
      await put(file);
      run();
    } catch (error) {
      say(`${file.name} could not be read as an image: ${error.message}`, true);
    }
  });
  return example();
}

// Start ---------------------------------------------------------------------------------------------------------------

async function start() {
  about = await (await fetch("model.json")).json();
  document.title = $("title").textContent = about.title;
  session = await ort.InferenceSession.create("model.onnx");
  latentInput = about.inputs.find((input) => input.role === "latents");
  imageInput = about.inputs.find((input) => ["image", "labels"].includes(input.role));
  for (const input of about.inputs) {
    if (["label", "attribute", "text"].includes(input.role)) addCondition(input);
  }
  for (const id of ["plane", "sliders", "points"]) $(id).hidden = !latentInput;
  $("seed").value = about.seed;
  bindTruncation();
  bindDirections();
  $("noise").hidden = !about.inputs.some((input) => ["latents", "noise"].includes(input.role));
  if (imageInput) await bindDrawing(imageInput);

  const reseed = () => (latentInput ? restart() : run());
  $("seed").addEventListener("input", reseed);
  $("random").addEventListener("click", () => {
    $("seed").value = Math.floor(Math.random() * 2147483647);
    reseed();
  });
  $("download").addEventListener("click", () => ($("download").href = $("output").toDataURL("image/png")));
  if (latentInput) {
    newDirections();
    bindPad();
    bindPoints();
    const turn = (by) => {
      state.firstBar = (state.firstBar + by * BARS + latentInput.size) % latentInput.size;
      drawBars();
    };
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
  }
  reseed();
}

start().catch((error) => say(`The page could not start: ${error.message}`, true));
