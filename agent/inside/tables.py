"""Describe tables for a model: rows, columns, what is in each, some rows. pandas reads them."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from importlib import import_module
from itertools import islice
from typing import Any

MAX_VALUE_CHARACTERS = 60
MAX_TABLE_BYTES = 100_000_000
MAX_ROWS = 1_000_000
MAX_COLUMNS = 60
MAX_KINDS = 1_000
"""Different values of a column whose kind is looked at."""

_DATE = re.compile(
    r"\d{4}-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
)
_CODE = re.compile(r"0\d+")
"""A number whose leading zeros are significant, such as a postal code."""
_MISSING = ["-", "?", "none", "na"]
"""What pandas does not take for missing by itself."""


def find_delimiter(sample: str, name: str) -> str | None:
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


def read_delimited(file: Any, sample: str, delimiter: str) -> str:
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
    told = describe_table(frame, about, whole=len(frame) < rows)
    skipped = sum(str(one.message).count("Skipping line") for one in caught)
    return told + ("\n%d rows have more fields, and were left out" % skipped if skipped else "")


def describe_table(frame: Any, about: str = "", *, whole: bool = True) -> str:
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


def describe_workbook(name: str) -> str:
    """Describe each sheet, and write it as CSV, which every program can read."""
    pandas: Any = import_module("pandas")
    told: list[str] = []
    for sheet, frame in pandas.read_excel(name, sheet_name=None, nrows=MAX_ROWS).items():
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in sheet)
        path = "%s.%s.csv" % (name.rpartition(".")[0], safe)
        frame = frame.convert_dtypes()
        frame.to_csv(path, index=False)
        told.append("Sheet %r, also there as %s: %s" % (sheet, path, describe_table(frame)))
    return "\n".join(told)
