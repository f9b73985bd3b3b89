"""The figures of the course: drawn by Matplotlib, shown and saved, or live.

The notebooks import it as ``draw``. A function named after what it draws returns a figure with a
description; `show` saves that figure and shows it. `live` shows it too, and where it can, beside
it one to grab: drawn by a script in ``live/`` from what a function of `nn_live` computes.
"""

from __future__ import annotations

import functools
import inspect
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import nn_helpers as nn
import nn_live


def symbol_table() -> pd.DataFrame:
    """List the letters of the course and the equations that compute them.

    The rows of the equations are read from the docstrings of the functions that compute them:
    ``Eq. (n): symbol = formula | shape | meaning``, the formula optional.

    Returns
    -------
    DataFrame
        A row a symbol; columns ``name in code``, ``shape``, ``meaning``, ``equation``,
        ``computed by``.
    """
    rows = [(name, *described, "", "") for name, described in LETTERS.items()]
    pattern = re.compile(r"Eq\. \((\d+)\): (.+?)(?: [=≈←~] (.+))? \| (.+) \| (.+)")
    for function in EQUATIONS:
        for number, name, formula, shape, meaning in pattern.findall(function.__doc__ or ""):
            equation = f"({number}) {formula}".strip()
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
GREY = {"cmap": "gray", "vmin": 0, "vmax": 255}  # how pictures of hands are drawn


def _styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a plot function in the one style of the course."""

    @functools.wraps(plot)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.style.context(["default", STYLE]):
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
    look = GREY
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
def groups(
    X: np.ndarray, names: np.ndarray, title: str, *, rows: int = 3, columns: int = 7
) -> Figure:
    """Draw the largest groups of pictures, a row each.

    Parameters
    ----------
    X : ndarray, shape (N, 784)
        Grey levels 0 to 255.
    names : ndarray, shape (N,)
        Equal for pictures of one group, as `nn_helpers.find_copies` returns them.
    title : str
    rows : int
        How many groups.
    columns : int
        How many pictures of each; black ones fill up a smaller group.
    """
    found, sizes = np.unique(names, return_counts=True)
    largest = found[np.argsort(-sizes, kind="stable")[:rows]]
    shown = np.zeros((len(largest), min(columns, sizes.max()), X.shape[1]), X.dtype)
    for row, name in zip(shown, largest, strict=True):
        members = X[names == name][: len(row)]
        row[: len(members)] = members
    description = f"A row for each of the {len(largest)} largest groups, of {len(found)}."
    columns = shown.shape[1]
    return pictures(shown.reshape(-1, X.shape[1]), title, columns=columns, description=description)


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
    left.legend(fontsize=9, loc="center left")
    weights = np.linspace(-6, 6, 121)
    losses = [nn.binary_cross_entropy(w * x + bias, y) for w in weights]
    loss = nn.binary_cross_entropy(weight * x + bias, y)
    right.plot(weights, losses, color=COLORS[0])
    right.plot(weight, loss, "D", color=COLORS[1])
    right.set(title="What that costs", xlabel="weight w", ylabel="loss (nats)", ylim=(0, 9))
    right_ones = int(np.sum((weight * x + bias >= 0) == (y == 1)))
    title = f"Weight {weight:g}, bias {bias:g}: loss {loss:.3f}, {right_ones} of {len(x)} right"
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(
        f"One neuron. {title}. At this bias the loss is lowest, {min(losses):.3f}, at weight "
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
    rows: bool = False,
) -> Figure:
    """Draw how often each value occurs in each of a few samples, as outlines.

    Parameters
    ----------
    samples : mapping of str to ndarray
        Values of any number, by name.
    title, xlabel : str
    bins : int or sequence of float
        How many bins, or their edges.
    rows : bool
        A row for each sample, its median marked, instead of one over the other.
    """
    n = len(samples) if rows else 1
    figure, axes = _new_figure(7, 3.6, nrows=n, sharex=True, sharey=True, squeeze=False)
    edges = np.histogram_bin_edges(np.concatenate([np.ravel(v) for v in samples.values()]), bins)
    said = []
    for i, (name, values) in enumerate(samples.items()):
        axis, color = axes[i % n, 0], COLORS[i % len(COLORS)]
        share = np.histogram(values, edges)[0] / np.size(values)
        look = {"color": color, "linestyle": LINES[0 if rows else i % len(LINES)], "linewidth": 1.8}
        axis.stairs(share, edges, label=name, **look)
        said.append(f"{name}: median {np.median(values):.3g}")
        if rows:
            axis.axvline(np.median(values), color="black", linestyle=LINES[1])
            axis.set_title(said[-1], color=color, fontsize=10)
    figure.suptitle(title, x=0.01, ha="left")
    axis.set_xlabel(xlabel)
    figure.supylabel("share in each bin", fontsize="medium")
    if len(samples) > n:
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
        Columns ``value``, ``low``, ``high``, shares. The index names the rows; if it has two
        levels, the first one groups them under a heading.
    title, xlabel : str
    reference : mapping of str to float, optional
        A second value for some of the rows, drawn as a hollow diamond.
    reference_name : str
        What the second values are.
    zero : bool
        They are differences: in percentage points, with a line at 0. Where an interval includes
        it, grey and a hollow marker say so.
    """
    names, heights, headings = [], [], []
    for name in table.index:
        if isinstance(name, tuple):
            group, name = name
            if group not in headings:
                headings.append(group)
                names.append(group)
        heights.append(-len(names))
        names.append(name)
    figure, axis = _new_figure(7, 0.9 + 0.34 * len(names))
    digits = 3
    if zero:
        axis.axvline(0, color=COLORS[3], linestyle=LINES[1])
        table, digits = 100 * table[["value", "low", "high"]], 1
        xlabel += " (percentage points)"
    said = []
    for row, y in zip(table.itertuples(), heights, strict=True):
        unclear = zero and row.low <= 0 <= row.high
        look = {"color": COLORS[3 if unclear else 0], "mfc": "white" if unclear else None}
        reach = [[row.value - row.low], [row.high - row.value]]
        axis.errorbar(row.value, y, xerr=reach, fmt="o", capsize=4, **look)
        name = ", ".join(row.Index) if isinstance(row.Index, tuple) else row.Index
        said.append(
            f"{name}: {row.value:z.{digits}f}, {row.low:z.{digits}f} to {row.high:z.{digits}f}"
        )
    if zero:
        xlabel += "\nhollow, grey: the interval includes 0"
    if reference:
        axis.containers[0].set_label("this run")
        axis.plot(
            list(reference.values()),
            [0.18 - names.index(name) for name in reference],
            "D",
            color=COLORS[1],
            markerfacecolor="white",
            label=reference_name,
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        said.append(f"{reference_name}: " + ", ".join(f"{k} {v:.3f}" for k, v in reference.items()))
    axis.set_yticks(-np.arange(len(names)), names)
    for tick in axis.yaxis.get_major_ticks():
        if tick.label1.get_text() in headings:
            tick.label1.set_fontweight("bold")
            tick.tick1line.set_visible(False)
    axis.set_ylim(0.4 - len(names), 0.6)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(xlabel)
    figure.suptitle(title, x=0.01, ha="left")
    xlabel = xlabel.replace("\n", "; ")
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
    """Draw what a threshold does: each picture on its side of it, the counts, and mistakes.

    Parameters
    ----------
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    probability : ndarray, shape (N,)
        Of class 1.
    pictures : ndarray, shape (N, 784)
        Grey levels. Of the mistakes, the 6 that lie furthest from the threshold are drawn.
    threshold : float
        Class 1 is said from this probability on.
    """
    positive = nn.DIGITS[1]
    predicted = (probability >= threshold).astype(int)
    matrix = nn.confusion_matrix(y, predicted)
    figure, (above, below) = _new_figure(7, 4.6, nrows=2, height_ratios=(2.4, 1))
    above.axvline(threshold, color="black", linewidth=1.5)
    # Spread over the height of their lane: each next one takes the largest gap, nearly.
    heights = y + 0.66 * (np.arange(len(y)) * 0.618 % 1)
    right = predicted == y
    above.plot(probability[right], heights[right], "o", color=COLORS[0], markersize=3)
    above.plot(probability[~right], heights[~right], "X", color=COLORS[1], markersize=8)
    for (true, called), count in np.ndenumerate(matrix):
        kind = (("TN", "FP"), ("FN", "TP"))[true][called]
        text = f"{kind} {count}: {nn.DIGITS[true]} called {nn.DIGITS[called]}"
        look = {"color": COLORS[int(true != called)], "weight": "bold"}
        look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        above.text(called, true + 0.72, text, ha=("left", "right")[called], **look)
    above.set(xlim=(-0.02, 1.02), ylim=(-0.1, 1.95), xlabel=f"probability of the digit {positive}")
    above.set(xticks=(0, 0.5, 1), yticks=(0.33, 1.33), yticklabels=nn.DIGITS, ylabel="true digit")
    above.grid(axis="y", visible=False)
    wrong = np.flatnonzero(~right)
    drawn = wrong[np.argsort(-np.abs(probability[wrong] - threshold))[:6]]
    sheet = np.full((6, nn.N_PIXELS), np.nan)  # always as many places, so nothing jumps
    sheet[: len(drawn)] = pictures[drawn]
    below.imshow(_side_by_side(sheet, columns=6), interpolation="nearest", **GREY)
    for place, i in enumerate(drawn):
        said = f"{nn.DIGITS[y[i]]}: {probability[i]:.2f}"
        below.text(place * (nn.SIDE + 1) + nn.SIDE / 2, nn.SIDE + 6, said, ha="center")
    below.axis("off")
    mistakes = "1 mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
    below.set_title(f"{mistakes}, those furthest from the threshold: true digit, probability")
    now = nn.classification_metrics(matrix)
    measured = f"precision {now.precision:.3f}, recall {now.recall:.3f}"
    title = f"{positive} from probability {threshold:.2f} on: {measured}"
    figure.suptitle(title, x=0.01, ha="left")
    (TN, FP), (FN, TP) = matrix.tolist()
    figure.set_label(
        f"{title}. TN {TN}, FP {FP}, FN {FN}, TP {TP}. Each picture is a dot over the probability "
        f"of the digit {positive}, {mistakes} as crosses, {len(drawn)} of them drawn below."
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
    positive = nn.DIGITS[1]
    figure, (left, right) = _new_figure(7, 3.2, ncols=2, width_ratios=(1, 1.6))
    left.imshow(picture.reshape(nn.SIDE, nn.SIDE), interpolation="nearest", **GREY)
    left.axis("off")
    right.plot(answers.index, answers, color=COLORS[0])
    said = answers[chosen]
    right.plot(chosen, said, "D", color=COLORS[1], clip_on=False, zorder=3)
    right.axhline(0.5, color=COLORS[3], linestyle=LINES[3])
    inside = (8, 8 if said < 0.5 else -16)
    right.annotate(f"{said:.2f}", (chosen, said), inside, textcoords="offset points")
    right.set(xlabel=answers.index.name, ylabel=f"probability of the digit {positive}")
    right.set_ylim(-0.03, 1.03)
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(
        f"{title}. Probability of the digit {positive}: "
        f"at {answers.index.name} {chosen:g} it is {said:.2f}; "
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
        Rows and columns as they are drawn.
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
        annot_kws={"fontsize": 9},
        ax=axis,
    )
    for text, square in zip(axis.texts, axis.collections[0].get_facecolor(), strict=True):
        light = square[:3] @ (0.2126, 0.7152, 0.0722) > 0.46
        text.set_color("black" if light else "white")
    axis.tick_params(axis="y", rotation=0)
    axis.grid(visible=False)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    numbers = table.stack()
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
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0},
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
def network(picture: np.ndarray, activations: nn.Activations) -> Figure:
    """Draw a picture's way through the network: some inputs, some hidden units, the answer.

    Parameters
    ----------
    picture : ndarray, shape (784,)
        Grey levels.
    activations : Activations
        Of this picture alone: ``a1`` (1, H) and ``a2`` (1,) are drawn.
    """
    a1, a2, n_hidden = activations.a1[0], float(activations.a2[0]), activations.a1.shape[1]
    figure, axis = _new_figure(7, 3.3)
    axis.axis("off")
    axis.set(xlim=(-1, 101), ylim=(36, -8), aspect="equal")
    axis.imshow(picture.reshape(nn.SIDE, nn.SIDE), interpolation="nearest", **GREY)
    column, ys = 14, np.arange(1, nn.SIDE, 5)
    xs = (column, 39, 64, 89)
    hidden = ys[: len(a1)]
    for y in ys:  # each pixel lies level with the square that stands for it
        axis.plot(xs[:2], [y, y], color=COLORS[1], linewidth=0.8)
        for end in hidden:
            axis.plot(xs[1:3], [y, end], color="#BBBBBB", linewidth=0.7)
    for y in hidden:
        axis.plot(xs[2:], [y, 13.5], color="#BBBBBB", linewidth=0.7)
    look = {"edgecolor": COLORS[3], "zorder": 2, **GREY}
    inputs = picture.reshape(nn.SIDE, nn.SIDE)[ys, column]
    axis.scatter(np.full(len(ys), column), ys, c=inputs, s=18, **{**look, "edgecolor": COLORS[1]})
    axis.scatter(np.full(len(ys), xs[1]), ys, c=inputs, s=250, marker="s", **look)
    axis.scatter(np.full(len(hidden), xs[2]), hidden, c=255 * a1[: len(ys)], s=250, **look)
    axis.bar(xs[3], nn.SIDE, 5, bottom=-0.5, facecolor="white", edgecolor=COLORS[3], zorder=2)
    axis.bar(xs[3], -nn.SIDE * a2, 5, bottom=27.5, color=COLORS[0], zorder=2)
    axis.text(93, 27.5 - nn.SIDE * a2, f"{a2:.2f}", va="center")
    notes = {
        (13.5, 30): "picture\n28 × 28",
        (xs[1], 30): f"X: {picture.size} inputs\n({len(ys)} drawn)",
        (51.5, -7): f"W1 ({picture.size}, {n_hidden})\nb1 ({n_hidden},)",
        (xs[2], 30): f"a1: {n_hidden} hidden\nunits ({len(hidden)} drawn)",
        (76.5, -7): f"W2 ({n_hidden},)\nb2 ()",
        (xs[3], 30): f"{nn.DIGITS[0]}\na2: probability",
        (xs[3], -5): f"{nn.DIGITS[1]}",
    }
    for (x, y), note in notes.items():
        axis.text(x, y, note, ha="center", va="top")
    title = f"From {picture.size} pixels over {n_hidden} hidden units to one probability: {a2:.2f}"
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(
        f"{title}. A picture of a hand; {len(ys)} of its {picture.size} pixels as "
        f"grey squares, each joined to {len(hidden)} of {n_hidden} hidden units, which are grey "
        f"from {a1.min():.2f} to {a1.max():.2f}; these joined to a bar between the digits "
        f"{nn.DIGITS[0]} and {nn.DIGITS[1]}, filled to {a2:.2f}."
    )
    return figure


@_styled
def graph(above: Sequence[str], below: Sequence[str], title: str) -> Figure:
    """Draw a network of two inputs, one hidden unit and one output, with room to work in.

    Parameters
    ----------
    above : sequence of 12 str
        What stands above x1, x2, W1 (twice), b1, z1, a1, W2, b2, z2, a2 and L, in this order.
    below : sequence of 9 str
        What stands in the box below each of these but x1, x2 and L; nothing leaves it blank.
    title : str
    """
    nodes = {"x1": (0, 2.4), "x2": (0, 0), "1": (0, -2.4), "z1": (2.7, 0), "a1": (4.2, 0)}
    nodes |= {" 1": (4.2, -2.4), "z2": (6.9, 0), "a2": (8.4, 0), "L": (9.7, 0)}
    edges = {"W1": ("x1", "z1"), " W1": ("x2", "z1"), "b1": ("1", "z1"), "σ": ("z1", "a1")}
    edges |= {"W2": ("a1", "z2"), "b2": (" 1", "z2"), " σ": ("z2", "a2"), "": ("a2", "L")}
    names = ["x1", "x2", "W1", " W1", "b1", "z1", "a1", "W2", "b2", "z2", "a2", "L"]
    said = dict(zip(names, above, strict=True))
    back = dict(zip(names[2:-1], below, strict=True))
    figure, axis = _new_figure(6, 3.6)
    axis.axis("off")
    axis.set(xlim=(-0.5, 10.2), ylim=(-3, 3.2), aspect="equal")
    middle = {"ha": "center", "va": "center"}
    paper = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    blank = {"boxstyle": "square,pad=0.25", "facecolor": "white", "edgecolor": COLORS[1]}
    for edge, ends in edges.items():
        start, end = (np.array(nodes[name]) for name in ends)
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "shrinkB": 11}, zorder=1)
        x, y = start + 0.42 * (end - start)
        text = f"{edge} {said.get(edge, '')}".strip()
        axis.text(x, y + 0.36, text, color=COLORS[0], bbox=paper, **middle)
        if edge in back:
            axis.text(x, y - 0.36, back[edge] or " " * 8, color=COLORS[1], bbox=blank, **middle)
    for node, (x, y) in nodes.items():
        axis.scatter(x, y, s=480, color="white", edgecolor=COLORS[3], zorder=2)
        axis.text(x, y, node.strip(), **middle)
        axis.text(x, y + 0.66, said.get(node, ""), color=COLORS[0], **middle)
        if node in back:
            axis.text(x, y - 0.8, back[node] or " " * 8, color=COLORS[1], bbox=blank, **middle)
    figure.suptitle(title, x=0.01, ha="left")
    described = [
        f"{name.strip()} {said[name]}, below it {back.get(name) or 'a blank box'}".strip()
        for name in names[2:-1]
    ]
    figure.set_label(
        f"{title}. Inputs x1 {said['x1']} and x2 {said['x2']} lead to z1, a1, z2, a2 and the "
        f"loss L {said['L']}. {'; '.join(described)}."
    )
    return figure


@_styled
def panels(tables: Mapping[str, pd.DataFrame], title: str, *, reference: str) -> Figure:
    """Draw each column of some tables in a panel of its own, over one that they all share.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        A row of panels each. The key says what is measured, the index is the x axis.
    title : str
    reference : str
        The column that is drawn in every panel as a broad grey line.
    """
    names = [name for name in next(iter(tables.values())) if name != reference]
    shape = {"nrows": len(tables), "ncols": len(names), "squeeze": False}
    figure, axes = _new_figure(7, 0.9 + 1.5 * len(tables), sharex=True, sharey="row", **shape)
    for row, (measure, table) in zip(axes, tables.items(), strict=True):
        row[0].set_ylabel(measure)
        for axis, name in zip(row, names, strict=True):
            axis.plot(table.index, table[reference], color="#BBBBBB", linewidth=5, label=reference)
            axis.plot(table.index, table[name], color=COLORS[0], label="this copy")
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name, fontweight="bold")
    for axis in axes[-1]:
        axis.set_xlabel(table.index.name)
    figure.legend(*axis.get_legend_handles_labels(), ncols=2, loc="outside lower right")
    figure.suptitle(title, x=0.01, ha="left")
    said = [f"{measure}. {_describe_curves(table)}" for measure, table in tables.items()]
    figure.set_label(f"{title}. {len(names)} panels, {reference} in grey in each. {' '.join(said)}")
    return figure


@_styled
def scatter(table: pd.DataFrame, title: str, *, unit: str, named: Sequence[str]) -> Figure:
    """Draw two columns of a table against each other, a dot a row, and where they are equal.

    Parameters
    ----------
    table : DataFrame
        The first column goes up, the second to the right.
    title : str
    unit : str
        Of both.
    named : sequence of str
        Rows whose names are written beside their dots. The first one stands out.
    """
    up, right = table.columns
    figure, axis = _new_figure(5.2, 4.8)
    ends = np.array([table.min(axis=None), table.max(axis=None)])
    axis.plot(ends, ends, color=COLORS[3], linestyle=LINES[3])
    axis.plot(table[right], table[up], "o", color=COLORS[0], markersize=5)
    axis.plot(*table.loc[named[0], [right, up]], "D", color=COLORS[1], markersize=9)
    for name in named:
        x, y = table.loc[name, [right, up]]
        below = y < x - 0.05 * np.ptp(ends)  # clearly: names keep away from the diagonal
        look = {"ha": "left", "va": "top"} if below else {"ha": "right", "va": "center"}
        look |= {"color": COLORS[1], "weight": "bold"} if name == named[0] else {"fontsize": 9}
        shift = (5, -3) if below else (-5, 0)
        axis.annotate(name, (x, y), shift, textcoords="offset points", **look)
    room = ends + np.array([-0.2, 0.1]) * np.ptp(ends)  # for the names
    axis.set(xlim=room, ylim=room)
    axis.set(title=title, xlabel=f"{right}: {unit}", ylabel=f"{up}: {unit}", aspect="equal")
    said = [f"{name}: {table.loc[name, right]:.1f} and {table.loc[name, up]:.1f}" for name in named]
    figure.set_label(
        f"{title}. {len(table)} dots, {right} to the right, {up} up, {unit}. {'; '.join(said)}."
    )
    return figure


# In the student edition -----------------------------------------------------------------


def classroom() -> None:
    """Let a notebook say in a sentence what is not written yet, and follow a changed nn_helpers.

    A NotImplementedError becomes text that says where to write. Before each cell, nn_helpers is
    read anew if its file has changed, so that no kernel needs to be restarted.
    """
    import IPython
    from IPython.display import Markdown, display

    shell, path = IPython.get_ipython(), Path(nn.__file__)
    seen = path.read_bytes()

    def say(_shell: Any, _kind: Any, error: Exception, trace: Any, tb_offset: Any = None) -> None:
        while trace.tb_next:
            trace = trace.tb_next
        is_module = trace.tb_frame.f_code.co_filename == nn.__file__
        where = f"in `{path.name}`, line {trace.tb_lineno}" if is_module else "above"
        display(Markdown(f"**Your turn**, {where}: {error}."))

    def follow(*_: Any) -> None:
        nonlocal seen
        if (new := path.read_bytes()) != seen:
            seen = new
            try:
                exec(compile(new, nn.__file__, "exec"), vars(nn))
            except Exception as error:  # whatever the code that was written raises
                line = getattr(error, "lineno", None) or error.__traceback__.tb_next.tb_lineno
                said = f"{type(error).__name__} in line {line}: {error}"
                display(Markdown(f"**`{path.name}` can't be used as it is.** {said}"))

    shell.set_custom_exc((NotImplementedError,), say)
    shell.events.register("pre_run_cell", follow)


# Live figures ---------------------------------------------------------------------------


def live(figure: Figure, name: str, kind: str, *about: Any) -> None:
    """Show a figure that can be grabbed, and where that can't be, the still one.

    Parameters
    ----------
    figure : Figure
        The still one, saved as `show` does. It stands on paper, and where anywidget is missing.
    name : str
        The name of the file, without ``.png``.
    kind : str
        The name of a function of `nn_live` and of a script in ``live/``.
    *about
        What that function takes.
    """
    picture = _save(figure, name)
    try:
        widget = _live_figure(kind, getattr(nn_live, kind)(*about))
    except ImportError:
        widget = None
    _display(figure, picture, widget)


def _live_figure(kind: str, ask: Callable[..., Any]) -> Any:
    """Return a widget whose script asks `ask`, on a thread of its own, beside the notebook."""
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    import anywidget
    import traitlets
    from threadpoolctl import threadpool_limits

    folder = Path(__file__).with_name("live")

    class LiveFigure(anywidget.AnyWidget):
        _esm = "\n".join((folder / f"{part}.js").read_text() for part in ("live", kind, "widget"))
        _css = (folder / "live.css").read_text()
        figure = traitlets.Unicode(kind).tag(sync=True)

    widget, newest = LiveFigure(), [None]

    def answer(number: float, question: Mapping[str, Any]) -> None:
        try:
            with threadpool_limits(1):  # more threads slow such small products down
                parts = ask(**question)
                for part in parts if inspect.isgenerator(parts) else [parts]:
                    widget.send({"id": number, "part": part})
                    if newest[0] != number:  # nobody wants the rest any more
                        break
            widget.send({"id": number, "done": True})
        except Exception as error:  # nobody else would show it
            widget.send({"id": number, "error": f"{type(error).__name__}: {error}"})

    # One at a time. Messages may come on several threads.
    worker = ThreadPoolExecutor(max_workers=1)

    def receive(_widget: Any, message: Mapping[str, Any], _buffers: Any) -> None:
        newest[0] = message["id"]
        context = contextvars.copy_context()
        worker.submit(context.run, answer, message["id"], message["question"])

    widget.on_msg(receive)
    return widget
