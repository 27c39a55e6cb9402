"""Types of all messages between server, supervisor and worker.

    server       requests: Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest
    supervisor   frames: Ready, Stream, Net, Note, Tick, Reply
    supervisor   packets to a worker: RunCode, BeginRun, TakeCheckpoint, Displayed
    worker       packets of claims: Started, Answer, Show, Clear, Rested, RunBegun

The sender builds such a value once. A receiver that trusts the sender less validates it first: the
server with the models of `sandboxes/protocol.py`, the supervisor with `untrusted.py`. A test
compares those models with these types field by field.

Classes with `total=False` have the optional fields: Python 3.9 has no `NotRequired`. Creating these
types takes 30 ms, and nothing needs them at run time: import them under TYPE_CHECKING, and write
values as dict displays.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

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

ClaimedStatus = Literal["ok", "error", "exit"]
"""Statuses that a worker may report for its own call; all others are the supervisor's verdicts."""

VariableState = Literal["kept", "restored", "lost"]

RunStatus = Literal["running", "returned", "ended"]


class Mark(TypedDict):
    """The identity of a request, repeated in every answer. Foreign code never sees the nonce."""

    id: int
    nonce: str


# --- the server's requests


class CallOptions(TypedDict, total=False):
    run: str
    """The call begins a background run of this name; its reply says that the run has begun."""
    trace: bool
    """Whether the execution is to have a timeline."""


class _Call(Mark, CallOptions):
    timeout: float


class PythonCall(_Call):
    op: Literal["python"]
    code: str


class BashCall(_Call):
    op: Literal["bash"]
    command: str


class JobCall(_Call):
    op: Literal["job"]
    job: str
    arguments: dict[str, Any]
    """Arguments of the tool for its own job."""


Call = Union[PythonCall, BashCall, JobCall]


class Cancel(TypedDict):
    op: Literal["cancel"]
    id: int
    """The id of the call that nobody waits for any more."""


class _Seconds(TypedDict, total=False):
    seconds: float
    """For how long output is wanted as it is printed; with `watch`."""


class AskRuns(Mark, _Seconds):
    """A request about a background run, answered also while a call runs."""

    op: Literal["runs"]
    do: Literal["read", "stop", "watch"]
    run: str


class Resume(TypedDict):
    """Another server takes over."""

    op: Literal["resume"]
    nonce: str


class OpenNetwork(TypedDict):
    """Programs may reach the server's proxy; sent before the first call."""

    op: Literal["network"]
    port: int
    environment: dict[str, str]


class _NetStep(TypedDict, total=False):
    data: str
    """In base64; with `data`."""
    size: int
    """Bytes that may be sent in addition; with `credit`."""


class NetRequest(_NetStep):
    """One event of a relayed connection, from the server."""

    op: Literal["net"]
    id: int
    event: Literal["data", "eof", "close", "credit"]


Request = Union[Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest]

# --- the supervisor's frames


class SelfCheck(TypedDict):
    """What the supervisor reports about its own confinement."""

    python: str
    uid: int
    capabilities: int
    no_new_privs: bool
    seccomp: int
    interfaces: list[str]
    writable_disks: list[str]
    memory_bytes: int | None
    processes: int | None


class _Greeting(TypedDict, total=False):
    nonce: str
    """The nonce of the server that takes over."""
    ticks: bool
    state: VariableState | None
    """The state of the variables, if another server used the sandbox before."""


class Ready(SelfCheck, _Greeting):
    type: Literal["ready"]


class Stream(Mark):
    """Output, while the code runs."""

    type: Literal["stream"]
    name: Literal["stdout", "stderr"]
    text: str


class Net(_NetStep):
    """One event of a relayed connection, from a program inside."""

    type: Literal["net"]
    id: int
    event: Literal["open", "data", "eof", "close", "credit"]


class Note(Mark):
    """The state of a background run, after the reply that it had begun."""

    type: Literal["note"]
    state: Literal["returned", "ended"]


class Tick(TypedDict):
    """The supervisor is awake."""

    type: Literal["tick"]


class Reply(Mark):
    type: Literal["reply"]
    execution: Execution


Frame = Union[Ready, Stream, Net, Note, Tick, Reply]

# --- an execution, the content of a reply


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


class ShownPicture(ShownText, _OptionalData):
    kind: Literal["picture"]
    type: Literal["image/png", "image/jpeg"]


class ShownRich(ShownText, _OptionalData):
    kind: Literal["rich"]
    type: Literal[
        "text/html",
        "image/svg+xml",
        "text/latex",
        "text/markdown",
        "application/json",
        "text/plain",
    ]


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


# --- packets to a worker


class RunCode(TypedDict):
    type: Literal["code"]
    nonce: str
    number: int
    code: str


class BeginRun(TypedDict):
    """Code for a fork of the worker, with the descriptors of its pipes and its socket."""

    type: Literal["begin_run"]
    nonce: str
    number: int
    code: str


class TakeCheckpoint(TypedDict):
    type: Literal["checkpoint"]
    nonce: str
    slot: int
    """The index of the spare socket that the supervisor will use for the checkpoint."""
    killed: list[int]
    """Children that the supervisor has killed: the worker waits for them first."""


class Displayed(TypedDict):
    """The acknowledgement of a display, or of a request to clear displays."""

    type: Literal["displayed"]
    nonce: str
    number: int
    kept: bool


ToWorker = Union[RunCode, BeginRun, TakeCheckpoint, Displayed]

# --- packets of a worker: claims, until `supervisor/untrusted.py` has validated them


class Started(TypedDict):
    """The worker has taken the code, and may be interrupted from now on."""

    type: Literal["started"]
    nonce: str


class Answered(TypedDict):
    """A worker's report of code that it has run."""

    status: ClaimedStatus
    exit_code: int | None
    value: str | None
    error: ExecutionError | None
    changed: bool
    """Whether variables may have changed."""
    background_bytes: int


class Answer(Answered):
    type: Literal["answer"]
    nonce: str


class _InPlaceOf(TypedDict, total=False):
    in_place_of: int
    """The number of the display that it replaces."""


class Show(_InPlaceOf):
    type: Literal["display"]
    nonce: str
    number: int
    display: Shown


class Clear(TypedDict):
    type: Literal["clear"]
    nonce: str
    number: int


class Rested(TypedDict):
    """The worker waits, and has forked a checkpoint."""

    type: Literal["rested"]
    nonce: str
    checkpoint: int
    """The pid of the checkpoint; 0 if there is none."""


class RunBegun(TypedDict):
    type: Literal["run_begun"]
    nonce: str
    pid: int
    """The pid of the run; -1 if no process could be created."""


FromWorker = Union[Started, Answer, Show, Clear, Rested, RunBegun]

Claim = dict[str, Any]
"""A packet of a worker as it arrives, in any shape."""
