"""How a container is confined: every option that the engine is given, and nothing else.

What the engine makes of it is not believed: the runner says what it sees (`Ready`), and
`DockerBackend.accept` refuses what is less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.confinement.limits import OOM_SCORE

if TYPE_CHECKING:
    from docker import APIClient

    from bellglass.sandboxes.limits import Limits

UIDS = range(60_945, 61_184)
"""The uid and gid of the code: of each container its own, because the kernel counts some things by
user. No package and no person has them: the second half of a range whose first half the embedded
sandbox has (see embedded.uids). In the image each has a name."""

KERNEL_THREADS = 448
"""What gVisor itself may start, for 64 processes of a session: with less it dies when they start,
and the session with it. A process inside is three or four of the engine's machine."""

_SCRATCH_INODES = 8192
_PERIOD = 1_000_000_000  # nano CPUs of one processor


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
) -> dict[str, Any]:
    """Return the arguments for `APIClient.create_container`.

    `own_kernel`: the runtime starts one, in processes that the limits are counted for too.
    """
    return {
        "image": image,
        "name": name,
        "labels": labels,
        # In place of what the image would run; our runner has to be process 1.
        "entrypoint": command,
        "command": [],
        "user": f"{uid}:{uid}",
        "working_dir": "/work",
        "hostname": "sandbox",
        # No interface but a loopback, as network_mode "none" has it, in half the time.
        "network_disabled": True,
        "stdin_open": True,  # and with it StdinOnce: when our connection ends, stdin does
        "tty": False,
        "stop_signal": "SIGKILL",  # the runner ignores others, and an engine that ends would wait
        # An image's own would start processes in the session, for ever.
        "healthcheck": {"test": ["NONE"]},
        "host_config": _host_config(client, limits, uid, cpus, runtime, own_kernel),
    }


def _host_config(
    client: APIClient, limits: Limits, uid: int, cpus: float, runtime: str | None, own_kernel: bool
) -> dict[str, Any]:
    from docker.types import LogConfig, Ulimit

    config = client.create_host_config(
        auto_remove=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],  # seccomp unnamed: the engine's own profile
        read_only=True,
        tmpfs=_tmpfs(limits, uid),
        pids_limit=limits.processes + (KERNEL_THREADS if own_kernel else 0),
        mem_limit=limits.all_bytes,
        memswap_limit=limits.all_bytes,  # of both together: no swap
        nano_cpus=int(cpus * _PERIOD),
        ulimits=[
            Ulimit(name=name, soft=value, hard=value)
            for name, value in (
                ("nofile", limits.open_files),
                ("core", 0),
                ("fsize", limits.file_bytes),
                # Not nproc: it counts a user, and the host may know this one.
            )
        ],
        ipc_mode="private",
        cgroupns="private",
        oom_score_adj=OOM_SCORE,
        init=False,  # the engine may be set to put one before us
        log_config=LogConfig(type=LogConfig.types.NONE),
        runtime=runtime,
    )
    assert isinstance(config, dict)
    return config


def _tmpfs(limits: Limits, uid: int) -> dict[str, str]:
    """Return all that can be written to, bounded in size and in number of files."""

    def options(size: int, files: int, rest: str) -> str:
        return f"rw,nosuid,nodev,size={size},nr_inodes={files},{rest}"

    owner = f"uid={uid},gid={uid}"
    scratch = limits.scratch_bytes
    return {
        # Without "exec" the engine forbids it: what a session compiles would not run.
        "/work": options(limits.disk_bytes, limits.files, f"exec,mode=0700,{owner}"),
        "/tmp": options(scratch, _SCRATCH_INODES, "exec,mode=1777"),
        "/dev/shm": options(scratch, _SCRATCH_INODES, "noexec,mode=1777"),
        # In place of the terminals: the machine has some 3,000 for all containers together.
        "/dev/pts": "ro,nosuid,nodev,noexec,size=4096,nr_inodes=1,mode=0755",
    }
