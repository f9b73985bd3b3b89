"""The grader: reading what students hand in, points, results, and runs that are cut short."""

import contextlib
import csv
import io
import json
import os
import re
import socket
import subprocess
import zipfile
from pathlib import Path

import checks
import dask_cluster
import desk
import grade
import mutants
import nbformat
import psutil
import pytest
import red_team
import sandbox
import student
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_red_team import needs_sandbox

REFERENCE = red_team.REFERENCE


def put(folder: Path, **files: str | bytes) -> Path:
    """Write files into a folder; two underscores in a keyword stand for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def rows_of(output: Path) -> dict[str, dict[str, str]]:
    """Return the rows of grades.csv by student."""
    with (output / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def command(folder: Path, output: Path, *more: str) -> list[str]:
    return red_team.grader(folder, "--output", output, *more, short=True)


def grade_here(folder: Path, output: Path, *more: str) -> int:
    """Grade in this process, one submission at a time; return the exit status."""
    return grade.main([str(folder), "--output", str(output), "--jobs", "1", *more])


def points_in(output: Path) -> dict[str, str]:
    """Return the automatic points of grades.csv by student."""
    return {name: row["automatic"] for name, row in rows_of(output).items()}


@pytest.fixture(scope="module")
def assignment():
    return grade.prepare(11, trusted=False)


def graded(source: str, assignment: grade.Assignment) -> tuple[int, dict[str, str]]:
    """Return the points of a module, and the message of each check that it fails."""
    work = grade.Work("x", "", source, (), "", ())
    results = grade.grade(work, assignment)
    return sum(r["points"] for r in results), {r["check"]: r["message"] for r in results}


# Points


@needs_sandbox
def test_right_solutions_get_full_points_however_they_are_written(assignment):
    for edit in mutants.VARIANTS[::14]:
        points, messages = graded(REFERENCE.replace(edit.old, edit.new), assignment)
        assert points == 80, (edit.name, {k: m for k, m in messages.items() if m})


UNUSUAL = {
    "progress bar": {
        "for epoch in range(1, epochs + 1):": (
            "from tqdm import tqdm\n    for epoch in tqdm(range(1, epochs + 1)):"
        )
    },
    "standardizer as a dict": {
        "return Standardizer(X.mean(axis=0), X.std(axis=0) + floor)": (
            "return {0: X.mean(axis=0), 'why': [X.std(axis=0) + floor]}"
        ),
        "mean, scale = standardizer\n": "mean, (scale,) = standardizer.values()\n",
    },
    "rounded quantiles": {
        "z = NormalDist().inv_cdf((1 + confidence) / 2)": (
            "z = {0.8: 1.2816, 0.9: 1.645, 0.95: 1.96, 0.99: 2.576}[confidence]"
        )
    },
    "prints": {
        "    return 0.5 * (1 + np.tanh": "    print(z.shape)\n    return 0.5 * (1 + np.tanh"
    },
}


@needs_sandbox
@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_but_right_solutions_get_full_points(assignment, name):
    points, messages = graded(red_team.changed(UNUSUAL[name]), assignment)
    assert points == 80, {k: m for k, m in messages.items() if m}


@needs_sandbox
def test_column_vectors_get_a_clear_message_and_partial_credit(assignment):
    points, messages = graded(red_team.COLUMN_VECTORS, assignment)
    assert 40 <= points < 80
    words = "z2 should have shape (8,), yours has (8, 1): one output unit needs no second axis"
    assert words in messages["forward_definition"]
    assert not messages["sigmoid"]
    assert not messages["loss_definition"]


@needs_sandbox
def test_a_known_mistake_is_named_as_in_the_self_checks(assignment):
    edits = {mutants.changed_function(edit): edit for edit in mutants.MUTANTS}  # the last of each
    for function, edit in edits.items():
        said = checks.diagnosis(mutants.edited_module(edit), [function])
        about_it = [c for c in assignment.rubric if function in c.functions]
        source = REFERENCE.replace(edit.old, edit.new)
        _, messages = graded(source, assignment._replace(rubric=about_it))
        failed = [message for message in messages.values() if message]
        assert failed
        assert all(message.endswith(said) for message in failed), edit.name


@needs_sandbox
def test_points_do_not_depend_on_the_machine(assignment):
    source = REFERENCE.replace("dz1 = da1 * a1 * (1 - a1)", "dz1 = da1")
    work = grade.Work("x", "", source, (), "", ())
    about_it = [c for c in assignment.rubric if "backward" in c.functions]
    results = [grade.grade(work, assignment._replace(rubric=about_it)) for _ in range(2)]
    assert results[0] == results[1]


@needs_sandbox
def test_a_submission_that_uses_up_its_time_is_not_tried_further(assignment):
    slow = "def sigmoid(z):\n    while True:\n        pass"
    limits = assignment.limits._replace(total_seconds=5, call_seconds=60)
    points, messages = graded(f"{REFERENCE}\n\n{slow}\n", assignment._replace(limits=limits))
    assert 0 < points < 80
    assert "stopped: all calls together took too long" in str(messages)
    assert "not tried" in messages["wilson_interval"]


@pytest.mark.parametrize(
    ("doing", "asleep", "computed", "counted"),
    [
        ("reading", True, 0, "idle"),
        ("writing", True, 0, "idle"),
        ("serving", True, 0, ""),
        ("reading", False, 0, ""),  # it could run, but others have the processor
        ("reading", False, 0.05, "used"),
    ],
)
def test_only_what_a_submission_computes_or_sleeps_counts(doing, asleep, computed, counted):
    mine, theirs = socket.socketpair()
    with mine, theirs, mine.makefile("wb") as requests, mine.makefile("rb") as replies:
        child = sandbox.Child((requests, replies), psutil.Process(), sandbox.Limits())
        child.closed.set()
        child.doing = doing
        for _ in range(1000):
            child.count(computed, 0.06, asleep=asleep)
        assert child.idle == pytest.approx(60 * (counted == "idle"))
        assert child.used == pytest.approx(50 * (counted == "used"))
        theirs.send(b"x")  # an answer that this side has not read yet
        before = child.idle
        child.count(0, 0.06, asleep=True)
        assert (child.idle > before) == (doing == "writing")


@needs_sandbox
def test_the_grader_is_not_asked_for_what_is_right(assignment):
    # Everything is wrong except backward, which asks for what only the reference could tell.
    source = REFERENCE.replace("    dz2 = (a2 - y) / len(y)\n", "    return train(X, y)\n")
    points, messages = graded(source, assignment)
    assert messages["gradient_of_W1"]
    assert not messages["training_learns"]  # with the reference's backward in its place
    assert points == red_team.but("backward")


@pytest.mark.parametrize("wrong", [{}, {"reference": 1}, {"student edition": 1}])
def test_canary(wrong):
    result = {
        "reference": [{"points": 80, "max": 80, "check": "sigmoid"}],
        "student edition": [{"points": 0, "max": 80, "check": "sigmoid"}],
    }
    for name, points in wrong.items():
        result[name][0]["points"] = points
    if not wrong:
        grade.require_canary(result)
        return
    with pytest.raises(ValueError, match="the reference solution must get 80 points"):
        grade.require_canary(result)


# What students hand in


@pytest.mark.parametrize(
    ("name", "who", "number"),
    [
        ("alice.zip", "alice", ""),
        ("alice.ZIP", "alice", ""),
        ("doejane_LATE_12_345_nn_helpers-2.py", "doejane", "12"),
        ("doejane_12_345_work.zip", "doejane", "12"),
        ("Jane Doe_77_assignsubmission_file_", "Jane Doe", "77"),
        ("Jane_van Doe_77_assignsubmission_file_work.zip", "Jane_van Doe", "77"),
    ],
)
def test_names_of_exports(name, who, number):
    assert grade.identity(name)[:2] == (who, number)


def test_one_student_is_one_submission(tmp_path):
    put(tmp_path, doejane_12_345_nn_helpers__py=REFERENCE, doejane_12_346_a__ipynb="{}")
    (work,) = grade.collect(tmp_path)
    assert (work.student, work.number, work.problem) == ("doejane", "12", "")
    assert work.source == REFERENCE
    assert len(work.notebooks) == 1


def test_two_notebooks_of_one_name_are_both_kept(tmp_path):
    put(tmp_path / "x" / "a", nn_helpers__py="x = 1", one__ipynb="{}", two__ipynb="{}")
    put(tmp_path / "x" / "b", one__ipynb="{ }", two__ipynb="{}")
    (work,) = grade.collect(tmp_path)
    assert [name for name, _ in work.notebooks] == ["b/one.ipynb", "one.ipynb", "two.ipynb"]


def test_two_different_files_of_one_student_are_named_and_not_guessed_at(tmp_path):
    put(tmp_path, doejane_12_1_nn_helpers__py="x = 1", doejane_12_2_nn_helpers__py="x = 2")
    (work,) = grade.collect(tmp_path)
    assert "it is not clear which file to grade" in work.problem
    assert work.source is None


def test_a_name_inside_a_file_name_is_not_another_student(tmp_path):
    put(tmp_path, mallory_11_900_x_789_assignsubmission_file_nn_helpers__py="x = 1")
    (work,) = grade.collect(tmp_path)
    assert (work.student, work.number) == ("mallory", "11")


def lzma_zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("nn_helpers.py", REFERENCE)
    whole = bytearray(data.getvalue())
    for place in range(100, 3000, 7):
        whole[place] ^= 0xFF
    return bytes(whole)


def test_what_is_broken_or_too_much_becomes_a_sentence(tmp_path):
    notebooks = {f"{n}.ipynb": b"{}" for n in range(100)}
    put(tmp_path, lzma__zip=lzma_zip(), many__zip=red_team.zipped(notebooks))
    put(tmp_path / "long", nn_helpers__py=REFERENCE, **{"n" * 240 + "__ipynb": "{}"})
    (tmp_path / os.fsdecode(b"M\xfcller.py")).write_text(REFERENCE)
    deep = tmp_path / "deep"
    deep.mkdir()
    here = os.getcwd()
    try:
        os.chdir(deep)  # a path this long can't be named at once
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    works = {work.student: work for work in grade.collect(tmp_path)}
    assert "the zip can't be read" in works["lzma"].problem
    assert "more than 12 notebooks" in works["many"].problem
    assert works["deep"].problem
    assert works["long"].source == REFERENCE
    assert len(grade.page_name(works["long"].notebooks[0][0])) < 80
    assert len({work.slug for work in works.values()}) == 5
    for work in works.values():
        record = grade.record_of(work, [], grade.Assignment(0, "", [], (), {}, {}))
        grade.write(tmp_path / "out" / work.slug, json.dumps(record))
    subprocess.run(["rm", "-r", deep], check=True)  # Python's own way is as deep as the folder


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    works = list(grade.collect(tmp_path))
    assert [work.problem for work in works] == ["it is neither a file nor a folder"] * 2


def test_slugs_are_safe_and_different():
    names = ["../../etc", "a/b", "a\\b", "", "é", "e", "\u202etxt.exe", "x" * 300, "CON"]
    slugs = [grade.Work(name, "", None, (), "", ()).slug for name in names]
    assert len(set(slugs)) == len(names)
    for slug in slugs:
        assert slug.replace("-", "").isalnum()
        assert slug.isascii()
        assert len(slug) < 60


NAMES = ['Doe, "Jane"', "=1+1", "@SUM(A1)", "\u202egnp.ehT", "<b>bold", "a|b `c` **d**", "é ü"]


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory):
    """Grade a folder with everything wrong that a folder can have; return its results."""
    folder, output = tmp_path_factory.mktemp("bad"), tmp_path_factory.mktemp("results")
    for name in NAMES:
        put(folder / name, nn_helpers__py="def f(:")
    put(folder, cut__zip=red_team.cut_zip(), text__zip="no zip", notes__txt="hello")
    put(folder, bomb__zip=red_team.zipped({"nn_helpers.py": bytes(2**28)}))
    put(folder, twice_5_1_nn_helpers__py="x = 1", twice_5_2_nn_helpers__py="x = 2")
    put(folder, utf16__py=REFERENCE.encode("utf-16"))
    put(folder / "empty")
    put(folder / "huge", nn_helpers__py="def f(:", a__ipynb=b" " * 30 * 2**20)
    result = subprocess.run(
        command(folder, output, "--skip-notebooks"), capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return output, rows_of(output)


@needs_sandbox
def test_bad_folder_gives_a_named_result_for_each(bad_folder):
    rows = bad_folder[1]
    expected = {
        "cut": "the zip can't be read",
        "text": "the zip can't be read",
        "notes.txt": "there is no nn_helpers.py",
        "bomb": "larger than 1 MB",
        "twice": "not clear which file",
        "utf16": "UTF-16",
        "empty": "there is no nn_helpers.py",
        "huge": "larger than 10 MB",
    }
    for name, words in expected.items():
        assert words in rows[name]["note"]
        assert rows[name]["total"] == "0"
    assert len(rows) == len(NAMES) + len(expected)


@needs_sandbox
def test_no_name_is_a_formula_or_turns_the_line_around(bad_folder):
    output, rows = bad_folder
    assert "'=1+1" in rows
    assert "'@SUM(A1)" in rows
    assert r"\u202egnp.ehT" in rows
    for path in output.rglob("*.*"):
        if path.suffix != ".zip":
            assert "\u202e" not in path.read_text(encoding="utf-8").replace('"\u202e', "")
    page = (output / "students" / rows["<b>bold"]["folder"] / "feedback.html").read_text()
    assert "<b>" not in page


def test_no_folder_and_no_submissions_are_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        grade.main([str(tmp_path / "nowhere")])
    assert "folder must be a folder of submissions" in capsys.readouterr().err
    assert grade.main([str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "holds no submissions" in capsys.readouterr().err


# Results


def record(points: int = 0) -> dict:
    line = {"part": "Loss", "check": "loss_definition", "functions": [], "points": points, "max": 5}
    work = grade.Work("x", "", "", (), "", ("a note",))
    other = line | {"check": "loss_far_out", "points": 3, "max": 3, "message": ""}
    results = [line | {"message": "" if points else "off by `one`"}, other]
    return grade.record_of(work, results, grade.Assignment(0, "", [], (), {}, {}, trusted=True))


def test_gradescope_form():
    result = grade.gradescope(record())
    assert result["score"] == 3
    assert "without a sandbox" in result["output"]
    assert [set(test) for test in result["tests"]] == [{"name", "score", "max_score", "output"}] * 2
    assert sum(test["max_score"] for test in result["tests"]) == 8


BY_HAND, LATE = {"title": "Presentation", "points": 20}, {"share": 0.1, "days": 5}


def test_feedback_tells_property_and_failure_and_mark():
    text = grade.feedback(record(), BY_HAND, LATE, desk.Mark())
    assert "**Points: 3 of 8.** Presentation, up to 20 more, is marked by a person." in text
    assert "Total" not in text
    assert "✗ **0 of 5 · loss definition**" in text
    assert "✓ 3 of 3 · loss far out" in text
    assert "The loss is the mean of" in text
    assert "\n      off by `one`\n" in text
    text = grade.feedback(record(), BY_HAND, LATE, desk.Mark("17.5", "<b>Well</b>\nargued"))
    assert "Presentation: 17.5 of 20" in text
    assert "**Total: 20.5 of 28.**" in text
    assert "\n    <b>Well</b>\\u000aargued\n" in text  # in a line of its own, where it is text
    text = grade.feedback(
        record(), BY_HAND, LATE, desk.Mark("", "", "2", "25", "the machine's fault")
    )
    assert "**Total: 25 of 28.**" in text
    assert "The total was set to 25: the machine's fault" in text


@pytest.mark.parametrize(
    ("days", "total"), [("", 90), ("0", 90), ("1", 81), ("2.5", 67.5), ("6", 0)]
)
def test_each_day_late_costs_its_share(days, total):
    points, said = desk.total_of(70, desk.Mark("20", days_late=days), LATE)
    assert points == total
    assert bool(said) == (total < 90)


def totals(*works: tuple[str, str, str]) -> list[tuple[grade.Work, str]]:
    return [(grade.Work(name, number, "", (), "", ()), total) for name, number, total in works]


def test_canvas_export_is_filled_in_and_else_unchanged():
    sheet = [
        ["Student", "ID", "SIS Login ID", "Section", "Milestone (99)", "Other (98)"],
        ["    Points Possible", "", "", "", "100", "10"],
        ["Doe, Jane", "12", "jane", "A", "", "7"],
        ["Roe, Max", "13", "max", "A", "5", "8"],
        ["Poe, Ann", "14", "ann", "A", "", ""],
    ]
    before = [list(row) for row in sheet]
    works = totals(("doejane", "12", "61"), ("max", "", "70"), ("zed", "", "1"))
    unknown, missing = grade.fill_canvas(sheet, works, "Milestone")
    assert [work.student for work in unknown] == ["zed"]
    assert missing == ["Poe, Ann 14"]
    assert (sheet[2][4], sheet[3][4]) == ("61", "70")
    for old, new in zip(before, sheet, strict=True):
        assert old[:4] + old[5:] == new[:4] + new[5:]
    assert sheet[1] == before[1]


def test_canvas_column_must_be_clear():
    header = ["Student", "ID", "A (1)", "B (2)"]
    with pytest.raises(ValueError, match="--column must name one assignment"):
        grade.fill_canvas([header], [], "")
    with pytest.raises(ValueError, match="needs the columns Student and ID"):
        grade.fill_canvas([["Name"]], [], "")


def test_moodle_worksheet_is_filled_in():
    sheet = [
        ["Identifier", "Full name", "Email address", "Grade", "Last modified (grade)"],
        ["Participant 77", "Jane Doe", "jane@x", "", "-"],
        ["Teilnehmer/in 177", "Max Roe", "max@x", "", "-"],
    ]
    works = totals(("Jane Doe", "77", "61"), ("Max Roe", "", "5"))
    assert grade.fill_moodle(sheet, works, "") == ([], [])
    assert [row[3] for row in sheet[1:]] == ["61", "5"]
    german = [["ID", "Vollständiger Name", "Bewertung"], ["Teilnehmer/in77", "Jane Doe", ""]]
    german.append(["Teilnehmer/in78", "Ann Poe", ""])
    assert grade.fill_moodle(german, works[:1], "") == ([], ["Teilnehmer/in78 Ann Poe"])
    assert german[1][2] == "61"
    icelandic = [["Auðkenni", "Einkunn"], ["Þátttakandi 77", ""]]
    assert grade.fill_moodle(icelandic, works[:1], "Einkunn") == ([], [])
    assert icelandic[1][1] == "61"
    for header in (["Name"], ["Identifier", "Full name"]):
        with pytest.raises(ValueError, match="--column NAME says which one is the grade"):
            grade.fill_moodle([header], [], "")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_an_export_keeps_every_byte_but_the_marks(tmp_path, bom, delimiter, end):
    lines = [
        ["Student", '"ID"', "Section", "A (1)", '"B ""final"" (2)"'],
        ["    Points Possible", "", "", "100", ""],
        ['"Doe, Jane; the 1st"', "12", '""', '"7"', " x "],
        [],
        ['"Roe\nMax"', "13", "", "", '"="'],
    ]
    text = bom + end.join(delimiter.join(line) for line in lines) + end
    (tmp_path / "export.csv").write_bytes(text.encode())
    rows, read = grade.read_table(tmp_path / "export.csv")
    assert grade.filled(read, rows) == text
    assert grade.fill_canvas(rows, totals(("x", "12", "61"), ("y", "13", "9")), "A") == ([], [])
    expected = text.replace('"7"', '"61"').replace(
        f"13{delimiter * 3}", f"13{delimiter * 2}9{delimiter}"
    )
    assert grade.filled(read, rows) == expected


def test_namesakes_are_not_guessed_at():
    sheet = [["Student", "ID", "A (1)"], ["Doe, Jane", "1", ""], ["Doe, Jane", "2", ""]]
    unknown, _ = grade.fill_canvas(sheet, totals(("Doe, Jane", "", "50")), "")
    assert len(unknown) == 1
    assert [row[2] for row in sheet[1:]] == ["", ""]


def test_two_who_claim_one_row_get_nothing_from_it():
    sheet = [["Student", "ID", "SIS User ID", "A (1)"], ["Doe, Jane", "1", "2", "7"]]
    unknown, _ = grade.fill_canvas(sheet, totals(("jane", "1", "50"), ("joe", "1", "9")), "")
    assert len(unknown) == 2
    assert sheet[1][3] == "7"
    assert len(grade.fill_canvas(sheet, totals(("zed", "2", "9")), "")[0]) == 1  # another column


# As the platforms document and write them, with the cell in which the total of number 12 goes.
EXPORTS = {
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Milestone (77),Quiz: a, b (78)".replace(
            "Quiz: a, b (78)", '"Quiz: a, b (78)"'
        )
        + ",Current Score\n,,,,,Muted,,\n    Points Possible,,,,,100.00,10.00,(read only)\n"
        '"Doe, Jane",12,,jane,"A, B",{},EX,\n"Doe, Jane",13,,jane2,A,N/A,0.00,\n',
        "Milestone",
    ),
    "canvas, Swedish": (
        "Student;ID;SIS Login ID;Section;Milestone (77);Current Score\n"
        '    Points Possible;;;;100,0;(läs endast)\n"=""=Doe""";12;x;A;{};0,0\nRoe;13;y;A;;\n',
        "",
    ),
    "moodle": (
        'Identifier,"Full name","Email address",Status,Group,Grade,"Maximum Grade","Grade can be '
        'changed","Last modified (submission)","Last modified (grade)","Feedback comments"\n'
        '"Participant 12","Jane Doe",j@x.org,"Submitted for grading - 2 hours late",,{},100.00,Yes,'
        '"Monday, 2 November 2026, 10:00",-,"<p>one\ntwo</p>"\n"Participant 112",Roe,,,,,,,,,\n',
        "",
    ),
    "moodle, German": (
        'ID,"Vollständiger Name",E-Mail-Adresse,Status,Bewertung,Bestwertung,"Bewertung kann '
        'geändert werden","Zuletzt geändert (Abgabe)","Zuletzt geändert (Bewertung)","Feedback als '
        'Kommentar"\nTeilnehmer/in12,"Jane Doe",,"Zur Bewertung abgegeben",{},"100,00",Ja,-,-,\n'
        'Teilnehmer/in2,"Jane Doe",,"Keine Abgabe","7,50","100,00",Ja,-,-,\n',
        "",
    ),
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("kind", EXPORTS)
def test_documented_exports_keep_every_byte_but_the_total(tmp_path, kind, bom, end):
    template, column = EXPORTS[kind]
    old, new = ((bom + template.replace("\n", end)).replace("{}", cell) for cell in ("", "87.5"))
    (tmp_path / "export.csv").write_bytes(old.encode())
    rows, text = grade.read_table(tmp_path / "export.csv")
    fill = grade.fill_canvas if kind.startswith("canvas") else grade.fill_moodle
    unknown, missing = fill(rows, totals(("x", "12", "87.5")), column)
    assert grade.filled(text, rows) == new
    assert (unknown, len(missing)) == ([], 1)


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("Jane Doe_12_assignsubmission_file_", "Jane Doe_12_assignsubmission_file_/feedback.html"),
        ("Jane Doe_12_assignsubmission_file", "Jane Doe_12_assignsubmission_file_/feedback.html"),
        ("J D_12_assignsubmission_file_a.zip", "J D_12_assignsubmission_file_/feedback.html"),
        ("doejane_LATE_12_345_a_b.zip", "doejane_LATE_12_345_feedback.html"),
        ("doejane_12_345_nn_helpers.py", "doejane_12_345_feedback.html"),
    ],
)
def test_feedback_goes_back_under_the_platforms_own_name(tmp_path, name, returned):
    (tmp_path / name).write_bytes(b"")
    (work,) = grade.collect(tmp_path)
    assert work.number == "12"
    assert work.late == ("LATE" in name)
    assert grade.return_name(work) == returned


# The desk


def test_marks_are_read_as_spreadsheets_write_them(tmp_path):
    path = tmp_path / "presentation.csv"
    path.write_text("folder;student;points\nx-1;x;17,5\n")
    marks = desk.read_marks(grade.read_table(path)[0], "here", 20)
    assert marks == {"x-1": desk.Mark(points="17.5")}
    path.write_text("folder student points\nx-1 x 17\n")
    with pytest.raises(ValueError, match="here must have the columns folder, student, points"):
        desk.read_marks(grade.read_table(path)[0], "here", 20)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (("21",), "points must be a number from 0 to 20, got '21'"),
        (("-1",), "points must be a number"),
        (("nan",), "points must be a number"),
        (("", "", "soon"), "days_late must be a number"),
        (("", "", "", "50", ""), "the override of x-1 needs a reason"),
    ],
)
def test_marks_that_make_no_sense_are_refused(mark, said):
    with pytest.raises(ValueError, match=said):
        desk.read_marks([desk.COLUMNS, ["x-1", "x", *mark]], "here", 20)


def test_answers_are_found_in_whatever_is_handed_in():
    cells = [new_markdown_cell(f"**Your answer to {i}** (here)\n\nIt is {i}.") for i in (1, 12)]
    text = nbformat.writes(new_notebook(cells=[*cells, new_code_cell("1"), new_markdown_cell("x")]))
    bad = ["{]", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "markdown", "source": [1, {}]}]}']
    without = {"cells": [{"cell_type": "markdown", "id": "answer-3", "source": ["My", " own."]}]}
    found = desk.answers_in([("n/01_a.ipynb", text), *(("b", one) for one in bad)])
    found += desk.answers_in([("c", json.dumps(without))])  # its heading was written over
    expected = [("01_a", "1", "It is 1."), ("01_a", "12", "It is 12."), ("c", "3", "My own.")]
    assert found == expected
    assert len(desk.answers_in([("a", text)] * 500)) < 100


def test_each_open_question_has_its_key():
    asked = set()
    for name, data in student.edition().items():
        if name.endswith(".ipynb"):
            asked |= {(n[:3].strip("_"), q) for n, q, _ in desk.answers_in([(name, data.decode())])}
            assert b"Look for" not in data  # a word of the key
    assert asked == {(n, q) for n, answers in desk.key().items() for q in answers}
    assert len(asked) > 10


def test_copies_are_alike_and_others_are_not():
    handed_out = student.student_module(REFERENCE)
    known = desk.fingerprint(handed_out)
    local = re.compile(r"\b(z1|a1|dz2|da1|dz1|parts|order|history|gradients|floor|spread)\b")
    sources = {
        "one": REFERENCE,
        "copy": re.sub(r"(?m)^    #.*\n", "", local.sub(r"my_\1", REFERENCE)),
        "untouched": handed_out,
        "broken": "def f(:",
        "other": handed_out.replace(
            'raise NotImplementedError("Eq. (1)', 'return 1 / (1 + np.exp(-z))  # ("Eq. (1)'
        ),
    }
    hashes = {name: desk.fingerprint(text, known) for name, text in sources.items()}
    ((group, likeness),) = desk.alike(hashes)
    assert group == ["copy", "one"]
    assert likeness > 0.9
    assert not len(hashes["untouched"])


def test_nothing_on_the_page_of_the_class_is_taken_for_code():
    text = '</script><script>alert(1)</script><!--<b onclick="x">DATA SCRIPT-HASH'
    page = desk.page({"students": [text]})
    assert page.count("<script") == page.count("</script") == 2
    assert "<b onclick" not in page
    held = re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(held) == {"students": [text]}


# Runs


@pytest.mark.parametrize("second", [80, 0])
def test_what_ran_out_of_time_is_tried_once_more_alone(tmp_path, monkeypatch, second):
    put(tmp_path / "class", slow__py="x = 1", quick__py="x = 2")
    asked = []

    def grade_slowly(work, assignment):
        asked.append(work.student)
        late = work.student == "slow" and asked.count("slow") == 1
        line = {"part": "Loss", "check": "sigmoid", "functions": [], "max": 80, "message": ""}
        points = {"reference": 80, "student edition": 0, "quick": 80, "slow": 0 if late else second}
        return [line | {"points": points[work.student], "timed_out": work.student == "slow"}]

    monkeypatch.setattr(grade, "grade", grade_slowly)
    monkeypatch.setattr(grade, "prove", lambda *_: None)
    output = tmp_path / "results"
    assert grade_here(tmp_path / "class", output) == 0
    assert asked[2:] == ["quick", "slow", "slow"]
    assert points_in(output) == {"quick": "80", "slow": str(second)}


@needs_sandbox
def test_killed_at_once_the_grader_leaves_nothing(tmp_path):
    for number in range(8):
        put(tmp_path / "class", **{f"s{number}__py": REFERENCE + f"# {number}\n"})
    with subprocess.Popen(command(tmp_path / "class", tmp_path / "results")) as process:
        grader, seen = psutil.Process(process.pid), []
        while not seen:
            seen = grader.children(recursive=True)
        process.kill()
    for started in seen:  # they may have started others in the meantime
        with contextlib.suppress(psutil.NoSuchProcess):
            seen += started.children(recursive=True)
    assert not psutil.wait_procs(seen, timeout=20)[1]


@needs_sandbox
def test_student_edition_filled_in_by_the_reference_gets_full_points(tmp_path):
    files = student.edition()
    assert b"raise NotImplementedError" in files["nn_helpers.py"]
    put(tmp_path / "class", empty__zip=red_team.zipped(files))
    files["nn_helpers.py"] = REFERENCE.encode()
    put(tmp_path / "class", filled__zip=red_team.zipped({f"my/{k}": v for k, v in files.items()}))
    output = tmp_path / "results"
    assert grade_here(tmp_path / "class", output, "--skip-notebooks") == 0
    assert points_in(output) == {"filled": "80", "empty": "0"}


@pytest.fixture
def small_class(tmp_path, assignment, monkeypatch):
    """Return a folder of three submissions, and one for their results; the rubric is short."""
    short = [c for c in assignment.rubric if c.functions == ["sigmoid"]]

    def prepare(seed, trusted):
        return assignment._replace(seed=seed, trusted=trusted, rubric=short)

    monkeypatch.setattr(grade, "prepare", prepare)
    sources = {"good": REFERENCE, "syntax": "def f(:", "nothing": ""}
    for name, source in sources.items():
        put(tmp_path / "class", **{f"{name}__py": source})
    return tmp_path / "class", tmp_path / "results"


@needs_sandbox
def test_rerun_grades_only_what_changed(small_class):
    folder, output = small_class
    assert grade_here(folder, output) == 0
    before = {path: path.stat().st_mtime_ns for path in output.rglob("record.json")}
    seed = (output / "run.json").read_text()
    put(folder, nothing__py="x = 1")
    assert grade_here(folder, output) == 0
    after = {path: path.stat().st_mtime_ns for path in output.rglob("record.json")}
    changed = [path.parent.name for path in before if after[path] != before[path]]
    assert changed == [grade.Work("nothing", "", None, (), "", ()).slug]
    assert (output / "run.json").read_text() == seed


@needs_sandbox
def test_one_student_can_be_graded_again(small_class, capsys):
    folder, output = small_class
    assert grade_here(folder, output) == 0
    before = {path: path.stat().st_mtime_ns for path in output.rglob("record.json")}
    assert grade_here(folder, output, "--student", "good") == 0
    changed = [path for path in before if path.stat().st_mtime_ns != before[path]]
    assert [json.loads(path.read_text())["student"] for path in changed] == ["good"]
    assert grade_here(folder, output, "--student", "goof") == 1
    assert "--student must be" in capsys.readouterr().err


@needs_sandbox
def test_marks_by_hand_survive_and_count(small_class, tmp_path, capsys):
    folder, output = small_class
    put(folder, late_LATE_7_1_nn_helpers__py=REFERENCE)
    rows = ["Student,ID,A (1)", *(f"{n},{i},3" for i, n in enumerate(["good", "syntax", "absent"]))]
    export = put(tmp_path, export__csv="\n".join([*rows, "late,7,3"])) / "export.csv"
    canvas = ["--canvas", str(export)]
    assert grade_here(folder, output, *canvas) == 0
    assert "good,0,10\n" in (output / "canvas.csv").read_text()  # nobody is marked: all so far
    assert "no final total" in rows_of(output)["good"]["note"]
    mine = tmp_path / "saved.csv"
    slugs = {name: row["folder"] for name, row in rows_of(output).items()}
    mine.write_text(
        grade.table([desk.COLUMNS, [slugs["good"], "", "12,5", "Fine.", "", "", ""]])
        + f"{slugs['syntax']},x,,,,33,the file was cut\n"
    )
    assert grade_here(folder, output, "--marks", str(mine), *canvas) == 0
    assert grade_here(folder, output, *canvas) == 0  # they are kept
    assert rows_of(output)["good"]["total"] == "22.5"
    assert rows_of(output)["syntax"]["total"] == "33"
    assert "the file was cut" in rows_of(output)["syntax"]["note"]
    assert rows_of(output)["late"]["total"] == "9"  # a day late, as nobody says otherwise
    lines = (output / "canvas.csv").read_text().split("\n")
    assert lines == ["Student,ID,A (1)", "good,0,22.5", "syntax,1,33", "absent,2,3", "late,7,3"]
    assert "leaves out who is not marked yet: 2." in capsys.readouterr().out
    assert grade_here(folder, output, *canvas, "--column", "B") == 1  # said before all else
    assert "--column must name one" in capsys.readouterr().err
    with zipfile.ZipFile(output / "feedback.zip") as archive:
        good = archive.read(f"{slugs['good']}/feedback.html").decode()
        assert "late_LATE_7_1_feedback.html" in archive.namelist()
    assert "Total: 22.5 of 30." in good
    assert "Fine." in good
    page = (output / "index.html").read_text()
    assert '"missing": ["absent 2"]' in page


def test_without_a_sandbox_nothing_is_graded(small_class, monkeypatch, capsys):
    folder, output = small_class
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    grade.prove.cache_clear()
    assert grade_here(folder, output) == 1
    error = capsys.readouterr().err
    assert "bubblewrap is not installed" in error
    assert "--trust-submissions" in error
    assert not (output / "grades.csv").exists()
    grade.prove.cache_clear()


def test_trusted_submissions_are_graded_and_it_is_said_everywhere(small_class, monkeypatch):
    output = small_class[1]
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert grade_here(*small_class, "--trust-submissions") == 0
    assert points_in(output) == {"good": "10", "syntax": "0", "nothing": "0"}
    for row in rows_of(output).values():
        folder = output / "students" / row["folder"]
        assert "without a sandbox" in row["note"]
        assert "without a sandbox" in (folder / "feedback.md").read_text()
        assert "without a sandbox" in (folder / "results.json").read_text()
        assert not json.loads((folder / "record.json").read_text())["sandboxed"]


def with_network(line: list[str]) -> list[str]:
    alone = {"--unshare-net": [], "--unshare-all": ["--unshare-user", "--unshare-pid"]}
    return [word for old in line for word in alone.get(old, [old])]


def with_files(line: list[str]) -> list[str]:
    place = line.index("--chdir")
    folder = str(red_team.PROJECT)
    parents = [str(p) for p in reversed(red_team.PROJECT.parents)][1:]
    made = [word for parent in parents for word in ("--perms", "0755", "--dir", parent)]
    return [line[0], *made, "--ro-bind", folder, folder, *line[1:place], *line[place:]]


@needs_sandbox
@pytest.mark.parametrize(
    ("weaken", "words"), [(with_network, "the network"), (with_files, "the grader's files")]
)
def test_a_sandbox_that_lets_something_through_is_refused(monkeypatch, weaken, words):
    command = sandbox.command

    def weakened(notebooks):
        line, paths = command(notebooks)
        return weaken(line), paths

    monkeypatch.setattr(sandbox, "command", weakened)
    if weaken is with_network:  # two walls against the same
        monkeypatch.setattr(sandbox, "system_call_filter", lambda **_: b"")
    with pytest.raises(sandbox.NoSandbox, match=words):
        sandbox.probe([red_team.PROJECT / "nn_helpers.py"])


@needs_sandbox
def test_a_sandbox_without_its_filter_is_refused(monkeypatch):
    monkeypatch.setattr(sandbox, "system_call_filter", lambda **_: b"")
    with pytest.raises(sandbox.NoSandbox, match="opens a socket, reaches other processes"):
        sandbox.probe()


def test_system_calls_have_the_numbers_of_the_kernel_headers():
    headers = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
    for column, header in enumerate(headers, 1):
        if not Path(header).exists():
            pytest.skip(f"no {header} (Debian, Ubuntu: apt install linux-libc-dev)")
        known = dict(re.findall(r"#define __NR\w*?_(\w+)\s+(\d+)", Path(header).read_text()))
        known.setdefault("newfstatat", known.get("fstatat"))
        for call in (sandbox.CALLS + "," + sandbox.FILE_CALLS).split(","):
            name, number = (call.split()[i] for i in (0, column))
            assert known.get(name, "-") == number, (header, name)
        for name, call in zip(("fcntl", "ioctl"), sandbox.COMMANDS, strict=True):
            assert known[name] == str(call[column - 1])
        assert known["prlimit64"] == str(sandbox.PRLIMIT[column - 1])


@needs_sandbox
def test_kill_in_the_middle_loses_nothing_finished_and_leaves_nothing(tmp_path):
    folder, output = tmp_path / "class", tmp_path / "results"
    for number in range(6):
        put(folder, **{f"s{number}__py": REFERENCE + f"# {number}\n"})
    with subprocess.Popen(command(folder, output), stderr=subprocess.PIPE, text=True) as process:
        while not list(output.rglob("record.json")):
            assert process.stderr.read(1), "the grader ended before its first result"
        processes = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert processes
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    finished = {path: path.stat().st_mtime_ns for path in output.rglob("record.json")}
    assert 0 < len(finished) < 6
    assert not list(output.rglob("grades.csv"))
    subprocess.run(command(folder, output), check=True, capture_output=True, timeout=120)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert set(points_in(output).values()) == {str(red_team.SHORT_ALL)}


@needs_sandbox
def test_a_cluster_gives_the_same_results_though_a_worker_is_killed(tmp_path):
    pytest.importorskip("distributed", reason=dask_cluster.NEEDED)
    folder, local, far = (tmp_path / name for name in ("class", "local", "far"))
    for number, edit in enumerate(mutants.MUTANTS[::50]):
        put(folder, **{f"s{number}__py": REFERENCE.replace(edit.old, edit.new)})
    seed = ["--seed", "5"]
    with dask_cluster.cluster(tmp_path) as (client, workers):
        line = command(folder, far, *seed, "--dask", client.scheduler.address)
        with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
            while not list(far.rglob("record.json")):
                assert process.stderr.read(1), "the grader ended before its first result"
            workers[0].kill()
            process.stderr.read()
    assert process.returncode == 0
    subprocess.run(command(folder, local, *seed), check=True, capture_output=True, timeout=120)
    assert (far / "grades.csv").read_bytes() == (local / "grades.csv").read_bytes()
    for path in local.rglob("record.json"):
        here, there = (
            json.loads((root / path.relative_to(local)).read_text(encoding="utf-8"))["criteria"]
            for root in (local, far)
        )
        # Not the words: which property fails first can hang on the rounding of a run gone wild.
        for mine, other in zip(here, there, strict=True):
            assert {**mine, "message": ""} == {**other, "message": ""}
            assert bool(mine["message"]) == bool(other["message"])


# Notebooks

CELLS = (
    "import nn_helpers as nn\nprint('pictures', len(nn.load_sign_digits().labels))",
    "import pandas as pd\npd.DataFrame({'answer': [6 * 7]})",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "import numpy as np, nn_figures as draw\nabout = np.array([-1.0, 1]), np.array([0, 1])\n"
    "draw.live(draw.neuron(*about, weight=1, bias=0), 'n', 'neuron', *about)",
    "1 / 0",
    "from IPython.display import HTML\nHTML('<script>alert(2)</script>"
    '<link rel="preconnect" href="http://x"><iframe src="http://x"></iframe>\')',
)
TITLE = new_markdown_cell("# <script>alert(1)</script> Mine")
NOTEBOOK = nbformat.writes(new_notebook(cells=[TITLE, *map(new_code_cell, CELLS)]))


@needs_sandbox
def test_notebook_is_executed_and_its_page_can_run_nothing(assignment):
    work = grade.Work("x", "", REFERENCE, (("a.ipynb", NOTEBOOK),), "", ())
    content, odd = grade.execute("a.ipynb", work, assignment)
    assert odd == "was handed in without being run"
    for expected in ("pictures 5000", "<td>42</td>", "image/png", "ZeroDivisionError"):
        assert expected in content
    assert "One neuron. Weight 1, bias 0" in content  # a live figure, standing still
    assert content.count("Error") == content.count("ZeroDivisionError")
    for form in ("<script", "<link", "<iframe", "<[^<>]*http:"):  # nothing that opens a connection
        assert not re.search(form, content)
    page = grade.notebook_page("a<b>.ipynb", "x", content)
    assert "<script" not in page  # in the frame it is text, and the frame runs no script
    assert "sandbox srcdoc=" in page
    assert "default-src 'none'" in page


@needs_sandbox
@pytest.mark.parametrize(
    "text",
    ["{]", "[]", "", NOTEBOOK.replace("1 / 0", "import os; os._exit(0)")],
    ids=["no JSON", "no notebook", "nothing", "ends its process"],  # cells have random names
)
def test_bad_notebook_becomes_a_page_too(assignment, text):
    work = grade.Work("x", "", REFERENCE, (("a.ipynb", text),), "", ())
    content, odd = grade.execute("a.ipynb", work, assignment)
    assert not content
    assert "could not be executed" in odd
    assert odd in grade.notebook_page("a.ipynb", "x", content, odd)


@needs_sandbox
def test_a_page_that_is_too_large_is_not_read(assignment):
    large = NOTEBOOK.replace("1 / 0", "print('x' * (30 * 2**20))")
    work = grade.Work("x", "", REFERENCE, (("a.ipynb", large),), "", ())
    assert "its page is larger than 20 MB" in grade.execute("a.ipynb", work, assignment)[1]


@needs_sandbox
@pytest.mark.parametrize(
    ("endless", "words"),
    [
        ("while True: pass", "was stopped after 5 s, in cell 2"),
        ("import time; time.sleep(99)", "was stopped after 5 s, in cell 2"),
        (
            "import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass",
            "took longer than 5 s and could not be stopped",
        ),
    ],
    ids=["computes", "sleeps", "will not stop"],
)
def test_notebook_that_never_ends_is_stopped_and_keeps_what_it_printed(assignment, endless, words):
    text = nbformat.writes(new_notebook(cells=[*map(new_code_cell, (CELLS[0], endless))]))
    limits = assignment.limits._replace(notebook_seconds=5, stop_seconds=4)
    work = grade.Work("x", "", REFERENCE, (("a.ipynb", text),), "", ())
    content, odd = grade.execute("a.ipynb", work, assignment._replace(limits=limits))
    assert odd == words
    assert ("pictures 5000" in content) == ("could not" not in words)


@needs_sandbox
def test_outputs_that_no_run_gave_are_noticed(assignment):
    cells = ["print('right in 0.9600 of 200 at', hex(id(nn)))", "nn.sigmoid(1.0)", "print(1)", ""]
    printed = ["right in 0.96 of 200 at 0x7f00", "1.7310586", "0", ""]
    made = [new_code_cell("import nn_helpers as nn", execution_count=1)]
    for source, text in zip(cells, printed, strict=True):
        made.append(new_code_cell(source, execution_count=2 if source else None))
        made[-1].outputs = [new_output("stream", name="stdout", text=text)]

    def odd(**more):
        text = nbformat.writes(new_notebook(cells=[*made, new_code_cell("2", **more)]))
        work = grade.Work("x", "", REFERENCE, (("a", text),), "", ())
        return grade.execute("a", work, assignment)[1]

    assert odd() == "was handed in without being run"
    words = "prints something else than was handed in, in cell 3, 4"
    assert (
        odd(execution_count=9, outputs=[new_output("display_data", {"text/plain": "2"})]) == words
    )
