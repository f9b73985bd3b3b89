"""Plausible mistakes, and the self-checks that catch each.

    python grading/mutants.py                    break nn_helpers.py in many ways, check each
    python grading/mutants.py --seeds 20         with 20 seeds of random input
    python grading/mutants.py --reference 100    the right code, without a second try
    python grading/mutants.py --write            fingerprints of the mistakes: mistakes.json

A mutant is `nn_helpers.py` with a piece of text replaced: a mistake that people make. It is
graded as a submission would be, in this process: what a check is not about is the reference's.
Every mutant must lose at least one criterion of the rubric, and only such as are about the
function that was changed. A variant is such a replacement that is *right*: another formula, a
loop, another starting point. It must lose none. The exit status is 1 if one of that fails.
"""

import argparse
import ast
import concurrent.futures
import functools
import itertools
import json
import os
import re
import sys
import types
from typing import Any, NamedTuple

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # the processes are enough

import checks
from tqdm import tqdm

import nn_helpers as reference

SOURCE = checks.PROJECT / "nn_helpers.py"
SEED = 2024  # any will do; a fixed one makes the table the same every time
RUBRIC = [c for c in checks.read_rubric() if c.check != "held_out_accuracy"]  # takes too long
# Private functions that belong to a graded one.
BELONGS_TO = {"_split_by_class": "split_by_signer", "_loss_and_accuracy": "train"}


class Edit(NamedTuple):
    """A change to the source: what it means, the text to replace, and what replaces it."""

    name: str
    old: str
    new: str


def edits(table: dict[str, dict[str, str]]) -> tuple[Edit, ...]:
    """Return the changes of a table: a text to replace, and by their names what replaces it."""
    return tuple(
        Edit(name, old, new) for old, changes in table.items() for name, new in changes.items()
    )


KEPT_ROWS = "rows = np.flatnonzero((data.labels == negative) | (data.labels == positive))"
CLASSES = "y = (data.labels[rows] == positive).astype(np.int8)"
SELECTED = "return data.images[rows], y, None if data.signers is None else data.signers[rows]"
SCALED = 'return X / X.dtype.type(255) if X.dtype.kind == "f" else X / 255.0'
FITTED = "return Standardizer(X.mean(axis=0), X.std(axis=0) + floor)"
STANDARDIZED = "return (X - mean) / scale"
SPLIT_ROWS = "rows = np.arange(len(groups)) if among is None else np.sort(among)"
SIGNERS_DRAWN = "order = rng.permutation(len(names))\n    distance"
NEAREST = "distance = np.abs(np.cumsum(counts[order]) - test_fraction * len(rows))"
IN_TEST = "in_test = np.isin(signers[rows], names[order[:n_test]])"
SIDES = "    return rows[~in_test], rows[in_test]\n\n\ndef _split"
SIGMOID = "return 0.5 * (1 + np.tanh(0.5 * z))"
LOSS = "np.mean(np.maximum(z2, 0) - z2 * y + np.log1p(np.exp(-np.abs(z2))))"
Z1, A1, Z2, A2 = "z1 = X @ W1 + b1", "a1 = sigmoid(z1)", "z2 = a1 @ W2 + b2", "a2 = sigmoid(z2)"
ACTIVATIONS = "return Activations(z1, a1, z2, a2)"
DZ2, DZ1 = "dz2 = (a2 - y) / len(y)", "dz1 = da1 * a1 * (1 - a1)"
GRADIENTS = "return Parameters(dW1, db1, dW2, db2)"
STEP = """
    updated = []
    for theta, d in zip(parameters, gradients, strict=True):
        new = -learning_rate * d
        new += theta  # in place: one array of the size of W1 fewer
        updated.append(new)
    return Parameters(*updated)
"""
START_W1 = "W1=(rng.standard_normal((n_inputs, n_hidden)) / np.sqrt(n_inputs)).astype(dtype)"
START_W2 = "W2=(rng.standard_normal(n_hidden) / np.sqrt(n_hidden)).astype(dtype)"
START_B1, START_B2 = "b1=np.zeros(n_hidden, dtype)", "b2=np.zeros((), dtype)"
START = "    return Parameters(\n        W1=(rng"
ORDER = "order = rng.permutation(n_examples)"
BATCHES = "return (order[start : start + batch_size] for start in range(0, n_examples, batch_size))"
EPOCHS = "    for epoch in range(1, epochs + 1):\n        for batch in"
DEALT = "for batch in minibatches(len(y), batch_size, rng=rng):"
BATCH = "            X_batch, y_batch = X.take(batch, axis=0), y.take(batch)\n"
BACKWARD = "gradients = backward(X_batch, y_batch, parameters, activations)"
UPDATE = "parameters = gradient_step(parameters, gradients, learning_rate)"
NOTED = "            logits[batch] = activations.z2\n"
ROW = 'row = {"epoch": epoch, **_loss_and_accuracy(logits, y)}'
TOLD = "        if on_epoch is not None:\n            on_epoch(row)\n"
RUN = "    return TrainingRun(parameters, history)\n"
TRAIN_START = "    parameters = initialize_parameters(X.shape[1]"
VALIDATED = "scores = _loss_and_accuracy(forward(validation[0], parameters).z2, validation[1])"
PROBABILITY = "return forward(X, parameters).a2"
PREDICTED = "return (predict_probability(X, parameters) >= threshold).astype(np.int8)"
COUNTED = "return np.array([[np.sum((y == i) & (predicted == j)) for j in (0, 1)] for i in (0, 1)])"
COUNTS = "(TN, FP), (FN, TP) = matrix.tolist()\n    return"
PRECISION, RECALL = "precision=TP / max(TP + FP, 1)", "recall=TP / max(TP + FN, 1)"
ACCURACY = "accuracy=(TP + TN) / (TP + TN + FP + FN)"
F1 = "f1=2 * TP / max(2 * TP + FP + FN, 1)"
METRICS = f"""Metrics(
        {ACCURACY},
        {PRECISION},
        {RECALL},
        {F1},
    )"""
Z = "z = NormalDist().inv_cdf((1 + confidence) / 2)"
SPREAD = "spread = np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))"
HALF_WIDTH = "half_width = z / (1 + z**2 / trials) * float(spread)"

# The text that is replaced, then by the name of each change what replaces it.
MISTAKES = {
    # Preprocessing
    KEPT_ROWS: {
        "6 and 8 whatever is asked": KEPT_ROWS.replace("negative", "6"),
        "all digits between the two": (
            "rows = np.flatnonzero((data.labels >= min(negative, positive))"
            " & (data.labels <= max(negative, positive)))"
        ),
        "every other picture left out": KEPT_ROWS + "[::2]",
        "data sorted in place": "data.labels.sort(); " + KEPT_ROWS,
    },
    CLASSES: {
        "labels the wrong way round": CLASSES.replace("positive", "negative"),
        "labels -1 and +1": "y = np.where(data.labels[rows] == positive, 1, -1)",
        "labels 1 and 2": "y = np.where(data.labels[rows] == positive, 2, 1)",
        "labels True and False": "y = data.labels[rows] == positive",
        "labels are the digits": "y = data.labels[rows]",
        "label 0 looked for after it was written": (
            "y = data.labels[rows].copy()\n    y[y == negative] = 0\n    y[y == positive] = 1"
        ),
        "label 1 is the larger digit": "y = (data.labels[rows] == max(negative, positive)) * 1",
    },
    SELECTED: {
        "signers of all pictures kept": SELECTED.replace("signers[rows]", "signers[: len(y)]"),
        "signers sorted": "return data.images[rows], y, np.sort(data.signers[rows])",
        "signers always expected": "return data.images[rows], y, data.signers[rows]",
        "signers forgotten": "return data.images[rows], y, None",
        "signers not returned": "return data.images[rows], y",
        "pictures of the first rows": SELECTED.replace("images[rows]", "images[: len(y)]"),
    },
    SCALED: {
        "pixels divided by 256": "return X / 256.0",
        "divided by the brightest pixel": "return X / X.max()",
        "pixels from -1 to 1": "return X / 127.5 - 1",
        "floats thought to be scaled": 'return X if X.dtype.kind == "f" else X / 255.0',
        "pixels scaled in place": 'X = X if X.dtype.kind == "f" else X.astype(float)\n'
        "    X /= 255\n    return X",
        "whole division": "return X // 255",
    },
    FITTED: {
        "divided by the variance": FITTED.replace("std", "var"),
        "one mean for all pixels": FITTED.replace("X.mean(axis=0)", "0 * X[0] + X.mean()"),
        "one spread for all pixels": FITTED.replace("X.std(axis=0)", "0 * X[0] + X.std()"),
        "no floor under the spread": FITTED.replace(" + floor", ""),
        "floor far too small": FITTED.replace("floor", "1e-8"),
        "floor only under a spread of 0": (
            "std = X.std(axis=0)\n"
            "    return Standardizer(X.mean(axis=0), np.where(std == 0, floor, std))"
        ),
        "mean cut to whole grey levels": FITTED.replace("0),", "0).astype(X.dtype),"),
        "squares wrap in uint8": (
            "mean = X.mean(axis=0)\n    square = (X * X).mean(axis=0)\n"
            "    return Standardizer(mean, np.sqrt(np.abs(square - mean**2)) + floor)"
        ),
        "range instead of the spread": FITTED.replace("X.std(axis=0)", "np.ptp(X, axis=0)"),
        "median instead of the mean": FITTED.replace("X.mean(axis=0)", "np.median(X, axis=0)"),
        "training pictures centred in place": (
            "mean = X.mean(axis=0)\n    if X.dtype.kind == 'f':\n        X -= mean\n"
            "    return Standardizer(mean, X.std(axis=0) + floor)"
        ),
    },
    STANDARDIZED: {
        "standardizer fitted on the new pictures": "return (X - X.mean(axis=0)) / scale",
        "standardized, clipped at 5": "return np.clip((X - mean) / scale, -5, 5)",
        "standardized, clipped at 3": "return np.clip((X - mean) / scale, -3, 3)",
        "spread forgotten": "return X - mean",
        "mean forgotten": "return X / scale",
        "multiplied by the spread": "return (X - mean) * scale",
        "new pictures standardized in place": (
            'X = X if X.dtype.kind == "f" else X.astype(float)\n'
            "    X -= mean\n    X /= scale\n    return X"
        ),
    },
    SPLIT_ROWS: {
        "rows to split ignored": "rows = np.arange(len(groups))",
        "all rows of the signers to split": (
            SPLIT_ROWS + "\n    if signers is not None:\n"
            "        rows = np.flatnonzero(np.isin(signers, signers[rows]))"
        ),
        "signers left aside where there are labels": (
            SPLIT_ROWS + "\n    if y is not None:\n        signers = None"
        ),
        "rows to split sorted in place": (
            "if among is not None:\n        among.sort()\n    " + SPLIT_ROWS
        ),
    },
    SIGNERS_DRAWN: {
        "first signers for the test": "order = np.arange(len(names))\n    distance",
        "with among, first signers for the test": (
            "order = rng.permutation(len(names)) if among is None else np.arange(len(names))"
            "\n    distance"
        ),
        "split by a fresh generator": (
            "order = np.random.default_rng().permutation(len(names))\n    distance"
        ),
        "split by the global generator": "order = np.random.permutation(len(names))\n    distance",
        "split with a seed of its own": (
            "order = np.random.default_rng(0).permutation(len(names))\n    distance"
        ),
    },
    NEAREST: {
        "share of signers, not of pictures": (
            "distance = np.abs(np.arange(1, len(names) + 1) - test_fraction * len(names))"
        ),
        "test fraction ignored": NEAREST.replace("test_fraction", "0.2"),
        "with among, share of all pictures": NEAREST.replace("rows", "signers"),
    },
    "distance[:-1]": {"training part empty": "distance"},
    IN_TEST: {
        "pictures shuffled, not signers": "in_test = rng.random(len(rows)) < test_fraction",
        "identities from 0 without gaps": IN_TEST.replace(
            "names[order[:n_test]]", "order[:n_test]"
        ),
    },
    SIDES: {
        "test and training swapped": SIDES.replace(
            "rows[~in_test], rows[in_test]", "rows[in_test], rows[~in_test]"
        ),
        "places in among instead of rows": SIDES.replace(
            "rows[~in_test], rows[in_test]", "np.flatnonzero(~in_test), np.flatnonzero(in_test)"
        ),
        "masks instead of rows": SIDES.replace(
            "rows[~in_test], rows[in_test]", "~in_test, in_test"
        ),
    },
    "return _split_by_class(rows, y[rows], test_fraction, rng)": {
        "signers always needed": 'raise ValueError("signers must be given")',
        "classes of the wrong rows": (
            "return _split_by_class(rows, y[: len(rows)], test_fraction, rng)"
        ),
    },
    "in_test[rng.permutation(members)[:n_test]] = True": {
        "classes not split one by one": (
            "in_test[members[:1]] = label == 1\n        in_test[members[1:]] = label == 0"
        ),
    },
    # Activation
    SIGMOID: {
        "sigmoid that overflows": "return 1 / (1 + np.exp(-z))",
        "sigmoid NaN far out": "return np.exp(z) / (1 + np.exp(z))",
        "sigmoid mirrored": "return 0.5 * (1 - np.tanh(0.5 * z))",
        "sigmoid twice as steep": "return 0.5 * (1 + np.tanh(z))",
        "tanh instead of the sigmoid": "return np.tanh(z)",
        "tanh of half the logit": "return np.tanh(0.5 * z)",
        "sigmoid of straight lines": "return np.clip(0.25 * z + 0.5, 0, 1)",
        "rectifier instead of the sigmoid": "return np.maximum(z, 0)",
        "sigmoid rounded": "return np.round(0.5 * (1 + np.tanh(0.5 * z)), 3)",
        "sigmoid of logits up to 9 only": "return 0.5 * (1 + np.tanh(np.clip(z, -9, 9) / 2))",
        "softmax instead of the sigmoid": "return np.exp(z) / np.exp(z).sum()",
        "logits halved in place": (
            "z = np.atleast_1d(z) if z.ndim == 0 else z\n    z *= 0.5\n"
            "    return 0.5 * (1 + np.tanh(z)).reshape(z.shape)"
        ),
        "one row of numbers only": "return 0.5 * (1 + np.tanh(0.5 * z)).ravel()",
        "one number only": "import math\n\n    return 1 / (1 + math.exp(-z))",
    },
    # Loss
    LOSS: {
        "loss clipped at 1e-15": (
            "-np.mean(np.log(np.clip(np.where(y == 1, sigmoid(z2), sigmoid(-z2)), 1e-15, 1)))"
        ),
        "loss clipped at 1e-7": (
            "-np.mean(np.log(np.clip(np.where(y == 1, sigmoid(z2), sigmoid(-z2)), 1e-7, 1)))"
        ),
        "loss with 0.001 in the logarithm": (
            "-np.mean(np.log(np.where(y == 1, sigmoid(z2), sigmoid(-z2)) + 1e-3))"
        ),
        "loss that overflows": "np.mean(np.log(1 + np.exp(z2)) - z2 * y)",
        "loss by its definition": (
            "-np.mean(y * np.log(sigmoid(z2)) + (1 - y) * np.log(1 - sigmoid(z2)))"
        ),
        "labels swapped in the loss": LOSS.replace("y", "(1 - y)"),
        "1e-12 added within the logarithm": (
            "-np.mean(y * np.log(sigmoid(z2) + 1e-12) + (1 - y) * np.log(1 - sigmoid(z2) + 1e-12))"
        ),
        "large right logits cost too": (
            "np.mean(np.where(np.abs(z2) > 30, np.abs(z2), np.logaddexp(0, z2) - z2 * y))"
        ),
        "loss summed, not averaged": LOSS.replace("np.mean", "np.sum"),
        "sign of y in the loss": LOSS.replace("- z2 * y", "+ z2 * y"),
        "squared error instead": "np.mean((sigmoid(z2) - y) ** 2)",
        "minus sign on unsigned labels": LOSS.replace("- z2 * y", "+ z2 * (-y)"),
        "loss in bits": LOSS + " / np.log(2)",
        "only class 1 costs": "np.mean(y * np.logaddexp(0, -z2))",
        "hinge loss": "np.mean(np.maximum(0, 1 - (2 * y.astype(float) - 1) * z2))",
        "loss halved": LOSS + " / 2",
        "middle loss instead of the mean": LOSS.replace("np.mean", "np.median"),
        "loss straight above 8": (
            "np.mean(np.minimum(np.logaddexp(0, np.where(y == 1, -z2, z2)), 8) + "
            "np.where(np.abs(z2) > 400, np.maximum(np.where(y == 1, -z2, z2) - 8, 0), 0))"
        ),
    },
    f"    return float({LOSS})\n": {
        "labels changed to -1 and +1": (
            f"    loss = float({LOSS})\n    y *= 2\n    y -= 1\n    return loss\n"
        ),
    },
    # Forward pass
    Z1: {
        "hidden bias forgotten": "z1 = X @ W1",
        "batch centred on its own mean": "z1 = (X - X.mean(axis=0)) @ W1 + b1",
        "hidden bias taken away": "z1 = X @ W1 - b1",
        "hidden bias as a column where it fits": (
            "z1 = X @ W1 + (b1[:, None] if len(b1) == len(X) else b1)"
        ),
        "pictures divided by 255 again": "z1 = X / 255 @ W1 + b1",
        "weights rounded in place": Z1 + "\n    np.round(W1, 3, out=W1)",
    },
    A1: {
        "hidden layer without sigmoid": "a1 = z1",
        "tanh in the hidden layer": "a1 = np.tanh(z1)",
        "rectifier in the hidden layer": "a1 = np.maximum(z1, 0)",
    },
    Z2: {
        "output bias forgotten": "z2 = a1 @ W2",
        "output from logits z1": "z2 = z1 @ W2 + b2",
        "output averaged over the units": "z2 = a1 @ W2 / len(W2) + b2",
        "output as a column": "z2 = a1 @ W2[:, None] + b2",
        "no example axis for one example": "z2 = np.squeeze(a1 @ W2 + b2)",
        "output logits cut at 30": "z2 = np.clip(a1 @ W2 + b2, -30, 30)",
    },
    A2: {
        "output without sigmoid": "a2 = z2",
        "probability of class 0": "a2 = sigmoid(-z2)",
        "probabilities cut at 0.001": "a2 = np.clip(sigmoid(z2), 1e-3, 1 - 1e-3)",
        "output NaN far out": "a2 = np.exp(z2) / (1 + np.exp(z2))",
        "batch normed to a sum of 1": "a2 = sigmoid(z2) / sigmoid(z2).sum()",
    },
    ACTIVATIONS: {
        "only the output returned": "return a2",
        "activations before logits": "return Activations(a1, z1, a2, z2)",
        "nothing returned by forward": "Activations(z1, a1, z2, a2)",
    },
    # Backward pass
    DZ2: {
        "1/N missing": "dz2 = a2 - y",
        "1/N twice": "dz2 = (a2 - y) / len(y) ** 2",
        "1/(N - 1)": "dz2 = (a2 - y) / max(len(y) - 1, 1)",
        "1/N for batches of 8": "dz2 = (a2 - y) / 8",
        "1/D instead of 1/N": "dz2 = (a2 - y) / X.shape[1]",
        "sign of the output gradient": "dz2 = (y - a2) / len(y)",
        "slope of the output kept": "dz2 = (a2 - y) * a2 * (1 - a2) / len(y)",
        "squared error's gradient": "dz2 = 2 * (a2 - y) * a2 * (1 - a2) / len(y)",
        "chain rule literally, NaN far out": (
            "dz2 = ((1 - y) / (1 - a2) - y / a2) * a2 * (1 - a2) / len(y)"
        ),
        "chain rule literally, 0 far out": (
            "dz2 = ((1 - y) / (1 - a2 + 1e-9) - y / (a2 + 1e-9)) * a2 * (1 - a2) / len(y)"
        ),
        "probabilities clipped in the chain rule": (
            "p = np.clip(a2, 1e-12, 1 - 1e-12)\n"
            "    dz2 = ((1 - y) / (1 - p) - y / p) * a2 * (1 - a2) / len(y)"
        ),
        "errors as wrong or right": "dz2 = ((a2 >= 0.5) - y) / len(y)",
        "output error written over a2": "a2 -= y\n    dz2 = a2 / len(y)",
    },
    DZ1: {
        "slope always 1": "dz1 = da1",
        "slope of z1 instead of a1": "dz1 = da1 * activations.z1 * (1 - activations.z1)",
        "slope forgets 1 - a1": "dz1 = da1 * a1",
        "slope of tanh": "dz1 = da1 * (1 - a1**2)",
        "slope of the output unit": "dz1 = da1 * (a2 * (1 - a2))[:, None]",
        "activations changed in place": "a1 *= 1 - a1\n    dz1 = da1 * a1",
    },
    "da1 = dz2[:, None] * W2": {
        "output weights in reverse": "da1 = dz2[:, None] * W2[::-1]",
        "output weights left out": "da1 = dz2[:, None] * np.ones_like(W2)",
    },
    "dW2 = a1.T @ dz2": {
        "dW2 from z1 instead of a1": "dW2 = activations.z1.T @ dz2",
        "dW2 as a column": "dW2 = a1.T @ dz2[:, None]",
        "dW2 averaged twice": "dW2 = a1.T @ dz2 / len(y)",
        "dW2 of the last example": "dW2 = a1[-1] * dz2[-1]",
    },
    "dW1 = np.dot(X.T, dz1)": {
        "dW1 averaged twice": "dW1 = X.T @ dz1 / len(y)",
        "dW1 the wrong way round": "dW1 = dz1.T @ X",
        "weights decay in the gradient": "dW1 = X.T @ dz1 + 1e-3 * parameters.W1",
        "dW1 sign": "dW1 = -X.T @ dz1",
    },
    "db1 = dz1.sum(axis=0)": {
        "db1 summed over everything": "db1 = np.full(len(W2), dz1.sum())",
        "db1 as one number": "db1 = dz1.sum()",
        "db1 averaged twice": "db1 = dz1.mean(axis=0)",
        "db1 of a1": "db1 = da1.sum(axis=0)",
        "db1 summed over the units": "db1 = dz1.sum(axis=1)",
    },
    "db2 = dz2.sum()": {
        "db2 averaged twice": "db2 = dz2.mean()",
        "db2 forgotten": "db2 = 0 * dz2.sum()",
        "db2 for each example": "db2 = dz2",
        "db2 with an axis": "db2 = dz2.sum(keepdims=True)",
    },
    GRADIENTS: {
        "gradients clipped at 1": GRADIENTS.replace(
            "(dW1, db1, dW2, db2)", "(*(np.clip(d, -1, 1) for d in (dW1, db1, dW2, db2)))"
        ),
        "gradients clipped at 5": GRADIENTS.replace(
            "(dW1, db1, dW2, db2)", "(*(np.clip(d, -5, 5) for d in (dW1, db1, dW2, db2)))"
        ),
        "gradients clipped at a norm of 10": (
            "norm = np.sqrt(sum(np.sum(d * d) for d in (dW1, db1, dW2, db2)))\n"
            "    factor = min(1, 10 / norm) if norm else 1\n"
            "    return Parameters(*(factor * d for d in (dW1, db1, dW2, db2)))"
        ),
        "gradients in another order": "return Parameters(dW1, dW2, db1, db2)",
        "tuple of four arguments": "return tuple(dW1, db1, dW2, db2)",
        "axes of length 1 dropped": (
            "return Parameters(*(np.squeeze(d) for d in (dW1, db1, dW2, db2)))"
        ),
        "mean of the means of blocks": (
            "blocks = [slice(i, i + 64) for i in range(0, len(y), 64)]\n"
            "    w = np.concatenate([np.full(len(y[b]), 1 / len(y[b])) for b in blocks])\n"
            "    w *= len(y) / len(blocks)\n"
            "    dz1 = dz1 * w[:, None]\n"
            "    return Parameters(X.T @ dz1, dz1.sum(axis=0), a1.T @ (w * dz2), w @ dz2)"
        ),
    },
    # Step
    STEP: {
        "uphill": STEP.replace("-learning_rate", "learning_rate"),
        "rate ignored": STEP.replace("-learning_rate * d", "-d"),
        "b1 broadcast to (H, H)": STEP.replace(
            "gradients,", "gradients._replace(b1=gradients.b1[:, None]),"
        ).replace("new += theta", "new = new + theta"),
        "biases never updated": STEP.replace("gradients,", "gradients._replace(b1=0, b2=0),"),
        "b2 never updated": STEP.replace("gradients,", "gradients._replace(b2=0),"),
        "momentum": STEP.replace(
            "    for theta, d in zip(parameters, gradients, strict=True):\n",
            '    speed = globals().setdefault("SPEED", {})\n'
            "    for i, (theta, d) in enumerate(zip(parameters, gradients, strict=True)):\n"
            "        before = speed.get(i, d)\n"
            "        d = d + 0.9 * before if before.shape == d.shape else d\n"
            "        speed[i] = d\n",
        ),
        "weights decay": STEP.replace("new += theta", "new += (1 - 1e-4 * learning_rate) * theta"),
        "large gradients clipped in the step": STEP.replace("* d\n", "* np.clip(d, -5, 5)\n"),
        "only the sign of the gradient": STEP.replace("* d\n", "* np.sign(d)\n"),
        "rate that decays in the step": STEP.replace(
            "    updated = []\n",
            '    globals()["STEPS"] = steps = globals().get("STEPS", 0) + 1\n'
            "    learning_rate = learning_rate / (1 + 0.01 * steps)\n    updated = []\n",
        ),
        "update in place": """
    for theta, d in zip(parameters, gradients, strict=True):
        theta -= learning_rate * d
    return parameters
""",
        "update in place, nothing returned": """
    for theta, d in zip(parameters, gradients, strict=True):
        theta -= learning_rate * d
""",
        "gradients scaled in place": STEP.replace(
            "new = -learning_rate * d", "d *= learning_rate\n        new = -d"
        ),
        "only the first parameter returned": STEP.replace("(*updated)", "(*updated[:1], 0, 0, 0)"),
    },
    # Start
    START_W1: {
        "start at zero": "W1=np.zeros((n_inputs, n_hidden), dtype)",
        "standard normal start": START_W1.replace(" / np.sqrt(n_inputs)", ""),
        "scaled by 1/D, not by its root": START_W1.replace("np.sqrt(n_inputs)", "n_inputs"),
        "weights far too small": START_W1.replace("np.sqrt(n_inputs)", "n_inputs**3"),
        "scale of 784 inputs": START_W1.replace("np.sqrt(n_inputs)", "28"),
        "scale of the hidden units": START_W1.replace("np.sqrt(n_inputs)", "np.sqrt(n_hidden)"),
        "uniform from 0 to 1": "W1=rng.random((n_inputs, n_hidden)).astype(dtype)",
        "shape of the course": START_W1.replace("(n_inputs, n_hidden)", "(784, 64)"),
        "all hidden units alike": (
            "W1=np.repeat(rng.standard_normal((n_inputs, 1)), n_hidden, 1).astype(dtype)"
            " / n_inputs**0.5"
        ),
        "all inputs alike": (
            "W1=np.repeat(rng.standard_normal((1, n_hidden)), n_inputs, 0).astype(dtype)"
            " / n_inputs**0.5"
        ),
        "type ignored": START_W1.replace("astype(dtype)", "astype(float)"),
        "start from the global generator": START_W1.replace("rng.", "np.random."),
    },
    START_W2: {
        "output weights start at zero": "W2=np.zeros(n_hidden, dtype)",
        "output weights far too large": START_W2.replace("/ np.sqrt(n_hidden)", "* 100"),
        "output weights as a column": START_W2.replace("(n_hidden) /", "((n_hidden, 1)) /"),
        "output weights from the global generator": START_W2.replace("rng.", "np.random."),
    },
    START_B1: {
        "hidden biases of 10": "b1=np.full(n_hidden, 10, dtype)",
        "hidden biases of -8": "b1=np.full(n_hidden, -8, dtype)",
        "hidden biases as a row": "b1=np.zeros((1, n_hidden), dtype)",
    },
    START_B2: {
        "output bias with an axis": "b2=np.zeros(1, dtype)",
        "output bias of 10": "b2=np.full((), 10, dtype)",
        "kinds of numbers only as types": "b2=np.asarray(dtype(0))",
    },
    START: {
        "start from a generator of its own": "    rng = np.random.default_rng(0)\n" + START,
        "both layers from one seed": (
            "    from types import SimpleNamespace\n\n    seed = rng.integers(2**32)\n"
            "    rng = np.random.default_rng(seed)\n"
            "    made = rng.standard_normal((n_inputs, n_hidden)), "
            "np.random.default_rng(seed).standard_normal(n_hidden)\n"
            "    rng = SimpleNamespace(standard_normal=lambda n: made[isinstance(n, int)])\n"
            + START
        ),
        "start from a fresh generator": "    rng = np.random.default_rng()\n" + START,
    },
    # Mini-batches
    ORDER: {
        "never shuffled": "order = np.arange(n_examples)",
        "no example ever at its own place": (
            "order = np.arange(n_examples)\n"
            "    for i in range(n_examples - 1, 0, -1):\n"
            "        j = rng.integers(i)\n"
            "        order[[i, j]] = order[[j, i]]"
        ),
        "only read backwards": "order = np.arange(n_examples)[:: rng.choice([-1, 1])]",
        "same order every epoch": "order = np.random.default_rng(0).permutation(n_examples)",
        "order of the global generator": "order = np.random.permutation(n_examples)",
        "one order for ever": (
            'order = globals().setdefault(f"ORDER{n_examples}", rng.permutation(n_examples))'
        ),
        "drawn with putting back": "order = rng.integers(0, n_examples, n_examples)",
        "rotated, not shuffled": "order = np.roll(np.arange(n_examples), rng.integers(n_examples))",
        "only the batches shuffled": (
            "order = np.arange(n_examples)\n"
            "    order = np.concatenate([order[start : start + batch_size] for start in "
            "rng.permutation(np.arange(0, n_examples, batch_size))])"
        ),
        "shuffled within batches only": (
            "order = np.concatenate([start + "
            "rng.permutation(min(batch_size, n_examples - start))"
            " for start in range(0, n_examples, batch_size)])"
        ),
        "one example never dealt": "order = rng.permutation(n_examples)[1:]",
        "numbers from 1": "order = rng.permutation(n_examples) + 1",
    },
    BATCHES: {
        "last partial batch dropped": BATCHES.replace(
            "n_examples, batch_size))", "n_examples - batch_size + 1, batch_size))"
        ),
        "a last batch of one dropped": BATCHES.replace(
            "n_examples, b", "max(n_examples - 1, 1), b"
        ),
        "empty last batch": BATCHES.replace("n_examples, b", "n_examples + 1, b"),
        "batches of nearly equal size": (
            "return iter(np.array_split(order, -(-n_examples // batch_size)))"
        ),
        "batches one too large": BATCHES.replace("start + batch_size]", "start + batch_size + 1]"),
        "small batch first": (
            "first = n_examples % batch_size\n"
            "    return (order[max(end - batch_size, 0) : end] for end in "
            "range(first or batch_size, n_examples + 1, batch_size))"
        ),
        "number of batches for their size": "return iter(np.array_split(order, batch_size))",
        "full batch refused": (
            'if batch_size == n_examples > 1:\n        raise ValueError("too large")\n    '
            + BATCHES
        ),
        "only one batch": "return iter([order[:batch_size]])",
    },
    # Training
    EPOCHS: {
        "one epoch too few": EPOCHS.replace("epochs + 1", "max(epochs, 2)"),
        "one epoch too many": EPOCHS.replace("epochs + 1", "epochs + 2"),
        "stops after 20 epochs": EPOCHS.replace("epochs + 1", "min(epochs, 20) + 1"),
        "each epoch from the start again": EPOCHS.replace(
            "        for",
            "        parameters = first if epoch > 1 else parameters\n"
            "        first = parameters\n        for",
        ),
    },
    DEALT: {
        "same order in every epoch of train": DEALT.replace(
            "rng=rng", "rng=np.random.default_rng(7)"
        ),
        "a seed for each epoch": DEALT.replace("rng=rng", "rng=np.random.default_rng(epoch)"),
        "first order kept": (
            "batches = batches if epoch > 1 else [*minibatches(len(y), batch_size, rng=rng)]\n"
            "        for batch in batches:"
        ),
        "batches of two at most": DEALT.replace("batch_size", "min(batch_size, 2)"),
        "batches twice as large": DEALT.replace("batch_size", "min(2 * batch_size, len(y))"),
        "one example never learned": DEALT.replace(
            "len(y), batch_size", "max(len(y) - 1, 1), min(batch_size, max(len(y) - 1, 1))"
        ),
    },
    BATCH: {
        "last partial batch not learned": (
            "            if len(batch) < batch_size:\n                continue\n" + BATCH
        ),
        "pictures and labels shuffled apart": BATCH.replace(
            "y.take(batch)", "y.take(rng.permutation(len(y))[: len(batch)])"
        ),
        "fresh random batch each step": (
            "            batch = rng.choice(len(y), len(batch), replace=False)\n" + BATCH
        ),
        "training draws with putting back": (
            "            batch = rng.integers(0, len(y), len(batch))\n" + BATCH
        ),
        "batch repeats its first example": BATCH.replace(
            "X.take(batch,", "X.take(batch[:1].repeat(len(batch)),"
        ),
        "noise on the pictures": BATCH.replace(
            "axis=0)", "axis=0) + 0.1 * rng.standard_normal((len(batch), X.shape[1]))"
        ),
    },
    BACKWARD: {
        "all pictures in place of the batch": (
            "gradients = backward(X, y, parameters, forward(X, parameters))"
        ),
        "gradients of the batch before": (
            "later = backward(X_batch, y_batch, parameters, activations)\n"
            "            gradients = gradients if epoch > 1 or len(history) else later"
        ),
        "gradients clipped while training": (
            BACKWARD + "\n            gradients = Parameters(*("
            "np.clip(d, -0.05, 0.05) for d in gradients))"
        ),
        "weights decay while training": (
            BACKWARD + "\n            gradients = Parameters(*(d + 1e-2 * p for d, p in "
            "zip(gradients, parameters, strict=True)))"
        ),
        "momentum while training": (
            "before = gradients if epoch > 1 else Parameters(0, 0, 0, 0)\n            "
            + BACKWARD
            + "\n            gradients = Parameters(*(d + 0.5 * b for d, b in "
            "zip(gradients, before, strict=True)))"
        ),
        "first layer never learns": (
            BACKWARD + "\n            gradients = gradients._replace(W1=0 * gradients.W1)"
        ),
    },
    UPDATE: {
        "update applied to a copy": UPDATE.removeprefix("parameters = "),
        "rate that decays": UPDATE.replace("_rate)", "_rate / epoch)"),
        "rate halved every 10 epochs": UPDATE.replace(
            "_rate)", "_rate * 0.5 ** ((epoch - 1) // 10))"
        ),
        "rate that warms up": UPDATE.replace("_rate)", "_rate * min(1, epoch / 5))"),
        "rate for each example": UPDATE.replace("_rate)", "_rate / len(batch))"),
        "rate less for a small batch": UPDATE.replace("_rate)", "_rate * len(batch) / batch_size)"),
        "default rate whatever is asked": UPDATE.replace("learning_rate)", "0.01)"),
        "two steps on every batch": f"{UPDATE}\n            {UPDATE}",
        "derivative taken after the update": (
            "updated = gradient_step(parameters, gradients, learning_rate)\n"
            "            gradients = backward(X_batch, y_batch, updated, activations)\n"
            "            " + UPDATE
        ),
        "steps on bad batches left out": (
            "if binary_cross_entropy(activations.z2, y_batch) < 1:\n                " + UPDATE
        ),
    },
    f"        {DEALT}\n{BATCH}            activations = forward(X_batch, parameters)\n": {
        "stale activations": f"        stale = parameters\n        {DEALT}\n{BATCH}"
        "            activations = forward(X_batch, stale)\n",
    },
    NOTED: {
        "history of the batches' last examples": "            logits[:] = activations.z2[-1]\n",
        "first batch only": NOTED + "            break\n",
    },
    ROW: {
        "history of the last batch only": ROW.replace("logits, y", "activations.z2, y_batch"),
        "history from after the epoch": ROW.replace("logits", "forward(X, parameters).z2"),
        "history of the start": ROW.replace(
            "logits", "forward(X, initialize_parameters(X.shape[1], n_hidden, rng=rng)).z2"
        ),
        "epochs counted from 0": ROW.replace("epoch,", "epoch - 1,"),
        "steps counted, not epochs": ROW.replace("epoch,", "epoch * -(-len(y) // batch_size),"),
        "accuracy left out": ROW + '\n        del row["accuracy"]',
        "accuracy in percent": ROW + '\n        row["accuracy"] *= 100',
        "error rate as accuracy": ROW + '\n        row["accuracy"] = 1 - row["accuracy"]',
        "losses summed over the examples": ROW + '\n        row["loss"] *= len(y)',
        "losses rounded": ROW + '\n        row["loss"] = round(row["loss"], 2)',
        "stops when everything is right": ROW
        + '\n        if row["accuracy"] == 1:\n            break',
        "stops when the loss is small": ROW + '\n        if row["loss"] < 0.2:\n            break',
        "stops when the loss rises": (
            ROW + '\n        if history and row["loss"] > history["loss"][-1]:\n            break'
        ),
    },
    VALIDATED: {
        "training figures as validation figures": "scores = _loss_and_accuracy(logits, y)",
        "validation before the epoch": (
            'before = globals().get("BEFORE") if epoch > 1 else parameters\n'
            '            globals()["BEFORE"] = parameters\n            '
            + VALIDATED.replace("parameters", "before")
        ),
        "validation loss summed": VALIDATED + '\n            scores["loss"] *= len(validation[1])',
        "validation draws from the generator": VALIDATED + "\n            rng.random()",
        "validation without accuracy": VALIDATED + '\n            del scores["accuracy"]',
        "validation pictures changed": VALIDATED + "\n            validation[0][:] = 0",
        "learns from the validation pictures": (
            VALIDATED + "\n            parameters = gradient_step(parameters, backward("
            "*validation, parameters, forward(validation[0], parameters)), learning_rate)"
        ),
    },
    TOLD: {
        "on_epoch gets the number": TOLD.replace("(row)", "(epoch)"),
        "on_epoch gets the loss only": TOLD.replace("(row)", '({"loss": row["loss"]})'),
        "on_epoch gets two things": TOLD.replace("(row)", "(epoch, row)"),
        "on_epoch gets the whole history": TOLD.replace("(row)", "(history)"),
        "on_epoch every other epoch": TOLD.replace("None:", "None and epoch % 2:"),
        "on_epoch never called": "",
        "on_epoch only with validation": TOLD.replace("None:", "None and validation:"),
        "on_epoch gets the first row": TOLD.replace(
            "(row)", "({name: values[0] for name, values in history.items()})"
        ),
        "stops when validation gets worse": (
            TOLD + '        if validation is not None and epoch > 3 and row["validation_loss"] > '
            'min(history["validation_loss"]):\n            break\n'
        ),
        "best epoch of the training returned": (
            TOLD
            + '        if row["loss"] <= min(history["loss"]):\n            best = parameters\n'
            "    parameters = best\n"
        ),
        "most accurate epoch returned": (
            TOLD + '        if row["accuracy"] > max([-1, *history["accuracy"][:-1]]):\n'
            "            best = parameters\n    parameters = best\n"
        ),
        "mean of the epochs returned": (
            TOLD + "        mean = parameters if epoch == 1 else Parameters(*(m + (p - m) / epoch "
            "for m, p in zip(mean, parameters, strict=True)))\n    parameters = mean\n"
        ),
        "best validation epoch returned": (
            TOLD + '        if validation is None or row["validation_loss"] <= '
            'min(history["validation_loss"]):\n            best = parameters\n'
            "    parameters = best\n"
        ),
    },
    RUN: {
        "plain tuple from train": "    return parameters, history\n",
        "only parameters from train": "    return parameters\n",
        "rows instead of columns": (
            "    return TrainingRun(parameters, [dict(zip(history, values)) "
            "for values in zip(*history.values())])\n"
        ),
        "last epoch missing in the history": (
            "    return TrainingRun(parameters, {n: v[:-1] for n, v in history.items()})\n"
        ),
    },
    TRAIN_START: {
        "training with a generator of its own": "    rng = np.random.default_rng(0)\n"
        + TRAIN_START,
        "training with a fresh generator": "    rng = np.random.default_rng()\n" + TRAIN_START,
        "pictures centred in training": "    X = X - X.mean(axis=0)\n" + TRAIN_START,
        "pictures shuffled in place": (
            "    order = rng.permutation(len(y))\n    X[:], y = X[order], y[order]\n" + TRAIN_START
        ),
        "labels the wrong way round in training": "    y = 1 - y\n" + TRAIN_START,
    },
    "X.shape[1], n_hidden, rng=rng, dtype=X": {
        "number of hidden units ignored": "X.shape[1], 64, rng=rng, dtype=X",
    },
    "np.mean((z2 >= 0) == (y == 1))": {
        "accuracy of the wrong class": "np.mean((z2 >= 0) == (y == 0))",
        "accuracy of sure answers": "np.mean((z2 >= 1) == (y == 1))",
    },
    # Evaluation
    PROBABILITY: {
        "probability before the sigmoid": "return forward(X, parameters).z2",
        "probability of the other class": "return 1 - forward(X, parameters).a2",
        "probability rounded": "return np.round(forward(X, parameters).a2, 2)",
        "no axis for one picture": "return np.squeeze(forward(X, parameters).a2)",
        "pictures standardized in predict_probability": (
            "return forward(X - X.mean(axis=0), parameters).a2"
        ),
    },
    PREDICTED: {
        "threshold 0 taken for none": PREDICTED.replace(">= threshold", ">= (threshold or 0.5)"),
        "threshold ignored": PREDICTED.replace("threshold", "0.5"),
        "above the threshold, not from it on": PREDICTED.replace(">=", ">"),
        "below the threshold": PREDICTED.replace(">=", "<="),
        "classes True and False": PREDICTED.removesuffix(".astype(np.int8)"),
        "classes -1 and +1": (
            "return np.where(predict_probability(X, parameters) >= threshold, 1, -1)"
        ),
        "threshold on the logit": PREDICTED.replace(
            "predict_probability(X, parameters)", "forward(X, parameters).z2"
        ),
        "always class 1": "return np.ones(len(X), np.int8)",
        "pictures rounded in place": "np.round(X, 2, out=X)\n    " + PREDICTED,
        "class () for one picture": PREDICTED + ".squeeze()",
    },
    COUNTED: {
        "confusion axes swapped": COUNTED.replace("y == i", "y == j").replace(
            "predicted == j", "predicted == i"
        ),
        "positives first": COUNTED.replace("(0, 1)", "(1, 0)"),
        "[[TP, FP], [FN, TN]]": (
            "return np.array([[np.sum((y == i) & (predicted == j)) for i, j in pairs]"
            " for pairs in (((1, 1), (0, 1)), ((1, 0), (0, 0)))])"
        ),
        "only classes that occur": (
            "names = np.union1d(y, predicted)\n    return np.array("
            "[[np.sum((y == i) & (predicted == j)) for j in names] for i in names])"
        ),
        "confusion by a short bincount": (
            "counts = np.bincount(2 * y.astype(int) + predicted)\n"
            "    return np.concatenate([counts, [0, 0, 0]])[: max(len(counts), 2)]"
        ),
        "confusion matrix wraps in int8": COUNTED.replace("return", "counts =")
        + ("\n    return counts.astype(y.dtype)"),
        "confusion matrix of floats": COUNTED + " * 1.0",
        "confusion matrix of shares": COUNTED + " / len(y)",
        "counts in a row": COUNTED + ".ravel()",
        "labels flipped in place": (
            COUNTED.replace("return", "counts =") + "\n    y[:] = 1 - y\n    return counts"
        ),
    },
    COUNTS: {
        "counts read the wrong way round": COUNTS.replace(
            "(TN, FP), (FN, TP)", "(TP, FN), (FP, TN)"
        ),
        "false alarms and misses swapped": COUNTS.replace(
            "(TN, FP), (FN, TP)", "(TN, FN), (FP, TP)"
        ),
        "matrix normed in place": COUNTS.replace("return", "matrix //= 2\n    return"),
    },
    PRECISION: {
        "precision like recall": "precision=TP / max(TP + FN, 1)",
        "0 / 0 not dealt with": "precision=TP / (TP + FP)",
        "precision of nothing is 1": "precision=TP / (TP + FP) if TP + FP else 1.0",
        "precision of nothing is NaN": 'precision=TP / (TP + FP) if TP + FP else float("nan")',
        "precision rounded": "precision=round(TP / max(TP + FP, 1), 4)",
    },
    RECALL: {
        "recall of nothing not dealt with": "recall=TP / (TP + FN)",
        "recall of nothing is NaN": 'recall=TP / (TP + FN) if TP + FN else float("nan")',
        "recall of class 0": "recall=TN / max(TN + FP, 1)",
    },
    ACCURACY: {
        "accuracy forgets TN": "accuracy=TP / (TP + TN + FP + FN)",
        "accuracy in whole percent": "accuracy=round((TP + TN) / (TP + TN + FP + FN), 2)",
        "balanced accuracy": ("accuracy=(TP / max(TP + FN, 1) + TN / max(TN + FP, 1)) / 2"),
    },
    F1: {
        "F1 as the plain mean": "f1=(TP / max(TP + FP, 1) + TP / max(TP + FN, 1)) / 2",
        "F1 of nothing not dealt with": "f1=2 * TP / (2 * TP + FP + FN)",
        "F1 without the factor 2": "f1=TP / max(2 * TP + FP + FN, 1)",
    },
    Z: {
        "confidence ignored": "z = NormalDist().inv_cdf(0.975)",
        "confidence to one side": "z = NormalDist().inv_cdf(confidence)",
        "always two standard errors": "z = 2.0",
    },
    SPREAD: {
        "part of Wilson's spread left out": "spread = np.sqrt(share * (1 - share) / trials)",
        "spread with n - 1": SPREAD.replace("/ trials +", "/ max(trials - 1, 1) +"),
    },
    HALF_WIDTH: {
        "plus or minus two standard errors": (
            "centre, half_width = share, z * np.sqrt(share * (1 - share) / trials)"
        ),
        "Wilson's width about the share": HALF_WIDTH + "\n    centre = share",
        "whole width on both sides": HALF_WIDTH + " * 2",
    },
    "    return low, high\n\n\ndef metric": {
        "interval as middle and width": "    return centre, half_width\n\n\ndef metric",
    },
}

ALTERNATIVES = {
    SELECTED: {
        "class 0 first": (
            "rows, y = rows[np.argsort(y, kind='stable')], np.sort(y)\n    " + SELECTED
        ),
    },
    CLASSES: {"classes as whole numbers of 64 bits": CLASSES.replace("np.int8", "np.int64")},
    SCALED: {"pixels scaled by multiplication": "return X * (1 / 255)"},
    FITTED: {
        "spread with N - 1": FITTED.replace("axis=0) + ", "axis=0, ddof=min(1, len(X) - 1)) + "),
        "floor as the least spread": FITTED.replace(
            "X.std(axis=0) + floor", "np.maximum(X.std(axis=0), floor)"
        ),
        "mean and spread by loops": (
            "columns = [[float(value) for value in column] for column in X.T]\n"
            "    means = [sum(column) / len(column) for column in columns]\n"
            "    spreads = [(sum((v - m) ** 2 for v in c) / len(c)) ** 0.5 + floor\n"
            "               for c, m in zip(columns, means, strict=True)]\n"
            "    return Standardizer(np.array(means), np.array(spreads))"
        ),
    },
    STANDARDIZED: {
        "standardized pictures in float32": "return ((X - mean) / scale).astype(np.float32)",
    },
    SIGNERS_DRAWN: {
        "signers drawn by sorting random numbers": (
            "order = np.argsort(rng.random(len(names)))\n    distance"
        ),
        "last signers drawn for the test": (
            "order = rng.permutation(len(names))[::-1]\n    distance"
        ),
    },
    SIGMOID: {
        "sigmoid by exponentials": "return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))",
        "sigmoid by logaddexp": "return np.exp(-np.logaddexp(0, -z))",
        "sigmoid of logits up to 500": "return 1 / (1 + np.exp(-np.clip(z, -500, 500)))",
        "sigmoid in float32": "return 0.5 * (1 + np.tanh(0.5 * z.astype(np.float32)))",
    },
    LOSS: {
        "loss by logaddexp": "np.mean(np.logaddexp(0, z2) - z2 * y)",
        "loss of the margin": "np.mean(np.logaddexp(0, np.where(y == 1, -z2, z2)))",
        "loss by a sum": LOSS.replace("np.mean", "np.sum") + " / len(y)",
        "loss in float32": LOSS.replace("z2", "np.float32(z2)"),
    },
    Z1: {
        "first layer by loops": (
            "z1 = np.array([[row @ W1[:, j] + b1[j] for j in range(len(b1))] for row in X])"
        ),
        "forward pass in float32": "X, W1 = X.astype(np.float32), W1.astype(np.float32)\n    " + Z1,
    },
    Z2: {"output by a sum": "z2 = (a1 * W2).sum(axis=1) + b2"},
    ACTIVATIONS: {
        "plain tuple from forward": "return Activations(*map(np.asarray, (z1, a1, z2, a2)))",
    },
    DZ2: {
        "1/N by a product": "dz2 = (1 / y.shape[0]) * (a2 - y)",
        "backward pass in float32": "dz2 = ((a2 - y) / len(y)).astype(np.float32)",
    },
    "da1 = dz2[:, None] * W2": {"outer product by its name": "da1 = np.outer(dz2, W2)"},
    "dW1 = np.dot(X.T, dz1)": {
        "gradients by einsum": 'dW1 = np.einsum("nd,nh->dh", X, dz1)',
        "gradients by a loop over examples": (
            "dW1 = np.zeros_like(parameters.W1)\n"
            "    for x, d in zip(X, dz1, strict=True):\n        dW1 += np.outer(x, d)"
        ),
    },
    DZ1: {"slope multiplied out": "dz1 = da1 * (a1 - a1**2)"},
    GRADIENTS: {
        "gradients as a list": "return Parameters(*[np.array(d) for d in (dW1, db1, dW2, db2)])",
    },
    STEP: {
        "update in one expression": """
    pairs = zip(parameters, gradients, strict=True)
    return Parameters(*(theta - learning_rate * d for theta, d in pairs))
""",
        "update in place on copies": """
    updated = Parameters(*(np.array(theta) for theta in parameters))
    for theta, d in zip(updated, gradients, strict=True):
        theta -= learning_rate * d
    return updated
""",
        "step in float32": STEP.replace("updated.append(new)", "updated.append(np.float32(new))"),
    },
    START_W1: {
        "uniform start": (
            "W1=(rng.uniform(-1, 1, (n_inputs, n_hidden)) * np.sqrt(6 / (n_inputs + n_hidden)))"
            ".astype(dtype)"
        ),
        "sparse start": (
            "W1=(rng.standard_normal((n_inputs, n_hidden)) * (np.argsort(np.argsort("
            "rng.random((n_inputs, n_hidden)), axis=0), axis=0) < 15)"
            " / np.sqrt(min(15, n_inputs)))"
            ".astype(dtype)"
        ),
        "start by He": START_W1.replace(" / np.sqrt(n_inputs)", " * np.sqrt(2 / n_inputs)"),
    },
    START_B1: {
        "biases that start at random": "b1=(0.1 * rng.standard_normal(n_hidden)).astype(dtype)",
    },
    ORDER: {
        "order by sorting random numbers": "order = np.argsort(rng.random(n_examples))",
        "order by shuffling": "order = np.arange(n_examples)\n    rng.shuffle(order)",
        "order by choice": "order = rng.choice(n_examples, n_examples, replace=False)",
    },
    BATCHES: {
        "batches in a list": (
            "return [order[start : start + batch_size] for start in "
            "range(0, n_examples, batch_size)]"
        ),
        "batches by splitting at places": (
            "return iter(np.split(order, range(batch_size, n_examples, batch_size)))"
        ),
    },
    TRAIN_START: {
        "training in float32": (
            "    X, y = X.astype(np.float32), y.astype(np.float32)\n"
            "    learning_rate = np.float32(learning_rate)\n" + TRAIN_START
        ),
        "all orders drawn before the start": (
            "    deal = minibatches\n"
            "    orders = [[*deal(len(y), batch_size, rng=rng)] for _ in range(epochs)]\n"
            + TRAIN_START
        ),
        "something drawn before the start": "    rng.random(3)\n" + TRAIN_START,
    },
    DEALT: {
        "a seed drawn for each epoch": DEALT.replace(
            "rng=rng", "rng=np.random.default_rng(rng.integers(2**32))"
        ),
        "order within a batch sorted": DEALT + "\n            batch = np.sort(batch)",
    },
    RUN: {
        "history as arrays": (
            "    return TrainingRun(parameters, {n: np.array(v) for n, v in history.items()})\n"
        ),
        "history with more columns": (
            "    return TrainingRun(parameters, history | {'rate': [learning_rate] * epochs})\n"
        ),
    },
    PREDICTED: {
        "threshold turned into a logit": (
            "return (forward(X, parameters).z2 >= np.log(threshold / (1 - threshold))) * 1"
        ),
        "classes by a choice": (
            "return np.where(predict_probability(X, parameters) < threshold, 0, 1)"
        ),
    },
    COUNTED: {
        "confusion matrix by counting": (
            "return np.bincount((2 * y + predicted).astype(int), minlength=4).reshape(2, 2)"
        ),
        "confusion matrix by a loop": (
            "counts = np.zeros((2, 2), int)\n"
            "    for truth, said in zip(y, predicted, strict=True):\n"
            "        counts[int(truth), int(said)] += 1\n    return counts"
        ),
    },
    METRICS: {
        "metrics by nan_to_num": (
            "Metrics(*(float(np.nan_to_num(np.float64(a) / b)) for a, b in ((TP + TN, "
            "matrix.sum()), (TP, TP + FP), (TP, TP + FN), (2 * TP, 2 * TP + FP + FN))))"
        ),
    },
    F1: {"a share of nothing by exceptions": "f1=2 * TP / (2 * TP + FP + FN) if TP else 0"},
    HALF_WIDTH: {
        "Wilson's interval by a quadratic equation": (
            "roots = np.roots([1 + z**2 / trials, -2 * share - z**2 / trials, share**2])\n"
            "    half_width = float(np.ptp(roots.real)) / 2"
        ),
    },
}

MUTANTS, VARIANTS = edits(MISTAKES), edits(ALTERNATIVES)


# Grading them ---------------------------------------------------------------------------


def edited_source(edit: Edit) -> str:
    """Return the text of `nn_helpers` with one edit, which must change exactly one place."""
    source = SOURCE.read_text(encoding="utf-8")
    if source.count(edit.old) != 1 or edit.new == edit.old:
        raise ValueError(
            f"edit {edit.name!r} must change one place of {SOURCE.name}, it fits in "
            f"{source.count(edit.old)}: {edit.old!r} becomes {edit.new!r}"
        )
    return source.replace(edit.old, edit.new)


def edited_module(edit: Edit) -> types.ModuleType:
    """Return `nn_helpers` with one edit."""
    return checks.module_of(edited_source(edit), "edited", str(SOURCE))


@functools.cache
def top_functions() -> list[ast.FunctionDef]:
    """Return the functions of `nn_helpers`."""
    body = ast.parse(SOURCE.read_text(encoding="utf-8")).body
    return [node for node in body if isinstance(node, ast.FunctionDef)]


def changed_function(edit: Edit) -> str:
    """Return the graded function that an edit changes."""
    source = SOURCE.read_text(encoding="utf-8")
    place = source.index(edit.old) + len(edit.old) - len(edit.old.lstrip())
    line = source[:place].count("\n") + 1
    (name,) = (node.name for node in top_functions() if node.lineno <= line <= node.end_lineno)
    return BELONGS_TO.get(name, name)


def is_in_use(changed: str, functions: list[str], wrong: set[str]) -> bool:
    """Tell whether a check of some functions gets to run the one that was changed."""
    seen: set[str] = set()
    waiting = list(functions)
    while waiting:
        name = waiting.pop()
        if name not in seen and (name in functions or name not in wrong):
            seen.add(name)
            waiting += checks.called_by(reference, name)
    return changed in {BELONGS_TO.get(name, name) for name in seen}


class Mixed:
    """The module that a check is given: some functions are the submission's, all else is right."""

    def __init__(self, module: types.ModuleType, own: list[str]) -> None:
        self.module, self.own = module, own
        self.__file__ = module.__file__

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module if name in self.own else reference, name)


def lost_criteria(edit: Edit, seed: int = SEED) -> list[str]:
    """Return the names of the checks that cost an edited module points, as the grader goes on.

    What a failed criterion is about counts as wrong: from then on, the reference's function
    takes its place, in the edited module too.
    """
    module, changed = edited_module(edit), changed_function(edit)
    graded = {name: getattr(module, name) for c in RUBRIC for name in c.functions}
    lost, wrong = [], set()
    for criterion in RUBRIC:
        if not is_in_use(changed, criterion.functions, wrong):
            continue  # nothing of the change is left in it
        for name, own in graded.items():
            is_wrong = name in wrong and name not in criterion.functions
            setattr(module, name, getattr(reference, name) if is_wrong else own)
        nn = Mixed(module, criterion.functions)
        if checks.failure(checks.CHECKS[criterion.check], nn, seed) is not None:
            lost.append(criterion.check)
            wrong |= set(criterion.functions) if criterion.blame else set()
    return lost


def strangers(edit: Edit, lost: list[str]) -> list[str]:
    """Return those of the lost criteria that are not about the function that was changed."""
    about = {c.check: c.functions for c in RUBRIC}
    return [name for name in lost if changed_function(edit) not in about[name]]


def failures_of_the_reference(seed: int) -> list[str]:
    """Return the checks that the right code fails at its first try."""
    failed = []
    for criterion in RUBRIC:
        try:
            checks.run(checks.CHECKS[criterion.check], reference, seed)
        except Exception as error:
            failed.append(f"seed {seed}: {criterion.check}: {error}")
    return failed


# Known mistakes -------------------------------------------------------------------------


def equation(edit: Edit) -> str:
    """Return where the equation of a changed line stands, or nothing."""
    text = getattr(reference, changed_function(edit)).__doc__
    numbered = {left: number for number, left in re.findall(r"Eq\. \((\d+)\): (\S+)", text)}
    left = edit.old.partition("=")[0].strip()
    number = numbered.get(left) or (len(numbered) == 1 and next(iter(numbered.values())))
    return f" (Eq. {number})" if number else ""


def fingerprints(edit: Edit) -> tuple[str, ...]:
    """Return two fingerprints of the function that an edit changes."""
    module, name = edited_module(edit), changed_function(edit)
    return tuple(checks.fingerprint(module, name) for _ in range(2))


def mistakes() -> dict[str, dict[str, str]]:
    """Return the sentence of each mistake by function and fingerprint.

    A mistake is left out if it answers as a right function does, if it answers differently
    every time, or if it is one of several that answer alike and are mended differently.
    """
    with concurrent.futures.ProcessPoolExecutor() as pool:
        found, alternatives = (
            [*pool.map(fingerprints, some, chunksize=8)] for some in (MUTANTS, VARIANTS)
        )
    graded = {name for criterion in RUBRIC for name in criterion.functions}
    right = {first for first, _ in alternatives}
    right |= {checks.fingerprint(reference, name) for name in graded}
    table: dict[str, dict[str, list[Edit]]] = {}
    for edit, (first, second) in zip(MUTANTS, found, strict=True):
        if first and first == second and first not in right:
            function = table.setdefault(changed_function(edit), {})
            function.setdefault(first, []).append(edit)
    return {
        function: {
            print_: edits_alike[0].name + equation(edits_alike[0])
            for print_, edits_alike in sorted(known.items())
            if len(edits_alike) == 1
        }
        for function, known in sorted(table.items())
    }


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many; default: 1")
    parser.add_argument("--reference", type=int, metavar="N", help="only the right code, N seeds")
    parser.add_argument("--write", action="store_true", help="only write mistakes.json")
    arguments = parser.parse_args(argv)
    if arguments.write:
        text = json.dumps(mistakes(), indent=1, ensure_ascii=False) + "\n"
        reference.write_atomically(checks.PROJECT / "grading" / "mistakes.json", text.encode())
        return 0
    with concurrent.futures.ProcessPoolExecutor() as pool:
        if arguments.reference:
            runs = pool.map(failures_of_the_reference, range(arguments.reference), chunksize=10)
            found = [*tqdm(runs, desc="reference", total=arguments.reference)]
            failed = [line for lines in found for line in lines]
            print(*failed, f"{arguments.reference} seeds, {len(failed)} failures", sep="\n")
            return int(bool(failed))
        seeds = range(SEED, SEED + arguments.seeds)
        work = [*itertools.product((*MUTANTS, *VARIANTS), seeds)]
        runs = pool.map(lost_criteria, *zip(*work, strict=True), chunksize=4)
        results = tqdm(runs, desc="mutants and variants", total=len(work))
        lost: dict[str, list[list[str]]] = {}
        for (edit, _), names in zip(work, results, strict=True):
            lost.setdefault(edit.name, []).append(names)
    bad = 0
    print("\nmutant -> checks that caught it, in how many of the runs if not in all\n")
    for edit in (*MUTANTS, *VARIANTS):
        if edit in VARIANTS[:1]:
            print("\ncorrect variant -> false alarms\n")
        names = [*itertools.chain.from_iterable(lost[edit.name])]
        text = [
            name if names.count(name) == len(seeds) else f"{name} ({names.count(name)})"
            for name in dict.fromkeys(names)
        ]
        survived = sum(not caught for caught in lost[edit.name])
        if edit in MUTANTS and survived:
            text.append(f"SURVIVED {survived} of {len(seeds)}")
        wronged = {*strangers(edit, names)} if edit in MUTANTS else {*names}
        text += [f"WRONGLY BLAMED: {name}" for name in sorted(wronged)]
        bad += bool(wronged) or (edit in MUTANTS and survived > 0)
        print(f"  {edit.name:42s} {', '.join(text) or 'none'}")
    only = {names[0] for edit in MUTANTS for names in lost[edit.name] if len(names) == 1}
    print(f"\nthe only ones to catch some mutant: {', '.join(sorted(only))}")
    print(f"{len(MUTANTS)} mutants, {len(VARIANTS)} correct variants, {bad} not as they should be")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
