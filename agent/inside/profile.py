"""Summarize data files for a model, which never reads a whole file. pandas reads the tables.

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
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.agent.inside.tables import (
        MAX_ROWS,
        MAX_VALUE_CHARACTERS,
        describe_table,
        describe_workbook,
        find_delimiter,
        read_delimited,
    )

MAX_TEXT_CHARACTERS = 6_000
"""Characters of the summary of one file."""
MAX_JSON_BYTES = 100_000_000
DATABASE_TIMEOUT_SECONDS = 20
SAMPLE_BYTES = 65_536


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
            return head + ", a workbook\n" + describe_workbook(name)
        return head + _text_file(name, start)
    except Exception as exc:
        return "%s. It could not be read: %s: %s" % (head, type(exc).__name__, str(exc)[:200])


def _text_file(name: str, start: bytes) -> str:
    opened: Any = open
    for mark, module in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ", lzma)):
        opened = module.open if start.startswith(mark) else opened
    about = ", compressed" if opened is not open else ""
    with opened(name, "rb") as file:
        sample = file.read(SAMPLE_BYTES)
    encoding = _encoding(sample)
    if b"\0" in sample and encoding != "utf-16":
        return "%s, binary; it begins with %s" % (about, sample[:24].hex(" "))
    about += ", text in %s" % encoding
    text = sample.decode(encoding, "replace")
    with opened(name, "rt", encoding=encoding, errors="replace", newline="") as file:
        if text.lstrip()[:1] in ("{", "[") and (told := _json(file, name.lower())):
            return about + told
        file.seek(0)
        if (delimiter := find_delimiter(text, name.lower())) is not None:
            return about + ", a table\n" + read_delimited(file, text, delimiter)
        return about + "\n" + _lines(file)


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


def _lines(lines: Any) -> str:
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


def _json(file: Any, name: str) -> str:
    """Describe a JSON document or JSON lines; return "" if it is neither."""
    pandas: Any = import_module("pandas")
    first = list(islice((line for line in file if line.strip()), 2))
    try:
        records = [json.loads(line) for line in first]
    except ValueError:
        records = []
    file.seek(0)
    if len(records) == 2 and all(isinstance(record, dict) for record in records):
        lines = islice((line for line in file if line.strip()), MAX_ROWS)
        frame = pandas.DataFrame([json.loads(line) for line in lines])
        return ", a JSON object a line\n" + describe_table(frame, whole=len(frame) < MAX_ROWS)
    data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        return ", JSON, too large to be looked through whole; it begins:\n%s" % first[0][:500]
    try:
        value = json.loads(data)
    except ValueError as exc:
        return ", JSON that is not valid (%s)" % exc if name.endswith(".json") else ""
    found: list[str] = []
    tables: list[str] = []
    _walk(value, "$", found, tables, 0)
    return ", JSON\n" + "\n".join([*found[:80], *tables[:3]])


def _walk(value: Any, path: str, found: list[str], tables: list[str], depth: int) -> None:
    if len(found) > 80 or depth > 8:
        return
    if isinstance(value, dict):
        found.append("%s: object of %d keys" % (path, len(value)))
        for key in list(value)[:30]:
            below = "%s.%s" % (path, str(key)[:MAX_VALUE_CHARACTERS])
            _walk(value[key], below, found, tables, depth + 1)
        if len(value) > 30:
            found.append("%s: and %d more keys" % (path, len(value) - 30))
    elif isinstance(value, list):
        found.append("%s: array of %d" % (path, len(value)))
        if value and all(isinstance(item, dict) for item in value):
            table = describe_table(import_module("pandas").DataFrame(value))
            tables.append("The objects of %s, as a table:\n%s" % (path, table))
        elif value:
            _walk(value[0], path + "[0]", found, tables, depth + 1)
    else:
        shown = json.dumps(value, ensure_ascii=False)[:MAX_VALUE_CHARACTERS]
        found.append("%s: %s, %s" % (path, type(value).__name__, shown))


def _sqlite(name: str) -> str:
    told: list[str] = []
    end = time.monotonic() + DATABASE_TIMEOUT_SECONDS
    with sqlite3.connect("file:%s?mode=ro" % os.path.abspath(name), uri=True) as db:
        db.set_progress_handler(lambda: int(time.monotonic() > end), 100_000)
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
