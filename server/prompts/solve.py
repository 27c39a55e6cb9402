"""The prompt `solve`: write code for a task, and show that it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.prompts.base import HONEST, Argument, PromptEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = """Write Python for this task and show that it works, with the bellglass tools.

Task: {task}

1. Write the code as functions; say first what it must do at the edges: nothing, one, many, wrong \
input.
2. `validate_code`, and fix what it finds.
3. `execute_python` on a typical input. Keep its session_id and pass it on.
4. `run_tests` with tests written from the task and not from the code: worked out by hand, the \
edges, and what must be refused. Also make sure that they can fail.
5. When something fails, find the cause before you change anything, and run all tests again.

Answer with the code, what it printed, and the counts of the last `run_tests`. {honest}"""


def _write(given: Mapping[str, str]) -> str:
    return _TEXT.format(task=given["task"], honest=HONEST)


PROMPT = PromptEntry(
    name="solve",
    title="Write and verify code",
    description="Write code for a task, test it in the sandbox, and show the evidence.",
    arguments=(Argument(name="task", description="What the code must do.", required=True),),
    write=_write,
)
