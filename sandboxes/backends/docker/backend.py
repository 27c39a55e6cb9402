"""The docker backend: it checks the engine, makes containers, and removes abandoned ones."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from bellglass.sandboxes.backend import Backend, Finding
from bellglass.sandboxes.backends.docker import container, folder_mounts, images, options
from bellglass.sandboxes.backends.docker.diagnosis import findings, own_kernel, runtimes
from bellglass.sandboxes.backends.docker.engine import NAME, Engine
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.owner import OWNER, Found, Owner
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.folders.lender import Lender, copies
from bellglass.sandboxes.folders.survey import UnsuitableFolder
from bellglass.sandboxes.program import supervisor_program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from anyio.abc import ByteStream
    from docker import APIClient

    from bellglass.sandboxes.backend_settings import BackendSettings
    from bellglass.sandboxes.backends.docker.stream import AttachedStream
    from bellglass.sandboxes.self_check import SelfCheck
    from bellglass.sandboxes.session_limits import Limits

BOOT_TIMEOUT_SECONDS = 30.0
"""Timeout from the start of a container to the supervisor's first byte; usually 0.1 s."""

MAX_POOL_WAIT_SECONDS = 86_400.0
"""That a container may be older than the oldest session: it can wait for one before it is used."""

_INFO_TIMEOUT_SECONDS = 15.0
_ORPHAN_SWEEP_TIMEOUT_SECONDS = 20.0

_OPEN = (
    "the runtime lets code open what process 1 has open, so code can fake what is reported of its "
    "own session; it reaches nothing else by that"
)


class DockerBackend(Backend):
    """A container per session: no network, no capability, no writable disk, no swap.

    The supervisor is process 1, and communicates over the connection that the engine attached to
    it. Before foreign code runs, it installs our own system call filter, besides the engine's.
    """

    default_pool_size = 1
    lends = ("ro", "copy", "rw")
    unsupported_checks: Mapping[str, str] = {
        "a_session_outlives_its_server": "a session ends with its server",
    }

    def __init__(
        self,
        limits: Limits,
        *,
        image: str = IMAGE,
        host: str | None = None,
        runtime: str | None = None,
        cpus: float = 2.0,
        lifetime_seconds: float = 2 * 86_400,
    ) -> None:
        """Store the options; the engine is contacted at the first need.

        `host`: as DOCKER_HOST; by default what the docker command would use. `lifetime_seconds`:
        maximum age of a session. Containers that a dead server left are removed after it at the
        latest.
        """
        super().__init__(limits)
        self._image = image
        self._runtime = runtime
        if runtime is not None:
            why = f"the runtime {runtime} may show no control groups inside; it enforces them"
            self.waivers = {"memory_limit": why, "process_limit": why}
        self._cpus = cpus
        self._host = host
        self._engine = Engine(host, image)
        self._lender: Lender | None = None
        self._owners: set[int] = set()
        """Uids of owners of lent folders, who containers run as."""
        self._owner = Owner(lifetime_seconds=lifetime_seconds)
        self._live: set[container.Container] = set()
        self._info: dict[str, Any] = {}
        self._starting = anyio.Lock()
        self._started = False

    @classmethod
    def from_settings(
        cls,
        limits: Limits,
        settings: BackendSettings | None,
        *,
        session_max_seconds: float,
        environ: Mapping[str, str],
    ) -> Self:
        lifetime_seconds = session_max_seconds + MAX_POOL_WAIT_SECONDS
        return cls(limits, **dict(settings or ()), lifetime_seconds=lifetime_seconds)

    async def start(self) -> None:
        """Connect to the engine, find the image, and remove containers that dead servers left."""
        async with self._starting:
            if self._started and self._engine.connected:
                return
            if self.folders:
                folder_mounts.require_local(self._host)
                self._lender = self._lender or Lender(self.folders)
            self._info = await self._engine.run(lambda client: client.info(), _INFO_TIMEOUT_SECONDS)
            if self._info.get("OSType", "linux") != "linux":
                reason = "the engine runs Windows containers: switch it to Linux containers."
                raise SandboxUnavailable(NAME, reason)
            await images.require(self._engine, self._image)
            await self._sweep()
            self._started = True

    async def _sweep(self) -> None:
        def sweep(client: APIClient) -> None:
            filters = {"label": OWNER}
            found = [
                Found(each["Id"], each["Names"][0].strip("/"), each["State"], each["Labels"])
                for each in client.containers(all=True, filters=filters)
                if each["Names"]  # a container that the engine is removing has none
            ]
            live = {made.name for made in self._live}
            left = [each.id for each in found if self._owner.has_left(each, live)]
            container.sweep(client, left)

        await self._engine.run(sweep, _ORPHAN_SWEEP_TIMEOUT_SECONDS)

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        """Start a container; see `Backend.connect`."""
        await self.start()
        try:
            lent = await self._lender.look() if self._lender is not None else []
        except UnsuitableFolder as exc:
            raise SandboxUnavailable(NAME, exc.reason) from exc
        made = container.Container(self._engine)
        program = supervisor_program(
            self.limits,
            copies=copies(lent, in_layer=False),
            writable=[each.folder.target for each in lent if each.is_writable],
        )
        owner = folder_mounts.owner(lent)
        if owner is not None:
            self._owners.add(owner)

        def arguments(client: APIClient, name: str, uid: int) -> dict[str, Any]:
            return options.create(
                client,
                self.limits,
                image=self._image,
                command=[*program.command],
                name=name,
                uid=uid,
                labels=self._owner.labels(session_id),
                cpus=min(self._cpus, self._info.get("NCPU") or self._cpus),
                runtime=self._runtime,
                own_kernel=self._own_kernel(),
                owner=owner,
                group=folder_mounts.group(lent),
                mounts=folder_mounts.mounts(lent),
                writable=[each.folder.target for each in lent if each.folder.mode == "copy"],
            )

        self._live.add(made)
        try:
            async with made.attached(arguments, partial(self._boot, program.source)) as stream:
                yield stream
        finally:
            self._live.discard(made)
            if not made.removed:
                self._started = False  # so that the next start removes it

    async def _boot(self, code: bytes, stream: AttachedStream) -> None:
        try:
            with anyio.fail_after(BOOT_TIMEOUT_SECONDS):
                await stream.send(code)
                await stream.wait_started()
        except (TimeoutError, EndOfStream, BrokenResourceError, ClosedResourceError) as exc:
            # If sending failed, the container's stderr has not been read yet.
            await stream.drain()
            said = stream.errors.splitlines()[-1:] or ["it does not say why"]
            after = f" within {BOOT_TIMEOUT_SECONDS:.0f} s" if isinstance(exc, TimeoutError) else ""
            reason = f"a container of the image {self._image} does not come up{after}: {said[0]}."
            raise SandboxUnavailable(NAME, reason) from exc

    def verify(self, report: SelfCheck) -> None:
        """Refuse a container that lacks a protection, or that does not run as its own user."""
        if not report.closed_supervisor and self._own_kernel():
            # Who chose such a runtime wants the host to be safe, which it is; what the code can do
            # with process 1 concerns its own session, and every result says so.
            self.waivers = {**self.waivers, "closed_supervisor": _OPEN}
        super().verify(report)
        if report.uid not in options.UIDS and report.uid not in self._owners:
            raise SandboxUnavailable(
                NAME, "a container came up without the user that it was given."
            )

    @property
    def metadata(self) -> dict[str, str]:
        """Name the image and the runtime."""
        runtime = self._runtime or str(self._info.get("DefaultRuntime", "default"))
        bound = f"control group v{self._info.get('CgroupVersion', '1')}"
        facts = {"image": self._image, "runtime": runtime, "memory_bounded_by": bound}
        return facts if self.has_true_results else {**facts, "results": _OPEN}

    async def diagnose(self) -> list[Finding]:
        """Describe the engine."""
        try:
            await self.start()
        except SandboxUnavailable as exc:
            return [Finding(what="engine", holds=False, detail=exc.reason)]
        return [
            *findings(self._info, runtime=self._runtime),
            Finding(what="image", holds=True, detail=self._image),
        ]

    def _own_kernel(self) -> bool:
        """Whether the runtime gives each session a kernel of its own."""
        runtime = self._runtime or str(self._info.get("DefaultRuntime", ""))
        return own_kernel(runtime, runtimes(self._info).get(runtime, {})) is not None

    async def aclose(self) -> None:
        """Close the connection to the engine."""
        await self._engine.aclose()
