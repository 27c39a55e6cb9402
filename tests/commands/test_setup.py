"""`bellglass setup`: an environment is complete, or it is not there."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands.tiny_wheels import COMMAND, tiny_wheels, unprepared

from bellglass.sandboxes.backends.docker.image.context import Recipe
from bellglass.sandboxes.setup import install
from bellglass.sandboxes.setup.environments import CURRENT, find_python, installed, slot_for, use
from bellglass.sandboxes.setup.package_set import PackageSet, kept, kept_in

Setup = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the command with arguments."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_wheels(tmp_path_factory.mktemp("wheels"), (*PackageSet().required, "polars"))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [unprepared(tmp_path_factory.mktemp("server")), *COMMAND, "setup"]


@pytest.fixture
def setup(command: list[str]) -> Setup:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of whom nothing is known, without uv and without an index."""
    for name in ("UV", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))


def environments(packages: PackageSet = PackageSet()) -> list[Path]:  # noqa: B008 - frozen
    folders = slot_for(packages).iterdir()
    return [path for path in folders if path.is_dir() and not path.is_symlink()]


def test_an_environment_is_made_once_and_old_ones_are_deleted(setup: Setup, wheels: Path) -> None:
    old = slot_for(PackageSet(("polars",)))
    (old / "1234").mkdir(parents=True)
    long_ago = time.time() - install.MAX_UNUSED_SECONDS - 60
    os.utime(old, (long_ago, long_ago))

    first = setup("--wheels", str(wheels))
    second = setup()

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "Installing 20 packages with pip: numpy, pandas," in first.stdout
    assert "Installing" not in second.stdout
    assert not old.exists()
    python = slot_for(PackageSet()) / CURRENT / "bin/python"
    assert find_python() == str(python)
    assert {"pandas", "scikit-learn", "pip"} <= installed(str(python)).keys()


def test_what_an_operator_adds_is_kept_for_every_backend(
    setup: Setup, wheels: Path, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# ours\npolars<2,>=1  # frames\n\n")

    adding = ("--with", "numpy==1.0", "-r", str(file), "--wheels", str(wheels))
    added = setup(*adding)
    later = setup()

    assert added.returncode == later.returncode == 0, added.stderr + later.stderr
    assert "polars<2,>=1" in later.stdout
    assert kept() == PackageSet(("numpy==1.0", "polars<2,>=1"))
    assert "polars" in installed(find_python())
    # Of an image of Docker, and of a template of E2B.
    with Recipe().context() as context, tarfile.open(fileobj=context) as archive:
        sent = archive.extractfile("requirements.txt")
        assert sent is not None
        lines = sent.read().decode().split()
    assert "polars<2,>=1" in lines
    assert lines.count("numpy") == 0


def test_a_package_that_is_not_there_changes_nothing(setup: Setup, wheels: Path) -> None:
    packages = PackageSet(("no-such-package",))

    done = setup("--with", "no-such-package", "--wheels", str(wheels))

    assert done.returncode == 1
    assert "no-such-package" in done.stderr
    assert not kept_in().exists()
    assert environments(packages) == []


@pytest.mark.parametrize("line", ["--index-url=https://example.org", "-e .", "./wheel.whl"])
def test_an_option_of_pip_is_no_package(setup: Setup, line: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line}\n")

    done = setup("-r", str(tmp_path / "requirements.txt"))

    assert done.returncode == 2
    assert "is no requirement" in done.stderr


def test_two_at_once_make_one(command: list[str], wheels: Path) -> None:
    setup = [*command, "--wheels", str(wheels)]
    both = [subprocess.Popen(setup, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert sum("Compiling" in text for text in told) == 1
    assert len(environments()) == 1


def test_one_that_is_killed_leaves_nothing_that_is_used(
    setup: Setup, command: list[str], wheels: Path
) -> None:
    with subprocess.Popen(
        [*command, "--wheels", str(wheels)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Installing")
        os.killpg(process.pid, signal.SIGKILL)

    assert "pythons" not in find_python()
    assert setup("--wheels", str(wheels)).returncode == 0
    assert "pythons" in find_python()
    assert len(environments()) == 1


def test_a_server_keeps_the_environment_that_it_uses(setup: Setup, wheels: Path) -> None:
    upgrade = ("--upgrade", "--wheels", str(wheels))
    assert setup(*upgrade).returncode == 0
    [used] = environments()
    descriptor = use(find_python())
    assert descriptor is not None

    assert setup(*upgrade).returncode == 0
    meanwhile = environments()
    os.close(descriptor)
    assert setup().returncode == 0

    assert used in meanwhile
    assert len(meanwhile) == 2
    assert used not in environments()


def test_a_full_disk_is_said_before_anything_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "NEEDED_BYTES", 1 << 60)

    with pytest.raises(install.SetupFailed, match="GB free"):
        install.install(PackageSet(), tell=lambda line: None)

    assert environments() == []
