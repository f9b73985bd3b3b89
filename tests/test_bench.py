"""The benchmarks: equal work, ratios taken in turn, and a page that shows what was stored."""

import importlib.util
import json
import math

import bench
import pytest
from PIL import Image

import nn_helpers as nn

FOLDER = nn.PROJECT / "benchmarks"
STORED = json.loads((FOLDER / "bench.json").read_text(encoding="utf-8"))
EQUAL = {
    bench.OURS: bench.Work(50, 1600, 0.5),
    "theirs": bench.Work(50, 1600, 0.52),
    bench.FLOOR: bench.Work(50, 1600, math.nan),
}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_contenders_make_the_same_updates_and_reach_the_same_loss(precision):
    """PyTorch and JAX take part where they are installed, in `make bench QUICK=1` for example."""
    installed = [
        name for name, c in bench.CONTENDERS.items() if importlib.util.find_spec(c.package)
    ]
    assert {bench.OURS, "scikit-learn", bench.FLOOR} <= set(installed)
    X, y = bench.draw_examples(70, precision)
    assert X.dtype == precision
    work = {name: bench.CONTENDERS[name].train(X, y, 32, 3) for name in installed}
    assert bench.same_work(work) == ""
    assert work[bench.OURS][:2] == (9, 210)  # the smaller last batch of each epoch too


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"theirs": bench.Work(49, 1600, 0.5)}, "theirs made 49 updates with 1600 examples"),
        ({"theirs": bench.Work(50, 1568, 0.5)}, "theirs made 50 updates with 1568 examples"),
        ({bench.FLOOR: bench.Work(40, 1600, math.nan)}, f"{bench.FLOOR} made 40 updates"),
        ({"theirs": bench.Work(50, 1600, 0.9)}, "theirs reached a loss of 0.9000"),
        ({"theirs": bench.Work(50, 1600, 0.1)}, "theirs reached a loss of 0.1000"),
        ({"theirs": bench.Work(50, 1600, math.nan)}, "theirs reached a loss of nan"),
    ],
)
def test_less_work_is_noticed(change, said):
    assert bench.same_work(EQUAL) == ""
    assert bench.same_work({**EQUAL, **change}).startswith(said)


def test_nothing_is_written_if_somebody_did_less_work(tmp_path, monkeypatch, capsys):
    def measure(*_):
        raise RuntimeError("batch 32, float32: theirs made 49 updates")

    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "measure", measure)
    assert bench.main([]) == 1
    assert "theirs made 49 updates" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ratio_is_taken_within_each_turn():
    """A machine that is slow for a whole turn changes no ratio."""
    assert bench.ratio([2, 4, 9], [1, 2, 3]) == (2, 2, 3)
    ours, theirs, slow = [1.0, 1.5, 1.2], [3.0, 3.0, 4.2], [1, 10, 2]
    slowed = [[t * s for t, s in zip(times, slow, strict=True)] for times in (theirs, ours)]
    assert bench.ratio(*slowed) == pytest.approx(bench.ratio(theirs, ours))
    assert bench.ratio(ours, ours) == (1, 1, 1)
    inverse = bench.ratio(ours, theirs)
    assert 1 / inverse.low == pytest.approx(bench.ratio(theirs, ours).high)


def test_stored_results_cover_what_was_to_be_measured():
    settings = {(row["threads"], row["precision"], row["batch size"]) for row in STORED["training"]}
    plan = bench.FULL
    assert settings == {
        (n, p, b) for n in (1, 2) for p in ("float32", "float64") for b in plan.turns
    }
    for row in STORED["training"]:
        turns = {name: len(times) for name, times in row["seconds"].items()}
        assert list(turns) == list(bench.CONTENDERS)
        assert len(set(turns.values())) == 1
        assert 1 <= turns[bench.OURS] <= plan.turns[row["batch size"]]
    sizes = [(row["examples"], row["hidden"]) for row in STORED["growth"]]
    assert sizes[:4] == [(n, bench.N_HIDDEN) for n in plan.n_examples]
    assert sizes[4:] == [(bench.N_EXAMPLES, n) for n in plan.n_hidden]


def test_page_and_figure_show_the_stored_results(tmp_path):
    text = bench.write(STORED, tmp_path)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert text in page
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == page
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == STORED
    described = Image.open(FOLDER / "bench.png").text["Description"]
    assert Image.open(tmp_path / "bench.png").text["Description"] == described
    assert f"![{described}](bench.png)" in page
