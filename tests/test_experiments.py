"""Sweeps: the same table however the runs are done, and intervals that keep their promise."""

import contextlib
import inspect
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import dask_cluster
import experiments
import joblib
import numpy as np
import pandas as pd
import pytest
import threadpoolctl
from scipy.stats import ttest_rel

import nn_figures as draw
import nn_helpers as nn

# 10 configurations on 20 splits: 200 runs.
CONFIGURATIONS = [
    {"n_hidden": n_hidden, "learning_rate": rate}
    for n_hidden in (1, 2, 3, 4, 5)
    for rate in (0.1, 1.0)
]
RUNS = 20 * len(CONFIGURATIONS)
# Where other processes find this file and what it imports.
MODULES = os.pathsep.join(map(os.path.dirname, (__file__, experiments.__file__)))
started = deque()  # the runs that this process began, in order


def small_data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 12)), np.tile([0, 1], 30).astype(np.int8)


def small_run(data, *, rng, **settings):
    """Train a small network; where FUSE names a file that is not there, die in the 101st run."""
    started.append(settings)
    X, y = data
    order = rng.permutation(len(y))
    fuse = os.environ.get("FUSE")
    if fuse and settings == CONFIGURATIONS[5]:
        with contextlib.suppress(FileExistsError):  # of two workers that meet here, one dies
            Path(fuse).touch(exist_ok=False)
            os.kill(os.getpid(), 9)
    run = nn.train(X[order[:40]], y[order[:40]], **settings, epochs=3, batch_size=8, rng=rng)
    predicted = nn.predict(X[order[40:]], run.parameters)
    return {
        "accuracy": np.mean(predicted == y[order[40:]]),
        "loss": run.history["loss"][-1],
        "first": order[0],
    }


def full_sweep(**options):
    return nn.sweep(small_run, small_data(), CONFIGURATIONS, **options)


@pytest.fixture(scope="module")
def expected():
    return full_sweep()


def same(table, other):
    pd.testing.assert_frame_equal(table, other, check_exact=True)
    return True


# One table, however it is made


def test_a_row_a_run_in_the_order_of_configurations_and_splits(expected):
    assert [*expected] == ["n_hidden", "learning_rate", "split", "accuracy", "loss", "first"]
    assert len(expected) == RUNS
    rows = expected.itertuples()
    for configuration in CONFIGURATIONS:
        for split in range(20):
            row = next(rows)
            assert {name: getattr(row, name) for name in configuration} == configuration
            assert row.split == split


def test_every_configuration_meets_the_same_splits_and_every_split_is_another(expected):
    drawn = expected.pivot(
        index="split", columns=["n_hidden", "learning_rate"], values="first"
    ).to_numpy()
    assert np.all(drawn == drawn[:, :1])
    assert len(np.unique(drawn[:, 0])) > 10


def test_a_row_does_not_depend_on_what_else_is_in_the_sweep(expected):
    alone = nn.sweep(small_run, small_data(), CONFIGURATIONS[3:4], n_splits=5)
    assert same(alone, expected[60:65].reset_index(drop=True))


def test_another_seed_draws_other_splits(expected):
    other = nn.sweep(small_run, small_data(), CONFIGURATIONS[:1], seed=1)
    assert not np.array_equal(other["first"], expected["first"][:20])


def test_two_workers_give_the_same_table(expected):
    assert same(full_sweep(n_jobs=2), expected)


def test_order_of_rows_is_not_that_in_which_runs_finish():
    """The first run waits for the third, so the second is finished before it."""
    third_began = threading.Event()
    expected = nn.sweep(lambda data, *, rng: {"draw": rng.random()}, None, [{}], n_splits=3)

    def draw(data, *, rng):
        draw = rng.random()
        if draw == expected["draw"][2]:
            third_began.set()
        elif draw == expected["draw"][0]:
            assert third_began.wait(60)
        return {"draw": draw}

    with joblib.parallel_config(backend="threading"):
        assert same(nn.sweep(draw, None, [{}], n_splits=3, n_jobs=2), expected)


def test_blas_keeps_to_one_thread():
    def threads(data, *, rng):
        pools = threadpoolctl.threadpool_info()
        return {"threads": max(pool["num_threads"] for pool in pools)}

    with threadpoolctl.threadpool_limits(2):
        table = nn.sweep(threads, None, [{}], n_splits=1)
    assert list(table["threads"]) == [1]


# What is finished is kept


def test_what_is_stored_is_not_computed_again(tmp_path, expected):
    assert same(full_sweep(store=tmp_path), expected)
    started.clear()
    assert same(full_sweep(store=tmp_path), expected)
    assert not started


def test_killed_sweep_goes_on_where_it_stopped(tmp_path, expected):
    """`kill -9` in the middle of a run; the file of the run before is the last."""
    command = f"import test_experiments as t; t.full_sweep(store={str(tmp_path / 'store')!r})"
    environment = {**os.environ, "PYTHONPATH": MODULES}
    environment["FUSE"] = str(tmp_path / "fuse")
    killed = subprocess.run([sys.executable, "-c", command], env=environment)
    assert killed.returncode != 0
    assert len(list((tmp_path / "store").iterdir())) == RUNS // 2
    started.clear()
    assert same(full_sweep(store=tmp_path / "store"), expected)
    assert len(started) == RUNS // 2


def test_killed_while_storing_leaves_no_half_written_run(tmp_path, expected, monkeypatch):
    replace = os.replace

    def fail(source, target):
        monkeypatch.setattr("os.replace", replace)
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        full_sweep(store=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert same(full_sweep(store=tmp_path), expected)


def test_damaged_file_is_computed_again(tmp_path, expected):
    full_sweep(store=tmp_path)
    damaged = min(tmp_path.iterdir())
    damaged.write_text(damaged.read_text()[:9])
    started.clear()
    assert same(full_sweep(store=tmp_path), expected)
    assert len(started) == 1


def other_run(data, *, rng, **settings):
    return small_run(data, rng=rng, **settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda call: call | {"data": (small_data()[0] + 1e-9, small_data()[1])},
        lambda call: call | {"configurations": [{**CONFIGURATIONS[0], "learning_rate": 0.2}]},
        lambda call: call | {"seed": 1},
        lambda call: call | {"run": other_run},
    ],
    ids=["data", "configuration", "seed", "run"],
)
def test_what_depends_on_something_else_is_computed_anew(tmp_path, change):
    call = {"run": small_run, "data": small_data(), "configurations": CONFIGURATIONS[:1]}
    nn.sweep(**call, n_splits=2, store=tmp_path)
    started.clear()
    nn.sweep(**change({**call}), n_splits=2, store=tmp_path)
    assert len(started) == 2


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        (nn.backward, 2),
        (nn.sigmoid, 2),
        (nn.Parameters, 2),
        (small_run, 2),
        (nn.augment, 0),  # these runs use none of the following
        (draw.curves, 0),
        (full_sweep, 0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_run_is_done_anew_where_code_that_it_uses_has_changed(
    tmp_path, monkeypatch, changed, anew
):
    source = inspect.getsource
    nn.sweep(small_run, small_data(), CONFIGURATIONS[:1], n_splits=2, store=tmp_path)
    started.clear()
    monkeypatch.setattr(
        "inspect.getsource", lambda value: source(value) + "# edited" * (value is changed)
    )
    nn.sweep(small_run, small_data(), CONFIGURATIONS[:1], n_splits=2, store=tmp_path)
    assert len(started) == anew


def test_a_new_experiment_changes_no_other():
    for _, _, run, _, _ in experiments.experiments(None, None, None):
        used = nn._code(run)
        assert {"nn_helpers.train", "nn_helpers.backward", "experiments.count"} <= used.keys()
        if run is not experiments.file_of_copies:  # it uses no constant
            assert used["SETTINGS" if run is experiments.with_rendered_hands else "SIDE"]
        assert not {"experiments.experiments", "experiments.main"} & used.keys()


# On a cluster


def test_cluster_gives_the_same_table_even_if_a_worker_is_killed(expected, tmp_path):
    """One of the two workers dies in the middle of a run; the other takes over."""
    pytest.importorskip("distributed", reason=dask_cluster.NEEDED)
    environment = {"PYTHONPATH": MODULES, "FUSE": str(tmp_path / "fuse")}
    with (
        dask_cluster.cluster(tmp_path, **environment) as (client, _),
        joblib.parallel_config(backend="dask"),
    ):
        assert same(full_sweep(), expected)
        assert len(client.scheduler_info()["workers"]) == 1
    assert (tmp_path / "fuse").exists()


# The stored experiments of notebook 05


def stored_runs():
    return pd.read_csv(nn.PROJECT / "figures" / "experiments.csv")


def rendered_hands():
    return experiments.training_signers(
        nn.load_sign_digits(nn.PROJECT / "data" / "sign_digits.npz")
    )


def test_stored_table_holds_every_run_of_the_script_in_order():
    rows = stored_runs().itertuples()
    for name, pictures, _, _, configurations in experiments.experiments(None, None, None):
        for configuration in configurations:
            for split in range(experiments.splits_of(configurations)):
                row = next(rows)
                assert (row.experiment, row.pictures, row.split) == (name, pictures, split)
                settings = {**experiments.COURSE, **configuration}
                assert {key: getattr(row, key) for key in settings} == settings
                assert 0 <= row.right <= row.test
    assert next(rows, None) is None


@pytest.mark.parametrize(
    ("name", "configuration"),
    [
        ("rate and batch size", {"learning_rate": 0.01, "batch_size": 8}),
        ("hidden units", {"n_hidden": 4, "copies": 0, "learning_rate": 0.01}),
        ("signers", {"n_signers": 320, "epochs": 40}),
        ("augmentation", {"copies": 1, "epochs": 40}),
        ("copies before the split", {"rule": "nearest neighbour", "shuffled": "copies"}),
        ("pairs", {"negative": 0, "positive": 4}),
    ],
)
def test_stored_runs_are_what_the_script_computes(name, configuration):
    """One cheap run of each kind; another processor may differ in a picture."""
    stored = stored_runs().query(f"experiment == '{name}' and pictures == 'rendered hands'")
    for key, value in configuration.items():
        stored = stored[stored[key] == value]
    (run,) = {
        run
        for other, pictures, run, _, _ in experiments.experiments(None, None, None)
        if (other, pictures) == (name, "rendered hands")
    }
    computed = nn.sweep(run, rendered_hands(), [configuration], n_splits=2)
    assert list(computed["test"]) == list(stored["test"][:2])
    assert np.all(np.abs(computed["right"] - stored["right"].to_numpy()[:2]) <= 1)


def test_a_stored_file_of_copies_is_what_the_script_computes():
    stored = stored_runs().query("experiment == 'a file of copies' and file == 0")
    stored = stored.query("scaling == 'standardized'")
    configurations = [
        {"file": 0, "scaling": "standardized", "shuffled": what} for what in stored["shuffled"]
    ]
    files = [experiments.course_like_file(0)]
    computed = nn.sweep(experiments.file_of_copies, files, configurations, n_splits=1)
    assert list(computed["test"]) == list(stored["test"])
    # Each is the sum of five trainings.
    assert np.all(np.abs(computed["right"].to_numpy() - stored["right"].to_numpy()) <= 5)


def test_experiments_use_no_test_signer():
    data = nn.load_sign_digits(nn.PROJECT / "data" / "sign_digits.npz")
    _, y, signers = nn.select_digits(data)
    _, test = nn.course_split(signers, y)
    kept = rendered_hands()
    assert not set(signers[test]) & set(kept.signers)
    assert len(kept.labels) == 4000


def test_missing_photographs_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"none\.npz.*fetch_photos\.py"):
        experiments.main(["--photos", str(tmp_path / "none.npz")])


# Errors


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="configurations must hold at least one"):
        nn.sweep(small_run, small_data(), [])
    with pytest.raises(ValueError, match="configurations must not set 'rng'"):
        nn.sweep(small_run, small_data(), [{}, {"rng": 1}])
    with pytest.raises(ValueError, match="configurations must not set 'split'"):
        nn.sweep(small_run, small_data(), [{"split": 1}])
    with pytest.raises(ValueError, match="n_splits must be a whole number of at least 1, got 0"):
        nn.sweep(small_run, small_data(), CONFIGURATIONS, n_splits=0)


def test_a_run_that_fails_says_so_and_keeps_what_was_done(tmp_path):
    configurations = [CONFIGURATIONS[0], {"n_hidden": 0}]
    with pytest.raises(ValueError, match="n_hidden must be a whole number"):
        nn.sweep(small_run, small_data(), configurations, n_splits=3, store=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


# Differences


def table_of(**scores):
    return pd.concat(
        pd.DataFrame({"name": name, "split": range(len(values)), "accuracy": values})
        for name, values in scores.items()
    )


def test_difference_is_that_of_equal_splits():
    rng = np.random.default_rng(0)
    hardness = rng.normal(0, 0.1, 12)  # much larger than the difference
    better = hardness + 0.01 + rng.normal(0, 0.001, 12)
    table = nn.paired_differences(table_of(plain=hardness, better=better), "name", "plain")
    assert list(table.index) == ["better"]
    row = table.loc["better"]
    assert row["value"] == pytest.approx(np.mean(better - hardness))
    assert 0 < row["low"] < row["value"] < row["high"]
    assert row["n"] == 12
    swapped = nn.paired_differences(table_of(plain=hardness, better=better), "name", "better")
    assert swapped.loc["plain", "high"] == pytest.approx(-row["low"])


def test_interval_is_student_s_where_runs_share_nothing_and_wider_where_they_overlap():
    rng = np.random.default_rng(1)
    a, b = rng.random(8), rng.random(8)
    table = table_of(a=a, b=b)
    apart = nn.paired_differences(table, "name", "a", test_fraction=0).loc["b"]
    student = ttest_rel(b, a).confidence_interval(0.95)
    assert (apart["low"], apart["high"]) == pytest.approx((student.low, student.high), rel=1e-6)
    fifth = nn.paired_differences(table, "name", "a").loc["b"]
    ratio = (fifth["high"] - fifth["value"]) / (apart["high"] - apart["value"])
    assert ratio == pytest.approx(np.sqrt((1 / 8 + 0.2 / 0.8) * 8))


def test_a_table_that_cannot_be_compared_is_refused():
    table = table_of(a=[0.5, 0.6], b=[0.5, 0.7])
    with pytest.raises(ValueError, match=r"baseline must be one of \['a', 'b'\], got 'c'"):
        nn.paired_differences(table, "name", "c")
    for broken in (table[1:], pd.concat([table, table]), table[table["split"] == 0]):
        with pytest.raises(ValueError, match="one run for each name and split, at least two"):
            nn.paired_differences(broken, "name", "a")
    for name, range_ in (
        ("test_fraction", "be at least 0 and less than 1"),
        ("confidence", "lie between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=f"{name} must {range_}, got 1"):
            nn.paired_differences(table, "name", "a", **{name: 1})
