"""Grade a folder of submissions in a sandbox.

    python grading/grade.py FOLDER                       results go to build/grades/
    python grading/grade.py FOLDER --canvas export.csv   and into the gradebook's own export
    python grading/grade.py FOLDER --dask tcp://host:8786

FOLDER holds a zip, a folder or a single nn_helpers.py for each student, as Moodle and Canvas
export them. Run it again after a change: what is unchanged is not graded again.
``grading/README.md`` explains the results and what the sandbox promises.
"""

import argparse
import base64
import contextlib
import csv
import dataclasses
import functools
import hashlib
import html
import io
import itertools
import json
import multiprocessing
import os
import re
import secrets
import stat
import sys
import tempfile
import threading
import time
import tokenize
import types
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import checks
import desk
import mistune
import nh3
import numpy as np
import runner
import sandbox
from threadpoolctl import threadpool_limits
from tqdm import tqdm

PROJECT = Path(__file__).resolve().parent.parent
MODULE_BYTES, NOTEBOOK_BYTES, TOTAL_BYTES = 2**20, 10 * 2**20, 40 * 2**20  # more is not read
NOTEBOOKS, FILES = 12, 5000
PAGE_BYTES = 20 * 2**20  # of an executed notebook
NOT_THEIRS = {"__MACOSX", ".ipynb_checkpoints", ".venv", "site-packages", "build", ".git"}


# Collecting submissions -----------------------------------------------------------------


class Work(NamedTuple):
    """What one student handed in.

    `problem` says why there is nothing to grade, `notes` what was left aside; `notebooks`
    holds the name and the text of each notebook, `paths` where all of it was read.
    """

    student: str
    number: str
    source: str | None
    notebooks: tuple[tuple[str, str], ...]
    problem: str
    notes: tuple[str, ...]
    late: bool = False  # says the learning platform
    paths: tuple[tuple[str, Path], ...] = ()

    @property
    def slug(self) -> str:
        """A name for files: readable where it can be, and never that of another student."""
        plain = unicodedata.normalize("NFKD", self.student).encode("ascii", "ignore").decode()
        whole = f"{self.student}\0{self.number}".encode(errors="surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()
        return f"{re.sub(r'[^A-Za-z0-9]+', '-', plain)[:40].strip('-')}-{digest[:8]}".strip("-")

    @property
    def names(self) -> tuple[str, str, str]:
        """What a student is known by: the name, the number, the name for files."""
        return self.student, self.number, self.slug

    def again(self) -> "Work":
        """Read it once more, texts and all."""
        return read_work(self.student, self.number, self.paths)


# How the platforms name what they export: Canvas name_LATE_ID_SUBMISSION_file, Moodle
# Name_ID_assignsubmission_file_ and then a file or a folder of files.
CANVAS = re.compile(r"(?P<start>([^_]+)_(?P<late>LATE_)?(\d+)_\d+_)(.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<start>(.+?)_(\d+)_assignsubmission_[a-z]+)_?(.*)", re.DOTALL)


def identity(name: str) -> tuple[str, str, str]:
    """Return the student, the student's number and the rest of a file's name.

    A name that is neither Canvas's nor Moodle's is the student's.
    """
    # Canvas first: after its numbers comes a name that the student chose.
    if match := CANVAS.fullmatch(name):
        return match[2], match[4], match[5]
    if match := MOODLE.fullmatch(name):
        return match[2], match[3], match[4]
    return re.sub(r"(?i)(\.zip|\.py|\.ipynb)$", "", name), "", name


def collect(folder: Path) -> Iterator[Work]:
    """Read all submissions, one for each student, in the order of their names."""
    groups: dict[tuple[str, str], list[tuple[str, Path]]] = {}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            who, number, rest = identity(path.name)
            groups.setdefault((who, number), []).append((rest, path))
    for who, paths in tqdm(groups.items(), desc="reading", disable=not groups):
        yield read_work(*who, tuple(paths))


def read_work(who: str, number: str, paths: tuple[tuple[str, Path], ...]) -> Work:
    """Read what one student handed in; whatever is wrong with it becomes a sentence."""
    forms = (CANVAS.fullmatch(path.name) for _, path in paths)
    late = any(form is not None and form["late"] for form in forms)
    notes = Notes()
    files: list[tuple[str, bytes]] = []
    try:
        for rest, path in paths:
            files += files_of(path, rest or path.name, notes)
        source = find_module(files)
    except Exception as error:  # archives can be broken in more ways than anybody lists
        reason = str(error) if type(error) is ValueError else getattr(error, "strerror", "")
        reason = reason or f"it can't be read ({type(error).__name__})"
        return Work(who, number, None, (), reason, tuple(notes), late, paths)
    notebooks: dict[str, str] = {}
    for name, data in files:
        if name.lower().endswith(".ipynb"):
            try:
                text = data.decode("utf-8-sig")
            except UnicodeDecodeError:
                notes.append(f"{name} is not UTF-8 text and was not executed")
                continue
            short = Path(name).name  # two of one name are told apart by their folders
            notebooks[short if notebooks.get(short, text) == text else name] = text
    texts = tuple(sorted(notebooks.items()))
    return Work(who, number, source, texts, "", tuple(notes), late, paths)


class Notes(list):
    """What was left aside of a submission, and how much more may be read of it."""

    bytes_left = TOTAL_BYTES
    notebooks_left = NOTEBOOKS


def files_of(path: Path, name: str, notes: Notes) -> Iterator[tuple[str, bytes]]:
    """Return the modules and notebooks in a file, a folder or a zip, by name."""
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        for number, (parent, folders, members) in enumerate(os.walk(path)):
            if number > FILES:
                raise ValueError(f"there are more than {FILES} folders in it")
            folders[:] = sorted(set(folders) - NOT_THEIRS)
            for member in sorted(members):
                inner = Path(parent, member)
                if stat.S_ISREG(inner.lstat().st_mode):  # links are not followed
                    yield from files_of(inner, inner.relative_to(path).as_posix(), notes)
    elif not stat.S_ISREG(status.st_mode):
        raise ValueError("it is neither a file nor a folder")
    elif name.lower().endswith(".zip"):
        with path.open("rb") as stream:
            yield from zipped_files(stream, notes)
    elif wanted(name):
        with path.open("rb") as stream:
            yield from limited(stream, name, notes)


def wanted(name: str) -> bool:
    """Say whether a file can matter: a module or a notebook, and not a tool's own copy."""
    return name.lower().endswith((".py", ".ipynb")) and not NOT_THEIRS & set(Path(name).parts)


def zipped_files(file: Any, notes: Notes, outer: str = "") -> Iterator[tuple[str, bytes]]:
    """Read from a zip, never more of it than is wanted, whatever it says about itself.

    A zip within it is read too, but none within that.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            # Some programs write backslashes. One name can stand for several members.
            members = [(m.filename.replace("\\", "/"), m) for m in archive.infolist()]
            inner = [m for m in members if m[0].lower().endswith(".zip") and not outer]
            members = [m for m in members if wanted(m[0])]
            if len(members) + len(inner) > FILES:
                raise ValueError(f"the zip holds more than {FILES} files")
            for name, member in members:
                with archive.open(member) as stream:
                    yield from limited(stream, outer + name, notes)
            for name, member in inner:
                with archive.open(member) as stream:
                    data = stream.read(max(notes.bytes_left, 0) + 1)
                notes.bytes_left -= len(data)
                if notes.bytes_left < 0:
                    raise ValueError(f"there are more than {TOTAL_BYTES // 2**20} MB in it")
                yield from zipped_files(io.BytesIO(data), notes, f"{name}/")
    except ValueError:
        raise
    except Exception as error:  # each compression has errors of its own
        raise ValueError(f"the zip can't be read: {clean(str(error))[:100]}") from error


def limited(stream: Any, name: str, notes: Notes) -> Iterator[tuple[str, bytes]]:
    """Read a stream up to the limit for its kind of file, or note that it is too long."""
    is_notebook = name.lower().endswith(".ipynb")
    bound = NOTEBOOK_BYTES if is_notebook else MODULE_BYTES
    data = stream.read(bound + 1)
    notes.bytes_left -= len(data)
    notes.notebooks_left -= is_notebook
    if len(data) > bound:
        notes.append(f"{clean(name)[-80:]} is larger than {bound // 2**20} MB and was not read")
    elif notes.bytes_left < 0 or notes.notebooks_left < 0:
        raise ValueError(
            f"there are more than {NOTEBOOKS} notebooks or {TOTAL_BYTES // 2**20} MB in it"
        )
    else:
        yield name, data


def find_module(files: list[tuple[str, bytes]]) -> str:
    """Return the text of nn_helpers.py, or raise ValueError where it isn't clear which it is."""
    modules = [(name, data) for name, data in files if name.lower().endswith(".py")]
    form = r"(?i)nn_helpers([-_ ]?\(?\d+\)?)?\.py"
    candidates = [m for m in modules if re.fullmatch(form, Path(m[0]).name)] or modules
    if not candidates:
        raise ValueError("there is no nn_helpers.py to grade")
    if len({data for _, data in candidates}) > 1:
        names = ", ".join(clean(name) for name, _ in candidates[:4])
        raise ValueError(f"it is not clear which file to grade: {names}. Keep one of them")
    name, data = candidates[0]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{clean(name)} is saved as UTF-16; Python reads UTF-8")
    try:
        encoding, lines = tokenize.detect_encoding(io.BytesIO(data).readline)
        source = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"{clean(name)} is not UTF-8 text") from error
    if lines and not encoding.startswith("utf-8"):  # from here on it is
        source = re.sub(r"coding[:=][ \t]*[-\w.]+", "coding: utf-8", source, count=1)
    return source


def clean(text: str) -> str:
    """Make control characters and changes of writing direction visible."""
    return "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") else c
        for c in text
    )


# Grading --------------------------------------------------------------------------------


class Assignment(NamedTuple):
    """All that grading one submission needs, so that it can be done on any machine."""

    seed: int
    reference: str
    rubric: list[checks.Criterion]
    hands: tuple[np.ndarray, ...]
    files: dict[str, bytes]  # what a notebook needs beside the student's module
    mistakes: dict[str, dict[str, str]]  # the known ones, by function and fingerprint
    limits: sandbox.Limits = sandbox.Limits()
    trusted: bool = False

    @property
    def version(self) -> str:
        """A digest of everything but the submission that a result depends on."""
        parts = [self.seed, self.reference, self.rubric, self.limits, self.trusted, self.mistakes]
        parts += [Path(m.__file__).read_bytes() for m in (checks, runner, sandbox)]
        parts += [Path(__file__).read_bytes(), *(array.tobytes() for array in self.hands)]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


# What a submission would like to read.
SOUGHT = ("nn_helpers.py", "grading/mutants.py", "grading/rubric.toml", "notebooks")
NOTEBOOK_FILES = ("data/sign_digits.npz", "nn_figures.py", "nn_live.py", "live/*")


def prepare(seed: int, trusted: bool) -> Assignment:
    """Put together all that a run needs, its random input drawn from its seed."""
    rubric = checks.read_rubric()
    needs_hands = any(criterion.check == "held_out_accuracy" for criterion in rubric)
    return Assignment(
        seed=seed,
        reference=(PROJECT / "nn_helpers.py").read_text(encoding="utf-8"),
        rubric=rubric,
        hands=draw_hands(seed) if needs_hands else (),
        files={
            path.relative_to(PROJECT).as_posix(): path.read_bytes()
            for pattern in NOTEBOOK_FILES
            for path in sorted(PROJECT.glob(pattern))
        },
        trusted=trusted,
        mistakes=checks.known_mistakes(),
    )


def draw_hands(seed: int) -> tuple[np.ndarray, ...]:
    """Draw two digits; return known pictures and classes, and those of hands nobody has seen."""
    with np.load(PROJECT / "data" / "sign_digits.npz") as file:
        images, labels, signers = file["dataset"], file["labels"], file["signers"]
    rng = np.random.default_rng(seed)
    pair = rng.permutation(checks.PAIRS)[0]
    known = np.isin(labels, pair) & (signers < 150)  # enough, and quick
    renderer = checks.load_module(PROJECT / "data" / "render_hands.py")
    fresh_images, fresh_labels, _ = renderer.render_signers(100, seed)
    # In random order: as rendered, every other picture shows the second digit.
    new = rng.permutation(np.flatnonzero(np.isin(fresh_labels, pair)))
    return (
        images[known],
        (labels[known] == pair[1]).astype(np.int8),
        fresh_images[new],
        (fresh_labels[new] == pair[1]).astype(np.int8),
    )


@functools.cache
def load_reference(source: str) -> types.ModuleType:
    """Return the reference as a module, wherever its file may be."""
    return checks.module_of(source, "reference", "reference.py")


@functools.cache
def prove(trusted: bool, paths: tuple[Path, ...] = ()) -> None:
    """Probe the sandbox once in each process; `paths` are what nobody may find in it."""
    if not trusted:
        sandbox.probe((Path(__file__), Path(checks.__file__), *paths))


def grade(work: Work, assignment: Assignment) -> list[dict[str, Any]]:
    """Grade one submission: points and a message for each criterion of the rubric.

    A pure function: equal arguments give an equal result on any machine.

    Raises
    ------
    sandbox.NoSandbox
        Submissions can't be shut off on this machine.
    """
    prove(assignment.trusted)
    with bounded_memory():
        return graded(work, assignment)


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Let this process take 3 GB more at most, so that no answer can take the machine's."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):  # no Linux, so no sandbox either: these files are trusted
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = pages * resource.getpagesize() + 3 * 2**30
    if soft == resource.RLIM_INFINITY or soft > bound:
        resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def graded(work: Work, assignment: Assignment) -> list[dict[str, Any]]:
    """Grade one submission; see `grade`."""
    reference = load_reference(assignment.reference)
    results: list[dict[str, Any]] = []
    named: dict[tuple[str, ...], str] = {}  # a mistake is looked for once, however much it fails
    with sandbox.Submission(
        work.source or "", reference, assignment.limits, trusted=assignment.trusted
    ) as submission:
        for criterion in assignment.rubric:
            check = checks.CHECKS[criterion.check]
            if criterion.check == "held_out_accuracy":
                check = functools.partial(check, hands=assignment.hands)
            # Another text gets another random input: what leaks from one is useless to the next.
            text = f"{assignment.seed} {criterion.check} {work.source}"
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
            problem = work.problem or problem_of(check, submission, criterion.functions, seed)
            functions, mistake = tuple(criterion.functions), ""
            if problem is not None and not work.problem:
                if functions not in named:
                    named[functions] = mistake_of(submission, functions, assignment.mistakes)
                mistake = named[functions]
                problem = ". ".join(filter(None, (problem, mistake)))
            if problem is not None and criterion.blame:
                submission.wrong |= set(criterion.functions)
            results.append(
                {
                    "part": criterion.part,
                    "check": criterion.check,
                    "functions": criterion.functions,
                    "points": criterion.points if problem is None else 0,
                    "max": criterion.points,
                    "message": "" if problem is None else problem or "this does not hold",
                    "mistake": mistake.partition("mistake: ")[2],
                    "timed_out": submission.timed_out,
                }
            )
    return results


def problem_of(
    check: checks.Check, submission: sandbox.Submission, functions: list[str], seed: int
) -> str | None:
    """Run one check, and once more with other input if it fails.

    Returned is what is wrong in words that may be shown to the student, or None.
    """
    problem, start = None, time.thread_time()
    for attempt in range(checks.ATTEMPTS):
        with submission.functions(functions) as nn:
            try:
                checks.run(check, nn, seed, attempt)
            except sandbox.NoSandbox:
                raise  # no fault of the student's
            except (AssertionError, FloatingPointError, ZeroDivisionError) as error:
                problem = str(error)
            except Exception:  # what the check stumbled over would tell of the check
                problem = "what the functions return does not fit together"
            else:
                problem = None
                break
    submission.seconds_left -= time.thread_time() - start  # what it lets the grader do counts too
    return problem


def mistake_of(
    submission: sandbox.Submission, functions: Sequence[str], known: dict[str, dict[str, str]]
) -> str:
    """Say which known mistake answers as one of some functions does, or nothing."""
    start = time.thread_time()
    with submission.functions(functions) as nn:
        said = checks.diagnosis(nn, functions, (sandbox.NoSandbox,), known)
    submission.seconds_left -= time.thread_time() - start  # as above
    return said


def execute(name: str, work: Work, assignment: Assignment) -> tuple[str, str]:
    """Execute a notebook in a sandbox; return it as HTML, and what is odd about it in words."""
    prove(assignment.trusted)
    limits = assignment.limits
    files = {**assignment.files, "nn_helpers.py": work.source.encode()}
    message = {
        "notebook": dict(work.notebooks)[name],
        "files": {path: base64.b64encode(data).decode() for path, data in files.items()},
    }
    seconds = limits.notebook_seconds
    with (
        sandbox.Sandbox(limits, trusted=assignment.trusted, notebooks=True) as box,
        box.child() as child,
    ):
        try:
            stop = limits.stop_seconds
            reply, _ = child.request(message, seconds, limit=PAGE_BYTES, to_stop=stop)
            if isinstance(reply.get("html"), str):
                # Text, tables and pictures; nothing that runs, or that opens a connection.
                page = nh3.clean(reply["html"], **KEPT)
                cells = ", ".join(str(int(number)) for number in reply["other"][:20])
                odd = f"prints something else than was handed in, in cell {cells}" if cells else ""
                if reply["unrun"]:
                    odd = "was handed in without being run"
                if reply["stopped"]:
                    odd = f"was stopped after {seconds:g} s, in cell {int(reply['stopped'])}"
                return page, odd
        except (EOFError, KeyError, TypeError, ValueError):  # it may answer anything
            if child.timed_out:
                return "", f"took longer than {seconds:g} s and could not be stopped"
    return "", f"could not be executed, or its page is larger than {PAGE_BYTES // 2**20} MB"


KEPT = {
    "attributes": {"*": {"class", "colspan", "rowspan", "scope"}, "img": {"src", "alt"}},
    "url_schemes": {"data"},
    "tags": nh3.ALLOWED_TAGS - {"a", "area", "map"},
}


# Results --------------------------------------------------------------------------------


def write(path: Path, text: str | bytes) -> None:
    """Write a file so that it is there as a whole or not at all."""
    from nn_helpers import write_atomically  # not at the top: workers elsewhere write nothing

    data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
    write_atomically(path, data)


def record_of(work: Work, results: list[dict[str, Any]], assignment: Assignment) -> dict[str, Any]:
    """Put together what is kept of one student's grading."""
    messages = {result["message"] for result in results}
    return {
        "student": work.student,
        "number": work.number,
        # One message for everything: the module could not even be loaded.
        "problem": messages.pop() if len(messages) == 1 else "",
        "notes": work.notes,
        "points": sum(result["points"] for result in results),
        "max": sum(result["max"] for result in results),
        "sandboxed": not assignment.trusted,
        "criteria": results,
    }


def gradescope(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record in the form of Gradescope's results.json."""
    return {
        "score": record["points"],
        "output": " ".join(remarks(record)),
        "tests": [
            {
                "name": f"{result['part']}: {title(result)}",
                "score": result["points"],
                "max_score": result["max"],
                "output": clean(result["message"]) or "ok",
            }
            for result in record["criteria"]
        ],
    }


def title(result: dict[str, Any]) -> str:
    """Return the name of a check in words."""
    return result["check"].replace("_", " ")


def remarks(record: dict[str, Any]) -> list[str]:
    """Return sentences about a submission as a whole."""
    found = [f"Nothing was graded: {clean(record['problem'])}."] if record["problem"] else []
    found += [f"{clean(note)}." for note in record["notes"]]
    if not record["sandboxed"]:
        found.append("Graded without a sandbox, because the instructor trusts these files.")
    return found


def property_of(result: dict[str, Any]) -> str:
    """Return in words what a check demands."""
    return checks.CHECKS[result["check"]].__doc__.partition("\n\n")[0].replace("\n   ", "")


def feedback(
    record: dict[str, Any], by_hand: Mapping[str, Any], late: Mapping[str, float], mark: desk.Mark
) -> str:
    """Return what a student is told, as Markdown.

    Text that comes from the student or from a person who marks stands in indented lines, where
    nothing has a meaning.
    """
    total, said = desk.total_of(record["points"], mark, late)
    lines = ["# Feedback", "", f"    {clean(record['student'])}", ""]
    lines += [f"**Points: {record['points']} of {record['max']}.** {by_hand['title']}"]
    if mark.points:
        lines[-1] += f": {mark.points} of {by_hand['points']}, marked by a person."
    else:
        lines[-1] += f", up to {by_hand['points']} more, is marked by a person."
    if mark.final:
        lines[-1] += f" **Total: {total:g} of {record['max'] + by_hand['points']}.**"
    for remark in (*remarks(record), *said, *filter(None, [mark.comment])):
        lines += ["", "Note:", "", f"    {clean(remark)}"]
    for part, group in itertools.groupby(record["criteria"], key=lambda result: result["part"]):
        results = list(group)
        points, most = (sum(result[key] for result in results) for key in ("points", "max"))
        lines += ["", f"## {part}: {points} of {most}", ""]
        for result in results:
            line = f"{result['points']} of {result['max']} · {title(result)}"
            lines.append(f"- ✗ **{line}**" if result["message"] else f"- ✓ {line}")
            if result["message"] and not record["problem"]:
                lines[-1] += f". *What should hold:* {property_of(result)} *What went wrong:*"
                lines += ["", f"      {clean(result['message'])}", ""]
    lines += ["", "A function that is wrong costs its points once: for all that builds on it, a "]
    lines[-1] += "right one was put in its place."
    return "\n".join(lines) + "\n"


PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width"><title>$title</title>
<style>
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f3f3; padding: .3rem .6rem }
iframe { width: 100%; height: 85vh; border: 1px solid #999 }
</style></head><body>
$body
</body></html>
""")


def feedback_page(text: str) -> str:
    """Return feedback as an HTML page that can run nothing."""
    return PAGE.substitute(title="Feedback", body=mistune.create_markdown(escape=True)(text))


def notebook_page(name: str, who: str, content: str, odd: str = "") -> str:
    """Return an executed notebook as a page; in the frame, no script of a student's can run."""
    inner = f'<meta charset="utf-8"><style>{NOTEBOOK_STYLE}</style>{content}'
    heading = html.escape(clean(f"{who}: {name}"))
    frame = f'<iframe sandbox srcdoc="{html.escape(inner)}" title="{heading}"></iframe>'
    said = f"<p><strong>This notebook {odd}.</strong></p>\n" if odd else ""
    return PAGE.substitute(title=heading, body=f"<h1>{heading}</h1>\n{said}{frame}")


NOTEBOOK_STYLE = """
body { font: 1rem/1.5 sans-serif; max-width: 50rem; margin: auto; padding: 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9rem }
img { max-width: 100% } table { border-collapse: collapse } td, th { padding: .1rem .5rem }
.jp-CodeCell .jp-InputArea-editor, .input_area { background: #f3f3f3; padding: .2rem .6rem }
.jp-InputPrompt, .jp-OutputPrompt { color: #666; font-size: .8rem }
.anchor-link { display: none }
"""


def in_cell(text: str) -> str:
    """Return text for a CSV that no spreadsheet takes for a formula."""
    text = clean(str(text))
    looks_like = unicodedata.normalize("NFKC", text[:1])  # a wide = counts in some languages
    return f"'{text}" if looks_like in ("=", "+", "-", "@") else text


def table(rows: list[list[Any]], delimiter: str = ",") -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_table(path: Path) -> tuple[list[list[str]], str]:
    """Read a CSV as spreadsheets and learning platforms write it; return its rows and its text."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a CSV in UTF-8") from error
    plain = io.StringIO(text.removeprefix(BOM), newline="")
    return list(csv.reader(plain, delimiter=delimiter_of(text))) or [[]], text


BOM = "\ufeff"
Strangers = tuple[list["Work"], list[str]]  # handed in and unknown, known and nothing handed in


def delimiter_of(text: str) -> str:
    """Return what stands between a table's cells: a spreadsheet writes its country's."""
    return max(",;\t", key=text.partition("\n")[0].count)


def filled(text: str, rows: list[list[str]]) -> str:
    """Return a CSV's text with the values of `rows`. What is the same keeps every byte."""
    delimiter = delimiter_of(text)
    cell = rf'("(?:[^"]|"")*"|[^"\r\n{delimiter}]*)(\r\n|[\r\n{delimiter}]|\Z)'
    start = len(BOM) * text.startswith(BOM)
    parts, place = [text[:start]], [0, 0]
    for old, end in re.findall(cell, text[start:]):
        row = rows[place[0]] if place[0] < len(rows) else []
        value = row[place[1]] if place[1] < len(row) else ""
        bare = old[1:-1].replace('""', '"') if old.startswith('"') else old
        quoted = '"' * (old.startswith('"') or delimiter in value)
        parts += [old if value == bare else f"{quoted}{value}{quoted}", end]
        place = [place[0], place[1] + 1] if end == delimiter else [place[0] + 1, 0]
    return "".join(parts)


def fill_canvas(rows: list[list[str]], totals: list[tuple[Work, str]], column: str) -> Strangers:
    """Fill in the gradebook that Canvas exported; see `fill`."""
    header = rows[0]
    if "Student" not in header or "ID" not in header:
        raise ValueError("the Canvas export needs the columns Student and ID")
    assignments = [name for name in header if re.search(r" \(\d+\)$", name)]
    matching = [name for name in assignments if column in (name, name.rpartition(" (")[0])]
    chosen = matching if column else assignments
    if len(chosen) != 1:
        raise ValueError(
            f"--column must name one assignment of the Canvas export, got {column or 'nothing'!r}; "
            f"it has {', '.join(assignments) or 'none'}"
        )
    keys = [k for k in ("ID", "SIS Login ID", "SIS User ID", "Student") if k in header]
    return fill(rows, totals, header.index(chosen[0]), [header.index(key) for key in keys])


# What Moodle calls the grade: English, German, French, Spanish, Italian, Dutch, Portuguese, Polish.
GRADE = {"Grade", "Bewertung", "Note", "Calificación", "Valutazione", "Cijfer", "Nota", "Ocena"}


def fill_moodle(rows: list[list[str]], totals: list[tuple[Work, str]], column: str) -> Strangers:
    """Fill in Moodle's grading worksheet; see `fill`.

    Its columns have names in the language of the course. The first one identifies: it holds a
    word and the number that the names of the submissions hold too.
    """
    header = rows[0]
    chosen = [i for i, name in enumerate(header) if name in ({column} if column else GRADE)]
    people = [row for row in rows[1:] if row]
    if len(chosen) != 1 or not all(re.fullmatch(r"\D*\d+", row[0].strip()) for row in people):
        raise ValueError(
            "the Moodle worksheet needs a first column with numbers of participants and a column "
            f"for the grade; it has {', '.join(header)}. --column NAME says which one is the grade"
        )
    return fill(rows, totals, chosen[0], [i for i in range(len(header)) if i != chosen[0]])


def fill(
    rows: list[list[str]], totals: list[tuple[Work, str]], place: int, keys: list[int]
) -> Strangers:
    """Put each total into its student's row, but for "", which leaves it as it is.

    A number is looked for in the first of the columns `keys`, a name in the others. Returned are
    those for whom this is not one row and theirs alone, and the rows of people who are nobody's.
    """
    chosen: dict[int, list[tuple[Work, str]]] = {}
    unknown = []
    for work, total in totals:
        # Moodle writes "Participant 123", in the language of the course.
        name = re.compile(rf"(.*\D)?{work.number}" if work.number else re.escape(work.student))
        columns = keys[:1] if work.number else keys
        found = [
            number
            for number, row in enumerate(rows[1:], 1)
            if len(row) > place and any(name.fullmatch(row[key].strip()) for key in columns)
        ]
        if len(found) == 1:
            chosen.setdefault(found[0], []).append((work, total))
        else:
            unknown.append(work)
    for number, claims in chosen.items():
        if len(claims) == 1:
            rows[number][place] = claims[0][1] or rows[number][place]
        else:
            unknown += [work for work, _ in claims]
    missing = [
        " ".join(row[:2])
        for number, row in enumerate(rows[1:], 1)
        if number not in chosen and len(row) > place and re.search(r"\d$", row[keys[0]].strip())
    ]
    return unknown, missing


# The command ----------------------------------------------------------------------------


def tie(parent: int) -> None:
    """Let a worker process end when the grader does, even by kill -9; keep it to one core."""
    threadpool_limits(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def local_pool(jobs: int) -> Iterator[futures.Executor]:
    """Yield what calls functions in so many processes of this machine; -1 means one a core."""
    if jobs == 1:
        with futures.ThreadPoolExecutor(1) as pool:
            yield pool
        return
    # A fork ties itself to this process at once, however early this one is killed.
    method = "fork" if sys.platform == "linux" else None
    jobs = os.cpu_count() if jobs < 0 else jobs
    context = multiprocessing.get_context(method)
    with futures.ProcessPoolExecutor(jobs, context, tie, (os.getpid(),)) as pool:
        yield pool


def in_parallel(
    function: Callable,
    tasks: Iterable[tuple[Any, tuple]],
    total: int,
    pool: futures.Executor,
    description: str,
    at_once: int = 100,
) -> Iterator[tuple[Any, Any]]:
    """Call a function for each task; yield keys and results as they come.

    Only so many tasks at once leave this process: they are large, and a class can be.
    """
    waiting, running = iter(tasks), {}
    with tqdm(total=total, desc=description, disable=not total) as progress:
        while True:
            for key, task in itertools.islice(waiting, at_once - len(running)):
                running[pool.submit(function, *task)] = key
            if not running:
                return
            done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
            for future in done:
                progress.update()
                yield running.pop(future), future.result()


def canary(assignment: Assignment) -> dict[str, tuple[Work, Assignment]]:
    """Return two submissions whose points are known: the reference, and nothing written yet."""
    import student  # not at the top: workers elsewhere do without

    sources = {
        "reference": assignment.reference,
        "student edition": student.student_module(assignment.reference),
    }
    return {
        name: (Work(name, "", source, (), "", ()), assignment) for name, source in sources.items()
    }


def require_canary(results: dict[str, list[dict[str, Any]]]) -> None:
    """Raise ValueError unless the canary's points are what they must be."""
    points = {name: sum(r["points"] for r in result) for name, result in results.items()}
    most = sum(result["max"] for result in results["reference"])
    if points != {"reference": most, "student edition": 0}:
        lost = [title(r) for r in results["reference"] if r["points"] < r["max"]]
        raise ValueError(
            f"the reference solution must get {most} points and the untouched student edition 0, "
            f"they get {points['reference']} and {points['student edition']}"
            + (f"; the reference fails {', '.join(lost)}" if lost else "")
        )


def seed_of(output: Path, asked: int | None) -> int:
    """Return the seed of a run: the one asked for, that of the last run, or a new one."""
    path = output / "run.json"
    if asked is None and path.exists():
        asked = json.loads(path.read_text())["seed"]
    seed = secrets.randbits(62) if asked is None else asked
    write(path, json.dumps({"seed": seed}) + "\n")
    return seed


def stored(path: Path, key: str) -> dict[str, Any] | None:
    """Return the record of an earlier run, if it is of the very same work."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if record.get("key") == key else None


@dataclasses.dataclass
class Entry:
    """What is kept of one student's work while a class is graded: none of its texts."""

    work: Work
    key: str
    folder: Path
    answers: list[tuple[str, str, str]]
    hashes: np.ndarray
    record: dict[str, Any] | None
    pages: dict[str, Path]


def entries_of(arguments: argparse.Namespace, assignment: Assignment) -> Iterator[Entry]:
    """Read a class, with the results that are there of an earlier run."""
    version = assignment.version
    handed_out = canary(assignment)["student edition"][0]
    known = desk.fingerprint(handed_out.source)
    for work in collect(arguments.folder):
        text = f"{version} {work._replace(paths=())!r}"
        key = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        folder = arguments.output / "students" / work.slug
        again = arguments.student in work.names
        with_pages = not arguments.skip_notebooks and work.source is not None
        yield Entry(
            work._replace(source=None, notebooks=()),
            key,
            folder,
            desk.answers_in(work.notebooks),
            desk.fingerprint((work.source or "")[:200_000], known),
            None if again else stored(folder / "record.json", key),
            {n: folder / "notebooks" / page_name(n) for n, _ in work.notebooks if with_pages},
        )


def run(arguments: argparse.Namespace, pool: futures.Executor) -> None:
    """Grade the folder; raise ValueError or NoSandbox if that can't be done."""
    if not any(not path.name.startswith(".") for path in arguments.folder.iterdir()):
        raise ValueError(f"{arguments.folder} holds no submissions")
    marks_of(arguments)  # what is wrong with these is said at once
    fill_exports([], arguments, quiet=True)
    output, trusted = arguments.output, arguments.trust_submissions
    assignment = prepare(seed_of(output, arguments.seed), trusted)
    entries = list(entries_of(arguments, assignment))
    if (name := arguments.student) and not any(name in entry.work.names for entry in entries):
        raise ValueError(f"--student must be the name or number of one who is here, got {name!r}")
    todo = [entry for entry in entries if entry.record is None]
    old = [
        (entry, name)
        for entry in entries
        for name, path in entry.pages.items()
        if entry.record is None or page_note(path, entry.key) is None
    ]
    if todo or old:
        sought = [PROJECT / name for name in SOUGHT]
        prove(trusted, (*sought, *sorted(arguments.folder.resolve().iterdir())[:3]))
        canaries = canary(assignment)
        require_canary(dict(in_parallel(grade, canaries.items(), 2, pool, "canary")))
    again = []

    def keep(entry: Entry, results: list[dict[str, Any]]) -> None:
        entry.record = {"key": entry.key, **record_of(entry.work, results, assignment)}
        write(entry.folder / "record.json", json.dumps(entry.record, indent=1))

    def tasks(some: list[Entry]) -> Iterator[tuple[Entry, tuple]]:
        for entry in some:
            yield entry, (entry.work.again()._replace(notebooks=(), paths=()), assignment)

    for entry, results in in_parallel(grade, tasks(todo), len(todo), pool, "grading"):
        if any(result["timed_out"] for result in results):
            again.append(entry)
        else:
            keep(entry, results)
    # What ran out of time may have waited for others: it gets the machine for itself.
    for entry, results in in_parallel(grade, tasks(again), len(again), pool, "alone", at_once=1):
        keep(entry, results)
    groups = desk.alike({entry.work.slug: entry.hashes for entry in entries})
    report(entries, groups, arguments)
    arguments.marks = None  # they are in presentation.csv, where they can be changed from now on
    if not old:
        return

    def notebooks() -> Iterator[tuple[tuple[Entry, str], tuple]]:
        for entry, name in old:
            work = entry.work.again()
            text = tuple((n, t) for n, t in work.notebooks if n == name)
            yield (entry, name), (name, work._replace(notebooks=text, paths=()), assignment)

    executed = in_parallel(execute, notebooks(), len(old), pool, "notebooks")
    for (entry, name), (content, odd) in executed:
        page = notebook_page(name, entry.work.student, content, odd)
        write(entry.pages[name], f"<!-- {entry.key} {odd} -->\n{page}")
    report(entries, groups, arguments, quiet=True)  # with what was odd about them


def page_name(name: str) -> str:
    """Return a name for a notebook's page that any disk takes."""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", Path(name).stem)
    same = stem == Path(name).stem and len(stem) < 60
    return f"{stem}.html" if same else f"{stem[:60]}-{digest}.html"


def page_note(path: Path, key: str) -> str | None:
    """Return what was odd about a notebook, or None if there is no page of the very same work."""
    with contextlib.suppress(OSError), path.open(encoding="utf-8") as file:
        _, found, odd = file.readline(1000).partition(key)
        if found:
            return odd.strip().removesuffix("-->").strip()
    return None


def marks_of(arguments: argparse.Namespace) -> dict[str, desk.Mark]:
    """Return what a person decided until now, and what `--marks` says of it."""
    marks: dict[str, desk.Mark] = {}
    most = checks.rubric()["by_hand"]["points"]
    for path in (arguments.output / "presentation.csv", *filter(None, [arguments.marks])):
        if path.exists() or path == arguments.marks:
            marks |= desk.read_marks(read_table(path)[0], str(path), most)
    return marks


def report(
    entries: list[Entry],
    groups: list[tuple[list[str], float]],
    arguments: argparse.Namespace,
    *,
    quiet: bool = False,
) -> None:
    """Write feedback, tables, the page for the class and the learning platforms' files."""
    output, rubric = arguments.output, checks.rubric()
    hand, late = rubric["by_hand"], rubric["late"]
    parts = [part["title"] for part in rubric["part"]]
    marks = marks_of(arguments)
    table_rows, students, totals, returned = [], [], [], io.BytesIO()
    with zipfile.ZipFile(returned, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            work, record = entry.work, entry.record
            mark = marks.setdefault(work.slug, desk.Mark(days_late="1" if work.late else ""))
            text = feedback(record, hand, late, mark)
            page = feedback_page(text)
            write(entry.folder / "feedback.md", text)
            write(entry.folder / "feedback.html", page)
            write(entry.folder / "results.json", json.dumps(gradescope(record), indent=1))
            info = zipfile.ZipInfo(return_name(work))  # of no date: equal feedback, equal bytes
            archive.writestr(info, page.encode(errors="backslashreplace"), zipfile.ZIP_DEFLATED)
            student = student_of(entry, mark, parts)
            total, said = desk.total_of(record["points"], mark, late)
            totals.append((work, f"{total:g}", mark.final))
            if not mark.final:
                said = [*said, f"{hand['title']} is not marked: this is no final total."]
            students.append(student)
            table_rows.append(
                [in_cell(text) for text in work.names]
                + [*student["parts"], record["points"], mark.points, f"{total:g}"]
                + [in_cell(" ".join([*student["odd"], *said]))]
            )
    header = ["student", "number", "folder", *(part.lower() for part in parts)]
    header += ["automatic", hand["title"].lower(), "total", "note"]
    write(output / "grades.csv", table([header, *table_rows]))
    names = {entry.work.slug: clean(entry.work.student) for entry in entries}
    by_hand = [[slug, in_cell(names.get(slug, "")), *mark] for slug, mark in marks.items()]
    write(output / "presentation.csv", table([desk.COLUMNS, *by_hand]))
    write(output / "feedback.zip", returned.getvalue())
    missing = fill_exports(totals, arguments, quiet=quiet)
    data = {
        "run": hashlib.sha256((output / "run.json").read_bytes()).hexdigest()[:8],
        "students": students,
        "parts": parts,
        "most": entries[0].record["max"],
        "hand": hand,
        "late": late,
        "columns": desk.COLUMNS,
        "key": desk.key(),
        "missing": [clean(name) for name in missing],
        "alike": [[[names[slug] for slug in group], closest] for group, closest in groups],
    }
    write(output / "index.html", desk.page(data))
    if quiet:
        return
    points = [entry.record["points"] for entry in entries]
    print(f"{len(entries)} submissions, median {np.median(points):g} of {data['most']}")
    problems = [entry for entry in entries if entry.record["problem"]]
    if problems:
        print(f"{len(problems)} could not be graded:")
    for entry in problems:
        print(f"  {clean(entry.work.student)}: {clean(entry.record['problem'])}")
    if unmarked := sum(not final for *_, final in totals):
        print(f"{hand['title']} is not marked for {unmarked}: their totals are of the code alone.")
    print(f"Mark, and see the class, in {output / 'index.html'}")
    if arguments.trust_submissions:
        print("Graded WITHOUT a sandbox, and every result says so.")


def student_of(entry: Entry, mark: desk.Mark, parts: list[str]) -> dict[str, Any]:
    """Return what the page for the class shows of a student."""
    work, record = entry.work, entry.record
    failed = [result for result in record["criteria"] if result["message"]]
    odd = remarks(record) + (["Late, says the platform."] if work.late else [])
    pages = [["feedback", f"students/{work.slug}/feedback.html"]]
    for name, path in entry.pages.items():
        if (note := page_note(path, entry.key)) is not None:
            odd += [f"{clean(name)[-80:]} {note}."] if note else []
            pages.append([clean(name), f"students/{work.slug}/notebooks/{path.name}"])
    return {
        "folder": work.slug,
        "student": clean(work.student),
        "safe": in_cell(work.student),
        "number": work.number,
        "parts": [sum(r["points"] for r in record["criteria"] if r["part"] == p) for p in parts],
        "automatic": record["points"],
        "mark": mark._asdict(),
        "odd": odd,
        "failed": [title(result) for result in failed],
        "mistakes": [result["mistake"] for result in failed if result["mistake"]],
        "answers": entry.answers,
        "pages": pages,
    }


def fill_exports(
    totals: list[tuple[Work, str, bool]], arguments: argparse.Namespace, *, quiet: bool
) -> list[str]:
    """Write the gradebooks that were given with the totals in them; return who is missing."""
    missing = []
    # A total without its mark by hand would look like a final one, if others are.
    final = {work for work, _, is_final in totals if is_final} or {work for work, *_ in totals}
    for name, fill_in in (("canvas", fill_canvas), ("moodle", fill_moodle)):
        if source := getattr(arguments, name):
            sheet, text = read_table(source)
            known = [(work, total if work in final else "") for work, total, _ in totals]
            unknown, nothing = fill_in(sheet, known, arguments.column)
            missing += nothing
            if totals:
                write(arguments.output / f"{name}.csv", filled(text, sheet))
            for work in () if quiet else unknown:
                print(f"{source} has no row of its own for {clean(work.student)}", file=sys.stderr)
            if len(final) < len(totals) and not quiet:
                left = len(totals) - len(final)
                print(f"{name}.csv leaves out who is not marked yet: {left}.")
    return missing


def return_name(work: Work) -> str:
    """Return under which name the learning platform takes feedback back."""
    origin = work.paths[0][1].name if work.paths else ""
    if match := CANVAS.fullmatch(origin):
        return f"{match['start']}feedback.html"
    if match := MOODLE.fullmatch(origin):
        return f"{match['start']}_/feedback.html"  # a folder for each
    return f"{work.slug}/feedback.html"


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="a zip, a folder or an nn_helpers.py for each student")
    add("--output", type=Path, default=PROJECT / "build" / "grades", help="default: build/grades")
    add("--jobs", type=int, default=-1, help="submissions at a time; default: one a core")
    add("--seed", type=int, help="of the random input; default: that of the last run, or a new one")
    add("--canvas", type=Path, metavar="CSV", help="gradebook exported by Canvas, to fill in")
    add("--column", default="", help="the assignment in it, if it has several; or Moodle's grade")
    add("--moodle", type=Path, metavar="CSV", help="grading worksheet exported by Moodle")
    add("--marks", type=Path, metavar="CSV", help="presentation.csv as index.html saved it")
    add("--student", metavar="NAME", help="to grade once more: a name, a number or a folder")
    add("--skip-notebooks", action="store_true", help="grade nn_helpers.py only")
    add("--dask", metavar="ADDRESS", help="of a dask scheduler, to grade on its workers")
    unsafe = "run them WITHOUT a sandbox, with all your rights"
    add("--trust-submissions", action="store_true", help=unsafe)
    arguments = parser.parse_args(argv)
    tqdm.monitor_interval = 0  # a thread less, so that processes can be forked
    if not arguments.folder.is_dir():
        parser.error(f"folder must be a folder of submissions, got {arguments.folder}")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**62:
        parser.error(f"--seed must be a whole number of 0 or more, got {arguments.seed}")
    if arguments.jobs == 0:
        parser.error("--jobs must not be 0; -1 means one a core")
    try:
        trusted = arguments.trust_submissions
        workers = cluster(arguments.dask, trusted) if arguments.dask else local_pool(arguments.jobs)
        with workers as pool:
            run(arguments, pool)
    except futures.BrokenExecutor:
        print("A worker process was killed from outside: run this again, what is", file=sys.stderr)
        print("finished is kept.", file=sys.stderr)
        return 1
    except (ValueError, sandbox.NoSandbox) as error:
        print(f"Nothing more was graded: {error}", file=sys.stderr)
        if isinstance(error, sandbox.NoSandbox):
            print("--trust-submissions grades without a sandbox, if you wrote", file=sys.stderr)
            print("or read every line of these files yourself.", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def cluster(address: str, trusted: bool) -> Iterator[futures.Executor]:
    """Yield what calls functions on a dask cluster whose workers have proved their sandboxes."""
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ValueError("--dask needs dask: pip install -r dask-requirements.txt") from error
    with Client(address) as client, tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "grading.zip"
        with zipfile.ZipFile(code, "w") as archive:
            for module in (checks, desk, runner, sandbox, sys.modules[__name__]):
                archive.write(module.__file__, Path(module.__file__).name)
        client.upload_file(str(code))
        proofs = client.run(proof, trusted, on_error="return")
        for worker, problem in proofs.items():
            if problem is not None:
                raise sandbox.NoSandbox(f"worker {worker}: {problem}")
        with client.get_executor(pure=False) as pool:
            yield pool


def proof(trusted: bool) -> str | None:
    """Return why there is no sandbox here, or None."""
    try:
        prove(trusted)
    except sandbox.NoSandbox as error:
        return str(error)
    return None


if __name__ == "__main__":
    import grade as this  # so that worker processes find its functions by their module

    sys.exit(this.main())
