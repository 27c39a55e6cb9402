"""Cheap signs that code tries to pass without being right: warnings, never verdicts."""

from __future__ import annotations

import builtins
import os
import sys
from typing import Any

MAX_REPORTED_SIGNS = 10
"""Signs of one kind that are reported."""


class Originals:
    """What tests rely on, saved before the code runs, to see what the code replaces."""

    def __init__(self, pytest: Any) -> None:
        self._modules = (builtins, pytest)
        self._before = [dict(vars(module)) for module in self._modules]

    def replaced(self) -> list[str]:
        names = [
            f"{module.__name__}.{name}"
            for module, before in zip(self._modules, self._before)
            for name, value in before.items()
            if name != "_" and vars(module).get(name) is not value
        ]
        for case in ("TestCase", "IsolatedAsyncioTestCase"):
            module = sys.modules.get("unittest")
            kind: Any = vars(module).get(case) if module is not None else None
            for name, value in vars(kind).items() if isinstance(kind, type) else ():
                code = getattr(value, "__code__", None)
                if code is not None and _is_of_session(code.co_filename):
                    names.append(f"unittest.{case}.{name}")
        return [f"{name} was replaced while the tests ran" for name in names[:MAX_REPORTED_SIGNS]]


def _is_of_session(file: str) -> bool:
    return file.startswith(os.getcwd() + os.sep) and "site-packages" not in file


def blind_equalities() -> list[str]:
    """Describe the classes of the code whose `==` ignores the other operand."""
    found = []
    for kind in list(vars(sys.modules.get("solution", sys)).values()):
        equal = vars(kind).get("__eq__") if isinstance(kind, type) else None
        code = getattr(equal, "__code__", None)
        if code is None or not _is_of_session(code.co_filename) or code.co_argcount != 2:
            continue
        import dis

        other = code.co_varnames[1]
        if other in code.co_cellvars:
            continue
        if not any(_reads(step, other) for step in dis.get_instructions(code)):
            text = f"== of {kind.__name__} does not look at what it is compared with"
            found.append(text)
    return found[:MAX_REPORTED_SIGNS]


def _reads(step: Any, name: str) -> bool:
    names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
    return "LOAD" in step.opname and name in names
