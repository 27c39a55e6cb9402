"""Control groups, in directories that look like the kernel's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import anyio
import pytest

from bellglass.sandboxes.backends.embedded import cgroups
from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.session_limits import Limits

LIMITS = Limits(memory_bytes=100, disk_bytes=20, scratch_bytes=3, processes=5)


class Kernel:
    """A proc, and hierarchies of control groups, that the code takes for the kernel's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = root / "proc"
        (self.proc / "self").mkdir(parents=True)
        self._cgroup: list[str] = []
        self._mounts: list[str] = []

    def hierarchy(self, controllers: str, own: str, files: dict[str, str]) -> Path:
        """Mount a hierarchy (version 2 if it has no controllers), and return our own group."""
        top = self.root / (controllers or "unified")
        directory = top / own.lstrip("/")
        directory.mkdir(parents=True)
        for name, content in files.items():
            (directory / name).write_text(content)
        kind = f"cgroup cgroup rw,{controllers}" if controllers else "cgroup2 cgroup rw"
        self._cgroup.append(f"1:{controllers}:{own}")
        self._mounts.append(f"30 20 0:30 / {top} rw,relatime - {kind}")
        (self.proc / "self/cgroup").write_text("\n".join(self._cgroup))
        (self.proc / "self/mountinfo").write_text("\n".join(self._mounts))
        return directory


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


FILES = (
    "memory.oom_control", "memory.events", "memory.max", "memory.swap.max", "memory.oom.group",
    "pids.max", "tasks", "cgroup.procs", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
    "memory.swappiness", "memory.kmem.tcp.limit_in_bytes", "cpuacct.usage", "cpu.stat",
)  # fmt: skip


@pytest.fixture
def new_groups_have_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill a new group, and empty a removed one, as the kernel does."""
    mkdir = Path.mkdir

    def make(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        mkdir(self, mode, parents, exist_ok)
        if self.name.startswith("bellglass-"):
            for name in FILES:
                (self / name).touch()

    def remove(self: Path) -> None:
        if any(entry.is_dir() for entry in self.iterdir()):
            raise OSError(errno.EBUSY, "it has groups below it")
        for file in self.iterdir():
            file.unlink()
        os.rmdir(self)

    monkeypatch.setattr(Path, "mkdir", make)
    monkeypatch.setattr(Path, "rmdir", remove)


def test_nothing_mounted_is_no_mechanism(kernel: Kernel) -> None:
    (kernel.proc / "self/cgroup").write_text("")
    (kernel.proc / "self/mountinfo").write_text("")

    found = cgroups.probe(kernel.proc)

    assert found.mechanism == "none"
    with found.group(LIMITS) as group:
        assert group.joins == []
        assert group.counters == {}


@pytest.mark.usefixtures("new_groups_have_files")
class TestVersions:
    async def test_version_2_where_the_controller_is_given_on(self, kernel: Kernel) -> None:
        own = kernel.hierarchy(
            "", "/me", {"cgroup.controllers": "memory pids", "cgroup.subtree_control": "memory"}
        )

        found = cgroups.probe(kernel.proc)
        with found.group(LIMITS) as group:
            (directory,) = own.glob("bellglass-*")
            assert (directory / "memory.max").read_text() == "126"
            assert (directory / "memory.swap.max").read_text() == "0"
            assert (directory / "pids.max").read_text() == "21"
            await group.add(77)
            assert (directory / "cgroup.procs").read_text() == "77"
        await group.remove()

        assert found.mechanism == "v2"
        assert list(own.glob("bellglass-*")) == []

    async def test_version_2_that_was_delegated_moves_the_server_to_a_leaf(
        self, kernel: Kernel
    ) -> None:
        own = kernel.hierarchy(
            "", "/me", {"cgroup.controllers": "memory pids", "cgroup.subtree_control": ""}
        )

        found = cgroups.probe(kernel.proc)

        assert found.mechanism == "v2"
        (leaf,) = own.glob("bellglass-*-server")
        assert (leaf / "cgroup.procs").read_text() == "0"
        assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"

    async def test_controllers_that_were_not_delegated_are_not_asked_for(
        self, kernel: Kernel
    ) -> None:
        own = kernel.hierarchy(
            "", "/me", {"cgroup.controllers": "cpu memory", "cgroup.subtree_control": ""}
        )

        cgroups.probe(kernel.proc)

        assert (own / "cgroup.subtree_control").read_text() == "+memory"

    async def test_what_is_left_in_a_group_is_killed(self, kernel: Kernel) -> None:
        own = kernel.hierarchy(
            "", "/me", {"cgroup.controllers": "memory", "cgroup.subtree_control": "memory"}
        )
        found = cgroups.probe(kernel.proc)
        with found.group(LIMITS) as group:
            (directory,) = own.glob("bellglass-*")
        (directory / "cgroup.kill").touch()
        (directory / "busy").mkdir()  # which keeps it from being removed
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(group.remove)
            with anyio.fail_after(5):
                while not (directory / "cgroup.kill").read_text():  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            (directory / "busy").rmdir()

        assert not directory.exists()

    async def test_systemd_is_asked_where_nothing_was_delegated(
        self, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        top = kernel.hierarchy("", "/", {"cgroup.controllers": "cpu memory pids"})
        busctl = kernel.root / "bin/busctl"
        busctl.parent.mkdir()
        busctl.write_text(
            f'#!/bin/sh\necho "$*" >{kernel.root}/asked\n'
            'for word; do case "$word" in *.scope) name=$word;; esac; done\n'
            f"mkdir {top}/$name\n"
            f"echo memory pids >{top}/$name/cgroup.controllers\n"
            f": >{top}/$name/cgroup.subtree_control\n"
            f"echo 0::/$name >{kernel.proc}/self/cgroup\n"
        )
        busctl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{busctl.parent}:/bin:/usr/bin")

        found = cgroups.probe(kernel.proc)

        asked = (kernel.root / "asked").read_text().split()
        assert found.mechanism == "v2"
        assert "StartTransientUnit" in asked
        assert f"PIDs au 1 {os.getpid()} Delegate b true" in " ".join(asked)
        (scope,) = top.glob("bellglass-*.scope")
        assert (scope / "cgroup.subtree_control").read_text() == "+memory +pids"

    async def test_a_systemd_that_refuses_is_no_mechanism(
        self, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kernel.hierarchy("", "/", {"cgroup.controllers": "memory pids"})
        busctl = kernel.root / "busctl"
        busctl.write_text("#!/bin/sh\nexit 1\n")
        busctl.chmod(0o755)
        monkeypatch.setenv("PATH", str(kernel.root))

        assert cgroups.probe(kernel.proc).mechanism == "none"

    async def test_version_1_below_our_own_groups(self, kernel: Kernel) -> None:
        kernel.hierarchy("", "/", {"cgroup.controllers": ""})
        memory = kernel.hierarchy("memory", "/me/deep", {})
        pids = kernel.hierarchy("pids", "/", {})

        found = cgroups.probe(kernel.proc)
        with found.group(LIMITS) as group:
            (first,) = memory.glob("bellglass-*")
            (second,) = pids.glob("bellglass-*")
            assert (first / "memory.limit_in_bytes").read_text() == "126"
            assert (first / "memory.memsw.limit_in_bytes").read_text() == "126"
            assert (second / "pids.max").read_text() == "21"
            assert len(group.joins) == 2
            assert list(group.counters) == ["memory_events_fd"]
        assert group.joins == []
        await group.remove()

        assert found.mechanism == "v1"
        assert [*memory.glob("bellglass-*"), *pids.glob("bellglass-*")] == []

    async def test_version_1_counts_cpu_time_where_it_may(self, kernel: Kernel) -> None:
        kernel.hierarchy("memory", "/me", {})
        kernel.hierarchy("pids", "/me", {})
        cpu = kernel.hierarchy("cpu,cpuacct", "/", {})

        with cgroups.probe(kernel.proc).group(LIMITS) as group:
            assert len(group.joins) == 3
            assert list(group.counters) == ["memory_events_fd", "cpu_time_fd"]
        await group.remove()

        assert list(cpu.glob("bellglass-*")) == []

    async def test_half_a_group_is_not_left(self, kernel: Kernel) -> None:
        kernel.hierarchy("", "/", {"cgroup.controllers": ""})
        memory = kernel.hierarchy("memory", "/me", {})
        pids = kernel.hierarchy("pids", "/me", {})
        found = cgroups.probe(kernel.proc)
        pids.rmdir()

        with pytest.raises(LaunchFailed, match="make a control group"), found.group(LIMITS):
            pass

        assert list(memory.glob("bellglass-*")) == []

    async def test_groups_of_servers_that_are_gone_are_removed(self, kernel: Kernel) -> None:
        memory = kernel.hierarchy("memory", "/", {})
        kernel.hierarchy("pids", "/", {})
        dead = memory / "bellglass-999999999-1-0"
        reused = memory / f"bellglass-{os.getpid()}-1-0"
        own = memory / f"bellglass-{os.getpid()}-{cgroups._start_time(os.getpid())}-0"
        for directory in (dead, reused, own):
            directory.mkdir()

        cgroups.probe(kernel.proc)

        assert not dead.exists()
        assert not reused.exists()
        assert own.exists()
