"""Loading, splitting, augmenting and metrics, on whatever hypothesis can think of."""

import functools
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from red_team import zipped
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

import nn_helpers as nn

# The same examples in every run, and no clock: a slow machine fails nothing.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=100, report_multiple_bugs=False
)
settings.load_profile("repeatable")

seeds = st.integers(0, 2**32 - 1)
fractions = st.floats(0, 1, exclude_min=True, exclude_max=True)


# Loading


def as_npz(arrays, save=np.savez_compressed):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def load(content):
    """Load a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        path.write_bytes(content)
        return nn.load_sign_digits(path)


def load_or_refuse(content):
    """Damage may go unnoticed, in a time stamp for example, but what is loaded must be right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about odd headers
        try:
            data = load(content)
        except ValueError:
            return
    n = len(data.images)
    assert n >= 1
    assert data.images.shape == (n, nn.N_PIXELS)
    assert data.images.dtype == np.uint8
    assert data.labels.shape == (n,)
    assert data.labels.dtype == np.int64
    assert np.all((data.labels >= 0) & (data.labels <= 9))
    if data.signers is not None:
        assert data.signers.shape == (n,)
        assert data.signers.dtype == np.int64


@st.composite
def valid_arrays(draw):
    n = draw(st.integers(1, 5))
    dtype = np.dtype(draw(st.sampled_from(["u1", "i2", "<i8", ">i4", "u8", "f2", "f4", ">f8"])))
    if dtype.kind == "f":
        levels = st.floats(0, 255, width=8 * dtype.itemsize)
    else:
        levels = st.integers(0, 255)
    dataset = draw(hnp.arrays(dtype, (n, nn.N_PIXELS), elements=levels, fill=levels))
    if dtype.kind == "f" and 0 < dataset.max() <= 1:  # would look scaled already
        dataset[0, 0] = 255
    labels = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    arrays = {
        "dataset": dataset,
        "labels": labels.astype(draw(st.sampled_from(["u1", "i4", ">i8", "U1", "S1"]))),
    }
    if draw(st.booleans()):
        arrays["signers"] = draw(hnp.arrays(st.sampled_from(["i8", "u4", ">i2"]), n))
    return arrays


@settings(max_examples=50)
@given(valid_arrays(), st.sampled_from([np.savez, np.savez_compressed]))
def test_what_is_saved_is_loaded(arrays, save):
    data = load(as_npz(arrays, save))
    assert (data.images.dtype, data.labels.dtype) == (np.uint8, np.int64)
    assert np.all(np.abs(data.images - arrays["dataset"].astype(float)) <= 0.5)
    assert np.array_equal(data.labels, arrays["labels"].astype(int))
    if "signers" in arrays:
        assert np.array_equal(data.signers, arrays["signers"])
    else:
        assert data.signers is None


def black(n):
    return np.zeros((n, nn.N_PIXELS), np.uint8)


@given(
    st.integers(1, 5),
    seeds,
    st.one_of(
        st.integers(-(2**63), -1),
        st.integers(256, 2**63 - 1),
        st.floats(max_value=-1e-300),
        st.floats(min_value=255.01),
        st.just(np.nan),
    ),
)
def test_a_single_wrong_pixel_is_refused(n, seed, wrong):
    dataset = black(n).astype(np.array(wrong).dtype)
    dataset.flat[seed % dataset.size] = wrong
    with pytest.raises(ValueError, match="0 to 255, got values outside or NaN"):
        load(as_npz({"dataset": dataset, "labels": np.arange(n)}))


def is_a_digit(text):
    try:
        return 0 <= int(text) <= 9
    except ValueError:
        return False


@given(
    st.integers(1, 5),
    seeds,
    st.one_of(
        st.integers(-(2**63), -1),
        st.sampled_from([-1, 10, "-1", "10", ""]),
        st.integers(10, 2**63 - 1),
        st.text(max_size=30)
        .map(lambda text: text.rstrip("\0"))
        .filter(lambda t: not is_a_digit(t)),
        st.floats(),
        st.booleans(),
    ),
)
def test_a_single_wrong_label_is_refused(n, seed, wrong):
    labels = np.arange(n).astype(np.array(wrong).dtype)
    labels[seed % n] = wrong
    with pytest.raises(ValueError, match="labels must be the digits 0 to 9"):
        load(as_npz({"dataset": black(n), "labels": labels}))


@given(st.integers(2**63, 10**40), st.sampled_from([1, -1]), st.sampled_from(["U", "S"]))
def test_label_of_many_digits_is_refused(number, sign, kind):
    labels = np.array([str(sign * number - 1)]).astype(kind)
    with pytest.raises(ValueError, match="labels must be the digits 0 to 9"):
        load(as_npz({"dataset": black(1), "labels": labels}))


@settings(max_examples=50)
@given(st.integers(1, 5), st.data())
def test_signers_are_whole_numbers_one_for_each_picture(n, data):
    right_shape = st.just((n,))
    other_shape = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=6)
    signers = data.draw(hnp.arrays(hnp.scalar_dtypes(), right_shape | other_shape))
    content = as_npz({"dataset": black(n), "labels": np.arange(n), "signers": signers})
    if signers.dtype.kind in "iu" and signers.shape == (n,):
        assert np.array_equal(load(content).signers, signers.astype(np.int64))
    else:
        with pytest.raises(ValueError, match="signers must be integers"):
            load(content)


@given(
    st.builds(
        bytes.__add__,
        st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00"]),
        st.binary(max_size=200),
    )
)
@example(b"PK\x05\x06" + bytes(18))  # a correct .zip of no files
def test_arbitrary_bytes_are_refused(content):
    with pytest.raises(ValueError, match=r"a\.npz"):
        load(content)


# Constant pictures make a file of few bytes, most of them structure: that is where damage hurts.
SMALL = {
    "dataset": np.full((3, nn.N_PIXELS), 7, np.uint8),
    "labels": np.arange(3),
    "signers": np.arange(3),
}
small_npz = functools.cache(lambda: as_npz(SMALL))
small_npy = functools.cache(lambda: as_npy(SMALL["dataset"][:1]))


def flipped(content, flips):
    damaged = bytearray(content)
    for position, mask in flips:
        damaged[position % len(damaged)] ^= mask
    return bytes(damaged)


def flips(length):
    return st.lists(st.tuples(st.integers(0, length - 1), st.integers(1, 255)), max_size=4)


@settings(max_examples=150)
@given(flips(len(small_npz())), st.integers(1, len(small_npz())), st.binary(max_size=20))
# The flags, the version and the method of the first file in the table at the end.
@example([(small_npz().index(b"PK\x01\x02") + 8, 0x01)], len(small_npz()), b"")
@example([(small_npz().index(b"PK\x01\x02") + 8, 0x20)], len(small_npz()), b"")
@example([(small_npz().index(b"PK\x01\x02") + 6, 0x40)], len(small_npz()), b"")
@example([(small_npz().index(b"PK\x01\x02") + 10, 0x01)], len(small_npz()), b"")
@example([], len(small_npz()), small_npy())  # NumPy sees the .npy in front, zipfile the .zip
def test_flipped_and_missing_bytes_raise_nothing_but_value_error(flips, length, in_front):
    load_or_refuse(in_front + flipped(small_npz(), flips)[:length])


@settings(max_examples=100)
@given(flips(128), st.integers(1, len(small_npy())), st.integers(0, 2))
@example([], 5, 0)  # too short for NumPy's magic, so np.load returns the bytes as they are
@example([(small_npy().index(b"}"), ord("}") ^ ord(" "))], 928, 0)  # the brace never closes
def test_damaged_array_in_a_sound_zip_raises_nothing_but_value_error(flips, length, which):
    """No checksum helps here: whoever wrote the file wrote this."""
    members = {key: as_npy(array[:1]) for key, array in SMALL.items()}
    key = list(SMALL)[which]
    members[key] = flipped(members[key], flips)[:length]
    load_or_refuse(zipped({f"{key}.npy": content for key, content in members.items()}))


@given(
    st.sampled_from(["|u1", "<f8", "|O", "|V8", "<i9", "", ("<i8", (2,)), [["a", "<i8"]]]),
    st.sampled_from([False, True, 0, "no"]),
    st.lists(st.integers(-(2**70), 2**70), max_size=3).map(tuple),
)
@example("|u1", False, (10**15, nn.N_PIXELS))  # more memory than there is
@example("|u1", False, (10**25, nn.N_PIXELS))  # more than an address can count
def test_untrue_header_raises_nothing_but_value_error(descr, order, shape):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(784)
    load_or_refuse(zipped({"dataset.npy": content, "labels.npy": as_npy(np.array([6]))}))


# Selecting


@given(st.integers(0, 40), seeds, st.permutations(range(10)), st.booleans())
def test_two_digits_come_back_as_they_were(n, seed, digits, named):
    negative, positive = digits[:2]
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.concatenate([digits[:2], rng.integers(0, 10, n)]))
    images = rng.integers(0, 256, (n + 2, 3), dtype=np.uint8)
    data = nn.SignDigits(images, labels, np.arange(n + 2) if named else None)
    X, y, signers = nn.select_digits(data, negative, positive)
    rows = np.flatnonzero(np.isin(labels, [negative, positive]))
    assert (X.dtype, y.dtype) == (np.uint8, np.int8)
    assert np.array_equal(X, images[rows])
    assert np.array_equal(np.where(y == 1, positive, negative), labels[rows])
    assert set(y) == {0, 1}
    assert np.array_equal(signers, rows) if named else signers is None
    # The other way round, the same pictures change classes.
    X_swapped, y_swapped, _ = nn.select_digits(data, positive, negative)
    assert np.array_equal(X_swapped, X)
    assert np.array_equal(y_swapped, 1 - y)


# Scaling


def tables(n_columns=3):
    return st.integers(1, 20).flatmap(
        lambda n: hnp.arrays(np.float64, (n, n_columns), elements=st.integers(0, 255))
    )


@given(tables(), st.floats(-1000, 1000), st.floats(0.01, 100), st.floats(0.01, 100))
def test_standardizing_does_not_depend_on_the_unit(X, shift, factor, floor):
    """Any shift; any positive factor, if the floor, a number of grey levels too, takes it."""
    Z = nn.standardize(X, nn.fit_standardizer(X, floor))
    moved = factor * X + shift
    Z_moved = nn.standardize(moved, nn.fit_standardizer(moved, factor * floor))
    # Rounding in `moved` is a share of its largest value; division by the floor enlarges it.
    rounding = 1e-14 * np.abs(moved).max() / (factor * floor)
    assert np.allclose(Z_moved, Z, rtol=1e-9, atol=1e-9 + 10 * rounding)


# Splitting


@st.composite
def signer_arrays(draw):
    """Draw some signers of arbitrary numbers, a few pictures or many each, in any order."""
    names = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=12, unique=True))
    sizes = draw(
        st.lists(st.integers(1, 5) | st.integers(1, 200), min_size=len(names), max_size=len(names))
    )
    return np.random.default_rng(draw(seeds)).permutation(np.repeat(names, sizes))


def check_split(signers, rows, fraction, train, test):
    assert not set(signers[train]) & set(signers[test])
    assert np.array_equal(np.sort(np.concatenate([train, test])), rows)
    assert len(train) > 0
    assert len(test) > 0
    largest = np.unique(signers[rows], return_counts=True)[1].max()
    assert abs(len(test) - fraction * len(rows)) <= largest
    for part in (train, test):
        assert np.all(np.diff(part) > 0)


@given(signer_arrays(), fractions, seeds)
def test_signers_stay_together_and_every_picture_is_on_one_side(signers, fraction, seed):
    before = signers.copy()
    train, test = nn.split_by_signer(signers, fraction, rng=np.random.default_rng(seed))
    assert np.array_equal(signers, before)
    check_split(signers, np.arange(len(signers)), fraction, train, test)
    again = nn.split_by_signer(signers, fraction, rng=np.random.default_rng(seed))
    assert np.array_equal(again[1], test)


@given(signer_arrays(), fractions, seeds, st.floats(0, 1))
def test_split_among_some_rows_in_any_order(signers, fraction, seed, kept):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(signers))
    different = order[np.argmax(signers[order] != signers[order[0]])]
    among = np.unique([order[0], different, *order[: int(kept * len(order))]])
    shuffled = rng.permutation(among)
    before = shuffled.copy()
    train, test = nn.split_by_signer(
        signers, fraction, rng=np.random.default_rng(seed), among=shuffled
    )
    assert np.array_equal(shuffled, before)
    check_split(signers, among, fraction, train, test)


@given(st.lists(st.integers(2, 5) | st.integers(2, 200), min_size=1, max_size=4), fractions, seeds)
def test_without_signers_each_class_is_split_by_the_fraction(sizes, fraction, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    before = y.copy()
    with pytest.warns(UserWarning, match=r"do not name their signers.*find_copies"):
        train, test = nn.split_by_signer(None, fraction, rng=rng, y=y)
    assert np.array_equal(y, before)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    for label, size in enumerate(sizes):
        n_test = np.sum(y[test] == label)
        assert 0 < n_test < size
        assert abs(n_test - fraction * size) <= 1


# Moving and augmenting


def square(X):
    return X.reshape(-1, 28, 28)


@st.composite
def pictures(draw):
    dtype = draw(st.sampled_from([np.uint8, np.int64, np.float32, np.float64]))
    n = draw(st.integers(1, 4))
    return np.random.default_rng(draw(seeds)).integers(0, 256, (n, nn.N_PIXELS)).astype(dtype)


def blobs():
    """Two smooth pictures of nothing in particular, away from the edge."""
    v, u = np.indices((28, 28)) - 13.5
    shapes = [(u - 2) ** 2 + 2 * (v + 1) ** 2, 2 * (u + 3) ** 2 + (v - 2) ** 2 + (u + 3) * (v - 2)]
    return np.array([200 * np.exp(-shape / 40) for shape in shapes]).reshape(2, -1)


ranges = st.fixed_dictionaries(
    {"degrees": st.floats(0, 180), "pixels": st.floats(0, 28), "zoom": st.floats(0, 0.99)}
)


@given(pictures(), st.integers(1, 4), seeds)
def test_without_room_to_move_the_copies_are_the_pictures(X, copies, seed):
    rng = np.random.default_rng(seed)
    same = nn.augment(X, copies, rng=rng, degrees=0, pixels=0, zoom=0)
    assert same.dtype == X.dtype
    assert np.array_equal(same, np.repeat(X, copies, axis=0))


@given(pictures(), st.integers(0, 27), st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]))
def test_a_shift_by_whole_pixels_rolls_the_picture_and_leaves_black(X, pixels, right, down):
    shifted = square(nn.move(X, right=right * pixels, down=down * pixels))
    rolled = np.roll(square(X), (down * pixels, right * pixels), axis=(1, 2))
    v, u = np.indices((28, 28))
    from_inside = (v - down * pixels) % 28 == v - down * pixels
    from_inside &= (u - right * pixels) % 28 == u - right * pixels
    assert np.array_equal(shifted, np.where(from_inside, rolled, 0))


@given(pictures(), st.integers(1, 3), seeds, ranges)
def test_copies_keep_type_and_range_and_pictures_stay_as_they_are(X, copies, seed, ranges):
    before = X.copy()
    augmented = nn.augment(X, copies, rng=np.random.default_rng(seed), **ranges)
    assert augmented.shape == (len(X) * copies, nn.N_PIXELS)
    assert augmented.dtype == X.dtype
    assert np.array_equal(X, before)
    assert augmented.min() >= 0  # beyond the edge
    assert augmented.max() <= X.max() * (1 + 1e-6)  # floats round
    again = nn.augment(X, copies, rng=np.random.default_rng(seed), **ranges)
    assert np.array_equal(again, augmented)


@given(seeds, ranges)
def test_whole_levels_are_the_rounded_ones(seed, ranges):
    X = np.rint(blobs())
    levels = nn.augment(X.astype(np.uint8), 2, rng=np.random.default_rng(seed), **ranges)
    exact = nn.augment(X, 2, rng=np.random.default_rng(seed), **ranges)
    assert np.array_equal(levels, np.rint(exact))


@given(seeds, ranges, st.floats(0.01, 100))
def test_any_unit_will_do(seed, ranges, unit):
    X = blobs()
    augmented = nn.augment(X, 2, rng=np.random.default_rng(seed), **ranges)
    scaled = nn.augment(unit * X, 2, rng=np.random.default_rng(seed), **ranges)
    assert np.allclose(scaled, unit * augmented)


@given(st.floats(0, 60), st.sampled_from([-1, 1]))
def test_a_turn_and_its_opposite_nearly_restore_a_smooth_picture(degrees, sign):
    X = blobs()
    there = nn.move(X, degrees=sign * degrees)
    back = nn.move(there, degrees=-sign * degrees)
    assert np.abs(back - X).max() < 25  # of 200: two interpolations blur a little
    if degrees > 20:
        assert np.abs(there - X).max() > 40


def test_a_quarter_turn_is_numpy_s():
    X = np.random.default_rng(0).integers(0, 256, (3, nn.N_PIXELS), dtype=np.uint8)
    turned = square(nn.move(X, degrees=-90))
    assert np.array_equal(turned, np.rot90(square(X), axes=(1, 2)))


@given(st.floats(0, 0.2), st.sampled_from([-1, 1]))
def test_area_grows_with_the_square_of_the_factor(share, sign):
    grown = nn.move(blobs(), factor=1 + sign * share).sum() / blobs().sum()
    assert grown == pytest.approx((1 + sign * share) ** 2, rel=0.02)


@given(seeds)
def test_each_picture_is_moved_by_its_own_amount(seed):
    rng, X = np.random.default_rng(seed), blobs()
    amounts = {
        "degrees": rng.uniform(-180, 180, len(X)),
        "factor": rng.uniform(0.5, 2, len(X)),
        "right": rng.uniform(-5, 5, len(X)),
        "down": rng.uniform(-5, 5, len(X)),
    }
    together = nn.move(X, **amounts)
    for i in range(len(X)):
        alone = nn.move(X[i : i + 1], **{name: values[i] for name, values in amounts.items()})
        assert np.array_equal(alone[0], together[i])


def test_draws_fill_their_ranges_evenly():
    """A dot is shifted, and where it lands tells by how much."""
    X = np.zeros((1, nn.N_PIXELS))
    X[0, 28 * 14 + 14] = 1
    rng = np.random.default_rng(0)
    copies = square(nn.augment(X, 4000, rng=rng, degrees=0, pixels=3, zoom=0))
    for axis in (1, 2):
        shift = copies.sum(axis=3 - axis) @ np.arange(28) - 14
        assert -3 <= shift.min() < -2.95
        assert 2.95 < shift.max() <= 3
        assert np.std(shift) == pytest.approx(3 / np.sqrt(3), rel=0.05)
    assert abs(np.corrcoef(copies.sum(axis=2) @ np.arange(28), shift)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((2, 783))}, r"X must hold pictures \(N, 784\)"),
        ({"X": np.zeros(784)}, r"X must hold pictures \(N, 784\)"),
        ({"X": np.zeros((2, 784), bool)}, "X must hold pictures .* got bool"),
        ({"copies": 0}, "copies must be a whole number of at least 1, got 0"),
        ({"degrees": -1}, "degrees must lie between 0 and 180, got -1"),
        ({"degrees": np.nan}, "degrees must lie between 0 and 180, got nan"),
        ({"pixels": 29}, "pixels must lie between 0 and 28, got 29"),
        ({"zoom": 1}, "zoom must be at least 0 and less than 1, got 1"),
    ],
)
def test_bad_arguments_of_augment_are_named(change, message):
    call = {"X": np.zeros((2, 784)), "copies": 1, "rng": np.random.default_rng(0), **change}
    with pytest.raises(ValueError, match=message):
        nn.augment(**call)


def test_no_pictures_have_no_copies():
    none = np.zeros((0, nn.N_PIXELS), np.uint8)
    assert nn.augment(none, 3, rng=np.random.default_rng(0)).shape == (0, nn.N_PIXELS)


# Metrics


def quietly(function, *arguments):
    """Call with every warning an error, 0 / 0 for example."""
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        return function(*arguments)


@settings(max_examples=25)  # scikit-learn takes its time
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40),
    st.sampled_from([np.int8, np.int64, np.uint8, bool, float]),
)
@example([(1, 0)], int)
def test_labels_are_counted_as_scikit_learn_does(pairs, dtype):
    y, predicted = np.array(pairs).T.astype(dtype)
    matrix = quietly(nn.confusion_matrix, y, predicted)
    assert matrix.dtype == np.int64
    expected = sklearn_metrics.confusion_matrix(y, predicted, labels=[0, 1])
    assert np.array_equal(matrix, expected)


counts = st.just(0) | st.integers(0, 5) | st.integers(0, 10**9)


@settings(max_examples=25)
@given(hnp.arrays(np.int64, (2, 2), elements=counts).filter(np.any))
@example(np.array([[5, 0], [0, 0]]))  # precision, recall and F1 are 0 / 0
@example(np.array([[0, 0], [4, 0]]))  # precision is
@example(np.array([[0, 4], [0, 0]]))  # recall is
def test_counts_are_rated_as_scikit_learn_does(matrix):
    y, predicted, weights = [0, 0, 1, 1], [0, 1, 0, 1], matrix.ravel()
    accuracy = sklearn_metrics.accuracy_score(y, predicted, sample_weight=weights)
    *others, _ = sklearn_metrics.precision_recall_fscore_support(
        y, predicted, average="binary", sample_weight=weights, zero_division=0
    )
    metrics = quietly(nn.classification_metrics, matrix)
    assert metrics == pytest.approx((accuracy, *others), rel=1e-9)


trials_and_successes = st.one_of(st.integers(1, 30), st.integers(1, 10**6)).flatmap(
    lambda trials: st.tuples(st.just(trials), st.integers(0, trials))
)
confidences = st.floats(0.01, 0.999)


@given(trials_and_successes, confidences)
@example((2, 0), 0.95)  # computed without care, the end is a hair below 0
@example((10, 0), 0.95)  # and here above
def test_wilson_interval_is_that_of_scipy_and_holds_the_share(counted, confidence):
    trials, successes = counted
    low, high = quietly(nn.wilson_interval, successes, trials, confidence)
    assert 0 <= low <= successes / trials <= high <= 1
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(hnp.arrays(np.int64, (2, 2), elements=counts).filter(np.any), confidences)
def test_every_metric_lies_in_its_interval(matrix, confidence):
    table = quietly(nn.metric_intervals, matrix, confidence)
    # F1 is computed in two ways, for the value and for the ends.
    assert np.all(table["low"] <= table["value"] + 1e-12)
    assert np.all(table["value"] <= table["high"] + 1e-12)
    assert np.all((table["low"] >= 0) & (table["high"] <= 1))
