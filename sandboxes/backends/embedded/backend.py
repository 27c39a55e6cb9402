"""The embedded backend: it finds a launcher that works here, and makes sandboxes with it."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal, Self

import anyio
from pydantic import ValidationError

from bellglass.sandboxes.backend import Backend, Finding
from bellglass.sandboxes.backends.embedded import cgroups
from bellglass.sandboxes.backends.embedded.advice import advice
from bellglass.sandboxes.backends.embedded.bubblewrap import Bubblewrap
from bellglass.sandboxes.backends.embedded.diagnosis import findings, python_finding
from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.inside import namespaces
from bellglass.sandboxes.backends.embedded.keeper.client import KeeperClient, folder
from bellglass.sandboxes.backends.embedded.keeper.kept_sessions import KeptSessions, terms
from bellglass.sandboxes.backends.embedded.keeper.lifecycle import KeeperLifecycle
from bellglass.sandboxes.backends.embedded.launch import (
    LAUNCH_TIMEOUT_SECONDS,
    Launcher,
    launch,
    receive_frame,
)
from bellglass.sandboxes.backends.embedded.uids import Uids
from bellglass.sandboxes.backends.embedded.waivers import ENDING_WITH_THE_SERVER, WAIVERS
from bellglass.sandboxes.backends.embedded.zygote import Zygote
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.folders.lender import Lender
from bellglass.sandboxes.folders.survey import UnsuitableFolder
from bellglass.sandboxes.frame_models import Ready
from bellglass.sandboxes.setup.environments import awaited_beside, find_python, use

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backend_settings import BackendSettings
    from bellglass.sandboxes.backends.embedded.sandbox import Sandbox
    from bellglass.sandboxes.session_limits import Limits

_NAME = "embedded"


class EmbeddedBackend(Backend, KeeperLifecycle):
    """Processes in namespaces of their own: no network, no file of the host, no privilege.

    A sandbox has its own user, process table and network with only a loopback. Its root file system
    has the host's programs and libraries, read-only, and three writable directories in memory. A
    filter denies the system calls whose effects no namespace contains.
    """

    default_pool_size = 1
    waivers = WAIVERS
    lends = ("ro", "copy", "rw")

    def __init__(
        self,
        limits: Limits,
        *,
        launcher: Literal["auto", "zygote", "bubblewrap"] = "auto",
        python: str | None = None,
        preload: Sequence[str] = (),
        keeper: Path | None = None,
    ) -> None:
        """Store the options; nothing is started before the first connect.

        `preload`: modules that are already imported in every sandbox. Each costs 5 ms per sandbox,
        and its memory once. `keeper`: the folder of the keeper, without which no session outlives
        this backend.
        """
        super().__init__(limits)
        self._wanted = launcher
        self._python = python
        self._preload = preload
        self._launcher: Launcher | None = None
        self._cgroups: cgroups.Cgroups | None = None
        self._uids: Uids | None = None
        self._failures: list[LaunchFailed] = []
        self._lender: Lender | None = None
        self._starting = anyio.Lock()
        self._used: int | None = None
        """A descriptor that holds the environment of the launcher's Python."""
        self._kept = KeptSessions(
            None if keeper is None else KeeperClient(keeper), self._terms, self._share_launcher
        )

    @classmethod
    def from_settings(
        cls,
        limits: Limits,
        settings: BackendSettings | None,
        *,
        session_max_seconds: float,
        environ: Mapping[str, str],
    ) -> Self:
        """Make the backend; its sessions may outlive it, held by the keeper of this user."""
        return cls(limits, **dict(settings or ()), keeper=folder(environ))

    async def start(self) -> None:
        """Find a launcher that works, by making a sandbox with it."""
        launcher = await self.launcher()
        if launcher.control is None or self.network is not None or not self._kept.possible:
            self.unsupported_checks = ENDING_WITH_THE_SERVER

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        """Make a sandbox; see `Backend.connect`."""
        async with AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(self._kept.taken_over(session_id))
            if sandbox is None:
                sandbox = await self._launched(stack)
                if self._used is not None:
                    sandbox.needed.append(self._used)
            async with self._kept.placed(session_id, sandbox):
                yield sandbox.stream

    async def _launched(self, stack: AsyncExitStack) -> Sandbox:
        """Launch a sandbox that ends with `stack`."""
        try:
            return await stack.enter_async_context(await self._launch())
        except LaunchFailed as exc:
            if await self._usable():
                raise SandboxUnavailable(_NAME, advice(exc)) from exc
            # The zygote has ended meanwhile, perhaps for lack of memory. Try a new one once.
            try:
                return await stack.enter_async_context(await self._launch())
            except LaunchFailed as again:
                raise SandboxUnavailable(_NAME, advice(again)) from again
        except UnsuitableFolder as exc:
            raise SandboxUnavailable(_NAME, exc.reason) from exc

    async def _launch(self) -> AbstractAsyncContextManager[Sandbox]:
        launcher = await self.launcher()
        return launch(launcher, self.limits, self.cgroups(), self.uids(), self.lender())

    def lender(self) -> Lender:
        """Return who looks into the lent folders before each session."""
        if self._lender is None:
            self._lender = Lender(self.folders)
        return self._lender

    async def _usable(self) -> bool:
        """Whether the launcher is alive; if not, clean it up."""
        async with self._starting:
            if self._launcher is not None and not self._launcher.alive:
                launcher, self._launcher = self._launcher, None
                with anyio.CancelScope(shield=True):
                    await launcher.aclose()
            return self._launcher is not None

    def cgroups(self) -> cgroups.Cgroups:
        """Return the mechanism for control groups, which the first call finds."""
        if self._cgroups is None:
            self._cgroups = cgroups.probe()
        return self._cgroups

    def uids(self) -> Uids | None:
        """Return the source of uids for sandboxes, or None if this server may use only its own."""
        if self._uids is None and namespaces.may_administer():
            uids = Uids()
            self._uids = uids if uids.open() else None
        return self._uids

    async def launcher(self) -> Launcher:
        """Return a launcher that has made a sandbox; start one if there is none.

        Raises:
            SandboxUnavailable: None works here; the message says why, and what to do.
        """
        async with self._starting:
            if self._launcher is not None and self._launcher.alive:
                return self._launcher
            if self._launcher is not None:
                launcher, self._launcher = self._launcher, None
                with anyio.CancelScope(shield=True):
                    await launcher.aclose()
            if sys.platform != "linux":
                raise SandboxUnavailable(
                    _NAME, "it needs Linux. On this system, use the Docker or the E2B backend."
                )
            try:
                self._launcher = await self._first_that_works()
            except UnsuitableFolder as exc:
                raise SandboxUnavailable(_NAME, exc.reason) from exc
            return self._launcher

    async def _first_that_works(self) -> Launcher:
        failures: list[LaunchFailed] = []
        self._failures = failures
        if self._cgroups is None:
            self._cgroups = await anyio.to_thread.run_sync(cgroups.probe)  # may ask systemd
        for name in ("zygote", "bubblewrap"):
            if self._wanted in (name, "auto"):
                try:
                    return await self._tried(name)
                except LaunchFailed as exc:
                    failures.append(exc)
        first, *others = failures
        reason = advice(first)
        for other in others:
            reason += f" bubblewrap was tried instead: {other}."
        raise SandboxUnavailable(_NAME, reason) from first

    async def _tried(self, name: str) -> Launcher:
        """Start a launcher and make one sandbox with it, which proves that it works."""
        python = find_python(self._python)
        if self._used is None:
            self._used = use(python)
        late = awaited_beside(python) if self._python is None else None
        launcher: Launcher
        if name == "zygote":
            lent = await self.lender().look()
            launcher = await Zygote.start(python, self._preload, lent, late)
        else:
            launcher = await Bubblewrap.start(python, self.limits, late)
        try:
            async with launch(
                launcher, self.limits, self.cgroups(), self.uids(), self.lender()
            ) as sandbox:
                with anyio.fail_after(LAUNCH_TIMEOUT_SECONDS):
                    frame = await receive_frame(sandbox.stream)
                if frame.get("type") == "failed":
                    raise LaunchFailed.from_frame(frame)
                self.verify(Ready.model_validate(frame))
        except (ValidationError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            await launcher.aclose()
            text = str(exc) or "it ended, or did not answer"
            raise LaunchFailed("start the supervisor", 0, text) from exc
        except BaseException:
            with anyio.CancelScope(shield=True):
                await launcher.aclose()
            raise
        return launcher

    @property
    def metadata(self) -> dict[str, str]:
        """Return the launcher, and what limits the memory of a session as a whole."""
        launcher = "none" if self._launcher is None else self._launcher.name
        grouped = self.cgroups().mechanism
        memory = "watcher" if grouped == "none" else f"control group {grouped}"
        return {"launcher": launcher, "memory_bounded_by": memory}

    async def diagnose(self) -> list[Finding]:
        """Start a launcher, and describe the result."""
        python = find_python(self._python)
        try:
            launcher = await self.launcher()
        except SandboxUnavailable as exc:
            launcher_finding = Finding(what="launcher", holds=False, detail=exc.reason)
            return [launcher_finding, python_finding(python)]
        failed = [str(failure) for failure in self._failures]
        own_uids = self.uids() is not None
        found = findings(launcher, failed, self.cgroups(), own_uids=own_uids)
        return [*found, python_finding(python)]

    def _terms(self) -> str:
        return terms(self.limits, find_python(self._python), self._preload, self.folders)

    def _share_launcher(self) -> None:
        if isinstance(self._launcher, Zygote):
            self._launcher.shared = True

    async def aclose(self) -> None:
        """End the zygote, unless sandboxes that another server may go on with need it."""
        self._kept.close()
        if self._launcher is not None:
            launcher, self._launcher = self._launcher, None
            await launcher.aclose()
        if self._uids is not None:
            uids, self._uids = self._uids, None
            uids.close()
        if self._used is not None:
            used, self._used = self._used, None
            os.close(used)
