"""Checks of `run_tests`: tests end as under pytest, and cases are compared outside the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend

CODE = """
import dataclasses, enum
@dataclasses.dataclass(order=True)
class Item:
    name: str
    tags: list = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1
class Quiet:
    def __enter__(self): return self
    def __exit__(self, *args): return True
def sort(items): items.sort()
def ask(): return input('name? ')
async def later(x): return x
def leave(): import os; os._exit(0)
"""

TESTS = """
import asyncio, pytest, solution, unittest
from unittest import mock
from solution import *
@pytest.fixture
def broken():
    yield 1
    raise ValueError
class Base:
    def test_kind(self): assert isinstance(self.make(), Item)
class TestItem(Base):
    def make(self): return Item('a')
class TestOld(unittest.TestCase):
    def test_sub(self):
        for n in range(3):
            with self.subTest(n=n): self.assertNotEqual(n, 1)
@pytest.mark.parametrize('x', [1, 2, pytest.param(3, marks=pytest.mark.xfail(strict=True))])
def test_param(x): assert x < 3
def test_field(): assert Item('a').tags == []
def test_wrong(): assert Color.RED.value == 2
def test_suppressed():
    with Quiet(): raise KeyError
def test_in_place():
    items = [3, 1]
    sort(items)
    assert items == [1, 3]
def test_patched():
    with mock.patch('solution.Color', 5): assert solution.Color == 5
def test_input(monkeypatch):
    monkeypatch.setattr('builtins.input', str.upper)
    assert ask() == 'NAME? '
def test_torn(broken): pass
def test_unready(nothing): pass
@pytest.mark.skip
def test_later(): pass
@pytest.mark.xfail
def test_known(): assert asyncio.run(later(1)) == 2
@pytest.mark.xfail
def test_unexpected(): assert asyncio.run(later(1)) == 1
def test_output(capsys, tmp_path):
    print(tmp_path.name)
    assert 'test_output' in capsys.readouterr().out
async def test_async(): assert False
def test_options(pytestconfig): assert pytestconfig.option.tbstyle == 'auto'
def test_command_line():
    import sys
    assert sys.argv[0].endswith('pytest/__main__.py')
    assert sys.orig_argv[1:3] == ['-m', 'pytest']
    assert sys.modules['__main__'].__spec__.name == 'pytest.__main__'
"""

PLAIN = """
import xml.etree.ElementTree as tree
kinds = {'failure': 'failed', 'error': 'error', 'skipped': 'skipped'}
cases = list(tree.parse('/tmp/plain.xml').getroot().iter('testcase'))
sorted({(c.get('name'), *[kinds[k.tag] for k in c if k.tag in kinds][:1]) for c in cases})
"""


async def _tested(session: Session, **arguments: Any) -> list[Any]:
    execution = await session.run("test", arguments, timeout=60)
    return list(execution.report)


@check
async def tests_end_as_under_plain_pytest(backend: Backend) -> None:
    async with Session.open(backend) as session:
        report = await _tested(session, code=CODE, tests=TESTS)
        if any(message.get("missing") for message in report):
            return  # this sandbox reports that it has no pytest
        await _write(session, {"solution.py": CODE, "test_solution.py": TESTS})
        wanted = await plain_outcomes(session, "test_solution.py")
        project = await _tested(session, paths=["test_solution.py"])
    assert len(wanted) > 15
    assert outcomes(report) == wanted
    assert outcomes(project) == wanted


PROJECT = {
    "pyproject.toml": """
[tool.pytest.ini_options]
addopts = "--strict-markers -k 'not left_out'"
filterwarnings = ["error", "ignore:old:DeprecationWarning"]
markers = ["slow: takes long"]
python_files = ["check_*.py"]
python_functions = ["check_*"]
pythonpath = ["src"]
xfail_strict = true
""",
    "src/thing/__init__.py": "def f(x):\n    '>>> f(1)\\n3'\n    return x + 1\n",
    "run.py": "raise SystemExit(3)\n",
    "checks/conftest.py": """
import pytest
@pytest.fixture(params=[1, 2])
def number(request): return request.param
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow"))
""",
    "checks/check_thing.py": """
import pytest, thing, warnings
def check_number(number): assert thing.f(number) == 2
@pytest.mark.slow
def check_slow(): assert False
@pytest.mark.xfail
def check_unexpected(): pass
def check_warning(): warnings.warn("new")
def check_old_warning(): warnings.warn("old", DeprecationWarning)
def check_left_out(): assert False
def test_of_another_name(): assert False
""",
    "checks/test_of_another_name.py": "def check_it(): assert False\n",
}


@check
async def a_project_is_tested_by_its_own_settings(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await _write(session, PROJECT)
        report = await _tested(session, paths=["."])
        if any(message.get("missing") for message in report):
            return
        wanted = await plain_outcomes(session, ".")
    assert len(wanted) == 6, wanted
    assert outcomes(report) == wanted


async def _write(session: Session, files: dict[str, str]) -> None:
    write = "Path(p).parent.mkdir(parents=True, exist_ok=True); Path(p).write_text(t)"
    code = f"from pathlib import Path\nfor p, t in {files!r}.items(): {write}"
    assert (await python(session, code)).status == "ok"


async def plain_outcomes(session: Session, path: str) -> dict[str, str]:
    """Return the outcomes of tests by name, as plain pytest reports them."""
    await bash(session, f"python3 -m pytest --junitxml=/tmp/plain.xml {path}", timeout=60)
    plain = await python(session, PLAIN)
    assert plain.value is not None, plain
    return {name: rest[0] if rest else "passed" for name, *rest in eval(plain.value)}


def outcomes(report: list[Any]) -> dict[str, str]:
    """Return the outcomes of tests by name, from a report of `run_tests`."""
    names = [name for message in report for name in message.get("collected", [])]
    tests = [test for message in report for test in message.get("tests", [])]
    return {names[test["index"]].rpartition("::")[2]: test["outcome"] for test in tests}


@check
async def a_test_that_ends_its_process_has_failed_and_the_rest_runs(backend: Backend) -> None:
    tests = "from solution import *\ndef test_a(): leave()\ndef test_b(): pass\n"
    async with Session.open(backend) as session:
        report = await _tested(session, code=CODE, tests=tests)
    if not any(message.get("missing") for message in report):
        assert outcomes(report) == {"test_a": "failed", "test_b": "passed"}


@check
async def a_case_is_judged_where_the_code_does_not_run(backend: Backend) -> None:
    code = "import collections, os\nP = collections.namedtuple('P', 'x y')\n"
    code += "def f(n): return {'a': P(n, {n}), 'b': True}\n"
    code += "def g():\n    os.kill(os.getppid(), 9)\n"
    cases: list[dict[str, Any]] = [
        {"call": "f(1)", "expected": {"a": [1, [1]], "b": True}},
        {"call": "f(1)", "expected": {"a": [1, [1]], "b": 1}},
        {"call": "f()", "raises": "TypeError"},
        {"call": "g()", "expected": None},
    ]
    async with Session.open(backend) as session:
        report = await _tested(session, code=code, cases=cases)
    judged = [test["outcome"] for message in report for test in message.get("tests", [])]
    assert judged == ["passed", "failed", "passed"], json.dumps(report)
    assert not any("finished" in message for message in report)
