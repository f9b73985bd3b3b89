"""Run the experiments of notebook 05 that take longer than a page should.

    python data/fetch_photos.py          once, to have data/photos.npz
    python benchmarks/experiments.py     run them all and store figures/experiments.csv

The table has a row a run: the experiment, the pictures, the configuration, the split, and how
many of the test pictures were right. A run that is finished is kept in build/experiments, so
an interrupted command goes on where it stopped. Rendered hands are those of notebook 05's
training signers. The test signers stay untouched.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

import nn_helpers as nn

sys.path.append(str(nn.PROJECT / "data"))  # where the renderer is

import render_hands

SPLITS = 10
FILES = 10  # like the course's own
# Photographs are another kind of picture than rendered hands: the floor, in grey levels, with
# which photographs.py goes from one kind to the other.
TRANSFER_FLOOR = 8.0
# What a configuration leaves open is as the course has it. Each stored run says so, and a test
# notices when the course has other settings or digits.
COURSE = {**nn.SETTINGS, "negative": nn.DIGITS[0], "positive": nn.DIGITS[1]}


def on_new_signers(
    data: nn.SignDigits,
    *,
    rng: np.random.Generator,
    negative: int = nn.DIGITS[0],
    positive: int = nn.DIGITS[1],
    copies: int = 0,
    n_signers: int | None = None,
    standardized: bool = True,
    **settings: float,
) -> dict[str, int]:
    """Train on some signers and count the test pictures of others that are right.

    Parameters
    ----------
    data : SignDigits
    rng : numpy.random.Generator
    negative, positive : int
        The two digits.
    copies : int
        Augmented copies that take each training picture's place; 0 keeps the pictures.
    n_signers : int, optional
        Learn from so many of the training signers only.
    standardized : bool
        False leaves the grey levels from 0 to 255 as they are.
    **settings
        Of `nn.train`.
    """
    X, y, signers = nn.select_digits(data, negative, positive)
    X = X.astype(np.float32)  # precise enough for counts, and twice as fast
    train, test = nn.split_by_signer(signers, rng=rng)
    if n_signers is not None:
        names = rng.permutation(np.unique(signers[train]))[:n_signers]
        train = train[np.isin(signers[train], names)]
    X_train, y_train = X[train], y[train]
    if copies:
        X_train, y_train = nn.augment(X_train, copies, rng=rng), np.repeat(y_train, copies)
    scaling = "standardized" if standardized else "none"
    return train_and_count(X_train, y_train, X[test], y[test], scaling, rng=rng, **settings)


def copies_before_the_split(
    data: nn.SignDigits, *, rng: np.random.Generator, rule: str, shuffled: str
) -> dict[str, int]:
    """Make four copies of every picture, and split only then.

    Parameters
    ----------
    data : SignDigits
    rng : numpy.random.Generator
    rule : str
        "network" or "nearest neighbour".
    shuffled : str
        What the split deals out: "signers", or "copies", as if each were a picture of its own.
    """
    X, y, signers = nn.select_digits(data)
    X, y = nn.augment(X.astype(np.float32), 4, rng=rng), np.repeat(y, 4)
    names = np.repeat(signers, 4) if shuffled == "signers" else np.arange(len(y))
    train, test = nn.split_by_signer(names, rng=rng)
    if rule == "nearest neighbour":
        right = nn.nearest_neighbour(X[train], y[train], X[test]) == y[test]
        return {"right": int(np.sum(right)), "test": len(test)}
    return train_and_count(X[train], y[train], X[test], y[test], rng=rng)


def file_of_copies(
    files: list[tuple[np.ndarray, ...]],
    *,
    rng: np.random.Generator,
    file: int,
    scaling: str,
    shuffled: str,
    **settings: float,
) -> dict[str, int]:
    """Train and test on a file that holds each photograph several times, turned.

    What the split deals out goes into five parts. Each is the test part once, so that every
    picture is tested once.

    Parameters
    ----------
    files : list of (X, y, signers, groups)
        From `course_like_file`.
    rng : numpy.random.Generator
    file : int
        Which of them.
    scaling : str
        "unit" or "standardized".
    shuffled : str
        What the split deals out: "pictures", the "groups" that were found, or "signers".
    **settings
        Of `nn.train`.
    """
    X, y, signers, groups = files[file]
    X = X.astype(np.float32)
    dealt = {"pictures": np.arange(len(y)), "groups": groups, "signers": signers}[shuffled]
    names, dealt = np.unique(dealt, return_inverse=True)
    part = rng.permutation(len(names))[dealt] % 5
    right = 0
    for chosen in range(5):
        train, test = np.flatnonzero(part != chosen), np.flatnonzero(part == chosen)
        parts = X[train], y[train], X[test], y[test]
        right += train_and_count(*parts, scaling, rng=rng, **settings)["right"]
    return {"right": right, "test": len(y)}


def course_like_file(seed: int) -> tuple[np.ndarray, ...]:
    """Render a file like the course's own; return X, y, signers and the groups found in it."""
    images, labels, signers, _ = render_hands.render_course_like(seed)
    X, y, signers = nn.select_digits(nn.SignDigits(images, labels, signers))
    return X, y, signers, nn.find_copies(X, y)


def with_rendered_hands(
    data: tuple[nn.SignDigits, nn.SignDigits],
    *,
    rng: np.random.Generator,
    learned: str,
    n_signers: int | None = None,
) -> dict[str, int]:
    """Train on photographs with the help of rendered hands, test on other photographs.

    Parameters
    ----------
    data : (photographs, rendered hands)
    rng : numpy.random.Generator
    learned : str
        "photographs" alone, "rendered" hands alone, "both" mixed, or rendered hands "first" and
        then the photographs.
    n_signers : int, optional
        Learn from the photographs of so many of the training signers only.
    """
    photographs, rendered = (nn.select_digits(source) for source in data)
    X, y, signers = photographs
    train, test = nn.split_by_signer(signers, rng=rng)
    names = rng.permutation(np.unique(signers[train]))[:n_signers]
    train = train[np.isin(signers[train], names)]
    parts = {
        "photographs": [(X[train], y[train])],
        "rendered": [rendered[:2]],
        "both": [
            (np.concatenate([X[train], rendered[0]]), np.concatenate([y[train], rendered[1]]))
        ],
        "first": [rendered[:2], (X[train], y[train])],
    }[learned]
    standardizer = nn.fit_standardizer(parts[0][0], TRANSFER_FLOOR)
    parameters = None
    for X_part, y_part in parts:
        X_part = nn.standardize(X_part.astype(np.float32), standardizer)
        if parameters is None:
            parameters = nn.train(X_part, y_part, rng=rng).parameters
        else:
            parameters = go_on(parameters, X_part, y_part, rng)
    return count(parameters, nn.standardize(X[test].astype(np.float32), standardizer), y[test])


def go_on(
    parameters: nn.Parameters, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> nn.Parameters:
    """Train a network that is trained already, with the same settings as `nn.train`."""
    rate = np.float32(nn.SETTINGS["learning_rate"])
    for _ in range(nn.SETTINGS["epochs"]):
        for batch in nn.minibatches(len(y), nn.SETTINGS["batch_size"], rng=rng):
            activations = nn.forward(X[batch], parameters)
            gradients = nn.backward(X[batch], y[batch], parameters, activations)
            parameters = nn.gradient_step(parameters, gradients, rate)
    return parameters


def train_and_count(
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    scaling: str = "standardized",
    *,
    rng: np.random.Generator,
    **settings: float,
) -> dict[str, int]:
    """Scale ("standardized", "unit" or "none"), train, and count the test pictures right."""
    if scaling == "standardized":
        standardizer = nn.fit_standardizer(X_train)
        X_train, X_test = (nn.standardize(part, standardizer) for part in (X_train, X_test))
    elif scaling == "unit":
        X_train, X_test = nn.scale_pixels(X_train), nn.scale_pixels(X_test)
    run = nn.train(X_train, y_train, rng=rng, **settings)
    return count(run.parameters, X_test, y_test)


def count(parameters: nn.Parameters, X: np.ndarray, y: np.ndarray) -> dict[str, int]:
    """Count the pictures that are right."""
    return {"right": int(np.sum(nn.predict(X, parameters) == y)), "test": len(y)}


def experiments(
    rendered: nn.SignDigits, photographs: nn.SignDigits, files: list[tuple[np.ndarray, ...]]
) -> Iterator[tuple[str, str, object, object, list[dict]]]:
    """Yield name, pictures, run, data and configurations of each experiment."""
    trials = [{"standardized": yes} for yes in (True, False)]
    yield "no scaling", "rendered hands", on_new_signers, rendered, trials
    yield (
        "rate and batch size",
        "rendered hands",
        on_new_signers,
        rendered,
        [
            {"learning_rate": rate, "batch_size": size}
            for rate in (0.001, 0.01, 0.1, 1.0)
            for size in (2, 8, 32, 128)
        ],
    )
    sources = {"rendered hands": rendered, "photographs": photographs}
    for pictures, copied, units in (
        ("rendered hands", (0, 5), (1, 2, 4, 16, 64, 256)),
        ("photographs", (0, 20), (1, 4, 16, 64)),
    ):
        configurations = [
            {"n_hidden": n_hidden, "copies": copies, "learning_rate": rate}
            for copies in copied
            for rate in (0.01, 0.1)
            for n_hidden in units
        ]
        yield "hidden units", pictures, on_new_signers, sources[pictures], configurations
    for pictures, data in sources.items():
        trials = [{"copies": 0, "epochs": epochs} for epochs in (40, 200, 800)]
        trials += [{"copies": copies, "epochs": 40} for copies in (1, 5, 20)]
        trials += [{"copies": 5, "epochs": 160}]  # as many steps as with 20
        yield "augmentation", pictures, on_new_signers, data, trials
    for pictures, most in {"rendered hands": 320, "photographs": 160}.items():
        # As many updates for few signers as for the most.
        trials = [{"n_signers": n, "epochs": 40 * most // n} for n in (10, 20, 40, 80, 160, 320)]
        data = sources[pictures]
        yield "signers", pictures, on_new_signers, data, [t for t in trials if t["epochs"] >= 40]
    trials = [
        {"rule": rule, "shuffled": what}
        for rule in ("network", "nearest neighbour")
        for what in ("signers", "copies")
    ]
    yield "copies before the split", "rendered hands", copies_before_the_split, rendered, trials
    trials = [
        {"file": file, "scaling": scaling, "batch_size": size, "shuffled": what}
        for scaling, size in (("unit", 1), ("unit", 8), ("standardized", 8))
        for what in ("pictures", "groups", "signers")
        for file in range(FILES)
    ]
    yield "a file of copies", "course-like files", file_of_copies, files, trials
    trials = [{"learned": "rendered"}]
    for n_signers in (10, 40, 160):
        for learned in ("photographs", "both", "first"):
            trials.append({"learned": learned, "n_signers": n_signers})
    both = (photographs, rendered)
    yield "rendered hands for photographs", "photographs", with_rendered_hands, both, trials
    for pictures, data in sources.items():
        pairs = [{"negative": a, "positive": b} for a, b in combinations(range(10), 2)]
        yield "pairs", pictures, on_new_signers, data, pairs


def splits_of(configurations: list[dict]) -> int:
    """Return how often each configuration is tried: files differ by themselves, once each."""
    return 1 if "file" in configurations[0] else SPLITS


def training_signers(data: nn.SignDigits) -> nn.SignDigits:
    """Return the pictures of the training signers of the notebooks, all ten digits."""
    _, y, signers = nn.select_digits(data)
    train, _ = nn.course_split(signers, y)
    kept = np.isin(data.signers, signers[train])
    return nn.SignDigits(*(array[kept] for array in data))


def load_photographs(path: Path) -> nn.SignDigits:
    """Load the photographs, or end the command with a sentence on what is missing."""
    try:
        photographs = nn.load_sign_digits(path)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"{error}; `python data/fetch_photos.py` makes it") from error
    if photographs.signers is None:
        raise SystemExit(f"--photos must name its signers, {path} does not")
    return photographs


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=nn.PROJECT / "data" / "photos.npz")
    parser.add_argument("--jobs", type=int, default=-1, help="processes (as many as cores)")
    arguments = parser.parse_args(argv)
    photographs = load_photographs(arguments.photos)
    rendered = training_signers(nn.load_sign_digits(nn.PROJECT / "data" / "sign_digits.npz"))
    files = [course_like_file(k) for k in tqdm(range(FILES), "files of copies", disable=None)]
    tables = []
    for name, pictures, run, data, configurations in experiments(rendered, photographs, files):
        n_splits = splits_of(configurations)
        print(f"{name}, {pictures}: {len(configurations)} configurations, {n_splits} splits")
        options = {"n_splits": n_splits, "n_jobs": arguments.jobs}
        store = nn.PROJECT / "build" / "experiments"
        table = nn.sweep(run, data, configurations, **options, store=store)
        tables.append(table.assign(experiment=name, pictures=pictures))
    table = pd.concat(tables, ignore_index=True).fillna(COURSE)
    table.insert(0, "pictures", table.pop("pictures"))
    table.insert(0, "experiment", table.pop("experiment"))
    text = table.convert_dtypes().to_csv(index=False, lineterminator="\n")
    nn.write_atomically(nn.PROJECT / "figures" / "experiments.csv", text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
