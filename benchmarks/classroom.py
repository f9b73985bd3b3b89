"""Grade a class: how long it takes, and whether everybody gets the right points.

    python benchmarks/classroom.py                  a class of 100 on this machine's cores
    python benchmarks/classroom.py --students 300   a class of 300
    python benchmarks/classroom.py --busy           while something else keeps all cores busy
    python benchmarks/classroom.py --mutants        every mutant loses the points of its mistake

Of ten solutions eight are right, each in another style, and two are hostile or broken. The exit
status is 1 if anybody gets other points than they must.
"""

import argparse
import contextlib
import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "grading"), str(PROJECT / "tests")]

import mutants  # noqa: E402
import psutil  # noqa: E402
import red_team  # noqa: E402


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


def hand_in(folder: Path, students: int) -> dict[str, int]:
    """Write the class into a folder; return the points that each student must get."""
    points = {}
    bad = min(students // 5, len(red_team.SUBMISSIONS))
    for number, source in enumerate(itertools.islice(itertools.cycle(styles()), students - bad)):
        name = f"good{number:03d}"
        points[name] = red_team.ALL
        if number % 3 == 0:
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
        elif number % 3 == 1:
            (folder / name).mkdir()
            (folder / name / "nn_helpers.py").write_text(source, encoding="utf-8")
        else:
            data = red_team.zipped({"milestone/nn_helpers.py": source.encode()})
            (folder / f"{name}.zip").write_bytes(data)
    every = len(red_team.SUBMISSIONS) // max(bad, 1)
    for name in list(red_team.SUBMISSIONS)[::every][:bad]:
        points[name] = red_team.SUBMISSIONS[name].points
        red_team.hand_in(folder, name, red_team.SUBMISSIONS[name])
    return points


def grade(folder: Path, output: Path) -> tuple[float, int]:
    """Grade the class; return the seconds and the bytes that it took."""
    start, memory = time.perf_counter(), 0
    script = PROJECT / "grading" / "grade.py"
    line = [sys.executable, script, folder, "--output", output, "--seed", "1"]
    with subprocess.Popen(line) as process:
        while process.poll() is None:
            time.sleep(0.1)
            with contextlib.suppress(psutil.Error):
                memory = max(memory, psutil.Process(process.pid).memory_info().rss)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, line)
    return time.perf_counter() - start, memory


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many cores busy with something else."""
    line = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(line) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()


def grade_mutants(folder: Path, output: Path) -> list[str]:
    """Grade all mutants; return a line for each that loses points of something else, or none."""
    folder.mkdir()
    for number, edit in enumerate(mutants.MUTANTS):
        source = mutants.edited_source(edit)
        (folder / f"{number}.py").write_text(source, encoding="utf-8")
    seconds, _ = grade(folder, output)
    print(f"{len(mutants.MUTANTS)} mutants: {seconds:.0f} s")
    wrong = []
    for path in output.rglob("record.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        edit = mutants.MUTANTS[int(record["student"])]
        lost = [c["check"] for c in record["criteria"] if not c["points"]]
        own = [name for name in lost if name != "held_out_accuracy"]
        if mutants.strangers(edit, own) or not own:
            wrong.append(f"{edit.name}: lost {', '.join(lost) or 'nothing'}")
    return wrong


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
    add = parser.add_argument
    add("--students", type=int, default=100, help="how many; default: 100")
    add("--busy", action="store_true", help="while all cores are kept busy by something else")
    add("--mutants", action="store_true", help="the mutants in place of a class")
    arguments = parser.parse_args(argv)
    busy_cores = os.cpu_count() if arguments.busy else 0
    with tempfile.TemporaryDirectory() as name, busy(busy_cores):
        folder, output = Path(name, "class"), Path(name, "grades")
        if arguments.mutants:
            wrong = grade_mutants(folder, output)
            print("\n".join(wrong) or "every mutant lost the points of its mistake, and no others")
            return int(bool(wrong))
        folder.mkdir()
        points = hand_in(folder, arguments.students)
        seconds, memory = grade(folder, output)
        wrong = compare(output, points)
        print(f"{len(points)} students on {os.cpu_count()} cores: {seconds:.0f} s, ", end="")
        print(f"the grader's main process at most {memory / 2**20:.0f} MB")
    print("\n".join(wrong) or "everybody got the right points")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
