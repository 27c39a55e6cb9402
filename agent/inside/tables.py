"""Summarize a table in one pass over its rows: types, ranges, missing and common values."""

from __future__ import annotations

import csv
import math
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MAX_COLUMNS = 60
MAX_ROWS = 5_000_000
MAX_DISTINCT_VALUES = 1_000
MAX_REMEMBERED_ROWS = 1_000_000
SAMPLE_ROWS = 3
MAX_VALUE_CHARACTERS = 40
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "?"))

_DATE = re.compile(
    r"\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
)
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class Column:
    """Statistics of one column."""

    def __init__(self) -> None:
        self.filled = self.missing = 0
        self.kinds: dict[str, int] = {}
        self.least = math.inf
        self.most = -math.inf
        self.total = 0.0
        self.first_text: str | None = None
        self.last_text: str | None = None
        self.longest = 0
        self.values: dict[str, int] | None = {}

    def add(self, value: Any) -> None:
        text = value.strip() if isinstance(value, str) else "" if value is None else str(value)
        if text.lower() in MISSING or (isinstance(value, float) and math.isnan(value)):
            self.missing += 1
            return
        self.filled += 1
        kind, number = _kind(value, text)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if number is not None and math.isfinite(number):
            self.least = min(self.least, number)
            self.most = max(self.most, number)
            self.total += number
        else:
            self.first_text = text if self.first_text is None else min(self.first_text, text)
            self.last_text = text if self.last_text is None else max(self.last_text, text)
            self.longest = max(self.longest, len(text))
        if self.values is not None:
            key = text[:MAX_VALUE_CHARACTERS]
            self.values[key] = self.values.get(key, 0) + 1
            if len(self.values) > MAX_DISTINCT_VALUES:
                self.values = None

    def told(self) -> str:
        kinds = sorted(self.kinds, key=lambda kind: -self.kinds[kind])
        if set(kinds) == {"integer", "number"}:
            kinds = ["number"]
        parts = [" and ".join("%s" % kind for kind in kinds) or "nothing in it"]
        if len(kinds) > 1:
            parts = ["mixed: " + ", ".join("%s %d" % (kind, self.kinds[kind]) for kind in kinds)]
        numbers = self.kinds.get("integer", 0) + self.kinds.get("number", 0)
        if numbers and self.least <= self.most:
            mean = self.total / numbers
            parts.append(
                "from %s to %s, mean %.6g" % (_number(self.least), _number(self.most), mean)
            )
        if self.kinds.get("date"):
            parts.append("from %s to %s" % (_short(self.first_text), _short(self.last_text)))
        if self.values is None:
            parts.append("more than %d different" % MAX_DISTINCT_VALUES)
        elif self.values:
            parts.append("%d different" % len(self.values))
            if self.kinds.get("text") or len(self.values) <= 6:
                common = sorted(self.values.items(), key=lambda pair: -pair[1])[:6]
                shown = ", ".join("%r %d times" % pair for pair in common if pair[1] > 1)
                parts.append(shown or "such as " + ", ".join(repr(key) for key, _ in common[:3]))
        if self.longest > MAX_VALUE_CHARACTERS:
            parts.append("up to {:,} characters".format(self.longest))
        parts.append("%d missing" % self.missing if self.missing else "none missing")
        return "; ".join(parts)


class Table:
    """Statistics of a table, collected row by row."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.columns: dict[str, Column] = {}
        self.rows = self.ragged = 0
        self.whole = True
        self.sample: list[dict[str, Any]] = []
        self.repeated = 0
        self._seen: set[int] | None = set()
        self._random = random.Random(0)
        self.delimiter = ""

    def add_records(self, records: Iterable[Any]) -> None:
        for record in records:
            if not self._room():
                return
            if isinstance(record, dict):
                self._add({str(key): value for key, value in record.items()})
            else:
                self.ragged += 1

    def add_rows(self, head: list[str], rows: Iterable[list[str]]) -> None:
        self.columns = {name: Column() for name in head}
        for row in rows:
            if not row:
                continue
            if not self._room():
                return
            if len(row) != len(head):
                self.ragged += 1
            self._add(dict(zip(head, row)))

    def _room(self) -> bool:
        if self.rows < MAX_ROWS and (self.rows % 1_000 or time.monotonic() < self._end):
            return True
        self.whole = False
        return False

    def _add(self, record: dict[str, Any]) -> None:
        self.rows += 1
        self._remember(record)
        for name in record:
            if name not in self.columns and len(self.columns) < 10 * MAX_COLUMNS:
                self.columns[name] = Column()
                self.columns[name].missing = self.rows - 1
        for name, column in self.columns.items():
            column.add(record.get(name))
        if len(self.sample) < SAMPLE_ROWS:
            self.sample.append(record)
        elif (place := self._random.randrange(self.rows)) < SAMPLE_ROWS - 1:
            # The first row stays in the sample; the others are random.
            self.sample[1 + place] = record

    def _remember(self, record: dict[str, Any]) -> None:
        """Count repeated rows, as long as there is room to remember earlier ones."""
        if self._seen is None:
            return
        mark = hash(repr(record))
        self.repeated += mark in self._seen
        self._seen.add(mark)
        if len(self._seen) > MAX_REMEMBERED_ROWS:
            self._seen = None

    def told(self) -> str:
        rows = (
            "{:,} rows".format(self.rows) if self.whole else "more than {:,} rows".format(self.rows)
        )
        lines = ["%s, %d columns%s" % (rows, len(self.columns), self.delimiter)]
        if not self.whole:
            lines[0] += " (of the first {:,} rows:)".format(self.rows)
        shown = list(self.columns.items())[:MAX_COLUMNS]
        lines += ["- %s: %s" % (name[:80], column.told()) for name, column in shown]
        if len(self.columns) > MAX_COLUMNS:
            lines.append("- and %d more columns" % (len(self.columns) - MAX_COLUMNS))
        if self.ragged:
            lines.append("%d rows have another number of fields" % self.ragged)
        if self.repeated:
            lines.append("%d rows repeat an earlier one" % self.repeated)
        lines.append("Rows of it:")
        for record in self.sample:
            pairs = list(record.items())[:MAX_COLUMNS]
            lines.append(
                "  " + ", ".join("%s=%s" % (name[:40], _short(value)) for name, value in pairs)
            )
        return "\n".join(lines)


def table_of(
    lines: Callable[[], Iterator[str]], sample: str, name: str, seconds: float
) -> Table | None:
    """Return the table in a text with delimiters, or None if it is not a table."""
    csv.field_size_limit(10_000_000)
    delimiter = _delimiter(sample, name)
    if delimiter is None:
        return None
    table = Table(seconds)
    table.delimiter = {"\t": ", by tabs", ";": ", by semicolons", "|": ", by |"}.get(delimiter, "")
    rows = csv.reader(lines(), delimiter=delimiter)
    head = next(rows, [])
    if head and all(_INTEGER.fullmatch(cell.strip()) or _is_number(cell) for cell in head):
        table.delimiter += ", without a line of names"
        names = ["column %d" % number for number in range(1, len(head) + 1)]
        table.add_rows(names, _chain(head, rows))
    else:
        table.add_rows(_unique(head), rows)
    return table


def _chain(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _unique(head: list[str]) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(head, 1):
        name = cell.strip() or "column %d" % number
        names.append(name if name not in names else "%s (column %d)" % (name, number))
    return names


def _delimiter(sample: str, name: str) -> str | None:
    """Return the delimiter: the character that occurs equally often in each line."""
    lines = [line for line in sample.split("\n")[:50] if line.strip()]
    if name.endswith((".tsv", ".tab", ".tsv.gz")):
        return "\t"
    if not lines:
        return None
    best: tuple[float, str] | None = None
    for sign in ",;\t|":
        fields = [len(row) for row in csv.reader(lines, delimiter=sign)]
        usual = max(set(fields), key=fields.count)
        if usual > 1:
            score = fields.count(usual) / len(fields)
            if score >= 0.6 and (best is None or (score, usual) > (best[0], 0)):
                best = (score, sign)
    if best is None:
        return "," if ".csv" in name else None
    return best[1] if ".csv" in name or (best[0] > 0.9 and len(lines) > 2) else None


def _kind(value: Any, text: str) -> tuple[str, float | None]:
    if isinstance(value, bool) or text.lower() in ("true", "false"):
        return "true or false", None
    if isinstance(value, (dict, list)):
        return "array" if isinstance(value, list) else "object", None
    if _INTEGER.fullmatch(text):
        return ("integer", float(text)) if not _is_code(text) else ("text", None)
    if _is_number(text):
        return "number", float(text)
    return ("date" if _DATE.fullmatch(text) else "text"), None


def _is_code(text: str) -> bool:
    """Tell whether it is a code with significant leading zeros, such as a postal code."""
    return len(text) > 1 and text[0] == "0"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _number(value: float) -> str:
    return "%d" % value if value == int(value) and abs(value) < 1e15 else "%.6g" % value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + "..."
