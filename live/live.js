// What all live figures share. A figure is a function of a box and of `ask`, which hands a question
// to Python (in JupyterLab's kernel, or in a page's worker) and promises the answer. Python
// computes, the figure draws. The files of this folder are joined to one script.
const figures = {};
const SVG = "http://www.w3.org/2000/svg";
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
function html(tag, attributes = {}, ...children) {
  const element = set(document.createElement(tag), attributes);
  // JupyterLab leaves their keys to them.
  if (["button", "canvas", "input"].includes(tag)) element.dataset.lmSuppressShortcuts = "true";
  element.append(...children);
  return element;
}
function svg(tag, attributes = {}, ...children) {
  const element = set(document.createElementNS(SVG, tag), attributes);
  element.append(...children);
  return element;
}
function button(text, onclick) {
  return Object.assign(html("button", { type: "button" }, text), { onclick });
}

// A native slider, which a keyboard and a screen reader know. `values` are all it can take.
function slider(name, values, start, change, tell = (value) => `${+value.toPrecision(3)}`) {
  const input = html("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
  input.setAttribute("aria-label", name);
  const shown = html("span");
  const label = html("label", {}, name, input, shown);
  const say = () => {
    shown.textContent = tell(values[input.value]);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  label.get = () => values[input.value];
  label.put = (value) => {
    const far = values.map((v) => Math.abs(v - value));
    input.value = far.indexOf(Math.min(...far));
    say();
  };
  input.addEventListener("input", () => {
    say();
    change();
  });
  label.put(start);
  return label;
}
const steps = (low, high, n) =>
  Array.from({ length: n }, (_, i) => +(low + ((high - low) * i) / (n - 1)).toFixed(6));

// One question at a time: while an answer is awaited, only the newest of the others is kept.
function newest(ask, draw) {
  let busy = false;
  let waiting = null;
  return async function next(question) {
    if (busy) {
      waiting = question;
      return;
    }
    busy = true;
    try {
      draw(await ask(question));
    } finally {
      busy = false;
    }
    const now = waiting;
    waiting = null;
    if (now) next(now);
  };
}

// Axes: their box, functions from numbers to places, and one back from the pointer.
function axes({ width, height, x, y, xlabel, ylabel, xticks, yticks }) {
  const [left, right, top, bottom] = [52, 12, 10, 44];
  const X = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
  const Y = (v) => height - bottom - ((v - y[0]) / (y[1] - y[0])) * (height - top - bottom);
  const frame = svg("g", { class: "frame" });
  frame.append(svg("path", { d: `M${X(x[0])} ${Y(y[1])}V${Y(y[0])}H${X(x[1])}` }));
  for (const v of xticks ?? x)
    frame.append(svg("text", { x: X(v), y: Y(y[0]) + 16, "text-anchor": "middle" }, `${v}`));
  for (const v of yticks ?? y)
    frame.append(svg("text", { x: X(x[0]) - 6, y: Y(v) + 4, "text-anchor": "end" }, `${v}`));
  const middle = { "text-anchor": "middle", class: "title" };
  frame.append(svg("text", { x: X((x[0] + x[1]) / 2), y: height - 8, ...middle }, xlabel));
  const turned = `translate(13 ${Y((y[0] + y[1]) / 2)}) rotate(-90)`;
  frame.append(svg("text", { transform: turned, ...middle }, ylabel));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, frame);
  const at = (event) => {
    const box = root.getBoundingClientRect();
    const [px, py] = [
      ((event.clientX - box.left) * width) / box.width,
      ((event.clientY - box.top) * height) / box.height,
    ];
    return [
      x[0] + ((px - left) / (width - left - right)) * (x[1] - x[0]),
      y[0] + ((height - bottom - py) / (height - top - bottom)) * (y[1] - y[0]),
    ];
  };
  return { root, X, Y, at };
}
const line = (X, Y, xs, ys) =>
  xs.map((v, i) => `${i ? "L" : "M"}${X(v).toFixed(1)} ${Y(ys[i]).toFixed(1)}`).join("");

// Grabbing with mouse, pen or finger: `move` hears of each step, with what `begin` returned.
function grab(element, at, move, begin = () => null) {
  element.style.touchAction = "none";
  element.addEventListener("pointerdown", (event) => {
    const start = begin(at(event));
    element.setPointerCapture(event.pointerId);
    move(at(event), start);
    const follow = (later) => move(at(later), start);
    element.addEventListener("pointermove", follow);
    for (const end of ["pointerup", "pointercancel"])
      element.addEventListener(end, () => element.removeEventListener("pointermove", follow), {
        once: true,
      });
    event.preventDefault();
  });
}

// From blue over grey to yellow, as the weights are drawn in all of the course.
const ENDS = [
  [0, 32, 76],
  [124, 123, 120],
  [255, 233, 69],
];
function color(share) {
  const [a, b] = share < 0.5 ? [ENDS[0], ENDS[1]] : [ENDS[1], ENDS[2]];
  const part = share < 0.5 ? 2 * share : 2 * share - 1;
  return a.map((v, i) => v + (b[i] - v) * part);
}
// A picture of as many pixels as numbers, made larger by the style sheet without a blur.
function paint(canvas, numbers, columns, shade = (v) => [v, v, v]) {
  const rows = numbers.length / columns;
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  numbers.forEach((v, i) => {
    const [red, green, blue] = shade(v);
    image.data[4 * i] = red;
    image.data[4 * i + 1] = green;
    image.data[4 * i + 2] = blue;
    image.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const percent = (v) => `${(100 * v).toFixed(1)} %`;
const pixels = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// A needle between two digits, for the probability of the second.
function needle(digits) {
  const hand = svg("path", { class: "needle", d: "M0 0V-74" });
  const middle = { y: 6, "text-anchor": "middle" };
  const root = svg("svg", { viewBox: "-110 -95 220 115", role: "img", class: "gauge" });
  root.append(
    svg("path", { class: "frame", d: "M-85 0A85 85 0 0 1 85 0" }),
    svg("text", { x: -96, ...middle }, `${digits[0]}`),
    svg("text", { x: 96, ...middle }, `${digits[1]}`),
    hand,
  );
  const put = (probability) => {
    hand.setAttribute("transform", `rotate(${180 * probability - 90})`);
    const said = `Needle: probability of an ${digits[1]}: ${probability.toFixed(3)}`;
    root.setAttribute("aria-label", said);
  };
  return { root, put };
}

// Questions that go out as messages, and answers to them, which come back in parts.
function correspondence(send) {
  const awaited = new Map();
  const receive = ({ id, part, done, error }) => {
    const question = awaited.get(id);
    if (!question) return; // another view's
    if (part) {
      question.last = part;
      question.hear?.(part);
    }
    if (error) question.reject(new Error(error));
    if (done) question.resolve(question.last);
    if (done || error) awaited.delete(id);
  };
  const ask = (message, hear) =>
    new Promise((resolve, reject) => {
      const id = Math.random();
      awaited.set(id, { resolve, reject, hear });
      send({ id, ...message });
    });
  const fail = (error) => {
    for (const id of [...awaited.keys()]) receive({ id, error });
  };
  return { ask, receive, fail };
}

// The network that was last trained in the lab, from one page to the next, where that is allowed.
const kept = {
  get() {
    try {
      return localStorage.getItem("network");
    } catch {
      return null;
    }
  },
  set(network) {
    try {
      localStorage.setItem("network", network);
    } catch {}
  },
};

// Put a live figure into an element of the page.
function show(element, name, ask) {
  const box = html("div", { class: "live-figure", role: "group" });
  box.setAttribute("aria-label", `Live figure: ${name}`);
  element.append(box);
  const fail = (error) => box.append(html("p", { role: "alert", class: "live-error" }, `${error}`));
  let pending = 0;
  const wait = (by) => {
    pending += by;
    box.setAttribute("aria-busy", String(pending > 0));
  };
  const careful = (...question) => {
    wait(1);
    return ask(...question)
      .catch((error) => {
        fail(error.message);
        throw error;
      })
      .finally(() => wait(-1));
  };
  return figures[name](box, careful).catch(() => {});
}
