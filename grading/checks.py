"""Self-checks: what must hold for any correct solution, on random input.

    python grading/checks.py                     check nn_helpers.py, count the points
    python grading/checks.py my_solution.py      check another file
    python grading/checks.py --seed 7            with the random input of an earlier run

No check knows a right answer by heart. Each states a property that follows from what a function
is for, such as "the gradients agree with central differences". So a different formula or another
starting point passes, as long as it is right. When a check fails, the seed of its random input
is printed; with ``--seed`` it fails in the same way again.

A check is a function of the module to be checked, here called ``nn``, and of a random generator.
It raises an `AssertionError` that says in words what should hold.
"""

import argparse
import importlib.util
import itertools
import secrets
import sys
import tomllib
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

Check = Callable[[types.ModuleType, np.random.Generator], None]
PROJECT = Path(__file__).resolve().parent.parent
D, H = 5, 4  # inputs and hidden units of the small network that most checks use


# Random input ---------------------------------------------------------------------------


def random_examples(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` examples (n, D) and labels (n,)."""
    return rng.standard_normal((n, D)), rng.integers(0, 2, n)


def random_parameters(nn: types.ModuleType, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return parameters without a zero: a mistake in a bias can hide behind one."""
    return nn.Parameters(
        W1=rng.standard_normal((D, H)),
        b1=rng.standard_normal(H),
        W2=rng.standard_normal(H),
        b2=np.array(rng.standard_normal()),
    )


def copied(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Copy parameters: an update may work in place, so checks hand out copies."""
    return type(arrays)(*(np.array(array) for array in arrays))


def loss_of(nn: types.ModuleType, X: np.ndarray, y: np.ndarray, parameters: tuple) -> float:
    """Return the loss of a network on some examples."""
    return nn.binary_cross_entropy(nn.forward(X, parameters).z2, y)


def network_output(X: np.ndarray, parameters: tuple) -> np.ndarray:
    """Return the logits z2 of a network, whatever the code that is checked makes of it."""
    W1, b1, W2, b2 = (np.asarray(array) for array in parameters)
    return np.sum(1 / (1 + np.exp(-(X @ W1 + b1))) * W2, axis=1) + b2


def gradients_of(nn: types.ModuleType, X: np.ndarray, y: np.ndarray, parameters: tuple) -> tuple:
    """Return the gradients that the backward pass gives."""
    return nn.backward(X, y, parameters, nn.forward(X, parameters))


def step_of(
    nn: types.ModuleType, parameters: tuple, gradients: tuple, rate: float
) -> tuple[np.ndarray, ...]:
    """Return the updated parameters; an update in place that returns nothing counts too."""
    parameters = copied(parameters)
    updated = nn.gradient_step(parameters, copied(gradients), rate)
    return copied(parameters if updated is None else updated)


def require_equal(got: tuple, expected: tuple, what: str, tolerance: float = 1e-9) -> None:
    """Require parameters or gradients to agree in shape and value, and name the one that fails."""
    for name, a, b in zip(("W1", "b1", "W2", "b2"), got, expected, strict=True):
        assert np.shape(a) == np.shape(b), (
            f"{what}: {name} should have shape {np.shape(b)}, it has {np.shape(a)}"
        )
        assert np.all(np.isfinite(a)), f"{what}: {name} should be finite"
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance), f"{what}: {name} is off"


# Preprocessing --------------------------------------------------------------------------


def check_select_digits(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """0 stands for the negative digit, 1 for the positive one, and rows stay together."""
    labels = np.concatenate([rng.permutation(10), rng.integers(0, 10, 30)])
    images = np.repeat(labels[:, None], 784, axis=1).astype(np.uint8)
    signers = rng.integers(0, 5, 40)
    data = nn.SignDigits(images.copy(), labels.copy(), signers.copy())
    pair = rng.choice(10, 2, replace=False).tolist()
    for negative, positive in (pair, pair[::-1]):
        X, y, who = nn.select_digits(data, negative=negative, positive=positive)
        kept = (labels == negative) | (labels == positive)
        assert len(X) == len(y) == len(who) == np.sum(kept), (
            "the pictures of both digits should be kept, and no others"
        )
        assert np.array_equal(X[:, 0], np.where(y == 1, positive, negative)), (
            "label 1 should mean the positive digit"
        )
        assert sorted(zip(X[:, 0], who, strict=True)) == sorted(
            zip(labels[kept], signers[kept], strict=True)
        ), "each picture should keep its signer"


def check_scale_pixels(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Black becomes 0, white becomes 1, and everything between is in proportion."""
    X = np.concatenate([[0, 255], rng.integers(0, 256, 50)]).astype(np.uint8)[None]
    scaled = nn.scale_pixels(X)
    assert np.allclose(scaled[0, :2], [0, 1], atol=1e-6), (
        "0 should become 0, and 255 should become 1"
    )
    assert np.allclose(scaled * 255, X, atol=1e-3), "pixels should be divided by 255"
    X = rng.integers(1, 200, (3, 8))
    for kind in (np.uint8, float):
        assert np.allclose(nn.scale_pixels(X.astype(kind)) * 255, X, atol=1e-3), (
            "pixels should be divided by 255, whatever the brightest one is"
        )


def check_standardize_training(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Each training pixel has mean 0 and a spread near 1 afterwards, each by its own measure."""
    spreads = rng.uniform(20, 60, 6)
    X = 100 + spreads * rng.standard_normal((500, 6))
    Z = nn.standardize(X, nn.fit_standardizer(X))
    assert np.allclose(Z.mean(axis=0), 0, atol=1e-3), "each pixel's mean should become 0"
    assert np.all(np.abs(Z.std(axis=0) - 1) < 0.2), "each pixel's spread should become about 1"
    X = rng.integers(0, 256, (60, D)).astype(np.uint8)  # whole grey levels, as pictures have
    X[:, 0] = 0
    X[0, 0] = 200
    Z = nn.standardize(X, nn.fit_standardizer(X[1:]))
    assert np.allclose(Z[1:].mean(axis=0), 0, atol=1e-3), (
        "each pixel's mean should become 0 for whole grey levels too"
    )
    assert abs(Z[0, 0]) <= 255, (
        "a rare grey in a pixel that never varies should neither divide by 0 nor drown the rest"
    )


def check_standardize_uses_training_statistics_only(
    nn: types.ModuleType, rng: np.random.Generator
) -> None:
    """What a new picture becomes does not depend on the pictures that come with it."""
    standardizer = nn.fit_standardizer(rng.uniform(0, 255, (40, D)))
    new = rng.uniform(0, 255, (int(rng.integers(10, 30)), D))
    one_by_one = np.concatenate([nn.standardize(row[None], standardizer) for row in new])
    assert np.allclose(nn.standardize(new, standardizer), one_by_one, atol=1e-4), (
        "new pictures should be measured by the training statistics alone"
    )
    black, white = (nn.standardize(np.full((1, D), grey), standardizer) for grey in (0.0, 255.0))
    assert np.all(white > black), "brighter pixels should stay brighter"
    assert np.allclose(one_by_one, black + (white - black) * new / 255, rtol=1e-4, atol=1e-4), (
        "each pixel should be shifted and divided, and nothing else"
    )


def check_split_by_signer(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Every picture is on one side, no signer on both, and the sides have the right size."""
    # A few signers with many pictures, so that a share of signers is no share of pictures.
    signers = rng.permutation(np.repeat(np.arange(65), [30] * 5 + [1] * 60))
    tests = []
    for fraction in [0.2, 0.5] * 12:
        train, test = nn.split_by_signer(signers, fraction, rng=rng)
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(210)), (
            "every picture should be on exactly one side"
        )
        assert not set(signers[train]) & set(signers[test]), "no signer should be on both sides"
        assert abs(len(test) - fraction * 210) <= 30, (
            "the test should get its share of the pictures, to within one signer's"
        )
        tests.append(tuple(test))
    assert len(set(tests)) > 12, "the split should be drawn from the generator that is passed"
    among = np.sort(rng.choice(210, 150, replace=False))
    train, test = nn.split_by_signer(signers, 0.3, rng=rng, among=among)
    assert np.array_equal(np.sort(np.concatenate([train, test])), among), (
        "with among, the split should be of these rows only"
    )
    assert not set(signers[train]) & set(signers[test]), (
        "with among, no signer should be on both sides either"
    )
    assert abs(len(test) - 0.3 * 150) <= 30, "with among, the test should get its share of them"


# Activation -----------------------------------------------------------------------------


def check_sigmoid(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """The sigmoid is ½ at 0, rises, is symmetric, and its logit is its input."""
    z = np.sort(rng.uniform(-20, 20, 200))
    a = nn.sigmoid(z)
    assert nn.sigmoid(np.zeros(1)) == 0.5, "the sigmoid of 0 should be exactly 0.5"
    assert np.all(np.diff(a) > 0), "the sigmoid should rise everywhere"
    assert np.allclose(a + nn.sigmoid(-z), 1), "sigmoid(z) + sigmoid(-z) should be 1"
    small = z[np.abs(z) < 10]
    logit = np.log(nn.sigmoid(small)) - np.log(1 - nn.sigmoid(small))
    assert np.allclose(logit, small), "log(a / (1 - a)) should give back the logit"


def check_sigmoid_far_out(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Nothing overflows, however large the logit."""
    z = np.array([-1000.0, 1000.0]) * rng.uniform(1, 100)
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            a = nn.sigmoid(z)
    except FloatingPointError as error:
        raise AssertionError(f"far out the sigmoid should not overflow: {error}") from error
    assert np.allclose(a, [0, 1]), "far out the sigmoid should be 0 and 1"


# Loss -----------------------------------------------------------------------------------


def check_loss_definition(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """The loss is the mean of −log of the probability given to the truth."""
    z, y = rng.uniform(-5, 5, 30), rng.integers(0, 2, 30)
    a = 1 / (1 + np.exp(-z))
    expected = -np.mean(np.log(np.where(y == 1, a, 1 - a)))
    assert np.isclose(nn.binary_cross_entropy(z, y), expected), (
        "the loss should be the mean of -log of the probability given to the true class"
    )
    assert np.isclose(nn.binary_cross_entropy(np.zeros(3), y[:3]), np.log(2)), (
        "always answering one half should cost log 2"
    )
    for kind in (np.int8, np.uint8, np.float32, float):
        assert np.isclose(nn.binary_cross_entropy(z, y.astype(kind)), expected), (
            f"labels of type {np.dtype(kind)} should cost the same"
        )


def check_loss_far_out(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """For a large wrong logit the loss is that logit, and nothing overflows."""
    z = rng.uniform(500, 2000)
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            costs = [
                nn.binary_cross_entropy(np.array([z]), np.array([0])),
                nn.binary_cross_entropy(np.array([-z]), np.array([1])),
            ]
    except FloatingPointError as error:
        raise AssertionError(f"the loss at a large logit should be finite: {error}") from error
    assert np.allclose(costs, z), "being wrong with a logit of 1000 should cost 1000"


def check_loss_is_convex(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Along a line of logits the loss curves upwards, and nowhere downwards."""
    start, direction = rng.standard_normal((2, 20))
    y = rng.integers(0, 2, 20)
    along = [nn.binary_cross_entropy(start + t * direction, y) for t in np.linspace(-5, 5, 41)]
    bends = np.diff(along, 2)
    assert np.all(bends >= -1e-9), "the loss should be convex along a line of logits"
    assert bends.max() > 1e-3, "the loss should curve upwards along a line of logits"


# Forward pass ---------------------------------------------------------------------------


def check_forward_definition(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Each layer is a weighted sum with a bias, then the sigmoid."""
    X, _ = random_examples(rng, 6)
    parameters = random_parameters(nn, rng)
    z1, a1, z2, a2 = nn.forward(X, parameters)
    sums = (X[:, :, None] * parameters.W1).sum(axis=1) + parameters.b1
    assert np.shape(z1) == sums.shape, f"z1 should have shape {sums.shape}, it has {np.shape(z1)}"
    assert np.allclose(z1, sums), "z1 should be X W1 + b1"
    assert np.allclose(a1, 1 / (1 + np.exp(-z1))), "a1 should be the sigmoid of z1"
    assert np.shape(z2) == (6,), (
        f"z2 should have shape (6,) for 6 examples, it has {np.shape(z2)}: "
        "one output unit needs no second axis, nor does W2"
    )
    assert np.allclose(z2, (a1 * parameters.W2).sum(axis=1) + parameters.b2), (
        "z2 should be a1 W2 + b2"
    )
    assert np.allclose(a2, 1 / (1 + np.exp(-z2))), "a2 should be the sigmoid of z2"


def check_forward_of_a_batch_is_forward_of_its_rows(
    nn: types.ModuleType, rng: np.random.Generator
) -> None:
    """An example's output does not depend on which others are computed with it."""
    X, _ = random_examples(rng, 6)
    parameters = random_parameters(nn, rng)
    rows = [nn.forward(X[i : i + 1], parameters).a2[0] for i in range(6)]
    assert np.allclose(nn.forward(X, parameters).a2, rows), (
        "an example should get the same output alone and in a batch"
    )


# Backward pass --------------------------------------------------------------------------


def require_gradient(nn: types.ModuleType, rng: np.random.Generator, name: str) -> None:
    """Require the gradient of one parameter to agree with central differences."""
    step = 1e-5
    for n in (1, 2, 7):
        X, y = random_examples(rng, n)
        parameters = random_parameters(nn, rng)
        place = parameters._fields.index(name)
        values, gradient = parameters[place], gradients_of(nn, X, y, parameters)[place]
        assert np.shape(gradient) == values.shape, (
            f"d{name} should have the shape of {name}, {values.shape}, it has {np.shape(gradient)}"
        )
        assert np.all(np.isfinite(gradient)), f"d{name} should be finite"

        def loss(values: np.ndarray, X=X, y=y, parameters=parameters) -> float:
            z2 = network_output(X, parameters._replace(**{name: values}))
            return np.mean(np.logaddexp(0, np.where(y == 1, -z2, z2)))

        numeric = np.zeros_like(values)
        for index in np.ndindex(values.shape):
            shift = np.zeros_like(values)
            shift[index] = step
            numeric[index] = (loss(values + shift) - loss(values - shift)) / (2 * step)
        size = np.abs(gradient).max() + np.abs(numeric).max()
        assert np.abs(gradient - numeric).max() <= 1e-6 * size, (
            f"d{name} should agree with central differences for {n} examples"
        )


def check_gradient_of_W2(nn: types.ModuleType, rng: np.random.Generator) -> None:  # noqa: N802
    """The gradient of W2 agrees with central differences, for 1, 2 and 7 examples."""
    require_gradient(nn, rng, "W2")


def check_gradient_of_b2(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """The gradient of b2 agrees with central differences, for 1, 2 and 7 examples."""
    require_gradient(nn, rng, "b2")


def check_gradient_of_W1(nn: types.ModuleType, rng: np.random.Generator) -> None:  # noqa: N802
    """The gradient of W1 agrees with central differences, for 1, 2 and 7 examples."""
    require_gradient(nn, rng, "W1")


def check_gradient_of_b1(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """The gradient of b1 agrees with central differences, for 1, 2 and 7 examples."""
    require_gradient(nn, rng, "b1")


def check_gradient_is_the_mean_over_batches(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """The gradient of all examples is the mean over its batches, weighed by their sizes."""
    X, y = random_examples(rng, 10)
    parameters = random_parameters(nn, rng)
    parts = np.split(np.arange(10), [4, 8])  # 4, 4 and 2 examples
    gradients = [gradients_of(nn, X[rows], y[rows], parameters) for rows in parts]
    means = [
        sum(len(rows) / 10 * np.asarray(part) for rows, part in zip(parts, values, strict=True))
        for values in zip(*gradients, strict=True)
    ]
    assert all(np.any(mean) for mean in means), "no gradient should be all 0"
    require_equal(
        gradients_of(nn, X, y, parameters),
        means,
        "the mean of the batches' gradients should be theirs",
    )


def check_order_does_not_matter(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Neither the order of the examples nor that of the hidden units changes anything."""
    X, y = random_examples(rng, 7)
    W1, b1, W2, b2 = parameters = random_parameters(nn, rng)
    before = gradients_of(nn, X, y, parameters)
    shapes = [np.shape(gradient) for gradient in before]
    assert shapes == [(D, H), (H,), (H,), ()], "each gradient should have its parameter's shape"
    assert all(np.any(gradient) for gradient in before), "no gradient should be all 0"
    rows, units = rng.permutation(7), rng.permutation(H)
    require_equal(
        gradients_of(nn, X[rows], y[rows], parameters),
        before,
        "another order of the examples should give the same gradients",
    )
    swapped = nn.Parameters(W1[:, units], b1[units], W2[units], b2)
    after = gradients_of(nn, X, y, swapped)
    expected = (before.W1[:, units], before.b1[units], before.W2[units], before.b2)
    require_equal(after, expected, "gradients should follow when hidden units change places")


def check_inputs_stay_unchanged(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Computing something from arrays does not change them."""
    X, y = random_examples(rng, 5)
    parameters = random_parameters(nn, rng)
    before = [array.copy() for array in (X, y, *parameters)]
    loss_of(nn, X, y, parameters)
    gradients_of(nn, X, y, parameters)
    nn.standardize(X, nn.fit_standardizer(X))
    nn.train(X, y, n_hidden=H, epochs=1, batch_size=2, rng=rng)
    for old, new in zip(before, (X, y, *parameters), strict=True):
        assert np.array_equal(old, new), (
            "the arrays that a function is given should stay as they are"
        )


# Training -------------------------------------------------------------------------------


def check_gradient_step(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Each parameter moves by the rate times its gradient, downhill, and keeps its shape."""
    parameters, gradients = random_parameters(nn, rng), random_parameters(nn, rng)
    rate = rng.uniform(0.01, 1)
    expected = [p - rate * g for p, g in zip(parameters, gradients, strict=True)]
    updated = step_of(nn, parameters, gradients, rate)
    require_equal(updated, expected, "a step should subtract rate times gradient")


def check_initialization(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Hidden units differ from the start, and their sigmoids are not saturated."""
    W1, b1, W2, b2 = parameters = nn.initialize_parameters(784, 64, rng=rng)
    assert [np.shape(p) for p in parameters] == [(784, 64), (64,), (64,), ()], (
        "W1, b1, W2, b2 should have the shapes (784, 64), (64,), (64,), ()"
    )
    assert len(np.unique(W1, axis=1).T) == 64, "no two hidden units should start alike"
    assert np.all(W2 != 0), "output weights of 0 would let nothing through to the hidden layer"
    assert len(np.unique(W1, axis=0)) == 784, "no two inputs should start alike"
    z1 = rng.standard_normal((200, 784)) @ W1 + b1
    spread = z1.std(axis=0).mean()
    assert 0.1 < spread < 3, (
        f"hidden logits should spread by about 1 at the start, not {spread:.2g}"
    )
    a1 = 1 / (1 + np.exp(-z1))
    a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
    assert np.mean(a2 * (1 - a2)) > 0.01, "the output should not be saturated at the start"
    again = nn.initialize_parameters(784, 64, rng=rng)
    assert not np.allclose(again.W1, W1), "the start should be drawn from the generator passed"


def check_minibatches(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """An epoch uses every example once, the last partial batch included, in a new order."""
    first = [np.array(batch) for batch in nn.minibatches(23, 5, rng=rng)]
    second = [np.array(batch) for batch in nn.minibatches(23, 5, rng=rng)]
    for batches in (first, second):
        assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(23)), (
            "every example should occur exactly once in an epoch, 23 of them in batches of 5"
        )
        assert max(map(len, batches)) <= 5, "no batch should be larger than the batch size"
    orders = [np.concatenate(batches) for batches in (first, second)]
    assert not np.array_equal(*orders), "each epoch should have an order of its own"
    many = [np.array(batch) for batch in nn.minibatches(200, 20, rng=rng)]
    assert np.mean(np.diff(np.concatenate(many)) == 1) < 0.2, "the examples should be shuffled"


def check_training_takes_the_right_steps(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """On copies of one example every batch is the same, so the steps can be followed."""
    x, y = rng.standard_normal((1, D)), rng.integers(0, 2, 1)
    seed = int(rng.integers(2**32))

    def trained(rate: float, epochs: int, batch_size: int) -> tuple:
        return nn.train(
            np.repeat(x, 7, axis=0),
            np.repeat(y, 7),
            n_hidden=H,
            epochs=epochs,
            learning_rate=rate,
            batch_size=batch_size,
            rng=np.random.default_rng(seed),
        ).parameters

    start = copied(trained(1e-12, 1, 2))  # so small a rate leaves the start as it was
    shapes = [np.shape(p) for p in start]
    assert shapes == [(D, H), (H,), (H,), ()], f"{H} hidden units should have shapes to match"
    for epochs, batch_size in ((1, 2), (2, 3), (5, 6), (9, 7)):
        steps = -(-7 // batch_size) * epochs
        expected = start
        for _ in range(steps):
            expected = step_of(nn, expected, gradients_of(nn, x, y, expected), 0.5)
        require_equal(
            trained(0.5, epochs, batch_size),
            expected,
            f"7 examples in batches of {batch_size}, {epochs} epochs, should make {steps} steps",
            tolerance=1e-4,
        )


def check_training_draws_from_its_generator(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Start and order of the examples come from the generator, a new order every epoch."""
    X, y = random_examples(rng, 3)
    same = {"n_hidden": H, "learning_rate": 1e-12, "batch_size": 2}
    starts = [nn.train(X, y, epochs=1, **same, rng=rng).parameters.W1 for _ in range(2)]
    assert not np.allclose(*starts), "the start should be drawn from the generator passed"
    # After a step on one example at a time, the order of the steps can be found out again.
    seed, orders = int(rng.integers(2**32)), []

    def trained(rate: float, epochs: int) -> tuple:
        settings = {"n_hidden": H, "learning_rate": rate, "batch_size": 1}
        return nn.train(X, y, epochs=epochs, **settings, rng=np.random.default_rng(seed)).parameters

    snapshots = [trained(1e-12, 1), *(trained(2.0, epochs) for epochs in range(1, 9))]
    for before, after in itertools.pairwise(snapshots):
        # Orders that begin alike share their first steps.
        reached, distances = {(): before}, {}
        for order in itertools.permutations(range(3)):
            for k, i in enumerate(order):
                if order[: k + 1] not in reached:
                    start = reached[order[:k]]
                    step = gradients_of(nn, X[i : i + 1], y[i : i + 1], start)
                    reached[order[: k + 1]] = step_of(nn, start, step, 2.0)
            distances[order] = np.abs(np.asarray(reached[order].W1) - after.W1).max()
        orders.append(min(distances, key=distances.get))
    assert len(set(orders)) > 1, "each epoch of the training should have an order of its own"


def check_training_learns(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """What can be learned is learned, and the history tells of it."""
    X = rng.standard_normal((120, D))
    y = (X[:, 0] - X[:, 1] > 0).astype(int)
    run = nn.train(X, y, n_hidden=8, epochs=60, learning_rate=1.0, batch_size=8, rng=rng)
    loss = list(run.history["loss"])
    assert len(loss) == 60, (
        f"the history should have a row for each of 60 epochs, it has {len(loss)}"
    )
    assert loss[-1] < 0.25 * loss[0], "the training loss should fall on an easy problem"
    probability = 1 / (1 + np.exp(-nn.forward(X, run.parameters).z2))
    assert np.mean((probability >= 0.5) == y) > 0.95, "an easy problem should be learned"


def check_history_counts_every_example(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """With a rate near 0 the first epoch's loss is that of the start, over all examples."""
    X, y = random_examples(rng, 11)
    run = nn.train(X, y, n_hidden=H, epochs=1, learning_rate=1e-12, batch_size=4, rng=rng)
    expected = loss_of(nn, X, y, run.parameters)
    assert np.isclose(np.asarray(run.history["loss"])[0], expected, rtol=1e-4), (
        "the loss in the history should be the mean over all examples of the epoch"
    )
    right = np.mean((nn.forward(X, run.parameters).z2 >= 0) == y)
    assert np.isclose(np.asarray(run.history["accuracy"])[0], right), (
        "the accuracy in the history should be the share of all examples that are right"
    )


def check_validation_is_watched_and_not_learned(
    nn: types.ModuleType, rng: np.random.Generator
) -> None:
    """Validation figures are those of an epoch's end, and nothing is learned from them."""
    X, y = random_examples(rng, 30)
    X_new, y_new = random_examples(rng, 20)
    before, seed, seen = X_new.copy(), int(rng.integers(2**32)), []

    def trained(epochs: int, **more: object) -> tuple:
        return nn.train(
            X,
            y,
            n_hidden=H,
            epochs=epochs,
            learning_rate=0.5,
            batch_size=8,
            rng=np.random.default_rng(seed),
            **more,
        )

    watched = trained(3, validation=(X_new, y_new), on_epoch=seen.append)
    assert np.array_equal(before, X_new), "validation pictures should stay as they are"
    require_equal(watched.parameters, trained(3).parameters, "watching should not change training")
    history = {name: np.asarray(watched.history[name]) for name in watched.history}
    assert list(history["epoch"]) == [1, 2, 3], "epochs should count from 1, a row each"
    assert len(seen) == 3, "on_epoch should be called once an epoch"
    for epoch in (1, 2, 3):
        shorter = trained(epoch)
        z2 = nn.forward(X_new, shorter.parameters).z2
        expected = {
            "validation_loss": nn.binary_cross_entropy(z2, y_new),
            "validation_accuracy": np.mean((z2 >= 0) == y_new),
            "loss": np.asarray(shorter.history["loss"])[-1],
            "accuracy": np.asarray(shorter.history["accuracy"])[-1],
        }
        for name, value in expected.items():
            assert np.isclose(history[name][epoch - 1], value, rtol=1e-4), (
                f"{name} in row {epoch} should be that of epoch {epoch}, "
                "validation figures at its end"
            )


# Evaluation -----------------------------------------------------------------------------


def check_predict(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Class 1 is predicted from the threshold on."""
    X, _ = random_examples(rng, 50)
    parameters = random_parameters(nn, rng)
    probability = nn.predict_probability(X, parameters)
    assert np.allclose(probability, 1 / (1 + np.exp(-nn.forward(X, parameters).z2))), (
        "the probability should be the network's output a2"
    )
    assert np.asarray(nn.predict(X, parameters)).dtype != bool, "classes should be 0 and 1"
    for threshold in np.sort(probability)[[10, 25, 40]]:  # that probability itself included
        assert np.array_equal(nn.predict(X, parameters, threshold), probability >= threshold), (
            "class 1 should be predicted from the threshold on, the threshold included"
        )


def check_confusion_matrix(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Truth is in rows, prediction in columns: [[TN, FP], [FN, TP]]."""
    TN, FP, FN, TP = counts = rng.choice(np.arange(1, 30), 4, replace=False)
    order = rng.permutation(counts.sum())
    y = np.repeat([0, 0, 1, 1], counts)[order]
    predicted = np.repeat([0, 1, 0, 1], counts)[order]
    matrix = np.asarray(nn.confusion_matrix(y, predicted))
    assert np.array_equal(matrix, [[TN, FP], [FN, TP]]), (
        "the matrix should be [[TN, FP], [FN, TP]], truth in rows, prediction in columns"
    )


def check_metrics(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """Accuracy, precision, recall and F1 follow their definitions; a share of nothing is 0."""
    TN, FP, FN, TP = rng.choice(np.arange(1, 60), 4, replace=False)
    accuracy, precision, recall, f1 = nn.classification_metrics(np.array([[TN, FP], [FN, TP]]))
    assert np.isclose(accuracy, (TN + TP) / (TN + FP + FN + TP)), "accuracy: right out of all"
    assert np.isclose(precision, TP / (TP + FP)), "precision: right out of those called 1"
    assert np.isclose(recall, TP / (TP + FN)), "recall: found out of those that are 1"
    assert np.isclose(f1, 2 / (1 / precision + 1 / recall)), "F1: harmonic mean of the two"
    try:
        with np.errstate(divide="raise", invalid="raise"):
            nothing = nn.classification_metrics(np.array([[5, 0], [0, 0]]))
    except (FloatingPointError, ZeroDivisionError) as error:
        raise AssertionError(f"a share of nothing should be 0, not: {error}") from error
    assert tuple(nothing) == (1, 0, 0, 0), "a share of nothing should be 0"


def check_wilson_interval(nn: types.ModuleType, rng: np.random.Generator) -> None:
    """At both ends p of the interval the share seen is 1.96 standard errors of p away from p."""
    trials = int(rng.integers(20, 300))
    for successes in (int(rng.integers(1, trials)), 0, trials):
        low, high = nn.wilson_interval(successes, trials)
        share = successes / trials
        assert low - 1e-9 <= share <= high + 1e-9, "the interval should contain the share seen"
        for end in (low, high):
            distance = 1.959964**2 * end * (1 - end) / trials
            assert np.isclose((share - end) ** 2, distance, rtol=1e-3, atol=1e-9), (
                "each end should lie 1.96 of its standard errors away from the share"
            )
        assert low < high, "even 0 of n and n of n leave some doubt"
    for confidence, z in ((0.9, 1.644854), (0.99, 2.575829)):
        low, _ = nn.wilson_interval(30, 100, confidence)
        assert np.isclose((0.3 - low) ** 2, z**2 * low * (1 - low) / 100, rtol=1e-3), (
            f"with confidence {confidence} the ends should lie {z:.2f} standard errors away"
        )


def check_held_out_accuracy(
    nn: types.ModuleType, rng: np.random.Generator, hands: tuple[np.ndarray, ...] | None = None
) -> None:
    """Trained with the course's settings, the network reads the hands of new signers.

    `hands` are training pictures and classes, test pictures and classes. Without them, most
    signers of the embedded set are put aside for the test.
    """
    X, y, X_new, y_new = hands or embedded_hands(rng)
    mean, spread = X.mean(axis=0), X.std(axis=0) + 1  # so that only training is judged
    run = nn.train((X - mean) / spread, y, rng=rng)
    right = (network_output((X_new - mean) / spread, run.parameters) >= 0) == y_new
    assert np.mean(right) >= 0.85, (
        f"of new signers' hands at least 85 % should be read right, not {np.mean(right):.0%}"
    )


def embedded_hands(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return the 6 and 8 of 150 signers of the embedded set to learn from, the others to test."""
    with np.load(PROJECT / "data" / "sign_digits.npz") as file:
        rows = np.isin(file["labels"], (6, 8))
        X, y, signers = file["dataset"][rows], file["labels"][rows] == 8, file["signers"][rows]
    known = np.isin(signers, rng.permutation(np.unique(signers))[:150])
    return X[known], y[known].astype(np.int8), X[~known], y[~known].astype(np.int8)


# Running them ---------------------------------------------------------------------------


class Criterion(NamedTuple):
    """What a check is worth: a line of ``rubric.toml``, which explains the fields."""

    part: str
    check: str
    points: int
    functions: list[str]
    blame: bool = True


def read_rubric(path: Path = PROJECT / "grading" / "rubric.toml") -> list[Criterion]:
    """Return the criteria in the order in which they are graded."""
    parts = tomllib.loads(path.read_text(encoding="utf-8"))["part"]
    return [Criterion(part["title"], **line) for part in parts for line in part["criteria"]]


CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): function
    for name, function in list(globals().items())
    if name.startswith("check_")
}


def run(check: Check, nn: types.ModuleType, seed: int) -> None:
    """Run one check with the random input of a seed; it raises if something is wrong."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        check(nn, np.random.default_rng(seed))


def failure(check: Check, nn: types.ModuleType, seed: int) -> str | None:
    """Run one check and return what is wrong in one line, or None if nothing is."""
    try:
        run(check, nn, seed)
    except AssertionError as error:
        return str(error).strip() or "an assert in the code failed"
    except Exception as error:  # whatever the code that is checked raises
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


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
    parser.add_argument("--seed", type=int, help="of the random input; default: a new one")
    arguments = parser.parse_args(argv)
    if not arguments.file.is_file():
        parser.error(f"file must be a Python file, got {arguments.file}, which is not there")
    if arguments.file.suffix != ".py":
        parser.error(f"file must be a Python file, its name ending in .py, got {arguments.file}")
    if arguments.seed is not None and arguments.seed < 0:
        parser.error(f"--seed must be 0 or more, got {arguments.seed}")
    try:
        nn = load_module(arguments.file)
    except Exception as error:  # whatever the code that is checked raises
        print(f"{arguments.file} can't be loaded: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    criteria = read_rubric()
    problems = {c.check: failure(CHECKS[c.check], nn, seed) for c in criteria}
    for part, group in itertools.groupby(criteria, key=lambda criterion: criterion.part):
        lines = list(group)
        earned = sum(c.points for c in lines if problems[c.check] is None)
        print(f"{part}: {earned} of {sum(c.points for c in lines)} points")
        for c in lines:
            problem = problems[c.check]
            unwritten = problem is not None and problem.startswith("NotImplementedError")
            mark = "ok  " if problem is None else "open" if unwritten else "FAIL"
            print(f"  {mark} {c.points:2d}  {c.check.replace('_', ' ')}")
            if mark == "FAIL":
                print(f"           {problem}")
    points = sum(c.points for c in criteria)
    failed = [c for c in criteria if problems[c.check] is not None]
    open_points = sum(c.points for c in failed)
    print(f"\n{len(criteria) - len(failed)} of {len(criteria)} checks passed: ", end="")
    print(f"{points - open_points} of {points} points earned, {open_points} open")
    if failed:
        first = failed[0].check
        print(f"\nThe first to mend: {first.replace('_', ' ')}")
        print(f"  What should hold: {' '.join(CHECKS[first].__doc__.split())}")
        print(f"  What went wrong:  {problems[first]}\n  The same again:   --seed {seed}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
