"""Running one piece of Python in a namespace that lasts: statements, last value, error."""

from __future__ import annotations

import ast
import inspect
import linecache
import traceback
import types
from typing import Any

TEXT = 8_000
"""Characters kept of a value, a message or a traceback; twice that stays under one packet."""

CHAIN = 5
"""Exceptions of a chain that are shown."""

SOURCES = 200
"""Calls whose source is kept, for the tracebacks of functions that they defined."""


# Bound now: what foreign code puts in their place later is not what is called here.
_compile, _eval, _repr = compile, eval, repr

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
        self.images: list[str] = []
        self.changed = True
        """Something may be different from before; false only where the code is a mere look."""

    def message(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "exit_code": self.exit_code,
            "value": self.value,
            "error": self.error,
            "images": self.images,
            "changed": self.changed,
        }


class Namespace:
    """The `__main__` of a session."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.module.__dict__["__builtins__"] = __builtins__
        self._files: list[str] = []
        self._loop: Any = None

    def evaluate(self, code: str, file: str) -> Evaluation:
        """Run `code`; what it raises, SystemExit included, is in the result."""
        result = Evaluation()
        self._remember(code, file)
        try:
            tree = self._parse(code, file)
            result.changed = not all(isinstance(node, LOOKING) for node in ast.walk(tree))
            value = self._run(tree, code, file)
            if value is not None:
                result.value = shortened(_repr(value))
        except SystemExit as exc:
            result.status = "exit"
            result.exit_code = _exit_code(exc.code)
            if exc.code is not None and not isinstance(exc.code, int):
                result.error = {
                    "name": "SystemExit",
                    "message": shortened(_text(exc.code)),
                    "traceback": "",
                    "line": _line(exc, file),
                }
        except BaseException as exc:
            result.status = "error"
            result.error = described(exc, file)
        return result

    def _parse(self, code: str, file: str) -> ast.Module:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = _compile(code, file, "exec", flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        return tree

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


def described(exc: BaseException, file: str) -> dict[str, Any]:
    """Return `exc` as `execution.ExecutionError` wants it, without the frames of ours."""
    name = type(exc).__name__
    message = _text(exc)
    return {
        "name": shortened(name, 200),
        "message": shortened(message),
        "traceback": shortened(_traceback(exc, file) or f"{name}: {message}"),
        "line": _line(exc, file),
    }


def _traceback(exc: BaseException, file: str) -> str:
    """Return the traceback of `exc` and of what it came from, oldest first, CHAIN of them."""
    parts: list[str] = []
    seen: BaseException | None = exc
    try:
        for _ in range(CHAIN):
            if seen is None:
                break
            frames = _own_frames(seen.__traceback__)
            formatted = traceback.TracebackException(
                type(seen), seen, frames, limit=-20, compact=True
            )
            parts.append("".join(formatted.format(chain=False)))
            if seen.__cause__ is not None:
                seen, link = seen.__cause__, "The above exception was the direct cause of this:"
            elif seen.__context__ is not None and not seen.__suppress_context__:
                seen, link = seen.__context__, "While handling the above exception, this came:"
            else:
                break
            parts.append(f"\n{link}\n\n")
        else:
            parts[-1] = ""
    except Exception:
        # A str() that raises, a group nested beyond the recursion limit: the last word is short.
        return "".join(reversed(parts))
    return "".join(reversed(parts)).rstrip("\n")


def _own_frames(frames: types.TracebackType | None) -> types.TracebackType | None:
    """Skip the frames of the runner, which come first."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith("<bellglass."):
        frames = frames.tb_next
    return frames


def _line(exc: BaseException, file: str) -> int | None:
    """The last line of the given code that was on the way to `exc`."""
    if isinstance(exc, SyntaxError) and exc.filename == file:
        return exc.lineno
    line = None
    frames = exc.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename == file:
            line = frames.tb_lineno
        frames = frames.tb_next
    return line


def _exit_code(code: object) -> int:
    """What a shell would see of `sys.exit(code)`."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if abs(code) < 1 << 63 else 255


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as exc:
        return f"<str() of it raised {type(exc).__name__}>"


def shortened(text: str, most: int = TEXT) -> str:
    """Return `text`, or its head and tail with a note of how much is left out between."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … [{len(text) - 2 * half:,} characters omitted] … {text[-half:]}"
