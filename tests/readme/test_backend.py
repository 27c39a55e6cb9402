"""The backend that docs/backends.md shows to authors of one, and its entry point."""

from __future__ import annotations

import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from absent import need
from readme.blocks import block

import bellglass.sandboxes
from bellglass.sandboxes import Backend, Check, Limits, SandboxUnavailable, Session, plugins
from bellglass.sandboxes.conformance import endings, running

LIMITS = Limits()

PODMAN = """#!/bin/sh
# Stands for podman: drops its options, and runs the command in a container of bubblewrap.
while [ "$1" != docker.io/library/python:3.13-slim ]; do shift; done
shift
exec bwrap {options} -- "$@"
"""

CONFINED = {
    "unprivileged_user": "--unshare-user --uid 1000 --gid 1000",
    "no_capabilities": "--cap-drop ALL",
    "no_network": "--unshare-net",
    "read_only_disks": "",
    "memory_limit": str(LIMITS.memory_bytes),
    "process_limit": str(LIMITS.processes),
}
"""What the container does for each protection that is not the supervisor's own part."""


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a podman on the path, which confines as it is told."""
    need("bwrap", "bubblewrap")

    def install(confined: dict[str, str]) -> None:
        # As control groups of version 2 show inside a container.
        group = tmp_path / "cgroup"
        group.mkdir()
        (group / "memory.max").write_text(confined["memory_limit"])
        (group / "pids.max").write_text(confined["process_limit"])
        shown = [path for path in map(str, sorted(Path("/").iterdir())) if path not in HIDDEN]
        bind = "--bind" if confined["read_only_disks"] else "--ro-bind"
        options = [
            *("--unshare-pid", "--as-pid-1", "--die-with-parent", "--unshare-ipc"),
            *(option for path in shown for option in (bind, path, path)),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/work"),
            *("--ro-bind", str(group), "/sys/fs/cgroup", "--chdir", "/work", "--clearenv"),
            *("--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"),
        ]
        for protection in ("unprivileged_user", "no_capabilities", "no_network"):
            options += confined[protection].split()
        program = tmp_path / "podman"
        program.write_text(PODMAN.format(options=shlex.join(options)))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


HIDDEN = ("/dev", "/proc", "/tmp", "/work", "/sys")


@pytest.mark.parametrize(
    "check",
    [
        running.python_shows_output_and_last_value,
        running.variables_last_between_calls,
        endings.a_crash_costs_only_its_own_call,
        endings.leaving_the_session_leaves_nothing,
    ],
    ids=lambda check: check.__name__,
)
async def test_backend_of_the_example_keeps_the_contract(check: Check, podman: Any) -> None:
    podman(CONFINED)

    await check(_example_backend()(LIMITS))


@pytest.mark.parametrize(
    ("protection", "instead", "said"),
    [
        ("unprivileged_user", "--unshare-user --uid 0 --gid 0", "an unprivileged user"),
        ("no_capabilities", "--cap-add ALL", "an empty set of capabilities"),
        ("no_network", "", "a network with only a loopback"),
        ("read_only_disks", "writable", "disks that cannot be written to"),
        ("memory_limit", "max", "a limit on memory"),
        ("process_limit", "max", "a limit on processes"),
        ("process_limit", str(LIMITS.processes + 1), f"a limit of {LIMITS.processes} processes"),
    ],
)
async def test_sandbox_of_the_example_that_lacks_a_protection_is_refused(
    protection: str, instead: str, said: str, podman: Any
) -> None:
    podman({**CONFINED, protection: instead})

    async with Session.open(_example_backend()(LIMITS)) as session:
        with pytest.raises(SandboxUnavailable) as refused:
            await session.run("python", {"code": "print('ran')"}, timeout=20)

    assert f"a sandbox came up without {said}. The backend has to" in str(refused.value)
    assert "nothing was executed" in str(refused.value)


async def test_a_waiver_with_its_reason_admits_what_the_sandbox_does_without(podman: Any) -> None:
    podman({**CONFINED, "memory_limit": "max"})

    backend = _example_backend()(LIMITS)
    backend.waivers = {"memory_limit": "the virtual machine around it bounds it"}

    await running.python_shows_output_and_last_value(backend)


def test_example_uses_public_names_alone() -> None:
    lines = [line for line in block("backend").splitlines() if "bellglass" in line]
    imports = [line for line in lines if line.startswith(("from bellglass", "import bellglass"))]

    assert imports == [
        "from bellglass.sandboxes import Backend, Limits, SandboxUnavailable, supervisor_program"
    ]


def test_exactly_these_names_are_public() -> None:
    assert set(bellglass.sandboxes.__all__) == PUBLIC
    assert {name for name in PUBLIC if not hasattr(bellglass.sandboxes, name)} == set()


PUBLIC = {
    *("Backend", "BackendSettings", "Names", "Lifecycle", "Limits", "Finding", "PatientStream"),
    *("PROTECTIONS", "Protection", "SelfCheck"),
    *("SupervisorProgram", "supervisor_program"),
    *("SandboxError", "SandboxUnavailable"),
    *("CHECKS", "Check", "Execution", "ExecutionError", "Output", "Session"),
}


def test_entry_point_of_the_example_leads_to_the_backend() -> None:
    project = tomllib.loads(block("entry-point"))["project"]
    module, _, name = project["entry-points"][plugins.BACKENDS]["podman"].partition(":")

    assert block("backend").startswith(f"# {module}.py\n")
    assert _example_backend().__name__ == name


def _example_backend() -> type[Backend]:
    namespace: dict[str, Any] = {"__name__": "bellglass_podman"}
    exec(compile(block("backend"), "docs/backends.md", "exec"), namespace)
    (backend,) = [
        thing
        for thing in namespace.values()
        if isinstance(thing, type) and issubclass(thing, Backend) and thing is not Backend
    ]
    return backend
