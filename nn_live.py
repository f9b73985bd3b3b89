"""What the live figures compute: in JupyterLab's kernel, and in a page by the same lines.

Each function below takes what a figure is about and returns a function that answers a question
from the figure's script, which draws what comes back: numbers, and lists of numbers. Where a
computation takes long, the answer comes in parts. `of_the_course` makes the same from the embedded
pictures, as notebooks 02 to 04 do it, for pages that have no kernel.
"""

import base64
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import nn_helpers as nn

Answer = dict[str, Any]
GRID = np.linspace(-6, 6, 49)


def neuron(x: np.ndarray, y: np.ndarray) -> Callable[..., Answer]:
    """Answer for one neuron with one input among the examples `x` of the classes `y`.

    The answer holds what the neuron says along the axis, its loss and how steep the loss is there;
    with ``grid=True`` also the loss at all weights and biases of `GRID`.
    """

    def loss(w: np.ndarray) -> float:
        return nn.binary_cross_entropy(w[0] * x + w[1], y)

    def ask(weight: float, bias: float, grid: bool = False) -> Answer:
        at = np.array([weight, bias], dtype=float)
        answer = {
            "answers": nn.sigmoid(weight * GRID + bias).tolist(),
            "loss": float(loss(at)),
            "slopes": nn.central_differences(loss, at).tolist(),
            "right": int(np.sum((weight * x + bias >= 0) == (y == 1))),
        }
        if grid:
            losses = [[loss((w, b)) for w in GRID] for b in GRID]
            answer |= {"x": x.tolist(), "y": y.tolist(), "grid": GRID.tolist()}
            answer["losses"] = np.round(losses, 5).tolist()
        return answer

    return ask


def lab(
    learn: tuple[np.ndarray, np.ndarray], watch: tuple[np.ndarray, np.ndarray]
) -> Callable[..., Iterator[Answer]]:
    """Answer with a run of `nn.train`, epoch by epoch.

    Each part holds an epoch's values, and what training added until then to the weights of up to
    16 units, those with the largest output weights first, as grey levels from 0 to 255, where 128
    is nothing and more speaks for class 1.
    """
    X = learn[0]

    def ask(n_hidden: int, epochs: int, **settings: float) -> Iterator[Answer]:
        rng, train = np.random.default_rng(0), nn.train
        start = nn.initialize_parameters(
            X.shape[1], n_hidden, rng=np.random.default_rng(0), dtype=X.dtype.type
        )
        for epoch in range(1, epochs + 1):
            run = train(*learn, n_hidden=n_hidden, epochs=1, **settings, rng=rng, validation=watch)
            train = going_on(run.parameters)
            values = {name: float(column[-1]) for name, column in run.history.items()}
            yield {**values, "epoch": epoch, "weights": grey_levels(start, run.parameters)}

    return ask


def going_on(parameters: nn.Parameters) -> Callable[..., nn.TrainingRun]:
    """Return `nn.train` as it stands, but that it starts from these parameters."""
    train = types.FunctionType(
        nn.train.__code__,
        {**vars(nn), "initialize_parameters": lambda *_, **__: parameters},
        closure=nn.train.__closure__,
        argdefs=nn.train.__defaults__,
    )
    train.__kwdefaults__ = nn.train.__kwdefaults__
    return train


def grey_levels(start: nn.Parameters, parameters: nn.Parameters) -> list[str]:
    """Return what was added to the weights of the units that count most: grey levels, base64."""
    first = np.argsort(-np.abs(parameters.W2))[:16]
    learned = ((parameters.W1 - start.W1) * np.sign(parameters.W2))[:, first].T
    scale = max(float(np.abs(learned).max()), 1e-12)
    levels = np.clip(128 + 127 * learned / scale, 0, 255).astype(np.uint8)
    return [base64.b64encode(unit.tobytes()).decode() for unit in levels]


def threshold(y: np.ndarray, probability: np.ndarray, X: np.ndarray) -> Callable[..., Answer]:
    """Answer with what is called class 1 from a threshold on; once also with the hands."""

    def ask(threshold: float, hands: bool = False) -> Answer:
        matrix = nn.confusion_matrix(y, (probability >= threshold).astype(int))
        (tn, fp), (fn, tp) = matrix.tolist()
        metrics = nn.classification_metrics(matrix)._asdict()
        low, high = nn.wilson_interval(tn + tp, len(y))
        answer = {"counts": [tn, fp, fn, tp], "interval": [low, high]}
        answer |= {name: float(value) for name, value in metrics.items()}
        if hands:
            answer |= {"y": y.tolist(), "probability": np.round(probability, 6).tolist()}
            answer |= {"hands": X.astype(int).tolist(), "digits": list(nn.DIGITS)}
        return answer

    return ask


def hand(
    X: np.ndarray, y: np.ndarray, standardizer: nn.Standardizer, parameters: nn.Parameters
) -> Callable[..., Answer]:
    """Answer with what the network says of one hand, moved and partly covered, and why.

    ``spoke`` is by how much the logit would be smaller if a pixel were as it is on average, all
    others as they are. Above 0 the pixel speaks for class 1.
    """

    def ask(
        which: int,
        degrees: float = 0,
        right: float = 0,
        down: float = 0,
        light: float = 1,
        covered: tuple[int, ...] = (),
    ) -> Answer:
        picture = X[which : which + 1].astype(float)
        picture = light * nn.move(picture, degrees=degrees, right=right, down=down)
        picture[0, list(covered)] = 0
        inputs = nn.standardize(picture, standardizer)
        activations = nn.forward(inputs, parameters)
        without = activations.z1 - inputs[0][:, np.newaxis] * parameters.W1
        spoke = activations.z2 - (nn.sigmoid(without) @ parameters.W2 + parameters.b2)
        return {
            "picture": np.clip(picture[0], 0, 255).round().astype(int).tolist(),
            "probability": float(nn.sigmoid(activations.z2)[0]),
            "spoke": np.round(spoke, 4).tolist(),
            "truth": nn.DIGITS[int(y[which])],
            "digits": list(nn.DIGITS),
            "hands": len(X),
        }

    return ask


@functools.cache
def course() -> dict[str, Any]:
    """Return the embedded pictures, split and scaled as notebooks 03 and 04 do it."""
    X, y, signers = nn.select_digits(nn.load_sign_digits())
    train, test = nn.course_split(signers, y)
    fit, validation = nn.split_by_signer(signers, rng=np.random.default_rng(3), among=train)
    return {"X": X, "y": y, "train": train, "test": test, "fit": fit, "validation": validation}


@functools.cache
def network() -> tuple[nn.Standardizer, nn.Parameters]:
    """Return the network of notebook 04, trained anew, and what its inputs are scaled with."""
    c = course()
    standardizer = nn.fit_standardizer(c["X"][c["train"]])
    inputs = nn.standardize(c["X"][c["train"]], standardizer)
    run = nn.train(inputs, c["y"][c["train"]], rng=np.random.default_rng(0))
    return standardizer, run.parameters


@functools.cache
def of_the_course(figure: str) -> Callable[..., Any]:
    """Return what answers a figure's questions, made from the embedded pictures.

    Raises
    ------
    ValueError
        There is no such figure.
    """
    if figure == "neuron":
        inputs = np.array([-3, -2, -1, 0.5, 1, -0.5, 1.5, 2, 3])
        return neuron(inputs, np.array([0, 0, 0, 0, 0, 1, 1, 1, 1]))
    c = course()
    if figure == "lab":
        standardizer = nn.fit_standardizer(c["X"][c["fit"]])
        learn, watch = (
            (nn.standardize(c["X"][rows], standardizer).astype(np.float32), c["y"][rows])
            for rows in (c["fit"], c["validation"])
        )
        return lab(learn, watch)
    standardizer, parameters = network()
    hands, truth = c["X"][c["test"]], c["y"][c["test"]]
    if figure == "threshold":
        inputs = nn.standardize(hands, standardizer)
        return threshold(truth, nn.predict_probability(inputs, parameters), hands)
    if figure == "hand":
        return hand(hands, truth, standardizer, parameters)
    raise ValueError(f"figure must be neuron, lab, threshold or hand, got {figure!r}")
