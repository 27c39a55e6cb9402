"""What every kind of task has in common: a check of the code before it runs, and a verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from bellglass.agent.answer import Evidence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from bellglass.agent.answer import Kind, ModeName
    from bellglass.agent.reading import Proof, Reply
    from bellglass.agent.tool_client import Run, ToolClient


@dataclass(kw_only=True, slots=True)
class Verdict:
    """How an attempt ended. It held if there is no complaint."""

    complaint: str = ""
    """What to tell the model."""
    result: str = ""
    figures: tuple[bytes, ...] = ()
    evidence: list[Evidence] = field(default_factory=list)

    def note(
        self, kind: Kind, held: bool, text: str, passed: int | None = None, total: int | None = None
    ) -> bool:
        """Keep a piece of evidence; return whether it held."""
        self.evidence.append(Evidence(kind=kind, held=held, text=text, passed=passed, total=total))
        return held

    def against(self, complaint: str) -> Verdict:
        self.complaint = complaint
        return self


class Mode(ABC):
    """One kind of task, for one task: it may keep what it learnt of the data."""

    name: ClassVar[ModeName]
    proof: ClassVar[Proof]
    """What the second block of an answer is called."""
    bash: ClassVar[bool] = False
    """Whether the program may be a script in Bash."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self.files = tuple(files)

    @abstractmethod
    def system(self, python: str) -> str:
        """Return how to answer, for a sandbox with this Python."""

    async def learn(self, tools: ToolClient) -> str:
        """Look at the data before the model is asked; return what the model is told of it."""
        return ""

    @abstractmethod
    async def judge(self, tools: ToolClient, reply: Reply) -> Verdict:
        """Try an answer in the sandbox."""

    async def checked(self, tools: ToolClient, code: str, verdict: Verdict, what: str) -> bool:
        """Check code without running it; where it cannot run, complain and return False."""
        run = await tools.check(code)
        missing = run.structured.get("missing", [])
        held = run.ok and bool(run.structured.get("valid")) and not missing
        if held:
            return True
        lines = run.text if run.ok else f"It was refused: {run.text}"
        if missing:
            lines += "\nOnly what the sandbox has can be imported; nothing can be installed in it."
        verdict.note("checked", False, f"The {what} has errors that a check finds.")
        verdict.against(f"validate_code on the {what}:\n{lines}")
        return False

    @asynccontextmanager
    async def session(self, tools: ToolClient) -> AsyncGenerator[str]:
        """Open a session that has the files of the task."""
        async with tools.session() as session_id:
            await tools.put_files(self.files, session_id)
            yield session_id


def failure(what: str, run: Run) -> str:
    """Return what to tell the model of a run that failed."""
    return f"The {what} was run, and failed:\n{run.text}"
