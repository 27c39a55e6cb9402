"""Which tests cannot be kept apart from the code: told from their source alone.

A test that patches, seeds or inspects what it has in common with the code, or runs what the code
hands to it, works only in the process of the code. The source of the tests says so; what the code
says or does has no part in it, or it could choose to be tested where it can cheat.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec

from bellglass.sandboxes.runner.testing.sharing_rules import (
    ALLOWED,
    BY_VALUE,
    DERIVES,
    EXAMPLES,
    FIXTURES,
    HARMLESS,
    LIBRARIES,
    LOOKS,
    METHODS,
    PATCHES,
    RELAYED,
    RULES,
    SET_UPS,
)


@dataclass
class Plan:
    """What the source of a test module says about how it can be run."""

    imports: set[str] = field(default_factory=set)
    """Top-level modules that it imports."""
    raised: set[str] = field(default_factory=set)
    """Names of the exceptions that it raises itself."""
    defined: set[str] = field(default_factory=set)
    """Names that it gives a meaning to."""
    whole: str | None = None
    """Why none of it can be kept apart."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why one test cannot, by name; of a method, with the class: Class.method."""

    def reason(self, class_name: str | None, name: str) -> str | None:
        if self.whole is not None:
            return self.whole
        if class_name is None:
            return self.reasons.get(name)
        return self.reasons.get(f"{class_name}.{name}") or self.reasons.get(class_name)


def plan_of(source: str) -> Plan:
    """Read the source of a test module, without running any of it."""
    plan = Plan()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return plan  # pytest will say so
    reader = _Reader(tree, plan)
    if ">>> " in source:
        plan.whole = EXAMPLES
    elif "conftest" in plan.imports:
        plan.whole = LOOKS
    else:
        reader.read(tree)
    return plan


class _Reader:
    def __init__(self, tree: ast.Module, plan: Plan) -> None:
        self._plan = plan
        self._origins: dict[str, str] = {}
        self._from_code: set[str] = {"solution"}
        for node in ast.walk(tree):
            self._note(node)
        self._libraries = {name for name in plan.imports if _is_library(name)}

    def _note(self, node: ast.AST) -> None:
        plan = self._plan
        if isinstance(node, ast.Import):
            for alias in node.names:
                plan.imports.add(alias.name.partition(".")[0])
                local = alias.asname or alias.name.partition(".")[0]
                plan.defined.add(local)
                self._origins[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module:
            plan.imports.add(node.module.partition(".")[0])
            for alias in node.names:
                local = alias.asname or alias.name
                if node.module != "solution":
                    plan.defined.add(local)
                self._origins[local] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            plan.raised.add(ast.unparse(raised).rpartition(".")[2])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            plan.defined.add(node.name)

    def read(self, tree: ast.Module) -> None:
        plan = self._plan
        own: dict[str, str] = {}
        uses: dict[str, set[str]] = {}
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._add(node.name, node, own, uses)
                if self._everywhere(node) and node.name in own:
                    plan.whole = own[node.name]
            elif isinstance(node, ast.ClassDef):
                self._read_class(node, own, uses)
            elif not isinstance(node, (ast.Import, ast.ImportFrom)):
                plan.whole = plan.whole or self._why(node)
        plan.reasons = _spread(own, uses)

    def _read_class(
        self, node: ast.ClassDef, own: dict[str, str], uses: dict[str, set[str]]
    ) -> None:
        common = [*node.bases, *node.decorator_list]
        for part in node.body:
            named = isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))
            if named and part.name.startswith("test"):  # type: ignore[attr-defined]
                self._add(f"{node.name}.{part.name}", part, own, uses)  # type: ignore[attr-defined]
            else:
                common.append(part)  # type: ignore[arg-type]
        for each in common:
            self._add(node.name, each, own, uses)
        if any(self._is_codes(base) for base in node.bases):
            own[node.name] = DERIVES

    def _add(
        self, name: str, node: ast.AST, own: dict[str, str], uses: dict[str, set[str]]
    ) -> None:
        why = self._why(node)
        if why is not None:
            own.setdefault(name, why)
        found = uses.setdefault(name, set())
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.arg):
                found.add(part.arg)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.add(part.value)  # usefixtures("name")

    def _everywhere(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        if node.name.startswith(SET_UPS):
            return True
        return any("autouse" in ast.unparse(decorator) for decorator in node.decorator_list)

    def _why(self, node: ast.AST) -> str | None:
        return next((why for part in ast.walk(node) if (why := self._why_one(part))), None)

    def _why_one(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.arg):
            return FIXTURES.get(node.arg)
        if isinstance(node, ast.Call):
            return self._why_call(node)
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            return METHODS[node.attr]
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._why_name(self._dotted(node))
        if isinstance(node, ast.ClassDef) and any(map(self._is_codes, node.bases)):
            return DERIVES
        if isinstance(node, ast.With):
            return None
        return None

    def _why_name(self, name: str | None) -> str | None:
        if name is None or name in ALLOWED or name == "asyncio":
            return None
        if name.startswith("unittest.mock.patch"):
            return None  # seen where it is called, as much of it is harmless
        for rule, why in RULES.items():
            if name == rule or name.startswith(rule + "."):
                return why
        return LIBRARIES if name.partition(".")[0] in self._libraries else None

    def _why_call(self, node: ast.Call) -> str | None:
        name = self._dotted(node.func) or ""
        if name.startswith("unittest.mock.patch"):
            return None if self._relayed(node.args[:1]) else PATCHES
        owner, _, method = name.rpartition(".")
        if owner in ("monkeypatch", "mp"):
            if method in HARMLESS or self._relayed(node.args[:2]):
                return None
            return PATCHES
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if self._dotted(argument) == "unittest.mock.patch":
                return PATCHES
        return None

    def _relayed(self, arguments: list[ast.expr]) -> bool:
        if not arguments:
            return False
        first = arguments[0]
        if isinstance(first, ast.Constant):
            return first.value in RELAYED
        name = self._dotted(first)
        if name in RELAYED:
            return True
        if len(arguments) > 1 and isinstance(arguments[1], ast.Constant):
            return f"{name}.{arguments[1].value!s}" in RELAYED
        return False

    def _is_codes(self, node: ast.expr) -> bool:
        return (self._dotted(node) or "").partition(".")[0] == "solution"

    def _dotted(self, node: ast.AST) -> str | None:
        """Return the full name of what `node` names, through the imports of the module."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        known = self._origins.get(node.id)
        if known is None and hasattr(builtins, node.id) and parts:
            return None
        return ".".join([known or node.id, *reversed(parts)])


def _is_library(name: str) -> bool:
    """Tell if it is an installed package, of whose objects the code's process has its own."""
    if name in BY_VALUE or name == "solution":
        return False
    try:
        spec = find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and "-packages" in (spec.origin or "")


def _spread(own: dict[str, str], uses: dict[str, set[str]]) -> dict[str, str]:
    """Return the reasons with those of all that is used, however far away."""
    reasons = dict(own)
    changed = True
    while changed:
        changed = False
        for name, used in _sorted(uses):
            if name not in reasons:
                why = next((reasons[other] for other in sorted(used) if other in reasons), None)
                if why is not None and "." not in why:
                    reasons[name] = why
                    changed = True
    return reasons


def _sorted(uses: dict[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
    for name in sorted(uses):
        yield name, uses[name]
