"""What was meant, by what is there: names, attributes, keys, parameters, modules, files."""

from __future__ import annotations

import ast
import difflib
import os
import re
import sys
import types
from collections.abc import Iterable
from itertools import islice
from typing import Any

from bellglass.sandboxes.runner.explaining.names import BUILTINS, MISSING, Scope
from bellglass.sandboxes.runner.explaining.values import (
    attributes,
    class_attributes,
    class_name,
    isinstance_of,
    parameters,
    short,
    shown,
)

CANDIDATES = 2_000
"""Names that are compared."""

NEAR = 3
THERE = 12
"""Of near names, and of all there are, as many are told."""

NAME = 80

_close, _scandir = difflib.get_close_matches, os.scandir

Finding = dict[str, Any]
"""`subject`: what was asked for its like; `wanted`; `near`: what is like it; `there`: what is."""


def near_misses(exc: BaseException, scope: Scope | None, nodes: list[ast.AST]) -> Finding:
    """Return what is there in place of what `exc` says is not."""
    message = exc.args[0] if exc.args and type(exc.args[0]) is str else ""
    if isinstance_of(exc, OSError):
        return _files(exc)
    if isinstance_of(exc, ImportError):
        return _modules(exc)
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
    if isinstance_of(exc, ZeroDivisionError):
        return _divisor(nodes)
    if isinstance_of(exc, TypeError):
        return _parameters(message, scope, nodes)
    return {}


def like(wanted: str, names: Iterable[Any]) -> list[str]:
    texts = [name for name in islice(names, CANDIDATES) if type(name) is str and len(name) <= NAME]
    by_folded: dict[str, str] = {}
    for text in texts:
        by_folded.setdefault(text.lower(), text)
    folded = wanted.lower()[:NAME]
    close = _close(folded, list(by_folded), n=NEAR, cutoff=0.7)
    return [by_folded[text] for text in close if by_folded[text] != wanted]


def _names(exc: Any, message: str, scope: Scope) -> Finding:
    found = re.match(r"(?:free variable|name) '(\w+)'", message)
    wanted = found[1] if found else ""
    near = like(wanted, [*scope.local, *scope.globals, *BUILTINS])
    owner = scope.local.get("self", MISSING)
    if owner is not MISSING and wanted in {**class_attributes(owner), **attributes(owner)}:
        near.insert(0, f"self.{wanted}")
    return {"wanted": wanted, "near": near}


def _attributes(exc: Any) -> Finding:
    owner, wanted = getattr(exc, "obj", None), getattr(exc, "name", None)
    if type(wanted) is not str or owner is None:
        return {}
    names = {**class_attributes(owner), **attributes(owner)}
    near = like(wanted, [name for name in names if wanted[:1] == "_" or name[:1] != "_"])
    finding: Finding = {"subject": class_name(owner), "wanted": short(wanted, NAME), "near": near}
    if type(owner) is types.ModuleType:
        finding["subject"] = f"module {short(str(attributes(owner).get('__name__')), NAME)}"
        file = attributes(owner).get("__file__")
        if type(file) is str and os.path.dirname(file) == os.getcwd():
            finding["there"] = [short(file, NAME)]  # a file of the user's that may hide another
    elif isinstance_of(owner, type):
        finding["subject"] = f"class {short(type.__dict__['__name__'].__get__(owner), NAME)}"
    return finding


def _keys(exc: BaseException, scope: Scope, nodes: list[ast.AST]) -> Finding:
    if len(exc.args) != 1:
        return {}
    wanted = exc.args[0]
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
        subject = short(ast.unparse(owner_node), NAME)
        there = [shown(key) for key in keys[:THERE]]
        texts = {str(key): key for key in keys if type(key) in (str, int)}
        if type(wanted) is str:
            near: list[Any] = [texts[text] for text in like(wanted, texts)]
            if wanted in texts:  # a number that was looked up as text
                near.insert(0, texts[wanted])
        else:
            near = [texts[str(wanted)]] if type(wanted) is int and str(wanted) in texts else []
        return {
            "subject": subject,
            "wanted": shown(wanted),
            "near": [shown(key) for key in near],
            "there": there,
        }
    return {}


def _keys_of(owner: Any) -> list[Any] | None:
    if owner is not MISSING and isinstance_of(owner, dict):
        return list(islice(dict.keys(owner), CANDIDATES))
    pandas = sys.modules.get("pandas")
    if pandas is not None and type(owner) is vars(pandas).get("DataFrame"):
        columns: list[Any] = owner.columns[:CANDIDATES].tolist()
        return columns
    if pandas is not None and type(owner) is vars(pandas).get("Series"):
        index: list[Any] = owner.index[:CANDIDATES].tolist()
        return index
    return None


def _divisor(nodes: list[ast.AST]) -> Finding:
    for node in nodes:
        if isinstance(node, ast.BinOp):
            divisor = node.right
        elif isinstance(node, ast.AugAssign):
            divisor = node.value
        else:
            continue
        divides = isinstance(node.op, (ast.Div, ast.FloorDiv, ast.Mod))
        if divides and not isinstance(divisor, ast.Constant):
            return {"subject": short(ast.unparse(divisor), NAME)}
    return {}


def _parameters(message: str, scope: Scope, nodes: list[ast.AST]) -> Finding:
    unexpected = re.search(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", message)
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        function = scope.value(node.func)
        if function is MISSING and isinstance(node.func, ast.Attribute):
            owner = scope.value(node.func.value)
            function = MISSING if owner is MISSING else class_attributes(owner).get(node.func.attr)
        if function is not MISSING and isinstance_of(function, type):
            function = class_attributes(function).get("__init__")
        if type(function) is not types.FunctionType or f"{function.__name__}()" not in message:
            continue
        names = parameters(function)
        finding: Finding = {"subject": short(ast.unparse(node.func), NAME), "there": names[:THERE]}
        if unexpected:
            finding.update(wanted=unexpected[2], near=like(unexpected[2], names))
        return finding
    return {}


def _modules(exc: Any) -> Finding:
    module, wanted = getattr(exc, "name", None), getattr(exc, "name_from", None)
    if type(module) is not str:
        return {}
    if isinstance_of(exc, ModuleNotFoundError):
        top, _, rest = module.partition(".")
        if rest and top in sys.modules:
            return {"wanted": short(module, NAME)}
        builtin = {*getattr(sys, "stdlib_module_names", ()), *sys.builtin_module_names}
        others = [name for name in _beside(sys.path) if name not in builtin]
        near = [*like(top, others), *like(top, builtin)]  # rather numpy than runpy
        return {"wanted": short(module, NAME), "near": near[:NEAR]}
    if wanted is None:  # before Python 3.12
        found = re.match(r"cannot import name '(\w+)'", str(exc.msg))
        wanted = found[1] if found else None
    owner = sys.modules.get(module)
    if type(wanted) is not str or type(owner) is not types.ModuleType:
        return {}
    near = like(wanted, vars(owner))
    return {"subject": short(module, NAME), "wanted": short(wanted, NAME), "near": near}


def _beside(path: list[str]) -> list[str]:
    """Return the modules and packages that lie in the directories of `path`."""
    names: list[str] = []
    for directory in path[:20]:
        if type(directory) is str:
            names += [name.partition(".")[0] for name in listing(directory or ".")]
    return names


def _files(exc: Any) -> Finding:
    path = exc.filename
    if type(path) is bytes:
        path = os.fsdecode(path)
    if type(path) is not str or type(exc) is not FileNotFoundError:
        return {"wanted": short(path, 200)} if type(path) is str else {}
    directory, name = os.path.split(path.rstrip("/"))
    elsewhere = [name] if directory and os.path.exists(name) else []
    parent = directory or "."
    while parent not in (".", "/", "") and not os.path.isdir(parent):
        parent, name = os.path.split(parent)
        parent = parent or "."
    names = sorted(listing(parent))
    visible = [name for name in names if not name.startswith(".")]
    return {
        "wanted": short(path, 200),
        "subject": short(os.getcwd() if parent == "." else parent, 200),
        "near": elsewhere + like(name, names),
        "there": [short(name, NAME) for name in visible[:THERE]],
    }


def listing(directory: str) -> list[str]:
    try:
        with _scandir(directory) as entries:
            return [entry.name for entry in islice(entries, CANDIDATES)]
    except (OSError, ValueError):
        return []
