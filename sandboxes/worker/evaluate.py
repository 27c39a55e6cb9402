"""Evaluation of code in a lasting namespace: statements, the last value, the error."""

from __future__ import annotations
import __future__

import ast
import linecache
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common.text import shortened
from bellglass.sandboxes.worker.explaining.chain import text_of
from bellglass.sandboxes.worker.explaining.describe import described, line_of

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import ClaimedStatus
    from bellglass.sandboxes.wire.schema.execution import ExecutionError

ALL_FUTURE_FLAGS = 0
for _name in __future__.all_feature_names:
    ALL_FUTURE_FLAGS |= getattr(__future__, _name).compiler_flag

_CO_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`: importing `inspect` takes a tenth of a session's start."""

MAX_KEPT_SOURCES = 200
"""Calls whose source is kept, for the tracebacks of functions that they defined."""


# Bound now, because foreign code may replace these later.
_compile, _eval = compile, eval

LOOKING = (
    *(ast.Module, ast.Expr, ast.Constant, ast.Name, ast.Load, ast.Tuple, ast.List, ast.Attribute),
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Subscript, ast.Slice),
)
"""Code with only these nodes reads values and changes none: it needs no new checkpoint."""


class Evaluation:
    """The result of one piece of code."""

    def __init__(self) -> None:
        self.status: ClaimedStatus = "ok"
        self.exit_code: int | None = None
        self.value: str | None = None
        self.error: ExecutionError | None = None
        self.changed = True
        """Whether anything may have changed; false only if the code merely reads values."""


class Namespace:
    """The `__main__` of a session."""

    def __init__(
        self,
        show: Callable[[Any], str | None],
        make_shell: Callable[[Namespace], Any] | None = None,
    ) -> None:
        """`show` shows the value of a last expression, or returns it as text.

        `make_shell` makes the shell of IPython; it raises an exception if that is not possible.
        """
        self._show = show
        self._make_shell = make_shell
        self._shell: Any = None
        self.module = types.ModuleType("__main__")
        self.module.__dict__["__builtins__"] = __builtins__
        self._futures = 0
        """Flags of the compiler: an import from __future__ applies to later calls."""
        self._values: tuple[Any, ...] = ()
        """The values of `_`, `__` and `___`, unless the code uses these names itself."""
        self._files: list[str] = []
        self._loop: Any = None
        self._left: Any = None

    def evaluate(self, code: str, file: str) -> Evaluation:
        """Run `code`; an exception that it raises, including SystemExit, is in the result."""
        result = Evaluation()
        self._remember(code, file)
        # A warning that an earlier call has shown is shown again.
        self.module.__dict__.pop("__warningregistry__", None)
        try:
            text = self._evaluate(code, file, result)
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

    def open_shell(self) -> Any:
        """Return the shell of IPython, made on first use; None if it is not installed."""
        if self._shell is None and self._make_shell is not None:
            try:
                shell = self._make_shell(self)
            except Exception:  # it is not installed, or of an unknown version
                return None
            # Importing IPython may have made it meanwhile.
            if self._shell is None:
                self._shell = shell
                shell.compile.flags |= self._futures
                self._tell_history(shell)
        return self._shell

    def leave_loop(self) -> None:
        """Leave the event loop to the process that we were forked from, which shares its epoll.

        A reference is kept: closing the loop on collection would affect that process.
        """
        self._left, self._loop = self._loop, None

    def run_in_loop(self, coroutine: Any) -> Any:
        """Run `coroutine` to its end on a loop that lasts as long as the namespace."""
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        finally:
            # Interrupted: the task must not continue when the next call runs the loop.
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task], timeout=0.2))

    # --- plain Python, or IPython

    def _evaluate(self, code: str, file: str, result: Evaluation) -> str | None:
        """Run `code` and return its value as text; plain Python runs without IPython."""
        if self._shell is not None:
            return self._by_shell(code, file)
        if "get_ipython" in code and self.open_shell():
            return self._by_shell(code, file)
        tree = self._parse_if_plain(code, file)
        if tree is None:
            if self.open_shell():
                return self._by_shell(code, file)
            from bellglass.sandboxes.common.notebook import transform

            code = transform.without_ipython(code)
            tree = self._parse(code, file)
        result.changed = not all(isinstance(node, LOOKING) for node in ast.walk(tree))
        value = self._run(tree, code, file)
        if value is None:
            return None
        text = self._show(value)
        self._keep(value)
        return text

    def _by_shell(self, code: str, file: str) -> str | None:
        text: str | None = self._shell.execute(code, file)
        return text

    def _tell_history(self, shell: Any) -> None:
        """Set IPython's cell number to that of the call, and add earlier calls to its history."""
        sources = ["".join(linecache.getlines(file)) for file in self._files[:-1]]
        number = int(self._files[-1][len("<call ") : -1]) if self._files else 1
        missing = number - len(sources) - 1
        history = shell.history_manager
        history.input_hist_parsed.extend([""] * missing + sources)
        history.input_hist_raw.extend([""] * missing + sources)
        shell.execution_count = number

    def _keep(self, value: Any) -> None:
        """Set `_` to the last value, as in a notebook."""
        names = self.module.__dict__
        ours = dict(zip(("_", "__", "___"), self._values))
        if all(names.get(name, value) is value for name, value in ours.items()) and (
            ours or "_" not in names
        ):
            self._values = (value, *self._values[:2])
            names.update(zip(("_", "__", "___"), self._values))

    def _parse_if_plain(self, code: str, file: str) -> ast.Module | None:
        """Parse plain Python; return None for code that may need a notebook."""
        try:
            return self._parse(code, file)
        except SyntaxError:
            # Imported only now: plain Python does not need it.
            from bellglass.sandboxes.common.notebook import transform

            if not transform.CANDIDATE.search(code):
                raise
            return None

    def _parse(self, code: str, file: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self._futures
        tree = _compile(code, file, "exec", flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        return tree

    def _run(self, tree: ast.Module, code: str, file: str) -> Any:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        parts: list[types.CodeType] = []
        last: ast.Expression | None = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_quiet(tree, code):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        if tree.body or last is None:
            parts.append(_compile(tree, file, "exec", flags | self._futures, dont_inherit=True))
            self._futures |= parts[0].co_flags & ALL_FUTURE_FLAGS
        if last is not None:
            parts.append(_compile(last, file, "eval", flags | self._futures, dont_inherit=True))
        if any(part.co_flags & _CO_COROUTINE for part in parts):
            # All statements, so that those before the first await find the loop running.
            return self.run_in_loop(self._await(parts))
        value = None
        for part in parts:
            value = _eval(part, self.module.__dict__)
        return value

    async def _await(self, parts: list[types.CodeType]) -> Any:
        value = None
        for part in parts:
            value = _eval(part, self.module.__dict__)
            if part.co_flags & _CO_COROUTINE:
                value = await value
        return value

    def _remember(self, code: str, file: str) -> None:
        # Without a final newline, Python 3.11 puts its carets one column off.
        lines = (code + "\n").splitlines(keepends=True)
        linecache.cache[file] = (len(code), None, lines, file)
        self._files.append(file)
        if len(self._files) > MAX_KEPT_SOURCES:
            linecache.cache.pop(self._files.pop(0), None)


def _is_quiet(tree: ast.Module, code: str) -> bool:
    """Tell if a semicolon follows the last statement: then its value is not shown."""
    if ";" not in code:
        return False
    last = tree.body[-1]
    line = code.splitlines()[(last.end_lineno or 1) - 1].encode("utf-8", "replace")
    return line[last.end_col_offset :].lstrip().startswith(b";")


def _exit_code(code: object) -> int:
    """Return the exit code that a shell would see of `sys.exit(code)`."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if abs(code) < 1 << 63 else 255
