"""Names that a test cannot use and be kept apart from the code, and why not."""

from __future__ import annotations

PATCHES = "patches what it shares with the code"
SEEDS = "sets state that it shares with the code"
THREADS = "uses threads or processes of its own"
LOOKS = "looks into the interpreter of the code"
EVALUATES = "runs or unpickles what the code gives it"
LISTENS = "watches warnings or log records of the code"
LOOPS = "shares an event loop with the code"
DERIVES = "derives a class from one of the code"
LIBRARIES = "works with objects of a library"
EXAMPLES = "has doctest examples"

RULES = {
    "random.seed": SEEDS,
    "random.setstate": SEEDS,
    "numpy.random.seed": SEEDS,
    "decimal.getcontext": SEEDS,
    "decimal.setcontext": SEEDS,
    "decimal.localcontext": SEEDS,
    "locale": SEEDS,
    "signal": SEEDS,
    "sys.setrecursionlimit": SEEDS,
    "unittest.mock.patch": PATCHES,
    "freezegun": PATCHES,
    "time_machine": PATCHES,
    "threading": THREADS,
    "concurrent.futures": THREADS,
    "multiprocessing": THREADS,
    "_thread": THREADS,
    "gc": LOOKS,
    "inspect": LOOKS,
    "dis": LOOKS,
    "weakref": LOOKS,
    "tracemalloc": LOOKS,
    "ctypes": LOOKS,
    "typing.get_type_hints": LOOKS,
    "sys.settrace": LOOKS,
    "sys.modules": LOOKS,
    "sys.path": LOOKS,
    "sys.getrefcount": LOOKS,
    "importlib": LOOKS,
    "runpy": EVALUATES,
    "code": EVALUATES,
    "pickle": EVALUATES,
    "marshal": EVALUATES,
    "shelve": EVALUATES,
    "joblib": EVALUATES,
    "dill": EVALUATES,
    "cloudpickle": EVALUATES,
    "doctest": EVALUATES,
    "eval": EVALUATES,
    "exec": EVALUATES,
    "compile": EVALUATES,
    "__import__": LOOKS,
    "warnings": LISTENS,
    "logging": LISTENS,
    "pytest.warns": LISTENS,
    "pytest.deprecated_call": LISTENS,
    "asyncio": LOOPS,
    "anyio": LOOPS,
    "trio": LOOPS,
}
ALLOWED = ("asyncio.run", "asyncio.sleep", "asyncio.TimeoutError", "asyncio.CancelledError")

FIXTURES = {
    "caplog": LISTENS,
    "recwarn": LISTENS,
    "mocker": PATCHES,
    "pytester": LOOKS,
    "capfdbinary": LISTENS,
    "event_loop": LOOPS,
}
METHODS = {"assertLogs": LISTENS, "assertNoLogs": LISTENS, "assertWarns": LISTENS}
METHODS["assertWarnsRegex"] = LISTENS

RELAYED = {
    f"{module}.{name}"
    for module, names in {
        "builtins": ("input",),
        "sys": ("stdin", "stdout", "stderr", "argv"),
        "os": ("environ",),
    }.items()
    for name in names
}
"""What may be patched in the process of the tests: the code's sees it as well."""

HARMLESS = ("setenv", "delenv", "chdir", "undo")
"""Methods of monkeypatch whose effect the code's process is told."""

SET_UPS = ("setUp", "tearDown", "setup", "teardown")

BY_VALUE = ("numpy", "pytest", "_pytest", "hypothesis")
"""Installed packages whose use leaves a test apart: of plain data, or for the test alone."""
