"""The example of docs/files.md, as it stands but for the port and the size of the table."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from protocol.support import environment
from readme.blocks import block
from readme.test_http import PATH, served

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTES = float(os.environ.get("BELLGLASS_TEST_TABLE_MB", "8"))
"""More than one part of a transfer. The text of the example speaks of 200."""

ROW = "2026-{month:02}-{day:02},{shop},{amount}\n"


def write_table(path: Path) -> int:
    """Write a table of that size, with gaps; return how many rows of it are worth keeping."""
    rows = [
        ROW.format(
            month=number % 12 + 1,
            day=number % 28 + 1,
            shop=f"shop {number % 97}",
            amount="" if number % 50 == 0 else number % 1000 - 9,
        )
        for number in range(7_000)
    ]
    block_of_rows = "".join(rows)
    times = max(1, int(MEGABYTES * 1e6 / len(block_of_rows)))
    with path.open("w") as file:
        file.write("day,shop,amount\n")
        for _ in range(times):
            file.write(block_of_rows)
    kept = [n for n in range(7_000) if n % 50 and n % 1000 - 9 > 0]
    return times * len(kept)


def test_table_is_sent_summarised_plotted_and_taken_away(tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir()
    back.mkdir()
    kept = write_table(there / "sales.csv")
    said = ""

    with served(block("files-server"), tmp_path) as port:
        url = f"--url http://127.0.0.1:{port}"
        code = block("files-client").replace(":8000", f":{port}")
        (there / "summarise.py").write_text(code)
        session = "session=$(sed -n 's/session_id: //p' ../there/uploaded)\n"
        for script, directory in (
            (block("files-put").replace(" |", f" {url} |"), there),
            (block("files-session"), there),
            (session + block("files-get").replace(" --session", f" {url} --session"), back),
        ):
            started = time.monotonic()
            done = subprocess.run(
                ["sh", "-e", "-c", f'python() {{ "{sys.executable}" "$@"; }}\n{script}'],
                cwd=directory,
                env=environment({"PATH": PATH}),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            said += f"{done.stdout}\n({time.monotonic() - started:.1f} s)\n"
    print(said)  # noqa: T201 - of a run by hand, with `pytest -s`

    assert f"{kept} kept" in said
    assert "Files: clean.csv (new, " in said
    assert "sales.png (new, " in said
    assert (back / "sales.png").read_bytes().startswith(b"\x89PNG")
    assert (back / "clean.csv").read_bytes().count(b"\n") == kept + 1
    assert sorted(path.name for path in back.iterdir()) == ["clean.csv", "sales.png"]
