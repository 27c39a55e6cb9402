"""Notices of a result about a session that did not simply go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.sessions.background_runs import OUR_RUN

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.frame_models import Ready

RESTARTED = "The session was restarted before this call: its variables and files are lost."

REATTACHED = "The server was restarted after the last call. The session goes on: {state}."

REACHED_AGAIN = "The sandbox could not be reached for a while. The session goes on: {state}."

_STATES = {
    "kept": "its variables and files are kept",
    "restored": "its files are kept, and its variables as they were before the last call",
    "lost": "its files are kept, its variables are lost",
}

_UNANSWERED = {
    "interrupted": " The last call was interrupted, and is not repeated.",
    "finished": " The last call ended without anybody to answer: its result is lost, what it did "
    "is kept.",
}

_RUNS = {
    "running": "goes on",
    "returned": "has returned, and what it started goes on",
    "ended": "has ended, and can still be read",
}

RUN_LOST = "The sandbox that the run was in has died, and the run with it."

REPLACED = " This is a new session."
"""The end of a notice whose beginning says why the session of the connection ended."""


def added(execution: Execution, words: str, lost: str, ready: Ready | None) -> Execution:
    """Return `execution` with what became of the session before it.

    `ready` is of the sandbox. If it was used before, `words` are of those above that say so;
    otherwise what was there is lost, and `lost` says so.
    """
    if ready is None or ready.state is None:
        update = {"state": "lost", "notices": [lost, *execution.notices]}
        return execution.model_copy(update=update)
    text = words.format(state=_STATES[ready.state])
    if ready.unanswered is not None:
        text += _UNANSWERED[ready.unanswered]
    runs = [known.run for known in ready.runs if known.run.id != OUR_RUN]
    if runs:
        told = [f"{run.id} {_RUNS[run.state]}" for run in runs]
        text += f" Background runs: {'; '.join(told)}."
    changed: dict[str, object] = {"notices": [text, *execution.notices]}
    if ready.state == "lost":
        changed["state"] = "lost"
    return execution.model_copy(update=changed)
