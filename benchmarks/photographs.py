"""Measure on the photographs: many splits by signer, and how near rendered hands come to them.

The splits are measured twice: as the photographs are, and with copies of each training
photograph that are turned, shifted and scaled a little. Rendered hands are measured twice, too:
can what learned from them alone read photographs, and can a classifier tell both kinds apart?

    python data/fetch_photos.py                    once, to have data/photos.npz
    python benchmarks/photographs.py               print both measurements
    python benchmarks/photographs.py --write       and store them in figures/photographs.json
    python benchmarks/photographs.py --check --splits 4     compare a part with what is stored

Logistic regression and the support vector machine come from scikit-learn. They are here to
compare with; the course does not use them.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # see README, "Determinism"

import numpy as np
import pandas as pd
from experiments import TRANSFER_FLOOR, load_photographs
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from tqdm import tqdm

import nn_helpers as nn

# Settings for another kind of picture than the one trained on, fixed before this measurement in a
# study on the same photographs: TRANSFER_FLOOR, and how strongly to regularize.
REGRESSION = {"C": 0.003, "max_iter": 1000}
MACHINE = {"C": 4}

# Copies of each training picture, at the default ranges of nn.augment, which that study used
# too. More copies did better on rendered hands; how many are enough was decided with results on
# the photographs in view.
COPIES = 40


def scores_of_splits(
    data: nn.SignDigits, n_splits: int, copies: int = 0
) -> Iterator[dict[str, float]]:
    """Yield the network's metrics on the test signers of each of many random splits.

    The settings are the report's: 64 hidden units, 40 epochs, rate 0.01, 80 % for training.
    Split, starting weights and order of the pictures are drawn with the seeds 0, 1, 2, ….
    With `copies`, that many of each training picture take its place, in single precision,
    which is enough and faster.
    """
    X, y, signers = nn.select_digits(data)
    for seed in tqdm(range(n_splits), desc="splits"):
        rng = np.random.default_rng(seed)
        train, test = nn.split_by_signer(signers, 0.2, rng=rng)
        X_train, y_train, X_test = X[train], y[train], X[test]
        if copies:
            X_train = nn.augment(X_train.astype(np.float32), copies, rng=rng)
            y_train, X_test = np.repeat(y_train, copies), X_test.astype(np.float32)
        standardizer = nn.fit_standardizer(X_train)
        run = nn.train(nn.standardize(X_train, standardizer), y_train, rng=rng)
        predicted = nn.predict(nn.standardize(X_test, standardizer), run.parameters)
        metrics = nn.classification_metrics(nn.confusion_matrix(y[test], predicted))
        yield {"training": len(train), "test": len(test), **metrics._asdict()}


def first_signers(data: nn.SignDigits, n_pictures: int) -> nn.SignDigits:
    """Return the first signers of a set, as many as make at most so many pictures."""
    kept = data.signers < n_pictures // 10  # ten pictures each
    return nn.SignDigits(*(array[kept] for array in data))


def accuracy_of(hits: np.ndarray) -> dict[str, float]:
    """Return the share of hits, its 95 % interval, and how many were counted."""
    low, high = nn.wilson_interval(int(hits.sum()), len(hits))
    return {"accuracy": hits.mean(), "low": low, "high": high, "n": len(hits)}


def transfer_hits(rendered: nn.SignDigits, photographs: nn.SignDigits) -> dict[str, np.ndarray]:
    """Train on rendered hands alone; return which photographs each classifier gets right.

    Returns
    -------
    dict of str to ndarray of bool
        By classifier. Those for two digits have an entry for each photograph of a 6 or an 8,
        the one for ten digits an entry for each photograph.
    """
    X, y, _ = nn.select_digits(rendered)
    X_new, y_new, _ = nn.select_digits(photographs)
    standardizer = nn.fit_standardizer(X, TRANSFER_FLOOR)
    X, X_new = nn.standardize(X, standardizer), nn.standardize(X_new, standardizer)
    parameters = nn.train(X, y, rng=np.random.default_rng(0)).parameters
    regression = LogisticRegression(**REGRESSION).fit(X, y)
    standardizer = nn.fit_standardizer(rendered.images, TRANSFER_FLOOR)
    machine = SVC(**MACHINE).fit(nn.standardize(rendered.images, standardizer), rendered.labels)
    digits = machine.predict(nn.standardize(photographs.images, standardizer))
    pair = " or ".join(map(str, nn.DIGITS))
    return {
        f"network, {pair}": nn.predict(X_new, parameters) == y_new,
        f"scikit-learn's logistic regression, {pair}": regression.predict(X_new) == y_new,
        "support vector machine, ten digits": digits == photographs.labels,
    }


def told_apart_table(rendered: nn.SignDigits, photographs: nn.SignDigits) -> pd.DataFrame:
    """Return how often a classifier tells rendered hands from photographs, by digit.

    It learns from the even-numbered signers of both kinds, to whose photographs the renderer was
    fitted, and is asked about the odd-numbered ones. There are about as many of each kind. One
    half would be right by chance.
    """
    rendered = first_signers(rendered, len(photographs.labels))
    images, labels, signers = (
        np.concatenate(pair) for pair in zip(rendered, photographs, strict=True)
    )
    is_photograph = np.repeat([False, True], [len(rendered.labels), len(photographs.labels)])
    known = signers % 2 == 0
    standardizer = nn.fit_standardizer(images[known], TRANSFER_FLOOR)
    machine = SVC(**MACHINE).fit(nn.standardize(images[known], standardizer), is_photograph[known])
    hits = machine.predict(nn.standardize(images[~known], standardizer)) == is_photograph[~known]
    by_digit = {"all": hits, **{d: hits[labels[~known] == d] for d in range(10)}}
    return pd.DataFrame([{"digit": d, **accuracy_of(chosen)} for d, chosen in by_digit.items()])


def transfer_table(rendered: nn.SignDigits, photographs: nn.SignDigits) -> pd.DataFrame:
    """Return the accuracy of each classifier on all photographs and on the odd signers'.

    The renderer was fitted to the even-numbered signers; the odd ones are the fairer test.
    """
    signers_of_two = nn.select_digits(photographs)[2]
    rows = []
    for name, hits in transfer_hits(rendered, photographs).items():
        signers = signers_of_two if len(hits) == len(signers_of_two) else photographs.signers
        for group, chosen in {"all": hits, "odd-numbered": hits[signers % 2 == 1]}.items():
            rows.append({"classifier": name, "signers": group, **accuracy_of(chosen)})
    return pd.DataFrame(rows)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=nn.PROJECT / "data" / "photos.npz")
    parser.add_argument("--splits", type=int, default=20, help="how many random splits (20)")
    parser.add_argument("--write", action="store_true", help="store the numbers")
    parser.add_argument("--check", action="store_true", help="fail if they are not those stored")
    arguments = parser.parse_args(argv)
    if arguments.splits < 2:
        parser.error(f"--splits must be at least 2, got {arguments.splits}")
    photographs = load_photographs(arguments.photos)
    rendered = nn.load_sign_digits(nn.PROJECT / "data" / "sign_digits.npz")
    sources = {
        "rendered hands, as few": (first_signers(rendered, len(photographs.labels)), 0),
        "photographs": (photographs, 0),
        "photographs, augmented": (photographs, COPIES),
    }
    splits = []
    for source, (data, copies) in sources.items():
        scores = pd.DataFrame(scores_of_splits(data, arguments.splits, copies))
        print(f"\n{source}: {nn.DIGITS}, {len(scores)} random splits by signer\n")
        summary = scores.agg(["mean", "std", "min", "max"]).T
        print(summary.to_string(float_format="{:.4f}".format))
        sizes = {part: round(summary["mean"][part]) for part in ("training", "test")}
        accuracy = {name: round(summary[name]["accuracy"], 6) for name in ("mean", "std")}
        accuracy["each"] = scores["accuracy"].round(6).to_list()
        splits.append({"pictures": source, "n": len(scores), **sizes, **accuracy})
    table = transfer_table(rendered, photographs)
    print("\nTrained on rendered hands alone, tested on photographs, 95 % interval\n")
    print(table.to_string(index=False, float_format="{:.4f}".format))
    transfer = table.round(6).to_dict(orient="records")
    table = told_apart_table(rendered, photographs)
    print("\nRendered hands told from photographs by a support vector machine, other signers\n")
    print(table.to_string(index=False, float_format="{:.4f}".format))
    told_apart = table.round(6).to_dict(orient="records")
    results = {
        "digits": nn.DIGITS,
        "splits": splits,
        "transfer": transfer,
        "told apart": told_apart,
    }
    path = nn.PROJECT / "figures" / "photographs.json"
    if arguments.check:
        stored = json.loads(path.read_text())
        same = all(stored[part] == results[part] for part in ("transfer", "told apart"))
        for old, new in zip(stored["splits"], splits, strict=True):
            same &= old["each"][: arguments.splits] == new["each"]
        print(f"\nThese {'are' if same else 'are NOT'} the numbers stored in {path.name}")
        return int(not same)
    if arguments.write:
        nn.write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
