// A hand to move, turn and cover, and the answer as a needle.
figures.hand = async (box, ask) => {
  const start = { which: 4, degrees: 0, right: 0, down: 0, light: 1 };
  const covered = new Set();
  let mode = "move";
  const first = await ask(start);
  const limits = {
    degrees: ["turn (degrees, clockwise)", steps(-60, 60, 121)],
    right: ["shift to the right", steps(-10, 10, 41)],
    down: ["shift down", steps(-10, 10, 41)],
    light: ["light", steps(0.1, 1, 19)],
    which: ["hand", steps(0, first.hands - 1, first.hands)],
  };
  const sliders = Object.fromEntries(
    Object.entries(limits).map(([name, [said, values]]) => {
      const tell = name === "which" ? (v) => `${v + 1} of ${values.length}` : undefined;
      return [name, slider(said, values, start[name], () => go(name === "which"), tell)];
    }),
  );
  const canvas = html("canvas", { class: "hand", tabindex: 0, role: "img" });
  const why = html("canvas", { class: "hand", role: "img" });
  const gauge = needle(first.digits);
  const said = html("p", { role: "status" });
  let cursor = 28 * 14 + 14;
  const request = newest(ask, show);

  function show(a) {
    const level = (v, i) => (covered.has(i) ? -1 : v);
    paint(canvas, a.picture.map(level), 28, (v) => (v < 0 ? [90, 60, 60] : [v, v, v]));
    const most = Math.max(...a.spoke.map(Math.abs), 1e-9);
    paint(why, a.spoke, 28, (v) => color(0.5 + v / (2 * most)));
    gauge.put(a.probability);
    const called = a.digits[a.probability >= 0.5 ? 1 : 0];
    const p = a.probability.toFixed(3);
    const { degrees, right, down, light } = values();
    said.textContent =
      `Hand ${values().which + 1}, a ${a.truth}, turned by ${degrees}°, shifted by ${right} to the ` +
      `right and ${down} down, light ${light.toFixed(2)}. The network calls it ${called}: ` +
      `its probability of an ${a.digits[1]} is ${p}.`;
    canvas.setAttribute(
      "aria-label",
      `The hand, ${covered.size} pixels covered. ${said.textContent}`,
    );
    why.setAttribute("aria-label", `What each pixel said: yellow for ${a.digits[1]}, blue against`);
  }
  const values = () => Object.fromEntries(Object.entries(sliders).map(([n, s]) => [n, s.get()]));
  function go(other = false) {
    if (other) covered.clear();
    request({ ...values(), covered: [...covered] });
  }
  function cover(pixel) {
    covered.add(pixel);
    for (const next of [1, 28, 29]) if (pixel + next < 784) covered.add(pixel + next);
  }
  const at = (event) => {
    const area = canvas.getBoundingClientRect();
    return [
      (28 * (event.clientX - area.left)) / area.width,
      (28 * (event.clientY - area.top)) / area.height,
    ];
  };
  grab(
    canvas,
    at,
    ([px, py], old) => {
      if (mode === "move") {
        sliders.right.put(old.right + px - old.px);
        sliders.down.put(old.down + py - old.py);
      } else if (mode === "turn") {
        const angle = (x, y) => (180 / Math.PI) * Math.atan2(y - 14, x - 14);
        sliders.degrees.put(old.degrees + angle(px, py) - angle(old.px, old.py));
      } else if (px >= 0 && px < 28 && py >= 0 && py < 28)
        cover(28 * Math.floor(py) + Math.floor(px));
      go();
    },
    ([px, py]) => ({ px, py, ...values() }),
  );
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -28, ArrowDown: 28 }[event.key];
    if (by) cursor = Math.min(783, Math.max(0, cursor + by));
    else if (event.key !== " ") return;
    if (event.key === " " || event.shiftKey) cover(cursor);
    event.preventDefault();
    said.textContent = `Row ${Math.floor(cursor / 28) + 1}, column ${(cursor % 28) + 1}.`;
    go();
  });
  const modes = html("fieldset", {}, html("legend", {}, "Dragging the hand"));
  for (const [name, text] of Object.entries({ move: "shifts", turn: "turns", cover: "covers" })) {
    const choice = html("input", { type: "radio", name: "drag", value: name });
    choice.checked = name === mode;
    choice.addEventListener("change", () => {
      mode = name;
    });
    modes.append(html("label", {}, choice, ` ${text} it `));
  }
  const again = button("back to the start", () => {
    for (const [name, value] of Object.entries(start)) sliders[name].put(value);
    go(true);
  });
  box.append(
    html("div", { class: "side-by-side" }, canvas, gauge.root, why),
    said,
    html("div", { class: "controls" }, modes, ...Object.values(sliders), again),
  );
  show(first);
};
