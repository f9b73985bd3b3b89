"""Predictions, metrics and intervals."""

import numpy as np
import pytest

import nn_helpers as nn


@pytest.fixture
def rng():
    return np.random.default_rng(13)


@pytest.fixture
def labels(rng):
    return rng.integers(0, 2, (2, 60))


# Predictions


def test_prediction_compares_probability_and_threshold(rng):
    parameters = nn.initialize_parameters(4, 3, rng=rng)
    X = 5 * rng.standard_normal((100, 4))
    probability = nn.predict_probability(X, parameters)
    for threshold in (0.0, 0.3, 0.5, 1.0):
        expected = probability >= threshold
        assert np.array_equal(nn.predict(X, parameters, threshold), expected)
    with pytest.raises(ValueError, match=r"threshold must lie between 0 and 1, got 1\.5"):
        nn.predict(X, parameters, 1.5)


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


def test_nearest_neighbour_copies_the_closest(rng):
    X, y = rng.standard_normal((30, 4)), rng.integers(0, 2, 30)
    assert np.array_equal(nn.nearest_neighbour(X, y, X + 1e-6), y)
    assert nn.nearest_neighbour(X[:2], np.array([0, 1]), X[1:2] * 1.001) == [1]


# Confusion matrix and metrics


def test_truth_in_rows_prediction_in_columns():
    y = np.array([0, 0, 0, 0, 1, 1, 1])
    predicted = np.array([0, 0, 0, 1, 0, 0, 1])
    assert np.array_equal(nn.confusion_matrix(y, predicted), [[3, 1], [2, 1]])


def test_swapped_arguments_transpose_the_matrix(labels):
    y, predicted = labels
    assert np.array_equal(nn.confusion_matrix(y, predicted), nn.confusion_matrix(predicted, y).T)


def test_matrix_counts_everything_once(labels):
    y, predicted = labels
    matrix = nn.confusion_matrix(y, predicted)
    assert matrix.sum() == len(y)
    assert np.array_equal(matrix.sum(axis=1), np.bincount(y))
    assert np.array_equal(matrix.sum(axis=0), np.bincount(predicted))


def test_metrics_follow_their_definitions(labels):
    y, predicted = labels
    metrics = nn.classification_metrics(nn.confusion_matrix(y, predicted))
    assert np.isclose(metrics.accuracy, np.mean(y == predicted))
    assert np.isclose(metrics.precision, np.mean(y[predicted == 1]))
    assert np.isclose(metrics.recall, np.mean(predicted[y == 1]))
    assert np.isclose(1 / metrics.f1, (1 / metrics.precision + 1 / metrics.recall) / 2)


def test_a_share_of_nothing_is_0():
    assert nn.classification_metrics(np.array([[5, 0], [0, 0]])) == (1, 0, 0, 0)
    assert nn.classification_metrics(np.array([[0, 0], [4, 0]])) == (0, 0, 0, 0)


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


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (1, 2), (191, 200), (37, 270)])
def test_wilson_ends_solve_the_score_equation(successes, trials, confidence):
    """At both ends p, the observed share lies z standard errors of p away from p."""
    low, high = nn.wilson_interval(successes, trials, confidence)
    z = {0.8: 1.2815516, 0.95: 1.9599640, 0.99: 2.5758293}[confidence]
    for p in {low, high} - {0.0, 1.0}:
        distance = (successes / trials - p) ** 2
        assert np.isclose(distance, z**2 * p * (1 - p) / trials, rtol=1e-6)
    assert 0 <= low <= successes / trials <= high <= 1


def test_wilson_of_the_known_case():
    low, high = nn.wilson_interval(191, 200)
    assert f"{low:.3f} {high:.3f}" == "0.917 0.976"


def test_wilson_keeps_its_promise(rng):
    """About 95 of 100 intervals contain the true share."""
    draws = rng.binomial(50, 0.95, 2000)
    ends = np.array([nn.wilson_interval(int(k), 50) for k in range(51)])[draws]
    assert 0.93 < np.mean((ends[:, 0] <= 0.95) & (ends[:, 1] >= 0.95)) < 0.98


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
