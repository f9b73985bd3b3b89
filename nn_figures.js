// What a live figure does in the browser: native sliders, which a keyboard and a screen reader
// know, and one picture that is replaced once the next one is ready, so nothing flickers.
function render({ model, el }) {
  const group = document.createElement("div");
  group.className = "live-figure";
  group.setAttribute("role", "group");
  const image = document.createElement("img");
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  const controls = model.get("controls");
  const names = controls.map(({ name }) => name).join(", ");
  group.setAttribute("aria-label", `Live figure: ${names}`);

  const sliders = controls.map(({ name, texts }) => {
    const label = document.createElement("label");
    const value = document.createElement("span");
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: texts.length - 1, step: 1 });
    slider.setAttribute("aria-label", name);
    slider.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the arrow keys to it
    slider.tell = () => {
      value.textContent = texts[slider.value];
      slider.setAttribute("aria-valuetext", texts[slider.value]);
    };
    slider.addEventListener("input", choose);
    label.append(name, slider, value);
    group.append(label);
    return slider;
  });
  const reset = document.createElement("button");
  reset.textContent = "back to the start";
  reset.dataset.lmSuppressShortcuts = "true";
  reset.addEventListener("click", () => {
    sliders.forEach((slider, i) => {
      slider.value = controls[i].start;
    });
    choose();
  });

  function choose() {
    model.set(
      "chosen",
      sliders.map((slider) => slider.valueAsNumber),
    );
    model.save_changes();
  }
  function follow() {
    // also what was moved in another view of this figure
    sliders.forEach((slider, i) => {
      slider.value = model.get("chosen")[i];
      slider.tell();
    });
    const late = model.get("drawn").chosen.join() !== model.get("chosen").join();
    group.setAttribute("aria-busy", String(late));
  }
  let url = "";
  async function show() {
    const drawn = model.get("drawn");
    const next = URL.createObjectURL(new Blob([drawn.picture], { type: "image/png" }));
    const loaded = new Image();
    loaded.src = next;
    await loaded.decode();
    if (drawn !== model.get("drawn")) return URL.revokeObjectURL(next);
    image.src = next;
    image.alt = drawn.description;
    // The start of the description: a screen reader says it after each move.
    status.textContent = drawn.error || drawn.description.split(". ").slice(0, 2).join(". ");
    status.className = drawn.error ? "live-error" : "live-unseen";
    URL.revokeObjectURL(url);
    url = next;
    follow();
  }
  model.on("change:chosen", follow);
  model.on("change:drawn", show);
  image.width = model.get("width");
  group.append(reset, image, status);
  el.append(group);
  follow();
  show();
  return () => URL.revokeObjectURL(url);
}
export default { render };
