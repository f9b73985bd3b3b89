"""A neural network from nothing but NumPy that tells two hand signs apart.

The notebooks derive what is written here; this module is the one place it is kept. It
follows their order: data, network, training, evaluation, experiments, figures, live figures.

One set of letters holds everywhere. ``N`` examples, ``D`` inputs (784 pixels), ``H`` hidden
units (64). Rows are examples: ``X`` is (N, D) and ``y`` is (N,), 0 or 1. The parameters are
``W1`` (D, H), ``b1`` (H,), ``W2`` (H,) and ``b2`` (); the activations are ``z1``, ``a1`` (N, H)
and ``z2``, ``a2`` (N,). ``dW1`` is the derivative of the loss with respect to ``W1``. Equation
numbers, ``Eq. (n)``, are those of ``notebooks/02_derivation.ipynb``.

No function changes the arrays it is given, and all randomness comes from a
``numpy.random.Generator`` that the caller passes. Only NumPy is imported here: pandas,
matplotlib and seaborn are imported where a table or a figure is made, joblib where many runs
are, anywidget where a figure is live. So the network itself stands on NumPy alone.
"""

from __future__ import annotations

import functools
import inspect
import io
import json
import os
import re
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PROJECT = Path(__file__).resolve().parent
SIDE = 28
N_PIXELS = SIDE * SIDE


# Data -----------------------------------------------------------------------------------


class SignDigits(NamedTuple):
    """Pictures of hand signs.

    Attributes
    ----------
    images : ndarray of uint8, shape (N, 784)
        Grey levels 0 (black) to 255 (white), each row a 28×28 picture, top row first.
    labels : ndarray of int64, shape (N,)
        The digit that the hand shows, 0 to 9.
    signers : ndarray of int64, shape (N,), or None
        Who shows it, or None if the file does not say.
    """

    images: np.ndarray
    labels: np.ndarray
    signers: np.ndarray | None


def load_sign_digits(path: str | Path | None = None) -> SignDigits:
    """Load a data file and check everything in it.

    Parameters
    ----------
    path : str or Path, optional
        An ``.npz`` file with ``dataset`` (N, 784), grey levels 0 to 255, ``labels`` (N,),
        the integers 0 to 9 or the strings '0' to '9', and optionally ``signers`` (N,),
        integers. Without a path, the file that the environment variable ``SIGN_DIGITS``
        names, else the embedded set. A relative path is looked for in the current folder,
        then in the project's.

    Returns
    -------
    SignDigits
        Grey levels that are not whole are rounded.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not an ``.npz``, holds pickled objects, lacks a key, or holds something
        other than described above.
    """
    asked = Path(path or os.environ.get("SIGN_DIGITS") or PROJECT / "data" / "sign_digits.npz")
    path = asked if asked.exists() else PROJECT / asked
    if not path.is_file():
        raise FileNotFoundError(
            f"no data file {asked}, neither from {Path.cwd()} nor from {PROJECT}: give the path of "
            "an .npz file, as an argument or in the environment variable SIGN_DIGITS"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an .npz file, or only a part of one")
    try:
        # Pickled objects could run code while they load, so they are refused.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("dataset", "labels", "signers") if key in file}
    except Exception as error:  # a damaged file makes zipfile and NumPy raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} can't be read as an .npz file of plain arrays: {reason}"
        ) from error
    for key in ("dataset", "labels"):
        if key not in arrays:
            raise ValueError(f"{path} has no array named {key!r}; it needs 'dataset' and 'labels'")
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy hands out what is no array as bytes
            raise ValueError(f"{path} can't be read: its {key!r} is not an array")
    images = _checked_images(arrays["dataset"])
    labels = _checked_labels(arrays["labels"], len(images))
    signers = arrays.get("signers")
    if signers is not None:
        if signers.dtype.kind not in "iu" or signers.shape != (len(images),):
            raise ValueError(
                f"signers must be integers of shape ({len(images)},), one for each picture, "
                f"got {signers.dtype} of shape {signers.shape}"
            )
        signers = signers.astype(np.int64)
    return SignDigits(images, labels, signers)


def _checked_images(dataset: np.ndarray) -> np.ndarray:
    """Return the pictures as uint8, or say what is wrong with them."""
    if dataset.ndim != 2 or dataset.shape[1] != N_PIXELS or len(dataset) == 0:
        raise ValueError(
            f"dataset must have shape (N, {N_PIXELS}) with at least one picture, "
            f"got shape {dataset.shape}"
        )
    if dataset.dtype.kind not in "iuf":
        raise ValueError(f"dataset must hold numbers, got dtype {dataset.dtype}")
    # NaN is neither below 0 nor above 255, so the test asks for what is right, not wrong.
    if not np.all((dataset >= 0) & (dataset <= 255)):
        raise ValueError(
            "dataset must hold grey levels from 0 to 255, got values outside or NaN "
            f"(smallest {dataset.min()}, largest {dataset.max()})"
        )
    if dataset.dtype.kind == "f" and 0 < dataset.max() <= 1:
        raise ValueError(
            "dataset must hold grey levels from 0 to 255, got values from 0 to 1: "
            "multiply them by 255"
        )
    return np.rint(dataset).astype(np.uint8)


def _checked_labels(labels: np.ndarray, n_images: int) -> np.ndarray:
    """Return the labels as int64, or say what is wrong with them."""
    if labels.shape != (n_images,):
        raise ValueError(
            f"labels must have shape ({n_images},), one for each picture, got {labels.shape}"
        )
    digits = None
    if labels.dtype.kind in "iuUS":
        try:
            digits = labels.astype(np.int64)
        except (ValueError, OverflowError):  # a string that is no number, or far too large a one
            digits = None
    if digits is None or digits.min() < 0 or digits.max() > 9:
        found = ", ".join(repr(label) for label in np.unique(labels)[:12].tolist())
        raise ValueError(f"labels must be the digits 0 to 9 or '0' to '9', got {found}")
    return digits


def select_digits(
    data: SignDigits, negative: int = 6, positive: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Keep the pictures of two digits.

    Parameters
    ----------
    data : SignDigits
    negative, positive : int
        The digit that gets the label 0, and the one that gets 1.

    Returns
    -------
    X : ndarray of uint8, shape (N, 784)
        Grey levels, 0 to 255.
    y : ndarray of int8, shape (N,)
        0 for `negative`, 1 for `positive`. The small type keeps float32 work in float32.
    signers : ndarray of int64, shape (N,), or None

    Raises
    ------
    ValueError
        The digits are equal, or the data lack one of them.
    """
    if negative == positive:
        raise ValueError(f"negative and positive must be two different digits, got {negative} both")
    for name, digit in (("negative", negative), ("positive", positive)):
        if not np.any(data.labels == digit):
            present = ", ".join(str(label) for label in np.unique(data.labels))
            raise ValueError(
                f"{name} must be a digit that the data show, got {digit!r}; they show {present}"
            )
    rows = np.flatnonzero((data.labels == negative) | (data.labels == positive))
    y = (data.labels[rows] == positive).astype(np.int8)
    return data.images[rows], y, None if data.signers is None else data.signers[rows]


def scale_pixels(X: np.ndarray) -> np.ndarray:
    """Bring grey levels from 0…255 to 0…1.

    Parameters
    ----------
    X : ndarray, shape (N, D)
        Grey levels. Floats keep their type, integers become float64.

    Returns
    -------
    ndarray, shape (N, D)
    """
    return X / X.dtype.type(255) if X.dtype.kind == "f" else X / 255.0


class Standardizer(NamedTuple):
    """What `standardize` subtracts and divides by, in grey levels, both of shape (D,)."""

    mean: np.ndarray
    scale: np.ndarray


def fit_standardizer(X: np.ndarray, floor: float = 1.0) -> Standardizer:
    """Measure each pixel's mean and spread, on training pictures only.

    Parameters
    ----------
    X : ndarray, shape (N, D)
        Training pictures, grey levels 0 to 255.
    floor : float
        Added to each standard deviation, in grey levels. A corner pixel that is black in
        almost every picture has almost no spread; divided by that, its rare grey would
        drown the rest of the picture.

    Returns
    -------
    Standardizer
        ``mean`` and ``scale`` (D,), float64.

    Raises
    ------
    ValueError
        `X` is not a table with at least one row, or `floor` is not positive.
    """
    if X.ndim != 2 or len(X) == 0:
        raise ValueError(f"X must have shape (N, D) with N at least 1, got shape {X.shape}")
    if not floor > 0:
        raise ValueError(f"floor must be a positive number of grey levels, got {floor!r}")
    return Standardizer(X.mean(axis=0), X.std(axis=0) + floor)


def standardize(X: np.ndarray, standardizer: Standardizer) -> np.ndarray:
    """Centre each pixel on its training mean and divide by its training spread.

    Parameters
    ----------
    X : ndarray, shape (N, D)
        Pictures, grey levels 0 to 255. Floats keep their type, integers become float64.
    standardizer : Standardizer
        From `fit_standardizer`.

    Returns
    -------
    ndarray, shape (N, D)

    Raises
    ------
    ValueError
        The pictures and the standardizer differ in their number of pixels.
    """
    mean, scale = standardizer
    if X.ndim != 2 or X.shape[1:] != mean.shape:
        raise ValueError(f"X must have shape (N, {len(mean)}), got shape {X.shape}")
    if X.dtype.kind == "f":
        mean, scale = mean.astype(X.dtype), scale.astype(X.dtype)
    return (X - mean) / scale


def split_by_signer(
    signers: np.ndarray | None,
    test_fraction: float = 0.2,
    *,
    rng: np.random.Generator,
    y: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split at random, all pictures of a signer on the same side.

    Parameters
    ----------
    signers : ndarray of int, shape (N,), or None
        Who shows each picture. With None, signers can't be kept apart: a warning says so,
        and each class is split instead.
    test_fraction : float
        The share of pictures that the test part should get, between 0 and 1. Signers are
        drawn one after the other, and drawing stops where the share comes nearest to it.
    rng : numpy.random.Generator
    y : ndarray, shape (N,), optional
        The classes; used only if `signers` is None.
    among : ndarray of int, optional
        Split only these rows, to take validation signers from the training part, for
        example. The default is all rows.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, ascending.

    Raises
    ------
    ValueError
        The fraction is not between 0 and 1, there are fewer than two signers (or two
        pictures in a class), or neither `signers` nor `y` is given.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie between 0 and 1, got {test_fraction!r}")
    groups = signers if signers is not None else y
    if groups is None:
        raise ValueError("signers is None, so y is needed to split each class")
    rows = np.arange(len(groups)) if among is None else np.sort(among)
    if rows.dtype.kind not in "iu":
        raise ValueError(f"among must hold row numbers, got {rows.dtype}")
    if signers is None:
        warnings.warn(
            "These pictures do not name their signers: the split can't keep a signer on one "
            "side, so it splits each class instead.",
            stacklevel=2,
        )
        return _split_by_class(rows, y[rows], test_fraction, rng)
    names, counts = np.unique(signers[rows], return_counts=True)
    if len(names) < 2:
        raise ValueError(f"signers must name at least two signers to split, got {len(names)}")
    order = rng.permutation(len(names))
    distance = np.abs(np.cumsum(counts[order]) - test_fraction * len(rows))
    n_test = 1 + int(np.argmin(distance[:-1]))  # the last signer always stays in training
    in_test = np.isin(signers[rows], names[order[:n_test]])
    return rows[~in_test], rows[in_test]


def _split_by_class(
    rows: np.ndarray, y: np.ndarray, test_fraction: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows of each class at random; `y` holds the class of each of `rows`."""
    in_test = np.zeros(len(rows), dtype=bool)
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        if len(members) < 2:
            raise ValueError(f"y must hold at least two pictures of each class, got 1 of {label}")
        n_test = min(max(round(test_fraction * len(members)), 1), len(members) - 1)
        in_test[rng.permutation(members)[:n_test]] = True
    return rows[~in_test], rows[in_test]


def augment(
    X: np.ndarray,
    copies: int,
    *,
    rng: np.random.Generator,
    degrees: float = 12.0,
    pixels: float = 1.5,
    share: float = 0.08,
) -> np.ndarray:
    """Make copies of pictures, each turned, scaled and shifted a little at random.

    A hand held a little differently shows the same digit, so the copies keep their picture's
    label: ``np.repeat(y, copies)``. `move` does the work. It fills with 0, black, so augment
    grey levels, before they are standardized. And augment after splitting: two copies of one
    picture, one in training and one in the test, give the answer away.

    Parameters
    ----------
    X : ndarray, shape (N, 784)
        Pictures; 0 is black. Any unit.
    copies : int
        How many of each picture, at least 1. The picture itself is not one of them.
    rng : numpy.random.Generator
    degrees : float
        The largest turn about the middle of the picture, to either side, 0 to 180.
    pixels : float
        The largest shift, in each direction, 0 to 28.
    share : float
        The largest change of size: 0.08 means 0.92 to 1.08 times. From 0 to below 1.

    Returns
    -------
    ndarray, shape (N·copies, 784)
        The copies of a row together. The type of `X`; integers are rounded.

    Raises
    ------
    ValueError
        An argument has the wrong shape, type or range.
    """
    if X.ndim != 2 or X.shape[1] != N_PIXELS or X.dtype.kind not in "iuf":
        raise ValueError(
            f"X must hold pictures (N, {N_PIXELS}) of numbers, got {X.dtype} of shape {X.shape}"
        )
    _check_count("copies", copies)
    for name, value, limit in (("degrees", degrees, 180), ("pixels", pixels, SIDE)):
        if not 0 <= value <= limit:
            raise ValueError(f"{name} must lie between 0 and {limit}, got {value!r}")
    if not 0 <= share < 1:
        raise ValueError(f"share must be at least 0 and less than 1, got {share!r}")
    draws = rng.uniform(-1, 1, (4, len(X) * copies))
    return move(
        np.repeat(X, copies, axis=0),
        degrees=degrees * draws[0],
        factor=1 + share * draws[1],
        right=pixels * draws[2],
        down=pixels * draws[3],
    )


def move(
    X: np.ndarray,
    *,
    degrees: float | np.ndarray = 0.0,
    factor: float | np.ndarray = 1.0,
    right: float | np.ndarray = 0.0,
    down: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Turn, scale and shift each picture by a given amount.

    Each pixel of the result asks where in the picture it comes from. That is a place between
    four pixels, and each of them counts the more the nearer it is (bilinear interpolation).
    Beyond the edge all is 0, black.

    Parameters
    ----------
    X : ndarray, shape (N, 784)
        Pictures; 0 is black. Any unit.
    degrees : float, or ndarray of shape (N,)
        The turn about the middle of the picture, clockwise.
    factor : float, or ndarray of shape (N,)
        The change of size; 1 leaves it.
    right, down : float, or ndarray of shape (N,)
        The shift, in pixels.

    Returns
    -------
    ndarray, shape (N, 784)
        The type of `X`; integers are rounded.
    """
    amounts = (np.deg2rad(degrees), factor, right, down)
    turn, factor, right, down = (np.broadcast_to(a, len(X))[:, None] for a in amounts)
    middle = (SIDE - 1) / 2
    v, u = np.indices((SIDE, SIDE)).reshape(2, N_PIXELS) - middle  # down and right of the middle
    moved = np.empty_like(X)
    for start in range(0, len(X), 256):  # a few at a time: the coordinates take memory
        some = slice(start, start + 256)
        # Backwards, to where a pixel came from: undo the shift, then the scaling and the turn.
        x, y = u - right[some], v - down[some]
        cos, sin = np.cos(turn[some]) / factor[some], np.sin(turn[some]) / factor[some]
        values = _between_pixels(X[some], middle + cos * x + sin * y, middle + cos * y - sin * x)
        moved[some] = values if X.dtype.kind == "f" else np.rint(values)
    return moved


def _between_pixels(X: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Look up pictures (N, 784) at columns `x` and rows `y` (N, 784), whole numbers or not."""
    edge = ((0, 0), (1, 1), (1, 1))  # a black frame, for what lies outside
    framed = np.pad(X.reshape(-1, SIDE, SIDE), edge).reshape(len(X), -1)
    x, y = np.clip(x + 1, 0, SIDE + 1), np.clip(y + 1, 0, SIDE + 1)
    left, top = np.minimum(x.astype(int), SIDE), np.minimum(y.astype(int), SIDE)
    corner = top * (SIDE + 2) + left
    levels = [
        np.take_along_axis(framed, corner + step, axis=1) for step in (0, 1, SIDE + 2, SIDE + 3)
    ]
    x, y = x - left, y - top  # from 0, on the left or upper pixel, to 1, on its neighbour
    upper, lower = (1 - x) * levels[0] + x * levels[1], (1 - x) * levels[2] + x * levels[3]
    return (1 - y) * upper + y * lower


# Network --------------------------------------------------------------------------------


class Parameters(NamedTuple):
    """Weights and biases, or the derivatives of the loss with respect to them.

    Shapes: ``W1`` (D, H), ``b1`` (H,), ``W2`` (H,), ``b2`` ().
    """

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray


class Activations(NamedTuple):
    """What the forward pass computes; shapes: ``z1``, ``a1`` (N, H) and ``z2``, ``a2`` (N,)."""

    z1: np.ndarray
    a1: np.ndarray
    z2: np.ndarray
    a2: np.ndarray


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Squash any number into the range 0 to 1.

    Eq. (1): σ(z) = 1 / (1 + exp(−z)) | any | squashes a logit into the range 0 to 1

    It is computed as ½ (1 + tanh(z / 2)), which is the same and can't overflow.

    Parameters
    ----------
    z : ndarray of float, any shape

    Returns
    -------
    ndarray, the shape and the type of `z`
    """
    return 0.5 * (1 + np.tanh(0.5 * z))


def forward(X: np.ndarray, parameters: Parameters) -> Activations:
    """Compute the network's output and all that leads to it.

    Eq. (2): z1 = X W1 + b1 | (N, H) | logits of the hidden units
    Eq. (3): a1 = σ(z1) | (N, H) | activations of the hidden units
    Eq. (4): z2 = a1 W2 + b2 | (N,) | logits of the output
    Eq. (5): a2 = σ(z2) | (N,) | probabilities of class 1

    Parameters
    ----------
    X : ndarray, shape (N, D)
    parameters : Parameters

    Returns
    -------
    Activations
        ``a2`` is the probability of class 1 for each example.

    Raises
    ------
    ValueError
        `X` does not have as many columns as ``W1`` has rows.
    """
    W1, b1, W2, b2 = parameters
    if X.ndim != 2 or X.shape[1] != len(W1):
        raise ValueError(f"X must have shape (N, {len(W1)}), got shape {X.shape}")
    z1 = X @ W1 + b1
    a1 = sigmoid(z1)
    z2 = a1 @ W2 + b2
    a2 = sigmoid(z2)
    return Activations(z1, a1, z2, a2)


def binary_cross_entropy(z2: np.ndarray, y: np.ndarray) -> float:
    """Measure how wrong the predictions are, on average, from the logits.

    Eq. (6): L = −mean(y log a2 + (1 − y) log(1 − a2)) | () | loss, by its definition
    Eq. (7): L = mean(max(z2, 0) − z2 y + log(1 + exp(−|z2|))) | () | loss, from the logits

    Both have the same value. The second is computed: it is finite even where the first takes
    the logarithm of 0.

    Parameters
    ----------
    z2 : ndarray, shape (N,)
        Logits, the output before its sigmoid.
    y : ndarray, shape (N,)
        True classes, 0 or 1.

    Returns
    -------
    float
        In nats (natural logarithm); log 2 = 0.693… is what always answering ½ costs.

    Raises
    ------
    ValueError
        `z2` and `y` differ in shape, are empty, or `y` holds something other than 0 and 1.
    """
    _check_binary("y", y)
    if np.shape(z2) != np.shape(y):
        raise ValueError(f"z2 must have the shape of y, {np.shape(y)}, got {np.shape(z2)}")
    return float(np.mean(np.maximum(z2, 0) - z2 * y + np.log1p(np.exp(-np.abs(z2)))))


def central_differences(
    loss: Callable[[np.ndarray], float], values: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """Estimate the derivatives of a function without deriving anything.

    Eq. (8): ∂L/∂θ ≈ (L(θ + h) − L(θ − h)) / 2h | that of θ | derivative, by differences

    One number after the other is moved to both sides.

    Parameters
    ----------
    loss : callable
        Takes an array like `values` and returns a number.
    values : ndarray of float64, any shape
    step : float
        h. Much smaller, and rounding spoils the difference; much larger, and curvature does.

    Returns
    -------
    ndarray, the shape of `values`

    Raises
    ------
    ValueError
        The values are not float64; with fewer digits, rounding drowns the difference.
    """
    if values.dtype != np.float64:
        raise ValueError(f"values must be float64, got {values.dtype}")
    gradient = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        shift = np.zeros_like(values)
        shift[index] = step
        gradient[index] = (loss(values + shift) - loss(values - shift)) / (2 * step)
    return gradient


def numerical_gradients(
    X: np.ndarray, y: np.ndarray, parameters: Parameters, step: float = 1e-5
) -> Parameters:
    """Estimate what `backward` computes, by `central_differences`, to check it.

    Every number in the parameters takes two forward passes: use a small network.

    Parameters
    ----------
    X : ndarray of float64, shape (N, D)
    y : ndarray, shape (N,)
    parameters : Parameters
    step : float

    Returns
    -------
    gradients : Parameters
        In the shapes of the parameters.
    """

    def loss(name: str, values: np.ndarray) -> float:
        return binary_cross_entropy(forward(X, parameters._replace(**{name: values})).z2, y)

    return Parameters(
        *(
            central_differences(functools.partial(loss, name), np.asarray(values), step)
            for name, values in parameters._asdict().items()
        )
    )


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Compare two arrays by their largest difference, relative to their size.

    Eq. (9): error = max|a − b| / (max|a| + max|b|) | () | relative error; 0 if both are 0

    Parameters
    ----------
    a, b : ndarray, same shape

    Returns
    -------
    float
        From 0 (equal) to 1 (nothing in common); NaN, which is below no bound, if there is a
        NaN in either.

    Raises
    ------
    ValueError
        The shapes differ; broadcasting them would hide the mistake.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape, got {a.shape} and {b.shape}")
    size = np.max(np.abs(a)) + np.max(np.abs(b))
    return float(np.max(np.abs(a - b)) / size) if size != 0 else 0.0


def backward(
    X: np.ndarray, y: np.ndarray, parameters: Parameters, activations: Activations
) -> Parameters:
    """Compute the derivative of the loss with respect to every weight and bias.

    Eq. (10): σ′(z) = σ(z) (1 − σ(z)) | any | slope of the sigmoid, a1 ⊙ (1 − a1) here
    Eq. (11): dz2 = (a2 − y) / N | (N,) | derivative with respect to z2
    Eq. (12): dW2 = a1ᵀ dz2 | (H,) | derivative with respect to W2
    Eq. (13): db2 = Σ dz2 | () | derivative with respect to b2
    Eq. (14): da1 = dz2 W2ᵀ | (N, H) | derivative with respect to a1
    Eq. (15): dz1 = da1 ⊙ a1 ⊙ (1 − a1) | (N, H) | derivative with respect to z1
    Eq. (16): dW1 = Xᵀ dz1 | (D, H) | derivative with respect to W1
    Eq. (17): db1 = Σ dz1 | (H,) | derivative with respect to b1

    The sums run over the examples.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    parameters : Parameters
    activations : Activations
        Of the same `X` and `parameters`, from `forward`.

    Returns
    -------
    gradients : Parameters
        ``dW1``, ``db1``, ``dW2``, ``db2``, in the shapes of the parameters.

    Raises
    ------
    ValueError
        `y` does not have the shape (N,); with (N, 1), a2 − y would become (N, N).
    """
    W2 = parameters.W2
    a1, a2 = activations.a1, activations.a2
    if y.shape != a2.shape:
        raise ValueError(f"y must have shape {a2.shape}, got shape {y.shape}")
    dz2 = (a2 - y) / len(y)
    dW2 = a1.T @ dz2
    db2 = dz2.sum()
    da1 = np.outer(dz2, W2)
    dz1 = da1 * a1 * (1 - a1)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return Parameters(dW1, db1, dW2, db2)


def gradient_step(
    parameters: Parameters, gradients: Parameters, learning_rate: float
) -> Parameters:
    """Move every parameter a small way downhill.

    Eq. (18): θ ← θ − η dθ | that of θ | a step; θ is W1, b1, W2, b2 in turn

    Parameters
    ----------
    parameters, gradients : Parameters
    learning_rate : float
        η, positive.

    Returns
    -------
    updated : Parameters
        New ones; the old ones stay as they are.

    Raises
    ------
    ValueError
        The rate is not a positive number.
    """
    _check_rate(learning_rate)
    updated = []
    for theta, d in zip(parameters, gradients, strict=True):
        new = -learning_rate * d
        new += theta  # in place: one array of the size of W1 fewer
        updated.append(new)
    return Parameters(*updated)


def initialize_parameters(
    n_inputs: int, n_hidden: int, *, rng: np.random.Generator, dtype: type = np.float64
) -> Parameters:
    """Draw starting weights at a scale that keeps the sigmoids awake.

    Eq. (19): W1 ~ N(0, 1/D) | (D, H) | starting weights; W2 ~ N(0, 1/H) likewise

    So a unit's logit has a variance near 1 if its inputs have. The biases start at 0 (LeCun et
    al., "Efficient BackProp", 1998, section 4.6).

    Parameters
    ----------
    n_inputs, n_hidden : int
        D and H, at least 1.
    rng : numpy.random.Generator
    dtype : type
        The floating-point type of the parameters.

    Returns
    -------
    parameters : Parameters
        ``W1`` (D, H), ``b1`` (H,), ``W2`` (H,), ``b2`` ().

    Raises
    ------
    ValueError
        `n_inputs` or `n_hidden` is not a whole number of at least 1.
    """
    _check_count("n_inputs", n_inputs)
    _check_count("n_hidden", n_hidden)
    return Parameters(
        W1=(rng.standard_normal((n_inputs, n_hidden)) / np.sqrt(n_inputs)).astype(dtype),
        b1=np.zeros(n_hidden, dtype),
        W2=(rng.standard_normal(n_hidden) / np.sqrt(n_hidden)).astype(dtype),
        b2=np.zeros((), dtype),
    )


def symbol_table() -> pd.DataFrame:
    """List the letters of the course and the equations that compute them.

    The rows of the equations are read from the docstrings of the functions that compute them:
    ``Eq. (n): symbol = formula | shape | meaning``.

    Returns
    -------
    DataFrame
        A row a symbol; columns ``name in code``, ``shape``, ``meaning``, ``equation``,
        ``computed by``.
    """
    import pandas as pd

    rows = [(name, *described, "", "") for name, described in LETTERS.items()]
    pattern = re.compile(r"Eq\. \((\d+)\): (.+?) [=≈←~] (.+) \| (.+) \| (.+)")
    for function in EQUATIONS:
        for number, name, formula, shape, meaning in pattern.findall(function.__doc__):
            equation = f"({number}) {formula}"
            rows.append((name, shape, meaning, equation, function.__name__))
    columns = ["name in code", "shape", "meaning", "equation", "computed by"]
    table = pd.DataFrame(rows, columns=columns)
    subscripts = str.maketrans("12", "₁₂")
    return table.set_index(table["name in code"].str.translate(subscripts).rename("symbol"))


LETTERS = {
    "X": ("(N, D)", "inputs, an example in each row"),
    "y": ("(N,)", "truth, 0 or 1"),
    "W1": ("(D, H)", "weights of the hidden layer"),
    "b1": ("(H,)", "biases of the hidden layer"),
    "W2": ("(H,)", "weights of the output"),
    "b2": ("()", "bias of the output"),
}
EQUATIONS = (
    sigmoid,
    forward,
    binary_cross_entropy,
    central_differences,
    relative_error,
    backward,
    gradient_step,
    initialize_parameters,
)


# Training -------------------------------------------------------------------------------


class TrainingRun(NamedTuple):
    """What `train` returns: the trained `Parameters`, and columns with a value an epoch."""

    parameters: Parameters
    history: dict[str, list[float]]


def minibatches(
    n_examples: int, batch_size: int, *, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Deal out all examples once, in random order, a few at a time.

    Parameters
    ----------
    n_examples, batch_size : int
        At least 1; a batch can't be larger than the set.
    rng : numpy.random.Generator

    Returns
    -------
    iterator of ndarray of int
        Row numbers, `batch_size` of them; what is left over makes a smaller last batch.

    Raises
    ------
    ValueError
        `n_examples` or `batch_size` is not as described.
    """
    _check_count("n_examples", n_examples)
    _check_count("batch_size", batch_size)
    if batch_size > n_examples:
        raise ValueError(
            f"batch_size must be at most the number of examples, {n_examples}, got {batch_size}"
        )
    order = rng.permutation(n_examples)
    return (order[start : start + batch_size] for start in range(0, n_examples, batch_size))


def train(
    X: np.ndarray,
    y: np.ndarray,
    *,
    n_hidden: int = 64,
    epochs: int = 40,
    learning_rate: float = 0.01,
    batch_size: int = 8,
    rng: np.random.Generator,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainingRun:
    """Train the network by mini-batch gradient descent.

    Parameters
    ----------
    X : ndarray of float, shape (N, D)
        Scaled or standardized pictures. The parameters get the type of `X`.
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    n_hidden, epochs, batch_size : int
    learning_rate : float
    rng : numpy.random.Generator
        Draws the starting weights and the order of the examples.
    validation : (X, y), optional
        Examples to watch and not to learn from, scaled by the training statistics.
    on_epoch : callable, optional
        Called after each epoch with its values, a dict with the names of the columns.

    Returns
    -------
    TrainingRun
        The history has the columns ``epoch``, ``loss``, ``accuracy`` and, with `validation`,
        ``validation_loss`` and ``validation_accuracy``, each a list with a value an epoch;
        ``pd.DataFrame(run.history)`` makes a table of it. Training figures are taken as each
        example is met during the epoch, just before the update that learns from it, so they
        lag half an epoch behind the validation figures, which are taken at its end.

    Raises
    ------
    ValueError
        An argument has the wrong shape, type or range.
    """
    _check_examples("X", X, "y", y)
    if validation is not None:
        _check_examples("validation X", validation[0], "validation y", validation[1])
        if validation[0].shape[1] != X.shape[1]:
            raise ValueError(
                f"validation X must have {X.shape[1]} columns like X, got {validation[0].shape[1]}"
            )
    _check_count("epochs", epochs)
    _check_rate(learning_rate)
    learning_rate = X.dtype.type(learning_rate)
    y = y.astype(X.dtype)
    parameters = initialize_parameters(X.shape[1], n_hidden, rng=rng, dtype=X.dtype.type)
    history: dict[str, list[float]] = {}
    logits = np.empty_like(y)
    for epoch in range(1, epochs + 1):
        for batch in minibatches(len(y), batch_size, rng=rng):
            X_batch, y_batch = X[batch], y[batch]
            activations = forward(X_batch, parameters)
            gradients = backward(X_batch, y_batch, parameters, activations)
            parameters = gradient_step(parameters, gradients, learning_rate)
            logits[batch] = activations.z2
        row = {"epoch": epoch, **_loss_and_accuracy(logits, y)}
        if validation is not None:
            scores = _loss_and_accuracy(forward(validation[0], parameters).z2, validation[1])
            row.update({f"validation_{name}": value for name, value in scores.items()})
        for name, value in row.items():
            history.setdefault(name, []).append(value)
        if on_epoch is not None:
            on_epoch(row)
    return TrainingRun(parameters, history)


def _loss_and_accuracy(z2: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return {
        "loss": binary_cross_entropy(z2, y),
        "accuracy": float(np.mean((z2 >= 0) == (y == 1))),
    }


def _check_binary(name: str, y: np.ndarray) -> None:
    y = np.asarray(y)
    if y.size == 0 or not np.all((y == 0) | (y == 1)):
        found = ", ".join(repr(value) for value in np.unique(y)[:5].tolist()) or "nothing"
        raise ValueError(f"{name} must hold only 0 and 1, at least one of them, got {found}")


def _check_examples(name_X: str, X: np.ndarray, name_y: str, y: np.ndarray) -> None:
    if X.ndim != 2 or X.size == 0 or X.dtype.kind != "f":
        raise ValueError(
            f"{name_X} must be a table (N, D) of floating-point numbers, scaled or "
            f"standardized, got {X.dtype} of shape {X.shape}"
        )
    # A few rows at a time: a table that is mapped from a file may be larger than the memory.
    blocks = (X[start : start + 1024] for start in range(0, len(X), 1024))
    if not all(np.all(np.isfinite(block)) for block in blocks):
        raise ValueError(f"{name_X} must hold finite numbers, got NaN or infinity")
    if y.shape != X.shape[:1]:
        raise ValueError(f"{name_y} must have shape ({len(X)},), got shape {y.shape}")
    _check_binary(name_y, y)


def _check_count(name: str, value: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


def _check_rate(learning_rate: float) -> None:
    if not 0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate must be a positive number, got {learning_rate!r}")


# Evaluation -----------------------------------------------------------------------------


class Metrics(NamedTuple):
    """Shares from 0 to 1."""

    accuracy: float
    precision: float
    recall: float
    f1: float


def predict_probability(X: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return the probability of class 1 for each row of `X` (N, D), shape (N,)."""
    return forward(X, parameters).a2


def predict(X: np.ndarray, parameters: Parameters, threshold: float = 0.5) -> np.ndarray:
    """Return a class for each example.

    Parameters
    ----------
    X : ndarray, shape (N, D)
    parameters : Parameters
    threshold : float
        Class 1 from this probability on, between 0 and 1.

    Returns
    -------
    ndarray of int8, shape (N,)

    Raises
    ------
    ValueError
        The threshold does not lie between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold!r}")
    return (predict_probability(X, parameters) >= threshold).astype(np.int8)


def picture_distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Measure how unlike pictures are: the root of the mean squared difference of pixels.

    Parameters
    ----------
    A : ndarray, shape (M, D)
    B : ndarray, shape (N, D)

    Returns
    -------
    ndarray of float, shape (M, N)
        In the units of the pixels, each row of `A` against each row of `B`.
    """
    A, B = A.astype(float), B.astype(float)
    # |a − b|² = |a|² + |b|² − 2 a·b: one matrix product instead of M·N subtractions of pictures.
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
    return np.sqrt(np.maximum(squares, 0) / A.shape[1])


def closest_mean(X_train: np.ndarray, y_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Give each picture the class whose mean training picture is closest to it.

    Parameters
    ----------
    X_train : ndarray, shape (M, D)
    y_train : ndarray, shape (M,)
        0 or 1, both present.
    X : ndarray, shape (N, D)

    Returns
    -------
    ndarray of int8, shape (N,)

    Raises
    ------
    ValueError
        `y_train` lacks a class or holds something other than 0 and 1.
    """
    _check_binary("y_train", y_train)
    if len(np.unique(y_train)) < 2:
        raise ValueError(f"y_train must hold both 0 and 1, got only {y_train[0]}")
    means = np.array([X_train[y_train == label].mean(axis=0) for label in (0, 1)])
    return picture_distances(X, means).argmin(axis=1).astype(np.int8)


def nearest_neighbour(X_train: np.ndarray, y_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Give each picture the class of the training picture that is closest to it.

    Parameters
    ----------
    X_train : ndarray, shape (M, D)
    y_train : ndarray, shape (M,)
    X : ndarray, shape (N, D)

    Returns
    -------
    ndarray, shape (N,), the type of `y_train`
    """
    return y_train[picture_distances(X, X_train).argmin(axis=1)]


def confusion_matrix(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count each kind of hit and miss: truth in rows, prediction in columns.

    Parameters
    ----------
    y, predicted : ndarray, shape (N,)
        True and predicted classes, 0 or 1. The order of the two matters.

    Returns
    -------
    ndarray of int64, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``.

    Raises
    ------
    ValueError
        The shapes differ, or a value is not 0 or 1.
    """
    y, predicted = np.asarray(y), np.asarray(predicted)
    _check_binary("y", y)
    _check_binary("predicted", predicted)
    if predicted.shape != y.shape:
        raise ValueError(f"predicted must have the shape of y, {y.shape}, got {predicted.shape}")
    return np.array([[np.sum((y == i) & (predicted == j)) for j in (0, 1)] for i in (0, 1)])


def classification_metrics(matrix: np.ndarray) -> Metrics:
    """Compute accuracy, precision, recall and F1 from a confusion matrix.

    accuracy = (TP + TN) / N, precision = TP / (TP + FP), recall = TP / (TP + FN),
    F1 = 2 TP / (2 TP + FP + FN), the harmonic mean of the two before. A share of nothing,
    0 / 0, counts as 0.

    Parameters
    ----------
    matrix : ndarray of int, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``, from `confusion_matrix`.

    Returns
    -------
    Metrics

    Raises
    ------
    ValueError
        The matrix is not 2×2, or holds something other than counts, or is all 0.
    """
    matrix = np.asarray(matrix)
    is_counts = matrix.dtype.kind in "iu" and np.all(matrix >= 0)
    if matrix.shape != (2, 2) or not is_counts or matrix.sum() == 0:
        raise ValueError(f"matrix must be 2×2 counts, not all 0, got {matrix.tolist()}")
    (TN, FP), (FN, TP) = matrix.tolist()
    return Metrics(
        accuracy=(TP + TN) / (TP + TN + FP + FN),
        precision=TP / max(TP + FP, 1),
        recall=TP / max(TP + FN, 1),
        f1=2 * TP / max(2 * TP + FP + FN, 1),
    )


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Say which true shares are compatible with so many successes.

    The interval of Wilson (1927), which keeps its promise near 0 and 1, where the usual
    ± two standard errors does not (Brown, Cai and DasGupta, 2001).

    Parameters
    ----------
    successes, trials : int
        0 ≤ successes ≤ trials, trials at least 1.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    low, high : float
        Shares from 0 to 1.

    Raises
    ------
    ValueError
        The counts or the confidence are out of range.
    """
    _check_count("trials", trials)
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must lie between 0 and {trials}, got {successes!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    spread = np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    half_width = z / (1 + z**2 / trials) * float(spread)
    # The ends are exact where nothing or everything was right; rounding would miss by a hair.
    low = 0.0 if successes == 0 else centre - half_width
    high = 1.0 if successes == trials else centre + half_width
    return low, high


def metric_intervals(matrix: np.ndarray, confidence: float = 0.95) -> pd.DataFrame:
    """Put an interval around each of the four metrics.

    Accuracy, precision and recall are shares of counted pictures and get `wilson_interval`.
    F1 is no such share, but J = TP / (TP + FP + FN) is, and F1 = 2 J / (1 + J) grows with it:
    its interval is that of J, carried over.

    Parameters
    ----------
    matrix : ndarray of int, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``.
    confidence : float

    Returns
    -------
    DataFrame
        A row a metric; columns ``value``, ``low``, ``high`` (shares) and ``n``, the pictures
        that the metric counts. With none to count, the interval is 0 to 1.
    """
    import pandas as pd

    values = classification_metrics(matrix)
    (TN, FP), (FN, TP) = np.asarray(matrix).tolist()
    counted = {
        "accuracy": (TP + TN, TN + FP + FN + TP),
        "precision": (TP, TP + FP),
        "recall": (TP, TP + FN),
        "F1": (TP, TP + FP + FN),
    }
    rows = {}
    for (name, (successes, trials)), value in zip(counted.items(), values, strict=True):
        low, high = wilson_interval(successes, trials, confidence) if trials else (0.0, 1.0)
        if name == "F1":
            low, high = (2 * share / (1 + share) for share in (low, high))
        rows[name] = {"value": value, "low": low, "high": high, "n": trials}
    return pd.DataFrame.from_dict(rows, orient="index")


def reliability_table(y: np.ndarray, probability: np.ndarray, n_bins: int = 5) -> pd.DataFrame:
    """Compare the probabilities that were said with how often class 1 came true.

    Parameters
    ----------
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    probability : ndarray, shape (N,)
        Of class 1.
    n_bins : int
        Bins of equal width from 0 to 1; empty ones are left out.

    Returns
    -------
    DataFrame
        A row a bin: ``said``, the mean probability; ``share``, how many were of class 1;
        ``low`` and ``high``, its Wilson interval; ``n``, the pictures.

    Raises
    ------
    ValueError
        `y` holds something other than 0 and 1, the shapes differ, or a probability does not
        lie between 0 and 1.
    """
    import pandas as pd

    _check_binary("y", y)
    if not np.all((probability >= 0) & (probability <= 1)):
        raise ValueError("probability must lie between 0 and 1, got values outside or NaN")
    if np.shape(probability) != np.shape(y):
        raise ValueError(f"probability must have shape {np.shape(y)}, got {np.shape(probability)}")
    bins = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    rows = []
    for b in np.unique(bins):
        ones, n = int(y[bins == b].sum()), int(np.sum(bins == b))
        low, high = wilson_interval(ones, n)
        said = float(probability[bins == b].mean())
        rows.append({"said": said, "share": ones / n, "low": low, "high": high, "n": n})
    return pd.DataFrame(rows)


# Experiments ----------------------------------------------------------------------------


def sweep(
    run: Callable[..., Mapping[str, float]],
    data: Any,
    configurations: Sequence[Mapping[str, Any]],
    *,
    n_splits: int = 20,
    seed: int = 0,
    store: str | Path | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Try every configuration on the same random splits: one table, a row a run.

    The generator of split k is spawned from `seed` and k alone, and every configuration gets it
    afresh. So if `run` draws the split first, all configurations meet the same splits, and
    their differences are about the configurations. For the same reason the table depends
    neither on the number of workers nor on which finishes first.

    joblib does the runs. To use other machines, connect a ``dask.distributed.Client`` to them
    and call this within ``joblib.parallel_config(backend="dask")``; start the workers with one
    thread each. In a terminal a bar shows how far it is.

    Parameters
    ----------
    run : callable
        ``run(data, rng=generator, **configuration)`` returns numbers by name.
    data : any
        What `run` works on: an array, or a tuple of them.
    configurations : sequence of mappings
        Arguments of `run`, by name.
    n_splits : int
    seed : int
        0 or more.
    store : str or Path, optional
        A folder that keeps each finished run in a file. What is there is not computed again, so
        an interrupted sweep goes on where it stopped. A file is named after all that its run
        depends on: data, configuration, seed, split, NumPy's version, this module, and `run`
        with the file that defines it (in a notebook, the lines of `run` alone).
    n_jobs : int, optional
        Processes at a time, as joblib has it: -1 for all cores. The default is what
        ``joblib.parallel_config`` says, else 1.

    Returns
    -------
    DataFrame
        In the order of the configurations, then of the splits. Columns: those that the
        configurations set, ``split``, and those that `run` returned.

    Raises
    ------
    ValueError
        There is no configuration, one sets ``rng`` or ``split``, or `n_splits` is not a whole
        number of at least 1.
    """
    import joblib
    import pandas as pd
    from tqdm import tqdm

    _check_count("n_splits", n_splits)
    if not configurations:
        raise ValueError("configurations must hold at least one mapping, got none")
    for name in ("rng", "split"):
        if any(name in configuration for configuration in configurations):
            raise ValueError(f"configurations must not set {name!r}, which the sweep gives")
    runs = [(dict(c), split) for c in configurations for split in range(n_splits)]
    measured: list[dict[str, float] | None] = [None] * len(runs)
    files: list[Path] = []
    if store is not None:
        common = joblib.hash((data, seed, np.__version__, _code(sweep), _code(run)))
        files = [Path(store) / f"{joblib.hash((common, *each))}.json" for each in runs]
        measured = [_stored_run(file) for file in files]
    # In a tuple, the data travel with every run. An array of its own dask would keep on one
    # worker, and it would be lost with it.
    calls = (
        joblib.delayed(_do_run)(place, run, (data,), configuration, seed, split)
        for place, (configuration, split) in enumerate(runs)
        if measured[place] is None
    )
    # One at a time, so that each is kept as soon as it is finished.
    parallel = joblib.Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
    finished = parallel(calls)
    done = len(runs) - measured.count(None)
    for place, measures in tqdm(finished, "runs", len(runs), initial=done, disable=None):
        measured[place] = measures
        if files:
            write_atomically(files[place], json.dumps(measures).encode())
    rows = [{**c, "split": k, **m} for (c, k), m in zip(runs, measured, strict=True)]
    return pd.DataFrame(rows)


def _do_run(
    place: int, run: Callable, data: tuple, configuration: dict, seed: int, split: int
) -> tuple[int, dict[str, float]]:
    """Do one run, in whatever process, and return it with its place in the table."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(split,)))
    with threadpool_limits(1):  # several threads round differently, and slow each other down
        measures = run(*data, rng=rng, **configuration)
    return place, {name: np.asarray(value).item() for name, value in measures.items()}


def _stored_run(file: Path) -> dict[str, float] | None:
    """Return what a run measured, or None if it has not been done or its file is damaged."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _code(function: Callable) -> tuple[str, str]:
    """Return the text of a function and of the file that defines it, if there is one."""
    module = inspect.getmodule(function)
    in_a_file = hasattr(module, "__file__")  # the cells of a notebook are in none
    return inspect.getsource(function), inspect.getsource(module) if in_a_file else ""


def paired_differences(
    table: pd.DataFrame,
    by: str,
    baseline: Any,
    *,
    measure: str = "accuracy",
    test_fraction: float = 0.2,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare configurations with one of them, split by split.

    On an easy split all do well, on a hard one none does. The difference on *equal* splits
    leaves that out. An interval for its mean is harder: random splits of one set share
    pictures, so n of them say less than n independent ones. Nadeau and Bengio ("Inference for
    the generalization error", 2003) estimate the variance of the mean as
    (1/n + test/training) times that of the differences; Student's t with n − 1 degrees of
    freedom makes the interval.

    Parameters
    ----------
    table : DataFrame
        From `sweep`.
    by : str
        The column that names the configurations.
    baseline : any
        The value of `by` that the others are compared with.
    measure : str
        The column to compare.
    test_fraction : float
        The share of the pictures in the test part, between 0 and 1.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each other configuration: ``value``, the mean difference, positive if it has
        more than the baseline; ``low`` and ``high``, its interval; ``n``, the splits.

    Raises
    ------
    ValueError
        The baseline is not in the table, a configuration does not have exactly one run for
        each of at least two splits, or a share is out of range.
    """
    import pandas as pd
    from scipy.stats import t as student

    for name, value in (("test_fraction", test_fraction), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
    names = list(table[by].unique())
    if baseline not in names:
        raise ValueError(f"baseline must be one of {names}, got {baseline!r}")
    n = table["split"].nunique()
    if n < 2 or table.duplicated([by, "split"]).any() or len(table) != n * len(names):
        raise ValueError(f"table must hold one run for each {by} and split, at least two splits")
    scores = table.pivot(index="split", columns=by, values=measure)
    factor = student.ppf((1 + confidence) / 2, n - 1)
    factor *= np.sqrt(1 / n + test_fraction / (1 - test_fraction))
    rows = {}
    for name in names:
        if name != baseline:
            difference = scores[name] - scores[baseline]
            value, half_width = difference.mean(), factor * difference.std(ddof=1)
            rows[name] = {"value": value, "low": value - half_width, "high": value + half_width}
    return pd.DataFrame.from_dict(rows, orient="index").assign(n=n)


# Figures --------------------------------------------------------------------------------

# Three of Okabe and Ito's colours, a grey, and an indigo of Tol's: they stay apart for
# colour-blind eyes. Line styles and markers repeat what they say, for grey print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#595959", "#332288")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "figure.titlesize": 11,
    "figure.facecolor": "white",
}
DPI = 144
_drawing = threading.RLock()  # Matplotlib's style is one for all threads


def _styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Run a plot function in the one style of the course."""

    @functools.wraps(plot)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        import matplotlib.style

        with _drawing, matplotlib.style.context(["default", STYLE]):
            return plot(*args, **kwargs)

    return styled


def _new_figure(width: float, height: float, **kwargs: Any) -> tuple[Figure, Any]:
    """Return a figure of so many inches and its axes, tied to no window and no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**kwargs)


def show_figure(figure: Figure, name: str) -> None:
    """Save a figure as a PNG and show it in the notebook, with its description.

    The file goes to the project's ``figures/``; if the environment variable ``SIGN_DIGITS``
    chooses other data, to a subfolder named after that file, so that the figures of the
    embedded set stay what they are. ``SIGN_DIGITS_FIGURES`` names another folder.

    Parameters
    ----------
    figure : Figure
        From a ``plot_…`` function. Its label is the description for those who can't see it.
    name : str
        The name of the file, without ``.png``.

    Raises
    ------
    ValueError
        The figure has no description.
    """
    _display(figure, _save(figure, name))


def _save(figure: Figure, name: str) -> bytes:
    """Save a figure under `figures_folder` and return the file's content."""
    if not figure.get_label():
        raise ValueError(f"figure {name!r} has no description: set one with figure.set_label(...)")
    picture = _png(figure)
    write_atomically(figures_folder() / f"{name}.png", picture)
    return picture


def _display(figure: Figure, picture: bytes, live: Any = None) -> None:
    """Show the picture of a figure, or where live figures work, the widget `live`."""
    try:
        from IPython.display import Image, display
    except ImportError:  # plain Python: the file is all there is to see
        return
    image = Image(picture, width=round(figure.get_figwidth() * 100), alt=figure.get_label())
    data, metadata = image._repr_mimebundle_()
    if live is not None:
        view, view_metadata = live._repr_mimebundle_()
        data, metadata = {**view, **data}, {**view_metadata, **metadata}
    display({**data, "text/plain": repr(image)}, metadata=metadata, raw=True)


def _png(figure: Figure) -> bytes:
    """Draw a figure as a PNG that carries its description."""
    buffer = io.BytesIO()
    with _drawing:
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Description": figure.get_label()})
    return buffer.getvalue()


def figures_folder() -> Path:
    """Return the folder that figures and results are written to; see `show_figure`."""
    if chosen := os.environ.get("SIGN_DIGITS_FIGURES"):
        return PROJECT / chosen
    other_data = os.environ.get("SIGN_DIGITS")
    return PROJECT / "figures" / (Path(other_data).stem if other_data else "")


def save_results(results: Mapping[str, Any]) -> None:
    """Write results to ``results.json`` beside the figures, shares rounded to 6 decimals."""
    rounded = json.loads(json.dumps(results), parse_float=lambda text: round(float(text), 6))
    text = json.dumps(rounded, indent=1) + "\n"
    write_atomically(figures_folder() / "results.json", text.encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either there in full or not changed at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


@_styled
def plot_pictures(
    pictures: np.ndarray,
    title: str,
    *,
    captions: Sequence[str] = (),
    columns: int = 10,
    signed: str = "",
    description: str = "",
) -> Figure:
    """Draw a grid of 28×28 pictures.

    Parameters
    ----------
    pictures : ndarray, shape (N, 784)
        Grey levels 0 to 255; or, with `signed`, any numbers, drawn on one scale from dark blue
        (the most negative) to yellow (the most positive), with a bar that says so.
    title : str
    captions : sequence of str
        One above each picture, or none.
    columns : int
        Pictures in a row.
    signed : str
        What signed numbers measure, for the bar's label; '' for grey levels.
    description : str
        What there is to see, for those who can't.

    Raises
    ------
    ValueError
        There are no pictures.
    """
    if len(pictures) == 0:
        raise ValueError("pictures must hold at least one picture, got none")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = 7.0 / max(columns, 4)
    height = rows * size + 0.24 * -(-len(captions) // columns) + 0.4
    figure, axes = _new_figure(
        max(columns * size + bool(signed) * 0.9, 3.4),
        height,
        nrows=rows,
        ncols=columns,
        squeeze=False,
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    limit = np.abs(pictures).max()
    look = {"cmap": "gray", "vmin": 0, "vmax": 255}
    if signed:
        look = {"cmap": "cividis", "vmin": -limit, "vmax": limit}
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture in zip(axes.flat, pictures, strict=False):
        image = axis.imshow(np.reshape(picture, (28, 28)), interpolation="nearest", **look)
    for axis, caption in zip(axes.flat, captions, strict=False):
        axis.set_title(caption, fontsize=9, loc="center", pad=3)
    if signed:
        figure.colorbar(image, ax=axes, shrink=0.9, aspect=12, label=signed)
    figure.suptitle(title, x=0.01, ha="left")
    listed = "; captions: " + ", ".join(captions) if len(captions) else ""
    listed = listed.replace("\n", " ")
    count = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures, {columns} in a row"
    figure.set_label(f"{title}: {count}{listed}. {description}".strip())
    return figure


@_styled
def plot_curves(
    curves: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
    ylim: tuple[float, float] | None = None,
    spread: pd.DataFrame | None = None,
) -> Figure:
    """Draw the columns of a table as lines over its index.

    Parameters
    ----------
    curves : DataFrame
        A column a line; its name is the line's name.
    title, xlabel, ylabel : str
    log : str
        Axes with a logarithmic scale: '', 'x', 'y' or 'xy'.
    ylim : (low, high), optional
    spread : DataFrame, optional
        In the shape of `curves`: how far a bar reaches up and down from each point.
    """
    figure, axis = _new_figure(7, 3.6)
    _draw_curves(axis, curves, spread)
    if "x" in log:
        axis.set_xscale("log")
        if len(curves) <= 10:  # few enough to name each
            axis.set_xticks(curves.index, [f"{x:g}" for x in curves.index])
            axis.set_xticks([], minor=True)
    if "y" in log:
        axis.set_yscale("log")
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    if len(curves.columns) > 1:  # beside the curves: inside, no corner is free for sure
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.set_label(f"{title}. {ylabel} against {xlabel}. {_describe_curves(curves, spread)}")
    return figure


def _draw_curves(axis: Any, curves: pd.DataFrame, spread: pd.DataFrame | None = None) -> None:
    """Draw each column with a colour, a line style and a few markers of its own."""
    for i, (name, values) in enumerate(curves.items()):
        axis.plot(
            curves.index,
            values,
            label=name,
            color=COLORS[i % len(COLORS)],
            linestyle=LINES[i % len(LINES)],
            marker=MARKERS[i % len(MARKERS)],
            markevery=(i, max(1, len(curves) // 8)) if spread is None else 1,
            markersize=4,
        )
        if spread is not None:
            bars = {"fmt": "none", "color": COLORS[i % len(COLORS)], "elinewidth": 1, "capsize": 3}
            axis.errorbar(curves.index, values, spread[name], **bars)
    if curves.index.dtype.kind == "i":
        axis.xaxis.get_major_locator().set_params(integer=True)


def _describe_curves(curves: pd.DataFrame, spread: pd.DataFrame | None = None) -> str:
    """Say in words where each line starts and ends, how low and high it gets, and its bars."""
    said = []
    for name, values in curves.items():
        values = values.replace([np.inf, -np.inf], np.nan).dropna()
        if values.empty:
            said.append(f"{name}: no finite values.")
            continue
        x = values.index
        said.append(
            f"{name}: {values.iloc[0]:.3g} at {x[0]:.3g}, {values.iloc[-1]:.3g} at {x[-1]:.3g}, "
            f"lowest {values.min():.3g}, highest {values.max():.3g}."
        )
        if spread is not None:
            said.append(f"Bars from ±{spread[name].min():.2g} to ±{spread[name].max():.2g}.")
    return " ".join(said)


@_styled
def plot_history(
    history: Mapping[str, Sequence[float]], title: str, learned: np.ndarray | None = None
) -> Figure:
    """Draw loss and accuracy over the epochs, side by side, and what units look for.

    Parameters
    ----------
    history : mapping of str to sequence of float
        Columns with a value an epoch, from `train`.
    title : str
    learned : ndarray, shape (M, 784), optional
        What training added to the weights of hidden units, drawn as up to 16 pictures on one
        scale from dark blue (the most negative) to yellow (the most positive).
    """
    import pandas as pd

    figure, axes = _new_figure(8, 3.4, ncols=2 + (learned is not None))
    table = pd.DataFrame(history).set_index("epoch")
    said = []
    for axis, measure, unit in zip(axes, ("loss", "accuracy"), (" (nats)", " (share)")):  # noqa: B905
        columns = {measure: "training", f"validation_{measure}": "validation"}
        curves = table.rename(columns=columns)
        curves = curves[[name for name in columns.values() if name in curves]]
        _draw_curves(axis, curves)
        axis.set(title=measure.capitalize(), xlabel="epoch", ylabel=measure + unit)
        axis.legend()
        said.append(f"{measure.capitalize()} against epoch. {_describe_curves(curves)}")
    axes[0].set_ylim(bottom=0)
    if learned is not None:
        learned = learned[:16]
        limit = np.abs(learned).max()
        look = {"cmap": "cividis", "vmin": -limit, "vmax": limit}
        axes[2].imshow(_side_by_side(learned, columns=4), interpolation="nearest", **look)
        axes[2].axis("off")
        axes[2].set_anchor("N")
        units = "1 unit" if len(learned) == 1 else f"{len(learned)} units"
        axes[2].set_title(f"What {units} learned")
        said.append(f"What {units} learned, as pictures of their weights, up to ±{limit:.2g}.")
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(f"{title}. {' '.join(said)}")
    return figure


def _side_by_side(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Lay pictures (N, 784) out in rows as one picture, with an empty line between them."""
    rows = -(-len(pictures) // columns)
    tiles = np.full((rows * columns, SIDE + 1, SIDE + 1), np.nan)
    tiles[: len(pictures), :SIDE, :SIDE] = pictures.reshape(-1, SIDE, SIDE)
    sheet = tiles.reshape(rows, columns, SIDE + 1, SIDE + 1).swapaxes(1, 2)
    return sheet.reshape(rows * (SIDE + 1), columns * (SIDE + 1))[:-1, :-1]


@_styled
def plot_neuron(x: np.ndarray, y: np.ndarray, *, weight: float, bias: float) -> Figure:
    """Draw a neuron with one input among its examples, and its loss around this weight.

    Parameters
    ----------
    x : ndarray, shape (N,)
        The input of each example.
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    weight, bias : float
    """
    figure, (left, right) = _new_figure(8, 3.4, ncols=2)
    inputs = np.linspace(-6, 6, 121)
    a = sigmoid(weight * inputs + bias)
    left.plot(inputs, a, color=COLORS[0], label="answer a")
    left.plot(inputs, a * (1 - a), color=COLORS[3], linestyle=LINES[1], label="slope of σ")
    for label, marker in ((0, "o"), (1, "^")):
        here = y == label
        look = {"color": COLORS[1 + label], "label": f"truth is {label}", "zorder": 3}
        left.plot(x[here], y[here], marker, **look)
    left.set(title="What it answers", xlabel="input x", ylabel="answer, slope", ylim=(-0.05, 1.05))
    left.legend(fontsize=8, loc="center left")
    weights = np.linspace(-6, 6, 121)
    losses = [binary_cross_entropy(w * x + bias, y) for w in weights]
    loss = binary_cross_entropy(weight * x + bias, y)
    right.plot(weights, losses, color=COLORS[0])
    right.plot(weight, loss, "D", color=COLORS[1])
    right.set(title="What that costs", xlabel="weight w", ylabel="loss (nats)", ylim=(0, 9))
    title = f"One neuron with weight {weight:g} and bias {bias:g}"
    figure.suptitle(title, x=0.01, ha="left")
    right_ones = int(np.sum((weight * x + bias >= 0) == (y == 1)))
    figure.set_label(
        f"{title}. The loss of its {len(x)} examples is {loss:.3f} nats, {right_ones} are right. "
        f"At this bias the loss is lowest, {min(losses):.3f}, at weight "
        f"{weights[np.argmin(losses)]:.1f}."
    )
    return figure


@_styled
def plot_distributions(
    samples: Mapping[str, np.ndarray],
    title: str,
    *,
    xlabel: str,
    bins: int | Sequence[float] = 40,
    log: bool = False,
) -> Figure:
    """Draw how often each value occurs in each of a few samples, as outlines.

    Parameters
    ----------
    samples : mapping of str to ndarray
        Values of any number, by name.
    title, xlabel : str
    bins : int or sequence of float
        How many bins, or their edges.
    log : bool
        A logarithmic scale for the shares.
    """
    figure, axis = _new_figure(7, 3.6)
    edges = np.histogram_bin_edges(np.concatenate([np.ravel(v) for v in samples.values()]), bins)
    said = []
    for i, (name, values) in enumerate(samples.items()):
        share = np.histogram(values, edges)[0] / np.size(values)
        axis.stairs(
            share,
            edges,
            label=name,
            color=COLORS[i % len(COLORS)],
            linestyle=LINES[i % len(LINES)],
            linewidth=1.8,
        )
        said.append(f"{name}: median {np.median(values):.3g}")
    if log:
        axis.set_yscale("log")
    axis.set(title=title, xlabel=xlabel, ylabel="share in each bin")
    if len(samples) > 1:
        axis.legend()
    figure.set_label(f"{title}. Histogram of {xlabel}. {'; '.join(said)}.")
    return figure


@_styled
def plot_intervals(
    table: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    reference: Mapping[str, float] | None = None,
    reference_name: str = "",
    zero: bool = False,
) -> Figure:
    """Draw values with their intervals, a row each, and others to compare with.

    Parameters
    ----------
    table : DataFrame
        Columns ``value``, ``low``, ``high``; the index names the rows.
    title, xlabel : str
    reference : mapping of str to float, optional
        A second value for some of the rows, drawn as a hollow diamond.
    reference_name : str
        What the second values are.
    zero : bool
        A line at 0, for differences.
    """
    figure, axis = _new_figure(7, 0.9 + 0.42 * len(table))
    heights = np.arange(len(table))[::-1]
    if zero:
        axis.axvline(0, color=COLORS[3], linestyle=LINES[1])
    errors = table[["value", "high"]].to_numpy().T - table[["low", "value"]].to_numpy().T
    axis.errorbar(
        table["value"], heights, xerr=errors, fmt="o", color=COLORS[0], capsize=4, label="this run"
    )
    said = [
        f"{row.Index}: {row.value:z.3f}, {row.low:z.3f} to {row.high:z.3f}"
        for row in table.itertuples()
    ]
    if reference:
        places = [heights[list(table.index).index(name)] for name in reference]
        axis.plot(
            list(reference.values()),
            np.array(places) + 0.18,
            "D",
            color=COLORS[1],
            markerfacecolor="white",
            label=reference_name,
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        said.append(f"{reference_name}: " + ", ".join(f"{k} {v:.3f}" for k, v in reference.items()))
    axis.set_yticks(heights, table.index)
    axis.set_ylim(-0.6, len(table) - 0.4)
    axis.grid(axis="y", visible=False)
    axis.set(title=title, xlabel=xlabel)
    figure.set_label(f"{title}. {xlabel}, with intervals. {'; '.join(said)}.")
    return figure


@_styled
def plot_confusion_matrix(matrix: np.ndarray, title: str, *, names: Sequence[str]) -> Figure:
    """Draw a confusion matrix with its counts.

    Parameters
    ----------
    matrix : ndarray of int, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``.
    title : str
    names : sequence of two str
        What classes 0 and 1 are called.
    """
    import seaborn as sns

    figure, axis = _new_figure(3.8, 3.5)
    sns.heatmap(
        matrix,
        annot=[
            [f"{kind}\n{count}" for kind, count in zip(kinds, row, strict=True)]
            for kinds, row in zip((("TN", "FP"), ("FN", "TP")), matrix.tolist(), strict=True)
        ],
        fmt="",
        cmap="Blues",
        vmin=0,
        square=True,
        linewidths=1,
        linecolor="#595959",
        cbar=False,
        annot_kws={"fontsize": 13},
        xticklabels=names,
        yticklabels=names,
        ax=axis,
    )
    axis.tick_params(axis="y", rotation=0)
    axis.set(title=title, xlabel="predicted", ylabel="true")
    (TN, FP), (FN, TP) = matrix.tolist()
    figure.set_label(
        f"{title}. Confusion matrix. True {names[0]}: {TN} predicted {names[0]}, {FP} predicted "
        f"{names[1]}. True {names[1]}: {FN} predicted {names[0]}, {TP} predicted {names[1]}."
    )
    return figure


@_styled
def plot_threshold(
    y: np.ndarray, probability: np.ndarray, pictures: np.ndarray, *, threshold: float
) -> Figure:
    """Draw what a threshold does: counts, precision and recall, and the mistakes.

    Parameters
    ----------
    y : ndarray, shape (N,)
        True classes, 0 or 1.
    probability : ndarray, shape (N,)
        Of class 1.
    pictures : ndarray, shape (N, 784)
        Grey levels. The first 25 mistakes are drawn.
    threshold : float
        Class 1 is said from this probability on.
    """
    predicted = (probability >= threshold).astype(int)
    matrix = confusion_matrix(y, predicted)
    figure, (left, middle, right) = _new_figure(8, 3.4, ncols=3)
    left.imshow(matrix, cmap="Blues", vmin=0, vmax=len(y))
    for (row, column), count in np.ndenumerate(matrix):
        kind = (("TN", "FP"), ("FN", "TP"))[row][column]
        left.text(column, row, f"{kind}\n{count}", ha="center", va="center", fontsize=13)
    left.set(title="Counts", xlabel="predicted class", ylabel="true class")
    left.set(xticks=(0, 1), yticks=(0, 1))
    left.set_anchor("N")
    left.grid(visible=False)
    steps = np.linspace(0.01, 0.99, 50)
    metrics = [
        classification_metrics(confusion_matrix(y, (probability >= step).astype(int)))
        for step in steps
    ]
    for i, name in enumerate(("precision", "recall")):
        values = [getattr(m, name) for m in metrics]
        middle.plot(steps, values, color=COLORS[i], linestyle=LINES[i], label=name)
    middle.axvline(threshold, color=COLORS[3], linestyle=LINES[3])
    middle.set(title="At every threshold", xlabel="threshold", ylabel="share", xlim=(0, 1))
    middle.legend(loc="lower center", frameon=True, framealpha=1)
    wrong = np.flatnonzero(predicted != y)
    right.axis("off")
    mistakes = "1 mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
    right.set_title(mistakes)
    sheet = np.full((25, N_PIXELS), np.nan)  # always as many places, so nothing jumps
    sheet[: len(wrong)] = pictures[wrong[:25]]
    look = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
    right.imshow(_side_by_side(sheet, columns=5), **look)
    right.set_anchor("N")
    title = f"Class 1 from a probability of {threshold:g} on"
    figure.suptitle(title, x=0.01, ha="left")
    now, (TN, FP), (FN, TP) = classification_metrics(matrix), *matrix.tolist()
    figure.set_label(
        f"{title}. TN {TN}, FP {FP}, FN {FN}, TP {TP}; precision {now.precision:.3f}, recall "
        f"{now.recall:.3f}. {mistakes}, drawn as pictures, 25 at most."
    )
    return figure


@_styled
def plot_answer(picture: np.ndarray, answers: pd.Series, title: str, *, at: float) -> Figure:
    """Draw a picture beside the probabilities that a network gives to it and its like.

    Parameters
    ----------
    picture : ndarray, shape (784,)
        Grey levels.
    answers : Series
        The probability of class 1 over what is changed about the picture, which its index
        names; `at` is among it.
    title : str
    at : float
        How this picture is changed.
    """
    figure, (left, right) = _new_figure(7, 3.2, ncols=2, width_ratios=(1, 1.6))
    left.imshow(picture.reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    left.axis("off")
    right.plot(answers.index, answers, color=COLORS[0])
    right.plot(at, answers[at], "D", color=COLORS[1], clip_on=False, zorder=3)
    right.axhline(0.5, color=COLORS[3], linestyle=LINES[3])
    inside = (8, 8 if answers[at] < 0.5 else -16)
    right.annotate(f"{answers[at]:.2f}", (at, answers[at]), inside, textcoords="offset points")
    right.set(xlabel=answers.index.name, ylabel="probability of class 1", ylim=(-0.03, 1.03))
    figure.suptitle(title, x=0.01, ha="left")
    figure.set_label(
        f"{title}. Probability of class 1: {answers[at]:.2f} at {answers.index.name} {at:g}; "
        f"from {answers.min():.2f} at {answers.idxmin():g} to {answers.max():.2f} at "
        f"{answers.idxmax():g}."
    )
    return figure


@_styled
def plot_heatmap(
    table: pd.DataFrame,
    title: str,
    *,
    xlabel: str,
    ylabel: str,
    measure: str,
    spread: pd.DataFrame | None = None,
) -> Figure:
    """Draw a table of numbers as coloured squares, the numbers written in them.

    Parameters
    ----------
    table : DataFrame
        Rows and columns as they are drawn. NaN leaves a square empty.
    title, xlabel, ylabel : str
    measure : str
        What the numbers are, for the bar's label.
    spread : DataFrame, optional
        In the shape of `table`: written below each number, after ±.
    """
    import seaborn as sns

    texts = table.map("{:.1f}".format)
    if spread is not None:
        texts = texts + spread.map("\n± {:.1f}".format)
    rows, columns = table.shape
    figure, axis = _new_figure(1.9 + 0.66 * columns, 1.2 + 0.45 * rows)
    sns.heatmap(
        table,
        annot=texts,
        fmt="",
        cmap="cividis",
        linewidths=1,
        cbar_kws={"label": measure},
        annot_kws={"fontsize": 8},
        ax=axis,
    )
    filled = table.notna().to_numpy().ravel()
    for text, square in zip(axis.texts, axis.collections[0].get_facecolor()[filled], strict=True):
        light = square[:3] @ (0.2126, 0.7152, 0.0722) > 0.46
        text.set_color("black" if light else "white")
    axis.tick_params(axis="y", rotation=0)
    axis.grid(visible=False)
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    numbers = table.stack().dropna()
    said = [
        f"{word} {numbers.loc[place]:.1f} at {ylabel} {place[0]} and {xlabel} {place[1]}"
        for word, place in (("lowest", numbers.idxmin()), ("highest", numbers.idxmax()))
    ]
    figure.set_label(f"{title}. Table of {measure}: {', '.join(said)}.")
    return figure


@_styled
def plot_reliability(table: pd.DataFrame, title: str) -> Figure:
    """Draw how often class 1 came true against how probable it was said to be.

    Parameters
    ----------
    table : DataFrame
        A row a bin, from `reliability_table`.
    title : str
    """
    figure, axis = _new_figure(4.6, 4.2)
    axis.plot([0, 1], [0, 1], color=COLORS[3], linestyle=":", label="as often as said")
    errors = table[["share", "high"]].to_numpy().T - table[["low", "share"]].to_numpy().T
    axis.errorbar(
        table["said"],
        table["share"],
        yerr=errors,
        fmt="o",
        color=COLORS[0],
        capsize=3,
        label="this network",
    )
    for row in table.itertuples():
        axis.annotate(
            f"n = {row.n:.0f}",
            (row.said, row.share),
            (7, -3),
            textcoords="offset points",
            fontsize=8,
        )
    axis.set(title=title, xlabel="mean probability said", ylabel="share that came true")
    axis.set(xlim=(-0.03, 1.12), ylim=(-0.03, 1.06))
    axis.legend(loc="upper left")
    said = "; ".join(
        f"{row.said:.2f} said, {row.share:.2f} came true, {row.low:.2f} to {row.high:.2f}, "
        f"n = {row.n:.0f}"
        for row in table.itertuples()
    )
    figure.set_label(f"{title}. {said}.")
    return figure


@_styled
def plot_network(n_inputs: int, n_hidden: int) -> Figure:
    """Draw the layers of the network and which parameters lie between them.

    Parameters
    ----------
    n_inputs, n_hidden : int
    """
    figure, axis = _new_figure(7, 3.2)
    axis.axis("off")
    axis.set(xlim=(-0.6, 4.6), ylim=(-3.1, 2.6), title="From a picture to a probability")
    heights = np.array([2.0, 1.25, 0.5, -0.75, -1.5])
    layers = [(0, heights), (2, heights), (4, np.array([0.25]))]
    for (left, starts), (right, ends) in pairwise(layers):
        for start in starts:
            for end in ends:
                axis.plot([left, right], [start, end], color="#BBBBBB", linewidth=0.7, zorder=1)
    for i, (x, ys) in enumerate(layers):
        axis.scatter(np.full(len(ys), x), ys, s=170, color=COLORS[i], marker=MARKERS[i], zorder=2)
        if len(ys) > 1:
            axis.text(x, -0.14, "⋮", ha="center", va="center", fontsize=15)
    notes = {
        0: f"input X\n{n_inputs} pixels",
        1: f"W1 ({n_inputs}, {n_hidden})\nb1 ({n_hidden},)",
        2: f"hidden a1\n{n_hidden} sigmoid units",
        3: f"W2 ({n_hidden},)\nb2 ()",
        4: "output a2\n1 sigmoid unit",
    }
    for x, note in notes.items():
        axis.text(x, -2.1, note, ha="center", va="top")
    figure.set_label(
        f"Diagram of the network: {n_inputs} inputs, each joined to each of {n_hidden} hidden "
        "sigmoid units by the weights W1, and these to one sigmoid output unit by the weights W2."
    )
    return figure


# Live figures ---------------------------------------------------------------------------

# What a live figure does in the browser: native sliders, which a keyboard and a screen reader
# know, and one picture that is replaced once the next one is ready, so nothing flickers.
_LIVE_SCRIPT = """
function render({ model, el }) {
  const group = document.createElement("div");
  group.className = "live-figure";
  group.setAttribute("role", "group");
  const image = document.createElement("img");
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  const controls = model.get("controls");
  const names = controls.map(({ name }) => name).join(", ");
  group.setAttribute("aria-label", "Live figure: " + names);

  const sliders = controls.map(({ name, texts }, i) => {
    const label = document.createElement("label");
    const value = document.createElement("span");
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: texts.length - 1, step: 1 });
    slider.setAttribute("aria-label", name);
    slider.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves the arrow keys to it
    slider.tell = () => {
      value.textContent = texts[slider.value];
      slider.setAttribute("aria-valuetext", texts[slider.value]);
    };
    slider.addEventListener("input", choose);
    label.append(name, slider, value);
    group.append(label);
    return slider;
  });
  const reset = document.createElement("button");
  reset.textContent = "back to the start";
  reset.dataset.lmSuppressShortcuts = "true";
  reset.addEventListener("click", () => {
    sliders.forEach((slider, i) => { slider.value = controls[i].start; });
    choose();
  });

  function choose() {
    model.set("chosen", sliders.map((slider) => slider.valueAsNumber));
    model.save_changes();
  }
  function follow() {  // also what was moved in another view of this figure
    sliders.forEach((slider, i) => { slider.value = model.get("chosen")[i]; slider.tell(); });
    const late = model.get("drawn").chosen.join() !== model.get("chosen").join();
    group.setAttribute("aria-busy", String(late));
  }
  let url = "";
  async function show() {
    const drawn = model.get("drawn");
    const next = URL.createObjectURL(new Blob([drawn.picture], { type: "image/png" }));
    const loaded = new Image();
    loaded.src = next;
    await loaded.decode();
    if (drawn !== model.get("drawn")) return URL.revokeObjectURL(next);
    image.src = next;
    image.alt = drawn.description;
    // The start of the description: a screen reader says it after each move.
    status.textContent = drawn.error || drawn.description.split(". ").slice(0, 2).join(". ");
    status.className = drawn.error ? "live-error" : "live-unseen";
    URL.revokeObjectURL(url);
    url = next;
    follow();
  }
  model.on("change:chosen", follow);
  model.on("change:drawn", show);
  image.width = model.get("width");
  group.append(reset, image, status);
  el.append(group);
  follow();
  show();
  return () => URL.revokeObjectURL(url);
}
export default { render };
"""
_LIVE_STYLE = """
.live-figure { max-width: 100%; }
.live-figure label { display: inline-grid; grid-template-columns: 7em 10em 4em;
  column-gap: 0.6em; align-items: center; margin: 0 1em 0.3em 0; }
.live-figure label input { width: 100%; margin: 0; }
.live-figure button { margin-bottom: 0.5em; }
.live-figure img { display: block; max-width: 100%; height: auto; transition: opacity 0s; }
.live-figure[aria-busy="true"] img { opacity: 0.5; transition: opacity 0.3s 0.5s; }
.live-figure .live-error { color: var(--jp-error-color0, #b00020); font-weight: bold; }
.live-figure .live-unseen { position: absolute; width: 1px; height: 1px; margin: 0;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
"""


def show_live(draw: Callable[..., Figure], name: str, **settings: Sequence[float]) -> None:
    """Show a figure with sliders, and draw it anew whenever one of them moves.

    Where no live figure can be shown (on paper, on a web page, without the package anywidget),
    the figure with the settings that it starts with stands in its place. It is also saved, as
    `show_figure` does.

    Parameters
    ----------
    draw : callable
        Takes the settings and returns a figure from a ``plot_…`` function. Its defaults are
        the settings to start with. If it also takes ``on_epoch``, it should hand it on to
        `train`: so a run that a newer setting has overtaken stops after its current epoch and
        is dropped.
    name : str
        The name of the file, without ``.png``.
    **settings : sequence of float
        The values of each slider. Its label is the setting's name.

    Raises
    ------
    ValueError
        A setting is no parameter of `draw`, or its default is not among the values.
    """
    parameters = inspect.signature(draw).parameters
    start = []
    for setting, values in settings.items():
        default = parameters[setting].default if setting in parameters else inspect.Parameter.empty
        if default not in list(values):
            raise ValueError(
                f"{setting} must be a parameter of {draw.__name__} with a default among the "
                f"slider's values, got {default!r}"
            )
        start.append(list(values).index(default))
    figure = draw()
    picture = _save(figure, name)
    try:
        live = _live_figure(draw, figure, settings, start)
    except ImportError:
        live = None
    _display(figure, picture, live)


def _live_figure(
    draw: Callable[..., Figure],
    figure: Figure,
    settings: Mapping[str, Sequence[float]],
    start: list[int],
) -> Any:
    """Return a widget that shows a figure, just saved, and redraws it when a slider moves."""
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    import anywidget
    import traitlets
    from threadpoolctl import threadpool_limits

    class LiveFigure(anywidget.AnyWidget):
        _esm = _LIVE_SCRIPT
        _css = _LIVE_STYLE
        width = traitlets.Int().tag(sync=True)
        controls = traitlets.List().tag(sync=True)
        chosen = traitlets.List().tag(sync=True)  # the place of each slider
        drawn = traitlets.Dict().tag(sync=True)  # all in one, so that it arrives in one piece

    # Where the axes are is settled once. That takes time, and nothing jumps while a slider moves.
    places = [axis.get_position(original=True) for axis in figure.axes]

    def drawing(figure: Figure, chosen: list[int]) -> dict[str, Any]:
        picture = _png_in_places(figure, places)
        return {
            "chosen": chosen,
            "picture": picture,
            "description": figure.get_label(),
            "error": "",
        }

    widget = LiveFigure(
        width=round(figure.get_figwidth() * 100),
        controls=[
            {"name": name.replace("_", " "), "texts": [f"{v:g}" for v in values], "start": place}
            for (name, values), place in zip(settings.items(), start, strict=True)
        ],
        chosen=start,
        drawn=drawing(figure, start),
    )
    watches = "on_epoch" in inspect.signature(draw).parameters

    def redraw() -> None:
        chosen = list(widget.chosen)
        if widget.drawn["chosen"] == chosen:
            return

        def stop_if_overtaken(_row: Mapping[str, float]) -> None:
            if widget.chosen != chosen:
                raise _OvertakenError

        try:
            pairs = zip(settings.items(), chosen, strict=True)
            now = {name: values[place] for (name, values), place in pairs}
            with threadpool_limits(1):  # more threads slow such small products down
                figure = draw(**now, **({"on_epoch": stop_if_overtaken} if watches else {}))
            widget.drawn = drawing(figure, chosen)
        except _OvertakenError:
            return
        except Exception as error:  # nobody else would show it
            said = f"{type(error).__name__}: {error}"
            widget.drawn = {**widget.drawn, "chosen": chosen, "error": said}

    # One at a time, beside the notebook. Messages may come on several threads.
    worker = ThreadPoolExecutor(max_workers=1)
    widget.observe(lambda _: worker.submit(contextvars.copy_context().run, redraw), names="chosen")
    return widget


def _png_in_places(figure: Figure, places: Sequence[Any]) -> bytes:
    """Draw a figure as a PNG, once instead of twice, because nothing has to find its place."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_layout_engine("none")
    for axis, place in zip(figure.axes, places, strict=True):
        axis.set_position(place)
    figure.set_dpi(DPI)
    buffer = io.BytesIO()
    with _drawing:
        FigureCanvasAgg(figure).print_png(buffer, pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


class _OvertakenError(Exception):
    """A newer setting is waiting; nobody wants this run's result any more."""
