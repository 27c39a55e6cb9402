"""Checks of displays: pictures, tables and markup come in order with the printed output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.execution import Picture, Rich, Table
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


async def _has(session: Session, module: str) -> bool:
    found = await python(session, f"import importlib.util as u\nu.find_spec({module!r}) is None")
    return found.value == "False"


@check
async def figures_come_back_as_pictures_in_order(backend: Backend) -> None:
    code = """
import matplotlib.pyplot as plt
print("first")
plt.plot([1, 2]); plt.show()
print("second")
figure = plt.figure()
display(figure)
print("third")
plt.figure().add_subplot()
figure
"""
    async with Session.open(backend) as session:
        installed = await _has(session, "matplotlib")
        execution = await python(session, code, timeout=60)
        after = await python(session, "'no figure'")
    if installed:
        said = execution.stdout.text
        assert [type(display) for display in execution.displays] == [Picture] * 4, execution
        assert [said[: display.at] for display in execution.displays] == [
            "first\n",
            "first\nsecond\n",
            "first\nsecond\nthird\n",
            "first\nsecond\nthird\n",
        ]
        assert execution.stderr.text == ""
        assert execution.value is None
    assert after.displays == []


@check
async def a_table_is_text_cut_with_a_note_and_whole_in_a_file(backend: Backend) -> None:
    code = "import pandas as pd\npd.DataFrame({'n': range(1000), 'word': 'x' * 90})"
    async with Session.open(backend) as session:
        if not await _has(session, "pandas"):
            return
        table = (await python(session, code, timeout=60)).displays[0]
        assert isinstance(table, Table)
        lines = await bash(session, f"wc -l < {table.file}")
    assert table.total_rows == 1000
    assert table.rows[1][:2] == [1, 1]
    assert "1,000 rows" in table.text
    assert "int64" in table.text
    assert "990 rows in the middle are left out" in table.text
    assert str(table.file) in table.text
    assert lines.stdout.text.strip() == "1001"


@check
async def an_object_is_shown_in_its_own_words(backend: Backend) -> None:
    code = """
class Bold:
    def __repr__(self): return "Bold()"
    def _repr_html_(self): return "<b>bold</b>"
class Liar:
    def _repr_png_(self): return b"no picture"
display(Liar())
Bold()
"""
    async with Session.open(backend) as session:
        execution = await python(session, code)
    (shown,) = execution.displays
    assert isinstance(shown, Rich)
    assert (shown.type, shown.data) == ("text/html", "<b>bold</b>")
    assert shown.text.startswith("Bold()")
    assert "Liar" in execution.stdout.text
    assert execution.status == "ok"


@check
async def what_was_shown_before_a_time_limit_is_kept(backend: Backend) -> None:
    code = """
class Bold:
    def _repr_html_(self): return "<b>bold</b>"
print("before")
display(Bold())
print("after")
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass
"""
    async with Session.open(backend) as session:
        execution = await python(session, code, timeout=1)
    assert execution.status == "timeout"
    assert [display.at for display in execution.displays] == [len("before\n")]
    assert execution.stdout.text == "before\nafter\n"


@check
async def notebook_lines_are_run_by_ipython(backend: Backend) -> None:
    code = """
%matplotlib inline
name = "there"
lines = !echo {name}
!echo hi $name; exit 3
%env FLAVOUR=mint
import os, matplotlib.pyplot as plt
plt.plot([1, 2])
(lines, os.environ["FLAVOUR"], get_ipython().ast_node_interactivity)
"""
    async with Session.open(backend) as session:
        installed = await _has(session, "IPython") and await _has(session, "matplotlib")
        plain = await python(session, "!echo plain")
        script = await python(session, "%%bash\necho script")
        execution = await python(session, code, timeout=60)
        after = await python(session, "Out[max(Out)][1] + name")
    assert (plain.stdout.text, script.stdout.text) == ("plain\n", "script\n")
    if installed:
        assert execution.status == "ok", execution
        assert execution.stdout.text.startswith("hi there\n")
        assert execution.value == "(['there'], 'mint', 'last_expr')"
        assert [type(display) for display in execution.displays] == [Picture]
        assert after.value == "'mintthere'"
    elif execution.error is not None:
        assert execution.error.name == "ModuleNotFoundError"
