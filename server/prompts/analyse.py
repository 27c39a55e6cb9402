"""The prompt `analyse`: answer a question from data, without reading all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.server.prompts.base import HONEST, Argument, PromptEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = """Answer a question from data, with the bellglass tools.

Question: {question}
{where}
1. Look at a profile, never at the whole: size, columns and their kinds, ranges, missing values, \
repeated rows, and five rows of it. Print no more than that.
2. Say what the profile means for the question: units, gaps, what to leave out and why.
3. Compute the answer with `execute_python` in the same session, and draw one figure that shows \
it, \
axes labelled with units.
4. Compute it again in another way (csv and plain Python instead of pandas, say) and compare.

Answer with the figures, the plot, what you did about missing or doubtful values, and whether both \
ways agreed. {honest}"""


def _write(given: Mapping[str, str]) -> str:
    path, session_id = given.get("path"), given.get("session_id")
    if path and session_id:
        where = f"Data: {path} in session_id {session_id}.\n"
    elif path:
        where = f"Data: {path}. If it is not in the session yet, put it there first.\n"
    else:
        where = "Put the data into a file of the session first.\n"
    return _TEXT.format(question=given["question"], where=where, honest=HONEST)


PROMPT = PromptEntry(
    name="analyse",
    title="Analyse data",
    description="Answer a question from a data file, with a figure, computed twice.",
    arguments=(
        Argument(name="question", description="What you want to know.", required=True),
        Argument(name="path", description="The file, below /work of the session."),
        Argument(name="session_id", description="The session that has the file."),
    ),
    write=_write,
)
