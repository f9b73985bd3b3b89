"""Self-checks: what must hold for any correct solution, on random input.

    python grading/checks.py                     check nn_helpers.py, count the points
    python grading/checks.py --notebook 02       only what notebook 02 asks for
    python grading/checks.py my_solution.py      check another file
    python grading/checks.py --seed 7            with the random input of an earlier run

No check knows a right answer by heart. Each states a property that follows from what a function
is for, such as "the gradients agree with central differences". So a different formula or another
starting point passes, as long as it is right. A check that fails is made once more with other
input, and only what fails twice counts. The seed of the random input is printed; with ``--seed``
it fails in the same way again. If the function then answers exactly as one with a known mistake
does, that mistake is named.

A check is a function of the module to be checked, here called ``nn``, and of a random generator.
It raises an `AssertionError` that says in words what should hold.
"""

import argparse
import functools
import hashlib
import importlib.util
import itertools
import json
import secrets
import sys
import tomllib
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Check = Callable[[Any, np.random.Generator], None]
PROJECT = Path(__file__).resolve().parent.parent
NAMES = ("W1", "b1", "W2", "b2")
ATTEMPTS = 2  # a check has failed if it fails as often


# Calling what is checked ----------------------------------------------------------------

# What each function is given, in words for a message.
INPUTS = {
    "select_digits": "data",
    "scale_pixels": "X",
    "fit_standardizer": "X",
    "standardize": "X standardizer",
    "split_by_signer": "signers",
    "sigmoid": "z",
    "binary_cross_entropy": "z2 y",
    "forward": "X parameters",
    "backward": "X y parameters activations",
    "gradient_step": "parameters gradients",
    "train": "X y",
    "predict_probability": "X parameters",
    "predict": "X parameters",
    "confusion_matrix": "y predicted",
    "classification_metrics": "matrix",
}


class Watched:
    """A module whose functions are given copies only; it remembers which of them they change."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.changed: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.module, name)
        if isinstance(function, type) or not callable(function):
            return function

        def call(*args: Any, **kwargs: Any) -> Any:
            arrays: list[tuple[str, np.ndarray, np.ndarray]] = []
            letters = zip(INPUTS.get(name, "").split(), args, strict=False)
            given = [copied(value, letter, arrays) for letter, value in letters]
            given += args[len(given) :]
            named = {key: copied(value, key, arrays) for key, value in kwargs.items()}
            result = function(*given, **named)
            for letter, old, new in arrays:
                if old.tobytes() != new.tobytes():
                    self.changed.setdefault(name, letter)
            return result

        return call

    def require_untouched(self, *names: str) -> None:
        """Require that these functions left alone what they were given."""
        for name in names:
            assert name not in self.changed, (
                f"`{name}` changed {self.changed[name]}, which it was given: work on a copy"
            )


def copied(value: Any, name: str, arrays: list[tuple[str, np.ndarray, np.ndarray]]) -> Any:
    """Return a value with copies of its arrays, and note each array beside its copy."""
    if isinstance(value, np.ndarray):
        arrays.append((name, value, value.copy()))
        return arrays[-1][2]
    if isinstance(value, tuple):
        names = getattr(value, "_fields", [f"{name}[{i}]" for i in range(len(value))])
        items = [copied(item, part, arrays) for part, item in zip(names, value, strict=True)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def described(value: Any) -> str:
    """Say what came back, for a message."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def array_of(value: Any) -> np.ndarray:
    """Return a value as an array, or an array of nothing if it has no shape of one."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        return np.asarray(None)


def numbers(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Require finite numbers of this shape, and return them as an array."""
    shape, array = tuple(int(side) for side in shape), array_of(value)
    if array.dtype.kind not in "biuf":
        raise AssertionError(f"{what} should hold numbers, of shape {shape}: {described(value)}")
    is_column = len(shape) == 1 and array.shape == (*shape, 1)
    column = ": one output unit needs no second axis" if is_column else ""
    assert array.shape == shape, (
        f"{what} should have shape {shape}, yours has {array.shape}{column}"
    )
    assert np.all(np.isfinite(array)), f"{what} should be finite, yours holds NaN or infinity"
    return array


def parts(value: Any, form: str, function: str) -> Sequence[Any]:
    """Require a tuple with as many parts as `form` names."""
    is_right = isinstance(value, tuple | list) and len(value) == form.count(",") + 1
    assert is_right, f"`{function}` should return {form}; it returned {described(value)}"
    assert hasattr(value, "_fields") or "(" not in form, (
        f"`{function}` should return {form}, whose parts have names; it returned a plain "
        f"{type(value).__name__}"
    )
    return value


def agree(a: np.ndarray, b: np.ndarray, tolerance: float = 1e-5) -> bool:
    """Tell whether two arrays are equal up to rounding, in float32 at worst."""
    size = max(1.0, np.abs(b).max(initial=0))
    return bool(np.all(np.abs(np.subtract(a, b, dtype=float)) <= tolerance * size))


# Random input, and what is right for it -------------------------------------------------


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw a whole number, both ends included."""
    return int(rng.integers(low, high + 1))


def random_labels(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return labels, both classes as often (one more or less), in one of the usual types."""
    kind = (np.int8, np.int64, float)[whole(rng, 0, 2)]
    return (rng.permutation(n) % 2).astype(kind)


def random_network(
    nn: Any, rng: np.random.Generator, n: int | None = None, *, narrow: bool = False
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return X, y and parameters without a zero: a mistake in a bias can hide behind one.

    All sizes differ, so that an axis can't be taken for another. A narrow network has one
    input and one hidden unit.
    """
    N, D, H = (int(size) for size in rng.permutation(np.arange(2, 8))[:3])
    N, D, H = N if n is None else n, 1 if narrow else D, 1 if narrow else H
    parameters = nn.Parameters(
        W1=rng.standard_normal((D, H)),
        b1=rng.standard_normal(H),
        W2=rng.uniform(0.5, 1.5, H) * rng.choice([-1, 1], H),
        b2=np.array(rng.uniform(0.3, 1) * rng.choice([-1, 1])),
    )
    return rng.standard_normal((N, D)), random_labels(rng, N), parameters


def easy_examples(rng: np.random.Generator, n: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return examples whose classes lie far apart in one of the inputs."""
    y = random_labels(rng, n)
    X = 0.3 * rng.standard_normal((n, inputs))
    X[:, whole(rng, 0, inputs - 1)] += 4 * y - 2
    return X, y


def logistic(z: np.ndarray) -> np.ndarray:
    """Return the probability that a logit stands for."""
    return np.exp(-np.logaddexp(0, -np.asarray(z, float)))


def network_output(X: np.ndarray, parameters: Any) -> np.ndarray:
    """Return the logits z2 of a network, whatever the code that is checked makes of it."""
    W1, b1, W2, b2 = (np.asarray(array, float) for array in parameters)
    return np.sum(logistic(X @ W1 + b1) * W2, axis=1) + b2


def activations_of(nn: Any, X: np.ndarray, parameters: Any) -> Any:
    """Return the activations of a network, whatever the code that is checked makes of them."""
    logits, output = X @ parameters.W1 + parameters.b1, network_output(X, parameters)
    return nn.Activations(logits, logistic(logits), output, logistic(output))


def loss_at(X: np.ndarray, y: np.ndarray, parameters: Any) -> float:
    """Return the loss of a network, whatever the code that is checked makes of it."""
    z2 = network_output(X, parameters)
    return float(np.mean(np.logaddexp(0, np.where(y == 1, -z2, z2))))


# Preprocessing --------------------------------------------------------------------------


def check_select_digits(nn: Any, rng: np.random.Generator) -> None:
    """0 stands for the negative digit, 1 for the positive one, and rows stay together."""
    n = whole(rng, 40, 60)
    labels = rng.permutation(np.concatenate([np.arange(10), rng.integers(0, 10, n - 10)]))
    images = rng.integers(0, 256, (n, 784)).astype(np.uint8)
    signers = rng.permutation(1000)[:n]  # all different, so that they tell the rows apart
    low = whole(rng, 0, 7)
    high = whole(rng, low + 2, 9)
    for pair in ((low, high), (high, low), (high, 0), ()):
        asked = dict(zip(("negative", "positive"), pair, strict=False))
        negative, positive = pair or (6, 8)
        kept = np.isin(labels, (negative, positive))
        for who in (signers, None):
            data = nn.SignDigits(images, labels, who)
            X, y, found = parts(nn.select_digits(data, **asked), "X, y, signers", "select_digits")
            X = numbers(X, (kept.sum(), 784), "all pictures of both digits, and no others: X")
            y = numbers(y, (len(X),), "y")
            if who is None:
                assert found is None, "without signers in the data, none should be returned"
                continue
            found = numbers(found, (len(X),), "signers")
            rows = [np.flatnonzero(signers == signer) for signer in found]
            assert sorted(found) == sorted(signers[kept]), "each picture should keep its signer"
            rows = np.concatenate(rows)
            assert np.array_equal(X, images[rows]), "each picture should keep its signer"
            assert y.dtype.kind in "iu", f"classes should be the integers 0 and 1, not {y.dtype}"
            assert np.array_equal(y, labels[rows] == positive), (
                f"label 1 should mean the positive digit {positive}, 0 the negative {negative}; "
                f"your labels are {np.unique(y).tolist()}"
            )
    nn.require_untouched("select_digits")


def check_scale_pixels(nn: Any, rng: np.random.Generator) -> None:
    """Black becomes 0, white becomes 1, and everything between is in proportion."""
    shape = whole(rng, 1, 5), whole(rng, 3, 9)
    for brightest in (255, whole(rng, 50, 200)):
        X = rng.integers(1, brightest + 1, shape)
        X[0, :2] = 0, brightest
        for kind in (np.uint8, float):
            scaled = numbers(nn.scale_pixels(X.astype(kind)), shape, "scaled pixels")
            assert np.allclose(scaled * 255, X, atol=1e-3), (
                "pixels should be divided by 255, whatever the brightest one is"
            )
    nn.require_untouched("scale_pixels")


def check_standardize_training(nn: Any, rng: np.random.Generator) -> None:
    """Each training pixel has mean 0 and a spread near 1 afterwards, each by its own measure."""
    N, D = whole(rng, 300, 450), whole(rng, 4, 7)
    spreads, middles = rng.uniform(20, 60, D), rng.uniform(80, 170, D)
    X = np.clip(np.rint(middles + spreads * rng.standard_normal((N, D))), 0, 255)
    always, hardly = 0, 1  # a pixel that never varies, and one that is grey in one picture only
    X[:, always], X[:, hardly] = rng.choice([0, 3, 255]), 0
    X[whole(rng, 0, N - 1), hardly] = 1
    rare = np.full((1, D), 200.0)
    for kind in (np.uint8, float):  # whole grey levels, as pictures have them
        standardizer = nn.fit_standardizer(X.astype(kind))
        Z = array_of(nn.standardize(X.astype(kind), standardizer))
        assert Z.shape != X.shape or Z.dtype.kind != "f" or np.all(np.isfinite(Z[:, always])), (
            "a pixel that never varies gave NaN or infinity: its spread is 0. "
            "Add `floor` before dividing."
        )
        Z = numbers(Z, (N, D), "standardized pictures")
        assert np.allclose(Z.mean(axis=0), 0, atol=1e-3), (
            f"each pixel's mean should become 0, for {np.dtype(kind)} too; "
            f"yours are up to {np.abs(Z.mean(axis=0)).max():.3g}"
        )
        spread = Z[:, hardly + 1 :].std(axis=0)
        assert np.all(np.abs(spread - 1) < 0.2), (
            f"each pixel's spread should become about 1, for {np.dtype(kind)} too; yours go from "
            f"{spread.min():.3g} to {spread.max():.3g}"
        )
        new = numbers(nn.standardize(rare, standardizer), (1, D), "a standardized picture")
        assert np.abs(new).max() <= 255, (
            "a rare grey in a pixel that hardly varies should not drown the rest: it became "
            f"{np.abs(new).max():.0f}. Add `floor` to every spread, not only to a spread of 0."
        )


def check_standardize_uses_training_statistics_only(nn: Any, rng: np.random.Generator) -> None:
    """What a new picture becomes does not depend on the pictures that come with it."""
    N, D = whole(rng, 30, 50), whole(rng, 4, 7)
    standardizer = nn.fit_standardizer(128 + 5 * rng.standard_normal((N, D)))
    new = rng.uniform(0, 255, (whole(rng, 10, 30), D))
    together = numbers(nn.standardize(new, standardizer), new.shape, "standardized pictures")
    one_by_one = [nn.standardize(row[None], standardizer) for row in new]
    one_by_one = [numbers(row, (1, D), "a standardized picture") for row in one_by_one]
    assert agree(together, np.concatenate(one_by_one)), (
        "new pictures should be measured by the training statistics alone"
    )
    black, white = (
        numbers(nn.standardize(np.full((1, D), grey), standardizer), (1, D), "one picture")
        for grey in (0.0, 255.0)
    )
    assert np.all(white > black), "brighter pixels should stay brighter"
    assert agree(together, black + (white - black) * new / 255), (
        "each pixel should be shifted and divided, and nothing else: no clipping either"
    )
    nn.require_untouched("fit_standardizer", "standardize")


def check_split_by_signer(nn: Any, rng: np.random.Generator) -> None:
    """Every picture is on one side, no signer on both, and the sides have the right size."""
    few, most = whole(rng, 8, 10), whole(rng, 25, 30)
    # A few signers with many pictures, so that a share of signers is no share of pictures.
    counts = np.array([most] * few + [1] * whole(rng, 50, 60))
    names = rng.choice(100_000, len(counts), replace=False)
    signers = rng.permutation(np.repeat(names, counts))
    y = random_labels(rng, len(signers))

    def split(fraction: float, seed: int, rows: np.ndarray, groups: Any = signers, **more: Any):
        both = nn.split_by_signer(groups, fraction, rng=np.random.default_rng(seed), **more)
        both = [np.asarray(side) for side in parts(both, "train, test", "split_by_signer")]
        assert all(side.ndim == 1 and side.dtype.kind in "iu" for side in both), (
            "train and test should be row numbers"
        )
        assert np.array_equal(np.sort(np.concatenate(both)), np.sort(rows)), (
            f"with {', '.join(more) or 'all rows'}, every row should be on exactly one side"
        )
        if groups is not None:
            assert not set(signers[both[0]]) & set(signers[both[1]]), (
                "no signer should be on both sides"
            )
            largest = np.unique(signers[rows], return_counts=True)[1].max()
            assert abs(len(both[1]) - fraction * len(rows)) <= largest, (
                f"the test should get {fraction:.0%} of {len(rows)} pictures, to within one "
                f"signer's ({largest}); yours gets {len(both[1])}"
            )
        return both

    everything, seeds = np.arange(len(signers)), rng.integers(2**32, size=16).tolist()
    some = rng.choice(names[few:], 12, replace=False)
    among = rng.permutation(np.flatnonzero(np.isin(signers, some)))
    half = rng.permutation(len(signers))[: len(signers) // 2]  # of some signers only a part
    cases = [(among, {"among": among}, 16), (everything, {}, 6)]
    for rows, more, n in [*cases, (everything, {"y": y}, 4), (half, {"among": half, "y": y}, 4)]:
        for fraction in (0.3, 0.5):
            tests = [tuple(split(fraction, seed, rows, **more)[1]) for seed in seeds[:n]]
            assert len(set(tests)) > 1, "another generator should give another split"
            again = tuple(split(fraction, seeds[0], rows, **more)[1])
            assert again == tests[0], "the same seed should give the same split: draw from `rng`"
    three = np.flatnonzero(np.isin(signers, names[:3]))
    train, _ = split(0.99, seeds[0], three, among=three)
    assert len(train), "the training part should never be empty"
    for seed, more in itertools.product(seeds[:10], ({}, {"among": half})):
        rows = more.get("among", everything)
        _, test = split(0.5, seed, rows, None, y=y, **more)
        for label in (0, 1):
            share, members = np.sum(y[test] == label), np.sum(y[rows] == label)
            assert abs(share - members / 2) <= 1, (
                f"without signers, the test should get its share of each class, {members / 2:.0f} "
                f"of {members} of class {label}; yours gets {share}"
            )
    nn.require_untouched("split_by_signer")


# Activation -----------------------------------------------------------------------------


def check_sigmoid(nn: Any, rng: np.random.Generator) -> None:
    """The sigmoid is ½ at 0, rises, is symmetric, and its logit is its input."""
    n = whole(rng, 80, 120)
    z = np.linspace(-8, 8, n) + rng.uniform(-0.01, 0.01, n)
    a, mirrored = (numbers(nn.sigmoid(values), z.shape, "sigmoid(z)") for values in (z, -z))
    assert nn.sigmoid(np.zeros(1)) == 0.5, "the sigmoid of 0 should be exactly 0.5"
    assert np.all(np.diff(a) > 0), "the sigmoid should rise everywhere"
    assert np.allclose(a + mirrored, 1), "sigmoid(z) + sigmoid(-z) should be 1"
    small = np.abs(z) < 6
    assert np.allclose(np.log(a[small]) - np.log(1 - a[small]), z[small], atol=1e-3), (
        "log(a / (1 - a)) should give back the logit"
    )
    for shape in ((), (whole(rng, 2, 4), whole(rng, 2, 4))):
        values = np.array(rng.standard_normal(shape))
        assert np.allclose(numbers(nn.sigmoid(values), shape, "sigmoid(z)"), logistic(values)), (
            "each number should be squashed by itself, whatever the shape"
        )


def check_sigmoid_far_out(nn: Any, rng: np.random.Generator) -> None:
    """Nothing overflows, however large the logit."""
    for size in (30, 1000, 100_000):
        z = np.array([-1.0, 1.0]) * size * rng.uniform(1, 2)
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                a = nn.sigmoid(z)
        except FloatingPointError as error:
            raise AssertionError(f"far out the sigmoid should not overflow: {error}") from error
        assert np.allclose(numbers(a, (2,), "sigmoid(z)"), [0, 1]), (
            f"at ∓{size} the sigmoid should be 0 and 1, yours is {np.asarray(a).tolist()}"
        )
    nn.require_untouched("sigmoid")


# Loss -----------------------------------------------------------------------------------


def loss_of(nn: Any, z2: Any, y: Any) -> float:
    """Return the loss that the code that is checked gives."""
    z2, y = np.asarray(z2), np.asarray(y)
    return float(numbers(nn.binary_cross_entropy(z2, y), (), "the loss"))


def check_loss_definition(nn: Any, rng: np.random.Generator) -> None:
    """The loss is the mean of −log of the probability given to the truth."""
    n = whole(rng, 5, 30)
    z, y = rng.uniform(-5, 5, n), rng.permutation(n) % 2
    expected = np.mean(-np.log(logistic(np.where(y == 1, z, -z))))
    for kind in (np.int64, np.int8, np.uint8, np.float32, float):
        loss = loss_of(nn, z, y.astype(kind))
        assert np.isclose(loss, expected, rtol=1e-4), (
            "the loss should be the mean of -log of the probability given to the true class, "
            f"{expected:.4f} here, for labels of type {np.dtype(kind)}; yours is {loss:.4f}"
        )
    assert np.isclose(loss_of(nn, np.zeros(n), y), np.log(2)), (
        "always answering one half should cost log 2"
    )


def check_loss_far_out(nn: Any, rng: np.random.Generator) -> None:
    """A large logit costs itself where it is wrong, and nothing where it is right."""
    z = rng.uniform(1000, 2000)
    cases = {"wrong": ([z, -z], [0, 1], z), "right": ([z, -z], [1, 0], 0)}
    cases["right or wrong"] = ([z, z, -z], [1, 0, 0], z / 3)
    for name, (z2, y, expected) in cases.items():
        cost = loss_of(nn, z2, y)
        assert np.isclose(cost, expected, rtol=1e-4, atol=1e-6), (
            f"being {name} with logits of ±{z:.0f} should cost {expected:.0f}, "
            f"yours costs {cost:.6g}"
        )


def check_loss_is_convex(nn: Any, rng: np.random.Generator) -> None:
    """Along a line of logits the loss curves upwards, and nowhere downwards."""
    n = whole(rng, 10, 20)
    start, direction = rng.standard_normal(n), rng.uniform(0.5, 2, n)
    y = random_labels(rng, n)
    along = [loss_of(nn, start + t * direction, y) for t in np.linspace(-20, 20, 41)]
    bends = np.diff(along, 2)
    assert np.all(bends >= -1e-4), "the loss should be convex along a line of logits"
    assert bends.max() > 1e-2, "the loss should curve upwards along a line of logits"
    slopes = np.abs(np.diff(along)[[0, -1]])
    assert np.all(slopes > 0.1), "the loss should go on rising where it is far out and wrong"
    nn.require_untouched("binary_cross_entropy")


# Forward pass ---------------------------------------------------------------------------


def require_activations(nn: Any, X: np.ndarray, parameters: Any, where: str) -> Sequence[Any]:
    """Require the right activations for some examples, and return them."""
    found = parts(nn.forward(X, parameters), "Activations(z1, a1, z2, a2)", "forward")
    expected = activations_of(nn, X, parameters)
    means = ("X W1 + b1", "the sigmoid of z1", "a1 W2 + b2", "the sigmoid of z2")
    for name, a, b, meaning in zip(expected._fields, found, expected, means, strict=True):
        array = numbers(a, b.shape, f"{where}, {name}")
        assert agree(array, b), f"{where}, {name} should be {meaning}"
    return found


def check_forward_definition(nn: Any, rng: np.random.Generator) -> None:
    """Each layer is a weighted sum with a bias, then the sigmoid, and nothing overflows."""
    _, _, parameters = random_network(nn, rng)
    for n in range(8, 0, -1):  # one of them is the number of units, and one that of inputs
        X = rng.standard_normal((n, len(parameters.W1)))
        require_activations(nn, X, parameters, f"for {n} example{'s' * (n > 1)}")
    for far in (-2000.0, 2000.0):
        b1 = parameters.b1.copy()
        b1[0] = -far
        for name, value in (("b2", np.array(far)), ("b1", b1)):
            saturated = parameters._replace(**{name: value})
            require_activations(nn, X, saturated, f"with a logit of {far:.0f}")


def check_forward_of_a_batch_is_forward_of_its_rows(nn: Any, rng: np.random.Generator) -> None:
    """What the network says of an example does not depend on the others in the batch."""
    X, _, parameters = random_network(nn, rng)
    together = require_activations(nn, X, parameters, f"for {len(X)} examples")
    for i, row in enumerate(X):
        alone = require_activations(nn, row[None], parameters, "for one example")
        for a, b in zip(alone, together, strict=True):
            assert agree(np.asarray(a)[0], np.asarray(b)[i]), (
                "an example should be answered alike, alone and in a batch"
            )
    nn.require_untouched("forward")


# Backward pass --------------------------------------------------------------------------


def gradients_of(nn: Any, X: np.ndarray, y: np.ndarray, parameters: Any) -> dict[str, np.ndarray]:
    """Return the gradients that the backward pass gives, in the shapes of the parameters."""
    found = nn.backward(X, y, parameters, activations_of(nn, X, parameters))
    found = parts(found, "Parameters(dW1, db1, dW2, db2)", "backward")
    return dict(zip(NAMES, found, strict=True))


def moved(X: np.ndarray, y: np.ndarray, parameters: Any, name: str, shift: np.ndarray) -> float:
    """Return how much the loss grows from one side of the parameters to the other."""
    ends = [parameters._replace(**{name: getattr(parameters, name) + s}) for s in (shift, -shift)]
    return loss_at(X, y, ends[0]) - loss_at(X, y, ends[1])


def require_gradient(
    nn: Any, X: np.ndarray, y: np.ndarray, parameters: Any, name: str, where: str
) -> None:
    """Require the gradient of one parameter to agree with central differences."""
    values = getattr(parameters, name)
    gradient = gradients_of(nn, X, y, parameters)[name]
    gradient = numbers(gradient, values.shape, f"{where}, d{name}")
    step = 1e-5 / max(1, np.abs(X).max() if name == "W1" else 1)
    numeric = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        shift = np.zeros_like(values)
        shift[index] = step
        numeric[index] = moved(X, y, parameters, name, shift) / (2 * step)
    size = np.abs(gradient).max() + np.abs(numeric).max()
    assert np.abs(gradient - numeric).max() <= 1e-5 * size + 1e-6, (
        f"{where}, d{name} should agree with central differences; "
        + difference(gradient, numeric, len(y))
    )


def difference(gradient: np.ndarray, numeric: np.ndarray, n: int) -> str:
    """Say in which way a gradient is wrong."""
    ratio = np.vdot(gradient, numeric) / max(np.vdot(numeric, numeric), 1e-300)
    if np.abs(gradient - ratio * numeric).max() > 1e-3 * np.abs(gradient).max():
        return f"yours is off by up to {np.abs(gradient - numeric).max():.3g}"
    if not gradient.any():
        return "yours is 0"
    hints = {-1.0: ": is a sign the wrong way round?"}
    if n > 1:
        hints[n] = f", and N = {n}: is the mean over the batch missing?"
        hints[-n] = f", and N = {n}: a sign, and the mean over the batch is missing?"
        hints[1 / n] = f", and N = {n}: is the mean taken twice?"
    hint = [text for factor, text in hints.items() if np.isclose(ratio, factor, rtol=1e-3)]
    return f"yours is about {ratio:.2f} times as large{''.join(hint)}"


def require_gradient_of(nn: Any, rng: np.random.Generator, name: str) -> None:
    """Require the gradient of one parameter to be right for any number of examples.

    For a network of full size, only along random directions: one difference for each number
    in it takes too long, there as in a backward pass.
    """
    few = whole(rng, 3, 5)
    for n, narrow in ((1, False), (few, False), (few, True), (whole(rng, 6, 9), False)):
        X, y, parameters = random_network(nn, rng, n, narrow=narrow)
        require_gradient(nn, X, y, parameters, name, f"for {n} example{'s' * (n > 1)}")
    N, D, H = whole(rng, 65, 99), whole(rng, 700, 800), whole(rng, 60, 70)
    X, y = rng.standard_normal((N, D)), random_labels(rng, N)
    parameters = nn.Parameters(
        rng.standard_normal((D, H)) / np.sqrt(D),
        rng.standard_normal(H),
        rng.standard_normal(H) / np.sqrt(H),
        np.array(rng.standard_normal()),
    )
    values = getattr(parameters, name)
    gradient = numbers(gradients_of(nn, X, y, parameters)[name], values.shape, f"d{name}")
    for _ in range(2):
        direction = np.array(rng.standard_normal(values.shape))
        numeric = moved(X, y, parameters, name, 1e-5 * direction) / 2e-5
        assert abs(numeric - np.vdot(gradient, direction)) <= 1e-4 * np.linalg.norm(gradient), (
            f"d{name} should agree with central differences for {N} examples with {D} inputs "
            f"and {H} hidden units too"
        )


def check_gradient_of_W2(nn: Any, rng: np.random.Generator) -> None:  # noqa: N802
    """The gradient of W2 agrees with central differences, for few and many examples."""
    require_gradient_of(nn, rng, "W2")


def check_gradient_of_b2(nn: Any, rng: np.random.Generator) -> None:
    """The gradient of b2 agrees with central differences, for few and many examples."""
    require_gradient_of(nn, rng, "b2")


def check_gradient_of_W1(nn: Any, rng: np.random.Generator) -> None:  # noqa: N802
    """The gradient of W1 agrees with central differences, for few and many examples."""
    require_gradient_of(nn, rng, "W1")


def check_gradient_of_b1(nn: Any, rng: np.random.Generator) -> None:
    """The gradient of b1 agrees with central differences, for few and many examples."""
    require_gradient_of(nn, rng, "b1")


def check_gradients_far_out(nn: Any, rng: np.random.Generator) -> None:
    """Where the network is certain and wrong, gradients are finite; large ones stay large."""
    for sign in (-1, 1):
        X, y, parameters = random_network(nn, rng)
        y = np.full_like(y, sign < 0)  # all wrong
        certain = parameters._replace(b2=np.array(sign * rng.uniform(1000, 2000)))
        where = f"with b2 = {certain.b2:.0f} and all examples of class {y[0]:.0f}"
        for name in reversed(NAMES):
            require_gradient(nn, X, y, certain, name, where)
        X, y, parameters = random_network(nn, rng)
        large = rng.uniform(300, 900)
        steep = parameters._replace(W1=parameters.W1 / large, W2=parameters.W2 * large)
        y = (network_output(X, steep) < 0).astype(y.dtype)
        for name in NAMES:
            require_gradient(nn, X * large, y, steep, name, "where gradients are large")


def check_gradient_is_the_mean_over_batches(nn: Any, rng: np.random.Generator) -> None:
    """The gradient of all examples is the mean over its batches, weighed by their sizes."""
    n = whole(rng, 8, 14)
    X, y, parameters = random_network(nn, rng, n)
    batches = np.split(rng.permutation(n), [whole(rng, 1, 3), whole(rng, 5, 7)])
    of_all = gradients_of(nn, X, y, parameters)
    of_batches = [gradients_of(nn, X[rows], y[rows], parameters) for rows in batches]
    for name in NAMES:
        assert np.any(of_all[name]), f"d{name} should not be 0"
        shape = np.shape(getattr(parameters, name))
        arrays = [numbers(g[name], shape, f"d{name}") for g in (of_all, *of_batches)]
        mean = np.average(arrays[1:], axis=0, weights=[len(rows) for rows in batches])
        assert agree(arrays[0], mean), (
            f"d{name} of {n} examples should be the mean over batches of "
            f"{', '.join(str(len(rows)) for rows in batches)}, weighed by these sizes"
        )
    nn.require_untouched("backward")


# Training -------------------------------------------------------------------------------


def check_gradient_step(nn: Any, rng: np.random.Generator) -> None:
    """Each parameter moves by the rate times its gradient, downhill, and nothing is remembered."""
    _, _, parameters = random_network(nn, rng)
    shapes = [np.shape(p) for p in parameters]
    for size in (1.0, 0.0, 1.0, 1e6, 1.0):  # no gradient at all: every parameter stays
        rate = rng.uniform(0.01, 1) if size else 1000.0
        gradients = nn.Parameters(*(np.array(size * rng.standard_normal(s)) for s in shapes))
        updated = nn.gradient_step(parameters, gradients, rate)
        updated = parts(updated, "Parameters(W1, b1, W2, b2)", "gradient_step")
        for name, p, g, new in zip(NAMES, parameters, gradients, updated, strict=True):
            assert agree(numbers(new, p.shape, f"after a step {name}"), p - rate * g), (
                f"a step should subtract rate times gradient from {name}, whatever the steps before"
                if size
                else f"with a gradient of 0, {name} should stay as it is"
            )
        parameters = nn.Parameters(*(np.array(rng.standard_normal(s)) for s in shapes))
    nn.require_untouched("gradient_step")


def check_initialization(nn: Any, rng: np.random.Generator) -> None:
    """Hidden units differ from the start, and their sigmoids are not saturated."""
    seeds = rng.integers(2**32, size=2).tolist()

    def start(D: int, H: int, seed: int, **more: Any) -> list[np.ndarray]:
        found = nn.initialize_parameters(D, H, rng=np.random.default_rng(seed), **more)
        found = parts(found, "Parameters(W1, b1, W2, b2)", "initialize_parameters")
        return [
            numbers(value, shape, f"for {D} inputs and {H} hidden units, {name}")
            for name, shape, value in zip(NAMES, ((D, H), (H,), (H,), ()), found, strict=True)
        ]

    sizes = [(whole(rng, 3, 6), whole(rng, 50, 70)), (whole(rng, 700, 800), whole(rng, 50, 65))]
    for D, H in sizes:
        W1, b1, W2, b2 = start(D, H, seeds[0])
        again, other = start(D, H, seeds[0]), start(D, H, seeds[1])
        assert np.any(W1), "W1 should not start at 0"
        assert np.any(W2), "W2 should not start at 0"
        assert np.array_equal(again[0], W1), "the same seed should give the same start: use `rng`"
        assert np.array_equal(again[2], W2), "the same seed should give the same start: use `rng`"
        assert not np.allclose(other[0], W1), "another generator should give another start"
        assert not np.allclose(other[2], W2), "another generator should give another start"
        assert len(np.unique(W1, axis=1).T) == H, "no two hidden units should start alike"
        assert len(np.unique(W1, axis=0)) > D / 4, "inputs should not start all alike"
        ratios = W1[np.all(W1 != 0, axis=1)] / np.where(W2 == 0, 1, W2)
        assert np.all(np.ptp(ratios, axis=1) > 1e-3 * np.abs(ratios).max(axis=1)), (
            "W2 should be drawn anew, not with the numbers of W1"
        )
        X = rng.standard_normal((200, D))
        spread = (X @ W1).std(axis=0).mean()
        assert 0.1 < spread < 3, (
            f"with {D} inputs, hidden logits should spread by about 1 at the start, "
            f"not by {spread:.2g}"
        )
        a1 = logistic(X @ W1 + b1)
        assert np.mean(a1 * (1 - a1)) > 0.05, "hidden units should not be saturated: b1 is too far"
        assert 0.01 < np.linalg.norm(W2) < 10, (
            f"W2 should start at a norm of about 1, not {np.linalg.norm(W2):.2g}"
        )
        assert abs(b2) < 4, "the output should not be saturated: b2 is too far from 0"
        for kind in (np.float32, np.dtype(np.float32)):
            for name, array in zip(NAMES[:3], start(D, H, seeds[0], dtype=kind), strict=False):
                assert array.dtype == np.float32, f"{name} should have the type that is asked for"
    start(1, 1, seeds[0])


def dealt(nn: Any, n: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the mini-batches of an epoch."""
    found = nn.minibatches(n, size, rng=rng)
    assert isinstance(found, Iterable), (
        f"`minibatches` should give one batch after the other; it returned {described(found)}"
    )
    return [array_of(batch) for batch in found]


def check_minibatches(nn: Any, rng: np.random.Generator) -> None:
    """An epoch uses every example once, the last partial batch included, in a new order."""
    size, times = whole(rng, 3, 6), whole(rng, 2, 5)
    n = size * times
    cases = [(n + 1, size), (n, size), (n + size - 1, size), (n, n), (n, n - 1), (n, 1), (1, 1)]
    many = whole(rng, 150, 250)
    for n, size in [*cases, (many, whole(rng, 10, 20))]:
        seeds = rng.integers(2**32, size=2).tolist()
        orders = []
        for seed in (*seeds, seeds[0]):
            batches = dealt(nn, n, size, np.random.default_rng(seed))
            what = f"{n} examples in batches of {size}"
            assert all(b.ndim == 1 and b.dtype.kind in "iu" for b in batches), (
                f"{what}: each batch should be an array of row numbers"
            )
            expected = [min(size, n - start) for start in range(0, n, size)]
            assert [len(batch) for batch in batches] == expected, (
                f"{what} should come as {expected}, yours as {[len(batch) for batch in batches]}"
            )
            orders.append(np.concatenate(batches))
            assert np.array_equal(np.sort(orders[-1]), np.arange(n)), (
                f"{what}: every example should occur exactly once in an epoch"
            )
        assert np.array_equal(orders[0], orders[2]), "the same seed should give the same batches"
    assert not np.array_equal(orders[0], orders[1]), "another generator should give another order"
    assert np.mean(np.abs(np.diff(orders[0])) == 1) < 0.2, "neighbours should be separated"
    assert np.abs(orders[0] - np.arange(many)).mean() > many / 6, (
        "the examples should be shuffled over the whole epoch, not only within a batch"
    )
    one = np.random.default_rng(seeds[0])
    first, second = (np.concatenate(dealt(nn, many, 7, one)) for _ in range(2))
    assert not np.array_equal(first, second), "each epoch should have an order of its own"
    pairs = {tuple(np.concatenate(dealt(nn, 2, 2, one))) for _ in range(25)}
    assert len(pairs) == 2, "two examples should come in either order, one as often as the other"


def trained(
    nn: Any, X: np.ndarray, y: np.ndarray, seed: int, **settings: Any
) -> tuple[Any, Mapping[str, Any]]:
    """Train, and return parameters of the right shapes, and the history."""
    run = nn.train(X, y, rng=np.random.default_rng(seed), **settings)
    if not (hasattr(run, "parameters") and hasattr(run, "history")):
        raise AssertionError(
            f"`train` should return a TrainingRun of parameters and history; "
            f"it returned {described(run)}"
        )
    H = settings["n_hidden"]
    shapes = ((X.shape[1], H), (H,), (H,), ())
    found = parts(run.parameters, "Parameters(W1, b1, W2, b2) as parameters", "train")
    triples = zip(NAMES, shapes, found, strict=True)
    return nn.Parameters(
        *(numbers(p, s, f"after training {n}") for n, s, p in triples)
    ), run.history


def start_of(nn: Any, X: np.ndarray, y: np.ndarray, seed: int, **settings: Any) -> Any:
    """Return where a training starts: so small a rate leaves it there."""
    return trained(nn, X, y, seed, **{**settings, "learning_rate": 1e-12})[0]


def step(nn: Any, X: np.ndarray, y: np.ndarray, parameters: Any, rate: float) -> Any:
    """Return the parameters after a step on these examples."""
    gradients = nn.backward(X, y, parameters, nn.forward(X, parameters))
    form = "Parameters(W1, b1, W2, b2)"
    updated = parts(nn.gradient_step(parameters, gradients, rate), form, "gradient_step")
    return nn.Parameters(*(np.asarray(array) for array in updated))


def path_of(
    nn: Any, X: np.ndarray, y: np.ndarray, start: Any, rate: float, steps: int
) -> list[Any]:
    """Return the parameters at the start and after each step on all examples."""
    path = [start]
    for _ in range(steps):
        path.append(step(nn, X, y, path[-1], rate))
    return path


def distance(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return the largest difference between two sets of parameters, relative to their size."""
    size = max(1.0, *(np.abs(array).max() for array in b))
    return max(np.abs(np.subtract(p, q)).max() for p, q in zip(a, b, strict=True)) / size


def fitting(ends: Mapping[Any, Any], parameters: Any) -> Any:
    """Return the key of the parameters that are reached, or None if none are."""
    key = min(ends, key=lambda key: distance(parameters, ends[key]))
    return key if distance(parameters, ends[key]) < 3e-4 else None


def column(history: Any, name: str, epochs: int) -> np.ndarray:
    """Return a column of the history."""
    try:
        values = history[name]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise AssertionError(f"The history needs a column {name}.") from error
    rows = len(values) if hasattr(values, "__len__") else 0
    assert rows == epochs, (
        f"{name} in the history should have a value for each of {epochs} epochs, it has {rows}"
    )
    return numbers(values, (epochs,), f"{name} in the history")


def require_figures(
    nn: Any, history: Any, X: np.ndarray, y: np.ndarray, networks: Sequence[Any], prefix: str = ""
) -> None:
    """Require loss and accuracy of some examples in the history, a network for each row."""
    when = "at the end of" if prefix else "as they are met in"
    epochs = column(history, "epoch", len(networks)).tolist()
    assert epochs == list(range(1, len(networks) + 1)), "epochs should count from 1, one at a time"
    losses, accuracies = (column(history, prefix + n, len(networks)) for n in ("loss", "accuracy"))
    for epoch, parameters in enumerate(networks, 1):
        z2 = nn.forward(X, parameters).z2
        loss, right = nn.binary_cross_entropy(z2, y), np.mean((z2 >= 0) == (y == 1))
        unclear = np.mean(np.abs(z2) < 1e-3)  # rounding may decide here
        assert np.isclose(losses[epoch - 1], loss, rtol=1e-3, atol=1e-4), (
            f"{prefix}loss should be the mean over all {len(y)} examples {when} epoch {epoch}, "
            f"{loss:.4f}; yours is {losses[epoch - 1]:.4f}"
        )
        assert abs(accuracies[epoch - 1] - right) <= unclear + 1e-6, (
            f"{prefix}accuracy should be the share that is right of all {len(y)} examples {when} "
            f"epoch {epoch}, {right:.4f}; yours is {accuracies[epoch - 1]:.4f}"
        )


def check_training_takes_the_right_steps(nn: Any, rng: np.random.Generator) -> None:
    """With all examples in one batch, the order is all the same, and each step can be followed."""
    for kind in ("any", "easy", *["overshooting"] * 3):
        N, D, epochs = whole(rng, 4, 9), whole(rng, 3, 6), whole(rng, 25, 30)
        X, y, rate = rng.standard_normal((N, D)), random_labels(rng, N), rng.uniform(1, 2)
        if kind == "easy":  # soon everything is right, and training should go on
            X, y = easy_examples(rng, N, D)
        if kind == "overshooting":  # one picture with both labels: the loss rises, step by step
            N, epochs, X, y, rate = 2, whole(rng, 3, 5), X[[0, 0]], np.array([0, 1]), 8.0
        seed = whole(rng, 0, 2**32)
        settings = {"n_hidden": whole(rng, 2, 7), "epochs": epochs, "batch_size": N}
        start = start_of(nn, X, y, seed, **settings)
        path = dict(enumerate(path_of(nn, X, y, start, rate, epochs)))
        found, _ = trained(nn, X, y, seed, learning_rate=rate, **settings)
        steps = fitting({epochs: path[epochs]}, found) or fitting(path, found)
        assert steps == epochs, (
            f"{epochs} epochs with all {N} examples in one batch should make {epochs} equal steps; "
            + ("yours fits no number of steps" if steps is None else f"yours fits {steps}")
        )


def deals(rows: tuple[int, ...], size: int) -> Iterator[list[tuple[int, ...]]]:
    """Yield all ways to deal out some rows in batches."""
    if not rows:
        yield []
    for batch in itertools.combinations(rows, min(size, len(rows))):
        left = tuple(row for row in rows if row not in batch)
        if batch:
            yield from ([batch, *others] for others in deals(left, size))


def check_training_uses_each_example_once_an_epoch(nn: Any, rng: np.random.Generator) -> None:
    """An epoch takes a step for each mini-batch, and the mini-batches share out the examples."""
    for n, size in ((5, 2), (5, 3), (4, 3), (6, 4), (5, 2)):
        D, rate, seed = whole(rng, 3, 6), rng.uniform(3, 5), whole(rng, 0, 2**32)
        X, y = rng.standard_normal((n, D)), random_labels(rng, n)
        settings = {"n_hidden": whole(rng, 2, 7), "epochs": 1, "batch_size": size}
        reached = {(): start_of(nn, X, y, seed, **settings)}
        for deal in deals(tuple(range(n)), size):
            for k, batch in enumerate(deal):
                if tuple(deal[: k + 1]) not in reached:
                    rows, before = list(batch), reached[tuple(deal[:k])]
                    reached[tuple(deal[: k + 1])] = step(nn, X[rows], y[rows], before, rate)
        found, _ = trained(nn, X, y, seed, learning_rate=rate, **settings)
        steps = -(-n // size)
        fits = fitting({deal: p for deal, p in reached.items() if len(deal) == steps}, found)
        if fits is not None:
            continue
        message = f"{n} examples in batches of {size} should make {steps} steps"
        if (part := fitting(reached, found)) is not None:
            hint = ": was the last small batch dropped?" if len(part) == steps - 1 else ""
            raise AssertionError(f"{message}; yours fits {len(part)}{hint}")
        whole_set = dict(enumerate(path_of(nn, X, y, reached[()], rate, steps)))
        if fitting(whole_set, found) is not None:
            raise AssertionError(f"{message}, each on its batch; yours are on all examples")
        raise AssertionError(
            f"{message}, each on some examples not used before; yours fits no way to deal them out"
        )


def check_training_draws_from_its_generator(nn: Any, rng: np.random.Generator) -> None:
    """Start and order of the examples come from the generator, a new order every epoch."""
    D, rate, seeds = whole(rng, 3, 6), rng.uniform(2, 3), rng.integers(2**32, size=6).tolist()
    X, y = rng.standard_normal((3, D)), random_labels(rng, 3)
    X[2] = X[0] + 0.2 * X[2]  # nearly the same picture with the other label: the loss rises
    y[:] = y[1], 1 - y[1], 1 - y[1]
    settings = {"n_hidden": whole(rng, 2, 5), "epochs": 2, "batch_size": 1}
    starts = [start_of(nn, X, y, seed, **settings) for seed in seeds]
    assert distance(starts[0], starts[1]) > 1e-3, "another generator should give another start"
    orders = []
    for seed, start in zip(seeds, starts, strict=True):
        reached = {(): start}
        for i in range(6):  # two epochs, a step on one example at a time
            reached = {
                (*taken, row): step(nn, X[[row]], y[[row]], parameters, rate)
                for taken, parameters in reached.items()
                for row in range(3)
                if row not in taken[i - i % 3 :]
            }
        found, _ = trained(nn, X, y, seed, learning_rate=rate, **settings)
        orders.append(fitting(reached, found))
        assert orders[-1] is not None, (
            "after two epochs with 3 examples, one at a time, the parameters should be those after "
            "the last step; yours fit no order of the examples"
        )
    again, _ = trained(nn, X, y, seed, learning_rate=rate, **settings)
    assert distance(found, again) < 1e-9, "the same seed should give the same training: use `rng`"
    assert any(order[:3] != order[3:] for order in orders), (
        "each epoch of the training should have an order of its own"
    )
    assert len({order[:3] for order in orders}) > 1, "another generator should give another order"


def check_training_learns(nn: Any, rng: np.random.Generator) -> None:
    """What can be learned is learned, to the last epoch, however early everything is right."""
    epochs = whole(rng, 25, 35)
    X, y = easy_examples(rng, whole(rng, 50, 70), whole(rng, 3, 6))
    run = {"n_hidden": whole(rng, 4, 8), "epochs": epochs, "batch_size": whole(rng, 4, 8)}
    parameters, history = trained(nn, X, y, whole(rng, 0, 2**32), learning_rate=0.5, **run)
    right = np.mean((network_output(X, parameters) >= 0) == (y == 1))
    assert right > 0.9, f"an easy problem should be learned; only {right:.0%} is right at the end"
    losses = column(history, "loss", epochs)
    assert losses[-1] < 0.3, f"the loss should fall on an easy problem; it is {losses[-1]:.3f}"
    assert losses[-1] < losses[epochs // 2] < losses[0], "the loss should fall to the last epoch"


def check_history_counts_every_example(nn: Any, rng: np.random.Generator) -> None:
    """The history tells of all examples of an epoch, as they are met before each step."""
    D, seed = whole(rng, 3, 6), whole(rng, 0, 2**32)
    size = whole(rng, 3, 5)
    N = size * whole(rng, 2, 3) + 1
    X, y = rng.standard_normal((N, D)), random_labels(rng, N)
    run = {"n_hidden": whole(rng, 2, 7), "epochs": 1}
    rows: list[tuple] = []
    asked = {"learning_rate": 1e-12, "batch_size": size, "on_epoch": lambda *row: rows.append(row)}
    start, history = trained(nn, X, y, seed, **asked, **run)
    assert len(rows) == 1, "on_epoch should be called once an epoch, without validation too"
    require_figures(nn, history, X, y, [start])
    run["epochs"] = epochs = whole(rng, 5, 9)  # in one batch, so that each step can be followed
    start, rate = start_of(nn, X, y, seed, batch_size=N, **run), rng.uniform(1, 2)
    _, history = trained(nn, X, y, seed, learning_rate=rate, batch_size=N, **run)
    require_figures(nn, history, X, y, path_of(nn, X, y, start, rate, epochs - 1))
    X, y = easy_examples(rng, whole(rng, 50, 70), D)
    run.update(epochs=1, batch_size=2)
    first = [
        column(trained(nn, X, y, seed, learning_rate=rate, **run)[1], "loss", 1)[0]
        for rate in (1e-12, 0.5)
    ]
    assert first[1] < first[0], (
        "the loss of an epoch should be taken while it learns; yours seems to be from before it"
    )


def check_validation_is_watched_and_not_learned(nn: Any, rng: np.random.Generator) -> None:
    """Validation figures are those of an epoch's end, and nothing is learned from them."""
    epochs, D, seed = whole(rng, 25, 30), whole(rng, 3, 6), whole(rng, 0, 2**32)
    X, y = easy_examples(rng, whole(rng, 9, 12), D)
    X_new = X[: whole(rng, 5, 8)] + 0.1
    run = {"n_hidden": whole(rng, 4, 6), "epochs": epochs, "learning_rate": 1.0}
    # Like the training's, validation gets better and better; with wrong labels, worse and worse.
    for size, wrong in ((len(y), False), (len(y), True), (2, True)):
        y_new = np.abs(y[: len(X_new)] - wrong).astype(y.dtype)
        run["batch_size"] = size
        rows: list[tuple] = []
        seen = {"validation": (X_new, y_new), "on_epoch": lambda *row, rows=rows: rows.append(row)}
        watched, history = trained(nn, X, y, seed, **seen, **run)
        alone, _ = trained(nn, X, y, seed, **run)
        assert distance(watched, alone) < 1e-9, "watching should not change what is learned"
        figures = ("loss", "accuracy", "validation_loss", "validation_accuracy")
        columns = {name: column(history, name, epochs) for name in ("epoch", *figures)}
        assert len(rows) == epochs, (
            f"on_epoch should be called once an epoch, {epochs} times in all, not {len(rows)}"
        )
        for i, row in enumerate(rows):
            is_row = len(row) == 1 and isinstance(row[0], Mapping) and set(columns) <= set(row[0])
            same = is_row and all(
                np.shape(row[0][n]) == () and np.isclose(row[0][n], columns[n][i]) for n in columns
            )
            assert same, (
                "on_epoch should be given the new row of the history, a dict with "
                f"{', '.join(columns)}"
            )
        if size == len(y):  # then each step can be followed
            start = start_of(nn, X, y, seed, **run)
            path = path_of(nn, X, y, start, run["learning_rate"], epochs)[1:]
            require_figures(nn, history, X_new, y_new, path, "validation_")
    nn.require_untouched("train")


# Evaluation -----------------------------------------------------------------------------


def check_predict(nn: Any, rng: np.random.Generator) -> None:
    """Class 1 is predicted from the threshold on."""
    X, _, parameters = random_network(nn, rng, whole(rng, 10, 40))
    truth = logistic(network_output(X, parameters))
    said = numbers(nn.predict_probability(X, parameters), truth.shape, "the probability")
    assert agree(said, truth), "the probability should be the network's output a2"
    ordered, n = np.sort(truth), len(truth)
    middles = [np.mean(ordered[i - 1 : i + 1]) for i in (n // 4, n // 2, 3 * n // 4)]
    for given in ((), *((float(middle),) for middle in middles)):
        found = numbers(nn.predict(X, parameters, *given), (n,), "the classes")
        assert found.dtype != bool, "classes should be numbers, 0 and 1, not True and False"
        threshold = given[0] if given else 0.5
        clear = np.abs(truth - threshold) > 1e-6
        assert np.array_equal(found[clear], truth[clear] >= threshold), (
            f"with a threshold of {threshold:.4f}, class 1 should be predicted from this "
            "probability on, and class 0 below it"
        )
    even = parameters._replace(W2=0 * parameters.W2, b2=np.array(0.0))  # one half, exactly
    assert np.all(np.asarray(nn.predict(X, even)) == 1), (
        "a probability of exactly the threshold should count as class 1"
    )
    unlikely = even._replace(b2=np.array(-5.0))
    assert np.all(array_of(nn.predict(X, unlikely, 0.0)) == 1), (
        "with a threshold of 0 every example should count as class 1"
    )
    for function in (nn.predict, nn.predict_probability):
        numbers(function(X[:1], parameters), (1,), "for one example the answer")
    nn.require_untouched("predict_probability", "predict")


def check_confusion_matrix(nn: Any, rng: np.random.Generator) -> None:
    """Truth is in rows, prediction in columns: [[TN, FP], [FN, TP]]."""
    drawn = rng.choice(np.arange(1, 30), 4, replace=False)
    masks = [mask for mask in itertools.product((1, 0), repeat=4) if any(mask)]
    for mask in (*masks, (1, 10, 100, 300)):
        counts = rng.permutation(drawn * mask) if max(mask) > 1 else drawn * mask
        order = rng.permutation(counts.sum())
        kinds = [np.int8, np.int8] if max(mask) > 1 else rng.permutation([np.int8, np.int64])
        y, predicted = (
            np.repeat(values, counts)[order].astype(kind)
            for values, kind in zip(([0, 0, 1, 1], [0, 1, 0, 1]), kinds, strict=True)
        )
        matrix = array_of(nn.confusion_matrix(y, predicted))
        expected = counts.reshape(2, 2).tolist()
        assert np.array_equal(matrix, expected), (
            "the matrix should be [[TN, FP], [FN, TP]], truth in rows, prediction in columns: "
            f"{expected} here, of labels of type {y.dtype}; yours is {matrix.tolist()}"
        )
        assert matrix.dtype.kind in "iu", f"counts should be whole numbers, not {matrix.dtype}"
    nn.require_untouched("confusion_matrix")


def check_metrics(nn: Any, rng: np.random.Generator) -> None:
    """Accuracy, precision, recall and F1 follow their definitions; a share of nothing is 0."""

    def share(some: float, out_of: float) -> float:
        return some / out_of if out_of else 0.0

    for mask in itertools.product((1, 0), repeat=4):
        if not any(mask):
            continue
        TN, FP, FN, TP = counts = rng.choice(np.arange(100, 999), 4, replace=False) * mask
        found = nn.classification_metrics(counts.reshape(2, 2))
        found = parts(found, "Metrics(accuracy, precision, recall, f1)", "classification_metrics")
        precision, recall = share(TP, TP + FP), share(TP, TP + FN)
        expected = {
            "accuracy, right out of all,": share(TP + TN, counts.sum()),
            "precision, right out of those called 1,": precision,
            "recall, found out of those that are 1,": recall,
            "F1, the harmonic mean of precision and recall,": share(
                2 * precision * recall, precision + recall
            ),
        }
        for (name, value), own in zip(expected.items(), found, strict=True):
            right = np.shape(own) == () and np.isclose(own, value, rtol=1e-6)
            assert right, (
                f"{name} of {counts.reshape(2, 2).tolist()} should be {value:.6g}, "
                f"yours is {own}" + ("" if value else "; a share of nothing counts as 0")
            )
    nn.require_untouched("classification_metrics")


def check_wilson_interval(nn: Any, rng: np.random.Generator) -> None:
    """At both ends p of the interval the share seen is z standard errors of p away from p."""
    errors = {0.95: 1.959964, 0.8: 1.281552, 0.9: 1.644854, 0.99: 2.575829}
    for trials in (whole(rng, 50, 300), whole(rng, 5, 20), 1):
        cases = itertools.product((whole(rng, 0, trials), 0, trials), (None, *errors))
        for successes, confidence in cases:
            found = nn.wilson_interval(successes, trials, *([confidence] if confidence else []))
            found = parts(found, "low, high", "wilson_interval")
            low, high = (float(numbers(end, (), "an end of the interval")) for end in found)
            share = successes / trials
            what = f"the interval for {successes} of {trials} with confidence "
            what += f"{confidence or 0.95}, ({low:.4f}, {high:.4f}),"
            assert low - 1e-9 <= share <= high + 1e-9, f"{what} should contain the share seen"
            assert low < high, f"{what} should leave some doubt"
            z = errors[confidence or 0.95]
            for end in (low, high):
                far = z**2 * end * (1 - end) / trials
                assert np.isclose((share - end) ** 2, far, rtol=1e-3, atol=1e-9), (
                    f"each end of {what} should lie {z:.2f} standard errors away from the share: "
                    f"is z {z:.2f}, and p (1 - p) that of the end itself?"
                )


# Pairs of digits that the network tells apart so well that chance decides nothing: all but
# three, where it reads about 90 % of new signers' hands.
CLOSE = (4, 6), (4, 8), (8, 9)
PAIRS = tuple(p for p in itertools.combinations(range(10), 2) if p not in CLOSE)


def check_held_out_accuracy(
    nn: Any, rng: np.random.Generator, hands: tuple[np.ndarray, ...] | None = None
) -> None:
    """Trained with the course's settings, the network reads the hands of new signers.

    `hands` are training pictures and classes, test pictures and classes. Without them, most
    signers of the embedded set are put aside for the test. The pixels change places, some are
    left out, and the classes may change names: no network trained elsewhere fits.
    """
    X, y, X_new, y_new = hands or embedded_hands(rng)
    pixels = rng.permutation(X.shape[1])[: int(X.shape[1] * rng.uniform(0.93, 0.97))]
    if rng.integers(2):
        y, y_new = 1 - y, 1 - y_new
    X, X_new = X[:, pixels], X_new[:, pixels]
    mean, spread = X.mean(axis=0), X.std(axis=0) + 1  # so that only training is judged
    run = nn.train((X - mean) / spread, y, rng=rng)
    found = parts(getattr(run, "parameters", None), "W1, b1, W2, b2 as parameters", "train")
    assert np.shape(found[0])[:1] == pixels.shape, f"W1 should have {len(pixels)} rows"
    right = (network_output((X_new - mean) / spread, found) >= 0) == (y_new == 1)
    assert np.mean(right) >= 0.85, (
        f"of new signers' hands at least 85 % should be read right, not {np.mean(right):.0%}"
    )


def embedded_hands(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return two digits of 150 signers of the embedded set to learn from, the others to test."""
    pair = rng.choice(PAIRS)
    with np.load(PROJECT / "data" / "sign_digits.npz") as file:
        rows = np.isin(file["labels"], pair)
        X, labels, signers = (file[key][rows] for key in ("dataset", "labels", "signers"))
    y = (labels == pair[1]).astype(np.int8)
    known = np.isin(signers, rng.permutation(np.unique(signers))[:150])
    return X[known], y[known], X[~known], y[~known]


# Known mistakes -------------------------------------------------------------------------


def probes(nn: Any) -> dict[str, list[tuple[Sequence[Any], Mapping[str, Any]]]]:
    """Return calls of each graded function: arguments, and arguments by name.

    Always the same ones, so that a mistake always answers alike. None is random but what a
    function draws itself.
    """
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (rng.standard_normal(shape) for shape in ((3, 4), 4, 4, ()))
    network = nn.Parameters(W1, b1, W2, np.asarray(b2))
    steep = nn.Parameters(*(40 * np.asarray(array) for array in network))
    narrow = nn.Parameters(W1[:1, :1], b1[:1], W2[:1], np.asarray(b2))
    X, y = rng.standard_normal((6, 3)), np.array([0, 1, 1, 0, 1, 0])
    many, truth = rng.standard_normal((70, 3)), rng.integers(0, 2, 70)
    gradients = [
        nn.Parameters(*(k * rng.standard_normal(a.shape) for a in network)) for k in (1, 9)
    ]
    images = rng.integers(0, 256, (10, 784), dtype=np.uint8)
    labels = np.array([6, 8, 3, 7, 8, 6, 6, 8, 3, 7])
    who = np.array([5, 5, 5, 5, 9, 9, 9, 2, 2, 2])
    signers, classes = np.repeat([4, 7, 11, 20, 30], [2, 3, 5, 4, 6]), np.arange(20) % 2
    some, group = np.array([17, 3, 4, 9, 8, 15, 12, 5, 19]), np.array([30, 4, 7])
    grey = rng.integers(0, 256, (6, 4)).astype(np.uint8)
    grey[:, 3] = 7
    standardizer = nn.Standardizer(grey.mean(axis=0), grey.std(axis=0) + 1)
    far, z = np.array([-800.0, -40, 40, 800]), np.array([-9.0, -3, -0.5, 0, 0.7, 2, 12])
    signs = [np.arange(len(far)) % 2, np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0], np.uint8)]
    pairs = (([0, 1, 1, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0]), ([1, 1], [1, 1]), ([0], [1]))
    pairs = [[np.array(part) for part in pair] for pair in pairs]
    pairs += [[np.repeat([0, 1], [5, 300]), np.repeat([0, 1], [15, 290])]]
    runs = ({"epochs": 1, "batch_size": 6}, {"epochs": 3, "batch_size": 4})
    runs += ({"epochs": 22, "batch_size": 6}, {"epochs": 2, "batch_size": 1})
    runs += ({"epochs": 9, "batch_size": 3, "validation": (many[:5], truth[:5])},)

    def seeded(*arguments: Any, **named: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
        return arguments, {**named, "rng": np.random.default_rng(1)}

    def plain(*arguments: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
        return arguments, {}

    batches = ((X, network), (X[:1], network), (X[:4], network), (X, steep), (many, network))
    examples = [
        (*batch, (y if batch[0] is not many else truth)[: len(batch[0])]) for batch in batches
    ]
    examples += [(X[:, :1], narrow, y), (100 * X, network, 1 - y)]
    return {
        "select_digits": [
            plain(nn.SignDigits(images, labels, known), *digits)
            for known in (who, None)
            for digits in ((6, 8), (8, 6), (7, 3))
        ],
        "scale_pixels": [plain(grey), plain(grey / 1.0), plain((grey / 2).astype(np.float32))],
        "fit_standardizer": [plain(grey), plain(grey / 1.0), plain(grey[:1]), plain(grey, 3.0)],
        "standardize": [plain(part, standardizer) for part in (grey, grey[:2] / 1.0, grey[:1])],
        "split_by_signer": [
            *(seeded(signers, share) for share in (0.2, 0.4, 0.6)),
            seeded(signers, y=classes),
            seeded(signers, 0.5, among=some),
            seeded(group, 0.5, among=np.arange(3)),
            seeded(None, y=classes),
            seeded(None, y=classes, among=some),
        ],
        "sigmoid": [
            plain(v) for v in (z, far, z[:6].reshape(2, 3), np.array(0.3), np.ones((1, 1)))
        ],
        "binary_cross_entropy": [
            *(plain(z, np.roll(np.arange(7) % 2, k)) for k in (0, 1)),
            *(plain(far, truth) for truth in signs),
            plain(z[:1], np.array([1])),
        ],
        "forward": [plain(*batch) for batch in batches],
        "backward": [plain(A, t, net, activations_of(nn, A, net)) for A, net, t in examples],
        "gradient_step": [plain(network, g, rate) for g in gradients for rate in (0.1, 1.0)] * 2,
        "initialize_parameters": [
            *(seeded(*sizes) for sizes in ((50, 40), (5, 3))),
            seeded(5, 3, dtype=np.float32),
        ],
        "minibatches": [seeded(*sizes) for sizes in ((10, 3), (9, 3), (7, 7), (1, 1), (10, 1))],
        "train": [seeded(X, y, n_hidden=4, learning_rate=0.5, **run) for run in runs],
        "predict_probability": [plain(X, network), plain(X[:1], network)],
        "predict": [
            *(plain(X, network, threshold) for threshold in (0.5, 0.2, 0.9, 0.0, 1.0)),
            plain(X, network),
            plain(X[:1], network),
        ],
        "confusion_matrix": [plain(*pair) for pair in pairs],
        "classification_metrics": [
            plain(np.array(matrix))
            for matrix in ([[5, 2], [3, 9]], [[0, 0], [0, 4]], [[4, 0], [0, 0]], [[3, 0], [2, 0]])
        ],
        "wilson_interval": [
            *(plain(*counts) for counts in ((3, 10), (0, 7), (7, 7), (150, 200))),
            plain(3, 10, 0.8),
        ],
    }


def in_words(value: Any) -> str:
    """Write an answer down so that only rounding leaves no trace: types, shapes, five digits."""
    if isinstance(value, np.ndarray) and value.shape:
        kind = "truth" if value.dtype.kind == "b" else "numbers"
        return f"{kind} {value.shape} {[in_words(item) for item in value.ravel().tolist()]}"
    if isinstance(value, np.ndarray | np.generic):
        return in_words(value.item())
    if isinstance(value, Mapping):
        return str({str(key): in_words(item) for key, item in value.items()})
    if isinstance(value, tuple | list):
        return str([in_words(item) for item in value])
    if isinstance(value, bool) or value is None:
        return str(value)
    if not isinstance(value, int | float):
        return type(value).__name__
    return "0" if abs(value) < 1e-9 else f"{value:.5g}"


def fingerprint(nn: Any, name: str, apart: tuple[type[Exception], ...] = ()) -> str:
    """Return a hash of what a function answers to its probes, and of what it does to them.

    If it answers nothing, because it always raises, there is none: the error says more.

    Parameters
    ----------
    nn : the module, or what stands for it
    name : of the function
    apart : exceptions of a process of its own, where the function runs; they are not its answers.
        That process gets a seed drawn from a generator, not the generator itself.
    """
    words, texts = hashlib.sha256(), set()
    for arguments, named in probes(nn)[name]:
        watched = Watched(nn)
        if "rng" in named and not apart:
            named = {**named, "rng": np.random.default_rng(int(named["rng"].integers(2**63)))}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer = getattr(watched, name)(*arguments, **named)
                if name == "minibatches":
                    answer = [*itertools.islice(answer, 50)]
                if name == "train":
                    answer = (answer.parameters, answer.history)
                if name == "fit_standardizer":  # what it returns is everyone's own affair
                    answer = watched.standardize(np.arange(12.0).reshape(3, 4) ** 2, answer)
                text = in_words(answer)
        except apart:
            raise
        except Exception:  # whatever the code that is checked raises
            text = "raised"
        texts.add(text)
        words.update(f"{text} {sorted(watched.changed)}\n".encode())
    return "" if texts == {"raised"} else words.hexdigest()[:16]


@functools.cache
def known_mistakes() -> dict[str, dict[str, str]]:
    """Return, for each function and each fingerprint of a wrong one, the mistake in words."""
    path = PROJECT / "grading" / "mistakes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def diagnosis(
    nn: Any,
    functions: Iterable[str],
    apart: tuple[type[Exception], ...] = (),
    known: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Say which known mistake answers exactly as one of these functions does, or nothing."""
    known = known_mistakes() if known is None else known
    for name in functions:
        if mistake := known.get(name, {}).get(fingerprint(nn, name, apart)):
            whose = f"`{name}` answers"
            if name == "fit_standardizer":
                whose = "`fit_standardizer` and `standardize` together answer"
            return f"{whose} exactly as with this mistake: {mistake}"
    return ""


# Running them ---------------------------------------------------------------------------


class Criterion(NamedTuple):
    """What a check is worth: a line of ``rubric.toml``, which explains the fields."""

    part: str
    check: str
    points: int
    functions: list[str]
    blame: bool = True


def rubric() -> dict[str, Any]:
    """Return what ``rubric.toml`` holds."""
    return tomllib.loads((PROJECT / "grading" / "rubric.toml").read_text(encoding="utf-8"))


def read_rubric() -> list[Criterion]:
    """Return the criteria in the order in which they are graded."""
    parts = rubric()["part"]
    return [Criterion(part["title"], **line) for part in parts for line in part["criteria"]]


CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): function
    for name, function in list(globals().items())
    if name.startswith("check_")
}


def run(check: Check, nn: Any, seed: int, attempt: int = 0) -> None:
    """Run one check with the random input of a seed; it raises if something is wrong."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        check(Watched(nn), np.random.default_rng([seed, attempt]))


def failure(check: Check, nn: Any, seed: int) -> str | None:
    """Run a check until it passes, and return what is wrong in one line, or None if it did."""
    problem = None
    for attempt in range(ATTEMPTS):
        try:
            run(check, nn, seed, attempt)
        except NotImplementedError as error:
            return f"NotImplementedError: {error}"
        except Exception as error:  # whatever the code that is checked raises
            problem = told(error, nn)
        else:
            return None
    return problem


def told(error: Exception, nn: Any) -> str:
    """Say in one line what went wrong, and in which line of the file that is checked."""
    name = Path(getattr(nn, "__file__", None) or "the file").name
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if Path(frame.f_code.co_filename).name == name]
    text = " ".join(str(error).split())
    if isinstance(error, AssertionError):
        return text or "an assert in the code failed"
    if not lines:
        return f"what came back can't be used: {type(error).__name__}: {text}"
    text = f"{type(error).__name__} in line {lines[-1]}: {text}"
    if isinstance(error, NameError) and error.name == "nn":
        text += f": in {name}, write it without `nn.`"
    if "tuple expected at most 1 argument" in text:
        text += ": give them to Parameters(…) or Activations(…) instead"
    return text


def module_of(source: str, name: str, file: str) -> types.ModuleType:
    """Make a module of its text; `file` stands for where the text comes from."""
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    exec(compile(source, Path(file).name, "exec"), module.__dict__)
    return module


def load_module(path: Path) -> types.ModuleType:
    """Load a solution from its file."""
    spec = importlib.util.spec_from_file_location("solution", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["solution"] = module
    spec.loader.exec_module(module)
    return module


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=PROJECT / "nn_helpers.py")
    parser.add_argument("--notebook", metavar="NN", help="only what this one asks for: 01 to 04")
    parser.add_argument("--seed", type=int, help="of the random input; default: a new one")
    arguments = parser.parse_args(argv)
    if not arguments.file.is_file():
        parser.error(f"file must be a Python file, got {arguments.file}, which is not there")
    if arguments.file.suffix != ".py":
        parser.error(f"file must be a Python file, its name ending in .py, got {arguments.file}")
    if arguments.seed is not None and arguments.seed < 0:
        parser.error(f"--seed must be 0 or more, got {arguments.seed}")
    if arguments.notebook not in (None, *rubric()["notebook"]):
        known = ", ".join(rubric()["notebook"])
        parser.error(f"--notebook must be one of {known}, got {arguments.notebook}")
    try:
        nn = load_module(arguments.file)
    except Exception as error:  # whatever the code that is checked raises
        print(f"{arguments.file} can't be loaded: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    points = {"ok  ": 0, "FAIL": 0, "wait": 0, "open": 0}
    first: dict[str, Criterion] = {}  # to mend, and to write
    unfit: set[str] = set()  # functions that failed
    shown: set[str] = set()
    notebooks = by_notebook()
    asked = {n: c for n, c in notebooks.items() if arguments.notebook in (None, n)}
    wanted = {name for criteria in asked.values() for c in criteria for name in c.functions}
    wanted |= set().union(*(used_by(nn, name) for name in wanted))
    for notebook, criteria in notebooks.items():
        lines = []
        for c in criteria:
            if not wanted & set(c.functions):
                continue
            mark, said = verdict(c, nn, seed, unfit)
            if notebook in asked:
                points[mark] += c.points
                first.setdefault(mark, c)
                lines.append((mark, c, said))
        if notebook in asked:
            earned = sum(c.points for mark, c, _ in lines if mark == "ok  ")
            print(f"Notebook {notebook}: {earned} of {sum(c.points for c in criteria)} points")
        for mark, c, said in lines:
            print(f"  {mark} {c.points:2d}  {c.check.replace('_', ' ')}")
            print(*(f"           {line}\n" for line in said if line not in shown), sep="", end="")
            shown.update(said)
    total = sum(points.values())
    left = total - points["ok  "]
    print(f"\n{points['ok  ']} of {total} points earned, {left} open", end="")
    print(f", {points['wait']} of them wait for another function" if points["wait"] else "")
    if c := first.get("FAIL"):
        print(f"\nThe first to mend: {c.check.replace('_', ' ')}")
        print(f"  What should hold: {' '.join(CHECKS[c.check].__doc__.split())}")
        print(f"  The same again:   --seed {seed}")
    elif c := first.get("open"):
        print(f"The next to write: {' and '.join(c.functions)}")
    return int(left > 0)


def verdict(c: Criterion, nn: Any, seed: int, unfit: set[str]) -> tuple[str, list[str]]:
    """Return ok, FAIL, wait or open for a criterion, and lines that say why.

    A function that calls one which has failed is not tried: what is seen there would be that
    one's fault. Functions that fail are added to `unfit`.
    """
    used = set().union(*(used_by(nn, name) for name in c.functions)) - set(c.functions)
    if waits_for := sorted(used & unfit):
        unfit |= set(c.functions)
        return "wait", [f"for `{'` and `'.join(waits_for)}`, which it calls"]
    problem = failure(CHECKS[c.check], nn, seed)
    if problem is None:
        return "ok  ", []
    is_new = not unfit & set(c.functions)
    unfit |= set(c.functions)
    if problem.startswith("NotImplementedError"):
        return "open", []
    said = diagnosis(nn, c.functions) if is_new else ""  # it would be the same once more
    return "FAIL", [line for line in (problem, said) if line]


def used_by(nn: Any, name: str) -> set[str]:
    """Return the functions of a module that one of them calls, those that these call included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = called_by(nn, waiting.pop()) - found
        found |= new
        waiting += new
    return found


def called_by(nn: Any, name: str) -> set[str]:
    """Return what a function calls by names of its module, within functions of its own too."""
    codes = [code] if (code := getattr(getattr(nn, name), "__code__", None)) else []
    for code in codes:  # grows by the functions within
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {n for code in codes for n in code.co_names if callable(getattr(nn, n, None))}


def by_notebook() -> dict[str, list[Criterion]]:
    """Return the criteria of each notebook, in the order in which it needs their functions."""
    criteria = read_rubric()
    return {
        number: [c for name in notebook["functions"] for c in criteria if c.functions[0] == name]
        for number, notebook in rubric()["notebook"].items()
    }


if __name__ == "__main__":
    sys.exit(main())
