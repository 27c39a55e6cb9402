"""Values of the names on a line when it failed."""

from __future__ import annotations

import ast
import builtins
import re
import types
from collections.abc import Iterable
from typing import Any

from bellglass.sandboxes.worker.explaining.values import (
    FUNCTIONS,
    attributes,
    class_attributes,
    isinstance_of,
    shown,
)

MAX_NAMES = 6
"""Names that are shown."""

MAX_EXPRESSION_CHARACTERS = 60
"""Characters of an expression that is shown with its value."""

BUILTINS = dict(vars(builtins))

Missing = type("Missing", (), {})
MISSING: Any = Missing()

LOCALS = (dict, type((lambda: __import__("sys")._getframe())().f_locals))
"""The types of `f_locals`: a dict, or a proxy since Python 3.13. A metaclass can have the body of
a class run in another type, whose methods would be foreign code."""


class Scope:
    """The names that a frame sees, and the values of simple expressions."""

    def __init__(self, frame: types.FrameType) -> None:
        names = frame.f_locals
        self.local: dict[str, Any] = dict(names) if type(names) in LOCALS else {}
        self.globals = frame.f_globals

    def lookup(self, name: str) -> Any:
        """Return the value of a name that the code itself has defined, or MISSING."""
        if name in self.local:
            return self.local[name]
        value = dict.get(self.globals, name, MISSING)
        return MISSING if value is MISSING else value

    def value(self, node: ast.AST) -> Any:
        """Return the value of a name, an attribute or an item, if that runs no foreign code."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            found = self.lookup(node.id)
            return BUILTINS.get(node.id, MISSING) if found is MISSING else found
        if isinstance(node, ast.Attribute):
            return _attribute(self.value(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            return _item(self.value(node.value), self.value(node.slice))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self.value(node.operand)
            return -number if type(number) in (int, float) else MISSING
        return MISSING


def _attribute(owner: Any, name: str) -> Any:
    if owner is MISSING:
        return MISSING
    held = attributes(owner)
    if name in held:
        return held[name]
    found = class_attributes(owner).get(name, MISSING)
    if type(found) is types.MemberDescriptorType:  # an attribute in a slot
        try:
            return found.__get__(owner, type(owner))
        except AttributeError:
            return MISSING
    return MISSING if hasattr(type(found), "__get__") and type(found) not in FUNCTIONS else found


def _item(owner: Any, key: Any) -> Any:
    if type(key) not in (int, str) or type(owner) not in (dict, list, tuple, str):
        return MISSING
    try:
        return owner[key]
    except (LookupError, TypeError):
        return MISSING


def values_on(scope: Scope, nodes: Iterable[ast.AST], message: str) -> dict[str, str]:
    """Return the names on a line with their values, both as text."""
    found: dict[str, str] = {}
    for node in nodes:
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            continue
        if not isinstance(node.ctx, ast.Load):
            continue
        try:
            text = ast.unparse(node)
        except RecursionError:
            continue
        if text in found or len(text) > MAX_EXPRESSION_CHARACTERS:
            continue
        value = scope.value(node)
        if value is MISSING or _is_obvious(node, value, message):
            continue
        text_of_value = shown(value)
        if isinstance(node, ast.Attribute) and re.fullmatch(r"<\w+>", text_of_value):
            continue  # np.linalg.inv: an attribute of some class, whose value is not helpful
        found[text] = text_of_value
        if len(found) >= MAX_NAMES:
            break
    return found


def _is_obvious(node: ast.AST, value: Any, message: str) -> bool:
    """Tell if a value says no more than its name, and the message is not about it."""
    if isinstance(node, ast.Name) and BUILTINS.get(node.id, MISSING) is value:
        return True
    if type(value) is types.ModuleType:
        return "'module'" not in message
    if isinstance_of(value, type):
        return "'type'" not in message and "type object" not in message
    if type(value) in FUNCTIONS:
        name = getattr(value, "__name__", "")
        of_it = f"{name}()" in message and "argument" in message
        return not of_it and "function" not in message and "method" not in message
    return False
