// Your own hand: a picture from the camera or from a file. It stays in this browser.
figures.own_hand = async (box, ask) => {
  const [photo, hand, small] = [html("canvas"), html("canvas"), html("canvas")];
  const alike = html("div", { class: "hands" });
  const said = html("p", { role: "status" });
  const note = html("p", {}, "The training pictures that are most alike, and their digits:");
  const about = html("p");
  const video = html("video", { muted: "", playsinline: "" });
  const context = photo.getContext("2d", { willReadFrequently: true });
  let shown = null; // the picture or the video that is looked at; nothing: the example
  const first = await ask({});
  const gauge = needle(first.digits);
  const request = newest(ask, show);
  const check = (text) => {
    const input = html("input", { type: "checkbox" });
    input.addEventListener("change", look);
    return html("label", {}, input, ` ${text}`);
  };
  const mirror = check("mirror it (the thumb should be on the right)");
  const mine = check("use the network that I trained in the lab");
  const own = kept.get();
  mine.firstChild.checked = own !== null;

  function look() {
    const question = mine.firstChild.checked ? { network: own } : {};
    if (shown) {
      const [width, height] = [shown.videoWidth ?? shown.width, shown.videoHeight ?? shown.height];
      const side = Math.min(width, height);
      photo.width = photo.height = Math.min(side, shown === video ? 240 : 1000);
      context.imageSmoothingQuality = "high";
      if (mirror.firstChild.checked) context.transform(-1, 0, 0, 1, photo.width, 0);
      const corner = [(width - side) / 2, (height - side) / 2];
      context.drawImage(shown, ...corner, side, side, 0, 0, photo.width, photo.width);
      question.photo = colours();
    }
    request(question);
  }
  function colours() {
    const { data } = context.getImageData(0, 0, photo.width, photo.width);
    let text = "";
    for (let i = 0; i < data.length; i += 4)
      text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
    return btoa(text);
  }
  function show(a) {
    if (a.photo) draw(photo, a.photo, a.side, 3);
    const found = [hand.parentElement, small.parentElement, gauge.root, note, alike, about];
    for (const part of found) part.toggleAttribute("hidden", Boolean(a.error));
    alike.replaceChildren();
    let text =
      "No hand found. It takes the whole hand, before a plain wall that is less red than skin, " +
      "in even light.";
    if (!a.error) {
      draw(hand, a.hand, a.width);
      draw(small, a.picture, 28);
      gauge.put(a.probability);
      const [no, yes] = a.digits;
      const p = `the probability of an ${yes} is ${a.probability.toFixed(shown === video ? 1 : 3)}`;
      text = a.ours
        ? `The network calls it ${a.probability < 0.5 ? no : yes}: ${p}.`
        : `This looks like neither a ${no} nor an ${yes}. The network can say nothing else: ${p}.`;
      for (const [digit, picture] of a.alike) {
        const canvas = html("canvas");
        draw(canvas, picture, 28);
        alike.append(panel(`${digit}`, canvas));
      }
      const { trained, right, n, low, high } = a.record;
      about.textContent =
        `Trained on ${trained} pictures. Of ${n} pictures of other people it got ${right} right ` +
        `(95 % interval ${(100 * low).toFixed(1)} to ${percent(high)}).`;
    }
    if (!shown) text = `A test hand, painted as a photograph. ${text}`;
    if (said.textContent !== text) said.textContent = text; // a screen reader hears what is new
    if (shown === video && box.isConnected) requestAnimationFrame(look);
    else stop();
  }
  function draw(canvas, text, columns, channels = 1) {
    const values = pixels(text);
    const places = Array.from({ length: values.length / channels }, (_, i) => i * channels);
    paint(canvas, places, columns, (i) => [0, 1, 2].map((c) => values[i + (c % channels)]));
  }
  function stop() {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    camera.textContent = "use the camera";
  }
  const camera = button("use the camera", async () => {
    if (shown === video) {
      shown = await createImageBitmap(video); // held still
      look();
      return;
    }
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
      await video.play();
      shown = video;
      camera.textContent = "hold this picture";
      look();
    } catch (error) {
      said.textContent = `There is no camera to use here (${error.message}).`;
    }
  });
  const file = html("input", { type: "file", accept: "image/*" });
  file.addEventListener("change", async () => {
    try {
      shown = await createImageBitmap(file.files[0], { colorSpaceConversion: "none" });
      look();
    } catch {
      said.textContent = "This browser can't read that file as a picture.";
    }
  });
  const panel = (text, canvas) =>
    html(
      "figure",
      {},
      set(canvas, { role: "img", "aria-label": text }),
      html("figcaption", {}, text),
    );
  const controls = html("div", { class: "controls" }, camera, mirror);
  controls.append(html("label", {}, "or choose a picture: ", file), ...(own ? [mine] : []));
  const panels = html("div", { class: "panels" }, gauge.root);
  panels.prepend(panel("photograph", photo), panel("cut out", hand), panel("28 × 28", small));
  box.append(controls, panels, said, note, alike, about);
  show(first);
  if (own) look();
};
