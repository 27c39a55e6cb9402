"""The profile of data, which is all that a model sees of it: true, and bounded."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from bellglass.agent.inside import source
from bellglass.sandboxes.setup.environments import find_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # each imports pandas

MOST = 6_100

_RUN = "\nimport json, sys\nprint(json.dumps(main(sys.argv[1:])))"


def profile(path: Path) -> str:
    """Return the text on a file, made as it is in the sandbox, by its Python."""
    program = source("tables", "profile") + _RUN
    done = subprocess.run(
        [find_python(), "-I", "-c", program, path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    text: str = json.loads(done.stdout)[0]["text"]
    return text


def test_table_is_described_by_its_columns(tmp_path: Path) -> None:
    rows = [f"{n};{n / 4:.2f};2026-01-{n % 28 + 1:02d};{'ab'[n % 2]};0{n % 9}" for n in range(100)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id;price;day;kind;code", *rows, rows[3], "5;NA;;a;01"]) + "\n")
    text = profile(path)

    assert "102 rows, 5 columns, by semicolons" in text
    assert "- id: integer; from 0 to 99" in text
    assert "- price: number; from 0 to 24.75, mean 12.2599; 100 different; 1 missing" in text
    assert "- day: date; from 2026-01-01 to 2026-01-28" in text
    assert "- kind: text; 2 different; 'a' 51 times, 'b' 51 times" in text
    assert "- code: text" in text  # whose zeros count
    assert "1 rows repeat an earlier one" in text


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("wide.csv", (",".join(f"c{n}" for n in range(900)) + "\n") * 50, "and 840 more columns"),
        ("long.csv", "a,b\n" + "x" * 900_000 + ",1\n", "up to 900,000 characters"),
        ("many.csv", "n\n" + "\n".join(map(str, range(200_000))), "200,000 rows"),
        ("deep.json", '{"a":' * 60 + "1" + "}" * 60, "$.a.a"),
        ("keys.json", json.dumps({f"key{n}": n for n in range(9_000)}), "and 8970 more keys"),
        ("bad.json", '{"a": 1,', "not valid"),
        ("lines.jsonl", '{"a": 1}\n{"a": null, "b": "x"}\n', "a JSON object a line"),
        ("notes.txt", "one line\n" * 5_000, "5,000 lines"),
        ("ragged.csv", "a,b\n1,2\n3\n4,5,6\n", "1 rows have more fields, and were left out"),
        ("empty.csv", "", "empty"),
        ("latin.csv", b"n,ort\n1,K\xf6ln\n", "Köln"),
        ("sixteen.csv", "n,ort\n1,Köln\n".encode("utf-16"), "Köln"),
        ("blob.bin", bytes(range(256)) * 20, "binary"),
        ("packed.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0), "2 rows, 2 columns"),
        ("broken.xlsx", b"PK\3\4" + bytes(50), "could not be read"),
        ("fake.db", b"SQLite format 3\0" + bytes(50), "could not be read"),
    ],
)
def test_any_file_is_described_within_bounds(
    name: str, data: str | bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    text = profile(path)

    assert told in text
    assert len(text) < MOST


def test_database_is_described_by_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE orders (id INTEGER, what TEXT)")
        db.executemany("INSERT INTO orders VALUES (?, ?)", [(n, "tea") for n in range(7)])
    db.close()
    text = profile(path)

    assert "Table orders, 7 rows: id INTEGER, what TEXT" in text
    assert text.count("'tea'") == 3
