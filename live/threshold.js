// The test hands along the axis of probability, and a line to drag.
figures.threshold = async (box, ask) => {
  let now = 0.5;
  const first = await ask({ threshold: now, hands: true });
  const { y, probability, hands, digits } = first;
  const at = axes({
    width: Math.max(320, Math.min(720, box.clientWidth || 720)), // on a phone words stay large
    height: 260,
    x: [0, 1],
    y: [0, 2],
    xticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    yticks: [],
    xlabel: `probability of an ${digits[1]}`,
    ylabel: `${digits[0]}s below, ${digits[1]}s above`,
  });
  const marks = probability.map((p, i) => {
    const row = y[i] + 0.15 + (0.7 * ((i * 7) % 20)) / 20; // side by side, so that all are seen
    return svg("path", { d: "", transform: `translate(${at.X(p)} ${at.Y(row)})` });
  });
  const cut = svg("path", { class: "cut" });
  at.root.append(...marks, cut);
  const wrong = html("div", { class: "hands" });
  const said = html("p", { role: "status" });
  const control = slider("threshold", steps(0.01, 0.99, 99), now, () => go(control.get()));
  const request = newest(ask, (a) => {
    const [tn, fp, fn, tp] = a.counts;
    said.textContent =
      `From ${now.toFixed(2)} on it is called ${digits[1]}: ${tn + tp} of ${y.length} right ` +
      `(${percent(a.accuracy)}, 95 % interval ${percent(a.interval[0])} to ` +
      `${percent(a.interval[1])}). Precision ${percent(a.precision)}, recall ${percent(a.recall)}. ` +
      `${fp} of the ${digits[0]}s called ${digits[1]}, ${fn} of the ${digits[1]}s called ${digits[0]}.`;
    at.root.setAttribute("aria-label", `Test hands by their probability. ${said.textContent}`);
  });

  function go(threshold) {
    now = Math.min(0.99, Math.max(0.01, threshold));
    control.put(now);
    cut.setAttribute("d", `M${at.X(now)} ${at.Y(2)}V${at.Y(0)}`);
    const missed = [];
    marks.forEach((mark, i) => {
      const right = probability[i] >= now === Boolean(y[i]);
      if (!right) missed.push(i);
      mark.setAttribute("class", right ? "right" : "wrong");
      mark.setAttribute("d", right ? "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0" : "M-5-5L5 5M-5 5L5-5");
    });
    wrong.replaceChildren(
      ...missed.slice(0, 24).map((i) => {
        const p = `${digits[y[i]]}, probability of an ${digits[1]} ${probability[i].toFixed(2)}`;
        const canvas = html("canvas", { role: "img", "aria-label": p, title: p });
        paint(canvas, hands[i], 28);
        return canvas;
      }),
    );
    request({ threshold: now });
  }
  grab(at.root, at.at, ([p]) => go(p));
  const again = button("back to the start", () => go(0.5));
  box.append(at.root, said, html("div", { class: "controls" }, control, again), wrong);
  go(now);
};
