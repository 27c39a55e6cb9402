"""Advice for an operator whose machine cannot isolate code."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.backends.embedded.advice import advice
from bellglass.sandboxes.backends.embedded.failure import LaunchFailed

if TYPE_CHECKING:
    from pathlib import Path


def machine(root: Path, **settings: str) -> Path:
    for name, value in settings.items():
        path = root / "proc/sys" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
    return root


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)


def test_it_names_the_step_and_the_error(tmp_path: Path) -> None:
    text = advice(LaunchFailed("unshare", errno.EPERM, "Operation not permitted"), tmp_path)

    assert text.startswith("the step 'unshare' failed (EPERM): Operation not permitted.")


def test_ubuntu(tmp_path: Path) -> None:
    root = machine(tmp_path, kernel__apparmor_restrict_unprivileged_userns="1")

    text = advice(LaunchFailed("map the user", errno.EACCES, "denied"), root)

    assert "sysctl kernel.apparmor_restrict_unprivileged_userns=0" in text
    assert "apt-get install bubblewrap" in text


def test_a_container(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()

    text = advice(LaunchFailed("mount proc", errno.EPERM, "denied"), tmp_path)

    assert "--security-opt seccomp=unconfined --security-opt systempaths=unconfined" in text


def test_no_user_namespaces_at_all(tmp_path: Path) -> None:
    root = machine(tmp_path, user__max_user_namespaces="0")

    text = advice(LaunchFailed("unshare", errno.ENOSPC, "No space left on device"), root)

    assert "sysctl user.max_user_namespaces=" in text


def test_an_old_debian(tmp_path: Path) -> None:
    root = machine(tmp_path, kernel__unprivileged_userns_clone="0")

    text = advice(LaunchFailed("unshare", errno.EPERM, "denied"), root)

    assert "sysctl kernel.unprivileged_userns_clone=1" in text


def test_a_python_that_cannot_be_read(tmp_path: Path) -> None:
    text = advice(LaunchFailed("bind /opt/bellglass/lib", errno.EACCES, "denied"), tmp_path)

    assert "bellglass setup" in text
