"""The sandboxes of an account that are ours, by what they are marked with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.e2b.calls import bounded
from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.machines.machine import REQUEST_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint
    from bellglass.sandboxes.backends.e2b.machines.owner import Owner

MARK = "bellglass"
"""Key of the metadata that all of ours have."""

SANDBOX_NAME = f"{MARK}-sandbox"

_MAX_PAGES = 50
"""Of a hundred each: more than any account holds."""


def metadata(owner: Owner, sandbox_name: str, session_id: str, until: float) -> dict[str, str]:
    """Return what a sandbox is marked with. It cannot be changed later.

    `sandbox_name` names it among those of its owner. `until`: when its session ends at the
    latest, in seconds since 1970.
    """
    return {
        MARK: "1",
        f"{MARK}-host": owner.host,
        f"{MARK}-process": owner.process,
        SANDBOX_NAME: sandbox_name,
        # Not as it is: who knows it may use the session.
        f"{MARK}-session": hashlib.sha256(session_id.encode()).hexdigest()[:16],
        f"{MARK}-until": str(int(until)),
    }


async def marked(client: Any, endpoint: Endpoint, **more: str) -> list[Any]:
    """Return what the SDK knows of each sandbox of ours, running or paused.

    `more`: marks that it must have too. The engine's filter is not relied on.

    Raises:
        E2BError: The engine does not list its sandboxes.
    """
    from e2b_code_interpreter import SandboxQuery, SandboxState

    wanted = {MARK: "1", **more}
    states = [SandboxState.RUNNING, SandboxState.PAUSED]
    pages = client.list(query=SandboxQuery(metadata=wanted, state=states), limit=100)
    found: list[Any] = []
    for _ in range(_MAX_PAGES):
        if not pages.has_next:
            break
        found += [info for info in await _page(pages, endpoint) if _has(info, wanted)]
    return found


async def first_page(client: Any, endpoint: Endpoint) -> None:
    """Ask for a list, to see that the engine answers.

    Raises:
        E2BError: It does not.
    """
    await _page(client.list(limit=1), endpoint)


def _has(info: Any, wanted: dict[str, str]) -> bool:
    return isinstance(info.metadata, dict) and wanted.items() <= info.metadata.items()


async def _page(pages: Any, endpoint: Endpoint) -> Any:
    what = "list sandboxes"
    try:
        return await bounded(
            what, pages.next_items, seconds=REQUEST_TIMEOUT_SECONDS, secrets=endpoint.secrets
        )
    except E2BError as exc:
        if exc.kind in ("gone", "old"):  # a list that is not there is none of E2B's
            raise E2BError("foreign", what, "it does not know the request") from None
        raise
