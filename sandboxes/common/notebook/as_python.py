"""Translate code of a notebook into the Python that would run."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from bellglass.sandboxes.common.notebook.transform import (
    CANDIDATE,
    as_ipython_would,
    syntax_error,
)

_AROUND_PYTHON = re.compile(
    r"^([ \t]*)%{1,2}(?:time|timeit|prun)\b[ \t]*(?:-[a-z]+[ \t]*(?:\d+[ \t]*)?)*|%%capture\b.*",
    re.MULTILINE,
)
"""Magics that run the Python after them, of a line or of a whole cell."""

MAX_MAGICS = 500
"""Magics of one cell, as in IPython."""

MAX_MAGICS_TIMES_CHARACTERS = 500_000
"""Magics times characters of a cell that IPython transforms as a whole. It reads the cell again for
each magic, so this much takes a second. A larger cell is transformed line by line."""


_CALL = re.compile(r"^(.*?)get_ipython\(\)\.(\w+)(\(.*\))$", re.MULTILINE)


def as_python(code: str) -> str:
    """Return the Python that would run, with the same line numbers; return plain Python unchanged.

    IPython turns commands and magics into calls of `get_ipython()`. Where IPython is not installed,
    the lines that work without it are turned into the same calls here.
    """
    count = sum(1 for _ in CANDIDATE.finditer(code))
    if not 0 < count <= MAX_MAGICS or syntax_error(code) is None:
        return code
    code = _AROUND_PYTHON.sub(r"\1", code.replace("\r\n", "\n"))
    try:
        return _by_ipython(code, count)
    except ImportError:
        return as_ipython_would(code)
    except Exception:  # IPython may raise anything for text that is not Python
        return code


def as_module(code: str) -> str:
    """Return a module for code of a notebook: commands run; other notebook lines do nothing."""
    text = as_python(code)

    def plain(found: re.Match[str]) -> str:
        if found[2] == "system":
            return f"{found[1]}__import__('subprocess').run{found[3][:-1]}, shell=True)"
        if found[2] == "getoutput":
            return f"{found[1]}__import__('subprocess').getoutput{found[3]}.splitlines()"
        return f"{found[1]}None"

    return code if text == code else _CALL.sub(plain, text)


def _by_ipython(cell: str, count: int) -> str:
    # Imported only when needed, because it imports IPython.
    from bellglass.sandboxes.common.notebook.in_place import InPlace

    manager = InPlace()
    if cell.lstrip().startswith("%%") or count * len(cell) <= MAX_MAGICS_TIMES_CHARACTERS:
        return str(manager.transform_cell(cell))
    return "".join(map(partial(_line_by_ipython, manager), cell.splitlines(keepends=True)))


def _line_by_ipython(manager: Any, line: str) -> str:
    text = line.lstrip(" \t")
    indent = line[: len(line) - len(text)]
    return indent + str(manager.transform_cell(text)) if CANDIDATE.search(line) else line
