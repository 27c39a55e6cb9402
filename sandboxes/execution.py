"""The result of one run, as the supervisor reports it. It is input: untrusted code ran there."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from bellglass.sandboxes.egress.request_log import RequestRecord
from bellglass.sandboxes.pictures import checked

# Characters that no JSON text, terminal or client should get: NUL, and surrogates, one of which
# ends the SDK's stdio writer.
UNSAFE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` with NULs and lone surrogates replaced."""
    if text.isascii() and "\0" not in text:
        return text  # a part of a file has megabytes
    return UNSAFE.sub("\ufffd", text)


def cleaned(value: JsonValue) -> JsonValue:
    """Return `value` with every string in it cleaned."""
    match value:
        case str():
            return clean(value)
        case list():
            return [cleaned(item) for item in value]
        case dict():
            return {clean(key): cleaned(item) for key, item in value.items()}
        case _:
            return value


def _cleaned_text(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


# Cleaned before validation: pydantic rejects a text with a lone surrogate.
CleanStr = Annotated[str, BeforeValidator(_cleaned_text)]
Milliseconds = Annotated[float, Field(ge=0, le=1e9)]
ShortStr = Annotated[CleanStr, Field(max_length=1_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
CleanJson = Annotated[JsonValue, BeforeValidator(cleaned)]

Status = Literal[
    "ok",
    "error",
    "exit",
    "timeout",
    "cancelled",
    "oom",
    "killed",
    "crashed",
    "lost",
    "running",
]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Output(_Report):
    """One of the two streams: its head and its tail, with a marker between them if it was cut."""

    text: CleanStr = Field(default="", max_length=1_000_000)
    total_bytes: int = Field(default=0, ge=0)
    cut_bytes: int = Field(default=0, ge=0)
    file: CleanStr | None = Field(default=None, max_length=200)
    """The path in the sandbox of the file with the whole stream, if it was cut."""
    file_bytes: int = Field(default=0, ge=0)
    """The number of bytes in that file."""


class ExecutionError(_Report):
    """An exception that the code did not handle."""

    name: CleanStr = Field(max_length=1_000)
    message: CleanStr = Field(max_length=100_000)
    traceback: CleanStr = Field(max_length=100_000)
    """The steps to it: lines of the user's own code, libraries folded, and earlier exceptions."""
    line: int | None = Field(default=None, ge=0)
    """The line of the given code that raised it, or called what raised it."""
    where: CleanStr = Field(default="", max_length=1_000)
    """Where in the user's code it was raised, in words: line, file, function."""
    code: CleanStr = Field(default="", max_length=2_000)
    """The lines around that position, numbered."""
    values: dict[ShortStr, ShortStr] = Field(default={}, max_length=20)
    """The values of the names on that line."""
    missing: ShortStr = ""
    """What is missing: a name, a key, a file, a module."""
    target: ShortStr = ""
    """What it was looked up in."""
    suggestions: list[ShortStr] = Field(default=[], max_length=20)
    """What exists there and is similar."""
    available: list[ShortStr] = Field(default=[], max_length=20)
    """What exists there."""


class FileChange(_Report):
    """A file of the workspace, or a folder (with a slash at the end), after a call."""

    path: CleanStr = Field(max_length=10_000)
    """Relative to the working directory."""
    bytes: int = Field(ge=0)
    change: Literal["new", "changed", "deleted"]
    readable: bool = False
    """Whether it is a regular file whose name can be part of a URI."""


class _Display(_Report):
    at: int = Field(ge=0)
    """Characters of stdout that came before it."""
    text: CleanStr = Field(max_length=20_000)
    """What a model reads of it."""
    file: CleanStr | None = Field(default=None, max_length=200)
    """The path in the sandbox of the file with all of it, if it was cut."""
    file_bytes: int = Field(default=0, ge=0)


class Picture(_Display):
    kind: Literal["picture"]
    type: Literal["image/png", "image/jpeg"]
    data: Annotated[bytes, Field(max_length=400_000)] | None = None
    """None if the picture is invalid, or too large to show."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_none(cls, given: object) -> object:
        if not isinstance(given, dict) or not isinstance(given.get("data"), str):
            return given
        try:
            data = base64.b64decode(given["data"], validate=True)
            checked(data, given.get("type"))
        except ValueError as exc:
            return {**given, "data": None, "text": f"[a picture that cannot be shown: {exc}]"}
        return {**given, "data": data}


class Rich(_Display):
    """Markup that a client may show better than as text."""

    kind: Literal["rich"]
    type: Literal[
        "text/html",
        "image/svg+xml",
        "text/latex",
        "text/markdown",
        "application/json",
        "text/plain",
    ]
    data: CleanStr | None = Field(default=None, max_length=100_000)


class Column(_Report):
    name: ShortStr
    dtype: ShortStr


class Table(_Display):
    kind: Literal["table"]
    columns: list[Column] = Field(max_length=200)
    rows: list[list[CleanStr | int | float | bool | None]] = Field(max_length=1_000)
    """The first rows."""
    total_rows: int = Field(ge=0)


Display = Annotated[Picture | Rich | Table, Field(discriminator="kind")]


class RunState(_Report):
    """A background run, as the supervisor sees it."""

    id: str = Field(pattern="^r[0-9]{1,9}$")
    op: Literal["python", "bash"]
    state: Literal["running", "returned", "ended"]
    """`returned`: the code has ended, and processes that it started go on."""
    seconds: Seconds
    """Seconds since it began, or until it ended."""
    limit_seconds: Seconds
    processes: int = Field(ge=0)
    files: list[Annotated[CleanStr, Field(max_length=200)]] = Field(default=[], max_length=2)
    """The paths in the sandbox of the files with all of its output."""


class Execution(_Report):
    """The result of one run. A traceback, an exit code and a time-out are data, not exceptions."""

    status: Status
    exit_code: int | None = Field(default=None, ge=-(1 << 31), lt=1 << 31)
    signal: CleanStr | None = Field(default=None, max_length=30)
    """The name of the signal that ended the process, such as SIGSEGV."""
    stdout: Output = Output()
    stderr: Output = Output()
    value: CleanStr | None = Field(default=None, max_length=200_000)
    """The `repr` of the last expression."""
    error: ExecutionError | None = None
    displays: list[Display] = Field(default=[], max_length=100)
    """What the code displayed beside its output, in order."""
    state: Literal["kept", "restored", "lost"] = "kept"
    """Variables are kept; restored to what they were before this call; or lost."""
    undone_calls: int = Field(default=0, ge=0)
    """Restored: the number of earlier calls that are undone as well, since no copy was made."""
    wall_seconds: Seconds = 0.0
    cpu_seconds: Seconds = 0.0
    peak_memory_bytes: int = Field(default=0, ge=0)
    killed_processes: int = Field(default=0, ge=0)
    """The number of processes that the code left behind, killed after the call."""
    background_bytes: int = Field(default=0, ge=0)
    """Bytes of output from threads of earlier calls, dropped as they are not this call's."""
    notices: list[Annotated[CleanStr, Field(max_length=2_000)]] = Field(default=[], max_length=20)
    """Facts for the caller beside the outcome, such as which limit was reached."""
    files: list[FileChange] = Field(default=[], max_length=100)
    """What the call created, changed or deleted in the workspace."""
    files_left_out: int = Field(default=0, ge=0)
    """The number of further changes, which are not listed."""
    files_unseen: bool = False
    """Whether the workspace has more files than are scanned after a call."""
    network: Annotated[list[RequestRecord], BeforeValidator(lambda _: [])] = []
    """Requests of its programs to the outside, from the server's own log: code cannot change it."""
    report: list[CleanJson] = Field(default=[], max_length=20_000)
    """What a one-shot operation (check, test) sent, in order."""
    timeline: list[tuple[ShortStr, Milliseconds]] = Field(default=[], max_length=100)
    """Events in the supervisor and their milliseconds, if tracing is on."""
    runs: list[RunState] = Field(default=[], max_length=100)
    """The background runs that this is about."""
