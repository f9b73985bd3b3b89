"""Time this course's network side by side with what people would use instead.

    make bench                         installs PyTorch and JAX once (2 GB), then about 7 minutes
    python benchmarks/bench.py         the same with what is installed
    python benchmarks/bench.py --quick a short form that shows that it works, into build/bench

All train the same network on the same 800 pictures, 64 hidden units, 40 epochs, rate 0.01, in
mini-batches of a new random order every epoch. They take turns, several times over, so that
whatever else the machine does meets them all; a ratio is taken within each turn. The two matrix
products of an update, X W1 and Xᵀ dz1, are timed alone, as `np.dot` computes them: the floor.

It prints tables and writes them into README.md beside this file, with a figure, and all numbers
into bench.json. Exit status 1 and one sentence say that somebody did less work than the others.
"""

import argparse
import functools
import importlib.util
import io
import itertools
import json
import math
import os
import platform
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import nn_figures as draw
import nn_helpers as nn

N_EXAMPLES = 800
N_HIDDEN, LEARNING_RATE = nn.SETTINGS["n_hidden"], nn.SETTINGS["learning_rate"]
HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- measured: written by benchmarks/bench.py -->\n", "<!-- end of measured -->"


class Plan(NamedTuple):
    """How much to measure."""

    epochs: int
    turns: dict[int, int]  # how many turns at most, by batch size
    time_for_turns: dict[int, float]  # seconds, by threads; after that no further turn begins
    n_examples: Sequence[int]
    n_updates: int  # of each run on so many examples
    n_hidden: Sequence[int]
    hidden_epochs: int
    repeats: int  # of everything but the turns
    n_pictures: int  # to render and to augment


FULL = Plan(
    epochs=nn.SETTINGS["epochs"],
    turns={1: 2, 8: 3, 32: 9, 128: 4},
    time_for_turns={1: 200, 2: 70},
    n_examples=(800, 8_000, 80_000, 800_000),
    n_updates=25_000,
    n_hidden=(16, 64, 256, 1024, 4096),
    hidden_epochs=4,
    repeats=3,
    n_pictures=400,
)
QUICK = Plan(
    epochs=2,
    turns={32: 1},
    time_for_turns={1: 60, 2: 60},
    n_examples=(800, 8_000),
    n_updates=250,
    n_hidden=(16, 64),
    hidden_epochs=1,
    repeats=1,
    n_pictures=20,
)


# The contenders -------------------------------------------------------------------------


class Work(NamedTuple):
    """What a contender did: updates, examples learned from, and the loss of its last epoch.

    The loss is the mean over all examples, each taken just before the update that learns from it.
    """

    updates: int
    examples: int
    loss: float


def train_numpy(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int) -> Work:
    """Train with this project."""
    run = nn.train(
        X,
        y,
        n_hidden=N_HIDDEN,
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        batch_size=batch_size,
        rng=np.random.default_rng(0),
    )
    updates = epochs * math.ceil(len(X) / batch_size)
    return Work(updates, epochs * len(X), run.history["loss"][-1])


def train_pytorch(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int) -> Work:
    """Train with PyTorch, eagerly, the loop that its tutorials show."""
    import torch

    torch.manual_seed(0)
    dtype = getattr(torch, X.dtype.name)
    hidden = torch.nn.Linear(X.shape[1], N_HIDDEN, dtype=dtype)
    output = torch.nn.Linear(N_HIDDEN, 1, dtype=dtype)
    for layer in (hidden, output):  # as in Eq. (19)
        torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        torch.nn.init.zeros_(layer.bias)
    network = torch.nn.Sequential(hidden, torch.nn.Sigmoid(), output, torch.nn.Flatten(0))
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y).to(dtype)
    updates = examples = 0
    for _ in range(epochs):
        losses, sizes = [], []
        for batch in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = loss_of(network(inputs[batch]), targets[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            sizes.append(len(batch))
        updates, examples = updates + len(sizes), examples + sum(sizes)
        mean = np.average(torch.stack(losses).numpy(), weights=sizes)
    return Work(updates, examples, float(mean))


def train_sklearn(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int) -> Work:
    """Train with scikit-learn's network, without what it adds: decay, momentum, early stopping."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        (N_HIDDEN,),
        activation="logistic",
        solver="sgd",
        alpha=0,
        batch_size=batch_size,
        learning_rate_init=LEARNING_RATE,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        momentum=0,
        nesterovs_momentum=False,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are used, as asked
        classifier.fit(X, y)
    updates = classifier.n_iter_ * math.ceil(len(X) / batch_size)
    return Work(updates, classifier.t_, float(classifier.loss_))


def jax_update() -> Callable:
    """Return a new function that makes an update, to be compiled when it is first called."""
    import jax
    import jax.numpy as jnp

    def loss_of(parameters: nn.Parameters, X: Any, y: Any) -> Any:
        W1, b1, W2, b2 = parameters
        z2 = jax.nn.sigmoid(X @ W1 + b1) @ W2 + b2
        return jnp.mean(jnp.logaddexp(0, z2) - z2 * y)

    @jax.jit
    def update(parameters: nn.Parameters, X: Any, y: Any, batch: Any) -> tuple[nn.Parameters, Any]:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, X[batch], y[batch])
        step = jax.tree.map(lambda theta, d: theta - LEARNING_RATE * d, parameters, gradients)
        return step, loss

    return update


compiled_jax_update = functools.cache(jax_update)


def train_jax(
    X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int, update: Callable | None = None
) -> Work:
    """Train with JAX; without an `update` that is compiled already, compiling is part of it."""
    import jax

    update = update or jax_update()
    rng = np.random.default_rng(0)
    start = nn.initialize_parameters(X.shape[1], N_HIDDEN, rng=rng, dtype=X.dtype.type)
    parameters = jax.tree.map(jax.numpy.asarray, start)
    X, y = jax.numpy.asarray(X), jax.numpy.asarray(y.astype(X.dtype))
    updates = examples = 0
    for _ in range(epochs):
        losses, sizes = [], []
        for batch in nn.minibatches(len(X), batch_size, rng=rng):
            parameters, loss = update(parameters, X, y, batch)
            losses.append(loss)
            sizes.append(len(batch))
        updates, examples = updates + len(sizes), examples + sum(sizes)
        mean = np.average(np.array(losses), weights=sizes)
    return Work(updates, examples, float(mean))


def train_compiled_jax(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int) -> Work:
    """Train with JAX, compiled in an earlier call."""
    return train_jax(X, y, batch_size, epochs, compiled_jax_update())


def matrix_products(X: np.ndarray, y: np.ndarray, batch_size: int, epochs: int) -> Work:
    """Compute the two large matrix products of each update and nothing else; learn nothing."""
    rng = np.random.default_rng(0)
    W1 = rng.standard_normal((X.shape[1], N_HIDDEN)).astype(X.dtype)
    dz1 = rng.standard_normal((batch_size, N_HIDDEN)).astype(X.dtype)
    updates = 0
    for _ in range(epochs):
        for start in range(0, len(X), batch_size):
            X_batch = X[start : start + batch_size]
            np.dot(X_batch, W1)
            np.dot(X_batch.T, dz1[: len(X_batch)])
            updates += 1
    return Work(updates, epochs * len(X), math.nan)


class Contender(NamedTuple):
    """How a contender trains, the statement that imports it, and the package it needs."""

    train: Callable[[np.ndarray, np.ndarray, int, int], Work]
    load: str
    package: str


OURS, COMPILED, FLOOR = "nn_helpers", "JAX, compiled before", "the two products"
CONTENDERS = {
    OURS: Contender(train_numpy, "import nn_helpers", "numpy"),
    "PyTorch": Contender(train_pytorch, "import torch", "torch"),
    "scikit-learn": Contender(
        train_sklearn, "from sklearn.neural_network import MLPClassifier", "sklearn"
    ),
    "JAX": Contender(train_jax, "import jax", "jax"),
    COMPILED: Contender(train_compiled_jax, "import jax", "jax"),
    FLOOR: Contender(matrix_products, "import numpy", "numpy"),
}


def same_work(work: dict[str, Work]) -> str:
    """Say in one sentence who did other work than `OURS`; empty if nobody.

    The losses differ a little: starting weights and orders are drawn by different generators.
    """
    ours = work[OURS]
    for name, theirs in work.items():
        if (theirs.updates, theirs.examples) != (ours.updates, ours.examples):
            return (
                f"{name} made {theirs.updates} updates with {theirs.examples} examples, "
                f"{OURS} {ours.updates} with {ours.examples}"
            )
        if name != FLOOR and not 2 / 3 < theirs.loss / ours.loss < 3 / 2:
            return f"{name} reached a loss of {theirs.loss:.4f}, {OURS} {ours.loss:.4f}"
    return ""


# What is measured, each in a process of its own -----------------------------------------


def draw_examples(n: int, precision: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw standardized pictures of a 6 or an 8 from the embedded set, with their classes."""
    data = nn.load_sign_digits(nn.PROJECT / "data" / "sign_digits.npz")
    X, y, _ = nn.select_digits(data)
    rows = np.random.default_rng(0).permutation(len(y))[:n]
    X, y = X[rows], y[rows]
    return nn.standardize(X, nn.fit_standardizer(X)).astype(precision), y


def seconds(function: Callable, *arguments: Any, **settings: Any) -> tuple[float, Any]:
    """Call a function; return the time it took and what it returned."""
    start = time.perf_counter()
    result = function(*arguments, **settings)
    return time.perf_counter() - start, result


@functools.cache
def warmed_up(names: tuple[str, ...], precision: str, batch_size: int) -> None:
    """Let every contender do once what only a first call has to do, compiling for one."""
    X, y = draw_examples(N_EXAMPLES, precision)
    for name in names:
        if name != "JAX":  # it compiles anew each time
            CONTENDERS[name].train(X, y, batch_size, 1)


def take_turns(
    names: tuple[str, ...], precision: str, batch_size: int, epochs: int
) -> dict[str, tuple[float, Work]]:
    """Let each contender train once, one after the other."""
    warmed_up(names, precision, batch_size)
    X, y = draw_examples(N_EXAMPLES, precision)
    return {name: seconds(CONTENDERS[name].train, X, y, batch_size, epochs) for name in names}


def write_many_examples(path: Path, n: int) -> None:
    """Write the pictures over and over into one large file, to be mapped into memory."""
    X, _ = draw_examples(N_EXAMPLES, "float32")
    with path.open("wb") as file:
        header = {"descr": X.dtype.str, "fortran_order": False, "shape": (n, X.shape[1])}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, n, len(X)):
            X[: n - start].tofile(file)


def grow(path: Path, n: int, n_hidden: int, epochs: int) -> dict[str, float]:
    """Train on the first `n` examples of a mapped file; return microseconds for each one met."""
    X, y = np.load(path, mmap_mode="r")[:n], np.arange(n, dtype=np.int8) % 2
    settings = {"n_hidden": n_hidden, "batch_size": 32, "rng": np.random.default_rng(0)}
    taken, _ = seconds(nn.train, X, y, epochs=epochs, **settings)
    return {"microseconds": taken / (n * epochs) * 1e6}


def peak_memory(path: Path, n: int, n_hidden: int) -> float:
    """Return the most memory that NumPy and Python have in use in an epoch, in megabytes.

    The mapped file and what was there before are not part of it. A run of its own, because
    keeping the books takes time.
    """
    tracemalloc.start()
    grow(path, n, n_hidden, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def make_pictures(n: int) -> dict[str, float]:
    """Render `n` pictures of hands, and augment as many; return milliseconds for each picture."""
    renderer = runpy.run_path(str(nn.PROJECT / "data" / "render_hands.py"))
    rendering, (images, _, _) = seconds(renderer["render_signers"], n // 10, 0)
    augmenting, copies = seconds(nn.augment, images, 2, rng=np.random.default_rng(0))
    return {
        "rendering": rendering / len(images) * 1e3,
        "augmenting": augmenting / len(copies) * 1e3,
    }


def cold(statement: str) -> float:
    """Return how many seconds a statement takes in a new process, once Python itself is up."""
    code = f"import time; start = time.perf_counter(); {statement}; "
    code += "print(time.perf_counter() - start)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def train_once(name: str, epochs: int) -> None:
    """Load the pictures and train with one contender."""
    CONTENDERS[name].train(*draw_examples(N_EXAMPLES, "float32"), 32, epochs)


def process(threads: int) -> ProcessPoolExecutor:
    """Start a process that computes with so many threads.

    Libraries read these variables when they are loaded, and a new process takes them along.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    os.environ.update({name: str(threads) for name in names}, JAX_PLATFORMS="cpu")
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
    pool = ProcessPoolExecutor(1, get_context("spawn"))
    pool.submit(prepare, threads).result()  # it starts only now
    return pool


def prepare(threads: int) -> None:
    """Set what no environment variable does."""
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)  # float32 stays float32


# Results --------------------------------------------------------------------------------


class Ratio(NamedTuple):
    """How many times as long as another: the median over the turns, the lowest, the highest."""

    median: float
    low: float
    high: float


def ratio(times: Sequence[float], others: Sequence[float]) -> Ratio:
    """Divide times by others, turn by turn."""
    ratios = [a / b for a, b in zip(times, others, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def rounded(value: float) -> float:
    """Keep four digits; the rest is noise."""
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """Say what the numbers were measured on."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]
    versions = {"Python": platform.python_version()}
    for name in ("numpy", "torch", "scikit-learn", "jax"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "BLAS": f"{blas['name']} {blas['version']}",
        "versions": versions,
    }


def measure(plan: Plan, names: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Measure everything; the large file goes into a folder beside the results and away again."""
    threads = sorted({1, min(2, os.cpu_count() or 1)})
    pools = {n: process(n) for n in reversed(threads)}  # one thread last: `cold` inherits that
    results = {
        "machine": machine(),
        "epochs": plan.epochs,
        "training": measure_training(plan, names, pools),
        "growth": measure_growth(plan, pools[1], folder),
        "pictures": repeated(plan.repeats, pools[1].submit, make_pictures, plan.n_pictures),
        "cold": measure_cold(plan, [name for name in names if name not in (COMPILED, FLOOR)]),
    }
    for pool in pools.values():
        pool.shutdown()
    return results


def measure_training(
    plan: Plan, names: tuple[str, ...], pools: dict[int, ProcessPoolExecutor]
) -> list[dict[str, Any]]:
    """Let the contenders take turns in every setting, with one thread, then with two.

    With two threads, batches of one example get a tenth of the epochs: there is nothing to share,
    and on a busy machine libraries that try nonetheless take minutes.

    Raises
    ------
    RuntimeError
        Somebody did other work than the others.
    """
    rows: dict[tuple, dict[str, Any]] = {}
    for threads, pool in sorted(pools.items()):
        turns = [  # those of each setting spread over the whole time
            (turn / n, precision, size)
            for precision, (size, n) in itertools.product(
                ("float32", "float64"), plan.turns.items()
            )
            for turn in range(n)
        ]
        deadline = time.monotonic() + plan.time_for_turns[threads]
        for _, precision, size in tqdm(sorted(turns), desc=f"{threads} threads", disable=None):
            if time.monotonic() > deadline:
                continue
            epochs = plan.epochs // 10 if threads > 1 and size == 1 else plan.epochs
            setting = {"threads": threads, "precision": precision, "batch size": size}
            row = rows.setdefault(
                (threads, precision, size), {**setting, "epochs": epochs, "seconds": {}}
            )
            taken = pool.submit(take_turns, names, precision, size, epochs).result()
            if problem := same_work({name: work for name, (_, work) in taken.items()}):
                raise RuntimeError(f"{precision}, batch {size}: {problem}")
            for name, (time_taken, _) in taken.items():
                row["seconds"].setdefault(name, []).append(rounded(time_taken))
    return [rows[setting] for setting in sorted(rows)]


def repeated(n: int, function: Callable, *arguments: Any) -> dict[str, list[float]]:
    """Call so many times; return the numbers of all results in lists, by name."""
    results = [function(*arguments).result() for _ in range(n)]
    return {name: [rounded(result[name]) for result in results] for name in results[0]}


def measure_growth(plan: Plan, pool: ProcessPoolExecutor, folder: Path) -> list[dict[str, Any]]:
    """Measure time and memory with more and more examples, then hidden units."""
    sizes = [(n, N_HIDDEN, plan.n_updates * 32 // n) for n in plan.n_examples]
    sizes += [(N_EXAMPLES, n, plan.hidden_epochs) for n in plan.n_hidden]
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as large:
        path = Path(large) / "X.npy"
        write_many_examples(path, max(plan.n_examples))
        for n, n_hidden, epochs in tqdm(sizes, desc="growth", disable=None):
            row = {"examples": n, "hidden": n_hidden, "epochs": epochs}
            row |= repeated(plan.repeats, pool.submit, grow, path, n, n_hidden, epochs)
            row["megabytes"] = rounded(pool.submit(peak_memory, path, n, n_hidden).result())
            rows.append(row)
    return rows


def measure_cold(plan: Plan, names: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Measure the way from nothing, each time in a new process."""
    rows: dict[str, dict[str, list[float]]] = {name: {"import": [], "train": []} for name in names}
    for name in tqdm(list(names) * plan.repeats, desc="from nothing", disable=None):
        rows[name]["import"].append(rounded(cold(CONTENDERS[name].load)))
        training = f"import bench; bench.train_once({name!r}, {plan.epochs})"
        rows[name]["train"].append(rounded(cold(training)))
    return rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def report(results: dict[str, Any]) -> str:
    """Return all results as Markdown."""
    training, about = results["training"], results["machine"]
    others = [name for name in training[0]["seconds"] if name not in (OURS, FLOOR)]
    head = [OURS, *others, f"{OURS} / {FLOOR}"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())

    def cells(row: dict[str, Any], form: str) -> list[str]:
        times = row["seconds"]
        ratios = [ratio(times[name], times[OURS]) for name in others]
        ratios.append(ratio(times[OURS], times[FLOOR]))
        return [f"{statistics.median(times[OURS]):.3f} s", *map(form.format, ratios)]

    with_spread = "{0.median:.2f} ({0.low:.2f} to {0.high:.2f})"
    main = [
        [str(row["batch size"]), str(len(row["seconds"][OURS])), *cells(row, with_spread)]
        for row in training
        if (row["threads"], row["precision"]) == (1, "float32")
    ]
    settings = [
        [str(row[what]) for what in ("precision", "threads", "batch size", "epochs")]
        + cells(row, "{0.median:.2f}")
        for row in training
    ]
    lines = [
        f"Measured on {about['processor']}, {about['cores']} cores, {about['system']}; "
        f"{versions}; BLAS {about['BLAS']}.",
        "",
        f"**How many times as long as `{OURS}.train`** ({results['epochs']} epochs, float32, one "
        "thread; median of the turns, lowest and highest in brackets)",
        "",
        *table(["batch", "turns", *head], main),
        "",
        "**The same for all settings** (medians)",
        "",
        *table(["precision", "threads", "batch", "epochs", *head], settings),
    ]
    growth = [
        (
            f"{row['examples']:,}",
            f"{row['hidden']:,}",
            f"{statistics.median(row['microseconds']):.2f} µs",
            f"{row['megabytes']:.1f} MB",
            f"{row['examples'] * nn.N_PIXELS * 4 / 1e6:,.1f} MB",
        )
        for row in results["growth"]
    ]
    lines += [
        "",
        "**More examples, more hidden units** (float32, batches of 32, one thread; the pictures "
        "are mapped from a file; *memory* is the most in use at a time beyond them)",
        "",
        *table(["examples", "hidden units", "time for each example", "memory", "pictures"], growth),
    ]
    lines += ["", "**From nothing**, in a new process (float32, batches of 32, one thread)", ""]
    rows = [
        [name, *(f"{statistics.median(times):.2f} s" for times in both.values())]
        for name, both in results["cold"].items()
    ]
    lines += table(["", "import", f"import, pictures, {results['epochs']} epochs"], rows)
    made = {name: statistics.median(times) for name, times in results["pictures"].items()}
    said = ", ".join(f"{name} {taken:.2f} ms" for name, taken in made.items())
    lines += ["", f"**Pictures**: {said} for each picture."]
    return "\n".join(lines) + "\n"


def drawn(results: dict[str, Any]) -> Any:
    """Draw the time of each contender against the size of the batch."""
    import pandas as pd

    curves = {}
    for row in results["training"]:
        if (row["threads"], row["precision"]) == (1, "float32"):
            medians = {name: statistics.median(times) for name, times in row["seconds"].items()}
            curves[row["batch size"]] = medians
    curves = pd.DataFrame(curves).T.drop(columns=COMPILED, errors="ignore")
    figure = draw.curves(
        curves,
        f"{results['epochs']} epochs with 800 pictures, float32, one thread",
        xlabel="batch size",
        ylabel="time (s)",
        log="xy",
    )
    axis = figure.axes[0]
    axis.set_xticks(list(curves.index), list(map(str, curves.index)))
    axis.minorticks_off()
    for line in axis.lines:  # few points: a marker on each
        line.set_markevery(None)
    return figure


def write(results: dict[str, Any], folder: Path) -> str:
    """Write the results as JSON, figure and README into a folder; return the report."""
    text, figure, buffer = report(results), drawn(results), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=draw.DPI, metadata={"Description": figure.get_label()})
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    picture = f"![{figure.get_label()}](bench.png)\n\n"
    nn.write_atomically(folder / "bench.json", (json.dumps(results, indent=1) + "\n").encode())
    nn.write_atomically(folder / "bench.png", buffer.getvalue())
    page = before + BEGIN + picture + text + END + after
    nn.write_atomically(folder / "README.md", page.encode())
    return text


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="show that it works; into build/bench")
    arguments = parser.parse_args(argv)
    folder = nn.PROJECT / "build" / "bench" if arguments.quick else HERE
    folder.mkdir(parents=True, exist_ok=True)
    missing = {c.package for c in CONTENDERS.values() if not importlib.util.find_spec(c.package)}
    if missing:
        print(f"not installed, left out: {', '.join(sorted(missing))}", file=sys.stderr)
    names = tuple(name for name, c in CONTENDERS.items() if c.package not in missing)
    try:
        results = measure(QUICK if arguments.quick else FULL, names, folder)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(write(results, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
