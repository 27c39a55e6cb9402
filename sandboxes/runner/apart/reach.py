"""What the code may get hold of in the process of the tests, through what a test hands to it.

Only kinds of objects that lead nowhere else: from a frame, a module or a fixture of pytest it would
be a few attributes to all that the verdict depends on.
"""

from __future__ import annotations

import functools
import io
import sys
import types
from typing import Any

from bellglass.sandboxes.runner.apart.modules import CodeModule
from bellglass.sandboxes.runner.apart.remote import RemoteObject

FILES = (io.StringIO, io.BytesIO, io.TextIOWrapper, io.BufferedReader, io.BufferedWriter)


def may_lend(value: Any, test_module: str) -> None:
    """Raise TypeError if the code must not get hold of `value`."""
    if _is_test_case(value):
        raise TypeError("a TestCase cannot be handed to the code: it decides how its tests end")
    helper = isinstance(value, types.MethodType) and _is_test_case(value.__self__)
    if helper and getattr(value.__func__, "__module__", None) == test_module:
        return  # it may be called back; what unittest gives a case may not
    if isinstance(value, type):
        if value.__module__ == test_module or issubclass(value, BaseException):
            return
        if not issubclass(value, (types.ModuleType, types.FrameType, types.CodeType)):
            return  # only as the class of what is lent, which is looked at by itself
    kind = type(value)
    if (
        kind.__module__ == test_module
        or kind in (types.FunctionType, types.GeneratorType, types.SimpleNamespace, *FILES)
        or isinstance(value, (functools.partial, functools._lru_cache_wrapper))
        or _is_mock(value)
        or (hasattr(value, "__next__") and kind.__module__ in ("builtins", "itertools"))
    ):
        return
    if isinstance(value, (types.MethodType, types.BuiltinMethodType)):
        owner = value.__self__
        if type(owner) in (list, dict, set, bytearray):
            return
        may_lend(owner, test_module)
        return
    raise TypeError(
        f"a {kind.__module__}.{kind.__qualname__} cannot be handed to the code, which runs in a "
        "process of its own. Pass plain data, or functions and objects that the tests define, or "
        "have the code make it. Tests given in `code` run in one process with it, unlike these."
    )


def named(value: Any, test_module: str) -> list[Any] | None:
    """Functions and classes of libraries go by name: the code has its own."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == test_module:
        return None
    if isinstance(value, RemoteObject) or isinstance(sys.modules.get(module), CodeModule):
        return None
    if not isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return ["N", module, name] if found is value else None


def may_call(on: Any, test_module: str) -> None:
    """Raise TypeError if the code must not call `on`, which it was lent."""
    foreign = isinstance(on, type) and on.__module__ != test_module
    if foreign or not callable(on):
        raise TypeError(f"{type(on).__name__} object is not callable")


def may_touch(op: str, on: Any, name: str, test_module: str) -> None:
    if name == "__call__":
        may_call(on, test_module)
    foreign = isinstance(on, type) and on.__module__ != test_module
    if op == "special" and not foreign:
        return
    ours = type(on).__module__ == test_module
    refused = foreign or name.startswith("_")
    if _is_mock(on):
        refused = refused or op == "set" or hasattr(type(on), name)
    elif op == "set":
        refused = refused or not ours or hasattr(type(on), name)
    if refused:
        raise AttributeError(f"{name} of a {type(on).__name__} of the tests is out of reach")


def _is_test_case(value: Any) -> bool:
    unittest = sys.modules.get("unittest")
    if unittest is None:
        return False
    kind = value if isinstance(value, type) else type(value)
    return issubclass(kind, unittest.TestCase)


def _is_mock(value: Any) -> bool:
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(value, (mock.NonCallableMock, mock._Call))
