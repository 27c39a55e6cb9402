"""Record what a module or a program does with inputs: values, exceptions, output, time, lines."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.agent.inside.shapes import Shaper

MAX_INPUTS = 2_000
MAX_OUTPUT_CHARACTERS = 20_000
PROGRAM_TIMEOUT_SECONDS = 10
EMPTY_HANDED = ("NameError", "SyntaxError", "IndentationError")
"""Exceptions that mean that the input itself is wrong."""


def main(path: str, inputs: str, mode: str) -> dict[str, Any]:
    """Return what `path` does with each of the INPUTS that the code in `inputs` sets.

    `mode` is "outcomes", or "lines" for the lines of `path` that were reached.
    """
    names: dict[str, Any] = {"__name__": "inputs"}
    try:
        exec(compile(inputs, "inputs.py", "exec"), names)
        given = names["INPUTS"] if "INPUTS" in names else names["inputs"]()
        given = list(given)
    except KeyError:
        return {"refusal": "The block of inputs sets no list INPUTS."}
    except Exception as exc:
        return {"refusal": "The block of inputs failed: %s: %s" % (type(exc).__name__, exc)}
    if len(given) > MAX_INPUTS:
        return {"refusal": "INPUTS has %d items; at most %d are taken." % (len(given), MAX_INPUTS)}
    for item in given:
        if not isinstance(item, (str, dict)):
            return {
                "refusal": "INPUTS holds a %s: each item is an expression as a string, or a "
                'dict such as {"stdin": "...", "args": [...]}.' % type(item).__name__
            }
    if mode == "lines":
        return _lines(path, given)
    outcomes = []
    started = time.perf_counter()
    spent = 0.0
    for item in given:
        outcome, seconds = _run(path, item) if isinstance(item, dict) else _call(path, item)
        spent += seconds
        outcomes.append({"input": _brief(item), **outcome})
    return {"outcomes": outcomes, "seconds": spent, "all_seconds": time.perf_counter() - started}


def _brief(item: Any) -> str:
    text = item if isinstance(item, str) else repr(item)
    return text if len(text) <= 200 else text[:200] + "..."


_MODULES: dict[str, Any] = {}


def _module(path: str) -> Any:
    """Return the module at `path`, loaded once, under a name other than __main__."""
    if path not in _MODULES:
        module = types.ModuleType(os.path.basename(path).rpartition(".")[0])
        module.__file__ = path
        sys.modules[module.__name__] = module
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        exec(code, module.__dict__)
        _MODULES[path] = module
    return _MODULES[path]


def _call(path: str, expression: str) -> tuple[dict[str, Any], float]:
    import random

    random.seed(0)
    output = io.StringIO()
    outcome: dict[str, Any] = {}
    with contextlib.redirect_stdout(output):
        started = time.perf_counter()
        try:
            module = _module(path)
            started = time.perf_counter()
            value = eval(compile(expression.strip(), "input", "eval"), dict(module.__dict__))
            # An iterator has not done its work yet, so reading it is part of the measured time.
            outcome["value"] = Shaper().shape(value)
        except BaseException as exc:
            if isinstance(exc, KeyboardInterrupt):
                raise
            outcome["raises"] = type(exc).__name__
            outcome["message"] = _words(exc)
        seconds = time.perf_counter() - started
    if output.getvalue():
        outcome["stdout"] = output.getvalue()[:MAX_OUTPUT_CHARACTERS]
    outcome["void"] = outcome.get("raises") in EMPTY_HANDED
    return outcome, seconds


def _words(exc: BaseException) -> str:
    try:
        return str(exc)[:300]
    except Exception:
        return ""


def _run(path: str, item: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Run `path` as a program, in a directory of its own."""
    stdin = item.get("stdin", "")
    arguments = [str(word) for word in item.get("args", [])]
    starter = ["bash"] if path.endswith(".sh") else [sys.executable]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in dict(item.get("files", {})).items():
            with open(os.path.join(folder, os.path.basename(name)), "w", encoding="utf-8") as file:
                file.write(text)
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [*starter, os.path.abspath(path), *arguments],
                input=str(stdin).encode(),
                capture_output=True,
                cwd=folder,
                timeout=PROGRAM_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"raises": "time-out", "void": False}, float(PROGRAM_TIMEOUT_SECONDS)
        seconds = time.perf_counter() - started
    return {
        "stdout": done.stdout.decode("utf-8", "replace")[:MAX_OUTPUT_CHARACTERS],
        "exit_code": done.returncode,
        "stderr": done.stderr.decode("utf-8", "replace")[-300:],
        "void": False,
    }, seconds


def _lines(path: str, given: list[Any]) -> dict[str, Any]:
    """Return the lines of `path` that no call reaches."""
    calls = [item for item in given if isinstance(item, str)]
    if not calls or not path.endswith(".py"):
        return {"possible": 0, "missed": []}
    measured: Any = import_module("coverage").Coverage(
        data_file=None, config_file=False, include=[os.path.abspath(path)]
    )
    measured.exclude("if __name__ == .__main__.:")
    measured.start()
    for expression in calls:
        _call(path, expression)
    measured.stop()
    _, possible, _, missed, _ = measured.analysis2(path)
    return {"possible": len(possible), "missed": missed[:50]}
