// The training lab: curves and weights that grow epoch by epoch, with the run before in grey.
figures.lab = async (box, ask) => {
  const choices = {
    learning_rate: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    batch_size: [4, 8, 16, 32, 64, 128, 640],
    n_hidden: [1, 2, 4, 8, 16, 32, 64, 128],
    epochs: [5, 10, 20, 40, 80, 160],
  };
  const names = ["learning rate", "batch size", "hidden units", "epochs"];
  const start = { learning_rate: 0.01, batch_size: 8, n_hidden: 64, epochs: 40 };
  const kinds = ["loss", "validation_loss"];
  const colors = Array.from({ length: 256 }, (_, level) => color(level / 255));
  let [run, before, parts, playing, runs] = [[], [], [], true, 0];
  const sliders = Object.entries(choices).map(([name, values], i) =>
    slider(names[i], values, start[name], () => train()),
  );
  const plot = html("div");
  const pictures = html("div", { class: "weights" });
  const said = html("p", { role: "status" });
  const pause = button("pause", () => {
    playing = !playing;
    pause.textContent = playing ? "pause" : "play";
    if (playing) show();
  });
  const settings = () =>
    Object.fromEntries(Object.keys(choices).map((name, i) => [name, sliders[i].get()]));

  function draw() {
    const epochs = settings().epochs;
    const words = { xlabel: "epoch", ylabel: "loss (nats)", yticks: [0, 0.2, 0.4, 0.6, 0.8] };
    const at = axes({ width: 440, height: 300, x: [0, epochs], y: [0, 0.8], ...words });
    const cut = (v) => Math.min(v, 0.8); // what is worse than a coin by far leaves the picture
    for (const [rows, old] of [
      [before.filter((row) => row.epoch <= epochs), "old"],
      [run, ""],
    ])
      for (const kind of kinds) {
        const [xs, ys] = [rows.map((row) => row.epoch), rows.map((row) => cut(row[kind]))];
        const d = line(at.X, at.Y, xs, ys);
        at.root.append(svg("path", { class: `line ${kind} ${old}`, d }));
      }
    const last = run.at(-1);
    if (last) {
      said.textContent =
        `Epoch ${last.epoch}: training loss ${last.loss.toFixed(3)}, ` +
        `validation loss ${last.validation_loss.toFixed(3)}, ` +
        `validation accuracy ${percent(last.validation_accuracy)}.`;
      while (pictures.childElementCount < last.weights.length) pictures.append(html("canvas"));
      while (pictures.childElementCount > last.weights.length) pictures.lastChild.remove();
      last.weights.forEach((levels, i) => {
        paint(pictures.children[i], pixels(levels), 28, (v) => colors[v]);
      });
    }
    at.root.setAttribute("aria-label", `Loss over the epochs. ${said.textContent}`);
    plot.replaceChildren(at.root);
  }
  function show() {
    if (!playing) return;
    run.push(...parts.splice(0));
    draw();
  }
  async function train() {
    const mine = ++runs;
    if (run.length) before = run;
    [run, parts] = [[], []];
    await ask(settings(), (part) => {
      if (mine !== runs) return;
      if (part.network) kept.set(part.network);
      parts.push(part);
      show();
    });
  }
  const legend = html("p", { class: "legend" });
  legend.innerHTML =
    '<span class="loss">training</span> <span class="validation_loss">validation</span> ' +
    '<span class="old">the run before</span>';
  box.append(
    html("div", { class: "controls" }, ...sliders, pause, button("train again", train)),
    html("div", { class: "side-by-side" }, plot, pictures),
    legend,
    said,
  );
  draw();
  await train();
};
