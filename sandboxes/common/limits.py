"""Bounds that both sides of the trust line keep, each once."""

from __future__ import annotations

MAX_CALL_SECONDS = 300
"""The longest time limit of one call."""

MAX_RUNS = 8
"""Background runs of a session at one time."""

MAX_ENDED_RUNS = 16
"""Background runs that have ended and can still be asked for."""

MAX_REPORT_BYTES = 4 * 1024**2
"""Of all that a one-shot job reports, as it is sent."""

MAX_REPORT_MESSAGES = 10_000
"""Messages of one report."""
