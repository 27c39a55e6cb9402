"""Names of a Python program and what they are given, by CPython's own symbol tables."""

from __future__ import annotations

import ast
import symtable
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

_TABLE_NAMES = {
    ast.Lambda: "lambda",
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.DictComp: "dictcomp",
    ast.GeneratorExp: "genexpr",
}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MARKS = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
_USES = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
_SCOPES = (*_DEFINITIONS, *_TABLE_NAMES)


class Binding(NamedTuple):
    """The binding of a name: a full name by an import, or an expression."""

    scope: Scope
    expression: ast.expr | None = None
    full: str | None = None
    instance: bool = False
    """Whether the expression is an annotation: the name holds an instance of it."""


class Scope:
    """One symbol table of the program, with the bindings of its names."""

    def __init__(self, table: symtable.SymbolTable, parent: Scope | None) -> None:
        self.parent = parent
        self.module: Scope = parent.module if parent else self
        self.is_class = table.get_type() == "class"
        self.names: set[str] = set()
        """Names that the scope itself binds."""
        self.globals: set[str] = set()
        """Names that it takes from the module or the builtins."""
        self.bindings: dict[str, list[Binding]] = {}
        self.stars: list[str] = parent.stars if parent else []
        """Modules from which everything was imported."""
        self.everywhere: set[str] = parent.everywhere if parent else set()
        """Names that any scope of the program binds."""
        for symbol in table.get_symbols():
            if symbol.is_local():
                self.names.add(symbol.get_name())
            elif symbol.is_global():
                self.globals.add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    self.module.names.add(symbol.get_name())
        self.everywhere |= self.names
        self._tables: dict[tuple[str, int], deque[symtable.SymbolTable]] = {}
        for inner in _tables_in(table):
            self._tables.setdefault((inner.get_name(), inner.get_lineno()), deque()).append(inner)

    def inner(self, node: ast.AST) -> Scope:
        """Return the scope that `node` opens, or this one if it opens none."""
        name = _TABLE_NAMES.get(type(node)) or str(getattr(node, "name", ""))
        waiting = self._tables.get((name, int(getattr(node, "lineno", 0))))
        return Scope(waiting.popleft(), self) if waiting else self

    def find(self, name: str) -> list[Binding] | None:
        """Return what a use of `name` here may stand for, or None if the program never binds it."""
        home = self.home(name)
        return home.bindings.get(name, []) if home else None

    def bind(self, name: str, binding: Binding) -> None:
        home = self.home(name) or self
        home.bindings.setdefault(name, []).append(binding)

    def home(self, name: str) -> Scope | None:
        """Return the scope whose variable `name` is here."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
            scope = scope.module if name in scope.globals and scope.parent else scope.parent
        return None


def _tables_in(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for inner in table.get_children():
        if inner.get_type() in ("function", "class"):
            yield inner
        else:  # a scope of type parameters or annotations, around a function or a class
            yield from _tables_in(inner)


class Reading(NamedTuple):
    """A parsed program: all its nodes, and the expressions that name or call something."""

    nodes: list[ast.AST]
    uses: list[tuple[ast.expr, Scope]]
    """Every name, attribute, item and call that is evaluated, with its scope."""
    module: Scope


def read(tree: ast.Module, code: str) -> Reading:
    """Read a program; outer nodes come before the ones in them.

    Raises:
        SyntaxError: The program is none that can be compiled.
    """
    module = Scope(symtable.symtable(code, "<code>", "exec"), None)
    reading = Reading([], [], module)
    pending: deque[tuple[ast.AST, Scope]] = deque([(tree, module)])
    while pending:
        node, scope = pending.popleft()
        reading.nodes.append(node)
        if isinstance(node, _USES) and not isinstance(getattr(node, "ctx", None), ast.Store):
            reading.uses.append((node, scope))
        inner = scope
        if isinstance(node, _SCOPES):
            inner = scope.inner(node)
            if isinstance(node, _FUNCTIONS):
                _bind_parameters(node.args, inner, scope)
        else:
            _bind(node, scope)
        pending.extend(_children(node, scope, inner))
    return reading


def _children(node: ast.AST, scope: Scope, inner: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """Return the children of `node`, each with the scope in which it is evaluated."""
    annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
    for child in _child_nodes(node):
        if child is annotation and not any(isinstance(n, ast.Call) for n in ast.walk(child)):
            continue  # the name of a class, which has no effect
        outside = isinstance(child, ast.arguments) or (
            isinstance(node, _DEFINITIONS) and not isinstance(child, ast.stmt)
        )
        yield child, scope if outside else inner


def _child_nodes(node: ast.AST) -> Iterator[ast.AST]:
    # Nearly half of what ast.iter_child_nodes yields are context nodes such as ast.Load.
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST) and not isinstance(value, _MARKS):
            yield value


def _bind(node: ast.AST, scope: Scope) -> None:
    """Record what the statement `node` binds in `scope`, as far as its text tells."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            scope.bind(name, Binding(scope, full=alias.name if alias.asname else name))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*":
                scope.stars.append(str(node.module))
            elif not node.level:
                full = f"{node.module}.{alias.name}"
                scope.bind(alias.asname or alias.name, Binding(scope, full=full))
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            _assign(target, node.value, scope)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        _assign(node.target, node.value, scope)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        _assign(node.optional_vars, node.context_expr, scope)
    elif isinstance(node, (ast.For, ast.comprehension)):
        for value in getattr(node.iter, "elts", ())[:50]:  # the elements of a literal list or tuple
            _assign(node.target, value, scope)


def _assign(target: ast.expr, value: ast.expr, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, Binding(scope, value))
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
        for inner, given in zip(target.elts, value.elts):
            _assign(inner, given, scope)


def _bind_parameters(node: ast.arguments, inner: Scope, outside: Scope) -> None:
    positional = [*node.posonlyargs, *node.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults))
    defaults += [*node.defaults, *node.kw_defaults]
    for argument, default in zip([*positional, *node.kwonlyargs], defaults):
        if default is not None:
            inner.bind(argument.arg, Binding(outside, default))
        if argument.annotation is not None:
            inner.bind(argument.arg, Binding(outside, argument.annotation, instance=True))
