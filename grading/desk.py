"""The instructor's desk: what a person decides, the class at a glance, one page to mark on.

`grade.py` calls it at the end of each run. What a person decides stands in one file,
``presentation.csv``: points, a comment, days late, an override with its reason. The page
``index.html`` shows the class and the open answers and saves that file; it runs from the disk,
asks no server, and shows what students wrote as text.
"""

import ast
import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

TEMPLATE = Path(__file__).with_name("desk.html")
KEY = Path(__file__).with_name("key.md")
LONGEST = 20_000  # characters of one answer


class Mark(NamedTuple):
    """A person's row in ``presentation.csv``, as it is written there; "" where nothing is."""

    points: str = ""
    comment: str = ""
    days_late: str = ""
    override: str = ""
    reason: str = ""


COLUMNS = ["folder", "student", *Mark._fields]


def read_marks(rows: Sequence[Sequence[str]], where: str, most: float) -> dict[str, Mark]:
    """Return the marks by the names of the students' folders.

    Raises
    ------
    ValueError
        A column or a value is not as it must be.
    """
    header = list(rows[0])
    if header not in (COLUMNS, COLUMNS[:3]):
        raise ValueError(f"{where} must have the columns {', '.join(COLUMNS)}, got {header}")
    limits = {"points": most, "days_late": 1000, "override": 1000}
    marks = {}
    for row in rows[1:]:
        folder, _, *given = [*row, *[""] * len(COLUMNS)][: len(COLUMNS)]
        mark = Mark(*(value.strip() for value in given))
        for name, limit in limits.items():
            value = getattr(mark, name).replace(",", ".")
            mark = mark._replace(**{name: value})
            if value and not (re.fullmatch(r"\d+(\.\d+)?", value) and float(value) <= limit):
                raise ValueError(
                    f"{where}: {name} must be a number from 0 to {limit}, got {value!r}"
                )
        if mark.override and not mark.reason:
            raise ValueError(f"{where}: the override of {folder} needs a reason")
        if folder:
            marks[folder] = mark
    return marks


def total_of(automatic: float, mark: Mark, late: Mapping[str, float]) -> tuple[float, list[str]]:
    """Return the points of all, and sentences on what a person or the rule on lateness did.

    Parameters
    ----------
    automatic : found by the self-checks
    mark : what a person decided
    late : the table ``late`` of ``rubric.toml``: the share that each day costs, and after how
        many days nothing is left
    """
    if mark.override:
        return float(mark.override), [f"The points were set to {mark.override}: {mark.reason}."]
    total, days = automatic + float(mark.points or 0), float(mark.days_late or 0)
    if not days:
        return total, []
    kept = max(1 - late["share"] * days, 0) if days <= late["days"] else 0
    said = f"Handed in {days:g} day{'s' * (days != 1)} late: {kept:.0%} of {total:g} points count."
    return round(total * kept, 2), [said]


def answers_in(notebooks: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return notebook, number and text of each open answer; a notebook can hold anything."""
    found = []
    for name, text in notebooks:
        try:
            cells = json.loads(text)["cells"]
            sources = [c["source"] for c in cells if c.get("cell_type") == "markdown"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        for source in sources:
            whole = (
                "".join(source)
                if isinstance(source, list) and all(isinstance(line, str) for line in source)
                else str(source)
            )
            if match := re.match(r"\*\*Your answer to (\d+)\*\*[^\n]*\n?", whole):
                answer = whole[match.end() :].strip()[:LONGEST]
                found.append((Path(name).stem[:60], match[1], answer))
    return found


def key() -> dict[str, dict[str, str]]:
    """Return the key to the open questions, by the start of a notebook's name and by number."""
    parts = re.split(r"(?m)^## (\w+) .*$", KEY.read_text(encoding="utf-8"))[1:]
    return {
        notebook: dict(re.findall(r"(?ms)^(\d+)\. (.*?)(?=\n\d+\. |\Z)", text.strip()))
        for notebook, text in zip(parts[::2], parts[1::2], strict=True)
    }


def alike(sources: Mapping[str, str], handed_out: str, bound: float = 0.5) -> list[tuple[Any, ...]]:
    """Return pairs of solutions that share more than the handed-out text explains.

    Each text becomes a set of hashes of tokens in a row (winnowing: Schleimer, Wilkerson and
    Aiken, 2003), names and comments left out, without those of the handed-out text. Likeness is
    the share of hashes that two sets have in common.

    Returns
    -------
    list of (str, str, float)
        Two names and their likeness, the most alike first.
    """
    import io

    import numpy as np
    from copydetect import CodeFingerprint

    def hashes(text: str, window: int, known: Any) -> set[int]:
        file = io.StringIO(text)
        found = CodeFingerprint("solution.py", 25, window, boilerplate=known, fp=file)
        return set(found.hashes)

    known = np.array(sorted(hashes(own_text(handed_out, ""), 1, None)))
    own = {name: own_text(text, handed_out)[:200_000] for name, text in sources.items()}
    found = {name: hashes(text, 4, known) for name, text in own.items()}
    pairs = [
        (a, b, len(found[a] & found[b]) / max(len(found[a] | found[b]), 1))
        for a, b in combinations(found, 2)
    ]
    return sorted((p for p in pairs if p[2] > bound), key=lambda pair: -pair[2])


def own_text(source: str, handed_out: str) -> str:
    """Return the functions and other statements of a module that do not come with the course."""
    try:
        nodes = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    lines = source.splitlines()
    parts = ("\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes)
    return "\n".join(part for part in parts if not handed_out or part not in handed_out)


def page(data: Mapping[str, Any]) -> str:
    """Return the page; nothing in it can run but its own script, and nothing can be fetched."""
    template = TEMPLATE.read_text(encoding="utf-8")
    script = re.search(r"<script>(.*)</script>", template, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Within a script element only "<" could end it or begin a comment.
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return template.replace("SCRIPT-HASH", f"sha256-{digest}").replace("DATA", text, 1)
