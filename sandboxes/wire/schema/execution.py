"""What is told of a call or a background run: the content of a reply."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

from bellglass.sandboxes.wire.schema.basics import RunStatus, Status, VariableState


class Output(TypedDict, total=False):
    text: str
    total_bytes: int
    cut_bytes: int
    file: str | None
    file_bytes: int


class _Raised(TypedDict):
    name: str
    message: str
    traceback: str


class ExecutionError(_Raised, total=False):
    line: int | None
    where: str
    code: str
    values: dict[str, str]
    missing: str
    target: str
    suggestions: list[str]
    available: list[str]


class _Overflow(TypedDict, total=False):
    file: str | None
    file_bytes: int


class ShownText(_Overflow):
    """What a model reads of a display, and the file with all of it."""

    text: str


class _OptionalData(TypedDict, total=False):
    data: str | None
    """A picture in base64."""


PictureType = Literal["image/png", "image/jpeg"]
RichType = Literal[
    "text/html",
    "image/svg+xml",
    "text/latex",
    "text/markdown",
    "application/json",
    "text/plain",
]


class ShownPicture(ShownText, _OptionalData):
    kind: Literal["picture"]
    type: PictureType


class ShownRich(ShownText, _OptionalData):
    kind: Literal["rich"]
    type: RichType


class Column(TypedDict):
    name: str
    dtype: str


class ShownTable(ShownText):
    kind: Literal["table"]
    columns: list[Column]
    rows: list[list[str | int | float | bool | None]]
    total_rows: int


Shown = Union[ShownPicture, ShownRich, ShownTable]
"""A display as the worker sends it, and as the supervisor keeps it after validation."""


class _Place(TypedDict):
    at: int
    """Characters of stdout that came before it."""


class Picture(ShownPicture, _Place):
    pass


class Rich(ShownRich, _Place):
    pass


class Table(ShownTable, _Place):
    pass


Display = Union[Picture, Rich, Table]
"""A display with its position in the output."""


class _FileChange(TypedDict):
    path: str
    bytes: int
    change: Literal["new", "changed", "deleted"]


class FileChange(_FileChange, total=False):
    readable: bool


class FileChanges(TypedDict, total=False):
    """What a call changed in the workspace; empty if nothing."""

    files: list[FileChange]
    files_left_out: int
    files_unseen: bool


class _RunState(TypedDict):
    id: str
    op: Literal["python", "bash"]
    state: RunStatus
    seconds: float
    limit_seconds: float
    processes: int


class RunState(_RunState, total=False):
    files: list[str]


class Outcome(TypedDict):
    """How a call or a run ended."""

    status: Status
    exit_code: int | None
    signal: str | None


class _Status(TypedDict):
    status: Status


class Execution(_Status, FileChanges, total=False):
    exit_code: int | None
    signal: str | None
    stdout: Output
    stderr: Output
    value: str | None
    error: ExecutionError | None
    displays: list[Display]
    state: VariableState
    undone_calls: int
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    killed_processes: int
    background_bytes: int
    notices: list[str]
    report: list[Any]
    """What a job sent to its tool, in order."""
    runs: list[RunState]
    timeline: list[tuple[str, float]]
    """Events in the supervisor, with the milliseconds since it took the request."""
