"""The prompt `fix`: find the cause of an error, and fix it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.prompts.base import HONEST, Argument, PromptEntry, fenced

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = """Fix this error, with the bellglass tools.

{error}{code}
1. See it fail first: run the code with `execute_python` (or what is needed of it). The result \
explains an error: the line, the values on it, a hint.
2. Say what the cause is, in one sentence, before you change anything.
3. Make the smallest change that removes the cause, not the symptom: no bare except, no deleted \
check.
4. Run again what failed, and `run_tests` with a test that fails on the old code and passes on \
the new.

Answer with the cause, the changed code, and what you saw before and after. {honest}"""


def _write(given: Mapping[str, str]) -> str:
    code = f"\nThe code:\n{fenced(given['code'], 'python')}\n" if given.get("code") else ""
    error = f"The error:\n{fenced(given['error'])}\n"
    return _TEXT.format(error=error, code=code, honest=HONEST)


PROMPT = PromptEntry(
    name="fix",
    title="Fix an error",
    description="Reproduce an error in the sandbox, find its cause, fix it, show that it is gone.",
    arguments=(
        Argument(name="error", description="The message or traceback.", required=True),
        Argument(name="code", description="The code that raised it."),
    ),
    write=_write,
)
