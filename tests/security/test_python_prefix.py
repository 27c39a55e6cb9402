"""The sandbox's Python beside other things in one folder: sandboxes see it, and not those."""

from __future__ import annotations

import ast
import shutil
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from absent import absent

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.backends.embedded.inside.interpreter import refuse_if_private
from bellglass.sandboxes.confinement.failure import Failure
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Literal

LIMITS = Limits(memory_bytes=300 * MIB)
PROGRAM = Path("/usr/bin/python3").resolve()


@pytest.fixture
def prefix() -> Generator[Path]:
    """A prefix such as ~/.local: a Python, and beside it what is nobody's business."""
    library = Path("/usr/lib", PROGRAM.name)
    if not PROGRAM.exists() or not library.is_dir():
        absent("the system has no Python whose files can be put elsewhere")
    # Not below /tmp, of which each sandbox has its own.
    prefix = Path(tempfile.mkdtemp(prefix=".bellglass-test-", dir=Path.home()))
    prefix.chmod(0o755)
    (prefix / "bin").mkdir()
    (prefix / "lib").mkdir()
    (prefix / "share/keyrings").mkdir(parents=True)
    shutil.copy(PROGRAM, prefix / "bin" / PROGRAM.name)
    (prefix / "bin/own-tool").write_text("#!/bin/sh\necho token")
    (prefix / "lib" / PROGRAM.name).symlink_to(library)
    (prefix / "share/keyrings/secret").write_text("token")
    yield prefix
    shutil.rmtree(prefix)


async def test_only_the_interpreter_and_its_library_are_shown(
    prefix: Path, launcher: Literal["zygote", "bubblewrap"]
) -> None:
    backend = EmbeddedBackend(LIMITS, launcher=launcher, python=str(prefix / "bin" / PROGRAM.name))
    async with aclosing(backend), Session.open(backend) as session:
        command = f"cd {prefix} && find . -maxdepth 2 | sort"
        seen = await session.run("bash", {"command": command}, timeout=20)
        code = "import sys, json, ctypes; sys.base_prefix"
        works = await session.run("python", {"code": code}, timeout=20)
        findings = {finding.what: finding.detail for finding in await backend.diagnose()}

    shown = [".", "./bin", f"./bin/{PROGRAM.name}", "./lib", f"./lib/{PROGRAM.name}"]
    assert seen.stdout.text.split() == shown
    assert works.value == repr(str(prefix))
    assert str(prefix / "bin" / PROGRAM.name) in findings["files of this machine"]


async def test_a_prefix_with_keys_in_it_is_refused(prefix: Path) -> None:
    (prefix / ".ssh").mkdir()
    backend = EmbeddedBackend(LIMITS, python=str(prefix / "bin" / PROGRAM.name))

    with pytest.raises(SandboxUnavailable, match=r"private, as it has \.ssh") as caught:
        async with aclosing(backend), backend.connect("x"):
            pass

    assert "bellglass setup" in str(caught.value)


def test_a_home_and_what_holds_one_are_refused() -> None:
    home = Path("~").expanduser()

    with pytest.raises(Failure, match="a home directory"):
        refuse_if_private(str(home))
    if home.parent != Path("/"):
        with pytest.raises(Failure, match="above the home directory"):
            refuse_if_private(str(home.parent))
    with pytest.raises(Failure, match="for programs of all kinds"):
        refuse_if_private("/srv")


def test_a_directory_of_its_own_below_a_home_is_fine() -> None:
    refuse_if_private(str(Path("~/.local/share/uv/python/cpython-3.13").expanduser()))


async def test_preloaded_libraries_draw_other_numbers_in_each_session() -> None:
    backend = EmbeddedBackend(LIMITS, launcher="zygote", preload=["numpy.random"])
    code = "import numpy, random; [float(numpy.random.random()), random.random()]"
    drawn: list[list[float]] = []
    async with aclosing(backend):
        for _ in range(2):
            async with Session.open(backend) as session:
                execution = await session.run("python", {"code": code}, timeout=20)
                drawn.append(ast.literal_eval(execution.value or ""))

    assert all(one != other for one, other in zip(*drawn, strict=True))
