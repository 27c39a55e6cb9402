"""The SDK's client, made at the first need: its import takes half a second."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from bellglass.sandboxes.backends.e2b import versions
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

logger = logging.getLogger(__name__)


class Client:
    """Of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._made: Any = None
        self._making = anyio.Lock()

    async def get(self) -> Any:
        """Return the SDK's sandbox class, bound to the endpoint.

        Raises:
            SandboxUnavailable: The versions of the SDK will not do.
        """
        async with self._making:
            if self._made is None:
                if objection := await to_thread.run_sync(versions.objection):
                    raise SandboxUnavailable("e2b", objection)
                logger.info("E2B: %s", versions.installed())
                if not versions.is_tested():
                    tested = versions.command(versions.TESTED)
                    logger.warning("E2B: this SDK was not tested; if it fails, install: %s", tested)
                self._made = await to_thread.run_sync(self._endpoint.client)
            return self._made
