"""Python in a shell command: `!head -{count} $name`, as IPython has it."""

from __future__ import annotations

import ast
import re
from typing import Any

_FIELD = re.compile(r"(\$?)\{\{|\}\}|(\$?)\{([^{}]+)\}|(\$\$?)([A-Za-z_]\w*)")


def filled_in(command: str, names: dict[str, Any]) -> str:
    """Return `command` with `{expression}` and `$name` of Python in it put in, as IPython does.

    What means nothing in Python is the shell's, and stays: `${HOME}`, `awk '{print $1}'`.
    """

    def value(found: re.Match[str]) -> str:
        whole = found[0]
        if found[5] is not None:
            if found[4] == "$$":
                return f"${found[5]}"
            return str(names[found[5]]) if found[5] in names else whole
        if found[3] is None:
            return whole if found[1] else whole[0]
        if found[2]:
            return whole
        try:
            return str(eval(found[3].strip(), names))
        except Exception:
            return whole

    return _FIELD.sub(value, command)


def expressions(command: str) -> list[str]:
    """Return the expressions that `filled_in` would evaluate, one of Python's or not."""
    found = [field[3] for field in _FIELD.finditer(command) if field[3] and not field[2]]
    return [expression.strip() for expression in found if _is_expression(expression)]


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
