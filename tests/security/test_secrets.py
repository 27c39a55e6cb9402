"""Secrets that code must not see: the server's environment, its processes, files of the host."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from security.support import Target

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


CANARY = f"canary-{secrets.token_hex(12)}"


@pytest.fixture(scope="module")
async def target(embedded: EmbeddedBackend) -> AsyncGenerator[Target]:
    """A session of a sandbox that was started with a secret in the environment."""
    os.environ["BELLGLASS_TEST_API_KEY"] = CANARY
    launcher = EmbeddedBackend(embedded.limits, launcher=embedded._wanted)
    try:
        async with Session.open(launcher) as session:
            target = Target(session, embedded.limits)
            await target.settle()
            yield target
    finally:
        await launcher.aclose()
        del os.environ["BELLGLASS_TEST_API_KEY"]


@pytest.fixture
def files() -> Generator[list[Path]]:
    """Secrets of the host, in its /tmp, in a home, and below the current directory."""
    found = []
    for folder in (tempfile.gettempdir(), Path.home(), "/dev/shm"):
        if os.access(folder, os.W_OK):
            path = Path(folder, f".{CANARY}")
            path.write_text(CANARY)
            path.chmod(0o644)
            found.append(path)
    yield found
    for path in found:
        path.unlink()


async def test_no_environment_holds_a_secret(target: Target) -> None:
    found = await target.value(
        f"""
found = [name for name, text in os.environ.items() if {CANARY!r} in text]
for pid in os.listdir("/proc"):
    for name in ("environ", "cmdline", "comm"):
        try:
            if {CANARY!r}.encode() in open(f"/proc/{{pid}}/{{name}}", "rb").read():
                found.append((pid, name))
        except OSError:
            pass
found
"""
    )

    assert found == []


async def test_no_memory_in_reach_holds_a_secret(target: Target) -> None:
    # The worker is a copy of a copy of our zygote: what that knew, it knows.
    found = await target.value(
        f"""
needle = bytes.fromhex({CANARY.encode().hex()!r})[3:]
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps.read().splitlines():
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        if line.split()[1].startswith("rw") and last - first < 256 << 20:
            try:
                memory.seek(first)
                text = memory.read(last - first)
            except (OSError, OverflowError, ValueError):
                continue
            found += text.count(b"API_KEY=" + b"can" + needle)
found
"""
    )

    assert found == 0


async def test_files_of_the_host_are_nowhere(target: Target, files: list[Path]) -> None:
    assert files
    found = await target.bash(
        f"find / -name '*{CANARY}*' 2>/dev/null; "
        + "; ".join(f"cat {path} /proc/1/root{path} /.host{path} 2>/dev/null" for path in files)
    )

    assert found.stdout.text == ""


async def test_files_of_the_code_are_not_on_the_host(target: Target) -> None:
    name = f"planted-{secrets.token_hex(8)}"

    await target.bash(f"for d in /work /tmp /dev/shm /var/tmp; do echo x > $d/{name}; done")

    for folder in ("/work", "/tmp", "/dev/shm", "/var/tmp", os.getcwd(), str(Path.home())):
        assert not os.path.exists(f"{folder}/{name}")  # noqa: ASYNC240 - no blocking file system


async def test_the_home_and_the_code_of_the_server_are_not_there(target: Target) -> None:
    import bellglass.sandboxes

    paths = [str(Path.home() / ".ssh"), str(Path(bellglass.sandboxes.__path__[0]))]
    found = await target.value(f"[p for p in {paths} if os.path.exists(p) and os.listdir(p)]")

    assert found == []


async def test_control_sockets_of_the_host_are_not_there(target: Target) -> None:
    found = await target.bash(
        "find / -xdev -type s 2>/dev/null; ls -A /run; ls -d /var/run /run/docker.sock"
        " /run/user /run/dbus /tmp/.X11-unix 2>/dev/null"
    )

    assert found.stdout.text == ""


async def test_users_of_the_host_are_not_told(target: Target) -> None:
    names = await target.bash("cut -d: -f1 /etc/passwd | sort | tr '\\n' ' '; ls /etc/shadow")

    assert names.stdout.text == "nobody root sandbox "


async def test_processes_of_the_host_are_not_told(target: Target) -> None:
    # A copy of the interpreter that is no longer needed may be ending.
    commands = await target.value(
        """
commands = []
for pid in os.listdir("/proc"):
    if pid.isdigit():
        try:
            name, _, rest = open(f"/proc/{pid}/stat").read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if rest.split()[0] not in ("Z", "X"):
            commands.append(name)
commands
"""
    )
    sockets = await target.bash("tail -n +2 /proc/net/unix /proc/net/tcp | grep -c '/' || true")

    assert len(commands) <= 3
    assert not {"pytest", "bwrap", "bash"} & set(commands)
    assert sockets.stdout.text.strip() in ("", "0", "2")  # the names of the two files
