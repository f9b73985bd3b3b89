"""How the notebooks are tested: strictly, figures included, and no further than the first failure.

``pytest --nbval`` executes each notebook in a fresh kernel and compares what each cell prints
with what is stored. Pictures it does not compare, so that is done here: a cell's figures go to
a temporary folder and are held against those in ``figures/``. At the end stands what was skipped.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

# Before NumPy is imported, here or in a kernel. Several threads round matrix products
# differently, and on few cores they are slower.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
os.environ.pop("SIGN_DIGITS", None)  # the stored outputs belong to the embedded set

import pytest
from matplotlib.testing.compare import compare_images
from nbval.plugin import IPyNbCell
from PIL import Image

FIGURES = Path(__file__).parent / "figures"
FAILED = Path(__file__).parent / "build" / "failed-figures"
LONGEST = ("test_red_team.py", "05_experiments.ipynb", "test_grader.py", "test_grading.py")
_broken = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests and their kernels, which inherit the environment, from ``figures/``."""
    folder = tempfile.TemporaryDirectory(prefix="figures-")
    config.add_cleanup(folder.cleanup)
    os.environ["SIGN_DIGITS_FIGURES"] = folder.name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Compare a cell's figures too, and skip what follows a failed cell."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    if item.parent.stash.get(_broken, False):
        pytest.skip("an earlier cell of this notebook failed")
    try:
        result = yield
        _compare_new_figures()
    except (Exception, pytest.fail.Exception):
        item.parent.stash[_broken] = True
        raise
    return result


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are cores: many tests wait for others to end or to start."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: the processes share the files, and should end together."""
    items.sort(key=lambda item: [item.path.name != name for name in LONGEST])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for which reason: it tells what to install."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped tests")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} skipped: {reason}")


def _compare_new_figures() -> None:
    """Hold the figures that the last cell made against the stored ones."""
    folder = Path(os.environ["SIGN_DIGITS_FIGURES"])
    try:
        for made in folder.glob("*.png"):
            _compare(FIGURES / made.name, made)
    finally:
        for path in folder.iterdir():
            path.unlink()


def _compare(stored: Path, made: Path) -> None:
    """Fail if a figure is not the stored one; keep it and the difference to look at."""
    if not stored.is_file():
        pytest.fail(f"figures/{made.name} is not stored: run `make`", pytrace=False)
    before, after = Image.open(stored).text, Image.open(made).text
    if before["Software"] != after["Software"]:
        # Another Matplotlib sets type differently: hold the description, which is made from
        # what is drawn.
        assert after["Description"] == before["Description"]
    elif failure := compare_images(str(stored), str(made), tol=0.1):
        FAILED.mkdir(parents=True, exist_ok=True)
        for path in made.parent.glob(f"{made.stem}*"):
            shutil.copy(path, FAILED)
        pytest.fail(f"figures/{made.name} changed, see {FAILED}\n{failure}", pytrace=False)
