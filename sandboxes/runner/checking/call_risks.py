"""Calls of which the arguments decide what they do: open for reading or for writing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bellglass.sandboxes.runner.checking import risk_rules as rules
from bellglass.sandboxes.runner.checking.names import Names
from bellglass.sandboxes.runner.checking.scopes import Scope

Risk = tuple[str, str]
"""Kind, and reason in words."""

OPENERS = {
    "builtins.open": 1,
    "gzip.open": 1,
    "bz2.open": 1,
    "lzma.open": 1,
    "gzip.GzipFile": 1,
    "tarfile.open": 1,
    "tarfile.TarFile": 1,
    "zipfile.ZipFile": 1,
    "os.fdopen": 1,
    "pathlib.Path().open": 0,
}
"""What opens a file, and the position of its argument for the mode."""

_SHELLS = tuple(
    f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
)
_RUNS_TEXT = (
    "timeit.timeit",
    "timeit.repeat",
    "timeit.Timer",
    "cProfile.run",
    "profile.run",
    "pdb.run",
)
"""What takes a function as well, which is not risky."""

_SAFE_LOADERS = ("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader")


def of(full: str, call: ast.Call, scope: Scope, names: Names) -> Iterator[Risk]:
    """Return what is risky about `call`, a call of `full`, because of its arguments."""
    if full in OPENERS:
        yield from _opener(call, OPENERS[full], scope, names)
    elif full == "os.open":
        flags = {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}
        writes = flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"}
        yield (rules.WRITES, "writes a file") if writes else (rules.READS, "reads a file")
    elif full in _SHELLS and _truth(_argument(call, "shell")):
        yield rules.PROCESS, "runs a command in a shell, because of shell=True"
    elif full in ("yaml.load", "yaml.load_all"):
        loader = _argument(call, "Loader", 1)
        safe = {f"yaml.{name}" for name in _SAFE_LOADERS}
        if not names.meanings(loader, scope) & safe:
            yield rules.UNSAFE_DATA, "can make any object that the data names"
    elif full == "numpy.load":
        yield rules.READS, "reads a file"
        if _truth(_argument(call, "allow_pickle", 2)):
            yield rules.UNSAFE_DATA, "can run any code that the data names: allow_pickle=True"
    elif full in _RUNS_TEXT and names.text(_argument(call, "stmt", 0), scope) is not None:
        yield rules.EVALUATES, "runs a string as code"
    elif full == "logging.basicConfig" and _argument(call, "filename") is not None:
        yield rules.WRITES, "writes a log file"
    elif full.startswith("pandas.read_") and full not in rules.FUNCTIONS:
        url = (names.text(_argument(call, "", 0), scope) or "").startswith(("http:", "https:"))
        yield (rules.NETWORK, "fetches a URL") if url else (rules.READS, "reads a file")


def _opener(call: ast.Call, position: int, scope: Scope, names: Names) -> Iterator[Risk]:
    given = _argument(call, "mode", position)
    mode = "r" if given is None else names.text(given, scope)
    path = names.text(_argument(call, "file", 0), scope) if position else None
    what = repr(path) if path and len(path) < 60 else "a file"
    if mode is None:
        yield rules.WRITES, f"may write {what}: its mode is a value"
        return
    if "+" in mode or not set(mode) & set("wax"):
        yield rules.READS, f"reads {what}"
    if set(mode) & set("wax+"):
        yield rules.WRITES, f"writes {what}"


def _argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def _truth(node: ast.expr | None) -> bool:
    """Tell if `node` is given and may be true."""
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)
