"""Calls with a wrong number of arguments, where the text tells what is called.

That is a function or class of the program itself which is defined once, or a built-in function.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from functools import cache
from inspect import Parameter, Signature

from bellglass.sandboxes.runner.checking.scopes import Scope

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def find(tree: ast.Module, uses: list[tuple[ast.expr, Scope]]) -> Iterator[tuple[ast.AST, str]]:
    """Return the calls that cannot work, with the reason."""
    defined = dict(_defined(tree))
    for node, scope in uses:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        name = node.func.id
        bindings = scope.find(name)
        signature: Signature | None = None
        if bindings is None and not scope.stars:
            signature = _of_builtin(name)
        elif bindings is not None and len(bindings) == 1 and bindings[0].scope.parent is None:
            signature = _signature(*defined[name]) if name in defined else None
        wrong = signature and _wrong(signature, node)
        if wrong:
            yield node, f"{name}() cannot be called like this: {wrong}"


def _defined(tree: ast.Module) -> Iterator[tuple[str, tuple[ast.arguments, bool]]]:
    """Return the functions and classes of the program: what a call takes, and if self is given."""
    for statement in tree.body:
        if isinstance(statement, _FUNCTIONS) and not statement.decorator_list:
            yield statement.name, (statement.args, False)
        elif isinstance(statement, ast.ClassDef) and not (
            statement.decorator_list or statement.bases or statement.keywords
        ):
            made = [item for item in statement.body if isinstance(item, _FUNCTIONS)]
            names = [item.name for item in made]
            if names.count("__init__") == 1 and "__new__" not in names:
                init = made[names.index("__init__")]
                if not init.decorator_list:
                    yield statement.name, (init.args, True)


def _signature(arguments: ast.arguments, bound: bool) -> Signature | None:
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    parameters = [
        Parameter(
            argument.arg,
            Parameter.POSITIONAL_ONLY
            if index < len(arguments.posonlyargs)
            else Parameter.POSITIONAL_OR_KEYWORD,
            default=Parameter.empty if index < required else None,
        )
        for index, argument in enumerate(positional)
    ]
    if arguments.vararg:
        parameters.append(Parameter(arguments.vararg.arg, Parameter.VAR_POSITIONAL))
    for keyword, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        empty = Parameter.empty if default is None else None
        parameters.append(Parameter(keyword.arg, Parameter.KEYWORD_ONLY, default=empty))
    if arguments.kwarg:
        parameters.append(Parameter(arguments.kwarg.arg, Parameter.VAR_KEYWORD))
    if bound and parameters and parameters[0].kind is not Parameter.VAR_POSITIONAL:
        del parameters[0]
    try:
        return Signature(parameters)
    except ValueError:  # two of one name, which the compiler refuses
        return None


@cache  # each is read from the text of its documentation
def _of_builtin(name: str) -> Signature | None:
    function = getattr(builtins, name, None)
    # Not classes: what is documented of them is not always what they take.
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
