"""Mode `transform`: change code and keep its behaviour, compared on the same inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.agent import texts
from bellglass.agent.blocks import blocks_of
from bellglass.agent.compare import agree
from bellglass.agent.errors import DataRefused
from bellglass.agent.format import plain
from bellglass.agent.inside import source
from bellglass.agent.modes.base import Mode, Verdict
from bellglass.agent.tool_client import NoReport, contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bellglass.agent.reading import Language, Reply
    from bellglass.agent.tool_client import ToolClient

MAX_CODE_CHARACTERS = 60_000
MIN_INPUTS = 5
RELATIVE_TOLERANCE = 1e-9
MAX_SHOWN_DIFFERENCES = 5

_RULES = """The program is the changed code, whole. It replaces the old code, so everything that \
others may use of it keeps its name, its arguments, its results and its exceptions. If the task is \
to port it to Bash, the program block is ```bash program.

The inputs set a list INPUTS of at least 12 items, on which old and new are run and compared. An \
item is a Python expression as a string, which is evaluated with the names of the module, such as \
"total([1, 2])"; results are compared with their types, exceptions by their class, floats to a \
relative 1e-9. To see what a call does to its argument, return that too: \
"(lambda xs: (sort(xs), xs))([2, 1])". For code that is a program an item is a dict: \
{"stdin": "2 3", "args": ["-v"], "files": {"a.txt": "..."}}; printed text and exit code are \
compared. Choose them to reach every line of the old code: ordinary, empty, one, large, negative, \
repeated, and what is refused. INPUTS may be made by a loop, with a fixed seed."""


class Transform(Mode):
    name = "transform"
    proof = "inputs"
    bash = True

    def __init__(self, files: Sequence[Path] = (), task: str = "") -> None:
        super().__init__(files[1:])
        self._old_file = files[0] if files else None
        self._task = task
        self._old = ""
        self._language: Language = "python"
        self._asked_for_lines = False

    def system(self, python: str) -> str:
        return texts.system(
            program="# the changed code, whole",
            proof="inputs",
            proof_text="INPUTS = [...]",
            rules=_RULES,
            python=python,
        )

    async def learn(self, tools: ToolClient) -> str:
        if self._old_file is not None:
            try:
                self._old = contents(self._old_file).decode()
            except UnicodeDecodeError as exc:
                raise DataRefused(
                    f"{self._old_file} is not UTF-8 text, so it cannot be code."
                ) from exc
            self._language = "bash" if self._old_file.suffix in (".sh", ".bash") else "python"
        elif blocks := blocks_of(self._task):
            self._old = blocks[0].code
            self._language = "bash" if blocks[0].tag in ("bash", "sh") else "python"
        if not self._old.strip():
            raise DataRefused(
                "There is no code to transform. Name its file, --data FILE, or fence it in the "
                "task."
            )
        if len(self._old) > MAX_CODE_CHARACTERS:
            size = (
                f"{len(self._old):,} characters, of which {MAX_CODE_CHARACTERS:,} can be worked on"
            )
            raise DataRefused(f"The code has {size}. Give a part of it.")
        check = await tools.check(self._old, language=self._language)
        if not check.structured.get("valid"):
            raise DataRefused(f"The code to transform is not valid.\n{check.text}")
        return f"The old code:\n````{self._language}\n{self._old}\n````"

    async def judge(self, tools: ToolClient, reply: Reply) -> Verdict:
        verdict = Verdict()
        if reply.language == "python" and not await self.checked(
            tools, reply.program, verdict, "program"
        ):
            return verdict
        # Each runs in a session of its own, so neither can rely on files of the other.
        old = await self._run(tools, self._old, self._language, reply.proof)
        if complaint := _unusable(old, "old"):
            verdict.note("same behaviour", False, "The inputs cannot be used.")
            return verdict.against(complaint)
        new = await self._run(tools, reply.program, reply.language, reply.proof)
        if complaint := _unusable(new, "new"):
            verdict.note("same behaviour", False, "The new code could not be run on the inputs.")
            return verdict.against(complaint)
        self._compare(old["outcomes"], new["outcomes"], verdict)
        if verdict.complaint:
            return verdict
        verdict.result = _speed(old, new)
        await self._ask_for_lines(tools, reply, verdict)
        return verdict

    async def _run(
        self, tools: ToolClient, code: str, language: Language, inputs: str, mode: str = "outcomes"
    ) -> dict[str, Any]:
        path = "program.sh" if language == "bash" else "program.py"
        async with self.session(tools) as session_id:
            await tools.put(path, code.encode(), session_id)
            try:
                report = await tools.ask(
                    source("shapes", "behaviour"), session_id, path=path, inputs=inputs, mode=mode
                )
            except NoReport as exc:
                return {"refusal": f"They could not be run to the end:\n{exc}"}
        return report if isinstance(report, dict) else {"refusal": "The report is malformed."}

    def _compare(self, old: list[Any], new: list[Any], verdict: Verdict) -> None:
        different = [
            (one, other) for one, other in zip(old, new, strict=True) if not _alike(one, other)
        ]
        total, same = len(old), len(old) - len(different)
        values = {one.get("input") for one in old if not one.get("void")}
        text = f"Old and new behave the same on {same} of {total} inputs."
        enough = len(values) >= MIN_INPUTS
        verdict.note("same behaviour", not different and enough, text, same, total)
        if different:
            shown = "\n".join(_difference(*pair) for pair in different[:MAX_SHOWN_DIFFERENCES])
            verdict.against(
                f"Old and new differ on {len(different)} of {total} inputs. The old code is "
                f"right.\n{shown}"
            )
        elif not enough:
            verdict.against(
                f"Only {len(values)} different inputs do anything with the old code (NameError and "
                f"SyntaxError are faults of an input). At least {MIN_INPUTS} must."
            )

    async def _ask_for_lines(self, tools: ToolClient, reply: Reply, verdict: Verdict) -> None:
        """Ask once for inputs that reach more of the old code; some lines may be unreachable."""
        lines = await self._run(tools, self._old, self._language, reply.proof, "lines")
        possible, missed = lines.get("possible"), lines.get("missed")
        if not isinstance(possible, int) or not possible or not isinstance(missed, list):
            return
        reached = possible - len(missed)
        told = ", ".join(str(line) for line in missed[:20])
        text = f"The inputs reach {reached} of {possible} lines of the old code"
        if missed and not self._asked_for_lines:
            self._asked_for_lines = True
            verdict.note("lines reached", False, f"{text}.", reached, possible)
            verdict.against(
                f"{text}: not lines {told}. Add inputs that reach them; if none can, reply with "
                "the same blocks again."
            )
            return
        left = f"; none reaches {told}" if missed else ""
        verdict.note("lines reached", True, f"{text}{left}.", reached, possible)


def _unusable(report: dict[str, Any], which: str) -> str:
    if refusal := report.get("refusal"):
        return f"The inputs, with the {which} code: {refusal}"
    outcomes = report.get("outcomes")
    if not isinstance(outcomes, list) or not all(isinstance(item, dict) for item in outcomes):
        return f"The report on the {which} code is malformed. Try again."
    return "" if outcomes else "INPUTS is empty."


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    plain = ("raises", "exit_code", "stdout")
    if any(one.get(name) != other.get(name) for name in plain):
        return False
    return agree(one.get("value"), other.get("value"), relative=RELATIVE_TOLERANCE)


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    return f"- {one.get('input')}\n  old: {_told(one)}\n  new: {_told(other)}"


def _told(outcome: dict[str, Any]) -> str:
    if "raises" in outcome:
        return f"raises {outcome['raises']}: {outcome.get('message', '')}"[:400]
    parts = []
    if "value" in outcome:
        parts.append(plain(outcome["value"])[:300])
    if outcome.get("stdout"):
        parts.append(f"prints {outcome['stdout'][:200]!r}")
    if outcome.get("exit_code"):
        parts.append(
            f"exit code {outcome['exit_code']}, stderr {outcome.get('stderr', '')[-200:]!r}"
        )
    return ", ".join(parts) or "nothing"


def _speed(old: dict[str, Any], new: dict[str, Any]) -> str:
    before, after = old.get("seconds"), new.get("seconds")
    if not isinstance(before, float) or not isinstance(after, float) or after <= 0:
        return ""
    times = f", {before / after:.1f} times as fast" if before > 0.01 else ""
    return f"All inputs took the old code {before:.3g} s and the new one {after:.3g} s{times}."
