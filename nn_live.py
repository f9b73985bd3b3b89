"""What the live figures compute: in JupyterLab's kernel, and in a page by the same lines.

Each function below takes what a figure is about and returns a function that answers a question
from the figure's script, which draws what comes back: numbers, and lists of numbers. Where a
computation takes long, the answer comes in parts. `of_the_course` makes the same from the embedded
pictures, as notebooks 02 to 04 do it, for pages that have no kernel.
"""

import base64
import functools
import io
import json
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import nn_helpers as nn

Answer = dict[str, Any]
GRID = np.linspace(-6, 6, 49)
KEPT = nn.PROJECT / "network.txt"


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
    learn: tuple[np.ndarray, np.ndarray],
    watch: tuple[np.ndarray, np.ndarray],
    standardizer: nn.Standardizer,
) -> Callable[..., Iterator[Answer]]:
    """Answer with a run of `nn.train`, epoch by epoch.

    Each part holds an epoch's values, and what training added until then to the weights of up to
    16 units, those with the largest output weights first, as grey levels from 0 to 255, where 128
    is nothing and more speaks for class 1. The last part holds the network, for `own_hand`.
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
            part = {name: float(column[-1]) for name, column in run.history.items()}
            part |= {"epoch": epoch, "weights": grey_levels(start, run.parameters)}
            if epoch == epochs:
                right = round(part["validation_accuracy"] * len(watch[1]))
                record = {"trained": len(learn[1]), "right": right, "n": len(watch[1])}
                part["network"] = packed(standardizer, run.parameters, record)
            yield part

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
    return [as_text(unit) for unit in np.clip(128 + 127 * learned / scale, 0, 255)]


def as_text(levels: np.ndarray) -> str:
    """Return numbers from 0 to 255 as bytes in base64, which are quick to send."""
    return base64.b64encode(levels.astype(np.uint8).tobytes()).decode()


def packed(
    standardizer: nn.Standardizer, parameters: nn.Parameters, record: Mapping[str, int]
) -> str:
    """Put a network into one text, which a browser can keep; `unpacked` is its inverse."""
    buffer = io.BytesIO()
    arrays = {**standardizer._asdict(), **parameters._asdict()}
    np.savez(buffer, **arrays, record=json.dumps(record))
    return base64.b64encode(buffer.getvalue()).decode()


def unpacked(network: str) -> tuple[nn.Standardizer, nn.Parameters, dict[str, int]]:
    """Return what `packed` was given."""
    with np.load(io.BytesIO(base64.b64decode(network))) as box:
        standardizer, parameters = (
            kind(*(box[name] for name in kind._fields)) for kind in (nn.Standardizer, nn.Parameters)
        )
        return standardizer, parameters, json.loads(str(box["record"]))


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


def own_hand(
    known: nn.SignDigits,
    example: np.ndarray,
    standardizer: nn.Standardizer,
    parameters: nn.Parameters,
    record: Mapping[str, int],
) -> Callable[..., Answer]:
    """Answer with what a network says of a photograph, and which `known` pictures look like it.

    Without a photograph, it is the `example` that is looked at. The record says of a network how
    many pictures it was trained on, and how many of how many others it got right.
    """
    pictures = known.images.astype(np.float32)  # once

    def ask(photo: str = "", network: str = "") -> Answer:
        values = np.frombuffer(base64.b64decode(photo), dtype=np.uint8)
        side = round((len(values) / 3) ** 0.5)
        colours = values.reshape(side, side, 3) if photo else as_photograph(example)
        answer: Answer = {"digits": list(nn.DIGITS)}
        if not photo:
            answer |= {"photo": as_text(colours), "side": len(colours)}
        try:
            found = nn.find_hand(colours)
        except ValueError as error:
            return {**answer, "error": str(error)}
        scaling, weights, whose = standardizer, parameters, record
        if network:
            scaling, weights, whose = unpacked(network)
        picture = nn.square_up(found).reshape(1, -1)
        inputs = nn.standardize(picture, scaling)
        rows, is_ours = nn.most_alike(pictures, known.labels, picture)
        alike = [(int(known.labels[row]), as_text(known.images[row])) for row in rows[0]]
        low, high = nn.wilson_interval(whose["right"], whose["n"])
        return {
            **answer,
            "hand": as_text(found),
            "width": found.shape[1],
            "picture": as_text(picture),
            "probability": float(nn.predict_probability(inputs, weights)[0]),
            "alike": alike,
            "ours": bool(is_ours[0]),
            "record": {**whose, "low": low, "high": high},
        }

    return ask


def as_photograph(hand: np.ndarray) -> np.ndarray:
    """Paint a picture of a hand (784,) as a photograph would show it, (300, 300, 3) uint8.

    Skin with the same luminance, before a plain wall.
    """
    grey = np.zeros((300, 300))
    grey[24:276, 24:276] = np.kron(hand.reshape(nn.SIDE, nn.SIDE), np.ones((9, 9)))
    skin = np.clip(grey[..., np.newaxis] + (40, -12, -45), 0, 255)
    photo = np.where(grey[..., np.newaxis] > 0, skin, (150, 155, 170))
    return photo.astype(np.uint8)


@functools.cache
def course() -> dict[str, Any]:
    """Return the embedded pictures, split and scaled as notebooks 03 and 04 do it."""
    data = nn.load_sign_digits()
    X, y, signers = nn.select_digits(data)
    train, test = nn.course_split(signers, y)
    fit, validation = nn.split_by_signer(signers, rng=np.random.default_rng(3), among=train)
    rows = {"train": train, "test": test, "fit": fit, "validation": validation}
    return {"data": data, "X": X, "y": y, **rows}


@functools.cache
def network() -> tuple[nn.Standardizer, nn.Parameters]:
    """Return the network of notebook 04, and what its inputs are scaled with.

    A page has it in a file, from when the page was made. Elsewhere it is trained here.
    """
    if KEPT.exists():
        return unpacked(KEPT.read_text())[:2]
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
        return lab(learn, watch, standardizer)
    standardizer, parameters = network()
    hands, truth = c["X"][c["test"]], c["y"][c["test"]]
    if figure == "threshold":
        inputs = nn.standardize(hands, standardizer)
        return threshold(truth, nn.predict_probability(inputs, parameters), hands)
    if figure == "hand":
        return hand(hands, truth, standardizer, parameters)
    if figure == "own_hand":
        known, _ = nn.course_split(c["data"].signers, c["data"].labels)
        known = nn.SignDigits(*(column[known] for column in c["data"]))
        predicted = nn.predict(nn.standardize(hands, standardizer), parameters)
        right = int(np.sum(predicted == truth))
        record = {"trained": len(c["train"]), "right": right, "n": len(truth)}
        return own_hand(known, hands[2], standardizer, parameters, record)
    raise ValueError(f"figure must be neuron, lab, threshold, hand or own_hand, got {figure!r}")
