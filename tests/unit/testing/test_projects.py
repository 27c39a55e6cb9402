"""Reports of the suite of a project, with its own settings and plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.testing.support import Run

pytestmark = pytest.mark.slow


def test_settings_and_files_around_are_the_projects(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef one(): return 1")
    (tmp_path / "pytest.ini").write_text("[pytest]\nxfail_strict = true")
    (tmp_path / "helper.py").write_text("value = 7")
    tests = "import helper, pytest\ndef test_a(one): assert helper.value == 6 + one\n"
    tests += "@pytest.mark.xfail\ndef test_b(): pass\n"

    assert run(tests=tests).outcomes() == ["passed", "failed"]


def test_a_project_is_tested_with_its_own_settings(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "check_f.py").write_text("from shop import f\ndef test_f(): f(1)\n")
    (tmp_path / "checks" / "script.py").write_text("raise SystemExit")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\npythonpath = ["src"]\npython_files = ["check_*.py"]\n'
    )

    result = run("", paths=["checks"])

    assert result.all("collected") == [["checks/check_f.py::test_f"]]
    assert result.outcomes() == ["passed"]


def test_pytest_that_cannot_begin_says_why(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense")

    result = run("def test_a(): pass")

    assert result.finished == 4
    assert "unrecognized arguments: --nonsense" in result.all("said")[0]


def test_tests_that_a_project_distributes_have_the_outcomes_of_pytest(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -n 2\n")
    (tmp_path / "test_many.py").write_text(
        "import os, pytest, time\n"
        "@pytest.mark.parametrize('i', range(20))\n"
        "def test_a(i): assert i != 7\n"
        "def test_slow(): time.sleep(0.5)\n"
        "def test_dies(): os._exit(0)\n"
    )

    result = run("", paths=["test_many.py"], test_timeout=0.2)

    names = [name for part in result.all("collected") for name in part]
    outcomes = {names[test["index"]]: test["outcome"] for test in result.tests()}
    assert len(outcomes) == len(result.tests()) == 22
    failed = [name for name, outcome in outcomes.items() if outcome != "passed"]
    assert sorted(failed) == ["test_many.py::test_a[7]", "test_many.py::test_dies"]
    assert result.finished == 1
    assert result.all("distributed") == [True]


AGAIN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = attempt < 2 and any(report.failed for report in reports)
        for report in reports:
            report.outcome = "rerun" if again and report.failed else report.outcome
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if not again:
            return True
"""


def test_a_test_that_is_run_again_counts_once(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(AGAIN)
    tests = "tries = []\ndef test_a():\n    tries.append(1)\n    assert len(tries) == 2\n"
    tests += "def test_b(): assert False\ndef test_c(): pass\n"

    result = run(tests=tests)

    assert [test["index"] for test in result.tests()] == [0, 1, 2]
    assert result.outcomes() == ["passed", "failed", "passed"]
