"""The prompt `compute`: compute a value exactly, and check it in a second way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.prompts.base import HONEST, Argument, PromptEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = """Compute this exactly, with the bellglass tools, never in your head.

{question}

1. `execute_python` with whole numbers, fractions.Fraction or decimal.Decimal; no floats on the way.
2. Compute it again in a way that has nothing in common with the first: brute force on a smaller \
case that is known, a recurrence, another formula. Use a new session, so that nothing is carried \
over.
3. If the two differ, find out which is wrong.

Answer with the exact value{digits}, both ways in a sentence each, and whether they agreed. \
{honest}"""


def _write(given: Mapping[str, str]) -> str:
    wanted = given.get("digits", "").strip()
    digits = f", to {wanted} digits" if wanted else ""
    return _TEXT.format(question=given["question"], digits=digits, honest=HONEST)


PROMPT = PromptEntry(
    name="compute",
    title="Compute exactly",
    description="Compute an exact value in two independent ways.",
    arguments=(
        Argument(name="question", description="What to compute.", required=True),
        Argument(
            name="digits",
            description="Number of digits of an irrational value.",
            choices=("10", "20", "50", "100", "1000"),
        ),
    ),
    write=_write,
)
