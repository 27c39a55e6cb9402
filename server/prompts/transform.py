"""The prompt `transform`: change code, and prove that its behaviour is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.prompts.base import HONEST, Argument, PromptEntry, fenced

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {
    "refactor": "Refactor this code: easier to read, the same to its callers",
    "optimise": "Make this code faster or smaller in memory, and measure by how much",
    "port": "Port this code",
    "modernise": "Bring this code to the idioms of today",
}

_TEXT = """{what}, and prove that its behaviour is kept, with the bellglass tools.

{code}

1. With `execute_python`, run the old code on inputs that reach every line of it, ordinary and odd \
ones, and those it refuses, and keep what it returns, raises and prints.
2. Write the new code. Names, arguments, results and exceptions that others may use stay.
3. `run_tests` on the new code, with tests that compare it with what the old code did on those \
inputs, and on some hundreds of random ones (fixed seed). The old code is right where they differ.
4. Where speed or memory matter, measure both on the same large input.

Answer with the new code, on how many inputs both agreed, and what was measured. {honest}"""


def _write(given: Mapping[str, str]) -> str:
    kind = given.get("kind") or "refactor"
    what = _KINDS.get(kind.lower(), f"Do this with the code below: {kind}")
    if given.get("target"):
        what += f" (to {given['target']})" if kind == "port" else f" ({given['target']})"
    return _TEXT.format(what=what, code=fenced(given["code"]), honest=HONEST)


PROMPT = PromptEntry(
    name="transform",
    title="Change code, keep its behaviour",
    description="Refactor, optimise, port or modernise code; old and new are compared.",
    arguments=(
        Argument(name="code", description="The code as it is.", required=True),
        Argument(name="kind", description="What to do with it.", choices=tuple(_KINDS)),
        Argument(
            name="target",
            description="What it is to become: a language for port, an aim for the others.",
            choices=("Python", "Bash", "NumPy", "pandas", "asyncio", "type hints"),
        ),
    ),
    write=_write,
)
