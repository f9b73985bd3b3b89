"""Predictions, metrics and intervals: what they refuse, and what is not graded.

That counts, metrics and Wilson's interval are right is held by `test_properties.py`, which
compares them with scikit-learn and SciPy.
"""

import numpy as np
import pytest

import nn_helpers as nn


@pytest.fixture
def rng():
    return np.random.default_rng(13)


# Predictions


def test_prediction_needs_a_threshold_from_0_to_1(rng):
    parameters = nn.initialize_parameters(4, 3, rng=rng)
    for threshold in (-0.1, 1.5):
        with pytest.raises(
            ValueError, match=f"threshold must lie between 0 and 1, got {threshold}"
        ):
            nn.predict(np.ones((1, 4)), parameters, threshold)
    assert nn.predict(np.ones((1, 4)), parameters, 1.0).dtype == np.int8


def test_closest_mean_by_hand():
    X_train, y_train = np.array([[0.0, 0], [2, 0], [9, 9], [11, 9]]), np.array([0, 0, 1, 1])
    X = np.array([[1.0, 1], [8, 8], [5, 4]])
    assert np.array_equal(nn.closest_mean(X_train, y_train, X), [0, 1, 0])
    with pytest.raises(ValueError, match="y_train must hold both 0 and 1, got only 1"):
        nn.closest_mean(X_train[2:], y_train[2:], X)


def test_distance_of_pictures_is_the_root_mean_square_of_their_difference(rng):
    A, B = rng.integers(0, 256, (3, 5), dtype=np.uint8), rng.uniform(0, 255, (2, 5))
    for i, row in enumerate(nn.picture_distances(A, B)):
        assert np.allclose(row, np.sqrt(np.mean((A[i] - B) ** 2, axis=1)))


def test_most_alike_asks_which_digits_look_like_a_picture(rng):
    signs = rng.random((10, 784))  # one picture for each digit
    X_train = np.repeat(signs, 5, axis=0) + 0.01 * rng.random((50, 784))
    labels = np.repeat(np.arange(10), 5)
    X = 30 + 0.2 * signs  # other light and contrast
    rows, is_ours = nn.most_alike(X_train, labels, X)
    for digit in range(10):
        assert set(rows[digit]) == set(np.flatnonzero(labels == digit))
        assert is_ours[digit] == (digit in nn.DIGITS)
    rows, is_ours = nn.most_alike(X_train, labels, np.vstack([rng.random(784), np.zeros(784)]))
    assert not is_ours.any()  # like no picture at all


def test_nearest_neighbour_copies_the_closest(rng):
    X, y = rng.standard_normal((30, 4)), rng.integers(0, 2, 30)
    assert np.array_equal(nn.nearest_neighbour(X, y, X + 1e-6), y)
    assert nn.nearest_neighbour(X[:2], np.array([0, 1]), X[1:2] * 1.001) == [1]


# Confusion matrix and metrics


@pytest.mark.parametrize("matrix", [np.zeros((2, 2)), np.ones((3, 3)), np.array([[1, -1], [0, 1]])])
def test_metrics_refuse_what_is_no_matrix_of_counts(matrix):
    with pytest.raises(ValueError, match="matrix must be 2×2 counts"):
        nn.classification_metrics(matrix)


def test_matrix_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="predicted must hold only 0 and 1"):
        nn.confusion_matrix(np.array([0, 1]), np.array([0.2, 0.9]))
    with pytest.raises(ValueError, match=r"predicted must have the shape of y, \(2,\), got \(3,\)"):
        nn.confusion_matrix(np.array([0, 1]), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="y must hold only 0 and 1, at least one of them"):
        nn.confusion_matrix(np.array([]), np.array([]))


# Intervals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 2), "successes must lie between 0 and 2, got 3"),
        ((-1, 2), "successes must lie between 0 and 2"),
        ((0, 0), "trials must be a whole number of at least 1"),
        ((1, 2, 1.0), "confidence must lie between 0 and 1"),
    ],
)
def test_wilson_refuses_impossible_counts(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.wilson_interval(*arguments)


def test_metric_intervals_contain_their_metrics():
    matrix = np.array([[90, 10], [5, 95]])
    table = nn.metric_intervals(matrix)
    assert list(table["value"]) == pytest.approx(nn.classification_metrics(matrix))
    assert np.all((table["low"] < table["value"]) & (table["value"] < table["high"]))
    assert list(table["n"]) == [200, 105, 100, 110]
    assert tuple(table.loc["recall", ["low", "high"]]) == nn.wilson_interval(95, 100)


def test_metric_intervals_of_nothing_say_nothing():
    table = nn.metric_intervals(np.array([[5, 0], [0, 0]]))
    assert tuple(table.loc["precision", ["value", "low", "high"]]) == (0, 0, 1)


# Reliability


def test_reliability_counts_what_came_true():
    probability = np.array([0.0, 0.1, 0.5, 0.55, 1.0])
    table = nn.reliability_table(np.array([0, 1, 1, 0, 1]), probability)
    assert list(table["n"]) == [2, 2, 1]
    assert list(table["share"]) == [0.5, 0.5, 1.0]
    assert list(table["said"]) == pytest.approx([0.05, 0.525, 1.0])
    assert tuple(table.loc[2, ["low", "high"]]) == nn.wilson_interval(1, 1)
    for wrong in (1.2, -0.1, np.nan):
        with pytest.raises(ValueError, match="probability must lie between 0 and 1"):
            nn.reliability_table(np.array([1]), np.array([wrong]))
    with pytest.raises(ValueError, match=r"probability must have shape \(1,\), got \(2,\)"):
        nn.reliability_table(np.array([1]), np.array([0.1, 0.2]))
