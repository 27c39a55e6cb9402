"""Mode `analyse`: a question about data. The model sees a profile, its code sees the files."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from bellglass.agent import texts
from bellglass.agent.compare import agree
from bellglass.agent.errors import DataRefused
from bellglass.agent.inside import source
from bellglass.agent.modes.compute import Compute
from bellglass.agent.tool_client import NoReport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.agent.answer import ModeName
    from bellglass.agent.tool_client import Run, ToolClient

MAX_PROFILE_CHARACTERS = 20_000
"""Characters of the profiles of all files together."""

_RULES = """The files are in the working directory under the names that are told to you, whole; \
you see a profile of them. Both blocks are programs of their own: they read the files and set the \
variable `answer` at their top level, a number, a text, or a dict or list of them: the figures \
that answer the question, and no more. The program also draws one figure that shows the answer, \
with matplotlib, axes labelled with units, and no plt.savefig.

Take account of what the profile shows: missing values, mixed types, repeated rows, dates as text. \
Say what you did about them.

The check computes the same answer from the files in another way (csv and plain Python instead of \
pandas, say), draws nothing, and takes nothing from the program. The two answers are compared, \
numbers with a relative tolerance of 1e-6."""

WORKBOOKS = (".xlsx", ".xlsm")

_PROFILER = source("tables", "profile")


class Analyse(Compute):
    name: ClassVar[ModeName] = "analyse"
    way = "from the data in another way"

    def system(self, python: str) -> str:
        return texts.system(
            program="# reads the files, computes, draws\nanswer = {...}",
            proof="check",
            proof_text="# the same in another way\nanswer = {...}",
            rules=_RULES,
            python=python,
        )

    async def learn(self, tools: ToolClient) -> str:
        if not self.files:
            raise DataRefused("There is no data to analyse. Name files: --data FILE.")
        async with tools.session() as session_id:
            names = await tools.put_files(self.files, session_id)
            try:
                told = await tools.ask(_PROFILER, session_id, names=names)
            except NoReport as exc:
                raise DataRefused(f"The data could not be read. {str(exc)[:500]}") from exc
        texts_of = [str(part.get("text", "")) for part in told if isinstance(part, dict)]
        return texts.bounded("\n\n".join(texts_of), MAX_PROFILE_CHARACTERS)

    @asynccontextmanager
    async def session(self, tools: ToolClient) -> AsyncGenerator[str]:
        """Open a session with the files, and with the sheets of workbooks as CSV files."""
        async with super().session(tools) as session_id:
            books = [file.name for file in self.files if file.suffix.lower() in WORKBOOKS]
            if books:
                await tools.ask(_PROFILER, session_id, names=books)
            yield session_id

    def wrong(self, found: dict[str, Any]) -> str:
        return ""

    def lacking(self, run: Run) -> str:
        return "" if run.figures else "The program drew no figure. Draw one that shows the answer."

    def agree(self, one: Any, other: Any) -> bool:
        return agree(one, other, relative=1e-6, loose=True)
