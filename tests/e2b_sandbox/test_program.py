"""Delivery of our program into a machine, unless its template has it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from e2b_sandbox.support import python, session_on

from bellglass.sandboxes.backends.e2b.program import command
from bellglass.sandboxes.backends.e2b.program.command import compiled, edition, sources

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from e2b_double import Double


def sent(double: Double) -> int:
    """Return how many bytes the largest input of a command has had, as JSON."""
    faults = double.engine.faults
    pairs = zip(faults.requests, faults.headers, strict=True)
    return max(int(head["content-length"]) for name, head in pairs if name.endswith("SendInput"))


async def test_a_machine_that_has_our_program_is_not_sent_it(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "FOLDER", str(tmp_path))
    file = tmp_path / f"{edition()[:32]}-{sys.implementation.cache_tag}"
    file.write_bytes(compiled(sources()))
    async with session_on(double) as session:
        first = await python(session, "print(40 + 2)")

    assert first.stdout.text == "42\n"
    assert sent(double) < 10_000


async def test_a_program_of_another_version_is_not_used_and_told_once(
    double: Double,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(command, "FOLDER", str(tmp_path))
    double.engine.templates.append("older")
    (tmp_path / f"{'0' * 32}-{sys.implementation.cache_tag}").write_bytes(b"not ours")
    for _ in range(2):
        async with session_on(double, template="older") as session:
            first = await python(session, "print(40 + 2)")

    assert first.stdout.text == "42\n"
    assert sent(double) > 100_000
    assert caplog.text.count("`bellglass template build --name older --base BASE`") == 1


async def test_another_python_compiles_the_program_itself(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server takes itself for another: the machine's is the same one as the server's here.
    monkeypatch.setattr(command, "MAGIC_NUMBER", b"other")
    async with session_on(double) as session:
        first = await python(session, "print(40 + 2)")

    assert first.stdout.text == "42\n"
