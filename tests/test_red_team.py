"""Hostile and broken submissions are contained: each gets its points, and nobody else notices."""

import contextlib
import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import red_team
import sandbox

PROJECT = red_team.PROJECT


def no_sandbox() -> str:
    try:
        sandbox.probe()
    except sandbox.NoSandbox as error:
        return str(error)
    return ""


NO_SANDBOX = no_sandbox()
needs_sandbox = pytest.mark.skipif(bool(NO_SANDBOX), reason=f"no sandbox here: {NO_SANDBOX}")
pytestmark = needs_sandbox


def course_files() -> dict[str, str]:
    """Return the digest of every file of the project that a submission could want to change."""
    folders = ("grading", "data", "notebooks", "tests", "figures")
    paths = [PROJECT / "nn_helpers.py", *(p for f in folders for p in (PROJECT / f).rglob("*"))]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts
    }


def left_of(session: int) -> list[str]:
    """Return the processes of a session, and what runs in a sandbox without its starter."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            line = " ".join(process.cmdline())
            orphan = "What runs inside the sandbox" in line and process.ppid() == 1
            if orphan or os.getsid(process.pid) == session:
                found[process] = f"{line[:80]} ({process.status()})"
    _, alive = psutil.wait_procs(found, timeout=10)  # a killed process takes a moment to end
    return [found[process] for process in alive if not ended(process)]


def ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended, if only its parent has not taken note yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# What only a sigmoid is about, or nothing in particular, is graded by a part of the rubric: the
# first of these programs. All else by the whole of it.
SHORT = """
import sys, checks
whole = checks.read_rubric
checks.read_rubric = lambda: [c for c in whole() if c.part in ("Activation", "Loss")]
import grade
sys.exit(grade.main(sys.argv[1:]))
"""
WHOLE = "import sys, grade; sys.exit(grade.main(sys.argv[1:]))"
SHORT_ALL = sum(c.points for c in red_team.RUBRIC if c.part in ("Activation", "Loss"))
SHORT_POINTS = {
    0: 0,
    red_team.ALL: SHORT_ALL,
    red_team.but("sigmoid"): SHORT_ALL - (red_team.ALL - red_team.but("sigmoid")),
}


def points_of(name: str) -> int:
    """Return the points that an attack must get, by the rubric that it is graded by."""
    points = red_team.SUBMISSIONS[name].points
    return SHORT_POINTS.get(points, points)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Grade all attacks in two classes, with two good students in each."""
    good = red_team.Attack({"nn_helpers.py": red_team.REFERENCE}, red_team.ALL)
    before, rows, left = course_files(), {}, []
    for place, program in enumerate((SHORT, WHOLE)):
        folder, output = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("grades")
        for name, attack in red_team.SUBMISSIONS.items():
            if (attack.points in SHORT_POINTS) == (program is SHORT):
                red_team.hand_in(folder, name, attack)
        for name in ("a good student", "zz another good student"):
            red_team.hand_in(folder, f"{name} {place}", good)
        line = [sys.executable, "-c", program, folder, "--output", output, "--seed", "7"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(line, start_new_session=True, cwd=PROJECT / "grading", **pipes)
        _, errors = process.communicate(timeout=900)
        left += left_of(process.pid)
        assert process.returncode == 0, errors
        with (output / "grades.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                rows[row["student"]] = {**row, "folder": output / "students" / row["folder"]}
    return rows, before == course_files(), left


def of(graded, name: str, kind: str) -> str:
    """Return one of the files that were written for a student."""
    return (graded[0][name]["folder"] / kind).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", red_team.SUBMISSIONS)
def test_attack_gets_its_points(graded, name):
    assert int(graded[0][name]["automatic"]) == points_of(name), of(graded, name, "feedback.md")


@pytest.mark.parametrize("name", red_team.SUBMISSIONS)
def test_feedback_says_what_went_wrong(graded, name):
    text = of(graded, name, "feedback.md")
    words = red_team.SUBMISSIONS[name].words
    if words == "&lt;script&gt;":
        text = of(graded, name, "feedback.html")
    assert words in text
    assert len(text) < 20_000


@pytest.mark.parametrize("name", red_team.SUBMISSIONS)
def test_feedback_gives_nothing_away_and_runs_nothing(graded, name):
    texts = [of(graded, name, kind) for kind in ("feedback.md", "feedback.html", "results.json")]
    for text in texts:
        assert "SECRET" not in text  # put together at run time, with the random input
        assert "Traceback" not in text
        assert "grading/grade.py" not in text
        assert "def check_" not in text
        assert "\u202e" not in text
    assert "<script" not in texts[1]
    assert "javascript:" not in texts[1].replace("[x](javascript:1)", "")
    assert json.loads(texts[2])["score"] == points_of(name)


def test_good_students_are_not_affected(graded):
    for name in ("a good student", "zz another good student"):
        for place, points in enumerate((SHORT_ALL, red_team.ALL)):
            assert int(graded[0][f"{name} {place}"]["automatic"]) == points


def test_course_folder_is_untouched(graded):
    assert graded[1]
    assert not Path("/tmp/bomb").exists()


def test_no_process_is_left(graded):
    assert graded[2] == []
