"""Mistakes in a Python program for which neither CPython nor ruff has a rule."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections import Counter
from collections.abc import Iterator
from functools import cache
from inspect import Signature

from bellglass.tools.validate_code.inside.scopes import Reading

Mistake = tuple[ast.AST, str]
"""The node of the mistake, and its description."""

_LEAVING = {
    ast.Return: "return",
    ast.Raise: "raise",
    ast.Break: "break",
    ast.Continue: "continue",
}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def find(program: Reading) -> Iterator[Mistake]:
    """Yield statements that are never reached, and calls that cannot work."""
    for node in program.nodes:
        if isinstance(node, ast.Try):
            yield from _handlers(node)
        if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.Module)):
            for field in ("body", "orelse", "finalbody"):
                yield from _unreachable(getattr(node, field, []))
    yield from _calls(program)


def _unreachable(block: list[ast.stmt]) -> Iterator[Mistake]:
    for index, following in enumerate(block[1:]):
        if word := _LEAVING.get(type(block[index])):
            # A bare yield after a return makes an empty generator deliberately.
            if not isinstance(getattr(following, "value", None), (ast.Yield, ast.YieldFrom)):
                yield following, f"never reached: it comes after a {word}"
            return


def _handlers(node: ast.Try) -> Iterator[Mistake]:
    caught: list[type] = []
    for handler in node.handlers:
        listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        kinds = [getattr(builtins, kind.id, None) for kind in listed if isinstance(kind, ast.Name)]
        classes = [kind for kind in kinds if isinstance(kind, type)]
        for above in caught if classes and len(classes) == len(listed) else ():
            if all(issubclass(kind, above) and kind is not above for kind in classes):
                yield handler, f"never reached: {above.__name__} is caught above"
                break
        caught += classes


def _calls(program: Reading) -> Iterator[Mistake]:
    """Yield calls with wrong arguments, of a built-in or of what the program defines once."""
    defined = dict(_defined(program))
    for node, scope in program.uses:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        name = node.func.id
        signature: Signature | None = None
        if scope.find(name) is None and not scope.stars:
            signature = _of_builtin(name)
        elif name in defined and scope.home(name) is scope.module:
            signature = _signature(*defined[name])
        if signature and (wrong := _wrong(signature, node)):
            yield node, f"{name}() cannot be called like this: {wrong}"


def _defined(program: Reading) -> Iterator[tuple[str, tuple[ast.arguments, bool]]]:
    """Return the parameters of functions and classes, and whether the first one, self, is given."""
    assigned = Counter(
        getattr(node, "id", None) or getattr(node, "name", None)
        for node in program.nodes
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef))
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    )
    tree = program.nodes[0]
    for statement in tree.body if isinstance(tree, ast.Module) else ():
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)) or statement.decorator_list:
            continue
        if assigned[statement.name] > 1:
            continue
        if isinstance(statement, _FUNCTIONS):
            yield statement.name, (statement.args, False)
        elif not (statement.bases or statement.keywords):
            made = [item for item in statement.body if isinstance(item, _FUNCTIONS)]
            names = [item.name for item in made]
            if names.count("__init__") == 1 and "__new__" not in names:
                init = made[names.index("__init__")]
                if not init.decorator_list:
                    yield statement.name, (init.args, True)


def _signature(arguments: ast.arguments, bound: bool) -> Signature:
    """Return the signature of a stub that takes the same parameters."""
    nothing = ast.Constant(None)
    same = ast.arguments(
        posonlyargs=[ast.arg(argument.arg) for argument in arguments.posonlyargs],
        args=[ast.arg(argument.arg) for argument in arguments.args],
        vararg=arguments.vararg and ast.arg(arguments.vararg.arg),
        kwonlyargs=[ast.arg(argument.arg) for argument in arguments.kwonlyargs],
        kw_defaults=[default and nothing for default in arguments.kw_defaults],
        kwarg=arguments.kwarg and ast.arg(arguments.kwarg.arg),
        defaults=[nothing] * len(arguments.defaults),
    )
    function = ast.Expression(ast.Lambda(same, nothing))
    signature = inspect.signature(
        eval(compile(ast.fix_missing_locations(function), "<signature>", "eval"), {})
    )
    parameters = list(signature.parameters.values())
    if bound and parameters and parameters[0].kind is not parameters[0].VAR_POSITIONAL:
        del parameters[0]
    return Signature(parameters)


@cache  # each is parsed from the text of its documentation
def _of_builtin(name: str) -> Signature | None:
    function = getattr(builtins, name, None)
    # Not of classes, whose documentation is not always accurate.
    if not inspect.isbuiltin(function):
        return None
    try:
        return inspect.signature(function)
    except ValueError:
        return None


def _wrong(signature: Signature, call: ast.Call) -> str | None:
    given = any(isinstance(argument, ast.Starred) for argument in call.args)
    keywords = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    if given or len(keywords) < len(call.keywords):
        return None  # as many as a value holds
    try:
        signature.bind(*call.args, **dict.fromkeys(keywords))
    except TypeError as exc:
        said = str(exc)
        if said == "too many positional arguments":
            most = [p for p in signature.parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
            said = f"it takes {len(most)} by position, and gets {len(call.args)}"
        return said
    return None
