"""The figures of the course: drawn by Matplotlib, shown and saved, or live with sliders.

The notebooks import it as ``draw``. A function named after what it draws returns a figure with a
description; `show` saves that figure and shows it. `live` puts sliders to it; its script and its
style stand beside this module, in ``nn_figures.js`` and ``nn_figures.css``.
"""

from __future__ import annotations

import functools
import inspect
import io
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import nn_helpers as nn


def symbol_table() -> pd.DataFrame:
    """List the letters of the course and the equations that compute them.

    The rows of the equations are read from the docstrings of the functions that compute them:
    ``Eq. (n): symbol = formula | shape | meaning``.

    Returns
    -------
    DataFrame
        A row a symbol; columns ``name in code``, ``shape``, ``meaning``, ``equation``,
        ``computed by``.
    """
    rows = [(name, *described, "", "") for name, described in LETTERS.items()]
    pattern = re.compile(r"Eq\. \((\d+)\): (.+?) [=≈←~] (.+) \| (.+) \| (.+)")
    for function in EQUATIONS:
        for number, name, formula, shape, meaning in pattern.findall(function.__doc__):
            equation = f"({number}) {formula}"
            rows.append((name, shape, meaning, equation, function.__name__))
    columns = ["name in code", "shape", "meaning", "equation", "computed by"]
    table = pd.DataFrame(rows, columns=columns)
    subscripts = str.maketrans("12", "₁₂")
    return table.set_index(table["name in code"].str.translate(subscripts).rename("symbol"))


LETTERS = {
    "X": ("(N, D)", "inputs, an example in each row"),
    "y": ("(N,)", "truth, 0 or 1"),
    "W1": ("(D, H)", "weights of the hidden layer"),
    "b1": ("(H,)", "biases of the hidden layer"),
    "W2": ("(H,)", "weights of the output"),
    "b2": ("()", "bias of the output"),
}
EQUATIONS = (
    nn.sigmoid,
    nn.forward,
    nn.binary_cross_entropy,
    nn.central_differences,
    nn.relative_error,
    nn.backward,
    nn.gradient_step,
    nn.initialize_parameters,
)


# Figures --------------------------------------------------------------------------------

# Three of Okabe and Ito's colours, a grey, and an indigo of Tol's: they stay apart for
# colour-blind eyes. Line styles and markers repeat what they say, for grey print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#595959", "#332288")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "figure.titlesize": 11,
    "figure.facecolor": "white",
}
DPI = 144
_drawing = threading.RLock()  # Matplotlib's style is one for all threads


def _styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a plot function in the one style of the course."""

    @functools.wraps(plot)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        with _drawing, matplotlib.style.context(["default", STYLE]):
            return plot(*args, **kwargs)

    return styled


def _new_figure(width: float, height: float, **kwargs: Any) -> tuple[Figure, Any]:
    """Return a figure of so many inches and its axes, tied to no window and no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**kwargs)


def show(figure: Figure, name: str) -> None:
    """Save a figure as a PNG and show it in the notebook, with its description.

    The file goes to the project's ``figures/``; if the environment variable ``SIGN_DIGITS``
    chooses other data, to a subfolder named after that file, so that the figures of the
    embedded set stay what they are. ``SIGN_DIGITS_FIGURES`` names another folder.

    Parameters
    ----------
    figure : Figure
        From one of the functions below. Its label is the description for those who can't see it.
    name : str
        The name of the file, without ``.png``.

    Raises
    ------
    ValueError
        The figure has no description.
    """
    _display(figure, _save(figure, name))


def _save(figure: Figure, name: str) -> bytes:
    """Save a figure under `figures_folder` and return the file's content."""
    if not figure.get_label():
        raise ValueError(f"figure {name!r} has no description: set one with figure.set_label(...)")
    picture = _png(figure)
    nn.write_atomically(nn.figures_folder() / f"{name}.png", picture)
    return picture


def _display(figure: Figure, picture: bytes, live: Any = None) -> None:
    """Show the picture of a figure, or where live figures work, the widget `live`."""
    try:
        from IPython.display import Image, display
    except ImportError:  # plain Python: the file is all there is to see
        return
    image = Image(picture, width=round(figure.get_figwidth() * 100), alt=figure.get_label())
    data, metadata = image._repr_mimebundle_()
    if live is not None:
        view, view_metadata = live._repr_mimebundle_()
        data, metadata = {**view, **data}, {**view_metadata, **metadata}
    display({**data, "text/plain": repr(image)}, metadata=metadata, raw=True)


def _png(figure: Figure) -> bytes:
    """Draw a figure as a PNG that carries its description."""
    buffer = io.BytesIO()
    with _drawing:
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Description": figure.get_label()})
    return buffer.getvalue()


@_styled
def pictures(
    pictures: np.ndarray,
    title: str,
    *,
    captions: Sequence[str] = (),
    columns: int = 10,
    units: str = "",
    description: str = "",
) -> Figure:
    """Draw a grid of 28×28 pictures.

    Parameters
    ----------
    pictures : ndarray, shape (N, 784)
        Grey levels 0 to 255; or, with `units`, any numbers, drawn on one scale from dark blue
        (the most negative) to yellow (the most positive), with a bar that says so.
    title : str
    captions : sequence of str
        One above each picture, or none.
    columns : int
        Pictures in a row.
    units : str
        What the numbers measure, for the bar's label; '' for grey levels.
    description : str
        What there is to see, for those who can't.

    Raises
    ------
    ValueError
        There are no pictures.
    """
    if len(pictures) == 0:
        raise ValueError("pictures must hold at least one picture, got none")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = 7.0 / max(columns, 4)
    height = rows * size + 0.24 * -(-len(captions) // columns) + 0.4
    figure, axes = _new_figure(
        max(columns * size + bool(units) * 0.9, 3.4),
        height,
        nrows=rows,
        ncols=columns,
        squeeze=False,
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    limit = np.abs(pictures).max()
    look = {"cmap": "gray", "vmin": 0, "vmax": 255}
    if units:
        look = {"cmap": "cividis", "vmin": -limit, "vmax": limit}
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture in zip(axes.flat, pictures, strict=False):
        image = axis.imshow(np.reshape(picture, (28, 28)), interpolation="nearest", **look)
    for axis, caption in zip(axes.flat, captions, strict=False):
        axis.set_title(caption, fontsize=9, loc="center", pad=3)
    if units:
        figure.colorbar(image, ax=axes, shrink=0.9, aspect=12, label=units)
    figure.suptitle(title, x=0.01, ha="left")
    listed = "; captions: " + ", ".join(captions) if len(captions) else ""
    listed = listed.replace("\n", " ")
    count = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures, {columns} in a row"
    figure.set_label(f"{title}: {count}{listed}. {description}".strip())
    return figure


@_styled
def curves(
    curves: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
    ylim: tuple[float, float] | None = None,
    spread: pd.DataFrame | None = None,
) -> Figure:
    """Draw the columns of a table as lines over its index.

    Parameters
    ----------
    curves : DataFrame
        A column a line; its name is the line's name.
    title, xlabel, ylabel : str
    log : str
        Axes with a logarithmic scale: '', 'x', 'y' or 'xy'.
    ylim : (low, high), optional
    spread : DataFrame, optional
        In the shape of `curves`: how far a bar reaches up and down from each point.
    """
    figure, axis = _new_figure(7, 3.6)
    _draw_curves(axis, curves, spread)
    if "x" in log:
        axis.set_xscale("log")
        if len(curves) <= 10:  # few enough to name each
            axis.set_xticks(curves.index, [f"{x:g}" for x in curves.index])
            axis.set_xticks([], minor=True)
    if "y" in log:
        axis.set_yscale("log")
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if len(curves.columns) > 1:  # beside the curves: inside, no corner is free for sure
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.set_label(f"{title}. {ylabel} against {xlabel}. {_describe_curves(curves, spread)}")
    return figure


def _draw_curves(axis: Any, curves: pd.DataFrame, spread: pd.DataFrame | None = None) -> None:
    """Draw each column with a colour, a line style and a few markers of its own."""
    for i, (name, values) in enumerate(curves.items()):
        axis.plot(
            curves.index,
            values,
            label=name,
            color=COLORS[i % len(COLORS)],
            linestyle=LINES[i % len(LINES)],
            marker=MARKERS[i % len(MARKERS)],
            markevery=(i, max(1, len(curves) // 8)) if spread is None else 1,
            markersize=4,
        )
        if spread is not None:
            bars = {"fmt": "none", "color": COLORS[i % len(COLORS)], "elinewidth": 1, "capsize": 3}
            axis.errorbar(curves.index, values, spread[name], **bars)
    if curves.index.dtype.kind == "i":
        axis.xaxis.get_major_locator().set_params(integer=True)


def _describe_curves(curves: pd.DataFrame, spread: pd.DataFrame | None = None) -> str:
    """Say in words where each line starts and ends, how low and high it gets, and its bars."""
    said = []
    for name, values in curves.items():
        values = values.replace([np.inf, -np.inf], np.nan).dropna()
        if values.empty:
            said.append(f"{name}: no finite values.")
            continue
        x = values.index
        said.append(
            f"{name}: {values.iloc[0]:.3g} at {x[0]:.3g}, {values.iloc[-1]:.3g} at {x[-1]:.3g}, "
            f"lowest {values.min():.3g}, highest {values.max():.3g}."
        )
        if spread is not None:
            said.append(f"Bars from ±{spread[name].min():.2g} to ±{spread[name].max():.2g}.")
    return " ".join(said)


@_styled
def history(
    history: Mapping[str, Sequence[float]], title: str, learned: np.ndarray | None = None
) -> Figure:
    """Draw loss and accuracy over the epochs, side by side, and what units look for.

    Parameters
    ----------
    history : mapping of str to sequence of float
        Columns with a value an epoch, from `train`.
    title : str
    learned : ndarray, shape (M, 784), optional
        What training added to the weights of hidden units, drawn as up to 16 pictures on one
        scale from dark blue (the most negative) to yellow (the most positive).
    """
    figure, axes = _new_figure(8, 3.4, ncols=2 + (learned is not None))
    table = pd.DataFrame(history).set_index("epoch")
    said = []
    for axis, measure, unit in zip(axes, ("loss", "accuracy"), (" (nats)", " (share)")):  # noqa: B905
        columns = {measure: "training", f"validation_{measure}": "validation"}
        curves = table.rename(columns=columns)
        curves = curves[[name for name in columns.values() if name in curves]]
        _draw_curves(axis, curves)
        axis.set(title=measure.capitalize(), xlabel="epoch", ylabel=measure + unit)
        axis.legend()
        said.append(f"{measure.capitalize()} against epoch. {_describe_curves(curves)}")
    axes[0].set_ylim(bottom=0)
    if learned is not None:
        learned = learned[:16]
        limit = np.abs(learned).max()
        look = {"cmap": "cividis", "vmin": -limit, "vmax": limit}
        axes[2].imshow(_side_by_side(learned, columns=4), interpolation="nearest", **look)
        axes[2].axis("off")
        axes[2].set_anchor("N")
        units = "1 unit" if len(learned) == 1 else f"{len(learned)} units"
        axes[2].set_title(f"What {units} learned")
        said.append(f"What {units} learned, as pictures of their weights, up to ±{limit:.2g}.")
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(f"{title}. {' '.join(said)}")
    return figure


def _side_by_side(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Lay pictures (N, 784) out in rows as one picture, with an empty line between them."""
    rows = -(-len(pictures) // columns)
    tiles = np.full((rows * columns, nn.SIDE + 1, nn.SIDE + 1), np.nan)
    tiles[: len(pictures), : nn.SIDE, : nn.SIDE] = pictures.reshape(-1, nn.SIDE, nn.SIDE)
    sheet = tiles.reshape(rows, columns, nn.SIDE + 1, nn.SIDE + 1).swapaxes(1, 2)
    return sheet.reshape(rows * (nn.SIDE + 1), columns * (nn.SIDE + 1))[:-1, :-1]


@_styled
def neuron(x: np.ndarray, y: np.ndarray, *, weight: float, bias: float) -> Figure:
    """Draw a neuron with one input among its examples, and its loss around this weight.

    Parameters
    ----------
    x : ndarray, shape (N,)
        The input of each example.
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    weight, bias : float
    """
    figure, (left, right) = _new_figure(8, 3.4, ncols=2)
    inputs = np.linspace(-6, 6, 121)
    a = nn.sigmoid(weight * inputs + bias)
    left.plot(inputs, a, color=COLORS[0], label="answer a")
    left.plot(inputs, a * (1 - a), color=COLORS[3], linestyle=LINES[1], label="slope of σ")
    for label, marker in ((0, "o"), (1, "^")):
        here = y == label
        look = {"color": COLORS[1 + label], "label": f"truth is {label}", "zorder": 3}
        left.plot(x[here], y[here], marker, **look)
    left.set(title="What it answers", xlabel="input x", ylabel="answer, slope", ylim=(-0.05, 1.05))
    left.legend(fontsize=8, loc="center left")
    weights = np.linspace(-6, 6, 121)
    losses = [nn.binary_cross_entropy(w * x + bias, y) for w in weights]
    loss = nn.binary_cross_entropy(weight * x + bias, y)
    right.plot(weights, losses, color=COLORS[0])
    right.plot(weight, loss, "D", color=COLORS[1])
    right.set(title="What that costs", xlabel="weight w", ylabel="loss (nats)", ylim=(0, 9))
    title = f"One neuron with weight {weight:g} and bias {bias:g}"
    figure.suptitle(title, x=0.01, ha="left")
    right_ones = int(np.sum((weight * x + bias >= 0) == (y == 1)))
    figure.set_label(
        f"{title}. The loss of its {len(x)} examples is {loss:.3f} nats, {right_ones} are right. "
        f"At this bias the loss is lowest, {min(losses):.3f}, at weight "
        f"{weights[np.argmin(losses)]:.1f}."
    )
    return figure


@_styled
def distributions(
    samples: Mapping[str, np.ndarray],
    title: str,
    *,
    xlabel: str,
    bins: int | Sequence[float] = 40,
    log: bool = False,
) -> Figure:
    """Draw how often each value occurs in each of a few samples, as outlines.

    Parameters
    ----------
    samples : mapping of str to ndarray
        Values of any number, by name.
    title, xlabel : str
    bins : int or sequence of float
        How many bins, or their edges.
    log : bool
        A logarithmic scale for the shares.
    """
    figure, axis = _new_figure(7, 3.6)
    edges = np.histogram_bin_edges(np.concatenate([np.ravel(v) for v in samples.values()]), bins)
    said = []
    for i, (name, values) in enumerate(samples.items()):
        share = np.histogram(values, edges)[0] / np.size(values)
        axis.stairs(
            share,
            edges,
            label=name,
            color=COLORS[i % len(COLORS)],
            linestyle=LINES[i % len(LINES)],
            linewidth=1.8,
        )
        said.append(f"{name}: median {np.median(values):.3g}")
    if log:
        axis.set_yscale("log")
    axis.set(title=title, xlabel=xlabel, ylabel="share in each bin")
    if len(samples) > 1:
        axis.legend()
    figure.set_label(f"{title}. Histogram of {xlabel}. {'; '.join(said)}.")
    return figure


@_styled
def intervals(
    table: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    reference: Mapping[str, float] | None = None,
    reference_name: str = "",
    zero: bool = False,
) -> Figure:
    """Draw values with their intervals, a row each, and others to compare with.

    Parameters
    ----------
    table : DataFrame
        Columns ``value``, ``low``, ``high``; the index names the rows.
    title, xlabel : str
    reference : mapping of str to float, optional
        A second value for some of the rows, drawn as a hollow diamond.
    reference_name : str
        What the second values are.
    zero : bool
        A line at 0, for differences.
    """
    figure, axis = _new_figure(7, 0.9 + 0.42 * len(table))
    heights = np.arange(len(table))[::-1]
    if zero:
        axis.axvline(0, color=COLORS[3], linestyle=LINES[1])
    errors = table[["value", "high"]].to_numpy().T - table[["low", "value"]].to_numpy().T
    axis.errorbar(
        table["value"], heights, xerr=errors, fmt="o", color=COLORS[0], capsize=4, label="this run"
    )
    said = [
        f"{row.Index}: {row.value:z.3f}, {row.low:z.3f} to {row.high:z.3f}"
        for row in table.itertuples()
    ]
    if reference:
        places = [heights[list(table.index).index(name)] for name in reference]
        axis.plot(
            list(reference.values()),
            np.array(places) + 0.18,
            "D",
            color=COLORS[1],
            markerfacecolor="white",
            label=reference_name,
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        said.append(f"{reference_name}: " + ", ".join(f"{k} {v:.3f}" for k, v in reference.items()))
    axis.set_yticks(heights, table.index)
    axis.set_ylim(-0.6, len(table) - 0.4)
    axis.grid(axis="y", visible=False)
    axis.set(title=title, xlabel=xlabel)
    figure.set_label(f"{title}. {xlabel}, with intervals. {'; '.join(said)}.")
    return figure


@_styled
def confusion_matrix(matrix: np.ndarray, title: str, *, names: Sequence[str]) -> Figure:
    """Draw a confusion matrix with its counts.

    Parameters
    ----------
    matrix : ndarray of int, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``.
    title : str
    names : sequence of two str
        What classes 0 and 1 are called.
    """
    import seaborn as sns

    figure, axis = _new_figure(3.8, 3.5)
    sns.heatmap(
        matrix,
        annot=[
            [f"{kind}\n{count}" for kind, count in zip(kinds, row, strict=True)]
            for kinds, row in zip((("TN", "FP"), ("FN", "TP")), matrix.tolist(), strict=True)
        ],
        fmt="",
        cmap="Blues",
        vmin=0,
        square=True,
        linewidths=1,
        linecolor="#595959",
        cbar=False,
        annot_kws={"fontsize": 13},
        xticklabels=names,
        yticklabels=names,
        ax=axis,
    )
    axis.tick_params(axis="y", rotation=0)
    axis.set(title=title, xlabel="predicted", ylabel="true")
    (TN, FP), (FN, TP) = matrix.tolist()
    figure.set_label(
        f"{title}. Confusion matrix. True {names[0]}: {TN} predicted {names[0]}, {FP} predicted "
        f"{names[1]}. True {names[1]}: {FN} predicted {names[0]}, {TP} predicted {names[1]}."
    )
    return figure


@_styled
def threshold(
    y: np.ndarray, probability: np.ndarray, pictures: np.ndarray, *, threshold: float
) -> Figure:
    """Draw what a threshold does: counts, precision and recall, and the mistakes.

    Parameters
    ----------
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    probability : ndarray, shape (N,)
        Of class 1.
    pictures : ndarray, shape (N, 784)
        Grey levels. The first 25 mistakes are drawn.
    threshold : float
        Class 1 is said from this probability on.
    """
    predicted = (probability >= threshold).astype(int)
    matrix = nn.confusion_matrix(y, predicted)
    figure, (left, middle, right) = _new_figure(8, 3.4, ncols=3)
    left.imshow(matrix, cmap="Blues", vmin=0, vmax=len(y))
    for (row, column), count in np.ndenumerate(matrix):
        kind = (("TN", "FP"), ("FN", "TP"))[row][column]
        left.text(column, row, f"{kind}\n{count}", ha="center", va="center", fontsize=13)
    left.set(title="Counts", xlabel="predicted class", ylabel="true class")
    left.set(xticks=(0, 1), yticks=(0, 1))
    left.set_anchor("N")
    left.grid(visible=False)
    steps = np.linspace(0.01, 0.99, 50)
    metrics = [
        nn.classification_metrics(nn.confusion_matrix(y, (probability >= step).astype(int)))
        for step in steps
    ]
    for i, name in enumerate(("precision", "recall")):
        values = [getattr(m, name) for m in metrics]
        middle.plot(steps, values, color=COLORS[i], linestyle=LINES[i], label=name)
    middle.axvline(threshold, color=COLORS[3], linestyle=LINES[3])
    middle.set(title="At every threshold", xlabel="threshold", ylabel="share", xlim=(0, 1))
    middle.legend(loc="lower center", frameon=True, framealpha=1)
    wrong = np.flatnonzero(predicted != y)
    right.axis("off")
    mistakes = "1 mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
    right.set_title(mistakes)
    sheet = np.full((25, nn.N_PIXELS), np.nan)  # always as many places, so nothing jumps
    sheet[: len(wrong)] = pictures[wrong[:25]]
    look = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
    right.imshow(_side_by_side(sheet, columns=5), **look)
    right.set_anchor("N")
    title = f"Class 1 from a probability of {threshold:g} on"
    figure.suptitle(title, x=0.01, ha="left")
    now, (TN, FP), (FN, TP) = nn.classification_metrics(matrix), *matrix.tolist()
    figure.set_label(
        f"{title}. TN {TN}, FP {FP}, FN {FN}, TP {TP}; precision {now.precision:.3f}, recall "
        f"{now.recall:.3f}. {mistakes}, drawn as pictures, 25 at most."
    )
    return figure


@_styled
def answer(picture: np.ndarray, answers: pd.Series, title: str, *, chosen: float) -> Figure:
    """Draw a picture beside the probabilities that a network gives to it and its like.

    Parameters
    ----------
    picture : ndarray, shape (784,)
        Grey levels.
    answers : Series
        The probability of class 1 over what is changed about the picture, which its index
        names; `chosen` is among it.
    title : str
    chosen : float
        How this picture is changed.
    """
    figure, (left, right) = _new_figure(7, 3.2, ncols=2, width_ratios=(1, 1.6))
    left.imshow(
        picture.reshape(nn.SIDE, nn.SIDE), cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    left.axis("off")
    right.plot(answers.index, answers, color=COLORS[0])
    said = answers[chosen]
    right.plot(chosen, said, "D", color=COLORS[1], clip_on=False, zorder=3)
    right.axhline(0.5, color=COLORS[3], linestyle=LINES[3])
    inside = (8, 8 if said < 0.5 else -16)
    right.annotate(f"{said:.2f}", (chosen, said), inside, textcoords="offset points")
    right.set(xlabel=answers.index.name, ylabel="probability of class 1", ylim=(-0.03, 1.03))
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(
        f"{title}. Probability of class 1: {said:.2f} at {answers.index.name} {chosen:g}; "
        f"from {answers.min():.2f} at {answers.idxmin():g} to {answers.max():.2f} at "
        f"{answers.idxmax():g}."
    )
    return figure


@_styled
def heatmap(
    table: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    measure: str,
    spread: pd.DataFrame | None = None,
) -> Figure:
    """Draw a table of numbers as coloured squares, the numbers written in them.

    Parameters
    ----------
    table : DataFrame
        Rows and columns as they are drawn. NaN leaves a square empty.
    title, xlabel, ylabel : str
    measure : str
        What the numbers are, for the bar's label.
    spread : DataFrame, optional
        In the shape of `table`: written below each number, after ±.
    """
    import seaborn as sns

    texts = table.map("{:.1f}".format)
    if spread is not None:
        texts = texts + spread.map("\n± {:.1f}".format)
    rows, columns = table.shape
    figure, axis = _new_figure(1.9 + 0.66 * columns, 1.2 + 0.45 * rows)
    sns.heatmap(
        table,
        annot=texts,
        fmt="",
        cmap="cividis",
        linewidths=1,
        cbar_kws={"label": measure},
        annot_kws={"fontsize": 8},
        ax=axis,
    )
    filled = table.notna().to_numpy().ravel()
    for text, square in zip(axis.texts, axis.collections[0].get_facecolor()[filled], strict=True):
        light = square[:3] @ (0.2126, 0.7152, 0.0722) > 0.46
        text.set_color("black" if light else "white")
    axis.tick_params(axis="y", rotation=0)
    axis.grid(visible=False)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    numbers = table.stack().dropna()
    said = [
        f"{word} {numbers.loc[place]:.1f} at {ylabel} {place[0]} and {xlabel} {place[1]}"
        for word, place in (("lowest", numbers.idxmin()), ("highest", numbers.idxmax()))
    ]
    figure.set_label(f"{title}. Table of {measure}: {', '.join(said)}.")
    return figure


@_styled
def reliability(table: pd.DataFrame, title: str) -> Figure:
    """Draw how often class 1 came true against how probable it was said to be.

    Parameters
    ----------
    table : DataFrame
        A row a bin, from `reliability_table`.
    title : str
    """
    figure, axis = _new_figure(4.6, 4.2)
    axis.plot([0, 1], [0, 1], color=COLORS[3], linestyle=":", label="as often as said")
    errors = table[["share", "high"]].to_numpy().T - table[["low", "share"]].to_numpy().T
    axis.errorbar(
        table["said"],
        table["share"],
        yerr=errors,
        fmt="o",
        color=COLORS[0],
        capsize=3,
        label="this network",
    )
    for row in table.itertuples():
        axis.annotate(
            f"n = {row.n:.0f}",
            (row.said, row.share),
            (7, -3),
            textcoords="offset points",
            fontsize=8,
        )
    axis.set(title=title, xlabel="mean probability said", ylabel="share that came true")
    axis.set(xlim=(-0.03, 1.12), ylim=(-0.03, 1.06))
    axis.legend(loc="upper left")
    said = "; ".join(
        f"{row.said:.2f} said, {row.share:.2f} came true, {row.low:.2f} to {row.high:.2f}, "
        f"n = {row.n:.0f}"
        for row in table.itertuples()
    )
    figure.set_label(f"{title}. {said}.")
    return figure


@_styled
def network(n_inputs: int, n_hidden: int) -> Figure:
    """Draw the layers of the network and which parameters lie between them.

    Parameters
    ----------
    n_inputs, n_hidden : int
    """
    figure, axis = _new_figure(7, 3.2)
    axis.axis("off")
    axis.set(xlim=(-0.6, 4.6), ylim=(-3.1, 2.6), title="From a picture to a probability")
    heights = np.array([2.0, 1.25, 0.5, -0.75, -1.5])
    layers = [(0, heights), (2, heights), (4, np.array([0.25]))]
    for (left, starts), (right, ends) in pairwise(layers):
        for start in starts:
            for end in ends:
                axis.plot([left, right], [start, end], color="#BBBBBB", linewidth=0.7, zorder=1)
    for i, (x, ys) in enumerate(layers):
        axis.scatter(np.full(len(ys), x), ys, s=170, color=COLORS[i], marker=MARKERS[i], zorder=2)
        if len(ys) > 1:
            axis.text(x, -0.14, "⋮", ha="center", va="center", fontsize=15)
    notes = {
        0: f"input X\n{n_inputs} pixels",
        1: f"W1 ({n_inputs}, {n_hidden})\nb1 ({n_hidden},)",
        2: f"hidden a1\n{n_hidden} sigmoid units",
        3: f"W2 ({n_hidden},)\nb2 ()",
        4: "output a2\n1 sigmoid unit",
    }
    for x, note in notes.items():
        axis.text(x, -2.1, note, ha="center", va="top")
    figure.set_label(
        f"Diagram of the network: {n_inputs} inputs, each joined to each of {n_hidden} hidden "
        "sigmoid units by the weights W1, and these to one sigmoid output unit by the weights W2."
    )
    return figure


# Live figures ---------------------------------------------------------------------------


def live(plot: Callable[..., Figure], name: str, **settings: Sequence[float]) -> None:
    """Show a figure with sliders, and draw it anew whenever one of them moves.

    Where no live figure can be shown (on paper, on a web page, without the package anywidget),
    the figure with the settings that it starts with stands in its place. It is also saved, as
    `show` does.

    Parameters
    ----------
    plot : callable
        Takes the settings and returns a figure from a function above. Its defaults are
        the settings to start with. If it also takes ``on_epoch``, it should hand it on to
        `train`: so a run that a newer setting has overtaken stops after its current epoch and
        is dropped.
    name : str
        The name of the file, without ``.png``.
    **settings : sequence of float
        The values of each slider. Its label is the setting's name.

    Raises
    ------
    ValueError
        A setting is no parameter of `plot`, or its default is not among the values.
    """
    parameters = inspect.signature(plot).parameters
    start = []
    for setting, values in settings.items():
        default = parameters[setting].default if setting in parameters else inspect.Parameter.empty
        if default not in list(values):
            raise ValueError(
                f"{setting} must be a parameter of {plot.__name__} with a default among the "
                f"slider's values, got {default!r}"
            )
        start.append(list(values).index(default))
    figure = plot()
    picture = _save(figure, name)
    try:
        live = _live_figure(plot, figure, settings, start)
    except ImportError:
        live = None
    _display(figure, picture, live)


def _live_figure(
    plot: Callable[..., Figure],
    figure: Figure,
    settings: Mapping[str, Sequence[float]],
    start: list[int],
) -> Any:
    """Return a widget that shows a figure, just saved, and redraws it when a slider moves."""
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    import anywidget
    import traitlets
    from threadpoolctl import threadpool_limits

    class LiveFigure(anywidget.AnyWidget):
        _esm = Path(__file__).with_suffix(".js")
        _css = Path(__file__).with_suffix(".css")
        width = traitlets.Int().tag(sync=True)
        controls = traitlets.List().tag(sync=True)
        chosen = traitlets.List().tag(sync=True)  # the place of each slider
        drawn = traitlets.Dict().tag(sync=True)  # all in one, so that it arrives in one piece

    # Where the axes are is settled once. That takes time, and nothing jumps while a slider moves.
    places = [axis.get_position(original=True) for axis in figure.axes]

    def drawing(figure: Figure, chosen: list[int]) -> dict[str, Any]:
        picture = _png_in_places(figure, places)
        return {
            "chosen": chosen,
            "picture": picture,
            "description": figure.get_label(),
            "error": "",
        }

    widget = LiveFigure(
        width=round(figure.get_figwidth() * 100),
        controls=[
            {"name": name.replace("_", " "), "texts": [f"{v:g}" for v in values], "start": place}
            for (name, values), place in zip(settings.items(), start, strict=True)
        ],
        chosen=start,
        drawn=drawing(figure, start),
    )
    watches = "on_epoch" in inspect.signature(plot).parameters

    def redraw() -> None:
        chosen = list(widget.chosen)
        if widget.drawn["chosen"] == chosen:
            return

        def stop_if_overtaken(_row: Mapping[str, float]) -> None:
            if widget.chosen != chosen:
                raise _OvertakenError

        try:
            pairs = zip(settings.items(), chosen, strict=True)
            now = {name: values[place] for (name, values), place in pairs}
            with threadpool_limits(1):  # more threads slow such small products down
                figure = plot(**now, **({"on_epoch": stop_if_overtaken} if watches else {}))
            widget.drawn = drawing(figure, chosen)
        except _OvertakenError:
            return
        except Exception as error:  # nobody else would show it
            said = f"{type(error).__name__}: {error}"
            widget.drawn = {**widget.drawn, "chosen": chosen, "error": said}

    # One at a time, beside the notebook. Messages may come on several threads.
    worker = ThreadPoolExecutor(max_workers=1)
    widget.observe(lambda _: worker.submit(contextvars.copy_context().run, redraw), names="chosen")
    return widget


def _png_in_places(figure: Figure, places: Sequence[Any]) -> bytes:
    """Draw a figure as a PNG, once instead of twice, because nothing has to find its place."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_layout_engine("none")
    for axis, place in zip(figure.axes, places, strict=True):
        axis.set_position(place)
    figure.set_dpi(DPI)
    buffer = io.BytesIO()
    with _drawing:
        FigureCanvasAgg(figure).print_png(buffer, pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


class _OvertakenError(Exception):
    """A newer setting is waiting; nobody wants this run's result any more."""
