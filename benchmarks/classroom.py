"""Grade a class of 100: how long it takes, and whether everybody gets the right points.

    python benchmarks/classroom.py           on this machine's cores
    python benchmarks/classroom.py --dask    and on two dask workers, one of them killed half-way

80 solutions are right, each in another style; 20 are hostile or broken. The exit status is 1 if
anybody gets other points than they must, or if the cluster's results differ.
"""

import argparse
import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "grading"), str(PROJECT / "tests")]

import dask_cluster  # noqa: E402
import mutants  # noqa: E402
import red_team  # noqa: E402

GOOD, BAD = 80, 20


def styles() -> Iterator[str]:
    """Return right solutions: the reference with one or two correct variants in it."""
    yield red_team.REFERENCE
    for number in (1, 2):
        for edits in itertools.combinations(mutants.VARIANTS, number):
            source = red_team.REFERENCE
            for edit in edits:
                if source.count(edit.old) == 1:
                    source = source.replace(edit.old, edit.new)
                else:  # two edits of the same line
                    break
            else:
                yield source


def hand_in(folder: Path) -> dict[str, int]:
    """Write the class into a folder; return the points that each student must get."""
    points = {}
    for number, source in enumerate(itertools.islice(styles(), GOOD)):
        name = f"good{number:02d}"
        points[name] = red_team.ALL
        if number % 3 == 0:
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
        elif number % 3 == 1:
            (folder / name).mkdir()
            (folder / name / "nn_helpers.py").write_text(source, encoding="utf-8")
        else:
            data = red_team.zipped({"milestone/nn_helpers.py": source.encode()})
            (folder / f"{name}.zip").write_bytes(data)
    every = len(red_team.SUBMISSIONS) // BAD
    for name in list(red_team.SUBMISSIONS)[::every][:BAD]:
        points[name] = red_team.SUBMISSIONS[name].points
        red_team.hand_in(folder, name, red_team.SUBMISSIONS[name])
    return points


def grade(
    folder: Path, output: Path, *more: str, half_way: Callable[[], None] | None = None
) -> float:
    """Grade the class and return the seconds that it took; do something when half is done."""
    start = time.perf_counter()
    script = PROJECT / "grading" / "grade.py"
    line = [sys.executable, script, folder, "--output", output, "--seed", "1", *more]
    half = len(os.listdir(folder)) // 2
    with subprocess.Popen(line) as process:
        while process.poll() is None:
            time.sleep(0.1)
            if half_way and len(list(output.rglob("record.json"))) >= half:
                half_way()
                half_way = None
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, line)
    return time.perf_counter() - start


def compare(output: Path, points: dict[str, int]) -> list[str]:
    """Return a line for each student whose points are not what they must be."""
    with (output / "grades.csv").open(encoding="utf-8", newline="") as file:
        got = {row["student"]: int(row["automatic"]) for row in csv.DictReader(file)}
    return [f"{n}: {got.get(n)}, not {p}" for n, p in points.items() if got.get(n) != p]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dask", action="store_true", help="on two dask workers too")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder, local, far = (Path(name, part) for part in ("class", "local", "far"))
        folder.mkdir()
        points = hand_in(folder)
        seconds = grade(folder, local)
        wrong = compare(local, points)
        print(f"{len(points)} students on {os.cpu_count()} cores: {seconds:.0f} s")
        if arguments.dask:
            with dask_cluster.cluster(Path(name)) as (client, workers):
                address = ["--dask", client.scheduler.address]
                seconds = grade(folder, far, *address, half_way=workers[0].kill)
            same = (far / "grades.csv").read_bytes() == (local / "grades.csv").read_bytes()
            wrong += [] if same else ["the cluster's results differ"]
            print(f"on two dask workers, one of them killed half-way: {seconds:.0f} s")
    print("\n".join(wrong) or "everybody got the right points")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
