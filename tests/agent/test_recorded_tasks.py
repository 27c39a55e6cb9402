"""Twenty tasks, answered from recordings, run for real: every answer is verified, and is right."""

from __future__ import annotations

import ast
import os
from math import comb
from typing import TYPE_CHECKING, Any

import pytest
from agent.support import NAMES, RECORDINGS, recorded

from bellglass.agent import Agent, Recorder, Replay

if TYPE_CHECKING:
    from pathlib import Path

    from bellglass.agent.answer import ModeName

E = "2.71828182845904523536028747135266249775724709369996"

COMPUTED: dict[str, Any] = {
    "primes_below_a_million": 78_498,
    "partitions_of_a_hundred": 190_569_292,
    "eight_queens": 92,
    "fridays_the_thirteenth": 172,
    "paths_through_a_grid": (comb(40, 20), sum(map(int, str(comb(40, 20))))),
    "merging_intervals": [(1, 6), (8, 10)],
    "durations_in_words": 5400,
    "nile_before_and_after": {"until 1898": 1097.8, "after 1898": 850.0},
    "densest_planet": {"planet": "Earth", "density": 5510.0},
    "sales_by_region": {"east": 656.4, "north": 767.44, "south": 679.98, "west": 625.46},
    "hours_worked": {"person": "Grace", "hours": 111.5},
    "errors_in_a_log": {"hour": 14, "errors": 8},
}
PRINTED = {
    "harmonic_number_as_a_fraction": "9304682830147/2329089562800",
    "digits_of_e": E,
    "roman_numerals": "MCMXCIV",
}
CHANGED = {
    "quick_dedupe": 21,
    "flat_shipping_cost": 55,
    "word_count_from_bash": 13,
    "quick_factors": 94,
    "account_as_a_dataclass": 17,
}
"""On how many inputs old and new were compared."""


def test_there_are_twenty() -> None:
    assert sorted({*COMPUTED, *PRINTED, *CHANGED}) == NAMES
    modes = [recorded(name).mode for name in NAMES]
    assert len(modes) == 20
    assert modes.count("analyse") == modes.count("transform") == 5


@pytest.mark.parametrize("name", NAMES)
async def test_recorded_task_ends_verified_with_the_right_answer(
    name: str, url: str, folder: Path
) -> None:
    recording = recorded(name)
    mode: ModeName = recording.mode  # type: ignore[assignment]
    told: list[str] = []
    model: Any = Replay(recording, told.append)
    data = [folder / file for file in recording.data]
    if os.environ.get("BELLGLASS_TEST_WRITE"):
        for turn in recording.turns:
            turn.prompt = None
        model = Recorder(
            model, RECORDINGS / f"{name}.json", task=recording.task, mode=mode, data=data
        )
        model.recording.model = recording.model

    async with Agent(model, url=url) as agent:
        answer = await agent.solve(recording.task, data=data, mode=mode)

    assert answer.verified, answer.reason + answer.transcript
    assert told == []
    assert all(piece.held for piece in answer.evidence)
    assert answer.code
    if name in PRINTED:
        assert answer.result == PRINTED[name]
    elif name in CHANGED:
        (behaviour,) = [piece for piece in answer.evidence if piece.kind == "same behaviour"]
        assert behaviour.passed == behaviour.total == CHANGED[name]
    else:
        assert ast.literal_eval(answer.result) == COMPUTED[name]
    if mode == "analyse":
        assert answer.figures
        assert all(picture.startswith(b"\x89PNG") for picture in answer.figures)
