"""Faults put into recorded answers: the recorded answer that follows repairs them.

What stays broken is never called verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from agent.support import recorded

from bellglass.agent import Agent, Limits, Recording, Replay
from bellglass.agent.recording import RecordedTurn

if TYPE_CHECKING:
    from pathlib import Path

    from bellglass.agent import Answer


class Fault(NamedTuple):
    task: str
    old: str
    new: str
    told: str
    """What the model is told of it."""


FAULTS = {
    "syntax error": Fault("eight_queens", "down, size):", "down, size)", "expected ':'"),
    "wrong name": Fault(
        "harmonic_number_as_a_fraction", "sum(Fraction", "sum(Fractoin", "Fractoin"
    ),
    "wrong column": Fault("nile_before_and_after", '["flow"].mean()', '["flows"].mean()', "flows"),
    "off by one, seen by tests": Fault("merging_intervals", "start <= ", "start < ", "run_tests:"),
    "off by one, seen by a second way": Fault(
        "fridays_the_thirteenth", "2001, 2101", "2001, 2100", "Program and check disagree"
    ),
    "off by one, seen on an input": Fault(
        "quick_factors", "while d * d <= n", "while d * d < n", "factors(4)\n  old: [2, 2]"
    ),
    "missing module": Fault(
        "durations_in_words", "import re\n", "import re\nimport timewords\n", "timewords"
    ),
    "time-out": Fault(
        "paths_through_a_grid",
        "ways = comb",
        "while True: pass\nways = comb",
        "Timed out after 8 s",
    ),
    "not exact": Fault(
        "harmonic_number_as_a_fraction", "sum(Fraction(1, n)", "sum(1 / n", "is not exact"
    ),
    "no figure": Fault(
        "sales_by_region", 'totals.plot.bar()\nplt.ylabel("sales (EUR)")', "", "drew no figure"
    ),
    "another exception": Fault(
        "flat_shipping_cost", "PRICES[country]", "PRICES.get(country, DOMESTIC)", "raises KeyError"
    ),
    "tests that prove nothing": Fault(
        "durations_in_words", "assert seconds(text) == expected", "assert True", "prove nothing"
    ),
    "no second way": Fault(
        "partitions_of_a_hundred", "~~~python check", "", "There was no check block"
    ),
    "cut off": Fault("roman_numerals", "def from_roman(text):", "", "cut off before its end"),
}


def answer_of(recording: Recording) -> str:
    return "\n".join(recording.turns[0].answer)


def broken(fault: Fault, name: str) -> str:
    """Return the recorded answer with a fault in it."""
    whole = answer_of(recorded(fault.task))
    assert fault.old in whole
    if name == "cut off":
        return whole.partition(fault.old)[0]
    if name == "tests that prove nothing":
        # The refusals need the program; without them, nothing does.
        head, mark, _ = whole.partition('@pytest.mark.parametrize("text"')
        assert mark
        return head.replace(fault.old, fault.new) + "\n```\n"
    if name == "no second way":
        return whole.partition(fault.old)[0]
    return whole.replace(fault.old, fault.new, 1)


async def solved(
    url: str, folder: Path, task: str, answers: list[str], *, attempts: int = 4, seconds: float = 3
) -> Answer:
    recording = recorded(task)
    turns = [RecordedTurn(answer=answer.split("\n")) for answer in answers]
    model = Replay(recording.model_copy(update={"turns": turns}))
    limits = Limits(attempts=attempts, call_seconds=seconds)
    async with Agent(model, url=url, limits=limits) as agent:
        return await agent.solve(
            recording.task,
            data=[folder / name for name in recording.data],
            mode=recording.mode,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("name", FAULTS)
async def test_fault_is_told_and_mended(name: str, embedded_url: str, folder: Path) -> None:
    fault = FAULTS[name]
    answers = [broken(fault, name), answer_of(recorded(fault.task))]
    seconds = 8 if name == "time-out" else 60

    answer = await solved(embedded_url, folder, fault.task, answers, seconds=seconds)

    complaint = answer.transcript.partition("Attempt 1 did not hold.")[2].partition("Answer:")[0]
    assert fault.told in complaint, complaint
    assert answer.verified
    assert answer.attempts == 2
    assert answer.code.strip() in answers[1]


HOPELESS = ["syntax error", "off by one, seen by tests", "missing module", "time-out"]


@pytest.mark.parametrize("name", HOPELESS)
async def test_fault_that_stays_ends_without_a_claim(
    name: str, embedded_url: str, folder: Path
) -> None:
    fault = FAULTS[name]
    answers = [f"{broken(fault, name)}\nTry {number}." for number in range(3)]

    answer = await solved(embedded_url, folder, fault.task, answers)

    assert not answer.verified
    assert "the same code three times" in answer.reason
    assert not all(piece.held for piece in answer.evidence)
    assert "## Not verified" in answer.transcript


async def test_last_attempt_says_what_did_not_hold(embedded_url: str, folder: Path) -> None:
    whole = answer_of(recorded("merging_intervals"))
    answers = [
        whole.replace("start <= merged[-1][1]", wrong)
        for wrong in ("start < merged[-1][1]", "start <= merged[-1][0]")
    ]

    answer = await solved(
        embedded_url, folder, "merging_intervals", answers, attempts=2, seconds=60
    )

    assert not answer.verified
    assert answer.reason.startswith("After 2 attempts it does not hold:")
    assert "tests passed" in answer.reason
    assert answer.code  # and the last code is there to be looked at


async def test_model_may_say_that_it_cannot_be_done(embedded_url: str, folder: Path) -> None:
    answers = ["This needs the network.\n\nIMPOSSIBLE: the sandbox has no network."]

    answer = await solved(embedded_url, folder, "digits_of_e", answers)

    assert not answer.verified
    assert answer.reason == "The model gave up: the sandbox has no network."
    assert answer.code == ""


async def test_recording_that_ends_early_is_told(embedded_url: str, folder: Path) -> None:
    fault = FAULTS["wrong name"]

    answer = await solved(embedded_url, folder, fault.task, [broken(fault, "wrong name")])

    assert not answer.verified
    assert "became unavailable" in answer.reason
