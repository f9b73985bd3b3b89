// On a page: questions go to Python in a worker, which all figures of the page share. A page that
// was opened from a disk may fetch nothing, so each file comes as a script that holds it.
window.FILES = {};
let python = null; // a promise of the worker, once somebody asked for it

function worker() {
  const MIME = { wasm: "application/wasm", json: "application/json" };
  const newest = {};
  const files = {}; // of each name a promise of its bytes
  let [next, begin] = [null, null];
  function file(name) {
    files[name] ??= Promise.withResolvers();
    return files[name];
  }
  async function start(course) {
    self.fetch = async (address) => {
      const name = `${address.url ?? address}`.split("/").pop();
      const type = MIME[name.split(".").pop()] ?? "application/octet-stream";
      return new Response(await file(name).promise, { headers: { "Content-Type": type } });
    };
    for (const name of ["pyodide.asm.js", "pyodide.js"]) {
      const code = new Blob([await file(name).promise], { type: "text/javascript" });
      importScripts(URL.createObjectURL(code));
    }
    const py = await loadPyodide({ indexURL: "https://nowhere.invalid/" });
    py.unpackArchive((await file("numpy.zip").promise).buffer, "zip", { extractDir: "/python" });
    py.FS.mkdirTree("/python/data");
    for (const name of course)
      py.FS.writeFile(`/python/${name}`, await file(name.split("/").pop()).promise);
    py.runPython(`
import json, sys, types
sys.path.insert(0, "/python")
import nn_live
def begin(figure, question):
    answer = nn_live.of_the_course(figure)(**json.loads(question))
    return answer if isinstance(answer, types.GeneratorType) else iter([answer])
def part_of(answer):
    part = next(answer, None)
    return None if part is None else json.dumps(part)
`);
    [begin, next] = [py.globals.get("begin"), py.globals.get("part_of")];
  }
  self.onmessage = async ({ data: { name, bytes, course, id, figure, question } }) => {
    if (name) return file(name).resolve(bytes);
    try {
      if (course) {
        await start(course);
        return self.postMessage({ id, done: true });
      }
      newest[figure] = id;
      const answer = begin(figure, JSON.stringify(question));
      for (let text = next(answer); text && newest[figure] === id; text = next(answer)) {
        self.postMessage({ id, part: JSON.parse(text) });
        await new Promise((resolve) => setTimeout(resolve)); // so that a newer question is heard
      }
      answer.destroy(); // and what an overtaken run holds
      self.postMessage({ id, done: true });
    } catch (error) {
      self.postMessage({ id, error: `${error.message ?? error}`.trim().split("\n").pop() });
    }
  };
}

async function bytes(name) {
  const packed = await fetch(`data:application/octet-stream;base64,${window.FILES[name]}`);
  delete window.FILES[name];
  const stream = packed.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
function script(address) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: address });
    element.onload = resolve;
    element.onerror = () => reject(new Error(`This page lacks ${address}.`));
    document.head.append(element);
  });
}

// Start Python; `tell` hears how far it is, from 0 to 1. What is returned asks it.
async function startPython(tell) {
  const source = new Blob([`(${worker})()`], { type: "text/javascript" });
  const thread = new Worker(URL.createObjectURL(source));
  const { ask, receive, fail } = correspondence((message) => thread.postMessage(message));
  thread.onmessage = ({ data }) => receive(data);
  thread.onerror = (event) => fail(event.message);
  const begun = performance.now();
  const clock = setInterval(() => tell(1 - 2 ** ((begun - performance.now()) / 3e3)), 200);
  const started = ask({ course: PYTHON.course });
  const load = async (name) => {
    await script(`_static/python/${name}.js`);
    const content = await bytes(name);
    thread.postMessage({ name, bytes: content }, [content.buffer]);
  };
  try {
    await Promise.all([started, ...PYTHON.names.map(load)]);
  } finally {
    clearInterval(clock);
  }
  return (figure) => (question, hear) => ask({ figure, question }, hear);
}

for (const place of document.querySelectorAll("[data-figure]")) {
  const run = button(`run it here, ${PYTHON.size}`, async () => {
    run.disabled = true;
    const bar = html("progress", { max: 1, "aria-label": "Python is starting" });
    place.append(bar);
    python ??= startPython((share) => {
      for (const one of document.querySelectorAll("[data-figure] progress")) one.value = share;
    });
    try {
      const ask = (await python)(place.dataset.figure);
      bar.remove();
      run.remove();
      await show(place, place.dataset.figure, ask);
    } catch (error) {
      bar.replaceWith(html("p", { role: "alert", class: "live-error" }, error.message));
    }
  });
  place.append(run);
}
