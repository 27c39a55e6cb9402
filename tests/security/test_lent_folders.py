"""Lent folders: each danger of docs/folders.md, tried from inside."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from security.lending import BACKENDS, OWNER, bash, bound, lender, owned, python

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the host's side of it needs root")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside the lent one, which is not lent."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "canary").write_text("canary\n")
    (folder / "canary").chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Iterator[Path]:
    """A project with everything in it that could be dangerous to lend."""
    project = tmp_path_factory.mktemp("lent") / "project"
    for name in ("src", ".git", ".ssh", "deep/er"):
        (project / name).mkdir(parents=True)
    (project / "src/app.py").write_text("answer = 42\n")
    (project / "src/private.py").write_text("private = 1\n")
    (project / "src/private.py").chmod(0o600)
    (project / "run.sh").write_text("#!/bin/sh\necho it runs\n")
    (project / "run.sh").chmod(0o755)
    for name in (".env", ".git/config", ".ssh/id_rsa", "deep/er/server.key", "deep/.ENV.local"):
        (project / name).write_text("a secret\n")
    (project / ".env.example").write_text("PASSWORD=\n")
    (project / ".npmrc").symlink_to("src/registry")
    (project / "src/registry").write_text("a secret\n")
    (project / "absolute").symlink_to(outside / "canary")
    (project / "relative").symlink_to("../" * 20 + str(outside / "canary")[1:])
    (project / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(project / "pipe")
    shutil.copy("/usr/bin/id", project / "setuid")
    with socket.socket(socket.AF_UNIX) as server:
        bound(server, project, "docker.sock")
        owned(project)
        if os.geteuid() == 0:
            os.mknod(project / "device", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
            os.chown(project / "setuid", 0, 0)
        (project / "setuid").chmod(0o4755)
        yield project


@pytest.fixture(scope="module", params=BACKENDS)
async def lending(request: pytest.FixtureRequest, project: Path) -> AsyncGenerator[Backend]:
    """A backend that lends the project, and once more with a hidden name shown."""
    backend = lender(request.param, f"app={project};shown={project},show=.env")
    yield backend
    await backend.aclose()


@pytest.fixture(scope="module")
async def session(lending: Backend) -> AsyncGenerator[Session]:
    async with Session.open(lending) as session:
        yield session


async def test_files_are_read_as_their_owner_reads_them(session: Session) -> None:
    assert await bash(session, "cat src/app.py src/private.py") == "answer = 42\nprivate = 1\n"


async def test_a_program_of_the_folder_runs(session: Session) -> None:
    assert await bash(session, "./run.sh") == "it runs\n"


def state_of(project: Path) -> dict[Path, tuple[int, ...]]:
    """Return what a change of a file would change."""
    about = {path: path.lstat() for path in project.rglob("*")}
    return {path: (at.st_mode, at.st_nlink, at.st_mtime_ns) for path, at in about.items()}


@pytest.mark.parametrize(
    "command",
    [
        "echo x >new",
        "echo x >>src/app.py",
        "rm -f src/app.py",
        "mv src/app.py src/b.py",
        "chmod 777 src/app.py",
        "touch src/app.py",
        "mkdir d",
        "ln -s / link",
        "ln src/app.py src/hard",
        "ln src/app.py /work/hard",
        "echo x >/folders/new",
    ],
)
async def test_nothing_can_be_changed(session: Session, project: Path, command: str) -> None:
    before = state_of(project)

    said = await bash(session, f"{command}; echo ended with $?")

    assert said.endswith("ended with 1\n"), said
    assert state_of(project) == before


async def test_a_link_leads_to_what_the_sandbox_has_and_never_to_the_host(
    session: Session,
) -> None:
    said = await bash(session, "cat absolute relative; cat passwd")

    assert "canary\n" not in said
    assert said.count("No such file or directory") == 2
    assert "sandbox:x:" in said


@pytest.mark.parametrize(
    "name",
    [".env", ".git/config", "deep/er/server.key", "deep/.ENV.local", "src/registry", ".npmrc"],
)
async def test_what_usually_holds_secrets_looks_empty(session: Session, name: str) -> None:
    assert await python(session, f"attempt(read, {name!r})") == "b''"


async def test_a_folder_of_keys_looks_empty(session: Session) -> None:
    assert await python(session, "os.listdir('.ssh')") == []


async def test_a_hidden_name_is_shown_where_the_operator_asks_for_it(session: Session) -> None:
    assert await python(session, "attempt(read, '/folders/shown/.env')") == "b'a secret\\n'"
    assert await python(session, "attempt(read, '/folders/shown/.git/config')") == "b''"


async def test_a_harmless_name_is_not_hidden(session: Session) -> None:
    assert await python(session, "attempt(read, '.env.example')") == "b'PASSWORD=\\n'"


async def test_a_socket_cannot_be_connected_to(session: Session) -> None:
    assert await python(session, "attempt(connect, 'docker.sock')") in ("EACCES", "ECONNREFUSED")


@as_root
async def test_a_socket_that_appears_later_cannot_be_connected_to_either(
    session: Session, lending: Backend, project: Path
) -> None:
    if isinstance(lending, DockerBackend):
        pytest.skip("containers do not promise it: docs/folders.md, Not promised")
    with socket.socket(socket.AF_UNIX) as server:
        bound(server, project, "late.sock")
        os.chown(project / "late.sock", OWNER, OWNER)

        assert await python(session, "attempt(connect, 'late.sock')") == "EACCES"
        with pytest.raises(BlockingIOError):
            server.accept()
    (project / "late.sock").unlink()


async def test_a_socket_that_appears_is_hidden_from_the_next_session(
    session: Session, lending: Backend, project: Path
) -> None:
    await bash(session, "true")
    with socket.socket(socket.AF_UNIX) as server:
        bound(server, project, "next.sock")
        async with Session.open(lending) as following:
            answer = await python(following, "attempt(connect, 'next.sock')")

        assert answer in ("EACCES", "ECONNREFUSED")
    (project / "next.sock").unlink()


async def test_a_pipe_takes_nothing_from_who_writes_to_it(session: Session, project: Path) -> None:
    code = "import os\nheld = os.open('/folders/app/pipe', os.O_RDONLY | os.O_NONBLOCK)"
    await session.run("python", {"code": code}, timeout=30)

    with pytest.raises(OSError, match="No such device or address"):  # nobody reads it
        os.open(project / "pipe", os.O_WRONLY | os.O_NONBLOCK)


@as_root
async def test_a_device_is_none(session: Session) -> None:
    assert await python(session, "attempt(read, 'device')") in ("b''", "EACCES")


async def test_a_setuid_program_gives_nothing(session: Session) -> None:
    assert await bash(session, "./setuid -u") == await bash(session, "id -u")


@as_root
async def test_a_file_of_another_user_is_read_only_if_all_may_read_it(
    session: Session, project: Path
) -> None:
    for name, mode in (("closed", 0o600), ("open", 0o644)):
        (project / name).write_text("of another\n")
        (project / name).chmod(mode)

    assert await python(session, "attempt(read, 'closed')") == "EACCES"
    assert await python(session, "attempt(read, 'open')") == "b'of another\\n'"


@pytest.fixture
def mounted(project: Path) -> Iterator[Path]:
    """A mount on a folder of the project."""
    point = project / "deep"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
    (point / "mounted").write_text("of another file system\n")
    yield point
    subprocess.run(["umount", point], check=True)


@as_root
async def test_a_mount_below_is_not_part_of_it(lending: Backend, mounted: Path) -> None:
    async with Session.open(lending) as session:
        assert "mounted" not in await python(session, f"os.listdir({mounted.name!r})")


async def test_what_the_user_changes_is_seen_at_once(session: Session, project: Path) -> None:
    await bash(session, "cat src/app.py; cat src/later.py")
    (project / "src/fresh").write_text("answer = 43\n")
    (project / "src/fresh").replace(project / "src/app.py")
    (project / "src/later.py").write_text("later = 1\n")

    assert await bash(session, "cat src/app.py src/later.py") == "answer = 43\nlater = 1\n"
    (project / "src/app.py").write_text("answer = 42\n")


@pytest.mark.parametrize("name", BACKENDS)
async def test_a_folder_that_is_gone_is_no_empty_folder(name: str, tmp_path: Path) -> None:
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "old").touch()
    backend = lender(name, f"app={lent}")
    try:
        async with Session.open(backend) as session:
            assert await python(session, "os.listdir('.')") == ["old"]
        shutil.rmtree(lent)
        async with Session.open(backend) as session:
            with pytest.raises(SandboxUnavailable, match=r"/folders/app .*No such file"):
                await bash(session, "true")
    finally:
        await backend.aclose()
