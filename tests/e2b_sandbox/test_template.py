"""`bellglass template build`, by the real SDK's builder, and sessions from its template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2b_double import Fault
from e2b_sandbox.support import on, python, session_on
from e2b_sandbox.test_commands import run
from e2b_sandbox.test_program import sent

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.program import template
from bellglass.sandboxes.backends.e2b.program.command import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from e2b_double import Double


@pytest.fixture
def double(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    """Have what a template gets at its root go into a folder of the test."""
    double.engine.placing = {FOLDER: str(tmp_path / "placed")}
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # what is to be installed is there already
    return double


def test_the_command_builds_a_template_and_says_how(double: Double) -> None:
    done = run(double, "template", "build", "--name", "mine")

    assert done.returncode == 0, done.stderr
    assert "Building template mine from code-interpreter-v1" in done.stdout
    assert "[1/" in done.stdout
    assert "To use it: BELLGLASS_E2B_TEMPLATE=mine" in done.stdout
    assert "mine" in double.engine.templates


async def test_a_machine_of_the_template_is_not_sent_our_program(double: Double) -> None:
    endpoint = on(double).endpoint
    told: list[str] = []
    await template.build(endpoint, "mine", ["numpy"], [], told.append)
    async with session_on(double, template="mine") as session:
        first = await python(session, "print(40 + 2)")

    assert first.stdout.text == "42\n"
    assert sent(double) < 10_000
    assert any("COPY" in line for line in told)


async def test_doctor_says_that_a_template_is_to_be_built_anew(
    double: Double, tmp_path: Path
) -> None:
    command = "`bellglass template build --name mine --base BASE`"
    await template.build(on(double).endpoint, "mine", ["numpy"], [], list[str]().append)
    [program] = (tmp_path / "placed").iterdir()
    fresh = run(double, "doctor", BELLGLASS_E2B_TEMPLATE="mine")
    program.rename(program.with_name(f"{'0' * 32}-cpython-311"))
    outdated = run(double, "doctor", BELLGLASS_E2B_TEMPLATE="mine")

    assert "yes our program in the template" in fresh.stdout
    assert command not in fresh.stdout + fresh.stderr
    assert outdated.returncode == 0
    assert command in outdated.stdout


async def test_what_does_not_install_stops_the_build(double: Double) -> None:
    endpoint = on(double).endpoint
    told: list[str] = []
    with pytest.raises(E2BError, match="command failed with exit status 1") as caught:
        await template.build(endpoint, "mine", ["no-such-package-of-ours"], [], told.append)

    assert "--base" in str(caught.value)
    assert any("no-such-package-of-ours" in line for line in told)
    assert "mine" not in double.engine.templates


async def test_what_is_optional_does_not_stop_the_build(double: Double) -> None:
    endpoint = on(double).endpoint
    told: list[str] = []
    await template.build(endpoint, "mine", ["numpy"], ["no-such-package-of-ours"], told.append)

    assert "without no-such-package-of-ours" in told


def test_a_base_that_is_not_there_is_told(double: Double) -> None:
    done = run(double, "template", "build", "--base", "nowhere")

    assert done.returncode == 1
    assert "template 'nowhere' not found" in done.stderr


def test_an_engine_that_builds_no_templates_is_told(double: Double) -> None:
    double.engine.faults.add(Fault("POST /v3/templates", status=404, message="no such path"))
    done = run(double, "template", "build")

    assert done.returncode == 1
    assert "could not build the template" in done.stderr
    assert "Traceback" not in done.stderr
