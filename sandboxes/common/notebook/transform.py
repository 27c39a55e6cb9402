"""Turn notebook lines into Python, without IPython and without changing line numbers."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

CANDIDATE = re.compile(
    r"^[ \t]*(?:[!%?,;/]|>>>|In \[)|\?[ \t]*(?:;[ \t]*)?(?:#.*)?$|=[ \t]*[!%]", re.MULTILINE
)
"""Matches code that may have a notebook line in it if it does not compile."""

_COMMAND = re.compile(r"([ \t]*)(?:(\w+)[ \t]*=[ \t]*)?(?:!!?|%(?=pip\b))(.+)")
_COMMANDS = "__import__('bellglass.sandboxes.worker.notebook.commands', fromlist=['run'])"
_FILLED_IN = f"{_COMMANDS}.substituted({{0!r}}, globals())"
_RUN = {
    "script": f"{_COMMANDS}.run_script({{0!r}})",
    "system": f"None if {_COMMANDS}.run({_FILLED_IN}) else None",
    "getoutput": f"__import__('subprocess').getoutput({_FILLED_IN}).splitlines()",
}
_READ = {
    "script": "get_ipython().run_cell_magic('bash', '', {0!r})",
    "system": "get_ipython().system({0!r})",
    "getoutput": "get_ipython().getoutput({0!r})",
}
"""Python for each kind of notebook line: calls that run it, and calls that IPython would make."""


def without_ipython(code: str) -> str:
    """Return Python for code with `!command`, `%pip` and `%%bash`, which do not need IPython.

    Raises:
        ModuleNotFoundError: Another notebook line needs IPython.
    """
    if (script := _script(code, _RUN)) is not None:
        return script
    lines = code.split("\n")
    # In each round the compiler finds a line that is not Python.
    for _ in range(len(lines)):
        error = syntax_error("\n".join(lines))
        if error is None:
            break
        at = min(error.lineno or 1, len(lines)) - 1
        found = _COMMAND.fullmatch(lines[at])
        if found is None:
            if CANDIDATE.search(lines[at]):
                line = lines[at].strip()[:80]
                raise ModuleNotFoundError(
                    f"No module named 'IPython', which the line `{line}` needs", name="IPython"
                )
            break
        lines[at] = _command(found, _RUN)
    return "\n".join(lines)


def as_ipython_would(code: str) -> str:
    """Return the code that IPython would make of it, for analysis: it is not run."""
    if (script := _script(code, _READ)) is not None:
        return script
    lines = [(line, _COMMAND.fullmatch(line)) for line in code.split("\n")]
    return "\n".join(_command(found, _READ) if found else line for line, found in lines)


def _script(code: str, calls: dict[str, str]) -> str | None:
    """Return Python for a cell that is a script, or None for any other cell."""
    body = code.lstrip("\n")
    first, _, script = body.partition("\n")
    if not re.fullmatch(r"%%(?:bash|sh)\s*", first):
        return None
    return "\n" * (len(code) - len(body)) + calls["script"].format(script)


def _command(found: re.Match[str], calls: dict[str, str]) -> str:
    """Return Python for a line that is a command."""
    indent, name, command = found.groups()
    if name:
        return f"{indent}{name} = {calls['getoutput'].format(command.strip())}"
    return f"{indent}{calls['system'].format(command.strip())}"


def syntax_error(code: str) -> Any:
    """Return the SyntaxError of `code`, if it has one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(code, "<code>", "exec", flags, dont_inherit=True)
    except SyntaxError as exc:
        return exc
    except (ValueError, RecursionError, MemoryError, OverflowError) as exc:
        return SyntaxError(str(exc))
    return None
