"""Legal orders of the messages of the protocol, as tables.

A table has, for each state, the messages that are legal in it and the state that each leads to.
What a table does not have is out of order. Then one end is broken, or is not ours: nobody guesses.

"call" stands for `python`, `bash` and `job`.
"""

from __future__ import annotations

from collections.abc import Mapping

Table = Mapping[str, Mapping[str, str]]

_ANY_TIME = ("cancel", "runs", "answer", "net")
"""A cancel may come when the call has just ended; `answer` is the reply to `runs`."""

REQUESTS: Table = {
    # The server of this conversation has asked for nothing yet.
    "new": {
        **dict.fromkeys(_ANY_TIME, "new"),
        "network": "idle",
        "call": "busy",
        "resume": "new",
    },
    "idle": {
        **dict.fromkeys(_ANY_TIME, "idle"),
        "call": "busy",
        "resume": "new",
    },
    "busy": {
        **dict.fromkeys(_ANY_TIME, "busy"),
        "reply": "idle",
        "resume": "handover",
    },
    # Another server has re-attached: the call is stopped, and its reply is for nobody.
    "handover": {
        **dict.fromkeys(_ANY_TIME, "handover"),
        "reply": "new",
        "resume": "handover",
    },
}
"""What a supervisor may be asked, and when it replies. Every supervisor keeps to it, also
those of the restricted backend and of the in-memory backend, which run in the server."""

FRAMES: Table = {
    "starting": {"ready": "ready"},
    # `ready` again is for a server that re-attaches, and changes nothing for the one before it.
    "ready": dict.fromkeys(("ready", "tick", "net", "stream", "note", "reply"), "ready"),
}
"""What a server may receive. The server keeps to it."""

EXCHANGES: Table = {
    "call": {"stream": "call", "reply": "over"},
    "start": {"running": "run", "reply": "over"},
    "run": {"stream": "run", "returned": "returned", "ended": "over"},
    "returned": {"stream": "returned", "ended": "over"},
    "question": {"running": "over", "reply": "over"},
    "over": {},
}
"""What a supervisor may say about one request: a call, the start of a background run and then the
run itself, or a question about one. "running" is the reply that a run goes on; "returned" and
"ended" are notes. The server keeps to it."""


class OutOfOrder(Exception):
    """A message came that is not legal where it came."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(f"{message!r} in the state {state!r}")


def follow(table: Table, state: str, message: str) -> str:
    """Return the state after `message`.

    Raises:
        OutOfOrder: It is not legal in this state.
    """
    try:
        return table[state][message]
    except KeyError:
        raise OutOfOrder(state, message) from None
