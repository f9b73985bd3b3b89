"""Plausible mistakes, and the self-check that catches each.

    python grading/mutants.py                    break nn_helpers.py in many ways, check each
    python grading/mutants.py --without NAME     as if that self-check did not exist

A mutant is `nn_helpers.py` with one piece of text replaced: a mistake that people make. Every
mutant must fail at least one check of `checks.py`. A variant is such a replacement that is
*right*: another formula, an update in place, another starting point. It must pass them all. The
exit status is 1 if a mutant survives or a variant fails.
"""

import argparse
import sys
import types
from typing import NamedTuple

import checks
from tqdm import tqdm

SOURCE = checks.PROJECT / "nn_helpers.py"
SEED = 2024  # any will do; a fixed one makes the table the same every time


class Edit(NamedTuple):
    """A change to the source: what it means, the text to replace, and what replaces it."""

    name: str
    old: str
    new: str


SIGMOID = "0.5 * (1 + np.tanh(0.5 * z))"
STEP = """
    updated = []
    for theta, d in zip(parameters, gradients, strict=True):
        new = -learning_rate * d
        new += theta  # in place: one array of the size of W1 fewer
        updated.append(new)
    return Parameters(*updated)
"""
LOSS = "np.mean(np.maximum(z2, 0) - z2 * y + np.log1p(np.exp(-np.abs(z2))))"

MUTANTS = (
    # Preprocessing
    Edit(
        "labels the wrong way round",
        "data.labels[rows] == positive)",
        "data.labels[rows] == negative)",
    ),
    Edit(
        "signers of all pictures kept", "else data.signers[rows]", "else data.signers[: len(rows)]"
    ),
    Edit("pixels divided by 256", "else X / 255.0", "else X / 256.0"),
    Edit("divided by the variance", "X.std(axis=0) + floor", "X.var(axis=0) + floor"),
    Edit(
        "one mean for all pixels", "Standardizer(X.mean(axis=0)", "Standardizer(0 * X[0] + X.mean()"
    ),
    Edit("no floor under the spread", "X.std(axis=0) + floor)", "X.std(axis=0))"),
    Edit(
        "standardizer fitted on the new pictures",
        "    mean, scale = standardizer\n",
        "    mean, scale = fit_standardizer(X)\n",
    ),
    Edit(
        "pictures shuffled, not signers",
        "in_test = np.isin(signers[rows], names[order[:n_test]])",
        "in_test = rng.random(len(rows)) < test_fraction",
    ),
    Edit(
        "test and training swapped",
        "    return rows[~in_test], rows[in_test]\n\n\ndef _split",
        "    return rows[in_test], rows[~in_test]\n\n\ndef _split",
    ),
    Edit(
        "6 and 8 whatever is asked",
        "(data.labels == negative) | (data.labels",
        "(data.labels == 6) | (data.labels",
    ),
    Edit("divided by the brightest pixel", "else X / 255.0", "else X / X.max()"),
    Edit(
        "mean cut to whole grey levels",
        "Standardizer(X.mean(axis=0)",
        "Standardizer(X.mean(axis=0).astype(X.dtype)",
    ),
    Edit("floor far too small", "X.std(axis=0) + floor)", "X.std(axis=0) + 1e-8)"),
    Edit(
        "share of signers, not of pictures",
        "np.abs(np.cumsum(counts[order]) - test_fraction * len(rows))",
        "np.abs(np.arange(1, len(names) + 1) - test_fraction * len(names))",
    ),
    Edit("test fraction ignored", "- test_fraction * len(rows))", "- 0.2 * len(rows))"),
    Edit(
        "first signers for the test",
        "order = rng.permutation(len(names))",
        "order = np.arange(len(names))",
    ),
    Edit(
        "rows to split ignored",
        "np.arange(len(groups)) if among is None else np.sort(among)",
        "np.arange(len(groups))",
    ),
    # Activation
    Edit("sigmoid that overflows", SIGMOID, "1 / (1 + np.exp(-z))"),
    Edit("sigmoid mirrored", SIGMOID, "0.5 * (1 - np.tanh(0.5 * z))"),
    Edit("sigmoid twice as steep", SIGMOID, "0.5 * (1 + np.tanh(z))"),
    Edit("tanh instead of the sigmoid", SIGMOID, "np.tanh(z)"),
    # Loss
    Edit(
        "loss clipped at 1e-15",
        LOSS,
        "-np.mean(np.log(np.clip(np.where(y == 1, sigmoid(z2), 1 - sigmoid(z2)), 1e-15, 1)))",
    ),
    Edit(
        "loss summed, not averaged",
        "float(np.mean(np.maximum(z2, 0)",
        "float(np.sum(np.maximum(z2, 0)",
    ),
    Edit("sign of y in the loss", "np.maximum(z2, 0) - z2 * y", "np.maximum(z2, 0) + z2 * y"),
    Edit(
        "squared error instead",
        LOSS,
        "np.mean((sigmoid(z2) - y) ** 2)",
    ),
    Edit(
        "minus sign on unsigned labels",
        "np.maximum(z2, 0) - z2 * y",
        "np.maximum(z2, 0) + z2 * (-y)",
    ),
    # Forward pass
    Edit("hidden bias forgotten", "z1 = X @ W1 + b1", "z1 = X @ W1"),
    Edit("output bias forgotten", "z2 = a1 @ W2 + b2", "z2 = a1 @ W2"),
    Edit("hidden layer without sigmoid", "a1 = sigmoid(z1)", "a1 = z1"),
    Edit("output without sigmoid", "a2 = sigmoid(z2)", "a2 = z2"),
    Edit("output from logits z1", "z2 = a1 @ W2 + b2", "z2 = z1 @ W2 + b2"),
    Edit(
        "batch centred on its own mean", "z1 = X @ W1 + b1", "z1 = (X - X.mean(axis=0)) @ W1 + b1"
    ),
    # Backward pass
    Edit("1/N missing", "dz2 = (a2 - y) / len(y)", "dz2 = a2 - y"),
    Edit("sign of the output gradient", "dz2 = (a2 - y) / len(y)", "dz2 = (y - a2) / len(y)"),
    Edit(
        "slope of the output kept",
        "dz2 = (a2 - y) / len(y)",
        "dz2 = (a2 - y) * a2 * (1 - a2) / len(y)",
    ),
    Edit("slope always 1", "dz1 = da1 * a1 * (1 - a1)", "dz1 = da1"),
    Edit(
        "slope of z1 instead of a1",
        "dz1 = da1 * a1 * (1 - a1)",
        "dz1 = da1 * activations.z1 * (1 - activations.z1)",
    ),
    Edit("slope forgets 1 - a1", "dz1 = da1 * a1 * (1 - a1)", "dz1 = da1 * a1"),
    Edit("output weights in reverse", "da1 = np.outer(dz2, W2)", "da1 = np.outer(dz2, W2[::-1])"),
    Edit("dW2 from z1 instead of a1", "dW2 = a1.T @ dz2", "dW2 = activations.z1.T @ dz2"),
    Edit(
        "db1 summed over everything", "db1 = dz1.sum(axis=0)", "db1 = np.full(len(W2), dz1.sum())"
    ),
    Edit("db1 averaged twice", "db1 = dz1.sum(axis=0)", "db1 = dz1.mean(axis=0)"),
    Edit("db2 averaged twice", "db2 = dz2.sum()", "db2 = dz2.mean()"),
    Edit("db2 forgotten", "db2 = dz2.sum()", "db2 = 0 * dz2.sum()"),
    Edit(
        "activations overwritten",
        "    dz1 = da1 * a1 * (1 - a1)\n    dW1",
        "    dz1 = da1 * a1 * (1 - a1)\n    X *= 1.001\n    dW1",
    ),
    # Step
    Edit("uphill", "new = -learning_rate * d", "new = learning_rate * d"),
    Edit(
        "b1 broadcast to (H, H)",
        STEP,
        STEP.replace("gradients,", "gradients._replace(b1=gradients.b1[:, None]),").replace(
            "new += theta", "new = new + theta"
        ),
    ),
    Edit(
        "biases never updated", STEP, STEP.replace("gradients,", "gradients._replace(b1=0, b2=0),")
    ),
    Edit(
        "update applied to a copy",
        "            parameters = gradient_step(",
        "            gradient_step(",
    ),
    Edit("rate ignored", "new = -learning_rate * d", "new = -d"),
    # Start
    Edit(
        "start at zero",
        "W1=(rng.standard_normal((n_inputs, n_hidden)) / np.sqrt(n_inputs))",
        "W1=np.zeros((n_inputs, n_hidden))",
    ),
    Edit(
        "standard normal start",
        "(rng.standard_normal((n_inputs, n_hidden)) / np.sqrt(n_inputs))",
        "rng.standard_normal((n_inputs, n_hidden))",
    ),
    Edit(
        "output weights start at zero",
        "W2=(rng.standard_normal(n_hidden) / np.sqrt(n_hidden))",
        "W2=np.zeros(n_hidden)",
    ),
    Edit("weights far too small", "/ np.sqrt(n_inputs))", "/ n_inputs**3)"),
    Edit("output weights far too large", "/ np.sqrt(n_hidden))", "* 100)"),
    Edit(
        "start from a generator of its own",
        "    return Parameters(\n        W1=",
        "    rng = np.random.default_rng(0)\n    return Parameters(\n        W1=",
    ),
    # Mini-batches and training
    Edit(
        "last partial batch dropped",
        "for start in range(0, n_examples, batch_size))",
        "for start in range(0, n_examples - batch_size + 1, batch_size))",
    ),
    Edit("never shuffled", "order = rng.permutation(n_examples)", "order = np.arange(n_examples)"),
    Edit(
        "same order every epoch",
        "order = rng.permutation(n_examples)",
        "order = np.random.default_rng(0).permutation(n_examples)",
    ),
    Edit(
        "drawn with putting back",
        "order = rng.permutation(n_examples)",
        "order = rng.integers(0, n_examples, n_examples)",
    ),
    Edit(
        "pictures and labels shuffled apart",
        "X_batch, y_batch = X[batch], y[batch]",
        "X_batch, y_batch = X[batch], y[rng.permutation(len(y))[: len(batch)]]",
    ),
    Edit(
        "stale activations",
        """
        for batch in minibatches(len(y), batch_size, rng=rng):
            X_batch, y_batch = X[batch], y[batch]
            activations = forward(X_batch, parameters)
""",
        """
        stale = parameters
        for batch in minibatches(len(y), batch_size, rng=rng):
            X_batch, y_batch = X[batch], y[batch]
            activations = forward(X_batch, stale)
""",
    ),
    Edit(
        "derivative taken after the update",
        """
            parameters = gradient_step(parameters, gradients, learning_rate)
""",
        """
            updated = gradient_step(parameters, gradients, learning_rate)
            gradients = backward(X_batch, y_batch, updated, activations)
            parameters = gradient_step(parameters, gradients, learning_rate)
""",
    ),
    Edit(
        "first batch only",
        "            logits[batch] = activations.z2\n",
        "            logits[batch] = activations.z2\n            break\n",
    ),
    Edit(
        "history of the last batch only",
        'row = {"epoch": epoch, **_loss_and_accuracy(logits, y)}',
        'row = {"epoch": epoch, **_loss_and_accuracy(activations.z2, y_batch)}',
    ),
    Edit(
        "one epoch too few",
        "for epoch in range(1, epochs + 1):",
        "for epoch in range(1, max(epochs, 2)):",
    ),
    Edit(
        "same order in every epoch of train",
        "minibatches(len(y), batch_size, rng=rng)",
        "minibatches(len(y), batch_size, rng=np.random.default_rng(7))",
    ),
    Edit(
        "only the blocks shuffled",
        "    order = rng.permutation(n_examples)\n",
        "    order = np.roll(np.arange(n_examples), rng.integers(n_examples))\n",
    ),
    Edit(
        "rate that decays",
        "parameters = gradient_step(parameters, gradients, learning_rate)",
        "parameters = gradient_step(parameters, gradients, learning_rate / epoch)",
    ),
    Edit(
        "batches of two at most",
        "minibatches(len(y), batch_size, rng=rng)",
        "minibatches(len(y), min(batch_size, 2), rng=rng)",
    ),
    Edit(
        "number of hidden units ignored", "X.shape[1], n_hidden, rng=rng", "X.shape[1], 64, rng=rng"
    ),
    Edit(
        "training with a generator of its own",
        "    parameters = initialize_parameters(",
        "    rng = np.random.default_rng(0)\n    parameters = initialize_parameters(",
    ),
    Edit(
        "learns from the validation pictures",
        """
    rows = []
    logits""",
        """
    if validation is not None:
        X, y = np.concatenate([X, validation[0]]), np.concatenate([y, validation[1]])
    rows = []
    logits""",
    ),
    Edit(
        "training figures as validation figures",
        "_loss_and_accuracy(forward(validation[0], parameters).z2, validation[1])",
        "_loss_and_accuracy(logits, y)",
    ),
    Edit("epochs counted from 0", 'row = {"epoch": epoch,', 'row = {"epoch": epoch - 1,'),
    Edit(
        "accuracy of the wrong class",
        "np.mean((z2 >= 0) == (y == 1))",
        "np.mean((z2 >= 0) == (y == 0))",
    ),
    # Evaluation
    Edit(
        "threshold ignored",
        "predict_probability(X, parameters) >= threshold",
        "predict_probability(X, parameters) >= 0.5",
    ),
    Edit(
        "above the threshold, not from it on",
        "predict_probability(X, parameters) >= threshold",
        "predict_probability(X, parameters) > threshold",
    ),
    Edit(
        "classes True and False",
        "parameters) >= threshold).astype(np.int8)",
        "parameters) >= threshold)",
    ),
    Edit("confidence ignored", "inv_cdf((1 + confidence) / 2)", "inv_cdf(0.975)"),
    Edit(
        "probability before the sigmoid",
        "return forward(X, parameters).a2",
        "return forward(X, parameters).z2",
    ),
    Edit(
        "confusion axes swapped",
        "np.sum((y == i) & (predicted == j))",
        "np.sum((y == j) & (predicted == i))",
    ),
    Edit("positives first", "for j in (0, 1)] for i in (0, 1)", "for j in (1, 0)] for i in (1, 0)"),
    Edit(
        "precision and recall swapped",
        "precision=TP / max(TP + FP, 1)",
        "precision=TP / max(TP + FN, 1)",
    ),
    Edit("accuracy forgets TN", "accuracy=(TP + TN) /", "accuracy=TP /"),
    Edit(
        "F1 as the plain mean",
        "f1=2 * TP / max(2 * TP + FP + FN, 1)",
        "f1=(TP / max(TP + FP, 1) + TP / max(TP + FN, 1)) / 2",
    ),
    Edit("0 / 0 not dealt with", "precision=TP / max(TP + FP, 1)", "precision=TP / (TP + FP)"),
    Edit(
        "plus or minus two standard errors",
        """
    spread = np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    half_width = z / (1 + z**2 / trials) * float(spread)
""",
        """
    centre, half_width = share, z * np.sqrt(share * (1 - share) / trials)
""",
    ),
)

VARIANTS = (
    Edit("sigmoid by exponentials", SIGMOID, "np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))"),
    Edit(
        "loss by logaddexp",
        "np.maximum(z2, 0) - z2 * y + np.log1p(np.exp(-np.abs(z2)))",
        "np.logaddexp(0, z2) - z2 * y",
    ),
    Edit(
        "outer product by broadcasting",
        "da1 = np.outer(dz2, W2)",
        "da1 = dz2[:, None] * W2[None, :]",
    ),
    Edit(
        "1/N at the end",
        "    dz2 = (a2 - y) / len(y)\n",
        "    dz2 = np.divide(a2 - y, y.shape[0])\n",
    ),
    Edit("gradients by einsum", "dW1 = X.T @ dz1", 'dW1 = np.einsum("nd,nh->dh", X, dz1)'),
    Edit("slope multiplied out", "dz1 = da1 * a1 * (1 - a1)", "dz1 = da1 * (a1 - a1**2)"),
    Edit(
        "update in one expression",
        STEP,
        """
    return Parameters(
        *(theta - learning_rate * d for theta, d in zip(parameters, gradients, strict=True))
    )
""",
    ),
    Edit(
        "update in place",
        STEP,
        """
    W1, b1, W2, b2 = parameters
    W1 -= learning_rate * gradients.W1
    b1 -= learning_rate * gradients.b1
    W2 -= learning_rate * gradients.W2
    return Parameters(W1, b1, W2, b2 - learning_rate * gradients.b2)
""",
    ),
    Edit(
        "uniform start",
        "(rng.standard_normal((n_inputs, n_hidden)) / np.sqrt(n_inputs))",
        "rng.uniform(-1, 1, (n_inputs, n_hidden)) * np.sqrt(6 / (n_inputs + n_hidden))",
    ),
    Edit(
        "biases that start at random",
        "b1=np.zeros(n_hidden, dtype)",
        "b1=(0.1 * rng.standard_normal(n_hidden)).astype(dtype)",
    ),
    Edit(
        "training in float32",
        "    learning_rate = X.dtype.type(learning_rate)\n",
        "    X = X.astype(np.float32)\n    learning_rate = X.dtype.type(learning_rate)\n",
    ),
    Edit(
        "standardized pictures in float32",
        "return (X - mean) / scale",
        "return ((X - mean) / scale).astype(np.float32)",
    ),
    Edit(
        "batches by splitting",
        "return (order[start : start + batch_size] for start in range(0, n_examples, batch_size))",
        "return iter(np.array_split(order, -(-n_examples // batch_size)))",
    ),
    Edit(
        "spread with N - 1",
        "X.std(axis=0) + floor",
        "X.std(axis=0, ddof=min(1, len(X) - 1)) + floor",
    ),
    Edit(
        "history as lists",
        "TrainingRun(parameters, pd.DataFrame(rows))",
        "TrainingRun(parameters, {name: [row[name] for row in rows] for name in rows[0]})",
    ),
    Edit(
        "confusion matrix by counting",
        "return np.array([[np.sum((y == i) & (predicted == j)) for j in (0, 1)] for i in (0, 1)])",
        "return np.bincount((2 * y + predicted).astype(int), minlength=4).reshape(2, 2)",
    ),
)


def edited_module(edit: Edit) -> types.ModuleType:
    """Return `nn_helpers` with one edit, which must fit in exactly one place."""
    source = SOURCE.read_text(encoding="utf-8")
    if source.count(edit.old) != 1:
        raise ValueError(
            f"edit {edit.name!r} must fit in one place of {SOURCE.name}, it fits in "
            f"{source.count(edit.old)}: {edit.old!r}"
        )
    return checks.module_of(source.replace(edit.old, edit.new), "edited", str(SOURCE))


def failed_checks(edit: Edit) -> list[str]:
    """Return the names of the checks that an edited module fails."""
    module = edited_module(edit)
    failures = {n: checks.failure(check, module, SEED) for n, check in checks.CHECKS.items()}
    return [name for name, problem in failures.items() if problem is not None]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--without", metavar="NAME", choices=checks.CHECKS, help="leave out a check"
    )
    arguments = parser.parse_args(argv)
    checks.CHECKS.pop(arguments.without, None)
    killers = {edit.name: failed_checks(edit) for edit in tqdm(MUTANTS, desc="mutants")}
    alarms = {edit.name: failed_checks(edit) for edit in tqdm(VARIANTS, desc="variants")}
    print("\nmutant -> checks that caught it\n")
    for name, caught in killers.items():
        print(f"  {name:42s} {', '.join(caught) or 'SURVIVED'}")
    print("\ncorrect variant -> false alarms\n")
    for name, caught in alarms.items():
        print(f"  {name:42s} {', '.join(caught) or 'none'}")
    only = sorted({caught[0] for caught in killers.values() if len(caught) == 1})
    print(f"\nthe only ones to catch some mutant: {', '.join(only)}")
    survivors = sum(not caught for caught in killers.values())
    false_alarms = sum(bool(caught) for caught in alarms.values())
    print(f"{len(killers) - survivors} of {len(killers)} mutants caught, ", end="")
    print(f"{false_alarms} false alarms on {len(alarms)} correct variants")
    return int(survivors > 0 or false_alarms > 0)


if __name__ == "__main__":
    sys.exit(main())
