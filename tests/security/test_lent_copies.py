"""Lent folders of the mode `copy`: changes stay in the session, and are told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from conftest import LIMITS
from security.lending import BACKENDS, bash, bound, lender, owned, python

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session
from bellglass.tools.folders.changes import changes_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend

FILES = {
    "src/app.py": "answer = 41\n",
    "src/old.py": "old = 1\n",
    "docs/a/b.md": "# B\n",
    ".env": "a secret\n",
    ".git/config": "a secret\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "src/app.py").chmod(0o600)
    return owned(project)


@pytest.fixture(params=BACKENDS)
async def lending(request: pytest.FixtureRequest, project: Path) -> AsyncGenerator[Backend]:
    backend = lender(request.param, f"app={project}:copy")
    yield backend
    await backend.aclose()


def texts(project: Path) -> dict[str, str]:
    """Return all files of the host's folder."""
    return {
        str(path.relative_to(project)): path.read_text()
        for path in project.rglob("*")
        if path.is_file()
    }


async def test_changes_stay_in_the_session_and_are_told(lending: Backend, project: Path) -> None:
    async with Session.open(lending) as session:
        command = """
            cd /folders/app
            echo 'answer = 42' >src/app.py
            rm src/old.py
            mkdir -p new/er && echo 1 >new/er/file
            mkdir src/__pycache__ && echo x >src/__pycache__/app.pyc
            chmod +x docs/a/b.md
        """
        first = await session.run("bash", {"command": command}, timeout=30)
        second = await session.run("bash", {"command": "rm -r /folders/app/docs"}, timeout=30)
        seen = await bash(session, "cat src/app.py new/er/file; ls")

    assert seen == "answer = 42\n1\nnew\nsrc\n"
    assert texts(project) == FILES
    told = {(file.path, file.change) for file in first.files}
    assert {
        ("/folders/app/src/app.py", "changed"),
        ("/folders/app/src/old.py", "deleted"),
        ("/folders/app/new/er/file", "new"),
        ("/folders/app/docs/a/b.md", "changed"),
    } <= told
    assert not [path for path, _ in told if "__pycache__" in path]
    assert ("/folders/app/docs/", "deleted") in {
        (file.path.rstrip("/") + "/", file.change) for file in second.files
    }


async def test_all_changes_since_the_session_began_are_listed(
    lending: Backend, project: Path
) -> None:
    async with Session.open(lending) as session:
        await bash(
            session,
            "echo 'answer = 42' >src/app.py; rm src/old.py; rm -r docs; mkdir -p docs/a new; "
            "echo 1 >new/file; ln -s /etc/passwd link; touch docs/a/c.md; mkdir .pytest_cache; "
            "touch .pytest_cache/x; touch src",
        )
        found = await changes_of(session, lending.folders[0])

    assert not found.cut
    assert sorted((one.path, one.change, one.kind) for one in found.changes) == [
        ("docs/a/b.md", "deleted", "file"),
        ("docs/a/c.md", "new", "file"),
        ("link", "new", "link"),
        ("new/file", "new", "file"),
        ("src/app.py", "changed", "file"),
        ("src/old.py", "deleted", "file"),
    ]


async def test_sessions_do_not_see_the_changes_of_others(lending: Backend) -> None:
    async with Session.open(lending) as one, Session.open(lending) as other:
        await bash(one, "echo changed >src/app.py; rm src/old.py")

        assert await bash(other, "cat src/app.py src/old.py") == "answer = 41\nold = 1\n"


async def test_secrets_look_empty_in_a_copy_too(lending: Backend) -> None:
    async with Session.open(lending) as session:
        said = await bash(session, "cat .env .git/config; mv .git g; mv src/app.py x; cat g/config")

        assert "a secret" not in said


async def test_a_socket_in_a_copy_leads_nowhere_whenever_it_appears(
    lending: Backend, project: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as early, socket.socket(socket.AF_UNIX) as late:
        bound(early, project, "early.sock")
        async with Session.open(lending) as session:
            await bash(session, "true")
            bound(late, project, "late.sock")
            for name in ("early.sock", "late.sock", "/run/lent/app/early.sock"):
                answer = await python(session, f"attempt(connect, {name!r})")
                assert answer in ("EACCES", "ECONNREFUSED", "ENOENT"), (name, answer)
        for server in (early, late):
            with pytest.raises(BlockingIOError):
                server.accept()


async def test_changes_are_limited_like_other_files_of_the_session(lending: Backend) -> None:
    size = LIMITS.disk_bytes + 1024**2
    async with Session.open(lending) as session:
        said = await bash(session, f"head -c {size} /dev/zero >large; stat -c %s large")

        assert "No space left on device" in said or "File too large" in said
        assert int(said.split()[-1]) <= LIMITS.disk_bytes


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder that no session has room for."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LIMITS.disk_bytes + 1024**2)
    tmp_path.chmod(0o755)
    return tmp_path


async def test_in_an_overlay_a_folder_may_be_larger_than_the_session(large: Path) -> None:
    backend = lender("zygote", f"app={large}:copy")
    async with Session.open(backend) as session:
        assert await bash(session, "echo x >y; ls") == "large\ny\n"
    await backend.aclose()


@pytest.mark.parametrize("name", ["bubblewrap", "docker"])
async def test_elsewhere_a_folder_that_is_too_large_is_refused(name: str, large: Path) -> None:
    backend = lender(name, f"app={large}:copy")
    async with Session.open(backend) as session:
        with pytest.raises(SandboxUnavailable, match="BELLGLASS_DISK_MB"):
            await bash(session, "true")
    await backend.aclose()
