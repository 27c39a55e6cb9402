"""Summarize data files for a model, which never reads a whole file.

Everything is bounded: rows that are read, columns and values that are shown, total characters.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.agent.inside.tables import Table, table_of
    from bellglass.agent.inside.workbook import sheets_of

MAX_TEXT_CHARACTERS = 6_000
"""Characters of the summary of one file."""
MAX_VALUE_CHARACTERS = 60
MAX_JSON_BYTES = 100_000_000
FILE_TIMEOUT_SECONDS = 20
"""Time for one file; the summary says what was not read by then."""


def main(names: list[str]) -> list[dict[str, Any]]:
    """Return a summary of each file."""
    return [{"name": name, "text": _bounded(_profile(name))} for name in names]


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "\n[cut here]"


def _profile(name: str) -> str:
    size = os.path.getsize(name)
    head = "%s: %s" % (name, "{:,} bytes".format(size))
    try:
        with open(name, "rb") as file:
            start = file.read(64)
        if not size:
            return head + ", empty"
        if start.startswith(b"SQLite format 3\0"):
            return head + ", a SQLite database\n" + _sqlite(name)
        if start.startswith(b"PK\3\4") and name.lower().endswith((".xlsx", ".xlsm")):
            return head + ", a workbook\n" + _workbook(name)
        return head + _text_file(name, start)
    except Exception as exc:
        return "%s. It could not be read: %s: %s" % (head, type(exc).__name__, str(exc)[:200])


def _opened(name: str, start: bytes) -> Any:
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(name, "rb")
    if start.startswith(b"BZh"):
        return bz2.open(name, "rb")
    if start.startswith(b"\xfd7zXZ"):
        return lzma.open(name, "rb")
    return open(name, "rb")


def _encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if sample.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    for cut in range(4):  # the sample may end in the middle of a character
        try:
            sample[: len(sample) - cut].decode("utf-8")
            return "utf-8"
        except UnicodeDecodeError:
            continue
    return "latin-1"


def _text_file(name: str, start: bytes) -> str:
    with _opened(name, start) as file:
        sample = file.read(65_536)
    packed = "" if sample[:8] == start[:8] else ", compressed"
    encoding = _encoding(sample)
    if b"\0" in sample and encoding != "utf-16":
        return "%s, binary; it begins with %s" % (packed, sample[:24].hex(" "))
    about = "%s, text in %s" % (packed, encoding)
    low = name.lower()
    plain = sample.decode(encoding, "replace").lstrip()

    def lines() -> Iterator[str]:
        with _opened(name, start) as raw:
            for line in raw if encoding != "utf-16" else raw.read().decode(encoding).splitlines():
                yield line.decode(encoding, "replace") if isinstance(line, bytes) else line

    if plain[:1] in "{[" and plain:
        parsed = _json(name, start, encoding, lines, low)
        if parsed:
            return about + parsed
    table = table_of(lines, sample.decode(encoding, "replace"), low, FILE_TIMEOUT_SECONDS)
    if table is not None:
        return about + ", a table\n" + table.told()
    return about + "\n" + _lines(lines())


def _lines(lines: Iterator[str]) -> str:
    count = longest = 0
    first: list[str] = []
    last: list[str] = []
    for line in lines:
        count += 1
        line = line.rstrip("\r\n")
        longest = max(longest, len(line))
        if count <= 8:
            first.append(line[:200])
        last = [*last[-1:], line[:200]]
    text = "{:,} lines, the longest of {:,} characters. The first:\n".format(count, longest)
    return text + "\n".join(first) + ("\nThe last:\n" + "\n".join(last) if count > 8 else "")


def _json(name: str, start: bytes, encoding: str, lines: Any, low: str) -> str:
    """Describe a JSON document or JSON lines; return "" if it is neither."""
    first: list[str] = []
    for line in lines():
        if line.strip():
            first.append(line)
        if len(first) == 2:
            break
    try:
        records = [json.loads(line) for line in first]
    except ValueError:
        records = []
    if len(records) == 2 and all(isinstance(record, dict) for record in records):
        table = Table(FILE_TIMEOUT_SECONDS)
        table.add_records(json.loads(line) for line in lines() if line.strip())
        return ", a JSON object a line\n" + table.told()
    with _opened(name, start) as file:
        data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        return ", JSON, too large to be looked through whole; it begins:\n" + first[0][:500]
    try:
        value = json.loads(data.decode(encoding))
    except ValueError as exc:
        return ", JSON that is not valid (%s)" % exc if low.endswith(".json") else ""
    return ", JSON\n" + _described(value)


def _described(value: Any) -> str:
    found: list[str] = []
    tables: list[str] = []
    _walk(value, "$", found, tables, 0)
    return "\n".join([*found[:80], *tables[:3]])


def _walk(value: Any, path: str, found: list[str], tables: list[str], depth: int) -> None:
    if len(found) > 80 or depth > 8:
        return
    if isinstance(value, dict):
        found.append("%s: object of %d keys" % (path, len(value)))
        for key in list(value)[:30]:
            _walk(
                value[key],
                "%s.%s" % (path, str(key)[:MAX_VALUE_CHARACTERS]),
                found,
                tables,
                depth + 1,
            )
        if len(value) > 30:
            found.append("%s: and %d more keys" % (path, len(value) - 30))
    elif isinstance(value, list):
        found.append("%s: array of %d" % (path, len(value)))
        if value and all(isinstance(item, dict) for item in value):
            table = Table(FILE_TIMEOUT_SECONDS)
            table.add_records(iter(value))
            tables.append("The objects of %s, as a table:\n%s" % (path, table.told()))
        elif value:
            _walk(value[0], path + "[0]", found, tables, depth + 1)
    else:
        shown = json.dumps(value, ensure_ascii=False)[:MAX_VALUE_CHARACTERS]
        found.append("%s: %s, %s" % (path, type(value).__name__, shown))


def _sqlite(name: str) -> str:
    told: list[str] = []
    with sqlite3.connect("file:%s?mode=ro" % os.path.abspath(name), uri=True) as db:
        db.set_progress_handler(_Deadline(FILE_TIMEOUT_SECONDS), 100_000)
        names = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') LIMIT 40"
        for (table,) in db.execute(names).fetchall():
            quoted = '"%s"' % table.replace('"', '""')
            columns = db.execute("PRAGMA table_info(%s)" % quoted).fetchall()
            kinds = ", ".join("%s %s" % (row[1], row[2]) for row in columns[:60])
            (count,) = db.execute("SELECT count(*) FROM %s" % quoted).fetchone()
            told.append("Table %s, %s rows: %s" % (table, "{:,}".format(count), kinds))
            rows = db.execute("SELECT * FROM %s LIMIT 3" % quoted)
            told += [
                "  " + ", ".join(repr(value)[:MAX_VALUE_CHARACTERS] for value in row)
                for row in rows
            ]
    return "\n".join(told) or "without tables"


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __call__(self) -> int:
        return int(time.monotonic() > self._end)


def _workbook(name: str) -> str:
    """Describe each sheet, and write it as CSV: the sandbox may have no reader of xlsx."""
    import csv

    told: list[str] = []
    for sheet, rows in sheets_of(name):
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in sheet)
        path = "%s.%s.csv" % (name.rpartition(".")[0], safe)
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        told.append("Sheet %r, %d rows, is also there as %s." % (sheet, len(rows), path))
        with open(path, encoding="utf-8") as file:
            sample = file.read(65_536)

        def lines(path: str = path) -> Iterator[str]:
            with open(path, encoding="utf-8", newline="") as file:
                yield from file

        table = table_of(lines, sample, path, FILE_TIMEOUT_SECONDS)
        if table is not None:
            told.append(table.told())
    return "\n".join(told)
