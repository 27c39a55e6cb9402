"""What a Python program could do to the world around it, from its syntax tree.

This informs a reader. It is not, and cannot be, a boundary: the sandbox is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.common import risk_kinds as kinds
from bellglass.tools.validate_code.inside import risk_rules as rules
from bellglass.tools.validate_code.inside.names import Names
from bellglass.tools.validate_code.inside.risk_rules import Risk
from bellglass.tools.validate_code.inside.scopes import Reading, Scope

# A method of a path, also after attributes and methods that return another path.
_PATH = re.compile(
    r"pathlib\.Path(?:\.home|\.cwd)?\(\)"
    r"(?:\.parent|\.parents|\.(?:absolute|expanduser|joinpath|relative_to|resolve|with_name"
    r"|with_stem|with_suffix)\(\))*\.(\w+)"
)
_EXCEPTIONS = ("Error", "Exception", "Timeout", "Warning")
_WRITING_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"}


def find(program: Reading, names: Names) -> list[dict[str, Any]]:
    """Return the risky operations in a program.

    `end_line` is the last line of the call that a risk is in.
    """
    finder = _Finder(program, names)
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    # Inner expressions first, so that every answer builds on known ones.
    for node, scope in reversed(program.uses):
        for kind, reason in finder.risks(node, scope):
            found.setdefault(
                (node.lineno, kind, reason),
                {
                    "kind": kind,
                    "line": node.lineno,
                    "column": node.col_offset,
                    "reason": reason,
                    "end_line": finder.calls.get(id(node), node).end_lineno,
                },
            )
    return list(found.values())


class _Finder:
    def __init__(self, program: Reading, names: Names) -> None:
        self.calls = {id(node.func): node for node, _ in program.uses if isinstance(node, ast.Call)}
        """Risks by the name of what is called."""
        self._names = names
        self._own: set[str] = set()
        """Functions that the program itself defines."""
        self._modules = {"builtins"}
        for node in program.nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._own.add(node.name)
            elif isinstance(node, ast.Import):
                self._modules.update(alias.name for alias in node.names)

    def risks(self, node: ast.expr, scope: Scope) -> Iterator[Risk]:
        """Return the risks of `node`, whose inner expressions were examined before."""
        called = id(node) in self.calls
        known = False
        for full in sorted(self._names.meanings(node, scope)):
            for kind, reason in _by_name(full, called):
                known = True
                yield kind, f"{_shown(full)} {reason}"
            known = known or full.startswith(tuple(rules.CLIENTS))
        if isinstance(node, ast.Call):
            yield from self._call(node, scope)
        elif isinstance(node, ast.Subscript) and self._names.text(node.slice, scope) is None:
            yield from self._dynamic(node.value, scope, "an item of the names of")
        elif isinstance(node, ast.Attribute):
            if node.attr in rules.INNARDS and not _asks_own_class(node, scope):
                yield (
                    kinds.INTERPRETER,
                    f"{node.attr} leads from an object into the interpreter",
                )
            if called and not known and node.attr in rules.ANYWHERE and node.attr not in self._own:
                kind, reason = rules.ANYWHERE[node.attr]
                yield kind, f".{node.attr} {reason}"

    def _call(self, node: ast.Call, scope: Scope) -> Iterator[Risk]:
        for full in sorted(self._names.meanings(node.func, scope)):
            path = _PATH.fullmatch(full)
            plain = "pathlib.Path().open" if path and path.group(1) == "open" else full
            for kind, reason in self._by_arguments(plain, node, scope):
                yield kind, f"{_shown(full)} {reason}"
            if full == "builtins.getattr" and len(node.args) > 1:
                if self._names.text(node.args[1], scope) is None:
                    yield from self._dynamic(node.args[0], scope, "an attribute of")
            elif _is_client(full) and not full.endswith(_EXCEPTIONS) and "()" not in full:
                yield kinds.NETWORK, f"{_shown(full)} is there to use the network"

    def _dynamic(self, owner: ast.expr, scope: Scope, what: str) -> Iterator[Risk]:
        for full in sorted(self._names.meanings(owner, scope)):
            known = full in self._modules or full in rules.MODULES
            if known or full in ("builtins.globals()", "sys.modules"):
                yield kinds.DYNAMIC, f"takes {what} {_shown(full)} by a name that is a value"

    def _by_arguments(self, full: str, call: ast.Call, scope: Scope) -> Iterator[Risk]:
        """Return the risks of `call`, a call of `full`, that depend on its arguments."""
        names = self._names
        if full in rules.OPENERS:
            yield from self._opens(call, rules.OPENERS[full], scope)
        elif full == "os.open":
            flags = {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}
            writes = flags & _WRITING_FLAGS
            yield (kinds.WRITES, "writes a file") if writes else (kinds.READS, "reads a file")
        elif full in rules.TAKE_SHELL and _is_true(_argument(call, "shell")):
            yield kinds.PROCESS, "runs a command in a shell, because of shell=True"
        elif full in ("yaml.load", "yaml.load_all"):
            if not names.meanings(_argument(call, "Loader", 1), scope) & rules.SAFE_LOADERS:
                yield kinds.UNSAFE_DATA, "can make any object that the data names"
        elif full == "numpy.load":
            yield kinds.READS, "reads a file"
            if _is_true(_argument(call, "allow_pickle", 2)):
                yield kinds.UNSAFE_DATA, "can run any code that the data names: allow_pickle=True"
        elif full in rules.RUN_TEXT and names.text(_argument(call, "stmt", 0), scope) is not None:
            yield kinds.EVALUATES, "runs a string as code"
        elif full == "logging.basicConfig" and _argument(call, "filename") is not None:
            yield kinds.WRITES, "writes a log file"
        elif full.startswith("pandas.read_") and full not in rules.FUNCTIONS:
            url = (names.text(_argument(call, "", 0), scope) or "").startswith(("http:", "https:"))
            yield (kinds.NETWORK, "fetches a URL") if url else (kinds.READS, "reads a file")

    def _opens(self, call: ast.Call, position: int, scope: Scope) -> Iterator[Risk]:
        given = _argument(call, "mode", position)
        mode = "r" if given is None else self._names.text(given, scope)
        path = self._names.text(_argument(call, "file", 0), scope) if position else None
        what = repr(path) if path and len(path) < 60 else "a file"
        if mode is None:
            yield kinds.WRITES, f"may write {what}: its mode is a value"
            return
        if "+" in mode or not set(mode) & set("wax"):
            yield kinds.READS, f"reads {what}"
        if set(mode) & set("wax+"):
            yield kinds.WRITES, f"writes {what}"


def _by_name(full: str, called: bool) -> Iterator[Risk]:
    """Return the risks of anything called `full`, however it is used."""
    owner, _, name = full.rpartition(".")
    path = _PATH.fullmatch(full)
    method = f"pathlib.Path.{path.group(1)}" if path else f"{owner[:-2]}.{name}"
    if full in rules.FUNCTIONS:
        yield rules.FUNCTIONS[full]
    elif (path or owner.endswith("()")) and method in rules.METHODS:
        yield rules.METHODS[method]
    elif full in rules.OPENERS and not called:
        yield kinds.READS, "opens files"
    elif full.count("()") == 1 and name in rules.REQUESTS and _is_client(full):
        yield kinds.NETWORK, "talks to another machine"


def _asks_own_class(node: ast.Attribute, scope: Scope) -> bool:
    """Tell if a class of the program asks for its own subclasses, as a registry does."""
    owner = node.value
    return (
        node.attr == "__subclasses__"
        and isinstance(owner, ast.Name)
        and scope.find(owner.id) is not None
    )


def _is_client(full: str) -> bool:
    parts = full.split(".")
    return any(".".join(parts[:depth]) in rules.CLIENTS for depth in (1, 2)) and (
        len(parts) > 1 and full not in rules.FUNCTIONS
    )


def _argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def _is_true(node: ast.expr | None) -> bool:
    """Tell if `node` is given and may be true."""
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)


def _shown(full: str) -> str:
    full = full.replace("()", "")
    return full[len("builtins.") :] if full.startswith("builtins.") else full
