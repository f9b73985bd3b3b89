"""The network: what no self-check asks of it, and what is not graded.

The self-checks in `grading/checks.py` hold what must be true of any right network;
`test_grading.py` runs them all on this one.
"""

import tracemalloc

import numpy as np
import pytest

import nn_helpers as nn

D, H = 6, 4


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def parameters(rng):
    """Random parameters, biases included: a mistake in a bias hides behind a zero."""
    drawn = nn.initialize_parameters(D, H, rng=rng)
    return drawn._replace(b1=rng.standard_normal(H), b2=np.asarray(rng.standard_normal()))


def examples(rng, n):
    return rng.standard_normal((n, D)), rng.integers(0, 2, n)


def gradients(X, y, parameters):
    return nn.backward(X, y, parameters, nn.forward(X, parameters))


# Sigmoid


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_shape_and_type(rng, dtype):
    z = rng.standard_normal((3, 2)).astype(dtype)
    assert nn.sigmoid(z).shape == (3, 2)
    assert nn.sigmoid(z).dtype == dtype


# Forward


def test_forward_refuses_the_wrong_width(rng, parameters):
    for X in (np.zeros((3, D + 1)), np.zeros(D)):
        with pytest.raises(ValueError, match=r"X must have shape \(N, 6\), got shape"):
            nn.forward(X, parameters)


# Loss


@pytest.mark.parametrize(("z", "y", "expected"), [(800, 0, 800), (-800, 1, 800), (800, 1, 0)])
def test_loss_at_any_logit_is_finite_and_raises_nothing(z, y, expected):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert nn.binary_cross_entropy(np.array([float(z)]), np.array([y])) == expected


@pytest.mark.parametrize("y", [np.array([0, 2]), np.array([0.5, 1]), np.array([0, np.nan])])
def test_loss_refuses_other_labels(y):
    with pytest.raises(ValueError, match="y must hold only 0 and 1"):
        nn.binary_cross_entropy(np.zeros(2), y)


def test_loss_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"z2 must have the shape of y, \(3, 1\), got \(3,\)"):
        nn.binary_cross_entropy(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="at least one of them, got nothing"):
        nn.binary_cross_entropy(np.zeros(0), np.zeros(0))


# Gradients


def test_gradients_agree_with_central_differences(rng, parameters):
    X, y = examples(rng, 7)
    numerical = nn.numerical_gradients(X, y, parameters)
    for exact, numeric in zip(gradients(X, y, parameters), numerical, strict=True):
        assert nn.relative_error(exact, numeric) < 1e-6


def test_backward_refuses_a_column_of_labels(rng, parameters):
    X, y = examples(rng, 5)
    with pytest.raises(ValueError, match=r"y must have shape \(5,\), got shape \(5, 1\)"):
        nn.backward(X, y[:, None], parameters, nn.forward(X, parameters))


def test_central_differences_of_a_known_function():
    values = np.array([[1.0, -2.0], [0.5, 3.0]])
    given = values.copy()
    slope = nn.central_differences(lambda v: np.sum(v**3), given)
    assert np.allclose(slope, 3 * values**2)
    assert np.array_equal(given, values)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_central_differences_need_all_digits(dtype):
    with pytest.raises(ValueError, match=f"values must be float64, got {np.dtype(dtype)}"):
        nn.central_differences(np.sum, np.ones(2, dtype))


def test_relative_error():
    a = np.array([1.0, 2.0])
    assert nn.relative_error(a, a) == 0
    assert nn.relative_error(a, -a) == 1
    assert nn.relative_error(0 * a, 0 * a) == 0
    assert np.isclose(nn.relative_error(a, a * (1 + 1e-3)), 5e-4, rtol=1e-2)
    assert not nn.relative_error(a, np.array([1.0, np.nan])) < 1e9
    with pytest.raises(ValueError, match="a and b must have the same shape"):
        nn.relative_error(a, a[:, None])


# Steps and starting points


@pytest.mark.parametrize("rate", [0, -1, np.nan])
def test_step_needs_a_positive_rate(parameters, rate):
    with pytest.raises(ValueError, match="learning_rate must be a positive number, got"):
        nn.gradient_step(parameters, parameters, rate)


def test_starting_weights_are_scaled_by_their_number_of_inputs(rng):
    W1, b1, W2, b2 = nn.initialize_parameters(784, 64, rng=rng)
    assert (W1.shape, b1.shape, W2.shape, b2.shape) == ((784, 64), (64,), (64,), ())
    assert np.isclose(W1.std() * np.sqrt(784), 1, atol=0.02)
    assert np.isclose(W2.std() * np.sqrt(64), 1, atol=0.3)
    assert not b1.any()
    assert not b2.any()


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_starting_weights_need_sizes(rng, size):
    with pytest.raises(ValueError, match="n_hidden must be a whole number of at least 1"):
        nn.initialize_parameters(3, size, rng=rng)


# Training


@pytest.mark.parametrize("size", [0, -1, 11, 2.5])
def test_batch_size_out_of_range(rng, size):
    with pytest.raises(ValueError, match="batch_size must be"):
        nn.minibatches(10, size, rng=rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_is_the_derived_steps_and_nothing_else(rng, dtype):
    """To the last bit: no second, faster network hides behind the taught one."""
    X, y = examples(rng, 10)
    X = X.astype(dtype)
    run = nn.train(
        X, y, n_hidden=H, epochs=3, batch_size=4, learning_rate=0.1, rng=np.random.default_rng(5)
    )
    y, again = y.astype(dtype), np.random.default_rng(5)
    parameters = nn.initialize_parameters(D, H, rng=again, dtype=dtype)
    losses = []
    for _ in range(3):
        met = np.zeros(10, dtype)
        for batch in nn.minibatches(10, 4, rng=again):
            met[batch] = nn.forward(X[batch], parameters).z2
            step = gradients(X[batch], y[batch], parameters)
            parameters = nn.gradient_step(parameters, step, dtype(0.1))
        losses.append(nn.binary_cross_entropy(met, y))
    for trained, expected in zip(run.parameters, parameters, strict=True):
        assert trained.dtype == dtype
        assert np.array_equal(trained, expected)
    assert run.history["loss"] == losses


@pytest.mark.parametrize("layout", ["mapped", "every second row", "by columns", "backwards"])
def test_training_does_not_depend_on_where_the_pictures_lie(rng, tmp_path, layout):
    X, y = examples(rng, 30)
    X = X.astype(np.float32)
    if layout == "mapped":
        np.save(tmp_path / "X.npy", X)
        laid = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif layout == "every second row":
        laid = np.repeat(X, 2, axis=0)[::2]
    elif layout == "by columns":
        laid = np.asfortranarray(X)
    else:
        laid = X[::-1].copy()[::-1]
    a, b = (
        nn.train(data, y, epochs=2, rng=np.random.default_rng(0)).parameters for data in (X, laid)
    )
    tolerance = 0 if layout == "mapped" else 1e-5  # BLAS may add up other layouts in another order
    for trained, expected in zip(b, a, strict=True):
        assert np.allclose(trained, expected, rtol=tolerance, atol=tolerance)


def test_training_needs_a_few_numbers_an_example_beyond_the_pictures(rng):
    """Not a copy of the pictures, nor a mask of their size: a set may be larger than the memory."""

    def peak(n):
        X, y = np.ones((n, 200), np.float32), rng.integers(0, 2, n)
        tracemalloc.start()
        nn.train(X, y, n_hidden=2, epochs=1, batch_size=100, rng=rng)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(4000)  # what the first run loads and keeps
    assert peak(12000) - peak(4000) < 8000 * 64  # bytes; the pictures take 800 each


def test_history_has_its_columns_in_the_order_of_the_docstring(rng):
    (X, y), rows = examples(rng, 12), []
    run = nn.train(X, y, epochs=1, rng=rng, validation=(X, y), on_epoch=rows.append)
    names = ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert list(run.history) == list(rows[0]) == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((12, D), np.uint8)}, "X must be a table .* floating-point .* got uint8"),
        ({"X": np.zeros((0, D)), "y": np.zeros(0)}, "X must be a table"),
        ({"X": np.full((12, D), np.nan)}, "X must hold finite numbers"),
        ({"X": np.append(np.ones(2999 * D), [0, np.inf] * (D // 2)).reshape(-1, D)}, "finite"),
        ({"y": np.zeros((12, 1))}, r"y must have shape \(12,\), got shape \(12, 1\)"),
        ({"y": np.arange(12)}, "y must hold only 0 and 1"),
        ({"validation": (np.zeros((2, D)), np.array([0, 3]))}, "validation y must hold only"),
        ({"validation": (np.zeros((2, D), int), np.array([0, 1]))}, "validation X must be"),
        ({"validation": (np.zeros((2, 9)), np.array([0, 1]))}, "validation X must have 6 columns"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": 13}, "batch_size must be at most the number of examples, 12, got 13"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"n_hidden": 0}, "n_hidden must be a whole number"),
        ({"learning_rate": 0}, "learning_rate must be a positive number, got 0"),
        ({"learning_rate": -0.1}, "learning_rate must be a positive number"),
        ({"learning_rate": np.nan}, "learning_rate must be a positive number"),
        ({"learning_rate": np.inf}, "learning_rate must be a positive number"),
    ],
)
def test_training_refuses_what_does_not_fit(rng, change, message):
    X, y = examples(rng, 12)
    arguments = {"X": X, "y": y, "rng": rng, **change}
    with pytest.raises(ValueError, match=message):
        nn.train(arguments.pop("X"), arguments.pop("y"), **arguments)


# The task itself


def test_the_embedded_set_is_as_hard_as_photographs():
    """Signer-disjoint accuracy of the report's network lies where photographs lie."""
    X, y, signers = nn.select_digits(nn.load_sign_digits())
    X, accuracies = X.astype(np.float32), []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        train, test = nn.split_by_signer(signers, rng=rng)
        standardizer = nn.fit_standardizer(X[train])
        run = nn.train(nn.standardize(X[train], standardizer), y[train], rng=rng)
        predicted = nn.predict(nn.standardize(X[test], standardizer), run.parameters)
        accuracies.append(np.mean(predicted == y[test]))
    assert 0.95 < np.mean(accuracies) < 0.98
