"""A client of the server's tools: sessions, code, tests and files, over the protocol."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.agent.errors import DataRefused, ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from mcp import Client
    from mcp.types import CallToolResult

UPLOAD_PART_BYTES = 2_000_000
"""Bytes of a file in one call of write_file, before base64."""

MAX_FILE_BYTES = 200_000_000
MAX_FIGURES = 8
MAX_FIGURE_BYTES = 5_000_000
CALL_GRACE_SECONDS = 30
"""Time for transport, in addition to the time limit of the code."""
CLOSE_TIMEOUT_SECONDS = 5

REPORT = ".bellglass-report.json"

_OURS = """
def _bellglass_report():
    import base64, json
    names = {{"__name__": "bellglass_inside"}}
    exec(compile(base64.b64decode({source!r}), "bellglass", "exec"), names)
    report = names["main"](**json.loads(base64.b64decode({arguments!r})))
    with open({path!r}, "w", encoding="utf-8") as file:
        json.dump(report, file)
_bellglass_report()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The result of a tool call."""

    ok: bool
    status: str
    text: str
    """The text for the model."""
    figures: tuple[bytes, ...] = ()
    structured: dict[str, Any]


class ToolClient:
    """Sessions on one server, which all end with this object."""

    def __init__(self, client: Client, *, call_seconds: float, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self.call_seconds = call_seconds
        self.log: list[str] = []
        """One line per tool call and its outcome; the transcript reads and empties it."""

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[str]:
        """Open a session, and close it on exit."""
        result = await self._call("execute_python", {"code": ""}, 0)
        session_id = str((result.meta or {}).get("bellglass/execution", {}).get("session_id", ""))
        if not session_id:
            raise ServerUnavailable(f"The server starts no session. It said: {_text(result)}")
        try:
            yield session_id
        finally:
            with anyio.move_on_after(CLOSE_TIMEOUT_SECONDS, shield=True):
                await self._call("close_session", {"session_id": session_id}, 0)

    async def run(
        self, code: str, session_id: str, *, language: str = "python", quietly: bool = False
    ) -> Run:
        tool, name = (
            ("execute_bash", "command") if language == "bash" else ("execute_python", "code")
        )
        arguments = {name: code, "session_id": session_id, "timeout": self.call_seconds}
        result = await self._call(tool, arguments, self.call_seconds)
        return run_of(result) if quietly else self._noted(tool, result)

    async def check(self, code: str, *, language: str = "python") -> Run:
        arguments = {"code": code, "language": language}
        return self._noted("validate_code", await self._call("validate_code", arguments, 0))

    async def test(self, code: str, tests: str, session_id: str) -> Run:
        """Run `tests`, a pytest module that imports `code` as `solution`."""
        arguments = {
            "code": code,
            "tests": tests,
            "session_id": session_id,
            "timeout": self.call_seconds,
        }
        return self._noted("run_tests", await self._call("run_tests", arguments, self.call_seconds))

    async def put(self, path: str, data: bytes, session_id: str) -> None:
        """Write a file of the session.

        Raises:
            DataRefused: The sandbox refused it, for example for lack of space.
        """
        for start in range(0, max(len(data), 1), UPLOAD_PART_BYTES):
            part = base64.b64encode(data[start : start + UPLOAD_PART_BYTES]).decode()
            arguments = {"path": path, "base64": part, "offset": start, "session_id": session_id}
            result = await self._call("write_file", arguments, self.call_seconds)
            if result.is_error:
                raise DataRefused(
                    f"{path} could not be put into the sandbox: {_text(result)[:500]}"
                )

    async def ask(self, source: str, session_id: str, **arguments: Any) -> Any:
        """Run one of our programs inside, and return the result of its `main`.

        The report is read as a file, because shown output is limited by the operator. It is as
        trustworthy as any code that runs in that session.
        """
        code = _OURS.format(
            source=base64.b64encode(source.encode()).decode(),
            arguments=base64.b64encode(json.dumps(arguments).encode()).decode(),
            path=REPORT,
        )
        request = {"code": code, "session_id": session_id, "timeout": self.call_seconds}
        result = await self._call("execute_python", request, self.call_seconds)
        if _status(result) != "ok":
            raise NoReport(_text(result))
        try:
            return json.loads(await self._read(REPORT, session_id))
        except (ValueError, RecursionError) as exc:
            raise NoReport("What the sandbox reported cannot be read.") from exc

    async def put_files(self, files: Sequence[Path], session_id: str) -> list[str]:
        """Write files to the session under their own names; return the names."""
        names: list[str] = []
        for file in files:
            name = file.name
            while name in names:
                name = f"{len(names)}-{file.name}"
            await self.put(name, await anyio.to_thread.run_sync(contents, file), session_id)
            names.append(name)
        return names

    async def _read(self, path: str, session_id: str) -> str:
        from mcp.shared.exceptions import MCPError
        from mcp.types import TextResourceContents

        try:
            read = await self._client.read_resource(f"sandbox://{session_id}/files/{path}")
        except MCPError as exc:
            raise NoReport(str(exc)) from exc
        if not isinstance(content := read.contents[0], TextResourceContents):
            raise NoReport("What the sandbox reported is not text.")
        return content.text

    async def _call(self, tool: str, arguments: dict[str, Any], seconds: float) -> CallToolResult:
        from mcp.shared.exceptions import MCPError

        try:
            with anyio.fail_after(seconds + CALL_GRACE_SECONDS):
                result = await self._client.call_tool(tool, arguments)
        except TimeoutError as exc:
            text = f"The server did not answer {tool} in {seconds + CALL_GRACE_SECONDS:g} s."
            raise ServerUnavailable(text) from exc
        except (MCPError, anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise ServerUnavailable(f"The server failed at {tool}: {exc}") from exc
        return result

    def _noted(self, tool: str, result: CallToolResult) -> Run:
        run = run_of(result)
        line = f"{tool}: {run.text.strip().partition(chr(10))[0][:200] or run.status}"
        self._tell(f"  {line}")
        self.log.append(line)
        return run


class NoReport(Exception):
    """One of our programs did not finish inside; the message says why."""


def contents(file: Path) -> bytes:
    """Return the content of a file of the task.

    Raises:
        DataRefused: It is not a file, cannot be read, or is too large to send.
    """
    try:
        if not file.is_file():
            what = "a folder: name its files" if file.is_dir() else "not there"
            raise DataRefused(f"{file} is {what}.")
        if (size := file.stat().st_size) > MAX_FILE_BYTES:
            most = MAX_FILE_BYTES // 1_000_000
            raise DataRefused(
                f"{file} has {size // 1_000_000:,} MB; at most {most} MB can be sent."
            )
        return file.read_bytes()
    except OSError as exc:
        raise DataRefused(f"{file} cannot be read: {exc.strerror}.") from exc


def run_of(result: CallToolResult) -> Run:
    from mcp.types import ImageContent

    pictures = [block.data for block in result.content if isinstance(block, ImageContent)]
    figures = [
        base64.b64decode(data)
        for data in pictures[:MAX_FIGURES]
        if len(data) <= MAX_FIGURE_BYTES * 4 // 3
    ]
    status = _status(result)
    structured = result.structured_content if isinstance(result.structured_content, dict) else {}
    return Run(
        ok=status == "ok" and not result.is_error,
        status=status,
        text=_text(result),
        figures=tuple(figures),
        structured=structured,
    )


def _status(result: CallToolResult) -> str:
    record = (result.meta or {}).get("bellglass/execution", {})
    return str(record.get("status") or ("refused" if result.is_error else "ok"))


def _text(result: CallToolResult) -> str:
    """Return the text of a result without the line with the session id."""
    from mcp.types import TextContent

    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if texts:  # it ends the last of them, in which nothing but the server's words begins a line
        notes, _, last = texts[-1].rpartition("\n")
        texts[-1] = notes if last.startswith("session_id: ") else texts[-1]
    return "\n".join(texts).strip("\n")
