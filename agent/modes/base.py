"""The base class of modes: it checks code before it runs, and collects the verdict."""

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
    """The result of an attempt. It is verified if there is no complaint."""

    complaint: str = ""
    """The text for the model."""
    result: str = ""
    figures: tuple[bytes, ...] = ()
    evidence: list[Evidence] = field(default_factory=list)

    def note(
        self, kind: Kind, held: bool, text: str, passed: int | None = None, total: int | None = None
    ) -> bool:
        """Record a piece of evidence; return whether it held."""
        self.evidence.append(Evidence(kind=kind, held=held, text=text, passed=passed, total=total))
        return held

    def against(self, complaint: str) -> Verdict:
        self.complaint = complaint
        return self


class Mode(ABC):
    """One kind of task. Each task has its own instance, which may keep facts about the data."""

    name: ClassVar[ModeName]
    proof: ClassVar[Proof]
    """The name of the second block of an answer."""
    bash: ClassVar[bool] = False
    """Whether the program may be a Bash script."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self.files = tuple(files)

    @abstractmethod
    def system(self, python: str) -> str:
        """Return the instructions for the model, for a sandbox with this Python."""

    async def learn(self, tools: ToolClient) -> str:
        """Inspect the data before the model is asked; return the text on it for the model."""
        return ""

    @abstractmethod
    async def judge(self, tools: ToolClient, reply: Reply) -> Verdict:
        """Test an answer in the sandbox."""

    async def checked(self, tools: ToolClient, code: str, verdict: Verdict, what: str) -> bool:
        """Check code without running it. If it cannot run, add a complaint and return False."""
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
        """Open a session with the files of the task."""
        async with tools.session() as session_id:
            await tools.put_files(self.files, session_id)
            yield session_id


def failure(what: str, run: Run) -> str:
    """Return the text for the model on a run that failed."""
    return f"The {what} was run, and failed:\n{run.text}"
