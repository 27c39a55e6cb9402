"""Suggestions for a missing name, attribute, key, parameter, module or file."""

from __future__ import annotations

import ast
import os
import re
import types
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.similar import (
    MAX_COMPARED_NAMES,
    MAX_LISTED_NAMES,
    MAX_NAME_CHARACTERS,
    MAX_SIMILAR_NAMES,
    like,
)
from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining import on_disk, tables
from bellglass.sandboxes.worker.explaining.names import BUILTINS, MISSING, Scope
from bellglass.sandboxes.worker.explaining.values import (
    attributes,
    class_attributes,
    class_name,
    isinstance_of,
    parameters,
    shown,
)

Finding = dict[str, Any]
"""`target`: what was asked; `missing`: for what; `suggestions`: similar ones; `available`."""


def near_misses(exc: BaseException, scope: Scope | None, nodes: list[ast.AST]) -> Finding:
    """Return what exists that is similar to what `exc` reports missing."""
    message = exc.args[0] if exc.args and type(exc.args[0]) is str else ""
    if isinstance_of(exc, OSError):
        return on_disk.files(exc)
    if isinstance_of(exc, ImportError):
        return on_disk.modules(exc)
    if scope is None:
        return {}
    if isinstance_of(exc, UnboundLocalError):
        return {}
    if isinstance_of(exc, NameError):
        return _names(exc, message, scope)
    if isinstance_of(exc, AttributeError):
        return _attributes(exc)
    if isinstance_of(exc, KeyError):
        return _keys(exc, scope, nodes)
    if isinstance_of(exc, TypeError):
        return _parameters(message, scope, nodes)
    return {}


def _names(exc: Any, message: str, scope: Scope) -> Finding:
    found = re.match(r"(?:free variable|name) '(\w+)'", message)
    wanted = found[1] if found else ""
    near = like(wanted, [*scope.local, *scope.globals, *BUILTINS])
    owner = scope.local.get("self", MISSING)
    if owner is not MISSING and wanted in {**class_attributes(owner), **attributes(owner)}:
        near.insert(0, f"self.{wanted}")
    return {"missing": wanted, "suggestions": near}


def _attributes(exc: Any) -> Finding:
    owner, wanted = getattr(exc, "obj", None), getattr(exc, "name", None)
    if type(wanted) is not str or owner is None:
        return {}
    names = {**class_attributes(owner), **attributes(owner)}
    near = like(wanted, [name for name in names if wanted[:1] == "_" or name[:1] != "_"])
    columns = tables.labels(owner) if tables.is_table(owner) else None
    if columns is not None:
        there = [shown(column) for column in columns[:MAX_LISTED_NAMES]]
        near = (like(wanted, columns) + near)[:MAX_SIMILAR_NAMES]
        return {"target": "DataFrame", "missing": wanted, "suggestions": near, "available": there}
    finding: Finding = {
        "target": class_name(owner),
        "missing": short(wanted, MAX_NAME_CHARACTERS),
        "suggestions": near,
    }
    if type(owner) is types.ModuleType:
        finding["target"] = (
            f"module {short(str(attributes(owner).get('__name__')), MAX_NAME_CHARACTERS)}"
        )
        file = attributes(owner).get("__file__")
        if type(file) is str and os.path.dirname(file) == os.getcwd():
            finding["available"] = [
                short(file, MAX_NAME_CHARACTERS)
            ]  # a file of the user's that may shadow another
    elif isinstance_of(owner, type):
        finding["target"] = (
            f"class {short(type.__dict__['__name__'].__get__(owner), MAX_NAME_CHARACTERS)}"
        )
    return finding


def _keys(exc: BaseException, scope: Scope, nodes: list[ast.AST]) -> Finding:
    if len(exc.args) != 1:
        return {}
    wanted = tables.listed(exc.args[0]) or exc.args[0]
    for node in nodes:
        if isinstance(node, ast.Subscript):
            owner_node: ast.AST = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner_node = node.func.value  # d.pop(key)
        else:
            continue
        keys = _keys_of(scope.value(owner_node))
        if keys is None or wanted in keys:
            continue
        subject = short(ast.unparse(owner_node), MAX_NAME_CHARACTERS)
        there = [shown(key) for key in keys[:MAX_LISTED_NAMES]]
        texts = {str(key): key for key in keys if type(key) in (str, int)}
        if type(wanted) is str:
            near: list[Any] = [texts[text] for text in like(wanted, texts)]
            if wanted in texts:  # a number that was looked up as text
                near.insert(0, texts[wanted])
        else:
            near = [texts[str(wanted)]] if type(wanted) is int and str(wanted) in texts else []
        return {
            "target": subject,
            "missing": shown(wanted),
            "suggestions": [shown(key) for key in near],
            "available": there,
        }
    return tables.missing(wanted, scope, nodes)


def _keys_of(owner: Any) -> list[Any] | None:
    if owner is not MISSING and isinstance_of(owner, dict):
        return list(islice(dict.keys(owner), MAX_COMPARED_NAMES))
    return tables.labels(owner)


def _parameters(message: str, scope: Scope, nodes: list[ast.AST]) -> Finding:
    """Return the parameters that an unexpected one is similar to."""
    wrong = re.match(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", message)
    if wrong is None:
        return {}
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        function = scope.value(node.func)
        if function is MISSING and isinstance(node.func, ast.Attribute):
            owner = scope.value(node.func.value)
            if owner is not MISSING:
                function = class_attributes(owner).get(node.func.attr)
        if function is not MISSING and isinstance_of(function, type):
            function = class_attributes(function).get("__init__")
        if type(function) is types.FunctionType and wrong[1].endswith(function.__name__):
            near = like(wrong[2], parameters(function))
            subject = short(ast.unparse(node.func), MAX_NAME_CHARACTERS)
            return {
                "target": subject,
                "missing": short(wrong[2], MAX_NAME_CHARACTERS),
                "suggestions": near,
            }
    return {}
