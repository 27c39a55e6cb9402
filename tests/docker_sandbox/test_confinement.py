"""Confinement of a live container, as the engine reports it: field by field (P33)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import LIMITS
from docker_sandbox.watching import container_of, python

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.options import UIDS
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.frame_models import Ready
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from docker import APIClient


@pytest.fixture(scope="module")
async def inspected(engine: APIClient) -> AsyncGenerator[dict[str, Any]]:
    backend = DockerBackend(LIMITS)
    async with Session.open(backend) as session:
        await python(session, "1")
        yield engine.inspect_container(container_of(engine, session))
    await backend.aclose()


async def test_it_is_confined_as_written_down(inspected: dict[str, Any], engine: APIClient) -> None:
    host, config = inspected["HostConfig"], inspected["Config"]
    total = LIMITS.memory_bytes + LIMITS.disk_bytes + 2 * LIMITS.scratch_bytes

    uid, _, gid = config["User"].partition(":")
    assert int(uid) in UIDS
    assert gid == uid
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["GroupAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert any("name=seccomp" in option for option in engine.info()["SecurityOptions"])
    assert host["ReadonlyRootfs"] is True
    assert config["NetworkDisabled"] is True
    assert not host["PortBindings"]
    assert not host["ExtraHosts"]
    assert host["PidsLimit"] == LIMITS.processes
    assert host["Memory"] == total
    assert host["MemorySwap"] == total
    assert not host["OomKillDisable"]
    assert host["OomScoreAdj"] == 990
    assert 0 < host["NanoCpus"] <= 2_000_000_000
    assert {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]} == {
        "nofile": (LIMITS.open_files, LIMITS.open_files),
        "core": (0, 0),
        "fsize": (LIMITS.file_bytes, LIMITS.file_bytes),
    }
    assert host["IpcMode"] == "private"
    assert host["PidMode"] == ""
    assert host["UTSMode"] == ""
    assert host["UsernsMode"] == ""
    assert host["CgroupnsMode"] == "private"
    assert host["LogConfig"]["Type"] == "none"
    assert host["AutoRemove"] is True
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert host["Init"] is False
    assert config["OpenStdin"] is True
    assert config["StdinOnce"] is True
    assert config["Tty"] is False
    assert config["Healthcheck"]["Test"] == ["NONE"]


async def test_nothing_of_the_host_is_in_it(inspected: dict[str, Any]) -> None:
    host = inspected["HostConfig"]

    assert not host["Binds"]
    assert not host["VolumesFrom"]
    assert not host["Devices"]
    assert not host["DeviceRequests"]
    assert not host["DeviceCgroupRules"]
    assert not host.get("Mounts")
    assert inspected["Mounts"] == []


async def test_all_that_can_be_written_to_is_bounded(inspected: dict[str, Any]) -> None:
    tmpfs = {
        path: dict(part.partition("=")[::2] for part in options.split(","))
        for path, options in inspected["HostConfig"]["Tmpfs"].items()
    }

    assert set(tmpfs) == {"/work", "/tmp", "/dev/shm", "/dev/pts"}
    assert "ro" in tmpfs["/dev/pts"]
    assert tmpfs["/work"]["size"] == str(LIMITS.disk_bytes)
    assert tmpfs["/work"]["nr_inodes"] == str(LIMITS.files)
    assert tmpfs["/tmp"]["size"] == tmpfs["/dev/shm"]["size"] == str(LIMITS.scratch_bytes)
    for options in tmpfs.values():
        assert {"nosuid", "nodev", "nr_inodes"} <= set(options)


async def test_no_variable_of_the_server_is_in_it(
    inspected: dict[str, Any], engine: APIClient
) -> None:
    image: dict[str, Any] = engine.inspect_image(IMAGE)  # type: ignore[no-untyped-call]

    assert sorted(inspected["Config"]["Env"]) == sorted(image["Config"]["Env"])


def seen(**others: Any) -> Ready:
    """What the supervisor says of a container that is right, but for `others`."""
    whole = {
        "type": "ready",
        "python": "3.13.1",
        "uid": UIDS[0],
        "capabilities": 0,
        "no_new_privs": True,
        "seccomp": 2,
        "interfaces": ["lo"],
        "closed_supervisor": True,
        "writable_disks": [],
        "memory_bytes": LIMITS.all_bytes,
        "processes": LIMITS.processes,
    }
    return Ready.model_validate({**whole, **others})


def test_a_container_that_is_right_is_taken() -> None:
    DockerBackend(LIMITS).verify(seen())


@pytest.mark.parametrize(
    "lack",
    [
        {"uid": 0},
        {"uid": 1000},
        {"uid": UIDS[0] - 1},
        {"capabilities": 1},
        {"no_new_privs": False},
        {"seccomp": 0},
        {"interfaces": ["lo", "eth0"]},
        {"interfaces": []},
        {"closed_supervisor": False},
        {"writable_disks": ["/"]},
        {"memory_bytes": None},
        {"memory_bytes": LIMITS.all_bytes + 1},
        {"processes": None},
        {"processes": LIMITS.processes + 1},
    ],
    ids=str,
)
def test_a_container_that_lacks_a_protection_is_refused(lack: dict[str, Any]) -> None:
    with pytest.raises(SandboxUnavailable, match="came up without"):
        DockerBackend(LIMITS).verify(seen(**lack))


async def test_both_filters_are_in_force(backend: DockerBackend) -> None:
    code = "status = open('/proc/self/status').read()\n"
    code += "status.partition('Seccomp_filters:')[2].split()[0]"
    async with Session.open(backend) as session:
        execution = await python(session, code)

    assert execution.value == "'2'"


async def test_out_of_memory_is_told_from_a_crash(backend: DockerBackend) -> None:
    # Shared memory is no data of the process, so that only the container's own limit ends it.
    fill = "import mmap\nfilled = [mmap.mmap(-1, 64 << 20) for _ in range(40)]\n"
    fill += "for part in filled:\n    for at in range(0, len(part), 4096):\n        part[at] = 1"
    async with Session.open(backend) as session:
        await python(session, "kept = 1")
        full = await python(session, fill, timeout=30)
        after = await python(session, "kept")
        crash = await python(session, "import os\nos.kill(os.getpid(), 11)")

    assert full.status == "oom"
    assert after.value == "1"
    assert crash.status == "crashed"


async def test_a_lock_in_a_container_is_on_a_file_of_its_own(backend: DockerBackend) -> None:
    lock = "import fcntl, os; f = open(os.__file__); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    async with Session.open(backend) as session, Session.open(backend) as other:
        taken = [await python(one, lock) for one in (session, other)]

    assert [execution.error for execution in taken] == [None, None]
