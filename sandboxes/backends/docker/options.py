"""The options that confine a container.

The engine is not trusted to apply them: the supervisor reports what it sees from inside
(`SelfCheck`), and `DockerBackend.verify` refuses a container that lacks a protection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common import packages
from bellglass.sandboxes.common.limits import MAX_PACKAGE_FILES, MAX_SCRATCH_FILES
from bellglass.sandboxes.confinement.resource_limits import OOM_SCORE_ADJ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docker import APIClient

    from bellglass.sandboxes.session_limits import Limits

UIDS = range(60_945, 61_184)
"""Uids (and gids) of containers. Each container has its own, because the kernel counts some
resources by uid. No package and no person has them: they are the second half of a range whose first
half the embedded backend uses (see embedded.uids). In the image each has a name."""

GVISOR_KERNEL_THREADS = 448
"""Threads that gVisor itself needs for 64 processes of a session. A process inside takes three or
four threads outside; with a lower limit gVisor dies, and the session with it."""

_NANO_CPUS_PER_CPU = 1_000_000_000  # nano-CPUs of one processor


def create(
    client: APIClient,
    limits: Limits,
    *,
    image: str,
    command: list[str],
    name: str,
    uid: int,
    labels: dict[str, str],
    cpus: float,
    runtime: str | None,
    own_kernel: bool,
    owner: int | None = None,
    group: int | None = None,
    mounts: Sequence[Mapping[str, Any]] = (),
    writable: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the arguments for `APIClient.create_container`.

    `own_kernel`: the runtime runs a kernel of its own, whose threads count towards the limits.
    `owner`, `group`: of the lent folders, who the container runs as instead of `uid`. `writable`:
    the paths of copies of lent folders.
    """
    user = uid if owner is None else owner
    host_config = _host_config(
        client, limits, (user, uid if group is None else group), cpus, runtime, own_kernel
    )
    if mounts:
        host_config["Mounts"] = [*mounts]
    for target in writable:
        host_config["Tmpfs"][target] = host_config["Tmpfs"]["/work"]
    return {
        "image": image,
        "name": name,
        "labels": labels,
        # Overrides the image's own entrypoint: the supervisor has to be process 1.
        "entrypoint": command,
        "command": [],
        "user": f"{user}:{uid if group is None else group}",
        "working_dir": "/work",
        "hostname": "sandbox",
        # No interface but the loopback, as with network_mode "none", in half the time.
        "network_disabled": True,
        "stdin_open": True,  # implies StdinOnce: stdin ends when our connection does
        "tty": False,
        "stop_signal": "SIGKILL",  # the supervisor ignores others; a stopping engine would wait
        # A health check of the image would keep starting processes in the session.
        "healthcheck": {"test": ["NONE"]},
        "host_config": host_config,
    }


def _host_config(
    client: APIClient,
    limits: Limits,
    user: tuple[int, int],
    cpus: float,
    runtime: str | None,
    own_kernel: bool,
) -> dict[str, Any]:
    from docker.types import LogConfig, Ulimit

    config = client.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],  # no seccomp option: the engine's own profile applies
        read_only=True,
        tmpfs=_tmpfs(limits, *user),
        pids_limit=limits.processes + (GVISOR_KERNEL_THREADS if own_kernel else 0),
        mem_limit=limits.all_bytes,
        memswap_limit=limits.all_bytes,  # memory plus swap, so there is no swap
        nano_cpus=int(cpus * _NANO_CPUS_PER_CPU),
        ulimits=[
            Ulimit(name=name, soft=value, hard=value)
            for name, value in (
                ("nofile", limits.open_files),
                ("core", 0),
                ("fsize", limits.file_bytes),
                # Not nproc: it counts all processes of a uid, also those on the host.
            )
        ],
        ipc_mode="private",
        cgroupns="private",
        oom_score_adj=OOM_SCORE_ADJ,
        init=False,  # an engine can be configured to run its own init as process 1
        log_config=LogConfig(type=LogConfig.types.NONE),
        runtime=runtime,
    )
    assert isinstance(config, dict)
    return config


def _tmpfs(limits: Limits, uid: int, gid: int) -> dict[str, str]:
    """Return the writable directories, limited in size and number of files."""

    def options(size: int, files: int, rest: str) -> str:
        return f"rw,nosuid,nodev,size={size},nr_inodes={files},{rest}"

    owner = f"uid={uid},gid={gid}"
    scratch = limits.scratch_bytes
    installed = {
        packages.OWN: options(limits.packages_bytes, MAX_PACKAGE_FILES, f"exec,mode=0700,{owner}")
    }
    return {
        **(installed if limits.packages_bytes else {}),
        # Without "exec" the engine mounts noexec, and compiled programs would not run.
        "/work": options(limits.disk_bytes, limits.files, f"exec,mode=0700,{owner}"),
        "/tmp": options(scratch, MAX_SCRATCH_FILES, "exec,mode=1777"),
        "/dev/shm": options(scratch, MAX_SCRATCH_FILES, "noexec,mode=1777"),
        # Replaces the terminals: the machine has some 3,000 for all containers together.
        "/dev/pts": "ro,nosuid,nodev,noexec,size=4096,nr_inodes=1,mode=0755",
    }
