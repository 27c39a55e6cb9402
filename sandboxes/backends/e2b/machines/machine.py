"""One sandbox of an engine, a virtual machine or what passes for one, through the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio

from bellglass.sandboxes.backends.e2b.calls import bounded, supported
from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.patience import (
    ATTEMPT_TIMEOUT_SECONDS,
    LOOK_INTERVAL_SECONDS,
    MIN_GONE_LOOKS,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

    Output = Callable[[str], Awaitable[None]]

CREATE_TIMEOUT_SECONDS = 45.0
"""Half a second is usual; a cold node of a cluster takes tens."""

REQUEST_TIMEOUT_SECONDS = 15.0
"""Any other request to the control plane, and to open a stream."""

SEND_PROGRAM_TIMEOUT_SECONDS = 45.0
"""To send our program: it is more than a pipe holds, so it has to be read meanwhile."""

KILL_TIMEOUT_SECONDS = 10.0
SEND_TIMEOUT_SECONDS = 10.0
PAUSE_TIMEOUT_SECONDS = 60.0
"""Four seconds for each GiB of memory, says the vendor."""

USER = "root"
"""The user that starts our program, which makes a sandbox whose code has no user of the machine."""


class Machine:
    """A running or paused sandbox."""

    def __init__(self, client: Any, sandbox: Any, endpoint: Endpoint) -> None:
        self._client = client
        """The SDK's sandbox class, bound to the endpoint."""
        self._sandbox = sandbox
        self._endpoint = endpoint
        self.id: str = sandbox.sandbox_id
        self.template = endpoint.template

    @classmethod
    async def create(
        cls, client: Any, endpoint: Endpoint, metadata: dict[str, str], lease_seconds: int
    ) -> Machine:
        """Start one that no connection leaves and that ends by itself when nobody renews it.

        Raises:
            E2BError: The engine did not make one, or it is out of our reach. What may be left of
                it is the caller's to look for.
        """
        options = supported(
            client.create,
            template=endpoint.template,
            timeout=lease_seconds,
            metadata=metadata,
            # So that a repeated request does not make, and cost, a second one.
            idempotency_key=uuid4().hex,
            allow_internet_access=False,
            lifecycle={"on_timeout": "kill"},
            secure=True,
        )
        if "idempotency_key" not in options:
            options["retries"] = 0  # versions 2.52 to 2.60 of the SDK ask again without a key
        what = "create a sandbox"
        try:
            sandbox = await bounded(
                what,
                lambda: client.create(**options, request_timeout=CREATE_TIMEOUT_SECONDS),
                seconds=CREATE_TIMEOUT_SECONDS,
                secrets=endpoint.secrets,
            )
        except E2BError as exc:
            raise _told_apart(exc, what, endpoint) from None
        self = cls(client, sandbox, endpoint)
        if not endpoint.serves(sandbox.sandbox_domain):
            await self.kill()
            detail = f"the engine puts it at the domain {sandbox.sandbox_domain}"
            raise E2BError("request", "use the sandbox", f"{detail}: set BELLGLASS_E2B_DOMAIN")
        return self

    @classmethod
    async def attach(
        cls, client: Any, endpoint: Endpoint, sandbox_id: str, lease_seconds: int
    ) -> Machine:
        """Return the machine of that id, awake and with at least that lease.

        Raises:
            E2BError: It is gone, or out of our reach.
        """
        what = "connect to the sandbox"
        sandbox = await bounded(
            what,
            lambda: client.connect(sandbox_id, timeout=lease_seconds),
            seconds=PAUSE_TIMEOUT_SECONDS,
            repeat=True,
            secrets=endpoint.secrets,
        )
        if not endpoint.serves(sandbox.sandbox_domain):
            raise E2BError("request", what, "the engine puts it at another domain")
        return cls(client, sandbox, endpoint)

    @staticmethod
    async def end(client: Any, endpoint: Endpoint, sandbox_id: str) -> None:
        """End the machine of that id. It is no error if it has ended already.

        Raises:
            E2BError: That is not certain.
        """
        await bounded(
            "end a sandbox that was left over",
            lambda: client.kill(sandbox_id),
            seconds=KILL_TIMEOUT_SECONDS,
            repeat=True,
            secrets=endpoint.secrets,
        )

    async def start(self, command: str, on_output: Output, on_errors: Output) -> Any:
        """Start a command with a stdin; return the SDK's handle of it.

        May be repeated: one that nobody sends anything to does no harm, and ends with the machine.
        """
        commands = self._sandbox.commands
        options = supported(commands.run, retain_output=False)
        what = "start our program"
        try:
            return await self._bounded(
                what,
                lambda: commands.run(
                    command,
                    background=True,
                    stdin=True,
                    user=USER,
                    cwd="/",
                    timeout=0,  # envd would kill it then
                    request_timeout=0,  # ours ends it; the SDK's would leave a task behind
                    on_stdout=on_output,
                    on_stderr=on_errors,
                    **options,
                ),
                repeat=True,
            )
        except E2BError as exc:
            if exc.kind == "rate":  # in these words envd says that the machine is out of something
                raise E2BError("full", what) from None
            raise

    async def lines_of(self, command: str) -> list[str]:
        """Run a command that soon ends, and return what it prints."""
        run = self._sandbox.commands.run
        result = await self._bounded("run a command", lambda: run(command, user=USER, cwd="/"))
        return str(result.stdout).splitlines()

    async def reconnect(self, pid: int, on_output: Output, on_errors: Output) -> Any:
        """Listen again to the command of that number."""
        commands = self._sandbox.commands
        options = supported(commands.connect, retain_output=False)
        return await self._bounded(
            "listen to our program again",
            lambda: commands.connect(
                pid,
                timeout=0,
                request_timeout=0,  # ours ends it; the SDK's would leave a task behind
                on_stdout=on_output,
                on_stderr=on_errors,
                **options,
            ),
            repeat=True,
        )

    async def send(self, pid: int, data: bytes) -> None:
        """Write to the stdin of the command. A second copy of `data` must do no harm."""
        await self._send(pid, data, SEND_TIMEOUT_SECONDS, repeat=True)

    async def send_program(self, pid: int, data: bytes) -> None:
        """Write our program to a command that asks for it, once; wait until it has read most."""
        await self._send(pid, data, SEND_PROGRAM_TIMEOUT_SECONDS, repeat=False)

    async def _send(self, pid: int, data: bytes, seconds: float, *, repeat: bool) -> None:
        commands = self._sandbox.commands
        await self._bounded(
            "reach our program",
            lambda: commands.send_stdin(pid, data, request_timeout=seconds),
            repeat,
            seconds=seconds,
        )

    async def renew(self, seconds: int) -> None:
        """Let it live for `seconds` from now."""
        await self._bounded("renew the lease", lambda: self._sandbox.set_timeout(seconds), True)

    async def pause(self) -> None:
        """Put it to sleep with its memory: connections break, processes go on later."""
        what = "pause the sandbox"
        paused = await self._bounded(what, self._sandbox.pause, seconds=PAUSE_TIMEOUT_SECONDS)
        # The SDK says no both of one that sleeps already and of one that is in between.
        if paused is False and await self.state() != "paused":
            raise E2BError("changing", what)

    async def resume(self, seconds: int) -> None:
        """Wake it, with a lease of `seconds`; one that is awake is left alone."""
        woken = await self.attach(self._client, self._endpoint, self.id, seconds)
        self._sandbox = woken._sandbox

    async def state(self) -> str:
        """Return "running", "paused" or "gone", as the control plane knows it."""
        try:
            info = await self._bounded("look at the sandbox", self._sandbox.get_info, True)
        except E2BError as exc:
            if exc.kind == "gone":
                return "gone"
            raise
        return str(getattr(info.state, "value", info.state))

    async def certain_state(self) -> str:
        """Return "running", "paused", or "gone" if the control plane keeps saying so.

        A proxy may say so of one that it does not find at the moment, and so may a replica.
        "unknown" is what the control plane does not tell now.
        """
        for look in range(MIN_GONE_LOOKS):
            await anyio.sleep(LOOK_INTERVAL_SECONDS if look else 0)
            try:
                state = await self.state()
            except E2BError:
                return "unknown"
            if state != "gone":
                return state
        return "gone"

    async def kill(self) -> bool:
        """End it; tell if that is certain. It is no error if it has ended already."""
        try:
            await self._bounded("kill", self._sandbox.kill, True, seconds=KILL_TIMEOUT_SECONDS)
        except E2BError as exc:
            return exc.kind == "gone"
        return True

    async def _bounded(
        self,
        what: str,
        call: Callable[[], Awaitable[Any]],
        repeat: bool = False,
        *,
        seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> Any:
        return await bounded(
            what,
            call,
            seconds=seconds,
            repeat=repeat,
            attempt_seconds=ATTEMPT_TIMEOUT_SECONDS if repeat else None,
            secrets=self._endpoint.secrets,
        )


def _told_apart(exc: E2BError, what: str, endpoint: Endpoint) -> E2BError:
    """Tell a template that is not there from an engine that does not know the request.

    E2B's own servers, before version 2, refuse it with 400 and "method not allowed".
    """
    text = str(exc).lower()
    if exc.kind == "gone" and "template" in text:
        return E2BError("request", what, f"there is no template {endpoint.template!r}")
    if exc.kind == "gone" or (exc.kind == "request" and "method not allowed" in text):
        return E2BError("old", what, "it does not know the request")
    return exc
