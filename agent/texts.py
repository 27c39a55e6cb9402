"""The texts for the model that all modes share."""

from __future__ import annotations

MAX_FEEDBACK_CHARACTERS = 8_000
"""Characters of the sandbox's output that are quoted, from its beginning and its end."""

IMPOSSIBLE = "IMPOSSIBLE:"

_COMMON = """You write code for a task. It runs in a sandbox without network, in Python {python}\
{packages}. You are told the result, and may then correct the code.

Describe your approach in a few words, then give exactly these two fenced blocks, each complete:

```python program
{program}
```

```python {proof}
{proof_text}
```

When you are told of a failure, find its cause and reply with both blocks again, complete, not as \
a diff. If the {proof} block was wrong and not the program, say so and correct that. \
Never weaken it to make it pass. If the task cannot be done here, reply with \
the line {impossible} and the reason."""


def system(*, program: str, proof: str, proof_text: str, rules: str, python: str) -> str:
    """Return the system message: how to answer in this mode."""
    version, _, packages = python.partition("; ")
    text = _COMMON.format(
        python=version,
        packages=f" with {packages}" if packages else "",
        impossible=IMPOSSIBLE,
        program=program,
        proof=proof,
        proof_text=proof_text,
    )
    return f"{text}\n\n{rules}"


def first(task: str, data: str) -> str:
    """Return the task and the profile of its data."""
    return f"Task: {task.strip()}" + (f"\n\n{data}" if data else "")


def again(attempt: int, complaint: str, *, same: bool) -> str:
    """Return the message on an attempt that failed."""
    told = f"Attempt {attempt} did not hold.\n{bounded(complaint)}"
    if same:
        told += "\nThe blocks were the same as in the attempt before: change what causes this."
    return told


NO_CODE = (
    "There was no program in the answer. Reply with the fenced blocks that were asked for; or, "
    f"if the task cannot be done here, reply with the line {IMPOSSIBLE} and the reason."
)
CUT = (
    "The answer was cut off before its end. Reply with both blocks again, shorter: less "
    "explanation, no comments."
)
NO_PROOF = "There was no {proof} block in the answer. Reply with both blocks, each whole."


def bounded(text: str, most: int = MAX_FEEDBACK_CHARACTERS) -> str:
    """Return `text`, or its beginning and end if it is long."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    left_out = len(text) - most
    return f"{text[:head]}\n[... {left_out:,} characters left out ...]\n{text[-(most - head) :]}"
