"""Save a session, and revive it: archives pass as bytes, which only its own sandboxes open."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.execution import CleanStr
from bellglass.sandboxes.saving.inside import places
from bellglass.sandboxes.sessions.background_runs import OUR_RUN, Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from bellglass.sandboxes.connection import Connection
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session

MAX_ARCHIVE_BYTES = 1024**3
"""Bytes of one saved session, compressed; what is in it may have as many before."""

SAVE_TIMEOUT_SECONDS = 60.0
REVIVE_TIMEOUT_SECONDS = 120.0

STEP_TIMEOUT_SECONDS = 15.0
"""For one request of an exchange, which takes milliseconds."""

STOP_TIMEOUT_SECONDS = 2.0

PIECE_BYTES = 4 * 1024**2
"""Bytes that one request puts into a new sandbox."""

MAX_ATTEMPTS = 4
"""A variable that ends the process that loads it is left out in the next attempt."""

MAX_NAMED = 20
"""Variables that a notice names."""

_PROGRAM = "__import__('bellglass.sandboxes.saving.inside.program', fromlist=['save'])"

# What the shell has; Python adds it to the archive.
_SHELL = (
    f"command rm -rf {places.SCRATCH}; command mkdir -p {places.SCRATCH} && "
    f"{{ builtin printf 'cd -- %q\\n' \"$PWD\"; builtin alias -p; builtin declare -f; }} "
    f">{places.SHELL} && command env -0 >{places.ENVIRONMENT}"
)

_RESTORE = (
    f"builtin source {places.SHELL}; if [[ -s {places.REQUIREMENTS} ]]; then "
    f"command timeout 100 pip install -qq -r {places.REQUIREMENTS} || "
    f"command cp {places.REQUIREMENTS} {places.NOT_INSTALLED}; fi"
)


class NotSaved(SandboxError):
    """A session could not be saved; the text says why."""


class TryAgain(NotSaved):
    """The process that saves it has ended: the next one leaves out what ended it."""


class NotRevived(SandboxError):
    """A saved session could not be revived now; it is still saved."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The session is saved, and could not be revived: {reason}. It stays saved: call again "
            "with its session_id to try once more, or without one to start a new session."
        )
        self.reason = reason


class _Claim(BaseModel):
    """What the sandbox says: it counts for no more than its own session."""

    model_config = ConfigDict(frozen=True, extra="ignore")


_Kind = TypeVar("_Kind", bound=_Claim)


class _Taken(_Claim):
    data: Annotated[str, Field(max_length=4 * 1024**2)]
    end: bool


class _Put(_Claim):
    put: int = Field(ge=0)


Text = Annotated[CleanStr, Field(max_length=300)]


class Revived(_Claim):
    """What came back."""

    files: int = Field(ge=0)
    variables: int = Field(ge=0)
    lost: Annotated[list[tuple[Text, Text, Text]], Field(max_length=300)]
    left_out: Annotated[list[CleanStr], Field(max_length=300)] = []
    not_installed: Annotated[list[Text], Field(max_length=1000)] = []

    def told(self, how: str) -> str:
        """Return a notice for the next result; `how` says where the session comes from."""
        text = f"{how}: {_count(self.variables, 'variable')} and {_count(self.files, 'file')}."
        if self.lost:
            named = [
                f"{name} ({kind}{': ' if why else ''}{why})"
                for name, kind, why in self.lost[:MAX_NAMED]
            ]
            more = len(self.lost) - len(named)
            rest = f" and {more} more" if more else ""
            text += f" Not kept, make them anew: {', '.join(named)}{rest}."
        if self.left_out:
            text += f" Files that are not kept: {', '.join(self.left_out[:MAX_NAMED])}."
        if self.not_installed:
            named = self.not_installed[:MAX_NAMED]
            text += f" Packages that could not be installed again: {', '.join(named)}."
        return f"{text} Processes and background runs are not kept."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


async def save(session: Session, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Hand the archive of `session` to `take` in pieces, while no call runs in it.

    Raises:
        NotSaved: It cannot be saved. `take` may have got a part.
        SandboxError: As `Session.run`.
    """
    async with session.reserved() as connection:
        try:
            with anyio.fail_after(SAVE_TIMEOUT_SECONDS):
                await _save(connection, take)
        except TimeoutError as exc:
            raise NotSaved(f"it took longer than {SAVE_TIMEOUT_SECONDS:.0f} s") from exc


async def until_saved(attempt: Callable[[], Awaitable[None]]) -> None:
    """Make attempts at saving a session, each without what ended the last one.

    Raises:
        NotSaved, SandboxError: As the last attempt.
    """
    for _ in range(MAX_ATTEMPTS - 1):
        with suppress(TryAgain):
            return await attempt()
    return await attempt()


async def _save(connection: Connection, take: Callable[[bytes], Awaitable[None]]) -> None:
    await _asked(connection, "bash", {"command": _SHELL})
    code = f"{_PROGRAM}.save(globals(), {MAX_ARCHIVE_BYTES})"
    run = await _begun(connection, code, SAVE_TIMEOUT_SECONDS)
    size = 0
    try:
        while True:
            over = not run.lives
            taken = _report(_Taken, await _asked(connection, "transfer", {}))
            if taken is None or (over and not taken.data and not taken.end):
                raise TryAgain(await _why(connection, run))
            data = base64.b64decode(taken.data)
            size += len(data)
            if size > MAX_ARCHIVE_BYTES:
                raise NotSaved(f"it has more than {MAX_ARCHIVE_BYTES // 1024**2} MiB")
            if data:
                await take(data)
            if taken.end:
                return
    finally:
        await _stop(connection, run)


async def revive(session: Session, archive: Callable[[], AsyncIterable[bytes]]) -> Revived:
    """Load an archive into `session`, whose sandbox is new; calls wait meanwhile.

    `archive` returns its pieces, anew each time.

    Raises:
        NotRevived: It cannot be loaded.
        SandboxError: As `Session.run`.
    """
    async with session.reserved() as connection:
        try:
            with anyio.fail_after(REVIVE_TIMEOUT_SECONDS):
                return await _revive(connection, archive)
        except TimeoutError as exc:
            raise NotRevived(f"it took longer than {REVIVE_TIMEOUT_SECONDS:.0f} s") from exc
        except NotSaved as exc:
            raise NotRevived(str(exc)) from exc


async def _revive(connection: Connection, archive: Callable[[], AsyncIterable[bytes]]) -> Revived:
    status = ""
    for _ in range(MAX_ATTEMPTS):
        await _unpack(connection, archive)
        await _asked(connection, "bash", {"command": _RESTORE}, REVIVE_TIMEOUT_SECONDS)
        load = {"code": f"{_PROGRAM}.load(globals())"}
        loaded = await _asked(connection, "python", load, REVIVE_TIMEOUT_SECONDS / MAX_ATTEMPTS)
        if loaded.status == "ok":
            try:
                return Revived.model_validate(json.loads(loaded.stdout.text))
            except (ValueError, RecursionError) as exc:
                raise NotRevived("what the sandbox reports of it cannot be read") from exc
        status = loaded.status
    raise NotRevived(f"loading it ended {MAX_ATTEMPTS} times with: {status}")


async def _unpack(connection: Connection, archive: Callable[[], AsyncIterable[bytes]]) -> None:
    code = f"{_PROGRAM}.unpack()"
    run = await _begun(connection, code, REVIVE_TIMEOUT_SECONDS)
    try:
        async for piece in archive():
            for start in range(0, len(piece), PIECE_BYTES):
                await _put(connection, run, piece[start : start + PIECE_BYTES])
        await run.outcome()
        ended = await connection.ask_run(run.id, "read", None)
        if ended.status != "ok":
            raise NotRevived(_told(ended))
    finally:
        await _stop(connection, run)


async def _put(connection: Connection, run: Run, data: bytes) -> None:
    while data:
        over = not run.lives
        given = {"data": base64.b64encode(data).decode()}
        done = _report(_Put, await _asked(connection, "transfer", given))
        if done is None or (over and not done.put):
            raise NotRevived(await _why(connection, run))
        data = data[done.put :]


# --- requests


async def _asked(
    connection: Connection,
    op: Literal["python", "bash", "transfer"],
    arguments: dict[str, Any],
    seconds: float = STEP_TIMEOUT_SECONDS,
) -> Execution:
    return await connection.request(op, arguments, seconds)


def _report(kind: type[_Kind], execution: Execution) -> _Kind | None:
    try:
        return kind.model_validate(execution.report[0])
    except (IndexError, ValidationError):
        return None


async def _begun(connection: Connection, code: str, seconds: float) -> Run:
    run = Run(OUR_RUN, "python", seconds)
    await connection.request("python", {"code": code}, seconds, None, run)
    if not run.begun:
        raise NotSaved("no background run could be started in it")
    return run


async def _stop(connection: Connection, run: Run) -> None:
    if run.lives:
        with anyio.move_on_after(STOP_TIMEOUT_SECONDS, shield=True), suppress(SandboxError):
            await connection.ask_run(run.id, "stop", None)


async def _why(connection: Connection, run: Run) -> str:
    return _told(await connection.ask_run(run.id, "read", None))


def _told(execution: Execution) -> str:
    error = execution.error
    return f"{error.name}: {error.message}"[:200] if error else f"it ended with: {execution.status}"
