"""CRUXEval: what 800 small functions return is shown as Python shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from corpora.support import chunks, samples, verdict

if TYPE_CHECKING:
    from bellglass.sandboxes.sessions.session import Session

CHUNKS = pytest.mark.parametrize("part", chunks(800))


@CHUNKS
async def test_the_value_that_is_shown_is_the_expected_one(session: Session, part: slice) -> None:
    for sample in samples()[part]:
        program = f"{sample['code']}\nf({sample['input']})"

        execution = await session.run("python", {"code": program}, timeout=20)

        # None, the value of a statement, is not shown.
        assert (execution.value or "None") == sample["output"], (sample["id"], execution)


@CHUNKS
async def test_cases_return_the_expected_value(session: Session, part: slice) -> None:
    for sample in samples()[part]:
        case = {"call": f"repr(f({sample['input']}))", "expected": sample["output"]}

        run = await verdict(session, sample["code"], cases=[case])

        assert run.ok, (sample["id"], run)
