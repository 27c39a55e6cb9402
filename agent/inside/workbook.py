"""Read the sheets of an .xlsx workbook as rows of plain values."""

from __future__ import annotations

import datetime
import re
import zipfile
from typing import Any
from xml.etree import ElementTree

MAX_ROWS = 1_000_000
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINKS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DATES = frozenset((*range(14, 23), *range(45, 48)))
"""Ids of the built-in number formats that show a date or a time."""


def sheets_of(path: str) -> list[tuple[str, list[list[Any]]]]:
    """Return the name and the rows of every sheet, with dates in ISO 8601."""
    with zipfile.ZipFile(path) as book:
        texts = _texts(book)
        dated = _dated(book)
        return [(name, _rows(book, part, texts, dated)) for name, part in _parts(book)]


def _parts(book: zipfile.ZipFile) -> list[tuple[str, str]]:
    links = {
        link.get("Id"): (link.get("Target") or "").lstrip("/")
        for link in ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
    }
    parts = []
    for sheet in ElementTree.fromstring(book.read("xl/workbook.xml")).iter(_MAIN + "sheet"):
        target = links.get(sheet.get(_LINKS + "id"), "")
        part = target if target.startswith("xl/") else "xl/" + target
        parts.append((sheet.get("name") or part, part))
    return parts


def _texts(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    root = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    return ["".join(t.text or "" for t in item.iter(_MAIN + "t")) for item in root]


def _dated(book: zipfile.ZipFile) -> list[bool]:
    """Return for each style whether it shows a date."""
    if "xl/styles.xml" not in book.namelist():
        return []
    root = ElementTree.fromstring(book.read("xl/styles.xml"))
    custom = {
        item.get("numFmtId"): re.search(
            r"[ymdhs]", re.sub(r'"[^"]*"|\[[^\]]*\]', "", item.get("formatCode") or "").lower()
        )
        is not None
        for item in root.iter(_MAIN + "numFmt")
    }
    styles = root.find(_MAIN + "cellXfs")
    ids = [style.get("numFmtId") or "0" for style in (styles if styles is not None else ())]
    return [custom.get(number, int(number) in _DATES) for number in ids]


def _rows(book: zipfile.ZipFile, part: str, texts: list[str], dated: list[bool]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    with book.open(part) as file:
        for _, element in ElementTree.iterparse(file):
            if element.tag != _MAIN + "row":
                continue
            row: list[Any] = []
            for cell in element.iter(_MAIN + "c"):
                column = _column(cell.get("r") or "") if cell.get("r") else len(row)
                row += [""] * (column - len(row))
                row.append(_value(cell, texts, dated))
            rows.append(row)
            element.clear()
            if len(rows) >= MAX_ROWS:
                break
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _column(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: Any, texts: list[str], dated: list[bool]) -> Any:
    kind = cell.get("t")
    if kind == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(_MAIN + "t"))
    text = cell.findtext(_MAIN + "v")
    if text is None:
        return ""
    if kind == "s":
        return texts[int(text)]
    if kind == "b":
        return text == "1"
    if kind in ("str", "e"):
        return text
    style = int(cell.get("s") or 0)
    if style < len(dated) and dated[style]:
        moment = datetime.datetime(1899, 12, 30) + datetime.timedelta(days=float(text))
        whole = moment.time() == datetime.time()
        return moment.date().isoformat() if whole else moment.isoformat(sep=" ", timespec="seconds")
    return text
