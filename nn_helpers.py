"""A neural network from nothing but NumPy that tells two hand signs apart.

The notebooks derive what is written here; this module is the one place it is kept. It
follows their order: data, network, training, evaluation, experiments. The figures stand in
``nn_figures.py``.

One set of letters holds everywhere. ``N`` examples, ``D`` inputs (784 pixels), ``H`` hidden
units (64). Rows are examples: ``X`` is (N, D) and ``y`` is (N,), 0 or 1. The parameters are
``W1`` (D, H), ``b1`` (H,), ``W2`` (H,) and ``b2`` (); the activations are ``z1``, ``a1`` (N, H)
and ``z2``, ``a2`` (N,). ``dW1`` is the derivative of the loss with respect to ``W1``. Equation
numbers, ``Eq. (n)``, are those of ``notebooks/02_derivation.ipynb``.

No function changes the arrays it is given, and all randomness comes from a
``numpy.random.Generator`` that the caller passes. Only NumPy is imported here: pandas is
imported where a table is made, joblib where many runs are. So the network itself stands on
NumPy alone.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PROJECT = Path(__file__).resolve().parent
SIDE = 28
N_PIXELS = SIDE * SIDE
# Where each pixel is, from the middle of the picture: right + 1j · down.
PLACES = ((np.arange(SIDE) + 1j * np.arange(SIDE)[:, None]) - (1 + 1j) * (SIDE - 1) / 2).ravel()
PLACES = PLACES.astype(np.complex64)
DIGITS = (6, 8)  # the two of the course: the first is class 0, the second is class 1


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
    data: SignDigits, negative: int = DIGITS[0], positive: int = DIGITS[1]
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
        and each class is split instead. What `find_copies` returns keeps copies together.
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
            "These pictures do not name their signers, so each class is split at random, and "
            "copies of one picture may come to stand on both sides; find_copies(X, y) finds groups "
            "of copies that can stand for the signers.",
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


def course_split(signers: np.ndarray | None, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put the test signers of the course aside: always the same fifth.

    Whatever is measured, tried or chosen before notebook 04 comes from the other four fifths.

    Parameters
    ----------
    signers : ndarray of int, shape (N,), or None
    y : ndarray, shape (N,)
        The classes; used only if `signers` is None.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, ascending, from `split_by_signer`.
    """
    return split_by_signer(signers, 0.2, rng=np.random.default_rng(68), y=y)


def augment(
    X: np.ndarray,
    copies: int,
    *,
    rng: np.random.Generator,
    degrees: float = 12.0,
    pixels: float = 1.5,
    zoom: float = 0.08,
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
    zoom : float
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
    _check_pictures("X", X)
    _check_count("copies", copies)
    for name, value, limit in (("degrees", degrees, 180), ("pixels", pixels, SIDE)):
        if not 0 <= value <= limit:
            raise ValueError(f"{name} must lie between 0 and {limit}, got {value!r}")
    if not 0 <= zoom < 1:
        raise ValueError(f"zoom must be at least 0 and less than 1, got {zoom!r}")
    draws = rng.uniform(-1, 1, (4, len(X) * copies))
    return move(
        np.repeat(X, copies, axis=0),
        degrees=degrees * draws[0],
        factor=1 + zoom * draws[1],
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
    middle, u, v = (SIDE - 1) / 2, PLACES.real, PLACES.imag
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


def find_copies(
    images: np.ndarray, labels: np.ndarray | None = None, *, threshold: float = 0.96
) -> np.ndarray:
    """Find pictures that are copies of one another: turned, shifted or scaled.

    A file may hold one photograph several times. A split at random then tests with pictures
    that the network has seen. Pass what this function returns as `signers` to
    `split_by_signer`: it keeps the copies on one side. It does not know people: two photographs
    of one person are two groups.

    Every two hands are laid on top of each other, first roughly, at 60 turns. Those that look
    alike are then moved until they fit best, and their *edges* are correlated. Outlines of two
    people's hands can be much alike; the edges hardly ever are. Groups are joined by average
    linkage: two of them become one if their pictures reach `threshold` on average. So a single
    likeness does not chain two people's hands together.

    "Found" means "look at these", not "proved". Measured on what ``data/render_hands.py`` makes
    of five hands with the seeds 1, 2 and 3: of the pairs made from one photograph, 99.9 % came
    into one group; no group held two people's hands. Where there is nothing to find, 0.7 % of
    the 5,000 embedded pictures and 0.3 % of 2,062 photographs came into a group with another
    person's. Of copies turned by up to 90°, shifted by up to 3 pixels and scaled by up to 15 %,
    many of them cut off, 98 % were found among 1,000 pictures of a sign.

    Parameters
    ----------
    images : ndarray, shape (N, 784)
        Hands on black, in any unit.
    labels : ndarray, shape (N,), optional
        Only pictures of one label are compared. Without labels all are, which takes longer:
        for 5,000 pictures two minutes and not 40 seconds, on two cores. In a terminal, a bar
        shows how far it is.
    threshold : float
        The correlation of the edges from which on two pictures are copies, between 0 and 1.

    Returns
    -------
    ndarray of int64, shape (N,)
        For each picture the row of its group's first picture.

    Raises
    ------
    ValueError
        An argument has the wrong shape, type or range.
    """
    import joblib
    from scipy.ndimage import gaussian_filter
    from tqdm import tqdm

    _check_pictures("images", images)
    if not np.all((images >= 0) & (images < np.inf)):  # NaN is neither
        raise ValueError("images must hold grey levels from 0, black, on, got others or NaN")
    labels = np.zeros(len(images)) if labels is None else np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(f"labels must have shape ({len(images)},), got {labels.shape}")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold!r}")
    # Whoever turns a picture blurs it a little. With all blurred, that makes no difference.
    X = images.reshape(-1, SIDE, SIDE).astype(np.float32)
    X = gaussian_filter(X, (0, 0.7, 0.7)).reshape(-1, N_PIXELS)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    # NumPy lets other threads work while it computes, so threads do, and share the pictures.
    parallel = joblib.Parallel(-1, prefer="threads", return_as="generator")
    found = parallel(joblib.delayed(_group_copies)(X[rows], threshold) for rows in classes)
    groups = np.empty(len(images), dtype=np.int64)
    bar = tqdm(found, "comparing pictures", len(classes), unit="label", disable=None)
    for rows, first in zip(classes, bar, strict=True):
        groups[rows] = rows[first]
    return groups


def _group_copies(X: np.ndarray, threshold: float) -> np.ndarray:
    """Return for each picture the row of the first of its copies; see `find_copies`."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(X) < 2:
        return np.zeros(len(X), dtype=int)
    likeness, turn, centre, spread = _likeness_by_turns(X)
    # Look closer at what is alike, and at the 32 most alike of each picture in any case.
    near = likeness > 0.96
    np.put_along_axis(near, np.argsort(-likeness, axis=1)[:, :32], True, axis=1)
    i, j = np.nonzero(np.triu(near | near.T, k=1))
    a = spread[j] / spread[i] * np.exp(-1j * turn[i, j])
    b = centre[j] - a * centre[i]
    likeness -= 0.05  # of edges it is less, in pairs that no closer look is worth
    for start in range(0, len(i), 256):  # few at a time: they stay in the processor's cache
        some = slice(start, start + 256)
        A, B, a_some, b_some = X[i[some]], X[j[some]], a[some], b[some]
        # If one picture is cut off at its edge, only the other one holds all that both show.
        likeness[i[some], j[some]] = np.maximum(
            _likeness_of_edges(A, B, a_some, b_some),
            _likeness_of_edges(B, A, 1 / a_some, -b_some / a_some),
        )
    likeness = np.triu(likeness, k=1)
    tree = linkage(squareform(1 - likeness - likeness.T, checks=False), "average")
    found = fcluster(tree, 1 - threshold, "distance")
    _, first, group = np.unique(found, return_index=True, return_inverse=True)
    return first[group]


def _likeness_by_turns(X: np.ndarray) -> tuple[np.ndarray, ...]:
    """Correlate every two hands at every turn, in steps of 6°.

    Each hand's centre becomes the middle, and its size is made the same. Then it is read along
    rings around the middle. On a ring, a turn is a shift. So one reading serves all turns, and
    each turn is one matrix product.

    Parameters
    ----------
    X : (N, 784)

    Returns
    -------
    likeness : (N, N), the best correlation, and −1 of a picture with itself
    turn : (N, N), in radians, from the column's picture to the row's, clockwise
    centre : (N,) complex, centre of gravity; right + 1j · down, in pixels from the middle
    spread : (N,), root of the mean squared distance from there, in pixels
    """
    n_turns, size = 60, 8.0
    light = X / np.maximum(X.sum(axis=1, keepdims=True), 1e-6)
    centre = light @ PLACES
    spread = np.sqrt(np.sum(light * np.abs(PLACES - centre[:, None]) ** 2, axis=1))
    spread = np.maximum(spread, 1e-3)
    radius = np.arange(0.5, SIDE / 2)
    directions = np.exp(2j * np.pi * np.arange(n_turns) / n_turns)
    rings = np.outer(spread / size, np.outer(radius, directions)) + centre[:, None]
    rings = _at_places(X, rings)
    area = np.repeat(radius, n_turns).astype(X.dtype)  # an outer ring stands for more of it
    rings = np.sqrt(area) * (rings - (rings @ area / area.sum())[:, None])
    rings /= np.maximum(np.linalg.norm(rings, axis=1, keepdims=True), 1e-6)
    likeness, turn = np.full((2, len(X), len(X)), -1, dtype=X.dtype)
    for k in range(n_turns):
        turned = np.roll(rings.reshape(len(X), -1, n_turns), k, axis=2)
        correlation = rings @ turned.reshape(len(X), -1).T
        turn[correlation > likeness] = 2 * np.pi * k / n_turns
        np.maximum(likeness, correlation, out=likeness)
    np.fill_diagonal(likeness, -1)
    return likeness, turn, centre, spread


def _likeness_of_edges(A: np.ndarray, B: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Move each picture of `B` until it fits its partner in `A`, then correlate their edges.

    A place is a complex number p, right + 1j · down of the middle. Turn and change of size are
    then one factor, and p in `A` shows what is at a p + b in `B`. Three steps of Gauss and Newton
    correct both numbers (Lucas and Kanade, 1981).

    Parameters
    ----------
    A, B : (N, 784)
    a, b : (N,), a first guess

    Returns
    -------
    (N,), correlation of the slopes to the right and down
    """
    a, b = a.astype(np.complex64)[:, None], b.astype(np.complex64)[:, None]
    x, y = PLACES.real, PLACES.imag
    for _ in range(3):
        moved = _at_places(B, a * PLACES + b)
        right, down = _slopes(moved)
        # How the moved picture changes as p becomes p + p s + t, by the parts of s and of t.
        J = np.stack([x * right + y * down, x * down - y * right, right, down], axis=1)
        JJ = J @ J.swapaxes(1, 2) + 1e-3 * np.eye(4, dtype=J.dtype)  # black pictures: no slopes
        step = np.linalg.solve(JJ, J @ (A - moved)[..., None])[..., 0]
        a, b = a * (1 + step[:, :1] + 1j * step[:, 1:2]), b + a * (step[:, 2:3] + 1j * step[:, 3:])
    edges_A = np.concatenate(_slopes(A), axis=1)
    edges_B = np.concatenate(_slopes(_at_places(B, a * PLACES + b)), axis=1)
    squares = np.sum(edges_A**2, axis=1) * np.sum(edges_B**2, axis=1)
    return np.sum(edges_A * edges_B, axis=1) / np.sqrt(np.maximum(squares, 1e-6))


def _slopes(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how fast pictures (N, 784) get lighter to the right and down, per pixel."""
    down, right = np.gradient(X.reshape(-1, SIDE, SIDE), axis=(1, 2))
    return right.reshape(X.shape), down.reshape(X.shape)


def _at_places(X: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Look up pictures (N, 784) at places (N, K), complex numbers as in `PLACES`."""
    middle = (SIDE - 1) / 2
    return _between_pixels(X, middle + places.real, middle + places.imag)


def otsu_threshold(values: np.ndarray) -> float:
    """Find the threshold that best parts values into two classes (Otsu, 1979).

    Parameters
    ----------
    values : ndarray
        Numbers of any shape and unit.

    Returns
    -------
    float
        The upper class is ``values >= threshold``; the variance between the classes is largest.

    Raises
    ------
    ValueError
        If all values are the same.
    """
    if np.min(values) == np.max(values):
        raise ValueError(f"values are all {np.min(values)}: two classes need two values.")
    counts, edges = np.histogram(values, bins=256)
    below = np.cumsum(counts)[:-1]
    sum_below = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    n, total = values.size, sum_below[-1]
    between = (total * below / n - sum_below[:-1]) ** 2 / (below * (n - below))
    return float(edges[np.argmax(between) + 1])


def find_hand(photo: np.ndarray) -> np.ndarray:
    """Find the hand in a photograph: the largest connected part that is redder than the rest.

    Holes stay open: the ring of the 0 is one. The wall behind should be plain and not red.

    Parameters
    ----------
    photo : ndarray, shape (side, side, 3), uint8
        Red, green and blue of a square photograph of one hand.

    Returns
    -------
    ndarray, shape (height, width), uint8
        The photograph at 100 by 100 pixels, cropped to the hand: luminance from 0 to 255 (ITU-R
        BT.601), black outside the hand.

    Raises
    ------
    ValueError
        The photograph is not square, has one colour only, or no clear part that is redder than
        the rest: the two groups should hold 0.8 of the variance, where an even spread gives 0.75,
        and the hand should cover a twentieth of the picture.
    """
    if photo.ndim != 3 or photo.shape[0] != photo.shape[1] or photo.shape[2] != 3:
        raise ValueError(f"photo must have shape (side, side, 3), got {photo.shape}")
    photo = _shrink(photo, 100)
    redness = _blur(photo[..., 0].astype(float) - photo[..., 2])
    is_red = redness >= otsu_threshold(redness)
    hand = _largest_part(is_red)
    means = np.where(is_red, redness[is_red].mean(), redness[~is_red].mean())
    clear, size = means.var() / redness.var(), hand.mean()
    if clear < 0.8 or size < 0.05:
        raise ValueError(
            f"photo must show a hand before a wall that is less red; the two groups hold "
            f"{clear:.2f} of the variance (least: 0.8), the largest part covers {size:.0%} "
            f"(least: 5%)"
        )
    # The weights of red, green and blue, in whole numbers of 16 bits.
    grey = (photo.astype(int) @ np.array([19595, 38470, 7471]) + 2**15) >> 16
    rows, columns = (np.flatnonzero(hand.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return np.where(hand, grey, 0)[box].astype(np.uint8)


def cut_out(photo: np.ndarray) -> np.ndarray:
    """Make a picture of the course from a photograph.

    Parameters
    ----------
    photo : ndarray, shape (side, side, 3), uint8

    Returns
    -------
    ndarray, shape (28, 28), uint8
        The hand that `find_hand` finds; it touches two opposite sides.

    Raises
    ------
    ValueError
        As `find_hand`.
    """
    return square_up(find_hand(photo))


def square_up(picture: np.ndarray) -> np.ndarray:
    """Pad a grey picture, (height, width) uint8, to a square and bring it to (28, 28)."""
    height, width = picture.shape
    side = max(height, width)
    square = np.zeros((side, side), dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return _shrink(square, SIDE)


def _shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """Bring the first two axes to `size`: a new pixel is the rounded mean of the old ones there.

    The columns first, then the rows, each rounded, as Pillow's box filter does it, byte for byte.
    """
    for axis in (1, 0):
        n = picture.shape[axis]
        middle = (np.arange(size) + 0.5) * (n / size)  # in this order, because ties hang on it
        width = max(n / size, 1.0)
        place = np.arange(n)[:, np.newaxis]
        away = (place - middle + 0.5) / width
        inside = (place >= np.floor(middle - width / 2 + 0.5)) & (away > -0.5)
        inside &= (place < np.floor(middle + width / 2 + 0.5)) & (away <= 0.5)
        weights = np.rint(2**22 * inside / inside.sum(axis=0))  # Pillow's, in whole numbers
        means = np.tensordot(picture.astype(float), weights, axes=(axis, 0)) / 2**22
        picture = np.moveaxis(np.floor(means + 0.5).astype(np.uint8), -1, axis)
    return picture


def _blur(values: np.ndarray, radius: int = 4) -> np.ndarray:
    """Average each value with its neighbours by a Gaussian of one pixel, mirrored at the edges."""
    weights = np.exp(-0.5 * np.arange(-radius, radius + 1) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padding = [(radius, radius) if axis == here else (0, 0) for here in (0, 1)]
        wide = np.pad(values, padding, mode="symmetric")
        places = range(values.shape[axis])
        shifted = (np.take(wide, np.add(places, i), axis=axis) for i in range(2 * radius + 1))
        values = sum(weight * part for weight, part in zip(weights, shifted, strict=True))
    return values


def _largest_part(inside: np.ndarray) -> np.ndarray:
    """Return the largest part of a picture whose pixels are connected by their sides."""
    names = np.where(inside, np.arange(1, inside.size + 1).reshape(inside.shape), 0)
    before = None
    while before is None or not np.array_equal(names, before):
        before = names  # each pixel takes the largest name of its neighbours
        wide = np.pad(names, 1)
        beside = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
        names = np.where(inside, np.maximum.reduce((names, *beside)), 0)
    return inside & (names == np.argmax(np.bincount(names[inside])))


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
    da1 = dz2[:, None] * W2
    dz1 = da1 * a1 * (1 - a1)
    # The product X.T @ dz1; for a single example np.dot is several times faster.
    dW1 = np.dot(X.T, dz1)
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
            X_batch, y_batch = X.take(batch, axis=0), y.take(batch)
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


# The settings of the course: the defaults of `train`, for whoever needs them by name.
SETTINGS = {name: value for name, value in train.__kwdefaults__.items() if value is not None}


def _loss_and_accuracy(z2: np.ndarray, y: np.ndarray) -> dict[str, float]:
    return {
        "loss": binary_cross_entropy(z2, y),
        "accuracy": float(np.mean((z2 >= 0) == (y == 1))),
    }


def _check_pictures(name: str, X: np.ndarray) -> None:
    if X.ndim != 2 or X.shape[1] != N_PIXELS or X.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} must hold pictures (N, {N_PIXELS}) of numbers, got {X.dtype} of shape "
            f"{X.shape}"
        )


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


def most_alike(
    X_train: np.ndarray, labels: np.ndarray, X: np.ndarray, n: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Find the training pictures most alike to each picture, and say if they show our digits.

    Alike is what correlates; light and contrast don't count. A network that was shown two digits
    gives an answer to any picture. This asks whether the picture may be one of the two at all.

    Parameters
    ----------
    X_train : ndarray, shape (M, D)
    labels : ndarray, shape (M,)
        The digits that they show, 0 to 9.
    X : ndarray, shape (N, D)
    n : int
        How many to look at; an odd number leaves no ties.

    Returns
    -------
    rows : ndarray of int, shape (N, n)
        Of `X_train`, the most alike first.
    is_ours : ndarray of bool, shape (N,)
        Most of them show one of `DIGITS`, and the first correlates by at least 0.8.
    """
    X_train, X = (pictures.astype(np.float32, copy=False) for pictures in (X_train, X))
    X = X - X.mean(axis=1, keepdims=True)
    # Where X has the mean 0, the mean of X_train adds nothing to the product.
    squares = np.einsum("ij,ij->i", X_train, X_train) - X.shape[1] * X_train.mean(axis=1) ** 2
    lengths = np.linalg.norm(X, axis=1)[:, np.newaxis] * np.sqrt(np.maximum(squares, 0))
    likeness = X @ X_train.T / np.maximum(lengths, 1e-12)
    rows = np.argsort(-likeness, axis=1, kind="stable")[:, :n]
    ours = np.isin(labels[rows], DIGITS).sum(axis=1)
    return rows, (ours > n / 2) & (likeness.max(axis=1) >= 0.8)


def confusion_matrix(y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count each kind of hit and miss: truth in rows, prediction in columns.

    Parameters
    ----------
    y, predicted : ndarray, shape (N,)
        True and predicted classes, 0 or 1. The order of the two matters.

    Returns
    -------
    ndarray of int64, shape (2, 2)
        ``[[TN, FP], [FN, TP]]``: true or false, and what was said, negative (0) or positive (1).

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
    ± two standard errors does not (Brown, Cai and DasGupta, 2001). With the share s of n trials
    and z, the quantile ``NormalDist().inv_cdf((1 + confidence) / 2)``, the ends are

    (s + z² / 2n ± z √(s (1 − s) / n + z² / 4n²)) / (1 + z² / n)

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
        depends on: data, configuration, seed, split, NumPy's version, and the functions and
        constants that `run` uses, here and in its own module.
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
        common = joblib.hash((data, seed, np.__version__, _code(run)))
        files = [Path(store) / f"{joblib.hash((common, *each))}.json" for each in runs]
        measured = [_stored_run(file) for file in files]
    # In a tuple, the data travel with every run. A bare array would be kept by dask on a single
    # worker, and be lost with that worker.
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


def _code(run: Callable) -> dict[str, Any]:
    """Return what a run is made of: the text of each function, and each plain value, by name.

    It is found by following the names that the code of `run` uses, and those of what they stand
    for, in the module of `run` and in this one. So a function that no run uses doesn't count.
    """
    found: dict[str, Any] = {}
    ours = (__name__, run.__module__)  # in this order: where both use a name, the run's counts
    modules = [vars(sys.modules[name]) for name in ours]
    waiting: list[Any] = [run, _do_run]
    plain = (int, float, str, tuple, list, dict, np.ndarray)
    while waiting:
        value = waiting.pop()
        name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
        if name in found or getattr(value, "__module__", "") not in ours:
            continue
        try:
            found[name] = inspect.getsource(value)
        except (OSError, TypeError):  # a class of a notebook: its name must do
            found[name] = name
        codes = [value.__code__] if inspect.isfunction(value) else []
        for code in codes:  # grows by the functions within
            codes += [c for c in code.co_consts if inspect.iscode(c)]
            used = [(n, m[n]) for m in modules for n in code.co_names if n in m]
            waiting += [value for _, value in used]
            found |= {n: value for n, value in used if isinstance(value, plain)}
    return found


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
        The share of the pictures in the test part, less than 1. With 0 the interval is
        Student's, right if the runs share no pictures at all.
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

    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction must be at least 0 and less than 1, got {test_fraction!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
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


# Files ----------------------------------------------------------------------------------


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
