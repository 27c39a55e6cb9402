"""Suggestions for a missing name, attribute, key, parameter, module or file."""

from __future__ import annotations

import ast
import os
import re
import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.similar import (
    MAX_COMPARED_NAMES,
    MAX_LISTED_NAMES,
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

MAX_TEXT_CHARACTERS = 200
"""Characters of one text of a finding."""

Finding = dict[str, Any]
"""`target`: what was asked; `missing`: for what; `suggestions`: similar ones; `available`."""


def near_misses(exc: BaseException, scope: Scope | None, nodes: list[ast.AST]) -> Finding:
    """Return what exists that is similar to what `exc` reports missing."""
    cut: Finding = {}
    for key, found in _found(exc, scope, nodes).items():
        if isinstance(found, str):
            cut[key] = short(found, MAX_TEXT_CHARACTERS)
        else:
            cut[key] = [short(text, MAX_TEXT_CHARACTERS) for text in found]
    return cut


def _found(exc: BaseException, scope: Scope | None, nodes: list[ast.AST]) -> Finding:
    message = exc.args[0] if exc.args and type(exc.args[0]) is str else ""
    if isinstance_of(exc, OSError):
        return on_disk.files(exc)
    if isinstance_of(exc, ImportError):
        return on_disk.modules(exc)
    if scope is None or isinstance_of(exc, UnboundLocalError):
        return {}
    if isinstance_of(exc, NameError):
        return _names(message, scope)
    if isinstance_of(exc, AttributeError):
        return _attributes(exc)
    if isinstance_of(exc, KeyError) and len(exc.args) == 1:
        return _keys(tables.listed(message) or exc.args[0], scope, nodes)
    if isinstance_of(exc, TypeError):
        return _parameters(message, scope, nodes)
    return {}


def _names(message: str, scope: Scope) -> Finding:
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
    finding: Finding = {"target": class_name(owner), "missing": wanted, "suggestions": near}
    if tables.is_table(owner):
        columns = tables.labels(owner) or []
        finding["suggestions"] = (like(wanted, columns) + near)[:MAX_SIMILAR_NAMES]
        finding["available"] = [shown(column) for column in columns[:MAX_LISTED_NAMES]]
    elif type(owner) is types.ModuleType:
        finding["target"] = f"module {attributes(owner).get('__name__')}"
        file = attributes(owner).get("__file__")
        if type(file) is str and os.path.dirname(file) == os.getcwd():
            finding["available"] = [file]  # a file of the user's that may shadow another
    elif isinstance_of(owner, type):
        finding["target"] = f"class {type.__dict__['__name__'].__get__(owner)}"
    return finding


def _keys(wanted: Any, scope: Scope, nodes: list[ast.AST]) -> Finding:
    for target, keys in _looked_up(scope, nodes):
        if wanted in keys:
            continue
        texts = {str(key): key for key in keys if type(key) in (str, int)}
        near: list[Any] = []
        if type(wanted) in (str, int) and str(wanted) in texts:
            near.append(texts[str(wanted)])  # a number that was looked up as text, or the reverse
        if type(wanted) is str:
            near += [texts[text] for text in like(wanted, texts)]
        return {
            "target": target,
            "missing": shown(wanted),
            "suggestions": [shown(key) for key in near],
            "available": [shown(key) for key in keys[:MAX_LISTED_NAMES]],
        }
    for node in nodes:  # a.merge(b, on="id"): which of the tables lacks it
        if isinstance(node, (ast.Name, ast.Attribute)) and tables.is_table(scope.value(node)):
            columns = tables.labels(scope.value(node)) or []
            if wanted not in columns:
                there = [shown(column) for column in columns[:MAX_LISTED_NAMES]]
                target = ast.unparse(node)
                return {"target": target, "missing": shown(wanted), "available": there}
    return {}


def _looked_up(scope: Scope, nodes: list[ast.AST]) -> Iterator[tuple[str, list[Any]]]:
    """Yield what a line looks a key up in, and its keys."""
    for node in nodes:
        if isinstance(node, ast.Subscript):
            owner: ast.AST = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value  # d.pop(key)
        else:
            continue
        if isinstance(owner, ast.Attribute) and owner.attr in ("loc", "at"):
            rows = tables.rows(scope.value(owner.value))
            if rows is not None:
                yield f"the index of {ast.unparse(owner.value)}", rows
        value = scope.value(owner)
        keys = tables.labels(value)
        if value is not MISSING and isinstance_of(value, dict):
            keys = list(islice(dict.keys(value), MAX_COMPARED_NAMES))
        if keys is not None:
            yield ast.unparse(owner), keys


def _parameters(message: str, scope: Scope, nodes: list[ast.AST]) -> Finding:
    """Return the parameters that an unexpected one is similar to."""
    wrong = re.match(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", message)
    for node in nodes:
        if wrong is None or not isinstance(node, ast.Call):
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
            return {"target": ast.unparse(node.func), "missing": wrong[2], "suggestions": near}
    return {}
