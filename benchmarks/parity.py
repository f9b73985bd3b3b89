"""Train the same network with PyTorch and scikit-learn and compare, update for update.

    make parity                        installs PyTorch once, then a few seconds
    python benchmarks/parity.py        the same, if benchmarks/requirements.txt is installed

All three start from the same weights and see the same mini-batches in the same order, in
float64. What is left between them is rounding. The derivatives of PyTorch come from automatic
differentiation, those of scikit-learn from its own code: neither knows the equations of
notebook 02. Exit status 1 and one sentence say that a difference is more than rounding.
"""

import argparse
import os
import platform
import sys
from typing import NamedTuple

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import sklearn
import torch
from bench import LEARNING_RATE, N_HIDDEN, draw_examples
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

import nn_helpers as nn

BATCH_SIZE = 8
N_EXAMPLES = 300  # 37 batches of 8 and one of 4: dividing by 8 where N is meant would show
BOUNDS = {"PyTorch": 1e-12, "scikit-learn": 1e-10}  # rounding alone stays below 1e-14


class Outcome(NamedTuple):
    """The parameters after the updates, and their loss on all examples."""

    parameters: nn.Parameters
    loss: float


def draw_start(rng: np.random.Generator) -> nn.Parameters:
    """Draw starting weights, and biases too: from 0, a mistake in a bias could hide."""
    start = nn.initialize_parameters(nn.N_PIXELS, N_HIDDEN, rng=rng)
    return start._replace(b1=rng.standard_normal(N_HIDDEN), b2=np.asarray(rng.standard_normal()))


def draw_batches(n_updates: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the row numbers for each update, epoch after epoch."""
    batches: list[np.ndarray] = []
    while len(batches) < n_updates:
        batches.extend(nn.minibatches(N_EXAMPLES, BATCH_SIZE, rng=rng))
    return batches[:n_updates]


def train_numpy(
    X: np.ndarray, y: np.ndarray, start: nn.Parameters, batches: list[np.ndarray]
) -> Outcome:
    """Train with the functions of this project."""
    parameters = start
    for batch in batches:
        activations = nn.forward(X[batch], parameters)
        gradients = nn.backward(X[batch], y[batch], parameters, activations)
        parameters = nn.gradient_step(parameters, gradients, LEARNING_RATE)
    return Outcome(parameters, nn.binary_cross_entropy(nn.forward(X, parameters).z2, y))


def train_pytorch(
    X: np.ndarray, y: np.ndarray, start: nn.Parameters, batches: list[np.ndarray]
) -> Outcome:
    """Train with PyTorch, which is given the forward pass and the loss only."""
    hidden = torch.nn.Linear(nn.N_PIXELS, N_HIDDEN, dtype=torch.float64)
    output = torch.nn.Linear(N_HIDDEN, 1, dtype=torch.float64)
    network = torch.nn.Sequential(hidden, torch.nn.Sigmoid(), output, torch.nn.Flatten(0))
    with torch.no_grad():  # copy_ leaves the arrays of `start` alone; a weight is (out, in) here
        hidden.weight.copy_(torch.from_numpy(start.W1.T))
        hidden.bias.copy_(torch.from_numpy(start.b1))
        output.weight.copy_(torch.from_numpy(start.W2[np.newaxis]))
        output.bias.copy_(torch.from_numpy(start.b2[np.newaxis]))
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    for batch in batches:
        optimizer.zero_grad()
        loss_of(network(inputs[batch]), targets[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        loss = loss_of(network(inputs), targets).item()
    W1, b1, W2, b2 = (parameter.detach().numpy() for parameter in network.parameters())
    return Outcome(nn.Parameters(W1.T, b1, W2[0], b2[0]), loss)


def train_sklearn(
    X: np.ndarray, y: np.ndarray, start: nn.Parameters, batches: list[np.ndarray]
) -> Outcome:
    """Train with scikit-learn, one call of `partial_fit` for each update.

    A call goes once through the rows it gets, `batch_size` at a time. With `batch_size` set to
    their number, it makes one update.

    Raises
    ------
    RuntimeError
        The counters of scikit-learn tell of another number of updates or examples.
    """
    classifier = MLPClassifier(
        (N_HIDDEN,),
        activation="logistic",
        solver="sgd",
        alpha=0,
        batch_size=1,
        learning_rate="constant",
        learning_rate_init=LEARNING_RATE,
        shuffle=False,
        momentum=0,
        nesterovs_momentum=False,
    )
    # The arrays for the weights exist after a first update only. What it learned is overwritten,
    # and without momentum nothing else of it stays.
    classifier.partial_fit(X[:1], y[:1], classes=[0, 1])
    # It updates in place, so it gets copies.
    classifier.coefs_ = [start.W1.copy(), start.W2[:, np.newaxis].copy()]
    classifier.intercepts_ = [start.b1.copy(), start.b2[np.newaxis].copy()]
    for batch in batches:
        classifier.set_params(batch_size=len(batch)).partial_fit(X[batch], y[batch])
    made = (len(classifier.loss_curve_) - 1, classifier.t_ - 1)
    meant = (len(batches), sum(map(len, batches)))
    if made != meant:
        raise RuntimeError(f"scikit-learn made {made} updates and examples instead of {meant}")
    (W1, W2), (b1, b2) = classifier.coefs_, classifier.intercepts_
    loss = log_loss(y, classifier.predict_proba(X)[:, 1])
    return Outcome(nn.Parameters(W1, b1, W2[:, 0], b2[0]), loss)


def differences(ours: Outcome, theirs: Outcome) -> dict[str, float]:
    """Return the largest relative difference in each parameter, and that of the loss."""
    a, b = ({**made.parameters._asdict(), "loss": made.loss} for made in (ours, theirs))
    return {name: nn.relative_error(a[name], b[name]) for name in a}


def print_table(ours: Outcome, others: dict[str, Outcome]) -> None:
    """Print the losses and the differences, a row for each library."""
    print("Largest difference from nn_helpers, max |a − b| / (max |a| + max |b|)\n")
    names = "".join(f"{name:>9}" for name in (*nn.Parameters._fields, "loss", "bound"))
    print(f"{'':12}{names}   loss after")
    print(f"{'nn_helpers':12}{'':54}   {ours.loss:.15f}")
    for library, theirs in others.items():
        found = [*differences(ours, theirs).values(), BOUNDS[library]]
        cells = "".join(f"{value:9.1e}" for value in found)
        print(f"{library:12}{cells}   {theirs.loss:.15f}")


def complaint(ours: Outcome, others: dict[str, Outcome]) -> str:
    """Say in one sentence which differences exceed their bound; empty if none does."""
    parts = []
    for library, theirs in others.items():
        found = differences(ours, theirs)
        bound = BOUNDS[library]  # NaN is not below it
        beyond = {name: value for name, value in found.items() if not value <= bound}
        if beyond:
            parts.append(
                f"from {library} in {', '.join(beyond)} (by up to {max(beyond.values()):.1e}, "
                f"allowed {bound:.0e})"
            )
    return f"nn_helpers differs {' and '.join(parts)}" if parts else ""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=100, help="how many updates (100)")
    arguments = parser.parse_args(argv)
    if arguments.updates < 1:
        parser.error(f"--updates must be at least 1, got {arguments.updates}")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    (X, y), start = draw_examples(N_EXAMPLES, "float64"), draw_start(rng)
    batches = draw_batches(arguments.updates, rng)
    ours = train_numpy(X, y, start, batches)
    others = {
        "PyTorch": train_pytorch(X, y, start, batches),
        "scikit-learn": train_sklearn(X, y, start, batches),
    }
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}"
    )
    n_smaller = sum(len(batch) < BATCH_SIZE for batch in batches)
    before = nn.binary_cross_entropy(nn.forward(X, start).z2, y)
    print(
        f"{len(batches)} updates with batches of {BATCH_SIZE}, {n_smaller} of them smaller; "
        f"rate {LEARNING_RATE}, loss before {before:.4f}\n"
    )
    print_table(ours, others)
    message = complaint(ours, others)
    if message:
        print(f"\n{message}", file=sys.stderr)
    return 1 if message else 0


if __name__ == "__main__":
    sys.exit(main())
