"""The command line of bubblewrap, which is a security policy: this is the reviewed one."""

from __future__ import annotations

from pathlib import Path

from bellglass.sandboxes.backends.embedded.bubblewrap import arguments
from bellglass.sandboxes.backends.embedded.inside.plan import Plan
from bellglass.sandboxes.session_limits import Limits

PLAN = Plan(
    binds=[("/usr/bin", "/usr/bin"), ("/home/me/venv/lib", "/opt/bellglass/lib")],
    links=[("/bin", "usr/bin")],
    files=[("/etc/passwd", b"", 0o444)],
    python="/opt/bellglass/bin/python",
    path="/opt/bellglass/bin:/usr/bin",
    venv="/opt/bellglass",
    covered=["/usr/lib/sysimage"],
)
LIMITS = Limits(disk_bytes=1000, scratch_bytes=500)

MASKS = [
    f"--dev-bind /dev/null /proc/{name}"
    for name in (
        "cmdline", "config.gz", "diskstats", "kallsyms", "key-users", "keys", "modules",
        "partitions", "swaps",
    )
    if Path("/proc", name).exists()  # kernels are built with more or less of them
]  # fmt: skip

REVIEWED = f"""
--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try
--disable-userns --die-with-parent --new-session --as-pid-1 --uid 1000 --gid 1000 --cap-drop ALL
--clearenv --hostname sandbox
--ro-bind /usr/bin /usr/bin
--ro-bind /home/me/venv/lib /opt/bellglass/lib
--perms 0555 --size 4096 --tmpfs /usr/lib/sysimage --remount-ro /usr/lib/sysimage
--dir /proc --dir /dev/shm --dir /tmp --dir /work --dir /run --dir /var
--symlink usr/bin /bin
--symlink /proc/self/fd /dev/fd --symlink /proc/self/fd/0 /dev/stdin
--symlink /proc/self/fd/1 /dev/stdout --symlink /proc/self/fd/2 /dev/stderr
--perms 0444 --file 9 /etc/passwd
--dev-bind /dev/null /dev/null
--dev-bind /dev/zero /dev/zero
--dev-bind /dev/full /dev/full
--dev-bind /dev/random /dev/random
--dev-bind /dev/urandom /dev/urandom
--proc /proc
{" ".join(MASKS)}
--perms 0700 --size 1000 --tmpfs /work
--perms 1777 --size 500 --tmpfs /tmp
--perms 1777 --size 500 --tmpfs /dev/shm
--remount-ro / --chdir /work
"""


def test_the_arguments_are_the_reviewed_ones() -> None:
    assert arguments(PLAN, [9], LIMITS, in_rootfs=False) == REVIEWED.split()


def test_in_a_view_the_sources_are_where_the_view_has_them() -> None:
    inside = arguments(PLAN, [9], LIMITS, in_rootfs=True)

    reviewed = REVIEWED.replace("/home/me/venv/lib", "/opt/bellglass/lib").splitlines()
    assert inside == " ".join(line for line in reviewed if "sysimage" not in line).split()


def test_nothing_is_mounted_below_a_directory_that_the_code_can_write_to() -> None:
    options = arguments(PLAN, [9], LIMITS, in_rootfs=False)
    after = options[options.index("/work", options.index("--tmpfs")) :]

    assert not any(
        path.startswith(("/work/", "/tmp/", "/dev/shm/")) for path in after if path[0] == "/"
    )
