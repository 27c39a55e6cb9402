"""Numbers that both ends of the relay of connections keep to."""

from __future__ import annotations

WINDOW_BYTES = 128 * 1024
"""Bytes of one direction of a connection that are on their way: the far end grants more when it
has made use of what came. The ends are `sandboxes/supervisor/relay` and `sandboxes/egress`."""

MAX_DATA_BYTES = 32 * 1024
"""Bytes in one frame."""

MAX_CONNECTIONS = 64
"""Connections at one time; more wait to be accepted."""
