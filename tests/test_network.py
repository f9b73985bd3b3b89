"""The network: what must hold for any correct one, on random input."""

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


def loss(X, y, parameters):
    return nn.binary_cross_entropy(nn.forward(X, parameters).z2, y)


def gradients(X, y, parameters):
    return nn.backward(X, y, parameters, nn.forward(X, parameters))


# Sigmoid


def test_sigmoid_is_symmetric_monotone_and_one_half_at_zero():
    z = np.linspace(-30, 30, 1001)
    a = nn.sigmoid(z)
    assert np.allclose(a + nn.sigmoid(-z), 1, rtol=0, atol=1e-15)
    assert np.all(np.diff(a) >= 0)
    assert nn.sigmoid(np.array(0.0)) == 0.5


def test_sigmoid_undone_by_the_logit():
    z = np.linspace(-15, 15, 301)
    a = nn.sigmoid(z)
    assert np.allclose(np.log(a) - np.log1p(-a), z)


def test_sigmoid_at_any_logit_raises_nothing():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.array_equal(nn.sigmoid(np.array([-1000.0, 1000.0])), [0, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_shape_and_type(rng, dtype):
    z = rng.standard_normal((3, 2)).astype(dtype)
    assert nn.sigmoid(z).shape == (3, 2)
    assert nn.sigmoid(z).dtype == dtype


# Forward


def test_forward_of_a_batch_is_forward_of_its_rows(rng, parameters):
    X, _ = examples(rng, 7)
    batch = nn.forward(X, parameters)
    for i in range(7):
        for whole, single in zip(batch, nn.forward(X[i : i + 1], parameters), strict=True):
            assert np.allclose(whole[i], single[0], rtol=1e-12)


def test_forward_by_hand():
    parameters = nn.Parameters(
        W1=np.array([[1.0, -1.0], [0.0, 2.0]]),
        b1=np.array([0.5, 0.0]),
        W2=np.array([3.0, -2.0]),
        b2=np.array(0.25),
    )
    z1, a1, z2, a2 = nn.forward(np.array([[1.0, 0.5]]), parameters)
    assert np.array_equal(z1, [[1.5, 0.0]])
    assert np.allclose(a1, [[1 / (1 + np.exp(-1.5)), 0.5]])
    assert np.allclose(z2, 3 * a1[0, 0] - 2 * 0.5 + 0.25)
    assert np.allclose(a2, 1 / (1 + np.exp(-z2)))


def test_hidden_units_can_change_places(rng, parameters):
    X, y = examples(rng, 7)
    order = rng.permutation(H)
    W1, b1, W2, b2 = parameters
    swapped = nn.Parameters(W1[:, order], b1[order], W2[order], b2)
    assert np.allclose(nn.forward(X, swapped).a2, nn.forward(X, parameters).a2)
    assert np.allclose(gradients(X, y, swapped).W1, gradients(X, y, parameters).W1[:, order])


def test_forward_refuses_the_wrong_width(rng, parameters):
    for X in (np.zeros((3, D + 1)), np.zeros(D)):
        with pytest.raises(ValueError, match=r"X must have shape \(N, 6\), got shape"):
            nn.forward(X, parameters)


# Loss


def test_loss_is_log_2_at_a_logit_of_0():
    for y in (0, 1):
        assert np.isclose(nn.binary_cross_entropy(np.zeros(3), np.full(3, y)), np.log(2))


def test_loss_equals_its_definition_where_that_is_finite(rng):
    z2, y = 3 * rng.standard_normal(50), rng.integers(0, 2, 50)
    a2 = nn.sigmoid(z2)
    definition = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
    assert np.isclose(nn.binary_cross_entropy(z2, y), definition, rtol=1e-12)


@pytest.mark.parametrize(("z", "y", "expected"), [(800, 0, 800), (-800, 1, 800), (800, 1, 0)])
def test_loss_at_any_logit_is_finite_and_raises_nothing(z, y, expected):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert nn.binary_cross_entropy(np.array([float(z)]), np.array([y])) == expected


def test_loss_is_convex_along_a_line_of_logits(rng):
    start, direction = rng.standard_normal((2, 20))
    y = rng.integers(0, 2, 20)
    along = [nn.binary_cross_entropy(start + t * direction, y) for t in np.linspace(-5, 5, 101)]
    assert np.all(np.diff(along, 2) >= -1e-12)


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


@pytest.mark.parametrize("n", [1, 2, 7])
def test_gradients_agree_with_central_differences(rng, parameters, n):
    X, y = examples(rng, n)
    numerical = nn.numerical_gradients(X, y, parameters)
    for exact, numeric in zip(gradients(X, y, parameters), numerical, strict=True):
        assert nn.relative_error(exact, numeric) < 1e-6


def test_gradients_have_the_shapes_of_the_parameters(rng, parameters):
    for gradient, values in zip(gradients(*examples(rng, 5), parameters), parameters, strict=True):
        assert gradient.shape == values.shape


def test_full_gradient_is_the_weighted_mean_of_its_batches(rng, parameters):
    X, y = examples(rng, 10)
    parts = np.split(np.arange(10), [4, 8])  # 4, 4 and 2 examples
    for name in nn.Parameters._fields:
        mean = sum(
            len(rows) / 10 * getattr(gradients(X[rows], y[rows], parameters), name)
            for rows in parts
        )
        assert np.allclose(getattr(gradients(X, y, parameters), name), mean)


def test_order_of_examples_does_not_matter(rng, parameters):
    X, y = examples(rng, 9)
    order = rng.permutation(9)
    for a, b in zip(
        gradients(X, y, parameters), gradients(X[order], y[order], parameters), strict=True
    ):
        assert np.allclose(a, b)


def test_backward_refuses_a_column_of_labels(rng, parameters):
    X, y = examples(rng, 5)
    with pytest.raises(ValueError, match=r"y must have shape \(5,\), got shape \(5, 1\)"):
        nn.backward(X, y[:, None], parameters, nn.forward(X, parameters))


def test_central_differences_of_a_known_function():
    values = np.array([[1.0, -2.0], [0.5, 3.0]])
    slope = nn.central_differences(lambda v: np.sum(v**3), values)
    assert np.allclose(slope, 3 * values**2)


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


def test_no_function_changes_its_input(rng, parameters):
    X, y = examples(rng, 5)
    derived = gradients(X, y, parameters)
    given = (X, y, *parameters, *derived)
    before = [array.copy() for array in given]
    nn.gradient_step(parameters, derived, 0.5)
    nn.numerical_gradients(X, y, parameters)
    nn.train(X, y, n_hidden=3, epochs=2, batch_size=2, rng=rng, validation=(X, y))
    nn.standardize(X, nn.fit_standardizer(X))
    for old, new in zip(before, given, strict=True):
        assert np.array_equal(old, new)


# Steps and starting points


def test_step_goes_against_the_gradient_and_lowers_the_loss(rng, parameters):
    X, y = examples(rng, 20)
    stepped = nn.gradient_step(parameters, gradients(X, y, parameters), 0.01)
    assert loss(X, y, stepped) < loss(X, y, parameters)
    for new, old, d in zip(stepped, parameters, gradients(X, y, parameters), strict=True):
        assert np.allclose(new, old - 0.01 * d)
        assert new.shape == old.shape


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


@pytest.mark.parametrize(("n", "size"), [(10, 4), (8, 4), (1, 1), (5, 5)])
def test_every_example_once_in_an_epoch_the_last_partial_batch_too(rng, n, size):
    batches = list(nn.minibatches(n, size, rng=rng))
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(n))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert len(batches[-1]) == (n % size or size)


def test_batches_are_shuffled_anew(rng):
    first, second = (np.concatenate(list(nn.minibatches(50, 8, rng=rng))) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("size", [0, -1, 11, 2.5])
def test_batch_size_out_of_range(rng, size):
    with pytest.raises(ValueError, match="batch_size must be"):
        nn.minibatches(10, size, rng=rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_is_the_derived_steps_and_nothing_else(rng, dtype):
    """To the last bit: no second, faster network hides behind the taught one."""
    X, y = (array.astype(dtype) for array in examples(rng, 10))
    run = nn.train(
        X, y, n_hidden=H, epochs=3, batch_size=4, learning_rate=0.1, rng=np.random.default_rng(5)
    )
    again = np.random.default_rng(5)
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


def test_training_learns_what_can_be_learned(rng):
    X = rng.standard_normal((200, D))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)  # no single neuron can do this
    run = nn.train(X, y, n_hidden=16, epochs=150, learning_rate=1.0, rng=rng)
    assert run.history["accuracy"][-1] > 0.95
    assert np.mean(nn.predict(X, run.parameters) == y) > 0.95


def test_history_has_a_row_an_epoch_and_is_reported_as_it_grows(rng):
    X, y = examples(rng, 12)
    seen = []
    run = nn.train(X, y, epochs=4, rng=rng, validation=(X, y), on_epoch=seen.append)
    assert run.history == {name: [row[name] for row in seen] for name in seen[0]}
    assert list(run.history) == [
        "epoch",
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
    ]
    assert run.history["epoch"] == [1, 2, 3, 4]
    last = nn.forward(X, run.parameters).z2
    assert np.isclose(seen[-1]["validation_loss"], nn.binary_cross_entropy(last, y))
    assert seen[-1]["validation_accuracy"] == np.mean((last >= 0) == y)


def test_training_keeps_the_type_of_its_input(rng):
    X, y = examples(rng, 12)
    for values in nn.train(X.astype(np.float32), y, epochs=2, rng=rng).parameters:
        assert values.dtype == np.float32


def test_equal_generators_give_equal_runs(rng):
    X, y = examples(rng, 30)
    a, b, c = (
        nn.train(X, y, epochs=2, rng=np.random.default_rng(seed)).parameters for seed in (0, 0, 1)
    )
    assert np.array_equal(a.W1, b.W1)
    assert not np.array_equal(a.W1, c.W1)


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
    accuracies = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        train, test = nn.split_by_signer(signers, rng=rng)
        standardizer = nn.fit_standardizer(X[train])
        run = nn.train(nn.standardize(X[train], standardizer), y[train], rng=rng)
        predicted = nn.predict(nn.standardize(X[test], standardizer), run.parameters)
        accuracies.append(np.mean(predicted == y[test]))
    assert 0.95 < np.mean(accuracies) < 0.98
