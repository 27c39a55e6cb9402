"""Summarize data files for a model, which never reads a whole file. pandas reads the tables.

Everything is bounded: rows that are read, columns and values that are shown, total characters.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import re
import sqlite3
import time
import warnings
from collections import Counter
from importlib import import_module
from itertools import islice
from typing import Any

MAX_TEXT_CHARACTERS = 6_000
"""Characters of the summary of one file."""
MAX_VALUE_CHARACTERS = 60
MAX_JSON_BYTES = 100_000_000
MAX_TABLE_BYTES = 100_000_000
MAX_ROWS = 1_000_000
MAX_COLUMNS = 60
MAX_KINDS = 1_000
"""Different values of a column whose kind is looked at."""
DATABASE_TIMEOUT_SECONDS = 20
SAMPLE_BYTES = 65_536

_DATE = re.compile(
    r"\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
)
_CODE = re.compile(r"0\d+")
"""A number whose leading zeros are significant, such as a postal code."""
_MISSING = ["-", "?", "none", "na"]
"""What pandas does not take for missing by itself."""


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
        if (delimiter := _delimiter(text, name.lower())) is not None:
            return about + ", a table\n" + _delimited(file, text, delimiter)
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


# --- tables


def _delimiter(sample: str, name: str) -> str | None:
    """Return the delimiter: the character that occurs equally often in each line."""
    lines = [line for line in sample.split("\n")[:50] if line.strip()]
    if name.endswith((".tsv", ".tab", ".tsv.gz")):
        return "\t"
    csv.field_size_limit(10_000_000)
    best: tuple[float, str] | None = None
    for sign in ",;\t|":
        fields = [len(row) for row in csv.reader(lines, delimiter=sign)]
        usual = max(set(fields), key=fields.count)
        if usual > 1:
            score = fields.count(usual) / len(fields)
            if score >= 0.6 and (best is None or score > best[0]):
                best = (score, sign)
    if best is None:
        return "," if ".csv" in name else None
    return best[1] if ".csv" in name or (best[0] > 0.9 and len(lines) > 2) else None


def _delimited(file: Any, sample: str, delimiter: str) -> str:
    pandas: Any = import_module("pandas")
    lines = sample.splitlines()
    head = next(csv.reader(lines, delimiter=delimiter), [])
    bare = bool(head) and all(_kind(cell.strip()) in ("integer", "number") for cell in head)
    first = csv.reader(lines[not bare : 1_000], delimiter=delimiter)
    codes = {at for row in first for at, cell in enumerate(row) if _CODE.fullmatch(cell.strip())}
    rows = max(1, min(MAX_ROWS, MAX_TABLE_BYTES * len(lines) // max(1, len(sample))))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pandas.read_csv(
            file,
            sep=delimiter,
            header=None if bare else 0,
            index_col=False,
            dtype={at if bare else head[at]: str for at in codes if at < len(head)},
            na_values=_MISSING,
            skipinitialspace=True,
            nrows=rows,
            on_bad_lines="warn",
        )
    about = {"\t": ", by tabs", ";": ", by semicolons", "|": ", by |"}.get(delimiter, "")
    if bare:
        frame.columns = ["column %d" % number for number in range(1, frame.shape[1] + 1)]
        about += ", without a line of names"
    told = _table(frame, about, whole=len(frame) < rows)
    skipped = sum(str(one.message).count("Skipping line") for one in caught)
    return told + ("\n%d rows have more fields, and were left out" % skipped if skipped else "")


def _table(frame: Any, about: str = "", *, whole: bool = True) -> str:
    rows = "{:,} rows".format(len(frame))
    lines = ["%s%s, %d columns%s" % ("" if whole else "the first ", rows, frame.shape[1], about)]
    names = [str(name)[:80] for name in frame.columns[:MAX_COLUMNS]]
    lines += ["- %s: %s" % (name, _column(frame.iloc[:, at])) for at, name in enumerate(names)]
    if frame.shape[1] > MAX_COLUMNS:
        lines.append("- and %d more columns" % (frame.shape[1] - MAX_COLUMNS))
    if repeated := int(frame.astype(str).duplicated().sum()):
        lines.append("%d rows repeat an earlier one" % repeated)
    lines.append("Rows of it:")
    for at in sorted({0, len(frame) // 2, len(frame) - 1}) if len(frame) else ():
        cells = ((name[:40], _short(frame.iat[at, place])) for place, name in enumerate(names))
        lines.append("  " + ", ".join("%s=%s" % cell for cell in cells))
    return "\n".join(lines)


def _column(values: Any) -> str:
    types: Any = import_module("pandas.api.types")
    filled = values.dropna()
    texts = filled.astype(str)
    counts = texts.value_counts()
    kinds: Counter[str] = Counter()
    if types.is_bool_dtype(values) or not types.is_numeric_dtype(values):
        for text, count in islice(counts.items(), MAX_KINDS):
            kinds[_kind(text.strip())] += count
    elif len(filled):
        kinds["integer" if (filled % 1 == 0).all() else "number"] = len(filled)
    parts = [next(iter(kinds), "nothing in it")]
    if len(kinds) > 1:
        parts = ["mixed: " + ", ".join("%s %d" % pair for pair in kinds.most_common())]
    if types.is_numeric_dtype(values) and len(filled) and "true or false" not in kinds:
        least, most = (_number(number) for number in (filled.min(), filled.max()))
        parts.append("from %s to %s, mean %.6g" % (least, most, filled.mean()))
    elif kinds["date"]:
        parts.append("from %s to %s" % (_short(texts.min()), _short(texts.max())))
    parts.append("%d different" % len(counts))
    if kinds["text"] or len(counts) <= 6:
        common = [(text[:MAX_VALUE_CHARACTERS], count) for text, count in counts[:6].items()]
        often = ", ".join("%r %d times" % pair for pair in common if pair[1] > 1)
        parts.append(often or "such as " + ", ".join(repr(text) for text, _ in common[:3]))
    longest = int(texts.str.len().max()) if len(texts) else 0
    if longest > MAX_VALUE_CHARACTERS:
        parts.append("up to {:,} characters".format(longest))
    missing = len(values) - len(filled)
    parts.append("%d missing" % missing if missing else "none missing")
    return "; ".join(parts)


def _kind(text: str) -> str:
    if text.lower() in ("true", "false"):
        return "true or false"
    if _DATE.fullmatch(text):
        return "date"
    try:
        number = float(text)
    except ValueError:
        return "text"
    if _CODE.fullmatch(text) or "_" in text:
        return "text"
    return "integer" if number % 1 == 0 and "." not in text else "number"


def _number(value: float) -> str:
    return "%d" % value if value % 1 == 0 and abs(value) < 1e15 else "%.6g" % value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + "..."


def _workbook(name: str) -> str:
    """Describe each sheet, and write it as CSV, which every program can read."""
    pandas: Any = import_module("pandas")
    told: list[str] = []
    for sheet, frame in pandas.read_excel(name, sheet_name=None, nrows=MAX_ROWS).items():
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in sheet)
        path = "%s.%s.csv" % (name.rpartition(".")[0], safe)
        frame = frame.convert_dtypes()
        frame.to_csv(path, index=False)
        told.append("Sheet %r, also there as %s: %s" % (sheet, path, _table(frame)))
    return "\n".join(told)


# --- structured data


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
        return ", a JSON object a line\n" + _table(frame, whole=len(frame) < MAX_ROWS)
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
            table = _table(import_module("pandas").DataFrame(value))
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
