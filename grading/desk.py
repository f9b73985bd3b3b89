"""The instructor's desk: what a person decides, the class at a glance, one page to mark on.

`grade.py` calls it at the end of each run. What a person decides stands in one file,
``presentation.csv``: points, a comment, days late, an override with its reason. The page
``index.html`` shows the class and the open answers and saves that file; it runs from the disk,
asks no server, and shows what students wrote as text.
"""

import base64
import contextlib
import hashlib
import io
import json
import keyword
import re
import tokenize
import zlib
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TEMPLATE = Path(__file__).with_name("desk.html")
KEY = Path(__file__).with_name("key.md")
LONGEST, MOST = 10_000, 50  # characters of an answer, answers of a student


class Mark(NamedTuple):
    """A person's row in ``presentation.csv``, as it is written there; "" where nothing is."""

    points: str = ""
    comment: str = ""
    days_late: str = ""
    override: str = ""
    reason: str = ""

    @property
    def final(self) -> bool:
        """Whether a person has decided on the points."""
        return bool(self.points or self.override)


COLUMNS = ["folder", "student", *Mark._fields]


def read_marks(rows: list[list[str]], where: str, most: float) -> dict[str, Mark]:
    """Return the marks by the names of the students' folders.

    Raises
    ------
    ValueError
        A column or a value is not as it must be.
    """
    if rows[0] not in (COLUMNS, COLUMNS[:3]):
        raise ValueError(f"{where} must have the columns {', '.join(COLUMNS)}, got {rows[0]}")
    limits = {"points": most, "days_late": 1000, "override": 1000}
    marks = {}
    for row in rows[1:]:
        folder, _, *given = [*row, *[""] * len(COLUMNS)][: len(COLUMNS)]
        mark = Mark(*(value.strip() for value in given))
        for name, limit in limits.items():
            value = getattr(mark, name).replace(",", ".")
            mark = mark._replace(**{name: value})
            if value and not (re.fullmatch(r"\d+(\.\d+)?", value) and float(value) <= limit):
                said = f"{name} must be a number from 0 to {limit}, got {value!r}"
                raise ValueError(f"{where}: {said}")
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
        return float(mark.override), [f"The total was set to {mark.override}: {mark.reason}"]
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
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            for cell in json.loads(text)["cells"]:
                whole = "".join(map(str, cell["source"]))
                head = re.match(r"\*\*Your answer to (\d+)\*\*[^\n]*", whole)
                number = head or re.match(r"answer-(\d+)$", str(cell.get("id")))
                if number and cell["cell_type"] == "markdown":
                    answer = whole[head.end() if head else 0 :].strip()[:LONGEST]
                    found.append((Path(name).stem[:60], number[1][:3], answer))
    return found[:MOST]


def key() -> dict[str, dict[str, str]]:
    """Return the key to the open questions, by the start of a notebook's name and by number."""
    text = KEY.read_text(encoding="utf-8").replace("*", "")
    parts = re.split(r"(?m)^## (\w+) .*$", text)[1:]
    return {
        notebook: dict(re.findall(r"(?ms)^(\d+)\. (.*?)(?=\n\d+\. |\Z)", text.strip()))
        for notebook, text in zip(parts[::2], parts[1::2], strict=True)
    }


def fingerprint(text: str, known: Collection[int] = (), length: int = 16) -> np.ndarray:
    """Return hashes of the tokens in a row of a module, but for those that are `known`.

    All names count as one; comments, docstrings and other texts are left out.
    """
    words: list[str] = []
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                words.append(token.string if keyword.iskeyword(token.string) else "name")
            elif token.type in (tokenize.OP, tokenize.NUMBER):
                words.append(token.string)
    rows = (" ".join(words[i : i + length]) for i in range(len(words) - length + 1))
    return np.setdiff1d([zlib.crc32(row.encode()) for row in rows], known)


def alike(hashes: Mapping[str, np.ndarray], bound: float = 0.5) -> list[tuple[list[str], float]]:
    """Return groups of solutions that share more than the handed-out text explains.

    Likeness is the share of hashes that two have in common. A group holds all that are connected
    by pairs more alike than `bound`; returned with it is the likeness of its closest pair.
    """
    groups: dict[str, set[str]] = {}
    closest: dict[str, float] = {}
    for a, b in combinations(hashes, 2):
        common = len(np.intersect1d(hashes[a], hashes[b], assume_unique=True))
        likeness = common / max(len(hashes[a]) + len(hashes[b]) - common, 1)
        if likeness > bound:
            group = groups.get(a, {a}) | groups.get(b, {b})
            best = max(likeness, *(closest.get(name, 0) for name in group))
            groups.update(dict.fromkeys(group, group))
            closest.update(dict.fromkeys(group, best))
    found = {min(group): (sorted(group), closest[min(group)]) for group in groups.values()}
    return sorted(found.values(), key=lambda pair: -pair[1])


def page(data: Mapping[str, Any]) -> str:
    """Return the page; nothing in it can run but its own script, and nothing can be fetched."""
    template = TEMPLATE.read_text(encoding="utf-8")
    script = re.search(r"<script>(.*)</script>", template, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Within a script element only "<" could end it or begin a comment.
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return template.replace("SCRIPT-HASH", f"sha256-{digest}").replace("DATA", text, 1)
