"""Notices of a result about a session that did not simply go on."""

from __future__ import annotations

RESTARTED = "The session was restarted before this call: its variables and files are lost."

REATTACHED = (
    "The server was restarted after the last call. The session goes on: {state}. A call or a "
    "background run that was going on was stopped."
)

REACHED_AGAIN = (
    "The sandbox could not be reached for a while. The session goes on: {state}. A call or a "
    "background run that was going on was stopped."
)

STATES = {
    "kept": "its variables and files are kept",
    "restored": "its files are kept, and its variables as they were before the last call",
    "lost": "its files are kept, its variables are lost",
}

RUN_LOST = "The sandbox that the run was in has died, and the run with it."

REPLACED = " This is a new session."
"""The end of a notice whose beginning says why the session of the connection ended."""
