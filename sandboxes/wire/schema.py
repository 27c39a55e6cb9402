"""Types of everything that server, supervisor and worker say to each other.

    server       requests: Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest
    supervisor   frames: Ready, Stream, Net, Note, Tick, Reply
    supervisor   packets to a worker: RunCode, BeginRun, TakeCheckpoint, Displayed
    worker       packets of claims: Started, Answer, Show, Clear, Rested, RunBegun

Whoever sends builds such a value once. Whoever receives from a less trusted side checks it first:
the server with the models of `sandboxes/protocol.py`, the supervisor with `untrusted.py`. A test
compares those models with these types field by field.

Parts with `total=False` are fields that may be missing: Python 3.9 has no `NotRequired`. To make
these types takes 30 ms, and nobody needs them to run: import them under TYPE_CHECKING, and write
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
"""What a worker may say of its own call; every other status is a verdict of the supervisor."""

VariableState = Literal["kept", "restored", "lost"]

RunStatus = Literal["running", "returned", "ended"]


class Mark(TypedDict):
    """What names a request, and all that is said about it. Foreign code never sees the nonce."""

    id: int
    nonce: str


# --- the server's requests


class CallOptions(TypedDict, total=False):
    run: str
    """The call begins a background run of this name, and is answered when the run has begun."""
    trace: bool
    """The execution shall have a timeline."""


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
    """What the tool says to its own job."""


Call = Union[PythonCall, BashCall, JobCall]


class Cancel(TypedDict):
    op: Literal["cancel"]
    id: int
    """Of the call that nobody waits for any more."""


class _Seconds(TypedDict, total=False):
    seconds: float
    """For so long the output is wanted as it comes; with `watch`."""


class AskRuns(Mark, _Seconds):
    """A question about a background run, answered also while a call runs."""

    op: Literal["runs"]
    do: Literal["read", "stop", "watch"]
    run: str


class Resume(TypedDict):
    """Another server takes over."""

    op: Literal["resume"]
    nonce: str


class OpenNetwork(TypedDict):
    """Programs may reach the server, which lets some of it out; before the first call."""

    op: Literal["network"]
    port: int
    environment: dict[str, str]


class _NetStep(TypedDict, total=False):
    data: str
    """In base64; with `data`."""
    size: int
    """Bytes that may be sent in addition; with `credit`."""


class NetRequest(_NetStep):
    """One step of a connection, from the server."""

    op: Literal["net"]
    id: int
    event: Literal["data", "eof", "close", "credit"]


Request = Union[Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest]

# --- the supervisor's frames


class SelfCheck(TypedDict):
    """What the supervisor sees of the confinement around it."""

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
    """The one of the server that takes over."""
    ticks: bool
    state: VariableState | None
    """Of the variables, where another server was there before."""


class Ready(SelfCheck, _Greeting):
    type: Literal["ready"]


class Stream(Mark):
    """Output, while the code runs."""

    type: Literal["stream"]
    name: Literal["stdout", "stderr"]
    text: str


class Net(_NetStep):
    """One step of a connection, from a program inside."""

    type: Literal["net"]
    id: int
    event: Literal["open", "data", "eof", "close", "credit"]


class Note(Mark):
    """What became of a background run after the reply that it had begun."""

    type: Literal["note"]
    state: Literal["returned", "ended"]


class Tick(TypedDict):
    """The supervisor is awake."""

    type: Literal["tick"]


class Reply(Mark):
    type: Literal["reply"]
    execution: Execution


Frame = Union[Ready, Stream, Net, Note, Tick, Reply]

# --- an execution: what a reply is about


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
    """What a model reads of a display, and where the whole of it is."""

    text: str


class _OptionalData(TypedDict, total=False):
    data: str | None
    """Of a picture in base64."""


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
"""A display as the worker sends it, and as the supervisor keeps it once it is checked."""


class _Place(TypedDict):
    at: int
    """Characters of stdout before it."""


class Picture(ShownPicture, _Place):
    pass


class Rich(ShownRich, _Place):
    pass


class Table(ShownTable, _Place):
    pass


Display = Union[Picture, Rich, Table]
"""A display with its place in the output."""


class _FileChange(TypedDict):
    path: str
    bytes: int
    change: Literal["new", "changed", "deleted"]


class FileChange(_FileChange, total=False):
    readable: bool


class FileChanges(TypedDict, total=False):
    """What a call did to the workspace; nothing of it where it did nothing."""

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
    """What the supervisor did, and milliseconds since it took the request."""


# --- packets to a worker


class RunCode(TypedDict):
    type: Literal["code"]
    nonce: str
    number: int
    code: str


class BeginRun(TypedDict):
    """Code for a fork of the worker; comes with the descriptors of its pipes and its socket."""

    type: Literal["begin_run"]
    nonce: str
    number: int
    code: str


class TakeCheckpoint(TypedDict):
    type: Literal["checkpoint"]
    nonce: str
    slot: int
    """Number of the spare socket that the checkpoint will be spoken to through."""
    killed: list[int]
    """Children that the supervisor has killed: the worker waits for them first."""


class Displayed(TypedDict):
    """The answer to a display, and to a wish to clear what was shown."""

    type: Literal["displayed"]
    nonce: str
    number: int
    kept: bool


ToWorker = Union[RunCode, BeginRun, TakeCheckpoint, Displayed]

# --- packets of a worker: claims, until `supervisor/untrusted.py` has checked them


class Started(TypedDict):
    """The worker has taken the code: from now on it may be interrupted."""

    type: Literal["started"]
    nonce: str


class Answered(TypedDict):
    """What a worker says of a piece of code that it has run."""

    status: ClaimedStatus
    exit_code: int | None
    value: str | None
    error: ExecutionError | None
    changed: bool
    """Variables may be different from before."""
    background_bytes: int


class Answer(Answered):
    type: Literal["answer"]
    nonce: str


class _InPlaceOf(TypedDict, total=False):
    in_place_of: int
    """Number of the display that it replaces."""


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
    """The worker waits, and has left a checkpoint of itself."""

    type: Literal["rested"]
    nonce: str
    checkpoint: int
    """Its process id; 0 where there is none."""


class RunBegun(TypedDict):
    type: Literal["run_begun"]
    nonce: str
    pid: int
    """-1 where no process could be made."""


FromWorker = Union[Started, Answer, Show, Clear, Rested, RunBegun]

Claim = dict[str, Any]
"""A packet of a worker as it arrives: of any shape."""
