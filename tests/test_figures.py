"""Figures: each says in words what it shows, and is written whole or not at all."""

import inspect
import io
import itertools
import json
import queue
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from coloraide import Color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

import nn_figures as draw
import nn_helpers as nn

VIEW = "application/vnd.jupyter.widget-view+json"
CURVES = pd.DataFrame({"a": [3.0, 1.0], "b": [1.0, 2.0]}, index=[1, 2])
TIMED = CURVES.rename_axis("time")
INTERVALS = pd.DataFrame({"value": [0.5], "low": [0.4], "high": [0.6]}, index=["accuracy"])
HISTORY = {"epoch": [1, 2], "loss": [0.7, 0.5], "accuracy": [0.5, 0.875]}
SQUARES = pd.DataFrame([[90.04, 80.0], [99.5, 85.0]], index=[3, 4], columns=[1, 2])
DIFFERENCES = pd.DataFrame(
    {"value": [0.01, -0.02, 0.03], "low": [-0.01, -0.03, 0.0], "high": [0.03, -0.01, 0.06]},
    index=pd.MultiIndex.from_tuples([("hands", "a"), ("hands", "b"), ("photos", "a")]),
)
ACTIVATIONS = nn.Activations(np.zeros((1, 5)), np.full((1, 5), 0.25), np.ones(1), np.full(1, 0.75))
NEGATIVE, POSITIVE = nn.DIGITS
RELIABILITY = nn.reliability_table(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.9]))

# Each plot function, called once, and what its description must mention.
PLOTS = {
    "pictures": (
        lambda: draw.pictures(np.zeros((3, 784)), "Three", captions=["x", "y", "z"], columns=2),
        ["Three: 3 pictures, 2 in a row", "x, y, z"],
    ),
    "groups": (
        lambda: draw.groups(np.zeros((5, 784)), np.array([3, 1, 3, 1, 7]), "Pairs", rows=2),
        ["Pairs: 4 pictures, 2 in a row", "each of the 2 largest groups, of 3"],
    ),
    "curves": (
        lambda: draw.curves(CURVES, "Two lines", xlabel="time", ylabel="cost", log="xy"),
        ["Two lines", "cost against time", "a: 3 at 1, 1 at 2", "b: 1 at 1, 2 at 2"],
    ),
    "history": (
        lambda: draw.history(HISTORY, "A run"),
        ["A run", "Loss against epoch", "training: 0.7 at 1, 0.5 at 2", "0.875 at 2"],
    ),
    "distributions": (
        lambda: draw.distributions({"p": np.arange(9), "q": np.ones(3)}, "Two", xlabel="size"),
        ["Two", "Histogram of size", "p: median 4", "q: median 1"],
    ),
    "intervals": (
        lambda: draw.intervals(
            INTERVALS, "One", xlabel="share", reference={"accuracy": 0.7}, reference_name="theirs"
        ),
        ["One", "accuracy: 0.500, 0.400 to 0.600", "theirs: accuracy 0.700"],
    ),
    "confusion_matrix": (
        lambda: draw.confusion_matrix(np.array([[1, 2], [3, 4]]), "Four", names=["6", "8"]),
        ["Four", "True 6: 1 predicted 6, 2 predicted 8", "True 8: 3 predicted 6, 4 predicted 8"],
    ),
    "heatmap": (
        lambda: draw.heatmap(
            SQUARES, "Pairs", xlabel="one", ylabel="other", measure="accuracy (%)"
        ),
        [
            "Pairs. Table of accuracy (%)",
            "lowest 80.0 at other 3 and one 2",
            "highest 99.5 at other 4 and one 1",
        ],
    ),
    "reliability": (
        lambda: draw.reliability(RELIABILITY, "Believed"),
        ["Believed", "0.10 said, 0.00 came true", "0.90 said, 1.00 came true", "n = 1"],
    ),
    "neuron": (
        lambda: draw.neuron(np.array([-1.0, 1, 2]), np.array([0, 1, 0]), weight=2, bias=0.5),
        [
            "One neuron. Weight 2, bias 0.5: loss 1.597, 2 of 3 right",
            "at weight -0.2",
        ],
    ),
    "threshold": (
        lambda: draw.threshold(
            np.array([0, 1, 1]), np.array([0.2, 0.3, 0.9]), np.zeros((3, 784)), threshold=0.5
        ),
        [
            f"{POSITIVE} from probability 0.50 on: precision 1.000, recall 0.500",
            "TN 1, FP 0, FN 1, TP 1.",
            "1 mistake as crosses, 1 of them drawn below.",
        ],
    ),
    "answer": (
        lambda: draw.answer(
            np.zeros(784), pd.Series([0.1, 0.8], pd.Index([-5, 5], name="turn")), "Turned", chosen=5
        ),
        [
            f"Turned. Probability of the digit {POSITIVE}",
            "at turn 5 it is 0.80; from 0.10 at -5 to 0.80 at 5",
        ],
    ),
    "network": (
        lambda: draw.network(np.zeros(784), ACTIVATIONS),
        ["6 of its 784 pixels", "5 of 5 hidden units", "filled to 0.75"],
    ),
    "graph": (
        lambda: draw.graph([*"abcdefghijkl"], ["1", *"2345678", ""], "By hand"),
        ["By hand. Inputs x1 a and x2 b", "W1 c, below it 1;", "a2 k, below it a blank box."],
    ),
    "panels": (
        lambda: draw.panels({"cost": TIMED, "gain": -TIMED}, "Alike", reference="a"),
        ["Alike. 1 panels, a in grey", "cost. a: 3 at 1", "gain. a: -3 at 1", "b: -1 at 1"],
    ),
    "scatter": (
        lambda: draw.scatter(CURVES, "Two", unit="%", named=[2]),
        ["Two. 2 dots, b to the right, a up, %", "2: 2.0 and 1.0"],
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_figure_says_in_words_what_it_shows(name):
    plot, expected = PLOTS[name]
    figure = plot()
    assert isinstance(figure, Figure)
    for words in expected:
        assert words in figure.get_label()


def test_no_plot_function_is_left_out():
    plots = {name for name, f in inspect.getmembers(draw) if hasattr(f, "__wrapped__")}
    assert plots == set(PLOTS)


@pytest.mark.parametrize("name", PLOTS)
def test_every_axis_with_numbers_has_its_labels(name):
    for axis in PLOTS[name][0]().axes:
        if axis.axison and axis.get_label() != "<colorbar>":
            place, figure = axis.get_subplotspec(), axis.figure
            assert axis.get_xlabel() or not place.is_last_row()
            named = axis.get_ylabel() or figure.get_supylabel() or not place.is_first_col()
            assert named or name == "intervals"  # rows that name themselves


def test_curves_show_the_data_they_are_given():
    (axis,) = draw.curves(CURVES, "t", xlabel="x", ylabel="y").axes
    for line, (name, values) in zip(axis.lines, CURVES.items(), strict=True):
        assert line.get_label() == name
        assert np.array_equal(line.get_ydata(), values)


def test_each_scale_is_logarithmic_only_if_asked():
    for log in ("", "x", "y", "xy"):
        (axis,) = draw.curves(CURVES, "t", xlabel="x", ylabel="y", log=log).axes
        scales = (axis.get_xscale(), axis.get_yscale())
        assert scales == tuple("log" if name in log else "linear" for name in "xy")


def test_few_places_on_a_logarithmic_axis_are_all_named():
    for n in (4, 12):
        curves = pd.DataFrame({"a": np.ones(n)}, index=3 * 2 ** np.arange(n))
        (axis,) = draw.curves(curves, "t", xlabel="x", ylabel="y", log="x").axes
        named = [text.get_text() for text in axis.get_xticklabels()]
        assert (named == [str(x) for x in curves.index]) == (n == 4)


def test_a_legend_only_where_there_is_something_to_tell_apart():
    one = draw.curves(CURVES[["a"]], "t", xlabel="x", ylabel="y").axes[0]
    two = draw.curves(CURVES, "t", xlabel="x", ylabel="y").axes[0]
    assert one.get_legend() is None
    assert [text.get_text() for text in two.get_legend().get_texts()] == ["a", "b"]


def test_whole_numbers_get_whole_ticks():
    (axis,) = draw.curves(CURVES, "t", xlabel="x", ylabel="y").axes
    assert np.all(axis.get_xticks() % 1 == 0)
    (axis,) = draw.curves(CURVES.set_axis([0.1, 0.2]), "t", xlabel="x", ylabel="y").axes
    assert np.any(axis.get_xticks() % 1 != 0)


def test_a_diverged_curve_is_described_too():
    curves = CURVES.assign(c=np.nan)
    label = draw.curves(curves, "t", xlabel="x", ylabel="y").get_label()
    assert "c: no finite values." in label
    assert "b: 1 at 1, 2 at 2" in label


def test_shares_of_a_distribution_add_up_in_one_panel_or_in_rows():
    samples = {"p": np.arange(50), "q": np.arange(20)}
    for rows in (False, True):
        axes = draw.distributions(samples, "t", xlabel="x", rows=rows).axes
        assert len(axes) == (2 if rows else 1)
        patches = [patch for axis in axes for patch in axis.patches]
        assert np.allclose([patch.get_data().values.sum() for patch in patches], 1)
        medians = [line.get_xdata()[0] for axis in axes for line in axis.lines]
        assert medians == ([24.5, 9.5] if rows else [])
        assert bool(axes[0].get_legend()) != rows
        assert np.array_equal(axes[0].get_xlim(), axes[-1].get_xlim())


def test_intervals_are_drawn_where_the_table_says():
    (axis,) = draw.intervals(INTERVALS, "t", xlabel="share").axes
    (bar,) = axis.containers[0].lines[2]
    assert np.allclose(bar.get_segments()[0][:, 0], [0.4, 0.6])
    assert [text.get_text() for text in axis.get_yticklabels()] == ["accuracy"]


def test_a_line_marks_zero_only_if_asked():
    for zero in (False, True):
        (axis,) = draw.intervals(INTERVALS, "t", xlabel="difference", zero=zero).axes
        marks = [line for line in axis.lines if list(line.get_xdata()) == [0, 0]]
        assert len(marks) == zero


def test_differences_are_grouped_in_points_and_hollow_where_they_may_be_zero():
    figure = draw.intervals(DIFFERENCES, "t", xlabel="gain", zero=True)
    (axis,) = figure.axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == ["hands", "a", "b", "photos", "a"]
    dots = [container.lines[0] for container in axis.containers]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [True, False, True]
    assert [dot.get_color() for dot in dots] == [draw.COLORS[i] for i in (3, 0, 3)]
    places = dict(zip(axis.get_yticks(), names, strict=True))
    assert [places[dot.get_ydata()[0]] for dot in dots] == ["a", "b", "a"]
    assert "hands, b: -2.0, -3.0 to -1.0" in figure.get_label()


def test_each_panel_shows_its_column_over_the_reference():
    table = CURVES.assign(c=[0.0, 4.0])
    axes = draw.panels({"cost": table}, "t", reference="b").axes
    assert [axis.get_title() or axis.get_title(loc="left") for axis in axes] == ["a", "c"]
    for axis, name in zip(axes, "ac", strict=True):
        grey, mine = axis.lines
        assert np.array_equal(grey.get_ydata(), table["b"])
        assert np.array_equal(mine.get_ydata(), table[name])
        assert grey.get_linewidth() > 2 * mine.get_linewidth()  # seen behind a line that is equal


def test_dots_lie_where_the_table_says_and_the_first_name_stands_out():
    (axis,) = draw.scatter(CURVES, "t", unit="%", named=[2, 1]).axes
    dots = axis.lines[1]
    assert np.array_equal(dots.get_xdata(), CURVES["b"])
    assert np.array_equal(dots.get_ydata(), CURVES["a"])
    assert [(text.get_text(), text.get_weight()) for text in axis.texts] == [
        ("2", "bold"),
        ("1", "normal"),
    ]


def test_bars_show_the_spread_and_words_say_it():
    spread = pd.DataFrame({"a": [0.5, 0.25], "b": [0.0, 0.125]}, index=CURVES.index)
    figure = draw.curves(CURVES, "t", xlabel="x", ylabel="y", spread=spread)
    bars = [container.lines[2][0] for container in figure.axes[0].containers]
    for bar, name in zip(bars, CURVES, strict=True):
        for segment, value, half in zip(
            bar.get_segments(), CURVES[name], spread[name], strict=True
        ):
            assert np.allclose(segment[:, 1], [value - half, value + half])
    assert "Bars from ±0.25 to ±0.5." in figure.get_label()
    assert "Bars from ±0 to ±0.12." in figure.get_label()


def test_squares_carry_their_numbers():
    labels = {"xlabel": "one", "ylabel": "other", "measure": "accuracy (%)"}
    axis = draw.heatmap(SQUARES, "t", **labels).axes[0]
    assert [text.get_text() for text in axis.texts] == ["90.0", "80.0", "99.5", "85.0"]
    assert [text.get_color() for text in axis.texts] == ["black", "white", "black", "white"]
    axis = draw.heatmap(SQUARES, "t", **labels, spread=SQUARES / 100).axes[0]
    assert [text.get_text() for text in axis.texts] == [
        "90.0\n± 0.9",
        "80.0\n± 0.8",
        "99.5\n± 1.0",
        "85.0\n± 0.8",
    ]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["3", "4"]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2"]


def test_signed_pictures_are_drawn_around_zero():
    figure = draw.pictures(np.linspace(-1, 3, 784)[None], "Signed", units="weight")
    (image,) = figure.axes[0].images
    assert image.get_clim() == (-3, 3)
    assert image.get_cmap().name == "cividis"  # blue to yellow, ever lighter: for any eyes


def test_the_largest_group_comes_first_and_black_fills_up_the_others():
    X = np.repeat(np.arange(1, 5), 784).reshape(4, 784)
    figure = draw.groups(X, np.array([0, 1, 1, 1]), "Groups", columns=2)
    assert [axis.images[0].get_array().max() for axis in figure.axes] == [2, 3, 1, 0]


def test_plots_leave_the_users_style_alone():
    import matplotlib

    with matplotlib.rc_context({"font.size": 5}):
        line()
        assert matplotlib.rcParams["font.size"] == 5


def test_no_pictures_no_figure():
    with pytest.raises(ValueError, match="pictures must hold at least one picture"):
        draw.pictures(np.zeros((0, 784)), "None")


def test_weights_are_drawn_side_by_side_around_zero():
    weights = np.repeat([[-1.0], [3.0], [0.0]], 784, axis=1)
    panel = draw.history(HISTORY, "A run", weights).axes[2]
    (image,) = panel.images
    assert image.get_clim() == (-3, 3)
    assert image.get_cmap().name == "cividis"
    sheet = image.get_array()
    assert sheet.shape == (28, 4 * 29 - 1)
    assert (sheet[:, :28] == -1).all()
    assert (sheet[:, 29:57] == 3).all()
    assert sheet.mask[:, 28].all()  # the line between two pictures


def test_threshold_marks_the_mistakes_and_draws_the_surest_first():
    pictures = np.repeat([[10.0], [20.0], [30.0]], 784, axis=1)
    y, probability = np.array([1, 1, 0]), np.array([0.4, 0.9, 0.7])
    above, below = draw.threshold(y, probability, pictures, threshold=0.5).axes
    line, right, wrong = above.lines
    assert list(line.get_xdata()) == [0.5, 0.5]
    assert list(right.get_xdata()) == [0.9]
    assert list(wrong.get_xdata()) == [0.4, 0.7]
    assert right.get_marker() != wrong.get_marker()
    assert [text.get_text() for text in above.texts] == [
        f"TN 0: {NEGATIVE} called {NEGATIVE}",
        f"FP 1: {NEGATIVE} called {POSITIVE}",
        f"FN 1: {POSITIVE} called {NEGATIVE}",
        f"TP 1: {POSITIVE} called {POSITIVE}",
    ]
    sheet = below.images[0].get_array()
    assert (sheet[:, :28] == 30).all()
    assert (sheet[:, 29:57] == 10).all()
    assert sheet.mask[:, 58:].all()
    assert [text.get_text() for text in below.texts] == [f"{NEGATIVE}: 0.70", f"{POSITIVE}: 0.40"]


def test_nothing_jumps_while_the_threshold_moves():
    y, probability = np.array([0, 1, 1]), np.array([0.2, 0.3, 0.9])
    seen = set()
    for threshold in (0.05, 0.5, 0.95):
        axes = draw.threshold(y, probability, np.zeros((3, 784)), threshold=threshold).axes
        seen.add(tuple((*axis.get_xlim(), *axis.get_ylim()) for axis in axes))
    assert len(seen) == 1


def test_a_picture_goes_through_the_network():
    picture = np.arange(784) % 256
    (axis,) = draw.network(picture, ACTIVATIONS).axes
    assert np.array_equal(axis.images[0].get_array().ravel(), picture)
    pixels, squares, units = axis.collections
    assert np.array_equal(pixels.get_array(), squares.get_array())
    for (x, y), grey in zip(pixels.get_offsets().astype(int), pixels.get_array(), strict=True):
        assert picture[28 * y + x] == grey
    assert np.array_equal(units.get_array(), np.full(5, 255 * 0.25))
    assert axis.patches[-1].get_height() == -28 * 0.75


# Colours


@pytest.mark.parametrize("color", draw.COLORS)
def test_every_colour_stands_out_from_white(color):
    assert Color(color).contrast("white") >= 3  # WCAG 1.4.11 asks this of graphics


@pytest.mark.parametrize("eyes", ["usual", "protan", "deutan", "tritan"])
def test_lines_are_told_apart_by_all_eyes(eyes):
    """About 1 is just seen between large patches side by side; thin lines get ten times that."""
    seen = [Color(color) for color in draw.COLORS]
    if eyes != "usual":
        seen = [color.filter(eyes, 1, method="machado").clip() for color in seen]
    for a, b in itertools.combinations(seen, 2):
        assert a.delta_e(b, method="2000") >= 10


def in_black(line, **change):
    """Return the pixels of a line that is drawn as this one is, but for colour and `change`."""
    figure, copy, file = Figure(figsize=(2, 0.5)), Line2D([], []), io.BytesIO()
    copy.update_from(line)
    copy.set(data=([0.1, 0.9], [0.5, 0.5]), transform=figure.transFigure, clip_on=False)
    copy.set(color="black", **change)
    figure.add_artist(copy)
    figure.savefig(file, format="raw", dpi=100)
    return file.getvalue()


def test_lines_are_told_apart_in_a_grey_print():
    """By their dashes alone, and by their markers alone."""
    n = len(draw.COLORS)
    table = pd.DataFrame({str(i): [i, i + 1] for i in range(n)})
    lines = draw.curves(table, "t", xlabel="x", ylabel="y").axes[0].lines
    assert [line.get_color() for line in lines] == list(draw.COLORS)
    assert len({in_black(line, marker="") for line in lines}) == n
    assert len({in_black(line, linestyle="") for line in lines}) == n
    (axis,) = draw.distributions(dict(table), "t", xlabel="x").axes
    assert [patch.get_linestyle() for patch in axis.patches] == list(draw.LINES[:n])


# Live figures


def line(height=1.0):
    return draw.curves(height * CURVES, "A line", xlabel="x", ylabel="y")


def heard(ask):
    """Return a live figure without a browser, what it sends, and how to ask it."""
    widget, sent = draw._live_figure("neuron", ask), queue.Queue()
    widget.send = sent.put

    def put(number, **question):
        widget._handle_custom_msg({"id": number, "question": question}, [])

    return sent, put


def test_live_figure_answers_and_tells_what_went_wrong():
    sent, put = heard(lambda height: {"twice": 2 * height, "inverse": 1 / height})
    put(1, height=2)
    assert sent.get(timeout=60) == {"id": 1, "part": {"twice": 4, "inverse": 0.5}}
    assert sent.get(timeout=60) == {"id": 1, "done": True}
    put(2, height=0)
    assert sent.get(timeout=60) == {"id": 2, "error": "ZeroDivisionError: division by zero"}
    put(3, height=1)  # and goes on
    assert sent.get(timeout=60)["part"]["twice"] == 2


def test_overtaken_run_is_dropped():
    started, go_on = threading.Event(), threading.Event()

    def ask(rate):
        for epoch in range(1000):
            yield {"rate": rate, "epoch": epoch}
            if rate == 1:
                started.set()
                assert go_on.wait(60)

    sent, put = heard(ask)
    put(1, rate=1)
    assert started.wait(60)
    put(2, rate=2)
    go_on.set()
    messages = []
    while not messages or messages[-1] != {"id": 2, "done": True}:
        messages.append(sent.get(timeout=60))
    epochs = [m["part"]["rate"] for m in messages if "part" in m]
    assert epochs.count(1) <= 2
    assert epochs.count(2) == 1000
    assert {"id": 1, "done": True} in messages  # who asked is not left waiting


def test_where_nothing_is_live_the_figure_stands_still(folder, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))
    about = "neuron", np.array([1.0, 2.0]), np.array([0, 1])
    draw.live(line(), "live", *about)
    assert VIEW in shown[0]
    monkeypatch.setitem(sys.modules, "anywidget", None)
    draw.live(line(), "still", *about)
    assert VIEW not in shown[1]
    assert shown[0]["image/png"] == shown[1]["image/png"]
    assert (folder / "still.png").read_bytes() == (folder / "live.png").read_bytes()


# Files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGN_DIGITS_FIGURES", str(tmp_path))
    return tmp_path


def test_shown_figure_is_saved_with_its_description(folder):
    figure = line()
    draw.show(figure, "net")
    assert [path.name for path in folder.iterdir()] == ["net.png"]
    assert Image.open(folder / "net.png").text["Description"] == figure.get_label()


def test_without_ipython_the_file_is_written_all_the_same(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    draw.show(line(), "net")
    assert (folder / "net.png").is_file()


def test_figure_without_description_is_refused(folder):
    with pytest.raises(ValueError, match="figure 'bare' has no description"):
        draw.show(Figure(), "bare")
    assert not list(folder.iterdir())


def test_figures_of_other_data_go_to_a_folder_of_their_own(monkeypatch):
    monkeypatch.delenv("SIGN_DIGITS_FIGURES")
    assert nn.figures_folder() == nn.PROJECT / "figures"
    monkeypatch.setenv("SIGN_DIGITS", "data/photos.npz")
    assert nn.figures_folder() == nn.PROJECT / "figures" / "photos"


def test_results_are_rounded(folder):
    nn.save_results({"share": 1 / 3, "deep": {"list": [2, 0.12345678]}})
    saved = json.loads((folder / "results.json").read_text())
    assert saved == {"share": 0.333333, "deep": {"list": [2, 0.123457]}}


def test_failed_write_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    path = folder / "kept"
    nn.write_atomically(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        nn.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(folder.iterdir()) == [path]
