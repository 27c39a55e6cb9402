"""Lent folders of the mode `rw`: what code writes is the folder's owner's, and told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from security.lending import BACKENDS, OWNER, bash, bound, lender, owned, python

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    for name in ("src/app.py", "src/old.py", ".env"):
        (project / name).write_text("a secret\n" if name == ".env" else "x = 1\n")
    return owned(project)


@pytest.fixture(params=BACKENDS)
async def lending(request: pytest.FixtureRequest, project: Path) -> AsyncGenerator[Backend]:
    backend = lender(request.param, f"app={project}:rw;seen={project}/src")
    yield backend
    await backend.aclose()


async def test_what_is_written_is_on_the_host_and_its_owners(
    lending: Backend, project: Path
) -> None:
    command = """
        cd /folders/app
        echo 'x = 2' >src/app.py; rm src/old.py; mkdir new; echo 1 >new/file
        ln -s /etc/passwd new/link
    """
    async with Session.open(lending) as session:
        execution = await session.run("bash", {"command": command}, timeout=30)

    assert execution.exit_code in (0, None), execution
    assert (project / "src/app.py").read_text() == "x = 2\n"
    assert not (project / "src/old.py").exists()
    made = (project / "new/file").stat()
    assert (made.st_uid, made.st_gid) == (OWNER, (project / "src").stat().st_gid)
    assert {
        ("/folders/app/src/app.py", "changed"),
        ("/folders/app/src/old.py", "deleted"),
        ("/folders/app/new/file", "new"),
    } <= {(file.path, file.change) for file in execution.files}


async def test_secrets_and_sockets_in_it_stay_closed(lending: Backend, project: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        bound(server, project, "docker.sock")
        async with Session.open(lending) as session:
            said = await bash(session, "cat .env; mv .env x; rm .env; cp .env y; cat x y")
            answer = await python(session, "attempt(connect, 'docker.sock')")

    assert "a secret" not in said
    assert (project / ".env").read_text() == "a secret\n"
    assert answer in ("EACCES", "ECONNREFUSED", "EROFS")


async def test_only_the_folder_that_is_lent_for_it_is_written_to(lending: Backend) -> None:
    async with Session.open(lending) as session:
        said = await bash(session, "echo x >/folders/seen/new; ls -la .. && mknod d c 1 5")

    assert "Read-only file system" in said or "Permission denied" in said
    assert "Operation not permitted" in said
