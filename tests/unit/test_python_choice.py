"""Choice of the Python that runs the code, and its virtual environment inside a sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bellglass.sandboxes.backends.embedded.inside.interpreter import _moved
from bellglass.sandboxes.setup.environments import CURRENT, find_python, slot_for
from bellglass.sandboxes.setup.package_set import PackageSet


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    return tmp_path / "data"


def make(slot: Path) -> str:
    python = slot / CURRENT / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    python.chmod(0o755)
    return str(python)


def test_a_named_python_is_taken(data: Path) -> None:
    assert find_python("/some/python") == "/some/python"


def test_servers_share_the_environments_of_a_user(data: Path) -> None:
    slot = slot_for(PackageSet())

    assert slot.parent == data / "bellglass" / "pythons"
    assert find_python() != (prepared := make(slot))
    assert find_python() == prepared


def test_a_server_in_a_virtual_environment_may_have_one_of_its_own(
    data: Path, tmp_path: Path
) -> None:
    make(slot_for(PackageSet()))
    own = make(tmp_path / "venv/share/bellglass/pythons" / slot_for(PackageSet()).name)

    assert find_python() == own


def test_each_set_of_packages_has_an_environment(data: Path, tmp_path: Path) -> None:
    default = make(slot_for(PackageSet()))
    kept = tmp_path / "config/bellglass/packages.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("polars  # of ours\n")
    meanwhile = find_python()
    added = make(slot_for(PackageSet(("polars",))))

    assert meanwhile == default
    assert find_python() == added


def test_unprepared_it_is_the_interpreter_below_the_server(
    data: Path,
) -> None:
    assert Path(find_python()).samefile(sys.executable)


def test_a_script_starts_the_interpreter_where_a_sandbox_sees_it() -> None:
    script = b"#!/home/me/venv/bin/python3\nimport sys\n"

    assert _moved(script, "/home/me/venv") == b"#!/opt/bellglass/bin/python\nimport sys\n"
    assert _moved(script, "/home/link", "/home/me/venv") == _moved(script, "/home/me/venv")
    assert _moved(b"#!/bin/sh\ntrue\n", "/home/me/venv") == b"#!/bin/sh\ntrue\n"
