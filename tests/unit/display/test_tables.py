"""Tables as text: whatever is left out, the text says so and where the whole is."""

from collections.abc import Iterable

from bellglass.sandboxes.worker.display import tables
from bellglass.sandboxes.worker.display.tables import Column, Table


def written(kind: str, ending: str, parts: Iterable[bytes]) -> tuple[str, int, bool]:
    return f"/tmp/{kind}-1-1.{ending}", sum(map(len, parts)), True


def text_of(table: Table) -> str:
    return str(tables.entry(table, [b"a,b\n"], written, pandas=True)["text"])


def test_small_table_is_whole_and_has_no_file() -> None:
    column = Column("n", "int64", [1, 2], [])
    entry = tables.entry(Table("Frame: 2 rows", 2, [], [column]), [], written, pandas=True)

    assert entry["text"].splitlines() == ["Frame: 2 rows", "n", "int64", "1", "2"]
    assert entry["file"] is None


def test_wide_table_loses_columns_from_its_middle() -> None:
    columns = [Column(f"c{at}", "int64", [10**11 + at], []) for at in range(20)]
    text = text_of(Table("Frame", 1, [], columns))
    header = text.splitlines()[1].split()

    assert (header[0], header[-1]) == ("c0", "c19")
    assert header.count("…") == 1
    assert f"{20 - (len(header) - 1)} columns in the middle are left out" in text
    assert "All of it as CSV: /tmp/table-1-1.csv" in text


def test_note_stands_however_much_is_cut() -> None:
    index = [Column(f"i{at}", "", ["x" * 90] * 30, []) for at in range(12)]
    text = text_of(Table("Frame", 30, index, []))

    assert len(text) < 9_000
    assert text.endswith(
        "[long cells are cut, lines are cut. All of it as CSV: /tmp/table-1-1.csv]"
    )
