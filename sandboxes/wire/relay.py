"""Bounds that both ends of the relay of connections keep to."""

from __future__ import annotations

WINDOW_BYTES = 128 * 1024
"""Bytes in transit in one direction of a connection: the receiver grants more when it has used
what arrived. The ends are `sandboxes/supervisor/relay` and `sandboxes/egress`."""

MAX_DATA_BYTES = 32 * 1024
"""Bytes in one frame."""

MAX_CONNECTIONS = 64
"""Open connections at one time; others wait to be accepted."""
