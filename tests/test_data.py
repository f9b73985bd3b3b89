"""Loading, selecting, scaling and splitting: files, types and refusals.

The rest is stated by `test_properties.py` and by the self-checks in `grading/checks.py`.
"""

import numpy as np
import pytest

import nn_helpers as nn


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def arrays(rng):
    """Return what a small correct file holds: 40 pictures, 4 of each digit, 4 signers."""
    return {
        "dataset": rng.integers(0, 256, (40, 784), dtype=np.uint8),
        "labels": np.tile(np.arange(10), 4),
        "signers": np.repeat(np.arange(4), 10),
    }


def save(path, arrays):
    np.savez(path, **arrays)
    return path


# Loading


def test_embedded_set_is_the_default():
    data = nn.load_sign_digits()
    assert data.images.shape == (5000, 784)
    assert np.array_equal(np.bincount(data.labels), np.full(10, 500))
    assert np.array_equal(np.bincount(data.signers), np.full(500, 10))


def test_environment_chooses_the_file(tmp_path, arrays, monkeypatch):
    monkeypatch.setenv("SIGN_DIGITS", str(save(tmp_path / "a.npz", arrays)))
    assert len(nn.load_sign_digits().images) == 40


def test_relative_path_is_found_from_the_notebooks_folder(monkeypatch):
    monkeypatch.chdir(nn.PROJECT / "notebooks")
    assert len(nn.load_sign_digits("data/sign_digits.npz").images) == 5000


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data file .*nowhere\.npz"):
        nn.load_sign_digits(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 and no more", b"\x93NUMPY"])
def test_file_that_is_no_npz(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not an \.npz file"):
        nn.load_sign_digits(path)


def test_damaged_npz(tmp_path, arrays):
    path = save(tmp_path / "a.npz", arrays)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="can't be read"):
        nn.load_sign_digits(path)


def test_pickled_objects_are_refused(tmp_path, arrays):
    arrays["dataset"] = np.array([object()] * 40, dtype=object)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        nn.load_sign_digits(save(tmp_path / "a.npz", arrays))


@pytest.mark.parametrize("key", ["dataset", "labels"])
def test_missing_key(tmp_path, arrays, key):
    del arrays[key]
    with pytest.raises(ValueError, match=f"no array named '{key}'"):
        nn.load_sign_digits(save(tmp_path / "a.npz", arrays))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dataset", np.zeros((40, 28, 28), np.uint8), r"dataset must have shape \(N, 784\).*28"),
        ("dataset", np.zeros((0, 784), np.uint8), "at least one picture"),
        ("dataset", np.full((40, 784), "5"), "dataset must hold numbers"),
        ("dataset", np.full((40, 784), np.nan), "0 to 255, got values outside or NaN"),
        ("dataset", np.full((40, 784), 0.5), "multiply them by 255"),
        ("labels", np.zeros(39, int), r"labels must have shape \(40,\)"),
        ("labels", np.zeros((40, 1), int), r"labels must have shape \(40,\)"),
        ("labels", np.full(40, "six"), "got 'six'"),
        ("signers", np.zeros(40), "signers must be integers of shape"),
    ],
)
def test_bad_array_is_named_in_one_sentence(tmp_path, arrays, key, value, message):
    arrays[key] = value
    with pytest.raises(ValueError, match=message) as error:
        nn.load_sign_digits(save(tmp_path / "a.npz", arrays))
    assert "\n" not in str(error.value)


# Selecting


def test_only_one_of_the_digits_present(arrays):
    labels = np.where(arrays["labels"] == 8, 6, arrays["labels"])
    data = nn.SignDigits(arrays["dataset"], labels, None)
    with pytest.raises(ValueError, match="positive must be a digit that the data show, got 8"):
        nn.select_digits(data)


def test_equal_digits(arrays):
    data = nn.SignDigits(arrays["dataset"], arrays["labels"], None)
    with pytest.raises(ValueError, match="two different digits"):
        nn.select_digits(data, 6, 6)


# Scaling


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_scaling_keeps_a_floating_type(rng, dtype):
    X = rng.uniform(0, 255, (5, 3)).astype(dtype)
    expected = np.float64 if dtype == np.uint8 else dtype
    assert nn.scale_pixels(X).dtype == expected
    assert nn.standardize(X, nn.fit_standardizer(X)).dtype == expected


def test_standardizer_floor_is_added_to_the_spread(rng):
    X = rng.uniform(0, 255, (50, 3))
    assert np.allclose(nn.fit_standardizer(X, floor=8).scale, X.std(axis=0) + 8)


def test_standardizer_refuses_what_does_not_fit(rng):
    X = rng.uniform(0, 255, (50, 3))
    with pytest.raises(ValueError, match="X must have shape"):
        nn.fit_standardizer(X[:0])
    with pytest.raises(ValueError, match="floor must be a positive"):
        nn.fit_standardizer(X, floor=0)
    with pytest.raises(ValueError, match=r"X must have shape \(N, 3\)"):
        nn.standardize(X[:, :2], nn.fit_standardizer(X))


# Splitting


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, np.nan])
def test_fraction_outside_0_to_1(rng, fraction):
    with pytest.raises(ValueError, match="test_fraction must lie between 0 and 1, got"):
        nn.split_by_signer(np.arange(5), fraction, rng=rng)


def test_a_mask_is_not_row_numbers(rng):
    with pytest.raises(ValueError, match="among must hold row numbers, got bool"):
        nn.split_by_signer(np.arange(5), rng=rng, among=np.ones(5, bool))


def test_nothing_to_split(rng):
    with pytest.raises(ValueError, match="at least two signers"):
        nn.split_by_signer(np.zeros(5, int), rng=rng)
    with pytest.raises(ValueError, match="signers is None, so y is needed"):
        nn.split_by_signer(None, rng=rng)
    with (
        pytest.warns(UserWarning, match="name their signers"),
        pytest.raises(ValueError, match="at least two pictures of each class, got 1 of 1"),
    ):
        nn.split_by_signer(None, rng=rng, y=np.array([0, 0, 1]))
