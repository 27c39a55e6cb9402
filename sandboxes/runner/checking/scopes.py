"""Which names a Python program binds, to what, and where they are seen."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator

from bellglass.sandboxes.runner.checking.nodes import children

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Binding:
    """What a name was given: a name in full, an expression, an instance of a class, or unknown."""

    __slots__ = ("expression", "full", "instance", "scope")

    def __init__(
        self,
        scope: Scope,
        expression: ast.expr | None = None,
        *,
        full: str | None = None,
        instance: bool = False,
    ) -> None:
        self.scope = scope
        self.expression = expression
        self.full = full
        self.instance = instance


class Scope:
    """Names bound in one module, class, function or comprehension."""

    __slots__ = ("bindings", "declared", "is_class", "parent", "stars")

    def __init__(self, parent: Scope | None = None, *, is_class: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.bindings: dict[str, list[Binding]] = {}
        self.declared: set[str] = set()
        """Names declared global or nonlocal."""
        self.stars: list[str] = parent.stars if parent else []
        """Modules of which everything was imported."""

    def bind(self, name: str, expression: ast.expr | None = None) -> None:
        self.add(name, Binding(self, expression))

    def add(self, name: str, binding: Binding) -> None:
        home = self
        if name in self.declared:
            while home.parent is not None:
                home = home.parent
        home.bindings.setdefault(name, []).append(binding)

    def find(self, name: str) -> list[Binding] | None:
        """Return the bindings that a use of `name` here sees, or None if there are none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope is self or not scope.is_class):
                return scope.bindings[name]
            scope = scope.parent
        return None


def read(tree: ast.Module) -> list[tuple[ast.expr, Scope]]:
    """Return every name, attribute, item and call that is evaluated, with its scope.

    Outer expressions come before the ones in them. The scopes are complete when this returns.
    """
    uses: list[tuple[ast.expr, Scope]] = []
    told: set[int] = set()
    pending: deque[tuple[ast.AST, Scope]] = deque([(tree, Scope())])
    while pending:
        node, scope = pending.popleft()
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
            if not isinstance(getattr(node, "ctx", None), ast.Store):
                uses.append((node, scope))
            elif isinstance(node, ast.Name) and id(node) not in told:
                scope.bind(node.id)
        elif not isinstance(node, (ast.Constant, ast.keyword, ast.Expr)):
            _bind(node, scope, told)
        pending.extend(_children(node, scope))
    return uses


def _bind(node: ast.AST, scope: Scope, told: set[int]) -> None:
    """Take in what the statement `node` binds in `scope`; `told` are the targets done here."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            scope.add(name, Binding(scope, full=alias.name if alias.asname else name))
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            full = None if node.level else f"{node.module}.{alias.name}"
            if alias.name == "*":
                scope.stars.append(str(node.module))
            else:
                scope.add(alias.asname or alias.name, Binding(scope, full=full))
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        scope.declared.update(node.names)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            _assign(target, node.value, scope, told)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        _assign(node.target, node.value, scope, told)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        _assign(node.optional_vars, node.context_expr, scope, told)
    elif isinstance(node, ast.For) and isinstance(node.iter, (ast.List, ast.Tuple, ast.Set)):
        for value in node.iter.elts[:50]:
            _assign(node.target, value, scope, told)
    elif isinstance(node, ast.arguments):
        _bind_arguments(node, scope)
    else:
        # Functions, classes, handlers and the captures of a pattern are called the same.
        for field in ("name", "rest"):
            bound = getattr(node, field, None)
            if isinstance(bound, str) and not isinstance(node, ast.alias):
                scope.bind(bound)


def _assign(target: ast.expr, value: ast.expr, scope: Scope, told: set[int]) -> None:
    if isinstance(target, ast.Name):
        told.add(id(target))
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
        pairs = min(len(target.elts), len(value.elts))
        for index in range(pairs):
            _assign(target.elts[index], value.elts[index], scope, told)


def _bind_arguments(node: ast.arguments, scope: Scope) -> None:
    outside = scope.parent or scope
    positional = [*node.posonlyargs, *node.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults))
    defaults += [*node.defaults, *node.kw_defaults]
    for index, argument in enumerate([*positional, *node.kwonlyargs]):
        scope.add(argument.arg, Binding(outside, defaults[index]))
        if argument.annotation is not None:
            scope.add(argument.arg, Binding(outside, argument.annotation, instance=True))
    for rest in (node.vararg, node.kwarg):
        if rest is not None:
            scope.bind(rest.arg)


def _children(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """Return the children of `node`, each with the scope in which it is evaluated."""
    inner = scope
    if isinstance(node, (*_FUNCTIONS, *_COMPREHENSIONS)):
        inner = Scope(scope)
    elif isinstance(node, ast.ClassDef):
        inner = Scope(scope, is_class=True)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        # What is declared global has to be known before the assignments are met.
        for statement in node.body:
            if isinstance(statement, (ast.Global, ast.Nonlocal)):
                inner.declared.update(statement.names)
    annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
    for child in children(node):
        if child is annotation and not _calls(child):
            continue  # the name of a class, which does nothing
        if isinstance(node, ast.arguments):  # defaults and annotations
            yield child, scope.parent or scope
        elif isinstance(node, (*_FUNCTIONS[:2], ast.ClassDef)):
            inside = isinstance(child, (ast.stmt, ast.arguments))
            yield child, inner if inside else scope
        else:
            yield child, inner


def _calls(annotation: ast.AST) -> bool:
    return any(isinstance(node, ast.Call) for node in ast.walk(annotation))
