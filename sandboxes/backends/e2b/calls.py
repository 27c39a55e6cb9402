"""Calls of the SDK: each within a deadline of our own, and its errors as ours.

The SDK's time-outs fire at twice their value, or not at all when a connection hangs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from bellglass.sandboxes.backends.e2b.errors import AGAIN, E2BError, from_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

RETRY_DELAYS_SECONDS = (0.2, 0.6, 1.8)
"""Seconds before each repetition of an idempotent call."""


async def bounded(
    what: str,
    call: Callable[[], Awaitable[T]],
    *,
    seconds: float,
    repeat: bool = False,
    attempt_seconds: float | None = None,
    secrets: tuple[str, ...] = (),
) -> T:
    """Return what `call` returns.

    `what` completes "could not ...". `repeat` says that the call may be made again when it is not
    known if it arrived; then each try has `attempt_seconds` of its own, so that one that hangs
    leaves time for another. The SDK itself repeats requests of the control plane that were refused
    with 429, 502, 503 or 504, as the engine's Retry-After asks.

    Raises:
        E2BError: It failed, or took longer than `seconds`, repetitions included.
    """
    scope = anyio.CancelScope(deadline=anyio.current_time() + seconds)
    with scope:
        for pause in (*RETRY_DELAYS_SECONDS, None):
            try:
                with anyio.fail_after(attempt_seconds):
                    return await call()
            except Exception as exc:
                # A library below the SDK makes an error of our cancellation. Say it again.
                await anyio.lowlevel.checkpoint_if_cancelled()
                failure = from_exception(exc, what, secrets)
                if pause is None or not repeat or failure.kind not in AGAIN:
                    raise failure from None  # its text may hold a secret
            await anyio.sleep(pause)
    raise E2BError("timeout", what, f"after {seconds:g} s")


def supported(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return those of `arguments` that this version of the SDK takes."""
    import inspect

    names = inspect.signature(function).parameters
    return {name: value for name, value in arguments.items() if name in names}
