// A neuron with one input: a curve to drag, a map of the loss with a ball to roll.
figures.neuron = async (box, ask) => {
  const RATE = 1;
  let [weight, bias, rolling] = [-1, 0.5, false];
  const first = await ask({ weight, bias, grid: true });
  const { x, y, grid } = first;
  const size = { height: 300, x: [-6, 6] };
  const curve = axes({ ...size, width: 400, y: [0, 1], xlabel: "input x", ylabel: "answer" });
  const answer = svg("path", { class: "line" });
  const marks = x.map((v, i) =>
    y[i]
      ? svg("path", { class: "one", d: `M${curve.X(v)} ${curve.Y(1) - 6}l6 11h-12z` })
      : svg("circle", { class: "zero", cx: curve.X(v), cy: curve.Y(0), r: 5 }),
  );
  curve.root.append(answer, ...marks);
  const map = axes({ ...size, width: 340, y: [-6, 6], xlabel: "weight w", ylabel: "bias b" });
  const canvas = html("canvas");
  const logs = first.losses.toReversed().flat().map(Math.log);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  paint(canvas, logs, grid.length, (v) => color(1 - (v - low) / (high - low)));
  const [mx, my] = [map.X(-6), map.Y(6)];
  const area = { x: mx, y: my, width: map.X(6) - mx, height: map.Y(-6) - my };
  const picture = svg("image", { ...area, href: canvas.toDataURL(), preserveAspectRatio: "none" });
  const path = svg("path", { class: "trace" });
  const ball = svg("circle", { class: "ball", r: 8 });
  map.root.append(picture, path, ball);
  const trace = [];
  const said = html("p", { role: "status" });
  const sliders = ["weight", "bias"].map((name, i) =>
    slider(name, grid, [weight, bias][i], () => {
      rolling = false;
      go(sliders[0].get(), sliders[1].get());
    }),
  );
  let slopes = first.slopes;
  const request = newest(ask, show);

  function show(a) {
    slopes = a.slopes;
    answer.setAttribute("d", line(curve.X, curve.Y, grid, a.answers));
    const now = `weight ${weight.toFixed(2)}, bias ${bias.toFixed(2)}`;
    said.textContent = `Loss ${a.loss.toFixed(3)} at ${now}: ${a.right} of ${x.length} right.`;
    curve.root.setAttribute("aria-label", `What the neuron answers. ${said.textContent}`);
    map.root.setAttribute(
      "aria-label",
      `Map of the loss over weight and bias. ${said.textContent}`,
    );
    if (rolling && Math.hypot(...slopes) > 0.004) setTimeout(step, still() ? 0 : 40);
    else stop();
  }
  function go(w, b) {
    const inside = (v) => Math.min(6, Math.max(-6, v));
    [weight, bias] = [inside(w), inside(b)];
    trace.push([weight, bias]);
    ball.setAttribute("cx", map.X(weight));
    ball.setAttribute("cy", map.Y(bias));
    const [ws, bs] = [trace.map(([v]) => v), trace.map(([, v]) => v)];
    path.setAttribute("d", line(map.X, map.Y, ws, bs));
    sliders[0].put(weight);
    sliders[1].put(bias);
    request({ weight, bias });
  }
  const step = () => go(weight - RATE * slopes[0], bias - RATE * slopes[1]);
  const roll = button("roll", () => {
    rolling = !rolling;
    if (rolling) step();
    roll.textContent = rolling ? "stop" : "roll";
  });
  function stop() {
    rolling = false;
    roll.textContent = "roll";
  }
  grab(map.root, map.at, ([w, b]) => {
    rolling = false;
    trace.length = 0;
    go(w, b);
  });
  grab(
    curve.root,
    curve.at,
    ([px, py], start) => {
      rolling = false; // sideways moves the curve, up and down turns it
      const w = start.weight + 6 * (py - start.py);
      go(w, start.bias - start.weight * (px - start.px));
    },
    ([px, py]) => ({ px, py, weight, bias }),
  );
  const again = button("back to the start", () => {
    trace.length = 0;
    rolling = false;
    go(-1, 0.5);
  });
  box.append(
    html("div", { class: "side-by-side" }, curve.root, map.root),
    said,
    html("div", { class: "controls" }, button("one step", step), roll, again, ...sliders),
  );
  go(weight, bias);
};
