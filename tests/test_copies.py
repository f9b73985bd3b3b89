"""Copies of pictures are found, and different people's hands are kept apart.

The course-like file has ten digits. Two of one file are tried here; with ``EVERY_COPY=1`` all
ten of three files, and all of the embedded set and of the photographs, in some five minutes.
"""

import os

import numpy as np
import pytest
import render_hands
from hypothesis import given, settings
from hypothesis import strategies as st

import nn_helpers as nn

EVERYTHING = "EVERY_COPY" in os.environ
repeatable = settings(derandomize=True, deadline=None, max_examples=40)


def some(*arrays, labels):
    """Keep the two digits of the course, or all ten."""
    kept = np.ones(len(labels), bool) if EVERYTHING else np.isin(labels, nn.DIGITS)
    return [array[kept] for array in (*arrays, labels)]


def pairs(names):
    """Return a table of which two pictures share a name; a picture is no pair with itself."""
    return (names[:, None] == names) & ~np.eye(len(names), dtype=bool)


@pytest.fixture(scope="module", params=(1, 2, 3) if EVERYTHING else (1,))
def course_like(request):
    images, labels, signers, photographs = render_hands.render_course_like(request.param)
    images, signers, photographs, labels = some(images, signers, photographs, labels=labels)
    return signers, photographs, nn.find_copies(images, labels)


def test_pictures_of_one_photograph_are_found_and_signers_kept_apart(course_like):
    signers, photographs, groups = course_like
    together, found = pairs(photographs), pairs(groups)
    one_signer = pairs(signers)
    assert found[together].mean() >= 0.99
    assert one_signer[found].mean() >= 0.99


def test_found_groups_leave_no_copy_on_the_other_side(course_like):
    _, photographs, groups = course_like
    train, test = nn.split_by_signer(groups, rng=np.random.default_rng(0))
    met = np.isin(photographs[test], photographs[train]).mean()
    order = np.random.default_rng(0).permutation(len(groups))
    met_at_random = np.isin(photographs[order[: len(test)]], photographs[order[len(test) :]]).mean()
    assert met <= 0.01
    assert met_at_random >= 0.99


@pytest.mark.parametrize(("name", "most"), [("sign_digits", 0.01), ("photos", 0.03)])
def test_people_without_copies_are_rarely_taken_for_one(name, most):
    path = nn.PROJECT / "data" / f"{name}.npz"
    if not path.exists():
        pytest.skip("the photographs are not here (make photos)")
    data = nn.load_sign_digits(path)
    images, signers, labels = some(data.images, data.signers, labels=data.labels)
    mixed = pairs(nn.find_copies(images, labels)) & ~pairs(signers)
    assert mixed.any(axis=1).mean() <= most


SIXES = nn.load_sign_digits().images[nn.load_sign_digits().labels == nn.DIGITS[0]]
rows = st.integers(0, 490)


@repeatable
@given(
    row=rows,
    degrees=st.floats(-90, 90),
    factor=st.floats(0.85, 1.15),
    right=st.floats(-3, 3),
    down=st.floats(-3, 3),
)
def test_a_moved_copy_is_found_among_others(row, degrees, factor, right, down):
    """Whatever its move cuts off at the edge of the picture."""
    X = SIXES[row : row + 8]
    copy = nn.move(X[:1], degrees=degrees, factor=factor, right=right, down=down)
    groups = nn.find_copies(np.concatenate([X, copy]))
    assert np.array_equal(groups, [*range(8), 0])


@repeatable
@given(row=rows, seed=st.integers(0, 2**32 - 1))
def test_order_and_names_change_nothing(row, seed):
    rng = np.random.default_rng(seed)
    X = np.repeat(SIXES[row : row + 5], 3, axis=0)
    X = nn.augment(X, 1, rng=rng, degrees=40)
    labels = rng.integers(0, 2, len(X))
    groups = nn.find_copies(X, labels)
    order = rng.permutation(len(X))
    renamed = np.array(["yes", "no"])[labels]
    assert np.array_equal(pairs(nn.find_copies(X[order], renamed[order])), pairs(groups[order]))
    assert np.array_equal(groups, [np.flatnonzero(groups == g)[0] for g in groups])  # the first
    assert not (pairs(groups) & (labels[:, None] != labels)).any()


def test_grey_levels_may_have_any_unit():
    X = nn.augment(SIXES[:6], 2, rng=np.random.default_rng(0))
    groups = nn.find_copies(X)
    assert np.array_equal(groups, np.repeat(np.arange(0, 12, 2), 2))
    assert np.array_equal(nn.find_copies(X / 255), groups)


def test_a_row_of_small_changes_does_not_chain_two_hands_together():
    """Each picture is a copy of its neighbours, the last one none of the first."""
    share = np.linspace(0, 1, 12)[:, None]
    X = (1 - share) * SIXES[0] + share * SIXES[1]
    groups = nn.find_copies(X)
    assert len(np.unique(groups)) < len(X)
    assert groups[-1] != groups[0]


@pytest.mark.parametrize("X", [np.zeros((3, 784)), np.full((3, 784), 7)], ids=["black", "grey"])
def test_pictures_of_nothing_are_copies_of_nothing(X):
    assert np.array_equal(nn.find_copies(X), [0, 1, 2])


@pytest.mark.parametrize("n", [0, 1])
def test_few_pictures(n):
    assert np.array_equal(nn.find_copies(SIXES[:n]), np.arange(n))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 28, 28))}, r"images must hold pictures \(N, 784\)"),
        ({"images": np.full((3, 784), "a")}, "images must hold pictures"),
        ({"images": np.full((3, 784), np.nan)}, "images must hold grey levels from 0"),
        ({"images": np.full((3, 784), -1.0)}, "images must hold grey levels from 0"),
        ({"labels": np.zeros(2)}, r"labels must have shape \(3,\), got \(2,\)"),
        ({"threshold": 1.0}, "threshold must lie between 0 and 1, got 1.0"),
        ({"threshold": np.nan}, "threshold must lie between 0 and 1, got nan"),
    ],
)
def test_bad_input_is_named_in_one_sentence(change, message):
    with pytest.raises(ValueError, match=message) as error:
        nn.find_copies(**{"images": SIXES[:3], **change})
    assert "\n" not in str(error.value)
