"""The walk in a real browser: every notebook in JupyterLab, every live figure, every page.

    make test-browser

Needs Chromium (Debian: ``apt install chromium``) and what ``pages/requirements.txt`` lists.
What the browser saw is kept in ``build/browser/``. Notebooks are opened as copies.
"""

import csv
import io
import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import fetch_photos
import nbformat
import numpy as np
import pytest
import red_team
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image, ImageOps
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Request,
    TimeoutError,
    expect,
    sync_playwright,
)

import nn_helpers as nn
import nn_live

PROJECT = Path(__file__).resolve().parent.parent
SEEN = PROJECT / "build" / "browser"
SITE = PROJECT / "build" / "site"
NOTEBOOKS = sorted(path.stem for path in (PROJECT / "notebooks").glob("*.ipynb"))
LIVE = {
    "02_derivation": ["neuron"],
    "03_training": ["lab"],
    "04_evaluation": ["threshold", "hand", "own_hand"],
}
SAID = ".live-figure p[role=status]"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def painted(row: int, file_format: str = "PNG") -> bytes:
    """Paint a test hand as a camera would see it before a plain wall."""
    course = nn_live.course()
    wall = Image.new("RGB", (640, 480), (150, 155, 170))
    photo = nn_live.as_photograph(course["X"][course["test"]][row])
    wall.paste(Image.fromarray(photo), (170, 90))
    buffer = io.BytesIO()
    wall.save(buffer, file_format, quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """Start Chromium with a camera that sees test hand 5, an 8."""
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.exit(
            "these tests need Chromium (Debian: `apt install chromium`) or Chrome; one that stands "
            "elsewhere can be named in the environment variable CHROMIUM",
            returncode=1,
        )
    SEEN.mkdir(parents=True, exist_ok=True)
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    video = tmp_path_factory.mktemp("camera") / "hand.mjpeg"
    video.write_bytes(painted(5, "JPEG") * 10)
    quiet += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    quiet.append(f"--use-file-for-fake-video-capture={video}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet.append("--no-sandbox")  # root can't have one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield browser
        browser.close()


# In JupyterLab


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[str]:
    """Start JupyterLab on copies of the notebooks; return its address, token included."""
    folder = tmp_path_factory.mktemp("lab")
    for name in NOTEBOOKS:
        shutil.copy(PROJECT / "notebooks" / f"{name}.ipynb", folder)
    for name, settings in {
        "notebook-extension/tracker": '{"windowingMode": "none"}',  # all cells can be looked at
        "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    }.items():
        path = folder / ".settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(settings)
    token = secrets.token_hex(16)
    places = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        **{f"JUPYTER_{place}": str(folder / f".{place.lower()}") for place in places},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
        "JUPYTER_TOKEN": token,
        "SIGN_DIGITS_FIGURES": str(folder / "figures"),
    }
    options = ["--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"]
    options += ["--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    with subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            said = []
            for line in server.stderr:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", line):
                    break
            else:
                pytest.fail("JupyterLab does not start:\n" + "".join(said[-20:]))
            threading.Thread(target=server.stderr.read, daemon=True).start()  # keep it flowing
            address = f"http://127.0.0.1:{found[1]}/lab/workspaces/"
            yield address + f"{{0}}/tree/{{0}}.ipynb?reset&token={token}"  # to each tab its own
        finally:
            server.terminate()  # and its kernels
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:  # it came while it wrote to its log
                server.kill()


LOADED = """async all => {
  await Promise.all(all.map(image => image.decode()));
  return all.every(image => image.naturalWidth > 0);
}"""
RUN_ALL = """() => {
  const late = new Promise((_, fail) => setTimeout(fail, 180_000, new Error("still running")));
  const done = window.jupyterapp.commands.execute("notebook:run-all-cells");
  window.done = Promise.race([done, late]);
}"""
FIGURES = ".jp-OutputArea-output img"
ERRORS = ", ".join(
    f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("error", "stderr")
)


def n_figures(name: str, *, folded: bool) -> int:
    """Count the pictures that a notebook stores, with or without those that are folded."""
    cells = json.loads((PROJECT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    hidden = [c["metadata"].get("jupyter", {}).get("outputs_hidden", False) for c in cells]
    shown = [c for c, is_hidden in zip(cells, hidden, strict=True) if folded or not is_hidden]
    return json.dumps(shown).count('"image/png": "')


@pytest.fixture(scope="session")
def tabs(browser, lab) -> Iterator[dict[str, Page]]:
    """Open each notebook in a tab, see that it is complete without a kernel, and run it all.

    They run side by side, to save time.
    """
    tabs = {name: browser.new_page(viewport={"width": 1280, "height": 900}) for name in NOTEBOOKS}
    for name, tab in tabs.items():
        tab.goto(lab.format(name), wait_until="commit")
    for name, tab in tabs.items():
        tab.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        expect(tab.locator(FIGURES)).to_have_count(n_figures(name, folded=False))
        assert tab.locator(FIGURES).evaluate_all(LOADED)
        assert not tab.locator(".live-figure").count()
        tab.evaluate(RUN_ALL)
    yield tabs
    for tab in tabs.values():
        tab.close()


@pytest.mark.parametrize("name", NOTEBOOKS[:-1])
def test_notebook_runs_and_its_figures_move(tabs, name):
    runs_and_its_figures_move(tabs, name)


def runs_and_its_figures_move(tabs: dict[str, Page], name: str) -> None:
    tab, kinds = tabs[name], LIVE.get(name, ())
    tab.evaluate("() => window.done")
    assert tab.locator(ERRORS).all_text_contents() == []
    expect(tab.locator(f"{SAID}:not(:empty)")).to_have_count(len(kinds), timeout=60_000)
    # JupyterLab unfolds what it runs.
    expect(tab.locator(FIGURES)).to_have_count(n_figures(name, folded=True) - len(kinds))
    assert tab.locator(FIGURES).evaluate_all(LOADED)
    for number, kind in enumerate(kinds):
        figure = tab.locator(".live-figure").nth(number)
        if kind == "lab":  # fewer epochs, to save time
            move(tab, figure, figure.get_by_role("slider", name="epochs"), "Home")
        sliders = figure.get_by_role("slider")
        for i in range(sliders.count()):
            move(tab, figure, sliders.nth(i))
        figure.screenshot(path=SEEN / f"{name}_{kind}.png")
    assert tab.locator(".live-figure").count() == len(kinds)  # nothing piled up
    assert tab.locator(ERRORS).all_text_contents() == []
    tab.screenshot(path=SEEN / f"{name}.png")


@pytest.mark.parametrize(
    ("name", "number", "slider", "most"),
    [
        ("02_derivation", 0, "weight", 100),
        ("04_evaluation", 0, "threshold", 100),
        ("04_evaluation", 1, "shift down", 100),
        ("03_training", 0, "learning rate", 150),
    ],
)
def test_slider_is_followed_at_once(tabs, capsys, name, number, slider, most):
    tab = tabs[name]
    figure = tab.locator(".live-figure").nth(number)
    control = figure.get_by_role("slider", name=slider)
    took = statistics.median(move(tab, figure, control) for _ in range(7))
    with capsys.disabled():
        print(f" [{slider}: {took:.0f} ms from key press to answer, median of 7] ", end="")
    assert took < 20 * most  # what is asked for on a quiet machine, with room for a busy one


def test_buttons_and_choices_hear_the_keyboard_in_jupyterlab(tabs):
    tab = tabs["02_derivation"]
    figure = tab.locator(".live-figure")
    said = figure.get_by_role("status")
    for key in ("Enter", "Space"):
        before = said.inner_text()
        figure.get_by_role("button", name="one step").focus()
        tab.keyboard.press(key)
        expect(said).not_to_have_text(before)
    tab = tabs["04_evaluation"]
    tab.get_by_label("shifts it").focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_label("turns it")).to_be_checked()


def test_own_hand_in_jupyterlab(tabs):
    tab = tabs["04_evaluation"]
    figure = tab.locator(".live-figure").nth(2)
    assert answer_to(tab, figure, painted(3)) == nn_live_says(painted(3))


def test_last_setting_is_the_one_that_is_drawn(tabs):
    tab = tabs["03_training"]
    figure = tab.locator(".live-figure")
    rate, said = figure.get_by_role("slider", name="learning rate"), figure.get_by_role("status")
    rate.focus()
    tab.keyboard.press("Home")
    for _ in range(5):  # faster than the network trains
        tab.keyboard.press("ArrowRight")
    settle(tab, figure)
    last = said.inner_text()
    for key in ("ArrowLeft", "ArrowRight"):
        move(tab, figure, rate, key)
    assert said.inner_text() == last


def test_reloaded_page_goes_on(tabs):
    tab = tabs["03_training"]
    tab.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    tab.reload()
    figure = tab.locator(".live-figure")
    figure.locator("p[role=status]:not(:empty)").wait_for(timeout=60_000)
    move(tab, figure, figure.get_by_role("slider", name="learning rate"))


WATCH = """(slider) => {
  const said = slider.closest(".live-figure").querySelector("[role=status]");
  window.seen = { ms: null };
  let pressed = null;
  slider.addEventListener("keydown", () => { pressed = performance.now(); }, { once: true });
  const look = new MutationObserver(() => {
    if (pressed === null) return;
    seen.ms = performance.now() - pressed;
    look.disconnect();
  });
  look.observe(said, { childList: true, characterData: true, subtree: true });
}"""


def settle(tab: Page, figure: Locator) -> None:
    """Wait until a live figure has no open question."""
    done = "figure => figure.ariaBusy === 'false'"
    tab.wait_for_function(done, arg=figure.element_handle(), timeout=60_000)


def move(tab: Page, figure: Locator, slider: Locator, key: str = "") -> float:
    """Press an arrow key on a slider, see the figure change, and return the milliseconds."""
    name, value = (slider.get_attribute(f"aria-{kind}") for kind in ("label", "valuetext"))
    settle(tab, figure)
    before = figure.get_by_role("status").inner_text()
    slider.focus()
    slider.evaluate(WATCH)
    at_the_end = slider.evaluate("slider => slider.value === slider.max")
    tab.keyboard.press(key or ("ArrowLeft" if at_the_end else "ArrowRight"))
    try:
        tab.wait_for_function("() => seen.ms !== null", timeout=30_000)
    except TimeoutError:
        pytest.fail(f"the slider {name!r} changes nothing")
    settle(tab, figure)
    assert slider.get_attribute("aria-valuetext") != value
    assert figure.get_by_role("status").inner_text() != before, f"{name!r} changes no word"
    assert slider.evaluate("slider => document.activeElement === slider")
    assert not figure.locator(".live-error").count()
    return tab.evaluate("seen.ms")


# The pages

LINKS = "() => [...document.querySelectorAll('a[href]')].map(a => a.href)"
BARE = """() => [...document.querySelectorAll("img")]
  .filter(image => !image.naturalWidth || !image.alt.trim() || image.src.endsWith(image.alt))
  .map(image => image.src)"""
WIDER = """() => [document.documentElement, ...document.querySelectorAll(".page, .main, .content")]
  .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.className)"""
FORMULAS = """() => ["article .math", "article mjx-container", "mjx-merror, [data-mjx-error]"]
  .map(kind => document.querySelectorAll(kind).length)"""
WIDE, PHONE = 1440, 360


@pytest.fixture(scope="session")
def visit(browser) -> Iterator[Page]:
    """Return a tab without a network that keeps a list of what goes wrong in it."""
    context = browser.new_context(offline=True)
    tab = context.new_page()
    tab.wrong = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            tab.wrong.append(request.url)

    tab.on("request", note)
    tab.on("console", lambda said: said.type == "error" and tab.wrong.append(said.text))
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    yield tab
    context.close()


def read(tab: Page, path: Path, width: int = WIDE, scheme: str = "light") -> None:
    """Open a page and wait until its formulas are set."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(media="screen", color_scheme=scheme)
    tab.goto(path.as_uri())
    tab.evaluate("() => window.MathJax && window.MathJax.startup.promise")


def faults(tab: Page, where: str = "html") -> list[str]:
    """Return what axe finds to be a serious fault for readers who can't see or use a mouse.

    Code keeps its colours on one page, and formulas lose their drawing: it takes minutes to look
    at each letter of them, and all are alike.
    """
    if not tab.url.endswith("02b_find_the_bug.html"):
        tab.evaluate(PLAIN)
    only = {"preload": False, "resultTypes": ["violations"]}
    found = Axe().run(tab, where, only).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [f"{rule['help']}: {rule['nodes'][0]['html'][:200]}" for rule in serious]


PLAIN = """() => {
  for (const code of document.querySelectorAll(".highlight pre")) code.textContent += "";
  for (const formula of document.querySelectorAll("mjx-container svg")) formula.replaceChildren();
}"""


@pytest.fixture(scope="session")
def pages(visit) -> dict[str, dict[str, Any]]:
    """Read every page once on a wide window and once on a phone, and note what is on it."""
    pages = {}
    for path in sorted(SITE.rglob("*.html")):
        name = path.relative_to(SITE).as_posix()
        read(visit, path)
        facts = pages[name] = {"links": visit.evaluate(LINKS), "bare": visit.evaluate(BARE)}
        facts |= {"formulas": visit.evaluate(FORMULAS), "wide": visit.evaluate(WIDER)}
        visit.screenshot(path=SEEN / f"page_{path.stem}_{WIDE}.png")
        facts["faults"] = faults(visit)
        read(visit, path, PHONE, "dark")
        facts["phone"] = visit.evaluate(WIDER)
        visit.screenshot(path=SEEN / f"page_{path.stem}_{PHONE}.png")
        visit.set_viewport_size({"width": 390, "height": 900})
        facts["faults"] += faults(visit)
    if not pages:
        pytest.exit("there are no pages yet: run `make site`", returncode=1)
    return pages


def test_pages_are_complete(pages):
    assert set(pages) >= {f"{name}.html" for name in ("index", "nn_helpers", *NOTEBOOKS)}


def test_pages_need_no_network(pages, visit):
    assert visit.wrong == []


def test_formulas_are_set(pages):
    for name, facts in pages.items():
        asked, set_, broken = facts["formulas"]
        assert (asked, 0) == (set_, broken), name
    assert pages["02_derivation.html"]["formulas"][0] > 50


def test_every_link_leads_somewhere(pages):
    texts = {str(path): path.read_text("utf-8") for path in SITE.rglob("*.html")}
    dead = []
    for name, facts in pages.items():
        for link in facts["links"]:
            address, fragment = urldefrag(link)
            if address.startswith("file:"):
                target = unquote(address.removeprefix("file://"))
                alive = target in texts if fragment else os.path.isfile(target)
                if fragment and alive:
                    alive = f'id="{unquote(fragment)}"' in texts[target]
            else:
                alive = address.startswith("https://")  # whether it answers, nobody here knows
            if not alive:
                dead.append((name, link))
    assert dead == []


def test_every_picture_is_there_and_described(pages):
    assert {name: facts["bare"] for name, facts in pages.items() if facts["bare"]} == {}


def test_nothing_is_wider_than_the_window(pages):
    for name, facts in pages.items():
        assert facts["wide"] == facts["phone"] == [], name


def test_pages_are_open_to_all(pages):
    assert {name: facts["faults"] for name, facts in pages.items() if facts["faults"]} == {}


def test_walk_from_page_to_page(visit):
    read(visit, SITE / "index.html")
    for name in NOTEBOOKS:
        visit.locator(".next-page").click()
        assert visit.url.endswith(f"/{name}.html")
    for name in ("index", *NOTEBOOKS[:-1])[::-1]:
        visit.locator(".prev-page").click()
        assert visit.url.endswith(f"/{name}.html")


def test_functions_link_to_their_source(visit):
    read(visit, SITE / "03_training.html")
    visit.locator("a.sphinx-codeautolink-a", has_text="nn.train").first.click()
    visit.locator("[id='nn_helpers.train'] .viewcode-link").click()
    assert "def train(" in visit.locator("#train").inner_text()


def test_index_shows_the_results(visit):
    read(visit, SITE / "index.html")
    assert "network: accuracy" in visit.locator("table").first.inner_text()


def test_light_and_dark(visit):
    def brightness(selector: str, what: str) -> float:
        color = visit.locator(selector).first.evaluate(f"e => getComputedStyle(e).{what}")
        return sum(map(float, re.findall(r"[\d.]+", color)[:3])) / (3 * 255)

    for scheme, low, high in (("light", 0.9, 1), ("dark", 0, 0.2)):
        read(visit, SITE / "02_derivation.html", scheme=scheme)
        paper = brightness("body", "backgroundColor")
        assert low <= paper <= high
        for text in ("article p", ".highlight pre", "mjx-container"):
            assert abs(brightness(text, "color") - paper) > 0.5, text


def test_printed_pages_are_the_report(visit):
    for name in ("index", *NOTEBOOKS):
        read(visit, SITE / f"{name}.html")
        visit.emulate_media(media="print")
        assert not visit.locator(".sidebar-drawer").is_visible()
        visit.pdf(path=SEEN / f"{name}.pdf", format="A4", prefer_css_page_size=True)


def test_longest_notebook_has_run_meanwhile(tabs):
    runs_and_its_figures_move(tabs, NOTEBOOKS[-1])


# Python in the pages

PYTHON = PROJECT / "build" / "live" / "python"
needs_python = pytest.mark.skipif(not PYTHON.exists(), reason="`make site` got no Python for pages")


def press(tab: Page, kind: str) -> Locator:
    """Press a live figure's button, if it has not been pressed, and wait until it answers."""
    place = tab.locator(f"[data-figure={kind}]")
    if place.locator("> button").count():
        place.locator("> button").click()
    place.locator("p[role=status]:not(:empty)").wait_for(timeout=120_000)
    return place.locator(".live-figure")


def test_a_page_is_light_until_its_button_is_pressed(visit):
    for name in NOTEBOOKS:
        loaded = set()
        visit.on("request", lambda request, loaded=loaded: loaded.add(request.url))
        read(visit, SITE / f"{name}.html")
        files = {Path(unquote(urldefrag(url)[0].removeprefix("file://"))) for url in loaded}
        size = sum(path.stat().st_size for path in files if path.is_file())
        assert 0.1e6 < size < 1.5e6, f"{name}: {size / 1e6:.2f} MB"


def are_open_to_all(tab: Page) -> None:
    """See that a page's live figures can be read and used by all; keep what they look like."""
    for scheme, width in (("light", 1440), ("dark", 390)):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)
        assert not tab.evaluate(WIDER)
        assert not faults(tab, ".live-figure")
        for figure in tab.locator(".live-figure").all():
            kind = figure.get_attribute("aria-label").split()[-1]
            figure.screenshot(path=SEEN / f"page_{kind}_{width}_{scheme}.png")


@needs_python
def test_lab_on_the_page_prints_the_history_of_the_notebook(visit, tabs, capsys):
    read(visit, SITE / "03_training.html")
    started = time.monotonic()
    figure = press(visit, "lab")
    ready = time.monotonic() - started
    settle(visit, figure)
    visit.evaluate(RECORD)
    started = time.monotonic()
    figure.get_by_role("button", name="train again").click()
    visit.wait_for_function("() => said.at(-1)?.startsWith('Epoch 40:')", timeout=120_000)
    took = time.monotonic() - started
    with capsys.disabled():
        print(
            f" [Python ready and first epoch after {ready:.1f} s, 40 epochs in {took:.1f} s] ",
            end="",
        )
    parts, here = list(nn_live.of_the_course("lab")(**nn.SETTINGS)), visit.evaluate("said")
    form = "Epoch {epoch}: training loss {loss:.3f}, validation loss {validation_loss:.3f}"
    for epoch, said in zip(parts, here, strict=True):
        assert said.startswith(form.format(**epoch))
    notebook = (PROJECT / "notebooks" / "03_training.ipynb").read_text("utf-8")
    stored = re.findall(r'"(\d+) +([\d.]+) +[\d.]+ +([\d.]+) +[\d.]+ *(?:\\n)?"', notebook)
    assert len(stored) == 6
    for epoch, loss, validation_loss in stored:
        words = f"training loss {loss}, validation loss {validation_loss}"
        assert words in here[int(epoch) - 1]
    are_open_to_all(visit)
    tab = tabs["03_training"]
    assert smallest_run(visit, figure) == smallest_run(tab, tab.locator(".live-figure"))
    read(visit, SITE / "04_evaluation.html")  # there one's own hand can be shown to this network
    figure = press(visit, "own_hand")
    settle(visit, figure)
    assert "Trained on 640 pictures" in figure.inner_text()
    figure.get_by_label("that I trained in the lab").uncheck()
    settle(visit, figure)
    assert "Trained on 800 pictures" in figure.inner_text()


def smallest_run(tab: Page, figure: Locator) -> str:
    """Bring all of the lab's sliders to their lowest values; return what is said of that run."""
    settle(tab, figure)
    for slider in figure.get_by_role("slider").all()[::-1]:  # fewer epochs first
        slider.focus()
        tab.keyboard.press("Home")
        settle(tab, figure)
    return figure.get_by_role("status").inner_text()


RECORD = """() => {
  window.said = [];
  const status = document.querySelector("[data-figure=lab] [role=status]");
  new MutationObserver(() => said.push(status.textContent))
    .observe(status, { childList: true, characterData: true, subtree: true });
}"""


@needs_python
def test_figures_of_one_page_share_python_and_answer_as_the_notebook_does(visit):
    visit.wrong.clear()
    read(visit, SITE / "04_evaluation.html")
    figure = press(visit, "threshold")
    stored = json.loads((PROJECT / "figures" / "results.json").read_text())
    said = figure.get_by_role("status").inner_text()
    assert f"{100 * stored['metrics']['accuracy']['value']:.1f} %" in said
    other = press(visit, "hand")
    for box in (figure, other):
        sliders = box.get_by_role("slider")
        for i in range(sliders.count()):
            move(visit, box, sliders.nth(i))
    ask = nn_live.of_the_course("hand")
    drag(visit, figure, figure.locator("svg"))
    drag(visit, other, other.locator("canvas.hand").first)
    other.get_by_label("covers it").check()
    drag(visit, other, other.locator("canvas.hand").first)
    canvas = other.locator("canvas.hand").first
    covered = canvas.get_attribute("aria-label")
    canvas.focus()
    for key in ("ArrowUp", "ArrowLeft", "Space"):
        visit.keyboard.press(key)
    settle(visit, other)
    assert canvas.get_attribute("aria-label") != covered
    other.get_by_role("button", name="back to the start").click()
    settle(visit, other)
    assert f"is {ask(which=4)['probability']:.3f}." in other.get_by_role("status").inner_text()
    assert not visit.wrong
    are_open_to_all(visit)


@needs_python
def test_neuron_is_dragged_and_rolls_down(visit):
    visit.wrong.clear()
    read(visit, SITE / "02_derivation.html")
    figure = press(visit, "neuron")
    for target in figure.locator("svg").all():
        drag(visit, figure, target)
    figure.get_by_role("button", name="roll").focus()
    visit.keyboard.press("Enter")
    figure.get_by_role("button", name="roll").wait_for(timeout=60_000)  # "stop" until it is there
    x = np.array([-3, -2, -1, 0.5, 1, -0.5, 1.5, 2, 3])
    lowest = np.min(nn_live.neuron(x, np.array([0] * 5 + [1] * 4))(1, 0, grid=True)["losses"])
    loss = float(re.search(r"Loss ([\d.]+)", figure.get_by_role("status").inner_text())[1])
    assert loss < lowest + 0.005
    assert not visit.wrong
    are_open_to_all(visit)


def drag(tab: Page, figure: Locator, target: Locator) -> None:
    """Drag something with the mouse, and see that the figure says something else."""
    target.scroll_into_view_if_needed()
    box, before = target.bounding_box(), figure.get_by_role("status").inner_text()
    x, y = box["x"] + 0.45 * box["width"], box["y"] + 0.4 * box["height"]
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 20, steps=5)
    tab.mouse.up()
    settle(tab, figure)
    assert figure.get_by_role("status").inner_text() != before


def answer_to(tab: Page, figure: Locator, picture: bytes) -> tuple[str, float]:
    """Give a picture to the file chooser; return the digit and the probability that are said."""
    said = figure.get_by_role("status")
    said.evaluate("said => { said.textContent = ''; }")
    file = {"name": "hand", "mimeType": "image/png", "buffer": picture}
    figure.locator("input[type=file]").set_input_files(file)
    tab.wait_for_function("said => said.textContent", arg=said.element_handle())
    settle(tab, figure)
    return heard(said.inner_text())


def heard(said: str) -> tuple[str, float]:
    """Return the digit that is named, or "neither", and the probability."""
    digit, neither, probability = re.search(
        r"(?:calls it (\d)|(neither)).*probability of an \d is ([\d.]+)\.$", said
    ).groups()
    return digit or neither, float(probability)


def nn_live_says(picture: bytes) -> tuple[str, float]:
    """Return what Python says of the same picture, cut to a square, without a browser."""
    photo = ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")
    photo = ImageOps.fit(photo, (min(photo.size),) * 2)
    answer = nn_live.of_the_course("own_hand")(photo=nn_live.as_text(np.asarray(photo)))
    probability = answer["probability"]
    digit = str(nn.DIGITS[probability >= 0.5]) if answer["ours"] else "neither"
    return digit, round(probability, 3)


@needs_python
def test_own_hand_is_read_from_the_camera_and_from_files(visit):
    visit.wrong.clear()
    read(visit, SITE / "index.html")
    visit.evaluate("() => localStorage.clear()")  # no network from the lab
    figure = press(visit, "own_hand")
    said = figure.get_by_role("status")
    expect(said).to_have_text(re.compile("^A test hand, painted as a photograph. .* calls it 6"))
    figure.get_by_role("button", name="use the camera").focus()
    visit.keyboard.press("Enter")
    expect(said).to_have_text(re.compile("^The network calls it 8"), timeout=30_000)
    visit.keyboard.press("Enter")
    expect(figure.get_by_role("button", name="use the camera")).to_be_visible()
    expect(said).to_have_text(re.compile(r"calls it 8: .* is [01]\.\d{3}\.$"))  # held still
    assert answer_to(visit, figure, painted(2)) == nn_live_says(painted(2))
    mirrored = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(painted(2)))).save(mirrored, "PNG")
    figure.get_by_label("mirror").check()
    assert answer_to(visit, figure, mirrored.getvalue()) == nn_live_says(painted(2))
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    for content, words in ((noise, "No hand found"), (None, "can't read that file")):
        buffer = io.BytesIO()
        if content is not None:
            Image.fromarray(content).save(buffer, "PNG")
        file = {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
        figure.locator("input[type=file]").set_input_files(file)
        expect(said).to_contain_text(words)
    assert not visit.wrong
    figure.get_by_label("mirror").uncheck()
    assert answer_to(visit, figure, painted(5))[0] == "8"
    are_open_to_all(visit)


@needs_python
@pytest.mark.skipif(
    "SIGN_DIGITS_ARCHIVE" not in os.environ,
    reason="SIGN_DIGITS_ARCHIVE is not set (to the path of the photographs' archive)",
)
def test_photographs_get_the_answers_that_python_gives(visit, capsys):
    with open(os.environ["SIGN_DIGITS_ARCHIVE"], "rb") as archive:
        files = fetch_photos.read_dataset(archive)
    digit_of = {path: found[1] for path in files if (found := re.search(r"\b([68])/", path))}
    some = np.random.default_rng(0).choice(sorted(digit_of), 100, replace=False)
    read(visit, SITE / "index.html")
    visit.evaluate("() => localStorage.clear()")  # no network from the lab
    figure = press(visit, "own_hand")
    here = [answer_to(visit, figure, files[path][1]) for path in some]
    there = [nn_live_says(files[path][1]) for path in some]
    truth = [digit_of[path] for path in some]
    with capsys.disabled():
        right = sum(digit == true for (digit, _), true in zip(here, truth, strict=True))
        refused = sum(digit == "neither" for digit, _ in here)
        print(f" [of 100 photographs {right} right, {refused} refused] ", end="")
    assert here == there


@needs_python
def test_without_numpy_the_reader_is_told_in_a_sentence(visit, tmp_path):
    site = shutil.copytree(SITE, tmp_path / "site", ignore=shutil.ignore_patterns("numpy.zip.js"))
    read(visit, site / "02_derivation.html")
    visit.locator("[data-figure=neuron] > button").click()
    said = visit.locator("[data-figure=neuron] [role=alert]")
    expect(said).to_have_text("This page lacks _static/python/numpy.zip.js.")


# The instructor's desk

HOSTILE = '<img src="http://x" onerror="document.title = 1">'
NAME = HOSTILE.replace("/", "∕")  # a folder's name holds no slash
PAGE = f"""from IPython.display import HTML
HTML('<script>document.title = 1</script>{HOSTILE}')"""


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> tuple[list[str], Path]:
    """Grade a class of four, one of them hostile; return the command and where its results are."""
    folder, output = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("grades")
    answer = new_markdown_cell(f"**Your answer to 1** (here)\n\n</script>{HOSTILE}")
    notebook = nbformat.writes(new_notebook(cells=[answer, new_code_cell(PAGE)]))
    files = {"nn_helpers.py": red_team.REFERENCE, "01_exploration.ipynb": notebook}
    rows = ["Student,ID,Section,Milestone (7)"]
    for number, name in enumerate([NAME, "anna", "ben_LATE", "cleo"]):
        (folder / f"{name}_{number}_{number}_work.zip").write_bytes(red_team.zipped(files))
        rows.append(f"{name},{number},A,")
    export = folder.with_suffix(".csv")
    export.write_text("\n".join([*rows, "missing,9,A,"]))
    line = red_team.grader(folder, "--output", output, "--canvas", export, short=True)
    subprocess.run(line, check=True, capture_output=True)
    return line, output


def test_marks_made_by_keyboard_alone_arrive_in_the_totals(browser, desk, tmp_path):
    line, output = desk
    with browser.new_context(offline=True) as context:
        tab = context.new_page()
        read(tab, output / "index.html")
        press, write = tab.keyboard.press, tab.keyboard.type
        while not tab.evaluate("document.activeElement.closest('td')"):
            press("Tab")
        press("Enter")
        write("17")
        press("Tab")
        write('Well "argued", all of it')
        press("Enter")
        write("21")
        press("Enter")  # more than there are: nothing happens
        press("Control+A")
        write("12,5")
        press("Enter")
        write("20")
        press("Enter")
        tab.reload()  # what was typed is kept
        tab.focus("#save")
        with tab.expect_download() as download:
            press("Enter")
        download.value.save_as(tmp_path / "mine.csv")
        cells = tab.locator("#students tr").evaluate_all("rows => rows.map(row => row.innerText)")
    subprocess.run([*line, "--marks", tmp_path / "mine.csv"], check=True, capture_output=True)
    with (output / "grades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    most = red_team.SHORT_ALL
    expected = {"0": most + 17, "1": most + 12.5, "2": 0.9 * (most + 20), "3": most}
    assert {row["number"]: float(row["total"]) for row in rows} == pytest.approx(expected)
    for row, cell in zip(rows, cells[1:], strict=True):
        so_far = " so far" * (row["number"] == "3")
        assert f"\t{row['total']}{so_far}" in cell
    filled = (output / "canvas.csv").read_text().splitlines()
    assert [text.rpartition(",")[2] for text in filled[1:]] == [
        *(f"{expected[n]:g}" for n in "012"),
        *("", ""),  # not marked, and not handed in
    ]
    feedback = output / "students" / rows[0]["folder"] / "feedback.html"
    assert "Well &quot;argued&quot;, all of it" in feedback.read_text()


def test_desk_shows_what_is_hostile_as_text_and_opens_no_connection(visit, desk):
    _, output = desk
    visit.wrong.clear()
    read(visit, output / "index.html")
    visit.locator("#students td button").first.click()
    expect(visit.locator("#who")).to_have_text(NAME)
    expect(visit.locator(".pair p").first).to_have_text(f"</script>{HOSTILE}")
    expect(visit.locator("#missing")).to_have_text("missing 9")
    visit.screenshot(path=SEEN / "desk.png", full_page=True)
    addresses = visit.locator("#facts a").evaluate_all("links => links.map(link => link.href)")
    assert len(addresses) == 2  # feedback, and the executed notebook
    for address in addresses:
        visit.goto(address)
        assert visit.title() != "1"
    assert visit.frame_locator("iframe").locator("h1, pre").count()
    assert not visit.wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_desk_is_open_to_all(visit, desk, width, scheme):
    read(visit, desk[1] / "index.html", width, scheme)
    visit.locator("#students td button").nth(1).click()
    assert not visit.evaluate(WIDER)
    assert not faults(visit)
