"""Running one piece of Python in a namespace that lasts: statements, last value, error."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import types
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.explaining.chain import text_of
from bellglass.sandboxes.runner.explaining.describe import described, line_of
from bellglass.sandboxes.runner.explaining.text import shortened

SOURCES = 200
"""Calls whose source is kept, for the tracebacks of functions that they defined."""


# Bound now: what foreign code puts in their place later is not what is called here.
_compile, _eval = compile, eval

LOOKING = (
    *(ast.Module, ast.Expr, ast.Constant, ast.Name, ast.Load, ast.Tuple, ast.List, ast.Attribute),
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Subscript, ast.Slice),
)
"""Code of nothing but these looks at values and leaves them alone: no copy of them is needed."""


class Evaluation:
    """What became of one piece of code, ready to be sent."""

    def __init__(self) -> None:
        self.status = "ok"
        self.exit_code: int | None = None
        self.value: str | None = None
        self.error: dict[str, Any] | None = None
        self.changed = True
        """Something may be different from before; false only where the code is a mere look."""

    def message(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "exit_code": self.exit_code,
            "value": self.value,
            "error": self.error,
            "changed": self.changed,
        }


class Namespace:
    """The `__main__` of a session."""

    def __init__(self, show: Callable[[Any], str | None]) -> None:
        """`show` shows the value of a last expression, or returns it as text."""
        self._show = show
        self.module = types.ModuleType("__main__")
        self.module.__dict__["__builtins__"] = __builtins__
        self._files: list[str] = []
        self._loop: Any = None
        self._left: Any = None

    def evaluate(self, code: str, file: str) -> Evaluation:
        """Run `code`; what it raises, SystemExit included, is in the result."""
        result = Evaluation()
        self._remember(code, file)
        try:
            tree = self._parse(code, file)
            result.changed = not all(isinstance(node, LOOKING) for node in ast.walk(tree))
            value = self._run(tree, code, file)
            if value is not None:
                text = self._show(value)
                result.value = None if text is None else shortened(text)
        except SystemExit as exc:
            result.status = "exit"
            result.exit_code = _exit_code(exc.code)
            if exc.code is not None and not isinstance(exc.code, int):
                result.error = {
                    "name": "SystemExit",
                    "message": text_of(exc.code),
                    "traceback": "",
                    "line": line_of(exc, file),
                }
        except BaseException as exc:
            result.status = "error"
            result.error = described(exc, file)
        return result

    def leave_loop(self) -> None:
        """Leave the event loop to the process that this one was forked from: they share its epoll.

        It is kept, for what closes it when it is collected would reach into the other's.
        """
        self._left, self._loop = self._loop, None

    def _parse(self, code: str, file: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            tree = _compile(code, file, "exec", flags, dont_inherit=True)
        except SyntaxError:
            # Imported only now: plain Python does without.
            from bellglass.sandboxes.runner.habits.transform import for_running

            python = for_running(code)
            if python is None:
                raise
            tree = _compile(python, file, "exec", flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        return tree

    def inner(self, code: str) -> Any:
        """Run code that stands in the code that runs, at the line that asks for it."""
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename != self._files[-1]:
            frame = frame.f_back
        placed = "\n" * (frame.f_lineno - 1) + code
        return self._run(self._parse(placed, self._files[-1]), placed, self._files[-1])

    def _run(self, tree: ast.Module, code: str, file: str) -> Any:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        last: ast.Expression | None = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        if tree.body:
            self._execute(_compile(tree, file, "exec", flags, dont_inherit=True))
        if last is None:
            return None
        return self._execute(_compile(last, file, "eval", flags, dont_inherit=True))

    def _execute(self, code: types.CodeType) -> Any:
        result = _eval(code, self.module.__dict__)
        if code.co_flags & inspect.CO_COROUTINE:
            return self._await(result)
        return result

    def _await(self, coroutine: Any) -> Any:
        """Run to the end of `coroutine` on a loop that lasts as long as the namespace."""
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        finally:
            # Interrupted: the task must not go on when the next call runs the loop.
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task], timeout=0.2))

    def _remember(self, code: str, file: str) -> None:
        # Without a last line end, Python 3.11 puts its carets one column off.
        lines = (code + "\n").splitlines(keepends=True)
        linecache.cache[file] = (len(code), None, lines, file)
        self._files.append(file)
        if len(self._files) > SOURCES:
            linecache.cache.pop(self._files.pop(0), None)


def _exit_code(code: object) -> int:
    """What a shell would see of `sys.exit(code)`."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if abs(code) < 1 << 63 else 255
