"""Connect to addresses that the rules have allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import SocketStream

    from bellglass.sandboxes.egress.names import Address

CONNECT_TIMEOUT_SECONDS = 10.0
"""Timeout for one address to answer."""


class Unreachable(Exception):
    """None of the addresses answered."""


async def dial(addresses: Sequence[Address], port: int) -> SocketStream:
    """Connect to the first address that answers.

    Raises:
        Unreachable: None of them answers.
    """
    for address in addresses:
        try:
            with anyio.fail_after(CONNECT_TIMEOUT_SECONDS):
                return await anyio.connect_tcp(str(address), port)
        except OSError:
            pass
    raise Unreachable("it does not answer")
