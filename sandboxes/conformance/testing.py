"""Verdicts: of tests they are pytest's own, of cases they are made where the code does not run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.session import Session

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
            return  # this sandbox has no pytest, and says so
        files = {"solution.py": CODE, "test_solution.py": TESTS}
        await python(session, f"for n, t in {files!r}.items(): open(n, 'w').write(t)")
        command = "python3 -m pytest --junitxml=/tmp/plain.xml test_solution.py"
        await bash(session, command, timeout=60)
        plain = await python(session, PLAIN)
        project = await _tested(session, paths=["test_solution.py"])
    assert plain.value is not None
    wanted = {name: rest[0] if rest else "passed" for name, *rest in eval(plain.value)}
    assert len(wanted) > 15
    assert _outcomes(report) == wanted
    assert _outcomes(project) == wanted


def _outcomes(report: list[Any]) -> dict[str, str]:
    names = [name for message in report for name in message.get("collected", [])]
    tests = [test for message in report for test in message.get("tests", [])]
    return {names[test["index"]].rpartition("::")[2]: test["outcome"] for test in tests}


@check
async def a_test_that_ends_its_process_has_failed_and_the_rest_runs(backend: Backend) -> None:
    tests = "from solution import *\ndef test_a(): leave()\ndef test_b(): pass\n"
    async with Session.open(backend) as session:
        report = await _tested(session, code=CODE, tests=tests)
    if not any(message.get("missing") for message in report):
        assert _outcomes(report) == {"test_a": "failed", "test_b": "passed"}


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
    outcomes = [test["outcome"] for message in report for test in message.get("tests", [])]
    assert outcomes == ["passed", "failed", "passed"], json.dumps(report)
    assert not any("finished" in message for message in report)
