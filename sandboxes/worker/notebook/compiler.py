"""IPython's compiler, with the names and line numbers of the running call."""

from __future__ import annotations

import ast
import linecache
import sys
from typing import Any

from IPython.core.compilerop import CachingCompiler

_WITHIN = ("<timed exec>", "<timed eval>", "<magic-timeit>")
"""The file names that `%time` and `%timeit` give to the code in their line or cell."""


class Compiler(CachingCompiler):
    """Names code "<call 3>", as `evaluate.py` does, so that errors name lines of the call."""

    file = ""
    """The name of the running call."""
    nested = 0
    """The cells that are running, each nested in the one before."""
    body: tuple[str, int] | None = None
    """The text of the running cell magic, and the number of the line before it."""

    def line(self) -> int:
        """Return the line of the call that is running."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.file:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 1

    def in_place(self, cell: str) -> str:
        """Return `cell` with its lines moved to their place, if it is the text of a magic."""
        if self.body is None or self.body[0] != cell:
            return cell
        return "\n" * self.body[1] + cell

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        within = self.body is not None and raw_code == self.in_place(self.body[0])
        if self.nested == 1 or (self.nested == 2 and within):
            return self.file
        return str(super().get_code_name(raw_code, transformed_code, number))

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> Any:
        within = filename == "<unknown>" and bool(self.file)
        try:
            return super().ast_parse(source, self.file if within else filename, symbol)
        except SyntaxError as exc:
            if within:
                exc.lineno = (exc.lineno or 1) + self._lines_before()
            raise

    def _lines_before(self) -> int:
        """Return the number of lines before the code in the running magic."""
        line = self.line()
        if self.body is None:
            return line - 1
        lines = self.in_place(self.body[0]).splitlines(keepends=True)
        linecache.cache[self.file] = (len(lines), None, lines, self.file)
        return line

    def __call__(
        self, source: Any, filename: str, symbol: str, *arguments: Any, **options: Any
    ) -> Any:
        if isinstance(source, ast.AST) and filename in _WITHIN and self.file:
            filename = self.file
            ast.increment_lineno(source, self._lines_before())
            if self.body is None:
                _forget_columns(source)
        return super().__call__(source, filename, symbol, *arguments, **options)


def _forget_columns(tree: ast.AST) -> None:
    """Drop columns that count from within a line: they would mark the wrong part of it."""
    for node in ast.walk(tree):
        if hasattr(node, "col_offset"):
            vars(node).update(col_offset=0, end_col_offset=0, end_lineno=vars(node)["lineno"])
