"""Tables as text: the text says what was left out, and where all of it is."""

from collections.abc import Iterable
from typing import Any

from bellglass.sandboxes.wire.schema.execution import ShownTable
from bellglass.sandboxes.worker.display import tables
from bellglass.sandboxes.worker.display.tables import Column, Part


def written(kind: str, ending: str, parts: Iterable[bytes]) -> tuple[str, int, bool]:
    return f"/tmp/{kind}-1-1.{ending}", sum(map(len, parts)), True


def entry(text: str, rows: Part, columns: Part, *, long_cells: bool = False) -> ShownTable:
    cells = [Column("n", "int64", [1, 2])]
    more: dict[str, Any] = {"whole": [b"a,b\n"], "by_hand": "", "write": written}
    return tables.entry(text, rows, columns, cells, long_cells=long_cells, **more)


def test_a_table_that_is_shown_whole_has_no_file() -> None:
    shown = entry("as it is", Part(2, 2), Part(1, 1))

    assert shown["text"] == "as it is"
    assert shown["rows"] == [[1], [2]]
    assert shown["file"] is None


def test_a_note_says_what_is_left_out_and_where_it_is() -> None:
    text = entry("some", tables.part(1_000, 30, 20), tables.part(21, 20, 20))["text"]

    assert text == (
        "some\n[980 rows in the middle are left out, 1 column in the middle is left out. "
        "All of it as CSV: /tmp/table-1-1.csv]"
    )


def test_the_note_stands_however_much_is_cut() -> None:
    text = entry("x" * 100_000, Part(1, 1), Part(1, 1), long_cells=True)["text"]

    assert len(text) < 9_000
    assert text.endswith(
        "[long cells are cut, lines are cut. All of it as CSV: /tmp/table-1-1.csv]"
    )
