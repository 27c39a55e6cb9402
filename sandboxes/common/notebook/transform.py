"""Turn notebook lines into Python, with every line in its place: errors name lines of the call."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

CANDIDATE = re.compile(
    r"^[ \t]*(?:[!%?,;/]|>>>|In \[)|\?[ \t]*(?:;[ \t]*)?(?:#.*)?$|=[ \t]*[!%]", re.MULTILINE
)
"""Code that does not compile and has this may have a notebook line in it."""

_COMMAND = re.compile(r"([ \t]*)(?:(\w+)[ \t]*=[ \t]*)?(?:!!?|%(?=pip\b))(.+)")
_CALL = re.compile(r"^(.*?)get_ipython\(\)\.(\w+)(\(.*\))$", re.MULTILINE)
_COMMANDS = "__import__('bellglass.sandboxes.worker.notebook.commands', fromlist=['run'])"


def as_module(code: str) -> str:
    """Return a module for code of a notebook: commands run, and its other lines do nothing."""
    from bellglass.sandboxes.common.notebook.as_python import as_python

    text = as_python(code)

    def plain(found: re.Match[str]) -> str:
        if found[2] == "system":
            return f"{found[1]}__import__('subprocess').run{found[3][:-1]}, shell=True)"
        if found[2] == "getoutput":
            return f"{found[1]}__import__('subprocess').getoutput{found[3]}.splitlines()"
        return f"{found[1]}None"

    return code if text == code else _CALL.sub(plain, text)


def without_ipython(code: str) -> str:
    """Return Python for code with `!command`, `%pip` and `%%bash`, which need no IPython.

    Raises:
        ModuleNotFoundError: Another notebook line needs it.
    """
    lines = code.split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    if re.match(r"%%(?:bash|sh)\s*$", lines[first]):
        script = "\n".join(lines[first + 1 :])
        return "\n" * first + f"{_COMMANDS}.run_script({script!r})"
    # Each round, the compiler finds a line that is no Python.
    for _ in range(len(lines)):
        error = _error("\n".join(lines))
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
        command = f"{_COMMANDS}.filled_in({found[3].strip()!r}, globals())"
        if found[2]:
            output = f"__import__('subprocess').getoutput({command}).splitlines()"
            lines[at] = f"{found[1]}{found[2]} = {output}"
        else:
            lines[at] = f"{found[1]}None if {_COMMANDS}.run({command}) else None"
    return "\n".join(lines)


def _error(code: str) -> Any:
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
