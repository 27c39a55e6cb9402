"""What a sandbox sees: a golden test of all of it, from the inside, with both launchers.

Each list is complete. What is not in it must not be there: a new entry is a decision.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bellglass.sandboxes.backends.embedded import EmbeddedBackend, cgroups
from bellglass.sandboxes.backends.embedded.inside.plan import MASKED
from bellglass.sandboxes.backends.embedded.uids import UIDS
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LIMITS = Limits(
    memory_bytes=300 * MIB,
    disk_bytes=24 * MIB,
    scratch_bytes=8 * MIB,
    files=500,
    file_bytes=16 * MIB,
    processes=40,
    open_files=200,
)

TOP = {"bin", "dev", "etc", "lib", "opt", "proc", "run", "sbin", "tmp", "usr", "var", "work"}
MAYBE_TOP = {"lib32", "lib64", "libx32"}
ETC = {"group", "hostname", "hosts", "nsswitch.conf", "passwd"}
MAYBE_ETC = {"alternatives", "fonts", "ld.so.cache", "localtime", "pki", "ssl"}
USR = {"bin", "lib", "share"}
MAYBE_USR = {"include", "lib32", "lib64", "libexec", "libx32", "local", "sbin"}
DEV = {
    "fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"
}  # fmt: skip
WRITABLE = {"/work", "/tmp", "/dev/shm", "/proc"}
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT", "HOME", "LANG", "MPLBACKEND", "MPLCONFIGDIR", "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS", "PATH", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_RETRIES",
    "PYTHONDONTWRITEBYTECODE", "TMPDIR", "USER", "VIMINIT",
    "npm_config_cache", "npm_config_fetch_retries", "npm_config_offline",
}  # fmt: skip

HELPERS = """
import ctypes, errno, glob, json, os, resource, socket

def lines(path):
    with open(path) as file:
        return file.read().splitlines()

def attempt(function, *arguments):
    try:
        return str(function(*arguments))
    except OSError as exc:
        return errno.errorcode.get(exc.errno, str(exc.errno))
"""


class Inside:
    """Asks questions of a sandbox."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def __call__(self, expression: str) -> Any:
        code = f"{HELPERS}\nprint(json.dumps({expression}))"
        execution = await self.session.run("python", {"code": code}, timeout=30)
        assert execution.status == "ok", execution
        return json.loads(execution.stdout.text)


@pytest.fixture
async def inside(launcher: str) -> AsyncGenerator[Inside]:
    backend = EmbeddedBackend(LIMITS, launcher=launcher)  # type: ignore[arg-type]
    try:
        async with Session.open(backend) as session:
            yield Inside(session)
    finally:
        await backend.aclose()


async def test_the_directories_are_these(inside: Inside) -> None:
    top = set(await inside("os.listdir('/')"))
    prefix = set(await inside("[__import__('sys').base_prefix.split('/')[1]]"))
    usr = set(await inside("os.listdir('/usr')"))
    etc = set(await inside("os.listdir('/etc')"))

    assert top - MAYBE_TOP - prefix == TOP - prefix - ({"opt"} - top)
    assert usr - MAYBE_USR == USR
    assert etc - MAYBE_ETC == ETC
    if "ssl" in etc:
        assert await inside("os.listdir('/etc/ssl')") == ["certs"]
    assert set(await inside("os.listdir('/dev')")) == DEV
    assert await inside("os.listdir('/run') + os.listdir('/tmp') + os.listdir('/dev/shm')") == []
    assert await inside("os.listdir('/var')") == ["tmp"]


async def test_the_home_of_whoever_runs_the_server_is_not_there(inside: Inside) -> None:
    home = Path.home()
    theirs = await inside(f"sorted(glob.glob('{home}/.*') + glob.glob('{home}/*'))")
    prefix = await inside("__import__('sys').base_prefix")

    # At most the way down to the interpreter, where that is below the home directory.
    assert all(prefix.startswith(path) for path in theirs)


async def test_a_file_of_the_host_is_nowhere(inside: Inside, tmp_path: Path) -> None:
    canary = tmp_path / f"canary-{secrets.token_hex(8)}"
    canary.write_text("seen")
    canary.chmod(0o644)

    found = await inside(f"[p for p in ('{canary}', '/proc/1/root{canary}') if os.path.exists(p)]")

    assert found == []


async def test_only_four_mounts_can_be_written_to(inside: Inside, launcher: str) -> None:
    mounts = [line.split() for line in await inside("lines('/proc/self/mountinfo')")]
    devices = {m[4] for m in mounts if "nodev" not in m[5]}
    if launcher == "bubblewrap":  # it cannot show a device read-only; they belong to root
        mounts = [m for m in mounts if m[4] not in devices]

    shown = {f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero")}
    assert devices - set(MASKED) == shown
    assert {m[4] for m in mounts if "rw" in m[5].split(",")} == WRITABLE
    assert all("nosuid" in m[5] for m in mounts)
    assert (
        await inside("[attempt(open, d + '/x', 'w') for d in ('/', '/etc', '/usr/bin')]")
        == ["EROFS"] * 3
    )


async def test_the_sizes_are_those_of_the_limits(inside: Inside, launcher: str) -> None:
    sizes = await inside(
        "{d: [os.statvfs(d).f_blocks * os.statvfs(d).f_frsize, os.statvfs(d).f_files]"
        " for d in ('/work', '/tmp', '/dev/shm')}"
    )

    assert {directory: size for directory, (size, _) in sizes.items()} == {
        "/work": LIMITS.disk_bytes,
        "/tmp": LIMITS.scratch_bytes,
        "/dev/shm": LIMITS.scratch_bytes,
    }
    if launcher == "zygote":  # bubblewrap has no option for it
        assert sizes["/work"][1] == LIMITS.files


async def test_the_modes_of_its_own_directories(inside: Inside) -> None:
    modes = await inside("[os.stat(d).st_mode for d in ('/work', '/tmp', '/dev/shm')]")

    assert [stat.S_IMODE(mode) for mode in modes] == [0o700, 0o1777, 0o1777]
    assert await inside("os.getcwd()") == "/work"


async def test_the_user_has_nothing(inside: Inside) -> None:
    status = dict(line.split(":\t", 1) for line in await inside("lines('/proc/self/status')"))

    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["1000"] * 4
    capabilities = {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    assert capabilities == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


@pytest.mark.skipif(os.geteuid() != 0, reason="only a server run by root changes the user")
async def test_root_is_not_even_the_owner_on_the_host(inside: Inside) -> None:
    mounts = await inside("lines('/proc/self/mountinfo')")
    (workspace,) = [line for line in mounts if line.split()[4] == "/work"]

    # The kernel shows the owner of the file system as it is on the host.
    (uid,) = [int(part[4:]) for part in workspace.split(",") if part.startswith("uid=")]
    assert uid in UIDS


async def test_the_namespaces_are_its_own(inside: Inside) -> None:
    names = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
    here = [os.readlink(f"/proc/self/ns/{name}") for name in names]

    theirs = await inside(f"[os.readlink('/proc/self/ns/' + name) for name in {names}]")

    assert not set(here) & set(theirs)


async def test_the_processes_are_its_own(inside: Inside) -> None:
    processes = await inside("[int(p) for p in os.listdir('/proc') if p.isdigit()]")

    assert 1 in processes
    assert len(processes) <= 6
    assert await inside("os.uname().nodename") == "sandbox"


async def test_the_first_process_shows_nothing(inside: Inside) -> None:
    files = ("environ", "maps", "mem", "fd", "cwd", "root", "exe")

    answers = await inside(
        f"[attempt(os.listdir if n == 'fd' else os.readlink if n in ('cwd', 'root', 'exe')"
        f" else open, '/proc/1/' + n) for n in {files}]"
    )

    assert set(answers) <= {"EACCES", "EPERM"}


async def test_proc_tells_nothing_of_the_machine_that_programs_do_not_need(
    inside: Inside, launcher: str
) -> None:
    told = await inside(
        f"[path for path in {MASKED} if attempt(lambda: open(path, 'rb').read(1))"
        " not in ('ENOENT', \"b''\")]"
    )

    # Under bubblewrap only the supervisor could not read the list either.
    assert set(told) <= (set() if launcher == "zygote" else {"/proc/locks"})


async def test_the_network_is_a_loopback_that_works(inside: Inside) -> None:
    assert await inside("[l.split(':')[0].strip() for l in lines('/proc/net/dev')[2:]]") == ["lo"]
    assert await inside("lines('/proc/net/route')[1:]") == []
    assert (
        await inside(
            "(lambda s: socket.create_connection(s.getsockname(), 5) and 'connected')"
            "(socket.create_server(('127.0.0.1', 0)))"
        )
        == "connected"
    )


async def test_the_environment_is_this_and_no_more(inside: Inside) -> None:
    variables = await inside("dict(os.environ)")

    assert set(variables) - {"VIRTUAL_ENV"} == ENVIRONMENT
    assert variables["HOME"] == "/work"


async def test_the_limits_are_set_and_hard(inside: Inside) -> None:
    limits = await inside(
        "{n: resource.getrlimit(getattr(resource, 'RLIMIT_' + n)) for n in"
        " ('NPROC', 'DATA', 'FSIZE', 'NOFILE', 'CORE', 'MEMLOCK')}"
    )

    grouped = cgroups.probe().mechanism != "none"
    assert limits == {
        "NPROC": [LIMITS.processes] * 2,
        "DATA": [LIMITS.memory_bytes] * 2,
        "FSIZE": [LIMITS.file_bytes] * 2,
        "NOFILE": [LIMITS.open_files if grouped else min(LIMITS.open_files, 256)] * 2,
        "CORE": [0, 0],
        "MEMLOCK": [65536] * 2,
    }


async def test_no_namespace_can_be_made_even_without_the_filter(
    inside: Inside, launcher: str
) -> None:
    if launcher == "bubblewrap":
        return  # it does the same one user namespace further out, where we cannot look

    limits = await inside(
        "{n: int(lines('/proc/sys/user/max_' + n)[0]) for n in"
        " ('user_namespaces', 'net_namespaces', 'inotify_instances')}"
    )

    assert limits == {"user_namespaces": 0, "net_namespaces": 0, "inotify_instances": 32}


async def test_the_interpreter_cannot_be_written_to(inside: Inside) -> None:
    # CVE-2019-5736: by a path of the kernel's own, past the read-only mount.
    flags = "os.O_PATH"
    answer = await inside(
        f"attempt(lambda: os.open('/proc/self/fd/%d' % os.open('/proc/self/exe', {flags}),"
        " os.O_WRONLY))"
    )

    assert answer in ("EROFS", "EACCES", "ETXTBSY")
    assert (await inside("os.readlink('/proc/self/exe')")).startswith("/")
    assert await inside("os.path.exists(os.readlink('/proc/self/exe'))")
    assert await inside("os.statvfs('/proc/self/exe').f_flag & os.ST_RDONLY") != 0


async def test_no_descriptor_of_ours_is_left_in_a_worker(inside: Inside) -> None:
    kinds = await inside(
        "{f: os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd')"
        " if os.path.lexists('/proc/self/fd/' + f)}"
    )

    allowed = ("pipe:", "socket:", "/dev/null", "/proc/", "anon_inode:")
    assert all(target.startswith(allowed) for target in kinds.values())


async def test_bash_has_no_descriptor_of_ours_and_no_better_score(inside: Inside) -> None:
    await inside("1")  # after which the supervisor has been sent a descriptor
    execution = await inside.session.run(
        "bash",
        {"command": "ls /proc/$$/fd; cat /proc/$$/oom_score_adj"},
        timeout=10,
    )

    # 59 is where it leaves its state.
    assert execution.stdout.text.split() == ["0", "1", "2", "59", "1000"]
