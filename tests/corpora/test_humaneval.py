"""HumanEval: reference solutions pass, and wrong ones fail as they do in a plain CPython."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from corpora.support import chunks, plainly, tasks, verdict

if TYPE_CHECKING:
    from bellglass.sandboxes.sessions.session import Session

CHUNKS = pytest.mark.parametrize("part", chunks(164))


@CHUNKS
async def test_reference_solutions_run(session: Session, part: slice) -> None:
    for task in tasks()[part]:
        program = f"{task.code}\n{task.test}\ncheck({task.name})"

        execution = await session.run("python", {"code": program}, timeout=20)

        assert execution.status == "ok", (task.id, execution)


@CHUNKS
async def test_reference_solutions_pass_their_tests(session: Session, part: slice) -> None:
    for task in tasks()[part]:
        run = await verdict(session, task.code, tests=task.suite)

        assert run.ok, (task.id, run)


@CHUNKS
async def test_mutants_fail_as_in_a_plain_python(session: Session, part: slice) -> None:
    for task in tasks()[part]:
        mutant = task.mutant()
        plain = plainly(mutant)

        run = await verdict(session, mutant.code, tests=mutant.suite)

        (test,) = run.tests
        assert (test.outcome == "passed") == (plain == "ok"), (task.id, plain, run)
        assert (test.cause == "timeout") == (plain == "hangs"), (task.id, plain, run)
        if plain not in ("ok", "hangs", "AssertionError"):
            assert plain in (test.message or ""), (task.id, plain, run)
