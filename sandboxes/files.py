"""Files of a session, read and written in parts from outside."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.execution import CleanStr, ShortStr

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution

MAX_PATH_CHARACTERS = 4_096  # PATH_MAX

PART_TIMEOUT_SECONDS = 15
"""For one part, which takes milliseconds."""

CHECKSUM_TIMEOUT_SECONDS = 60
"""For the checksum of a whole file: 500 MB take a second."""


class JobRunner(Protocol):
    """A session, or a connection to one of another process."""

    async def run(self, op: str, arguments: dict[str, Any], *, timeout: float) -> Execution:
        """Run a job in the sandbox; see `Session.run`."""


class FileRefused(SandboxError):
    """A file cannot be read or written; the text says why, and what to do."""

    def __init__(self, path: str, reason: str, advice: str, kind: str | None, size: int = 0):
        super().__init__(f"{shown(path)}: {reason}. {advice}")
        self.kind = kind
        self.size = size


def _decoded(data: object) -> bytes:
    return base64.b64decode(data, validate=True) if isinstance(data, str) else b""


class FileReport(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Answer = TypeVar("Answer", bound=FileReport)


class Part(FileReport):
    """A part of a file, or of the entries of a folder."""

    size: int = Field(ge=0)
    """The size of the whole: bytes, or entries."""
    offset: int = Field(ge=0)
    stamp: ShortStr = ""
    """A tag that changes with the file."""
    data: Annotated[bytes, BeforeValidator(_decoded)] = Field(
        default=b"", max_length=MAX_PART_BYTES
    )
    entries: list[tuple[Annotated[CleanStr, Field(max_length=300)], int]] | None = Field(
        default=None, max_length=500
    )
    """Names and sizes of a folder's entries; a folder in it has a slash at its end."""


class Written(FileReport):
    """A file after a part of it was written."""

    size: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    repeated: bool = False
    """Whether the part was written before."""


class _Refusal(FileReport):
    refusal: ShortStr
    kind: Literal["missing", "full", "offset", "unsupported"] | None = None
    size: int = Field(default=0, ge=0)


async def read_part(
    session: JobRunner,
    path: str,
    offset: int = 0,
    most: int = MAX_PART_BYTES,
    *,
    folders: bool = False,
    prefix: str = "",
) -> Part:
    """Read a part of a file; or with `folders`, the entries of a folder that begin so.

    Raises:
        FileRefused: It does not exist, cannot be read, or lies outside the workspace.
        SandboxError: As `Session.run`.
    """
    arguments: dict[str, Any] = {"path": path, "offset": offset, "bytes": most}
    if folders:
        arguments |= {"folders": True, "prefix": prefix}
    execution = await session.run("read", arguments, timeout=PART_TIMEOUT_SECONDS)
    return answer_of(Part, execution, path, "Look at it with execute_bash")


async def write_part(session: JobRunner, path: str, data: bytes, offset: int = 0) -> Written:
    """Replace a file, or with `offset`, which is its size so far, extend it.

    Raises:
        FileRefused: It cannot be written there; the file is as it was.
        SandboxError: As `Session.run`.
    """
    encoded = base64.b64encode(data).decode()
    if offset:
        return await _write(
            session, path, "extend", CHECKSUM_TIMEOUT_SECONDS, data=encoded, offset=offset
        )
    return await _write(session, path, "replace", data=encoded)


class Upload:
    """A file that comes in parts beside the one of its name, and takes its place at the end.

    What of it is there stays for a later call, until it is begun anew, committed or aborted.
    Each method raises FileRefused if it cannot be done, and SandboxError as `Session.run`.
    """

    def __init__(self, session: JobRunner, path: str) -> None:
        self._session = session
        self._path = path

    async def begin(self) -> None:
        """Begin with nothing, whatever was there of an earlier one."""
        await _write(self._session, self._path, "begin")

    async def append(self, data: bytes, offset: int) -> int:
        """Add a part at `offset`, the size so far; return the size by then."""
        encoded = base64.b64encode(data).decode()
        written = await _write(self._session, self._path, "append", data=encoded, offset=offset)
        return written.size

    async def commit(self, size: int, sha256: str | None) -> Written:
        """Make it the file, if it has that size and, where it is known, that checksum."""
        return await _write(
            self._session,
            self._path,
            "commit",
            CHECKSUM_TIMEOUT_SECONDS,
            offset=size,
            sha256=sha256,
        )

    async def abort(self) -> None:
        """Delete what there is of it."""
        await _write(self._session, self._path, "abort")

    async def stat(self) -> int:
        """Return how much of it is there."""
        try:
            return (await _write(self._session, self._path, "stat")).size
        except FileRefused as exc:
            if exc.kind == "missing":
                return 0
            raise


async def _write(
    session: JobRunner,
    path: str,
    do: str,
    seconds: float = PART_TIMEOUT_SECONDS,
    **arguments: object,
) -> Written:
    given = {"do": do, "path": path, **arguments}
    execution = await session.run("write", given, timeout=seconds)
    return answer_of(Written, execution, path, "Nothing was written")


def shown(path: str, most: int = 120) -> str:
    """Return a name that is safe in a line of text: code chooses names freely."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path[: 2 * most])
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def answer_of(kind: type[Answer], execution: Execution, path: str, advice: str) -> Answer:
    """Return what a job has answered.

    Raises:
        FileRefused: It refuses, or the answer is malformed.
    """
    if execution.status != "ok" or len(execution.report) != 1:
        reason = f"it could not be done ({execution.status})"
        raise FileRefused(path, reason, " ".join([*execution.notices, "Try again."]), None)
    report = execution.report[0]
    try:
        if isinstance(report, dict) and "refusal" in report:
            refusal = _Refusal.model_validate(report)
        else:
            return kind.model_validate(report)
    except ValidationError as exc:
        raise FileRefused(path, "the sandbox sent a malformed reply", "Try again.", None) from exc
    if refusal.kind == "full":
        advice += "; delete files of the session first"
    if refusal.kind == "unsupported":
        advice = "Use execute_python for what can be computed"
    if refusal.kind == "missing" and kind is Part:
        advice = "execute_bash with `ls` shows the files"
    raise FileRefused(path, refusal.refusal, f"{advice}.", refusal.kind, refusal.size)
